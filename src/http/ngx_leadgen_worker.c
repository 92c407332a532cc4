
/*
 * A worker: the configuration goes in when it starts, running backends and the
 * event stream come out, and go when it exits.
 */


#include "ngx_leadgen_ctx.h"


ngx_leadgen_worker_t  ngx_leadgen_worker;


static ngx_int_t ngx_leadgen_worker_mail(ngx_cycle_t *cycle,
    const ngx_leadgen_main_conf_t *mcf);
static ngx_int_t ngx_leadgen_worker_start(ngx_cycle_t *cycle,
    const ngx_leadgen_backend_conf_t *conf, ngx_leadgen_backend_t **backend);


ngx_int_t
ngx_leadgen_worker_prepare(ngx_cycle_t *cycle)
{
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_leadgen_module);

    if (mcf == NULL || mcf->zone == NULL) {
        return NGX_OK;
    }

    ngx_leadgen_zone_configured(mcf->zone);

    return ngx_leadgen_withhold_prepare(cycle, mcf);
}


ngx_int_t
ngx_leadgen_worker_init(ngx_cycle_t *cycle)
{
    ngx_leadgen_worker_t     *worker = &ngx_leadgen_worker;
    ngx_leadgen_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_leadgen_module);

    if (mcf == NULL || mcf->zone == NULL) {
        return NGX_OK;
    }

    ngx_leadgen_zone_attach(mcf->zone);

    /* now: it opens a file */
    json_object_seed(0);
    ngx_leadgen_crash_look();
    ngx_leadgen_sampler_start(cycle);

    if (ngx_leadgen_errorlog_start(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_leadgen_worker_start(cycle, &mcf->files, &worker->files) != NGX_OK
        || ngx_leadgen_worker_start(cycle, &mcf->hashing, &worker->hashing)
           != NGX_OK
        || ngx_leadgen_worker_start(cycle, &mcf->database, &worker->database)
           != NGX_OK
        || ngx_leadgen_worker_start(cycle, &mcf->redis, &worker->redis)
           != NGX_OK
        || ngx_leadgen_worker_mail(cycle, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mcf->database.driver
        && ngx_leadgen_revocation_start(cycle, &mcf->revocations, mcf->keys)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_leadgen_prober_start(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    /* one worker of a gateway is enough, and it is replaced when it dies */

    if (mcf->relay.database.driver && ngx_worker == 0
        && ngx_leadgen_relay_start(cycle, &mcf->relay) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (worker->database) {
        ngx_leadgen_feed_start(cycle, worker->database);
        ngx_leadgen_roster_start(mcf, worker->database);
    }

    if (mcf->spool.path.len == 0) {

        if (worker->database) {
            ngx_leadgen_seal_start(mcf, worker->database);
        }

        return NGX_OK;
    }

    /* without its spool a worker still serves what need not be recorded */

    (void) ngx_leadgen_spool_open(cycle, &mcf->spool, worker->files);
    ngx_leadgen_remember_start(cycle, mcf, worker->files);
    (void) ngx_leadgen_sentry_start(cycle, &mcf->shipping, worker->files);
    ngx_leadgen_crash_tell(&mcf->sentry);

    if (ngx_leadgen_worker_start(cycle, &mcf->audit, &worker->audit) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_leadgen_seal_start(mcf, worker->audit);

    return ngx_leadgen_pump_start(cycle, worker->audit, worker->files);
}


void
ngx_leadgen_worker_notified(void *data, ngx_str_t *channel, ngx_str_t *payload)
{
    static const ngx_str_t  roles = ngx_string("leadgen_roles");

    if (channel->len == roles.len
        && ngx_memcmp(channel->data, roles.data, roles.len) == 0)
    {
        ngx_leadgen_feed_notified(payload);

    } else {
        ngx_leadgen_mailer_wake();
    }
}


void
ngx_leadgen_worker_connected(void *data)
{
    ngx_leadgen_feed_connected();
}


static ngx_int_t
ngx_leadgen_worker_mail(ngx_cycle_t *cycle, const ngx_leadgen_main_conf_t *mcf)
{
    ngx_leadgen_worker_t  *worker = &ngx_leadgen_worker;

    if (mcf->mail.driver == NULL) {
        return NGX_OK;
    }

    if (ngx_leadgen_mail_init(cycle->log) != NGX_OK
        || ngx_leadgen_worker_start(cycle, &mcf->mail, &worker->mail)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_leadgen_mailer_start(mcf);

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_worker_start(ngx_cycle_t *cycle,
    const ngx_leadgen_backend_conf_t *conf, ngx_leadgen_backend_t **backend)
{
    if (conf->driver == NULL) {
        return NGX_OK;
    }

    *backend = ngx_leadgen_backend_start(cycle, conf);

    return *backend ? NGX_OK : NGX_ERROR;
}


void
ngx_leadgen_worker_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t               i;
    ngx_leadgen_worker_t    *worker = &ngx_leadgen_worker;
    ngx_leadgen_backend_t  **backend[] = {
        &worker->audit, &worker->redis, &worker->database, &worker->hashing,
        &worker->files, &worker->mail
    };

    if (worker->files) {
        ngx_leadgen_backend_settle(worker->files);
    }

    ngx_leadgen_sentry_stop();

    if (worker->audit) {
        ngx_leadgen_pump_stop();
        ngx_leadgen_spool_close();
    }

    ngx_leadgen_errorlog_stop();
    ngx_leadgen_sampler_stop();
    ngx_leadgen_seal_stop();
    ngx_leadgen_prober_stop();
    ngx_leadgen_remember_stop();
    ngx_leadgen_revocation_stop();
    ngx_leadgen_relay_stop();
    ngx_leadgen_feed_stop();
    ngx_leadgen_roster_stop();
    ngx_leadgen_mailer_stop();

    if (worker->mail) {
        ngx_leadgen_mail_exit();
    }

    for (i = 0; i < sizeof(backend) / sizeof(backend[0]); i++) {

        if (*backend[i]) {
            ngx_leadgen_backend_stop(*backend[i]);
            *backend[i] = NULL;
        }
    }

    ngx_leadgen_zone_attach(NULL);
}
