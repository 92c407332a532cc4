
/*
 * Export: a request for the whole log that a query finds goes in, pages of it
 * come out as fast as the client takes them, one in memory at a time.
 */


#include "ngx_leadgen_ctx.h"


typedef enum {
    NGX_LEADGEN_EXPORT_ROWS = 0,
    NGX_LEADGEN_EXPORT_NEXT,                /* NULL: that was all */
    NGX_LEADGEN_EXPORT_AUDITED,
    NGX_LEADGEN_EXPORT_NCOLS
} ngx_leadgen_export_column_e;


typedef struct {
    ngx_str_t                  type;
    ngx_str_t                  name;        /* for SQL, and of the file */
} ngx_leadgen_export_format_t;


/* Lifetime: request; of page: until the client has all of it. */

typedef struct {
    ngx_http_request_t        *request;
    ngx_str_t                  question;    /* of every page */
    u_char                     after[64];   /* the page before ended there */
    size_t                     after_len;
    ngx_pool_t                *page;
    ngx_uint_t                 last;
} ngx_leadgen_export_t;


static const ngx_leadgen_export_format_t *ngx_leadgen_export_format(
    ngx_http_request_t *r);
static ngx_int_t ngx_leadgen_export_ask(ngx_leadgen_export_t *export);
static void ngx_leadgen_export_done(ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_export_page(ngx_leadgen_export_t *export,
    ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_export_header(ngx_http_request_t *r,
    ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_export_send(ngx_leadgen_export_t *export,
    const ngx_str_t *rows);
static ngx_int_t ngx_leadgen_export_go_on(ngx_leadgen_export_t *export);
static ngx_int_t ngx_leadgen_export_cut(ngx_http_request_t *r);
static ngx_int_t ngx_leadgen_export_wait(ngx_http_request_t *r);
static void ngx_leadgen_export_writable(ngx_http_request_t *r);
static void ngx_leadgen_export_cleanup(void *data);


static const char  ngx_leadgen_export_statement[] =
    "select rows, next, audited from api.audit_export($1::jsonb, $2)";


static const ngx_leadgen_export_format_t  ngx_leadgen_export_formats[] = {
    { ngx_string("text/csv"), ngx_string("csv") },
    { ngx_string("application/x-ndjson"), ngx_string("ndjson") }
};


ngx_int_t
ngx_leadgen_export_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    ngx_int_t                           rc;
    ngx_pool_cleanup_t                 *cln;
    ngx_leadgen_export_t               *export;
    const ngx_leadgen_export_format_t  *format;

    format = ngx_leadgen_export_format(r);

    if (format == NULL) {
        return ngx_leadgen_sql_serve(r, ctx, body);
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_leadgen_export_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    export = cln->data;
    ngx_memzero(export, sizeof(ngx_leadgen_export_t));
    export->request = r;
    cln->handler = ngx_leadgen_export_cleanup;

    rc = ngx_leadgen_sql_question(r, ctx, "format",
                                  json_string((char *) format->name.data),
                                  &export->question);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    ctx->state = export;

    if (ngx_leadgen_export_ask(export) != NGX_OK) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_DATABASE_AWAY,
                                         NULL, NULL);
    }

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    return NGX_DONE;
}


/* The format that the client names; NULL: neither, so JSON. */

static const ngx_leadgen_export_format_t *
ngx_leadgen_export_format(ngx_http_request_t *r)
{
    ngx_uint_t        i, n;
    const ngx_str_t  *accept;

    accept = ngx_leadgen_credential_header(r, "Accept");

    if (accept == NULL) {
        return NULL;
    }

    n = sizeof(ngx_leadgen_export_formats)
        / sizeof(ngx_leadgen_export_formats[0]);

    for (i = 0; i < n; i++) {

        if (ngx_strcasestrn(accept->data,
                            (char *) ngx_leadgen_export_formats[i].type.data,
                            ngx_leadgen_export_formats[i].type.len - 1))
        {
            return &ngx_leadgen_export_formats[i];
        }
    }

    return NULL;
}


/* Asks for the next page; what the page before took is free by then. */

static ngx_int_t
ngx_leadgen_export_ask(ngx_leadgen_export_t *export)
{
    ngx_leadgen_call_t  *call;

    if (ngx_leadgen_worker.database == NULL) {
        return NGX_BUSY;
    }

    ngx_leadgen_export_cleanup(export);

    export->page = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (export->page == NULL) {
        return NGX_ERROR;
    }

    call = ngx_leadgen_call_create(export->page, 2);
    if (call == NULL) {
        return NGX_ERROR;
    }

    call->done = ngx_leadgen_export_done;
    call->data = export;
    call->statement = ngx_leadgen_export_statement;
    call->args[0] = export->question;

    if (export->after_len) {
        call->args[1].data = export->after;
        call->args[1].len = export->after_len;
    }

    return ngx_leadgen_call_submit(ngx_leadgen_worker.database, call, 0);
}


static void
ngx_leadgen_export_done(ngx_leadgen_call_t *call)
{
    ngx_int_t              rc;
    ngx_connection_t      *c;
    ngx_http_request_t    *r;
    ngx_leadgen_export_t  *export;

    export = call->data;
    r = export->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = ngx_leadgen_export_page(export, call);

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


/* NGX_AGAIN: it goes on; else what to finalize with. */

static ngx_int_t
ngx_leadgen_export_page(ngx_leadgen_export_t *export, ngx_leadgen_call_t *call)
{
    ngx_int_t            rc;
    ngx_str_t           *value;
    ngx_http_request_t  *r;

    r = export->request;
    value = call->values;

    if (call->result != NGX_LEADGEN_CALL_OK || call->nrows != 1
        || call->ncols != NGX_LEADGEN_EXPORT_NCOLS
        || value[NGX_LEADGEN_EXPORT_NEXT].len > sizeof(export->after))
    {
        if (!r->header_sent) {
            return ngx_leadgen_sql_refused(r, call);
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "leadgen: export: cut short, a page could not be read");

        return ngx_leadgen_export_cut(r);
    }

    if (!r->header_sent) {
        rc = ngx_leadgen_export_header(r, call);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            return rc;
        }
    }

    export->after_len = value[NGX_LEADGEN_EXPORT_NEXT].len;
    export->last = (export->after_len == 0);
    ngx_memcpy(export->after, value[NGX_LEADGEN_EXPORT_NEXT].data,
               export->after_len);

    if (ngx_leadgen_export_send(export, &value[NGX_LEADGEN_EXPORT_ROWS])
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return ngx_leadgen_export_go_on(export);
}


static ngx_int_t
ngx_leadgen_export_header(ngx_http_request_t *r, ngx_leadgen_call_t *call)
{
    u_char                             *p;
    ngx_str_t                           value, *audited;
    ngx_leadgen_ctx_t                  *ctx;
    const ngx_leadgen_export_format_t  *format;

    ctx = ngx_leadgen_ctx(r);
    format = ngx_leadgen_export_format(r);
    audited = &call->values[NGX_LEADGEN_EXPORT_AUDITED];

    if (audited->len == 1 && audited->data[0] == 't') {
        ngx_leadgen_audit_is_stored(ctx);
    }

    p = ngx_pnalloc(r->pool, sizeof("attachment; filename=\"audit-logs-"
                                    "2026-11-23.ndjson\"") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    p = ngx_cpymem(p, "attachment; filename=\"audit-logs-",
                   sizeof("attachment; filename=\"audit-logs-") - 1);
    p = ngx_cpymem(p, ngx_cached_http_log_iso8601.data,
                   sizeof("2026-11-23") - 1);
    p = ngx_sprintf(p, ".%V\"", &format->name);
    value.len = p - value.data;

    if (ngx_leadgen_reply_header(r, "Content-Disposition", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "no-store");

    if (ngx_leadgen_reply_header(r, "Cache-Control", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "Accept");

    if (ngx_leadgen_reply_header(r, "Vary", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    r->headers_out.content_type = format->type;
    r->headers_out.content_type_len = format->type.len;
    ngx_str_set(&r->headers_out.charset, "utf-8");

    /* the end of a page must not wait for the client's word on its start */

    if (r->stream == NULL && ngx_tcp_nodelay(r->connection) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_send_header(r);
}


/* The rows go away with the call, the client takes them later. */

static ngx_int_t
ngx_leadgen_export_send(ngx_leadgen_export_t *export, const ngx_str_t *rows)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (rows->len == 0) {
        return NGX_OK;
    }

    b = ngx_create_temp_buf(export->page, rows->len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, rows->data, rows->len);
    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(export->request, &out);
}


static ngx_int_t
ngx_leadgen_export_go_on(ngx_leadgen_export_t *export)
{
    ngx_http_request_t  *r;

    r = export->request;

    if (r->buffered || r->connection->buffered) {
        return ngx_leadgen_export_wait(r);
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    if (export->last) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    if (ngx_leadgen_export_ask(export) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "leadgen: export: cut short, the database is away");

        return ngx_leadgen_export_cut(r);
    }

    return NGX_AGAIN;
}


/*
 * Without the last chunk the client sees that something is missing; one of
 * HTTP/1.0 sees it by the reset alone.
 */

static ngx_int_t
ngx_leadgen_export_cut(ngx_http_request_t *r)
{
    struct linger  reset;

    if (r->http_version < NGX_HTTP_VERSION_11) {
        reset.l_onoff = 1;
        reset.l_linger = 0;

        (void) setsockopt(r->connection->fd, SOL_SOCKET, SO_LINGER, &reset,
                          sizeof(reset));
    }

    return NGX_ERROR;
}


/* As nginx's own writer: the client has send_timeout for each step. */

static ngx_int_t
ngx_leadgen_export_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    r->write_event_handler = ngx_leadgen_export_writable;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat) == NGX_OK
           ? NGX_AGAIN : NGX_ERROR;
}


static void
ngx_leadgen_export_writable(ngx_http_request_t *r)
{
    ngx_int_t          rc;
    ngx_event_t       *wev;
    ngx_connection_t  *c;

    c = r->connection;
    wev = c->write;

    if (wev->timedout) {
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed) {
        rc = ngx_leadgen_export_wait(r);

    } else {
        rc = ngx_http_output_filter(r, NULL);

        if (rc != NGX_ERROR) {

            if (wev->timer_set && !wev->delayed
                && !r->buffered && !c->buffered)
            {
                ngx_del_timer(wev);
            }

            rc = ngx_leadgen_export_go_on(ngx_leadgen_ctx(r)->state);
        }
    }

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}


static void
ngx_leadgen_export_cleanup(void *data)
{
    ngx_leadgen_export_t  *export = data;

    if (export->page) {
        ngx_destroy_pool(export->page);
        export->page = NULL;
    }
}
