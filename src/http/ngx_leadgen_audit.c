
/*
 * Audit: a decision goes in when it is made, its event comes out before the
 * answer does.
 */


#include "ngx_leadgen_ctx.h"


static ngx_leadgen_problem_e ngx_leadgen_audit_refuse(ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_mode_e mode);
static size_t ngx_leadgen_audit_captures(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);
static ngx_leadgen_mode_e ngx_leadgen_audit_mode(
    const ngx_leadgen_rule_t *rule);
static ngx_uint_t ngx_leadgen_audit_names_action(
    const ngx_leadgen_rule_t *rule);
static ngx_int_t ngx_leadgen_audit_action(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);
static void ngx_leadgen_audit_fill(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_action_e action);
static void ngx_leadgen_audit_fill_resource(ngx_leadgen_ctx_t *ctx);
static void ngx_leadgen_audit_fill_decision(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);
static ngx_uint_t ngx_leadgen_audit_is_safe(ngx_http_request_t *r);
static void ngx_leadgen_audit_error(ngx_leadgen_ctx_t *ctx);
static void ngx_leadgen_audit_early(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_uint_t status);
static ngx_uint_t ngx_leadgen_audit_is_early(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, ngx_uint_t status);


ngx_leadgen_problem_e
ngx_leadgen_audit_admit(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    size_t                    size;
    ngx_int_t                 action;
    ngx_leadgen_mode_e        mode;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    action = ngx_leadgen_audit_action(r, ctx);

    if (action == NGX_ERROR || mcf->spool.path.len == 0
        || ctx->to_record || ctx->settled || ctx->early)
    {
        return NGX_LEADGEN_PROBLEM_NONE;
    }

    mode = ngx_leadgen_audit_mode(ctx->match.rule);

    ngx_leadgen_audit_fill(r, ctx, action);

    /* now: a page for the refusal may be judged by another rule */

    if (ctx->problem != NGX_LEADGEN_PROBLEM_NONE) {
        ngx_leadgen_audit_error(ctx);
    }

    size = ngx_leadgen_event_size(&ctx->event)
           + ngx_leadgen_audit_captures(r, ctx);

    if (ngx_leadgen_event_reserve(size, mode) != NGX_OK) {
        return ngx_leadgen_audit_refuse(ctx, mode);
    }

    ctx->mode = mode;
    ctx->reserved = size;
    ctx->to_record = 1;

    if (ctx->problem != NGX_LEADGEN_PROBLEM_NONE
        || ctx->match.rule->endpoint
        || ctx->match.rule->action == NGX_ERROR
        || mode == NGX_LEADGEN_MODE_BEST_EFFORT
        || ngx_leadgen_audit_is_safe(r))
    {
        return NGX_LEADGEN_PROBLEM_NONE;
    }

    /* a change at the upstream must leave a trace, whatever happens to us */

    ctx->intended = (ngx_leadgen_event_intend(&ctx->event, mode) == NGX_OK);

    if (!ctx->intended && mode == NGX_LEADGEN_MODE_STRICT) {
        ngx_leadgen_audit_is_stored(ctx);
        return NGX_LEADGEN_PROBLEM_AUDIT_AWAY;
    }

    return NGX_LEADGEN_PROBLEM_NONE;
}


/* Bytes to reserve for what will be known of the bodies. */

static size_t
ngx_leadgen_audit_captures(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    if (ctx->problem != NGX_LEADGEN_PROBLEM_NONE
        || ctx->match.rule->captures == NULL)
    {
        return 0;
    }

    ngx_leadgen_extract_job(r->pool, ctx);

    if (ctx->match.rule->captures_response) {
        ngx_leadgen_extract_uncompressed(r);
    }

    return NGX_LEADGEN_CAPTURED;
}


/* It is counted, and no page for it makes up for its event. */

static ngx_leadgen_problem_e
ngx_leadgen_audit_refuse(ngx_leadgen_ctx_t *ctx, ngx_leadgen_mode_e mode)
{
    ctx->settled = 1;

    return mode == NGX_LEADGEN_MODE_STRICT ? NGX_LEADGEN_PROBLEM_AUDIT_AWAY
                                           : NGX_LEADGEN_PROBLEM_NONE;
}


static ngx_leadgen_mode_e
ngx_leadgen_audit_mode(const ngx_leadgen_rule_t *rule)
{
    return ngx_leadgen_audit_names_action(rule) ? rule->audit_mode
                                                : NGX_LEADGEN_MODE_NORMAL;
}


static ngx_uint_t
ngx_leadgen_audit_names_action(const ngx_leadgen_rule_t *rule)
{
    return rule
           && rule->action != NGX_ERROR
           && ngx_leadgen_actions[rule->action].business;
}


/* What the event says was done; NGX_ERROR: nothing that is to be recorded. */

static ngx_int_t
ngx_leadgen_audit_action(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_leadgen_location_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    if (ngx_leadgen_audit_names_action(ctx->match.rule)) {
        return ctx->match.rule->action;
    }

    if (ctx->problem != NGX_LEADGEN_PROBLEM_NONE) {
        return lcf->audit >= NGX_LEADGEN_AUDIT_REFUSED || ctx->shadow
               ? NGX_LEADGEN_ACTION_ACCESS_DENIED : NGX_ERROR;
    }

    return lcf->audit == NGX_LEADGEN_AUDIT_ALL || ctx->shadow
           ? NGX_LEADGEN_ACTION_ACCESS_GRANTED : NGX_ERROR;
}


/* The path without its query, which may hold what nobody should keep. */

static void
ngx_leadgen_audit_fill(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_action_e action)
{
    u_char               *query;
    ngx_str_t            *text;
    ngx_leadgen_event_t  *event;

    event = &ctx->event;
    text = event->text;

    ngx_memcpy(event->id, ctx->id, NGX_LEADGEN_UUID_SIZE);
    event->time = ngx_leadgen_time_of(ctx->started);
    event->user_id = ctx->principal.user_id;
    event->action = action;

    text[NGX_LEADGEN_EVENT_USER_EMAIL] = ctx->principal.email;
    text[NGX_LEADGEN_EVENT_ROLE] = ctx->principal.role;
    text[NGX_LEADGEN_EVENT_METHOD] = r->method_name;
    text[NGX_LEADGEN_EVENT_PATH] = r->unparsed_uri;
    text[NGX_LEADGEN_EVENT_IP_ADDRESS] = r->connection->addr_text;

    query = ngx_strlchr(r->unparsed_uri.data,
                        r->unparsed_uri.data + r->unparsed_uri.len, '?');
    if (query) {
        text[NGX_LEADGEN_EVENT_PATH].len = query - r->unparsed_uri.data;
    }

    if (r->headers_in.user_agent) {
        text[NGX_LEADGEN_EVENT_USER_AGENT] = r->headers_in.user_agent->value;
    }

    ngx_leadgen_audit_fill_resource(ctx);
    ngx_leadgen_audit_fill_decision(r, ctx);
}


static void
ngx_leadgen_audit_fill_resource(ngx_leadgen_ctx_t *ctx)
{
    ngx_str_t                 *text;
    const ngx_leadgen_rule_t  *rule;

    text = ctx->event.text;
    rule = ctx->match.rule;

    if (rule == NULL) {
        return;
    }

    text[NGX_LEADGEN_EVENT_RESOURCE_TYPE] =
        rule->resource.len ? rule->resource
                           : ngx_leadgen_actions[ctx->event.action].resource;

    if (rule->resource_id != NGX_ERROR) {
        text[NGX_LEADGEN_EVENT_RESOURCE_ID] =
            ctx->match.params[rule->resource_id];
    }
}


/* By which somebody can be told later why they were refused. */

static void
ngx_leadgen_audit_fill_decision(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_int_t                  which;
    ngx_str_t                 *text;
    const ngx_leadgen_rule_t  *rule;

    text = ctx->event.text;
    rule = ctx->match.rule;

    if (ctx->shadow) {
        text[NGX_LEADGEN_EVENT_SHADOW] = ctx->shadow->decision;
        text[NGX_LEADGEN_EVENT_SHADOW_ROUTE] = ctx->shadow->route;
    }

    if (rule == NULL) {
        return;
    }

    text[NGX_LEADGEN_EVENT_ROUTE] = rule->path;

    if (ctx->problem == NGX_LEADGEN_PROBLEM_NONE) {
        return;
    }

    text[NGX_LEADGEN_EVENT_REQUIRES] = rule->requires;

    if (ctx->problem != NGX_LEADGEN_PROBLEM_PERMISSION_MISSING
        && ctx->problem != NGX_LEADGEN_PROBLEM_CONDITION_FAILED)
    {
        return;
    }

    which = ngx_leadgen_decide_missing(rule, &ctx->principal);

    if (which != NGX_ERROR) {
        text[NGX_LEADGEN_EVENT_PERMISSION] =
            ngx_leadgen_permissions[which].name;
        return;
    }

    which = ngx_leadgen_condition_failed(&ctx->match, &ctx->principal,
                                         r->connection->sockaddr);

    if (which != NGX_ERROR) {
        text[NGX_LEADGEN_EVENT_CONDITION] = rule->conditions[which];
    }
}


static ngx_uint_t
ngx_leadgen_audit_is_safe(ngx_http_request_t *r)
{
    return r->method == NGX_HTTP_GET
           || r->method == NGX_HTTP_HEAD
           || r->method == NGX_HTTP_OPTIONS;
}


ngx_int_t
ngx_leadgen_audit_record(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_uint_t status)
{
    ngx_int_t             rc;
    ngx_str_t            *error;
    ngx_leadgen_event_t  *event;

    if (!ctx->to_record) {
        ngx_leadgen_audit_early(r, ctx, status);
        return NGX_OK;
    }

    event = &ctx->event;
    error = &event->text[NGX_LEADGEN_EVENT_ERROR];

    if (ctx->problem == NGX_LEADGEN_PROBLEM_NONE) {
        ngx_leadgen_extract_request(r, ctx);
    }

    event->status = (uint16_t) status;
    event->duration = (uint32_t) (ngx_leadgen_time_monotonic() - ctx->started);

    if (status >= NGX_HTTP_BAD_REQUEST && error->len == 0) {
        ngx_leadgen_audit_error(ctx);
    }

    event->outcome = error->len ? NGX_LEADGEN_OUTCOME_FAILURE
                                : NGX_LEADGEN_OUTCOME_SUCCESS;

    rc = ngx_leadgen_event_append(event, ctx->reserved, ctx->intended);

    ctx->reserved = 0;
    ctx->to_record = 0;
    ctx->settled = 1;
    ctx->opened = (rc == NGX_OK && status == NGX_HTTP_SWITCHING_PROTOCOLS);

    if (ctx->mode != NGX_LEADGEN_MODE_STRICT) {
        return NGX_OK;
    }

    return rc == NGX_OK ? NGX_AGAIN : NGX_DECLINED;
}


/*
 * Requests that nginx answered before the guard saw them: not HTTP, too large,
 * too slow, a redirect.  Anybody can make many of them at no cost, so that they
 * are the first to be dropped.
 */

static void
ngx_leadgen_audit_early(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_uint_t status)
{
    size_t                size;
    ngx_msec_int_t        ms;
    ngx_leadgen_event_t  *event;

    if (!ngx_leadgen_audit_is_early(r, ctx, status)) {
        return;
    }

    ctx->settled = 1;

    event = &ctx->event;
    event->status = (uint16_t) status;
    event->outcome = NGX_LEADGEN_OUTCOME_SUCCESS;

    ngx_leadgen_audit_fill(r, ctx, NGX_LEADGEN_ACTION_ACCESS_GRANTED);

    if (ctx->early || status >= NGX_HTTP_BAD_REQUEST) {
        event->action = NGX_LEADGEN_ACTION_ACCESS_DENIED;
        event->outcome = NGX_LEADGEN_OUTCOME_FAILURE;
        event->text[NGX_LEADGEN_EVENT_ERROR].data = ctx->error;
        event->text[NGX_LEADGEN_EVENT_ERROR].len =
            ngx_sprintf(ctx->error, "not evaluated: HTTP status %ui", status)
            - ctx->error;
    }

    ms = (ngx_time() - r->start_sec) * 1000
         + ((ngx_msec_int_t) ngx_timeofday()->msec
            - (ngx_msec_int_t) r->start_msec);
    event->duration = (uint32_t) ngx_max(ms, 0) * 1000;

    size = ngx_leadgen_event_size(event);

    if (ngx_leadgen_event_reserve(size, NGX_LEADGEN_MODE_BEST_EFFORT)
        == NGX_OK)
    {
        (void) ngx_leadgen_event_append(event, size, 0);
    }
}


/* Of a server with guarded locations: in one of them, or before any. */

static ngx_uint_t
ngx_leadgen_audit_is_early(ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx,
    ngx_uint_t status)
{
    void                        **root;
    ngx_leadgen_main_conf_t      *mcf;
    ngx_http_core_srv_conf_t     *cscf;
    ngx_leadgen_server_conf_t    *scf;
    ngx_leadgen_location_conf_t  *lcf;

    if (ctx->settled || (ctx->reached && !ctx->early)) {
        return 0;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    scf = ngx_http_get_module_srv_conf(r, ngx_leadgen_module);
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    if (!scf->guarded || mcf->spool.path.len == 0) {
        return 0;
    }

    root = cscf->ctx->loc_conf;
    lcf = ctx->early ? root[ngx_leadgen_module.ctx_index]
                     : ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    if (!ctx->early && r->loc_conf != root && lcf->policy == NULL && !lcf->api)
    {
        return 0;
    }

    return lcf->audit == NGX_LEADGEN_AUDIT_ALL
           || (lcf->audit == NGX_LEADGEN_AUDIT_REFUSED
               && (ctx->early || status >= NGX_HTTP_BAD_REQUEST));
}


static void
ngx_leadgen_audit_error(ngx_leadgen_ctx_t *ctx)
{
    u_char      *p, *last;
    ngx_int_t    missing;
    ngx_str_t   *error;

    error = &ctx->event.text[NGX_LEADGEN_EVENT_ERROR];
    error->data = ctx->error;
    last = ctx->error + sizeof(ctx->error);

    if (ctx->problem == NGX_LEADGEN_PROBLEM_NONE) {
        p = ngx_slprintf(ctx->error, last, "HTTP status %ui",
                         (ngx_uint_t) ctx->event.status);

    } else {
        p = ngx_slprintf(ctx->error, last, "%V",
                         &ngx_leadgen_problems[ctx->problem].slug);
    }

    if (ctx->problem == NGX_LEADGEN_PROBLEM_TOKEN_INVALID
        && ctx->principal.wrong)
    {
        p = ngx_slprintf(p, last, ": %s", ctx->principal.wrong);
    }

    if (ctx->problem == NGX_LEADGEN_PROBLEM_PERMISSION_MISSING) {
        missing = ngx_leadgen_decide_missing(ctx->match.rule, &ctx->principal);

        if (missing != NGX_ERROR) {
            p = ngx_slprintf(p, last, ": %V",
                             &ngx_leadgen_permissions[missing].name);
        }
    }

    error->len = p - ctx->error;
}


void
ngx_leadgen_audit_is_stored(ngx_leadgen_ctx_t *ctx)
{
    if (ctx->reserved) {
        ngx_leadgen_event_release(ctx->reserved);
    }

    ctx->reserved = 0;
    ctx->to_record = 0;
    ctx->settled = 1;
}


/* An answer that never was, because the client or its time had gone; or the end
 * of one that went on. */

ngx_int_t
ngx_leadgen_audit_log(ngx_http_request_t *r)
{
    ngx_uint_t                status;
    ngx_leadgen_ctx_t        *ctx;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (mcf->zone == NULL || r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_leadgen_ctx(r);

    if (ctx && ctx->opened
        && r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS)
    {
        ngx_leadgen_websocket_end(ctx);
    }

    if (ctx == NULL || ctx->settled) {
        return NGX_OK;
    }

    status = r->err_status ? r->err_status : r->headers_out.status;

    if (status < NGX_HTTP_BAD_REQUEST) {
        status = NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    (void) ngx_leadgen_audit_record(r, ctx, status);

    return NGX_OK;
}
