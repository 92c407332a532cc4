
/*
 * Calls: a deadline, an owner and exactly one completion.
 */


#include "ngx_leadgen_link.h"


static void ngx_leadgen_call_timeout(ngx_event_t *ev);
static void ngx_leadgen_call_orphan(void *data);
static void ngx_leadgen_call_detach(ngx_leadgen_call_t *call);
static void ngx_leadgen_call_count(ngx_leadgen_call_result_e result);


ngx_leadgen_call_t *
ngx_leadgen_call_create(ngx_pool_t *pool, ngx_uint_t nargs)
{
    size_t               size;
    ngx_leadgen_call_t  *call;
    ngx_pool_cleanup_t  *cln;

    size = sizeof(ngx_leadgen_call_t) + nargs * sizeof(ngx_str_t);

    if (pool == NULL) {
        call = ngx_calloc(size, ngx_cycle->log);
        if (call == NULL) {
            return NULL;
        }

    } else {
        call = ngx_pcalloc(pool, size);
        cln = ngx_pool_cleanup_add(pool, 0);

        if (call == NULL || cln == NULL) {
            return NULL;
        }

        cln->handler = ngx_leadgen_call_orphan;
        cln->data = call;
    }

    call->pool = pool;
    call->nargs = nargs;
    call->args = (ngx_str_t *) &call[1];

    call->deadline.handler = ngx_leadgen_call_timeout;
    call->deadline.data = call;
    call->deadline.log = ngx_cycle->log;

    return call;
}


ngx_int_t
ngx_leadgen_call_submit(ngx_leadgen_backend_t *backend,
    ngx_leadgen_call_t *call, ngx_msec_t timeout)
{
    if (backend->stopped
        || backend->failures >= NGX_LEADGEN_LINK_FAILURES
        || backend->nwaiting >= backend->conf->queue)
    {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_CALLS_REFUSED, 1);
        return NGX_BUSY;
    }

    call->backend = backend;
    call->waiting = 1;

    ngx_queue_insert_tail(&backend->waiting, &call->queue);
    backend->nwaiting++;

    /* not cancelable: a worker that shuts down waits for its calls */

    ngx_add_timer(&call->deadline, timeout ? timeout : backend->conf->timeout);

    ngx_leadgen_backend_dispatch(backend);

    return NGX_OK;
}


void
ngx_leadgen_call_finish(ngx_leadgen_call_t *call,
    ngx_leadgen_call_result_e result)
{
    ngx_uint_t  is_ours;

    ngx_leadgen_call_detach(call);
    ngx_leadgen_call_count(result);

    call->result = result;
    is_ours = (call->pool == NULL);

    /* which may free the call, if it is not ours to free */

    call->done(call);

    if (is_ours) {
        ngx_free(call);
    }
}


void
ngx_leadgen_call_cancel(ngx_leadgen_call_t *call)
{
    ngx_leadgen_call_detach(call);

    if (call->pool == NULL) {
        ngx_free(call);
    }
}


void
ngx_leadgen_call_dequeue(ngx_leadgen_call_t *call)
{
    ngx_queue_remove(&call->queue);
    call->backend->nwaiting--;
    call->waiting = 0;
}


static void
ngx_leadgen_call_timeout(ngx_event_t *ev)
{
    ngx_leadgen_call_t         *call;
    ngx_leadgen_link_t         *link;
    ngx_leadgen_call_result_e   result;

    call = ev->data;
    result = NGX_LEADGEN_CALL_UNSENT;

    if (call->slot) {
        link = call->link;
        call->backend->failures++;
        ngx_leadgen_link_overdue(link);
        result = NGX_LEADGEN_CALL_TIMEOUT;
    }

    ngx_leadgen_call_finish(call, result);
}


static void
ngx_leadgen_call_orphan(void *data)
{
    ngx_leadgen_call_detach(data);
}


/* The slot stays behind, empty, so that the answer still finds its place. */

static void
ngx_leadgen_call_detach(ngx_leadgen_call_t *call)
{
    if (call->deadline.timer_set) {
        ngx_del_timer(&call->deadline);
    }

    if (call->waiting) {
        ngx_leadgen_call_dequeue(call);
    }

    if (call->slot) {
        *call->slot = NULL;
        call->slot = NULL;
    }
}


static void
ngx_leadgen_call_count(ngx_leadgen_call_result_e result)
{
    ngx_leadgen_metric_e  metric;

    switch (result) {

    case NGX_LEADGEN_CALL_OK:
    case NGX_LEADGEN_CALL_REFUSED:
        metric = NGX_LEADGEN_METRIC_CALLS_COMPLETED;
        break;

    case NGX_LEADGEN_CALL_LOST:
        metric = NGX_LEADGEN_METRIC_CALLS_FAILED;
        break;

    default:
        metric = NGX_LEADGEN_METRIC_CALLS_TIMED_OUT;
        break;
    }

    ngx_leadgen_metric_add(metric, 1);
}
