
/*
 * Verdicts: tokens verified once, and judged each time.
 *
 * sources: src/auth/ngx_leadgen_verdict.c src/base/ngx_leadgen_time.c
 * libraries: -lcrypto -ljansson
 */


#include "unit.h"
#include "ngx_leadgen_auth.h"


static ngx_uint_t             verified;     /* how often it was done */
static ngx_leadgen_problem_e  problem;      /* what verification says */
static ngx_leadgen_problem_e  checked;      /* what a later check says */
static ngx_uint_t             counted[NGX_LEADGEN_NMETRICS];


void
ngx_leadgen_metric_add(ngx_leadgen_metric_e metric, ngx_uint_t n)
{
    counted[metric] += n;
}



/* The user is the first byte of the token. */

ngx_leadgen_problem_e
ngx_leadgen_token_verify(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token, ngx_leadgen_principal_t *principal)
{
    (void) pool;
    (void) keys;

    verified++;
    ngx_memzero(principal, sizeof(ngx_leadgen_principal_t));

    if (problem == NGX_LEADGEN_PROBLEM_NONE) {
        principal->user_id = token->data[0] - '0';
        ngx_str_set(&principal->email, "user@example.com");
        ngx_str_set(&principal->role, "manager");
    }

    return problem;
}


ngx_leadgen_problem_e
ngx_leadgen_token_check(const ngx_leadgen_principal_t *principal)
{
    (void) principal;

    return checked;
}


static ngx_leadgen_problem_e
ask(ngx_pool_t *pool, const ngx_array_t *keys, const char *text,
    ngx_leadgen_principal_t *principal)
{
    ngx_str_t  token;

    token.data = (u_char *) text;
    token.len = ngx_strlen(text);

    return ngx_leadgen_verdict(pool, keys, &token, principal);
}


/* What the database said of a foreign token's user stays with the token. */

static void
test_resolved(ngx_pool_t *pool, const ngx_array_t *keys)
{
    ngx_str_t                 token = ngx_string("8.of.somebody-else");
    static ngx_time_t         now;
    ngx_leadgen_principal_t   who;

    now.sec = 1700000000;
    ngx_cached_time = &now;

    (void) ask(pool, keys, "8.of.somebody-else", &who);
    is_int(who.resolved, 0, "nobody was asked");

    ngx_leadgen_verdict_resolve(&token, 1699999999);
    is_int(ask(pool, keys, "8.of.somebody-else", &who),
           NGX_LEADGEN_PROBLEM_NONE, "a user who may come in");
    is_int(who.resolved, 1699999999, "as of then");

    ngx_leadgen_verdict_resolve(&token, 0);
    is_int(ask(pool, keys, "8.of.somebody-else", &who),
           NGX_LEADGEN_PROBLEM_IDENTITY_UNKNOWN, "one who may not");

    now.sec += 9;
    is_int(ask(pool, keys, "8.of.somebody-else", &who),
           NGX_LEADGEN_PROBLEM_IDENTITY_UNKNOWN, "nor a while later");

    checked = NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED;
    is_int(ask(pool, keys, "8.of.somebody-else", &who),
           NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED, "nor with one that expired");
    checked = NGX_LEADGEN_PROBLEM_NONE;

    (void) ask(pool, keys, "8.of.somebody-else", &who);
    ngx_leadgen_verdict_resolve(&token, 0);
    now.sec += 10;
    is_int(ask(pool, keys, "8.of.somebody-else", &who),
           NGX_LEADGEN_PROBLEM_NONE, "but then it is asked for again");
    is_int(who.resolved, 0, "since nobody knows");

    ngx_str_set(&token, "9.nobody.has.this.one");
    ngx_leadgen_verdict_resolve(&token, 1);
    is_int(ask(pool, keys, "9.nobody.has.this.one", &who),
           NGX_LEADGEN_PROBLEM_NONE, "an answer for a token that is gone");
    is_int(who.resolved, 0, "is lost");
}


int
main(void)
{
    static char               big[8193];
    char                      text[64];
    ngx_uint_t                i;
    ngx_pool_t               *pool;
    ngx_array_t               one, other;
    ngx_leadgen_principal_t   principal;

    pool = ngx_create_pool(4096, ngx_cycle->log);

    ngx_memzero(&one, sizeof(one));
    ngx_memzero(&other, sizeof(other));

    is_int(ask(pool, &one, "1.abcdefgh.signature", &principal),
           NGX_LEADGEN_PROBLEM_NONE, "a token that is valid");
    is_int(ask(pool, &one, "1.abcdefgh.signature", &principal),
           NGX_LEADGEN_PROBLEM_NONE, "and again");
    is_int(verified, 1, "is verified once");
    is_int(principal.user_id, 1, "with its user");
    is_mem(principal.email.data, "user@example.com", 16, "e-mail address");
    is_mem(principal.role.data, "manager", 7, "and role");

    /* another token with the same end is not that token */

    is_int(ask(pool, &one, "2.abcdefgh.signature", &principal),
           NGX_LEADGEN_PROBLEM_NONE, "one that differs in its first byte");
    is_int(verified, 2, "is verified itself");
    is_int(principal.user_id, 2, "with its own user");

    problem = NGX_LEADGEN_PROBLEM_TOKEN_INVALID;

    is_int(ask(pool, &one, "3.abcdefgh.signature", &principal),
           NGX_LEADGEN_PROBLEM_TOKEN_INVALID, "one that is not valid");
    is_int(ask(pool, &one, "3.abcdefgh.signature", &principal),
           NGX_LEADGEN_PROBLEM_TOKEN_INVALID, "is refused each time");
    is_int(verified, 4, "and verified each time");

    /* what changed meanwhile */

    checked = NGX_LEADGEN_PROBLEM_TOKEN_REVOKED;

    is_int(ask(pool, &one, "1.abcdefgh.signature", &principal),
           NGX_LEADGEN_PROBLEM_TOKEN_REVOKED, "a revoked one is refused");

    checked = NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED;

    is_int(ask(pool, &one, "2.abcdefgh.signature", &principal),
           NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED, "and an expired one");

    checked = NGX_LEADGEN_PROBLEM_NONE;

    is_int(ask(pool, &one, "1.abcdefgh.signature", &principal),
           NGX_LEADGEN_PROBLEM_TOKEN_INVALID, "both are forgotten");
    is_int(verified, 5, "and verified anew");

    /* other keys */

    problem = NGX_LEADGEN_PROBLEM_NONE;
    verified = 0;

    (void) ask(pool, &one, "4.abcdefgh.signature", &principal);
    (void) ask(pool, &other, "4.abcdefgh.signature", &principal);
    is_int(verified, 2, "other keys verify for themselves");

    /* many tokens: the oldest give way */

    verified = 0;

    for (i = 0; i < 5000; i++) {
        (void) snprintf(text, sizeof(text), "5.payload.%08lu",
                        (unsigned long) i);
        (void) ask(pool, &other, text, &principal);
    }

    is_int(verified, 5000, "5,000 tokens are verified");

    (void) ask(pool, &other, "5.payload.00004999", &principal);
    is_int(verified, 5000, "the last is known");

    (void) ask(pool, &other, "5.payload.00000000", &principal);
    is_int(verified, 5001, "the first is forgotten");

    /* short and long ones */

    verified = 0;
    (void) ask(pool, &other, "6", &principal);
    (void) ask(pool, &other, "6", &principal);
    is_int(verified, 2, "one too short for a signature is not kept");

    (void) memset(big, 'x', sizeof(big) - 1);
    (void) ask(pool, &other, big, &principal);
    (void) ask(pool, &other, big, &principal);
    is_int(verified, 3, "one of 8 KB is kept");

    for (i = 0; i < 1100; i++) {
        (void) snprintf(big + sizeof(big) - 9, 9, "%08lu", (unsigned long) i);
        (void) ask(pool, &other, big, &principal);
    }

    is_int(verified, 1103, "1,100 more of them are verified");

    (void) ask(pool, &other, big, &principal);
    is_int(verified, 1103, "the last is known");

    (void) memset(big, 'x', sizeof(big) - 1);
    (void) ask(pool, &other, big, &principal);
    is_int(verified, 1104, "but all are not more than 8 MB");

    test_resolved(pool, &one);

    (void) ask(pool, &one, "7.end", &principal);
    ngx_destroy_pool(pool);

    ok(counted[NGX_LEADGEN_METRIC_TOKENS_CACHED]
       && counted[NGX_LEADGEN_METRIC_TOKENS_VERIFIED]
          + counted[NGX_LEADGEN_METRIC_TOKENS_REFUSED] >= verified,
       "all are counted");

    return unit_done();
}
