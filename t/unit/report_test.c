
/*
 * Reports: whole, valid as JSON, without secrets, and within their room.
 *
 * sources: src/sentry/ngx_leadgen_report.c src/sentry/ngx_leadgen_finding.c
 * sources: src/sentry/ngx_leadgen_writer.c
 * sources: src/sentry/ngx_leadgen_crumb.c src/sentry/ngx_leadgen_trace.c
 * sources: src/sentry/ngx_leadgen_scrub.c src/sentry/ngx_leadgen_named.c
 * sources: src/sentry/ngx_leadgen_secret.c src/base/ngx_leadgen_uuid.c
 * sources: src/base/ngx_leadgen_time.c src/base/ngx_leadgen_text.c
 * libraries: -lcrypto -ljansson
 */


#include "unit.h"
#include "ngx_leadgen_sentry.h"
#include <math.h>


static u_char                     buffer[NGX_LEADGEN_REPORT_SIZE + 1];
static ngx_leadgen_crumb_t        ring[4];
static ngx_leadgen_crumbs_t       crumbs = { ring, 4, 0 };
static ngx_leadgen_trace_t        trace;
static ngx_leadgen_sentry_conf_t  conf;
static ngx_leadgen_sentry_tag_t   tags[] = {
    { ngx_string("region"), ngx_string("eu") },
    { ngx_string("api_key"), ngx_string("swordfish") }
};
static ngx_leadgen_sentry_tag_t   headers[] = {
    { ngx_string("Host"), ngx_string("a.example") },
    { ngx_string("Cookie"), ngx_string("swordfish") }
};


uint64_t
ngx_leadgen_histogram_now(void)
{
    static uint64_t  now = 5000000000;

    return now += 1000000;
}


static void
fill(ngx_leadgen_report_t *report)
{
    memset(report, 0, sizeof(*report));
    memset(&trace, 0x11, sizeof(trace));
    memset(&conf, 0, sizeof(conf));

    conf.environment = unit_str("test");
    conf.release = unit_str("1.2.3");
    conf.server_name = unit_str("edge-1");
    conf.tags.elts = tags;
    conf.tags.nelts = 2;

    report->conf = &conf;
    memset(report->event_id, 0xab, sizeof(report->event_id));
    report->time = 1700000000123456;
    report->now = 6000000000;
    report->began = 5500000000;
    report->level = "error";
    report->logger = unit_str("nginx");
    report->message = unit_str("a \"message\"\nwith password=swordfish");
    report->type = unit_str("UpstreamError");
    report->value = unit_str("502 from \xff");
    report->fingerprint[0] = unit_str("upstream");
    report->fingerprint[1] = unit_str("502");
    report->folded = 3;
    report->trace = &trace;
    report->span_id = (const u_char *) "\1\2\3\4\5\6\7\x8";
    report->upstream_id = (const u_char *) "\x8\7\6\5\4\3\2\1";
    report->crumbs = &crumbs;
    report->transaction = unit_str("GET /api/things/:id");
    report->method = unit_str("GET");
    report->url = unit_str("http://a.example/api/things/7?q=swordfish");
    report->headers = headers;
    report->nheaders = 2;
    report->status = 502;
    report->problem = unit_str("internal");
    report->request_id = unit_str("01a20676-1f28-7758-9049-5fcad4e6080b");
    report->user_id = 7;
    report->role = unit_str("user");
    report->email = unit_str("jane@example.com");
    report->address = unit_str("127.0.0.9");
}


static const char *
text(json_t *tree, const char *path)
{
    char  copy[256], *name, *rest;

    strcpy(copy, path);

    for (name = strtok_r(copy, ".", &rest); name;
         name = strtok_r(NULL, ".", &rest))
    {
        tree = json_is_array(tree) ? json_array_get(tree, atoi(name))
                                   : json_object_get(tree, name);
    }

    return json_is_string(tree) ? json_string_value(tree) : "(none)";
}


static json_t *
parse(size_t len)
{
    json_error_t  error;

    return json_loadb((char *) buffer, len, JSON_REJECT_DUPLICATES, &error);
}


static void
test_crumbs(void)
{
    ngx_uint_t            i;
    ngx_str_t             what;
    ngx_leadgen_crumbs_t  none = { NULL, 0, 0 };

    static u_char  names[6] = "abcdef";

    for (i = 0; i < 6; i++) {
        what.data = names + i;
        what.len = 1;
        ngx_leadgen_crumb_add(&crumbs, i < 5 ? NGX_LEADGEN_CRUMB_AUTH
                                             : NGX_LEADGEN_CRUMB_UPSTREAM,
                              5000000000, i == 5 ? 502 : 0, &what);
        ngx_leadgen_crumb_add(&none, NGX_LEADGEN_CRUMB_AUTH, 0, 0, &what);
    }

    is_str(ngx_leadgen_crumb_get(&crumbs, 0)->what, "c", "the last four stay");
    is_str(ngx_leadgen_crumb_get(&crumbs, 3)->what, "f", "in their order");
    ok(ngx_leadgen_crumb_get(&crumbs, 4) == NULL
       && ngx_leadgen_crumb_get(&none, 0) == NULL, "and no more");
}


static void
test_event(void)
{
    size_t                 i, len;
    json_t                *tree;
    ngx_leadgen_report_t   report;

    static const char  *rows[][2] = {
        { "event_id", "abababababababababababababababab" },
        { "platform", "c" },
        { "level", "error" },
        { "environment", "test" },
        { "release", "1.2.3" },
        { "server_name", "edge-1" },
        { "transaction", "GET /api/things/:id" },
        { "logentry.formatted", "a \"message\"\nwith password=[Filtered]" },
        { "exception.values.0.type", "UpstreamError" },
        { "exception.values.0.value", "502 from \\xff" },
        { "tags.region", "eu" },
        { "tags.api_key", "[Filtered]" },
        { "tags.request_id", "01a20676-1f28-7758-9049-5fcad4e6080b" },
        { "tags.problem", "internal" },
        { "user.role", "user" },
        { "user.email", "(none)" },
        { "user.ip_address", "(none)" },
        { "request.method", "GET" },
        { "request.url", "http://a.example/api/things/7?q=[Filtered]" },
        { "request.headers.Host", "a.example" },
        { "request.headers.Cookie", "[Filtered]" },
        { "contexts.trace.trace_id", "11111111111111111111111111111111" },
        { "contexts.trace.span_id", "0102030405060708" },
        { "contexts.trace.status", "internal_error" },
        { "contexts.runtime.name", "nginx" },
        { "contexts.os.name", "Linux" },
        { "breadcrumbs.values.0.category", "auth" },
        { "breadcrumbs.values.3.category", "upstream" },
        { "breadcrumbs.values.3.level", "error" },
        { "fingerprint.0", "upstream" },
        { "fingerprint.1", "502" }
    };

    fill(&report);

    len = ngx_leadgen_report_event(&report, buffer, NGX_LEADGEN_REPORT_SIZE);
    tree = parse(len);
    ok(tree != NULL, "%d bytes of JSON", (int) len);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ok(strcmp(text(tree, rows[i][0]), rows[i][1]) == 0, "%s: %s",
           rows[i][0], text(tree, rows[i][0]));
    }

    buffer[len] = '\0';
    ok(strstr((char *) buffer, "swordfish") == NULL
       && strstr((char *) buffer, "jane@") == NULL, "no secret is in it");
    json_decref(tree);

    conf.send_pii = 1;
    len = ngx_leadgen_report_event(&report, buffer, NGX_LEADGEN_REPORT_SIZE);
    tree = parse(len);
    ok(strcmp(text(tree, "user.email"), "jane@example.com") == 0
       && strcmp(text(tree, "user.ip_address"), "127.0.0.9") == 0,
       "who it was, where that is allowed");
    json_decref(tree);

    for (i = 0; i < len; i += 7) {
        memset(buffer, '#', sizeof(buffer));

        if (ngx_leadgen_report_event(&report, buffer, i) != 0
            || buffer[i] != '#')
        {
            break;
        }
    }

    ok(i >= len, "none where there is no room");
}


static void
test_transaction(void)
{
    size_t                 len;
    json_t                *tree;
    ngx_leadgen_report_t   report;

    fill(&report);

    len = ngx_leadgen_report_transaction(&report, buffer,
                                         NGX_LEADGEN_REPORT_SIZE);
    tree = parse(len);
    ok(tree != NULL, "%d bytes of JSON", (int) len);

    ok(strcmp(text(tree, "type"), "transaction") == 0
       && strcmp(text(tree, "transaction_info.source"), "route") == 0,
       "a transaction by its route");
    ok(fabs(json_real_value(json_object_get(tree, "start_timestamp"))
            - 1699999999.623456) < 1e-5, "it began half a second before");
    ok(strcmp(text(tree, "spans.0.op"), "auth") == 0
       && strcmp(text(tree, "spans.3.op"), "http.client") == 0
       && strcmp(text(tree, "spans.3.span_id"), "0807060504030201") == 0
       && strcmp(text(tree, "spans.3.parent_span_id"), "0102030405060708") == 0,
       "the upstream's span is the one that it was told");
    json_decref(tree);
}


int
main(void)
{
    test_crumbs();
    test_event();
    test_transaction();

    return unit_done();
}
