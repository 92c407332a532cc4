
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


#endif /* _NGX_LEADGEN_SENTRY_H_INCLUDED_ */
