
/*
 * Details: what a record says of its request enters, a JSON object leaves.
 */


#include "ngx_leadgen_spool.h"


/* What of an event's texts is shown here; the others are columns. */

static const struct {
    const char                *name;
    ngx_leadgen_event_text_e   which;
} ngx_leadgen_details_texts[] = {
    { "method",       NGX_LEADGEN_EVENT_METHOD },
    { "path",         NGX_LEADGEN_EVENT_PATH },
    { "role",         NGX_LEADGEN_EVENT_ROLE },
    { "route",        NGX_LEADGEN_EVENT_ROUTE },
    { "requires",     NGX_LEADGEN_EVENT_REQUIRES },
    { "permission",   NGX_LEADGEN_EVENT_PERMISSION },
    { "condition",    NGX_LEADGEN_EVENT_CONDITION },
    { "shadow",       NGX_LEADGEN_EVENT_SHADOW },
    { "shadow_route", NGX_LEADGEN_EVENT_SHADOW_ROUTE }
};


size_t
ngx_leadgen_details_size(const ngx_leadgen_record_t *record)
{
    size_t      texts;
    ngx_uint_t  i;

    texts = 0;

    for (i = 0; i < sizeof(ngx_leadgen_details_texts)
                    / sizeof(ngx_leadgen_details_texts[0]); i++)
    {
        texts += record->event.text[ngx_leadgen_details_texts[i].which].len;
    }

    return NGX_LEADGEN_DETAILS_FIXED + NGX_LEADGEN_DETAILS_FACTOR * texts
           + record->event.text[NGX_LEADGEN_EVENT_CAPTURED].len;
}


u_char *
ngx_leadgen_details_write(u_char *dst, const ngx_leadgen_record_t *record)
{
    ngx_uint_t                  i;
    const ngx_leadgen_event_t  *event;

    event = &record->event;

    *dst++ = '{';

    for (i = 0; i < sizeof(ngx_leadgen_details_texts)
                    / sizeof(ngx_leadgen_details_texts[0]); i++)
    {
        dst = ngx_leadgen_details_text(dst, ngx_leadgen_details_texts[i].name,
                  &event->text[ngx_leadgen_details_texts[i].which]);
    }

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

    if (event->text[NGX_LEADGEN_EVENT_CAPTURED].len) {
        dst = ngx_sprintf(dst, ",\"captured\":%V",
                          &event->text[NGX_LEADGEN_EVENT_CAPTURED]);
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
