
/*
 * Credentials: a request goes in, its one token comes out: from the
 * Authorization header, or from the cookie that a browser keeps for the
 * dashboard.
 *
 * A browser sends its cookies along with requests that other sites make it
 * send, so a cookie counts for an unsafe method only when the request says that
 * our own page made it.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_CREDENTIAL_REFRESH  NGX_LEADGEN_COOKIE "-refresh"


static ngx_uint_t ngx_leadgen_credential_cookies(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, const ngx_str_t *name, ngx_str_t *value);
static ngx_uint_t ngx_leadgen_credential_kept(const ngx_array_t *headers,
    const ngx_str_t *name, ngx_str_t *value);
static ngx_uint_t ngx_leadgen_credential_schemes(ngx_http_request_t *r);
static ngx_int_t ngx_leadgen_credential_set(ngx_http_request_t *r,
    const char *name, const ngx_str_t *value, time_t age);


static const ngx_str_t  ngx_leadgen_credential_access =
    ngx_string(NGX_LEADGEN_COOKIE);
static const ngx_str_t  ngx_leadgen_credential_refresh =
    ngx_string(NGX_LEADGEN_CREDENTIAL_REFRESH);


ngx_leadgen_problem_e
ngx_leadgen_credential(ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx,
    ngx_str_t *token)
{
    ngx_uint_t             cookies;
    ngx_leadgen_problem_e  problem;

    cookies = ngx_leadgen_credential_cookies(r, ctx,
                                             &ngx_leadgen_credential_access,
                                             token);

    if (cookies > 1
        || (cookies && (r->headers_in.authorization
                        || ctx->authorization.len)))
    {
        return NGX_LEADGEN_PROBLEM_TOKEN_AMBIGUOUS;
    }

    problem = NGX_LEADGEN_PROBLEM_NONE;

    if (cookies == 0) {
        problem = ngx_leadgen_credential_bearer(r, ctx, token);

    } else if (!ngx_leadgen_credential_is_same_site(r)) {
        problem = NGX_LEADGEN_PROBLEM_CROSS_SITE;
    }

    return problem;
}


ngx_leadgen_problem_e
ngx_leadgen_credential_bearer(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, ngx_str_t *token)
{
    const ngx_str_t  *value;

    value = r->headers_in.authorization ? &r->headers_in.authorization->value
                                        : &ctx->authorization;

    /* in whatever case, but nearly all write it like this */

    if (value->len < sizeof("Bearer ")
        || (ngx_memcmp(value->data, "Bearer ", 7) != 0
            && ngx_strncasecmp(value->data, (u_char *) "Bearer ", 7) != 0))
    {
        return NGX_LEADGEN_PROBLEM_UNAUTHENTICATED;
    }

    token->data = value->data + 7;
    token->len = value->len - 7;

    return NGX_LEADGEN_PROBLEM_NONE;
}


ngx_leadgen_problem_e
ngx_leadgen_credential_refresh_token(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, ngx_str_t *token)
{
    ngx_uint_t  cookies;

    cookies = ngx_leadgen_credential_cookies(r, ctx,
                                             &ngx_leadgen_credential_refresh,
                                             token);
    if (cookies > 1) {
        return NGX_LEADGEN_PROBLEM_TOKEN_AMBIGUOUS;
    }

    if (cookies == 0) {
        return NGX_LEADGEN_PROBLEM_UNAUTHENTICATED;
    }

    return ngx_leadgen_credential_is_same_site(r)
           ? NGX_LEADGEN_PROBLEM_NONE : NGX_LEADGEN_PROBLEM_CROSS_SITE;
}


ngx_uint_t
ngx_leadgen_credential_is_same_site(ngx_http_request_t *r)
{
    /* pages of other sites can't read an answer, but they can a WebSocket */

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)
        && r->headers_in.upgrade == NULL)
    {
        return 1;
    }

    return ngx_leadgen_cookie_is_same_site(
               ngx_leadgen_credential_header(r, "Sec-Fetch-Site"),
               ngx_leadgen_credential_header(r, "Origin"),
               r->headers_in.host ? &r->headers_in.host->value : NULL,
               ngx_leadgen_credential_schemes(r));
}


/* Of the configured address; else, where TLS may end in front of us, both. */

static ngx_uint_t
ngx_leadgen_credential_schemes(ngx_http_request_t *r)
{
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (mcf->public_url.len) {
        return mcf->public_url.data[4] == 's' ? NGX_LEADGEN_COOKIE_HTTPS
                                              : NGX_LEADGEN_COOKIE_HTTP;
    }

#if (NGX_HTTP_SSL)

    if (r->connection->ssl) {
        return NGX_LEADGEN_COOKIE_HTTPS;
    }

#endif

    return NGX_LEADGEN_COOKIE_HTTP|NGX_LEADGEN_COOKIE_HTTPS;
}


/* How often a cookie of that name was sent; the value is that of the last. */

static ngx_uint_t
ngx_leadgen_credential_cookies(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, const ngx_str_t *name, ngx_str_t *value)
{
    ngx_uint_t        i, count;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    if (ctx->cookies) {
        return ngx_leadgen_credential_kept(ctx->cookies, name, value);
    }

    if (!ngx_leadgen_headers_has_cookies(r)) {
        return 0;
    }

    count = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len == 6
                && ngx_strncasecmp(header[i].key.data, (u_char *) "Cookie", 6)
                   == 0)
            {
                count += ngx_leadgen_cookie_find(&header[i].value, name,
                                                 value);
            }
        }
    }

    return count;
}


static ngx_uint_t
ngx_leadgen_credential_kept(const ngx_array_t *headers, const ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_str_t   *header;
    ngx_uint_t   i, count;

    header = headers->elts;
    count = 0;

    for (i = 0; i < headers->nelts; i++) {
        count += ngx_leadgen_cookie_find(&header[i], name, value);
    }

    return count;
}


const ngx_str_t *
ngx_leadgen_credential_header(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    len = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len == len
                && ngx_strncasecmp(header[i].key.data, (u_char *) name, len)
                   == 0)
            {
                return &header[i].value;
            }
        }
    }

    return NULL;
}


ngx_int_t
ngx_leadgen_credential_keep(ngx_http_request_t *r, const ngx_str_t *access,
    const ngx_str_t *refresh)
{
    if (ngx_leadgen_credential_set(r, NGX_LEADGEN_COOKIE, access,
                                   NGX_LEADGEN_TOKEN_LIFETIME) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_leadgen_credential_set(r, NGX_LEADGEN_CREDENTIAL_REFRESH,
                                      refresh, NGX_LEADGEN_REFRESH_LIFETIME);
}


ngx_int_t
ngx_leadgen_credential_forget(ngx_http_request_t *r)
{
    ngx_str_t  none = ngx_string("");

    if (ngx_leadgen_credential_set(r, NGX_LEADGEN_COOKIE, &none, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_leadgen_credential_set(r, NGX_LEADGEN_CREDENTIAL_REFRESH,
                                      &none, 0);
}


static ngx_int_t
ngx_leadgen_credential_set(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value, time_t age)
{
    ngx_str_t          text;
    static const char  flags[] = "; Path=/; Secure; HttpOnly; SameSite=Strict";

    text.data = ngx_pnalloc(r->pool, ngx_strlen(name) + value->len
                                     + sizeof(flags) + NGX_TIME_T_LEN
                                     + sizeof("=; Max-Age="));
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ngx_sprintf(text.data, "%s=%V; Max-Age=%T%s", name, value, age,
                           flags)
               - text.data;

    return ngx_leadgen_reply_header(r, "Set-Cookie", &text);
}
