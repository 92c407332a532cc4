/*
 * The module's calls of others, each of which a test can have failed: linked
 * in between by the linker's --wrap.  What fails is told by a file that the
 * test and the worker both map.
 */


#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


typedef struct {
    volatile int64_t  at;       /* which call fails: 0 none; -1 not counted */
    volatile int64_t  count;    /* calls since the test set it to 0 */
    char              name[48]; /* what failed */
} failing_t;


static failing_t  *failing;


__attribute__((constructor))
static void
failing_open(void)
{
    int          fd;
    void        *map;
    const char  *path;

    path = getenv("FAILING_CALLS");
    fd = path ? open(path, O_RDWR) : -1;

    if (fd == -1) {
        return;
    }

    map = mmap(NULL, sizeof(failing_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
               0);
    failing = map == MAP_FAILED ? NULL : map;
    (void) close(fd);
}


static int
failing_now(const char *name)
{
    if (failing == NULL || failing->at < 0
        || __atomic_add_fetch(&failing->count, 1, __ATOMIC_SEQ_CST)
           != failing->at)
    {
        return 0;
    }

    strncpy(failing->name, name, sizeof(failing->name) - 1);

    return 1;
}


/* Up to eight arguments, integers or pointers, as the x86-64's and others'
   calling conventions pass them: none needs to be known here. */

#define FAILING(name, value)                                                  \
    long __real_##name(long, long, long, long, long, long, long, long);       \
    long __wrap_##name(long a, long b, long c, long d, long e, long f,        \
        long g, long h)                                                       \
    {                                                                         \
        return failing_now(#name) ? (value)                                   \
                                  : __real_##name(a, b, c, d, e, f, g, h);    \
    }
