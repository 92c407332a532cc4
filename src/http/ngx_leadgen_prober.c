
/*
 * The prober: in one worker of the gateway, services are asked how they are,
 * and what they answer, or that they do not, enters the zone.
 *
 * It has connections of its own, so that no queue of the API's stands between
 * the question and the service.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_PROBER_TICK       500   /* milliseconds */
#define NGX_LEADGEN_PROBER_HEARTBEAT  10000 /* five of Celery's */


typedef struct ngx_leadgen_prober_s  ngx_leadgen_prober_t;


/* One question that is being asked. */

typedef struct {
    uint64_t                    began;      /* microseconds, monotonic */
    unsigned                    asked:1;
    u_char                      timeout[NGX_INT_T_LEN];
} ngx_leadgen_prober_question_t;


/* Lifetime: worker.  The last question is about the machine itself. */

struct ngx_leadgen_prober_s {
    const ngx_leadgen_health_conf_t  *conf; /* NULL: nothing to do */
    ngx_event_t                       timer;
    ngx_msec_t                        next; /* round of questions */
    ngx_msec_t                        heard;
    unsigned                          elected:1;
    unsigned                          curl:1;

    ngx_leadgen_backend_t            *database;
    ngx_leadgen_backend_t            *redis;
    ngx_leadgen_backend_t            *heartbeats;
    ngx_leadgen_backend_t            *threads;

    ngx_leadgen_system_t              system;
    ngx_leadgen_prober_question_t
                              questions[NGX_LEADGEN_STATUS_SERVICES + 1];
};


static void ngx_leadgen_prober_run(ngx_event_t *ev);
static ngx_int_t ngx_leadgen_prober_begin(void);
static ngx_int_t ngx_leadgen_prober_open(const ngx_leadgen_backend_conf_t *conf,
    ngx_leadgen_backend_t **backend);
static void ngx_leadgen_prober_round(void);
static void ngx_leadgen_prober_ask(ngx_uint_t service);
static ngx_leadgen_backend_t *ngx_leadgen_prober_backend(ngx_uint_t service);
static void ngx_leadgen_prober_answer(ngx_leadgen_call_t *call);
static void ngx_leadgen_prober_judge(ngx_uint_t service,
    ngx_leadgen_call_t *call, ngx_leadgen_status_t *status);
static void ngx_leadgen_prober_schema(const ngx_leadgen_call_t *call);
static void ngx_leadgen_prober_workers(void);
static void ngx_leadgen_prober_measure(void);
static void ngx_leadgen_prober_measured(ngx_leadgen_call_t *call);
static void ngx_leadgen_prober_tell(ngx_uint_t service,
    ngx_leadgen_status_t *status);


static ngx_leadgen_prober_t  ngx_leadgen_prober;


ngx_int_t
ngx_leadgen_prober_start(ngx_cycle_t *cycle,
    const ngx_leadgen_main_conf_t *mcf)
{
    ngx_event_t              *ev;
    static ngx_connection_t   none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(&ngx_leadgen_prober, sizeof(ngx_leadgen_prober_t));

    if (!mcf->health.enabled) {
        return NGX_OK;
    }

    /* libcurl wants to be started before there are threads */

    if (ngx_leadgen_probe_init(cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_leadgen_prober.conf = &mcf->health;
    ngx_leadgen_prober.curl = 1;

    ev = &ngx_leadgen_prober.timer;
    ev->handler = ngx_leadgen_prober_run;
    ev->data = &none;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 1);

    return NGX_OK;
}


void
ngx_leadgen_prober_stop(void)
{
    ngx_uint_t              i;
    ngx_leadgen_prober_t   *prober = &ngx_leadgen_prober;
    ngx_leadgen_backend_t  *backends[] = {
        prober->database, prober->redis, prober->heartbeats, prober->threads
    };

    if (prober->conf == NULL) {
        return;
    }

    ngx_leadgen_status_resign();

    if (prober->timer.timer_set) {
        ngx_del_timer(&prober->timer);
    }

    for (i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        if (backends[i]) {
            ngx_leadgen_backend_stop(backends[i]);
        }
    }

    ngx_leadgen_probe_exit();
    prober->conf = NULL;
}


static void
ngx_leadgen_prober_run(ngx_event_t *ev)
{
    ngx_leadgen_prober_t  *prober = &ngx_leadgen_prober;

    if (ngx_exiting) {
        ngx_leadgen_status_resign();
        return;
    }

    ngx_add_timer(ev, ngx_min(NGX_LEADGEN_PROBER_TICK,
                              prober->conf->interval));

    if (!ngx_leadgen_status_elect()) {
        prober->elected = 0;
        return;
    }

    if (!prober->elected) {

        if (ngx_leadgen_prober_begin() != NGX_OK) {
            ngx_leadgen_status_resign();
            return;
        }

        prober->elected = 1;
        prober->next = ngx_current_msec;
        prober->heard = ngx_current_msec;
    }

    if ((ngx_msec_int_t) (ngx_current_msec - prober->next) >= 0) {
        prober->next = ngx_current_msec + prober->conf->interval;
        ngx_leadgen_prober_round();
    }

    ngx_leadgen_census();
}


/* Who was the prober before, and is again, has its connections still. */

static ngx_int_t
ngx_leadgen_prober_begin(void)
{
    ngx_leadgen_prober_t             *prober = &ngx_leadgen_prober;
    const ngx_leadgen_health_conf_t  *conf = prober->conf;

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "leadgen: prober: this worker looks after health");

    (void) ngx_leadgen_status_system(&prober->system);

    if (ngx_leadgen_prober_open(&conf->threads, &prober->threads) != NGX_OK
        || ngx_leadgen_prober_open(&conf->database, &prober->database)
           != NGX_OK
        || ngx_leadgen_prober_open(&conf->redis, &prober->redis) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!conf->services[NGX_LEADGEN_SERVICE_WORKERS].configured) {
        return NGX_OK;
    }

    return ngx_leadgen_prober_open(&conf->heartbeats, &prober->heartbeats);
}


static ngx_int_t
ngx_leadgen_prober_open(const ngx_leadgen_backend_conf_t *conf,
    ngx_leadgen_backend_t **backend)
{
    if (conf->driver && *backend == NULL) {
        *backend = ngx_leadgen_backend_start((ngx_cycle_t *) ngx_cycle, conf);
        return *backend ? NGX_OK : NGX_ERROR;
    }

    return NGX_OK;
}


/* --- questions --- */

static void
ngx_leadgen_prober_round(void)
{
    ngx_uint_t                        i;
    ngx_leadgen_prober_t             *prober = &ngx_leadgen_prober;
    const ngx_leadgen_health_conf_t  *conf = prober->conf;

    ngx_leadgen_prober_measure();

    for (i = 0; i < conf->nservices; i++) {

        if (!conf->services[i].configured) {
            continue;
        }

        if (i == NGX_LEADGEN_SERVICE_WORKERS) {
            ngx_leadgen_prober_workers();

        } else if (!prober->questions[i].asked) {
            ngx_leadgen_prober_ask(i);
        }
    }
}


static void
ngx_leadgen_prober_ask(ngx_uint_t service)
{
    ngx_leadgen_call_t               *call;
    ngx_leadgen_status_t              status;
    ngx_leadgen_prober_t             *prober = &ngx_leadgen_prober;
    ngx_leadgen_backend_t            *backend;
    ngx_leadgen_prober_question_t    *question;
    const ngx_leadgen_health_conf_t  *conf = prober->conf;

    question = &prober->questions[service];
    backend = ngx_leadgen_prober_backend(service);

    call = ngx_leadgen_call_create(NULL, backend == prober->threads ? 2 : 0);
    if (call == NULL) {
        return;
    }

    call->done = ngx_leadgen_prober_answer;
    call->data = question;

    if (backend == prober->database) {
        call->statement = "select api.schema_version()";

    } else if (backend == prober->redis) {
        call->statement = "PING";

    } else {
        call->work = ngx_leadgen_probe_work;
        call->args[0] = conf->services[service].target;
        call->args[1].data = question->timeout;
        call->args[1].len = ngx_sprintf(question->timeout, "%M", conf->timeout)
                            - question->timeout;
    }

    question->began = ngx_leadgen_time_monotonic();
    question->asked = 1;

    if (ngx_leadgen_call_submit(backend, call, 0) == NGX_OK) {
        return;
    }

    ngx_leadgen_call_cancel(call);
    question->asked = 0;

    ngx_memzero(&status, sizeof(ngx_leadgen_status_t));
    status.error = backend == prober->threads
                   ? NGX_LEADGEN_STATUS_BUSY
                   : NGX_LEADGEN_STATUS_NOT_REACHABLE;

    ngx_leadgen_prober_tell(service, &status);
}


static ngx_leadgen_backend_t *
ngx_leadgen_prober_backend(ngx_uint_t service)
{
    switch (service) {

    case NGX_LEADGEN_SERVICE_DATABASE:
        return ngx_leadgen_prober.database;

    case NGX_LEADGEN_SERVICE_REDIS:
        return ngx_leadgen_prober.redis;

    default:
        return ngx_leadgen_prober.threads;
    }
}


/* --- answers --- */

static void
ngx_leadgen_prober_answer(ngx_leadgen_call_t *call)
{
    ngx_uint_t                      service;
    ngx_leadgen_status_t            status;
    ngx_leadgen_prober_question_t  *question = call->data;

    service = question - ngx_leadgen_prober.questions;
    question->asked = 0;

    ngx_memzero(&status, sizeof(ngx_leadgen_status_t));
    status.latency = ngx_leadgen_time_monotonic() - question->began;

    ngx_leadgen_prober_judge(service, call, &status);
    ngx_leadgen_prober_tell(service, &status);
}


static void
ngx_leadgen_prober_judge(ngx_uint_t service, ngx_leadgen_call_t *call,
    ngx_leadgen_status_t *status)
{
    ngx_leadgen_backend_t  *backend;

    backend = ngx_leadgen_prober_backend(service);

    switch (call->result) {

    case NGX_LEADGEN_CALL_OK:

        if (backend == ngx_leadgen_prober.database) {
            ngx_leadgen_prober_schema(call);

        } else if (backend == ngx_leadgen_prober.threads
                   && call->nrows
                   && call->values[0].len == sizeof(ngx_leadgen_status_t))
        {
            ngx_memcpy(status, call->values[0].data,
                       sizeof(ngx_leadgen_status_t));
        }

        return;

    case NGX_LEADGEN_CALL_REFUSED:
        status->error = NGX_LEADGEN_STATUS_REFUSED;

        /* there is no such function: it has no migrations */

        if (ngx_strncmp(call->code, "42", 2) == 0
            || ngx_strncmp(call->code, "3F", 2) == 0)
        {
            ngx_leadgen_status_set_schema(0);
        }

        return;

    case NGX_LEADGEN_CALL_LOST:
        status->error = NGX_LEADGEN_STATUS_LOST;
        return;

    case NGX_LEADGEN_CALL_UNSENT:
        status->error = ngx_leadgen_backend_is_up(backend)
                        ? NGX_LEADGEN_STATUS_NO_ANSWER
                        : NGX_LEADGEN_STATUS_NOT_REACHABLE;
        return;

    case NGX_LEADGEN_CALL_TIMEOUT:
        status->error = NGX_LEADGEN_STATUS_NO_ANSWER;
        return;
    }
}


/* "NUMBER.DIGEST", the number being that of migrations. */

static void
ngx_leadgen_prober_schema(const ngx_leadgen_call_t *call)
{
    u_char     *dot;
    ngx_int_t   n;
    ngx_str_t   version;

    n = 0;

    if (call->nrows && call->values[0].data) {
        version = call->values[0];
        dot = ngx_strlchr(version.data, version.data + version.len, '.');

        n = ngx_atoi(version.data, dot ? (size_t) (dot - version.data)
                                       : version.len);
    }

    ngx_leadgen_status_set_schema(ngx_max(n, 0));
}


static void
ngx_leadgen_prober_tell(ngx_uint_t service, ngx_leadgen_status_t *status)
{
    status->checked = ngx_leadgen_time_now();

    ngx_leadgen_status_set(service,
                           ngx_leadgen_prober.conf->services[service].key,
                           status);
}


/* --- Celery workers --- */

void
ngx_leadgen_prober_heard(void *data, ngx_str_t *channel, ngx_str_t *message)
{
    ngx_leadgen_status_t  status;

    ngx_leadgen_prober.heard = ngx_current_msec;

    if (ngx_leadgen_prober.elected) {
        ngx_memzero(&status, sizeof(ngx_leadgen_status_t));
        ngx_leadgen_prober_tell(NGX_LEADGEN_SERVICE_WORKERS, &status);
    }
}


/* A prober that has just begun may yet hear one: it takes its time. */

static void
ngx_leadgen_prober_workers(void)
{
    ngx_leadgen_status_t  status;

    if (ngx_current_msec - ngx_leadgen_prober.heard
        < NGX_LEADGEN_PROBER_HEARTBEAT)
    {
        return;
    }

    ngx_memzero(&status, sizeof(ngx_leadgen_status_t));
    status.error = ngx_leadgen_backend_is_up(ngx_leadgen_prober.heartbeats)
                   ? NGX_LEADGEN_STATUS_NO_HEARTBEAT
                   : NGX_LEADGEN_STATUS_NOT_REACHABLE;

    ngx_leadgen_prober_tell(NGX_LEADGEN_SERVICE_WORKERS, &status);
}


/* --- the machine --- */

static void
ngx_leadgen_prober_measure(void)
{
    ngx_leadgen_call_t             *call;
    ngx_leadgen_prober_t           *prober = &ngx_leadgen_prober;
    ngx_leadgen_prober_question_t  *question;

    question = &prober->questions[NGX_LEADGEN_STATUS_SERVICES];

    if (question->asked) {
        return;
    }

    call = ngx_leadgen_call_create(NULL, 2);
    if (call == NULL) {
        return;
    }

    call->done = ngx_leadgen_prober_measured;
    call->data = question;
    call->work = ngx_leadgen_system_work;
    call->args[0].data = (u_char *) &prober->system;
    call->args[0].len = prober->system.elapsed ? sizeof(ngx_leadgen_system_t)
                                               : 0;
    call->args[1] = prober->conf->disk;

    question->asked = 1;

    if (ngx_leadgen_call_submit(prober->threads, call, 0) != NGX_OK) {
        ngx_leadgen_call_cancel(call);
        question->asked = 0;
    }
}


static void
ngx_leadgen_prober_measured(ngx_leadgen_call_t *call)
{
    ngx_leadgen_prober_t           *prober = &ngx_leadgen_prober;
    ngx_leadgen_prober_question_t  *question = call->data;

    question->asked = 0;

    if (call->result != NGX_LEADGEN_CALL_OK
        || call->values[0].len != sizeof(ngx_leadgen_system_t))
    {
        return;
    }

    ngx_memcpy(&prober->system, call->values[0].data,
               sizeof(ngx_leadgen_system_t));

    ngx_leadgen_status_set_system(&prober->system);
}
