
/*
 * Captures: capture=request:/name goes in, the place of a field in a JSON
 * document comes out, unless it looks like one that holds a secret.
 */


#include "ngx_leadgen_policy.h"


static ngx_uint_t ngx_leadgen_capture_is_pointer(const ngx_str_t *pointer);
static ngx_uint_t ngx_leadgen_capture_is_secret(const ngx_str_t *pointer);


/* What names of secrets have in them, without "_" and "-". */

static const char  *ngx_leadgen_capture_parts[] = {
    "passw", "passphrase", "pwd", "secret", "token", "apikey", "accesskey",
    "privatekey", "credential", "authoriz", "cookie", "session", "signature",
    "cardnumber", "creditcard", "iban", NULL
};

/* and what such names are as a whole */

static const char  *ngx_leadgen_capture_names[] = {
    "auth", "key", "pin", "otp", "cvv", "cvc", "ssn", "hash", "salt", "jwt",
    NULL
};


ngx_int_t
ngx_leadgen_capture_add(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    const ngx_str_t *value)
{
    ngx_uint_t              of_response;
    ngx_leadgen_capture_t  *capture;

    of_response = (ngx_strncmp(value->data, "response:", 9) == 0);

    if (!of_response && ngx_strncmp(value->data, "request:", 8) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"capture=%V\" is neither request:POINTER nor "
                           "response:POINTER", value);
        return NGX_ERROR;
    }

    if (rule->captures == NULL) {
        rule->captures = ngx_array_create(cf->pool, 2,
                                          sizeof(ngx_leadgen_capture_t));
        if (rule->captures == NULL) {
            return NGX_ERROR;
        }
    }

    if (rule->captures->nelts == NGX_LEADGEN_MAX_CAPTURES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a route captures %d fields at most",
                           NGX_LEADGEN_MAX_CAPTURES);
        return NGX_ERROR;
    }

    capture = ngx_array_push(rule->captures);
    if (capture == NULL) {
        return NGX_ERROR;
    }

    capture->name = *value;
    capture->of_response = of_response;
    capture->pointer.data = value->data + (of_response ? 9 : 8);
    capture->pointer.len = value->data + value->len - capture->pointer.data;

    if (!ngx_leadgen_capture_is_pointer(&capture->pointer)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not the JSON pointer of a field, such as "
                           "/name, of %d bytes at most", &capture->pointer,
                           NGX_LEADGEN_CAPTURE_POINTER);
        return NGX_ERROR;
    }

    if (ngx_leadgen_capture_is_secret(&capture->pointer)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" looks like a secret, which has no place in "
                           "the audit log", &capture->pointer);
        return NGX_ERROR;
    }

    rule->captures_response |= of_response;

    return NGX_OK;
}


/* RFC 6901, but for the empty one, which is the whole document. */

static ngx_uint_t
ngx_leadgen_capture_is_pointer(const ngx_str_t *pointer)
{
    size_t  i;

    if (pointer->len < 2 || pointer->len > NGX_LEADGEN_CAPTURE_POINTER
        || pointer->data[0] != '/' || !ngx_leadgen_text_is_utf8(pointer))
    {
        return 0;
    }

    for (i = 0; i < pointer->len; i++) {

        if (pointer->data[i] < 0x20) {
            return 0;
        }

        if (pointer->data[i] == '~'
            && (i + 1 == pointer->len
                || (pointer->data[i + 1] != '0'
                    && pointer->data[i + 1] != '1')))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_leadgen_capture_is_secret(const ngx_str_t *pointer)
{
    u_char      *last, name[NGX_LEADGEN_CAPTURE_POINTER + 1];
    size_t       i;
    ngx_uint_t   n;

    last = name;

    for (i = 1; i <= pointer->len; i++) {

        if (i < pointer->len && pointer->data[i] != '/') {
            if (pointer->data[i] != '_' && pointer->data[i] != '-') {
                *last++ = ngx_tolower(pointer->data[i]);
            }

            continue;
        }

        *last = '\0';

        for (n = 0; ngx_leadgen_capture_parts[n]; n++) {
            if (ngx_strstr(name, ngx_leadgen_capture_parts[n])) {
                return 1;
            }
        }

        for (n = 0; ngx_leadgen_capture_names[n]; n++) {
            if (ngx_strcmp(name, ngx_leadgen_capture_names[n]) == 0) {
                return 1;
            }
        }

        last = name;
    }

    return 0;
}
