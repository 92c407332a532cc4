
/*
 * Verification: a request about the audit log's chain goes in, what was found
 * comes out: the first row that is not as it was sealed, or none.
 *
 * Pages of 200 seals are small enough for the event loop, and an answer covers
 * a hundred of them: the next call goes on behind it.
 */


#include "ngx_leadgen_ctx.h"
#include <openssl/crypto.h>


#define NGX_LEADGEN_VERIFY_PAGE   200       /* seals, as in SQL */
#define NGX_LEADGEN_VERIFY_MOST   20000
#define NGX_LEADGEN_VERIFY_SCANS  20        /* pages of rows, 5000 each */


typedef enum {
    NGX_LEADGEN_VERIFY_BEFORE = 0,
    NGX_LEADGEN_VERIFY_BEFORE_MAC,
    NGX_LEADGEN_VERIFY_LAST,
    NGX_LEADGEN_VERIFY_ANCHORED,
    NGX_LEADGEN_VERIFY_ANCHOR_MAC,
    NGX_LEADGEN_VERIFY_WAITING,
    NGX_LEADGEN_VERIFY_ROW_CURSOR,
    NGX_LEADGEN_VERIFY_NTERMS
} ngx_leadgen_verify_term_e;


typedef enum {
    NGX_LEADGEN_VERIFY_SEQUENCE = 0,
    NGX_LEADGEN_VERIFY_ID,
    NGX_LEADGEN_VERIFY_DIGEST,
    NGX_LEADGEN_VERIFY_MAC,
    NGX_LEADGEN_VERIFY_CANON,
    NGX_LEADGEN_VERIFY_ANCHOR,
    NGX_LEADGEN_VERIFY_OLD,
    NGX_LEADGEN_VERIFY_NCOLS
} ngx_leadgen_verify_column_e;


/* Lifetime: request. */

typedef struct {
    int64_t                    sequence;    /* verified up to here */
    int64_t                    last;
    int64_t                    anchored;
    int64_t                    waiting;
    u_char                     mac[NGX_LEADGEN_CHAIN_TEXT];
    size_t                     mac_len;
    ngx_uint_t                 ranged;      /* not to the chain's end */
    ngx_uint_t                 checked;
    ngx_uint_t                 expired;
    ngx_uint_t                 scans;
    u_char                     row[NGX_LEADGEN_UUID_TEXT];
    size_t                     row_len;     /* rows behind it are looked at */

    const char                *problem;     /* NULL: none */
    int64_t                    bad;
    u_char                     bad_id[NGX_LEADGEN_UUID_TEXT];
    size_t                     bad_id_len;
} ngx_leadgen_verify_t;


static ngx_int_t ngx_leadgen_verify_begun(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_verify_next(ngx_http_request_t *r,
    ngx_leadgen_verify_t *verify);
static ngx_int_t ngx_leadgen_verify_seals(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static const char *ngx_leadgen_verify_seal(ngx_leadgen_verify_t *verify,
    const u_char *key, const ngx_str_t *value);
static ngx_int_t ngx_leadgen_verify_scan(ngx_http_request_t *r,
    ngx_leadgen_verify_t *verify);
static ngx_int_t ngx_leadgen_verify_scanned(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static void ngx_leadgen_verify_bad(ngx_leadgen_verify_t *verify,
    const char *problem, int64_t sequence, const ngx_str_t *id);
static ngx_int_t ngx_leadgen_verify_answer(ngx_http_request_t *r,
    ngx_leadgen_verify_t *verify, ngx_uint_t finished);
static ngx_uint_t ngx_leadgen_verify_same(const ngx_str_t *value,
    const u_char *text);
static ngx_int_t ngx_leadgen_verify_number(ngx_http_request_t *r,
    ngx_str_t *arg, int64_t number);


ngx_int_t
ngx_leadgen_verify_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (!mcf->audit_is_keyed) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_NOT_FOUND,
                                         NULL, NULL);
    }

    return ngx_leadgen_sql_submit(r, ctx,
                                  "select before, before_mac, last, anchored, "
                                  "anchor_mac, waiting, row_cursor "
                                  "from api.audit_ledger($1::jsonb)",
                                  NULL, NULL, ngx_leadgen_verify_begun);
}


static ngx_int_t
ngx_leadgen_verify_begun(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_str_t             *value;
    ngx_leadgen_verify_t  *verify;

    if (call->result != NGX_LEADGEN_CALL_OK || call->nrows != 1) {
        return ngx_leadgen_sql_refused(r, call);
    }

    verify = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_verify_t));
    if (verify == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = verify;
    value = call->values;

    verify->sequence = ngx_atoof(value[NGX_LEADGEN_VERIFY_BEFORE].data,
                                 value[NGX_LEADGEN_VERIFY_BEFORE].len);
    verify->last = ngx_atoof(value[NGX_LEADGEN_VERIFY_LAST].data,
                             value[NGX_LEADGEN_VERIFY_LAST].len);
    verify->anchored = ngx_atoof(value[NGX_LEADGEN_VERIFY_ANCHORED].data,
                                 value[NGX_LEADGEN_VERIFY_ANCHORED].len);
    verify->waiting = ngx_atoof(value[NGX_LEADGEN_VERIFY_WAITING].data,
                                value[NGX_LEADGEN_VERIFY_WAITING].len);
    verify->ranged = (ngx_strnstr(r->args.data ? r->args.data : (u_char *) "",
                                  "to=", r->args.len) != NULL);

    verify->mac_len = ngx_min(value[NGX_LEADGEN_VERIFY_BEFORE_MAC].len,
                              NGX_LEADGEN_CHAIN_TEXT);
    ngx_memcpy(verify->mac, value[NGX_LEADGEN_VERIFY_BEFORE_MAC].data,
               verify->mac_len);

    verify->row_len = ngx_min(value[NGX_LEADGEN_VERIFY_ROW_CURSOR].len,
                              NGX_LEADGEN_UUID_TEXT);

    if (verify->row_len) {
        ngx_memcpy(verify->row, value[NGX_LEADGEN_VERIFY_ROW_CURSOR].data,
                   verify->row_len);

        return ngx_leadgen_verify_scan(r, verify);
    }

    if (verify->sequence && verify->mac_len == 0) {
        ngx_leadgen_verify_bad(verify, "seal missing", verify->sequence, NULL);
        return ngx_leadgen_verify_answer(r, verify, 1);
    }

    return ngx_leadgen_verify_next(r, verify);
}


/* --- seals --- */

static ngx_int_t
ngx_leadgen_verify_next(ngx_http_request_t *r, ngx_leadgen_verify_t *verify)
{
    ngx_leadgen_call_t       *call;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    call = ngx_leadgen_call_create(r->pool, 2);

    if (call == NULL
        || ngx_leadgen_verify_number(r, &call->args[0], verify->sequence)
           != NGX_OK
        || (mcf->audit_retention
            && ngx_leadgen_verify_number(r, &call->args[1],
                                         mcf->audit_retention) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->statement = "select sequence, id, digest, mac, canon, anchor, old "
                      "from api.audit_verify($1::bigint, "
                      "make_interval(secs => $2::bigint))";

    return ngx_leadgen_await(r, ngx_leadgen_worker.database, call,
                             ngx_leadgen_verify_seals);
}


static ngx_int_t
ngx_leadgen_verify_seals(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_str_t                *value;
    ngx_uint_t                i;
    const char               *problem;
    ngx_leadgen_verify_t     *verify;
    ngx_leadgen_main_conf_t  *mcf;

    verify = ctx->state;
    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    if (call->result != NGX_LEADGEN_CALL_OK) {
        return ngx_leadgen_sql_refused(r, call);
    }

    value = call->values;

    for (i = 0; i < call->nrows; i++, value += NGX_LEADGEN_VERIFY_NCOLS) {

        if (verify->ranged && verify->sequence == verify->last) {
            return ngx_leadgen_verify_answer(r, verify, 1);
        }

        problem = ngx_leadgen_verify_seal(verify, mcf->audit_key, value);

        if (problem) {
            return ngx_leadgen_verify_answer(r, verify, 1);
        }
    }

    if (call->nrows == NGX_LEADGEN_VERIFY_PAGE) {
        return verify->checked < NGX_LEADGEN_VERIFY_MOST
               ? ngx_leadgen_verify_next(r, verify)
               : ngx_leadgen_verify_answer(r, verify, 0);
    }

    if (verify->sequence < ngx_max(verify->last, verify->anchored)) {
        ngx_leadgen_verify_bad(verify, "tail cut", verify->sequence + 1, NULL);
        return ngx_leadgen_verify_answer(r, verify, 1);
    }

    return verify->ranged ? ngx_leadgen_verify_answer(r, verify, 1)
                          : ngx_leadgen_verify_scan(r, verify);
}


/* NULL: as it was sealed; else what is wrong, which is noted, too. */

static const char *
ngx_leadgen_verify_seal(ngx_leadgen_verify_t *verify, const u_char *key,
    const ngx_str_t *value)
{
    u_char                     text[NGX_LEADGEN_CHAIN_TEXT];
    int64_t                    sequence;
    ngx_leadgen_chain_part_t   part;

    sequence = ngx_atoof(value[NGX_LEADGEN_VERIFY_SEQUENCE].data,
                         value[NGX_LEADGEN_VERIFY_SEQUENCE].len);

    if (sequence != verify->sequence + 1) {
        ngx_leadgen_verify_bad(verify, "seal missing", verify->sequence + 1,
                               NULL);
        return verify->problem;
    }

    part.previous.data = verify->mac;
    part.previous.len = verify->mac_len;
    part.sequence = sequence;
    part.id = value[NGX_LEADGEN_VERIFY_ID];
    part.digest = value[NGX_LEADGEN_VERIFY_DIGEST];

    if (ngx_leadgen_chain_seal(key, &part, text) != NGX_OK
        || !ngx_leadgen_verify_same(&value[NGX_LEADGEN_VERIFY_MAC], text))
    {
        ngx_leadgen_verify_bad(verify, "seal altered", sequence, &part.id);
        return verify->problem;
    }

    verify->mac_len = NGX_LEADGEN_CHAIN_TEXT;
    ngx_memcpy(verify->mac, text, NGX_LEADGEN_CHAIN_TEXT);

    if (value[NGX_LEADGEN_VERIFY_CANON].data == NULL) {

        if (value[NGX_LEADGEN_VERIFY_OLD].data[0] != 't') {
            ngx_leadgen_verify_bad(verify, "row deleted", sequence, &part.id);
        }

        verify->expired++;

    } else if (ngx_leadgen_chain_digest(&value[NGX_LEADGEN_VERIFY_CANON], text)
               != NGX_OK
               || !ngx_leadgen_verify_same(&part.digest, text))
    {
        ngx_leadgen_verify_bad(verify, "row altered", sequence, &part.id);
    }

    if (verify->problem == NULL
        && value[NGX_LEADGEN_VERIFY_ANCHOR].data
        && !ngx_leadgen_verify_same(&value[NGX_LEADGEN_VERIFY_ANCHOR],
                                    verify->mac))
    {
        ngx_leadgen_verify_bad(verify, "anchor altered", sequence, &part.id);
    }

    verify->sequence = sequence;
    verify->checked++;

    return verify->problem;
}


/* --- rows that are not in the chain --- */

static ngx_int_t
ngx_leadgen_verify_scan(ngx_http_request_t *r, ngx_leadgen_verify_t *verify)
{
    ngx_leadgen_call_t  *call;

    if (verify->scans++ == NGX_LEADGEN_VERIFY_SCANS) {
        return ngx_leadgen_verify_answer(r, verify, 0);
    }

    call = ngx_leadgen_call_create(r->pool, 1);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (verify->row_len) {
        call->args[0].data = verify->row;
        call->args[0].len = verify->row_len;
    }

    call->statement = "select next, stranger from api.audit_strangers"
                      "($1::uuid)";

    return ngx_leadgen_await(r, ngx_leadgen_worker.database, call,
                             ngx_leadgen_verify_scanned);
}


static ngx_int_t
ngx_leadgen_verify_scanned(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_str_t             *value;
    ngx_leadgen_verify_t  *verify;

    verify = ctx->state;
    value = call->values;

    if (call->result != NGX_LEADGEN_CALL_OK || call->nrows != 1) {
        return ngx_leadgen_sql_refused(r, call);
    }

    if (value[1].len) {
        ngx_leadgen_verify_bad(verify, "row added", 0, &value[1]);
        return ngx_leadgen_verify_answer(r, verify, 1);
    }

    if (value[0].len != NGX_LEADGEN_UUID_TEXT) {
        return ngx_leadgen_verify_answer(r, verify, 1);
    }

    verify->row_len = NGX_LEADGEN_UUID_TEXT;
    ngx_memcpy(verify->row, value[0].data, NGX_LEADGEN_UUID_TEXT);

    return ngx_leadgen_verify_scan(r, verify);
}


/* --- the answer --- */

static void
ngx_leadgen_verify_bad(ngx_leadgen_verify_t *verify, const char *problem,
    int64_t sequence, const ngx_str_t *id)
{
    verify->problem = problem;
    verify->bad = sequence;

    if (id && id->len == NGX_LEADGEN_UUID_TEXT) {
        verify->bad_id_len = id->len;
        ngx_memcpy(verify->bad_id, id->data, id->len);
    }
}


static ngx_int_t
ngx_leadgen_verify_answer(ngx_http_request_t *r, ngx_leadgen_verify_t *verify,
    ngx_uint_t finished)
{
    u_char   cursor[NGX_INT64_LEN], *last;
    json_t  *bad, *next;

    bad = NULL;
    next = NULL;

    if (verify->problem) {
        bad = json_pack("{s:s, s:o?, s:o?}", "problem", verify->problem,
                        "sequence",
                        verify->bad ? json_integer(verify->bad) : NULL,
                        "id",
                        verify->bad_id_len
                        ? json_stringn((char *) verify->bad_id,
                                       verify->bad_id_len) : NULL);

    } else if (!finished && verify->row_len) {
        next = json_stringn((char *) verify->row, verify->row_len);

    } else if (!finished) {
        last = ngx_sprintf(cursor, "%L", verify->sequence);
        next = json_stringn((char *) cursor, last - cursor);
    }

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK,
        json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s%, s:o?, s:o?}",
                  "valid", verify->problem == NULL,
                  "checked", (json_int_t) verify->checked,
                  "expired", (json_int_t) verify->expired,
                  "waiting", (json_int_t) verify->waiting,
                  "sequence", (json_int_t) verify->sequence,
                  "seals", (json_int_t) verify->last,
                  "anchored", (json_int_t) verify->anchored,
                  "mac", verify->mac, verify->mac_len,
                  "first_bad", bad,
                  "next_cursor", next));
}


static ngx_uint_t
ngx_leadgen_verify_same(const ngx_str_t *value, const u_char *text)
{
    return value->len == NGX_LEADGEN_CHAIN_TEXT
           && CRYPTO_memcmp(value->data, text, NGX_LEADGEN_CHAIN_TEXT) == 0;
}


static ngx_int_t
ngx_leadgen_verify_number(ngx_http_request_t *r, ngx_str_t *arg,
    int64_t number)
{
    arg->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (arg->data == NULL) {
        return NGX_ERROR;
    }

    arg->len = ngx_sprintf(arg->data, "%L", number) - arg->data;

    return NGX_OK;
}
