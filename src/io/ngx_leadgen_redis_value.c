
/*
 * Replies of Redis: hiredis's tree goes in, rows of one value come out.
 */


#include "ngx_leadgen_redis.h"


static void ngx_leadgen_redis_value_set(const redisReply *reply,
    ngx_str_t *value, u_char number[NGX_INT64_LEN]);


ngx_int_t
ngx_leadgen_redis_value(const redisReply *reply, ngx_leadgen_call_t *call,
    ngx_leadgen_redis_value_t *value)
{
    u_char      *numbers;
    ngx_uint_t   i, n;

    value->values = NULL;
    call->ncols = 1;
    call->nrows = 1;
    call->values = &value->one;

    if (reply->type != REDIS_REPLY_ARRAY) {
        ngx_leadgen_redis_value_set(reply, &value->one, value->number);
        return NGX_OK;
    }

    n = reply->elements;

    value->values = ngx_calloc(n * (sizeof(ngx_str_t) + NGX_INT64_LEN) + 1,
                               ngx_cycle->log);
    if (value->values == NULL) {
        return NGX_ERROR;
    }

    numbers = (u_char *) &value->values[n];

    for (i = 0; i < n; i++) {
        ngx_leadgen_redis_value_set(reply->element[i], &value->values[i],
                                    &numbers[i * NGX_INT64_LEN]);
    }

    call->nrows = n;
    call->values = value->values;

    return NGX_OK;
}


static void
ngx_leadgen_redis_value_set(const redisReply *reply, ngx_str_t *value,
    u_char number[NGX_INT64_LEN])
{
    long long  n;

    ngx_str_null(value);

    switch (reply->type) {

    case REDIS_REPLY_NIL:
        break;

    case REDIS_REPLY_INTEGER:
    case REDIS_REPLY_ARRAY:
        n = reply->type == REDIS_REPLY_ARRAY ? (long long) reply->elements
                                             : reply->integer;
        value->data = number;
        value->len = ngx_sprintf(number, "%L", (int64_t) n) - number;
        break;

    default:
        value->data = (u_char *) reply->str;
        value->len = reply->len;
        break;
    }
}


void
ngx_leadgen_redis_value_free(ngx_leadgen_redis_value_t *value)
{
    if (value->values) {
        ngx_free(value->values);
    }
}
