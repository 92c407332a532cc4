
/*
 * Metrics: what happens in any worker goes in, one sum for all comes out.
 */


#include "ngx_leadgen_zone.h"


#define NGX_LEADGEN_METRIC_PLACES  64


static void ngx_leadgen_metric_clear(ngx_leadgen_metric_place_t *place);
static ngx_uint_t ngx_leadgen_metric_value(const ngx_leadgen_zone_t *zone,
    ngx_leadgen_metric_e metric);


const ngx_leadgen_metric_row_t
    ngx_leadgen_metric_rows[NGX_LEADGEN_NMETRICS] = {
#define METRIC(id, name, labels, type, help)                                  \
    { name, labels, NGX_LEADGEN_METRIC_IS_##type, help },
#include "tables/metrics.def"
#undef METRIC
};


static ngx_leadgen_metric_place_t  *ngx_leadgen_metric_mine;


/* A sixteenth of the zone, which in a small one is too little for all. */

ngx_int_t
ngx_leadgen_metric_init(ngx_leadgen_zone_t *zone, ngx_slab_pool_t *pool,
    size_t size)
{
    ngx_uint_t  n;

    n = size / 16 / sizeof(ngx_leadgen_metric_place_t);
    n = ngx_min(ngx_max(n, 1), NGX_LEADGEN_METRIC_PLACES);

    zone->places = ngx_slab_calloc(pool,
                                   n * sizeof(ngx_leadgen_metric_place_t));
    if (zone->places == NULL) {
        return NGX_ERROR;
    }

    zone->nplaces = n;

    return NGX_OK;
}


void
ngx_leadgen_metric_attach(ngx_uint_t worker)
{
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    if (zone == NULL || zone->nplaces == 0) {
        ngx_leadgen_metric_mine = NULL;
        return;
    }

    ngx_leadgen_metric_mine = &zone->places[worker % zone->nplaces];

    ngx_leadgen_metric_clear(ngx_leadgen_metric_mine);
    ngx_leadgen_metric_beat();
}


static void
ngx_leadgen_metric_clear(ngx_leadgen_metric_place_t *place)
{
    ngx_uint_t  i, n;

    for (i = 0; i < NGX_LEADGEN_NMETRICS; i++) {
        if (ngx_leadgen_metric_rows[i].type >= NGX_LEADGEN_METRIC_IS_SUM) {
            place->values[i] = 0;
        }
    }

    for (i = 0; i < NGX_LEADGEN_NBACKEND_METRICS; i++) {

        if (ngx_leadgen_series_rows[i].type == NGX_LEADGEN_METRIC_IS_COUNTER) {
            continue;
        }

        for (n = 0; n < NGX_LEADGEN_ZONE_SERIES; n++) {
            place->series[n].values[i] = 0;
        }
    }
}


ngx_leadgen_metric_place_t *
ngx_leadgen_metric_place(void)
{
    return ngx_leadgen_metric_mine;
}


void
ngx_leadgen_metric_beat(void)
{
    if (ngx_leadgen_metric_mine) {
        ngx_leadgen_metric_mine->beat = ngx_leadgen_time_monotonic() / 1000;
    }
}


ngx_uint_t
ngx_leadgen_metric_is_alive(const ngx_leadgen_metric_place_t *place)
{
    return place->beat
           && ngx_leadgen_time_monotonic() / 1000 - place->beat
              < NGX_LEADGEN_METRIC_ALIVE;
}


void
ngx_leadgen_metric_add(ngx_leadgen_metric_e metric, ngx_uint_t n)
{
    if (ngx_leadgen_metric_mine) {
        (void) ngx_atomic_fetch_add(&ngx_leadgen_metric_mine->values[metric],
                                    n);
    }
}


/* What all workers share stands in the first place. */

void
ngx_leadgen_metric_set(ngx_leadgen_metric_e metric, ngx_uint_t value)
{
    ngx_leadgen_zone_t          *zone;
    ngx_leadgen_metric_place_t  *place;

    zone = ngx_leadgen_zone();
    place = ngx_leadgen_metric_mine;

    if (zone == NULL || place == NULL) {
        return;
    }

    if (ngx_leadgen_metric_rows[metric].type == NGX_LEADGEN_METRIC_IS_GAUGE) {
        place = zone->places;
    }

    place->values[metric] = value;
}


ngx_uint_t
ngx_leadgen_metric_get(ngx_leadgen_metric_e metric)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    return zone && zone->nplaces ? ngx_leadgen_metric_value(zone, metric) : 0;
}


static ngx_uint_t
ngx_leadgen_metric_value(const ngx_leadgen_zone_t *zone,
    ngx_leadgen_metric_e metric)
{
    ngx_uint_t                  i, sum;
    ngx_leadgen_metric_type_e   type;

    type = ngx_leadgen_metric_rows[metric].type;
    sum = 0;

    if (type == NGX_LEADGEN_METRIC_IS_GAUGE) {
        return zone->places->values[metric];
    }

    for (i = 0; i < zone->nplaces; i++) {

        if (type != NGX_LEADGEN_METRIC_IS_COUNTER
            && !ngx_leadgen_metric_is_alive(&zone->places[i]))
        {
            continue;
        }

        if (type == NGX_LEADGEN_METRIC_IS_MAX) {
            sum = ngx_max(sum, zone->places[i].values[metric]);

        } else {
            sum += zone->places[i].values[metric];
        }
    }

    return sum;
}


ngx_int_t
ngx_leadgen_metric_get_worker(ngx_leadgen_metric_e metric, ngx_uint_t worker,
    ngx_uint_t *value)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    if (zone == NULL || worker >= zone->nplaces) {
        return NGX_DONE;
    }

    *value = zone->places[worker].values[metric];

    return ngx_leadgen_metric_is_alive(&zone->places[worker]) ? NGX_OK
                                                              : NGX_DECLINED;
}
