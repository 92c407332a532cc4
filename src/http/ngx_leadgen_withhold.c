
/*
 * What applications do not get: a request that was judged goes in, it goes on
 * without what proves who asks.  Whoever had that could ask in its place, and
 * with the refresh token for weeks.
 *
 * The state keeps what was taken out, for a request that is judged once more
 * where it is led to inside nginx.
 */


#include "ngx_leadgen_ctx.h"


static ngx_leadgen_header_t  ngx_leadgen_withhold_names[] = {
    ngx_leadgen_header("Authorization"),
    ngx_leadgen_header("Cookie")
};

static ngx_leadgen_headers_t  ngx_leadgen_withhold_authorization = {
    &ngx_leadgen_withhold_names[0], 1, 0, 0
};

static ngx_leadgen_headers_t  ngx_leadgen_withhold_cookie = {
    &ngx_leadgen_withhold_names[1], 1, 0, 0
};


static ngx_uint_t ngx_leadgen_withhold_is_ours(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);
static ngx_int_t ngx_leadgen_withhold_cookies(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);
static ngx_array_t *ngx_leadgen_withhold_values(ngx_http_request_t *r);
static ngx_int_t ngx_leadgen_withhold_replace(ngx_http_request_t *r,
    const ngx_str_t *rest);
static void ngx_leadgen_withhold_forget(ngx_http_request_t *r);


ngx_int_t
ngx_leadgen_withhold(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_table_elt_t **spare)
{
    ngx_table_elt_t              *header;
    ngx_leadgen_location_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    if (lcf->pass_credentials) {
        return NGX_OK;
    }

    if (ngx_leadgen_headers_has_cookies(r)
        && ngx_leadgen_withhold_cookies(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    header = r->headers_in.authorization;

    if (header == NULL || !ngx_leadgen_withhold_is_ours(r, ctx)) {
        return NGX_OK;
    }

    ctx->authorization = header->value;
    r->headers_in.authorization = NULL;
    ngx_leadgen_withhold_forget(r);

    if (spare && ngx_leadgen_headers_is_in_place(r, header)) {
        *spare = header;
        return NGX_OK;
    }

    return ngx_leadgen_headers_remove(r, &ngx_leadgen_withhold_authorization);
}


/* A token of another issuer the application may want to read for itself. */

static ngx_uint_t
ngx_leadgen_withhold_is_ours(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_str_t                 token;
    ngx_leadgen_main_conf_t  *mcf;

    if (ctx->principal.user_id) {
        return ctx->principal.is_ours;
    }

    /* nobody was asked for it: what it is its signature says */

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    return ngx_leadgen_credential_bearer(r, ctx, &token)
           == NGX_LEADGEN_PROBLEM_NONE
           && ngx_leadgen_token_is_ours(r->pool, mcf->keys, &token);
}


static ngx_int_t
ngx_leadgen_withhold_cookies(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    u_char       *p;
    size_t        size;
    ngx_str_t    *value, rest;
    ngx_uint_t    i;
    ngx_array_t  *values;

    values = ngx_leadgen_withhold_values(r);
    if (values == NULL) {
        return NGX_ERROR;
    }

    value = values->elts;
    size = 0;

    for (i = 0; i < values->nelts; i++) {
        size += 2 * value[i].len + 2;
    }

    rest.data = ngx_pnalloc(r->pool, size);
    if (rest.data == NULL) {
        return NGX_ERROR;
    }

    p = rest.data;
    size = 0;

    for (i = 0; i < values->nelts; i++) {
        size += ngx_leadgen_cookie_strip(&p, rest.data, &value[i]);
    }

    if (size == 0) {
        return NGX_OK;
    }

    if (ctx->cookies == NULL) {
        ctx->cookies = values;
    }

    rest.len = p - rest.data;
    ngx_leadgen_withhold_forget(r);

    return ngx_leadgen_withhold_replace(r, &rest);
}


static ngx_array_t *
ngx_leadgen_withhold_values(ngx_http_request_t *r)
{
    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_array_t      *values;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    values = ngx_array_create(r->pool, 2, sizeof(ngx_str_t));
    if (values == NULL) {
        return NULL;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len != 6
                || ngx_strncasecmp(header[i].key.data, (u_char *) "Cookie", 6)
                   != 0)
            {
                continue;
            }

            value = ngx_array_push(values);
            if (value == NULL) {
                return NULL;
            }

            *value = header[i].value;
        }
    }

    return values;
}


/* In place of all Cookie headers there is one, or none. */

static ngx_int_t
ngx_leadgen_withhold_replace(ngx_http_request_t *r, const ngx_str_t *rest)
{
    ngx_table_elt_t  *header;

    if (ngx_leadgen_headers_remove(r, &ngx_leadgen_withhold_cookie) != NGX_OK)
    {
        return NGX_ERROR;
    }

    header = NULL;

    /* a client's control bytes are not written anew */

    if (rest->len
        && !(ngx_leadgen_text_holds(rest) & NGX_LEADGEN_TEXT_CONTROL))
    {
        header = ngx_leadgen_headers_add(r, &ngx_leadgen_withhold_names[1],
                                         rest);
        if (header == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_leadgen_headers_set_cookie(r, header);

    return NGX_OK;
}


/* Variables that somebody has read before keep what they were. */

static void
ngx_leadgen_withhold_forget(ngx_http_request_t *r)
{
    ngx_uint_t               *index, i;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    index = mcf->credentials.elts;

    for (i = 0; i < mcf->credentials.nelts; i++) {
        r->variables[index[i]].valid = 0;
        r->variables[index[i]].not_found = 0;
    }
}


ngx_int_t
ngx_leadgen_withhold_prepare(ngx_cycle_t *cycle, ngx_leadgen_main_conf_t *mcf)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, *index;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    if (ngx_array_init(&mcf->credentials, cycle->pool, 4, sizeof(ngx_uint_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        name = &v[i].name;

        if (!(name->len == 18
              && ngx_memcmp(name->data, "http_authorization", 18) == 0)
            && !(name->len == 11
                 && ngx_memcmp(name->data, "http_cookie", 11) == 0)
            && !(name->len > 7 && ngx_memcmp(name->data, "cookie_", 7) == 0))
        {
            continue;
        }

        index = ngx_array_push(&mcf->credentials);
        if (index == NULL) {
            return NGX_ERROR;
        }

        *index = i;
    }

    return NGX_OK;
}
