
/*
 * Frames: a payload enters, and leaves a segment only if every byte of it is
 * what was committed.
 */


#include "ngx_leadgen_base.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif


#define NGX_LEADGEN_FRAME_POLYNOMIAL  0x82f63b78    /* reflected */
#define NGX_LEADGEN_FRAME_HEAD        offsetof(ngx_leadgen_frame_t, kind)


static uint32_t ngx_leadgen_frame_crc_table(uint32_t crc, const u_char *data,
    size_t len);
static ngx_int_t ngx_leadgen_frame_blank(const u_char *p, const u_char *last);


size_t
ngx_leadgen_frame_size(size_t payload)
{
    return ngx_align(sizeof(ngx_leadgen_frame_t) + payload,
                     NGX_LEADGEN_FRAME_ALIGN);
}


u_char *
ngx_leadgen_frame_commit(u_char *dst, uint32_t kind, size_t payload)
{
    ngx_leadgen_frame_t  *frame;

    frame = (ngx_leadgen_frame_t *) dst;

    frame->kind = kind;
    frame->reserved = 0;
    frame->crc = ngx_leadgen_frame_crc(0, dst + NGX_LEADGEN_FRAME_HEAD,
                                       sizeof(ngx_leadgen_frame_t)
                                       - NGX_LEADGEN_FRAME_HEAD + payload);

    __atomic_store_n(&frame->length, (uint32_t) payload, __ATOMIC_RELEASE);

    return dst + ngx_leadgen_frame_size(payload);
}


ngx_int_t
ngx_leadgen_frame_read(u_char **pos, u_char *last, uint32_t *kind,
    ngx_str_t *payload)
{
    u_char               *p;
    size_t                size;
    uint32_t              length;
    ngx_leadgen_frame_t  *frame;

    p = *pos;

    if (p > last || (size_t) (last - p) < sizeof(ngx_leadgen_frame_t)) {
        return ngx_leadgen_frame_blank(p, last);
    }

    frame = (ngx_leadgen_frame_t *) p;
    length = __atomic_load_n(&frame->length, __ATOMIC_ACQUIRE);

    if (length == 0) {
        return ngx_leadgen_frame_blank(p, p + sizeof(ngx_leadgen_frame_t));
    }

    if (length > NGX_LEADGEN_FRAME_PAYLOAD) {
        return NGX_ERROR;
    }

    size = ngx_leadgen_frame_size(length);

    if (size > (size_t) (last - p)) {
        return NGX_ERROR;
    }

    if (frame->crc
        != ngx_leadgen_frame_crc(0, p + NGX_LEADGEN_FRAME_HEAD,
                                 sizeof(ngx_leadgen_frame_t)
                                 - NGX_LEADGEN_FRAME_HEAD + length))
    {
        return NGX_ERROR;
    }

    *kind = frame->kind;
    payload->data = p + sizeof(ngx_leadgen_frame_t);
    payload->len = length;
    *pos = p + size;

    return NGX_OK;
}


/*
 * A frame under construction has a header of zeroes, because commit writes all
 * of it: a zero length with anything beside it is damage, not the end.
 */

static ngx_int_t
ngx_leadgen_frame_blank(const u_char *p, const u_char *last)
{
    for ( /* void */ ; p < last; p++) {
        if (*p != 0) {
            return NGX_ERROR;
        }
    }

    return NGX_DONE;
}


#if defined(__x86_64__)

__attribute__((target("sse4.2")))
static uint32_t
ngx_leadgen_frame_crc_sse42(uint32_t crc, const u_char *data, size_t len)
{
    uint64_t  state, word;

    state = (uint32_t) ~crc;

    for ( /* void */ ; len >= sizeof(word); len -= sizeof(word)) {
        ngx_memcpy(&word, data, sizeof(word));
        state = _mm_crc32_u64(state, word);
        data += sizeof(word);
    }

    for ( /* void */ ; len; len--) {
        state = _mm_crc32_u8((uint32_t) state, *data++);
    }

    return (uint32_t) ~state;
}

#endif


uint32_t
ngx_leadgen_frame_crc(uint32_t crc, const u_char *data, size_t len)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return ngx_leadgen_frame_crc_sse42(crc, data, len);
    }
#endif

    return ngx_leadgen_frame_crc_table(crc, data, len);
}


/* Threads may come here first and at once: each writes the same values. */

static uint32_t
ngx_leadgen_frame_crc_table(uint32_t crc, const u_char *data, size_t len)
{
    uint32_t         value;
    ngx_uint_t       i, bit;
    static uint32_t  table[256];

    if (__atomic_load_n(&table[255], __ATOMIC_ACQUIRE) == 0) {

        for (i = 0; i < 256; i++) {
            value = (uint32_t) i;

            for (bit = 0; bit < 8; bit++) {
                value = (value >> 1)
                        ^ ((value & 1) ? NGX_LEADGEN_FRAME_POLYNOMIAL : 0);
            }

            __atomic_store_n(&table[i], value, __ATOMIC_RELEASE);
        }
    }

    crc = ~crc;

    while (len--) {
        crc = table[(crc ^ *data++) & 0xff] ^ (crc >> 8);
    }

    return ~crc;
}
