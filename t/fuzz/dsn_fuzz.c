
/*
 * Any bytes as a DSN: what is taken gives a URL and a header of one line each,
 * in the room that was asked for, and what is refused is not in the words.
 *
 * sources: src/sentry/ngx_leadgen_dsn.c
 */


#include "unit.h"
#include "ngx_leadgen_sentry.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_line(const ngx_str_t *line)
{
    size_t  i;

    if (line->data[line->len] != '\0') {
        abort();
    }

    for (i = 0; i < line->len; i++) {
        if (line->data[i] < ' ' || line->data[i] >= 0x7f) {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char             *copy;
    ngx_str_t           dsn;
    ngx_pool_t         *pool;
    const char         *wrong;
    ngx_leadgen_dsn_t   target;

    pool = ngx_create_pool(4096, NULL);
    copy = malloc(size);
    ngx_memcpy(copy, data, size);
    dsn.data = copy;
    dsn.len = size;

    wrong = ngx_leadgen_dsn_parse(pool, &dsn, &target);

    if (wrong == NULL) {
        check_line(&target.url);
        check_line(&target.auth);

        if (ngx_strncmp(target.url.data, "http", 4) != 0
            || ngx_strchr(target.url.data, ' ')
            || ngx_strchr(target.url.data, '@')
            || target.key.len == 0
            || target.key.data < copy
            || target.key.data + target.key.len > copy + size)
        {
            abort();
        }
    }

    free(copy);
    ngx_destroy_pool(pool);

    return 0;
}
