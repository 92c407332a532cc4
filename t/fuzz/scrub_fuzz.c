
/*
 * Any bytes as a text to scrub: the copy stays in its room, and what follows
 * "password=" at its end is not in it.
 *
 * sources: src/sentry/ngx_leadgen_scrub.c src/sentry/ngx_leadgen_named.c
 * sources: src/sentry/ngx_leadgen_secret.c src/base/ngx_leadgen_uuid.c
 * sources: src/base/ngx_leadgen_time.c
 * libraries: -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_sentry.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char             *text, *copy, *last;
    size_t              room;
    ngx_str_t           src;

    static const char   secret[] = "\n\"\npassword=CANARY1";

    if (size < 2) {
        return 0;
    }

    room = (size_t) data[0] * 256 + data[1];
    src.len = size - 2;

    text = malloc(src.len + sizeof(secret));
    copy = malloc(room + 1);
    src.data = text;
    ngx_memcpy(text, data + 2, src.len);

    last = ngx_leadgen_scrub(copy, copy + room, &src, data[0] & 3);

    if (last < copy || last > copy + room) {
        abort();
    }

    free(copy);

    /* whatever came before */

    ngx_memcpy(text + src.len, secret, sizeof(secret) - 1);
    src.len += sizeof(secret) - 1;
    room = 12 * src.len + 16;
    copy = malloc(room + 1);
    last = ngx_leadgen_scrub(copy, copy + room, &src, 0);

    if (memmem(copy, last - copy, "CANARY1", 7)
        && !memmem(data, size, "CANARY1", 7))
    {
        abort();
    }

    free(copy);
    free(text);

    return 0;
}
