
/*
 * Histograms: durations of any worker go in, buckets for all come out.
 */


#include "ngx_leadgen_zone.h"
#include <time.h>


#define NGX_LEADGEN_HISTOGRAM_US  1000ull
#define NGX_LEADGEN_HISTOGRAM_MS  1000000ull
#define NGX_LEADGEN_HISTOGRAM_S   1000000000ull

#define NGX_LEADGEN_HISTOGRAM_FIRST  64     /* are all measured */
#define NGX_LEADGEN_HISTOGRAM_EVERY  16     /* then one in so many */


const uint64_t
    ngx_leadgen_histogram_bounds[NGX_LEADGEN_HISTOGRAM_BUCKETS] = {

    500,
    1 * NGX_LEADGEN_HISTOGRAM_US, 2500,
    5 * NGX_LEADGEN_HISTOGRAM_US, 10 * NGX_LEADGEN_HISTOGRAM_US,
    25 * NGX_LEADGEN_HISTOGRAM_US, 50 * NGX_LEADGEN_HISTOGRAM_US,
    100 * NGX_LEADGEN_HISTOGRAM_US, 250 * NGX_LEADGEN_HISTOGRAM_US,
    500 * NGX_LEADGEN_HISTOGRAM_US,
    1 * NGX_LEADGEN_HISTOGRAM_MS, 2500 * NGX_LEADGEN_HISTOGRAM_US,
    5 * NGX_LEADGEN_HISTOGRAM_MS, 10 * NGX_LEADGEN_HISTOGRAM_MS,
    25 * NGX_LEADGEN_HISTOGRAM_MS, 50 * NGX_LEADGEN_HISTOGRAM_MS,
    100 * NGX_LEADGEN_HISTOGRAM_MS, 250 * NGX_LEADGEN_HISTOGRAM_MS,
    500 * NGX_LEADGEN_HISTOGRAM_MS,
    1 * NGX_LEADGEN_HISTOGRAM_S, 2500 * NGX_LEADGEN_HISTOGRAM_MS,
    5 * NGX_LEADGEN_HISTOGRAM_S, 10 * NGX_LEADGEN_HISTOGRAM_S
};


/* Lifetime: worker. */

static struct {
    ngx_uint_t  measured;
    ngx_uint_t  since;              /* not measured since the last */
} ngx_leadgen_histogram_samples[NGX_LEADGEN_NHISTOGRAMS];


uint64_t
ngx_leadgen_histogram_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * NGX_LEADGEN_HISTOGRAM_S + ts.tv_nsec;
}


/* Most durations lie in the first buckets: to look from the start is fast. */

void
ngx_leadgen_histogram_count(ngx_leadgen_histogram_t *histogram,
    uint64_t nanoseconds, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_HISTOGRAM_BUCKETS; i++) {
        if (nanoseconds <= ngx_leadgen_histogram_bounds[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&histogram->count[i], n);
    (void) ngx_atomic_fetch_add(&histogram->sum, n * nanoseconds);
}


void
ngx_leadgen_histogram_sum(const ngx_leadgen_histogram_t *histogram,
    ngx_leadgen_histogram_view_t *view)
{
    ngx_uint_t  i;

    for (i = 0; i <= NGX_LEADGEN_HISTOGRAM_BUCKETS; i++) {
        view->count[i] += histogram->count[i];
    }

    view->sum += histogram->sum;
}


uint64_t
ngx_leadgen_histogram_begin(ngx_leadgen_histogram_e histogram)
{
    if (ngx_leadgen_histogram_samples[histogram].measured
        >= NGX_LEADGEN_HISTOGRAM_FIRST
        && ngx_leadgen_histogram_samples[histogram].since
           < NGX_LEADGEN_HISTOGRAM_EVERY - 1)
    {
        ngx_leadgen_histogram_samples[histogram].since++;
        return 0;
    }

    return ngx_leadgen_histogram_now();
}


void
ngx_leadgen_histogram_observe(ngx_leadgen_histogram_e histogram,
    uint64_t began)
{
    uint64_t                     now;
    ngx_leadgen_metric_place_t  *place;

    if (began == 0) {
        return;
    }

    now = ngx_leadgen_histogram_now();
    place = ngx_leadgen_metric_place();

    if (place) {
        ngx_leadgen_histogram_count(&place->histograms[histogram], now - began,
                         1 + ngx_leadgen_histogram_samples[histogram].since);
    }

    ngx_leadgen_histogram_samples[histogram].measured++;
    ngx_leadgen_histogram_samples[histogram].since = 0;
}


void
ngx_leadgen_histogram_get(ngx_leadgen_histogram_e histogram,
    ngx_leadgen_histogram_view_t *view)
{
    ngx_uint_t           i;
    ngx_leadgen_zone_t  *zone;

    ngx_memzero(view, sizeof(ngx_leadgen_histogram_view_t));
    zone = ngx_leadgen_zone();

    for (i = 0; zone && i < zone->nplaces; i++) {
        ngx_leadgen_histogram_sum(&zone->places[i].histograms[histogram],
                                  view);
    }
}
