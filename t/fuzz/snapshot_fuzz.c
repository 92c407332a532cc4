
/*
 * Any bytes as a snapshot: without its code none is taken; with the right one
 * what it says is as long as it is.
 *
 * sources: src/shm/ngx_leadgen_snapshot.c
 * libraries: -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_zone.h"


#define SIZE  NGX_LEADGEN_EPOCH_RECORD


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                  *bytes, key[NGX_LEADGEN_SNAPSHOT_HASH] = "";
    u_char                   hash[NGX_LEADGEN_SNAPSHOT_HASH];
    ngx_leadgen_snapshot_t   header, found;

    if (ngx_leadgen_snapshot_parse(data, size, NGX_LEADGEN_SNAPSHOT_EPOCHS,
                                   SIZE, key, &found) == NGX_OK)
    {
        abort();
    }

    if (size < sizeof(header)) {
        return 0;
    }

    bytes = malloc(size);
    ngx_memcpy(bytes, data, size);
    ngx_memcpy(&header, data, sizeof(header));

    (void) ngx_leadgen_snapshot_hash(data + sizeof(header),
                                     size - sizeof(header), hash);
    (void) ngx_leadgen_snapshot_sign(&header, key, hash);
    ngx_memcpy(bytes, &header, sizeof(header));

    if (ngx_leadgen_snapshot_parse(bytes, size, NGX_LEADGEN_SNAPSHOT_EPOCHS,
                                   SIZE, key, &found) == NGX_OK
        && size != sizeof(found) + found.n * SIZE)
    {
        abort();
    }

    free(bytes);

    return 0;
}
