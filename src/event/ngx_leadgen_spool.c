
/*
 * The spool of this worker: reservations enter, places for frames leave, always
 * in the current segment or, when that is full, in the spare made ahead.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_SPOOL_SEGMENT_MIN  (64 * 1024)
#define NGX_LEADGEN_SPOOL_SEGMENT_MAX  (16 * 1024 * 1024)
#define NGX_LEADGEN_SPOOL_RETRY        500      /* milliseconds */
#define NGX_LEADGEN_SPOOL_SILENCE      60       /* seconds */


/* Lifetime: worker. */

typedef struct {
    ngx_leadgen_backend_t         *threads;
    ngx_str_t                      path;
    ngx_leadgen_segment_spec_t     spec;

    ngx_queue_t                    segments;
    ngx_leadgen_segment_t         *current;
    ngx_leadgen_segment_t         *spare;
    size_t                         reserved;

    ngx_event_t                    prepare;
    ngx_uint_t                     preparing;
    ngx_uint_t                     failing;
    time_t                         logged;
} ngx_leadgen_spool_t;


static void ngx_leadgen_spool_identify(ngx_leadgen_segment_spec_t *spec);
static ngx_int_t ngx_leadgen_spool_enter(ngx_leadgen_spool_t *spool);
static void ngx_leadgen_spool_lose(ngx_leadgen_spool_t *spool);
static void ngx_leadgen_spool_rotate(ngx_leadgen_spool_t *spool);
static void ngx_leadgen_spool_appended(ngx_leadgen_segment_t *segment,
    size_t size);
static void ngx_leadgen_spool_prepare(ngx_event_t *ev);
static ssize_t ngx_leadgen_spool_prepare_work(const ngx_str_t *args,
    ngx_uint_t nargs, u_char *answer, size_t size);
static void ngx_leadgen_spool_prepared(void *data, u_char *answer);
static ngx_int_t ngx_leadgen_spool_take(
    ngx_leadgen_segment_answer_t *answer);


static ngx_leadgen_spool_t  ngx_leadgen_spool = { .spec.directory = -1 };


char *
ngx_leadgen_spool_check(ngx_conf_t *cf, const ngx_leadgen_spool_conf_t *conf,
    ngx_uid_t user)
{
    char         *path;
    ngx_uint_t    root;
    struct stat   st;

    path = (char *) conf->path.data;
    root = (geteuid() == 0);

    if (!root) {
        user = geteuid();
    }

    if (mkdir(path, 0700) == 0) {
        if (root && chown(path, user, (gid_t) -1) == -1) {
            (void) rmdir(path);
            return "can't be given to the workers' user";
        }

    } else if (ngx_errno != NGX_EEXIST) {
        return ngx_errno == NGX_ENOENT
               ? "can't be made: the directory above it does not exist"
               : "can't be made: the directory above it can't be written to";
    }

    if (lstat(path, &st) == -1) {
        return "can't be read";
    }

    if (S_ISLNK(st.st_mode)) {
        return "is a symbolic link: name the directory itself";
    }

    if (!S_ISDIR(st.st_mode)) {
        return "is not a directory";
    }

    if (st.st_uid != user) {
        return "belongs to another user than the workers run as: chown it";
    }

    if ((st.st_mode & 07777) != 0700) {
        return "must have mode 0700, as it holds personal data: chmod it";
    }

    return NULL;
}


ngx_int_t
ngx_leadgen_spool_open(ngx_cycle_t *cycle,
    const ngx_leadgen_spool_conf_t *conf, ngx_leadgen_backend_t *threads)
{
    ngx_leadgen_spool_t           *spool;
    ngx_leadgen_segment_spec_t    *spec;
    ngx_leadgen_segment_answer_t   answer;

    spool = &ngx_leadgen_spool;

    ngx_memzero(spool, sizeof(ngx_leadgen_spool_t));
    ngx_queue_init(&spool->segments);
    spool->threads = threads;
    spool->path = conf->path;

    spec = &spool->spec;

    ngx_leadgen_spool_identify(spec);

    spec->durable = (conf->sync || conf->always);
    spec->limit = conf->size;
    spec->size = ngx_max(conf->size / 32, NGX_LEADGEN_SPOOL_SEGMENT_MIN);
    spec->size = ngx_min(spec->size, NGX_LEADGEN_SPOOL_SEGMENT_MAX);
    spec->size = ngx_align(spec->size, ngx_pagesize);

    ngx_leadgen_bus_start();
    ngx_leadgen_sync_start(conf, threads);
    ngx_leadgen_level_start(conf->size, threads);

    ngx_leadgen_job_event(&spool->prepare, ngx_leadgen_spool_prepare);
    ngx_add_timer(&spool->prepare, 1);

    if (ngx_leadgen_spool_enter(spool) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_leadgen_segment_create(spec, &answer);

    return ngx_leadgen_spool_take(&answer);
}


static void
ngx_leadgen_spool_identify(ngx_leadgen_segment_spec_t *spec)
{
    ssize_t   n;
    ngx_fd_t  fd;

    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY|O_CLOEXEC);
    n = (fd == -1) ? -1 : read(fd, spec->boot, NGX_LEADGEN_BOOT_ID);

    if (fd != -1) {
        (void) close(fd);
    }

    if (n != NGX_LEADGEN_BOOT_ID) {
        (void) ngx_cpystrn((u_char *) spec->boot, (u_char *) "unknown",
                           sizeof(spec->boot));
    }

    spec->pid = (uint32_t) ngx_pid;
    ngx_leadgen_uuid_mint(spec->worker);
    spec->directory = -1;
}


static ngx_int_t
ngx_leadgen_spool_enter(ngx_leadgen_spool_t *spool)
{
    ngx_leadgen_segment_answer_t  answer;

    if (spool->spec.directory != -1) {
        return NGX_OK;
    }

    spool->spec.directory = open((char *) spool->path.data,
                                 O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    if (spool->spec.directory != -1) {
        return NGX_OK;
    }

    answer.segment = NULL;
    answer.failed = "opening the directory";
    answer.err = ngx_errno;

    return ngx_leadgen_spool_take(&answer);
}


void
ngx_leadgen_spool_close(void)
{
    ngx_queue_t                *q;
    ngx_leadgen_spool_t        *spool;
    ngx_leadgen_segment_t      *segment;
    ngx_leadgen_segment_end_e   end;

    spool = &ngx_leadgen_spool;

    if (spool->threads == NULL) {
        return;
    }

    ngx_leadgen_sync_stop();
    ngx_leadgen_level_stop();

    if (spool->prepare.timer_set) {
        ngx_del_timer(&spool->prepare);
    }

    if (spool->prepare.posted) {
        ngx_delete_posted_event(&spool->prepare);
    }

    if (spool->spare) {
        ngx_queue_insert_tail(&spool->segments, &spool->spare->queue);
    }

    while (!ngx_queue_empty(&spool->segments)) {
        q = ngx_queue_head(&spool->segments);
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);
        ngx_queue_remove(q);

        segment->header->sealed = 1;

        if (spool->spec.durable && segment->unsynced && !segment->failed) {
            (void) fdatasync(segment->fd);
        }

        end = NGX_LEADGEN_SEGMENT_KEEP;

        if (segment->cursor == segment->pos && segment->intents == 0
            && segment->unread == 0)
        {
            end = NGX_LEADGEN_SEGMENT_REMOVE;
        }

        ngx_leadgen_segment_release(segment, end);
    }

    if (spool->spec.directory != -1) {
        (void) close(spool->spec.directory);
    }

    ngx_memzero(spool, sizeof(ngx_leadgen_spool_t));
    spool->spec.directory = -1;
}


ngx_queue_t *
ngx_leadgen_spool_segments(void)
{
    return &ngx_leadgen_spool.segments;
}


int
ngx_leadgen_spool_directory(void)
{
    return ngx_leadgen_spool.spec.directory;
}


/* --- room --- */

/*
 * What is reserved must fit whatever its order: into the current segment, or
 * into both less a tail of the current one that is too short for a frame.
 */

ngx_int_t
ngx_leadgen_spool_reserve(size_t size)
{
    size_t                need, room;
    ngx_leadgen_spool_t  *spool;

    spool = &ngx_leadgen_spool;

    if (spool->current && spool->current->lost) {
        ngx_leadgen_spool_lose(spool);
    }

    if (spool->current == NULL) {
        return NGX_BUSY;
    }

    need = spool->reserved + size;
    room = spool->current->last - spool->current->pos;

    if (need > room) {

        if (spool->spare == NULL) {
            return NGX_BUSY;
        }

        room += spool->spare->last - spool->spare->pos;

        if (need + NGX_LEADGEN_EVENT_FRAME > room) {
            return NGX_BUSY;
        }
    }

    spool->reserved = need;

    return NGX_OK;
}


void
ngx_leadgen_spool_release(size_t size)
{
    ngx_leadgen_spool.reserved -= ngx_min(size, ngx_leadgen_spool.reserved);
}


u_char *
ngx_leadgen_spool_place(size_t size)
{
    ngx_leadgen_spool_t    *spool;
    ngx_leadgen_segment_t  *current;

    spool = &ngx_leadgen_spool;
    current = spool->current;

    if (current && size > (size_t) (current->last - current->pos)) {
        ngx_leadgen_spool_rotate(spool);
        current = spool->current;
    }

    if (current == NULL || size > (size_t) (current->last - current->pos)) {
        return NULL;
    }

    return current->pos;
}


/* The spare, if there is one, takes the place of the current segment. */

static void
ngx_leadgen_spool_rotate(ngx_leadgen_spool_t *spool)
{
    __atomic_store_n(&spool->current->header->sealed, 1, __ATOMIC_RELEASE);

    spool->current = spool->spare;
    spool->spare = NULL;

    if (spool->current) {
        ngx_queue_insert_tail(&spool->segments, &spool->current->queue);
    }

    /* by the event loop: this is in the midst of a request */
    if (!spool->prepare.posted) {
        ngx_post_event(&spool->prepare, &ngx_posted_events);
    }
}


ngx_int_t
ngx_leadgen_spool_replace(ngx_leadgen_segment_t *segment)
{
    u_char                 *tail;
    size_t                  size;
    ngx_leadgen_spool_t    *spool;
    ngx_leadgen_segment_t  *current;

    spool = &ngx_leadgen_spool;
    segment->failed = 1;

    if (segment == spool->current) {
        ngx_leadgen_spool_rotate(spool);
    }

    tail = ngx_max(segment->synced, segment->cursor);
    size = segment->pos - tail;
    current = spool->current;

    if (current == NULL || size > (size_t) (current->last - current->pos)) {
        return NGX_ERROR;
    }

    if (size) {
        ngx_memcpy(current->pos, tail, size);
        current->pos += size;
        ngx_leadgen_spool_appended(current, size);
    }

    return NGX_OK;
}


ngx_leadgen_segment_t *
ngx_leadgen_spool_commit(uint32_t kind, size_t payload)
{
    u_char                 *frame;
    ngx_leadgen_segment_t  *current;

    current = ngx_leadgen_spool.current;
    frame = current->pos;

    current->pos = ngx_leadgen_frame_commit(frame, kind, payload);

    ngx_leadgen_spool_appended(current, ngx_leadgen_frame_size(payload));

    if (current->lost) {
        current->pos = frame;
        ngx_memzero(frame, sizeof(ngx_leadgen_frame_t));
        ngx_leadgen_spool_lose(&ngx_leadgen_spool);
        return NULL;
    }

    return current;
}


/* The current segment's disk fails.  What stands in it is shipped from memory,
 * while this process lives. */

static void
ngx_leadgen_spool_lose(ngx_leadgen_spool_t *spool)
{
    ngx_leadgen_segment_t  *segment;

    segment = spool->current;

    ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                  "leadgen: spool: the disk does not take \"%s\" any more, "
                  "which is not used from now on", segment->name);

    if (ngx_leadgen_spool_replace(segment) != NGX_OK) {
        ngx_leadgen_sync_lose();
    }
}


static void
ngx_leadgen_spool_appended(ngx_leadgen_segment_t *segment, size_t size)
{
    segment->header->used = segment->pos - (u_char *) segment->header;

    ngx_leadgen_level_add(size);
    ngx_leadgen_sync_touch(segment);
}


/* --- the spare --- */

static void
ngx_leadgen_spool_prepare(ngx_event_t *ev)
{
    ngx_leadgen_spool_t  *spool;

    spool = &ngx_leadgen_spool;

    if (spool->preparing || (spool->current && spool->spare)) {
        return;
    }

    if (ngx_leadgen_spool_enter(spool) != NGX_OK
        || ngx_leadgen_job_start(spool->threads,
                                 ngx_leadgen_spool_prepare_work,
                                 &spool->spec, sizeof(spool->spec),
                                 ngx_leadgen_spool_prepared, spool)
           != NGX_OK)
    {
        ngx_add_timer(&spool->prepare, NGX_LEADGEN_SPOOL_RETRY);
        return;
    }

    spool->preparing = 1;
}


static ssize_t
ngx_leadgen_spool_prepare_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    ngx_leadgen_segment_spec_t    spec;
    ngx_leadgen_segment_answer_t  made;

    ngx_memcpy(&spec, args[0].data, sizeof(spec));

    ngx_leadgen_segment_create(&spec, &made);

    ngx_memcpy(answer, &made, sizeof(made));

    return sizeof(made);
}


static void
ngx_leadgen_spool_prepared(void *data, u_char *answer)
{
    ngx_leadgen_spool_t           *spool;
    ngx_leadgen_segment_answer_t   made;

    spool = data;
    spool->preparing = 0;

    ngx_memzero(&made, sizeof(made));

    if (answer) {
        ngx_memcpy(&made, answer, sizeof(made));

    } else {
        made.failed = "the thread did not answer";
    }

    if (ngx_leadgen_spool_take(&made) != NGX_OK) {

        if (spool->current == NULL
            || spool->current->last - spool->current->pos
               < NGX_LEADGEN_EVENT_FRAME)
        {
            ngx_leadgen_level_refused();
        }

        ngx_add_timer(&spool->prepare, NGX_LEADGEN_SPOOL_RETRY);
        return;
    }

    if (spool->spare == NULL) {
        ngx_leadgen_spool_prepare(&spool->prepare);
    }
}


static ngx_int_t
ngx_leadgen_spool_take(ngx_leadgen_segment_answer_t *answer)
{
    ngx_leadgen_spool_t  *spool;

    spool = &ngx_leadgen_spool;

    if (answer->segment == NULL) {

        if (!spool->failing
            || ngx_time() - spool->logged >= NGX_LEADGEN_SPOOL_SILENCE)
        {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, answer->err,
                          "leadgen: spool: could not make a segment in "
                          "\"%V\": %s", &spool->path, answer->failed);
            spool->logged = ngx_time();
        }

        spool->failing = 1;

        return NGX_ERROR;
    }

    if (spool->failing) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "leadgen: spool: segments can be made again");
        spool->failing = 0;
    }

    spool->spec.sequence = answer->segment->header->sequence + 1;

    if (spool->current == NULL) {
        spool->current = answer->segment;
        ngx_queue_insert_tail(&spool->segments, &answer->segment->queue);

    } else {
        spool->spare = answer->segment;
    }

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_spool_read(ngx_leadgen_batch_t *batch, ngx_uint_t max)
{
    ngx_int_t               rc;
    ngx_queue_t            *q;
    ngx_leadgen_spool_t    *spool;
    ngx_leadgen_segment_t  *segment;

    rc = NGX_DONE;
    spool = &ngx_leadgen_spool;
    batch->kind = NGX_LEADGEN_FRAME_EVENT;

    for (q = ngx_queue_head(&spool->segments);
         q != ngx_queue_sentinel(&spool->segments) && rc == NGX_DONE;
         q = ngx_queue_next(q))
    {
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);
        rc = ngx_leadgen_batch_read(batch, segment, max);
    }

    return rc;
}


ngx_int_t
ngx_leadgen_spool_sweep(void)
{
    ngx_queue_t            *q, *next;
    ngx_leadgen_spool_t    *spool;
    ngx_leadgen_segment_t  *segment;

    spool = &ngx_leadgen_spool;

    for (q = ngx_queue_head(&spool->segments);
         q != ngx_queue_sentinel(&spool->segments);
         q = next)
    {
        next = ngx_queue_next(q);
        segment = ngx_queue_data(q, ngx_leadgen_segment_t, queue);

        if (segment == spool->current || segment->cursor != segment->pos
            || segment->intents || segment->syncing)
        {
            continue;
        }

        /* a thread may free it at once */
        ngx_queue_remove(q);

        if (ngx_leadgen_segment_retire(spool->threads, segment) != NGX_OK) {
            ngx_queue_insert_head(&spool->segments, q);
            return NGX_AGAIN;
        }
    }

    return NGX_OK;
}
