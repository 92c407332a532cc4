
/*
 * Age: segments enter, and when the first event happened that is not shipped
 * leaves.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_AGE_FRAMES  64      /* intents that may stand before it */


static uint64_t ngx_leadgen_age_first(ngx_queue_t *segments);
static uint64_t ngx_leadgen_age_segment(const ngx_leadgen_segment_t *segment);


uint64_t
ngx_leadgen_age_oldest(void)
{
    uint64_t      own, adopted;
    ngx_queue_t  *segments;

    if (ngx_leadgen_spool_directory() == -1) {
        return 0;
    }

    own = ngx_leadgen_age_first(ngx_leadgen_spool_segments());

    segments = ngx_leadgen_adopt_segments();
    adopted = segments ? ngx_leadgen_age_first(segments) : 0;

    if (own == 0 || adopted == 0) {
        return own + adopted;
    }

    return ngx_min(own, adopted);
}


static uint64_t
ngx_leadgen_age_first(ngx_queue_t *segments)
{
    uint64_t      time;
    ngx_queue_t  *q;

    for (q = ngx_queue_head(segments);
         q != ngx_queue_sentinel(segments);
         q = ngx_queue_next(q))
    {
        time = ngx_leadgen_age_segment(
                   ngx_queue_data(q, ngx_leadgen_segment_t, queue));

        if (time) {
            return time;
        }
    }

    return 0;
}


/* An intent of something that is being done does not wait. */

static uint64_t
ngx_leadgen_age_segment(const ngx_leadgen_segment_t *segment)
{
    u_char                *p;
    uint32_t               kind;
    ngx_str_t              payload;
    ngx_uint_t             i;
    ngx_leadgen_record_t   record;

    p = segment->cursor;

    for (i = 0; i < NGX_LEADGEN_AGE_FRAMES && p < segment->pos; i++) {

        if (ngx_leadgen_frame_read(&p, segment->pos, &kind, &payload)
            != NGX_OK)
        {
            return 0;
        }

        if (kind == NGX_LEADGEN_FRAME_EVENT
            && ngx_leadgen_record_decode(&payload, &record) == NGX_OK)
        {
            return record.event.time;
        }
    }

    return 0;
}
