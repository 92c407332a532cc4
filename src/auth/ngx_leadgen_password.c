
/*
 * Passwords: a stored hash and a password go in, whether they fit comes out;
 * or a password goes in and a new hash comes out.  It takes up to a quarter of
 * a second, so it runs in threads only.
 *
 * What a hash costs is written in its own parameters, and so would be said by
 * whoever can write a row: they are bounded before anything is computed.
 */


#include "ngx_leadgen_auth.h"
#include <openssl/crypto.h>
#include <sys/resource.h>
#include <pthread.h>
#include <crypt.h>


#define NGX_LEADGEN_PASSWORD_PREFIX      "$y$"
#define NGX_LEADGEN_PASSWORD_MEMORY      28 /* log2 of yescrypt's bytes */
#define NGX_LEADGEN_PASSWORD_COST        15 /* of bcrypt */
#define NGX_LEADGEN_PASSWORD_ROUNDS      1000000
#define NGX_LEADGEN_PASSWORD_BCRYPT_MAX  72 /* bytes that bcrypt looks at */
#define NGX_LEADGEN_PASSWORD_HASH_MAX    CRYPT_OUTPUT_SIZE
#define NGX_LEADGEN_PASSWORD_NICE        10


/* Lifetime: one hash. */

typedef struct {
    struct crypt_data          data;
    char                       phrase[NGX_LEADGEN_PASSWORD_MAX + 1];
    char                       hash[NGX_LEADGEN_PASSWORD_HASH_MAX];
    const char                *setting;
    ngx_uint_t                 made;
} ngx_leadgen_password_t;


static ngx_uint_t ngx_leadgen_password_accepts(const u_char *hash);
static ngx_uint_t ngx_leadgen_password_accepts_yescrypt(const u_char *p);
static ngx_uint_t ngx_leadgen_password_accepts_bcrypt(const u_char *p);
static ngx_uint_t ngx_leadgen_password_accepts_sha(const u_char *p);
static ngx_int_t ngx_leadgen_password_digit(u_char c);
static ngx_int_t ngx_leadgen_password_crypt(const ngx_str_t *password,
    const char *setting, char hash[NGX_LEADGEN_PASSWORD_HASH_MAX]);
static void *ngx_leadgen_password_run(void *data);


/* Nobody's hash: it costs what a new one does, and fits no password. */
static const char  ngx_leadgen_password_nobody[] =
    "$y$j9T$leadgennobodysaltt....$"
    "-------------------------------------------";


ssize_t
ngx_leadgen_password_verify(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    char        setting[NGX_LEADGEN_PASSWORD_HASH_MAX];
    char        hash[NGX_LEADGEN_PASSWORD_HASH_MAX];
    ngx_int_t   rc;
    ngx_uint_t  accepted;

    if (nargs != 2 || size < 1 || args[1].len > NGX_LEADGEN_PASSWORD_MAX) {
        return NGX_ERROR;
    }

    ngx_memzero(setting, sizeof(setting));

    /* what is longer than any hash is none */

    if (args[0].data && args[0].len < sizeof(setting)) {
        ngx_memcpy(setting, args[0].data, args[0].len);
    }

    accepted = ngx_leadgen_password_accepts((u_char *) setting);

    rc = ngx_leadgen_password_crypt(&args[1],
                                    accepted ? setting
                                             : ngx_leadgen_password_nobody,
                                    hash);

    answer[0] = rc == NGX_OK
                && ngx_strlen(hash) == args[0].len
                && CRYPTO_memcmp(hash, setting, args[0].len) == 0
                && accepted
                ? NGX_LEADGEN_PASSWORD_FITS : NGX_LEADGEN_PASSWORD_WRONG;

    if (setting[1] == '2' && args[1].len > NGX_LEADGEN_PASSWORD_BCRYPT_MAX) {
        answer[0] = NGX_LEADGEN_PASSWORD_WRONG;
    }

    if (args[0].data && !accepted) {
        answer[0] = NGX_LEADGEN_PASSWORD_REFUSED;
    }

    return 1;
}


ssize_t
ngx_leadgen_password_hash(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    char    setting[CRYPT_GENSALT_OUTPUT_SIZE];
    char    hash[NGX_LEADGEN_PASSWORD_HASH_MAX];
    size_t  len;

    if (nargs != 1
        || args[0].len < NGX_LEADGEN_PASSWORD_MIN
        || args[0].len > NGX_LEADGEN_PASSWORD_MAX
        || crypt_gensalt_rn(NGX_LEADGEN_PASSWORD_PREFIX, 0, NULL, 0, setting,
                            sizeof(setting))
           == NULL
        || ngx_leadgen_password_crypt(&args[0], setting, hash) != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = ngx_strlen(hash);

    if (len > size) {
        return NGX_ERROR;
    }

    ngx_memcpy(answer, hash, len);

    return len;
}


ngx_uint_t
ngx_leadgen_password_is_old(const ngx_str_t *hash)
{
    size_t  len = sizeof(NGX_LEADGEN_PASSWORD_PREFIX) - 1;

    return hash->len > len
           && ngx_memcmp(hash->data, NGX_LEADGEN_PASSWORD_PREFIX, len) != 0;
}


/*
 * NGX_ERROR: there is no such hash of that password.  It is computed in a
 * thread that gives way to all others, for which alone there is one: a thread
 * of the pool could not get its old priority back for what it does next.
 */

static ngx_int_t
ngx_leadgen_password_crypt(const ngx_str_t *password, const char *setting,
    char hash[NGX_LEADGEN_PASSWORD_HASH_MAX])
{
    pthread_t                tid;
    ngx_int_t                rc;
    ngx_leadgen_password_t  *work;

    work = calloc(1, sizeof(ngx_leadgen_password_t));
    if (work == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(work->phrase, password->data, password->len);
    work->setting = setting;

    if (pthread_create(&tid, NULL, ngx_leadgen_password_run, work) == 0) {
        (void) pthread_join(tid, NULL);
    }

    rc = NGX_ERROR;

    /* what stands behind a zero byte was not looked at */

    if (work->made && ngx_strlen(work->phrase) == password->len) {
        ngx_memcpy(hash, work->hash, NGX_LEADGEN_PASSWORD_HASH_MAX);
        rc = NGX_OK;
    }

    explicit_bzero(work, sizeof(ngx_leadgen_password_t));
    free(work);

    return rc;
}


static void *
ngx_leadgen_password_run(void *data)
{
    const char              *made;
    ngx_leadgen_password_t  *work = data;

    /* on Linux a thread has a priority of its own */

    (void) setpriority(PRIO_PROCESS, 0, NGX_LEADGEN_PASSWORD_NICE);

    made = crypt_rn(work->phrase, work->setting, &work->data,
                    sizeof(struct crypt_data));
    if (made) {
        (void) ngx_cpystrn((u_char *) work->hash, (u_char *) made,
                           NGX_LEADGEN_PASSWORD_HASH_MAX);
        work->made = 1;
    }

    /* what is malformed, or of the fast SHA-crypt, takes as long, too */

    if (made == NULL || work->setting[1] == '5' || work->setting[1] == '6') {
        (void) crypt_rn(work->phrase, ngx_leadgen_password_nobody, &work->data,
                        sizeof(struct crypt_data));
    }

    return NULL;
}


static ngx_uint_t
ngx_leadgen_password_accepts(const u_char *hash)
{
    if (hash[0] != '$') {
        return 0;
    }

    switch (hash[1]) {

    case 'y':
        return hash[2] == '$'
               && ngx_leadgen_password_accepts_yescrypt(hash + 3);

    case '2':
        return (hash[2] == 'a' || hash[2] == 'b' || hash[2] == 'y')
               && hash[3] == '$'
               && ngx_leadgen_password_accepts_bcrypt(hash + 4);

    case '5':
    case '6':
        return hash[2] == '$' && ngx_leadgen_password_accepts_sha(hash + 3);

    default:
        return 0;
    }
}


/*
 * Three digits, each of one character: flavour, log2 of N less 1, r less 1.
 * The memory is 128 * N * r bytes.
 */

static ngx_uint_t
ngx_leadgen_password_accepts_yescrypt(const u_char *p)
{
    ngx_int_t  n, r;

    if (p[0] != 'j') {
        return 0;
    }

    n = ngx_leadgen_password_digit(p[1]);
    r = n == NGX_ERROR ? NGX_ERROR : ngx_leadgen_password_digit(p[2]);

    if (r == NGX_ERROR || p[3] != '$') {
        return 0;
    }

    return n + 1 <= NGX_LEADGEN_PASSWORD_MEMORY
           && ((uint64_t) (r + 1) << (n + 1 + 7))
              <= (uint64_t) 1 << NGX_LEADGEN_PASSWORD_MEMORY;
}


/* The value of a digit of crypt(5)'s base 64; those from 48 on begin a longer
 * number. */

static ngx_int_t
ngx_leadgen_password_digit(u_char c)
{
    static const char  digits[] =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij";
    const char        *found;

    found = c ? strchr(digits, c) : NULL;

    return found ? found - digits : NGX_ERROR;
}


static ngx_uint_t
ngx_leadgen_password_accepts_bcrypt(const u_char *p)
{
    ngx_int_t  cost;

    cost = p[0] && p[1] ? ngx_atoi((u_char *) p, 2) : NGX_ERROR;

    return cost != NGX_ERROR
           && cost <= NGX_LEADGEN_PASSWORD_COST
           && p[2] == '$';
}


static ngx_uint_t
ngx_leadgen_password_accepts_sha(const u_char *p)
{
    size_t     len;
    ngx_int_t  rounds;

    if (ngx_strncmp(p, "rounds=", 7) != 0) {
        return 1;
    }

    p += 7;
    len = strspn((const char *) p, "0123456789");
    rounds = len ? ngx_atoi((u_char *) p, len) : NGX_ERROR;

    return rounds != NGX_ERROR
           && rounds <= NGX_LEADGEN_PASSWORD_ROUNDS
           && p[len] == '$';
}
