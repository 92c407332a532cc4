
/*
 * URIs of Redis: what is understood, and what is refused.
 *
 * sources: src/io/ngx_leadgen_uri.c
 */


#include "unit.h"
#include "ngx_leadgen_uri.h"


typedef struct {
    const char  *text;
    const char  *host;          /* NULL: a socket */
    const char  *path;
    const char  *user;
    const char  *password;
    ngx_uint_t   port;
    ngx_uint_t   database;
} good_t;


static const good_t  good[] = {
    { "redis://127.0.0.1", "127.0.0.1", "", "", "", 6379, 0 },
    { "redis://127.0.0.1/", "127.0.0.1", "", "", "", 6379, 0 },
    { "REDIS://cache:1/15", "cache", "", "", "", 1, 15 },
    { "redis://:secret@cache:65535/65535", "cache", "", "", "secret", 65535,
      65535 },
    { "redis://joe:p%40%3a%2F@cache/3", "cache", "", "joe", "p@:/", 6379, 3 },
    { "redis://:a:b@cache", "cache", "", "", "a:b", 6379, 0 },
    { "redis://[::1]", "::1", "", "", "", 6379, 0 },
    { "redis://:x@[fe80::1]:7/2", "fe80::1", "", "", "x", 7, 2 },
    { "unix:///run/redis.sock", "", "/run/redis.sock", "", "", 0, 0 },
    { "unix://:x@/run/a%20b?db=4", "", "/run/a b", "", "x", 0, 4 }
};


/* each with what the complaint must speak of */

static const char  *bad[][2] = {
    { "", "begin" },
    { "redis:/", "begin" },
    { "redis//cache", "begin" },
    { "rediss://cache", "begin" },
    { "http://cache", "begin" },
    { "redis://", "host" },
    { "redis:///0", "host" },
    { "redis://:6379", "host" },
    { "redis://[]", "host" },
    { "redis://[::1", "]" },
    { "redis://[::1]x", "port" },
    { "redis://cache:", "port" },
    { "redis://cache:0", "port" },
    { "redis://cache:65536", "port" },
    { "redis://cache:99999999999999999999", "port" },
    { "redis://cache:6379x", "port" },
    { "redis://cache/x", "database" },
    { "redis://cache/-1", "database" },
    { "redis://cache/65536", "database" },
    { "redis://cache/0?db=1", "database" },
    { "redis://joe@cache", "password" },
    { "redis://joe:@cache", "password" },
    { "redis://:p@ss@cache", "%HH" },
    { "redis://:%@cache", "%HH" },
    { "redis://:%4@cache", "%HH" },
    { "redis://:%zz@cache", "%HH" },
    { "redis://:a%00b@cache", "%HH" },
    { "redis://%00", "host" },
    { "unix://", "path" },
    { "unix://run/redis.sock", "path" },
    { "unix:///run/redis.sock?", "?db=" },
    { "unix:///run/redis.sock?x=1", "?db=" },
    { "unix:///run/redis.sock?db=", "database" },
    { "unix:///1234567890123456789012345678901234567890123456789012345678901234"
      "5678901234567890123456789012345678901234567890", "too long" }
};


/* The text has no byte beyond its end. */

static char *
parse(ngx_pool_t *pool, const char *text, ngx_leadgen_uri_t *uri)
{
    char       *wrong;
    ngx_str_t   exact;

    exact.len = ngx_strlen(text);
    exact.data = malloc(exact.len);
    ngx_memcpy(exact.data, text, exact.len);

    wrong = ngx_leadgen_uri_parse(pool, &exact, uri);

    free(exact.data);

    return wrong;
}


int
main(void)
{
    char               *wrong;
    ngx_uint_t          i;
    ngx_pool_t         *pool;
    const good_t       *want;
    ngx_leadgen_uri_t   uri;

    pool = ngx_create_pool(4096, ngx_cycle->log);

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        want = &good[i];
        wrong = parse(pool, want->text, &uri);

        if (!ok(wrong == NULL, "%s is understood", want->text)) {
            unit_note("%s", wrong);
            continue;
        }

        is_str(uri.host, want->host, "its host");
        is_str(uri.path, want->path, "its path");
        is_str(uri.user, want->user, "its user");
        is_str(uri.password, want->password, "its password");
        is_int(uri.port, want->port, "its port");
        is_int(uri.database, want->database, "its database");
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wrong = parse(pool, bad[i][0], &uri);

        ok(wrong && strstr(wrong, bad[i][1]), "%s is refused for its %s",
           bad[i][0], bad[i][1]);
    }

    ngx_destroy_pool(pool);

    return unit_done();
}
