
/*
 * Configuration: what directives left behind goes in, a checked whole comes
 * out, or a sentence that says what is missing.
 */


#include "ngx_leadgen_conf.h"
#include <ngx_thread_pool.h>


#define NGX_LEADGEN_CONF_VALUE_MAX  65536


static char *ngx_leadgen_conf_needs(ngx_conf_t *cf, ngx_uint_t is_there,
    ngx_leadgen_conf_use_t *use, const char *needed);
static char *ngx_leadgen_conf_check_roles(ngx_conf_t *cf,
    ngx_leadgen_main_conf_t *mcf);
static void ngx_leadgen_conf_backends(ngx_leadgen_main_conf_t *mcf);
static ngx_int_t ngx_leadgen_conf_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *value);


void *
ngx_leadgen_conf_create_main(ngx_conf_t *cf)
{
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_leadgen_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    ngx_leadgen_watch_create(&mcf->health);
    ngx_leadgen_reporting_create(&mcf->sentry);
    ngx_leadgen_shipping_create(&mcf->shipping);

    mcf->keys = ngx_leadgen_keys_create(cf->pool);
    mcf->roles = ngx_leadgen_roles_create(cf->pool);

    if (mcf->keys == NULL
        || mcf->roles == NULL
        || ngx_array_init(&mcf->rules, cf->pool, 16,
                          sizeof(ngx_leadgen_rule_t *)) != NGX_OK
        || ngx_array_init(&mcf->settings, cf->pool, 32,
                          sizeof(ngx_leadgen_setting_t)) != NGX_OK
        || ngx_array_init(&mcf->places, cf->pool, 16,
                          sizeof(ngx_leadgen_survey_t)) != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


void *
ngx_leadgen_conf_create_server(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_leadgen_server_conf_t));
}


void *
ngx_leadgen_conf_create_location(ngx_conf_t *cf)
{
    ngx_leadgen_location_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_leadgen_location_conf_t));
    if (lcf) {
        lcf->policy = NGX_CONF_UNSET_PTR;
        lcf->shadow = NGX_CONF_UNSET_PTR;
        lcf->path_strict = NGX_CONF_UNSET;
        lcf->audit = NGX_CONF_UNSET_UINT;
        lcf->guard = NGX_CONF_UNSET;
        lcf->pass_credentials = NGX_CONF_UNSET;
        lcf->cors = NGX_CONF_UNSET_PTR;
        lcf->sentry = NGX_CONF_UNSET;

        if (cf->conf_file) {
            lcf->file = cf->conf_file->file.name;
            lcf->line = cf->conf_file->line;
        }
    }

    return lcf;
}


/*
 * api is not inherited: the handler that belongs to it is not, either.  Its
 * bodies stay in memory: a password has no business in a temporary file.  Of a
 * policy, its shadow and a reason to have none a location inherits what it has
 * not.
 */

char *
ngx_leadgen_conf_merge_location(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_leadgen_location_conf_t  *prev = parent;
    ngx_leadgen_location_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    if (conf->shadow != NGX_CONF_UNSET_PTR
        && conf->policy == NGX_CONF_UNSET_PTR)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"leadgen_policy shadow\" has no policy to differ from: "
                      "write the one that is enforced into the same location, "
                      "in %V:%ui", &conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (!conf->is_own) {
        conf->policy = prev->policy;
        conf->shadow = prev->shadow;
        conf->reason = prev->reason;
        conf->guards = prev->guards;
    }

    ngx_conf_init_ptr_value(conf->policy, NULL);
    ngx_conf_init_ptr_value(conf->shadow, NULL);
    ngx_conf_merge_value(conf->guard, prev->guard, 0);
    ngx_conf_merge_value(conf->pass_credentials, prev->pass_credentials, 0);
    ngx_conf_merge_ptr_value(conf->cors, prev->cors, NULL);
    ngx_conf_merge_str_value(conf->shared, prev->shared, "");
    ngx_conf_merge_value(conf->sentry, prev->sentry, 1);
    ngx_conf_merge_value(conf->path_strict, prev->path_strict, 1);
    ngx_conf_merge_uint_value(conf->audit, prev->audit,
                              NGX_LEADGEN_AUDIT_REFUSED);

    if (conf->api) {
        conf->shadow = NULL;
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
        clcf->client_body_buffer_size = ngx_max(clcf->client_body_buffer_size,
                                                NGX_LEADGEN_BODY_MAX);
    }

    return ngx_leadgen_survey_note(cf, conf) == NGX_OK ? NGX_CONF_OK
                                                       : NGX_CONF_ERROR;
}


char *
ngx_leadgen_conf_init_main(ngx_conf_t *cf, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    if (mcf->service.data == NULL) {
        ngx_str_set(&mcf->service, "leadgen");
    }

    if (ngx_leadgen_conf_needs(cf, mcf->zone != NULL, &mcf->uses_zone,
                               "leadgen_zone") != NGX_CONF_OK
        || ngx_leadgen_conf_needs(cf, mcf->keys->nelts, &mcf->uses_keys,
                                  "leadgen_jwt_key") != NGX_CONF_OK
        || ngx_leadgen_conf_needs(cf, ngx_leadgen_keys_can_sign(mcf->keys, 0),
                                  &mcf->uses_signing,
                                  "leadgen_jwt_key with a secret or a private "
                                  "key") != NGX_CONF_OK
        || ngx_leadgen_conf_needs(cf, mcf->database.target.len,
                                  &mcf->uses_database, "leadgen_database")
           != NGX_CONF_OK
        || ngx_leadgen_conf_needs(cf, mcf->spool.path.len, &mcf->uses_spool,
                                  "leadgen_spool") != NGX_CONF_OK
        || ngx_leadgen_conf_needs(cf, mcf->redis.target.len,
                                  &mcf->uses_redis, "leadgen_redis")
           != NGX_CONF_OK
        || ngx_leadgen_conf_check_roles(cf, mcf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (mcf->database.target.len == 0
        && ngx_leadgen_token_has_foreign(mcf->keys))
    {
        ngx_log_error(NGX_LOG_NOTICE, cf->log, 0,
                      "tokens of other issuers count alone: without a "
                      "\"leadgen_database\" nobody is asked whether their "
                      "users are active");
    }

    ngx_leadgen_ledger_derive(mcf);
    ngx_leadgen_conf_backends(mcf);

    ngx_leadgen_watch_init(cf, mcf);

    ngx_leadgen_jobs_init(cf, mcf);

    if (mcf->zone && ngx_thread_pool_add(cf, NULL) == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_leadgen_shipping_init(cf, mcf);
}


static char *
ngx_leadgen_conf_needs(ngx_conf_t *cf, ngx_uint_t is_there,
    ngx_leadgen_conf_use_t *use, const char *needed)
{
    if (is_there || use->directive.len == 0) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%V\" needs a \"%s\" in http{} in %V:%ui",
                  &use->directive, needed, &use->file, use->line);

    return NGX_CONF_ERROR;
}


static char *
ngx_leadgen_conf_check_roles(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf)
{
    ngx_str_t            *role, file;
    ngx_uint_t            i, n, line;
    const ngx_str_t      *mapped;
    ngx_leadgen_rule_t  **rule;

    for (i = 0;
         (mapped = ngx_leadgen_keys_role(mcf->keys, i, &file, &line)) != NULL;
         i++)
    {
        if (ngx_leadgen_roles_find(mcf->roles, mapped) == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown role \"%V\" of role_map= in %V:%ui",
                          mapped, &file, line);
            return NGX_CONF_ERROR;
        }
    }

    rule = mcf->rules.elts;

    for (i = 0; i < mcf->rules.nelts; i++) {

        if (rule[i]->roles == NULL) {
            continue;
        }

        role = rule[i]->roles->elts;

        for (n = 0; n < rule[i]->roles->nelts; n++) {

            if (ngx_leadgen_roles_find(mcf->roles, &role[n]) == NULL) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "unknown role \"%V\": use admin, manager, user, "
                              "or one of a leadgen_role, in %V:%ui", &role[n],
                              &rule[i]->file, rule[i]->line);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


/* One password at a time: with a worker for each core more are no faster. */

static void
ngx_leadgen_conf_backends(ngx_leadgen_main_conf_t *mcf)
{
    mcf->audit = mcf->database;
    ngx_str_set(&mcf->audit.name, "audit");
    mcf->audit.links = 1;
    mcf->audit.depth = 2;
    mcf->audit.queue = 4;
    mcf->audit.timeout = 10000;

    mcf->revocations = mcf->database;
    ngx_str_set(&mcf->revocations.name, "revocations");
    mcf->revocations.links = 1;
    mcf->revocations.depth = 2;
    mcf->revocations.queue = 4;
    mcf->revocations.channels = ngx_leadgen_revocation_channels;
    mcf->revocations.notified = ngx_leadgen_revocation_notified;
    mcf->revocations.connected = ngx_leadgen_revocation_connected;

    ngx_str_set(&mcf->hashing.name, "hashing");
    mcf->hashing.driver = "thread";
    mcf->hashing.links = 1;
    mcf->hashing.depth = 1;
    mcf->hashing.queue = 64;
    mcf->hashing.timeout = 10000;

    ngx_str_set(&mcf->files.name, "files");
    mcf->files.driver = "thread";
    mcf->files.links = 4;
    mcf->files.depth = 1;
    mcf->files.queue = 256;
    mcf->files.timeout = 60000;

    /* of the database's copies above none is told of these */

    mcf->database.channels = "LISTEN leadgen_roles; LISTEN leadgen_mails";
    mcf->database.notified = ngx_leadgen_worker_notified;
    mcf->database.connected = ngx_leadgen_worker_connected;
}


void
ngx_leadgen_conf_note(ngx_conf_t *cf, const char *directive,
    ngx_leadgen_conf_use_t *use)
{
    if (use->directive.len) {
        return;
    }

    use->directive.data = (u_char *) directive;
    use->directive.len = ngx_strlen(directive);
    use->file = cf->conf_file->file.name;
    use->line = cf->conf_file->line;
}


ngx_int_t
ngx_leadgen_conf_value(ngx_conf_t *cf, const ngx_str_t *word, ngx_str_t *value)
{
    char       *found;
    ngx_str_t   path;

    if (ngx_strncmp(word->data, "env:", 4) == 0) {

        found = getenv((char *) word->data + 4);

        if (found == NULL || *found == '\0') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "environment variable \"%s\" is not set",
                               word->data + 4);
            return NGX_ERROR;
        }

        value->len = ngx_strlen(found);
        value->data = ngx_pnalloc(cf->pool, value->len + 1);
        if (value->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(value->data, found, value->len + 1);

        return NGX_OK;
    }

    if (ngx_strncmp(word->data, "file:", 5) == 0) {
        path.data = word->data + 5;
        path.len = word->len - 5;

        if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_leadgen_conf_read(cf, &path, value);
    }

    *value = *word;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_conf_read(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *value)
{
    ssize_t   n;
    ngx_fd_t  fd;

    value->data = ngx_pnalloc(cf->pool, NGX_LEADGEN_CONF_VALUE_MAX);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "could not open \"%V\"", path);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, value->data, NGX_LEADGEN_CONF_VALUE_MAX);

    if (n < 0 || n == NGX_LEADGEN_CONF_VALUE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n < 0 ? ngx_errno : 0,
                           "could not read \"%V\", or it has %d bytes or more",
                           path, NGX_LEADGEN_CONF_VALUE_MAX);
        (void) ngx_close_file(fd);
        return NGX_ERROR;
    }

    (void) ngx_close_file(fd);

    while (n && (value->data[n - 1] == '\n' || value->data[n - 1] == '\r')) {
        n--;
    }

    value->data[n] = '\0';
    value->len = n;

    return NGX_OK;
}
