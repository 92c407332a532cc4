
/*
 * Statements of PostgreSQL: calls go into the pipeline, their results come out
 * in the same order.
 */


#include "ngx_leadgen_pg.h"


#define NGX_LEADGEN_STATEMENT_ARGS  32
#define NGX_LEADGEN_STATEMENT_NAME  24


static ngx_int_t ngx_leadgen_statement_prepare(ngx_leadgen_pg_t *pg,
    const ngx_leadgen_call_t *call, char name[NGX_LEADGEN_STATEMENT_NAME]);
static char *ngx_leadgen_statement_arguments(const ngx_leadgen_call_t *call,
    const char **values, int *lengths, int *formats);
static void ngx_leadgen_statement_keep(ngx_leadgen_pg_t *pg,
    PGresult *result);
static ngx_int_t ngx_leadgen_statement_answer(ngx_leadgen_link_t *link);
static ngx_int_t ngx_leadgen_statement_rows(const PGresult *result,
    ngx_leadgen_call_t *call, ngx_pool_t *pool);
static void ngx_leadgen_statement_refused(const PGresult *result,
    ngx_leadgen_call_t *call);
static ngx_str_t ngx_leadgen_statement_field(const PGresult *result,
    int field);
static void ngx_leadgen_statement_forget(ngx_leadgen_pg_t *pg);
static ngx_uint_t ngx_leadgen_statement_is_away(const char *code);


/* --- sending --- */

ngx_int_t
ngx_leadgen_statement_send(ngx_leadgen_pg_t *pg, ngx_leadgen_call_t *call)
{
    int          rc;
    int          lengths[NGX_LEADGEN_STATEMENT_ARGS];
    int          formats[NGX_LEADGEN_STATEMENT_ARGS];
    char        *copy, name[NGX_LEADGEN_STATEMENT_NAME];
    const char  *values[NGX_LEADGEN_STATEMENT_ARGS];

    if (call->nargs > NGX_LEADGEN_STATEMENT_ARGS
        || ngx_leadgen_statement_prepare(pg, call, name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    copy = ngx_leadgen_statement_arguments(call, values, lengths, formats);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    rc = PQsendQueryPrepared(pg->conn, name, (int) call->nargs, values,
                             lengths, formats, 0)
         && PQpipelineSync(pg->conn);

    ngx_free(copy);

    return rc ? NGX_OK : NGX_ERROR;
}


/*
 * Finds the name of a call's statement; prepares it ahead of the call when this
 * connection does not know it yet.
 */

static ngx_int_t
ngx_leadgen_statement_prepare(ngx_leadgen_pg_t *pg,
    const ngx_leadgen_call_t *call, char name[NGX_LEADGEN_STATEMENT_NAME])
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_PG_STATEMENTS && pg->statements[i]; i++) {

        if (pg->statements[i] == call->statement) {
            (void) sprintf(name, "s%lu", (unsigned long) pg->numbers[i]);
            return NGX_OK;
        }
    }

    (void) sprintf(name, "s%lu", (unsigned long) ++pg->number);

    if (!PQsendPrepare(pg->conn, name, call->statement, 0, NULL)) {
        return NGX_ERROR;
    }

    if (i < NGX_LEADGEN_PG_STATEMENTS) {
        pg->statements[i] = call->statement;
        pg->numbers[i] = pg->number;
    }

    return NGX_OK;
}


/* libpq wants a zero byte behind text, which our strings do not have. */

static char *
ngx_leadgen_statement_arguments(const ngx_leadgen_call_t *call,
    const char **values, int *lengths, int *formats)
{
    char        *copy;
    size_t       size;
    u_char      *p;
    ngx_uint_t   i;

    size = 1;

    for (i = 0; i < call->nargs; i++) {
        size += call->args[i].len + 1;
    }

    copy = ngx_alloc(size, ngx_cycle->log);
    if (copy == NULL) {
        return NULL;
    }

    p = (u_char *) copy;

    for (i = 0; i < call->nargs; i++) {
        formats[i] = (call->binary >> i) & 1;
        lengths[i] = (int) call->args[i].len;
        values[i] = (const char *) call->args[i].data;

        if (values[i] && !formats[i]) {
            values[i] = (const char *) p;
            p = ngx_cpymem(p, call->args[i].data, call->args[i].len);
            *p++ = '\0';
        }
    }

    return copy;
}


/* --- results --- */

ngx_int_t
ngx_leadgen_statement_results(ngx_leadgen_link_t *link)
{
    PGresult          *result;
    ngx_uint_t         ends;
    ngx_leadgen_pg_t  *pg;

    pg = link->handle;
    ends = 0;

    while (link->state == NGX_LEADGEN_LINK_UP
           && link->nflight
           && !PQisBusy(pg->conn))
    {
        result = PQgetResult(pg->conn);

        /* one NULL ends a command's results, a sync those of a call */

        if (result == NULL) {
            if (ends++) {
                break;
            }

            continue;
        }

        ends = 0;

        if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
            ngx_leadgen_statement_keep(pg, result);
            continue;
        }

        PQclear(result);

        if (ngx_leadgen_statement_answer(link) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return PQstatus(pg->conn) == CONNECTION_OK ? NGX_OK : NGX_ERROR;
}


/* Of a call's results its first error counts, else the last. */

static void
ngx_leadgen_statement_keep(ngx_leadgen_pg_t *pg, PGresult *result)
{
    if (pg->result && PQresultStatus(pg->result) == PGRES_FATAL_ERROR) {
        PQclear(result);
        return;
    }

    PQclear(pg->result);
    pg->result = result;
}


static ngx_int_t
ngx_leadgen_statement_answer(ngx_leadgen_link_t *link)
{
    PGresult                   *result;
    ngx_int_t                   rc;
    ngx_pool_t                 *pool;
    ngx_leadgen_pg_t           *pg;
    ngx_leadgen_call_t         *call;
    ngx_leadgen_call_result_e   answer;

    pg = link->handle;
    rc = NGX_OK;
    pool = NULL;

    /* done() may send on this very link */

    result = pg->result;
    pg->result = NULL;
    call = ngx_leadgen_link_next(link);
    answer = NGX_LEADGEN_CALL_OK;

    switch (PQresultStatus(result)) {

    case PGRES_TUPLES_OK:
        if (call) {
            pool = ngx_create_pool(1024, ngx_cycle->log);

            if (pool == NULL
                || ngx_leadgen_statement_rows(result, call, pool) != NGX_OK)
            {
                answer = NGX_LEADGEN_CALL_LOST;
            }
        }

        break;

    case PGRES_COMMAND_OK:
        break;

    default:
        answer = NGX_LEADGEN_CALL_REFUSED;

        if (call) {
            ngx_leadgen_statement_refused(result, call);
        }

        if (ngx_leadgen_statement_is_away(
                PQresultErrorField(result, PG_DIAG_SQLSTATE)))
        {
            rc = NGX_ERROR;
        }

        ngx_leadgen_statement_forget(pg);
        break;
    }

    ngx_leadgen_link_answer(link, answer);

    PQclear(result);

    if (pool) {
        ngx_destroy_pool(pool);
    }

    return rc;
}


static ngx_int_t
ngx_leadgen_statement_rows(const PGresult *result, ngx_leadgen_call_t *call,
    ngx_pool_t *pool)
{
    int         row, column;
    ngx_str_t  *value;

    call->nrows = PQntuples(result);
    call->ncols = PQnfields(result);

    value = ngx_pcalloc(pool, (call->nrows * call->ncols + 1)
                              * sizeof(ngx_str_t));
    if (value == NULL) {
        return NGX_ERROR;
    }

    call->values = value;

    for (row = 0; row < (int) call->nrows; row++) {

        for (column = 0; column < (int) call->ncols; column++, value++) {

            if (PQgetisnull(result, row, column)) {
                continue;
            }

            value->data = (u_char *) PQgetvalue(result, row, column);
            value->len = PQgetlength(result, row, column);
        }
    }

    return NGX_OK;
}


static void
ngx_leadgen_statement_refused(const PGresult *result, ngx_leadgen_call_t *call)
{
    ngx_str_t  code;

    code = ngx_leadgen_statement_field(result, PG_DIAG_SQLSTATE);

    if (code.len == sizeof(call->code) - 1) {
        ngx_memcpy(call->code, code.data, sizeof(call->code));
    }

    call->error = ngx_leadgen_statement_field(result,
                                              PG_DIAG_MESSAGE_PRIMARY);
    call->detail = ngx_leadgen_statement_field(result,
                                               PG_DIAG_MESSAGE_DETAIL);

    /* what our functions refuse is no fault of theirs */

    if (call->code[0] != 'L') {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "leadgen: statement: PostgreSQL refuses \"%s\": %s %V",
                      call->statement, call->code, &call->error);
    }
}


static ngx_str_t
ngx_leadgen_statement_field(const PGresult *result, int field)
{
    ngx_str_t  text;

    text.data = (u_char *) PQresultErrorField(result, field);
    text.len = text.data ? ngx_strlen(text.data) : 0;

    return text;
}


/*
 * An error may have been the preparing's, after which the name stands for
 * nothing; to prepare once more costs little.
 */

static void
ngx_leadgen_statement_forget(ngx_leadgen_pg_t *pg)
{
    ngx_memzero(pg->statements, sizeof(pg->statements));
}


/* A server that shuts down, has become a standby, or has lost its client. */

static ngx_uint_t
ngx_leadgen_statement_is_away(const char *code)
{
    return code && (ngx_strncmp(code, "57P", 3) == 0
                    || ngx_strncmp(code, "08", 2) == 0
                    || ngx_strcmp(code, "25006") == 0);
}
