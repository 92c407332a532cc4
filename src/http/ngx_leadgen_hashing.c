
/*
 * Endpoints that take a new password: a body with a clear one goes in, one with
 * its hash goes on to SQL, which never sees the other.
 */


#include "ngx_leadgen_ctx.h"


static ngx_int_t ngx_leadgen_hashing_done(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);


ngx_int_t
ngx_leadgen_hashing_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    ngx_str_t            password;
    ngx_leadgen_call_t  *call;

    if (json_object_get(body, "hashed_password")) {
        return ngx_leadgen_reply_field(r, "hashed_password",
                                       "There is no such field.");
    }

    if (json_object_get(body, "password") == NULL) {
        return ngx_leadgen_sql_serve(r, ctx, body);
    }

    if (!ngx_leadgen_hashing_password(body, "password", &password)) {
        return ngx_leadgen_reply_field(r, "password",
                                       NGX_LEADGEN_PASSWORD_HINT);
    }

    call = ngx_leadgen_hashing_call(r, &password);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->body = body;

    return ngx_leadgen_await(r, ngx_leadgen_worker.hashing, call,
                             ngx_leadgen_hashing_done);
}


ngx_leadgen_call_t *
ngx_leadgen_hashing_call(ngx_http_request_t *r, const ngx_str_t *password)
{
    ngx_leadgen_call_t  *call;

    call = ngx_leadgen_call_create(r->pool, 1);

    if (call) {
        call->work = ngx_leadgen_password_hash;
        call->args[0] = *password;
    }

    return call;
}


ngx_uint_t
ngx_leadgen_hashing_password(json_t *body, const char *field,
    ngx_str_t *password)
{
    *password = ngx_leadgen_json_string(body, field);

    return password->len >= NGX_LEADGEN_PASSWORD_MIN
           && password->len <= NGX_LEADGEN_PASSWORD_MAX;
}


static ngx_int_t
ngx_leadgen_hashing_done(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    json_t     *body, *hash;
    ngx_str_t   clear;

    if (call->result != NGX_LEADGEN_CALL_OK || call->values[0].len == 0) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_BUSY, NULL,
                                         NULL);
    }

    body = ctx->body;
    hash = ngx_leadgen_json_text(r->pool, &call->values[0]);
    clear = ngx_leadgen_json_string(body, "password");

    ngx_explicit_memzero(clear.data, clear.len);

    if (json_object_del(body, "password") != 0
        || json_object_set_new(body, "hashed_password", hash) != 0)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_sql_serve(r, ctx, body);
}
