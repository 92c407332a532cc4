
/*
 * Cookies: a Cookie header goes in, the value of one cookie comes out, and how
 * often it stands there; what a browser says of where a request comes from goes
 * in, whether that is this site comes out.
 */


#include "ngx_leadgen_ctx.h"


/* RFC 6265, section 4.2.1: pairs with semicolons between, and nothing else. */

ngx_uint_t
ngx_leadgen_cookie_find(const ngx_str_t *header, const ngx_str_t *name,
    ngx_str_t *value)
{
    u_char      *p, *last, *end;
    ngx_uint_t   count;

    count = 0;
    p = header->data;
    last = p + header->len;

    for ( /* void */ ; p < last; p = end + 1) {

        while (p < last && *p == ' ') {
            p++;
        }

        end = ngx_strlchr(p, last, ';');
        end = end ? end : last;

        if ((size_t) (end - p) > name->len
            && p[name->len] == '='
            && ngx_memcmp(p, name->data, name->len) == 0)
        {
            value->data = p + name->len + 1;
            value->len = end - value->data;
            count++;
        }
    }

    return count;
}


/*
 * Readers of cookies differ in what they take for a blank, a quote or a
 * separator: what holds the name anywhere, in any case, goes whole.
 */

ngx_uint_t
ngx_leadgen_cookie_strip(u_char **dst, const u_char *start,
    const ngx_str_t *header)
{
    u_char      *p, *last, *end;
    ngx_uint_t   count;

    static u_char  name[] = NGX_LEADGEN_COOKIE;

    count = 0;
    p = header->data;
    last = p + header->len;

    for ( /* void */ ; p < last; p = end + 1) {

        while (p < last && *p == ' ') {
            p++;
        }

        end = ngx_strlchr(p, last, ';');
        end = end ? end : last;

        if (ngx_strlcasestrn(p, end, name, sizeof(name) - 2)) {
            count++;
            continue;
        }

        if (p == end) {
            continue;
        }

        if (*dst > start) {
            *dst = ngx_cpymem(*dst, "; ", 2);
        }

        *dst = ngx_cpymem(*dst, p, end - p);
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
