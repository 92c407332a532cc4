
/* Private to src/shm: what stands in the zone. */


#ifndef _NGX_LEADGEN_ZONE_H_INCLUDED_
#define _NGX_LEADGEN_ZONE_H_INCLUDED_


#include "ngx_leadgen_shm.h"


/* To be raised whenever a struct below changes its meaning. */
#define NGX_LEADGEN_ZONE_LAYOUT  2


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


#define NGX_LEADGEN_ZONE_SECRET  32


/* Lifetime: zone. */

struct ngx_leadgen_zone_s {
    uint32_t                   layout;
    uint32_t                   nmetrics;
    ngx_atomic_t               metrics[NGX_LEADGEN_NMETRICS];

    ngx_atomic_t               epochs;      /* ever set: 0 spares the lock */
    uint32_t                   floor;       /* everybody's epoch */
    ngx_uint_t                 mask;        /* of the slots' number */
    ngx_leadgen_epoch_slot_t  *slots;

    u_char                     secret[NGX_LEADGEN_ZONE_SECRET];
    ngx_uint_t                 throttle_mask;
    ngx_leadgen_throttle_slot_t  *throttles;
};


ngx_slab_pool_t *ngx_leadgen_zone_pool(void);

/* Makes the slots of the epochs.  NGX_ERROR: no room. */
ngx_int_t ngx_leadgen_epoch_init(ngx_leadgen_zone_t *zone,
    ngx_slab_pool_t *pool, size_t size);

/* Makes the slots of the throttle, and its secret.  NGX_ERROR: it could not. */
ngx_int_t ngx_leadgen_throttle_init(ngx_leadgen_zone_t *zone,
    ngx_slab_pool_t *pool, size_t size);


#endif /* _NGX_LEADGEN_ZONE_H_INCLUDED_ */
