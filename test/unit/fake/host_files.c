/* SPDX-License-Identifier: BSD-2-Clause */
/* See host_files.h. The host's headers and the kernel's do not mix, so nothing of ours is included.
 */
#include "host_files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int to_child[2], from_child[2];
static char place[64];
static pid_t child;

struct answer {
    long result;
    struct host_stat stat;
};

void host_add_entry(struct host_stat *out, const char *name, size_t size, unsigned type)
{
    uint64_t hash = 14695981039346656037ull + type;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)name[i]) * 1099511628211ull;
    }
    out->entries++;
    out->names_sum += hash;
}

void host_print(const struct host_call *c)
{
    static const char *const names[] = {
        "open",     "mkdir", "rmdir", "unlink",   "symlink", "link",   "rename", "chmod",
        "truncate", "stat",  "list",  "readlink", "chdir",   "getcwd", "mkfifo", "chown"};
    fprintf(stderr, "%s '%s' '%s' flags %o mode %o size %lu user %u owner %d:%d\n", names[c->what],
            c->name, c->name2, c->flags, c->mode, (unsigned long)c->size, c->user, (int)c->uid,
            (int)c->gid);
}

static long result_of(long result)
{
    return result < 0 ? -errno : result;
}

static long do_open(const struct host_call *c)
{
    int fd = open(c->name, (int)c->flags, c->mode);
    long result = 0;
    if (fd < 0) {
        return -errno;
    }
    if (c->size > 0 && (c->flags & O_ACCMODE) != O_RDONLY) {
        static char buf[HOST_WRITE_MAX];
        memset(buf, 'w', sizeof(buf));
        result = result_of(write(fd, buf, c->size));
    }
    close(fd);
    return result;
}

static long do_list(const struct host_call *c, struct host_stat *out)
{
    int fd = open(c->name, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    if (dir == NULL) {
        return -errno;
    }
    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        host_add_entry(out, entry->d_name, strlen(entry->d_name), entry->d_type);
    }
    long result = -errno;
    closedir(dir);
    return result;
}

static long do_stat(const struct host_call *c, struct host_stat *out)
{
    struct stat st;
    if (fstatat(AT_FDCWD, c->name, &st, c->flags ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
        return -errno;
    }
    out->mode = st.st_mode;
    out->nlink = (unsigned)st.st_nlink;
    out->uid = st.st_uid;
    out->gid = st.st_gid;
    out->size = S_ISDIR(st.st_mode) ? 0 : (uint64_t)st.st_size;
    return 0;
}

static long do_call(const struct host_call *c, struct host_stat *out)
{
    switch (c->what) {
    case HOST_OPEN:
        return do_open(c);
    case HOST_MKDIR:
        return result_of(mkdir(c->name, c->mode));
    case HOST_RMDIR:
        return result_of(rmdir(c->name));
    case HOST_UNLINK:
        return result_of(unlink(c->name));
    case HOST_SYMLINK:
        return result_of(symlink(c->name2, c->name));
    case HOST_LINK:
        return result_of(
            linkat(AT_FDCWD, c->name, AT_FDCWD, c->name2, c->flags ? AT_SYMLINK_FOLLOW : 0));
    case HOST_RENAME:
        return result_of(syscall(SYS_renameat2, AT_FDCWD, c->name, AT_FDCWD, c->name2, c->flags));
    case HOST_CHMOD:
        return result_of(chmod(c->name, c->mode));
    case HOST_TRUNCATE:
        return result_of(truncate(c->name, (off_t)c->size));
    case HOST_STAT:
        return do_stat(c, out);
    case HOST_LIST:
        return do_list(c, out);
    case HOST_READLINK:
        return result_of(readlink(c->name, out->text, sizeof(out->text)));
    case HOST_CHDIR:
        return result_of(chdir(c->name));
    case HOST_GETCWD:
        return syscall(SYS_getcwd, out->text, sizeof(out->text)) < 0 ? -errno : 0;
    case HOST_MKFIFO:
        return result_of(mkfifo(c->name, c->mode));
    case HOST_CHOWN:
        return result_of(chown(c->name, c->uid, c->gid));
    default:
        return 0;
    }
}

/* With the rights of a user: only those for files change (setfsuid(2)). */
static long do_as(const struct host_call *c, struct host_stat *out)
{
    setfsgid(c->user);
    setfsuid(c->user);
    long result = do_call(c, out);
    setfsuid(0);
    setfsgid(0);
    return result;
}

static _Noreturn void serve(void)
{
    struct host_call call;
    bool ready = (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
                 chdir(place) == 0 && chroot(".") == 0 && chmod("/", 0755) == 0;
    umask(0);
    if (setgroups(0, NULL) != 0 && geteuid() == 0) {
        fprintf(stderr, "setgroups: %s\n", strerror(errno)); /* not in a user namespace */
    }
    if (write(from_child[1], &ready, sizeof(ready)) != sizeof(ready)) {
        _exit(1);
    }
    while (ready && read(to_child[0], &call, sizeof(call)) == sizeof(call)) {
        static struct answer answer;
        memset(&answer, 0, sizeof(answer));
        answer.result = do_as(&call, &answer.stat);
        if (write(from_child[1], &answer, sizeof(answer)) != sizeof(answer)) {
            break;
        }
    }
    _exit(0);
}

bool host_start(bool *users)
{
    struct statfs fs;
    *users = geteuid() == 0;
    bool ready = false;
    strcpy(place, "/dev/shm/alba-files-XXXXXX");
    if (statfs("/dev/shm", &fs) != 0 || fs.f_type != 0x01021994 || mkdtemp(place) == NULL ||
        pipe(to_child) != 0 || pipe(from_child) != 0) {
        return false;
    }
    child = fork();
    if (child == 0) {
        close(to_child[1]);
        close(from_child[0]);
        serve();
    }
    close(to_child[0]);
    close(from_child[1]);
    if (child < 0 || read(from_child[0], &ready, sizeof(ready)) != sizeof(ready) || !ready) {
        host_end();
        return false;
    }
    return true;
}

void host_end(void)
{
    char command[128];
    close(to_child[1]);
    close(from_child[0]);
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
    snprintf(command, sizeof(command), "rm -rf %s", place);
    if (system(command) != 0) {
        fprintf(stderr, "%s is left over\n", place);
    }
}

long host_do(const struct host_call *call, struct host_stat *out)
{
    struct answer answer;
    if (write(to_child[1], call, sizeof(*call)) != sizeof(*call) ||
        read(from_child[0], &answer, sizeof(answer)) != sizeof(answer)) {
        fprintf(stderr, "the host's child has gone\n");
        abort();
    }
    *out = answer.stat;
    return answer.result;
}
