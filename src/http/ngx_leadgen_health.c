
/*
 * Health: whether this gateway answers comes out, for load balancers.
 */


#include "ngx_leadgen_ctx.h"


ngx_int_t
ngx_leadgen_health_takes(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  allow = ngx_string("GET, HEAD");

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {

        if (ngx_leadgen_reply_header(r, "Allow", &allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_leadgen_reply_problem(r,
                                        NGX_LEADGEN_PROBLEM_METHOD_NOT_ALLOWED,
                                        NULL, NULL);
    }

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_health_handler(ngx_http_request_t *r)
{
    u_char                     now[NGX_LEADGEN_TIME_TEXT];
    ngx_int_t                  rc;
    ngx_leadgen_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    rc = ngx_leadgen_health_takes(r);
    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->uri.len != clcf->name.len) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_NOT_FOUND,
                                         NULL, NULL);
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    (void) ngx_leadgen_time_format(now, ngx_leadgen_time_now());

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK,
        json_pack("{s:s, s:s%, s:s%}",
                  "status", "healthy",
                  "timestamp", now, (size_t) NGX_LEADGEN_TIME_TEXT,
                  "service", mcf->service.data, mcf->service.len));
}
