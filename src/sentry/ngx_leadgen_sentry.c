
/*
 * Sentry's items: they enter, finished, and stand in this worker's file, or are
 * counted as dropped.
 */


#include "ngx_leadgen_transport.h"


#define NGX_LEADGEN_SENTRY_RESERVE  4       /* part of the room: for errors */


/* Lifetime: worker. */

typedef struct {
    ngx_leadgen_backend_t         *threads; /* NULL: Sentry is off */
    ngx_leadgen_envelope_drops_t   drops;   /* not told yet */
} ngx_leadgen_sentry_t;


static ngx_uint_t ngx_leadgen_sentry_has_room(
    const ngx_leadgen_ring_t *ring, ngx_leadgen_sentry_category_e category,
    size_t length);


static ngx_leadgen_sentry_t  ngx_leadgen_sentry;


ngx_int_t
ngx_leadgen_sentry_start(ngx_cycle_t *cycle,
    const ngx_leadgen_sentry_transport_t *conf, ngx_leadgen_backend_t *files)
{
    ngx_int_t               rc;
    ngx_leadgen_backend_t  *threads;

    ngx_memzero(&ngx_leadgen_sentry, sizeof(ngx_leadgen_sentry_t));

    if (conf->dsn.url.len == 0) {
        return NGX_OK;
    }

    threads = ngx_leadgen_backend_start(cycle, &conf->threads);

    if (threads == NULL) {
        return NGX_ERROR;
    }

    if (ngx_leadgen_deliver_init() != NGX_OK) {
        ngx_leadgen_backend_stop(threads);
        return NGX_ERROR;
    }

    ngx_leadgen_sentry.threads = threads;

    rc = ngx_leadgen_folder_start(cycle, conf, files);
    ngx_leadgen_courier_start(conf, threads);

    return rc;
}


void
ngx_leadgen_sentry_stop(void)
{
    if (ngx_leadgen_sentry.threads == NULL) {
        return;
    }

    ngx_leadgen_courier_stop();
    ngx_leadgen_folder_stop();
    ngx_leadgen_backend_stop(ngx_leadgen_sentry.threads);
    ngx_leadgen_deliver_exit();

    ngx_leadgen_sentry.threads = NULL;
}


ngx_uint_t
ngx_leadgen_sentry_wanted(ngx_leadgen_sentry_category_e category)
{
    ngx_leadgen_ring_t  *ring;

    if (ngx_leadgen_sentry.threads == NULL) {
        return 0;
    }

    if (ngx_leadgen_sentry_is_limited(category)) {
        ngx_leadgen_sentry_drop(category,
                                NGX_LEADGEN_SENTRY_RATELIMIT_BACKOFF, 1);
        return 0;
    }

    ring = ngx_leadgen_folder_own();

    if (ring == NULL || !ngx_leadgen_sentry_has_room(ring, category, 0)) {
        ngx_leadgen_sentry_drop(category, NGX_LEADGEN_SENTRY_QUEUE_OVERFLOW,
                                1);
        return 0;
    }

    return 1;
}


/* Transactions, which are many, leave errors a part of the room. */

static ngx_uint_t
ngx_leadgen_sentry_has_room(const ngx_leadgen_ring_t *ring,
    ngx_leadgen_sentry_category_e category, size_t length)
{
    size_t  size;

    size = ngx_leadgen_ring_size(ring);

    if (category != NGX_LEADGEN_SENTRY_ERROR) {
        size -= size / NGX_LEADGEN_SENTRY_RESERVE;
    }

    return ngx_leadgen_ring_used(ring) < size
           && ngx_leadgen_ring_place(ring, sizeof(ngx_leadgen_courier_head_t)
                                           + length);
}


ngx_int_t
ngx_leadgen_sentry_append(ngx_leadgen_sentry_category_e category,
    const u_char event_id[NGX_LEADGEN_UUID_SIZE], const u_char *payload,
    size_t length)
{
    u_char                      *place;
    ngx_leadgen_ring_t          *ring;
    ngx_leadgen_courier_head_t   head;

    ring = ngx_leadgen_folder_own();

    if (length == 0 || length > NGX_LEADGEN_SENTRY_ITEM_MAX) {
        ngx_leadgen_sentry_drop(category, NGX_LEADGEN_SENTRY_TOO_BIG, 1);
        return NGX_DECLINED;
    }

    if (ring == NULL || !ngx_leadgen_sentry_has_room(ring, category, length)) {
        ngx_leadgen_sentry_drop(category, NGX_LEADGEN_SENTRY_QUEUE_OVERFLOW,
                                1);
        return NGX_DECLINED;
    }

    ngx_memzero(&head, sizeof(head));
    ngx_memcpy(head.event_id, event_id, NGX_LEADGEN_UUID_SIZE);

    place = ngx_leadgen_ring_place(ring, sizeof(head) + length);
    ngx_memcpy(place, &head, sizeof(head));
    ngx_memcpy(place + sizeof(head), payload, length);

    ngx_leadgen_ring_commit(ring, place, category, sizeof(head) + length);
    ngx_leadgen_courier_wake();

    return NGX_OK;
}


/* --- drops --- */

void
ngx_leadgen_sentry_drop(ngx_leadgen_sentry_category_e category,
    ngx_leadgen_sentry_reason_e reason, ngx_uint_t n)
{
    ngx_leadgen_metric_e  metric;

    if (ngx_leadgen_sentry.threads == NULL) {
        return;
    }

    ngx_leadgen_sentry.drops.n[category][reason] += n;

    metric = NGX_LEADGEN_METRIC_SENTRY_DROPPED_ERROR_QUEUE_OVERFLOW;
    metric += category * NGX_LEADGEN_SENTRY_REASONS + reason;

    ngx_leadgen_metric_add(metric, n);
}


ngx_uint_t
ngx_leadgen_sentry_take(ngx_leadgen_envelope_drops_t *drops)
{
    static const ngx_leadgen_envelope_drops_t  none;

    *drops = ngx_leadgen_sentry.drops;
    ngx_memzero(&ngx_leadgen_sentry.drops,
                sizeof(ngx_leadgen_envelope_drops_t));

    return ngx_memcmp(drops, &none, sizeof(none)) != 0;
}


void
ngx_leadgen_sentry_return(const ngx_leadgen_envelope_drops_t *drops)
{
    ngx_uint_t  i, n;

    for (i = 0; i < NGX_LEADGEN_SENTRY_CATEGORIES; i++) {
        for (n = 0; n < NGX_LEADGEN_SENTRY_REASONS; n++) {
            ngx_leadgen_sentry.drops.n[i][n] += drops->n[i][n];
        }
    }
}


/* --- limits, which all workers share --- */

ngx_uint_t
ngx_leadgen_sentry_is_limited(ngx_leadgen_sentry_category_e category)
{
    return (time_t) ngx_leadgen_metric_get(
                         NGX_LEADGEN_METRIC_SENTRY_LIMITED_ERROR + category)
           > ngx_time();
}


void
ngx_leadgen_sentry_limit(const ngx_leadgen_limits_t *limits)
{
    ngx_uint_t  i, until, metric;

    for (i = 0; i < NGX_LEADGEN_SENTRY_CATEGORIES; i++) {
        metric = NGX_LEADGEN_METRIC_SENTRY_LIMITED_ERROR + i;
        until = ngx_time() + limits->seconds[i];

        if (limits->seconds[i] && until > ngx_leadgen_metric_get(metric)) {
            ngx_leadgen_metric_set(metric, until);
        }
    }
}
