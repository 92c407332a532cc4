
/*
 * The filters: an answer goes in, and comes out with its request id, once it is
 * on record.
 */


#include "ngx_leadgen_ctx.h"


static ngx_int_t ngx_leadgen_filter_header(ngx_http_request_t *r);
static ngx_int_t ngx_leadgen_filter_body(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_leadgen_filter_id(ngx_http_request_t *r,
    const ngx_str_t *id);


static ngx_http_output_header_filter_pt  ngx_leadgen_filter_next;
static ngx_http_output_body_filter_pt    ngx_leadgen_filter_next_body;

static const ngx_str_t  ngx_leadgen_filter_name = ngx_string("X-Request-Id");


void
ngx_leadgen_filter_install(void)
{
    ngx_leadgen_filter_next = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_leadgen_filter_header;

    ngx_leadgen_filter_next_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_leadgen_filter_body;
}


static ngx_int_t
ngx_leadgen_filter_header(ngx_http_request_t *r)
{
    ngx_leadgen_ctx_t        *ctx;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (mcf->zone == NULL || r != r->main) {
        return ngx_leadgen_filter_next(r);
    }

    ctx = ngx_leadgen_ctx(r);

    if (ctx == NULL || ngx_leadgen_filter_id(r, &ctx->id_text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_leadgen_cors_answer(r) != NGX_OK
        || (r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS
            && ngx_leadgen_websocket_watch(r, ctx) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_leadgen_extract_may_respond(r, ctx)) {
        return ngx_leadgen_hold_until_seen(r, ctx);
    }

    return ngx_leadgen_filter_record(r, ctx, NULL);
}


ngx_int_t
ngx_leadgen_filter_record(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_chain_t *body)
{
    ngx_int_t  rc;

    rc = ngx_leadgen_audit_record(r, ctx, r->headers_out.status);

    if (rc == NGX_AGAIN) {
        rc = ngx_leadgen_hold_header(r, ctx);
    }

    switch (rc) {

    case NGX_OK:
        return ngx_leadgen_filter_send(r, body);

    case NGX_AGAIN:
        return body ? ngx_leadgen_hold_body(r, ctx, body) : NGX_OK;

    case NGX_DECLINED:
        return ngx_http_filter_finalize_request(r, NULL,
                                                NGX_HTTP_SERVICE_UNAVAILABLE);

    default:
        return NGX_ERROR;
    }
}


/* What subrequests bring is held, too. */

static ngx_int_t
ngx_leadgen_filter_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_leadgen_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_leadgen_module);

    if (ctx && ctx->hold) {
        return ngx_leadgen_hold_body(r, ctx, in);
    }

    return ngx_leadgen_filter_next_body(r, in);
}


ngx_int_t
ngx_leadgen_filter_send(ngx_http_request_t *r, ngx_chain_t *body)
{
    ngx_int_t  rc;

    rc = ngx_leadgen_filter_next(r);

    if (rc == NGX_ERROR || rc > NGX_OK || body == NULL) {
        return rc;
    }

    return ngx_leadgen_filter_next_body(r, body);
}


/* There is one id, ours: what an upstream said under that name is dropped. */

static ngx_int_t
ngx_leadgen_filter_id(ngx_http_request_t *r, const ngx_str_t *id)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len == ngx_leadgen_filter_name.len
                && (header[i].key.data[0] | 0x20) == 'x'
                && ngx_strncasecmp(header[i].key.data,
                                   ngx_leadgen_filter_name.data,
                                   ngx_leadgen_filter_name.len) == 0)
            {
                header[i].hash = 0;
            }
        }
    }

    return ngx_leadgen_reply_header_plain(r, "X-Request-Id", id);
}
