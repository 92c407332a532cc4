
/*
 * Login: an e-mail address and a password go in, a session and its tokens come
 * out.  Four steps, each of which may be the last: the throttle lets it pass,
 * PostgreSQL gives the stored hash, a thread compares, PostgreSQL makes the
 * session and its audit row.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_LOGIN_EMAIL_MAX  254


/* Lifetime: request. */

typedef struct {
    ngx_str_t                  email;
    ngx_str_t                  password;
    ngx_str_t                  user_id;     /* empty: unknown */
    ngx_str_t                  hash;        /* NULL data: none */
    ngx_str_t                  refresh_token;
    ngx_str_t                  refresh_hash;
    u_char                     session[NGX_LEADGEN_UUID_SIZE];
    unsigned                   verified:1;
    unsigned                   repeated:1;
} ngx_leadgen_login_t;


static const char *ngx_leadgen_login_fields(json_t *body,
    ngx_leadgen_login_t *login, const char **message);
static ngx_int_t ngx_leadgen_login_begin(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_login_found(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_login_verified(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_login_finish(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_login_t *login);
static json_t *ngx_leadgen_login_request(ngx_http_request_t *r,
    const ngx_leadgen_login_t *login);
static ngx_int_t ngx_leadgen_login_finished(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);


static const char  ngx_leadgen_login_begin_sql[] =
    "select user_id, hashed_password from api.login_begin($1)";
static const char  ngx_leadgen_login_finish_sql[] =
    "select status, body, location, audited from api.login_finish($1::jsonb)";


ngx_int_t
ngx_leadgen_login_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    const char           *field, *message;
    ngx_leadgen_login_t  *login;

    login = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_login_t));
    if (login == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = login;

    ctx->in_cookies = json_is_true(json_object_get(body, "cookie"));

    if (json_is_boolean(json_object_get(body, "cookie"))) {
        (void) json_object_del(body, "cookie");
    }

    field = ngx_leadgen_login_fields(body, login, &message);
    if (field) {
        return ngx_leadgen_reply_field(r, field, message);
    }

    /* nor may another site log its visitors in as whom it likes */

    if (ctx->in_cookies && !ngx_leadgen_credential_is_same_site(r)) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_CROSS_SITE,
                                         NULL, NULL);
    }

    /* what is recorded should the database never say: who it claimed to be */

    ctx->event.text[NGX_LEADGEN_EVENT_USER_EMAIL] = login->email;

    return ngx_leadgen_attempt_typed(r, ctx, NGX_LEADGEN_ATTEMPT_LOGIN,
                                     &login->email, ngx_leadgen_login_begin);
}


static ngx_int_t
ngx_leadgen_login_begin(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_leadgen_login_t  *login = ctx->state;

    call = ngx_leadgen_call_create(r->pool, 1);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    login->verified = 0;
    ngx_str_null(&login->user_id);
    ngx_str_null(&login->hash);

    call->statement = ngx_leadgen_login_begin_sql;
    call->args[0] = login->email;

    return ngx_leadgen_await(r, ngx_leadgen_worker.database, call,
                             ngx_leadgen_login_found);
}


/* The first field that is wrong, or NULL. */

static const char *
ngx_leadgen_login_fields(json_t *body, ngx_leadgen_login_t *login,
    const char **message)
{
    const char  *other;

    other = ngx_leadgen_body_other(body, "email", "password");
    if (other) {
        *message = "There is no such field.";
        return other;
    }

    login->email = ngx_leadgen_json_string(body, "email");
    login->password = ngx_leadgen_json_string(body, "password");

    if (login->email.len == 0
        || login->email.len > NGX_LEADGEN_LOGIN_EMAIL_MAX)
    {
        *message = "An e-mail address, as text of 1 to 254 bytes.";
        return "email";
    }

    if (login->password.len == 0
        || login->password.len > NGX_LEADGEN_PASSWORD_MAX)
    {
        *message = NGX_LEADGEN_PASSWORD_HINT;
        return "password";
    }

    return NULL;
}


static ngx_int_t
ngx_leadgen_login_found(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_str_t            *value;
    ngx_leadgen_login_t  *login = ctx->state;

    if (call->result != NGX_LEADGEN_CALL_OK) {
        return ngx_leadgen_sql_refused(r, call);
    }

    if (call->nrows == 1 && call->ncols == 2) {
        value = call->values;

        login->user_id.len = value[0].len;
        login->user_id.data = ngx_pstrdup(r->pool, &value[0]);
        login->hash.len = value[1].len;
        login->hash.data = ngx_pstrdup(r->pool, &value[1]);

        if (login->user_id.data == NULL || login->hash.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    /* no password that short was ever accepted: nothing to compare with */

    if (login->password.len < NGX_LEADGEN_PASSWORD_MIN) {
        return ngx_leadgen_login_finish(r, ctx, login);
    }

    call = ngx_leadgen_call_create(r->pool, 2);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->work = ngx_leadgen_password_verify;
    call->args[0] = login->hash;
    call->args[1] = login->password;

    return ngx_leadgen_await(r, ngx_leadgen_worker.hashing, call,
                             ngx_leadgen_login_verified);
}


static ngx_int_t
ngx_leadgen_login_verified(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_leadgen_login_t  *login = ctx->state;

    if (call->result != NGX_LEADGEN_CALL_OK || call->values[0].len != 1) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_BUSY, NULL,
                                         NULL);
    }

    login->verified = (call->values[0].data[0] == NGX_LEADGEN_PASSWORD_FITS);

    if (call->values[0].data[0] == NGX_LEADGEN_PASSWORD_REFUSED) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "leadgen: login: the stored hash of user %V is of a kind "
                      "or a cost that is not accepted", &login->user_id);
    }

    return ngx_leadgen_login_finish(r, ctx, login);
}


static ngx_int_t
ngx_leadgen_login_finish(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_login_t *login)
{
    if (!login->verified) {
        ngx_leadgen_attempt_end(ctx->attempt, NGX_LEADGEN_THROTTLE_FAILED);
    }

    ngx_leadgen_uuid_mint(login->session);

    if (ngx_leadgen_token_refresh(r->pool, &login->refresh_token,
                                  &login->refresh_hash) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_sql_submit(r, ctx, ngx_leadgen_login_finish_sql,
                                  "login",
                                  ngx_leadgen_login_request(r, login),
                                  ngx_leadgen_login_finished);
}


/* The hash goes back, so that a password changed meanwhile is noticed. */

static json_t *
ngx_leadgen_login_request(ngx_http_request_t *r,
    const ngx_leadgen_login_t *login)
{
    u_char   session[NGX_LEADGEN_UUID_TEXT];
    json_t  *user_id, *hash;

    (void) ngx_leadgen_uuid_format(session, login->session);

    user_id = NULL;
    hash = NULL;

    if (login->user_id.len) {
        user_id = json_integer(ngx_atoi(login->user_id.data,
                                        login->user_id.len));
        hash = ngx_leadgen_json_text(r->pool, &login->hash);
    }

    return json_pack("{s:o, s:o?, s:o?, s:b, s:b, s:s%, s:s%, s:i}",
                     "email", ngx_leadgen_json_text(r->pool, &login->email),
                     "user_id", user_id,
                     "hashed_password", hash,
                     "verified", (int) login->verified,
                     "repeatable", !login->repeated,
                     "session", session, (size_t) NGX_LEADGEN_UUID_TEXT,
                     "refresh_token_hash", login->refresh_hash.data,
                     login->refresh_hash.len,
                     "refresh_expires_in", NGX_LEADGEN_REFRESH_LIFETIME);
}


static ngx_int_t
ngx_leadgen_login_finished(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_int_t             status;
    ngx_leadgen_login_t  *login = ctx->state;

    status = ngx_leadgen_sql_status(ctx, call);

    if (status == NGX_HTTP_OK) {
        ngx_leadgen_attempt_end(ctx->attempt, NGX_LEADGEN_THROTTLE_SUCCEEDED);
        ngx_leadgen_upgrade(&login->user_id, &login->hash, &login->password);

        return ngx_leadgen_session_reply(r, ctx, call, &login->refresh_token);
    }

    if (status == NGX_HTTP_UNAUTHORIZED) {
        ngx_leadgen_attempt_end(ctx->attempt, NGX_LEADGEN_THROTTLE_FAILED);

        return ngx_leadgen_reply_problem(r,
                                       NGX_LEADGEN_PROBLEM_CREDENTIALS_INVALID,
                                       NULL, NULL);
    }

    /* another login may have upgraded the hash after this one had read it */

    if (status == NGX_HTTP_CONFLICT && !login->repeated) {
        login->repeated = 1;

        return ngx_leadgen_login_begin(r, ctx, NULL);
    }

    return ngx_leadgen_sql_refused(r, call);
}
