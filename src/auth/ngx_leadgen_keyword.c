
/*
 * The words of a leadgen_jwt_key directive go in, what they say of a key comes
 * out.
 */


#include "ngx_leadgen_keys.h"


typedef struct {
    ngx_str_t  alg;
    ngx_str_t  kid;
    ngx_str_t  issuer;
    ngx_str_t  audience;
    ngx_str_t  role_claim;
    ngx_str_t  role_map;
    ngx_str_t  max_age;
} ngx_leadgen_keyword_values_t;


static ngx_int_t ngx_leadgen_keyword_word(ngx_conf_t *cf,
    ngx_leadgen_keyword_values_t *values, ngx_str_t *word);
static ngx_int_t ngx_leadgen_keyword_age(ngx_conf_t *cf,
    ngx_leadgen_key_t *key, ngx_str_t *value);
static ngx_array_t *ngx_leadgen_keyword_path(ngx_conf_t *cf,
    const ngx_str_t *value);
static ngx_array_t *ngx_leadgen_keyword_map(ngx_conf_t *cf, ngx_str_t *value);
static ngx_int_t ngx_leadgen_keyword_pair(ngx_array_t *map, u_char *p,
    u_char *last);


ngx_int_t
ngx_leadgen_keyword_read(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    ngx_str_t *words, ngx_uint_t nwords)
{
    ngx_uint_t                    i;
    ngx_leadgen_keyword_values_t  values;

    ngx_memzero(&values, sizeof(ngx_leadgen_keyword_values_t));

    for (i = 0; i < nwords; i++) {
        if (ngx_leadgen_keyword_word(cf, &values, &words[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (cf->conf_file) {
        key->file = cf->conf_file->file.name;
        key->line = cf->conf_file->line;
    }

    key->kid = values.kid;
    key->issuer = values.issuer;
    key->audience = values.audience;
    key->role_claim = values.role_claim;

    if (values.alg.len) {
        key->algorithm = ngx_leadgen_signature_find(&values.alg);

        if (key->algorithm == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%V\" of a key: use HS256, "
                               "RS256, ES256 or EdDSA", &values.alg);
            return NGX_ERROR;
        }
    }

    if (ngx_leadgen_keyword_age(cf, key, &values.max_age) != NGX_OK) {
        return NGX_ERROR;
    }

    if (values.role_claim.len) {
        key->role_path = ngx_leadgen_keyword_path(cf, &values.role_claim);

        if (key->role_path == NULL) {
            return NGX_ERROR;
        }
    }

    if (values.role_map.len) {
        key->role_map = ngx_leadgen_keyword_map(cf, &values.role_map);

        if (key->role_map == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_keyword_word(ngx_conf_t *cf, ngx_leadgen_keyword_values_t *values,
    ngx_str_t *word)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

#define NGX_LEADGEN_KEYWORD(name, most)                                       \
    { ngx_string(#name "="), offsetof(ngx_leadgen_keyword_values_t, name),    \
      most }

    static const struct {
        ngx_str_t  name;
        size_t     offset;
        size_t     most;
    } known[] = {
        NGX_LEADGEN_KEYWORD(alg, NGX_LEADGEN_KEYS_KID),
        NGX_LEADGEN_KEYWORD(kid, NGX_LEADGEN_KEYS_KID),
        NGX_LEADGEN_KEYWORD(issuer, 512),
        NGX_LEADGEN_KEYWORD(audience, 512),
        NGX_LEADGEN_KEYWORD(role_claim, 512),
        NGX_LEADGEN_KEYWORD(role_map, 4096),
        NGX_LEADGEN_KEYWORD(max_age, 32)
    };

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {

        if (word->len < known[i].name.len
            || ngx_memcmp(word->data, known[i].name.data, known[i].name.len)
               != 0)
        {
            continue;
        }

        value = (ngx_str_t *) ((u_char *) values + known[i].offset);

        if (value->len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is given twice", &known[i].name);
            return NGX_ERROR;
        }

        value->data = word->data + known[i].name.len;
        value->len = word->len - known[i].name.len;

        if (value->len == 0 || value->len > known[i].most) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" needs a value of 1 to %uz bytes", word,
                               known[i].most);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown option \"%V\" of a key: use alg=, kid=, "
                       "issuer=, audience=, role_claim=, role_map= or "
                       "max_age=", word);

    return NGX_ERROR;
}


/* No less than our own tokens live, no more than SQL remembers revocations. */

static ngx_int_t
ngx_leadgen_keyword_age(ngx_conf_t *cf, ngx_leadgen_key_t *key,
    ngx_str_t *value)
{
    key->max_age = NGX_LEADGEN_TOKEN_AGE;

    if (value->len) {
        key->max_age = ngx_parse_time(value, 1);
    }

    if (key->max_age < NGX_LEADGEN_TOKEN_LIFETIME
        || key->max_age > NGX_LEADGEN_TOKEN_AGE_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"max_age=%V\" is not a time from 15m to 1d",
                           value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Names with dots between; "\." is a dot within one. */

static ngx_array_t *
ngx_leadgen_keyword_path(ngx_conf_t *cf, const ngx_str_t *value)
{
    u_char       *p, *last;
    ngx_str_t    *name;
    ngx_array_t  *path;

    path = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (path == NULL) {
        return NULL;
    }

    name = NULL;
    last = value->data + value->len;

    for (p = value->data; p <= last; p++) {

        if (name == NULL) {
            name = ngx_array_push(path);
            if (name == NULL) {
                return NULL;
            }

            name->len = 0;
            name->data = ngx_pnalloc(cf->pool, value->len + 1);
            if (name->data == NULL) {
                return NULL;
            }
        }

        if (p == last || *p == '.') {
            name = NULL;
            continue;
        }

        if (*p == '\\' && last - p > 1 && p[1] == '.') {
            p++;
        }

        name->data[name->len++] = *p;
    }

    return path;
}


/* FROM:TO[,FROM:TO...]; a FROM may have colons of its own, a role has none. */

static ngx_array_t *
ngx_leadgen_keyword_map(ngx_conf_t *cf, ngx_str_t *value)
{
    u_char       *p, *comma, *last;
    ngx_array_t  *map;

    map = ngx_array_create(cf->pool, 4, sizeof(ngx_keyval_t));
    if (map == NULL) {
        return NULL;
    }

    last = value->data + value->len;

    for (p = value->data; p <= last; p = comma + 1) {
        comma = ngx_strlchr(p, last, ',');
        if (comma == NULL) {
            comma = last;
        }

        if (ngx_leadgen_keyword_pair(map, p, comma) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"role_map=%V\" is not FROM:TO[,FROM:TO...], "
                               "each FROM once", value);
            return NULL;
        }
    }

    return map;
}


static ngx_int_t
ngx_leadgen_keyword_pair(ngx_array_t *map, u_char *p, u_char *last)
{
    u_char        *colon;
    ngx_str_t      from;
    ngx_uint_t     i;
    ngx_keyval_t  *pair;

    for (colon = last; colon > p && colon[-1] != ':'; colon--) { /* void */ }

    if (colon == p || colon == last || colon - 1 == p) {
        return NGX_ERROR;
    }

    from.data = p;
    from.len = colon - 1 - p;
    pair = map->elts;

    for (i = 0; i < map->nelts; i++) {
        if (pair[i].key.len == from.len
            && ngx_memcmp(pair[i].key.data, from.data, from.len) == 0)
        {
            return NGX_ERROR;
        }
    }

    pair = ngx_array_push(map);
    if (pair == NULL) {
        return NGX_ERROR;
    }

    pair->key = from;
    pair->value.data = colon;
    pair->value.len = last - colon;

    return NGX_OK;
}
