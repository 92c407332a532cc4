
/*
 * The ledger's directives: the key of the chain over the audit log and how long
 * rows are kept enter, as words; both leave in the configuration.
 */


#include "ngx_leadgen_ctx.h"
#include <openssl/hmac.h>


#define NGX_LEADGEN_LEDGER_DAY  86400       /* seconds */


char *
ngx_leadgen_ledger_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    u_char        *made;
    ngx_str_t     *word, secret;
    unsigned int   len;

    static const u_char  purpose[] = "chain over the audit log";

    if (mcf->audit_is_keyed) {
        return "is duplicate";
    }

    word = cf->args->elts;

    if (ngx_leadgen_keyfile_secret(cf, &word[1], &secret) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    made = HMAC(EVP_sha256(), secret.data, secret.len, purpose,
                sizeof(purpose) - 1, mcf->audit_key, &len);

    ngx_explicit_memzero(secret.data, secret.len);

    if (made == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->audit_is_keyed = 1;

    ngx_leadgen_conf_note(cf, "leadgen_audit_key", &mcf->uses_database);

    return NGX_CONF_OK;
}


char *
ngx_leadgen_ledger_retention(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_int_t   seconds;
    ngx_str_t  *word;

    if (mcf->audit_retention) {
        return "is duplicate";
    }

    word = cf->args->elts;

    seconds = ngx_parse_time(&word[1], 1);

    if (seconds == NGX_ERROR || seconds < NGX_LEADGEN_LEDGER_DAY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no time of a day at least, such as 365d",
                           &word[1]);
        return NGX_CONF_ERROR;
    }

    mcf->audit_retention = seconds;

    ngx_leadgen_conf_note(cf, "leadgen_audit_retention", &mcf->uses_database);

    return NGX_CONF_OK;
}


void
ngx_leadgen_ledger_derive(ngx_leadgen_main_conf_t *mcf)
{
    ngx_str_t  nothing = ngx_string("");

    if (!mcf->audit_is_keyed
        && ngx_leadgen_keys_derive(mcf->keys, "chain over the audit log",
                                   &nothing, mcf->audit_key) == NGX_OK)
    {
        mcf->audit_is_keyed = 1;
    }
}
