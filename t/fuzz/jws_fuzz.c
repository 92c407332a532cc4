
/*
 * Any bytes as a token, and any as the header and payload of one that is
 * signed by a key of each algorithm: nothing but what one of our keys signed is
 * verified, and what is decoded has no other text.
 *
 * sources: src/auth/ngx_leadgen_token.c src/auth/ngx_leadgen_jws.c
 * sources: src/auth/ngx_leadgen_keys.c src/auth/ngx_leadgen_key.c
 * sources: src/auth/ngx_leadgen_keyword.c src/auth/ngx_leadgen_jwa.c
 * sources: src/auth/ngx_leadgen_signature.c src/auth/ngx_leadgen_pem.c
 * sources: src/auth/ngx_leadgen_jwk.c src/base/ngx_leadgen_json.c
 * sources: src/base/ngx_leadgen_text.c src/base/ngx_leadgen_uuid.c
 * sources: src/base/ngx_leadgen_time.c
 * sources: src/auth/ngx_leadgen_form.c src/auth/ngx_leadgen_unwrap.c
 * sources: src/auth/ngx_leadgen_rsa.c
 * libraries: -lcrypto -ljansson
 */


#include "unit.h"
#include "ngx_leadgen_keys.h"
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static ngx_array_t  *keys;
static const char    secret[] = "a key of thirty-two bytes, or so";


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) cf;
    (void) err;
    (void) fmt;
}


time_t
ngx_leadgen_epoch_get(ngx_leadgen_epoch_e kind, const u_char *key)
{
    (void) kind;
    (void) key;

    return 0;
}


time_t
ngx_leadgen_epoch_latest(const u_char *user_id)
{
    (void) user_id;

    return 0;
}


static void
add_key(ngx_conf_t *conf, const char *text, size_t len)
{
    ngx_str_t           copy, word;
    ngx_leadgen_key_t  *key;

    copy.len = len;
    copy.data = ngx_pnalloc(conf->pool, len);
    ngx_memcpy(copy.data, text, len);

    ngx_str_set(&word, "alg=HS256");

    if (ngx_leadgen_keys_add(conf, keys, &copy, &word, text == secret)
        != NGX_CONF_OK)
    {
        abort();
    }

    /* seeds are for all times */

    key = keys->elts;
    key[keys->nelts - 1].max_age = NGX_MAX_INT_T_VALUE;
}


static void
add_pair(ngx_conf_t *conf, EVP_PKEY *pkey)
{
    BIO   *bio;
    char  *text;
    long   len;

    bio = BIO_new(BIO_s_mem());
    (void) PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    len = BIO_get_mem_data(bio, &text);
    add_key(conf, text, len);

    BIO_free(bio);
    EVP_PKEY_free(pkey);
}


static void
make_keys(void)
{
    static ngx_conf_t  conf;

    conf.pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.log = conf.pool->log;
    keys = ngx_leadgen_keys_create(conf.pool);

    add_key(&conf, secret, sizeof(secret) - 1);
    add_pair(&conf, EVP_RSA_gen(2048));
    add_pair(&conf, EVP_EC_gen("P-256"));
    add_pair(&conf, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}


static void
check_decode(ngx_pool_t *pool, const ngx_str_t *text)
{
    ngx_str_t  bytes, again;

    bytes.data = ngx_pnalloc(pool, text->len + 1);
    again.data = ngx_pnalloc(pool, text->len + 4);

    if (ngx_leadgen_jws_decode(&bytes, text) != NGX_OK) {
        return;
    }

    ngx_encode_base64url(&again, &bytes);

    if (again.len != text->len
        || ngx_memcmp(again.data, text->data, text->len) != 0)
    {
        abort();
    }
}


/* A header and a payload, parted by a zero byte, as a token that is signed. */

static void
check_signed(ngx_pool_t *pool, const uint8_t *data, size_t size)
{
    u_char                   *p, *zero, signature[NGX_LEADGEN_SIGNATURE_MAX];
    ngx_str_t                 part, encoded, token;
    ngx_leadgen_key_t        *key;
    ngx_leadgen_problem_e     problem;
    ngx_leadgen_principal_t   who;

    zero = memchr(data, 0, size);
    if (zero == NULL) {
        return;
    }

    token.data = ngx_pnalloc(pool, 2 * size + 1024);
    p = token.data;

    part.data = (u_char *) data;
    part.len = zero - data;
    encoded.data = p;
    ngx_encode_base64url(&encoded, &part);
    p += encoded.len;
    *p++ = '.';

    part.data = zero + 1;
    part.len = data + size - part.data;
    encoded.data = p;
    ngx_encode_base64url(&encoded, &part);
    p += encoded.len;

    key = (ngx_leadgen_key_t *) keys->elts + size % keys->nelts;
    token.len = p - token.data;

    if (ngx_leadgen_signature_sign(key, &token, signature) != NGX_OK) {
        abort();
    }

    *p++ = '.';
    part.data = signature;
    part.len = key->size;
    encoded.data = p;
    ngx_encode_base64url(&encoded, &part);
    token.len = p + encoded.len - token.data;

    problem = ngx_leadgen_token_verify(pool, keys, &token, &who);

    if (problem == NGX_LEADGEN_PROBLEM_NONE
        && (who.user_id <= 0 || who.expires <= ngx_time()
            || who.role.len > 63 || who.permissions))
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t           token;
    ngx_pool_t         *pool;
    ngx_leadgen_jws_t   jws;

    if (keys == NULL) {
        make_keys();
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);

    token.len = size;
    token.data = ngx_pnalloc(pool, size);
    ngx_memcpy(token.data, data, size);

    /* nobody guesses a signature: only the seed below is one */

    if (ngx_leadgen_jws_verify(pool, keys, &token, &jws) == NGX_OK
        && (jws.payload.len != 11
            || ngx_memcmp(jws.payload.data, "{\"sub\":\"7\"}", 11) != 0))
    {
        abort();
    }

    check_decode(pool, &token);
    check_signed(pool, data, size);

    ngx_destroy_pool(pool);

    return 0;
}
