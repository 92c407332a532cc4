
/*
 * The thread driver: work goes in, runs in a thread of nginx's pool on copies
 * of its arguments, and its answer comes out.  A link is one such thread at a
 * time.
 */


#include "ngx_leadgen_link.h"
#include <ngx_thread_pool.h>


#define NGX_LEADGEN_THREAD_ANSWER  65536    /* bytes, at most */


/* Lifetime: worker.  Between post and done it is the thread's. */

typedef struct {
    ngx_thread_task_t          task;
    ngx_leadgen_link_t        *link;
    ngx_leadgen_call_work_pt   work;
    ngx_uint_t                 nargs;
    ngx_str_t                 *args;
    size_t                     size;        /* of args and their bytes */
    ssize_t                    n;
    u_char                    *answer;
} ngx_leadgen_thread_job_t;


static char *ngx_leadgen_thread_check(ngx_pool_t *pool, ngx_str_t *target);
static ngx_int_t ngx_leadgen_thread_open(ngx_leadgen_link_t *link);
static ngx_int_t ngx_leadgen_thread_send(ngx_leadgen_link_t *link,
    ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_thread_copy(ngx_leadgen_thread_job_t *job,
    const ngx_leadgen_call_t *call);
static void ngx_leadgen_thread_run(void *data, ngx_log_t *log);
static void ngx_leadgen_thread_done(ngx_event_t *ev);
static ngx_int_t ngx_leadgen_thread_event(ngx_leadgen_link_t *link,
    ngx_uint_t writable);
static void ngx_leadgen_thread_close(ngx_leadgen_link_t *link);


const ngx_leadgen_driver_t  ngx_leadgen_thread_driver = {
    "thread",
    ngx_leadgen_thread_check,
    ngx_leadgen_thread_open,
    ngx_leadgen_thread_send,
    ngx_leadgen_thread_event,
    ngx_leadgen_thread_close
};


static char *
ngx_leadgen_thread_check(ngx_pool_t *pool, ngx_str_t *target)
{
    return NULL;
}


static ngx_int_t
ngx_leadgen_thread_open(ngx_leadgen_link_t *link)
{
    ngx_leadgen_thread_job_t  *job;

    if (link->handle) {
        ngx_leadgen_link_up(link);
        return NGX_OK;
    }

    job = ngx_pcalloc(link->backend->pool, sizeof(ngx_leadgen_thread_job_t));
    if (job == NULL) {
        return NGX_ERROR;
    }

    job->answer = ngx_palloc(link->backend->pool, NGX_LEADGEN_THREAD_ANSWER);
    if (job->answer == NULL) {
        return NGX_ERROR;
    }

    job->link = link;
    job->task.handler = ngx_leadgen_thread_run;
    job->task.event.handler = ngx_leadgen_thread_done;
    job->task.event.data = job;
    job->task.event.log = ngx_cycle->log;
    job->task.ctx = job;

    link->handle = job;

    ngx_leadgen_link_up(link);

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_thread_send(ngx_leadgen_link_t *link, ngx_leadgen_call_t *call)
{
    ngx_thread_pool_t         *pool;
    ngx_leadgen_thread_job_t  *job;
    static ngx_str_t           name = ngx_string("default");

    job = link->handle;
    pool = ngx_thread_pool_get((ngx_cycle_t *) ngx_cycle, &name);

    if (pool == NULL || ngx_leadgen_thread_copy(job, call) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_thread_task_post(pool, &job->task) != NGX_OK) {
        explicit_bzero(job->args, job->size);
        ngx_free(job->args);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_thread_copy(ngx_leadgen_thread_job_t *job,
    const ngx_leadgen_call_t *call)
{
    u_char      *p;
    ngx_uint_t   i;

    job->size = call->nargs * sizeof(ngx_str_t) + 1;

    for (i = 0; i < call->nargs; i++) {
        job->size += call->args[i].len;
    }

    job->args = ngx_alloc(job->size, ngx_cycle->log);
    if (job->args == NULL) {
        return NGX_ERROR;
    }

    job->work = call->work;
    job->nargs = call->nargs;

    p = (u_char *) &job->args[call->nargs];

    for (i = 0; i < call->nargs; i++) {
        job->args[i].len = call->args[i].len;
        job->args[i].data = call->args[i].data ? p : NULL;

        if (call->args[i].data) {
            p = ngx_cpymem(p, call->args[i].data, call->args[i].len);
        }
    }

    return NGX_OK;
}


static void
ngx_leadgen_thread_run(void *data, ngx_log_t *log)
{
    ngx_leadgen_thread_job_t  *job;

    job = data;

    job->n = job->work(job->args, job->nargs, job->answer,
                       NGX_LEADGEN_THREAD_ANSWER);

    explicit_bzero(job->args, job->size);
    ngx_free(job->args);
}


static void
ngx_leadgen_thread_done(ngx_event_t *ev)
{
    ngx_str_t                  value;
    ngx_leadgen_call_t        *call;
    ngx_leadgen_link_t        *link;
    ngx_leadgen_thread_job_t  *job;

    job = ev->data;
    link = job->link;
    call = ngx_leadgen_link_next(link);

    if (link->nflight == 0) {
        return;
    }

    if (call) {
        value.data = job->answer;
        value.len = job->n > 0 ? job->n : 0;

        call->nrows = 1;
        call->ncols = 1;
        call->values = &value;
    }

    ngx_leadgen_link_answer(link, job->n >= 0 ? NGX_LEADGEN_CALL_OK
                                              : NGX_LEADGEN_CALL_REFUSED);

    ngx_leadgen_backend_dispatch(link->backend);
}


static ngx_int_t
ngx_leadgen_thread_event(ngx_leadgen_link_t *link, ngx_uint_t writable)
{
    return NGX_OK;
}


/* A thread can't be stopped: its answer is awaited or, at exit, dropped. */

static void
ngx_leadgen_thread_close(ngx_leadgen_link_t *link)
{
}
