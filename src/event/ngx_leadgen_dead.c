
/*
 * Dead letters: an event that PostgreSQL will never take enters, a line of JSON
 * in audit.dead leaves, for a person to mend.
 */


#include "ngx_leadgen_spool.h"
#include <sys/file.h>


#define NGX_LEADGEN_DEAD_FILE   "audit.dead"
#define NGX_LEADGEN_DEAD_FIXED  1024    /* bytes, at most, without texts */


static size_t ngx_leadgen_dead_bound(const ngx_leadgen_record_t *record,
    const ngx_str_t *reason);
static u_char *ngx_leadgen_dead_event(u_char *dst,
    const ngx_leadgen_record_t *record);
static ssize_t ngx_leadgen_dead_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);
static ngx_int_t ngx_leadgen_dead_append(ngx_fd_t fd, const ngx_str_t *line);


ngx_int_t
ngx_leadgen_dead_park(ngx_leadgen_backend_t *threads, ngx_pool_t *pool,
    const ngx_leadgen_record_t *record, const char *code,
    const ngx_str_t *reason, ngx_leadgen_job_done_pt done, void *data)
{
    int      directory;
    u_char  *arg, *p;

    arg = ngx_pnalloc(pool, ngx_leadgen_dead_bound(record, reason));
    if (arg == NULL) {
        return NGX_BUSY;
    }

    directory = ngx_leadgen_spool_directory();

    p = ngx_cpymem(arg, &directory, sizeof(directory));

    p = ngx_cpymem(p, "{\"event\":", sizeof("{\"event\":") - 1);
    p = ngx_leadgen_dead_event(p, record);
    p = ngx_sprintf(p, ",\"code\":\"%s\"", code);
    p = ngx_leadgen_details_text(p, "reason", reason);
    *p++ = '}';
    *p++ = '\n';

    return ngx_leadgen_job_start(threads, ngx_leadgen_dead_work, arg, p - arg,
                                 done, data);
}


static size_t
ngx_leadgen_dead_bound(const ngx_leadgen_record_t *record,
    const ngx_str_t *reason)
{
    size_t      texts;
    ngx_uint_t  i;

    texts = record->action.len + reason->len;

    for (i = 0; i < NGX_LEADGEN_EVENT_NTEXTS; i++) {
        texts += record->event.text[i].len;
    }

    return NGX_LEADGEN_DEAD_FIXED + NGX_LEADGEN_DETAILS_FIXED
           + NGX_LEADGEN_DETAILS_FACTOR * texts;
}


static u_char *
ngx_leadgen_dead_event(u_char *dst, const ngx_leadgen_record_t *record)
{
    const ngx_str_t            *text;
    const ngx_leadgen_event_t  *event;

    static const char  *success[] = { "null", "true", "false" };

    event = &record->event;
    text = event->text;

    dst = ngx_cpymem(dst, "{\"id\":\"", sizeof("{\"id\":\"") - 1);
    dst = ngx_leadgen_uuid_format(dst, event->id);
    dst = ngx_cpymem(dst, "\",\"timestamp\":\"",
                     sizeof("\",\"timestamp\":\"") - 1);
    dst = ngx_leadgen_time_format(dst, event->time);
    *dst++ = '"';

    if (event->user_id) {
        dst = ngx_sprintf(dst, ",\"user_id\":%L", event->user_id);
    }

    dst = ngx_leadgen_details_text(dst, "action", &record->action);
    dst = ngx_leadgen_details_text(dst, "user_email",
                                   &text[NGX_LEADGEN_EVENT_USER_EMAIL]);
    dst = ngx_leadgen_details_text(dst, "resource_type",
                                   &text[NGX_LEADGEN_EVENT_RESOURCE_TYPE]);
    dst = ngx_leadgen_details_text(dst, "resource_id",
                                   &text[NGX_LEADGEN_EVENT_RESOURCE_ID]);
    dst = ngx_leadgen_details_text(dst, "ip_address",
                                   &text[NGX_LEADGEN_EVENT_IP_ADDRESS]);
    dst = ngx_leadgen_details_text(dst, "user_agent",
                                   &text[NGX_LEADGEN_EVENT_USER_AGENT]);
    dst = ngx_leadgen_details_text(dst, "error_message",
                                   &text[NGX_LEADGEN_EVENT_ERROR]);

    dst = ngx_sprintf(dst, ",\"success\":%s,\"details\":",
                      success[event->outcome % 3]);
    dst = ngx_leadgen_details_write(dst, record);
    *dst++ = '}';

    return dst;
}


static ssize_t
ngx_leadgen_dead_work(const ngx_str_t *args, ngx_uint_t nargs, u_char *answer,
    size_t size)
{
    int        directory;
    ngx_fd_t   fd;
    ngx_int_t  rc;
    ngx_str_t  line;

    ngx_memcpy(&directory, args[0].data, sizeof(directory));

    line.data = args[0].data + sizeof(directory);
    line.len = args[0].len - sizeof(directory);

    fd = openat(directory, NGX_LEADGEN_DEAD_FILE,
                O_WRONLY|O_APPEND|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600);
    if (fd == -1) {
        return NGX_ERROR;
    }

    rc = ngx_leadgen_dead_append(fd, &line);

    (void) close(fd);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    *answer = 1;

    return 1;
}


/* A whole line or nothing; the lock keeps other workers' lines apart. */

static ngx_int_t
ngx_leadgen_dead_append(ngx_fd_t fd, const ngx_str_t *line)
{
    ssize_t      n;
    struct stat  st;

    if (flock(fd, LOCK_EX) == -1 || fstat(fd, &st) == -1) {
        return NGX_ERROR;
    }

    n = write(fd, line->data, line->len);

    if (n == (ssize_t) line->len && fdatasync(fd) == 0) {
        return NGX_OK;
    }

    if (ftruncate(fd, st.st_size) == -1) {
        return NGX_ERROR;
    }

    return NGX_ERROR;
}
