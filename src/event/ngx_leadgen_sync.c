
/*
 * Syncing: segments that were appended to enter, and are on the disk within the
 * interval.
 */


#include "ngx_leadgen_spool.h"


/* Lifetime: worker. */

typedef struct {
    ngx_leadgen_backend_t     *threads;
    ngx_msec_t                 interval;    /* 0: never */
    ngx_event_t                timer;
} ngx_leadgen_sync_t;


static void ngx_leadgen_sync_run(ngx_event_t *ev);
static ssize_t ngx_leadgen_sync_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);
static void ngx_leadgen_sync_done(void *data, u_char *answer);


static ngx_leadgen_sync_t  ngx_leadgen_sync;


void
ngx_leadgen_sync_start(ngx_msec_t interval, ngx_leadgen_backend_t *threads)
{
    ngx_memzero(&ngx_leadgen_sync, sizeof(ngx_leadgen_sync_t));

    ngx_leadgen_sync.threads = threads;
    ngx_leadgen_sync.interval = interval;

    ngx_leadgen_job_event(&ngx_leadgen_sync.timer, ngx_leadgen_sync_run);
}


void
ngx_leadgen_sync_stop(void)
{
    if (ngx_leadgen_sync.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_sync.timer);
    }
}


void
ngx_leadgen_sync_touch(ngx_leadgen_segment_t *segment)
{
    segment->unsynced = 1;

    if (ngx_leadgen_sync.interval && !ngx_leadgen_sync.timer.timer_set) {
        ngx_add_timer(&ngx_leadgen_sync.timer, ngx_leadgen_sync.interval);
    }
}


static void
ngx_leadgen_sync_run(ngx_event_t *ev)
{
    ngx_queue_t            *q, *segments;
    ngx_uint_t              again;
    ngx_leadgen_segment_t  *segment;

    again = 0;
    segments = ngx_leadgen_spool_segments();

    for (q = ngx_queue_head(segments);
         q != ngx_queue_sentinel(segments);
         q = ngx_queue_next(q))
    {
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

        if (!segment->unsynced) {
            continue;
        }

        if (segment->syncing
            || ngx_leadgen_job_start(ngx_leadgen_sync.threads,
                                     ngx_leadgen_sync_work,
                                     &segment->fd, sizeof(segment->fd),
                                     ngx_leadgen_sync_done, segment)
               != NGX_OK)
        {
            again = 1;
            continue;
        }

        segment->syncing = 1;
        segment->unsynced = 0;
    }

    if (again) {
        ngx_add_timer(ev, ngx_leadgen_sync.interval);
    }
}


static ssize_t
ngx_leadgen_sync_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    ngx_fd_t  fd;

    ngx_memcpy(&fd, args[0].data, sizeof(fd));

    if (fdatasync(fd) == -1) {
        return NGX_ERROR;
    }

    *answer = 1;

    return 1;
}


static void
ngx_leadgen_sync_done(void *data, u_char *answer)
{
    ngx_leadgen_segment_t  *segment;

    segment = data;
    segment->syncing = 0;

    if (answer == NULL) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "leadgen: sync: could not sync \"%s\": its events may "
                      "not survive the end of this machine", segment->name);
    }

    ngx_leadgen_pump_wake(0);
}
