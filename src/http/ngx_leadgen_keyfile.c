
/*
 * Keys that directives name: a word goes in, the text that it names comes out,
 * and a warning when too many can read it.
 */


#include "ngx_leadgen_conf.h"


#define NGX_LEADGEN_KEYFILE_SECRET  32      /* bytes, at least */


ngx_int_t
ngx_leadgen_keyfile_read(ngx_conf_t *cf, const ngx_str_t *word,
    ngx_str_t *value)
{
    if (ngx_strncmp(word->data, "file:", 5) != 0
        && ngx_strncmp(word->data, "env:", 4) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a key does not belong into a configuration file: "
                           "use file:PATH or env:NAME");
        return NGX_ERROR;
    }

    return ngx_leadgen_conf_value(cf, word, value);
}


ngx_int_t
ngx_leadgen_keyfile_secret(ngx_conf_t *cf, const ngx_str_t *word,
    ngx_str_t *secret)
{
    if (ngx_leadgen_keyfile_read(cf, word, secret) != NGX_OK) {
        return NGX_ERROR;
    }

    if (secret->len < NGX_LEADGEN_KEYFILE_SECRET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key has %uz bytes, and needs %d or more: make "
                           "one with \"openssl rand -hex 32\"", secret->len,
                           NGX_LEADGEN_KEYFILE_SECRET);

    } else if (ngx_leadgen_form_is_key(secret)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "this is a key of signatures, a certificate, JSON, "
                           "XML or a part of one: make a secret with "
                           "\"openssl rand -hex 32\"");

    } else {
        ngx_leadgen_keyfile_warn(cf, word);
        return NGX_OK;
    }

    ngx_explicit_memzero(secret->data, secret->len);

    return NGX_ERROR;
}


void
ngx_leadgen_keyfile_warn(ngx_conf_t *cf, const ngx_str_t *word)
{
    ngx_str_t        path;
    ngx_file_info_t  info;

    if (ngx_strncmp(word->data, "file:", 5) != 0) {
        return;
    }

    path.data = word->data + 5;
    path.len = word->len - 5;

    if (ngx_conf_full_name(cf->cycle, &path, 1) == NGX_OK
        && ngx_file_info(path.data, &info) != NGX_FILE_ERROR
        && S_ISREG(info.st_mode)
        && info.st_mode & S_IROTH)
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" holds a secret, and everybody on this "
                           "machine can read it: \"chmod o= %V\"", &path,
                           &path);
    }
}
