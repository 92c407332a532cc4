
/*
 * Signatures by algorithm: a key and bytes go in, a signature comes out, or
 * whether one is of that key and of these bytes (RFC 7518, RFC 8037).
 */


#include "ngx_leadgen_keys.h"
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>


#define NGX_LEADGEN_SIGNATURE_DER  72       /* r and s in ASN.1, at most */


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


const ngx_leadgen_signature_t  ngx_leadgen_signatures[] = {

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
