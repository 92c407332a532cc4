
/*
 * Stand-ins for the few functions of nginx's core that units call, so that
 * they can be linked without nginx.  Every piece of pool memory is a malloc()
 * of its own: the sanitizers see each byte beyond it, and each use after the
 * pool's end.
 */


#include "unit.h"
#include <stdarg.h>


static ngx_log_t       log_ = { .log_level = NGX_LOG_DEBUG };
static ngx_cycle_t     cycle_ = { .log = &log_ };
static ngx_time_t      time_ = { .sec = 1700000000 };

volatile ngx_cycle_t  *ngx_cycle = &cycle_;
volatile ngx_msec_t    ngx_current_msec = 1000;
volatile ngx_time_t   *ngx_cached_time = &time_;
ngx_pid_t              ngx_pid = 4711;
ngx_int_t              ngx_process_slot;
ngx_uint_t             ngx_worker;
ngx_uint_t             ngx_pagesize = 4096;
ngx_int_t              ngx_ncpu = 1;

char                   unit_log_line[2048];
ngx_uint_t             unit_log_count;
ngx_int_t              unit_alloc_fail = -1;


/* --- log --- */

void
unit_log_clear(void)
{
    unit_log_line[0] = '\0';
    unit_log_count = 0;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *p, *last;
    va_list   args;

    (void) log;

    /* what tells how it went is not what tests look at */
    if (level >= NGX_LOG_DEBUG) {
        return;
    }

    p = (u_char *) unit_log_line;
    last = p + sizeof(unit_log_line) - 1;

    va_start(args, fmt);
    p = ngx_vslprintf(p, last, fmt, args);
    va_end(args);

    if (err) {
        p = ngx_slprintf(p, last, " (%d)", (int) err);
    }

    *p = '\0';
    unit_log_count++;
}


/* --- time --- */

void
ngx_gmtime(time_t t, ngx_tm_t *tp)
{
    (void) gmtime_r(&t, tp);

    tp->ngx_tm_year += 1900;
    tp->ngx_tm_mon++;
}


/* --- memory --- */

static ngx_int_t
unit_allocation_fails(void)
{
    if (unit_alloc_fail < 0) {
        return 0;
    }

    if (unit_alloc_fail == 0) {
        return 1;
    }

    unit_alloc_fail--;

    return 0;
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return unit_allocation_fails() ? NULL : malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return unit_allocation_fails() ? NULL : calloc(1, size);
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ngx_pool_t  *pool;

    (void) size;

    pool = ngx_calloc(sizeof(ngx_pool_t), log);
    if (pool != NULL) {
        pool->log = log;
    }

    return pool;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_pool_large_t    *large, *next;
    ngx_pool_cleanup_t  *cleanup;

    for (cleanup = pool->cleanup; cleanup; cleanup = cleanup->next) {
        if (cleanup->handler) {
            cleanup->handler(cleanup->data);
        }
    }

    for (large = pool->large; large; large = next) {
        next = large->next;
        free(large->alloc);
        free(large);
    }

    free(pool);
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    ngx_pool_large_t  *large;

    if (unit_allocation_fails()) {
        return NULL;
    }

    large = malloc(sizeof(ngx_pool_large_t));
    if (large == NULL) {
        return NULL;
    }

    large->alloc = malloc(size);
    large->next = pool->large;
    pool->large = large;

    return large->alloc;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_palloc(pool, size);
    if (p != NULL) {
        ngx_memzero(p, size);
    }

    return p;
}


ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t  *large;

    for (large = pool->large; large; large = large->next) {
        if (large->alloc == p) {
            free(p);
            large->alloc = NULL;

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t  *cleanup;

    cleanup = ngx_pcalloc(pool, sizeof(ngx_pool_cleanup_t));
    if (cleanup == NULL) {
        return NULL;
    }

    if (size) {
        cleanup->data = ngx_palloc(pool, size);
        if (cleanup->data == NULL) {
            return NULL;
        }
    }

    cleanup->next = pool->cleanup;
    pool->cleanup = cleanup;

    return cleanup;
}


/* --- arrays --- */

ngx_array_t *
ngx_array_create(ngx_pool_t *pool, ngx_uint_t n, size_t size)
{
    ngx_array_t  *array;

    array = ngx_palloc(pool, sizeof(ngx_array_t));
    if (array == NULL || ngx_array_init(array, pool, n, size) != NGX_OK) {
        return NULL;
    }

    return array;
}


void *
ngx_array_push_n(ngx_array_t *array, ngx_uint_t n)
{
    void        *elts;
    ngx_uint_t   nalloc;

    if (array->nelts + n > array->nalloc) {
        nalloc = 2 * ngx_max(n, array->nalloc);

        elts = ngx_palloc(array->pool, nalloc * array->size);
        if (elts == NULL) {
            return NULL;
        }

        ngx_memcpy(elts, array->elts, array->nelts * array->size);
        array->elts = elts;
        array->nalloc = nalloc;
    }

    elts = (u_char *) array->elts + array->nelts * array->size;
    array->nelts += n;

    return elts;
}


void *
ngx_array_push(ngx_array_t *array)
{
    return ngx_array_push_n(array, 1);
}
