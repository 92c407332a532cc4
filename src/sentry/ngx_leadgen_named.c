
/*
 * Names of secrets: a place in a text goes in, what stands there behind a name
 * like password comes out, however it is quoted or encoded.
 */


#include "ngx_leadgen_scrub.h"


static const u_char *ngx_leadgen_named_separator(const u_char *start,
    const u_char *name, const u_char *p, const u_char *last);
static const u_char *ngx_leadgen_named_value(const u_char *p,
    const u_char *last, ngx_uint_t whole_line);
static const u_char *ngx_leadgen_named_opened(const u_char *p,
    const u_char *last);
static ngx_uint_t ngx_leadgen_named_is_scheme(const u_char *word, size_t len);
static const u_char *ngx_leadgen_named_quoted(const u_char *p,
    const u_char *last, u_char quote, size_t escapes);
static const u_char *ngx_leadgen_named_nested(const u_char *p,
    const u_char *last);
static u_char ngx_leadgen_named_decode(const u_char *p, const u_char *last,
    size_t *len);
static ngx_uint_t ngx_leadgen_named_has(const u_char *name, size_t len,
    const char *part);
static ngx_uint_t ngx_leadgen_named_is(const u_char *name, size_t len,
    const char *whole);


/* Anywhere in a name. */

static const char  *ngx_leadgen_named_parts[] = {
    "passw", "passphrase", "passcode", "pwd", "secret", "token", "apikey",
    "api_key", "api-key", "authoriz", "authentic", "credential", "cookie",
    "session", "jwt", "csrf", "xsrf", "privatekey", "accesskey", "signature",
    "dsn", "card_number", "cardnumber", "conninfo"
};

/* The whole of it. */

static const char  *ngx_leadgen_named_wholes[] = {
    "pass", "auth", "key", "sig", "hmac", "otp", "pin", "tan", "cvv", "cvc",
    "cvv2", "ssn", "iban", "sid", "mac", "salt", "nonce", "state", "x-auth",
    "kdf", "seed", "mnemonic", "bearer", "pgpass", "redis_pass"
};

/* Headers whose value has blanks in it. */

static const char  *ngx_leadgen_named_lines[] = {
    "authoriz", "cookie", "signature", "x-auth"
};

static const char  *ngx_leadgen_named_schemes[] = {
    "bearer", "basic", "digest", "token", "negotiate", "apikey", "hawk"
};

#define NGX_LEADGEN_NAMED_COUNT(list)  (sizeof(list) / sizeof(list[0]))


ngx_uint_t
ngx_leadgen_named_find(const u_char *start, const u_char *p,
    const u_char *last, ngx_leadgen_scrub_found_t *found)
{
    size_t         len;
    ngx_uint_t     i, whole_line;
    const u_char  *q, *value;

    for (q = p; q < last && ngx_leadgen_scrub_is_word(*q); q++) { /* void */ }

    len = q - p;

    if (len < 3) {
        return 0;
    }

    /* "Bearer x", wherever it stands */

    if (ngx_leadgen_named_is_scheme(p, len) && q < last && *q == ' ') {

        for (value = q; value < last && *value == ' '; value++) { /* void */ }

        if (last - value >= 6) {
            found->kept = value - p;
            found->len = ngx_leadgen_named_value(value, last,
                                 ngx_leadgen_named_is(p, len, "digest"))
                         - value;

            return found->len != 0;
        }
    }

    if (!ngx_leadgen_named_is_secret(p, len)) {
        return 0;
    }

    value = ngx_leadgen_named_separator(start, p, q, last);

    if (value == NULL) {
        return 0;
    }

    whole_line = 0;

    for (i = 0; i < NGX_LEADGEN_NAMED_COUNT(ngx_leadgen_named_lines); i++) {
        whole_line |= ngx_leadgen_named_has(p, len,
                                            ngx_leadgen_named_lines[i]);
    }

    found->kept = value - p;
    found->len = ngx_leadgen_named_value(value, last, whole_line) - value;

    return found->len != 0;
}


ngx_uint_t
ngx_leadgen_named_is_secret(const u_char *name, size_t len)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_NAMED_COUNT(ngx_leadgen_named_parts); i++) {
        if (ngx_leadgen_named_has(name, len, ngx_leadgen_named_parts[i])) {
            return 1;
        }
    }

    for (i = 0; i < NGX_LEADGEN_NAMED_COUNT(ngx_leadgen_named_wholes); i++) {
        if (ngx_leadgen_named_is(name, len, ngx_leadgen_named_wholes[i])) {
            return 1;
        }
    }

    /* signing_key, x-some-key, encryptionKey */

    return len > 4
           && (ngx_strncasecmp((u_char *) name + len - 4, (u_char *) "_key", 4)
               == 0
               || ngx_strncasecmp((u_char *) name + len - 4,
                                  (u_char *) "-key", 4) == 0
               || ngx_strncmp(name + len - 3, "Key", 3) == 0);
}


/*
 * What stands between a name and its value: =, :, =>, ) = (, "): ", a tag's >,
 * "is", or the blank behind an option.  NULL: something else.
 */

static const u_char *
ngx_leadgen_named_separator(const u_char *start, const u_char *name,
    const u_char *p, const u_char *last)
{
    u_char         c;
    size_t         len;
    ngx_uint_t     separated;
    const u_char  *q, *blank;

    if (p < last && *p == '>' && name > start && name[-1] == '<') {
        return p + 1;
    }

    separated = 0;
    blank = NULL;

    for (q = p; q < last && q - p < 16; q += len) {

        c = ngx_leadgen_named_decode(q, last, &len);

        if (c == '=' || c == ':') {
            separated = 1;
            continue;
        }

        if (separated && c == '>') {
            continue;
        }

        if (c == ' ' || c == '\t') {
            blank = q;
            continue;
        }

        /* the value begins with its quotes */

        if (separated) {
            break;
        }

        if (c != '"' && c != '\'' && c != '\\' && c != ')' && c != ']') {
            break;
        }

        if (blank) {
            return c == '"' || c == '\'' ? q : NULL;
        }
    }

    if (separated) {
        return q;
    }

    if (blank == NULL || q >= last) {
        return NULL;
    }

    if (name > start && name[-1] == '-') {
        return q;
    }

    if (last - q > 4 && ngx_strncasecmp((u_char *) q, (u_char *) "is ", 3) == 0)
    {
        return q + 3;
    }

    /* an option begins with the dashes that words have, too */

    return *name == '-' ? q : NULL;
}


/* The end of a value; of "token: Bearer x" the second word is the secret. */

static const u_char *
ngx_leadgen_named_value(const u_char *p, const u_char *last,
    ngx_uint_t whole_line)
{
    const u_char  *q;

    q = ngx_leadgen_named_opened(p, last);

    while (q == NULL) {

        for (q = p; q < last; q++) {

            if (*q == '\n' || *q == '\r'
                || (!whole_line
                    && (*q == '"' || *q == '<' || *q == '&'
                        || ngx_leadgen_scrub_is_space(*q))))
            {
                break;
            }
        }

        if (q < last && *q == ' ' && ngx_leadgen_named_is_scheme(p, q - p)) {
            p = q + 1;
            q = NULL;
        }
    }

    return q;
}


/* The end of a value that begins with a quote or bracket; NULL: none does. */

static const u_char *
ngx_leadgen_named_opened(const u_char *p, const u_char *last)
{
    u_char  c;
    size_t  len, escapes;

    for (escapes = 0; p < last; p += len) {

        c = ngx_leadgen_named_decode(p, last, &len);

        if (c == '\\') {
            escapes++;
            continue;
        }

        if ((c == '"' || c == '\'' || c == '`') && len == 1) {
            return ngx_leadgen_named_quoted(p + 1, last, c, escapes);
        }

        if ((c == '[' || c == '{') && escapes == 0) {
            return ngx_leadgen_named_nested(p, last);
        }

        return NULL;
    }

    return NULL;
}


static ngx_uint_t
ngx_leadgen_named_is_scheme(const u_char *word, size_t len)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_NAMED_COUNT(ngx_leadgen_named_schemes); i++) {
        if (ngx_leadgen_named_is(word, len, ngx_leadgen_named_schemes[i])) {
            return 1;
        }
    }

    return 0;
}


/* A quote with more backslashes before it than the first had is the value's. */

static const u_char *
ngx_leadgen_named_quoted(const u_char *p, const u_char *last, u_char quote,
    size_t escapes)
{
    size_t  n;

    for (n = 0; p < last; p++) {

        if (*p == '\\') {
            n++;
            continue;
        }

        if (*p == quote && (n <= escapes && (n == escapes || n % 2 == 0))) {
            return p + 1;
        }

        n = 0;
    }

    return last;
}


static const u_char *
ngx_leadgen_named_nested(const u_char *p, const u_char *last)
{
    ngx_uint_t  depth;

    for (depth = 0; p < last; p++) {

        if (*p == '[' || *p == '{') {
            depth++;

        } else if ((*p == ']' || *p == '}') && --depth == 0) {
            return p + 1;
        }
    }

    return last;
}


/* One byte, which may be percent-encoded; len is how long it stands there. */

static u_char
ngx_leadgen_named_decode(const u_char *p, const u_char *last, size_t *len)
{
    ngx_int_t  c;

    *len = 1;

    if (*p != '%' || last - p < 3) {
        return *p;
    }

    c = ngx_hextoi((u_char *) p + 1, 2);

    if (c == '"' || c == '\'' || c == ':' || c == '=' || c == ' ') {
        *len = 3;
        return (u_char) c;
    }

    return *p;
}


static ngx_uint_t
ngx_leadgen_named_has(const u_char *name, size_t len, const char *part)
{
    size_t  i, n;

    n = ngx_strlen(part);

    for (i = 0; i + n <= len; i++) {
        if (ngx_strncasecmp((u_char *) name + i, (u_char *) part, n) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_leadgen_named_is(const u_char *name, size_t len, const char *whole)
{
    /* options: --key */

    while (len && *name == '-') {
        name++;
        len--;
    }

    return len == ngx_strlen(whole)
           && ngx_strncasecmp((u_char *) name, (u_char *) whole, len) == 0;
}
