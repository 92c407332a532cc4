
/*
 * The scrubber: text of anybody goes in, the same text comes out with
 * "[Filtered]" where something looked like a secret.
 */


#include "ngx_leadgen_scrub.h"


static ngx_uint_t ngx_leadgen_scrub_query(const u_char *p, const u_char *last,
    ngx_leadgen_scrub_found_t *found);


static const ngx_str_t  ngx_leadgen_scrub_filtered = ngx_string("[Filtered]");


/*
 * When in doubt something is a secret: an event that says too little is a
 * nuisance, one that says too much is a leak.
 */

u_char *
ngx_leadgen_scrub(u_char *dst, u_char *end, const ngx_str_t *src,
    ngx_uint_t flags)
{
    u_char                     *p, *start, *last;
    ngx_uint_t                  query;
    ngx_leadgen_scrub_found_t   found;

    start = src->data;
    last = start + src->len;

    /* of a word that was cut nobody can tell what it was */

    if (flags & NGX_LEADGEN_SCRUB_CUT) {
        while (last > start && !ngx_leadgen_scrub_is_space(last[-1])) {
            last--;
        }
    }

    query = 0;
    p = start;

    while (p < last && dst < end) {

        if (*p == '?' || (query && *p == '&')) {
            query = ngx_leadgen_scrub_query(p, last, &found);

        } else if (p > start && ngx_leadgen_scrub_is_word(p[-1])) {
            *dst++ = *p++;
            continue;

        } else {
            found.len = 0;
        }

        if (found.len == 0
            && !ngx_leadgen_named_find(start, p, last, &found)
            && !ngx_leadgen_secret_find(start, p, last, &found)
            && ((flags & NGX_LEADGEN_SCRUB_PII)
                || !ngx_leadgen_secret_email(p, last, &found)))
        {
            query = query && !ngx_leadgen_scrub_is_space(*p) && *p != '"';
            *dst++ = *p++;
            continue;
        }

        if (found.kept + ngx_leadgen_scrub_filtered.len > (size_t) (end - dst))
        {
            break;
        }

        dst = ngx_cpymem(dst, p, found.kept);
        dst = ngx_cpymem(dst, ngx_leadgen_scrub_filtered.data,
                         ngx_leadgen_scrub_filtered.len);
        p += found.kept + found.len;
    }

    return dst;
}


/* A value in a query string: the names stay, no value does. */

static ngx_uint_t
ngx_leadgen_scrub_query(const u_char *p, const u_char *last,
    ngx_leadgen_scrub_found_t *found)
{
    const u_char  *value, *q;

    found->len = 0;

    for (q = p + 1; q < last; q++) {

        if (*q == '=') {
            break;
        }

        if (!ngx_leadgen_scrub_is_word(*q) && *q != '.' && *q != '['
            && *q != ']' && *q != '%' && *q != ';')
        {
            return 0;
        }
    }

    if (q == last || q == p + 1) {
        return 0;
    }

    value = ++q;

    while (q < last && !ngx_leadgen_scrub_is_space(*q) && *q != '&'
           && *q != '"')
    {
        q++;
    }

    found->kept = value - p;
    found->len = q - value;

    return 1;
}


ngx_uint_t
ngx_leadgen_scrub_is_secret_name(const ngx_str_t *name)
{
    return ngx_leadgen_named_is_secret(name->data, name->len);
}
