
/*
 * Members of JSON web keys (RFC 7518, section 6; RFC 8037, section 2): a key as
 * an object goes in, a key that verifies comes out.
 */


#include "ngx_leadgen_keys.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>


#define NGX_LEADGEN_JWA_PARAMS      8       /* of a key, at most */
#define NGX_LEADGEN_JWA_COORDINATE  32      /* bytes: P-256, Ed25519 */


/* Lifetime: while a key is read. */

typedef struct {
    ngx_conf_t                 *cf;
    u_char                     *free;       /* of the scratch */
    OSSL_PARAM                  params[NGX_LEADGEN_JWA_PARAMS + 1];
    ngx_uint_t                  nparams;
} ngx_leadgen_jwa_reader_t;


typedef struct {
    const char                 *kty;
    const char                 *crv;        /* NULL: it has none */
    const char                 *type;       /* as OpenSSL says */
    ngx_int_t (*members)(ngx_leadgen_jwa_reader_t *reader, json_t *jwk);
} ngx_leadgen_jwa_type_t;


static const ngx_leadgen_jwa_type_t *ngx_leadgen_jwa_type(json_t *jwk);
static ngx_int_t ngx_leadgen_jwa_pkey(ngx_leadgen_jwa_reader_t *reader,
    json_t *jwk, ngx_leadgen_key_t *key, const ngx_leadgen_jwa_type_t *type);
static ngx_int_t ngx_leadgen_jwa_rsa(ngx_leadgen_jwa_reader_t *reader,
    json_t *jwk);
static ngx_int_t ngx_leadgen_jwa_ec(ngx_leadgen_jwa_reader_t *reader,
    json_t *jwk);
static ngx_int_t ngx_leadgen_jwa_okp(ngx_leadgen_jwa_reader_t *reader,
    json_t *jwk);
static ngx_int_t ngx_leadgen_jwa_number(ngx_leadgen_jwa_reader_t *reader,
    json_t *jwk, const char *member, const char *param);
static ngx_int_t ngx_leadgen_jwa_bytes(ngx_leadgen_jwa_reader_t *reader,
    json_t *jwk, const char *member, ngx_str_t *bytes);
static ngx_int_t ngx_leadgen_jwa_coordinate(ngx_leadgen_jwa_reader_t *reader,
    json_t *jwk, const char *member, ngx_str_t *bytes);
static ngx_uint_t ngx_leadgen_jwa_is(json_t *jwk, const char *member,
    const char *text);


/* The first is the only one that is no key of OpenSSL's, but a secret. */

static const ngx_leadgen_jwa_type_t  ngx_leadgen_jwa_types[] = {
    { "oct", NULL,      NULL,      NULL },
    { "RSA", NULL,      "RSA",     ngx_leadgen_jwa_rsa },
    { "EC",  "P-256",   "EC",      ngx_leadgen_jwa_ec },
    { "OKP", "Ed25519", "ED25519", ngx_leadgen_jwa_okp },
    { NULL,  NULL,      NULL,      NULL }
};


ngx_uint_t
ngx_leadgen_jwa_is_known(json_t *jwk)
{
    return ngx_leadgen_jwa_type(jwk) != NULL;
}


ngx_int_t
ngx_leadgen_jwa_key(ngx_conf_t *cf, ngx_leadgen_key_t *key, json_t *jwk,
    u_char *scratch)
{
    ngx_str_t                      secret;
    ngx_leadgen_jwa_reader_t       reader;
    const ngx_leadgen_jwa_type_t  *type;

    ngx_memzero(&reader, sizeof(ngx_leadgen_jwa_reader_t));
    reader.cf = cf;
    reader.free = scratch;

    type = ngx_leadgen_jwa_type(jwk);

    if (type != ngx_leadgen_jwa_types) {
        return ngx_leadgen_jwa_pkey(&reader, jwk, key, type);
    }

    return ngx_leadgen_jwa_bytes(&reader, jwk, "k", &secret) == NGX_OK
           ? ngx_leadgen_key_secret(cf, key, &secret, 0) : NGX_ERROR;
}


static const ngx_leadgen_jwa_type_t *
ngx_leadgen_jwa_type(json_t *jwk)
{
    const ngx_leadgen_jwa_type_t  *type;

    for (type = ngx_leadgen_jwa_types; type->kty; type++) {

        if (ngx_leadgen_jwa_is(jwk, "kty", type->kty)
            && (type->crv == NULL
                || ngx_leadgen_jwa_is(jwk, "crv", type->crv)))
        {
            return type;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_leadgen_jwa_pkey(ngx_leadgen_jwa_reader_t *reader, json_t *jwk,
    ngx_leadgen_key_t *key, const ngx_leadgen_jwa_type_t *type)
{
    EVP_PKEY      *pkey;
    ngx_int_t      rc;
    ngx_uint_t     is_private;
    EVP_PKEY_CTX  *context;

    is_private = json_object_get(jwk, "d") != NULL;

    if (type->members(reader, jwk) != NGX_OK) {
        return NGX_ERROR;
    }

    reader->params[reader->nparams] = OSSL_PARAM_construct_end();

    ERR_clear_error();

    pkey = NULL;
    context = EVP_PKEY_CTX_new_from_name(NULL, type->type, NULL);

    if (context == NULL
        || EVP_PKEY_fromdata_init(context) != 1
        || EVP_PKEY_fromdata(context, &pkey,
                             is_private ? EVP_PKEY_KEYPAIR
                                        : EVP_PKEY_PUBLIC_KEY,
                             reader->params) != 1)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "the members of the JSON web key are no %s key: "
                           "export it anew", type->kty);
        rc = NGX_ERROR;

    } else {
        rc = ngx_leadgen_key_pkey(reader->cf, key, pkey, is_private);
    }

    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();

    return rc;
}


/*
 * RFC 7518, section 6.3: of what follows d, all or nothing; OpenSSL wouldn't
 * free what it has read of a part.
 */

static ngx_int_t
ngx_leadgen_jwa_rsa(ngx_leadgen_jwa_reader_t *reader, json_t *jwk)
{
    ngx_uint_t  i, n;

    static const struct {
        const char  *member;
        const char  *param;
    } numbers[NGX_LEADGEN_JWA_PARAMS] = {
        { "n",  OSSL_PKEY_PARAM_RSA_N },
        { "e",  OSSL_PKEY_PARAM_RSA_E },
        { "d",  OSSL_PKEY_PARAM_RSA_D },
        { "p",  OSSL_PKEY_PARAM_RSA_FACTOR1 },
        { "q",  OSSL_PKEY_PARAM_RSA_FACTOR2 },
        { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
        { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
        { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 }
    };

    n = NGX_LEADGEN_JWA_PARAMS;

    if (json_object_get(jwk, "d") == NULL) {
        n = 2;

    } else if (json_object_get(jwk, "p") == NULL) {
        n = 3;
    }

    for (i = 0; i < n; i++) {

        if (ngx_leadgen_jwa_number(reader, jwk, numbers[i].member,
                                   numbers[i].param) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* RFC 7518, section 6.2; OpenSSL takes the point uncompressed */

static ngx_int_t
ngx_leadgen_jwa_ec(ngx_leadgen_jwa_reader_t *reader, json_t *jwk)
{
    u_char     *point;
    ngx_str_t   x, y;

    point = reader->free++;
    *point = 0x04;

    /* y comes to stand right behind x */

    if (ngx_leadgen_jwa_coordinate(reader, jwk, "x", &x) != NGX_OK
        || ngx_leadgen_jwa_coordinate(reader, jwk, "y", &y) != NGX_OK)
    {
        return NGX_ERROR;
    }

    reader->params[reader->nparams++] =
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                         (char *) "P-256", 0);
    reader->params[reader->nparams++] =
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
                                          1 + x.len + y.len);

    return json_object_get(jwk, "d")
           ? ngx_leadgen_jwa_number(reader, jwk, "d", OSSL_PKEY_PARAM_PRIV_KEY)
           : NGX_OK;
}


/* RFC 8037, section 2 */

static ngx_int_t
ngx_leadgen_jwa_okp(ngx_leadgen_jwa_reader_t *reader, json_t *jwk)
{
    ngx_str_t  x, d;

    if (ngx_leadgen_jwa_coordinate(reader, jwk, "x", &x) != NGX_OK) {
        return NGX_ERROR;
    }

    reader->params[reader->nparams++] =
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, x.data,
                                          x.len);

    if (json_object_get(jwk, "d") == NULL) {
        return NGX_OK;
    }

    if (ngx_leadgen_jwa_coordinate(reader, jwk, "d", &d) != NGX_OK) {
        return NGX_ERROR;
    }

    reader->params[reader->nparams++] =
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, d.data,
                                          d.len);

    return NGX_OK;
}


/* --- members --- */

/* OpenSSL takes numbers in the machine's order of bytes. */

static ngx_int_t
ngx_leadgen_jwa_number(ngx_leadgen_jwa_reader_t *reader, json_t *jwk,
    const char *member, const char *param)
{
    int         n;
    BIGNUM     *number;
    ngx_str_t   bytes;

    if (ngx_leadgen_jwa_bytes(reader, jwk, member, &bytes) != NGX_OK) {
        return NGX_ERROR;
    }

    number = BN_bin2bn(bytes.data, bytes.len, NULL);
    n = number ? BN_bn2nativepad(number, reader->free, bytes.len) : -1;
    BN_clear_free(number);

    if (n < 0) {
        return NGX_ERROR;
    }

    reader->params[reader->nparams++] =
        OSSL_PARAM_construct_BN(param, reader->free, bytes.len);
    reader->free += bytes.len;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_jwa_bytes(ngx_leadgen_jwa_reader_t *reader, json_t *jwk,
    const char *member, ngx_str_t *bytes)
{
    ngx_str_t  text;

    text = ngx_leadgen_json_string(jwk, member);
    bytes->data = reader->free;

    if (text.len == 0 || ngx_leadgen_jws_decode(bytes, &text) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "\"%s\" of the JSON web key is missing, or not in "
                           "base64url without padding", member);
        return NGX_ERROR;
    }

    reader->free += bytes->len;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_jwa_coordinate(ngx_leadgen_jwa_reader_t *reader, json_t *jwk,
    const char *member, ngx_str_t *bytes)
{
    if (ngx_leadgen_jwa_bytes(reader, jwk, member, bytes) != NGX_OK) {
        return NGX_ERROR;
    }

    if (bytes->len != NGX_LEADGEN_JWA_COORDINATE) {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "\"%s\" of the JSON web key has %uz bytes, not %d",
                           member, bytes->len, NGX_LEADGEN_JWA_COORDINATE);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_leadgen_jwa_is(json_t *jwk, const char *member, const char *text)
{
    ngx_str_t  value;

    value = ngx_leadgen_json_string(jwk, member);

    return value.len == ngx_strlen(text)
           && ngx_memcmp(value.data, text, value.len) == 0;
}
