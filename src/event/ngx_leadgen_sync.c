
/*
 * Syncing: segments that were appended to enter, and are on the disk when their
 * waiters are told: one sync for all that was appended before it, within the
 * interval or, for fsync=always, as soon as the one before has ended.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_SYNC_MOST   16          /* segments at a time */
#define NGX_LEADGEN_SYNC_RETRY  20          /* milliseconds */
#define NGX_LEADGEN_SYNC_TRIES  2           /* in a row, on other segments */


/* Lifetime: worker. */

typedef struct {
    ngx_leadgen_backend_t     *threads;
    ngx_msec_t                 interval;    /* 0: never, or always */
    ngx_uint_t                 always;
    ngx_event_t                event;       /* as timer and posted */

    ngx_queue_t                waiting;     /* for the next sync */
    ngx_queue_t                served;      /* by the one under way */
    ngx_uint_t                 n;           /* segments under way; 0: none */
    ngx_leadgen_segment_t     *segments[NGX_LEADGEN_SYNC_MOST];
    ngx_uint_t                 failures;    /* in a row */
} ngx_leadgen_sync_t;


static void ngx_leadgen_sync_run(ngx_event_t *ev);
static ngx_uint_t ngx_leadgen_sync_collect(ngx_fd_t *fds);
static ssize_t ngx_leadgen_sync_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);
static void ngx_leadgen_sync_done(void *data, u_char *answer);
static void ngx_leadgen_sync_again(void);
static ngx_int_t ngx_leadgen_sync_failed(ngx_leadgen_segment_t *segment,
    ngx_err_t err);
static void ngx_leadgen_sync_tell(ngx_queue_t *queue, ngx_int_t rc);


static ngx_leadgen_sync_t  ngx_leadgen_sync;


void
ngx_leadgen_sync_start(const ngx_leadgen_spool_conf_t *conf,
    ngx_leadgen_backend_t *threads)
{
    ngx_leadgen_sync_t  *sync;

    sync = &ngx_leadgen_sync;

    ngx_memzero(sync, sizeof(ngx_leadgen_sync_t));

    ngx_queue_init(&sync->waiting);
    ngx_queue_init(&sync->served);
    sync->threads = threads;
    sync->interval = conf->sync;
    sync->always = conf->always;

    ngx_leadgen_job_event(&sync->event, ngx_leadgen_sync_run);
}


void
ngx_leadgen_sync_stop(void)
{
    ngx_event_t  *ev;

    ev = &ngx_leadgen_sync.event;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    ngx_leadgen_sync.threads = NULL;
}


void
ngx_leadgen_sync_touch(ngx_leadgen_segment_t *segment)
{
    ngx_event_t  *ev;

    segment->unsynced = 1;
    ev = &ngx_leadgen_sync.event;

    if (ngx_leadgen_sync.n || ev->timer_set || ev->posted) {
        return;
    }

    if (ngx_leadgen_sync.always) {
        /* behind what else this turn of the event loop appends */
        ngx_post_event(ev, &ngx_posted_events);

    } else if (ngx_leadgen_sync.interval) {
        ngx_add_timer(ev, ngx_leadgen_sync.interval);
    }
}


ngx_int_t
ngx_leadgen_sync_wait(ngx_leadgen_sync_waiter_t *waiter)
{
    if (!ngx_leadgen_sync.always || ngx_leadgen_sync.threads == NULL) {
        return NGX_OK;
    }

    waiter->waits = 1;
    ngx_queue_insert_tail(&ngx_leadgen_sync.waiting, &waiter->queue);

    return NGX_AGAIN;
}


void
ngx_leadgen_sync_leave(ngx_leadgen_sync_waiter_t *waiter)
{
    if (waiter->waits) {
        ngx_queue_remove(&waiter->queue);
        waiter->waits = 0;
    }
}


void
ngx_leadgen_sync_lose(void)
{
    ngx_leadgen_sync.failures++;
}


static void
ngx_leadgen_sync_run(ngx_event_t *ev)
{
    ngx_fd_t             fds[NGX_LEADGEN_SYNC_MOST];
    ngx_uint_t           i, n;
    ngx_leadgen_sync_t  *sync;

    sync = &ngx_leadgen_sync;

    if (sync->n) {
        return;
    }

    n = ngx_leadgen_sync_collect(fds);

    if (n == 0) {
        /* what failed has no successor, or all is in PostgreSQL by now */
        ngx_leadgen_sync_tell(&sync->waiting,
                              sync->failures ? NGX_ERROR : NGX_OK);
        return;
    }

    if (ngx_leadgen_job_start(sync->threads, ngx_leadgen_sync_work, fds,
                              n * sizeof(ngx_fd_t), ngx_leadgen_sync_done,
                              NULL)
        != NGX_OK)
    {
        ngx_add_timer(ev, sync->always ? NGX_LEADGEN_SYNC_RETRY
                                       : sync->interval);
        return;
    }

    sync->n = n;

    for (i = 0; i < n; i++) {
        sync->segments[i]->syncing = 1;
        sync->segments[i]->unsynced = 0;
        sync->segments[i]->reaching = sync->segments[i]->pos;
    }

    if (!ngx_queue_empty(&sync->waiting)) {
        ngx_queue_add(&sync->served, &sync->waiting);
        ngx_queue_init(&sync->waiting);
    }
}


/* Oldest first: what is left over comes next time. */

static ngx_uint_t
ngx_leadgen_sync_collect(ngx_fd_t *fds)
{
    ngx_uint_t              n;
    ngx_queue_t            *q, *segments;
    ngx_leadgen_segment_t  *segment;

    n = 0;
    segments = ngx_leadgen_spool_segments();

    for (q = ngx_queue_head(segments);
         q != ngx_queue_sentinel(segments) && n < NGX_LEADGEN_SYNC_MOST;
         q = ngx_queue_next(q))
    {
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

        if (segment->unsynced && !segment->failed) {
            ngx_leadgen_sync.segments[n] = segment;
            fds[n++] = segment->fd;
        }
    }

    return n;
}


/* The answer: an error for each descriptor, 0 where there was none. */

static ssize_t
ngx_leadgen_sync_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    ngx_fd_t    fd;
    ngx_err_t   err;
    ngx_uint_t  i, n;

    n = args[0].len / sizeof(ngx_fd_t);

    for (i = 0; i < n; i++) {
        ngx_memcpy(&fd, args[0].data + i * sizeof(ngx_fd_t), sizeof(ngx_fd_t));

        err = (fdatasync(fd) == -1) ? ngx_errno : 0;

        answer = ngx_cpymem(answer, &err, sizeof(err));
    }

    return n * sizeof(err);
}


static void
ngx_leadgen_sync_done(void *data, u_char *answer)
{
    ngx_err_t               err;
    ngx_int_t               rc;
    ngx_uint_t              i, n;
    ngx_leadgen_sync_t     *sync;
    ngx_leadgen_segment_t  *segment;

    sync = &ngx_leadgen_sync;
    n = sync->n;
    sync->n = 0;
    rc = NGX_OK;

    for (i = 0; i < n; i++) {
        segment = sync->segments[i];
        segment->syncing = 0;
        err = EIO;

        if (answer) {
            ngx_memcpy(&err, answer + i * sizeof(err), sizeof(err));
        }

        if (err == 0) {
            segment->synced = segment->reaching;

        } else if (ngx_leadgen_sync_failed(segment, err) != NGX_OK) {
            rc = NGX_ERROR;

        } else if (rc == NGX_OK) {
            rc = NGX_AGAIN;
        }
    }

    ngx_leadgen_metric_add(rc == NGX_OK
                           ? NGX_LEADGEN_METRIC_SYNCS_COMPLETED
                           : NGX_LEADGEN_METRIC_SYNCS_FAILED, 1);

    sync->failures = (rc == NGX_OK) ? 0 : sync->failures + 1;

    if (rc == NGX_AGAIN && sync->failures < NGX_LEADGEN_SYNC_TRIES) {

        /* their events stand in another segment now */

        if (!ngx_queue_empty(&sync->served)) {
            ngx_queue_add(&sync->waiting, &sync->served);
            ngx_queue_init(&sync->served);
        }

    } else {
        ngx_leadgen_sync_tell(&sync->served,
                              rc == NGX_OK ? NGX_OK : NGX_ERROR);
    }

    ngx_leadgen_sync_again();
    ngx_leadgen_pump_wake(0);
}


/* For what was appended while a sync was under way. */

static void
ngx_leadgen_sync_again(void)
{
    ngx_queue_t            *q, *segments;
    ngx_leadgen_segment_t  *segment;

    segments = ngx_leadgen_spool_segments();

    for (q = ngx_queue_head(segments);
         q != ngx_queue_sentinel(segments);
         q = ngx_queue_next(q))
    {
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

        if (segment->unsynced && !segment->failed) {
            ngx_leadgen_sync_touch(segment);
            return;
        }
    }

    if (!ngx_queue_empty(&ngx_leadgen_sync.waiting)
        && !ngx_leadgen_sync.event.posted)
    {
        ngx_post_event(&ngx_leadgen_sync.event, &ngx_posted_events);
    }
}


/*
 * After an error Linux takes the pages for clean: another try would succeed,
 * and nothing be on the disk.  NGX_OK: what was not synced is in another
 * segment; NGX_ERROR: there is none.
 */

static ngx_int_t
ngx_leadgen_sync_failed(ngx_leadgen_segment_t *segment, ngx_err_t err)
{
    ngx_int_t  rc;

    rc = ngx_leadgen_spool_replace(segment);

    ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, err,
                  "leadgen: sync: could not sync \"%s\", which is not used any "
                  "more: %s", segment->name,
                  rc == NGX_OK ? "its events are appended to another segment"
                               : "its last events may not survive the end of "
                                 "this machine");

    return rc;
}


static void
ngx_leadgen_sync_tell(ngx_queue_t *queue, ngx_int_t rc)
{
    ngx_queue_t                  told, *q;
    ngx_leadgen_sync_waiter_t  *waiter;

    if (ngx_queue_empty(queue)) {
        return;
    }

    /* who is told may make others wait, or end */

    ngx_queue_init(&told);
    ngx_queue_add(&told, queue);
    ngx_queue_init(queue);

    while (!ngx_queue_empty(&told)) {
        q = ngx_queue_head(&told);
        waiter = ngx_queue_data(q, ngx_leadgen_sync_waiter_t, queue);

        ngx_leadgen_sync_leave(waiter);

        waiter->handler(waiter->data, rc);
    }
}
