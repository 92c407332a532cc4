
/*
 * The watcher: once a second the relay looks into Redis for how much waits
 * there, for jobs that are gone and for results, and tells PostgreSQL.
 */


#include "ngx_leadgen_relay.h"


#define NGX_LEADGEN_WATCHER_INTERVAL  1000      /* milliseconds */
#define NGX_LEADGEN_WATCHER_TIDY      3600000
#define NGX_LEADGEN_WATCHER_PAGE      500
#define NGX_LEADGEN_WATCHER_COLUMNS   2
#define NGX_LEADGEN_WATCHER_RETURN    35        /* seconds: Celery waits up to
                                                 * 30 until it tries to connect
                                                 * again */
#define NGX_LEADGEN_WATCHER_LOST      3         /* columns */
#define NGX_LEADGEN_WATCHER_ARGS      8
#define NGX_LEADGEN_WATCHER_TEXT      2048      /* bytes, of a reason */


/* Lifetime: worker; what stands below nqueues is of one round. */

static struct {
    u_char       after[NGX_LEADGEN_UUID_TEXT];  /* the last job looked for */
    size_t       after_len;
    ngx_uint_t   nqueues;
    ngx_str_t    queues[NGX_LEADGEN_RELAY_QUEUES];

    ngx_uint_t   nout;
    ngx_str_t   *out;                   /* ids and marks, in turns */
    ngx_uint_t   again;
} ngx_leadgen_watcher;


static void ngx_leadgen_watcher_hits(ngx_leadgen_call_t *call);
static void ngx_leadgen_watcher_out(ngx_leadgen_call_t *call);
static void ngx_leadgen_watcher_looked(ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_watcher_saw(ngx_leadgen_call_t *call,
    ngx_str_t *args);
static ngx_int_t ngx_leadgen_watcher_patience(ngx_str_t *args);
static ngx_int_t ngx_leadgen_watcher_number(ngx_str_t *text,
    const char *format, ngx_int_t n);
static void ngx_leadgen_watcher_told(ngx_leadgen_call_t *call);
static void ngx_leadgen_watcher_heard(ngx_leadgen_call_t *call);
static void ngx_leadgen_watcher_tidied(ngx_leadgen_call_t *call);


static const ngx_str_t  ngx_leadgen_watcher_tasks[] = {
#define TASK(name, full, queue, description)  ngx_string(queue),
#include "tables/tasks.def"
};


/*
 * ARGV: the life of a mark, how many queues, their names, then ids and marks.
 * Of each queue it answers with what waits, in the lists of all priorities, and
 * with what workers have taken; of many of these only some are looked at.  Of
 * each job it tells whether its mark is there, which lives on, and its result.
 */

static const char  ngx_leadgen_watcher_script[] =
    "local reply, taken, steps = {}, {}, {'', '\\6\\0223', '\\6\\0226', "
    "'\\6\\0229'}\n"
    "local n = redis.pcall('HLEN', 'unacked')\n"
    "local messages = {}\n"
    "if type(n) == 'number' and n > 0 and n <= 200 then\n"
    "  messages = redis.call('HVALS', 'unacked')\n"
    "elseif type(n) == 'number' and n > 0 then\n"
    "  local some = redis.call('HRANDFIELD', 'unacked', 200, 'WITHVALUES')\n"
    "  for i = 2, #some, 2 do messages[#messages + 1] = some[i] end\n"
    "end\n"
    "for _, message in ipairs(messages) do\n"
    "  local queue = string.match(message, '\"([^\"]*)\"%]$')\n"
    "  if queue then taken[queue] = (taken[queue] or 0) + n / #messages end\n"
    "end\n"
    "local nqueues = tonumber(ARGV[2])\n"
    "for i = 3, 2 + nqueues do\n"
    "  local waiting = 0\n"
    "  for _, step in ipairs(steps) do\n"
    "    local length = redis.pcall('LLEN', ARGV[i] .. step)\n"
    "    if type(length) == 'number' then waiting = waiting + length end\n"
    "  end\n"
    "  reply[#reply + 1] = waiting\n"
    "  reply[#reply + 1] = math.floor((taken[ARGV[i]] or 0) + 0.5)\n"
    "end\n"
    "for i = 3 + nqueues, #ARGV, 2 do\n"
    "  reply[#reply + 1] = redis.call('EXPIRE', ARGV[i + 1], ARGV[1])\n"
    "  local result = redis.pcall('GET', 'celery-task-meta-' .. ARGV[i])\n"
    "  reply[#reply + 1] = type(result) == 'string' and result or ''\n"
    "end\n"
    "return reply\n";


void
ngx_leadgen_watcher_reset(void)
{
    ngx_uint_t  i, n;

    ngx_memzero(&ngx_leadgen_watcher, sizeof(ngx_leadgen_watcher));

    for (i = 0; i < sizeof(ngx_leadgen_watcher_tasks) / sizeof(ngx_str_t);
         i++)
    {
        const ngx_str_t  *queue = &ngx_leadgen_watcher_tasks[i];

        for (n = 0; n < ngx_leadgen_watcher.nqueues; n++) {
            if (ngx_leadgen_watcher.queues[n].len == queue->len
                && ngx_memcmp(ngx_leadgen_watcher.queues[n].data, queue->data,
                              queue->len)
                   == 0)
            {
                break;
            }
        }

        if (n == ngx_leadgen_watcher.nqueues && n < NGX_LEADGEN_RELAY_QUEUES) {
            ngx_leadgen_watcher.queues[n] = *queue;
            ngx_leadgen_watcher.nqueues++;
        }
    }
}


void
ngx_leadgen_watcher_begin(void)
{
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    if (ngx_current_msec - relay->watched < NGX_LEADGEN_WATCHER_INTERVAL
        && !ngx_leadgen_watcher.again)
    {
        ngx_leadgen_relay_rest(NGX_LEADGEN_WATCHER_INTERVAL
                               - (ngx_current_msec - relay->watched));
        return;
    }

    relay->watched = ngx_current_msec;

    ngx_leadgen_relay_call(relay->database, "select api.relay_hits()", NULL, 0,
                           ngx_leadgen_watcher_hits);
}


static void
ngx_leadgen_watcher_hits(ngx_leadgen_call_t *call)
{
    ngx_str_t  args[2];

    ngx_str_null(&args[0]);

    if (ngx_leadgen_watcher.after_len) {
        args[0].data = ngx_leadgen_watcher.after;
        args[0].len = ngx_leadgen_watcher.after_len;
    }

    ngx_str_set(&args[1], ngx_value(NGX_LEADGEN_RELAY_BATCH));

    ngx_leadgen_relay_call(ngx_leadgen_relay.database,
                           "select id, mark from api.relay_out($1::uuid, "
                           "$2::integer)",
                           args, 2, ngx_leadgen_watcher_out);
}


static void
ngx_leadgen_watcher_out(ngx_leadgen_call_t *call)
{
    u_char      *number;
    ngx_str_t   *args, *last;
    ngx_uint_t   i, n, nout;

    nout = call->nrows;
    n = 4 + ngx_leadgen_watcher.nqueues + nout * NGX_LEADGEN_WATCHER_COLUMNS;

    args = ngx_palloc(ngx_leadgen_relay.pool, n * sizeof(ngx_str_t));
    number = ngx_pnalloc(ngx_leadgen_relay.pool, NGX_INT_T_LEN);

    if (args == NULL || number == NULL
        || (nout && call->ncols != NGX_LEADGEN_WATCHER_COLUMNS))
    {
        ngx_leadgen_relay_rest(NGX_LEADGEN_WATCHER_INTERVAL);
        return;
    }

    args[0].data = (u_char *) ngx_leadgen_watcher_script;
    args[0].len = sizeof(ngx_leadgen_watcher_script) - 1;
    ngx_str_set(&args[1], "0");
    ngx_str_set(&args[2], NGX_LEADGEN_RELAY_LIFE);
    args[3].data = number;
    args[3].len = ngx_sprintf(number, "%ui", ngx_leadgen_watcher.nqueues)
                  - number;

    for (i = 0; i < ngx_leadgen_watcher.nqueues; i++) {
        args[4 + i] = ngx_leadgen_watcher.queues[i];
    }

    ngx_leadgen_watcher.nout = nout;
    ngx_leadgen_watcher.out = &args[4 + i];

    if (ngx_leadgen_relay_keep(ngx_leadgen_watcher.out, call->values,
                               nout * NGX_LEADGEN_WATCHER_COLUMNS) != NGX_OK)
    {
        return;
    }

    /* the next page, or the first one again */

    ngx_leadgen_watcher.after_len = 0;

    if (nout == NGX_LEADGEN_WATCHER_PAGE) {
        last = &ngx_leadgen_watcher.out[(nout - 1)
                                        * NGX_LEADGEN_WATCHER_COLUMNS];

        if (last->len == NGX_LEADGEN_UUID_TEXT) {
            ngx_leadgen_watcher.after_len = last->len;
            ngx_memcpy(ngx_leadgen_watcher.after, last->data, last->len);
        }
    }

    ngx_leadgen_relay_call(ngx_leadgen_relay.redis, "EVAL", args, n,
                           ngx_leadgen_watcher_looked);
}


static void
ngx_leadgen_watcher_looked(ngx_leadgen_call_t *call)
{
    ngx_str_t  args[NGX_LEADGEN_WATCHER_ARGS];

    if (call->nrows != 2 * (ngx_leadgen_watcher.nqueues
                            + ngx_leadgen_watcher.nout))
    {
        ngx_leadgen_relay_rest(NGX_LEADGEN_WATCHER_INTERVAL);
        return;
    }

    if (ngx_leadgen_watcher_saw(call, args) != NGX_OK) {
        return;
    }

    ngx_leadgen_relay_call(ngx_leadgen_relay.database,
                           "select job, task, outcome "
                           "from api.relay_saw($1::text[], $2::bigint[], "
                           "$3::bigint[], $4::uuid[], $5::boolean[], "
                           "$6::interval, $7::integer, $8::interval)",
                           args, NGX_LEADGEN_WATCHER_ARGS,
                           ngx_leadgen_watcher_told);
}


/* "1" and "0" are true and false to PostgreSQL, too. */

static ngx_int_t
ngx_leadgen_watcher_saw(ngx_leadgen_call_t *call, ngx_str_t *args)
{
    ngx_str_t   *values;
    ngx_uint_t   i, nqueues, nout;

    nqueues = ngx_leadgen_watcher.nqueues;
    nout = ngx_leadgen_watcher.nout;
    values = call->values + 2 * nqueues;

    if (ngx_leadgen_relay_array(&args[0], ngx_leadgen_watcher.queues, nqueues,
                                1) != NGX_OK
        || ngx_leadgen_relay_array(&args[1], call->values, nqueues, 2)
           != NGX_OK
        || ngx_leadgen_relay_array(&args[2], call->values + 1, nqueues, 2)
           != NGX_OK
        || ngx_leadgen_relay_array(&args[3], ngx_leadgen_watcher.out, nout,
                                   NGX_LEADGEN_WATCHER_COLUMNS) != NGX_OK
        || ngx_leadgen_relay_array(&args[4], values, nout, 2) != NGX_OK
        || ngx_leadgen_watcher_patience(&args[5]) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < nout; i++) {
        if (values[2 * i + 1].len) {
            ngx_leadgen_listener_take(&values[2 * i + 1]);
        }
    }

    return NGX_OK;
}


/*
 * Who was not heard of is dead only if he would have been heard: after a break
 * workers are given the time to come back.
 */

static ngx_int_t
ngx_leadgen_watcher_patience(ngx_str_t *args)
{
    ngx_leadgen_relay_t             *relay = &ngx_leadgen_relay;
    const ngx_leadgen_relay_conf_t  *conf = relay->conf;

    ngx_str_null(&args[0]);

    if (relay->hearing
        && ngx_time() - relay->hearing
           > conf->lost_after + NGX_LEADGEN_WATCHER_RETURN
        && ngx_leadgen_watcher_number(&args[0], "%i s", conf->lost_after)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_leadgen_watcher_number(&args[1], "%i", conf->attempts) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_leadgen_watcher_number(&args[2], "%i s", conf->longest);
}


static ngx_int_t
ngx_leadgen_watcher_number(ngx_str_t *text, const char *format, ngx_int_t n)
{
    text->data = ngx_pnalloc(ngx_leadgen_relay.pool, NGX_INT_T_LEN + 2);

    if (text->data == NULL) {
        ngx_leadgen_relay_rest(NGX_LEADGEN_WATCHER_INTERVAL);
        return NGX_ERROR;
    }

    text->len = ngx_sprintf(text->data, format, n) - text->data;

    return NGX_OK;
}


static void
ngx_leadgen_watcher_told(ngx_leadgen_call_t *call)
{
    u_char                why[NGX_LEADGEN_WATCHER_TEXT];
    ngx_str_t             text, shown, *job;
    ngx_uint_t            i;
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    relay->backoff = 0;

    if (relay->hearing == 0) {
        relay->hearing = ngx_time();
    }

    /* where one was missing there are more */

    ngx_leadgen_watcher.again = (call->nrows != 0);

    for (i = 0; i < call->nrows; i++) {
        job = &call->values[i * NGX_LEADGEN_WATCHER_LOST];

        /* Sentry reads this, too: a worker that died could tell nobody */

        if (job[0].len) {
            shown = ngx_leadgen_text_shown(why, sizeof(why), &job[2]);

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "leadgen: watcher: job %V of %V is lost: %V",
                          &job[0], &job[1], &shown);
        }
    }

    if (ngx_leadgen_listener_flush(relay->pool, &text) != NGX_OK
        || text.len == 0)
    {
        ngx_leadgen_watcher_heard(NULL);
        return;
    }

    ngx_leadgen_relay_call(relay->database,
                           "select api.relay_heard($1::jsonb)", &text, 1,
                           ngx_leadgen_watcher_heard);
}


static void
ngx_leadgen_watcher_heard(ngx_leadgen_call_t *call)
{
    ngx_str_t             keep;
    ngx_leadgen_relay_t  *relay = &ngx_leadgen_relay;

    if (relay->tidied == 0
        || ngx_current_msec - relay->tidied > NGX_LEADGEN_WATCHER_TIDY)
    {
        if (ngx_leadgen_watcher_number(&keep, "%i s", relay->conf->keep)
            != NGX_OK)
        {
            return;
        }

        relay->tidied = ngx_current_msec;
        ngx_leadgen_relay_call(relay->database,
                               "select api.relay_tidy($1::interval)", &keep, 1,
                               ngx_leadgen_watcher_tidied);
        return;
    }

    ngx_leadgen_watcher_tidied(NULL);
}


static void
ngx_leadgen_watcher_tidied(ngx_leadgen_call_t *call)
{
    /* where a batch was brought there may be more */

    ngx_leadgen_relay_rest(ngx_leadgen_watcher.again || ngx_leadgen_relay.nrows
                           ? 0 : NGX_LEADGEN_WATCHER_INTERVAL);
}
