
/*
 * The Redis driver: commands go out in a pipeline, replies come back in order.
 */


#include "ngx_leadgen_redis.h"


#define NGX_LEADGEN_REDIS_ARGS  32


static ngx_int_t ngx_leadgen_redis_open(ngx_leadgen_link_t *link);
static void ngx_leadgen_redis_resolved(ngx_leadgen_link_t *link,
    const char *answer);
static ngx_int_t ngx_leadgen_redis_connect(ngx_leadgen_link_t *link,
    const char *address);
static ngx_int_t ngx_leadgen_redis_send(ngx_leadgen_link_t *link,
    ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_redis_event(ngx_leadgen_link_t *link,
    ngx_uint_t writable);
static void ngx_leadgen_redis_close(ngx_leadgen_link_t *link);
static void ngx_leadgen_redis_connected(const redisAsyncContext *ac,
    int status);
static void ngx_leadgen_redis_disconnected(const redisAsyncContext *ac,
    int status);
static ngx_int_t ngx_leadgen_redis_greet(ngx_leadgen_redis_t *redis);
static void ngx_leadgen_redis_greeted(redisAsyncContext *ac, void *data,
    void *private);
static void ngx_leadgen_redis_replied(redisAsyncContext *ac, void *data,
    void *private);
static ngx_uint_t ngx_leadgen_redis_is_away(const redisReply *reply);
static void ngx_leadgen_redis_add_read(void *data);
static void ngx_leadgen_redis_del_read(void *data);
static void ngx_leadgen_redis_add_write(void *data);
static void ngx_leadgen_redis_del_write(void *data);
static void ngx_leadgen_redis_cleanup(void *data);
static void ngx_leadgen_redis_watch(ngx_leadgen_redis_t *redis);


const ngx_leadgen_driver_t  ngx_leadgen_redis_driver = {
    "redis",
    ngx_leadgen_redis_uri_check,
    ngx_leadgen_redis_open,
    ngx_leadgen_redis_send,
    ngx_leadgen_redis_event,
    ngx_leadgen_redis_close
};


/* --- opening --- */

static ngx_int_t
ngx_leadgen_redis_open(ngx_leadgen_link_t *link)
{
    ngx_leadgen_redis_t  *redis;

    redis = link->handle;

    if (redis == NULL) {
        redis = ngx_pcalloc(link->backend->pool, sizeof(ngx_leadgen_redis_t));
        if (redis == NULL) {
            return NGX_ERROR;
        }

        if (ngx_leadgen_redis_uri_parse(&link->backend->conf->target,
                                        &redis->uri) != NGX_OK)
        {
            return NGX_ERROR;
        }

        redis->link = link;
        link->handle = redis;
    }

    if (!ngx_leadgen_resolve_needed(redis->uri.host)) {
        return ngx_leadgen_redis_connect(link, redis->uri.host);
    }

    (void) ngx_cpystrn((u_char *) link->names.hosts,
                       (u_char *) redis->uri.host, sizeof(link->names.hosts));
    (void) sprintf(link->names.ports, "%d", redis->uri.port);

    return ngx_leadgen_resolve(link, ngx_leadgen_redis_resolved);
}


/* Of several addresses the first is taken. */

static void
ngx_leadgen_redis_resolved(ngx_leadgen_link_t *link, const char *answer)
{
    char  address[INET6_ADDRSTRLEN];

    answer += ngx_strlen(answer) + 1;

    (void) ngx_cpystrn((u_char *) address, (u_char *) answer,
                       ngx_min(strcspn(answer, ",") + 1, sizeof(address)));

    if (ngx_leadgen_redis_connect(link, address) != NGX_OK) {
        ngx_leadgen_link_fail(link, "could not connect");
    }
}


static ngx_int_t
ngx_leadgen_redis_connect(ngx_leadgen_link_t *link, const char *address)
{
    redisAsyncContext    *ac;
    ngx_leadgen_redis_t  *redis;

    redis = link->handle;

    ac = redis->uri.path[0] ? redisAsyncConnectUnix(redis->uri.path)
                            : redisAsyncConnect(address, redis->uri.port);

    if (ac == NULL) {
        return NGX_ERROR;
    }

    if (ac->err) {
        redisAsyncFree(ac);
        return NGX_ERROR;
    }

    redis->ac = ac;
    redis->reading = 0;
    redis->writing = 0;

    ac->data = redis;
    ac->ev.data = redis;
    ac->ev.addRead = ngx_leadgen_redis_add_read;
    ac->ev.delRead = ngx_leadgen_redis_del_read;
    ac->ev.addWrite = ngx_leadgen_redis_add_write;
    ac->ev.delWrite = ngx_leadgen_redis_del_write;
    ac->ev.cleanup = ngx_leadgen_redis_cleanup;

    /* which registers the socket, so the hooks have to be there */

    if (redisAsyncSetConnectCallback(ac, ngx_leadgen_redis_connected)
           != REDIS_OK
        || redisAsyncSetDisconnectCallback(ac, ngx_leadgen_redis_disconnected)
           != REDIS_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_leadgen_redis_connected(const redisAsyncContext *ac, int status)
{
    ngx_leadgen_redis_t  *redis;

    redis = ac->data;

    if (redis->ac != ac) {
        return;
    }

    if (status != REDIS_OK) {

        /* hiredis frees what could not connect */

        redis->ac = NULL;
        ngx_leadgen_link_fail(redis->link, "could not connect");
        return;
    }

    if (ngx_leadgen_redis_greet(redis) != NGX_OK) {
        ngx_leadgen_link_fail(redis->link, "could not send");
    }
}


/* The last of what has to be said first brings the link up. */

static ngx_int_t
ngx_leadgen_redis_greet(ngx_leadgen_redis_t *redis)
{
    int                      rc;
    ngx_leadgen_redis_uri_t  *uri;

    uri = &redis->uri;
    rc = REDIS_OK;

    if (uri->password[0] && uri->user[0]) {
        rc |= redisAsyncCommand(redis->ac, ngx_leadgen_redis_greeted, NULL,
                                "AUTH %s %s", uri->user, uri->password);

    } else if (uri->password[0]) {
        rc |= redisAsyncCommand(redis->ac, ngx_leadgen_redis_greeted, NULL,
                                "AUTH %s", uri->password);
    }

    rc |= redisAsyncCommand(redis->ac, ngx_leadgen_redis_greeted, redis,
                            "SELECT %d", uri->database);

    return rc == REDIS_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_leadgen_redis_greeted(redisAsyncContext *ac, void *data, void *private)
{
    redisReply           *reply;
    ngx_leadgen_redis_t  *redis;

    reply = data;
    redis = ac->data;

    if (redis->ac != ac) {
        return;
    }

    if (reply == NULL) {
        ngx_leadgen_link_fail(redis->link, "the connection was lost");
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_leadgen_link_fail(redis->link,
                              strncmp(reply->str, "LOADING", 7) == 0
                              ? "the server is loading its data"
                              : "the server refuses password or database");
        return;
    }

    if (private && redis->link->state == NGX_LEADGEN_LINK_OPENING) {
        ngx_leadgen_link_up(redis->link);
    }
}


static void
ngx_leadgen_redis_disconnected(const redisAsyncContext *ac, int status)
{
    ngx_leadgen_redis_t  *redis;

    redis = ac->data;

    if (redis->ac == ac) {
        redis->ac = NULL;
        ngx_leadgen_link_fail(redis->link, "the connection was lost");
    }
}


static void
ngx_leadgen_redis_close(ngx_leadgen_link_t *link)
{
    redisAsyncContext    *ac;
    ngx_leadgen_redis_t  *redis;

    redis = link->handle;

    if (redis && redis->ac) {
        ac = redis->ac;
        redis->ac = NULL;
        redisAsyncFree(ac);
    }
}


/* --- calls --- */

static ngx_int_t
ngx_leadgen_redis_send(ngx_leadgen_link_t *link, ngx_leadgen_call_t *call)
{
    int                   rc;
    size_t                lengths[NGX_LEADGEN_REDIS_ARGS];
    ngx_uint_t            i;
    const char           *argv[NGX_LEADGEN_REDIS_ARGS];
    ngx_leadgen_redis_t  *redis;

    redis = link->handle;

    if (redis->ac == NULL || call->nargs + 1 > NGX_LEADGEN_REDIS_ARGS) {
        return NGX_ERROR;
    }

    argv[0] = call->statement;
    lengths[0] = ngx_strlen(call->statement);

    for (i = 0; i < call->nargs; i++) {
        argv[i + 1] = (const char *) call->args[i].data;
        lengths[i + 1] = call->args[i].len;
    }

    rc = redisAsyncCommandArgv(redis->ac, ngx_leadgen_redis_replied, NULL,
                               (int) call->nargs + 1, argv, lengths);

    return rc == REDIS_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_leadgen_redis_replied(redisAsyncContext *ac, void *data, void *private)
{
    redisReply                 *reply;
    ngx_leadgen_call_t         *call;
    ngx_leadgen_redis_t        *redis;
    ngx_leadgen_redis_value_t   value;

    reply = data;
    redis = ac->data;

    if (redis->ac != ac || redis->link->state != NGX_LEADGEN_LINK_UP) {
        return;
    }

    if (reply == NULL) {
        ngx_leadgen_link_fail(redis->link, "the connection was lost");
        return;
    }

    call = ngx_leadgen_link_next(redis->link);

    if (reply->type == REDIS_REPLY_ERROR) {

        if (call) {
            call->error.data = (u_char *) reply->str;
            call->error.len = reply->len;
        }

        if (ngx_leadgen_redis_is_away(reply)) {
            ngx_leadgen_link_answer(redis->link, NGX_LEADGEN_CALL_REFUSED);
            ngx_leadgen_link_fail(redis->link, "the server is not ready");
            return;
        }

        ngx_leadgen_link_answer(redis->link, NGX_LEADGEN_CALL_REFUSED);
        return;
    }

    if (call == NULL) {
        ngx_leadgen_link_answer(redis->link, NGX_LEADGEN_CALL_OK);
        return;
    }

    if (ngx_leadgen_redis_value(reply, call, &value) != NGX_OK) {
        ngx_leadgen_link_answer(redis->link, NGX_LEADGEN_CALL_LOST);
        return;
    }

    ngx_leadgen_link_answer(redis->link, NGX_LEADGEN_CALL_OK);
    ngx_leadgen_redis_value_free(&value);
}


/* Another connection may find another server, or this one in better shape. */

static ngx_uint_t
ngx_leadgen_redis_is_away(const redisReply *reply)
{
    return strncmp(reply->str, "LOADING", 7) == 0
           || strncmp(reply->str, "READONLY", 8) == 0
           || strncmp(reply->str, "NOAUTH", 6) == 0;
}


/* --- the socket --- */

static ngx_int_t
ngx_leadgen_redis_event(ngx_leadgen_link_t *link, ngx_uint_t writable)
{
    ngx_leadgen_redis_t  *redis;

    redis = link->handle;

    if (redis->ac == NULL) {
        return NGX_ERROR;
    }

    if (writable) {
        redisAsyncHandleWrite(redis->ac);

    } else {
        redisAsyncHandleRead(redis->ac);
    }

    return NGX_OK;
}


static void
ngx_leadgen_redis_add_read(void *data)
{
    ngx_leadgen_redis_t  *redis = data;

    redis->reading = 1;
    ngx_leadgen_redis_watch(redis);
}


static void
ngx_leadgen_redis_del_read(void *data)
{
    ngx_leadgen_redis_t  *redis = data;

    redis->reading = 0;
    ngx_leadgen_redis_watch(redis);
}


static void
ngx_leadgen_redis_add_write(void *data)
{
    ngx_leadgen_redis_t  *redis = data;

    redis->writing = 1;
    ngx_leadgen_redis_watch(redis);
}


static void
ngx_leadgen_redis_del_write(void *data)
{
    ngx_leadgen_redis_t  *redis = data;

    redis->writing = 0;
    ngx_leadgen_redis_watch(redis);
}


/* Just before hiredis closes the socket. */

static void
ngx_leadgen_redis_cleanup(void *data)
{
    ngx_leadgen_redis_t  *redis = data;

    ngx_leadgen_link_unwatch(redis->link);
}


static void
ngx_leadgen_redis_watch(ngx_leadgen_redis_t *redis)
{
    if (redis->ac == NULL) {
        return;
    }

    if (ngx_leadgen_link_watch(redis->link, redis->ac->c.fd, redis->reading,
                               redis->writing) != NGX_OK)
    {
        ngx_leadgen_link_fail(redis->link, "could not watch the socket");
    }
}
