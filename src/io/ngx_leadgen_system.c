
/*
 * The system: files of /proc and of the control group go in, figures of
 * processor, memory and disk come out.
 *
 * Where a control group bounds processor or memory, its figures stand for the
 * machine's, as a container sees no more than these.
 */


#include "ngx_leadgen_io.h"
#include <sys/statvfs.h>


#define NGX_LEADGEN_SYSTEM_PATH    512
#define NGX_LEADGEN_SYSTEM_TEXT    8192
#define NGX_LEADGEN_SYSTEM_FIRST   100000   /* microseconds, of the first
                                             * sample, which has none before */


static void ngx_leadgen_system_cpu(const char *root,
    ngx_leadgen_system_t *system);
static ngx_int_t ngx_leadgen_system_cpu_group(const char *root,
    ngx_leadgen_system_t *system);
static void ngx_leadgen_system_memory(const char *root,
    ngx_leadgen_system_t *system);
static void ngx_leadgen_system_memory_group(const char *root,
    ngx_leadgen_system_t *system);
static void ngx_leadgen_system_disk(const char *disk,
    ngx_leadgen_system_t *system);
static ngx_int_t ngx_leadgen_system_group(const char *root,
    const char *controller, char *folder, char *top);
static ngx_uint_t ngx_leadgen_system_parent(char *folder, const char *top);
static ngx_int_t ngx_leadgen_system_number(const char *folder,
    const char *file, const char *key, uint64_t *value);
static ssize_t ngx_leadgen_system_text(const char *folder, const char *file,
    char *text);


ssize_t
ngx_leadgen_system_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    char                   disk[NGX_LEADGEN_SYSTEM_PATH];
    ngx_leadgen_system_t   before, system;

    (void) ngx_snprintf((u_char *) disk, sizeof(disk), "%V%Z", &args[1]);
    disk[sizeof(disk) - 1] = '\0';

    if (args[0].len == sizeof(ngx_leadgen_system_t)) {
        ngx_memcpy(&before, args[0].data, sizeof(ngx_leadgen_system_t));

    } else {
        ngx_leadgen_system_read("", disk, NULL, &before);
        usleep(NGX_LEADGEN_SYSTEM_FIRST);
    }

    ngx_leadgen_system_read("", disk, &before, &system);
    ngx_memcpy(answer, &system, sizeof(ngx_leadgen_system_t));

    return sizeof(ngx_leadgen_system_t);
}


void
ngx_leadgen_system_read(const char *root, const char *disk,
    const ngx_leadgen_system_t *before, ngx_leadgen_system_t *system)
{
    uint64_t  busy, elapsed;

    ngx_memzero(system, sizeof(ngx_leadgen_system_t));
    system->cpu = -1;

    ngx_leadgen_system_cpu(root, system);
    ngx_leadgen_system_memory(root, system);
    ngx_leadgen_system_disk(disk, system);

    if (before == NULL
        || before->grouped != system->grouped
        || system->elapsed <= before->elapsed
        || system->busy < before->busy)
    {
        return;
    }

    busy = system->busy - before->busy;
    elapsed = system->elapsed - before->elapsed;

    system->cpu = ngx_min(10000 * busy / elapsed, 10000);
}


/* --- processor --- */

/* proc(5): user nice system idle iowait irq softirq steal; guests are users. */

static void
ngx_leadgen_system_cpu(const char *root, ngx_leadgen_system_t *system)
{
    char        text[NGX_LEADGEN_SYSTEM_TEXT], *p;
    uint64_t    value;
    ngx_uint_t  i;

    if (ngx_leadgen_system_cpu_group(root, system) == NGX_OK
        || ngx_leadgen_system_text(root, "/proc/stat", text) <= 0
        || ngx_strncmp(text, "cpu ", 4) != 0)
    {
        return;
    }

    p = text + 4;

    for (i = 0; i < 8; i++) {
        value = strtoull(p, &p, 10);
        system->elapsed += value;

        if (i != 3 && i != 4) {
            system->busy += value;
        }
    }
}


/* A quota is so much processor time a period, of any number of processors. */

static ngx_int_t
ngx_leadgen_system_cpu_group(const char *root, ngx_leadgen_system_t *system)
{
    char       folder[NGX_LEADGEN_SYSTEM_PATH], top[NGX_LEADGEN_SYSTEM_PATH];
    char       text[NGX_LEADGEN_SYSTEM_TEXT], *end;
    uint64_t   quota, period, usage;
    ngx_int_t  version;

    version = ngx_leadgen_system_group(root, "cpu", folder, top);

    if (version == NGX_ERROR) {
        return NGX_DECLINED;
    }

    do {
        quota = 0;
        period = 0;
        usage = 0;

        if (version == 2
            && ngx_leadgen_system_text(folder, "/cpu.max", text) > 0
            && text[0] != 'm')
        {
            quota = strtoull(text, &end, 10);
            period = strtoull(end, NULL, 10);
            (void) ngx_leadgen_system_number(folder, "/cpu.stat",
                                             "usage_usec ", &usage);

        } else if (version == 1
                   && ngx_leadgen_system_number(folder, "/cpu.cfs_quota_us",
                                                NULL, &quota)
                      == NGX_OK
                   && ngx_leadgen_system_number(folder, "/cpu.cfs_period_us",
                                                NULL, &period)
                      == NGX_OK
                   && ngx_leadgen_system_number(folder, "/cpuacct.usage",
                                                NULL, &usage)
                      == NGX_OK)
        {
            usage /= 1000;
        }

        if (quota && period) {
            system->grouped = 1;
            system->busy = usage;
            system->elapsed = (uint64_t) ((double) ngx_leadgen_time_monotonic()
                                          * quota / period);
            return NGX_OK;
        }

    } while (ngx_leadgen_system_parent(folder, top));

    return NGX_DECLINED;
}


/* --- memory --- */

static void
ngx_leadgen_system_memory(const char *root, ngx_leadgen_system_t *system)
{
    uint64_t  total, available;

    if (ngx_leadgen_system_number(root, "/proc/meminfo", "MemTotal:", &total)
        == NGX_OK
        && ngx_leadgen_system_number(root, "/proc/meminfo", "MemAvailable:",
                                     &available)
           == NGX_OK)
    {
        system->memory_total = total * 1024;
        system->memory_available = available * 1024;
    }

    ngx_leadgen_system_memory_group(root, system);
}


/* The group with least left decides; its file cache can be given back. */

static void
ngx_leadgen_system_memory_group(const char *root, ngx_leadgen_system_t *system)
{
    char        folder[NGX_LEADGEN_SYSTEM_PATH], top[NGX_LEADGEN_SYSTEM_PATH];
    uint64_t    limit, used, cache, left;
    ngx_int_t   version;

    version = ngx_leadgen_system_group(root, "memory", folder, top);

    if (version == NGX_ERROR) {
        return;
    }

    do {
        cache = 0;

        if (ngx_leadgen_system_number(folder, version == 2
                                              ? "/memory.max"
                                              : "/memory.limit_in_bytes",
                                      NULL, &limit)
            != NGX_OK
            || ngx_leadgen_system_number(folder, version == 2
                                                 ? "/memory.current"
                                                 : "/memory.usage_in_bytes",
                                         NULL, &used)
               != NGX_OK)
        {
            continue;
        }

        (void) ngx_leadgen_system_number(folder, "/memory.stat",
                                         version == 2 ? "inactive_file "
                                                      : "total_inactive_file ",
                                         &cache);

        used -= ngx_min(cache, used);
        left = limit - ngx_min(used, limit);

        if (limit < system->memory_total) {
            system->memory_total = limit;
            system->memory_available = ngx_min(left, system->memory_available);
        }

    } while (ngx_leadgen_system_parent(folder, top));
}


/* --- disk --- */

static void
ngx_leadgen_system_disk(const char *disk, ngx_leadgen_system_t *system)
{
    struct statvfs  fs;

    if (statvfs(disk, &fs) == -1) {
        return;
    }

    system->disk_total = (uint64_t) fs.f_blocks * fs.f_frsize;
    system->disk_free = (uint64_t) fs.f_bavail * fs.f_frsize;
    system->disk_used = (uint64_t) (fs.f_blocks - fs.f_bfree) * fs.f_frsize;
}


/* --- files --- */

/*
 * The folder of this process's control group, and the topmost above it: 2 or 1,
 * by the version of control groups, or NGX_ERROR.  Inside a container the path
 * that the kernel tells may not be there: the topmost is the container's then.
 */

static ngx_int_t
ngx_leadgen_system_group(const char *root, const char *controller,
    char *folder, char *top)
{
    char        text[NGX_LEADGEN_SYSTEM_TEXT], *line, *names, *path, *next;
    ngx_int_t   version;

    if (ngx_leadgen_system_text(root, "/proc/self/cgroup", text) <= 0) {
        return NGX_ERROR;
    }

    version = NGX_ERROR;
    *folder = '\0';
    *top = '\0';

    for (line = text; *line; line = next) {
        next = line + strcspn(line, "\n");
        next += (*next == '\n');

        if (next > line && next[-1] == '\n') {
            next[-1] = '\0';
        }

        names = strchr(line, ':');
        path = names ? strchr(names + 1, ':') : NULL;

        if (path == NULL) {
            continue;
        }

        *path++ = '\0';
        names++;

        if (*names == '\0' && version == NGX_ERROR) {
            version = 2;
            (void) snprintf(top, NGX_LEADGEN_SYSTEM_PATH, "%.200s%s", root,
                            "/sys/fs/cgroup");
            (void) snprintf(folder, NGX_LEADGEN_SYSTEM_PATH, "%.200s%.200s",
                            top, path);

        } else if (strncmp(names, controller, strlen(controller)) == 0
                   && (names[strlen(controller)] == '\0'
                       || names[strlen(controller)] == ','))
        {
            version = 1;
            (void) snprintf(top, NGX_LEADGEN_SYSTEM_PATH,
                            "%.200s/sys/fs/cgroup/%s", root, controller);
            (void) snprintf(folder, NGX_LEADGEN_SYSTEM_PATH, "%.200s%.200s",
                            top, path);
        }
    }

    if (version != NGX_ERROR && access(folder, R_OK) == -1) {
        (void) snprintf(folder, NGX_LEADGEN_SYSTEM_PATH, "%s", top);
    }

    return version;
}


static ngx_uint_t
ngx_leadgen_system_parent(char *folder, const char *top)
{
    char  *slash;

    slash = strrchr(folder, '/');

    if (slash == NULL || (size_t) (slash - folder) < strlen(top)) {
        return 0;
    }

    *slash = '\0';

    return 1;
}


/* The number behind the key at the start of a line, or the first one; a limit
 * that there is none ("max", -1) is none. */

static ngx_int_t
ngx_leadgen_system_number(const char *folder, const char *file,
    const char *key, uint64_t *value)
{
    char  text[NGX_LEADGEN_SYSTEM_TEXT], *p, *end;

    if (ngx_leadgen_system_text(folder, file, text) <= 0) {
        return NGX_ERROR;
    }

    p = text;

    while (key && strncmp(p, key, strlen(key)) != 0) {
        p = strchr(p, '\n');

        if (p == NULL) {
            return NGX_ERROR;
        }

        p++;
    }

    p += key ? strlen(key) : 0;
    p += strspn(p, " ");

    if (*p < '0' || *p > '9') {
        return NGX_DECLINED;
    }

    *value = strtoull(p, &end, 10);

    return end > p ? NGX_OK : NGX_ERROR;
}


static ssize_t
ngx_leadgen_system_text(const char *folder, const char *file, char *text)
{
    int      fd;
    char     path[2 * NGX_LEADGEN_SYSTEM_PATH];
    ssize_t  n;

    (void) snprintf(path, sizeof(path), "%s%s", folder, file);

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return NGX_ERROR;
    }

    n = read(fd, text, NGX_LEADGEN_SYSTEM_TEXT - 1);
    (void) close(fd);

    text[ngx_max(n, 0)] = '\0';

    return n;
}
