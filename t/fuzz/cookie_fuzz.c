
/*
 * Any bytes as a Cookie header, and after line breaks as Origin and Host: the
 * cookies are those that another reading finds, a semicolon between two headers
 * adds them up, what is passed on has none of ours, and an Origin is only
 * accepted that ends with the Host.
 *
 * sources: src/http/ngx_leadgen_cookie.c
 */


#include "unit.h"
#include "ngx_leadgen_ctx.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const ngx_str_t  name = ngx_string("a-");


/* A line of its own piece of memory; p moves behind it. */

static ngx_str_t
line(const uint8_t **p, const uint8_t *last)
{
    ngx_str_t       text;
    const uint8_t  *end;

    end = memchr(*p, '\n', last - *p);
    end = end ? end : last;

    text.len = end - *p;
    text.data = malloc(text.len);
    ngx_memcpy(text.data, *p, text.len);

    *p = end < last ? end + 1 : last;

    return text;
}


/* As a machine that sees each byte once. */

static ngx_uint_t
reading(const ngx_str_t *header)
{
    size_t      i, at;
    ngx_uint_t  count, is_ours;

    count = 0;
    at = 0;
    is_ours = 1;

    for (i = 0; i < header->len; i++) {

        if (header->data[i] == ';') {
            at = 0;
            is_ours = 1;

        } else if (at == 0 && header->data[i] == ' ') {
            continue;

        } else if (at == name.len) {
            count += is_ours && header->data[i] == '=';
            is_ours = 0;

        } else {
            is_ours = is_ours && header->data[i] == name.data[at];
            at++;
        }
    }

    return count;
}


static void
check_cookies(const ngx_str_t *header)
{
    ngx_str_t   value, twice;
    ngx_uint_t  count;

    ngx_str_null(&value);
    count = ngx_leadgen_cookie_find(header, &name, &value);

    if (count != reading(header)
        || (count == 0) != (value.data == NULL)
        || (count && (value.data < header->data + name.len + 1
                      || value.data + value.len > header->data + header->len
                      || value.data[-1] != '='
                      || (value.len && memchr(value.data, ';', value.len)))))
    {
        abort();
    }

    twice.len = 2 * header->len + 1;
    twice.data = malloc(twice.len);
    ngx_memcpy(twice.data, header->data, header->len);
    twice.data[header->len] = ';';
    ngx_memcpy(twice.data + header->len + 1, header->data, header->len);

    if (ngx_leadgen_cookie_find(&twice, &name, &value) != 2 * count) {
        abort();
    }

    free(twice.data);
}


static void
check_origin(const ngx_str_t *origin, const ngx_str_t *host)
{
    size_t            before;
    static ngx_str_t  site = ngx_string("same-origin");

    before = origin->len - host->len;

    if (ngx_leadgen_cookie_is_same_site(NULL, origin, host, 3)
        != ngx_leadgen_cookie_is_same_site(&site, origin, host, 3))
    {
        abort();
    }

    if (ngx_leadgen_cookie_is_same_site(NULL, origin, host, 3)
        && (origin->len < host->len + 3
            || ngx_memcmp(origin->data + before - 3, "://", 3) != 0
            || strncasecmp((char *) origin->data + before,
                           (char *) host->data, host->len) != 0))
    {
        abort();
    }
}


/* Whatever stands there: it fits, nothing of ours is in it, and nothing more
 * comes off it. */

static void
check_strip(const ngx_str_t *header)
{
    u_char     *p, *q, *buffer, *again;
    ngx_str_t   rest;

    buffer = malloc(2 * header->len + 2);
    again = malloc(4 * header->len + 6);

    p = buffer;
    (void) ngx_leadgen_cookie_strip(&p, buffer, header);

    rest.data = buffer;
    rest.len = p - buffer;
    q = again;

    if (ngx_leadgen_cookie_strip(&q, again, &rest) != 0
        || (size_t) (q - again) != rest.len
        || memmem(buffer, rest.len, NGX_LEADGEN_COOKIE,
                  sizeof(NGX_LEADGEN_COOKIE) - 1))
    {
        abort();
    }

    free(buffer);
    free(again);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t       header, origin, host;
    const uint8_t  *last;

    last = data + size;
    header = line(&data, last);
    origin = line(&data, last);
    host = line(&data, last);

    check_cookies(&header);
    check_strip(&header);
    check_origin(&origin, &host);

    free(header.data);
    free(origin.data);
    free(host.data);

    return 0;
}
