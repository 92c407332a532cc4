
/*
 * The PostgreSQL driver: calls go out in a pipeline, each with a sync of its
 * own, so that one's error or rollback is nobody else's.
 */


#include "ngx_leadgen_pg.h"


static ngx_int_t ngx_leadgen_pg_open(ngx_leadgen_link_t *link);
static void ngx_leadgen_pg_resolved(ngx_leadgen_link_t *link,
    const char *answer);
static ngx_int_t ngx_leadgen_pg_connect(ngx_leadgen_link_t *link,
    const char *addresses);
static ngx_int_t ngx_leadgen_pg_send(ngx_leadgen_link_t *link,
    ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_pg_event(ngx_leadgen_link_t *link,
    ngx_uint_t writable);
static void ngx_leadgen_pg_close(ngx_leadgen_link_t *link);
static ngx_int_t ngx_leadgen_pg_poll(ngx_leadgen_link_t *link);
static ngx_int_t ngx_leadgen_pg_connected(ngx_leadgen_link_t *link);
static ngx_int_t ngx_leadgen_pg_listening(ngx_leadgen_link_t *link);
static ngx_int_t ngx_leadgen_pg_ready(ngx_leadgen_link_t *link);
static ngx_int_t ngx_leadgen_pg_flush(ngx_leadgen_link_t *link);
static void ngx_leadgen_pg_notifies(ngx_leadgen_link_t *link);


const ngx_leadgen_driver_t  ngx_leadgen_pg_driver = {
    "pg",
    ngx_leadgen_conninfo_check,
    ngx_leadgen_pg_open,
    ngx_leadgen_pg_send,
    ngx_leadgen_pg_event,
    ngx_leadgen_pg_close
};


/* --- opening --- */

static ngx_int_t
ngx_leadgen_pg_open(ngx_leadgen_link_t *link)
{
    ngx_int_t          rc;
    ngx_leadgen_pg_t  *pg;

    pg = link->handle;

    if (pg == NULL) {
        pg = ngx_pcalloc(link->backend->pool, sizeof(ngx_leadgen_pg_t));
        if (pg == NULL) {
            return NGX_ERROR;
        }

        link->handle = pg;
    }

    ngx_memzero(pg, sizeof(ngx_leadgen_pg_t));

    rc = ngx_leadgen_conninfo_hosts(&link->backend->conf->target,
                                    &link->names);

    if (rc == NGX_DECLINED) {
        return ngx_leadgen_pg_connect(link, NULL);
    }

    if (rc == NGX_OK) {
        rc = ngx_leadgen_resolve(link, ngx_leadgen_pg_resolved);
    }

    return rc;
}


static void
ngx_leadgen_pg_resolved(ngx_leadgen_link_t *link, const char *answer)
{
    if (ngx_leadgen_pg_connect(link, answer) != NGX_OK) {
        ngx_leadgen_link_fail(link, "could not connect");
    }
}


static ngx_int_t
ngx_leadgen_pg_connect(ngx_leadgen_link_t *link, const char *addresses)
{
    ngx_leadgen_pg_t                  *pg;
    const ngx_leadgen_backend_conf_t  *conf;

    pg = link->handle;
    conf = link->backend->conf;

    pg->conn = ngx_leadgen_conninfo_start(&conf->target, addresses,
                                             conf->timeout);

    if (pg->conn == NULL || PQstatus(pg->conn) == CONNECTION_BAD) {
        return NGX_ERROR;
    }

    /* libpq: behave as if PQconnectPoll had asked to write */

    return ngx_leadgen_link_watch(link, PQsocket(pg->conn), 0, 1);
}


static ngx_int_t
ngx_leadgen_pg_event(ngx_leadgen_link_t *link, ngx_uint_t writable)
{
    ngx_leadgen_pg_t  *pg;

    pg = link->handle;

    if (pg->state == NGX_LEADGEN_PG_CONNECTING) {
        return ngx_leadgen_pg_poll(link);
    }

    if (writable) {
        return ngx_leadgen_pg_flush(link);
    }

    if (!PQconsumeInput(pg->conn)) {
        return NGX_ERROR;
    }

    ngx_leadgen_pg_notifies(link);

    if (pg->state == NGX_LEADGEN_PG_LISTENING) {
        return ngx_leadgen_pg_listening(link);
    }

    if (ngx_leadgen_statement_results(link) != NGX_OK) {
        return NGX_ERROR;
    }

    return link->state == NGX_LEADGEN_LINK_UP ? ngx_leadgen_pg_flush(link)
                                              : NGX_OK;
}


/*
 * Polling may close the socket and open another, even of the same number, so
 * none is watched meanwhile.
 */

static ngx_int_t
ngx_leadgen_pg_poll(ngx_leadgen_link_t *link)
{
    ngx_leadgen_pg_t           *pg;
    PostgresPollingStatusType   status;

    pg = link->handle;

    ngx_leadgen_link_unwatch(link);

    status = PQconnectPoll(pg->conn);

    switch (status) {

    case PGRES_POLLING_READING:
        return ngx_leadgen_link_watch(link, PQsocket(pg->conn), 1, 0);

    case PGRES_POLLING_WRITING:
        return ngx_leadgen_link_watch(link, PQsocket(pg->conn), 0, 1);

    case PGRES_POLLING_OK:
        return ngx_leadgen_pg_connected(link);

    default:
        ngx_leadgen_link_fail(link, ngx_leadgen_conninfo_reason(pg->conn));
        return NGX_OK;
    }
}


static ngx_int_t
ngx_leadgen_pg_connected(ngx_leadgen_link_t *link)
{
    const char        *channels;
    ngx_leadgen_pg_t  *pg;

    pg = link->handle;
    channels = link->backend->conf->channels;

    if (PQsetnonblocking(pg->conn, 1) != 0) {
        return NGX_ERROR;
    }

    if (ngx_leadgen_link_watch(link, PQsocket(pg->conn), 1, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (channels == NULL) {
        return ngx_leadgen_pg_ready(link);
    }

    pg->state = NGX_LEADGEN_PG_LISTENING;

    if (!PQsendQuery(pg->conn, channels)) {
        return NGX_ERROR;
    }

    return ngx_leadgen_pg_flush(link);
}


static ngx_int_t
ngx_leadgen_pg_listening(ngx_leadgen_link_t *link)
{
    PGresult          *result;
    ExecStatusType     status;
    ngx_leadgen_pg_t  *pg;

    pg = link->handle;

    while (!PQisBusy(pg->conn)) {

        result = PQgetResult(pg->conn);
        if (result == NULL) {
            return ngx_leadgen_pg_ready(link);
        }

        status = PQresultStatus(result);
        PQclear(result);

        if (status != PGRES_COMMAND_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_pg_ready(ngx_leadgen_link_t *link)
{
    ngx_leadgen_pg_t  *pg;

    pg = link->handle;

    if (!PQenterPipelineMode(pg->conn)) {
        return NGX_ERROR;
    }

    pg->state = NGX_LEADGEN_PG_READY;
    ngx_leadgen_link_up(link);

    return NGX_OK;
}


static void
ngx_leadgen_pg_close(ngx_leadgen_link_t *link)
{
    ngx_leadgen_pg_t  *pg;

    pg = link->handle;

    if (pg == NULL) {
        return;
    }

    PQclear(pg->result);
    pg->result = NULL;

    PQfinish(pg->conn);
    pg->conn = NULL;
}


/* --- calls --- */

static ngx_int_t
ngx_leadgen_pg_send(ngx_leadgen_link_t *link, ngx_leadgen_call_t *call)
{
    if (ngx_leadgen_statement_send(link->handle, call) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_leadgen_pg_flush(link);
}


static ngx_int_t
ngx_leadgen_pg_flush(ngx_leadgen_link_t *link)
{
    int                rc;
    ngx_leadgen_pg_t  *pg;

    pg = link->handle;
    rc = PQflush(pg->conn);

    if (rc == -1) {
        return NGX_ERROR;
    }

    return ngx_leadgen_link_watch(link, PQsocket(pg->conn), 1, rc == 1);
}


static void
ngx_leadgen_pg_notifies(ngx_leadgen_link_t *link)
{
    PGnotify                          *notify;
    ngx_str_t                          channel, payload;
    ngx_leadgen_pg_t                  *pg;
    const ngx_leadgen_backend_conf_t  *conf;

    pg = link->handle;
    conf = link->backend->conf;

    while ((notify = PQnotifies(pg->conn)) != NULL) {

        if (conf->notified) {
            channel.data = (u_char *) notify->relname;
            channel.len = ngx_strlen(channel.data);
            payload.data = (u_char *) notify->extra;
            payload.len = ngx_strlen(payload.data);

            conf->notified(conf->data, &channel, &payload);
        }

        PQfreemem(notify);
    }
}
