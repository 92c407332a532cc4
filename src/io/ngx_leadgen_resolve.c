
/*
 * Resolving: host names go in, numeric addresses come out, looked up in a
 * thread because the system's resolver blocks.
 */


#include "ngx_leadgen_link.h"
#include <netdb.h>


static void ngx_leadgen_resolve_run(void *data);
static void ngx_leadgen_resolve_name(ngx_leadgen_resolve_t *resolve,
    ngx_uint_t name);
static void ngx_leadgen_resolve_done(ngx_event_t *ev);


ngx_leadgen_resolve_t *
ngx_leadgen_resolve_create(ngx_leadgen_link_t *ln,
    ngx_int_t (*done)(ngx_leadgen_link_t *ln))
{
    ngx_leadgen_resolve_t  *resolve;

    resolve = ngx_pcalloc(ln->backend->pool, sizeof(ngx_leadgen_resolve_t));
    if (resolve == NULL) {
        return NULL;
    }

    resolve->link = ln;
    resolve->done = done;
    resolve->work.run = ngx_leadgen_resolve_run;
    resolve->work.data = resolve;
    resolve->work.task.event.handler = ngx_leadgen_resolve_done;
    resolve->work.task.event.data = resolve;
    resolve->work.task.event.log = ngx_cycle->log;

    return resolve;
}


ngx_uint_t
ngx_leadgen_resolve_is_numeric(const char *host)
{
    int               rc;
    struct addrinfo   hints, *found;

    if (*host == '\0' || *host == '/' || *host == '@') {
        return 1;
    }

    ngx_memzero(&hints, sizeof(struct addrinfo));
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;

    rc = getaddrinfo(host, NULL, &hints, &found);

    if (rc == 0) {
        freeaddrinfo(found);
    }

    return rc == 0;
}


/* A thread that an earlier attempt has left behind looks up the same names. */

ngx_int_t
ngx_leadgen_resolve_start(ngx_leadgen_resolve_t *resolve)
{
    ngx_thread_pool_t  *threads;

    if (resolve->busy) {
        return NGX_AGAIN;
    }

    threads = resolve->link->backend->threads;

    if (threads == NULL
        || ngx_leadgen_work_post(threads, &resolve->work) != NGX_OK)
    {
        return NGX_ERROR;
    }

    resolve->busy = 1;

    return NGX_AGAIN;
}


static void
ngx_leadgen_resolve_run(void *data)
{
    ngx_uint_t              i;
    ngx_leadgen_resolve_t  *resolve = data;

    resolve->naddresses = 0;

    for (i = 0; i < resolve->nnames; i++) {
        if (resolve->names[i][0]) {
            ngx_leadgen_resolve_name(resolve, i);
        }
    }
}


static void
ngx_leadgen_resolve_name(ngx_leadgen_resolve_t *resolve, ngx_uint_t name)
{
    struct addrinfo         hints, *found, *ai;
    ngx_leadgen_address_t  *address;

    ngx_memzero(&hints, sizeof(struct addrinfo));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;

    if (getaddrinfo(resolve->names[name], NULL, &hints, &found) != 0) {
        return;
    }

    for (ai = found; ai; ai = ai->ai_next) {

        if (resolve->naddresses == NGX_LEADGEN_RESOLVE_ADDRESSES) {
            break;
        }

        address = &resolve->addresses[resolve->naddresses];

        if (getnameinfo(ai->ai_addr, ai->ai_addrlen, address->text,
                        sizeof(address->text), NULL, 0, NI_NUMERICHOST)
            == 0)
        {
            address->name = name;
            resolve->naddresses++;
        }
    }

    freeaddrinfo(found);
}


static void
ngx_leadgen_resolve_done(ngx_event_t *ev)
{
    ngx_leadgen_link_t     *ln;
    ngx_leadgen_resolve_t  *resolve = ev->data;

    resolve->busy = 0;
    ln = resolve->link;

    if (ln->state == NGX_LEADGEN_LINK_OPENING
        && resolve->done(ln) == NGX_ERROR)
    {
        ngx_leadgen_link_fail(ln, "could not connect", NULL);
    }
}
