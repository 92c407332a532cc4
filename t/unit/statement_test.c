
/*
 * Statements: what is sent to PostgreSQL for each call.
 *
 * sources: src/io/ngx_leadgen_statement.c
 */


#include "unit.h"
#include "ngx_leadgen_statement.h"


#define FAKE  ((PGconn *) &sent)


/* what libpq was told, a letter a message: P, E, Q, S */

static char        sent[16];
static char        name[64];
static int         nparams;
static char        values[8][64];
static int         lengths[8];
static int         formats[8];
static int         broken;          /* libpq takes nothing */

static ngx_leadgen_statements_t  statements;


static int
took(char letter)
{
    size_t  n = strlen(sent);

    sent[n] = letter;
    sent[n + 1] = '\0';

    return !broken;
}


static void
keep(int n, const char *const *value, const int *length, const int *format)
{
    int  i;

    nparams = n;

    for (i = 0; i < n; i++) {
        lengths[i] = length[i];
        formats[i] = format[i];

        if (value[i] == NULL) {
            strcpy(values[i], "(null)");

        } else if (format[i]) {
            ngx_memcpy(values[i], value[i], length[i]);

        } else {
            strcpy(values[i], value[i]);
        }
    }
}


int
PQsendPrepare(PGconn *conn, const char *stmtName, const char *query,
    int nParams, const Oid *paramTypes)
{
    strcpy(name, stmtName);

    return took('P');
}


int
PQsendQueryPrepared(PGconn *conn, const char *stmtName, int nParams,
    const char *const *paramValues, const int *paramLengths,
    const int *paramFormats, int resultFormat)
{
    strcpy(name, stmtName);
    keep(nParams, paramValues, paramLengths, paramFormats);

    return took('E');
}


int
PQsendQueryParams(PGconn *conn, const char *command, int nParams,
    const Oid *paramTypes, const char *const *paramValues,
    const int *paramLengths, const int *paramFormats, int resultFormat)
{
    name[0] = '\0';
    keep(nParams, paramValues, paramLengths, paramFormats);

    return took('Q');
}


int
PQpipelineSync(PGconn *conn)
{
    return took('S');
}


static ngx_int_t
submit(ngx_leadgen_statement_t *statement, ngx_leadgen_call_t *call,
    ngx_uint_t *prepares)
{
    sent[0] = '\0';

    return ngx_leadgen_statement_send(&statements, statement, FAKE, call,
                                      prepares);
}


static void
test_life(void)
{
    ngx_uint_t                prepares;
    ngx_leadgen_call_t        call;
    ngx_leadgen_statement_t  *statement;

    static const char  sql[] = "select 1";

    ngx_memzero(&call, sizeof(call));
    call.statement = sql;

    statement = ngx_leadgen_statement_find(&statements, sql);

    is_int(submit(statement, &call, &prepares), NGX_OK, "a first call");
    is_mem(sent, "PES", 4, "prepares, executes, and ends with a Sync");
    is_int(prepares, 1, "and says so");

    is_int(submit(statement, &call, &prepares), NGX_OK, "a second call");
    is_mem(sent, "QS", 3, "does not rely on a preparation under way");
    is_int(prepares, 0, "and has none");

    statement->state = NGX_LEADGEN_STATEMENT_READY;
    (void) submit(statement, &call, &prepares);
    is_mem(sent, "ES", 3, "once prepared it is only executed");
    is_mem(name, "leadgen_1", 10, "by its name");

    ngx_leadgen_statement_forget(statement);
    (void) submit(statement, &call, &prepares);
    is_mem(sent, "PES", 4, "once forgotten it is prepared again");
    is_mem(name, "leadgen_2", 10, "under another name");

    (void) submit(NULL, &call, &prepares);
    is_mem(sent, "QS", 3, "without a place in the table it is not prepared");

    broken = 1;
    is_int(submit(statement, &call, &prepares), NGX_ERROR,
           "what libpq does not take is an error");
    broken = 0;
}


static void
test_args(void)
{
    ngx_str_t            args[4];
    ngx_uint_t           prepares;
    ngx_leadgen_call_t   call;

    ngx_memzero(&call, sizeof(call));
    call.statement = "select $1, $2, $3, $4";
    call.args = args;
    call.nargs = 4;
    call.binary = 1 << 3;

    /* none has a zero byte behind it */

    args[0].data = (u_char *) strndup("abX", 3);
    args[0].len = 2;
    ngx_str_null(&args[1]);
    args[2].data = (u_char *) "x";
    args[2].len = 0;
    args[3].data = (u_char *) "\0\1\0";
    args[3].len = 3;

    is_int(submit(NULL, &call, &prepares), NGX_OK, "a call with arguments");
    is_int(nparams, 4, "all of them");
    is_mem(values[0], "ab", 3, "text ends where it ends");
    is_mem(values[1], "(null)", 7, "NULL is NULL");
    is_mem(values[2], "", 1, "and not the empty text");
    is_mem(values[3], "\0\1\0", 3, "binary is sent as it is");
    is_int(lengths[3], 3, "by its length");
    ok(!formats[0] && !formats[1] && !formats[2] && formats[3],
       "in the format that was said");

    call.binary = 0;
    is_int(submit(NULL, &call, &prepares), NGX_ABORT,
           "text with a zero byte is refused");
    is_mem(call.code, "22021", 6, "with PostgreSQL's code");
    is_int(sent[0], 0, "and nothing is sent");

    call.binary = 1 << 3;
    unit_alloc_fail = 0;
    is_int(submit(NULL, &call, &prepares), NGX_DECLINED, "without memory");
    is_int(sent[0], 0, "nothing is sent, neither");
    unit_alloc_fail = -1;

    free(args[0].data);
}


static void
test_table(void)
{
    ngx_uint_t                i, found;
    ngx_leadgen_statement_t  *first;

    static char  sql[NGX_LEADGEN_STATEMENTS + 1][8];

    ngx_memzero(&statements, sizeof(statements));

    first = ngx_leadgen_statement_find(&statements, sql[0]);
    found = 1;

    for (i = 1; i < NGX_LEADGEN_STATEMENTS; i++) {
        found += (ngx_leadgen_statement_find(&statements, sql[i]) != NULL);
    }

    is_int(found, NGX_LEADGEN_STATEMENTS, "the table takes what it holds");
    ok(ngx_leadgen_statement_find(&statements, sql[i]) == NULL,
       "and nothing more");
    ok(ngx_leadgen_statement_find(&statements, sql[0]) == first,
       "a statement keeps its place");
}


int
main(void)
{
    test_life();
    test_args();
    test_table();

    return unit_done();
}
