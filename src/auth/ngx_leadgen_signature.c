
/*
 * Signatures by algorithm: a secret or a key of OpenSSL goes in once, bytes are
 * signed and verified with it from then on (RFC 7518, RFC 8037).
 *
 * All that can be done beforehand is done when a key is made: a signature
 * begins with a copy of its context.
 */


#include "ngx_leadgen_keys.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>


#define NGX_LEADGEN_SIGNATURE_SECRET   32   /* bytes; RFC 7518, section 3.2 */
#define NGX_LEADGEN_SIGNATURE_RSA_MIN  2048 /* bits; section 3.3 */
#define NGX_LEADGEN_SIGNATURE_RSA_MAX  4096

#define NGX_LEADGEN_SIGNATURE_HMAC     32   /* bytes */
#define NGX_LEADGEN_SIGNATURE_PAIR     64   /* r and s, or R and S */
#define NGX_LEADGEN_SIGNATURE_DER      72   /* r and s in ASN.1, at most */


static ngx_int_t ngx_leadgen_signature_is_for(ngx_conf_t *cf,
    ngx_leadgen_key_t *key, const ngx_leadgen_signature_t *algorithm);
static const ngx_leadgen_signature_t *ngx_leadgen_signature_strong(
    ngx_conf_t *cf, EVP_PKEY *pkey);
static ngx_int_t ngx_leadgen_signature_contexts(ngx_conf_t *cf,
    ngx_leadgen_key_t *key, EVP_PKEY *pkey, ngx_uint_t is_private);
static ngx_int_t ngx_leadgen_signature_try(const ngx_leadgen_key_t *key);
static EVP_MAC_CTX *ngx_leadgen_signature_hmac(const u_char *secret,
    size_t len);
static EVP_MAC_CTX *ngx_leadgen_signature_deriver(EVP_PKEY *pkey);
static void ngx_leadgen_signature_free(void *data);

static ngx_int_t ngx_leadgen_signature_hmac_sign(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, u_char *signature);
static ngx_int_t ngx_leadgen_signature_hmac_verify(
    const ngx_leadgen_key_t *key, const ngx_str_t *input,
    const ngx_str_t *signature);
static ngx_int_t ngx_leadgen_signature_bytes_sign(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, u_char *signature);
static ngx_int_t ngx_leadgen_signature_bytes_verify(
    const ngx_leadgen_key_t *key, const ngx_str_t *input,
    const ngx_str_t *signature);
static ngx_int_t ngx_leadgen_signature_pair_sign(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, u_char *signature);
static ngx_int_t ngx_leadgen_signature_pair_verify(
    const ngx_leadgen_key_t *key, const ngx_str_t *input,
    const ngx_str_t *signature);
static size_t ngx_leadgen_signature_digest(EVP_MD_CTX *context,
    const ngx_str_t *input, u_char *signature, size_t size);
static ECDSA_SIG *ngx_leadgen_signature_pair(const u_char *signature);


static const ngx_leadgen_signature_t  ngx_leadgen_signatures[] = {

    { ngx_string("HS256"), "HMAC", "SHA256",
      ngx_leadgen_signature_hmac_verify, ngx_leadgen_signature_hmac_sign },

    { ngx_string("RS256"), "RSA", "SHA256",
      ngx_leadgen_signature_bytes_verify, ngx_leadgen_signature_bytes_sign },

    { ngx_string("ES256"), "EC", "SHA256",
      ngx_leadgen_signature_pair_verify, ngx_leadgen_signature_pair_sign },

    { ngx_string("EdDSA"), "ED25519", NULL,
      ngx_leadgen_signature_bytes_verify, ngx_leadgen_signature_bytes_sign },

    { ngx_null_string, NULL, NULL, NULL, NULL }
};


/* the order of P-256's group */

static const u_char  ngx_leadgen_signature_order[] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
    0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51
};


const ngx_leadgen_signature_t *
ngx_leadgen_signature_find(const ngx_str_t *name)
{
    const ngx_leadgen_signature_t  *algorithm;

    for (algorithm = ngx_leadgen_signatures; algorithm->type; algorithm++) {

        if (algorithm->name.len == name->len
            && ngx_memcmp(algorithm->name.data, name->data, name->len) == 0)
        {
            return algorithm;
        }
    }

    return NULL;
}


/* --- making keys --- */

ngx_int_t
ngx_leadgen_signature_secret(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    const ngx_str_t *secret)
{
    ngx_pool_cleanup_t  *cln;

    if (ngx_leadgen_signature_is_for(cf, key, ngx_leadgen_signatures)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (secret->len < NGX_LEADGEN_SIGNATURE_SECRET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret has %uz bytes: HS256 needs %d or more, "
                           "make one with \"openssl rand -hex 32\"",
                           secret->len, NGX_LEADGEN_SIGNATURE_SECRET);
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_leadgen_key_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    key->secret = ngx_leadgen_signature_hmac(secret->data, secret->len);
    key->deriver = ngx_leadgen_signature_hmac(secret->data, secret->len);

    key->size = NGX_LEADGEN_SIGNATURE_HMAC;
    ngx_memcpy(cln->data, key, sizeof(ngx_leadgen_key_t));
    cln->handler = ngx_leadgen_signature_free;

    if (key->secret == NULL || key->deriver == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "could not prepare HMAC-SHA256");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static EVP_MAC_CTX *
ngx_leadgen_signature_hmac(const u_char *secret, size_t len)
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


ngx_int_t
ngx_leadgen_signature_pkey(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    EVP_PKEY *pkey, ngx_uint_t is_private)
{
    ngx_int_t                       rc;
    const ngx_leadgen_signature_t  *algorithm;

    ERR_clear_error();

    algorithm = ngx_leadgen_signature_strong(cf, pkey);

    rc = algorithm == NULL
         || ngx_leadgen_signature_is_for(cf, key, algorithm) != NGX_OK
         ? NGX_ERROR
         : ngx_leadgen_signature_contexts(cf, key, pkey, is_private);

    ERR_clear_error();

    return rc;
}


static ngx_int_t
ngx_leadgen_signature_is_for(ngx_conf_t *cf, ngx_leadgen_key_t *key,
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
ngx_leadgen_signature_strong(ngx_conf_t *cf, EVP_PKEY *pkey)
{
    int                             bits;
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

    bits = EVP_PKEY_get_bits(pkey);

    if (ngx_strcmp(algorithm->type, "RSA") == 0
        && (bits < NGX_LEADGEN_SIGNATURE_RSA_MIN
            || bits > NGX_LEADGEN_SIGNATURE_RSA_MAX))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the RSA key has %d bits: RS256 needs %d to %d, "
                           "make one with \"openssl genrsa 3072\"", bits,
                           NGX_LEADGEN_SIGNATURE_RSA_MIN,
                           NGX_LEADGEN_SIGNATURE_RSA_MAX);
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


/* Keyed with the private part's own bytes. */

static EVP_MAC_CTX *
ngx_leadgen_signature_deriver(EVP_PKEY *pkey)
{
    int           len;
    u_char       *der;
    EVP_MAC_CTX  *context;

    der = NULL;
    len = i2d_PrivateKey(pkey, &der);

    if (len <= 0) {
        return NULL;
    }

    context = ngx_leadgen_signature_hmac(der, len);

    OPENSSL_clear_free(der, len);

    return context;
}


static ngx_int_t
ngx_leadgen_signature_contexts(ngx_conf_t *cf, ngx_leadgen_key_t *key,
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
    key->deriver = is_private ? ngx_leadgen_signature_deriver(pkey) : NULL;

    ngx_memcpy(cln->data, key, sizeof(ngx_leadgen_key_t));
    cln->handler = ngx_leadgen_signature_free;

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
        || ngx_leadgen_signature_try(key) != NGX_OK)
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
ngx_leadgen_signature_try(const ngx_leadgen_key_t *key)
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
ngx_leadgen_signature_free(void *data)
{
    ngx_leadgen_key_t  *key = data;

    EVP_MAC_CTX_free(key->secret);
    EVP_MAC_CTX_free(key->deriver);
    EVP_MD_CTX_free(key->verifier);
    EVP_MD_CTX_free(key->signer);
}


/* --- using them --- */

/*
 * What a failure leaves in OpenSSL's queue of errors would be taken for one of
 * the next who looks there, TLS in the same worker for example.
 */

ngx_int_t
ngx_leadgen_signature_verify(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, const ngx_str_t *signature)
{
    ngx_int_t  rc;

    if (signature->len != key->size) {
        return NGX_ERROR;
    }

    ERR_clear_error();
    rc = key->algorithm->verify(key, input, signature);
    ERR_clear_error();

    return rc;
}


ngx_int_t
ngx_leadgen_signature_sign(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, u_char *signature)
{
    ngx_int_t  rc;

    ERR_clear_error();
    rc = key->algorithm->sign(key, input, signature);
    ERR_clear_error();

    return rc;
}


static ngx_int_t
ngx_leadgen_signature_hmac_sign(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, u_char *signature)
{
    size_t  len;

    if (EVP_MAC_init(key->secret, NULL, 0, NULL) == 1
        && EVP_MAC_update(key->secret, input->data, input->len) == 1
        && EVP_MAC_final(key->secret, signature, &len, key->size) == 1
        && len == key->size)
    {
        return NGX_OK;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_signature_hmac_verify(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, const ngx_str_t *signature)
{
    u_char  digest[NGX_LEADGEN_SIGNATURE_HMAC];

    if (ngx_leadgen_signature_hmac_sign(key, input, digest) == NGX_OK
        && CRYPTO_memcmp(digest, signature->data, sizeof(digest)) == 0)
    {
        return NGX_OK;
    }

    return NGX_ERROR;
}


/* The signature is what OpenSSL makes and takes: RSA, Ed25519. */

static ngx_int_t
ngx_leadgen_signature_bytes_sign(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, u_char *signature)
{
    return ngx_leadgen_signature_digest(key->signer, input, signature,
                                        key->size) == key->size
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_signature_bytes_verify(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, const ngx_str_t *signature)
{
    ngx_int_t    rc;
    EVP_MD_CTX  *context;

    context = EVP_MD_CTX_new();

    rc = context
         && EVP_MD_CTX_copy_ex(context, key->verifier) == 1
         && EVP_DigestVerify(context, signature->data, signature->len,
                             input->data, input->len) == 1
         ? NGX_OK : NGX_ERROR;

    EVP_MD_CTX_free(context);

    return rc;
}


/* r and s, 32 bytes each (RFC 7518, section 3.4); OpenSSL speaks ASN.1. */

static ngx_int_t
ngx_leadgen_signature_pair_sign(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, u_char *signature)
{
    int            half;
    u_char         der[NGX_LEADGEN_SIGNATURE_DER];
    size_t         len;
    ngx_int_t      rc;
    ECDSA_SIG     *pair;
    const u_char  *p;

    len = ngx_leadgen_signature_digest(key->signer, input, der, sizeof(der));

    p = der;
    pair = len ? d2i_ECDSA_SIG(NULL, &p, len) : NULL;
    if (pair == NULL) {
        return NGX_ERROR;
    }

    half = NGX_LEADGEN_SIGNATURE_PAIR / 2;

    rc = BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, half) == half
         && BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + half, half) == half
         ? NGX_OK : NGX_ERROR;

    ECDSA_SIG_free(pair);

    return rc;
}


static ngx_int_t
ngx_leadgen_signature_pair_verify(const ngx_leadgen_key_t *key,
    const ngx_str_t *input, const ngx_str_t *signature)
{
    int         len;
    u_char     *p, bytes[NGX_LEADGEN_SIGNATURE_DER];
    ngx_str_t   der;
    ECDSA_SIG  *pair;

    pair = ngx_leadgen_signature_pair(signature->data);
    if (pair == NULL) {
        return NGX_ERROR;
    }

    p = bytes;
    len = i2d_ECDSA_SIG(pair, NULL);
    len = len > 0 && len <= (int) sizeof(bytes) ? i2d_ECDSA_SIG(pair, &p) : 0;

    ECDSA_SIG_free(pair);

    if (len <= 0) {
        return NGX_ERROR;
    }

    der.data = bytes;
    der.len = len;

    return ngx_leadgen_signature_bytes_verify(key, input, &der);
}


/* NULL, too, for numbers that are no part of a signature: 0, or n and more. */

static ECDSA_SIG *
ngx_leadgen_signature_pair(const u_char *signature)
{
    BIGNUM                *r, *s;
    size_t                 half;
    ECDSA_SIG             *pair;
    const u_char          *order;
    static const u_char    zero[NGX_LEADGEN_SIGNATURE_PAIR / 2];

    half = NGX_LEADGEN_SIGNATURE_PAIR / 2;
    order = ngx_leadgen_signature_order;

    if (ngx_memcmp(signature, order, half) >= 0
        || ngx_memcmp(signature + half, order, half) >= 0
        || ngx_memcmp(signature, zero, half) == 0
        || ngx_memcmp(signature + half, zero, half) == 0)
    {
        return NULL;
    }

    r = BN_bin2bn(signature, half, NULL);
    s = BN_bin2bn(signature + half, half, NULL);
    pair = ECDSA_SIG_new();

    if (r && s && pair && ECDSA_SIG_set0(pair, r, s) == 1) {
        return pair;
    }

    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);

    return NULL;
}


/* The length of the signature, at most size; 0: there is none. */

static size_t
ngx_leadgen_signature_digest(EVP_MD_CTX *signer, const ngx_str_t *input,
    u_char *signature, size_t size)
{
    size_t       len;
    EVP_MD_CTX  *context;

    context = EVP_MD_CTX_new();
    len = size;

    if (context == NULL
        || EVP_MD_CTX_copy_ex(context, signer) != 1
        || EVP_DigestSign(context, signature, &len, input->data, input->len)
           != 1)
    {
        len = 0;
    }

    EVP_MD_CTX_free(context);

    return len;
}
