
/*
 * The feed of revocations: what PostgreSQL tells and answers ends up in the
 * zone, for as long as tokens live, and nothing is skipped.
 *
 * sources: t/unit/loop.c src/auth/ngx_leadgen_revocation.c
 * sources: src/base/ngx_leadgen_uuid.c src/base/ngx_leadgen_time.c
 * libraries: -lcrypto
 */


#include "loop.h"
#include "ngx_leadgen_auth.h"


#define NOW      1700000000
#define MAX_AGE  7200
#define SESSION  "01890000-0000-7000-8000-000000000001"


static ngx_uint_t   asked, refused;
static ngx_str_t    args[2];
static const char  *answer[4][6];
static ngx_uint_t   nanswer;

static struct {
    ngx_leadgen_epoch_e  kind;
    int64_t              user_id;
    time_t               epoch;
    time_t               keep;
} set[16];
static ngx_uint_t   nset;
static time_t       complete;
static ngx_uint_t   missed;


/* --- stand-ins --- */

ngx_leadgen_backend_t *
ngx_leadgen_backend_start(ngx_cycle_t *cycle,
    const ngx_leadgen_backend_conf_t *conf)
{
    (void) cycle;
    (void) conf;

    return loop_database;
}


void
ngx_leadgen_backend_stop(ngx_leadgen_backend_t *backend)
{
    (void) backend;
}


time_t
ngx_leadgen_keys_max_age(const ngx_array_t *keys)
{
    (void) keys;

    return MAX_AGE;
}


ngx_int_t
ngx_leadgen_epoch_set(ngx_leadgen_epoch_e kind, const u_char *key,
    time_t epoch, time_t keep)
{
    set[nset].kind = kind;
    set[nset].user_id = 0;
    set[nset].epoch = epoch;
    set[nset].keep = keep;

    if (kind != NGX_LEADGEN_EPOCH_SESSION) {
        ngx_memcpy(&set[nset].user_id, key, sizeof(int64_t));
    }

    nset++;

    return NGX_OK;
}


void
ngx_leadgen_epoch_complete(time_t second)
{
    complete = ngx_max(complete, second);
}


time_t
ngx_leadgen_epoch_known(void)
{
    return complete;
}


ngx_uint_t
ngx_leadgen_epoch_miss(void)
{
    return missed++ == 0;
}


ngx_uint_t
ngx_leadgen_epoch_is_missed(void)
{
    return missed;
}


static void
at(time_t seconds)
{
    static ngx_time_t  time_;

    time_.sec = seconds;
    ngx_cached_time = &time_;
}


/* --- PostgreSQL --- */

static void
query(ngx_leadgen_call_t *call)
{
    ngx_uint_t        i;
    static u_char     text[2][32];
    static ngx_str_t  values[24];

    asked++;

    for (i = 0; i < 2; i++) {
        args[i].data = text[i];
        args[i].len = call->args[i].len;
        ngx_memcpy(text[i], call->args[i].data, args[i].len);
    }

    if (refused) {
        call->result = NGX_LEADGEN_CALL_REFUSED;
        return;
    }

    for (i = 0; i < 6 * nanswer; i++) {
        values[i].data = (u_char *) answer[i / 6][i % 6];
        values[i].len = strlen(answer[i / 6][i % 6]);
    }

    call->result = NGX_LEADGEN_CALL_OK;
    call->nrows = nanswer;
    call->ncols = 6;
    call->values = values;
}


static void
row(const char *sequence, const char *kind, const char *subject,
    const char *epoch, const char *change)
{
    answer[nanswer][0] = sequence;
    answer[nanswer][1] = kind;
    answer[nanswer][2] = subject;
    answer[nanswer][3] = epoch;
    answer[nanswer][4] = "1700086492";
    answer[nanswer][5] = change;
    nanswer++;
}


static void
notify(const char *text)
{
    ngx_str_t  channel, payload;

    ngx_str_set(&channel, "leadgen_revocations");
    payload.len = strlen(text);
    payload.data = malloc(payload.len);
    ngx_memcpy(payload.data, text, payload.len);

    ngx_leadgen_revocation_notified(NULL, &channel, &payload);

    free(payload.data);
}


/* --- */

static void
test_start(void)
{
    ngx_cycle_t                 cycle;
    ngx_leadgen_backend_conf_t  conf;

    ngx_memzero(&cycle, sizeof(cycle));
    ngx_memzero(&conf, sizeof(conf));
    cycle.log = ngx_cycle->log;

    row("3", "user", "42", "1699999999", "f");
    row("4", "session", SESSION, "1700000001", "f");
    row("4", "user", "43", "1700000001", "t");

    is_int(ngx_leadgen_revocation_is_known(0, 0), 1,
           "without a database there is nothing to know");

    is_int(ngx_leadgen_revocation_start(&cycle, &conf, NULL), NGX_OK,
           "it starts");
    is_int(ngx_leadgen_revocation_is_known(0, 0), 0, "and knows nothing");
    is_int(ngx_leadgen_revocation_is_known(0, 1), 0,
           "which is allowed when nobody answers: nobody was asked");

    refused = 1;
    loop_pass(2);
    is_int(asked, 1, "it asks at once");
    is_int(ngx_leadgen_revocation_is_known(0, 0), 0, "no answer is none");
    is_int(ngx_leadgen_revocation_is_known(0, 1), 1, "unless that is allowed");
    is_int(unit_log_count, 1, "and it is said");

    at(NOW + 7);
    is_int(ngx_leadgen_revocation_age(), 7, "since it asks");
    at(NOW);

    refused = 0;
    asked = 0;
    loop_pass(500);
    is_int(ngx_leadgen_revocation_is_known(15, 0), 1, "an answer is enough");

    is_int(asked, 1, "and it asks again soon");
    is_str(args[0], "0", "for all");
    is_str(args[1], "1699992710", "that are of use");

    is_int(nset, 3, "three are known");
    is_int(set[0].kind, NGX_LEADGEN_EPOCH_USER, "a user's");
    is_int(set[0].user_id, 42, "whose");
    is_int(set[0].epoch, NOW - 1, "from when on");
    is_int(set[0].keep, NOW - 1 + MAX_AGE + 90, "while tokens live");
    is_int(set[1].kind, NGX_LEADGEN_EPOCH_SESSION, "a session's");
    is_int(set[2].kind, NGX_LEADGEN_EPOCH_CHANGE, "and a change");
    is_int(set[2].user_id, 43, "of whom");

    nanswer = 0;
    loop_pass(5000);
    is_str(args[0], "4", "later it asks for the rest");
}


/* The notification of 6 was lost with the connection, that of 7 came. */

static void
test_nothing_is_skipped(void)
{
    nset = 0;
    notify("7 user 8 1700000002 1700086492 f");

    is_int(nset, 1, "a notification is applied");
    is_int(set[0].kind, NGX_LEADGEN_EPOCH_USER, "what it is");
    is_int(set[0].user_id, 8, "whose");
    is_int(set[0].keep, NOW + 2 + MAX_AGE + 90,
           "how long is for the gateway to say");

    loop_pass(5000);
    is_str(args[0], "4", "but what came before it is asked for");

    row("6", "user", "9", "1700000002", "f");
    row("7", "user", "8", "1700000002", "f");
    loop_pass(5000);
    nanswer = 0;
    is_int(set[nset - 2].user_id, 9, "and applied");

    loop_pass(5000);
    is_str(args[0], "7", "then no more");
}


static void
test_away(void)
{
    ngx_uint_t  before;

    at(NOW + 100);
    loop_pass(5000);
    is_int(ngx_leadgen_revocation_age(), 0, "what it knows is new");

    refused = 1;
    before = asked;
    at(NOW + 140);
    loop_pass(10000);
    is_int(ngx_leadgen_revocation_age(), 40, "it gets old without PostgreSQL");
    is_int(ngx_leadgen_revocation_is_known(40, 0), 1, "40 s may be allowed");
    is_int(ngx_leadgen_revocation_is_known(39, 0), 0, "or too much");
    is_int(ngx_leadgen_revocation_is_known(0, 0), 1, "or anything may be");
    ok(asked - before >= 8, "which is asked more often: %u times",
       (unsigned) (asked - before));

    refused = 0;
    loop_pass(600);
    is_int(ngx_leadgen_revocation_age(), 0, "until that answers again");
    is_str(args[0], "7", "with all that was missed");
}


static void
test_malformed(void)
{
    size_t  i;

    static const char  *texts[] = {
        "", " ", "8", "8 user", "8 user 1", "8 user 1 x", "x user 1 1700000002",
        "8 user x 1700000002 1 f", "8 user 0 1700000002 1 f",
        "8 user -1 1700000002 1 f", "8 session x 1700000002 1 f",
        "8 session 01890000 1700000002 1 f", "8 user 1 1700000002 1",
        "99999999999999999999 user 1 1700000002 1 f"
    };

    nset = 0;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        notify(texts[i]);
        is_int(nset, 0, "\"%s\" revokes nothing", texts[i]);
    }
}


/* By a snapshot, in a gateway that has heard nothing. */

static void
test_restored(void)
{
    at(NOW);
    complete = 0;
    missed = 0;
    refused = 1;

    ngx_leadgen_revocation_restored(NOW + 2);
    is_int(complete, 0, "a time to come is none");
    ngx_leadgen_revocation_restored(NOW - 6);
    is_int(complete, 0, "an old one does not count yet");
    is_int(ngx_leadgen_revocation_is_known(0, 0), 0, "nor is it known");
    loop_pass(1000);
    is_int(complete, NOW - 6, "but when nobody answers");
    is_int(ngx_leadgen_revocation_age(), 6, "as old as it is");
    is_int(ngx_leadgen_revocation_is_known(5, 0), 0, "it may be too old");

    complete = 0;
    ngx_leadgen_revocation_restored(NOW - 6);
    refused = 0;
    loop_pass(1000);
    is_int(complete, NOW, "an answer is better");

    complete = 0;
    ngx_leadgen_revocation_restored(NOW - 5);
    is_int(complete, NOW - 5, "a new one is as good as an answer");
    ngx_leadgen_revocation_restored(NOW - 4);
    is_int(complete, NOW - 5, "which is not needed twice");
}


int
main(void)
{
    (void) loop_directory();
    loop_query = query;
    at(NOW);

    test_start();
    test_nothing_is_skipped();
    test_away();
    test_malformed();
    test_restored();

    ngx_leadgen_revocation_stop();

    return unit_done();
}
