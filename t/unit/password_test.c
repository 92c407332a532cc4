
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
        "$2b$04$", "$y$j9T$", "$2b$00$", "$5$", "$6$", "$6$rounds=5000$",
        "$y$j9T$a$$", "$2b$04$!!!!!!!!!!!!!!!!!!!!!!"
    };

    for (i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        is_int(verify(hashes[i], "correct horse", 13), '0',
               "\"%s\" fits nothing", hashes[i]);
    }

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    is_int(verify(text, "correct horse", 13), '?',
           "a hash longer than any is refused");
    text[0] = '$';
    text[1] = 'y';
    text[2] = '$';
    is_int(verify(text, "correct horse", 13), '?', "whatever it begins with");
    is_int(verify(hashes[0], text, 129), 'E',
           "a password longer than any is an error");
}


/* What says of itself that it costs too much, or is of another kind. */

static void
test_refused(void)
{
    size_t  i;
    char    text[256];

    static const char  *settings[] = {
        "", "*", "*0", "*1", "x", "$", "$$", "$2b$", "$y$", "$y", "$2", "$6",
        "correct horse", "!", "!!", "$z$z", "abJnggxhB/yWI", "_J9..rasm",
        "$1$salt$hash", "$md5$rounds=1$x", "$3$$8846f7eaee8fb117ad06bdd830b758",
        "$argon2id$v=19$m=65536,t=3,p=4$x$y", "pbkdf2_sha256$600000$x$y",
        "$gy$j9T$lOJYP7daTPh9gYLM0Jy4L/$", "$7$CU..../....3NlnC7GhcYtb$",
        "$sha1$40000$jtNX3nZ2$",

        /* yescrypt: N, r, more parameters, another flavour */
        "$y$jFT$9XQlpM2giYOFzb7k9MdLp0$", "$y$jET$9XQlpM2giYOFzb7k9MdLp0$",
        "$y$jDj$9XQlpM2giYOFzb7k9MdLp0$", "$y$jg.$9XQlpM2giYOFzb7k9MdLp0$",
        "$y$jj.$9XQlpM2giYOFzb7k9MdLp0$", "$y$jjj$9XQlpM2giYOFzb7k9MdLp0$",
        "$y$jzzzzz$9XQlpM2giYOFzb7k9MdLp0$", "$y$j9z$9XQlpM2giYOFzb7k9MdLp0$",
        "$y$j9T1z$9XQlpM2giYOFzb7k9MdLp0$", "$y$j9T.$9XQlpM2giYOFzb7k9MdLp0$",
        "$y$.9T$9XQlpM2giYOFzb7k9MdLp0$", "$y$/9T$9XQlpM2giYOFzb7k9MdLp0$",
        "$y$j9$9XQlpM2giYOFzb7k9MdLp0$", "$y$j$", "$y$j9T",

        /* bcrypt: cost */
        "$2b$16$aaaaaaaaaaaaaaaaaaaaaa", "$2b$31$aaaaaaaaaaaaaaaaaaaaaa",
        "$2y$99$aaaaaaaaaaaaaaaaaaaaaa", "$2b$-1$aaaaaaaaaaaaaaaaaaaaaa",
        "$2b$1$aaaaaaaaaaaaaaaaaaaaaaa", "$2b$004$aaaaaaaaaaaaaaaaaaaaa",
        "$2x$04$aaaaaaaaaaaaaaaaaaaaaa", "$2$04$aaaaaaaaaaaaaaaaaaaaaa",

        /* SHA-crypt: rounds */
        "$6$rounds=1000001$saltsalt$", "$5$rounds=999999999$saltsalt$",
        "$6$rounds=99999999999999999999999999$saltsalt$", "$6$rounds=$salt$",
        "$6$rounds=-1$salt$", "$6$rounds=5000", "$6$rounds=1x$salt$"
    };

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        is_int(verify(settings[i], "correct horse", 13), '?',
               "\"%s\" is refused", settings[i]);
    }

    /* the limits themselves */

    is_int(verify("$y$jDT$9XQlpM2giYOFzb7k9MdLp0$x", "correct horse", 13), '0',
           "yescrypt of 256 MB is not");
    is_int(verify("$2b$05$aaaaaaaaaaaaaaaaaaaaaa", "correct horse", 13), '0',
           "nor bcrypt of cost 5");
    is_int(verify("$6$rounds=1000000$saltsalt$x", "correct horse", 13), '0',
           "nor SHA-crypt of a million rounds");

    (void) strcpy(text, hash_of("$6$", 5000, "a good one"));
    is_int(verify(text, "a good one", 10), '1', "SHA-512-crypt fits");
    (void) strcpy(text, hash_of("$5$", 6000, "a good one"));
    is_int(verify(text, "a good one", 10), '1', "so does SHA-256-crypt");
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

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    *fits = verify(hash, "correct horse", 13);
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);

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


/* What is refused, malformed or cheap takes as long, too. */

static void
test_refused_time(void)
{
    int     fits;
    char    text[CRYPT_OUTPUT_SIZE + 16];
    size_t  i, n;
    double  t, nobody, refused;

    const struct {
        const char  *name;
        const char  *hash;
        int          answer;
    } rows[] = {
        { "1 GB", "$y$jFT$9XQlpM2giYOFzb7k9MdLp0$x", '?' },
        { "MD5", "$1$saltsalt$4GMPDlvDEDHZEd5UELvkh0", '?' },
        { "an empty hash", "", '?' },
        { "a hash too long", text, '?' },
        { "bcrypt with a salt that is none", "$2b$04$!!!!!!!!!!!!!!!!!!!!!!x",
          '0' },
        { "yescrypt with a salt that is none", "$y$j9T$!!!!$x", '0' },
        { "SHA-512-crypt", "$6$rounds=1000$saltsalt$x", '0' },
        { "SHA-256-crypt", "$5$rounds=1000$saltsalt$x", '0' }
    };

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        nobody = refused = 1e9;

        for (n = 0; n < 5; n++) {
            t = seconds(NULL, &fits);
            nobody = t < nobody ? t : nobody;
            t = seconds(rows[i].hash, &fits);
            refused = t < refused ? t : refused;
        }

        is_int(fits, rows[i].answer, "%s fits nothing", rows[i].name);
        ok(refused > nobody / 2 && refused < nobody * 2,
           "after as long as nobody's takes: %.1f and %.1f ms", refused * 1e3,
           nobody * 1e3);
    }
}


static void
test_hash(void)
{
    char       first[CRYPT_OUTPUT_SIZE], second[CRYPT_OUTPUT_SIZE];
    char       password[130];
    ssize_t    n;
    ngx_str_t  arg;

    memset(password, 'p', sizeof(password));
    ngx_memzero(first, sizeof(first));
    ngx_memzero(second, sizeof(second));

    arg.data = (u_char *) password;
    arg.len = 128;

    n = ngx_leadgen_password_hash(&arg, 1, (u_char *) first, sizeof(first));
    ok(n > 0 && (size_t) n == strlen(first), "a hash is made");
    ok(strncmp(first, "$y$j9T$", 7) == 0, "of yescrypt: %.7s", first);
    is_int(verify(first, password, 128), '1', "it fits");
    is_int(verify(first, password, 127), '0', "and no other does");

    n = ngx_leadgen_password_hash(&arg, 1, (u_char *) second, sizeof(second));
    ok(n > 0 && strcmp(first, second) != 0, "another time it is another");

    is_int(ngx_leadgen_password_hash(&arg, 1, (u_char *) second, 20),
           NGX_ERROR, "no room");
    is_int(ngx_leadgen_password_hash(&arg, 2, (u_char *) second,
                                     sizeof(second)),
           NGX_ERROR, "another number of arguments");

    arg.len = 8;
    ok(ngx_leadgen_password_hash(&arg, 1, (u_char *) second, sizeof(second))
       > 0, "8 bytes are enough");

    arg.len = 7;
    is_int(ngx_leadgen_password_hash(&arg, 1, (u_char *) second,
                                     sizeof(second)), NGX_ERROR, "7 are not");
    arg.len = 129;
    is_int(ngx_leadgen_password_hash(&arg, 1, (u_char *) second,
                                     sizeof(second)),
           NGX_ERROR, "and 129 are too many");

    arg.len = 20;
    password[10] = '\0';
    is_int(ngx_leadgen_password_hash(&arg, 1, (u_char *) second,
                                     sizeof(second)),
           NGX_ERROR, "a zero byte would cut it");
}


static void
test_is_old(void)
{
    ngx_str_t  hash;

    hash = unit_str("$2b$04$aaaa");
    is_int(ngx_leadgen_password_is_old(&hash), 1, "bcrypt is old");
    hash = unit_str("$6$salt$aaaa");
    is_int(ngx_leadgen_password_is_old(&hash), 1, "SHA-512-crypt is");
    hash = unit_str("$5$rounds=5000$salt$aaaa");
    is_int(ngx_leadgen_password_is_old(&hash), 1, "SHA-256-crypt is");
    hash = unit_str("$y$j9T$aaaa");
    is_int(ngx_leadgen_password_is_old(&hash), 0, "yescrypt is not");
    hash = unit_str("");
    is_int(ngx_leadgen_password_is_old(&hash), 0, "nor is none");
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
    test_refused();
    test_bcrypt_length();
    test_nobody();
    test_refused_time();
    test_hash();
    test_is_old();
    test_arguments();

    return unit_done();
}
