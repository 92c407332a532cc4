
/*
 * Canonical paths: a raw request target goes in, whether all readers agree on
 * it comes out.
 */


#include "ngx_leadgen_ctx.h"


static ngx_int_t ngx_leadgen_path_byte(u_char **pos, u_char *last,
    ngx_uint_t *encoded);
static ngx_uint_t ngx_leadgen_path_is_plain(u_char c);
static ngx_uint_t ngx_leadgen_path_is_encoded(const ngx_str_t *path);


ngx_uint_t
ngx_leadgen_path_is_canonical(const ngx_str_t *target)
{
    u_char      *p, *last, *end, *q;
    u_char       decoded[4096];
    ngx_int_t    c;
    ngx_str_t    text;
    ngx_uint_t   encoded, dots, n;

    last = target->data + target->len;
    end = ngx_strlchr(target->data, last, '?');
    if (end) {
        last = end;
    }

    p = target->data;

    if (p == last || *p != '/' || last - p > (ssize_t) sizeof(decoded)) {
        return 0;
    }

    q = decoded;
    n = 0;
    dots = 0;

    /* n counts a segment's bytes, dots those of them that are dots */

    for (p++; p < last; n++) {

        if (*p == '/') {
            if (n == dots && n <= 2) {
                return 0;
            }

            p++;
            n = (ngx_uint_t) -1;
            dots = 0;
            *q++ = '/';
            continue;
        }

        c = ngx_leadgen_path_byte(&p, last, &encoded);

        if (c == NGX_ERROR
            || (encoded && (c == '/' || c == '.')))
        {
            return 0;
        }

        dots += (c == '.');
        *q++ = (u_char) c;
    }

    if (dots && n == dots && n <= 2) {
        return 0;
    }

    text.data = decoded;
    text.len = q - decoded;

    return ngx_leadgen_text_is_utf8(&text)
           && !ngx_leadgen_path_is_encoded(&text);
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


/* One byte, decoded, or NGX_ERROR when it can't stand in a canonical path. */

static ngx_int_t
ngx_leadgen_path_byte(u_char **pos, u_char *last, ngx_uint_t *encoded)
{
    u_char     *p = *pos;
    ngx_int_t   c;

    if (*p == '%') {
        c = last - p > 2 ? ngx_hextoi(p + 1, 2) : NGX_ERROR;
        *encoded = 1;
        *pos = p + 3;

    } else {
        c = *p;
        *encoded = 0;
        *pos = p + 1;
    }

    return c != NGX_ERROR && ngx_leadgen_path_is_plain((u_char) c)
           ? c : NGX_ERROR;
}


static ngx_uint_t
ngx_leadgen_path_is_plain(u_char c)
{
    return c > 0x1f && c != 0x7f && c != '\\' && c != ';' && c != '#';
}
