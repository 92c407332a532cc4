
/*
 * Records: an event enters as a struct, leaves as the bytes of a frame's
 * payload, and the other way round.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_RECORD_TRUNCATED  0x80  /* a bit beside the outcome */


/* The action's name stands before the texts; a reader takes the texts that it
 * knows of those that are there. */

typedef struct {
    u_char                     id[NGX_LEADGEN_UUID_SIZE];
    uint64_t                   time;
    int64_t                    user_id;
    uint32_t                   duration;
    uint16_t                   status;
    uint8_t                    outcome;
    uint8_t                    ntexts;
    uint16_t                   action;      /* length of its name */
    uint16_t                   text[NGX_LEADGEN_EVENT_NTEXTS];  /* lengths */
} ngx_leadgen_record_head_t;


/* With five bytes for an odd one of a text, details have 16 KB at most. */

static const size_t  ngx_leadgen_record_limits[NGX_LEADGEN_EVENT_NTEXTS] = {
    [NGX_LEADGEN_EVENT_USER_EMAIL] = 256,
    [NGX_LEADGEN_EVENT_ROLE] = 256,
    [NGX_LEADGEN_EVENT_RESOURCE_TYPE] = 256,
    [NGX_LEADGEN_EVENT_RESOURCE_ID] = 256,
    [NGX_LEADGEN_EVENT_METHOD] = 256,
    [NGX_LEADGEN_EVENT_PATH] = 2048,
    [NGX_LEADGEN_EVENT_IP_ADDRESS] = 256,
    [NGX_LEADGEN_EVENT_USER_AGENT] = 512,
    [NGX_LEADGEN_EVENT_ERROR] = 512,
    [NGX_LEADGEN_EVENT_CAPTURED] = NGX_LEADGEN_CAPTURED,
    [NGX_LEADGEN_EVENT_ROUTE] = 256,
    [NGX_LEADGEN_EVENT_REQUIRES] = 256,
    [NGX_LEADGEN_EVENT_PERMISSION] = 64,
    [NGX_LEADGEN_EVENT_CONDITION] = 128,
    [NGX_LEADGEN_EVENT_SHADOW] = 96,
    [NGX_LEADGEN_EVENT_SHADOW_ROUTE] = 256
};


size_t
ngx_leadgen_record_size(const ngx_leadgen_event_t *event)
{
    size_t      size;
    ngx_uint_t  i;

    size = sizeof(ngx_leadgen_record_head_t)
           + ngx_leadgen_actions[event->action].name.len;

    for (i = 0; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        size += event->text[i].len;
    }

    return size;
}


size_t
ngx_leadgen_record_whole(const ngx_leadgen_event_t *event)
{
    size_t      size;
    ssize_t     spare;
    ngx_uint_t  i;

    spare = 0;
    size = sizeof(ngx_leadgen_record_head_t)
           + ngx_leadgen_actions[event->action].name.len;

    for (i = 0; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        size += event->text[i].len;
        spare |= (ssize_t) (ngx_leadgen_record_limits[i] - event->text[i].len);
    }

    /* below zero when one of them was */

    return spare < 0 || ngx_leadgen_frame_size(size) > NGX_LEADGEN_EVENT_FRAME
           ? 0 : size;
}


ngx_int_t
ngx_leadgen_record_fit(ngx_leadgen_event_t *dst,
    const ngx_leadgen_event_t *event, size_t room)
{
    size_t      size, cut;
    ngx_str_t  *text;
    ngx_uint_t  i;

    static const ngx_uint_t  order[] = {
        NGX_LEADGEN_EVENT_USER_AGENT,
        NGX_LEADGEN_EVENT_CAPTURED,
        NGX_LEADGEN_EVENT_ERROR,
        NGX_LEADGEN_EVENT_PATH
    };

    *dst = *event;

    for (i = 0; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        text = &dst->text[i];

        if (text->len > ngx_leadgen_record_limits[i]) {
            text->len = ngx_leadgen_record_limits[i];
            dst->truncated = 1;
        }
    }

    for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        size = ngx_leadgen_frame_size(ngx_leadgen_record_size(dst));

        if (size <= room) {
            return NGX_OK;
        }

        text = &dst->text[order[i]];

        /* a piece of JSON is none */
        cut = (order[i] == NGX_LEADGEN_EVENT_CAPTURED)
              ? text->len : ngx_min(text->len, size - room);

        text->len -= cut;
        dst->truncated |= (cut != 0);
    }

    size = ngx_leadgen_frame_size(ngx_leadgen_record_size(dst));

    return size <= room ? NGX_OK : NGX_ERROR;
}


u_char *
ngx_leadgen_record_encode(u_char *dst, const ngx_leadgen_event_t *event)
{
    u_char                     *p;
    ngx_uint_t                  i;
    const ngx_str_t            *action;
    ngx_leadgen_record_head_t   head;

    action = &ngx_leadgen_actions[event->action].name;

    ngx_memzero(&head, sizeof(head));
    ngx_memcpy(head.id, event->id, NGX_LEADGEN_UUID_SIZE);
    head.time = event->time;
    head.user_id = event->user_id;
    head.duration = event->duration;
    head.status = event->status;
    head.outcome = event->outcome;

    if (event->truncated) {
        head.outcome |= NGX_LEADGEN_RECORD_TRUNCATED;
    }

    head.ntexts = NGX_LEADGEN_EVENT_NTEXTS;
    head.action = (uint16_t) action->len;

    p = ngx_cpymem(dst + sizeof(head), action->data, action->len);

    for (i = 0; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        head.text[i] = (uint16_t) event->text[i].len;

        if (event->text[i].len) {
            p = ngx_cpymem(p, event->text[i].data, event->text[i].len);
        }
    }

    ngx_memcpy(dst, &head, sizeof(head));

    return p;
}


ngx_int_t
ngx_leadgen_record_decode(const ngx_str_t *payload,
    ngx_leadgen_record_t *record)
{
    u_char                     *p, *last;
    size_t                      fixed;
    uint16_t                    len;
    ngx_int_t                   action;
    ngx_uint_t                  i;
    ngx_leadgen_event_t        *event;
    ngx_leadgen_record_head_t   head;

    fixed = offsetof(ngx_leadgen_record_head_t, text);

    if (payload->len < fixed) {
        return NGX_ERROR;
    }

    ngx_memcpy(&head, payload->data, fixed);

    last = payload->data + payload->len;
    p = payload->data
        + ngx_align(fixed + head.ntexts * sizeof(uint16_t), sizeof(uint64_t));

    if (p > last || (size_t) (last - p) < head.action) {
        return NGX_ERROR;
    }

    event = &record->event;
    ngx_memzero(event, sizeof(ngx_leadgen_event_t));

    ngx_memcpy(event->id, head.id, NGX_LEADGEN_UUID_SIZE);
    event->time = head.time;
    event->user_id = head.user_id;
    event->duration = head.duration;
    event->status = head.status;
    event->outcome = head.outcome & ~NGX_LEADGEN_RECORD_TRUNCATED;
    event->truncated = (head.outcome & NGX_LEADGEN_RECORD_TRUNCATED) != 0;

    record->action.data = p;
    record->action.len = head.action;
    p += head.action;

    action = ngx_leadgen_action_find(&record->action);
    event->action = (action == NGX_ERROR) ? 0 : (uint8_t) action;

    for (i = 0; i < head.ntexts; i++) {
        ngx_memcpy(&len, payload->data + fixed + i * sizeof(len),
                   sizeof(len));

        if ((size_t) (last - p) < len) {
            return NGX_ERROR;
        }

        if (i < NGX_LEADGEN_EVENT_NTEXTS) {
            event->text[i].data = p;
            event->text[i].len = len;
        }

        p += len;
    }

    return p == last ? NGX_OK : NGX_ERROR;
}
