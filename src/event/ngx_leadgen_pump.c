
/*
 * The pump: frames of the spool enter, in batches, and leave the spool once
 * PostgreSQL has committed them or they are parked as dead letters.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_PUMP_DELAY    50        /* milliseconds */
#define NGX_LEADGEN_PUMP_TIMEOUT  10000
#define NGX_LEADGEN_PUMP_WATCH    500
#define NGX_LEADGEN_PUMP_BACKOFF  200
#define NGX_LEADGEN_PUMP_LONGEST  5000
#define NGX_LEADGEN_PUMP_QUIT     2000
#define NGX_LEADGEN_PUMP_SILENCE  60        /* seconds */


typedef ngx_int_t (*ngx_leadgen_pump_read_pt)(ngx_leadgen_batch_t *batch,
    ngx_uint_t max);


/* Lifetime: worker. */

typedef struct {
    ngx_leadgen_backend_t     *database;
    ngx_leadgen_backend_t     *threads;
    ngx_event_t                event;       /* as timer and posted */

    ngx_leadgen_batch_t        batch;       /* its pool: NULL when idle */
    ngx_leadgen_call_t        *call;        /* NULL while it is parked */
    ngx_uint_t                 source;
    ngx_uint_t                 appended;    /* since the last batch */
    ngx_uint_t                 suspects;    /* events next in line of which at
                                             * least one is refused */
    ngx_msec_t                 backoff;     /* 0: shipping works */
    time_t                     logged;
    ngx_msec_t                 quit;        /* until then a worker that exits
                                             * is held */
    unsigned                   quitting:1;
} ngx_leadgen_pump_t;


static void ngx_leadgen_pump_run(ngx_event_t *ev);
static ngx_int_t ngx_leadgen_pump_read(ngx_leadgen_batch_t *batch);
static ngx_int_t ngx_leadgen_pump_ship(void);
static void ngx_leadgen_pump_done(ngx_leadgen_call_t *call);
static ngx_uint_t ngx_leadgen_pump_shipped(ngx_leadgen_call_t *call);
static ngx_uint_t ngx_leadgen_pump_is_poison(const char *code);
static void ngx_leadgen_pump_refused(ngx_leadgen_call_t *call);
static void ngx_leadgen_pump_parked(void *data, u_char *answer);
static void ngx_leadgen_pump_next(ngx_uint_t events);
static void ngx_leadgen_pump_fail(const char *why, const ngx_str_t *error);
static void ngx_leadgen_pump_watch(void);
static void ngx_leadgen_pump_arm(ngx_msec_t delay);
static ngx_uint_t ngx_leadgen_pump_may_hold(void);
static void ngx_leadgen_pump_empty(void);


static ngx_leadgen_pump_t  ngx_leadgen_pump;


ngx_int_t
ngx_leadgen_pump_start(ngx_cycle_t *cycle, ngx_leadgen_backend_t *database,
    ngx_leadgen_backend_t *threads)
{
    ngx_memzero(&ngx_leadgen_pump, sizeof(ngx_leadgen_pump_t));

    ngx_leadgen_pump.database = database;
    ngx_leadgen_pump.threads = threads;

    ngx_leadgen_job_event(&ngx_leadgen_pump.event, ngx_leadgen_pump_run);

    ngx_leadgen_adopt_start(threads);

    return NGX_OK;
}


void
ngx_leadgen_pump_stop(void)
{
    ngx_event_t  *ev;

    if (ngx_leadgen_pump.database == NULL) {
        return;
    }

    ev = &ngx_leadgen_pump.event;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    if (ngx_leadgen_pump.call) {
        ngx_leadgen_call_cancel(ngx_leadgen_pump.call);
    }

    ngx_leadgen_pump_empty();
    ngx_leadgen_adopt_stop();

    ngx_leadgen_pump.database = NULL;
}


void
ngx_leadgen_pump_wake(ngx_uint_t n)
{
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    if (pump->database == NULL) {
        return;
    }

    pump->appended += n;

    if (ngx_exiting) {
        pump->quitting = 0;
    }

    if (pump->batch.pool || pump->backoff || pump->event.posted) {
        return;
    }

    if (pump->appended >= NGX_LEADGEN_BATCH_EVENTS) {
        ngx_leadgen_pump_arm(0);

    } else if (!pump->event.timer_set) {
        ngx_leadgen_pump_arm(NGX_LEADGEN_PUMP_DELAY);
    }
}


static void
ngx_leadgen_pump_run(ngx_event_t *ev)
{
    ngx_int_t            swept;
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    if (pump->batch.pool) {
        ngx_leadgen_pump_watch();
        return;
    }

    if (!ngx_leadgen_pump_may_hold()) {
        return;
    }

    pump->appended = 0;

    swept = ngx_leadgen_spool_sweep();

    switch (ngx_leadgen_pump_read(&pump->batch)) {

    case NGX_OK:
        if (ngx_leadgen_pump_ship() != NGX_OK) {
            ngx_leadgen_pump_fail("too busy", NULL);
        }
        return;

    case NGX_DONE:
        ngx_leadgen_pump_empty();
        pump->backoff = 0;

        if (swept == NGX_OK) {
            return;
        }

        break;

    default:
        ngx_leadgen_pump_empty();
        break;
    }

    /* what remains is to tidy up, which the next worker can do as well */
    pump->event.cancelable = 1;
    ngx_add_timer(&pump->event, NGX_LEADGEN_PUMP_WATCH);
}


/* --- shipping --- */

static ngx_int_t
ngx_leadgen_pump_read(ngx_leadgen_batch_t *batch)
{
    ngx_int_t            rc;
    ngx_uint_t           i, max;
    ngx_leadgen_pump_t  *pump;

    static const ngx_leadgen_pump_read_pt  sources[] = {
        ngx_leadgen_spool_read,
        ngx_leadgen_adopt_read
    };

    pump = &ngx_leadgen_pump;

    batch->pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (batch->pool == NULL) {
        return NGX_ERROR;
    }

    max = NGX_LEADGEN_BATCH_EVENTS;

    if (pump->suspects) {
        max = ngx_max(pump->suspects / 2, 1);
    }

    batch->records = ngx_palloc(batch->pool,
                                max * sizeof(ngx_leadgen_record_t));
    if (batch->records == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_DONE;

    for (i = 0; i < 2 && rc == NGX_DONE; i++) {
        rc = sources[pump->source](batch, max);

        if (rc == NGX_DONE) {
            pump->source = !pump->source;
        }
    }

    return rc;
}


static ngx_int_t
ngx_leadgen_pump_ship(void)
{
    ngx_leadgen_call_t  *call;
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    call = ngx_leadgen_call_create(NULL, NGX_LEADGEN_SINK_NARGS);
    if (call == NULL) {
        return NGX_ERROR;
    }

    call->done = ngx_leadgen_pump_done;
    call->statement = ngx_leadgen_sink_statement;
    call->binary = ((uint64_t) 1 << NGX_LEADGEN_SINK_NARGS) - 1;

    if (ngx_leadgen_sink_encode(&pump->batch, call->args) != NGX_OK
        || ngx_leadgen_call_submit(pump->database, call,
                                   NGX_LEADGEN_PUMP_TIMEOUT)
           != NGX_OK)
    {
        ngx_leadgen_call_cancel(call);
        return NGX_BUSY;
    }

    pump->call = call;
    ngx_leadgen_pump_watch();

    return NGX_OK;
}


static void
ngx_leadgen_pump_done(ngx_leadgen_call_t *call)
{
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;
    pump->call = NULL;

    switch (call->result) {

    case NGX_LEADGEN_CALL_OK:
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_EVENTS_SHIPPED,
                               ngx_leadgen_pump_shipped(call));
        ngx_leadgen_pump_next(pump->batch.n);
        return;

    case NGX_LEADGEN_CALL_REFUSED:
        if (ngx_leadgen_pump_is_poison(call->code)) {
            ngx_leadgen_pump_refused(call);
            return;
        }

        ngx_leadgen_pump_fail(call->code, &call->error);
        return;

    case NGX_LEADGEN_CALL_LOST:
        ngx_leadgen_pump_fail("the connection was lost", NULL);
        return;

    case NGX_LEADGEN_CALL_UNSENT:
        ngx_leadgen_pump_fail("no connection", NULL);
        return;

    case NGX_LEADGEN_CALL_TIMEOUT:
        ngx_leadgen_pump_fail("no answer in time", NULL);
        return;
    }
}


/* Of intents most are known by their outcome, and add nothing. */

static ngx_uint_t
ngx_leadgen_pump_shipped(ngx_leadgen_call_t *call)
{
    ngx_int_t            added;
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    if (pump->batch.kind == NGX_LEADGEN_FRAME_EVENT) {
        return pump->batch.n;
    }

    added = call->nrows ? ngx_atoi(call->values[0].data, call->values[0].len)
                        : NGX_ERROR;

    return added == NGX_ERROR ? 0 : added;
}


/* What was shipped or parked is behind us. */

static void
ngx_leadgen_pump_next(ngx_uint_t events)
{
    ngx_uint_t           full;
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    full = pump->batch.end != pump->batch.segment->pos
           || pump->batch.segment->header->sealed;

    ngx_leadgen_batch_advance(&pump->batch);
    ngx_leadgen_pump_empty();

    pump->suspects -= ngx_min(pump->suspects, events);

    if (pump->suspects == 0) {
        pump->source = !pump->source;
    }

    if (pump->backoff) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: pump: events are shipped again");
        pump->backoff = 0;
    }

    ngx_leadgen_pump_arm(full ? 0 : NGX_LEADGEN_PUMP_DELAY);
}


static void
ngx_leadgen_pump_fail(const char *why, const ngx_str_t *error)
{
    ngx_str_t            none;
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;
    ngx_str_set(&none, "");

    ngx_leadgen_pump_empty();

    if (pump->backoff == 0
        || ngx_time() - pump->logged >= NGX_LEADGEN_PUMP_SILENCE)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "leadgen: pump: could not ship events, they are kept: "
                      "%s %V", why, error ? error : &none);
        pump->logged = ngx_time();
    }

    pump->backoff = pump->backoff ? ngx_min(2 * pump->backoff,
                                            NGX_LEADGEN_PUMP_LONGEST)
                                  : NGX_LEADGEN_PUMP_BACKOFF;

    ngx_leadgen_pump_arm(pump->backoff / 2
                         + ngx_random() % (pump->backoff / 2 + 1));
}


/* --- poison --- */

/* Data exceptions, constraint violations, program limits: the same event would
 * be refused for ever. */

static ngx_uint_t
ngx_leadgen_pump_is_poison(const char *code)
{
    return ngx_strncmp(code, "22", 2) == 0 || ngx_strncmp(code, "23", 2) == 0
           || ngx_strncmp(code, "54", 2) == 0;
}


static void
ngx_leadgen_pump_refused(ngx_leadgen_call_t *call)
{
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    if (pump->batch.n > 1) {
        pump->suspects = pump->batch.n;
        ngx_leadgen_pump_empty();
        ngx_leadgen_pump_arm(0);
        return;
    }

    if (ngx_leadgen_dead_park(pump->threads, pump->batch.pool,
                              pump->batch.records, call->code, &call->error,
                              ngx_leadgen_pump_parked, NULL)
        != NGX_OK)
    {
        ngx_leadgen_pump_fail("the refused event could not be parked", NULL);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "leadgen: pump: an event is refused (%s) and parked in "
                  "audit.dead", call->code);
}


static void
ngx_leadgen_pump_parked(void *data, u_char *answer)
{
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    if (answer == NULL) {
        ngx_leadgen_pump_fail("the refused event could not be parked", NULL);
        return;
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_EVENTS_PARKED, 1);

    pump->suspects = 0;
    ngx_leadgen_pump_next(1);
}


/* --- time --- */

/* While a batch is away: its own timer holds a worker that exits, for up to
 * the call's deadline, which is longer than we may. */

static void
ngx_leadgen_pump_watch(void)
{
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    if (pump->call && !ngx_leadgen_pump_may_hold()) {
        ngx_leadgen_call_cancel(pump->call);
        pump->call = NULL;
        ngx_leadgen_pump_empty();
        return;
    }

    pump->event.cancelable = 1;
    ngx_add_timer(&pump->event, NGX_LEADGEN_PUMP_WATCH);
}


static void
ngx_leadgen_pump_arm(ngx_msec_t delay)
{
    ngx_event_t  *ev;

    ev = &ngx_leadgen_pump.event;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (delay == 0) {
        ngx_post_event(ev, &ngx_posted_events);
        return;
    }

    ev->cancelable = ngx_leadgen_pump.backoff
                     || !ngx_leadgen_pump_may_hold();

    ngx_add_timer(ev, delay);
}


/* A worker that exits is held for what was appended a short time ago; the next
 * worker adopts the rest. */

static ngx_uint_t
ngx_leadgen_pump_may_hold(void)
{
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    if (!ngx_exiting) {
        return 1;
    }

    if (!ngx_leadgen_backend_is_up(pump->database)) {
        return 0;
    }

    if (!pump->quitting) {
        pump->quitting = 1;
        pump->quit = ngx_current_msec + NGX_LEADGEN_PUMP_QUIT;
    }

    return (ngx_msec_int_t) (pump->quit - ngx_current_msec) > 0;
}


static void
ngx_leadgen_pump_empty(void)
{
    ngx_leadgen_pump_t  *pump;

    pump = &ngx_leadgen_pump;

    if (pump->event.timer_set) {
        ngx_del_timer(&pump->event);
    }

    if (pump->batch.pool) {
        ngx_destroy_pool(pump->batch.pool);
        pump->batch.pool = NULL;
    }
}
