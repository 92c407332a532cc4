
/*
 * Events: what happened enters, and is a frame in the spool when the function
 * returns.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_EVENT_ERROR_ROOM  128


static const ngx_leadgen_event_t *ngx_leadgen_event_fit(
    const ngx_leadgen_event_t *event, ngx_leadgen_event_t *fitting,
    size_t *size);
static ngx_leadgen_segment_t *ngx_leadgen_event_write(uint32_t kind,
    const ngx_leadgen_event_t *event, size_t size);
static ngx_int_t ngx_leadgen_event_refuse(ngx_leadgen_mode_e mode);


size_t
ngx_leadgen_event_size(const ngx_leadgen_event_t *event)
{
    size_t               size, spare;
    ngx_leadgen_event_t  fitting;

    event = ngx_leadgen_event_fit(event, &fitting, &size);

    spare = NGX_LEADGEN_EVENT_ERROR_ROOM;
    spare -= ngx_min(spare, event->text[NGX_LEADGEN_EVENT_ERROR].len);

    return ngx_leadgen_frame_size(size + spare);
}


/* The event itself, or what fits of it; and the size of its record. */

static const ngx_leadgen_event_t *
ngx_leadgen_event_fit(const ngx_leadgen_event_t *event,
    ngx_leadgen_event_t *fitting, size_t *size)
{
    *size = ngx_leadgen_record_whole(event);

    if (*size) {
        return event;
    }

    (void) ngx_leadgen_record_fit(fitting, event, NGX_LEADGEN_EVENT_FRAME);
    *size = ngx_leadgen_record_size(fitting);

    return fitting;
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
    size_t                      size, frame;
    ngx_leadgen_event_t         fitting;
    ngx_leadgen_segment_t      *segment;
    const ngx_leadgen_event_t  *fit;

    fit = ngx_leadgen_event_fit(event, &fitting, &size);
    frame = ngx_leadgen_frame_size(size);

    if (ngx_leadgen_intent_full()
        || ngx_leadgen_spool_reserve(frame) != NGX_OK)
    {
        return mode == NGX_LEADGEN_MODE_STRICT
               ? ngx_leadgen_event_refuse(mode) : NGX_BUSY;
    }

    segment = ngx_leadgen_event_write(NGX_LEADGEN_FRAME_INTENT, fit, size);

    ngx_leadgen_spool_release(frame);

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
    size_t                      size, frame;
    uint64_t                    began;
    ngx_leadgen_event_t         fitting;
    ngx_leadgen_segment_t      *segment;
    const ngx_leadgen_event_t  *fit;

    began = ngx_leadgen_histogram_begin(NGX_LEADGEN_HISTOGRAM_APPEND);

    fit = ngx_leadgen_event_fit(event, &fitting, &size);
    frame = ngx_leadgen_frame_size(size);

    if (frame > reserved) {

        if (ngx_leadgen_spool_reserve(frame - reserved) == NGX_OK) {
            reserved = frame;

        } else if (reserved == 0
                   || ngx_leadgen_record_fit(&fitting, event, reserved)
                      != NGX_OK)
        {
            return ngx_leadgen_event_refuse(NGX_LEADGEN_MODE_STRICT);

        } else {
            fit = &fitting;
            size = ngx_leadgen_record_size(fit);
        }
    }

    segment = ngx_leadgen_event_write(NGX_LEADGEN_FRAME_EVENT, fit, size);

    ngx_leadgen_spool_release(reserved);

    if (segment == NULL) {
        return ngx_leadgen_event_refuse(NGX_LEADGEN_MODE_STRICT);
    }

    if (intended) {
        ngx_leadgen_intent_close(event->id);
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_EVENTS_APPENDED, 1);
    ngx_leadgen_histogram_observe(NGX_LEADGEN_HISTOGRAM_APPEND, began);
    ngx_leadgen_pump_wake(1);

    return NGX_OK;
}


static ngx_leadgen_segment_t *
ngx_leadgen_event_write(uint32_t kind, const ngx_leadgen_event_t *event,
    size_t size)
{
    u_char  *frame, *payload, *last;

    frame = ngx_leadgen_spool_place(ngx_leadgen_frame_size(size));
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
