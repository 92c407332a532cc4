
/*
 * The error log: nginx's lines go in while they are written, and wait here for
 * the end of their request, or of the event that is being handled.
 *
 * A line may come at any time, also when memory is short or a request half torn
 * down: here it is copied to a place of its own, and nothing else is done.
 */


#include "ngx_leadgen_ctx.h"
#include <pthread.h>


#define NGX_LEADGEN_ERRORLOG_LINES   32
#define NGX_LEADGEN_ERRORLOG_WINDOW  10000      /* milliseconds in which
                                                 * those alike are one */
#define NGX_LEADGEN_ERRORLOG_TICK    1000


typedef enum {
    NGX_LEADGEN_ERRORLOG_FREE = 0,
    NGX_LEADGEN_ERRORLOG_FRESH,             /* to be told */
    NGX_LEADGEN_ERRORLOG_TOLD               /* and its like are counted */
} ngx_leadgen_errorlog_state_e;


/* Lifetime: worker. */

static struct {
    const ngx_leadgen_sentry_conf_t  *conf;
    pthread_t                         thread;
    ngx_event_t                       posted;
    ngx_event_t                       timer;
    ngx_uint_t                        busy;
    ngx_leadgen_errorlog_line_t       lines[NGX_LEADGEN_ERRORLOG_LINES];
} ngx_leadgen_errorlog;


static ngx_int_t ngx_leadgen_errorlog_hook(ngx_cycle_t *cycle, ngx_log_t *log);
static void ngx_leadgen_errorlog_write(ngx_log_t *log, ngx_uint_t level,
    u_char *text, size_t len);
static void ngx_leadgen_errorlog_keep(ngx_uint_t level, ngx_str_t *text);
static ngx_atomic_uint_t ngx_leadgen_errorlog_connection(ngx_str_t *text);
static ngx_uint_t ngx_leadgen_errorlog_strip(ngx_str_t *text);
static void ngx_leadgen_errorlog_posted(ngx_event_t *ev);
static void ngx_leadgen_errorlog_tick(ngx_event_t *ev);
static void ngx_leadgen_errorlog_tell(ngx_leadgen_errorlog_line_t *line,
    ngx_uint_t folded);


ngx_int_t
ngx_leadgen_errorlog_start(ngx_cycle_t *cycle,
    const ngx_leadgen_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    const ngx_leadgen_survey_t  *place;

    ngx_memzero(&ngx_leadgen_errorlog, sizeof(ngx_leadgen_errorlog));

    if (mcf->sentry.dsn.len == 0 || mcf->sentry.level == 0) {
        return NGX_OK;
    }

    ngx_leadgen_errorlog.thread = pthread_self();
    ngx_leadgen_errorlog.posted.handler = ngx_leadgen_errorlog_posted;
    ngx_leadgen_errorlog.posted.log = cycle->log;
    ngx_leadgen_errorlog.timer.handler = ngx_leadgen_errorlog_tick;
    ngx_leadgen_errorlog.timer.log = cycle->log;
    ngx_leadgen_errorlog.timer.data = &ngx_leadgen_errorlog;
    ngx_leadgen_errorlog.timer.cancelable = 1;

    /* to be known by its configuration: none is told before */

    ngx_leadgen_errorlog.conf = &mcf->sentry;

    if (ngx_leadgen_errorlog_hook(cycle, cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    place = mcf->places.elts;

    for (i = 0; i < mcf->places.nelts; i++) {

        if (place[i].core->error_log
            && ngx_leadgen_errorlog_hook(cycle, place[i].core->error_log)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * A chain of logs stands in the order of their levels, and is not looked at
 * beyond the first that is too low for a line.
 */

static ngx_int_t
ngx_leadgen_errorlog_hook(ngx_cycle_t *cycle, ngx_log_t *log)
{
    ngx_log_t  *ours, *last;

    for (last = log; ; last = last->next) {

        if (last->writer == ngx_leadgen_errorlog_write) {
            return NGX_OK;
        }

        if (last->next == NULL) {
            break;
        }
    }

    ours = ngx_pcalloc(cycle->pool, sizeof(ngx_log_t));
    if (ours == NULL) {
        return NGX_ERROR;
    }

    ours->log_level = ngx_leadgen_errorlog.conf->level;
    ours->writer = ngx_leadgen_errorlog_write;

    while (log->next && log->next->log_level >= ours->log_level) {
        log = log->next;
    }

    ours->next = log->next;
    log->next = ours;

    return NGX_OK;
}


/* Threads write lines, too: what they say waits for nobody. */

static void
ngx_leadgen_errorlog_write(ngx_log_t *log, ngx_uint_t level, u_char *text,
    size_t len)
{
    ngx_str_t  line;

    if (ngx_leadgen_errorlog.conf == NULL
        || level > ngx_leadgen_errorlog.conf->level
        || ngx_leadgen_errorlog.busy
        || !pthread_equal(pthread_self(), ngx_leadgen_errorlog.thread))
    {
        return;
    }

    ngx_leadgen_errorlog.busy = 1;

    line.data = text;
    line.len = len;
    ngx_leadgen_errorlog_keep(level, &line);

    ngx_leadgen_errorlog.busy = 0;
}


static void
ngx_leadgen_errorlog_keep(ngx_uint_t level, ngx_str_t *text)
{
    u_char                        pattern[256];
    uint32_t                      hash;
    ngx_uint_t                    i;
    ngx_leadgen_scope_t          *scope;
    ngx_leadgen_errorlog_line_t  *line, *room;

    if (!ngx_leadgen_errorlog_strip(text)) {
        return;
    }

    scope = ngx_leadgen_scope_find(ngx_leadgen_errorlog_connection(text));

    hash = ngx_crc32_short(pattern,
                           ngx_leadgen_errorlog_pattern(pattern,
                                                        sizeof(pattern), text)
                           - pattern);
    room = NULL;

    for (i = 0; i < NGX_LEADGEN_ERRORLOG_LINES; i++) {
        line = &ngx_leadgen_errorlog.lines[i];

        if (line->state == NGX_LEADGEN_ERRORLOG_FREE) {
            room = line;

        } else if (line->hash == hash && line->scope == scope) {
            line->count++;
            return;
        }
    }

    if (room == NULL) {
        ngx_leadgen_sentry_drop(NGX_LEADGEN_SENTRY_ERROR,
                                NGX_LEADGEN_SENTRY_QUEUE_OVERFLOW, 1);
        return;
    }

    room->state = NGX_LEADGEN_ERRORLOG_FRESH;
    room->scope = scope;
    room->time = ngx_leadgen_histogram_now();
    room->level = level;
    room->count = 0;
    room->hash = hash;
    room->len = ngx_min(text->len, sizeof(room->text));
    ngx_memcpy(room->text, text->data, room->len);

    if (scope) {
        scope->lines++;

    } else {
        ngx_post_event(&ngx_leadgen_errorlog.posted, &ngx_posted_events);
    }
}


/*
 * Leaves of "TIME [LEVEL] PID#TID: *5 TEXT, client: ..." what stands behind
 * the first ": ", without what the request's own fields say.  0: our own lines
 * about Sentry, which would go round.
 */

static ngx_uint_t
ngx_leadgen_errorlog_strip(ngx_str_t *text)
{
    u_char      *p, *last;

    static const u_char  client[] = ", client: ", sentry[] = "sentry";

    last = text->data + text->len;

    while (last > text->data && (last[-1] == '\n' || last[-1] == '\r')) {
        last--;
    }

    for (p = text->data; p + 1 < last; p++) {
        if (p[0] == ':' && p[1] == ' ') {
            text->data = p + 2;
            break;
        }
    }

    text->len = last - text->data;
    p = ngx_strlcasestrn(text->data, last, (u_char *) sentry,
                         sizeof(sentry) - 2);

    if (p && (size_t) (p - text->data) < sizeof("leadgen: sentry")) {
        return 0;
    }

    p = ngx_strlcasestrn(text->data, last, (u_char *) client,
                         sizeof(client) - 2);

    if (p) {
        text->len = p - text->data;
    }

    return text->len != 0;
}


/* Takes "*5 " off; 0: the line is of no connection. */

static ngx_atomic_uint_t
ngx_leadgen_errorlog_connection(ngx_str_t *text)
{
    size_t     i;
    ngx_int_t  n;

    if (text->len < 3 || text->data[0] != '*') {
        return 0;
    }

    for (i = 1; i < text->len && text->data[i] != ' '; i++) { /* void */ }

    n = ngx_atoi(text->data + 1, i - 1);

    if (n == NGX_ERROR || i == text->len) {
        return 0;
    }

    text->data += i + 1;
    text->len -= i + 1;

    return n;
}


/* Numbers and what stands in quotes differ from one line to its like. */

u_char *
ngx_leadgen_errorlog_pattern(u_char *dst, size_t size, const ngx_str_t *line)
{
    u_char      *p, *last, *end;
    ngx_uint_t   quoted;

    quoted = 0;
    end = dst + size;
    last = line->data + line->len;

    for (p = line->data; p < last && dst < end; p++) {

        if (*p == '"') {
            quoted = !quoted;
            *dst++ = *p;

        } else if (quoted) {
            continue;

        } else if (*p < '0' || *p > '9') {
            *dst++ = *p;

        } else if (p == line->data || p[-1] < '0' || p[-1] > '9') {
            *dst++ = 'N';
        }
    }

    return dst;
}


const ngx_leadgen_errorlog_line_t *
ngx_leadgen_errorlog_take(ngx_leadgen_scope_t *scope)
{
    ngx_uint_t                    i;
    ngx_leadgen_errorlog_line_t  *line;

    for (i = 0; scope->lines && i < NGX_LEADGEN_ERRORLOG_LINES; i++) {
        line = &ngx_leadgen_errorlog.lines[i];

        if (line->state == NGX_LEADGEN_ERRORLOG_FRESH && line->scope == scope)
        {
            line->state = NGX_LEADGEN_ERRORLOG_FREE;
            line->scope = NULL;
            scope->lines--;
            return line;
        }
    }

    scope->lines = 0;

    return NULL;
}


/* Told of or not: a scope that ends has been through the LOG phase. */

void
ngx_leadgen_errorlog_leave(ngx_leadgen_scope_t *scope)
{
    while (ngx_leadgen_errorlog_take(scope)) { /* void */ }
}


static void
ngx_leadgen_errorlog_posted(ngx_event_t *ev)
{
    ngx_uint_t                    i;
    ngx_leadgen_errorlog_line_t  *line;

    for (i = 0; i < NGX_LEADGEN_ERRORLOG_LINES; i++) {
        line = &ngx_leadgen_errorlog.lines[i];

        if (line->state == NGX_LEADGEN_ERRORLOG_FRESH && line->scope == NULL) {
            ngx_leadgen_errorlog_tell(line, line->count);
        }
    }

    if (!ngx_leadgen_errorlog.timer.timer_set && !ngx_exiting) {
        ngx_add_timer(&ngx_leadgen_errorlog.timer, NGX_LEADGEN_ERRORLOG_TICK);
    }
}


/* Lines like one that was told are told together when its time is over. */

static void
ngx_leadgen_errorlog_tick(ngx_event_t *ev)
{
    ngx_uint_t                    i, again;
    ngx_leadgen_errorlog_line_t  *line;

    again = 0;

    for (i = 0; i < NGX_LEADGEN_ERRORLOG_LINES; i++) {
        line = &ngx_leadgen_errorlog.lines[i];

        if (line->state != NGX_LEADGEN_ERRORLOG_TOLD) {
            continue;
        }

        if ((ngx_msec_int_t) (line->until - ngx_current_msec) <= 0) {

            if (line->count == 0) {
                line->state = NGX_LEADGEN_ERRORLOG_FREE;
                continue;
            }

            ngx_leadgen_errorlog_tell(line, line->count - 1);
        }

        again = 1;
    }

    if (again && !ngx_exiting) {
        ngx_add_timer(ev, NGX_LEADGEN_ERRORLOG_TICK);
    }
}


static void
ngx_leadgen_errorlog_tell(ngx_leadgen_errorlog_line_t *line, ngx_uint_t folded)
{
    line->state = NGX_LEADGEN_ERRORLOG_TOLD;
    line->until = ngx_current_msec + NGX_LEADGEN_ERRORLOG_WINDOW;
    line->count = 0;

    ngx_leadgen_errorlog.busy = 1;
    ngx_leadgen_incident_line(ngx_leadgen_errorlog.conf, line, folded);
    ngx_leadgen_errorlog.busy = 0;
}


void
ngx_leadgen_errorlog_stop(void)
{
    ngx_uint_t                    i;
    ngx_leadgen_errorlog_line_t  *line;

    if (ngx_leadgen_errorlog.conf == NULL) {
        return;
    }

    for (i = 0; i < NGX_LEADGEN_ERRORLOG_LINES; i++) {
        line = &ngx_leadgen_errorlog.lines[i];

        if (line->state == NGX_LEADGEN_ERRORLOG_FRESH
            || (line->state == NGX_LEADGEN_ERRORLOG_TOLD && line->count))
        {
            ngx_leadgen_errorlog_tell(line, line->count);
        }
    }

    if (ngx_leadgen_errorlog.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_errorlog.timer);
    }

    if (ngx_leadgen_errorlog.posted.posted) {
        ngx_delete_posted_event(&ngx_leadgen_errorlog.posted);
    }

    ngx_leadgen_errorlog.conf = NULL;
}
