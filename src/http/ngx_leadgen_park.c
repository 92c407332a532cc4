
/*
 * Parking: a request goes in whose foreign token was not seen before, or whose
 * user was changed since, and is judged when the database has said whether the
 * user may come in.
 *
 * One question is asked for a token, however many requests bring it.  It is the
 * worker's and no request's: clients may leave, the answer stays with the
 * token's verdict.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_PARK_TIMES  3           /* questions for a request */


/* Lifetime: worker, until the answer.  The token stands behind it. */

typedef struct {
    ngx_queue_t             queue;          /* of those that are asked */
    ngx_queue_t             waiters;
    ngx_str_t               token;
    u_char                  user_id[NGX_INT64_LEN];
} ngx_leadgen_park_question_t;


/* Lifetime: request. */

struct ngx_leadgen_park_s {
    ngx_queue_t             queue;          /* of its question's waiters */
    ngx_http_request_t     *request;
    ngx_uint_t              times;
    uint64_t                began;          /* ngx_leadgen_histogram_now() */
    ngx_leadgen_problem_e   problem;        /* why there was no answer */
    unsigned                waiting:1;
};


static ngx_leadgen_park_t *ngx_leadgen_park_create(ngx_http_request_t *r);
static void ngx_leadgen_park_cleanup(void *data);
static ngx_leadgen_park_question_t *ngx_leadgen_park_question(
    ngx_http_request_t *r);
static ngx_leadgen_park_question_t *ngx_leadgen_park_find(
    const ngx_str_t *token);
static ngx_leadgen_park_question_t *ngx_leadgen_park_submit(
    const ngx_str_t *token, int64_t user_id);
static void ngx_leadgen_park_answer(ngx_leadgen_call_t *call);
static ngx_leadgen_problem_e ngx_leadgen_park_keep(
    const ngx_leadgen_park_question_t *question,
    const ngx_leadgen_call_t *call);
static void ngx_leadgen_park_resume(ngx_leadgen_park_t *park,
    ngx_leadgen_problem_e problem);


static const char  ngx_leadgen_park_statement[] =
    "select is_active, resolved_at from api.caller_resolve($1::bigint)";

/* Lifetime: worker. */
static ngx_queue_t  ngx_leadgen_park_asked = {
    &ngx_leadgen_park_asked, &ngx_leadgen_park_asked
};


ngx_leadgen_problem_e
ngx_leadgen_park(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    ngx_leadgen_park_t           *park;
    ngx_leadgen_park_question_t  *question;

    if (ctx->park == NULL) {
        ctx->park = ngx_leadgen_park_create(r);
    }

    park = ctx->park;

    if (park == NULL) {
        return NGX_LEADGEN_PROBLEM_INTERNAL;
    }

    if (park->problem != NGX_LEADGEN_PROBLEM_NONE) {
        return park->problem;
    }

    question = park->times++ < NGX_LEADGEN_PARK_TIMES
               ? ngx_leadgen_park_question(r) : NULL;

    if (question == NULL) {
        return ngx_leadgen_await_problem(ngx_leadgen_worker.database);
    }

    /* whoever leaves while waiting is noticed, and nothing else happens */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (r->connection->read->ready) {
        ngx_post_event(r->connection->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_LEADGEN_PROBLEM_INTERNAL;
    }

    park->waiting = 1;
    park->began = ngx_leadgen_histogram_now();
    ngx_queue_insert_tail(&question->waiters, &park->queue);

    return NGX_LEADGEN_PROBLEM_NONE;
}


void
ngx_leadgen_park_ask(ngx_http_request_t *r)
{
    (void) ngx_leadgen_park_question(r);
}


static ngx_leadgen_park_t *
ngx_leadgen_park_create(ngx_http_request_t *r)
{
    ngx_leadgen_park_t  *park;
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(r, sizeof(ngx_leadgen_park_t));
    if (cln == NULL) {
        return NULL;
    }

    park = cln->data;
    ngx_memzero(park, sizeof(ngx_leadgen_park_t));

    park->request = r;
    cln->handler = ngx_leadgen_park_cleanup;

    return park;
}


static void
ngx_leadgen_park_cleanup(void *data)
{
    ngx_leadgen_park_t  *park = data;

    if (park->waiting) {
        park->waiting = 0;
        ngx_queue_remove(&park->queue);
    }
}


/* The question for the request's token, asked now or before; NULL: the database
 * takes none. */

static ngx_leadgen_park_question_t *
ngx_leadgen_park_question(ngx_http_request_t *r)
{
    ngx_str_t                     token;
    ngx_leadgen_principal_t       principal;
    ngx_leadgen_main_conf_t      *mcf;
    ngx_leadgen_park_question_t  *question;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (ngx_leadgen_credential(r, ngx_leadgen_ctx(r), &token)
           != NGX_LEADGEN_PROBLEM_NONE
        || ngx_leadgen_verdict(r->pool, mcf->keys, &token, &principal)
           != NGX_LEADGEN_PROBLEM_NONE)
    {
        return NULL;
    }

    question = ngx_leadgen_park_find(&token);

    return question ? question
                    : ngx_leadgen_park_submit(&token, principal.user_id);
}


static ngx_leadgen_park_question_t *
ngx_leadgen_park_find(const ngx_str_t *token)
{
    ngx_queue_t                  *q;
    ngx_leadgen_park_question_t  *question;

    for (q = ngx_queue_head(&ngx_leadgen_park_asked);
         q != ngx_queue_sentinel(&ngx_leadgen_park_asked);
         q = ngx_queue_next(q))
    {
        question = ngx_queue_data(q, ngx_leadgen_park_question_t, queue);

        if (question->token.len == token->len
            && CRYPTO_memcmp(question->token.data, token->data, token->len)
               == 0)
        {
            return question;
        }
    }

    return NULL;
}


static ngx_leadgen_park_question_t *
ngx_leadgen_park_submit(const ngx_str_t *token, int64_t user_id)
{
    ngx_leadgen_call_t           *call;
    ngx_leadgen_park_question_t  *question;

    call = ngx_leadgen_call_create(NULL, 1);
    question = ngx_alloc(sizeof(ngx_leadgen_park_question_t) + token->len,
                         ngx_cycle->log);

    if (call == NULL || question == NULL) {
        goto failed;
    }

    ngx_queue_init(&question->waiters);

    question->token.len = token->len;
    question->token.data = (u_char *) &question[1];
    ngx_memcpy(question->token.data, token->data, token->len);

    call->data = question;
    call->done = ngx_leadgen_park_answer;
    call->statement = ngx_leadgen_park_statement;
    call->args[0].data = question->user_id;
    call->args[0].len = ngx_sprintf(question->user_id, "%L", user_id)
                        - question->user_id;

    if (ngx_leadgen_worker.database == NULL
        || ngx_leadgen_call_submit(ngx_leadgen_worker.database, call, 0)
           != NGX_OK)
    {
        goto failed;
    }

    ngx_queue_insert_head(&ngx_leadgen_park_asked, &question->queue);

    return question;

failed:

    if (call) {
        ngx_leadgen_call_cancel(call);
    }

    if (question) {
        ngx_free(question);
    }

    return NULL;
}


/* Whoever goes on may end others that wait, of the same connection. */

static void
ngx_leadgen_park_answer(ngx_leadgen_call_t *call)
{
    ngx_queue_t                  *q;
    ngx_leadgen_problem_e         problem;
    ngx_leadgen_park_question_t  *question = call->data;

    ngx_queue_remove(&question->queue);

    problem = ngx_leadgen_park_keep(question, call);

    while (!ngx_queue_empty(&question->waiters)) {
        q = ngx_queue_head(&question->waiters);

        ngx_leadgen_park_resume(ngx_queue_data(q, ngx_leadgen_park_t, queue),
                                problem);
    }

    ngx_explicit_memzero(question->token.data, question->token.len);
    ngx_free(question);
}


static ngx_leadgen_problem_e
ngx_leadgen_park_keep(const ngx_leadgen_park_question_t *question,
    const ngx_leadgen_call_t *call)
{
    time_t  resolved;

    if (call->result != NGX_LEADGEN_CALL_OK) {
        return ngx_leadgen_sql_problem(call);
    }

    if (call->nrows != 1 || call->ncols != 2 || call->values[0].len != 1) {
        return NGX_LEADGEN_PROBLEM_INTERNAL;
    }

    resolved = ngx_atotm(call->values[1].data, call->values[1].len);

    if (resolved <= 0) {
        return NGX_LEADGEN_PROBLEM_INTERNAL;
    }

    if (call->values[0].data[0] != 't') {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "leadgen: park: there is no active user %V, whom a "
                      "foreign token stands for", &call->args[0]);
        resolved = 0;
    }

    ngx_leadgen_verdict_resolve(&question->token, resolved);

    return NGX_LEADGEN_PROBLEM_NONE;
}


static void
ngx_leadgen_park_resume(ngx_leadgen_park_t *park, ngx_leadgen_problem_e problem)
{
    ngx_str_t            what;
    ngx_connection_t    *c;
    ngx_leadgen_ctx_t   *ctx;
    ngx_http_request_t  *r;

    ngx_leadgen_park_cleanup(park);

    park->problem = problem;
    r = park->request;
    c = r->connection;
    ctx = ngx_leadgen_ctx(r);

    ngx_http_set_log_request(c->log, r);

    what.data = (u_char *) ngx_leadgen_park_statement;
    what.len = sizeof(ngx_leadgen_park_statement) - 1;
    ngx_leadgen_scope_step(ctx, DATABASE, park->began,
                           ngx_leadgen_problems[problem].status, &what);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}
