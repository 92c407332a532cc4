
/*
 * Links: one connection's life, from opening to backoff and round again.
 */


#include "ngx_leadgen_link.h"


#define NGX_LEADGEN_LINK_OPEN     2000      /* milliseconds, at least */
#define NGX_LEADGEN_LINK_SILENCE  60        /* seconds between complaints */


static void ngx_leadgen_link_timer(ngx_event_t *ev);
static void ngx_leadgen_link_failed(ngx_event_t *ev);
static void ngx_leadgen_link_complain(ngx_leadgen_link_t *link);
static void ngx_leadgen_link_reset(ngx_leadgen_link_t *link);
static void ngx_leadgen_link_event(ngx_event_t *ev);


void
ngx_leadgen_link_init(ngx_leadgen_link_t *link, ngx_leadgen_backend_t *backend)
{
    link->backend = backend;

    link->timer.handler = ngx_leadgen_link_timer;
    link->timer.data = link;
    link->timer.log = ngx_cycle->log;
    link->timer.cancelable = 1;

    link->failing.handler = ngx_leadgen_link_failed;
    link->failing.data = link;
    link->failing.log = ngx_cycle->log;
}


void
ngx_leadgen_link_start(ngx_leadgen_link_t *link)
{
    ngx_msec_t  patience;

    patience = ngx_max(link->backend->conf->timeout, NGX_LEADGEN_LINK_OPEN);

    link->state = NGX_LEADGEN_LINK_OPENING;

    ngx_add_timer(&link->timer, patience);

    if (link->backend->driver->open(link) != NGX_OK) {
        ngx_leadgen_link_fail(link, "could not connect");
    }
}


void
ngx_leadgen_link_up(ngx_leadgen_link_t *link)
{
    const ngx_leadgen_backend_conf_t  *conf;

    conf = link->backend->conf;

    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (link->failures) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: link: %V can be reached again", &conf->name);
    }

    link->state = NGX_LEADGEN_LINK_UP;
    link->failures = 0;

    ngx_leadgen_backend_works(link->backend);

    if (conf->connected) {
        conf->connected(conf->data);
    }

    ngx_leadgen_backend_dispatch(link->backend);
}


void
ngx_leadgen_link_fail(ngx_leadgen_link_t *link, const char *why)
{
    if (link->state == NGX_LEADGEN_LINK_DOWN) {
        return;
    }

    link->state = NGX_LEADGEN_LINK_DOWN;
    link->why = why;

    ngx_post_event(&link->failing, &ngx_posted_events);
}


static void
ngx_leadgen_link_failed(ngx_event_t *ev)
{
    ngx_msec_t           delay;
    ngx_leadgen_link_t  *link;

    link = ev->data;

    link->failures++;
    link->backend->failures++;

    ngx_leadgen_link_complain(link);
    ngx_leadgen_link_reset(link);

    while (link->nflight) {
        ngx_leadgen_link_answer(link, NGX_LEADGEN_CALL_LOST);
    }

    if (link->backend->stopped) {
        return;
    }

    delay = NGX_LEADGEN_LINK_BACKOFF << ngx_min(link->failures, 10);
    delay = ngx_min(delay, NGX_LEADGEN_LINK_LONGEST);

    ngx_add_timer(&link->timer, NGX_LEADGEN_LINK_BACKOFF / 2
                                + ngx_random() % delay);
}


/* All links of a backend fail together: one of them says so, once a minute. */

static void
ngx_leadgen_link_complain(ngx_leadgen_link_t *link)
{
    ngx_leadgen_backend_t  *backend;

    backend = link->backend;

    if (link->failures > 1
        && ngx_time() - backend->logged < NGX_LEADGEN_LINK_SILENCE)
    {
        return;
    }

    backend->logged = ngx_time();

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "leadgen: link: %V: %s", &backend->conf->name, link->why);
}


static void
ngx_leadgen_link_timer(ngx_event_t *ev)
{
    ngx_leadgen_link_t  *link;

    link = ev->data;

    if (link->state == NGX_LEADGEN_LINK_DOWN) {
        ngx_leadgen_link_start(link);
        return;
    }

    ngx_leadgen_link_fail(link, link->state == NGX_LEADGEN_LINK_UP
                                ? "no answer in time"
                                : "no connection in time");
}


/* A thread without a socket can't be closed, only waited for. */

void
ngx_leadgen_link_overdue(ngx_leadgen_link_t *link)
{
    if (link->state == NGX_LEADGEN_LINK_UP
        && link->connection
        && !link->timer.timer_set)
    {
        ngx_add_timer(&link->timer, link->backend->conf->timeout);
    }
}


void
ngx_leadgen_link_stop(ngx_leadgen_link_t *link)
{
    ngx_uint_t  i;

    ngx_leadgen_link_reset(link);

    for (i = 0; i < NGX_LEADGEN_LINK_DEPTH; i++) {
        if (link->flight[i]) {
            ngx_leadgen_call_cancel(link->flight[i]);
        }
    }

    if (link->failing.posted) {
        ngx_delete_posted_event(&link->failing);
    }
}


static void
ngx_leadgen_link_reset(ngx_leadgen_link_t *link)
{
    link->state = NGX_LEADGEN_LINK_DOWN;

    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (link->resolving) {
        ngx_leadgen_call_cancel(link->resolving);
        link->resolving = NULL;
    }

    ngx_leadgen_link_unwatch(link);
    link->backend->driver->close(link);
}


/* --- calls in flight --- */

void
ngx_leadgen_link_send(ngx_leadgen_link_t *link, ngx_leadgen_call_t *call)
{
    ngx_uint_t  tail;

    tail = (link->head + link->nflight) % NGX_LEADGEN_LINK_DEPTH;

    link->flight[tail] = call;
    link->nflight++;
    call->slot = &link->flight[tail];
    call->link = link;

    if (link->backend->driver->send(link, call) != NGX_OK) {
        ngx_leadgen_link_fail(link, "could not send");
    }
}


ngx_leadgen_call_t *
ngx_leadgen_link_next(ngx_leadgen_link_t *link)
{
    return link->nflight ? link->flight[link->head] : NULL;
}


void
ngx_leadgen_link_answer(ngx_leadgen_link_t *link,
    ngx_leadgen_call_result_e result)
{
    ngx_leadgen_call_t  *call;

    call = ngx_leadgen_link_next(link);

    link->flight[link->head] = NULL;
    link->head = (link->head + 1) % NGX_LEADGEN_LINK_DEPTH;
    link->nflight--;

    if (link->state == NGX_LEADGEN_LINK_UP) {

        /* it answers, so it does not hang */

        if (link->timer.timer_set) {
            ngx_del_timer(&link->timer);
        }

        ngx_leadgen_backend_works(link->backend);
    }

    if (call) {
        call->slot = NULL;
        ngx_leadgen_call_finish(call, result);
    }
}


/* --- the socket --- */

ngx_int_t
ngx_leadgen_link_watch(ngx_leadgen_link_t *link, ngx_socket_t fd,
    ngx_uint_t read, ngx_uint_t write)
{
    ngx_event_t       *rev, *wev;
    ngx_connection_t  *c;

    if (link->connection == NULL) {
        c = ngx_get_connection(fd, ngx_cycle->log);
        if (c == NULL) {
            return NGX_ERROR;
        }

        c->data = link;
        c->log = ngx_cycle->log;
        c->read->handler = ngx_leadgen_link_event;
        c->write->handler = ngx_leadgen_link_event;
        c->read->log = c->log;
        c->write->log = c->log;
        link->connection = c;
    }

    rev = link->connection->read;
    wev = link->connection->write;

    if (read && !rev->active
        && ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!read && rev->active
        && ngx_del_event(rev, NGX_READ_EVENT, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (write && !wev->active) {
        return ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }

    if (!write && wev->active) {
        return ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }

    return NGX_OK;
}


void
ngx_leadgen_link_unwatch(ngx_leadgen_link_t *link)
{
    ngx_connection_t  *c;

    c = link->connection;

    if (c == NULL) {
        return;
    }

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    /* a stale event of this turn of the loop must not find us */

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
    link->connection = NULL;
}


static void
ngx_leadgen_link_event(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_leadgen_link_t  *link;

    c = ev->data;
    link = c->data;

    if (link->state == NGX_LEADGEN_LINK_DOWN) {
        return;
    }

    if (link->backend->driver->event(link, ev->write) != NGX_OK) {
        ngx_leadgen_link_fail(link, "the connection was lost");
        return;
    }

    ngx_leadgen_backend_dispatch(link->backend);
}
