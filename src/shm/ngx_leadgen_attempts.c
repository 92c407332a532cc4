
/*
 * Attempts, beyond the zone: the throttle's slots go out with the key of their
 * hash, and come back into a zone that is new.
 *
 * The clock that they go by begins anew with the machine, so that they are kept
 * as what is left of their times, and a clock that people know tells how long
 * they were away.
 */


#include "ngx_leadgen_zone.h"


#define NGX_LEADGEN_ATTEMPTS_STRETCH  1024  /* slots copied under one lock */


/* The secret stands where a slot would. */

typedef char  ngx_leadgen_attempts_fit[sizeof(ngx_leadgen_throttle_slot_t)
                                       == NGX_LEADGEN_ATTEMPTS_RECORD
                                       && NGX_LEADGEN_ZONE_SECRET
                                          == NGX_LEADGEN_ATTEMPTS_RECORD
                                       ? 1 : -1];


static void ngx_leadgen_attempts_left(ngx_leadgen_throttle_slot_t *slot,
    uint64_t now);
static void ngx_leadgen_attempts_put(ngx_leadgen_zone_t *zone,
    const ngx_leadgen_throttle_slot_t *left, uint64_t away, uint64_t now);
static uint32_t ngx_leadgen_attempts_until(uint32_t left, uint64_t away,
    uint64_t now);


ngx_uint_t
ngx_leadgen_attempts_changes(void)
{
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    return zone ? zone->attempts : 0;
}


ngx_int_t
ngx_leadgen_attempts_copy(ngx_leadgen_attempts_view_t *view)
{
    uint64_t                      now;
    ngx_uint_t                    i, last;
    ngx_leadgen_zone_t           *zone;
    ngx_leadgen_throttle_slot_t  *slot, *to;

    zone = ngx_leadgen_zone();
    to = zone ? malloc((zone->throttle_mask + 2) * sizeof(*to)) : NULL;

    if (to == NULL) {
        return NGX_ERROR;
    }

    view->records = (u_char *) to;
    view->time = ngx_time();
    now = ngx_leadgen_time_monotonic() / 1000;

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);
    view->changes = zone->attempts;
    ngx_memcpy(to++, zone->secret, NGX_LEADGEN_ZONE_SECRET);
    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    for (i = 0; i <= zone->throttle_mask; i = last) {
        last = ngx_min(i + NGX_LEADGEN_ATTEMPTS_STRETCH,
                       zone->throttle_mask + 1);

        ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

        for (slot = &zone->throttles[i];
             slot < &zone->throttles[last];
             slot++)
        {
            if (slot->keep > now / 1000) {
                *to = *slot;
                ngx_leadgen_attempts_left(to++, now);
            }
        }

        ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);
    }

    view->n = to - (ngx_leadgen_throttle_slot_t *) view->records;

    return NGX_OK;
}


static void
ngx_leadgen_attempts_left(ngx_leadgen_throttle_slot_t *slot, uint64_t now)
{
    uint32_t  seconds;

    seconds = (uint32_t) (now / 1000);

    slot->until -= ngx_min(slot->until, now);
    slot->keep -= ngx_min(slot->keep, seconds);
    slot->known -= ngx_min(slot->known, seconds);
    slot->forget -= ngx_min(slot->forget, seconds);
}


ngx_int_t
ngx_leadgen_attempts_restore(const ngx_leadgen_attempts_view_t *view)
{
    uint64_t                      now, away;
    ngx_uint_t                    i;
    ngx_leadgen_zone_t           *zone;
    ngx_leadgen_throttle_slot_t   slot;

    zone = ngx_leadgen_zone();

    if (zone == NULL) {
        return NGX_DECLINED;
    }

    now = ngx_leadgen_time_monotonic() / 1000;
    away = view->time < ngx_time() ? ngx_time() - view->time : 0;

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    if (zone->attempted) {
        ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);
        return NGX_DECLINED;
    }

    zone->attempted = 1;

    if (view->n) {
        ngx_memcpy(zone->secret, view->records, NGX_LEADGEN_ZONE_SECRET);
    }

    for (i = 1; i < view->n; i++) {
        ngx_memcpy(&slot, view->records + i * sizeof(slot), sizeof(slot));

        if (slot.keep > away) {
            ngx_leadgen_attempts_put(zone, &slot, away, now);
        }
    }

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    return NGX_OK;
}


static void
ngx_leadgen_attempts_put(ngx_leadgen_zone_t *zone,
    const ngx_leadgen_throttle_slot_t *left, uint64_t away, uint64_t now)
{
    ngx_leadgen_throttle_slot_t  *slot;

    slot = ngx_leadgen_throttle_place(zone, left->key, now);

    slot->until = left->until > 1000 * away
                  ? now + left->until - 1000 * away : 0;
    slot->keep = ngx_leadgen_attempts_until(left->keep, away, now);
    slot->known = ngx_leadgen_attempts_until(left->known, away, now);
    slot->forget = ngx_leadgen_attempts_until(left->forget, away, now);
    slot->failures = left->failures;
}


static uint32_t
ngx_leadgen_attempts_until(uint32_t left, uint64_t away, uint64_t now)
{
    return left > away ? (uint32_t) (now / 1000 + left - away) : 0;
}
