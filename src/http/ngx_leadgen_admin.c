
/*
 * Roles and permissions: the configuration and changes go in, replies come out.
 */


#include "ngx_leadgen_ctx.h"


static ngx_int_t ngx_leadgen_admin_role_changed(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_admin_role_known(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static json_t *ngx_leadgen_admin_string(const ngx_str_t *text);


ngx_int_t
ngx_leadgen_admin_roles(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    json_t                   *roles, *permissions;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_leadgen_role_t        role;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    roles = json_array();
    permissions = json_array();

    for (i = 0;
         (rc = ngx_leadgen_roles_get(mcf->roles, i, &role)) != NGX_DONE;
         i++)
    {
        if (rc == NGX_DECLINED) {
            continue;
        }

        (void) json_array_append_new(roles,
            json_pack("{s:o, s:o, s:b}",
                      "name", ngx_leadgen_admin_string(&role.name),
                      "permissions",
                      ngx_leadgen_admin_names(role.permissions),
                      "custom", i >= mcf->roles->nelts));
    }

    for (i = 0; i < NGX_LEADGEN_NPERMISSIONS; i++) {
        const ngx_leadgen_permission_t  *row = &ngx_leadgen_permissions[i];

        (void) json_array_append_new(permissions,
            json_pack("{s:o, s:o, s:o}",
                      "name", ngx_leadgen_admin_string(&row->name),
                      "category", ngx_leadgen_admin_string(&row->category),
                      "description",
                      ngx_leadgen_admin_string(&row->description)));
    }

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK,
                                  json_pack("{s:o, s:o}", "roles", roles,
                                            "permissions", permissions));
}


/* Makes, changes or deletes a role of the database. */

ngx_int_t
ngx_leadgen_admin_role(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    const ngx_leadgen_endpoint_t  *endpoint;

    endpoint = ctx->match.rule->endpoint;

    return ngx_leadgen_sql_submit(r, ctx, endpoint->statement, "body",
                                  json_incref(body),
                                  ngx_leadgen_admin_role_changed);
}


/* The answer waits until this gateway's roles are the new ones: who asks for
 * them next finds the change. */

static ngx_int_t
ngx_leadgen_admin_role_changed(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_uint_t           i;
    ngx_leadgen_call_t  *known, *kept;

    if (call->result != NGX_LEADGEN_CALL_OK) {
        return ngx_leadgen_sql_done(r, ctx, call);
    }

    /* the values go away with the call */

    known = ngx_leadgen_call_create(r->pool, 0);
    kept = ngx_palloc(r->pool, sizeof(ngx_leadgen_call_t));

    if (known == NULL || kept == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *kept = *call;
    kept->values = ngx_pcalloc(r->pool, call->nrows * call->ncols
                                        * sizeof(ngx_str_t));
    if (kept->values == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < call->nrows * call->ncols; i++) {
        kept->values[i].len = call->values[i].len;
        kept->values[i].data = ngx_pstrdup(r->pool, &call->values[i]);

        if (kept->values[i].data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ctx->state = kept;
    known->statement = ngx_leadgen_feed_statement;

    return ngx_leadgen_await(r, ngx_leadgen_worker.database, known,
                             ngx_leadgen_admin_role_known);
}


static ngx_int_t
ngx_leadgen_admin_role_known(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    /* failing that, the feed brings it */

    (void) ngx_leadgen_feed_apply(call);

    return ngx_leadgen_sql_done(r, ctx, ctx->state);
}


ngx_int_t
ngx_leadgen_admin_permissions(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    const ngx_leadgen_principal_t  *principal = &ctx->principal;

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK,
        json_pack("{s:I, s:o, s:o, s:o}",
                  "user_id", (json_int_t) principal->user_id,
                  "email", ngx_leadgen_admin_string(&principal->email),
                  "role", ngx_leadgen_admin_string(&principal->role),
                  "permissions",
                  ngx_leadgen_admin_names(principal->permissions)));
}


json_t *
ngx_leadgen_admin_names(ngx_leadgen_permissions_t permissions)
{
    json_t      *names;
    ngx_uint_t   i;

    names = json_array();

    for (i = 0; i < NGX_LEADGEN_NPERMISSIONS; i++) {

        if (permissions & ngx_leadgen_permission_bit(i)) {
            (void) json_array_append_new(names,
                ngx_leadgen_admin_string(&ngx_leadgen_permissions[i].name));
        }
    }

    return names;
}


static json_t *
ngx_leadgen_admin_string(const ngx_str_t *text)
{
    return json_stringn((char *) text->data, text->len);
}
