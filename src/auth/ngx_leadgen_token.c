
/*
 * Access tokens: a token goes in, a principal comes out, and the way back
 * (RFC 7519).
 */


#include "ngx_leadgen_keys.h"
#include <openssl/rand.h>
#include <openssl/sha.h>


#define NGX_LEADGEN_TOKEN_INTEGER   ((int64_t) 1 << 53)     /* RFC 7493, 2.2 */
#define NGX_LEADGEN_TOKEN_AUDIENCES 64
#define NGX_LEADGEN_TOKEN_REFRESH   32      /* bytes */
#define NGX_LEADGEN_TOKEN_EMAIL     254
#define NGX_LEADGEN_TOKEN_ROLE      64


static const char *ngx_leadgen_token_read(ngx_pool_t *pool,
    const ngx_array_t *keys, const ngx_str_t *token,
    ngx_leadgen_principal_t *principal);
static const char *ngx_leadgen_token_key(const ngx_leadgen_jws_t *jws,
    json_t *claims, const ngx_leadgen_key_t **key);
static ngx_uint_t ngx_leadgen_token_is_from(const ngx_leadgen_key_t *key,
    json_t *claims);
static ngx_uint_t ngx_leadgen_token_is_for_us(const ngx_leadgen_key_t *key,
    json_t *claims);
static ngx_int_t ngx_leadgen_token_times(const ngx_leadgen_key_t *key,
    json_t *claims, ngx_leadgen_principal_t *principal);
static ngx_int_t ngx_leadgen_token_time(json_t *claims, const char *name,
    int64_t *value);
static ngx_int_t ngx_leadgen_token_subject(const ngx_leadgen_key_t *key,
    json_t *claims, ngx_leadgen_principal_t *principal);
static ngx_str_t ngx_leadgen_token_role(const ngx_leadgen_key_t *key,
    json_t *claims);
static json_t *ngx_leadgen_token_claim(const ngx_leadgen_key_t *key,
    json_t *claims);
static ngx_uint_t ngx_leadgen_token_claims(json_t *claimed,
    const ngx_str_t *name, ngx_str_t *found);
static ngx_uint_t ngx_leadgen_token_is_revoked(
    const ngx_leadgen_principal_t *principal);
static ngx_int_t ngx_leadgen_token_opaque(ngx_pool_t *pool,
    u_char bytes[NGX_LEADGEN_TOKEN_REFRESH], ngx_str_t *token);


ngx_leadgen_problem_e
ngx_leadgen_token_verify(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token, ngx_leadgen_principal_t *principal)
{
    const char  *wrong;

    ngx_memzero(principal, sizeof(ngx_leadgen_principal_t));

    wrong = ngx_leadgen_token_read(pool, keys, token, principal);

    if (wrong) {
        ngx_memzero(principal, sizeof(ngx_leadgen_principal_t));
        principal->wrong = wrong;
        return NGX_LEADGEN_PROBLEM_TOKEN_INVALID;
    }

    return ngx_leadgen_token_check(principal);
}


/* NULL, or what is wrong. */

static const char *
ngx_leadgen_token_read(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token, ngx_leadgen_principal_t *principal)
{
    json_t                   *claims;
    const char               *wrong;
    ngx_leadgen_jws_t         jws;
    const ngx_leadgen_key_t  *key;

    if (ngx_leadgen_jws_verify(pool, keys, token, &jws) != NGX_OK) {
        return jws.wrong;
    }

    claims = ngx_leadgen_json_parse(pool, &jws.payload);

    if (claims == NULL) {
        return "claims";
    }

    wrong = ngx_leadgen_token_key(&jws, claims, &key);

    if (wrong) {
        return wrong;
    }

    if (ngx_leadgen_token_subject(key, claims, principal) != NGX_OK) {
        return "subject";
    }

    principal->is_ours = ngx_leadgen_keys_is_ours(keys, key);

    return ngx_leadgen_token_times(key, claims, principal) == NGX_OK
           ? NULL : "lifetime";
}


/* Of the keys that verified it the one to whose issuer it is held. */

static const char *
ngx_leadgen_token_key(const ngx_leadgen_jws_t *jws, json_t *claims,
    const ngx_leadgen_key_t **key)
{
    ngx_uint_t  i;

    for (i = 0; i < jws->nkeys; i++) {
        *key = jws->keys[i];

        if (ngx_leadgen_token_is_from(*key, claims)) {
            return ngx_leadgen_token_is_for_us(*key, claims) ? NULL
                                                             : "audience";
        }
    }

    return "issuer";
}


ngx_uint_t
ngx_leadgen_token_is_ours(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token)
{
    ngx_uint_t         i;
    ngx_leadgen_jws_t  jws;

    if (ngx_leadgen_jws_verify(pool, keys, token, &jws) != NGX_OK) {
        return 0;
    }

    for (i = 0; i < jws.nkeys; i++) {
        if (ngx_leadgen_keys_is_ours(keys, jws.keys[i])) {
            return 1;
        }
    }

    return 0;
}


ngx_leadgen_problem_e
ngx_leadgen_token_check(const ngx_leadgen_principal_t *principal)
{
    if (ngx_time() >= principal->expires) {
        return NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED;
    }

    return ngx_leadgen_token_is_revoked(principal)
           ? NGX_LEADGEN_PROBLEM_TOKEN_REVOKED : NGX_LEADGEN_PROBLEM_NONE;
}


ngx_uint_t
ngx_leadgen_token_is_resolved(const ngx_leadgen_principal_t *principal)
{
    return principal->resolved
           && principal->resolved
                  >= ngx_leadgen_epoch_latest(
                         (const u_char *) &principal->user_id);
}


ngx_uint_t
ngx_leadgen_token_has_foreign(const ngx_array_t *keys)
{
    ngx_uint_t                i;
    const ngx_leadgen_key_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (!ngx_leadgen_keys_is_ours(keys, &key[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_leadgen_token_is_from(const ngx_leadgen_key_t *key, json_t *claims)
{
    ngx_str_t  issuer;

    issuer = ngx_leadgen_json_string(claims, "iss");

    return key->issuer.len == 0
           || (issuer.len == key->issuer.len
               && ngx_memcmp(issuer.data, key->issuer.data, issuer.len) == 0);
}


static ngx_uint_t
ngx_leadgen_token_is_for_us(const ngx_leadgen_key_t *key, json_t *claims)
{
    json_t     *audience;
    ngx_str_t   text;

    audience = json_object_get(claims, "aud");

    if (audience == NULL) {
        return key->audience.len == 0;
    }

    if (key->audience.len == 0) {
        return 0;
    }

    return json_array_size(audience) <= NGX_LEADGEN_TOKEN_AUDIENCES
           && ngx_leadgen_token_claims(audience, &key->audience, &text);
}


/*
 * A token that lived longer than revocations are remembered could come back.
 * One without iat was issued we don't know when: what is left of it counts.
 */

static ngx_int_t
ngx_leadgen_token_times(const ngx_leadgen_key_t *key, json_t *claims,
    ngx_leadgen_principal_t *principal)
{
    int64_t  now, expires, issued, begins;

    now = ngx_time();
    expires = -1;
    issued = 0;
    begins = 0;

    if (ngx_leadgen_token_time(claims, "exp", &expires) != NGX_OK
        || ngx_leadgen_token_time(claims, "iat", &issued) != NGX_OK
        || ngx_leadgen_token_time(claims, "nbf", &begins) != NGX_OK
        || expires < 0
        || issued > now + NGX_LEADGEN_TOKEN_LEEWAY
        || begins > now + NGX_LEADGEN_TOKEN_LEEWAY)
    {
        return NGX_ERROR;
    }

    if (expires - (issued ? issued : now) > key->max_age) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "leadgen: token: one of key \"%V\" lives longer than "
                      "its max_age=", &key->kid);
        return NGX_ERROR;
    }

    principal->issued = issued;
    principal->expires = expires;

    return NGX_OK;
}


/*
 * Leaves the value as it is when the claim is absent; a fraction of a second is
 * left out (RFC 7519, section 2).
 */

static ngx_int_t
ngx_leadgen_token_time(json_t *claims, const char *name, int64_t *value)
{
    double   seconds;
    json_t  *claim;

    claim = json_object_get(claims, name);
    if (claim == NULL) {
        return NGX_OK;
    }

    /* below 2^53 a double is exact, and so is 0 for what is no number */

    seconds = json_number_value(claim);

    if (seconds < 1 || seconds >= NGX_LEADGEN_TOKEN_INTEGER) {
        return NGX_ERROR;
    }

    *value = seconds;

    return NGX_OK;
}


/*
 * Strings stay in the claims' tree, which the pool frees at its end.  They are
 * an issuer's, and go on into headers, logs, SQL and pages: what could end a
 * line there, or looks like another text, is nobody's name.
 */

static ngx_int_t
ngx_leadgen_token_subject(const ngx_leadgen_key_t *key, json_t *claims,
    ngx_leadgen_principal_t *principal)
{
    ngx_int_t  user_id;
    ngx_str_t  sub, sid;

    sub = ngx_leadgen_json_string(claims, "sub");

    if (sub.len == 0 || sub.data[0] == '0') {
        return NGX_ERROR;
    }

    user_id = ngx_atoi(sub.data, sub.len);
    if (user_id <= 0 || user_id > NGX_LEADGEN_TOKEN_INTEGER) {
        return NGX_ERROR;
    }

    principal->user_id = user_id;
    principal->email = ngx_leadgen_json_string(claims, "email");
    principal->role = ngx_leadgen_token_role(key, claims);

    if (principal->email.len > NGX_LEADGEN_TOKEN_EMAIL
        || principal->role.len > NGX_LEADGEN_TOKEN_ROLE
        || !ngx_leadgen_text_is_name(&principal->email)
        || !ngx_leadgen_text_is_name(&principal->role))
    {
        return NGX_ERROR;
    }

    principal->is_plain = !ngx_leadgen_text_holds(&principal->email)
                          && !ngx_leadgen_text_holds(&principal->role);

    sid = ngx_leadgen_json_string(claims, "sid");

    if (json_object_get(claims, "sid")
        && ngx_leadgen_uuid_parse(&sid, principal->session) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The first that role_map= has, or else the first that is claimed; empty: none.
 */

static ngx_str_t
ngx_leadgen_token_role(const ngx_leadgen_key_t *key, json_t *claims)
{
    json_t        *claimed;
    ngx_str_t      role = ngx_null_string;
    ngx_uint_t     i;
    ngx_keyval_t  *pair;

    claimed = key->role_path ? ngx_leadgen_token_claim(key, claims)
                             : json_object_get(claims, "role");

    /* one of ours has one role, as a text */

    if (json_is_array(claimed)
        && key->role_path == NULL && key->role_map == NULL)
    {
        return role;
    }

    if (key->role_map == NULL) {
        (void) ngx_leadgen_token_claims(claimed, NULL, &role);
        return role;
    }

    pair = key->role_map->elts;

    for (i = 0; i < key->role_map->nelts; i++) {
        if (ngx_leadgen_token_claims(claimed, &pair[i].key, &role)) {
            return pair[i].value;
        }
    }

    return role;
}


/* A claim by its name, or else by its path, from outside in. */

static json_t *
ngx_leadgen_token_claim(const ngx_leadgen_key_t *key, json_t *claims)
{
    json_t      *claim;
    ngx_str_t   *name;
    ngx_uint_t   i;

    claim = json_object_getn(claims, (char *) key->role_claim.data,
                             key->role_claim.len);
    if (claim) {
        return claim;
    }

    claim = claims;
    name = key->role_path->elts;

    for (i = 0; claim && i < key->role_path->nelts; i++) {
        claim = json_object_getn(claim, (char *) name[i].data, name[i].len);
    }

    return claim;
}


/*
 * Whether that is claimed, or anything when name is NULL, as a text or in a
 * list.  The text is then left in found.
 */

static ngx_uint_t
ngx_leadgen_token_claims(json_t *claimed, const ngx_str_t *name,
    ngx_str_t *found)
{
    json_t      *one;
    ngx_uint_t   i;

    if (!json_is_string(claimed)) {

        json_array_foreach(claimed, i, one) {
            if (json_is_string(one)
                && ngx_leadgen_token_claims(one, name, found))
            {
                return 1;
            }
        }

        return 0;
    }

    if (name
        && (json_string_length(claimed) != name->len
            || ngx_memcmp(json_string_value(claimed), name->data, name->len)
               != 0))
    {
        return 0;
    }

    found->data = (u_char *) json_string_value(claimed);
    found->len = json_string_length(claimed);

    return 1;
}


/* A foreign token says itself what a change is about. */

static ngx_uint_t
ngx_leadgen_token_is_revoked(const ngx_leadgen_principal_t *principal)
{
    time_t         epoch;
    const u_char  *key;

    key = (const u_char *) &principal->user_id;

    epoch = principal->is_ours
            ? ngx_leadgen_epoch_latest(key)
            : ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_USER, key);

    return principal->issued < epoch
           || principal->issued
               < ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_SESSION,
                                       principal->session);
}


ngx_int_t
ngx_leadgen_token_issue(ngx_pool_t *pool, const ngx_array_t *keys,
    ngx_leadgen_principal_t *principal, ngx_str_t *token)
{
    u_char                   *p, id[NGX_LEADGEN_UUID_SIZE];
    u_char                    sub[NGX_INT64_LEN + 1];
    u_char                    jti[NGX_LEADGEN_UUID_TEXT + 1];
    u_char                    sid[NGX_LEADGEN_UUID_TEXT + 1];
    json_t                   *claims;
    ngx_str_t                 payload, issuer, email;
    const ngx_leadgen_key_t  *key;

    key = ngx_leadgen_keys_signer(keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    /* a later second than PostgreSQL's could be behind a newer revocation */

    if (principal->issued == 0) {
        principal->issued = ngx_time();
    }

    principal->expires = principal->issued + NGX_LEADGEN_TOKEN_LIFETIME;

    ngx_leadgen_uuid_mint(id);
    *ngx_leadgen_uuid_format(jti, id) = '\0';
    *ngx_leadgen_uuid_format(sid, principal->session) = '\0';
    *ngx_sprintf(sub, "%L", principal->user_id) = '\0';

    issuer = ngx_leadgen_keys_issuer(key);

    /* who has an address that no token may have logs in without one */

    email = principal->email;

    if (!ngx_leadgen_text_is_name(&email)) {
        email.len = 0;
    }

    claims = ngx_leadgen_json_own(pool,
        json_pack("{s:s%, s:s, s:s%, s:s%, s:s, s:s, s:I, s:I}",
                  "iss", issuer.data, issuer.len,
                  "sub", sub,
                  "email", email.data, email.len,
                  "role", principal->role.data, principal->role.len,
                  "sid", sid, "jti", jti,
                  "iat", (json_int_t) principal->issued,
                  "exp", (json_int_t) principal->expires));

    if (claims == NULL) {
        return NGX_ERROR;
    }

    if (key->audience.len) {
        p = key->audience.data;

        if (json_object_set_new(claims, "aud",
                                json_stringn((char *) p, key->audience.len)))
        {
            return NGX_ERROR;
        }
    }

    if (ngx_leadgen_json_dump(pool, claims, &payload) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_leadgen_jws_sign(pool, keys, &payload, token);
}


ngx_int_t
ngx_leadgen_token_refresh(ngx_pool_t *pool, ngx_str_t *token, ngx_str_t *hash)
{
    ngx_int_t  rc;
    u_char     bytes[NGX_LEADGEN_TOKEN_REFRESH];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    rc = ngx_leadgen_token_opaque(pool, bytes, token);

    return rc == NGX_OK ? ngx_leadgen_token_hash(pool, token, hash) : rc;
}


ngx_int_t
ngx_leadgen_token_successor(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token, ngx_str_t *successor)
{
    u_char  bytes[NGX_LEADGEN_TOKEN_REFRESH];

    if (ngx_leadgen_keys_derive(keys, "successor of a refresh token", token,
                                bytes) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_leadgen_token_opaque(pool, bytes, successor);
}


static ngx_int_t
ngx_leadgen_token_opaque(ngx_pool_t *pool,
    u_char bytes[NGX_LEADGEN_TOKEN_REFRESH], ngx_str_t *token)
{
    ngx_str_t  random;

    random.data = bytes;
    random.len = NGX_LEADGEN_TOKEN_REFRESH;

    token->data = ngx_pnalloc(pool, ngx_base64_encoded_length(random.len));
    if (token->data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64url(token, &random);
    ngx_explicit_memzero(bytes, NGX_LEADGEN_TOKEN_REFRESH);

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_token_hash(ngx_pool_t *pool, const ngx_str_t *token,
    ngx_str_t *hash)
{
    u_char  digest[SHA256_DIGEST_LENGTH];

    hash->len = 2 * sizeof(digest);
    hash->data = ngx_pnalloc(pool, hash->len);

    if (hash->data == NULL) {
        return NGX_ERROR;
    }

    (void) SHA256(token->data, token->len, digest);
    (void) ngx_hex_dump(hash->data, digest, sizeof(digest));

    return NGX_OK;
}
