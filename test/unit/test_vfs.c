/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system layer against the host's own: random calls (mkdir, open with all flags, rename,
 * link, symlink, unlink, chmod, ...) on few names are made here and on a tmpfs of the host, in a
 * child process that has it as its root; results and what stat shows must be the same. And the same
 * calls with little memory: nothing may get lost.
 */
// sources: kernel/fs/attr.c kernel/fs/chrdev.c kernel/fs/dentry.c kernel/fs/dir.c kernel/fs/file.c
// sources: kernel/fs/inode.c kernel/fs/lock.c kernel/fs/mount.c kernel/fs/name.c kernel/fs/open.c
// sources: kernel/fs/nameless.c kernel/fs/pathname.c kernel/fs/pipe.c kernel/fs/rename.c
// sources: kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/fs/tmpfs/file.c lib/format.c
// sources: kernel/mm/frame.c kernel/mm/heap.c kernel/mm/kmap.c kernel/core/vmo.c
// sources: kernel/core/vmo_io.c kernel/core/vmo_shrink.c kernel/core/page_tree.c kernel/core/io.c
// sources: kernel/core/space.c kernel/core/space_pages.c kernel/core/space_map.c
// sources: kernel/core/space_fault.c kernel/core/space_fork.c kernel/core/space_remap.c
// sources: kernel/arch/x86_64/mmu.c kernel/arch/x86_64/tlb.c test/unit/fake/port.c
// sources: test/unit/fake/user.c
// sources: test/unit/fake/files.c test/unit/fake/host_files.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "fake/files.h"
#include "fake/host_files.h"
#include "fake/port.h"
#include "kernel/mm/heap.h"

#define USER 1000

static struct walk walk;
static const struct cred *creds[2]; /* root's, USER's */
static bool users;                  /* the host can play USER, too */

static int start(void **state)
{
    (void)state;
    fake_start_files(&walk);
    creds[0] = walk.cred;
    creds[1] = fake_cred(USER, USER);
    return 0;
}

static long open_and_close(const struct host_call *c)
{
    struct file *file;
    const struct open_how how = {.flags = c->flags, .mode = c->mode};
    int error = vfs_open(&walk, c->name, &how, &file);
    if (error != 0) {
        return error;
    }
    long result = 0;
    if (c->size > 0 && file_writable(file)) {
        char buf[HOST_WRITE_MAX];
        struct io io;
        memset(buf, 'w', sizeof(buf));
        io_init_kernel(&io, buf, c->size);
        vfs_drop_setid(walk.cred, file->inode); /* as write(2) does */
        result = file_write(file, &io);
    }
    file_put(file);
    return result;
}

/* What truncate(2) checks before the file system layer does. */
static int may_truncate(const struct path *path)
{
    if (inode_is_dir(path->dentry->inode)) {
        return -EISDIR;
    }
    return (path->dentry->inode->mode & S_IFMT) == S_IFREG ? vfs_permission(walk.cred, path, 2)
                                                           : -EINVAL;
}

static long set_attr(const struct host_call *c, unsigned valid)
{
    struct path path;
    const struct inode_attr attr = {.mode = c->mode, .size = c->size, .uid = c->uid, .gid = c->gid};
    int error = vfs_walk(&walk, c->name, WALK_FOLLOW, &path);
    if (error == 0) {
        error = valid == ATTR_SIZE ? may_truncate(&path) : 0;
        if (error == 0) {
            error = vfs_setattr(walk.cred, &path, &attr, valid);
        }
        path_put(&path);
    }
    return error;
}

static long link_names(const struct host_call *c)
{
    struct path old;
    int error = vfs_walk(&walk, c->name, c->flags ? WALK_FOLLOW : 0, &old);
    if (error == 0) {
        error = vfs_link(&old, &walk, c->name2);
        path_put(&old);
    }
    return error;
}

static void show(const struct path *path, struct host_stat *out)
{
    struct inode_attr attr;
    assert_int_equal(vfs_getattr(path, &attr), 0);
    out->mode = attr.mode;
    out->nlink = attr.nlink;
    out->uid = attr.uid;
    out->gid = attr.gid;
    out->size = (attr.mode & S_IFMT) == S_IFDIR ? 0 : attr.size;
}

static long stat_name(const struct host_call *c, struct host_stat *out)
{
    struct path path;
    int error = vfs_walk(&walk, c->name, c->flags ? WALK_FOLLOW : 0, &path);
    if (error == 0) {
        show(&path, out);
        path_put(&path);
    }
    return error;
}

struct names_sink {
    struct dir_sink sink;
    struct host_stat *out;
};

static bool take_name(struct dir_sink *sink, const struct dir_entry *entry)
{
    host_add_entry(container_of(sink, struct names_sink, sink)->out, entry->name, entry->size,
                   entry->type >> 12);
    return true;
}

static long list_dir(const struct host_call *c, struct host_stat *out)
{
    struct file *file;
    const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY};
    int error = vfs_open(&walk, c->name, &how, &file);
    if (error == 0) {
        struct names_sink sink = {{take_name}, out};
        error = file->ops->iterate(file, &sink.sink);
        error = error == -ENOENT ? 0 : error; /* removed: readdir(3) calls it the end */
        file_put(file);
    }
    return error;
}

static long read_link(const struct host_call *c, struct host_stat *out)
{
    struct path path;
    int error = vfs_walk(&walk, c->name, 0, &path);
    if (error == 0) {
        error = vfs_readlink(&walk, &path, out->text, sizeof(out->text));
        path_put(&path);
    }
    return error;
}

static long change_dir(const struct host_call *c)
{
    struct path path;
    int error = vfs_walk(&walk, c->name, WALK_FOLLOW | WALK_DIRECTORY, &path);
    if (error != 0) {
        return error;
    }
    error = vfs_permission(walk.cred, &path, 1);
    if (error == 0) {
        path_put(&walk.base);
        walk.base = path;
    } else {
        path_put(&path);
    }
    return error;
}

static long where(struct host_stat *out)
{
    if (walk.base.dentry->flags & DENTRY_DEAD) {
        return -ENOENT;
    }
    int size = vfs_path_name(&walk.base, &walk.root, out->text, sizeof(out->text));
    if (size >= 0) {
        memset(out->text + size, 0, sizeof(out->text) - (size_t)size);
    }
    return size < 0 ? size : 0;
}

static long do_call(const struct host_call *c, struct host_stat *out)
{
    switch (c->what) {
    case HOST_OPEN:
        return open_and_close(c);
    case HOST_MKDIR:
        return vfs_mkdir(&walk, c->name, c->mode);
    case HOST_RMDIR:
        return vfs_rmdir(&walk, c->name);
    case HOST_UNLINK:
        return vfs_unlink(&walk, c->name);
    case HOST_SYMLINK:
        return vfs_symlink(&walk, c->name2, c->name);
    case HOST_LINK:
        return link_names(c);
    case HOST_RENAME:
        return vfs_rename(&walk, c->name, &walk, c->name2, c->flags);
    case HOST_CHMOD:
        return set_attr(c, ATTR_MODE);
    case HOST_TRUNCATE:
        return set_attr(c, ATTR_SIZE);
    case HOST_STAT:
        return stat_name(c, out);
    case HOST_LIST:
        return list_dir(c, out);
    case HOST_READLINK:
        return read_link(c, out);
    case HOST_CHDIR:
        return change_dir(c);
    case HOST_GETCWD:
        return where(out);
    case HOST_MKFIFO:
        return vfs_mknod(&walk, c->name, S_IFIFO | c->mode, 0);
    case HOST_CHOWN:
        return set_attr(c, (c->uid != UINT32_MAX ? ATTR_UID : 0) |
                               (c->gid != UINT32_MAX ? ATTR_GID : 0));
    default:
        return 0;
    }
}

static long do_here(const struct host_call *c, struct host_stat *out)
{
    memset(out, 0, sizeof(*out));
    walk.cred = creds[c->user != 0];
    long result = do_call(c, out);
    walk.cred = creds[0];
    return result;
}

static void random_name(char *name)
{
    static const char *const parts[] = {
        "a", "b", "c", "d", ".", "..", "longer-than-the-inline-names-are"};
    static const char *const between[] = {"/", "/", "/", "//"};
    static const char *const ends[] = {"", "", "", "", "", "", "/", "/."};
    unsigned count = 1 + fake_random() % 3;
    name[0] = '\0';
    if (fake_random() % 64 == 0) {
        return;
    }
    if (fake_random() % 4 == 0) {
        strcat(name, "/");
    }
    for (unsigned i = 0; i < count; i++) {
        uint32_t dice = fake_random() % 40;
        strcat(name, parts[dice < 34 ? dice % 4 : dice - 34 < 7 ? dice - 34 + 1 : 0]);
        if (i + 1 < count) {
            strcat(name, between[fake_random() % 4]);
        }
    }
    strcat(name, ends[fake_random() % 8]);
}

static unsigned random_flags(void)
{
    static const unsigned bits[] = {O_CREAT,  O_CREAT,     O_EXCL,    O_TRUNC,
                                    O_APPEND, O_DIRECTORY, O_NOFOLLOW};
    unsigned flags = fake_random() % 3 | O_NONBLOCK;
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        if (fake_random() % 3 == 0) {
            flags |= bits[i];
        }
    }
    /* What Linux says to this pair has changed over time (6.4). */
    return flags & O_DIRECTORY ? flags & ~(unsigned)O_CREAT : flags;
}

static void random_call(struct host_call *c)
{
    memset(c, 0, sizeof(*c));
    c->what = fake_random() % HOST_COUNT;
    c->mode = fake_random() % 2 ? 0755 : fake_random() & 0777;
    c->size = fake_random() % 3 ? fake_random() % HOST_WRITE_MAX : 0;
    c->user = users && fake_random() % 2 ? USER : 0;
    random_name(c->name);
    random_name(c->name2);
    switch (c->what) {
    case HOST_OPEN:
        c->flags = random_flags();
        break;
    case HOST_RENAME:
        c->flags = fake_random() % 3 == 0 ? 1 + fake_random() % 2 : 0;
        break;
    case HOST_LINK:
        c->user = 0; /* protected_hardlinks, a setting of the host's, forbids some to others */
        c->flags = fake_random() & 1;
        break;
    case HOST_STAT:
        c->flags = fake_random() & 1;
        break;
    case HOST_CHMOD:
        c->mode = fake_random() & 07777;
        if (c->mode & 01000) {
            c->mode &=
                ~02u; /* protected_regular and its like are about sticky directories of all */
        }
        break;
    case HOST_CHOWN:
        c->uid = fake_random() % 3 ? fake_random() % 2 * USER : UINT32_MAX;
        c->gid = fake_random() % 3 || c->uid == UINT32_MAX ? fake_random() % 2 * USER : UINT32_MAX;
        break;
    default:
        break;
    }
}

static void compare(const struct host_call *c, long here, const struct host_stat *a, long there,
                    const struct host_stat *b)
{
    if (here == there && memcmp(a, b, sizeof(*a)) == 0) {
        return;
    }
    host_print(c);
    print_error("here: %ld mode %o owner %u:%u nlink %u size %lu '%s' entries %u\n", here, a->mode,
                a->uid, a->gid, a->nlink, (unsigned long)a->size, a->text, a->entries);
    print_error("host: %ld mode %o owner %u:%u nlink %u size %lu '%s' entries %u\n", there, b->mode,
                b->uid, b->gid, b->nlink, (unsigned long)b->size, b->text, b->entries);
    fail();
}

static void like_the_host(void **state)
{
    (void)state;
    if (!host_start(&users)) {
        skip();
    }
    unsigned rounds = getenv("ROUNDS") != NULL ? (unsigned)atoi(getenv("ROUNDS")) : 10000;
    fake_seed(getenv("SEED") != NULL ? (uint32_t)atoi(getenv("SEED")) : 1);
    for (unsigned i = 0; i < rounds; i++) {
        struct host_call c;
        struct host_stat a, b;
        random_call(&c);
        long here = do_here(&c, &a);
        long there = host_do(&c, &b);
        compare(&c, here, &a, there, &b);
        assert_true(fake_is_calm());
    }
    host_end();
    path_put(&walk.base);
    walk.base = walk.root;
    path_get(&walk.base);
}

/* Everything that random calls make goes with the file system, also when memory ends at any moment;
 * then calls fail with ENOMEM and nothing else happens. */
static void nothing_is_lost(void **state)
{
    (void)state;
    const struct mount_how how = {.type = "tmpfs", .options = "size=4m,mode=755"};
    struct walk outside = walk;
    struct heap_stats before, after;
    fake_seed(4711);
    assert_int_equal(vfs_mkdir(&walk, "/place", 0755), 0);
    for (unsigned round = 0; round < 40; round++) {
        if (round == 20) {
            heap_get_stats(&before); /* tables have grown to what they need */
        }
        assert_int_equal(vfs_mount(&outside, "/place", &how), 0);
        assert_int_equal(vfs_walk(&outside, "/place", 0, &walk.root), 0);
        walk.base = walk.root;
        path_get(&walk.base);
        for (unsigned i = 0; i < 250; i++) {
            struct host_call c;
            struct host_stat out;
            random_call(&c);
            bool short_of_memory = round % 2 != 0 && i % 2 != 0;
            if (short_of_memory) {
                fake_hoard(fake_random() % 4);
            }
            (void)do_here(&c, &out);
            if (short_of_memory) {
                fake_release();
            }
            assert_true(fake_is_calm());
        }
        path_put(&walk.base);
        path_put(&walk.root);
        walk = outside;
        assert_int_equal(vfs_umount(&walk, "/place", 0), 0);
    }
    heap_get_stats(&after);
    assert_int_equal(after.bytes_used, before.bytes_used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_the_host),
        cmocka_unit_test(nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
