
/*
 * The event stream: event, spool, pump, sink.
 *
 * An event is durable (against the death of every process) once appended to the
 * spool; the pump brings it to PostgreSQL, once and only once, whenever that
 * can be reached.
 */


#ifndef _NGX_LEADGEN_EVENT_H_INCLUDED_
#define _NGX_LEADGEN_EVENT_H_INCLUDED_


#include "ngx_leadgen_io.h"


typedef struct {
    ngx_str_t                  path;        /* directory, absolute, 0700 */
    size_t                     size;        /* bytes, all workers together */
    ngx_msec_t                 sync;        /* 0: never; else interval */
    ngx_uint_t                 always;      /* fsync=always */
} ngx_leadgen_spool_conf_t;


/* An action's row of the table. */

typedef struct {
    ngx_str_t                  name;
    ngx_uint_t                 business;    /* of the 22, or of jobs */
    ngx_str_t                  resource;    /* its default resource type */
} ngx_leadgen_action_t;

extern const ngx_leadgen_action_t
    ngx_leadgen_actions[NGX_LEADGEN_NACTIONS];

/* ngx_leadgen_action_e, or NGX_ERROR when there is none of that name. */
ngx_int_t ngx_leadgen_action_find(const ngx_str_t *name);


/* --- spool --- */

/*
 * Makes the spool directory while the configuration is read or checks it: it
 * must be a directory (no symlink) of the worker's user with mode 0700.
 * NULL: fine; else what is wrong, in words.
 */
char *ngx_leadgen_spool_check(ngx_conf_t *cf,
    const ngx_leadgen_spool_conf_t *conf, ngx_uid_t user);

/*
 * Opens this worker's first segment, in init_process.  NGX_ERROR is logged and
 * not the end: the spool then refuses reservations and tries again.
 */
ngx_int_t ngx_leadgen_spool_open(ngx_cycle_t *cycle,
    const ngx_leadgen_spool_conf_t *conf, ngx_leadgen_backend_t *threads);

/* Seals and releases this worker's segments, in exit_process: the next worker
 * adopts what was not shipped. */
void ngx_leadgen_spool_close(void);


/* --- level: how full the spool is --- */

typedef enum {
    NGX_LEADGEN_LEVEL_LOW = 0,
    NGX_LEADGEN_LEVEL_HIGH,                 /* 70 %: somebody should know */
    NGX_LEADGEN_LEVEL_DEGRADED,             /* 85 %: best_effort is dropped */
    NGX_LEADGEN_LEVEL_STRICT,               /* 95 %: all but strict is */
    NGX_LEADGEN_LEVEL_FULL                  /* strict routes answer 503 */
} ngx_leadgen_level_e;


typedef struct {
    uint64_t                   used;        /* bytes */
    uint64_t                   limit;       /* size=, or what the disk has */
    uint64_t                   quarantine;  /* bytes, part of used */
    ngx_leadgen_level_e        level;
} ngx_leadgen_level_t;


/*
 * How full the spool of all workers is, from shared memory, a second old at
 * most: for health, readiness and metrics.  Readiness is lost from DEGRADED on.
 * NGX_OK; NGX_DECLINED: there is no spool, or no worker has looked yet.
 */
ngx_int_t ngx_leadgen_level_get(ngx_leadgen_level_t *level);


/*
 * When the oldest event happened that this worker has and has not shipped, in
 * microseconds since 1970; 0: there is none.
 */
uint64_t ngx_leadgen_age_oldest(void);


/* --- event --- */

/*
 * Bytes an event takes at most when it is appended later with the same texts
 * and any status, outcome and duration, and an error of up to 128 bytes.
 */
size_t ngx_leadgen_event_size(const ngx_leadgen_event_t *event);

/*
 * Sets room aside, so that the append that follows can't be refused.
 * NGX_OK: give it back by event_append or event_release.  NGX_BUSY: there is
 * no room for this mode (counted, as refused or dropped); do not serve what is
 * strict.
 */
ngx_int_t ngx_leadgen_event_reserve(size_t size, ngx_leadgen_mode_e mode);
void ngx_leadgen_event_release(size_t size);

/*
 * Appends the intent of something about to be done.  If the worker dies before
 * the outcome of the same id is appended, the event becomes a row with success
 * NULL and error_message "outcome unknown".  Takes its own room: NGX_BUSY when
 * there is none, which is counted as refused if the mode is strict.
 */
ngx_int_t ngx_leadgen_event_intend(const ngx_leadgen_event_t *event,
    ngx_leadgen_mode_e mode);

/*
 * Appends a whole event: it has happened.  reserved is what was set aside for
 * it (0: nothing was), intended whether its intent was appended before.  Texts
 * that are too long are cut, the user agent first.  No system call, no
 * allocation.  NGX_OK, or NGX_BUSY (counted as refused) when nothing was
 * reserved and there is no room, or the disk has failed since.
 */
ngx_int_t ngx_leadgen_event_append(const ngx_leadgen_event_t *event,
    size_t reserved, ngx_uint_t intended);


/* --- sync --- */

/* Lifetime: its owner's, that calls sync_leave before it ends. */

typedef struct {
    ngx_queue_t                queue;
    void                     (*handler)(void *data, ngx_int_t rc);
    void                      *data;
    ngx_uint_t                 waits;
} ngx_leadgen_sync_waiter_t;


/*
 * Waits until all that was appended is on the disk, if the spool is configured
 * so (fsync=always).  NGX_OK: there is nothing to wait for; NGX_AGAIN: handler
 * is called later, with NGX_OK or, when the disk fails, NGX_ERROR.
 */
ngx_int_t ngx_leadgen_sync_wait(ngx_leadgen_sync_waiter_t *waiter);

/* Waits no longer; without effect when it does not wait. */
void ngx_leadgen_sync_leave(ngx_leadgen_sync_waiter_t *waiter);


/* --- chain: what makes a changed row visible --- */

#define NGX_LEADGEN_CHAIN_KEY   32          /* bytes */
#define NGX_LEADGEN_CHAIN_TEXT  64          /* a digest or mac, in hex */


typedef struct {
    ngx_str_t                  previous;    /* mac of the seal before, or
                                             * empty: it is the first */
    uint64_t                   sequence;
    ngx_str_t                  id;          /* of the row, as text */
    ngx_str_t                  digest;      /* of the row, in hex */
} ngx_leadgen_chain_part_t;


/* SHA-256 of what a row says.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_chain_digest(const ngx_str_t *canon,
    u_char digest[NGX_LEADGEN_CHAIN_TEXT]);

/* HMAC-SHA256 over a row and the seal before.  NGX_OK; NGX_ERROR: a part has
 * not the length it must have. */
ngx_int_t ngx_leadgen_chain_seal(const u_char key[NGX_LEADGEN_CHAIN_KEY],
    const ngx_leadgen_chain_part_t *part, u_char mac[NGX_LEADGEN_CHAIN_TEXT]);


/* --- pump --- */

/*
 * Starts shipping this worker's events, and those of dead workers, to
 * PostgreSQL by the SQL function api.event_ingest.
 */
ngx_int_t ngx_leadgen_pump_start(ngx_cycle_t *cycle,
    ngx_leadgen_backend_t *database, ngx_leadgen_backend_t *threads);

void ngx_leadgen_pump_stop(void);


/* --- relay: jobs from PostgreSQL to Redis --- */

/* Lifetime: cycle. */

typedef struct {
    ngx_leadgen_backend_conf_t  database;   /* one link, whose lock elects */
    ngx_leadgen_backend_conf_t  redis;
    ngx_leadgen_backend_conf_t  published;  /* what workers publish there */
    ngx_int_t                   redis_database;     /* its number */
    ngx_int_t                   lost_after; /* seconds: a worker's silence */
    ngx_int_t                   attempts;   /* for a job that is lost */
    ngx_int_t                   longest;    /* seconds: that a job runs */
    ngx_int_t                   keep;       /* seconds: jobs that ended */
    ngx_str_t                   reason;     /* of a failure without a text */
} ngx_leadgen_relay_conf_t;


/* What the backend confs need. */
extern const char  ngx_leadgen_relay_channels[];
void ngx_leadgen_relay_notified(void *data, ngx_str_t *channel,
    ngx_str_t *payload);
void ngx_leadgen_relay_connected(void *data);
void ngx_leadgen_listener_notified(void *data, ngx_str_t *channel,
    ngx_str_t *payload);

/*
 * Makes this worker stand for election; once elected, it brings jobs that are
 * due to Redis and tells PostgreSQL what it sees there.  conf must outlive the
 * worker's cycle.
 */
ngx_int_t ngx_leadgen_relay_start(ngx_cycle_t *cycle,
    const ngx_leadgen_relay_conf_t *conf);
void ngx_leadgen_relay_stop(void);


#endif /* _NGX_LEADGEN_EVENT_H_INCLUDED_ */
