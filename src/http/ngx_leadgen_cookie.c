
/*
 * Cookies: a Cookie header goes in, the value of one cookie comes out, and how
 * often it stands there; what a browser says of where a request comes from goes
 * in, whether that is this site comes out.
 */


#include "ngx_leadgen_ctx.h"


static ngx_uint_t ngx_leadgen_cookie_next(ngx_str_t *rest, ngx_str_t *pair);


ngx_uint_t
ngx_leadgen_cookie_find(const ngx_str_t *header, const ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_str_t   rest, pair;
    ngx_uint_t  count;

    count = 0;
    rest = *header;

    while (ngx_leadgen_cookie_next(&rest, &pair)) {

        if (pair.len > name->len
            && pair.data[name->len] == '='
            && ngx_memcmp(pair.data, name->data, name->len) == 0)
        {
            value->data = pair.data + name->len + 1;
            value->len = pair.len - name->len - 1;
            count++;
        }
    }

    return count;
}


/*
 * RFC 6265, section 4.2.1: pairs with semicolons between, and nothing else.
 * Takes the first off the rest; 0: there is none.
 */

static ngx_uint_t
ngx_leadgen_cookie_next(ngx_str_t *rest, ngx_str_t *pair)
{
    u_char  *p, *last, *end;

    if (rest->len == 0) {
        return 0;
    }

    p = rest->data;
    last = p + rest->len;

    while (p < last && *p == ' ') {
        p++;
    }

    end = ngx_strlchr(p, last, ';');
    end = end ? end : last;

    pair->data = p;
    pair->len = end - p;

    rest->data = end < last ? end + 1 : last;
    rest->len = last - rest->data;

    return 1;
}


/*
 * Readers of cookies differ in what they take for a blank, a quote or a
 * separator: what holds the name anywhere, in any case, goes whole.
 */

ngx_uint_t
ngx_leadgen_cookie_strip(u_char **dst, const u_char *start,
    const ngx_str_t *header)
{
    ngx_str_t   rest, pair;
    ngx_uint_t  count;

    static u_char  name[] = NGX_LEADGEN_COOKIE;

    count = 0;
    rest = *header;

    while (ngx_leadgen_cookie_next(&rest, &pair)) {

        if (ngx_strlcasestrn(pair.data, pair.data + pair.len, name,
                             sizeof(name) - 2))
        {
            count++;
            continue;
        }

        if (pair.len == 0) {
            continue;
        }

        if (*dst > start) {
            *dst = ngx_cpymem(*dst, "; ", 2);
        }

        *dst = ngx_cpymem(*dst, pair.data, pair.len);
    }

    return count;
}


/*
 * Fetch metadata says it best; where a browser sends none, Origin must be the
 * host that was asked, by a scheme that it can have.  Without both the request
 * is no browser's of ours.
 */

ngx_uint_t
ngx_leadgen_cookie_is_same_site(const ngx_str_t *site, const ngx_str_t *origin,
    const ngx_str_t *host, ngx_uint_t schemes)
{
    u_char  *p;
    size_t   scheme;

    if (site && (site->len != 11
                 || ngx_memcmp(site->data, "same-origin", 11) != 0))
    {
        return 0;
    }

    if (origin == NULL) {
        return site != NULL;
    }

    if (schemes & NGX_LEADGEN_COOKIE_HTTPS && origin->len > 8
        && ngx_memcmp(origin->data, "https://", 8) == 0)
    {
        scheme = 8;

    } else if (schemes & NGX_LEADGEN_COOKIE_HTTP && origin->len > 7
               && ngx_memcmp(origin->data, "http://", 7) == 0)
    {
        scheme = 7;

    } else {
        return 0;
    }

    p = origin->data + scheme;

    return host
           && origin->len - scheme == host->len
           && ngx_strncasecmp(p, host->data, host->len) == 0;
}
