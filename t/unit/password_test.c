
/*
 * Passwords against stored hashes of the kinds that are accepted.
 *
 * sources: src/auth/ngx_leadgen_password.c
 * libraries: -lcrypt -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_auth.h"
#include <crypt.h>
#include <time.h>


/* '1', '0', or 'E' for an error. */

static int
verify(const char *hash, const char *password, size_t len)
{
    u_char     answer[1];
    ssize_t    n;
    ngx_str_t  args[2];

    args[0].data = (u_char *) hash;
    args[0].len = hash ? strlen(hash) : 0;
    args[1].len = len;
    args[1].data = malloc(len ? len : 1);
    ngx_memcpy(args[1].data, password, len);

    answer[0] = 'x';
    n = ngx_leadgen_password_verify(args, 2, answer, sizeof(answer));

    free(args[1].data);

    return n == 1 ? answer[0] : 'E';
}


static const char *
hash_of(const char *prefix, unsigned long cost, const char *password)
{
    char                     setting[CRYPT_GENSALT_OUTPUT_SIZE];
    static struct crypt_data data;

    return crypt_rn(password,
                    crypt_gensalt_rn(prefix, cost, NULL, 0, setting,
                                     sizeof(setting)),
                    &data, sizeof(data));
}


static void
test_kinds(void)
{
    size_t  i;
    char    hash[CRYPT_OUTPUT_SIZE];

    static const struct {
        const char     *prefix;
        unsigned long   cost;
    } rows[] = {
        { "$y$", 1 }, { "$2b$", 4 }, { "$2a$", 4 }, { "$2y$", 4 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void) strcpy(hash, hash_of(rows[i].prefix, rows[i].cost,
                                    "correct horse"));

        is_int(verify(hash, "correct horse", 13), '1', "%s fits",
               rows[i].prefix);
        is_int(verify(hash, "correct horsf", 13), '0', "another does not");
        is_int(verify(hash, "correct hors", 12), '0', "nor a shorter one");
        is_int(verify(hash, "correct horse ", 14), '0', "nor a longer one");
        is_int(verify(hash, "correct horse\0x", 15), '0',
               "nor what has a zero byte");
        is_int(verify(hash, "", 0), '0', "nor none");

        hash[strlen(hash) - 1] ^= 1;
        is_int(verify(hash, "correct horse", 13), '0',
               "nor the right one to another hash");
    }
}


static void
test_broken(void)
{
    size_t  i;
    char    text[1024];

    static const char  *hashes[] = {
        "", "*", "*0", "*1", "x", "$", "$2b$", "$2b$04$", "$y$", "$y$j9T$",
        "$2b$99$aaaaaaaaaaaaaaaaaaaaaa", "$argon2id$v=19$m=65536,t=3,p=4$x$y",
        "pbkdf2_sha256$600000$x$y", "correct horse", "!", "!!", "$z$z"
    };

    for (i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        is_int(verify(hashes[i], "correct horse", 13), '0',
               "\"%s\" fits nothing", hashes[i]);
    }

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    is_int(verify(text, "correct horse", 13), 'E',
           "a hash longer than any is refused");
    is_int(verify(hashes[0], text, 129), 'E',
           "and so is a password longer than any");
}


/* bcrypt looks at 72 bytes: two passwords would be one. */

static void
test_bcrypt_length(void)
{
    char  password[129], hash[CRYPT_OUTPUT_SIZE];

    memset(password, 'a', sizeof(password));
    password[73] = '\0';
    (void) strcpy(hash, hash_of("$2b$", 4, password));

    is_int(verify(hash, password, 72), '1', "72 bytes are looked at");
    is_int(verify(hash, password, 73), '0', "73 are refused");

    memset(password, 'a', sizeof(password));
    password[128] = '\0';
    (void) strcpy(hash, hash_of("$y$", 1, password));

    is_int(verify(hash, password, 128), '1', "yescrypt looks at all of 128");
    password[127] = 'b';
    is_int(verify(hash, password, 128), '0', "and sees the last");
}


static double
seconds(const char *hash, int *fits)
{
    struct timespec  begin, end;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    *fits = verify(hash, "correct horse", 13);
    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);

    return (double) (end.tv_sec - begin.tv_sec)
           + (double) (end.tv_nsec - begin.tv_nsec) / 1e9;
}


/* Nobody's password takes as long as somebody's. */

static void
test_nobody(void)
{
    int     i, fits;
    char    hash[CRYPT_OUTPUT_SIZE];
    double  t, nobody, somebody;

    (void) strcpy(hash, hash_of("$y$", 0, "another password"));
    nobody = somebody = 1e9;

    for (i = 0; i < 5; i++) {
        t = seconds(hash, &fits);
        somebody = t < somebody ? t : somebody;
        t = seconds(NULL, &fits);
        nobody = t < nobody ? t : nobody;
    }

    is_int(fits, '0', "without a hash nothing fits");
    ok(nobody > somebody / 2 && nobody < somebody * 2,
       "and it takes as long: %.1f and %.1f ms", nobody * 1e3,
       somebody * 1e3);
}


static void
test_arguments(void)
{
    u_char     answer[1];
    ngx_str_t  args[2];

    args[0] = unit_str("x");
    args[1] = unit_str("x");

    is_int(ngx_leadgen_password_verify(args, 1, answer, 1), NGX_ERROR,
           "one argument");
    is_int(ngx_leadgen_password_verify(args, 2, answer, 0), NGX_ERROR,
           "no room for the answer");
}


int
main(void)
{
    test_kinds();
    test_broken();
    test_bcrypt_length();
    test_nobody();
    test_arguments();

    return unit_done();
}
