
/*
 * Frames: whole ones come back, damaged ones never do.  The source is included
 * because the CRC's table is not to be had otherwise where the CPU has CRC32C.
 */


#include "unit.h"
#include "../../src/base/ngx_leadgen_frame.c"


#define RECORDS  3


static u_char  image[4096];
static u_char *ends[RECORDS];               /* of the frames */
static size_t  sizes[RECORDS] = { 61, 1, 200 };


static u_char *
build(void)
{
    u_char  *p;
    size_t   i, n;

    ngx_memzero(image, sizeof(image));
    p = image;

    for (n = 0; n < RECORDS; n++) {
        for (i = 0; i < sizes[n]; i++) {
            p[sizeof(ngx_leadgen_frame_t) + i] = (u_char) (n * 77 + i * 31);
        }

        p = ngx_leadgen_frame_commit(p, (uint32_t) n + 1, sizes[n]);
        ends[n] = p;
    }

    return p;
}


/* How many frames are read up to last; -1 when one is not what was written. */

static int
read_all(u_char *last, ngx_int_t *rc)
{
    int         n;
    size_t      i;
    u_char     *pos;
    uint32_t    kind;
    ngx_str_t   payload;

    pos = image;

    for (n = 0; ; n++) {
        *rc = ngx_leadgen_frame_read(&pos, last, &kind, &payload);

        if (*rc != NGX_OK) {
            return n;
        }

        if (n == RECORDS || kind != (uint32_t) n + 1
            || payload.len != sizes[n] || pos != ends[n])
        {
            return -1;
        }

        for (i = 0; i < payload.len; i++) {
            if (payload.data[i] != (u_char) (n * 77 + i * 31)) {
                return -1;
            }
        }
    }
}


static void
test_crc(void)
{
    u_char    zeros[32], ones[32], up[32], data[300];
    size_t    i, len, differ;

    for (i = 0; i < 32; i++) {
        zeros[i] = 0;
        ones[i] = 0xff;
        up[i] = (u_char) i;
    }

    ok(ngx_leadgen_frame_crc(0, zeros, 32) == 0x8a9136aa, "RFC 3720: zeros");
    ok(ngx_leadgen_frame_crc(0, ones, 32) == 0x62a8ab43, "RFC 3720: ones");
    ok(ngx_leadgen_frame_crc(0, up, 32) == 0x46dd794e, "RFC 3720: ascending");
    ok(ngx_leadgen_frame_crc_table(0, (u_char *) "123456789", 9) == 0xe3069283,
       "the table's check value");

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (u_char) (i * 167 + (i >> 3));
    }

    differ = 0;

    for (len = 0; len < sizeof(data) - 8; len++) {
        for (i = 0; i < 8; i++) {
            differ += ngx_leadgen_frame_crc(1, data + i, len)
                      != ngx_leadgen_frame_crc_table(1, data + i, len);
        }
    }

    is_int(differ, 0, "the CPU's and the table's CRC agree");
    ok(ngx_leadgen_frame_crc(ngx_leadgen_frame_crc(0, data, 100), data + 100,
                             50)
       == ngx_leadgen_frame_crc(0, data, 150), "it goes on where it stopped");
}


static void
test_whole(void)
{
    u_char     *last;
    ngx_int_t   rc;

    last = build();

    is_int(ngx_leadgen_frame_size(1), 24, "size of a payload of 1");
    is_int(ngx_leadgen_frame_size(8), 24, "size of a payload of 8");
    is_int(ngx_leadgen_frame_size(9), 32, "size of a payload of 9");

    is_int(read_all(last, &rc), 3, "three frames up to their end");
    is_int(rc, NGX_DONE, "and then none");
    is_int(read_all(image + sizeof(image), &rc), 3, "three, and zeros behind");
    is_int(rc, NGX_DONE, "is none either");
    is_int(read_all(last + 5, &rc), 3, "three, and a tail too short");
    is_int(rc, NGX_DONE, "is none either");

    last[4] = 1;
    is_int(read_all(image + sizeof(image), &rc), 3, "a header without length");
    is_int(rc, NGX_ERROR, "is damage");

    last[4] = 0;
    last[sizeof(ngx_leadgen_frame_t)] = 1;
    is_int(read_all(image + sizeof(image), &rc), 3,
           "a payload not committed yet");
    is_int(rc, NGX_DONE, "is none");
}


static void
test_lengths(void)
{
    size_t                i;
    ngx_int_t             rc;
    ngx_leadgen_frame_t  *frame;

    static const uint32_t  lengths[] = {
        NGX_LEADGEN_FRAME_PAYLOAD + 1, 0x7fffffff, 0xffffffff, 0xfffffff0,
        sizeof(image), sizeof(image) - sizeof(ngx_leadgen_frame_t) + 1
    };

    frame = (ngx_leadgen_frame_t *) image;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        (void) build();
        frame->length = lengths[i];
        is_int(read_all(image + sizeof(image), &rc), 0, "length %u",
               lengths[i]);
        is_int(rc, NGX_ERROR, "is damage");
    }
}


/* The copy ends where the truncated file would: ASan sees each byte beyond. */

static void
test_truncated(void)
{
    u_char     *last, *copy, *pos;
    size_t      len, wrong, n;
    uint32_t    kind;
    ngx_int_t   rc;
    ngx_str_t   payload;

    last = build();
    wrong = 0;

    for (len = ends[1] - image; len < (size_t) (last - image); len++) {
        copy = malloc(len);
        ngx_memcpy(copy, image, len);
        pos = copy;
        n = 0;

        do {
            rc = ngx_leadgen_frame_read(&pos, copy + len, &kind, &payload);
            n += (rc == NGX_OK);
        } while (rc == NGX_OK);

        wrong += n != 2;
        wrong += rc != (len == (size_t) (ends[1] - image) ? NGX_DONE
                                                          : NGX_ERROR);
        free(copy);
    }

    is_int(wrong, 0, "two of three, for each end of the third");
}


static void
test_flipped(void)
{
    int         n, want;
    u_char     *p, *last;
    size_t      wrong, cases, padding;
    ngx_int_t   rc;
    ngx_uint_t  flip;

    last = build();
    wrong = 0;
    cases = 0;

    for (p = image; p < last; p++) {
        want = (p >= ends[0]) + (p >= ends[1]);
        padding = ends[want] - p
                  <= (ssize_t) (ngx_leadgen_frame_size(sizes[want])
                                - sizeof(ngx_leadgen_frame_t) - sizes[want]);

        for (flip = 1; flip < 256; flip++) {
            *p ^= flip;
            n = read_all(image + sizeof(image), &rc);
            *p ^= flip;

            wrong += n != (padding ? RECORDS : want);
            wrong += rc != (padding ? NGX_DONE : NGX_ERROR);
            cases++;
        }
    }

    is_int(wrong, 0, "%d flips of one byte: the longest whole prefix",
           (int) cases);
}


int
main(void)
{
    test_crc();
    test_whole();
    test_lengths();
    test_truncated();
    test_flipped();

    return unit_done();
}
