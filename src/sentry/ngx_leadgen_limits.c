
/*
 * Rate limits: what Sentry answers goes in, and until when it wants no items of
 * a category comes out.
 *
 * X-Sentry-Rate-Limits: SECONDS:CATEGORY;CATEGORY:SCOPE:REASON..., ...
 */


#include "ngx_leadgen_transport.h"


#define NGX_LEADGEN_LIMITS_LONGEST  86400   /* seconds */


static const u_char *ngx_leadgen_limits_one(const u_char *p,
    const u_char *last, ngx_leadgen_limits_t *limits);
static void ngx_leadgen_limits_set(const u_char *name, size_t len,
    ngx_uint_t seconds, ngx_leadgen_limits_t *limits);
static ngx_int_t ngx_leadgen_limits_number(const u_char *p,
    const u_char *last);
static const u_char *ngx_leadgen_limits_skip(const u_char *p,
    const u_char *last);


void
ngx_leadgen_limits_parse(const ngx_str_t *header, ngx_leadgen_limits_t *limits)
{
    const u_char  *p, *last;

    p = header->data;
    last = p + header->len;

    while (p < last) {
        p = ngx_leadgen_limits_one(p, last, limits);
    }
}


void
ngx_leadgen_limits_retry(const ngx_str_t *header, ngx_leadgen_limits_t *limits)
{
    const u_char  *p, *last;
    ngx_int_t      seconds;

    p = header->data;
    last = p + header->len;
    p = ngx_leadgen_limits_skip(p, last);

    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    /* a date is not worth its parser */

    seconds = ngx_leadgen_limits_number(p, last);

    ngx_leadgen_limits_set(NULL, 0,
                           seconds == NGX_ERROR ? NGX_LEADGEN_LIMITS_DEFAULT
                                                : (ngx_uint_t) seconds,
                           limits);
}


/* One limit, up to its comma.  Returns the place behind that. */

static const u_char *
ngx_leadgen_limits_one(const u_char *p, const u_char *last,
    ngx_leadgen_limits_t *limits)
{
    const u_char  *end, *colon, *name;
    ngx_int_t      seconds;

    for (end = p; end < last && *end != ','; end++) { /* void */ }

    p = ngx_leadgen_limits_skip(p, end);
    colon = ngx_strlchr((u_char *) p, (u_char *) end, ':');

    if (colon == NULL) {
        return end + 1;
    }

    seconds = ngx_leadgen_limits_number(p, colon);

    if (seconds == NGX_ERROR) {
        return end + 1;
    }

    p = colon + 1;

    if (p == end || *p == ':') {
        ngx_leadgen_limits_set(NULL, 0, seconds, limits);
        return end + 1;
    }

    while (p < end && *p != ':') {

        for (name = p; p < end && *p != ':' && *p != ';'; p++) { /* void */ }

        ngx_leadgen_limits_set(name, p - name, seconds, limits);

        p += (p < end && *p == ';');
    }

    return end + 1;
}


/* The longer limit counts.  Without a name it is for all. */

static void
ngx_leadgen_limits_set(const u_char *name, size_t len, ngx_uint_t seconds,
    ngx_leadgen_limits_t *limits)
{
    ngx_uint_t        i;
    const ngx_str_t  *category;

    for (i = 0; i < NGX_LEADGEN_SENTRY_CATEGORIES; i++) {
        category = &ngx_leadgen_envelope_categories[i];

        if (name == NULL
            || (len == category->len
                && ngx_strncasecmp((u_char *) name, category->data, len) == 0))
        {
            limits->seconds[i] = ngx_max(limits->seconds[i], seconds);
        }
    }
}


/* Digits, of which none behind a point counts. */

static ngx_int_t
ngx_leadgen_limits_number(const u_char *p, const u_char *last)
{
    ngx_uint_t     n;
    const u_char  *start;

    n = 0;

    for (start = p; p < last && *p >= '0' && *p <= '9'; p++) {
        n = ngx_min(n * 10 + (*p - '0'), NGX_LEADGEN_LIMITS_LONGEST);
    }

    if (p == start || (p < last && *p != '.')) {
        return NGX_ERROR;
    }

    return n;
}


static const u_char *
ngx_leadgen_limits_skip(const u_char *p, const u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}
