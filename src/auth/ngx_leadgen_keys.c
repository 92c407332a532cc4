
/*
 * Keys: secrets go in while the configuration is read, contexts that sign and
 * verify come out.  The secret itself stays nowhere else.
 */


#include "ngx_leadgen_auth.h"
#include <openssl/evp.h>
#include <openssl/core_names.h>


#define NGX_LEADGEN_KEYS_SECRET_MIN  32     /* bytes; RFC 7518, section 3.2 */


static ngx_int_t ngx_leadgen_keys_words(ngx_conf_t *cf,
    ngx_leadgen_key_t *key, ngx_str_t *words, ngx_uint_t nwords);
static void *ngx_leadgen_keys_hmac(ngx_conf_t *cf, ngx_str_t *secret);
static void ngx_leadgen_keys_free(void *data);


ngx_array_t *
ngx_leadgen_keys_create(ngx_pool_t *pool)
{
    return ngx_array_create(pool, 2, sizeof(ngx_leadgen_key_t));
}


char *
ngx_leadgen_keys_add(ngx_conf_t *cf, ngx_array_t *keys, ngx_str_t *secret,
    ngx_str_t *words, ngx_uint_t nwords)
{
    ngx_uint_t          i;
    ngx_leadgen_key_t   key, *known;

    ngx_memzero(&key, sizeof(ngx_leadgen_key_t));

    if (ngx_leadgen_keys_words(cf, &key, words, nwords) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    known = keys->elts;

    for (i = 0; i < keys->nelts; i++) {

        if (known[i].kid.len == key.kid.len
            && (key.kid.len == 0
                || ngx_memcmp(known[i].kid.data, key.kid.data, key.kid.len)
                   == 0))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "two keys with kid \"%V\": each needs its own",
                               &key.kid);
            return NGX_CONF_ERROR;
        }
    }

    key.context = ngx_leadgen_keys_hmac(cf, secret);
    if (key.context == NULL) {
        return NGX_CONF_ERROR;
    }

    known = ngx_array_push(keys);
    if (known == NULL) {
        return NGX_CONF_ERROR;
    }

    *known = key;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_leadgen_keys_words(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    ngx_str_t *words, ngx_uint_t nwords)
{
    size_t       len;
    ngx_str_t   *value;
    ngx_uint_t   i;

    for (i = 0; i < nwords; i++) {

        if (ngx_strncmp(words[i].data, "alg=", 4) == 0) {
            value = &key->algorithm;
            len = 4;

        } else if (ngx_strncmp(words[i].data, "kid=", 4) == 0) {
            value = &key->kid;
            len = 4;

        } else if (ngx_strncmp(words[i].data, "issuer=", 7) == 0) {
            value = &key->issuer;
            len = 7;

        } else if (ngx_strncmp(words[i].data, "audience=", 9) == 0) {
            value = &key->audience;
            len = 9;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown option \"%V\" of a key: use alg=, "
                               "kid=, issuer= or audience=", &words[i]);
            return NGX_ERROR;
        }

        value->data = words[i].data + len;
        value->len = words[i].len - len;

        if (value->len == 0 || value->len > 128) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" needs a value of 1 to 128 bytes",
                               &words[i]);
            return NGX_ERROR;
        }
    }

    if (key->algorithm.len == 0) {
        ngx_str_set(&key->algorithm, "HS256");
    }

    if (key->algorithm.len != 5
        || ngx_memcmp(key->algorithm.data, "HS256", 5) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown algorithm \"%V\" of a key: use HS256",
                           &key->algorithm);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void *
ngx_leadgen_keys_hmac(ngx_conf_t *cf, ngx_str_t *secret)
{
    EVP_MAC             *mac;
    OSSL_PARAM           params[2];
    EVP_MAC_CTX         *context;
    ngx_pool_cleanup_t  *cln;

    if (secret->len < NGX_LEADGEN_KEYS_SECRET_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret has %uz bytes: HS256 needs %d or more",
                           secret->len, NGX_LEADGEN_KEYS_SECRET_MIN);
        ngx_explicit_memzero(secret->data, secret->len);
        return NULL;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 (char *) "SHA256", 0);
    params[1] = OSSL_PARAM_construct_end();

    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);

    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (context == NULL
        || cln == NULL
        || EVP_MAC_init(context, secret->data, secret->len, params) != 1)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "could not prepare HMAC-SHA256");
        EVP_MAC_CTX_free(context);
        context = NULL;

    } else {
        cln->handler = ngx_leadgen_keys_free;
        cln->data = context;
    }

    ngx_explicit_memzero(secret->data, secret->len);

    return context;
}


static void
ngx_leadgen_keys_free(void *data)
{
    EVP_MAC_CTX_free(data);
}
