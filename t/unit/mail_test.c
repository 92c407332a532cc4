
/*
 * Mails: what is written, what is refused, and what a mail server sees of it.
 *
 * sources: src/io/ngx_leadgen_mail.c src/io/ngx_leadgen_message.c
 * sources: src/base/ngx_leadgen_text.c
 * libraries: -lcurl -lcrypto -lpthread
 */


#include "unit.h"
#include "ngx_leadgen_io.h"
#include "ngx_leadgen_message.h"
#include <pthread.h>
#include <sys/socket.h>


static ngx_leadgen_message_t
message(void)
{
    ngx_leadgen_message_t  m;

    m.from = unit_str("leadgen@example.com");
    m.to = unit_str("ann@example.org");
    m.subject = unit_str("Hello");
    m.text = unit_str("Dear Ann\n");
    m.id = unit_str("0b3e1f4e-0000-4000-8000-000000000001");
    m.date = 1795405461;

    return m;
}


static ngx_str_t
written(const ngx_leadgen_message_t *m)
{
    size_t     size;
    ngx_str_t  out;

    static u_char  *last;

    free(last);
    size = ngx_leadgen_message_size(m);
    last = malloc(size);

    out.data = last;
    out.len = ngx_leadgen_message_write(last, m) - last;

    return out;
}


/* The lines between a header's name and a text that comes later. */

static ngx_str_t
part(const ngx_leadgen_message_t *m, const char *begin, const char *end)
{
    u_char     *p, *q;
    ngx_str_t   out, got;

    out = written(m);
    ngx_str_null(&got);

    p = memmem(out.data, out.len, begin, strlen(begin));

    if (p) {
        p += strlen(begin);
        q = *end ? memmem(p, out.data + out.len - p, end, strlen(end))
                 : out.data + out.len;

        if (q) {
            got.data = p;
            got.len = q - p;
        }
    }

    return got;
}


static void
test_written(void)
{
    size_t                 i;
    ngx_str_t              out;
    ngx_uint_t             longest, len;
    ngx_leadgen_message_t  m;

    static u_char  body[NGX_LEADGEN_MAIL_TEXT_MAX];

    m = message();

    is_str(written(&m),
           "Date: Mon, 23 Nov 2026 03:44:21 +0000\r\n"
           "Message-ID: <0b3e1f4e-0000-4000-8000-000000000001@example.com>\r\n"
           "From: leadgen@example.com\r\n"
           "To: ann@example.org\r\n"
           "Subject: Hello\r\n"
           "Auto-Submitted: auto-generated\r\n"
           "MIME-Version: 1.0\r\n"
           "Content-Type: text/plain; charset=utf-8\r\n"
           "Content-Transfer-Encoding: 7bit\r\n"
           "\r\n"
           "Dear Ann\r\n", "plain ASCII stays as it is");

    m.text = unit_str("a\n\n.\nb");
    is_str(part(&m, "\r\n\r\n", ""), "a\r\n\r\n.\r\nb\r\n",
           "lines end in CRLF, the last one too");

    m.text = unit_str("");
    is_str(part(&m, "\r\n\r\n", ""), "", "an empty text");

    m.text = unit_str("Zo\xc3\xab\n");
    is_str(part(&m, "Encoding: ", ""), "base64\r\n\r\nWm/Dqw0K\r\n",
           "other text becomes base64");

    memset(body, 'x', 54);
    memcpy(body + 54, "\xc3\xab\n!", 4);
    m.text.data = body;
    m.text.len = 58;
    is_str(part(&m, "\r\n\r\n", ""),
           "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
           "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4w6sN\r\nCiE=\r\n",
           "a CRLF may stand in two lines");

    memset(body, 'x', sizeof(body));
    m.text.data = body;
    m.text.len = 998;
    ok(part(&m, "Encoding: ", "\r\n").len == 4, "998 bytes make a line");
    m.text.len = 999;
    ok(part(&m, "Encoding: ", "\r\n").len == 6, "999 do not");

    /* the most there can be fits into what was asked for */

    memset(body, '\n', sizeof(body));
    body[0] = 0xc3;
    body[1] = 0xab;
    m.text.len = sizeof(body);
    out = written(&m);
    ok(out.len <= ngx_leadgen_message_size(&m), "the largest text fits");

    longest = len = 0;

    for (i = 0; i < out.len; i++) {
        len = out.data[i] == '\n' ? 0 : len + 1;
        longest = ngx_max(longest, len);
    }

    is_int(longest, 77, "in lines of 76 characters and a CR");
}


static void
test_subject(void)
{
    ngx_leadgen_message_t  m;

    m = message();

    m.subject = unit_str("Gr\xc3\xbc\xc3\x9f" "e");
    is_str(part(&m, "Subject: ", "Auto"), "=?UTF-8?B?R3LDvMOfZQ==?=\r\n",
           "an encoded word");

    m.subject = unit_str("=?UTF-8?B?eA==?=");
    is_str(part(&m, "Subject: ", "Auto"),
           "=?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=\r\n",
           "what looks like one is no reader's");

    m.subject = unit_str("xx\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                         "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                         "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                         "\xe2\x82\xac");
    is_str(part(&m, "Subject: ", "Auto"),
           "=?UTF-8?B?eHjigqzigqzigqzigqzigqzigqzigqzigqzigqzigqzigqzigqw=?="
           "\r\n =?UTF-8?B?4oKs?=\r\n", "a word has whole characters");
}


static void
test_addresses(void)
{
    size_t     i;
    char       text[300];
    ngx_str_t  address;

    static const char  *good[] = {
        "a@b", "ann@example.com", "a.b+c_d'e-f%g!h/i=j@x-y.example",
        "leadgen@localhost", "zo\xc3\xab@b\xc3\xbc" "cher.example"
    };
    static const char  *bad[] = {
        "", "@", "a", "a@", "@b", "a@b@c", "a b@c", "a@b ", " a@b", "<a@b>",
        "a@b,c", "a@b;", "a:b@c", "\"a\"@b", "a\\@b", "a(b)@c", "a@[127.0.0.1]",
        "a@b\r\nBcc: c@d", "a@b\n", "a\r@b", "a@b\t", "a\x01@b", "a@b\x7f",
        "a\xff@b", "a\xc2\x85@b", "a\xe2\x80\xae@b"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        address.data = (u_char *) good[i];
        address.len = strlen(good[i]);
        ok(ngx_leadgen_mail_check_address(&address) == NULL, "\"%s\" is one",
           good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        address.data = (u_char *) bad[i];
        address.len = strlen(bad[i]);
        ok(ngx_leadgen_mail_check_address(&address) != NULL, "bad %d is none",
           (int) i);
    }

    memset(text, 'x', sizeof(text));
    text[64] = '@';
    address.data = (u_char *) text;
    address.len = 254;
    ok(ngx_leadgen_mail_check_address(&address) == NULL, "254 bytes are one");
    address.len = 255;
    ok(ngx_leadgen_mail_check_address(&address) != NULL, "255 are none");

    address = unit_str("a\0b@c");
    ok(ngx_leadgen_mail_check_address(&address) != NULL, "nor with a zero");
}


static void
test_injection(void)
{
    size_t                 i;
    ngx_leadgen_message_t  m;

    static u_char           large[NGX_LEADGEN_MAIL_TEXT_MAX + 1];
    static const ngx_str_t  bad[] = {
        ngx_string("x\r\nBcc: eve@example.com"), ngx_string("x\nBcc: e@x"),
        ngx_string("x\ry"), ngx_string("x\0y"), ngx_string("x\x1by"),
        ngx_string("\xff"), ngx_string("x\x7f")
    };

    m = message();
    ok(ngx_leadgen_message_check(&m) == NULL, "all is well");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        m = message();
        m.subject = bad[i];
        ok(ngx_leadgen_message_check(&m) != NULL, "not as a subject: %d",
           (int) i);

        m = message();
        m.id = bad[i];
        ok(ngx_leadgen_message_check(&m) != NULL, "nor as an id");

        m = message();
        m.from = bad[i];
        ok(ngx_leadgen_message_check(&m) != NULL, "nor as a sender");

        m = message();
        m.to = bad[i];
        ok(ngx_leadgen_message_check(&m) != NULL, "nor as a recipient");

        m = message();
        m.text = bad[i];
        is_int(ngx_leadgen_message_check(&m) == NULL, i == 1,
               "and in a text only lines and tabs");
    }

    memset(large, 'x', sizeof(large));
    m = message();
    m.text.data = large;
    m.text.len = sizeof(large);
    ok(ngx_leadgen_message_check(&m) != NULL, "a text too large");

    m = message();
    m.subject.data = large;
    m.subject.len = 256;
    ok(ngx_leadgen_message_check(&m) != NULL, "a subject too long");
    m.subject.len = 0;
    ok(ngx_leadgen_message_check(&m) != NULL, "or none");

    m = message();
    m.id = unit_str("a\x10\x0d");
    ok(ngx_leadgen_message_check(&m) != NULL, "an id of controls");
    m.id = unit_str("a>b");
    ok(ngx_leadgen_message_check(&m) != NULL, "an id that ends itself");
}


static void
test_urls(void)
{
    size_t     i;
    ngx_str_t  url;

    static const char  *good[] = {
        "smtp://127.0.0.1", "smtp://127.0.0.1:1025", "smtps://mail.example.com",
        "smtp://mail/", "smtp://ann:secret@mail:587", "SMTPS://[::1]:465",
        "smtps://ann%40example.com:s%2fe%3acret@mail"
    };
    static const char  *bad[] = {
        "", "mail", "mail:25", "//mail", "http://mail", "file:///etc/passwd",
        "smtp://", "smtp://:25", "smtp://mail:99999",
        "smtp://mail:x", "smtp://mail/path", "smtp://mail?x", "smtp://mail#x",
        "smtp://ann@mail", "smtp://:secret@mail", "smtp://ann:@mail",
        "smtp://ann:a%00b@mail", "smtp://ann:a%0ab@mail",
        "smtp://ann;AUTH=PLAIN:secret@mail", "smtp://ma il", "smtp://mail\n",
        "smtpx://mail"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        url.data = (u_char *) good[i];
        url.len = strlen(good[i]);
        ok(ngx_leadgen_mail_check_url(&url) == NULL, "%s is one", good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        url.data = (u_char *) bad[i];
        url.len = strlen(bad[i]);
        ok(ngx_leadgen_mail_check_url(&url) != NULL, "bad %d is none", (int) i);
    }

    url = unit_str("smtp://mail\0x");
    ok(ngx_leadgen_mail_check_url(&url) != NULL, "nor with a zero byte");
}


/* A mail server that serves one client with fixed replies. */

typedef struct {
    const char  *greeting;
    const char  *ehlo;
    const char  *rcpt;
    const char  *data;

    int          fd;
    char         url[64];
    pthread_t    thread;
    char         seen[8192];
    size_t       len;
} server_t;


static void
reply(int fd, const char *text)
{
    (void) !write(fd, text, strlen(text));
}


static void *
serve(void *arg)
{
    int        fd, in_data;
    FILE      *in;
    char       line[1024];
    server_t  *s = arg;

    fd = accept(s->fd, NULL, NULL);
    in = fdopen(fd, "r+");
    in_data = 0;

    reply(fd, s->greeting);

    while (fgets(line, sizeof(line), in)) {
        s->len += snprintf(s->seen + s->len, sizeof(s->seen) - s->len, "%s",
                           line);

        if (in_data) {
            if (strcmp(line, ".\r\n") == 0) {
                in_data = 0;
                reply(fd, s->data);
            }

        } else if (strncmp(line, "EHLO", 4) == 0) {
            reply(fd, s->ehlo);

        } else if (strncmp(line, "RCPT", 4) == 0) {
            reply(fd, s->rcpt);

        } else if (strncmp(line, "DATA", 4) == 0) {
            in_data = 1;
            reply(fd, "354 go on\r\n");

        } else if (strncmp(line, "QUIT", 4) == 0) {
            reply(fd, "221 bye\r\n");
            break;

        } else {
            reply(fd, "250 fine\r\n");
        }
    }

    (void) fclose(in);

    return NULL;
}


static void
start(server_t *s, const char *login)
{
    socklen_t           len;
    struct sockaddr_in  addr;

    ngx_memzero(&addr, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    len = sizeof(addr);
    (void) bind(s->fd, (struct sockaddr *) &addr, len);
    (void) listen(s->fd, 1);
    (void) getsockname(s->fd, (struct sockaddr *) &addr, &len);

    (void) snprintf(s->url, sizeof(s->url), "smtp://%s127.0.0.1:%d", login,
                    ntohs(addr.sin_port));
    (void) pthread_create(&s->thread, NULL, serve, s);
}


static void
finish(server_t *s)
{
    (void) pthread_join(s->thread, NULL);
    (void) close(s->fd);
}


static ngx_str_t
send_to(const char *url, ngx_leadgen_message_t m)
{
    ssize_t    n;
    ngx_str_t  args[NGX_LEADGEN_MAIL_NARGS], out;

    static u_char  answer[256];

    args[NGX_LEADGEN_MAIL_URL].data = (u_char *) url;
    args[NGX_LEADGEN_MAIL_URL].len = strlen(url);
    args[NGX_LEADGEN_MAIL_TIMEOUT] = unit_str("700");
    args[NGX_LEADGEN_MAIL_FROM] = m.from;
    args[NGX_LEADGEN_MAIL_TO] = m.to;
    args[NGX_LEADGEN_MAIL_SUBJECT] = m.subject;
    args[NGX_LEADGEN_MAIL_TEXT] = m.text;
    args[NGX_LEADGEN_MAIL_ID] = m.id;

    n = ngx_leadgen_mail_send(args, NGX_LEADGEN_MAIL_NARGS, answer,
                              sizeof(answer));
    out.data = answer;
    out.len = n < 0 ? 0 : n;

    return out;
}


static const server_t  kind = {
    "220 mail\r\n", "250 mail\r\n", "250 fine\r\n", "250 fine\r\n",
    -1, "", 0, "", 0
};


static void
test_sent(void)
{
    server_t               s = kind;
    ngx_leadgen_message_t  m;

    m = message();
    m.text = unit_str("a\n.\n..b\n");

    start(&s, "");
    is_str(send_to(s.url, m), "ok", "a mail is taken");
    finish(&s);

    ok(strstr(s.seen, "MAIL FROM:<leadgen@example.com>") != NULL, "its sender");
    ok(strstr(s.seen, "RCPT TO:<ann@example.org>\r\n") != NULL,
       "its recipient");
    ok(strstr(s.seen, "\r\n\r\na\r\n..\r\n...b\r\n.\r\n") != NULL,
       "its text, whose dots end nothing");
}


static void
test_not_sent(void)
{
    int       port;
    char      url[64];
    server_t  s;

    s = kind;
    s.rcpt = "550 no such ann\r\n";
    start(&s, "");
    is_str(send_to(s.url, message()),
           "Failed sending data to the peer (SMTP 550)",
           "a recipient is refused");
    finish(&s);

    s = kind;
    s.data = "451 later, secret\r\n";
    start(&s, "");
    is_str(send_to(s.url, message()), "Weird server reply (SMTP 451)",
           "a message is refused");
    finish(&s);

    s = kind;
    s.greeting = "";
    start(&s, "");
    is_str(send_to(s.url, message()), "Timeout was reached",
           "a server says nothing");
    finish(&s);

    s = kind;
    start(&s, "ann:secret@");
    is_str(send_to(s.url, message()), "Requested SSL level failed",
           "a password does not go out in clear text");
    finish(&s);
    ok(strstr(s.seen, "AUTH") == NULL, "not a bit of it");

    s = kind;
    s.ehlo = "250-mail\r\n250 AUTH PLAIN LOGIN\r\n";
    start(&s, "ann:secret@");
    is_str(send_to(s.url, message()), "Requested SSL level failed",
           "not to one who asks for it, either");
    finish(&s);
    ok(strstr(s.seen, "AUTH") == NULL, "not a bit of it");

    s = kind;
    start(&s, "");
    port = atoi(strrchr(s.url, ':') + 1);
    (void) send_to(s.url, message());
    finish(&s);
    (void) snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", port);
    is_str(send_to(url, message()), "Couldn't connect to server",
           "nobody listens");

    is_str(send_to("http://127.0.0.1:1/", message()), "Unsupported protocol",
           "no other protocol");
}


static void
test_refused(void)
{
    ngx_str_t              args[1];
    ngx_leadgen_message_t  m;

    m = message();
    m.to = unit_str("ann@example.org>\r\nRCPT TO:<eve@example.org");
    is_str(send_to("smtp://127.0.0.1:1", m),
           "the recipient is not an e-mail address", "before it connects");

    args[0] = unit_str("smtp://127.0.0.1:1");
    is_int(ngx_leadgen_mail_send(args, 1, NULL, 0), NGX_ERROR,
           "too few arguments");
}


int
main(void)
{
    (void) ngx_leadgen_mail_init(NULL);

    test_written();
    test_subject();
    test_addresses();
    test_injection();
    test_urls();
    test_sent();
    test_not_sent();
    test_refused();

    ngx_leadgen_mail_exit();

    return unit_done();
}
