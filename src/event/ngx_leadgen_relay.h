
/*
 * What the units of the relay share among themselves: the round that is under
 * way, and what was heard meanwhile.
 */


#ifndef _NGX_LEADGEN_RELAY_H_INCLUDED_
#define _NGX_LEADGEN_RELAY_H_INCLUDED_


#include "ngx_leadgen_event.h"


#define NGX_LEADGEN_RELAY_BATCH  500
#define NGX_LEADGEN_RELAY_LIFE   "86400"    /* seconds, of a job's mark */
#define NGX_LEADGEN_RELAY_QUEUES 8


/* Lifetime: worker; what stands below pool is of one round. */

typedef struct {
    const ngx_leadgen_relay_conf_t  *conf;  /* NULL: there is no relay */
    ngx_leadgen_backend_t           *database;
    ngx_leadgen_backend_t           *redis;
    ngx_leadgen_backend_t           *published;
    ngx_event_t                      timer;
    ngx_msec_t                       backoff;
    ngx_msec_t                       began;     /* the last round */
    ngx_msec_t                       watched;   /* when it last looked */
    ngx_msec_t                       tidied;
    time_t                           logged;
    time_t                           hearing;   /* since when nothing it was
                                                 * told can have been missed;
                                                 * 0: it can */
    u_char                           number[NGX_INT_T_LEN];
    ngx_str_t                        redis_database;

    ngx_pool_t                      *pool;      /* NULL: it rests */
    ngx_uint_t                       nrows;     /* that were taken */
    ngx_str_t                       *rows;
    unsigned                         elected:1;
    unsigned                         full:1;    /* the last round's page was */
    unsigned                         woken:1;   /* there may be more */
} ngx_leadgen_relay_t;

extern ngx_leadgen_relay_t  ngx_leadgen_relay;


/*
 * Submits a call of the round to a backend; when it can't be, or fails, the
 * round ends and what is the reason is logged.  done() gets answers only.
 */
void ngx_leadgen_relay_call(ngx_leadgen_backend_t *backend,
    const char *statement, ngx_str_t *args, ngx_uint_t nargs,
    void (*done)(ngx_leadgen_call_t *call));

/* Ends the round; the next begins after so many milliseconds. */
void ngx_leadgen_relay_rest(ngx_msec_t delay);

/* Copies into the round's pool.  NGX_OK, or NGX_ERROR: the round has ended. */
ngx_int_t ngx_leadgen_relay_keep(ngx_str_t *dst, const ngx_str_t *src,
    ngx_uint_t n);

/* "{a,b}" in the round's pool, of texts that need no quotes. */
ngx_int_t ngx_leadgen_relay_array(ngx_str_t *array, const ngx_str_t *values,
    ngx_uint_t n, ngx_uint_t step);


/* --- watcher: the second half of a round, which looks into Redis --- */

void ngx_leadgen_watcher_begin(void);
void ngx_leadgen_watcher_reset(void);


/* --- listener: what Celery publishes --- */

/* Takes a stored result, JSON, for something that was heard. */
void ngx_leadgen_listener_take(const ngx_str_t *text);

/* All that was heard, as a JSON array in pool memory; len 0: nothing was. */
ngx_int_t ngx_leadgen_listener_flush(ngx_pool_t *pool, ngx_str_t *text);

void ngx_leadgen_listener_stop(void);


#endif /* _NGX_LEADGEN_RELAY_H_INCLUDED_ */
