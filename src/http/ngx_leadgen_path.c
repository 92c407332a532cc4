
/*
 * Canonical paths: a raw request target or a decoded path goes in, whether all
 * readers agree on it comes out.
 */


#include "ngx_leadgen_ctx.h"


static ngx_int_t ngx_leadgen_path_byte(u_char **pos, u_char *last);
static ngx_uint_t ngx_leadgen_path_ends_a_segment(u_char c);
static ngx_uint_t ngx_leadgen_path_is_encoded(const ngx_str_t *path);


ngx_uint_t
ngx_leadgen_path_is_canonical(const ngx_str_t *target)
{
    u_char      *p, *last, *end, *q;
    u_char       decoded[4096];
    ngx_int_t    c;
    ngx_str_t    text;

    last = target->data + target->len;
    end = ngx_strlchr(target->data, last, '?');
    if (end) {
        last = end;
    }

    if (last - target->data > (ssize_t) sizeof(decoded)) {
        return 0;
    }

    q = decoded;

    for (p = target->data; p < last; /* void */ ) {

        c = ngx_leadgen_path_byte(&p, last);
        if (c == NGX_ERROR) {
            return 0;
        }

        *q++ = (u_char) c;
    }

    text.data = decoded;
    text.len = q - decoded;

    return ngx_leadgen_path_is_plain(&text);
}


/* One byte, decoded, or NGX_ERROR when it is encoded and must not be. */

static ngx_int_t
ngx_leadgen_path_byte(u_char **pos, u_char *last)
{
    u_char     *p = *pos;
    ngx_int_t   c;

    if (*p != '%') {
        *pos = p + 1;
        return *p;
    }

    c = last - p > 2 ? ngx_hextoi(p + 1, 2) : NGX_ERROR;
    *pos = p + 3;

    return c == '/' || c == '.' ? NGX_ERROR : c;
}


ngx_uint_t
ngx_leadgen_path_is_plain(const ngx_str_t *path)
{
    u_char  c, *p, *last;

    last = path->data + path->len;

    for (p = path->data; p < last; p++) {
        c = *p;

        if (c <= 0x1f || c == 0x7f || c == '\\' || c == ';' || c == '#'
            || (c == '/' && p > path->data
                && !ngx_leadgen_path_ends_a_segment(p[-1])))
        {
            return 0;
        }
    }

    return ngx_leadgen_path_is_resolved(path)
           && (last[-1] == '/' || ngx_leadgen_path_ends_a_segment(last[-1]))
           && ngx_leadgen_text_is_utf8(path)
           && !ngx_leadgen_path_is_encoded(path);
}


/* Some file systems take no notice of dots and spaces at the end of a name. */

static ngx_uint_t
ngx_leadgen_path_ends_a_segment(u_char c)
{
    return c != '/' && c != '.' && c != ' ';
}


ngx_uint_t
ngx_leadgen_path_is_resolved(const ngx_str_t *path)
{
    u_char  *p, *last, *begin;

    if (path->len == 0 || path->data[0] != '/') {
        return 0;
    }

    last = path->data + path->len;
    begin = path->data + 1;

    for (p = begin; p <= last; p++) {

        if (p < last && *p != '/') {
            continue;
        }

        if ((p - begin == 1 && begin[0] == '.')
            || (p - begin == 2 && begin[0] == '.' && begin[1] == '.'))
        {
            return 0;
        }

        begin = p + 1;
    }

    return 1;
}


/* Whether a decoded path could be decoded once more. */

static ngx_uint_t
ngx_leadgen_path_is_encoded(const ngx_str_t *path)
{
    u_char  *p, *last;

    last = path->data + path->len;

    for (p = path->data; last - p > 2; p++) {

        if (*p == '%' && ngx_hextoi(p + 1, 2) != NGX_ERROR) {
            return 1;
        }
    }

    return 0;
}
