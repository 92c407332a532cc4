
/*
 * The way to Sentry, while the configuration is read: a DSN and a spool go in,
 * a checked folder and threads of its own come out.
 */


#include "ngx_leadgen_ctx.h"
#include <ngx_thread_pool.h>


#define NGX_LEADGEN_SHIPPING_LEAST    (1024 * 1024)     /* bytes */
#define NGX_LEADGEN_SHIPPING_QUEUE    (16 * 1024 * 1024)
#define NGX_LEADGEN_SHIPPING_TIMEOUT  5000  /* milliseconds */
#define NGX_LEADGEN_SHIPPING_LONGEST  60000


static ngx_int_t ngx_leadgen_shipping_folder(ngx_conf_t *cf,
    ngx_leadgen_main_conf_t *mcf);
static ngx_int_t ngx_leadgen_shipping_threads(ngx_conf_t *cf,
    const ngx_str_t *name);


extern ngx_module_t  ngx_thread_pool_module;


void
ngx_leadgen_shipping_create(ngx_leadgen_sentry_transport_t *shipping)
{
    ngx_leadgen_backend_conf_t  *threads = &shipping->threads;

    shipping->size = NGX_LEADGEN_SHIPPING_QUEUE;
    shipping->timeout = NGX_LEADGEN_SHIPPING_TIMEOUT;

    ngx_str_set(&threads->name, "sentry");
    ngx_str_set(&threads->pool, "leadgen_sentry");
    threads->driver = "thread";
    threads->links = 1;
    threads->depth = 1;
    threads->queue = 1;
}


ngx_int_t
ngx_leadgen_shipping_option(ngx_conf_t *cf,
    ngx_leadgen_sentry_transport_t *shipping, const ngx_str_t *word)
{
    off_t      size;
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_strncmp(word->data, "queue=", 6) == 0) {
        value.data = word->data + 6;
        value.len = word->len - 6;
        size = ngx_parse_offset(&value);

        if (size >= NGX_LEADGEN_SHIPPING_LEAST) {
            shipping->size = size;
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a size of 1m or more", word);
        return NGX_ERROR;
    }

    if (ngx_strncmp(word->data, "timeout=", 8) == 0) {
        value.data = word->data + 8;
        value.len = word->len - 8;
        n = ngx_parse_time(&value, 0);

        if (n >= 100 && n <= NGX_LEADGEN_SHIPPING_LONGEST) {
            shipping->timeout = n;
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a time from 100ms to 60s", word);
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


char *
ngx_leadgen_shipping_dsn(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf)
{
    const char  *wrong;

    wrong = ngx_leadgen_dsn_parse(cf->pool, &mcf->sentry.dsn,
                                  &mcf->shipping.dsn);
    if (wrong == NULL) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the DSN of \"leadgen_sentry\" %s",
                       wrong);

    return NGX_CONF_ERROR;
}


char *
ngx_leadgen_shipping_init(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf)
{
    ngx_core_conf_t                 *ccf;
    ngx_leadgen_sentry_transport_t  *shipping = &mcf->shipping;

    if (shipping->dsn.url.len == 0) {
        return NGX_CONF_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    shipping->workers = ccf->worker_processes == NGX_CONF_UNSET
                        ? 1 : ccf->worker_processes;

    if (ngx_leadgen_shipping_folder(cf, mcf) != NGX_OK
        || ngx_leadgen_shipping_threads(cf, &shipping->threads.pool) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_leadgen_shipping_folder(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf)
{
    char                      *wrong;
    ngx_str_t                 *path;
    ngx_leadgen_spool_conf_t   folder;

    path = &mcf->shipping.folder;

    path->data = ngx_pnalloc(cf->pool, mcf->spool.path.len + sizeof("/sentry"));
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    path->len = ngx_sprintf(path->data, "%V/sentry%Z", &mcf->spool.path)
                - path->data - 1;

    ngx_memzero(&folder, sizeof(folder));
    folder.path = *path;

    wrong = ngx_leadgen_spool_check(cf, &folder, mcf->spool_user);

    if (wrong) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "folder \"%V\" of \"leadgen_sentry\": %s", path, wrong);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* As "thread_pool NAME threads=1 max_queue=1;" would, unless it is there: what
 * waits for Sentry takes no thread from others. */

static ngx_int_t
ngx_leadgen_shipping_threads(ngx_conf_t *cf, const ngx_str_t *name)
{
    char           *rc;
    ngx_str_t       words[4];
    ngx_array_t     args, *saved;
    ngx_command_t  *cmd;

    words[1] = *name;

    if (ngx_thread_pool_get(cf->cycle, &words[1])) {
        return NGX_OK;
    }

    cmd = ngx_thread_pool_module.commands;

    words[0] = cmd->name;
    ngx_str_set(&words[2], "threads=1");
    ngx_str_set(&words[3], "max_queue=1");

    ngx_memzero(&args, sizeof(args));
    args.elts = words;
    args.nelts = 4;
    args.size = sizeof(ngx_str_t);
    args.pool = cf->pool;

    saved = cf->args;
    cf->args = &args;

    rc = cmd->set(cf, cmd, NULL);

    cf->args = saved;

    return rc == NGX_CONF_OK ? NGX_OK : NGX_ERROR;
}
