
/*
 * Request headers: names go in; the headers of a request come out without
 * them, or with one more.
 */


#include "ngx_leadgen_ctx.h"


static void ngx_leadgen_headers_measure(ngx_leadgen_headers_t *names);
static ngx_uint_t ngx_leadgen_headers_is_one(const ngx_str_t *name,
    const ngx_leadgen_headers_t *names);
static ngx_uint_t ngx_leadgen_headers_same(const ngx_str_t *name,
    const ngx_str_t *ours);


/*
 * The list is made anew without the forged headers: nginx keeps pointers to
 * elements of the old one, which so stay what they are.
 */

ngx_int_t
ngx_leadgen_headers_remove(ngx_http_request_t *r, ngx_leadgen_headers_t *names)
{
    ngx_list_t        kept;
    ngx_uint_t        i, found;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header, *copy;

    if (names->lengths == 0) {
        ngx_leadgen_headers_measure(names);
    }

    found = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (names->lengths >> ngx_min(header[i].key.len, 63) & 1) {
                found |= ngx_leadgen_headers_is_one(&header[i].key, names);
            }
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

            if (ngx_leadgen_headers_is_one(&header[i].key, names)) {
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
ngx_leadgen_headers_push(ngx_http_request_t *r, ngx_leadgen_header_t *name,
    const ngx_str_t *value)
{
    if (ngx_leadgen_headers_check(r, &name->key, value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_leadgen_headers_push_plain(r, name, value);
}


ngx_int_t
ngx_leadgen_headers_push_plain(ngx_http_request_t *r,
    ngx_leadgen_header_t *name, const ngx_str_t *value)
{
    ngx_table_elt_t  *header;

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

    if (name->hash == 0) {
        name->hash = ngx_hash_strlow(name->lowcase, name->key.data,
                                     name->key.len);
    }

    header->hash = name->hash;
    header->key = name->key;
    header->value = *value;
    header->lowcase_key = name->lowcase;

    return NGX_OK;
}


/*
 * The last wall: whatever was checked before, no value of ours ends the line
 * that it stands in.
 */

ngx_int_t
ngx_leadgen_headers_check(ngx_http_request_t *r, const ngx_str_t *name,
    const ngx_str_t *value)
{
    if (!(ngx_leadgen_text_holds(value) & NGX_LEADGEN_TEXT_CONTROL)) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                  "leadgen: headers: a value of \"%V\" has control bytes, and "
                  "is not written", name);

    return NGX_ERROR;
}


/* A bit for each length there is: most headers have another. */

static void
ngx_leadgen_headers_measure(ngx_leadgen_headers_t *names)
{
    ngx_uint_t  i;

    for (i = 0; i < names->n; i++) {
        names->lengths |= 1ull << ngx_min(names->names[i].key.len, 63);
    }
}


/* Whether it is one of the names. */

static ngx_uint_t
ngx_leadgen_headers_is_one(const ngx_str_t *name,
    const ngx_leadgen_headers_t *names)
{
    ngx_uint_t  i;

    for (i = 0; i < names->n; i++) {
        if (ngx_leadgen_headers_same(name, &names->names[i].key)) {
            return 1;
        }
    }

    return 0;
}


/* Many an upstream takes "_" and "-" for the same. */

static ngx_uint_t
ngx_leadgen_headers_same(const ngx_str_t *name, const ngx_str_t *ours)
{
    u_char  c;
    size_t  i;

    if (name->len != ours->len || ((name->data[0] ^ ours->data[0]) & ~0x20)) {
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
