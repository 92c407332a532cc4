
/*
 * Readiness: whether this gateway should be sent requests.
 *
 * It should while it can do its work: a database that goes away later makes it
 * unhealthy, not unready, as it goes on serving what needs no database, and as
 * all gateways of that database would leave at once.
 */


#include "ngx_leadgen_ctx.h"


typedef enum {
    NGX_LEADGEN_READINESS_SERVING = 0,
    NGX_LEADGEN_READINESS_STARTED,
    NGX_LEADGEN_READINESS_MIGRATIONS,
    NGX_LEADGEN_READINESS_SPOOL,
    NGX_LEADGEN_READINESS_NCHECKS           /* behind it, services */
} ngx_leadgen_readiness_e;


/* NULL: fine; else what is wrong. */
typedef const char *(*ngx_leadgen_readiness_pt)(
    const ngx_leadgen_main_conf_t *mcf);


static const char *ngx_leadgen_readiness_serving(
    const ngx_leadgen_main_conf_t *mcf);
static const char *ngx_leadgen_readiness_started(
    const ngx_leadgen_main_conf_t *mcf);
static const char *ngx_leadgen_readiness_migrations(
    const ngx_leadgen_main_conf_t *mcf);
static const char *ngx_leadgen_readiness_spool(
    const ngx_leadgen_main_conf_t *mcf);
static const char *ngx_leadgen_readiness_ask(
    const ngx_leadgen_main_conf_t *mcf, ngx_uint_t check);
static const char *ngx_leadgen_readiness_name(
    const ngx_leadgen_main_conf_t *mcf, ngx_uint_t check, ngx_str_t *name);
static ngx_uint_t ngx_leadgen_readiness_is_verbose(ngx_http_request_t *r);


static const struct {
    const char                *name;
    ngx_leadgen_readiness_pt   ask;
} ngx_leadgen_readiness_checks[NGX_LEADGEN_READINESS_NCHECKS] = {
    { "serving", ngx_leadgen_readiness_serving },
    { "started", ngx_leadgen_readiness_started },
    { "migrations", ngx_leadgen_readiness_migrations },
    { "spool", ngx_leadgen_readiness_spool }
};


ngx_uint_t
ngx_leadgen_readiness_is_ready(const ngx_leadgen_main_conf_t *mcf)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_READINESS_NCHECKS; i++) {
        if (ngx_leadgen_readiness_ask(mcf, i)) {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_leadgen_readiness_reply(ngx_http_request_t *r, const ngx_str_t *name)
{
    json_t                   *checks;
    ngx_str_t                 known;
    ngx_uint_t                i, n, found, ready, verbose;
    const char               *wrong;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    checks = ngx_leadgen_json_own(r->pool, json_object());

    if (checks == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = NGX_LEADGEN_READINESS_NCHECKS + mcf->health.nservices;
    verbose = name->len || ngx_leadgen_readiness_is_verbose(r);
    found = 0;
    ready = 1;

    for (i = 0; i < n; i++) {

        if (ngx_leadgen_readiness_name(mcf, i, &known) == NULL
            || (name->len
                && (name->len != known.len
                    || ngx_strncmp(name->data, known.data, known.len) != 0)))
        {
            continue;
        }

        found = 1;
        wrong = ngx_leadgen_readiness_ask(mcf, i);

        /* services are shown, and count only when one is asked for */

        if (wrong && (name->len || i < NGX_LEADGEN_READINESS_NCHECKS)) {
            ready = 0;

        } else if (!verbose) {
            continue;
        }

        if (json_object_setn_new(checks, (char *) known.data, known.len,
                                 json_string(wrong ? wrong : "ok"))
            != 0)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (!found) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_NOT_FOUND,
                                         NULL, NULL);
    }

    return ngx_leadgen_reply_tree(r, ready ? NGX_HTTP_OK
                                           : NGX_HTTP_SERVICE_UNAVAILABLE,
                                  json_pack("{s:s, s:O}", "status",
                                            ready ? "ready" : "not_ready",
                                            "checks", checks));
}


/* ?verbose, with or without a value */

static ngx_uint_t
ngx_leadgen_readiness_is_verbose(ngx_http_request_t *r)
{
    u_char  *p, *last;

    p = r->args.data;
    last = p + r->args.len;

    while (last - p >= 7) {

        if (ngx_strncmp(p, "verbose", 7) == 0
            && (last - p == 7 || p[7] == '=' || p[7] == '&'))
        {
            return 1;
        }

        p = ngx_strlchr(p, last, '&');

        if (p == NULL) {
            return 0;
        }

        p++;
    }

    return 0;
}


/* NULL: there is no such check here. */

static const char *
ngx_leadgen_readiness_name(const ngx_leadgen_main_conf_t *mcf,
    ngx_uint_t check, ngx_str_t *name)
{
    const ngx_leadgen_service_t  *service;

    if (check < NGX_LEADGEN_READINESS_NCHECKS) {
        name->data = (u_char *) ngx_leadgen_readiness_checks[check].name;
        name->len = ngx_strlen(name->data);
        return (char *) name->data;
    }

    service = &mcf->health.services[check - NGX_LEADGEN_READINESS_NCHECKS];
    *name = service->name;

    return service->configured ? (char *) name->data : NULL;
}


static const char *
ngx_leadgen_readiness_ask(const ngx_leadgen_main_conf_t *mcf,
    ngx_uint_t check)
{
    ngx_leadgen_status_t  status;

    if (check < NGX_LEADGEN_READINESS_NCHECKS) {
        return ngx_leadgen_readiness_checks[check].ask(mcf);
    }

    ngx_leadgen_health_status(&mcf->health,
                              check - NGX_LEADGEN_READINESS_NCHECKS, &status);

    return status.error ? ngx_leadgen_status_text(status.error) : NULL;
}


/* --- checks --- */

/* A worker that a reload replaces still speaks for its gateway. */

static const char *
ngx_leadgen_readiness_serving(const ngx_leadgen_main_conf_t *mcf)
{
    return ngx_exiting && !ngx_leadgen_zone_is_replaced() ? "shutting down"
                                                          : NULL;
}


/* What is required must have answered once, and tokens must be trusted. */

static const char *
ngx_leadgen_readiness_started(const ngx_leadgen_main_conf_t *mcf)
{
    ngx_uint_t                    i;
    ngx_leadgen_status_t          status;
    const ngx_leadgen_service_t  *service;

    for (i = 0; i < mcf->health.nservices; i++) {
        service = &mcf->health.services[i];

        if (!service->configured || !service->required) {
            continue;
        }

        ngx_leadgen_status_get(i, service->key, &status);

        if (!status.seen) {
            return "waiting for a required service";
        }
    }

    return ngx_leadgen_revocation_is_known(0, mcf->allow_stale)
           ? NULL : "waiting for revocations";
}


/* A database that is ahead serves this module, too: gateways are replaced one
 * after the other. */

static const char *
ngx_leadgen_readiness_migrations(const ngx_leadgen_main_conf_t *mcf)
{
    ngx_int_t                     schema;
    const ngx_leadgen_service_t  *database;

    database = &mcf->health.services[NGX_LEADGEN_SERVICE_DATABASE];
    schema = ngx_leadgen_status_schema();

    if (!database->configured || schema >= NGX_LEADGEN_MIGRATIONS) {
        return NULL;
    }

    if (schema == -1) {
        return database->required ? "not known yet" : NULL;
    }

    return "the database lacks migrations";
}


static const char *
ngx_leadgen_readiness_spool(const ngx_leadgen_main_conf_t *mcf)
{
    ngx_leadgen_level_t  level;

    if (mcf->spool.path.len == 0
        || ngx_leadgen_level_get(&level) != NGX_OK
        || level.level < NGX_LEADGEN_LEVEL_DEGRADED)
    {
        return NULL;
    }

    return "the spool is too full";
}
