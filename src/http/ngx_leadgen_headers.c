
/*
 * Request headers: names go in; the headers of a request come out without
 * them, or with others.
 */


#include "ngx_leadgen_ctx.h"


static ngx_inline ngx_table_elt_t *ngx_leadgen_headers_new(
    ngx_http_request_t *r, ngx_leadgen_header_t *name, const ngx_str_t *value);
static ngx_inline void ngx_leadgen_headers_write(ngx_table_elt_t *header,
    ngx_leadgen_header_t *name, const ngx_str_t *value);
static void ngx_leadgen_headers_measure(ngx_leadgen_headers_t *names);
static uint32_t ngx_leadgen_headers_which(const ngx_str_t *name,
    const ngx_leadgen_headers_t *names);
static ngx_uint_t ngx_leadgen_headers_same(const ngx_str_t *name,
    const ngx_str_t *ours);


uint32_t
ngx_leadgen_headers_find(ngx_http_request_t *r, ngx_leadgen_headers_t *names)
{
    uint32_t          found;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    if (names->lengths == 0) {
        ngx_leadgen_headers_measure(names);
    }

    found = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (names->lengths >> ngx_min(header[i].key.len, 63) & 1
                && names->initials >> (header[i].key.data[0] & 0x1f) & 1)
            {
                found |= ngx_leadgen_headers_which(&header[i].key, names);
            }
        }
    }

    return found;
}


/*
 * The list is made anew without the forged headers: nginx keeps pointers to
 * elements of the old one, which so stay what they are.
 */

ngx_int_t
ngx_leadgen_headers_remove(ngx_http_request_t *r, ngx_leadgen_headers_t *names)
{
    ngx_list_t        kept;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header, *copy;

    if (!ngx_leadgen_headers_find(r, names)) {
        return NGX_OK;
    }

    if (ngx_list_init(&kept, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_leadgen_headers_which(&header[i].key, names)) {
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
    return ngx_leadgen_headers_new(r, name, value) ? NGX_OK : NGX_ERROR;
}


ngx_table_elt_t *
ngx_leadgen_headers_add(ngx_http_request_t *r, ngx_leadgen_header_t *name,
    const ngx_str_t *value)
{
    return ngx_leadgen_headers_new(r, name, value);
}


void
ngx_leadgen_headers_fill(ngx_table_elt_t *header, ngx_leadgen_header_t *name,
    const ngx_str_t *value)
{
    ngx_leadgen_headers_write(header, name, value);
}


static ngx_inline ngx_table_elt_t *
ngx_leadgen_headers_new(ngx_http_request_t *r, ngx_leadgen_header_t *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *header;

    /* a request of HTTP/0.9 has no list */

    if (r->headers_in.headers.last == NULL
        && ngx_list_init(&r->headers_in.headers, r->pool, 4,
                         sizeof(ngx_table_elt_t)) != NGX_OK)
    {
        return NULL;
    }

    header = ngx_list_push(&r->headers_in.headers);

    if (header) {
        ngx_leadgen_headers_write(header, name, value);
    }

    return header;
}


static ngx_inline void
ngx_leadgen_headers_write(ngx_table_elt_t *header, ngx_leadgen_header_t *name,
    const ngx_str_t *value)
{
    if (name->hash == 0) {
        name->hash = ngx_hash_strlow(name->lowcase, name->key.data,
                                     name->key.len);
    }

    header->hash = name->hash;
    header->key = name->key;
    header->value = *value;
    header->lowcase_key = name->lowcase;

#if (nginx_version >= 1023000)
    header->next = NULL;
#endif
}


/* The first part is looked at: few requests have more. */

ngx_uint_t
ngx_leadgen_headers_is_in_place(ngx_http_request_t *r,
    const ngx_table_elt_t *header)
{
    const ngx_list_part_t  *part = &r->headers_in.headers.part;
    const ngx_table_elt_t  *first = part->elts;

    return header >= first && header < first + part->nelts;
}


void
ngx_leadgen_headers_set_cookie(ngx_http_request_t *r, ngx_table_elt_t *header)
{
#if (nginx_version >= 1023000)

    r->headers_in.cookie = header;

#else

    /* there was one, so there is room */

    r->headers_in.cookies.nelts = header ? 1 : 0;

    if (header) {
        *(ngx_table_elt_t **) r->headers_in.cookies.elts = header;
    }

#endif
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


/* A bit for each length there is, and for each letter that one begins with:
 * most headers have others. */

static void
ngx_leadgen_headers_measure(ngx_leadgen_headers_t *names)
{
    ngx_uint_t  i;

    for (i = 0; i < names->n; i++) {
        names->lengths |= 1ull << ngx_min(names->names[i].key.len, 63);
        names->initials |= 1u << (names->names[i].key.data[0] & 0x1f);
    }
}


/* Which of the names it is, as a bit. */

static uint32_t
ngx_leadgen_headers_which(const ngx_str_t *name,
    const ngx_leadgen_headers_t *names)
{
    ngx_uint_t  i;

    for (i = 0; i < names->n; i++) {
        if (ngx_leadgen_headers_same(name, &names->names[i].key)) {
            return (uint32_t) 1 << i;
        }
    }

    return 0;
}


/*
 * Many an upstream takes "_" and "-" for the same, and some what else is no
 * letter or digit: with "ignore_invalid_headers off" all of it comes through.
 */

static ngx_uint_t
ngx_leadgen_headers_same(const ngx_str_t *name, const ngx_str_t *ours)
{
    u_char  c;
    size_t  i;

    if (name->len != ours->len || ((name->data[0] ^ ours->data[0]) & ~0x20)) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = ngx_tolower(name->data[i]);

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
            c = '-';
        }

        if (c != ngx_tolower(ours->data[i])) {
            return 0;
        }
    }

    return 1;
}
