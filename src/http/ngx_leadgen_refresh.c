
/*
 * Refreshing: a refresh token goes in, its successor and an access token come
 * out.  The successor follows from the token, so that who asks twice, because
 * an answer was lost, gets the same one twice; only hashes are stored.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_REFRESH_TOKEN_MAX  128  /* bytes */


static ngx_int_t ngx_leadgen_refresh_done(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_refresh_submit(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, const ngx_str_t *token);
static ngx_int_t ngx_leadgen_refresh_tokens(ngx_http_request_t *r,
    const ngx_str_t *token, ngx_str_t *successor, json_t **member);


static const char  ngx_leadgen_refresh_statement[] =
    "select status, body, location, audited from api.refresh($1::jsonb)";


ngx_int_t
ngx_leadgen_refresh_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    ngx_str_t              token;
    ngx_leadgen_problem_e  problem;

    token = ngx_leadgen_json_string(body, "refresh_token");

    if (json_object_size(body) == 0) {
        problem = ngx_leadgen_credential_refresh_token(r, ctx, &token);

        if (problem == NGX_LEADGEN_PROBLEM_NONE) {
            ctx->in_cookies = 1;
            return ngx_leadgen_refresh_submit(r, ctx, &token);
        }

        if (problem != NGX_LEADGEN_PROBLEM_UNAUTHENTICATED) {
            return ngx_leadgen_reply_problem(r, problem, NULL, NULL);
        }
    }

    if (token.len == 0 || token.len > NGX_LEADGEN_REFRESH_TOKEN_MAX) {
        return ngx_leadgen_reply_field(r, "refresh_token",
                                       "The refresh token, as login or the "
                                       "last refresh gave it.");
    }

    if (json_object_size(body) != 1) {
        return ngx_leadgen_reply_field(r, ngx_leadgen_body_other(body,
                                              "refresh_token", NULL),
                                       "There is no such field.");
    }

    return ngx_leadgen_refresh_submit(r, ctx, &token);
}


static ngx_int_t
ngx_leadgen_refresh_submit(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    const ngx_str_t *token)
{
    json_t  *member;

    if (token->len > NGX_LEADGEN_REFRESH_TOKEN_MAX
        || ngx_leadgen_refresh_tokens(r, token, &ctx->secret, &member)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_sql_submit(r, ctx, ngx_leadgen_refresh_statement,
                                  "refresh", member,
                                  ngx_leadgen_refresh_done);
}


static ngx_int_t
ngx_leadgen_refresh_tokens(ngx_http_request_t *r, const ngx_str_t *token,
    ngx_str_t *successor, json_t **member)
{
    ngx_str_t                 hash, next;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (ngx_leadgen_token_successor(r->pool, mcf->keys, token, successor)
           != NGX_OK
        || ngx_leadgen_token_hash(r->pool, token, &hash) != NGX_OK
        || ngx_leadgen_token_hash(r->pool, successor, &next) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *member = json_pack("{s:s%, s:s%}",
                        "token_hash", hash.data, hash.len,
                        "new_token_hash", next.data, next.len);

    return *member ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_refresh_done(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_int_t  status;

    status = ngx_leadgen_sql_status(ctx, call);

    if (status == NGX_HTTP_OK) {
        return ngx_leadgen_session_reply(r, ctx, call, &ctx->secret);
    }

    if (status == NGX_HTTP_UNAUTHORIZED) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_TOKEN_REVOKED,
                                         NULL, NULL);
    }

    return ngx_leadgen_sql_refused(r, call);
}
