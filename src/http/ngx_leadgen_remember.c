
/*
 * What a gateway remembers beyond its zone: the first worker writes snapshots
 * of revocations into the spool directory, each worker begins with the last.
 *
 * The file is written, in a thread, at most once a second; when nothing has
 * changed but the time up to which all is known, that alone is.  What would be
 * long is written more seldom.
 */


#include "ngx_leadgen_ctx.h"
#include <openssl/hmac.h>


#define NGX_LEADGEN_REMEMBER_INTERVAL  1000     /* milliseconds */
#define NGX_LEADGEN_REMEMBER_MANY      50000    /* records: they are written */
#define NGX_LEADGEN_REMEMBER_SELDOM    10       /* no sooner, in seconds */
#define NGX_LEADGEN_REMEMBER_SILENCE   60       /* seconds between complaints */
#define NGX_LEADGEN_REMEMBER_TRIES     3

#define NGX_LEADGEN_REMEMBER_FILE      "revocations.snapshot"


/* Lifetime: worker; below the first line the thread's while it works. */

static struct {
    ngx_event_t              timer;
    ngx_leadgen_backend_t   *threads;
    const char              *directory;
    ngx_uint_t               durable;
    u_char                   key[NGX_LEADGEN_SNAPSHOT_HASH];
    time_t                   wrote;         /* 0: never */
    time_t                   logged;
    ngx_atomic_t             working;

    ngx_uint_t               changes;       /* what the file has */
    ngx_leadgen_snapshot_t   header;
    u_char                   hash[NGX_LEADGEN_SNAPSHOT_HASH];
    ngx_uint_t               whole;         /* to be written, not renewed */
    const char              *failed;
    ngx_err_t                err;
} ngx_leadgen_remember;


static void ngx_leadgen_remember_restore(void);
static ngx_int_t ngx_leadgen_remember_read(void);
static void ngx_leadgen_remember_look(ngx_event_t *ev);
static ssize_t ngx_leadgen_remember_work(const ngx_str_t *args,
    ngx_uint_t nargs, u_char *answer, size_t size);
static ngx_int_t ngx_leadgen_remember_renew(void);
static const char *ngx_leadgen_remember_write(void);
static void ngx_leadgen_remember_done(ngx_leadgen_call_t *call);


void
ngx_leadgen_remember_start(ngx_cycle_t *cycle,
    const ngx_leadgen_main_conf_t *mcf, ngx_leadgen_backend_t *threads)
{
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

    if (ngx_leadgen_epoch_known() == 0) {
        ngx_leadgen_remember_restore();
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


/* A header may be read while it is renewed, so a bad one is looked at again. */

static void
ngx_leadgen_remember_restore(void)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_REMEMBER_TRIES; i++) {
        rc = ngx_leadgen_remember_read();

        if (rc != NGX_DECLINED) {
            return;
        }
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "leadgen: revocations: \"%s/" NGX_LEADGEN_REMEMBER_FILE
                  "\" is no snapshot of this gateway's, and not used",
                  ngx_leadgen_remember.directory);
}


/* NGX_ERROR: there is none; NGX_DECLINED: it is not what was written. */

static ngx_int_t
ngx_leadgen_remember_read(void)
{
    size_t                     len;
    u_char                    *data;
    ngx_int_t                  rc;
    ngx_leadgen_snapshot_t     header;
    ngx_leadgen_epoch_view_t   view;

    data = ngx_leadgen_snapshot_read(ngx_leadgen_remember.directory,
                                     NGX_LEADGEN_REMEMBER_FILE, &len);
    if (data == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_leadgen_snapshot_parse(data, len, NGX_LEADGEN_SNAPSHOT_EPOCHS,
                                    NGX_LEADGEN_EPOCH_RECORD,
                                    ngx_leadgen_remember.key, &header);
    if (rc == NGX_OK) {
        view.floor = (uint32_t) header.extra;
        view.n = header.n;
        view.records = data + sizeof(header);

        ngx_leadgen_epoch_restore(&view);
        ngx_leadgen_revocation_restored((time_t) header.time);
    }

    free(data);

    return rc;
}


static void
ngx_leadgen_remember_look(ngx_event_t *ev)
{
    time_t               known;
    ngx_leadgen_call_t  *call;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_LEADGEN_REMEMBER_INTERVAL);

    known = ngx_leadgen_epoch_known();

    if (known == 0 || ngx_leadgen_remember.working) {
        return;
    }

    ngx_leadgen_remember.whole = (ngx_leadgen_remember.wrote == 0
        || ngx_leadgen_epoch_changes() != ngx_leadgen_remember.changes);

    /* a file that lacks something must not be called newer than it is */

    if (ngx_leadgen_remember.whole
        ? (ngx_leadgen_remember.header.n > NGX_LEADGEN_REMEMBER_MANY
           && ngx_time() - ngx_leadgen_remember.wrote
              < NGX_LEADGEN_REMEMBER_SELDOM)
        : (int64_t) known <= ngx_leadgen_remember.header.time)
    {
        return;
    }

    call = ngx_leadgen_call_create(NULL, 0);
    if (call == NULL) {
        return;
    }

    call->done = ngx_leadgen_remember_done;
    call->work = ngx_leadgen_remember_work;
    ngx_leadgen_remember.working = 1;

    if (ngx_leadgen_call_submit(ngx_leadgen_remember.threads, call, 0)
        != NGX_OK)
    {
        ngx_leadgen_remember.working = 0;
        ngx_leadgen_call_cancel(call);
    }
}


/* What has changed since it was looked at is the next one's. */

static ssize_t
ngx_leadgen_remember_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    ngx_leadgen_remember.failed = NULL;

    if (ngx_leadgen_remember.whole || ngx_leadgen_remember_renew() != NGX_OK) {
        ngx_leadgen_remember.whole = 1;
        ngx_leadgen_remember.failed = ngx_leadgen_remember_write();
        ngx_leadgen_remember.err = ngx_errno;
    }

    ngx_memory_barrier();
    ngx_leadgen_remember.working = 0;

    return 0;
}


/* The time first: what was told until then is among the changes. */

static ngx_int_t
ngx_leadgen_remember_renew(void)
{
    ngx_leadgen_snapshot_t  header;

    header = ngx_leadgen_remember.header;
    header.time = ngx_leadgen_epoch_known();

    if (ngx_leadgen_epoch_changes() != ngx_leadgen_remember.changes
        || ngx_leadgen_snapshot_sign(&header, ngx_leadgen_remember.key,
                                     ngx_leadgen_remember.hash) != NGX_OK
        || ngx_leadgen_snapshot_renew(ngx_leadgen_remember.directory,
                                      NGX_LEADGEN_REMEMBER_FILE, &header,
                                      ngx_leadgen_remember.key,
                                      ngx_leadgen_remember.hash) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_leadgen_remember.header = header;

    return NGX_OK;
}


static const char *
ngx_leadgen_remember_write(void)
{
    u_char                     hash[NGX_LEADGEN_SNAPSHOT_HASH];
    const char                *failed;
    ngx_leadgen_snapshot_t     header;
    ngx_leadgen_epoch_view_t   view;

    if (ngx_leadgen_epoch_copy(&view) != NGX_OK) {
        return "memory";
    }

    ngx_memzero(&header, sizeof(header));
    header.kind = NGX_LEADGEN_SNAPSHOT_EPOCHS;
    header.size = NGX_LEADGEN_EPOCH_RECORD;
    header.n = view.n;
    header.time = view.complete;
    header.extra = view.floor;

    if (ngx_leadgen_snapshot_hash(view.records, header.n * header.size, hash)
        != NGX_OK
        || ngx_leadgen_snapshot_sign(&header, ngx_leadgen_remember.key, hash)
           != NGX_OK)
    {
        failed = "its code";

    } else {
        failed = ngx_leadgen_snapshot_write(ngx_leadgen_remember.directory,
                                            NGX_LEADGEN_REMEMBER_FILE, &header,
                                            view.records,
                                            ngx_leadgen_remember.durable);
    }

    free(view.records);

    if (failed == NULL) {
        ngx_leadgen_remember.header = header;
        ngx_leadgen_remember.changes = view.changes;
        ngx_memcpy(ngx_leadgen_remember.hash, hash, sizeof(hash));
    }

    return failed;
}


/* A thread that has not answered in time still works. */

static void
ngx_leadgen_remember_done(ngx_leadgen_call_t *call)
{
    time_t       now;
    const char  *failed;

    now = ngx_time();
    failed = ngx_leadgen_remember.failed;

    if (call->result == NGX_LEADGEN_CALL_UNSENT) {
        ngx_leadgen_remember.working = 0;
    }

    if (call->result != NGX_LEADGEN_CALL_OK) {
        failed = "no thread has answered";
        ngx_leadgen_remember.err = 0;
    }

    if (failed == NULL) {
        ngx_leadgen_remember.wrote = ngx_leadgen_remember.whole
                                     ? now : ngx_leadgen_remember.wrote;
        return;
    }

    ngx_leadgen_remember.wrote = 0;

    if (now - ngx_leadgen_remember.logged < NGX_LEADGEN_REMEMBER_SILENCE) {
        return;
    }

    ngx_leadgen_remember.logged = now;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_leadgen_remember.err,
                  "leadgen: revocations: the snapshot is not written: %s",
                  failed);
}
