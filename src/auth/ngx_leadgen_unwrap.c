
/*
 * Wrappings: a text goes in, the bytes that it stands for come out, read as
 * hexadecimal, base64, base32 or UTF-16.
 */


#include "ngx_leadgen_keys.h"


#define NGX_LEADGEN_UNWRAP_RUN  32          /* letters of base64, at least */


static void ngx_leadgen_unwrap_words(ngx_str_t *dst, const ngx_str_t *src);
static void ngx_leadgen_unwrap_base64(ngx_str_t *dst, const ngx_str_t *src);
static void ngx_leadgen_unwrap_base32(ngx_str_t *dst, const ngx_str_t *src);
static void ngx_leadgen_unwrap_hex(ngx_str_t *dst, const ngx_str_t *src);
static void ngx_leadgen_unwrap_shifted(ngx_str_t *dst, const ngx_str_t *src);
static void ngx_leadgen_unwrap_digits(ngx_str_t *dst, const ngx_str_t *src,
    ngx_uint_t n);
static void ngx_leadgen_unwrap_escapes(ngx_str_t *dst, const ngx_str_t *src);
static void ngx_leadgen_unwrap_wide(ngx_str_t *dst, const ngx_str_t *src);
static u_char *ngx_leadgen_unwrap_bits(u_char *dst, const u_char *p,
    const u_char *last, const char *alphabet, ngx_uint_t width);
static ngx_int_t ngx_leadgen_unwrap_value(const char *alphabet, u_char c);


/* Two rows each, of letters that mean the same. */

static const char  ngx_leadgen_unwrap_hex_digits[] =
    "0123456789abcdef\0" "0123456789ABCDEF";
static const char  ngx_leadgen_unwrap_base32_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567\0" "abcdefghijklmnopqrstuvwxyz";
static const char  ngx_leadgen_unwrap_base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\0"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


void (*const ngx_leadgen_unwraps[])(ngx_str_t *dst, const ngx_str_t *src) = {
    ngx_leadgen_unwrap_words, ngx_leadgen_unwrap_base64,
    ngx_leadgen_unwrap_base32, ngx_leadgen_unwrap_hex,
    ngx_leadgen_unwrap_shifted, ngx_leadgen_unwrap_escapes,
    ngx_leadgen_unwrap_wide, NULL
};


/* Each run of base64 by itself, so that nothing before it shifts the bits. */

static void
ngx_leadgen_unwrap_words(ngx_str_t *dst, const ngx_str_t *src)
{
    u_char  *p, *start, *last, *d;

    d = dst->data;
    last = src->data + src->len;

    for (p = src->data; p < last; p++) {
        start = p;

        while (p < last
               && ngx_leadgen_unwrap_value(ngx_leadgen_unwrap_base64_letters,
                                           *p) != NGX_ERROR)
        {
            p++;
        }

        if (p - start >= NGX_LEADGEN_UNWRAP_RUN) {
            d = ngx_leadgen_unwrap_bits(d, start, p,
                                        ngx_leadgen_unwrap_base64_letters, 6);
        }
    }

    dst->len = d - dst->data;
}


/* All of it, in lines of any length, as base64. */

static void
ngx_leadgen_unwrap_base64(ngx_str_t *dst, const ngx_str_t *src)
{
    dst->len = ngx_leadgen_unwrap_bits(dst->data, src->data,
                                       src->data + src->len,
                                       ngx_leadgen_unwrap_base64_letters, 6)
               - dst->data;
}


static void
ngx_leadgen_unwrap_base32(ngx_str_t *dst, const ngx_str_t *src)
{
    dst->len = ngx_leadgen_unwrap_bits(dst->data, src->data,
                                       src->data + src->len,
                                       ngx_leadgen_unwrap_base32_letters, 5)
               - dst->data;
}


static void
ngx_leadgen_unwrap_hex(ngx_str_t *dst, const ngx_str_t *src)
{
    ngx_leadgen_unwrap_digits(dst, src, 0);
}


/* In dumps a column of places may have an odd number of digits. */

static void
ngx_leadgen_unwrap_shifted(ngx_str_t *dst, const ngx_str_t *src)
{
    ngx_leadgen_unwrap_digits(dst, src, 1);
}


static void
ngx_leadgen_unwrap_digits(ngx_str_t *dst, const ngx_str_t *src, ngx_uint_t n)
{
    u_char     *p, *last, *d, nibble;
    ngx_int_t   value;

    d = dst->data;
    last = src->data + src->len;
    nibble = 0;

    for (p = src->data; p < last; p++) {

        if (*p == '0' && p + 1 < last && (p[1] == 'x' || p[1] == 'X')) {
            continue;
        }

        value = ngx_leadgen_unwrap_value(ngx_leadgen_unwrap_hex_digits, *p);

        if (value == NGX_ERROR) {
            continue;
        }

        if (n++ % 2) {
            *d++ = (u_char) (nibble << 4 | value);
        }

        nibble = (u_char) value;
    }

    dst->len = d - dst->data;
}


/* URLs' escapes and those of lines; nothing when there are none. */

static void
ngx_leadgen_unwrap_escapes(ngx_str_t *dst, const ngx_str_t *src)
{
    u_char     *p, *last, *d;
    ngx_int_t   value;

    d = dst->data;
    last = src->data + src->len;

    for (p = src->data; p < last; p++) {

        value = *p == '%' && last - p > 2 ? ngx_hextoi(p + 1, 2) : NGX_ERROR;

        if (value != NGX_ERROR) {
            *d++ = (u_char) value;
            p += 2;

        } else if (*p == '\\' && last - p > 1) {
            p++;
            *d++ = *p == 'n' || *p == 'r' || *p == 't' ? '\n' : *p;

        } else {
            *d++ = *p;
        }
    }

    dst->len = d == dst->data + src->len ? 0 : d - dst->data;
}


/* UTF-16, and whatever else has zero bytes between. */

static void
ngx_leadgen_unwrap_wide(ngx_str_t *dst, const ngx_str_t *src)
{
    size_t   i;
    u_char  *d;

    d = dst->data;

    for (i = 0; i < src->len; i++) {
        if (src->data[i]) {
            *d++ = src->data[i];
        }
    }

    dst->len = d == dst->data + src->len ? 0 : d - dst->data;
}


/* What is no letter is left out. */

static u_char *
ngx_leadgen_unwrap_bits(u_char *dst, const u_char *p, const u_char *last,
    const char *alphabet, ngx_uint_t width)
{
    uint32_t    bits;
    ngx_int_t   value;
    ngx_uint_t  nbits;

    bits = 0;
    nbits = 0;

    for ( /* void */ ; p < last; p++) {
        value = ngx_leadgen_unwrap_value(alphabet, *p);

        if (value == NGX_ERROR) {
            continue;
        }

        bits = bits << width | (uint32_t) value;
        nbits += width;

        if (nbits >= 8) {
            nbits -= 8;
            *dst++ = (u_char) (bits >> nbits);
        }
    }

    return dst;
}


static ngx_int_t
ngx_leadgen_unwrap_value(const char *alphabet, u_char c)
{
    const char  *found, *second;

    if (c == '\0') {
        return NGX_ERROR;
    }

    found = strchr(alphabet, c);
    if (found) {
        return found - alphabet;
    }

    second = alphabet + strlen(alphabet) + 1;
    found = strchr(second, c);

    return found ? found - second : NGX_ERROR;
}


ngx_int_t
ngx_leadgen_unwrap_plain(ngx_str_t *bytes, const ngx_str_t *text)
{
    u_char      *p, *last;
    ngx_uint_t   hex, digits, standard, url, width;
    const char  *alphabet;

    hex = 0;
    digits = 0;
    standard = 0;
    url = 0;
    last = text->data + text->len;

    while (last > text->data && text->data + text->len - last < 2
           && last[-1] == '=')
    {
        last--;
    }

    for (p = text->data; p < last; p++) {

        if (ngx_leadgen_unwrap_value(ngx_leadgen_unwrap_base64_letters, *p)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        hex += ngx_leadgen_unwrap_value(ngx_leadgen_unwrap_hex_digits, *p)
               != NGX_ERROR;
        digits += *p >= '0' && *p <= '9';
        standard += *p == '+' || *p == '/';
        url += *p == '-' || *p == '_';
    }

    if (digits == text->len
        || (standard && url)
        || (hex < text->len
            && ((last - text->data) % 4 == 1
                || (last < text->data + text->len && text->len % 4))))
    {
        return NGX_ERROR;
    }

    width = hex == text->len ? 4 : 6;
    alphabet = hex == text->len ? ngx_leadgen_unwrap_hex_digits
                                : ngx_leadgen_unwrap_base64_letters;

    bytes->len = ngx_leadgen_unwrap_bits(bytes->data, text->data, last,
                                         alphabet, width)
                 - bytes->data;

    return NGX_OK;
}
