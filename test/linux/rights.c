/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights: modes, owners, umask, users and groups, what another user may not do. */
#include "test/linux/check.h"

#include <grp.h>
#include <sys/fsuid.h>

enum { USER = 1000, OTHER = 1001, GROUP = 2000 };

/* In a child as another user; the case's directory is open to all. */
#define AS(uid, gid)                                                                               \
    for (pid_t as_pid = start_as(uid, gid), as_once = 1; as_once; end_as(as_pid), as_once = 0)     \
        if (as_pid == 0)

static pid_t start_as(uid_t uid, gid_t gid)
{
    chmod(".", 0777);
    pid_t pid = fork();
    if (pid == 0) {
        setgroups(0, NULL);
        setgid(gid);
        if (setuid(uid)) {
            say("setuid: %s\n", error_name(errno));
        }
    }
    return pid;
}
static void end_as(pid_t pid)
{
    if (pid == 0) {
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    if (status) {
        say("child: %s\n", status_text(status));
    }
}

static void say_mode(const char *name)
{
    struct stat st;
    if (lstat(name, &st)) {
        say("%s: %s\n", name, error_name(errno));
    } else {
        say("%s: %06o %d:%d\n", name, st.st_mode, st.st_uid, st.st_gid);
    }
}

CASE(mask_of_new_files)
{
    SHOW(umask(0));
    close(open("a", O_CREAT | O_WRONLY, 0666));
    umask(027);
    close(open("b", O_CREAT | O_WRONLY, 0777));
    mkdir("c", 0777);
    mkfifo("d", 0666);
    close(open("e", O_CREAT | O_WRONLY, 07777));
    SHOW(umask(07777));
    SHOW(umask(022));
    say_mode("a");
    say_mode("b");
    say_mode("c");
    say_mode("d");
    say_mode("e");
}

CASE(change_modes)
{
    make_file("f", "x");
    CALL(chmod("f", 0));
    say_mode("f");
    CALL(chmod("f", 07777));
    say_mode("f");
    CALL(chmod("f", 0100644));
    say_mode("f");
    CALL(chmod("none", 0644));
    symlink("f", "l");
    CALL(chmod("l", 0600));
    say_mode("f");
    say_mode("l");
    AS(USER, USER)
    {
        CALL(chmod("f", 0777));
        int fd = open("mine", O_CREAT | O_WRONLY, 0644);
        CALL(fchmod(fd, 04755));
        say_mode("mine");
    }
}

CASE(change_owners)
{
    make_file("f", "x");
    chmod("f", 06755);
    CALL(chown("f", USER, GROUP));
    say_mode("f");
    CALL(chown("f", -1, 5));
    say_mode("f");
    symlink("f", "l");
    CALL(lchown("l", 7, 8));
    say_mode("l");
    say_mode("f");
    AS(USER, USER)
    {
        CALL(chown("f", OTHER, -1));
        CALL(chown("f", -1, USER));
        CALL(chown("f", -1, GROUP));
        CALL(chown("f", -1, -1));
        say_mode("f");
    }
}

CASE(who_may_read_and_write)
{
    make_file("f", "secret");
    chown("f", USER, GROUP);
    static const mode_t modes[] = {0600, 0060, 0006, 0400, 0040, 0004, 0200, 0000};
    for (size_t i = 0; i < COUNT(modes); i++) {
        chmod("f", modes[i]);
        AS(USER, USER)
        {
            say("%03o owner: r %s w %s\n", modes[i], open("f", O_RDONLY) < 0 ? "no" : "yes",
                open("f", O_WRONLY) < 0 ? "no" : "yes");
        }
        AS(OTHER, GROUP)
        {
            say("%03o group: r %s w %s\n", modes[i], open("f", O_RDONLY) < 0 ? "no" : "yes",
                open("f", O_WRONLY) < 0 ? "no" : "yes");
        }
        AS(OTHER, OTHER)
        {
            say("%03o other: r %s w %s\n", modes[i], open("f", O_RDONLY) < 0 ? "no" : "yes",
                open("f", O_WRONLY) < 0 ? "no" : "yes");
        }
    }
    CALL(open("f", O_RDWR) > 0);
}

CASE(access_uses_the_real_user)
{
    make_file("f", "x");
    chmod("f", 0640);
    CALL(access("f", R_OK | W_OK));
    CALL(access("f", X_OK));
    CALL(access("f", 0x40));
    CALL(access("none", F_OK));
    AS(USER, USER)
    {
        CALL(access("f", F_OK));
        CALL(access("f", R_OK));
        CALL(access(".", W_OK));
    }
    pid_t pid;
    CHILD(pid)
    {
        setresuid(USER, 0, 0);
        CALL(access("f", R_OK));
        CALL(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
        CALL(open("f", O_RDONLY) > 0);
    }
    waitpid(pid, NULL, 0);
}

CASE(directories_without_rights)
{
    mkdir("d", 0700);
    make_file("d/f", "x");
    AS(USER, USER)
    {
        CALL(open("d/f", O_RDONLY));
        CALL(open("d", O_RDONLY));
        CALL(chdir("d"));
    }
    chmod("d", 0711);
    AS(USER, USER)
    {
        CALL(open("d/f", O_RDONLY) > 0);
        CALL(open("d", O_RDONLY));
        CALL(chdir("d"));
        CALL(open("new", O_CREAT | O_WRONLY, 0644));
        CALL(unlink("f"));
    }
    chmod("d", 0744);
    AS(USER, USER)
    {
        CALL(open("d", O_RDONLY) > 0);
        CALL(open("d/f", O_RDONLY));
        CALL(access("d/none", F_OK));
    }
}

CASE(sticky_directory)
{
    mkdir("t", 0755);
    chmod("t", 01777);
    make_file("t/root", "x");
    AS(USER, USER)
    {
        close(open("t/mine", O_CREAT | O_WRONLY, 0666));
        CALL(unlink("t/root"));
        CALL(rename("t/root", "t/x"));
    }
    AS(OTHER, OTHER)
    {
        CALL(unlink("t/mine"));
        CALL(rename("t/mine", "t/x"));
    }
    AS(USER, USER)
    {
        CALL(unlink("t/mine"));
    }
}

CASE(group_of_a_directory)
{
    mkdir("d", 0755);
    chown("d", 0, GROUP);
    chmod("d", 02777);
    AS(USER, USER)
    {
        close(open("d/f", O_CREAT | O_WRONLY, 0644));
        mkdir("d/e", 0755);
        say_mode("d/f");
        say_mode("d/e");
    }
}

CASE(owner_of_new_files)
{
    AS(USER, GROUP)
    {
        close(open("f", O_CREAT | O_WRONLY, 0644));
        symlink("f", "l");
        say_mode("f");
        say_mode("l");
    }
}

static void say_ids(void)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    getresuid(&r, &e, &s);
    getresgid(&rg, &eg, &sg);
    say("uid %d %d %d gid %d %d %d\n", (int)r, (int)e, (int)s, (int)rg, (int)eg, (int)sg);
}

CASE(set_user_ids)
{
    pid_t pid;
    CHILD(pid)
    {
        CALL(syscall(SYS_setresgid, 1, 2, 3));
        CALL(syscall(SYS_setresuid, 10, 20, 30));
        say_ids();
        CALL(syscall(SYS_setuid, 10));
        say_ids();
        CALL(syscall(SYS_setuid, 99));
        CALL(syscall(SYS_setreuid, 30, -1));
        CALL(syscall(SYS_setresuid, -1, 30, -1));
        say_ids();
        CALL(syscall(SYS_setresuid, 0, 0, 0));
        CALL(syscall(SYS_setgid, 1));
        CALL(syscall(SYS_setgid, 77));
        say_ids();
    }
    say_end("child", pid);
    CHILD(pid)
    {
        CALL(syscall(SYS_setuid, USER));
        say_ids();
        CALL(syscall(SYS_setuid, 0));
    }
    say_end("child", pid);
    CHILD(pid)
    {
        CALL(syscall(SYS_setreuid, USER, 0));
        say_ids();
        CALL(syscall(SYS_setreuid, -1, USER));
        say_ids();
        SHOW(syscall(SYS_setfsuid, 5));
        SHOW(syscall(SYS_setfsuid, -1));
    }
    say_end("child", pid);
}

CASE(supplementary_groups)
{
    gid_t groups[4] = {5, 9, 2, GROUP}, got[8] = {0};
    make_file("f", "x");
    chown("f", 0, GROUP);
    chmod("f", 0040);
    pid_t pid;
    CHILD(pid)
    {
        CALL(syscall(SYS_setgroups, 4, groups));
        CALL(syscall(SYS_getgroups, 8, got));
        CALL(syscall(SYS_getgroups, 0, NULL));
        CALL(syscall(SYS_getgroups, 2, got));
        CALL(syscall(SYS_getgroups, -1, got));
        CALL(syscall(SYS_setgroups, 100000, groups));
        CALL(syscall(SYS_setuid, USER));
        CALL(open("f", O_RDONLY) > 0);
        CALL(syscall(SYS_setgroups, 0, NULL));
    }
    say_end("child", pid);
}

CASE(signals_between_users)
{
    int p[2];
    pipe(p);
    pid_t pid;
    CHILD(pid)
    {
        close(p[1]);
        await(p[0]);
    }
    AS(USER, USER)
    {
        CALL(kill(pid, 0));
        CALL(kill(pid, SIGTERM));
        CALL(kill(1, SIGTERM));
    }
    close(p[1]);
    say_end("victim", pid);
}

static void make_suid_copy(uid_t owner)
{
    static char self[PATH_MAX], text[1 << 16];
    readlink("/proc/self/exe", self, sizeof self - 1);
    int in = open(self, O_RDONLY), out = open("suid", O_CREAT | O_WRONLY, 0755);
    for (ssize_t size; (size = read(in, text, sizeof text)) > 0;) {
        write(out, text, (size_t)size);
    }
    close(out);
    chown("suid", owner, GROUP);
    chmod("suid", 06755);
}

/* Whether /proc shows what a set-user-ID program has in memory, or has opened. */
static bool sees_secret(pid_t pid)
{
    char name[64], text[4096] = {0}, link[256] = {0};
    snprintf(name, sizeof name, "/proc/%d/environ", pid);
    int fd = open(name, O_RDONLY);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text) : 0;
    close(fd);
    snprintf(name, sizeof name, "/proc/%d/fd/20", pid);
    bool opened = readlink(name, link, sizeof link - 1) > 0 && strstr(link, "suid") != NULL;
    return opened || (size > 0 && memmem(text, (size_t)size, "SECRET", 6) != NULL);
}

CASE(nobody_looks_into_set_user_id_programs)
{
    make_suid_copy(0);
    AS(USER, USER)
    {
        int seen = 0;
        for (int i = 0; i < 100; i++) {
            pid_t pid = fork();
            if (pid == 0) {
                char *argv[] = {"suid", "open", NULL}, *envp[] = {"A=SECRET", NULL};
                execve("suid", argv, envp);
                _exit(100);
            }
            while (waitpid(pid, NULL, WNOHANG) == 0) {
                seen += sees_secret(pid);
            }
        }
        SHOW(seen);
    }
}

CASE(set_user_id_programs)
{
    make_suid_copy(USER);
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {"suid", "ids", NULL}, *envp[] = {NULL};
        execve("suid", argv, envp);
        say("execve: %s\n", error_name(errno));
        _exit(100);
    }
    say_end("end", pid);
}

CASE(only_root_may)
{
    AS(USER, USER)
    {
        CALL(chroot("."));
        CALL(syscall(SYS_sethostname, "x", 1));
        CALL(syscall(SYS_mount, "none", ".", "tmpfs", 0, NULL));
        CALL(syscall(SYS_umount2, ".", 0));
        CALL(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL));
        CALL(mknod("n", S_IFCHR | 0666, 0x103));
        CALL(syscall(SYS_setpriority, 0, 0, -5));
        struct timespec t = {0, 0};
        CALL(clock_settime(CLOCK_REALTIME, &t));
        CALL(mkfifo("fifo", 0644));
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "ids")) {
        say_ids();
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "open")) {
        return dup2(open("suid", O_RDONLY), 20) != 20;
    }
    return RUN(ENTRY(mask_of_new_files), ENTRY(change_modes), ENTRY(change_owners),
               ENTRY(who_may_read_and_write), ENTRY(access_uses_the_real_user),
               ENTRY(directories_without_rights), ENTRY(sticky_directory),
               ENTRY(group_of_a_directory), ENTRY(owner_of_new_files), ENTRY(set_user_ids),
               ENTRY(supplementary_groups), ENTRY(signals_between_users),
               ENTRY(set_user_id_programs), ENTRY(nobody_looks_into_set_user_id_programs),
               ENTRY(only_root_may));
}
