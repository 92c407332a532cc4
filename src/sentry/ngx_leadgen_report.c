
/*
 * Reports: what is known of something that went wrong, or of a request that was
 * sampled, goes in; the JSON that Sentry takes comes out.
 */


#include "ngx_leadgen_writer.h"
#include <nginx.h>
#include <sys/utsname.h>


static void ngx_leadgen_report_begin(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report, u_char *dst, size_t size);
static size_t ngx_leadgen_report_end(ngx_leadgen_writer_t *writer,
    u_char *dst);
static void ngx_leadgen_report_scope(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report);
static void ngx_leadgen_report_request(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report);
static void ngx_leadgen_report_contexts(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report);
static void ngx_leadgen_report_crumbs(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report);
static void ngx_leadgen_report_exception(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report);
static void ngx_leadgen_report_spans(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report);
static const char *ngx_leadgen_report_status(ngx_uint_t status);
static uint64_t ngx_leadgen_report_wall(const ngx_leadgen_report_t *report,
    uint64_t monotonic);


static const struct {
    const char                *category;
    const char                *type;
    const char                *op;
} ngx_leadgen_report_kinds[] = {
    { "auth",     "default", "auth"       },
    { "decision", "default", "policy"     },
    { "database", "query",   "db.query"   },
    { "worker",   "default", "function"   },
    { "upstream", "http",    "http.client" },
    { "nginx",    "error",   NULL         }
};


size_t
ngx_leadgen_report_event(const ngx_leadgen_report_t *report, u_char *dst,
    size_t size)
{
    ngx_uint_t            i;
    ngx_leadgen_writer_t  writer;

    ngx_leadgen_report_begin(&writer, report, dst, size);

    ngx_leadgen_writer_time(&writer, "timestamp", report->time);
    ngx_leadgen_writer_literal(&writer, "level", report->level);
    ngx_leadgen_writer_text(&writer, "logger", &report->logger);

    if (report->message.len) {
        ngx_leadgen_writer_open(&writer, "logentry", '{');
        ngx_leadgen_writer_text(&writer, "formatted", &report->message);
        ngx_leadgen_writer_close(&writer, '}');
    }

    ngx_leadgen_report_exception(&writer, report);
    ngx_leadgen_report_scope(&writer, report);
    ngx_leadgen_report_crumbs(&writer, report);

    if (report->fingerprint[0].len) {
        ngx_leadgen_writer_open(&writer, "fingerprint", '[');

        for (i = 0; i < NGX_LEADGEN_REPORT_FINGERPRINT; i++) {
            ngx_leadgen_writer_text(&writer, NULL, &report->fingerprint[i]);
        }

        ngx_leadgen_writer_close(&writer, ']');
    }

    if (report->folded) {
        ngx_leadgen_writer_open(&writer, "extra", '{');
        ngx_leadgen_writer_number(&writer, "folded", report->folded);
        ngx_leadgen_writer_close(&writer, '}');
    }

    return ngx_leadgen_report_end(&writer, dst);
}


size_t
ngx_leadgen_report_transaction(const ngx_leadgen_report_t *report,
    u_char *dst, size_t size)
{
    ngx_leadgen_writer_t  writer;

    ngx_leadgen_report_begin(&writer, report, dst, size);

    ngx_leadgen_writer_literal(&writer, "type", "transaction");
    ngx_leadgen_writer_time(&writer, "start_timestamp",
                            ngx_leadgen_report_wall(report, report->began));
    ngx_leadgen_writer_time(&writer, "timestamp", report->time);

    ngx_leadgen_writer_open(&writer, "transaction_info", '{');
    ngx_leadgen_writer_literal(&writer, "source", "route");
    ngx_leadgen_writer_close(&writer, '}');

    ngx_leadgen_report_scope(&writer, report);
    ngx_leadgen_report_spans(&writer, report);

    return ngx_leadgen_report_end(&writer, dst);
}


static void
ngx_leadgen_report_begin(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report, u_char *dst, size_t size)
{
    ngx_memzero(writer, sizeof(ngx_leadgen_writer_t));

    writer->pos = dst;
    writer->last = dst + size;
    writer->pii = report->conf->send_pii ? NGX_LEADGEN_SCRUB_PII : 0;

    ngx_leadgen_writer_open(writer, NULL, '{');
    ngx_leadgen_writer_hex(writer, "event_id", report->event_id,
                           NGX_LEADGEN_UUID_SIZE);
    ngx_leadgen_writer_literal(writer, "platform",
                               report->finding ? report->finding->platform
                                               : "c");

    ngx_leadgen_writer_open(writer, "sdk", '{');
    ngx_leadgen_writer_literal(writer, "name", "ngx_leadgen_module");
    ngx_leadgen_writer_literal(writer, "version", NGX_LEADGEN_VERSION);
    ngx_leadgen_writer_close(writer, '}');
}


/* Bytes, or 0: it had no room. */

static size_t
ngx_leadgen_report_end(ngx_leadgen_writer_t *writer, u_char *dst)
{
    ngx_leadgen_writer_close(writer, '}');

    return writer->full ? 0 : (size_t) (writer->pos - dst);
}


static void
ngx_leadgen_report_scope(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report)
{
    ngx_uint_t                        i;
    const ngx_leadgen_sentry_tag_t   *tag;
    const ngx_leadgen_sentry_conf_t  *conf = report->conf;

    ngx_leadgen_writer_text(writer, "environment", &conf->environment);
    ngx_leadgen_writer_text(writer, "release", &conf->release);
    ngx_leadgen_writer_text(writer, "server_name", &conf->server_name);
    ngx_leadgen_writer_text(writer, "transaction", &report->transaction);

    ngx_leadgen_writer_open(writer, "tags", '{');

    tag = conf->tags.elts;

    for (i = 0; i < conf->tags.nelts; i++) {
        ngx_leadgen_writer_name(writer, &tag[i].key, &tag[i].value);
    }

    ngx_leadgen_writer_text(writer, "request_id", &report->request_id);
    ngx_leadgen_writer_text(writer, "problem", &report->problem);

    if (report->status) {
        ngx_leadgen_writer_number(writer, "status", report->status);
    }

    ngx_leadgen_finding_tags(writer, report->finding);
    ngx_leadgen_writer_close(writer, '}');

    if (report->user_id) {
        ngx_leadgen_writer_open(writer, "user", '{');
        ngx_leadgen_writer_number(writer, "id", report->user_id);
        ngx_leadgen_writer_text(writer, "role", &report->role);

        if (conf->send_pii) {
            ngx_leadgen_writer_text(writer, "email", &report->email);
            ngx_leadgen_writer_text(writer, "ip_address", &report->address);
        }

        ngx_leadgen_writer_close(writer, '}');
    }

    ngx_leadgen_report_request(writer, report);
    ngx_leadgen_report_contexts(writer, report);
}


static void
ngx_leadgen_report_request(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report)
{
    ngx_uint_t  i;

    if (report->method.len == 0) {
        return;
    }

    ngx_leadgen_writer_open(writer, "request", '{');
    ngx_leadgen_writer_text(writer, "method", &report->method);
    ngx_leadgen_writer_text(writer, "url", &report->url);

    ngx_leadgen_writer_open(writer, "headers", '{');

    for (i = 0; i < report->nheaders; i++) {
        ngx_leadgen_writer_name(writer, &report->headers[i].key,
                                &report->headers[i].value);
    }

    ngx_leadgen_writer_close(writer, '}');
    ngx_leadgen_writer_close(writer, '}');
}


static void
ngx_leadgen_report_contexts(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report)
{
    u_char                  zero[NGX_LEADGEN_SPAN_SIZE];
    static struct utsname   os;

    if (os.sysname[0] == '\0') {
        (void) uname(&os);
    }

    ngx_leadgen_writer_open(writer, "contexts", '{');

    if (report->trace) {
        ngx_memzero(zero, sizeof(zero));

        ngx_leadgen_writer_open(writer, "trace", '{');
        ngx_leadgen_writer_hex(writer, "trace_id", report->trace->trace_id,
                               16);
        ngx_leadgen_writer_hex(writer, "span_id", report->span_id,
                               NGX_LEADGEN_SPAN_SIZE);

        if (ngx_memcmp(report->trace->parent_id, zero, sizeof(zero)) != 0) {
            ngx_leadgen_writer_hex(writer, "parent_span_id",
                                   report->trace->parent_id,
                                   NGX_LEADGEN_SPAN_SIZE);
        }

        ngx_leadgen_writer_literal(writer, "op", "http.server");
        ngx_leadgen_writer_literal(writer, "status",
                                  ngx_leadgen_report_status(report->status));
        ngx_leadgen_writer_close(writer, '}');
    }

    ngx_leadgen_writer_open(writer, "runtime", '{');
    ngx_leadgen_writer_literal(writer, "name", "nginx");
    ngx_leadgen_writer_literal(writer, "version", NGINX_VERSION);
    ngx_leadgen_writer_close(writer, '}');

    ngx_leadgen_writer_open(writer, "os", '{');
    ngx_leadgen_writer_literal(writer, "name", os.sysname);
    ngx_leadgen_writer_literal(writer, "version", os.release);
    ngx_leadgen_writer_close(writer, '}');

    if (report->status) {
        ngx_leadgen_writer_open(writer, "response", '{');
        ngx_leadgen_writer_literal(writer, "type", "response");
        ngx_leadgen_writer_number(writer, "status_code", report->status);
        ngx_leadgen_writer_close(writer, '}');
    }

    ngx_leadgen_finding_contexts(writer, report->finding);
    ngx_leadgen_writer_close(writer, '}');
}


static void
ngx_leadgen_report_crumbs(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report)
{
    ngx_uint_t                  i;
    const ngx_leadgen_crumb_t  *crumb;

    if (report->crumbs == NULL || report->crumbs->n == 0) {
        return;
    }

    ngx_leadgen_writer_open(writer, "breadcrumbs", '{');
    ngx_leadgen_writer_open(writer, "values", '[');

    for (i = 0; (crumb = ngx_leadgen_crumb_get(report->crumbs, i)); i++) {
        ngx_leadgen_writer_open(writer, NULL, '{');
        ngx_leadgen_writer_time(writer, "timestamp",
                                ngx_leadgen_report_wall(report, crumb->ended));
        ngx_leadgen_writer_literal(writer, "type",
                                   ngx_leadgen_report_kinds[crumb->kind].type);
        ngx_leadgen_writer_literal(writer, "category",
                               ngx_leadgen_report_kinds[crumb->kind].category);
        ngx_leadgen_writer_text(writer, "message", &crumb->what);
        ngx_leadgen_writer_literal(writer, "level",
                                   crumb->status >= 500 ? "error"
                                   : crumb->status >= 400 ? "warning"
                                   : "info");

        ngx_leadgen_writer_open(writer, "data", '{');

        if (crumb->status) {
            ngx_leadgen_writer_number(writer, "status_code", crumb->status);
        }

        ngx_leadgen_writer_number(writer, "duration_us",
                                  (crumb->ended - crumb->began) / 1000);
        ngx_leadgen_writer_close(writer, '}');
        ngx_leadgen_writer_close(writer, '}');
    }

    ngx_leadgen_writer_close(writer, ']');
    ngx_leadgen_writer_close(writer, '}');
}


static void
ngx_leadgen_report_exception(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report)
{
    if (report->type.len == 0) {
        return;
    }

    ngx_leadgen_writer_open(writer, "exception", '{');
    ngx_leadgen_writer_open(writer, "values", '[');
    ngx_leadgen_writer_open(writer, NULL, '{');
    ngx_leadgen_writer_text(writer, "type", &report->type);
    ngx_leadgen_writer_text(writer, "value", &report->value);

    ngx_leadgen_writer_open(writer, "mechanism", '{');
    ngx_leadgen_writer_literal(writer, "type",
                               report->finding ? report->finding->mechanism
                                               : "nginx");
    ngx_leadgen_writer_close(writer, '}');

    ngx_leadgen_finding_frames(writer, report->finding);
    ngx_leadgen_writer_close(writer, '}');
    ngx_leadgen_writer_close(writer, ']');
    ngx_leadgen_writer_close(writer, '}');
}


/* The last upstream's span has the id that the upstream was told. */

static void
ngx_leadgen_report_spans(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_report_t *report)
{
    u_char                      id[NGX_LEADGEN_SPAN_SIZE];
    ngx_uint_t                  i;
    const ngx_leadgen_crumb_t  *crumb, *next;

    ngx_leadgen_writer_open(writer, "spans", '[');

    for (i = 0;
         report->crumbs && (crumb = ngx_leadgen_crumb_get(report->crumbs, i));
         i++)
    {
        if (ngx_leadgen_report_kinds[crumb->kind].op == NULL) {
            continue;
        }

        next = ngx_leadgen_crumb_get(report->crumbs, i + 1);
        ngx_leadgen_trace_random(id, sizeof(id));

        if (crumb->kind == NGX_LEADGEN_CRUMB_UPSTREAM
            && (next == NULL || next->kind != NGX_LEADGEN_CRUMB_UPSTREAM))
        {
            ngx_memcpy(id, report->upstream_id, sizeof(id));
        }

        ngx_leadgen_writer_open(writer, NULL, '{');
        ngx_leadgen_writer_hex(writer, "trace_id", report->trace->trace_id,
                               16);
        ngx_leadgen_writer_hex(writer, "span_id", id, sizeof(id));
        ngx_leadgen_writer_hex(writer, "parent_span_id", report->span_id,
                               NGX_LEADGEN_SPAN_SIZE);
        ngx_leadgen_writer_literal(writer, "op",
                                   ngx_leadgen_report_kinds[crumb->kind].op);
        ngx_leadgen_writer_text(writer, "description", &crumb->what);
        ngx_leadgen_writer_time(writer, "start_timestamp",
                                ngx_leadgen_report_wall(report, crumb->began));
        ngx_leadgen_writer_time(writer, "timestamp",
                                ngx_leadgen_report_wall(report, crumb->ended));
        ngx_leadgen_writer_literal(writer, "status",
                                   ngx_leadgen_report_status(crumb->status));
        ngx_leadgen_writer_close(writer, '}');
    }

    ngx_leadgen_writer_close(writer, ']');
}


static const char *
ngx_leadgen_report_status(ngx_uint_t status)
{
    switch (status) {

    case 401:
        return "unauthenticated";

    case 403:
        return "permission_denied";

    case 404:
        return "not_found";

    case 409:
        return "already_exists";

    case 429:
        return "resource_exhausted";

    case 499:
        return "cancelled";

    case 503:
        return "unavailable";

    case 504:
        return "deadline_exceeded";

    default:
        return status >= 500 ? "internal_error"
               : status >= 400 ? "invalid_argument" : "ok";
    }
}


/* A report's time is that of both clocks. */

static uint64_t
ngx_leadgen_report_wall(const ngx_leadgen_report_t *report, uint64_t monotonic)
{
    return report->time
           - (report->now > monotonic ? (report->now - monotonic) / 1000 : 0);
}
