
/*
 * Recall: what another worker, or another nginx, wrote into the spool's
 * directory goes into a zone that knows nothing.
 */


#include "ngx_leadgen_remember.h"


#define NGX_LEADGEN_RECALL_TRIES  3


static ngx_int_t ngx_leadgen_recall_read(
    const ngx_leadgen_remember_file_t *file, const char *directory,
    const u_char *key);


/* A header may be read while it is renewed, so a bad one is looked at again. */

void
ngx_leadgen_recall(const ngx_leadgen_remember_file_t *file,
    const char *directory, const u_char *key)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = NGX_DECLINED;

    for (i = 0; i < NGX_LEADGEN_RECALL_TRIES && rc == NGX_DECLINED; i++) {
        rc = ngx_leadgen_recall_read(file, directory, key);
    }

    if (rc == NGX_OK) {
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "leadgen: \"%s/%s\" is no snapshot of this gateway's, "
                      "and not used", directory, file->name);
    }

    file->restore(NULL, NULL);
}


/* NGX_ERROR: there is none; NGX_DECLINED: it is not what was written. */

static ngx_int_t
ngx_leadgen_recall_read(const ngx_leadgen_remember_file_t *file,
    const char *directory, const u_char *key)
{
    size_t                   len;
    u_char                  *data;
    ngx_int_t                rc;
    ngx_leadgen_snapshot_t   header;

    data = ngx_leadgen_snapshot_read(directory, file->name, &len);
    if (data == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_leadgen_snapshot_parse(data, len, file->kind, file->size, key,
                                    &header);
    if (rc == NGX_OK) {
        file->restore(&header, data + sizeof(header));
    }

    ngx_explicit_memzero(data, len);
    free(data);

    return rc;
}


void
ngx_leadgen_recall_revocations(const ngx_leadgen_snapshot_t *header,
    u_char *records)
{
    ngx_leadgen_epoch_view_t  view;

    if (records == NULL || ngx_leadgen_epoch_known()) {
        return;
    }

    view.floor = (uint32_t) header->extra;
    view.n = header->n;
    view.records = records;

    ngx_leadgen_epoch_restore(&view);
    ngx_leadgen_revocation_restored((time_t) header->time);
}


/* Without a file the zone begins with nothing, and none that appears later is
 * taken by a worker that is started then. */

void
ngx_leadgen_recall_attempts(const ngx_leadgen_snapshot_t *header,
    u_char *records)
{
    ngx_leadgen_attempts_view_t  view;

    view.n = records ? header->n : 0;
    view.time = records ? (time_t) header->time : 0;
    view.records = records;

    (void) ngx_leadgen_attempts_restore(&view);
}
