
/*
 * Grants: the set of the highest version stays, and roles are found in it.
 *
 * sources: src/shm/ngx_leadgen_grant.c
 */


#include "unit.h"
#include "ngx_leadgen_zone.h"


static ngx_leadgen_zone_t   zone_;
static ngx_leadgen_zone_t  *zone;
static ngx_slab_pool_t      slab;
static ngx_uint_t           locks;


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
    locks++;
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    (void) mtx;
}


/* Sets roles r000, r001, ... whose permissions are seed + their number. */

static ngx_int_t
set(ngx_uint_t n, uint64_t version, uint64_t seed)
{
    ngx_uint_t                  i;
    static ngx_leadgen_grant_t  grants[NGX_LEADGEN_GRANTS + 1];

    for (i = 0; i < n; i++) {
        grants[i].len = ngx_sprintf(grants[i].name, "r%03ui", i)
                        - grants[i].name;
        grants[i].permissions = seed + i;
    }

    return ngx_leadgen_grant_set(grants, n, version);
}


/* What a role may, or -1 when it is not there. */

static long long
may(const char *name)
{
    ngx_str_t                   text;
    const ngx_leadgen_grant_t  *grant;

    text.len = strlen(name);
    text.data = malloc(text.len + 1);
    ngx_memcpy(text.data, name, text.len);

    grant = ngx_leadgen_grant_find(&text);
    free(text.data);

    return grant ? (long long) grant->permissions : -1;
}


static void
test_versions(void)
{
    ngx_uint_t  n;

    is_int(may("r000"), -1, "nobody before anything is known");

    is_int(set(2, 10, 100), NGX_OK, "a set");
    is_int(may("r000"), 100, "the first of it");
    is_int(may("r001"), 101, "the last of it");
    is_int(may("r002"), -1, "and no other");

    (void) set(3, 9, 200);
    is_int(may("r001"), 101, "an older set changes nothing");

    (void) set(3, 10, 200);
    is_int(may("r001"), 101, "nor does one of the same version");

    (void) set(3, 11, 200);
    is_int(may("r001"), 201, "a newer one does");
    is_int(may("r002"), 202, "and has one more");
    is_int(ngx_leadgen_grant_version(), 11, "its version");

    (void) set(0, 12, 0);
    is_int(may("r000"), -1, "an empty set has none");
    (void) ngx_leadgen_grant_all(&n);
    is_int(n, 0, "not one");
}


static void
test_names(void)
{
    ngx_uint_t  i, wrong;
    char        name[8];

    (void) set(NGX_LEADGEN_GRANTS, 20, 1000);
    locks = 0;
    wrong = 0;

    for (i = 0; i < NGX_LEADGEN_GRANTS; i++) {
        snprintf(name, sizeof(name), "r%03d", (int) i);
        wrong += (may(name) != (long long) (1000 + i));
    }

    is_int(wrong, 0, "each of %d is found", NGX_LEADGEN_GRANTS);
    is_int(locks, 1, "with one lock, for all of them");

    is_int(may(""), -1, "none is not");
    is_int(may("r"), -1, "nor a beginning");
    is_int(may("r00"), -1, "nor a longer one");
    is_int(may("r0000"), -1, "nor what begins with one");
    is_int(may("R000"), -1, "nor another case");
    is_int(may("z"), -1, "nor what is behind all");
}


static void
test_room(void)
{
    unit_log_clear();
    is_int(set(NGX_LEADGEN_GRANTS + 1, 30, 0), NGX_ERROR, "one too many");
    is_int(unit_log_count, 1, "is logged");
    is_int(may("r000"), 0, "the first are there");
    is_int(may("r256"), -1, "the last is not");

    zone = NULL;
    is_int(may("r000"), -1, "without a zone there is none");
    is_int(set(1, 40, 0), NGX_ERROR, "nor a set");
    is_int(ngx_leadgen_grant_version(), 0, "nor a version");
}


int
main(void)
{
    zone = &zone_;
    is_int(ngx_leadgen_grant_init(zone, &slab, 1024 * 1024), NGX_OK, "room");
    is_int(zone->grants_size, NGX_LEADGEN_GRANTS, "for all");

    test_versions();
    test_names();
    test_room();

    free(zone_.grants);

    return unit_done();
}
