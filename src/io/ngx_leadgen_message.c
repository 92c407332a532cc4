
/*
 * Mails as text: addresses, a subject and plain text go in, an RFC 5322 message
 * comes out, or what is wrong with them.
 */


#include "ngx_leadgen_message.h"
#include "ngx_leadgen_base.h"
#include "ngx_leadgen_io.h"
#include <openssl/evp.h>


#define NGX_LEADGEN_MESSAGE_ADDRESS  254    /* bytes, RFC 5321 with erratum */
#define NGX_LEADGEN_MESSAGE_LOCAL    64
#define NGX_LEADGEN_MESSAGE_SUBJECT  255
#define NGX_LEADGEN_MESSAGE_ID       64
#define NGX_LEADGEN_MESSAGE_LINE     998    /* RFC 5322, without CRLF */

/* bytes that make a line of base64, and an encoded word behind "Subject: " */
#define NGX_LEADGEN_MESSAGE_BASE64   57
#define NGX_LEADGEN_MESSAGE_WORD     39


static ngx_uint_t ngx_leadgen_message_is_line(const ngx_str_t *text);
static ngx_uint_t ngx_leadgen_message_is_id(const ngx_str_t *id);
static ngx_uint_t ngx_leadgen_message_is_text(const ngx_str_t *text);
static ngx_uint_t ngx_leadgen_message_is_ascii(const ngx_str_t *text);
static ngx_uint_t ngx_leadgen_message_fits(const ngx_str_t *text);
static u_char *ngx_leadgen_message_date(u_char *p, time_t date);
static u_char *ngx_leadgen_message_subject(u_char *p,
    const ngx_str_t *subject);
static u_char *ngx_leadgen_message_lines(u_char *p, const ngx_str_t *text);
static u_char *ngx_leadgen_message_base64(u_char *p, const ngx_str_t *text);


const char *
ngx_leadgen_message_check(const ngx_leadgen_message_t *message)
{
    if (ngx_leadgen_message_check_address(&message->from)) {
        return "the sender is not an e-mail address";
    }

    if (ngx_leadgen_message_check_address(&message->to)) {
        return "the recipient is not an e-mail address";
    }

    if (message->subject.len == 0
        || message->subject.len > NGX_LEADGEN_MESSAGE_SUBJECT
        || !ngx_leadgen_message_is_line(&message->subject))
    {
        return "the subject is not one line of text";
    }

    if (!ngx_leadgen_message_is_id(&message->id)) {
        return "the id is not one";
    }

    if (!ngx_leadgen_message_is_text(&message->text)) {
        return "the text is not plain text";
    }

    return NULL;
}


const char *
ngx_leadgen_message_check_address(const ngx_str_t *address)
{
    u_char  *at, *last, *p;

    last = address->data + address->len;
    at = ngx_strlchr(address->data, last, '@');

    if (at == NULL || ngx_strlchr(at + 1, last, '@')) {
        return "has not one @";
    }

    if (at == address->data
        || at + 1 == last
        || at - address->data > NGX_LEADGEN_MESSAGE_LOCAL
        || address->len > NGX_LEADGEN_MESSAGE_ADDRESS)
    {
        return "has a part that is empty or too long";
    }

    if (!ngx_leadgen_message_is_line(address)) {
        return "is not printable";
    }

    for (p = address->data; p < last; p++) {

        /* RFC 5322's specials: bare addresses have none but "." and "@" */

        if (ngx_strchr(" ()<>[]:;,\\\"", *p)) {
            return "has characters that an address has not";
        }
    }

    return NULL;
}


/* One line of at most 255 bytes that needs no making safe. */

static ngx_uint_t
ngx_leadgen_message_is_line(const ngx_str_t *text)
{
    size_t  len;
    u_char  safe[4 * NGX_LEADGEN_MESSAGE_SUBJECT];

    len = ngx_leadgen_text_sanitize(safe, text) - safe;

    return len == text->len;
}


static ngx_uint_t
ngx_leadgen_message_is_id(const ngx_str_t *id)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < id->len; i++) {
        c = id->data[i];

        if ((ngx_tolower(c) < 'a' || ngx_tolower(c) > 'z')
            && (c < '0' || c > '9') && c != '-')
        {
            return 0;
        }
    }

    return id->len > 0 && id->len <= NGX_LEADGEN_MESSAGE_ID;
}


static ngx_uint_t
ngx_leadgen_message_is_text(const ngx_str_t *text)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
            return 0;
        }
    }

    return text->len <= NGX_LEADGEN_MAIL_TEXT_MAX
           && ngx_leadgen_text_is_utf8(text);
}


static ngx_uint_t
ngx_leadgen_message_is_ascii(const ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] >= 0x80) {
            return 0;
        }
    }

    return 1;
}


/* Whether a mail can carry the text as it stands. */

static ngx_uint_t
ngx_leadgen_message_fits(const ngx_str_t *text)
{
    size_t  i, len;

    len = 0;

    for (i = 0; i < text->len; i++) {
        len = text->data[i] == '\n' ? 0 : len + 1;

        if (len > NGX_LEADGEN_MESSAGE_LINE) {
            return 0;
        }
    }

    return ngx_leadgen_message_is_ascii(text);
}


size_t
ngx_leadgen_message_size(const ngx_leadgen_message_t *message)
{
    return 1024 + 2 * message->from.len + message->to.len + message->id.len
           + 4 * message->subject.len + 3 * message->text.len;
}


u_char *
ngx_leadgen_message_write(u_char *dst, const ngx_leadgen_message_t *message)
{
    u_char      *p, *at;
    ngx_str_t    domain;
    ngx_uint_t   fits;

    at = ngx_strlchr(message->from.data,
                     message->from.data + message->from.len, '@');

    domain.data = at + 1;
    domain.len = message->from.data + message->from.len - domain.data;

    p = ngx_leadgen_message_date(dst, message->date);
    p = ngx_sprintf(p, "Message-ID: <%V@%V>" CRLF "From: %V" CRLF "To: %V" CRLF,
                    &message->id, &domain, &message->from, &message->to);
    p = ngx_leadgen_message_subject(p, &message->subject);

    fits = ngx_leadgen_message_fits(&message->text);

    p = ngx_sprintf(p, "Auto-Submitted: auto-generated" CRLF
                       "MIME-Version: 1.0" CRLF
                       "Content-Type: text/plain; charset=utf-8" CRLF
                       "Content-Transfer-Encoding: %s" CRLF CRLF,
                    fits ? "7bit" : "base64");

    return fits ? ngx_leadgen_message_lines(p, &message->text)
                : ngx_leadgen_message_base64(p, &message->text);
}


static u_char *
ngx_leadgen_message_date(u_char *p, time_t date)
{
    ngx_tm_t  tm;

    static const char  *days[] = {
        "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
    };
    static const char  *months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
    };

    ngx_gmtime(date, &tm);

    return ngx_sprintf(p, "Date: %s, %02d %s %4d %02d:%02d:%02d +0000" CRLF,
                       days[tm.ngx_tm_wday], tm.ngx_tm_mday,
                       months[tm.ngx_tm_mon - 1], tm.ngx_tm_year,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);
}


/* Encoded words (RFC 2047) of whole characters, one a line. */

static u_char *
ngx_leadgen_message_subject(u_char *p, const ngx_str_t *subject)
{
    size_t   n;
    u_char  *from, *last;

    from = subject->data;
    last = from + subject->len;

    p = ngx_cpymem(p, "Subject: ", sizeof("Subject: ") - 1);

    if (ngx_leadgen_message_is_ascii(subject)
        && memmem(from, subject->len, "=?", 2) == NULL)
    {
        p = ngx_cpymem(p, from, subject->len);
        return ngx_cpymem(p, CRLF, 2);
    }

    while (from < last) {
        n = ngx_min(NGX_LEADGEN_MESSAGE_WORD, last - from);

        while (from + n < last && (from[n] & 0xc0) == 0x80) {
            n--;
        }

        p = ngx_cpymem(p, "=?UTF-8?B?", sizeof("=?UTF-8?B?") - 1);
        p += EVP_EncodeBlock(p, from, (int) n);
        p = ngx_cpymem(p, "?=" CRLF, 4);

        from += n;

        if (from < last) {
            *p++ = ' ';
        }
    }

    return p;
}


static u_char *
ngx_leadgen_message_lines(u_char *p, const ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] == '\n') {
            *p++ = '\r';
        }

        *p++ = text->data[i];
    }

    if (text->len && text->data[text->len - 1] != '\n') {
        p = ngx_cpymem(p, CRLF, 2);
    }

    return p;
}


static u_char *
ngx_leadgen_message_base64(u_char *p, const ngx_str_t *text)
{
    size_t  i, n;
    u_char  line[NGX_LEADGEN_MESSAGE_BASE64 + 1];

    n = 0;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] == '\n') {
            line[n++] = '\r';
        }

        line[n++] = text->data[i];

        if (n < NGX_LEADGEN_MESSAGE_BASE64) {
            continue;
        }

        p += EVP_EncodeBlock(p, line, NGX_LEADGEN_MESSAGE_BASE64);
        p = ngx_cpymem(p, CRLF, 2);

        /* of a CRLF the second byte may be left */

        n -= NGX_LEADGEN_MESSAGE_BASE64;

        if (n) {
            line[0] = '\n';
        }
    }

    if (n) {
        p += EVP_EncodeBlock(p, line, (int) n);
        p = ngx_cpymem(p, CRLF, 2);
    }

    return p;
}
