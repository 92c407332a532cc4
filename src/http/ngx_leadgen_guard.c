
/*
 * The guard: a request goes in, and comes out allowed, or is answered here with
 * the reason why not.
 */


#include "ngx_leadgen_ctx.h"


static ngx_int_t ngx_leadgen_guard_decision(ngx_http_request_t *r,
    ngx_leadgen_location_conf_t *lcf, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_problem_e *problem);
static ngx_leadgen_problem_e ngx_leadgen_guard_judge(ngx_http_request_t *r,
    ngx_leadgen_location_conf_t *lcf, ngx_leadgen_ctx_t *ctx);
static ngx_int_t ngx_leadgen_guard_withhold(ngx_http_request_t *r);
static void ngx_leadgen_guard_grant(const ngx_leadgen_main_conf_t *mcf,
    ngx_leadgen_principal_t *principal);
static void ngx_leadgen_guard_decided(ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_problem_e problem);
static ngx_int_t ngx_leadgen_guard_refuse(ngx_http_request_t *r,
    ngx_leadgen_problem_e problem);
static ngx_int_t ngx_leadgen_guard_allow_header(ngx_http_request_t *r,
    ngx_uint_t methods);
static ngx_uint_t ngx_leadgen_guard_has_error_page(ngx_http_request_t *r,
    ngx_uint_t status);


/*
 * ACCESS is never run for subrequests, so these are judged here: by the rule of
 * their own path, for the principal of the main request.
 */

ngx_int_t
ngx_leadgen_guard_preaccess(ngx_http_request_t *r)
{
    ngx_leadgen_ctx_t            *ctx;
    ngx_leadgen_match_t           match;
    ngx_leadgen_main_conf_t      *mcf;
    ngx_leadgen_location_conf_t  *lcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (mcf->zone == NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_leadgen_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r == r->main) {

        /* once: after an internal redirect they are the guard's own */

        if (!ctx->stripped && ngx_leadgen_identity_strip(r, ctx) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->stripped = 1;

        if (r->error_page && !ctx->reached) {
            ctx->early = 1;
        }

        if (mcf->sentry.dsn.len
            && ngx_leadgen_scope_start(r, ctx) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->reached = 1;
        ctx->judged = 0;
        ctx->withheld = 0;

        return NGX_DECLINED;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    if (lcf->policy == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_leadgen_target_check(r->loc_conf, NULL, &r->uri)
        != NGX_LEADGEN_PROBLEM_NONE)
    {
        return NGX_HTTP_BAD_REQUEST;
    }

    ngx_leadgen_trie_find(lcf->policy,
                          ngx_leadgen_rule_method(&r->method_name), &r->uri,
                          &match);

    if (match.rule == NULL
        || (lcf->path_strict
            && ngx_leadgen_target_fold(lcf->policy,
                   ngx_leadgen_rule_method(&r->method_name), &r->uri,
                   match.rule) != NGX_LEADGEN_PROBLEM_NONE)
        || ngx_leadgen_decide(&match, &ctx->principal, r->connection->sockaddr)
           != NGX_LEADGEN_PROBLEM_NONE)
    {
        return NGX_HTTP_FORBIDDEN;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_leadgen_guard_access(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_leadgen_ctx_t            *ctx;
    ngx_leadgen_problem_e         problem;
    ngx_leadgen_location_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    rc = ngx_leadgen_cors_preflight(r);

    if (rc != NGX_DECLINED) {
        ngx_http_finalize_request(r, rc);
        return NGX_DONE;
    }

    if (lcf->policy == NULL && !lcf->api) {
        return ngx_leadgen_guard_withhold(r);
    }

    ctx = ngx_leadgen_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_leadgen_guard_decision(r, lcf, ctx, &problem);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_leadgen_audit_admit(r, ctx) != NGX_LEADGEN_PROBLEM_NONE) {
        return ngx_leadgen_guard_refuse(r, NGX_LEADGEN_PROBLEM_AUDIT_AWAY);
    }

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        return ngx_leadgen_guard_refuse(r, problem);
    }

    if (!lcf->api && ngx_leadgen_identity_set(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_leadgen_websocket_admit(r, ctx);

    /*
     * The upstream gets the path that was judged, not the one that was sent:
     * a strict one is the same in both, until a redirect or a rewrite.
     */

    if ((!lcf->path_strict || !r->valid_unparsed_uri)
        && ngx_leadgen_target_settle(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->judged = 1;

    return NGX_OK;
}


/* No policy holds here, and yet the upstream is not to be told who asks. */

static ngx_int_t
ngx_leadgen_guard_withhold(ngx_http_request_t *r)
{
    ngx_leadgen_ctx_t        *ctx;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (mcf->zone == NULL
        || (r->headers_in.authorization == NULL
            && !ngx_leadgen_headers_has_cookies(r)))
    {
        return NGX_DECLINED;
    }

    ctx = ngx_leadgen_ctx(r);

    if (ctx == NULL
        || (!ctx->withheld && ngx_leadgen_withhold(r, ctx, NULL) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->withheld = 1;

    return NGX_DECLINED;
}


/* NGX_OK, or NGX_AGAIN: the request is parked until the problem is known. */

static ngx_int_t
ngx_leadgen_guard_decision(ngx_http_request_t *r,
    ngx_leadgen_location_conf_t *lcf, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_problem_e *problem)
{
    uint64_t  began;

    began = ctx->scope ? ngx_leadgen_histogram_now() : 0;
    *problem = ngx_leadgen_guard_judge(r, lcf, ctx);

    if (*problem == NGX_LEADGEN_PROBLEM_DATABASE_AWAY) {
        *problem = ngx_leadgen_park(r, ctx);

        if (*problem == NGX_LEADGEN_PROBLEM_NONE) {
            return NGX_AGAIN;
        }
    }

    ngx_leadgen_guard_decided(ctx, *problem);

    if (lcf->shadow) {
        ngx_leadgen_shadow(r, lcf, ctx);
    }

    ngx_leadgen_scope_step(ctx, DECISION, began,
                           ngx_leadgen_problems[*problem].status,
                           &ngx_leadgen_problems[*problem].title);

    return NGX_OK;
}


/*
 * With "satisfy any" a module that is asked before this one may let a request
 * through, and nobody would ask the policy.
 */

ngx_int_t
ngx_leadgen_guard_precontent(ngx_http_request_t *r)
{
    ngx_leadgen_ctx_t            *ctx;
    ngx_leadgen_location_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    if (r != r->main) {
        return NGX_DECLINED;
    }

    if (lcf->policy == NULL && !lcf->api) {
        return ngx_leadgen_guard_withhold(r);
    }

    ctx = ngx_leadgen_ctx(r);

    return ctx && ctx->judged ? NGX_DECLINED : NGX_HTTP_FORBIDDEN;
}


static ngx_leadgen_problem_e
ngx_leadgen_guard_judge(ngx_http_request_t *r,
    ngx_leadgen_location_conf_t *lcf, ngx_leadgen_ctx_t *ctx)
{
    uint64_t                  began;
    ngx_leadgen_target_t      target;
    ngx_leadgen_problem_e     problem;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    ngx_memzero(&ctx->principal, sizeof(ngx_leadgen_principal_t));

    target.method = r->method_name;
    target.raw = r->unparsed_uri;
    target.uri = r->uri;

    began = ngx_leadgen_histogram_begin(NGX_LEADGEN_HISTOGRAM_POLICY);
    problem = ngx_leadgen_judge_route(r->loc_conf,
                                      lcf->api ? mcf->api : lcf->policy,
                                      &target, &ctx->match);
    ngx_leadgen_histogram_observe(NGX_LEADGEN_HISTOGRAM_POLICY, began);

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        return problem;
    }

    /* on a public route a token is not even looked at */

    if (ctx->match.rule == NULL || !ctx->match.rule->is_public) {
        began = ctx->scope ? ngx_leadgen_histogram_now()
                           : ngx_leadgen_histogram_begin(
                                         NGX_LEADGEN_HISTOGRAM_AUTHENTICATION);
        problem = ngx_leadgen_guard_authenticate(r, ctx, &ctx->principal);
        ngx_leadgen_histogram_observe(NGX_LEADGEN_HISTOGRAM_AUTHENTICATION,
                                      began);
        ngx_leadgen_scope_step(ctx, AUTH, began,
                               ngx_leadgen_problems[problem].status,
                               &ngx_leadgen_problems[problem].title);
    }

    return ngx_leadgen_judge_principal(lcf, &ctx->match, problem,
                                       &ctx->principal,
                                       r->connection->sockaddr);
}


ngx_leadgen_problem_e
ngx_leadgen_guard_authenticate(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, ngx_leadgen_principal_t *principal)
{
    ngx_str_t                  token;
    const char                *wrong;
    ngx_leadgen_problem_e      problem;
    ngx_leadgen_main_conf_t   *mcf;

    problem = ngx_leadgen_credential(r, ctx, &token);

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        return problem;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (!ngx_leadgen_revocation_is_known(mcf->max_stale, mcf->allow_stale)) {
        return NGX_LEADGEN_PROBLEM_REVOCATIONS_UNKNOWN;
    }

    problem = ngx_leadgen_verdict(r->pool, mcf->keys, &token, principal);

    if (problem == NGX_LEADGEN_PROBLEM_NONE
        && !principal->is_ours
        && mcf->database.driver
        && !ngx_leadgen_token_is_resolved(principal))
    {
        problem = NGX_LEADGEN_PROBLEM_DATABASE_AWAY;
    }

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        wrong = principal->wrong;
        ngx_memzero(principal, sizeof(ngx_leadgen_principal_t));
        principal->wrong = wrong;

        if (wrong) {
            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "leadgen: token refused: %s", wrong);
        }

        return problem;
    }

    ngx_leadgen_guard_grant(mcf, principal);

    return NGX_LEADGEN_PROBLEM_NONE;
}


/* A role that nobody here knows grants nothing, and nobody else is told it. */

static void
ngx_leadgen_guard_grant(const ngx_leadgen_main_conf_t *mcf,
    ngx_leadgen_principal_t *principal)
{
    principal->has_role = ngx_leadgen_roles_grant(mcf->roles, &principal->role,
                                                  &principal->permissions)
                          == NGX_OK;
}


ngx_leadgen_problem_e
ngx_leadgen_guard_recheck(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_leadgen_problem_e     problem;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (!ngx_leadgen_revocation_is_known(mcf->max_stale, mcf->allow_stale)) {
        return NGX_LEADGEN_PROBLEM_REVOCATIONS_UNKNOWN;
    }

    problem = ngx_leadgen_token_check(&ctx->principal);

    /* who comes again is looked up again */

    if (problem == NGX_LEADGEN_PROBLEM_NONE
        && ctx->principal.resolved
        && !ngx_leadgen_token_is_resolved(&ctx->principal))
    {
        problem = NGX_LEADGEN_PROBLEM_TOKEN_REVOKED;
    }

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        return problem;
    }

    ngx_leadgen_guard_grant(mcf, &ctx->principal);

    return ngx_leadgen_decide(&ctx->match, &ctx->principal,
                              r->connection->sockaddr);
}


static void
ngx_leadgen_guard_decided(ngx_leadgen_ctx_t *ctx, ngx_leadgen_problem_e problem)
{
    ngx_leadgen_metric_e  metric;

    ctx->problem = problem;

    if (problem == NGX_LEADGEN_PROBLEM_NONE && ctx->match.rule->is_public) {
        ctx->decision = NGX_LEADGEN_DECISION_PUBLIC;
        metric = NGX_LEADGEN_METRIC_DECISIONS_PUBLIC;

    } else if (problem == NGX_LEADGEN_PROBLEM_NONE) {
        ctx->decision = NGX_LEADGEN_DECISION_ALLOWED;
        metric = NGX_LEADGEN_METRIC_DECISIONS_ALLOWED;

    } else if (ngx_leadgen_problems[problem].status == NGX_HTTP_UNAUTHORIZED) {
        ctx->decision = NGX_LEADGEN_DECISION_UNAUTHENTICATED;
        metric = NGX_LEADGEN_METRIC_DECISIONS_UNAUTHENTICATED;

    } else {
        ctx->decision = NGX_LEADGEN_DECISION_DENIED;
        metric = NGX_LEADGEN_METRIC_DECISIONS_DENIED;
    }

    ngx_leadgen_metric_add(metric, 1);
}


/*
 * Answers with a problem document, unless the operator gave this status an
 * error_page of their own.
 */

static ngx_int_t
ngx_leadgen_guard_refuse(ngx_http_request_t *r, ngx_leadgen_problem_e problem)
{
    ngx_int_t           rc;
    ngx_uint_t          status;
    ngx_leadgen_ctx_t  *ctx;

    ctx = ngx_leadgen_ctx(r);
    ngx_leadgen_reply_early(r);

    if (problem == NGX_LEADGEN_PROBLEM_METHOD_NOT_ALLOWED
        && ngx_leadgen_guard_allow_header(r, ctx->match.allowed) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_leadgen_problems[problem].status;

    if (ngx_leadgen_guard_has_error_page(r, status)) {

        if (status == NGX_HTTP_UNAUTHORIZED
            && ngx_leadgen_reply_challenge(r) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /* returned, it would be one opinion among others to "satisfy any" */

        ngx_http_finalize_request(r, status);

        return NGX_DONE;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_OK) {
        rc = ngx_leadgen_reply_problem(r, problem, NULL, NULL);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


static ngx_int_t
ngx_leadgen_guard_allow_header(ngx_http_request_t *r, ngx_uint_t methods)
{
    u_char      *p;
    ngx_str_t    value;
    ngx_uint_t   i;

    p = ngx_pnalloc(r->pool, 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    for (i = 0; i < NGX_LEADGEN_NMETHODS; i++) {

        if (!(methods & 1 << i)) {
            continue;
        }

        p = ngx_sprintf(p, "%s%V%s", p == value.data ? "" : ", ",
                        &ngx_leadgen_rule_names[i],
                        i == NGX_LEADGEN_METHOD_GET ? ", HEAD" : "");
    }

    value.len = p - value.data;

    return ngx_leadgen_reply_header(r, "Allow", &value);
}


static ngx_uint_t
ngx_leadgen_guard_has_error_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->error_pages == NULL || r->error_page) {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if ((ngx_uint_t) page[i].status == status) {
            return 1;
        }
    }

    return 0;
}
