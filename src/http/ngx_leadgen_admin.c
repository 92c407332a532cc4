
/*
 * Roles and permissions: the configuration goes in, replies come out.
 */


#include "ngx_leadgen_ctx.h"


static json_t *ngx_leadgen_admin_string(const ngx_str_t *text);


ngx_int_t
ngx_leadgen_admin_roles(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    json_t                    *roles, *permissions;
    ngx_uint_t                 i;
    ngx_leadgen_role_t        *role;
    ngx_leadgen_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    roles = json_array();
    permissions = json_array();
    role = mcf->roles->elts;

    for (i = 0; i < mcf->roles->nelts; i++) {
        (void) json_array_append_new(roles,
            json_pack("{s:o, s:o}",
                      "name", ngx_leadgen_admin_string(&role[i].name),
                      "permissions",
                      ngx_leadgen_admin_names(role[i].permissions)));
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
