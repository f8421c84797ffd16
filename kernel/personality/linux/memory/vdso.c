/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vDSO's place in programs: two objects that borrow pages of the kernel image, one with the
 * clock's page, one with the code. Programs may read and execute them; the kernel alone writes the
 * clock.
 */
#include "kernel/personality/linux/memory/vdso.h"
#include "abi/clock_page.h"
#include "abi/errno.h"
#include "kernel/arch/clock.h"
#include "kernel/arch/mmu.h"
#include "kernel/base/init.h"
#include "kernel/base/panic.h"
#include "kernel/core/space.h"

extern const char linux_vdso_image[], linux_vdso_image_end[];

/* Constant after vdso_init; references that are never given back. */
static struct vmo *clock_object RO_AFTER_INIT;
static struct vmo *image_object RO_AFTER_INIT;

/* An object of one page of the kernel image, seen through the direct map. */
static INIT_TEXT struct vmo *borrow_page(const void *page)
{
    paddr_t paddr;
    unsigned flags;
    struct vmo *vmo;
    bool mapped = arch_kernel_query((vaddr_t)page, &paddr, &flags);
    assert(mapped && IS_ALIGNED(paddr, PAGE_SIZE));
    if (vmo_create_borrowed(phys_to_virt(paddr), PAGE_SIZE, &vmo) != 0) {
        boot_fail("not enough memory to start; give the machine more");
    }
    return vmo;
}

INIT_TEXT void vdso_init(void)
{
    assert(linux_vdso_image_end - linux_vdso_image <= (ptrdiff_t)PAGE_SIZE);
    clock_object = borrow_page(arch_clock_page());
    image_object = borrow_page(linux_vdso_image);
}

int vdso_map(struct space *space, vaddr_t *image)
{
    /* The first one finds room for both; the second replaces its upper page. */
    const struct space_map clock = {.size = 2 * PAGE_SIZE,
                                    .flags = REGION_READ | REGION_MAY_READ | REGION_SHARED,
                                    .vmo = clock_object};
    vaddr_t at;
    int error = space_map(space, &clock, &at);
    if (error != 0) {
        return error;
    }
    const struct space_map code = {.addr = at + PAGE_SIZE,
                                   .size = PAGE_SIZE,
                                   .flags = REGION_READ | REGION_EXEC | REGION_MAY_READ |
                                            REGION_MAY_EXEC | REGION_VDSO,
                                   .fixed = true,
                                   .vmo = image_object};
    return space_map(space, &code, image);
}
