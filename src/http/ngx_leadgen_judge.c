
/*
 * Judgement: a target and who asks go in, the rule and the reason why not come
 * out.  Nothing here knows whether there is a request behind the question.
 */


#include "ngx_leadgen_ctx.h"


static ngx_leadgen_problem_e ngx_leadgen_judge_no_rule(
    const ngx_leadgen_location_conf_t *lcf, const ngx_leadgen_match_t *match,
    ngx_leadgen_problem_e authentication);


ngx_leadgen_problem_e
ngx_leadgen_judge_route(void **conf, const ngx_leadgen_trie_t *trie,
    const ngx_leadgen_target_t *target, ngx_leadgen_match_t *match)
{
    ngx_int_t                     method;
    ngx_leadgen_problem_e         problem;
    ngx_leadgen_location_conf_t  *lcf;

    ngx_memzero(match, sizeof(ngx_leadgen_match_t));

    problem = ngx_leadgen_target_check(conf, &target->raw, &target->uri);

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        return problem;
    }

    method = ngx_leadgen_rule_method(&target->method);

    ngx_leadgen_trie_find(trie, method, &target->uri, match);

    lcf = conf[ngx_leadgen_module.ctx_index];

    if (match->rule == NULL || lcf->api || !lcf->path_strict) {
        return NGX_LEADGEN_PROBLEM_NONE;
    }

    return ngx_leadgen_target_fold(trie, method, &target->uri, match->rule);
}


ngx_leadgen_problem_e
ngx_leadgen_judge_principal(const ngx_leadgen_location_conf_t *lcf,
    const ngx_leadgen_match_t *match, ngx_leadgen_problem_e authentication,
    const ngx_leadgen_principal_t *principal, struct sockaddr *client)
{
    if (match->rule == NULL) {
        return ngx_leadgen_judge_no_rule(lcf, match, authentication);
    }

    if (!match->rule->is_public
        && authentication != NGX_LEADGEN_PROBLEM_NONE)
    {
        return authentication;
    }

    return ngx_leadgen_decide(match, principal, client);
}


/* What the module's own API has is no secret; what an upstream has may be. */

static ngx_leadgen_problem_e
ngx_leadgen_judge_no_rule(const ngx_leadgen_location_conf_t *lcf,
    const ngx_leadgen_match_t *match, ngx_leadgen_problem_e authentication)
{
    if (lcf->api) {
        return match->allowed ? NGX_LEADGEN_PROBLEM_METHOD_NOT_ALLOWED
                              : NGX_LEADGEN_PROBLEM_NOT_FOUND;
    }

    if (authentication != NGX_LEADGEN_PROBLEM_NONE) {
        return authentication;
    }

    return NGX_LEADGEN_PROBLEM_ROUTE_UNKNOWN;
}


const char *
ngx_leadgen_judge_name(const ngx_leadgen_match_t *match,
    ngx_leadgen_problem_e problem)
{
    if (problem == NGX_LEADGEN_PROBLEM_NONE) {
        return match->rule->is_public ? "public" : "allowed";
    }

    return ngx_leadgen_problems[problem].status == NGX_HTTP_UNAUTHORIZED
           ? "unauthenticated" : "denied";
}
