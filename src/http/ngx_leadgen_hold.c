
/*
 * Holding: an answer whose event is not on the disk yet goes in, and comes out
 * as it was once it is; when the disk fails the client gets none.
 */


#include "ngx_leadgen_ctx.h"


/* of the connection's bits those that nginx itself does not use */
#define NGX_LEADGEN_HOLD_BUFFERED  0x40


/* Lifetime: request. */

struct ngx_leadgen_hold_s {
    ngx_leadgen_event_waiter_t   waiter;
    ngx_chain_t                 *body;
};


static void ngx_leadgen_hold_synced(void *data, ngx_int_t rc);


ngx_int_t
ngx_leadgen_hold_header(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_leadgen_hold_t  *hold;

    hold = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_hold_t));
    if (hold == NULL) {
        return NGX_ERROR;
    }

    hold->waiter.handler = ngx_leadgen_hold_synced;
    hold->waiter.data = r;

    rc = ngx_leadgen_event_sync(&hold->waiter);

    if (rc == NGX_AGAIN) {
        ctx->hold = hold;

        /* as far as others are concerned */
        r->header_sent = 1;
        r->connection->buffered |= NGX_LEADGEN_HOLD_BUFFERED;
    }

    return rc;
}


ngx_int_t
ngx_leadgen_hold_body(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_chain_t *in)
{
    if (ngx_chain_add_copy(r->pool, &ctx->hold->body, in) != NGX_OK) {
        return NGX_ERROR;
    }

    r->connection->buffered |= NGX_LEADGEN_HOLD_BUFFERED;

    return NGX_AGAIN;
}


void
ngx_leadgen_hold_cleanup(ngx_leadgen_ctx_t *ctx)
{
    if (ctx->hold) {
        ngx_leadgen_event_unsync(&ctx->hold->waiter);
        ctx->hold = NULL;
    }
}


/* What is left to be sent is up to the request's own write handler. */

static void
ngx_leadgen_hold_synced(void *data, ngx_int_t rc)
{
    ngx_http_request_t  *r = data;

    ngx_chain_t        *body;
    ngx_connection_t   *c;
    ngx_leadgen_ctx_t  *ctx;

    c = r->connection;
    ctx = ngx_leadgen_ctx(r);
    body = ctx->hold->body;

    ctx->hold = NULL;
    c->buffered &= ~NGX_LEADGEN_HOLD_BUFFERED;
    r->header_sent = 0;

    if (rc == NGX_OK) {
        rc = ngx_leadgen_filter_send(r, body);

    } else {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "leadgen: hold: an answer is not sent, because its "
                      "event could not be synced");
        rc = NGX_ERROR;
    }

    if (rc == NGX_ERROR || rc > NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);

    } else {
        ngx_post_event(c->write, &ngx_posted_events);
    }

    ngx_http_run_posted_requests(c);
}
