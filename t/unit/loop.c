
/*
 * Stand-ins for nginx's timers and posted events, for src/io and src/shm.
 */


#include "loop.h"


#define LOOP_TIMERS  32


struct ngx_leadgen_backend_s {
    ngx_queue_t                calls;
};


static ngx_leadgen_backend_t   threads_, database_;
static ngx_rbtree_node_t      *timers[LOOP_TIMERS];

ngx_leadgen_backend_t         *loop_threads = &threads_;
ngx_leadgen_backend_t         *loop_database = &database_;
ngx_uint_t                     loop_threads_busy;
ngx_uint_t                     loop_database_down;
void                         (*loop_query)(ngx_leadgen_call_t *call);
ngx_uint_t                     loop_metrics[NGX_LEADGEN_NMETRICS];

ngx_rbtree_t                   ngx_event_timer_rbtree;
ngx_queue_t                    ngx_posted_events;
ngx_uint_t                     ngx_exiting;


/* --- timers --- */

void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    ngx_uint_t  i;

    for (i = 0; i < LOOP_TIMERS; i++) {
        if (timers[i] == NULL) {
            timers[i] = node;
            return;
        }
    }

    abort();
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    ngx_uint_t  i;

    for (i = 0; i < LOOP_TIMERS; i++) {
        if (timers[i] == node) {
            timers[i] = NULL;
            return;
        }
    }

    abort();
}


static ngx_event_t *
loop_event(ngx_rbtree_node_t *node)
{
    return (ngx_event_t *) ((char *) node - offsetof(ngx_event_t, timer));
}


ngx_uint_t
loop_holds(void)
{
    ngx_uint_t  i;

    for (i = 0; i < LOOP_TIMERS; i++) {
        if (timers[i] && !loop_event(timers[i])->cancelable) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
loop_expire(void)
{
    ngx_uint_t    i;
    ngx_event_t  *ev;

    for (i = 0; i < LOOP_TIMERS; i++) {
        if (timers[i]
            && (ngx_msec_int_t) (timers[i]->key - ngx_current_msec) <= 0)
        {
            ev = loop_event(timers[i]);
            timers[i] = NULL;
            ev->timer_set = 0;
            ev->timedout = 1;
            ev->handler(ev);
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
loop_posted(void)
{
    ngx_queue_t  *q;
    ngx_event_t  *ev;

    if (ngx_queue_empty(&ngx_posted_events)) {
        return 0;
    }

    q = ngx_queue_head(&ngx_posted_events);
    ev = ngx_queue_data(q, ngx_event_t, queue);
    ngx_delete_posted_event(ev);
    ev->handler(ev);

    return 1;
}


/* --- calls --- */

ngx_leadgen_call_t *
ngx_leadgen_call_create(ngx_pool_t *pool, ngx_uint_t nargs)
{
    ngx_leadgen_call_t  *call;

    call = calloc(1, sizeof(ngx_leadgen_call_t) + nargs * sizeof(ngx_str_t));
    if (call == NULL) {
        return NULL;
    }

    call->nargs = nargs;
    call->args = (ngx_str_t *) (call + 1);

    return call;
}


ngx_int_t
ngx_leadgen_call_submit(ngx_leadgen_backend_t *backend,
    ngx_leadgen_call_t *call, ngx_msec_t timeout)
{
    if (backend == loop_threads && loop_threads_busy) {
        return NGX_BUSY;
    }

    call->waiting = 1;
    ngx_queue_insert_tail(&backend->calls, &call->queue);

    return NGX_OK;
}


void
ngx_leadgen_call_cancel(ngx_leadgen_call_t *call)
{
    if (call->waiting) {
        ngx_queue_remove(&call->queue);
    }

    free(call);
}


ngx_uint_t
ngx_leadgen_backend_is_up(ngx_leadgen_backend_t *backend)
{
    return !loop_database_down;
}


static ngx_int_t
loop_call(ngx_leadgen_backend_t *backend)
{
    u_char               answer[256];
    ssize_t              n;
    ngx_str_t            value;
    ngx_queue_t         *q;
    ngx_leadgen_call_t  *call;

    if (ngx_queue_empty(&backend->calls)) {
        return 0;
    }

    q = ngx_queue_head(&backend->calls);
    ngx_queue_remove(q);

    call = ngx_queue_data(q, ngx_leadgen_call_t, queue);
    call->waiting = 0;

    if (backend == loop_threads) {
        n = call->work(call->args, call->nargs, answer, sizeof(answer));

        call->result = n < 0 ? NGX_LEADGEN_CALL_REFUSED : NGX_LEADGEN_CALL_OK;
        call->nrows = n < 0 ? 0 : 1;
        call->ncols = call->nrows;
        value.data = answer;
        value.len = n < 0 ? 0 : (size_t) n;
        call->values = &value;

    } else {
        loop_query(call);
    }

    call->done(call);
    free(call);

    return 1;
}


void
loop_pass(ngx_msec_t milliseconds)
{
    ngx_msec_t  end;

    end = ngx_current_msec + milliseconds;

    for ( ;; ) {
        while (loop_posted() || loop_expire() || loop_call(loop_threads)
               || loop_call(loop_database))
        {
            /* void */
        }

        if (ngx_current_msec == end) {
            return;
        }

        ngx_current_msec++;
    }
}


/* --- metrics --- */

void
ngx_leadgen_metric_add(ngx_leadgen_metric_e metric, ngx_uint_t n)
{
    loop_metrics[metric] += n;
}


void
ngx_leadgen_metric_set(ngx_leadgen_metric_e metric, ngx_uint_t value)
{
    loop_metrics[metric] = value;
}


ngx_uint_t
ngx_leadgen_metric_get(ngx_leadgen_metric_e metric)
{
    return loop_metrics[metric];
}


uint64_t
ngx_leadgen_histogram_now(void)
{
    return 0;
}


uint64_t
ngx_leadgen_histogram_begin(ngx_leadgen_histogram_e histogram)
{
    (void) histogram;

    return 0;
}


void
ngx_leadgen_histogram_observe(ngx_leadgen_histogram_e histogram,
    uint64_t began)
{
    (void) histogram;
    (void) began;
}


/* --- directories --- */

static char  directory[] = "/tmp/leadgen-unit-XXXXXX";


static void
loop_clean(void)
{
    char  command[128];

    (void) snprintf(command, sizeof(command), "rm -rf %s", directory);

    if (system(command) != 0) {
        abort();
    }
}


char *
loop_directory(void)
{
    static char        path[64];
    static ngx_uint_t  n;

    if (n++ == 0) {
        if (mkdtemp(directory) == NULL) {
            abort();
        }

        (void) atexit(loop_clean);

        ngx_queue_init(&ngx_posted_events);
        ngx_queue_init(&threads_.calls);
        ngx_queue_init(&database_.calls);
    }

    (void) snprintf(path, sizeof(path), "%s/%u", directory, (unsigned) n);

    if (mkdir(path, 0700) == -1) {
        abort();
    }

    return path;
}
