
/*
 * Canonical paths: a raw request target or a decoded path goes in, whether all
 * readers agree on it comes out.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_PATH_MAX      4096      /* bytes of a raw one */

/* kinds of bytes */
#define NGX_LEADGEN_PATH_BAD      0x01
#define NGX_LEADGEN_PATH_SLASH    0x02
#define NGX_LEADGEN_PATH_WEAK     0x04      /* a slash shifted once */
#define NGX_LEADGEN_PATH_HIGH     0x08
#define NGX_LEADGEN_PATH_PERCENT  0x10


static ngx_int_t ngx_leadgen_path_byte(u_char **pos, u_char *last);
static ngx_uint_t ngx_leadgen_path_is_encoded(const ngx_str_t *path);


/* Some file systems take no notice of dots and spaces at the end of a name. */

static const u_char  ngx_leadgen_path_kinds[256] = {
    [0x00 ... 0x1f] = NGX_LEADGEN_PATH_BAD,
    [0x7f] = NGX_LEADGEN_PATH_BAD,
    ['\\'] = NGX_LEADGEN_PATH_BAD,
    [';'] = NGX_LEADGEN_PATH_BAD,
    ['#'] = NGX_LEADGEN_PATH_BAD,
    ['/'] = NGX_LEADGEN_PATH_SLASH|NGX_LEADGEN_PATH_WEAK,
    ['.'] = NGX_LEADGEN_PATH_WEAK,
    [' '] = NGX_LEADGEN_PATH_WEAK,
    ['%'] = NGX_LEADGEN_PATH_PERCENT,
    [0x80 ... 0xff] = NGX_LEADGEN_PATH_HIGH
};


ngx_uint_t
ngx_leadgen_path_is_canonical(const ngx_str_t *target)
{
    u_char      *p, *last, *end, *q;
    u_char       decoded[NGX_LEADGEN_PATH_MAX];
    ngx_int_t    c;
    ngx_str_t    text;

    last = target->data + target->len;
    end = memchr(target->data, '?', target->len);
    if (end) {
        last = end;
    }

    text.data = target->data;
    text.len = last - target->data;

    if (text.len > sizeof(decoded)) {
        return 0;
    }

    if (memchr(text.data, '%', text.len) == NULL) {
        return ngx_leadgen_path_is_plain(&text);
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


/*
 * Every byte is looked at once, and what few paths have is looked into after
 * that.  No segment ends weakly, and so none is a dot or two.
 */

ngx_uint_t
ngx_leadgen_path_is_plain(const ngx_str_t *path)
{
    u_char      *p, *last;
    ngx_uint_t   kind, before, seen, ended;

    if (path->len == 0 || path->data[0] != '/') {
        return 0;
    }

    last = path->data + path->len;
    before = 0;
    seen = 0;
    ended = 0;

    for (p = path->data; p < last; p++) {
        kind = ngx_leadgen_path_kinds[*p];
        seen |= kind;
        ended |= before & kind << 1;
        before = kind;
    }

    if ((seen & NGX_LEADGEN_PATH_BAD)
        || (ended & NGX_LEADGEN_PATH_WEAK)
        || before == NGX_LEADGEN_PATH_WEAK)
    {
        return 0;
    }

    return (!(seen & NGX_LEADGEN_PATH_HIGH) || ngx_leadgen_text_is_utf8(path))
           && (!(seen & NGX_LEADGEN_PATH_PERCENT)
               || !ngx_leadgen_path_is_encoded(path));
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
