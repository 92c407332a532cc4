
/*
 * Private to src/io: the statements a connection to PostgreSQL has prepared,
 * and calls sent through them.
 */


#ifndef _NGX_LEADGEN_STATEMENT_H_INCLUDED_
#define _NGX_LEADGEN_STATEMENT_H_INCLUDED_


#include "ngx_leadgen_link.h"
#include <libpq-fe.h>


#define NGX_LEADGEN_STATEMENTS  128


typedef enum {
    NGX_LEADGEN_STATEMENT_NEW = 0,
    NGX_LEADGEN_STATEMENT_PREPARING,
    NGX_LEADGEN_STATEMENT_READY
} ngx_leadgen_statement_state_e;


/* Lifetime: connection. */

typedef struct {
    const char                     *sql;
    ngx_uint_t                      id;
    ngx_leadgen_statement_state_e   state;
} ngx_leadgen_statement_t;

typedef struct {
    ngx_uint_t                      ids;
    ngx_leadgen_statement_t         table[NGX_LEADGEN_STATEMENTS];
} ngx_leadgen_statements_t;


/* The statement of that SQL, which is known by its address; NULL: no room. */
ngx_leadgen_statement_t *ngx_leadgen_statement_find(
    ngx_leadgen_statements_t *statements, const char *sql);

/* The next call prepares it again, under another name. */
void ngx_leadgen_statement_forget(ngx_leadgen_statement_t *statement);

/*
 * Sends a call, preparing its statement first when it is new; then *prepares
 * is set and the first result is that of the preparation.  As send().
 */
ngx_int_t ngx_leadgen_statement_send(ngx_leadgen_statements_t *statements,
    ngx_leadgen_statement_t *statement, PGconn *conn,
    ngx_leadgen_call_t *call, ngx_uint_t *prepares);


#endif /* _NGX_LEADGEN_STATEMENT_H_INCLUDED_ */
