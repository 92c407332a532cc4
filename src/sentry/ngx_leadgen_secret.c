
/*
 * Shapes of secrets: a place in a text goes in, whether a token, key, card
 * number or address begins there comes out.
 */


#include "ngx_leadgen_scrub.h"


#define NGX_LEADGEN_SECRET_URL    4096      /* bytes that are looked at */
#define NGX_LEADGEN_SECRET_EMAIL  320


typedef struct {
    const char                *prefix;
    size_t                     rest;        /* bytes at least behind it */
} ngx_leadgen_secret_prefix_t;


static size_t ngx_leadgen_secret_prefixed(const u_char *p,
    const u_char *last);
static size_t ngx_leadgen_secret_block(const u_char *p, const u_char *last);
static ngx_uint_t ngx_leadgen_secret_url(const u_char *p, const u_char *last,
    ngx_leadgen_scrub_found_t *found);
static size_t ngx_leadgen_secret_number(const u_char *p, const u_char *last);
static size_t ngx_leadgen_secret_random(const u_char *start, const u_char *p,
    const u_char *last);
static ngx_uint_t ngx_leadgen_secret_is_uuid(const u_char *p, size_t len);
static size_t ngx_leadgen_secret_iban(const u_char *p, const u_char *last);


/* What issuers begin theirs with, and hashes of passwords. */

static const ngx_leadgen_secret_prefix_t  ngx_leadgen_secret_prefixes[] = {
    { "eyJ", 12 },         { "AKIA", 12 },       { "ASIA", 12 },
    { "AIza", 20 },        { "ya29.", 10 },      { "ghp_", 16 },
    { "gho_", 16 },        { "ghu_", 16 },       { "ghs_", 16 },
    { "ghr_", 16 },        { "github_pat_", 16 }, { "glpat-", 12 },
    { "xoxb-", 8 },        { "xoxp-", 8 },       { "xoxa-", 8 },
    { "xoxr-", 8 },        { "xoxs-", 8 },       { "xapp-", 8 },
    { "sk_live_", 8 },     { "sk_test_", 8 },    { "rk_live_", 8 },
    { "rk_test_", 8 },     { "pk_live_", 8 },    { "pk_test_", 8 },
    { "sk-", 16 },         { "whsec_", 8 },      { "SG.", 16 },
    { "npm_", 16 },        { "pypi-", 16 },      { "hf_", 16 },
    { "dop_v1_", 16 },     { "shpat_", 16 },     { "sq0", 16 },
    { "EAAC", 16 },        { "hvs.", 12 },       { "AGE-SECRET-KEY-", 16 },
    { "$2a$", 20 },        { "$2b$", 20 },       { "$2y$", 20 },
    { "$y$", 20 },         { "$1$", 12 },        { "$5$", 16 },
    { "$6$", 16 },         { "$argon2", 16 },    { "$scrypt$", 16 },
    { "pbkdf2_", 16 },     { "{SSHA}", 12 },     { "SCRAM-SHA-256$", 12 }
};


ngx_uint_t
ngx_leadgen_secret_find(const u_char *start, const u_char *p,
    const u_char *last, ngx_leadgen_scrub_found_t *found)
{
    found->kept = 0;
    found->len = ngx_leadgen_secret_prefixed(p, last);

    if (found->len == 0 && *p == '-') {
        found->len = ngx_leadgen_secret_block(p, last);
    }

    if (found->len == 0 && ngx_leadgen_scrub_is_digit(*p)) {
        found->len = ngx_leadgen_secret_number(p, last);
    }

    if (found->len == 0 && *p >= 'A' && *p <= 'Z') {
        found->len = ngx_leadgen_secret_iban(p, last);
    }

    if (found->len == 0 && ngx_leadgen_secret_url(p, last, found)) {
        return 1;
    }

    if (found->len == 0) {
        found->len = ngx_leadgen_secret_random(start, p, last);
    }

    return found->len != 0;
}


static size_t
ngx_leadgen_secret_prefixed(const u_char *p, const u_char *last)
{
    size_t                              len;
    ngx_uint_t                          i;
    const u_char                       *q;
    const ngx_leadgen_secret_prefix_t  *row;

    for (i = 0; i < sizeof(ngx_leadgen_secret_prefixes)
                    / sizeof(ngx_leadgen_secret_prefixes[0]); i++)
    {
        row = &ngx_leadgen_secret_prefixes[i];
        len = ngx_strlen(row->prefix);

        if (*p != (u_char) row->prefix[0]
            || (size_t) (last - p) < len + row->rest
            || ngx_memcmp(p, row->prefix, len) != 0)
        {
            continue;
        }

        for (q = p; q < last; q++) {
            if (!ngx_leadgen_scrub_is_word(*q) && *q != '.' && *q != '$'
                && *q != '/' && *q != '+' && *q != '=' && *q != '{'
                && *q != '}' && (*q != ',' || *p != '$') && *q != ':')
            {
                break;
            }
        }

        if ((size_t) (q - p) >= len + row->rest) {
            return q - p;
        }
    }

    return 0;
}


/* A key in PEM, also where its lines are joined by \n in letters. */

static size_t
ngx_leadgen_secret_block(const u_char *p, const u_char *last)
{
    const u_char      *q;
    static const char  begin[] = "-----BEGIN ", end[] = "-----END ";

    if ((size_t) (last - p) < sizeof(begin) - 1
        || ngx_memcmp(p, begin, sizeof(begin) - 1) != 0)
    {
        return 0;
    }

    for (q = p + 11; q + sizeof(end) - 1 <= last; q++) {

        if (ngx_memcmp(q, end, sizeof(end) - 1) != 0) {
            continue;
        }

        for (q += sizeof(end) - 1; q + 5 <= last; q++) {
            if (ngx_memcmp(q, "-----", 5) == 0) {
                return q + 5 - p;
            }
        }
    }

    return last - p;
}


/* What stands between scheme:// and @. */

static ngx_uint_t
ngx_leadgen_secret_url(const u_char *p, const u_char *last,
    ngx_leadgen_scrub_found_t *found)
{
    const u_char  *q, *user, *at;

    for (q = p; q < last && (ngx_leadgen_scrub_is_word(*q) || *q == '+'
                             || *q == '.'); q++)
    { /* void */ }

    if (q == p || last - q < 4 || ngx_memcmp(q, "://", 3) != 0) {
        return 0;
    }

    user = q + 3;
    at = NULL;

    for (q = user; q < last && q - user < NGX_LEADGEN_SECRET_URL; q++) {

        if (ngx_leadgen_scrub_is_space(*q) || *q == '"' || *q == '\''
            || *q == '<' || *q == '>')
        {
            break;
        }

        if (*q == '@') {
            at = q;
        }
    }

    if (at == NULL || at == user) {
        return 0;
    }

    found->kept = user - p;
    found->len = at - user;

    return 1;
}


/* Card numbers, by their check digit, and social security numbers. */

static size_t
ngx_leadgen_secret_number(const u_char *p, const u_char *last)
{
    size_t         n;
    u_char         digits[19];
    ngx_uint_t     i, sum, d;
    const u_char  *q, *end;

    n = 0;
    end = p;

    for (q = p; q < last; q++) {

        if (ngx_leadgen_scrub_is_digit(*q)) {

            if (n == sizeof(digits)) {
                return 0;
            }

            digits[n++] = *q - '0';
            end = q + 1;
            continue;
        }

        if ((*q != ' ' && *q != '-' && *q != '.') || q == p
            || !ngx_leadgen_scrub_is_digit(q[-1]))
        {
            break;
        }
    }

    if (n == 9 && end - p == 11 && p[3] == '-' && p[6] == '-') {
        return 11;
    }

    if (n < 13) {
        return 0;
    }

    sum = 0;

    for (i = 0; i < n; i++) {
        d = digits[n - 1 - i];

        if (i & 1) {
            d = d > 4 ? 2 * d - 9 : 2 * d;
        }

        sum += d;
    }

    return sum % 10 == 0 ? (size_t) (end - p) : 0;
}


/* Two letters, two digits, and up to 30 of both, in groups or not. */

static size_t
ngx_leadgen_secret_iban(const u_char *p, const u_char *last)
{
    size_t         n, digits;
    const u_char  *q;

    if (last - p < 15 || p[1] < 'A' || p[1] > 'Z'
        || !ngx_leadgen_scrub_is_digit(p[2])
        || !ngx_leadgen_scrub_is_digit(p[3]))
    {
        return 0;
    }

    n = 0;
    digits = 0;

    for (q = p; q < last && n < 34; q++) {

        if (ngx_leadgen_scrub_is_digit(*q)) {
            digits++;

        } else if (*q == ' ' && n % 4 == 0 && q + 1 < last && q[1] != ' ') {
            continue;

        } else if (*q < 'A' || *q > 'Z') {
            break;
        }

        n++;
    }

    while (q < last && ngx_leadgen_scrub_is_word(*q)) {
        q++;
    }

    return n >= 15 && digits >= 8 ? (size_t) (q - p) : 0;
}


/*
 * What nobody would write: long words of letters and digits, with slashes as
 * base64 has them.  UUIDs, which name requests and things, are none.
 */

static size_t
ngx_leadgen_secret_random(const u_char *start, const u_char *p,
    const u_char *last)
{
    size_t         len, upper, lower, digit, other, slashes;
    ngx_uint_t     inside;
    const u_char  *q;

    upper = 0;
    lower = 0;
    digit = 0;
    other = 0;
    slashes = 0;
    inside = p > start && (p[-1] == '/' || p[-1] == '+');

    for (q = p; q < last; q++) {

        if (*q >= 'A' && *q <= 'Z') {
            upper++;

        } else if (*q >= 'a' && *q <= 'z') {
            lower++;

        } else if (ngx_leadgen_scrub_is_digit(*q)) {
            digit++;

        } else if (*q == '_' || *q == '-') {
            other++;

        } else if ((*q == '/' || *q == '+') && q > p && !inside) {
            slashes++;

        } else {
            break;
        }
    }

    len = q - p;

    while (q < last && *q == '=') {
        q++;
    }

    if (ngx_leadgen_secret_is_uuid(p, len)) {
        return 0;
    }

    if (slashes) {
        return len >= 32 && slashes <= len / 10 && digit && upper >= 5
               && lower >= 5 ? (size_t) (q - p) : 0;
    }

    if (len >= 20 && digit >= 2 && upper >= 2 && lower >= 2) {
        return q - p;
    }

    if (len >= 24 && digit >= 5 && upper + lower >= 5 && other < 3) {
        return q - p;
    }

    return len >= 32 && upper >= 8 && lower >= 4 && other < 4
           ? (size_t) (q - p) : 0;
}


static ngx_uint_t
ngx_leadgen_secret_is_uuid(const u_char *p, size_t len)
{
    u_char     id[NGX_LEADGEN_UUID_SIZE];
    ngx_str_t  text;

    text.data = (u_char *) p;
    text.len = NGX_LEADGEN_UUID_TEXT;

    return len >= text.len && ngx_leadgen_uuid_parse(&text, id) == NGX_OK
           && (len == text.len || p[text.len] == '/');
}


ngx_uint_t
ngx_leadgen_secret_email(const u_char *p, const u_char *last,
    ngx_leadgen_scrub_found_t *found)
{
    size_t         local;
    ngx_uint_t     dots;
    const u_char  *q;

    if (last - p > NGX_LEADGEN_SECRET_EMAIL) {
        last = p + NGX_LEADGEN_SECRET_EMAIL;
    }

    for (q = p; q < last; q++) {

        if (*q == '@'
            || (last - q > 3 && ngx_memcmp(q, "%40", 3) == 0))
        {
            break;
        }

        if (!ngx_leadgen_scrub_is_word(*q) && *q != '.' && *q != '+'
            && *q != '%')
        {
            return 0;
        }
    }

    local = q - p;

    if (q == last || local == 0) {
        return 0;
    }

    dots = 0;

    for (q += *q == '@' ? 1 : 3; q < last; q++) {

        if (*q == '.' && q + 1 < last && ngx_leadgen_scrub_is_word(q[1])) {
            dots++;

        } else if (!ngx_leadgen_scrub_is_word(*q)) {
            break;
        }
    }

    found->kept = 0;
    found->len = q - p;

    return dots != 0;
}
