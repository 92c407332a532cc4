
/*
 * Details: what a record says of its request enters, a JSON object leaves.
 */


#include "ngx_leadgen_spool.h"


u_char *
ngx_leadgen_details_write(u_char *dst, const ngx_leadgen_record_t *record)
{
    const ngx_str_t            *text;
    const ngx_leadgen_event_t  *event;

    event = &record->event;
    text = event->text;

    *dst++ = '{';

    dst = ngx_leadgen_details_text(dst, "method",
                                   &text[NGX_LEADGEN_EVENT_METHOD]);
    dst = ngx_leadgen_details_text(dst, "path",
                                   &text[NGX_LEADGEN_EVENT_PATH]);
    dst = ngx_leadgen_details_text(dst, "role",
                                   &text[NGX_LEADGEN_EVENT_ROLE]);

    if (dst[-1] != '{') {
        *dst++ = ',';
    }

    dst = ngx_cpymem(dst, "\"request_id\":\"", sizeof("\"request_id\":\"") - 1);
    dst = ngx_leadgen_uuid_format(dst, event->id);
    *dst++ = '"';

    if (event->status) {
        dst = ngx_sprintf(dst, ",\"status\":%ui,\"duration_ms\":%ui.%03ui",
                          (ngx_uint_t) event->status,
                          (ngx_uint_t) event->duration / 1000,
                          (ngx_uint_t) event->duration % 1000);
    }

    if (text[NGX_LEADGEN_EVENT_CAPTURED].len) {
        dst = ngx_sprintf(dst, ",\"captured\":%V",
                          &text[NGX_LEADGEN_EVENT_CAPTURED]);
    }

    if (event->truncated) {
        dst = ngx_cpymem(dst, ",\"truncated\":true",
                         sizeof(",\"truncated\":true") - 1);
    }

    *dst++ = '}';

    return dst;
}


u_char *
ngx_leadgen_details_text(u_char *dst, const char *name, const ngx_str_t *text)
{
    ngx_str_t  safe;

    static u_char  buffer[4 * NGX_LEADGEN_FRAME_PAYLOAD];

    if (text->len == 0) {
        return dst;
    }

    safe.data = buffer;
    safe.len = ngx_leadgen_text_sanitize(buffer, text) - buffer;

    if (dst[-1] != '{') {
        *dst++ = ',';
    }

    dst = ngx_sprintf(dst, "\"%s\":", name);

    return ngx_leadgen_text_json(dst, &safe);
}
