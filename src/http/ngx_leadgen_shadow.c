
/*
 * Shadows: a decision that was made goes in, what a policy that is only being
 * tried would have decided comes out: counted, and kept where it differs.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_SHADOW_TEXT  96         /* bytes, as events have it */


/* Lifetime: the judgement. */

typedef struct {
    ngx_leadgen_match_t            match;
    ngx_leadgen_problem_e          problem;
    ngx_leadgen_principal_t        own;     /* where nobody else asked */
    const ngx_leadgen_principal_t *principal;
    ngx_uint_t                     skipped; /* nobody can tell yet */
} ngx_leadgen_shadow_judgement_t;


static void ngx_leadgen_shadow_judge(ngx_http_request_t *r,
    const ngx_leadgen_location_conf_t *lcf, const ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_shadow_judgement_t *judgement);
static ngx_leadgen_problem_e ngx_leadgen_shadow_authenticate(
    ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_shadow_judgement_t *judgement);
static ngx_leadgen_shadow_t *ngx_leadgen_shadow_keep(ngx_pool_t *pool,
    const ngx_leadgen_shadow_judgement_t *judgement);


void
ngx_leadgen_shadow(ngx_http_request_t *r,
    const ngx_leadgen_location_conf_t *lcf, ngx_leadgen_ctx_t *ctx)
{
    ngx_leadgen_shadow_judgement_t  judgement;

    ctx->shadow = NULL;

    ngx_leadgen_shadow_judge(r, lcf, ctx, &judgement);

    if (judgement.skipped) {
        return;
    }

    if ((judgement.problem == NGX_LEADGEN_PROBLEM_NONE)
        == (ctx->problem == NGX_LEADGEN_PROBLEM_NONE))
    {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SHADOW_SAME, 1);
        return;
    }

    if (judgement.problem == NGX_LEADGEN_PROBLEM_NONE) {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SHADOW_WOULD_ALLOW, 1);

    } else {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SHADOW_WOULD_DENY, 1);
    }

    /* without memory for it, it was counted all the same */

    ctx->shadow = ngx_leadgen_shadow_keep(r->pool, &judgement);
}


static void
ngx_leadgen_shadow_judge(ngx_http_request_t *r,
    const ngx_leadgen_location_conf_t *lcf, const ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_shadow_judgement_t *judgement)
{
    ngx_leadgen_target_t   target;
    ngx_leadgen_problem_e  authentication;

    judgement->principal = &ctx->principal;
    judgement->skipped = 0;

    target.method = r->method_name;
    target.raw = r->unparsed_uri;
    target.uri = r->uri;

    judgement->problem = ngx_leadgen_judge_route(r->loc_conf, lcf->shadow,
                                                 &target, &judgement->match);

    if (judgement->problem != NGX_LEADGEN_PROBLEM_NONE) {
        return;
    }

    authentication = NGX_LEADGEN_PROBLEM_NONE;

    if (judgement->match.rule == NULL || !judgement->match.rule->is_public) {
        authentication = ngx_leadgen_shadow_authenticate(r, ctx, judgement);
    }

    judgement->problem = ngx_leadgen_judge_principal(lcf, &judgement->match,
                                                     authentication,
                                                     judgement->principal,
                                                   r->connection->sockaddr);
}


/*
 * A token that nobody has looked at yet is looked at here, and whoever it is
 * stays unknown to all others: their route is public.  It does not wait for the
 * database, which is asked for the next request with that token.
 */

static ngx_leadgen_problem_e
ngx_leadgen_shadow_authenticate(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, ngx_leadgen_shadow_judgement_t *judgement)
{
    ngx_leadgen_problem_e  problem;

    if (ctx->principal.user_id) {
        return NGX_LEADGEN_PROBLEM_NONE;
    }

    if (ctx->problem != NGX_LEADGEN_PROBLEM_PATH_NOT_CANONICAL
        && (ctx->match.rule == NULL || !ctx->match.rule->is_public))
    {
        return ctx->problem;
    }

    ngx_memzero(&judgement->own, sizeof(ngx_leadgen_principal_t));
    judgement->principal = &judgement->own;

    problem = ngx_leadgen_guard_authenticate(r, ctx, &judgement->own);

    if (problem == NGX_LEADGEN_PROBLEM_DATABASE_AWAY) {
        ngx_leadgen_park_ask(r);
        judgement->skipped = 1;
    }

    return problem;
}


static ngx_leadgen_shadow_t *
ngx_leadgen_shadow_keep(ngx_pool_t *pool,
    const ngx_leadgen_shadow_judgement_t *judgement)
{
    u_char                *p, *last;
    ngx_int_t              missing;
    ngx_leadgen_shadow_t  *shadow;

    shadow = ngx_palloc(pool, sizeof(ngx_leadgen_shadow_t)
                              + NGX_LEADGEN_SHADOW_TEXT);
    if (shadow == NULL) {
        return NULL;
    }

    ngx_str_null(&shadow->route);

    if (judgement->match.rule) {
        shadow->route = judgement->match.rule->path;
    }

    p = (u_char *) (shadow + 1);
    last = p + NGX_LEADGEN_SHADOW_TEXT;
    shadow->decision.data = p;

    p = ngx_slprintf(p, last, "%s", ngx_leadgen_judge_name(&judgement->match,
                                                        judgement->problem));

    if (judgement->problem != NGX_LEADGEN_PROBLEM_NONE) {
        p = ngx_slprintf(p, last, ": %V",
                         &ngx_leadgen_problems[judgement->problem].slug);
    }

    if (judgement->problem == NGX_LEADGEN_PROBLEM_PERMISSION_MISSING) {
        missing = ngx_leadgen_decide_missing(judgement->match.rule,
                                             judgement->principal);

        if (missing != NGX_ERROR) {
            p = ngx_slprintf(p, last, ": %V",
                             &ngx_leadgen_permissions[missing].name);
        }
    }

    shadow->decision.len = p - shadow->decision.data;

    return shadow;
}
