
/*
 * Forgotten passwords: an e-mail address goes in and a mail with a one-time
 * link goes out; the link's token and a new password go in, and that is the
 * password.  Whether there is such a user, no answer tells.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_RESET_LIFETIME   1800   /* seconds */
#define NGX_LEADGEN_RESET_TOKEN_MAX  128    /* bytes */
#define NGX_LEADGEN_RESET_EMAIL_MAX  254


/* Lifetime: request. */

typedef struct {
    ngx_str_t                  token_hash;
    ngx_str_t                  password;
} ngx_leadgen_reset_t;


static ngx_int_t ngx_leadgen_reset_begin(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static json_t *ngx_leadgen_reset_member(ngx_http_request_t *r,
    const ngx_str_t *email);
static ngx_int_t ngx_leadgen_reset_begun(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_reset_check(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_reset_checked(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_reset_hashed(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);


static const char  ngx_leadgen_reset_begin_statement[] =
    "select status, body, location, audited "
    "from api.password_reset_begin($1::jsonb)";
static const char  ngx_leadgen_reset_check_statement[] =
    "select status, body, location, audited "
    "from api.password_reset_check($1::jsonb)";
static const char  ngx_leadgen_reset_confirm_statement[] =
    "select status, body, location, audited "
    "from api.password_reset_confirm($1::jsonb)";

static const char  ngx_leadgen_reset_mail[] =
    "Somebody asked for a new password of your account. If that was you, open\n"
    "this link within half an hour:\n\n"
    "%V/admin/#/password-reset?token=%V\n\n"
    "If it was not you, there is nothing to do: your password stays.\n";


ngx_int_t
ngx_leadgen_reset_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    ngx_str_t    email;
    const char  *other;

    email = ngx_leadgen_json_string(body, "email");
    other = ngx_leadgen_body_other(body, "email", NULL);

    if (other) {
        return ngx_leadgen_reply_field(r, other, "There is no such field.");
    }

    if (email.len == 0 || email.len > NGX_LEADGEN_RESET_EMAIL_MAX) {
        return ngx_leadgen_reply_field(r, "email",
                                       "An e-mail address, as text of 1 to "
                                       "254 bytes.");
    }

    ctx->event.text[NGX_LEADGEN_EVENT_USER_EMAIL] = email;

    return ngx_leadgen_attempt_typed(r, ctx, NGX_LEADGEN_ATTEMPT_RESET, &email,
                                     ngx_leadgen_reset_begin);
}


static ngx_int_t
ngx_leadgen_reset_begin(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    json_t  *member;

    member = ngx_leadgen_reset_member(r,
                              &ctx->event.text[NGX_LEADGEN_EVENT_USER_EMAIL]);
    if (member == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_sql_submit(r, ctx, ngx_leadgen_reset_begin_statement,
                                  "reset", member, ngx_leadgen_reset_begun);
}


/* The link stands in the mail alone: SQL keeps the hash of its token. */

static json_t *
ngx_leadgen_reset_member(ngx_http_request_t *r, const ngx_str_t *email)
{
    json_t                   *member;
    ngx_str_t                 token, hash, text;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (ngx_leadgen_token_refresh(r->pool, &token, &hash) != NGX_OK) {
        return NULL;
    }

    text.data = ngx_pnalloc(r->pool, sizeof(ngx_leadgen_reset_mail)
                                     + mcf->public_url.len + token.len);
    if (text.data == NULL) {
        return NULL;
    }

    text.len = ngx_sprintf(text.data, ngx_leadgen_reset_mail,
                           &mcf->public_url, &token)
               - text.data;

    member = json_pack("{s:o, s:s%, s:i, s:s, s:s%}",
                       "email", ngx_leadgen_json_text(r->pool, email),
                       "token_hash", hash.data, hash.len,
                       "expires_in", NGX_LEADGEN_RESET_LIFETIME,
                       "subject", "Your new password",
                       "text", text.data, text.len);

    ngx_explicit_memzero(text.data, text.len);
    ngx_explicit_memzero(token.data, token.len);

    return member;
}


static ngx_int_t
ngx_leadgen_reset_begun(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_str_t  empty = ngx_string("{}");

    if (ngx_leadgen_sql_status(ctx, call) != NGX_HTTP_ACCEPTED) {
        return ngx_leadgen_sql_refused(r, call);
    }

    /* there is no better or worse one: each counts */

    ngx_leadgen_attempt_end(ctx->attempt, NGX_LEADGEN_THROTTLE_FAILED);
    ngx_leadgen_mailer_wake();

    return ngx_leadgen_reply_json(r, NGX_HTTP_ACCEPTED, &empty);
}


ngx_int_t
ngx_leadgen_reset_confirm(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    ngx_str_t             token;
    const char           *other;
    ngx_leadgen_reset_t  *reset;

    reset = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_reset_t));
    if (reset == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    token = ngx_leadgen_json_string(body, "token");
    other = ngx_leadgen_body_other(body, "token", "password");

    if (other) {
        return ngx_leadgen_reply_field(r, other, "There is no such field.");
    }

    if (token.len == 0 || token.len > NGX_LEADGEN_RESET_TOKEN_MAX) {
        return ngx_leadgen_reply_field(r, "token",
                                       "The token of the mail's link.");
    }

    if (!ngx_leadgen_hashing_password(body, "password", &reset->password)) {
        return ngx_leadgen_reply_field(r, "password",
                                       NGX_LEADGEN_PASSWORD_HINT);
    }

    if (ngx_leadgen_token_hash(r->pool, &token, &reset->token_hash) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = reset;

    return ngx_leadgen_attempt(r, ctx, NGX_LEADGEN_ATTEMPT_CONFIRM,
                               &reset->token_hash, ngx_leadgen_reset_check);
}


/* Nothing is hashed for a token that is none. */

static ngx_int_t
ngx_leadgen_reset_check(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    json_t               *member;
    ngx_leadgen_reset_t  *reset = ctx->state;

    member = json_pack("{s:s%}", "token_hash", reset->token_hash.data,
                       reset->token_hash.len);

    return ngx_leadgen_sql_submit(r, ctx, ngx_leadgen_reset_check_statement,
                                  "reset", member, ngx_leadgen_reset_checked);
}


static ngx_int_t
ngx_leadgen_reset_checked(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_leadgen_reset_t  *reset = ctx->state;

    if (ngx_leadgen_sql_status(ctx, call) != NGX_HTTP_NO_CONTENT) {

        if (ngx_strcmp(call->code, "LG422") == 0) {
            ngx_leadgen_attempt_end(ctx->attempt, NGX_LEADGEN_THROTTLE_FAILED);
        }

        return ngx_leadgen_sql_refused(r, call);
    }

    call = ngx_leadgen_hashing_call(r, &reset->password);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_await(r, ngx_leadgen_worker.hashing, call,
                             ngx_leadgen_reset_hashed);
}


static ngx_int_t
ngx_leadgen_reset_hashed(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    json_t               *member;
    ngx_leadgen_reset_t  *reset = ctx->state;

    if (call->result != NGX_LEADGEN_CALL_OK || call->values[0].len == 0) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_BUSY, NULL,
                                         NULL);
    }

    member = json_pack("{s:s%, s:o}",
                       "token_hash", reset->token_hash.data,
                       reset->token_hash.len,
                       "hashed_password",
                       ngx_leadgen_json_text(r->pool, &call->values[0]));

    return ngx_leadgen_sql_submit(r, ctx, ngx_leadgen_reset_confirm_statement,
                                  "reset", member, ngx_leadgen_sql_done);
}
