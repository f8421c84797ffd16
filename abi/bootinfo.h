/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The one hand-over from the loader to the kernel.
 *
 * Every door (boot/door) fills the first part of this structure and calls the loader; the loader
 * adds the rest and enters the kernel with a direct-map pointer to it in the first argument
 * register. All addresses are physical unless a name ends in _va. The structure and everything it
 * points to lie in ranges of type BOOT_MEM_LOADER, so the kernel may use them until it gives those
 * ranges back (step "reclaim").
 */
#include <stddef.h>
#include <stdint.h>

#define BOOTINFO_MAGIC   0x4f464e4941424c41ull /* "ALBAINFO", little endian */
#define BOOTINFO_VERSION 1u

#define BOOT_MAX_RANGES  256u   /* memory ranges after sanitising */
#define BOOT_MAX_CPUS    256u   /* CPUs that get a block and a stack */
#define BOOT_MAX_CMDLINE 65536u /* bytes with the terminating zero; longer ones are refused */
#define BOOT_MAX_STAMPS  16u

enum boot_door {
    BOOT_DOOR_NONE,
    BOOT_DOOR_LINUX16, /* Linux protocol, real-mode entry */
    BOOT_DOOR_LINUX32, /* Linux protocol, 32-bit entry */
    BOOT_DOOR_LINUX64, /* Linux protocol, 64-bit entry */
    BOOT_DOOR_PVH,
    BOOT_DOOR_MULTIBOOT1,
    BOOT_DOOR_MULTIBOOT2,
    BOOT_DOOR_EFI,
    BOOT_DOOR_BIOS,
    BOOT_DOOR_SBI,
};

/* What a range of physical memory may be used for. */
enum boot_mem {
    BOOT_MEM_FREE,     /* RAM nobody uses */
    BOOT_MEM_RESERVED, /* not RAM, or never to be touched */
    BOOT_MEM_ACPI,     /* ACPI tables: RAM once they are parsed, kept */
    BOOT_MEM_NVS,      /* firmware's */
    BOOT_MEM_BAD,      /* defective */
    BOOT_MEM_KERNEL,   /* the kernel's segments, per-CPU blocks, stacks and page tables */
    BOOT_MEM_LOADER,   /* loader, bootinfo, command line: reclaimed */
    BOOT_MEM_INITRD,   /* the initramfs, used in place */
};

struct boot_range {
    uint64_t start; /* first byte, page aligned for FREE, KERNEL and LOADER */
    uint64_t size;  /* bytes */
    uint32_t type;  /* enum boot_mem */
    uint32_t zero;
};

/* One per CPU found, in the order of the firmware's tables; the boot CPU is always entry 0. */
struct boot_cpu {
    uint32_t hw_id;        /* local APIC id, hart id */
    uint32_t flags;        /* BOOT_CPU_* */
    uint64_t tls_va;       /* thread pointer, see BOOT_TCB_SIZE */
    uint64_t stack_top_va; /* first byte above the stack; an unmapped guard page lies below it */
};

/*
 * The block of a CPU is a copy of the kernel's PT_TLS segment that ends at tls_va (x86-64 psABI,
 * TLS variant II; aligned as the segment asks), then this many zeroed bytes for the kernel's own
 * use, of which the first word points to itself. tls_va is a direct-map address.
 */
#define BOOT_TCB_SIZE    256u

#define BOOT_CPU_BSP     1u /* the CPU that runs now */
#define BOOT_CPU_ENABLED 2u /* may be started */

/* A moment on the way: `what` is one of enum boot_stage. Cycles are the TSC's or time CSR's. A
 * stage lasts until the next one begins; stamps are in the order of time. */
struct boot_stamp {
    uint64_t cycles;
    uint32_t what;
    uint32_t zero;
};
enum boot_stage {
    BOOT_STAGE_DOOR, /* the door's code in 32 or 64 bits; of EFI, all until the firmware is left */
    BOOT_STAGE_LOADER, /* the door is done, the loader starts */
    BOOT_STAGE_UNPACK, /* the payload is found and checked, unpacking starts */
    BOOT_STAGE_PLACE,  /* unpacked; segments are placed and mapped */
    BOOT_STAGE_JUMP,   /* page tables loaded, the kernel is entered */
    /* What of ours runs before BOOT_STAGE_DOOR, where it does. */
    BOOT_STAGE_SECTOR,  /* BIOS disk: the boot sector */
    BOOT_STAGE_MANAGER, /* BIOS disk and CD: the boot manager: finds its files, shows its menu */
    BOOT_STAGE_READ,    /* the boot manager reads kernel and initramfs */
    BOOT_STAGE_SETUP,   /* the real-mode part of alba.bzImage */
    /* Within a door. */
    BOOT_STAGE_EXIT, /* EFI: the firmware is left (ExitBootServices), up to the loader */
};

struct boot_framebuffer {
    uint64_t address;
    uint32_t width, height, stride; /* pixels, pixels, bytes; width 0: there is none */
    uint8_t bits_per_pixel;
    uint8_t red_shift, green_shift, blue_shift;
};

#define BOOT_CELL_SIZE 8u /* bytes that the kernel wants for each character on the screen */

/* The VGA in text mode with colours, as the BIOS leaves it: two bytes a cell. */
struct boot_text {
    uint64_t address;
    uint16_t columns, rows; /* columns 0: there is none */
    uint32_t zero;
};

struct bootinfo {
    uint64_t magic;   /* BOOTINFO_MAGIC */
    uint32_t version; /* BOOTINFO_VERSION */
    uint32_t size;    /* sizeof(struct bootinfo) */

    /* Filled by the door. */
    uint32_t door;         /* enum boot_door */
    uint32_t range_count;  /* sorted, not overlapping, after the loader sanitised them */
    uint64_t ranges;       /* struct boot_range[range_count] */
    uint64_t cmdline;      /* zero-terminated bytes; 0 means "" */
    uint64_t cmdline_size; /* bytes without the zero */
    uint64_t initrd;       /* first byte, or 0 */
    uint64_t initrd_size;  /* bytes */
    uint64_t acpi_rsdp;    /* or 0 */
    uint64_t smbios;       /* or 0 */
    uint64_t fdt;          /* or 0 */
    uint32_t loader_type;  /* who loaded us, in the Linux protocol's numbers (type_of_loader) */
    uint32_t loader_version;
    struct boot_framebuffer framebuffer;
    struct boot_text text; /* when there is no frame buffer */
    /* EFI: the system table, and the memory map as ExitBootServices took it; 0: another door. */
    uint64_t efi_table;
    uint64_t efi_map;
    uint64_t efi_map_size; /* bytes */
    uint32_t efi_descriptor_size, efi_descriptor_version;
    uint8_t entropy[32]; /* seed for the random generator; may be weak, never trusted alone */
    uint32_t entropy_size;
    uint32_t stamp_count;
    struct boot_stamp stamps[BOOT_MAX_STAMPS];

    /* Filled by the loader. */
    uint32_t cpu_count;       /* at least 1 */
    uint32_t cpus_dropped;    /* enabled CPUs beyond BOOT_MAX_CPUS, or beyond the memory for them */
    uint64_t cpus;            /* struct boot_cpu[cpu_count] */
    uint64_t tls_size;        /* bytes of one per-CPU block, aligned */
    uint64_t kernel_va;       /* where the image's first byte is mapped */
    uint64_t kernel_slide;    /* kernel_va minus the address it was linked at (KASLR) */
    uint64_t kernel_size;     /* bytes of address space from kernel_va */
    uint64_t kernel_elf;      /* the ELF file in memory (for symbols), or 0 */
    uint64_t kernel_elf_size; /* bytes */
    uint64_t direct_map_va;   /* where physical address 0 is mapped */
    uint64_t direct_map_size; /* bytes of address space covered */
    uint64_t page_table;      /* the root the kernel is entered with */
    uint64_t framebuffer_va;  /* LAYOUT_SCREEN and more; a frame buffer that is no good is none */
    uint64_t cells;           /* memory for the screen's cells: BOOT_CELL_SIZE for each, or 0 */
};

_Static_assert(sizeof(struct boot_range) == 24, "boot_range is a hand-over format");
_Static_assert(sizeof(struct boot_cpu) == 24, "boot_cpu is a hand-over format");
_Static_assert(sizeof(struct boot_stamp) == 16, "boot_stamp is a hand-over format");
