
/*
 * The throttle: guessing is slow, and strangers lock nobody out.
 *
 * sources: src/shm/ngx_leadgen_throttle.c src/shm/ngx_leadgen_fingerprint.c
 * sources: src/shm/ngx_leadgen_attempts.c
 * libraries: -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_zone.h"
#include <arpa/inet.h>


#define MINUTE  60
#define DAY     (24 * 60 * MINUTE)


static ngx_leadgen_zone_t   zone_;
static ngx_leadgen_zone_t  *zone;
static ngx_slab_pool_t      slab;
static ngx_int_t            locked;
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
fresh(size_t size)
{
    if (zone) {
        free(zone->throttles);
    }

    ngx_memzero(&zone_, sizeof(zone_));
    zone = &zone_;
    now = 5000;
    (void) ngx_leadgen_throttle_init(zone, &slab, size);
}


static void
later(uint64_t seconds)
{
    now += 1000 * seconds;
}


static ngx_uint_t
admit_at(ngx_leadgen_throttle_t *attempt, ngx_leadgen_throttle_aim_e aim,
    const char *account, const char *client)
{
    ngx_str_t            name;
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;

    name.data = (u_char *) account;
    name.len = strlen(account);

    ngx_memzero(attempt, sizeof(ngx_leadgen_throttle_t));
    ngx_memzero(&sin, sizeof(sin));
    ngx_memzero(&sin6, sizeof(sin6));

    if (strchr(client, ':')) {
        sin6.sin6_family = AF_INET6;
        sin6.sin6_port = (in_port_t) random();
        (void) inet_pton(AF_INET6, client, &sin6.sin6_addr);

        return ngx_leadgen_throttle_admit(attempt, aim, &name,
                                          (struct sockaddr *) &sin6);
    }

    sin.sin_family = AF_INET;
    sin.sin_port = (in_port_t) random();
    (void) inet_pton(AF_INET, client, &sin.sin_addr);

    return ngx_leadgen_throttle_admit(attempt, aim, &name,
                                      (struct sockaddr *) &sin);
}


static ngx_uint_t
admit(ngx_leadgen_throttle_t *attempt, const char *account, const char *client)
{
    return admit_at(attempt, NGX_LEADGEN_THROTTLE_PASSWORD, account, client);
}


/* An attempt with its end; returns the seconds to wait, 0: it was made. */

static ngx_uint_t
try(const char *account, const char *client,
    ngx_leadgen_throttle_outcome_e outcome)
{
    ngx_uint_t              wait;
    ngx_leadgen_throttle_t  attempt;

    wait = admit(&attempt, account, client);
    ngx_leadgen_throttle_end(&attempt, outcome);

    return wait;
}


static ngx_uint_t
fail(const char *account, const char *client)
{
    return try(account, client, NGX_LEADGEN_THROTTLE_FAILED);
}


static ngx_uint_t
succeed(const char *account, const char *client)
{
    return try(account, client, NGX_LEADGEN_THROTTLE_SUCCEEDED);
}


static ngx_uint_t
fail_times(ngx_uint_t n, const char *account, const char *client)
{
    ngx_uint_t  made;

    for (made = 0; n; n--) {
        made += fail(account, client) == 0;
    }

    return made;
}


static const char *
stranger(ngx_uint_t i)
{
    static char  text[32];

    (void) snprintf(text, sizeof(text), "10.%u.%u.1", (unsigned) (i >> 8) & 255,
                    (unsigned) i & 255);

    return text;
}


static void
test_delays(void)
{
    ngx_uint_t  i;

    static const ngx_uint_t  delays[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };

    fresh(65536);

    is_int(fail_times(5, "ann@example.com", "192.0.2.1"), 5,
           "five may fail");

    for (i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        is_int(fail("ann@example.com", "192.0.2.1"), delays[i],
               "then it takes %d s", (int) delays[i]);

        later(delays[i] - 1);
        is_int(fail("ann@example.com", "192.0.2.1"), 1, "not less");
        later(1);
        is_int(fail("ann@example.com", "192.0.2.1"), 0, "and no more");
    }

    is_int(succeed("ann@example.com", "192.0.2.1"), 60,
           "the right password has to wait, too");
    later(60);
    is_int(succeed("ann@example.com", "192.0.2.1"), 0, "but then it works");
    is_int(fail_times(5, "ann@example.com", "192.0.2.1"), 5,
           "and all is forgotten");

    later(1);
    (void) fail("ann@example.com", "192.0.2.1");
    later(15 * MINUTE);
    is_int(fail_times(5, "ann@example.com", "192.0.2.1"), 5,
           "as it is in a quarter of an hour");
    later(15 * MINUTE - 1);
    is_int(fail_times(5, "ann@example.com", "192.0.2.1"), 1,
           "but not earlier");
}


/* One account, one network, however they are written. */

static void
test_names(void)
{
    size_t  i;

    static const struct {
        const char  *account;
        const char  *client;
        ngx_uint_t   same;
    } rows[] = {
        { "bob@example.com", "192.0.2.1", 1 },
        { "BOB@Example.COM", "192.0.2.1", 1 },
        { "  bob@example.com ", "192.0.2.1", 1 },
        { "bob@example.com", "192.0.2.255", 1 },
        { "bob@example.com", "::ffff:192.0.2.7", 1 },
        { "bob@example.com", "192.0.3.1", 0 },
        { "bob@example.com", "::192.0.2.7", 0 },
        { "bob @example.com", "192.0.2.1", 0 },
        { "\tbob@example.com", "192.0.2.1", 0 },
        { "rob@example.com", "192.0.2.1", 0 },
        { "", "192.0.2.1", 0 },
        { "bob@example.com", "2001:db8:0:1::1", 2 },
        { "bob@example.com", "2001:db8:0:1:ffff::9", 3 },
        { "bob@example.com", "2001:db8:0:2::1", 0 }
    };

    fresh(65536);
    (void) fail_times(5, "bob@example.com", "192.0.2.1");

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(try(rows[i].account, rows[i].client,
                   NGX_LEADGEN_THROTTLE_UNDECIDED) != 0,
               rows[i].same == 1 || rows[i].same == 3,
               "\"%s\" from %s", rows[i].account, rows[i].client);

        if (rows[i].same == 2) {
            (void) fail_times(5, rows[i].account, rows[i].client);
        }
    }
}


/* Whoever fails from anywhere cannot keep those out who were in before. */

static void
test_strangers(void)
{
    ngx_uint_t  i, made, hour;

    fresh(1 << 20);
    is_int(succeed("ann@example.com", "192.0.2.1"), 0, "somebody logs in");

    for (made = 0, i = 0; i < 500; i++) {
        made += fail("ann@example.com", stranger(i)) == 0;
    }

    is_int(made, 50, "of 500 strangers 50 may try at once");
    ok(fail("ann@example.com", "198.51.100.1") > MINUTE,
       "one more has to wait for minutes");
    is_int(succeed("ann@example.com", "192.0.2.77"), 0,
           "but not the one who logged in before");
    is_int(fail_times(5, "ann@example.com", "192.0.2.1"), 5,
           "who may err, too");
    is_int(fail("bob@example.com", "198.51.100.1"), 0,
           "nor does it keep others out");

    later(DAY);

    for (hour = 0, i = 0; i < 3600; i++) {
        hour += fail("ann@example.com", stranger(i % 600)) == 0;
        later(1);
    }

    ok(hour >= 90 && hour <= 100, "in an hour it is a hundred (%d)",
       (int) hour);

    later(28 * DAY);
    (void) fail_times(1, "ann@example.com", "192.0.2.1");

    for (i = 0; i < 500; i++) {
        (void) fail("ann@example.com", stranger(i));
    }

    is_int(succeed("ann@example.com", "192.0.2.1"), 0,
           "a network is known for a month");
    later(30 * DAY + 1);

    for (i = 0; i < 500; i++) {
        (void) fail("ann@example.com", stranger(i));
    }

    ok(succeed("ann@example.com", "192.0.2.1") > 0, "and then no longer");
}


/* From one network many accounts are tried. */

static void
test_network(void)
{
    char        name[32];
    ngx_uint_t  i, made;

    fresh(1 << 20);
    (void) succeed("ann@example.com", "192.0.2.1");

    for (made = 0, i = 0; i < 300; i++) {
        (void) snprintf(name, sizeof(name), "%u@example.com", (unsigned) i);
        made += fail(name, "192.0.2.1") == 0;
    }

    is_int(made, 60, "a network may fail 60 times");
    is_int(fail("other@example.com", "192.0.2.9"), 10,
           "then once in ten seconds");
    is_int(fail("other@example.com", "192.0.3.1"), 0, "another may");
    is_int(succeed("ann@example.com", "192.0.2.1"), 0,
           "and so may who logged in from there");

    for (made = 0, i = 0; i < 300; i++) {
        made += succeed("ann@example.com", "192.0.3.1") == 0;
    }

    is_int(made, 300, "successes do not count");

    for (made = 0, i = 0; i < 300; i++) {
        made += try("bob@example.com", "192.0.4.1",
                    NGX_LEADGEN_THROTTLE_UNDECIDED) == 0;
    }

    is_int(made, 300, "nor do our own failures");
    is_int(fail_times(6, "bob@example.com", "192.0.4.1"), 5, "failures do");
}


/* Many at once count before it is known how they end. */

static void
test_flight(void)
{
    char                    name[32];
    ngx_uint_t              i, made;
    ngx_leadgen_throttle_t  attempts[100];

    fresh(1 << 20);

    for (made = 0, i = 0; i < 100; i++) {
        made += admit(&attempts[i], "ann@example.com", "192.0.2.1") == 0;
    }

    is_int(made, 32, "32 of a network at once");
    is_int(admit(&attempts[99], "bob@example.com", "192.0.2.1"), 1,
           "another has to wait a second");

    for (i = 0; i < 100; i++) {
        ngx_leadgen_throttle_end(&attempts[i], NGX_LEADGEN_THROTTLE_FAILED);
        ngx_leadgen_throttle_end(&attempts[i], NGX_LEADGEN_THROTTLE_SUCCEEDED);
    }

    is_int(fail("ann@example.com", "192.0.2.1"), 60, "each has counted");
    is_int(fail("bob@example.com", "192.0.2.1"), 0, "none is in flight");

    for (made = 0, i = 0; i < 100; i++) {
        made += admit(&attempts[i], "eve@example.com", stranger(i)) == 0;
    }

    is_int(made, 50, "50 at once, from everywhere");

    /* where it is slow already, they come one by one */

    fresh(1 << 20);
    (void) fail_times(4, "ann@example.com", "192.0.2.1");
    is_int(admit(&attempts[0], "ann@example.com", "192.0.2.1"), 0, "the fifth");
    is_int(admit(&attempts[1], "ann@example.com", "192.0.2.1"), 1,
           "and no other beside it");
    ngx_leadgen_throttle_end(&attempts[0], NGX_LEADGEN_THROTTLE_SUCCEEDED);
    is_int(admit(&attempts[1], "ann@example.com", "192.0.2.1"), 0,
           "when it has succeeded it may");

    /* a worker dies with all its attempts */

    fresh(1 << 20);

    for (i = 0; i < 100; i++) {
        (void) snprintf(name, sizeof(name), "%u@example.com", (unsigned) i);
        (void) admit(&attempts[i], name, "192.0.2.1");
    }

    later(32);

    for (made = 0, i = 0; i < 100; i++) {
        made += admit(&attempts[i], "100@example.com", "192.0.2.1") == 0;
    }

    ok(made >= 28, "what is left behind is gone soon (%d)", (int) made);
}


/* A full table forgets the least. */

static void
test_full(void)
{
    char        name[32];
    ngx_uint_t  i, forgotten;

    fresh(65536);
    (void) succeed("ann@example.com", "192.0.2.1");
    (void) fail_times(5, "bob@example.com", "192.0.2.1");

    for (i = 0; i < 50; i++) {
        (void) fail("ann@example.com", stranger(1000 + i));
    }

    for (i = 0; i < 20000; i++) {
        (void) snprintf(name, sizeof(name), "%u@example.com", (unsigned) i);
        (void) fail(name, stranger(i));
    }

    is_int(succeed("ann@example.com", "192.0.2.1"), 0,
           "20000 strangers later a known network is known");
    ok(fail("ann@example.com", "203.0.113.1") > 0,
       "and an account under attack is");

    for (forgotten = 0, i = 0; i < 100; i++) {
        (void) fail_times(5, "eve@example.com", "203.0.113.1");
        forgotten += fail("eve@example.com", "203.0.113.1") == 0;
    }

    ok(forgotten <= 1, "it still slows down (%d)", (int) forgotten);
}


static void
test_secret(void)
{
    u_char    *table;
    size_t     i, size;
    ngx_uint_t found;

    fresh(65536);
    (void) fail_times(6, "ann@example.com", "192.0.2.1");

    table = (u_char *) zone->throttles;
    size = (zone->throttle_mask + 1) * sizeof(ngx_leadgen_throttle_slot_t);

    for (found = 0, i = 0; i + 4 <= size; i++) {
        found += ngx_memcmp(table + i, "ann@", 4) == 0
                 || ngx_memcmp(table + i, "\xc0\x00\x02", 3) == 0;
    }

    is_int(found, 0, "neither address stands in the table");

    /* the same in another zone lies elsewhere */

    found = (ngx_uint_t) zone->secret[0] | zone->secret[1] | zone->secret[2];
    ok(found != 0, "the secret is there");

    zone->secret[0] ^= 1;
    is_int(fail("ann@example.com", "192.0.2.1"), 0,
           "by another secret it is another");

    zone = NULL;
    is_int(fail("ann@example.com", "192.0.2.1"), 1,
           "without a zone there is no login");
    zone = &zone_;
}


/* Asking for mails slows no login down, but by the network's bucket. */

static void
test_aims(void)
{
    char                    name[32];
    ngx_uint_t              i;
    ngx_leadgen_throttle_t  attempt;

    fresh(65536);

    for (i = 0; i < 5; i++) {
        is_int(admit_at(&attempt, NGX_LEADGEN_THROTTLE_MAIL,
                        "ann@example.com", "192.0.2.1"), 0, "mail %d", (int) i);
        ngx_leadgen_throttle_end(&attempt, NGX_LEADGEN_THROTTLE_FAILED);
    }

    is_int(admit_at(&attempt, NGX_LEADGEN_THROTTLE_MAIL, "ann@example.com",
                    "192.0.2.1"), 1, "the next has to wait");
    is_int(admit_at(&attempt, NGX_LEADGEN_THROTTLE_LINK, "ann@example.com",
                    "192.0.2.1"), 0, "a link has not");
    is_int(succeed("ann@example.com", "192.0.2.1"), 0, "nor has a password");

    for (i = 0; i < 60; i++) {
        (void) snprintf(name, sizeof(name), "%u@example.com", (unsigned) i);
        (void) admit_at(&attempt, NGX_LEADGEN_THROTTLE_MAIL, name,
                        "192.0.5.1");
        ngx_leadgen_throttle_end(&attempt, NGX_LEADGEN_THROTTLE_FAILED);
    }

    is_int(fail("bob@example.com", "192.0.5.1"), 10,
           "a network fails with all of them together");
}


/* The machine was away for some seconds, and its clock begins anew. */

static void
restart(ngx_leadgen_attempts_view_t *view, time_t seconds, size_t size)
{
    static ngx_time_t  time_ = { .sec = 1700000000 };

    ngx_cached_time = &time_;

    is_int(ngx_leadgen_attempts_copy(view), NGX_OK, "all is copied");
    time_.sec += seconds;
    fresh(size);
    is_int(ngx_leadgen_attempts_restore(view), NGX_OK, "and restored");
    is_int(ngx_leadgen_attempts_restore(view), NGX_DECLINED, "once");
    free(view->records);
}


static void
test_restart(void)
{
    char                          client[32];
    ngx_uint_t                    i;
    ngx_leadgen_attempts_view_t   view;

    fresh(65536);
    later(DAY);

    is_int(succeed("ann@example.com", "192.0.2.1"), 0, "ann is at home");

    for (i = 0; i < 8; i++) {
        later(60);
        (void) fail("bob@example.com", "192.0.3.1");
    }

    for (i = 0; i < 50; i++) {
        (void) snprintf(client, sizeof(client), "198.51.%u.1", (unsigned) i);
        (void) fail("ann@example.com", client);
    }

    is_int(ngx_leadgen_attempts_changes() > 0, 1, "that are changes");
    restart(&view, 3, 65536);

    ok(fail("ann@example.com", "203.0.113.1") > 1, "strangers have to wait");
    ok(fail("bob@example.com", "192.0.3.1") > 1, "and who failed before");
    is_int(succeed("ann@example.com", "192.0.2.1"), 0, "ann is known");

    restart(&view, 100 * DAY, 32768);
    is_int(fail("bob@example.com", "192.0.3.1"), 0, "in time all is forgotten");
    is_int(view.n > 1, 1, "though it was there");

    (void) succeed("ann@example.com", "192.0.2.1");
    restart(&view, -100, 65536);
    is_int(fail("cat@example.com", "192.0.2.1"), 0, "a clock may be set back");

    fresh(65536);
    (void) fail("ann@example.com", "192.0.2.1");
    view.n = 0;
    is_int(ngx_leadgen_attempts_restore(&view), NGX_DECLINED,
           "nothing is restored where somebody tried already");
}


int
main(void)
{
    test_delays();
    test_names();
    test_strangers();
    test_network();
    test_flight();
    test_full();
    test_secret();
    test_aims();
    test_restart();

    free(zone->throttles);

    return unit_done();
}
