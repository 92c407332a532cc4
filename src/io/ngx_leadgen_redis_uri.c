
/*
 * Addresses of Redis: a URI goes in, its parts come out.
 *
 *     redis://[[user]:password@]host[:port][/database]
 *     unix://[[user]:password@]/path[?db=database]
 */


#include "ngx_leadgen_redis.h"


static ngx_int_t ngx_leadgen_redis_uri_credentials(u_char **pos,
    u_char *last, ngx_leadgen_redis_uri_t *uri);
static ngx_int_t ngx_leadgen_redis_uri_host(u_char *p, u_char *last,
    ngx_leadgen_redis_uri_t *uri);
static ngx_int_t ngx_leadgen_redis_uri_path(u_char *p, u_char *last,
    ngx_leadgen_redis_uri_t *uri);
static ngx_int_t ngx_leadgen_redis_uri_number(u_char *p, u_char *last,
    ngx_int_t max, int *number);
static ngx_int_t ngx_leadgen_redis_uri_copy(char *dst, size_t size, u_char *p,
    u_char *last);


char *
ngx_leadgen_redis_uri_check(ngx_pool_t *pool, ngx_str_t *target)
{
    ngx_int_t                rc;
    ngx_leadgen_redis_uri_t  uri;

    rc = ngx_leadgen_redis_uri_parse(target, &uri);

    ngx_explicit_memzero(&uri, sizeof(uri));

    return rc == NGX_OK ? NULL
                        : "the address of Redis is malformed: use "
                          "redis://[:password@]host[:port][/database] or "
                          "unix://[:password@]/path[?db=database]";
}


ngx_int_t
ngx_leadgen_redis_uri_parse(const ngx_str_t *target,
    ngx_leadgen_redis_uri_t *uri)
{
    u_char      *p, *last;
    ngx_uint_t   is_path;

    ngx_memzero(uri, sizeof(ngx_leadgen_redis_uri_t));
    uri->port = 6379;

    p = target->data;
    last = p + target->len;

    if (target->len > 8 && ngx_strncmp(p, "redis://", 8) == 0) {
        is_path = 0;
        p += 8;

    } else if (target->len > 7 && ngx_strncmp(p, "unix://", 7) == 0) {
        is_path = 1;
        p += 7;

    } else {
        return NGX_ERROR;
    }

    if (ngx_leadgen_redis_uri_credentials(&p, last, uri) != NGX_OK) {
        return NGX_ERROR;
    }

    return is_path ? ngx_leadgen_redis_uri_path(p, last, uri)
                   : ngx_leadgen_redis_uri_host(p, last, uri);
}


static ngx_int_t
ngx_leadgen_redis_uri_credentials(u_char **pos, u_char *last,
    ngx_leadgen_redis_uri_t *uri)
{
    u_char  *p, *at, *colon;

    p = *pos;
    at = ngx_strlchr(p, last, '@');

    if (at == NULL) {
        return NGX_OK;
    }

    *pos = at + 1;
    colon = ngx_strlchr(p, at, ':');

    if (colon == NULL
        || ngx_leadgen_redis_uri_copy(uri->user, sizeof(uri->user), p, colon)
           != NGX_OK
        || ngx_leadgen_redis_uri_copy(uri->password, sizeof(uri->password),
                                      colon + 1, at) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_redis_uri_host(u_char *p, u_char *last,
    ngx_leadgen_redis_uri_t *uri)
{
    u_char  *slash, *end, *bracket;

    slash = ngx_strlchr(p, last, '/');

    if (slash && slash + 1 < last
        && ngx_leadgen_redis_uri_number(slash + 1, last, 1023, &uri->database)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    last = slash ? slash : last;

    if (p < last && *p == '[') {
        bracket = ngx_strlchr(p, last, ']');
        if (bracket == NULL
            || ngx_leadgen_redis_uri_copy(uri->host, sizeof(uri->host), p + 1,
                                          bracket) != NGX_OK)
        {
            return NGX_ERROR;
        }

        end = bracket + 1;

    } else {
        end = ngx_strlchr(p, last, ':');
        end = end ? end : last;

        if (ngx_leadgen_redis_uri_copy(uri->host, sizeof(uri->host), p, end)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (uri->host[0] == '\0') {
        return NGX_ERROR;
    }

    if (end == last) {
        return NGX_OK;
    }

    return *end == ':' ? ngx_leadgen_redis_uri_number(end + 1, last, 65535,
                                                      &uri->port)
                       : NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_redis_uri_path(u_char *p, u_char *last,
    ngx_leadgen_redis_uri_t *uri)
{
    u_char  *query;

    query = ngx_strlchr(p, last, '?');

    if (query) {

        if (last - query < 5
            || ngx_strncmp(query, "?db=", 4) != 0
            || ngx_leadgen_redis_uri_number(query + 4, last, 1023,
                                            &uri->database) != NGX_OK)
        {
            return NGX_ERROR;
        }

        last = query;
    }

    if (p == last || *p != '/') {
        return NGX_ERROR;
    }

    return ngx_leadgen_redis_uri_copy(uri->path, sizeof(uri->path), p, last);
}


static ngx_int_t
ngx_leadgen_redis_uri_number(u_char *p, u_char *last, ngx_int_t max,
    int *number)
{
    ngx_int_t  n;

    n = ngx_atoi(p, last - p);

    if (n == NGX_ERROR || n > max) {
        return NGX_ERROR;
    }

    *number = (int) n;

    return NGX_OK;
}


/* Percent-encoding is undone, as passwords may need it. */

static ngx_int_t
ngx_leadgen_redis_uri_copy(char *dst, size_t size, u_char *p, u_char *last)
{
    char       *end;
    ngx_int_t   c;

    end = dst + size - 1;

    while (p < last) {
        c = *p++;

        if (c == '%') {
            c = last - p >= 2 ? ngx_hextoi(p, 2) : NGX_ERROR;
            p += 2;
        }

        if (c <= 0 || dst == end) {
            return NGX_ERROR;
        }

        *dst++ = (char) c;
    }

    *dst = '\0';

    return NGX_OK;
}
