
/*
 * Who somebody is: keys, tokens, passwords.
 */


#ifndef _NGX_LEADGEN_AUTH_H_INCLUDED_
#define _NGX_LEADGEN_AUTH_H_INCLUDED_


#include "ngx_leadgen_io.h"


#define NGX_LEADGEN_TOKEN_SIZE       8192   /* bytes, at most */
#define NGX_LEADGEN_TOKEN_LIFETIME   900    /* seconds, of an access token */
#define NGX_LEADGEN_REFRESH_LIFETIME (30 * 24 * 3600)
#define NGX_LEADGEN_TOKEN_LEEWAY     30     /* seconds, for nbf and iat */

#define NGX_LEADGEN_PASSWORD_MIN     8      /* bytes */
#define NGX_LEADGEN_PASSWORD_MAX     128


/* --- keys --- */

/* Lifetime: cycle.  A key has one algorithm, which no token can change. */

typedef struct ngx_leadgen_key_s  ngx_leadgen_key_t;

struct ngx_leadgen_key_s {
    ngx_str_t                  algorithm;   /* "HS256" */
    ngx_str_t                  kid;         /* empty: none */
    ngx_str_t                  issuer;      /* empty: any */
    ngx_str_t                  audience;    /* empty: none may be claimed */
    void                      *context;     /* EVP_MAC_CTX, with the secret */
};


/* An array of ngx_leadgen_key_t, or NULL. */
ngx_array_t *ngx_leadgen_keys_create(ngx_pool_t *pool);

/*
 * Adds a key.  secret is what the file or variable held and is wiped; the words
 * are the directive's others: alg=HS256 [kid=NAME] [issuer=NAME]
 * [audience=NAME].  NGX_CONF_OK, or an error that is already logged.
 */
char *ngx_leadgen_keys_add(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *secret, ngx_str_t *words, ngx_uint_t nwords);


/* --- jws: RFC 7515, compact serialisation --- */

/*
 * Checks the signature of a token and gives its payload, decoded, in pool
 * memory.  Returns the key that verified it, or NULL.
 */
const ngx_leadgen_key_t *ngx_leadgen_jws_verify(ngx_pool_t *pool,
    const ngx_array_t *keys, const ngx_str_t *token, ngx_str_t *payload);

/* Signs a payload with the first key; the token is in pool memory. */
ngx_int_t ngx_leadgen_jws_sign(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *payload, ngx_str_t *token);

/*
 * Decodes base64url without padding, strictly (RFC 4648, section 3.5): one
 * text for each value.  dst must hold src->len bytes.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_leadgen_jws_decode(ngx_str_t *dst, const ngx_str_t *src);


/* --- token: RFC 7519 access tokens --- */

/*
 * Verifies an access token.  NGX_LEADGEN_PROBLEM_NONE fills in the principal,
 * but for its permissions, with strings in pool memory; else TOKEN_INVALID,
 * TOKEN_EXPIRED or TOKEN_REVOKED.
 */
ngx_leadgen_problem_e ngx_leadgen_token_verify(ngx_pool_t *pool,
    const ngx_array_t *keys, const ngx_str_t *token,
    ngx_leadgen_principal_t *principal);

/*
 * What may have changed since a token was verified: NGX_LEADGEN_PROBLEM_NONE,
 * TOKEN_EXPIRED or TOKEN_REVOKED.
 */
ngx_leadgen_problem_e ngx_leadgen_token_check(
    const ngx_leadgen_principal_t *principal);

/* Makes an access token for the principal, whose issued and expires it sets. */
ngx_int_t ngx_leadgen_token_issue(ngx_pool_t *pool, const ngx_array_t *keys,
    ngx_leadgen_principal_t *principal, ngx_str_t *token);

/*
 * Makes a refresh token: 256 random bits as base64url, and the SHA-256 of that
 * text in hexadecimal, which is all that is stored.
 */
ngx_int_t ngx_leadgen_token_refresh(ngx_pool_t *pool, ngx_str_t *token,
    ngx_str_t *hash);


/* --- verdict: tokens that this worker has verified --- */

/*
 * As ngx_leadgen_token_verify, which is asked only for tokens not seen before.
 * Each time, expiry and revocation are checked anew.
 */
ngx_leadgen_problem_e ngx_leadgen_verdict(ngx_pool_t *pool,
    const ngx_array_t *keys, const ngx_str_t *token,
    ngx_leadgen_principal_t *principal);


/* --- password --- */

/*
 * Work for a thread: args are the stored hash (NULL data: there is none, and
 * a hash of the same cost is computed all the same) and the password.  The
 * answer is one byte, ngx_leadgen_password_answer_e.
 *
 * Stored hashes are of crypt(5): yescrypt as crypt_gensalt makes it, of at most
 * 256 MB; bcrypt ($2a$ $2b$ $2y$) of a cost up to 15; SHA-crypt ($5$ $6$) of at
 * most 1,000,000 rounds.  Any other is refused, for what it might cost, after
 * as long as a wrong password takes.
 */
ssize_t ngx_leadgen_password_verify(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);

typedef enum {
    NGX_LEADGEN_PASSWORD_FITS = '1',
    NGX_LEADGEN_PASSWORD_WRONG = '0',
    NGX_LEADGEN_PASSWORD_REFUSED = '?'      /* the hash, so nothing fits */
} ngx_leadgen_password_answer_e;

/*
 * Work for a thread: of one argument, a password of NGX_LEADGEN_PASSWORD_MIN to
 * NGX_LEADGEN_PASSWORD_MAX bytes without a zero byte, it makes a yescrypt hash
 * with a salt of its own.  The answer is the hash, for hashed_password.
 */
ssize_t ngx_leadgen_password_hash(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);

/* Whether a stored hash is to be replaced when its password is known. */
ngx_uint_t ngx_leadgen_password_is_old(const ngx_str_t *hash);


#endif /* _NGX_LEADGEN_AUTH_H_INCLUDED_ */
