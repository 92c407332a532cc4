
/*
 * Text: bytes of strangers enter, and leave as text that a database stores and
 * a terminal shows without harm.
 */


#include "ngx_leadgen_base.h"


static size_t ngx_leadgen_text_plain(const u_char *p, size_t len);
static size_t ngx_leadgen_text_sequence(const u_char *p, const u_char *last,
    uint32_t *code);
static ngx_uint_t ngx_leadgen_text_is_safe(uint32_t code);
static ngx_uint_t ngx_leadgen_text_is_mark(uint32_t code);
static ngx_uint_t ngx_leadgen_text_is_blank(uint32_t code);
static ngx_uint_t ngx_leadgen_text_word_holds(uint64_t word);


u_char *
ngx_leadgen_text_sanitize(u_char *dst, const ngx_str_t *src)
{
    size_t               n;
    uint32_t             code;
    const u_char        *p, *last;
    static const u_char  hex[] = "0123456789abcdef";

    p = src->data;
    last = p + src->len;

    n = ngx_leadgen_text_plain(p, src->len);
    dst = ngx_cpymem(dst, p, n);
    p += n;

    while (p < last) {

        if (*p >= 0x20 && *p < 0x7f) {
            *dst++ = *p++;
            continue;
        }

        n = ngx_leadgen_text_sequence(p, last, &code);

        if (n && ngx_leadgen_text_is_safe(code)) {
            while (n--) {
                *dst++ = *p++;
            }

            continue;
        }

        if (n == 0) {
            n = 1;
        }

        while (n--) {
            *dst++ = '\\';
            *dst++ = 'x';
            *dst++ = hex[*p >> 4];
            *dst++ = hex[*p++ & 0xf];
        }
    }

    return dst;
}


/*
 * How many bytes from p on are printable ASCII, in steps of eight; most texts
 * are nothing else.  Of the bytes of a word one below ' ' borrows, '~' + 1
 * carries, and others have their highest bit set.
 */

static size_t
ngx_leadgen_text_plain(const u_char *p, size_t len)
{
    size_t    n;
    uint64_t  word;

    for (n = 0; len - n >= sizeof(word); n += sizeof(word)) {
        ngx_memcpy(&word, p + n, sizeof(word));

        if ((word | (word - 0x2020202020202020ull)
             | (word + 0x0101010101010101ull)) & 0x8080808080808080ull)
        {
            break;
        }
    }

    return n;
}


ngx_str_t
ngx_leadgen_text_shown(u_char *buffer, size_t size, const ngx_str_t *src)
{
    ngx_str_t  cut, shown;

    cut.data = src->data;
    cut.len = ngx_min(src->len, size / 4);

    shown.data = buffer;
    shown.len = ngx_leadgen_text_sanitize(buffer, &cut) - buffer;

    return shown;
}


u_char *
ngx_leadgen_text_json(u_char *dst, const ngx_str_t *src)
{
    size_t  i;
    u_char  c;

    *dst++ = '"';

    for (i = 0; i < src->len; i++) {
        c = src->data[i];

        if (c < 0x20) {
            dst = ngx_sprintf(dst, "\\u%04xd", (int) c);
            continue;
        }

        if (c == '"' || c == '\\') {
            *dst++ = '\\';
        }

        *dst++ = c;
    }

    *dst++ = '"';

    return dst;
}


ngx_uint_t
ngx_leadgen_text_is_utf8(const ngx_str_t *text)
{
    size_t         n;
    uint32_t       code;
    const u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        n = ngx_leadgen_text_sequence(p, last, &code);

        if (n == 0) {
            return 0;
        }

        p += n;
    }

    return 1;
}


/*
 * The length of the well-formed UTF-8 sequence at p (RFC 3629: shortest form,
 * no surrogates, up to U+10FFFF), 0 when there is none.
 */

static size_t
ngx_leadgen_text_sequence(const u_char *p, const u_char *last, uint32_t *code)
{
    size_t    i, n;
    uint32_t  c, least;

    c = *p;

    if (c < 0x80) {
        *code = c;
        return 1;
    }

    if (c >= 0xc2 && c <= 0xdf) {
        n = 2;
        c &= 0x1f;
        least = 0x80;

    } else if ((c & 0xf0) == 0xe0) {
        n = 3;
        c &= 0x0f;
        least = 0x800;

    } else if (c >= 0xf0 && c <= 0xf4) {
        n = 4;
        c &= 0x07;
        least = 0x10000;

    } else {
        return 0;
    }

    if ((size_t) (last - p) < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = (c << 6) | (p[i] & 0x3f);
    }

    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    *code = c;

    return n;
}


static ngx_uint_t
ngx_leadgen_text_is_safe(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
        return 0;
    }

    /* embeddings, overrides and isolates turn what follows them around */

    return !(code >= 0x202a && code <= 0x202e)
           && !(code >= 0x2066 && code <= 0x2069);
}


ngx_uint_t
ngx_leadgen_text_is_name(const ngx_str_t *text)
{
    size_t         n;
    uint32_t       code;
    const u_char  *p, *last;

    if (text->len == 0) {
        return 1;
    }

    p = text->data;
    last = p + text->len;

    while (p < last) {
        n = ngx_leadgen_text_sequence(p, last, &code);

        if (n == 0
            || !ngx_leadgen_text_is_safe(code)
            || ngx_leadgen_text_is_mark(code)
            || ((p == text->data || p + n == last)
                && ngx_leadgen_text_is_blank(code)))
        {
            return 0;
        }

        p += n;
    }

    return 1;
}


/* Marks of direction, separators of lines and paragraphs: unseen, and for some
 * readers the end of a line. */

static ngx_uint_t
ngx_leadgen_text_is_mark(uint32_t code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f || code == 0x2028
           || code == 0x2029;
}


static ngx_uint_t
ngx_leadgen_text_is_blank(uint32_t code)
{
    return code == ' ' || code == 0xa0 || code == 0x1680
           || (code >= 0x2000 && code <= 0x200d) || code == 0x202f
           || code == 0x205f || code == 0x2060 || code == 0x3000
           || code == 0xfeff;
}


/* The last step of eight may begin within the one before. */

ngx_uint_t
ngx_leadgen_text_holds(const ngx_str_t *text)
{
    size_t      i, len;
    uint64_t    word;
    ngx_uint_t  found;

    len = text->len;
    found = 0;

    if (len == 0) {
        return 0;
    }

    if (len < sizeof(word)) {
        word = 0x2020202020202020ull;
        ngx_memcpy(&word, text->data, len);

        return ngx_leadgen_text_word_holds(word);
    }

    for (i = 0; i < len; i += sizeof(word)) {
        i = ngx_min(i, len - sizeof(word));
        ngx_memcpy(&word, text->data + i, sizeof(word));

        found |= ngx_leadgen_text_word_holds(word);
    }

    return found;
}


/*
 * Of a word whose bytes are all from ' ' to '~' and none is '%' the three sums
 * have no highest bit set; else its bytes are looked at, which is rare.
 */

static ngx_uint_t
ngx_leadgen_text_word_holds(uint64_t word)
{
    u_char      c;
    uint64_t    percent;
    ngx_uint_t  i, found;

    percent = word ^ 0x2525252525252525ull;

    if (!((word | (word - 0x2020202020202020ull)
           | (word + 0x0101010101010101ull)
           | (percent - 0x0101010101010101ull)) & 0x8080808080808080ull))
    {
        return 0;
    }

    found = 0;

    for (i = 0; i < sizeof(word); i++) {
        c = (u_char) (word >> 8 * i);

        if (c < 0x20 || c == 0x7f) {
            found |= NGX_LEADGEN_TEXT_CONTROL;

        } else if (c > 0x7f || c == '%') {
            found |= NGX_LEADGEN_TEXT_ENCODED;
        }
    }

    return found;
}


u_char *
ngx_leadgen_text_percent(u_char *dst, const ngx_str_t *src)
{
    size_t               i;
    u_char               c;
    static const u_char  hex[] = "0123456789ABCDEF";

    for (i = 0; i < src->len; i++) {
        c = src->data[i];

        if (c < 0x80 && c != '%') {
            *dst++ = c;
            continue;
        }

        *dst++ = '%';
        *dst++ = hex[c >> 4];
        *dst++ = hex[c & 0xf];
    }

    return dst;
}
