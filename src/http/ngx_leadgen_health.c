
/*
 * Health: what the prober has left in the zone comes out, for load balancers
 * and people.  Nobody is asked here, so that an answer takes no longer when
 * everything hangs.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_HEALTH_ROOM  2048       /* bytes, without services */
#define NGX_LEADGEN_HEALTH_LINE  320        /* of a service */
#define NGX_LEADGEN_HEALTH_GIB   (1024.0 * 1024.0 * 1024.0)

/* what is older than so many intervals is not known any more */
#define NGX_LEADGEN_HEALTH_OLD   3


typedef enum {
    NGX_LEADGEN_HEALTH_HEALTHY = 0,
    NGX_LEADGEN_HEALTH_DEGRADED,
    NGX_LEADGEN_HEALTH_UNHEALTHY
} ngx_leadgen_health_e;


static ngx_int_t ngx_leadgen_health_simple(ngx_http_request_t *r,
    const ngx_leadgen_main_conf_t *mcf);
static ngx_int_t ngx_leadgen_health_detailed(ngx_http_request_t *r,
    const ngx_leadgen_main_conf_t *mcf);
static ngx_leadgen_health_e ngx_leadgen_health_judge(
    const ngx_leadgen_health_conf_t *health,
    const ngx_leadgen_system_t *system);
static u_char *ngx_leadgen_health_system(u_char *p, u_char *last,
    const ngx_leadgen_health_conf_t *health,
    const ngx_leadgen_system_t *system);
static u_char *ngx_leadgen_health_service(u_char *p, u_char *last,
    const ngx_leadgen_health_conf_t *health, ngx_uint_t service);
static double ngx_leadgen_health_memory(const ngx_leadgen_system_t *system);
static double ngx_leadgen_health_disk(const ngx_leadgen_system_t *system);
static const char *ngx_leadgen_health_level(
    const ngx_leadgen_health_conf_t *health, double percent);
static ngx_str_t ngx_leadgen_health_path(ngx_http_request_t *r);
static ngx_uint_t ngx_leadgen_health_is(const ngx_str_t *path,
    const char *name);


ngx_int_t
ngx_leadgen_health_takes(ngx_http_request_t *r, ngx_uint_t methods)
{
    ngx_int_t  rc;
    ngx_str_t  allow = ngx_string("GET, HEAD, POST");

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & methods)) {

        if (!(methods & NGX_HTTP_POST)) {
            allow.len = sizeof("GET, HEAD") - 1;
        }

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
    ngx_int_t                 rc;
    ngx_str_t                 path;
    ngx_leadgen_main_conf_t  *mcf;

    static ngx_str_t  live = ngx_string("{\"status\":\"alive\"}");

    rc = ngx_leadgen_health_takes(r, NGX_HTTP_GET|NGX_HTTP_HEAD);
    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    path = ngx_leadgen_health_path(r);

    if (path.len == 0) {
        return ngx_leadgen_health_simple(r, mcf);
    }

    if (ngx_leadgen_health_is(&path, "/detailed")) {
        return ngx_leadgen_health_detailed(r, mcf);
    }

    if (ngx_leadgen_health_is(&path, "/liveness")) {
        return ngx_leadgen_reply_json(r, NGX_HTTP_OK, &live);
    }

    if (path.len >= 10 && ngx_strncmp(path.data, "/readiness", 10) == 0) {
        path.data += 10;
        path.len -= 10;

        if (path.len != 1 && (path.len == 0 || path.data[0] == '/')) {
            path.data += (path.len != 0);
            path.len -= (path.len != 0);

            return ngx_leadgen_readiness_reply(r, &path);
        }
    }

    return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_NOT_FOUND, NULL,
                                     NULL);
}


/* What stands behind the location's name, which may be one call's alone. */

static ngx_str_t
ngx_leadgen_health_path(ngx_http_request_t *r)
{
    size_t                     len;
    ngx_str_t                  path, tail;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    len = ngx_min(clcf->name.len, r->uri.len);

    tail.data = clcf->name.data + clcf->name.len;
    tail.len = 0;

    while (tail.data > clcf->name.data && *tail.data != '/') {
        tail.data--;
        tail.len++;
    }

    if (ngx_leadgen_health_is(&tail, "/detailed")
        || ngx_leadgen_health_is(&tail, "/readiness")
        || ngx_leadgen_health_is(&tail, "/liveness"))
    {
        len -= ngx_min(tail.len, len);
    }

    path.data = r->uri.data + len;
    path.len = r->uri.len - len;

    return path;
}


static ngx_uint_t
ngx_leadgen_health_is(const ngx_str_t *path, const char *name)
{
    return path->len == ngx_strlen(name)
           && ngx_memcmp(path->data, name, path->len) == 0;
}


static ngx_int_t
ngx_leadgen_health_simple(ngx_http_request_t *r,
    const ngx_leadgen_main_conf_t *mcf)
{
    u_char     *p;
    ngx_str_t   body;

    static const char  head[] = "{\"status\":\"healthy\",\"timestamp\":\"";
    static const char  name[] = "\",\"service\":";

    body.data = ngx_pnalloc(r->pool, sizeof(head) + sizeof(name)
                                     + NGX_LEADGEN_TIME_TEXT
                                     + 6 * mcf->service.len + sizeof("\"\"}"));
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(body.data, head, sizeof(head) - 1);
    p = ngx_leadgen_time_format(p, ngx_leadgen_time_now());
    p = ngx_cpymem(p, name, sizeof(name) - 1);
    p = ngx_leadgen_text_json(p, &mcf->service);
    *p++ = '}';

    body.len = p - body.data;

    return ngx_leadgen_reply_json(r, NGX_HTTP_OK, &body);
}


void
ngx_leadgen_health_status(const ngx_leadgen_health_conf_t *health,
    ngx_uint_t service, ngx_leadgen_status_t *status)
{
    uint64_t  age;

    ngx_leadgen_status_get(service, health->services[service].key, status);

    if (status->checked == 0) {
        return;
    }

    /* the clock may have been set back: that is not long ago */

    age = ngx_leadgen_time_now();
    age = age > status->checked ? age - status->checked : 0;

    if (service == NGX_LEADGEN_SERVICE_WORKERS) {
        age -= ngx_min(age, 10000000);
    }

    if (age / 1000 > NGX_LEADGEN_HEALTH_OLD * health->interval
                     + 2 * health->timeout + NGX_LEADGEN_STATUS_TENURE)
    {
        status->error = NGX_LEADGEN_STATUS_STALE;
        status->since = status->checked;
    }
}


/* --- details --- */

static ngx_int_t
ngx_leadgen_health_detailed(ngx_http_request_t *r,
    const ngx_leadgen_main_conf_t *mcf)
{
    size_t                            size;
    u_char                           *p, *last;
    ngx_str_t                         body;
    ngx_uint_t                        i;
    ngx_leadgen_health_e              state;
    ngx_leadgen_system_t              system;
    const ngx_leadgen_health_conf_t  *health;

    static const char  *states[] = { "healthy", "degraded", "unhealthy" };

    health = &mcf->health;
    (void) ngx_leadgen_status_system(&system);
    state = ngx_leadgen_health_judge(health, &system);

    size = NGX_LEADGEN_HEALTH_ROOM + 6 * mcf->service.len
           + health->nservices * NGX_LEADGEN_HEALTH_LINE;

    body.data = ngx_pnalloc(r->pool, size);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    last = body.data + size;

    p = ngx_slprintf(body.data, last, "{\"status\":\"%s\",\"timestamp\":\"",
                     states[state]);
    p = ngx_leadgen_time_format(p, ngx_leadgen_time_now());
    p = ngx_slprintf(p, last, "\",\"service\":");
    p = ngx_leadgen_text_json(p, &mcf->service);
    p = ngx_leadgen_health_system(p, last, health, &system);
    p = ngx_slprintf(p, last, ",\"services\":{");

    for (i = 0; i < health->nservices; i++) {
        p = ngx_slprintf(p, last, "%s\"%V\":", i ? "," : "",
                         &health->services[i].name);
        p = ngx_leadgen_health_service(p, last, health, i);
    }

    p = ngx_slprintf(p, last, "}}");
    body.len = p - body.data;

    return ngx_leadgen_reply_json(r, state == NGX_LEADGEN_HEALTH_UNHEALTHY
                                     ? NGX_HTTP_SERVICE_UNAVAILABLE
                                     : NGX_HTTP_OK,
                                  &body);
}


/* A service that is needed decides alone; a machine or a spool that fills up
 * works still. */

static ngx_leadgen_health_e
ngx_leadgen_health_judge(const ngx_leadgen_health_conf_t *health,
    const ngx_leadgen_system_t *system)
{
    ngx_uint_t             i;
    ngx_leadgen_level_t    level;
    ngx_leadgen_health_e   state;
    ngx_leadgen_status_t   status;

    state = NGX_LEADGEN_HEALTH_HEALTHY;

    if (ngx_leadgen_health_memory(system) >= health->critical
        || ngx_leadgen_health_disk(system) >= health->critical
        || (ngx_leadgen_level_get(&level) == NGX_OK
            && level.level >= NGX_LEADGEN_LEVEL_DEGRADED))
    {
        state = NGX_LEADGEN_HEALTH_DEGRADED;
    }

    for (i = 0; i < health->nservices; i++) {

        if (!health->services[i].configured) {
            continue;
        }

        ngx_leadgen_health_status(health, i, &status);

        if (status.error == NGX_LEADGEN_STATUS_OK) {
            continue;
        }

        if (health->services[i].required) {
            return NGX_LEADGEN_HEALTH_UNHEALTHY;
        }

        state = NGX_LEADGEN_HEALTH_DEGRADED;
    }

    return state;
}


/* GB are 1024^3 bytes, as free -g and df -BG have them. */

static u_char *
ngx_leadgen_health_system(u_char *p, u_char *last,
    const ngx_leadgen_health_conf_t *health,
    const ngx_leadgen_system_t *system)
{
    double  memory, disk;

    memory = ngx_leadgen_health_memory(system);
    disk = ngx_leadgen_health_disk(system);

    return ngx_slprintf(p, last,
        ",\"system\":{\"cpu_percent\":%.2f,"
        "\"memory\":{\"total_gb\":%.2f,\"available_gb\":%.2f,"
        "\"used_percent\":%.2f,\"status\":\"%s\"},"
        "\"disk\":{\"total_gb\":%.2f,\"free_gb\":%.2f,"
        "\"used_percent\":%.2f,\"status\":\"%s\"}}",
        ngx_max(system->cpu, 0) / 100.0,
        system->memory_total / NGX_LEADGEN_HEALTH_GIB,
        system->memory_available / NGX_LEADGEN_HEALTH_GIB,
        memory, ngx_leadgen_health_level(health, memory),
        system->disk_total / NGX_LEADGEN_HEALTH_GIB,
        system->disk_free / NGX_LEADGEN_HEALTH_GIB,
        disk, ngx_leadgen_health_level(health, disk));
}


static double
ngx_leadgen_health_memory(const ngx_leadgen_system_t *system)
{
    if (system->memory_total == 0) {
        return 0;
    }

    return 100.0 * (system->memory_total - system->memory_available)
           / system->memory_total;
}


/* Of what users may have, as df: what is root's alone is nobody's. */

static double
ngx_leadgen_health_disk(const ngx_leadgen_system_t *system)
{
    uint64_t  all;

    all = system->disk_used + system->disk_free;

    return all ? 100.0 * system->disk_used / all : 0;
}


static const char *
ngx_leadgen_health_level(const ngx_leadgen_health_conf_t *health,
    double percent)
{
    if (percent >= health->critical) {
        return "critical";
    }

    return percent >= health->warning ? "warning" : "healthy";
}


static u_char *
ngx_leadgen_health_service(u_char *p, u_char *last,
    const ngx_leadgen_health_conf_t *health, ngx_uint_t service)
{
    ngx_leadgen_status_t  status;

    if (!health->services[service].configured) {
        return ngx_slprintf(p, last, "{\"status\":\"not_configured\"}");
    }

    ngx_leadgen_health_status(health, service, &status);

    p = ngx_slprintf(p, last, "{\"status\":\"%s\"",
                     status.error ? "unhealthy" : "healthy");

    if (status.latency) {
        p = ngx_slprintf(p, last, ",\"latency_ms\":%.2f",
                         status.latency / 1000.0);
    }

    if (status.checked) {
        p = ngx_slprintf(p, last, ",\"checked_at\":\"");
        p = ngx_leadgen_time_format(p, status.checked);
        p = ngx_slprintf(p, last, "\",\"since\":\"");
        p = ngx_leadgen_time_format(p, status.since);
        p = ngx_slprintf(p, last, "\"");
    }

    if (status.error) {
        p = ngx_slprintf(p, last, ",\"error\":\"%s",
                         ngx_leadgen_status_text(status.error));
        p = status.code ? ngx_slprintf(p, last, " %ui\"", status.code)
                        : ngx_slprintf(p, last, "\"");
    }

    return ngx_slprintf(p, last, "}");
}
