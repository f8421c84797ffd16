/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Enhanced Disk Drive information: for each BIOS disk its parameters and the signature in its first
 * sector, so that the system can tell which disk the BIOS booted ("BIOS Enhanced Disk Drive
 * Services", T13 D1572). `edd=off` and `edd=skipmbr` as on Linux.
 */
#include "boot/door/linux/setup/setup.h"
#include "lib/string.h"

enum { FIRST_DISK = 0x80, SECTOR = 512, SIGNATURE_AT = 0x1b8, MAGIC_AT = 0x1fe };

/* Int 13h 41h: whether the disk has the extensions; notes version and interfaces. */
static bool has_extensions(uint8_t device, struct linux_edd *edd)
{
    struct bios_regs regs = {.eax = 0x4100, .ebx = 0x55aa, .edx = device};
    bios_call(0x13, &regs);
    if ((regs.eflags & BIOS_CARRY) || (regs.ebx & 0xffff) != 0xaa55) {
        return false;
    }
    *edd = (struct linux_edd){.device = device,
                              .version = (uint8_t)(regs.eax >> 8),
                              .interface_support = (uint16_t)regs.ecx};
    return true;
}

static void ask_parameters(uint8_t device, struct linux_edd *edd)
{
    edd->params_size = sizeof(edd->params) + sizeof(edd->params_size);
    struct bios_regs regs = {
        .eax = 0x4800, .edx = device, .esi = (uint32_t)(uintptr_t)&edd->params_size};
    bios_call(0x13, &regs);
    /* Int 13h 08: the geometry of old. */
    regs = (struct bios_regs){.eax = 0x0800, .edx = device};
    bios_call(0x13, &regs);
    if (!(regs.eflags & BIOS_CARRY)) {
        edd->legacy_max_cylinder = (uint16_t)((regs.ecx >> 8 & 0xff) | (regs.ecx & 0xc0) << 2);
        edd->legacy_max_head = (uint8_t)(regs.edx >> 8);
        edd->legacy_sectors = regs.ecx & 0x3f;
    }
}

/* Int 13h 02: reads the first sector; false when it has no boot record. */
static bool read_signature(uint8_t device, uint8_t *sector, uint32_t *signature)
{
    struct bios_regs regs = {
        .eax = 0x0201, .ecx = 0x0001, .edx = device, .ebx = (uint32_t)(uintptr_t)sector};
    bios_call(0x13, &regs);
    if ((regs.eflags & BIOS_CARRY) || sector[MAGIC_AT] != 0x55 || sector[MAGIC_AT + 1] != 0xaa) {
        return false;
    }
    memcpy(signature, sector + SIGNATURE_AT, sizeof(*signature));
    return true;
}

void find_disks(void)
{
    char value[8] = "";
    option("edd=", value, sizeof(value));
    if (strcmp(value, "off") == 0) {
        return;
    }
    bool skip_mbr = strncmp(value, "skip", 4) == 0;
    uint8_t *sector = skip_mbr ? NULL : heap_take(SECTOR);
    /* The BIOS data area has the number of disks. */
    uint8_t disks = MIN(far_read8(BDA_SEGMENT, 0x75), (uint8_t)LINUX_EDD_MBR);
    for (uint8_t i = 0; i < disks; i++) {
        struct linux_edd edd;
        uint8_t device = (uint8_t)(FIRST_DISK + i);
        if (has_extensions(device, &edd) && params.edd_count < LINUX_EDDS) {
            ask_parameters(device, &edd);
            params.edd[params.edd_count++] = edd;
        }
        uint32_t signature;
        if (sector != NULL && read_signature(device, sector, &signature)) {
            params.edd_mbr_signature[i] = signature;
            params.edd_mbr_count = (uint8_t)(i + 1);
        }
    }
}
