
/*
 * What all workers share, and keep over a reload: counters, epochs, and who has
 * failed to log in.
 */


#ifndef _NGX_LEADGEN_SHM_H_INCLUDED_
#define _NGX_LEADGEN_SHM_H_INCLUDED_


#include "ngx_leadgen_base.h"


typedef enum {
#define METRIC(id, name, labels, type, help)  NGX_LEADGEN_METRIC_##id,
#include "tables/metrics.def"
#undef METRIC
    NGX_LEADGEN_NMETRICS
} ngx_leadgen_metric_e;


typedef enum {
#define HISTOGRAM(id, name, labels, help)  NGX_LEADGEN_HISTOGRAM_##id,
#include "tables/histograms.def"
#undef HISTOGRAM
    NGX_LEADGEN_NHISTOGRAMS
} ngx_leadgen_histogram_e;


typedef enum {
#define BACKEND_METRIC(id, name, labels, type, help)  NGX_LEADGEN_BACKEND_##id,
#include "tables/backend_metrics.def"
#undef BACKEND_METRIC
    NGX_LEADGEN_NBACKEND_METRICS
} ngx_leadgen_backend_metric_e;


typedef struct ngx_leadgen_zone_s  ngx_leadgen_zone_t;


/* --- zone --- */

/*
 * Declares the shared memory zone while the configuration is read.  It is
 * adopted by the next configuration when name, size and layout are the same.
 * NULL: already logged.
 */
ngx_shm_zone_t *ngx_leadgen_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size, void *tag);

/* Makes the zone this worker's own; NULL in a worker without one. */
void ngx_leadgen_zone_attach(ngx_shm_zone_t *shm_zone);

/* The attached zone, or NULL. */
ngx_leadgen_zone_t *ngx_leadgen_zone(void);


/*
 * --- metric: rows of the table of metrics ---
 *
 * Without an attached zone these functions do nothing, and what they tell is 0.
 * Each worker writes to a place of its own, so that none waits for another.
 */

/* How each type of a row is summed up; see tables/metrics.def. */

typedef enum {
    NGX_LEADGEN_METRIC_IS_COUNTER = 0,
    NGX_LEADGEN_METRIC_IS_GAUGE,
    NGX_LEADGEN_METRIC_IS_SUM,
    NGX_LEADGEN_METRIC_IS_MAX,
    NGX_LEADGEN_METRIC_IS_WORKER
} ngx_leadgen_metric_type_e;


typedef struct {
    const char                 *name;       /* without nginx_leadgen_ */
    const char                 *labels;     /* "" or name="value",... */
    ngx_leadgen_metric_type_e   type;
    const char                 *help;
} ngx_leadgen_metric_row_t;

extern const ngx_leadgen_metric_row_t
    ngx_leadgen_metric_rows[NGX_LEADGEN_NMETRICS];

/*
 * Makes a place of the attached zone this worker's, once it starts; its gauges
 * are those of a worker that came before it no longer.
 */
void ngx_leadgen_metric_attach(ngx_uint_t worker);

/* This worker lives: without this for NGX_LEADGEN_METRIC_ALIVE milliseconds its
 * gauges do not count. */
void ngx_leadgen_metric_beat(void);

#define NGX_LEADGEN_METRIC_ALIVE  5000

/* Adds to a counter. */
void ngx_leadgen_metric_add(ngx_leadgen_metric_e metric, ngx_uint_t n);

/* Sets a gauge. */
void ngx_leadgen_metric_set(ngx_leadgen_metric_e metric, ngx_uint_t value);

/* The sum, value or maximum of all workers, by the row's type. */
ngx_uint_t ngx_leadgen_metric_get(ngx_leadgen_metric_e metric);

/* The same of one worker, from 0 on.  NGX_DECLINED: there is none now;
 * NGX_DONE: nor one of a higher number. */
ngx_int_t ngx_leadgen_metric_get_worker(ngx_leadgen_metric_e metric,
    ngx_uint_t worker, ngx_uint_t *value);


/* --- histogram: how long something takes, in nanoseconds --- */

#define NGX_LEADGEN_HISTOGRAM_BUCKETS  23

/* Upper bounds, ascending; one more bucket is for all above. */
extern const uint64_t
    ngx_leadgen_histogram_bounds[NGX_LEADGEN_HISTOGRAM_BUCKETS];


typedef struct {
    uint64_t                   count[NGX_LEADGEN_HISTOGRAM_BUCKETS + 1];
    uint64_t                   sum;         /* nanoseconds */
} ngx_leadgen_histogram_view_t;


/* Nanoseconds on a clock that never steps. */
uint64_t ngx_leadgen_histogram_now(void);

/*
 * When something begins that is to be observed: nanoseconds, or 0 when this one
 * is not measured.  A worker measures the first 64 of each kind, and of those
 * behind them one in 16, which stands for the ones before it: to read the clock
 * costs more than what is measured.
 */
uint64_t ngx_leadgen_histogram_begin(ngx_leadgen_histogram_e histogram);

/* Something that began then, if at all, ends now. */
void ngx_leadgen_histogram_observe(ngx_leadgen_histogram_e histogram,
    uint64_t began);

/* All workers' sum. */
void ngx_leadgen_histogram_get(ngx_leadgen_histogram_e histogram,
    ngx_leadgen_histogram_view_t *view);


/* --- series: metrics of backends, by their names --- */

#define NGX_LEADGEN_SERIES_NAME  24         /* bytes; longer ones are cut */

/* The number of a backend's series, made when there is none yet; NGX_ERROR:
 * there is no room, and it is not measured. */
ngx_int_t ngx_leadgen_series_open(const ngx_str_t *name);

/* The name of a series, from 0 on; NULL: there are no more. */
const u_char *ngx_leadgen_series_name(ngx_int_t series);

void ngx_leadgen_series_add(ngx_int_t series,
    ngx_leadgen_backend_metric_e metric, ngx_uint_t n);
void ngx_leadgen_series_set(ngx_int_t series,
    ngx_leadgen_backend_metric_e metric, ngx_uint_t value);
void ngx_leadgen_series_observe(ngx_int_t series, uint64_t began);

ngx_uint_t ngx_leadgen_series_get(ngx_int_t series,
    ngx_leadgen_backend_metric_e metric);
void ngx_leadgen_series_get_duration(ngx_int_t series,
    ngx_leadgen_histogram_view_t *view);

extern const ngx_leadgen_metric_row_t
    ngx_leadgen_series_rows[NGX_LEADGEN_NBACKEND_METRICS];


/*
 * --- status: how the services are, as the one prober of this gateway found ---
 *
 * Errors are numbers: no host, no address and no secret gets here.
 */

#define NGX_LEADGEN_STATUS_SERVICES  16     /* at most */


typedef enum {
    NGX_LEADGEN_STATUS_OK = 0,
    NGX_LEADGEN_STATUS_UNKNOWN,             /* not checked yet */
    NGX_LEADGEN_STATUS_STALE,               /* not checked lately */
    NGX_LEADGEN_STATUS_NO_ANSWER,
    NGX_LEADGEN_STATUS_NOT_REACHABLE,
    NGX_LEADGEN_STATUS_NO_ADDRESS,
    NGX_LEADGEN_STATUS_LOST,
    NGX_LEADGEN_STATUS_REFUSED,
    NGX_LEADGEN_STATUS_LOGIN,
    NGX_LEADGEN_STATUS_TLS,
    NGX_LEADGEN_STATUS_PROTOCOL,
    NGX_LEADGEN_STATUS_ANSWER,              /* code says which */
    NGX_LEADGEN_STATUS_NO_HEARTBEAT,
    NGX_LEADGEN_STATUS_BUSY,                /* by our own fault */
    NGX_LEADGEN_STATUS_NERRORS
} ngx_leadgen_status_error_e;


typedef struct {
    ngx_leadgen_status_error_e  error;
    ngx_uint_t                  code;       /* HTTP status, or 0 */
    ngx_uint_t                  latency;    /* microseconds */
    uint64_t                    checked;    /* microseconds since 1970, or 0 */
    uint64_t                    since;      /* the same: when it became well,
                                             * or ceased to be */
    ngx_uint_t                  seen;       /* it has been well once */
} ngx_leadgen_status_t;


/* What an error says to people. */
const char *ngx_leadgen_status_text(ngx_leadgen_status_error_e error);

/*
 * Whether this worker is the gateway's prober, which it becomes when there is
 * none that lives.  To be asked twice a second: without that another takes its
 * place after NGX_LEADGEN_STATUS_TENURE milliseconds.
 */
ngx_uint_t ngx_leadgen_status_elect(void);
void ngx_leadgen_status_resign(void);

#define NGX_LEADGEN_STATUS_TENURE  3000

/*
 * Reports how a service is; its key changes with what is asked, so that nobody
 * takes an answer of an earlier configuration for one.
 */
void ngx_leadgen_status_set(ngx_uint_t service, uint32_t key,
    const ngx_leadgen_status_t *status);
void ngx_leadgen_status_get(ngx_uint_t service, uint32_t key,
    ngx_leadgen_status_t *status);

/* How many migrations the database has; -1: not known yet. */
void ngx_leadgen_status_set_schema(ngx_int_t migrations);
ngx_int_t ngx_leadgen_status_schema(void);


/* Figures of the machine, or of the control group where that has limits. */

typedef struct {
    uint64_t                   busy;        /* processor time, any unit */
    uint64_t                   elapsed;     /* the same, if all were busy */
    uint64_t                   grouped;     /* these are a control group's */
    int64_t                    cpu;         /* hundredths of per cent; -1 */
    uint64_t                   memory_total;        /* bytes */
    uint64_t                   memory_available;
    uint64_t                   disk_total;
    uint64_t                   disk_free;   /* for users, as df has it */
    uint64_t                   disk_used;
} ngx_leadgen_system_t;

void ngx_leadgen_status_set_system(const ngx_leadgen_system_t *system);

/* NGX_OK; NGX_DECLINED: not measured yet. */
ngx_int_t ngx_leadgen_status_system(ngx_leadgen_system_t *system);


/* --- zone: since when --- */

/* In the master, for each configuration that is about to serve. */
void ngx_leadgen_zone_configured(ngx_shm_zone_t *shm_zone);

/* Whether a newer configuration serves than this worker's: it exits because of
 * a reload, and not because the gateway does. */
ngx_uint_t ngx_leadgen_zone_is_replaced(void);

/* Microseconds since 1970, of the gateway's start; 0 without a zone. */
uint64_t ngx_leadgen_zone_started(void);


/* --- epoch: from when on a subject's credentials count --- */

typedef enum {
    NGX_LEADGEN_EPOCH_USER = 1,             /* key: user id, 8 bytes */
    NGX_LEADGEN_EPOCH_CHANGE,               /* the same; not of tokens that
                                             * others issue */
    NGX_LEADGEN_EPOCH_SESSION               /* key: session id, 16 bytes */
} ngx_leadgen_epoch_e;

/*
 * Sets the epoch of a subject: credentials issued before that second are
 * revoked.  It is remembered until keep (seconds since 1970), after which no
 * such credential can be alive.  An earlier epoch never replaces a later one.
 * NGX_OK, or NGX_ERROR when the zone is full (logged, and then *every*
 * credential issued before that second counts as revoked).
 */
ngx_int_t ngx_leadgen_epoch_set(ngx_leadgen_epoch_e kind, const u_char *key,
    time_t epoch, time_t keep);

/* The epoch of a subject, 0 when none is known. */
time_t ngx_leadgen_epoch_get(ngx_leadgen_epoch_e kind, const u_char *key);

/* The later one of the two that a user has. */
time_t ngx_leadgen_epoch_latest(const u_char *user_id);

/*
 * All epochs there were up to that second (since 1970) have been set; an
 * earlier one never replaces a later one.
 */
void ngx_leadgen_epoch_complete(time_t second);

/* Up to which second all are known; 0: they never were. */
time_t ngx_leadgen_epoch_known(void);

/* Whoever is to tell them was asked, and did not answer.  1: the first time. */
ngx_uint_t ngx_leadgen_epoch_miss(void);

/* Whether that has ever been so. */
ngx_uint_t ngx_leadgen_epoch_is_missed(void);


/* All epochs, as one moment's.  Memory: malloc(). */

typedef struct {
    ngx_uint_t                 changes;     /* of epochs, until then */
    time_t                     complete;    /* as ngx_leadgen_epoch_known() */
    uint32_t                   floor;       /* everybody's */
    ngx_uint_t                 n;           /* records, of EPOCH_RECORD bytes */
    u_char                    *records;
} ngx_leadgen_epoch_view_t;

#define NGX_LEADGEN_EPOCH_RECORD  24

/* How often an epoch was set that was not known. */
ngx_uint_t ngx_leadgen_epoch_changes(void);

/*
 * Copies what is still of use; changes and complete are of before that, so that
 * it may hold more, never less.  It may run in a thread.  NGX_OK, and free() is
 * the caller's; NGX_ERROR: no memory, or no zone.
 */
ngx_int_t ngx_leadgen_epoch_copy(ngx_leadgen_epoch_view_t *view);

/* Sets those of a copy, but not how complete they are. */
void ngx_leadgen_epoch_restore(const ngx_leadgen_epoch_view_t *view);


/*
 * --- snapshot: what the zone knows, in a file ---
 *
 * A header, then records of one size.  Numbers are this machine's.  The code
 * over all of it is an HMAC-SHA-256, with a key of zero bytes where there is
 * none; it goes over the records' hash, so that another header needs no second
 * look at them.
 */

typedef enum {
    NGX_LEADGEN_SNAPSHOT_EPOCHS = 1,
    NGX_LEADGEN_SNAPSHOT_THROTTLE
} ngx_leadgen_snapshot_kind_e;

#define NGX_LEADGEN_SNAPSHOT_HASH  32       /* bytes, of keys as well */


typedef struct {
    u_char                     magic[8];
    uint32_t                   kind;
    uint32_t                   size;        /* bytes of a record */
    uint64_t                   n;           /* records */
    int64_t                    time;        /* seconds since 1970 */
    uint64_t                   extra;       /* what the kind says */
    u_char                     code[NGX_LEADGEN_SNAPSHOT_HASH];
} ngx_leadgen_snapshot_t;


/* The hash of records, for the next two.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_snapshot_hash(const u_char *records, size_t len,
    u_char hash[NGX_LEADGEN_SNAPSHOT_HASH]);

/* Sets magic and code; the caller has set all else.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_snapshot_sign(ngx_leadgen_snapshot_t *snapshot,
    const u_char *key, const u_char *hash);

/* Whether its code is that of records of this hash. */
ngx_uint_t ngx_leadgen_snapshot_is_of(const ngx_leadgen_snapshot_t *snapshot,
    const u_char *key, const u_char *hash);

/*
 * Any bytes go in.  NGX_OK: they are a snapshot of that kind, whole, made with
 * that key; its records, of that size, are what stands behind the header.
 * NGX_DECLINED: they are not.
 */
ngx_int_t ngx_leadgen_snapshot_parse(const u_char *data, size_t len,
    ngx_leadgen_snapshot_kind_e kind, size_t size, const u_char *key,
    ngx_leadgen_snapshot_t *snapshot);

/*
 * Replaces the file of that name in a directory, mode 0600, at once or not at
 * all; durable: the disk has it then, too.  To be run in a thread.  NULL: done;
 * else what could not be done, with errno.
 */
const char *ngx_leadgen_snapshot_write(const char *directory,
    const char *name, const ngx_leadgen_snapshot_t *snapshot,
    const u_char *records, ngx_uint_t durable);

/*
 * Replaces but the header of a file whose records have that hash.  NGX_OK;
 * NGX_DECLINED: they have not, or there is no such file.
 */
ngx_int_t ngx_leadgen_snapshot_renew(const char *directory, const char *name,
    const ngx_leadgen_snapshot_t *snapshot, const u_char *key,
    const u_char *hash);

/*
 * The bytes of a file that is this process's user's own and nobody else's to
 * read, malloc()ed; NULL: there is none such.
 */
u_char *ngx_leadgen_snapshot_read(const char *directory, const char *name,
    size_t *len);


/* --- grant: the roles that stand in the database --- */

#define NGX_LEADGEN_GRANTS  256             /* roles, at most */

typedef struct {
    uint64_t                   permissions; /* ngx_leadgen_permissions_t */
    u_char                     len;
    u_char                     name[63];
} ngx_leadgen_grant_t;

/*
 * Replaces the zone's roles, unless it has those of this version or a later one
 * already.  They stand in the order of their names' bytes.  NGX_OK, or
 * NGX_ERROR when there is not room for all (logged).
 */
ngx_int_t ngx_leadgen_grant_set(const ngx_leadgen_grant_t *grants,
    ngx_uint_t n, uint64_t version);

/* The version of the zone's roles; 0: none were ever known. */
uint64_t ngx_leadgen_grant_version(void);

/* All of them, or the one of a name (NULL: there is none), in memory of this
 * worker that may change with the next call of either. */
const ngx_leadgen_grant_t *ngx_leadgen_grant_all(ngx_uint_t *n);
const ngx_leadgen_grant_t *ngx_leadgen_grant_find(const ngx_str_t *name);


/* --- throttle: who may try a password, and when --- */

/* What is attempted: failures at one do not count for the others. */

typedef enum {
    NGX_LEADGEN_THROTTLE_PASSWORD = 0,      /* an account's */
    NGX_LEADGEN_THROTTLE_MAIL,              /* to be sent to an account */
    NGX_LEADGEN_THROTTLE_LINK               /* of a mail, the account itself */
} ngx_leadgen_throttle_aim_e;


typedef enum {
    NGX_LEADGEN_THROTTLE_PAIR = 0,          /* of account and network */
    NGX_LEADGEN_THROTTLE_ACCOUNT,
    NGX_LEADGEN_THROTTLE_NETWORK,
    NGX_LEADGEN_THROTTLE_FLIGHT,            /* of the network, undecided */
    NGX_LEADGEN_THROTTLE_NKINDS
} ngx_leadgen_throttle_kind_e;


typedef enum {
    NGX_LEADGEN_THROTTLE_SUCCEEDED = 0,
    NGX_LEADGEN_THROTTLE_FAILED,
    NGX_LEADGEN_THROTTLE_UNDECIDED          /* by our own fault */
} ngx_leadgen_throttle_outcome_e;


/* Lifetime: request.  One attempt; zero bytes are none. */

typedef struct {
    uint64_t                   keys[NGX_LEADGEN_THROTTLE_NKINDS];
    unsigned                   known:1;     /* the network, to the account */
    unsigned                   pending:1;
} ngx_leadgen_throttle_t;


/*
 * Asks for an attempt, before anything is spent on it.  0: go on, it counts
 * until ngx_leadgen_throttle_end; else the seconds to wait.  The account is an
 * e-mail address, of which letter case in ASCII and spaces around do not count;
 * the client's network is its IPv4 /24 or IPv6 /64.
 */
ngx_uint_t ngx_leadgen_throttle_admit(ngx_leadgen_throttle_t *attempt,
    ngx_leadgen_throttle_aim_e aim, const ngx_str_t *account,
    const struct sockaddr *client);

/* Says how it ended; only the first time matters. */
void ngx_leadgen_throttle_end(ngx_leadgen_throttle_t *attempt,
    ngx_leadgen_throttle_outcome_e outcome);


/* --- attempts: all that the throttle remembers, beyond the zone --- */

/* As one moment's.  Memory: malloc(). */

typedef struct {
    ngx_uint_t                 changes;     /* until then */
    time_t                     time;        /* seconds since 1970: of then */
    ngx_uint_t                 n;           /* records; the first is a secret */
    u_char                    *records;
} ngx_leadgen_attempts_view_t;

#define NGX_LEADGEN_ATTEMPTS_RECORD  32     /* bytes */

/* How often anything of it changed. */
ngx_uint_t ngx_leadgen_attempts_changes(void);

/*
 * Copies what is not forgotten yet; changes is of before that.  It may run in a
 * thread.  NGX_OK, and free() is the caller's; NGX_ERROR: no memory, or zone.
 */
ngx_int_t ngx_leadgen_attempts_copy(ngx_leadgen_attempts_view_t *view);

/*
 * Begins with a copy, of no records where there is none, in a zone that has
 * seen no attempt and nothing restored: else NGX_DECLINED, and nothing changes.
 */
ngx_int_t ngx_leadgen_attempts_restore(
    const ngx_leadgen_attempts_view_t *view);


#endif /* _NGX_LEADGEN_SHM_H_INCLUDED_ */
