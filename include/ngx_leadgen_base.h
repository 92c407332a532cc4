
/*
 * What knows nginx only: identifiers, time, text, JSON, frames.
 */


#ifndef _NGX_LEADGEN_BASE_H_INCLUDED_
#define _NGX_LEADGEN_BASE_H_INCLUDED_


#include "ngx_leadgen.h"
#include <jansson.h>


/* --- uuid: RFC 9562 --- */

/*
 * Mints a version 7 UUID.  Within a worker each is greater than the one before,
 * also when the clock steps back.  Never fails: without entropy it aborts the
 * worker, because a guessable or repeated id is worse.
 */
void ngx_leadgen_uuid_mint(u_char id[NGX_LEADGEN_UUID_SIZE]);

/* The same for who knows the time, in microseconds since 1970. */
void ngx_leadgen_uuid_mint_at(u_char id[NGX_LEADGEN_UUID_SIZE], uint64_t now);

/* Writes 36 characters in lower case, returns the place behind them. */
u_char *ngx_leadgen_uuid_format(u_char *dst,
    const u_char id[NGX_LEADGEN_UUID_SIZE]);

/* NGX_OK, or NGX_ERROR when text is not 8-4-4-4-12 hexadecimal digits. */
ngx_int_t ngx_leadgen_uuid_parse(const ngx_str_t *text,
    u_char id[NGX_LEADGEN_UUID_SIZE]);


/* --- time: RFC 3339 --- */

#define NGX_LEADGEN_TIME_TEXT  (sizeof("2026-01-02T03:04:05.678901Z") - 1)

/* Microseconds since 1970, from the system's clock (not nginx's cached one). */
uint64_t ngx_leadgen_time_now(void);

/* Microseconds on a clock that never steps, for durations. */
uint64_t ngx_leadgen_time_monotonic(void);

/*
 * The time since 1970 of one on that clock, a moment ago: for a request one
 * clock is read, not two.  How far they are apart is found out again whenever
 * nginx's own clock shows another second.
 */
uint64_t ngx_leadgen_time_of(uint64_t monotonic);

/* Writes NGX_LEADGEN_TIME_TEXT characters, returns the place behind them. */
u_char *ngx_leadgen_time_format(u_char *dst, uint64_t microseconds);


/* --- text: bytes of strangers made safe to store and to show --- */

/*
 * Copies src to dst as valid UTF-8 that PostgreSQL takes: bytes that are not
 * UTF-8, C0 and C1 controls, DEL and bidirectional overrides become \xHH.
 * dst must hold 4 * src->len bytes.  Returns the place behind the copy.
 */
u_char *ngx_leadgen_text_sanitize(u_char *dst, const ngx_str_t *src);

/*
 * The same for a line of the error log, which is one line whatever a server
 * or a stranger said: of what is longer than a quarter of the buffer's size its
 * beginning.  The text is the buffer's.
 */
ngx_str_t ngx_leadgen_text_shown(u_char *buffer, size_t size,
    const ngx_str_t *src);

/* Appends src, which is UTF-8, as a JSON string with its quotes to dst, which
 * must hold 6 * src->len + 2 bytes.  Returns the place behind it. */
u_char *ngx_leadgen_text_json(u_char *dst, const ngx_str_t *src);

ngx_uint_t ngx_leadgen_text_is_utf8(const ngx_str_t *text);

/*
 * Whether a name can stand in a line of any protocol, and means what is seen:
 * UTF-8 without controls, DEL, separators of lines, controls of direction, and
 * blanks at its ends.  An empty one can.
 */
ngx_uint_t ngx_leadgen_text_is_name(const ngx_str_t *text);

/* What is in a text that is to be a header's value: bits. */

#define NGX_LEADGEN_TEXT_CONTROL  1         /* a byte below 0x20, or DEL */
#define NGX_LEADGEN_TEXT_ENCODED  2         /* one above 0x7f, or "%" */

ngx_uint_t ngx_leadgen_text_holds(const ngx_str_t *text);

/*
 * Copies src to dst with "%" and bytes above 0x7f as %HH, so that decoding once
 * gives src.  dst must hold 3 * src->len bytes.  Returns the place behind.
 */
u_char *ngx_leadgen_text_percent(u_char *dst, const ngx_str_t *src);


/* --- json: jansson, with its trees freed by a pool --- */

#define NGX_LEADGEN_JSON_DEPTH  32

/*
 * Parses text, which must be one JSON object without duplicate names and not
 * deeper than NGX_LEADGEN_JSON_DEPTH.  The pool owns the tree, see below.
 * NULL: not such a text.
 */
json_t *ngx_leadgen_json_parse(ngx_pool_t *pool, const ngx_str_t *text);

/* Hands a tree to the pool, which wipes its strings and frees it at its end;
 * so no part of it may be in use longer elsewhere.  NULL when out of
 * memory (the tree is freed then) or when the tree is NULL. */
json_t *ngx_leadgen_json_own(ngx_pool_t *pool, json_t *tree);

/* Serialises compactly into pool memory.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_json_dump(ngx_pool_t *pool, json_t *tree,
    ngx_str_t *text);

/* The string member of that name, or an empty string when there is none. */
ngx_str_t ngx_leadgen_json_string(json_t *object, const char *name);

/* A JSON string from bytes; bytes that are not UTF-8 are made safe first. */
json_t *ngx_leadgen_json_text(ngx_pool_t *pool, const ngx_str_t *text);


/* --- frame: length, CRC32C and payload, as in a spool segment --- */

#define NGX_LEADGEN_FRAME_ALIGN    8
#define NGX_LEADGEN_FRAME_PAYLOAD  (65536 + 64)  /* bytes, at most */


typedef struct {
    uint32_t                   length;      /* of the payload; written last,
                                             * 0: nothing stands here yet */
    uint32_t                   crc;         /* CRC32C of all behind it */
    uint32_t                   kind;
    uint32_t                   reserved;
} ngx_leadgen_frame_t;                      /* host byte order: segments are
                                             * read where they were written */


/* Bytes that a frame of that payload takes in a segment. */
size_t ngx_leadgen_frame_size(size_t payload);

/*
 * Completes the frame at dst, whose payload the caller has written behind the
 * header: a reader sees all of it or none.  Returns the place behind it.
 */
u_char *ngx_leadgen_frame_commit(u_char *dst, uint32_t kind, size_t payload);

/*
 * Reads the frame at *pos, not beyond last, and moves *pos behind it.
 * NGX_OK; NGX_DONE: no frame stands here yet; NGX_ERROR: bytes that were never
 * committed as a frame (torn or damaged).
 */
ngx_int_t ngx_leadgen_frame_read(u_char **pos, u_char *last, uint32_t *kind,
    ngx_str_t *payload);

/* CRC-32C (Castagnoli, RFC 3720 B.4). */
uint32_t ngx_leadgen_frame_crc(uint32_t crc, const u_char *data, size_t len);


#endif /* _NGX_LEADGEN_BASE_H_INCLUDED_ */
