
/*
 * The Redis driver: calls go into hiredis, whose events are put on nginx's
 * loop, and replies come out in order.
 */


#include "ngx_leadgen_link.h"
#include "ngx_leadgen_uri.h"
#include <hiredis/async.h>


#define NGX_LEADGEN_REDIS_WORD  32


/* Lifetime: worker, and context a connection's: hiredis may free it itself. */

typedef struct {
    ngx_leadgen_uri_t          uri;
    ngx_leadgen_resolve_t     *resolve;
    ngx_uint_t                 attempts;

    redisAsyncContext         *context;
    unsigned                   readable:1;
    unsigned                   writable:1;
} ngx_leadgen_redis_t;


static char *ngx_leadgen_redis_check(ngx_pool_t *pool, ngx_str_t *target);
static ngx_int_t ngx_leadgen_redis_open(ngx_leadgen_link_t *ln);
static ngx_int_t ngx_leadgen_redis_send(ngx_leadgen_link_t *ln,
    ngx_leadgen_call_t *call);
static void ngx_leadgen_redis_step(ngx_leadgen_link_t *ln,
    ngx_uint_t writable);
static void ngx_leadgen_redis_close(ngx_leadgen_link_t *ln);
static ngx_int_t ngx_leadgen_redis_create(ngx_leadgen_link_t *ln);
static ngx_int_t ngx_leadgen_redis_connect(ngx_leadgen_link_t *ln);
static void ngx_leadgen_redis_connected(const redisAsyncContext *context,
    int status);
static ngx_int_t ngx_leadgen_redis_login(ngx_leadgen_redis_t *redis,
    redisAsyncContext *context);
static void ngx_leadgen_redis_welcome(redisAsyncContext *context, void *data,
    void *last);
static ngx_int_t ngx_leadgen_redis_subscribe(ngx_leadgen_link_t *ln,
    redisAsyncContext *context);
static void ngx_leadgen_redis_message(redisAsyncContext *context, void *data,
    void *privdata);
static void ngx_leadgen_redis_replied(redisAsyncContext *context, void *data,
    void *privdata);
static void ngx_leadgen_redis_values(ngx_leadgen_call_t *call,
    const redisReply *reply);
static ngx_uint_t ngx_leadgen_redis_count(const redisReply *reply,
    ngx_uint_t depth);
static ngx_str_t *ngx_leadgen_redis_flatten(ngx_str_t *value, u_char **text,
    const redisReply *reply, ngx_uint_t depth);
static void ngx_leadgen_redis_refused(ngx_leadgen_link_t *ln,
    ngx_leadgen_call_t *call, const redisReply *reply);
static void ngx_leadgen_redis_word(char *word, const redisReply *reply);
static void ngx_leadgen_redis_watch(ngx_leadgen_link_t *ln);
static void ngx_leadgen_redis_add_read(void *data);
static void ngx_leadgen_redis_del_read(void *data);
static void ngx_leadgen_redis_add_write(void *data);
static void ngx_leadgen_redis_del_write(void *data);
static void ngx_leadgen_redis_cleanup(void *data);


const ngx_leadgen_driver_t  ngx_leadgen_redis_driver = {
    "redis",
    ngx_leadgen_redis_check,
    ngx_leadgen_redis_open,
    ngx_leadgen_redis_send,
    ngx_leadgen_redis_step,
    ngx_leadgen_redis_close
};


static char *
ngx_leadgen_redis_check(ngx_pool_t *pool, ngx_str_t *target)
{
    ngx_leadgen_uri_t  uri;

    return ngx_leadgen_uri_parse(pool, target, &uri);
}


ngx_int_t
ngx_leadgen_redis_database(ngx_pool_t *pool, ngx_str_t *target)
{
    ngx_leadgen_uri_t  uri;

    if (ngx_leadgen_uri_parse(pool, target, &uri) != NULL) {
        return NGX_ERROR;
    }

    return uri.database;
}


/* --- connecting --- */

static ngx_int_t
ngx_leadgen_redis_open(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_redis_t  *redis;

    if (ln->handle == NULL && ngx_leadgen_redis_create(ln) != NGX_OK) {
        return NGX_ERROR;
    }

    redis = ln->handle;

    if (redis->resolve->nnames) {
        return ngx_leadgen_resolve_start(redis->resolve);
    }

    return ngx_leadgen_redis_connect(ln);
}


static ngx_int_t
ngx_leadgen_redis_create(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_redis_t  *redis;

    redis = ngx_pcalloc(ln->backend->pool, sizeof(ngx_leadgen_redis_t));
    if (redis == NULL) {
        return NGX_ERROR;
    }

    if (ngx_leadgen_uri_parse(ln->backend->pool, &ln->backend->conf->target,
                              &redis->uri)
        != NULL)
    {
        return NGX_ERROR;
    }

    redis->resolve = ngx_leadgen_resolve_create(ln, ngx_leadgen_redis_connect);
    if (redis->resolve == NULL) {
        return NGX_ERROR;
    }

    if (redis->uri.path.len == 0
        && !ngx_leadgen_resolve_is_numeric((char *) redis->uri.host.data))
    {
        redis->resolve->nnames = 1;
        (void) ngx_cpystrn((u_char *) redis->resolve->names[0],
                           redis->uri.host.data, NGX_LEADGEN_RESOLVE_NAME);
    }

    ln->handle = redis;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_redis_connect(ngx_leadgen_link_t *ln)
{
    char                   *host;
    ngx_leadgen_redis_t    *redis = ln->handle;
    redisAsyncContext      *context;
    ngx_leadgen_resolve_t  *resolve;

    resolve = redis->resolve;
    host = (char *) redis->uri.host.data;

    if (resolve->nnames) {
        if (resolve->naddresses == 0) {
            ngx_leadgen_link_fail(ln, "could not connect",
                                  "the host has no address");
            return NGX_ERROR;
        }

        /* the next one at each attempt */

        host = resolve->addresses[redis->attempts++
                                  % resolve->naddresses].text;
    }

    context = redis->uri.path.len
              ? redisAsyncConnectUnix((char *) redis->uri.path.data)
              : redisAsyncConnect(host, redis->uri.port);

    if (context == NULL) {
        return NGX_ERROR;
    }

    if (context->err) {
        ngx_leadgen_link_fail(ln, "could not connect", context->errstr);
        redisAsyncFree(context);
        return NGX_ERROR;
    }

    redis->context = context;
    redis->readable = 0;
    redis->writable = 0;

    context->data = ln;
    context->ev.data = ln;
    context->ev.addRead = ngx_leadgen_redis_add_read;
    context->ev.delRead = ngx_leadgen_redis_del_read;
    context->ev.addWrite = ngx_leadgen_redis_add_write;
    context->ev.delWrite = ngx_leadgen_redis_del_write;
    context->ev.cleanup = ngx_leadgen_redis_cleanup;

    /* asks for the first event, so the functions above must stand */

    redisAsyncSetConnectCallback(context, ngx_leadgen_redis_connected);

    return NGX_AGAIN;
}


static void
ngx_leadgen_redis_connected(const redisAsyncContext *context, int status)
{
    ngx_leadgen_link_t   *ln = context->data;
    ngx_leadgen_redis_t  *redis = ln->handle;

    if (status != REDIS_OK) {
        ngx_leadgen_link_fail(ln, "could not connect", context->c.errstr);
        return;
    }

    if (redis->uri.path.len == 0) {
        (void) redisEnableKeepAlive(&redis->context->c);
    }

    if (ngx_leadgen_redis_login(redis, redis->context) != NGX_OK) {
        ngx_leadgen_link_fail(ln, "could not log in", NULL);
    }
}


/* The PING behind the others tells a server that is loading, or that wants a
 * password, from one that is ready. */

static ngx_int_t
ngx_leadgen_redis_login(ngx_leadgen_redis_t *redis, redisAsyncContext *context)
{
    int                 rc;
    size_t              len[3];
    const char         *argv[3];
    ngx_leadgen_uri_t  *uri;

    uri = &redis->uri;
    rc = REDIS_OK;

    if (uri->password.len) {
        argv[0] = "AUTH";
        len[0] = 4;
        argv[1] = (char *) uri->user.data;
        len[1] = uri->user.len;
        argv[2] = (char *) uri->password.data;
        len[2] = uri->password.len;

        if (uri->user.len == 0) {
            argv[1] = argv[2];
            len[1] = len[2];
        }

        rc = redisAsyncCommandArgv(context, ngx_leadgen_redis_welcome, NULL,
                                   uri->user.len ? 3 : 2, argv, len);
    }

    if (rc == REDIS_OK && uri->database) {
        rc = redisAsyncCommand(context, ngx_leadgen_redis_welcome, NULL,
                               "SELECT %d", (int) uri->database);
    }

    if (rc == REDIS_OK) {
        rc = redisAsyncCommand(context, ngx_leadgen_redis_welcome, context,
                               "PING");
    }

    return rc == REDIS_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_leadgen_redis_welcome(redisAsyncContext *context, void *data, void *last)
{
    char                 word[NGX_LEADGEN_REDIS_WORD];
    redisReply          *reply = data;
    ngx_leadgen_link_t  *ln = context->data;

    if (reply == NULL || ln->state != NGX_LEADGEN_LINK_OPENING) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_leadgen_redis_word(word, reply);
        ngx_leadgen_link_fail(ln, "could not log in", word);

    } else if (last && ngx_leadgen_redis_subscribe(ln, context) != NGX_OK) {
        ngx_leadgen_link_fail(ln, "could not subscribe", NULL);

    } else if (last) {
        ngx_leadgen_link_up(ln);
    }
}


/* --- messages --- */

static ngx_int_t
ngx_leadgen_redis_subscribe(ngx_leadgen_link_t *ln, redisAsyncContext *context)
{
    char                  command[128];
    ngx_leadgen_redis_t  *redis = ln->handle;

    if (ln->backend->conf->channels == NULL) {
        return NGX_OK;
    }

    (void) ngx_cpystrn((u_char *) command, (u_char *) "PSUBSCRIBE ",
                       sizeof(command));
    (void) snprintf(command + sizeof("PSUBSCRIBE ") - 1,
                    sizeof(command) - sizeof("PSUBSCRIBE ") + 1,
                    ln->backend->conf->channels, (int) redis->uri.database);

    return redisAsyncCommand(context, ngx_leadgen_redis_message, NULL, command)
           == REDIS_OK ? NGX_OK : NGX_ERROR;
}


/* "pmessage", the pattern, the channel, the message */

static void
ngx_leadgen_redis_message(redisAsyncContext *context, void *data,
    void *privdata)
{
    ngx_str_t            channel, message;
    redisReply          *reply = data;
    ngx_leadgen_link_t  *ln = context->data;

    if (reply == NULL
        || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 4
        || reply->element[2]->type != REDIS_REPLY_STRING
        || reply->element[3]->type != REDIS_REPLY_STRING)
    {
        return;
    }

    channel.data = (u_char *) reply->element[2]->str;
    channel.len = reply->element[2]->len;
    message.data = (u_char *) reply->element[3]->str;
    message.len = reply->element[3]->len;

    ln->backend->conf->notified(ln->backend->conf->data, &channel, &message);
}


static void
ngx_leadgen_redis_close(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_redis_t  *redis = ln->handle;

    if (redis && redis->context) {
        redisAsyncFree(redis->context);
    }
}


/* --- calls --- */

static ngx_int_t
ngx_leadgen_redis_send(ngx_leadgen_link_t *ln, ngx_leadgen_call_t *call)
{
    int                    rc;
    size_t                *len;
    ngx_uint_t             i;
    const char           **argv;
    ngx_leadgen_redis_t   *redis = ln->handle;

    argv = ngx_alloc((call->nargs + 1) * (sizeof(char *) + sizeof(size_t)),
                     ngx_cycle->log);
    if (argv == NULL) {
        return NGX_DECLINED;
    }

    len = (size_t *) (argv + call->nargs + 1);

    argv[0] = call->statement;
    len[0] = ngx_strlen(call->statement);

    for (i = 0; i < call->nargs; i++) {
        argv[i + 1] = call->args[i].len ? (char *) call->args[i].data : "";
        len[i + 1] = call->args[i].len;
    }

    rc = redisAsyncCommandArgv(redis->context, ngx_leadgen_redis_replied, NULL,
                               (int) call->nargs + 1, argv, len);

    ngx_free(argv);

    return rc == REDIS_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_leadgen_redis_step(ngx_leadgen_link_t *ln, ngx_uint_t writable)
{
    ngx_leadgen_redis_t  *redis = ln->handle;

    if (redis->context && writable) {
        redisAsyncHandleWrite(redis->context);

    } else if (redis->context) {
        redisAsyncHandleRead(redis->context);
    }

    if (redis->context == NULL) {
        ngx_leadgen_link_fail(ln, "connection lost", NULL);
    }
}


/* Without a reply the context is being freed: its calls are the link's. */

static void
ngx_leadgen_redis_replied(redisAsyncContext *context, void *data,
    void *privdata)
{
    redisReply          *reply = data;
    ngx_leadgen_link_t  *ln = context->data;
    ngx_leadgen_call_t  *call;

    if (reply == NULL || ln->nflight == 0) {
        return;
    }

    call = ngx_leadgen_link_take(ln);

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_leadgen_redis_refused(ln, call, reply);
        return;
    }

    ngx_leadgen_link_answered(ln);

    if (call) {
        ngx_leadgen_redis_values(call, reply);
    }
}


static void
ngx_leadgen_redis_values(ngx_leadgen_call_t *call, const redisReply *reply)
{
    u_char      *text;
    ngx_str_t   *values;
    ngx_uint_t   n;

    n = ngx_leadgen_redis_count(reply, 0);

    /* integers are written behind the values */

    values = ngx_alloc(1 + n * (sizeof(ngx_str_t) + NGX_INT64_LEN),
                       ngx_cycle->log);

    if (values == NULL) {
        ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_LOST);
        return;
    }

    call->nrows = n;
    call->ncols = 1;
    call->values = values;

    text = (u_char *) (values + n);
    (void) ngx_leadgen_redis_flatten(values, &text, reply, 0);

    ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_OK);

    ngx_free(values);
}


/* An array's elements, and those of arrays in it, are rows; arrays deeper than
 * that are no values. */

static ngx_uint_t
ngx_leadgen_redis_count(const redisReply *reply, ngx_uint_t depth)
{
    size_t      i;
    ngx_uint_t  n;

    if (reply->type != REDIS_REPLY_ARRAY || depth == 2) {
        return 1;
    }

    n = 0;

    for (i = 0; i < reply->elements; i++) {
        n += ngx_leadgen_redis_count(reply->element[i], depth + 1);
    }

    return n;
}


static ngx_str_t *
ngx_leadgen_redis_flatten(ngx_str_t *value, u_char **text,
    const redisReply *reply, ngx_uint_t depth)
{
    size_t  i;

    if (reply->type == REDIS_REPLY_ARRAY && depth < 2) {

        for (i = 0; i < reply->elements; i++) {
            value = ngx_leadgen_redis_flatten(value, text, reply->element[i],
                                              depth + 1);
        }

        return value;
    }

    ngx_str_null(value);

    if (reply->type == REDIS_REPLY_INTEGER) {
        value->data = *text;
        *text = ngx_sprintf(*text, "%L", (int64_t) reply->integer);
        value->len = *text - value->data;

    } else if (reply->str) {
        value->data = (u_char *) reply->str;
        value->len = reply->len;
    }

    return value + 1;
}


/* Redis quotes the arguments of a command that it does not know. */

static void
ngx_leadgen_redis_refused(ngx_leadgen_link_t *ln, ngx_leadgen_call_t *call,
    const redisReply *reply)
{
    char         word[NGX_LEADGEN_REDIS_WORD];
    char        *quoted;
    ngx_uint_t   lost;

    ngx_leadgen_redis_word(word, reply);

    lost = ngx_strcmp(word, "LOADING") == 0
           || ngx_strcmp(word, "READONLY") == 0
           || ngx_strcmp(word, "NOAUTH") == 0;

    if (!lost) {
        ngx_leadgen_link_answered(ln);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "leadgen: %V: a command is refused: %s",
                      &ln->backend->conf->name, word);
    }

    if (call) {
        quoted = strstr(reply->str, ", with args");

        call->error.data = (u_char *) reply->str;
        call->error.len = quoted ? (size_t) (quoted - reply->str)
                                 : (size_t) reply->len;

        ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_REFUSED);
    }

    if (lost) {
        ngx_leadgen_link_fail(ln, "refuses to work", word);
    }
}


/* The first word of an error, its kind. */

static void
ngx_leadgen_redis_word(char *word, const redisReply *reply)
{
    size_t  len;

    len = strspn(reply->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    (void) ngx_cpystrn((u_char *) word, (u_char *) reply->str,
                       ngx_min(len + 1, NGX_LEADGEN_REDIS_WORD));
}


/* --- hiredis on nginx's events --- */

static void
ngx_leadgen_redis_watch(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_redis_t  *redis = ln->handle;

    if (ngx_leadgen_link_watch(ln, redis->context->c.fd, redis->readable,
                               redis->writable)
        != NGX_OK)
    {
        ngx_leadgen_link_fail(ln, "could not watch the connection", NULL);
    }
}


static void
ngx_leadgen_redis_add_read(void *data)
{
    ngx_leadgen_link_t   *ln = data;
    ngx_leadgen_redis_t  *redis = ln->handle;

    redis->readable = 1;
    ngx_leadgen_redis_watch(ln);
}


static void
ngx_leadgen_redis_del_read(void *data)
{
    ngx_leadgen_link_t   *ln = data;
    ngx_leadgen_redis_t  *redis = ln->handle;

    redis->readable = 0;
    ngx_leadgen_redis_watch(ln);
}


static void
ngx_leadgen_redis_add_write(void *data)
{
    ngx_leadgen_link_t   *ln = data;
    ngx_leadgen_redis_t  *redis = ln->handle;

    redis->writable = 1;
    ngx_leadgen_redis_watch(ln);
}


static void
ngx_leadgen_redis_del_write(void *data)
{
    ngx_leadgen_link_t   *ln = data;
    ngx_leadgen_redis_t  *redis = ln->handle;

    redis->writable = 0;
    ngx_leadgen_redis_watch(ln);
}


/* hiredis closes the socket after this, and frees the context. */

static void
ngx_leadgen_redis_cleanup(void *data)
{
    ngx_leadgen_link_t   *ln = data;
    ngx_leadgen_redis_t  *redis = ln->handle;

    ngx_leadgen_link_unwatch(ln, 0);
    redis->context = NULL;
}
