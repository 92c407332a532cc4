
/*
 * Private to src/io: PostgreSQL's connection strings, so that libpq never has
 * to look a name up, and each connection has what this module relies on.
 */


#ifndef _NGX_LEADGEN_CONNINFO_H_INCLUDED_
#define _NGX_LEADGEN_CONNINFO_H_INCLUDED_


#include "ngx_leadgen_link.h"
#include <libpq-fe.h>


/* NULL: fine; else what is wrong, in words without the target. */
char *ngx_leadgen_conninfo_check(ngx_pool_t *pool, ngx_str_t *target);

/*
 * Puts the hosts that must be looked up into names[], by their place.
 * NGX_OK: there are some; NGX_DECLINED: there is none; NGX_ERROR.
 */
ngx_int_t ngx_leadgen_conninfo_names(const char *target,
    ngx_leadgen_resolve_t *resolve);

/*
 * Starts to connect, to addresses instead of the names; statements end before
 * timeout (milliseconds).  NULL: out of memory, or no host has an address.
 */
PGconn *ngx_leadgen_conninfo_connect(const char *target,
    const ngx_leadgen_resolve_t *resolve, ngx_msec_t timeout);


#endif /* _NGX_LEADGEN_CONNINFO_H_INCLUDED_ */
