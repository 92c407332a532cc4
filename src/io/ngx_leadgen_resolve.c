
/*
 * Names: a list of hosts goes in, a list of their addresses comes out of a
 * thread, because the system's resolver blocks for as long as it likes.
 */


#include "ngx_leadgen_link.h"
#include <netdb.h>


#define NGX_LEADGEN_RESOLVE_SIZE  4096      /* bytes of one list */


/* Names, addresses and ports: comma-separated, of one length. */

typedef struct {
    char        text[3][NGX_LEADGEN_RESOLVE_SIZE];
    size_t      len[3];
    ngx_uint_t  nitems;
} ngx_leadgen_resolve_lists_t;


static ngx_leadgen_backend_t *ngx_leadgen_resolve_threads(void);
static void ngx_leadgen_resolve_done(ngx_leadgen_call_t *call);
static ssize_t ngx_leadgen_resolve_work(const ngx_str_t *args,
    ngx_uint_t nargs, u_char *answer, size_t size);
static void ngx_leadgen_resolve_host(ngx_leadgen_resolve_lists_t *lists,
    const char *host, const char *port);
static void ngx_leadgen_resolve_add(ngx_leadgen_resolve_lists_t *lists,
    const char *item[3]);
static void ngx_leadgen_resolve_item(const ngx_str_t *list, ngx_uint_t n,
    char *item, size_t size);


static const ngx_leadgen_backend_conf_t  ngx_leadgen_resolve_conf = {
    .name = ngx_string("resolver"),
    .driver = "thread",
    .links = 1,
    .depth = 1,
    .queue = 256,
    .timeout = 10000
};


ngx_uint_t
ngx_leadgen_resolve_needed(const char *host)
{
    struct in6_addr  address;

    if (host == NULL || *host == '\0' || *host == '/' || *host == '@') {
        return 0;
    }

    return inet_pton(AF_INET, host, &address) != 1
           && inet_pton(AF_INET6, host, &address) != 1;
}


ngx_int_t
ngx_leadgen_resolve(ngx_leadgen_link_t *link, ngx_leadgen_resolve_next_pt next)
{
    ngx_leadgen_call_t     *call;
    ngx_leadgen_backend_t  *threads;

    threads = ngx_leadgen_resolve_threads();
    call = ngx_leadgen_call_create(NULL, 2);

    if (threads == NULL || call == NULL) {
        return NGX_ERROR;
    }

    call->done = ngx_leadgen_resolve_done;
    call->data = link;
    call->work = ngx_leadgen_resolve_work;

    call->args[0].data = (u_char *) link->names.hosts;
    call->args[0].len = ngx_strlen(link->names.hosts);
    call->args[1].data = (u_char *) link->names.ports;
    call->args[1].len = ngx_strlen(link->names.ports);

    link->resolving = call;
    link->resolved = next;

    if (ngx_leadgen_call_submit(threads, call, 0) != NGX_OK) {
        link->resolving = NULL;
        ngx_leadgen_call_cancel(call);
        return NGX_ERROR;
    }

    /* nobody waits for the answer as such: it must not hold a worker */

    call->deadline.cancelable = 1;

    return NGX_OK;
}


static ngx_leadgen_backend_t *
ngx_leadgen_resolve_threads(void)
{
    static ngx_leadgen_backend_t  *threads;

    if (threads == NULL) {
        threads = ngx_leadgen_backend_start((ngx_cycle_t *) ngx_cycle,
                                            &ngx_leadgen_resolve_conf);
    }

    return threads;
}


static void
ngx_leadgen_resolve_done(ngx_leadgen_call_t *call)
{
    ngx_leadgen_link_t  *link;

    link = call->data;
    link->resolving = NULL;

    if (call->result == NGX_LEADGEN_CALL_OK && call->values[0].len > 3) {
        link->resolved(link, (char *) call->values[0].data);
        return;
    }

    ngx_leadgen_link_fail(link, "the host's name has no address");
}


/* --- in the thread --- */

static ssize_t
ngx_leadgen_resolve_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    u_char                        *p;
    char                           host[NI_MAXHOST], port[NI_MAXSERV];
    ngx_uint_t                     i, one_port;
    ngx_leadgen_resolve_lists_t    lists;

    ngx_memzero(&lists, sizeof(lists));

    one_port = ngx_strlchr(args[1].data, args[1].data + args[1].len, ',')
               == NULL;

    for (i = 0; /* void */ ; i++) {
        ngx_leadgen_resolve_item(&args[0], i, host, sizeof(host));
        ngx_leadgen_resolve_item(&args[1], one_port ? 0 : i, port,
                                 sizeof(port));

        if (host[0] == '\0') {
            break;
        }

        ngx_leadgen_resolve_host(&lists, host, port);
    }

    if (size < sizeof(lists.text)) {
        return NGX_ERROR;
    }

    p = answer;

    for (i = 0; i < 3; i++) {
        p = ngx_cpymem(p, lists.text[i], lists.len[i] + 1);
    }

    return p - answer;
}


static void
ngx_leadgen_resolve_host(ngx_leadgen_resolve_lists_t *lists, const char *host,
    const char *port)
{
    char              address[NI_MAXHOST];
    const char       *item[3];
    struct addrinfo   hints, *list, *one;

    item[0] = host;
    item[1] = host;
    item[2] = port;

    if (!ngx_leadgen_resolve_needed(host)) {
        ngx_leadgen_resolve_add(lists, item);
        return;
    }

    ngx_memzero(&hints, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;

    if (getaddrinfo(host, NULL, &hints, &list) != 0) {
        return;
    }

    for (one = list; one; one = one->ai_next) {

        if (getnameinfo(one->ai_addr, one->ai_addrlen, address,
                        sizeof(address), NULL, 0, NI_NUMERICHOST)
            == 0)
        {
            item[1] = address;
            ngx_leadgen_resolve_add(lists, item);
        }
    }

    freeaddrinfo(list);
}


/* One item on each list, or on none. */

static void
ngx_leadgen_resolve_add(ngx_leadgen_resolve_lists_t *lists,
    const char *item[3])
{
    ngx_uint_t  i;

    for (i = 0; i < 3; i++) {
        if (lists->len[i] + ngx_strlen(item[i]) + 2
            > NGX_LEADGEN_RESOLVE_SIZE)
        {
            return;
        }
    }

    for (i = 0; i < 3; i++) {

        if (lists->nitems) {
            lists->text[i][lists->len[i]++] = ',';
        }

        (void) strcpy(&lists->text[i][lists->len[i]], item[i]);
        lists->len[i] += ngx_strlen(item[i]);
    }

    lists->nitems++;
}


/* The nth item of a list, empty behind its end. */

static void
ngx_leadgen_resolve_item(const ngx_str_t *list, ngx_uint_t n, char *item,
    size_t size)
{
    u_char  *p, *last, *comma;

    item[0] = '\0';
    p = list->data;
    last = p + list->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');

        if (n-- == 0) {
            (void) ngx_cpystrn((u_char *) item, p,
                               ngx_min(size, (size_t) ((comma ? comma : last)
                                                       - p) + 1));
            return;
        }

        if (comma == NULL) {
            return;
        }

        p = comma + 1;
    }
}
