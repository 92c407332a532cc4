
/*
 * Keys in PEM (RFC 7468): a text goes in, a public or a private key comes out.
 */


#include "ngx_leadgen_keys.h"
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>


static const char *ngx_leadgen_pem_is_not_ours(const ngx_str_t *text);
static ngx_uint_t ngx_leadgen_pem_count(const ngx_str_t *text,
    const char *part);
static EVP_PKEY *ngx_leadgen_pem_read(const ngx_str_t *text,
    ngx_uint_t is_private);
static int ngx_leadgen_pem_no_password(char *buf, int size, int is_writing,
    void *data);


ngx_int_t
ngx_leadgen_pem_add(ngx_conf_t *cf, ngx_array_t *keys,
    const ngx_leadgen_key_t *options, const ngx_str_t *text)
{
    EVP_PKEY           *pkey;
    ngx_int_t           rc;
    ngx_uint_t          is_private;
    const char         *wrong;
    ngx_leadgen_key_t   key;

    wrong = ngx_leadgen_pem_is_not_ours(text);
    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", wrong);
        return NGX_ERROR;
    }

    is_private = ngx_leadgen_pem_count(text, "PRIVATE KEY-----") != 0;

    pkey = ngx_leadgen_pem_read(text, is_private);
    if (pkey == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the PEM key is damaged, or of a type that is not "
                           "known: use RSA, EC (P-256) or Ed25519");
        return NGX_ERROR;
    }

    key = *options;
    rc = ngx_leadgen_key_pkey(cf, &key, pkey, is_private);

    EVP_PKEY_free(pkey);

    return rc == NGX_OK ? ngx_leadgen_keys_push(cf, keys, &key) : NGX_ERROR;
}


/* NULL, or a sentence that says what to do about the text. */

static const char *
ngx_leadgen_pem_is_not_ours(const ngx_str_t *text)
{
    if (ngx_leadgen_pem_count(text, "BEGIN ENCRYPTED")
        || ngx_leadgen_pem_count(text, "4,ENCRYPTED"))
    {
        return "the PEM key is encrypted: decrypt it with \"openssl pkey -in "
               "KEY -out DECRYPTED\" to a file that only root can read";
    }

    if (ngx_leadgen_pem_count(text, "CERTIFICATE-----")) {
        return "this is a certificate: take its key with \"openssl x509 "
               "-pubkey -noout -in CERTIFICATE\"";
    }

    /* at its begin and at its end */

    return ngx_leadgen_pem_count(text, " KEY-----") == 2 ? NULL
           : "this is not one key in PEM: give each key a file of its own";
}


static ngx_uint_t
ngx_leadgen_pem_count(const ngx_str_t *text, const char *part)
{
    size_t       len;
    u_char      *p, *last;
    ngx_uint_t   n;

    len = ngx_strlen(part);
    last = text->data + text->len;
    p = memmem(text->data, text->len, part, len);

    for (n = 0; p; n++) {
        p += len;
        p = memmem(p, last - p, part, len);
    }

    return n;
}


static EVP_PKEY *
ngx_leadgen_pem_read(const ngx_str_t *text, ngx_uint_t is_private)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    ERR_clear_error();

    bio = BIO_new_mem_buf(text->data, text->len);
    if (bio == NULL) {
        return NULL;
    }

    pkey = is_private
           ? PEM_read_bio_PrivateKey(bio, NULL, ngx_leadgen_pem_no_password,
                                     NULL)
           : PEM_read_bio_PUBKEY(bio, NULL, ngx_leadgen_pem_no_password, NULL);

    BIO_free(bio);
    ERR_clear_error();

    return pkey;
}


/* OpenSSL's own would ask the terminal. */

static int
ngx_leadgen_pem_no_password(char *buf, int size, int is_writing, void *data)
{
    return -1;
}
