
/*
 * The decision: a rule and a principal go in, a problem (or none) comes out.
 */


#include "ngx_leadgen_policy.h"


ngx_leadgen_problem_e
ngx_leadgen_decide(const ngx_leadgen_rule_t *rule,
    const ngx_leadgen_principal_t *principal)
{
    ngx_str_t   *role;
    ngx_uint_t   i;

    if (rule->is_public) {
        return NGX_LEADGEN_PROBLEM_NONE;
    }

    if (principal == NULL || principal->user_id == 0) {
        return NGX_LEADGEN_PROBLEM_UNAUTHENTICATED;
    }

    if ((rule->permissions & principal->permissions) != rule->permissions) {
        return NGX_LEADGEN_PROBLEM_PERMISSION_MISSING;
    }

    if (rule->roles == NULL) {
        return NGX_LEADGEN_PROBLEM_NONE;
    }

    role = rule->roles->elts;

    for (i = 0; i < rule->roles->nelts; i++) {

        if (role[i].len == principal->role.len
            && ngx_memcmp(role[i].data, principal->role.data, role[i].len)
               == 0)
        {
            return NGX_LEADGEN_PROBLEM_NONE;
        }
    }

    return NGX_LEADGEN_PROBLEM_PERMISSION_MISSING;
}


ngx_int_t
ngx_leadgen_decide_missing(const ngx_leadgen_rule_t *rule,
    const ngx_leadgen_principal_t *principal)
{
    ngx_leadgen_permissions_t  missing;

    missing = rule->permissions & ~principal->permissions;

    return missing ? (ngx_int_t) __builtin_ctzll(missing) : NGX_ERROR;
}
