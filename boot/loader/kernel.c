/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places the kernel: its ELF file lies page aligned in memory, and its segments are mapped where
 * they lie, each with its own rights, at addresses moved by a random slide. Only what is not in the
 * file (bss, per-CPU blocks, stacks) takes memory. The file is checked, not trusted.
 */
#include "abi/layout.h"
#include "boot/loader/block.h"
#include "boot/loader/loader.h"
#include "lib/elf.h"
#include "lib/string.h"

/* The kernel being placed. Addresses with _va are as linked, without the slide. */
struct kernel {
    struct loader *loader;
    uint8_t *file;
    uint64_t file_size;
    uint32_t file_type; /* enum boot_mem of the file's pages */
    const struct elf64_phdr *phdrs;
    unsigned count;
    struct elf_layout layout;
    uint64_t slide;
    const struct elf64_phdr *last; /* the segment of the last address looked up */
};

static _Noreturn void refuse(const char *why)
{
    fail("the kernel's ELF file is not good: %s", why);
}

/* `size` bytes of the file behind a linked address; NULL: they are not in one segment. */
static uint8_t *find_bytes(struct kernel *k, uint64_t va, uint64_t size)
{
    const struct elf64_phdr *ph = k->last;
    for (unsigned i = 0; i <= k->count; i++) {
        uint64_t at = va - ph->p_vaddr;
        if (ph->p_type == ELF_PT_LOAD && at < ph->p_filesz && size <= ph->p_filesz - at) {
            k->last = ph;
            return k->file + ph->p_offset + at;
        }
        ph = &k->phdrs[MIN(i, k->count - 1)];
    }
    return NULL;
}

/* The same, or the end. */
static uint8_t *bytes_at(struct kernel *k, uint64_t va, uint64_t size)
{
    uint8_t *bytes = find_bytes(k, va, size);
    if (bytes == NULL) {
        refuse("an address lies in no segment");
    }
    return bytes;
}

static void check_load(const struct elf64_phdr *ph, const struct elf64_phdr *before)
{
    if (!IS_ALIGNED(ph->p_vaddr | ph->p_offset, PAGE_SIZE)) {
        refuse("a segment does not start at a page");
    }
    if (before == NULL) {
        return;
    }
    if (ph->p_vaddr < ALIGN_UP(before->p_vaddr + before->p_memsz, PAGE_SIZE) ||
        ph->p_offset < ALIGN_UP(before->p_offset + before->p_filesz, PAGE_SIZE)) {
        refuse("two segments share a page");
    }
}

static void check(struct kernel *k, const struct elf64_ehdr *header)
{
    const char *why;
    if (k->file_size < sizeof(*header) || elf_check_header(header, ELF_MACHINE_X86_64, &why) != 0) {
        refuse(k->file_size < sizeof(*header) ? "it is too short" : why);
    }
    k->count = header->e_phnum;
    if (header->e_phoff > k->file_size || !IS_ALIGNED(header->e_phoff, 8) ||
        k->count * sizeof(*k->phdrs) > k->file_size - header->e_phoff) {
        refuse("program headers outside the file");
    }
    k->phdrs = (const void *)(k->file + header->e_phoff);
    k->last = k->phdrs;
    if (elf_check_segments(k->phdrs, k->count, k->file_size, &k->layout, &why) != 0) {
        refuse(why);
    }
    /* GNU ld calls a PIE that is linked at an address EXEC, so the type does not tell. */
    if (k->layout.dynamic < 0) {
        refuse("it is not position independent");
    }
    if (k->layout.overlap) {
        refuse("segments overlap or are not in order");
    }
    if (k->layout.writable_code) {
        refuse("a segment is both writable and executable");
    }
    if (k->layout.low < LAYOUT_KERNEL ||
        k->layout.high > LAYOUT_KERNEL + LAYOUT_KERNEL_MAX - PAGE_SIZE) {
        refuse("it is linked at another address");
    }
    const struct elf64_phdr *before = NULL;
    bool entry = false;
    for (unsigned i = 0; i < k->count; i++) {
        const struct elf64_phdr *ph = &k->phdrs[i];
        if (ph->p_type != ELF_PT_LOAD) {
            continue;
        }
        check_load(ph, before);
        before = ph;
        entry |= (ph->p_flags & ELF_PF_X) && header->e_entry - ph->p_vaddr < ph->p_filesz;
    }
    if (!entry) {
        refuse("its entry is not in its code");
    }
}

/* `count` words of the file behind a linked address, or the end. */
static uint64_t *words_at(struct kernel *k, uint64_t va, uint64_t count)
{
    if (!IS_ALIGNED(va, sizeof(uint64_t))) {
        refuse("a relocation is not aligned");
    }
    return (uint64_t *)bytes_at(k, va, count * sizeof(uint64_t));
}

/*
 * DT_RELR (gabi, "Relative relocation table"): an even entry is the address of a word to relocate;
 * an odd one has a bit for each of the 63 words that follow the last ones.
 */
static void relocate_relr(struct kernel *k, uint64_t va, uint64_t size)
{
    const uint64_t *entry = words_at(k, va, size / sizeof(*entry));
    const uint64_t slide = k->slide;
    uint64_t where = 0;
    for (const uint64_t *end = entry + size / sizeof(*entry); entry < end; entry++) {
        if ((*entry & 1) == 0) {
            *words_at(k, *entry, 1) += slide;
            where = *entry + 8;
            continue;
        }
        uint64_t bits = *entry >> 1;
        uint64_t reach = bits == 0 ? 0 : 64 - (uint64_t)__builtin_clzll(bits);
        uint64_t *words = (uint64_t *)find_bytes(k, where, reach * sizeof(uint64_t));
        for (; bits != 0; bits &= bits - 1) {
            unsigned i = (unsigned)__builtin_ctzll(bits);
            /* Where one segment ends the bits may be of the next one's words, too. */
            *(words != NULL ? &words[i] : words_at(k, where + 8 * i, 1)) += slide;
        }
        where += 63 * 8;
    }
}

static void relocate_rela(struct kernel *k, uint64_t va, uint64_t size)
{
    const struct elf64_rela *entry = (const struct elf64_rela *)bytes_at(k, va, size);
    for (const struct elf64_rela *end = entry + size / sizeof(*entry); entry < end; entry++) {
        if (entry->r_info != ELF_R_X86_64_RELATIVE) {
            refuse("it has a relocation of an unknown kind");
        }
        uint64_t value = (uint64_t)entry->r_addend + k->slide;
        memcpy(bytes_at(k, entry->r_offset, sizeof(value)), &value, sizeof(value));
    }
}

static void relocate(struct kernel *k)
{
    const struct elf64_phdr *ph = &k->phdrs[k->layout.dynamic];
    const struct elf64_dyn *dyn = (const struct elf64_dyn *)bytes_at(
        k, ph->p_vaddr, MAX(ph->p_filesz, sizeof(*dyn)));
    uint64_t value[ELF_DT_RELRENT + 1] = {[ELF_DT_RELRENT] = 8};
    for (size_t i = 0; i < ph->p_filesz / sizeof(*dyn) && dyn[i].d_tag != ELF_DT_NULL; i++) {
        if ((uint64_t)dyn[i].d_tag < ARRAY_SIZE(value)) {
            value[dyn[i].d_tag] = dyn[i].d_val;
        }
    }
    if (value[ELF_DT_REL] != 0 || value[ELF_DT_JMPREL] != 0 || value[ELF_DT_RELRENT] != 8) {
        refuse("it has a relocation of an unknown kind");
    }
    if (value[ELF_DT_RELASZ] != 0) {
        relocate_rela(k, value[ELF_DT_RELA], value[ELF_DT_RELASZ]);
    }
    /* Words of DT_RELR hold their linked value already. */
    if (value[ELF_DT_RELRSZ] != 0 && k->slide != 0) {
        relocate_relr(k, value[ELF_DT_RELR], value[ELF_DT_RELRSZ]);
    }
}

/* Maps a part of a segment; what lies in PT_GNU_RELRO becomes read-only, all relocation is done. */
static void map_part(struct kernel *k, uint64_t va, uint64_t pa, uint64_t size, unsigned rights)
{
    uint64_t low = va, high = va;
    if (k->layout.relro >= 0 && (rights & PAGING_WRITE)) {
        const struct elf64_phdr *relro = &k->phdrs[k->layout.relro];
        uint64_t end = ALIGN_DOWN(relro->p_vaddr + relro->p_memsz, PAGE_SIZE);
        low = MIN(MAX(ALIGN_UP(relro->p_vaddr, PAGE_SIZE), va), va + size);
        high = MIN(MAX(end, low), va + size);
    }
    const struct {
        uint64_t start, end;
        unsigned rights;
    } parts[] = {{va, low, rights}, {low, high, 0}, {high, va + size, rights}};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (parts[i].start < parts[i].end) {
            loader_map(k->loader, parts[i].start + k->slide, pa + (parts[i].start - va),
                       parts[i].end - parts[i].start, parts[i].rights);
        }
    }
}

/* Clears from inside a page to its end. */
static void clear_rest(uint8_t *bytes)
{
    uint8_t *line = bytes + (-(uint64_t)bytes & 15);
    memset(bytes, 0, (size_t)(line - bytes));
    block_clear(line, -(uint64_t)line & PAGE_MASK);
}

static void place_segment(struct kernel *k, const struct elf64_phdr *ph)
{
    unsigned rights = (ph->p_flags & ELF_PF_W ? PAGING_WRITE : 0u) |
                      (ph->p_flags & ELF_PF_X ? PAGING_EXEC : 0u);
    uint8_t *bytes = k->file + ph->p_offset;
    uint64_t in_file = ALIGN_UP(ph->p_filesz, PAGE_SIZE);
    uint64_t in_memory = ALIGN_UP(ph->p_memsz, PAGE_SIZE);
    if (in_file > 0) {
        clear_rest(bytes + ph->p_filesz);
        if (k->file_type != BOOT_MEM_KERNEL &&
            memory_retype(&k->loader->memory, (uint64_t)bytes, in_file, k->file_type,
                          BOOT_MEM_KERNEL) != 0) {
            fail("the memory map has too many ranges");
        }
        map_part(k, ph->p_vaddr, (uint64_t)bytes, in_file, rights);
    }
    if (in_memory > in_file) {
        uint64_t bss = loader_take(k->loader, in_memory - in_file, BOOT_MEM_KERNEL);
        block_clear((void *)bss, in_memory - in_file);
        map_part(k, ph->p_vaddr + in_file, bss, in_memory - in_file, rights);
    }
}

/* CPUs share an eighth of the memory; those that get nothing stay parked for good. */
static void limit_cpus(struct loader *loader, uint64_t block)
{
    struct bootinfo *info = loader->info;
    uint64_t share = memory_total(&loader->memory, BOOT_MEM_FREE) / 8;
    uint64_t most = MAX(share / (block + LAYOUT_BOOT_STACK_SIZE), 1u);
    if (info->cpu_count > most) {
        info->cpus_dropped += info->cpu_count - (uint32_t)most;
        info->cpu_count = (uint32_t)most;
    }
}

/*
 * A per-CPU block and a stack for each CPU found (abi/bootinfo.h, BOOT_TCB_SIZE). Blocks start at
 * multiples of 64 bytes at least, so that no cache line has two owners.
 */
static void make_cpus(struct kernel *k)
{
    static const struct elf64_phdr none;
    const struct elf64_phdr *tls = k->layout.tls < 0 ? &none : &k->phdrs[k->layout.tls];
    uint64_t align = MAX(tls->p_align, 64u);
    if (align > PAGE_SIZE || tls->p_memsz > 1u << 20) {
        refuse("its per-CPU segment is too large");
    }
    const uint8_t *image = tls->p_filesz > 0 ? bytes_at(k, tls->p_vaddr, tls->p_filesz) : NULL;
    uint64_t copy = ALIGN_UP(tls->p_memsz, MAX(tls->p_align, 1u));
    uint64_t data = ALIGN_UP(copy, align);
    uint64_t block = ALIGN_UP(data + BOOT_TCB_SIZE, align);
    limit_cpus(k->loader, block);
    struct bootinfo *info = k->loader->info;
    struct boot_cpu *cpus = (struct boot_cpu *)info->cpus;
    uint64_t memory = loader_take(k->loader, info->cpu_count * block, BOOT_MEM_KERNEL);
    uint64_t stacks = loader_take(k->loader, info->cpu_count * LAYOUT_BOOT_STACK_SIZE,
                                  BOOT_MEM_KERNEL);
    uint64_t va = LAYOUT_BOOT_STACKS;
    for (uint32_t i = 0; i < info->cpu_count; i++, memory += block) {
        block_clear((void *)memory, block);
        if (image != NULL) {
            memcpy((void *)(memory + data - copy), image, tls->p_filesz);
        }
        cpus[i].tls_va = LAYOUT_DIRECT_MAP + memory + data;
        memcpy((void *)(memory + data), &cpus[i].tls_va, sizeof(cpus[i].tls_va));
        va += PAGE_SIZE; /* the guard */
        loader_map(k->loader, va, stacks, LAYOUT_BOOT_STACK_SIZE, PAGING_WRITE);
        va += LAYOUT_BOOT_STACK_SIZE;
        stacks += LAYOUT_BOOT_STACK_SIZE;
        cpus[i].stack_top_va = va;
    }
    info->tls_size = block;
}

uint64_t kernel_load(struct loader *loader, uint8_t *file, uint64_t size, uint32_t type)
{
    struct kernel k = {.loader = loader, .file = file, .file_size = size, .file_type = type};
    const struct elf64_ehdr *header = (const struct elf64_ehdr *)file;
    check(&k, header);
    uint64_t entry = header->e_entry;
    uint64_t low = ALIGN_DOWN(k.layout.low, PAGE_SIZE);
    uint64_t high = ALIGN_UP(k.layout.high, PAGE_SIZE);
    if (!loader_option(loader, "nokaslr")) {
        uint64_t places = (LAYOUT_KERNEL + LAYOUT_KERNEL_MAX - high) / PAGE_SIZE;
        k.slide = seed_draw(loader, places) * PAGE_SIZE;
    }
    relocate(&k);
    make_cpus(&k);
    for (unsigned i = 0; i < k.count; i++) {
        if (k.phdrs[i].p_type == ELF_PT_LOAD) {
            place_segment(&k, &k.phdrs[i]);
        }
    }
    loader->info->kernel_va = low + k.slide;
    loader->info->kernel_slide = k.slide;
    loader->info->kernel_size = high - low;
    return entry + k.slide;
}
