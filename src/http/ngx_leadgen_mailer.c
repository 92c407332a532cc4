
/*
 * The mailer of a worker: mails of the database's outbox enter, one at a time,
 * and leave by SMTP; how that went goes back to the outbox, which tries again.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_MAILER_IDLE     5000    /* milliseconds */
#define NGX_LEADGEN_MAILER_RETRY    1000
#define NGX_LEADGEN_MAILER_SILENCE  60      /* seconds */


typedef enum {
    NGX_LEADGEN_MAILER_ID = 0,
    NGX_LEADGEN_MAILER_TO,
    NGX_LEADGEN_MAILER_SUBJECT,
    NGX_LEADGEN_MAILER_TEXT,
    NGX_LEADGEN_MAILER_NVALUES
} ngx_leadgen_mailer_value_e;


/* Lifetime: worker. */

typedef struct {
    const ngx_leadgen_main_conf_t  *conf;       /* NULL: there is no mailer */
    ngx_event_t                     timer;
    time_t                          logged;
    u_char                          timeout[NGX_INT64_LEN];
    size_t                          timeout_len;

    ngx_pool_t                     *pool;       /* of one mail; NULL: idle */
    ngx_str_t                       mail[NGX_LEADGEN_MAILER_NVALUES];
    ngx_str_t                       error;      /* NULL data: it was sent */
    unsigned                        tried:1;    /* it has to be reported */
    unsigned                        woken:1;    /* there may be more */
} ngx_leadgen_mailer_t;


static void ngx_leadgen_mailer_run(ngx_event_t *ev);
static void ngx_leadgen_mailer_take(void);
static void ngx_leadgen_mailer_taken(ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_mailer_keep(ngx_str_t *value,
    const ngx_str_t *from);
static void ngx_leadgen_mailer_send(void);
static void ngx_leadgen_mailer_sent(ngx_leadgen_call_t *call);
static void ngx_leadgen_mailer_failed(const ngx_str_t *error);
static void ngx_leadgen_mailer_report(void);
static void ngx_leadgen_mailer_reported(ngx_leadgen_call_t *call);
static void ngx_leadgen_mailer_rest(ngx_msec_t delay);
static void ngx_leadgen_mailer_arm(ngx_msec_t delay);


static ngx_leadgen_mailer_t  ngx_leadgen_mailer;


void
ngx_leadgen_mailer_start(const ngx_leadgen_main_conf_t *conf)
{
    ngx_event_t           *timer;
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    /* nginx's debug log looks into data for a connection */
    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(mailer, sizeof(ngx_leadgen_mailer_t));

    mailer->conf = conf;
    mailer->timeout_len = ngx_sprintf(mailer->timeout, "%M",
                                      conf->mail_timeout)
                          - mailer->timeout;

    timer = &mailer->timer;
    timer->handler = ngx_leadgen_mailer_run;
    timer->data = &none;
    timer->log = ngx_cycle->log;
    timer->cancelable = 1;

    ngx_leadgen_mailer_arm(NGX_LEADGEN_MAILER_RETRY);
}


/* A mail that was sent and not reported comes again. */

void
ngx_leadgen_mailer_stop(void)
{
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    if (mailer->conf == NULL) {
        return;
    }

    if (mailer->timer.timer_set) {
        ngx_del_timer(&mailer->timer);
    }

    if (mailer->pool) {
        ngx_destroy_pool(mailer->pool);
    }

    ngx_memzero(mailer, sizeof(ngx_leadgen_mailer_t));
}


void
ngx_leadgen_mailer_wake(void)
{
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    if (mailer->conf == NULL || ngx_exiting) {
        return;
    }

    if (mailer->pool) {
        mailer->woken = 1;
        return;
    }

    ngx_leadgen_mailer_arm(0);
}


static void
ngx_leadgen_mailer_run(ngx_event_t *ev)
{
    if (ngx_leadgen_mailer.tried) {
        ngx_leadgen_mailer_report();

    } else if (!ngx_exiting) {
        ngx_leadgen_mailer_take();
    }
}


static void
ngx_leadgen_mailer_take(void)
{
    ngx_leadgen_call_t    *call;
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    mailer->woken = 0;
    mailer->pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);

    if (mailer->pool == NULL) {
        ngx_leadgen_mailer_rest(NGX_LEADGEN_MAILER_IDLE);
        return;
    }

    call = ngx_leadgen_call_create(mailer->pool, 0);

    if (call) {
        call->statement = "select id, recipient, subject, body "
                          "from api.mail_take(1)";
        call->done = ngx_leadgen_mailer_taken;
    }

    if (call == NULL
        || ngx_leadgen_call_submit(ngx_leadgen_worker.database, call, 0)
           != NGX_OK)
    {
        ngx_leadgen_mailer_rest(NGX_LEADGEN_MAILER_IDLE);
    }
}


static void
ngx_leadgen_mailer_taken(ngx_leadgen_call_t *call)
{
    ngx_uint_t             i;
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    if (call->result != NGX_LEADGEN_CALL_OK) {

        if (ngx_time() - mailer->logged >= NGX_LEADGEN_MAILER_SILENCE) {
            mailer->logged = ngx_time();
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "leadgen: mailer: could not ask for mails: %V",
                          &call->error);
        }

        ngx_leadgen_mailer_rest(NGX_LEADGEN_MAILER_IDLE);
        return;
    }

    if (call->nrows != 1 || call->ncols != NGX_LEADGEN_MAILER_NVALUES) {
        ngx_leadgen_mailer_rest(mailer->woken ? 0 : NGX_LEADGEN_MAILER_IDLE);
        return;
    }

    for (i = 0; i < NGX_LEADGEN_MAILER_NVALUES; i++) {

        if (ngx_leadgen_mailer_keep(&mailer->mail[i], &call->values[i])
            != NGX_OK)
        {
            ngx_leadgen_mailer_rest(NGX_LEADGEN_MAILER_IDLE);
            return;
        }
    }

    ngx_leadgen_mailer_send();
}


static ngx_int_t
ngx_leadgen_mailer_keep(ngx_str_t *value, const ngx_str_t *from)
{
    ngx_str_t  copy = *from;

    value->len = copy.len;
    value->data = ngx_pstrdup(ngx_leadgen_mailer.pool, &copy);

    return value->data ? NGX_OK : NGX_ERROR;
}


static void
ngx_leadgen_mailer_send(void)
{
    ngx_str_t              busy = ngx_string("too much is under way");
    ngx_leadgen_call_t    *call;
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    call = ngx_leadgen_call_create(mailer->pool, NGX_LEADGEN_MAIL_NARGS);

    if (call) {
        call->work = ngx_leadgen_mail_send;
        call->done = ngx_leadgen_mailer_sent;

        call->args[NGX_LEADGEN_MAIL_URL] = mailer->conf->mail.target;
        call->args[NGX_LEADGEN_MAIL_TIMEOUT].data = mailer->timeout;
        call->args[NGX_LEADGEN_MAIL_TIMEOUT].len = mailer->timeout_len;
        call->args[NGX_LEADGEN_MAIL_FROM] = mailer->conf->mail_from;
        call->args[NGX_LEADGEN_MAIL_TO] = mailer->mail[NGX_LEADGEN_MAILER_TO];
        call->args[NGX_LEADGEN_MAIL_SUBJECT] =
                                       mailer->mail[NGX_LEADGEN_MAILER_SUBJECT];
        call->args[NGX_LEADGEN_MAIL_TEXT] =
                                          mailer->mail[NGX_LEADGEN_MAILER_TEXT];
        call->args[NGX_LEADGEN_MAIL_ID] = mailer->mail[NGX_LEADGEN_MAILER_ID];
    }

    if (call == NULL
        || ngx_leadgen_call_submit(ngx_leadgen_worker.mail, call, 0) != NGX_OK)
    {
        ngx_leadgen_mailer_failed(&busy);
        ngx_leadgen_mailer_report();
    }
}


static void
ngx_leadgen_mailer_sent(ngx_leadgen_call_t *call)
{
    ngx_str_t              late = ngx_string("the mail server takes too long");
    ngx_str_t             *text;
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    text = &mailer->mail[NGX_LEADGEN_MAILER_TEXT];
    ngx_explicit_memzero(text->data, text->len);

    if (call->result != NGX_LEADGEN_CALL_OK) {
        ngx_leadgen_mailer_failed(call->error.len ? &call->error : &late);

    } else if (call->values[0].len == 2
               && ngx_strncmp(call->values[0].data, "ok", 2) == 0)
    {
        mailer->tried = 1;
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "leadgen: mailer: mail %V was sent",
                      &mailer->mail[NGX_LEADGEN_MAILER_ID]);

    } else {
        ngx_leadgen_mailer_failed(&call->values[0]);
    }

    ngx_leadgen_mailer_report();
}


static void
ngx_leadgen_mailer_failed(const ngx_str_t *error)
{
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    mailer->tried = 1;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "leadgen: mailer: could not send mail %V: %V",
                  &mailer->mail[NGX_LEADGEN_MAILER_ID], error);

    if (ngx_leadgen_mailer_keep(&mailer->error, error) != NGX_OK) {
        ngx_str_set(&mailer->error, "memory is out");
    }
}


static void
ngx_leadgen_mailer_report(void)
{
    ngx_leadgen_call_t    *call;
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    call = ngx_leadgen_call_create(mailer->pool, 2);

    if (call) {
        call->statement = "select api.mail_done($1::uuid, $2)";
        call->done = ngx_leadgen_mailer_reported;
        call->args[0] = mailer->mail[NGX_LEADGEN_MAILER_ID];
        call->args[1] = mailer->error;
    }

    if (call == NULL
        || ngx_leadgen_call_submit(ngx_leadgen_worker.database, call, 0)
           != NGX_OK)
    {
        ngx_leadgen_mailer_arm(NGX_LEADGEN_MAILER_RETRY);
    }
}


/* What the outbox does not know of is sent once more: so it is told again. */

static void
ngx_leadgen_mailer_reported(ngx_leadgen_call_t *call)
{
    if (call->result == NGX_LEADGEN_CALL_OK) {
        ngx_leadgen_mailer_rest(0);
        return;
    }

    if (call->result == NGX_LEADGEN_CALL_REFUSED) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "leadgen: mailer: could not say how it went with "
                      "mail %V: %V",
                      &ngx_leadgen_mailer.mail[NGX_LEADGEN_MAILER_ID],
                      &call->error);
        ngx_leadgen_mailer_rest(NGX_LEADGEN_MAILER_IDLE);
        return;
    }

    ngx_leadgen_mailer_arm(NGX_LEADGEN_MAILER_RETRY);
}


/* Forgets the mail in hand, and looks for another after that time. */

static void
ngx_leadgen_mailer_rest(ngx_msec_t delay)
{
    ngx_leadgen_mailer_t  *mailer = &ngx_leadgen_mailer;

    if (mailer->pool) {
        ngx_destroy_pool(mailer->pool);
        mailer->pool = NULL;
    }

    ngx_memzero(mailer->mail, sizeof(mailer->mail));
    ngx_str_null(&mailer->error);
    mailer->tried = 0;

    ngx_leadgen_mailer_arm(delay);
}


/* Within a quarter of the time, so that workers do not all ask at once. */

static void
ngx_leadgen_mailer_arm(ngx_msec_t delay)
{
    ngx_event_t  *timer = &ngx_leadgen_mailer.timer;

    if (delay) {
        delay += ngx_random() % (delay / 2) - delay / 4;
    }

    if (timer->timer_set) {
        ngx_del_timer(timer);
    }

    ngx_add_timer(timer, delay);
}
