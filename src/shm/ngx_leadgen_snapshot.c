
/*
 * Snapshots: what the zone knows goes into a file, and comes out of it again
 * for a zone that knows nothing yet.
 *
 * A file is replaced as a whole, by one writer at a time, however many
 * processes share the directory; what is not as it was written is none.
 */


#include "ngx_leadgen_zone.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/file.h>


#define NGX_LEADGEN_SNAPSHOT_PATH  1024     /* bytes of a directory's name */
#define NGX_LEADGEN_SNAPSHOT_MAX   (512 * 1024 * 1024)


static const u_char  ngx_leadgen_snapshot_magic[8] = "LGSNAP1\n";


static ngx_int_t ngx_leadgen_snapshot_code(
    const ngx_leadgen_snapshot_t *snapshot, const u_char *key,
    const u_char *hash, u_char *code);
static int ngx_leadgen_snapshot_enter(const char *directory);
static int ngx_leadgen_snapshot_claim(int directory, const char *name);
static const char *ngx_leadgen_snapshot_fill(int fd,
    const ngx_leadgen_snapshot_t *snapshot, const u_char *records,
    ngx_uint_t durable);
static ngx_int_t ngx_leadgen_snapshot_put(int fd, const void *data,
    size_t len);


/* --- the format --- */

ngx_int_t
ngx_leadgen_snapshot_hash(const u_char *records, size_t len,
    u_char hash[NGX_LEADGEN_SNAPSHOT_HASH])
{
    return EVP_Digest(records, len, hash, NULL, EVP_sha256(), NULL) == 1
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_snapshot_code(const ngx_leadgen_snapshot_t *snapshot,
    const u_char *key, const u_char *hash, u_char *code)
{
    size_t  len;
    u_char  text[sizeof(ngx_leadgen_snapshot_t)];

    len = offsetof(ngx_leadgen_snapshot_t, code);

    ngx_memcpy(text, snapshot, len);
    ngx_memcpy(text + len, hash, NGX_LEADGEN_SNAPSHOT_HASH);

    return HMAC(EVP_sha256(), key, NGX_LEADGEN_SNAPSHOT_HASH, text,
                len + NGX_LEADGEN_SNAPSHOT_HASH, code, NULL)
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_leadgen_snapshot_sign(ngx_leadgen_snapshot_t *snapshot, const u_char *key,
    const u_char *hash)
{
    ngx_memcpy(snapshot->magic, ngx_leadgen_snapshot_magic,
               sizeof(snapshot->magic));

    return ngx_leadgen_snapshot_code(snapshot, key, hash, snapshot->code);
}


ngx_uint_t
ngx_leadgen_snapshot_is_of(const ngx_leadgen_snapshot_t *snapshot,
    const u_char *key, const u_char *hash)
{
    u_char  code[NGX_LEADGEN_SNAPSHOT_HASH];

    return ngx_leadgen_snapshot_code(snapshot, key, hash, code) == NGX_OK
           && CRYPTO_memcmp(code, snapshot->code, sizeof(code)) == 0;
}


ngx_int_t
ngx_leadgen_snapshot_parse(const u_char *data, size_t len,
    ngx_leadgen_snapshot_kind_e kind, size_t size, const u_char *key,
    ngx_leadgen_snapshot_t *snapshot)
{
    u_char  hash[NGX_LEADGEN_SNAPSHOT_HASH];

    if (len < sizeof(ngx_leadgen_snapshot_t)) {
        return NGX_DECLINED;
    }

    ngx_memcpy(snapshot, data, sizeof(ngx_leadgen_snapshot_t));

    data += sizeof(ngx_leadgen_snapshot_t);
    len -= sizeof(ngx_leadgen_snapshot_t);

    if (ngx_memcmp(snapshot->magic, ngx_leadgen_snapshot_magic,
                   sizeof(snapshot->magic)) != 0
        || snapshot->kind != (uint32_t) kind
        || snapshot->size != size
        || len % size != 0
        || snapshot->n != len / size
        || ngx_leadgen_snapshot_hash(data, len, hash) != NGX_OK
        || !ngx_leadgen_snapshot_is_of(snapshot, key, hash))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* --- the file --- */

static int
ngx_leadgen_snapshot_enter(const char *directory)
{
    return open(directory, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
}


const char *
ngx_leadgen_snapshot_write(const char *directory, const char *name,
    const ngx_leadgen_snapshot_t *snapshot, const u_char *records,
    ngx_uint_t durable)
{
    int          dir, fd;
    char         new[NGX_LEADGEN_SNAPSHOT_PATH];
    const char  *failed;

    dir = ngx_leadgen_snapshot_enter(directory);
    if (dir == -1) {
        return "opening the directory";
    }

    (void) snprintf(new, sizeof(new), "%s.new", name);

    fd = ngx_leadgen_snapshot_claim(dir, new);
    if (fd == -1) {
        (void) close(dir);
        return "creating it";
    }

    failed = ngx_leadgen_snapshot_fill(fd, snapshot, records, durable);

    if (failed == NULL && renameat(dir, new, dir, name) == -1) {
        failed = "renaming it";
    }

    if (failed == NULL && durable && fsync(dir) == -1) {
        failed = "fsync()";
    }

    (void) close(fd);
    (void) close(dir);

    return failed;
}


/*
 * The file that will be renamed, locked: what another process has renamed
 * between the two calls is not ours to write to.
 */

static int
ngx_leadgen_snapshot_claim(int directory, const char *name)
{
    int          fd;
    struct stat  ours, named;

    fd = openat(directory, name, O_RDWR|O_CREAT|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC,
                0600);
    if (fd == -1) {
        return -1;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1
        || fstat(fd, &ours) == -1
        || fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == -1
        || ours.st_ino != named.st_ino
        || ours.st_dev != named.st_dev
        || fchmod(fd, 0600) == -1
        || ftruncate(fd, 0) == -1)
    {
        (void) close(fd);
        return -1;
    }

    return fd;
}


static const char *
ngx_leadgen_snapshot_fill(int fd, const ngx_leadgen_snapshot_t *snapshot,
    const u_char *records, ngx_uint_t durable)
{
    if (ngx_leadgen_snapshot_put(fd, snapshot, sizeof(*snapshot)) != NGX_OK
        || ngx_leadgen_snapshot_put(fd, records, snapshot->n * snapshot->size)
           != NGX_OK)
    {
        return "writing it";
    }

    return durable && fsync(fd) == -1 ? "fsync()" : NULL;
}


static ngx_int_t
ngx_leadgen_snapshot_put(int fd, const void *data, size_t len)
{
    ssize_t        n;
    const u_char  *p;

    for (p = data; len; p += n, len -= n) {
        n = write(fd, p, len);

        if (n <= 0) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_snapshot_renew(const char *directory, const char *name,
    const ngx_leadgen_snapshot_t *snapshot, const u_char *key,
    const u_char *hash)
{
    int                      dir, fd;
    ngx_int_t                rc;
    ngx_leadgen_snapshot_t   there;

    dir = ngx_leadgen_snapshot_enter(directory);
    fd = -1;
    rc = NGX_DECLINED;

    if (dir != -1) {
        fd = openat(dir, name, O_RDWR|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);
    }

    if (fd != -1
        && pread(fd, &there, sizeof(there), 0) == (ssize_t) sizeof(there)
        && ngx_leadgen_snapshot_is_of(&there, key, hash)
        && pwrite(fd, snapshot, sizeof(*snapshot), 0)
           == (ssize_t) sizeof(*snapshot))
    {
        rc = NGX_OK;
    }

    if (fd != -1) {
        (void) close(fd);
    }

    if (dir != -1) {
        (void) close(dir);
    }

    return rc;
}


u_char *
ngx_leadgen_snapshot_read(const char *directory, const char *name, size_t *len)
{
    int          dir, fd;
    u_char      *data;
    struct stat  st;

    dir = ngx_leadgen_snapshot_enter(directory);
    if (dir == -1) {
        return NULL;
    }

    fd = openat(dir, name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);
    (void) close(dir);

    if (fd == -1) {
        return NULL;
    }

    data = NULL;

    if (fstat(fd, &st) == 0
        && S_ISREG(st.st_mode)
        && st.st_uid == geteuid()
        && (st.st_mode & 077) == 0
        && st.st_size > 0 && st.st_size <= NGX_LEADGEN_SNAPSHOT_MAX)
    {
        *len = st.st_size;
        data = malloc(*len);
    }

    if (data && pread(fd, data, *len, 0) != (ssize_t) *len) {
        free(data);
        data = NULL;
    }

    (void) close(fd);

    return data;
}
