
/*
 * Private to src/io: where a Redis is.
 */


#ifndef _NGX_LEADGEN_URI_H_INCLUDED_
#define _NGX_LEADGEN_URI_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* Lifetime: the pool it was parsed with; strings end with a zero byte. */

typedef struct {
    ngx_str_t    user;                      /* len 0: none */
    ngx_str_t    password;                  /* len 0: none */
    ngx_str_t    host;
    in_port_t    port;
    ngx_str_t    path;                      /* of a unix socket, or len 0 */
    ngx_uint_t   database;
} ngx_leadgen_uri_t;


/*
 * redis://[[user]:password@]host[:port][/database]
 * unix://[[user]:password@]/path[?db=database]
 *
 * NULL: fine; else what is wrong, in words without the text.
 */
char *ngx_leadgen_uri_parse(ngx_pool_t *pool, const ngx_str_t *text,
    ngx_leadgen_uri_t *uri);


#endif /* _NGX_LEADGEN_URI_H_INCLUDED_ */
