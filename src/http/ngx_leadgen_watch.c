
/*
 * What health looks at: directives and what others have configured go in, the
 * list of services comes out.
 */


#include "ngx_leadgen_conf.h"


#define NGX_LEADGEN_WATCH_INTERVAL  5000    /* milliseconds */
#define NGX_LEADGEN_WATCH_TIMEOUT   1000
#define NGX_LEADGEN_WATCH_GRACE     1000    /* for a thread to be heard of */
#define NGX_LEADGEN_WATCH_NAME      32      /* bytes, at most */


static char *ngx_leadgen_watch_required(ngx_conf_t *cf, const ngx_str_t *word,
    ngx_leadgen_service_t *service);
static ngx_int_t ngx_leadgen_watch_percent(const ngx_str_t *word,
    const char *name, ngx_uint_t *percent);
static char *ngx_leadgen_watch_name(const ngx_leadgen_health_conf_t *health,
    const ngx_str_t *name);
static ngx_int_t ngx_leadgen_watch_time(ngx_conf_t *cf, ngx_str_t *value,
    const ngx_str_t *word, ngx_msec_t *time);
static void ngx_leadgen_watch_backends(ngx_leadgen_main_conf_t *mcf);


static const ngx_str_t  ngx_leadgen_watch_names[] = {
    ngx_string("database"),
    ngx_string("redis"),
    ngx_string("email"),
    ngx_string("workers")
};


void
ngx_leadgen_watch_create(ngx_leadgen_health_conf_t *health)
{
    ngx_uint_t  i;

    health->warning = 80;
    health->critical = 95;
    health->nservices = NGX_LEADGEN_SERVICE_PROBES;

    for (i = 0; i < NGX_LEADGEN_SERVICE_PROBES; i++) {
        health->services[i].name = ngx_leadgen_watch_names[i];
    }

    health->services[NGX_LEADGEN_SERVICE_DATABASE].required = 1;
}


/* TIME [timeout=TIME] */

char *
ngx_leadgen_watch_interval(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_str_t  *word, value;

    if (mcf->health.interval) {
        return "is duplicate";
    }

    word = cf->args->elts;
    value = word[1];

    if (ngx_leadgen_watch_time(cf, &value, &word[1], &mcf->health.interval)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(word[2].data, "timeout=", 8) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown option \"%V\": use timeout=", &word[2]);
        return NGX_CONF_ERROR;
    }

    value.data = word[2].data + 8;
    value.len = word[2].len - 8;

    if (ngx_leadgen_watch_time(cf, &value, &word[2], &mcf->health.timeout)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_leadgen_watch_time(ngx_conf_t *cf, ngx_str_t *value, const ngx_str_t *word,
    ngx_msec_t *time)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n < 100 || n > 60000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a time from 100ms to 1m", word);
        return NGX_ERROR;
    }

    *time = n;

    return NGX_OK;
}


/* NAME required|optional; to name workers is to look at them. */

char *
ngx_leadgen_watch_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_str_t              *word;
    ngx_uint_t              i;
    ngx_leadgen_service_t  *service;

    word = cf->args->elts;

    for (i = 0; i < NGX_LEADGEN_SERVICE_PROBES; i++) {
        service = &mcf->health.services[i];

        if (service->name.len == word[1].len
            && ngx_strncmp(service->name.data, word[1].data, word[1].len)
               == 0)
        {

            if (i == NGX_LEADGEN_SERVICE_WORKERS) {
                service->configured = 1;
                ngx_leadgen_conf_note(cf, "leadgen_health_service",
                                      &mcf->uses_redis);
            }

            return ngx_leadgen_watch_required(cf, &word[2], service);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown service \"%V\": use database, redis, email or "
                       "workers", &word[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_leadgen_watch_required(ngx_conf_t *cf, const ngx_str_t *word,
    ngx_leadgen_service_t *service)
{
    if (ngx_strcmp(word->data, "required") == 0) {
        service->required = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(word->data, "optional") == 0) {
        service->required = 0;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is neither \"required\" nor \"optional\"",
                       word);

    return NGX_CONF_ERROR;
}


/* NAME URL [required|optional] */

char *
ngx_leadgen_watch_probe(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_str_t                  *word;
    const char                 *wrong;
    ngx_leadgen_service_t      *service;
    ngx_leadgen_health_conf_t  *health;

    word = cf->args->elts;
    health = &mcf->health;
    wrong = ngx_leadgen_watch_name(health, &word[1]);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "name \"%V\" %s", &word[1],
                           wrong);
        return NGX_CONF_ERROR;
    }

    service = &health->services[health->nservices++];
    service->name = word[1];
    service->configured = 1;

    if (ngx_leadgen_conf_value(cf, &word[2], &service->target) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    wrong = ngx_leadgen_probe_check(&service->target);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &word[0], wrong);
        return NGX_CONF_ERROR;
    }

    return cf->args->nelts == 4
           ? ngx_leadgen_watch_required(cf, &word[3], service) : NGX_CONF_OK;
}


/* It stands in JSON, in paths and in labels as it is. */

static char *
ngx_leadgen_watch_name(const ngx_leadgen_health_conf_t *health,
    const ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    if (health->nservices == NGX_LEADGEN_STATUS_SERVICES) {
        return "is one too many";
    }

    if (name->len > NGX_LEADGEN_WATCH_NAME) {
        return "is longer than 32 bytes";
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
            && c != '_' && c != '-')
        {
            return "has more than a-z, 0-9, - and _";
        }
    }

    for (i = 0; i < health->nservices; i++) {

        if (health->services[i].name.len == name->len
            && ngx_strncmp(health->services[i].name.data, name->data,
                           name->len)
               == 0)
        {
            return "is taken";
        }
    }

    return NULL;
}


/* [warning=PERCENT%] [critical=PERCENT%] */

char *
ngx_leadgen_watch_thresholds(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_str_t   *word;
    ngx_uint_t   i;

    word = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_leadgen_watch_percent(&word[i], "warning=",
                                      &mcf->health.warning)
            != NGX_OK
            && ngx_leadgen_watch_percent(&word[i], "critical=",
                                         &mcf->health.critical)
               != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not warning= or critical= with a "
                               "percentage, such as 80%%", &word[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (mcf->health.warning > mcf->health.critical) {
        return "warns later than it is critical";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_leadgen_watch_percent(const ngx_str_t *word, const char *name,
    ngx_uint_t *percent)
{
    size_t     len;
    ngx_int_t  n;

    len = ngx_strlen(name);

    if (word->len < len + 2
        || ngx_strncmp(word->data, name, len) != 0
        || word->data[word->len - 1] != '%')
    {
        return NGX_DECLINED;
    }

    n = ngx_atoi(word->data + len, word->len - len - 1);

    if (n < 1 || n > 100) {
        return NGX_DECLINED;
    }

    *percent = n;

    return NGX_OK;
}


void
ngx_leadgen_watch_init(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf)
{
    ngx_uint_t                  i;
    ngx_leadgen_service_t      *service;
    ngx_leadgen_health_conf_t  *health;

    health = &mcf->health;
    service = health->services;

    if (health->interval == 0) {
        health->interval = NGX_LEADGEN_WATCH_INTERVAL;
    }

    if (health->timeout == 0) {
        health->timeout = NGX_LEADGEN_WATCH_TIMEOUT;
    }

    service[NGX_LEADGEN_SERVICE_DATABASE].target = mcf->database.target;
    service[NGX_LEADGEN_SERVICE_REDIS].target = mcf->redis.target;
    service[NGX_LEADGEN_SERVICE_EMAIL].target = mcf->mail.target;

    for (i = 0; i < health->nservices; i++) {
        service[i].configured |= (service[i].target.len != 0);
        service[i].key = ngx_crc32_short(service[i].target.data,
                                         service[i].target.len) | 1;
    }

    health->disk = mcf->spool.path.len ? mcf->spool.path : cf->cycle->prefix;

    ngx_leadgen_watch_backends(mcf);
}


/* One call at a time: an answer that does not come is what is looked for. */

static void
ngx_leadgen_watch_backends(ngx_leadgen_main_conf_t *mcf)
{
    ngx_leadgen_health_conf_t  *health;

    health = &mcf->health;

    health->database = mcf->database;
    ngx_str_set(&health->database.name, "health_database");
    health->database.links = 1;
    health->database.depth = 1;
    health->database.queue = 1;
    health->database.timeout = health->timeout;
    health->database.channels = NULL;
    health->database.notified = NULL;
    health->database.connected = NULL;

    health->redis = mcf->redis;
    ngx_str_set(&health->redis.name, "health_redis");
    health->redis.links = 1;
    health->redis.depth = 1;
    health->redis.queue = 1;
    health->redis.timeout = health->timeout;

    health->heartbeats = health->redis;
    ngx_str_set(&health->heartbeats.name, "heartbeats");
    health->heartbeats.channels = "/%d.celeryev/worker.heartbeat";
    health->heartbeats.notified = ngx_leadgen_prober_heard;

    ngx_str_set(&health->threads.name, "health_threads");
    health->threads.driver = "thread";
    health->threads.links = 4;
    health->threads.depth = 1;
    health->threads.queue = NGX_LEADGEN_STATUS_SERVICES + 1;
    health->threads.timeout = health->timeout + NGX_LEADGEN_WATCH_GRACE;
}
