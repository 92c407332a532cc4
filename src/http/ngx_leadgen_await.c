
/*
 * Waiting: a request and a call go in, the request goes on when the call has
 * ended.  When the client leaves first, the request's pool cancels the call.
 */


#include "ngx_leadgen_ctx.h"


/* Lifetime: request. */

typedef struct {
    ngx_http_request_t   *request;
    ngx_leadgen_await_pt  next;
} ngx_leadgen_await_t;


static void ngx_leadgen_await_done(ngx_leadgen_call_t *call);
static void ngx_leadgen_await_step(ngx_leadgen_ctx_t *ctx,
    const ngx_leadgen_call_t *call);


ngx_int_t
ngx_leadgen_await(ngx_http_request_t *r, ngx_leadgen_backend_t *backend,
    ngx_leadgen_call_t *call, ngx_leadgen_await_pt next)
{
    ngx_leadgen_await_t  *await;

    await = ngx_palloc(r->pool, sizeof(ngx_leadgen_await_t));
    if (await == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    await->request = r;
    await->next = next;
    call->data = await;
    call->done = ngx_leadgen_await_done;

    if (backend == NULL
        || ngx_leadgen_call_submit(backend, call, 0) != NGX_OK)
    {
        return ngx_leadgen_reply_problem(r,
                                         ngx_leadgen_await_problem(backend),
                                         NULL, NULL);
    }

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    return NGX_DONE;
}


ngx_leadgen_problem_e
ngx_leadgen_await_problem(ngx_leadgen_backend_t *backend)
{
    return backend && ngx_leadgen_backend_is_up(backend)
           ? NGX_LEADGEN_PROBLEM_BUSY : NGX_LEADGEN_PROBLEM_DATABASE_AWAY;
}


static void
ngx_leadgen_await_done(ngx_leadgen_call_t *call)
{
    ngx_int_t             rc;
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_leadgen_await_t  *await;

    await = call->data;
    r = await->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_leadgen_await_step(ngx_leadgen_ctx(r), call);

    rc = await->next(r, ngx_leadgen_ctx(r), call);

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* Statements are constants without values. */

static void
ngx_leadgen_await_step(ngx_leadgen_ctx_t *ctx, const ngx_leadgen_call_t *call)
{
    ngx_str_t   what;
    ngx_uint_t  status;

    static const ngx_uint_t  statuses[] = {
        NGX_HTTP_OK,                        /* OK */
        NGX_HTTP_BAD_REQUEST,               /* REFUSED */
        NGX_HTTP_INTERNAL_SERVER_ERROR,     /* LOST */
        NGX_HTTP_SERVICE_UNAVAILABLE,       /* UNSENT */
        NGX_HTTP_GATEWAY_TIME_OUT           /* TIMEOUT */
    };

    if (ctx == NULL || ctx->scope == NULL) {
        return;
    }

    status = statuses[call->result];

    if (call->statement == NULL) {
        ngx_str_set(&what, "a thread");
        ngx_leadgen_scope_step(ctx, THREAD, call->began, status, &what);
        return;
    }

    what.data = (u_char *) call->statement;
    what.len = ngx_strlen(call->statement);
    ngx_leadgen_scope_step(ctx, DATABASE, call->began, status, &what);
}
