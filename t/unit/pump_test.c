
/*
 * The pump and adoption, against a table that does what audit_logs does with an
 * id it knows: nothing.
 *
 * sources: t/unit/loop.c src/event/ngx_leadgen_pump.c
 * sources: src/event/ngx_leadgen_adopt.c src/event/ngx_leadgen_batch.c
 * sources: src/event/ngx_leadgen_sink.c src/event/ngx_leadgen_details.c
 * sources: src/event/ngx_leadgen_dead.c src/event/ngx_leadgen_event.c
 * sources: src/event/ngx_leadgen_spool.c src/event/ngx_leadgen_segment.c
 * sources: src/event/ngx_leadgen_scan.c src/event/ngx_leadgen_sync.c
 * sources: src/event/ngx_leadgen_level.c src/event/ngx_leadgen_bus.c
 * sources: src/event/ngx_leadgen_intent.c src/event/ngx_leadgen_job.c
 * sources: src/event/ngx_leadgen_record.c src/event/ngx_leadgen_action.c
 * sources: src/base/ngx_leadgen_frame.c src/base/ngx_leadgen_text.c
 * sources: src/base/ngx_leadgen_uuid.c src/base/ngx_leadgen_time.c
 * libraries: -lcrypto
 */


#include "loop.h"
#include "ngx_leadgen_spool.h"
#include <sys/wait.h>


#define MANY  3000


typedef struct {
    u_char      id[NGX_LEADGEN_UUID_SIZE];
    int         success;                    /* -1: NULL */
} row_t;


static row_t        table[2 * MANY];
static ngx_uint_t   rows, queries, largest;
static const char  *refusal;                /* of every query */
static u_char       poison[8][NGX_LEADGEN_UUID_SIZE];
static ngx_uint_t   npoison;
static ngx_leadgen_event_t  events[MANY];


/* --- the table --- */

static row_t *
find(const u_char *id)
{
    ngx_uint_t  i;

    for (i = 0; i < rows; i++) {
        if (memcmp(table[i].id, id, NGX_LEADGEN_UUID_SIZE) == 0) {
            return &table[i];
        }
    }

    return NULL;
}


static void
refuse(ngx_leadgen_call_t *call, const char *code)
{
    call->result = NGX_LEADGEN_CALL_REFUSED;
    (void) ngx_cpystrn((u_char *) call->code, (u_char *) code, 6);
    call->error = unit_str("it says \"no\"");
}


static void
query(ngx_leadgen_call_t *call)
{
    u_char      *ids, *successes;
    ngx_uint_t   i, k, n, before;

    static u_char     added[16];
    static ngx_str_t  answer = { 0, added };

    queries++;
    n = call->args[0].data[14] << 8 | call->args[0].data[15];
    largest = ngx_max(largest, n);

    if (refusal) {
        if (refusal[0] == '\0') {
            call->result = NGX_LEADGEN_CALL_LOST;
            return;
        }

        refuse(call, refusal);
        return;
    }

    ids = call->args[0].data + 20;

    for (i = 0; i < n; i++) {
        for (k = 0; k < npoison; k++) {
            if (memcmp(ids + i * 20 + 4, poison[k], 16) == 0) {
                refuse(call, "22P02");
                return;
            }
        }
    }

    before = rows;
    successes = call->args[10].data + 20;

    for (i = 0; i < n; i++, ids += 20) {
        int  success;

        success = successes[0] == 0xff ? -1 : successes[4];
        successes += 4 + (success != -1);

        if (find(ids + 4) == NULL) {
            ngx_memcpy(table[rows].id, ids + 4, NGX_LEADGEN_UUID_SIZE);
            table[rows++].success = success;
        }
    }

    answer.len = ngx_sprintf(added, "%ui", rows - before) - added;
    call->result = NGX_LEADGEN_CALL_OK;
    call->nrows = 1;
    call->values = &answer;
}


static void
reset(void)
{
    rows = 0;
    queries = 0;
    largest = 0;
    refusal = NULL;
    npoison = 0;
    ngx_exiting = 0;
    ngx_memzero(loop_metrics, sizeof(loop_metrics));
    unit_log_clear();
}


/* --- a worker --- */

static ngx_leadgen_spool_conf_t
conf(void)
{
    ngx_leadgen_spool_conf_t  c;

    ngx_memzero(&c, sizeof(c));
    c.path.data = (u_char *) loop_directory();
    c.path.len = strlen((char *) c.path.data);
    c.size = 4 * 1024 * 1024;

    return c;
}


static void
start(const ngx_leadgen_spool_conf_t *c)
{
    static ngx_cycle_t  cycle;

    cycle.log = ngx_cycle->log;

    (void) ngx_leadgen_spool_open(&cycle, c, loop_threads);
    (void) ngx_leadgen_pump_start(&cycle, loop_database, loop_threads);
    loop_pass(5);
}


static void
stop(void)
{
    ngx_leadgen_pump_stop();
    ngx_leadgen_spool_close();
}


static void
append(ngx_uint_t from, ngx_uint_t to)
{
    ngx_uint_t  i;

    for (i = from; i < to; i++) {
        ngx_memzero(&events[i], sizeof(events[i]));
        ngx_leadgen_uuid_mint(events[i].id);
        events[i].action = NGX_LEADGEN_ACTION_LOGIN;
        events[i].outcome = NGX_LEADGEN_OUTCOME_SUCCESS;
        events[i].text[NGX_LEADGEN_EVENT_PATH] = unit_str("/api/leads\n\"");
        (void) ngx_leadgen_event_append(&events[i], 0, 0);
    }
}


static ngx_uint_t
shell(const char *fmt, const ngx_leadgen_spool_conf_t *c)
{
    int    n;
    char   command[256];
    FILE  *f;

    (void) snprintf(command, sizeof(command), fmt, c->path.data);
    f = popen(command, "r");
    n = fscanf(f, "%d", &n) == 1 ? n : -1;
    (void) pclose(f);

    return n;
}


static ngx_uint_t
segments(const ngx_leadgen_spool_conf_t *c)
{
    return shell("find %s -name '*.segment' | wc -l", c);
}


/* --- */

static void
test_batches(void)
{
    ngx_leadgen_spool_conf_t  c;

    reset();
    c = conf();
    start(&c);

    append(0, 3);
    loop_pass(40);
    is_int(queries, 0, "a moment's patience");
    loop_pass(20);
    is_int(queries, 1, "then one batch");
    is_int(rows, 3, "of three");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_SHIPPED], 3, "counted");

    append(3, 503);
    loop_pass(0);
    is_int(queries, 2, "a full batch does not wait");
    is_int(largest, 500, "it is 500");

    append(503, 1200);
    loop_pass(100);
    is_int(rows, 1200, "all are shipped");
    is_int(largest, 500, "500 at most");
    is_int(segments(&c), 2, "finished segments are gone");
    ok(!loop_holds(), "nothing would hold a worker that exits");

    stop();
    is_int(segments(&c), 0, "and all are at the end");
}


static void
test_away(void)
{
    ngx_leadgen_spool_conf_t  c;

    reset();
    c = conf();
    start(&c);

    refusal = "";
    append(0, 1000);
    loop_pass(60000);
    is_int(rows, 0, "the database is away");
    ok(queries > 10 && queries < 40, "%d tries in a minute", (int) queries);
    is_int(unit_log_count, 1, "one line: %s", unit_log_line);

    refusal = "57P03";
    loop_pass(20000);
    refusal = "42883";
    loop_pass(20000);
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_PARKED], 0, "none is parked");

    unit_log_clear();
    refusal = NULL;
    loop_pass(6000);
    is_int(rows, 1000, "it is back, and has all");
    is_int(unit_log_count, 1, "one line: %s", unit_log_line);

    stop();
    is_int(segments(&c), 0, "nothing is left");
}


static void
test_poison(void)
{
    ngx_uint_t                i;
    ngx_leadgen_spool_conf_t  c;

    static const ngx_uint_t  bad[] = { 0, 1, 123, 499, 500, 998 };

    reset();
    c = conf();
    start(&c);

    refusal = "";
    append(0, 1000);
    loop_pass(1000);
    refusal = NULL;
    queries = 0;

    for (i = 0; i < 6; i++) {
        ngx_memcpy(poison[npoison++], events[bad[i]].id,
                   NGX_LEADGEN_UUID_SIZE);
    }

    loop_pass(6000);

    is_int(rows, 994, "all but the bad ones");
    ok(find(events[123].id) == NULL, "which are not stored");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_PARKED], 6, "but parked");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_SHIPPED], 994, "counted");
    ok(queries < 150, "%d queries", (int) queries);
    is_int(shell("/usr/bin/python3 -c 'import json;"
                 "print(sum(json.loads(l)[\"code\"] == \"22P02\""
                 " and json.loads(l)[\"reason\"] == \"it says \\\"no\\\"\""
                 " and json.loads(l)[\"event\"][\"details\"][\"path\"]"
                 " == \"/api/leads\\\\x0a\\\"\""
                 " for l in open(\"%s/audit.dead\")))'", &c), 6,
           "six lines of JSON");
    is_int(shell("stat -c %%a %s/audit.dead", &c), 600, "for the owner alone");

    stop();
    is_int(segments(&c), 0, "nothing is left");
}


/* The worker is a child, so that its death gives its locks back. */

static void
die(const ngx_leadgen_spool_conf_t *c, void (*life)(void))
{
    int    status;
    pid_t  pid;

    (void) fflush(stdout);
    pid = fork();

    if (pid == 0) {
        start(c);
        life();
        _exit(0);
    }

    (void) waitpid(pid, &status, 0);
    is_int(status, 0, "a worker dies");
}


/* Ids that parent and child know. */

static ngx_leadgen_event_t *
known(ngx_uint_t i)
{
    ngx_leadgen_event_t  *e;

    e = &events[i];
    ngx_memzero(e, sizeof(*e));
    e->id[0] = 1;
    e->id[14] = (u_char) (i >> 8);
    e->id[15] = (u_char) i;
    e->action = NGX_LEADGEN_ACTION_LEAD_DELETED;
    e->outcome = NGX_LEADGEN_OUTCOME_FAILURE;

    return e;
}


/* 0..599 are done, 600..899 begun; the first of them fill some segments, and
 * up to 300 are shipped. */

static void
life_of_intents(void)
{
    ngx_uint_t            i;
    ngx_leadgen_event_t  *e;

    for (i = 0; i < 900; i++) {
        if (ngx_leadgen_event_intend(known(i), NGX_LEADGEN_MODE_STRICT)
            != NGX_OK)
        {
            _exit(1);
        }

        loop_pass(1);
    }

    for (i = 0; i < 600; i++) {
        e = known(i);
        e->outcome = NGX_LEADGEN_OUTCOME_SUCCESS;

        if (ngx_leadgen_event_append(e, 0, 1) != NGX_OK) {
            _exit(1);
        }

        if (i == 300) {
            loop_pass(1000);
            refusal = "";
        }
    }

    if (rows != 301) {
        _exit(2);
    }
}


static void
test_intents(void)
{
    ngx_uint_t                i, wrong;
    ngx_leadgen_spool_conf_t  c;

    reset();
    c = conf();
    die(&c, life_of_intents);
    ok(segments(&c) > 1, "%d segments are left", (int) segments(&c));

    /* what it had shipped is known in the table */

    for (i = 0; i <= 300; i++) {
        ngx_memcpy(table[rows].id, known(i)->id, NGX_LEADGEN_UUID_SIZE);
        table[rows++].success = 1;
    }

    start(&c);
    loop_pass(1000);

    wrong = 0;

    for (i = 0; i < 900; i++) {
        row_t  *row = find(known(i)->id);

        wrong += row == NULL || row->success != (i < 600 ? 1 : -1);
    }

    is_int(rows, 900, "all are there, once");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_SHIPPED], 599,
           "each new one is counted once");
    is_int(wrong, 0, "the outcome of those that had none is unknown");
    ok(loop_metrics[NGX_LEADGEN_METRIC_SEGMENTS_ADOPTED] > 1, "adopted");

    stop();
    is_int(segments(&c), 0, "nothing is left");
}


/* An open intent keeps its segment. */

static void
test_kept(void)
{
    ngx_leadgen_event_t       e;
    ngx_leadgen_spool_conf_t  c;

    reset();
    c = conf();
    start(&c);

    e = *known(1);
    (void) ngx_leadgen_event_intend(&e, NGX_LEADGEN_MODE_STRICT);
    append(10, 2000);
    loop_pass(1000);
    is_int(rows, 1990, "all is shipped but the intent");
    is_int(segments(&c), 3, "whose segment stays");

    (void) ngx_leadgen_event_append(&e, 0, 1);
    loop_pass(1000);
    is_int(rows, 1991, "its outcome is shipped");
    is_int(find(e.id)->success, 0, "as it was");
    is_int(segments(&c), 2, "and the segment gone");

    (void) ngx_leadgen_event_intend(&e, NGX_LEADGEN_MODE_STRICT);
    append(0, 1);
    loop_pass(1000);
    stop();
    is_int(segments(&c), 1, "an open intent outlives its worker");
}


static void
life_of_events(void)
{
    ngx_uint_t  i;

    refusal = "";

    for (i = 0; i < 100; i++) {
        (void) ngx_leadgen_event_append(known(i), 0, 0);
    }
}


static void
test_damage(void)
{
    ngx_leadgen_spool_conf_t  c;

    reset();
    c = conf();
    die(&c, life_of_events);

    is_int(shell("for f in %s/*-0.segment; do printf X"
                 " | dd of=$f bs=1 seek=6000 conv=notrunc status=none; done;"
                 " echo 0", &c), 0, "a byte is changed");
    is_int(shell("head -c 4096 /dev/zero | tr '\\0' 9 > %s/x-1-9.segment;"
                 " echo 0", &c), 0, "and a file of another version is there");

    start(&c);
    loop_pass(20000);

    ok(rows > 20 && rows < 99, "the %d events before it are shipped",
       (int) rows);
    is_int(loop_metrics[NGX_LEADGEN_METRIC_SEGMENTS_QUARANTINED], 1,
           "the segment is in quarantine");
    is_int(shell("ls %s/quarantine | wc -l", &c), 1, "really");
    is_int(shell("ls %s/x-1-9.segment | wc -l", &c), 1,
           "the other version is left alone");
    ok(unit_log_count < 6, "%d lines of log", (int) unit_log_count);

    stop();
}


static void
test_quit(void)
{
    ngx_leadgen_spool_conf_t  c;

    reset();
    c = conf();
    start(&c);

    append(0, 10);
    ngx_exiting = 1;
    ok(loop_holds(), "what was just appended holds a worker that exits");
    loop_pass(60);
    is_int(rows, 10, "until it is shipped");
    loop_pass(100);
    ok(!loop_holds(), "and no longer");

    ngx_exiting = 0;
    refusal = "57P01";
    append(10, 20);
    loop_pass(100);
    ngx_exiting = 1;
    ok(!loop_holds(), "a database that refuses does not hold it");
    loop_pass(3000);
    ok(!loop_holds(), "nor later");

    stop();
    is_int(segments(&c), 1, "the next worker adopts it");

    reset();
    start(&c);
    loop_pass(100);
    is_int(rows, 10, "and ships it");

    ngx_exiting = 1;
    loop_database_down = 1;
    append(20, 30);
    ok(!loop_holds(), "a database that is away does not hold it");
    loop_database_down = 0;
    ngx_exiting = 0;
    loop_pass(100);
    is_int(rows, 20, "if it is back in time, all the better");
    stop();
    is_int(segments(&c), 0, "nothing is left");
}


int
main(void)
{
    loop_query = query;

    test_batches();
    test_away();
    test_poison();
    test_intents();
    test_kept();
    test_damage();
    test_quit();

    return unit_done();
}
