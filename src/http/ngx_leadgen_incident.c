
/*
 * Captures: a request that has ended, or a line of the error log, goes in; what
 * Sentry is told of it comes out.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_INCIDENT_HEADERS  8


static ngx_uint_t ngx_leadgen_incident_status(ngx_http_request_t *r);
static void ngx_leadgen_incident_upstreams(ngx_http_request_t *r,
    ngx_leadgen_scope_t *scope);
static void ngx_leadgen_incident_error(ngx_leadgen_report_t *report,
    ngx_leadgen_scope_t *scope);
static void ngx_leadgen_incident_lines(ngx_leadgen_report_t *report,
    ngx_leadgen_scope_t *scope);
static void ngx_leadgen_incident_upstream(ngx_leadgen_report_t *report,
    ngx_http_request_t *r);
static ngx_int_t ngx_leadgen_incident_fill(ngx_leadgen_report_t *report,
    ngx_leadgen_scope_t *scope);
static ngx_uint_t ngx_leadgen_incident_headers(ngx_http_request_t *r,
    ngx_leadgen_sentry_tag_t *headers);
static ngx_int_t ngx_leadgen_incident_url(ngx_http_request_t *r,
    ngx_str_t *url);
static ngx_uint_t ngx_leadgen_incident_is_chosen(ngx_uint_t rate);


/* What may be told of a request's headers; their values are scrubbed, too. */

static const ngx_str_t  ngx_leadgen_incident_allowed[] = {
    ngx_string("Host"),
    ngx_string("User-Agent"),
    ngx_string("Accept"),
    ngx_string("Content-Type"),
    ngx_string("Content-Length"),
    ngx_string("Referer"),
    ngx_string("Origin")
};


/* As error events are named there: nothing above a warning comes here. */

static const char  *ngx_leadgen_incident_levels[] = {
    "error", "fatal", "fatal", "fatal", "error", "warning"
};


ngx_int_t
ngx_leadgen_incident_log(ngx_http_request_t *r)
{
    ngx_uint_t                failed, sampled;
    ngx_leadgen_ctx_t        *ctx;
    ngx_leadgen_scope_t      *scope;
    ngx_leadgen_report_t      report;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (mcf->sentry.dsn.len == 0 || r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_leadgen_ctx(r);
    scope = ctx ? ctx->scope : NULL;

    if (scope == NULL) {
        return NGX_OK;
    }

    failed = scope->lines || ngx_leadgen_incident_status(r) >= 500;
    sampled = mcf->sentry.traces_sample_rate
              && scope->trace.sampled == NGX_LEADGEN_TRACE_SAMPLED;

    if (failed && !ngx_leadgen_incident_is_chosen(mcf->sentry.sample_rate)) {
        ngx_leadgen_sentry_drop(NGX_LEADGEN_SENTRY_ERROR,
                                NGX_LEADGEN_SENTRY_SAMPLE_RATE, 1);
        failed = 0;
    }

    failed = failed && ngx_leadgen_sentry_wanted(NGX_LEADGEN_SENTRY_ERROR);
    sampled = sampled
              && ngx_leadgen_sentry_wanted(NGX_LEADGEN_SENTRY_TRANSACTION);

    if (!failed && !sampled) {
        return NGX_OK;
    }

    ngx_leadgen_incident_upstreams(r, scope);
    ngx_leadgen_incident_now(&report, &mcf->sentry);

    if (ngx_leadgen_incident_fill(&report, scope) != NGX_OK) {
        return NGX_OK;
    }

    if (failed) {
        ngx_leadgen_incident_error(&report, scope);
        (void) ngx_leadgen_incident_send(&report, NGX_LEADGEN_SENTRY_ERROR);
    }

    if (sampled) {
        (void) ngx_leadgen_incident_send(&report,
                                         NGX_LEADGEN_SENTRY_TRANSACTION);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_leadgen_incident_status(ngx_http_request_t *r)
{
    return r->err_status ? r->err_status : r->headers_out.status;
}


/* nginx knows how long each try took; one came after the other. */

static void
ngx_leadgen_incident_upstreams(ngx_http_request_t *r,
    ngx_leadgen_scope_t *scope)
{
    uint64_t                    ended, began;
    ngx_str_t                   none = ngx_null_string;
    ngx_uint_t                  i, n;
    ngx_leadgen_crumb_t        *crumb;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL || scope->crumbs.max == 0) {
        return;
    }

    state = r->upstream_states->elts;
    n = r->upstream_states->nelts;
    ended = ngx_leadgen_histogram_now();

    for (i = 0; i < n; i++) {
        ended -= (uint64_t) state[i].response_time * 1000000;
    }

    for (i = 0; i < n; i++) {
        began = ended;
        ended += (uint64_t) state[i].response_time * 1000000;

        ngx_leadgen_crumb_add(&scope->crumbs, NGX_LEADGEN_CRUMB_UPSTREAM,
                              ngx_max(began, scope->began), state[i].status,
                              state[i].peer ? state[i].peer : &none);

        crumb = &scope->crumbs.ring[(scope->crumbs.n - 1)
                                    % scope->crumbs.max];
        crumb->ended = ngx_max(ended, crumb->began);
    }
}


/* A line tells most; a problem has a name; else there is the status. */

static void
ngx_leadgen_incident_error(ngx_leadgen_report_t *report,
    ngx_leadgen_scope_t *scope)
{
    ngx_http_request_t           *r;
    const ngx_leadgen_problem_t  *problem;

    r = scope->request;
    problem = &ngx_leadgen_problems[scope->ctx->problem];
    report->level = "error";
    ngx_str_set(&report->logger, "gateway");

    if (r->upstream_states && r->upstream_states->nelts
        && report->status >= 500)
    {
        ngx_leadgen_incident_upstream(report, r);

    } else if (problem->status >= 500) {
        report->type = problem->slug;
        report->value = problem->title;
        report->problem = problem->slug;
        ngx_str_set(&report->fingerprint[0], "problem");
        report->fingerprint[1] = problem->slug;

    } else if (report->status >= 500) {
        ngx_str_set(&report->type, "HttpError");
        ngx_str_set(&report->value, "answered with a server error");
        ngx_str_set(&report->fingerprint[0], "{{ default }}");
        report->fingerprint[1] = report->transaction;
    }

    ngx_leadgen_incident_lines(report, scope);
}


static void
ngx_leadgen_incident_upstream(ngx_leadgen_report_t *report,
    ngx_http_request_t *r)
{
    ngx_http_upstream_state_t  *state;

    static u_char  digits[NGX_INT_T_LEN];

    state = r->upstream_states->elts;
    state += r->upstream_states->nelts - 1;

    ngx_str_set(&report->type, "UpstreamError");

    if (state->header_time != (ngx_msec_t) -1) {
        ngx_str_set(&report->value, "the upstream answered with an error");

    } else if (report->status == NGX_HTTP_GATEWAY_TIME_OUT) {
        ngx_str_set(&report->type, "UpstreamTimeout");
        ngx_str_set(&report->value, "the upstream did not answer in time");

    } else {
        ngx_str_set(&report->value, "the upstream could not be asked");
    }

    report->fingerprint[0] = report->type;
    report->fingerprint[1].data = digits;
    report->fingerprint[1].len = ngx_sprintf(digits, "%ui", report->status)
                                 - digits;
    report->fingerprint[2] = report->transaction;
}


/* The gravest line is the message, the others are steps on the way. */

static void
ngx_leadgen_incident_lines(ngx_leadgen_report_t *report,
    ngx_leadgen_scope_t *scope)
{
    ngx_str_t                           text;
    ngx_uint_t                          level;
    const ngx_leadgen_errorlog_line_t  *line;

    static u_char  message[NGX_LEADGEN_ERRORLOG_TEXT];
    static u_char  pattern[NGX_LEADGEN_ERRORLOG_TEXT];

    level = NGX_LOG_DEBUG;

    while ((line = ngx_leadgen_errorlog_take(scope)) != NULL) {

        text.len = line->len;
        text.data = ngx_pnalloc(scope->request->pool, line->len);
        if (text.data == NULL) {
            return;
        }

        ngx_memcpy(text.data, line->text, line->len);

        ngx_leadgen_crumb_add(&scope->crumbs, NGX_LEADGEN_CRUMB_LINE,
                              line->time, line->level <= NGX_LOG_ERR ? 500 : 0,
                              &text);

        if (line->level >= level) {
            continue;
        }

        level = line->level;
        report->message.data = message;
        report->message.len = line->len;
        ngx_memcpy(message, line->text, line->len);
    }

    if (level == NGX_LOG_DEBUG) {
        return;
    }

    report->level = ngx_leadgen_incident_levels[level];

    if (report->type.len == 0) {
        ngx_str_set(&report->fingerprint[0], "nginx");
        report->fingerprint[1].data = pattern;
        report->fingerprint[1].len =
            ngx_leadgen_errorlog_pattern(pattern, sizeof(pattern),
                                         &report->message)
            - pattern;
    }
}


static ngx_int_t
ngx_leadgen_incident_fill(ngx_leadgen_report_t *report,
    ngx_leadgen_scope_t *scope)
{
    u_char                     *p;
    ngx_str_t                   path;
    ngx_leadgen_ctx_t          *ctx;
    ngx_http_request_t         *r;
    ngx_http_core_loc_conf_t   *clcf;

    static ngx_leadgen_sentry_tag_t  headers[NGX_LEADGEN_INCIDENT_HEADERS];

    r = scope->request;
    ctx = scope->ctx;

    report->began = scope->began;
    report->trace = &scope->trace;
    report->span_id = scope->span_id;
    report->upstream_id = scope->upstream_id;
    report->crumbs = &scope->crumbs;
    report->method = r->method_name;
    report->status = ngx_leadgen_incident_status(r);
    report->request_id = ctx->id_text;
    report->user_id = ctx->principal.user_id;
    report->role = ctx->principal.role;
    report->email = ctx->principal.email;
    report->address = r->connection->addr_text;
    report->headers = headers;
    report->nheaders = ngx_leadgen_incident_headers(r, headers);

    /* the route, or else the location: neither holds anybody's values */

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    path = ctx->match.rule ? ctx->match.rule->path : clcf->name;

    p = ngx_pnalloc(r->pool, r->method_name.len + 1 + path.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    report->transaction.data = p;
    report->transaction.len = ngx_sprintf(p, "%V %V", &r->method_name, &path)
                              - p;

    return ngx_leadgen_incident_url(r, &report->url);
}


static ngx_uint_t
ngx_leadgen_incident_headers(ngx_http_request_t *r,
    ngx_leadgen_sentry_tag_t *headers)
{
    ngx_uint_t        i, n;
    const ngx_str_t  *value;

    n = 0;

    for (i = 0; i < sizeof(ngx_leadgen_incident_allowed) / sizeof(ngx_str_t);
         i++)
    {
        value = ngx_leadgen_credential_header(r,
                           (const char *) ngx_leadgen_incident_allowed[i].data);

        if (value) {
            headers[n].key = ngx_leadgen_incident_allowed[i];
            headers[n++].value = *value;
        }
    }

    return n;
}


static ngx_int_t
ngx_leadgen_incident_url(ngx_http_request_t *r, ngx_str_t *url)
{
    u_char      *p;
    ngx_str_t    scheme, *host;

    ngx_str_set(&scheme, "http");

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ngx_str_set(&scheme, "https");
    }
#endif

    host = &r->headers_in.server;

    p = ngx_pnalloc(r->pool, scheme.len + 3 + host->len + r->unparsed_uri.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    url->data = p;
    url->len = ngx_sprintf(p, "%V://%V%V", &scheme, host, &r->unparsed_uri)
               - p;

    return NGX_OK;
}


void
ngx_leadgen_incident_line(const ngx_leadgen_sentry_conf_t *conf,
    const ngx_leadgen_errorlog_line_t *line, ngx_uint_t folded)
{
    ngx_leadgen_report_t  report;

    static u_char  pattern[NGX_LEADGEN_ERRORLOG_TEXT];

    if (!ngx_leadgen_sentry_wanted(NGX_LEADGEN_SENTRY_ERROR)) {
        return;
    }

    ngx_leadgen_incident_now(&report, conf);
    report.time -= ngx_min((report.now - line->time) / 1000, report.time);
    report.now = line->time;
    report.level = ngx_leadgen_incident_levels[line->level];
    report.folded = folded;
    ngx_str_set(&report.logger, "nginx");
    report.message.data = (u_char *) line->text;
    report.message.len = line->len;

    ngx_str_set(&report.fingerprint[0], "nginx");
    report.fingerprint[1].data = pattern;
    report.fingerprint[1].len =
        ngx_leadgen_errorlog_pattern(pattern, sizeof(pattern),
                                     &report.message)
        - pattern;

    (void) ngx_leadgen_incident_send(&report, NGX_LEADGEN_SENTRY_ERROR);
}


void
ngx_leadgen_incident_now(ngx_leadgen_report_t *report,
    const ngx_leadgen_sentry_conf_t *conf)
{
    ngx_memzero(report, sizeof(ngx_leadgen_report_t));

    report->conf = conf;
    report->time = ngx_leadgen_time_now();
    report->now = ngx_leadgen_histogram_now();
}


ngx_int_t
ngx_leadgen_incident_send(ngx_leadgen_report_t *report,
    ngx_leadgen_sentry_category_e category)
{
    size_t  len;

    static u_char  payload[NGX_LEADGEN_REPORT_SIZE];

    ngx_leadgen_uuid_mint(report->event_id);

    len = category == NGX_LEADGEN_SENTRY_TRANSACTION
          ? ngx_leadgen_report_transaction(report, payload, sizeof(payload))
          : ngx_leadgen_report_event(report, payload, sizeof(payload));

    if (len == 0) {
        ngx_leadgen_sentry_drop(category, NGX_LEADGEN_SENTRY_TOO_BIG, 1);
        return NGX_DECLINED;
    }

    return ngx_leadgen_sentry_append(category, report->event_id, payload, len);
}


static ngx_uint_t
ngx_leadgen_incident_is_chosen(ngx_uint_t rate)
{
    uint32_t  word;

    if (rate == NGX_LEADGEN_SENTRY_ALWAYS) {
        return 1;
    }

    ngx_leadgen_trace_random((u_char *) &word, sizeof(word));

    return word % NGX_LEADGEN_SENTRY_ALWAYS < rate;
}
