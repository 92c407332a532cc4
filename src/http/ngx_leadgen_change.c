
/*
 * Changing one's own password: the current one and a new one go in.  Four
 * steps, each of which may be the last: PostgreSQL gives the stored hash, the
 * throttle lets it pass, threads compare and hash anew, PostgreSQL stores.
 */


#include "ngx_leadgen_ctx.h"


/* Lifetime: request. */

typedef struct {
    ngx_str_t                  current;
    ngx_str_t                  password;
    ngx_str_t                  hash;        /* the stored one */
    unsigned                   repeated:1;
} ngx_leadgen_change_t;


static ngx_int_t ngx_leadgen_change_begin(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);
static ngx_int_t ngx_leadgen_change_found(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_change_verify(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_change_verified(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_change_hashed(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_change_finish(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, const ngx_str_t *hash);
static ngx_int_t ngx_leadgen_change_finished(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);


static const char  ngx_leadgen_change_begin_statement[] =
    "select account, hashed_password from api.password_begin($1::jsonb)";
static const char  ngx_leadgen_change_finish_statement[] =
    "select status, body, location, audited "
    "from api.password_finish($1::jsonb)";


ngx_int_t
ngx_leadgen_change_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    const char            *other;
    ngx_leadgen_change_t  *change;

    change = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_change_t));
    if (change == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    other = ngx_leadgen_body_other(body, "current_password", "new_password");
    if (other) {
        return ngx_leadgen_reply_field(r, other, "There is no such field.");
    }

    change->current = ngx_leadgen_json_string(body, "current_password");

    if (change->current.len == 0
        || change->current.len > NGX_LEADGEN_PASSWORD_MAX)
    {
        return ngx_leadgen_reply_field(r, "current_password",
                                       "The password you log in with.");
    }

    if (!ngx_leadgen_hashing_password(body, "new_password",
                                      &change->password))
    {
        return ngx_leadgen_reply_field(r, "new_password",
                                       NGX_LEADGEN_PASSWORD_HINT);
    }

    ctx->state = change;

    return ngx_leadgen_change_begin(r, ctx);
}


static ngx_int_t
ngx_leadgen_change_begin(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    return ngx_leadgen_sql_submit(r, ctx, ngx_leadgen_change_begin_statement,
                                  NULL, NULL, ngx_leadgen_change_found);
}


static ngx_int_t
ngx_leadgen_change_found(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_leadgen_change_t  *change = ctx->state;

    if (call->result != NGX_LEADGEN_CALL_OK) {
        return ngx_leadgen_sql_refused(r, call);
    }

    if (call->nrows != 1) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_TOKEN_REVOKED,
                                         NULL, NULL);
    }

    change->hash.len = call->values[1].len;
    change->hash.data = ngx_pstrdup(r->pool, &call->values[1]);

    if (change->hash.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (change->repeated) {
        return ngx_leadgen_change_verify(r, ctx, NULL);
    }

    return ngx_leadgen_attempt(r, ctx, NGX_LEADGEN_ATTEMPT_CHANGE,
                               &call->values[0], ngx_leadgen_change_verify);
}


static ngx_int_t
ngx_leadgen_change_verify(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_leadgen_change_t  *change = ctx->state;

    call = ngx_leadgen_call_create(r->pool, 2);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->work = ngx_leadgen_password_verify;
    call->args[0] = change->hash;
    call->args[1] = change->current;

    return ngx_leadgen_await(r, ngx_leadgen_worker.hashing, call,
                             ngx_leadgen_change_verified);
}


static ngx_int_t
ngx_leadgen_change_verified(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_leadgen_change_t  *change = ctx->state;

    if (call->result != NGX_LEADGEN_CALL_OK || call->values[0].len != 1) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_BUSY, NULL,
                                         NULL);
    }

    if (call->values[0].data[0] != NGX_LEADGEN_PASSWORD_FITS) {
        ngx_leadgen_attempt_end(ctx->attempt, NGX_LEADGEN_THROTTLE_FAILED);

        return ngx_leadgen_change_finish(r, ctx, NULL);
    }

    call = ngx_leadgen_hashing_call(r, &change->password);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_await(r, ngx_leadgen_worker.hashing, call,
                             ngx_leadgen_change_hashed);
}


static ngx_int_t
ngx_leadgen_change_hashed(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    if (call->result != NGX_LEADGEN_CALL_OK || call->values[0].len == 0) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_BUSY, NULL,
                                         NULL);
    }

    return ngx_leadgen_change_finish(r, ctx, &call->values[0]);
}


/* hash: the new one; NULL when the current password was wrong. */

static ngx_int_t
ngx_leadgen_change_finish(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    const ngx_str_t *hash)
{
    json_t                *member;
    ngx_leadgen_change_t  *change = ctx->state;

    member = json_pack("{s:b, s:b, s:o, s:o?}",
                       "verified", hash != NULL,
                       "repeatable", !change->repeated,
                       "hashed_password_old",
                       ngx_leadgen_json_text(r->pool, &change->hash),
                       "hashed_password_new",
                       hash ? ngx_leadgen_json_text(r->pool, hash) : NULL);

    return ngx_leadgen_sql_submit(r, ctx, ngx_leadgen_change_finish_statement,
                                  "password", member,
                                  ngx_leadgen_change_finished);
}


static ngx_int_t
ngx_leadgen_change_finished(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_int_t              status;
    ngx_leadgen_change_t  *change = ctx->state;

    status = ngx_leadgen_sql_status(ctx, call);

    if (status == NGX_HTTP_OK) {
        ngx_leadgen_attempt_end(ctx->attempt, NGX_LEADGEN_THROTTLE_SUCCEEDED);

        return ngx_leadgen_session_reply(r, ctx, call, NULL);
    }

    if (status == 422) {
        ngx_leadgen_attempt_end(ctx->attempt, NGX_LEADGEN_THROTTLE_FAILED);

        return ngx_leadgen_reply_field(r, "current_password",
                                       "That is not your password.");
    }

    /* a login may have upgraded the hash after it was read here */

    if (status == NGX_HTTP_CONFLICT && !change->repeated) {
        change->repeated = 1;

        return ngx_leadgen_change_begin(r, ctx);
    }

    return ngx_leadgen_sql_refused(r, call);
}
