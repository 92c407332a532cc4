
/*
 * The thread driver: a link is one task at a time in nginx's thread pool.  A
 * call whose owner leaves still runs to its end, and keeps the link until then.
 */


#include "ngx_leadgen_link.h"


#define NGX_LEADGEN_THREAD_ANSWER  65536


/* Lifetime: worker; memory: a call's, and only the thread's while it runs. */

typedef struct {
    ngx_leadgen_work_t         posted;
    ngx_leadgen_link_t        *link;
    ngx_leadgen_call_work_pt   work;
    ngx_uint_t                 nargs;
    ngx_str_t                 *args;
    u_char                    *answer;
    ssize_t                    len;
    void                      *memory;
    size_t                     size;
} ngx_leadgen_thread_t;


static ngx_int_t ngx_leadgen_thread_open(ngx_leadgen_link_t *ln);
static ngx_int_t ngx_leadgen_thread_send(ngx_leadgen_link_t *ln,
    ngx_leadgen_call_t *call);
static void ngx_leadgen_thread_close(ngx_leadgen_link_t *ln);
static ngx_int_t ngx_leadgen_thread_copy(ngx_leadgen_thread_t *thread,
    ngx_leadgen_call_t *call);
static void ngx_leadgen_thread_run(void *data);
static void ngx_leadgen_thread_done(ngx_event_t *ev);
static void ngx_leadgen_thread_free(ngx_leadgen_thread_t *thread);


const ngx_leadgen_driver_t  ngx_leadgen_thread_driver = {
    "thread",
    NULL,
    ngx_leadgen_thread_open,
    ngx_leadgen_thread_send,
    NULL,
    ngx_leadgen_thread_close
};


static ngx_int_t
ngx_leadgen_thread_open(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_thread_t  *thread;

    if (ln->handle) {
        return NGX_OK;
    }

    thread = ngx_pcalloc(ln->backend->pool, sizeof(ngx_leadgen_thread_t));
    if (thread == NULL) {
        return NGX_ERROR;
    }

    thread->link = ln;
    thread->posted.run = ngx_leadgen_thread_run;
    thread->posted.data = thread;
    thread->posted.task.event.handler = ngx_leadgen_thread_done;
    thread->posted.task.event.data = ln;
    thread->posted.task.event.log = ngx_cycle->log;

    ln->handle = thread;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_thread_send(ngx_leadgen_link_t *ln, ngx_leadgen_call_t *call)
{
    ngx_leadgen_thread_t  *thread = ln->handle;

    if (ngx_leadgen_thread_copy(thread, call) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ngx_leadgen_work_post(ln->backend->threads, &thread->posted)
        != NGX_OK)
    {
        ngx_leadgen_thread_free(thread);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_thread_copy(ngx_leadgen_thread_t *thread, ngx_leadgen_call_t *call)
{
    u_char      *p;
    ngx_str_t   *arg;
    ngx_uint_t   i;

    thread->size = NGX_LEADGEN_THREAD_ANSWER + call->nargs * sizeof(ngx_str_t);

    for (i = 0; i < call->nargs; i++) {
        thread->size += call->args[i].len;
    }

    thread->memory = ngx_alloc(thread->size, ngx_cycle->log);
    if (thread->memory == NULL) {
        return NGX_ERROR;
    }

    thread->work = call->work;
    thread->nargs = call->nargs;
    thread->args = thread->memory;
    thread->answer = (u_char *) (thread->args + call->nargs);

    p = thread->answer + NGX_LEADGEN_THREAD_ANSWER;

    for (i = 0; i < call->nargs; i++) {
        arg = &thread->args[i];
        *arg = call->args[i];

        if (arg->data) {
            arg->data = p;
            p = ngx_cpymem(p, call->args[i].data, arg->len);
        }
    }

    return NGX_OK;
}


static void
ngx_leadgen_thread_run(void *data)
{
    ngx_leadgen_thread_t  *thread = data;

    thread->len = thread->work(thread->args, thread->nargs, thread->answer,
                               NGX_LEADGEN_THREAD_ANSWER);
}


static void
ngx_leadgen_thread_done(ngx_event_t *ev)
{
    ngx_str_t              value;
    ngx_leadgen_link_t    *ln = ev->data;
    ngx_leadgen_call_t    *call;
    ngx_leadgen_thread_t   thread, *running;

    /* the link may run the next task before this one's answer is used up */

    running = ln->handle;
    thread = *running;
    running->memory = NULL;

    call = ngx_leadgen_link_take(ln);
    ngx_leadgen_link_answered(ln);

    if (call && thread.len >= 0) {
        value.data = thread.answer;
        value.len = thread.len;

        call->nrows = 1;
        call->ncols = 1;
        call->values = &value;

        ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_OK);

    } else if (call) {
        ngx_str_set(&call->error, "the work could not be done");
        ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_REFUSED);
    }

    ngx_leadgen_thread_free(&thread);
    ngx_leadgen_backend_dispatch(ln->backend);
}


void
ngx_leadgen_thread_settle(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_thread_t  *thread = ln->handle;

    if (thread && thread->memory) {
        ngx_leadgen_thread_done(&thread->posted.task.event);
    }
}


/* At exit the work has ended before this. */

static void
ngx_leadgen_thread_close(ngx_leadgen_link_t *ln)
{
    if (ln->handle) {
        ngx_leadgen_thread_free(ln->handle);
    }
}


static void
ngx_leadgen_thread_free(ngx_leadgen_thread_t *thread)
{
    if (thread->memory) {
        explicit_bzero(thread->memory, thread->size);
        ngx_free(thread->memory);
        thread->memory = NULL;
    }
}
