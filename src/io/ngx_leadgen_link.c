
/*
 * Links: one connection's life, from opening to backoff and round again.
 */


#include "ngx_leadgen_link.h"


#define NGX_LEADGEN_LINK_BACKOFF_MIN  100
#define NGX_LEADGEN_LINK_BACKOFF_MAX  1500

/* how long a link must have lasted to be opened again without backoff */
#define NGX_LEADGEN_LINK_STEADY       5000

#define NGX_LEADGEN_LINK_CONNECT_MIN  1000
#define NGX_LEADGEN_LINK_CONNECT_MAX  10000

/* how long an idle link outlives the request to exit */
#define NGX_LEADGEN_LINK_LINGER       1000

#define NGX_LEADGEN_LINK_TEXT         256


static void ngx_leadgen_link_open(ngx_event_t *ev);
static void ngx_leadgen_link_failed(ngx_event_t *ev);
static void ngx_leadgen_link_overdue(ngx_event_t *ev);
static void ngx_leadgen_link_event(ngx_event_t *ev);
static void ngx_leadgen_link_close(ngx_leadgen_link_t *ln);
static void ngx_leadgen_link_arm(ngx_leadgen_link_t *ln);


/* Nothing is opened here: events posted before the loop runs would wait. */

void
ngx_leadgen_link_start(ngx_leadgen_link_t *ln)
{
    ln->ident = -1;
    ln->state = NGX_LEADGEN_LINK_DOWN;

    ln->retry.handler = ngx_leadgen_link_open;
    ln->retry.data = ln;
    ln->retry.log = ngx_cycle->log;
    ln->retry.cancelable = 1;

    ln->watch.handler = ngx_leadgen_link_overdue;
    ln->watch.data = ln;
    ln->watch.log = ngx_cycle->log;
    ln->watch.cancelable = 1;

    ngx_add_timer(&ln->retry, 0);
}


void
ngx_leadgen_link_stop(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_call_t  *call;

    ngx_leadgen_link_close(ln);

    if (ln->retry.timer_set) {
        ngx_del_timer(&ln->retry);
    }

    if (ln->retry.posted) {
        ngx_delete_posted_event(&ln->retry);
    }

    while (ln->nflight) {
        call = ngx_leadgen_link_take(ln);

        if (call) {
            ngx_leadgen_call_cancel(call);
        }
    }
}


void
ngx_leadgen_link_revive(ngx_leadgen_link_t *ln)
{
    ngx_add_timer(&ln->retry, 0);
}


static void
ngx_leadgen_link_open(ngx_event_t *ev)
{
    ngx_int_t            rc;
    ngx_msec_t           timeout;
    ngx_leadgen_link_t  *ln = ev->data;

    if (ngx_exiting && ngx_queue_empty(&ln->backend->waiting)) {
        return;
    }

    timeout = ngx_max(ln->backend->conf->timeout,
                      NGX_LEADGEN_LINK_CONNECT_MIN);

    ln->state = NGX_LEADGEN_LINK_OPENING;

    if (ln->driver->step) {
        ngx_add_timer(&ln->watch, ngx_min(timeout,
                                          NGX_LEADGEN_LINK_CONNECT_MAX));
    }

    rc = ln->driver->open(ln);

    if (rc == NGX_OK) {
        ngx_leadgen_link_up(ln);

    } else if (rc == NGX_ERROR) {
        ngx_leadgen_link_fail(ln, "could not connect", NULL);
    }
}


void
ngx_leadgen_link_up(ngx_leadgen_link_t *ln)
{
    ln->state = NGX_LEADGEN_LINK_UP;
    ln->since = ngx_current_msec;

    if (ln->driver->step) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: %V: a link is up", &ln->backend->conf->name);
        ngx_leadgen_link_arm(ln);
    }

    ngx_leadgen_backend_succeeded(ln->backend);
    ngx_leadgen_backend_dispatch(ln->backend);
}


void
ngx_leadgen_link_fail(ngx_leadgen_link_t *ln, const char *why,
    const char *text)
{
    u_char      safe[4 * NGX_LEADGEN_LINK_TEXT];
    uint32_t    complaint;
    ngx_str_t   raw, shown;
    ngx_uint_t  level;

    if (ln->state == NGX_LEADGEN_LINK_DOWN) {
        return;
    }

    raw.data = (u_char *) (text ? text : "");
    raw.len = ngx_min(ngx_strlen(raw.data), NGX_LEADGEN_LINK_TEXT);

    while (raw.len && raw.data[raw.len - 1] <= ' ') {
        raw.len--;
    }

    shown = ngx_leadgen_text_shown(safe, sizeof(safe), &raw);

    if (ln->state == NGX_LEADGEN_LINK_UP
        && ngx_current_msec - ln->since > NGX_LEADGEN_LINK_STEADY)
    {
        ln->backoff = 0;
    }

    /* news is an error, what follows only repeats it */

    complaint = ngx_crc32_short(safe, shown.len);
    level = ln->backoff && complaint == ln->complaint ? NGX_LOG_INFO
                                                      : NGX_LOG_ERR;
    ln->complaint = complaint;

    ngx_log_error(level, ngx_cycle->log, 0, "leadgen: %V: %s%s%V",
                  &ln->backend->conf->name, why, shown.len ? ": " : "",
                  &shown);

    ln->state = NGX_LEADGEN_LINK_DOWN;
    ln->retry.handler = ngx_leadgen_link_failed;

    ngx_post_event(&ln->retry, &ngx_posted_events);
}


static void
ngx_leadgen_link_failed(ngx_event_t *ev)
{
    ngx_msec_t           delay;
    ngx_leadgen_link_t  *ln = ev->data;
    ngx_leadgen_call_t  *call;

    ngx_leadgen_link_close(ln);

    while (ln->nflight) {
        call = ngx_leadgen_link_take(ln);

        if (call) {
            ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_LOST);
        }
    }

    /* one link less is no failure of the backend */

    if (!ngx_leadgen_backend_is_up(ln->backend)) {
        ngx_leadgen_backend_failed(ln->backend);
    }

    if (ngx_exiting && ngx_queue_empty(&ln->backend->waiting)) {
        return;
    }

    /* full jitter, so that many workers do not come back in step */

    ln->backoff = ngx_min(2 * ngx_max(ln->backoff,
                                      NGX_LEADGEN_LINK_BACKOFF_MIN),
                          NGX_LEADGEN_LINK_BACKOFF_MAX);

    delay = NGX_LEADGEN_LINK_BACKOFF_MIN
            + ngx_random() % (ln->backoff - NGX_LEADGEN_LINK_BACKOFF_MIN + 1);

    ngx_add_timer(&ln->retry, delay);
}


static void
ngx_leadgen_link_close(ngx_leadgen_link_t *ln)
{
    ln->state = NGX_LEADGEN_LINK_DOWN;
    ln->retry.handler = ngx_leadgen_link_open;

    ln->driver->close(ln);

    if (ln->watch.timer_set) {
        ngx_del_timer(&ln->watch);
    }
}


ngx_int_t
ngx_leadgen_link_send(ngx_leadgen_link_t *ln, ngx_leadgen_call_t *call)
{
    ngx_int_t    rc;
    ngx_uint_t   tail;

    tail = ngx_leadgen_link_tail(ln);
    rc = ln->driver->send(ln, call);

    if (rc == NGX_ABORT) {
        ngx_leadgen_call_finish_later(call, NGX_LEADGEN_CALL_REFUSED);
        return NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        ngx_leadgen_link_fail(ln, "could not take a call", NULL);
        return NGX_DECLINED;
    }

    ln->flight[tail] = call;
    ln->nflight++;
    call->slot = &ln->flight[tail];

    if (rc == NGX_ERROR) {
        ngx_leadgen_link_fail(ln, "could not send", NULL);

    } else if (ln->nflight == 1) {
        ngx_leadgen_link_arm(ln);
    }

    return NGX_OK;
}


ngx_leadgen_call_t *
ngx_leadgen_link_take(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_call_t  *call;

    call = ln->flight[ln->head];

    ln->flight[ln->head] = NULL;
    ln->head = (ln->head + 1) % ln->backend->depth;
    ln->nflight--;

    if (call) {
        call->slot = NULL;
    }

    if (ln->state == NGX_LEADGEN_LINK_UP) {
        ngx_leadgen_link_arm(ln);
    }

    return call;
}


void
ngx_leadgen_link_answered(ngx_leadgen_link_t *ln)
{
    ln->backoff = 0;
    ngx_leadgen_backend_succeeded(ln->backend);
}


/*
 * The timer is never deleted while a link is up: nginx does not move one that
 * would change by less than its lazy delay, so most calls cost nothing here.
 */

static void
ngx_leadgen_link_arm(ngx_leadgen_link_t *ln)
{
    if (ln->driver->step == NULL) {
        return;
    }

    if (ngx_exiting && ln->nflight == 0) {
        ngx_add_timer(&ln->watch, NGX_LEADGEN_LINK_LINGER);
        return;
    }

    ngx_add_timer(&ln->watch, 2 * ln->backend->conf->timeout
                              + NGX_TIMER_LAZY_DELAY);
}


static void
ngx_leadgen_link_overdue(ngx_event_t *ev)
{
    ngx_leadgen_link_t  *ln = ev->data;

    if (ln->state == NGX_LEADGEN_LINK_OPENING) {
        ngx_leadgen_link_fail(ln, "could not connect in time", NULL);

    } else if (ln->nflight) {
        ngx_leadgen_link_fail(ln, "does not answer", NULL);

    } else if (ngx_exiting) {
        ngx_leadgen_link_close(ln);
    }
}


ngx_int_t
ngx_leadgen_link_watch(ngx_leadgen_link_t *ln, ngx_socket_t fd,
    ngx_uint_t readable, ngx_uint_t writable)
{
    ngx_event_t       *rev, *wev;
    ngx_connection_t  *c;

    if (ln->connection == NULL) {
        c = ngx_get_connection(fd, ngx_cycle->log);
        if (c == NULL) {
            return NGX_ERROR;
        }

        c->data = ln;
        c->idle = 1;                        /* to be told when to close */
        c->read->handler = ngx_leadgen_link_event;
        c->write->handler = ngx_leadgen_link_event;
        c->read->log = c->log;
        c->write->log = c->log;

        ln->connection = c;
    }

    rev = ln->connection->read;
    wev = ln->connection->write;

    if (readable && !rev->active
        && ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!readable && rev->active
        && ngx_del_event(rev, NGX_READ_EVENT, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (writable && !wev->active) {
        return ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }

    if (!writable && wev->active) {
        return ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }

    return NGX_OK;
}


/* The socket belongs to the library, which closes it after this. */

void
ngx_leadgen_link_unwatch(ngx_leadgen_link_t *ln, ngx_uint_t closed)
{
    ngx_uint_t         flags;
    ngx_connection_t  *c = ln->connection;

    if (c == NULL) {
        return;
    }

    flags = closed ? NGX_CLOSE_EVENT : 0;

    if (c->read->active) {
        ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
    c->idle = 0;

    ln->connection = NULL;
}


static void
ngx_leadgen_link_event(ngx_event_t *ev)
{
    ngx_connection_t    *c = ev->data;
    ngx_leadgen_link_t  *ln = c->data;

    if (c->close) {
        c->close = 0;

        if (c->error) {
            /* worker_shutdown_timeout has passed */
            ngx_leadgen_link_fail(ln, "closed before its answers came", NULL);

        } else if (ln->nflight == 0) {
            ngx_leadgen_link_arm(ln);
        }

        return;
    }

    if (ln->state == NGX_LEADGEN_LINK_DOWN) {
        return;
    }

    ln->driver->step(ln, ev->write);

    ngx_leadgen_backend_dispatch(ln->backend);
}
