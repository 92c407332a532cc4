
/*
 * The roster: what this gateway decides by and how it is enters, and goes to
 * PostgreSQL every few seconds, so that any gateway can tell of all.
 */


#include "ngx_leadgen_ctx.h"
#include <ngx_sha1.h>


#define NGX_LEADGEN_ROSTER_INTERVAL  5000   /* milliseconds */
#define NGX_LEADGEN_ROSTER_BEGIN     1000   /* others measure before */
#define NGX_LEADGEN_ROSTER_DIGITS    12     /* of the policy's version */


/* Lifetime: worker. */

static struct {
    const ngx_leadgen_main_conf_t  *conf;   /* NULL: nothing to tell */
    ngx_leadgen_backend_t          *database;
    ngx_event_t                     timer;
    ngx_pool_t                     *pool;   /* of the last call, or NULL */
} ngx_leadgen_roster;


static void ngx_leadgen_roster_tell(ngx_event_t *ev);
static void ngx_leadgen_roster_told(ngx_leadgen_call_t *call);
static json_t *ngx_leadgen_roster_report(const ngx_leadgen_main_conf_t *conf);
static json_int_t ngx_leadgen_roster_seconds(ngx_leadgen_metric_e metric);
static ngx_uint_t ngx_leadgen_roster_workers(void);
static void ngx_leadgen_roster_policy(const ngx_leadgen_main_conf_t *conf,
    u_char *version);
static void ngx_leadgen_roster_rule(ngx_sha1_t *sha1,
    const ngx_leadgen_rule_t *rule);
static void ngx_leadgen_roster_number(ngx_sha1_t *sha1, uint64_t number);
static void ngx_leadgen_roster_text(ngx_sha1_t *sha1, const ngx_str_t *text);


void
ngx_leadgen_roster_start(const ngx_leadgen_main_conf_t *conf,
    ngx_leadgen_backend_t *database)
{
    ngx_event_t  *timer;

    /* nginx's debug log looks into data for a connection */
    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(&ngx_leadgen_roster, sizeof(ngx_leadgen_roster));

    /* one worker speaks for all: what it tells stands in the zone */

    if (ngx_worker != 0) {
        return;
    }

    ngx_leadgen_roster.conf = conf;
    ngx_leadgen_roster.database = database;

    timer = &ngx_leadgen_roster.timer;
    timer->handler = ngx_leadgen_roster_tell;
    timer->data = &none;
    timer->log = ngx_cycle->log;
    timer->cancelable = 1;

    ngx_add_timer(timer, NGX_LEADGEN_ROSTER_BEGIN);
}


void
ngx_leadgen_roster_stop(void)
{
    if (ngx_leadgen_roster.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_roster.timer);
    }

    if (ngx_leadgen_roster.pool) {
        ngx_destroy_pool(ngx_leadgen_roster.pool);
    }

    ngx_memzero(&ngx_leadgen_roster, sizeof(ngx_leadgen_roster));
}


/* One that was not answered meanwhile is given up: this one says more. */

static void
ngx_leadgen_roster_tell(ngx_event_t *ev)
{
    json_t              *report;
    ngx_leadgen_call_t  *call;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_LEADGEN_ROSTER_INTERVAL);

    if (ngx_leadgen_roster.pool) {
        ngx_destroy_pool(ngx_leadgen_roster.pool);
    }

    ngx_leadgen_roster.pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE,
                                              ngx_cycle->log);
    if (ngx_leadgen_roster.pool == NULL) {
        return;
    }

    call = ngx_leadgen_call_create(ngx_leadgen_roster.pool, 3);
    report = ngx_leadgen_roster_report(ngx_leadgen_roster.conf);

    if (call && report
        && ngx_leadgen_json_dump(ngx_leadgen_roster.pool, report,
                                 &call->args[2]) == NGX_OK)
    {
        call->statement = "select api.gateway_report($1, $2, $3::jsonb)";
        call->done = ngx_leadgen_roster_told;
        call->args[0] = ngx_cycle->hostname;
        call->args[1] = ngx_cycle->conf_file;

        (void) ngx_leadgen_call_submit(ngx_leadgen_roster.database, call, 0);
    }

    json_decref(report);
}


/* Nothing: what failed comes again, and the backend has told. */

static void
ngx_leadgen_roster_told(ngx_leadgen_call_t *call)
{
}


static json_t *
ngx_leadgen_roster_report(const ngx_leadgen_main_conf_t *conf)
{
    u_char  started[NGX_LEADGEN_TIME_TEXT];
    u_char  version[NGX_LEADGEN_ROSTER_DIGITS];

    (void) ngx_leadgen_time_format(started, ngx_leadgen_zone_started());
    ngx_leadgen_roster_policy(conf, version);

    return json_pack("{s:s, s:s, s:s%, s:s%, s:I, s:I, s:I, s:I, s:I}",
        "version", NGX_LEADGEN_VERSION,
        "nginx", NGINX_VERSION,
        "policy_version", version, (size_t) NGX_LEADGEN_ROSTER_DIGITS,
        "started_at", started, (size_t) NGX_LEADGEN_TIME_TEXT,
        "workers", (json_int_t) ngx_leadgen_roster_workers(),
        "spool_bytes",
        (json_int_t) ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_SPOOL_BYTES),
        "spool_limit_bytes",
        (json_int_t)
            ngx_leadgen_metric_get(NGX_LEADGEN_METRIC_SPOOL_LIMIT_BYTES),
        "spool_oldest_seconds",
        ngx_leadgen_roster_seconds(NGX_LEADGEN_METRIC_SPOOL_OLDEST),
        "revocation_lag_seconds",
        ngx_leadgen_roster_seconds(NGX_LEADGEN_METRIC_REVOCATION_LAG));
}


/* Durations stand in the zone as milliseconds. */

static json_int_t
ngx_leadgen_roster_seconds(ngx_leadgen_metric_e metric)
{
    return ngx_leadgen_metric_get(metric) / 1000;
}


static ngx_uint_t
ngx_leadgen_roster_workers(void)
{
    ngx_int_t   rc;
    ngx_uint_t  i, n, value;

    n = 0;

    for (i = 0; /* void */ ; i++) {
        rc = ngx_leadgen_metric_get_worker(NGX_LEADGEN_METRIC_WORKER_START, i,
                                           &value);
        if (rc == NGX_DONE) {
            return n;
        }

        n += (rc == NGX_OK);
    }
}


/*
 * The policy's version: a digest of all rules and of what roles grant at this
 * moment, those of the database, too.  Gateways that have the same decide the
 * same.
 */

static void
ngx_leadgen_roster_policy(const ngx_leadgen_main_conf_t *conf, u_char *version)
{
    u_char                           digest[20];
    ngx_int_t                        rc;
    ngx_uint_t                       i;
    ngx_sha1_t                       sha1;
    ngx_leadgen_role_t               role;
    const ngx_leadgen_rule_t *const *rule;

    ngx_sha1_init(&sha1);

    rule = conf->rules.elts;

    for (i = 0; i < conf->rules.nelts; i++) {
        ngx_leadgen_roster_rule(&sha1, rule[i]);
    }

    for (i = 0;
         (rc = ngx_leadgen_roles_get(conf->roles, i, &role)) != NGX_DONE;
         i++)
    {
        if (rc == NGX_OK) {
            ngx_leadgen_roster_text(&sha1, &role.name);
            ngx_leadgen_roster_number(&sha1, role.permissions);
        }
    }

    ngx_sha1_final(digest, &sha1);
    (void) ngx_hex_dump(version, digest, NGX_LEADGEN_ROSTER_DIGITS / 2);
}


static void
ngx_leadgen_roster_rule(ngx_sha1_t *sha1, const ngx_leadgen_rule_t *rule)
{
    ngx_uint_t  i;

    ngx_leadgen_roster_number(sha1, rule->methods);
    ngx_leadgen_roster_text(sha1, &rule->path);
    ngx_leadgen_roster_number(sha1, rule->permissions);
    ngx_leadgen_roster_number(sha1, rule->is_public | rule->upgrade << 1
                                    | rule->in_shadow << 2);

    for (i = 0; i < NGX_LEADGEN_NCONDITIONS; i++) {
        ngx_leadgen_roster_text(sha1, &rule->conditions[i]);
    }

    ngx_leadgen_roster_number(sha1, rule->action);
    ngx_leadgen_roster_number(sha1, rule->audit_mode);
    ngx_leadgen_roster_text(sha1, &rule->resource);
    ngx_leadgen_roster_text(sha1, &rule->task);
}


/* As text, which is the same on every machine. */

static void
ngx_leadgen_roster_number(ngx_sha1_t *sha1, uint64_t number)
{
    u_char     buffer[NGX_INT64_LEN];
    ngx_str_t  text;

    text.data = buffer;
    text.len = ngx_sprintf(buffer, "%uL", number) - buffer;

    ngx_leadgen_roster_text(sha1, &text);
}


static void
ngx_leadgen_roster_text(ngx_sha1_t *sha1, const ngx_str_t *text)
{
    ngx_sha1_update(sha1, text->data, text->len);
    ngx_sha1_update(sha1, "\n", 1);
}
