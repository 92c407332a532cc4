
/* Private to the Redis driver. */


#ifndef _NGX_LEADGEN_REDIS_H_INCLUDED_
#define _NGX_LEADGEN_REDIS_H_INCLUDED_


#include "ngx_leadgen_link.h"
#include <hiredis/hiredis.h>
#include <hiredis/async.h>


/* Lifetime: worker.  Texts are empty where the URI has none. */

typedef struct {
    char                       host[256];
    char                       path[108];   /* of a socket, instead of a host */
    char                       user[128];
    char                       password[512];
    int                        port;
    int                        database;
} ngx_leadgen_redis_uri_t;


typedef struct {
    redisAsyncContext         *ac;          /* NULL: none, or gone */
    ngx_leadgen_link_t        *link;
    ngx_leadgen_redis_uri_t    uri;
    ngx_uint_t                 reading;
    ngx_uint_t                 writing;
} ngx_leadgen_redis_t;


/* --- redis_uri --- */

char *ngx_leadgen_redis_uri_check(ngx_pool_t *pool, ngx_str_t *target);

/* NGX_OK, or NGX_ERROR for what is not redis://... or unix://... */
ngx_int_t ngx_leadgen_redis_uri_parse(const ngx_str_t *target,
    ngx_leadgen_redis_uri_t *uri);


/* --- redis_value --- */

typedef struct {
    ngx_str_t                 *values;
    u_char                     number[NGX_INT64_LEN];
    ngx_str_t                  one;
} ngx_leadgen_redis_value_t;


/*
 * A reply as a call's rows of one column: an array is a row for each element,
 * anything else one row; nil is a NULL value; of arrays in arrays only their
 * length remains.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_leadgen_redis_value(const redisReply *reply,
    ngx_leadgen_call_t *call, ngx_leadgen_redis_value_t *value);
void ngx_leadgen_redis_value_free(ngx_leadgen_redis_value_t *value);


#endif /* _NGX_LEADGEN_REDIS_H_INCLUDED_ */
