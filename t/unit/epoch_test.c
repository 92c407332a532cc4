
/*
 * Epochs: what is revoked stays so for as long as it matters, and a full table
 * revokes too much, never too little.
 *
 * sources: src/shm/ngx_leadgen_epoch.c
 */


#include "unit.h"
#include "ngx_leadgen_zone.h"


static ngx_leadgen_zone_t   zone_;
static ngx_leadgen_zone_t  *zone;
static ngx_slab_pool_t      slab;
static ngx_int_t            locked;
static time_t               now;


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

    if (locked++) {
        abort();
    }
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    (void) mtx;

    if (--locked) {
        abort();
    }
}


static void
at(time_t seconds)
{
    static ngx_time_t  time_;

    now = seconds;
    time_.sec = seconds;
    ngx_cached_time = &time_;
}


static void
fresh(size_t size)
{
    if (zone) {
        free(zone->slots);
    }

    ngx_memzero(&zone_, sizeof(zone_));
    zone = &zone_;
    (void) ngx_leadgen_epoch_init(zone, &slab, size);
}


static ngx_int_t
set(uint64_t user, time_t epoch, time_t keep)
{
    return ngx_leadgen_epoch_set(NGX_LEADGEN_EPOCH_USER, (u_char *) &user,
                                 epoch, keep);
}


static time_t
get(uint64_t user)
{
    return ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_USER, (u_char *) &user);
}


static void
test_values(void)
{
    uint64_t  user;
    u_char    session[16] = { 0 }, other[16] = { 0 };

    zone = NULL;
    is_int(get(1), 0, "without a zone nothing is revoked");
    is_int(set(1, 5, 10), NGX_ERROR, "and nothing can be");

    at(1000000);
    fresh(65536);

    is_int(get(1), 0, "at first nothing is revoked");
    is_int(set(1, now, now + 900), NGX_OK, "a user is");
    is_int(get(1), now, "from then on");
    is_int(get(2), 0, "no other");

    (void) set(1, now - 10, now + 900);
    is_int(get(1), now, "an earlier epoch changes nothing");
    (void) set(1, now + 10, now + 900);
    is_int(get(1), now + 10, "a later one does");

    user = 3;
    ngx_memcpy(&session[8], &user, 8);
    session[0] = 1;
    ngx_memcpy(&other[8], &user, 8);

    (void) ngx_leadgen_epoch_set(NGX_LEADGEN_EPOCH_SESSION, session, now,
                                 now + 900);
    is_int(ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_SESSION, session), now,
           "a session is revoked");
    is_int(ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_SESSION, other), 0,
           "no other");
    is_int(get(3), 0, "and no user");
}


static void
test_forgetting(void)
{
    ngx_uint_t  i, failed, forgotten;

    at(2000000);
    fresh(65536);

    /* more than it has room for, in turn: the old ones may go */

    for (failed = 0, forgotten = 0, i = 0; i < 20000; i++) {
        at(2000000 + i);
        failed += set(i, now, now + 100) != NGX_OK;

        /* all that may still have tokens */

        forgotten += i >= 99 && get(i - 99) == 0;
    }

    is_int(failed, 0, "there is room for 20000 in turn");
    is_int(forgotten, 0, "none is forgotten too early");
    is_int(zone->floor, 0, "and nobody else was revoked");
}


static void
test_reuse(void)
{
    ngx_uint_t  n, i, slots;

    at(3000000);
    fresh(4096);

    slots = zone->mask + 1;

    for (n = 0; n < slots / 2; n++) {
        (void) set(n, now, now + 10);
    }

    is_int(zone->floor, 0, "a table half full has room");

    at(3000100);
    (void) set(77777, 5, now + 10);
    is_int(get(77777), 5, "who takes a place does not take its epoch");

    for (i = 0, n = 0; n < 1000; n++) {
        i += set(100000 + n, now, now + 10) == NGX_OK;
    }

    ok(i >= slots / 2, "places are used again");
}


static void
test_full(void)
{
    ngx_uint_t  i, refused, missed;

    at(4000000);
    fresh(4096);

    for (refused = 0, i = 1; i <= 1000; i++) {
        unit_log_clear();

        if (set(i, now + 2000 - (time_t) i, now + 10000) != NGX_OK) {
            refused++;
            is_int(unit_log_count > 0, 1, "it is said");
            break;
        }
    }

    for ( /* void */ ; i <= 1000; i++) {
        refused += set(i, now + 2000 - (time_t) i, now + 10000) != NGX_OK;
    }

    ok(refused > 0, "the table is full at some time");

    for (missed = 0, i = 1; i <= 1000; i++) {
        missed += get(i) < now + 2000 - (time_t) i;
    }

    is_int(missed, 0, "all 1000 are revoked all the same");
    ok(get(555555) >= now, "and so is everybody else, rather than too few");
}


static void
test_many(void)
{
    ngx_uint_t  i, refused;

    at(4500000);
    fresh(32 * 1024 * 1024);

    for (refused = 0, i = 1; i <= 100000; i++) {
        refused += set(i, now, now + 100) != NGX_OK;
    }

    is_int(refused, 0, "a zone of 32 MiB has room for 100,000 revocations");
    is_int(get(100001), 0, "and for nobody else");
}


/*
 * Against a model: places become free between a subject's first place and the
 * one where it stands, and it must be found all the same.
 */

static void
test_random(void)
{
    ngx_uint_t  i, round, missed;
    uint64_t    user;
    time_t      epoch[400], keep[400], until;

    missed = 0;
    srandom(1);

    for (round = 0; round < 50; round++) {
        at(5000000);
        fresh(16384);
        ngx_memzero(epoch, sizeof(epoch));
        ngx_memzero(keep, sizeof(keep));

        for (i = 0; i < 3000; i++) {
            at(now + random() % 3);

            user = random() % 400;
            until = now + random() % 200;
            (void) set(user, now, until);

            epoch[user] = now;
            keep[user] = ngx_max(keep[user], until);

            user = random() % 400;
            missed += keep[user] >= now && get(user) < epoch[user];
        }
    }

    is_int(missed, 0, "150000 random revocations");
}


static void
test_complete(void)
{
    at(6000000);
    fresh(4096);

    is_int(ngx_leadgen_epoch_known(), 0, "a new zone knows nothing");
    is_int(ngx_leadgen_epoch_is_missed(), 0, "and nobody was asked");

    is_int(ngx_leadgen_epoch_miss(), 1, "once it is the first time");
    is_int(ngx_leadgen_epoch_miss(), 0, "then not any more");
    is_int(ngx_leadgen_epoch_is_missed(), 1, "which is remembered");

    ngx_leadgen_epoch_complete(5999990);
    is_int(ngx_leadgen_epoch_known(), 5999990, "all are known");
    ngx_leadgen_epoch_complete(5999980);
    is_int(ngx_leadgen_epoch_known(), 5999990, "a late answer takes nothing");
    ngx_leadgen_epoch_complete(5999991);
    is_int(ngx_leadgen_epoch_known(), 5999991, "a newer one counts");
}


/* From a zone to a smaller one, and one that has no room for all. */

static void
test_copy(void)
{
    ngx_uint_t                 i, missed, changes;
    ngx_leadgen_epoch_view_t   view;

    at(7000000);
    fresh(262144);

    for (i = 1; i <= 2000; i++) {
        (void) set(i, now - (time_t) i % 7, now + 100 + (time_t) i);
    }

    (void) set(5000, now, now + 1);
    changes = ngx_leadgen_epoch_changes();
    is_int(changes, 2001, "what is new counts");
    (void) set(1, now - 100, now);
    is_int(ngx_leadgen_epoch_changes(), changes, "what was known does not");

    ngx_leadgen_epoch_complete(now - 3);
    at(now + 50);
    is_int(ngx_leadgen_epoch_copy(&view), NGX_OK, "all is copied");
    is_int(view.n, 2000, "that is of use");
    is_int(view.changes, changes, "with how much that is");
    is_int(view.complete, now - 53, "and until when");

    fresh(131072);
    ngx_leadgen_epoch_restore(&view);

    for (missed = 0, i = 1; i <= 2000; i++) {
        missed += get(i) != now - 50 - (time_t) i % 7;
    }

    is_int(missed, 0, "and restored, in a smaller zone");
    is_int(get(5000), 0, "what was of no use is not");
    is_int(ngx_leadgen_epoch_known(), 0, "and when that was is not said");

    view.floor = 77;
    fresh(4096);
    ngx_leadgen_epoch_restore(&view);

    for (missed = 0, i = 1; i <= 2000; i++) {
        missed += get(i) < now - 50 - (time_t) i % 7;
    }

    is_int(missed, 0, "without room for all too much is revoked");

    view.n = 0;
    fresh(4096);
    ngx_leadgen_epoch_restore(&view);
    is_int(get(1), 77, "everybody's epoch is restored, too");

    free(view.records);
}


int
main(void)
{
    test_values();
    test_complete();
    test_copy();
    test_forgetting();
    test_reuse();
    test_full();
    test_many();
    test_random();

    free(zone->slots);

    return unit_done();
}
