
/*
 * The directive leadgen_sentry: its words go in, what is told to Sentry and how
 * much of it comes out.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_REPORTING_TEXT    200   /* bytes, as Sentry has them */
#define NGX_LEADGEN_REPORTING_KEY     32
#define NGX_LEADGEN_REPORTING_TAGS    16
#define NGX_LEADGEN_REPORTING_CRUMBS  100


static ngx_int_t ngx_leadgen_reporting_value(ngx_conf_t *cf,
    const ngx_str_t *word, ngx_str_t *value);
static char *ngx_leadgen_reporting_option(ngx_conf_t *cf,
    ngx_leadgen_sentry_conf_t *sentry, ngx_str_t *word);
static char *ngx_leadgen_reporting_text(ngx_conf_t *cf, ngx_str_t *word,
    ngx_str_t *value, ngx_str_t *text);
static char *ngx_leadgen_reporting_rate(ngx_conf_t *cf, ngx_str_t *word,
    ngx_str_t *value, ngx_uint_t *rate);
static char *ngx_leadgen_reporting_level(ngx_conf_t *cf, ngx_str_t *word,
    ngx_str_t *value, ngx_uint_t *level);
static char *ngx_leadgen_reporting_tag(ngx_conf_t *cf, ngx_str_t *word,
    ngx_str_t *value, ngx_array_t *tags);
static ngx_uint_t ngx_leadgen_reporting_is(ngx_str_t *word, const char *name,
    ngx_str_t *value);


void
ngx_leadgen_reporting_create(ngx_leadgen_sentry_conf_t *sentry)
{
    ngx_str_set(&sentry->environment, "production");
    sentry->sample_rate = NGX_LEADGEN_SENTRY_ALWAYS;
    sentry->max_breadcrumbs = 20;
    sentry->level = NGX_LOG_ERR;
}


char *
ngx_leadgen_reporting_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_location_conf_t  *lcf = conf;

    ngx_int_t                   rc;
    ngx_str_t                  *word;
    ngx_uint_t                  i;
    ngx_leadgen_main_conf_t    *mcf;
    ngx_leadgen_sentry_conf_t  *sentry;

    if (lcf->sentry != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    word = cf->args->elts;
    lcf->sentry = 1;

    if (cf->args->nelts == 2 && ngx_strcmp(word[1].data, "off") == 0) {
        lcf->sentry = 0;
        return NGX_CONF_OK;
    }

    if (!(cf->cmd_type & NGX_HTTP_MAIN_CONF)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "in a server or location it can be \"off\" only");
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    sentry = &mcf->sentry;
    sentry->server_name = cf->cycle->hostname;

    if (ngx_array_init(&sentry->tags, cf->pool, 4,
                       sizeof(ngx_leadgen_sentry_tag_t)) != NGX_OK
        || ngx_leadgen_reporting_value(cf, &word[1], &sentry->dsn) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rc = ngx_leadgen_shipping_option(cf, &mcf->shipping, &word[i]);

        if (rc == NGX_ERROR
            || (rc == NGX_DECLINED
                && ngx_leadgen_reporting_option(cf, sentry, &word[i])
                   != NGX_CONF_OK))
        {
            return NGX_CONF_ERROR;
        }
    }

    if (sentry->dsn.len == 0) {
        return NGX_CONF_OK;
    }

    ngx_leadgen_conf_note(cf, "leadgen_sentry", &mcf->uses_zone);
    ngx_leadgen_conf_note(cf, "leadgen_sentry", &mcf->uses_spool);

    return ngx_leadgen_shipping_dsn(cf, mcf);
}


/* A variable that is not set is empty: what it says is left out, or off. */

static ngx_int_t
ngx_leadgen_reporting_value(ngx_conf_t *cf, const ngx_str_t *word,
    ngx_str_t *value)
{
    char  *found;

    if (ngx_strncmp(word->data, "env:", 4) == 0) {
        found = getenv((char *) word->data + 4);

        if (found == NULL || *found == '\0') {
            ngx_str_set(value, "");
            return NGX_OK;
        }
    }

    return ngx_leadgen_conf_value(cf, word, value);
}


static char *
ngx_leadgen_reporting_option(ngx_conf_t *cf, ngx_leadgen_sentry_conf_t *sentry,
    ngx_str_t *word)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_leadgen_reporting_is(word, "environment=", &value)) {
        return ngx_leadgen_reporting_text(cf, word, &value,
                                          &sentry->environment);
    }

    if (ngx_leadgen_reporting_is(word, "release=", &value)) {
        return ngx_leadgen_reporting_text(cf, word, &value, &sentry->release);
    }

    if (ngx_leadgen_reporting_is(word, "server_name=", &value)) {
        return ngx_leadgen_reporting_text(cf, word, &value,
                                          &sentry->server_name);
    }

    if (ngx_leadgen_reporting_is(word, "sample_rate=", &value)) {
        return ngx_leadgen_reporting_rate(cf, word, &value,
                                          &sentry->sample_rate);
    }

    if (ngx_leadgen_reporting_is(word, "traces_sample_rate=", &value)) {
        return ngx_leadgen_reporting_rate(cf, word, &value,
                                          &sentry->traces_sample_rate);
    }

    if (ngx_leadgen_reporting_is(word, "level=", &value)) {
        return ngx_leadgen_reporting_level(cf, word, &value, &sentry->level);
    }

    if (ngx_leadgen_reporting_is(word, "tag=", &value)) {
        return ngx_leadgen_reporting_tag(cf, word, &value, &sentry->tags);
    }

    if (ngx_leadgen_reporting_is(word, "max_breadcrumbs=", &value)) {
        n = ngx_atoi(value.data, value.len);

        if (n == NGX_ERROR || n > NGX_LEADGEN_REPORTING_CRUMBS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not a number from 0 to %d", word,
                               NGX_LEADGEN_REPORTING_CRUMBS);
            return NGX_CONF_ERROR;
        }

        sentry->max_breadcrumbs = n;
        return NGX_CONF_OK;
    }

    if (ngx_leadgen_reporting_is(word, "send_pii=", &value)) {
        sentry->send_pii = ngx_strcmp(value.data, "on") == 0;

        if (!sentry->send_pii && ngx_strcmp(value.data, "off") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is neither \"on\" nor \"off\"", word);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown option \"%V\": use environment=, release=, "
                       "server_name=, sample_rate=, traces_sample_rate=, "
                       "max_breadcrumbs=, level=, send_pii=, tag=, queue= or "
                       "timeout=", word);

    return NGX_CONF_ERROR;
}


static char *
ngx_leadgen_reporting_text(ngx_conf_t *cf, ngx_str_t *word, ngx_str_t *value,
    ngx_str_t *text)
{
    size_t     i;
    ngx_str_t  found;

    if (ngx_leadgen_reporting_value(cf, value, &found) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (found.len > NGX_LEADGEN_REPORTING_TEXT
        || !ngx_leadgen_text_is_utf8(&found))
    {
        goto refused;
    }

    for (i = 0; i < found.len; i++) {
        if (found.data[i] < ' ' || found.data[i] == 0x7f) {
            goto refused;
        }
    }

    if (found.len) {
        *text = found;
    }

    return NGX_CONF_OK;

refused:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is not one line of text of up to %d bytes",
                       word, NGX_LEADGEN_REPORTING_TEXT);
    return NGX_CONF_ERROR;
}


static char *
ngx_leadgen_reporting_rate(ngx_conf_t *cf, ngx_str_t *word, ngx_str_t *value,
    ngx_uint_t *rate)
{
    ngx_int_t  n;

    n = ngx_atofp(value->data, value->len, 6);

    if (n == NGX_ERROR || n > NGX_LEADGEN_SENTRY_ALWAYS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a rate from 0 to 1, such as 0.25",
                           word);
        return NGX_CONF_ERROR;
    }

    *rate = n;

    return NGX_CONF_OK;
}


static char *
ngx_leadgen_reporting_level(ngx_conf_t *cf, ngx_str_t *word, ngx_str_t *value,
    ngx_uint_t *level)
{
    ngx_uint_t  i;

    static const char  *names[] = {
        "off", "emerg", "alert", "crit", "error", "warn"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if (ngx_strcmp(value->data, names[i]) == 0) {
            *level = i;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is not a level: use emerg, alert, crit, error, "
                       "warn or off", word);

    return NGX_CONF_ERROR;
}


static char *
ngx_leadgen_reporting_tag(ngx_conf_t *cf, ngx_str_t *word, ngx_str_t *value,
    ngx_array_t *tags)
{
    u_char                    *colon;
    size_t                     i;
    ngx_leadgen_sentry_tag_t  *tag, one;

    colon = ngx_strlchr(value->data, value->data + value->len, ':');

    if (colon == NULL || tags->nelts == NGX_LEADGEN_REPORTING_TAGS) {
        goto refused;
    }

    one.key.data = value->data;
    one.key.len = colon - value->data;
    one.value.data = colon + 1;
    one.value.len = value->data + value->len - one.value.data;

    if (one.key.len == 0 || one.key.len > NGX_LEADGEN_REPORTING_KEY
        || one.value.len == 0)
    {
        goto refused;
    }

    for (i = 0; i < one.key.len; i++) {
        if (ngx_strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       "0123456789_.-", one.key.data[i]) == NULL)
        {
            goto refused;
        }
    }

    tag = ngx_array_push(tags);
    if (tag == NULL) {
        return NGX_CONF_ERROR;
    }

    *tag = one;

    return ngx_leadgen_reporting_text(cf, word, &one.value, &tag->value);

refused:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is not tag=KEY:VALUE, such as tag=region:eu, or "
                       "there are more than %d", word,
                       NGX_LEADGEN_REPORTING_TAGS);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_leadgen_reporting_is(ngx_str_t *word, const char *name, ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (ngx_strncmp(word->data, name, len) != 0) {
        return 0;
    }

    value->data = word->data + len;
    value->len = word->len - len;

    return 1;
}
