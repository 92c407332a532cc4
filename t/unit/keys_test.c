
/*
 * Keys: each kind that is taken, in each form, signs and verifies; what is
 * weak, damaged or ambiguous is refused, with a sentence that helps.
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
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdarg.h>


static ngx_pool_t   *pool;
static ngx_array_t  *keys;
static ngx_conf_t    conf;
static char          said[4096];

static EVP_PKEY     *rsa, *ec, *ed;


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    (void) level;
    (void) cf;
    (void) err;

    p = (u_char *) said + strlen(said);
    va_start(args, fmt);
    p = ngx_vslprintf(p, (u_char *) said + sizeof(said) - 2, fmt, args);
    va_end(args);
    *p++ = '\n';
    *p = '\0';
}


/* --- texts --- */

static char *
printed(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *
printed(const char *fmt, ...)
{
    char     *text;
    va_list   args;

    text = ngx_pnalloc(pool, 65536 + 4096);
    va_start(args, fmt);
    (void) vsnprintf(text, 65536 + 4096, fmt, args);
    va_end(args);

    return text;
}


static char *
base64url(const u_char *data, size_t len)
{
    ngx_str_t  src, dst;

    src.data = (u_char *) data;
    src.len = len;
    dst.data = ngx_pnalloc(pool, ngx_base64_encoded_length(len) + 1);
    ngx_encode_base64url(&dst, &src);
    dst.data[dst.len] = '\0';

    return (char *) dst.data;
}


static char *
number(EVP_PKEY *pkey, const char *param, int size)
{
    char    *text;
    u_char   bytes[1024];
    BIGNUM  *bn = NULL;

    if (EVP_PKEY_get_bn_param(pkey, param, &bn) != 1) {
        abort();
    }

    size = size ? size : BN_num_bytes(bn);
    (void) BN_bn2binpad(bn, bytes, size);
    text = base64url(bytes, size);
    BN_free(bn);

    return text;
}


static char *
octets(EVP_PKEY *pkey, const char *param)
{
    size_t  len;
    u_char  bytes[256];

    if (EVP_PKEY_get_octet_string_param(pkey, param, bytes, sizeof(bytes), &len)
        != 1)
    {
        abort();
    }

    return base64url(bytes, len);
}


/* A JSON web key, with more members (each with its comma) at its end. */

static char *
jwk(EVP_PKEY *pkey, int is_private, const char *more)
{
    char  *d;

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        d = is_private ? printed(",\"d\":\"%s\",\"p\":\"%s\",\"q\":\"%s\","
                                 "\"dp\":\"%s\",\"dq\":\"%s\",\"qi\":\"%s\"",
                                 number(pkey, OSSL_PKEY_PARAM_RSA_D, 0),
                                 number(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, 0),
                                 number(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, 0),
                                 number(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, 0),
                                 number(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, 0),
                                 number(pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
                                        0))
                       : printed("%s", "");

        return printed("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s%s}",
                       number(pkey, OSSL_PKEY_PARAM_RSA_N, 0),
                       number(pkey, OSSL_PKEY_PARAM_RSA_E, 0), d, more);
    }

    if (EVP_PKEY_is_a(pkey, "EC")) {
        d = is_private ? printed(",\"d\":\"%s\"",
                                 number(pkey, OSSL_PKEY_PARAM_PRIV_KEY, 32))
                       : printed("%s", "");

        return printed("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\","
                       "\"y\":\"%s\"%s%s}",
                       number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32),
                       number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32), d, more);
    }

    d = is_private ? printed(",\"d\":\"%s\"",
                             octets(pkey, OSSL_PKEY_PARAM_PRIV_KEY))
                   : printed("%s", "");

    return printed("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s%s}",
                   octets(pkey, OSSL_PKEY_PARAM_PUB_KEY), d, more);
}


static char *
pem(EVP_PKEY *pkey, const char *form)
{
    BIO   *bio;
    char  *data, *text;
    long   len;

    bio = BIO_new(BIO_s_mem());

    if (strcmp(form, "public") == 0) {
        (void) PEM_write_bio_PUBKEY(bio, pkey);

    } else if (strcmp(form, "encrypted") == 0) {
        (void) PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_128_cbc(),
                                             "pass", 4, NULL, NULL);

    } else if (strcmp(form, "encrypted, of old") == 0) {
        (void) PEM_write_bio_PrivateKey_traditional(bio, pkey,
                                                    EVP_aes_128_cbc(),
                                                    (u_char *) "pass", 4, NULL,
                                                    NULL);

    } else if (strcmp(form, "of old") == 0) {
        (void) PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0,
                                                    NULL, NULL);

    } else {
        (void) PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL,
                                             NULL);
    }

    len = BIO_get_mem_data(bio, &data);
    text = printed("%.*s", (int) len, data);
    BIO_free(bio);

    return text;
}


/* --- checks --- */

static ngx_uint_t
add(const char *text, size_t len, const char *options)
{
    char        *copy, *word;
    ngx_str_t    value, words[8];
    ngx_uint_t   n;

    said[0] = '\0';

    value.len = len;
    value.data = ngx_pnalloc(pool, len + 1);
    ngx_memcpy(value.data, text, len);

    n = 0;
    copy = printed("%s", options);

    for (word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        words[n].data = (u_char *) word;
        words[n++].len = strlen(word);
    }

    return ngx_leadgen_keys_add(&conf, keys, &value, words, n) == NGX_CONF_OK
           && (len == 0 || value.data[0] == 0);
}


/* The first key that verifies a token, or NULL. */

static const ngx_leadgen_key_t *
verified(const ngx_str_t *token, ngx_str_t *payload)
{
    ngx_leadgen_jws_t  jws;

    if (ngx_leadgen_jws_verify(pool, keys, token, &jws) != NGX_OK) {
        return NULL;
    }

    *payload = jws.payload;

    return jws.keys[0];
}


/* A key that is taken, of that algorithm, and whether it can sign. */

static void
taken(const char *text, const char *options, const char *algorithm,
    ngx_uint_t signs, const char *what)
{
    ngx_str_t                 payload, token, back;
    const ngx_leadgen_key_t  *key;

    keys = ngx_leadgen_keys_create(pool);

    ok(add(text, strlen(text), options), "%s is taken", what);
    is_int(keys->nelts, 1, "as one key");

    if (keys->nelts == 0) {
        unit_note("%s", said);
        return;
    }

    key = keys->elts;

    is_str(key->algorithm->name, algorithm, "for %s", algorithm);
    is_int(ngx_leadgen_keys_can_sign(keys, 0), signs, "%s",
           signs ? "it can sign" : "it can't sign");
    is_int(ERR_peek_error(), 0, "and leaves no error in OpenSSL's queue");

    payload = unit_str("{\"sub\":\"1\"}");
    is_int(ngx_leadgen_jws_sign(pool, keys, &payload, &token),
           signs ? NGX_OK : NGX_ERROR, "as it is asked to");

    if (signs) {
        ok(verified(&token, &back) == key,
           "and verify what it signed");
        token.data[token.len - 8] ^= 1;
        ok(verified(&token, &back) == NULL,
           "but nothing else");
        is_int(ERR_peek_error(), 0, "without an error left over");
    }
}


static void
refused_bytes(const char *text, size_t len, const char *options,
    const char *says, const char *what)
{
    ngx_uint_t  n = keys->nelts;

    ok(!add(text, len, options), "%s is refused", what);

    if (!ok(strstr(said, says) != NULL, "saying: %s", says)) {
        unit_note("%s", said);
    }

    keys->nelts = n;
}


static void
refused(const char *text, const char *options, const char *says,
    const char *what)
{
    refused_bytes(text, strlen(text), options, says, what);
}


static const char  secret[] = "5f3c9a0be4d21778605c1b3fae9d840273b6cf1d8e4a"
                              "59027dcb63f1a8e05749";
static const char  oct[] = "{\"kty\":\"oct\",\"k\":"
                           "\"YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgb3Igc28\"";


static void
test_taken(void)
{
    size_t  i;

    const struct {
        EVP_PKEY    *pkey;
        const char  *algorithm;
    } rows[] = { { rsa, "RS256" }, { ec, "ES256" }, { ed, "EdDSA" } };

    taken(secret, "", "HS256", 1, "a secret");
    taken(secret, "alg=HS256 kid=a/b+c=@d._-", "HS256", 1, "one with options");
    taken(printed("%s}", oct), "", "HS256", 1, "a secret's JSON web key");
    taken(printed("%s,\"alg\":\"HS256\",\"kid\":\"x\",\"use\":\"sig\"}", oct),
          "alg=HS256 kid=x", "HS256", 1, "one that says all");

    for (i = 0; i < 3; i++) {
        const char  *name = rows[i].algorithm;
        EVP_PKEY    *pkey = rows[i].pkey;

        taken(pem(pkey, "public"), "kid=p", name, 0, "a public key in PEM");
        taken(pem(pkey, "private"), "kid=p", name, 1, "a private key in PEM");
        taken(pem(pkey, "private"), printed("alg=%s", name), name, 1,
              "one with its algorithm");
        taken(printed("# mine\r\n\r\n%s\r\n", pem(pkey, "private")), "", name,
              1, "one with text around it");
        taken(jwk(pkey, 0, ""), "kid=p", name, 0, "a public JSON web key");
        taken(jwk(pkey, 1, ""), "", name, 1, "a private JSON web key");
        taken(printed(" \n{\"keys\":[%s]}",
                      jwk(pkey, 1, ",\"key_ops\":[\"sign\",\"verify\"]")),
              "kid=p", name, 1, "a set of one");
    }

    taken(pem(rsa, "of old"), "", "RS256", 1, "RSA PRIVATE KEY");
    taken(pem(ec, "of old"), "", "ES256", 1, "EC PRIVATE KEY");
    taken(printed("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                  "-----END EC PARAMETERS-----\n%s", pem(ec, "of old")),
          "", "ES256", 1, "EC PRIVATE KEY with its parameters");
}


static void
test_options(void)
{
    char  *long_ = printed("kid=%0129d", 1);

    keys = ngx_leadgen_keys_create(pool);

    refused(secret, "alg=none", "unknown algorithm \"none\"", "none");
    refused(secret, "alg=RS256", "a key of type HMAC is for HS256, not for "
            "RS256", "a secret for RS256");
    refused(secret, "alg=", "needs a value", "no algorithm");
    refused(secret, "alg=HS256 alg=HS256", "given twice", "a word twice");
    refused(secret, "secret=x", "unknown option \"secret=x\" of a key",
            "another word");
    refused(secret, "kid", "unknown option \"kid\"", "a word without a value");
    refused(secret, long_, "needs a value of 1 to 128 bytes", "a long kid");
    refused(secret, "kid=a\"b", "is not 1 to 128 of letters", "a strange kid");
    refused(secret, "kid=a\\b", "is not 1 to 128 of letters", "another one");
    refused(secret, "role_map=a", "is not FROM:TO", "a map of one name");
    refused(secret, "role_map=a:", "is not FROM:TO", "one to nothing");
    refused(secret, "role_map=:a", "is not FROM:TO", "one from nothing");
    refused(secret, "role_map=a:b,", "is not FROM:TO", "one with a comma");
    refused(secret, "role_map=a:b,,c:d", "is not FROM:TO", "one with two");
    refused(secret, "role_map=a:b,a:c", "each FROM once", "one name twice");
}


static void
test_texts(void)
{
    u_char  *p, *der = NULL;
    int      len;

    keys = ngx_leadgen_keys_create(pool);

    refused("", "", "the secret has 0 bytes: HS256 needs 32", "nothing");
    refused("0123456789012345678901234567890", "", "the secret has 31 bytes",
            "a short secret");
    refused(pem(rsa, "public"), "alg=HS256", "a key of type RSA is for RS256, "
            "not for HS256", "a public key as a secret");
    refused(pem(ec, "public"), "alg=HS256", "is for ES256", "another one");
    refused(pem(ed, "public"), "alg=ES256", "is for EdDSA", "Ed25519 as ES256");
    refused(pem(rsa, "encrypted"), "", "is encrypted: decrypt it",
            "an encrypted key");
    refused(pem(rsa, "encrypted, of old"), "", "is encrypted: decrypt it",
            "one encrypted as of old");
    refused(printed("%s%s", pem(rsa, "public"), pem(ec, "public")), "",
            "give each key a file of its own", "two keys");
    refused("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "",
            "take its key with", "a certificate");
    refused("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "",
            "the PEM key is damaged", "a damaged key");
    refused("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
            "-----END EC PARAMETERS-----\n", "", "this is not one key in PEM",
            "parameters");
    refused("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDd0000000000000000000", "",
            "neither PEM nor a JSON web key", "ssh's key");

    len = i2d_PUBKEY(rsa, &der);
    refused_bytes((char *) der, len, "", "neither PEM nor a JSON web key",
                  "a public key in DER");
    OPENSSL_free(der);

    der = NULL;
    len = i2d_PrivateKey(ec, &der);
    refused_bytes((char *) der, len, "", "neither PEM nor a JSON web key",
                  "a private key in DER");
    OPENSSL_free(der);

    p = ngx_pnalloc(pool, NGX_LEADGEN_KEYS_TEXT + 1);
    memset(p, 'x', NGX_LEADGEN_KEYS_TEXT + 1);
    refused_bytes((char *) p, NGX_LEADGEN_KEYS_TEXT + 1, "",
                  "the key has more than 65536 bytes", "a large one");
}


static void
test_weak(void)
{
    size_t     i;
    EVP_PKEY  *pkey;

    /* 1, 2, 3, 17, 65535, 65536, 65538, 2^64 */

    static const char  *exponents[] = {
        "AQ", "Ag", "Aw", "EQ", "__8", "AQAA", "AQAC", "AQAAAAAAAAAA"
    };

    keys = ngx_leadgen_keys_create(pool);

    pkey = EVP_RSA_gen(1024);
    refused(pem(pkey, "private"), "", "the RSA key has 1024 bits: RS256 needs "
            "2048 to 4096", "a short RSA key");
    refused(jwk(pkey, 0, ""), "", "the RSA key has 1024 bits", "one in JSON");
    EVP_PKEY_free(pkey);

    refused(printed("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%0684d\"}", 1), "",
            "bits: RS256 needs", "a long RSA key");
    for (i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
        refused(printed("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}",
                        number(rsa, OSSL_PKEY_PARAM_RSA_N, 0), exponents[i]),
                "", "the RSA key has an exponent that is even, or less than",
                printed("an exponent of \"%s\"", exponents[i]));
    }

    pkey = EVP_EC_gen("P-384");
    refused(pem(pkey, "private"), "", "on another curve than P-256", "P-384");
    refused(pem(pkey, "public"), "", "on another curve than P-256", "P-384");
    EVP_PKEY_free(pkey);

    pkey = EVP_EC_gen("secp256k1");
    refused(pem(pkey, "public"), "", "on another curve than P-256",
            "secp256k1");
    EVP_PKEY_free(pkey);

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    refused(pem(pkey, "public"), "", "another type than RSA, EC and Ed25519",
            "X25519");
    EVP_PKEY_free(pkey);

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    refused(pem(pkey, "private"), "", "another type than RSA, EC and Ed25519",
            "Ed448");
    EVP_PKEY_free(pkey);
}


static char *
rsa_jwk(const BIGNUM *n)
{
    u_char  bytes[256];

    (void) BN_bn2binpad(n, bytes, sizeof(bytes));

    return printed("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}",
                   base64url(bytes, sizeof(bytes)));
}


/* A modulus as of the library of CVE-2017-15361; then one two above it. */

static void
test_roca(void)
{
    int      prime;
    BIGNUM  *product, *power, *n, *rest;
    BN_CTX  *context;

    context = BN_CTX_new();
    product = BN_new();
    power = BN_new();
    rest = BN_new();
    n = BN_new();

    (void) BN_set_word(product, 1);

    for (prime = 3; prime <= 701; prime += 2) {
        (void) BN_set_word(n, prime);

        if (BN_check_prime(n, context, NULL) == 1) {
            (void) BN_mul_word(product, prime);
        }
    }

    (void) BN_set_word(power, 65537);
    (void) BN_set_word(n, 123456789);
    (void) BN_mod_exp(power, power, n, product, context);

    do {
        (void) BN_rand(n, 2048, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
        (void) BN_div(NULL, rest, n, product, context);
        (void) BN_sub(n, n, rest);
        (void) BN_add(n, n, power);
    } while (!BN_is_odd(n) || BN_num_bits(n) != 2048);

    keys = ngx_leadgen_keys_create(pool);
    refused(rsa_jwk(n), "", "can be computed from its public part "
            "(CVE-2017-15361)", "a key that can be factored");

    (void) BN_add_word(n, 2);
    (void) add(rsa_jwk(n), strlen(rsa_jwk(n)), "");
    ok(strstr(said, "CVE-2017-15361") == NULL, "its neighbour not for that");

    BN_free(product);
    BN_free(power);
    BN_free(rest);
    BN_free(n);
    BN_CTX_free(context);
}


/* Two keys, one's public part with the other's private part. */

static void
test_halves(void)
{
    char      *mixed;
    EVP_PKEY  *pkey;

    keys = ngx_leadgen_keys_create(pool);

    pkey = EVP_RSA_gen(2048);
    mixed = printed("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\",\"d\":"
                    "\"%s\"}", number(rsa, OSSL_PKEY_PARAM_RSA_N, 0),
                    number(pkey, OSSL_PKEY_PARAM_RSA_D, 0));
    refused(mixed, "", "the private part of the RSA key does not fit", "RSA");
    EVP_PKEY_free(pkey);

    pkey = EVP_EC_gen("P-256");
    mixed = jwk(ec, 0, printed(",\"d\":\"%s\"",
                               number(pkey, OSSL_PKEY_PARAM_PRIV_KEY, 32)));
    refused(mixed, "", "EC key", "EC");
    EVP_PKEY_free(pkey);

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    mixed = jwk(ed, 0, printed(",\"d\":\"%s\"",
                               octets(pkey, OSSL_PKEY_PARAM_PRIV_KEY)));
    refused(mixed, "", "the private part of the ED25519 key does not fit",
            "Ed25519");
    EVP_PKEY_free(pkey);
}


static void
test_jwk(void)
{
    size_t  i;
    char   *text, *p;

    static const struct {
        const char  *text;
        const char  *says;
    } rows[] = {
        { "{", "no JSON object" },
        { "{}", "it is none of \"oct\"" },
        { "{\"kty\":\"oct\",\"kty\":\"oct\"}", "no JSON object" },
        { "{\"kty\":\"oct\"}", "\"k\" of the JSON web key is missing" },
        { "{\"kty\":\"oct\",\"k\":\"\"}", "\"k\" of the JSON web key" },
        { "{\"kty\":\"oct\",\"k\":1}", "\"k\" of the JSON web key" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\"}", "the secret has 3 bytes" },
        { "{\"kty\":\"oct\",\"k\":\"AA==\"}", "base64url without padding" },
        { "{\"kty\":\"oct\",\"k\":\"A+/A\"}", "base64url without padding" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"HS512\"}",
          "its \"alg\" is none of" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":1}", "its \"alg\" is" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"none\"}",
          "its \"alg\" is none of" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"RS256\"}",
          "a key of type HMAC is for HS256, not for RS256" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"use\":\"enc\"}", "its \"use\"" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"use\":[]}", "its \"use\"" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"key_ops\":[]}", "\"key_ops\"" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"key_ops\":\"verify\"}",
          "its \"key_ops\" have no \"verify\"" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"key_ops\":[\"sign\"]}",
          "its \"key_ops\" have no \"verify\"" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":1}", "\"kid\" of the JSON" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"\"}", "\"kid\" of" },
        { "{\"kty\":\"RSA\"}", "\"n\" of the JSON web key is missing" },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\"}", "\"e\" of the JSON web key" },
        { "{\"kty\":\"EC\",\"crv\":\"P-384\"}", "on the curve \"P-256\"" },
        { "{\"kty\":\"EC\"}", "on the curve \"P-256\"" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"}", "\"x\" of the JSON web key" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\"}",
          "\"x\" of the JSON web key has 3 bytes, not 32" },
        { "{\"kty\":\"OKP\",\"crv\":\"X25519\"}", "\"OKP\" on \"Ed25519\"" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}",
          "has 3 bytes, not 32" },
        { "{\"keys\":{}}", "no array of at most 64 keys" },
        { "{\"keys\":[]}", "no key of the JSON web key set can verify" },
        { "{\"keys\":[1,\"x\",null,[]]}", "no key of the JSON web key set" },
        { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
          "key 1 of the JSON web key set can't be used" }
    };

    keys = ngx_leadgen_keys_create(pool);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        refused(rows[i].text, "", rows[i].says, rows[i].text);
    }

    /* a point that is on no curve */

    text = jwk(ec, 0, "");
    p = strstr(text, "\"y\":\"") + 10;
    *p = *p == 'A' ? 'B' : 'A';
    refused(text, "", "the members of the JSON web key are no EC key",
            "a point beside the curve");

    text = jwk(rsa, 1, "");
    p = strstr(text, "\"dq\"");
    p[1] = 'X';
    refused(text, "", "\"dq\" of the JSON web key is missing",
            "a private RSA key in parts");
    *strstr(text, "\"p\"") = ' ';
    (void) strcpy(strstr(text, ", p\""), "}");
    taken(text, "", "RS256", 1, "one that is n, e and d");
    keys = ngx_leadgen_keys_create(pool);

    refused(printed("%s,\"kid\":\"a b\"}", oct), "", "is not 1 to 128 of",
            "a strange kid");
    refused(printed("%s,\"kid\":\"a\"}", oct), "kid=b", "kid=b contradicts",
            "another kid than the key's");
    refused(printed("%s,\"alg\":\"HS256\"}", oct), "alg=RS256",
            "alg=RS256 contradicts", "another algorithm than the key's");
    refused(jwk(rsa, 0, ",\"alg\":\"HS256\""), "",
            "a key of type RSA is for RS256, not for HS256", "RSA for HS256");
}


static void
test_set(void)
{
    int                       i;
    char                     *text, *p;
    ngx_str_t                 name, kid, payload, token, back;
    const ngx_leadgen_key_t  *found[NGX_LEADGEN_JWS_KEYS];

    keys = ngx_leadgen_keys_create(pool);

    text = printed("{\"keys\":[%s,%s,%s,%s,{\"kty\":\"EC\",\"crv\":\"P-521\"},"
                   "{\"kty\":\"LMS\"},%s]}",
                   jwk(rsa, 0, ",\"kid\":\"enc\",\"use\":\"enc\""),
                   jwk(rsa, 0, ",\"kid\":\"r\",\"alg\":\"RS256\""),
                   jwk(rsa, 0, ",\"kid\":\"r\",\"alg\":\"RS512\""),
                   jwk(ec, 1, ",\"kid\":\"e\""), jwk(ed, 0, ""));

    ok(add(text, strlen(text), "issuer=us"), "a set");
    is_int(keys->nelts, 3, "of which three can be used");
    ok(strstr(said, "key 1 of the JSON web key set is left out: its \"use\"")
       && strstr(said, "key 3 ") && strstr(said, "key 5 ")
       && strstr(said, "key 6 "), "the others are named");
    is_str(((ngx_leadgen_key_t *) keys->elts)[2].issuer, "us",
           "what the directive says is said of each");

    name = unit_str("RS256");
    kid = unit_str("r");
    ok(ngx_leadgen_keys_find(keys, &name, &kid, found) == 1
       && found[0] == keys->elts, "by its kid");
    kid = unit_str("e");
    is_int(ngx_leadgen_keys_find(keys, &name, &kid, found), 0,
           "a kid alone is not enough");
    ok(ngx_leadgen_keys_find(keys, &name, NULL, found) == 1
       && found[0] == keys->elts, "the only one of its algorithm");

    payload = unit_str("{}");
    is_int(ngx_leadgen_jws_sign(pool, keys, &payload, &token), NGX_OK,
           "the first private key signs");
    ok(verified(&token, &back)
       == (ngx_leadgen_key_t *) keys->elts + 1, "for all to verify");

    refused(printed("{\"keys\":[%s},%s]}", oct, jwk(ed, 0, "")), "",
            "has secrets (\"oct\") beside public keys", "a set of both");
    refused(printed("{\"keys\":[%s,%s,\"use\":\"enc\"}]}",
                    jwk(ed, 0, ",\"kid\":\"x\""), oct), "",
            "has secrets (\"oct\") beside", "one whose secret is left out");
    refused(jwk(ec, 0, ",\"kid\":\"e\""), "", "two keys with kid \"e\"",
            "a kid that another has");
    refused(secret, "kid=r", "two keys with kid \"r\"", "a secret, too");
    refused(jwk(ed, 0, ""), "", "two keys for EdDSA without kid",
            "a second EdDSA key without kid");
    ok(add(secret, strlen(secret), ""), "but HS256 has its own");

    name = unit_str("RS256");
    text = jwk(rsa, 0, ",\"kid\":\"r2\"");
    ok(add(text, strlen(text), ""), "another RSA key");
    is_int(ngx_leadgen_keys_find(keys, &name, NULL, found), 0,
           "then a kid is needed");

    text = printed("{\"keys\":[%s", "");
    p = text + strlen(text);

    for (i = 0; i < 65; i++) {
        p += sprintf(p, "%s%s,\"kid\":\"k%d\"}", i ? "," : "", oct, i);
    }

    (void) strcpy(p, "]}");
    keys = ngx_leadgen_keys_create(pool);
    refused(text, "", "at most 64 keys", "a set of 65");

    (void) strcpy(strstr(text, ",{\"kty\":\"oct\",\"k\":"
                         "\"YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgb3Igc28\","
                         "\"kid\":\"k64\""), "]}");
    ok(add(text, strlen(text), ""), "a set of 64");
    is_int(keys->nelts, 64, "of 64 keys");
}


/* Keys of several issuers, who know nothing of each other. */

static void
test_issuers(void)
{
    char               *one;
    ngx_str_t           payload, token;
    ngx_leadgen_jws_t   jws;
    ngx_leadgen_key_t  *key;

    keys = ngx_leadgen_keys_create(pool);
    one = jwk(ed, 1, ",\"kid\":\"1\"");

    ok(add(one, strlen(one), "issuer=a"), "a key of one issuer");
    ok(add(one, strlen(one), "issuer=b"), "the same of another");
    refused(one, "issuer=b", "two keys with kid \"1\": each needs its own, or "
            "an issuer= of its own", "a second of the same");
    refused(one, "", "two keys with kid \"1\"", "one of anybody");
    one = jwk(ec, 0, ",\"kid\":\"1\"");
    refused(one, "issuer=a audience=c", "two keys with kid \"1\"",
            "one for another audience");
    ok(add(one, strlen(one), "issuer=c"), "another key of a third");

    payload = unit_str("{}");
    (void) ngx_leadgen_jws_sign(pool, keys, &payload, &token);
    key = keys->elts;

    is_int(ngx_leadgen_jws_verify(pool, keys, &token, &jws), NGX_OK,
           "what one signed is verified");
    ok(jws.nkeys == 2 && jws.keys[0] == &key[0] && jws.keys[1] == &key[1],
       "by all who have its key");

    one = jwk(ed, 1, ",\"kid\":\"1\"");
    ok(add(one, strlen(one), "issuer=d"), "a fourth");
    refused(one, "issuer=e", "more than four keys with kid \"1\"", "a fifth");

    keys = ngx_leadgen_keys_create(pool);
    one = jwk(ed, 1, "");
    ok(add(one, strlen(one), "issuer=a")
       && add(one, strlen(one), "issuer=b kid=x"), "some without kid");
    (void) ngx_leadgen_jws_sign(pool, keys, &payload, &token);
    ok(ngx_leadgen_jws_verify(pool, keys, &token, &jws) == NGX_OK
       && jws.nkeys == 2, "a token without one is tried with each issuer's");
    ok(add(one, strlen(one), "issuer=b kid=y"), "until an issuer has two");
    is_int(ngx_leadgen_jws_verify(pool, keys, &token, &jws), NGX_ERROR,
           "then which one is not clear");
}


static void
test_memory(void)
{
    size_t      i;
    ngx_uint_t  n;

    const char  *texts[] = { secret, pem(rsa, "private"), jwk(ec, 1, "") };

    for (i = 0; i < 3; i++) {
        char  *text = printed("%s", texts[i]);

        for (n = 0; n < 40; n++) {
            ngx_str_t  value = { strlen(text), (u_char *) text }, word;

            keys = ngx_leadgen_keys_create(pool);
            word = unit_str("role_map=a:b");
            text = printed("%s", texts[i]);
            value.data = (u_char *) text;
            unit_alloc_fail = n;

            if (ngx_leadgen_keys_add(&conf, keys, &value, &word, 1)
                == NGX_CONF_OK)
            {
                break;
            }

            unit_alloc_fail = -1;
        }

        unit_alloc_fail = -1;
        ok(n > 0 && n < 40, "each allocation that fails is reported");
    }
}


int
main(void)
{
    pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.pool = pool;
    conf.log = pool->log;

    rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    test_taken();
    test_options();
    test_texts();
    test_weak();
    test_roca();
    test_halves();
    test_jwk();
    test_set();
    test_issuers();
    test_memory();

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
    ngx_destroy_pool(pool);

    return unit_done();
}
