
/*
 * Snapshots: what was written is read, whatever else is none; nobody else's
 * file, and no half of one, is taken for it.
 *
 * sources: src/shm/ngx_leadgen_snapshot.c
 * libraries: -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_zone.h"
#include <sys/file.h>


#define KIND     NGX_LEADGEN_SNAPSHOT_EPOCHS
#define RECORDS  3
#define SIZE     24
#define NAME     "one.snapshot"


static char    directory[] = "/tmp/snapshot-XXXXXX";
static u_char  key[NGX_LEADGEN_SNAPSHOT_HASH] = "a key";
static u_char  records[RECORDS * SIZE];
static u_char  hash[NGX_LEADGEN_SNAPSHOT_HASH];

static ngx_leadgen_snapshot_t  header;


static void
make(int64_t time)
{
    ngx_memset(records, 'r', sizeof(records));
    ngx_memzero(&header, sizeof(header));

    header.kind = KIND;
    header.size = SIZE;
    header.n = RECORDS;
    header.time = time;

    (void) ngx_leadgen_snapshot_hash(records, sizeof(records), hash);
    (void) ngx_leadgen_snapshot_sign(&header, key, hash);
}


static char *
path(const char *name)
{
    static char  text[256];

    (void) snprintf(text, sizeof(text), "%s/%s", directory, name);

    return text;
}


/* The time it has, -1 when it is none. */

static int64_t
parse(const u_char *data, size_t len)
{
    ngx_leadgen_snapshot_t  found;

    return ngx_leadgen_snapshot_parse(data, len, KIND, SIZE, key, &found)
           == NGX_OK ? found.time : -1;
}


static int64_t
there(void)
{
    size_t    len;
    u_char   *data;
    int64_t   time;

    data = ngx_leadgen_snapshot_read(directory, NAME, &len);
    time = data ? parse(data, len) : -2;
    free(data);

    return time;
}


static void
test_parse(void)
{
    size_t      i, len;
    u_char      data[sizeof(header) + sizeof(records)], other[32] = "other";
    ngx_uint_t  taken;

    ngx_leadgen_snapshot_t  found;

    make(7);
    len = sizeof(data);
    ngx_memcpy(data, &header, sizeof(header));
    ngx_memcpy(data + sizeof(header), records, sizeof(records));

    is_int(parse(data, len), 7, "what was written is read");

    is_int(ngx_leadgen_snapshot_parse(data, len, KIND, SIZE, other, &found),
           NGX_DECLINED, "with that key only");
    is_int(ngx_leadgen_snapshot_parse(data, len, KIND, SIZE / 2, key, &found),
           NGX_DECLINED, "by who expects such records");
    is_int(ngx_leadgen_snapshot_parse(data, len, 77, SIZE, key, &found),
           NGX_DECLINED, "of that kind");

    for (taken = 0, i = 0; i < len; i++) {
        taken += parse(data, i) != -1;
    }

    is_int(taken, 0, "no part is taken for it");

    for (taken = 0, i = 0; i < 8 * len; i++) {
        data[i / 8] ^= (u_char) (1 << i % 8);
        taken += parse(data, len) != -1;
        data[i / 8] ^= (u_char) (1 << i % 8);
    }

    is_int(taken, 0, "nor with any bit another");
}


static void
test_file(void)
{
    int          fd;
    struct stat  st;

    is_int(there(), -2, "there is none");

    make(8);
    ok(ngx_leadgen_snapshot_write(directory, NAME, &header, records, 1)
       == NULL, "it is written");
    is_int(there(), 8, "and read");
    is_int(stat(path(NAME), &st) == 0 ? st.st_mode & 07777 : 0, 0600,
           "nobody else may");
    is_int(access(path(NAME ".new"), F_OK), -1, "nothing else is left");

    make(9);
    is_int(ngx_leadgen_snapshot_renew(directory, NAME, &header, key, hash),
           NGX_OK, "its time may be renewed");
    is_int(there(), 9, "which it then has");

    hash[0] ^= 1;
    is_int(ngx_leadgen_snapshot_renew(directory, NAME, &header, key, hash),
           NGX_DECLINED, "but not of other records");

    fd = open(path(NAME ".new"), O_RDWR|O_CREAT, 0600);
    (void) flock(fd, LOCK_EX);
    make(10);
    ok(ngx_leadgen_snapshot_write(directory, NAME, &header, records, 0)
       != NULL, "while another writes nobody else does");
    (void) close(fd);
    is_int(there(), 9, "what is there stays");

    ok(ngx_leadgen_snapshot_write(directory, NAME, &header, records, 0)
       == NULL, "what a killed one left is in nobody's way");
    is_int(there(), 10, "and not in the file");
}


static void
test_not_ours(void)
{
    (void) chmod(path(NAME), 0640);
    is_int(there(), -2, "what others can read is none");
    (void) chmod(path(NAME), 0600);
    is_int(there(), 10, "until they can't");

    (void) rename(path(NAME), "/tmp/snapshot-elsewhere");
    (void) symlink("/tmp/snapshot-elsewhere", path(NAME));
    is_int(there(), -2, "nor is a link");
    (void) unlink("/tmp/snapshot-elsewhere");
    (void) unlink(path(NAME));

    (void) mkfifo(path(NAME), 0600);
    is_int(there(), -2, "nor is a pipe, which nobody waits for");
    (void) unlink(path(NAME));
}


int
main(void)
{
    if (mkdtemp(directory) == NULL) {
        abort();
    }

    test_parse();
    test_file();
    test_not_ours();

    (void) rmdir(directory);

    return unit_done();
}
