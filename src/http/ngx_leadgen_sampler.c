
/*
 * The sampler: a worker's own figures enter the metrics, twice a second.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_SAMPLER_INTERVAL  500   /* milliseconds */


/* Lifetime: worker. */

static struct {
    ngx_event_t    timer;
    ngx_fd_t       memory;                  /* /proc/self/statm */
} ngx_leadgen_sampler = { .memory = NGX_INVALID_FILE };


static void ngx_leadgen_sampler_run(ngx_event_t *ev);
static void ngx_leadgen_sampler_memory(void);
static void ngx_leadgen_sampler_spool(void);


void
ngx_leadgen_sampler_start(ngx_cycle_t *cycle)
{
    ngx_event_t              *ev;
    static ngx_connection_t   none = { .fd = (ngx_socket_t) -1 };

    ngx_leadgen_metric_attach(ngx_worker);

    /* opened once: to open files is not for the event loop */

    ngx_leadgen_sampler.memory = ngx_open_file("/proc/self/statm",
                                               NGX_FILE_RDONLY|O_CLOEXEC,
                                               NGX_FILE_OPEN, 0);

    ev = &ngx_leadgen_sampler.timer;
    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_leadgen_sampler_run;
    ev->data = &none;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 1);
}


void
ngx_leadgen_sampler_stop(void)
{
    if (ngx_leadgen_sampler.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_sampler.timer);
    }

    if (ngx_leadgen_sampler.memory != NGX_INVALID_FILE) {
        (void) ngx_close_file(ngx_leadgen_sampler.memory);
        ngx_leadgen_sampler.memory = NGX_INVALID_FILE;
    }
}


/* After a reload the place is the next worker's. */

static void
ngx_leadgen_sampler_run(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    ngx_leadgen_metric_beat();
    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_CONNECTIONS,
                           ngx_cycle->connection_n
                           - ngx_cycle->free_connection_n);
    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_REVOCATION_LAG,
                           ngx_leadgen_worker.database
                           ? 1000 * ngx_leadgen_revocation_age() : 0);
    ngx_leadgen_sampler_memory();
    ngx_leadgen_sampler_spool();
    ngx_leadgen_backend_sample();

    ngx_add_timer(ev, NGX_LEADGEN_SAMPLER_INTERVAL);
}


/* proc(5): size and resident, in pages. */

static void
ngx_leadgen_sampler_memory(void)
{
    u_char     text[128], *resident, *end;
    ssize_t    n;
    ngx_int_t  pages;

    if (ngx_leadgen_sampler.memory == NGX_INVALID_FILE) {
        return;
    }

    n = pread(ngx_leadgen_sampler.memory, text, sizeof(text), 0);

    if (n <= 0) {
        return;
    }

    resident = ngx_strlchr(text, text + n, ' ');
    end = resident ? ngx_strlchr(resident + 1, text + n, ' ') : NULL;

    if (end == NULL) {
        return;
    }

    pages = ngx_atoi(resident + 1, end - resident - 1);

    if (pages != NGX_ERROR) {
        ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_RESIDENT_MEMORY,
                               pages * ngx_pagesize);
    }
}


static void
ngx_leadgen_sampler_spool(void)
{
    uint64_t  now, oldest;

    oldest = ngx_leadgen_worker.audit ? ngx_leadgen_age_oldest() : 0;
    now = ngx_leadgen_time_now();

    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SPOOL_OLDEST,
                           oldest && now > oldest ? (now - oldest) / 1000 : 0);
}
