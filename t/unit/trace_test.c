
/*
 * Headers of traces: what is well formed is read, nothing else is, and what is
 * written can be read.
 *
 * sources: src/sentry/ngx_leadgen_trace.c src/base/ngx_leadgen_time.c
 * libraries: -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_sentry.h"


#define TRACE  "0123456789abcdef0123456789abcdef"
#define SPAN   "00f067aa0ba902b7"


static void
test_parse(void)
{
    size_t               i;
    ngx_int_t            rc;
    ngx_str_t            value;
    ngx_leadgen_trace_t  trace;

    static const struct {
        const char  *value;
        int          w3c;
        int          sampled;                   /* -1: refused */
    } rows[] = {
        { TRACE "-" SPAN,              0, 0 },
        { TRACE "-" SPAN "-0",         0, 1 },
        { TRACE "-" SPAN "-1",         0, 2 },
        { TRACE "-" SPAN "-",          0, -1 },
        { TRACE "-" SPAN "-2",         0, -1 },
        { TRACE "-" SPAN "-01",        0, -1 },
        { TRACE "-" SPAN "1",          0, -1 },
        { TRACE "_" SPAN,              0, -1 },
        { "0123456789ABCDEF0123456789abcdef-" SPAN, 0, -1 },
        { "0123456789abcdef0123456789abcdeg-" SPAN, 0, -1 },
        { "00000000000000000000000000000000-" SPAN, 0, -1 },
        { TRACE "-0000000000000000",   0, -1 },
        { "",                          0, -1 },
        { TRACE,                       0, -1 },
        { "00-" TRACE "-" SPAN "-01",  1, 2 },
        { "00-" TRACE "-" SPAN "-00",  1, 1 },
        { "00-" TRACE "-" SPAN "-03",  1, 2 },
        { "cc-" TRACE "-" SPAN "-01",  1, 2 },
        { "cc-" TRACE "-" SPAN "-01-what-comes",  1, 2 },
        { "cc-" TRACE "-" SPAN "-01.what-comes",  1, -1 },
        { "00-" TRACE "-" SPAN "-01-more",  1, -1 },
        { "ff-" TRACE "-" SPAN "-01",  1, -1 },
        { "00-" TRACE "-" SPAN "-0",   1, -1 },
        { "00-" TRACE "-" SPAN "-0x",  1, -1 },
        { "0-" TRACE "-" SPAN "-01",   1, -1 },
        { "00-" TRACE "-" SPAN,        1, -1 },
        { "",                          1, -1 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        value.data = (u_char *) strdup(rows[i].value);
        value.len = strlen(rows[i].value);
        memset(&trace, 0x55, sizeof(trace));

        rc = rows[i].w3c ? ngx_leadgen_trace_parse_w3c(&value, &trace)
                         : ngx_leadgen_trace_parse_sentry(&value, &trace);

        if (rows[i].sampled < 0) {
            ok(rc == NGX_ERROR && trace.trace_id[3] == 0x55,
               "refused: %s", rows[i].value);

        } else {
            ok(rc == NGX_OK && (int) trace.sampled == rows[i].sampled
               && memcmp(trace.trace_id, "\x01\x23\x45\x67", 4) == 0
               && memcmp(trace.parent_id, "\x00\xf0\x67\xaa", 4) == 0,
               "read: %s", rows[i].value);
        }

        free(value.data);
    }
}


static void
test_format(void)
{
    u_char               buffer[64];
    ngx_str_t            out;
    ngx_leadgen_trace_t  trace;

    out = unit_str(TRACE "-" SPAN "-1");
    (void) ngx_leadgen_trace_parse_sentry(&out, &trace);
    out.data = buffer;

    out.len = ngx_leadgen_trace_format_sentry(buffer, &trace,
                                              (u_char *) "\1\2\3\4\5\6\7\x8")
              - buffer;
    is_str(out, TRACE "-0102030405060708-1", "sentry-trace, sampled");

    out.len = ngx_leadgen_trace_format_w3c(buffer, &trace,
                                           (u_char *) "\1\2\3\4\5\6\7\x8")
              - buffer;
    is_str(out, "00-" TRACE "-0102030405060708-01", "traceparent, sampled");

    trace.sampled = NGX_LEADGEN_TRACE_UNDECIDED;
    out.len = ngx_leadgen_trace_format_sentry(buffer, &trace,
                                              trace.parent_id)
              - buffer;
    is_str(out, TRACE "-" SPAN, "sentry-trace, not decided");

    out.len = ngx_leadgen_trace_format_w3c(buffer, &trace, trace.parent_id)
              - buffer;
    is_str(out, "00-" TRACE "-" SPAN "-00", "traceparent, not decided");
}


static ngx_str_t
baggage(const char *incoming, ngx_uint_t continued, size_t room)
{
    ngx_str_t            in, out;
    ngx_leadgen_trace_t  trace;

    static u_char                      buffer[1024];
    static ngx_leadgen_trace_origin_t  origin = {
        ngx_string("abc"), ngx_string("a b,c"), ngx_string("")
    };

    in.data = (u_char *) incoming;
    in.len = strlen(incoming);
    memset(&trace, 0x11, sizeof(trace));
    trace.sampled = NGX_LEADGEN_TRACE_SAMPLED;

    memset(buffer, '#', sizeof(buffer));
    out.data = buffer;
    out.len = ngx_leadgen_trace_format_baggage(buffer, buffer + room, &in,
                                               &trace, continued, &origin)
              - buffer;

    return out;
}


static void
test_baggage(void)
{
    size_t     i;
    ngx_str_t  out;

    static const char  ours[] =
        "sentry-trace_id=11111111111111111111111111111111,"
        "sentry-public_key=abc,sentry-environment=a%20b%2cc,"
        "sentry-sampled=true";

    is_str(baggage("", 0, 1024), ours, "a trace that begins here");
    is_str(baggage("x=1, y=2;p , Sentry-Release=forged", 0, 1024),
           "x=1,y=2;p ,sentry-trace_id=11111111111111111111111111111111,"
           "sentry-public_key=abc,sentry-environment=a%20b%2cc,"
           "sentry-sampled=true",
           "others' members stay, ours are not a client's to set");
    is_str(baggage("x=1,sentry-release=theirs", 1, 1024),
           "x=1,sentry-release=theirs", "a trace that is continued");
    is_str(baggage("", 1, 1024), "", "nothing is passed on");

    for (i = 0; i < 200; i++) {
        out = baggage("x=1,y=2", 0, i);
        ok(out.len <= i && out.data[i] == '#', "%d bytes of room", (int) i);
    }
}


static void
test_choice(void)
{
    ngx_uint_t           i, some, all, none;
    ngx_leadgen_trace_t  trace;

    some = all = none = 0;

    for (i = 0; i < 10000; i++) {
        ngx_leadgen_trace_start(&trace);
        some += ngx_leadgen_trace_is_chosen(&trace, 100000);
        all += ngx_leadgen_trace_is_chosen(&trace, NGX_LEADGEN_SENTRY_ALWAYS);
        none += ngx_leadgen_trace_is_chosen(&trace, 0);
    }

    is_int(all, 10000, "at 1.0 all are");
    is_int(none, 0, "at 0 none is");
    ok(some > 800 && some < 1200, "%d of 10000 at 0.1", (int) some);
}


int
main(void)
{
    test_parse();
    test_format();
    test_baggage();
    test_choice();

    return unit_done();
}
