
/*
 * Sealing: rows of the audit log that wait for their seal enter, seals and
 * every minute an anchor leave.  One worker of each gateway is at it; of
 * several gateways the first to seal a row wins.
 */


#include "ngx_leadgen_ctx.h"
#include <openssl/crypto.h>


#define NGX_LEADGEN_SEAL_REST   1000        /* milliseconds */
#define NGX_LEADGEN_SEAL_STRANGE  60000
#define NGX_LEADGEN_SEAL_PAGE   500         /* rows or more, as in SQL */


typedef enum {
    NGX_LEADGEN_SEAL_SEQUENCE = 0,
    NGX_LEADGEN_SEAL_MAC,
    NGX_LEADGEN_SEAL_BEFORE,
    NGX_LEADGEN_SEAL_HEAD_ID,
    NGX_LEADGEN_SEAL_HEAD_DIGEST,
    NGX_LEADGEN_SEAL_BATCHES,
    NGX_LEADGEN_SEAL_IDS,
    NGX_LEADGEN_SEAL_DIGESTS
} ngx_leadgen_seal_column_e;


/* Lifetime: worker. */

typedef struct {
    const ngx_leadgen_main_conf_t  *conf;       /* NULL: nothing is sealed */
    ngx_leadgen_backend_t          *database;
    ngx_event_t                     timer;
    ngx_pool_t                     *pool;       /* of one call; NULL: idle */
    int64_t                         head;       /* the last that we know of */
    int64_t                         sealing;    /* what it will be */
    ngx_uint_t                      n;
    unsigned                        told:1;     /* how long rows are kept */
} ngx_leadgen_seal_t;


static void ngx_leadgen_seal_run(ngx_event_t *ev);
static ngx_leadgen_call_t *ngx_leadgen_seal_call(const char *statement,
    ngx_uint_t nargs, ngx_leadgen_call_done_pt done);
static void ngx_leadgen_seal_submit(ngx_leadgen_call_t *call);
static void ngx_leadgen_seal_told(ngx_leadgen_call_t *call);
static void ngx_leadgen_seal_found(ngx_leadgen_call_t *call);
static ngx_uint_t ngx_leadgen_seal_is_ours(const ngx_str_t *value);
static ngx_int_t ngx_leadgen_seal_rows(ngx_leadgen_call_t *call,
    ngx_leadgen_call_t *seal);
static ngx_int_t ngx_leadgen_seal_next(ngx_str_t *array, size_t len,
    ngx_str_t *element);
static void ngx_leadgen_seal_sealed(ngx_leadgen_call_t *call);
static void ngx_leadgen_seal_anchor(void);
static void ngx_leadgen_seal_anchored(ngx_leadgen_call_t *call);
static void ngx_leadgen_seal_rest(ngx_msec_t delay);


static ngx_leadgen_seal_t  ngx_leadgen_seal;


void
ngx_leadgen_seal_start(const ngx_leadgen_main_conf_t *conf,
    ngx_leadgen_backend_t *database)
{
    ngx_event_t  *timer;

    /* nginx's debug log looks into data for a connection */
    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(&ngx_leadgen_seal, sizeof(ngx_leadgen_seal_t));

    if (ngx_worker != 0 || !conf->audit_is_keyed) {
        return;
    }

    ngx_leadgen_seal.conf = conf;
    ngx_leadgen_seal.database = database;

    timer = &ngx_leadgen_seal.timer;
    timer->handler = ngx_leadgen_seal_run;
    timer->data = &none;
    timer->log = ngx_cycle->log;
    timer->cancelable = 1;

    ngx_add_timer(timer, NGX_LEADGEN_SEAL_REST);
}


void
ngx_leadgen_seal_stop(void)
{
    if (ngx_leadgen_seal.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_seal.timer);
    }

    if (ngx_leadgen_seal.pool) {
        ngx_destroy_pool(ngx_leadgen_seal.pool);
    }

    ngx_memzero(&ngx_leadgen_seal, sizeof(ngx_leadgen_seal_t));
}


static void
ngx_leadgen_seal_run(ngx_event_t *ev)
{
    ngx_leadgen_call_t  *call;

    if (ngx_exiting) {
        return;
    }

    if (!ngx_leadgen_seal.told) {
        call = ngx_leadgen_seal_call("select api.audit_retention("
                                     "make_interval(secs => $1::bigint))", 1,
                                     ngx_leadgen_seal_told);

        if (call && ngx_leadgen_seal.conf->audit_retention) {
            call->args[0].data = ngx_pnalloc(ngx_leadgen_seal.pool,
                                             NGX_TIME_T_LEN);
            if (call->args[0].data == NULL) {
                ngx_leadgen_seal_rest(NGX_LEADGEN_SEAL_REST);
                return;
            }

            call->args[0].len = ngx_sprintf(call->args[0].data, "%T",
                                    ngx_leadgen_seal.conf->audit_retention)
                                - call->args[0].data;
        }

    } else {
        call = ngx_leadgen_seal_call("select sequence, mac, before, head_id, "
                                     "head_digest, batches, ids, digests "
                                     "from api.audit_unsealed()", 0,
                                     ngx_leadgen_seal_found);
    }

    ngx_leadgen_seal_submit(call);
}


/* --- calls, each in a pool of its own --- */

static ngx_leadgen_call_t *
ngx_leadgen_seal_call(const char *statement, ngx_uint_t nargs,
    ngx_leadgen_call_done_pt done)
{
    ngx_pool_t          *pool;
    ngx_leadgen_call_t  *call;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    call = ngx_leadgen_call_create(pool, nargs);
    if (call == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    call->statement = statement;
    call->done = done;

    if (ngx_leadgen_seal.pool) {
        ngx_destroy_pool(ngx_leadgen_seal.pool);
    }

    ngx_leadgen_seal.pool = pool;

    return call;
}


static void
ngx_leadgen_seal_submit(ngx_leadgen_call_t *call)
{
    if (call == NULL
        || ngx_leadgen_call_submit(ngx_leadgen_seal.database, call, 0)
           != NGX_OK)
    {
        ngx_leadgen_seal_rest(NGX_LEADGEN_SEAL_REST);
    }
}


static void
ngx_leadgen_seal_told(ngx_leadgen_call_t *call)
{
    ngx_leadgen_seal.told = (call->result == NGX_LEADGEN_CALL_OK
                             || call->result == NGX_LEADGEN_CALL_REFUSED);

    ngx_leadgen_seal_rest(NGX_LEADGEN_SEAL_REST);
}


static void
ngx_leadgen_seal_found(ngx_leadgen_call_t *call)
{
    int64_t              head;
    ngx_leadgen_call_t  *seal;

    if (call->result != NGX_LEADGEN_CALL_OK) {
        ngx_leadgen_seal_rest(NGX_LEADGEN_SEAL_REST);
        return;
    }

    if (call->nrows == 0) {
        ngx_leadgen_seal_anchor();
        return;
    }

    head = ngx_atoof(call->values[NGX_LEADGEN_SEAL_SEQUENCE].data,
                     call->values[NGX_LEADGEN_SEAL_SEQUENCE].len);

    if (head < ngx_leadgen_seal.head) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "leadgen: seal: the chain over the audit log was cut: "
                      "it had %L seals and has %L",
                      ngx_leadgen_seal.head, head);
    }

    ngx_leadgen_seal.head = head;

    if (head && !ngx_leadgen_seal_is_ours(call->values)) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "leadgen: seal: the last seal of the audit log was made "
                      "with another key: nothing is sealed with this one");
        ngx_leadgen_seal_rest(NGX_LEADGEN_SEAL_STRANGE);
        return;
    }

    /* the pool of what was found lives until all of it is copied */

    seal = ngx_leadgen_call_create(ngx_leadgen_seal.pool, 5);

    if (seal == NULL || ngx_leadgen_seal_rows(call, seal) != NGX_OK) {
        ngx_leadgen_seal_rest(NGX_LEADGEN_SEAL_REST);
        return;
    }

    seal->statement = "select api.audit_seal($1::bigint, $2::bigint[], "
                      "$3::uuid[], $4::text[], $5::text[])";
    seal->done = ngx_leadgen_seal_sealed;

    ngx_leadgen_seal_submit(seal);
}


/* A chain of two keys could be verified with neither. */

static ngx_uint_t
ngx_leadgen_seal_is_ours(const ngx_str_t *value)
{
    u_char                    mac[NGX_LEADGEN_CHAIN_TEXT];
    ngx_leadgen_chain_part_t  part;

    part.previous = value[NGX_LEADGEN_SEAL_BEFORE];
    part.sequence = ngx_leadgen_seal.head;
    part.id = value[NGX_LEADGEN_SEAL_HEAD_ID];
    part.digest = value[NGX_LEADGEN_SEAL_HEAD_DIGEST];

    return ngx_leadgen_chain_seal(ngx_leadgen_seal.conf->audit_key, &part, mac)
           == NGX_OK
           && value[NGX_LEADGEN_SEAL_MAC].len == NGX_LEADGEN_CHAIN_TEXT
           && CRYPTO_memcmp(value[NGX_LEADGEN_SEAL_MAC].data, mac,
                            NGX_LEADGEN_CHAIN_TEXT) == 0;
}


/* The arguments of api.audit_seal: all but the macs as they came. */

static ngx_int_t
ngx_leadgen_seal_rows(ngx_leadgen_call_t *call, ngx_leadgen_call_t *seal)
{
    u_char                     mac[NGX_LEADGEN_CHAIN_TEXT], *p, *last, comma;
    ngx_str_t                 *value, ids, digests;
    ngx_uint_t                 i;
    ngx_leadgen_chain_part_t   part;

    static const ngx_uint_t  as_they_came[] = {
        NGX_LEADGEN_SEAL_SEQUENCE,
        NGX_LEADGEN_SEAL_BATCHES,
        NGX_LEADGEN_SEAL_IDS,
        NGX_LEADGEN_SEAL_DIGESTS
    };

    value = call->values;

    for (i = 0; i < 4; i++) {
        seal->args[i].len = value[as_they_came[i]].len;
        seal->args[i].data = ngx_pstrdup(ngx_leadgen_seal.pool,
                                         &value[as_they_came[i]]);
        if (seal->args[i].data == NULL) {
            return NGX_ERROR;
        }
    }

    ids = value[NGX_LEADGEN_SEAL_IDS];
    digests = value[NGX_LEADGEN_SEAL_DIGESTS];

    /* macs are as long as digests, and as many */

    p = ngx_pnalloc(ngx_leadgen_seal.pool, digests.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    seal->args[4].data = p;
    last = p + digests.len;

    part.previous = value[NGX_LEADGEN_SEAL_MAC];
    part.sequence = ngx_leadgen_seal.head;
    comma = '{';

    while (ngx_leadgen_seal_next(&ids, NGX_LEADGEN_UUID_TEXT, &part.id)
           == NGX_OK)
    {
        part.sequence++;

        if (ngx_leadgen_seal_next(&digests, NGX_LEADGEN_CHAIN_TEXT,
                                  &part.digest) != NGX_OK
            || ngx_leadgen_chain_seal(ngx_leadgen_seal.conf->audit_key, &part,
                                      mac) != NGX_OK)
        {
            return NGX_ERROR;
        }

        part.previous.data = mac;
        part.previous.len = NGX_LEADGEN_CHAIN_TEXT;

        *p++ = comma;
        p = ngx_cpymem(p, mac, NGX_LEADGEN_CHAIN_TEXT);
        comma = ',';
    }

    if (p + 1 != last) {
        return NGX_ERROR;
    }

    *p++ = '}';
    seal->args[4].len = p - seal->args[4].data;

    ngx_leadgen_seal.sealing = part.sequence;
    ngx_leadgen_seal.n = part.sequence - ngx_leadgen_seal.head;

    return NGX_OK;
}


/* Takes the first element, of a length that all have, off an array as text. */

static ngx_int_t
ngx_leadgen_seal_next(ngx_str_t *array, size_t len, ngx_str_t *element)
{
    if (array->len < len + 2) {
        return NGX_ERROR;
    }

    element->data = array->data + 1;
    element->len = len;

    array->data += len + 1;
    array->len -= len + 1;

    return NGX_OK;
}


static void
ngx_leadgen_seal_sealed(ngx_leadgen_call_t *call)
{
    if (call->result == NGX_LEADGEN_CALL_OK && call->nrows == 1
        && call->values[0].len && call->values[0].data[0] != '0')
    {
        ngx_leadgen_seal.head = ngx_leadgen_seal.sealing;
    }

    if (call->result == NGX_LEADGEN_CALL_OK
        && ngx_leadgen_seal.n >= NGX_LEADGEN_SEAL_PAGE)
    {
        ngx_leadgen_seal_rest(1);
        return;
    }

    ngx_leadgen_seal_anchor();
}


/* PostgreSQL's clock says whether one is due; the log keeps a copy of it where
 * who owns the database can't reach it. */

static void
ngx_leadgen_seal_anchor(void)
{
    ngx_leadgen_seal_submit(ngx_leadgen_seal_call(
                                "select number, sequence, mac from "
                                "api.audit_anchor()", 0,
                                ngx_leadgen_seal_anchored));
}


static void
ngx_leadgen_seal_anchored(ngx_leadgen_call_t *call)
{
    if (call->result == NGX_LEADGEN_CALL_OK && call->nrows == 1) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: seal: anchor %V of the audit log: %V seals, "
                      "the last is %V", &call->values[0], &call->values[1],
                      &call->values[2]);
    }

    ngx_leadgen_seal_rest(NGX_LEADGEN_SEAL_REST);
}


static void
ngx_leadgen_seal_rest(ngx_msec_t delay)
{
    ngx_leadgen_seal.timer.cancelable = 1;
    ngx_add_timer(&ngx_leadgen_seal.timer, delay);
}
