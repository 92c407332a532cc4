
/*
 * Metrics: what happens in any worker goes in, one sum for all comes out.
 */


#include "ngx_leadgen_zone.h"


void
ngx_leadgen_metric_add(ngx_leadgen_metric_e metric, ngx_uint_t n)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    if (zone) {
        (void) ngx_atomic_fetch_add(&zone->metrics[metric], n);
    }
}


void
ngx_leadgen_metric_set(ngx_leadgen_metric_e metric, ngx_uint_t value)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    if (zone) {
        zone->metrics[metric] = value;
    }
}


ngx_uint_t
ngx_leadgen_metric_get(ngx_leadgen_metric_e metric)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    return zone ? zone->metrics[metric] : 0;
}
