
/*
 * Metrics: what workers count is added up, also of those that died; what they
 * measure counts while they live.
 *
 * sources: src/shm/ngx_leadgen_metric.c src/shm/ngx_leadgen_series.c
 * sources: src/shm/ngx_leadgen_histogram.c
 */


#include "unit.h"
#include "ngx_leadgen_zone.h"
#include <time.h>


#define ALLOWED  NGX_LEADGEN_METRIC_DECISIONS_ALLOWED
#define LAG      NGX_LEADGEN_METRIC_REVOCATION_LAG
#define MEMORY   NGX_LEADGEN_METRIC_RESIDENT_MEMORY


static ngx_leadgen_zone_t   zone_;
static ngx_leadgen_zone_t  *zone;
static ngx_slab_pool_t      slab;
static uint64_t             now;            /* milliseconds */


ngx_leadgen_zone_t *
ngx_leadgen_zone(void)
{
    return zone;
}


ngx_slab_pool_t *
ngx_leadgen_zone_pool(void)
{
    return &slab;
}


uint64_t
ngx_leadgen_time_monotonic(void)
{
    return now * 1000;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    (void) pool;

    return calloc(1, size);
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    (void) mtx;
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    (void) mtx;
}


static void
fresh(size_t size)
{
    if (zone) {
        free(zone->places);
    }

    ngx_memzero(&zone_, sizeof(zone_));
    zone = &zone_;
    now = 5000;
    (void) ngx_leadgen_metric_init(zone, &slab, size);
}


static void
test_without_zone(void)
{
    ngx_leadgen_histogram_view_t  view;

    zone = NULL;
    ngx_leadgen_metric_attach(0);
    ngx_leadgen_metric_add(ALLOWED, 1);
    ngx_leadgen_metric_set(LAG, 1);
    ngx_leadgen_histogram_observe(NGX_LEADGEN_HISTOGRAM_POLICY, 1);
    ngx_leadgen_histogram_get(NGX_LEADGEN_HISTOGRAM_POLICY, &view);

    is_int(ngx_leadgen_metric_get(ALLOWED), 0, "without a zone all is 0");
    is_int(view.sum, 0, "durations, too");
}


static void
test_counters(void)
{
    fresh(16 * 1024 * 1024);

    is_int(zone->nplaces, 64, "a zone of 16 MB has places for 64 workers");

    ngx_leadgen_metric_attach(0);
    ngx_leadgen_metric_add(ALLOWED, 2);
    ngx_leadgen_metric_attach(1);
    ngx_leadgen_metric_add(ALLOWED, 3);

    is_int(ngx_leadgen_metric_get(ALLOWED), 5, "workers are added up");

    now += 60000;
    ngx_leadgen_metric_attach(1);

    is_int(ngx_leadgen_metric_get(ALLOWED), 5,
           "what dead workers counted stays");
}


static void
test_gauges(void)
{
    ngx_uint_t  value;

    fresh(16 * 1024 * 1024);

    ngx_leadgen_metric_attach(0);
    ngx_leadgen_metric_set(LAG, 700);
    ngx_leadgen_metric_set(MEMORY, 10);
    ngx_leadgen_metric_attach(2);
    ngx_leadgen_metric_set(LAG, 300);
    ngx_leadgen_metric_set(MEMORY, 20);

    is_int(ngx_leadgen_metric_get(LAG), 700, "the greatest");
    is_int(ngx_leadgen_metric_get_worker(MEMORY, 0, &value), NGX_OK, "worker");
    is_int(value, 10, "has its own");
    is_int(ngx_leadgen_metric_get_worker(MEMORY, 1, &value), NGX_DECLINED,
           "there is no worker 1");
    is_int(ngx_leadgen_metric_get_worker(MEMORY, 64, &value), NGX_DONE,
           "and none above");

    now += NGX_LEADGEN_METRIC_ALIVE - 1;
    ngx_leadgen_metric_beat();
    now++;

    is_int(ngx_leadgen_metric_get(LAG), 300, "without the dead one's");
    is_int(ngx_leadgen_metric_get_worker(MEMORY, 0, &value), NGX_DECLINED,
           "which is gone");

    ngx_leadgen_metric_attach(0);
    is_int(ngx_leadgen_metric_get(LAG), 300, "its successor starts at 0");
    is_int(ngx_leadgen_metric_get_worker(MEMORY, 0, &value), NGX_OK,
           "and is there");
}


static void
test_small_zone(void)
{
    fresh(64 * 1024);

    is_int(zone->nplaces, 1, "a zone of 64k has one place");

    ngx_leadgen_metric_attach(0);
    ngx_leadgen_metric_add(ALLOWED, 2);
    ngx_leadgen_metric_attach(5);
    ngx_leadgen_metric_add(ALLOWED, 3);

    is_int(ngx_leadgen_metric_get(ALLOWED), 5, "which all workers share");
}


static void
test_buckets(void)
{
    ngx_uint_t                     i;
    ngx_leadgen_histogram_t        histogram;
    ngx_leadgen_histogram_view_t   view;

    ngx_memzero(&histogram, sizeof(histogram));
    ngx_memzero(&view, sizeof(view));

    for (i = 0; i < NGX_LEADGEN_HISTOGRAM_BUCKETS; i++) {
        if (i && ngx_leadgen_histogram_bounds[i]
                 <= ngx_leadgen_histogram_bounds[i - 1])
        {
            break;
        }

        ngx_leadgen_histogram_count(&histogram,
                                    ngx_leadgen_histogram_bounds[i], 1);
        ngx_leadgen_histogram_count(&histogram,
                                    ngx_leadgen_histogram_bounds[i] + 1, 1);
    }

    is_int(i, NGX_LEADGEN_HISTOGRAM_BUCKETS, "bounds ascend");

    ngx_leadgen_histogram_sum(&histogram, &view);

    is_int(view.count[0], 1, "a bound belongs to its bucket");
    is_int(view.count[1], 2, "one more to the next");
    is_int(view.count[NGX_LEADGEN_HISTOGRAM_BUCKETS], 1,
           "what is above all, to the last");
}


/* The first 64 each, then one in 16 for those before it: none is forgotten. */

static void
test_samples(void)
{
    uint64_t                       began;
    ngx_uint_t                     i, n, measured;
    ngx_leadgen_histogram_view_t   view;

    fresh(1024 * 1024);
    ngx_leadgen_metric_attach(0);

    measured = 0;

    for (i = 0; i < 64 + 32; i++) {
        began = ngx_leadgen_histogram_begin(NGX_LEADGEN_HISTOGRAM_APPEND);
        measured += (began != 0);
        ngx_leadgen_histogram_observe(NGX_LEADGEN_HISTOGRAM_APPEND, began);
    }

    ngx_leadgen_histogram_get(NGX_LEADGEN_HISTOGRAM_APPEND, &view);

    for (i = 0, n = 0; i <= NGX_LEADGEN_HISTOGRAM_BUCKETS; i++) {
        n += view.count[i];
    }

    is_int(measured, 64 + 2, "one in 16 is measured behind the first 64");
    is_int(n, 64 + 32, "and stands for all of them");
}


static void
test_cost(void)
{
    uint64_t                       began, end;
    ngx_uint_t                     i;
    ngx_leadgen_histogram_view_t   view;

    fresh(1024 * 1024);
    ngx_leadgen_metric_attach(0);

    began = ngx_leadgen_histogram_now();

    for (i = 0; i < 100000; i++) {
        ngx_leadgen_histogram_observe(NGX_LEADGEN_HISTOGRAM_POLICY,
                                      ngx_leadgen_histogram_now());
    }

    end = ngx_leadgen_histogram_now();
    ngx_leadgen_histogram_get(NGX_LEADGEN_HISTOGRAM_POLICY, &view);

    is_int(view.count[0] + view.count[1] + view.count[2] > 99000, 1,
           "which is fast");
    ok(end - began < 100000ull * 5000, "costs less than 5 us, sanitizers on");
    printf("# %lu ns a duration\n", (unsigned long) ((end - began) / 100000));
}


static void
test_series(void)
{
    ngx_int_t                      database, redis;
    ngx_str_t                      name = ngx_string("database");
    ngx_str_t                      other = ngx_string("redis");
    ngx_str_t                      longer;
    ngx_uint_t                     i;
    ngx_leadgen_histogram_view_t   view;

    fresh(1024 * 1024);
    ngx_leadgen_metric_attach(0);

    database = ngx_leadgen_series_open(&name);
    redis = ngx_leadgen_series_open(&other);

    ok(database >= 0 && redis >= 0 && database != redis, "two backends");
    is_int(ngx_leadgen_series_open(&name), database, "known by their names");
    is_int(ngx_strcmp(ngx_leadgen_series_name(redis), "redis"), 0, "to all");
    ok(ngx_leadgen_series_name(2) == NULL, "there is no third");

    ngx_leadgen_series_add(database, NGX_LEADGEN_BACKEND_COMPLETED, 2);
    ngx_leadgen_series_set(database, NGX_LEADGEN_BACKEND_UP, 4);
    ngx_leadgen_metric_attach(1);
    ngx_leadgen_series_add(database, NGX_LEADGEN_BACKEND_COMPLETED, 1);
    ngx_leadgen_series_set(database, NGX_LEADGEN_BACKEND_UP, 3);
    ngx_leadgen_series_observe(database, 0);

    is_int(ngx_leadgen_series_get(database, NGX_LEADGEN_BACKEND_COMPLETED), 3,
           "calls of all workers");
    is_int(ngx_leadgen_series_get(database, NGX_LEADGEN_BACKEND_UP), 7,
           "links of all workers");
    is_int(ngx_leadgen_series_get(redis, NGX_LEADGEN_BACKEND_UP), 0,
           "and not of the other backend");

    ngx_leadgen_series_get_duration(database, &view);
    is_int(view.count[NGX_LEADGEN_HISTOGRAM_BUCKETS], 1, "a long time");

    ngx_leadgen_metric_attach(0);
    is_int(ngx_leadgen_series_get(database, NGX_LEADGEN_BACKEND_UP), 3,
           "a new worker has no links");
    is_int(ngx_leadgen_series_get(database, NGX_LEADGEN_BACKEND_COMPLETED), 3,
           "but its forerunner's calls count");

    for (i = 0; i < NGX_LEADGEN_ZONE_SERIES - 2; i++) {
        longer.data = (u_char *) "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop";
        longer.len = 1 + i;
        (void) ngx_leadgen_series_open(&longer);
    }

    ngx_str_set(&longer, "one too many");
    is_int(ngx_leadgen_series_open(&longer), NGX_ERROR, "no room for more");
    ngx_leadgen_series_add(NGX_ERROR, NGX_LEADGEN_BACKEND_UP, 1);
}


int
main(void)
{
    test_without_zone();
    test_counters();
    test_gauges();
    test_small_zone();
    test_buckets();
    test_samples();
    test_cost();
    test_series();

    free(zone->places);

    return unit_done();
}
