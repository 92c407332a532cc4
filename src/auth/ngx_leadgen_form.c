
/*
 * Forms of texts: what was given as a secret goes in, whether it is a key
 * comes out, in whatever wrapping.
 *
 * Whoever knows a public key could sign tokens with it if it were taken for a
 * secret.  No parser says "this is no key" of all that programs write, so marks
 * are looked for that each form of a key has and that chance does not make:
 * words, object identifiers, headers; in the text, and in what it decodes to.
 */


#include "ngx_leadgen_keys.h"
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>


#define NGX_LEADGEN_FORM_DEPTH    3         /* wrappings in one another */
#define NGX_LEADGEN_FORM_SECRET   32        /* bytes */
#define NGX_LEADGEN_FORM_PRIMES   10000     /* no modulus has a factor below */
#define NGX_LEADGEN_FORM_POINT    133       /* bytes: of P-521, uncompressed */


#define ngx_leadgen_form_mark(text)  { sizeof(text) - 1, (u_char *) text }


static ngx_uint_t ngx_leadgen_form_look(const ngx_str_t *text,
    ngx_uint_t depth);
static ngx_uint_t ngx_leadgen_form_has_mark(const ngx_str_t *text);
static ngx_uint_t ngx_leadgen_form_is_markup(const ngx_str_t *text);
static ngx_uint_t ngx_leadgen_form_is_pgp(const ngx_str_t *text);
static ngx_uint_t ngx_leadgen_form_is_point(const ngx_str_t *text,
    ngx_uint_t compressed);
static ngx_uint_t ngx_leadgen_form_is_modulus(const ngx_str_t *text);


static const ngx_str_t  ngx_leadgen_form_marks[] = {

    /* armour, and what programs print */

    ngx_leadgen_form_mark("BEGIN"),
    ngx_leadgen_form_mark("CERTIFICATE"),
    ngx_leadgen_form_mark("PUBLIC KEY"),
    ngx_leadgen_form_mark("PRIVATE KEY"),
    ngx_leadgen_form_mark("Public-Key:"),
    ngx_leadgen_form_mark("Private-Key:"),
    ngx_leadgen_form_mark("PuTTY-User-Key"),
    ngx_leadgen_form_mark("Modulus"),
    ngx_leadgen_form_mark("modulus"),
    ngx_leadgen_form_mark("xponent"),
    ngx_leadgen_form_mark("KeyValue"),
    ngx_leadgen_form_mark("kty\""),
    ngx_leadgen_form_mark("kty'"),
    ngx_leadgen_form_mark("kty:"),
    ngx_leadgen_form_mark("kty%"),

    /* SSH, as text and as bytes */

    ngx_leadgen_form_mark("ssh-rsa"),
    ngx_leadgen_form_mark("ssh-dss"),
    ngx_leadgen_form_mark("ssh-ed25519"),
    ngx_leadgen_form_mark("ssh-ed448"),
    ngx_leadgen_form_mark("ecdsa-sha2-"),
    ngx_leadgen_form_mark("openssh-key-v1"),

    /* ASN.1: identifiers of RSA and PKCS, EC, DSA, and Ed25519; bare numbers */

    ngx_leadgen_form_mark("\x2a\x86\x48\x86\xf7\x0d\x01"),
    ngx_leadgen_form_mark("\x2a\x86\x48\xce\x3d"),
    ngx_leadgen_form_mark("\x2a\x86\x48\xce\x38"),
    ngx_leadgen_form_mark("\x06\x05\x2b\x81\x04\x00"),
    ngx_leadgen_form_mark("\x06\x03\x2b\x65"),
    ngx_leadgen_form_mark("\x2b\x06\x01\x04\x01\xda\x47\x0f"),
    ngx_leadgen_form_mark("\x02\x81\x81\x00"),
    ngx_leadgen_form_mark("\x02\x82\x01\x01\x00"),
    ngx_leadgen_form_mark("\x02\x82\x01\x81\x00"),
    ngx_leadgen_form_mark("\x02\x82\x02\x01\x00"),
    ngx_leadgen_form_mark("\x02\x82\x04\x01\x00"),

    /* blobs of Windows, Java's key stores, COSE (RFC 9053) */

    ngx_leadgen_form_mark("\x06\x02\x00\x00\x00\xa4\x00\x00"),
    ngx_leadgen_form_mark("\x06\x02\x00\x00\x00\x24\x00\x00"),
    ngx_leadgen_form_mark("RSA1\0"),
    ngx_leadgen_form_mark("ECS1 \0\0\0"),
    ngx_leadgen_form_mark("\xfe\xed\xfe\xed\0\0\0"),
    ngx_leadgen_form_mark("\x20\x01\x21\x58\x20"),
    ngx_leadgen_form_mark("\x20\x06\x21\x58\x20"),
    ngx_leadgen_form_mark("\x20\x59\x01\x00")
};


ngx_uint_t
ngx_leadgen_form_is_key(const ngx_str_t *text)
{
    ngx_uint_t  is_key;

    ERR_clear_error();
    is_key = ngx_leadgen_form_look(text, NGX_LEADGEN_FORM_DEPTH);
    ERR_clear_error();

    return is_key;
}


ngx_uint_t
ngx_leadgen_form_is_secret(const ngx_str_t *text)
{
    ngx_str_t   bytes;
    ngx_uint_t  is_secret;

    bytes.data = ngx_alloc(text->len + 1, ngx_cycle->log);
    if (bytes.data == NULL) {
        return 0;
    }

    ERR_clear_error();

    is_secret = ngx_leadgen_unwrap_plain(&bytes, text) == NGX_OK
                && bytes.len >= NGX_LEADGEN_FORM_SECRET
                && !ngx_leadgen_form_is_point(&bytes, 1)
                && !ngx_leadgen_form_is_modulus(&bytes);

    ERR_clear_error();
    ngx_explicit_memzero(bytes.data, text->len + 1);
    ngx_free(bytes.data);

    return is_secret;
}


/* Without memory nothing was looked at, so that it counts as a key. */

static ngx_uint_t
ngx_leadgen_form_look(const ngx_str_t *text, ngx_uint_t depth)
{
    ngx_str_t   decoded;
    ngx_uint_t  i, found;

    if (ngx_leadgen_form_has_mark(text)
        || ngx_leadgen_form_is_markup(text)
        || ngx_leadgen_form_is_pgp(text)
        || ngx_leadgen_form_is_point(text, 0))
    {
        return 1;
    }

    if (depth == 0) {
        return 0;
    }

    decoded.data = ngx_alloc(text->len + 1, ngx_cycle->log);
    if (decoded.data == NULL) {
        return 1;
    }

    found = 0;

    for (i = 0; !found && ngx_leadgen_unwraps[i]; i++) {
        ngx_leadgen_unwraps[i](&decoded, text);

        found = decoded.len >= NGX_LEADGEN_FORM_SECRET
                && ngx_leadgen_form_look(&decoded, depth - 1);
    }

    ngx_explicit_memzero(decoded.data, text->len + 1);
    ngx_free(decoded.data);

    return found;
}


/* --- marks --- */

static ngx_uint_t
ngx_leadgen_form_has_mark(const ngx_str_t *text)
{
    size_t            i;
    const ngx_str_t  *mark;

    mark = ngx_leadgen_form_marks;

    for (i = 0; i < sizeof(ngx_leadgen_form_marks) / sizeof(ngx_str_t); i++) {
        if (memmem(text->data, text->len, mark[i].data, mark[i].len)) {
            return 1;
        }
    }

    return 0;
}


/* JSON or XML, perhaps behind a byte order mark; random bytes are no text. */

static ngx_uint_t
ngx_leadgen_form_is_markup(const ngx_str_t *text)
{
    u_char  *p, *q, *last;

    p = text->data;
    last = p + text->len;

    if (text->len > 3 && ngx_memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    while (p < last && *p != '\0' && ngx_strchr(" \t\r\n'\"(", *p)) {
        p++;
    }

    if (p == last || (*p != '{' && *p != '[' && *p != '<')) {
        return 0;
    }

    for (q = p; q < last; q++) {
        if ((*q < 0x20 && *q != '\t' && *q != '\r' && *q != '\n')
            || *q >= 0x7f)
        {
            return 0;
        }
    }

    return 1;
}


/* OpenPGP's packet of an RSA or DSA key (RFC 4880); others have identifiers. */

static ngx_uint_t
ngx_leadgen_form_is_pgp(const ngx_str_t *text)
{
    u_char      *p;
    ngx_uint_t   bits;

    p = text->data;

    if (text->len < NGX_LEADGEN_FORM_SECRET
        || p[0] == '\0' || strchr("\x94\x95\x98\x99\xc5\xc6", p[0]) == NULL)
    {
        return 0;
    }

    /* the tag, one or two bytes of length, the version, four of time */

    p += p[0] == 0x94 || p[0] == 0x98 || (p[0] >= 0xc5 && p[1] < 192) ? 2 : 3;
    bits = p[6] << 8 | p[7];

    return p[0] == 4
           && (p[5] == 1 || p[5] == 2 || p[5] == 3 || p[5] == 17)
           && bits >= 512 && bits <= 8192;
}


/*
 * A point of a curve, or its two coordinates.  Compressed ones are told from
 * chance less well: of 256 secrets of such a length two look like one.
 */

static ngx_uint_t
ngx_leadgen_form_is_point(const ngx_str_t *text, ngx_uint_t compressed)
{
    u_char      bytes[NGX_LEADGEN_FORM_POINT];
    size_t      i, len;
    EC_GROUP   *group;
    EC_POINT   *point;
    ngx_uint_t  is_point;

    static const struct {
        int     curve;
        size_t  size;                       /* of a coordinate, bytes */
    } curves[] = {
        { NID_X9_62_prime256v1, 32 }, { NID_secp256k1, 32 },
        { NID_secp384r1, 48 }, { NID_secp521r1, 66 }
    };

    len = text->len;
    is_point = 0;

    for (i = 0; !is_point && i < sizeof(curves) / sizeof(curves[0]); i++) {

        if (len == 2 * curves[i].size) {
            bytes[0] = 0x04;
            ngx_memcpy(bytes + 1, text->data, len);

        } else if (len == 2 * curves[i].size + 1
                   || (len == curves[i].size + 1 && compressed))
        {
            ngx_memcpy(bytes, text->data, len);

        } else {
            continue;
        }

        group = EC_GROUP_new_by_curve_name(curves[i].curve);
        point = group ? EC_POINT_new(group) : NULL;

        is_point = point == NULL
                   || EC_POINT_oct2point(group, point, bytes, len | 1, NULL)
                      == 1;

        EC_POINT_free(point);
        EC_GROUP_free(group);
    }

    ngx_explicit_memzero(bytes, sizeof(bytes));

    return is_point;
}


/* A number of a usual length that no small one divides; one secret in 40 is. */

static ngx_uint_t
ngx_leadgen_form_is_modulus(const ngx_str_t *text)
{
    BIGNUM      *number;
    ngx_uint_t   is_modulus;
    BN_ULONG     factor;

    number = BN_bin2bn(text->data, text->len, NULL);
    if (number == NULL) {
        return 1;
    }

    is_modulus = BN_num_bits(number) >= 1024 && BN_num_bits(number) % 512 == 0
                 && BN_is_odd(number);

    for (factor = 3; is_modulus && factor < NGX_LEADGEN_FORM_PRIMES;
         factor += 2)
    {
        is_modulus = BN_mod_word(number, factor) != 0;
    }

    BN_clear_free(number);

    return is_modulus;
}
