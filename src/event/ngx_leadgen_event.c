
/*
 * Events: what happened enters, and is a frame in the spool when the function
 * returns.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_EVENT_ERROR_ROOM  128


static ngx_leadgen_segment_t *ngx_leadgen_event_write(uint32_t kind,
    const ngx_leadgen_event_t *event);
static ngx_int_t ngx_leadgen_event_refuse(ngx_leadgen_mode_e mode);


size_t
ngx_leadgen_event_size(const ngx_leadgen_event_t *event)
{
    size_t               spare;
    ngx_leadgen_event_t  fitting;

    (void) ngx_leadgen_record_fit(&fitting, event, NGX_LEADGEN_EVENT_FRAME);

    spare = NGX_LEADGEN_EVENT_ERROR_ROOM;
    spare -= ngx_min(spare, fitting.text[NGX_LEADGEN_EVENT_ERROR].len);

    return ngx_leadgen_frame_size(ngx_leadgen_record_size(&fitting) + spare);
}


ngx_int_t
ngx_leadgen_event_reserve(size_t size, ngx_leadgen_mode_e mode)
{
    if (!ngx_leadgen_level_admits(mode)) {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_EVENTS_DROPPED_WATERMARK, 1);
        return NGX_BUSY;
    }

    if (ngx_leadgen_spool_reserve(size) != NGX_OK) {
        return ngx_leadgen_event_refuse(mode);
    }

    return NGX_OK;
}


void
ngx_leadgen_event_release(size_t size)
{
    ngx_leadgen_spool_release(size);
}


ngx_int_t
ngx_leadgen_event_intend(const ngx_leadgen_event_t *event,
    ngx_leadgen_mode_e mode)
{
    size_t                  size;
    ngx_leadgen_event_t     fitting;
    ngx_leadgen_segment_t  *segment;

    (void) ngx_leadgen_record_fit(&fitting, event, NGX_LEADGEN_EVENT_FRAME);

    size = ngx_leadgen_frame_size(ngx_leadgen_record_size(&fitting));

    if (ngx_leadgen_intent_full()
        || ngx_leadgen_spool_reserve(size) != NGX_OK)
    {
        return mode == NGX_LEADGEN_MODE_STRICT
               ? ngx_leadgen_event_refuse(mode) : NGX_BUSY;
    }

    segment = ngx_leadgen_event_write(NGX_LEADGEN_FRAME_INTENT, &fitting);

    ngx_leadgen_spool_release(size);

    if (segment == NULL) {
        return ngx_leadgen_event_refuse(mode);
    }

    ngx_leadgen_intent_open(event->id, segment);

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_event_append(const ngx_leadgen_event_t *event, size_t reserved,
    ngx_uint_t intended)
{
    size_t                  size;
    uint64_t                began;
    ngx_leadgen_event_t     fitting;
    ngx_leadgen_segment_t  *segment;

    began = ngx_leadgen_histogram_now();

    (void) ngx_leadgen_record_fit(&fitting, event, NGX_LEADGEN_EVENT_FRAME);

    size = ngx_leadgen_frame_size(ngx_leadgen_record_size(&fitting));

    if (size > reserved) {

        if (ngx_leadgen_spool_reserve(size - reserved) == NGX_OK) {
            reserved = size;

        } else if (reserved == 0
                   || ngx_leadgen_record_fit(&fitting, event, reserved)
                      != NGX_OK)
        {
            return ngx_leadgen_event_refuse(NGX_LEADGEN_MODE_STRICT);
        }
    }

    segment = ngx_leadgen_event_write(NGX_LEADGEN_FRAME_EVENT, &fitting);

    ngx_leadgen_spool_release(reserved);

    if (segment == NULL) {
        return ngx_leadgen_event_refuse(NGX_LEADGEN_MODE_STRICT);
    }

    if (intended) {
        ngx_leadgen_intent_close(event->id);
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_EVENTS_APPENDED, 1);
    (void) ngx_leadgen_histogram_observe(NGX_LEADGEN_HISTOGRAM_APPEND, began);
    ngx_leadgen_pump_wake(1);

    return NGX_OK;
}


static ngx_leadgen_segment_t *
ngx_leadgen_event_write(uint32_t kind, const ngx_leadgen_event_t *event)
{
    u_char  *frame, *payload, *last;

    frame = ngx_leadgen_spool_place(
                 ngx_leadgen_frame_size(ngx_leadgen_record_size(event)));
    if (frame == NULL) {
        return NULL;
    }

    payload = frame + sizeof(ngx_leadgen_frame_t);
    last = ngx_leadgen_record_encode(payload, event);

    return ngx_leadgen_spool_commit(kind, last - payload);
}


static ngx_int_t
ngx_leadgen_event_refuse(ngx_leadgen_mode_e mode)
{
    ngx_leadgen_metric_add(mode == NGX_LEADGEN_MODE_STRICT
                           ? NGX_LEADGEN_METRIC_EVENTS_REFUSED
                           : NGX_LEADGEN_METRIC_EVENTS_DROPPED_FULL, 1);
    ngx_leadgen_level_refused();

    return NGX_BUSY;
}
