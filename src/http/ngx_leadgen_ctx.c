
/*
 * A request's state: a request goes in, the one state of its main request comes
 * out.
 */


#include "ngx_leadgen_ctx.h"


static void ngx_leadgen_ctx_cleanup(void *data);


ngx_leadgen_ctx_t *
ngx_leadgen_ctx(ngx_http_request_t *r)
{
    ngx_leadgen_ctx_t   *ctx;
    ngx_pool_cleanup_t  *cln;

    r = r->main;

    ctx = ngx_http_get_module_ctx(r, ngx_leadgen_module);
    if (ctx) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_leadgen_ctx_cleanup) {
            ngx_http_set_ctx(r, cln->data, ngx_leadgen_module);
            return cln->data;
        }
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_leadgen_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, offsetof(ngx_leadgen_ctx_t, id_buffer));
    cln->handler = ngx_leadgen_ctx_cleanup;

    ctx->started = ngx_leadgen_time_monotonic();

    ngx_leadgen_uuid_mint_at(ctx->id, ngx_leadgen_time_of(ctx->started));
    ctx->id_text.data = ctx->id_buffer;
    ctx->id_text.len = NGX_LEADGEN_UUID_TEXT;
    (void) ngx_leadgen_uuid_format(ctx->id_buffer, ctx->id);

    ngx_http_set_ctx(r, ctx, ngx_leadgen_module);

    return ctx;
}


/* Room in the spool outlives no request. */

static void
ngx_leadgen_ctx_cleanup(void *data)
{
    ngx_leadgen_ctx_t  *ctx = data;

    ngx_leadgen_hold_cleanup(ctx);

    if (ctx->scope) {
        ngx_leadgen_scope_end(ctx->scope);
    }

    if (ctx->reserved) {
        ngx_leadgen_event_release(ctx->reserved);
        ctx->reserved = 0;
    }
}
