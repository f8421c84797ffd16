/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root of /proc and its files about the whole system, checked against what the calls say; and
 * how files and directories of /proc behave as files.
 */
#include "test/linux/slurp.h"

#include <dirent.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

CASE(self)
{
    char expected[64];
    snprintf(expected, sizeof expected, "%d", getpid());
    TRUTH(link_is("/proc/self", expected));
    snprintf(expected, sizeof expected, "%d/task/%d", getpid(), getpid());
    TRUTH(link_is("/proc/thread-self", expected));
    TRUTH(link_is("/proc/mounts", "self/mounts"));
    struct statfs fs;
    CALL(statfs("/proc", &fs));
    TRUTH(fs.f_type == 0x9fa0);
    CALL(statfs("/sys", &fs));
    TRUTH(fs.f_type == 0x62656572);
}

CASE(listing)
{
    bool self = false, own = false, one = false, meminfo = false;
    unsigned char own_type = 0, meminfo_type = 0, self_type = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, "self") == 0) {
            self = true;
            self_type = entry->d_type;
        }
        if (atoi(entry->d_name) == getpid()) {
            own = true;
            own_type = entry->d_type;
        }
        if (strcmp(entry->d_name, "meminfo") == 0) {
            meminfo = true;
            meminfo_type = entry->d_type;
        }
        one |= strcmp(entry->d_name, "1") == 0;
    }
    closedir(dir);
    TRUTH(self && own && one && meminfo);
    SHOW(self_type);
    SHOW(own_type);
    SHOW(meminfo_type);
    CALL(mkdir("/proc/new", 0755));
    CALL(open("/proc/new", O_CREAT | O_WRONLY, 0644));
    CALL(unlink("/proc/meminfo"));
    CALL(access("/proc/0", F_OK));
    CALL(access("/proc/01", F_OK));
    CALL(access("/proc/99999999999", F_OK));
    CALL(access("/proc/-1", F_OK));
}

CASE(reading)
{
    char first[64], again[64];
    int fd = open("/proc/version", O_RDONLY);
    CALL(read(fd, first, 13));
    say("%.13s\n", first);
    CALL(lseek(fd, 0, SEEK_SET));
    CALL(read(fd, again, 13));
    TRUTH(memcmp(first, again, 13) == 0);
    CALL(lseek(fd, 6, SEEK_SET));
    CALL(read(fd, again, 7));
    say("%.7s\n", again);
    CALL(pread(fd, again, 5, 0));
    say("%.5s\n", again);
    CALL(lseek(fd, -1, SEEK_SET));
    CALL(read(fd, (void *)8, 10));
    CALL(write(fd, "x", 1));
    CALL(ftruncate(fd, 0));
    struct stat st;
    fstat(fd, &st);
    say("%o %ld\n", st.st_mode, (long)st.st_size);
    fd = open("/proc/self", O_RDONLY | O_DIRECTORY);
    CALL(read(fd, first, 10));
}

CASE(system_files)
{
    struct utsname uts;
    struct sysinfo info;
    char expected[300];
    uname(&uts);
    sysinfo(&info);
    slurp("/proc/version");
    snprintf(expected, sizeof expected, "Linux version %s ", uts.release);
    TRUTH(strncmp(text, expected, strlen(expected)) == 0);
    slurp("/proc/sys/kernel/osrelease");
    snprintf(expected, sizeof expected, "%s\n", uts.release);
    TRUTH(strcmp(text, expected) == 0);
    slurp("/proc/sys/kernel/hostname");
    snprintf(expected, sizeof expected, "%s\n", uts.nodename);
    TRUTH(strcmp(text, expected) == 0);
    slurp("/proc/sys/kernel/ostype");
    say("%s", text);
    slurp("/proc/meminfo");
    TRUTH(strtoull(field("MemTotal"), NULL, 10) * 1024 == info.totalram * info.mem_unit);
    TRUTH(atol(field("MemFree")) > 0 && atol(field("MemAvailable")) > 0);
    slurp("/proc/uptime");
    double up, idle;
    CALL(sscanf(text, "%lf %lf", &up, &idle));
    TRUTH(up >= (double)info.uptime - 1 && up < (double)info.uptime + 60);
    float load[3];
    int running, total, last;
    slurp("/proc/loadavg");
    CALL(sscanf(text, "%f %f %f %d/%d %d", &load[0], &load[1], &load[2], &running, &total, &last));
    TRUTH(running >= 1 && total >= running);
    slurp("/proc/stat");
    TRUTH(strncmp(text, "cpu  ", 5) == 0);
    const char *boot = strstr(text, "\nbtime ");
    TRUTH(boot != NULL && labs(atol(boot + 7) - ((long)time(NULL) - (long)info.uptime)) < 60);
    TRUTH(strstr(text, "\ncpu0 ") != NULL && strstr(text, "\nctxt ") != NULL);
    slurp("/proc/filesystems");
    TRUTH(strstr(text, "nodev\tproc\n") != NULL && strstr(text, "nodev\ttmpfs\n") != NULL);
    slurp("/proc/cpuinfo");
    TRUTH(strncmp(text, "processor\t: 0\n", 14) == 0);
    slurp("/proc/devices");
    TRUTH(strncmp(text, "Character devices:\n  1 mem\n", 27) == 0);
    slurp("/proc/swaps");
    TRUTH(strncmp(text, "Filename\t\t\t\tType\t\t", 18) == 0);
    slurp("/sys/devices/system/cpu/online");
    TRUTH(text[0] == '0');
}

CASE(random_ids)
{
    char first[64];
    CALL(slurp("/proc/sys/kernel/random/uuid"));
    strcpy(first, text);
    slurp("/proc/sys/kernel/random/uuid");
    TRUTH(strcmp(first, text) != 0);
    TRUTH(text[8] == '-' && text[14] == '4' && text[36] == '\n');
    slurp("/proc/sys/kernel/random/boot_id");
    strcpy(first, text);
    slurp("/proc/sys/kernel/random/boot_id");
    TRUTH(strcmp(first, text) == 0);
    slurp("/proc/sys/kernel/random/poolsize");
    say("%s", text);
}

CASE(mounts)
{
    CALL(slurp("/proc/self/mounts") > 0);
    int lines = 0, good = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char source[256], target[256], type[64], options[512];
        int a, b;
        lines++;
        good += sscanf(line, "%255s %255s %63s %511s %d %d", source, target, type, options, &a,
                       &b) == 6 &&
                target[0] == '/' && a == 0 && b == 0;
    }
    TRUTH(lines > 1 && lines == good);
    CALL(slurp("/proc/self/mountinfo") > 0);
    lines = good = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        int id, parent;
        unsigned major, minor;
        lines++;
        good += sscanf(line, "%d %d %u:%u ", &id, &parent, &major, &minor) == 4 &&
                strstr(line, " - ") != NULL;
    }
    TRUTH(lines > 1 && lines == good);
}

int main(void)
{
    return RUN(ENTRY(self), ENTRY(listing), ENTRY(reading), ENTRY(system_files), ENTRY(random_ids),
               ENTRY(mounts));
}
