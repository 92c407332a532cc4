
/*
 * Events as payloads of frames, and as PostgreSQL's binary arrays.
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


#include "unit.h"
#include "ngx_leadgen_spool.h"


static u_char  payload_[NGX_LEADGEN_EVENT_FRAME];
static char    filler[20000];


static ngx_leadgen_event_t
example(void)
{
    ngx_uint_t           i;
    ngx_leadgen_event_t  event;

    ngx_memzero(&event, sizeof(event));

    for (i = 0; i < NGX_LEADGEN_UUID_SIZE; i++) {
        event.id[i] = (u_char) (i * 17);
    }

    event.time = 1767323045678901ULL;
    event.user_id = 42;
    event.duration = 1234567;
    event.status = 201;
    event.action = NGX_LEADGEN_ACTION_CAMPAIGN_CREATED;
    event.outcome = NGX_LEADGEN_OUTCOME_SUCCESS;
    event.text[NGX_LEADGEN_EVENT_USER_EMAIL] = unit_str("ada@example.org");
    event.text[NGX_LEADGEN_EVENT_ROLE] = unit_str("manager");
    event.text[NGX_LEADGEN_EVENT_ROUTE] = unit_str("/api/campaigns");
    event.text[NGX_LEADGEN_EVENT_REQUIRES] = unit_str("lead:read lead:export");
    event.text[NGX_LEADGEN_EVENT_PERMISSION] = unit_str("lead:export");
    event.text[NGX_LEADGEN_EVENT_CONDITION] = unit_str("own=:id");
    event.text[NGX_LEADGEN_EVENT_SHADOW] = unit_str("would_deny");
    event.text[NGX_LEADGEN_EVENT_SHADOW_ROUTE] = unit_str("/api/**");
    event.text[NGX_LEADGEN_EVENT_METHOD] = unit_str("POST");
    event.text[NGX_LEADGEN_EVENT_PATH] = unit_str("/api/campaigns?\"\xff");
    event.text[NGX_LEADGEN_EVENT_IP_ADDRESS] = unit_str("::1");
    event.text[NGX_LEADGEN_EVENT_USER_AGENT] = unit_str("curl\0\xff");

    return event;
}


static ngx_str_t
encode(const ngx_leadgen_event_t *event)
{
    ngx_str_t  payload;

    payload.data = payload_;
    payload.len = ngx_leadgen_record_encode(payload_, event) - payload_;

    return payload;
}


static void
test_round_trip(void)
{
    ngx_str_t             payload;
    ngx_uint_t            i;
    ngx_leadgen_event_t   event;
    ngx_leadgen_record_t  record;

    event = example();
    payload = encode(&event);

    is_int(payload.len, ngx_leadgen_record_size(&event), "the size foretold");
    is_int(ngx_leadgen_record_decode(&payload, &record), NGX_OK, "decodes");
    is_mem(record.event.id, event.id, NGX_LEADGEN_UUID_SIZE, "id");
    is_int(record.event.time, event.time, "time");
    is_int(record.event.user_id, 42, "user id");
    is_int(record.event.duration, 1234567, "duration");
    is_int(record.event.status, 201, "status");
    is_int(record.event.action, event.action, "action");
    is_int(record.event.outcome, event.outcome, "outcome");
    is_str(record.action, "campaign_created", "action by name");

    for (i = 0; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        ok(record.event.text[i].len == event.text[i].len
           && (event.text[i].len == 0
               || memcmp(record.event.text[i].data, event.text[i].data,
                         event.text[i].len) == 0), "text %d", (int) i);
    }
}


/* Another build's payloads: an action that is not known, a text more. */

static void
test_other_build(void)
{
    u_char               *p;
    ngx_str_t             payload;
    ngx_leadgen_event_t   event;
    ngx_leadgen_record_t  record;

    event = example();
    payload = encode(&event);

    p = memmem(payload.data, payload.len, "campaign_created", 16);
    ngx_memcpy(p, "balloon_inflated", 16);

    is_int(ngx_leadgen_record_decode(&payload, &record), NGX_OK,
           "an unknown action decodes");
    is_str(record.action, "balloon_inflated", "and keeps its name");
}


/* Each shorter payload and each changed byte: no crash, nothing outside. */

static void
test_damaged(void)
{
    u_char               *copy;
    size_t                len, i, taken;
    ngx_str_t             payload, part;
    ngx_uint_t            k;
    ngx_leadgen_event_t   event;
    ngx_leadgen_record_t  record;

    event = example();
    payload = encode(&event);
    taken = 0;

    for (len = 0; len < payload.len; len++) {
        copy = malloc(len + (len == 0));
        ngx_memcpy(copy, payload.data, len);
        part.data = copy;
        part.len = len;
        taken += ngx_leadgen_record_decode(&part, &record) == NGX_OK;
        free(copy);
    }

    is_int(taken, 0, "no part of a payload is an event");

    copy = malloc(payload.len);
    part.data = copy;
    part.len = payload.len;
    taken = 0;

    for (i = 0; i < payload.len; i++) {
        ngx_memcpy(copy, payload.data, payload.len);
        copy[i] ^= 0xff;

        if (ngx_leadgen_record_decode(&part, &record) != NGX_OK) {
            continue;
        }

        for (k = 0; k < NGX_LEADGEN_EVENT_NTEXTS; k++) {
            taken += record.event.text[k].len
                     && (record.event.text[k].data < copy
                         || record.event.text[k].data
                            + record.event.text[k].len > copy + payload.len);
        }
    }

    is_int(taken, 0, "no text reaches beyond its payload");
    free(copy);
}


static void
test_sizes(void)
{
    size_t               size, room;
    ngx_str_t            payload;
    ngx_uint_t           i;
    ngx_leadgen_event_t  event, fitting;

    event = example();
    size = ngx_leadgen_event_size(&event);

    event.status = 599;
    event.duration = 0xffffffff;
    event.text[NGX_LEADGEN_EVENT_ERROR].data = (u_char *) filler;
    event.text[NGX_LEADGEN_EVENT_ERROR].len = 128;
    payload = encode(&event);

    ok(ngx_leadgen_frame_size(payload.len) <= size,
       "an error of 128 bytes fits into what was foretold");

    for (i = 0; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        event.text[i].data = (u_char *) filler;
        event.text[i].len = sizeof(filler);
    }

    size = ngx_leadgen_event_size(&event);
    ok(size <= NGX_LEADGEN_EVENT_FRAME, "the longest event takes %d bytes",
       (int) size);

    is_int(ngx_leadgen_record_fit(&fitting, &event, NGX_LEADGEN_EVENT_FRAME),
           NGX_OK, "it fits");
    is_int(fitting.text[NGX_LEADGEN_EVENT_PATH].len, 2048, "path is cut");
    is_int(fitting.text[NGX_LEADGEN_EVENT_USER_AGENT].len, 512,
           "user agent is cut");
    is_int(fitting.text[NGX_LEADGEN_EVENT_ERROR].len, 512, "error is cut");
    is_int(fitting.text[NGX_LEADGEN_EVENT_ROLE].len, 256, "role is cut");
    is_int(fitting.truncated, 1, "and it says so");

    room = size - 100;
    is_int(ngx_leadgen_record_fit(&fitting, &event, room), NGX_OK,
           "it fits into less");
    ok(ngx_leadgen_frame_size(ngx_leadgen_record_size(&fitting)) <= room,
       "really");
    is_int(fitting.text[NGX_LEADGEN_EVENT_PATH].len, 2048,
           "which the user agent alone paid for");
    ok(fitting.text[NGX_LEADGEN_EVENT_USER_AGENT].len < 512,
       "which the user agent paid for");
    is_int(ngx_leadgen_record_fit(&fitting, &event, 1000), NGX_ERROR,
           "some room is too little");
}


/* Odd bytes take most in JSON. */

static void
test_details(void)
{
    u_char               *last;
    ngx_str_t             payload, json;
    ngx_uint_t            i;
    ngx_leadgen_event_t   event, fitting;
    ngx_leadgen_record_t  record;

    static u_char  details[64 * 1024], plain[512];

    event = example();
    payload = encode(&event);
    (void) ngx_leadgen_record_decode(&payload, &record);
    is_int(record.event.truncated, 0, "a whole event");

    event.text[NGX_LEADGEN_EVENT_CAPTURED] =
                                          unit_str("{\"request:/a\":\"b\"}");
    event.truncated = 1;
    payload = encode(&event);
    (void) ngx_leadgen_record_decode(&payload, &record);
    is_int(record.event.truncated, 1, "one that was cut");
    is_int(record.event.outcome, NGX_LEADGEN_OUTCOME_SUCCESS,
           "has an outcome all the same");

    last = ngx_leadgen_details_write(details, &record);
    *last = '\0';
    ok(strstr((char *) details, ",\"captured\":{\"request:/a\":\"b\"},"
                                "\"truncated\":true}") != NULL,
       "what was captured stands in the details");

    for (i = 0; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        event.text[i].data = (u_char *) filler;
        event.text[i].len = sizeof(filler);
    }

    /* what a policy says is the operator's text */

    ngx_memset(plain, 'x', sizeof(plain));

    for (i = NGX_LEADGEN_EVENT_ROUTE; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        event.text[i].data = plain;
        event.text[i].len = sizeof(plain);
    }

    (void) ngx_leadgen_record_fit(&fitting, &event, NGX_LEADGEN_EVENT_FRAME);
    payload = encode(&fitting);
    (void) ngx_leadgen_record_decode(&payload, &record);
    last = ngx_leadgen_details_write(details, &record);
    json.len = last - details;
    ok(json.len <= 16384, "details have 16 KB at most: %d", (int) json.len);
}


static void
test_actions(void)
{
    ngx_str_t   name;
    ngx_uint_t  i, business, found;

    business = 0;
    found = 0;

    for (i = 0; i < NGX_LEADGEN_NACTIONS; i++) {
        business += ngx_leadgen_actions[i].business;
        found += ngx_leadgen_action_find(&ngx_leadgen_actions[i].name)
                 == (ngx_int_t) i;
    }

    is_int(business, 25, "the 22, and three of jobs");
    is_int(found, NGX_LEADGEN_NACTIONS, "each is found by its name");

    name = unit_str("login_");
    is_int(ngx_leadgen_action_find(&name), NGX_ERROR, "no such action");
}


/* --- sink --- */

static int32_t
number(const u_char *p)
{
    return (int32_t) ((uint32_t) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]);
}


/* The element of a binary array; len -1: NULL. */

static ngx_str_t
element(const ngx_str_t *array, int32_t oid, int32_t n, int32_t index)
{
    u_char     *p, *last;
    int32_t     i, len;
    ngx_str_t   found;

    p = array->data;
    last = p + array->len;
    ngx_str_null(&found);

    if (number(p) != 1 || number(p + 8) != oid || number(p + 12) != n
        || number(p + 16) != 1)
    {
        ok(0, "the head of an array of %d", (int) oid);
        return found;
    }

    p += 20;

    for (i = 0; i < n; i++) {
        len = number(p);
        p += 4;

        if (i == index) {
            found.data = p;
            found.len = (size_t) (ssize_t) len;
        }

        p += len == -1 ? 0 : len;
    }

    ok(p == last, "an array of %d ends where it should", (int) oid);

    return found;
}


static void
test_sink(void)
{
    int64_t              micros;
    ngx_str_t            args[NGX_LEADGEN_SINK_NARGS], v;
    ngx_uint_t           i;
    ngx_leadgen_batch_t  batch;
    ngx_leadgen_record_t records[2];

    ngx_memzero(records, sizeof(records));
    records[0].event = example();
    records[0].action = unit_str("campaign_created");
    records[1].action = unit_str("login");
    records[1].event.time = 946684799999999ULL;

    ngx_memzero(&batch, sizeof(batch));
    batch.pool = ngx_create_pool(1024, ngx_cycle->log);
    batch.records = records;
    batch.n = 2;

    is_int(ngx_leadgen_sink_encode(&batch, args), NGX_OK, "encodes");

    v = element(&args[0], 2950, 2, 0);
    is_mem(v.data, records[0].event.id, NGX_LEADGEN_UUID_SIZE, "id");

    v = element(&args[1], 1184, 2, 0);
    micros = (int64_t) number(v.data) << 32 | (uint32_t) number(v.data + 4);
    is_int(micros, 1767323045678901LL - 946684800000000LL, "timestamp");
    v = element(&args[1], 1184, 2, 1);
    micros = (int64_t) ((uint64_t) (uint32_t) number(v.data) << 32
                        | (uint32_t) number(v.data + 4));
    is_int(micros, -1, "a timestamp before 2000");

    is_str(element(&args[2], 25, 2, 1), "login", "action");
    is_int(element(&args[3], 20, 2, 0).len, 8, "a user id");
    is_int(element(&args[3], 20, 2, 1).len, -1, "nobody is NULL");
    is_str(element(&args[4], 25, 2, 0), "ada@example.org", "email");

    for (i = 4; i < NGX_LEADGEN_SINK_NARGS; i++) {
        if (i != 7 && i != 10) {
            is_int(element(&args[i], 25, 2, 1).len, -1,
                   "an empty text is NULL, argument %d", (int) i);
        }
    }

    is_str(element(&args[7], 3802, 2, 0),
           "\x01{\"method\":\"POST\",\"path\":\"/api/campaigns?\\\"\\\\xff\","
           "\"role\":\"manager\",\"route\":\"/api/campaigns\","
           "\"requires\":\"lead:read lead:export\","
           "\"permission\":\"lead:export\",\"condition\":\"own=:id\","
           "\"shadow\":\"would_deny\",\"shadow_route\":\"/api/**\","
           "\"request_id\":\"00112233-4455-6677-8899-aabbccddeeff\","
           "\"status\":201,\"duration_ms\":1234.567}", "details");
    is_str(element(&args[7], 3802, 2, 1),
           "\x01{\"request_id\":\"00000000-0000-0000-0000-000000000000\"}",
           "details without an answer");
    is_str(element(&args[8], 25, 2, 0), "::1", "address");
    is_str(element(&args[9], 25, 2, 0), "curl\\x00\\xff", "user agent");
    is_str(element(&args[10], 16, 2, 0), "\x01", "success");
    is_int(element(&args[10], 16, 2, 1).len, -1, "success unknown");

    ngx_destroy_pool(batch.pool);
}


int
main(void)
{
    ngx_memset(filler, 0xff, sizeof(filler));

    test_round_trip();
    test_other_build();
    test_damaged();
    test_sizes();
    test_details();
    test_actions();
    test_sink();

    return unit_done();
}
