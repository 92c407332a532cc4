
/*
 * Series: what backends do in any worker goes in, by their names, and one sum
 * for all workers comes out.
 */


#include "ngx_leadgen_zone.h"


static ngx_leadgen_series_t *ngx_leadgen_series_mine(ngx_int_t series);


const ngx_leadgen_metric_row_t
    ngx_leadgen_series_rows[NGX_LEADGEN_NBACKEND_METRICS] = {
#define BACKEND_METRIC(id, name, labels, type, help)                          \
    { name, labels, NGX_LEADGEN_METRIC_IS_##type, help },
#include "tables/backend_metrics.def"
#undef BACKEND_METRIC
};


ngx_int_t
ngx_leadgen_series_open(const ngx_str_t *name)
{
    u_char               cut[NGX_LEADGEN_SERIES_NAME];
    ngx_int_t            i;
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    if (zone == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(cut, sizeof(cut));
    ngx_memcpy(cut, name->data, ngx_min(name->len, sizeof(cut) - 1));

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    for (i = 0; i < NGX_LEADGEN_ZONE_SERIES; i++) {

        if (zone->series[i][0] == '\0') {
            ngx_memcpy(zone->series[i], cut, sizeof(cut));
            break;
        }

        if (ngx_strcmp(zone->series[i], cut) == 0) {
            break;
        }
    }

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    return i == NGX_LEADGEN_ZONE_SERIES ? NGX_ERROR : i;
}


const u_char *
ngx_leadgen_series_name(ngx_int_t series)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    if (zone == NULL
        || series >= NGX_LEADGEN_ZONE_SERIES
        || zone->series[series][0] == '\0')
    {
        return NULL;
    }

    return zone->series[series];
}


static ngx_leadgen_series_t *
ngx_leadgen_series_mine(ngx_int_t series)
{
    ngx_leadgen_metric_place_t  *place;

    place = ngx_leadgen_metric_place();

    return place && series >= 0 ? &place->series[series] : NULL;
}


void
ngx_leadgen_series_add(ngx_int_t series, ngx_leadgen_backend_metric_e metric,
    ngx_uint_t n)
{
    ngx_leadgen_series_t  *mine = ngx_leadgen_series_mine(series);

    if (mine) {
        (void) ngx_atomic_fetch_add(&mine->values[metric], n);
    }
}


void
ngx_leadgen_series_set(ngx_int_t series, ngx_leadgen_backend_metric_e metric,
    ngx_uint_t value)
{
    ngx_leadgen_series_t  *mine = ngx_leadgen_series_mine(series);

    if (mine) {
        mine->values[metric] = value;
    }
}


void
ngx_leadgen_series_observe(ngx_int_t series, uint64_t began)
{
    ngx_leadgen_series_t  *mine = ngx_leadgen_series_mine(series);

    if (mine) {
        ngx_leadgen_histogram_count(&mine->duration,
                                    ngx_leadgen_histogram_now() - began, 1);
    }
}


ngx_uint_t
ngx_leadgen_series_get(ngx_int_t series, ngx_leadgen_backend_metric_e metric)
{
    ngx_uint_t           i, sum, is_counter;
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();
    is_counter = ngx_leadgen_series_rows[metric].type
                 == NGX_LEADGEN_METRIC_IS_COUNTER;
    sum = 0;

    for (i = 0; zone && i < zone->nplaces; i++) {

        if (is_counter || ngx_leadgen_metric_is_alive(&zone->places[i])) {
            sum += zone->places[i].series[series].values[metric];
        }
    }

    return sum;
}


void
ngx_leadgen_series_get_duration(ngx_int_t series,
    ngx_leadgen_histogram_view_t *view)
{
    ngx_uint_t           i;
    ngx_leadgen_zone_t  *zone;

    ngx_memzero(view, sizeof(ngx_leadgen_histogram_view_t));
    zone = ngx_leadgen_zone();

    for (i = 0; zone && i < zone->nplaces; i++) {
        ngx_leadgen_histogram_sum(&zone->places[i].series[series].duration,
                                  view);
    }
}
