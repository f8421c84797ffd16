/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kexec_load(2), kexec_file_load(2), and what reboot(2) does with the image. There is one image; a
 * new one takes its place when it is whole, and who is too late to load one is told so (EBUSY). No
 * memory is set aside for a kernel that comes after a crash, so that images for one are refused as
 * Linux does without crashkernel=.
 */
#include "kernel/arch/user.h"
#include "kernel/base/log.h"
#include "kernel/core/sched.h"
#include "kernel/dev/api/power.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"
#include "kernel/personality/linux/kexec/kexec.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/limits.h"

/* linux/kexec.h */
#define KEXEC_ON_CRASH    1ul
#define KEXEC_ARCH_MASK   0xffff0000ul
#define KEXEC_ARCH_NATIVE (62ul << 16) /* x86_64: the number of the machine in ELF files */

enum { KEXEC_FILE_UNLOAD = 1, KEXEC_FILE_ON_CRASH = 2, KEXEC_FILE_NO_INITRAMFS = 4 };

struct linux_kexec_segment {
    uint64_t buf, buf_size, mem, mem_size;
};
static_assert(sizeof(struct linux_kexec_segment) == 32, "ABI");

/* Who holds it loads or enters an image. */
static struct mutex kexec_lock = MUTEX_INIT(kexec_lock, LOCK_KEXEC);
static struct kexec_image *loaded; /* [kexec_lock] to change, atomic */

/* Once it is 1 it stays so, and the image there is, or that there is none, too. */
struct linux_sysctl linux_kexec_load_disabled = {0, 1, 1};

static bool may_load(void)
{
    return linux_capable(CAP_SYS_BOOT) && sysctl_read(&linux_kexec_load_disabled) == 0;
}

bool linux_kexec_loaded(void)
{
    return __atomic_load_n(&loaded, __ATOMIC_RELAXED) != NULL;
}

/* Puts an image, or NULL, in place of the one there is. REQUIRES kexec_lock. */
static void replace(struct kexec_image *image)
{
    struct kexec_image *old = loaded;
    __atomic_store_n(&loaded, image, __ATOMIC_RELAXED);
    kexec_image_destroy(old);
}

static int read_user(void *arg, void *buf, size_t size, uint64_t offset)
{
    return copy_from_user(buf, *(const vaddr_t *)arg + offset, size);
}

static int load_segments(const struct linux_kexec_segment *from, unsigned count, paddr_t entry)
{
    struct kexec_segment segments[KEXEC_SEGMENTS_MAX];
    struct kexec_image *image;
    for (unsigned i = 0; i < count; i++) {
        segments[i] = (struct kexec_segment){from[i].mem, from[i].mem_size, from[i].buf_size};
    }
    int error = kexec_image_create(segments, count, &image);
    if (error != 0) {
        return error;
    }
    for (unsigned i = 0; error == 0 && i < count; i++) {
        vaddr_t buf = from[i].buf;
        error = kexec_image_fill(image, i, read_user, &buf);
    }
    if (error != 0) {
        kexec_image_destroy(image);
        return error;
    }
    kexec_image_finish(image, entry, 0);
    replace(image);
    return 0;
}

LINUX_CALL4(kexec_load, paddr_t, entry, unsigned long, count, vaddr_t, addr, unsigned long, flags)
{
    struct linux_kexec_segment segments[KEXEC_SEGMENTS_MAX];
    unsigned long machine = flags & KEXEC_ARCH_MASK;
    int error = 0;
    if (!may_load()) {
        return -EPERM;
    }
    /* KEXEC_PRESERVE_CONTEXT, to come back, is for kernels built with KEXEC_JUMP. */
    if ((flags & ~(KEXEC_ARCH_MASK | KEXEC_ON_CRASH)) != 0 || count > KEXEC_SEGMENTS_MAX ||
        (machine != 0 && machine != KEXEC_ARCH_NATIVE)) {
        return -EINVAL;
    }
    if (copy_from_user(segments, addr, count * sizeof(segments[0])) != 0) {
        return -EFAULT;
    }
    if (!mutex_trylock(&kexec_lock)) {
        return -EBUSY;
    }
    if ((flags & KEXEC_ON_CRASH) != 0) {
        error = count == 0 ? 0 : -EADDRNOTAVAIL;
    } else if (count == 0) {
        replace(NULL);
    } else {
        error = load_segments(segments, (unsigned)count, entry);
    }
    mutex_unlock(&kexec_lock);
    return error;
}

/* REQUIRES kexec_lock. */
static int load_files(const struct kexec_files *files)
{
    struct kexec_image *image;
    int error = kexec_load_files(files, &image);
    if (error == 0) {
        replace(image);
    }
    return error;
}

LINUX_CALL5(kexec_file_load, int, kernel_fd, int, initrd_fd, size_t, cmdline_size, vaddr_t, cmdline,
            unsigned long, flags)
{
    bool with_initrd = (flags & KEXEC_FILE_NO_INITRAMFS) == 0;
    struct fd_ref kernel, initrd = {NULL, false};
    int error;
    if (!may_load()) {
        return -EPERM;
    }
    if ((flags & ~7ul) != 0) {
        return -EINVAL;
    }
    if (!mutex_trylock(&kexec_lock)) {
        return -EBUSY;
    }
    if ((flags & KEXEC_FILE_ON_CRASH) != 0) {
        error = (flags & KEXEC_FILE_UNLOAD) != 0 ? 0 : -EADDRNOTAVAIL;
        mutex_unlock(&kexec_lock);
        return error;
    }
    if ((flags & KEXEC_FILE_UNLOAD) != 0) {
        replace(NULL);
        mutex_unlock(&kexec_lock);
        return 0;
    }
    kernel = fd_borrow(kernel_fd);
    if (with_initrd) {
        initrd = fd_borrow(initrd_fd);
    }
    /* The kernel is looked at first, as by Linux: a bad one is what the caller hears of. */
    error = load_files(
        &(struct kexec_files){kernel.file, initrd.file, with_initrd, cmdline, cmdline_size});
    fd_return(initrd);
    fd_return(kernel);
    mutex_unlock(&kexec_lock);
    return error;
}

long linux_kexec_enter(void)
{
    struct cpumask boot_cpu = {{0}};
    if (!mutex_trylock(&kexec_lock)) {
        return -EBUSY;
    }
    if (loaded == NULL) {
        mutex_unlock(&kexec_lock);
        return -EINVAL;
    }
    log_notice("kexec: starting another kernel");
    /* The others are parked as the machine's reset left them; that one began, and goes on. */
    cpumask_set(&boot_cpu, 0);
    (void)sched_set_affinity(current, &boot_cpu);
    arch_irq_disable();
    assert(arch_cpu_number() == 0);
    power_kexec(kexec_image_arch(loaded));
}
