
/*
 * Identity headers: what a client claims to be goes off, who it is comes on, so
 * that the upstream can trust what it reads.
 */


#include "ngx_leadgen_ctx.h"


typedef enum {
    NGX_LEADGEN_IDENTITY_ID = 0,
    NGX_LEADGEN_IDENTITY_EMAIL,
    NGX_LEADGEN_IDENTITY_ROLE,
    NGX_LEADGEN_IDENTITY_REQUEST,
    NGX_LEADGEN_IDENTITY_NOURS
} ngx_leadgen_identity_e;


static ngx_leadgen_header_t  ngx_leadgen_identity_names[] = {
    ngx_leadgen_header("X-User-Id"),
    ngx_leadgen_header("X-User-Email"),
    ngx_leadgen_header("X-User-Role"),
    ngx_leadgen_header("X-Request-Id"),

    /* by these some frameworks serve another request than was judged */
    ngx_leadgen_header("X-HTTP-Method-Override"),
    ngx_leadgen_header("X-HTTP-Method"),
    ngx_leadgen_header("X-Method-Override"),
    ngx_leadgen_header("X-Original-URL"),
    ngx_leadgen_header("X-Rewrite-URL")
};

#define NGX_LEADGEN_IDENTITY_NNAMES                                           \
    (sizeof(ngx_leadgen_identity_names)                                       \
     / sizeof(ngx_leadgen_identity_names[0]))


static ngx_leadgen_headers_t  ngx_leadgen_identity_ours = {
    ngx_leadgen_identity_names, NGX_LEADGEN_IDENTITY_NOURS, 0, 0
};

static ngx_leadgen_headers_t  ngx_leadgen_identity_all = {
    ngx_leadgen_identity_names, NGX_LEADGEN_IDENTITY_NNAMES, 0, 0
};


static ngx_int_t ngx_leadgen_identity_text(ngx_http_request_t *r,
    const ngx_leadgen_principal_t *principal, ngx_leadgen_identity_e name,
    const ngx_str_t *text);
static ngx_int_t ngx_leadgen_identity_push(ngx_http_request_t *r,
    ngx_leadgen_identity_e name, const ngx_str_t *value);


ngx_int_t
ngx_leadgen_identity_strip(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    uint32_t  found;

    found = ngx_leadgen_headers_find(r, &ngx_leadgen_identity_all);
    ctx->claimed = (found >> NGX_LEADGEN_IDENTITY_NOURS != 0);

    return found ? ngx_leadgen_headers_remove(r, &ngx_leadgen_identity_ours)
                 : NGX_OK;
}


ngx_int_t
ngx_leadgen_identity_set(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    u_char                         *p;
    ngx_str_t                       id;
    ngx_table_elt_t                *spare;
    const ngx_leadgen_principal_t  *principal;

    spare = NULL;

    if (((ctx->claimed || ctx->told)
         && ngx_leadgen_headers_remove(r, &ngx_leadgen_identity_all) != NGX_OK)
        || ngx_leadgen_withhold(r, ctx, &spare) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->withheld = 1;
    ctx->told = 1;

    if (spare) {
        ngx_leadgen_headers_fill(spare,
                     &ngx_leadgen_identity_names[NGX_LEADGEN_IDENTITY_REQUEST],
                     &ctx->id_text);

    } else if (ngx_leadgen_identity_push(r, NGX_LEADGEN_IDENTITY_REQUEST,
                                         &ctx->id_text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    principal = &ctx->principal;

    if (principal->user_id == 0) {
        return NGX_OK;
    }

    id.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (id.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(id.data, "%L", principal->user_id);
    id.len = p - id.data;

    if (ngx_leadgen_identity_push(r, NGX_LEADGEN_IDENTITY_ID, &id) != NGX_OK
        || ngx_leadgen_identity_text(r, principal, NGX_LEADGEN_IDENTITY_EMAIL,
                                     &principal->email) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return principal->has_role
           ? ngx_leadgen_identity_text(r, principal, NGX_LEADGEN_IDENTITY_ROLE,
                                       &principal->role)
           : NGX_OK;
}


/*
 * Applications read headers as Latin-1, as UTF-8, or not at all once there is a
 * byte above 0x7f: what they are sent has none.  With a verdict that was kept
 * this has been looked at.
 */

static ngx_int_t
ngx_leadgen_identity_text(ngx_http_request_t *r,
    const ngx_leadgen_principal_t *principal, ngx_leadgen_identity_e name,
    const ngx_str_t *text)
{
    ngx_str_t  value;

    if (text->len == 0) {
        return NGX_OK;
    }

    if (principal->is_plain) {
        return ngx_leadgen_identity_push(r, name, text);
    }

    value.data = ngx_pnalloc(r->pool, 3 * text->len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_leadgen_text_percent(value.data, text) - value.data;

    return ngx_leadgen_headers_push(r, &ngx_leadgen_identity_names[name],
                                    &value);
}


static ngx_int_t
ngx_leadgen_identity_push(ngx_http_request_t *r, ngx_leadgen_identity_e name,
    const ngx_str_t *value)
{
    return ngx_leadgen_headers_push_plain(r, &ngx_leadgen_identity_names[name],
                                          value);
}
