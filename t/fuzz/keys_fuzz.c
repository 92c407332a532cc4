
/*
 * Any bytes as what a key is read from: PEM, JSON web keys and sets of them, or
 * a secret.  What is taken is a key whose own signatures it verifies; what
 * OpenSSL reads as a key, as it is or as base64, is no secret, whatever is said
 * of it.
 *
 * sources: src/auth/ngx_leadgen_jws.c src/auth/ngx_leadgen_keys.c
 * sources: src/auth/ngx_leadgen_key.c src/auth/ngx_leadgen_keyword.c
 * sources: src/auth/ngx_leadgen_jwa.c src/auth/ngx_leadgen_signature.c
 * sources: src/auth/ngx_leadgen_pem.c src/auth/ngx_leadgen_jwk.c
 * sources: src/base/ngx_leadgen_json.c src/base/ngx_leadgen_text.c
 * sources: src/auth/ngx_leadgen_form.c src/auth/ngx_leadgen_unwrap.c
 * sources: src/auth/ngx_leadgen_rsa.c
 * libraries: -lcrypto -ljansson
 */


#include "unit.h"
#include "ngx_leadgen_keys.h"
#include <openssl/err.h>
#include <openssl/x509.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) cf;
    (void) err;
    (void) fmt;
}


static void
check_key(const ngx_leadgen_key_t *key)
{
    u_char     bytes[NGX_LEADGEN_SIGNATURE_MAX];
    ngx_str_t  input, signature;

    if (key->algorithm == NULL
        || key->size < 32
        || key->size > sizeof(bytes)
        || (key->secret == NULL) == (key->verifier == NULL)
        || key->kid.len > NGX_LEADGEN_KEYS_KID)
    {
        abort();
    }

    ngx_memset(bytes, 1, sizeof(bytes));
    ngx_str_set(&input, "input");
    signature.data = bytes;
    signature.len = key->size;

    if (ngx_leadgen_signature_verify(key, &input, &signature) == NGX_OK) {
        abort();
    }

    if ((key->secret || key->signer)
        && (ngx_leadgen_signature_sign(key, &input, bytes) != NGX_OK
            || ngx_leadgen_signature_verify(key, &input, &signature) != NGX_OK))
    {
        abort();
    }
}


static void
check_der(const u_char *data, size_t size)
{
    X509          *certificate;
    EVP_PKEY      *pkey;
    const u_char  *p;

    p = data;
    pkey = d2i_PUBKEY(NULL, &p, size);

    if (pkey == NULL) {
        p = data;
        pkey = d2i_AutoPrivateKey(NULL, &p, size);
    }

    p = data;
    certificate = d2i_X509(NULL, &p, size);

    if (pkey || certificate) {
        abort();
    }

    ERR_clear_error();
}


/* Of what was taken for a secret. */

static void
check_secret(const uint8_t *data, size_t size)
{
    u_char  *bytes, *text;
    int      len;

    check_der(data, size);

    bytes = malloc(size + 4);
    text = malloc(size + 1);
    ngx_memcpy(text, data, size);
    text[size] = '\0';

    len = EVP_DecodeBlock(bytes, text, size);

    if (len > 0) {
        check_der(bytes, len);
    }

    ERR_clear_error();
    free(bytes);
    free(text);
}


static void
check_text(const uint8_t *data, size_t size, ngx_uint_t is_meant)
{
    ngx_str_t           text, word;
    ngx_conf_t          conf;
    ngx_uint_t          i;
    ngx_array_t        *keys;
    ngx_leadgen_key_t  *key;

    ngx_memzero(&conf, sizeof(conf));
    conf.pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.log = conf.pool->log;

    keys = ngx_leadgen_keys_create(conf.pool);

    text.len = size;
    text.data = ngx_pnalloc(conf.pool, size ? size : 1);
    ngx_memcpy(text.data, data, size);
    ngx_str_set(&word, "alg=HS256");

    if (ngx_leadgen_keys_add(&conf, keys, &text, &word, is_meant)
        == NGX_CONF_OK)
    {
        if (keys->nelts == 0) {
            abort();
        }

        key = keys->elts;

        for (i = 0; i < keys->nelts; i++) {
            check_key(&key[i]);
        }

        if (key->secret) {
            check_secret(data, size);
        }
    }

    for (i = 0; i < size; i++) {
        if (text.data[i]) {
            abort();
        }
    }

    if (ERR_peek_error()) {
        abort();
    }

    ngx_destroy_pool(conf.pool);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text(data, size, 0);
    check_text(data, size, 1);

    return 0;
}
