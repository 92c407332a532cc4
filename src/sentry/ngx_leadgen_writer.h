
/* Private to src/sentry: JSON of a bounded size, its texts scrubbed. */


#ifndef _NGX_LEADGEN_WRITER_H_INCLUDED_
#define _NGX_LEADGEN_WRITER_H_INCLUDED_


#include "ngx_leadgen_sentry.h"


#define NGX_LEADGEN_WRITER_TEXT  2048       /* bytes of one text, at most */


/* Once it is full nothing more is written, and what there is is no JSON. */

typedef struct {
    u_char                    *pos;
    u_char                    *last;
    ngx_uint_t                 pii;         /* NGX_LEADGEN_SCRUB_PII or 0 */
    unsigned                   full:1;
    unsigned                   follows:1;   /* a comma is due */
} ngx_leadgen_writer_t;


/* Opens an object or array, as a member of that name (NULL: of an array). */
void ngx_leadgen_writer_open(ngx_leadgen_writer_t *writer, const char *name,
    u_char bracket);
void ngx_leadgen_writer_close(ngx_leadgen_writer_t *writer, u_char bracket);

/* A member; an empty text is left out.  Texts are scrubbed and cut, unless they
 * are literal: of ours, and short. */
void ngx_leadgen_writer_text(ngx_leadgen_writer_t *writer, const char *name,
    const ngx_str_t *text);
void ngx_leadgen_writer_literal(ngx_leadgen_writer_t *writer,
    const char *name, const char *text);
void ngx_leadgen_writer_name(ngx_leadgen_writer_t *writer,
    const ngx_str_t *name, const ngx_str_t *text);
void ngx_leadgen_writer_hex(ngx_leadgen_writer_t *writer, const char *name,
    const u_char *bytes, size_t len);
void ngx_leadgen_writer_number(ngx_leadgen_writer_t *writer,
    const char *name, int64_t number);

void ngx_leadgen_writer_flag(ngx_leadgen_writer_t *writer, const char *name,
    ngx_uint_t flag);

/* Microseconds since 1970, as seconds. */
void ngx_leadgen_writer_time(ngx_leadgen_writer_t *writer, const char *name,
    uint64_t time);


/* --- finding: members of an exception, of tags, and of contexts --- */

void ngx_leadgen_finding_frames(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_finding_t *finding);
void ngx_leadgen_finding_tags(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_finding_t *finding);
void ngx_leadgen_finding_contexts(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_finding_t *finding);


#endif /* _NGX_LEADGEN_WRITER_H_INCLUDED_ */
