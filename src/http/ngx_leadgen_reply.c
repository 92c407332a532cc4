
/*
 * Replies: JSON and problems go in, answers come out (RFC 9457).
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_REPLY_DOCUMENT  192     /* names and marks in it */


static ngx_int_t ngx_leadgen_reply_wait(ngx_http_request_t *r,
    ngx_uint_t seconds);
static ngx_int_t ngx_leadgen_reply_document(ngx_http_request_t *r,
    const ngx_str_t *detail, json_t *errors, ngx_str_t *body);
static const ngx_str_t *ngx_leadgen_reply_permission(
    const ngx_leadgen_ctx_t *ctx);
static ngx_int_t ngx_leadgen_reply_hints(ngx_http_request_t *r,
    const ngx_leadgen_problem_t *problem);


ngx_int_t
ngx_leadgen_reply_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    ngx_str_t  key;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    if (ngx_leadgen_headers_check(r, &key, value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_leadgen_reply_header_plain(r, name, value);
}


ngx_int_t
ngx_leadgen_reply_header_plain(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *header;

    header = ngx_list_push(&r->headers_out.headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(header, sizeof(ngx_table_elt_t));

    header->hash = 1;
    header->key.data = (u_char *) name;
    header->key.len = ngx_strlen(name);
    header->value = *value;

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_reply_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body)
{
    return ngx_leadgen_reply_send(r, status, "application/json", body);
}


ngx_int_t
ngx_leadgen_reply_tree(ngx_http_request_t *r, ngx_uint_t status, json_t *tree)
{
    ngx_str_t  body;

    tree = ngx_leadgen_json_own(r->pool, tree);

    if (tree == NULL
        || ngx_leadgen_json_dump(r->pool, tree, &body) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_reply_json(r, status, &body);
}


ngx_int_t
ngx_leadgen_reply_problem(ngx_http_request_t *r, ngx_leadgen_problem_e row,
    const ngx_str_t *detail, json_t *errors)
{
    ngx_str_t                     body;
    ngx_leadgen_ctx_t            *ctx;
    const ngx_leadgen_problem_t  *problem;

    problem = &ngx_leadgen_problems[row];
    ctx = ngx_leadgen_ctx(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->problem = row;

    if (detail == NULL || detail->len == 0) {
        detail = &problem->detail;
    }

    if (ngx_leadgen_reply_hints(r, problem) != NGX_OK
        || ngx_leadgen_reply_document(r, detail, errors, &body) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_reply_send(r, problem->status,
                                  "application/problem+json", &body);
}


/*
 * Refusals are what somebody can make many of: their document is written as it
 * goes out, without a tree.  What the tables say is plain text.
 */

static ngx_int_t
ngx_leadgen_reply_document(ngx_http_request_t *r, const ngx_str_t *detail,
    json_t *errors, ngx_str_t *body)
{
    u_char                       *p;
    ngx_str_t                     safe, list;
    ngx_leadgen_ctx_t            *ctx;
    const ngx_str_t              *permission;
    const ngx_leadgen_problem_t  *problem;

    ctx = ngx_leadgen_ctx(r);
    problem = &ngx_leadgen_problems[ctx->problem];
    permission = ngx_leadgen_reply_permission(ctx);
    safe = *detail;
    list.len = 0;

    if (errors && ngx_leadgen_json_dump(r->pool, errors, &list) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_leadgen_text_is_utf8(detail)) {
        safe.data = ngx_pnalloc(r->pool, 4 * detail->len);
        if (safe.data == NULL) {
            return NGX_ERROR;
        }

        safe.len = ngx_leadgen_text_sanitize(safe.data, detail) - safe.data;
    }

    p = ngx_pnalloc(r->pool, NGX_LEADGEN_REPLY_DOCUMENT + problem->slug.len
                             + problem->title.len + 6 * safe.len
                             + ctx->id_text.len + list.len + permission->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    p = ngx_sprintf(p, "{\"type\":\"/docs#problem-%V\",\"title\":\"%V\","
                    "\"status\":%ui,\"detail\":", &problem->slug,
                    &problem->title, problem->status);
    p = ngx_leadgen_text_json(p, &safe);
    p = ngx_sprintf(p, ",\"request_id\":\"%V\"", &ctx->id_text);

    if (list.len) {
        p = ngx_sprintf(p, ",\"errors\":%V", &list);
    }

    if (permission->len) {
        p = ngx_sprintf(p, ",\"required_permission\":\"%V\"", permission);
    }

    *p++ = '}';
    body->len = p - body->data;

    return NGX_OK;
}


/* The permission whose lack is the problem, or an empty string. */

static const ngx_str_t *
ngx_leadgen_reply_permission(const ngx_leadgen_ctx_t *ctx)
{
    ngx_int_t               missing;
    static const ngx_str_t  none = ngx_null_string;

    if (ctx->match.rule == NULL
        || ctx->problem != NGX_LEADGEN_PROBLEM_PERMISSION_MISSING)
    {
        return &none;
    }

    missing = ngx_leadgen_decide_missing(ctx->match.rule, &ctx->principal);

    return missing == NGX_ERROR ? &none
                                : &ngx_leadgen_permissions[missing].name;
}


ngx_int_t
ngx_leadgen_reply_retry(ngx_http_request_t *r, ngx_leadgen_problem_e problem,
    ngx_uint_t seconds)
{
    ngx_leadgen_ctx_t  *ctx;

    ctx = ngx_leadgen_ctx(r);

    if (ctx) {
        ctx->retry_after = seconds;
    }

    return ngx_leadgen_reply_problem(r, problem, NULL, NULL);
}


/* Who was not told to send may send all the same, or the next request. */

void
ngx_leadgen_reply_early(ngx_http_request_t *r)
{
    if (r->headers_in.expect && !r->expect_tested
        && r->http_version == NGX_HTTP_VERSION_11)
    {
        r->expect_tested = 1;
        r->keepalive = 0;
    }
}


ngx_int_t
ngx_leadgen_reply_challenge(ngx_http_request_t *r)
{
    ngx_str_t           scheme = ngx_string("Bearer");
    ngx_leadgen_ctx_t  *ctx;

    ctx = ngx_leadgen_ctx(r);

    /* RFC 6750, section 3.1; without a token that was looked at no error */

    if (ctx && ctx->problem == NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED) {
        ngx_str_set(&scheme, "Bearer error=\"invalid_token\", "
                             "error_description=\"expired\"");

    } else if (ctx && (ctx->problem == NGX_LEADGEN_PROBLEM_TOKEN_INVALID
                       || ctx->problem == NGX_LEADGEN_PROBLEM_TOKEN_REVOKED))
    {
        ngx_str_set(&scheme, "Bearer error=\"invalid_token\", "
                             "error_description=\"invalid\"");
    }

    return ngx_leadgen_reply_header_plain(r, "WWW-Authenticate", &scheme);
}


static ngx_int_t
ngx_leadgen_reply_wait(ngx_http_request_t *r, ngx_uint_t seconds)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%ui", seconds) - value.data;

    return ngx_leadgen_reply_header(r, "Retry-After", &value);
}


/* Headers that help the client to do better. */

static ngx_int_t
ngx_leadgen_reply_hints(ngx_http_request_t *r,
    const ngx_leadgen_problem_t *problem)
{
    ngx_leadgen_ctx_t  *ctx;

    ctx = ngx_leadgen_ctx(r);

    switch (problem->status) {

    case NGX_HTTP_UNAUTHORIZED:
        return ngx_leadgen_reply_challenge(r);

    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return ngx_leadgen_reply_wait(r, ngx_max(ctx->retry_after, 1));

    default:
        return NGX_OK;
    }
}


ngx_int_t
ngx_leadgen_reply_field(ngx_http_request_t *r, const char *field,
    const char *message)
{
    json_t  *errors;

    errors = ngx_leadgen_json_own(r->pool,
                                  json_pack("[{s:s, s:s}]", "field", field,
                                            "message", message));
    if (errors == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_FIELD_INVALID,
                                     NULL, errors);
}


ngx_int_t
ngx_leadgen_reply_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_str_t     no_store = ngx_string("no-store");
    ngx_chain_t   out;

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;

    if (status == NGX_HTTP_NO_CONTENT) {
        r->header_only = 1;

    } else {
        r->headers_out.content_type.data = (u_char *) type;
        r->headers_out.content_type.len = ngx_strlen(type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    if (ngx_leadgen_reply_header_plain(r, "Cache-Control", &no_store)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = (body->len != 0);
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
