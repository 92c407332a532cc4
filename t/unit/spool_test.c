
/*
 * The spool's segments: room, rotation, what survives its worker, and what is
 * recovered of a damaged file.
 *
 * sources: t/unit/loop.c src/event/ngx_leadgen_event.c
 * sources: src/event/ngx_leadgen_spool.c src/event/ngx_leadgen_segment.c
 * sources: src/event/ngx_leadgen_scan.c src/event/ngx_leadgen_sync.c
 * sources: src/event/ngx_leadgen_level.c src/event/ngx_leadgen_bus.c
 * sources: src/event/ngx_leadgen_batch.c src/event/ngx_leadgen_intent.c
 * sources: src/event/ngx_leadgen_job.c src/event/ngx_leadgen_record.c
 * sources: src/event/ngx_leadgen_action.c src/base/ngx_leadgen_frame.c
 * sources: src/base/ngx_leadgen_uuid.c src/base/ngx_leadgen_time.c
 * libraries: -lcrypto
 */


#include "loop.h"
#include "ngx_leadgen_spool.h"
#include <sys/wait.h>


#define MANY  2000


static char        long_[4096];
static ngx_uint_t  woken;


void
ngx_leadgen_pump_wake(ngx_uint_t n)
{
    woken += n;
}


static ngx_leadgen_event_t
event(size_t path)
{
    ngx_leadgen_event_t  e;

    ngx_memzero(&e, sizeof(e));
    ngx_leadgen_uuid_mint(e.id);
    e.action = NGX_LEADGEN_ACTION_LOGIN;
    e.outcome = NGX_LEADGEN_OUTCOME_SUCCESS;
    e.text[NGX_LEADGEN_EVENT_PATH].data = (u_char *) long_;
    e.text[NGX_LEADGEN_EVENT_PATH].len = path;

    return e;
}


static ngx_leadgen_spool_conf_t
conf(size_t size)
{
    ngx_leadgen_spool_conf_t  c;

    ngx_memzero(&c, sizeof(c));
    c.path.data = (u_char *) loop_directory();
    c.path.len = strlen((char *) c.path.data);
    c.size = size;

    return c;
}


static ngx_uint_t
files(const char *path)
{
    int    n;
    char   command[256];
    FILE  *f;

    (void) snprintf(command, sizeof(command), "ls %s | wc -l", path);

    f = popen(command, "r");
    n = -1;

    if (fscanf(f, "%d", &n) != 1) {
        n = -1;
    }

    (void) pclose(f);

    return n;
}


/* --- the directory --- */

static void
test_check(void)
{
    char                      link[80];
    ngx_leadgen_spool_conf_t  c;

    c = conf(1024 * 1024);
    is_int(rmdir((char *) c.path.data), 0, "start without the directory");

    ok(ngx_leadgen_spool_check(NULL, &c, geteuid()) == NULL, "it is made");
    ok(ngx_leadgen_spool_check(NULL, &c, geteuid()) == NULL, "and taken then");

    (void) chmod((char *) c.path.data, 0750);
    ok(strstr(ngx_leadgen_spool_check(NULL, &c, geteuid()), "0700") != NULL,
       "a wider mode is refused");
    (void) chmod((char *) c.path.data, 0700);

    (void) snprintf(link, sizeof(link), "%s.link", c.path.data);
    is_int(symlink((char *) c.path.data, link), 0, "a symbolic link");
    c.path.data = (u_char *) link;
    ok(strstr(ngx_leadgen_spool_check(NULL, &c, geteuid()), "symbolic")
       != NULL, "is refused");

    c.path.data = (u_char *) "/dev/null";
    ok(strstr(ngx_leadgen_spool_check(NULL, &c, geteuid()), "not a directory")
       != NULL, "a device is refused");

    if (geteuid() == 0) {
        c = conf(1024 * 1024);
        ok(strstr(ngx_leadgen_spool_check(NULL, &c, 12345), "another user")
           != NULL, "another's directory is refused");
    }
}


/* --- room --- */

static void
test_empty(void)
{
    ngx_leadgen_spool_conf_t  c;

    c = conf(1024 * 1024);

    is_int(ngx_leadgen_spool_open(NULL, &c, loop_threads), NGX_OK, "opens");
    loop_pass(10);
    is_int(files((char *) c.path.data), 2, "one segment and a spare");

    ngx_leadgen_spool_close();
    is_int(files((char *) c.path.data), 0, "nothing is left of an empty one");
}


static void
test_full(void)
{
    size_t                    n, refused, appended;
    ngx_leadgen_event_t       e;
    ngx_leadgen_spool_conf_t  c;

    c = conf(4 * 64 * 1024);
    loop_metrics[NGX_LEADGEN_METRIC_EVENTS_REFUSED] = 0;

    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    e = event(1000);
    appended = 0;
    refused = 0;

    for (n = 0; n < MANY && refused < 10; n++) {
        loop_pass(1);

        if (ngx_leadgen_event_append(&e, 0, 0) == NGX_OK) {
            appended++;
        } else {
            refused++;
        }
    }

    is_int(refused, 10, "it gets full, after %d events", (int) appended);
    ok(appended > 4 * 60 - 10, "and holds almost its size");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_REFUSED], 10, "counted");
    is_int(files((char *) c.path.data), 4, "in four segments");

    ngx_leadgen_spool_close();
    is_int(files((char *) c.path.data), 4, "which stay for the next worker");
}


/* Events of each mode that are taken at a level. */

static void
modes(const char *level, ngx_int_t strict, ngx_int_t normal,
    ngx_int_t best_effort)
{
    ngx_uint_t  i;
    ngx_int_t   want[3];

    want[NGX_LEADGEN_MODE_STRICT] = strict;
    want[NGX_LEADGEN_MODE_NORMAL] = normal;
    want[NGX_LEADGEN_MODE_BEST_EFFORT] = best_effort;

    for (i = 0; i < 3; i++) {
        ngx_int_t  rc = ngx_leadgen_event_reserve(100, i);

        is_int(rc, want[i], "%s: mode %d", level, (int) i);

        if (rc == NGX_OK) {
            ngx_leadgen_event_release(100);
        }
    }
}


static void
test_modes(void)
{
    ngx_leadgen_event_t       e;
    ngx_leadgen_level_t       level;
    ngx_leadgen_spool_conf_t  c;

    c = conf(1024 * 1024);
    ngx_memzero(loop_metrics, sizeof(loop_metrics));
    is_int(ngx_leadgen_level_get(&level), NGX_DECLINED, "nothing known yet");

    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    loop_pass(10);
    e = event(1000);

    is_int(ngx_leadgen_level_get(&level), NGX_OK, "a level");
    is_int(level.level, NGX_LEADGEN_LEVEL_LOW, "is low");
    ok(level.used < 2000, "what is preallocated does not count");
    is_int(level.limit, 1024 * 1024, "of the size configured");
    modes("low", NGX_OK, NGX_OK, NGX_OK);

    while (level.level < NGX_LEADGEN_LEVEL_HIGH) {
        (void) ngx_leadgen_event_append(&e, 0, 0);
        loop_pass(1000);
        (void) ngx_leadgen_level_get(&level);
    }

    ok(level.used >= 1024 * 1024 / 10 * 7, "70 %%");
    modes("70 %", NGX_OK, NGX_OK, NGX_OK);

    while (level.level < NGX_LEADGEN_LEVEL_DEGRADED) {
        (void) ngx_leadgen_event_append(&e, 0, 0);
        loop_pass(1000);
        (void) ngx_leadgen_level_get(&level);
    }

    modes("85 %", NGX_OK, NGX_OK, NGX_BUSY);
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_DROPPED_WATERMARK], 1,
           "counted");

    while (level.level < NGX_LEADGEN_LEVEL_STRICT) {
        (void) ngx_leadgen_event_append(&e, 0, 0);
        loop_pass(1000);
        (void) ngx_leadgen_level_get(&level);
    }

    modes("95 %", NGX_OK, NGX_BUSY, NGX_BUSY);
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_DROPPED_WATERMARK], 3,
           "counted");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_REFUSED], 0,
           "nothing is refused");

    while (ngx_leadgen_event_append(&e, 0, 0) == NGX_OK) {
        loop_pass(1000);
    }

    (void) ngx_leadgen_level_get(&level);
    is_int(level.level, NGX_LEADGEN_LEVEL_FULL, "full");
    is_int(ngx_leadgen_event_reserve(1200, NGX_LEADGEN_MODE_STRICT), NGX_BUSY,
           "what is strict is refused");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_EVENTS_REFUSED], 2, "counted");

    ngx_leadgen_spool_close();
}


static void
test_missing(void)
{
    ngx_leadgen_event_t       e;
    ngx_leadgen_spool_conf_t  c;

    c = conf(1024 * 1024);
    e = event(10);
    (void) rmdir((char *) c.path.data);

    unit_log_clear();
    is_int(ngx_leadgen_spool_open(NULL, &c, loop_threads), NGX_ERROR,
           "no directory");
    ok(unit_log_count > 0, "is logged: %s", unit_log_line);
    is_int(ngx_leadgen_event_reserve(100, NGX_LEADGEN_MODE_STRICT), NGX_BUSY,
           "and refuses");
    is_int(ngx_leadgen_event_intend(&e, NGX_LEADGEN_MODE_STRICT), NGX_BUSY,
           "intents too");
    is_int(ngx_leadgen_event_append(&e, 0, 0), NGX_BUSY, "and events");

    unit_log_clear();
    loop_pass(5000);
    is_int(unit_log_count, 0, "it does not chatter");

    (void) mkdir((char *) c.path.data, 0700);
    loop_pass(1000);
    is_int(ngx_leadgen_event_append(&e, 0, 0), NGX_OK,
           "once it is there, all is well");

    ngx_leadgen_spool_close();
}


/* What was reserved is always taken, whatever happens in between. */

static void
test_reserved(void)
{
    size_t                    i, n, failed, reserved[64], path[64];
    ngx_leadgen_event_t       e;
    ngx_leadgen_spool_conf_t  c;

    c = conf(8 * 64 * 1024);
    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);

    ngx_memzero(reserved, sizeof(reserved));
    srandom(1);
    failed = 0;
    n = 0;

    for (i = 0; i < 100000; i++) {
        size_t  k = random() % 64;

        loop_threads_busy = random() % 16 != 0;

        if (random() % 32 == 0) {
            loop_pass(500);
        }

        if (reserved[k]) {
            e = event(path[k]);
            e.text[NGX_LEADGEN_EVENT_ERROR].data = (u_char *) long_;
            e.text[NGX_LEADGEN_EVENT_ERROR].len = random() % 512;

            failed += ngx_leadgen_event_append(&e, reserved[k], 0) != NGX_OK;
            reserved[k] = 0;
            n++;

        } else {
            path[k] = random() % 4096;
            e = event(path[k]);

            if (random() % 4 == 0) {
                (void) ngx_leadgen_event_append(&e, 0, 0);
                continue;
            }

            reserved[k] = ngx_leadgen_event_size(&e);

            if (ngx_leadgen_event_reserve(reserved[k],
                                          NGX_LEADGEN_MODE_STRICT)
                != NGX_OK)
            {
                reserved[k] = 0;
            }
        }

        /* as if all had been shipped */

        if (random() % 8 == 0) {
            ngx_queue_t  *q;

            for (q = ngx_queue_head(ngx_leadgen_spool_segments());
                 q != ngx_queue_sentinel(ngx_leadgen_spool_segments());
                 q = ngx_queue_next(q))
            {
                ngx_leadgen_segment_t  *segment;

                segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);
                segment->cursor = segment->pos;
            }

            (void) ngx_leadgen_spool_sweep();
        }
    }

    ok(n > 1000, "%d times room was reserved", (int) n);
    is_int(failed, 0, "and never was there none");

    loop_threads_busy = 0;
    ngx_leadgen_spool_close();
}


static void
test_intents(void)
{
    size_t                    i, full;
    ngx_leadgen_event_t      *e;
    ngx_leadgen_segment_t    *segment;
    ngx_leadgen_spool_conf_t  c;

    c = conf(64 * 1024 * 1024);
    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    loop_pass(10);

    e = calloc(8192, sizeof(*e));

    for (full = 0; full < 8192; full++) {
        e[full] = event(10);

        if (ngx_leadgen_event_intend(&e[full], NGX_LEADGEN_MODE_STRICT)
            != NGX_OK)
        {
            break;
        }

        loop_pass(1);
    }

    is_int(full, 6144, "so many intents can be open");

    for (i = 0; i < full; i += 2) {
        (void) ngx_leadgen_event_append(&e[i], 0, 1);
        loop_pass(1);
    }

    for (i = 1; i < full; i += 2) {
        (void) ngx_leadgen_event_append(&e[i], 0, 1);
        loop_pass(1);
    }

    segment = ngx_queue_data(ngx_queue_head(ngx_leadgen_spool_segments()),
                             ngx_leadgen_segment_t, queue);
    is_int(segment->intents, 0, "and all be closed");

    free(e);
    ngx_leadgen_spool_close();
}


static void
test_sync(void)
{
    ngx_leadgen_event_t       e;
    ngx_leadgen_segment_t    *segment;
    ngx_leadgen_spool_conf_t  c;

    c = conf(1024 * 1024);
    c.sync = 100;
    e = event(10);

    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    loop_pass(10);

    segment = ngx_queue_data(ngx_queue_head(ngx_leadgen_spool_segments()),
                             ngx_leadgen_segment_t, queue);

    (void) ngx_leadgen_event_append(&e, 0, 0);
    loop_pass(99);
    ok(segment->unsynced, "not synced at once");
    loop_pass(2);
    ok(!segment->unsynced && !segment->syncing, "but within the interval");

    ngx_leadgen_spool_close();
}


/* --- syncing for those who wait --- */

#define WAITERS  10

static ngx_leadgen_sync_waiter_t  waiters[WAITERS];
static ngx_int_t                   told[WAITERS];


static void
tell(void *data, ngx_int_t rc)
{
    *(ngx_int_t *) data = rc;
}


/* Appends an event for each, and waits. */

static void
await(ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_leadgen_event_t  e;

    e = event(10);

    for (i = 0; i < n; i++) {
        (void) ngx_leadgen_event_append(&e, 0, 0);

        told[i] = NGX_BUSY;
        waiters[i].handler = tell;
        waiters[i].data = &told[i];

        if (ngx_leadgen_sync_wait(&waiters[i]) != NGX_AGAIN) {
            abort();
        }
    }
}


static ngx_uint_t
count_told(ngx_uint_t n, ngx_int_t rc)
{
    ngx_uint_t  i, found;

    found = 0;

    for (i = 0; i < n; i++) {
        found += (told[i] == rc);
    }

    return found;
}


static ngx_leadgen_segment_t *
newest(void)
{
    return ngx_queue_data(ngx_queue_last(ngx_leadgen_spool_segments()),
                          ngx_leadgen_segment_t, queue);
}


/* In the place of the system's. */

static ngx_uint_t  failures;


int
fdatasync(int fd)
{
    if (failures) {
        failures--;
        errno = EIO;
        return -1;
    }

    return fsync(fd);
}


static void
test_waiting(void)
{
    ngx_leadgen_segment_t     *segment;
    ngx_leadgen_spool_conf_t   c;

    c = conf(1024 * 1024);
    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    is_int(ngx_leadgen_sync_wait(&waiters[0]), NGX_OK,
           "without fsync=always nobody waits");
    ngx_leadgen_spool_close();

    c = conf(1024 * 1024);
    c.always = 1;
    ngx_memzero(loop_metrics, sizeof(loop_metrics));
    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    loop_pass(10);

    await(WAITERS);
    is_int(count_told(WAITERS, NGX_BUSY), WAITERS, "all wait");
    loop_pass(1);
    is_int(count_told(WAITERS, NGX_OK), WAITERS, "and are told");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_SYNCS_COMPLETED], 1,
           "after one sync for all");
    segment = newest();
    ok(segment->synced == segment->pos, "of all");

    await(2);
    ngx_leadgen_sync_leave(&waiters[0]);
    ngx_leadgen_sync_leave(&waiters[0]);
    loop_pass(1);
    is_int(told[0], NGX_BUSY, "who has left is not told");
    is_int(told[1], NGX_OK, "the other is");

    loop_threads_busy = 1;
    await(1);
    loop_pass(1);
    is_int(told[0], NGX_BUSY, "no thread is free");
    loop_threads_busy = 0;
    loop_pass(100);
    is_int(told[0], NGX_OK, "now one is");

    ngx_leadgen_spool_close();
}


static void
test_sync_fails(void)
{
    u_char                    *p;
    uint32_t                   kind;
    ngx_str_t                  payload;
    ngx_uint_t                 n;
    ngx_leadgen_event_t        e;
    ngx_leadgen_segment_t     *first, *second;
    ngx_leadgen_spool_conf_t   c;

    c = conf(1024 * 1024);
    c.always = 1;
    ngx_memzero(loop_metrics, sizeof(loop_metrics));
    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    loop_pass(10);

    await(2);
    loop_pass(1);

    first = newest();
    failures = 1;
    unit_log_clear();
    await(3);
    loop_pass(1);

    second = newest();
    ok(second != first, "a segment that can't be synced is left");
    ok(first->failed && first->header->sealed, "for good");
    is_int(unit_log_count, 1, "with an alarm: %s", unit_log_line);
    is_int(count_told(3, NGX_OK), 3, "its events are on the disk at last");

    p = second->start;

    for (n = 0; ngx_leadgen_frame_read(&p, second->pos, &kind, &payload)
                == NGX_OK; n++)
    {
        /* void */
    }

    is_int(n, 3, "those that were not synced before, in another segment");
    is_int(loop_metrics[NGX_LEADGEN_METRIC_SYNCS_FAILED], 1, "counted");

    failures = 2;
    loop_pass(10);
    await(2);
    loop_pass(1);
    is_int(count_told(2, NGX_ERROR), 2, "two failures in a row are told");
    e = event(10);
    loop_pass(1000);
    is_int(ngx_leadgen_event_append(&e, 0, 0), NGX_OK,
           "and the next segment is tried");

    ngx_leadgen_spool_close();
}


/* --- a disk that fails under a mapping --- */

static void
test_bus_error(void)
{
    u_char                    *p;
    uint32_t                   kind;
    ngx_str_t                  payload;
    ngx_uint_t                 n;
    ngx_leadgen_event_t        e;
    ngx_leadgen_segment_t     *first;
    ngx_leadgen_spool_conf_t   c;

    c = conf(1024 * 1024);
    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    loop_pass(10);

    e = event(2000);
    first = newest();
    (void) ngx_leadgen_event_append(&e, 0, 0);

    /* what is behind the end of a file is a bus error, too */

    is_int(ftruncate(first->fd, ngx_pagesize), 0, "the disk fails");
    unit_log_clear();
    n = 1;

    while (ngx_leadgen_event_append(&e, 0, 0) == NGX_OK) {
        n++;
    }

    ok(n < 3, "the event that meets that is refused");
    is_int(unit_log_count, 1, "with an alarm: %s", unit_log_line);
    ok(newest() != first, "another segment takes its place");
    is_int(ngx_leadgen_event_append(&e, 0, 0), NGX_OK, "and the next event");

    p = first->start;
    while (ngx_leadgen_frame_read(&p, first->last, &kind, &payload) == NGX_OK)
    {
        n--;
    }

    is_int(n, 0, "those before it are there still");

    ngx_leadgen_spool_close();
}


/* --- recovery --- */

#define RECORDS  3

static ngx_leadgen_event_t  kept[RECORDS];


/* A worker that appends three events and is killed. */

static void
die(const ngx_leadgen_spool_conf_t *c)
{
    int    status;
    pid_t  pid;
    size_t i;

    for (i = 0; i < RECORDS; i++) {
        kept[i] = event(20 + i);
    }

    (void) fflush(stdout);
    pid = fork();

    if (pid == 0) {
        (void) ngx_leadgen_spool_open(NULL, c, loop_threads);

        for (i = 0; i < RECORDS; i++) {
            (void) ngx_leadgen_event_append(&kept[i], 0, 0);
        }

        _exit(0);
    }

    (void) waitpid(pid, &status, 0);
}


/* How many of the three come back; -1 when something else does. */

static int
count(ngx_leadgen_segment_t *segment)
{
    int                    n;
    u_char                *p;
    uint32_t               kind;
    ngx_str_t              payload;
    ngx_leadgen_record_t   record;

    p = segment->start;

    for (n = 0; p < segment->pos; n++) {
        if (ngx_leadgen_frame_read(&p, segment->pos, &kind, &payload) != NGX_OK
            || ngx_leadgen_record_decode(&payload, &record) != NGX_OK
            || n == RECORDS
            || memcmp(record.event.id, kept[n].id, NGX_LEADGEN_UUID_SIZE)
            || record.event.text[NGX_LEADGEN_EVENT_PATH].len
               != (size_t) 20 + n)
        {
            return -1;
        }
    }

    return n;
}


static char  name[128];


static size_t
load(const char *path, u_char *image)
{
    int     fd;
    char    file[256];
    FILE   *f;
    size_t  n;

    (void) snprintf(file, sizeof(file), "ls %s", path);
    f = popen(file, "r");
    ok(fscanf(f, "%127s", name) == 1, "there is a segment");
    (void) pclose(f);

    (void) snprintf(file, sizeof(file), "%s/%s", path, name);
    fd = open(file, O_RDONLY);
    n = read(fd, image, 2048);
    (void) close(fd);

    return n;
}


static ngx_int_t
recover(int directory, const u_char *image, size_t len,
    ngx_leadgen_segment_t **segment)
{
    int        fd;
    ngx_int_t  rc;

    fd = openat(directory, name, O_RDWR|O_CREAT|O_TRUNC, 0600);

    if (write(fd, image, len) != (ssize_t) len) {
        abort();
    }

    (void) close(fd);

    rc = ngx_leadgen_segment_adopt(directory, name, segment);

    return rc;
}


static void
test_recovery(void)
{
    int                        directory, got, want;
    u_char                     image[2048];
    size_t                     i, len, first, ends[RECORDS], wrong, unread,
                               cases;
    ngx_int_t                  rc;
    ngx_uint_t                 bit;
    ngx_leadgen_segment_t     *segment;
    ngx_leadgen_spool_conf_t   c;

    c = conf(1024 * 1024);
    die(&c);
    len = load((char *) c.path.data, image);
    is_int(len, 2048, "its first bytes");

    directory = open((char *) c.path.data, O_RDONLY|O_DIRECTORY);
    rc = ngx_leadgen_segment_adopt(directory, name, &segment);
    is_int(rc, NGX_OK, "whoever comes next may take it");
    is_int(count(segment), RECORDS, "all events are there");
    is_int(segment->unread, 0, "and nothing else");
    is_int(segment->header->sealed, 1, "it is sealed");

    {
        ngx_leadgen_segment_t  *second;

        is_int(ngx_leadgen_segment_adopt(directory, name, &second), NGX_BUSY,
               "it can't be taken twice");
    }

    first = segment->start - (u_char *) segment->header;

    for (i = 0; i < RECORDS; i++) {
        ends[i] = (i ? ends[i - 1] : first)
                  + ngx_leadgen_frame_size(ngx_leadgen_record_size(&kept[i]));
    }

    is_int(segment->pos - (u_char *) segment->header, ends[2], "their end");
    ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_REMOVE);
    is_int(files((char *) c.path.data), 0, "removed");

    /* every end of the file within the last record */

    wrong = 0;

    for (len = ends[1]; len < ends[2]; len++) {
        if (recover(directory, image, len, &segment) != NGX_OK) {
            wrong++;
            continue;
        }

        wrong += count(segment) != 2;
        wrong += (segment->unread != 0) != (len != ends[1]);
        ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_REMOVE);
    }

    is_int(wrong, 0, "cut anywhere in the third: two");

    /* every bit of it, its header too */

    wrong = 0;
    unread = 0;
    cases = 0;

    for (i = 0; i < ends[2]; i++) {
        for (bit = 0; bit < 8; bit++) {
            image[i] ^= 1 << bit;
            rc = recover(directory, image, sizeof(image), &segment);
            image[i] ^= 1 << bit;
            cases++;

            if (rc != NGX_OK) {
                wrong += rc != NGX_DECLINED || i >= 16;
                (void) unlinkat(directory, name, 0);
                continue;
            }

            got = count(segment);
            want = i < first ? RECORDS : (i >= ends[0]) + (i >= ends[1]);

            /* the padding between frames means nothing */
            if (got == RECORDS) {
                want = i < first
                       || image[i] == 0 ? RECORDS : want;
            }

            wrong += got != want;
            unread += (segment->unread != 0) != (got != RECORDS);
            ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_REMOVE);
        }
    }

    is_int(wrong, 0, "%d flips of one bit: the longest whole prefix",
           (int) cases);
    is_int(unread, 0, "and it is known when bytes are damaged");

    /* killed while it wrote the fourth */

    ngx_memset(image + ends[2] + sizeof(ngx_leadgen_frame_t), 'x', 99);
    (void) recover(directory, image, sizeof(image), &segment);
    is_int(count(segment), RECORDS, "an event not committed is none");
    is_int(segment->unread, 0, "and no damage");
    ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_REMOVE);

    /* a page lost in the middle */

    ngx_memzero(image + ends[0], ends[1] - ends[0]);
    (void) recover(directory, image, sizeof(image), &segment);
    is_int(count(segment), 1, "a hole ends it");
    ok(segment->unread != 0, "and is damage");
    ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_QUARANTINE);
    is_int(files((char *) c.path.data), 1, "only quarantine is left");
    is_int(faccessat(directory, "quarantine", X_OK, 0), 0, "named so");

    /* files without any event */

    is_int(recover(directory, image, 0, &segment), NGX_DONE, "an empty file");
    is_int(recover(directory, image, 40, &segment), NGX_DONE, "half a header");

    ngx_memzero(image, sizeof(image));
    is_int(recover(directory, image, sizeof(image), &segment), NGX_DONE,
           "nothing but zeros");
    is_int(files((char *) c.path.data), 1, "are removed");

    (void) close(directory);
}


/* Room that nobody can use any more is given back. */

static void
test_trimmed(void)
{
    int                        directory;
    u_char                     image[2048];
    struct stat                st;
    ngx_leadgen_segment_t     *segment;
    ngx_leadgen_scan_usage_t   usage;
    ngx_leadgen_spool_conf_t   c;

    c = conf(1024 * 1024);
    die(&c);
    (void) load((char *) c.path.data, image);

    directory = open((char *) c.path.data, O_RDONLY|O_DIRECTORY);
    is_int(fstatat(directory, name, &st, 0), 0, "a dead worker's segment");
    is_int(st.st_size, 64 * 1024, "is as large as it was made");

    is_int(ngx_leadgen_scan_usage(directory, &usage), NGX_OK, "looked at");
    (void) fstatat(directory, name, &st, 0);
    is_int(st.st_size, ngx_pagesize, "it is as large as need be");
    is_int(usage.files, ngx_pagesize, "which is what it counts for");
    ok(usage.used < ngx_pagesize && usage.used > 100, "or less");

    is_int(ngx_leadgen_segment_adopt(directory, name, &segment), NGX_OK,
           "who adopts it");
    is_int(count(segment), RECORDS, "finds all");
    ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_REMOVE);
    (void) close(directory);
}


/* Links are not followed, whatever they are called. */

static void
test_links(void)
{
    int                        i, directory;
    char                       target[256], name_[256];
    u_char                     image[2048];
    ngx_int_t                  rc;
    struct stat                st;
    ngx_leadgen_segment_t     *segment;
    ngx_leadgen_spool_conf_t   c;

    c = conf(1024 * 1024);
    directory = open((char *) c.path.data, O_RDONLY|O_DIRECTORY);

    (void) snprintf(target, sizeof(target), "%s.target", c.path.data);
    i = open(target, O_RDWR|O_CREAT, 0600);
    (void) ftruncate(i, 128 * 1024);
    (void) close(i);

    is_int(symlinkat(target, directory, "a" NGX_LEADGEN_SEGMENT_SUFFIX), 0,
           "a link in the place of a segment");
    rc = ngx_leadgen_segment_adopt(directory, "a" NGX_LEADGEN_SEGMENT_SUFFIX,
                                   &segment);
    is_int(rc, NGX_ERROR, "is not adopted");

    (void) ngx_leadgen_spool_open(NULL, &c, loop_threads);
    loop_pass(10);
    is_int(files((char *) c.path.data), 3, "segments are made beside it");
    ngx_leadgen_spool_close();
    (void) unlinkat(directory, "a" NGX_LEADGEN_SEGMENT_SUFFIX, 0);

    /* quarantine, in the place of which a link leads elsewhere */

    is_int(symlinkat("/tmp", directory, "quarantine"), 0, "a link");
    die(&c);
    (void) load((char *) c.path.data, image);
    rc = ngx_leadgen_segment_adopt(directory, name, &segment);
    is_int(rc, NGX_OK, "a segment");
    ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_QUARANTINE);
    is_int(fstatat(directory, name, &st, 0), 0, "stays where it is");
    is_int(st.st_mode & 07777, 0600, "with mode 0600");
    (void) unlinkat(directory, "quarantine", 0);

    /* at most eight */

    for (i = 0; i < 12; i++) {
        die(&c);
        (void) load((char *) c.path.data, image);
        (void) ngx_leadgen_segment_adopt(directory, name, &segment);
        ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_QUARANTINE);
    }

    (void) snprintf(name_, sizeof(name_), "%s/quarantine", c.path.data);
    is_int(files(name_), 8, "so many go to quarantine");
    is_int(stat(name_, &st), 0, "which is a directory");
    is_int(st.st_mode & 07777, 0700, "with mode 0700");

    (void) unlink(target);
    (void) close(directory);
}


int
main(void)
{
    ngx_memset(long_, 'x', sizeof(long_));

    test_check();
    test_empty();
    test_full();
    test_modes();
    test_missing();
    test_reserved();
    test_intents();
    test_sync();
    test_waiting();
    test_sync_fails();
    test_bus_error();
    test_recovery();
    test_trimmed();
    test_links();

    return unit_done();
}
