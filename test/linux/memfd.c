/* SPDX-License-Identifier: BSD-2-Clause */
/* Files in memory without a name, and seals: memfd_create, F_ADD_SEALS, F_GET_SEALS. */
#include "test/linux/check.h"

enum {
    ADD_SEALS = 1033,
    GET_SEALS,
    SEAL = 1,
    SHRINK = 2,
    GROW = 4,
    WRITE = 8,
    FUTURE_WRITE = 16,
};
#define PAGE  4096
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static int create(const char *name, unsigned flags)
{
    return (int)syscall(SYS_memfd_create, name, flags);
}

static int sealable(void)
{
    int fd = create("x", MFD_ALLOW_SEALING);
    CALL(ftruncate(fd, 2 * PAGE));
    return fd;
}

static void say_link(int fd)
{
    char name[64], link[512] = "";
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    CALL(readlink(name, link, sizeof link - 1));
    say("%s\n", link);
}

CASE(arguments)
{
    char name[300];
    memset(name, 'n', sizeof name);
    name[250] = 0;
    CALL(create(name, 0));
    name[249] = 0;
    int fd = create(name, 0);
    say_link(fd);
    CALL(create("", 0) > 0);
    CALL(create((char *)8, 0));
    CALL(create("x", 0x4000));
    CALL(create("x", 0x40));
    CALL(create("x", ~0u));
    fd = create("a/b c", MFD_CLOEXEC);
    say_link(fd);
    CALL(fcntl(fd, F_GETFD));
    CALL(fcntl(create("x", 0), F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & O_ACCMODE);
}

CASE(a_file)
{
    struct stat st;
    char bytes[16] = "";
    int fd = create("file", 0);
    CALL(fstat(fd, &st));
    say("mode %o, links %ld, size %ld\n", (unsigned)st.st_mode, (long)st.st_nlink,
        (long)st.st_size);
    TRUTH(st.st_uid == getuid() && st.st_gid == getgid());
    CALL(write(fd, "hello", 5));
    CALL(lseek(fd, 1, SEEK_SET));
    say_bytes("read", bytes, read(fd, bytes, sizeof bytes));
    CALL(ftruncate(fd, 2));
    say_bytes("pread", bytes, pread(fd, bytes, sizeof bytes, 0));
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int again = open(name, O_RDONLY);
    say_link(again);
    say_bytes("again", bytes, read(again, bytes, sizeof bytes));
    CALL(write(again, "x", 1));
    CALL(fcntl(again, ADD_SEALS, SEAL));
    CALL(linkat(AT_FDCWD, name, AT_FDCWD, "link", AT_SYMLINK_FOLLOW) == 0);
}

CASE(mapped)
{
    int fd = create("map", 0);
    CALL(ftruncate(fd, PAGE));
    char *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes[8] = "";
    char *b = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    strcpy(a, "there");
    say("%s\n", b);
    pid_t pid;
    CHILD(pid)
    {
        strcpy(a, "child");
    }
    say_end("child", pid);
    say("%s\n", b);
    say_bytes("pread", bytes, pread(fd, bytes, 6, 0));
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        char *name = strstr(line, "/memfd:");
        if (name) {
            say("%s", name);
        }
    }
    fclose(maps);
}

CASE(seals)
{
    int fd = create("x", 0), plain = open("plain", O_RDWR | O_CREAT, 0644), ends[2];
    pipe(ends);
    CALL(fcntl(fd, GET_SEALS));
    CALL(fcntl(fd, ADD_SEALS, SHRINK));
    CALL(fcntl(ends[0], GET_SEALS));
    CALL(fcntl(ends[1], ADD_SEALS, SHRINK));
    CALL(fcntl(plain, ADD_SEALS, SHRINK) == -1);
    fd = sealable();
    CALL(fcntl(fd, GET_SEALS));
    CALL(fcntl(fd, ADD_SEALS, 0x100));
    CALL(fcntl(fd, ADD_SEALS, 0));
    CALL(fcntl(fd, ADD_SEALS, SHRINK));
    CALL(fcntl(fd, ADD_SEALS, GROW));
    CALL(fcntl(fd, GET_SEALS));
    CALL(fcntl(dup(fd), GET_SEALS));
    CALL(fcntl(fd, ADD_SEALS, SEAL));
    CALL(fcntl(fd, ADD_SEALS, WRITE));
    CALL(fcntl(fd, ADD_SEALS, 0));
    CALL(fcntl(fd, GET_SEALS));
    CALL(fcntl(99, GET_SEALS));
}

CASE(size_seals)
{
    static char big[3 * PAGE];
    int fd = sealable();
    CALL(fcntl(fd, ADD_SEALS, SHRINK));
    CALL(ftruncate(fd, PAGE));
    CALL(ftruncate(fd, 2 * PAGE));
    CALL(ftruncate(fd, 2 * PAGE + 5));
    CALL(fallocate(fd, PUNCH, 0, PAGE));
    CALL(fcntl(fd, ADD_SEALS, GROW));
    CALL(ftruncate(fd, 3 * PAGE));
    CALL(pwrite(fd, "x", 1, 2 * PAGE + 4));
    CALL(pwrite(fd, "xx", 2, 2 * PAGE + 4));
    CALL(pwrite(fd, "x", 1, 2 * PAGE + 5));
    CALL(pwrite(fd, "", 0, 3 * PAGE));
    CALL(pwrite(fd, big, sizeof big, PAGE));
    CALL(fallocate(fd, 0, 0, 2 * PAGE));
    CALL(fallocate(fd, 0, 0, 3 * PAGE));
    CALL(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 3 * PAGE));
    CALL(lseek(fd, 0, SEEK_END));
    fcntl(fd, F_SETFL, O_APPEND);
    CALL(write(fd, "x", 1));
}

CASE(write_seal)
{
    int fd = sealable();
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(map, "text");
    CALL(fcntl(fd, ADD_SEALS, WRITE));
    CALL(fcntl(fd, GET_SEALS));
    munmap(map, PAGE);
    CALL(fcntl(fd, ADD_SEALS, WRITE));
    CALL(fcntl(fd, ADD_SEALS, WRITE));
    CALL(fcntl(fd, GET_SEALS));
    CALL(write(fd, "x", 1));
    CALL(write(fd, "", 0));
    CALL(ftruncate(fd, PAGE));
    CALL(fallocate(fd, PUNCH, 0, PAGE));
    CALL(fallocate(fd, 0, 0, 2 * PAGE));
    CALL_OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char *copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    say("%s\n", copy);
    copy[0] = 'T';
    private[0] = 'p';
    say("%s %s\n", copy, private);
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int again = open(name, O_RDONLY), writable = open(name, O_RDWR);
    CALL(write(writable, "x", 1));
    char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, again, 0);
    say("%s\n", shared);
    CALL(mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
    CALL(fcntl(again, GET_SEALS));
}

CASE(future_write_seal)
{
    int fd = sealable();
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CALL(fcntl(fd, ADD_SEALS, FUTURE_WRITE));
    CALL(fcntl(fd, GET_SEALS));
    strcpy(map, "mapped");
    CALL(write(fd, "x", 1));
    CALL(fallocate(fd, PUNCH, 0, PAGE));
    CALL_OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    say("%s\n", shared);
    CALL(mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
    CALL(mprotect(map, PAGE, PROT_READ));
    CALL(mprotect(map, PAGE, PROT_READ | PROT_WRITE));
    CALL(ftruncate(fd, 5 * PAGE));
}

CASE(seals_in_a_child)
{
    int fd = sealable();
    int go[2], back[2];
    pipe(go);
    pipe(back);
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t pid;
    CHILD(pid)
    {
        pass(back[1]);
        await(go[0]);
    }
    await(back[0]);
    munmap(map, PAGE);
    CALL(fcntl(fd, ADD_SEALS, WRITE));
    pass(go[1]);
    say_end("child", pid);
    CALL(fcntl(fd, ADD_SEALS, WRITE));
}

CASE(executed)
{
    char bytes[65536];
    int fd = create("program", MFD_CLOEXEC), self = open("/proc/self/exe", O_RDONLY);
    ssize_t size;
    while ((size = read(self, bytes, sizeof bytes)) > 0) {
        write(fd, bytes, (size_t)size);
    }
    pid_t pid;
    CHILD(pid)
    {
        char *args[] = {"memfd", "again", NULL}, *env[] = {NULL};
        syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH);
        say("execveat: %s\n", error_name(errno));
    }
    say_end("child", pid);
    CALL(write(fd, "x", 1));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "again") == 0) {
        char link[64] = "";
        readlink("/proc/self/exe", link, sizeof link - 1);
        say("this is %s\n", link);
        return 7;
    }
    return RUN(ENTRY(arguments), ENTRY(a_file), ENTRY(mapped), ENTRY(seals), ENTRY(size_seals),
               ENTRY(write_seal), ENTRY(future_write_seal), ENTRY(seals_in_a_child),
               ENTRY(executed));
}
