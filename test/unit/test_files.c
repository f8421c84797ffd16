/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of the file system layer by themselves: the initramfs with everything an archive can hold
 * and everything that is refused; pipes with full and empty rings; range locks; mounts; devices.
 */
// sources: kernel/fs/attr.c kernel/fs/chrdev.c kernel/fs/dentry.c kernel/fs/dir.c kernel/fs/file.c
// sources: kernel/fs/inode.c kernel/fs/lock.c kernel/fs/mount.c kernel/fs/name.c kernel/fs/open.c
// sources: kernel/fs/nameless.c kernel/fs/pathname.c kernel/fs/pipe.c kernel/fs/rename.c
// sources: kernel/fs/walk.c
// sources: kernel/fs/initramfs.c lib/cpio.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/fs/tmpfs/file.c lib/format.c
// sources: kernel/mm/frame.c kernel/mm/heap.c kernel/mm/kmap.c kernel/core/vmo.c
// sources: kernel/core/vmo_io.c kernel/core/vmo_shrink.c kernel/core/page_tree.c kernel/core/io.c
// sources: kernel/core/space.c kernel/core/space_pages.c kernel/core/space_map.c
// sources: kernel/core/space_fault.c kernel/core/space_fork.c kernel/core/space_remap.c
// sources: kernel/arch/x86_64/mmu.c kernel/arch/x86_64/tlb.c test/unit/fake/port.c
// sources: test/unit/fake/user.c
// sources: test/unit/fake/files.c
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
#include "fake/port.h"
#include "kernel/fs/lock.h"
#include "kernel/fs/pipe.h"
#include "kernel/mm/heap.h"

static struct walk walk;
static char *archive; /* in the direct map, as the loader leaves it */
static size_t archive_size;

static int start(void **state)
{
    (void)state;
    fake_start_files(&walk);
    archive = phys_to_virt(0x8000000);
    return 0;
}

struct entry {
    const char *name;
    uint32_t mode, ino, nlink;
    const char *data;
    uint32_t major, minor;
};

static void pad(void)
{
    while (archive_size % 4 != 0) {
        archive[archive_size++] = 0;
    }
}

static void add(const struct entry *e)
{
    size_t size = e->data != NULL ? strlen(e->data) : 0;
    archive_size += (size_t)sprintf(archive + archive_size,
                                    "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
                                    e->ino, e->mode, 1, 2, e->nlink, 1000, size, 0, 0, e->major,
                                    e->minor, strlen(e->name) + 1, 0);
    strcpy(archive + archive_size, e->name);
    archive_size += strlen(e->name) + 1;
    pad();
    memcpy(archive + archive_size, e->data != NULL ? e->data : "", size);
    archive_size += size;
    pad();
}

static int unpack(const struct entry *entries, size_t count, const char **error)
{
    archive_size = 0;
    for (size_t i = 0; i < count; i++) {
        add(&entries[i]);
    }
    add(&(struct entry){.name = "TRAILER!!!", .nlink = 1});
    *error = NULL;
    return initramfs_unpack(&walk, archive, archive_size, error);
}

static struct inode_attr attr_of(const char *name)
{
    struct path path;
    struct inode_attr attr;
    if (vfs_walk(&walk, name, 0, &path) != 0) {
        fail_msg("%s is not there", name);
    }
    assert_int_equal(vfs_getattr(&path, &attr), 0);
    path_put(&path);
    return attr;
}

static struct file *open_file(const char *name, unsigned flags)
{
    struct file *file;
    const struct open_how how = {.flags = flags, .mode = 0644};
    assert_int_equal(vfs_open(&walk, name, &how, &file), 0);
    return file;
}

static void content_is(const char *name, const char *text)
{
    char buf[256] = "";
    struct io io;
    struct file *file = open_file(name, O_RDONLY);
    io_init_kernel(&io, buf, sizeof(buf));
    assert_int_equal(file_read(file, &io), strlen(text));
    assert_string_equal(buf, text);
    file_put(file);
}

static void initramfs_tree(void **state)
{
    (void)state;
    static const struct entry entries[] = {
        {".", 040711, 1, 3, NULL, 0, 0},
        {"./bin", 040755, 2, 2, NULL, 0, 0},
        {"./bin/tool", 0104755, 3, 1, "tool's bytes", 0, 0},
        {"./bin/link", 0120777, 4, 1, "tool", 0, 0},
        {"bin/a-name-longer-than-thirty-two-bytes-in-all", 0100600, 5, 1, "x", 0, 0},
        {"made/as/needed/file", 0100644, 6, 1, "deep", 0, 0},
        {"hard1", 0100644, 7, 3, NULL, 0, 0},
        {"bin/hard2", 0100644, 7, 3, NULL, 0, 0},
        {"hard3", 0100644, 7, 3, "data comes last", 0, 0},
        {"dev/null", 020666, 8, 1, NULL, 1, 3},
        {"fifo", 010644, 9, 1, NULL, 0, 0},
        {"made", 040700, 10, 2, NULL, 0, 0},
        {"bin//tool2/", 040755, 11, 2, NULL, 0, 0},
        {"empty", 0100644, 12, 1, NULL, 0, 0},
        {"twice", 0100644, 13, 1, "old", 0, 0},
        {"twice", 0100600, 14, 1, "new", 0, 0},
    };
    const char *error;
    assert_int_equal(unpack(entries, ARRAY_SIZE(entries), &error), 0);
    assert_int_equal(attr_of("/").mode, 040711);
    assert_int_equal(attr_of("/").nlink, 5); /* bin, made, dev */
    struct inode_attr tool = attr_of("/bin/tool");
    assert_int_equal(tool.mode, 0104755);
    assert_int_equal(tool.uid, 1);
    assert_int_equal(tool.gid, 2);
    assert_int_equal(tool.mtime.sec, 1000);
    assert_int_equal(tool.size, 12);
    content_is("/bin/link", "tool's bytes");
    content_is("/bin/a-name-longer-than-thirty-two-bytes-in-all", "x");
    content_is("/made/as/needed/file", "deep");
    content_is("/hard1", "data comes last");
    content_is("/bin/hard2", "data comes last");
    assert_int_equal(attr_of("/hard3").nlink, 3);
    assert_int_equal(attr_of("/hard3").ino, attr_of("/hard1").ino);
    assert_int_equal(attr_of("/dev/null").rdev, DEV(1, 3));
    assert_int_equal(attr_of("/fifo").mode, 010644);
    assert_int_equal(attr_of("/made").mode, 040700);
    assert_int_equal(attr_of("/bin/tool2").mode, 040755);
    content_is("/empty", "");
    content_is("/twice", "new");
}

/* Bytes of the archive are used in place, and never written to. */
static void initramfs_in_place(void **state)
{
    (void)state;
    static const struct entry entries[] = {{"inplace", 0100644, 1, 1, "0123456789", 0, 0}};
    const char *error;
    struct io io;
    char text[] = "XY";
    assert_int_equal(unpack(entries, 1, &error), 0);
    char *copy = malloc(archive_size);
    memcpy(copy, archive, archive_size);
    struct file *file = open_file("/inplace", O_RDWR);
    io_init_kernel(&io, text, 2);
    assert_int_equal(file_pwrite(file, &io, 4), 2);
    content_is("/inplace", "0123XY6789");
    const struct inode_attr cut = {.size = 6}, grow = {.size = 8};
    assert_int_equal(vfs_setattr(walk.cred, &file->path, &cut, ATTR_SIZE), 0);
    content_is("/inplace", "0123XY");
    assert_int_equal(vfs_setattr(walk.cred, &file->path, &grow, ATTR_SIZE), 0);
    file_put(file);
    char buf[16];
    file = open_file("/inplace", O_RDONLY);
    assert_int_equal(file_read_exact(file, buf, 8, 0), 0);
    assert_memory_equal(buf, "0123XY\0\0", 8);
    file_put(file);
    assert_memory_equal(copy, archive, archive_size);
    free(copy);
}

static void initramfs_refused(void **state)
{
    (void)state;
    static const struct {
        struct entry entry;
        const char *says;
    } cases[] = {
        {{"../evil", 0100644, 1, 1, "x", 0, 0}, "'../evil' has a name with \"..\""},
        {{"/a/../b", 0100644, 1, 1, "x", 0, 0}, "'/a/../b' has a name with \"..\""},
        {{"", 0100644, 1, 1, "x", 0, 0}, "'' has an empty name"},
        {{"file/below", 0100644, 1, 1, "x", 0, 0}, "below something that is not a directory"},
        {{"what", 0030644, 1, 1, "x", 0, 0}, "unknown type"},
        {{"link", 0120777, 1, 1, NULL, 0, 0}, "impossible text"},
        {{".", 0100644, 1, 1, "x", 0, 0}, "not a directory"},
        {{"full", 0100644, 1, 1, "x", 0, 0}, "not empty"},
        {{"bell\a\033[2J", 0030644, 1, 1, "x", 0, 0}, "'bell??[2J' is of an unknown type"},
    };
    static const struct entry before[] = {{"file", 0100644, 1, 1, "x", 0, 0},
                                          {"full/x", 0100644, 2, 1, "x", 0, 0}};
    const char *error;
    assert_int_equal(unpack(before, 2, &error), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_true(unpack(&cases[i].entry, 1, &error) < 0);
        if (error == NULL || strstr(error, cases[i].says) == NULL) {
            fail_msg("says '%s', not '%s'", error, cases[i].says);
        }
        assert_true(fake_is_calm());
    }
    const struct entry good = {"cut-off", 0100644, 1, 1, "0123456789", 0, 0};
    assert_int_equal(unpack(&good, 1, &error), 0);
    archive_size = 0;
    add(&good);
    assert_int_equal(initramfs_unpack(&walk, archive, archive_size - 8, &error), -EINVAL);
    assert_non_null(strstr(error, "'cut-off' ends before the data does"));
}

/* With any amount of memory it either works or says that it does not. */
static void initramfs_no_memory(void **state)
{
    (void)state;
    static char names[400][64];
    static struct entry entries[400];
    const char *error;
    unsigned failures = 0;
    for (unsigned i = 0; i < 400; i++) {
        sprintf(names[i], "many%u/sub/a-file-with-a-name-that-needs-memory-%u", i / 50, i);
        entries[i] = (struct entry){names[i], 0100644, i, i % 7 == 0 ? 2 : 1, "x", 0, 0};
    }
    for (unsigned pages = 0; pages < 60; pages += 3) {
        fake_hoard(pages);
        int result = unpack(entries, 400, &error);
        fake_release();
        failures += result != 0;
        assert_true(result == 0 || (result == -ENOMEM && error != NULL));
        assert_true(fake_is_calm());
    }
    assert_true(failures > 0);
    assert_int_equal(unpack(entries, 400, &error), 0);
}

static struct file *ends[2];
static char pipe_buf[200000];

static ssize_type pipe_in(size_t size)
{
    struct io io;
    io_init_kernel(&io, pipe_buf, size);
    return file_write(ends[1], &io);
}

static ssize_type pipe_out(size_t size)
{
    struct io io;
    io_init_kernel(&io, pipe_buf, size);
    return file_read(ends[0], &io);
}

static int sleep_read_5000(void)
{
    assert_int_equal(pipe_out(5000), 5000);
    return 0;
}

static int sleep_write_7(void)
{
    assert_int_equal(pipe_in(7), 7);
    return 0;
}

static int sleep_signal(void)
{
    return -EINTR;
}

static void pipes(void **state)
{
    (void)state;
    assert_int_equal(pipe_create(O_NONBLOCK, ends), 0);
    assert_int_equal(pipe_out(1), -EAGAIN);
    assert_int_equal(pipe_in(200000), 65536);
    assert_int_equal(pipe_in(1), -EAGAIN);
    assert_int_equal(file_poll(ends[1], NULL), 0);
    assert_int_equal(pipe_out(100), 100);
    assert_int_equal(pipe_in(101), -EAGAIN); /* atomic or not at all */
    assert_int_equal(pipe_in(100), 100);
    assert_int_equal(pipe_out(4096), 4096);
    assert_int_equal(file_poll(ends[1], NULL), POLLOUT | POLLWRNORM);
    assert_int_equal(pipe_in(5000), 4096);
    assert_int_equal(pipe_out(200000), 65536);
    assert_int_equal(file_poll(ends[0], NULL), 0);
    assert_int_equal(pipe_set_capacity(ends[0], 5000), 8192);
    assert_int_equal(pipe_in(200000), 8192);
    assert_int_equal(pipe_set_capacity(ends[0], 4096), -EBUSY);
    assert_int_equal(pipe_set_capacity(ends[0], 1 << 21), -EPERM);
    assert_int_equal(pipe_out(200000), 8192);

    ends[0]->flags &= ~(unsigned)O_NONBLOCK;
    ends[1]->flags &= ~(unsigned)O_NONBLOCK;
    fake_sleep = sleep_write_7;
    assert_int_equal(pipe_out(100), 7);
    fake_sleep = sleep_read_5000;
    assert_int_equal(pipe_in(20000), 20000);
    fake_sleep = sleep_signal;
    ends[1]->flags |= O_NONBLOCK;
    while (pipe_in(1) == 1) {
    }
    ends[1]->flags &= ~(unsigned)O_NONBLOCK;
    assert_int_equal(pipe_in(1), -ERESTARTSYS);
    assert_true(pipe_out(200000) > 0);
    assert_int_equal(pipe_out(1), -ERESTARTSYS);
    fake_sleep = NULL;

    assert_int_equal(pipe_in(3), 3);
    file_put(ends[1]);
    assert_int_equal(file_poll(ends[0], NULL), POLLIN | POLLRDNORM | POLLHUP);
    assert_int_equal(pipe_out(10), 3);
    assert_int_equal(pipe_out(10), 0);
    file_put(ends[0]);
    assert_int_equal(pipe_create(0, ends), 0);
    file_put(ends[0]);
    assert_int_equal(pipe_in(1), -EPIPE);
    assert_int_equal(file_poll(ends[1], NULL), POLLOUT | POLLWRNORM | POLLERR);
    file_put(ends[1]);
}

static int lock(struct inode *inode, const void *owner, enum lock_type type, uint64_t from,
                uint64_t to)
{
    const struct file_lock want = {
        .owner = owner, .start = from, .end = to, .type = type, .pid = (int)(vaddr_t)owner};
    return file_lock_set(inode, &want, false);
}

/* Against an array of bytes: who holds what. */
static void range_locks(void **state)
{
    (void)state;
    struct file *file = open_file("/locks", O_RDWR | O_CREAT);
    enum { BYTES = 24, OWNERS = 3 };
    unsigned char held[OWNERS][BYTES];
    memset(held, LOCK_NONE, sizeof(held));
    for (unsigned i = 0; i < 20000; i++) {
        unsigned owner = fake_random() % OWNERS, type = fake_random() % 3;
        unsigned from = fake_random() % BYTES, to = from + fake_random() % (BYTES - from);
        bool conflict = false;
        for (unsigned other = 0; other < OWNERS; other++) {
            for (unsigned at = from; at <= to; at++) {
                unsigned has = held[other][at];
                conflict = conflict || (other != owner && type != LOCK_NONE && has != LOCK_NONE &&
                                        (has == LOCK_WRITE || type == LOCK_WRITE));
            }
        }
        int result = lock(file->inode, (void *)(vaddr_t)(owner + 1), type, from, to);
        assert_int_equal(result, conflict ? -EAGAIN : 0);
        if (result == 0) {
            memset(&held[owner][from], (int)type, to - from + 1);
        }
        if (fake_random() % 100 == 0) {
            file_locks_drop_owner(file->inode, (void *)(vaddr_t)(owner + 1));
            memset(held[owner], LOCK_NONE, BYTES);
        }
    }
    for (vaddr_t owner = 1; owner <= OWNERS; owner++) {
        file_locks_drop_owner(file->inode, (void *)owner);
    }
    const struct file_lock all = {.owner = file, .end = INT64_MAX, .type = LOCK_WRITE};
    struct file_lock found;
    assert_false(file_lock_test(file->inode, &all, &found));
    file_put(file);
}

static int mount_type(const char *type, const char *target, const char *options)
{
    const struct mount_how how = {.type = type, .options = options};
    return vfs_mount(&walk, target, &how);
}

static int count_mount(void *arg, const struct mount_info *info)
{
    strcat(arg, info->target);
    strcat(arg, " ");
    return 0;
}

static void mounts(void **state)
{
    (void)state;
    char text[256] = "";
    struct path inside;
    assert_int_equal(vfs_mkdir(&walk, "/m", 0755), 0);
    assert_int_equal(mount_type("nosuch", "/m", NULL), -ENODEV);
    assert_int_equal(mount_type("tmpfs", "/nowhere", NULL), -ENOENT);
    assert_int_equal(mount_type("tmpfs", "/m", "size=12potatoes"), -EINVAL);
    assert_int_equal(mount_type("tmpfs", "/m", "size=8k,mode=700,uid=5"), 0);
    assert_int_equal(attr_of("/m").mode, 040700);
    assert_int_equal(attr_of("/m").uid, 5);
    assert_int_equal(vfs_rmdir(&walk, "/m"), -EBUSY);
    assert_int_equal(vfs_mkdir(&walk, "/m/n", 0755), 0);
    assert_int_equal(mount_type("tmpfs", "/m/n", NULL), 0);
    assert_int_equal(vfs_mounts_visit(&walk.root, count_mount, text), 0);
    assert_string_equal(text, "/ /m /m/n ");
    assert_int_equal(vfs_umount(&walk, "/m", 0), -EBUSY);
    assert_int_equal(vfs_umount(&walk, "/m/n", 0), 0);
    assert_int_equal(vfs_umount(&walk, "/m/n", 0), -EINVAL);

    struct file *file = open_file("/m/big", O_RDWR | O_CREAT);
    struct io io;
    io_init_kernel(&io, pipe_buf, 20000);
    assert_int_equal(file_write(file, &io), 8192);
    assert_int_equal(file_write(file, &io), -ENOSPC);
    io_init_kernel(&io, pipe_buf, 100);
    assert_int_equal(file_pwrite(file, &io, 50), 100);
    assert_int_equal(vfs_umount(&walk, "/m", 0), -EBUSY);
    assert_int_equal(vfs_unlink(&walk, "/m/big"), 0);
    io_init_kernel(&io, pipe_buf, 20000);
    assert_int_equal(file_read(file, &io), 0);
    file_put(file);
    file = open_file("/m/again", O_RDWR | O_CREAT); /* the room came back */
    assert_int_equal(file_write(file, &io), 8192);
    file_put(file);

    assert_int_equal(vfs_walk(&walk, "/m/again", 0, &inside), 0);
    assert_int_equal(vfs_umount(&walk, "/m", 2), 0); /* lazily */
    assert_int_equal(vfs_path_name(&inside, &walk.root, text, sizeof(text)), 19);
    assert_string_equal(text, "(unreachable)/again");
    path_put(&inside);
    assert_int_equal(vfs_rmdir(&walk, "/m"), 0);
}

static void bind_and_move(void **state)
{
    (void)state;
    assert_int_equal(vfs_mkdir(&walk, "/from", 0755), 0);
    assert_int_equal(vfs_mkdir(&walk, "/to", 0755), 0);
    file_put(open_file("/from/file", O_RDWR | O_CREAT));
    struct mount_how how = {.source = "/from", .flags = MS_BIND};
    assert_int_equal(vfs_mount(&walk, "/to", &how), 0);
    assert_int_equal(attr_of("/to/file").ino, attr_of("/from/file").ino);
    how = (struct mount_how){.flags = MS_REMOUNT | MS_BIND | MS_RDONLY};
    assert_int_equal(vfs_mount(&walk, "/to", &how), 0);
    assert_int_equal(vfs_unlink(&walk, "/to/file"), -EROFS);
    const struct open_how write = {.flags = O_WRONLY};
    struct file *file;
    assert_int_equal(vfs_open(&walk, "/to/file", &write, &file), -EROFS);
    assert_int_equal(vfs_mkdir(&walk, "/moved", 0755), 0);
    how = (struct mount_how){.source = "/to", .flags = MS_MOVE};
    assert_int_equal(vfs_mount(&walk, "/moved", &how), 0);
    assert_int_equal(attr_of("/moved/file").ino, attr_of("/from/file").ino);
    how.source = "/moved";
    assert_int_equal(vfs_mount(&walk, "/moved", &how), -ELOOP);
    assert_int_equal(vfs_umount(&walk, "/moved", 0), 0);
    assert_int_equal(vfs_unlink(&walk, "/from/file"), 0);
}

static ssize_type device_read(struct file *file, struct io *io, uint64_t *pos)
{
    (void)file;
    (void)pos;
    return (ssize_type)io_put(io, "dev", 3);
}

static void devices(void **state)
{
    (void)state;
    static const struct file_ops ops = {.read = device_read};
    static const struct chrdev one = {"input/one", DEV(200, 7), 1, 0600, &ops, NULL};
    static const struct chrdev many = {"many", DEV(201, 0), 3, 0666, &ops, NULL};
    static const struct chrdev late = {"late", DEV(202, 0), 1, 0666, &ops, NULL};
    struct file *file;
    const struct open_how how = {.flags = O_RDONLY};
    assert_int_equal(chrdev_register(&one), 0);
    assert_int_equal(chrdev_register(&many), 0);
    assert_int_equal(devtmpfs_symlink("input/one", "alias"), 0);
    assert_int_equal(vfs_mkdir(&walk, "/devices", 0755), 0);
    assert_int_equal(mount_type("devtmpfs", "/devices", NULL), 0);
    assert_int_equal(mount_type("devtmpfs", "/devices", NULL), -EBUSY);
    assert_int_equal(chrdev_register(&late), 0);
    assert_int_equal(attr_of("/devices/input/one").mode, 020600);
    assert_int_equal(attr_of("/devices/many2").rdev, DEV(201, 2));
    assert_int_equal(attr_of("/devices/late").rdev, DEV(202, 0));
    assert_true(attr_of("/devices/late").mtime.sec > 1600000000);
    content_is("/devices/alias", "dev");
    assert_int_equal(vfs_mknod(&walk, "/devices/none", S_IFCHR | 0666, DEV(203, 0)), 0);
    assert_int_equal(vfs_open(&walk, "/devices/none", &how, &file), -ENXIO);
    assert_int_equal(vfs_umount(&walk, "/devices", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initramfs_tree),
        cmocka_unit_test(initramfs_in_place),
        cmocka_unit_test(initramfs_refused),
        cmocka_unit_test(initramfs_no_memory),
        cmocka_unit_test(pipes),
        cmocka_unit_test(range_locks),
        cmocka_unit_test(mounts),
        cmocka_unit_test(bind_and_move),
        cmocka_unit_test(devices),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
