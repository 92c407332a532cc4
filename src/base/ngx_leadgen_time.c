
/*
 * Time: the system's clocks go in, microseconds and RFC 3339 text come out.
 */


#include "ngx_leadgen_base.h"


static uint64_t ngx_leadgen_time_read(clockid_t clock);
static u_char *ngx_leadgen_time_digits(u_char *dst, uint64_t value,
    ngx_uint_t n, u_char behind);


uint64_t
ngx_leadgen_time_now(void)
{
    return ngx_leadgen_time_read(CLOCK_REALTIME);
}


uint64_t
ngx_leadgen_time_monotonic(void)
{
    return ngx_leadgen_time_read(CLOCK_MONOTONIC);
}


uint64_t
ngx_leadgen_time_of(uint64_t monotonic)
{
    static time_t    second = -1;
    static uint64_t  apart;

    if (second != ngx_time()) {
        second = ngx_time();
        apart = ngx_leadgen_time_now() - ngx_leadgen_time_monotonic();
    }

    return monotonic + apart;
}


static uint64_t
ngx_leadgen_time_read(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


u_char *
ngx_leadgen_time_format(u_char *dst, uint64_t microseconds)
{
    ngx_tm_t  tm;

    ngx_gmtime((time_t) (microseconds / 1000000), &tm);

    dst = ngx_leadgen_time_digits(dst, tm.ngx_tm_year, 4, '-');
    dst = ngx_leadgen_time_digits(dst, tm.ngx_tm_mon, 2, '-');
    dst = ngx_leadgen_time_digits(dst, tm.ngx_tm_mday, 2, 'T');
    dst = ngx_leadgen_time_digits(dst, tm.ngx_tm_hour, 2, ':');
    dst = ngx_leadgen_time_digits(dst, tm.ngx_tm_min, 2, ':');
    dst = ngx_leadgen_time_digits(dst, tm.ngx_tm_sec, 2, '.');

    return ngx_leadgen_time_digits(dst, microseconds % 1000000, 6, 'Z');
}


static u_char *
ngx_leadgen_time_digits(u_char *dst, uint64_t value, ngx_uint_t n,
    u_char behind)
{
    ngx_uint_t  i;

    for (i = n; i; i--) {
        dst[i - 1] = (u_char) ('0' + value % 10);
        value /= 10;
    }

    dst[n] = behind;

    return dst + n + 1;
}
