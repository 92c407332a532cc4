
/*
 * WebSockets: a request to upgrade goes in, and comes out as one only where the
 * route says so; what came of it ends when whoever asked may no more, and the
 * end is on record as the beginning is.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_WEBSOCKET_INTERVAL  500         /* milliseconds */
#define NGX_LEADGEN_WEBSOCKET_SECONDS   64          /* bytes of their JSON */


static void ngx_leadgen_websocket_look(ngx_event_t *ev);
static void ngx_leadgen_websocket_cleanup(void *data);


/* "h2c" and the like would bring requests that nobody judges. */

void
ngx_leadgen_websocket_admit(ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx)
{
    size_t            len;
    ngx_uint_t        i, count;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header, *upgrade;

    if (r->headers_in.upgrade == NULL) {
        return;
    }

    len = 0;
    count = 0;
    upgrade = NULL;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len == 7
                && ngx_strncasecmp(header[i].key.data, (u_char *) "Upgrade", 7)
                   == 0)
            {
                count++;
                upgrade = &header[i];
                len = upgrade->value.len;
                upgrade->value.len = 0;
            }
        }
    }

    if (count == 1
        && ctx->match.rule->upgrade
        && r->method == NGX_HTTP_GET
        && r->http_version == NGX_HTTP_VERSION_11
        && len == 9
        && ngx_strncasecmp(upgrade->value.data, (u_char *) "websocket", 9) == 0)
    {
        upgrade->value.len = len;
        return;
    }

    r->headers_in.upgrade = NULL;
}


ngx_int_t
ngx_leadgen_websocket_watch(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_event_t         *ev;
    ngx_pool_cleanup_t  *cln;

    if (ctx->watch
        || ctx->principal.user_id == 0
        || r->upstream == NULL
        || !r->upstream->upgrade)
    {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_event_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    ev = cln->data;
    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_leadgen_websocket_look;
    ev->data = r->connection;
    ev->log = r->connection->log;
    ev->cancelable = 1;

    cln->handler = ngx_leadgen_websocket_cleanup;
    ctx->watch = ev;

    ngx_add_timer(ev, NGX_LEADGEN_WEBSOCKET_INTERVAL);

    return NGX_OK;
}


static void
ngx_leadgen_websocket_look(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_leadgen_ctx_t      *ctx;
    ngx_http_request_t     *r;
    ngx_leadgen_problem_e   problem;

    c = ev->data;
    r = c->data;
    ctx = ngx_leadgen_ctx(r);

    problem = ctx ? ngx_leadgen_guard_recheck(r, ctx)
                  : NGX_LEADGEN_PROBLEM_INTERNAL;

    if (problem == NGX_LEADGEN_PROBLEM_NONE) {
        ngx_add_timer(ev, NGX_LEADGEN_WEBSOCKET_INTERVAL);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, c->log, 0, "leadgen: websocket: closed: %V",
                  &ngx_leadgen_problems[problem].slug);

    if (ctx) {
        ctx->ended = problem;
    }

    /* nginx ends a tunnel whose client has not been writable for too long */

    c->write->timedout = 1;
    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}


static void
ngx_leadgen_websocket_cleanup(void *data)
{
    ngx_event_t  *ev = data;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }
}


/*
 * An event of its own, beside that of the request, whose id it names: it has
 * been shipped for long.
 */

void
ngx_leadgen_websocket_end(ngx_leadgen_ctx_t *ctx)
{
    size_t               size;
    u_char               seconds[NGX_LEADGEN_WEBSOCKET_SECONDS];
    uint64_t             milliseconds;
    ngx_str_t           *text;
    ngx_leadgen_event_t  event;

    event = ctx->event;
    text = event.text;

    ngx_leadgen_uuid_mint(event.id);
    event.time = ngx_leadgen_time_now();
    event.action = NGX_LEADGEN_ACTION_ACCESS_ENDED;
    event.outcome = NGX_LEADGEN_OUTCOME_SUCCESS;
    event.status = 0;
    event.truncated = 0;

    text[NGX_LEADGEN_EVENT_RESOURCE_TYPE] =
        ngx_leadgen_actions[event.action].resource;
    text[NGX_LEADGEN_EVENT_RESOURCE_ID] = ctx->id_text;
    ngx_str_null(&text[NGX_LEADGEN_EVENT_SHADOW]);
    ngx_str_null(&text[NGX_LEADGEN_EVENT_SHADOW_ROUTE]);

    milliseconds = (ngx_leadgen_time_monotonic() - ctx->started) / 1000;

    text[NGX_LEADGEN_EVENT_CAPTURED].data = seconds;
    text[NGX_LEADGEN_EVENT_CAPTURED].len =
        ngx_snprintf(seconds, sizeof(seconds), "{\"seconds\":%uL.%03uL}",
                     milliseconds / 1000, milliseconds % 1000) - seconds;

    if (ctx->ended != NGX_LEADGEN_PROBLEM_NONE) {
        event.outcome = NGX_LEADGEN_OUTCOME_FAILURE;
        text[NGX_LEADGEN_EVENT_ERROR] = ngx_leadgen_problems[ctx->ended].slug;
    }

    size = ngx_leadgen_event_size(&event);

    if (ngx_leadgen_event_reserve(size, NGX_LEADGEN_MODE_NORMAL) == NGX_OK) {
        (void) ngx_leadgen_event_append(&event, size, 0);
    }
}
