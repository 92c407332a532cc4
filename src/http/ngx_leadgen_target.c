
/*
 * The target of a request: what a client, a redirect or a rewrite made of it
 * goes in, whether it may be judged comes out, and then the one form in which
 * it goes on.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_TARGET_MAX  4096        /* bytes that are folded */


static ngx_uint_t ngx_leadgen_target_is_path(const ngx_str_t *raw,
    const ngx_str_t *uri);
static ngx_uint_t ngx_leadgen_target_leaves(const ngx_str_t *name,
    const ngx_str_t *uri);


/*
 * What a redirect or a rewrite made is checked like what a client sent; of a
 * subrequest there is nothing else.
 */

ngx_leadgen_problem_e
ngx_leadgen_target_check(void **conf, const ngx_str_t *raw,
    const ngx_str_t *uri)
{
    ngx_uint_t                    good;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_leadgen_location_conf_t  *lcf;

    clcf = conf[ngx_http_core_module.ctx_index];
    lcf = conf[ngx_leadgen_module.ctx_index];

    if (lcf->path_strict) {
        good = ngx_leadgen_path_is_plain(uri)
               && (raw == NULL
                   || ngx_leadgen_target_is_path(raw, uri)
                   || ngx_leadgen_path_is_canonical(raw));

    } else {
        good = ngx_leadgen_path_is_resolved(uri);
    }

    return good && !ngx_leadgen_target_leaves(&clcf->name, uri)
           ? NGX_LEADGEN_PROBLEM_NONE : NGX_LEADGEN_PROBLEM_PATH_NOT_CANONICAL;
}


/* Most clients send the path as it is read: what is known of one is then known
 * of the other, unless there is something that could be decoded. */

static ngx_uint_t
ngx_leadgen_target_is_path(const ngx_str_t *raw, const ngx_str_t *uri)
{
    size_t   len;
    u_char  *query;

    query = memchr(raw->data, '?', raw->len);
    len = query ? (size_t) (query - raw->data) : raw->len;

    return len == uri->len
           && len <= NGX_LEADGEN_TARGET_MAX
           && ngx_memcmp(raw->data, uri->data, len) == 0
           && memchr(raw->data, '%', len) == NULL;
}


/*
 * Where "location /a" is passed on as "/b/", "/a../c" would become "/b/../c".
 */

static ngx_uint_t
ngx_leadgen_target_leaves(const ngx_str_t *name, const ngx_str_t *uri)
{
    u_char  *p, *last, *rest;

    if (name->len == 0
        || name->data[name->len - 1] == '/'
        || uri->len <= name->len
        || ngx_memcmp(uri->data, name->data, name->len) != 0)
    {
        return 0;
    }

    rest = uri->data + name->len;
    last = uri->data + uri->len;

    for (p = rest; p < last && *p == '.'; p++) { /* void */ }

    return p > rest && p - rest <= 2 && (p == last || *p == '/');
}


/*
 * A path may have capitals where a route has a parameter; but an application
 * that does not tell them apart must not find another route in it.
 */

ngx_leadgen_problem_e
ngx_leadgen_target_fold(const ngx_leadgen_trie_t *trie, ngx_uint_t method,
    const ngx_str_t *path, const ngx_leadgen_rule_t *rule)
{
    size_t               i;
    ngx_uint_t           capitals;
    u_char               buffer[NGX_LEADGEN_TARGET_MAX];
    ngx_str_t            folded;
    ngx_leadgen_match_t  match;

    capitals = 0;

    for (i = 0; i < path->len; i++) {
        capitals |= (u_char) (path->data[i] - 'A') <= 'Z' - 'A';
    }

    if (!capitals) {
        return NGX_LEADGEN_PROBLEM_NONE;
    }

    if (path->len > sizeof(buffer)) {
        return NGX_LEADGEN_PROBLEM_PATH_NOT_CANONICAL;
    }

    ngx_strlow(buffer, path->data, path->len);
    folded.data = buffer;
    folded.len = path->len;

    ngx_leadgen_trie_find(trie, method, &folded, &match);

    return match.rule == NULL || match.rule == rule
           ? NGX_LEADGEN_PROBLEM_NONE : NGX_LEADGEN_PROBLEM_PATH_NOT_CANONICAL;
}


/* What was judged is what all read: an upstream, and $request_uri, too. */

ngx_int_t
ngx_leadgen_target_settle(ngx_http_request_t *r)
{
    u_char     *p;
    size_t      len;
    uintptr_t   escaped;

    escaped = ngx_escape_uri(NULL, r->uri.data, r->uri.len, NGX_ESCAPE_URI);
    len = r->uri.len + 2 * escaped + 1 + r->args.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    r->valid_unparsed_uri = 0;
    r->unparsed_uri.data = p;

    p = (u_char *) ngx_escape_uri(p, r->uri.data, r->uri.len, NGX_ESCAPE_URI);

    if (r->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, r->args.data, r->args.len);
    }

    r->unparsed_uri.len = p - r->unparsed_uri.data;

    return NGX_OK;
}
