
/*
 * Verdicts: a token goes in, its principal comes out, verified now or by this
 * worker before.
 *
 * Only tokens that were found valid are kept, each whole, so that no other can
 * be taken for it.  Its bucket comes from its last bytes: they are a part of
 * its signature, which spreads evenly and which nobody without a key can choose
 * for a token that is valid.
 */


#include "ngx_leadgen_auth.h"


#define NGX_LEADGEN_VERDICT_BUCKETS  4096   /* a power of two */
#define NGX_LEADGEN_VERDICT_MAX      4096
#define NGX_LEADGEN_VERDICT_BYTES    (8 * 1024 * 1024)      /* of all */
#define NGX_LEADGEN_VERDICT_REFUSAL  10     /* seconds, of a foreign user */


/* Lifetime: worker.  Token, e-mail address and role stand behind it. */

typedef struct ngx_leadgen_verdict_s  ngx_leadgen_verdict_t;

struct ngx_leadgen_verdict_s {
    ngx_leadgen_verdict_t    *next;         /* in its bucket */
    ngx_queue_t               queue;        /* last used first */
    ngx_str_t                 token;
    ngx_leadgen_principal_t   principal;
    time_t                    refused;      /* until then; 0: is not */
};


static struct {
    const ngx_array_t      *keys;           /* which verified them */
    ngx_queue_t             used;
    ngx_uint_t              count;
    size_t                  bytes;
    ngx_leadgen_verdict_t  *buckets[NGX_LEADGEN_VERDICT_BUCKETS];
} ngx_leadgen_verdicts;


static ngx_leadgen_verdict_t **ngx_leadgen_verdict_bucket(
    const ngx_str_t *token);
static ngx_inline ngx_leadgen_verdict_t *ngx_leadgen_verdict_find(
    const ngx_str_t *token);
static ngx_uint_t ngx_leadgen_verdict_is_same(const u_char *a,
    const u_char *b, size_t len);
static uint64_t ngx_leadgen_verdict_differ(const u_char *a, const u_char *b);
static ngx_int_t ngx_leadgen_verdict_copy(ngx_pool_t *pool,
    const ngx_leadgen_principal_t *from, ngx_leadgen_principal_t *to);
static void ngx_leadgen_verdict_keep(const ngx_str_t *token,
    const ngx_leadgen_principal_t *principal);
static size_t ngx_leadgen_verdict_size(const ngx_str_t *token,
    const ngx_leadgen_principal_t *principal);
static void ngx_leadgen_verdict_drop(ngx_leadgen_verdict_t *verdict);
static void ngx_leadgen_verdict_start(const ngx_array_t *keys);


ngx_leadgen_problem_e
ngx_leadgen_verdict(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token, ngx_leadgen_principal_t *principal)
{
    ngx_leadgen_problem_e   problem;
    ngx_leadgen_verdict_t  *verdict;

    if (ngx_leadgen_verdicts.keys != keys) {
        ngx_leadgen_verdict_start(keys);
    }

    if (token->len < sizeof(uint64_t) || token->len > NGX_LEADGEN_TOKEN_SIZE) {
        return ngx_leadgen_token_verify(pool, keys, token, principal);
    }

    verdict = ngx_leadgen_verdict_find(token);

    if (verdict == NULL) {
        problem = ngx_leadgen_token_verify(pool, keys, token, principal);

        if (problem != NGX_LEADGEN_PROBLEM_NONE) {
            ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_TOKENS_REFUSED, 1);
            return problem;
        }

        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_TOKENS_VERIFIED, 1);
        ngx_leadgen_verdict_keep(token, principal);

        return NGX_LEADGEN_PROBLEM_NONE;
    }

    problem = ngx_leadgen_token_check(&verdict->principal);

    if (problem == NGX_LEADGEN_PROBLEM_NONE && ngx_time() < verdict->refused) {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_TOKENS_REFUSED, 1);
        return NGX_LEADGEN_PROBLEM_IDENTITY_UNKNOWN;
    }

    if (problem != NGX_LEADGEN_PROBLEM_NONE) {
        ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_TOKENS_REFUSED, 1);
        ngx_leadgen_verdict_drop(verdict);
        return problem;
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_TOKENS_CACHED, 1);

    ngx_queue_remove(&verdict->queue);
    ngx_queue_insert_head(&ngx_leadgen_verdicts.used, &verdict->queue);

    return ngx_leadgen_verdict_copy(pool, &verdict->principal, principal)
           == NGX_OK ? NGX_LEADGEN_PROBLEM_NONE : NGX_LEADGEN_PROBLEM_INTERNAL;
}


void
ngx_leadgen_verdict_resolve(const ngx_str_t *token, time_t resolved)
{
    ngx_leadgen_verdict_t  *verdict;

    verdict = ngx_leadgen_verdict_find(token);

    if (verdict) {
        verdict->principal.resolved = resolved;
        verdict->refused = resolved ? 0 : ngx_time()
                                          + NGX_LEADGEN_VERDICT_REFUSAL;
    }
}


static ngx_leadgen_verdict_t **
ngx_leadgen_verdict_bucket(const ngx_str_t *token)
{
    uint64_t  bits;

    ngx_memcpy(&bits, token->data + token->len - sizeof(bits), sizeof(bits));

    bits *= 0x9e3779b97f4a7c15ull;

    return &ngx_leadgen_verdicts.buckets[(bits >> 40)
                                         & (NGX_LEADGEN_VERDICT_BUCKETS - 1)];
}


static ngx_inline ngx_leadgen_verdict_t *
ngx_leadgen_verdict_find(const ngx_str_t *token)
{
    ngx_leadgen_verdict_t  *verdict;

    for (verdict = *ngx_leadgen_verdict_bucket(token);
         verdict;
         verdict = verdict->next)
    {
        if (verdict->token.len == token->len
            && ngx_leadgen_verdict_is_same(verdict->token.data, token->data,
                                           token->len))
        {
            return verdict;
        }
    }

    return NULL;
}


/*
 * How long it takes says nothing of where tokens, of 8 bytes or more, differ.
 * The last word may overlap the one before; the compiler is kept from knowing
 * what stands in the sum, so that it can't leave the loop before its end.
 */

static ngx_uint_t
ngx_leadgen_verdict_is_same(const u_char *a, const u_char *b, size_t len)
{
    size_t    i;
    uint64_t  differ;

    differ = 0;

    for (i = 0; len - i >= 4 * sizeof(uint64_t); i += 4 * sizeof(uint64_t)) {
        differ |= ngx_leadgen_verdict_differ(a + i, b + i)
                  | ngx_leadgen_verdict_differ(a + i + 8, b + i + 8)
                  | ngx_leadgen_verdict_differ(a + i + 16, b + i + 16)
                  | ngx_leadgen_verdict_differ(a + i + 24, b + i + 24);
        __asm__ volatile ("" : "+r" (differ));
    }

    for ( /* void */ ; i < len; i += sizeof(uint64_t)) {
        i = ngx_min(i, len - sizeof(uint64_t));

        differ |= ngx_leadgen_verdict_differ(a + i, b + i);
        __asm__ volatile ("" : "+r" (differ));
    }

    return differ == 0;
}


static uint64_t
ngx_leadgen_verdict_differ(const u_char *a, const u_char *b)
{
    uint64_t  x, y;

    ngx_memcpy(&x, a, sizeof(uint64_t));
    ngx_memcpy(&y, b, sizeof(uint64_t));

    return x ^ y;
}


/* The verdict may be dropped while the request still has its principal. */

static ngx_int_t
ngx_leadgen_verdict_copy(ngx_pool_t *pool, const ngx_leadgen_principal_t *from,
    ngx_leadgen_principal_t *to)
{
    u_char  *p;

    *to = *from;

    p = ngx_pnalloc(pool, from->email.len + from->role.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    to->email.data = p;
    p = ngx_cpymem(p, from->email.data, from->email.len);
    to->role.data = p;
    ngx_memcpy(p, from->role.data, from->role.len);

    return NGX_OK;
}


static void
ngx_leadgen_verdict_keep(const ngx_str_t *token,
    const ngx_leadgen_principal_t *principal)
{
    u_char                 *p;
    size_t                  size;
    ngx_queue_t            *oldest;
    ngx_leadgen_verdict_t  *verdict, **bucket;

    size = ngx_leadgen_verdict_size(token, principal);

    while (ngx_leadgen_verdicts.count == NGX_LEADGEN_VERDICT_MAX
           || ngx_leadgen_verdicts.bytes + size > NGX_LEADGEN_VERDICT_BYTES)
    {
        oldest = ngx_queue_last(&ngx_leadgen_verdicts.used);
        ngx_leadgen_verdict_drop(ngx_queue_data(oldest, ngx_leadgen_verdict_t,
                                                queue));
    }

    verdict = ngx_alloc(size, ngx_cycle->log);
    if (verdict == NULL) {
        return;
    }

    p = (u_char *) &verdict[1];

    verdict->token.len = token->len;
    verdict->token.data = p;
    p = ngx_cpymem(p, token->data, token->len);

    verdict->refused = 0;
    verdict->principal = *principal;
    verdict->principal.email.data = p;
    p = ngx_cpymem(p, principal->email.data, principal->email.len);
    verdict->principal.role.data = p;
    ngx_memcpy(p, principal->role.data, principal->role.len);

    bucket = ngx_leadgen_verdict_bucket(token);
    verdict->next = *bucket;
    *bucket = verdict;

    ngx_queue_insert_head(&ngx_leadgen_verdicts.used, &verdict->queue);
    ngx_leadgen_verdicts.count++;
    ngx_leadgen_verdicts.bytes += size;
}


static size_t
ngx_leadgen_verdict_size(const ngx_str_t *token,
    const ngx_leadgen_principal_t *principal)
{
    return sizeof(ngx_leadgen_verdict_t) + token->len + principal->email.len
           + principal->role.len;
}


static void
ngx_leadgen_verdict_drop(ngx_leadgen_verdict_t *verdict)
{
    ngx_leadgen_verdict_t  **place;

    place = ngx_leadgen_verdict_bucket(&verdict->token);

    while (*place != verdict) {
        place = &(*place)->next;
    }

    *place = verdict->next;

    ngx_queue_remove(&verdict->queue);
    ngx_leadgen_verdicts.count--;
    ngx_leadgen_verdicts.bytes -= ngx_leadgen_verdict_size(&verdict->token,
                                                       &verdict->principal);

    ngx_explicit_memzero(verdict->token.data, verdict->token.len);
    ngx_free(verdict);
}


static void
ngx_leadgen_verdict_start(const ngx_array_t *keys)
{
    ngx_queue_t  *q;

    if (ngx_leadgen_verdicts.keys) {

        while (!ngx_queue_empty(&ngx_leadgen_verdicts.used)) {
            q = ngx_queue_head(&ngx_leadgen_verdicts.used);
            ngx_leadgen_verdict_drop(ngx_queue_data(q, ngx_leadgen_verdict_t,
                                                    queue));
        }
    }

    ngx_queue_init(&ngx_leadgen_verdicts.used);
    ngx_leadgen_verdicts.keys = keys;
}
