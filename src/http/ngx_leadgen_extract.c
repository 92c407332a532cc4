
/*
 * Extraction: a JSON body goes in, the fields that a route captures of it come
 * out as a JSON object, for the details of its event.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_EXTRACT_VALUE  256      /* bytes of a text */


static ngx_uint_t ngx_leadgen_extract_is_json(const ngx_str_t *type);
static json_t *ngx_leadgen_extract_find(json_t *tree,
    const ngx_str_t *pointer);
static json_t *ngx_leadgen_extract_step(json_t *tree, const u_char *p,
    const u_char *last);
static json_t *ngx_leadgen_extract_value(ngx_pool_t *pool, json_t *found,
    ngx_leadgen_event_t *event);
static void ngx_leadgen_extract_put(ngx_leadgen_ctx_t *ctx, ngx_pool_t *pool,
    const ngx_str_t *name, json_t *value);


/*
 * {"task", "path", "body", "trace"}: of path and body, which are objects, each
 * member is an argument, with its text or with the name of the field that has
 * it; trace is the one to go on with, if there is one.
 */

void
ngx_leadgen_extract_job(ngx_pool_t *pool, ngx_leadgen_ctx_t *ctx)
{
    json_t                        *job, *path, *body, *value;
    ngx_str_t                      name = ngx_string("job");
    ngx_uint_t                     i;
    const ngx_leadgen_rule_t      *rule;
    const ngx_leadgen_argument_t  *argument;

    rule = ctx->match.rule;

    if (rule->task.len == 0) {
        return;
    }

    path = json_object();
    body = json_object();
    argument = rule->arguments->elts;

    for (i = 0; i < rule->arguments->nelts; i++) {

        value = ngx_leadgen_json_text(pool, argument[i].param == NGX_ERROR
                                      ? &argument[i].source
                                      : &ctx->match.params[argument[i].param]);

        (void) json_object_setn_new(argument[i].param == NGX_ERROR ? body
                                                                   : path,
                                    (char *) argument[i].name.data,
                                    argument[i].name.len, value);
    }

    job = json_pack("{s:s%, s:o, s:o, s:o*}", "task", rule->task.data,
                    rule->task.len, "path", path, "body", body,
                    "trace", ngx_leadgen_scope_trace_json(ctx));

    ngx_leadgen_extract_put(ctx, pool, &name, job);
}


/* What nginx put into a file is too large. */

void
ngx_leadgen_extract_request(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx)
{
    u_char       *p;
    size_t        size;
    ngx_str_t     text;
    ngx_chain_t  *cl;

    if (ctx->match.rule == NULL || ctx->match.rule->captures == NULL
        || r->request_body == NULL || r->request_body->bufs == NULL
        || r->headers_in.content_type == NULL
        || !ngx_leadgen_extract_is_json(&r->headers_in.content_type->value))
    {
        return;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += cl->buf->in_file ? NGX_LEADGEN_CAPTURE_BODY + 1
                                 : (size_t) (cl->buf->last - cl->buf->pos);
    }

    if (size > NGX_LEADGEN_CAPTURE_BODY) {
        ctx->event.truncated = 1;
        return;
    }

    text.data = ngx_pnalloc(r->pool, ngx_max(size, 1));
    if (text.data == NULL) {
        ctx->event.truncated = 1;
        return;
    }

    p = text.data;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    text.len = p - text.data;

    ngx_leadgen_extract(r->pool, ctx, &text, 0);
}


ngx_uint_t
ngx_leadgen_extract_may_respond(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx)
{
    return ctx->to_record
           && ctx->problem == NGX_LEADGEN_PROBLEM_NONE
           && ctx->match.rule
           && ctx->match.rule->captures_response
           && !r->header_only
           && r->method != NGX_HTTP_HEAD
           && r->headers_out.status / 100 == 2
           && r->headers_out.status != NGX_HTTP_NO_CONTENT
           && r->headers_out.content_length_n <= NGX_LEADGEN_CAPTURE_BODY
           && ngx_leadgen_extract_is_json(&r->headers_out.content_type);
}


static ngx_uint_t
ngx_leadgen_extract_is_json(const ngx_str_t *type)
{
    return type->len >= 16
           && ngx_strncasecmp(type->data, (u_char *) "application/json", 16)
              == 0
           && (type->len == 16 || type->data[16] == ';'
               || type->data[16] == ' ');
}


/* An upstream, and nginx, must not compress what is to be read. */

void
ngx_leadgen_extract_uncompressed(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

#if (NGX_HTTP_GZIP)
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len == sizeof("Accept-Encoding") - 1
                && ngx_strncasecmp(header[i].key.data,
                                   (u_char *) "Accept-Encoding",
                                   header[i].key.len) == 0)
            {
                ngx_str_set(&header[i].value, "identity");
            }
        }
    }
}


void
ngx_leadgen_extract(ngx_pool_t *pool, ngx_leadgen_ctx_t *ctx,
    const ngx_str_t *text, ngx_uint_t of_response)
{
    json_t                       *tree, *value;
    ngx_uint_t                    i;
    const ngx_leadgen_capture_t  *capture;

    tree = ngx_leadgen_json_parse(pool, text);
    if (tree == NULL) {
        return;
    }

    capture = ctx->match.rule->captures->elts;

    for (i = 0; i < ctx->match.rule->captures->nelts; i++) {

        if (capture[i].of_response != of_response) {
            continue;
        }

        value = ngx_leadgen_extract_value(pool,
                          ngx_leadgen_extract_find(tree, &capture[i].pointer),
                          &ctx->event);
        if (value) {
            ngx_leadgen_extract_put(ctx, pool, &capture[i].name, value);
        }
    }
}


static json_t *
ngx_leadgen_extract_find(json_t *tree, const ngx_str_t *pointer)
{
    const u_char  *p, *last, *end;

    p = pointer->data;
    end = p + pointer->len;

    while (p < end && tree) {
        p++;

        for (last = p; last < end && *last != '/'; last++) { /* void */ }

        tree = ngx_leadgen_extract_step(tree, p, last);
        p = last;
    }

    return tree;
}


static json_t *
ngx_leadgen_extract_step(json_t *tree, const u_char *p, const u_char *last)
{
    char       name[NGX_LEADGEN_CAPTURE_POINTER + 1], *dst;
    ngx_int_t  index;

    if (json_is_array(tree)) {
        index = ngx_atoi((u_char *) p, last - p);

        return index == NGX_ERROR ? NULL : json_array_get(tree, index);
    }

    for (dst = name; p < last; p++) {

        if (*p == '~') {
            *dst++ = (*++p == '1') ? '/' : '~';

        } else {
            *dst++ = *p;
        }
    }

    *dst = '\0';

    return json_object_get(tree, name);
}


/* Texts, numbers and truth: what has parts may have some that nobody named. */

static json_t *
ngx_leadgen_extract_value(ngx_pool_t *pool, json_t *found,
    ngx_leadgen_event_t *event)
{
    ngx_str_t  text, safe;

    if (found == NULL || json_is_object(found) || json_is_array(found)) {
        return NULL;
    }

    if (!json_is_string(found)) {
        return json_incref(found);
    }

    text.data = (u_char *) json_string_value(found);
    text.len = json_string_length(found);

    if (text.len > NGX_LEADGEN_EXTRACT_VALUE) {
        text.len = NGX_LEADGEN_EXTRACT_VALUE;
        event->truncated = 1;

        while (text.len && (text.data[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }

    safe.data = ngx_pnalloc(pool, 4 * text.len + 1);
    if (safe.data == NULL) {
        return NULL;
    }

    safe.len = ngx_leadgen_text_sanitize(safe.data, &text) - safe.data;

    return json_stringn((char *) safe.data, safe.len);
}


/* Adds a member to the object, which is a text always: "{...}". */

static void
ngx_leadgen_extract_put(ngx_leadgen_ctx_t *ctx, ngx_pool_t *pool,
    const ngx_str_t *name, json_t *value)
{
    u_char     *p;
    json_t     *member;
    ngx_str_t   text, joined, *captured;

    member = json_object();

    if (member == NULL) {
        json_decref(value);

    } else if (json_object_setn_new(member, (char *) name->data, name->len,
                                    value) != 0)
    {
        json_decref(member);
        member = NULL;
    }

    member = ngx_leadgen_json_own(pool, member);
    captured = &ctx->event.text[NGX_LEADGEN_EVENT_CAPTURED];

    if (member == NULL
        || ngx_leadgen_json_dump(pool, member, &text) != NGX_OK
        || captured->len + text.len > NGX_LEADGEN_CAPTURED)
    {
        ctx->event.truncated = 1;
        return;
    }

    if (captured->len == 0) {
        *captured = text;
        return;
    }

    joined.data = ngx_pnalloc(pool, captured->len + text.len);
    if (joined.data == NULL) {
        ctx->event.truncated = 1;
        return;
    }

    p = ngx_cpymem(joined.data, captured->data, captured->len - 1);
    *p++ = ',';
    p = ngx_cpymem(p, text.data + 1, text.len - 1);
    joined.len = p - joined.data;

    *captured = joined;
}
