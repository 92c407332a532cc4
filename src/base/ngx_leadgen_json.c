
/*
 * JSON: text of strangers goes in, jansson trees that a pool frees come out,
 * and the way back.
 */


#include "ngx_leadgen_base.h"


static ngx_uint_t ngx_leadgen_json_is_flat(const ngx_str_t *text);
static void ngx_leadgen_json_free(void *data);
static void ngx_leadgen_json_wipe(json_t *tree);


json_t *
ngx_leadgen_json_parse(ngx_pool_t *pool, const ngx_str_t *text)
{
    json_t        *tree;
    json_error_t   error;

    /* behind a number jansson takes a zero byte for the end */

    if (!ngx_leadgen_json_is_flat(text)
        || (text->len && memchr(text->data, '\0', text->len)))
    {
        return NULL;
    }

    tree = json_loadb((const char *) text->data, text->len,
                      JSON_REJECT_DUPLICATES, &error);

    if (tree && !json_is_object(tree)) {
        json_decref(tree);
        return NULL;
    }

    return ngx_leadgen_json_own(pool, tree);
}


/* jansson's own limit of 2048 levels is more recursion than a worker wants. */

static ngx_uint_t
ngx_leadgen_json_is_flat(const ngx_str_t *text)
{
    u_char      *p, *last;
    ngx_uint_t   depth, quoted;

    depth = 0;
    quoted = 0;
    last = text->data + text->len;

    for (p = text->data; p < last; p++) {

        if (quoted) {

            if (*p == '\\') {
                p++;

            } else if (*p == '"') {
                quoted = 0;
            }

            continue;
        }

        switch (*p) {

        case '"':
            quoted = 1;
            break;

        case '{':
        case '[':
            if (++depth > NGX_LEADGEN_JSON_DEPTH) {
                return 0;
            }
            break;

        case '}':
        case ']':
            if (depth-- == 0) {
                return 0;
            }
            break;

        default:
            break;
        }
    }

    return 1;
}


json_t *
ngx_leadgen_json_own(ngx_pool_t *pool, json_t *tree)
{
    ngx_pool_cleanup_t  *cln;

    if (tree == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        json_decref(tree);
        return NULL;
    }

    cln->handler = ngx_leadgen_json_free;
    cln->data = tree;

    return tree;
}


static void
ngx_leadgen_json_free(void *data)
{
    ngx_leadgen_json_wipe(data);
    json_decref(data);
}


/* Passwords and keys come in trees, whose memory goes back to the heap. */

static void
ngx_leadgen_json_wipe(json_t *tree)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    if (json_is_string(tree)) {
        ngx_explicit_memzero((void *) json_string_value(tree),
                             json_string_length(tree));
    }

    json_object_foreach(tree, name, value) {
        ngx_leadgen_json_wipe(value);
    }

    json_array_foreach(tree, i, value) {
        ngx_leadgen_json_wipe(value);
    }
}


ngx_int_t
ngx_leadgen_json_dump(ngx_pool_t *pool, json_t *tree, ngx_str_t *text)
{
    size_t  size;

    size = json_dumpb(tree, NULL, 0, JSON_COMPACT);
    if (size == 0) {
        return NGX_ERROR;
    }

    text->data = ngx_pnalloc(pool, size);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = json_dumpb(tree, (char *) text->data, size, JSON_COMPACT);

    return text->len == size ? NGX_OK : NGX_ERROR;
}


ngx_str_t
ngx_leadgen_json_string(json_t *object, const char *name)
{
    json_t     *value;
    ngx_str_t   text = ngx_null_string;

    value = json_object_get(object, name);

    if (json_is_string(value)) {
        text.data = (u_char *) json_string_value(value);
        text.len = json_string_length(value);
    }

    return text;
}


json_t *
ngx_leadgen_json_text(ngx_pool_t *pool, const ngx_str_t *text)
{
    json_t     *value;
    ngx_str_t   safe;

    value = json_stringn((const char *) text->data, text->len);
    if (value) {
        return value;
    }

    safe.data = ngx_pnalloc(pool, 4 * text->len);
    if (safe.data == NULL) {
        return NULL;
    }

    safe.len = ngx_leadgen_text_sanitize(safe.data, text) - safe.data;

    return json_stringn((const char *) safe.data, safe.len);
}
