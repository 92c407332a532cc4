
/*
 * Making keys: a secret or a key of OpenSSL's goes in, a key that signs and
 * verifies comes out, if it is strong enough.
 *
 * All that can be done beforehand is done here, once: a signature begins with
 * a copy of a context.
 */


#include "ngx_leadgen_keys.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/bn.h>


#define NGX_LEADGEN_KEY_SECRET  32         /* bytes; RFC 7518, section 3.2 */


static const char *ngx_leadgen_key_is_no_secret(const ngx_leadgen_key_t *key,
    const ngx_str_t *secret, ngx_uint_t is_text);
static ngx_int_t ngx_leadgen_key_is_for(ngx_conf_t *cf,
    ngx_leadgen_key_t *key, const ngx_leadgen_signature_t *algorithm);
static const ngx_leadgen_signature_t *ngx_leadgen_key_strong(
    ngx_conf_t *cf, EVP_PKEY *pkey);
static ngx_int_t ngx_leadgen_key_contexts(ngx_conf_t *cf,
    ngx_leadgen_key_t *key, EVP_PKEY *pkey, ngx_uint_t is_private);
static ngx_int_t ngx_leadgen_key_try(const ngx_leadgen_key_t *key);
static EVP_MAC_CTX *ngx_leadgen_key_hmac(const u_char *secret, size_t len);
static EVP_MAC_CTX *ngx_leadgen_key_deriver(EVP_PKEY *pkey);
static void ngx_leadgen_key_free(void *data);


ngx_int_t
ngx_leadgen_key_secret(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    const ngx_str_t *secret, ngx_uint_t is_text)
{
    const char          *wrong;
    ngx_pool_cleanup_t  *cln;

    wrong = ngx_leadgen_key_is_no_secret(key, secret, is_text);

    if (ngx_leadgen_key_is_for(cf, key, ngx_leadgen_signatures)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (secret->len < NGX_LEADGEN_KEY_SECRET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret has %uz bytes: HS256 needs %d or more, "
                           "make one with \"openssl rand -hex 32\"",
                           secret->len, NGX_LEADGEN_KEY_SECRET);
        return NGX_ERROR;
    }

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", wrong);
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_leadgen_key_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    key->secret = ngx_leadgen_key_hmac(secret->data, secret->len);
    key->deriver = ngx_leadgen_key_hmac(secret->data, secret->len);

    key->size = NGX_LEADGEN_SIGNATURE_HMAC;
    ngx_memcpy(cln->data, key, sizeof(ngx_leadgen_key_t));
    cln->handler = ngx_leadgen_key_free;

    if (key->secret == NULL || key->deriver == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "could not prepare HMAC-SHA256");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * NULL, or why: a public key that is taken for a secret would let everybody
 * sign.
 */

static const char *
ngx_leadgen_key_is_no_secret(const ngx_leadgen_key_t *key,
    const ngx_str_t *secret, ngx_uint_t is_text)
{
    if (ngx_leadgen_form_is_key(secret)) {
        return "this is a key, a certificate, JSON, XML or a part of one, but "
               "neither PEM nor a JSON web key: convert it with \"openssl "
               "pkey\" or \"ssh-keygen -e -m PKCS8\"";
    }

    if (key->algorithm) {
        return NULL;
    }

    if (key->issuer.len) {
        return "a secret that is shared with an issuer takes alg=HS256: write "
               "alg=HS256 if this is meant to be a secret";
    }

    if (is_text && !ngx_leadgen_form_is_secret(secret)) {
        return "this is no key, and no secret of 64 hexadecimal digits or of "
               "base64 on one line: write alg=HS256 if this is meant to be a "
               "secret";
    }

    return NULL;
}


ngx_int_t
ngx_leadgen_key_pkey(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    EVP_PKEY *pkey, ngx_uint_t is_private)
{
    ngx_int_t                       rc;
    const ngx_leadgen_signature_t  *algorithm;

    ERR_clear_error();

    algorithm = ngx_leadgen_key_strong(cf, pkey);

    rc = algorithm == NULL
         || ngx_leadgen_key_is_for(cf, key, algorithm) != NGX_OK
         ? NGX_ERROR
         : ngx_leadgen_key_contexts(cf, key, pkey, is_private);

    ERR_clear_error();

    return rc;
}


static ngx_int_t
ngx_leadgen_key_is_for(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    const ngx_leadgen_signature_t *algorithm)
{
    if (key->algorithm && key->algorithm != algorithm) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a key of type %s is for %V, not for %V: leave out "
                           "alg=, or give the key that it means",
                           algorithm->type, &algorithm->name,
                           &key->algorithm->name);
        return NGX_ERROR;
    }

    key->algorithm = algorithm;

    return NGX_OK;
}


/* The algorithm of a key that is safe to use with it, or NULL. */

static const ngx_leadgen_signature_t *
ngx_leadgen_key_strong(ngx_conf_t *cf, EVP_PKEY *pkey)
{
    char                            curve[32];
    size_t                          len;
    EVP_PKEY_CTX                   *context;
    const ngx_leadgen_signature_t  *algorithm;

    for (algorithm = ngx_leadgen_signatures + 1; algorithm->type; algorithm++) {
        if (EVP_PKEY_is_a(pkey, algorithm->type) == 1) {
            break;
        }
    }

    if (algorithm->type == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a key of another type than RSA, EC and Ed25519: "
                           "use one of these");
        return NULL;
    }

    if (ngx_strcmp(algorithm->type, "RSA") == 0
        && ngx_leadgen_rsa_check(cf, pkey) != NGX_OK)
    {
        return NULL;
    }

    if (ngx_strcmp(algorithm->type, "EC") == 0
        && (EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), &len) != 1
            || ngx_strcmp(curve, "prime256v1") != 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the EC key is on another curve than P-256: make "
                           "one with \"openssl genpkey -algorithm EC -pkeyopt "
                           "ec_paramgen_curve:P-256\"");
        return NULL;
    }

    context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    if (context == NULL || EVP_PKEY_public_check(context) != 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the %s key is damaged: make another one",
                           algorithm->type);
        algorithm = NULL;
    }

    EVP_PKEY_CTX_free(context);

    return algorithm;
}


static ngx_int_t
ngx_leadgen_key_contexts(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    EVP_PKEY *pkey, ngx_uint_t is_private)
{
    const char          *digest;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_leadgen_key_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    digest = key->algorithm->digest;

    key->verifier = EVP_MD_CTX_new();
    key->signer = is_private ? EVP_MD_CTX_new() : NULL;
    key->deriver = is_private ? ngx_leadgen_key_deriver(pkey) : NULL;

    ngx_memcpy(cln->data, key, sizeof(ngx_leadgen_key_t));
    cln->handler = ngx_leadgen_key_free;

    key->size = ngx_strcmp(key->algorithm->type, "RSA") == 0
                ? (size_t) EVP_PKEY_get_size(pkey)
                : NGX_LEADGEN_SIGNATURE_PAIR;

    if (key->verifier == NULL
        || EVP_DigestVerifyInit_ex(key->verifier, NULL, digest, NULL, NULL,
                                   pkey, NULL) != 1)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "could not prepare %V",
                           &key->algorithm->name);
        return NGX_ERROR;
    }

    if (!is_private) {
        return NGX_OK;
    }

    if (key->signer == NULL
        || key->deriver == NULL
        || EVP_DigestSignInit_ex(key->signer, NULL, digest, NULL, NULL, pkey,
                                 NULL) != 1
        || ngx_leadgen_key_try(key) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the private part of the %s key does not fit its "
                           "public part: make another one",
                           key->algorithm->type);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* What a key signs is its own: only then its two halves belong together. */

static ngx_int_t
ngx_leadgen_key_try(const ngx_leadgen_key_t *key)
{
    u_char     bytes[NGX_LEADGEN_SIGNATURE_MAX];
    ngx_str_t  input, signature;

    ngx_str_set(&input, "leadgen");
    signature.data = bytes;
    signature.len = key->size;

    return ngx_leadgen_signature_sign(key, &input, bytes) == NGX_OK
           ? ngx_leadgen_signature_verify(key, &input, &signature) : NGX_ERROR;
}


static void
ngx_leadgen_key_free(void *data)
{
    ngx_leadgen_key_t  *key = data;

    EVP_MAC_CTX_free(key->secret);
    EVP_MAC_CTX_free(key->deriver);
    EVP_MD_CTX_free(key->verifier);
    EVP_MD_CTX_free(key->signer);
}


static EVP_MAC_CTX *
ngx_leadgen_key_hmac(const u_char *secret, size_t len)
{
    EVP_MAC      *mac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *context;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 (char *) "SHA256", 0);
    params[1] = OSSL_PARAM_construct_end();

    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);

    if (context && EVP_MAC_init(context, secret, len, params) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }

    return context;
}


/*
 * Keyed with the private number itself, which is the same in whatever form the
 * key was given.
 */

static EVP_MAC_CTX *
ngx_leadgen_key_deriver(EVP_PKEY *pkey)
{
    u_char        bytes[NGX_LEADGEN_SIGNATURE_MAX];
    size_t        len;
    BIGNUM       *number;
    EVP_MAC_CTX  *context;

    len = sizeof(bytes);
    number = NULL;
    context = NULL;

    if (EVP_PKEY_get_raw_private_key(pkey, bytes, &len) == 1) {
        context = ngx_leadgen_key_hmac(bytes, len);

    } else if ((EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_D, &number)
                == 1
                || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY,
                                         &number) == 1)
               && BN_num_bytes(number) <= (int) sizeof(bytes))
    {
        len = BN_bn2bin(number, bytes);
        context = ngx_leadgen_key_hmac(bytes, len);
    }

    BN_clear_free(number);
    OPENSSL_cleanse(bytes, sizeof(bytes));

    return context;
}
