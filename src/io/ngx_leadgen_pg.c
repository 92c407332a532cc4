
/*
 * The PostgreSQL driver: calls go into libpq's pipeline, each with a Sync of
 * its own, so that none sees another's error or transaction.
 */


#include "ngx_leadgen_conninfo.h"
#include "ngx_leadgen_statement.h"


#define NGX_LEADGEN_PG_TEXT  256


typedef enum {
    NGX_LEADGEN_PG_CONNECTING = 0,
    NGX_LEADGEN_PG_LISTENING,
    NGX_LEADGEN_PG_READY
} ngx_leadgen_pg_state_e;


/* Lifetime: a call's, in its slot. */

typedef struct {
    ngx_leadgen_statement_t   *statement;
    ngx_uint_t                 prepares;
} ngx_leadgen_pg_slot_t;


/* Lifetime: worker, and behind resolve one connection's. */

typedef struct {
    ngx_leadgen_resolve_t     *resolve;

    PGconn                    *conn;
    ngx_leadgen_pg_state_e     state;
    PGresult                  *result;      /* of the call being answered */
    ngx_leadgen_pg_slot_t     *slots;
    ngx_leadgen_statements_t   statements;
} ngx_leadgen_pg_t;


static ngx_int_t ngx_leadgen_pg_open(ngx_leadgen_link_t *ln);
static ngx_int_t ngx_leadgen_pg_send(ngx_leadgen_link_t *ln,
    ngx_leadgen_call_t *call);
static void ngx_leadgen_pg_step(ngx_leadgen_link_t *ln, ngx_uint_t writable);
static void ngx_leadgen_pg_close(ngx_leadgen_link_t *ln);
static ngx_int_t ngx_leadgen_pg_create(ngx_leadgen_link_t *ln);
static ngx_int_t ngx_leadgen_pg_connect(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_poll(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_connected(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_listened(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_up(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_flush(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_results(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_result(ngx_leadgen_link_t *ln, PGresult *res);
static void ngx_leadgen_pg_answer(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_values(ngx_leadgen_call_t *call, PGresult *res);
static void ngx_leadgen_pg_refused(ngx_leadgen_link_t *ln,
    ngx_leadgen_call_t *call, ngx_leadgen_statement_t *statement,
    PGresult *res);
static void ngx_leadgen_pg_log(ngx_leadgen_link_t *ln, const ngx_str_t *code,
    const ngx_str_t *error);
static ngx_str_t ngx_leadgen_pg_field(const PGresult *res, int field);
static ngx_uint_t ngx_leadgen_pg_is_fatal(const PGresult *res);
static void ngx_leadgen_pg_notifies(ngx_leadgen_link_t *ln);
static void ngx_leadgen_pg_notice(void *data, const PGresult *res);


const ngx_leadgen_driver_t  ngx_leadgen_pg_driver = {
    "pg",
    ngx_leadgen_conninfo_check,
    ngx_leadgen_pg_open,
    ngx_leadgen_pg_send,
    ngx_leadgen_pg_step,
    ngx_leadgen_pg_close
};


/* --- connecting --- */

static ngx_int_t
ngx_leadgen_pg_open(ngx_leadgen_link_t *ln)
{
    ngx_int_t          rc;
    ngx_leadgen_pg_t  *pg;

    if (ln->handle == NULL && ngx_leadgen_pg_create(ln) != NGX_OK) {
        return NGX_ERROR;
    }

    pg = ln->handle;

    if (!pg->resolve->busy) {
        rc = ngx_leadgen_conninfo_names(ln->backend->target, pg->resolve);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            pg->resolve->nnames = 0;
            return ngx_leadgen_pg_connect(ln);
        }
    }

    return ngx_leadgen_resolve_start(pg->resolve);
}


static ngx_int_t
ngx_leadgen_pg_create(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_pg_t  *pg;

    pg = ngx_pcalloc(ln->backend->pool, sizeof(ngx_leadgen_pg_t));
    if (pg == NULL) {
        return NGX_ERROR;
    }

    pg->resolve = ngx_leadgen_resolve_create(ln, ngx_leadgen_pg_connect);
    pg->slots = ngx_pcalloc(ln->backend->pool, ln->backend->depth
                                               * sizeof(ngx_leadgen_pg_slot_t));

    if (pg->resolve == NULL || pg->slots == NULL) {
        return NGX_ERROR;
    }

    ln->handle = pg;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_pg_connect(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_pg_t  *pg = ln->handle;

    pg->conn = ngx_leadgen_conninfo_connect(ln->backend->target,
                                            pg->resolve->nnames ? pg->resolve
                                                                : NULL,
                                            ln->backend->conf->timeout);
    if (pg->conn == NULL) {
        ngx_leadgen_link_fail(ln, "could not connect",
                              "the host has no address");
        return NGX_ERROR;
    }

    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        ngx_leadgen_link_fail(ln, "could not connect",
                              PQerrorMessage(pg->conn));
        return NGX_ERROR;
    }

    pg->state = NGX_LEADGEN_PG_CONNECTING;
    PQsetNoticeReceiver(pg->conn, ngx_leadgen_pg_notice, NULL);

    if (ngx_leadgen_link_watch(ln, PQsocket(pg->conn), 0, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/*
 * libpq may close its socket in here and open another under the same number:
 * nothing is kept of the old one, and a new connection of nginx makes events
 * that epoll has reported already for the old one stale.
 */

static void
ngx_leadgen_pg_poll(ngx_leadgen_link_t *ln)
{
    ngx_int_t                   rc;
    ngx_leadgen_pg_t           *pg = ln->handle;
    PostgresPollingStatusType   status;

    ngx_leadgen_link_unwatch(ln, 0);

    status = PQconnectPoll(pg->conn);

    if (status == PGRES_POLLING_FAILED) {
        ngx_leadgen_link_fail(ln, "could not connect",
                              PQerrorMessage(pg->conn));
        return;
    }

    rc = ngx_leadgen_link_watch(ln, PQsocket(pg->conn),
                                status != PGRES_POLLING_WRITING,
                                status == PGRES_POLLING_WRITING);

    if (rc != NGX_OK) {
        ngx_leadgen_link_fail(ln, "could not watch the connection", NULL);
        return;
    }

    if (status == PGRES_POLLING_OK) {
        ngx_leadgen_pg_connected(ln);
    }
}


static void
ngx_leadgen_pg_connected(ngx_leadgen_link_t *ln)
{
    const char        *channels;
    ngx_leadgen_pg_t  *pg = ln->handle;

    channels = ln->backend->conf->channels;

    if (PQsetnonblocking(pg->conn, 1) != 0) {
        ngx_leadgen_link_fail(ln, "could not connect", NULL);
        return;
    }

    if (channels == NULL) {
        ngx_leadgen_pg_up(ln);
        return;
    }

    pg->state = NGX_LEADGEN_PG_LISTENING;

    if (!PQsendQuery(pg->conn, channels)) {
        ngx_leadgen_link_fail(ln, "could not listen",
                              PQerrorMessage(pg->conn));
        return;
    }

    ngx_leadgen_pg_flush(ln);
}


static void
ngx_leadgen_pg_listened(ngx_leadgen_link_t *ln)
{
    PGresult          *res;
    ngx_leadgen_pg_t  *pg = ln->handle;

    while (!PQisBusy(pg->conn)) {

        res = PQgetResult(pg->conn);

        if (res == NULL) {
            ngx_leadgen_pg_up(ln);
            return;
        }

        if (PQresultStatus(res) != PGRES_COMMAND_OK) {
            ngx_leadgen_link_fail(ln, "could not listen",
                                  PQresultErrorField(res,
                                                PG_DIAG_MESSAGE_PRIMARY));
            PQclear(res);
            return;
        }

        PQclear(res);
    }
}


static void
ngx_leadgen_pg_up(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_pg_t                  *pg = ln->handle;
    const ngx_leadgen_backend_conf_t  *conf;

    if (!PQenterPipelineMode(pg->conn)) {
        ngx_leadgen_link_fail(ln, "could not enter pipeline mode", NULL);
        return;
    }

    pg->state = NGX_LEADGEN_PG_READY;
    conf = ln->backend->conf;

    ngx_leadgen_link_up(ln);

    if (conf->connected) {
        conf->connected(conf->data);
    }
}


static void
ngx_leadgen_pg_close(ngx_leadgen_link_t *ln)
{
    ngx_leadgen_pg_t  *pg = ln->handle;

    if (pg == NULL || pg->conn == NULL) {
        return;
    }

    ngx_leadgen_link_unwatch(ln, PQsocket(pg->conn) < 0);

    PQclear(pg->result);
    PQfinish(pg->conn);

    pg->result = NULL;
    pg->conn = NULL;

    ngx_memzero(&pg->statements, sizeof(ngx_leadgen_statements_t));
}


/* --- calls --- */

static ngx_int_t
ngx_leadgen_pg_send(ngx_leadgen_link_t *ln, ngx_leadgen_call_t *call)
{
    ngx_int_t               rc;
    ngx_leadgen_pg_t       *pg = ln->handle;
    ngx_leadgen_pg_slot_t  *slot;

    slot = &pg->slots[ngx_leadgen_link_tail(ln)];

    slot->statement = ngx_leadgen_statement_find(&pg->statements,
                                                 call->statement);

    rc = ngx_leadgen_statement_send(&pg->statements, slot->statement,
                                    pg->conn, call, &slot->prepares);
    if (rc == NGX_OK) {
        ngx_leadgen_pg_flush(ln);
    }

    return rc;
}


static void
ngx_leadgen_pg_step(ngx_leadgen_link_t *ln, ngx_uint_t writable)
{
    ngx_leadgen_pg_t  *pg = ln->handle;

    if (pg->state == NGX_LEADGEN_PG_CONNECTING) {
        ngx_leadgen_pg_poll(ln);
        return;
    }

    if (!PQconsumeInput(pg->conn)) {
        ngx_leadgen_link_fail(ln, "connection lost", PQerrorMessage(pg->conn));
        return;
    }

    if (pg->state == NGX_LEADGEN_PG_LISTENING) {
        ngx_leadgen_pg_listened(ln);

    } else {
        ngx_leadgen_pg_results(ln);
    }

    if (ln->state != NGX_LEADGEN_LINK_DOWN) {
        ngx_leadgen_pg_notifies(ln);
        ngx_leadgen_pg_flush(ln);
    }
}


static void
ngx_leadgen_pg_flush(ngx_leadgen_link_t *ln)
{
    int                rc;
    ngx_leadgen_pg_t  *pg = ln->handle;

    rc = PQflush(pg->conn);

    if (rc < 0
        || ngx_leadgen_link_watch(ln, PQsocket(pg->conn), 1, rc) != NGX_OK)
    {
        ngx_leadgen_link_fail(ln, "connection lost", PQerrorMessage(pg->conn));
    }
}


/* Between the results of two commands libpq gives one NULL. */

static void
ngx_leadgen_pg_results(ngx_leadgen_link_t *ln)
{
    PGresult          *res;
    ngx_uint_t         gap;
    ngx_leadgen_pg_t  *pg = ln->handle;

    gap = 0;

    while (ln->state == NGX_LEADGEN_LINK_UP
           && ln->nflight
           && gap < 2
           && !PQisBusy(pg->conn))
    {
        res = PQgetResult(pg->conn);

        if (res == NULL) {
            gap++;
            continue;
        }

        gap = 0;
        ngx_leadgen_pg_result(ln, res);
    }
}


/*
 * A call has been carried out when its Sync is answered, and not when its
 * command is: the transaction is committed in between.  The first error counts.
 */

static void
ngx_leadgen_pg_result(ngx_leadgen_link_t *ln, PGresult *res)
{
    ngx_leadgen_pg_t       *pg = ln->handle;
    ngx_leadgen_pg_slot_t  *slot;

    slot = &pg->slots[ln->head];

    switch (PQresultStatus(res)) {

    case PGRES_PIPELINE_SYNC:
        PQclear(res);
        ngx_leadgen_pg_answer(ln);
        return;

    case PGRES_PIPELINE_ABORTED:
        PQclear(res);
        return;

    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (slot->prepares && pg->result == NULL) {
            slot->prepares = 0;
            slot->statement->state = NGX_LEADGEN_STATEMENT_READY;
            PQclear(res);
            return;
        }

        PQclear(pg->result);
        pg->result = res;
        return;

    default:
        if (ngx_leadgen_pg_is_fatal(res)) {
            ngx_leadgen_link_fail(ln, "connection lost",
                                  PQresultErrorField(res,
                                                PG_DIAG_MESSAGE_PRIMARY));
        }

        PQclear(pg->result);
        pg->result = res;
    }
}


static void
ngx_leadgen_pg_answer(ngx_leadgen_link_t *ln)
{
    PGresult                *res;
    ExecStatusType           status;
    ngx_leadgen_pg_t        *pg = ln->handle;
    ngx_leadgen_call_t      *call;
    ngx_leadgen_pg_slot_t   *slot;

    slot = &pg->slots[ln->head];
    res = pg->result;
    pg->result = NULL;
    status = PQresultStatus(res);

    if (slot->prepares) {
        ngx_leadgen_statement_forget(slot->statement);
    }

    call = ngx_leadgen_link_take(ln);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        ngx_leadgen_link_answered(ln);

        if (call) {
            ngx_leadgen_pg_values(call, res);
        }

    } else {
        ngx_leadgen_pg_refused(ln, call, slot->statement, res);
    }

    PQclear(res);
}


static void
ngx_leadgen_pg_values(ngx_leadgen_call_t *call, PGresult *res)
{
    int         row, col, nrows, ncols;
    ngx_str_t  *value;

    nrows = PQntuples(res);
    ncols = PQnfields(res);
    value = ngx_alloc((1 + (size_t) nrows * ncols) * sizeof(ngx_str_t),
                      ngx_cycle->log);

    if (value == NULL) {
        ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_LOST);
        return;
    }

    call->nrows = nrows;
    call->ncols = ncols;
    call->values = value;

    for (row = 0; row < nrows; row++) {
        for (col = 0; col < ncols; col++, value++) {
            value->len = PQgetlength(res, row, col);
            value->data = PQgetisnull(res, row, col)
                          ? NULL : (u_char *) PQgetvalue(res, row, col);
        }
    }

    value = call->values;

    ngx_leadgen_call_finish(call, NGX_LEADGEN_CALL_OK);

    ngx_free(value);
}


static void
ngx_leadgen_pg_refused(ngx_leadgen_link_t *ln, ngx_leadgen_call_t *call,
    ngx_leadgen_statement_t *statement, PGresult *res)
{
    ngx_str_t   code, error;
    ngx_uint_t  lost;

    code = ngx_leadgen_pg_field(res, PG_DIAG_SQLSTATE);
    error = ngx_leadgen_pg_field(res, PG_DIAG_MESSAGE_PRIMARY);

    /* it is gone, or what it returns has changed: nothing was carried out */

    if (statement
        && (ngx_strncmp(code.data, "26000", 5) == 0
            || ngx_strncmp(code.data, "0A000", 5) == 0))
    {
        if (statement->state == NGX_LEADGEN_STATEMENT_READY) {
            ngx_leadgen_statement_forget(statement);
        }

        if (call && !call->repeated) {
            call->repeated = 1;
            ngx_leadgen_call_enqueue(call, &ln->backend->waiting);
            return;
        }
    }

    /* a server that was failed over only reads, or has lost its own */

    lost = code.len == 0
           || ngx_strncmp(code.data, "25006", 5) == 0
           || ngx_strncmp(code.data, "08", 2) == 0
           || ngx_strncmp(code.data, "57P", 3) == 0;

    if (!lost) {
        ngx_leadgen_link_answered(ln);
        ngx_leadgen_pg_log(ln, &code, &error);
    }

    if (call) {
        (void) ngx_cpystrn((u_char *) call->code, code.data,
                           sizeof(call->code));
        call->error = error;
        call->detail = ngx_leadgen_pg_field(res, PG_DIAG_MESSAGE_DETAIL);

        ngx_leadgen_call_finish(call, code.len ? NGX_LEADGEN_CALL_REFUSED
                                               : NGX_LEADGEN_CALL_LOST);
    }

    if (lost) {
        ngx_leadgen_link_fail(ln, "refuses to work", (char *) error.data);
    }
}


/* What the functions of this module refuse on purpose is no news. */

static void
ngx_leadgen_pg_log(ngx_leadgen_link_t *ln, const ngx_str_t *code,
    const ngx_str_t *error)
{
    u_char     text[4 * NGX_LEADGEN_PG_TEXT];
    ngx_str_t  shown;

    if (ngx_strncmp(code->data, "LG", 2) == 0) {
        return;
    }

    shown = ngx_leadgen_text_shown(text, sizeof(text), error);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "leadgen: %V: %V: %V",
                  &ln->backend->conf->name, code, &shown);
}


static ngx_str_t
ngx_leadgen_pg_field(const PGresult *res, int field)
{
    char       *text;
    ngx_str_t   value;

    text = PQresultErrorField(res, field);

    value.data = (u_char *) (text ? text : "");
    value.len = ngx_strlen(value.data);

    return value;
}


/* The connection ends with it; without severity it is libpq's own error. */

static ngx_uint_t
ngx_leadgen_pg_is_fatal(const PGresult *res)
{
    ngx_str_t  severity;

    severity = ngx_leadgen_pg_field(res, PG_DIAG_SEVERITY_NONLOCALIZED);

    return severity.len == 0
           || ngx_strcmp(severity.data, "FATAL") == 0
           || ngx_strcmp(severity.data, "PANIC") == 0;
}


static void
ngx_leadgen_pg_notifies(ngx_leadgen_link_t *ln)
{
    PGnotify                          *notify;
    ngx_str_t                          channel, payload;
    ngx_leadgen_pg_t                  *pg = ln->handle;
    const ngx_leadgen_backend_conf_t  *conf;

    conf = ln->backend->conf;

    while ((notify = PQnotifies(pg->conn)) != NULL) {

        channel.data = (u_char *) notify->relname;
        channel.len = ngx_strlen(channel.data);
        payload.data = (u_char *) notify->extra;
        payload.len = ngx_strlen(payload.data);

        if (conf->notified) {
            conf->notified(conf->data, &channel, &payload);
        }

        PQfreemem(notify);
    }
}


/* libpq would print notices, and what they hold, to standard error. */

static void
ngx_leadgen_pg_notice(void *data, const PGresult *res)
{
}
