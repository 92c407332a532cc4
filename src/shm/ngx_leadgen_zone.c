
/*
 * The zone: shared memory goes in, one struct for all workers comes out.
 */


#include "ngx_leadgen_zone.h"


#define NGX_LEADGEN_ZONE_MIN  (16 * ngx_pagesize)


static ngx_int_t ngx_leadgen_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_leadgen_zone_adopt(ngx_shm_zone_t *shm_zone,
    ngx_leadgen_zone_t *zone);


static ngx_leadgen_zone_t  *ngx_leadgen_zone_attached;
static ngx_slab_pool_t     *ngx_leadgen_zone_slab;
static ngx_uint_t           ngx_leadgen_zone_mine;  /* configuration */


ngx_shm_zone_t *
ngx_leadgen_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    ngx_shm_zone_t  *shm_zone;

    if (size < (size_t) NGX_LEADGEN_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small: it needs %uz bytes at "
                           "least", name, (size_t) NGX_LEADGEN_ZONE_MIN);
        return NULL;
    }

    shm_zone = ngx_shared_memory_add(cf, name, size, tag);
    if (shm_zone == NULL) {
        return NULL;
    }

    shm_zone->init = ngx_leadgen_zone_init;

    return shm_zone;
}


static ngx_int_t
ngx_leadgen_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t     *pool;
    ngx_leadgen_zone_t  *zone;

    pool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data) {
        return ngx_leadgen_zone_adopt(shm_zone, data);
    }

    if (shm_zone->shm.exists) {
        return ngx_leadgen_zone_adopt(shm_zone, pool->data);
    }

    zone = ngx_slab_calloc(pool, sizeof(ngx_leadgen_zone_t));
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->layout = NGX_LEADGEN_ZONE_LAYOUT;
    zone->nmetrics = NGX_LEADGEN_NMETRICS;
    zone->place = sizeof(ngx_leadgen_metric_place_t);
    zone->started = ngx_leadgen_time_now();

    if (ngx_leadgen_metric_init(zone, pool, shm_zone->shm.size) != NGX_OK
        || ngx_leadgen_epoch_init(zone, pool, shm_zone->shm.size) != NGX_OK
        || ngx_leadgen_throttle_init(zone, pool, shm_zone->shm.size) != NGX_OK
        || ngx_leadgen_grant_init(zone, pool, shm_zone->shm.size) != NGX_OK)
    {
        return NGX_ERROR;
    }

    pool->log_nomem = 0;
    pool->data = zone;
    shm_zone->data = zone;

    return NGX_OK;
}


/* A newer module may meet the zone of an older one that is still running. */

static ngx_int_t
ngx_leadgen_zone_adopt(ngx_shm_zone_t *shm_zone, ngx_leadgen_zone_t *zone)
{
    if (zone->layout != NGX_LEADGEN_ZONE_LAYOUT
        || zone->nmetrics != NGX_LEADGEN_NMETRICS
        || zone->place != sizeof(ngx_leadgen_metric_place_t))
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "leadgen: zone: \"%V\" belongs to another version of "
                      "the module: give leadgen_zone a new name",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    shm_zone->data = zone;

    return NGX_OK;
}


void
ngx_leadgen_zone_attach(ngx_shm_zone_t *shm_zone)
{
    ngx_leadgen_zone_attached = shm_zone ? shm_zone->data : NULL;
    ngx_leadgen_zone_slab = shm_zone
                            ? (ngx_slab_pool_t *) shm_zone->shm.addr : NULL;
    ngx_leadgen_zone_mine = shm_zone ? ngx_leadgen_zone_attached->configured
                                     : 0;
}


void
ngx_leadgen_zone_configured(ngx_shm_zone_t *shm_zone)
{
    ngx_leadgen_zone_t  *zone = shm_zone->data;

    (void) ngx_atomic_fetch_add(&zone->configured, 1);
}


ngx_uint_t
ngx_leadgen_zone_is_replaced(void)
{
    return ngx_leadgen_zone_attached
           && ngx_leadgen_zone_attached->configured != ngx_leadgen_zone_mine;
}


uint64_t
ngx_leadgen_zone_started(void)
{
    return ngx_leadgen_zone_attached ? ngx_leadgen_zone_attached->started : 0;
}


ngx_leadgen_zone_t *
ngx_leadgen_zone(void)
{
    return ngx_leadgen_zone_attached;
}


ngx_slab_pool_t *
ngx_leadgen_zone_pool(void)
{
    return ngx_leadgen_zone_slab;
}
