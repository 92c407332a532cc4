
/*
 * The decision: a rule and a principal go in, a problem (or none) comes out.
 */


#include "ngx_leadgen_policy.h"


static ngx_uint_t ngx_leadgen_decide_is_larger(const ngx_leadgen_role_t *role,
    const ngx_leadgen_role_t *other);


ngx_leadgen_problem_e
ngx_leadgen_decide(const ngx_leadgen_match_t *match,
    const ngx_leadgen_principal_t *principal, struct sockaddr *client)
{
    const ngx_leadgen_rule_t  *rule;

    rule = match->rule;

    if (!rule->is_public) {

        if (principal == NULL || principal->user_id == 0) {
            return NGX_LEADGEN_PROBLEM_UNAUTHENTICATED;
        }

        if ((rule->permissions & principal->permissions) != rule->permissions)
        {
            return NGX_LEADGEN_PROBLEM_PERMISSION_MISSING;
        }
    }

    switch (ngx_leadgen_condition_failed(match, principal, client)) {

    case NGX_ERROR:
        return NGX_LEADGEN_PROBLEM_NONE;

    case NGX_LEADGEN_CONDITION_ROLE:
        return NGX_LEADGEN_PROBLEM_PERMISSION_MISSING;

    default:
        return NGX_LEADGEN_PROBLEM_CONDITION_FAILED;
    }
}


ngx_int_t
ngx_leadgen_decide_missing(const ngx_leadgen_rule_t *rule,
    const ngx_leadgen_principal_t *principal)
{
    ngx_leadgen_permissions_t  missing;

    missing = rule->permissions & ~principal->permissions;

    return missing ? (ngx_int_t) __builtin_ctzll(missing) : NGX_ERROR;
}


ngx_leadgen_role_t
ngx_leadgen_decide_smallest(const ngx_array_t *roles,
    const ngx_leadgen_rule_t *rule)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_leadgen_role_t  role, smallest;

    ngx_memzero(&smallest, sizeof(ngx_leadgen_role_t));

    if (rule->is_public || (rule->permissions == 0 && rule->roles == NULL)) {
        return smallest;
    }

    for (i = 0;
         (rc = ngx_leadgen_roles_get(roles, i, &role)) != NGX_DONE;
         i++)
    {
        if (rc == NGX_DECLINED
            || (rule->permissions & role.permissions) != rule->permissions
            || (rule->roles
                && !ngx_leadgen_condition_has_role(rule->roles, &role.name))
            || (smallest.name.len
                && ngx_leadgen_decide_is_larger(&role, &smallest)))
        {
            continue;
        }

        smallest = role;
    }

    return smallest;
}


/* Of equal ones the name decides, so that SQL says the same. */

static ngx_uint_t
ngx_leadgen_decide_is_larger(const ngx_leadgen_role_t *role,
    const ngx_leadgen_role_t *other)
{
    ngx_int_t  more;

    more = __builtin_popcountll(role->permissions)
           - __builtin_popcountll(other->permissions);

    return more > 0
           || (more == 0
               && ngx_memn2cmp(role->name.data, other->name.data,
                               role->name.len, other->name.len) > 0);
}
