
/*
 * Envelopes: an item and what was dropped go in, the lines that Sentry reads
 * come out.
 */


#include "ngx_leadgen_transport.h"


#define NGX_LEADGEN_ENVELOPE_HEADS  512     /* bytes, at most, of all lines
                                             * that are no payload */
#define NGX_LEADGEN_ENVELOPE_DROP   96      /* of one drop */
#define NGX_LEADGEN_ENVELOPE_ID     32


static ngx_uint_t ngx_leadgen_envelope_ndrops(
    const ngx_leadgen_envelope_drops_t *drops);
static u_char *ngx_leadgen_envelope_report(u_char *dst,
    const ngx_leadgen_envelope_t *envelope);
static u_char *ngx_leadgen_envelope_drops(u_char *dst,
    const ngx_leadgen_envelope_drops_t *drops);


/* What they are called as items, and as categories and reasons. */

static const ngx_str_t  ngx_leadgen_envelope_types[] = {
    ngx_string("event"),
    ngx_string("transaction"),
    ngx_string("sessions")
};

const ngx_str_t
    ngx_leadgen_envelope_categories[NGX_LEADGEN_SENTRY_CATEGORIES] =
{
    ngx_string("error"),
    ngx_string("transaction"),
    ngx_string("session")
};

const ngx_str_t  ngx_leadgen_envelope_reasons[NGX_LEADGEN_SENTRY_REASONS] = {
    ngx_string("queue_overflow"),
    ngx_string("ratelimit_backoff"),
    ngx_string("send_error"),
    ngx_string("sample_rate"),
    ngx_string("too_big")
};


size_t
ngx_leadgen_envelope_size(const ngx_leadgen_envelope_t *envelope)
{
    return NGX_LEADGEN_ENVELOPE_HEADS + envelope->payload.len
           + NGX_LEADGEN_ENVELOPE_DROP
             * ngx_leadgen_envelope_ndrops(&envelope->drops);
}


static ngx_uint_t
ngx_leadgen_envelope_ndrops(const ngx_leadgen_envelope_drops_t *drops)
{
    ngx_uint_t  i, n, found;

    found = 0;

    for (i = 0; i < NGX_LEADGEN_SENTRY_CATEGORIES; i++) {
        for (n = 0; n < NGX_LEADGEN_SENTRY_REASONS; n++) {
            found += (drops->n[i][n] != 0);
        }
    }

    return found;
}


u_char *
ngx_leadgen_envelope_write(u_char *dst,
    const ngx_leadgen_envelope_t *envelope)
{
    *dst++ = '{';

    if (envelope->payload.len
        && envelope->category != NGX_LEADGEN_SENTRY_SESSION)
    {
        dst = ngx_cpymem(dst, "\"event_id\":\"",
                         sizeof("\"event_id\":\"") - 1);
        dst = ngx_hex_dump(dst, (u_char *) envelope->event_id,
                           NGX_LEADGEN_UUID_SIZE);
        dst = ngx_cpymem(dst, "\",", 2);
    }

    dst = ngx_cpymem(dst, "\"sent_at\":\"", sizeof("\"sent_at\":\"") - 1);
    dst = ngx_leadgen_time_format(dst, envelope->now);
    dst = ngx_sprintf(dst, "\",\"sdk\":{\"name\":\"ngx_leadgen\","
                      "\"version\":\"" NGX_LEADGEN_VERSION "\"}}\n");

    if (envelope->payload.len) {
        dst = ngx_sprintf(dst, "{\"type\":\"%V\",\"length\":%uz,"
                          "\"content_type\":\"application/json\"}\n",
                          &ngx_leadgen_envelope_types[envelope->category],
                          envelope->payload.len);
        dst = ngx_cpymem(dst, envelope->payload.data, envelope->payload.len);
        *dst++ = '\n';
    }

    return ngx_leadgen_envelope_report(dst, envelope);
}


static u_char *
ngx_leadgen_envelope_report(u_char *dst,
    const ngx_leadgen_envelope_t *envelope)
{
    u_char  *p, *start;
    u_char   report[NGX_LEADGEN_ENVELOPE_HEADS
                    + NGX_LEADGEN_ENVELOPE_DROP
                      * NGX_LEADGEN_SENTRY_CATEGORIES
                      * NGX_LEADGEN_SENTRY_REASONS];

    if (ngx_leadgen_envelope_ndrops(&envelope->drops) == 0) {
        return dst;
    }

    start = report;

    p = ngx_cpymem(start, "{\"timestamp\":\"", sizeof("{\"timestamp\":\"") - 1);
    p = ngx_leadgen_time_format(p, envelope->now);
    p = ngx_sprintf(p, "\",\"discarded_events\":[");
    p = ngx_leadgen_envelope_drops(p, &envelope->drops);
    p = ngx_cpymem(p, "]}", 2);

    dst = ngx_sprintf(dst, "{\"type\":\"client_report\",\"length\":%uz}\n",
                      (size_t) (p - start));
    dst = ngx_cpymem(dst, start, p - start);
    *dst++ = '\n';

    return dst;
}


static u_char *
ngx_leadgen_envelope_drops(u_char *dst,
    const ngx_leadgen_envelope_drops_t *drops)
{
    u_char      *start;
    ngx_uint_t   i, n;

    start = dst;

    for (i = 0; i < NGX_LEADGEN_SENTRY_CATEGORIES; i++) {
        for (n = 0; n < NGX_LEADGEN_SENTRY_REASONS; n++) {

            if (drops->n[i][n] == 0) {
                continue;
            }

            if (dst != start) {
                *dst++ = ',';
            }

            dst = ngx_sprintf(dst, "{\"reason\":\"%V\",\"category\":\"%V\","
                              "\"quantity\":%uD}",
                              &ngx_leadgen_envelope_reasons[n],
                              &ngx_leadgen_envelope_categories[i],
                              drops->n[i][n]);
        }
    }

    return dst;
}
