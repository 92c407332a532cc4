
/*
 * Rings: what enters leaves in its order, also after its process; a file that
 * is damaged, somebody's or too short is none.
 *
 * sources: src/sentry/ngx_leadgen_ring.c src/base/ngx_leadgen_frame.c
 */


#include "unit.h"
#include "ngx_leadgen_transport.h"
#include <fcntl.h>


#define SIZE  4096


static int                 directory;
static ngx_leadgen_ring_t  ring;


static ngx_uint_t
put(uint32_t n, size_t len)
{
    u_char  *place;

    place = ngx_leadgen_ring_place(&ring, len);
    if (place == NULL) {
        return 0;
    }

    memset(place, 'a' + n % 26, len);
    ngx_leadgen_ring_commit(&ring, place, n, len);

    return 1;
}


/* Whether the oldest is that one, which is removed. */

static ngx_uint_t
get(uint32_t n, size_t len)
{
    size_t     i;
    uint32_t   kind;
    ngx_str_t  payload;

    if (ngx_leadgen_ring_read(&ring, &kind, &payload) != NGX_OK
        || kind != n || payload.len != len)
    {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (payload.data[i] != 'a' + n % 26) {
            return 0;
        }
    }

    ngx_leadgen_ring_remove(&ring);

    return 1;
}


static ngx_int_t
open_ring(const char *name, size_t size)
{
    return ngx_leadgen_ring_open(&ring, directory, name, size);
}


static void
damage(const char *name, off_t at)
{
    int     fd;
    u_char  byte;

    fd = openat(directory, name, O_RDWR);
    ok(pread(fd, &byte, 1, at) == 1, "the byte at %d", (int) at);
    byte ^= 0x40;
    ok(pwrite(fd, &byte, 1, at) == 1, "is another");
    close(fd);
}


static void
test_order(void)
{
    uint32_t   in, out, round, wrong;
    size_t     len;

    is_int(open_ring("0.ring", SIZE), NGX_OK, "a file is made");
    is_int(ngx_leadgen_ring_used(&ring), 0, "it is empty");

    /* of all lengths, so that the end of the file is met everywhere */

    wrong = 0;
    in = 0;
    out = 0;

    for (round = 0; round < 5000; round++) {
        len = 1 + (round * 7919) % 900;

        while (!put(in, len)) {
            wrong += !get(out, 1 + (out * 7919) % 900);
            out++;
        }

        in++;
        wrong += ngx_leadgen_ring_used(&ring) > ngx_leadgen_ring_size(&ring);
    }

    while (out < in) {
        wrong += !get(out, 1 + (out * 7919) % 900);
        out++;
    }

    is_int(wrong, 0, "5000 frames leave as they came");
    is_int(ngx_leadgen_ring_used(&ring), 0, "it is empty again");
    ok(!put(0, SIZE), "what is longer than it has no place");
    ok(put(0, ngx_leadgen_ring_size(&ring) - sizeof(ngx_leadgen_frame_t)),
       "what is as long as it has");
    ok(!put(1, 1), "and then nothing");
    ngx_leadgen_ring_close(&ring);
}


static void
test_survives(void)
{
    ngx_leadgen_ring_t  other;

    is_int(open_ring("0.ring", SIZE), NGX_OK, "it is opened again");
    is_int(ngx_leadgen_ring_open(&other, directory, "0.ring", SIZE), NGX_BUSY,
           "by one only");
    ngx_leadgen_ring_remove(&ring);
    ok(put(3, 100) && put(4, 200), "two frames");
    ngx_leadgen_ring_close(&ring);

    is_int(open_ring("0.ring", 2 * SIZE), NGX_OK, "of another size");
    is_int(ngx_leadgen_ring_size(&ring) < SIZE, 1,
           "it stays as long as there is something in it");
    ok(get(3, 100) && get(4, 200), "which is there");
    ngx_leadgen_ring_close(&ring);

    is_int(open_ring("0.ring", 2 * SIZE), NGX_OK, "and empty");
    ok(ngx_leadgen_ring_size(&ring) > SIZE, "it is made anew");
    ngx_leadgen_ring_close(&ring);
}


static void
test_damaged(void)
{
    uint32_t   kind;
    ngx_str_t  payload;

    is_int(open_ring("1.ring", SIZE), NGX_OK, "another file");
    ok(put(5, 100) && put(6, 100), "two frames");
    ngx_leadgen_ring_close(&ring);

    damage("1.ring", 100);
    is_int(open_ring("1.ring", 0), NGX_OK, "a frame's damage is seen later");
    is_int(ngx_leadgen_ring_read(&ring, &kind, &payload), NGX_ERROR,
           "when it is read");
    is_int(ngx_leadgen_ring_read(&ring, &kind, &payload), NGX_DONE,
           "and then the file is empty");
    ngx_leadgen_ring_close(&ring);

    damage("1.ring", 0);
    is_int(open_ring("1.ring", 0), NGX_DECLINED, "of no such kind");
    is_int(open_ring("1.ring", SIZE), NGX_OK, "it is made anew");
    ngx_leadgen_ring_close(&ring);

    damage("1.ring", 12);
    is_int(open_ring("1.ring", 0), NGX_DECLINED,
           "nor of another size than it says");

    is_int(open_ring("2.ring", 0), NGX_ERROR, "there is no such file");
    ok(symlinkat("0.ring", directory, "3.ring") == 0
       && open_ring("3.ring", SIZE) == NGX_ERROR, "no link is followed");
}


static void
test_cut(void)
{
    is_int(open_ring("4.ring", 4 * SIZE), NGX_OK, "one more file");
    ok(put(7, 5000) && put(8, 5000), "two frames");
    ok(ngx_leadgen_ring_is_whole(&ring), "it is whole");
    ok(ftruncate(ring.fd, SIZE) == 0 && !ngx_leadgen_ring_is_whole(&ring),
       "until somebody cuts it");
    ngx_leadgen_ring_close(&ring);

    is_int(open_ring("4.ring", 4 * SIZE), NGX_OK, "it is made anew");
    is_int(ngx_leadgen_ring_used(&ring), 0, "and empty");
    ok(put(9, 5000) && get(9, 5000), "and as long as it was");
    ngx_leadgen_ring_close(&ring);
}


int
main(void)
{
    char   name[] = "/tmp/leadgen-ring-XXXXXX";
    char   command[64];

    if (mkdtemp(name) == NULL) {
        return 1;
    }

    directory = open(name, O_RDONLY|O_DIRECTORY);

    test_order();
    test_survives();
    test_damaged();
    test_cut();

    close(directory);
    snprintf(command, sizeof(command), "rm -r %s", name);
    ok(system(command) == 0, "the folder is gone");

    return unit_done();
}
