
/*
 * Sentry: what is wrong goes in, without its secrets, envelopes come out.
 */


#ifndef _NGX_LEADGEN_SENTRY_H_INCLUDED_
#define _NGX_LEADGEN_SENTRY_H_INCLUDED_


#include "ngx_leadgen_event.h"


/* --- conf: what leadgen_sentry said --- */

#define NGX_LEADGEN_SENTRY_ALWAYS  1000000  /* a rate of 1.0 */


typedef struct {
    ngx_str_t                  key;
    ngx_str_t                  value;
} ngx_leadgen_sentry_tag_t;


/* Lifetime: cycle. */

typedef struct {
    ngx_str_t                  dsn;         /* a secret; len 0: it is off */
    ngx_str_t                  environment;
    ngx_str_t                  release;
    ngx_str_t                  server_name;
    ngx_uint_t                 sample_rate; /* of NGX_LEADGEN_SENTRY_ALWAYS */
    ngx_uint_t                 traces_sample_rate;  /* the same */
    ngx_uint_t                 max_breadcrumbs;
    ngx_uint_t                 level;       /* NGX_LOG_*, or 0: no lines */
    ngx_uint_t                 send_pii;
    ngx_array_t                tags;        /* ngx_leadgen_sentry_tag_t */
} ngx_leadgen_sentry_conf_t;


/* --- trace: which trace a request belongs to --- */

#define NGX_LEADGEN_SPAN_SIZE   8
#define NGX_LEADGEN_TRACE_IDS   49          /* bytes of both, as text */
#define NGX_LEADGEN_TRACE_TEXT  56          /* of either header, at most */


typedef enum {
    NGX_LEADGEN_TRACE_UNDECIDED = 0,
    NGX_LEADGEN_TRACE_NOT_SAMPLED,
    NGX_LEADGEN_TRACE_SAMPLED
} ngx_leadgen_trace_sampled_e;


typedef struct {
    u_char                       trace_id[16];
    u_char                       parent_id[NGX_LEADGEN_SPAN_SIZE];
    ngx_leadgen_trace_sampled_e  sampled;
} ngx_leadgen_trace_t;


/* What a trace that begins here says of where it did. */

typedef struct {
    ngx_str_t                  public_key;
    ngx_str_t                  environment;
    ngx_str_t                  release;
} ngx_leadgen_trace_origin_t;


/* A new trace, without a parent. */
void ngx_leadgen_trace_start(ngx_leadgen_trace_t *trace);

/* Values of the headers sentry-trace and traceparent (W3C).  NGX_OK, or
 * NGX_ERROR, and trace is as it was. */
ngx_int_t ngx_leadgen_trace_parse_sentry(const ngx_str_t *value,
    ngx_leadgen_trace_t *trace);
ngx_int_t ngx_leadgen_trace_parse_w3c(const ngx_str_t *value,
    ngx_leadgen_trace_t *trace);

/* Write at most NGX_LEADGEN_TRACE_TEXT bytes of either header, for a child of
 * that span; return the place behind them. */
u_char *ngx_leadgen_trace_format_sentry(u_char *dst,
    const ngx_leadgen_trace_t *trace,
    const u_char span_id[NGX_LEADGEN_SPAN_SIZE]);
u_char *ngx_leadgen_trace_format_w3c(u_char *dst,
    const ngx_leadgen_trace_t *trace,
    const u_char span_id[NGX_LEADGEN_SPAN_SIZE]);

/*
 * Writes the header baggage, not beyond end, after what came in with it; of a
 * trace that somebody else began (continued) it is that alone.  Returns the
 * place behind it.
 */
u_char *ngx_leadgen_trace_format_baggage(u_char *dst, u_char *end,
    const ngx_str_t *incoming, const ngx_leadgen_trace_t *trace,
    ngx_uint_t continued, const ngx_leadgen_trace_origin_t *origin);

/* Whether a trace is among those sampled at a rate. */
ngx_uint_t ngx_leadgen_trace_is_chosen(const ngx_leadgen_trace_t *trace,
    ngx_uint_t rate);

/* Random bytes for names of spans and traces; not for secrets. */
void ngx_leadgen_trace_random(u_char *dst, size_t len);


/* --- crumb: the last steps of a request --- */

typedef enum {
    NGX_LEADGEN_CRUMB_AUTH = 0,
    NGX_LEADGEN_CRUMB_DECISION,
    NGX_LEADGEN_CRUMB_DATABASE,
    NGX_LEADGEN_CRUMB_THREAD,
    NGX_LEADGEN_CRUMB_UPSTREAM,
    NGX_LEADGEN_CRUMB_LINE                  /* of the error log */
} ngx_leadgen_crumb_kind_e;


typedef struct {
    ngx_leadgen_crumb_kind_e   kind;
    ngx_uint_t                 status;      /* as of HTTP; 0: none */
    uint64_t                   began;       /* ngx_leadgen_histogram_now() */
    uint64_t                   ended;
    ngx_str_t                  what;        /* lives as long as the request */
} ngx_leadgen_crumb_t;


typedef struct {
    ngx_leadgen_crumb_t       *ring;
    ngx_uint_t                 max;         /* 0: none are kept */
    ngx_uint_t                 n;           /* that were added */
} ngx_leadgen_crumbs_t;


/* Adds a step that began then and ends now, in place of the oldest if need be.
 * What it is about is not copied. */
void ngx_leadgen_crumb_add(ngx_leadgen_crumbs_t *crumbs,
    ngx_leadgen_crumb_kind_e kind, uint64_t began, ngx_uint_t status,
    const ngx_str_t *what);

/* The steps that are left, oldest first; NULL: there are no more. */
const ngx_leadgen_crumb_t *ngx_leadgen_crumb_get(
    const ngx_leadgen_crumbs_t *crumbs, ngx_uint_t i);


/* --- finding: what somebody else says of an error --- */

typedef struct {
    ngx_str_t                  filename;
    ngx_str_t                  function;
    ngx_str_t                  module;
    ngx_uint_t                 lineno;      /* 0: not known */
    ngx_uint_t                 in_app;      /* not of a library */
} ngx_leadgen_finding_frame_t;


typedef struct {
    ngx_str_t                  name;
    ngx_array_t                values;      /* ngx_leadgen_sentry_tag_t */
} ngx_leadgen_finding_context_t;


typedef struct {
    const char                *platform;    /* these two as Sentry names them */
    const char                *mechanism;
    ngx_array_t                frames;      /* oldest first */
    ngx_array_t                tags;        /* ngx_leadgen_sentry_tag_t */
    ngx_array_t                contexts;
} ngx_leadgen_finding_t;


/* --- report: what Sentry is told --- */

#define NGX_LEADGEN_REPORT_SIZE         65536   /* bytes of JSON, at most */
#define NGX_LEADGEN_REPORT_FINGERPRINT  3


/* Texts may be empty, and are not told then. */

typedef struct {
    const ngx_leadgen_sentry_conf_t  *conf;
    u_char                     event_id[NGX_LEADGEN_UUID_SIZE];
    uint64_t                   time;        /* microseconds since 1970 */
    uint64_t                   now;         /* the same moment, as
                                             * ngx_leadgen_histogram_now() */
    uint64_t                   began;       /* on that clock */

    const char                *level;       /* "fatal", "error", "warning" */
    ngx_str_t                  logger;
    ngx_str_t                  message;
    ngx_str_t                  type;        /* of an exception */
    ngx_str_t                  value;
    ngx_str_t                  fingerprint[NGX_LEADGEN_REPORT_FINGERPRINT];
    ngx_uint_t                 folded;      /* like it, and not told */
    const ngx_leadgen_finding_t  *finding;  /* NULL: the gateway's own */

    const ngx_leadgen_trace_t *trace;       /* NULL: of no request */
    const u_char              *span_id;
    const u_char              *upstream_id;
    const ngx_leadgen_crumbs_t  *crumbs;    /* may be NULL */

    ngx_str_t                  transaction; /* method and route */
    ngx_str_t                  method;
    ngx_str_t                  url;
    const ngx_leadgen_sentry_tag_t  *headers;
    ngx_uint_t                 nheaders;
    ngx_uint_t                 status;      /* of HTTP; 0: none */
    ngx_str_t                  problem;     /* its slug */
    ngx_str_t                  request_id;

    int64_t                    user_id;     /* 0: nobody */
    ngx_str_t                  role;
    ngx_str_t                  email;       /* told with send_pii=on only */
    ngx_str_t                  address;     /* the same */
} ngx_leadgen_report_t;


/*
 * Write an event, or a transaction with its spans, as JSON; all texts go
 * through the scrubber.  Bytes, or 0 when it had no room.
 */
size_t ngx_leadgen_report_event(const ngx_leadgen_report_t *report,
    u_char *dst, size_t size);
size_t ngx_leadgen_report_transaction(const ngx_leadgen_report_t *report,
    u_char *dst, size_t size);


/* --- scrub: text without secrets --- */

#define NGX_LEADGEN_SCRUB_PII  1            /* e-mail addresses may stay */
#define NGX_LEADGEN_SCRUB_CUT  2            /* the text's end is missing */

/*
 * Copies src to dst, not beyond end, with "[Filtered]" in place of what looks
 * like a secret, and of all values of query strings.  Returns the place behind
 * the copy; what finds no room is left out.
 */
u_char *ngx_leadgen_scrub(u_char *dst, u_char *end, const ngx_str_t *src,
    ngx_uint_t flags);

/* Whether a field or header of that name holds a secret. */
ngx_uint_t ngx_leadgen_scrub_is_secret_name(const ngx_str_t *name);


/* --- dsn --- */

#define NGX_LEADGEN_SENTRY_CLIENT  "ngx_leadgen/" NGX_LEADGEN_VERSION


typedef struct {
    ngx_str_t                  url;         /* these two end with a zero byte */
    ngx_str_t                  auth;        /* header line; may be a secret */
    ngx_str_t                  key;         /* the public one */
} ngx_leadgen_dsn_t;


/*
 * Where items of a DSN go.  The result is in pool memory, key points into the
 * DSN.  NULL: fine; else what is wrong, in words without the DSN.
 */
const char *ngx_leadgen_dsn_parse(ngx_pool_t *pool, const ngx_str_t *dsn,
    ngx_leadgen_dsn_t *target);


/*
 * --- sentry: items that are finished, on their way ---
 *
 * They wait in files of a folder of the spool, of a size that is given, and
 * survive restarts and Sentry's absence there.  What is not taken, or given up,
 * is counted and told to Sentry with the next items (client_report).
 */

typedef enum {
    NGX_LEADGEN_SENTRY_ERROR = 0,
    NGX_LEADGEN_SENTRY_TRANSACTION,
    NGX_LEADGEN_SENTRY_SESSION,
    NGX_LEADGEN_SENTRY_CATEGORIES
} ngx_leadgen_sentry_category_e;


/* Why an item never comes to Sentry. */

typedef enum {
    NGX_LEADGEN_SENTRY_QUEUE_OVERFLOW = 0,
    NGX_LEADGEN_SENTRY_RATELIMIT_BACKOFF,
    NGX_LEADGEN_SENTRY_SEND_ERROR,          /* Sentry refuses it */
    NGX_LEADGEN_SENTRY_SAMPLE_RATE,
    NGX_LEADGEN_SENTRY_TOO_BIG,
    NGX_LEADGEN_SENTRY_REASONS
} ngx_leadgen_sentry_reason_e;


#define NGX_LEADGEN_SENTRY_ITEM_MAX  65536  /* bytes */


/* Lifetime: cycle. */

typedef struct {
    ngx_leadgen_dsn_t            dsn;       /* url.len 0: it is off */
    ngx_str_t                    folder;    /* absolute */
    size_t                       size;      /* bytes, of all workers' files */
    ngx_uint_t                   workers;
    ngx_msec_t                   timeout;   /* of one request */
    ngx_leadgen_backend_conf_t   threads;   /* their pool is its own */
} ngx_leadgen_sentry_transport_t;


/*
 * In init_process.  files are threads for what is slow on disks.  NGX_ERROR is
 * logged, and not the end: without its file a worker drops items.  conf must
 * outlive the worker's cycle.
 */
ngx_int_t ngx_leadgen_sentry_start(ngx_cycle_t *cycle,
    const ngx_leadgen_sentry_transport_t *conf, ngx_leadgen_backend_t *files);

/* In exit_process, once nginx has joined its threads. */
void ngx_leadgen_sentry_stop(void);

/*
 * Whether an item of this category is worth serialising now: Sentry is on, has
 * not asked for silence, and there is room.  Counts the drop otherwise.
 */
ngx_uint_t ngx_leadgen_sentry_wanted(ngx_leadgen_sentry_category_e category);

/*
 * One finished item: payload is its JSON, of at most
 * NGX_LEADGEN_SENTRY_ITEM_MAX bytes, and copied.  NGX_OK; NGX_DECLINED: it is
 * dropped, and counted.  Never blocks.
 */
ngx_int_t ngx_leadgen_sentry_append(ngx_leadgen_sentry_category_e category,
    const u_char event_id[NGX_LEADGEN_UUID_SIZE], const u_char *payload,
    size_t length);

/* Counts an item that somebody else gave up; nothing while Sentry is off. */
void ngx_leadgen_sentry_drop(ngx_leadgen_sentry_category_e category,
    ngx_leadgen_sentry_reason_e reason, ngx_uint_t n);


#endif /* _NGX_LEADGEN_SENTRY_H_INCLUDED_ */
