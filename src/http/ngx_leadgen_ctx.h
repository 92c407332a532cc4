
/* Private to src/http: a request's state, and what its units share. */


#ifndef _NGX_LEADGEN_CTX_H_INCLUDED_
#define _NGX_LEADGEN_CTX_H_INCLUDED_


#include "ngx_leadgen_conf.h"


typedef enum {
    NGX_LEADGEN_DECISION_NONE = 0,
    NGX_LEADGEN_DECISION_ALLOWED,
    NGX_LEADGEN_DECISION_PUBLIC,
    NGX_LEADGEN_DECISION_DENIED,
    NGX_LEADGEN_DECISION_UNAUTHENTICATED
} ngx_leadgen_decision_e;


typedef struct ngx_leadgen_attempt_s  ngx_leadgen_attempt_t;


typedef struct ngx_leadgen_hold_s  ngx_leadgen_hold_t;


typedef struct ngx_leadgen_park_s  ngx_leadgen_park_t;


/* What a shadow policy would have done.  Lifetime: request. */

typedef struct {
    ngx_str_t                  decision;    /* "denied: permission-missing" */
    ngx_str_t                  route;       /* empty: none matches */
} ngx_leadgen_shadow_t;


typedef struct ngx_leadgen_scope_s  ngx_leadgen_scope_t;


/*
 * Lifetime: request.  It hangs on the main request's pool, so that internal
 * redirects, which clear nginx's own contexts, do not lose it.
 */

typedef struct {
    ngx_str_t                  id_text;
    u_char                     id[NGX_LEADGEN_UUID_SIZE];
    uint64_t                   started;     /* microseconds, monotonic */

    ngx_leadgen_principal_t    principal;
    ngx_leadgen_match_t        match;
    ngx_leadgen_problem_e      problem;     /* why it was refused */
    ngx_uint_t                 retry_after; /* seconds; 0: as usual */
    ngx_leadgen_decision_e     decision;
    ngx_leadgen_shadow_t      *shadow;      /* NULL: none, or the same */

    /* what an endpoint keeps while it waits */
    json_t                    *body;
    ngx_str_t                  secret;
    ngx_uint_t                 in_cookies;  /* where its tokens go */
    void                      *state;
    ngx_leadgen_attempt_t     *attempt;     /* that is counted */
    ngx_leadgen_park_t        *park;        /* NULL: it has not been parked */

    ngx_leadgen_event_t        event;
    size_t                     reserved;    /* bytes in the spool */
    ngx_leadgen_mode_e         mode;
    ngx_leadgen_hold_t        *hold;        /* NULL: the answer may go */
    unsigned                   to_record:1; /* waits for its outcome */
    unsigned                   intended:1;
    unsigned                   settled:1;   /* recorded, dropped or refused */
    unsigned                   opened:1;    /* a WebSocket, on record */
    unsigned                   reached:1;   /* the phases of the guard */
    unsigned                   early:1;     /* an error page before that */
    ngx_leadgen_scope_t       *scope;       /* NULL: Sentry is off */
    ngx_event_t               *watch;       /* of a WebSocket; NULL: none */
    ngx_leadgen_problem_e      ended;       /* why it was; NONE: by others */
    unsigned                   judged:1;    /* in this location */
    unsigned                   stripped:1;  /* of forged identity headers */
    unsigned                   claimed:1;   /* another method or path, too */
    unsigned                   told:1;      /* the upstream, who asks */
    unsigned                   withheld:1;  /* in this location */
    ngx_str_t                  authorization;   /* that was taken out */
    ngx_array_t               *cookies;     /* ngx_str_t, values of Cookie as
                                             * they came; NULL: none went */

    /* written before it is read: not cleared at the start */
    u_char                     id_buffer[NGX_LEADGEN_UUID_TEXT];
    u_char                     error[128];  /* the event's */
} ngx_leadgen_ctx_t;


/* --- ctx --- */

/* The state of the main request, made at the first call.  NULL: no memory. */
ngx_leadgen_ctx_t *ngx_leadgen_ctx(ngx_http_request_t *r);


/* --- path --- */

/*
 * Whether a raw request target has a path that every reader takes to mean the
 * same: no empty or dot segments, encoded slashes or dots, backslashes,
 * semicolons, '#', control or doubly encoded bytes, and UTF-8 throughout.
 */
ngx_uint_t ngx_leadgen_path_is_canonical(const ngx_str_t *target);

/* The same of a path that is decoded. */
ngx_uint_t ngx_leadgen_path_is_plain(const ngx_str_t *path);

/* Whether a decoded path begins with a slash and has no dot segments. */
ngx_uint_t ngx_leadgen_path_is_resolved(const ngx_str_t *path);


/* --- target: the path of a request --- */

/*
 * NGX_LEADGEN_PROBLEM_NONE, or PATH_NOT_CANONICAL where the path must be, in
 * the location of that configuration (loc_conf).  raw is what a client sent;
 * NULL: of a subrequest there is nothing.
 */
ngx_leadgen_problem_e ngx_leadgen_target_check(void **conf,
    const ngx_str_t *raw, const ngx_str_t *uri);

/*
 * NGX_LEADGEN_PROBLEM_NONE, or PATH_NOT_CANONICAL when the path, in lower case,
 * is another route than the rule that was found for it.
 */
ngx_leadgen_problem_e ngx_leadgen_target_fold(const ngx_leadgen_trie_t *trie,
    ngx_uint_t method, const ngx_str_t *path, const ngx_leadgen_rule_t *rule);

/* Has all who read the target from here on read the path that was judged.
 * NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_target_settle(ngx_http_request_t *r);


/* --- judge: what the guard does, of which requests are only one use --- */

typedef struct {
    ngx_str_t                  method;
    ngx_str_t                  raw;         /* the request target, as sent */
    ngx_str_t                  uri;         /* its path, as nginx reads it */
} ngx_leadgen_target_t;

/*
 * Finds the rule of a policy of a location (its loc_conf) for a target:
 * NGX_LEADGEN_PROBLEM_NONE, also when none matches, or PATH_NOT_CANONICAL.
 * Parameters point into the uri.
 */
ngx_leadgen_problem_e ngx_leadgen_judge_route(void **conf,
    const ngx_leadgen_trie_t *trie, const ngx_leadgen_target_t *target,
    ngx_leadgen_match_t *match);

/*
 * What becomes of somebody with the rule that was found, or with none.
 * authentication says why nobody is known; a public rule does without.
 */
ngx_leadgen_problem_e ngx_leadgen_judge_principal(
    const ngx_leadgen_location_conf_t *lcf, const ngx_leadgen_match_t *match,
    ngx_leadgen_problem_e authentication,
    const ngx_leadgen_principal_t *principal, struct sockaddr *client);

/* How a decision is called: allowed, public, unauthenticated or denied. */
const char *ngx_leadgen_judge_name(const ngx_leadgen_match_t *match,
    ngx_leadgen_problem_e problem);


/* --- shadow: a policy beside the one that is enforced --- */

/*
 * Decides, after the enforced policy has, by the shadow of the location: counts
 * whether both are of one mind, and sets ctx->shadow where they are not.
 */
void ngx_leadgen_shadow(ngx_http_request_t *r,
    const ngx_leadgen_location_conf_t *lcf, ngx_leadgen_ctx_t *ctx);


/*
 * The configuration (loc_conf) of the location that nginx would choose for a
 * path, in the server of a request: names, then regular expressions.
 */
void **ngx_leadgen_locate(ngx_http_request_t *r, ngx_str_t *path);


/* --- headers: of requests, as the upstream gets them --- */

/* Lifetime: process.  What nginx wants of a name is made at its first use. */

typedef struct {
    ngx_str_t                  key;
    ngx_uint_t                 hash;        /* 0: not made */
    u_char                     lowcase[24]; /* as long as the longest name */
} ngx_leadgen_header_t;

#define ngx_leadgen_header(name)  { ngx_string(name), 0, "" }

/* Lifetime: process.  Some names of a table. */

typedef struct {
    ngx_leadgen_header_t      *names;
    ngx_uint_t                 n;
    uint64_t                   lengths;     /* a bit each; 0: not made */
    uint32_t                   initials;    /* the same of first letters */
} ngx_leadgen_headers_t;

/* Which of at most 32 names there are headers of, as bits, and takes off all of
 * them.  Bytes that are no letters or digits are all the same. */
uint32_t ngx_leadgen_headers_find(ngx_http_request_t *r,
    ngx_leadgen_headers_t *names);
ngx_int_t ngx_leadgen_headers_remove(ngx_http_request_t *r,
    ngx_leadgen_headers_t *names);

/* Adds one, whose value must live as long as the request.  NGX_OK; NGX_ERROR:
 * no memory, or no value of a header. */
ngx_int_t ngx_leadgen_headers_push(ngx_http_request_t *r,
    ngx_leadgen_header_t *name, const ngx_str_t *value);

/* The same for a value that was looked at before, or is digits of ours. */
ngx_int_t ngx_leadgen_headers_push_plain(ngx_http_request_t *r,
    ngx_leadgen_header_t *name, const ngx_str_t *value);

/* The same, giving the header; NULL: no memory. */
ngx_table_elt_t *ngx_leadgen_headers_add(ngx_http_request_t *r,
    ngx_leadgen_header_t *name, const ngx_str_t *value);

/* Makes a header of one that nobody needs any more. */
void ngx_leadgen_headers_fill(ngx_table_elt_t *header,
    ngx_leadgen_header_t *name, const ngx_str_t *value);

/* Whether a header that nginx knows is one of the list, and no copy is. */
ngx_uint_t ngx_leadgen_headers_is_in_place(ngx_http_request_t *r,
    const ngx_table_elt_t *header);

/* nginx's own list of Cookie headers. */
#if (nginx_version >= 1023000)

#define ngx_leadgen_headers_has_cookies(r)  ((r)->headers_in.cookie != NULL)

#else

#define ngx_leadgen_headers_has_cookies(r)  ((r)->headers_in.cookies.nelts)

#endif

/* The only one there is from now on; NULL: there is none. */
void ngx_leadgen_headers_set_cookie(ngx_http_request_t *r,
    ngx_table_elt_t *header);

/* NGX_OK, or NGX_ERROR, which is logged, for a value that we made for a header
 * of a request or an answer, and that has control bytes. */
ngx_int_t ngx_leadgen_headers_check(ngx_http_request_t *r,
    const ngx_str_t *name, const ngx_str_t *value);


/* --- scope: what is known of a request should it fail --- */

/* Lifetime: request.  Made only where Sentry is on. */

struct ngx_leadgen_scope_s {
    ngx_queue_t                queue;       /* of those alive */
    ngx_atomic_uint_t          connection;  /* its number */
    ngx_http_request_t        *request;
    ngx_leadgen_ctx_t         *ctx;

    ngx_leadgen_trace_t        trace;
    u_char                     span_id[NGX_LEADGEN_SPAN_SIZE];
    u_char                     upstream_id[NGX_LEADGEN_SPAN_SIZE];
    uint64_t                   began;       /* ngx_leadgen_histogram_now() */
    ngx_leadgen_crumbs_t       crumbs;
    ngx_uint_t                 lines;       /* that the error log keeps */
    unsigned                   continued:1; /* somebody else's trace */
};


/* Starts the scope of a request, and has the upstream told its trace.  NGX_OK
 * or NGX_ERROR. */
ngx_int_t ngx_leadgen_scope_start(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);

/* The only scope alive on a connection; NULL: there is none, or several. */
ngx_leadgen_scope_t *ngx_leadgen_scope_find(ngx_atomic_uint_t connection);

void ngx_leadgen_scope_end(ngx_leadgen_scope_t *scope);

/* The header sentry-trace for a job that the request asks for, as JSON's text;
 * NULL: it is of no trace. */
json_t *ngx_leadgen_scope_trace_json(const ngx_leadgen_ctx_t *ctx);

/* A step of a request that began then; what it is about is not copied. */
#define ngx_leadgen_scope_step(ctx, kind, began, status, what)                \
    if ((ctx)->scope) {                                                       \
        ngx_leadgen_crumb_add(&(ctx)->scope->crumbs,                          \
                              NGX_LEADGEN_CRUMB_##kind, began, status, what); \
    }


/* --- errorlog: lines for Sentry --- */

#define NGX_LEADGEN_ERRORLOG_TEXT  1024     /* bytes of a line */


typedef struct {
    ngx_leadgen_scope_t       *scope;       /* of which request; or NULL */
    uint64_t                   time;        /* ngx_leadgen_histogram_now() */
    ngx_msec_t                 until;
    ngx_uint_t                 state;       /* of the errorlog's */
    ngx_uint_t                 level;       /* NGX_LOG_* */
    ngx_uint_t                 count;
    uint32_t                   hash;        /* of what all its like share */
    size_t                     len;
    u_char                     text[NGX_LEADGEN_ERRORLOG_TEXT];
} ngx_leadgen_errorlog_line_t;


/* Listens to all error logs of a cycle, in a worker; mcf must outlive it. */
ngx_int_t ngx_leadgen_errorlog_start(ngx_cycle_t *cycle,
    const ngx_leadgen_main_conf_t *mcf);
void ngx_leadgen_errorlog_stop(void);

/* A line of a scope that was not taken yet, or NULL; it is good until the next
 * line is written. */
const ngx_leadgen_errorlog_line_t *ngx_leadgen_errorlog_take(
    ngx_leadgen_scope_t *scope);

/* What stays of a line when numbers and names are left out, at most size bytes;
 * returns the place behind it. */
u_char *ngx_leadgen_errorlog_pattern(u_char *dst, size_t size,
    const ngx_str_t *line);

/* The scope is gone: its lines are nobody's. */
void ngx_leadgen_errorlog_leave(ngx_leadgen_scope_t *scope);


/* --- incident: from requests and lines to reports --- */

/* Tells of a line that belongs to no request; folded: how many were like it. */
void ngx_leadgen_incident_line(const ngx_leadgen_sentry_conf_t *conf,
    const ngx_leadgen_errorlog_line_t *line, ngx_uint_t folded);


/* Begins a report of now, and sends one: its event_id is set.  NGX_OK;
 * NGX_DECLINED: it was dropped, and counted. */
void ngx_leadgen_incident_now(ngx_leadgen_report_t *report,
    const ngx_leadgen_sentry_conf_t *conf);
ngx_int_t ngx_leadgen_incident_send(ngx_leadgen_report_t *report,
    ngx_leadgen_sentry_category_e category);


/* --- crash: workers that were ended by a signal --- */

/* Whether this worker stands in place of one: before its metrics begin. */
void ngx_leadgen_crash_look(void);

/* Tells of it, once Sentry can be told. */
void ngx_leadgen_crash_tell(const ngx_leadgen_sentry_conf_t *conf);


/* --- identity: what the upstream is told --- */

/* Takes off what a client claims to be.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_identity_strip(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);

/* Says who asks in place of what proves it, and takes off what claims another
 * method or path.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_identity_set(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);


/* --- withhold: what the upstream does not get --- */

/*
 * Takes our cookies out, and an Authorization that holds a token of ours,
 * unless the location passes them on.  NGX_OK or NGX_ERROR.  With spare the
 * header's place may be left in the list, for the caller to fill: *spare, which
 * else stays as it was.
 */
ngx_int_t ngx_leadgen_withhold(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_table_elt_t **spare);

/* Learns which variables hold credentials, once all are known. */
ngx_int_t ngx_leadgen_withhold_prepare(ngx_cycle_t *cycle,
    ngx_leadgen_main_conf_t *mcf);


/* --- guard --- */

/*
 * Who asks, by the token of the request: NGX_LEADGEN_PROBLEM_NONE, or the
 * reason why nobody is known; then the principal is nobody.  DATABASE_AWAY: it
 * has not said yet whether the user of a foreign token may come in.
 */
ngx_leadgen_problem_e ngx_leadgen_guard_authenticate(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, ngx_leadgen_principal_t *principal);

/*
 * Parks a request for whose token DATABASE_AWAY was said: NONE, and the access
 * phase is run again when it goes on, so that the answer there is NGX_AGAIN; or
 * why it is to be refused.
 */
ngx_leadgen_problem_e ngx_leadgen_park(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);

/* Has it asked the same, for a later request: this one does not wait. */
void ngx_leadgen_park_ask(ngx_http_request_t *r);


/*
 * Whether what was allowed still would be: NGX_LEADGEN_PROBLEM_NONE, or the
 * reason why not.
 */
ngx_leadgen_problem_e ngx_leadgen_guard_recheck(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);


/* --- websocket: the Upgrade of a request --- */

/* Takes an Upgrade off that the route does not have. */
void ngx_leadgen_websocket_admit(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx);

/* The answer is 101: watches until whoever asked may no more.  NGX_OK or
 * NGX_ERROR. */
ngx_int_t ngx_leadgen_websocket_watch(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);

/* One whose opening is on record is over: records that, too. */
void ngx_leadgen_websocket_end(ngx_leadgen_ctx_t *ctx);


/* --- cors: pages of other origins --- */

/*
 * Answers a preflight of an origin that the location knows: returns what to
 * finalize with, or NGX_DECLINED for any other request.
 */
ngx_int_t ngx_leadgen_cors_preflight(ngx_http_request_t *r);

/* Says in the answer's headers who may read it.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_cors_answer(ngx_http_request_t *r);


/* --- audit: the event of a request --- */

/*
 * Sets room aside for the event of a decision that has to be recorded.
 * NGX_LEADGEN_PROBLEM_NONE, or AUDIT_AWAY when there is no room and the route
 * is strict.
 */
ngx_leadgen_problem_e ngx_leadgen_audit_admit(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);

/*
 * Records the event with its outcome, or that of a request of an audited server
 * that was answered before the guard; without an event it does nothing.
 * NGX_OK; NGX_AGAIN: its mode is strict, so that the answer may have to be
 * held; NGX_DECLINED: strict, and the disk failed, so that it must not go.
 */
ngx_int_t ngx_leadgen_audit_record(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_uint_t status);

/* The event stands in the database already. */
void ngx_leadgen_audit_is_stored(ngx_leadgen_ctx_t *ctx);


/* --- extract: fields of bodies, for details --- */

#define NGX_LEADGEN_CAPTURE_BODY  16384     /* bytes, of what is looked at */

/* Which job the route asks for, and its arguments from the path. */
void ngx_leadgen_extract_job(ngx_pool_t *pool, ngx_leadgen_ctx_t *ctx);

/* What the route captures of a request's body, which has been read. */
void ngx_leadgen_extract_request(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);

/* Whether the route captures of a response with this header. */
ngx_uint_t ngx_leadgen_extract_may_respond(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx);

/* Has the response sent without compression. */
void ngx_leadgen_extract_uncompressed(ngx_http_request_t *r);

/* What the route captures of a JSON text; nothing of what is none. */
void ngx_leadgen_extract(ngx_pool_t *pool, ngx_leadgen_ctx_t *ctx,
    const ngx_str_t *text, ngx_uint_t of_response);


/* --- hold: an answer that waits until its event is on the disk --- */

/* NGX_AGAIN: it is held; NGX_OK: it need not be; NGX_ERROR. */
ngx_int_t ngx_leadgen_hold_header(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);

/* Holds it until its body has been seen, which is recorded then, too.  NGX_OK
 * or NGX_ERROR. */
ngx_int_t ngx_leadgen_hold_until_seen(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx);

/* Takes what follows a header that is held, and returns as filters do. */
ngx_int_t ngx_leadgen_hold_body(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_chain_t *in);

/* The request ends: it waits no longer. */
void ngx_leadgen_hold_cleanup(ngx_leadgen_ctx_t *ctx);

/* Records an answer, and sends or holds it; returns as filters do. */
ngx_int_t ngx_leadgen_filter_record(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_chain_t *body);

/* Sends a header and what of its body there is on their way to the client, and
 * returns as filters do. */
ngx_int_t ngx_leadgen_filter_send(ngx_http_request_t *r, ngx_chain_t *body);


/* --- reply --- */

/* Sends a body of a media type with a status; returns what to finalize with. */
ngx_int_t ngx_leadgen_reply_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body);

/* The same with JSON. */
ngx_int_t ngx_leadgen_reply_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);
ngx_int_t ngx_leadgen_reply_tree(ngx_http_request_t *r, ngx_uint_t status,
    json_t *tree);

/* Sends a problem document; detail and errors may be NULL. */
ngx_int_t ngx_leadgen_reply_problem(ngx_http_request_t *r,
    ngx_leadgen_problem_e problem, const ngx_str_t *detail, json_t *errors);

/* A problem that is over in some seconds: Retry-After says in how many. */
ngx_int_t ngx_leadgen_reply_retry(ngx_http_request_t *r,
    ngx_leadgen_problem_e problem, ngx_uint_t seconds);

/* A 422 about one field. */
ngx_int_t ngx_leadgen_reply_field(ngx_http_request_t *r, const char *field,
    const char *message);

/* Adds a header to the answer.  NGX_OK; NGX_ERROR: no memory, or no value of a
 * header. */
ngx_int_t ngx_leadgen_reply_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value);

/* The same for a value that is a constant, or digits of ours. */
ngx_int_t ngx_leadgen_reply_header_plain(ngx_http_request_t *r,
    const char *name, const ngx_str_t *value);

/*
 * Before a refusal that needs no body: a client that asks for leave to send one
 * gets none, and the connection ends with the answer (RFC 9110, 10.1.1).
 */
void ngx_leadgen_reply_early(ngx_http_request_t *r);

/* The header that goes with every 401 (RFC 6750, section 3). */
ngx_int_t ngx_leadgen_reply_challenge(ngx_http_request_t *r);


/* --- endpoint: the module's own API --- */

/*
 * Makes the reply of an endpoint.  Returns what to finalize with: NGX_DONE when
 * it waits for a call.  body is NULL for methods without one.
 */
typedef ngx_int_t (*ngx_leadgen_serve_pt)(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);


typedef struct {
    const char                *function;    /* for logs */
    const char                *statement;
    ngx_leadgen_serve_pt       serve;
} ngx_leadgen_endpoint_t;


ngx_int_t ngx_leadgen_endpoint_handler(ngx_http_request_t *r);


/* --- health, metrics --- */

ngx_int_t ngx_leadgen_health_handler(ngx_http_request_t *r);
ngx_int_t ngx_leadgen_track_handler(ngx_http_request_t *r);
ngx_int_t ngx_leadgen_metrics_handler(ngx_http_request_t *r);

/*
 * Whether a request's method is one of these: GET and HEAD, or POST, too; its
 * body is thrown away.  Another method is answered with 405, and then
 * r->header_sent is set.
 */
ngx_int_t ngx_leadgen_health_takes(ngx_http_request_t *r, ngx_uint_t methods);


/* The state of a service, with what is too old taken for unknown. */
void ngx_leadgen_health_status(const ngx_leadgen_health_conf_t *health,
    ngx_uint_t service, ngx_leadgen_status_t *status);


/* --- readiness --- */

/* Whether this gateway should be sent requests. */
ngx_uint_t ngx_leadgen_readiness_is_ready(const ngx_leadgen_main_conf_t *mcf);

/* Answers for all checks, or for the one of that name (len 0: all). */
ngx_int_t ngx_leadgen_readiness_reply(ngx_http_request_t *r,
    const ngx_str_t *name);


/* --- prober: asks services, in one worker of the gateway --- */

/* mcf must outlive the worker's cycle. */
ngx_int_t ngx_leadgen_prober_start(ngx_cycle_t *cycle,
    const ngx_leadgen_main_conf_t *mcf);
void ngx_leadgen_prober_stop(void);


/* --- census: jobs of the database enter the metrics --- */

/* Asks PostgreSQL when it is time to; for the prober, as often as it likes. */
void ngx_leadgen_census(void);


/* --- roster: this gateway among all of the database --- */

/* conf must outlive the worker's cycle. */
void ngx_leadgen_roster_start(const ngx_leadgen_main_conf_t *conf,
    ngx_leadgen_backend_t *database);
void ngx_leadgen_roster_stop(void);


/* --- remember: revocations and attempts, beyond the zone and this nginx --- */

/*
 * Restores what the snapshots in the spool's directory have, where the zone
 * knows nothing; it is to be called in init_process, after the feed of
 * revocations is started, as it reads files.  The first worker writes them from
 * then on, by threads of files.  conf must outlive the worker's cycle.
 */
void ngx_leadgen_remember_start(ngx_cycle_t *cycle,
    const ngx_leadgen_main_conf_t *conf, ngx_leadgen_backend_t *files);
void ngx_leadgen_remember_stop(void);


/* --- sampler: this worker's figures for /metrics --- */

void ngx_leadgen_sampler_start(ngx_cycle_t *cycle);
void ngx_leadgen_sampler_stop(void);


/* --- endpoints --- */

ngx_int_t ngx_leadgen_sql_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body);
ngx_int_t ngx_leadgen_login_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_admin_roles(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_admin_role(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_admin_permissions(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);

/* The whole log as CSV or NDJSON, or else a page as JSON. */
ngx_int_t ngx_leadgen_export_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);

/* Whether the audit log is as it was sealed. */
ngx_int_t ngx_leadgen_verify_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);

/* The directives of the module, and the routes of all policies. */
ngx_int_t ngx_leadgen_settings_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_settings_routes(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);

ngx_int_t ngx_leadgen_stats_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_check_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_errors_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);

/* A new JSON array of the names of permissions. */
json_t *ngx_leadgen_admin_names(ngx_leadgen_permissions_t permissions);


/* --- hashing: endpoints that take a new password --- */

ngx_int_t ngx_leadgen_hashing_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);

/* Whether a field holds a password that may be hashed. */
ngx_uint_t ngx_leadgen_hashing_password(json_t *body, const char *field,
    ngx_str_t *password);

#define NGX_LEADGEN_PASSWORD_HINT  "A password, as text of 8 to 128 bytes."

/* A call that hashes a password, to be awaited; NULL: no memory. */
ngx_leadgen_call_t *ngx_leadgen_hashing_call(ngx_http_request_t *r,
    const ngx_str_t *password);


/* --- cookie: what a browser sends, without a request --- */

/*
 * How often a cookie of that name stands in a Cookie header; value, which lies
 * in the header, is that of the last, and stays as it is when there is none.
 */
ngx_uint_t ngx_leadgen_cookie_find(const ngx_str_t *header,
    const ngx_str_t *name, ngx_str_t *value);

/*
 * Copies what a Cookie header holds to *dst, but for pairs that speak of this
 * module's cookies; what comes from several headers gets a separator, start
 * being where the copy of the first began.  *dst moves on; it must have room
 * for twice the header's length and 2.  Returns how many pairs were left out.
 */
ngx_uint_t ngx_leadgen_cookie_strip(u_char **dst, const u_char *start,
    const ngx_str_t *header);

/*
 * Whether a request comes from a page of the host that it asks, going by the
 * values of Sec-Fetch-Site, Origin and Host; each may be NULL, not sent.
 * schemes are those that the page may have, as bits.
 */

#define NGX_LEADGEN_COOKIE_HTTP   1
#define NGX_LEADGEN_COOKIE_HTTPS  2

ngx_uint_t ngx_leadgen_cookie_is_same_site(const ngx_str_t *site,
    const ngx_str_t *origin, const ngx_str_t *host, ngx_uint_t schemes);


#define NGX_LEADGEN_COOKIE  "__Host-leadgen"    /* and what begins with it */


/* --- credential: the one token of a request --- */

/*
 * NGX_LEADGEN_PROBLEM_NONE and the token; UNAUTHENTICATED, TOKEN_AMBIGUOUS for
 * more than one, or CROSS_SITE for a cookie that another site had sent.
 */
ngx_leadgen_problem_e ngx_leadgen_credential(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, ngx_str_t *token);

/* NGX_LEADGEN_PROBLEM_NONE and the token of the header Authorization, or
 * UNAUTHENTICATED. */
ngx_leadgen_problem_e ngx_leadgen_credential_bearer(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx, ngx_str_t *token);

/* As above, for the refresh token in its cookie. */
ngx_leadgen_problem_e ngx_leadgen_credential_refresh_token(
    ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx, ngx_str_t *token);

/* Whether a page of this site made the request, as far as a browser says. */
ngx_uint_t ngx_leadgen_credential_is_same_site(ngx_http_request_t *r);

/* The first request header of that name, in any case, or NULL. */
const ngx_str_t *ngx_leadgen_credential_header(ngx_http_request_t *r,
    const char *name);

/* Has the browser keep both tokens, or forget them. */
ngx_int_t ngx_leadgen_credential_keep(ngx_http_request_t *r,
    const ngx_str_t *access, const ngx_str_t *refresh);
ngx_int_t ngx_leadgen_credential_forget(ngx_http_request_t *r);


/* --- session, refresh, change, reset: what people do with their own --- */

/*
 * Answers with an access token for what SQL's session object says, and with the
 * refresh token unless that is NULL.
 */
ngx_int_t ngx_leadgen_session_reply(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call,
    const ngx_str_t *refresh_token);

ngx_int_t ngx_leadgen_session_logout(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_refresh_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_change_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_reset_serve(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);
ngx_int_t ngx_leadgen_reset_confirm(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, json_t *body);


/* --- upgrade: of stored hashes --- */

/*
 * Replaces the stored hash of a user who has just proved the password, if it is
 * of an old kind; nobody waits for it.
 */
void ngx_leadgen_upgrade(const ngx_str_t *user_id, const ngx_str_t *hash,
    const ngx_str_t *password);


/* --- body --- */

/* Reads a JSON body, then serves the endpoint of the request; returns as a
 * content handler does. */
ngx_int_t ngx_leadgen_body_read(ngx_http_request_t *r);

/* The name of a member that is neither of the two (NULL: none such), or NULL
 * when there is no other. */
const char *ngx_leadgen_body_other(json_t *body, const char *one,
    const char *two);


/* --- field: members of a body --- */

#define NGX_LEADGEN_FIELD_KEY   32          /* bytes, at most */
#define NGX_LEADGEN_FIELD_NAME  256


/* What is wrong, as ngx_leadgen_reply_field() takes it. */

typedef struct {
    char                       name[NGX_LEADGEN_FIELD_NAME];
    char                       message[NGX_LEADGEN_FIELD_NAME];
} ngx_leadgen_field_t;


/*
 * All return NGX_OK, or NGX_DECLINED: it is wrong.  place is where the object
 * stands, such as "exception.frames.0", or "": it is the body.  What is absent
 * leaves a text as it is, and is the number 0.  A text points into the object.
 */
ngx_int_t ngx_leadgen_field_text(ngx_leadgen_field_t *field, json_t *object,
    const char *place, const char *name, size_t most, ngx_str_t *text);
ngx_int_t ngx_leadgen_field_number(ngx_leadgen_field_t *field, json_t *object,
    const char *place, const char *name, json_int_t most, json_int_t *number);

/* One of a list that ends with NULL, and whose first stands for none. */
ngx_int_t ngx_leadgen_field_choice(ngx_leadgen_field_t *field, json_t *object,
    const char *name, const char **choices, const char **choice);

/* An object with no names but these, which end with NULL. */
ngx_int_t ngx_leadgen_field_known(ngx_leadgen_field_t *field, json_t *object,
    const char *place, const char **names);

/* Whether a name is short, and of letters, digits, "_", "." and "-". */
ngx_int_t ngx_leadgen_field_key(ngx_leadgen_field_t *field, const char *place,
    const char *key);

/* Says what is wrong; NGX_DECLINED. */
ngx_int_t ngx_leadgen_field_wrong(ngx_leadgen_field_t *field,
    const char *message, const char *place, const char *name);


/* --- await: a request that waits for a call --- */

/* Why a backend (NULL: it is not configured) takes no call. */
ngx_leadgen_problem_e ngx_leadgen_await_problem(
    ngx_leadgen_backend_t *backend);

/* What to do when a call has ended; returns what to finalize with, NGX_DONE
 * when another call was submitted. */
typedef ngx_int_t (*ngx_leadgen_await_pt)(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);

/*
 * Submits a call and parks the request until next() has it.  Returns NGX_DONE,
 * or what to finalize with when the backend takes no call.
 */
ngx_int_t ngx_leadgen_await(ngx_http_request_t *r,
    ngx_leadgen_backend_t *backend, ngx_leadgen_call_t *call,
    ngx_leadgen_await_pt next);


/* --- attempt: what somebody could guess, or ask for too often --- */

typedef enum {
    NGX_LEADGEN_ATTEMPT_LOGIN = 0,
    NGX_LEADGEN_ATTEMPT_CHANGE,             /* counts together with LOGIN */
    NGX_LEADGEN_ATTEMPT_RESET,
    NGX_LEADGEN_ATTEMPT_CONFIRM
} ngx_leadgen_attempt_e;

/*
 * Goes on with next(), whose call is NULL, or answers 429, by what the account
 * and the client's network have attempted before; the attempt is ctx->attempt
 * from now on, and has to be ended.  Returns what to finalize with.
 *
 * account  in its one spelling, as SQL says it
 * email    the account as somebody typed it
 */
ngx_int_t ngx_leadgen_attempt(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_attempt_e kind, const ngx_str_t *account,
    ngx_leadgen_await_pt next);
ngx_int_t ngx_leadgen_attempt_typed(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_attempt_e kind, const ngx_str_t *email,
    ngx_leadgen_await_pt next);

/*
 * Says how it ended; only the first time matters.  Without that it failed, if
 * the client left, or is as if it had not been.
 */
void ngx_leadgen_attempt_end(ngx_leadgen_attempt_t *attempt,
    ngx_leadgen_throttle_outcome_e outcome);


/* --- sql: a request as SQL functions see it, and their answers --- */

/* The columns of api.reply. */

typedef enum {
    NGX_LEADGEN_SQL_STATUS = 0,
    NGX_LEADGEN_SQL_BODY,
    NGX_LEADGEN_SQL_LOCATION,
    NGX_LEADGEN_SQL_AUDITED,
    NGX_LEADGEN_SQL_NCOLS
} ngx_leadgen_sql_column_e;


/*
 * Calls a function with the request as a JSON object, see sql/README.md, to
 * which a member may be added (its reference is taken; NULL name: none), and
 * parks the request until next() has the answer.  Returns what to finalize
 * with.
 */
ngx_int_t ngx_leadgen_sql_submit(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    const char *statement, const char *name, json_t *member,
    ngx_leadgen_await_pt next);

/* The status of an api.reply, or NGX_ERROR when there is none; notes that the
 * function has written the audit row. */

/*
 * That object as text, in the request's pool.  NGX_DECLINED: here it is; else
 * what to finalize with.
 */
ngx_int_t ngx_leadgen_sql_question(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, const char *name, json_t *member,
    ngx_str_t *question);

ngx_int_t ngx_leadgen_sql_status(ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call);

/* Answers as an api.reply says. */
ngx_int_t ngx_leadgen_sql_done(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call);

/* Why a call did not bring a result. */
ngx_leadgen_problem_e ngx_leadgen_sql_problem(const ngx_leadgen_call_t *call);

/* Answers for a call that did not bring a result. */
ngx_int_t ngx_leadgen_sql_refused(ngx_http_request_t *r,
    ngx_leadgen_call_t *call);


/* --- mailer: sends what stands in the database's outbox --- */

/* conf must outlive the worker's cycle. */
void ngx_leadgen_mailer_start(const ngx_leadgen_main_conf_t *conf);
void ngx_leadgen_mailer_stop(void);

/* There may be a mail in the outbox; without a mailer it does nothing. */
void ngx_leadgen_mailer_wake(void);


/* --- seal: seals rows of the audit log --- */

/* conf must outlive the worker's cycle. */
void ngx_leadgen_seal_start(const ngx_leadgen_main_conf_t *conf,
    ngx_leadgen_backend_t *database);
void ngx_leadgen_seal_stop(void);


/* --- worker: this worker's backends, NULL where none is configured --- */

typedef struct {
    ngx_leadgen_backend_t     *database;
    ngx_leadgen_backend_t     *audit;
    ngx_leadgen_backend_t     *redis;
    ngx_leadgen_backend_t     *hashing;
    ngx_leadgen_backend_t     *files;
    ngx_leadgen_backend_t     *mail;
} ngx_leadgen_worker_t;

extern ngx_leadgen_worker_t  ngx_leadgen_worker;


#endif /* _NGX_LEADGEN_CTX_H_INCLUDED_ */
