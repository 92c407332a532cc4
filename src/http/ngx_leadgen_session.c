
/*
 * Sessions: what SQL says of one goes in, the answer with its tokens comes out.
 */


#include "ngx_leadgen_ctx.h"


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
