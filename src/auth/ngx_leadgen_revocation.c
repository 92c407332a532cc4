
/*
 * Revocations: PostgreSQL's notifications go in, epochs in the zone come out.
 *
 * A notification brings a revocation at once.  After each connecting, and every
 * few seconds, the rows since the last answer are asked for, which makes up for
 * notifications that were missed and shows how current this gateway is.  Rows
 * are committed in the order of their sequence, so that none is missed before
 * one that was answered; before one that was notified some may be.
 *
 * What is known is the zone's: one worker's answer is enough for all of them.
 */


#include "ngx_leadgen_auth.h"


#define NGX_LEADGEN_REVOCATION_INTERVAL  5000       /* milliseconds */
#define NGX_LEADGEN_REVOCATION_RETRY     500

/* The first worker's: by its answers a snapshot is dated. */
#define NGX_LEADGEN_REVOCATION_FIRST     1000

/* Seconds: a snapshot no older is as good as an answer. */
#define NGX_LEADGEN_REVOCATION_FRESH     5

/* Seconds that clocks may differ by, beside the leeway of tokens. */
#define NGX_LEADGEN_REVOCATION_CLOCKS    60


/* The columns of api.revocations_since. */

typedef enum {
    NGX_LEADGEN_REVOCATION_SEQUENCE = 0,
    NGX_LEADGEN_REVOCATION_KIND,
    NGX_LEADGEN_REVOCATION_SUBJECT,
    NGX_LEADGEN_REVOCATION_EPOCH,
    NGX_LEADGEN_REVOCATION_KEEP,
    NGX_LEADGEN_REVOCATION_CHANGE,
    NGX_LEADGEN_REVOCATION_NCOLS
} ngx_leadgen_revocation_column_e;


/* Lifetime: worker. */

static struct {
    ngx_leadgen_backend_t  *backend;
    ngx_event_t             timer;
    ngx_uint_t              asking;
    ngx_int_t               sequence;       /* the last one answered */
    time_t                  memory;         /* seconds, of a revocation */
    u_char                  text[2][NGX_INT64_LEN];
    time_t                  started;
    time_t                  restored;       /* of a snapshot; 0: none */
    time_t                  asked;          /* for what is not answered yet */
} ngx_leadgen_revocation;


static void ngx_leadgen_revocation_ask(ngx_event_t *ev);
static void ngx_leadgen_revocation_number(ngx_str_t *arg, u_char *text,
    int64_t number);
static void ngx_leadgen_revocation_answer(ngx_leadgen_call_t *call);
static void ngx_leadgen_revocation_missed(void);
static ngx_int_t ngx_leadgen_revocation_apply(const ngx_str_t *columns);


const char  ngx_leadgen_revocation_channels[] = "LISTEN leadgen_revocations";

static const char  ngx_leadgen_revocation_statement[] =
    "select sequence, kind, subject, epoch, keep, is_change "
    "from api.revocations_since($1::bigint) where epoch > $2::bigint";


ngx_int_t
ngx_leadgen_revocation_start(ngx_cycle_t *cycle,
    const ngx_leadgen_backend_conf_t *conf, const ngx_array_t *keys)
{
    ngx_event_t              *ev;
    static ngx_connection_t   none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(&ngx_leadgen_revocation, sizeof(ngx_leadgen_revocation));

    ev = &ngx_leadgen_revocation.timer;
    ev->handler = ngx_leadgen_revocation_ask;
    ev->data = &none;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_leadgen_revocation.backend = ngx_leadgen_backend_start(cycle, conf);
    if (ngx_leadgen_revocation.backend == NULL) {
        return NGX_ERROR;
    }

    ngx_leadgen_revocation.memory = ngx_leadgen_keys_max_age(keys)
                                    + NGX_LEADGEN_TOKEN_LEEWAY
                                    + NGX_LEADGEN_REVOCATION_CLOCKS;

    ngx_leadgen_revocation.started = ngx_time();
    ngx_add_timer(ev, 1);

    return NGX_OK;
}


void
ngx_leadgen_revocation_stop(void)
{
    if (ngx_leadgen_revocation.backend == NULL) {
        return;
    }

    if (ngx_leadgen_revocation.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_revocation.timer);
    }

    ngx_leadgen_backend_stop(ngx_leadgen_revocation.backend);
    ngx_leadgen_revocation.backend = NULL;
}


ngx_uint_t
ngx_leadgen_revocation_is_known(time_t max_stale, ngx_uint_t allow)
{
    time_t  known;

    if (ngx_leadgen_revocation.backend == NULL) {
        return 1;
    }

    known = ngx_leadgen_epoch_known();

    if (known == 0) {
        return allow && ngx_leadgen_epoch_is_missed();
    }

    return max_stale == 0 || ngx_time() - known <= max_stale;
}


time_t
ngx_leadgen_revocation_age(void)
{
    time_t  known;

    known = ngx_leadgen_epoch_known();

    return ngx_time() - (known ? known : ngx_leadgen_revocation.started);
}


void
ngx_leadgen_revocation_connected(void *data)
{
    ngx_leadgen_revocation_ask(NULL);
}


static void
ngx_leadgen_revocation_ask(ngx_event_t *ev)
{
    ngx_leadgen_call_t  *call;

    if (ngx_leadgen_revocation.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_revocation.timer);
    }

    ngx_add_timer(&ngx_leadgen_revocation.timer,
                  ngx_worker == 0 ? NGX_LEADGEN_REVOCATION_FIRST
                                  : NGX_LEADGEN_REVOCATION_INTERVAL);

    if (ngx_leadgen_revocation.asking) {
        return;
    }

    call = ngx_leadgen_call_create(NULL, 2);
    if (call == NULL) {
        return;
    }

    call->done = ngx_leadgen_revocation_answer;
    call->statement = ngx_leadgen_revocation_statement;

    ngx_leadgen_revocation_number(&call->args[0],
                                  ngx_leadgen_revocation.text[0],
                                  ngx_leadgen_revocation.sequence);
    ngx_leadgen_revocation_number(&call->args[1],
                                  ngx_leadgen_revocation.text[1],
                                  ngx_time() - ngx_leadgen_revocation.memory);

    if (ngx_leadgen_call_submit(ngx_leadgen_revocation.backend, call, 0)
        != NGX_OK)
    {
        ngx_leadgen_call_cancel(call);
        ngx_leadgen_revocation_missed();
        return;
    }

    ngx_leadgen_revocation.asking = 1;
    ngx_leadgen_revocation.asked = ngx_time();
}


static void
ngx_leadgen_revocation_number(ngx_str_t *arg, u_char *text, int64_t number)
{
    arg->data = text;
    arg->len = ngx_sprintf(text, "%L", number) - text;
}


static void
ngx_leadgen_revocation_answer(ngx_leadgen_call_t *call)
{
    ngx_int_t   sequence;
    ngx_uint_t  row;

    ngx_leadgen_revocation.asking = 0;

    if (call->result != NGX_LEADGEN_CALL_OK
        || call->ncols != NGX_LEADGEN_REVOCATION_NCOLS)
    {
        if (ngx_leadgen_revocation.timer.timer_set) {
            ngx_del_timer(&ngx_leadgen_revocation.timer);
        }

        ngx_add_timer(&ngx_leadgen_revocation.timer,
                      NGX_LEADGEN_REVOCATION_RETRY);
        ngx_leadgen_revocation_missed();
        return;
    }

    for (row = 0; row < call->nrows; row++) {
        sequence = ngx_leadgen_revocation_apply(&call->values[row
                                                              * call->ncols]);

        ngx_leadgen_revocation.sequence =
            ngx_max(ngx_leadgen_revocation.sequence, sequence);
    }

    if (ngx_leadgen_epoch_known() == 0) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: revocations: all are known");
    }

    ngx_leadgen_revocation.restored = 0;

    /* what was committed since it was asked for may not be among them */

    ngx_leadgen_epoch_complete(ngx_leadgen_revocation.asked);
}


/* Then a snapshot is the best there is, however old. */

static void
ngx_leadgen_revocation_missed(void)
{
    time_t  restored;

    if (ngx_leadgen_epoch_known()) {
        return;
    }

    restored = ngx_leadgen_revocation.restored;

    if (restored) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "leadgen: revocations: PostgreSQL does not answer: all "
                      "are known until %T s ago", ngx_time() - restored);
        ngx_leadgen_epoch_complete(restored);

    } else if (ngx_leadgen_epoch_miss()) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "leadgen: revocations: PostgreSQL does not answer, and "
                      "none were ever heard of: it is not known which tokens "
                      "were revoked");
    }
}


/* A time that is still to come is none to go by. */

void
ngx_leadgen_revocation_restored(time_t second)
{
    time_t  age;

    age = ngx_time() - second;

    if (age < -1 || ngx_leadgen_epoch_known()) {
        return;
    }

    if (age > NGX_LEADGEN_REVOCATION_FRESH) {
        ngx_leadgen_revocation.restored = second;
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "leadgen: revocations: all are known, by a snapshot");
    ngx_leadgen_epoch_complete(second);
}


/* The payload begins with the columns of a row, with spaces between. */

void
ngx_leadgen_revocation_notified(void *data, ngx_str_t *channel,
    ngx_str_t *payload)
{
    u_char      *p, *last, *space;
    ngx_str_t    columns[NGX_LEADGEN_REVOCATION_NCOLS];
    ngx_uint_t   i;

    p = payload->data;
    last = p + payload->len;

    for (i = 0; i < NGX_LEADGEN_REVOCATION_NCOLS; i++) {

        if (p > last) {
            return;
        }

        space = ngx_strlchr(p, last, ' ');

        columns[i].data = p;
        columns[i].len = (space ? space : last) - p;
        p = (space ? space : last) + 1;
    }

    (void) ngx_leadgen_revocation_apply(columns);
}


/* Returns its sequence, or NGX_ERROR for what is none. */

static ngx_int_t
ngx_leadgen_revocation_apply(const ngx_str_t *columns)
{
    time_t                epoch, keep;
    u_char                key[NGX_LEADGEN_UUID_SIZE];
    int64_t               user_id;
    ngx_int_t             sequence;
    const ngx_str_t      *subject, *change;
    ngx_leadgen_epoch_e   kind;

    subject = &columns[NGX_LEADGEN_REVOCATION_SUBJECT];
    change = &columns[NGX_LEADGEN_REVOCATION_CHANGE];
    sequence = ngx_atoi(columns[NGX_LEADGEN_REVOCATION_SEQUENCE].data,
                        columns[NGX_LEADGEN_REVOCATION_SEQUENCE].len);
    epoch = ngx_atotm(columns[NGX_LEADGEN_REVOCATION_EPOCH].data,
                      columns[NGX_LEADGEN_REVOCATION_EPOCH].len);

    if (sequence == NGX_ERROR || epoch == NGX_ERROR) {
        return NGX_ERROR;
    }

    keep = epoch + ngx_leadgen_revocation.memory;

    if (columns[NGX_LEADGEN_REVOCATION_KIND].len == 4) {
        user_id = ngx_atoi(subject->data, subject->len);

        kind = change->len && change->data[0] == 't'
               ? NGX_LEADGEN_EPOCH_CHANGE : NGX_LEADGEN_EPOCH_USER;

        if (user_id > 0) {
            (void) ngx_leadgen_epoch_set(kind, (u_char *) &user_id, epoch,
                                         keep);
        }

    } else if (ngx_leadgen_uuid_parse(subject, key) == NGX_OK) {
        (void) ngx_leadgen_epoch_set(NGX_LEADGEN_EPOCH_SESSION, key, epoch,
                                     keep);
    }

    return sequence;
}
