
/*
 * Adoption: segments of dead workers enter, one worker's at a time; their
 * events leave first, and only then the intents, so that an intent whose
 * outcome is known by then adds nothing.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_ADOPT_INTERVAL  5000    /* milliseconds */
#define NGX_LEADGEN_ADOPT_RETRY     500


/* Lifetime: worker. */

typedef struct {
    ngx_leadgen_backend_t     *threads;
    ngx_event_t                timer;
    ngx_leadgen_scan_group_t  *group;
    ngx_uint_t                 warned;
} ngx_leadgen_adopt_t;


static void ngx_leadgen_adopt_scan(ngx_event_t *ev);
static void ngx_leadgen_adopt_found(void *data, u_char *answer);
static void ngx_leadgen_adopt_tell(const ngx_leadgen_scan_group_t *group);
static ngx_int_t ngx_leadgen_adopt_finish(void);


static ngx_leadgen_adopt_t  ngx_leadgen_adopt;


void
ngx_leadgen_adopt_start(ngx_leadgen_backend_t *threads)
{
    ngx_memzero(&ngx_leadgen_adopt, sizeof(ngx_leadgen_adopt_t));

    ngx_leadgen_adopt.threads = threads;

    ngx_leadgen_job_event(&ngx_leadgen_adopt.timer, ngx_leadgen_adopt_scan);
    ngx_add_timer(&ngx_leadgen_adopt.timer, 1);
}


void
ngx_leadgen_adopt_stop(void)
{
    if (ngx_leadgen_adopt.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_adopt.timer);
    }

    if (ngx_leadgen_adopt.group) {
        ngx_leadgen_scan_drop(ngx_leadgen_adopt.group);
        free(ngx_leadgen_adopt.group);
        ngx_leadgen_adopt.group = NULL;
    }
}


ngx_queue_t *
ngx_leadgen_adopt_segments(void)
{
    return ngx_leadgen_adopt.group ? &ngx_leadgen_adopt.group->segments : NULL;
}


static void
ngx_leadgen_adopt_scan(ngx_event_t *ev)
{
    int  directory;

    if (ngx_exiting) {
        return;
    }

    directory = ngx_leadgen_spool_directory();

    if (directory == -1
        || ngx_leadgen_job_start(ngx_leadgen_adopt.threads,
                                 ngx_leadgen_scan_work,
                                 &directory, sizeof(directory),
                                 ngx_leadgen_adopt_found, NULL)
           != NGX_OK)
    {
        ngx_add_timer(ev, NGX_LEADGEN_ADOPT_RETRY);
    }
}


static void
ngx_leadgen_adopt_found(void *data, u_char *answer)
{
    ngx_leadgen_scan_group_t  *group;

    group = NULL;

    if (answer) {
        ngx_memcpy(&group, answer, sizeof(group));
    }

    if (group && group->foreign && !ngx_leadgen_adopt.warned) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "leadgen: adopt: %ui files of the spool have a header "
                      "that is not of this version; they are left alone",
                      group->foreign);
        ngx_leadgen_adopt.warned = 1;
    }

    if (group && group->n) {
        ngx_leadgen_adopt.group = group;
        ngx_leadgen_adopt_tell(group);
        ngx_leadgen_pump_wake(0);
        return;
    }

    free(group);

    ngx_add_timer(&ngx_leadgen_adopt.timer, NGX_LEADGEN_ADOPT_INTERVAL);
}


static void
ngx_leadgen_adopt_tell(const ngx_leadgen_scan_group_t *group)
{
    ngx_queue_t            *q;
    ngx_leadgen_segment_t  *segment;

    q = ngx_queue_head(&group->segments);
    segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "leadgen: adopt: took over %ui segments of worker %uD",
                  group->n, segment->header->pid);

    for ( /* void */ ;
         q != ngx_queue_sentinel(&group->segments);
         q = ngx_queue_next(q))
    {
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

        if (segment->unread) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "leadgen: adopt: %uz bytes of \"%s\" are damaged; "
                          "it goes to quarantine when the rest is shipped",
                          segment->unread, segment->name);
        }
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SEGMENTS_ADOPTED, group->n);
}


ngx_int_t
ngx_leadgen_adopt_read(ngx_leadgen_batch_t *batch, ngx_uint_t max)
{
    ngx_queue_t               *q;
    ngx_leadgen_segment_t     *segment;
    ngx_leadgen_scan_group_t  *group;

    group = ngx_leadgen_adopt.group;

    if (group == NULL) {
        return NGX_DONE;
    }

    for ( ;; ) {
        batch->kind = group->kind;

        for (q = ngx_queue_head(&group->segments);
             q != ngx_queue_sentinel(&group->segments);
             q = ngx_queue_next(q))
        {
            segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

            if (ngx_leadgen_batch_read(batch, segment, max) == NGX_OK) {
                return NGX_OK;
            }
        }

        if (group->kind == NGX_LEADGEN_FRAME_INTENT) {
            return ngx_leadgen_adopt_finish();
        }

        group->kind = NGX_LEADGEN_FRAME_INTENT;

        for (q = ngx_queue_head(&group->segments);
             q != ngx_queue_sentinel(&group->segments);
             q = ngx_queue_next(q))
        {
            segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);
            segment->cursor = segment->start;
        }
    }
}


static ngx_int_t
ngx_leadgen_adopt_finish(void)
{
    ngx_uint_t                 damaged;
    ngx_queue_t               *q;
    ngx_leadgen_segment_t     *segment;
    ngx_leadgen_scan_group_t  *group;

    group = ngx_leadgen_adopt.group;

    while (!ngx_queue_empty(&group->segments)) {
        q = ngx_queue_head(&group->segments);
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);
        damaged = (segment->unread != 0);

        /* a thread may free it at once */
        ngx_queue_remove(q);

        if (ngx_leadgen_segment_retire(ngx_leadgen_adopt.threads, segment)
            != NGX_OK)
        {
            ngx_queue_insert_head(&group->segments, q);
            return NGX_AGAIN;
        }

        if (damaged) {
            ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SEGMENTS_QUARANTINED,
                                   1);
        }
    }

    free(group);
    ngx_leadgen_adopt.group = NULL;

    ngx_add_timer(&ngx_leadgen_adopt.timer, 1);

    return NGX_DONE;
}
