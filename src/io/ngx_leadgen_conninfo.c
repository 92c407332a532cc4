
/*
 * Connection strings of PostgreSQL: what the operator wrote goes in, a
 * connection that can't block and gives up in time comes out.
 */


#include "ngx_leadgen_pg.h"


#define NGX_LEADGEN_CONNINFO_PARAMS   64
#define NGX_LEADGEN_CONNINFO_OPTIONS  1024  /* bytes */


typedef struct {
    const char  *keywords[NGX_LEADGEN_CONNINFO_PARAMS];
    const char  *values[NGX_LEADGEN_CONNINFO_PARAMS];
    ngx_uint_t   n;
} ngx_leadgen_conninfo_params_t;


static const char *ngx_leadgen_conninfo_get(PQconninfoOption *options,
    const char *keyword);
static void ngx_leadgen_conninfo_set(ngx_leadgen_conninfo_params_t *params,
    const char *keyword, const char *value);


char *
ngx_leadgen_conninfo_check(ngx_pool_t *pool, ngx_str_t *target)
{
    PQconninfoOption  *options;

    options = PQconninfoParse((char *) target->data, NULL);

    if (options == NULL) {
        return "the connection string is malformed: use "
               "postgresql://user:password@host:port/name or "
               "\"host=... dbname=... user=...\"";
    }

    if (ngx_leadgen_conninfo_get(options, "service")) {
        PQconninfoFree(options);
        return "\"service\" in a connection string is not supported: name "
               "host, port, dbname and user";
    }

    PQconninfoFree(options);

    return NULL;
}


static const char *
ngx_leadgen_conninfo_get(PQconninfoOption *options, const char *keyword)
{
    for ( /* void */ ; options->keyword; options++) {

        if (ngx_strcmp(options->keyword, keyword) == 0) {
            return options->val && *options->val ? options->val : NULL;
        }
    }

    return NULL;
}


ngx_int_t
ngx_leadgen_conninfo_hosts(const ngx_str_t *target,
    ngx_leadgen_resolve_names_t *names)
{
    char              *p, *comma, host[1024];
    ngx_uint_t         needed;
    const char        *list, *ports;
    PQconninfoOption  *options;

    options = PQconninfoParse((char *) target->data, NULL);
    if (options == NULL) {
        return NGX_ERROR;
    }

    needed = 0;
    list = ngx_leadgen_conninfo_get(options, "host");
    ports = ngx_leadgen_conninfo_get(options, "port");

    if (list && ngx_leadgen_conninfo_get(options, "hostaddr") == NULL) {

        (void) ngx_cpystrn((u_char *) names->hosts, (u_char *) list,
                           sizeof(names->hosts));
        (void) ngx_cpystrn((u_char *) names->ports,
                           (u_char *) (ports ? ports : ""),
                           sizeof(names->ports));
        (void) ngx_cpystrn((u_char *) host, (u_char *) list, sizeof(host));

        for (p = host; p; p = comma) {
            comma = strchr(p, ',');
            if (comma) {
                *comma++ = '\0';
            }

            needed |= ngx_leadgen_resolve_needed(p);
        }
    }

    PQconninfoFree(options);

    return needed ? NGX_OK : NGX_DECLINED;
}


PGconn *
ngx_leadgen_conninfo_start(const ngx_str_t *target, const char *addresses,
    ngx_msec_t timeout)
{
    char                            merged[NGX_LEADGEN_CONNINFO_OPTIONS];
    PGconn                         *conn;
    const char                     *more;
    PQconninfoOption               *options, *option;
    ngx_leadgen_conninfo_params_t   params;

    options = PQconninfoParse((char *) target->data, NULL);
    if (options == NULL) {
        return NULL;
    }

    params.n = 0;

    for (option = options; option->keyword; option++) {
        if (option->val && *option->val) {
            ngx_leadgen_conninfo_set(&params, option->keyword, option->val);
        }
    }

    /* the server is to give up a little before we do */

    more = ngx_leadgen_conninfo_get(options, "options");
    (void) ngx_snprintf((u_char *) merged, sizeof(merged),
                        "-c statement_timeout=%M %s%Z",
                        timeout - timeout / 5, more ? more : "");
    merged[sizeof(merged) - 1] = '\0';

    ngx_leadgen_conninfo_set(&params, "options", merged);
    ngx_leadgen_conninfo_set(&params, "client_encoding", "UTF8");
    ngx_leadgen_conninfo_set(&params, "gssencmode", "disable");

    if (ngx_leadgen_conninfo_get(options, "application_name") == NULL) {
        ngx_leadgen_conninfo_set(&params, "application_name",
                                 "nginx-leadgen");
    }

    if (addresses) {
        ngx_leadgen_conninfo_set(&params, "host", addresses);
        addresses += ngx_strlen(addresses) + 1;
        ngx_leadgen_conninfo_set(&params, "hostaddr", addresses);
        addresses += ngx_strlen(addresses) + 1;
        ngx_leadgen_conninfo_set(&params, "port", addresses);
    }

    params.keywords[params.n] = NULL;
    params.values[params.n] = NULL;

    conn = PQconnectStartParams(params.keywords, params.values, 0);

    PQconninfoFree(options);

    return conn;
}


/* Sets or replaces; libpq has far fewer parameters than there is room. */

static void
ngx_leadgen_conninfo_set(ngx_leadgen_conninfo_params_t *params,
    const char *keyword, const char *value)
{
    ngx_uint_t  i;

    for (i = 0; i < params->n; i++) {
        if (ngx_strcmp(params->keywords[i], keyword) == 0) {
            break;
        }
    }

    if (i == params->n) {

        if (params->n == NGX_LEADGEN_CONNINFO_PARAMS - 1) {
            return;
        }

        params->n++;
    }

    params->keywords[i] = keyword;
    params->values[i] = value;
}


const char *
ngx_leadgen_conninfo_reason(PGconn *conn)
{
    const char  *text;

    text = PQerrorMessage(conn);

    if (strstr(text, "authentication failed")
        || strstr(text, "no password supplied")
        || strstr(text, "no pg_hba.conf entry"))
    {
        return "the server refuses user or password";
    }

    if (strstr(text, "does not exist")) {
        return "the server has no such database or user";
    }

    if (strstr(text, "starting up") || strstr(text, "shutting down")
        || strstr(text, "too many"))
    {
        return "the server takes no connections at the moment";
    }

    return "could not connect";
}
