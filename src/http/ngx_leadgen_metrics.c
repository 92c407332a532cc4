
/*
 * /metrics: what all workers have counted comes out, in Prometheus' text format
 * (version 0.0.4).
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_METRICS_LINE   512      /* bytes of a sample, at most; and
                                             * of what stands before a name's
                                             * first one */
#define NGX_LEADGEN_METRICS_BLOCK  (32 * 1024)


/* Lifetime: request. */

typedef struct {
    ngx_pool_t     *pool;
    ngx_chain_t    *first;
    ngx_chain_t   **last;
    ngx_buf_t      *buf;                    /* the one that is written to */
    const char     *name;                   /* of the sample before */
    ngx_uint_t      failed;
} ngx_leadgen_metrics_t;


static ngx_int_t ngx_leadgen_metrics_send(ngx_http_request_t *r,
    ngx_leadgen_metrics_t *out);
static void ngx_leadgen_metrics_rows(ngx_leadgen_metrics_t *out);
static void ngx_leadgen_metrics_workers(ngx_leadgen_metrics_t *out,
    ngx_uint_t metric);
static void ngx_leadgen_metrics_histograms(ngx_leadgen_metrics_t *out);
static void ngx_leadgen_metrics_series(ngx_leadgen_metrics_t *out);
static void ngx_leadgen_metrics_durations(ngx_leadgen_metrics_t *out);
static void ngx_leadgen_metrics_histogram(ngx_leadgen_metrics_t *out,
    const char *name, const char *labels,
    const ngx_leadgen_histogram_view_t *view);
static void ngx_leadgen_metrics_build(ngx_leadgen_metrics_t *out);
static void ngx_leadgen_metrics_services(ngx_leadgen_metrics_t *out,
    const ngx_leadgen_main_conf_t *mcf);
static void ngx_leadgen_metrics_head(ngx_leadgen_metrics_t *out,
    const char *name, const char *type, const char *help);
static void ngx_leadgen_metrics_sample(ngx_leadgen_metrics_t *out,
    const char *name, const char *labels, ngx_uint_t value);
static ngx_buf_t *ngx_leadgen_metrics_room(ngx_leadgen_metrics_t *out);


static const char  *ngx_leadgen_metrics_types[] = {
    "counter",                              /* COUNTER */
    "gauge",                                /* GAUGE */
    "gauge",                                /* SUM */
    "gauge",                                /* MAX */
    "gauge"                                 /* WORKER */
};


ngx_int_t
ngx_leadgen_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_leadgen_metrics_t     out;
    ngx_leadgen_main_conf_t  *mcf;

    rc = ngx_leadgen_health_takes(r, NGX_HTTP_GET|NGX_HTTP_HEAD);
    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SCRAPES, 1);

    ngx_memzero(&out, sizeof(ngx_leadgen_metrics_t));
    out.pool = r->pool;
    out.last = &out.first;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    ngx_leadgen_metrics_build(&out);

    if (mcf->health.enabled) {
        ngx_leadgen_metrics_services(&out, mcf);
    }

    ngx_leadgen_metrics_rows(&out);
    ngx_leadgen_metrics_histograms(&out);
    ngx_leadgen_metrics_series(&out);
    ngx_leadgen_metrics_durations(&out);

    return ngx_leadgen_metrics_send(r, &out);
}


static ngx_int_t
ngx_leadgen_metrics_send(ngx_http_request_t *r, ngx_leadgen_metrics_t *out)
{
    off_t         size = 0;
    ngx_int_t     rc;
    ngx_str_t     no_store = ngx_string("no-store");
    ngx_chain_t  *link;

    if (out->failed || out->buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (link = out->first; link; link = link->next) {
        size += link->buf->last - link->buf->pos;
    }

    out->buf->last_buf = (r == r->main);
    out->buf->last_in_chain = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = size;
    ngx_str_set(&r->headers_out.content_type,
                "text/plain; version=0.0.4; charset=utf-8");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (ngx_leadgen_reply_header(r, "Cache-Control", &no_store) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out->first);
}


/* Which module this is, so that a change in the others finds its cause. */

static void
ngx_leadgen_metrics_build(ngx_leadgen_metrics_t *out)
{
    ngx_leadgen_metrics_head(out, "build_info", "gauge",
                             "The module's version and nginx's, always 1");
    ngx_leadgen_metrics_sample(out, "build_info",
                               "version=\"" NGX_LEADGEN_VERSION "\","
                               "nginx=\"" NGINX_VERSION "\"", 1);
}


/* What health finds, for alerts. */

static void
ngx_leadgen_metrics_services(ngx_leadgen_metrics_t *out,
    const ngx_leadgen_main_conf_t *mcf)
{
    char                              labels[64];
    ngx_uint_t                        i, n;
    ngx_leadgen_status_t              status;
    const ngx_leadgen_health_conf_t  *health = &mcf->health;

    static const struct {
        const char  *name;
        const char  *help;
    } rows[] = {
        { "service_up", "Whether a service answered when it was last asked" },
        { "service_latency_seconds", "How long its answer took" }
    };

    ngx_leadgen_metrics_head(out, "ready", "gauge",
                             "Whether the gateway should be sent requests");
    ngx_leadgen_metrics_sample(out, "ready", "",
                               ngx_leadgen_readiness_is_ready(mcf));

    for (n = 0; n < 2; n++) {
        ngx_leadgen_metrics_head(out, rows[n].name, "gauge", rows[n].help);

        for (i = 0; i < health->nservices; i++) {

            if (!health->services[i].configured) {
                continue;
            }

            ngx_leadgen_health_status(health, i, &status);

            (void) ngx_snprintf((u_char *) labels, sizeof(labels),
                                "service=\"%V\"%Z",
                                &health->services[i].name);
            ngx_leadgen_metrics_sample(out, rows[n].name, labels,
                                       n ? status.latency / 1000
                                         : status.error
                                           == NGX_LEADGEN_STATUS_OK);
        }
    }
}


static void
ngx_leadgen_metrics_rows(ngx_leadgen_metrics_t *out)
{
    ngx_uint_t                       i;
    const ngx_leadgen_metric_row_t  *row;

    for (i = 0; i < NGX_LEADGEN_NMETRICS; i++) {
        row = &ngx_leadgen_metric_rows[i];

        ngx_leadgen_metrics_head(out, row->name,
                                 ngx_leadgen_metrics_types[row->type],
                                 row->help);

        if (row->type == NGX_LEADGEN_METRIC_IS_WORKER) {
            ngx_leadgen_metrics_workers(out, i);

        } else {
            ngx_leadgen_metrics_sample(out, row->name, row->labels,
                                       ngx_leadgen_metric_get(i));
        }
    }
}


static void
ngx_leadgen_metrics_workers(ngx_leadgen_metrics_t *out, ngx_uint_t metric)
{
    char        labels[sizeof("worker=\"\"") + NGX_INT_T_LEN];
    ngx_int_t   rc;
    ngx_uint_t  worker, value;

    for (worker = 0; /* void */ ; worker++) {

        rc = ngx_leadgen_metric_get_worker(metric, worker, &value);

        if (rc == NGX_DONE) {
            return;
        }

        if (rc == NGX_OK) {
            (void) ngx_sprintf((u_char *) labels, "worker=\"%ui\"%Z", worker);
            ngx_leadgen_metrics_sample(out,
                                       ngx_leadgen_metric_rows[metric].name,
                                       labels, value);
        }
    }
}


static void
ngx_leadgen_metrics_histograms(ngx_leadgen_metrics_t *out)
{
    ngx_uint_t                     i;
    ngx_leadgen_histogram_view_t   view;

    static const struct {
        const char  *name;
        const char  *labels;
        const char  *help;
    } rows[] = {
#define HISTOGRAM(id, name, labels, help)  { name, labels, help },
#include "tables/histograms.def"
#undef HISTOGRAM
    };

    for (i = 0; i < NGX_LEADGEN_NHISTOGRAMS; i++) {
        ngx_leadgen_histogram_get(i, &view);

        ngx_leadgen_metrics_head(out, rows[i].name, "histogram", rows[i].help);
        ngx_leadgen_metrics_histogram(out, rows[i].name, rows[i].labels,
                                      &view);
    }
}


static void
ngx_leadgen_metrics_series(ngx_leadgen_metrics_t *out)
{
    char                             labels[128];
    ngx_int_t                        series;
    ngx_uint_t                       i, n, last;
    const u_char                    *name;
    const ngx_leadgen_metric_row_t  *row;

    /* all samples of one name stand together */

    for (i = 0; i < NGX_LEADGEN_NBACKEND_METRICS; i = last) {
        row = &ngx_leadgen_series_rows[i];

        for (last = i + 1; last < NGX_LEADGEN_NBACKEND_METRICS; last++) {
            if (ngx_strcmp(ngx_leadgen_series_rows[last].name, row->name)
                != 0)
            {
                break;
            }
        }

        ngx_leadgen_metrics_head(out, row->name,
                                 ngx_leadgen_metrics_types[row->type],
                                 row->help);

        for (series = 0;
             (name = ngx_leadgen_series_name(series)) != NULL;
             series++)
        {
            for (n = i; n < last; n++) {
                row = &ngx_leadgen_series_rows[n];

                (void) ngx_snprintf((u_char *) labels, sizeof(labels),
                                    "backend=\"%s\"%s%s%Z", name,
                                    row->labels[0] ? "," : "", row->labels);
                ngx_leadgen_metrics_sample(out, row->name, labels,
                                       ngx_leadgen_series_get(series, n));
            }
        }
    }
}


static void
ngx_leadgen_metrics_durations(ngx_leadgen_metrics_t *out)
{
    char                           labels[64];
    ngx_int_t                      series;
    const u_char                  *name;
    ngx_leadgen_histogram_view_t   view;

    ngx_leadgen_metrics_head(out, "call_duration_seconds", "histogram",
                             "Calls to a backend, from being asked for to "
                             "their end");

    for (series = 0;
         (name = ngx_leadgen_series_name(series)) != NULL;
         series++)
    {
        (void) ngx_snprintf((u_char *) labels, sizeof(labels),
                            "backend=\"%s\"%Z", name);

        ngx_leadgen_series_get_duration(series, &view);
        ngx_leadgen_metrics_histogram(out, "call_duration_seconds", labels,
                                      &view);
    }
}


/* --- the format --- */

static void
ngx_leadgen_metrics_head(ngx_leadgen_metrics_t *out, const char *name,
    const char *type, const char *help)
{
    ngx_buf_t  *b;

    if (out->name && ngx_strcmp(out->name, name) == 0) {
        return;
    }

    out->name = name;
    b = ngx_leadgen_metrics_room(out);

    if (b) {
        b->last = ngx_slprintf(b->last, b->end,
                               "# HELP nginx_leadgen_%s %s.\n"
                               "# TYPE nginx_leadgen_%s %s\n",
                               name, help, name, type);
    }
}


/* Durations are kept in milliseconds, moments in seconds. */

static void
ngx_leadgen_metrics_sample(ngx_leadgen_metrics_t *out, const char *name,
    const char *labels, ngx_uint_t value)
{
    size_t      len, unit;
    ngx_buf_t  *b;

    b = ngx_leadgen_metrics_room(out);

    if (b == NULL) {
        return;
    }

    b->last = ngx_slprintf(b->last, b->end, "nginx_leadgen_%s%s%s%s ", name,
                           labels[0] ? "{" : "", labels,
                           labels[0] ? "}" : "");

    len = ngx_strlen(name);
    unit = sizeof("_seconds") - 1;

    if (len > unit
        && ngx_strcmp(name + len - unit, "_seconds") == 0
        && strstr(name, "_timestamp_") == NULL)
    {
        b->last = ngx_slprintf(b->last, b->end, "%ui.%03ui\n", value / 1000,
                               value % 1000);
        return;
    }

    b->last = ngx_slprintf(b->last, b->end, "%ui\n", value);
}


static void
ngx_leadgen_metrics_histogram(ngx_leadgen_metrics_t *out, const char *name,
    const char *labels, const ngx_leadgen_histogram_view_t *view)
{
    uint64_t     count;
    ngx_buf_t   *b;
    ngx_uint_t   i;
    const char  *comma, *open, *close;

    comma = labels[0] ? "," : "";
    open = labels[0] ? "{" : "";
    close = labels[0] ? "}" : "";
    count = 0;

    for (i = 0; i <= NGX_LEADGEN_HISTOGRAM_BUCKETS; i++) {
        count += view->count[i];
        b = ngx_leadgen_metrics_room(out);

        if (b == NULL) {
            return;
        }

        b->last = ngx_slprintf(b->last, b->end,
                               "nginx_leadgen_%s_bucket{%s%sle=\"", name,
                               labels, comma);

        b->last = i == NGX_LEADGEN_HISTOGRAM_BUCKETS
                  ? ngx_slprintf(b->last, b->end, "+Inf")
                  : ngx_slprintf(b->last, b->end, "%.7f",
                                 ngx_leadgen_histogram_bounds[i] / 1e9);

        b->last = ngx_slprintf(b->last, b->end, "\"} %uL\n", count);
    }

    b = ngx_leadgen_metrics_room(out);

    if (b) {
        b->last = ngx_slprintf(b->last, b->end,
                               "nginx_leadgen_%s_sum%s%s%s %uL.%09uL\n"
                               "nginx_leadgen_%s_count%s%s%s %uL\n",
                               name, open, labels, close,
                               view->sum / 1000000000, view->sum % 1000000000,
                               name, open, labels, close, count);
    }
}


/* Where a line has room; NULL: out of memory, which fails the answer. */

static ngx_buf_t *
ngx_leadgen_metrics_room(ngx_leadgen_metrics_t *out)
{
    ngx_chain_t  *link;

    if (out->buf && out->buf->end - out->buf->last >= NGX_LEADGEN_METRICS_LINE)
    {
        return out->buf;
    }

    link = ngx_alloc_chain_link(out->pool);
    out->buf = ngx_create_temp_buf(out->pool, NGX_LEADGEN_METRICS_BLOCK);

    if (link == NULL || out->buf == NULL) {
        out->failed = 1;
        return NULL;
    }

    link->buf = out->buf;
    link->next = NULL;
    *out->last = link;
    out->last = &link->next;

    return out->buf;
}
