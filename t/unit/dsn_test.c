
/*
 * DSNs, limits and envelopes: what Sentry's words mean, and what is said.
 *
 * sources: src/sentry/ngx_leadgen_dsn.c src/sentry/ngx_leadgen_limits.c
 * sources: src/sentry/ngx_leadgen_envelope.c src/base/ngx_leadgen_time.c
 */


#include "unit.h"
#include "ngx_leadgen_transport.h"


static const char  *good[][3] = {
    { "https://abc@o1.ingest.sentry.io/42",
      "https://o1.ingest.sentry.io/api/42/envelope/", "sentry_key=abc" },
    { "http://k:s3cret@127.0.0.1:9000/a/b/7",
      "http://127.0.0.1:9000/a/b/api/7/envelope/",
      "sentry_key=k, sentry_secret=s3cret" },
    { "http://k@[::1]:8/1", "http://[::1]:8/api/1/envelope/",
      "sentry_key=k" }
};


static const char  *bad[][2] = {
    { "", "begin" },
    { "ftp://k@h/1", "begin" },
    { "https://h/1", "key" },
    { "https://@h/1", "key" },
    { "https://a b@h/1", "key" },
    { "https://k:\r\nX@h/1", "secret" },
    { "https://k@/1", "host" },
    { "https://k@h\r\n/1", "host" },
    { "https://k@[::1/1", "[" },
    { "https://k@h:0/1", "port" },
    { "https://k@h:65536/1", "port" },
    { "https://k@h:x/1", "port" },
    { "https://k@h", "project" },
    { "https://k@h/", "project" },
    { "https://k@h/1?x=1", "project" },
    { "https://k@h/a b/1", "path" }
};


typedef struct {
    const char  *header;
    ngx_uint_t   seconds[NGX_LEADGEN_SENTRY_CATEGORIES];
} limit_t;


static const limit_t  limits[] = {
    { "", { 0, 0, 0 } },
    { "60:transaction:key", { 0, 60, 0 } },
    { "60:error;transaction:organization:quota, 5::key", { 60, 60, 5 } },
    { "2700:default;error;security:organization", { 2700, 0, 0 } },
    { "10", { 0, 0, 0 } },
    { "10:", { 10, 10, 10 } },
    { " 7.5:session:key:reason:ns;other ,x:error:k", { 0, 0, 7 } },
    { "99999999999999999999:error", { 86400, 0, 0 } },
    { ",,:error,-5:error,1e3:error", { 0, 0, 0 } }
};


static ngx_str_t
text(const char *word)
{
    ngx_str_t  value;

    value.data = (u_char *) word;
    value.len = strlen(word);

    return value;
}


static void
test_dsns(ngx_pool_t *pool)
{
    size_t             i;
    ngx_str_t          dsn;
    const char        *wrong;
    ngx_leadgen_dsn_t  target;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        dsn = text(good[i][0]);
        wrong = ngx_leadgen_dsn_parse(pool, &dsn, &target);
        ok(wrong == NULL && strcmp((char *) target.url.data, good[i][1]) == 0,
           "%s", good[i][0]);
        ok(wrong == NULL && strstr((char *) target.auth.data, good[i][2]),
           "its header");
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        dsn = text(bad[i][0]);
        wrong = ngx_leadgen_dsn_parse(pool, &dsn, &target);
        ok(wrong && strstr(wrong, bad[i][1]), "bad DSN %d: %s", (int) i,
           wrong ? wrong : "taken");
    }
}


static void
test_limits(void)
{
    size_t                i, n;
    ngx_str_t             header;
    ngx_leadgen_limits_t  found;

    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        memset(&found, 0, sizeof(found));
        header = text(limits[i].header);
        ngx_leadgen_limits_parse(&header, &found);

        for (n = 0; n < NGX_LEADGEN_SENTRY_CATEGORIES; n++) {
            is_int(found.seconds[n], limits[i].seconds[n], "\"%s\" of %d",
                   limits[i].header, (int) n);
        }
    }

    memset(&found, 0, sizeof(found));
    header = text(" 12 ");
    ngx_leadgen_limits_retry(&header, &found);
    is_int(found.seconds[2], 12, "Retry-After in seconds");

    header = text("Wed, 21 Oct 2026 07:28:00 GMT");
    ngx_leadgen_limits_retry(&header, &found);
    is_int(found.seconds[0], 60, "a date is a minute");
}


static void
test_envelopes(void)
{
    u_char                   *last;
    char                      buffer[4096];
    ngx_leadgen_envelope_t    envelope;

    memset(&envelope, 0, sizeof(envelope));
    envelope.payload = text("{\"a\":1}");
    memset(envelope.event_id, 0xab, sizeof(envelope.event_id));

    last = ngx_leadgen_envelope_write((u_char *) buffer, &envelope);
    *last = '\0';

    ok(strcmp(buffer, "{\"event_id\":\"abababababababababababababababab\","
              "\"sent_at\":\"1970-01-01T00:00:00.000000Z\",\"sdk\":{\"name\":"
              "\"ngx_leadgen\",\"version\":\"" NGX_LEADGEN_VERSION "\"}}\n"
              "{\"type\":\"event\",\"length\":7,\"content_type\":"
              "\"application/json\"}\n{\"a\":1}\n") == 0, "an event: %s",
       buffer);
    ok((size_t) (last - (u_char *) buffer)
       <= ngx_leadgen_envelope_size(&envelope), "is as long as was said");

    memset(&envelope.drops, 0xff, sizeof(envelope.drops));
    last = ngx_leadgen_envelope_write((u_char *) buffer, &envelope);
    *last = '\0';

    ok((size_t) (last - (u_char *) buffer)
       <= ngx_leadgen_envelope_size(&envelope), "with all drops, too");
    ok(strstr(buffer, "{\"reason\":\"too_big\",\"category\":\"session\","
              "\"quantity\":4294967295}]}\n") != NULL, "the last drop");

    memset(&envelope.payload, 0, sizeof(envelope.payload));
    last = ngx_leadgen_envelope_write((u_char *) buffer, &envelope);
    *last = '\0';
    ok(strstr(buffer, "event_id") == NULL, "drops alone have no event");
}


int
main(void)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, NULL);

    test_dsns(pool);
    test_limits();
    test_envelopes();

    ngx_destroy_pool(pool);

    return unit_done();
}
