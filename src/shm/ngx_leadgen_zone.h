
/* Private to src/shm: what stands in the zone. */


#ifndef _NGX_LEADGEN_ZONE_H_INCLUDED_
#define _NGX_LEADGEN_ZONE_H_INCLUDED_


#include "ngx_leadgen_shm.h"


/* To be raised whenever a struct below changes its meaning. */
#define NGX_LEADGEN_ZONE_LAYOUT  6


typedef struct {
    uint64_t         key[2];
    uint32_t         epoch;         /* seconds since 1970 */
    uint32_t         keep;          /* seconds since 1970; 0: never used */
} ngx_leadgen_epoch_slot_t;


/* Times are monotonic. */

typedef struct {
    uint64_t         key;
    uint64_t         until;         /* ms: no attempt of a pair before then;
                                     * when a bucket is empty */
    uint32_t         keep;          /* seconds; all is forgotten then */
    uint32_t         known;         /* seconds, of a pair */
    uint32_t         forget;        /* seconds, failures of a pair */
    uint32_t         failures;
} ngx_leadgen_throttle_slot_t;


/* Durations, counted by buckets. */

typedef struct {
    ngx_atomic_t     count[NGX_LEADGEN_HISTOGRAM_BUCKETS + 1];
    ngx_atomic_t     sum;           /* nanoseconds */
} ngx_leadgen_histogram_t;


typedef struct {
    ngx_atomic_t             values[NGX_LEADGEN_NBACKEND_METRICS];
    ngx_leadgen_histogram_t  duration;
} ngx_leadgen_series_t;


#define NGX_LEADGEN_ZONE_SERIES  20         /* backends */


/* A worker's part of all metrics; two share one where the zone is small. */

typedef struct {
    ngx_atomic_t             beat;  /* ms, monotonic; 0: never used */
    ngx_atomic_t             values[NGX_LEADGEN_NMETRICS];
    ngx_leadgen_histogram_t  histograms[NGX_LEADGEN_NHISTOGRAMS];
    ngx_leadgen_series_t     series[NGX_LEADGEN_ZONE_SERIES];
} ngx_leadgen_metric_place_t;


/* One service's state: a word, so that nobody reads half of it. */

typedef struct {
    ngx_atomic_t             word;
    ngx_atomic_t             checked;       /* microseconds since 1970 */
    ngx_atomic_t             since;         /* the same: well, or not */
    ngx_atomic_t             key;
    ngx_atomic_t             seen;
} ngx_leadgen_status_slot_t;


#define NGX_LEADGEN_ZONE_SECRET  32


/* Lifetime: zone. */

struct ngx_leadgen_zone_s {
    uint32_t                   layout;
    uint32_t                   nmetrics;
    size_t                     place;       /* bytes */

    ngx_uint_t                 nplaces;
    ngx_leadgen_metric_place_t  *places;
    u_char                     series[NGX_LEADGEN_ZONE_SERIES]
                                     [NGX_LEADGEN_SERIES_NAME];

    ngx_atomic_t               configured;  /* how often */
    uint64_t                   started;     /* microseconds since 1970 */

    ngx_pid_t                  prober;      /* 0: none */
    uint64_t                   probed;      /* ms, monotonic: when it lived */
    ngx_leadgen_status_slot_t  services[NGX_LEADGEN_STATUS_SERVICES];
    ngx_atomic_t               schema;      /* migrations + 1; 0: unknown */
    ngx_uint_t                 measured;
    ngx_leadgen_system_t       system;

    ngx_atomic_t               epochs;      /* a bit for each kind that was
                                             * ever set: 0 spares the lock */
    ngx_atomic_t               complete;    /* seconds since 1970: all epochs
                                             * until then; 0: never */
    ngx_atomic_t               missed;      /* nobody told them, once */
    ngx_uint_t                 changes;     /* of epochs, so far */
    uint32_t                   floor;       /* everybody's epoch */
    ngx_uint_t                 mask;        /* of the slots' number */
    ngx_leadgen_epoch_slot_t  *slots;

    u_char                     secret[NGX_LEADGEN_ZONE_SECRET];
    ngx_uint_t                 throttle_mask;
    ngx_leadgen_throttle_slot_t  *throttles;
    ngx_uint_t                 attempts;    /* changes of these, so far */
    ngx_uint_t                 attempted;   /* nothing may be restored */

    ngx_uint_t                 grants_size;
    ngx_uint_t                 ngrants;
    volatile uint64_t          grants_version;
    ngx_leadgen_grant_t       *grants;      /* in the order of their names */
};


ngx_slab_pool_t *ngx_leadgen_zone_pool(void);

/* This worker's place; NULL without a zone. */
ngx_leadgen_metric_place_t *ngx_leadgen_metric_place(void);

/* Whether a worker has that place now, so that its gauges count. */
ngx_uint_t ngx_leadgen_metric_is_alive(const ngx_leadgen_metric_place_t *place);

/* What all durations go through: so many of that one. */
void ngx_leadgen_histogram_count(ngx_leadgen_histogram_t *histogram,
    uint64_t nanoseconds, ngx_uint_t n);
void ngx_leadgen_histogram_sum(const ngx_leadgen_histogram_t *histogram,
    ngx_leadgen_histogram_view_t *view);

/* Makes the places of the metrics.  NGX_ERROR: no room. */
ngx_int_t ngx_leadgen_metric_init(ngx_leadgen_zone_t *zone,
    ngx_slab_pool_t *pool, size_t size);

/* Makes the slots of the epochs.  NGX_ERROR: no room. */
ngx_int_t ngx_leadgen_epoch_init(ngx_leadgen_zone_t *zone,
    ngx_slab_pool_t *pool, size_t size);

/* Makes room for the roles of the database.  NGX_ERROR: there is none. */
ngx_int_t ngx_leadgen_grant_init(ngx_leadgen_zone_t *zone,
    ngx_slab_pool_t *pool, size_t size);

/* Makes the slots of the throttle, and its secret.  NGX_ERROR: it could not. */
ngx_int_t ngx_leadgen_throttle_init(ngx_leadgen_zone_t *zone,
    ngx_slab_pool_t *pool, size_t size);

/* The slot of a key, under the lock: its own, or one that is made its own. */
ngx_leadgen_throttle_slot_t *ngx_leadgen_throttle_place(
    ngx_leadgen_zone_t *zone, uint64_t key, uint64_t now);

/*
 * The keys of an attempt, NGX_LEADGEN_THROTTLE_NKINDS of them; secret has
 * NGX_LEADGEN_ZONE_SECRET bytes.  NGX_ERROR: OpenSSL could not.
 */
ngx_int_t ngx_leadgen_fingerprint(const u_char *secret,
    ngx_leadgen_throttle_aim_e aim, const ngx_str_t *account,
    const struct sockaddr *client, uint64_t *keys);


#endif /* _NGX_LEADGEN_ZONE_H_INCLUDED_ */
