
/*
 * The writer: names and values go in one after the other, JSON of a bounded
 * size comes out, without secrets.
 */


#include "ngx_leadgen_writer.h"


static void ngx_leadgen_writer_bytes(ngx_leadgen_writer_t *writer,
    const void *bytes, size_t len);
static void ngx_leadgen_writer_member(ngx_leadgen_writer_t *writer,
    const char *name);
static void ngx_leadgen_writer_string(ngx_leadgen_writer_t *writer,
    const ngx_str_t *text);


void
ngx_leadgen_writer_open(ngx_leadgen_writer_t *writer, const char *name,
    u_char bracket)
{
    ngx_leadgen_writer_member(writer, name);
    ngx_leadgen_writer_bytes(writer, &bracket, 1);
    writer->follows = 0;
}


void
ngx_leadgen_writer_close(ngx_leadgen_writer_t *writer, u_char bracket)
{
    ngx_leadgen_writer_bytes(writer, &bracket, 1);
    writer->follows = 1;
}


void
ngx_leadgen_writer_text(ngx_leadgen_writer_t *writer, const char *name,
    const ngx_str_t *text)
{
    if (text->len == 0) {
        return;
    }

    ngx_leadgen_writer_member(writer, name);
    ngx_leadgen_writer_string(writer, text);
}


void
ngx_leadgen_writer_literal(ngx_leadgen_writer_t *writer, const char *name,
    const char *text)
{
    ngx_leadgen_writer_member(writer, name);
    ngx_leadgen_writer_bytes(writer, "\"", 1);
    ngx_leadgen_writer_bytes(writer, text, ngx_strlen(text));
    ngx_leadgen_writer_bytes(writer, "\"", 1);
}


/* A member whose name is somebody's, too: of a secret one no value is told. */

void
ngx_leadgen_writer_name(ngx_leadgen_writer_t *writer, const ngx_str_t *name,
    const ngx_str_t *text)
{
    static const ngx_str_t  filtered = ngx_string("[Filtered]");

    if (name->len == 0) {
        return;
    }

    ngx_leadgen_writer_member(writer, NULL);
    ngx_leadgen_writer_string(writer, name);
    ngx_leadgen_writer_bytes(writer, ":", 1);

    ngx_leadgen_writer_string(writer, ngx_leadgen_scrub_is_secret_name(name)
                                      ? &filtered : text);
}


void
ngx_leadgen_writer_hex(ngx_leadgen_writer_t *writer, const char *name,
    const u_char *bytes, size_t len)
{
    u_char  hex[64];

    ngx_leadgen_writer_member(writer, name);
    ngx_leadgen_writer_bytes(writer, "\"", 1);
    ngx_leadgen_writer_bytes(writer, hex,
                             ngx_hex_dump(hex, (u_char *) bytes,
                                          ngx_min(len, sizeof(hex) / 2))
                             - hex);
    ngx_leadgen_writer_bytes(writer, "\"", 1);
}


void
ngx_leadgen_writer_number(ngx_leadgen_writer_t *writer, const char *name,
    int64_t number)
{
    u_char  digits[NGX_INT64_LEN];

    ngx_leadgen_writer_member(writer, name);
    ngx_leadgen_writer_bytes(writer, digits,
                             ngx_sprintf(digits, "%L", number) - digits);
}


void
ngx_leadgen_writer_flag(ngx_leadgen_writer_t *writer, const char *name,
    ngx_uint_t flag)
{
    ngx_leadgen_writer_member(writer, name);

    if (flag) {
        ngx_leadgen_writer_bytes(writer, "true", 4);

    } else {
        ngx_leadgen_writer_bytes(writer, "false", 5);
    }
}


void
ngx_leadgen_writer_time(ngx_leadgen_writer_t *writer, const char *name,
    uint64_t time)
{
    u_char  digits[2 * NGX_INT64_LEN];

    ngx_leadgen_writer_member(writer, name);
    ngx_leadgen_writer_bytes(writer, digits,
                             ngx_sprintf(digits, "%uL.%06uL", time / 1000000,
                                         time % 1000000)
                             - digits);
}


static void
ngx_leadgen_writer_member(ngx_leadgen_writer_t *writer, const char *name)
{
    if (writer->follows) {
        ngx_leadgen_writer_bytes(writer, ",", 1);
    }

    writer->follows = 1;

    if (name) {
        ngx_leadgen_writer_bytes(writer, "\"", 1);
        ngx_leadgen_writer_bytes(writer, name, ngx_strlen(name));
        ngx_leadgen_writer_bytes(writer, "\":", 2);
    }
}


static void
ngx_leadgen_writer_bytes(ngx_leadgen_writer_t *writer, const void *bytes,
    size_t len)
{
    if (writer->full || (size_t) (writer->last - writer->pos) < len) {
        writer->full = 1;
        return;
    }

    writer->pos = ngx_cpymem(writer->pos, bytes, len);
}


/* Scrubbed first: what is escaped might look like no secret any more. */

static void
ngx_leadgen_writer_string(ngx_leadgen_writer_t *writer, const ngx_str_t *text)
{
    size_t          flags;
    ngx_str_t       cut, clean;

    static u_char   scrubbed[2 * NGX_LEADGEN_WRITER_TEXT];
    static u_char   safe[4 * sizeof(scrubbed)];

    cut = *text;
    flags = writer->pii;

    if (cut.len > NGX_LEADGEN_WRITER_TEXT) {
        cut.len = NGX_LEADGEN_WRITER_TEXT;
        flags |= NGX_LEADGEN_SCRUB_CUT;
    }

    clean.data = scrubbed;
    clean.len = ngx_leadgen_scrub(scrubbed, scrubbed + sizeof(scrubbed), &cut,
                                  flags)
                - scrubbed;

    if (!ngx_leadgen_text_is_utf8(&clean)) {
        clean.len = ngx_leadgen_text_sanitize(safe, &clean) - safe;
        clean.data = safe;
    }

    if (writer->full
        || (size_t) (writer->last - writer->pos) < 6 * clean.len + 2)
    {
        writer->full = 1;
        return;
    }

    writer->pos = ngx_leadgen_text_json(writer->pos, &clean);
}
