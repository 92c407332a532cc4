
/*
 * Fingerprints: whose attempt it is and from where go in, the keys come out
 * under which the throttle remembers it.
 *
 * A key is a keyed hash of what it stands for, then network, aim and account
 * where they matter.
 */


#include "ngx_leadgen_zone.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>


#define NGX_LEADGEN_FINGERPRINT_ACCOUNT  1024   /* bytes of a name that count */
#define NGX_LEADGEN_FINGERPRINT_NETWORK  9      /* bytes: family and prefix */


static void ngx_leadgen_fingerprint_client(u_char *dst,
    const struct sockaddr *client);
static size_t ngx_leadgen_fingerprint_name(u_char *dst,
    const ngx_str_t *account);


ngx_int_t
ngx_leadgen_fingerprint(const u_char *secret, ngx_leadgen_throttle_aim_e aim,
    const ngx_str_t *account, const struct sockaddr *client, uint64_t *keys)
{
    u_char      text[2 + NGX_LEADGEN_FINGERPRINT_NETWORK
                     + NGX_LEADGEN_FINGERPRINT_ACCOUNT];
    u_char      hash[EVP_MAX_MD_SIZE], *network, *name;
    size_t      len;
    ngx_uint_t  kind;

    ngx_memzero(text, sizeof(text));
    text[1] = (u_char) aim;
    network = text + 2;
    name = network + NGX_LEADGEN_FINGERPRINT_NETWORK;
    len = ngx_leadgen_fingerprint_name(name, account);

    for (kind = 0; kind < NGX_LEADGEN_THROTTLE_NKINDS; kind++) {
        text[0] = (u_char) kind;
        ngx_memzero(network, NGX_LEADGEN_FINGERPRINT_NETWORK);

        if (kind != NGX_LEADGEN_THROTTLE_ACCOUNT) {
            ngx_leadgen_fingerprint_client(network, client);
        }

        if (kind == NGX_LEADGEN_THROTTLE_NETWORK) {
            text[1] = 0;
            len = 0;
        }

        if (HMAC(EVP_sha256(), secret, NGX_LEADGEN_ZONE_SECRET, text,
                 (size_t) (name - text) + len, hash, NULL)
            == NULL)
        {
            return NGX_ERROR;
        }

        ngx_memcpy(&keys[kind], hash, sizeof(uint64_t));
    }

    return NGX_OK;
}


/* An IPv4 address has one network, also where it comes as an IPv6 one. */

static void
ngx_leadgen_fingerprint_client(u_char *dst, const struct sockaddr *client)
{
    const u_char                *address;
    const struct sockaddr_in    *sin;
    const struct sockaddr_in6   *sin6;

    *dst++ = (u_char) client->sa_family;

    switch (client->sa_family) {

    case AF_INET:
        sin = (const struct sockaddr_in *) client;
        ngx_memcpy(dst, &sin->sin_addr, 3);
        break;

    case AF_INET6:
        sin6 = (const struct sockaddr_in6 *) client;
        address = sin6->sin6_addr.s6_addr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            dst[-1] = AF_INET;
            ngx_memcpy(dst, address + 12, 3);

        } else {
            ngx_memcpy(dst, address, 8);
        }

        break;

    default:
        break;
    }
}


static size_t
ngx_leadgen_fingerprint_name(u_char *dst, const ngx_str_t *account)
{
    ngx_str_t  name;

    name = *account;

    while (name.len && name.data[0] == ' ') {
        name.data++;
        name.len--;
    }

    while (name.len && name.data[name.len - 1] == ' ') {
        name.len--;
    }

    name.len = ngx_min(name.len, NGX_LEADGEN_FINGERPRINT_ACCOUNT);
    ngx_strlow(dst, name.data, name.len);

    return name.len;
}
