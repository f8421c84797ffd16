/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT12, FAT16 and FAT32. Section numbers are those of the "Microsoft FAT Specification" of 2005.
 * All numbers on the volume are little endian, as on the machines this runs on.
 */
#include "lib/fat.h"
#include "abi/errno.h"
#include "lib/string.h"

/* Section 3.1 to 3.3: the first sector. */
struct fat_boot_sector {
    uint8_t jump[3];
    uint8_t oem_name[8];
    uint16_t sector_bytes;
    uint8_t cluster_sectors;
    uint16_t reserved_sectors;
    uint8_t tables;
    uint16_t root_entries;
    uint16_t sectors16;
    uint8_t media;
    uint16_t table_sectors16;
    uint16_t track_sectors, heads;
    uint32_t hidden_sectors;
    uint32_t sectors32;
    /* FAT32 only */
    uint32_t table_sectors32;
    uint16_t flags;
    uint16_t version;
    uint32_t root_cluster;
    uint8_t unused[462];
    uint16_t signature;
} __attribute__((packed));
static_assert(sizeof(struct fat_boot_sector) == FAT_UNIT, "the first sector, section 3");

enum {
    SIGNATURE = 0xaa55,
    MAX_FAT12 = 4084, /* clusters: section 3.5 */
    MAX_FAT16 = 65524,
    MAX_FAT32 = 0x0ffffff5,
    NO_MIRROR = 0x80, /* flags: one table is in use, its number in the low four bits */
};

/* Section 6: an entry of a directory. */
struct fat_entry {
    uint8_t name[11];
    uint8_t attributes;
    uint8_t unused1[8];
    uint16_t cluster_high;
    uint8_t unused2[4];
    uint16_t cluster_low;
    uint32_t size;
} __attribute__((packed));

/* Section 7: a part of the long name of the entry that follows. */
struct fat_name_entry {
    uint8_t order;
    uint16_t name1[5];
    uint8_t attributes;
    uint8_t type;
    uint8_t sum;
    uint16_t name2[6];
    uint16_t cluster_low;
    uint16_t name3[2];
} __attribute__((packed));
static_assert(sizeof(struct fat_entry) == 32 && sizeof(struct fat_name_entry) == 32, "section 6");

enum {
    ENTRY_END = 0,
    ENTRY_DELETED = 0xe5,
    ENTRY_KANJI_E5 = 0x05, /* stands for a name that begins with 0xe5 */
    ATTRIBUTE_VOLUME = 0x08,
    ATTRIBUTE_DIRECTORY = 0x10,
    ATTRIBUTE_LONG_NAME = 0x0f,
    ATTRIBUTE_MASK = 0x3f,
    ORDER_LAST = 0x40, /* the last part, which comes first */
    PART_CHARACTERS = 13,
    NAME_PARTS = 20,
    MAX_ENTRIES = 65536, /* of a directory: section 6 */
};

/* In place of a cluster's number: there is none after that one. */
#define CHAIN_END 0xffffffffu

static int fail(struct fat *fat, int number, const char *text)
{
    fat->error = text;
    return number;
}

static int read_units(struct fat *fat, uint64_t first, uint32_t count, void *buffer)
{
    int result = fat->read(fat->context, first, count, buffer);
    return result == 0 ? 0 : fail(fat, result, "the disk cannot be read");
}

/* What the sector says of itself, before any arithmetic with it. */
static const char *boot_sector_error(const struct fat_boot_sector *boot)
{
    uint32_t bytes = boot->sector_bytes, cluster = boot->cluster_sectors;
    if (boot->signature != SIGNATURE) {
        return "this is not a FAT file system: the first sector has no signature";
    }
    if (bytes < FAT_UNIT || bytes > 4096 || (bytes & (bytes - 1)) != 0) {
        return "this is not a FAT file system: its sectors have an impossible size";
    }
    if (cluster == 0 || (cluster & (cluster - 1)) != 0) {
        return "this is not a FAT file system: its clusters have an impossible size";
    }
    if (boot->reserved_sectors == 0 || boot->tables == 0 || boot->tables > 4) {
        return "this is not a FAT file system: it has no room for tables";
    }
    return NULL;
}

/* Section 3.5: the number of clusters decides what kind it is; but one without a root directory of
 * its own is a FAT32, be it ever so small, as everybody reads them. */
static int set_kind(struct fat *fat, const struct fat_boot_sector *boot)
{
    fat->bits = boot->root_entries == 0 ? 32 : fat->clusters <= MAX_FAT12 ? 12 : 16;
    if (fat->clusters == 0 || fat->clusters > (fat->bits == 32 ? MAX_FAT32 : MAX_FAT16)) {
        return fail(fat, -EINVAL, "the FAT file system contradicts itself: number of clusters");
    }
    uint64_t table_bits = (uint64_t)fat->table_units * FAT_UNIT * 8;
    if (table_bits < (uint64_t)(fat->clusters + 2) * fat->bits) {
        return fail(fat, -EINVAL, "the FAT file system contradicts itself: its table is too short");
    }
    if (fat->bits == 32) {
        fat->root_cluster = boot->root_cluster;
        if (boot->flags & NO_MIRROR) {
            fat->table_start += (uint64_t)(boot->flags & 15) * fat->table_units;
        }
        if ((boot->flags & NO_MIRROR) && (boot->flags & 15) >= boot->tables) {
            return fail(fat, -EINVAL, "the FAT file system contradicts itself: number of tables");
        }
    }
    return 0;
}

int fat_mount(struct fat *fat, fat_read_units *read, void *context, uint64_t size_units)
{
    fat->read = read;
    fat->context = context;
    fat->error = NULL;
    fat->window_size = 0;
    /* The window serves as a buffer before there is a table. */
    const struct fat_boot_sector *boot = (const struct fat_boot_sector *)fat->window;
    int result = read_units(fat, 0, 1, fat->window);
    if (result != 0) {
        return result;
    }
    const char *error = boot_sector_error(boot);
    if (error != NULL) {
        return fail(fat, -EINVAL, error);
    }
    uint32_t factor = boot->sector_bytes / FAT_UNIT;
    uint64_t total = (uint64_t)(boot->sectors16 ? boot->sectors16 : boot->sectors32) * factor;
    uint64_t table =
        (uint64_t)(boot->table_sectors16 ? boot->table_sectors16 : boot->table_sectors32) * factor;
    fat->table_start = boot->reserved_sectors * factor;
    fat->cluster_units = boot->cluster_sectors * factor;
    fat->root_start = fat->table_start + table * boot->tables;
    fat->root_units = ALIGN_UP(boot->root_entries * 32u, boot->sector_bytes) / FAT_UNIT;
    fat->data_start = fat->root_start + fat->root_units;
    if (table == 0 || table > UINT32_MAX || fat->data_start >= total) {
        return fail(fat, -EINVAL, "the FAT file system contradicts itself: no room for files");
    }
    if (size_units != 0 && total > size_units) {
        return fail(fat, -EINVAL, "the FAT file system is larger than its partition");
    }
    fat->table_units = (uint32_t)table;
    uint64_t left = total - fat->data_start;
    fat->clusters = (uint32_t)MIN(left, UINT32_MAX) / fat->cluster_units;
    return set_kind(fat, boot);
}

/* The `width` bytes of the table at `offset`, read when they are not in the window. */
static int table_bytes(struct fat *fat, uint64_t offset, uint32_t width, uint32_t *value)
{
    uint64_t end = fat->window_offset + fat->window_size;
    if (offset < fat->window_offset || offset + width > end) {
        uint32_t first = (uint32_t)(offset / FAT_UNIT);
        uint32_t count = MIN(fat->table_units - first, (uint32_t)sizeof(fat->window) / FAT_UNIT);
        fat->window_size = 0;
        int result = read_units(fat, fat->table_start + first, count, fat->window);
        if (result != 0) {
            return result;
        }
        fat->window_offset = (uint64_t)first * FAT_UNIT;
        fat->window_size = count * FAT_UNIT;
    }
    *value = 0;
    memcpy(value, fat->window + (uint32_t)(offset - fat->window_offset), width);
    return 0;
}

static bool is_cluster(const struct fat *fat, uint32_t cluster)
{
    return cluster >= 2 && cluster - 2 < fat->clusters;
}

/* The cluster after `cluster`, which is one, or CHAIN_END (section 4). */
static int next_cluster(struct fat *fat, uint32_t cluster, uint32_t *next)
{
    /* 12 bits: one and a half bytes, the odd ones in the upper part of two. */
    uint64_t offset = (uint64_t)cluster * fat->bits / 8;
    int result = table_bytes(fat, offset, fat->bits == 32 ? 4 : 2, next);
    if (result != 0) {
        return result;
    }
    uint32_t mask = 0xffff;
    if (fat->bits == 12) {
        *next >>= (cluster & 1) * 4;
        mask = 0xfff;
    } else if (fat->bits == 32) {
        mask = 0x0fffffff; /* the upper four bits mean nothing */
    }
    *next &= mask;
    if (*next >= mask - 7) {
        *next = CHAIN_END;
    } else if (!is_cluster(fat, *next)) {
        return fail(fat, -EIO, "the file system is damaged: a chain of clusters leads nowhere");
    }
    return 0;
}

static uint64_t cluster_start(const struct fat *fat, uint32_t cluster)
{
    return fat->data_start + (uint64_t)(cluster - 2) * fat->cluster_units;
}

/* A walk through a directory, and the long name that was seen last. */
struct walk {
    uint32_t cluster; /* CHAIN_END: the root directory of FAT12 and FAT16 */
    uint64_t unit;    /* the next one to read */
    uint32_t left;    /* units of this cluster, or of the root directory */
    uint32_t seen;    /* entries in all */
    uint32_t mark;    /* a cluster that was passed; coming there again is a circle */
    uint32_t steps;   /* since then */
    struct fat_entry entries[FAT_UNIT / 32];

    uint32_t parts;   /* of the long name: how many there are */
    uint32_t missing; /* how many are still to come; parts and missing 0: there is none */
    uint8_t sum;
    uint16_t name[NAME_PARTS * PART_CHARACTERS + 1];
};

static int walk_begin(struct fat *fat, struct walk *walk, uint32_t cluster)
{
    *walk = (struct walk){.cluster = cluster};
    if (cluster == CHAIN_END) {
        walk->unit = fat->root_start;
        walk->left = fat->root_units;
        return 0;
    }
    if (!is_cluster(fat, cluster)) {
        return fail(fat, -EIO, "the file system is damaged: a folder has no clusters");
    }
    walk->unit = cluster_start(fat, cluster);
    walk->left = fat->cluster_units;
    return 0;
}

/* The next entry of any kind: 1; 0 at the end of the directory. */
static int walk_next(struct fat *fat, struct walk *walk, const struct fat_entry **entry)
{
    uint32_t index = walk->seen % ARRAY_SIZE(walk->entries);
    if (walk->seen == MAX_ENTRIES) {
        return fail(fat, -EIO, "the file system is damaged: a folder does not end");
    }
    if (index == 0 && walk->left == 0) {
        uint32_t next = CHAIN_END;
        int result = walk->cluster == CHAIN_END ? 0 : next_cluster(fat, walk->cluster, &next);
        if (result != 0 || next == CHAIN_END) {
            return result;
        }
        if (next == walk->mark) {
            return fail(fat, -EIO, "the file system is damaged: a folder goes round in a circle");
        }
        /* The mark moves on at each power of two: a circle of any size is found in time (R. Brent,
         * "An improved Monte Carlo factorization algorithm", 1980). */
        if ((walk->steps & (walk->steps + 1)) == 0) {
            walk->mark = next;
        }
        walk->steps++;
        walk->cluster = next;
        walk->unit = cluster_start(fat, next);
        walk->left = fat->cluster_units;
    }
    if (index == 0) {
        int result = read_units(fat, walk->unit++, 1, walk->entries);
        if (result != 0) {
            return result;
        }
        walk->left--;
    }
    *entry = &walk->entries[index];
    walk->seen++;
    return (*entry)->name[0] != ENTRY_END;
}

/* Section 7.2: ties a long name to its entry. */
static uint8_t name_sum(const uint8_t *name)
{
    uint8_t sum = 0;
    for (unsigned i = 0; i < 11; i++) {
        sum = (uint8_t)((sum & 1) << 7) + (sum >> 1) + name[i];
    }
    return sum;
}

/* One more part of a long name; they come last part first. A part out of order ends the name. */
static void add_part(struct walk *walk, const struct fat_name_entry *part)
{
    uint32_t order = part->order & ~(uint32_t)ORDER_LAST;
    if (part->order & ORDER_LAST) {
        walk->parts = order <= NAME_PARTS ? order : 0;
        walk->missing = walk->parts;
        walk->sum = part->sum;
        walk->name[walk->parts * PART_CHARACTERS] = 0;
    }
    if (walk->missing == 0 || order != walk->missing || part->sum != walk->sum) {
        walk->parts = walk->missing = 0;
        return;
    }
    uint16_t *to = walk->name + --walk->missing * PART_CHARACTERS;
    memcpy(to, part->name1, sizeof(part->name1));
    memcpy(to + 5, part->name2, sizeof(part->name2));
    memcpy(to + 11, part->name3, sizeof(part->name3));
}

static uint32_t lower(uint32_t c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* The character at the start of UTF-8 text, and its size; 0 when it is none. */
static uint32_t utf8_character(const uint8_t *text, size_t size, size_t *used)
{
    uint32_t first = text[0];
    unsigned more = first < 0x80 ? 0 : first < 0xc2 ? 4 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (more == 4 || first > 0xf4 || more >= size) {
        return 0;
    }
    uint32_t c = more == 0 ? first : first & (0x3fu >> more);
    for (unsigned i = 1; i <= more; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (text[i] & 0x3f);
    }
    *used = more + 1;
    return c;
}

/* Whether a name in UTF-16 that ends with 0 is this one in UTF-8. */
static bool same_long_name(const uint16_t *name, const char *text, size_t size)
{
    while (size > 0) {
        size_t used;
        uint32_t c = utf8_character((const uint8_t *)text, size, &used);
        if (c == 0) {
            return false;
        }
        if (c >= 0x10000) {
            if (*name++ != 0xd800 + ((c - 0x10000) >> 10)) {
                return false;
            }
            c = 0xdc00 + (c & 0x3ff);
        }
        if (lower(*name++) != lower(c)) {
            return false;
        }
        text += used;
        size -= used;
    }
    return *name == 0;
}

/* Whether a name of eight and three characters, filled with blanks, is this one. */
static bool same_short_name(const uint8_t *name, const char *text, size_t size)
{
    char plain[12];
    uint32_t length = 0;
    for (uint32_t i = 0; i < 11; i++) {
        uint32_t stop = i < 8 ? 8 : 11, last = i;
        while (last < stop && name[last] == ' ') {
            last++;
        }
        if (last == stop) { /* only blanks up to the end of this half */
            i = stop - 1;
            continue;
        }
        if (i == 8) {
            plain[length++] = '.';
        }
        plain[length++] = (char)(i == 0 && name[0] == ENTRY_KANJI_E5 ? 0xe5 : name[i]);
    }
    if (length != size) {
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (lower((uint8_t)plain[i]) != lower((uint8_t)text[i])) {
            return false;
        }
    }
    return true;
}

/* Whether the entry has that name; a long name is good for one entry only. */
static bool is_named(struct walk *walk, const struct fat_entry *entry, const char *text,
                     size_t size)
{
    bool has_long = walk->parts > 0 && walk->missing == 0 && walk->sum == name_sum(entry->name);
    walk->parts = walk->missing = 0;
    return (has_long && same_long_name(walk->name, text, size)) ||
           same_short_name(entry->name, text, size);
}

/* Finds a name in a directory and copies its entry. */
static int look_up(struct fat *fat, uint32_t directory, const char *name, size_t size,
                   struct fat_entry *found)
{
    struct walk walk;
    const struct fat_entry *entry = NULL;
    int result = walk_begin(fat, &walk, directory);
    while (result == 0 && (result = walk_next(fat, &walk, &entry)) == 1) {
        uint8_t attributes = entry->attributes & ATTRIBUTE_MASK;
        result = 0;
        if (entry->name[0] == ENTRY_DELETED || (attributes & ATTRIBUTE_VOLUME) != 0) {
            if (attributes == ATTRIBUTE_LONG_NAME && entry->name[0] != ENTRY_DELETED) {
                add_part(&walk, (const struct fat_name_entry *)entry);
            } else {
                walk.parts = walk.missing = 0;
            }
        } else if (is_named(&walk, entry, name, size)) {
            *found = *entry;
            return 0;
        }
    }
    return result != 0 ? result : fail(fat, -ENOENT, "there is no such file");
}

static int open_entry(struct fat *fat, const struct fat_entry *entry, struct fat_file *file)
{
    uint32_t cluster = (uint32_t)entry->cluster_high << 16 | entry->cluster_low;
    uint64_t room = (uint64_t)fat->clusters * fat->cluster_units * FAT_UNIT;
    if (entry->attributes & ATTRIBUTE_DIRECTORY) {
        return fail(fat, -EISDIR, "that is a folder, not a file");
    }
    if (fat->bits != 32) {
        cluster &= 0xffff; /* the upper half may be something else's */
    }
    if (entry->size > room) {
        return fail(fat, -EIO, "the file system is damaged: the file is larger than the volume");
    }
    if (entry->size > 0 && !is_cluster(fat, cluster)) {
        return fail(fat, -EIO, "the file system is damaged: the file has no clusters");
    }
    *file = (struct fat_file){.size = entry->size,
                              .cluster = entry->size > 0 ? cluster : CHAIN_END};
    return 0;
}

int fat_open(struct fat *fat, const char *path, size_t path_size, struct fat_file *file)
{
    uint32_t root = fat->bits == 32 ? fat->root_cluster : CHAIN_END;
    struct fat_entry entry = {.attributes = ATTRIBUTE_DIRECTORY};
    bool at_root = true;
    while (path_size > 0) {
        const char *slash = memchr(path, '/', path_size);
        size_t size = slash != NULL ? (size_t)(slash - path) : path_size;
        if (size > 0) {
            uint32_t high = fat->bits == 32 ? (uint32_t)entry.cluster_high << 16 : 0;
            uint32_t cluster = at_root ? root : high | entry.cluster_low;
            if (!(entry.attributes & ATTRIBUTE_DIRECTORY)) {
                return fail(fat, -ENOTDIR, "a part of the path is a file, not a folder");
            }
            int result = look_up(fat, cluster, path, size, &entry);
            if (result != 0) {
                return result;
            }
            at_root = false;
        }
        size += slash != NULL;
        path += size;
        path_size -= size;
    }
    return open_entry(fat, &entry, file);
}

/* Clusters from `cluster` on that lie together and hold at most so many units from the first one's
 * start, at least one cluster; *next: what follows the last of them. */
static int find_run(struct fat *fat, uint32_t cluster, uint64_t units, uint32_t *count,
                    uint32_t *next)
{
    *count = 0;
    do {
        int result = next_cluster(fat, cluster + *count, next);
        if (result != 0) {
            return result;
        }
        ++*count;
    } while (*next == cluster + *count && (uint64_t)*count * fat->cluster_units < units);
    return 0;
}

int fat_read(struct fat *fat, struct fat_file *file, void *buffer, uint32_t size)
{
    uint8_t *to = buffer;
    if (size > file->size - file->position || file->position % FAT_UNIT != 0) {
        return fail(fat, -EINVAL, "a read beyond the end of the file");
    }
    while (size > 0) {
        if (file->cluster == CHAIN_END) {
            return fail(fat, -EIO, "the file system is damaged: the file's clusters end too early");
        }
        uint32_t skip = file->position / FAT_UNIT % fat->cluster_units;
        uint32_t wanted = size / FAT_UNIT + (size % FAT_UNIT != 0), clusters, next;
        int result = find_run(fat, file->cluster, (uint64_t)skip + wanted, &clusters, &next);
        uint32_t units = (uint32_t)MIN((uint64_t)clusters * fat->cluster_units - skip, wanted);
        if (result == 0) {
            result = read_units(fat, cluster_start(fat, file->cluster) + skip, units, to);
        }
        if (result != 0) {
            return result;
        }
        uint32_t bytes = MIN(units * FAT_UNIT, size), passed = (skip + units) / fat->cluster_units;
        file->cluster = passed == clusters ? next : file->cluster + passed;
        file->position += bytes;
        to += bytes;
        size -= bytes;
    }
    if (file->position == file->size && file->cluster != CHAIN_END) {
        uint32_t next = CHAIN_END;
        bool inside = file->position % (fat->cluster_units * FAT_UNIT) != 0;
        int result = inside ? next_cluster(fat, file->cluster, &next) : 0;
        if (result == 0 && (!inside || next != CHAIN_END)) {
            return fail(fat, -EIO, "the file system is damaged: its clusters go on after its end");
        }
        return result;
    }
    return 0;
}
