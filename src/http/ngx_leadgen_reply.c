
/*
 * Replies: JSON and problems go in, answers come out (RFC 9457).
 */


#include "ngx_leadgen_ctx.h"


static ngx_int_t ngx_leadgen_reply_wait(ngx_http_request_t *r,
    ngx_uint_t seconds);
static ngx_int_t ngx_leadgen_reply_hints(ngx_http_request_t *r,
    const ngx_leadgen_problem_t *problem, json_t *document);


ngx_int_t
ngx_leadgen_reply_header(ngx_http_request_t *r, const char *name,
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
    json_t                       *document;
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

    document = ngx_leadgen_json_own(r->pool,
        json_pack("{s:s+, s:s%, s:I, s:o, s:s%}",
                  "type", "/docs#problem-", problem->slug.data,
                  "title", problem->title.data, problem->title.len,
                  "status", (json_int_t) problem->status,
                  "detail", ngx_leadgen_json_text(r->pool, detail),
                  "request_id", ctx->id_text.data, ctx->id_text.len));

    if (document == NULL
        || (errors && json_object_set(document, "errors", errors) != 0)
        || ngx_leadgen_reply_hints(r, problem, document) != NGX_OK
        || ngx_leadgen_json_dump(r->pool, document, &body) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_reply_send(r, problem->status,
                                  "application/problem+json", &body);
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


ngx_int_t
ngx_leadgen_reply_challenge(ngx_http_request_t *r)
{
    ngx_str_t  scheme = ngx_string("Bearer");

    return ngx_leadgen_reply_header(r, "WWW-Authenticate", &scheme);
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


/* What helps the client to do better: headers, and the permission it lacks. */

static ngx_int_t
ngx_leadgen_reply_hints(ngx_http_request_t *r,
    const ngx_leadgen_problem_t *problem, json_t *document)
{
    ngx_int_t           missing;
    ngx_leadgen_ctx_t  *ctx;

    ctx = ngx_leadgen_ctx(r);

    switch (problem->status) {

    case NGX_HTTP_UNAUTHORIZED:
        return ngx_leadgen_reply_challenge(r);

    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return ngx_leadgen_reply_wait(r, ngx_max(ctx->retry_after, 1));

    case NGX_HTTP_FORBIDDEN:
        if (ctx->match.rule == NULL
            || ctx->problem != NGX_LEADGEN_PROBLEM_PERMISSION_MISSING)
        {
            return NGX_OK;
        }

        missing = ngx_leadgen_decide_missing(ctx->match.rule, &ctx->principal);

        if (missing == NGX_ERROR) {
            return NGX_OK;
        }

        return json_object_set_new(document, "required_permission",
                   json_stringn((char *)
                                ngx_leadgen_permissions[missing].name.data,
                                ngx_leadgen_permissions[missing].name.len))
               ? NGX_ERROR : NGX_OK;

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

    if (ngx_leadgen_reply_header(r, "Cache-Control", &no_store) != NGX_OK) {
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
