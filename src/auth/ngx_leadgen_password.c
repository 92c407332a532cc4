
/*
 * Passwords: a stored hash and a password go in, whether they fit comes out.
 * It takes up to a quarter of a second, so it runs in threads only.
 */


#include "ngx_leadgen_auth.h"
#include <openssl/crypto.h>
#include <crypt.h>


#define NGX_LEADGEN_PASSWORD_BCRYPT_MAX  72 /* bytes that bcrypt looks at */
#define NGX_LEADGEN_PASSWORD_HASH_MAX    CRYPT_OUTPUT_SIZE


/* Nobody's hash: it costs what a new one does, and fits no password. */
static const char  ngx_leadgen_password_nobody[] =
    "$y$j9T$leadgennobodysaltt....$"
    "-------------------------------------------";


ssize_t
ngx_leadgen_password_verify(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    char                setting[NGX_LEADGEN_PASSWORD_HASH_MAX];
    char                phrase[NGX_LEADGEN_PASSWORD_MAX + 1];
    char               *hash;
    ngx_uint_t          fits;
    struct crypt_data  *data;

    if (nargs != 2
        || size < 1
        || args[0].len >= sizeof(setting)
        || args[1].len >= sizeof(phrase))
    {
        return NGX_ERROR;
    }

    data = calloc(1, sizeof(struct crypt_data));
    if (data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(setting, ngx_leadgen_password_nobody,
               sizeof(ngx_leadgen_password_nobody));

    if (args[0].data) {
        ngx_memcpy(setting, args[0].data, args[0].len);
        setting[args[0].len] = '\0';
    }

    ngx_memcpy(phrase, args[1].data, args[1].len);
    phrase[args[1].len] = '\0';

    hash = crypt_rn(phrase, setting, data, sizeof(struct crypt_data));

    fits = hash
           && args[0].data
           && ngx_strlen(phrase) == args[1].len
           && ngx_strlen(hash) == args[0].len
           && CRYPTO_memcmp(hash, args[0].data, args[0].len) == 0;

    if (setting[0] == '$' && setting[1] == '2'
        && args[1].len > NGX_LEADGEN_PASSWORD_BCRYPT_MAX)
    {
        fits = 0;
    }

    answer[0] = fits ? '1' : '0';

    explicit_bzero(phrase, sizeof(phrase));
    explicit_bzero(data, sizeof(struct crypt_data));
    free(data);

    return 1;
}


/* yescrypt with the library's default cost, which grows with its releases. */

ssize_t
ngx_leadgen_password_hash(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    char                setting[CRYPT_GENSALT_OUTPUT_SIZE];
    char                phrase[NGX_LEADGEN_PASSWORD_MAX + 1];
    char               *hash;
    ssize_t             len;
    struct crypt_data  *data;

    if (nargs != 1
        || args[0].len >= sizeof(phrase)
        || size < NGX_LEADGEN_PASSWORD_HASH_MAX
        || crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof(setting))
           == NULL)
    {
        return NGX_ERROR;
    }

    data = calloc(1, sizeof(struct crypt_data));
    if (data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(phrase, args[0].data, args[0].len);
    phrase[args[0].len] = '\0';

    len = NGX_ERROR;
    hash = crypt_rn(phrase, setting, data, sizeof(struct crypt_data));

    if (hash && ngx_strlen(phrase) == args[0].len) {
        len = ngx_strlen(hash);
        ngx_memcpy(answer, hash, len);
    }

    explicit_bzero(phrase, sizeof(phrase));
    explicit_bzero(data, sizeof(struct crypt_data));
    free(data);

    return len;
}
