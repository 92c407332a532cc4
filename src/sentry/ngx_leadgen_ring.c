
/*
 * Rings: frames enter a file of fixed size that is mapped, and leave in their
 * order; what has not left survives its process.
 *
 * Positions are moved in one word, so that a process that dies leaves no half
 * of a change.
 */


#include "ngx_leadgen_transport.h"
#include <sys/file.h>


#define NGX_LEADGEN_RING_MAGIC    0x474e4952534c474eULL
#define NGX_LEADGEN_RING_VERSION  1


struct ngx_leadgen_ring_header_s {
    uint64_t                   magic;       /* written last */
    uint32_t                   version;
    uint32_t                   size;        /* of the frames' room */
    uint64_t                   positions;   /* head << 32 | tail */
    uint64_t                   wrap;        /* frames end there while the tail
                                             * stands before the head */
};


static ngx_int_t ngx_leadgen_ring_map(ngx_leadgen_ring_t *ring, size_t size);
static ngx_uint_t ngx_leadgen_ring_is_sound(const ngx_leadgen_ring_t *ring);
static void ngx_leadgen_ring_get(const ngx_leadgen_ring_t *ring,
    uint32_t *head, uint32_t *tail);
static void ngx_leadgen_ring_set(ngx_leadgen_ring_t *ring, uint32_t head,
    uint32_t tail);


ngx_int_t
ngx_leadgen_ring_open(ngx_leadgen_ring_t *ring, int directory,
    const char *name, size_t size)
{
    struct stat  st;

    ngx_memzero(ring, sizeof(ngx_leadgen_ring_t));

    ring->fd = openat(directory, name,
                      O_RDWR|O_NOFOLLOW|O_CLOEXEC|(size ? O_CREAT : 0), 0600);

    if (ring->fd == -1) {
        return NGX_ERROR;
    }

    if (flock(ring->fd, LOCK_EX|LOCK_NB) == -1) {
        (void) close(ring->fd);
        return NGX_BUSY;
    }

    /* another may have removed it before it was locked */

    if (fstat(ring->fd, &st) == -1 || !S_ISREG(st.st_mode)
        || st.st_nlink == 0
        || st.st_size > NGX_LEADGEN_RING_MOST)
    {
        (void) close(ring->fd);
        return NGX_BUSY;
    }

    if (st.st_size > (off_t) sizeof(ngx_leadgen_ring_header_t)
        && ngx_leadgen_ring_map(ring, st.st_size) == NGX_OK)
    {
        if (ngx_leadgen_ring_is_sound(ring)
            && (size == 0 || (size_t) st.st_size == size
                || ngx_leadgen_ring_used(ring)))
        {
            return NGX_OK;
        }

        (void) munmap(ring->header, ring->mapped);
    }

    if (size == 0) {
        (void) close(ring->fd);
        return NGX_DECLINED;
    }

    if (ftruncate(ring->fd, 0) == -1
        || posix_fallocate(ring->fd, 0, size) != 0
        || ngx_leadgen_ring_map(ring, size) != NGX_OK)
    {
        (void) unlinkat(directory, name, 0);
        (void) close(ring->fd);
        return NGX_ERROR;
    }

    ring->header->version = NGX_LEADGEN_RING_VERSION;
    ring->header->size = size - sizeof(ngx_leadgen_ring_header_t);
    ring->header->positions = 0;
    ring->header->wrap = 0;

    __atomic_store_n(&ring->header->magic, NGX_LEADGEN_RING_MAGIC,
                     __ATOMIC_RELEASE);

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_ring_map(ngx_leadgen_ring_t *ring, size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED, ring->fd, 0);
    if (p == MAP_FAILED) {
        return NGX_ERROR;
    }

    ring->header = p;
    ring->start = (u_char *) p + sizeof(ngx_leadgen_ring_header_t);
    ring->mapped = size;

    return NGX_OK;
}


static ngx_uint_t
ngx_leadgen_ring_is_sound(const ngx_leadgen_ring_t *ring)
{
    uint32_t                          head, tail;
    const ngx_leadgen_ring_header_t  *header;

    header = ring->header;
    ngx_leadgen_ring_get(ring, &head, &tail);

    return header->magic == NGX_LEADGEN_RING_MAGIC
           && header->version == NGX_LEADGEN_RING_VERSION
           && header->size == ring->mapped - sizeof(ngx_leadgen_ring_header_t)
           && head <= header->size && tail <= header->size
           && head % NGX_LEADGEN_FRAME_ALIGN == 0
           && tail % NGX_LEADGEN_FRAME_ALIGN == 0
           && (head <= tail
               || (header->wrap <= header->size && header->wrap >= head));
}


void
ngx_leadgen_ring_close(ngx_leadgen_ring_t *ring)
{
    (void) munmap(ring->header, ring->mapped);
    (void) close(ring->fd);

    ring->header = NULL;
}


ngx_uint_t
ngx_leadgen_ring_is_whole(const ngx_leadgen_ring_t *ring)
{
    struct stat  st;

    return fstat(ring->fd, &st) == 0 && (size_t) st.st_size >= ring->mapped;
}


size_t
ngx_leadgen_ring_used(const ngx_leadgen_ring_t *ring)
{
    uint32_t  head, tail;

    ngx_leadgen_ring_get(ring, &head, &tail);

    return head <= tail ? tail - head : ring->header->wrap - head + tail;
}


size_t
ngx_leadgen_ring_size(const ngx_leadgen_ring_t *ring)
{
    return ring->header->size;
}


u_char *
ngx_leadgen_ring_place(const ngx_leadgen_ring_t *ring, size_t payload)
{
    size_t    size;
    uint32_t  head, tail;
    u_char   *frame;

    size = ngx_leadgen_frame_size(payload);
    ngx_leadgen_ring_get(ring, &head, &tail);

    if (tail < head) {
        frame = (head - tail > size) ? ring->start + tail : NULL;

    } else if (ring->header->size - tail >= size) {
        frame = ring->start + tail;

    } else {
        frame = (head > size) ? ring->start : NULL;
    }

    return frame ? frame + sizeof(ngx_leadgen_frame_t) : NULL;
}


void
ngx_leadgen_ring_commit(ngx_leadgen_ring_t *ring, u_char *place,
    uint32_t kind, size_t payload)
{
    u_char    *frame, *end;
    uint32_t   head, tail;

    ngx_leadgen_ring_get(ring, &head, &tail);

    frame = place - sizeof(ngx_leadgen_frame_t);
    end = ngx_leadgen_frame_commit(frame, kind, payload);

    if (frame == ring->start && tail) {
        ring->header->wrap = tail;
    }

    ngx_leadgen_ring_set(ring, head, end - ring->start);
}


ngx_int_t
ngx_leadgen_ring_read(ngx_leadgen_ring_t *ring, uint32_t *kind,
    ngx_str_t *payload)
{
    u_char    *p, *last;
    uint32_t   head, tail;

    ngx_leadgen_ring_get(ring, &head, &tail);

    if (head == tail) {
        return NGX_DONE;
    }

    p = ring->start + head;
    last = ring->start + (head < tail ? tail : ring->header->wrap);

    if (ngx_leadgen_frame_read(&p, last, kind, payload) == NGX_OK) {
        return NGX_OK;
    }

    ngx_leadgen_ring_set(ring, 0, 0);

    return NGX_ERROR;
}


void
ngx_leadgen_ring_remove(ngx_leadgen_ring_t *ring)
{
    uint32_t              head, tail;
    ngx_leadgen_frame_t  *frame;

    ngx_leadgen_ring_get(ring, &head, &tail);

    frame = (ngx_leadgen_frame_t *) (ring->start + head);
    head += ngx_leadgen_frame_size(frame->length);

    if (tail < head && head >= ring->header->wrap) {
        head = 0;
    }

    if (head == tail) {
        head = 0;
        tail = 0;
    }

    ngx_leadgen_ring_set(ring, head, tail);
}


static void
ngx_leadgen_ring_get(const ngx_leadgen_ring_t *ring, uint32_t *head,
    uint32_t *tail)
{
    uint64_t  positions;

    positions = __atomic_load_n(&ring->header->positions, __ATOMIC_ACQUIRE);

    *head = positions >> 32;
    *tail = positions & 0xffffffff;
}


static void
ngx_leadgen_ring_set(ngx_leadgen_ring_t *ring, uint32_t head, uint32_t tail)
{
    __atomic_store_n(&ring->header->positions, (uint64_t) head << 32 | tail,
                     __ATOMIC_RELEASE);
}
