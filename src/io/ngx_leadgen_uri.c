
/*
 * URIs of Redis go in, their parts come out, or what is wrong with them.
 */


#include "ngx_leadgen_uri.h"


#define NGX_LEADGEN_URI_PORT      6379
#define NGX_LEADGEN_URI_DATABASE  65535


static u_char *ngx_leadgen_uri_login(ngx_pool_t *pool, u_char *p,
    u_char *last, ngx_leadgen_uri_t *uri);
static char *ngx_leadgen_uri_tcp(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_leadgen_uri_t *uri);
static char *ngx_leadgen_uri_unix(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_leadgen_uri_t *uri);
static char *ngx_leadgen_uri_database(u_char *p, u_char *last,
    ngx_leadgen_uri_t *uri);
static ngx_int_t ngx_leadgen_uri_copy(ngx_pool_t *pool, ngx_str_t *dst,
    u_char *p, u_char *last);


char *
ngx_leadgen_uri_parse(ngx_pool_t *pool, const ngx_str_t *text,
    ngx_leadgen_uri_t *uri)
{
    size_t   scheme;
    u_char  *p, *last;

    ngx_memzero(uri, sizeof(ngx_leadgen_uri_t));

    p = text->data;
    last = p + text->len;

    if (text->len >= 8 && ngx_strncasecmp(p, (u_char *) "redis://", 8) == 0) {
        scheme = 8;

    } else if (text->len >= 7
               && ngx_strncasecmp(p, (u_char *) "unix://", 7) == 0)
    {
        scheme = 7;

    } else {
        return "does not begin with redis:// or unix://";
    }

    p = ngx_leadgen_uri_login(pool, p + scheme, last, uri);

    if (p == NULL) {
        return "has a user without password, or a login that needs %HH for its "
               "special bytes";
    }

    return scheme == 8 ? ngx_leadgen_uri_tcp(pool, p, last, uri)
                       : ngx_leadgen_uri_unix(pool, p, last, uri);
}


/* The place behind user, password and @; NULL: they are wrong. */

static u_char *
ngx_leadgen_uri_login(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_leadgen_uri_t *uri)
{
    u_char  *at, *colon, *slash;

    slash = ngx_strlchr(p, last, '/');
    at = ngx_strlchr(p, slash ? slash : last, '@');

    if (at == NULL) {
        return p;
    }

    colon = ngx_strlchr(p, at, ':');

    /* a second @ is the password's: the rest of it is no host to look up */

    if (colon == NULL
        || ngx_strlchr(at + 1, slash ? slash : last, '@')
        || ngx_leadgen_uri_copy(pool, &uri->user, p, colon) != NGX_OK
        || ngx_leadgen_uri_copy(pool, &uri->password, colon + 1, at) != NGX_OK
        || uri->password.len == 0)
    {
        return NULL;
    }

    return at + 1;
}


static char *
ngx_leadgen_uri_tcp(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_leadgen_uri_t *uri)
{
    u_char     *slash, *end, *bracket;
    ngx_int_t   port;

    slash = ngx_strlchr(p, last, '/');
    end = slash ? slash : last;

    if (p < end && *p == '[') {
        bracket = ngx_strlchr(p, end, ']');

        if (bracket == NULL) {
            return "has no ] behind its address";
        }

        if (ngx_leadgen_uri_copy(pool, &uri->host, p + 1, bracket) != NGX_OK) {
            return "has no host";
        }

        p = bracket + 1;

    } else {
        bracket = ngx_strlchr(p, end, ':');
        bracket = bracket ? bracket : end;

        if (ngx_leadgen_uri_copy(pool, &uri->host, p, bracket) != NGX_OK) {
            return "has no host";
        }

        p = bracket;
    }

    if (uri->host.len == 0) {
        return "has no host";
    }

    port = NGX_LEADGEN_URI_PORT;

    if (p < end) {
        port = *p == ':' ? ngx_atoi(p + 1, end - p - 1) : NGX_ERROR;

        if (port < 1 || port > 65535) {
            return "has a port that is not a number from 1 to 65535";
        }
    }

    uri->port = (in_port_t) port;

    if (slash == NULL || slash + 1 == last) {
        return NULL;
    }

    return ngx_leadgen_uri_database(slash + 1, last, uri);
}


static char *
ngx_leadgen_uri_unix(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_leadgen_uri_t *uri)
{
    u_char  *query, *end;

    query = ngx_strlchr(p, last, '?');
    end = query ? query : last;

    if (p == end || *p != '/'
        || ngx_leadgen_uri_copy(pool, &uri->path, p, end) != NGX_OK)
    {
        return "has no path of a socket";
    }

    if (uri->path.len >= sizeof(((struct sockaddr_un *) 0)->sun_path)) {
        return "has a path too long for a socket";
    }

    if (query == NULL) {
        return NULL;
    }

    if (last - query < 4 || ngx_strncmp(query, "?db=", 4) != 0) {
        return "has an option that is not ?db=";
    }

    return ngx_leadgen_uri_database(query + 4, last, uri);
}


static char *
ngx_leadgen_uri_database(u_char *p, u_char *last, ngx_leadgen_uri_t *uri)
{
    ngx_int_t  database;

    database = ngx_atoi(p, last - p);

    if (database < 0 || database > NGX_LEADGEN_URI_DATABASE) {
        return "has a database that is not a number from 0 to 65535";
    }

    uri->database = database;

    return NULL;
}


/* Decodes %HH. */

static ngx_int_t
ngx_leadgen_uri_copy(ngx_pool_t *pool, ngx_str_t *dst, u_char *p, u_char *last)
{
    ngx_int_t  c;

    dst->len = 0;
    dst->data = ngx_pnalloc(pool, last - p + 1);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    while (p < last) {
        c = *p++;

        if (c == '%') {
            c = last - p >= 2 ? ngx_hextoi(p, 2) : NGX_ERROR;
            p += 2;

            if (c <= 0) {
                return NGX_ERROR;
            }
        }

        dst->data[dst->len++] = (u_char) c;
    }

    dst->data[dst->len] = '\0';

    return NGX_OK;
}
