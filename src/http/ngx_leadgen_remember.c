
/*
 * What a gateway remembers beyond its zone: the first worker writes snapshots
 * of revocations and of attempts at passwords into the spool's directory.
 *
 * A file is written, in a thread, at most once a second; when nothing has
 * changed but the time up to which all is known, that alone is.  What would be
 * long is written more seldom.
 */


#include "ngx_leadgen_remember.h"
#include <openssl/hmac.h>


#define NGX_LEADGEN_REMEMBER_INTERVAL  1000     /* milliseconds */
#define NGX_LEADGEN_REMEMBER_MANY      50000    /* records: they are written */
#define NGX_LEADGEN_REMEMBER_SELDOM    10       /* no sooner, in seconds */
#define NGX_LEADGEN_REMEMBER_SILENCE   60       /* seconds between complaints */


static ngx_int_t ngx_leadgen_remember_epochs(ngx_leadgen_snapshot_t *header,
    u_char **records, ngx_uint_t *changes);
static ngx_int_t ngx_leadgen_remember_throttle(ngx_leadgen_snapshot_t *header,
    u_char **records, ngx_uint_t *changes);
static void ngx_leadgen_remember_look(ngx_event_t *ev);
static ngx_uint_t ngx_leadgen_remember_is_due(
    ngx_leadgen_remember_file_t *file);
static void ngx_leadgen_remember_begin(ngx_leadgen_remember_file_t *file);
static ssize_t ngx_leadgen_remember_work(const ngx_str_t *args,
    ngx_uint_t nargs, u_char *answer, size_t size);
static ngx_int_t ngx_leadgen_remember_renew(ngx_leadgen_remember_file_t *file);
static const char *ngx_leadgen_remember_write(
    ngx_leadgen_remember_file_t *file);
static void ngx_leadgen_remember_done(ngx_leadgen_call_t *call);


static ngx_leadgen_remember_file_t  ngx_leadgen_remember_files[] = {
    {
        .name = "revocations.snapshot",
        .kind = NGX_LEADGEN_SNAPSHOT_EPOCHS,
        .size = NGX_LEADGEN_EPOCH_RECORD,
        .changed = ngx_leadgen_epoch_changes,
        .known = ngx_leadgen_epoch_known,
        .copy = ngx_leadgen_remember_epochs,
        .restore = ngx_leadgen_recall_revocations
    },
    {
        .name = "attempts.snapshot",
        .kind = NGX_LEADGEN_SNAPSHOT_THROTTLE,
        .size = NGX_LEADGEN_ATTEMPTS_RECORD,
        .changed = ngx_leadgen_attempts_changes,
        .copy = ngx_leadgen_remember_throttle,
        .restore = ngx_leadgen_recall_attempts
    }
};

#define NGX_LEADGEN_REMEMBER_NFILES                                           \
    (sizeof(ngx_leadgen_remember_files)                                       \
     / sizeof(ngx_leadgen_remember_files[0]))


/* Lifetime: worker. */

static struct {
    ngx_event_t              timer;
    ngx_leadgen_backend_t   *threads;
    const char              *directory;
    ngx_uint_t               durable;
    u_char                   key[NGX_LEADGEN_SNAPSHOT_HASH];
} ngx_leadgen_remember;


void
ngx_leadgen_remember_start(ngx_cycle_t *cycle,
    const ngx_leadgen_main_conf_t *mcf, ngx_leadgen_backend_t *threads)
{
    ngx_uint_t                i;
    ngx_event_t              *ev;
    static ngx_connection_t   none = { .fd = (ngx_socket_t) -1 };
    static const u_char       purpose[] = "snapshots of the zone";

    ngx_memzero(&ngx_leadgen_remember, sizeof(ngx_leadgen_remember));

    if (mcf->audit_is_keyed
        && HMAC(EVP_sha256(), mcf->audit_key, sizeof(mcf->audit_key), purpose,
                sizeof(purpose) - 1, ngx_leadgen_remember.key, NULL) == NULL)
    {
        return;
    }

    ngx_leadgen_remember.threads = threads;
    ngx_leadgen_remember.directory = (const char *) mcf->spool.path.data;
    ngx_leadgen_remember.durable = (mcf->spool.sync || mcf->spool.always);

    for (i = 0; i < NGX_LEADGEN_REMEMBER_NFILES; i++) {
        ngx_leadgen_recall(&ngx_leadgen_remember_files[i],
                           ngx_leadgen_remember.directory,
                           ngx_leadgen_remember.key);
    }

    if (ngx_worker != 0) {
        return;
    }

    ev = &ngx_leadgen_remember.timer;
    ev->handler = ngx_leadgen_remember_look;
    ev->data = &none;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_LEADGEN_REMEMBER_INTERVAL);
}


void
ngx_leadgen_remember_stop(void)
{
    if (ngx_leadgen_remember.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_remember.timer);
    }

    ngx_leadgen_remember.threads = NULL;
}


/* --- what is in them --- */

static ngx_int_t
ngx_leadgen_remember_epochs(ngx_leadgen_snapshot_t *header, u_char **records,
    ngx_uint_t *changes)
{
    ngx_leadgen_epoch_view_t  view;

    if (ngx_leadgen_epoch_copy(&view) != NGX_OK) {
        return NGX_ERROR;
    }

    header->n = view.n;
    header->time = view.complete;
    header->extra = view.floor;
    *records = view.records;
    *changes = view.changes;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_remember_throttle(ngx_leadgen_snapshot_t *header, u_char **records,
    ngx_uint_t *changes)
{
    ngx_leadgen_attempts_view_t  view;

    if (ngx_leadgen_attempts_copy(&view) != NGX_OK) {
        return NGX_ERROR;
    }

    header->n = view.n;
    header->time = view.time;
    *records = view.records;
    *changes = view.changes;

    return NGX_OK;
}


/* --- from then on --- */

static void
ngx_leadgen_remember_look(ngx_event_t *ev)
{
    ngx_uint_t  i;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_LEADGEN_REMEMBER_INTERVAL);

    for (i = 0; i < NGX_LEADGEN_REMEMBER_NFILES; i++) {

        if (ngx_leadgen_remember_is_due(&ngx_leadgen_remember_files[i])) {
            ngx_leadgen_remember_begin(&ngx_leadgen_remember_files[i]);
        }
    }
}


/* A file that lacks something must not be called newer than it is. */

static ngx_uint_t
ngx_leadgen_remember_is_due(ngx_leadgen_remember_file_t *file)
{
    time_t  known;

    known = file->known ? file->known() : 0;

    if (file->working || (file->known && known == 0)) {
        return 0;
    }

    file->whole = file->changed() != file->changes
                  || (file->known && file->wrote == 0);

    if (file->whole) {
        return file->header.n <= NGX_LEADGEN_REMEMBER_MANY
               || ngx_time() - file->wrote >= NGX_LEADGEN_REMEMBER_SELDOM;
    }

    return file->known && (int64_t) known > file->header.time;
}


static void
ngx_leadgen_remember_begin(ngx_leadgen_remember_file_t *file)
{
    ngx_leadgen_call_t  *call;

    call = ngx_leadgen_call_create(NULL, 1);
    if (call == NULL) {
        return;
    }

    call->done = ngx_leadgen_remember_done;
    call->work = ngx_leadgen_remember_work;
    call->data = file;
    call->args[0].data = (u_char *) &call->data;
    call->args[0].len = sizeof(call->data);
    file->working = 1;

    if (ngx_leadgen_call_submit(ngx_leadgen_remember.threads, call, 0)
        != NGX_OK)
    {
        file->working = 0;
        ngx_leadgen_call_cancel(call);
    }
}


/* What has changed since it was looked at is the next one's. */

static ssize_t
ngx_leadgen_remember_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    ngx_leadgen_remember_file_t  *file;

    ngx_memcpy(&file, args[0].data, sizeof(file));

    file->failed = NULL;

    if (file->whole || ngx_leadgen_remember_renew(file) != NGX_OK) {
        file->whole = 1;
        file->failed = ngx_leadgen_remember_write(file);
        file->err = ngx_errno;
    }

    ngx_memory_barrier();
    file->working = 0;

    return 0;
}


/* The time first: what was told until then is among the changes. */

static ngx_int_t
ngx_leadgen_remember_renew(ngx_leadgen_remember_file_t *file)
{
    ngx_leadgen_snapshot_t  header;

    header = file->header;
    header.time = file->known();

    if (file->changed() != file->changes
        || ngx_leadgen_snapshot_sign(&header, ngx_leadgen_remember.key,
                                     file->hash) != NGX_OK
        || ngx_leadgen_snapshot_renew(ngx_leadgen_remember.directory,
                                      file->name, &header,
                                      ngx_leadgen_remember.key, file->hash)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    file->header = header;

    return NGX_OK;
}


static const char *
ngx_leadgen_remember_write(ngx_leadgen_remember_file_t *file)
{
    u_char                   hash[NGX_LEADGEN_SNAPSHOT_HASH], *records;
    ngx_uint_t               changes;
    const char              *failed;
    ngx_leadgen_snapshot_t   header;

    ngx_memzero(&header, sizeof(header));
    header.kind = file->kind;
    header.size = file->size;

    if (file->copy(&header, &records, &changes) != NGX_OK) {
        return "copying it";
    }

    if (ngx_leadgen_snapshot_hash(records, header.n * header.size, hash)
        != NGX_OK
        || ngx_leadgen_snapshot_sign(&header, ngx_leadgen_remember.key, hash)
           != NGX_OK)
    {
        failed = "its code";

    } else {
        failed = ngx_leadgen_snapshot_write(ngx_leadgen_remember.directory,
                                            file->name, &header, records,
                                            ngx_leadgen_remember.durable);
    }

    ngx_explicit_memzero(records, header.n * header.size);
    free(records);

    if (failed == NULL) {
        file->header = header;
        file->changes = changes;
        ngx_memcpy(file->hash, hash, sizeof(hash));
    }

    return failed;
}


/* A thread that has not answered in time still works. */

static void
ngx_leadgen_remember_done(ngx_leadgen_call_t *call)
{
    time_t                        now;
    const char                   *failed;
    ngx_leadgen_remember_file_t  *file = call->data;

    now = ngx_time();
    failed = "no thread has answered";

    if (call->result == NGX_LEADGEN_CALL_UNSENT) {
        file->working = 0;
    }

    if (call->result == NGX_LEADGEN_CALL_OK) {
        failed = file->failed;
    }

    if (failed == NULL) {
        file->wrote = file->whole ? now : file->wrote;
        return;
    }

    file->wrote = 0;

    if (now - file->logged < NGX_LEADGEN_REMEMBER_SILENCE) {
        return;
    }

    file->logged = now;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log,
                  call->result == NGX_LEADGEN_CALL_OK ? file->err : 0,
                  "leadgen: \"%s/%s\" is not written: %s",
                  ngx_leadgen_remember.directory, file->name, failed);
}
