
/*
 * HTTP: directives, phases, the module's own API.  What ngx_leadgen_module.c
 * puts into nginx's tables.
 */


#ifndef _NGX_LEADGEN_HTTP_H_INCLUDED_
#define _NGX_LEADGEN_HTTP_H_INCLUDED_


#include "ngx_leadgen.h"
#include <ngx_http.h>


extern ngx_module_t  ngx_leadgen_module;


/* --- conf: the two structs behind all directives --- */

void *ngx_leadgen_conf_create_main(ngx_conf_t *cf);
char *ngx_leadgen_conf_init_main(ngx_conf_t *cf, void *conf);
void *ngx_leadgen_conf_create_server(ngx_conf_t *cf);
void *ngx_leadgen_conf_create_location(ngx_conf_t *cf);
char *ngx_leadgen_conf_merge_location(ngx_conf_t *cf, void *parent,
    void *child);


/*
 * --- settings ---
 *
 * Every directive of the module: keeps what it says, to be shown, and goes on
 * to its own handler, which is in cmd->post.
 */

char *ngx_leadgen_settings_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- directive: in http{} --- */

char *ngx_leadgen_directive_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_database(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_spool(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_smtp(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_public_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_role(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_max_stale(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_directive_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- watch: what health looks at --- */

char *ngx_leadgen_watch_interval(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_watch_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_watch_probe(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_leadgen_watch_thresholds(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- ledger: directives about the chain over the audit log --- */

char *ngx_leadgen_ledger_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_leadgen_jobs_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_ledger_retention(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- location: directives in location{} --- */

char *ngx_leadgen_location_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_location_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_leadgen_location_track(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_location_health(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_location_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_location_guard(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_location_public(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_location_cache_shared(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_location_pass_credentials(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_leadgen_location_path_strict(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_leadgen_location_audit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- cors --- */

char *ngx_leadgen_cors_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- reporting: to Sentry --- */

char *ngx_leadgen_reporting_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- survey --- */

/*
 * Looks through all locations when the configuration is read.  NGX_OK, or an
 * error that is already logged.
 */
ngx_int_t ngx_leadgen_survey(ngx_conf_t *cf);


/* --- phases --- */

/* PREACCESS: takes forged identity headers off, and judges subrequests. */
ngx_int_t ngx_leadgen_guard_preaccess(ngx_http_request_t *r);

/* ACCESS: judges requests. */
ngx_int_t ngx_leadgen_guard_access(ngx_http_request_t *r);

/* PRECONTENT: refuses what was not judged, whatever let it through. */
ngx_int_t ngx_leadgen_guard_precontent(ngx_http_request_t *r);

/* LOG: records what ended without an answer. */
ngx_int_t ngx_leadgen_audit_log(ngx_http_request_t *r);

/* LOG: counts answers by the class of their status. */
ngx_int_t ngx_leadgen_tally_log(ngx_http_request_t *r);

/* LOG: tells Sentry. */
ngx_int_t ngx_leadgen_incident_log(ngx_http_request_t *r);

/* Installs the header filter: the record before the answer. */
void ngx_leadgen_filter_install(void);

ngx_int_t ngx_leadgen_variables_add(ngx_conf_t *cf);


/* --- worker --- */

/* In the master, for each configuration that is about to serve. */
ngx_int_t ngx_leadgen_worker_prepare(ngx_cycle_t *cycle);

ngx_int_t ngx_leadgen_worker_init(ngx_cycle_t *cycle);
void ngx_leadgen_worker_exit(ngx_cycle_t *cycle);


#endif /* _NGX_LEADGEN_HTTP_H_INCLUDED_ */
