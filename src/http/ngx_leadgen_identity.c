
/*
 * Identity headers: what a client claims to be goes off, who it is comes on, so
 * that the upstream can trust what it reads.
 */


#include "ngx_leadgen_ctx.h"


typedef enum {
    NGX_LEADGEN_IDENTITY_ID = 0,
    NGX_LEADGEN_IDENTITY_EMAIL,
    NGX_LEADGEN_IDENTITY_ROLE,
    NGX_LEADGEN_IDENTITY_REQUEST,
    NGX_LEADGEN_IDENTITY_NOURS
} ngx_leadgen_identity_e;


static const ngx_str_t  ngx_leadgen_identity_names[] = {
    ngx_string("X-User-Id"),
    ngx_string("X-User-Email"),
    ngx_string("X-User-Role"),
    ngx_string("X-Request-Id"),

    /* by these some frameworks serve another request than was judged */
    ngx_string("X-HTTP-Method-Override"),
    ngx_string("X-HTTP-Method"),
    ngx_string("X-Method-Override"),
    ngx_string("X-Original-URL"),
    ngx_string("X-Rewrite-URL")
};

#define NGX_LEADGEN_IDENTITY_NNAMES                                           \
    (sizeof(ngx_leadgen_identity_names)                                       \
     / sizeof(ngx_leadgen_identity_names[0]))


static ngx_int_t ngx_leadgen_identity_remove(ngx_http_request_t *r,
    ngx_uint_t n);
static ngx_uint_t ngx_leadgen_identity_is_one(const ngx_str_t *name,
    ngx_uint_t n);
static ngx_uint_t ngx_leadgen_identity_same(const ngx_str_t *name,
    const ngx_str_t *ours);
static ngx_int_t ngx_leadgen_identity_push(ngx_http_request_t *r,
    ngx_leadgen_identity_e name, const ngx_str_t *value);


ngx_int_t
ngx_leadgen_identity_strip(ngx_http_request_t *r)
{
    return ngx_leadgen_identity_remove(r, NGX_LEADGEN_IDENTITY_NOURS);
}


/*
 * The list is made anew without the forged headers: nginx keeps pointers to
 * elements of the old one, which so stay what they are.
 */

static ngx_int_t
ngx_leadgen_identity_remove(ngx_http_request_t *r, ngx_uint_t n)
{
    ngx_list_t        kept;
    ngx_uint_t        i, found;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header, *copy;

    found = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            found |= ngx_leadgen_identity_is_one(&header[i].key, n);
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

            if (ngx_leadgen_identity_is_one(&header[i].key, n)) {
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

    if (ngx_leadgen_identity_remove(r, NGX_LEADGEN_IDENTITY_NNAMES) != NGX_OK
        || ngx_leadgen_identity_push(r, NGX_LEADGEN_IDENTITY_REQUEST,
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

    if (ngx_leadgen_identity_push(r, NGX_LEADGEN_IDENTITY_ID, &id) != NGX_OK
        || ngx_leadgen_identity_push(r, NGX_LEADGEN_IDENTITY_EMAIL,
                                     &principal->email) != NGX_OK
        || ngx_leadgen_identity_push(r, NGX_LEADGEN_IDENTITY_ROLE,
                                     &principal->role) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_identity_push(ngx_http_request_t *r, ngx_leadgen_identity_e name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *header;
    const ngx_str_t  *key = &ngx_leadgen_identity_names[name];

    /* a request of HTTP/0.9 has no list */

    if (r->headers_in.headers.last == NULL
        && ngx_list_init(&r->headers_in.headers, r->pool, 4,
                         sizeof(ngx_table_elt_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    header = ngx_list_push(&r->headers_in.headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(header, sizeof(ngx_table_elt_t));

    header->lowcase_key = ngx_pnalloc(r->pool, key->len);
    if (header->lowcase_key == NULL) {
        return NGX_ERROR;
    }

    header->key = *key;
    header->value = *value;
    header->hash = ngx_hash_strlow(header->lowcase_key, key->data, key->len);

    return NGX_OK;
}


/* Whether it is one of the first n names. */

static ngx_uint_t
ngx_leadgen_identity_is_one(const ngx_str_t *name, ngx_uint_t n)
{
    ngx_uint_t  i;

    if (name->len < 9 || (name->data[0] | 0x20) != 'x') {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (ngx_leadgen_identity_same(name, &ngx_leadgen_identity_names[i])) {
            return 1;
        }
    }

    return 0;
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
