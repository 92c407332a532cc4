
/*
 * Takes texts for secrets, for t/unit/form_test.py: each line of the input is
 * one in hexadecimal, and each of the output has a digit for each way to offer
 * it: without a word, with alg=HS256, with issuer=.  1: it is a secret.
 *
 * sources: src/auth/ngx_leadgen_jws.c src/auth/ngx_leadgen_keys.c
 * sources: src/auth/ngx_leadgen_key.c src/auth/ngx_leadgen_keyword.c
 * sources: src/auth/ngx_leadgen_jwa.c src/auth/ngx_leadgen_signature.c
 * sources: src/auth/ngx_leadgen_pem.c src/auth/ngx_leadgen_jwk.c
 * sources: src/auth/ngx_leadgen_form.c src/auth/ngx_leadgen_unwrap.c
 * sources: src/auth/ngx_leadgen_rsa.c
 * sources: src/base/ngx_leadgen_json.c src/base/ngx_leadgen_text.c
 * libraries: -lcrypto -ljansson
 */


#include "unit.h"
#include "ngx_leadgen_keys.h"


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) cf;
    (void) err;
    (void) fmt;
}


static int
is_secret(const ngx_str_t *text, const char *option)
{
    int                       taken;
    ngx_str_t                 copy, word;
    ngx_conf_t                conf;
    ngx_array_t              *keys;
    const ngx_leadgen_key_t  *key;

    ngx_memzero(&conf, sizeof(conf));
    conf.pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.log = conf.pool->log;
    keys = ngx_leadgen_keys_create(conf.pool);

    copy.len = text->len;
    copy.data = ngx_pnalloc(conf.pool, text->len + 1);
    ngx_memcpy(copy.data, text->data, text->len);

    word.data = (u_char *) option;
    word.len = strlen(option);

    taken = ngx_leadgen_keys_add(&conf, keys, &copy, &word, word.len != 0)
            == NGX_CONF_OK;
    key = keys->elts;
    taken = taken && keys->nelts == 1 && key->secret != NULL;

    ngx_destroy_pool(conf.pool);

    return taken;
}


int
main(void)
{
    char          *p;
    ngx_str_t      text;
    unsigned int   byte;
    static char    line[2 * NGX_LEADGEN_KEYS_TEXT + 2];
    static u_char  bytes[NGX_LEADGEN_KEYS_TEXT];

    while (fgets(line, sizeof(line), stdin)) {
        text.data = bytes;
        text.len = 0;

        for (p = line; sscanf(p, "%2x", &byte) == 1; p += 2) {
            bytes[text.len++] = (u_char) byte;
        }

        printf("%d%d%d\n", is_secret(&text, ""),
               is_secret(&text, "alg=HS256"), is_secret(&text, "issuer=x"));
    }

    return 0;
}
