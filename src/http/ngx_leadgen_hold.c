
/*
 * Holding: an answer whose event is not on the disk yet, or needs to know its
 * body, goes in, and comes out as it was; when the disk fails the client gets
 * none.
 */


#include "ngx_leadgen_ctx.h"


/* of the connection's bits those that nginx itself does not use */
#define NGX_LEADGEN_HOLD_BUFFERED  0x40


/* Lifetime: request. */

struct ngx_leadgen_hold_s {
    ngx_leadgen_sync_waiter_t    waiter;
    ngx_chain_t                 *body;
    ngx_buf_t                   *seen;      /* NULL: it waits for the disk */
};


static ngx_int_t ngx_leadgen_hold_see(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_leadgen_hold_seen(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_chain_t *rest);
static void ngx_leadgen_hold_begin(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_hold_t *hold);
static void ngx_leadgen_hold_end(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);
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

    rc = ngx_leadgen_sync_wait(&hold->waiter);

    if (rc == NGX_AGAIN) {
        ngx_leadgen_hold_begin(r, ctx, hold);
    }

    return rc;
}


ngx_int_t
ngx_leadgen_hold_until_seen(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_leadgen_hold_t  *hold;

    hold = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_hold_t));
    if (hold == NULL) {
        return NGX_ERROR;
    }

    hold->seen = ngx_create_temp_buf(r->pool, NGX_LEADGEN_CAPTURE_BODY);
    if (hold->seen == NULL) {
        return NGX_ERROR;
    }

    ngx_leadgen_hold_begin(r, ctx, hold);

    return NGX_OK;
}


static void
ngx_leadgen_hold_begin(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_hold_t *hold)
{
    ctx->hold = hold;

    /* as far as others are concerned */
    r->header_sent = 1;
    r->connection->buffered |= NGX_LEADGEN_HOLD_BUFFERED;
}


static void
ngx_leadgen_hold_end(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ctx->hold = NULL;

    r->header_sent = 0;
    r->connection->buffered &= ~NGX_LEADGEN_HOLD_BUFFERED;
}


ngx_int_t
ngx_leadgen_hold_body(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_chain_t *in)
{
    if (ctx->hold->seen) {
        return ngx_leadgen_hold_see(r, ctx, in);
    }

    if (ngx_chain_add_copy(r->pool, &ctx->hold->body, in) != NGX_OK) {
        return NGX_ERROR;
    }

    r->connection->buffered |= NGX_LEADGEN_HOLD_BUFFERED;

    return NGX_AGAIN;
}


/* Its buffers are given back: an upstream may have no others. */

static ngx_int_t
ngx_leadgen_hold_see(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_buf_t    *b, *seen;
    ngx_chain_t  *cl;

    seen = ctx->hold->seen;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (r != r->main
            || (ngx_buf_size(b) && !ngx_buf_in_memory(b))
            || ngx_buf_size(b) > seen->end - seen->last)
        {
            ctx->event.truncated = 1;
            return ngx_leadgen_hold_seen(r->main, ctx, cl);
        }

        if (ngx_buf_in_memory(b)) {
            seen->last = ngx_cpymem(seen->last, b->pos, b->last - b->pos);
            b->pos = b->last;
        }

        if (b->last_buf) {
            seen->last_buf = 1;
            return ngx_leadgen_hold_seen(r, ctx, NULL);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_hold_seen(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_chain_t *rest)
{
    ngx_buf_t    *seen;
    ngx_str_t     text;
    ngx_chain_t  *cl;

    seen = ctx->hold->seen;

    ngx_leadgen_hold_end(r, ctx);

    text.data = seen->pos;
    text.len = seen->last - seen->pos;

    if (seen->last_buf) {
        ngx_leadgen_extract(r->pool, ctx, &text, 1);
    }

    seen->temporary = (text.len != 0);
    seen->last_in_chain = seen->last_buf;

    if (text.len == 0 && !seen->last_buf) {
        return ngx_leadgen_filter_record(r, ctx, rest);
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = seen;
    cl->next = rest;

    return ngx_leadgen_filter_record(r, ctx, cl);
}


void
ngx_leadgen_hold_cleanup(ngx_leadgen_ctx_t *ctx)
{
    if (ctx->hold) {
        ngx_leadgen_sync_leave(&ctx->hold->waiter);
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

    ngx_leadgen_hold_end(r, ctx);

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
