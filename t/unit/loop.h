
/*
 * Stand-ins for the event loop, for calls and for metrics: time passes when the
 * test says so, and the test answers as the database.
 */


#ifndef _LOOP_H_INCLUDED_
#define _LOOP_H_INCLUDED_


#include "unit.h"
#include "ngx_leadgen_io.h"


extern ngx_leadgen_backend_t  *loop_threads;
extern ngx_leadgen_backend_t  *loop_database;

/* Calls of a backend are refused with NGX_BUSY. */
extern ngx_uint_t  loop_threads_busy;

/* No link to the database is up. */
extern ngx_uint_t  loop_database_down;

/* Sets result (and code, error) of a call to the database. */
extern void      (*loop_query)(ngx_leadgen_call_t *call);

extern ngx_uint_t  loop_metrics[NGX_LEADGEN_NMETRICS];

/* Lets that many milliseconds pass. */
void loop_pass(ngx_msec_t milliseconds);

/* Whether a worker that exits would be held. */
ngx_uint_t loop_holds(void);

/* An empty directory of mode 0700, of its own for each call. */
char *loop_directory(void);


#endif /* _LOOP_H_INCLUDED_ */
