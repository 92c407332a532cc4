
/*
 * JSON web keys (RFC 7517): a key or a set of them goes in as text, what of it
 * can verify tokens comes out.
 */


#include "ngx_leadgen_keys.h"


#define NGX_LEADGEN_JWK_KEYS  64            /* in a set, at most */


/* Lifetime: while a text is read. */

typedef struct {
    ngx_conf_t                 *cf;
    ngx_array_t                *keys;
    const ngx_leadgen_key_t    *options;
    u_char                     *scratch;    /* what is decoded; wiped at last */
} ngx_leadgen_jwk_reader_t;


static ngx_int_t ngx_leadgen_jwk_set(ngx_leadgen_jwk_reader_t *reader,
    json_t *set);
static ngx_int_t ngx_leadgen_jwk_one(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk);
static ngx_uint_t ngx_leadgen_jwk_is_mixed(json_t *array);
static const char *ngx_leadgen_jwk_is_not_ours(json_t *jwk);
static ngx_int_t ngx_leadgen_jwk_options(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk, ngx_leadgen_key_t *key);
static ngx_int_t ngx_leadgen_jwk_kid(ngx_leadgen_jwk_reader_t *reader,
    json_t *jwk, ngx_leadgen_key_t *key);


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

    if (ngx_leadgen_jwk_is_mixed(array)) {
        ngx_conf_log_error(NGX_LOG_EMERG, reader->cf, 0,
                           "the JSON web key set has secrets (\"oct\") beside "
                           "public keys, so that who reads these knows those: "
                           "make the secrets anew, in a file of their own");
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


/* A set with public keys is made to be published; what is left out counts. */

static ngx_uint_t
ngx_leadgen_jwk_is_mixed(json_t *array)
{
    json_t      *jwk;
    ngx_str_t    kty;
    ngx_uint_t   i, has_secret, has_public;

    has_secret = 0;
    has_public = 0;

    json_array_foreach(array, i, jwk) {
        kty = ngx_leadgen_json_string(jwk, "kty");

        if (kty.len == 3 && ngx_memcmp(kty.data, "oct", 3) == 0) {
            has_secret = 1;

        } else if (kty.len && json_object_get(jwk, "d") == NULL) {
            has_public = 1;
        }
    }

    return has_secret && has_public;
}


/* NGX_DECLINED: a key for something else than tokens like ours. */

static ngx_int_t
ngx_leadgen_jwk_one(ngx_leadgen_jwk_reader_t *reader, json_t *jwk)
{
    ngx_leadgen_key_t  key;

    if (ngx_leadgen_jwk_is_not_ours(jwk)) {
        return NGX_DECLINED;
    }

    key = *reader->options;

    if (ngx_leadgen_jwk_options(reader, jwk, &key) != NGX_OK
        || ngx_leadgen_jwa_key(reader->cf, &key, jwk, reader->scratch)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_leadgen_keys_push(reader->cf, reader->keys, &key);
}


/* NULL, or why the key is for something else. */

static const char *
ngx_leadgen_jwk_is_not_ours(json_t *jwk)
{
    json_t      *operations, *operation;
    ngx_str_t    algorithm, use;
    ngx_uint_t   i;

    if (!json_is_object(jwk)) {
        return "it is no object";
    }

    if (!ngx_leadgen_jwa_is_known(jwk)) {
        return "it is none of \"oct\", \"RSA\", \"EC\" on the curve \"P-256\" "
               "and \"OKP\" on \"Ed25519\"";
    }

    use = ngx_leadgen_json_string(jwk, "use");

    if (json_object_get(jwk, "use")
        && (use.len != 3 || ngx_memcmp(use.data, "sig", 3) != 0))
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
