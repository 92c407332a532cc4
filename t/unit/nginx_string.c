
/*
 * Stand-ins for nginx's string functions: those that units call, and of
 * ngx_sprintf() the conversions that they use.
 */


#include "unit.h"
#include <stdarg.h>
#include <stdio.h>


static u_char *
unit_put(u_char *buf, u_char *last, const void *data, size_t len)
{
    return len ? ngx_cpymem(buf, data, ngx_min(len, (size_t) (last - buf)))
               : buf;
}


/* %[0][width][u][x|X] and the letters of types; see nginx's ngx_string.c. */

u_char *
ngx_vslprintf(u_char *buf, u_char *last, const char *fmt, va_list args)
{
    char         text[64], layout[16];
    size_t       stars;
    ngx_int_t    unsign, hex, width;
    uint64_t     value;
    const char  *zero, *s;
    ngx_str_t   *v;
    ngx_variable_value_t  *vv;

    for ( /* void */ ; *fmt && buf < last; fmt++) {

        if (*fmt != '%') {
            *buf++ = (u_char) *fmt;
            continue;
        }

        fmt++;
        zero = (*fmt == '0') ? "0" : "";
        width = 0;
        unsign = 0;
        hex = 0;
        stars = (size_t) -1;

        while (*fmt >= '0' && *fmt <= '9') {
            width = width * 10 + (*fmt++ - '0');
        }

        for ( ;; ) {
            if (*fmt == 'u') {
                unsign = 1;

            } else if (*fmt == 'x' || *fmt == 'X') {
                hex = *fmt;
                unsign = 1;

            } else if (*fmt == '*') {
                stars = va_arg(args, size_t);

            } else {
                break;
            }

            fmt++;
        }

        switch (*fmt) {

        case 'V':
            v = va_arg(args, ngx_str_t *);
            buf = unit_put(buf, last, v->data, v->len);
            continue;

        case 'v':
            vv = va_arg(args, ngx_variable_value_t *);
            buf = unit_put(buf, last, vv->data, vv->len);
            continue;

        case 's':
            s = va_arg(args, const char *);
            buf = unit_put(buf, last, s,
                           stars == (size_t) -1 ? strlen(s) : stars);
            continue;

        case 'Z':
            buf = unit_put(buf, last, "", 1);
            continue;

        case 'N':
            buf = unit_put(buf, last, "\n", 1);
            continue;

        case '%':
            buf = unit_put(buf, last, "%", 1);
            continue;

        case 'c':
            text[0] = (char) va_arg(args, int);
            buf = unit_put(buf, last, text, 1);
            continue;

        case 'p':
            value = (uintptr_t) va_arg(args, void *);
            hex = 'X';
            break;

        case 'd':
            value = unsign ? va_arg(args, u_int)
                           : (uint64_t) (int64_t) va_arg(args, int);
            break;

        case 'D':
            value = unsign ? va_arg(args, uint32_t)
                           : (uint64_t) (int64_t) va_arg(args, int32_t);
            break;

        case 'M':
            value = va_arg(args, ngx_msec_t);
            unsign = 1;
            break;

        case 'i':       /* ngx_int_t */
        case 'z':       /* ssize_t */
        case 'l':       /* long */
        case 'L':       /* int64_t */
        case 'O':       /* off_t */
        case 'T':       /* time_t */
        case 'P':       /* ngx_pid_t */
            value = (*fmt == 'P') ? (uint64_t) va_arg(args, ngx_pid_t)
                                  : va_arg(args, uint64_t);
            break;

        default:
            printf("Bail out! no stand-in for %%%c of ngx_sprintf\n", *fmt);
            exit(1);
        }

        (void) snprintf(layout, sizeof(layout), "%%%s%dll%c", zero,
                        (int) ngx_min(width, 40),
                        hex ? (int) hex : unsign ? 'u' : 'd');
        (void) snprintf(text, sizeof(text), width ? layout : hex == 'x' ? "%llx"
                        : hex ? "%llX" : unsign ? "%llu" : "%lld",
                        (unsigned long long) value);
        buf = unit_put(buf, last, text, strlen(text));
    }

    return buf;
}


u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    buf = ngx_vslprintf(buf, (u_char *) -1, fmt, args);
    va_end(args);

    return buf;
}


u_char *
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    buf = ngx_vslprintf(buf, buf + max, fmt, args);
    va_end(args);

    return buf;
}


u_char *
ngx_slprintf(u_char *buf, u_char *last, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    buf = ngx_vslprintf(buf, last, fmt, args);
    va_end(args);

    return buf;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    if (n == 0) {
        return dst;
    }

    while (--n && *src) {
        *dst++ = *src++;
    }

    *dst = '\0';

    return dst;
}


u_char *
ngx_pstrdup(ngx_pool_t *pool, ngx_str_t *src)
{
    u_char  *dst;

    dst = ngx_pnalloc(pool, src->len);
    if (dst != NULL) {
        ngx_memcpy(dst, src->data, src->len);
    }

    return dst;
}


void
ngx_strlow(u_char *dst, u_char *src, size_t n)
{
    while (n--) {
        *dst++ = ngx_tolower(*src);
        src++;
    }
}


ngx_int_t
ngx_strcasecmp(u_char *s1, u_char *s2)
{
    return strcasecmp((char *) s1, (char *) s2);
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {
        if (*line < '0' || *line > '9'
            || value > (NGX_MAX_INT_T_VALUE - (*line - '0')) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


time_t
ngx_atotm(u_char *line, size_t n)
{
    return ngx_atoi(line, n);
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    u_char     c;
    ngx_int_t  value;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {
        c = (u_char) (*line | 0x20);

        if (value > NGX_MAX_INT_T_VALUE / 16) {
            return NGX_ERROR;
        }

        if (*line >= '0' && *line <= '9') {
            value = value * 16 + (*line - '0');

        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (c - 'a' + 10);

        } else {
            return NGX_ERROR;
        }
    }

    return value;
}


u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    static const u_char  hex[] = "0123456789abcdef";

    while (len--) {
        *dst++ = hex[*src >> 4];
        *dst++ = hex[*src++ & 0xf];
    }

    return dst;
}


ngx_uint_t
ngx_hash_key(u_char *data, size_t len)
{
    ngx_uint_t  key;

    for (key = 0; len--; data++) {
        key = ngx_hash(key, *data);
    }

    return key;
}


/* n is the length of what is looked for, less one. */

u_char *
ngx_strlcasestrn(u_char *s1, u_char *last, u_char *s2, size_t n)
{
    for ( /* void */ ; (size_t) (last - s1) > n; s1++) {
        if (ngx_strncasecmp(s1, s2, n + 1) == 0) {
            return s1;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_hash_key_lc(u_char *data, size_t len)
{
    ngx_uint_t  key;

    for (key = 0; len--; data++) {
        key = ngx_hash(key, ngx_tolower(*data));
    }

    return key;
}


ngx_uint_t
ngx_hash_strlow(u_char *dst, u_char *src, size_t n)
{
    ngx_strlow(dst, src, n);

    return ngx_hash_key(dst, n);
}


void
ngx_encode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    u_char      *d;
    size_t       i;
    uint32_t     bits;
    ngx_uint_t   nbits;
    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    d = dst->data;
    bits = 0;
    nbits = 0;

    for (i = 0; i < src->len; i++) {
        bits = bits << 8 | src->data[i];

        for (nbits += 8; nbits >= 6; nbits -= 6) {
            *d++ = alphabet[bits >> (nbits - 6) & 63];
        }
    }

    if (nbits) {
        *d++ = alphabet[bits << (6 - nbits) & 63];
    }

    dst->len = d - dst->data;
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    explicit_bzero(buf, n);
}


/* Seconds: a number, and maybe one of s, m, h and d. */

ngx_int_t
ngx_parse_time(ngx_str_t *line, ngx_uint_t is_sec)
{
    size_t      len;
    ngx_int_t   n, factor;

    len = line->len;
    factor = 1;

    switch (len ? line->data[len - 1] : 0) {
    case 'd': factor *= 24; /* fall through */
    case 'h': factor *= 60; /* fall through */
    case 'm': factor *= 60; /* fall through */
    case 's': len--; break;
    default:  break;
    }

    n = ngx_atoi(line->data, len);

    return n == NGX_ERROR || !is_sec ? NGX_ERROR : n * factor;
}


ngx_int_t
ngx_memn2cmp(u_char *s1, u_char *s2, size_t n1, size_t n2)
{
    int  rc;

    rc = memcmp(s1, s2, n1 < n2 ? n1 : n2);

    return rc ? rc : (n1 > n2) - (n1 < n2);
}
