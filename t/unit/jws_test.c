
/*
 * Signatures: the example of RFC 7515, and what is not exactly a signature.
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


static ngx_pool_t   *pool;
static ngx_array_t  *keys;
static ngx_conf_t    conf;


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) cf;
    (void) err;
    (void) ngx_cpystrn((u_char *) unit_log_line, (u_char *) fmt,
                       sizeof(unit_log_line));
    unit_log_count++;
}


static void
add_key(const u_char *secret, size_t len, const char *kid)
{
    ngx_str_t  copy, words[2];

    copy.len = len;
    copy.data = ngx_pnalloc(pool, len);
    ngx_memcpy(copy.data, secret, len);

    words[0] = unit_str("alg=HS256");
    words[1].data = (u_char *) kid;
    words[1].len = strlen(kid);

    ok(ngx_leadgen_keys_add(&conf, keys, &copy, words, *kid ? 2 : 1)
       == NGX_CONF_OK, "a key of %d bytes", (int) len);
    ok(copy.data[0] == 0 && copy.data[len - 1] == 0, "its secret is wiped");
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


/* RFC 7515, appendix A.1 */

static const char  example_token[] =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
static const char  example_key[] =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
    "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
static const char  example_payload[] =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
    "\"http://example.com/is_root\":true}";


static const ngx_leadgen_key_t *
verify(const char *text, size_t len, ngx_str_t *payload)
{
    ngx_str_t                 token;
    const ngx_leadgen_key_t  *key;

    token.len = len;
    token.data = malloc(len);
    ngx_memcpy(token.data, text, len);

    key = verified(&token, payload);

    free(token.data);

    return key;
}


static void
test_example(void)
{
    u_char      secret[128];
    char        token[sizeof(example_token)];
    size_t      i, wrong;
    ngx_str_t   decoded, encoded, payload;

    encoded = unit_str(example_key);
    decoded.data = secret;
    is_int(ngx_leadgen_jws_decode(&decoded, &encoded), NGX_OK,
           "the key of RFC 7515, A.1");
    is_int(decoded.len, 64, "has 64 bytes");

    add_key(secret, decoded.len, "");

    ok(verify(example_token, sizeof(example_token) - 1, &payload) != NULL,
       "its token is verified");
    is_str(payload, example_payload, "and says what it says");

    /* each bit counts */

    for (wrong = 0, i = 0; i < 8 * (sizeof(token) - 1); i++) {
        ngx_memcpy(token, example_token, sizeof(token));
        token[i / 8] ^= 1 << i % 8;
        wrong += verify(token, sizeof(token) - 1, &payload) != NULL;
    }

    is_int(wrong, 0, "no token that differs in a bit is");

    for (wrong = 0, i = 0; i < sizeof(example_token) - 1; i++) {
        wrong += verify(example_token, i, &payload) != NULL;
    }

    is_int(wrong, 0, "nor is one that is cut");
}


static void
test_decode(void)
{
    size_t      i;
    u_char      out[16];
    ngx_int_t   rc;
    ngx_str_t   src, dst;

    static const struct {
        const char  *text;
        const char  *want;          /* NULL: none */
    } rows[] = {
        { "",         "" },         /* RFC 4648, section 10 */
        { "Zg",       "f" },
        { "Zm8",      "fo" },
        { "Zm9v",     "foo" },
        { "Zm9vYg",   "foob" },
        { "Zm9vYmE",  "fooba" },
        { "Zm9vYmFy", "foobar" },
        { "-_-_",     "\xfb\xff\xbf" },
        { "Zg==",     NULL },
        { "Zm8=",     NULL },
        { "Z",        NULL },
        { "Zm9vY",    NULL },
        { "Zh",       NULL },       /* bits left over */
        { "Zm9",      NULL },
        { "+_-_",     NULL },
        { "/_-_",     NULL },
        { "Zm 9",     NULL },
        { "Zm9v\n",   NULL },
        { "Zm9.",     NULL },
        { "Zm9\xff",  NULL },
        { "=",        NULL }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        src.data = (u_char *) rows[i].text;
        src.len = strlen(rows[i].text);
        dst.data = out;
        dst.len = 0;

        rc = ngx_leadgen_jws_decode(&dst, &src);

        if (rows[i].want) {
            is_int(rc, NGX_OK, "\"%s\" is base64url", rows[i].text);
            is_str(dst, rows[i].want, "of that");

        } else {
            is_int(rc, NGX_ERROR, "\"%s\" is not", rows[i].text);
        }
    }

    src = unit_str("Zm\0v");
    is_int(ngx_leadgen_jws_decode(&dst, &src), NGX_ERROR,
           "nor is what has a zero byte");
}


/* Each value has one text, and each text that is decoded comes back. */

static void
test_one_text(void)
{
    u_char      text[3], out[4], back[4];
    size_t      i, n, wrong;
    ngx_str_t   src, dst, again;

    for (wrong = 0, n = 2; n <= 3; n++) {
        for (i = 0; i < (n == 2 ? 65536 : 1 << 24); i += n == 2 ? 1 : 7) {
            text[0] = (u_char) i;
            text[1] = (u_char) (i >> 8);
            text[2] = (u_char) (i >> 16);
            src.data = text;
            src.len = n;
            dst.data = out;

            if (ngx_leadgen_jws_decode(&dst, &src) != NGX_OK) {
                continue;
            }

            again.data = back;
            ngx_encode_base64url(&again, &dst);
            wrong += again.len != n || memcmp(back, text, n) != 0;
        }
    }

    is_int(wrong, 0, "what is decoded has no other text");
}


static void
swap_keys(void)
{
    ngx_leadgen_key_t  key, *all;

    all = keys->elts;
    key = all[0];
    all[0] = all[1];
    all[1] = key;
}


static void
test_sign(void)
{
    ngx_str_t                 payload, token, back;
    const ngx_leadgen_key_t  *key;

    add_key((u_char *) "thirty-two bytes, not one less..", 32, "kid=second");

    payload = unit_str("{\"sub\":\"1\"}");
    is_int(ngx_leadgen_jws_sign(pool, keys, &payload, &token), NGX_OK,
           "a token is signed");
    ok(ngx_strncmp(token.data, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.", 37)
       == 0, "its header names algorithm and type");

    /* without kid there are two keys now */

    key = verified(&token, &back);
    ok(key == NULL, "without kid it could be either key's");

    swap_keys();
    key = verified(&token, &back);
    ok(key == NULL, "in whichever order they stand");
    swap_keys();

    keys->elts = (u_char *) keys->elts + keys->size;
    keys->nelts--;

    is_int(ngx_leadgen_jws_sign(pool, keys, &payload, &token), NGX_OK,
           "a token is signed by a key with kid");
    key = verified(&token, &back);
    ok(key == keys->elts, "and verified by it");
    is_str(back, "{\"sub\":\"1\"}", "to what was signed");

    keys->elts = (u_char *) keys->elts - keys->size;
    keys->nelts++;
    ok(verified(&token, &back)
       == (ngx_leadgen_key_t *) keys->elts + 1, "also among others");
}


static void
test_no_keys(void)
{
    ngx_str_t     payload;
    ngx_array_t  *all;

    all = keys;
    keys = ngx_leadgen_keys_create(pool);

    ok(verify(example_token, sizeof(example_token) - 1, &payload) == NULL,
       "without a key no token is verified");

    keys = all;
}


static void
test_memory(void)
{
    ngx_uint_t  n;
    ngx_str_t   payload, token;

    payload = unit_str("{}");
    keys->nelts = 1;

    for (n = 0; n < 10; n++) {
        unit_alloc_fail = n;

        if (ngx_leadgen_jws_sign(pool, keys, &payload, &token) == NGX_OK) {
            break;
        }
    }

    unit_alloc_fail = -1;
    ok(n > 0 && n < 10, "signing reports each allocation that fails");

    for (n = 0; n < 20; n++) {
        unit_alloc_fail = n;

        if (verify(example_token, sizeof(example_token) - 1, &payload)) {
            break;
        }
    }

    unit_alloc_fail = -1;
    ok(n > 0 && n < 20, "and so does verifying, as no");
}


int
main(void)
{
    pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.pool = pool;
    keys = ngx_leadgen_keys_create(pool);

    test_decode();
    test_one_text();
    test_example();
    test_no_keys();
    test_sign();
    test_memory();

    ngx_destroy_pool(pool);

    return unit_done();
}
