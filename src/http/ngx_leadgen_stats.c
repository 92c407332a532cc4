
/*
 * Figures for an overview: what this gateway has counted goes to PostgreSQL,
 * and comes back with what stands there.
 */


#include "ngx_leadgen_ctx.h"


static json_t *ngx_leadgen_stats_gateway(void);


ngx_int_t
ngx_leadgen_stats_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    json_t                        *gateway;
    const ngx_leadgen_endpoint_t  *endpoint;

    gateway = ngx_leadgen_stats_gateway();

    if (gateway == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    endpoint = ctx->match.rule->endpoint;

    return ngx_leadgen_sql_submit(r, ctx, endpoint->statement, "gateway",
                                  gateway, ngx_leadgen_sql_done);
}


/* Since the gateway was started, all workers together. */

static json_t *
ngx_leadgen_stats_gateway(void)
{
    json_int_t  allowed, public, denied, unauthenticated, errors, uptime;

    allowed = ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_DECISIONS_ALLOWED);
    public = ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_DECISIONS_PUBLIC);
    denied = ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_DECISIONS_DENIED);
    unauthenticated = ngx_leadgen_metric_get(
                          NGX_LEADGEN_METRIC_DECISIONS_UNAUTHENTICATED);
    errors = ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_RESPONSES_5XX);
    uptime = (ngx_leadgen_time_now() - ngx_leadgen_zone_started()) / 1000000;

    return json_pack("{s:{s:I, s:I, s:I, s:I, s:I}, s:I, s:I,"
                     " s:{s:I, s:I, s:I, s:I}, s:I}",
        "requests",
        "total", allowed + public + denied + unauthenticated,
        "allowed", allowed,
        "public", public,
        "denied", denied,
        "unauthenticated", unauthenticated,
        "denials", denied + unauthenticated,
        "errors", errors,
        "events",
        "appended", (json_int_t)
                    ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_EVENTS_APPENDED),
        "shipped", (json_int_t)
                   ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_EVENTS_SHIPPED),
        "parked", (json_int_t)
                  ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_EVENTS_PARKED),
        "refused", (json_int_t)
                   ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_EVENTS_REFUSED),
        "uptime_seconds", uptime);
}
