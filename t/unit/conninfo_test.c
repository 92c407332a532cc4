
/*
 * Connection strings of PostgreSQL: what is refused, which names are looked up,
 * and what libpq is told in the end.
 *
 * sources: src/io/ngx_leadgen_conninfo.c src/io/ngx_leadgen_resolve.c
 * libraries: -lpq
 */


#include "unit.h"
#include "ngx_leadgen_conninfo.h"


static char                   told[8192];   /* " key=value" of each word */
static ngx_leadgen_resolve_t  resolve;


/* Instead of libpq's: of a word that is there twice the last counts. */

PGconn *
PQconnectStartParams(const char *const *keywords, const char *const *words,
    int expand_dbname)
{
    int     i, k;
    size_t  n;

    n = 0;
    told[0] = '\0';

    for (i = 0; keywords[i]; i++) {
        for (k = i + 1; keywords[k]; k++) {
            if (strcmp(keywords[i], keywords[k]) == 0) {
                break;
            }
        }

        if (keywords[k] == NULL) {
            n += snprintf(told + n, sizeof(told) - n, " %s=%s", keywords[i],
                          words[i]);
        }
    }

    return (PGconn *) told;
}


ngx_int_t
ngx_leadgen_work_post(ngx_thread_pool_t *threads, ngx_leadgen_work_t *work)
{
    (void) threads;
    (void) work;

    return NGX_ERROR;
}


void
ngx_leadgen_link_fail(ngx_leadgen_link_t *ln, const char *why,
    const char *text)
{
    (void) ln;
    (void) why;
    (void) text;
}


static char *
check(ngx_pool_t *pool, const char *text)
{
    char       *wrong;
    ngx_str_t   exact;

    exact.len = strlen(text);
    exact.data = malloc(exact.len);
    ngx_memcpy(exact.data, text, exact.len);

    wrong = ngx_leadgen_conninfo_check(pool, &exact);

    free(exact.data);

    return wrong;
}


static void
test_check(ngx_pool_t *pool)
{
    char        *wrong;
    ngx_uint_t   i;

    static const char  *good[] = {
        "dbname=leadgen",
        "host=/run/postgresql dbname=leadgen",
        "postgresql://joe:secret@db:5433/leadgen?sslmode=verify-full",
        "postgres://a:1,b:2/leadgen?target_session_attrs=read-write",
        "host=a,b port=1",
        "host=a,b port=1,2",
        "host=a,b hostaddr=10.0.0.1,10.0.0.2",
        "gssencmode=disable"
    };

    static const char  *bad[][2] = {
        { "", "empty" },
        { "nonsense", "neither" },
        { "colour=red", "neither" },
        { "postgresql://[::1/", "neither" },
        { "service=leadgen", "service" },
        { "host=a,b port=1,2,3", "ports" },
        { "host=a,b hostaddr=10.0.0.1", "addresses" },
        { "host=a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "16 hosts" },
        { "host=a gssencmode=prefer", "gssencmode" }
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        wrong = check(pool, good[i]);

        if (!ok(wrong == NULL, "%s is understood", good[i])) {
            unit_note("%s", wrong);
        }
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wrong = check(pool, bad[i][0]);

        ok(wrong && strstr(wrong, bad[i][1]), "'%s' is refused: %s", bad[i][0],
           bad[i][1]);
    }

    wrong = check(pool, "host=a colour=s3cret");
    ok(wrong && strstr(wrong, "s3cret") == NULL,
       "the complaint does not repeat the target");
}


/* The names to be looked up, by their places: "a||b" */

static const char *
names(const char *target)
{
    ngx_int_t    rc;
    ngx_uint_t   i;
    static char  text[1024];

    text[0] = '\0';
    rc = ngx_leadgen_conninfo_names(target, &resolve);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? "none" : "error";
    }

    for (i = 0; i < resolve.nnames; i++) {
        strcat(text, i ? "|" : "");
        strcat(text, resolve.names[i]);
    }

    return text;
}


static void
test_names(void)
{
    ngx_uint_t  i;

    static const char  *of[][2] = {
        { "dbname=x", "none" },
        { "host=/run/postgresql", "none" },
        { "host=@abstract", "none" },
        { "host=127.0.0.1", "none" },
        { "host=::1", "none" },
        { "postgresql://[::1]:5432/x", "none" },
        { "host=db hostaddr=10.0.0.1", "none" },
        { "host=db", "db" },
        { "postgresql://joe@db/x", "db" },
        { "host=db,127.0.0.1,/run,other", "db|||other" },
        { "host=a,b hostaddr=10.0.0.1,", "|b" },
        { "nonsense", "error" }
    };

    for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        if (!ok(strcmp(names(of[i][0]), of[i][1]) == 0, "names of %s: %s",
                of[i][0], of[i][1]))
        {
            unit_note("%s", names(of[i][0]));
        }
    }
}


static void
address(ngx_uint_t name, const char *text)
{
    resolve.addresses[resolve.naddresses].name = name;
    strcpy(resolve.addresses[resolve.naddresses].text, text);
    resolve.naddresses++;
}


#define has(text)  ok(strstr(told, text), "%s", text)


static void
test_connect(void)
{
    const char  *target;

    target = "host=127.0.0.1 user=joe client_encoding=LATIN1"
             " options='-c search_path=x' keepalives_idle=5";

    (void) ngx_leadgen_conninfo_connect(target, NULL, 2000);

    has(" host=127.0.0.1");
    has(" user=joe");
    has(" client_encoding=UTF8");
    has(" gssencmode=disable");
    has(" keepalives_idle=5");
    has(" fallback_application_name=nginx-leadgen");
    has(" options=-c jit=off -c search_path=x -c statement_timeout=1800");

    if (!ok(strstr(told, " hostaddr=") == NULL, "no address")) {
        unit_note("%s", told);
    }

    (void) ngx_leadgen_conninfo_connect("dbname=x", NULL, 1);
    has("statement_timeout=1");

    /* places of names and of addresses */

    target = "host=a,127.0.0.1,b,/run port=1,2,3,4";
    (void) names(target);

    resolve.naddresses = 0;
    address(0, "10.0.0.1");
    address(0, "::1");

    (void) ngx_leadgen_conninfo_connect(target, &resolve, 2000);

    has(" host=a,a,127.0.0.1,/run");
    has(" hostaddr=10.0.0.1,::1,,");
    has(" port=1,1,2,4");

    target = "host=a,b port=7";
    (void) names(target);
    address(1, "10.0.0.2");
    (void) ngx_leadgen_conninfo_connect(target, &resolve, 2000);

    has(" host=a,a,b");
    has(" hostaddr=10.0.0.1,::1,10.0.0.2");
    has(" port=7,7,7");

    resolve.naddresses = 0;
    ok(ngx_leadgen_conninfo_connect(target, &resolve, 2000) == NULL,
       "no connection when no host has an address");

    unit_alloc_fail = 0;
    ok(ngx_leadgen_conninfo_connect("dbname=x", NULL, 2000) == NULL,
       "nor without memory");
    unit_alloc_fail = -1;
}


int
main(void)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, ngx_cycle->log);

    test_check(pool);
    test_names();
    test_connect();

    ngx_destroy_pool(pool);

    return unit_done();
}
