
/*
 * Identifiers under a clock of the test's own.
 *
 * sources: src/base/ngx_leadgen_uuid.c
 * libraries: -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_base.h"
#include <sys/wait.h>


static uint64_t  now = 1700000000123456;


uint64_t
ngx_leadgen_time_now(void)
{
    return now;
}


static void
test_layout(void)
{
    uint64_t    milliseconds;
    u_char      id[NGX_LEADGEN_UUID_SIZE];
    ngx_uint_t  i;

    ngx_leadgen_uuid_mint(id);

    for (milliseconds = 0, i = 0; i < 6; i++) {
        milliseconds = milliseconds << 8 | id[i];
    }

    is_int(milliseconds, now / 1000, "the first 48 bits are the time");
    is_int(id[6] >> 4, 7, "version 7");
    is_int(id[8] >> 6, 2, "variant 10");
}


/* Mints n and tells whether each was greater than the one before. */

static int
rising(ngx_uint_t n)
{
    u_char         id[NGX_LEADGEN_UUID_SIZE];
    static u_char  before[NGX_LEADGEN_UUID_SIZE];

    while (n--) {
        ngx_leadgen_uuid_mint(id);

        if (ngx_memcmp(id, before, NGX_LEADGEN_UUID_SIZE) <= 0) {
            return 0;
        }

        ngx_memcpy(before, id, NGX_LEADGEN_UUID_SIZE);
    }

    return 1;
}


static void
test_order(void)
{
    ok(rising(20000), "each is greater within one millisecond, 20000 times");

    now -= 3600 * 1000000ULL;
    ok(rising(10), "also after the clock stepped back");

    now += 7200 * 1000000ULL;
    ok(rising(10), "also after it went on");
}


static void
test_fork(void)
{
    int      pipes[2], status;
    pid_t    pid;
    u_char   ours[NGX_LEADGEN_UUID_SIZE], theirs[NGX_LEADGEN_UUID_SIZE];
    ssize_t  n;

    if (pipe(pipes) == -1) {
        ok(0, "pipe()");
        return;
    }

    pid = fork();

    if (pid == 0) {
        ngx_pid++;
        ngx_leadgen_uuid_mint(theirs);
        _exit(write(pipes[1], theirs, sizeof(theirs)) != sizeof(theirs));
    }

    ngx_leadgen_uuid_mint(ours);
    n = read(pipes[0], theirs, sizeof(theirs));
    (void) waitpid(pid, &status, 0);

    is_int(n, sizeof(theirs), "the child has minted");
    ok(ngx_memcmp(&ours[8], &theirs[8], 8) != 0,
       "a forked worker does not use its parent's random bytes");
}


static void
test_text(void)
{
    u_char      id[NGX_LEADGEN_UUID_SIZE], back[NGX_LEADGEN_UUID_SIZE];
    u_char      buffer[NGX_LEADGEN_UUID_TEXT];
    ngx_str_t   text;
    ngx_uint_t  i;

    static const ngx_str_t  wrong[] = {
        ngx_string(""),
        ngx_string("0189a7b2-7c4e-7def-8abc-0123456789a"),
        ngx_string("0189a7b2-7c4e-7def-8abc-0123456789abc"),
        ngx_string("0189a7b2-7c4e-7def-8abc-0123456789ag"),
        ngx_string("0189a7b2-7c4e-7def-8abc+0123456789ab"),
        ngx_string("0189a7b-27c4e-7def-8abc-0123456789ab"),
        ngx_string("0189a7b2-7c4e-7def-8abc--123456789ab"),
        ngx_string("{189a7b2-7c4e-7def-8abc-0123456789a}")
    };

    for (i = 0; i < NGX_LEADGEN_UUID_SIZE; i++) {
        id[i] = (u_char) (i * 17);
    }

    text.data = buffer;
    text.len = ngx_leadgen_uuid_format(buffer, id) - buffer;
    is_str(text, "00112233-4455-6677-8899-aabbccddeeff", "format");

    is_int(ngx_leadgen_uuid_parse(&text, back), NGX_OK, "parse");
    is_mem(back, id, sizeof(id), "parse gives what was formatted");

    text = unit_str("00112233-4455-6677-8899-AABBCCDDEEFF");
    is_int(ngx_leadgen_uuid_parse(&text, back), NGX_OK, "parse upper case");
    is_mem(back, id, sizeof(id), "upper case is the same");

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        is_int(ngx_leadgen_uuid_parse(&wrong[i], back), NGX_ERROR,
               "refused: \"%s\"", wrong[i].data);
    }
}


int
main(void)
{
    test_layout();
    test_order();
    test_fork();
    test_text();

    return unit_done();
}
