
/*
 * The feed of roles: PostgreSQL's notifications go in, the zone's grants come
 * out.
 *
 * A notification says that there is another set, which is then asked for whole.
 * So it is after each connecting and every few seconds, which makes up for
 * notifications that were missed.
 */


#include "ngx_leadgen_policy.h"


#define NGX_LEADGEN_FEED_INTERVAL  5000     /* milliseconds */
#define NGX_LEADGEN_FEED_RETRY     500


/* The columns of api.roles_known. */

typedef enum {
    NGX_LEADGEN_FEED_VERSION = 0,
    NGX_LEADGEN_FEED_NAME,
    NGX_LEADGEN_FEED_PERMISSIONS,
    NGX_LEADGEN_FEED_NCOLS
} ngx_leadgen_feed_column_e;


/* Lifetime: worker. */

static struct {
    ngx_leadgen_backend_t  *backend;
    ngx_event_t             timer;
    unsigned                asking:1;
    unsigned                again:1;        /* it changed while we asked */
} ngx_leadgen_feed;


static void ngx_leadgen_feed_ask(ngx_event_t *ev);
static void ngx_leadgen_feed_wait(ngx_msec_t interval);
static void ngx_leadgen_feed_answer(ngx_leadgen_call_t *call);
static ngx_leadgen_permissions_t ngx_leadgen_feed_mask(ngx_str_t names);


const char  ngx_leadgen_feed_statement[] =
    "select version, name, permissions from api.roles_known()";


void
ngx_leadgen_feed_start(ngx_cycle_t *cycle, ngx_leadgen_backend_t *backend)
{
    ngx_event_t              *ev;
    static ngx_connection_t   none = { .fd = (ngx_socket_t) -1 };

    ngx_memzero(&ngx_leadgen_feed, sizeof(ngx_leadgen_feed));

    ev = &ngx_leadgen_feed.timer;
    ev->handler = ngx_leadgen_feed_ask;
    ev->data = &none;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_leadgen_feed.backend = backend;
    ngx_leadgen_feed_wait(1);
}


void
ngx_leadgen_feed_stop(void)
{
    if (ngx_leadgen_feed.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_feed.timer);
    }

    ngx_leadgen_feed.backend = NULL;
}


void
ngx_leadgen_feed_connected(void)
{
    if (ngx_leadgen_feed.backend) {
        ngx_leadgen_feed_ask(NULL);
    }
}


void
ngx_leadgen_feed_notified(const ngx_str_t *payload)
{
    ngx_int_t  version;

    version = ngx_atoi(payload->data, payload->len);

    if (ngx_leadgen_feed.backend == NULL
        || (version != NGX_ERROR
            && (uint64_t) version <= ngx_leadgen_grant_version()))
    {
        return;
    }

    ngx_leadgen_feed.again = ngx_leadgen_feed.asking;
    ngx_leadgen_feed_ask(NULL);
}


static void
ngx_leadgen_feed_ask(ngx_event_t *ev)
{
    ngx_leadgen_call_t  *call;

    ngx_leadgen_feed_wait(NGX_LEADGEN_FEED_INTERVAL);

    if (ngx_leadgen_feed.asking) {
        return;
    }

    call = ngx_leadgen_call_create(NULL, 0);
    if (call == NULL) {
        return;
    }

    call->done = ngx_leadgen_feed_answer;
    call->statement = ngx_leadgen_feed_statement;

    if (ngx_leadgen_call_submit(ngx_leadgen_feed.backend, call, 0) != NGX_OK) {
        ngx_leadgen_call_cancel(call);
        ngx_leadgen_feed_wait(NGX_LEADGEN_FEED_RETRY);
        return;
    }

    ngx_leadgen_feed.asking = 1;
}


static void
ngx_leadgen_feed_wait(ngx_msec_t interval)
{
    if (ngx_leadgen_feed.timer.timer_set) {
        ngx_del_timer(&ngx_leadgen_feed.timer);
    }

    ngx_add_timer(&ngx_leadgen_feed.timer, interval);
}


static void
ngx_leadgen_feed_answer(ngx_leadgen_call_t *call)
{
    ngx_leadgen_feed.asking = 0;

    if (ngx_leadgen_feed_apply(call) != NGX_OK) {

        if (ngx_leadgen_feed.backend) {
            ngx_leadgen_feed_wait(NGX_LEADGEN_FEED_RETRY);
        }

        return;
    }

    if (ngx_leadgen_feed.again && ngx_leadgen_feed.backend) {
        ngx_leadgen_feed.again = 0;
        ngx_leadgen_feed_ask(NULL);
    }
}


ngx_int_t
ngx_leadgen_feed_apply(ngx_leadgen_call_t *call)
{
    ngx_int_t             version;
    ngx_str_t            *row;
    ngx_uint_t            i, n;
    ngx_leadgen_grant_t  *grant;

    static ngx_leadgen_grant_t  grants[NGX_LEADGEN_GRANTS];

    if (call->result != NGX_LEADGEN_CALL_OK
        || call->ncols != NGX_LEADGEN_FEED_NCOLS
        || call->nrows == 0)
    {
        return NGX_ERROR;
    }

    row = call->values;
    version = ngx_atoi(row[NGX_LEADGEN_FEED_VERSION].data,
                       row[NGX_LEADGEN_FEED_VERSION].len);

    if (version == NGX_ERROR) {
        return NGX_ERROR;
    }

    if ((uint64_t) version <= ngx_leadgen_grant_version()) {
        return NGX_OK;
    }

    n = 0;

    for (i = 0; i < call->nrows && n < NGX_LEADGEN_GRANTS; i++) {
        row = &call->values[i * call->ncols];
        grant = &grants[n];

        if (row[NGX_LEADGEN_FEED_NAME].len == 0
            || row[NGX_LEADGEN_FEED_NAME].len > sizeof(grant->name))
        {
            continue;
        }

        grant->len = (u_char) row[NGX_LEADGEN_FEED_NAME].len;
        ngx_memcpy(grant->name, row[NGX_LEADGEN_FEED_NAME].data, grant->len);
        grant->permissions =
            ngx_leadgen_feed_mask(row[NGX_LEADGEN_FEED_PERMISSIONS]);
        n++;
    }

    (void) ngx_leadgen_grant_set(grants, n, version);

    return NGX_OK;
}


/* A name that this version of the module does not know grants nothing. */

static ngx_leadgen_permissions_t
ngx_leadgen_feed_mask(ngx_str_t names)
{
    ngx_int_t                  permission;
    ngx_str_t                  name;
    ngx_leadgen_permissions_t  mask;

    mask = 0;

    while (names.data) {
        name = ngx_leadgen_rule_word(&names, ' ');
        permission = ngx_leadgen_permission_find(&name);

        if (permission != NGX_ERROR) {
            mask |= ngx_leadgen_permission_bit(permission);
        }
    }

    return mask;
}
