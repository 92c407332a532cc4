
/*
 * Attempts at what might be guessed, or asked for too often: whose account and
 * what is attempted go in; the request goes on, or is told when to come again.
 */


#include "ngx_leadgen_ctx.h"


/* Lifetime: request. */

struct ngx_leadgen_attempt_s {
    ngx_http_request_t        *request;
    ngx_leadgen_attempt_e      kind;
    ngx_leadgen_await_pt       next;
    ngx_leadgen_throttle_t     throttle;
};


static ngx_leadgen_attempt_t *ngx_leadgen_attempt_create(
    ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx, ngx_leadgen_attempt_e kind,
    ngx_leadgen_await_pt next);
static ngx_uint_t ngx_leadgen_attempt_is_ascii(const ngx_str_t *text);
static ngx_int_t ngx_leadgen_attempt_named(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_attempt_admit(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, const ngx_str_t *account);
static void ngx_leadgen_attempt_left(void *data);


static const char  ngx_leadgen_attempt_account_sql[] =
    "select api.login_account($1)";

static const ngx_leadgen_throttle_aim_e  ngx_leadgen_attempt_aims[] = {
    NGX_LEADGEN_THROTTLE_PASSWORD,          /* LOGIN */
    NGX_LEADGEN_THROTTLE_PASSWORD,          /* CHANGE */
    NGX_LEADGEN_THROTTLE_MAIL,              /* RESET */
    NGX_LEADGEN_THROTTLE_LINK               /* CONFIRM */
};


ngx_int_t
ngx_leadgen_attempt_typed(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_attempt_e kind, const ngx_str_t *email,
    ngx_leadgen_await_pt next)
{
    ngx_leadgen_call_t  *call;

    if (ngx_leadgen_attempt_is_ascii(email)) {
        return ngx_leadgen_attempt(r, ctx, kind, email, next);
    }

    /* in Unicode one account has many spellings, and only one throttle */

    ctx->attempt = ngx_leadgen_attempt_create(r, ctx, kind, next);
    call = ngx_leadgen_call_create(r->pool, 1);

    if (ctx->attempt == NULL || call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->statement = ngx_leadgen_attempt_account_sql;
    call->args[0] = *email;

    return ngx_leadgen_await(r, ngx_leadgen_worker.database, call,
                             ngx_leadgen_attempt_named);
}


ngx_int_t
ngx_leadgen_attempt(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_attempt_e kind, const ngx_str_t *account,
    ngx_leadgen_await_pt next)
{
    ctx->attempt = ngx_leadgen_attempt_create(r, ctx, kind, next);

    return ctx->attempt ? ngx_leadgen_attempt_admit(r, ctx, account)
                        : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_leadgen_attempt_t *
ngx_leadgen_attempt_create(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_attempt_e kind, ngx_leadgen_await_pt next)
{
    ngx_pool_cleanup_t     *cln;
    ngx_leadgen_attempt_t  *attempt;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_leadgen_attempt_t));
    if (cln == NULL) {
        return NULL;
    }

    attempt = cln->data;
    ngx_memzero(attempt, sizeof(ngx_leadgen_attempt_t));

    attempt->request = r;
    attempt->kind = kind;
    attempt->next = next;
    cln->handler = ngx_leadgen_attempt_left;

    return attempt;
}


static ngx_uint_t
ngx_leadgen_attempt_is_ascii(const ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] >= 0x80) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_leadgen_attempt_named(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    if (call->result != NGX_LEADGEN_CALL_OK
        || call->nrows != 1 || call->ncols != 1)
    {
        return ngx_leadgen_sql_refused(r, call);
    }

    return ngx_leadgen_attempt_admit(r, ctx, &call->values[0]);
}


static ngx_int_t
ngx_leadgen_attempt_admit(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    const ngx_str_t *account)
{
    ngx_uint_t              seconds;
    ngx_leadgen_attempt_t  *attempt = ctx->attempt;

    seconds = ngx_leadgen_throttle_admit(&attempt->throttle,
                                    ngx_leadgen_attempt_aims[attempt->kind],
                                    account, r->connection->sockaddr);

    if (seconds == 0) {
        return attempt->next(r, ctx, NULL);
    }

    if (attempt->kind == NGX_LEADGEN_ATTEMPT_LOGIN) {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_LOGINS_THROTTLED, 1);
    }

    return ngx_leadgen_reply_retry(r, NGX_LEADGEN_PROBLEM_THROTTLED, seconds);
}


void
ngx_leadgen_attempt_end(ngx_leadgen_attempt_t *attempt,
    ngx_leadgen_throttle_outcome_e outcome)
{
    if (!attempt->throttle.pending) {
        return;
    }

    ngx_leadgen_throttle_end(&attempt->throttle, outcome);

    if (attempt->kind == NGX_LEADGEN_ATTEMPT_LOGIN
        && outcome != NGX_LEADGEN_THROTTLE_UNDECIDED)
    {
        ngx_leadgen_metric_add(outcome == NGX_LEADGEN_THROTTLE_SUCCEEDED
                               ? NGX_LEADGEN_METRIC_LOGINS_SUCCEEDED
                               : NGX_LEADGEN_METRIC_LOGINS_FAILED, 1);
    }
}


/* A client that did not wait for its answer has had its attempt. */

static void
ngx_leadgen_attempt_left(void *data)
{
    ngx_leadgen_attempt_t  *attempt = data;

    ngx_leadgen_attempt_end(attempt, attempt->request->header_sent
                                     ? NGX_LEADGEN_THROTTLE_UNDECIDED
                                     : NGX_LEADGEN_THROTTLE_FAILED);
}
