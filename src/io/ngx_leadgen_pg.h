
/* Private to the PostgreSQL driver. */


#ifndef _NGX_LEADGEN_PG_H_INCLUDED_
#define _NGX_LEADGEN_PG_H_INCLUDED_


#include "ngx_leadgen_link.h"
#include <libpq-fe.h>


#define NGX_LEADGEN_PG_STATEMENTS  64       /* on one connection */


typedef enum {
    NGX_LEADGEN_PG_CONNECTING = 0,
    NGX_LEADGEN_PG_LISTENING,
    NGX_LEADGEN_PG_READY
} ngx_leadgen_pg_state_e;


/* Lifetime: one opening of a link. */

typedef struct {
    PGconn                  *conn;
    ngx_leadgen_pg_state_e   state;

    /* prepared on this connection, by the address of their text; the number
     * is part of the name, which is never used again */
    const char              *statements[NGX_LEADGEN_PG_STATEMENTS];
    ngx_uint_t               numbers[NGX_LEADGEN_PG_STATEMENTS];
    ngx_uint_t               number;

    PGresult                *result;        /* of the call to be answered */
} ngx_leadgen_pg_t;


/* --- conninfo --- */

char *ngx_leadgen_conninfo_check(ngx_pool_t *pool, ngx_str_t *target);

/*
 * The hosts of a target that have to be looked up before connecting.  NGX_OK;
 * NGX_DECLINED: there are none; NGX_ERROR: no memory.
 */
ngx_int_t ngx_leadgen_conninfo_hosts(const ngx_str_t *target,
    ngx_leadgen_resolve_names_t *names);

/*
 * Begins to connect; addresses is NULL or three lists as ngx_leadgen_resolve
 * gives them; timeout is that of calls, in milliseconds, which the server is
 * told to stay below.  NULL: no memory.
 */
PGconn *ngx_leadgen_conninfo_start(const ngx_str_t *target,
    const char *addresses, ngx_msec_t timeout);

/* Why connecting failed, as a constant: libpq's text may hold names. */
const char *ngx_leadgen_conninfo_reason(PGconn *conn);


/* --- statement --- */

/* Puts a call into the pipeline, prepared first if this connection needs it. */
ngx_int_t ngx_leadgen_statement_send(ngx_leadgen_pg_t *pg,
    ngx_leadgen_call_t *call);

/* Completes the calls whose results have come in. */
ngx_int_t ngx_leadgen_statement_results(ngx_leadgen_link_t *link);


#endif /* _NGX_LEADGEN_PG_H_INCLUDED_ */
