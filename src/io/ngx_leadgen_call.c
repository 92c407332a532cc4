
/*
 * Calls: arguments go in, and one completion comes out, unless the owner goes
 * first.
 */


#include "ngx_leadgen_link.h"


#define NGX_LEADGEN_CALL_ERROR  1024        /* bytes of a server's message */


static void ngx_leadgen_call_cleanup(void *data);
static void ngx_leadgen_call_expire(ngx_event_t *ev);
static void ngx_leadgen_call_deliver(ngx_event_t *ev);


ngx_leadgen_call_t *
ngx_leadgen_call_create(ngx_pool_t *pool, ngx_uint_t nargs)
{
    size_t               size;
    ngx_pool_cleanup_t  *cln;
    ngx_leadgen_call_t  *call;

    size = sizeof(ngx_leadgen_call_t) + nargs * sizeof(ngx_str_t);

    if (pool) {
        cln = ngx_pool_cleanup_add(pool, 0);
        call = ngx_pcalloc(pool, size);

        if (cln == NULL || call == NULL) {
            return NULL;
        }

        cln->handler = ngx_leadgen_call_cleanup;
        cln->data = call;

    } else {
        call = ngx_calloc(size, ngx_cycle->log);
        if (call == NULL) {
            return NULL;
        }

        call->owned = 1;
    }

    call->pool = pool;
    call->nargs = nargs;
    call->args = (ngx_str_t *) (call + 1);

    /* not cancelable: it holds a worker that exits until the call is over */

    call->deadline.handler = ngx_leadgen_call_expire;
    call->deadline.data = call;
    call->deadline.log = ngx_cycle->log;

    return call;
}


ngx_int_t
ngx_leadgen_call_submit(ngx_leadgen_backend_t *backend,
    ngx_leadgen_call_t *call, ngx_msec_t timeout)
{
    if (!ngx_leadgen_backend_accepts(backend)) {
        ngx_leadgen_series_add(backend->series, NGX_LEADGEN_BACKEND_REFUSED,
                               1);
        return NGX_BUSY;
    }

    call->backend = backend;
    call->repeated = 0;
    call->began = ngx_leadgen_histogram_now();

    ngx_add_timer(&call->deadline, timeout ? timeout : backend->conf->timeout);

    ngx_leadgen_call_enqueue(call, ngx_queue_last(&backend->waiting));
    ngx_leadgen_backend_dispatch(backend);

    return NGX_OK;
}


void
ngx_leadgen_call_cancel(ngx_leadgen_call_t *call)
{
    ngx_leadgen_call_detach(call);

    if (call->owned) {
        ngx_free(call);
    }
}


static void
ngx_leadgen_call_cleanup(void *data)
{
    ngx_leadgen_call_cancel(data);
}


void
ngx_leadgen_call_finish(ngx_leadgen_call_t *call,
    ngx_leadgen_call_result_e result)
{
    u_char      text[4 * NGX_LEADGEN_CALL_ERROR];
    ngx_uint_t  owned;

    static const ngx_leadgen_backend_metric_e  metrics[] = {
        NGX_LEADGEN_BACKEND_COMPLETED,      /* OK */
        NGX_LEADGEN_BACKEND_COMPLETED,      /* REFUSED: an answer, too */
        NGX_LEADGEN_BACKEND_FAILED,         /* LOST */
        NGX_LEADGEN_BACKEND_FAILED,         /* UNSENT */
        NGX_LEADGEN_BACKEND_TIMED_OUT       /* TIMEOUT */
    };

    ngx_leadgen_call_detach(call);
    ngx_leadgen_series_add(call->backend->series, metrics[result], 1);
    ngx_leadgen_series_observe(call->backend->series, call->began);

    /* it goes on into lines of logs, and may quote anybody */

    if (call->error.len) {
        call->error = ngx_leadgen_text_shown(text, sizeof(text), &call->error);
    }

    /* so that to cancel the call in done() does not free it */

    owned = call->owned;
    call->owned = 0;

    call->result = result;
    call->done(call);

    if (owned) {
        ngx_free(call);
    }
}


void
ngx_leadgen_call_finish_later(ngx_leadgen_call_t *call,
    ngx_leadgen_call_result_e result)
{
    ngx_leadgen_call_detach(call);

    call->result = result;
    call->deadline.handler = ngx_leadgen_call_deliver;

    ngx_add_timer(&call->deadline, 0);
}


static void
ngx_leadgen_call_deliver(ngx_event_t *ev)
{
    ngx_leadgen_call_t  *call = ev->data;

    ngx_leadgen_call_finish(call, call->result);
}


static void
ngx_leadgen_call_expire(ngx_event_t *ev)
{
    ngx_leadgen_call_t     *call = ev->data;
    ngx_leadgen_backend_t  *backend;

    if (call->waiting) {
        ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_UNSENT);
        return;
    }

    backend = call->backend;

    ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_TIMEOUT);
    ngx_leadgen_backend_failed(backend);
}


void
ngx_leadgen_call_enqueue(ngx_leadgen_call_t *call, ngx_queue_t *after)
{
    ngx_queue_insert_after(after, &call->queue);

    call->waiting = 1;
    call->backend->nwaiting++;
}


/* The slot stays behind, empty, so that the answer still finds its place. */

void
ngx_leadgen_call_detach(ngx_leadgen_call_t *call)
{
    if (call->deadline.timer_set) {
        ngx_del_timer(&call->deadline);
    }

    if (call->waiting) {
        ngx_queue_remove(&call->queue);
        call->waiting = 0;
        call->backend->nwaiting--;
    }

    if (call->slot) {
        *call->slot = NULL;
        call->slot = NULL;
    }
}
