
/*
 * Project Wycheproof's vectors: which tokens are verified, and which
 * signatures.  They stand beside the checkout, in ../shared, or where
 * LEADGEN_SHARED says.
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


static ngx_pool_t  *pool;
static ngx_conf_t   conf;


/*
 * All that one who takes HS256, RS256 and ES256 alone must accept.  367 and 370
 * are the bytes of 357, which is valid; 372 and 373 are called valid, but have
 * a "?" in base64url.
 */

static const int  accepted[] = {
    1, 18, 33, 259, 260, 261, 262, 263, 345, 348, 349, 352, 357, 358, 359, 367,
    370, 376, 377, 378
};


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) cf;
    (void) err;
    (void) fmt;
}


static json_t *
load(const char *name)
{
    char         path[4096];
    json_t      *tree;
    const char  *shared;

    shared = getenv("LEADGEN_SHARED");

    (void) snprintf(path, sizeof(path), "%s/data/wycheproof/%s_test.json",
                    shared ? shared : "../shared", name);

    tree = json_load_file(path, 0, NULL);

    return tree ? ngx_leadgen_json_own(pool, tree) : NULL;
}


/* The keys of a text: one, or none when it is not a key for tokens of ours. */

static ngx_array_t *
keys_of(const char *text)
{
    ngx_str_t     copy;
    ngx_array_t  *keys;

    keys = ngx_leadgen_keys_create(pool);

    copy.len = strlen(text);
    copy.data = ngx_pnalloc(pool, copy.len + 1);
    ngx_memcpy(copy.data, text, copy.len + 1);

    (void) ngx_leadgen_keys_add(&conf, keys, &copy, NULL, 0);

    return keys;
}


static ngx_uint_t
is_accepted(int id)
{
    size_t  i;

    for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        if (accepted[i] == id) {
            return 1;
        }
    }

    return 0;
}


/* How many tokens of a group are verified; each not as expected fails. */

static void
check_tokens(json_t *group, const char *member, ngx_uint_t *run,
    ngx_uint_t *verified)
{
    int                 id;
    char               *text;
    size_t              i;
    json_t             *test;
    ngx_str_t           token;
    ngx_uint_t          is_verified;
    ngx_array_t        *keys;
    ngx_leadgen_jws_t   jws;

    text = json_dumps(json_object_get(group, member), 0);
    keys = keys_of(text);
    free(text);

    json_array_foreach(json_object_get(group, "tests"), i, test) {
        id = (int) json_integer_value(json_object_get(test, "tcId"));
        token = ngx_leadgen_json_string(test, "jws");
        is_verified = ngx_leadgen_jws_verify(pool, keys, &token, &jws)
                      == NGX_OK;
        (*run)++;
        *verified += is_verified;

        if (is_verified != is_accepted(id)) {
            ok(0, "token %d is %s by a %s key", id,
               is_verified ? "verified" : "not verified", member);
        }
    }
}


static void
test_tokens(void)
{
    size_t       i;
    json_t      *tree, *group;
    ngx_uint_t   run, verified, again, ignored;

    tree = load("json_web_signature");
    run = 0;
    verified = 0;
    again = 0;
    ignored = 0;

    json_array_foreach(json_object_get(tree, "testGroups"), i, group) {

        check_tokens(group,
                     json_object_get(group, "public") ? "public" : "private",
                     &run, &verified);

        /* what is good for both signs, too; but one is for signing alone */

        if (strcmp(json_string_value(json_object_get(group, "comment")),
                   "rfc7520WithKeyOps") != 0)
        {
            check_tokens(group, "private", &again, &ignored);
        }
    }

    is_int(run, 401, "tokens");
    is_int(verified, sizeof(accepted) / sizeof(accepted[0]), "of which verify");
    is_int(again, 398, "and by private keys");
}


static ngx_str_t
bytes_of(json_t *test, const char *member)
{
    size_t       i;
    ngx_str_t    hex, bytes;
    const char  *digits = "0123456789abcdef";

    hex = ngx_leadgen_json_string(test, member);
    bytes.len = hex.len / 2;
    bytes.data = ngx_pnalloc(pool, bytes.len + 1);

    for (i = 0; i < bytes.len; i++) {
        bytes.data[i] = (strchr(digits, hex.data[2 * i]) - digits) << 4
                        | (strchr(digits, hex.data[2 * i + 1]) - digits);
    }

    return bytes;
}


/* How many signatures of a group are judged otherwise than they should be. */

static int
wrong_signatures(json_t *group, const char *name, ngx_array_t *keys)
{
    int         wrong;
    size_t      i;
    json_t     *test;
    ngx_str_t   message, signature, result, exponent;

    exponent = ngx_leadgen_json_string(json_object_get(group, "publicKey"),
                                       "publicExponent");

    if (exponent.len == 2) {
        ok(keys->nelts == 0, "a key of %s with a small exponent", name);
        return 0;
    }

    if (keys->nelts != 1) {
        ok(0, "a key of %s", name);
        return 1;
    }

    wrong = 0;

    json_array_foreach(json_object_get(group, "tests"), i, test) {
        message = bytes_of(test, "msg");
        signature = bytes_of(test, "sig");
        result = ngx_leadgen_json_string(test, "result");

        if ((ngx_leadgen_signature_verify(keys->elts, &message, &signature)
             == NGX_OK) != (result.len == 5
                            && ngx_memcmp(result.data, "valid", 5) == 0))
        {
            unit_note("%s %d", name,
                      (int) json_integer_value(json_object_get(test, "tcId")));
            wrong++;
        }
    }

    return wrong;
}


static void
test_signatures(const char *name, int count)
{
    int      run, wrong;
    char    *text;
    size_t   i;
    json_t  *tree, *group, *jwk;

    tree = load(name);
    run = 0;
    wrong = 0;

    json_array_foreach(json_object_get(tree, "testGroups"), i, group) {
        run += (int) json_array_size(json_object_get(group, "tests"));
        wrong += wrong_signatures(group, name,
            keys_of(json_string_value(json_object_get(group,
                                                      "publicKeyPem"))));

        jwk = json_object_get(group, "publicKeyJwk");

        if (jwk) {
            text = json_dumps(jwk, 0);
            wrong += wrong_signatures(group, name, keys_of(text));
            free(text);
        }
    }

    is_int(run, count, "signatures of %s", name);
    is_int(wrong, 0, "each judged as it should be");
}


int
main(void)
{
    pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.pool = pool;

    if (load("json_web_signature") == NULL) {
        printf("1..0 # SKIP no vectors in ../shared or LEADGEN_SHARED\n");
        ngx_destroy_pool(pool);
        return 0;
    }

    test_tokens();
    test_signatures("ecdsa_secp256r1_sha256_p1363", 262);
    test_signatures("ed25519", 151);
    test_signatures("rsa_signature_2048_sha256", 259);

    ngx_destroy_pool(pool);

    return unit_done();
}
