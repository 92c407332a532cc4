
/*
 * The clocks and RFC 3339 text.
 *
 * sources: src/base/ngx_leadgen_time.c
 */


#include "unit.h"
#include "ngx_leadgen_base.h"


static void
test_format(void)
{
    u_char      buffer[NGX_LEADGEN_TIME_TEXT];
    ngx_str_t   text;
    ngx_uint_t  i;

    static const struct {
        uint64_t     microseconds;
        const char  *text;
    } rows[] = {
        { 0,                     "1970-01-01T00:00:00.000000Z" },
        { 1,                     "1970-01-01T00:00:00.000001Z" },
        { 951782400000000ULL,    "2000-02-29T00:00:00.000000Z" },
        { 1767323045678901ULL,   "2026-01-02T03:04:05.678901Z" },
        { 4102444799999999ULL,   "2099-12-31T23:59:59.999999Z" },
        { 253402300799999999ULL, "9999-12-31T23:59:59.999999Z" }
    };

    text.data = buffer;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        text.len = ngx_leadgen_time_format(buffer, rows[i].microseconds)
                   - buffer;
        is_int(text.len, NGX_LEADGEN_TIME_TEXT, "length of %s", rows[i].text);
        is_str(text, rows[i].text, "format %s", rows[i].text);
    }
}


static void
test_clocks(void)
{
    int64_t   apart;
    uint64_t  first, second;

    apart = (int64_t) (ngx_leadgen_time_now() / 1000000) - time(NULL);
    ok(apart >= -1 && apart <= 1, "now is the system's time");

    first = ngx_leadgen_time_monotonic();
    (void) usleep(2000);
    second = ngx_leadgen_time_monotonic();

    ok(second >= first + 2000, "two milliseconds later is at least that much");
    ok(second < first + 10000000, "and less than ten seconds");

    apart = (int64_t) (ngx_leadgen_time_now()
                       - ngx_leadgen_time_of(ngx_leadgen_time_monotonic()));
    ok(apart > -1000000 && apart < 1000000, "one tells the other");
}


int
main(void)
{
    test_format();
    test_clocks();

    return unit_done();
}
