/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The count of clusters alone says whether a file system is FAT16 or FAT32; the specification asks
 * to stay 16 away from the borders (page 16), since readers have been wrong about them.
 */
#include "host/mkfat.h"
#include "host/bytes.h"
#include "host/say.h"
#include "host/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FAT16_MIN = 4085 + 16, /* clusters */
    FAT16_MAX = 65525 - 16,
    FAT32_MIN = 65525 + 16,
    ENTRY = 32,         /* bytes of a directory entry */
    ROOT_ENTRIES = 512, /* of FAT16, as the specification advises */
    RESERVED32 = 32,    /* sectors, with FSInfo and the copy of the boot sector among them */
    INFO_SECTOR = 1,
    COPY_SECTOR = 6,
    MEDIA = 0xf8,
    ATTRIBUTE_VOLUME = 0x08,
    ATTRIBUTE_DIRECTORY = 0x10,
    ATTRIBUTE_ARCHIVE = 0x20,
    ALIGN = 8, /* sectors: data starts at a page */
    SPARE = 64 /* sectors */
};

static const char label[] = "ALBA       ";

static uint32_t divide_up(uint64_t number, uint64_t by)
{
    return (uint32_t)((number + by - 1) / by);
}

/* "kernel.img" as the eleven bytes of a directory entry. */
static void short_name(char name[11], const char *from, size_t size)
{
    memset(name, ' ', 11);
    for (size_t i = 0, to = 0; i < size; i++) {
        if (from[i] == '.') {
            to = 8;
        } else if (to < 11) {
            name[to++] = (char)toupper((unsigned char)from[i]);
        }
    }
}

/* The node of a name in a directory, made when it is not there. */
static int enter(struct mkfat *fat, int parent, const char *name, size_t size)
{
    struct mkfat_node node = {.parent = parent, .is_directory = true};
    short_name(node.name, name, size);
    for (int i = 1; i < fat->node_count; i++) {
        if (fat->nodes[i].parent == parent && memcmp(fat->nodes[i].name, node.name, 11) == 0) {
            return i;
        }
    }
    fat->nodes[fat->node_count] = node;
    return fat->node_count++;
}

static void add_file(struct mkfat *fat, const struct mkfat_file *file)
{
    int at = 0;
    for (const char *part = file->path + 1; *part != '\0';) {
        size_t size = strcspn(part, "/");
        at = enter(fat, at, part, size);
        part += size + (part[size] == '/');
    }
    fat->nodes[at].is_directory = false;
    fat->nodes[at].file = file;
}

/* Places everything for clusters of this size; returns how many are used. */
static uint64_t place(struct mkfat *fat, uint32_t cluster_sectors)
{
    uint64_t next = 2, cluster_size = (uint64_t)cluster_sectors * MKFAT_SECTOR;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < fat->node_count; i++) {
            struct mkfat_node *node = &fat->nodes[i];
            if (node->is_directory != (pass == 0)) {
                continue;
            }
            /* No directory of ours has more entries than a sector. */
            bool has_area = i == 0 && !fat->is_fat32;
            uint64_t size = node->file == NULL ? MKFAT_SECTOR : node->file->size;
            node->clusters = has_area ? 0 : divide_up(size, cluster_size);
            node->first_cluster = node->clusters == 0 ? 0 : (uint32_t)next;
            next += node->clusters;
        }
    }
    return next - 2;
}

/* Sectors and clusters of the whole for at least `clusters` clusters. Aligning it may add as many
 * as align_sectors, and SPARE for the tables of those. */
static void measure(struct mkfat *fat, uint64_t clusters, uint32_t align_sectors)
{
    uint32_t entry = fat->is_fat32 ? 4 : 2, each = fat->cluster_sectors;
    fat->root_sectors = fat->is_fat32 ? 0 : ROOT_ENTRIES * ENTRY / MKFAT_SECTOR;
    uint32_t front = (fat->is_fat32 ? RESERVED32 : 1) + fat->root_sectors;
    uint32_t tables = 2 * divide_up((clusters + 2) * entry, MKFAT_SECTOR);
    uint64_t total = front + tables + clusters * each + SPARE;
    total = (total + align_sectors - 1) / align_sectors * align_sectors;
    fat->table_sectors = divide_up(((total - front - tables) / each + 2) * entry, MKFAT_SECTOR);
    uint32_t before = front + 2 * fat->table_sectors;
    before = fat->is_fat32 ? (before + ALIGN - 1) / ALIGN * ALIGN : before;
    fat->reserved_sectors = before - 2 * fat->table_sectors - fat->root_sectors;
    fat->clusters = (uint32_t)((total - before) / each);
    fat->sectors = (uint32_t)total;
    if (total > UINT32_MAX) {
        fail(STATUS_ALBA, "the image is too large for a FAT file system");
    }
}

/* Clusters as large as needed for FAT16; for FAT32 as the specification's table has them. */
static void plan_as(struct mkfat *fat, bool is_fat32, uint64_t bytes, uint32_t align_sectors)
{
    fat->is_fat32 = is_fat32;
    fat->cluster_sectors = is_fat32 && bytes > 250ull << 20 ? 8 : 1;
    while (!is_fat32 && place(fat, fat->cluster_sectors) + align_sectors + SPARE > FAT16_MAX) {
        fat->cluster_sectors *= 2;
    }
    uint64_t least = is_fat32 ? FAT32_MIN : FAT16_MIN;
    uint64_t used = place(fat, fat->cluster_sectors);
    fat->used = (uint32_t)used;
    measure(fat, used < least ? least : used, align_sectors);
}

void mkfat_plan(struct mkfat *fat, const struct mkfat_file *files, size_t count, bool removable,
                uint32_t align_sectors)
{
    uint64_t bytes = 0;
    fat->nodes[0] = (struct mkfat_node){.is_directory = true};
    fat->node_count = 1;
    for (size_t i = 0; i < count; i++) {
        if (files[i].size > UINT32_MAX) {
            fail(STATUS_ALBA,
                 "the image is too large: %s would have %llu MiB, and a FAT file "
                 "system holds files of less than 4096",
                 files[i].path, (unsigned long long)(files[i].size >> 20));
        }
        add_file(fat, &files[i]);
        bytes += files[i].size;
    }
    plan_as(fat, !removable || bytes > 1ull << 30, bytes, align_sectors);
}

/* Date and time of a directory entry (page 25): from 1980 to 2107, in steps of two seconds. UTC. */
static uint32_t dos_time(int64_t seconds)
{
    struct tm tm;
    time_t time = seconds < 315532800 ? 315532800 : seconds > 4354819198 ? 4354819198 : seconds;
    gmtime_r(&time, &tm);
    uint32_t date = (uint32_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
    return date << 16 | (uint32_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
}

static uint64_t cluster_offset(const struct mkfat *fat, uint32_t cluster)
{
    uint64_t data = fat->reserved_sectors + 2ull * fat->table_sectors + fat->root_sectors;
    return (data + (uint64_t)(cluster - 2) * fat->cluster_sectors) * MKFAT_SECTOR;
}

/* The boot sector (pages 9 to 13). Its code asks the BIOS for the next thing to start. */
static void make_boot_sector(const struct mkfat *fat, uint8_t *sector)
{
    static const uint8_t code[] = {0xcd, 0x18, 0xf4, 0xeb, 0xfd}; /* int 0x18; 1: hlt; jmp 1b */
    uint8_t *extended = sector + (fat->is_fat32 ? 64 : 36);
    memcpy(sector, fat->is_fat32 ? "\xeb\x58\x90" : "\xeb\x3c\x90", 3);
    memcpy(sector + (fat->is_fat32 ? 90 : 62), code, sizeof(code));
    memcpy(sector + 3, "ALBA    ", 8);
    put16(sector + 11, MKFAT_SECTOR);
    sector[13] = (uint8_t)fat->cluster_sectors;
    put16(sector + 14, fat->reserved_sectors);
    sector[16] = 2; /* tables */
    put16(sector + 17, fat->is_fat32 ? 0 : ROOT_ENTRIES);
    sector[21] = MEDIA;
    put16(sector + 22, fat->is_fat32 ? 0 : fat->table_sectors);
    put16(sector + 24, 63);  /* sectors of a track, */
    put16(sector + 26, 255); /* heads: for readers that count so */
    put32(sector + 28, fat->hidden);
    bool is_small = !fat->is_fat32 && fat->sectors < 65536;
    put16(sector + 19, is_small ? fat->sectors : 0);
    put32(sector + 32, is_small ? 0 : fat->sectors);
    if (fat->is_fat32) {
        put32(sector + 36, fat->table_sectors);
        put32(sector + 44, fat->nodes[0].first_cluster);
        put16(sector + 48, INFO_SECTOR);
        put16(sector + 50, COPY_SECTOR);
    }
    extended[0] = 0x80; /* drive */
    extended[2] = 0x29; /* the next three are there */
    put32(extended + 3, fat->serial);
    memcpy(extended + 7, label, 11);
    memcpy(extended + 18, fat->is_fat32 ? "FAT32   " : "FAT16   ", 8);
    put16(sector + 510, 0xaa55);
}

/* FSInfo (page 21). */
static void make_info_sector(const struct mkfat *fat, uint8_t *sector)
{
    put32(sector, 0x41615252);
    put32(sector + 484, 0x61417272);
    put32(sector + 488, fat->clusters - fat->used);
    put32(sector + 492, fat->used + 2);
    put32(sector + 508, 0xaa550000);
}

static void write_boot_sectors(const struct mkfat *fat, struct output *output, uint64_t offset)
{
    uint8_t sectors[2 * MKFAT_SECTOR] = {0};
    make_boot_sector(fat, sectors);
    if (!fat->is_fat32) {
        output_write(output, sectors, MKFAT_SECTOR, offset);
        return;
    }
    make_info_sector(fat, sectors + INFO_SECTOR * MKFAT_SECTOR);
    output_write(output, sectors, sizeof(sectors), offset);
    output_write(output, sectors, sizeof(sectors), offset + COPY_SECTOR * MKFAT_SECTOR);
}

static void put_link(const struct mkfat *fat, uint8_t *table, uint32_t cluster, uint32_t value)
{
    if (fat->is_fat32) {
        put32(table + 4 * (size_t)cluster, value & 0x0fffffff);
    } else {
        put16(table + 2 * (size_t)cluster, value & 0xffff);
    }
}

/* Each chain is one piece; entries 0 and 1 say the medium, and that all is well (page 18). */
static void write_tables(const struct mkfat *fat, struct output *output, uint64_t offset)
{
    size_t size = (size_t)(fat->used + 2) * 4;
    uint8_t *table = text_resize(NULL, size);
    memset(table, 0, size);
    put_link(fat, table, 0, 0xffffff00 | MEDIA);
    put_link(fat, table, 1, UINT32_MAX);
    for (int i = 0; i < fat->node_count; i++) {
        const struct mkfat_node *node = &fat->nodes[i];
        for (uint32_t j = 0; j < node->clusters; j++) {
            uint32_t cluster = node->first_cluster + j;
            put_link(fat, table, cluster, j + 1 == node->clusters ? UINT32_MAX : cluster + 1);
        }
    }
    size = fat->is_fat32 ? size : size / 2;
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t sector = fat->reserved_sectors + i * fat->table_sectors;
        output_write(output, table, size, offset + sector * MKFAT_SECTOR);
    }
    free(table);
}

/* One directory entry (page 22). */
static void put_entry(const struct mkfat *fat, uint8_t *entry, const char *name,
                      const struct mkfat_node *node)
{
    uint32_t time = dos_time(fat->time), cluster = node->first_cluster;
    memcpy(entry, name, 11);
    entry[11] = node->is_directory ? ATTRIBUTE_DIRECTORY : ATTRIBUTE_ARCHIVE;
    put32(entry + 14, time); /* made */
    put16(entry + 18, time >> 16);
    put16(entry + 20, cluster >> 16);
    put32(entry + 22, time); /* written */
    put16(entry + 26, cluster & 0xffff);
    put32(entry + 28, node->file == NULL ? 0 : (uint32_t)node->file->size);
}

static void write_directory(const struct mkfat *fat, struct output *output, uint64_t offset,
                            int index)
{
    const struct mkfat_node *node = &fat->nodes[index];
    uint8_t sector[MKFAT_SECTOR] = {0}, *entry = sector;
    if (index == 0) {
        struct mkfat_node volume = {.is_directory = true};
        put_entry(fat, entry, label, &volume);
        entry[11] = ATTRIBUTE_VOLUME;
        entry += ENTRY;
    } else {
        /* ".." of a directory in the root says 0, whatever cluster the root has (page 26). */
        struct mkfat_node parent = fat->nodes[node->parent];
        parent.first_cluster = node->parent == 0 ? 0 : parent.first_cluster;
        put_entry(fat, entry, ".          ", node);
        put_entry(fat, entry + ENTRY, "..         ", &parent);
        entry += 2 * ENTRY;
    }
    for (int i = 1; i < fat->node_count; i++) {
        if (fat->nodes[i].parent == index) {
            put_entry(fat, entry, fat->nodes[i].name, &fat->nodes[i]);
            entry += ENTRY;
        }
    }
    uint64_t at = node->first_cluster != 0
                      ? cluster_offset(fat, node->first_cluster)
                      : (fat->reserved_sectors + 2ull * fat->table_sectors) * MKFAT_SECTOR;
    output_write(output, sector, sizeof(sector), offset + at);
}

void mkfat_write(const struct mkfat *fat, struct output *output, uint64_t offset)
{
    write_boot_sectors(fat, output, offset);
    write_tables(fat, output, offset);
    for (int i = 0; i < fat->node_count; i++) {
        const struct mkfat_node *node = &fat->nodes[i];
        if (node->is_directory) {
            write_directory(fat, output, offset, i);
        } else if (node->clusters > 0) {
            uint64_t at = offset + cluster_offset(fat, node->first_cluster);
            if (node->file->bytes != NULL) {
                output_write(output, node->file->bytes, (size_t)node->file->size, at);
            } else {
                output_copy(output, node->file->fd, node->file->size, at);
            }
        }
    }
}
