
/*
 * UUIDs: random bits and the clock go in, version 7 identifiers come out
 * (RFC 9562, section 5.7, with a counter by method 1 of section 6.2).
 */


#include "ngx_leadgen_base.h"
#include <endian.h>
#include <openssl/rand.h>


#define NGX_LEADGEN_UUID_COUNTER_MAX   0x0fff
#define NGX_LEADGEN_UUID_COUNTER_SEED  0x07ff


static struct {
    ngx_pid_t  pid;                /* whose random bytes these are */
    uint64_t   milliseconds;
    uint32_t   counter;
    size_t     used;
    u_char     random[4096];       /* one call of libcrypto costs a µs */
} ngx_leadgen_uuid;


static void ngx_leadgen_uuid_random(u_char *dst, size_t len);
static void ngx_leadgen_uuid_digits(u_char *dst, const u_char *bytes);


void
ngx_leadgen_uuid_mint(u_char id[NGX_LEADGEN_UUID_SIZE])
{
    ngx_leadgen_uuid_mint_at(id, ngx_leadgen_time_now());
}


void
ngx_leadgen_uuid_mint_at(u_char id[NGX_LEADGEN_UUID_SIZE], uint64_t now)
{
    u_char      seed[2];
    ngx_uint_t  i;

    now /= 1000;

    if (now > ngx_leadgen_uuid.milliseconds) {
        ngx_leadgen_uuid_random(seed, sizeof(seed));

        ngx_leadgen_uuid.milliseconds = now;
        ngx_leadgen_uuid.counter = (seed[0] << 8 | seed[1])
                                   & NGX_LEADGEN_UUID_COUNTER_SEED;

    } else if (++ngx_leadgen_uuid.counter > NGX_LEADGEN_UUID_COUNTER_MAX) {
        ngx_leadgen_uuid.milliseconds++;
        ngx_leadgen_uuid.counter = 0;
    }

    for (i = 0; i < 6; i++) {
        id[i] = (u_char) (ngx_leadgen_uuid.milliseconds >> (40 - 8 * i));
    }

    id[6] = (u_char) (0x70 | ngx_leadgen_uuid.counter >> 8);
    id[7] = (u_char) ngx_leadgen_uuid.counter;

    ngx_leadgen_uuid_random(&id[8], 8);

    id[8] = (id[8] & 0x3f) | 0x80;
}


/* A forked worker must not go on with its parent's bytes, hence the pid. */

static void
ngx_leadgen_uuid_random(u_char *dst, size_t len)
{
    size_t  size = sizeof(ngx_leadgen_uuid.random);

    if (ngx_leadgen_uuid.pid != ngx_pid
        || ngx_leadgen_uuid.used + len > size)
    {
        if (RAND_bytes(ngx_leadgen_uuid.random, (int) size) != 1) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "leadgen: uuid: could not get random bytes");
            ngx_abort();
        }

        ngx_leadgen_uuid.pid = ngx_pid;
        ngx_leadgen_uuid.used = 0;
    }

    ngx_memcpy(dst, &ngx_leadgen_uuid.random[ngx_leadgen_uuid.used], len);
    ngx_leadgen_uuid.used += len;
}


u_char *
ngx_leadgen_uuid_format(u_char *dst, const u_char id[NGX_LEADGEN_UUID_SIZE])
{
    u_char      digits[2 * NGX_LEADGEN_UUID_SIZE];
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_UUID_SIZE; i += 4) {
        ngx_leadgen_uuid_digits(&digits[2 * i], &id[i]);
    }

    dst = ngx_cpymem(dst, digits, 8);
    *dst++ = '-';
    dst = ngx_cpymem(dst, &digits[8], 4);
    *dst++ = '-';
    dst = ngx_cpymem(dst, &digits[12], 4);
    *dst++ = '-';
    dst = ngx_cpymem(dst, &digits[16], 4);
    *dst++ = '-';

    return ngx_cpymem(dst, &digits[20], 12);
}


/* Four bytes as eight digits, in a word: each request has an id. */

static void
ngx_leadgen_uuid_digits(u_char *dst, const u_char *bytes)
{
    uint64_t  x;

    x = (uint64_t) bytes[0] | (uint64_t) bytes[1] << 16
        | (uint64_t) bytes[2] << 32 | (uint64_t) bytes[3] << 48;

    /* a digit's value in each byte, the first one lowest */
    x = (x >> 4 | x << 8) & 0x0f0f0f0f0f0f0f0full;

    /* those above 9 are letters */
    x += 0x3030303030303030ull
         + ((x + 0x0606060606060606ull) >> 4 & 0x0101010101010101ull)
           * ('a' - '0' - 10);

    x = htole64(x);
    ngx_memcpy(dst, &x, sizeof(x));
}


ngx_int_t
ngx_leadgen_uuid_parse(const ngx_str_t *text, u_char id[NGX_LEADGEN_UUID_SIZE])
{
    u_char      *p;
    ngx_int_t    byte;
    ngx_uint_t   i;

    if (text->len != NGX_LEADGEN_UUID_TEXT) {
        return NGX_ERROR;
    }

    p = text->data;

    for (i = 0; i < NGX_LEADGEN_UUID_SIZE; i++) {

        if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-') {
            return NGX_ERROR;
        }

        byte = ngx_hextoi(p, 2);
        if (byte == NGX_ERROR) {
            return NGX_ERROR;
        }

        id[i] = (u_char) byte;
        p += 2;
    }

    return NGX_OK;
}
