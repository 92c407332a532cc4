
/*
 * Sessions: what SQL says of one goes in, the answer with its tokens comes out.
 */


#include "ngx_leadgen_ctx.h"


static ngx_int_t ngx_leadgen_session_cookies(ngx_http_request_t *r,
    const ngx_str_t *access, const ngx_str_t *refresh, json_t *user);
static ngx_int_t ngx_leadgen_session_ended(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);


ngx_int_t
ngx_leadgen_session_reply(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call, const ngx_str_t *refresh_token)
{
    json_t                   *session, *user, *reply;
    ngx_str_t                 id, token;
    ngx_leadgen_principal_t  *principal;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    session = ngx_leadgen_json_parse(r->pool,
                                     &call->values[NGX_LEADGEN_SQL_BODY]);
    user = json_object_get(session, "user");
    id = ngx_leadgen_json_string(session, "session");

    principal = &ctx->principal;

    ngx_memzero(principal, sizeof(ngx_leadgen_principal_t));

    principal->user_id = json_integer_value(json_object_get(user, "id"));
    principal->email = ngx_leadgen_json_string(user, "email");
    principal->role = ngx_leadgen_json_string(user, "role");
    principal->issued = json_integer_value(json_object_get(session,
                                                           "issued_at"));
    if (principal->user_id <= 0
        || (id.len
            && ngx_leadgen_uuid_parse(&id, principal->session) != NGX_OK)
        || ngx_leadgen_token_issue(r->pool, mcf->keys, principal, &token)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->in_cookies) {
        return ngx_leadgen_session_cookies(r, &token, refresh_token, user);
    }

    reply = json_pack("{s:s%, s:s, s:i, s:o*, s:O}",
                      "access_token", token.data, token.len,
                      "token_type", "Bearer",
                      "expires_in", NGX_LEADGEN_TOKEN_LIFETIME,
                      "refresh_token",
                      refresh_token
                      ? ngx_leadgen_json_text(r->pool, refresh_token) : NULL,
                      "user", user);

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK, reply);
}


/* No script of a page needs to see the tokens, so none can lose them. */

static ngx_int_t
ngx_leadgen_session_cookies(ngx_http_request_t *r, const ngx_str_t *access,
    const ngx_str_t *refresh, json_t *user)
{
    if (refresh == NULL
        || ngx_leadgen_credential_keep(r, access, refresh) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK,
        json_pack("{s:s, s:i, s:O}",
                  "token_type", "Cookie",
                  "expires_in", NGX_LEADGEN_TOKEN_LIFETIME,
                  "user", user));
}


ngx_int_t
ngx_leadgen_session_logout(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    const ngx_leadgen_endpoint_t  *endpoint;

    endpoint = ctx->match.rule->endpoint;

    return ngx_leadgen_sql_submit(r, ctx, endpoint->statement, "body",
                                  json_incref(body),
                                  ngx_leadgen_session_ended);
}


static ngx_int_t
ngx_leadgen_session_ended(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    if (call->result == NGX_LEADGEN_CALL_OK
        && r->headers_in.authorization == NULL
        && ctx->authorization.len == 0
        && ngx_leadgen_credential_forget(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_sql_done(r, ctx, call);
}
