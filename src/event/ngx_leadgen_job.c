
/*
 * Jobs: the event layer's work that may block leaves the event loop as a call
 * to a thread, and its answer comes back.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_JOB_TIMEOUT  60000


/* Lifetime: from start until the call completes. */

typedef struct {
    ngx_leadgen_job_done_pt    done;
    void                      *data;
    ngx_str_t                  arg;
} ngx_leadgen_job_t;


static void ngx_leadgen_job_done(ngx_leadgen_call_t *call);


ngx_int_t
ngx_leadgen_job_start(ngx_leadgen_backend_t *threads,
    ngx_leadgen_call_work_pt work, const void *arg, size_t len,
    ngx_leadgen_job_done_pt done, void *data)
{
    ngx_leadgen_job_t   *job;
    ngx_leadgen_call_t  *call;

    job = ngx_alloc(sizeof(ngx_leadgen_job_t) + len, ngx_cycle->log);
    if (job == NULL) {
        return NGX_BUSY;
    }

    call = ngx_leadgen_call_create(NULL, 1);
    if (call == NULL) {
        ngx_free(job);
        return NGX_BUSY;
    }

    job->done = done;
    job->data = data;
    job->arg.len = len;
    job->arg.data = (u_char *) (job + 1);
    ngx_memcpy(job->arg.data, arg, len);

    call->done = ngx_leadgen_job_done;
    call->data = job;
    call->work = work;
    call->args[0] = job->arg;

    if (ngx_leadgen_call_submit(threads, call, NGX_LEADGEN_JOB_TIMEOUT)
        != NGX_OK)
    {
        ngx_leadgen_call_cancel(call);
        ngx_free(job);
        return NGX_BUSY;
    }

    return NGX_OK;
}


static void
ngx_leadgen_job_done(ngx_leadgen_call_t *call)
{
    u_char             *answer;
    ngx_leadgen_job_t  *job;

    job = call->data;
    answer = NULL;

    if (call->result == NGX_LEADGEN_CALL_OK && call->nrows
        && call->values[0].len)
    {
        answer = call->values[0].data;
    }

    if (job->done) {
        job->done(job->data, answer);
    }

    ngx_free(job);
}


/* nginx's debug log looks into data for a connection. */

void
ngx_leadgen_job_event(ngx_event_t *ev, ngx_event_handler_pt handler)
{
    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ev->handler = handler;
    ev->data = &none;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;
}
