
/*
 * Identity headers: what a client claims to be goes off, who it is comes on, so
 * that the upstream can trust what it reads.
 */


#include "ngx_leadgen_ctx.h"


static const ngx_str_t  ngx_leadgen_identity_id = ngx_string("X-User-Id");
static const ngx_str_t  ngx_leadgen_identity_email = ngx_string("X-User-Email");
static const ngx_str_t  ngx_leadgen_identity_role = ngx_string("X-User-Role");
static const ngx_str_t  ngx_leadgen_identity_request =
    ngx_string("X-Request-Id");


static ngx_uint_t ngx_leadgen_identity_is_ours(const ngx_str_t *name);
static ngx_uint_t ngx_leadgen_identity_same(const ngx_str_t *name,
    const ngx_str_t *ours);
static ngx_int_t ngx_leadgen_identity_push(ngx_http_request_t *r,
    const ngx_str_t *name, const ngx_str_t *value);


/*
 * The list is made anew without the forged headers: nginx keeps pointers to
 * elements of the old one, which so stay what they are.
 */

ngx_int_t
ngx_leadgen_identity_strip(ngx_http_request_t *r)
{
    ngx_list_t        kept;
    ngx_uint_t        i, found;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header, *copy;

    found = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            found |= ngx_leadgen_identity_is_ours(&header[i].key);
        }
    }

    if (!found) {
        return NGX_OK;
    }

    if (ngx_list_init(&kept, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_leadgen_identity_is_ours(&header[i].key)) {
                continue;
            }

            copy = ngx_list_push(&kept);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            *copy = header[i];
        }
    }

    r->headers_in.headers = kept;

    /* a list of one part names that part in the struct itself */

    if (kept.last == &kept.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_identity_set(ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx)
{
    u_char                         *p;
    ngx_str_t                       id;
    const ngx_leadgen_principal_t  *principal;

    if (ngx_leadgen_identity_strip(r) != NGX_OK
        || ngx_leadgen_identity_push(r, &ngx_leadgen_identity_request,
                                     &ctx->id_text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    principal = &ctx->principal;

    if (principal->user_id == 0) {
        return NGX_OK;
    }

    id.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (id.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(id.data, "%L", principal->user_id);
    id.len = p - id.data;

    if (ngx_leadgen_identity_push(r, &ngx_leadgen_identity_id, &id) != NGX_OK
        || ngx_leadgen_identity_push(r, &ngx_leadgen_identity_email,
                                     &principal->email) != NGX_OK
        || ngx_leadgen_identity_push(r, &ngx_leadgen_identity_role,
                                     &principal->role) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_identity_push(ngx_http_request_t *r, const ngx_str_t *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *header;

    header = ngx_list_push(&r->headers_in.headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(header, sizeof(ngx_table_elt_t));

    header->lowcase_key = ngx_pnalloc(r->pool, name->len);
    if (header->lowcase_key == NULL) {
        return NGX_ERROR;
    }

    header->key = *name;
    header->value = *value;
    header->hash = ngx_hash_strlow(header->lowcase_key, name->data, name->len);

    return NGX_OK;
}


static ngx_uint_t
ngx_leadgen_identity_is_ours(const ngx_str_t *name)
{
    if (name->len < 9 || (name->data[0] | 0x20) != 'x') {
        return 0;
    }

    return ngx_leadgen_identity_same(name, &ngx_leadgen_identity_id)
           || ngx_leadgen_identity_same(name, &ngx_leadgen_identity_email)
           || ngx_leadgen_identity_same(name, &ngx_leadgen_identity_role)
           || ngx_leadgen_identity_same(name, &ngx_leadgen_identity_request);
}


/* Many an upstream takes "_" and "-" for the same. */

static ngx_uint_t
ngx_leadgen_identity_same(const ngx_str_t *name, const ngx_str_t *ours)
{
    u_char  c;
    size_t  i;

    if (name->len != ours->len) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i] == '_' ? '-' : ngx_tolower(name->data[i]);

        if (c != ngx_tolower(ours->data[i])) {
            return 0;
        }
    }

    return 1;
}
