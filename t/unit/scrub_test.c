
/*
 * The scrubber: of a hundred and more planted secrets none is left, and what
 * people need to read stays.
 *
 * sources: src/sentry/ngx_leadgen_scrub.c src/sentry/ngx_leadgen_named.c
 * sources: src/sentry/ngx_leadgen_secret.c src/base/ngx_leadgen_uuid.c
 * sources: src/base/ngx_leadgen_time.c
 * libraries: -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_sentry.h"


static u_char  buffer[65536];


static ngx_str_t
scrub(const ngx_str_t *src, ngx_uint_t flags)
{
    ngx_str_t  out;

    out.data = buffer;
    out.len = ngx_leadgen_scrub(buffer, buffer + sizeof(buffer), src, flags)
              - buffer;

    return out;
}


/* Each row has its secret between \x01 and \x02, which are taken off. */

static const char  *planted[] = {
    /* names, however quoted */
    "password=\x01hunter2\x02",
    "password: \x01hunter2\x02",
    "password = '\x01hunter two\x02'",
    "Password=\x01h\x02",
    "PGPASSWORD=\x01hunter2\x02 psql",
    "hashed_password=\x01xyzzy\x02",
    "db_passwd:\x01xyzzy\x02",
    "passphrase is \x01" "correct\x02",
    "password \"\x01horse battery\x02\" refused",
    "the password is \x01staple\x02",
    "pwd=\x01" "a,b;c\x02",
    "pass=\x01qwerty\x02",
    "{\"password\":\"\x01hunter2\x02\"}",
    "{\"password\" : \"\x01hun ter2\x02\"}",
    "{\"password\":\"\x01pa\\\"ss wd\x02\",\"a\":1}",
    "{\\\"password\\\":\\\"\x01hun ter2\x02\\\"}",
    "{\"a\":\"{\\\"password\\\":\\\"\x01pa\\\\\\\"ss w\x02\\\"}\"}",
    "{\"passwords\":[\"\x01one\x02\",\"two\"]}",
    "{\"passwords\":[\"one\",\"\x01two\x02\"]}",
    "{\"secrets\":{\"a\":\"\x01one\x02\"}}",
    "{'password': '\x01hunter2\x02'}",
    "password=>\x01hunter2\x02",
    "\"password\" => \"\x01hunter 2\x02\"",
    "<password>\x01hunter2\x02</password>",
    "--password \x01hunter2\x02 --host x",
    "--password=\x01hunter2\x02",
    "--api-key \x01qwert\x02",
    "password%3D\x01hunter2\x02",
    "%22password%22%3A%22\x01hunter2\x02%22",
    "password%3d%27\x01hunter2\x02%27",
    "DETAIL: Key (reset_token)=(\x01qwert\x02) already exists.",
    "new_password=\x01" "abc\x02&email=x",
    "clientSecret=\x01" "abc\x02",
    "client_secret: \x01" "abc\x02",
    "SECRET_KEY=\x01" "abc\x02",
    "signing_key=\x01" "abc\x02",
    "encryptionKey: \x01" "abc\x02",
    "api_key=\x01" "abc\x02",
    "apikey=\x01" "abc\x02",
    "API-KEY: \x01" "abc\x02",
    "access_token=\x01" "abc\x02",
    "refresh_token\":\"\x01" "abc\x02\"",
    "csrf=\x01" "abc\x02",
    "XSRF-TOKEN=\x01" "abc\x02",
    "otp=\x01" "123456\x02",
    "pin: \x01" "1234\x02",
    "cvv=\x01" "123\x02",
    "ssn=\x01" "078051120\x02",
    "sessionid=\x01" "abc\x02",
    "sid=\x01" "abc\x02",
    "sentry_dsn=\x01" "abc\x02",
    "connection: conninfo=\"\x01host=a user=b\x02\"",
    "credentials: \x01" "abc\x02",
    "signature=\x01" "abc\x02",
    "mnemonic: \"\x01legal winner thank year\x02\"",

    /* headers */
    "Authorization: Basic \x01" "dTpw\x02",
    "Authorization: Bearer \x01" "abc.def\x02",
    "authorization: \x01" "abc def ghi\x02",
    "Authorization: Digest username=\"\x01jane7\x02\", nonce=\"n\"",
    "Authorization: Digest username=\"u\", response=\"\x01" "e966\x02\"",
    "Proxy-Authorization: Basic \x01" "dTpw\x02",
    "Cookie: \x01" "a=b; c=d\x02",
    "Set-Cookie: \x01id=a3fWa; Path=/\x02",
    "X-Api-Key: \x01" "abc\x02",
    "X-Auth-Token: \x01" "abc\x02",
    "X-CSRF-Token: \x01" "abc\x02",
    "sent Bearer \x01" "abcdef\x02 to it",
    "token: Bearer \x01" "abcdef\x02",
    "BEARER \x01" "abcdef\x02",
    "basic \x01" "dXNlcjpwYXNz\x02",

    /* tokens and keys by their shape */
    "got \x01" "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl\x02 here",
    "got eyJhbGciOiJIUzI1NiJ9.\x01" "eyJzdWIiOiIxIn0\x02.c2lnbmF0dXJl here",
    "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.\x01" "c2lnbmF0dXJl\x02 here",
    "\x01" "AKIAIOSFODNN7EXAMPLE\x02",
    "\x01" "ASIAIOSFODNN7EXAMPLE\x02",
    "\x01wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\x02",
    "\x01" "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY\x02",
    "\x01ya29.a0AfH6SMBx\x02",
    "\x01ghp_16C7e42F292c6912E7710c838347Ae178B4a\x02",
    "\x01github_pat_11ABCDEFG0abcdefghijkl\x02",
    "\x01glpat-abcdefghijklmnop\x02",
    "\x01xoxb-123456789012-abcdef\x02",
    "\x01sk_live_abcdefghijkl\x02",
    "\x01rk_test_abcdefghijkl\x02",
    "\x01sk-abcdefghijklmnopqrst\x02",
    "\x01whsec_abcdefghijkl\x02",
    "\x01SG.abcdefghijklmnop.qrstuvwxyz\x02",
    "\x01npm_abcdefghijklmnopqrstuvwxyz\x02",
    "\x01pypi-AgEIcHlwaS5vcmcCJD\x02",
    "\x01hf_abcdefghijklmnopqrst\x02",
    "\x01" "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQ\x02",
    "\x01$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW\x02",
    "\x01$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W\x02",
    "\x01$6$saltsalt$abcdefghijklmnopqrstuv\x02",
    "\x01$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub\x02",
    "\x01{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3\x02",
    "\x01SCRAM-SHA-256$4096:abcdefgh$ijkl:mnop\x02",
    "hex \x01" "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c\x02",
    "\x01QmFzZTY0IG9mIHNvbWV0aGluZyBsb25n\x02==",
    "\x01kX9mQ2vT7pLw4RbN8cYs\x02",
    "/t/c/\x01" "AbCdEf0123456789AbCdEf0123\x02",
    "-----BEGIN PRIVATE KEY-----\n\x01MIIEvQIBADANBg\x02\n"
        "-----END PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----\\n\x01MHcCAQEEIIr\x02\\n"
        "-----END EC PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY----- \x01MIIE cut\x02",

    /* URLs and queries */
    "postgres://\x01u:hunter2\x02@db/leadgen",
    "postgresql://leadgen:\x01p@ss:w/d\x02@127.0.0.1:5432/x",
    "redis://:\x01hunter2\x02@127.0.0.1:6379/0",
    "amqp://guest:\x01guest2\x02@mq//",
    "smtp://u:\x01hunter2\x02@mail:25",
    "https://\x01" "0123456789abcdef0123456789abcdef\x02@sentry.example.com/1",
    "GET /x?a=\x01" "b1\x02 HTTP/1.1",
    "GET /x?a=b&q=\x01needle\x02 HTTP/1.1",
    "GET /x?a=b&amp;q=\x01needle\x02 HTTP/1.1",
    "GET /x?a[0]=\x01needle\x02&b=c HTTP/1.1",
    "referrer: \"https://a.example/p?code=\x01needle\x02&state=1\"",
    "/reset?email=\x01someone\x02",

    /* numbers of people */
    "card \x01" "4111111111111111\x02",
    "card \x01" "4111 1111 1111 1111\x02",
    "card \x01" "5500-0000-0000-0004\x02 declined",
    "card \x01" "378282246310005\x02",
    "ssn \x01" "078-05-1120\x02",
    "iban \x01" "DE89370400440532013000\x02",
    "to \x01GB82 WEST 1234 5698 7654 32\x02",

    /* addresses */
    "mail to \x01" "jane.doe@example.com\x02 failed",
    "\x01jane+tag@mail.example.co.uk\x02",
    "user=\x01jane%40example.com\x02",
    "Key (email)=(\x01jane@example.com\x02) exists",
    "<\x01jane_doe-1@example.com\x02>",
    "\x01j\xc3\xa4ne@example.com\x02"
};


static void
test_planted(void)
{
    char         text[512];
    size_t       i, n;
    u_char      *secret;
    ngx_str_t    src, out;
    const char  *p;
    u_char       needle[256];

    ok(sizeof(planted) / sizeof(planted[0]) >= 100, "%d secrets are planted",
       (int) (sizeof(planted) / sizeof(planted[0])));

    for (i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {

        secret = needle;
        n = 0;
        src.data = (u_char *) text;
        src.len = 0;

        for (p = planted[i]; *p; p++) {

            if (*p == 1 || *p == 2) {
                n = *p == 1;
                continue;
            }

            text[src.len++] = *p;

            if (n) {
                *secret++ = *p;
            }
        }

        text[src.len] = '\0';
        *secret = '\0';

        out = scrub(&src, 0);
        out.data[out.len] = '\0';

        ok(strstr((char *) out.data, (char *) needle) == NULL
           && strstr((char *) out.data, "[Filtered]"),
           "%s -> %s", text, out.data);
    }
}


static void
test_kept(void)
{
    size_t     i;
    ngx_str_t  src, out;

    static const char  *rows[] = {
        "",
        "connect() failed (111: Connection refused)",
        "upstream timed out (110: Connection timed out) while reading "
            "response header from upstream",
        "http://127.0.0.1:8080/api/campaigns/3/publish",
        "/api/campaigns/01a20676-1f28-7758-9049-5fcad4e6080b/publish",
        "request id 01a20676-1f28-7758-9049-5fcad4e6080b",
        "open() \"/usr/share/nginx/html/favicon.ico\" failed (2: No such "
            "file or directory)",
        "2026-01-02T03:04:05.678901Z",
        "1234567890123456 bytes",
        "the author: somebody",
        "app.tasks.campaign_tasks.schedule_campaign_emails",
        "ngx_leadgen_pump_completed_batch",
        "worker process 12345 exited on signal 11",
        "unknown permission",
        "What? Nothing & more",
        "a@b",
        "key",
        "Zo\xc3\xab \xe2\x82\xac"
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        src.data = (u_char *) rows[i];
        src.len = strlen(rows[i]);
        out = scrub(&src, 0);
        is_str(out, rows[i], "it stays: %s", rows[i]);
    }

    src = unit_str("mail to jane.doe@example.com failed");
    out = scrub(&src, NGX_LEADGEN_SCRUB_PII);
    is_str(out, "mail to jane.doe@example.com failed",
           "an address may stay where it is allowed");
}


static void
test_bounds(void)
{
    size_t     i, len;
    ngx_str_t  src, out;

    src = unit_str("a password=hunter2, b=eyJhbGciOiJIUzI1NiJ9.e30.x and c");

    for (i = 0; i <= src.len; i++) {
        memset(buffer, '#', sizeof(buffer));
        len = ngx_leadgen_scrub(buffer, buffer + i, &src, 0) - buffer;
        ok(len <= i && buffer[i] == '#', "%d bytes of room", (int) i);
    }

    src = unit_str("sent to eyJhbGciOiJI");
    out = scrub(&src, NGX_LEADGEN_SCRUB_CUT);
    is_str(out, "sent to ", "a word that was cut is gone");
}


int
main(void)
{
    test_planted();
    test_kept();
    test_bounds();

    return unit_done();
}
