
/*
 * Scans, in a thread: the spool directory enters, and all segments of one dead
 * worker leave, locked and mapped.
 */


#include "ngx_leadgen_spool.h"
#include <dirent.h>
#include <sys/file.h>
#include <sys/statvfs.h>


/* A file of the directory.  Lifetime: one scan. */

typedef struct {
    u_char                     worker[NGX_LEADGEN_UUID_SIZE];
    uint64_t                   sequence;
    char                       name[NGX_LEADGEN_SEGMENT_NAME];
} ngx_leadgen_scan_entry_t;


static ngx_leadgen_scan_entry_t *ngx_leadgen_scan_list(int directory,
    ngx_uint_t *n);
static ngx_int_t ngx_leadgen_scan_entry(int directory, const char *name,
    ngx_leadgen_scan_entry_t *entry);
static int ngx_leadgen_scan_compare(const void *one, const void *two);
static ngx_uint_t ngx_leadgen_scan_same(const ngx_leadgen_scan_entry_t *one,
    const ngx_leadgen_scan_entry_t *two);
static ngx_int_t ngx_leadgen_scan_take(int directory,
    const ngx_leadgen_scan_entry_t *entries, ngx_uint_t n,
    ngx_leadgen_scan_group_t *group);
static ngx_uint_t ngx_leadgen_scan_complete(int directory,
    const ngx_leadgen_scan_entry_t *entries, ngx_uint_t n);
static ngx_int_t ngx_leadgen_scan_folder(int directory, const char *name,
    ngx_leadgen_scan_usage_t *usage);
static uint64_t ngx_leadgen_scan_taken(int directory, const char *name,
    uint64_t size);


ssize_t
ngx_leadgen_scan_work(const ngx_str_t *args, ngx_uint_t nargs, u_char *answer,
    size_t size)
{
    int                        directory;
    ngx_uint_t                 i, n, next;
    ngx_leadgen_scan_entry_t  *entries;
    ngx_leadgen_scan_group_t  *group;

    ngx_memcpy(&directory, args[0].data, sizeof(directory));

    group = calloc(1, sizeof(ngx_leadgen_scan_group_t));
    if (group == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&group->segments);
    group->kind = NGX_LEADGEN_FRAME_EVENT;

    entries = ngx_leadgen_scan_list(directory, &n);

    for (i = 0; i < n; i = next) {

        for (next = i + 1; next < n; next++) {
            if (!ngx_leadgen_scan_same(&entries[i], &entries[next])) {
                break;
            }
        }

        if (ngx_leadgen_scan_take(directory, &entries[i], next - i, group)
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

static ngx_leadgen_scan_entry_t *
ngx_leadgen_scan_list(int directory, ngx_uint_t *n)
{
    int                        fd;
    DIR                       *dir;
    ngx_uint_t                 nalloc;
    struct dirent             *found;
    ngx_leadgen_scan_entry_t  *entries, *more;

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

        if (ngx_leadgen_scan_entry(directory, found->d_name, &entries[*n])
            == NGX_OK)
        {
            (*n)++;
        }
    }

    (void) closedir(dir);

    if (*n) {
        qsort(entries, *n, sizeof(*entries), ngx_leadgen_scan_compare);
    }

    return entries;
}


/* A file without a header has worker and sequence zero. */

static ngx_int_t
ngx_leadgen_scan_entry(int directory, const char *name,
    ngx_leadgen_scan_entry_t *entry)
{
    size_t                        len, suffix;
    ngx_fd_t                      fd;
    ngx_leadgen_segment_header_t  header;

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
ngx_leadgen_scan_compare(const void *one, const void *two)
{
    int                              order;
    const ngx_leadgen_scan_entry_t  *a, *b;

    a = one;
    b = two;

    order = ngx_memcmp(a->worker, b->worker, NGX_LEADGEN_UUID_SIZE);

    if (order) {
        return order;
    }

    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}


static ngx_uint_t
ngx_leadgen_scan_same(const ngx_leadgen_scan_entry_t *one,
    const ngx_leadgen_scan_entry_t *two)
{
    return ngx_memcmp(one->worker, two->worker, NGX_LEADGEN_UUID_SIZE) == 0;
}


/*
 * All of them or none: were they shared among adopters, one could ship an
 * intent before another the outcome.
 */

static ngx_int_t
ngx_leadgen_scan_take(int directory, const ngx_leadgen_scan_entry_t *entries,
    ngx_uint_t n, ngx_leadgen_scan_group_t *group)
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
            ngx_leadgen_scan_drop(group);
            return NGX_DECLINED;
        }
    }

    if (group->n == 0) {
        return NGX_DECLINED;
    }

    if (!ngx_leadgen_scan_complete(directory, entries, n)) {
        ngx_leadgen_scan_drop(group);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* Its worker may have made another one after the list, and died then. */

static ngx_uint_t
ngx_leadgen_scan_complete(int directory,
    const ngx_leadgen_scan_entry_t *entries, ngx_uint_t n)
{
    ngx_uint_t                 i, j, now, complete;
    ngx_leadgen_scan_entry_t  *list;

    complete = 1;
    list = ngx_leadgen_scan_list(directory, &now);

    for (i = 0; i < now; i++) {
        if (!ngx_leadgen_scan_same(&list[i], entries)) {
            continue;
        }

        for (j = 0; j < n; j++) {
            if (ngx_strcmp(list[i].name, entries[j].name) == 0) {
                break;
            }
        }

        if (j == n) {
            complete = 0;
        }
    }

    free(list);

    return complete;
}


void
ngx_leadgen_scan_drop(ngx_leadgen_scan_group_t *group)
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


ngx_int_t
ngx_leadgen_scan_usage(int directory, ngx_leadgen_scan_usage_t *usage)
{
    struct statvfs            fs;
    ngx_leadgen_scan_usage_t  quarantine;

    ngx_memzero(usage, sizeof(ngx_leadgen_scan_usage_t));
    ngx_memzero(&quarantine, sizeof(ngx_leadgen_scan_usage_t));

    if (fstatvfs(directory, &fs) == -1
        || ngx_leadgen_scan_folder(directory, ".", usage) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_leadgen_scan_folder(directory, NGX_LEADGEN_SEGMENT_QUARANTINED,
                                &quarantine) != NGX_OK
        && ngx_errno != NGX_ENOENT && ngx_errno != NGX_ENOTDIR)
    {
        return NGX_ERROR;
    }

    usage->files += quarantine.files;
    usage->used += quarantine.files;
    usage->quarantine = quarantine.files;
    usage->available = (uint64_t) fs.f_bavail * fs.f_frsize;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_scan_folder(int directory, const char *name,
    ngx_leadgen_scan_usage_t *usage)
{
    int             fd;
    DIR            *dir;
    uint64_t        taken;
    struct stat     st;
    struct dirent  *entry;

    fd = openat(directory, name, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    if (fd == -1) {
        return NGX_ERROR;
    }

    dir = fdopendir(fd);
    if (dir == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    while ((entry = readdir(dir)) != NULL) {
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1
            || !S_ISREG(st.st_mode))
        {
            continue;
        }

        taken = ngx_leadgen_scan_taken(fd, entry->d_name, st.st_size);

        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            usage->files += st.st_size;
            usage->used += taken;
        }
    }

    (void) closedir(dir);

    return NGX_OK;
}


/*
 * Of a segment that is appended to only what events take.  One whose owner died
 * is trimmed to that: adoption may have to wait for the database.
 */

static uint64_t
ngx_leadgen_scan_taken(int directory, const char *name, uint64_t size)
{
    size_t                        len, suffix;
    ngx_fd_t                      fd;
    uint64_t                      taken;
    ngx_uint_t                    is_orphan;
    ngx_leadgen_segment_t        *segment;
    ngx_leadgen_segment_header_t  header;

    len = ngx_strlen(name);
    suffix = sizeof(NGX_LEADGEN_SEGMENT_SUFFIX) - 1;

    if (len <= suffix
        || ngx_strcmp(name + len - suffix, NGX_LEADGEN_SEGMENT_SUFFIX) != 0)
    {
        return size;
    }

    fd = openat(directory, name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);
    if (fd == -1) {
        return size;
    }

    taken = size;
    is_orphan = 0;

    if (pread(fd, &header, sizeof(header), 0) == (ssize_t) sizeof(header)
        && !header.sealed)
    {
        taken = ngx_min(header.used, size);
        is_orphan = header.magic && flock(fd, LOCK_EX|LOCK_NB) == 0;
    }

    (void) close(fd);

    if (is_orphan
        && ngx_leadgen_segment_adopt(directory, name, &segment) == NGX_OK)
    {
        taken = segment->pos - (u_char *) segment->header;
        ngx_leadgen_segment_release(segment, NGX_LEADGEN_SEGMENT_KEEP);
    }

    return taken;
}


ngx_int_t
ngx_leadgen_scan_oldest(int directory, char name[NGX_LEADGEN_SEGMENT_NAME])
{
    int             fd;
    DIR            *dir;
    ngx_int_t       n;
    struct stat     st, oldest;
    struct dirent  *entry;

    fd = openat(directory, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    dir = (fd == -1) ? NULL : fdopendir(fd);

    if (dir == NULL) {
        if (fd != -1) {
            (void) close(fd);
        }

        return 0;
    }

    n = 0;
    ngx_memzero(&oldest, sizeof(oldest));

    while ((entry = readdir(dir)) != NULL) {
        if (ngx_strlen(entry->d_name) >= NGX_LEADGEN_SEGMENT_NAME
            || fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1
            || !S_ISREG(st.st_mode))
        {
            continue;
        }

        if (n++ == 0 || st.st_mtime < oldest.st_mtime) {
            oldest = st;
            (void) ngx_cpystrn((u_char *) name, (u_char *) entry->d_name,
                               NGX_LEADGEN_SEGMENT_NAME);
        }
    }

    (void) closedir(dir);

    return n;
}
