
/*
 * Adoption: segments of dead workers enter, one worker's at a time; their
 * events leave first, and only then the intents, so that an intent whose
 * outcome is known by then adds nothing.
 */


#include "ngx_leadgen_spool.h"
#include <dirent.h>


#define NGX_LEADGEN_ADOPT_INTERVAL  5000    /* milliseconds */
#define NGX_LEADGEN_ADOPT_RETRY     500


/* A file of the directory.  Lifetime: one scan. */

typedef struct {
    u_char                     worker[NGX_LEADGEN_UUID_SIZE];
    uint64_t                   sequence;
    char                       name[NGX_LEADGEN_SEGMENT_NAME];
} ngx_leadgen_adopt_entry_t;


/* What a scan brings.  Lifetime: from the thread until all is shipped. */

typedef struct {
    ngx_queue_t                segments;
    ngx_uint_t                 n;
    ngx_uint_t                 foreign;     /* files of another version */
    uint32_t                   kind;        /* of the frames now shipped */
} ngx_leadgen_adopt_group_t;


/* Lifetime: worker. */

typedef struct {
    ngx_leadgen_backend_t      *threads;
    ngx_event_t                 timer;
    ngx_leadgen_adopt_group_t  *group;
    ngx_uint_t                  warned;
} ngx_leadgen_adopt_t;


static void ngx_leadgen_adopt_scan(ngx_event_t *ev);
static ssize_t ngx_leadgen_adopt_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);
static ngx_leadgen_adopt_entry_t *ngx_leadgen_adopt_list(int directory,
    ngx_uint_t *n);
static ngx_int_t ngx_leadgen_adopt_entry(int directory, const char *name,
    ngx_leadgen_adopt_entry_t *entry);
static int ngx_leadgen_adopt_compare(const void *one, const void *two);
static ngx_uint_t ngx_leadgen_adopt_same(const ngx_leadgen_adopt_entry_t *one,
    const ngx_leadgen_adopt_entry_t *two);
static ngx_int_t ngx_leadgen_adopt_take(int directory,
    const ngx_leadgen_adopt_entry_t *entries, ngx_uint_t n,
    ngx_leadgen_adopt_group_t *group);
static ngx_uint_t ngx_leadgen_adopt_complete(int directory,
    const ngx_leadgen_adopt_entry_t *entries, ngx_uint_t n);
static void ngx_leadgen_adopt_drop(ngx_leadgen_adopt_group_t *group);
static void ngx_leadgen_adopt_found(void *data, u_char *answer);
static void ngx_leadgen_adopt_tell(const ngx_leadgen_adopt_group_t *group);
static ngx_int_t ngx_leadgen_adopt_finish(void);


static ngx_leadgen_adopt_t  ngx_leadgen_adopt;


ngx_int_t
ngx_leadgen_adopt_start(ngx_cycle_t *cycle, ngx_leadgen_backend_t *threads)
{
    ngx_event_t  *ev;

    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(&ngx_leadgen_adopt, sizeof(ngx_leadgen_adopt_t));

    ngx_leadgen_adopt.threads = threads;

    ev = &ngx_leadgen_adopt.timer;
    ev->handler = ngx_leadgen_adopt_scan;
    ev->data = &none;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 1);

    return NGX_OK;
}


void
ngx_leadgen_adopt_stop(void)
{
    if (ngx_leadgen_adopt.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_adopt.timer);
    }

    if (ngx_leadgen_adopt.group) {
        ngx_leadgen_adopt_drop(ngx_leadgen_adopt.group);
        free(ngx_leadgen_adopt.group);
        ngx_leadgen_adopt.group = NULL;
    }
}


static void
ngx_leadgen_adopt_scan(ngx_event_t *ev)
{
    int  directory;

    if (ngx_exiting) {
        return;
    }

    directory = ngx_leadgen_spool_directory();

    if (directory == -1
        || ngx_leadgen_job_start(ngx_leadgen_adopt.threads,
                                 ngx_leadgen_adopt_work,
                                 &directory, sizeof(directory),
                                 ngx_leadgen_adopt_found, NULL)
           != NGX_OK)
    {
        ngx_add_timer(ev, NGX_LEADGEN_ADOPT_RETRY);
    }
}


/* --- in a thread --- */

static ssize_t
ngx_leadgen_adopt_work(const ngx_str_t *args, ngx_uint_t nargs, u_char *answer,
    size_t size)
{
    int                         directory;
    ngx_uint_t                  i, n, next;
    ngx_leadgen_adopt_entry_t  *entries;
    ngx_leadgen_adopt_group_t  *group;

    ngx_memcpy(&directory, args[0].data, sizeof(directory));

    group = calloc(1, sizeof(ngx_leadgen_adopt_group_t));
    if (group == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&group->segments);
    group->kind = NGX_LEADGEN_FRAME_EVENT;

    entries = ngx_leadgen_adopt_list(directory, &n);

    for (i = 0; i < n; i = next) {

        for (next = i + 1; next < n; next++) {
            if (!ngx_leadgen_adopt_same(&entries[i], &entries[next])) {
                break;
            }
        }

        if (ngx_leadgen_adopt_take(directory, &entries[i], next - i, group)
            == NGX_OK)
        {
            break;
        }
    }

    free(entries);

    ngx_memcpy(answer, &group, sizeof(group));

    return sizeof(group);
}


/* All segments of the directory, by worker and age. */

static ngx_leadgen_adopt_entry_t *
ngx_leadgen_adopt_list(int directory, ngx_uint_t *n)
{
    int                         fd;
    DIR                        *dir;
    ngx_uint_t                  nalloc;
    struct dirent              *found;
    ngx_leadgen_adopt_entry_t  *entries, *more;

    *n = 0;
    nalloc = 0;
    entries = NULL;

    fd = openat(directory, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    dir = (fd == -1) ? NULL : fdopendir(fd);

    if (dir == NULL) {
        if (fd != -1) {
            (void) close(fd);
        }

        return NULL;
    }

    while ((found = readdir(dir)) != NULL) {

        if (*n == nalloc) {
            nalloc = nalloc ? 2 * nalloc : 64;

            more = realloc(entries, nalloc * sizeof(*entries));
            if (more == NULL) {
                break;
            }

            entries = more;
        }

        if (ngx_leadgen_adopt_entry(directory, found->d_name, &entries[*n])
            == NGX_OK)
        {
            (*n)++;
        }
    }

    (void) closedir(dir);

    if (*n) {
        qsort(entries, *n, sizeof(*entries), ngx_leadgen_adopt_compare);
    }

    return entries;
}


/* A file without a header has worker and sequence zero. */

static ngx_int_t
ngx_leadgen_adopt_entry(int directory, const char *name,
    ngx_leadgen_adopt_entry_t *entry)
{
    size_t                         len, suffix;
    ngx_fd_t                       fd;
    ngx_leadgen_segment_header_t   header;

    len = ngx_strlen(name);
    suffix = sizeof(NGX_LEADGEN_SEGMENT_SUFFIX) - 1;

    if (len <= suffix || len >= NGX_LEADGEN_SEGMENT_NAME
        || ngx_strcmp(name + len - suffix, NGX_LEADGEN_SEGMENT_SUFFIX) != 0)
    {
        return NGX_DECLINED;
    }

    fd = openat(directory, name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);
    if (fd == -1) {
        return NGX_DECLINED;
    }

    ngx_memzero(&header, sizeof(header));

    if (pread(fd, &header, sizeof(header), 0) != (ssize_t) sizeof(header)
        || header.magic == 0)
    {
        ngx_memzero(&header, sizeof(header));
    }

    (void) close(fd);

    ngx_memcpy(entry->worker, header.worker, NGX_LEADGEN_UUID_SIZE);
    ngx_memcpy(entry->name, name, len + 1);
    entry->sequence = header.sequence;

    return NGX_OK;
}


static int
ngx_leadgen_adopt_compare(const void *one, const void *two)
{
    int                               order;
    const ngx_leadgen_adopt_entry_t  *a, *b;

    a = one;
    b = two;

    order = ngx_memcmp(a->worker, b->worker, NGX_LEADGEN_UUID_SIZE);

    if (order) {
        return order;
    }

    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}


static ngx_uint_t
ngx_leadgen_adopt_same(const ngx_leadgen_adopt_entry_t *one,
    const ngx_leadgen_adopt_entry_t *two)
{
    return ngx_memcmp(one->worker, two->worker, NGX_LEADGEN_UUID_SIZE) == 0;
}


/*
 * All of them or none: were they shared among adopters, one could ship an
 * intent before another the outcome.
 */

static ngx_int_t
ngx_leadgen_adopt_take(int directory, const ngx_leadgen_adopt_entry_t *entries,
    ngx_uint_t n, ngx_leadgen_adopt_group_t *group)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_leadgen_segment_t  *segment;

    for (i = 0; i < n; i++) {
        rc = ngx_leadgen_segment_adopt(directory, entries[i].name, &segment);

        switch (rc) {

        case NGX_OK:
            ngx_queue_insert_tail(&group->segments, &segment->queue);
            group->n++;
            break;

        case NGX_DECLINED:
            group->foreign++;
            break;

        case NGX_DONE:
            break;

        default:
            ngx_leadgen_adopt_drop(group);
            return NGX_DECLINED;
        }
    }

    if (group->n == 0) {
        return NGX_DECLINED;
    }

    if (!ngx_leadgen_adopt_complete(directory, entries, n)) {
        ngx_leadgen_adopt_drop(group);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* Its worker may have made another one after the list, and died then. */

static ngx_uint_t
ngx_leadgen_adopt_complete(int directory,
    const ngx_leadgen_adopt_entry_t *entries, ngx_uint_t n)
{
    ngx_uint_t                  i, j, now, complete;
    ngx_leadgen_adopt_entry_t  *list;

    complete = 1;
    list = ngx_leadgen_adopt_list(directory, &now);

    for (i = 0; i < now; i++) {
        if (!ngx_leadgen_adopt_same(&list[i], entries)) {
            continue;
        }

        for (j = 0; j < n && ngx_strcmp(list[i].name, entries[j].name); j++) {
            /* void */
        }

        if (j == n) {
            complete = 0;
        }
    }

    free(list);

    return complete;
}


static void
ngx_leadgen_adopt_drop(ngx_leadgen_adopt_group_t *group)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&group->segments)) {
        q = ngx_queue_head(&group->segments);
        ngx_queue_remove(q);

        ngx_leadgen_segment_release(ngx_queue_data(q, ngx_leadgen_segment_t,
                                                   queue),
                                    NGX_LEADGEN_SEGMENT_KEEP);
    }

    group->n = 0;
}


/* --- in the event loop --- */

static void
ngx_leadgen_adopt_found(void *data, u_char *answer)
{
    ngx_leadgen_adopt_group_t  *group;

    group = NULL;

    if (answer) {
        ngx_memcpy(&group, answer, sizeof(group));
    }

    if (group && group->foreign && !ngx_leadgen_adopt.warned) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "leadgen: adopt: %ui files of the spool have a header "
                      "that is not of this version; they are left alone",
                      group->foreign);
        ngx_leadgen_adopt.warned = 1;
    }

    if (group && group->n) {
        ngx_leadgen_adopt.group = group;
        ngx_leadgen_adopt_tell(group);
        ngx_leadgen_pump_wake(0);
        return;
    }

    free(group);

    ngx_add_timer(&ngx_leadgen_adopt.timer, NGX_LEADGEN_ADOPT_INTERVAL);
}


static void
ngx_leadgen_adopt_tell(const ngx_leadgen_adopt_group_t *group)
{
    ngx_queue_t            *q;
    ngx_leadgen_segment_t  *segment;

    segment = NULL;

    for (q = ngx_queue_head(&group->segments);
         q != ngx_queue_sentinel(&group->segments);
         q = ngx_queue_next(q))
    {
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

        if (segment->unread) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "leadgen: adopt: %uz bytes of \"%s\" are damaged; "
                          "it goes to quarantine when the rest is shipped",
                          segment->unread, segment->name);
        }
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "leadgen: adopt: took over %ui segments of worker %uD",
                  group->n, segment->header->pid);

    ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SEGMENTS_ADOPTED, group->n);
}


ngx_int_t
ngx_leadgen_adopt_read(ngx_leadgen_batch_t *batch, ngx_uint_t max)
{
    ngx_queue_t                *q;
    ngx_leadgen_segment_t      *segment;
    ngx_leadgen_adopt_group_t  *group;

    group = ngx_leadgen_adopt.group;

    if (group == NULL) {
        return NGX_DONE;
    }

    for ( ;; ) {
        batch->kind = group->kind;

        for (q = ngx_queue_head(&group->segments);
             q != ngx_queue_sentinel(&group->segments);
             q = ngx_queue_next(q))
        {
            segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

            if (ngx_leadgen_batch_read(batch, segment, max) == NGX_OK) {
                return NGX_OK;
            }
        }

        if (group->kind == NGX_LEADGEN_FRAME_INTENT) {
            return ngx_leadgen_adopt_finish();
        }

        group->kind = NGX_LEADGEN_FRAME_INTENT;

        for (q = ngx_queue_head(&group->segments);
             q != ngx_queue_sentinel(&group->segments);
             q = ngx_queue_next(q))
        {
            segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);
            segment->cursor = segment->start;
        }
    }
}


static ngx_int_t
ngx_leadgen_adopt_finish(void)
{
    ngx_uint_t                  damaged;
    ngx_queue_t                *q;
    ngx_leadgen_segment_t      *segment;
    ngx_leadgen_adopt_group_t  *group;

    group = ngx_leadgen_adopt.group;

    while (!ngx_queue_empty(&group->segments)) {
        q = ngx_queue_head(&group->segments);
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);
        damaged = (segment->unread != 0);

        /* a thread may free it at once */
        ngx_queue_remove(q);

        if (ngx_leadgen_segment_retire(ngx_leadgen_adopt.threads, segment)
            != NGX_OK)
        {
            ngx_queue_insert_head(&group->segments, q);
            return NGX_AGAIN;
        }

        if (damaged) {
            ngx_leadgen_metric_add(NGX_LEADGEN_METRIC_SEGMENTS_QUARANTINED,
                                   1);
        }
    }

    free(group);
    ngx_leadgen_adopt.group = NULL;

    ngx_add_timer(&ngx_leadgen_adopt.timer, 1);

    return NGX_DONE;
}
