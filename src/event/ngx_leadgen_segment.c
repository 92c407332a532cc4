
/*
 * Segments: a preallocated file enters as a mapping that events are put into;
 * it leaves by being removed, quarantined or kept for the next worker.
 *
 * Everything here may block, so that it runs in threads, and while a worker
 * starts or exits.
 */


#include "ngx_leadgen_spool.h"
#include <sys/file.h>


#define NGX_LEADGEN_SEGMENT_MAGIC       0x4c4f4f50534c474eULL


static ngx_leadgen_segment_t *ngx_leadgen_segment_map(int directory,
    const char *name, ngx_fd_t fd, size_t size);
static ngx_fd_t ngx_leadgen_segment_name(
    const ngx_leadgen_segment_spec_t *spec, char *name, uint64_t *sequence);
static const char *ngx_leadgen_segment_allocate(
    const ngx_leadgen_segment_spec_t *spec, ngx_fd_t fd);
static void ngx_leadgen_segment_label(
    const ngx_leadgen_segment_spec_t *spec, ngx_leadgen_segment_t *segment,
    uint64_t sequence);
static void ngx_leadgen_segment_trim(const ngx_leadgen_segment_t *segment);
static ngx_int_t ngx_leadgen_segment_recover(ngx_leadgen_segment_t *segment);
static ngx_uint_t ngx_leadgen_segment_is_torn(ngx_leadgen_segment_t *segment);
static size_t ngx_leadgen_segment_rest(ngx_leadgen_segment_t *segment);
static void ngx_leadgen_segment_quarantine(
    const ngx_leadgen_segment_t *segment);
static void ngx_leadgen_segment_forget(int quarantine);
static ssize_t ngx_leadgen_segment_retire_work(const ngx_str_t *args,
    ngx_uint_t nargs, u_char *answer, size_t size);


void
ngx_leadgen_segment_create(const ngx_leadgen_segment_spec_t *spec,
    ngx_leadgen_segment_answer_t *answer)
{
    char                      name[NGX_LEADGEN_SEGMENT_NAME];
    ngx_fd_t                  fd;
    uint64_t                  sequence;
    ngx_leadgen_scan_usage_t  usage;

    ngx_memzero(answer, sizeof(ngx_leadgen_segment_answer_t));

    if (ngx_leadgen_scan_usage(spec->directory, &usage) != NGX_OK) {
        answer->failed = "reading the directory";
        answer->err = ngx_errno;
        return;
    }

    if (usage.files + spec->size > spec->limit) {
        answer->failed = "its size is used up";
        return;
    }

    sequence = spec->sequence;

    fd = ngx_leadgen_segment_name(spec, name, &sequence);
    if (fd == -1) {
        answer->failed = "making a file";
        answer->err = ngx_errno;
        return;
    }

    answer->failed = ngx_leadgen_segment_allocate(spec, fd);

    if (answer->failed == NULL) {
        answer->segment = ngx_leadgen_segment_map(spec->directory, name, fd,
                                                  spec->size);
        answer->failed = answer->segment ? NULL : "mmap()";
    }

    if (answer->failed) {
        answer->err = ngx_errno;
        (void) unlinkat(spec->directory, name, 0);
        (void) close(fd);
        return;
    }

    ngx_leadgen_segment_label(spec, answer->segment, sequence);
}


/*
 * Opens a new file and locks it.  A dead worker may have had the same process
 * id; and an adopter that comes before the lock takes the file for one whose
 * owner died, and removes it.
 */

static ngx_fd_t
ngx_leadgen_segment_name(const ngx_leadgen_segment_spec_t *spec, char *name,
    uint64_t *sequence)
{
    ngx_fd_t     fd;
    ngx_err_t    err;
    struct stat  st;

    for ( ;; (*sequence)++) {
        (void) snprintf(name, NGX_LEADGEN_SEGMENT_NAME,
                        "%s-%u-%llu" NGX_LEADGEN_SEGMENT_SUFFIX, spec->boot,
                        (unsigned) spec->pid, (unsigned long long) *sequence);

        fd = openat(spec->directory, name,
                    O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

        if (fd == -1) {
            if (ngx_errno == NGX_EEXIST) {
                continue;
            }

            return -1;
        }

        if (flock(fd, LOCK_EX|LOCK_NB) == 0) {

            if (fstat(fd, &st) == 0 && st.st_nlink) {
                return fd;
            }

        } else if (ngx_errno != NGX_EAGAIN) {
            err = ngx_errno;
            (void) unlinkat(spec->directory, name, 0);
            (void) close(fd);
            ngx_set_errno(err);
            return -1;
        }

        (void) close(fd);
    }
}


/* NULL, or what failed. */

static const char *
ngx_leadgen_segment_allocate(const ngx_leadgen_segment_spec_t *spec,
    ngx_fd_t fd)
{
    ngx_err_t  err;

    err = posix_fallocate(fd, 0, spec->size);
    if (err) {
        ngx_set_errno(err);
        return "posix_fallocate()";
    }

    if (spec->durable && (fsync(fd) == -1 || fsync(spec->directory) == -1)) {
        return "fsync()";
    }

    return NULL;
}


static void
ngx_leadgen_segment_label(const ngx_leadgen_segment_spec_t *spec,
    ngx_leadgen_segment_t *segment, uint64_t sequence)
{
    ngx_uint_t                     i;
    ngx_leadgen_segment_header_t  *header;

    header = segment->header;

    header->version = NGX_LEADGEN_SEGMENT_VERSION;
    header->size = sizeof(ngx_leadgen_segment_header_t);
    header->sequence = sequence;
    header->created = ngx_leadgen_time_now();
    header->used = header->size;
    header->pid = spec->pid;
    ngx_memcpy(header->worker, spec->worker, NGX_LEADGEN_UUID_SIZE);

    for (i = 0; i < NGX_LEADGEN_SINKS; i++) {
        header->shipped[i] = header->size;
    }

    __atomic_store_n(&header->magic, NGX_LEADGEN_SEGMENT_MAGIC,
                     __ATOMIC_RELEASE);
}


static ngx_leadgen_segment_t *
ngx_leadgen_segment_map(int directory, const char *name, ngx_fd_t fd,
    size_t size)
{
    void                   *p;
    ngx_leadgen_segment_t  *segment;

    segment = calloc(1, sizeof(ngx_leadgen_segment_t));
    if (segment == NULL) {
        return NULL;
    }

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        free(segment);
        return NULL;
    }

    segment->header = p;
    segment->start = (u_char *) p + sizeof(ngx_leadgen_segment_header_t);
    segment->cursor = segment->start;
    segment->pos = segment->start;
    segment->synced = segment->start;
    segment->last = (u_char *) p + size;
    segment->directory = directory;
    segment->fd = fd;

    (void) ngx_cpystrn((u_char *) segment->name, (u_char *) name,
                       NGX_LEADGEN_SEGMENT_NAME);

    ngx_leadgen_bus_watch(segment);

    return segment;
}


ngx_int_t
ngx_leadgen_segment_adopt(int directory, const char *name,
    ngx_leadgen_segment_t **segment)
{
    ngx_fd_t     fd;
    ngx_int_t    rc;
    struct stat  st;

    *segment = NULL;

    fd = openat(directory, name, O_RDWR|O_NOFOLLOW|O_CLOEXEC);
    if (fd == -1) {
        return ngx_errno == NGX_ENOENT ? NGX_DONE : NGX_ERROR;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1) {
        (void) close(fd);
        return NGX_BUSY;
    }

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)
        || st.st_uid != geteuid())
    {
        (void) close(fd);
        return NGX_ERROR;
    }

    if (st.st_nlink == 0) {
        (void) close(fd);
        return NGX_DONE;
    }

    if ((size_t) st.st_size < sizeof(ngx_leadgen_segment_header_t)) {
        (void) unlinkat(directory, name, 0);
        (void) close(fd);
        return NGX_DONE;
    }

    *segment = ngx_leadgen_segment_map(directory, name, fd, st.st_size);
    if (*segment == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    rc = ngx_leadgen_segment_recover(*segment);

    if (rc == NGX_OK) {
        ngx_leadgen_segment_trim(*segment);

    } else {
        ngx_leadgen_segment_release(*segment, rc == NGX_DONE
                                              ? NGX_LEADGEN_SEGMENT_REMOVE
                                              : NGX_LEADGEN_SEGMENT_KEEP);
        *segment = NULL;
    }

    return rc;
}


/* What its owner did not fill is free for others, however long it waits.  The
 * mapping remains, but nobody looks behind the frames. */

static void
ngx_leadgen_segment_trim(const ngx_leadgen_segment_t *segment)
{
    off_t  size;

    size = ngx_align(segment->pos - (u_char *) segment->header, ngx_pagesize);

    if (segment->unread == 0
        && size < segment->last - (u_char *) segment->header
        && ftruncate(segment->fd, size) == -1)
    {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, ngx_errno,
                      "leadgen: segment: could not trim \"%s\"",
                      segment->name);
    }
}


/*
 * Finds the longest prefix of whole frames.  NGX_OK; NGX_DONE: it is empty;
 * NGX_DECLINED: another version.
 */

static ngx_int_t
ngx_leadgen_segment_recover(ngx_leadgen_segment_t *segment)
{
    u_char                        *p, *shipped;
    uint32_t                       kind;
    ngx_int_t                      rc;
    ngx_str_t                      payload;
    ngx_leadgen_record_t           record;
    ngx_leadgen_segment_header_t  *header;

    header = segment->header;

    if (header->magic == 0 && ngx_leadgen_segment_rest(segment) == 0) {
        return NGX_DONE;
    }

    if (header->magic != NGX_LEADGEN_SEGMENT_MAGIC
        || header->version != NGX_LEADGEN_SEGMENT_VERSION
        || header->size != sizeof(ngx_leadgen_segment_header_t))
    {
        return NGX_DECLINED;
    }

    header->sealed = 1;

    shipped = (u_char *) header
              + ngx_min(header->shipped[NGX_LEADGEN_SINK_AUDIT],
                        (size_t) (segment->last - (u_char *) header));
    p = segment->start;

    for ( ;; ) {
        if (p == shipped) {
            segment->cursor = p;
        }

        segment->pos = p;
        rc = ngx_leadgen_frame_read(&p, segment->last, &kind, &payload);

        if (rc != NGX_OK
            || (kind != NGX_LEADGEN_FRAME_EVENT
                && kind != NGX_LEADGEN_FRAME_INTENT)
            || ngx_leadgen_record_decode(&payload, &record) != NGX_OK)
        {
            break;
        }
    }

    segment->unread = ngx_leadgen_segment_rest(segment);

    if (rc == NGX_DONE && ngx_leadgen_segment_is_torn(segment)) {
        segment->unread = 0;
    }

    if (segment->pos == segment->start && segment->unread == 0) {
        return NGX_DONE;
    }

    return NGX_OK;
}


/* Whether what stands behind the frames is only the beginning of one more,
 * under construction when the worker died, and not a gap. */

static ngx_uint_t
ngx_leadgen_segment_is_torn(ngx_leadgen_segment_t *segment)
{
    u_char     *p, *next;
    uint32_t    kind;
    ngx_str_t   payload;

    if (segment->unread > NGX_LEADGEN_EVENT_FRAME) {
        return 0;
    }

    for (p = segment->pos;
         p < segment->pos + segment->unread;
         p += NGX_LEADGEN_FRAME_ALIGN)
    {
        next = p;

        if (ngx_leadgen_frame_read(&next, segment->last, &kind, &payload)
            == NGX_OK)
        {
            return 0;
        }
    }

    return 1;
}


/* From the end of the frames to the last byte that is not zero. */

static size_t
ngx_leadgen_segment_rest(ngx_leadgen_segment_t *segment)
{
    u_char  *p;

    for (p = segment->last; p > segment->pos; p--) {
        if (p[-1] != 0) {
            break;
        }
    }

    return p - segment->pos;
}


void
ngx_leadgen_segment_release(ngx_leadgen_segment_t *segment,
    ngx_leadgen_segment_end_e end)
{
    ngx_leadgen_bus_forget(segment);

    (void) munmap(segment->header,
                  segment->last - (u_char *) segment->header);

    /* the lock must outlast the name */

    if (end == NGX_LEADGEN_SEGMENT_REMOVE) {
        (void) unlinkat(segment->directory, segment->name, 0);

    } else if (end == NGX_LEADGEN_SEGMENT_QUARANTINE) {
        ngx_leadgen_segment_quarantine(segment);
    }

    (void) close(segment->fd);

    free(segment);
}


static void
ngx_leadgen_segment_quarantine(const ngx_leadgen_segment_t *segment)
{
    int          quarantine;
    char         name[NGX_LEADGEN_SEGMENT_NAME + NGX_INT_T_LEN];
    ngx_uint_t   n;
    struct stat  st;

    (void) mkdirat(segment->directory, NGX_LEADGEN_SEGMENT_QUARANTINED, 0700);

    quarantine = openat(segment->directory, NGX_LEADGEN_SEGMENT_QUARANTINED,
                        O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    if (quarantine == -1) {
        return;
    }

    ngx_leadgen_segment_forget(quarantine);

    /* process ids come again, and with them names */

    n = 0;

    do {
        (void) snprintf(name, sizeof(name), n ? "%s.%lu" : "%s",
                        segment->name, (unsigned long) n);
        n++;
    } while (fstatat(quarantine, name, &st, AT_SYMLINK_NOFOLLOW) == 0);

    (void) renameat(segment->directory, segment->name, quarantine, name);
    (void) close(quarantine);
}


/* What is damaged may not push out what is not: makes room for one more. */

static void
ngx_leadgen_segment_forget(int quarantine)
{
    char       name[NGX_LEADGEN_SEGMENT_NAME];
    ngx_int_t  n;

    for ( ;; ) {
        n = ngx_leadgen_scan_oldest(quarantine, name);

        if (n < NGX_LEADGEN_SEGMENT_QUARANTINED_MOST
            || unlinkat(quarantine, name, 0) == -1)
        {
            return;
        }

        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "leadgen: segment: \"%s\" is the oldest of %i in "
                      "quarantine and removed", name, n);
    }
}


ngx_int_t
ngx_leadgen_segment_retire(ngx_leadgen_backend_t *threads,
    ngx_leadgen_segment_t *segment)
{
    return ngx_leadgen_job_start(threads, ngx_leadgen_segment_retire_work,
                                 &segment, sizeof(segment), NULL, NULL);
}


static ssize_t
ngx_leadgen_segment_retire_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    ngx_leadgen_segment_t  *segment;

    ngx_memcpy(&segment, args[0].data, sizeof(segment));

    ngx_leadgen_segment_release(segment, segment->unread
                                         ? NGX_LEADGEN_SEGMENT_QUARANTINE
                                         : NGX_LEADGEN_SEGMENT_REMOVE);

    return 0;
}
