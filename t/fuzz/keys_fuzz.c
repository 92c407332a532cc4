
/*
 * Any bytes as what a key is read from: PEM, JSON web keys and sets of them, or
 * a secret.  What is taken is a key whose own signatures it verifies.
 *
 * sources: src/auth/ngx_leadgen_jws.c src/auth/ngx_leadgen_keys.c
 * sources: src/auth/ngx_leadgen_key.c src/auth/ngx_leadgen_keyword.c
 * sources: src/auth/ngx_leadgen_jwa.c src/auth/ngx_leadgen_signature.c
 * sources: src/auth/ngx_leadgen_pem.c src/auth/ngx_leadgen_jwk.c
 * sources: src/base/ngx_leadgen_json.c src/base/ngx_leadgen_text.c
 * libraries: -lcrypto -ljansson
 */


#include "unit.h"
#include "ngx_leadgen_keys.h"
#include <openssl/err.h>


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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t     text;
    ngx_conf_t    conf;
    ngx_uint_t    i;
    ngx_array_t  *keys;

    ngx_memzero(&conf, sizeof(conf));
    conf.pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.log = conf.pool->log;

    keys = ngx_leadgen_keys_create(conf.pool);

    text.len = size;
    text.data = ngx_pnalloc(conf.pool, size ? size : 1);
    ngx_memcpy(text.data, data, size);

    if (ngx_leadgen_keys_add(&conf, keys, &text, NULL, 0) == NGX_CONF_OK) {

        if (keys->nelts == 0) {
            abort();
        }

        for (i = 0; i < keys->nelts; i++) {
            check_key((ngx_leadgen_key_t *) keys->elts + i);
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

    return 0;
}
