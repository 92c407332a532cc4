
/*
 * The listener: what Celery workers publish enters, events and results, and
 * waits as JSON until the relay tells PostgreSQL.  What comes too fast is
 * dropped: the watcher finds results, too, and heartbeats come again.
 */


#include "ngx_leadgen_relay.h"


#define NGX_LEADGEN_LISTENER_MAX    2000    /* of what was heard */
#define NGX_LEADGEN_LISTENER_SIZE   262144  /* bytes of one, at most */


static json_t  *ngx_leadgen_listener_all;


static void ngx_leadgen_listener_event(json_t *message);
static void ngx_leadgen_listener_add(json_t *event);
static json_t *ngx_leadgen_listener_parse(const ngx_str_t *text);


void
ngx_leadgen_listener_notified(void *data, ngx_str_t *channel,
    ngx_str_t *payload)
{
    json_t  *message;

    if (!ngx_leadgen_relay.elected) {
        return;
    }

    message = ngx_leadgen_listener_parse(payload);

    if (message == NULL) {
        return;
    }

    if (json_object_get(message, "body")) {
        ngx_leadgen_listener_event(message);

    } else {
        ngx_leadgen_listener_add(json_incref(message));
    }

    json_decref(message);
}


/* A message of kombu's: its body is base64 of an event, or of several. */

static void
ngx_leadgen_listener_event(json_t *message)
{
    size_t      i;
    json_t     *events, *event;
    ngx_str_t   body, decoded;

    body = ngx_leadgen_json_string(message, "body");

    if (body.len == 0) {
        return;
    }

    decoded.data = ngx_alloc(ngx_base64_decoded_length(body.len),
                             ngx_cycle->log);
    if (decoded.data == NULL) {
        return;
    }

    if (ngx_decode_base64(&decoded, &body) == NGX_OK) {
        events = ngx_leadgen_listener_parse(&decoded);

        if (json_is_array(events)) {
            json_array_foreach(events, i, event) {
                ngx_leadgen_listener_add(json_incref(event));
            }

        } else if (events) {
            ngx_leadgen_listener_add(json_incref(events));
        }

        json_decref(events);
    }

    ngx_free(decoded.data);
}


void
ngx_leadgen_listener_take(const ngx_str_t *text)
{
    ngx_leadgen_listener_add(ngx_leadgen_listener_parse(text));
}


/* Takes the reference. */

static void
ngx_leadgen_listener_add(json_t *event)
{
    if (event == NULL) {
        return;
    }

    if (ngx_leadgen_listener_all == NULL) {
        ngx_leadgen_listener_all = json_array();
    }

    if (!json_is_object(event)
        || ngx_leadgen_listener_all == NULL
        || json_array_size(ngx_leadgen_listener_all)
           >= NGX_LEADGEN_LISTENER_MAX)
    {
        json_decref(event);
        return;
    }

    (void) json_array_append_new(ngx_leadgen_listener_all, event);
}


ngx_int_t
ngx_leadgen_listener_flush(ngx_pool_t *pool, ngx_str_t *text)
{
    json_t  *all;

    all = ngx_leadgen_listener_all;
    ngx_leadgen_listener_all = NULL;
    ngx_str_null(text);

    if (all == NULL) {
        return NGX_OK;
    }

    all = ngx_leadgen_json_own(pool, all);

    return all ? ngx_leadgen_json_dump(pool, all, text) : NGX_ERROR;
}


/* What PostgreSQL would not take, such as a zero byte, is no JSON here. */

static json_t *
ngx_leadgen_listener_parse(const ngx_str_t *text)
{
    if (text->len > NGX_LEADGEN_LISTENER_SIZE
        || (text->len && memchr(text->data, '\0', text->len)))
    {
        return NULL;
    }

    return json_loadb((char *) text->data, text->len, 0, NULL);
}


void
ngx_leadgen_listener_stop(void)
{
    json_decref(ngx_leadgen_listener_all);
    ngx_leadgen_listener_all = NULL;
}
