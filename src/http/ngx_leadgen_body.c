
/*
 * Bodies: a request goes in, its JSON object comes out, or an answer that says
 * what is wrong with it.
 */


#include "ngx_leadgen_ctx.h"


static ngx_uint_t ngx_leadgen_body_is_absent(ngx_http_request_t *r);
static void ngx_leadgen_body_handler(ngx_http_request_t *r);
static ngx_leadgen_problem_e ngx_leadgen_body_check(ngx_http_request_t *r);
static ngx_leadgen_problem_e ngx_leadgen_body_collect(ngx_http_request_t *r,
    ngx_str_t *text);
static void ngx_leadgen_body_wipe(ngx_http_request_t *r,
    const ngx_str_t *text);
static ngx_int_t ngx_leadgen_body_refuse(ngx_http_request_t *r,
    ngx_leadgen_problem_e problem);


ngx_int_t
ngx_leadgen_body_read(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_leadgen_problem_e  problem;

    problem = ngx_leadgen_body_check(r);

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        return ngx_leadgen_body_refuse(r, problem);
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_leadgen_body_handler);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static ngx_leadgen_problem_e
ngx_leadgen_body_check(ngx_http_request_t *r)
{
    ngx_str_t         type;
    static ngx_str_t  json = ngx_string("application/json");

    if (r->headers_in.content_length_n > NGX_LEADGEN_BODY_MAX) {
        return NGX_LEADGEN_PROBLEM_TOO_LARGE;
    }

    if (r->headers_in.content_type == NULL) {
        return ngx_leadgen_body_is_absent(r) ? NGX_LEADGEN_PROBLEM_NONE
                                             : NGX_LEADGEN_PROBLEM_MEDIA_TYPE;
    }

    type = r->headers_in.content_type->value;

    if (type.len < json.len
        || ngx_strncasecmp(type.data, json.data, json.len) != 0
        || (type.len > json.len
            && type.data[json.len] != ';' && type.data[json.len] != ' '))
    {
        return NGX_LEADGEN_PROBLEM_MEDIA_TYPE;
    }

    return NGX_LEADGEN_PROBLEM_NONE;
}


/* No body is an object without members: logout, say, needs none. */

static ngx_uint_t
ngx_leadgen_body_is_absent(ngx_http_request_t *r)
{
    return r->headers_in.content_length_n <= 0 && !r->headers_in.chunked;
}


static void
ngx_leadgen_body_handler(ngx_http_request_t *r)
{
    json_t                        *body;
    ngx_int_t                      rc;
    ngx_str_t                      text;
    ngx_leadgen_ctx_t             *ctx;
    ngx_leadgen_problem_e          problem;
    const ngx_leadgen_endpoint_t  *endpoint;

    ctx = ngx_leadgen_ctx(r);
    body = NULL;

    problem = ngx_leadgen_body_collect(r, &text);

    if (problem == NGX_LEADGEN_PROBLEM_NONE) {

        if (r->headers_in.content_type == NULL) {
            body = ngx_leadgen_json_own(r->pool, json_object());

        } else {
            body = ngx_leadgen_json_parse(r->pool, &text);
        }

        ngx_leadgen_body_wipe(r, &text);

        if (body == NULL) {
            problem = NGX_LEADGEN_PROBLEM_NOT_JSON;
        }
    }

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        rc = ngx_leadgen_reply_problem(r, problem, NULL, NULL);

    } else {
        endpoint = ctx->match.rule->endpoint;
        rc = endpoint->serve(r, ctx, body);
    }

    ngx_http_finalize_request(r, rc);
}


/* A body of unknown length that outgrew its buffer went to a file. */

static ngx_leadgen_problem_e
ngx_leadgen_body_collect(ngx_http_request_t *r, ngx_str_t *text)
{
    u_char       *p;
    ngx_chain_t  *cl;

    ngx_str_null(text);

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_LEADGEN_PROBLEM_NONE;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        if (cl->buf->in_file) {
            return NGX_LEADGEN_PROBLEM_TOO_LARGE;
        }

        text->len += cl->buf->last - cl->buf->pos;
    }

    if (text->len > NGX_LEADGEN_BODY_MAX) {
        return NGX_LEADGEN_PROBLEM_TOO_LARGE;
    }

    text->data = ngx_pnalloc(r->pool, text->len + 1);
    if (text->data == NULL) {
        return NGX_LEADGEN_PROBLEM_INTERNAL;
    }

    p = text->data;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return NGX_LEADGEN_PROBLEM_NONE;
}


/* Passwords come in bodies; of the tree the pool takes care. */

static void
ngx_leadgen_body_wipe(ngx_http_request_t *r, const ngx_str_t *text)
{
    ngx_chain_t  *cl;

    if (text->len == 0) {
        return;
    }

    ngx_explicit_memzero(text->data, text->len);

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        ngx_explicit_memzero(cl->buf->pos, cl->buf->last - cl->buf->pos);
    }
}


static ngx_int_t
ngx_leadgen_body_refuse(ngx_http_request_t *r, ngx_leadgen_problem_e problem)
{
    ngx_int_t  rc;

    ngx_leadgen_reply_early(r);
    rc = ngx_http_discard_request_body(r);

    return rc == NGX_OK ? ngx_leadgen_reply_problem(r, problem, NULL, NULL)
                        : rc;
}


const char *
ngx_leadgen_body_other(json_t *body, const char *one, const char *two)
{
    json_t      *value;
    const char  *name;

    json_object_foreach(body, name, value) {

        if (ngx_strcmp(name, one) != 0
            && (two == NULL || ngx_strcmp(name, two) != 0))
        {
            return name;
        }
    }

    return NULL;
}
