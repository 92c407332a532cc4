
/*
 * Backends: calls go in, wait in order, and go out over whatever link has room.
 */


#include "ngx_leadgen_link.h"


static const ngx_leadgen_driver_t *ngx_leadgen_backend_driver(
    const char *name);
static ngx_leadgen_link_t *ngx_leadgen_backend_link(
    ngx_leadgen_backend_t *backend);


static const ngx_leadgen_driver_t  *ngx_leadgen_backend_drivers[] = {
    &ngx_leadgen_pg_driver,
    &ngx_leadgen_redis_driver,
    &ngx_leadgen_thread_driver
};


char *
ngx_leadgen_backend_check(ngx_pool_t *pool, const char *driver,
    ngx_str_t *target)
{
    return ngx_leadgen_backend_driver(driver)->check(pool, target);
}


static const ngx_leadgen_driver_t *
ngx_leadgen_backend_driver(const char *name)
{
    ngx_uint_t  i;

    for (i = 0; ngx_strcmp(ngx_leadgen_backend_drivers[i]->name, name); i++) {
        /* void */
    }

    return ngx_leadgen_backend_drivers[i];
}


ngx_leadgen_backend_t *
ngx_leadgen_backend_start(ngx_cycle_t *cycle,
    const ngx_leadgen_backend_conf_t *conf)
{
    ngx_uint_t              i;
    ngx_leadgen_backend_t  *backend;

    backend = ngx_pcalloc(cycle->pool, sizeof(ngx_leadgen_backend_t));
    if (backend == NULL) {
        return NULL;
    }

    backend->conf = conf;
    backend->pool = cycle->pool;
    backend->driver = ngx_leadgen_backend_driver(conf->driver);
    ngx_queue_init(&backend->waiting);

    backend->links = ngx_pcalloc(cycle->pool,
                                 conf->links * sizeof(ngx_leadgen_link_t));
    if (backend->links == NULL) {
        return NULL;
    }

    for (i = 0; i < conf->links; i++) {
        ngx_leadgen_link_init(&backend->links[i], backend);
        ngx_leadgen_link_start(&backend->links[i]);
    }

    return backend;
}


void
ngx_leadgen_backend_stop(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t    i;
    ngx_queue_t  *q;

    backend->stopped = 1;

    while (!ngx_queue_empty(&backend->waiting)) {
        q = ngx_queue_head(&backend->waiting);
        ngx_leadgen_call_cancel(ngx_queue_data(q, ngx_leadgen_call_t, queue));
    }

    for (i = 0; i < backend->conf->links; i++) {
        ngx_leadgen_link_stop(&backend->links[i]);
    }
}


ngx_uint_t
ngx_leadgen_backend_is_up(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t  i;

    for (i = 0; i < backend->conf->links; i++) {
        if (backend->links[i].state == NGX_LEADGEN_LINK_UP) {
            return 1;
        }
    }

    return 0;
}


void
ngx_leadgen_backend_works(ngx_leadgen_backend_t *backend)
{
    backend->failures = 0;
}


void
ngx_leadgen_backend_dispatch(ngx_leadgen_backend_t *backend)
{
    ngx_queue_t         *q;
    ngx_leadgen_call_t  *call;
    ngx_leadgen_link_t  *link;

    while (!ngx_queue_empty(&backend->waiting)) {

        link = ngx_leadgen_backend_link(backend);
        if (link == NULL) {
            return;
        }

        q = ngx_queue_head(&backend->waiting);
        call = ngx_queue_data(q, ngx_leadgen_call_t, queue);

        ngx_leadgen_call_dequeue(call);
        ngx_leadgen_link_send(link, call);
    }
}


/* The link with the least to do that can take a call, or NULL. */

static ngx_leadgen_link_t *
ngx_leadgen_backend_link(ngx_leadgen_backend_t *backend)
{
    ngx_uint_t           i;
    ngx_leadgen_link_t  *link, *best;

    best = NULL;

    for (i = 0; i < backend->conf->links; i++) {
        link = &backend->links[i];

        if (link->state == NGX_LEADGEN_LINK_UP
            && link->nflight < backend->conf->depth
            && (best == NULL || link->nflight < best->nflight))
        {
            best = link;
        }
    }

    return best;
}
