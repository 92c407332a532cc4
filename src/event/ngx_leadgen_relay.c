
/*
 * The relay: jobs that are due enter from PostgreSQL and leave into Redis,
 * where Celery workers take them from; once, whoever dies in between.
 *
 * One worker of one gateway is elected, by a lock in PostgreSQL that belongs to
 * the connection all of this goes over.  It works in rounds, one call at a
 * time: take, push, say that it is done, then look into Redis.
 */


#include "ngx_leadgen_relay.h"


#define NGX_LEADGEN_RELAY_INTERVAL  1000    /* milliseconds, between rounds; the
                                             * lock is lost after 4000 */
#define NGX_LEADGEN_RELAY_PACE      20      /* a page that is not full costs
                                             * what a full one does */
#define NGX_LEADGEN_RELAY_BACKOFF   250
#define NGX_LEADGEN_RELAY_LONGEST   2000
#define NGX_LEADGEN_RELAY_SILENCE   60      /* seconds */


/* The columns of api.relay_take. */

typedef enum {
    NGX_LEADGEN_RELAY_ID = 0,
    NGX_LEADGEN_RELAY_MARK,
    NGX_LEADGEN_RELAY_LIST,
    NGX_LEADGEN_RELAY_MESSAGE,
    NGX_LEADGEN_RELAY_STALE,
    NGX_LEADGEN_RELAY_NCOLS
} ngx_leadgen_relay_column_e;


static void ngx_leadgen_relay_run(ngx_event_t *ev);
static void ngx_leadgen_relay_elected(ngx_leadgen_call_t *call);
static void ngx_leadgen_relay_take(void);
static void ngx_leadgen_relay_taken(ngx_leadgen_call_t *call);
static void ngx_leadgen_relay_pushed(ngx_leadgen_call_t *call);
static void ngx_leadgen_relay_done(ngx_leadgen_call_t *call);
static void ngx_leadgen_relay_answered(ngx_leadgen_call_t *call);
static void ngx_leadgen_relay_failed(const ngx_leadgen_call_t *call);
static void ngx_leadgen_relay_arm(ngx_msec_t delay);


ngx_leadgen_relay_t  ngx_leadgen_relay;


const char  ngx_leadgen_relay_channels[] = "LISTEN leadgen_jobs";

/*
 * The mark of a job is set together with its message, so that no other relay
 * puts it there a second time; the message first, because what a script has
 * done stays when it fails.  Answers with the places of those that failed.
 */

static const char  ngx_leadgen_relay_script[] =
    "local failed = {}\n"
    "for i = 2, #ARGV, 5 do\n"
    "  local id, mark, list = ARGV[i], ARGV[i + 1], ARGV[i + 2]\n"
    "  local message, stale = ARGV[i + 3], ARGV[i + 4]\n"
    "  local reply\n"
    "  if mark == '' then\n"
    "    reply = redis.pcall('PUBLISH', list, message)\n"
    "  elseif redis.call('EXISTS', mark) == 0 then\n"
    "    if stale ~= '' then\n"
    "      redis.pcall('HDEL', 'unacked', stale)\n"
    "      redis.pcall('ZREM', 'unacked_index', stale)\n"
    "      redis.call('DEL', 'celery-task-meta-' .. id)\n"
    "    end\n"
    "    reply = redis.pcall('LPUSH', list, message)\n"
    "    if type(reply) ~= 'table' then\n"
    "      redis.call('SET', mark, '1', 'EX', ARGV[1])\n"
    "    end\n"
    "  end\n"
    "  if type(reply) == 'table' then\n"
    "    failed[#failed + 1] = (i - 2) / 5\n"
    "  end\n"
    "end\n"
    "return failed\n";


ngx_int_t
ngx_leadgen_relay_start(ngx_cycle_t *cycle,
    const ngx_leadgen_relay_conf_t *conf)
{
    ngx_event_t              *timer;
    ngx_leadgen_relay_t      *relay = &ngx_leadgen_relay;
    static ngx_connection_t   none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(relay, sizeof(ngx_leadgen_relay_t));
    ngx_leadgen_watcher_reset();

    relay->conf = conf;
    relay->redis_database.data = relay->number;
    relay->redis_database.len = ngx_sprintf(relay->number, "%i",
                                            conf->redis_database)
                                - relay->number;

    timer = &relay->timer;
    timer->handler = ngx_leadgen_relay_run;
    timer->data = &none;
    timer->log = cycle->log;
    timer->cancelable = 1;

    relay->database = ngx_leadgen_backend_start(cycle, &conf->database);
    relay->redis = ngx_leadgen_backend_start(cycle, &conf->redis);
    relay->published = ngx_leadgen_backend_start(cycle, &conf->published);

    if (relay->database == NULL
        || relay->redis == NULL
        || relay->published == NULL)
    {
        return NGX_ERROR;
    }

    ngx_leadgen_relay_arm(1);

    return NGX_OK;
}


void
ngx_leadgen_relay_stop(void)
{
    ngx_uint_t               i;
    ngx_leadgen_relay_t     *relay = &ngx_leadgen_relay;
    ngx_leadgen_backend_t  **backend[] = {
        &relay->published, &relay->redis, &relay->database
    };

    if (relay->conf == NULL) {
        return;
    }

    if (relay->timer.timer_set) {
        ngx_del_timer(&relay->timer);
    }

    if (relay->pool) {
        ngx_destroy_pool(relay->pool);
    }

    for (i = 0; i < sizeof(backend) / sizeof(backend[0]); i++) {
        if (*backend[i]) {
            ngx_leadgen_backend_stop(*backend[i]);
        }
    }

    ngx_leadgen_listener_stop();
    ngx_memzero(relay, sizeof(ngx_leadgen_relay_t));
}


void
ngx_leadgen_relay_notified(void *data, ngx_str_t *channel, ngx_str_t *payload)
{
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    if (relay->pool) {
        relay->woken = 1;

    } else if (relay->elected && !ngx_exiting) {
        ngx_leadgen_relay_arm(0);
    }
}


/* The lock was the old connection's. */

void
ngx_leadgen_relay_connected(void *data)
{
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    relay->elected = 0;

    if (relay->pool == NULL && !ngx_exiting) {
        ngx_leadgen_relay_arm(0);
    }
}


/* A worker that exits is silent, and PostgreSQL gives its lock to another. */

static void
ngx_leadgen_relay_run(ngx_event_t *ev)
{
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    if (ngx_exiting) {
        return;
    }

    relay->woken = 0;
    relay->began = ngx_current_msec;
    relay->pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);

    if (relay->pool == NULL) {
        ngx_leadgen_relay_arm(NGX_LEADGEN_RELAY_INTERVAL);
        return;
    }

    if (relay->elected) {
        ngx_leadgen_relay_take();
        return;
    }

    ngx_leadgen_relay_call(relay->database, "select api.relay_elect()", NULL,
                           0, ngx_leadgen_relay_elected);
}


static void
ngx_leadgen_relay_elected(ngx_leadgen_call_t *call)
{
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    if (call->nrows != 1 || call->values[0].len != 1
        || call->values[0].data[0] != 't')
    {
        ngx_leadgen_relay_rest(NGX_LEADGEN_RELAY_INTERVAL);
        return;
    }

    relay->elected = 1;
    relay->hearing = 0;
    ngx_leadgen_watcher_reset();

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "leadgen: relay: this worker brings jobs to Redis now");

    ngx_leadgen_relay_take();
}


/* --- take and push --- */

static void
ngx_leadgen_relay_take(void)
{
    ngx_str_t             args[2];
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    ngx_str_set(&args[0], ngx_value(NGX_LEADGEN_RELAY_BATCH));
    args[1] = relay->redis_database;

    ngx_leadgen_relay_call(relay->database,
                           "select id, mark, list, message, stale "
                           "from api.relay_take($1::integer, $2::integer)",
                           args, 2, ngx_leadgen_relay_taken);
}


static void
ngx_leadgen_relay_taken(ngx_leadgen_call_t *call)
{
    ngx_str_t            *args;
    ngx_uint_t            i, n;
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    relay->full = call->nrows >= NGX_LEADGEN_RELAY_BATCH;

    if (call->nrows == 0) {
        relay->nrows = 0;
        ngx_leadgen_watcher_begin();
        return;
    }

    n = call->nrows * NGX_LEADGEN_RELAY_NCOLS;
    args = ngx_palloc(relay->pool, (3 + n) * sizeof(ngx_str_t));

    if (args == NULL || call->ncols != NGX_LEADGEN_RELAY_NCOLS) {
        ngx_leadgen_relay_rest(NGX_LEADGEN_RELAY_INTERVAL);
        return;
    }

    args[0].data = (u_char *) ngx_leadgen_relay_script;
    args[0].len = sizeof(ngx_leadgen_relay_script) - 1;
    ngx_str_set(&args[1], "0");
    ngx_str_set(&args[2], NGX_LEADGEN_RELAY_LIFE);

    for (i = 0; i < n; i++) {
        if (ngx_leadgen_relay_keep(&args[3 + i], &call->values[i], 1)
            != NGX_OK)
        {
            return;
        }
    }

    relay->nrows = call->nrows;
    relay->rows = &args[3];

    ngx_leadgen_relay_call(relay->redis, "EVAL", args, 3 + n,
                           ngx_leadgen_relay_pushed);
}


static void
ngx_leadgen_relay_pushed(ngx_leadgen_call_t *call)
{
    ngx_int_t             failed;
    ngx_str_t             args[2], *ids, *revoked, *row;
    ngx_uint_t            i, nids, nrevoked;
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    ids = ngx_palloc(relay->pool, 2 * relay->nrows * sizeof(ngx_str_t));
    if (ids == NULL) {
        ngx_leadgen_relay_rest(NGX_LEADGEN_RELAY_INTERVAL);
        return;
    }

    for (i = 0; i < call->nrows; i++) {
        failed = ngx_atoi(call->values[i].data, call->values[i].len);

        if (failed >= 0 && (ngx_uint_t) failed < relay->nrows) {
            ngx_str_null(&relay->rows[failed * NGX_LEADGEN_RELAY_NCOLS]);
        }
    }

    if (call->nrows) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "leadgen: relay: Redis refuses %ui of %ui messages: is "
                      "the key of a queue something else?",
                      call->nrows, relay->nrows);
    }

    revoked = ids + relay->nrows;
    nids = 0;
    nrevoked = 0;

    for (i = 0; i < relay->nrows; i++) {
        row = &relay->rows[i * NGX_LEADGEN_RELAY_NCOLS];

        if (row[NGX_LEADGEN_RELAY_ID].len == 0) {
            continue;
        }

        if (row[NGX_LEADGEN_RELAY_MARK].len) {
            ids[nids++] = row[NGX_LEADGEN_RELAY_ID];

        } else {
            revoked[nrevoked++] = row[NGX_LEADGEN_RELAY_ID];
        }
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_JOBS_RELAYED, nids);
    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_JOBS_REFUSED, call->nrows);

    if (ngx_leadgen_relay_array(&args[0], ids, nids, 1) == NGX_OK
        && ngx_leadgen_relay_array(&args[1], revoked, nrevoked, 1) == NGX_OK)
    {
        if (nids + nrevoked == 0) {
            relay->nrows = 0;
        }

        ngx_leadgen_relay_call(relay->database,
                               "select api.relay_done($1::uuid[], $2::uuid[])",
                               args, 2, ngx_leadgen_relay_done);
    }
}


/* As long as there may be more it goes on at once, but looks now and then. */

static void
ngx_leadgen_relay_done(ngx_leadgen_call_t *call)
{
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    relay->backoff = 0;

    if (relay->nrows
        && ngx_current_msec - relay->watched < NGX_LEADGEN_RELAY_INTERVAL)
    {
        ngx_leadgen_relay_rest(0);
        return;
    }

    ngx_leadgen_watcher_begin();
}


/* --- rounds --- */

void
ngx_leadgen_relay_call(ngx_leadgen_backend_t *backend, const char *statement,
    ngx_str_t *args, ngx_uint_t nargs, void (*done)(ngx_leadgen_call_t *call))
{
    ngx_uint_t           i;
    ngx_leadgen_call_t  *call;

    call = ngx_leadgen_call_create(ngx_leadgen_relay.pool, nargs);

    if (call) {
        call->statement = statement;
        call->done = ngx_leadgen_relay_answered;
        call->data = (void *) done;

        for (i = 0; i < nargs; i++) {
            call->args[i] = args[i];
        }
    }

    if (call == NULL || ngx_leadgen_call_submit(backend, call, 0) != NGX_OK) {
        ngx_leadgen_relay_failed(NULL);
    }
}


static void
ngx_leadgen_relay_answered(ngx_leadgen_call_t *call)
{
    void (*done)(ngx_leadgen_call_t *call);

    if (call->result != NGX_LEADGEN_CALL_OK) {
        ngx_leadgen_relay_failed(call);
        return;
    }

    done = (void (*)(ngx_leadgen_call_t *)) call->data;
    done(call);
}


/* What is not known to be done is done again: the marks make that harmless. */

static void
ngx_leadgen_relay_failed(const ngx_leadgen_call_t *call)
{
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    if (call && ngx_strcmp(call->code, "LG409") == 0) {
        relay->elected = 0;

    } else if (ngx_time() - relay->logged >= NGX_LEADGEN_RELAY_SILENCE) {
        relay->logged = ngx_time();
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "leadgen: relay: could not go on, jobs wait in "
                      "PostgreSQL: %V",
                      call && call->error.len
                      ? &call->error : &relay->conf->reason);
    }

    relay->backoff = relay->backoff
                     ? ngx_min(2 * relay->backoff, NGX_LEADGEN_RELAY_LONGEST)
                     : NGX_LEADGEN_RELAY_BACKOFF;

    relay->woken = 0;
    relay->hearing = 0;
    ngx_leadgen_relay_rest(relay->backoff);
}


void
ngx_leadgen_relay_rest(ngx_msec_t delay)
{
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    if (relay->pool) {
        ngx_destroy_pool(relay->pool);
        relay->pool = NULL;
    }

    ngx_leadgen_relay_arm(relay->woken && relay->elected ? 0 : delay);
}


static void
ngx_leadgen_relay_arm(ngx_msec_t delay)
{
    ngx_msec_t            elapsed;
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    elapsed = ngx_current_msec - relay->began;

    if (!relay->full && elapsed < NGX_LEADGEN_RELAY_PACE) {
        delay = ngx_max(delay, NGX_LEADGEN_RELAY_PACE - elapsed);
    }

    if (relay->timer.timer_set) {
        ngx_del_timer(&relay->timer);
    }

    ngx_add_timer(&relay->timer, delay);
}


/* --- values --- */

ngx_int_t
ngx_leadgen_relay_keep(ngx_str_t *dst, const ngx_str_t *src, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        dst[i].len = src[i].len;
        dst[i].data = ngx_pnalloc(ngx_leadgen_relay.pool, src[i].len + 1);

        if (dst[i].data == NULL) {
            ngx_leadgen_relay_rest(NGX_LEADGEN_RELAY_INTERVAL);
            return NGX_ERROR;
        }

        ngx_memcpy(dst[i].data, src[i].len ? src[i].data : (u_char *) "",
                   src[i].len);
    }

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_relay_array(ngx_str_t *array, const ngx_str_t *values,
    ngx_uint_t n, ngx_uint_t step)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i;

    len = 2;

    for (i = 0; i < n; i++) {
        len += values[i * step].len + 1;
    }

    p = ngx_pnalloc(ngx_leadgen_relay.pool, len);
    if (p == NULL) {
        ngx_leadgen_relay_rest(NGX_LEADGEN_RELAY_INTERVAL);
        return NGX_ERROR;
    }

    array->data = p;
    *p++ = '{';

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, values[i * step].data, values[i * step].len);
    }

    *p++ = '}';
    array->len = p - array->data;

    return NGX_OK;
}
