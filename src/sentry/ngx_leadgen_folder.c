
/*
 * The folder of files: this worker's leaves, to append to, and one after the
 * other those that workers left behind, to be sent.
 *
 * Files have numbers, twice as many as there are workers, as at a reload old
 * and new ones live together; a worker takes one that nobody has.
 */


#include "ngx_leadgen_transport.h"
#include <dirent.h>


#define NGX_LEADGEN_FOLDER_INTERVAL  2000   /* milliseconds */
#define NGX_LEADGEN_FOLDER_LEAST     (256 * 1024)
#define NGX_LEADGEN_FOLDER_NAME      64


/* What a thread is told; its answer is a ring's address. */

typedef struct {
    int                        directory;
    size_t                     size;        /* of a file */
    ngx_uint_t                 n;           /* files there may be */
    ngx_uint_t                 first;       /* to try */
    ngx_uint_t                 is_own;      /* else any with items in it */
} ngx_leadgen_folder_task_t;


/* Lifetime: worker. */

typedef struct {
    const ngx_leadgen_sentry_transport_t  *conf;
    ngx_leadgen_backend_t                 *files;
    ngx_leadgen_folder_task_t              task;
    ngx_leadgen_ring_t                    *own;
    ngx_leadgen_ring_t                    *left;
    ngx_leadgen_call_t                    *call;
    ngx_event_t                            timer;
} ngx_leadgen_folder_t;


static void ngx_leadgen_folder_look(ngx_event_t *ev);
static void ngx_leadgen_folder_found(ngx_leadgen_call_t *call);
static ssize_t ngx_leadgen_folder_work(const ngx_str_t *args,
    ngx_uint_t nargs, u_char *answer, size_t size);
static ngx_int_t ngx_leadgen_folder_take(
    const ngx_leadgen_folder_task_t *task, ngx_leadgen_ring_t *ring);
static ngx_int_t ngx_leadgen_folder_find(
    const ngx_leadgen_folder_task_t *task, ngx_leadgen_ring_t *ring);
static ngx_leadgen_ring_t *ngx_leadgen_folder_whole(
    ngx_leadgen_ring_t **ring);
static void ngx_leadgen_folder_drop(ngx_leadgen_ring_t **ring);


static ngx_leadgen_folder_t  ngx_leadgen_folder;


ngx_int_t
ngx_leadgen_folder_start(ngx_cycle_t *cycle,
    const ngx_leadgen_sentry_transport_t *conf, ngx_leadgen_backend_t *files)
{
    ngx_leadgen_ring_t         *ring;
    ngx_leadgen_folder_t       *folder = &ngx_leadgen_folder;
    ngx_leadgen_folder_task_t  *task = &folder->task;

    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(folder, sizeof(ngx_leadgen_folder_t));

    folder->conf = conf;
    folder->files = files;
    folder->timer.handler = ngx_leadgen_folder_look;
    folder->timer.data = &none;
    folder->timer.log = cycle->log;
    folder->timer.cancelable = 1;

    task->size = conf->size / (2 * ngx_max(conf->workers, 1));
    task->size = ngx_align(ngx_max(task->size, NGX_LEADGEN_FOLDER_LEAST),
                           ngx_pagesize);
    task->n = ngx_max(conf->size / task->size, 1);
    task->first = ngx_worker;
    task->directory = open((char *) conf->folder.data,
                           O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (task->directory == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "leadgen: folder: could not open \"%V\": nothing is sent "
                      "to Sentry", &conf->folder);
        return NGX_ERROR;
    }

    ngx_add_timer(&folder->timer, 1);

    ring = calloc(1, sizeof(ngx_leadgen_ring_t));

    if (ring && ngx_leadgen_folder_take(task, ring) == NGX_OK) {
        folder->own = ring;
        ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SENTRY_QUEUE_LIMIT_BYTES,
                               ngx_leadgen_ring_size(ring));
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno,
                  "leadgen: folder: could not open a file in \"%V\" yet: until "
                  "then nothing is sent to Sentry", &conf->folder);
    free(ring);

    return NGX_ERROR;
}


void
ngx_leadgen_folder_stop(void)
{
    ngx_leadgen_folder_t  *folder = &ngx_leadgen_folder;

    if (folder->timer.timer_set) {
        ngx_del_timer(&folder->timer);
    }

    ngx_leadgen_folder_drop(&folder->own);
    ngx_leadgen_folder_drop(&folder->left);

    if (folder->task.directory != -1) {
        (void) close(folder->task.directory);
    }

    ngx_memzero(folder, sizeof(ngx_leadgen_folder_t));
}


static void
ngx_leadgen_folder_drop(ngx_leadgen_ring_t **ring)
{
    if (*ring) {
        ngx_leadgen_ring_close(*ring);
        free(*ring);
        *ring = NULL;
    }
}


ngx_leadgen_ring_t *
ngx_leadgen_folder_own(void)
{
    return ngx_leadgen_folder_whole(&ngx_leadgen_folder.own);
}


ngx_leadgen_ring_t *
ngx_leadgen_folder_left(void)
{
    return ngx_leadgen_folder_whole(&ngx_leadgen_folder.left);
}


/* Of a file that was cut nothing is touched any more: another is looked for. */

static ngx_leadgen_ring_t *
ngx_leadgen_folder_whole(ngx_leadgen_ring_t **ring)
{
    ngx_leadgen_folder_t  *folder = &ngx_leadgen_folder;

    if (*ring == NULL || ngx_leadgen_ring_is_whole(*ring)) {
        return *ring;
    }

    ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                  "leadgen: folder: a file in \"%V\" was cut by somebody: what "
                  "waited in it for Sentry is lost", &folder->conf->folder);

    ngx_leadgen_folder_drop(ring);

    if (!ngx_exiting && !folder->timer.timer_set && folder->call == NULL) {
        ngx_add_timer(&folder->timer, 1);
    }

    return NULL;
}


/* Unmapping and closing a file that is empty takes no time. */

void
ngx_leadgen_folder_done(void)
{
    ngx_leadgen_folder_drop(&ngx_leadgen_folder.left);

    if (!ngx_exiting && !ngx_leadgen_folder.timer.timer_set) {
        ngx_add_timer(&ngx_leadgen_folder.timer, 1);
    }
}


/* --- looking --- */

static void
ngx_leadgen_folder_look(ngx_event_t *ev)
{
    ngx_leadgen_call_t    *call;
    ngx_leadgen_folder_t  *folder = &ngx_leadgen_folder;

    if (ngx_exiting || folder->call || (folder->own && folder->left)) {
        return;
    }

    call = ngx_leadgen_call_create(NULL, 1);

    if (call == NULL) {
        ngx_add_timer(ev, NGX_LEADGEN_FOLDER_INTERVAL);
        return;
    }

    folder->task.is_own = (folder->own == NULL);

    call->done = ngx_leadgen_folder_found;
    call->work = ngx_leadgen_folder_work;
    call->args[0].data = (u_char *) &folder->task;
    call->args[0].len = sizeof(folder->task);

    if (ngx_leadgen_call_submit(folder->files, call, 0) != NGX_OK) {
        ngx_leadgen_call_cancel(call);
        ngx_add_timer(ev, NGX_LEADGEN_FOLDER_INTERVAL);
        return;
    }

    folder->call = call;
}


/* Also at the worker's exit, when the threads are settled. */

static void
ngx_leadgen_folder_found(ngx_leadgen_call_t *call)
{
    ngx_leadgen_ring_t    *ring;
    ngx_leadgen_folder_t  *folder = &ngx_leadgen_folder;

    folder->call = NULL;
    ring = NULL;

    if (call->result == NGX_LEADGEN_CALL_OK
        && call->values[0].len == sizeof(ring))
    {
        ngx_memcpy(&ring, call->values[0].data, sizeof(ring));
    }

    if (ring && folder->own == NULL) {
        folder->own = ring;
        ngx_leadgen_metric_set(NGX_LEADGEN_METRIC_SENTRY_QUEUE_LIMIT_BYTES,
                               ngx_leadgen_ring_size(ring));

    } else if (ring) {
        folder->left = ring;
        ngx_leadgen_courier_wake();
    }

    if (!ngx_exiting && folder->left == NULL) {
        ngx_add_timer(&folder->timer, NGX_LEADGEN_FOLDER_INTERVAL);
    }
}


static ssize_t
ngx_leadgen_folder_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    ngx_int_t                  rc;
    ngx_leadgen_ring_t        *ring;
    ngx_leadgen_folder_task_t  task;

    ngx_memcpy(&task, args[0].data, sizeof(task));

    ring = calloc(1, sizeof(ngx_leadgen_ring_t));
    if (ring == NULL) {
        return NGX_ERROR;
    }

    rc = task.is_own ? ngx_leadgen_folder_take(&task, ring)
                     : ngx_leadgen_folder_find(&task, ring);

    if (rc != NGX_OK) {
        free(ring);
        ring = NULL;
    }

    ngx_memcpy(answer, &ring, sizeof(ring));

    return sizeof(ring);
}


/* A file of this worker's own. */

static ngx_int_t
ngx_leadgen_folder_take(const ngx_leadgen_folder_task_t *task,
    ngx_leadgen_ring_t *ring)
{
    char        name[NGX_LEADGEN_FOLDER_NAME];
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = NGX_ERROR;

    for (i = 0; i < task->n && rc != NGX_OK; i++) {
        (void) snprintf(name, sizeof(name), "%lu" NGX_LEADGEN_RING_SUFFIX,
                        (unsigned long) ((task->first + i) % task->n));

        rc = ngx_leadgen_ring_open(ring, task->directory, name, task->size);
    }

    return rc;
}


/* A file with items in it that nobody has. */

static ngx_int_t
ngx_leadgen_folder_find(const ngx_leadgen_folder_task_t *task,
    ngx_leadgen_ring_t *ring)
{
    int             fd;
    DIR            *dir;
    size_t          len, suffix;
    ngx_int_t       rc;
    struct dirent  *entry;

    fd = openat(task->directory, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    dir = (fd == -1) ? NULL : fdopendir(fd);

    if (dir == NULL) {
        if (fd != -1) {
            (void) close(fd);
        }

        return NGX_ERROR;
    }

    rc = NGX_DECLINED;
    suffix = sizeof(NGX_LEADGEN_RING_SUFFIX) - 1;

    while (rc != NGX_OK && (entry = readdir(dir)) != NULL) {
        len = ngx_strlen(entry->d_name);

        if (len <= suffix
            || ngx_strcmp(entry->d_name + len - suffix,
                          NGX_LEADGEN_RING_SUFFIX) != 0)
        {
            continue;
        }

        rc = ngx_leadgen_ring_open(ring, task->directory, entry->d_name, 0);

        if (rc == NGX_OK && ngx_leadgen_ring_used(ring) == 0) {

            /* of a time with more workers */
            if (strtoul(entry->d_name, NULL, 10) >= task->n) {
                (void) unlinkat(task->directory, entry->d_name, 0);
            }

            ngx_leadgen_ring_close(ring);
            rc = NGX_DECLINED;
        }
    }

    (void) closedir(dir);

    return rc;
}
