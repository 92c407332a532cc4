
/*
 * Checks of test programs become lines of TAP on the standard output.
 */


#include "unit.h"
#include <stdarg.h>
#include <stdio.h>


static int  unit_run;
static int  unit_failed;


static int
unit_line(int held, const char *file, int line, const char *fmt, va_list args)
{
    unit_run++;

    printf("%sok %d - ", held ? "" : "not ", unit_run);
    vprintf(fmt, args);
    printf("\n");

    if (!held) {
        unit_failed++;
        fprintf(stderr, "#   failed at %s line %d\n", file, line);
    }

    (void) fflush(stdout);

    return held;
}


int
unit_ok(int condition, const char *file, int line, const char *fmt, ...)
{
    int      held;
    va_list  args;

    va_start(args, fmt);
    held = unit_line(condition, file, line, fmt, args);
    va_end(args);

    return held;
}


int
unit_is_int(long long got, long long want, const char *file, int line,
    const char *fmt, ...)
{
    int      held;
    va_list  args;

    va_start(args, fmt);
    held = unit_line(got == want, file, line, fmt, args);
    va_end(args);

    if (!held) {
        fprintf(stderr, "#   got %lld, want %lld\n", got, want);
    }

    return held;
}


int
unit_is_str(ngx_str_t got, const char *want, const char *file, int line,
    const char *fmt, ...)
{
    int      held;
    size_t   n;
    va_list  args;

    held = got.len == strlen(want)
           && (got.len == 0 || memcmp(got.data, want, got.len) == 0);

    va_start(args, fmt);
    (void) unit_line(held, file, line, fmt, args);
    va_end(args);

    if (!held) {
        fprintf(stderr, "#   got  \"");

        for (n = 0; n < got.len; n++) {
            if (got.data[n] >= 0x20 && got.data[n] < 0x7f) {
                fprintf(stderr, "%c", got.data[n]);

            } else {
                fprintf(stderr, "\\x%02x", got.data[n]);
            }
        }

        fprintf(stderr, "\"\n#   want \"%s\"\n", want);
    }

    return held;
}


void
unit_note(const char *fmt, ...)
{
    va_list  args;

    printf("# ");
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
}


int
unit_done(void)
{
    printf("1..%d\n", unit_run);

    return unit_failed ? 1 : 0;
}
