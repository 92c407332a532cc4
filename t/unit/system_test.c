
/*
 * The system: figures as the kernel's files have them, on machines and in
 * control groups of both versions.
 *
 * sources: src/io/ngx_leadgen_system.c
 */


#include "unit.h"
#include "ngx_leadgen_io.h"
#include <stdarg.h>
#include <sys/stat.h>


#define GIB  (1024ull * 1024 * 1024)


static char      root[] = "/tmp/leadgen-unit-XXXXXX";
static uint64_t  now = 1000000;             /* microseconds */


uint64_t
ngx_leadgen_time_monotonic(void)
{
    return now;
}


static void
file(const char *path, const char *text)
{
    char   name[512], *slash;
    FILE  *f;

    (void) snprintf(name, sizeof(name), "%s%s", root, path);

    for (slash = strchr(name + sizeof(root), '/');
         slash;
         slash = strchr(slash + 1, '/'))
    {
        *slash = '\0';
        (void) mkdir(name, 0700);
        *slash = '/';
    }

    f = fopen(name, "w");
    if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF) {
        abort();
    }
}


static void
clean(void)
{
    char  command[128];

    (void) snprintf(command, sizeof(command), "rm -rf %s/*", root);

    if (system(command) != 0) {
        abort();
    }
}


static void
machine(void)
{
    clean();
    file("/proc/meminfo", "MemTotal:        8388608 kB\n"
                          "MemFree:          100000 kB\n"
                          "MemAvailable:    4194304 kB\n");
    file("/proc/stat", "cpu  100 20 30 1000 50 5 5 40 7 7\n"
                       "cpu0 100 20 30 1000 50 5 5 40 7 7\n");
}


static ngx_leadgen_system_t
sample(const ngx_leadgen_system_t *before)
{
    ngx_leadgen_system_t  found;

    ngx_leadgen_system_read(root, "/", before, &found);

    return found;
}


static void
test_machine(void)
{
    ngx_leadgen_system_t  first, found;

    machine();
    first = sample(NULL);

    is_int(first.cpu, -1, "of one sample there is no use of the processor");
    is_int(first.busy, 200, "user nice system irq softirq steal");
    is_int(first.elapsed, 1250, "and idle, iowait; guests are users already");
    is_int(first.memory_total, 8 * GIB, "memory");
    is_int(first.memory_available, 4 * GIB, "available");
    ok(first.disk_total >= first.disk_used + first.disk_free
       && first.disk_free, "a disk");

    file("/proc/stat", "cpu  130 20 30 1060 60 5 5 40 7 7\n");
    found = sample(&first);
    is_int(found.cpu, 3000, "30 of 100");

    file("/proc/stat", "cpu  1 1 1 1 1 1 1 1 1 1\n");
    found = sample(&first);
    is_int(found.cpu, -1, "counters that go back say nothing");
}


static void
test_version_2(void)
{
    ngx_leadgen_system_t  first, found;

    machine();
    file("/proc/self/cgroup", "0::/pod/box\n");
    file("/sys/fs/cgroup/pod/memory.max", "1073741824\n");
    file("/sys/fs/cgroup/pod/memory.current", "805306368\n");
    file("/sys/fs/cgroup/pod/memory.stat", "anon 1\ninactive_file 268435456\n");
    file("/sys/fs/cgroup/pod/box/memory.max", "max\n");
    file("/sys/fs/cgroup/pod/box/memory.current", "1\n");
    file("/sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
    file("/sys/fs/cgroup/pod/cpu.max", "50000 100000\n");
    file("/sys/fs/cgroup/pod/cpu.stat", "usage_usec 1000000\nuser_usec 1\n");

    first = sample(NULL);

    is_int(first.memory_total, GIB, "the limit of the group above");
    is_int(first.memory_available, GIB / 2, "its file cache is available");
    is_int(first.grouped, 1, "half a processor");

    now += 1000000;
    file("/sys/fs/cgroup/pod/cpu.stat", "usage_usec 1250000\n");
    found = sample(&first);
    is_int(found.cpu, 5000, "of which half is used");

    file("/proc/self/cgroup", "0::/not/seen/from/here\n");
    file("/sys/fs/cgroup/memory.max", "2147483648\n");
    file("/sys/fs/cgroup/memory.current", "1073741824\n");
    found = sample(NULL);
    is_int(found.memory_total, 2 * GIB, "a container sees its own as the top");
    is_int(found.memory_available, GIB, "available there");
    is_int(found.grouped, 0, "all processors");
}


static void
test_version_1(void)
{
    ngx_leadgen_system_t  first, found;

    machine();
    file("/proc/self/cgroup", "5:cpuset:/\n4:memory:/box\n"
                              "3:cpu,cpuacct:/box\n0::/other\n");
    file("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "1073741824\n");
    file("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "1073741824\n");
    file("/sys/fs/cgroup/memory/box/memory.stat",
         "inactive_file 5\ntotal_inactive_file 536870912\n");
    file("/sys/fs/cgroup/memory/memory.limit_in_bytes",
         "9223372036854771712\n");
    file("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
    file("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "200000\n");
    file("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    file("/sys/fs/cgroup/cpu/box/cpuacct.usage", "1000000000\n");

    first = sample(NULL);

    is_int(first.memory_total, GIB, "a limit");
    is_int(first.memory_available, GIB / 2, "and what is left");

    now += 1000000;
    file("/sys/fs/cgroup/cpu/box/cpuacct.usage", "1500000000\n");
    found = sample(&first);
    is_int(found.cpu, 2500, "a quarter of two processors");

    file("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
    found = sample(&first);
    is_int(found.grouped, 0, "without a quota the machine's");
    is_int(found.cpu, -1, "which can't be compared with the group's");
}


static void
test_nothing(void)
{
    ngx_leadgen_system_t  found;

    clean();
    found = sample(NULL);

    is_int(found.memory_total, 0, "without /proc nothing is known");
    is_int(found.cpu, -1, "of the processor, too");

    file("/proc/stat", "garbage");
    file("/proc/meminfo", "MemTotal: lots\nMemAvailable: 1 kB\n");
    file("/proc/self/cgroup", "what:is\n\n:::\nthis");
    found = sample(NULL);
    is_int(found.memory_total, 0, "of garbage, too");
}


int
main(void)
{
    if (mkdtemp(root) == NULL) {
        abort();
    }

    test_machine();
    test_version_2();
    test_version_1();
    test_nothing();

    clean();
    (void) rmdir(root);

    return unit_done();
}
