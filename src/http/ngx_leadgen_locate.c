
/*
 * Locations: a server and a path go in, the location that nginx would choose
 * comes out, without a request.
 *
 * What rewrites, redirects and "if" would make of a request is not looked at.
 */


#include "ngx_leadgen_ctx.h"


static void **ngx_leadgen_locate_below(void **parent, ngx_str_t *path,
    ngx_uint_t *is_last);
static void **ngx_leadgen_locate_prefix(
    const ngx_http_location_tree_node_t *node, const ngx_str_t *path,
    ngx_uint_t *is_last);
static void **ngx_leadgen_locate_regex(const ngx_http_core_loc_conf_t *parent,
    ngx_str_t *path);
static ngx_http_core_loc_conf_t *ngx_leadgen_locate_core(void **conf);


void **
ngx_leadgen_locate(ngx_http_request_t *r, ngx_str_t *path)
{
    void                      **conf;
    ngx_uint_t                  is_last;
    ngx_http_core_srv_conf_t   *cscf;

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    conf = ngx_leadgen_locate_below(cscf->ctx->loc_conf, path, &is_last);

    return conf ? conf : cscf->ctx->loc_conf;
}


/*
 * The best location within another; NULL: none of them matches.  is_last: none
 * further up is better, not even by a regular expression.
 */

static void **
ngx_leadgen_locate_below(void **parent, ngx_str_t *path, ngx_uint_t *is_last)
{
    void                      **conf, **nested;
    ngx_uint_t                  no_regex;
    ngx_http_core_loc_conf_t   *core;

    core = ngx_leadgen_locate_core(parent);
    conf = ngx_leadgen_locate_prefix(core->static_locations, path, is_last);
    no_regex = *is_last;

    if (conf && !*is_last) {
#if (NGX_PCRE)
        no_regex = ngx_leadgen_locate_core(conf)->noregex;
#endif
        nested = ngx_leadgen_locate_below(conf, path, is_last);
        conf = nested ? nested : conf;
        no_regex = no_regex || *is_last;
    }

    nested = no_regex ? NULL : ngx_leadgen_locate_regex(core, path);

    if (nested) {
        *is_last = 1;
        return nested;
    }

    return conf;
}


/*
 * The longest prefix in a tree of names, or NULL.  is_last: a location of just
 * this path, or of this path and a slash, to which nginx redirects.
 */

static void **
ngx_leadgen_locate_prefix(const ngx_http_location_tree_node_t *node,
    const ngx_str_t *path, ngx_uint_t *is_last)
{
    void       **conf;
    u_char      *rest;
    size_t       left, n;
    ngx_int_t    rc;

    conf = NULL;
    *is_last = 0;

    rest = path->data;
    left = path->len;

    while (node) {
        n = ngx_min(left, (size_t) node->len);
        rc = ngx_filename_cmp(rest, (u_char *) node->name, n);

        if (rc) {
            node = rc < 0 ? node->left : node->right;

        } else if (left > node->len && node->inclusive == NULL) {
            node = node->right;

        } else if (left > node->len) {
            conf = node->inclusive->loc_conf;
            *is_last = 0;
            rest += n;
            left -= n;
            node = node->tree;

        } else if (left == node->len) {
            *is_last = (node->exact != NULL);
            return node->exact ? node->exact->loc_conf
                               : node->inclusive->loc_conf;

        } else {

            if (left + 1 == node->len && node->auto_redirect) {
                conf = node->exact ? node->exact->loc_conf
                                   : node->inclusive->loc_conf;
                *is_last = 1;
            }

            node = node->left;
        }
    }

    return conf;
}


static void **
ngx_leadgen_locate_regex(const ngx_http_core_loc_conf_t *parent,
    ngx_str_t *path)
{
#if (NGX_PCRE)

    void                      **conf;
    ngx_uint_t                  is_last;
    ngx_http_core_loc_conf_t  **core;

    for (core = parent->regex_locations; core && *core; core++) {

        if (ngx_regex_exec((*core)->regex->regex, path, NULL, 0) < 0) {
            continue;
        }

        conf = ngx_leadgen_locate_below((*core)->loc_conf, path, &is_last);

        return conf ? conf : (*core)->loc_conf;
    }

#endif

    return NULL;
}


static ngx_http_core_loc_conf_t *
ngx_leadgen_locate_core(void **conf)
{
    return conf[ngx_http_core_module.ctx_index];
}
