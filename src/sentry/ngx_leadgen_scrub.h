
/* Private to src/sentry: what a secret looks like. */


#ifndef _NGX_LEADGEN_SCRUB_H_INCLUDED_
#define _NGX_LEADGEN_SCRUB_H_INCLUDED_


#include "ngx_leadgen_sentry.h"


/* A secret within a text: some bytes before it are kept. */

typedef struct {
    size_t                     kept;
    size_t                     len;
} ngx_leadgen_scrub_found_t;


/*
 * Whether a word that begins at p is, or names, a secret.  start is that of the
 * whole text, p < last.
 */

/* --- named: what follows a name, such as password= --- */
ngx_uint_t ngx_leadgen_named_find(const u_char *start, const u_char *p,
    const u_char *last, ngx_leadgen_scrub_found_t *found);

/* Whether a field or header of that name holds a secret. */
ngx_uint_t ngx_leadgen_named_is_secret(const u_char *name, size_t len);

/* --- secret: what is one by its shape --- */
ngx_uint_t ngx_leadgen_secret_find(const u_char *start, const u_char *p,
    const u_char *last, ngx_leadgen_scrub_found_t *found);

/* An e-mail address, its "@" percent-encoded or not. */
ngx_uint_t ngx_leadgen_secret_email(const u_char *p, const u_char *last,
    ngx_leadgen_scrub_found_t *found);


#define ngx_leadgen_scrub_is_letter(c)                                        \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define ngx_leadgen_scrub_is_digit(c)  ((c) >= '0' && (c) <= '9')
#define ngx_leadgen_scrub_is_word(c)                                          \
    (ngx_leadgen_scrub_is_letter(c) || ngx_leadgen_scrub_is_digit(c)          \
     || (c) == '_' || (c) == '-' || (c) >= 0x80)
#define ngx_leadgen_scrub_is_space(c)                                         \
    ((c) == ' ' || (c) == '\t' || (c) == '\n' || (c) == '\r')


#endif /* _NGX_LEADGEN_SCRUB_H_INCLUDED_ */
