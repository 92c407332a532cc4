
/*
 * Access tokens: issued and verified, by a clock of the test's own.
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
#include "ngx_leadgen_auth.h"


#define NOW  1700000000


static ngx_pool_t   *pool;
static ngx_array_t  *keys;
static ngx_conf_t    conf;
static time_t        user_epoch;
static time_t        change_epoch;
static time_t        session_epoch;


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
    int64_t  user_id;

    if (kind == NGX_LEADGEN_EPOCH_SESSION) {
        return key[0] == 's' ? session_epoch : 0;
    }

    ngx_memcpy(&user_id, key, sizeof(user_id));

    if (user_id != 42) {
        return 0;
    }

    return kind == NGX_LEADGEN_EPOCH_USER ? user_epoch : change_epoch;
}


time_t
ngx_leadgen_epoch_latest(const u_char *user_id)
{
    return ngx_max(ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_USER, user_id),
                   ngx_leadgen_epoch_get(NGX_LEADGEN_EPOCH_CHANGE, user_id));
}


static void
at(time_t seconds)
{
    static ngx_time_t  time_;

    time_.sec = seconds;
    ngx_cached_time = &time_;
}


static void
add_key(const char *secret, const char *a, const char *b)
{
    ngx_str_t    copy, words[3];
    ngx_uint_t   i;
    const char  *text[] = { a, b };

    copy.len = strlen(secret);
    copy.data = ngx_pnalloc(pool, copy.len);
    ngx_memcpy(copy.data, secret, copy.len);

    for (i = 0; i < 2 && text[i]; i++) {
        words[i].data = (u_char *) text[i];
        words[i].len = strlen(text[i]);
    }

    if (*secret != '{') {
        words[i++] = unit_str("alg=HS256");
    }

    (void) ngx_leadgen_keys_add(&conf, keys, &copy, words, i);
}


static ngx_leadgen_problem_e
verify(const ngx_str_t *token, ngx_leadgen_principal_t *who)
{
    memset(who, 0xa5, sizeof(ngx_leadgen_principal_t));

    return ngx_leadgen_token_verify(pool, keys, token, who);
}


/* Ed25519, RFC 8037, A.1 */

static const char  pair[] =
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"1\","
    "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";


/* A payload, signed. */

static ngx_leadgen_problem_e
claims(const char *text)
{
    ngx_str_t                payload, token;
    ngx_leadgen_principal_t  who;

    payload.data = (u_char *) text;
    payload.len = strlen(text);

    if (ngx_leadgen_jws_sign(pool, keys, &payload, &token) != NGX_OK) {
        return NGX_LEADGEN_PROBLEM_INTERNAL;
    }

    return verify(&token, &who);
}


static void
test_round(ngx_str_t *token)
{
    ngx_leadgen_principal_t  who, back;

    ngx_memzero(&who, sizeof(who));
    who.user_id = 42;
    ngx_str_set(&who.email, "zo\xc3\xab@example.com");
    ngx_str_set(&who.role, "manager");
    ngx_memcpy(who.session, "session.........", 16);

    is_int(ngx_leadgen_token_issue(pool, keys, &who, token), NGX_OK,
           "a token is issued");
    is_int(who.issued, NOW, "now");
    is_int(who.expires, NOW + NGX_LEADGEN_TOKEN_LIFETIME, "for its lifetime");

    is_int(verify(token, &back), NGX_LEADGEN_PROBLEM_NONE, "and verified");
    is_int(back.user_id, 42, "who");
    is_str(back.email, "zo\xc3\xab@example.com", "with which address");
    is_str(back.role, "manager", "as what");
    is_int(back.permissions, 0, "what that permits is not the token's to say");
    is_mem(back.session, who.session, 16, "in which session");
    is_int(back.issued, who.issued, "since when");
    is_int(back.expires, who.expires, "until when");
}


static void
test_time(const ngx_str_t *token)
{
    ngx_leadgen_principal_t  who;

    at(NOW + NGX_LEADGEN_TOKEN_LIFETIME - 1);
    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_NONE, "the last second");

    at(NOW + NGX_LEADGEN_TOKEN_LIFETIME);
    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED,
           "the first after it");

    at(NOW - NGX_LEADGEN_TOKEN_LEEWAY);
    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_NONE,
           "another gateway's clock may be ahead");

    at(NOW - NGX_LEADGEN_TOKEN_LEEWAY - 1);
    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_TOKEN_INVALID,
           "but not by much");

    at(NOW);
}


static void
test_revoked(const ngx_str_t *token)
{
    ngx_leadgen_principal_t  who;

    user_epoch = NOW;
    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_NONE,
           "what is issued in the second of a revocation counts");

    user_epoch = NOW + 1;
    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_TOKEN_REVOKED,
           "what is issued before does not: a user's");
    user_epoch = 0;

    session_epoch = NOW + 1;
    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_TOKEN_REVOKED,
           "and a session's");

    at(NOW + NGX_LEADGEN_TOKEN_LIFETIME);
    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED,
           "who is late is told that first");

    at(NOW);
    session_epoch = 0;

    user_epoch = 1;
    is_int(claims("{\"sub\":\"42\",\"exp\":1700000100}"),
           NGX_LEADGEN_PROBLEM_TOKEN_REVOKED,
           "without iat a token is as old as can be");
    user_epoch = 0;
}


/* A change of the user ends our tokens; of others the user is asked for. */

static void
test_changed(const ngx_str_t *token)
{
    ngx_leadgen_principal_t  who;

    is_int(verify(token, &who), NGX_LEADGEN_PROBLEM_NONE, "before a change");
    ok(!ngx_leadgen_token_is_resolved(&who), "nobody was asked");

    change_epoch = NOW + 1;
    is_int(ngx_leadgen_token_check(&who), NGX_LEADGEN_PROBLEM_TOKEN_REVOKED,
           "ours is refused");

    who.is_ours = 0;
    is_int(ngx_leadgen_token_check(&who), NGX_LEADGEN_PROBLEM_NONE,
           "another's is not");

    who.resolved = NOW;
    ok(!ngx_leadgen_token_is_resolved(&who), "but asked for again");
    who.resolved = NOW + 1;
    ok(ngx_leadgen_token_is_resolved(&who), "once");

    user_epoch = NOW + 2;
    ok(!ngx_leadgen_token_is_resolved(&who), "and after a revocation");
    is_int(ngx_leadgen_token_check(&who), NGX_LEADGEN_PROBLEM_TOKEN_REVOKED,
           "which refuses it");
    who.issued = NOW + 2;
    is_int(ngx_leadgen_token_check(&who), NGX_LEADGEN_PROBLEM_NONE,
           "but for one from a clock that is ahead");

    change_epoch = 0;
    user_epoch = 0;
}


static void
test_claims(void)
{
    size_t  i;

    static const struct {
        const char             *claims;
        ngx_leadgen_problem_e   want;
    } rows[] = {
#define OK       NGX_LEADGEN_PROBLEM_NONE
#define INVALID  NGX_LEADGEN_PROBLEM_TOKEN_INVALID
#define EXPIRED  NGX_LEADGEN_PROBLEM_TOKEN_EXPIRED
        { "{\"sub\":\"1\",\"exp\":1700000001}", OK },
        { "{\"sub\":\"1\",\"exp\":1700000000}", EXPIRED },
        { "{\"sub\":\"1\",\"exp\":1}", EXPIRED },
        { "{\"sub\":\"1\",\"exp\":0}", INVALID },
        { "{\"sub\":\"1\",\"exp\":-1}", INVALID },
        { "{\"sub\":\"1\",\"exp\":9007199254740991}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700003600}", OK },
        { "{\"sub\":\"1\",\"exp\":1700003601}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700003600,\"iat\":1700000000}", OK },
        { "{\"sub\":\"1\",\"exp\":1700003601,\"iat\":1700000000}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700003601,\"iat\":1700000001}", OK },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"iat\":1699996401}", OK },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"iat\":1699996400}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"iat\":1}", INVALID },
        { "{\"sub\":\"1\",\"exp\":9007199254740992}", INVALID },
        { "{\"sub\":\"1\",\"exp\":9223372036854775807}", INVALID },
        { "{\"sub\":\"1\",\"exp\":-9223372036854775808}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700000001.0}", OK },
        { "{\"sub\":\"1\",\"exp\":1700000001.9}", OK },
        { "{\"sub\":\"1\",\"exp\":1700000000.9}", EXPIRED },
        { "{\"sub\":\"1\",\"exp\":0.9}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1e300}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"iat\":1699999999.5}", OK },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"nbf\":1700000031.5}", INVALID },
        { "{\"sub\":\"1\",\"exp\":\"1700000001\"}", INVALID },
        { "{\"sub\":\"1\",\"exp\":null}", INVALID },
        { "{\"sub\":\"1\"}", INVALID },
        { "{}", INVALID },
        { "{\"exp\":1700000001}", INVALID },
        { "{\"sub\":1,\"exp\":1700000001}", INVALID },
        { "{\"sub\":\"0\",\"exp\":1700000001}", INVALID },
        { "{\"sub\":\"9007199254740992\",\"exp\":1700000001}", OK },
        { "{\"sub\":\"9007199254740993\",\"exp\":1700000001}", INVALID },
        { "{\"sub\":\"1000000000000000000\",\"exp\":1700000001}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"nbf\":1700000030}", OK },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"nbf\":1700000031}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"iat\":1700000030}", OK },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"iat\":1700000031}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1,\"nbf\":1700000031}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"aud\":\"x\"}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"sid\":\"\"}", INVALID },
        { "{\"sub\":\"1\",\"exp\":1700000001,\"sid\":null}", INVALID },
        { "[]", INVALID },
        { "", INVALID }
#undef OK
#undef INVALID
#undef EXPIRED
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(claims(rows[i].claims), rows[i].want, "%s", rows[i].claims);
    }
}


/* What was wrong is said, for those who may know. */

static void
test_wrong(void)
{
    size_t                   i;
    ngx_str_t                header, payload, token;
    ngx_leadgen_principal_t  who;

    static const struct {
        const char  *header;
        const char  *payload;
        const char  *wrong;
    } rows[] = {
        { "{\"alg\":\"HS256\"", "", "form" },
        { "{\"alg\":\"HS256\",\"kid\":\"x\"}", "", "kid" },
        { "{\"alg\":\"none\"}", "", "kid" },
        { "{\"alg\":\"HS256\",\"typ\":\"rt+jwt\"}", "", "type" },
        { "{\"alg\":\"HS256\",\"crit\":[]}", "", "type" },
        { "{\"alg\":\"HS256\"}", "", "signature" },
        { NULL, "[]", "claims" },
        { NULL, "{\"aud\":\"them\",\"sub\":\"1\"}", "issuer" },
        { NULL, "{\"iss\":\"us\",\"sub\":\"1\"}", "audience" },
        { NULL, "{\"iss\":\"us\",\"aud\":\"them\",\"sub\":\"x\"}",
          "subject" },
        { NULL, "{\"iss\":\"us\",\"aud\":\"them\",\"sub\":\"1\"}",
          "lifetime" }
    };

    keys = ngx_leadgen_keys_create(pool);
    add_key("another key, of thirty-two bytes", "issuer=us", "audience=them");

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        payload.data = (u_char *) rows[i].payload;
        payload.len = strlen(rows[i].payload);
        (void) ngx_leadgen_jws_sign(pool, keys, &payload, &token);

        if (rows[i].header) {
            header.data = (u_char *) rows[i].header;
            header.len = strlen(rows[i].header);
            token.data = ngx_pnalloc(pool, 256);
            token.len = 256;
            ngx_encode_base64url(&token, &header);
            token.len = ngx_sprintf(token.data + token.len, ".e30.AAAA")
                        - token.data;
        }

        is_int(verify(&token, &who), NGX_LEADGEN_PROBLEM_TOKEN_INVALID,
               "token %d", (int) i);
        ok(who.wrong && strcmp(who.wrong, rows[i].wrong) == 0,
           "its %s", rows[i].wrong);
        is_int(who.user_id, 0, "is nobody's");
    }
}


/* What is refused leaves nobody behind. */

static void
test_nobody(void)
{
    size_t                   i;
    ngx_str_t                token;
    ngx_leadgen_principal_t  who;
    static const char       *texts[] = { "", ".", "..", "a.b.c" };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        token.data = (u_char *) texts[i];
        token.len = strlen(texts[i]);

        is_int(verify(&token, &who), NGX_LEADGEN_PROBLEM_TOKEN_INVALID,
               "\"%s\" is no token", texts[i]);
        ok(who.user_id == 0 && who.role.len == 0 && who.permissions == 0,
           "and nobody's");
    }
}


static void
test_refresh(void)
{
    ngx_str_t  a, b, hash, again;

    is_int(ngx_leadgen_token_refresh(pool, &a, &hash), NGX_OK,
           "a refresh token");
    is_int(a.len, 43, "of 256 bits");
    is_int(hash.len, 64, "and its hash");

    (void) ngx_leadgen_token_refresh(pool, &b, &again);
    ok(ngx_memcmp(a.data, b.data, 43) != 0
       && ngx_memcmp(hash.data, again.data, 64) != 0, "each is another");
}


static void
test_issuer(void)
{
    ngx_str_t                token;
    ngx_leadgen_principal_t  who, back;

    keys = ngx_leadgen_keys_create(pool);
    add_key("another key, of thirty-two bytes", "issuer=us", "audience=them");

    ngx_memzero(&who, sizeof(who));
    who.user_id = 1;
    ngx_str_set(&who.email, "");
    ngx_str_set(&who.role, "");

    is_int(ngx_leadgen_token_issue(pool, keys, &who, &token), NGX_OK,
           "a token with issuer and audience");
    is_int(verify(&token, &back), NGX_LEADGEN_PROBLEM_NONE, "is our own");
    is_int(claims("{\"sub\":\"1\",\"exp\":1700000001,\"iss\":\"us\"}"),
           NGX_LEADGEN_PROBLEM_TOKEN_INVALID, "without audience it is not");
    is_int(claims("{\"sub\":\"1\",\"exp\":1700000001,\"aud\":\"them\"}"),
           NGX_LEADGEN_PROBLEM_TOKEN_INVALID, "nor without issuer");
}


/* Two issuers with one kid, and even one key: each has its own roles. */

static void
test_issuers(void)
{
    ngx_str_t                payload, token;
    ngx_uint_t               i;
    ngx_leadgen_principal_t  who;

    static const struct {
        const char             *claims;
        ngx_leadgen_problem_e   want;
        const char             *role;
    } rows[] = {
        { "\"iss\":\"a\",\"role\":\"x\"", NGX_LEADGEN_PROBLEM_NONE, "user" },
        { "\"iss\":\"b\",\"role\":\"x\"", NGX_LEADGEN_PROBLEM_NONE, "admin" },
        { "\"iss\":\"c\",\"role\":\"x\"", NGX_LEADGEN_PROBLEM_TOKEN_INVALID,
          "" },
        { "\"role\":\"x\"", NGX_LEADGEN_PROBLEM_TOKEN_INVALID, "" }
    };

    keys = ngx_leadgen_keys_create(pool);
    add_key(pair, "issuer=a", "role_map=x:user");
    add_key(pair, "issuer=b", "role_map=x:admin");
    is_int(keys->nelts, 2, "two issuers, one key");

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        payload.data = ngx_pnalloc(pool, 256);
        payload.len = sprintf((char *) payload.data,
                              "{\"sub\":\"1\",\"exp\":1700000001,%s}",
                              rows[i].claims);
        (void) ngx_leadgen_jws_sign(pool, keys, &payload, &token);

        is_int(verify(&token, &who), rows[i].want, "%s", rows[i].claims);
        is_str(who.role, rows[i].role, "as \"%s\"", rows[i].role);
    }
}


/* A key that is one of all keys signs alone, and they verify. */

static void
is_foreign(const char *kid, const char *issuer, ngx_uint_t foreign)
{
    ngx_str_t                payload, token;
    ngx_array_t             *all;
    ngx_leadgen_principal_t  who;
    static char              text[128];

    (void) snprintf(text, sizeof(text), "{\"sub\":\"1\",\"exp\":1700000001"
                    ",\"iss\":\"%s\"}", issuer ? issuer + 7 : "anybody");
    payload.data = (u_char *) text;
    payload.len = strlen(text);

    add_key("a key of thirty-two bytes, or so", kid, issuer);

    all = keys;
    keys = ngx_leadgen_keys_create(pool);
    add_key("a key of thirty-two bytes, or so", kid, issuer);
    is_int(ngx_leadgen_jws_sign(pool, keys, &payload, &token), NGX_OK, kid);
    keys = all;

    is_int(verify(&token, &who), NGX_LEADGEN_PROBLEM_NONE, kid);
    is_int(!who.is_ours, foreign, kid);
}


static void
test_foreign(void)
{
    keys = ngx_leadgen_keys_create(pool);

    is_foreign("kid=now", NULL, 0);
    is_foreign("kid=before", NULL, 0);
    is_foreign("kid=named", "issuer=leadgen", 0);
    is_foreign("kid=them", "issuer=them", 1);

    keys = ngx_leadgen_keys_create(pool);

    is_foreign("kid=now", "issuer=us", 0);
    is_foreign("kid=before", "issuer=us", 0);
    is_foreign("kid=other", "issuer=leadgen", 1);

    ok(ngx_leadgen_token_has_foreign(keys), "one of all is");
    keys = ngx_leadgen_keys_create(pool);
    add_key("a key of thirty-two bytes, or so", "kid=now", "issuer=us");
    ok(!ngx_leadgen_token_has_foreign(keys), "none is");
}


/* How long a token may live is its key's. */

static void
test_age(void)
{
    keys = ngx_leadgen_keys_create(pool);
    is_int(ngx_leadgen_keys_max_age(keys), 900, "without keys: our own tokens");

    add_key("a key of thirty-two bytes, or so", "kid=a", "max_age=2h");
    is_int(ngx_leadgen_keys_max_age(keys), 7200, "of one key");
    is_int(claims("{\"sub\":\"1\",\"exp\":1700007200}"),
           NGX_LEADGEN_PROBLEM_NONE, "two hours are fine");
    is_int(claims("{\"sub\":\"1\",\"exp\":1700007201}"),
           NGX_LEADGEN_PROBLEM_TOKEN_INVALID, "a second more is not");

    add_key("one more of thirty-two bytes, so", "kid=b", "max_age=1d");
    add_key("another key, of thirty-two bytes", "kid=c", "max_age=15m");
    is_int(ngx_leadgen_keys_max_age(keys), 86400, "the longest of all");
    is_int(claims("{\"sub\":\"1\",\"exp\":1700007201}"),
           NGX_LEADGEN_PROBLEM_TOKEN_INVALID, "but each has its own");
    is_int(keys->nelts, 3, "keys");

    add_key("some other key of 32 bytes......", "kid=d", "max_age=899");
    add_key("some other key of 32 bytes......", "kid=d", "max_age=86401");
    add_key("some other key of 32 bytes......", "kid=d", "max_age=long");
    is_int(keys->nelts, 3, "what is too short, too long, or no time is none");
}


/* Roles that somebody else's tokens claim, in their own words. */

static void
test_roles(const char *claim, const char *map, const char *text,
    const char *want)
{
    char                     claimed[512];
    ngx_str_t                payload, token;
    ngx_leadgen_principal_t  who;

    keys = ngx_leadgen_keys_create(pool);
    add_key("somebody else's key, 32 bytes...", claim, map);

    payload.data = (u_char *) claimed;
    payload.len = snprintf(claimed, sizeof(claimed),
                           "{\"sub\":\"1\",\"exp\":1700000001,%s}", text);

    (void) ngx_leadgen_jws_sign(pool, keys, &payload, &token);

    is_int(verify(&token, &who), NGX_LEADGEN_PROBLEM_NONE, "%s", text);
    is_str(who.role, want, "by %s %s: \"%s\"", claim, map ? map : "", want);
}


static void
test_all_roles(void)
{
    size_t  i;

    static const struct {
        const char  *claim;
        const char  *map;
        const char  *text;
        const char  *want;
    } rows[] = {
#define CLAIM  "role_claim=realm.roles"
#define MAP    "role_map=a:admin,urn:x:staff:manager"
        { "role_claim=group", NULL, "\"group\":\"admin\"", "admin" },
        { "role_claim=group", NULL, "\"role\":\"admin\"", "" },
        { "role_claim=group", NULL, "\"group\":[\"user\",\"admin\"]", "user" },
        { "role_claim=group", NULL, "\"group\":[1,null,\"user\"]", "user" },
        { "role_claim=group", NULL, "\"group\":[]", "" },
        { "role_claim=group", NULL, "\"group\":{\"admin\":1}", "" },
        { "role_claim=group", NULL, "\"group\":[[\"admin\"]]", "" },
        { "role_claim=group", NULL, "\"group\":true", "" },
        { "role_claim=group", MAP, "\"group\":\"a\"", "admin" },
        { "role_claim=group", MAP, "\"group\":\"admin\"", "" },
        { "role_claim=group", MAP, "\"group\":\"A\"", "" },
        { "role_claim=group", MAP, "\"group\":\"urn:x\"", "" },
        { "role_claim=group", MAP, "\"group\":\"\"", "" },
        { "role_claim=group", MAP, "\"group\":[\"x\",\"urn:x:staff\",\"a\"]",
          "admin" },
        { "role_claim=group", MAP, "\"group\":[\"a\",\"urn:x:staff\"]",
          "admin" },
        { "role_claim=group", MAP, "\"group\":[[\"a\"],\"urn:x:staff\"]",
          "manager" },
        { "role_claim=access.my\\.app.roles", MAP,
          "\"access\":{\"my.app\":{\"roles\":[\"a\"]},\"my\":1}", "admin" },
        { "role_claim=access.my\\.app.roles", MAP,
          "\"access\":{\"my\":{\"app\":{\"roles\":[\"a\"]}}}", "" },
        { "role_claim=access.my.app", MAP, "\"access\":{\"my.app\":\"a\"}",
          "" },
        { CLAIM, MAP, "\"realm\":{\"roles\":[\"a\"]}", "admin" },
        { CLAIM, MAP, "\"realm\":{\"roles\":[\"x\",\"y\"]}", "" },
        { CLAIM, MAP, "\"realm\":{\"roles\":\"a\"}", "admin" },
        { CLAIM, MAP, "\"realm\":[\"roles\",\"a\"]", "" },
        { CLAIM, MAP, "\"realm\":\"a\"", "" },
        { CLAIM, MAP, "\"roles\":\"a\"", "" },
        { CLAIM, MAP, "\"realm.roles\":\"a\"", "admin" },
        { "role_claim=https://x.y/roles", MAP, "\"https://x.y/roles\":[\"a\"]",
          "admin" },
        { "role_claim=.", MAP, "\"\":{\"\":\"a\"}", "admin" },
        { "role_claim=a.", MAP, "\"a\":\"a\"", "" },
        { MAP, NULL, "\"role\":\"a\"", "admin" },
        { MAP, NULL, "\"role\":[\"a\"]", "admin" },
        { "issuer=us", NULL, "\"iss\":\"us\",\"role\":\"user\"", "user" },
        { "issuer=us", NULL, "\"iss\":\"us\",\"role\":[\"user\"]", "" }
#undef CLAIM
#undef MAP
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_roles(rows[i].claim, rows[i].map, rows[i].text, rows[i].want);
    }
}


/* A public key verifies, but issues nothing. */

static void
test_public(void)
{
    ngx_str_t                token;
    ngx_leadgen_principal_t  who;

    keys = ngx_leadgen_keys_create(pool);
    add_key("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
            "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", "kid=p", NULL);

    ngx_memzero(&who, sizeof(who));
    who.user_id = 1;
    ngx_str_set(&who.email, "");
    ngx_str_set(&who.role, "");

    is_int(keys->nelts, 1, "the public key of RFC 8037, A.2");
    is_int(ngx_leadgen_token_issue(pool, keys, &who, &token), NGX_ERROR,
           "a public key issues no token");

    add_key("a secret behind it, of 32 bytes.", NULL, NULL);
    is_int(ngx_leadgen_token_issue(pool, keys, &who, &token), NGX_OK,
           "a secret behind it does");
}


int
main(void)
{
    ngx_str_t  token;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.pool = pool;
    keys = ngx_leadgen_keys_create(pool);
    add_key("a key of thirty-two bytes, or so", "kid=a", NULL);

    at(NOW);

    test_round(&token);
    test_time(&token);
    test_revoked(&token);
    test_changed(&token);
    test_claims();
    test_nobody();
    test_refresh();
    test_issuer();
    test_issuers();
    test_wrong();
    test_foreign();
    test_age();
    test_all_roles();
    test_public();

    ngx_destroy_pool(pool);

    return unit_done();
}
