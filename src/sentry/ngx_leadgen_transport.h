
/*
 * What the units that bring items to Sentry share among themselves.
 */


#ifndef _NGX_LEADGEN_TRANSPORT_H_INCLUDED_
#define _NGX_LEADGEN_TRANSPORT_H_INCLUDED_


#include "ngx_leadgen_sentry.h"


/* --- ring: a file of frames, first in, first out --- */

#define NGX_LEADGEN_RING_MOST    (1024 * 1024 * 1024)   /* bytes */
#define NGX_LEADGEN_RING_SUFFIX  ".ring"


typedef struct ngx_leadgen_ring_header_s  ngx_leadgen_ring_header_t;


/* Lifetime: from open until close, in whatever thread. */

typedef struct {
    ngx_leadgen_ring_header_t     *header;  /* NULL: closed */
    u_char                        *start;   /* of the frames' room */
    size_t                         mapped;
    ngx_fd_t                       fd;      /* holds the lock */
} ngx_leadgen_ring_t;


/*
 * Opens and locks the file of that name; with size it is made when there is
 * none, and made anew when it is damaged, or empty and of another size.
 * NGX_OK; NGX_BUSY: somebody else has it; NGX_DECLINED: damaged or empty;
 * NGX_ERROR: see errno.  May block.
 */
ngx_int_t ngx_leadgen_ring_open(ngx_leadgen_ring_t *ring, int directory,
    const char *name, size_t size);
void ngx_leadgen_ring_close(ngx_leadgen_ring_t *ring);

/* Whether the file is as long as what is mapped: somebody may have cut it, and
 * to touch what is gone ends the process.  To be asked before the others. */
ngx_uint_t ngx_leadgen_ring_is_whole(const ngx_leadgen_ring_t *ring);

/* Bytes of frames in it, and of the room for them. */
size_t ngx_leadgen_ring_used(const ngx_leadgen_ring_t *ring);
size_t ngx_leadgen_ring_size(const ngx_leadgen_ring_t *ring);

/* The place of one more payload; NULL: there is no room. */
u_char *ngx_leadgen_ring_place(const ngx_leadgen_ring_t *ring, size_t payload);

/* The payload at place is complete, and may be shorter than was said. */
void ngx_leadgen_ring_commit(ngx_leadgen_ring_t *ring, u_char *place,
    uint32_t kind, size_t payload);

/* The oldest one.  NGX_OK; NGX_DONE: it is empty; NGX_ERROR: it is damaged,
 * and has been emptied. */
ngx_int_t ngx_leadgen_ring_read(ngx_leadgen_ring_t *ring, uint32_t *kind,
    ngx_str_t *payload);

/* Removes what read told. */
void ngx_leadgen_ring_remove(ngx_leadgen_ring_t *ring);


/* --- limits: what Sentry does not want --- */

#define NGX_LEADGEN_LIMITS_DEFAULT  60      /* seconds */
#define NGX_LEADGEN_LIMITS_HEADER   1024    /* bytes; what is longer is cut */


typedef struct {
    ngx_uint_t  seconds[NGX_LEADGEN_SENTRY_CATEGORIES];     /* 0: it does */
} ngx_leadgen_limits_t;


/* Both add to what stands there: the longer limit counts. */

/* The value of X-Sentry-Rate-Limits; what can't be understood is left out. */
void ngx_leadgen_limits_parse(const ngx_str_t *header,
    ngx_leadgen_limits_t *limits);

/* The value of Retry-After, or nothing, of a status 429: for all categories. */
void ngx_leadgen_limits_retry(const ngx_str_t *header,
    ngx_leadgen_limits_t *limits);


/* --- envelope --- */

/* Names of categories in rate limits and reports, and of reasons. */
extern const ngx_str_t
    ngx_leadgen_envelope_categories[NGX_LEADGEN_SENTRY_CATEGORIES];
extern const ngx_str_t
    ngx_leadgen_envelope_reasons[NGX_LEADGEN_SENTRY_REASONS];


typedef struct {
    uint32_t  n[NGX_LEADGEN_SENTRY_CATEGORIES][NGX_LEADGEN_SENTRY_REASONS];
} ngx_leadgen_envelope_drops_t;


typedef struct {
    uint32_t                       category;
    u_char                         event_id[NGX_LEADGEN_UUID_SIZE];
    ngx_str_t                      payload;     /* len 0: drops alone */
    uint64_t                       now;     /* microseconds since 1970 */
    ngx_leadgen_envelope_drops_t   drops;
} ngx_leadgen_envelope_t;


/* Bytes that write() takes at most. */
size_t ngx_leadgen_envelope_size(const ngx_leadgen_envelope_t *envelope);

/* Returns the place behind it. */
u_char *ngx_leadgen_envelope_write(u_char *dst,
    const ngx_leadgen_envelope_t *envelope);


/* --- deliver: one request, in a thread --- */

#define NGX_LEADGEN_DELIVER_TOO_SLOW  408
#define NGX_LEADGEN_DELIVER_TOO_MANY  429


typedef enum {
    NGX_LEADGEN_DELIVER_URL = 0,            /* with zero bytes, these two */
    NGX_LEADGEN_DELIVER_AUTH,
    NGX_LEADGEN_DELIVER_TIMEOUT,            /* long, milliseconds */
    NGX_LEADGEN_DELIVER_ENVELOPE,           /* without its payload */
    NGX_LEADGEN_DELIVER_PAYLOAD,
    NGX_LEADGEN_DELIVER_NARGS
} ngx_leadgen_deliver_arg_e;


typedef struct {
    uint32_t                   status;      /* 0: no answer, see error */
    ngx_leadgen_limits_t       limits;
    char                       error[64];
} ngx_leadgen_deliver_answer_t;


/* Once a worker; exit when its threads have been joined. */
ngx_int_t ngx_leadgen_deliver_init(void);
void ngx_leadgen_deliver_exit(void);

/* Work of a call: an answer, as the struct above. */
ssize_t ngx_leadgen_deliver_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);


/* --- courier: from the files to Sentry, one item at a time --- */

typedef struct {
    u_char                     event_id[NGX_LEADGEN_UUID_SIZE];
    uint32_t                   tried;       /* answers that were no refusal */
    uint32_t                   seen;        /* items sent before the last */
} ngx_leadgen_courier_head_t;               /* the payload follows */


void ngx_leadgen_courier_start(const ngx_leadgen_sentry_transport_t *conf,
    ngx_leadgen_backend_t *threads);
void ngx_leadgen_courier_stop(void);

/* There is something to send. */
void ngx_leadgen_courier_wake(void);


/* --- folder: this worker's file, and those of workers that are gone --- */

ngx_int_t ngx_leadgen_folder_start(ngx_cycle_t *cycle,
    const ngx_leadgen_sentry_transport_t *conf, ngx_leadgen_backend_t *files);
void ngx_leadgen_folder_stop(void);

/* This worker's; NULL: it has none now. */
ngx_leadgen_ring_t *ngx_leadgen_folder_own(void);

/* One that somebody left, with items in it; NULL: none now. */
ngx_leadgen_ring_t *ngx_leadgen_folder_left(void);

/* It is empty. */
void ngx_leadgen_folder_done(void);


/* --- sentry: what the units above tell each other --- */

/* Takes what was dropped since, and gives back what could not be told.  Taking
 * tells whether there is anything. */
ngx_uint_t ngx_leadgen_sentry_take(ngx_leadgen_envelope_drops_t *drops);
void ngx_leadgen_sentry_return(const ngx_leadgen_envelope_drops_t *drops);

/* Whether Sentry wants none of a category now; and that it wants none. */
ngx_uint_t ngx_leadgen_sentry_is_limited(
    ngx_leadgen_sentry_category_e category);
void ngx_leadgen_sentry_limit(const ngx_leadgen_limits_t *limits);


#endif /* _NGX_LEADGEN_TRANSPORT_H_INCLUDED_ */
