
/* Private to src/io: what a driver must provide, what a link gives it. */


#ifndef _NGX_LEADGEN_LINK_H_INCLUDED_
#define _NGX_LEADGEN_LINK_H_INCLUDED_


#include "ngx_leadgen_io.h"
#include <ngx_event.h>


#define NGX_LEADGEN_LINK_DEPTH     64      /* calls in flight, at most */
#define NGX_LEADGEN_LINK_BACKOFF   100     /* milliseconds, the first */
#define NGX_LEADGEN_LINK_LONGEST   5000
#define NGX_LEADGEN_LINK_FAILURES  5       /* in a row open the breaker */


typedef struct ngx_leadgen_link_s  ngx_leadgen_link_t;

/* Comma-separated lists, as a target has them. */

typedef struct {
    char                         hosts[1024];
    char                         ports[256];
} ngx_leadgen_resolve_names_t;


typedef void (*ngx_leadgen_resolve_next_pt)(ngx_leadgen_link_t *link,
    const char *answer);


/* A driver's functions return NGX_OK, or NGX_ERROR when the link has failed. */

typedef struct {
    const char    *name;

    /* what is wrong with a target, or NULL */
    char        *(*check)(ngx_pool_t *pool, ngx_str_t *target);

    /* begins to connect; link_up is called when that is done */
    ngx_int_t    (*open)(ngx_leadgen_link_t *link);

    /* puts a call, which is the last in flight, on its way */
    ngx_int_t    (*send)(ngx_leadgen_link_t *link, ngx_leadgen_call_t *call);

    /* the socket is readable or writable */
    ngx_int_t    (*event)(ngx_leadgen_link_t *link, ngx_uint_t writable);

    /* gives up whatever open began, at any point of it */
    void         (*close)(ngx_leadgen_link_t *link);
} ngx_leadgen_driver_t;


typedef enum {
    NGX_LEADGEN_LINK_DOWN = 0,
    NGX_LEADGEN_LINK_OPENING,
    NGX_LEADGEN_LINK_UP
} ngx_leadgen_link_state_e;


/* Lifetime: worker. */

struct ngx_leadgen_link_s {
    ngx_leadgen_backend_t     *backend;
    ngx_leadgen_link_state_e   state;
    void                      *handle;      /* the driver's */
    ngx_connection_t          *connection;  /* its socket is the driver's */

    ngx_leadgen_call_t            *resolving;
    ngx_leadgen_resolve_next_pt    resolved;
    ngx_leadgen_resolve_names_t    names;   /* what resolving looks up */

    ngx_event_t                timer;       /* to open again, or until when an
                                             * opening or an answer may take */
    ngx_event_t                failing;     /* posted: fail outside of calls */
    ngx_uint_t                 failures;    /* in a row */
    const char                *why;

    ngx_uint_t                 head;
    ngx_uint_t                 nflight;
    ngx_leadgen_call_t        *flight[NGX_LEADGEN_LINK_DEPTH];
};


struct ngx_leadgen_backend_s {
    const ngx_leadgen_backend_conf_t  *conf;
    const ngx_leadgen_driver_t        *driver;
    ngx_pool_t                        *pool;
    ngx_queue_t                        waiting;
    ngx_uint_t                         nwaiting;
    ngx_uint_t                         failures;    /* in a row */
    time_t                             logged;
    ngx_leadgen_link_t                *links;
    unsigned                           stopped:1;
};


extern const ngx_leadgen_driver_t  ngx_leadgen_pg_driver;
extern const ngx_leadgen_driver_t  ngx_leadgen_redis_driver;
extern const ngx_leadgen_driver_t  ngx_leadgen_thread_driver;


/* --- link --- */

void ngx_leadgen_link_init(ngx_leadgen_link_t *link,
    ngx_leadgen_backend_t *backend);
void ngx_leadgen_link_start(ngx_leadgen_link_t *link);
void ngx_leadgen_link_stop(ngx_leadgen_link_t *link);

/* It can take calls now. */
void ngx_leadgen_link_up(ngx_leadgen_link_t *link);

/* Gives it up, outside of whatever is running, and tries again later.  why is
 * a constant. */
void ngx_leadgen_link_fail(ngx_leadgen_link_t *link, const char *why);

void ngx_leadgen_link_send(ngx_leadgen_link_t *link,
    ngx_leadgen_call_t *call);

/* The call that is to be answered next; NULL: nobody waits for it any more. */
ngx_leadgen_call_t *ngx_leadgen_link_next(ngx_leadgen_link_t *link);

/* Completes that call, whose answer has been filled in. */
void ngx_leadgen_link_answer(ngx_leadgen_link_t *link,
    ngx_leadgen_call_result_e result);

/* A call in flight was given up: unless an answer comes soon, the link hangs. */
void ngx_leadgen_link_overdue(ngx_leadgen_link_t *link);

/*
 * Level-triggered on purpose: libpq and hiredis do not drain the socket.
 * unwatch before whatever may close or change the socket.
 */
ngx_int_t ngx_leadgen_link_watch(ngx_leadgen_link_t *link, ngx_socket_t fd,
    ngx_uint_t read, ngx_uint_t write);
void ngx_leadgen_link_unwatch(ngx_leadgen_link_t *link);


/* --- backend --- */

/* Sends waiting calls over links that are up. */
void ngx_leadgen_backend_dispatch(ngx_leadgen_backend_t *backend);

/* A call was answered, or a link came up: it works. */
void ngx_leadgen_backend_works(ngx_leadgen_backend_t *backend);


/* --- call --- */

void ngx_leadgen_call_finish(ngx_leadgen_call_t *call,
    ngx_leadgen_call_result_e result);

/* Takes a call off the queue, so that it can be sent. */
void ngx_leadgen_call_dequeue(ngx_leadgen_call_t *call);


/* --- resolve --- */

/* Whether a host's name has to be looked up: it is no address, no path. */
ngx_uint_t ngx_leadgen_resolve_needed(const char *host);

/*
 * Looks up link->names in a thread.  next() gets three lists of one length,
 * each ended by a zero byte: names, addresses and ports.  When none of the
 * hosts has an address, the link fails.
 */
ngx_int_t ngx_leadgen_resolve(ngx_leadgen_link_t *link,
    ngx_leadgen_resolve_next_pt next);


#endif /* _NGX_LEADGEN_LINK_H_INCLUDED_ */
