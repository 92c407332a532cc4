
/*
 * Keys as the units of this folder share them: what a key is, how it signs and
 * verifies, and the texts it is read from.
 */


#ifndef _NGX_LEADGEN_KEYS_H_INCLUDED_
#define _NGX_LEADGEN_KEYS_H_INCLUDED_


#include "ngx_leadgen_auth.h"
#include <openssl/evp.h>


#define NGX_LEADGEN_KEYS_TEXT      65536    /* bytes of a key or a set */
#define NGX_LEADGEN_KEYS_KID       128      /* bytes */

#define NGX_LEADGEN_SIGNATURE_HMAC 32       /* bytes */
#define NGX_LEADGEN_SIGNATURE_PAIR 64       /* r and s, or R and S */
#define NGX_LEADGEN_SIGNATURE_MAX  512      /* RSA of 4096 bits */


typedef struct ngx_leadgen_signature_s  ngx_leadgen_signature_t;


/*
 * Lifetime: cycle.  A key has one algorithm, which no token can change.  A
 * secret and a public key are of different types, so that no algorithm can take
 * the one for the other.
 */

struct ngx_leadgen_key_s {
    const ngx_leadgen_signature_t  *algorithm;
    size_t                          size;   /* of a signature, in bytes */
    EVP_MAC_CTX                    *secret; /* HS256, with the secret */
    EVP_MD_CTX                     *verifier;   /* the others */
    EVP_MD_CTX                     *signer; /* NULL: a public key */
    EVP_MAC_CTX                    *deriver;    /* HMAC-SHA256 by what is secret
                                                 * of it, NULL: nothing is */

    ngx_str_t                       kid;    /* empty: none */
    ngx_str_t                       header; /* encoded, of what it signs */
    ngx_str_t                       issuer; /* empty: any */
    ngx_str_t                       audience;   /* empty: none may be claimed */
    ngx_str_t                       role_claim; /* empty: "role" */
    ngx_array_t                    *role_path;  /* ngx_str_t, its names from
                                                 * outside in; or NULL */
    ngx_array_t                    *role_map;   /* ngx_keyval_t, what counts
                                                 * most first; NULL: roles are
                                                 * claimed as they are */
    time_t                          max_age;    /* of tokens, seconds */
    ngx_str_t                       file;   /* where it was configured */
    ngx_uint_t                      line;
};


/* --- signature: RFC 7518, RFC 8037 --- */

struct ngx_leadgen_signature_s {
    ngx_str_t                       name;
    const char                     *type;   /* of its keys, as OpenSSL says */
    const char                     *digest; /* NULL: the algorithm's own */

    ngx_int_t (*verify)(const ngx_leadgen_key_t *key, const ngx_str_t *input,
        const ngx_str_t *signature);
    ngx_int_t (*sign)(const ngx_leadgen_key_t *key, const ngx_str_t *input,
        u_char *signature);
};


/* The last is without a type; the first is the only one of secrets. */
extern const ngx_leadgen_signature_t  ngx_leadgen_signatures[];

/* The algorithm of that name, or NULL. */
const ngx_leadgen_signature_t *ngx_leadgen_signature_find(
    const ngx_str_t *name);

/* NGX_OK, or NGX_ERROR for a signature that is not of this key and input. */
ngx_int_t ngx_leadgen_signature_verify(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, const ngx_str_t *signature);

/* Writes a signature of key->size bytes.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_signature_sign(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, u_char *signature);


/* --- key --- */

/*
 * Makes a key of a secret: a text, or bytes that are known to be one.  An
 * algorithm that the key has already must be the secret's, and says of a text
 * that it is one.  NGX_OK, or NGX_ERROR, which is logged.
 */
ngx_int_t ngx_leadgen_key_secret(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    const ngx_str_t *secret, ngx_uint_t is_text);

/*
 * Makes a key of a public key or a pair of keys, which stays the caller's.  As
 * above.
 */
ngx_int_t ngx_leadgen_key_pkey(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    EVP_PKEY *pkey, ngx_uint_t is_private);


/* --- rsa --- */

/*
 * Whether an RSA key is of a good length, with a sound exponent, and not of a
 * generator that is known to be broken.  NGX_OK, or NGX_ERROR, which is logged.
 */
ngx_int_t ngx_leadgen_rsa_check(ngx_conf_t *cf, EVP_PKEY *pkey);


/* --- form: what a text may be taken for --- */

/*
 * Whether a text can be taken for a secret though nothing says that it is one:
 * 64 hexadecimal digits or more, or base64 of 32 bytes or more on one line, of
 * bytes that are not likely to be a number or point of a public key.  What
 * ngx_leadgen_form_is_key() finds is still none.
 */
ngx_uint_t ngx_leadgen_form_is_secret(const ngx_str_t *text);


/* --- unwrap: texts that stand for bytes --- */

/*
 * Functions that read src as hexadecimal, base64, ... and write what they read
 * to dst, which has room for src->len bytes; what does not belong is left out.
 * The last is NULL.
 */
extern void (*const ngx_leadgen_unwraps[])(ngx_str_t *dst,
    const ngx_str_t *src);

/*
 * The bytes, text->len at most, of a text that is wholly hexadecimal, or base64
 * in one of its alphabets, with padding or without.  NGX_OK, or NGX_ERROR for
 * another text; digits alone are a number.
 */
ngx_int_t ngx_leadgen_unwrap_plain(ngx_str_t *bytes, const ngx_str_t *text);


/* --- keyword: the words of the directive --- */

/*
 * Fills a key with what the directive says, besides the key itself.  NGX_OK, or
 * NGX_ERROR, which is logged.
 */
ngx_int_t ngx_leadgen_keyword_read(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    ngx_str_t *words, ngx_uint_t nwords);


/* --- keys --- */

/*
 * Adds a key that is made, if its kid is one, and no other key's but of another
 * issuer.  NGX_OK, or NGX_ERROR, which is logged.
 */
ngx_int_t ngx_leadgen_keys_push(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *key);

/*
 * The keys of that algorithm and kid, or, when kid is NULL, of that algorithm:
 * one, or several that have an issuer each.  How many; 0: there is none, or it
 * is not clear which.
 */
ngx_uint_t ngx_leadgen_keys_find(const ngx_array_t *keys,
    const ngx_str_t *algorithm, const ngx_str_t *kid,
    const ngx_leadgen_key_t *found[NGX_LEADGEN_JWS_KEYS]);

/* The first key that can sign, or NULL. */
const ngx_leadgen_key_t *ngx_leadgen_keys_signer(const ngx_array_t *keys);

/* What the tokens that a key signs say of who made them. */
ngx_str_t ngx_leadgen_keys_issuer(const ngx_leadgen_key_t *signer);

/* Whether this gateway signs with a key, or may have before it was replaced: no
 * issuer is named for it, or ours. */
ngx_uint_t ngx_leadgen_keys_is_ours(const ngx_array_t *keys,
    const ngx_leadgen_key_t *key);


/* --- pem and jwk: what a key is read from --- */

/*
 * Add the key, or keys, that a text holds; what the directive says of them
 * stands in options.  NGX_OK, or NGX_ERROR, which is logged.
 */

/* PEM (RFC 7468): one public or private key. */
ngx_int_t ngx_leadgen_pem_add(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *options, const ngx_str_t *text);

/* RFC 7517: a JSON web key, or a set of them. */
ngx_int_t ngx_leadgen_jwk_add(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *options, const ngx_str_t *text);


/* --- jwa: RFC 7518, section 6; RFC 8037, section 2 --- */

/* Whether an object is of a type and on a curve that a key can be made of. */
ngx_uint_t ngx_leadgen_jwa_is_known(json_t *jwk);

/*
 * Makes a key of such an object.  scratch has twice the bytes of its text, and
 * the caller wipes it.  NGX_OK, or NGX_ERROR, which is logged.
 */
ngx_int_t ngx_leadgen_jwa_key(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    json_t *jwk, u_char *scratch);


#endif /* _NGX_LEADGEN_KEYS_H_INCLUDED_ */
