
/*
 * So many decisions over a policy of so many routes, to be counted in
 * instructions: bench/run takes the difference of two runs.
 *
 * decisions ROUTES DECISIONS
 *
 * sources: src/policy/ngx_leadgen_trie.c src/policy/ngx_leadgen_decide.c
 * sources: src/policy/ngx_leadgen_condition.c src/policy/ngx_leadgen_rule.c
 * sources: src/policy/ngx_leadgen_permission.c src/policy/ngx_leadgen_roles.c
 * sources: src/policy/ngx_leadgen_capture.c src/base/ngx_leadgen_text.c
 * sources: src/policy/ngx_leadgen_task.c
 */


#include "unit.h"
#include "ngx_leadgen_policy.h"


static ngx_pool_t          *pool;
static ngx_leadgen_trie_t  *trie;


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) cf;
    (void) err;
    (void) fmt;
}


ngx_int_t
ngx_ptocidr(ngx_str_t *text, ngx_cidr_t *cidr)
{
    (void) text;
    (void) cidr;

    return NGX_ERROR;
}


ngx_int_t
ngx_cidr_match(struct sockaddr *sa, ngx_array_t *cidrs)
{
    (void) sa;
    (void) cidrs;

    return NGX_DECLINED;
}


const ngx_leadgen_grant_t *
ngx_leadgen_grant_all(ngx_uint_t *n)
{
    *n = 0;

    return NULL;
}


const ngx_leadgen_grant_t *
ngx_leadgen_grant_find(const ngx_str_t *name)
{
    (void) name;

    return NULL;
}


/* The n-th path, of three segments. */

static ngx_str_t
path_of(ngx_uint_t n, const char *last)
{
    ngx_str_t  path;

    path.data = ngx_pnalloc(pool, 64);
    path.len = ngx_sprintf(path.data, "/api/resource%04ui/%s", n, last)
               - path.data;

    return path;
}


static void
add(ngx_uint_t n)
{
    ngx_leadgen_rule_t  *rule;

    rule = ngx_pcalloc(pool, sizeof(ngx_leadgen_rule_t));
    rule->methods = 1 << NGX_LEADGEN_METHOD_GET;
    rule->path = path_of(n, ":id");
    rule->permissions = ngx_leadgen_permission_bit(NGX_LEADGEN_LEAD_READ);

    (void) ngx_leadgen_trie_add(trie, rule);
}


int
main(int argc, char **argv)
{
    ngx_str_t                path;
    ngx_uint_t               i, routes, decisions, allowed;
    ngx_leadgen_match_t      match;
    ngx_leadgen_principal_t  who;

    routes = argc > 2 ? (ngx_uint_t) atol(argv[1]) : 10;
    decisions = argc > 2 ? (ngx_uint_t) atol(argv[2]) : 10;
    allowed = 0;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    trie = ngx_leadgen_trie_create(pool);

    for (i = 0; i < routes; i++) {
        add(i);
    }

    (void) ngx_leadgen_trie_compile(trie);

    ngx_memzero(&who, sizeof(who));
    who.user_id = 7;
    who.permissions = ngx_leadgen_permission_bit(NGX_LEADGEN_LEAD_READ);

    path = path_of(0, "12345");

    for (i = 0; i < decisions; i++) {

        /* sprintf would count, too, and more than the decision */

        path.data[13] = '0' + i * 7919 % routes / 1000;
        path.data[14] = '0' + i * 7919 % routes / 100 % 10;
        path.data[15] = '0' + i * 7919 % routes / 10 % 10;
        path.data[16] = '0' + i * 7919 % routes % 10;

        ngx_leadgen_trie_find(trie, NGX_LEADGEN_METHOD_GET, &path, &match);

        allowed += match.rule
                   && ngx_leadgen_decide(&match, &who, NULL)
                      == NGX_LEADGEN_PROBLEM_NONE;
    }

    printf("%d of %d allowed\n", (int) allowed, (int) decisions);

    return allowed == decisions ? 0 : 1;
}
