
/*
 * Variables: a request's decision goes in, text for logs and headers comes out.
 */


#include "ngx_leadgen_ctx.h"


typedef enum {
    NGX_LEADGEN_VARIABLE_USER_ID = 0,
    NGX_LEADGEN_VARIABLE_USER_EMAIL,
    NGX_LEADGEN_VARIABLE_ROLE,
    NGX_LEADGEN_VARIABLE_PERMISSION,
    NGX_LEADGEN_VARIABLE_DECISION,
    NGX_LEADGEN_VARIABLE_REQUEST_ID
} ngx_leadgen_variable_e;


static ngx_int_t ngx_leadgen_variables_get(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_str_t ngx_leadgen_variables_user_id(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx);
static ngx_str_t ngx_leadgen_variables_permission(
    const ngx_leadgen_ctx_t *ctx);


static ngx_http_variable_t  ngx_leadgen_variables[] = {
    { ngx_string("leadgen_user_id"), NULL, ngx_leadgen_variables_get,
      NGX_LEADGEN_VARIABLE_USER_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("leadgen_user_email"), NULL, ngx_leadgen_variables_get,
      NGX_LEADGEN_VARIABLE_USER_EMAIL, NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("leadgen_role"), NULL, ngx_leadgen_variables_get,
      NGX_LEADGEN_VARIABLE_ROLE, NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("leadgen_permission"), NULL, ngx_leadgen_variables_get,
      NGX_LEADGEN_VARIABLE_PERMISSION, NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("leadgen_decision"), NULL, ngx_leadgen_variables_get,
      NGX_LEADGEN_VARIABLE_DECISION, NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("leadgen_request_id"), NULL, ngx_leadgen_variables_get,
      NGX_LEADGEN_VARIABLE_REQUEST_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 }
};


static const ngx_str_t  ngx_leadgen_variables_decisions[] = {
    ngx_null_string,
    ngx_string("allowed"),
    ngx_string("public"),
    ngx_string("denied"),
    ngx_string("unauthenticated")
};


ngx_int_t
ngx_leadgen_variables_add(ngx_conf_t *cf)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *known, *v;

    for (i = 0; i < sizeof(ngx_leadgen_variables)
                    / sizeof(ngx_leadgen_variables[0]); i++)
    {
        known = &ngx_leadgen_variables[i];

        v = ngx_http_add_variable(cf, &known->name, known->flags);
        if (v == NULL) {
            return NGX_ERROR;
        }

        v->get_handler = known->get_handler;
        v->data = known->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_variables_get(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t           text;
    ngx_leadgen_ctx_t  *ctx;

    ctx = ngx_leadgen_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    switch (data) {

    case NGX_LEADGEN_VARIABLE_USER_ID:
        text = ngx_leadgen_variables_user_id(r, ctx);
        break;

    case NGX_LEADGEN_VARIABLE_USER_EMAIL:
        text = ctx->principal.email;
        break;

    case NGX_LEADGEN_VARIABLE_ROLE:
        ngx_str_null(&text);

        if (ctx->principal.has_role) {
            text = ctx->principal.role;
        }

        break;

    case NGX_LEADGEN_VARIABLE_PERMISSION:
        text = ngx_leadgen_variables_permission(ctx);
        break;

    case NGX_LEADGEN_VARIABLE_DECISION:
        text = ngx_leadgen_variables_decisions[ctx->decision];
        break;

    default:
        text = ctx->id_text;
        break;
    }

    if (text.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_str_t
ngx_leadgen_variables_user_id(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx)
{
    ngx_str_t  text = ngx_null_string;

    if (ctx->principal.user_id == 0) {
        return text;
    }

    text.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);

    if (text.data) {
        text.len = ngx_sprintf(text.data, "%L", ctx->principal.user_id)
                   - text.data;
    }

    return text;
}


/* What the matching route needs, its first one when there are several. */

static ngx_str_t
ngx_leadgen_variables_permission(const ngx_leadgen_ctx_t *ctx)
{
    ngx_str_t  none = ngx_null_string;

    if (ctx->match.rule == NULL || ctx->match.rule->permissions == 0) {
        return none;
    }

    return ngx_leadgen_permissions[
               __builtin_ctzll(ctx->match.rule->permissions)].name;
}
