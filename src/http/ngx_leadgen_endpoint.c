
/*
 * The module's own API: the table of endpoints goes in, rules for the guard and
 * the handler that serves them come out.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_SERVE_SQL          ngx_leadgen_sql_serve
#define NGX_LEADGEN_SERVE_LOGIN        ngx_leadgen_login_serve
#define NGX_LEADGEN_SERVE_HASHING      ngx_leadgen_hashing_serve
#define NGX_LEADGEN_SERVE_LOGOUT       ngx_leadgen_session_logout
#define NGX_LEADGEN_SERVE_REFRESH      ngx_leadgen_refresh_serve
#define NGX_LEADGEN_SERVE_CHANGE       ngx_leadgen_change_serve
#define NGX_LEADGEN_SERVE_RESET        ngx_leadgen_reset_serve
#define NGX_LEADGEN_SERVE_CONFIRM      ngx_leadgen_reset_confirm
#define NGX_LEADGEN_SERVE_ROLE         ngx_leadgen_admin_role
#define NGX_LEADGEN_SERVE_ROLES        ngx_leadgen_admin_roles
#define NGX_LEADGEN_SERVE_STATS        ngx_leadgen_stats_serve
#define NGX_LEADGEN_SERVE_CHECK        ngx_leadgen_check_serve
#define NGX_LEADGEN_SERVE_ERRORS       ngx_leadgen_errors_serve
#define NGX_LEADGEN_SERVE_PERMISSIONS  ngx_leadgen_admin_permissions
#define NGX_LEADGEN_SERVE_SETTINGS     ngx_leadgen_settings_serve
#define NGX_LEADGEN_SERVE_ROUTES       ngx_leadgen_settings_routes
#define NGX_LEADGEN_SERVE_EXPORT       ngx_leadgen_export_serve
#define NGX_LEADGEN_SERVE_VERIFY       ngx_leadgen_verify_serve

#define NGX_LEADGEN_GRANT_PUBLIC(permission)         1, 0
#define NGX_LEADGEN_GRANT_AUTHENTICATED(permission)  0, 0
#define NGX_LEADGEN_GRANT_GRANTED(permission)                                 \
    0, ngx_leadgen_permission_bit(NGX_LEADGEN_##permission)


typedef struct {
    ngx_uint_t                 method;
    ngx_str_t                  path;
    ngx_uint_t                 is_public;
    ngx_leadgen_permissions_t  permissions;
    ngx_leadgen_action_e       action;
    ngx_leadgen_endpoint_t     endpoint;
} ngx_leadgen_endpoint_row_t;


static ngx_leadgen_rule_t *ngx_leadgen_endpoint_rule(ngx_conf_t *cf,
    const ngx_leadgen_endpoint_row_t *row);


static const ngx_leadgen_endpoint_row_t  ngx_leadgen_endpoints[] = {
#define ENDPOINT(method, path, access, permission, action, serve, function)   \
    { NGX_LEADGEN_METHOD_##method, ngx_string(path),                          \
      NGX_LEADGEN_GRANT_##access(permission), NGX_LEADGEN_ACTION_##action,    \
      { function,                                                             \
        "select status, body, location, audited from " function               \
        "($1::jsonb)",                                                        \
        NGX_LEADGEN_SERVE_##serve } },
#include "tables/endpoints.def"
#undef ENDPOINT
};


ngx_leadgen_trie_t *
ngx_leadgen_endpoint_trie(ngx_conf_t *cf)
{
    ngx_uint_t           i;
    ngx_leadgen_rule_t  *rule;
    ngx_leadgen_trie_t  *trie;

    trie = ngx_leadgen_trie_create(cf->pool);
    if (trie == NULL) {
        return NULL;
    }

    for (i = 0; i < sizeof(ngx_leadgen_endpoints)
                    / sizeof(ngx_leadgen_endpoints[0]); i++)
    {
        rule = ngx_leadgen_endpoint_rule(cf, &ngx_leadgen_endpoints[i]);

        if (rule == NULL || ngx_leadgen_trie_add(trie, rule)) {
            return NULL;
        }
    }

    return ngx_leadgen_trie_compile(trie) == NGX_OK ? trie : NULL;
}


/* A row says what it says in code, so it needs none of a line's checks. */

static ngx_leadgen_rule_t *
ngx_leadgen_endpoint_rule(ngx_conf_t *cf,
    const ngx_leadgen_endpoint_row_t *row)
{
    u_char              *p, *last;
    ngx_str_t           *name;
    ngx_leadgen_rule_t  *rule;

    rule = ngx_pcalloc(cf->pool, sizeof(ngx_leadgen_rule_t));

    if (rule == NULL
        || ngx_array_init(&rule->params, cf->pool, 1, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    rule->methods = 1 << row->method;
    rule->path = row->path;
    rule->is_public = (row->is_public != 0);
    rule->permissions = row->permissions;
    rule->action = row->action;
    rule->resource_id = NGX_ERROR;
    rule->endpoint = &row->endpoint;

    last = row->path.data + row->path.len;

    for (p = row->path.data; p < last; p++) {

        if (p[0] != '/' || p[1] != ':') {
            continue;
        }

        name = ngx_array_push(&rule->params);
        if (name == NULL) {
            return NULL;
        }

        name->data = p + 2;
        name->len = strcspn((char *) name->data, "/");
        rule->resource_id = rule->params.nelts - 1;
    }

    return ngx_leadgen_rule_names_permissions(cf->pool, rule) == NGX_OK
           ? rule : NULL;
}


ngx_int_t
ngx_leadgen_endpoint_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_leadgen_ctx_t             *ctx;
    const ngx_leadgen_endpoint_t  *endpoint;

    ctx = ngx_leadgen_ctx(r);

    /* only the guard's explicit yes, which subrequests never have */

    if (r != r->main
        || ctx == NULL
        || ctx->match.rule == NULL
        || ctx->match.rule->endpoint == NULL
        || (ctx->decision != NGX_LEADGEN_DECISION_ALLOWED
            && ctx->decision != NGX_LEADGEN_DECISION_PUBLIC))
    {
        return NGX_HTTP_FORBIDDEN;
    }

    if (r->method != NGX_HTTP_GET
        && r->method != NGX_HTTP_HEAD
        && r->method != NGX_HTTP_DELETE)
    {
        return ngx_leadgen_body_read(r);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    endpoint = ctx->match.rule->endpoint;

    return endpoint->serve(r, ctx, NULL);
}
