/* SPDX-License-Identifier: BSD-2-Clause */
/* The LATE steps, in a thread: the root file system, the end of the boot's own memory, and D1. */
#include "kernel/arch/mmu.h"
#include "kernel/arch/seal.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/timeline.h"
#include "kernel/core/smp.h"
#include "kernel/fs/vfs.h"
#include "kernel/init/init.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/linux.h"
#include "kernel/personality/linux/process/process.h"

static struct path root; /* counted; constant after step "rootfs" */

/* What every Linux root has before an archive is unpacked over it (usr/default_cpio_list). */
static INIT_TEXT void make_first_nodes(const struct walk *walk)
{
    if (vfs_mkdir(walk, "/dev", 0755) != 0 ||
        vfs_mknod(walk, "/dev/console", S_IFCHR | 0600, DEV(5, 1)) != 0 ||
        vfs_mkdir(walk, "/root", 0700) != 0) {
        boot_fail("not enough memory for the root file system");
    }
}

INIT_TEXT void init_rootfs(void)
{
    int error = vfs_mount_root("tmpfs", &root);
    if (error != 0) {
        boot_fail("cannot make the root file system (error %d); give the machine more memory",
                  error);
    }
    struct walk walk = {.cred = &linux_root_cred, .root = root, .base = root};
    make_first_nodes(&walk);
    if (boot->initrd_size == 0) {
        return; /* step "init" says what is missing */
    }
    const char *reason = "";
    error = initramfs_unpack(&walk, boot_pointer(boot->initrd), boot->initrd_size, &reason);
    if (error != 0) {
        boot_fail("initramfs: %s (error %d)", reason, error);
    }
}

/* Pages of the image that have left the kernel's address space, by their physical addresses: each
 * holds that of the next one. */
struct taken_pages {
    paddr_t first, last;
};

/* They become free memory when every CPU has noticed: here they are only noted. */
static void take_out(const char *start, const char *end, struct taken_pages *taken)
{
    for (vaddr_t va = (vaddr_t)start; va < (vaddr_t)end; va += PAGE_SIZE) {
        paddr_t paddr;
        unsigned flags;
        if (arch_kernel_query(va, &paddr, &flags)) {
            arch_kernel_unmap(va);
            *(paddr_t *)phys_to_virt(paddr) = 0;
            *(taken->last != 0 ? (paddr_t *)phys_to_virt(taken->last) : &taken->first) = paddr;
            taken->last = paddr;
        }
    }
}

static size_t give_back(const struct taken_pages *taken)
{
    size_t pages = 0;
    for (paddr_t page = taken->first; page != 0; pages++) {
        paddr_t next = *(const paddr_t *)phys_to_virt(page);
        frame_add(page, PAGE_SIZE);
        page = next;
    }
    return pages;
}

extern const char __image_start[];
extern const char __init_text_start[], __init_text_end[], __init_data_start[], __init_data_end[];
extern const char __ro_after_init_start[], __ro_after_init_end[];

/* Code and constants are read-only in the image since the loader mapped it; now nobody can write
 * them through the direct map either. */
static void seal_image(void)
{
    arch_kernel_seal((vaddr_t)__ro_after_init_start, (vaddr_t)__ro_after_init_end);
    if (arch_direct_map_seal((vaddr_t)__image_start, (vaddr_t)__init_text_start) != 0 ||
        arch_direct_map_seal((vaddr_t)__init_text_end, (vaddr_t)__ro_after_init_end) != 0) {
        log_warn("no memory to make the kernel read-only in the direct map");
    }
}

/* Not INIT_TEXT: it gives that back. bootinfo itself lies in what is given back last. */
void init_reclaim(void)
{
    const struct boot_range *ranges = boot_pointer(boot->ranges);
    struct taken_pages taken = {0, 0};
    take_out(__init_text_start, __init_text_end, &taken);
    take_out(__init_data_start, __init_data_end, &taken);
    seal_image();
    arch_kernel_flush();
    size_t pages = give_back(&taken);

    /* The list of ranges is inside one of them: it is copied before any is given back. */
    struct boot_range loader[8];
    size_t count = 0;
    for (uint32_t i = 0; i < boot->range_count && count < ARRAY_SIZE(loader); i++) {
        if (ranges[i].type == BOOT_MEM_LOADER) {
            loader[count++] = ranges[i];
        }
    }
    boot = NULL;
    for (size_t i = 0; i < count; i++) {
        frame_add(loader[i].start, loader[i].size);
        pages += loader[i].size / PAGE_SIZE;
    }
    log_info("Freeing unused kernel memory: %zu KiB", pages * (PAGE_SIZE / 1024));
}

/* Their steps go into the boot timeline, too; when there is no memory for them, they are counted.
 */
static void make_room_in_timeline(unsigned cpus)
{
    enum { OTHERS = 2 }; /* "start-up" and "idle" */
    unsigned count = (cpus - 1) * (init_steps_on_each() + OTHERS);
    struct timeline_record *room = kzalloc(count * sizeof(*room));
    if (room != NULL) {
        timeline_extend(room, count);
    }
}

void init_smp(void)
{
    if (cpu_present_count() > 1) {
        make_room_in_timeline(cpu_present_count());
    }
    smp_start();
}

void init_init(void)
{
    linux_start_init(&root);
}
