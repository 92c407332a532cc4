
/*
 * Breadcrumbs: what a request does goes in, one step after the other; the last
 * of them come out should it fail.
 */


#include "ngx_leadgen_sentry.h"


void
ngx_leadgen_crumb_add(ngx_leadgen_crumbs_t *crumbs,
    ngx_leadgen_crumb_kind_e kind, uint64_t began, ngx_uint_t status,
    const ngx_str_t *what)
{
    ngx_leadgen_crumb_t  *crumb;

    if (crumbs->max == 0) {
        return;
    }

    crumb = &crumbs->ring[crumbs->n++ % crumbs->max];

    crumb->kind = kind;
    crumb->began = began;
    crumb->ended = ngx_leadgen_histogram_now();
    crumb->status = status;
    crumb->what = *what;
}


const ngx_leadgen_crumb_t *
ngx_leadgen_crumb_get(const ngx_leadgen_crumbs_t *crumbs, ngx_uint_t i)
{
    ngx_uint_t  first;

    first = crumbs->n > crumbs->max ? crumbs->n - crumbs->max : 0;

    return first + i < crumbs->n ? &crumbs->ring[(first + i) % crumbs->max]
                                 : NULL;
}
