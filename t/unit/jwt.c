
/*
 * Judges tokens for t/unit/jwt_test.py: the arguments are files with keys, each
 * line of the input is a token in hexadecimal, and each of the output is 1 for
 * one that is verified, or 0.
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


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) cf;
    (void) err;

    fprintf(stderr, "%s\n", fmt);
}


time_t
ngx_leadgen_epoch_get(ngx_leadgen_epoch_e kind, const u_char *key)
{
    (void) kind;
    (void) key;

    return 0;
}


time_t
ngx_leadgen_epoch_latest(const u_char *user_id)
{
    (void) user_id;

    return 0;
}


static ngx_int_t
add_key(ngx_conf_t *conf, ngx_array_t *keys, const char *path)
{
    FILE       *file;
    u_char      bytes[8192];
    ngx_str_t   text;

    file = fopen(path, "r");
    if (file == NULL) {
        return NGX_ERROR;
    }

    text.data = bytes;
    text.len = fread(bytes, 1, sizeof(bytes), file);
    (void) fclose(file);

    return ngx_leadgen_keys_add(conf, keys, &text, NULL, 0) == NGX_CONF_OK
           ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
is_verified(const ngx_array_t *keys, char *line)
{
    char                     *p;
    unsigned int              byte;
    ngx_str_t                 token;
    ngx_pool_t               *pool;
    ngx_leadgen_problem_e     problem;
    ngx_leadgen_principal_t   who;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    token.data = ngx_pnalloc(pool, strlen(line) / 2 + 1);
    token.len = 0;

    for (p = line; sscanf(p, "%2x", &byte) == 1; p += 2) {
        token.data[token.len++] = (u_char) byte;
    }

    problem = ngx_leadgen_token_verify(pool, keys, &token, &who);
    ngx_destroy_pool(pool);

    return problem == NGX_LEADGEN_PROBLEM_NONE;
}


int
main(int argc, char **argv)
{
    int                 i;
    char                line[65536];
    ngx_conf_t          conf;
    ngx_array_t        *keys;
    static ngx_time_t   now;

    now.sec = time(NULL);
    ngx_cached_time = &now;

    ngx_memzero(&conf, sizeof(conf));
    conf.pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.log = conf.pool->log;
    keys = ngx_leadgen_keys_create(conf.pool);

    for (i = 1; i < argc; i++) {
        if (add_key(&conf, keys, argv[i]) != NGX_OK) {
            return 1;
        }
    }

    while (fgets(line, sizeof(line), stdin)) {
        printf("%d\n", (int) is_verified(keys, line));
    }

    ngx_destroy_pool(conf.pool);

    return 0;
}
