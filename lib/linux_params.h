/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The Linux/x86 boot protocol's structures: the "zero page" and what hangs on it, for the door that
 * is entered by it and for kexec_file_load, which enters others by it. Sources in the Linux
 * documentation: arch/x86/boot.rst ("The Real-Mode Kernel Header", "setup_data") and
 * arch/x86/zero-page.rst. Compiled for 16 and for 64 bits.
 */
#include "lib/types.h"

#define LINUX_HEADER_MAGIC 0x53726448u /* "HdrS" */

/* loadflags */
#define LINUX_QUIET        0x20u
#define LINUX_CAN_USE_HEAP 0x80u

/* type_of_loader: the upper half of this value, and the number is in ext_loader_type. */
#define LINUX_LOADER_EXTENDED 0xeu

/* vid_mode */
#define LINUX_VIDEO_NORMAL   0xffffu
#define LINUX_VIDEO_EXTENDED 0xfffeu
#define LINUX_VIDEO_ASK      0xfffdu

/* The old command line (protocol below 2.02), in the first 64 bytes of the zero page. */
#define LINUX_OLD_CMDLINE 0xa33fu

/* Types of setup_data (arch/x86/include/uapi/asm/bootparam.h names them). */
enum {
    LINUX_SETUP_NONE = 0,
    LINUX_SETUP_E820_EXT = 1,  /* what the zero page has no room for of the memory map */
    LINUX_SETUP_DTB = 2,       /* a device tree */
    LINUX_SETUP_PCI = 3,       /* option ROMs, as EFI gave them */
    LINUX_SETUP_EFI = 4,       /* for a kernel entered by kexec: where EFI's tables lie */
    LINUX_SETUP_APPLE = 5,     /* properties of Apple's devices */
    LINUX_SETUP_JAILHOUSE = 6, /* a cell of the Jailhouse hypervisor */
    LINUX_SETUP_CC_BLOB = 7,   /* AMD SEV-SNP: secrets page and CPUID page */
    LINUX_SETUP_IMA = 8,       /* measurements, carried over a kexec */
    LINUX_SETUP_RNG_SEED = 9,
    LINUX_SETUP_TYPE_MAX = LINUX_SETUP_RNG_SEED,
    /* Ours, from our boot manager; others pass over types they do not know. An array of struct
     * boot_stamp: what ran before the kernel. */
    LINUX_SETUP_STAMPS = 0x53414c41, /* "ALAS" */
};
#define LINUX_SETUP_INDIRECT 0x80000000u /* alone: struct linux_setup_indirect follows */

struct linux_setup_data {
    uint64_t next;
    uint32_t type;
    uint32_t size; /* of what follows */
} __attribute__((packed));

struct linux_setup_indirect {
    uint32_t type; /* LINUX_SETUP_INDIRECT and the type of what lies there */
    uint32_t reserved;
    uint64_t size, address;
} __attribute__((packed));

struct linux_screen {
    uint8_t x, y;       /* of the cursor */
    uint16_t ext_mem_k; /* memory above 1 MiB, by int 15h 88 */
    uint16_t page;
    uint8_t mode, columns;
    uint8_t flags, unused2;
    uint16_t ega_bx;
    uint16_t unused3;
    uint8_t lines;
    uint8_t type; /* LINUX_SCREEN_* */
    uint16_t points;
    uint16_t lfb_width, lfb_height, lfb_depth;
    uint32_t lfb_base, lfb_size;
    uint16_t old_cmdline_magic, old_cmdline_offset;
    uint16_t lfb_line_length;
    uint8_t red_size, red_pos, green_size, green_pos, blue_size, blue_pos, rsvd_size, rsvd_pos;
    uint16_t vesapm_seg, vesapm_off;
    uint16_t pages;
    uint16_t vesa_attributes;
    uint32_t capabilities;
    uint32_t ext_lfb_base;
    uint8_t reserved[2];
} __attribute__((packed));

enum {
    LINUX_SCREEN_TEXT = 0x01, /* what GRUB calls the VGA's */
    LINUX_SCREEN_MDA = 0x10,
    LINUX_SCREEN_CGA = 0x11,
    LINUX_SCREEN_EGA_MONO = 0x20,
    LINUX_SCREEN_EGA = 0x21,
    LINUX_SCREEN_VGA = 0x22,
    LINUX_SCREEN_LFB = 0x23,
    LINUX_SCREEN_EFI = 0x70,
    LINUX_SCREEN_64BIT_BASE = 2, /* capabilities */
};

/* The header in the image's second sector, from 0x1f1 on. */
struct linux_header {
    uint8_t setup_sects;
    uint16_t root_flags;
    uint32_t syssize;
    uint16_t ram_size;
    uint16_t vid_mode;
    uint16_t root_dev;
    uint16_t boot_flag;
    uint16_t jump;
    uint32_t header;
    uint16_t version;
    uint32_t realmode_swtch;
    uint16_t start_sys_seg;
    uint16_t kernel_version;
    uint8_t type_of_loader;
    uint8_t loadflags;
    uint16_t setup_move_size;
    uint32_t code32_start;
    uint32_t ramdisk_image;
    uint32_t ramdisk_size;
    uint32_t bootsect_kludge;
    uint16_t heap_end_ptr;
    uint8_t ext_loader_ver;
    uint8_t ext_loader_type;
    uint32_t cmd_line_ptr;
    uint32_t initrd_addr_max;
    uint32_t kernel_alignment;
    uint8_t relocatable_kernel;
    uint8_t min_alignment;
    uint16_t xloadflags;
    uint32_t cmdline_size;
    uint32_t hardware_subarch;
    uint64_t hardware_subarch_data;
    uint32_t payload_offset;
    uint32_t payload_length;
    uint64_t setup_data;
    uint64_t pref_address;
    uint32_t init_size;
    uint32_t handover_offset;
    uint32_t kernel_info_offset;
} __attribute__((packed));

struct linux_range {
    uint64_t start, size;
    uint32_t type;
} __attribute__((packed));

/* A disk as the BIOS knows it: "BIOS Enhanced Disk Drive Services", T13 D1572, int 13h 41h, 48h. */
struct linux_edd {
    uint8_t device, version;
    uint16_t interface_support;
    uint16_t legacy_max_cylinder;
    uint8_t legacy_max_head, legacy_sectors;
    uint16_t params_size; /* the first word of the 74 bytes that int 13h 48h gives */
    uint8_t params[72];
} __attribute__((packed));

#define LINUX_RANGES  128u
#define LINUX_EDDS    6u
#define LINUX_EDD_MBR 16u

/* Of a boot loader that ran under EFI and has left it. */
#define LINUX_EFI_64 0x34364c45u /* "EL64" */
struct linux_efi_info {
    uint32_t signature;
    uint32_t table; /* the system table */
    uint32_t descriptor_size, descriptor_version;
    uint32_t map, map_size;
    uint32_t table_high, map_high;
};

struct linux_params {
    struct linux_screen screen;
    uint8_t apm[0x14], pad1[4];
    uint64_t tboot;
    uint8_t ist[16];
    uint64_t acpi_rsdp;
    uint8_t pad2[8];
    uint8_t disks[32];
    uint8_t sys_desc[16];
    uint8_t olpc[16];
    uint32_t ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr;
    uint8_t pad3[0x70];
    uint32_t cc_blob;
    uint8_t edid[128];
    struct linux_efi_info efi;
    uint32_t alt_mem_k; /* memory above 1 MiB, by int 15h e801 */
    uint32_t scratch;
    uint8_t range_count;
    uint8_t edd_count, edd_mbr_count;
    uint8_t kbd_status;
    uint8_t secure_boot;
    uint8_t pad4[2];
    uint8_t sentinel; /* not 0: the boot loader did not clear the page */
    uint8_t pad5;
    struct linux_header header;
    uint8_t pad6[0x290 - 0x1f1 - sizeof(struct linux_header)];
    uint32_t edd_mbr_signature[LINUX_EDD_MBR];
    struct linux_range ranges[LINUX_RANGES];
    uint8_t pad7[48];
    struct linux_edd edd[LINUX_EDDS];
    uint8_t pad8[0x1000 - 0xeec - 16];
    /* Ours: from the 16-bit entry to the 32-bit one, in bytes that the protocol leaves free. */
    uint32_t setup_magic; /* LINUX_SETUP_MAGIC when our real-mode code ran */
    uint32_t setup_reserved;
    uint64_t setup_cycles; /* time stamp at its start */
} __attribute__((packed));

#define LINUX_SETUP_MAGIC 0x36314c41u /* "AL16" */

static_assert(sizeof(struct linux_setup_data) == 16, "boot.rst, setup_data");
static_assert(sizeof(struct linux_setup_indirect) == 24, "boot.rst, setup_data");
static_assert(sizeof(struct linux_screen) == 0x40, "zero-page.rst");
static_assert(offsetof(struct linux_params, acpi_rsdp) == 0x70, "zero-page.rst");
static_assert(offsetof(struct linux_params, ext_ramdisk_image) == 0xc0, "zero-page.rst");
static_assert(offsetof(struct linux_params, efi) == 0x1c0, "zero-page.rst");
static_assert(offsetof(struct linux_params, alt_mem_k) == 0x1e0, "zero-page.rst");
static_assert(offsetof(struct linux_params, sentinel) == 0x1ef, "zero-page.rst");
static_assert(offsetof(struct linux_params, header.header) == 0x202, "boot.rst");
static_assert(offsetof(struct linux_params, header.cmd_line_ptr) == 0x228, "boot.rst");
static_assert(offsetof(struct linux_params, header.setup_data) == 0x250, "boot.rst");
static_assert(offsetof(struct linux_params, header.kernel_info_offset) == 0x268, "boot.rst");
static_assert(offsetof(struct linux_params, edd_mbr_signature) == 0x290, "zero-page.rst");
static_assert(offsetof(struct linux_params, ranges) == 0x2d0, "zero-page.rst");
static_assert(offsetof(struct linux_params, edd) == 0xd00, "zero-page.rst");
static_assert(sizeof(struct linux_edd) == 82, "zero-page.rst");
static_assert(sizeof(struct linux_params) == 4096, "zero-page.rst");
