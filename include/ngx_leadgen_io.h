
/*
 * Calls out of the worker: one promise, whatever answers it.
 *
 * A call is made for a backend (a target behind a driver: pg, redis, thread),
 * has a deadline and an owner, and completes exactly once: never inside
 * submit, never after its owner is gone.
 */


#ifndef _NGX_LEADGEN_IO_H_INCLUDED_
#define _NGX_LEADGEN_IO_H_INCLUDED_


#include "ngx_leadgen_shm.h"
#include <ngx_event.h>


typedef struct ngx_leadgen_call_s     ngx_leadgen_call_t;
typedef struct ngx_leadgen_backend_s  ngx_leadgen_backend_t;

typedef void (*ngx_leadgen_call_done_pt)(ngx_leadgen_call_t *call);

/*
 * Runs in a thread of nginx's pool, on copies of the arguments that the driver
 * owns: it must not touch the call's owner, nginx's pools or its events.
 * Writes at most size bytes of answer, returns how many, or NGX_ERROR.
 */
typedef ssize_t (*ngx_leadgen_call_work_pt)(const ngx_str_t *args,
    ngx_uint_t nargs, u_char *answer, size_t size);


typedef enum {
    NGX_LEADGEN_CALL_OK = 0,
    NGX_LEADGEN_CALL_REFUSED,       /* the server said no: see code, error */
    NGX_LEADGEN_CALL_LOST,          /* no answer: whether it was carried out
                                     * is unknown */
    NGX_LEADGEN_CALL_UNSENT,        /* never left the worker: deadline in the
                                     * queue, or the breaker is open */
    NGX_LEADGEN_CALL_TIMEOUT        /* deadline after sending: unknown too */
} ngx_leadgen_call_result_e;


/*
 * Lifetime: the pool it was made from, or, made without one, until done()
 * returns.  Argument bytes must stay until done().  An argument whose data is
 * NULL is SQL's NULL.
 */

struct ngx_leadgen_call_s {
    /* set by the owner before submit */
    ngx_leadgen_call_done_pt   done;
    void                      *data;
    const char                *statement;   /* pg: SQL with $1..$n, a constant
                                             * (it is prepared once per link);
                                             * redis: the command's name */
    ngx_leadgen_call_work_pt   work;        /* thread */
    ngx_uint_t                 nargs;
    ngx_str_t                 *args;
    uint64_t                   binary;      /* bit n: argument n (from 0) is in
                                             * PostgreSQL's binary format */

    /* valid in done() */
    ngx_leadgen_call_result_e  result;
    char                       code[6];     /* SQLSTATE; "" if there is none */
    ngx_str_t                  error;       /* the server's message, made safe
                                             * for a line of a log */
    ngx_str_t                  detail;      /* PostgreSQL's DETAIL */
    ngx_uint_t                 nrows;
    ngx_uint_t                 ncols;
    ngx_str_t                 *values;      /* row after row; NULL data: NULL */

    /* private to src/io */
    ngx_queue_t                queue;
    ngx_leadgen_call_t       **slot;
    ngx_leadgen_backend_t     *backend;
    ngx_event_t                deadline;
    uint64_t                   began;       /* ngx_leadgen_histogram_now() */
    ngx_pool_t                *pool;
    unsigned                   waiting:1;
    unsigned                   owned:1;
    unsigned                   repeated:1;
};


typedef struct {
    ngx_str_t                  name;        /* for logs: "database", "audit" */
    const char                *driver;      /* "pg", "redis", "thread" */
    ngx_str_t                  target;      /* conninfo or URI; a secret */
    ngx_uint_t                 links;       /* connections, or threads */
    ngx_uint_t                 depth;       /* calls in flight on one link */
    ngx_uint_t                 queue;       /* calls that may wait */
    ngx_msec_t                 timeout;     /* default deadline of a call */
    ngx_str_t                  pool;        /* thread: nginx's thread_pool of
                                             * that name; "": its default */

    /* all may be NULL */
    const char                *channels;    /* pg: "LISTEN a; LISTEN b", sent
                                             * first on each new connection;
                                             * redis: patterns to subscribe
                                             * to, with blanks between, "%d"
                                             * being the database's number; it
                                             * takes no calls then */
    void                     (*notified)(void *data, ngx_str_t *channel,
                                         ngx_str_t *payload);
    void                     (*connected)(void *data);
    void                      *data;
} ngx_leadgen_backend_conf_t;


/*
 * Checks a target while the configuration is read, without connecting.
 * NULL: fine; else what is wrong with it, in words without the target.
 */
char *ngx_leadgen_backend_check(ngx_pool_t *pool, const char *driver,
    ngx_str_t *target);

/* The number of the database that a Redis URI names, or NGX_ERROR. */
ngx_int_t ngx_leadgen_redis_database(ngx_pool_t *pool, ngx_str_t *target);

/*
 * Starts a backend of this worker: its links connect in the background, and
 * reconnect with backoff and jitter for as long as the worker lives.
 * conf must outlive the worker's cycle.  NULL: already logged.
 */
ngx_leadgen_backend_t *ngx_leadgen_backend_start(ngx_cycle_t *cycle,
    const ngx_leadgen_backend_conf_t *conf);

/*
 * For threads, in exit_process, when nginx has joined them: completes the calls
 * whose work has ended, so that what it made finds its owner.  No more calls
 * are taken.
 */
void ngx_leadgen_backend_settle(ngx_leadgen_backend_t *backend);

/* Closes its links, in exit_process; calls still in flight never complete. */
void ngx_leadgen_backend_stop(ngx_leadgen_backend_t *backend);

/* Whether at least one link is up. */
ngx_uint_t ngx_leadgen_backend_is_up(ngx_leadgen_backend_t *backend);

/* Sets the gauges of all backends of this worker, by their names. */
void ngx_leadgen_backend_sample(void);


/*
 * Makes a call with room for nargs arguments.  With a pool, destroying the pool
 * cancels the call; with NULL the call is the worker's and frees itself after
 * done().  NULL: out of memory.
 */
ngx_leadgen_call_t *ngx_leadgen_call_create(ngx_pool_t *pool,
    ngx_uint_t nargs);

/*
 * NGX_OK: done() will run exactly once, later, unless the pool dies before.
 * NGX_BUSY: it will not; the queue is full or the breaker is open.
 * timeout in milliseconds, 0: the backend's.
 */
ngx_int_t ngx_leadgen_call_submit(ngx_leadgen_backend_t *backend,
    ngx_leadgen_call_t *call, ngx_msec_t timeout);

/* Gives up a call: done() will not run.  Harmless after its completion. */
void ngx_leadgen_call_cancel(ngx_leadgen_call_t *call);


/*
 * --- system: figures of the machine ---
 *
 * Work for a thread: args are the sample before, an ngx_leadgen_system_t (of
 * len 0: there is none), and the path of the disk; the answer is the next one.
 */
ssize_t ngx_leadgen_system_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);

/*
 * The same, of a machine whose /proc and /sys stand below root ("": this one).
 * The sample before is NULL, or one whose busy and elapsed count.
 */
void ngx_leadgen_system_read(const char *root, const char *disk,
    const ngx_leadgen_system_t *before, ngx_leadgen_system_t *system);


/*
 * --- probe: whether a mail server or a web server answers ---
 *
 * Work for a thread: args are a URL (smtp, smtps, http, https) and the timeout
 * in milliseconds, in digits.  Of a mail server the greeting, EHLO, STARTTLS
 * where it is offered and the login, if the URL has one, are seen; of a web
 * server a status below 400 for a GET.  The answer is an ngx_leadgen_status_t
 * without the time.
 */
ssize_t ngx_leadgen_probe_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);

/* NULL: a URL of http or https; else what is wrong, in words without it. */
const char *ngx_leadgen_probe_check(const ngx_str_t *url);

/* Once a worker, before it probes. */
ngx_int_t ngx_leadgen_probe_init(ngx_log_t *log);
void ngx_leadgen_probe_exit(void);


/* --- mail: plain text to one recipient, by SMTP --- */

#define NGX_LEADGEN_MAIL_TEXT_MAX  65536    /* bytes */


typedef enum {
    NGX_LEADGEN_MAIL_URL = 0,
    NGX_LEADGEN_MAIL_TIMEOUT,               /* milliseconds, in digits */
    NGX_LEADGEN_MAIL_FROM,
    NGX_LEADGEN_MAIL_TO,
    NGX_LEADGEN_MAIL_SUBJECT,
    NGX_LEADGEN_MAIL_TEXT,                  /* UTF-8, lines end in LF */
    NGX_LEADGEN_MAIL_ID,                    /* of its Message-ID */
    NGX_LEADGEN_MAIL_NARGS
} ngx_leadgen_mail_arg_e;


/*
 * smtp://[user:password@]host[:port], or smtps.  NULL: fine; else what is wrong
 * with it, in words without the URL.
 */
const char *ngx_leadgen_mail_check_url(const ngx_str_t *url);

/* NULL: one bare e-mail address; else what is wrong with it. */
const char *ngx_leadgen_mail_check_address(const ngx_str_t *address);

/* Once a worker, before it sends. */
ngx_int_t ngx_leadgen_mail_init(ngx_log_t *log);
void ngx_leadgen_mail_exit(void);

/*
 * Work of a call: sends a mail.  Answers "ok" once the mail server has taken
 * it, or why it has not, in words without secrets.  Whatever would break out of
 * a header is refused.
 */
ssize_t ngx_leadgen_mail_send(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);


#endif /* _NGX_LEADGEN_IO_H_INCLUDED_ */
