
/*
 * Connection strings of PostgreSQL go in, a connection that has begun comes
 * out, with numeric addresses only.
 */


#include "ngx_leadgen_conninfo.h"


#define NGX_LEADGEN_CONNINFO_WORDS  64
#define NGX_LEADGEN_CONNINFO_LIST                                             \
    ((NGX_LEADGEN_RESOLVE_NAMES + NGX_LEADGEN_RESOLVE_ADDRESSES)              \
     * NGX_LEADGEN_RESOLVE_NAME)


/* Lifetime: a function's; hosts, addresses and ports are lists by commas. */

typedef struct {
    char        host[NGX_LEADGEN_CONNINFO_LIST];
    char        hostaddr[NGX_LEADGEN_CONNINFO_LIST];
    char        port[NGX_LEADGEN_CONNINFO_LIST];
    char        options[4096];
    const char *keywords[NGX_LEADGEN_CONNINFO_WORDS + 1];
    const char *values[NGX_LEADGEN_CONNINFO_WORDS + 1];
    ngx_uint_t  n;
} ngx_leadgen_conninfo_t;


static const char *ngx_leadgen_conninfo_value(const PQconninfoOption *options,
    const char *keyword);
static ngx_uint_t ngx_leadgen_conninfo_count(const char *list);
static const char *ngx_leadgen_conninfo_item(const char *list, ngx_uint_t n,
    size_t *len);
static void ngx_leadgen_conninfo_set(ngx_leadgen_conninfo_t *info,
    const char *keyword, const char *value);
static ngx_int_t ngx_leadgen_conninfo_expand(ngx_leadgen_conninfo_t *info,
    const PQconninfoOption *options, const ngx_leadgen_resolve_t *resolve);
static void ngx_leadgen_conninfo_append(char *list, const char *item,
    size_t len);


char *
ngx_leadgen_conninfo_check(ngx_pool_t *pool, ngx_str_t *target)
{
    char              *text, *wrong, *error;
    const char        *host, *hostaddr, *port, *value;
    ngx_uint_t         n;
    PQconninfoOption  *options;

    text = (char *) ngx_pnalloc(pool, target->len + 1);
    if (text == NULL) {
        return "is more than memory holds";
    }

    (void) ngx_cpystrn((u_char *) text, target->data, target->len + 1);

    error = NULL;
    options = PQconninfoParse(text, &error);

    explicit_bzero(text, target->len);

    if (options == NULL) {
        PQfreemem(error);
        return "is neither a PostgreSQL URI nor keyword=value pairs";
    }

    host = ngx_leadgen_conninfo_value(options, "host");
    hostaddr = ngx_leadgen_conninfo_value(options, "hostaddr");
    port = ngx_leadgen_conninfo_value(options, "port");
    n = ngx_leadgen_conninfo_count(hostaddr ? hostaddr : host);
    wrong = NULL;

    if (target->len == 0) {
        wrong = "is empty";

    } else if (ngx_leadgen_conninfo_value(options, "service")) {
        wrong = "has a service, whose file would be read for each connection";

    } else if (n > NGX_LEADGEN_RESOLVE_NAMES) {
        wrong = "has more than 16 hosts";

    } else if (host && ngx_leadgen_conninfo_count(host) != n) {
        wrong = "has another number of hosts than of addresses";

    } else if (port && ngx_leadgen_conninfo_count(port) != 1
               && ngx_leadgen_conninfo_count(port) != n)
    {
        wrong = "has another number of ports than of hosts";
    }

    value = ngx_leadgen_conninfo_value(options, "gssencmode");

    if (value && ngx_strcmp(value, "disable") != 0) {
        wrong = "has a gssencmode, which would block for each connection";
    }

    PQconninfoFree(options);

    return wrong;
}


ngx_int_t
ngx_leadgen_conninfo_names(const char *target, ngx_leadgen_resolve_t *resolve)
{
    char              *name;
    size_t             len;
    ngx_int_t          rc;
    ngx_uint_t         i;
    const char        *host, *hostaddr, *item;
    PQconninfoOption  *options;

    options = PQconninfoParse(target, NULL);
    if (options == NULL) {
        return NGX_ERROR;
    }

    host = ngx_leadgen_conninfo_value(options, "host");
    hostaddr = ngx_leadgen_conninfo_value(options, "hostaddr");

    rc = NGX_DECLINED;
    resolve->nnames = ngx_min(ngx_leadgen_conninfo_count(host),
                              NGX_LEADGEN_RESOLVE_NAMES);

    for (i = 0; i < resolve->nnames; i++) {
        name = resolve->names[i];
        name[0] = '\0';

        (void) ngx_leadgen_conninfo_item(hostaddr, i, &len);

        if (len) {
            continue;
        }

        item = ngx_leadgen_conninfo_item(host, i, &len);

        /* a name that long is no host's: it is left to be looked up in vain */

        (void) ngx_cpystrn((u_char *) name, (u_char *) item,
                           ngx_min(len + 1, NGX_LEADGEN_RESOLVE_NAME));

        if (ngx_leadgen_resolve_is_numeric(name)) {
            name[0] = '\0';

        } else {
            rc = NGX_OK;
        }
    }

    PQconninfoFree(options);

    return rc;
}


PGconn *
ngx_leadgen_conninfo_connect(const char *target,
    const ngx_leadgen_resolve_t *resolve, ngx_msec_t timeout)
{
    PGconn                  *conn;
    const char              *value;
    PQconninfoOption        *options, *option;
    ngx_leadgen_conninfo_t  *info;

    info = ngx_calloc(sizeof(ngx_leadgen_conninfo_t), ngx_cycle->log);
    options = PQconninfoParse(target, NULL);
    conn = NULL;

    if (info == NULL || options == NULL) {
        goto done;
    }

    /* of a word that is there twice libpq takes the last */

    ngx_leadgen_conninfo_set(info, "fallback_application_name",
                             "nginx-leadgen");
    ngx_leadgen_conninfo_set(info, "keepalives_idle", "30");
    ngx_leadgen_conninfo_set(info, "keepalives_interval", "10");
    ngx_leadgen_conninfo_set(info, "keepalives_count", "3");
    ngx_leadgen_conninfo_set(info, "gssencmode", "disable");

    for (option = options; option->keyword; option++) {
        if (option->val) {
            ngx_leadgen_conninfo_set(info, option->keyword, option->val);
        }
    }

    ngx_leadgen_conninfo_set(info, "client_encoding", "UTF8");

    value = ngx_leadgen_conninfo_value(options, "options");

    /* compiling a plan takes longer than what is asked for here */

    (void) ngx_snprintf((u_char *) info->options, sizeof(info->options),
                        "-c jit=off %s -c statement_timeout=%M%Z",
                        value ? value : "",
                        ngx_max(timeout - timeout / 10, 1));

    ngx_leadgen_conninfo_set(info, "options", info->options);

    if (resolve
        && ngx_leadgen_conninfo_expand(info, options, resolve) != NGX_OK)
    {
        goto done;
    }

    conn = PQconnectStartParams(info->keywords, info->values, 0);

done:

    PQconninfoFree(options);
    ngx_free(info);

    return conn;
}


static const char *
ngx_leadgen_conninfo_value(const PQconninfoOption *options,
    const char *keyword)
{
    for ( /* void */ ; options->keyword; options++) {
        if (ngx_strcmp(options->keyword, keyword) == 0) {
            return options->val && *options->val ? options->val : NULL;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_leadgen_conninfo_count(const char *list)
{
    ngx_uint_t  n;

    for (n = 1; list && *list; list++) {
        n += (*list == ',');
    }

    return n;
}


/* The nth item; of a list with one item, that for all. */

static const char *
ngx_leadgen_conninfo_item(const char *list, ngx_uint_t n, size_t *len)
{
    ngx_uint_t  only;

    *len = 0;

    if (list == NULL) {
        return "";
    }

    only = (strchr(list, ',') == NULL);

    while (n && !only) {
        list = strchr(list, ',');

        if (list == NULL) {
            return "";
        }

        list++;
        n--;
    }

    *len = strcspn(list, ",");

    return list;
}


static void
ngx_leadgen_conninfo_set(ngx_leadgen_conninfo_t *info, const char *keyword,
    const char *value)
{
    if (info->n < NGX_LEADGEN_CONNINFO_WORDS) {
        info->keywords[info->n] = keyword;
        info->values[info->n] = value;
        info->n++;
    }
}


/*
 * Each address stands beside the name it is of, which TLS and the password
 * file go by; a host without address is left out.
 */

static ngx_int_t
ngx_leadgen_conninfo_expand(ngx_leadgen_conninfo_t *info,
    const PQconninfoOption *options, const ngx_leadgen_resolve_t *resolve)
{
    size_t       hlen, alen, plen;
    ngx_uint_t   i, k;
    const char  *hosts, *addresses, *ports, *host, *address, *port;

    hosts = ngx_leadgen_conninfo_value(options, "host");
    addresses = ngx_leadgen_conninfo_value(options, "hostaddr");
    ports = ngx_leadgen_conninfo_value(options, "port");

    for (i = 0; i < resolve->nnames; i++) {
        host = ngx_leadgen_conninfo_item(hosts, i, &hlen);
        address = ngx_leadgen_conninfo_item(addresses, i, &alen);
        port = ngx_leadgen_conninfo_item(ports, i, &plen);

        if (resolve->names[i][0] == '\0') {
            ngx_leadgen_conninfo_append(info->host, host, hlen);
            ngx_leadgen_conninfo_append(info->hostaddr, address, alen);
            ngx_leadgen_conninfo_append(info->port, port, plen);
            continue;
        }

        for (k = 0; k < resolve->naddresses; k++) {

            if (resolve->addresses[k].name == i) {
                address = resolve->addresses[k].text;
                ngx_leadgen_conninfo_append(info->host, host, hlen);
                ngx_leadgen_conninfo_append(info->hostaddr, address,
                                            ngx_strlen(address));
                ngx_leadgen_conninfo_append(info->port, port, plen);
            }
        }
    }

    if (info->host[0] == '\0') {
        return NGX_ERROR;
    }

    ngx_leadgen_conninfo_set(info, "host", info->host + 1);
    ngx_leadgen_conninfo_set(info, "hostaddr", info->hostaddr + 1);
    ngx_leadgen_conninfo_set(info, "port", info->port + 1);

    return NGX_OK;
}


/* Each item has a comma before it, so that an empty one still counts. */

static void
ngx_leadgen_conninfo_append(char *list, const char *item, size_t len)
{
    size_t  used;

    used = ngx_strlen(list);
    len = ngx_min(len, NGX_LEADGEN_CONNINFO_LIST - used - 2);

    list[used++] = ',';
    ngx_memcpy(list + used, item, len);
    list[used + len] = '\0';
}
