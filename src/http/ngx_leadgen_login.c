
/*
 * Login: an e-mail address and a password go in, a session and its tokens come
 * out.  Three steps, each of which may be the last: PostgreSQL gives the stored
 * hash, a thread compares, PostgreSQL makes the session and its audit row.
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
    ngx_uint_t                 verified;
} ngx_leadgen_login_t;


static const char *ngx_leadgen_login_fields(json_t *body,
    ngx_leadgen_login_t *login, const char **message);
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
static ngx_int_t ngx_leadgen_login_reply(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, const ngx_leadgen_login_t *login, json_t *user);
static ngx_leadgen_login_t *ngx_leadgen_login_get(ngx_http_request_t *r);
static void ngx_leadgen_login_wipe(void *data);


static const char  ngx_leadgen_login_begin_sql[] =
    "select user_id, hashed_password from api.login_begin($1)";
static const char  ngx_leadgen_login_finish_sql[] =
    "select status, body, location, audited from api.login_finish($1::jsonb)";


ngx_int_t
ngx_leadgen_login_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    const char           *field, *message;
    ngx_leadgen_call_t   *call;
    ngx_leadgen_login_t  *login;
    ngx_pool_cleanup_t   *cln;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_leadgen_login_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    login = cln->data;
    ngx_memzero(login, sizeof(ngx_leadgen_login_t));
    cln->handler = ngx_leadgen_login_wipe;

    field = ngx_leadgen_login_fields(body, login, &message);
    if (field) {
        return ngx_leadgen_reply_field(r, field, message);
    }

    /* what is recorded should the database never say: who it claimed to be */

    ctx->event.text[NGX_LEADGEN_EVENT_USER_EMAIL] = login->email;

    call = ngx_leadgen_call_create(r->pool, 1);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

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
    json_t      *value;
    const char  *name;

    json_object_foreach(body, name, value) {

        if (ngx_strcmp(name, "email") != 0
            && ngx_strcmp(name, "password") != 0)
        {
            *message = "There is no such field.";
            return name;
        }
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
        *message = "A password, as text of 8 to 128 bytes.";
        return "password";
    }

    return NULL;
}


static ngx_int_t
ngx_leadgen_login_found(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_str_t            *value;
    ngx_leadgen_login_t  *login;

    if (call->result != NGX_LEADGEN_CALL_OK) {
        return ngx_leadgen_sql_refused(r, call);
    }

    login = ngx_leadgen_login_get(r);

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
    ngx_leadgen_login_t  *login;

    if (call->result != NGX_LEADGEN_CALL_OK || call->values[0].len != 1) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_BUSY, NULL,
                                         NULL);
    }

    login = ngx_leadgen_login_get(r);
    login->verified = (call->values[0].data[0] == '1');

    return ngx_leadgen_login_finish(r, ctx, login);
}


static ngx_int_t
ngx_leadgen_login_finish(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_login_t *login)
{
    json_t              *request, *member;
    ngx_int_t            rc;
    ngx_leadgen_call_t  *call;

    ngx_leadgen_uuid_mint(login->session);

    if (ngx_leadgen_token_refresh(r->pool, &login->refresh_token,
                                  &login->refresh_hash) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    request = ngx_leadgen_sql_request(r, ctx, NULL, &rc);
    if (request == NULL) {
        return rc;
    }

    member = ngx_leadgen_login_request(r, login);
    call = ngx_leadgen_call_create(r->pool, 1);

    if (member == NULL
        || json_object_set_new(request, "login", member) != 0
        || call == NULL
        || ngx_leadgen_json_dump(r->pool, request, &call->args[0]) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->statement = ngx_leadgen_login_finish_sql;

    return ngx_leadgen_await(r, ngx_leadgen_worker.database, call,
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

    return json_pack("{s:o, s:o?, s:o?, s:b, s:s%, s:s%, s:i}",
                     "email", ngx_leadgen_json_text(r->pool, &login->email),
                     "user_id", user_id,
                     "hashed_password", hash,
                     "verified", (int) login->verified,
                     "session", session, (size_t) NGX_LEADGEN_UUID_TEXT,
                     "refresh_token_hash", login->refresh_hash.data,
                     login->refresh_hash.len,
                     "refresh_expires_in", NGX_LEADGEN_REFRESH_LIFETIME);
}


static ngx_int_t
ngx_leadgen_login_finished(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    json_t               *user;
    ngx_int_t             status;
    ngx_leadgen_login_t  *login;

    if (call->result != NGX_LEADGEN_CALL_OK
        || call->nrows != 1 || call->ncols != 4)
    {
        return ngx_leadgen_sql_refused(r, call);
    }

    ngx_leadgen_audit_is_stored(ctx);

    status = ngx_atoi(call->values[0].data, call->values[0].len);

    if (status != NGX_HTTP_OK) {
        return ngx_leadgen_reply_problem(r,
                                       NGX_LEADGEN_PROBLEM_CREDENTIALS_INVALID,
                                       NULL, NULL);
    }

    user = ngx_leadgen_json_parse(r->pool, &call->values[1]);
    login = ngx_leadgen_login_get(r);

    if (user == NULL || login == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_login_reply(r, ctx, login, user);
}


static ngx_int_t
ngx_leadgen_login_reply(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    const ngx_leadgen_login_t *login, json_t *user)
{
    ngx_str_t                 token;
    ngx_leadgen_principal_t  *principal;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    principal = &ctx->principal;
    principal->user_id = json_integer_value(json_object_get(user, "id"));
    principal->email = ngx_leadgen_json_string(user, "email");
    principal->role = ngx_leadgen_json_string(user, "role");
    ngx_memcpy(principal->session, login->session, NGX_LEADGEN_UUID_SIZE);

    if (principal->user_id <= 0
        || ngx_leadgen_token_issue(r->pool, mcf->keys, principal, &token)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK,
        json_pack("{s:s%, s:s, s:i, s:s%, s:O}",
                  "access_token", token.data, token.len,
                  "token_type", "Bearer",
                  "expires_in", NGX_LEADGEN_TOKEN_LIFETIME,
                  "refresh_token", login->refresh_token.data,
                  login->refresh_token.len,
                  "user", user));
}


static ngx_leadgen_login_t *
ngx_leadgen_login_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_leadgen_login_wipe) {
            return cln->data;
        }
    }

    return NULL;
}


/* The password lies in the body's tree and goes before that is freed. */

static void
ngx_leadgen_login_wipe(void *data)
{
    ngx_leadgen_login_t  *login = data;

    if (login->password.len) {
        ngx_explicit_memzero(login->password.data, login->password.len);
    }

    ngx_explicit_memzero(login, sizeof(ngx_leadgen_login_t));
}
