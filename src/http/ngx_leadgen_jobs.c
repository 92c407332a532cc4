
/*
 * Jobs in the configuration: the words of leadgen_jobs go in, what the relay
 * goes by comes out.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_JOBS_TIMEOUT       1500     /* milliseconds: the relay must
                                                 * not be silent for 4000 */
#define NGX_LEADGEN_JOBS_LOST_AFTER    30       /* seconds */
#define NGX_LEADGEN_JOBS_LOST_LEAST    5        /* two heartbeats of Celery,
                                                 * and one second more */
#define NGX_LEADGEN_JOBS_LOST_MOST     3600
#define NGX_LEADGEN_JOBS_ATTEMPTS      3
#define NGX_LEADGEN_JOBS_ATTEMPTS_MAX  100
#define NGX_LEADGEN_JOBS_LONGEST       3600
#define NGX_LEADGEN_JOBS_LONGEST_LEAST 60
#define NGX_LEADGEN_JOBS_LONGEST_MOST  (7 * 86400)
#define NGX_LEADGEN_JOBS_KEEP          (30 * 86400)
#define NGX_LEADGEN_JOBS_KEEP_LEAST    86400


static char *ngx_leadgen_jobs_option(ngx_conf_t *cf,
    ngx_leadgen_relay_conf_t *relay, const ngx_str_t *word);


char *
ngx_leadgen_jobs_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t  *mcf = conf;

    ngx_str_t   *word;
    ngx_uint_t   i;

    word = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_leadgen_jobs_option(cf, &mcf->relay, &word[i]) != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    ngx_leadgen_conf_note(cf, "leadgen_jobs", &mcf->uses_database);
    ngx_leadgen_conf_note(cf, "leadgen_jobs", &mcf->uses_redis);

    return NGX_CONF_OK;
}


static char *
ngx_leadgen_jobs_option(ngx_conf_t *cf, ngx_leadgen_relay_conf_t *relay,
    const ngx_str_t *word)
{
    ngx_int_t   n;
    ngx_str_t   value;
    ngx_int_t  *place;
    ngx_uint_t  i;

    static const struct {
        ngx_str_t   name;
        ngx_int_t   least;
        ngx_int_t   most;
        size_t      offset;
        ngx_uint_t  is_number;
        const char *what;
    } options[] = {
        { ngx_string("lost_after="), NGX_LEADGEN_JOBS_LOST_LEAST,
          NGX_LEADGEN_JOBS_LOST_MOST,
          offsetof(ngx_leadgen_relay_conf_t, lost_after), 0,
          "a time from 5s to 1h" },
        { ngx_string("attempts="), 1, NGX_LEADGEN_JOBS_ATTEMPTS_MAX,
          offsetof(ngx_leadgen_relay_conf_t, attempts), 1,
          "a number from 1 to 100" },
        { ngx_string("longest="), NGX_LEADGEN_JOBS_LONGEST_LEAST,
          NGX_LEADGEN_JOBS_LONGEST_MOST,
          offsetof(ngx_leadgen_relay_conf_t, longest), 0,
          "a time from 1m to 7d" },
        { ngx_string("keep="), NGX_LEADGEN_JOBS_KEEP_LEAST,
          NGX_MAX_INT_T_VALUE, offsetof(ngx_leadgen_relay_conf_t, keep), 0,
          "a time of 1d or more" }
    };

    for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {

        if (word->len < options[i].name.len
            || ngx_strncmp(word->data, options[i].name.data,
                           options[i].name.len) != 0)
        {
            continue;
        }

        value.data = word->data + options[i].name.len;
        value.len = word->len - options[i].name.len;

        place = (ngx_int_t *) ((u_char *) relay + options[i].offset);

        if (*place) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is there twice", &options[i].name);
            return NGX_CONF_ERROR;
        }

        n = options[i].is_number ? ngx_atoi(value.data, value.len)
                                 : ngx_parse_time(&value, 1);

        if (n < options[i].least || n > options[i].most) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is not %s",
                               word, options[i].what);
            return NGX_CONF_ERROR;
        }

        *place = n;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown option \"%V\": use lost_after=, attempts=, "
                       "longest= or keep=", word);

    return NGX_CONF_ERROR;
}


/* A database and a Redis make a relay. */

void
ngx_leadgen_jobs_init(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf)
{
    ngx_leadgen_relay_conf_t  *relay;

    relay = &mcf->relay;

    if (mcf->database.driver == NULL || mcf->redis.driver == NULL) {
        return;
    }

    relay->database = mcf->audit;
    ngx_str_set(&relay->database.name, "relay");
    relay->database.channels = ngx_leadgen_relay_channels;
    relay->database.notified = ngx_leadgen_relay_notified;
    relay->database.connected = ngx_leadgen_relay_connected;
    relay->database.timeout = NGX_LEADGEN_JOBS_TIMEOUT;

    relay->redis = mcf->redis;
    ngx_str_set(&relay->redis.name, "relay to redis");
    relay->redis.links = 1;
    relay->redis.depth = 1;
    relay->redis.timeout = NGX_LEADGEN_JOBS_TIMEOUT;

    relay->redis_database = ngx_leadgen_redis_database(cf->pool,
                                                       &mcf->redis.target);

    relay->published = relay->redis;
    ngx_str_set(&relay->published.name, "celery events");
    relay->published.channels = "/%d.celeryev/* celery-task-meta-*";
    relay->published.notified = ngx_leadgen_listener_notified;

    ngx_str_set(&relay->reason, "PostgreSQL or Redis does not answer");

    if (relay->lost_after == 0) {
        relay->lost_after = NGX_LEADGEN_JOBS_LOST_AFTER;
    }

    if (relay->attempts == 0) {
        relay->attempts = NGX_LEADGEN_JOBS_ATTEMPTS;
    }

    if (relay->longest == 0) {
        relay->longest = NGX_LEADGEN_JOBS_LONGEST;
    }

    if (relay->keep == 0) {
        relay->keep = NGX_LEADGEN_JOBS_KEEP;
    }
}
