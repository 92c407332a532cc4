
/*
 * What all workers share, and keep over a reload: counters and epochs.
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


/* --- metric --- */

/* Adds to a counter; without an attached zone it does nothing. */
void ngx_leadgen_metric_add(ngx_leadgen_metric_e metric, ngx_uint_t n);
ngx_uint_t ngx_leadgen_metric_get(ngx_leadgen_metric_e metric);


/* --- epoch: from when on a subject's credentials count --- */

typedef enum {
    NGX_LEADGEN_EPOCH_USER = 1,             /* key: user id, 8 bytes */
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


#endif /* _NGX_LEADGEN_SHM_H_INCLUDED_ */
