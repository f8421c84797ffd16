/* SPDX-License-Identifier: BSD-2-Clause */
/* Partitions and boot catalogues, read as foreign bytes (volume.h). */
#include "boot/door/bios/volume.h"
#include "lib/string.h"

enum {
    BOOT_SIGNATURE_AT = 510,
    MBR_TABLE_AT = 446,
    MBR_PARTITIONS = 4,
    MBR_EFI_SYSTEM = 0xef,
    GPT_ENTRY = 128,
    GPT_MAX_ENTRIES = 1024,
    CD_SECTOR_UNITS = 4, /* a sector of 2048 bytes */
    CD_BOOT_RECORD = 17, /* sector of the boot record volume descriptor */
    CATALOGUE_EFI = 0xef,
};

struct mbr_partition {
    uint8_t status, first_chs[3], type, last_chs[3];
    uint32_t start, size; /* sectors */
} __attribute__((packed));

/* UEFI 2.10, table 5.5. */
struct gpt_header {
    uint8_t signature[8];
    uint32_t revision, header_size, header_crc, zero;
    uint64_t own_lba, other_lba, first_lba, last_lba;
    uint8_t disk_guid[16];
    uint64_t entries_lba;
    uint32_t entry_count, entry_size, entries_crc;
} __attribute__((packed));
static_assert(sizeof(struct gpt_header) == 92, "UEFI 2.10, table 5.5");

/* Table 5.6. */
struct gpt_entry {
    uint8_t type[16], guid[16];
    uint64_t first_lba, last_lba;
    uint64_t attributes;
    uint16_t name[36];
} __attribute__((packed));
static_assert(sizeof(struct gpt_entry) == GPT_ENTRY, "UEFI 2.10, table 5.6");

/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B */
static const uint8_t efi_system_type[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                            0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

struct search {
    const struct volume_disk *disk;
    struct volume *volumes;
    unsigned count;
};

static void add(struct search *search, uint64_t start, uint64_t size, const char *kind)
{
    /* Beyond 2^40 units there is no disk, and sums could overflow. */
    if (search->count < VOLUME_MAX && start < 1ull << 40 && size < 1ull << 40) {
        search->volumes[search->count++] = (struct volume){start, size, kind};
    }
}

static int read(struct search *search, uint64_t unit, uint32_t count, void *buffer)
{
    return search->disk->read(search->disk->context, unit, count, buffer);
}

/* CRC-32 of IEEE 802.3, four bits at a time. Starts and ends with 0. */
static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t size)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    crc = ~crc;
    for (; size > 0; size--, bytes++) {
        crc = table[(crc ^ *bytes) & 15] ^ crc >> 4;
        crc = table[(crc ^ *bytes >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}

/* The header at that sector: 1; 0: there is none, or it is damaged. */
static int read_gpt_header(struct search *search, uint64_t lba, struct gpt_header *header)
{
    uint8_t unit[FAT_UNIT];
    int result = read(search, lba * search->disk->sector_units, 1, unit);
    if (result != 0) {
        return result;
    }
    memcpy(header, unit, sizeof(*header));
    if (memcmp(header->signature, "EFI PART", 8) != 0 || header->header_size < sizeof(*header) ||
        header->header_size > sizeof(unit)) {
        return 0;
    }
    memset(unit + offsetof(struct gpt_header, header_crc), 0, sizeof(header->header_crc));
    return crc32(0, unit, header->header_size) == header->header_crc && header->own_lba == lba &&
           header->entry_size == GPT_ENTRY && header->entry_count <= GPT_MAX_ENTRIES &&
           header->entries_lba < 1ull << 36;
}

static void add_gpt_entry(struct search *search, const struct gpt_entry *entry)
{
    if (memcmp(entry->type, efi_system_type, sizeof(efi_system_type)) != 0 ||
        entry->first_lba > entry->last_lba || entry->last_lba >= 1ull << 36) {
        return;
    }
    uint64_t factor = search->disk->sector_units;
    add(search, entry->first_lba * factor, (entry->last_lba - entry->first_lba + 1) * factor,
        "EFI system partition");
}

/* Adds all of the table at that sector: 1; or nothing: 0 (it is damaged), or what read returned. */
static int read_gpt(struct search *search, uint64_t lba)
{
    struct gpt_header header;
    int result = read_gpt_header(search, lba, &header);
    if (result != 1) {
        return result;
    }
    unsigned before = search->count;
    uint32_t crc = 0;
    uint64_t unit = header.entries_lba * search->disk->sector_units;
    for (uint32_t left = header.entry_count; left > 0;) {
        enum { UNITS = 2, PER_UNIT = FAT_UNIT / GPT_ENTRY };
        struct gpt_entry entries[UNITS * PER_UNIT];
        uint32_t here = MIN(left, (uint32_t)ARRAY_SIZE(entries));
        result = read(search, unit, (here + PER_UNIT - 1) / PER_UNIT, entries);
        if (result != 0) {
            search->count = before;
            return result;
        }
        unit += UNITS;
        crc = crc32(crc, (const uint8_t *)entries, here * sizeof(entries[0]));
        for (uint32_t i = 0; i < here; i++) {
            add_gpt_entry(search, &entries[i]);
        }
        left -= here;
    }
    if (crc != header.entries_crc) {
        search->count = before;
        return 0;
    }
    return 1;
}

/* The table in front, or its copy at the end. A disk error in the one does not spoil the other. */
static void find_gpt(struct search *search)
{
    uint64_t sectors = search->disk->units / search->disk->sector_units;
    if (read_gpt(search, 1) != 1 && sectors > 2) {
        read_gpt(search, sectors - 1);
    }
}

static bool is_fat_type(uint8_t type)
{
    static const uint8_t types[] = {0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e};
    return memchr(types, type, sizeof(types)) != NULL;
}

static bool is_efi_type(uint8_t type)
{
    return type == MBR_EFI_SYSTEM;
}

static void add_mbr_partitions(struct search *search, const struct mbr_partition *table,
                               bool (*is_wanted)(uint8_t type))
{
    uint64_t factor = search->disk->sector_units;
    for (unsigned i = 0; i < MBR_PARTITIONS; i++) {
        if (is_wanted(table[i].type) && table[i].start > 0 && table[i].size > 0) {
            add(search, table[i].start * factor, table[i].size * factor, "partition");
        }
    }
}

static int find_mbr(struct search *search)
{
    uint8_t sector[FAT_UNIT];
    int result = read(search, 0, 1, sector);
    if (result != 0) {
        return result;
    }
    if (sector[BOOT_SIGNATURE_AT] != 0x55 || sector[BOOT_SIGNATURE_AT + 1] != 0xaa) {
        return 0;
    }
    const struct mbr_partition *table = (const struct mbr_partition *)(sector + MBR_TABLE_AT);
    add_mbr_partitions(search, table, is_efi_type);
    add_mbr_partitions(search, table, is_fat_type);
    return 0;
}

/* One entry of the boot catalogue: bootable, without emulation (El Torito, figure 3). */
static void add_image(struct search *search, const uint8_t *entry)
{
    uint32_t sector;
    memcpy(&sector, entry + 8, sizeof(sector));
    if (entry[0] == 0x88 && (entry[1] & 15) == 0 && sector > 0) {
        /* Its size is a number of 16 bits that is too small for most; the file system knows. */
        add(search, (uint64_t)sector * CD_SECTOR_UNITS, 0, "EFI image of the CD");
    }
}

static int find_cd_images(struct search *search)
{
    /* Of both sectors only what matters; nobody has more than thirty ways to start. */
    uint8_t sector[2 * FAT_UNIT];
    uint32_t catalogue;
    int result = read(search, CD_BOOT_RECORD * CD_SECTOR_UNITS, 2, sector);
    if (result != 0 || memcmp(sector, "\0CD001\1EL TORITO SPECIFICATION", 30) != 0) {
        return result;
    }
    memcpy(&catalogue, sector + 0x47, sizeof(catalogue));
    result = read(search, (uint64_t)catalogue * CD_SECTOR_UNITS, 2, sector);
    if (result != 0) {
        return result;
    }
    /* The validation entry and the initial one, then sections: a header and its entries. */
    bool efi = sector[1] == CATALOGUE_EFI;
    uint32_t left = 1;
    for (const uint8_t *entry = sector + 32; entry < sector + sizeof(sector); entry += 32) {
        if (left > 0) {
            left--;
            if (efi) {
                add_image(search, entry);
            }
        } else if (entry[0] == 0x90 || entry[0] == 0x91) {
            efi = entry[1] == CATALOGUE_EFI;
            left = (uint32_t)(entry[2] | entry[3] << 8);
        } else {
            break;
        }
    }
    return 0;
}

int volume_find(const struct volume_disk *disk, struct volume volumes[VOLUME_MAX])
{
    struct search search = {.disk = disk, .volumes = volumes};
    int result = disk->sector_units == CD_SECTOR_UNITS ? find_cd_images(&search) : 0;
    if (result != 0) {
        return result;
    }
    find_gpt(&search);
    result = find_mbr(&search);
    if (result != 0) {
        return result;
    }
    search.count = MIN(search.count, VOLUME_MAX - 1);
    add(&search, 0, disk->units < 1ull << 40 ? disk->units : 0, "whole disk");
    return (int)search.count;
}
