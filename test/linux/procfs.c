/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID: what programs read there, checked against what the calls say. Values that change are
 * not said, only whether they fit.
 */
#include "test/linux/slurp.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

CASE(stat_fields)
{
    int pid, ppid, pgrp, session;
    char comm[32], state;
    slurp("/proc/self/stat");
    CALL(sscanf(text, "%d (%30[^)]) %c %d %d %d", &pid, comm, &state, &ppid, &pgrp, &session));
    TRUTH(pid == getpid());
    say("%s %c\n", comm, state);
    TRUTH(ppid == getppid());
    TRUTH(pgrp == getpgrp());
    TRUTH(session == getsid(0));
    unsigned long long values[64];
    int count = 0;
    const char *at = strrchr(text, ')') + 4;
    for (char *end; count < 64; at = end) {
        values[count] = (unsigned long long)strtoll(at, &end, 10);
        if (end == at) {
            break;
        }
        count++;
    }
    SHOW(count + 3);      /* fields in all */
    SHOW(values[18 - 4]); /* priority */
    SHOW(values[19 - 4]); /* nice */
    SHOW(values[20 - 4]); /* threads */
    TRUTH(values[23 - 4] > 4096 && values[23 - 4] % 4096 == 0);
    TRUTH((unsigned long long)(uintptr_t)case_stat_fields >= values[26 - 4] &&
          (unsigned long long)(uintptr_t)case_stat_fields < values[27 - 4]);
    SHOW(values[38 - 4]); /* exit signal */
}

static char *arguments[] = {"an argument", "", "another", NULL};

CASE(status_fields)
{
    static const char *const names[] = {"Name",   "Umask",      "State",  "Ngid",   "TracerPid",
                                        "Uid",    "Gid",        "VmLck",  "VmSwap", "Threads",
                                        "SigPnd", "ShdPnd",     "SigBlk", "SigCgt", "CapInh",
                                        "CapAmb", "NoNewPrivs", "Seccomp"};
    signal(SIGUSR1, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR2);
    umask(027);
    slurp("/proc/self/status");
    for (size_t i = 0; i < COUNT(names); i++) {
        say("%s: %s\n", names[i], field(names[i]));
    }
    TRUTH((strtoull(field("SigIgn"), NULL, 16) & 0x200) != 0);
    TRUTH(atoi(field("Pid")) == getpid() && atoi(field("Tgid")) == getpid());
    TRUTH(atoi(field("PPid")) == getppid());
    TRUTH(atoi(field("VmPeak")) >= atoi(field("VmSize")) && atoi(field("VmSize")) > 0);
    TRUTH(atoi(field("VmHWM")) >= atoi(field("VmRSS")) && atoi(field("VmRSS")) > 0);
    TRUTH(atoi(field("RssAnon")) + atoi(field("RssFile")) + atoi(field("RssShmem")) ==
          atoi(field("VmRSS")));
    TRUTH(strcmp(field("Cpus_allowed_list"), "missing") != 0);
    TRUTH(strcmp(field("voluntary_ctxt_switches"), "missing") != 0);
}

CASE(memory_counts)
{
    slurp("/proc/self/statm");
    unsigned long size, resident, shared, code, lib, data, dirty;
    CALL(sscanf(text, "%lu %lu %lu %lu %lu %lu %lu", &size, &resident, &shared, &code, &lib, &data,
                &dirty));
    unsigned long before = resident, size_before = size;
    char *p = mmap(NULL, 100 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    slurp("/proc/self/statm");
    sscanf(text, "%lu", &size);
    SHOW(size - size_before);
    for (int i = 0; i < 100; i++) {
        p[i * 4096] = 1;
    }
    slurp("/proc/self/statm");
    sscanf(text, "%lu %lu", &size, &resident);
    TRUTH(resident - before >= 100 && resident - before < 110);
}

/* The line of maps that holds an address: its rights and its name. */
static void say_mapping(const char *what, const void *address)
{
    slurp("/proc/self/maps");
    for (char *line = text; *line != 0; line = strchr(line, '\n') + 1) {
        unsigned long start, end, offset, ino;
        unsigned major, minor;
        char rights[8];
        int at = 0;
        int got = sscanf(line, "%lx-%lx %4s %lx %x:%x %lu%n", &start, &end, rights, &offset, &major,
                         &minor, &ino, &at);
        if (got != 7) {
            say("a line that cannot be read\n");
            return;
        }
        if ((uintptr_t)address < start || (uintptr_t)address >= end) {
            continue;
        }
        const char *name = line + at + strspn(line + at, " ");
        int length = (int)strcspn(name, "\n");
        const char *slash = memrchr(name, '/', (size_t)length);
        if (slash != NULL) {
            length -= (int)(slash - name);
            name = slash;
        }
        say("%s: %s %s \"%.*s\" column %d\n", what, rights, ino != 0 ? "file" : "no file", length,
            name, length > 0 && slash == NULL ? (int)(name - line) : 0);
        return;
    }
    say("%s: not mapped\n", what);
}

CASE(maps)
{
    int on_stack = 0;
    make_file("mapped", "hello");
    int fd = open("mapped", O_RDWR);
    char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    char *q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *n = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sbrk(8192);
    say_mapping("code", (void *)(uintptr_t)case_maps);
    say_mapping("private", p);
    say_mapping("shared", q);
    say_mapping("shared anonymous", s);
    say_mapping("nothing", n);
    say_mapping("heap", (char *)sbrk(0) - 1);
    say_mapping("stack", &on_stack);
    unlink("mapped");
    say_mapping("deleted", p);
    say_mapping("page 0", NULL);
}

CASE(smaps)
{
    TRUTH(slurp("/proc/self/smaps") > 0);
    TRUTH(strcmp(field("Rss"), "missing") != 0 && strcmp(field("Pss"), "missing") != 0);
    TRUTH(slurp("/proc/self/smaps_rollup") > 0);
    TRUTH(strstr(text, "[rollup]\n") != NULL);
    TRUTH(atoi(field("Rss")) >= atoi(field("Pss")) && atoi(field("Pss")) > 0);
}

CASE(descriptors)
{
    char name[64], target[256];
    make_file("file", "hello");
    int fd = open("file", O_RDONLY), ends[2];
    pipe(ends);
    struct stat st, other;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(name, target, sizeof target);
    TRUTH(size > 16 && memcmp(target + size - 16, "descriptors/file", 16) == 0);
    lstat(name, &st);
    say("%o size %ld\n", st.st_mode, (long)st.st_size > 0 ? 1l : 0l);
    unlink("file");
    size = readlink(name, target, sizeof target);
    TRUTH(size > 15 && memcmp(target + size - 15, "file (deleted)", 14) != 0);
    TRUTH(size > 14 && memcmp(target + size - 14, "file (deleted)", 14) == 0);
    stat(name, &st);
    fstat(fd, &other);
    TRUTH(st.st_ino == other.st_ino && st.st_dev == other.st_dev);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    size = readlink(name, target, sizeof target);
    say("%.6s\n", target);
    lstat(name, &st);
    say("%o\n", st.st_mode);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[0]);
    lstat(name, &st);
    say("%o\n", st.st_mode);
    lstat("/proc/self/fd", &st);
    say("%o\n", st.st_mode);
    CALL(readlink("/proc/self/fd/99", target, sizeof target));
    CALL(readlink("/proc/self/fd/x", target, sizeof target));
    CALL(readlink("/proc/self/fd/01", target, sizeof target));
    CALL(unlink("/proc/self/fd/0"));
    lseek(fd, 3, SEEK_SET);
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
    slurp(name);
    say("pos %s\n", field("pos"));
}

CASE(directories)
{
    char target[4096], cwd[4096];
    getcwd(cwd, sizeof cwd);
    TRUTH(link_is("/proc/self/cwd", cwd));
    TRUTH(link_is("/proc/self/root", "/"));
    ssize_t size = readlink("/proc/self/exe", target, sizeof target);
    TRUTH(size > 7 && memcmp(target + size - 7, "/procfs", 7) == 0);
    struct stat a, b;
    stat("/proc/self/cwd", &a);
    stat(".", &b);
    TRUTH(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    make_file("here", "x");
    CALL(access("/proc/self/cwd/here", F_OK));
    CALL(access("/proc/self/cwd/../directories/here", F_OK));
}

CASE(names)
{
    slurp("/proc/self/comm");
    say("%s", text);
    prctl(PR_SET_NAME, "a longer name than fits");
    slurp("/proc/self/comm");
    say("%s", text);
    int fd = open("/proc/self/comm", O_WRONLY);
    CALL(write(fd, "written", 7));
    char name[17] = "";
    prctl(PR_GET_NAME, name);
    say("%s\n", name);
    CALL(write(fd, "0123456789abcdefghij", 20));
    prctl(PR_GET_NAME, name);
    say("%s\n", name);
}

CASE(limits)
{
    struct rlimit limit = {100, 200};
    setrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_CORE, &limit);
    slurp("/proc/self/limits");
    const char *line = strstr(text, "Max open files");
    say("%.*s\n", line == NULL ? 0 : (int)strcspn(line, "\n"), line);
    say("%.*s\n", (int)strcspn(text, "\n"), text);
    int lines = 0;
    for (const char *p = text; *p != 0; p++) {
        lines += *p == '\n';
    }
    SHOW(lines);
}

/* The arguments and environment of a child that runs this program again. */
CASE(arguments)
{
    extern char **environ;
    char name[64];
    int ends[2], back[2];
    pipe(ends);
    pipe(back);
    pid_t pid;
    static char *environment[] = {"A=1", "B=two words", NULL};
    CHILD(pid)
    {
        dup2(ends[0], 0);
        close(ends[1]);
        close(back[0]);
        fcntl(back[1], F_SETFD, FD_CLOEXEC); /* closes when the program runs */
        execve("/proc/self/exe", arguments, environment);
    }
    close(back[1]);
    await(back[0]);
    snprintf(name, sizeof name, "/proc/%d/cmdline", pid);
    say_bytes("cmdline", text, slurp(name));
    snprintf(name, sizeof name, "/proc/%d/environ", pid);
    say_bytes("environ", text, slurp(name));
    close(ends[1]);
    say_end("child", pid);
    TRUTH(environ != NULL);
}

CASE(auxiliary_vector)
{
    unsigned long *pairs = (unsigned long *)(void *)text;
    ssize_t size = slurp("/proc/self/auxv");
    TRUTH(size > 100 && size % 16 == 0);
    for (ssize_t i = 0; i < size / 16; i++) {
        if (pairs[2 * i] == AT_PAGESZ || pairs[2 * i] == AT_CLKTCK) {
            say("%lu: %lu\n", pairs[2 * i], pairs[2 * i + 1]);
        }
        if (pairs[2 * i] == AT_RANDOM) {
            TRUTH(pairs[2 * i + 1] == getauxval(AT_RANDOM));
        }
    }
    TRUTH(pairs[size / 8 - 2] == AT_NULL);
}

/* What is open stays open, but says that the process has gone. */
CASE(process_gone)
{
    char name[64];
    int ends[2], status;
    pipe(ends);
    pid_t pid;
    CHILD(pid)
    {
        close(ends[1]);
        await(ends[0]);
    }
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    int fd = open(name, O_RDONLY);
    snprintf(name, sizeof name, "/proc/%d", pid);
    int dir = open(name, O_RDONLY | O_DIRECTORY);
    CALL(access(name, F_OK));
    close(ends[1]);
    /* A zombie is still there, with a name and nothing else. */
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    snprintf(name, sizeof name, "/proc/%d/status", pid);
    slurp(name);
    say("State: %s\n", field("State"));
    say("Name: %s\n", field("Name"));
    say("VmSize: %s\n", field("VmSize"));
    snprintf(name, sizeof name, "/proc/%d/cmdline", pid);
    CALL(slurp(name));
    snprintf(name, sizeof name, "/proc/%d/maps", pid);
    CALL(slurp(name));
    snprintf(name, sizeof name, "/proc/%d/exe", pid);
    CALL(readlink(name, text, sizeof text));
    waitpid(pid, &status, 0);
    CALL(read(fd, text, 100));
    TRUTH(openat(dir, "stat", O_RDONLY) < 0);
    struct dirent *entry = NULL;
    DIR *stream = fdopendir(dir);
    if (stream != NULL) {
        entry = readdir(stream);
    }
    TRUTH(entry == NULL);
    snprintf(name, sizeof name, "/proc/%d", pid);
    CALL(access(name, F_OK));
}

static void *thread_body(void *arg)
{
    prctl(PR_SET_NAME, "second");
    int *ends = arg;
    pass(ends[3]);
    await(ends[0]);
    return NULL;
}

CASE(threads)
{
    int ends[4];
    pipe(ends);
    pipe(ends + 2);
    pthread_t thread;
    pthread_create(&thread, NULL, thread_body, ends);
    await(ends[2]);
    int count = 0;
    long second = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            count++;
            second = atol(entry->d_name) != getpid() ? atol(entry->d_name) : second;
        }
    }
    closedir(dir);
    SHOW(count);
    char name[64];
    snprintf(name, sizeof name, "/proc/self/task/%ld/comm", second);
    slurp(name);
    say("%s", text);
    snprintf(name, sizeof name, "/proc/self/task/%ld/status", second);
    slurp(name);
    TRUTH(atol(field("Pid")) == second && atoi(field("Tgid")) == getpid());
    say("Threads: %s\n", field("Threads"));
    snprintf(name, sizeof name, "/proc/%ld/comm", second);
    slurp(name);
    say("%s", text);
    CALL(access("/proc/self/task/1", F_OK));
    pass(ends[1]);
    pthread_join(thread, NULL);
    do {
        slurp("/proc/self/status"); /* it is joined a moment before it is gone */
    } while (atoi(field("Threads")) != 1);
    say("Threads: %s\n", field("Threads"));
}

CASE(strangers)
{
    char name[64];
    pid_t pid, target = getpid();
    CHILD(pid)
    {
        setgid(12345);
        setuid(12345);
        snprintf(name, sizeof name, "/proc/%d/environ", target);
        CALL(open(name, O_RDONLY));
        snprintf(name, sizeof name, "/proc/%d/maps", target);
        CALL(open(name, O_RDONLY));
        snprintf(name, sizeof name, "/proc/%d/fd", target);
        CALL(open(name, O_RDONLY | O_DIRECTORY));
        snprintf(name, sizeof name, "/proc/%d/mem", target);
        CALL(open(name, O_RDONLY));
        snprintf(name, sizeof name, "/proc/%d/exe", target);
        CALL(readlink(name, text, sizeof text));
        snprintf(name, sizeof name, "/proc/%d/cwd", target);
        CALL(readlink(name, text, sizeof text));
        snprintf(name, sizeof name, "/proc/%d/status", target);
        TRUTH(slurp(name) > 0);
        say("Name: %s\n", field("Name"));
        snprintf(name, sizeof name, "/proc/%d/cmdline", target);
        TRUTH(slurp(name) > 0);
        CALL(open("/proc/sys/kernel/hostname", O_WRONLY));
        CALL(open("/proc/kmsg", O_RDONLY));
    }
    say_end("stranger", pid);
}

CASE(memory_of_a_process)
{
    static char room[4096] = "what the parent has";
    int ends[2];
    pipe(ends);
    pid_t pid;
    CHILD(pid)
    {
        strcpy(room, "what the child has");
        close(ends[1]);
        await(ends[0]);
        say("child: %s\n", room);
    }
    char name[64], seen[32] = "";
    snprintf(name, sizeof name, "/proc/self/mem");
    int fd = open(name, O_RDWR);
    CALL(pread(fd, seen, 20, (off_t)(uintptr_t)room));
    say("%s\n", seen);
    CALL(pwrite(fd, "WHAT", 4, (off_t)(uintptr_t)room));
    say("%s\n", room);
    CALL(pread(fd, seen, 20, 16));
    close(ends[1]);
    say_end("child", pid);
}

int main(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], arguments[0]) == 0) {
        await(0);
        return 0;
    }
    return RUN(ENTRY(stat_fields), ENTRY(status_fields), ENTRY(memory_counts), ENTRY(maps),
               ENTRY(smaps), ENTRY(descriptors), ENTRY(directories), ENTRY(names), ENTRY(limits),
               ENTRY(arguments), ENTRY(auxiliary_vector), ENTRY(process_gone), ENTRY(threads),
               ENTRY(strangers), ENTRY(memory_of_a_process));
}
