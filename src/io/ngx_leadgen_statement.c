
/*
 * Statements: calls go in, and messages of PostgreSQL's extended protocol go
 * out, each statement prepared once per connection.
 */


#include "ngx_leadgen_statement.h"


#define NGX_LEADGEN_STATEMENT_NAME  (sizeof("leadgen_") + NGX_INT64_LEN)


/* Lifetime: a send. */

typedef struct {
    const char  **values;
    int          *lengths;
    int          *formats;
    char         *text;
} ngx_leadgen_statement_params_t;


static ngx_uint_t ngx_leadgen_statement_is_binary(
    const ngx_leadgen_call_t *call, ngx_uint_t n);
static ngx_uint_t ngx_leadgen_statement_is_sendable(ngx_leadgen_call_t *call);
static void *ngx_leadgen_statement_params(const ngx_leadgen_call_t *call,
    ngx_leadgen_statement_params_t *params);


ngx_leadgen_statement_t *
ngx_leadgen_statement_find(ngx_leadgen_statements_t *statements,
    const char *sql)
{
    ngx_uint_t                i, n;
    ngx_leadgen_statement_t  *statement;

    i = (uintptr_t) sql >> 3;

    for (n = 0; n < NGX_LEADGEN_STATEMENTS; n++) {
        statement = &statements->table[(i + n) % NGX_LEADGEN_STATEMENTS];

        if (statement->sql == NULL) {
            statement->sql = sql;
        }

        if (statement->sql == sql) {
            return statement;
        }
    }

    return NULL;
}


void
ngx_leadgen_statement_forget(ngx_leadgen_statement_t *statement)
{
    statement->state = NGX_LEADGEN_STATEMENT_NEW;
}


/*
 * While a preparation is on its way its statement is not relied on: should it
 * fail, the calls behind it must fail for their own reason.
 */

ngx_int_t
ngx_leadgen_statement_send(ngx_leadgen_statements_t *statements,
    ngx_leadgen_statement_t *statement, PGconn *conn,
    ngx_leadgen_call_t *call, ngx_uint_t *prepares)
{
    int                              n, sent;
    char                             name[NGX_LEADGEN_STATEMENT_NAME];
    void                            *memory;
    ngx_leadgen_statement_params_t   params;

    *prepares = 0;

    if (!ngx_leadgen_statement_is_sendable(call)) {
        return NGX_ABORT;
    }

    memory = ngx_leadgen_statement_params(call, &params);
    if (memory == NULL) {
        return NGX_DECLINED;
    }

    n = (int) call->nargs;
    sent = 1;

    if (statement && statement->state == NGX_LEADGEN_STATEMENT_NEW) {
        statement->id = ++statements->ids;
        statement->state = NGX_LEADGEN_STATEMENT_PREPARING;
        *prepares = 1;
    }

    if (*prepares || (statement
                      && statement->state == NGX_LEADGEN_STATEMENT_READY))
    {
        (void) ngx_snprintf((u_char *) name, sizeof(name), "leadgen_%ui%Z",
                            statement->id);

        if (*prepares) {
            sent = PQsendPrepare(conn, name, call->statement, 0, NULL);
        }

        sent = sent && PQsendQueryPrepared(conn, name, n, params.values,
                                           params.lengths, params.formats, 0);
    } else {
        sent = PQsendQueryParams(conn, call->statement, n, NULL,
                                 params.values, params.lengths,
                                 params.formats, 0);
    }

    sent = sent && PQpipelineSync(conn);

    ngx_free(memory);

    return sent ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
ngx_leadgen_statement_is_binary(const ngx_leadgen_call_t *call, ngx_uint_t n)
{
    return n < 64 && ((call->binary >> n) & 1);
}


/* PostgreSQL's own words for such text; libpq would cut it off. */

static ngx_uint_t
ngx_leadgen_statement_is_sendable(ngx_leadgen_call_t *call)
{
    ngx_str_t   *arg;
    ngx_uint_t   i;

    for (i = 0; i < call->nargs; i++) {
        arg = &call->args[i];

        if (arg->data && !ngx_leadgen_statement_is_binary(call, i)
            && memchr(arg->data, '\0', arg->len))
        {
            ngx_memcpy(call->code, "22021", sizeof("22021"));
            ngx_str_set(&call->error,
                        "invalid byte sequence for encoding \"UTF8\": 0x00");
            return 0;
        }
    }

    return 1;
}


/* libpq takes text with a zero byte behind it: it is copied. */

static void *
ngx_leadgen_statement_params(const ngx_leadgen_call_t *call,
    ngx_leadgen_statement_params_t *params)
{
    char        *p;
    void        *memory;
    size_t       size;
    ngx_str_t   *arg;
    ngx_uint_t   i;

    size = 1 + call->nargs * (sizeof(char *) + 2 * sizeof(int));

    for (i = 0; i < call->nargs; i++) {
        size += call->args[i].len + 1;
    }

    memory = ngx_alloc(size, ngx_cycle->log);
    if (memory == NULL) {
        return NULL;
    }

    params->values = memory;
    params->lengths = (int *) (params->values + call->nargs);
    params->formats = params->lengths + call->nargs;

    p = (char *) (params->formats + call->nargs);

    for (i = 0; i < call->nargs; i++) {
        arg = &call->args[i];

        params->lengths[i] = (int) arg->len;
        params->formats[i] = (int) ngx_leadgen_statement_is_binary(call, i);

        if (arg->data == NULL || params->formats[i]) {
            params->values[i] = (char *) arg->data;
            continue;
        }

        params->values[i] = p;
        p = (char *) ngx_cpymem(p, arg->data, arg->len);
        *p++ = '\0';
    }

    return memory;
}
