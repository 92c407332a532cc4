
/*
 * RSA: a key goes in, whether its numbers are safe to use comes out.
 */


#include "ngx_leadgen_keys.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>


#define NGX_LEADGEN_RSA_MIN       2048      /* bits; RFC 7518, section 3.3 */
#define NGX_LEADGEN_RSA_MAX       4096
#define NGX_LEADGEN_RSA_EXPONENT  65537     /* FIPS 186-5, 5.4 */
#define NGX_LEADGEN_RSA_PRIME     167       /* the last that is looked at */


static ngx_uint_t ngx_leadgen_rsa_is_roca(const BIGNUM *modulus);
static ngx_uint_t ngx_leadgen_rsa_is_power(BN_ULONG number, BN_ULONG prime);


ngx_int_t
ngx_leadgen_rsa_check(ngx_conf_t *cf, EVP_PKEY *pkey)
{
    int          bits;
    BIGNUM      *modulus, *exponent;
    const char  *wrong;

    bits = EVP_PKEY_get_bits(pkey);

    if (bits < NGX_LEADGEN_RSA_MIN || bits > NGX_LEADGEN_RSA_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the RSA key has %d bits: RS256 needs %d to %d, "
                           "make one with \"openssl genrsa 3072\"", bits,
                           NGX_LEADGEN_RSA_MIN, NGX_LEADGEN_RSA_MAX);
        return NGX_ERROR;
    }

    modulus = NULL;
    exponent = NULL;
    wrong = NULL;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1
        || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1)
    {
        wrong = "can't be read";

    /* BN_get_word() of a larger one is all ones */

    } else if (!BN_is_odd(exponent)
               || BN_get_word(exponent) < NGX_LEADGEN_RSA_EXPONENT)
    {
        wrong = "has an exponent that is even, or less than 65537";

    } else if (ngx_leadgen_rsa_is_roca(modulus)) {
        wrong = "can be computed from its public part (CVE-2017-15361)";
    }

    BN_free(modulus);
    BN_free(exponent);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the RSA key %s: make another one with \"openssl "
                           "genrsa 3072\"", wrong);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Primes of the library in question are powers of 65537 by each small prime, so
 * their product is, too.  Of others one in 240 million is by all of these.
 */

static ngx_uint_t
ngx_leadgen_rsa_is_roca(const BIGNUM *modulus)
{
    BN_ULONG  prime;

    for (prime = 3; prime <= NGX_LEADGEN_RSA_PRIME; prime += 2) {
        if (!ngx_leadgen_rsa_is_power(BN_mod_word(modulus, prime), prime)) {
            return 0;
        }
    }

    return 1;
}


/* By an odd number that is no prime it may be or not: that tells nothing. */

static ngx_uint_t
ngx_leadgen_rsa_is_power(BN_ULONG number, BN_ULONG prime)
{
    BN_ULONG  i, power;

    for (i = 3; i < prime; i += 2) {
        if (prime % i == 0) {
            return 1;
        }
    }

    power = 1;

    for (i = 1; i < prime; i++) {

        if (power == number) {
            return 1;
        }

        power = power * NGX_LEADGEN_RSA_EXPONENT % prime;
    }

    return 0;
}
