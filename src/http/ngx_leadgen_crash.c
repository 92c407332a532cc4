
/*
 * Crashes: a worker that was ended by a signal goes in with the one that nginx
 * starts in its place, what Sentry is told of it comes out.
 *
 * A worker that is started in place of another inherits the master's table of
 * processes as it was when the other had died.  There is none after a reload,
 * and none when the master dies, too.
 */


#include "ngx_leadgen_ctx.h"
#include <sys/wait.h>


#define NGX_LEADGEN_CRASH_TEXT  128         /* bytes */


/* Lifetime: worker. */

static struct {
    ngx_pid_t                  pid;         /* 0: nobody crashed */
    int                        signal;
    ngx_uint_t                 started;     /* seconds since 1970; 0: unknown */
} ngx_leadgen_crash;


static ngx_str_t ngx_leadgen_crash_number(u_char *digits, ngx_uint_t number);


void
ngx_leadgen_crash_look(void)
{
    const ngx_process_t  *before;

    ngx_memzero(&ngx_leadgen_crash, sizeof(ngx_leadgen_crash));

    if (ngx_process != NGX_PROCESS_WORKER) {
        return;
    }

    before = &ngx_processes[ngx_process_slot];

    if (before->pid <= 0 || !before->exited || !WIFSIGNALED(before->status)) {
        return;
    }

    ngx_leadgen_crash.pid = before->pid;
    ngx_leadgen_crash.signal = WTERMSIG(before->status);

    (void) ngx_leadgen_metric_get_worker(NGX_LEADGEN_METRIC_WORKER_START,
                                         ngx_worker,
                                         &ngx_leadgen_crash.started);
}


void
ngx_leadgen_crash_tell(const ngx_leadgen_sentry_conf_t *conf)
{
    u_char                          value[NGX_LEADGEN_CRASH_TEXT];
    u_char                          digits[3][NGX_INT64_LEN];
    ngx_leadgen_report_t            report;
    ngx_leadgen_finding_t           finding;
    ngx_leadgen_sentry_tag_t        told[3];
    ngx_leadgen_finding_context_t   context;

    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_WORKER_START, ngx_time());

    if (ngx_leadgen_crash.pid == 0) {
        return;
    }

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_WORKER_CRASHES, 1);

    if (conf->dsn.len == 0
        || !ngx_leadgen_sentry_wanted(NGX_LEADGEN_SENTRY_ERROR))
    {
        return;
    }

    ngx_memzero(&finding, sizeof(ngx_leadgen_finding_t));
    ngx_memzero(&context, sizeof(ngx_leadgen_finding_context_t));

    ngx_str_set(&told[0].key, "pid");
    told[0].value = ngx_leadgen_crash_number(digits[0], ngx_leadgen_crash.pid);
    ngx_str_set(&told[1].key, "signal");
    told[1].value = ngx_leadgen_crash_number(digits[1],
                                             ngx_leadgen_crash.signal);
    ngx_str_set(&told[2].key, "uptime_seconds");
    told[2].value = ngx_leadgen_crash_number(digits[2],
                                 ngx_time() - ngx_leadgen_crash.started);

    ngx_str_set(&context.name, "worker");
    context.values.elts = told;
    context.values.nelts = ngx_leadgen_crash.started ? 3 : 2;

    finding.platform = "c";
    finding.mechanism = "signalhandler";
    finding.contexts.elts = &context;
    finding.contexts.nelts = 1;

    ngx_leadgen_incident_now(&report, conf);

    report.finding = &finding;
    report.level = "fatal";
    ngx_str_set(&report.logger, "nginx");
    ngx_str_set(&report.type, "WorkerCrash");
    report.value.data = value;
    report.value.len = ngx_snprintf(value, sizeof(value),
                                    "a worker was ended by signal %d (%s)",
                                    ngx_leadgen_crash.signal,
                                    strsignal(ngx_leadgen_crash.signal))
                       - value;
    ngx_str_set(&report.fingerprint[0], "worker-crash");
    report.fingerprint[1] = told[1].value;

    (void) ngx_leadgen_incident_send(&report, NGX_LEADGEN_SENTRY_ERROR);
}


static ngx_str_t
ngx_leadgen_crash_number(u_char *digits, ngx_uint_t number)
{
    ngx_str_t  text;

    text.data = digits;
    text.len = ngx_sprintf(digits, "%ui", number) - digits;

    return text;
}
