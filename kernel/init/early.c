/* SPDX-License-Identifier: BSD-2-Clause */
/* The EARLY steps: from nothing to a heap. Boot CPU only, interrupts off. */
#include "kernel/arch/clock.h"
#include "kernel/arch/cpu.h"
#include "kernel/arch/mmu.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/random.h"
#include "kernel/dev/drivers.h"
#include "kernel/init/init.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/kmap.h"
#include "kernel/mm/ram.h"

INIT_TEXT void init_console(void)
{
    arch_cpu_tables(boot);
    drivers_early_init(boot);
}

/* Linux's parameters for what reaches the console: quiet, debug, loglevel=, ignore_loglevel. */
static INIT_TEXT void set_log_level(void)
{
    if (cmdline_flag("quiet")) {
        log_set_level(LOG_WARNING);
    }
    if (cmdline_flag("debug") || cmdline_flag("ignore_loglevel")) {
        log_set_level(LOG_DEBUG + 1);
    }
    uint64_t level = cmdline_number("loglevel", (uint64_t)log_get_level());
    log_set_level((int)MIN(level, 15ull));
    if (cmdline_flag("initcall_debug") && log_get_level() <= LOG_NOTICE) {
        log_set_level(LOG_NOTICE + 1);
    }
}

/* What the loader has seen to is not for init. */
static INIT_TEXT void know_loader_words(void)
{
    static const char *const words[] = {"nokaslr", "mem", "acpi_rsdp", "kernel_sha256",
                                        "initrd_sha256"};
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        (void)cmdline_get(words[i]);
    }
}

INIT_TEXT void init_cmdline(void)
{
    const char *text = boot->cmdline != 0 ? boot_pointer(boot->cmdline) : "";
    void *storage = kmalloc(CMDLINE_STORAGE(boot->cmdline_size));
    if (storage == NULL) {
        boot_fail("not enough memory for a command line of %lu bytes",
                  (unsigned long)boot->cmdline_size);
    }
    cmdline_init(text, boot->cmdline_size, storage);
    set_log_level();
    know_loader_words();
    arch_cpu_options(NULL);
    log_info("Alba on %s", "x86_64");
}

INIT_TEXT void init_trap(void)
{
    arch_cpu_options(boot->cmdline != 0 ? boot_pointer(boot->cmdline) : "");
    arch_cpu_init(0);
}

__attribute__((no_stack_protector)) INIT_TEXT void init_random(void)
{
    random_init(boot->entropy, MIN(boot->entropy_size, (uint32_t)sizeof(boot->entropy)));
    arch_set_canary(random_u64());
}

void init_trap_cpu(unsigned cpu)
{
    arch_cpu_init(cpu);
}

__attribute__((no_stack_protector)) void init_random_cpu(unsigned cpu)
{
    (void)cpu;
    /* A thread takes its frames along from CPU to CPU: the word is the same on all. */
    arch_copy_canary();
}

INIT_TEXT void init_unmap(void)
{
    arch_mmu_init();
}

INIT_TEXT void init_frames(void)
{
    frame_init(boot);
}

INIT_TEXT void init_heap(void)
{
    heap_init();
    kmap_init();
    ram_init(boot);
}
