
/*
 * The tally: answers go in when they are logged, how many there were of each
 * class of status enters the metrics.
 */


#include "ngx_leadgen_ctx.h"


/*
 * What asks for health and metrics is left out: it would thin errors, or make
 * one of a gateway that only tells that the database is away.
 */

ngx_int_t
ngx_leadgen_tally_log(ngx_http_request_t *r)
{
    ngx_uint_t                 status;
    ngx_leadgen_metric_e       metric;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r != r->main
        || clcf->handler == ngx_leadgen_health_handler
        || clcf->handler == ngx_leadgen_metrics_handler)
    {
        return NGX_OK;
    }

    status = r->err_status ? r->err_status : r->headers_out.status;

    switch (status / 100) {

    case 1:
        metric = NGX_LEADGEN_METRIC_RESPONSES_1XX;
        break;

    case 2:
        metric = NGX_LEADGEN_METRIC_RESPONSES_2XX;
        break;

    case 3:
        metric = NGX_LEADGEN_METRIC_RESPONSES_3XX;
        break;

    case 4:
        metric = NGX_LEADGEN_METRIC_RESPONSES_4XX;
        break;

    case 5:
        metric = NGX_LEADGEN_METRIC_RESPONSES_5XX;
        break;

    default:
        return NGX_OK;
    }

    ngx_leadgen_metric_add(metric, 1);

    return NGX_OK;
}
