/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's story (steps B1 to B7 of doc/boot.md): make the memory map sane, set aside what is
 * in use, find the CPUs, check and open the payload, place and map the kernel, enter it.
 */
#include "abi/layout.h"
#include "boot/loader/loader.h"
#include "boot/loader/payload.h"
#include "lib/format.h"
#include "lib/string.h"

/* The linker's: where the loader lies, with its bss. */
extern uint8_t image_start[], image_end[];

/* The hand-over; one CPU runs, so there is no lock. */
static struct bootinfo info;
static struct boot_range ranges[BOOT_MAX_RANGES];
static struct loader the_loader;

void loader_stamp(struct loader *loader, enum boot_stage stage, uint64_t cycles)
{
    struct boot_stamp *stamps = loader->info->stamps;
    uint32_t at = loader->info->stamp_count;
    if (at == BOOT_MAX_STAMPS) {
        return;
    }
    for (; at > 0 && stamps[at - 1].cycles > cycles; at--) {
        stamps[at] = stamps[at - 1];
    }
    stamps[at] = (struct boot_stamp){.cycles = cycles, .what = stage};
    loader->info->stamp_count++;
}

struct loader *loader_begin(enum boot_door door, uint64_t cycles)
{
    info.magic = BOOTINFO_MAGIC;
    info.version = BOOTINFO_VERSION;
    info.size = sizeof(info);
    info.door = door;
    info.ranges = (uint64_t)ranges;
    the_loader.info = &info;
    the_loader.memory = (struct memory_map){.ranges = ranges, .max = BOOT_MAX_RANGES};
    loader_stamp(&the_loader, BOOT_STAGE_DOOR, cycles);
    screen_begin(&info);
    return &the_loader;
}

void loader_add_range(struct loader *loader, uint64_t start, uint64_t size, uint32_t acpi_type)
{
    static const uint8_t types[] = {BOOT_MEM_RESERVED, BOOT_MEM_FREE, BOOT_MEM_RESERVED,
                                    BOOT_MEM_ACPI,     BOOT_MEM_NVS,  BOOT_MEM_BAD};
    uint32_t type = acpi_type < ARRAY_SIZE(types) ? types[acpi_type] : BOOT_MEM_RESERVED;
    if (memory_add(&loader->memory, start, size, type) != 0) {
        fail("the memory map has too many ranges");
    }
}

void loader_set_cmdline(struct loader *loader, uint64_t paddr)
{
    if (paddr == 0) {
        return;
    }
    const char *text = machine_window(paddr, BOOT_MAX_CMDLINE);
    if (text == NULL) {
        fail("the command line at %#llx is out of reach", (unsigned long long)paddr);
    }
    size_t size = strnlen(text, BOOT_MAX_CMDLINE);
    if (size == BOOT_MAX_CMDLINE) {
        fail("the command line is longer than %u bytes", BOOT_MAX_CMDLINE - 1);
    }
    loader->info->cmdline = paddr;
    loader->info->cmdline_size = size;
}

/* The last word of the command line that begins with `name`, behind that name; NULL: there is none.
 * A lone word, which does not end in '=', must be the whole word. */
static const char *last_word(const struct loader *loader, const char *name)
{
    const char *at = (const char *)loader->info->cmdline, *found = NULL;
    size_t length = strlen(name);
    bool lone = name[length - 1] != '=', starts = true;
    for (; at != NULL && *at != 0; at++) {
        if (starts && *at == *name && strncmp(at, name, length) == 0 &&
            (!lone || at[length] == 0 || at[length] == ' ')) {
            found = at + length;
        }
        starts = *at == ' ';
    }
    return found;
}

bool loader_option(const struct loader *loader, const char *word)
{
    return last_word(loader, word) != NULL;
}

bool loader_text(const struct loader *loader, const char *name, const char **text, size_t *size)
{
    *text = last_word(loader, name);
    *size = 0;
    while (*text != NULL && (*text)[*size] > ' ') {
        ++*size;
    }
    return *text != NULL;
}

uint64_t loader_number(const struct loader *loader, const char *name, uint64_t fallback)
{
    static const char suffixes[] = "kmgt";
    const char *text, *end;
    size_t size;
    uint64_t value;
    if (!loader_text(loader, name, &text, &size) || parse_u64(text, &end, 0, &value) != 0) {
        return fallback;
    }
    const char *suffix = end < text + size ? strchr(suffixes, *end | 0x20) : NULL;
    if (suffix != NULL) {
        unsigned shift = 10 * (unsigned)(suffix - suffixes + 1);
        value = value << shift >> shift == value ? value << shift : UINT64_MAX;
        end++;
    }
    return end == text + size ? value : fallback;
}

uint64_t loader_take(struct loader *loader, uint64_t size, uint32_t type)
{
    uint64_t start;
    if (memory_take(&loader->memory, size, type, &start) != 0) {
        fail("not enough memory: the kernel needs %llu KiB more in one piece, %llu KiB are free",
             (unsigned long long)(size + 1023) / 1024,
             (unsigned long long)memory_total(&loader->memory, BOOT_MEM_FREE) / 1024);
    }
    return start;
}

void loader_map(struct loader *loader, uint64_t va, uint64_t pa, uint64_t size, unsigned rights)
{
    if (paging_map(&loader->paging, va, pa, size, rights) != 0) {
        fail("not enough memory for page tables");
    }
}

/* Sets aside everything that is in use, before anything else is taken. */
static void reserve_inputs(struct loader *loader)
{
    struct memory_map *memory = &loader->memory;
    if (memory_reserve(memory, (uint64_t)image_start, (uint64_t)(image_end - image_start),
                       BOOT_MEM_LOADER) != 0) {
        fail("the kernel does not fit the memory: %p to %p is not free memory", (void *)image_start,
             (void *)image_end);
    }
    initrd_reserve(loader);
    if (info.efi_map_size > 0 &&
        memory_reserve(memory, info.efi_map, info.efi_map_size, BOOT_MEM_LOADER) != 0) {
        info.efi_map_size = 0; /* nobody needs it to start */
    }
    /* A command line in free memory stays; one that lies elsewhere, or in a page shared with
     * something else, is copied so that the kernel can rely on it. */
    uint64_t from = info.cmdline;
    if (from != 0 && memory_reserve(memory, from, info.cmdline_size + 1, BOOT_MEM_LOADER) != 0) {
        info.cmdline = loader_take(loader, info.cmdline_size + 1, BOOT_MEM_LOADER);
        memmove((void *)info.cmdline, (void *)from, info.cmdline_size + 1);
    }
    initrd_join(loader);
}

/* Types that the kernel reaches through the direct map. */
static bool in_direct_map(const struct boot_range *range, uint64_t run_end)
{
    if (range->type == BOOT_MEM_RESERVED || range->type == BOOT_MEM_BAD) {
        /* Firmware keeps tables in reserved memory right behind the memory it took it from. */
        return range->start == run_end && range->size <= 16u << 20;
    }
    return true;
}

/*
 * Maps all memory. Ranges that touch are one run, so that pages are as large as can be; the first
 * 2 MiB are one page whatever lies there (BIOS data, option ROMs).
 */
static void map_memory(struct loader *loader)
{
    enum { MAX_RUNS = 32 };
    struct {
        uint64_t start, end;
    } runs[MAX_RUNS] = {{0, 2u << 20}};
    unsigned last = 0;
    for (uint32_t i = 0; i < loader->memory.count; i++) {
        const struct boot_range *range = &ranges[i];
        uint64_t end = MIN(range->start + range->size, LAYOUT_DIRECT_MAP_MAX);
        if (!in_direct_map(range, runs[last].end) || end <= runs[last].end) {
            continue;
        }
        if (range->start > runs[last].end && last + 1 < MAX_RUNS) {
            runs[++last].start = range->start;
        }
        runs[last].end = end;
    }
    for (unsigned i = 0; i <= last; i++) {
        loader_map(loader, LAYOUT_DIRECT_MAP + runs[i].start, runs[i].start,
                   runs[i].end - runs[i].start, PAGING_WRITE);
    }
    info.direct_map_va = LAYOUT_DIRECT_MAP;
    info.direct_map_size = runs[last].end;
}

_Noreturn void loader_run(struct loader *loader)
{
    loader_stamp(loader, BOOT_STAGE_LOADER, machine_cycles());
    const char *lacks = machine_lacks();
    if (lacks != NULL) {
        fail("this CPU lacks %s; give the machine another CPU", lacks);
    }
    if (loader->memory.count == 0) {
        fail("the boot loader gave no memory map");
    }
    int err = memory_sanitise(&loader->memory, machine_address_bits());
    if (err != 0) {
        fail(err == -ENOENT ? "the memory map has no free memory"
                            : "the memory map has too many ranges");
    }
    memory_limit(&loader->memory, loader_number(loader, "mem=", UINT64_MAX));
    reserve_inputs(loader);
    digest_check(loader, "initrd_sha256=", "initramfs", info.initrd, info.initrd_size);
    initrd_unpack(loader);
    payload_check();
    seed_gather(loader);
    loader_stamp(loader, BOOT_STAGE_UNPACK, machine_cycles());
    uint32_t type;
    uint8_t *file = payload_open(loader, &type);
    digest_check(loader, "kernel_sha256=", "kernel", (uint64_t)file, payload_header.size);
    loader_stamp(loader, BOOT_STAGE_PLACE, machine_cycles());

    if (paging_init(&loader->paging, &loader->memory) != 0 ||
        paging_map_switch(&loader->paging) != 0) {
        fail("not enough memory for page tables");
    }
    cpus_find(loader);
    struct machine_start start = {.entry = kernel_load(loader, file, payload_header.size, type)};
    map_memory(loader);
    screen_map(loader);

    const struct boot_cpu *cpu = (const struct boot_cpu *)info.cpus;
    start.root = (uint64_t)loader->paging.root;
    start.argument = LAYOUT_DIRECT_MAP + (uint64_t)&info;
    start.stack = cpu->stack_top_va;
    start.percpu = cpu->tls_va;
    info.page_table = start.root;
    info.range_count = loader->memory.count;
    loader_stamp(loader, BOOT_STAGE_JUMP, machine_cycles());
    machine_enter(&start);
}
