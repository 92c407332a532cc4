
/* Private to src/io: a mail as text (RFC 5322). */


#ifndef _NGX_LEADGEN_MESSAGE_H_INCLUDED_
#define _NGX_LEADGEN_MESSAGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* Lifetime: its maker's. */

typedef struct {
    ngx_str_t    from;                      /* addresses, bare */
    ngx_str_t    to;
    ngx_str_t    subject;                   /* UTF-8 */
    ngx_str_t    text;                      /* UTF-8, lines end in LF */
    ngx_str_t    id;                        /* left of the Message-ID's @ */
    time_t       date;
} ngx_leadgen_message_t;


/*
 * NULL: fine; else what is wrong, in words without the message.  What is fine
 * can't break out of its header.
 */
const char *ngx_leadgen_message_check(const ngx_leadgen_message_t *message);

/* NULL: one bare e-mail address; else what is wrong with it. */
const char *ngx_leadgen_message_check_address(const ngx_str_t *address);

/* Bytes that ngx_leadgen_message_write() needs, at most. */
size_t ngx_leadgen_message_size(const ngx_leadgen_message_t *message);

/* Writes a message that is fine, with CRLF; returns the place behind it. */
u_char *ngx_leadgen_message_write(u_char *dst,
    const ngx_leadgen_message_t *message);


#endif /* _NGX_LEADGEN_MESSAGE_H_INCLUDED_ */
