
/*
 * The throttle: attempts at passwords, and what else is guessed, go in, the
 * seconds to wait come out.
 *
 * A stranger must not be able to lock somebody out, so that what slows attempts
 * down is the failures of the account's and the client's network's *pair*.
 * Beyond that there are leaky buckets of an account, of a network, and of a
 * network's attempts in flight.  A network from which somebody logged in to the
 * account is known: the first two do not touch it.
 *
 * Everybody is counted alike, whether there is such an account or not.  An
 * attempt fills the buckets when it is admitted, so that many at once gain
 * nothing, and is taken out again unless it fails; what a worker that was
 * killed leaves in them drains by itself.
 *
 * The table is open-addressed and of fixed size.  In a window that is full the
 * slot goes that would be forgotten soonest: those with the most failures stay,
 * and known networks longest.  Keys are a keyed hash: neither e-mail addresses
 * nor clients' addresses stand in it, and nobody can choose a window.
 */


#include "ngx_leadgen_zone.h"
#include <openssl/rand.h>


#define NGX_LEADGEN_THROTTLE_WINDOW   32
#define NGX_LEADGEN_THROTTLE_FREE     5     /* failures, until it gets slow */
#define NGX_LEADGEN_THROTTLE_FIRST    1000  /* ms, the first delay */
#define NGX_LEADGEN_THROTTLE_LONGEST  60000 /* ms */
#define NGX_LEADGEN_THROTTLE_FORGET   900   /* seconds after the last failure */
#define NGX_LEADGEN_THROTTLE_KNOWN    (30 * 24 * 3600)


typedef struct {
    uint64_t  interval;                     /* ms in which one drains */
    uint64_t  size;
} ngx_leadgen_throttle_bucket_t;


static uint64_t ngx_leadgen_throttle_wait(ngx_leadgen_zone_t *zone,
    ngx_leadgen_throttle_t *attempt, uint64_t now);
static void ngx_leadgen_throttle_charge(ngx_leadgen_zone_t *zone,
    const ngx_leadgen_throttle_t *attempt, uint64_t now);
static void ngx_leadgen_throttle_refund(ngx_leadgen_zone_t *zone,
    const ngx_leadgen_throttle_t *attempt, ngx_leadgen_throttle_kind_e kind,
    uint64_t now);
static void ngx_leadgen_throttle_decide(ngx_leadgen_zone_t *zone,
    const ngx_leadgen_throttle_t *attempt,
    ngx_leadgen_throttle_outcome_e outcome, uint64_t now);
static uint64_t ngx_leadgen_throttle_delay(ngx_uint_t failures);
static ngx_leadgen_throttle_slot_t *ngx_leadgen_throttle_find(
    ngx_leadgen_zone_t *zone, uint64_t key, uint64_t now);
static ngx_leadgen_throttle_slot_t *ngx_leadgen_throttle_slot(
    ngx_leadgen_zone_t *zone, uint64_t key, ngx_uint_t i);


/* In no hour an account sees more than 100 failures of strangers. */

static const ngx_leadgen_throttle_bucket_t  ngx_leadgen_throttle_buckets[] = {
    { 0, 0 },                               /* PAIR: is none */
    { 72000, 50 },                          /* ACCOUNT */
    { 10000, 60 },                          /* NETWORK */
    { 1000, 32 }                            /* FLIGHT */
};


ngx_int_t
ngx_leadgen_throttle_init(ngx_leadgen_zone_t *zone, ngx_slab_pool_t *pool,
    size_t size)
{
    ngx_uint_t  n;

    n = NGX_LEADGEN_THROTTLE_WINDOW;

    while (2 * n * sizeof(ngx_leadgen_throttle_slot_t) <= size / 4) {
        n *= 2;
    }

    zone->throttles = ngx_slab_calloc(pool,
                                      n * sizeof(ngx_leadgen_throttle_slot_t));

    if (zone->throttles == NULL
        || RAND_bytes(zone->secret, NGX_LEADGEN_ZONE_SECRET) != 1)
    {
        return NGX_ERROR;
    }

    zone->throttle_mask = n - 1;

    return NGX_OK;
}


ngx_uint_t
ngx_leadgen_throttle_admit(ngx_leadgen_throttle_t *attempt,
    ngx_leadgen_throttle_aim_e aim, const ngx_str_t *account,
    const struct sockaddr *client)
{
    uint64_t             now, wait;
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();
    attempt->pending = 0;

    /* without the means to count an attempt there is none */

    if (zone == NULL
        || ngx_leadgen_fingerprint(zone->secret, aim, account, client,
                                   attempt->keys)
           != NGX_OK)
    {
        return 1;
    }

    now = ngx_leadgen_time_monotonic() / 1000;

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    zone->attempted = 1;
    zone->attempts++;
    wait = ngx_leadgen_throttle_wait(zone, attempt, now);

    if (wait == 0) {
        ngx_leadgen_throttle_charge(zone, attempt, now);
        attempt->pending = 1;
    }

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    return (wait + 999) / 1000;
}


void
ngx_leadgen_throttle_end(ngx_leadgen_throttle_t *attempt,
    ngx_leadgen_throttle_outcome_e outcome)
{
    uint64_t             now;
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    if (zone == NULL || !attempt->pending) {
        return;
    }

    attempt->pending = 0;
    now = ngx_leadgen_time_monotonic() / 1000;

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    zone->attempts++;
    ngx_leadgen_throttle_refund(zone, attempt, NGX_LEADGEN_THROTTLE_FLIGHT,
                                now);

    if (outcome != NGX_LEADGEN_THROTTLE_FAILED && !attempt->known) {
        ngx_leadgen_throttle_refund(zone, attempt,
                                    NGX_LEADGEN_THROTTLE_ACCOUNT, now);
        ngx_leadgen_throttle_refund(zone, attempt,
                                    NGX_LEADGEN_THROTTLE_NETWORK, now);
    }

    if (outcome != NGX_LEADGEN_THROTTLE_UNDECIDED) {
        ngx_leadgen_throttle_decide(zone, attempt, outcome, now);
    }

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);
}


/* The longest of what there is to wait for, in milliseconds. */

static uint64_t
ngx_leadgen_throttle_wait(ngx_leadgen_zone_t *zone,
    ngx_leadgen_throttle_t *attempt, uint64_t now)
{
    uint64_t                              wait, level, limit;
    ngx_uint_t                            kind;
    ngx_leadgen_throttle_slot_t          *slot;
    const ngx_leadgen_throttle_bucket_t  *bucket;

    wait = 0;
    attempt->known = 0;

    slot = ngx_leadgen_throttle_find(zone,
                                     attempt->keys[NGX_LEADGEN_THROTTLE_PAIR],
                                     now);
    if (slot) {
        attempt->known = (slot->known > now / 1000);
        wait = slot->until > now ? slot->until - now : 0;
    }

    for (kind = NGX_LEADGEN_THROTTLE_ACCOUNT;
         kind < NGX_LEADGEN_THROTTLE_NKINDS;
         kind++)
    {
        if (attempt->known && kind != NGX_LEADGEN_THROTTLE_FLIGHT) {
            continue;
        }

        slot = ngx_leadgen_throttle_find(zone, attempt->keys[kind], now);
        if (slot == NULL) {
            continue;
        }

        bucket = &ngx_leadgen_throttle_buckets[kind];
        level = ngx_max(slot->until, now) + bucket->interval;
        limit = now + bucket->interval * bucket->size;

        if (level > limit) {
            wait = ngx_max(wait, level - limit);
        }
    }

    return wait;
}


static void
ngx_leadgen_throttle_charge(ngx_leadgen_zone_t *zone,
    const ngx_leadgen_throttle_t *attempt, uint64_t now)
{
    ngx_uint_t                    kind;
    ngx_leadgen_throttle_slot_t  *slot;

    for (kind = NGX_LEADGEN_THROTTLE_ACCOUNT;
         kind < NGX_LEADGEN_THROTTLE_NKINDS;
         kind++)
    {
        if (attempt->known && kind != NGX_LEADGEN_THROTTLE_FLIGHT) {
            continue;
        }

        slot = ngx_leadgen_throttle_place(zone, attempt->keys[kind], now);

        slot->until = ngx_max(slot->until, now)
                      + ngx_leadgen_throttle_buckets[kind].interval;
        slot->keep = (uint32_t) (slot->until / 1000 + 1);
    }

    /* where it is slow already, attempts come one by one */

    slot = ngx_leadgen_throttle_find(zone,
                                     attempt->keys[NGX_LEADGEN_THROTTLE_PAIR],
                                     now);

    if (slot && slot->forget > now / 1000) {
        slot->until = now + ngx_leadgen_throttle_delay(slot->failures + 1);
    }
}


static void
ngx_leadgen_throttle_refund(ngx_leadgen_zone_t *zone,
    const ngx_leadgen_throttle_t *attempt, ngx_leadgen_throttle_kind_e kind,
    uint64_t now)
{
    uint64_t                      interval;
    ngx_leadgen_throttle_slot_t  *slot;

    slot = ngx_leadgen_throttle_find(zone, attempt->keys[kind], now);
    interval = ngx_leadgen_throttle_buckets[kind].interval;

    if (slot && slot->until > interval) {
        slot->until -= interval;
    }
}


static void
ngx_leadgen_throttle_decide(ngx_leadgen_zone_t *zone,
    const ngx_leadgen_throttle_t *attempt,
    ngx_leadgen_throttle_outcome_e outcome, uint64_t now)
{
    uint32_t                      seconds;
    ngx_leadgen_throttle_slot_t  *slot;

    seconds = (uint32_t) (now / 1000);

    slot = ngx_leadgen_throttle_place(zone,
                                      attempt->keys[NGX_LEADGEN_THROTTLE_PAIR],
                                      now);

    if (outcome == NGX_LEADGEN_THROTTLE_SUCCEEDED) {
        slot->failures = 0;
        slot->until = 0;
        slot->known = seconds + NGX_LEADGEN_THROTTLE_KNOWN;
        slot->keep = slot->known;
        return;
    }

    if (slot->forget <= seconds) {
        slot->failures = 0;
    }

    slot->failures++;
    slot->until = now + ngx_leadgen_throttle_delay(slot->failures);
    slot->forget = seconds + NGX_LEADGEN_THROTTLE_FORGET;
    slot->keep = ngx_max(slot->keep, slot->forget);
}


/* 1, 2, 4 seconds, and so on, from the failure on that is one too many. */

static uint64_t
ngx_leadgen_throttle_delay(ngx_uint_t failures)
{
    uint64_t    delay;
    ngx_uint_t  n;

    if (failures < NGX_LEADGEN_THROTTLE_FREE) {
        return 0;
    }

    delay = NGX_LEADGEN_THROTTLE_FIRST;

    for (n = NGX_LEADGEN_THROTTLE_FREE;
         n < failures && delay < NGX_LEADGEN_THROTTLE_LONGEST;
         n++)
    {
        delay *= 2;
    }

    return ngx_min(delay, NGX_LEADGEN_THROTTLE_LONGEST);
}


/* The slot of a key, NULL when nothing is remembered of it. */

static ngx_leadgen_throttle_slot_t *
ngx_leadgen_throttle_find(ngx_leadgen_zone_t *zone, uint64_t key, uint64_t now)
{
    ngx_uint_t                    i;
    ngx_leadgen_throttle_slot_t  *slot;

    for (i = 0; i < NGX_LEADGEN_THROTTLE_WINDOW; i++) {
        slot = ngx_leadgen_throttle_slot(zone, key, i);

        if (slot->key == key && slot->keep > now / 1000) {
            return slot;
        }
    }

    return NULL;
}


/*
 * What would be forgotten first goes: of equals whoever failed least, and not
 * always the same one.  Else the slots of one attempt could take each other's
 * place for ever, and its failures would never add up.
 */

ngx_leadgen_throttle_slot_t *
ngx_leadgen_throttle_place(ngx_leadgen_zone_t *zone, uint64_t key,
    uint64_t now)
{
    ngx_uint_t                    i;
    ngx_leadgen_throttle_slot_t  *slot, *place;
    static ngx_uint_t             turn;

    place = ngx_leadgen_throttle_find(zone, key, now);

    if (place) {
        return place;
    }

    turn++;
    place = ngx_leadgen_throttle_slot(zone, key,
                                      turn % NGX_LEADGEN_THROTTLE_WINDOW);

    for (i = 0; i < NGX_LEADGEN_THROTTLE_WINDOW; i++) {
        slot = ngx_leadgen_throttle_slot(zone, key, i);

        if (slot->keep < place->keep
            || (slot->keep == place->keep && slot->failures < place->failures))
        {
            place = slot;
        }
    }

    ngx_memzero(place, sizeof(ngx_leadgen_throttle_slot_t));
    place->key = key;

    return place;
}


static ngx_leadgen_throttle_slot_t *
ngx_leadgen_throttle_slot(ngx_leadgen_zone_t *zone, uint64_t key, ngx_uint_t i)
{
    return &zone->throttles[(key + i) & zone->throttle_mask];
}
