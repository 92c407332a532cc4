
/*
 * JSON web keys (RFC 7517; RFC 7518, section 6; RFC 8037): a key or a set of
 * them goes in as text, what of it can verify tokens comes out.
 */


#include "ngx_leadgen_keys.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>


#define NGX_LEADGEN_JWK_KEYS        64      /* in a set, at most */
#define NGX_LEADGEN_JWK_PARAMS      8       /* of a key, at most */
#define NGX_LEADGEN_JWK_COORDINATE  32      /* bytes: P-256, Ed25519 */


/* Lifetime: while a text is read.  What is decoded is wiped with the scratch. */

typedef struct {
    ngx_conf_t                 *cf;
    ngx_array_t                *keys;
    const ngx_leadgen_key_t    *options;

    u_char                     *scratch;
    u_char                     *free;
    OSSL_PARAM                  params[NGX_LEADGEN_JWK_PARAMS + 1];
    ngx_uint_t                  nparams;
} ngx_leadgen_jwk_reader_t;


typedef struct {
    const char                 *kty;
    const char                 *crv;        /* NULL: it has none */
    const char                 *type;       /* as OpenSSL says */
    ngx_int_t (*members)(ngx_leadgen_jwk_reader_t *reader, json_t *jwk);
} ngx_leadgen_jwk_type_t;


static ngx_int_t ngx_leadgen_jwk_set(ngx_leadgen_jwk_reader_t *reader,
    json_t *set);
static ngx_int_t ngx_leadgen_jwk_one(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk);
static const char *ngx_leadgen_jwk_is_not_ours(json_t *jwk);
static ngx_int_t ngx_leadgen_jwk_options(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk, ngx_leadgen_key_t *key);
static ngx_int_t ngx_leadgen_jwk_kid(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk, ngx_leadgen_key_t *key);
static const ngx_leadgen_jwk_type_t *ngx_leadgen_jwk_type(json_t *jwk);
static ngx_int_t ngx_leadgen_jwk_pkey(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk, ngx_leadgen_key_t *key);
static ngx_int_t ngx_leadgen_jwk_rsa(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk);
static ngx_int_t ngx_leadgen_jwk_ec(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk);
static ngx_int_t ngx_leadgen_jwk_okp(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk);
static ngx_int_t ngx_leadgen_jwk_number(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk, const char *member, const char *param);
static ngx_int_t ngx_leadgen_jwk_bytes(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk, const char *member, ngx_str_t *bytes);
static ngx_int_t ngx_leadgen_jwk_coordinate(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk, const char *member, ngx_str_t *bytes);
static ngx_uint_t ngx_leadgen_jwk_is(json_t *jwk, const char *member,
    const char *text);
static void ngx_leadgen_jwk_wipe(json_t *tree);


/* The first is the only one that is no key of OpenSSL's, but a secret. */

static const ngx_leadgen_jwk_type_t  ngx_leadgen_jwk_types[] = {
    { "oct", NULL,      NULL,      NULL },
    { "RSA", NULL,      "RSA",     ngx_leadgen_jwk_rsa },
    { "EC",  "P-256",   "EC",      ngx_leadgen_jwk_ec },
    { "OKP", "Ed25519", "ED25519", ngx_leadgen_jwk_okp },
    { NULL,  NULL,      NULL,      NULL }
};


ngx_int_t
ngx_leadgen_jwk_add(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *options, const ngx_str_t *text)
{
    json_t                    *tree;
    ngx_int_t                  rc;
    ngx_pool_t                *pool;
    ngx_leadgen_jwk_reader_t   reader;

    pool = ngx_create_pool(4096, cf->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&reader, sizeof(ngx_leadgen_jwk_reader_t));
    reader.cf = cf;
    reader.keys = keys;
    reader.options = options;

    /* of each member: what is decoded, and once more as a number */

    reader.scratch = ngx_pnalloc(pool, 2 * text->len);
    tree = ngx_leadgen_json_parse(pool, text);

    if (reader.scratch == NULL || tree == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key begins like JSON, but is no JSON object: "
                           "give a JSON web key, or a set of them");
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    rc = json_object_get(tree, "keys") ? ngx_leadgen_jwk_set(&reader, tree)
                                       : ngx_leadgen_jwk_one(&reader, tree);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the JSON web key can't verify tokens: %s",
                           ngx_leadgen_jwk_is_not_ours(tree));
        rc = NGX_ERROR;
    }

    ngx_explicit_memzero(reader.scratch, 2 * text->len);
    ngx_leadgen_jwk_wipe(tree);
    ngx_destroy_pool(pool);

    return rc;
}


/* A set may hold keys for something else (RFC 7517, section 5). */

static ngx_int_t
ngx_leadgen_jwk_set(ngx_leadgen_jwk_reader_t *reader, json_t *set)
{
    json_t      *array, *jwk;
    ngx_int_t    rc;
    ngx_uint_t   i, n;

    array = json_object_get(set, "keys");

    if (!json_is_array(array)
        || json_array_size(array) > NGX_LEADGEN_JWK_KEYS)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "\"keys\" of a JSON web key set is no array of at "
                           "most %d keys", NGX_LEADGEN_JWK_KEYS);
        return NGX_ERROR;
    }

    n = reader->keys->nelts;

    for (i = 0; i < json_array_size(array); i++) {
        jwk = json_array_get(array, i);
        rc = ngx_leadgen_jwk_one(reader, jwk);

        if (rc == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_WARN, reader->cf, 0,
                               "key %ui of the JSON web key set is left out: "
                               "%s", i + 1, ngx_leadgen_jwk_is_not_ours(jwk));

        } else if (rc != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                               "key %ui of the JSON web key set can't be used",
                               i + 1);
            return NGX_ERROR;
        }
    }

    if (reader->keys->nelts == n) {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "no key of the JSON web key set can verify tokens: "
                           "add one for HS256, RS256, ES256 or EdDSA");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NGX_DECLINED: a key for something else than tokens like ours. */

static ngx_int_t
ngx_leadgen_jwk_one(ngx_leadgen_jwk_reader_t *reader, json_t *jwk)
{
    ngx_int_t           rc;
    ngx_str_t           secret;
    ngx_leadgen_key_t   key;

    if (ngx_leadgen_jwk_is_not_ours(jwk)) {
        return NGX_DECLINED;
    }

    key = *reader->options;
    reader->free = reader->scratch;

    if (ngx_leadgen_jwk_options(reader, jwk, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_leadgen_jwk_type(jwk) != ngx_leadgen_jwk_types) {
        rc = ngx_leadgen_jwk_pkey(reader, jwk, &key);

    } else if (ngx_leadgen_jwk_bytes(reader, jwk, "k", &secret) == NGX_OK) {
        rc = ngx_leadgen_signature_secret(reader->cf, &key, &secret);

    } else {
        rc = NGX_ERROR;
    }

    return rc == NGX_OK ? ngx_leadgen_keys_push(reader->cf, reader->keys, &key)
                        : NGX_ERROR;
}


/* NULL, or why the key is for something else. */

static const char *
ngx_leadgen_jwk_is_not_ours(json_t *jwk)
{
    json_t      *operations, *operation;
    ngx_str_t    algorithm;
    ngx_uint_t   i;

    if (!json_is_object(jwk)) {
        return "it is no object";
    }

    if (ngx_leadgen_jwk_type(jwk) == NULL) {
        return "it is none of \"oct\", \"RSA\", \"EC\" on the curve \"P-256\" "
               "and \"OKP\" on \"Ed25519\"";
    }

    if (json_object_get(jwk, "use")
        && !ngx_leadgen_jwk_is(jwk, "use", "sig"))
    {
        return "its \"use\" is not \"sig\"";
    }

    algorithm = ngx_leadgen_json_string(jwk, "alg");

    if (json_object_get(jwk, "alg")
        && ngx_leadgen_signature_find(&algorithm) == NULL)
    {
        return "its \"alg\" is none of HS256, RS256, ES256 and EdDSA";
    }

    operations = json_object_get(jwk, "key_ops");

    if (operations == NULL) {
        return NULL;
    }

    json_array_foreach(operations, i, operation) {

        if (json_is_string(operation)
            && ngx_strcmp(json_string_value(operation), "verify") == 0)
        {
            return NULL;
        }
    }

    return "its \"key_ops\" have no \"verify\"";
}


/* What the key says of itself and what the directive says must agree. */

static ngx_int_t
ngx_leadgen_jwk_options(ngx_leadgen_jwk_reader_t *reader, json_t *jwk,
    ngx_leadgen_key_t *key)
{
    ngx_str_t                       name;
    const ngx_leadgen_signature_t  *algorithm;

    name = ngx_leadgen_json_string(jwk, "alg");
    algorithm = ngx_leadgen_signature_find(&name);

    if (algorithm && key->algorithm && key->algorithm != algorithm) {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "alg=%V contradicts \"alg\" of the JSON web key, "
                           "%V: leave out alg=", &key->algorithm->name,
                           &algorithm->name);
        return NGX_ERROR;
    }

    if (algorithm) {
        key->algorithm = algorithm;
    }

    return json_object_get(jwk, "kid") ? ngx_leadgen_jwk_kid(reader, jwk, key)
                                       : NGX_OK;
}


static ngx_int_t
ngx_leadgen_jwk_kid(ngx_leadgen_jwk_reader_t *reader, json_t *jwk,
    ngx_leadgen_key_t *key)
{
    ngx_str_t  kid;

    kid = ngx_leadgen_json_string(jwk, "kid");

    if (kid.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "\"kid\" of the JSON web key is no text: leave it "
                           "out or give it one");
        return NGX_ERROR;
    }

    if (key->kid.len
        && (key->kid.len != kid.len
            || ngx_memcmp(key->kid.data, kid.data, kid.len) != 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "kid=%V contradicts \"kid\" of the JSON web key: "
                           "leave out kid=", &key->kid);
        return NGX_ERROR;
    }

    key->kid.len = kid.len;
    key->kid.data = ngx_pstrdup(reader->cf->pool, &kid);

    return key->kid.data ? NGX_OK : NGX_ERROR;
}


static const ngx_leadgen_jwk_type_t *
ngx_leadgen_jwk_type(json_t *jwk)
{
    const ngx_leadgen_jwk_type_t  *type;

    for (type = ngx_leadgen_jwk_types; type->kty; type++) {

        if (ngx_leadgen_jwk_is(jwk, "kty", type->kty)
            && (type->crv == NULL
                || ngx_leadgen_jwk_is(jwk, "crv", type->crv)))
        {
            return type;
        }
    }

    return NULL;
}


/* --- keys of OpenSSL's --- */

static ngx_int_t
ngx_leadgen_jwk_pkey(ngx_leadgen_jwk_reader_t *reader, json_t *jwk,
    ngx_leadgen_key_t *key)
{
    EVP_PKEY                      *pkey;
    ngx_int_t                      rc;
    ngx_uint_t                     is_private;
    EVP_PKEY_CTX                  *context;
    const ngx_leadgen_jwk_type_t  *type;

    type = ngx_leadgen_jwk_type(jwk);
    is_private = json_object_get(jwk, "d") != NULL;
    reader->nparams = 0;

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
        rc = ngx_leadgen_signature_pkey(reader->cf, key, pkey, is_private);
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
ngx_leadgen_jwk_rsa(ngx_leadgen_jwk_reader_t *reader, json_t *jwk)
{
    ngx_uint_t  i, n;

    static const struct {
        const char  *member;
        const char  *param;
    } numbers[NGX_LEADGEN_JWK_PARAMS] = {
        { "n",  OSSL_PKEY_PARAM_RSA_N },
        { "e",  OSSL_PKEY_PARAM_RSA_E },
        { "d",  OSSL_PKEY_PARAM_RSA_D },
        { "p",  OSSL_PKEY_PARAM_RSA_FACTOR1 },
        { "q",  OSSL_PKEY_PARAM_RSA_FACTOR2 },
        { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
        { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
        { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 }
    };

    n = NGX_LEADGEN_JWK_PARAMS;

    if (json_object_get(jwk, "d") == NULL) {
        n = 2;

    } else if (json_object_get(jwk, "p") == NULL) {
        n = 3;
    }

    for (i = 0; i < n; i++) {

        if (ngx_leadgen_jwk_number(reader, jwk, numbers[i].member,
                                   numbers[i].param) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* RFC 7518, section 6.2; OpenSSL takes the point uncompressed */

static ngx_int_t
ngx_leadgen_jwk_ec(ngx_leadgen_jwk_reader_t *reader, json_t *jwk)
{
    u_char     *point;
    ngx_str_t   x, y;

    point = reader->free++;
    *point = 0x04;

    /* y comes to stand right behind x */

    if (ngx_leadgen_jwk_coordinate(reader, jwk, "x", &x) != NGX_OK
        || ngx_leadgen_jwk_coordinate(reader, jwk, "y", &y) != NGX_OK)
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
           ? ngx_leadgen_jwk_number(reader, jwk, "d", OSSL_PKEY_PARAM_PRIV_KEY)
           : NGX_OK;
}


/* RFC 8037, section 2 */

static ngx_int_t
ngx_leadgen_jwk_okp(ngx_leadgen_jwk_reader_t *reader, json_t *jwk)
{
    ngx_str_t  x, d;

    if (ngx_leadgen_jwk_coordinate(reader, jwk, "x", &x) != NGX_OK) {
        return NGX_ERROR;
    }

    reader->params[reader->nparams++] =
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, x.data,
                                          x.len);

    if (json_object_get(jwk, "d") == NULL) {
        return NGX_OK;
    }

    if (ngx_leadgen_jwk_coordinate(reader, jwk, "d", &d) != NGX_OK) {
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
ngx_leadgen_jwk_number(ngx_leadgen_jwk_reader_t *reader, json_t *jwk,
    const char *member, const char *param)
{
    int         n;
    BIGNUM     *number;
    ngx_str_t   bytes;

    if (ngx_leadgen_jwk_bytes(reader, jwk, member, &bytes) != NGX_OK) {
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
ngx_leadgen_jwk_bytes(ngx_leadgen_jwk_reader_t *reader, json_t *jwk,
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
ngx_leadgen_jwk_coordinate(ngx_leadgen_jwk_reader_t *reader, json_t *jwk,
    const char *member, ngx_str_t *bytes)
{
    if (ngx_leadgen_jwk_bytes(reader, jwk, member, bytes) != NGX_OK) {
        return NGX_ERROR;
    }

    if (bytes->len != NGX_LEADGEN_JWK_COORDINATE) {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "\"%s\" of the JSON web key has %uz bytes, not %d",
                           member, bytes->len, NGX_LEADGEN_JWK_COORDINATE);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_leadgen_jwk_is(json_t *jwk, const char *member, const char *text)
{
    ngx_str_t  value;

    value = ngx_leadgen_json_string(jwk, member);

    return value.len == ngx_strlen(text)
           && ngx_memcmp(value.data, text, value.len) == 0;
}


/* The tree's memory goes back to the heap. */

static void
ngx_leadgen_jwk_wipe(json_t *tree)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    if (json_is_string(tree)) {
        ngx_explicit_memzero((void *) json_string_value(tree),
                             json_string_length(tree));
    }

    json_object_foreach(tree, name, value) {
        ngx_leadgen_jwk_wipe(value);
    }

    json_array_foreach(tree, i, value) {
        ngx_leadgen_jwk_wipe(value);
    }
}
