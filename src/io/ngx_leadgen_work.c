
/*
 * Work for nginx's threads: it enters, is done by one of them, and has ended
 * before nginx ends its threads.
 *
 * At exit nginx gives up a pool whose queue is full: its threads would run on
 * while what they work on, and then this module, is freed.  And it does not
 * join those that it ends: they still free what libraries keep for a thread
 * while OpenSSL cleans up.
 */


#include "ngx_leadgen_link.h"
#include <openssl/crypto.h>


static void ngx_leadgen_work_run(void *data, ngx_log_t *log);
static void ngx_leadgen_work_exit(ngx_cycle_t *cycle);


extern ngx_module_t  ngx_thread_pool_module;


/* Lifetime: worker. */

static ngx_atomic_t   ngx_leadgen_work_pending;     /* posted, not ended */
static void         (*ngx_leadgen_work_exit_pools)(ngx_cycle_t *cycle);


ngx_int_t
ngx_leadgen_work_post(ngx_thread_pool_t *threads, ngx_leadgen_work_t *work)
{
    if (ngx_leadgen_work_exit_pools == NULL) {
        ngx_leadgen_work_exit_pools = ngx_thread_pool_module.exit_process;
        ngx_thread_pool_module.exit_process = ngx_leadgen_work_exit;
    }

    work->task.ctx = work;
    work->task.handler = ngx_leadgen_work_run;

    (void) ngx_atomic_fetch_add(&ngx_leadgen_work_pending, 1);

    if (ngx_thread_task_post(threads, &work->task) != NGX_OK) {
        (void) ngx_atomic_fetch_add(&ngx_leadgen_work_pending, -1);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_leadgen_work_run(void *data, ngx_log_t *log)
{
    ngx_leadgen_work_t  *work = data;

    work->run(work->data);

    OPENSSL_thread_stop();

    (void) ngx_atomic_fetch_add(&ngx_leadgen_work_pending, -1);
}


static void
ngx_leadgen_work_exit(ngx_cycle_t *cycle)
{
    while (ngx_leadgen_work_pending) {
        ngx_msleep(1);
    }

    ngx_leadgen_work_exit_pools(cycle);
}
