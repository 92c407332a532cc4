
/*
 * Bus errors: a page of a segment that the disk does not take or give any more
 * enters, and is memory of this process alone when the instruction that failed
 * is tried again; the segment is marked as lost.
 *
 * A mapped file has no other way to say that its file system has failed or has
 * become read-only, and a worker must survive it.
 */


#include "ngx_leadgen_spool.h"
#include <sys/mman.h>


#define NGX_LEADGEN_BUS_SLOTS  256


static void ngx_leadgen_bus_handler(int signo, siginfo_t *info, void *context);
static ngx_leadgen_segment_t *ngx_leadgen_bus_find(u_char *address);


/* threads map and unmap, too */
static ngx_leadgen_segment_t  *ngx_leadgen_bus_slots[NGX_LEADGEN_BUS_SLOTS];


void
ngx_leadgen_bus_start(void)
{
    struct sigaction  action;

    ngx_memzero(&action, sizeof(action));
    action.sa_sigaction = ngx_leadgen_bus_handler;
    action.sa_flags = SA_SIGINFO;
    (void) sigemptyset(&action.sa_mask);

    (void) sigaction(SIGBUS, &action, NULL);
}


void
ngx_leadgen_bus_watch(ngx_leadgen_segment_t *segment)
{
    ngx_uint_t              i;
    ngx_leadgen_segment_t  *none;

    for (i = 0; i < NGX_LEADGEN_BUS_SLOTS; i++) {
        none = NULL;

        if (__atomic_compare_exchange_n(&ngx_leadgen_bus_slots[i], &none,
                                        segment, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
        {
            return;
        }
    }
}


void
ngx_leadgen_bus_forget(ngx_leadgen_segment_t *segment)
{
    ngx_uint_t              i;
    ngx_leadgen_segment_t  *known;

    for (i = 0; i < NGX_LEADGEN_BUS_SLOTS; i++) {
        known = segment;

        if (__atomic_compare_exchange_n(&ngx_leadgen_bus_slots[i], &known,
                                        NULL, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
        {
            return;
        }
    }
}


/* What the page held is still in the system's cache, as a rule. */

static void
ngx_leadgen_bus_handler(int signo, siginfo_t *info, void *context)
{
    void                   *copy;
    u_char                 *page;
    ngx_err_t               err;
    ngx_leadgen_segment_t  *segment;

    err = ngx_errno;
    segment = ngx_leadgen_bus_find(info->si_addr);

    if (segment == NULL) {
        (void) signal(SIGBUS, SIG_DFL);
        return;
    }

    segment->lost = 1;

    page = (u_char *) ((uintptr_t) info->si_addr
                       & ~((uintptr_t) ngx_pagesize - 1));

    copy = mmap(NULL, ngx_pagesize, PROT_READ|PROT_WRITE,
                MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (copy == MAP_FAILED) {
        (void) signal(SIGBUS, SIG_DFL);
        return;
    }

    /* otherwise it is zeros, which are no frame */

    segment->lost += pread(segment->fd, copy, ngx_pagesize,
                           page - (u_char *) segment->header) == -1;

    if (mremap(copy, ngx_pagesize, ngx_pagesize, MREMAP_MAYMOVE|MREMAP_FIXED,
               page) == MAP_FAILED)
    {
        (void) signal(SIGBUS, SIG_DFL);
    }

    ngx_set_errno(err);
}


static ngx_leadgen_segment_t *
ngx_leadgen_bus_find(u_char *address)
{
    ngx_uint_t              i;
    ngx_leadgen_segment_t  *segment;

    for (i = 0; i < NGX_LEADGEN_BUS_SLOTS; i++) {
        segment = __atomic_load_n(&ngx_leadgen_bus_slots[i], __ATOMIC_ACQUIRE);

        if (segment && address >= (u_char *) segment->header
            && address < segment->last)
        {
            return segment;
        }
    }

    return NULL;
}
