
/*
 * Status: what the one prober of a gateway finds out goes in, and comes out in
 * every worker, at once.
 */


#include "ngx_leadgen_zone.h"


/* error, code and latency in one word */
#define NGX_LEADGEN_STATUS_CODE     8
#define NGX_LEADGEN_STATUS_LATENCY  24


static const char  *ngx_leadgen_status_texts[NGX_LEADGEN_STATUS_NERRORS] = {
    "",                                     /* OK */
    "not checked yet",                      /* UNKNOWN */
    "not checked lately",                   /* STALE */
    "no answer in time",                    /* NO_ANSWER */
    "not reachable",                        /* NOT_REACHABLE */
    "the host has no address",              /* NO_ADDRESS */
    "the connection was lost",              /* LOST */
    "refused to answer",                    /* REFUSED */
    "refused the login",                    /* LOGIN */
    "no secure connection",                 /* TLS */
    "answers, but not as it should",        /* PROTOCOL */
    "answered with status",                 /* ANSWER */
    "no heartbeat",                         /* NO_HEARTBEAT */
    "the gateway is too busy to ask"        /* BUSY */
};


const char *
ngx_leadgen_status_text(ngx_leadgen_status_error_e error)
{
    return ngx_leadgen_status_texts[error];
}


/* A worker that was killed is known by its pid, one that hangs by its silence;
 * a pid of somebody else's by that, too. */

ngx_uint_t
ngx_leadgen_status_elect(void)
{
    uint64_t             now;
    ngx_uint_t           lives;
    ngx_leadgen_zone_t  *zone;

    zone = ngx_leadgen_zone();

    if (zone == NULL) {
        return 0;
    }

    now = ngx_leadgen_time_monotonic() / 1000;

    ngx_shmtx_lock(&ngx_leadgen_zone_pool()->mutex);

    lives = zone->prober != 0
            && zone->prober != ngx_pid
            && now - zone->probed < NGX_LEADGEN_STATUS_TENURE
            && (kill(zone->prober, 0) == 0 || ngx_errno == NGX_EPERM);

    if (!lives) {
        zone->prober = ngx_pid;
        zone->probed = now;
    }

    ngx_shmtx_unlock(&ngx_leadgen_zone_pool()->mutex);

    return !lives;
}


void
ngx_leadgen_status_resign(void)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    if (zone && zone->prober == ngx_pid) {
        zone->prober = 0;
    }
}


void
ngx_leadgen_status_set(ngx_uint_t service, uint32_t key,
    const ngx_leadgen_status_t *status)
{
    ngx_leadgen_zone_t         *zone;
    ngx_leadgen_status_slot_t  *slot;

    zone = ngx_leadgen_zone();

    if (zone == NULL) {
        return;
    }

    slot = &zone->services[service];

    if (slot->key != key || slot->checked == 0
        || ((slot->word & 0xff) == NGX_LEADGEN_STATUS_OK)
           != (status->error == NGX_LEADGEN_STATUS_OK))
    {
        slot->since = status->checked;
    }

    if (slot->key != key) {
        slot->seen = 0;
        slot->checked = 0;
        slot->key = key;
    }

    slot->word = (ngx_atomic_uint_t) status->error
                 | (ngx_atomic_uint_t) (status->code & 0xffff)
                   << NGX_LEADGEN_STATUS_CODE
                 | (ngx_atomic_uint_t) ngx_min(status->latency, 0xffffffff)
                   << NGX_LEADGEN_STATUS_LATENCY;
    slot->checked = status->checked;

    if (status->error == NGX_LEADGEN_STATUS_OK) {
        slot->seen = 1;
    }
}


void
ngx_leadgen_status_get(ngx_uint_t service, uint32_t key,
    ngx_leadgen_status_t *status)
{
    ngx_leadgen_zone_t         *zone;
    ngx_atomic_uint_t           word;
    ngx_leadgen_status_slot_t  *slot;

    ngx_memzero(status, sizeof(ngx_leadgen_status_t));
    status->error = NGX_LEADGEN_STATUS_UNKNOWN;

    zone = ngx_leadgen_zone();

    if (zone == NULL
        || zone->services[service].key != key
        || zone->services[service].checked == 0)
    {
        return;
    }

    slot = &zone->services[service];
    word = slot->word;

    status->error = word & 0xff;
    status->code = word >> NGX_LEADGEN_STATUS_CODE & 0xffff;
    status->latency = word >> NGX_LEADGEN_STATUS_LATENCY;
    status->checked = slot->checked;
    status->since = slot->since;
    status->seen = slot->seen;
}


void
ngx_leadgen_status_set_schema(ngx_int_t migrations)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    if (zone) {
        zone->schema = migrations + 1;
    }
}


ngx_int_t
ngx_leadgen_status_schema(void)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    return zone ? (ngx_int_t) zone->schema - 1 : -1;
}


/* Who reads while it is written sees figures of two moments, both true. */

void
ngx_leadgen_status_set_system(const ngx_leadgen_system_t *system)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    if (zone) {
        zone->system = *system;
        zone->measured = 1;
    }
}


ngx_int_t
ngx_leadgen_status_system(ngx_leadgen_system_t *system)
{
    ngx_leadgen_zone_t  *zone = ngx_leadgen_zone();

    if (zone == NULL || !zone->measured) {
        ngx_memzero(system, sizeof(ngx_leadgen_system_t));
        return NGX_DECLINED;
    }

    *system = zone->system;

    return NGX_OK;
}
