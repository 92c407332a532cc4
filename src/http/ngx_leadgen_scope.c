
/*
 * Scopes: a request goes in, the trace that it belongs to comes out, for the
 * upstream and for what is told to Sentry.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_SCOPE_BAGGAGE  4096     /* bytes that are passed on */
#define NGX_LEADGEN_SCOPE_BUCKETS  256


typedef enum {
    NGX_LEADGEN_SCOPE_SENTRY = 0,
    NGX_LEADGEN_SCOPE_BAGGAGE_NAME,
    NGX_LEADGEN_SCOPE_W3C,
    NGX_LEADGEN_SCOPE_NNAMES
} ngx_leadgen_scope_name_e;


static ngx_leadgen_header_t  ngx_leadgen_scope_names[] = {
    ngx_leadgen_header("sentry-trace"),
    ngx_leadgen_header("baggage"),
    ngx_leadgen_header("traceparent")
};

static ngx_leadgen_headers_t  ngx_leadgen_scope_headers = {
    ngx_leadgen_scope_names, NGX_LEADGEN_SCOPE_NNAMES, 0, 0
};


static void ngx_leadgen_scope_trace(ngx_http_request_t *r,
    const ngx_leadgen_sentry_conf_t *sentry, ngx_leadgen_scope_t *scope,
    ngx_leadgen_ctx_t *ctx);
static void ngx_leadgen_scope_keep(ngx_leadgen_scope_t *scope,
    ngx_atomic_uint_t connection);
static ngx_int_t ngx_leadgen_scope_baggage(ngx_http_request_t *r,
    ngx_str_t *baggage);
static void ngx_leadgen_scope_untab(u_char *dst, const ngx_str_t *src);
static ngx_int_t ngx_leadgen_scope_propagate(ngx_http_request_t *r,
    const ngx_leadgen_main_conf_t *mcf, ngx_leadgen_scope_t *scope);


/* Lifetime: worker.  Scopes that are alive, by their connections. */

static ngx_queue_t  ngx_leadgen_scope_alive[NGX_LEADGEN_SCOPE_BUCKETS];


ngx_int_t
ngx_leadgen_scope_start(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_leadgen_scope_t          *scope;
    ngx_leadgen_main_conf_t      *mcf;
    ngx_leadgen_location_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    if (ctx->scope || !lcf->sentry) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    scope = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_scope_t)
                                 + mcf->sentry.max_breadcrumbs
                                   * sizeof(ngx_leadgen_crumb_t));
    if (scope == NULL) {
        return NGX_ERROR;
    }

    scope->request = r;
    scope->ctx = ctx;
    scope->began = ngx_leadgen_histogram_now();
    scope->crumbs.ring = (ngx_leadgen_crumb_t *) (scope + 1);
    scope->crumbs.max = mcf->sentry.max_breadcrumbs;
    ngx_leadgen_scope_keep(scope, r->connection->number);

    ngx_leadgen_trace_random(scope->span_id, sizeof(scope->span_id));
    ngx_leadgen_trace_random(scope->upstream_id, sizeof(scope->upstream_id));

    ngx_leadgen_scope_trace(r, &mcf->sentry, scope, ctx);
    ctx->scope = scope;

    return ngx_leadgen_scope_propagate(r, mcf, scope);
}


static void
ngx_leadgen_scope_keep(ngx_leadgen_scope_t *scope,
    ngx_atomic_uint_t connection)
{
    ngx_queue_t  *bucket;

    bucket = &ngx_leadgen_scope_alive[connection % NGX_LEADGEN_SCOPE_BUCKETS];

    if (bucket->next == NULL) {
        ngx_queue_init(bucket);
    }

    scope->connection = connection;
    ngx_queue_insert_head(bucket, &scope->queue);
}


/* Requests of HTTP/2 share a connection: whose a line is nobody can tell. */

ngx_leadgen_scope_t *
ngx_leadgen_scope_find(ngx_atomic_uint_t connection)
{
    ngx_queue_t          *bucket, *q;
    ngx_leadgen_scope_t  *scope, *found;

    found = NULL;
    bucket = &ngx_leadgen_scope_alive[connection % NGX_LEADGEN_SCOPE_BUCKETS];

    if (bucket->next == NULL) {
        return NULL;
    }

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        scope = ngx_queue_data(q, ngx_leadgen_scope_t, queue);

        if (scope->connection == connection) {

            if (found) {
                return NULL;
            }

            found = scope;
        }
    }

    return found;
}


void
ngx_leadgen_scope_end(ngx_leadgen_scope_t *scope)
{
    ngx_queue_remove(&scope->queue);
    ngx_leadgen_errorlog_leave(scope);
}


/*
 * A trace that begins here has the request's id for its own, so that whoever
 * has one finds the other.  A caller's decision to sample counts unless there
 * are no transactions at all.
 */

static void
ngx_leadgen_scope_trace(ngx_http_request_t *r,
    const ngx_leadgen_sentry_conf_t *sentry, ngx_leadgen_scope_t *scope,
    ngx_leadgen_ctx_t *ctx)
{
    const ngx_str_t      *value;
    ngx_leadgen_trace_t  *trace;

    trace = &scope->trace;

    value = ngx_leadgen_credential_header(r, "sentry-trace");

    if (value && ngx_leadgen_trace_parse_sentry(value, trace) == NGX_OK) {
        scope->continued = 1;

    } else {
        value = ngx_leadgen_credential_header(r, "traceparent");

        if (value && ngx_leadgen_trace_parse_w3c(value, trace) == NGX_OK) {
            scope->continued = 1;
        }
    }

    if (!scope->continued) {
        ngx_leadgen_trace_start(trace);
        ngx_memcpy(trace->trace_id, ctx->id, sizeof(trace->trace_id));
    }

    if (sentry->traces_sample_rate == 0) {

        if (!scope->continued) {
            trace->sampled = NGX_LEADGEN_TRACE_UNDECIDED;
        }

        return;
    }

    if (trace->sampled == NGX_LEADGEN_TRACE_UNDECIDED) {
        trace->sampled =
            ngx_leadgen_trace_is_chosen(trace, sentry->traces_sample_rate)
            ? NGX_LEADGEN_TRACE_SAMPLED : NGX_LEADGEN_TRACE_NOT_SAMPLED;
    }
}


/*
 * What came in several headers is one list.  A tab in it is a blank (W3C
 * Baggage, 3.3.1.1), and a header with other control bytes is left out.
 */

static ngx_int_t
ngx_leadgen_scope_baggage(ngx_http_request_t *r, ngx_str_t *baggage)
{
    size_t            n;
    ngx_uint_t        i;
    ngx_str_t        *key, added;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;
    const ngx_str_t  *name;

    name = &ngx_leadgen_scope_names[NGX_LEADGEN_SCOPE_BAGGAGE_NAME].key;
    baggage->len = 0;

    baggage->data = ngx_pnalloc(r->pool, NGX_LEADGEN_SCOPE_BAGGAGE);
    if (baggage->data == NULL) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            key = &header[i].key;

            if (key->len != name->len
                || ngx_strncasecmp(key->data, name->data, name->len) != 0
                || header[i].value.len + 1 > NGX_LEADGEN_SCOPE_BAGGAGE
                                             - baggage->len)
            {
                continue;
            }

            n = (baggage->len != 0);
            added.data = baggage->data + baggage->len + n;
            added.len = header[i].value.len;

            ngx_leadgen_scope_untab(added.data, &header[i].value);

            if (ngx_leadgen_text_holds(&added) & NGX_LEADGEN_TEXT_CONTROL) {
                continue;
            }

            if (n) {
                baggage->data[baggage->len++] = ',';
            }

            baggage->len += added.len;
        }
    }

    return NGX_OK;
}


static void
ngx_leadgen_scope_untab(u_char *dst, const ngx_str_t *src)
{
    size_t  i;

    for (i = 0; i < src->len; i++) {
        dst[i] = src->data[i] == '\t' ? ' ' : src->data[i];
    }
}


static ngx_int_t
ngx_leadgen_scope_propagate(ngx_http_request_t *r,
    const ngx_leadgen_main_conf_t *mcf, ngx_leadgen_scope_t *scope)
{
    u_char                      *p, *last;
    ngx_str_t                    baggage, value[NGX_LEADGEN_SCOPE_NNAMES];
    ngx_uint_t                   i;
    ngx_leadgen_trace_origin_t   origin;

    ngx_str_null(&baggage);

    if (ngx_leadgen_credential_header(r, "baggage")
        && ngx_leadgen_scope_baggage(r, &baggage) != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, 2 * NGX_LEADGEN_TRACE_TEXT + baggage.len + 512);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = p + 2 * NGX_LEADGEN_TRACE_TEXT + baggage.len + 512;

    origin.public_key = mcf->shipping.dsn.key;
    origin.environment = mcf->sentry.environment;
    origin.release = mcf->sentry.release;

    value[NGX_LEADGEN_SCOPE_SENTRY].data = p;
    p = ngx_leadgen_trace_format_sentry(p, &scope->trace, scope->upstream_id);
    value[NGX_LEADGEN_SCOPE_W3C].data = p;
    p = ngx_leadgen_trace_format_w3c(p, &scope->trace, scope->upstream_id);
    value[NGX_LEADGEN_SCOPE_BAGGAGE_NAME].data = p;
    p = ngx_leadgen_trace_format_baggage(p, last, &baggage, &scope->trace,
                                         scope->continued, &origin);

    value[NGX_LEADGEN_SCOPE_SENTRY].len = value[NGX_LEADGEN_SCOPE_W3C].data
                                        - value[NGX_LEADGEN_SCOPE_SENTRY].data;
    value[NGX_LEADGEN_SCOPE_W3C].len =
        value[NGX_LEADGEN_SCOPE_BAGGAGE_NAME].data
        - value[NGX_LEADGEN_SCOPE_W3C].data;
    value[NGX_LEADGEN_SCOPE_BAGGAGE_NAME].len =
        p - value[NGX_LEADGEN_SCOPE_BAGGAGE_NAME].data;

    if (ngx_leadgen_headers_remove(r, &ngx_leadgen_scope_headers) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_LEADGEN_SCOPE_NNAMES; i++) {

        if (value[i].len
            && ngx_leadgen_headers_push(r, &ngx_leadgen_scope_names[i],
                                        &value[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


json_t *
ngx_leadgen_scope_trace_json(const ngx_leadgen_ctx_t *ctx)
{
    u_char  *last, text[NGX_LEADGEN_TRACE_TEXT];

    if (ctx->scope == NULL) {
        return NULL;
    }

    last = ngx_leadgen_trace_format_sentry(text, &ctx->scope->trace,
                                           ctx->scope->span_id);

    return json_stringn((char *) text, last - text);
}
