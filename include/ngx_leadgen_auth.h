
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
#define NGX_LEADGEN_TOKEN_AGE        3600   /* seconds, max_age= by default */
#define NGX_LEADGEN_TOKEN_AGE_MAX    (24 * 3600)    /* as private.revoke() */

#define NGX_LEADGEN_PASSWORD_MIN     8      /* bytes */
#define NGX_LEADGEN_PASSWORD_MAX     128


/* --- keys --- */

/* Lifetime: cycle.  A key has one algorithm, which no token can change. */

typedef struct ngx_leadgen_key_s  ngx_leadgen_key_t;


/* An array of ngx_leadgen_key_t, or NULL. */
ngx_array_t *ngx_leadgen_keys_create(ngx_pool_t *pool);

/*
 * Adds a key, or a set of them.  The text is what the file or variable held, a
 * secret, a key in PEM (RFC 7468), a JSON web key or a set of these (RFC 7517),
 * and is wiped; the words are the directive's others, each optional:
 * alg=HS256|RS256|ES256|EdDSA kid=NAME issuer=NAME audience=NAME
 * role_claim=NAME role_map=FROM:TO[,FROM:TO...] max_age=TIME.  NGX_CONF_OK, or
 * an error that is already logged.
 */
char *ngx_leadgen_keys_add(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *text, ngx_str_t *words, ngx_uint_t nwords);

/* Whether one, from the n-th on, is more than a public key, so it signs. */
ngx_uint_t ngx_leadgen_keys_can_sign(const ngx_array_t *keys, ngx_uint_t n);

/* Seconds: how long the tokens of any of them live, at most. */
time_t ngx_leadgen_keys_max_age(const ngx_array_t *keys);

/*
 * The n-th of the roles that any role_map= leads to, and where that was
 * configured; NULL: there are no more.
 */
const ngx_str_t *ngx_leadgen_keys_role(const ngx_array_t *keys, ngx_uint_t n,
    ngx_str_t *file, ngx_uint_t *line);


/*
 * Whether a text is a public or private key, a certificate, JSON, XML or a part
 * of one, or decodes to it: anybody may know it, so it is no secret.  Without
 * memory to look, it is.
 */
ngx_uint_t ngx_leadgen_form_is_key(const ngx_str_t *text);


/*
 * 32 bytes that follow from input, a purpose and the secret of the key that
 * signs.  NGX_OK, or NGX_ERROR when there is none.
 */
ngx_int_t ngx_leadgen_keys_derive(const ngx_array_t *keys, const char *purpose,
    const ngx_str_t *input, u_char derived[32]);


/* --- jws: RFC 7515, compact serialisation --- */

#define NGX_LEADGEN_JWS_KEYS  4             /* of one kid, each of an issuer */

typedef struct {
    ngx_str_t                  payload;     /* decoded, in pool memory */
    const ngx_leadgen_key_t   *keys[NGX_LEADGEN_JWS_KEYS];
    ngx_uint_t                 nkeys;       /* that verified it: one or more */
    const char                *wrong;       /* "form", "type", "kid" or
                                             * "signature"; NULL: nothing */
} ngx_leadgen_jws_t;

/*
 * Checks the signature of a token (RFC 7515, section 5.2; RFC 8725, section 3).
 * Several keys can verify it only if each has another issuer, to which the
 * payload has to be held.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_leadgen_jws_verify(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token, ngx_leadgen_jws_t *jws);

/*
 * Signs a payload (RFC 7515, section 5.1) with the first key that can; the
 * token is in pool memory.  NGX_OK or NGX_ERROR.
 */
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
 * TOKEN_EXPIRED or TOKEN_REVOKED.  Of what is invalid wrong says what is: as of
 * a JWS, or "claims", "issuer", "audience", "subject" or "lifetime".
 */
ngx_leadgen_problem_e ngx_leadgen_token_verify(ngx_pool_t *pool,
    const ngx_array_t *keys, const ngx_str_t *token,
    ngx_leadgen_principal_t *principal);

/* Whether a key of ours, with which this gateway signs or has signed, signed a
 * token, whatever it says and however old it is. */
ngx_uint_t ngx_leadgen_token_is_ours(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token);

/*
 * What may have changed since a token was verified: NGX_LEADGEN_PROBLEM_NONE,
 * TOKEN_EXPIRED or TOKEN_REVOKED.
 */
ngx_leadgen_problem_e ngx_leadgen_token_check(
    const ngx_leadgen_principal_t *principal);

/*
 * Whether what the database said of a foreign token's user still counts: not
 * after anything of the user was revoked or changed.
 */
ngx_uint_t ngx_leadgen_token_is_resolved(
    const ngx_leadgen_principal_t *principal);

/* Whether tokens of any of the keys are foreign. */
ngx_uint_t ngx_leadgen_token_has_foreign(const ngx_array_t *keys);

/* Makes an access token for the principal, whose issued and expires it sets. */
ngx_int_t ngx_leadgen_token_issue(ngx_pool_t *pool, const ngx_array_t *keys,
    ngx_leadgen_principal_t *principal, ngx_str_t *token);

/* Makes a refresh token, 256 random bits as base64url, and its hash. */
ngx_int_t ngx_leadgen_token_refresh(ngx_pool_t *pool, ngx_str_t *token,
    ngx_str_t *hash);

/*
 * The one refresh token that follows upon another; nobody without the signing
 * key can tell it from that.
 */
ngx_int_t ngx_leadgen_token_successor(ngx_pool_t *pool,
    const ngx_array_t *keys, const ngx_str_t *token, ngx_str_t *successor);

/* The SHA-256 of a token's text in hexadecimal, which is all that is stored. */
ngx_int_t ngx_leadgen_token_hash(ngx_pool_t *pool, const ngx_str_t *token,
    ngx_str_t *hash);


/* --- verdict: tokens that this worker has verified --- */

/*
 * As ngx_leadgen_token_verify, which is asked only for tokens not seen before.
 * Each time, expiry and revocation are checked anew.  Of a foreign token whose
 * user is kept out it is IDENTITY_UNKNOWN.
 */
ngx_leadgen_problem_e ngx_leadgen_verdict(ngx_pool_t *pool,
    const ngx_array_t *keys, const ngx_str_t *token,
    ngx_leadgen_principal_t *principal);

/*
 * Keeps with a foreign token what the database said of its user: as of when the
 * user may come in, or 0: not, which counts for a few seconds.
 */
void ngx_leadgen_verdict_resolve(const ngx_str_t *token, time_t resolved);


/* --- revocation: epochs, as PostgreSQL tells them --- */

/* What the backend conf of the feed needs. */
extern const char  ngx_leadgen_revocation_channels[];
void ngx_leadgen_revocation_notified(void *data, ngx_str_t *channel,
    ngx_str_t *payload);
void ngx_leadgen_revocation_connected(void *data);

/*
 * Starts the feed of this worker, over a connection of its own; revocations
 * reach the zone within milliseconds of their commit while it is up, and stay
 * there until no token of any of the keys can be alive that they revoke.
 */
ngx_int_t ngx_leadgen_revocation_start(ngx_cycle_t *cycle,
    const ngx_leadgen_backend_conf_t *conf, const ngx_array_t *keys);
void ngx_leadgen_revocation_stop(void);

/*
 * All revocations until that second were restored from a snapshot, once the
 * feed is started.  5 seconds later that is as good as an answer of PostgreSQL;
 * after that it counts, as old as it is, once PostgreSQL has not answered.
 */
void ngx_leadgen_revocation_restored(time_t second);

/*
 * Whether it is known well enough which tokens were revoked: at some time all
 * revocations were, and no more than max_stale seconds ago (0: whenever that
 * was).  With allow they need never have been, once PostgreSQL has been asked
 * in vain.  Without a feed there is nothing to know.
 */
ngx_uint_t ngx_leadgen_revocation_is_known(time_t max_stale,
    ngx_uint_t allow);

/* Seconds since this gateway last knew all revocations there were, or, while it
 * never did, since this worker asks. */
time_t ngx_leadgen_revocation_age(void);


/* --- password --- */

/*
 * Work for a thread: args are the stored hash (NULL data: there is none, and
 * a hash of the same cost is computed all the same) and the password.  The
 * answer is one byte, ngx_leadgen_password_answer_e.
 *
 * Stored hashes are of crypt(5): yescrypt as crypt_gensalt makes it, of at most
 * 256 MB; bcrypt ($2a$ $2b$ $2y$) of a cost up to 15; SHA-crypt ($5$ $6$) of at
 * most 1,000,000 rounds.  Any other is refused, for what it might cost.  All
 * take at least as long as a wrong password of a new hash.
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
