
/*
 * Intents: the id of each open one enters with the segment it stands in, which
 * must not go before its outcome is there.
 *
 * Open addressing with a fixed size: nothing is allocated while requests run.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_INTENT_SLOTS  8192
#define NGX_LEADGEN_INTENT_MOST   (NGX_LEADGEN_INTENT_SLOTS / 4 * 3)


typedef struct {
    u_char                     id[NGX_LEADGEN_UUID_SIZE];
    ngx_leadgen_segment_t     *segment;     /* NULL: the slot is free */
} ngx_leadgen_intent_t;


static ngx_uint_t ngx_leadgen_intent_home(const u_char *id);


static ngx_leadgen_intent_t  ngx_leadgen_intents[NGX_LEADGEN_INTENT_SLOTS];
static ngx_uint_t            ngx_leadgen_nintents;


ngx_uint_t
ngx_leadgen_intent_full(void)
{
    return ngx_leadgen_nintents >= NGX_LEADGEN_INTENT_MOST;
}


void
ngx_leadgen_intent_open(const u_char *id, ngx_leadgen_segment_t *segment)
{
    ngx_uint_t  i;

    i = ngx_leadgen_intent_home(id);

    while (ngx_leadgen_intents[i].segment) {
        i = (i + 1) % NGX_LEADGEN_INTENT_SLOTS;
    }

    ngx_memcpy(ngx_leadgen_intents[i].id, id, NGX_LEADGEN_UUID_SIZE);
    ngx_leadgen_intents[i].segment = segment;

    ngx_leadgen_nintents++;
    segment->intents++;
}


void
ngx_leadgen_intent_close(const u_char *id)
{
    ngx_uint_t             i, next, home;
    ngx_leadgen_intent_t  *intents;

    intents = ngx_leadgen_intents;
    i = ngx_leadgen_intent_home(id);

    while (intents[i].segment
           && ngx_memcmp(intents[i].id, id, NGX_LEADGEN_UUID_SIZE) != 0)
    {
        i = (i + 1) % NGX_LEADGEN_INTENT_SLOTS;
    }

    if (intents[i].segment == NULL) {
        return;
    }

    intents[i].segment->intents--;
    ngx_leadgen_nintents--;

    /* those behind it move up, unless that would pass them by their home */

    for (next = (i + 1) % NGX_LEADGEN_INTENT_SLOTS;
         intents[next].segment;
         next = (next + 1) % NGX_LEADGEN_INTENT_SLOTS)
    {
        home = ngx_leadgen_intent_home(intents[next].id);

        if ((next - home) % NGX_LEADGEN_INTENT_SLOTS
            >= (next - i) % NGX_LEADGEN_INTENT_SLOTS)
        {
            intents[i] = intents[next];
            i = next;
        }
    }

    intents[i].segment = NULL;
}


/* The end of a version 7 UUID is random. */

static ngx_uint_t
ngx_leadgen_intent_home(const u_char *id)
{
    uint16_t  tail;

    ngx_memcpy(&tail, id + NGX_LEADGEN_UUID_SIZE - sizeof(tail), sizeof(tail));

    return tail % NGX_LEADGEN_INTENT_SLOTS;
}
