
/*
 * Any bytes as a spool segment: the reader stays inside, and hands out nothing
 * but payloads whose checksum fits.
 *
 * sources: src/base/ngx_leadgen_frame.c
 */


#include "unit.h"
#include "ngx_leadgen_base.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char     *start, *pos, *last, *before;
    uint32_t    kind;
    ngx_int_t   rc;
    ngx_str_t   payload;

    /* a copy, aligned as segments are, whose end the sanitizer watches */
    start = malloc(size);
    ngx_memcpy(start, data, size);

    pos = start;
    last = start + size;

    do {
        before = pos;
        rc = ngx_leadgen_frame_read(&pos, last, &kind, &payload);

        if (rc == NGX_OK
            && (pos <= before || pos > last || payload.data <= before
                || payload.data + payload.len > pos))
        {
            abort();
        }
    } while (rc == NGX_OK);

    free(start);

    return 0;
}
