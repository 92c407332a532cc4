
/*
 * Directives of http{}: their words go in, the main configuration comes out.
 */


#include "ngx_leadgen_conf.h"
#include <pwd.h>


#define NGX_LEADGEN_DIRECTIVE_SPOOL_MIN  (1024 * 1024)


static char *ngx_leadgen_directive_backend(ngx_conf_t *cf,
    ngx_leadgen_backend_conf_t *backend, const char *name, const char *driver);
static ngx_int_t ngx_leadgen_directive_sync(ngx_str_t *value,
    ngx_leadgen_spool_conf_t *spool);
static ngx_uid_t ngx_leadgen_directive_user(ngx_conf_t *cf);
static ngx_uint_t ngx_leadgen_directive_option(const ngx_str_t *word,
    const char *name, ngx_str_t *value);


char *
ngx_leadgen_directive_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    u_char     *colon;
    ssize_t     size;
    ngx_str_t  *word, name, text;

    if (mcf->zone) {
        return "is duplicate";
    }

    word = cf->args->elts;
    colon = ngx_strlchr(word[1].data, word[1].data + word[1].len, ':');

    if (colon == NULL || colon == word[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not NAME:SIZE, such as leadgen:16m",
                           &word[1]);
        return NGX_CONF_ERROR;
    }

    name.data = word[1].data;
    name.len = colon - word[1].data;
    text.data = colon + 1;
    text.len = word[1].data + word[1].len - text.data;

    size = ngx_parse_size(&text);
    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a size, such as 16m", &text);
        return NGX_CONF_ERROR;
    }

    mcf->zone = ngx_leadgen_zone_add(cf, &name, size, &ngx_leadgen_module);

    return mcf->zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_leadgen_directive_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    mcf->database.depth = 8;

    if (mcf->database.timeout == 0) {
        mcf->database.timeout = 2000;
    }

    return ngx_leadgen_directive_backend(cf, &mcf->database, "database", "pg");
}


char *
ngx_leadgen_directive_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    mcf->redis.depth = 64;

    if (mcf->redis.timeout == 0) {
        mcf->redis.timeout = 500;
    }

    return ngx_leadgen_directive_backend(cf, &mcf->redis, "redis", "redis");
}


static char *
ngx_leadgen_directive_backend(ngx_conf_t *cf,
    ngx_leadgen_backend_conf_t *backend, const char *name, const char *driver)
{
    char        *wrong;
    ngx_str_t   *word, value;
    ngx_int_t    n;
    ngx_uint_t   i;

    if (backend->driver) {
        return "is duplicate";
    }

    word = cf->args->elts;

    backend->name.data = (u_char *) name;
    backend->name.len = ngx_strlen(name);
    backend->driver = driver;
    backend->links = 1;
    backend->queue = 256;

    if (ngx_leadgen_conf_value(cf, &word[1], &backend->target) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_leadgen_directive_option(&word[i], "timeout=", &value)) {

            n = ngx_parse_time(&value, 0);
            if (n == NGX_ERROR || n < 10) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"%V\" is not a time of 10ms or more",
                                   &word[i]);
                return NGX_CONF_ERROR;
            }

            backend->timeout = n;
            continue;
        }

        if (ngx_leadgen_directive_option(&word[i], "connections=", &value)) {

            n = ngx_atoi(value.data, value.len);
            if (n == NGX_ERROR || n < 1 || n > 64) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"%V\" is not a number from 1 to 64",
                                   &word[i]);
                return NGX_CONF_ERROR;
            }

            backend->links = n;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown option \"%V\": use connections= or "
                           "timeout=", &word[i]);
        return NGX_CONF_ERROR;
    }

    wrong = ngx_leadgen_backend_check(cf->pool, driver, &backend->target);
    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &word[0], wrong);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_leadgen_directive_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_str_t  *word, secret;

    word = cf->args->elts;

    if (ngx_strncmp(word[1].data, "file:", 5) != 0
        && ngx_strncmp(word[1].data, "env:", 4) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a key does not belong into a configuration file: "
                           "use file:PATH or env:NAME");
        return NGX_CONF_ERROR;
    }

    if (ngx_leadgen_conf_value(cf, &word[1], &secret) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_leadgen_keys_add(cf, mcf->keys, &secret, &word[2],
                                cf->args->nelts - 2);
}


char *
ngx_leadgen_directive_spool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    char        *wrong;
    off_t        size;
    ngx_str_t   *word, value;
    ngx_uint_t   i;

    if (mcf->spool.path.len) {
        return "is duplicate";
    }

    word = cf->args->elts;

    mcf->spool.path = word[1];
    mcf->spool.size = 1024 * 1024 * 1024;

    if (ngx_conf_full_name(cf->cycle, &mcf->spool.path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_leadgen_directive_option(&word[i], "size=", &value)) {

            size = ngx_parse_offset(&value);
            if (size < NGX_LEADGEN_DIRECTIVE_SPOOL_MIN) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"%V\" is not a size of 1m or more",
                                   &word[i]);
                return NGX_CONF_ERROR;
            }

            mcf->spool.size = size;
            continue;
        }

        if (ngx_leadgen_directive_option(&word[i], "fsync=", &value)
            && ngx_leadgen_directive_sync(&value, &mcf->spool) == NGX_OK)
        {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown option \"%V\": use size=, fsync=off, "
                           "fsync=always or fsync=TIME", &word[i]);
        return NGX_CONF_ERROR;
    }

    wrong = ngx_leadgen_spool_check(cf, &mcf->spool,
                                    ngx_leadgen_directive_user(cf));
    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "spool \"%V\": %s",
                           &mcf->spool.path, wrong);
        return NGX_CONF_ERROR;
    }

    ngx_leadgen_conf_note(cf, "leadgen_spool", &mcf->uses_zone);
    ngx_leadgen_conf_note(cf, "leadgen_spool", &mcf->uses_database);

    return NGX_CONF_OK;
}


/* Whom the workers will run as; the user directive stands before http{}. */

static ngx_uid_t
ngx_leadgen_directive_user(ngx_conf_t *cf)
{
    struct passwd    *entry;
    ngx_core_conf_t  *ccf;

    if (geteuid() != 0) {
        return geteuid();
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT) {
        return ccf->user;
    }

    entry = getpwnam(NGX_USER);

    return entry ? entry->pw_uid : 0;
}


static ngx_int_t
ngx_leadgen_directive_sync(ngx_str_t *value, ngx_leadgen_spool_conf_t *spool)
{
    ngx_int_t  interval;

    spool->always = 0;
    spool->sync = 0;

    if (ngx_strcmp(value->data, "off") == 0) {
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "always") == 0) {
        spool->always = 1;
        return NGX_OK;
    }

    interval = ngx_parse_time(value, 0);
    if (interval == NGX_ERROR || interval == 0) {
        return NGX_ERROR;
    }

    spool->sync = interval;

    return NGX_OK;
}


char *
ngx_leadgen_directive_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_str_t  *word;

    word = cf->args->elts;

    return ngx_leadgen_roles_add(cf, mcf->roles, &word[1],
                                 cf->args->nelts - 1);
}


char *
ngx_leadgen_directive_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_command_t  slot = *cmd;

    slot.offset = offsetof(ngx_leadgen_main_conf_t, service);

    return ngx_conf_set_str_slot(cf, &slot, conf);
}


static ngx_uint_t
ngx_leadgen_directive_option(const ngx_str_t *word, const char *name,
    ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (word->len <= len || ngx_strncmp(word->data, name, len) != 0) {
        return 0;
    }

    value->data = word->data + len;
    value->len = word->len - len;

    return 1;
}
