
/*
 * The courier of a worker: the oldest item of its files enters, and leaves by
 * one request at a time; what Sentry refuses is dropped, what it could not be
 * told waits.
 *
 * An item that fails goes to the end of its file, so that one that always does
 * never stops the others; it is given up when it has failed several times and
 * others went through in between.
 */


#include "ngx_leadgen_transport.h"


#define NGX_LEADGEN_COURIER_BACKOFF   500   /* milliseconds */
#define NGX_LEADGEN_COURIER_LONGEST   60000
#define NGX_LEADGEN_COURIER_REPORT    10000
#define NGX_LEADGEN_COURIER_GRACE     5000  /* longer than libcurl waits */
#define NGX_LEADGEN_COURIER_ITEMS     64    /* dropped in a row */
#define NGX_LEADGEN_COURIER_TRIES     3
#define NGX_LEADGEN_COURIER_BREAKER   5     /* failures in a row */
#define NGX_LEADGEN_COURIER_SILENCE   60    /* seconds */


/* Lifetime: worker. */

typedef struct {
    const ngx_leadgen_sentry_transport_t  *conf;    /* NULL: stopped */
    ngx_leadgen_backend_t                 *threads;
    ngx_event_t                            event;   /* timer and posted */
    long                                   timeout;

    ngx_leadgen_call_t                    *call;    /* NULL: idle */
    ngx_leadgen_ring_t                    *ring;    /* of its item; NULL: it
                                                     * tells drops alone */
    ngx_leadgen_envelope_t                 envelope;

    ngx_uint_t                             left;    /* whose turn it is */
    uint32_t                               sent;
    ngx_uint_t                             failures;    /* in a row */
    ngx_msec_t                             backoff;
    ngx_msec_t                             reported;
    time_t                                 logged;
} ngx_leadgen_courier_t;


static void ngx_leadgen_courier_run(ngx_event_t *ev);
static ngx_int_t ngx_leadgen_courier_next(ngx_leadgen_ring_t *ring);
static void ngx_leadgen_courier_report(void);
static ngx_int_t ngx_leadgen_courier_send(void);
static void ngx_leadgen_courier_done(ngx_leadgen_call_t *call);
static void ngx_leadgen_courier_check(void);
static void ngx_leadgen_courier_sent(void);
static void ngx_leadgen_courier_refused(
    const ngx_leadgen_deliver_answer_t *answer);
static void ngx_leadgen_courier_failed(
    const ngx_leadgen_deliver_answer_t *answer);
static void ngx_leadgen_courier_postpone(void);
static void ngx_leadgen_courier_drop(ngx_leadgen_sentry_reason_e reason);
static void ngx_leadgen_courier_arm(ngx_msec_t delay);
static void ngx_leadgen_courier_sample(void);


static ngx_leadgen_courier_t  ngx_leadgen_courier;


void
ngx_leadgen_courier_start(const ngx_leadgen_sentry_transport_t *conf,
    ngx_leadgen_backend_t *threads)
{
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    /* nginx's debug log looks into data for a connection */
    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(courier, sizeof(ngx_leadgen_courier_t));

    courier->conf = conf;
    courier->threads = threads;
    courier->timeout = conf->timeout;
    courier->reported = ngx_current_msec;

    courier->event.handler = ngx_leadgen_courier_run;
    courier->event.data = &none;
    courier->event.log = ngx_cycle->log;
    courier->event.cancelable = 1;

    ngx_leadgen_courier_arm(1);
}


void
ngx_leadgen_courier_stop(void)
{
    ngx_event_t  *ev = &ngx_leadgen_courier.event;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    ngx_leadgen_courier.conf = NULL;
}


void
ngx_leadgen_courier_wake(void)
{
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    ngx_leadgen_courier_sample();

    if (courier->conf && courier->call == NULL && courier->backoff == 0
        && !courier->event.posted)
    {
        ngx_leadgen_courier_arm(0);
    }
}


static void
ngx_leadgen_courier_run(ngx_event_t *ev)
{
    ngx_int_t               rc;
    ngx_uint_t              i, empty;
    ngx_leadgen_ring_t     *ring;
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    if (courier->conf == NULL || courier->call || ngx_exiting) {
        return;
    }

    empty = 0;

    for (i = 0; i < NGX_LEADGEN_COURIER_ITEMS && empty < 2; i++) {
        courier->left = !courier->left;
        ring = courier->left ? ngx_leadgen_folder_left()
                             : ngx_leadgen_folder_own();

        rc = ring ? ngx_leadgen_courier_next(ring) : NGX_DONE;

        if (rc == NGX_DONE) {
            empty++;

            if (ring && courier->left) {
                ngx_leadgen_folder_done();
            }

            continue;
        }

        empty = 0;

        if (rc == NGX_OK) {
            courier->ring = ring;

            if (ngx_leadgen_courier_send() != NGX_OK) {
                ngx_leadgen_courier_arm(NGX_LEADGEN_COURIER_BACKOFF);
            }

            return;
        }
    }

    if (empty < 2) {
        ngx_leadgen_courier_arm(0);
        return;
    }

    ngx_leadgen_courier_report();
}


/* NGX_OK: the oldest item of a file is in the envelope; NGX_AGAIN: it was
 * dropped; NGX_DONE: there is none. */

static ngx_int_t
ngx_leadgen_courier_next(ngx_leadgen_ring_t *ring)
{
    uint32_t                     kind;
    ngx_int_t                    rc;
    ngx_str_t                    frame;
    ngx_leadgen_envelope_t      *envelope;
    ngx_leadgen_courier_head_t   head;

    envelope = &ngx_leadgen_courier.envelope;
    rc = ngx_leadgen_ring_read(ring, &kind, &frame);

    if (rc == NGX_DONE) {
        return NGX_DONE;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "leadgen: courier: a file of \"%V\" is damaged, and has "
                      "been emptied", &ngx_leadgen_courier.conf->folder);
        return NGX_AGAIN;
    }

    if (kind >= NGX_LEADGEN_SENTRY_CATEGORIES || frame.len <= sizeof(head)) {
        ngx_leadgen_ring_remove(ring);
        return NGX_AGAIN;
    }

    if (ngx_leadgen_sentry_is_limited(kind)) {
        ngx_leadgen_sentry_drop(kind, NGX_LEADGEN_SENTRY_RATELIMIT_BACKOFF, 1);
        ngx_leadgen_ring_remove(ring);
        return NGX_AGAIN;
    }

    ngx_memcpy(&head, frame.data, sizeof(head));

    envelope->category = kind;
    ngx_memcpy(envelope->event_id, head.event_id, NGX_LEADGEN_UUID_SIZE);
    envelope->payload.data = frame.data + sizeof(head);
    envelope->payload.len = frame.len - sizeof(head);

    return NGX_OK;
}


/* Drops that no item came along to take with it. */

static void
ngx_leadgen_courier_report(void)
{
    ngx_msec_int_t          wait;
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    ngx_leadgen_courier_sample();

    wait = (ngx_msec_int_t) (courier->reported + NGX_LEADGEN_COURIER_REPORT
                             - ngx_current_msec);

    if (wait > 0 || ngx_leadgen_sentry_is_limited(NGX_LEADGEN_SENTRY_ERROR)) {
        ngx_leadgen_courier_arm(wait > 0 ? (ngx_msec_t) wait
                                         : NGX_LEADGEN_COURIER_REPORT);
        return;
    }

    courier->ring = NULL;
    courier->reported = ngx_current_msec;
    ngx_str_null(&courier->envelope.payload);

    if (!ngx_leadgen_sentry_take(&courier->envelope.drops)) {
        ngx_leadgen_courier_arm(NGX_LEADGEN_COURIER_REPORT);
        return;
    }

    ngx_leadgen_sentry_return(&courier->envelope.drops);

    if (ngx_leadgen_courier_send() != NGX_OK) {
        ngx_leadgen_courier_arm(NGX_LEADGEN_COURIER_BACKOFF);
    }
}


static ngx_int_t
ngx_leadgen_courier_send(void)
{
    ngx_str_t              *args;
    ngx_leadgen_call_t     *call;
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    call = ngx_leadgen_call_create(NULL, NGX_LEADGEN_DELIVER_NARGS);
    if (call == NULL) {
        return NGX_ERROR;
    }

    courier->envelope.now = ngx_leadgen_time_now();
    (void) ngx_leadgen_sentry_take(&courier->envelope.drops);

    call->done = ngx_leadgen_courier_done;
    call->work = ngx_leadgen_deliver_work;
    args = call->args;

    /* with their zero bytes */

    args[NGX_LEADGEN_DELIVER_URL] = courier->conf->dsn.url;
    args[NGX_LEADGEN_DELIVER_URL].len++;
    args[NGX_LEADGEN_DELIVER_AUTH] = courier->conf->dsn.auth;
    args[NGX_LEADGEN_DELIVER_AUTH].len++;

    args[NGX_LEADGEN_DELIVER_TIMEOUT].data = (u_char *) &courier->timeout;
    args[NGX_LEADGEN_DELIVER_TIMEOUT].len = sizeof(courier->timeout);
    args[NGX_LEADGEN_DELIVER_ENVELOPE].data = (u_char *) &courier->envelope;
    args[NGX_LEADGEN_DELIVER_ENVELOPE].len = sizeof(courier->envelope);
    args[NGX_LEADGEN_DELIVER_PAYLOAD] = courier->envelope.payload;

    if (ngx_leadgen_call_submit(courier->threads, call,
                                courier->conf->timeout
                                + NGX_LEADGEN_COURIER_GRACE)
        != NGX_OK)
    {
        ngx_leadgen_call_cancel(call);
        ngx_leadgen_sentry_return(&courier->envelope.drops);
        return NGX_ERROR;
    }

    courier->call = call;

    return NGX_OK;
}


/* --- answers --- */

static void
ngx_leadgen_courier_done(ngx_leadgen_call_t *call)
{
    ngx_leadgen_courier_t         *courier = &ngx_leadgen_courier;
    ngx_leadgen_deliver_answer_t   answer;

    courier->call = NULL;

    if (courier->conf == NULL) {
        return;
    }

    ngx_leadgen_courier_check();

    ngx_memzero(&answer, sizeof(answer));

    if (call->result == NGX_LEADGEN_CALL_OK
        && call->values[0].len == sizeof(answer))
    {
        ngx_memcpy(&answer, call->values[0].data, sizeof(answer));
    }

    ngx_leadgen_sentry_limit(&answer.limits);

    if (answer.status >= 200 && answer.status < 300) {
        ngx_leadgen_courier_sent();
        return;
    }

    ngx_leadgen_sentry_return(&courier->envelope.drops);

    if (answer.status == 0 || answer.status >= 500
        || answer.status == NGX_LEADGEN_DELIVER_TOO_SLOW)
    {
        ngx_leadgen_courier_failed(&answer);

    } else {
        ngx_leadgen_courier_refused(&answer);
    }
}


/* While the item was under way its file may have gone. */

static void
ngx_leadgen_courier_check(void)
{
    uint32_t                kind;
    ngx_str_t               frame;
    ngx_leadgen_ring_t     *ring;
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    if (courier->ring == NULL) {
        return;
    }

    ring = courier->left ? ngx_leadgen_folder_left()
                         : ngx_leadgen_folder_own();

    if (ring != courier->ring
        || ngx_leadgen_ring_read(ring, &kind, &frame) != NGX_OK
        || frame.len <= sizeof(ngx_leadgen_courier_head_t)
        || ngx_memcmp(frame.data, courier->envelope.event_id,
                      NGX_LEADGEN_UUID_SIZE)
           != 0)
    {
        courier->ring = NULL;
    }
}


static void
ngx_leadgen_courier_sent(void)
{
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SENTRY_REQUESTS_TAKEN, 1);

    if (courier->ring) {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SENTRY_SENT_ERROR
                               + courier->envelope.category, 1);
        ngx_leadgen_ring_remove(courier->ring);
        courier->sent++;
    }

    if (courier->failures) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: courier: Sentry answers again");
    }

    courier->failures = 0;
    courier->backoff = 0;
    courier->reported = ngx_current_msec;

    ngx_leadgen_courier_sample();
    ngx_leadgen_courier_arm(0);
}


static void
ngx_leadgen_courier_refused(const ngx_leadgen_deliver_answer_t *answer)
{
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SENTRY_REQUESTS_REFUSED, 1);

    if (answer->status == NGX_LEADGEN_DELIVER_TOO_MANY) {
        ngx_leadgen_courier_drop(NGX_LEADGEN_SENTRY_RATELIMIT_BACKOFF);

    } else {
        ngx_leadgen_courier_drop(NGX_LEADGEN_SENTRY_SEND_ERROR);

        if (ngx_time() - courier->logged >= NGX_LEADGEN_COURIER_SILENCE) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "leadgen: courier: Sentry answered %uD, and does not "
                          "take an item", answer->status);
            courier->logged = ngx_time();
        }
    }

    courier->failures = 0;
    courier->backoff = 0;

    ngx_leadgen_courier_sample();
    ngx_leadgen_courier_arm(0);
}


/* A worker that exits has ended its request itself. */

static void
ngx_leadgen_courier_failed(const ngx_leadgen_deliver_answer_t *answer)
{
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    if (ngx_exiting) {
        return;
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SENTRY_REQUESTS_FAILED, 1);

    if (ngx_time() - courier->logged >= NGX_LEADGEN_COURIER_SILENCE) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "leadgen: courier: Sentry can't be told of errors now, "
                      "they wait: %s, status %uD", answer->error,
                      answer->status);
        courier->logged = ngx_time();
    }

    courier->failures++;
    courier->backoff = courier->backoff
                       ? ngx_min(2 * courier->backoff,
                                 NGX_LEADGEN_COURIER_LONGEST)
                       : NGX_LEADGEN_COURIER_BACKOFF;

    if (courier->ring) {
        ngx_leadgen_courier_postpone();
    }

    ngx_leadgen_courier_sample();
    ngx_leadgen_courier_arm(courier->backoff / 2
                            + ngx_random() % (courier->backoff / 2 + 1));
}


static void
ngx_leadgen_courier_postpone(void)
{
    u_char                      *place;
    uint32_t                     kind;
    ngx_str_t                    frame;
    ngx_leadgen_courier_t       *courier = &ngx_leadgen_courier;
    ngx_leadgen_courier_head_t   head;

    if (ngx_leadgen_ring_read(courier->ring, &kind, &frame) != NGX_OK) {
        return;
    }

    ngx_memcpy(&head, frame.data, sizeof(head));

    if (head.tried == 0 || head.seen != courier->sent) {
        head.tried++;
        head.seen = courier->sent;
    }

    if (head.tried > NGX_LEADGEN_COURIER_TRIES) {
        ngx_leadgen_courier_drop(NGX_LEADGEN_SENTRY_SEND_ERROR);
        return;
    }

    place = ngx_leadgen_ring_place(courier->ring, frame.len);

    if (place == NULL) {
        ngx_leadgen_courier_drop(NGX_LEADGEN_SENTRY_QUEUE_OVERFLOW);
        return;
    }

    ngx_memcpy(place, frame.data, frame.len);
    ngx_memcpy(place, &head, sizeof(head));

    /* a process that dies in between leaves it twice: Sentry knows its id */

    ngx_leadgen_ring_commit(courier->ring, place, kind, frame.len);
    ngx_leadgen_ring_remove(courier->ring);
}


static void
ngx_leadgen_courier_drop(ngx_leadgen_sentry_reason_e reason)
{
    ngx_leadgen_courier_t  *courier = &ngx_leadgen_courier;

    if (courier->ring) {
        ngx_leadgen_sentry_drop(courier->envelope.category, reason, 1);
        ngx_leadgen_ring_remove(courier->ring);
    }
}


/* --- time --- */

static void
ngx_leadgen_courier_arm(ngx_msec_t delay)
{
    ngx_event_t  *ev = &ngx_leadgen_courier.event;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (delay) {
        ngx_add_timer(ev, delay);
        return;
    }

    if (!ev->posted) {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


static void
ngx_leadgen_courier_sample(void)
{
    size_t               used;
    ngx_leadgen_ring_t  *ring;

    ring = ngx_leadgen_folder_own();
    used = ring ? ngx_leadgen_ring_used(ring) : 0;

    ring = ngx_leadgen_folder_left();
    used += ring ? ngx_leadgen_ring_used(ring) : 0;

    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SENTRY_QUEUE_BYTES, used);
    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SENTRY_BREAKER_OPEN,
                           ngx_leadgen_courier.failures
                           >= NGX_LEADGEN_COURIER_BREAKER);
}
