
/*
 * Batches: the frames behind a segment's cursor enter, decoded records of one
 * kind leave.
 */


#include "ngx_leadgen_spool.h"


static void ngx_leadgen_batch_unknown(ngx_leadgen_event_t *event);


ngx_int_t
ngx_leadgen_batch_read(ngx_leadgen_batch_t *batch,
    ngx_leadgen_segment_t *segment, ngx_uint_t max)
{
    u_char                *p;
    uint32_t               kind;
    ngx_int_t              rc;
    ngx_str_t              payload;
    ngx_leadgen_record_t  *record;

    p = segment->cursor;

    batch->segment = segment;
    batch->end = p;
    batch->n = 0;

    while (p < segment->pos && batch->n < max
           && (batch->n == 0
               || p - segment->cursor < NGX_LEADGEN_BATCH_BYTES))
    {
        record = &batch->records[batch->n];
        rc = ngx_leadgen_frame_read(&p, segment->pos, &kind, &payload);

        if (rc == NGX_OK && kind == batch->kind) {
            rc = ngx_leadgen_record_decode(&payload, record);

            if (kind == NGX_LEADGEN_FRAME_INTENT) {
                ngx_leadgen_batch_unknown(&record->event);
            }

            batch->n += (rc == NGX_OK);
        }

        if (rc != NGX_OK) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "leadgen: batch: \"%s\" is damaged",
                          segment->name);

            segment->unread += segment->pos - batch->end;
            p = segment->pos;
        }

        batch->end = p;
    }

    if (batch->n == 0) {
        if (batch->end != segment->cursor) {
            ngx_leadgen_batch_advance(batch);
        }

        return NGX_DONE;
    }

    return NGX_OK;
}


void
ngx_leadgen_batch_advance(ngx_leadgen_batch_t *batch)
{
    ngx_leadgen_segment_t  *segment;

    segment = batch->segment;
    segment->cursor = batch->end;

    if (batch->kind == NGX_LEADGEN_FRAME_EVENT) {
        segment->header->shipped[NGX_LEADGEN_SINK_AUDIT] =
                                   segment->cursor - (u_char *) segment->header;
    }
}


/* What an intent whose worker died tells. */

static void
ngx_leadgen_batch_unknown(ngx_leadgen_event_t *event)
{
    event->status = 0;
    event->outcome = NGX_LEADGEN_OUTCOME_UNKNOWN;

    ngx_str_set(&event->text[NGX_LEADGEN_EVENT_ERROR], "outcome unknown");
}
