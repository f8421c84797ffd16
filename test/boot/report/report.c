/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that only tells, line by line on the serial port, what the loader handed over and how it
 * mapped things, and then ends the machine. test_doors.py boots it through every door.
 */
#include "abi/bootinfo.h"
#include "abi/layout.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

#define PTE_PRESENT       1ul
#define PTE_WRITE         2ul
#define PTE_LARGE         0x80ul
#define PTE_WRITE_THROUGH 0x8ul
#define PTE_NX            (1ul << 63)
#define PTE_ADDRESS       0x000ffffffffff000ul

static const char *const types[] = {"free", "reserved", "acpi",   "nvs",
                                    "bad",  "kernel",   "loader", "initrd"};
__attribute__((used)) __thread uint64_t tls_data[2] __attribute__((aligned(32))) = {0x1234, 0x5678};
__attribute__((used)) __thread uint32_t tls_zero[5];
static uint8_t zeros[40000];
static uint32_t numbers[3000] = {7};

_Noreturn void report(struct bootinfo *info, uint64_t stack, uint64_t thread_pointer);

static void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint64_t gs_word(int64_t offset)
{
    uint64_t value;
    __asm__ volatile("movq %%gs:(%1), %0" : "=r"(value) : "r"(offset));
    return value;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (const char *c = line; *c != 0; c++) {
        outb(0x3f8, (uint8_t)*c);
    }
    outb(0x3f8, '\n');
}

static void *direct(uint64_t paddr)
{
    return (void *)(LAYOUT_DIRECT_MAP + paddr);
}

/* The entry that maps va, 0 when none does. */
static uint64_t entry_of(const struct bootinfo *info, uint64_t va)
{
    const uint64_t *table = direct(info->page_table);
    for (unsigned shift = 39;; shift -= 9) {
        uint64_t entry = table[va >> shift & 511];
        if (!(entry & PTE_PRESENT) || shift == 12 || (entry & PTE_LARGE)) {
            return entry & PTE_PRESENT ? entry : 0;
        }
        table = direct(entry & PTE_ADDRESS);
    }
}

static const char *rights(const struct bootinfo *info, const void *at)
{
    static const char *const names[] = {"r-x", "rwx", "r--", "rw-"};
    uint64_t entry = entry_of(info, (uint64_t)at);
    return entry == 0 ? "---" : names[(entry & PTE_NX ? 2 : 0) + (entry & PTE_WRITE ? 1 : 0)];
}

/* Counts the entries below a table that are writable and executable. */
static unsigned writable_code(const uint64_t *table, unsigned shift)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 512; i++) {
        bool leaf = shift == 12 || (table[i] & PTE_LARGE);
        if ((table[i] & PTE_PRESENT) && !leaf) {
            count += writable_code(direct(table[i] & PTE_ADDRESS), shift - 9);
        } else if ((table[i] & PTE_PRESENT) && (table[i] & PTE_WRITE) && !(table[i] & PTE_NX)) {
            count++;
        }
    }
    return count;
}

static void say_ranges(const struct bootinfo *info)
{
    const struct boot_range *range = direct(info->ranges);
    bool mapped = true;
    for (uint32_t i = 0; i < info->range_count; i++) {
        say("range %s %#lx %#lx", types[range[i].type], range[i].start, range[i].size);
        if (range[i].type != BOOT_MEM_RESERVED && range[i].type != BOOT_MEM_BAD) {
            mapped &= entry_of(info, LAYOUT_DIRECT_MAP + range[i].start) != 0 &&
                      entry_of(info, LAYOUT_DIRECT_MAP + range[i].start + range[i].size - 1) != 0;
        }
    }
    say("direct-map %s %s", mapped ? "whole" : "HOLES", rights(info, direct(0x1000)));
}

static void say_cpus(const struct bootinfo *info)
{
    const struct boot_cpu *cpu = direct(info->cpus);
    for (uint32_t i = 0; i < info->cpu_count; i++) {
        const uint64_t *self = (const uint64_t *)cpu[i].tls_va;
        uint64_t bottom = cpu[i].stack_top_va - LAYOUT_BOOT_STACK_SIZE;
        bool good = *self == cpu[i].tls_va && IS_ALIGNED(cpu[i].tls_va, 64);
        for (unsigned j = 1; j < BOOT_TCB_SIZE / sizeof(*self); j++) {
            good &= self[j] == 0;
        }
        say("cpu %u flags %u block %s stack %s guard %s", cpu[i].hw_id, cpu[i].flags,
            good ? "good" : "BAD", rights(info, (void *)bottom),
            rights(info, (void *)(bottom - 1)));
    }
    say("dropped %u", info->cpus_dropped);
}

static void say_kernel(const struct bootinfo *info, uint64_t stack, uint64_t thread_pointer)
{
    const struct boot_cpu *cpu = direct(info->cpus);
    say("kernel %#lx slide %#lx", info->kernel_va, info->kernel_slide);
    say("entry stack %s thread-pointer %s", stack == cpu->stack_top_va ? "good" : "BAD",
        thread_pointer == cpu->tls_va && gs_word(0) == cpu->tls_va ? "good" : "BAD");
    bool good = numbers[0] == 7 && numbers[2999] == 0;
    for (size_t i = 0; i < sizeof(zeros); i++) {
        good &= zeros[i] == 0;
    }
    zeros[0] = 1;
    numbers[1] = 1;
    uint64_t data, zero;
    __asm__("leaq tls_data@tpoff, %0\n\tleaq tls_zero@tpoff, %1" : "=r"(data), "=r"(zero));
    good &= gs_word((int64_t)data) == 0x1234 && gs_word((int64_t)data + 8) == 0x5678 &&
            gs_word((int64_t)zero) == 0 && IS_ALIGNED(thread_pointer + data, 32);
    say("data %s", good ? "good" : "BAD");
    say("rights text %s rodata %s relro %s data %s bss %s", rights(info, (void *)say),
        rights(info, "x"), rights(info, types), rights(info, numbers), rights(info, zeros));
    say("writable-code %u", writable_code(direct(info->page_table), 39));
}

/* Each stage of the loader's once and in order; before them, or between, what the door has. Time
 * does not stand still. */
static bool stamps_good(const struct bootinfo *info)
{
    uint32_t next = BOOT_STAGE_DOOR;
    bool good = info->stamp_count <= BOOT_MAX_STAMPS;
    for (uint32_t i = 0; good && i < info->stamp_count; i++) {
        uint32_t what = info->stamps[i].what;
        good &= what > BOOT_STAGE_JUMP || what == next++;
        good &= i == 0 || info->stamps[i].cycles > info->stamps[i - 1].cycles;
    }
    return good && next == BOOT_STAGE_JUMP + 1;
}

/* Stages that are a door's own, by number. */
static void say_stages(const struct bootinfo *info)
{
    for (uint32_t i = 0; i < info->stamp_count; i++) {
        if (info->stamps[i].what > BOOT_STAGE_JUMP) {
            say("stage %u", info->stamps[i].what);
        }
    }
}

_Noreturn void report(struct bootinfo *info, uint64_t stack, uint64_t thread_pointer)
{
    bool good = info->magic == BOOTINFO_MAGIC && info->version == BOOTINFO_VERSION &&
                info->size == sizeof(*info);
    say("bootinfo %s door %u rsdp %#lx", good ? "good" : "BAD", info->door, info->acpi_rsdp);
    say("cmdline %lu %.200s", info->cmdline_size,
        info->cmdline != 0 ? (const char *)direct(info->cmdline) : "");
    say("initrd %#lx %lu %.16s", info->initrd, info->initrd_size,
        info->initrd != 0 ? (const char *)direct(info->initrd) : "");
    say("screen %ux%u %#lx", info->framebuffer.width, info->framebuffer.height,
        info->framebuffer.address);
    const void *pixels = (const void *)info->framebuffer_va;
    bool combining = (entry_of(info, info->framebuffer_va) & PTE_WRITE_THROUGH) != 0;
    say("pixels %s %s cells %s", pixels != NULL ? rights(info, pixels) : "---",
        pixels != NULL && combining ? "combining" : "-", info->cells != 0 ? "yes" : "no");
    say("text %ux%u", info->text.columns, info->text.rows);
    say("loader %u.%u", info->loader_type, info->loader_version);
    uint64_t seed;
    memcpy(&seed, info->entropy, sizeof(seed));
    say("seed %#lx size %u", seed, info->entropy_size);
    say("stamps %s", stamps_good(info) ? "good" : "BAD");
    say_stages(info);
    say_ranges(info);
    say_cpus(info);
    say_kernel(info, stack, thread_pointer);
    say("end of report");
    /* No IDT: the next exception is the machine's end, which -no-reboot makes QEMU's. */
    static const uint8_t no_idt[10];
    __asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt));
    for (;;) {
        continue;
    }
}

__asm__(".globl _start\n"
        "_start:\n"
        "    movq %rsp, %rsi\n"
        "    movl $0xc0000101, %ecx\n" /* IA32_GS_BASE */
        "    rdmsr\n"
        "    shlq $32, %rdx\n"
        "    orq %rax, %rdx\n"
        "    call report\n");
