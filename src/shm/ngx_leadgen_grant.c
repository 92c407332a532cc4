
/*
 * Grants: the roles that the database has go in, what a role may comes out.
 *
 * The zone has the set with the highest version that any worker has learnt, and
 * keeps it over a reload and while PostgreSQL is away.  A worker looks into a
 * copy of its own, and makes another one when the zone's version has changed,
 * so that a look-up takes no lock.
 */


#include "ngx_leadgen_zone.h"


/* Lifetime: worker. */

static struct {
    uint64_t                   version;
    ngx_uint_t                 n;
    ngx_leadgen_grant_t        grants[NGX_LEADGEN_GRANTS];
} ngx_leadgen_grant_copy;


static void ngx_leadgen_grant_refresh(ngx_leadgen_zone_t *zone);


ngx_int_t
ngx_leadgen_grant_init(ngx_leadgen_zone_t *zone, ngx_slab_pool_t *pool,
    size_t size)
{
    ngx_uint_t  n;

    n = ngx_min(size / 16 / sizeof(ngx_leadgen_grant_t), NGX_LEADGEN_GRANTS);

    zone->grants = ngx_slab_calloc(pool, n * sizeof(ngx_leadgen_grant_t));
    if (zone->grants == NULL) {
        return NGX_ERROR;
    }

    zone->grants_size = n;

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_grant_set(const ngx_leadgen_grant_t *grants, ngx_uint_t n,
    uint64_t version)
{
    ngx_int_t            rc;
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();
    if (zone == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (n > zone->grants_size) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "leadgen: grant: the zone has room for %ui roles of the "
                      "database's %ui: the last ones have no permissions",
                      zone->grants_size, n);
        n = zone->grants_size;
        rc = NGX_ERROR;
    }

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    if (version > zone->grants_version) {
        ngx_memcpy(zone->grants, grants, n * sizeof(ngx_leadgen_grant_t));
        zone->ngrants = n;
        zone->grants_version = version;
    }

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    return rc;
}


uint64_t
ngx_leadgen_grant_version(void)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    return zone ? zone->grants_version : 0;
}


const ngx_leadgen_grant_t *
ngx_leadgen_grant_all(ngx_uint_t *n)
{
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();
    *n = 0;

    if (zone == NULL) {
        return ngx_leadgen_grant_copy.grants;
    }

    if (ngx_leadgen_grant_copy.version != zone->grants_version) {
        ngx_leadgen_grant_refresh(zone);
    }

    *n = ngx_leadgen_grant_copy.n;

    return ngx_leadgen_grant_copy.grants;
}


static void
ngx_leadgen_grant_refresh(ngx_leadgen_zone_t *zone)
{
    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    ngx_leadgen_grant_copy.version = zone->grants_version;
    ngx_leadgen_grant_copy.n = zone->ngrants;
    ngx_memcpy(ngx_leadgen_grant_copy.grants, zone->grants,
               zone->ngrants * sizeof(ngx_leadgen_grant_t));

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);
}


const ngx_leadgen_grant_t *
ngx_leadgen_grant_find(const ngx_str_t *name)
{
    ngx_int_t                   rc;
    ngx_uint_t                  first, last, middle;
    const ngx_leadgen_grant_t  *grants;

    grants = ngx_leadgen_grant_all(&last);
    first = 0;

    while (first < last) {
        middle = first + (last - first) / 2;

        rc = ngx_memn2cmp(name->data, (u_char *) grants[middle].name,
                          name->len, grants[middle].len);
        if (rc == 0) {
            return &grants[middle];
        }

        if (rc < 0) {
            last = middle;

        } else {
            first = middle + 1;
        }
    }

    return NULL;
}
