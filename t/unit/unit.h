
/*
 * Test programs in plain C: each check prints one line of TAP.
 *
 * A test program t/unit/NAME_test.c says in its first comment what it is linked
 * with, besides the stand-ins of nginx.c:
 *
 *     sources: src/base/ngx_leadgen_uuid.c
 *     sources: src/base/ngx_leadgen_time.c
 *     libraries: -lcrypto
 *
 * and ends main() with return unit_done().
 */


#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* ok(condition, "what holds, with %d of printf", ...) */
#define ok(condition, ...)                                                    \
    unit_ok((condition) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...)                                                \
    unit_is_int((long long) (got), (long long) (want), __FILE__, __LINE__,    \
                __VA_ARGS__)

/* got: ngx_str_t, want: const char * */
#define is_str(got, want, ...)                                                \
    unit_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)

#define is_mem(got, want, len, ...)                                           \
    unit_ok(memcmp((got), (want), (len)) == 0, __FILE__, __LINE__, __VA_ARGS__)

/* Each returns whether it held. */
int unit_ok(int condition, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int unit_is_int(long long got, long long want, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int unit_is_str(ngx_str_t got, const char *want, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* A line of explanation in the output. */
void unit_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Prints the plan; returns the exit code of the program. */
int unit_done(void);

/* What was logged last, and how many lines since unit_log_clear(). */
extern char        unit_log_line[2048];
extern ngx_uint_t  unit_log_count;
void unit_log_clear(void);

/* The next allocations but n fail; -1 (at start): none does. */
extern ngx_int_t   unit_alloc_fail;

/* A string of a literal, as an ngx_str_t. */
#define unit_str(text)                                                        \
    ((ngx_str_t) { sizeof(text) - 1, (u_char *) (text) })


#endif /* _UNIT_H_INCLUDED_ */
