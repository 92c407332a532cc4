
/*
 * Directives of http{}: their words go in, the main configuration comes out.
 */


#include "ngx_leadgen_conf.h"
#include <pwd.h>


#define NGX_LEADGEN_DIRECTIVE_SPOOL_MIN  (1024 * 1024)
#define NGX_LEADGEN_DIRECTIVE_MAIL_TIMEOUT  10000   /* milliseconds */
#define NGX_LEADGEN_DIRECTIVE_MAIL_LONGEST  45000   /* within the outbox's
                                                     * lease of 60 s */
#define NGX_LEADGEN_DIRECTIVE_MAIL_GRACE    5000


static char *ngx_leadgen_directive_backend(ngx_conf_t *cf,
    ngx_leadgen_backend_conf_t *backend, const char *name, const char *driver);
static char *ngx_leadgen_directive_smtp_option(ngx_conf_t *cf,
    ngx_leadgen_main_conf_t *mcf, const ngx_str_t *word);
static char *ngx_leadgen_directive_sender(ngx_conf_t *cf,
    ngx_leadgen_main_conf_t *mcf);
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

    ngx_leadgen_keyfile_warn(cf, &word[1]);

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

    ngx_str_t   *word, text;
    ngx_uint_t   n;

    n = mcf->keys->nelts;
    word = cf->args->elts;

    if (ngx_leadgen_keyfile_read(cf, &word[1], &text) != NGX_OK
        || ngx_leadgen_keys_add(cf, mcf->keys, &text, &word[2],
                                cf->args->nelts - 2) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_leadgen_keys_can_sign(mcf->keys, n)) {
        ngx_leadgen_keyfile_warn(cf, &word[1]);
    }

    return NGX_CONF_OK;
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

    mcf->spool_user = ngx_leadgen_directive_user(cf);

    wrong = ngx_leadgen_spool_check(cf, &mcf->spool, mcf->spool_user);
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


/* The backend waits longer than libcurl does: a thread can't be told to end. */

char *
ngx_leadgen_directive_smtp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_str_t   *word;
    ngx_uint_t   i;
    const char  *wrong;

    if (mcf->mail.driver) {
        return "is duplicate";
    }

    word = cf->args->elts;

    if (ngx_leadgen_conf_value(cf, &word[1], &mcf->mail.target) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_leadgen_keyfile_warn(cf, &word[1]);

    wrong = ngx_leadgen_mail_check_url(&mcf->mail.target);
    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &word[0], wrong);
        return NGX_CONF_ERROR;
    }

    mcf->mail_timeout = NGX_LEADGEN_DIRECTIVE_MAIL_TIMEOUT;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_leadgen_directive_smtp_option(cf, mcf, &word[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    ngx_str_set(&mcf->mail.name, "mail");
    mcf->mail.driver = "thread";
    mcf->mail.links = 1;
    mcf->mail.depth = 1;
    mcf->mail.queue = 64;
    mcf->mail.timeout = mcf->mail_timeout + NGX_LEADGEN_DIRECTIVE_MAIL_GRACE;

    ngx_leadgen_conf_note(cf, "leadgen_smtp", &mcf->uses_zone);
    ngx_leadgen_conf_note(cf, "leadgen_smtp", &mcf->uses_database);

    return ngx_leadgen_directive_sender(cf, mcf);
}


static char *
ngx_leadgen_directive_smtp_option(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf,
    const ngx_str_t *word)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_leadgen_directive_option(word, "from=", &mcf->mail_from)) {
        return NGX_CONF_OK;
    }

    if (ngx_leadgen_directive_option(word, "timeout=", &value)) {

        n = ngx_parse_time(&value, 0);

        if (n < 100 || n > NGX_LEADGEN_DIRECTIVE_MAIL_LONGEST) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not a time from 100ms to 45s", word);
            return NGX_CONF_ERROR;
        }

        mcf->mail_timeout = n;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown option \"%V\": use from= or timeout=", word);

    return NGX_CONF_ERROR;
}


static char *
ngx_leadgen_directive_sender(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf)
{
    ngx_str_t   *from;
    const char  *wrong;

    from = &mcf->mail_from;

    if (from->len == 0) {
        from->data = ngx_pnalloc(cf->pool, sizeof("leadgen@")
                                           + cf->cycle->hostname.len);
        if (from->data == NULL) {
            return NGX_CONF_ERROR;
        }

        from->len = ngx_sprintf(from->data, "leadgen@%V", &cf->cycle->hostname)
                    - from->data;
    }

    wrong = ngx_leadgen_mail_check_address(from);
    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sender \"%V\" %s: use from=ADDRESS", from, wrong);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* It becomes part of links in mails: what would end one there is refused. */

char *
ngx_leadgen_directive_public_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    size_t      scheme;
    u_char     *p, *last;
    ngx_str_t  *word, *url;

    if (mcf->public_url.len) {
        return "is duplicate";
    }

    word = cf->args->elts;
    url = &mcf->public_url;

    if (ngx_leadgen_conf_value(cf, &word[1], url) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (url->len && url->data[url->len - 1] == '/') {
        url->len--;
    }

    p = url->data;
    last = p + url->len;
    scheme = ngx_strncmp(p, "https://", 8) == 0 ? 8 : 7;

    if (url->len <= scheme
        || p[scheme] == '/'
        || (scheme == 7 && ngx_strncmp(p, "http://", 7) != 0))
    {
        return "is not http://HOST[:PORT][/PATH], or https";
    }

    for ( /* void */ ; p < last; p++) {
        if (*p <= 0x20 || *p >= 0x7f || ngx_strchr("?#@\\\"<>^`{|}", *p)) {
            return "has characters that such a URL has not";
        }
    }

    return NGX_CONF_OK;
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


/* TIME [deny|allow]: what to do with tokens once revocations are that old. */

char *
ngx_leadgen_directive_max_stale(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_int_t   seconds;
    ngx_str_t  *word;

    word = cf->args->elts;
    seconds = ngx_parse_time(&word[1], 1);

    if (seconds == NGX_ERROR || seconds < 15) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a time of 15s or more", &word[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3
        && ngx_strcmp(word[2].data, "deny") != 0
        && ngx_strcmp(word[2].data, "allow") != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is neither \"deny\" nor \"allow\"",
                           &word[2]);
        return NGX_CONF_ERROR;
    }

    mcf->allow_stale = (cf->args->nelts == 3 && word[2].data[0] == 'a');
    mcf->max_stale = mcf->allow_stale ? 0 : seconds;

    ngx_leadgen_conf_note(cf, "leadgen_revocation_max_stale",
                          &mcf->uses_database);

    return NGX_CONF_OK;
}


char *
ngx_leadgen_directive_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_command_t  slot = *cmd;

    slot.offset = offsetof(ngx_leadgen_main_conf_t, service);
    slot.post = NULL;

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
