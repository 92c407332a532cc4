
/*
 * Any bytes as a request target: what is canonical means the same to readers
 * who decode it once, twice or not at all, cut it at ";" and "#", take "\" for
 * "/", and merge slashes.
 *
 * sources: src/http/ngx_leadgen_path.c src/base/ngx_leadgen_text.c
 */


#include "unit.h"
#include "ngx_leadgen_ctx.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static size_t
decode(u_char *dst, const u_char *src, size_t len)
{
    size_t     i;
    u_char    *d;
    ngx_int_t  c;

    for (d = dst, i = 0; i < len; i++) {
        c = src[i] == '%' && i + 2 < len
            ? ngx_hextoi((u_char *) &src[i + 1], 2) : NGX_ERROR;

        if (c == NGX_ERROR) {
            *d++ = src[i];

        } else {
            *d++ = (u_char) c;
            i += 2;
        }
    }

    return d - dst;
}


/* What no reader may find in a path, once decoded. */

static void
check(const u_char *path, size_t len)
{
    size_t  i, n;

    for (i = 0; i < len; i++) {
        if (path[i] < 0x20 || path[i] == 0x7f || path[i] == ';'
            || path[i] == '#' || path[i] == '\\')
        {
            abort();
        }
    }

    for (i = 1; i < len; i += n + 1) {
        for (n = 0; i + n < len && path[i + n] != '/'; n++) { /* void */ }

        /* an empty segment only at the end, a dot segment nowhere */

        if ((n == 0 && i + n < len)
            || (n == 1 && path[i] == '.')
            || (n == 2 && path[i] == '.' && path[i + 1] == '.'))
        {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t      len, n, m;
    u_char     *once, *twice, *query;
    ngx_str_t   target;

    target.len = size;
    target.data = malloc(size);
    ngx_memcpy(target.data, data, size);

    if (ngx_leadgen_path_is_canonical(&target)) {

        query = memchr(target.data, '?', size);
        len = query ? (size_t) (query - target.data) : size;

        if (len == 0 || target.data[0] != '/') {
            abort();
        }

        once = malloc(len);
        twice = malloc(len);
        n = decode(once, target.data, len);
        m = decode(twice, once, n);

        check(target.data, len);
        check(once, n);

        if (m != n || memcmp(once, twice, n) != 0) {
            abort();
        }

        free(once);
        free(twice);
    }

    free(target.data);

    return 0;
}
