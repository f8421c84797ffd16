/* SPDX-License-Identifier: BSD-2-Clause */
/* Names: directories, links, renames, symbolic links, long names, the working directory. */
#include "test/linux/check.h"

#include <dirent.h>
#include <sys/mount.h>

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A directory's entries in the order of their names, with their types. */
static void list(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        say("%s: %s\n", path, error_name(errno));
        return;
    }
    char *names[300];
    size_t count = 0;
    for (struct dirent *e; count < COUNT(names) && (e = readdir(dir));) {
        char text[300];
        snprintf(text, sizeof text, "%s/%d", e->d_name, e->d_type);
        names[count++] = strdup(text);
    }
    closedir(dir);
    qsort(names, count, sizeof names[0], compare);
    say("%s:", path);
    for (size_t i = 0; i < count; i++) {
        say(" %s", names[i]);
    }
    say("\n");
}

CASE(make_and_remove_directories)
{
    CALL(mkdir("d", 0755));
    CALL(mkdir("d", 0755));
    CALL(mkdir("d/", 0755));
    CALL(mkdir("a/b", 0755));
    CALL(mkdir("e/", 0755));
    CALL(mkdir("", 0755));
    CALL(mkdir(".", 0755));
    CALL(mkdir("/", 0755));
    make_file("d/f", "x");
    CALL(mkdir("d/f", 0755));
    CALL(mkdir("d/f/g", 0755));
    CALL(rmdir("d"));
    CALL(rmdir("d/f"));
    CALL(rmdir("none"));
    CALL(rmdir("e/."));
    CALL(rmdir("e/.."));
    CALL(rmdir("/"));
    unlink("d/f");
    CALL(rmdir("d/"));
    list(".");
}

CASE(entries_and_types)
{
    make_file("file", "");
    mkdir("dir", 0755);
    symlink("file", "link");
    mkfifo("fifo", 0644);
    list(".");
    list("dir");
    list("none");
    list("file");
}

CASE(many_entries)
{
    char name[32];
    mkdir("d", 0755);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "d/entry-%04d", i);
        close(open(name, O_CREAT | O_WRONLY, 0644));
    }
    DIR *dir = opendir("d");
    long count = 0, sum = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        count++;
        sum += e->d_name[0] == '.' ? 0 : atoi(e->d_name + 6);
    }
    say("%ld entries, sum %ld\n", count, sum);
    rewinddir(dir);
    count = 0;
    while (readdir(dir)) {
        count++;
    }
    SHOW(count);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "d/entry-%04d", i);
        unlink(name);
    }
    CALL(rmdir("d"));
}

CASE(removing_while_reading)
{
    char name[32];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "e%03d", i);
        make_file(name, "");
    }
    DIR *dir = opendir(".");
    long removed = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        removed += e->d_name[0] == 'e' && !unlink(e->d_name);
    }
    SHOW(removed);
    list(".");
}

CASE(getdents_errors)
{
    static char room[1024];
    make_file("f", "x");
    int d = open(".", O_RDONLY), f = open("f", O_RDONLY);
    CALL(syscall(SYS_getdents64, f, room, sizeof room));
    CALL(syscall(SYS_getdents64, 99, room, sizeof room));
    CALL(syscall(SYS_getdents64, d, room, 10));
    CALL(syscall(SYS_getdents64, d, 8, sizeof room));
    TRUTH(syscall(SYS_getdents64, d, room, sizeof room) > 0);
    CALL(syscall(SYS_getdents64, d, room, sizeof room));
    CALL(lseek(d, 0, SEEK_SET));
    TRUTH(syscall(SYS_getdents64, d, room, sizeof room) > 0);
    mkdir("gone", 0755);
    int g = open("gone", O_RDONLY);
    rmdir("gone");
    CALL(syscall(SYS_getdents64, g, room, sizeof room));
    CALL(openat(g, "x", O_CREAT | O_WRONLY, 0644));
}

CASE(hard_links)
{
    struct stat st;
    make_file("a", "text");
    CALL(link("a", "b"));
    CALL(link("a", "b"));
    CALL(link("none", "c"));
    CALL(link("a", "none/c"));
    mkdir("d", 0755);
    CALL(link("d", "e"));
    stat("b", &st);
    SHOW(st.st_nlink);
    make_file("b", "changed");
    say_file("a");
    CALL(unlink("a"));
    CALL(unlink("a"));
    CALL(unlink("d"));
    CALL(unlink("d/"));
    CALL(unlink("b/"));
    say_file("b");
    stat("b", &st);
    SHOW(st.st_nlink);
    symlink("b", "s");
    CALL(link("s", "t"));
    lstat("t", &st);
    SHOW(S_ISLNK(st.st_mode));
    CALL(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
    lstat("u", &st);
    SHOW(S_ISREG(st.st_mode));
}

CASE(rename_files)
{
    make_file("a", "A");
    make_file("b", "B");
    CALL(rename("a", "b"));
    say_file("b");
    CALL(access("a", F_OK));
    CALL(rename("none", "b"));
    CALL(rename("b", "none/c"));
    CALL(rename("b", "b"));
    link("b", "c");
    CALL(rename("b", "c"));
    list(".");
    int fd = open("c", O_RDONLY);
    make_file("n", "new");
    rename("n", "c");
    char text[4];
    say_bytes("old", text, read(fd, text, 4));
    say_file("c");
    CALL(rename("c", "c/"));
    CALL(rename("c", "new/"));
}

CASE(rename_directories)
{
    mkdir("d", 0755);
    mkdir("d/sub", 0755);
    mkdir("empty", 0755);
    mkdir("full", 0755);
    make_file("full/f", "x");
    make_file("f", "x");
    CALL(rename("d", "d/sub/x"));
    CALL(rename("d", "d"));
    CALL(rename("d", "full"));
    CALL(rename("d", "f"));
    CALL(rename("f", "d"));
    CALL(rename("d", "empty"));
    CALL(rename("empty/sub", "sub"));
    struct stat st;
    stat("empty", &st);
    SHOW(st.st_nlink);
    CALL(rename("sub/.", "x"));
    CALL(rename("sub/..", "x"));
    CALL(rename("sub", "empty/sub/"));
    list(".");
    list("empty");
}

CASE(rename_flags)
{
    make_file("a", "A");
    make_file("b", "B");
    CALL(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 1));
    CALL(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c", 1));
    CALL(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "b", 2));
    say_file("b");
    say_file("c");
    CALL(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "none", 2));
    CALL(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "b", 3));
    CALL(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "b", 0x80));
}

CASE(symbolic_links)
{
    char text[64];
    make_file("f", "through the link");
    mkdir("d", 0755);
    make_file("d/g", "in the directory");
    CALL(symlink("f", "l"));
    CALL(symlink("f", "l"));
    CALL(symlink("", "empty"));
    say_file("l");
    symlink("d", "dl");
    say_file("dl/g");
    symlink("../f", "d/up");
    say_file("d/up");
    symlink("l", "ll");
    say_file("ll");
    say_bytes("readlink", text, readlink("ll", text, sizeof text));
    say_bytes("readlink", text, readlink("dl", text, 1));
    CALL(readlink("f", text, sizeof text));
    CALL(readlink("none", text, sizeof text));
    CALL(readlink("l", text, 0));
    CALL(rmdir("dl"));
    CALL(unlink("dl"));
    CALL(mkdir("l", 0755));
    CALL(open("l/", O_RDONLY));
    symlink("gone", "broken");
    CALL(open("broken/x", O_RDONLY));
    CALL(mkdir("broken", 0755));
}

CASE(loops_of_links)
{
    char from[16], to[16];
    struct stat st;
    symlink("self", "self");
    CALL(open("self", O_RDONLY));
    CALL(stat("self", &st));
    CALL(lstat("self", &st));
    symlink("b", "a");
    symlink("a", "b");
    CALL(open("a/x", O_RDONLY));
    make_file("end", "the end");
    symlink("end", "c0");
    for (int i = 1; i <= 41; i++) {
        snprintf(from, sizeof from, "c%d", i);
        snprintf(to, sizeof to, "c%d", i - 1);
        symlink(to, from);
    }
    CALL(open("c39", O_RDONLY) >= 0);
    CALL(open("c40", O_RDONLY) >= 0);
}

CASE(long_names)
{
    static char name[300], path[5000];
    memset(name, 'n', sizeof name);
    name[255] = 0;
    CALL(mkdir(name, 0755));
    CALL(rmdir(name));
    name[255] = 'n';
    name[256] = 0;
    CALL(mkdir(name, 0755));
    CALL(open(name, O_RDONLY));
    memset(path, '/', sizeof path);
    strcpy(path + 4094, "x");
    path[0] = '.';
    CALL(mkdir(path, 0755));
    CALL(rmdir("x"));
    path[4094] = '/';
    strcpy(path + 4095, "x");
    CALL(mkdir(path, 0755));
    CALL(symlink(path, "s"));
}

CASE(dots_and_slashes)
{
    struct stat a, b;
    mkdir("d", 0755);
    make_file("d/f", "x");
    CALL(access("d/./../d//f", F_OK));
    CALL(access("d/f/.", F_OK));
    CALL(access("d/f/..", F_OK));
    CALL(access("none/..", F_OK));
    CALL(access("d/.", F_OK));
    CALL(access("///", F_OK));
    stat("/", &a);
    stat("/../..", &b);
    TRUTH(a.st_ino == b.st_ino);
    CALL(access("/./.", F_OK));
}

CASE(working_directory)
{
    char text[PATH_MAX], start[PATH_MAX];
    CALL_OK(getcwd(start, sizeof start));
    mkdir("d", 0755);
    make_file("f", "x");
    CALL(chdir("d"));
    getcwd(text, sizeof text);
    say("%s\n", text + strlen(start));
    CALL(chdir("none"));
    CALL(chdir("../f"));
    CALL(chdir(""));
    CALL(syscall(SYS_getcwd, text, 2));
    CALL(syscall(SYS_getcwd, 8, 100));
    int fd = open("..", O_RDONLY);
    CALL(chdir("/"));
    CALL(syscall(SYS_getcwd, text, sizeof text));
    CALL(fchdir(fd));
    getcwd(text, sizeof text);
    TRUTH(!strcmp(text, start));
    CALL(fchdir(open("f", O_RDONLY)));
    CALL(fchdir(99));
    chdir("d");
    CALL(rmdir("../d"));
    CALL(syscall(SYS_getcwd, text, sizeof text));
    CALL(open("x", O_CREAT | O_WRONLY, 0644));
    CALL(access(".", F_OK));
    CALL(chdir(".."));
}

CASE(relative_to_descriptors)
{
    mkdir("d", 0755);
    int d = open("d", O_RDONLY | O_DIRECTORY), f = open("file", O_CREAT | O_RDWR, 0644);
    CALL(mkdirat(d, "sub", 0755));
    CALL(openat(d, "f", O_CREAT | O_WRONLY, 0644) > 0);
    CALL(openat(f, "x", O_RDONLY));
    CALL(openat(99, "x", O_RDONLY));
    CALL(openat(99, "/dev/null", O_RDONLY) > 0);
    CALL(symlinkat("f", d, "l"));
    CALL(renameat(d, "f", AT_FDCWD, "moved"));
    CALL(linkat(AT_FDCWD, "moved", d, "again", 0));
    CALL(unlinkat(d, "sub", 0));
    CALL(unlinkat(d, "sub", AT_REMOVEDIR));
    CALL(unlinkat(d, "again", AT_REMOVEDIR));
    CALL(unlinkat(d, "again", 0x8));
    CALL(fchmodat(d, "again", 0600, 0));
    CALL(faccessat(d, "again", R_OK, 0));
    CALL(mkfifoat(d, "fifo", 0644));
    list("d");
    rename("d", "e");
    CALL(openat(d, "again", O_RDONLY) > 0);
}

CASE(change_of_root)
{
    mkdir("jail", 0755);
    make_file("jail/f", "inside");
    pid_t pid;
    CHILD(pid)
    {
        char text[64];
        CALL(chroot("jail"));
        say_file("/f");
        CALL(chdir("/"));
        CALL(access("/../../f", F_OK));
        CALL(syscall(SYS_getcwd, text, sizeof text));
        CALL(access("/dev", F_OK));
        CALL(chroot("f"));
        CALL(chroot("none"));
    }
    say_end("child", pid);
}

CASE(make_nodes)
{
    struct stat st;
    CALL(mknod("regular", S_IFREG | 0640, 0));
    CALL(mknod("null", S_IFCHR | 0666, 0x103));
    CALL(stat("null", &st));
    say("mode %o device %lx\n", st.st_mode, (long)st.st_rdev);
    CALL(mknod("null", S_IFCHR | 0666, 0x103));
    CALL(mknod("dir", S_IFDIR | 0755, 0));
    CALL(mknod("what", 0170000, 0));
    int fd = open("null", O_RDWR);
    CALL(write(fd, "x", 1));
    CALL(read(fd, &st, 1));
    CALL(mknod("nowhere", S_IFCHR | 0666, 0xf0f0f));
    CALL(open("nowhere", O_RDONLY));
    CALL(mknod("socket", S_IFSOCK | 0666, 0));
    CALL(open("socket", O_RDONLY));
}

int main(void)
{
    return RUN(ENTRY(make_and_remove_directories), ENTRY(entries_and_types), ENTRY(many_entries),
               ENTRY(removing_while_reading), ENTRY(getdents_errors), ENTRY(hard_links),
               ENTRY(rename_files), ENTRY(rename_directories), ENTRY(rename_flags),
               ENTRY(symbolic_links), ENTRY(loops_of_links), ENTRY(long_names),
               ENTRY(dots_and_slashes), ENTRY(working_directory), ENTRY(relative_to_descriptors),
               ENTRY(change_of_root), ENTRY(make_nodes));
}
