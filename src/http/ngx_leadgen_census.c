
/*
 * The census: jobs by queue and state, as PostgreSQL counts them, enter the
 * metrics.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_CENSUS_INTERVAL  10000  /* milliseconds */


/* The columns of api.job_figures. */

typedef enum {
    NGX_LEADGEN_CENSUS_QUEUE = 0,
    NGX_LEADGEN_CENSUS_STATE,
    NGX_LEADGEN_CENSUS_JOBS,
    NGX_LEADGEN_CENSUS_WAITED,
    NGX_LEADGEN_CENSUS_NCOLS
} ngx_leadgen_census_column_e;


/* Lifetime: worker. */

static struct {
    ngx_msec_t    asked;
    unsigned      asking:1;
} ngx_leadgen_census_state;


static void ngx_leadgen_census_answer(ngx_leadgen_call_t *call);
static void ngx_leadgen_census_set(const char *name, const ngx_str_t *row,
    const ngx_str_t *value);


/* On the API's connections: those of health shall not wait for it. */

void
ngx_leadgen_census(void)
{
    ngx_leadgen_call_t  *call;

    if (ngx_leadgen_worker.database == NULL
        || ngx_leadgen_census_state.asking
        || (ngx_leadgen_census_state.asked
            && ngx_current_msec - ngx_leadgen_census_state.asked
               < NGX_LEADGEN_CENSUS_INTERVAL))
    {
        return;
    }

    ngx_leadgen_census_state.asked = ngx_current_msec;

    call = ngx_leadgen_call_create(NULL, 0);
    if (call == NULL) {
        return;
    }

    call->done = ngx_leadgen_census_answer;
    call->statement = "select queue, state, jobs, waited"
                      " from api.job_figures()";

    if (ngx_leadgen_call_submit(ngx_leadgen_worker.database, call, 0)
        != NGX_OK)
    {
        ngx_leadgen_call_cancel(call);
        return;
    }

    ngx_leadgen_census_state.asking = 1;
}


static void
ngx_leadgen_census_answer(ngx_leadgen_call_t *call)
{
    ngx_str_t   *row;
    ngx_uint_t   i;

    ngx_leadgen_census_state.asking = 0;

    if (call->result != NGX_LEADGEN_CALL_OK
        || call->ncols != NGX_LEADGEN_CENSUS_NCOLS)
    {
        return;
    }

    for (i = 0; i < call->nrows; i++) {
        row = call->values + i * NGX_LEADGEN_CENSUS_NCOLS;

        ngx_leadgen_census_set("jobs", row, &row[NGX_LEADGEN_CENSUS_JOBS]);
        ngx_leadgen_census_set("jobs_waited_seconds", row,
                               &row[NGX_LEADGEN_CENSUS_WAITED]);
    }

    ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_JOBS_COUNTED_AT, ngx_time());
}


/* Into the row of metrics with these labels: what has none is not shown. */

static void
ngx_leadgen_census_set(const char *name, const ngx_str_t *row,
    const ngx_str_t *value)
{
    u_char                          *p, labels[128];
    ngx_int_t                        n;
    ngx_uint_t                       i;
    const ngx_leadgen_metric_row_t  *metric;

    n = value->data ? ngx_atoi(value->data, value->len) : NGX_ERROR;

    if (n == NGX_ERROR) {
        return;
    }

    p = ngx_snprintf(labels, sizeof(labels) - 1, "queue=\"%V\",state=\"%V\"",
                     &row[NGX_LEADGEN_CENSUS_QUEUE],
                     &row[NGX_LEADGEN_CENSUS_STATE]);
    *p = '\0';

    for (i = NGX_LEADGEN_METRIC_JOBS_EMAILS_PENDING;
         i < NGX_LEADGEN_METRIC_JOBS_COUNTED_AT;
         i++)
    {
        metric = &ngx_leadgen_metric_rows[i];

        if (ngx_strcmp(metric->name, name) == 0
            && ngx_strcmp(metric->labels, labels) == 0)
        {
            ngx_leadgen_metric_set(i, n);
            return;
        }
    }
}
