
/*
 * Epochs: revocations go in, "from when on do this subject's credentials
 * count" comes out.
 *
 * An open-addressed table of fixed size.  A slot may be reused once no
 * credential that it revokes can be alive; a subject lies within a short window
 * behind its hash, so that a look-up costs the same however full the table is.
 */


#include "ngx_leadgen_zone.h"


#define NGX_LEADGEN_EPOCH_WINDOW  32
#define NGX_LEADGEN_EPOCH_STRETCH 1024      /* slots copied under one lock */


typedef char  ngx_leadgen_epoch_fits[sizeof(ngx_leadgen_epoch_slot_t)
                                     == NGX_LEADGEN_EPOCH_RECORD ? 1 : -1];


static ngx_leadgen_epoch_slot_t *ngx_leadgen_epoch_slot(
    ngx_leadgen_zone_t *zone, const uint64_t key[2], ngx_uint_t i);
static void ngx_leadgen_epoch_key(ngx_leadgen_epoch_e kind,
    const u_char *subject, uint64_t key[2]);
static ngx_int_t ngx_leadgen_epoch_put(ngx_leadgen_zone_t *zone,
    const uint64_t key[2], uint32_t epoch, uint32_t keep);
static ngx_leadgen_epoch_slot_t *ngx_leadgen_epoch_place(
    ngx_leadgen_zone_t *zone, const uint64_t key[2]);


ngx_int_t
ngx_leadgen_epoch_init(ngx_leadgen_zone_t *zone, ngx_slab_pool_t *pool,
    size_t size)
{
    ngx_uint_t  n;

    n = NGX_LEADGEN_EPOCH_WINDOW;

    while (2 * n * sizeof(ngx_leadgen_epoch_slot_t) <= size / 2) {
        n *= 2;
    }

    zone->slots = ngx_slab_calloc(pool, n * sizeof(ngx_leadgen_epoch_slot_t));
    if (zone->slots == NULL) {
        return NGX_ERROR;
    }

    zone->mask = n - 1;

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_epoch_set(ngx_leadgen_epoch_e kind, const u_char *subject,
    time_t epoch, time_t keep)
{
    uint64_t             key[2];
    ngx_int_t            rc;
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();
    if (zone == NULL) {
        return NGX_ERROR;
    }

    ngx_leadgen_epoch_key(kind, subject, key);

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);
    rc = ngx_leadgen_epoch_put(zone, key, (uint32_t) epoch, (uint32_t) keep);
    zone->epochs |= 1 << kind;
    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "leadgen: epoch: the zone is too small for all "
                      "revocations: everybody has to log in again");
    }

    return rc;
}


/* Under the lock.  NGX_ERROR: it had no room, and the floor rose. */

static ngx_int_t
ngx_leadgen_epoch_put(ngx_leadgen_zone_t *zone, const uint64_t key[2],
    uint32_t epoch, uint32_t keep)
{
    ngx_leadgen_epoch_slot_t  *slot;

    slot = ngx_leadgen_epoch_place(zone, key);

    if (slot == NULL) {
        zone->changes += (epoch > zone->floor);
        zone->floor = ngx_max(zone->floor, epoch);
        return NGX_ERROR;
    }

    if (slot->key[0] != key[0] || slot->key[1] != key[1]) {
        slot->epoch = 0;
        slot->keep = 0;
    }

    zone->changes += (epoch > slot->epoch || keep > slot->keep);

    slot->key[0] = key[0];
    slot->key[1] = key[1];
    slot->epoch = ngx_max(slot->epoch, epoch);
    slot->keep = ngx_max(slot->keep, keep);

    return NGX_OK;
}


/* The subject's own slot, else the first that is free, else NULL. */

static ngx_leadgen_epoch_slot_t *
ngx_leadgen_epoch_place(ngx_leadgen_zone_t *zone, const uint64_t key[2])
{
    ngx_uint_t                 i;
    ngx_leadgen_epoch_slot_t  *slot, *place;

    place = NULL;

    for (i = 0; i < NGX_LEADGEN_EPOCH_WINDOW; i++) {
        slot = ngx_leadgen_epoch_slot(zone, key, i);

        if (slot->key[0] == key[0] && slot->key[1] == key[1]) {
            return slot;
        }

        if (place == NULL && slot->keep < (uint32_t) ngx_time()) {
            place = slot;
        }
    }

    return place;
}


time_t
ngx_leadgen_epoch_get(ngx_leadgen_epoch_e kind, const u_char *subject)
{
    time_t                     epoch;
    uint64_t                   key[2];
    ngx_uint_t                 i;
    ngx_leadgen_zone_t        *zone;
    ngx_leadgen_epoch_slot_t  *slot;

    zone = ngx_leadgen_zone();

    if (zone == NULL) {
        return 0;
    }

    if (!(zone->epochs & 1 << kind)) {
        return zone->floor;
    }

    ngx_leadgen_epoch_key(kind, subject, key);

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    epoch = zone->floor;

    for (i = 0; i < NGX_LEADGEN_EPOCH_WINDOW; i++) {
        slot = ngx_leadgen_epoch_slot(zone, key, i);

        if (slot->keep == 0) {
            break;
        }

        if (slot->key[0] == key[0] && slot->key[1] == key[1]) {
            epoch = ngx_max(epoch, (time_t) slot->epoch);
            break;
        }
    }

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    return epoch;
}


time_t
ngx_leadgen_epoch_latest(const u_char *user_id)
{
    time_t               epoch, change;
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    if (zone == NULL || !(zone->epochs & 1 << NGX_LEADGEN_EPOCH_CHANGE)) {
        return ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_USER, user_id);
    }

    epoch = ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_USER, user_id);
    change = ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_CHANGE, user_id);

    return ngx_max(epoch, change);
}


void
ngx_leadgen_epoch_complete(time_t second)
{
    ngx_leadgen_zone_t  *zone;
    ngx_atomic_uint_t    before;

    zone = ngx_leadgen_zone();

    if (zone == NULL) {
        return;
    }

    do {
        before = zone->complete;

    } while (before < (ngx_atomic_uint_t) second
             && !ngx_atomic_cmp_set(&zone->complete, before, second));
}


time_t
ngx_leadgen_epoch_known(void)
{
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    return zone ? (time_t) zone->complete : 0;
}


ngx_uint_t
ngx_leadgen_epoch_miss(void)
{
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    return zone && ngx_atomic_cmp_set(&zone->missed, 0, 1);
}


ngx_uint_t
ngx_leadgen_epoch_is_missed(void)
{
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    return zone && zone->missed;
}


ngx_uint_t
ngx_leadgen_epoch_changes(void)
{
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    return zone ? zone->changes : 0;
}


/* Slots never move, so that stretches of them may be copied one by one. */

ngx_int_t
ngx_leadgen_epoch_copy(ngx_leadgen_epoch_view_t *view)
{
    ngx_uint_t                 i, last;
    ngx_leadgen_zone_t        *zone;
    ngx_leadgen_epoch_slot_t  *slot, *to;

    zone = ngx_leadgen_zone();
    to = zone ? malloc((zone->mask + 1) * sizeof(*to)) : NULL;

    if (to == NULL) {
        return NGX_ERROR;
    }

    view->records = (u_char *) to;

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);
    view->complete = (time_t) zone->complete;
    view->changes = zone->changes;
    view->floor = zone->floor;
    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    for (i = 0; i <= zone->mask; i = last) {
        last = ngx_min(i + NGX_LEADGEN_EPOCH_STRETCH, zone->mask + 1);

        ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

        for (slot = &zone->slots[i]; slot < &zone->slots[last]; slot++) {
            if (slot->keep >= (uint32_t) ngx_time()) {
                *to++ = *slot;
            }
        }

        ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);
    }

    view->n = to - (ngx_leadgen_epoch_slot_t *) view->records;

    return NGX_OK;
}


void
ngx_leadgen_epoch_restore(const ngx_leadgen_epoch_view_t *view)
{
    ngx_uint_t                 i;
    ngx_leadgen_zone_t        *zone;
    ngx_leadgen_epoch_slot_t   slot;

    zone = ngx_leadgen_zone();

    if (zone == NULL) {
        return;
    }

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    /* a record does not tell its kind, nor is the floor of one */

    if (view->floor || view->n) {
        zone->epochs = (ngx_atomic_uint_t) -1;
    }

    zone->floor = ngx_max(zone->floor, view->floor);

    for (i = 0; i < view->n; i++) {
        ngx_memcpy(&slot, view->records + i * sizeof(slot), sizeof(slot));

        if (slot.keep >= (uint32_t) ngx_time()) {
            (void) ngx_leadgen_epoch_put(zone, slot.key, slot.epoch,
                                         slot.keep);
        }
    }

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);
}


static void
ngx_leadgen_epoch_key(ngx_leadgen_epoch_e kind, const u_char *subject,
    uint64_t key[2])
{
    if (kind == NGX_LEADGEN_EPOCH_SESSION) {
        ngx_memcpy(key, subject, NGX_LEADGEN_UUID_SIZE);

    } else {
        key[0] = kind - NGX_LEADGEN_EPOCH_USER;
        ngx_memcpy(&key[1], subject, 8);
    }
}


static ngx_leadgen_epoch_slot_t *
ngx_leadgen_epoch_slot(ngx_leadgen_zone_t *zone, const uint64_t key[2],
    ngx_uint_t i)
{
    uint64_t  hash;

    hash = (key[0] ^ key[1]) * 0x9e3779b97f4a7c15ull;

    return &zone->slots[((hash >> 24) + i) & zone->mask];
}
