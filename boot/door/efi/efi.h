/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the door uses of UEFI: "Unified Extensible Firmware Interface Specification", release 2.10;
 * the numbers in brackets are its sections. Tables are written as far as the door reads them;
 * members that it never calls have no type.
 */
#include "lib/types.h"

/* The calling convention of x64 (2.3.4.2). */
#define EFI_CALL __attribute__((ms_abi))

typedef uint64_t efi_status; /* appendix D */
typedef void *efi_handle;
typedef uint16_t efi_char; /* UCS-2 (2.3.1) */
typedef void (*efi_unused)(void);

#define EFI_SUCCESS           0ull
#define EFI_ERROR             (1ull << 63)
#define EFI_LOAD_ERROR        (EFI_ERROR | 1)
#define EFI_INVALID_PARAMETER (EFI_ERROR | 2)
#define EFI_UNSUPPORTED       (EFI_ERROR | 3)
#define EFI_BUFFER_TOO_SMALL  (EFI_ERROR | 5)
#define EFI_OUT_OF_RESOURCES  (EFI_ERROR | 9)
#define EFI_NOT_FOUND         (EFI_ERROR | 14)
#define EFI_ABORTED           (EFI_ERROR | 21)
#define EFI_CRC_ERROR         (EFI_ERROR | 27)

struct efi_guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

/* (4.2.1) */
struct efi_header {
    uint64_t signature;
    uint32_t revision, size, crc32, reserved;
};

/* EFI_MEMORY_DESCRIPTOR (7.2.3). The firmware's may be longer than this one. */
struct efi_descriptor {
    uint32_t type, pad;
    uint64_t start; /* physical */
    uint64_t virtual_start;
    uint64_t pages; /* of 4 KiB */
    uint64_t attributes;
};

enum efi_memory_type {
    EFI_MEM_RESERVED,
    EFI_MEM_LOADER_CODE,
    EFI_MEM_LOADER_DATA,
    EFI_MEM_BOOT_CODE,
    EFI_MEM_BOOT_DATA,
    EFI_MEM_RUNTIME_CODE,
    EFI_MEM_RUNTIME_DATA,
    EFI_MEM_CONVENTIONAL,
    EFI_MEM_UNUSABLE,
    EFI_MEM_ACPI_RECLAIM,
    EFI_MEM_ACPI_NVS,
    EFI_MEM_MMIO,
    EFI_MEM_MMIO_PORTS,
    EFI_MEM_PAL,
    EFI_MEM_PERSISTENT,
    EFI_MEM_UNACCEPTED,
};

#define EFI_ATTRIBUTE_SPECIAL 0x40000ull   /* memory for a specific purpose */
#define EFI_ATTRIBUTE_RUNTIME (1ull << 63) /* run-time services need it mapped */

/* AllocatePages: anywhere, or at or below *address (7.2.1). */
enum { EFI_ALLOCATE_ANY, EFI_ALLOCATE_BELOW };

/* EFI_DEVICE_PATH_PROTOCOL: a node (10.3.1). */
struct efi_path_node {
    uint8_t type, subtype, size[2];
};

/* EFI_BOOT_SERVICES (4.4) */
struct efi_boot_services {
    struct efi_header header;
    efi_unused raise_tpl, restore_tpl;
    efi_status(EFI_CALL *allocate_pages)(uint32_t how, uint32_t type, size_t pages,
                                         uint64_t *address);
    efi_status(EFI_CALL *free_pages)(uint64_t address, size_t pages);
    efi_status(EFI_CALL *get_memory_map)(size_t *size, void *map, size_t *key,
                                         size_t *descriptor_size, uint32_t *descriptor_version);
    efi_unused allocate_pool, free_pool;
    efi_unused events[6];
    efi_unused install_protocol[3];
    efi_status(EFI_CALL *handle_protocol)(efi_handle handle, const struct efi_guid *protocol,
                                          void **interface);
    efi_unused reserved, register_notify, locate_handle;
    efi_status(EFI_CALL *locate_device_path)(const struct efi_guid *protocol,
                                             struct efi_path_node **path, efi_handle *handle);
    efi_unused install_table;
    efi_unused load_image, start_image, exit, unload_image;
    efi_status(EFI_CALL *exit_boot_services)(efi_handle image, size_t key);
    efi_unused monotonic_count, stall, watchdog;
    efi_unused connect[2];
    efi_unused open_protocol[3];
    efi_unused protocols_per_handle, locate_handle_buffer;
    efi_status(EFI_CALL *locate_protocol)(const struct efi_guid *protocol, void *registration,
                                          void **interface);
};

/* EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL (12.4) */
struct efi_text_output {
    efi_unused reset;
    efi_status(EFI_CALL *output_string)(struct efi_text_output *self, const efi_char *text);
};

/* EFI_CONFIGURATION_TABLE (4.6) */
struct efi_config_table {
    struct efi_guid guid;
    uint64_t address;
};

#define EFI_SYSTEM_TABLE_SIGNATURE 0x5453595320494249ull /* "IBI SYST" */

/* EFI_SYSTEM_TABLE (4.3) */
struct efi_system_table {
    struct efi_header header;
    const efi_char *vendor;
    uint32_t revision, pad;
    efi_handle in_handle;
    void *in;
    efi_handle out_handle;
    struct efi_text_output *out;
    efi_handle error_handle;
    struct efi_text_output *error;
    void *runtime_services;
    struct efi_boot_services *boot_services;
    uint64_t table_count;
    const struct efi_config_table *tables;
};

/* EFI_LOADED_IMAGE_PROTOCOL (9.1) */
struct efi_loaded_image {
    uint32_t revision, pad;
    efi_handle parent;
    struct efi_system_table *system_table;
    efi_handle device;
    struct efi_path_node *path;
    void *reserved;
    uint32_t options_size, pad2;
    const void *options;
    void *base;
    uint64_t size;
};

/* EFI_FILE_PROTOCOL (13.5) */
#define EFI_FILE_READ 1ull
struct efi_file {
    uint64_t revision;
    efi_status(EFI_CALL *open)(struct efi_file *self, struct efi_file **file, const efi_char *name,
                               uint64_t mode, uint64_t attributes);
    efi_status(EFI_CALL *close)(struct efi_file *self);
    efi_unused remove;
    efi_status(EFI_CALL *read)(struct efi_file *self, size_t *size, void *bytes);
    efi_unused write, get_position, set_position;
    efi_status(EFI_CALL *get_info)(struct efi_file *self, const struct efi_guid *what, size_t *size,
                                   void *info);
};

/* EFI_FILE_INFO (13.5.16); the name follows. */
#define EFI_FILE_DIRECTORY 0x10ull
struct efi_file_info {
    uint64_t size;
    uint64_t file_size, physical_size;
    uint8_t times[3][16];
    uint64_t attributes;
};

/* EFI_SIMPLE_FILE_SYSTEM_PROTOCOL (13.4) */
struct efi_file_system {
    uint64_t revision;
    efi_status(EFI_CALL *open_volume)(struct efi_file_system *self, struct efi_file **root);
};

/* EFI_LOAD_FILE2_PROTOCOL (13.2); boot_policy is FALSE. */
struct efi_load_file {
    efi_status(EFI_CALL *load)(struct efi_load_file *self, struct efi_path_node *path,
                               uint8_t boot_policy, size_t *size, void *bytes);
};

/* EFI_GRAPHICS_OUTPUT_PROTOCOL (12.9.2) */
enum efi_pixel_format { EFI_PIXEL_RGBX, EFI_PIXEL_BGRX, EFI_PIXEL_MASKS, EFI_PIXEL_BLT_ONLY };
struct efi_graphics_info {
    uint32_t version, width, height, format;
    uint32_t red, green, blue, reserved; /* masks, for EFI_PIXEL_MASKS */
    uint32_t line_pixels;
};
struct efi_graphics_mode {
    uint32_t max, mode;
    const struct efi_graphics_info *info;
    uint64_t info_size;
    uint64_t address, size;
};
struct efi_graphics {
    efi_unused query_mode, set_mode, blt;
    const struct efi_graphics_mode *mode;
};

/* EFI_RNG_PROTOCOL (37.5) */
struct efi_rng {
    efi_unused get_info;
    efi_status(EFI_CALL *get)(struct efi_rng *self, const struct efi_guid *algorithm, size_t size,
                              void *bytes);
};

static_assert(sizeof(struct efi_header) == 24, "UEFI 2.10, 4.2.1");
static_assert(sizeof(struct efi_descriptor) == 40, "UEFI 2.10, 7.2.3");
static_assert(offsetof(struct efi_boot_services, handle_protocol) == 24 + 16 * 8, "UEFI 2.10, 4.4");
static_assert(offsetof(struct efi_boot_services, exit_boot_services) == 24 + 26 * 8, "4.4");
static_assert(offsetof(struct efi_boot_services, locate_protocol) == 24 + 37 * 8, "4.4");
static_assert(offsetof(struct efi_system_table, tables) == 112, "UEFI 2.10, 4.3");
static_assert(offsetof(struct efi_loaded_image, options) == 56, "UEFI 2.10, 9.1");
static_assert(sizeof(struct efi_file_info) == 80, "UEFI 2.10, 13.5.16");
static_assert(sizeof(struct efi_graphics_info) == 36, "UEFI 2.10, 12.9.2");
