
/*
 * ngx_leadgen_module: the table of contents.  Directives, phases, init and
 * exit; what they do stands in src/.
 */


#include "ngx_leadgen_http.h"


static ngx_int_t ngx_leadgen_module_preconfigure(ngx_conf_t *cf);
static ngx_int_t ngx_leadgen_module_postconfigure(ngx_conf_t *cf);
static ngx_int_t ngx_leadgen_module_phase(ngx_conf_t *cf,
    ngx_http_phases phase, ngx_http_handler_pt handler);


static ngx_command_t  ngx_leadgen_module_commands[] = {

    { ngx_string("leadgen_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_zone },

    { ngx_string("leadgen_database"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_database },

    { ngx_string("leadgen_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_redis },

    { ngx_string("leadgen_jobs"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_jobs_directive },

    { ngx_string("leadgen_jwt_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_jwt_key },

    { ngx_string("leadgen_spool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_spool },

    { ngx_string("leadgen_audit_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_ledger_key },

    { ngx_string("leadgen_audit_retention"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_ledger_retention },

    { ngx_string("leadgen_smtp"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_smtp },

    { ngx_string("leadgen_public_url"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_public_url },

    { ngx_string("leadgen_role"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_role },

    { ngx_string("leadgen_revocation_max_stale"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_max_stale },

    { ngx_string("leadgen_service"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_directive_service },

    { ngx_string("leadgen_health_interval"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_watch_interval },

    { ngx_string("leadgen_health_service"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_watch_service },

    { ngx_string("leadgen_health_thresholds"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_watch_thresholds },

    { ngx_string("leadgen_probe"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE23,
      ngx_leadgen_settings_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_watch_probe },

    { ngx_string("leadgen_policy"),
      NGX_HTTP_LOC_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_policy },

    { ngx_string("leadgen_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_api },

    { ngx_string("leadgen_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_health },

    { ngx_string("leadgen_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_metrics },

    { ngx_string("leadgen_track"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_track },

    { ngx_string("leadgen_cors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_cors_directive },

    { ngx_string("leadgen_sentry"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_reporting_directive },

    { ngx_string("leadgen_guard"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_FLAG,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_guard },

    { ngx_string("leadgen_public"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_public },

    { ngx_string("leadgen_cache_shared"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_cache_shared },

    { ngx_string("leadgen_pass_credentials"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_pass_credentials },

    { ngx_string("leadgen_path_strict"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_path_strict },

    { ngx_string("leadgen_audit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_leadgen_settings_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) ngx_leadgen_location_audit },

      ngx_null_command
};


static ngx_http_module_t  ngx_leadgen_module_ctx = {
    ngx_leadgen_module_preconfigure,       /* preconfiguration */
    ngx_leadgen_module_postconfigure,      /* postconfiguration */

    ngx_leadgen_conf_create_main,          /* create main configuration */
    ngx_leadgen_conf_init_main,            /* init main configuration */

    ngx_leadgen_conf_create_server,        /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_leadgen_conf_create_location,      /* create location configuration */
    ngx_leadgen_conf_merge_location        /* merge location configuration */
};


ngx_module_t  ngx_leadgen_module = {
    NGX_MODULE_V1,
    &ngx_leadgen_module_ctx,               /* module context */
    ngx_leadgen_module_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_leadgen_worker_prepare,            /* init module */
    ngx_leadgen_worker_init,               /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_leadgen_worker_exit,               /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_leadgen_module_preconfigure(ngx_conf_t *cf)
{
    return ngx_leadgen_variables_add(cf);
}


static ngx_int_t
ngx_leadgen_module_postconfigure(ngx_conf_t *cf)
{
    if (ngx_leadgen_module_phase(cf, NGX_HTTP_PREACCESS_PHASE,
                                 ngx_leadgen_guard_preaccess) != NGX_OK
        || ngx_leadgen_module_phase(cf, NGX_HTTP_ACCESS_PHASE,
                                    ngx_leadgen_guard_access) != NGX_OK
        || ngx_leadgen_module_phase(cf, NGX_HTTP_PRECONTENT_PHASE,
                                    ngx_leadgen_guard_precontent) != NGX_OK
        || ngx_leadgen_module_phase(cf, NGX_HTTP_LOG_PHASE,
                                    ngx_leadgen_audit_log) != NGX_OK
        || ngx_leadgen_module_phase(cf, NGX_HTTP_LOG_PHASE,
                                    ngx_leadgen_tally_log) != NGX_OK
        || ngx_leadgen_module_phase(cf, NGX_HTTP_LOG_PHASE,
                                    ngx_leadgen_incident_log) != NGX_OK
        || ngx_leadgen_survey(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_leadgen_filter_install();

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_module_phase(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler)
{
    ngx_http_handler_pt        *place;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    place = ngx_array_push(&cmcf->phases[phase].handlers);
    if (place == NULL) {
        return NGX_ERROR;
    }

    *place = handler;

    return NGX_OK;
}
