
/*
 * A module for tests of src/io: requests go in, the calls that their arguments
 * describe are made, and how each of them ended comes out.
 */


#include "ngx_leadgen_io.h"
#include <ngx_http.h>
#include <openssl/err.h>


#define IO_BACKENDS    8
#define IO_STATEMENTS  64
#define IO_CALLS       256
#define IO_ARGS        8
#define IO_TICK        10
#define IO_TEXT        4096


/* Lifetime: cycle; and worker, for what is behind conf. */

typedef struct {
    ngx_leadgen_backend_conf_t   conf;
    ngx_leadgen_backend_t       *backend;
    ngx_uint_t                   connected;
    ngx_uint_t                   notified;
} io_backend_t;


/* Lifetime: request. */

typedef struct {
    ngx_http_request_t          *request;
    ngx_uint_t                   pending;
    ngx_chain_t                 *out;
    ngx_chain_t                **last;
} io_ctx_t;


static char *io_backend(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *io_location(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t io_init(ngx_cycle_t *cycle);
static void io_exit(ngx_cycle_t *cycle);
static void io_tick(ngx_event_t *ev);
static ngx_int_t io_handler(ngx_http_request_t *r);
static void io_done(ngx_leadgen_call_t *call);
static void io_detached(ngx_leadgen_call_t *call);
static ngx_int_t io_state(ngx_http_request_t *r, io_ctx_t *ctx,
    io_backend_t *b);


static io_backend_t   io_backends[IO_BACKENDS];
static ngx_uint_t     io_nbackends;
static char          *io_statements[IO_STATEMENTS];
static ngx_event_t    io_timer;
static ngx_msec_t     io_before, io_gap;
static ngx_uint_t     io_begun, io_detached_done;
static ngx_atomic_t   io_running, io_slept;     /* of threads */

static const char    *io_results[] = {
    "OK", "REFUSED", "LOST", "UNSENT", "TIMEOUT"
};


static ngx_command_t  io_commands[] = {

    { ngx_string("io_backend"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE7,
      io_backend, 0, 0, NULL },

    { ngx_string("io"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      io_location, 0, 0, NULL },

      ngx_null_command
};


static ngx_http_module_t  io_module_ctx = {
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
};


ngx_module_t  io_module = {
    NGX_MODULE_V1,
    &io_module_ctx,
    io_commands,
    NGX_HTTP_MODULE,
    NULL, NULL, io_init, NULL, NULL, io_exit, NULL,
    NGX_MODULE_V1_PADDING
};


/* what nginx looks for in a module's file */

ngx_module_t  *ngx_modules[] = { &io_module, NULL };
char          *ngx_module_names[] = { "io_module", NULL };
char          *ngx_module_order[] = { NULL };


static void
io_connected(void *data)
{
    io_backend_t  *b = data;

    b->connected++;
}


static void
io_notified(void *data, ngx_str_t *channel, ngx_str_t *payload)
{
    io_backend_t  *b = data;

    b->notified++;
}


/* io_backend NAME DRIVER TARGET LINKS DEPTH QUEUE TIMEOUT; */

static char *
io_backend(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                        *wrong;
    ngx_str_t                   *value = cf->args->elts;
    static ngx_cycle_t          *cycle;
    ngx_leadgen_backend_conf_t  *bcf;
    ngx_str_t                    threads = ngx_string("default");

    if (cycle != cf->cycle) {
        cycle = cf->cycle;
        io_nbackends = 0;
    }

    if (ngx_thread_pool_add(cf, &threads) == NULL) {
        return NGX_CONF_ERROR;
    }

    bcf = &io_backends[io_nbackends].conf;
    bcf->name = value[1];
    bcf->driver = (char *) value[2].data;
    bcf->target = value[3];
    bcf->links = ngx_atoi(value[4].data, value[4].len);
    bcf->depth = ngx_atoi(value[5].data, value[5].len);
    bcf->queue = ngx_atoi(value[6].data, value[6].len);
    bcf->timeout = ngx_atoi(value[7].data, value[7].len);
    bcf->channels = value[1].data[0] == 'l' ? "LISTEN io" : NULL;
    bcf->connected = io_connected;
    bcf->notified = io_notified;
    bcf->data = &io_backends[io_nbackends];

    wrong = ngx_leadgen_backend_check(cf->pool, bcf->driver, &bcf->target);
    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "target %s", wrong);
        return NGX_CONF_ERROR;
    }

    io_nbackends++;

    return NGX_CONF_OK;
}


static char *
io_location(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = io_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
io_init(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    for (i = 0; i < io_nbackends; i++) {
        io_backends[i].backend = ngx_leadgen_backend_start(cycle,
                                                     &io_backends[i].conf);
        if (io_backends[i].backend == NULL) {
            return NGX_ERROR;
        }
    }

    io_timer.handler = io_tick;
    io_timer.log = cycle->log;
    io_timer.data = &io_backends[0];
    io_timer.cancelable = 1;
    io_before = ngx_current_msec;
    ngx_add_timer(&io_timer, IO_TICK);

    return NGX_OK;
}


static void
io_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "io: exit: %uA slept",
                  io_slept);

    for (i = 0; i < io_nbackends; i++) {
        if (io_backends[i].backend) {
            ngx_leadgen_backend_stop(io_backends[i].backend);
        }
    }

    for (i = 0; i < IO_STATEMENTS && io_statements[i]; i++) {
        ngx_free(io_statements[i]);
    }
}


/* How long the loop was held. */

static void
io_tick(ngx_event_t *ev)
{
    io_gap = ngx_max(io_gap, ngx_current_msec - io_before);
    io_before = ngx_current_msec;

    if (!ngx_exiting) {
        ngx_add_timer(ev, IO_TICK);
    }
}


static ssize_t
io_sleep(const ngx_str_t *args, ngx_uint_t nargs, u_char *answer, size_t size)
{
    ngx_int_t  ms;

    ms = nargs ? ngx_atoi(args[0].data, args[0].len) : 0;

    if (ms < 0) {
        return NGX_ERROR;
    }

    (void) ngx_atomic_fetch_add(&io_running, 1);
    usleep(ms * 1000);
    (void) ngx_atomic_fetch_add(&io_running, -1);
    (void) ngx_atomic_fetch_add(&io_slept, 1);

    return ngx_cpymem(answer, "slept", 5) - answer;
}


/* Whether OpenSSL has kept something of the work before for this thread. */

static ssize_t
io_leave(const ngx_str_t *args, ngx_uint_t nargs, u_char *answer, size_t size)
{
    ngx_uint_t  left = ERR_peek_error() != 0;

    ERR_raise(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT);

    return ngx_sprintf(answer, left ? "left" : "none") - answer;
}


/* A constant of it, as calls want their statements. */

static const char *
io_statement(const ngx_str_t *text)
{
    ngx_uint_t  i;

    for (i = 0; i < IO_STATEMENTS && io_statements[i]; i++) {
        if (ngx_strlen(io_statements[i]) == text->len
            && ngx_memcmp(io_statements[i], text->data, text->len) == 0)
        {
            return io_statements[i];
        }
    }

    if (i == IO_STATEMENTS) {
        return "select 'too many statements'";
    }

    io_statements[i] = ngx_calloc(text->len + 1, ngx_cycle->log);
    ngx_memcpy(io_statements[i], text->data, text->len);

    return io_statements[i];
}


static ngx_str_t
io_arg(ngx_http_request_t *r, const char *name)
{
    u_char     *dst, *src;
    ngx_str_t   value = ngx_null_string;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) == NGX_OK) {
        src = value.data;
        dst = ngx_pnalloc(r->pool, value.len + 1);
        value.data = dst;
        ngx_unescape_uri(&dst, &src, value.len, 0);
        value.len = dst - value.data;
        *dst = '\0';
    }

    return value;
}


static ngx_int_t
io_number(ngx_http_request_t *r, const char *name, ngx_int_t otherwise)
{
    ngx_str_t  value = io_arg(r, name);

    return value.len ? ngx_atoi(value.data, value.len) : otherwise;
}


static void
io_print(io_ctx_t *ctx, const char *fmt, ...)
{
    va_list       args;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_create_temp_buf(ctx->request->pool, IO_TEXT);
    cl = ngx_alloc_chain_link(ctx->request->pool);

    va_start(args, fmt);
    b->last = ngx_vslprintf(b->pos, b->end, fmt, args);
    va_end(args);

    cl->buf = b;
    cl->next = NULL;
    *ctx->last = cl;
    ctx->last = &cl->next;
}


static ngx_int_t
io_answer(io_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r = ctx->request;

    r->headers_out.status = 200;

    for (cl = ctx->out; cl->next; cl = cl->next) { /* void */ }
    cl->buf->last_buf = 1;

    rc = ngx_http_send_header(r);

    return rc == NGX_ERROR || rc > NGX_OK || r->header_only
           ? rc : ngx_http_output_filter(r, ctx->out);
}


/*
 * /?backend=NAME&statement=...&a0=...&a1=...[&timeout=MS][&n=CALLS]
 *   [&detached=1][&cancel=1]
 */

static ngx_int_t
io_handler(ngx_http_request_t *r)
{
    char                 name[] = "a0";
    io_ctx_t            *ctx;
    ngx_int_t            i, n, k;
    ngx_str_t            value, statement, args[IO_ARGS];
    io_backend_t        *b;
    ngx_uint_t           nargs, detached;
    ngx_leadgen_call_t  *call;

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(io_ctx_t));
    ctx->request = r;
    ctx->last = &ctx->out;

    value = io_arg(r, "backend");
    b = NULL;

    for (k = 0; k < (ngx_int_t) io_nbackends; k++) {
        if (value.len == io_backends[k].conf.name.len
            && ngx_strncmp(value.data, io_backends[k].conf.name.data,
                           value.len) == 0)
        {
            b = &io_backends[k];
        }
    }

    statement = io_arg(r, "statement");

    if (b == NULL || statement.len == 0) {
        return io_state(r, ctx, b);
    }

    for (nargs = 0; nargs < IO_ARGS; nargs++) {
        name[1] = (char) ('0' + nargs);
        args[nargs] = io_arg(r, name);

        if (args[nargs].data == NULL) {
            break;
        }
    }

    n = ngx_min(io_number(r, "n", 1), IO_CALLS);
    detached = io_number(r, "detached", 0) ? 1 : 0;

    io_begun++;

    for (i = 0; i < n; i++) {
        call = ngx_leadgen_call_create(detached ? NULL : r->pool, nargs);
        call->statement = io_statement(&statement);
        call->work = ngx_strcmp(call->statement, "leave") == 0 ? io_leave
                                                               : io_sleep;
        call->done = detached ? io_detached : io_done;
        call->data = ctx;

        for (k = 0; k < (ngx_int_t) nargs; k++) {
            call->args[k] = args[k];

            if (detached) {             /* a leak of a test */
                call->args[k].data = ngx_alloc(args[k].len + 1,
                                               ngx_cycle->log);
                ngx_memcpy(call->args[k].data, args[k].data, args[k].len);
            }
        }

        if (ngx_leadgen_call_submit(b->backend, call,
                                    io_number(r, "timeout", 0))
            != NGX_OK)
        {
            io_print(ctx, "BUSY\n");
            ngx_leadgen_call_cancel(call);

        } else if (io_number(r, "cancel", 0)) {
            io_print(ctx, "CANCELED\n");
            ngx_leadgen_call_cancel(call);

        } else if (!detached) {
            ctx->pending++;
        }
    }

    if (ctx->pending == 0) {
        io_print(ctx, "SUBMITTED\n");
        return io_answer(ctx);
    }

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    return NGX_DONE;
}


static void
io_done(ngx_leadgen_call_t *call)
{
    io_ctx_t          *ctx = call->data;
    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_connection_t  *c = ctx->request->connection;

    io_print(ctx, "%s %s %V\n", io_results[call->result],
             call->code[0] ? call->code : "-", &call->error);

    for (i = 0; i < call->nrows * call->ncols; i++) {
        value = &call->values[i];

        if (value->data) {
            io_print(ctx, "= %V\n", value);

        } else {
            io_print(ctx, "= NULL\n");
        }
    }

    ngx_leadgen_call_cancel(call);

    if (--ctx->pending == 0) {
        ngx_http_finalize_request(ctx->request, io_answer(ctx));
        ngx_http_run_posted_requests(c);
    }
}


static void
io_detached(ngx_leadgen_call_t *call)
{
    ngx_uint_t  i;

    io_detached_done++;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "io: detached: %s",
                  io_results[call->result]);

    for (i = 0; i < call->nargs; i++) {
        ngx_free(call->args[i].data);
    }

    ngx_leadgen_call_cancel(call);
}


static ngx_int_t
io_state(ngx_http_request_t *r, io_ctx_t *ctx, io_backend_t *b)
{
    if (b) {
        io_print(ctx, "%s connected=%ui notified=%ui\n",
                 ngx_leadgen_backend_is_up(b->backend) ? "up" : "down",
                 b->connected, b->notified);
    } else {
        io_print(ctx, "gap=%M detached=%ui begun=%ui running=%uA\n", io_gap,
                 io_detached_done, io_begun, io_running);
        io_gap = 0;
    }

    return io_answer(ctx);
}
