
/*
 * Signatures: a compact token goes in, its payload comes out if one of our keys
 * signed it; and the way back (RFC 7515, RFC 7518).
 */


#include "ngx_leadgen_keys.h"


#define NGX_LEADGEN_JWS_HEADER     1024     /* bytes, encoded */
#define NGX_LEADGEN_JWS_PAYLOAD    6144     /* bytes, decoded */
#define NGX_LEADGEN_JWS_SIGNATURE  683      /* bytes, encoded */


/* Of characters of base64url, with a bit above; 0: it is none. */

#define NGX_LEADGEN_JWS_LETTERS(first, value)                                 \
    [first + 0] = value + 0, [first + 1] = value + 1,                         \
    [first + 2] = value + 2, [first + 3] = value + 3,                         \
    [first + 4] = value + 4

static const u_char  ngx_leadgen_jws_values[256] = {
    NGX_LEADGEN_JWS_LETTERS('A', 64), NGX_LEADGEN_JWS_LETTERS('F', 69),
    NGX_LEADGEN_JWS_LETTERS('K', 74), NGX_LEADGEN_JWS_LETTERS('P', 79),
    NGX_LEADGEN_JWS_LETTERS('U', 84), ['Z'] = 89,
    NGX_LEADGEN_JWS_LETTERS('a', 90), NGX_LEADGEN_JWS_LETTERS('f', 95),
    NGX_LEADGEN_JWS_LETTERS('k', 100), NGX_LEADGEN_JWS_LETTERS('p', 105),
    NGX_LEADGEN_JWS_LETTERS('u', 110), ['z'] = 115,
    NGX_LEADGEN_JWS_LETTERS('0', 116), NGX_LEADGEN_JWS_LETTERS('5', 121),
    ['-'] = 126, ['_'] = 127
};


typedef struct {
    ngx_str_t  header;
    ngx_str_t  payload;
    ngx_str_t  signature;
    ngx_str_t  input;                       /* header "." payload */
} ngx_leadgen_jws_parts_t;


static ngx_int_t ngx_leadgen_jws_split(const ngx_str_t *token,
    ngx_leadgen_jws_parts_t *parts);
static ngx_int_t ngx_leadgen_jws_find(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *encoded, ngx_leadgen_jws_t *jws);
static void ngx_leadgen_jws_own(const ngx_array_t *keys,
    const ngx_str_t *encoded, ngx_leadgen_jws_t *jws);
static void ngx_leadgen_jws_signed(const ngx_leadgen_jws_parts_t *parts,
    ngx_leadgen_jws_t *jws);
static ngx_uint_t ngx_leadgen_jws_header_is_ours(json_t *header);
static u_char *ngx_leadgen_jws_encode(u_char *dst, const u_char *src,
    size_t len);
static ngx_int_t ngx_leadgen_jws_allocate(ngx_pool_t *pool, size_t len,
    ngx_str_t *text);


ngx_int_t
ngx_leadgen_jws_verify(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *token, ngx_leadgen_jws_t *jws)
{
    ngx_leadgen_jws_parts_t  parts;

    jws->nkeys = 0;
    jws->wrong = "form";

    if (ngx_leadgen_jws_split(token, &parts) != NGX_OK
        || ngx_leadgen_jws_find(pool, keys, &parts.header, jws) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (jws->nkeys == 0) {
        jws->wrong = "kid";
        return NGX_ERROR;
    }

    ngx_leadgen_jws_signed(&parts, jws);

    if (jws->nkeys == 0) {
        jws->wrong = "signature";
        return NGX_ERROR;
    }

    if (ngx_leadgen_jws_allocate(pool, parts.payload.len, &jws->payload)
        != NGX_OK
        || ngx_leadgen_jws_decode(&jws->payload, &parts.payload) != NGX_OK)
    {
        return NGX_ERROR;
    }

    jws->wrong = NULL;

    return NGX_OK;
}


/* Leaves the keys of which the signature is. */

static void
ngx_leadgen_jws_signed(const ngx_leadgen_jws_parts_t *parts,
    ngx_leadgen_jws_t *jws)
{
    u_char      bytes[NGX_LEADGEN_JWS_SIGNATURE];
    ngx_str_t   signature;
    ngx_uint_t  i, n;

    n = 0;
    signature.data = bytes;

    if (ngx_leadgen_jws_decode(&signature, &parts->signature) == NGX_OK) {

        for (i = 0; i < jws->nkeys; i++) {
            if (ngx_leadgen_signature_verify(jws->keys[i], &parts->input,
                                             &signature) == NGX_OK)
            {
                jws->keys[n++] = jws->keys[i];
            }
        }
    }

    jws->nkeys = n;
}


static ngx_int_t
ngx_leadgen_jws_split(const ngx_str_t *token, ngx_leadgen_jws_parts_t *parts)
{
    u_char  *first, *second, *last;

    if (token->len > NGX_LEADGEN_TOKEN_SIZE) {
        return NGX_ERROR;
    }

    last = token->data + token->len;

    first = ngx_strlchr(token->data, last, '.');
    if (first == NULL) {
        return NGX_ERROR;
    }

    second = ngx_strlchr(first + 1, last, '.');
    if (second == NULL || ngx_strlchr(second + 1, last, '.')) {
        return NGX_ERROR;
    }

    parts->header.data = token->data;
    parts->header.len = first - token->data;
    parts->payload.data = first + 1;
    parts->payload.len = second - first - 1;
    parts->signature.data = second + 1;
    parts->signature.len = last - second - 1;
    parts->input.data = token->data;
    parts->input.len = second - token->data;

    if (parts->header.len > NGX_LEADGEN_JWS_HEADER
        || parts->payload.len
           > ngx_base64_encoded_length(NGX_LEADGEN_JWS_PAYLOAD)
        || parts->signature.len > NGX_LEADGEN_JWS_SIGNATURE)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The header only points to keys: by kid, or, without one, as the only one of
 * its algorithm and issuer.  It never says how to verify.
 */

static ngx_int_t
ngx_leadgen_jws_find(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *encoded, ngx_leadgen_jws_t *jws)
{
    json_t     *header;
    ngx_str_t   text, alg, kid;

    ngx_leadgen_jws_own(keys, encoded, jws);

    if (jws->nkeys) {
        return NGX_OK;
    }

    if (ngx_leadgen_jws_allocate(pool, encoded->len, &text) != NGX_OK
        || ngx_leadgen_jws_decode(&text, encoded) != NGX_OK)
    {
        return NGX_ERROR;
    }

    header = ngx_leadgen_json_parse(pool, &text);

    if (header == NULL) {
        return NGX_ERROR;
    }

    if (!ngx_leadgen_jws_header_is_ours(header)) {
        jws->wrong = "type";
        return NGX_ERROR;
    }

    alg = ngx_leadgen_json_string(header, "alg");
    kid = ngx_leadgen_json_string(header, "kid");

    if (json_object_get(header, "kid") == NULL) {
        jws->nkeys = ngx_leadgen_keys_find(keys, &alg, NULL, jws->keys);

    } else if (kid.len) {
        jws->nkeys = ngx_leadgen_keys_find(keys, &alg, &kid, jws->keys);
    }

    return NGX_OK;
}


/* A header as one of our keys makes it need not be read. */

static void
ngx_leadgen_jws_own(const ngx_array_t *keys, const ngx_str_t *encoded,
    ngx_leadgen_jws_t *jws)
{
    ngx_uint_t                i;
    const ngx_leadgen_key_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts && jws->nkeys < NGX_LEADGEN_JWS_KEYS; i++) {

        if (key[i].kid.len
            && key[i].header.len == encoded->len
            && ngx_memcmp(key[i].header.data, encoded->data, encoded->len)
               == 0)
        {
            jws->keys[jws->nkeys++] = &key[i];
        }
    }
}


/*
 * What would change the meaning of a token is not ours: extensions that must
 * be understood, encryption, compression, other types of token.  Keys that a
 * token brings along, or tells where to find, are not looked at.
 */

static ngx_uint_t
ngx_leadgen_jws_header_is_ours(json_t *header)
{
    ngx_str_t   name;
    ngx_uint_t  i;

    static const char       *foreign[] = { "crit", "b64", "enc", "zip", "epk" };
    static const ngx_str_t   types[] = {
        ngx_string("jwt"), ngx_string("at+jwt"),
        ngx_string("application/at+jwt")
    };

    for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (json_object_get(header, foreign[i])) {
            return 0;
        }
    }

    if (json_object_get(header, "typ") == NULL) {
        return 1;
    }

    name = ngx_leadgen_json_string(header, "typ");

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {

        if (name.len == types[i].len
            && ngx_strncasecmp(name.data, types[i].data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_leadgen_jws_sign(ngx_pool_t *pool, const ngx_array_t *keys,
    const ngx_str_t *payload, ngx_str_t *token)
{
    u_char                   *p, signature[NGX_LEADGEN_SIGNATURE_MAX];
    ngx_str_t                 input;
    const ngx_leadgen_key_t  *key;

    key = ngx_leadgen_keys_signer(keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    if (ngx_leadgen_jws_allocate(pool,
                                 key->header.len
                                 + ngx_base64_encoded_length(payload->len)
                                 + ngx_base64_encoded_length(key->size)
                                 + 2, token)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_cpymem(token->data, key->header.data, key->header.len);
    *p++ = '.';
    p = ngx_leadgen_jws_encode(p, payload->data, payload->len);

    input.data = token->data;
    input.len = p - token->data;

    if (ngx_leadgen_signature_sign(key, &input, signature) != NGX_OK) {
        return NGX_ERROR;
    }

    *p++ = '.';
    p = ngx_leadgen_jws_encode(p, signature, key->size);
    token->len = p - token->data;

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_jws_decode(ngx_str_t *dst, const ngx_str_t *src)
{
    u_char      c, *d;
    uint32_t    bits;
    ngx_uint_t  i, nbits;

    if (src->len % 4 == 1) {
        return NGX_ERROR;
    }

    d = dst->data;
    bits = 0;
    nbits = 0;

    for (i = 0; i < src->len; i++) {
        c = ngx_leadgen_jws_values[src->data[i]];

        if (c == 0) {
            return NGX_ERROR;
        }

        bits = bits << 6 | (c & 63);
        nbits += 6;

        if (nbits >= 8) {
            nbits -= 8;
            *d++ = (u_char) (bits >> nbits);
        }
    }

    /* what is left over must be zero, or one value had several texts */

    if (bits & ((1u << nbits) - 1)) {
        return NGX_ERROR;
    }

    dst->len = d - dst->data;

    return NGX_OK;
}


static u_char *
ngx_leadgen_jws_encode(u_char *dst, const u_char *src, size_t len)
{
    ngx_str_t  from, to;

    from.data = (u_char *) src;
    from.len = len;
    to.data = dst;

    ngx_encode_base64url(&to, &from);

    return dst + to.len;
}


static ngx_int_t
ngx_leadgen_jws_allocate(ngx_pool_t *pool, size_t len, ngx_str_t *text)
{
    text->len = len;
    text->data = ngx_pnalloc(pool, len ? len : 1);

    return text->data ? NGX_OK : NGX_ERROR;
}
