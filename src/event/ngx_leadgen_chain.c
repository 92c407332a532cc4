
/*
 * The chain over the audit log: what a row says and the seal before enter, the
 * row's digest and its seal leave.
 */


#include "ngx_leadgen_event.h"
#include <openssl/hmac.h>
#include <openssl/sha.h>


ngx_int_t
ngx_leadgen_chain_digest(const ngx_str_t *canon,
    u_char digest[NGX_LEADGEN_CHAIN_TEXT])
{
    u_char  hash[SHA256_DIGEST_LENGTH];

    if (SHA256(canon->data, canon->len, hash) == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(digest, hash, sizeof(hash));

    return NGX_OK;
}


/* Digits and dots: no two sets of parts read the same. */

ngx_int_t
ngx_leadgen_chain_seal(const u_char key[NGX_LEADGEN_CHAIN_KEY],
    const ngx_leadgen_chain_part_t *part, u_char mac[NGX_LEADGEN_CHAIN_TEXT])
{
    u_char        text[2 * NGX_LEADGEN_CHAIN_TEXT + NGX_LEADGEN_UUID_TEXT
                       + NGX_INT64_LEN + 3];
    u_char        hash[SHA256_DIGEST_LENGTH], *p;
    unsigned int  len;

    if (part->previous.len > NGX_LEADGEN_CHAIN_TEXT
        || part->id.len != NGX_LEADGEN_UUID_TEXT
        || part->digest.len != NGX_LEADGEN_CHAIN_TEXT)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text, "%V.%uL.%V.%V", &part->previous, part->sequence,
                    &part->id, &part->digest);

    if (HMAC(EVP_sha256(), key, NGX_LEADGEN_CHAIN_KEY, text, p - text, hash,
             &len) == NULL)
    {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(mac, hash, sizeof(hash));

    return NGX_OK;
}
