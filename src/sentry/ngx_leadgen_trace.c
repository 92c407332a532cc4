
/*
 * Traces: the headers of who called goes in, which trace a request belongs to
 * comes out, and the headers for who is called.
 */


#include "ngx_leadgen_sentry.h"
#include <openssl/rand.h>


static ngx_int_t ngx_leadgen_trace_hex(const u_char *p, u_char *dst,
    size_t len);
static ngx_int_t ngx_leadgen_trace_ids(const u_char *p,
    ngx_leadgen_trace_t *trace);
static u_char *ngx_leadgen_trace_member(u_char *p, u_char *last,
    const char *name, const ngx_str_t *value);
static ngx_uint_t ngx_leadgen_trace_is_ours(const u_char *p,
    const u_char *last);


void
ngx_leadgen_trace_start(ngx_leadgen_trace_t *trace)
{
    ngx_leadgen_trace_random(trace->trace_id, sizeof(trace->trace_id));
    ngx_memzero(trace->parent_id, sizeof(trace->parent_id));
    trace->sampled = NGX_LEADGEN_TRACE_UNDECIDED;
}


/* TRACE-SPAN, TRACE-SPAN-0 or TRACE-SPAN-1 */

ngx_int_t
ngx_leadgen_trace_parse_sentry(const ngx_str_t *value,
    ngx_leadgen_trace_t *trace)
{
    u_char               c;
    ngx_leadgen_trace_t  parsed;

    if ((value->len != NGX_LEADGEN_TRACE_IDS
         && value->len != NGX_LEADGEN_TRACE_IDS + 2)
        || ngx_leadgen_trace_ids(value->data, &parsed) != NGX_OK)
    {
        return NGX_ERROR;
    }

    parsed.sampled = NGX_LEADGEN_TRACE_UNDECIDED;

    if (value->len > NGX_LEADGEN_TRACE_IDS) {
        c = value->data[NGX_LEADGEN_TRACE_IDS + 1];

        if (value->data[NGX_LEADGEN_TRACE_IDS] != '-'
            || (c != '0' && c != '1'))
        {
            return NGX_ERROR;
        }

        parsed.sampled = c == '1' ? NGX_LEADGEN_TRACE_SAMPLED
                                  : NGX_LEADGEN_TRACE_NOT_SAMPLED;
    }

    *trace = parsed;

    return NGX_OK;
}


/* VERSION-TRACE-SPAN-FLAGS; a later version may have more behind it. */

ngx_int_t
ngx_leadgen_trace_parse_w3c(const ngx_str_t *value, ngx_leadgen_trace_t *trace)
{
    u_char               version, flags;
    ngx_leadgen_trace_t  parsed;

    const u_char  *p = value->data;

    if (value->len < NGX_LEADGEN_TRACE_IDS + 6
        || ngx_leadgen_trace_hex(p, &version, 1) != NGX_OK
        || p[2] != '-'
        || ngx_leadgen_trace_ids(p + 3, &parsed) != NGX_OK
        || p[NGX_LEADGEN_TRACE_IDS + 3] != '-'
        || ngx_leadgen_trace_hex(p + NGX_LEADGEN_TRACE_IDS + 4, &flags, 1)
           != NGX_OK
        || version == 0xff)
    {
        return NGX_ERROR;
    }

    if (value->len > NGX_LEADGEN_TRACE_IDS + 6
        && (version == 0 || p[NGX_LEADGEN_TRACE_IDS + 6] != '-'))
    {
        return NGX_ERROR;
    }

    parsed.sampled = flags & 1 ? NGX_LEADGEN_TRACE_SAMPLED
                               : NGX_LEADGEN_TRACE_NOT_SAMPLED;
    *trace = parsed;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_trace_ids(const u_char *p, ngx_leadgen_trace_t *trace)
{
    u_char  none[16];

    if (ngx_leadgen_trace_hex(p, trace->trace_id, 16) != NGX_OK
        || p[32] != '-'
        || ngx_leadgen_trace_hex(p + 33, trace->parent_id, 8) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(none, sizeof(none));

    return ngx_memcmp(trace->trace_id, none, 16) == 0
           || ngx_memcmp(trace->parent_id, none, 8) == 0
           ? NGX_ERROR : NGX_OK;
}


/* W3C wants lower case; so does everybody who compares. */

static ngx_int_t
ngx_leadgen_trace_hex(const u_char *p, u_char *dst, size_t len)
{
    size_t  i;
    u_char  c, digit, high;

    high = 0;

    for (i = 0; i < 2 * len; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            digit = c - '0';

        } else if (c >= 'a' && c <= 'f') {
            digit = c - 'a' + 10;

        } else {
            return NGX_ERROR;
        }

        if (i & 1) {
            dst[i / 2] = (u_char) (high << 4 | digit);
        }

        high = digit;
    }

    return NGX_OK;
}


u_char *
ngx_leadgen_trace_format_sentry(u_char *dst, const ngx_leadgen_trace_t *trace,
    const u_char span_id[NGX_LEADGEN_SPAN_SIZE])
{
    dst = ngx_hex_dump(dst, (u_char *) trace->trace_id, 16);
    *dst++ = '-';
    dst = ngx_hex_dump(dst, (u_char *) span_id, NGX_LEADGEN_SPAN_SIZE);

    if (trace->sampled != NGX_LEADGEN_TRACE_UNDECIDED) {
        *dst++ = '-';
        *dst++ = trace->sampled == NGX_LEADGEN_TRACE_SAMPLED ? '1' : '0';
    }

    return dst;
}


u_char *
ngx_leadgen_trace_format_w3c(u_char *dst, const ngx_leadgen_trace_t *trace,
    const u_char span_id[NGX_LEADGEN_SPAN_SIZE])
{
    dst = ngx_cpymem(dst, "00-", 3);
    dst = ngx_hex_dump(dst, (u_char *) trace->trace_id, 16);
    *dst++ = '-';
    dst = ngx_hex_dump(dst, (u_char *) span_id, NGX_LEADGEN_SPAN_SIZE);

    return ngx_cpymem(dst,
                      trace->sampled == NGX_LEADGEN_TRACE_SAMPLED ? "-01"
                                                                  : "-00", 3);
}


/*
 * What others put in stays; ours is what the trace began with, so that of a
 * trace that begins here what a client wrote under our names goes.
 */

u_char *
ngx_leadgen_trace_format_baggage(u_char *dst, u_char *end,
    const ngx_str_t *incoming, const ngx_leadgen_trace_t *trace,
    ngx_uint_t continued, const ngx_leadgen_trace_origin_t *origin)
{
    u_char     *p, *q, *last, *start, hex[32];
    ngx_str_t   value;

    start = dst;
    p = incoming->data;
    last = p + incoming->len;

    for ( /* void */ ; p < last; p = q + 1) {

        for (q = p; q < last && *q != ','; q++) { /* void */ }

        while (p < q && *p == ' ') {
            p++;
        }

        if (p == q || (!continued && ngx_leadgen_trace_is_ours(p, q))) {
            continue;
        }

        if (end - dst < q - p + 1) {
            break;
        }

        if (dst > start) {
            *dst++ = ',';
        }

        dst = ngx_cpymem(dst, p, q - p);
    }

    if (continued) {
        return dst;
    }

    ngx_hex_dump(hex, (u_char *) trace->trace_id, 16);
    value.data = hex;
    value.len = 32;
    p = ngx_leadgen_trace_member(dst, end, dst > start ? ",sentry-trace_id="
                                                       : "sentry-trace_id=",
                                 &value);
    p = ngx_leadgen_trace_member(p, end, ",sentry-public_key=",
                                 &origin->public_key);
    p = ngx_leadgen_trace_member(p, end, ",sentry-environment=",
                                 &origin->environment);
    p = ngx_leadgen_trace_member(p, end, ",sentry-release=",
                                 &origin->release);

    if (trace->sampled != NGX_LEADGEN_TRACE_UNDECIDED) {
        ngx_str_set(&value, "true");

        if (trace->sampled == NGX_LEADGEN_TRACE_NOT_SAMPLED) {
            ngx_str_set(&value, "false");
        }

        p = ngx_leadgen_trace_member(p, end, ",sentry-sampled=", &value);
    }

    return p;
}


static ngx_uint_t
ngx_leadgen_trace_is_ours(const u_char *p, const u_char *last)
{
    return last - p >= 7
           && ngx_strncasecmp((u_char *) p, (u_char *) "sentry-", 7) == 0;
}


/* Percent-encoded; left out when it is empty or has no room. */

static u_char *
ngx_leadgen_trace_member(u_char *p, u_char *last, const char *name,
    const ngx_str_t *value)
{
    u_char  c;
    size_t  len, i;

    len = ngx_strlen(name);

    if (value->len == 0 || (size_t) (last - p) < len + 3 * value->len) {
        return p;
    }

    p = ngx_cpymem(p, name, len);

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
            || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.')
        {
            *p++ = c;

        } else {
            *p++ = '%';
            p = ngx_hex_dump(p, &c, 1);
        }
    }

    return p;
}


/*
 * The same at every gateway, for the same trace: one that is sampled at a rate
 * is sampled at all higher ones, too.
 */

ngx_uint_t
ngx_leadgen_trace_is_chosen(const ngx_leadgen_trace_t *trace, ngx_uint_t rate)
{
    uint32_t  word;

    ngx_memcpy(&word, trace->trace_id + 12, sizeof(word));

    return word % NGX_LEADGEN_SENTRY_ALWAYS < rate;
}


/* Unique, and nothing else: nobody must not guess them. */

void
ngx_leadgen_trace_random(u_char *dst, size_t len)
{
    size_t           i;
    uint64_t         z;

    static uint64_t  state;
    static ngx_pid_t pid;

    if (pid != ngx_pid) {

        if (RAND_bytes((u_char *) &state, sizeof(state)) != 1) {
            state = ngx_leadgen_time_now() ^ (uint64_t) ngx_pid << 40;
        }

        pid = ngx_pid;
    }

    /* splitmix64 */

    for (i = 0; i < len; i += sizeof(z)) {
        z = (state += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        z = z ^ (z >> 31);
        ngx_memcpy(dst + i, &z, ngx_min(sizeof(z), len - i));
    }
}
