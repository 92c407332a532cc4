
/*
 * Backends: calls go in, and go on to links in order; when no link answers any
 * more the breaker turns calls away at once.
 */


#include "ngx_leadgen_link.h"


#define NGX_LEADGEN_BACKEND_FAILURES  5


static const ngx_leadgen_driver_t *ngx_leadgen_backend_driver(
    const char *name);
static ngx_leadgen_link_t *ngx_leadgen_backend_link(
    ngx_leadgen_backend_t *backend);
static void ngx_leadgen_backend_revive(ngx_leadgen_backend_t *backend);
static void ngx_leadgen_backend_abandon(ngx_leadgen_backend_t *backend);
static ngx_int_t ngx_leadgen_backend_links(ngx_leadgen_backend_t *backend);
static void ngx_leadgen_backend_register(ngx_leadgen_backend_t *backend);


static const ngx_leadgen_driver_t  *ngx_leadgen_backend_drivers[] = {
    &ngx_leadgen_pg_driver,
    &ngx_leadgen_redis_driver,
    &ngx_leadgen_thread_driver
};


/* Those that are running in this worker. */

static ngx_queue_t  ngx_leadgen_backends;


static const ngx_leadgen_driver_t *
ngx_leadgen_backend_driver(const char *name)
{
    ngx_uint_t  i, n;

    n = sizeof(ngx_leadgen_backend_drivers)
        / sizeof(ngx_leadgen_backend_drivers[0]);

    for (i = 0; i < n; i++) {
        if (ngx_strcmp(name, ngx_leadgen_backend_drivers[i]->name) == 0) {
            return ngx_leadgen_backend_drivers[i];
        }
    }

    return NULL;
}


char *
ngx_leadgen_backend_check(ngx_pool_t *pool, const char *driver,
    ngx_str_t *target)
{
    const ngx_leadgen_driver_t  *found;

    found = ngx_leadgen_backend_driver(driver);

    if (found == NULL) {
        return "there is no such driver";
    }

    if (ngx_strlchr(target->data, target->data + target->len, '\0')) {
        return "has a zero byte";
    }

    return found->check ? found->check(pool, target) : NULL;
}


ngx_leadgen_backend_t *
ngx_leadgen_backend_start(ngx_cycle_t *cycle,
    const ngx_leadgen_backend_conf_t *conf)
{
    ngx_pool_t             *pool;
    ngx_str_t               name = ngx_string("default");
    ngx_leadgen_backend_t  *backend;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    backend = ngx_pcalloc(pool, sizeof(ngx_leadgen_backend_t));
    if (backend == NULL) {
        goto failed;
    }

    backend->pool = pool;
    backend->conf = conf;
    backend->threads = ngx_thread_pool_get(cycle, conf->pool.len
                                           ? (ngx_str_t *) &conf->pool
                                           : &name);
    backend->driver = ngx_leadgen_backend_driver(conf->driver);

    if (backend->driver == NULL
        || (backend->driver == &ngx_leadgen_thread_driver
            && backend->threads == NULL))
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "leadgen: %V: no such driver, or no threads to run it",
                      &conf->name);
        goto failed;
    }

    backend->target = ngx_pcalloc(pool, conf->target.len + 1);
    if (backend->target == NULL) {
        goto failed;
    }

    if (conf->target.len) {
        ngx_memcpy(backend->target, conf->target.data, conf->target.len);
    }

    ngx_queue_init(&backend->waiting);

    if (ngx_leadgen_backend_links(backend) != NGX_OK) {
        goto failed;
    }

    ngx_leadgen_backend_register(backend);

    return backend;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static ngx_int_t
ngx_leadgen_backend_links(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t           i;
    ngx_leadgen_link_t  *ln;

    backend->nlinks = ngx_max(backend->conf->links, 1);
    backend->depth = backend->driver->step ? ngx_max(backend->conf->depth, 1)
                                           : 1;

    backend->links = ngx_pcalloc(backend->pool,
                                 backend->nlinks * sizeof(ngx_leadgen_link_t));
    if (backend->links == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < backend->nlinks; i++) {
        ln = &backend->links[i];

        ln->driver = backend->driver;
        ln->backend = backend;
        ln->flight = ngx_pcalloc(backend->pool, backend->depth
                                                * sizeof(ngx_leadgen_call_t *));
        if (ln->flight == NULL) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < backend->nlinks; i++) {
        ngx_leadgen_link_start(&backend->links[i]);
    }

    return NGX_OK;
}


void
ngx_leadgen_backend_settle(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t  i;

    backend->settled = 1;
    ngx_leadgen_backend_abandon(backend);

    for (i = 0; i < backend->nlinks; i++) {
        ngx_leadgen_thread_settle(&backend->links[i]);
    }
}


void
ngx_leadgen_backend_stop(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t  i;

    ngx_leadgen_backend_abandon(backend);

    for (i = 0; i < backend->nlinks; i++) {
        ngx_leadgen_link_stop(&backend->links[i]);
    }

    ngx_queue_remove(&backend->others);
    ngx_destroy_pool(backend->pool);
}


/* --- metrics --- */

static void
ngx_leadgen_backend_register(ngx_leadgen_backend_t *backend)
{
    if (ngx_leadgen_backends.next == NULL) {
        ngx_queue_init(&ngx_leadgen_backends);
    }

    backend->series = ngx_leadgen_series_open(&backend->conf->name);
    ngx_queue_insert_tail(&ngx_leadgen_backends, &backend->others);
}


void
ngx_leadgen_backend_sample(void)
{
    ngx_uint_t              i, up, flying;
    ngx_queue_t            *q;
    ngx_leadgen_backend_t  *backend;

    if (ngx_leadgen_backends.next == NULL) {
        return;
    }

    for (q = ngx_queue_head(&ngx_leadgen_backends);
         q != ngx_queue_sentinel(&ngx_leadgen_backends);
         q = ngx_queue_next(q))
    {
        backend = ngx_queue_data(q, ngx_leadgen_backend_t, others);
        up = 0;
        flying = 0;

        for (i = 0; i < backend->nlinks; i++) {
            up += backend->links[i].state == NGX_LEADGEN_LINK_UP;
            flying += backend->links[i].nflight;
        }

        ngx_leadgen_series_set(backend->series, NGX_LEADGEN_BACKEND_LINKS,
                               backend->nlinks);
        ngx_leadgen_series_set(backend->series, NGX_LEADGEN_BACKEND_UP, up);
        ngx_leadgen_series_set(backend->series, NGX_LEADGEN_BACKEND_IN_FLIGHT,
                               flying);
        ngx_leadgen_series_set(backend->series, NGX_LEADGEN_BACKEND_WAITING,
                               backend->nwaiting);
        ngx_leadgen_series_set(backend->series, NGX_LEADGEN_BACKEND_LIMIT,
                               backend->conf->queue);
        ngx_leadgen_series_set(backend->series, NGX_LEADGEN_BACKEND_BROKEN,
                               backend->broken);
    }
}


static void
ngx_leadgen_backend_abandon(ngx_leadgen_backend_t *backend)
{
    ngx_queue_t         *q;
    ngx_leadgen_call_t  *call;

    while (!ngx_queue_empty(&backend->waiting)) {
        q = ngx_queue_head(&backend->waiting);
        call = ngx_queue_data(q, ngx_leadgen_call_t, queue);
        ngx_leadgen_call_cancel(call);
    }
}


ngx_uint_t
ngx_leadgen_backend_is_up(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t  i;

    if (backend->broken) {
        return 0;
    }

    for (i = 0; i < backend->nlinks; i++) {
        if (backend->links[i].state == NGX_LEADGEN_LINK_UP) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_leadgen_backend_accepts(ngx_leadgen_backend_t *backend)
{
    ngx_leadgen_link_t  *ln;

    if (backend->settled) {
        return 0;
    }

    ln = ngx_leadgen_backend_link(backend);

    /* one call at a time finds out whether a link that is up answers again */

    if (backend->broken) {
        return ln && ln->nflight == 0;
    }

    return ln || backend->nwaiting < backend->conf->queue;
}


void
ngx_leadgen_backend_dispatch(ngx_leadgen_backend_t *backend)
{
    ngx_queue_t         *q;
    ngx_leadgen_link_t  *ln;
    ngx_leadgen_call_t  *call;

    while (!ngx_queue_empty(&backend->waiting)) {

        ln = ngx_leadgen_backend_link(backend);

        if (ln == NULL) {
            if (ngx_exiting) {
                ngx_leadgen_backend_revive(backend);
            }

            return;
        }

        q = ngx_queue_head(&backend->waiting);
        call = ngx_queue_data(q, ngx_leadgen_call_t, queue);

        ngx_queue_remove(q);
        call->waiting = 0;
        backend->nwaiting--;

        if (ngx_leadgen_link_send(ln, call) == NGX_DECLINED) {
            ngx_leadgen_call_enqueue(call, &backend->waiting);
        }
    }
}


/* The link with most room, or NULL. */

static ngx_leadgen_link_t *
ngx_leadgen_backend_link(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t           i;
    ngx_leadgen_link_t  *ln, *best;

    best = NULL;

    for (i = 0; i < backend->nlinks; i++) {
        ln = &backend->links[i];

        if (ln->state == NGX_LEADGEN_LINK_UP
            && ln->nflight < backend->depth
            && (best == NULL || ln->nflight < best->nflight))
        {
            best = ln;
        }
    }

    return best;
}


/* A worker that exits has closed idle links; requests it still serves, and the
 * last batches of events, may need one again. */

static void
ngx_leadgen_backend_revive(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t           i;
    ngx_leadgen_link_t  *ln;

    for (i = 0; i < backend->nlinks; i++) {
        ln = &backend->links[i];

        if (ln->state != NGX_LEADGEN_LINK_DOWN
            || ln->retry.timer_set
            || ln->retry.posted)
        {
            return;
        }
    }

    ngx_leadgen_link_revive(backend->links);
}


void
ngx_leadgen_backend_failed(ngx_leadgen_backend_t *backend)
{
    ngx_queue_t         *q;
    ngx_leadgen_call_t  *call;

    if (++backend->failures < NGX_LEADGEN_BACKEND_FAILURES || backend->broken) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "leadgen: %V: %d failures in a row, calls are refused until "
                  "it answers", &backend->conf->name,
                  NGX_LEADGEN_BACKEND_FAILURES);

    backend->broken = 1;

    while (!ngx_queue_empty(&backend->waiting)) {
        q = ngx_queue_head(&backend->waiting);
        call = ngx_queue_data(q, ngx_leadgen_call_t, queue);
        ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_UNSENT);
    }
}


void
ngx_leadgen_backend_succeeded(ngx_leadgen_backend_t *backend)
{
    backend->failures = 0;

    if (backend->broken) {
        backend->broken = 0;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: %V: answers again", &backend->conf->name);
    }
}
