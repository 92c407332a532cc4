
/*
 * Keys: the words of a directive and the text that they name go in, keys that
 * sign and verify come out.  The text itself stays nowhere else.
 */


#include "ngx_leadgen_keys.h"


#define NGX_LEADGEN_KEYS_PEM  "-----BEGIN "


static ngx_int_t ngx_leadgen_keys_read(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *options, const ngx_str_t *text);
static ngx_int_t ngx_leadgen_keys_secret(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *options, const ngx_str_t *text);
static const char *ngx_leadgen_keys_clash(const ngx_array_t *keys,
    const ngx_leadgen_key_t *key);
static ngx_uint_t ngx_leadgen_keys_are_apart(const ngx_leadgen_key_t *a,
    const ngx_leadgen_key_t *b);
static ngx_uint_t ngx_leadgen_keys_is_kid(const ngx_str_t *kid);
static ngx_int_t ngx_leadgen_keys_header(ngx_pool_t *pool,
    ngx_leadgen_key_t *key);
static ngx_uint_t ngx_leadgen_keys_equal(const ngx_str_t *a,
    const ngx_str_t *b);


ngx_array_t *
ngx_leadgen_keys_create(ngx_pool_t *pool)
{
    return ngx_array_create(pool, 2, sizeof(ngx_leadgen_key_t));
}


char *
ngx_leadgen_keys_add(ngx_conf_t *cf, ngx_array_t *keys, ngx_str_t *text,
    ngx_str_t *words, ngx_uint_t nwords)
{
    ngx_int_t          rc;
    ngx_leadgen_key_t  options;

    ngx_memzero(&options, sizeof(ngx_leadgen_key_t));

    rc = ngx_leadgen_keyword_read(cf, &options, words, nwords);

    if (rc == NGX_OK) {
        rc = ngx_leadgen_keys_read(cf, keys, &options, text);
    }

    ngx_explicit_memzero(text->data, text->len);

    return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* --- the text --- */

static ngx_int_t
ngx_leadgen_keys_read(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *options, const ngx_str_t *text)
{
    u_char  *p, *last;

    if (text->len > NGX_LEADGEN_KEYS_TEXT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key has more than %d bytes",
                           NGX_LEADGEN_KEYS_TEXT);
        return NGX_ERROR;
    }

    if (memmem(text->data, text->len, NGX_LEADGEN_KEYS_PEM,
               sizeof(NGX_LEADGEN_KEYS_PEM) - 1))
    {
        return ngx_leadgen_pem_add(cf, keys, options, text);
    }

    p = text->data;
    last = text->data + text->len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
        p++;
    }

    return p < last && *p == '{'
           ? ngx_leadgen_jwk_add(cf, keys, options, text)
           : ngx_leadgen_keys_secret(cf, keys, options, text);
}


static ngx_int_t
ngx_leadgen_keys_secret(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *options, const ngx_str_t *text)
{
    ngx_leadgen_key_t  key;

    key = *options;

    if (ngx_leadgen_key_secret(cf, &key, text, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_leadgen_keys_push(cf, keys, &key);
}


/* --- the set --- */

ngx_int_t
ngx_leadgen_keys_push(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *key)
{
    const char         *wrong;
    ngx_leadgen_key_t  *known;

    if (!ngx_leadgen_keys_is_kid(&key->kid)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "kid \"%V\" is not 1 to %d of letters, digits and "
                           "._-@+/=: give the key another one", &key->kid,
                           NGX_LEADGEN_KEYS_KID);
        return NGX_ERROR;
    }

    wrong = ngx_leadgen_keys_clash(keys, key);

    if (wrong && key->kid.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s with kid \"%V\": each "
                           "needs its own, or an issuer= of its own", wrong,
                           &key->kid);
        return NGX_ERROR;
    }

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s for %V without kid: give "
                           "each its own with kid=", wrong,
                           &key->algorithm->name);
        return NGX_ERROR;
    }

    known = ngx_array_push(keys);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = *key;

    return ngx_leadgen_keys_header(cf->pool, known);
}


/* NULL, or how many keys a token could not be told apart by. */

static const char *
ngx_leadgen_keys_clash(const ngx_array_t *keys, const ngx_leadgen_key_t *key)
{
    ngx_uint_t                i, n;
    const ngx_leadgen_key_t  *known;

    n = 0;
    known = keys->elts;

    for (i = 0; i < keys->nelts; i++) {

        if (!ngx_leadgen_keys_equal(&known[i].kid, &key->kid)
            || (key->kid.len == 0 && known[i].algorithm != key->algorithm))
        {
            continue;
        }

        if (!ngx_leadgen_keys_are_apart(&known[i], key)) {
            return "two keys";
        }

        if (++n == NGX_LEADGEN_JWS_KEYS) {
            return "more than four keys";
        }
    }

    return NULL;
}


/* Whether no token can be good by both: it has one issuer. */

static ngx_uint_t
ngx_leadgen_keys_are_apart(const ngx_leadgen_key_t *a,
    const ngx_leadgen_key_t *b)
{
    return a->issuer.len && b->issuer.len
           && !ngx_leadgen_keys_equal(&a->issuer, &b->issuer);
}


/* The first part of tokens that it signs, and of most that it verifies. */

static ngx_int_t
ngx_leadgen_keys_header(ngx_pool_t *pool, ngx_leadgen_key_t *key)
{
    u_char     *p;
    u_char      text[64 + NGX_LEADGEN_KEYS_KID];
    ngx_str_t   header;

    p = ngx_sprintf(text, "{\"alg\":\"%V\",\"typ\":\"JWT\"",
                    &key->algorithm->name);
    if (key->kid.len) {
        p = ngx_sprintf(p, ",\"kid\":\"%V\"", &key->kid);
    }
    *p++ = '}';

    header.data = text;
    header.len = p - text;

    key->header.data = ngx_pnalloc(pool,
                                   ngx_base64_encoded_length(header.len));
    if (key->header.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64url(&key->header, &header);

    return NGX_OK;
}


/* Empty, or what identity providers make; it goes into a token's header. */

static ngx_uint_t
ngx_leadgen_keys_is_kid(const ngx_str_t *kid)
{
    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < kid->len; i++) {
        c = kid->data[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z')
            && !(c >= '0' && c <= '9')
            && (c == '\0' || ngx_strchr("._-@+/=", c) == NULL))
        {
            return 0;
        }
    }

    return kid->len <= NGX_LEADGEN_KEYS_KID;
}


ngx_uint_t
ngx_leadgen_keys_find(const ngx_array_t *keys, const ngx_str_t *algorithm,
    const ngx_str_t *kid, const ngx_leadgen_key_t *found[NGX_LEADGEN_JWS_KEYS])
{
    ngx_uint_t                i, j, n;
    const ngx_leadgen_key_t  *key;

    n = 0;
    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {

        if (!ngx_leadgen_keys_equal(&key[i].algorithm->name, algorithm)
            || (kid && !ngx_leadgen_keys_equal(&key[i].kid, kid)))
        {
            continue;
        }

        for (j = 0; j < n; j++) {
            if (!ngx_leadgen_keys_are_apart(found[j], &key[i])) {
                return 0;
            }
        }

        if (n == NGX_LEADGEN_JWS_KEYS) {
            return 0;
        }

        found[n++] = &key[i];
    }

    return n;
}


ngx_uint_t
ngx_leadgen_keys_can_sign(const ngx_array_t *keys, ngx_uint_t n)
{
    const ngx_leadgen_key_t  *key;

    key = keys->elts;

    for ( /* void */ ; n < keys->nelts; n++) {
        if (key[n].deriver) {
            return 1;
        }
    }

    return 0;
}


const ngx_leadgen_key_t *
ngx_leadgen_keys_signer(const ngx_array_t *keys)
{
    ngx_uint_t                i;
    const ngx_leadgen_key_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (key[i].secret || key[i].signer) {
            return &key[i];
        }
    }

    return NULL;
}


ngx_str_t
ngx_leadgen_keys_issuer(const ngx_leadgen_key_t *signer)
{
    static const ngx_str_t  issuer = ngx_string("leadgen");

    return signer->issuer.len ? signer->issuer : issuer;
}


ngx_uint_t
ngx_leadgen_keys_is_ours(const ngx_array_t *keys, const ngx_leadgen_key_t *key)
{
    ngx_str_t                 issuer;
    const ngx_leadgen_key_t  *signer;

    if (key->issuer.len == 0) {
        return 1;
    }

    signer = ngx_leadgen_keys_signer(keys);
    if (signer == NULL) {
        return 0;
    }

    issuer = ngx_leadgen_keys_issuer(signer);

    return issuer.len == key->issuer.len
           && ngx_memcmp(issuer.data, key->issuer.data, issuer.len) == 0;
}


time_t
ngx_leadgen_keys_max_age(const ngx_array_t *keys)
{
    time_t                    max_age;
    ngx_uint_t                i;
    const ngx_leadgen_key_t  *key;

    max_age = NGX_LEADGEN_TOKEN_LIFETIME;
    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        max_age = ngx_max(max_age, key[i].max_age);
    }

    return max_age;
}


const ngx_str_t *
ngx_leadgen_keys_role(const ngx_array_t *keys, ngx_uint_t n, ngx_str_t *file,
    ngx_uint_t *line)
{
    ngx_uint_t                i;
    ngx_keyval_t             *pair;
    const ngx_leadgen_key_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {

        if (key[i].role_map == NULL) {
            continue;
        }

        if (n < key[i].role_map->nelts) {
            pair = key[i].role_map->elts;
            *file = key[i].file;
            *line = key[i].line;
            return &pair[n].value;
        }

        n -= key[i].role_map->nelts;
    }

    return NULL;
}


static ngx_uint_t
ngx_leadgen_keys_equal(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || ngx_memcmp(a->data, b->data, a->len) == 0);
}


/* A zero byte ends the purpose: no two of them run into one another. */

ngx_int_t
ngx_leadgen_keys_derive(const ngx_array_t *keys, const char *purpose,
    const ngx_str_t *input, u_char derived[32])
{
    size_t                    len;
    EVP_MAC_CTX              *deriver;
    const ngx_leadgen_key_t  *key;

    key = ngx_leadgen_keys_signer(keys);
    deriver = key ? key->deriver : NULL;

    if (deriver
        && EVP_MAC_init(deriver, NULL, 0, NULL) == 1
        && EVP_MAC_update(deriver, (const u_char *) purpose,
                          ngx_strlen(purpose) + 1) == 1
        && EVP_MAC_update(deriver, input->data, input->len) == 1
        && EVP_MAC_final(deriver, derived, &len, 32) == 1
        && len == 32)
    {
        return NGX_OK;
    }

    return NGX_ERROR;
}
