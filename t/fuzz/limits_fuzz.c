
/*
 * Any bytes as the headers of Sentry's limits: no limit is longer than a day,
 * and one that stands there is never made shorter.
 *
 * sources: src/sentry/ngx_leadgen_limits.c src/sentry/ngx_leadgen_envelope.c
 * sources: src/base/ngx_leadgen_time.c
 */


#include "unit.h"
#include "ngx_leadgen_transport.h"


#define DAY  86400


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(const ngx_leadgen_limits_t *limits, ngx_uint_t least)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_SENTRY_CATEGORIES; i++) {
        if (limits->seconds[i] > DAY || limits->seconds[i] < least) {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t              header;
    ngx_leadgen_limits_t   limits;

    header.data = malloc(size);
    header.len = size;
    ngx_memcpy(header.data, data, size);

    ngx_memzero(&limits, sizeof(limits));
    ngx_leadgen_limits_parse(&header, &limits);
    check(&limits, 0);

    limits.seconds[0] = 7;
    limits.seconds[1] = 7;
    limits.seconds[2] = 7;
    ngx_leadgen_limits_parse(&header, &limits);
    ngx_leadgen_limits_retry(&header, &limits);
    check(&limits, 7);

    free(header.data);

    return 0;
}
