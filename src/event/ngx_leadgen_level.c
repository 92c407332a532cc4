
/*
 * The spool's level: what the directory holds enters once a second, and how
 * full it is leaves, for the modes of events and in shared memory for health.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_LEVEL_INTERVAL  1000    /* milliseconds */
#define NGX_LEADGEN_LEVEL_RECENT    3       /* seconds */


/* Lifetime: worker. */

typedef struct {
    ngx_leadgen_backend_t     *threads;
    uint64_t                   limit;       /* size= */
    uint64_t                   capacity;    /* that, or what the disk has */
    uint64_t                   used;        /* by all, when it was looked at */
    uint64_t                   appended;    /* by this worker, ever */
    uint64_t                   begin;       /* of it before the look */
    uint64_t                   looking;     /* of it before the next one */
    ngx_event_t                timer;
    ngx_leadgen_level_e        told;
} ngx_leadgen_level_state_t;


static void ngx_leadgen_level_look(ngx_event_t *ev);
static ssize_t ngx_leadgen_level_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);
static void ngx_leadgen_level_seen(void *data, u_char *answer);
static void ngx_leadgen_level_tell(void);
static ngx_leadgen_level_e ngx_leadgen_level_of(uint64_t used,
    uint64_t capacity);


static ngx_leadgen_level_state_t  ngx_leadgen_level;


void
ngx_leadgen_level_start(uint64_t limit, ngx_leadgen_backend_t *threads)
{
    ngx_memzero(&ngx_leadgen_level, sizeof(ngx_leadgen_level_state_t));

    ngx_leadgen_level.threads = threads;
    ngx_leadgen_level.limit = limit;
    ngx_leadgen_level.capacity = limit;

    ngx_leadgen_job_event(&ngx_leadgen_level.timer, ngx_leadgen_level_look);
    ngx_add_timer(&ngx_leadgen_level.timer, 1);
}


void
ngx_leadgen_level_stop(void)
{
    if (ngx_leadgen_level.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_level.timer);
    }

    ngx_leadgen_level.threads = NULL;
}


void
ngx_leadgen_level_add(size_t size)
{
    ngx_leadgen_level.appended += size;
}


void
ngx_leadgen_level_refused(void)
{
    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SPOOL_REFUSED_AT, ngx_time());
}


ngx_uint_t
ngx_leadgen_level_admits(ngx_leadgen_mode_e mode)
{
    ngx_leadgen_level_e         level;
    ngx_leadgen_level_state_t  *state;

    if (mode == NGX_LEADGEN_MODE_STRICT) {
        return 1;
    }

    state = &ngx_leadgen_level;
    level = ngx_leadgen_level_of(state->used + state->appended - state->begin,
                                 state->capacity);

    return level < (mode == NGX_LEADGEN_MODE_BEST_EFFORT
                    ? NGX_LEADGEN_LEVEL_DEGRADED : NGX_LEADGEN_LEVEL_STRICT);
}


ngx_int_t
ngx_leadgen_level_get(ngx_leadgen_level_t *level)
{
    time_t  refused;

    level->used = ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_SPOOL_BYTES);
    level->limit = ngx_leadgen_metric_get(
                                        NGX_LEADGEN_METRIC_SPOOL_LIMIT_BYTES);
    level->quarantine = ngx_leadgen_metric_get(
                                    NGX_LEADGEN_METRIC_SPOOL_QUARANTINE_BYTES);
    refused = ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_SPOOL_REFUSED_AT);

    level->level = ngx_leadgen_level_of(level->used, level->limit);

    if (ngx_time() - refused < NGX_LEADGEN_LEVEL_RECENT) {
        level->level = NGX_LEADGEN_LEVEL_FULL;
    }

    return level->limit ? NGX_OK : NGX_DECLINED;
}


static ngx_leadgen_level_e
ngx_leadgen_level_of(uint64_t used, uint64_t capacity)
{
    uint64_t  percent;

    percent = used * 100 / ngx_max(capacity, 1);

    if (percent >= 100) {
        return NGX_LEADGEN_LEVEL_FULL;
    }

    return (percent >= 70) + (percent >= 85) + (percent >= 95);
}


static void
ngx_leadgen_level_look(ngx_event_t *ev)
{
    int  directory;

    directory = ngx_leadgen_spool_directory();
    ngx_leadgen_level.looking = ngx_leadgen_level.appended;

    if (directory == -1
        || ngx_leadgen_job_start(ngx_leadgen_level.threads,
                                 ngx_leadgen_level_work,
                                 &directory, sizeof(directory),
                                 ngx_leadgen_level_seen, NULL)
           != NGX_OK)
    {
        ngx_add_timer(ev, NGX_LEADGEN_LEVEL_INTERVAL);
    }
}


static ssize_t
ngx_leadgen_level_work(const ngx_str_t *args, ngx_uint_t nargs, u_char *answer,
    size_t size)
{
    int                       directory;
    ngx_leadgen_scan_usage_t  usage;

    ngx_memcpy(&directory, args[0].data, sizeof(directory));

    if (ngx_leadgen_scan_usage(directory, &usage) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(answer, &usage, sizeof(usage));

    return sizeof(usage);
}


static void
ngx_leadgen_level_seen(void *data, u_char *answer)
{
    ngx_leadgen_scan_usage_t    usage;
    ngx_leadgen_level_state_t  *state;

    state = &ngx_leadgen_level;

    if (state->threads == NULL) {
        return;
    }

    if (!ngx_exiting) {
        ngx_add_timer(&state->timer, NGX_LEADGEN_LEVEL_INTERVAL);
    }

    if (answer == NULL) {
        return;
    }

    ngx_memcpy(&usage, answer, sizeof(usage));

    state->used = usage.used;
    state->begin = state->looking;
    state->capacity = ngx_min(state->limit, usage.files + usage.available);

    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SPOOL_BYTES, usage.used);
    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SPOOL_LIMIT_BYTES,
                           ngx_max(state->capacity, 1));
    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SPOOL_QUARANTINE_BYTES,
                           usage.quarantine);

    ngx_leadgen_level_tell();
}


static void
ngx_leadgen_level_tell(void)
{
    ngx_leadgen_level_t         level;
    ngx_leadgen_level_state_t  *state;

    state = &ngx_leadgen_level;

    if (ngx_leadgen_level_get(&level) != NGX_OK) {
        return;
    }

    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SPOOL_LEVEL, level.level);

    if (level.level > state->told) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "leadgen: level: the spool is filling up: %uL of %uL "
                      "bytes are taken", level.used, level.limit);

    } else if (level.level == NGX_LEADGEN_LEVEL_LOW && state->told) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: level: the spool has room again");
    }

    state->told = level.level;
}
