/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices that have no hardware: /dev/null, zero, full, random, urandom and kmsg, with Linux's
 * numbers (admin-guide/devices.txt, major 1) and the semantics of null(4), full(4), random(4).
 */
#include "kernel/personality/linux/device/mem_devices.h"

#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/base/random.h"
#include "kernel/core/sched.h"
#include "kernel/core/thread.h"
#include "kernel/fs/file.h"
#include "kernel/personality/linux/device/kmsg.h"
#include "kernel/personality/linux/process/process.h"
#include "lib/string.h"

#define CAP_SYS_ADMIN 21u

/* Bytes between two looks at who else wants the CPU, and at signals. */
#define LONG_TRANSFER 65536u

static ssize_type null_read(struct file *file, struct io *io, uint64_t *pos)
{
    (void)file;
    (void)io;
    (void)pos;
    return 0;
}

static ssize_type null_write(struct file *file, struct io *io, uint64_t *pos)
{
    size_t size = io->left;

    (void)file;
    (void)pos;
    io->left = 0;
    return (ssize_type)size;
}

/* Any position is the same as the first. */
static int64_t null_seek(struct file *file, int64_t offset, int whence)
{
    (void)offset;
    (void)whence;
    file->pos = 0;
    return 0;
}

/* A pause in a long transfer; false: a signal ends it. */
static bool may_go_on(void)
{
    sched_point();
    return !thread_interrupted();
}

static ssize_type zero_read(struct file *file, struct io *io, uint64_t *pos)
{
    ssize_type total = 0;

    (void)file;
    (void)pos;
    while (io->left > 0) {
        size_t part = MIN(io->left, (size_t)LONG_TRANSFER);
        size_t done = io_put_zero(io, part);
        total += (ssize_type)done;
        if (done < part) {
            return total > 0 ? total : -EFAULT;
        }
        if (io->left > 0 && !may_go_on()) {
            break;
        }
    }
    return total;
}

/* Private mappings copy what they write, shared ones share this new object: both as on Linux. */
static int zero_mmap(struct file *file, uint64_t offset, size_t size, unsigned rights,
                     struct vmo **out)
{
    (void)file;
    (void)offset;
    (void)size;
    (void)rights;
    return vmo_create(out);
}

static ssize_type full_write(struct file *file, struct io *io, uint64_t *pos)
{
    (void)file;
    (void)io;
    (void)pos;
    return -ENOSPC;
}

static ssize_type random_read(struct file *file, struct io *io, uint64_t *pos)
{
    uint8_t bytes[512];
    ssize_type total = 0;

    (void)file;
    (void)pos;
    (void)random_ready();
    while (io->left > 0) {
        size_t part = MIN(io->left, sizeof(bytes));
        random_bytes(bytes, part);
        size_t done = io_put(io, bytes, part);
        total += (ssize_type)done;
        if (done < part) {
            total = total > 0 ? total : -EFAULT;
            break;
        }
        if (total % LONG_TRANSFER == 0 && !may_go_on()) {
            break;
        }
    }
    memset(bytes, 0, sizeof(bytes));
    __asm__ volatile("" : : "r"(bytes) : "memory");
    return total;
}

/* Anybody may mix in what he likes; it counts for nothing. */
static ssize_type random_write(struct file *file, struct io *io, uint64_t *pos)
{
    uint8_t bytes[256];
    ssize_type total = 0;

    (void)file;
    (void)pos;
    while (io->left > 0) {
        size_t part = MIN(io->left, sizeof(bytes));
        size_t done = io_take(io, bytes, part);
        random_add(bytes, done);
        total += (ssize_type)done;
        if (done < part) {
            return total > 0 ? total : -EFAULT;
        }
        if (total % LONG_TRANSFER == 0 && !may_go_on()) {
            break;
        }
    }
    return total;
}

/* random(4): the requests of linux/random.h. */
enum {
    RNDGETENTCNT = 0x80045200,
    RNDADDENTROPY = 0x40085203,
    RNDRESEEDCRNG = 0x5207,
};

/* struct rand_pool_info: bits of entropy, bytes that follow. */
static long random_add_entropy(vaddr_t arg)
{
    int32_t head[2];
    uint8_t bytes[256];

    if (!linux_capable(CAP_SYS_ADMIN)) {
        return -EPERM;
    }
    if (copy_from_user(head, arg, sizeof(head)) != 0) {
        return -EFAULT;
    }
    if (head[0] < 0 || head[1] < 0) {
        return -EINVAL;
    }
    for (size_t done = 0; done < (size_t)head[1];) {
        size_t part = MIN((size_t)head[1] - done, sizeof(bytes));
        if (copy_from_user(bytes, arg + sizeof(head) + done, part) != 0) {
            return -EFAULT;
        }
        /* Credited only when the caller vouches for all of it. */
        if (head[0] / 8 >= head[1]) {
            random_add_secret(bytes, part);
        } else {
            random_add(bytes, part);
        }
        done += part;
        if (done % LONG_TRANSFER == 0 && !may_go_on()) {
            break;
        }
    }
    return 0;
}

static long random_ioctl(struct file *file, unsigned request, vaddr_t arg)
{
    int bits = 256;

    (void)file;
    switch (request) {
    case RNDGETENTCNT:
        return put_user(bits, arg);
    case RNDADDENTROPY:
        return random_add_entropy(arg);
    case RNDRESEEDCRNG:
        if (!linux_capable(CAP_SYS_ADMIN)) {
            return -EPERM;
        }
        random_add(NULL, 0); /* every CPU takes a new key from the root */
        return 0;
    default:
        return -EINVAL; /* not ENOTTY: Linux's driver says so */
    }
}

static unsigned random_poll(struct file *file, struct poll_table *table)
{
    (void)file;
    (void)table;
    return POLLIN | POLLRDNORM;
}

static const struct file_ops null_ops = {
    .read = null_read,
    .write = null_write,
    .seek = null_seek,
};
static const struct file_ops zero_ops = {
    .read = zero_read,
    .write = null_write,
    .seek = null_seek,
    .mmap = zero_mmap,
};
static const struct file_ops full_ops = {
    .read = zero_read,
    .write = full_write,
    .seek = null_seek,
};
static const struct file_ops random_ops = {
    .read = random_read,
    .write = random_write,
    .seek = null_seek,
    .poll = random_poll,
    .ioctl = random_ioctl,
};
static const struct file_ops urandom_ops = {
    .read = random_read,
    .write = random_write,
    .seek = null_seek,
    .ioctl = random_ioctl,
};

static const struct chrdev devices[] = {
    {"null", DEV(1, 3), 1, 0666, &null_ops, NULL},
    {"zero", DEV(1, 5), 1, 0666, &zero_ops, NULL},
    {"full", DEV(1, 7), 1, 0666, &full_ops, NULL},
    {"random", DEV(1, 8), 1, 0666, &random_ops, NULL},
    {"urandom", DEV(1, 9), 1, 0666, &urandom_ops, NULL},
    {"kmsg", DEV(1, 11), 1, 0644, &kmsg_file_ops, kmsg_open},
};

/* What every distribution's scripts expect (and udev or docker would make). */
static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

void mem_devices_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        (void)chrdev_register(&devices[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        (void)devtmpfs_symlink(links[i].target, links[i].name);
    }
}
