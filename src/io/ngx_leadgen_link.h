
/*
 * Private to src/io: what a driver must provide, what a link and its backend
 * give to it.
 */


#ifndef _NGX_LEADGEN_LINK_H_INCLUDED_
#define _NGX_LEADGEN_LINK_H_INCLUDED_


#include "ngx_leadgen_io.h"
#include <ngx_thread_pool.h>


#define NGX_LEADGEN_RESOLVE_NAMES      16
#define NGX_LEADGEN_RESOLVE_NAME       256
#define NGX_LEADGEN_RESOLVE_ADDRESSES  32
#define NGX_LEADGEN_RESOLVE_ADDRESS    64


typedef struct ngx_leadgen_link_s  ngx_leadgen_link_t;


/*
 * A driver's functions run in the event loop, and never complete a call from
 * within send().
 */

typedef struct {
    const char    *name;

    /* as ngx_leadgen_backend_check() */
    char        *(*check)(ngx_pool_t *pool, ngx_str_t *target);

    /* NGX_OK: up; NGX_AGAIN: ngx_leadgen_link_up() follows; NGX_ERROR */
    ngx_int_t    (*open)(ngx_leadgen_link_t *ln);

    /*
     * NGX_OK: on its way, or as good as.  NGX_ERROR: the link is lost.
     * NGX_DECLINED: this link takes nothing, nothing was sent.  NGX_ABORT: the
     * call can never be sent; its code and error say why.
     */
    ngx_int_t    (*send)(ngx_leadgen_link_t *ln, ngx_leadgen_call_t *call);

    /* the socket is readable or writable; NULL: there is none to wait for */
    void         (*step)(ngx_leadgen_link_t *ln, ngx_uint_t writable);

    /* frees what open() and send() made; harmless on a closed link */
    void         (*close)(ngx_leadgen_link_t *ln);
} ngx_leadgen_driver_t;


typedef enum {
    NGX_LEADGEN_LINK_DOWN = 0,
    NGX_LEADGEN_LINK_OPENING,
    NGX_LEADGEN_LINK_UP
} ngx_leadgen_link_state_e;


/* Lifetime: worker, in its backend's pool. */

struct ngx_leadgen_link_s {
    const ngx_leadgen_driver_t        *driver;
    ngx_leadgen_backend_t             *backend;
    ngx_connection_t                  *connection;  /* its fd is the driver's */
    ngx_int_t                          ident;       /* logged as the fd of
                                                     * ours events: after three
                                                     * pointers, as in
                                                     * ngx_connection_t */
    ngx_leadgen_link_state_e           state;
    void                              *handle;      /* the driver's own */

    ngx_event_t                        retry;       /* to open, or to fail */
    ngx_event_t                        watch;       /* for connecting, and for
                                                     * the next answer */
    ngx_msec_t                         backoff;
    uint32_t                           complaint;   /* of what it failed last */
    ngx_msec_t                         since;       /* when it came up */

    ngx_uint_t                         head;        /* of a ring of depth */
    ngx_uint_t                         nflight;
    ngx_leadgen_call_t               **flight;      /* NULL: the owner left */
};


/* Lifetime: worker, in its own pool. */

struct ngx_leadgen_backend_s {
    const ngx_leadgen_backend_conf_t  *conf;
    const ngx_leadgen_driver_t        *driver;
    ngx_pool_t                        *pool;
    char                              *target;
    ngx_thread_pool_t                 *threads;     /* NULL: none configured */

    ngx_int_t                          series;      /* of its metrics */
    ngx_queue_t                        others;      /* of this worker */

    ngx_queue_t                        waiting;
    ngx_uint_t                         nwaiting;

    ngx_uint_t                         failures;    /* since the last success */
    unsigned                           broken:1;    /* the breaker is open */
    unsigned                           settled:1;   /* takes no calls more */

    ngx_uint_t                         depth;
    ngx_uint_t                         nlinks;
    ngx_leadgen_link_t                *links;
};


extern const ngx_leadgen_driver_t  ngx_leadgen_pg_driver;
extern const ngx_leadgen_driver_t  ngx_leadgen_redis_driver;
extern const ngx_leadgen_driver_t  ngx_leadgen_thread_driver;


/* --- thread --- */

/* Completes the call whose work has ended, if there is one. */
void ngx_leadgen_thread_settle(ngx_leadgen_link_t *ln);


/* --- call --- */

/* Completes a call that is no longer in a slot or in the queue. */
void ngx_leadgen_call_finish(ngx_leadgen_call_t *call,
    ngx_leadgen_call_result_e result);

/* The same, from the event loop: for what is found out within submit. */
void ngx_leadgen_call_finish_later(ngx_leadgen_call_t *call,
    ngx_leadgen_call_result_e result);

void ngx_leadgen_call_enqueue(ngx_leadgen_call_t *call, ngx_queue_t *after);
void ngx_leadgen_call_detach(ngx_leadgen_call_t *call);


/* --- backend --- */

/* Whether a call may be queued now. */
ngx_uint_t ngx_leadgen_backend_accepts(ngx_leadgen_backend_t *backend);

/* Gives waiting calls to links that have room. */
void ngx_leadgen_backend_dispatch(ngx_leadgen_backend_t *backend);

/* What the breaker counts. */
void ngx_leadgen_backend_failed(ngx_leadgen_backend_t *backend);
void ngx_leadgen_backend_succeeded(ngx_leadgen_backend_t *backend);


/* --- link --- */

void ngx_leadgen_link_start(ngx_leadgen_link_t *ln);
void ngx_leadgen_link_stop(ngx_leadgen_link_t *ln);

/* For a worker that exits: opens a link again because calls wait. */
void ngx_leadgen_link_revive(ngx_leadgen_link_t *ln);

void ngx_leadgen_link_up(ngx_leadgen_link_t *ln);

/*
 * Gives a link up: it is closed from the event loop, never from within the
 * caller, and its calls are lost then.  text, which may be NULL, is made safe
 * to be logged.
 */
void ngx_leadgen_link_fail(ngx_leadgen_link_t *ln, const char *why,
    const char *text);

ngx_int_t ngx_leadgen_link_send(ngx_leadgen_link_t *ln,
    ngx_leadgen_call_t *call);

/* The slot that the call being sent will have. */
#define ngx_leadgen_link_tail(ln)                                             \
    (((ln)->head + (ln)->nflight) % (ln)->backend->depth)

/* Empties the oldest slot; NULL when the call's owner did not wait. */
ngx_leadgen_call_t *ngx_leadgen_link_take(ngx_leadgen_link_t *ln);

/* An answer came that says that all is well. */
void ngx_leadgen_link_answered(ngx_leadgen_link_t *ln);

/* Level-triggered on purpose: libpq and hiredis do not drain the socket. */
ngx_int_t ngx_leadgen_link_watch(ngx_leadgen_link_t *ln, ngx_socket_t fd,
    ngx_uint_t readable, ngx_uint_t writable);

/* closed: the library has closed the socket already. */
void ngx_leadgen_link_unwatch(ngx_leadgen_link_t *ln, ngx_uint_t closed);


/* --- work --- */

/* Lifetime: from posting until its event is handled, or the worker exits. */

typedef struct {
    ngx_thread_task_t                  task;        /* its event is told of the
                                                     * end, in the loop */
    void                             (*run)(void *data);
    void                              *data;
} ngx_leadgen_work_t;


/*
 * Has one of threads run the work, which is the thread's until it has ended.
 * NGX_OK; NGX_ERROR: nothing was posted, which is logged.
 */
ngx_int_t ngx_leadgen_work_post(ngx_thread_pool_t *threads,
    ngx_leadgen_work_t *work);


/* --- resolve --- */

typedef struct {
    ngx_uint_t                         name;        /* which name's it is */
    char                               text[NGX_LEADGEN_RESOLVE_ADDRESS];
} ngx_leadgen_address_t;

/* Lifetime: worker.  While busy a thread has it, but for link and done. */

typedef struct {
    ngx_leadgen_work_t                 work;
    ngx_leadgen_link_t                *link;
    ngx_int_t                        (*done)(ngx_leadgen_link_t *ln);
    unsigned                           busy:1;

    ngx_uint_t                         nnames;      /* "": nothing to do */
    char                               names[NGX_LEADGEN_RESOLVE_NAMES]
                                            [NGX_LEADGEN_RESOLVE_NAME];
    ngx_uint_t                         naddresses;
    ngx_leadgen_address_t              addresses[NGX_LEADGEN_RESOLVE_ADDRESSES];
} ngx_leadgen_resolve_t;

/* NULL: out of memory. */
ngx_leadgen_resolve_t *ngx_leadgen_resolve_create(ngx_leadgen_link_t *ln,
    ngx_int_t (*done)(ngx_leadgen_link_t *ln));

/*
 * Looks the names up in a thread; done() runs when they are there and the link
 * is still opening, and returns as open() does.  NGX_AGAIN or NGX_ERROR.
 */
ngx_int_t ngx_leadgen_resolve_start(ngx_leadgen_resolve_t *resolve);

/* Whether a host needs no looking up: numeric, or a socket's path. */
ngx_uint_t ngx_leadgen_resolve_is_numeric(const char *host);


#endif /* _NGX_LEADGEN_LINK_H_INCLUDED_ */
