/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The format: a header, entries sorted in descending order of their names, then strings, to which
 * entries refer by offsets from the start of the file (glibc, sysdeps/generic/dl-cache.h, describes
 * it). Offsets of a file that we read are checked.
 */
#include "host/ldcache.h"
#include <ctype.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLAGS_X86_64 = 0x0303, LITTLE_ENDIAN_FILE = 2 };

struct header {
    char magic[20]; /* with the version, not terminated */
    uint32_t count, strings_size;
    uint8_t flags, padding[3];
    uint32_t extension_offset, unused[3];
};
_Static_assert(sizeof(struct header) == 48, "format of ld.so.cache");

struct entry {
    int32_t flags;
    uint32_t name, path, os_version;
    uint64_t hwcap; /* 0: for any processor */
};
_Static_assert(sizeof(struct entry) == 24, "format of ld.so.cache");

static const char magic[] = "glibc-ld.so.cache1.1";

static struct {
    bool tried;
    char *bytes; /* with a zero byte after the end; NULL: no cache */
    size_t size;
} cache;

static void load(void)
{
    struct stat status;
    int fd = open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC);
    cache.tried = true;
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &status) == 0 && status.st_size >= (off_t)sizeof(struct header) &&
        status.st_size < 1 << 30) {
        cache.size = (size_t)status.st_size;
        cache.bytes = text_resize(NULL, cache.size + 1);
        cache.bytes[cache.size] = '\0';
        if (read(fd, cache.bytes, cache.size) != (ssize_t)cache.size ||
            memcmp(cache.bytes, magic, sizeof(magic) - 1) != 0) {
            free(cache.bytes);
            cache.bytes = NULL;
        }
    }
    close(fd);
}

static const char *string_at(uint32_t offset)
{
    return offset < cache.size ? cache.bytes + offset : "";
}

const char *ldcache_find(const char *name)
{
    if (!cache.tried) {
        load();
    }
    if (cache.bytes == NULL) {
        return NULL;
    }
    struct header header;
    memcpy(&header, cache.bytes, sizeof(header));
    const char *found = NULL;
    for (uint32_t i = 0; i < header.count; i++) {
        size_t at = sizeof(header) + (size_t)i * sizeof(struct entry);
        struct entry entry;
        if (at + sizeof(entry) > cache.size) {
            break;
        }
        memcpy(&entry, cache.bytes + at, sizeof(entry));
        if (entry.flags == FLAGS_X86_64 && strcmp(string_at(entry.name), name) == 0 &&
            (found == NULL || entry.hwcap == 0)) {
            found = string_at(entry.path);
            if (entry.hwcap == 0) {
                break;
            }
        }
    }
    return found;
}

static unsigned long take_number(const char **text)
{
    char *end;
    unsigned long number = strtoul(*text, &end, 10);
    *text = end;
    return number;
}

/* The order that ld.so's binary search relies on: runs of digits compare as numbers, and a digit is
 * greater than any other character. */
static int compare_names(const char *a, const char *b)
{
    while (*a != '\0') {
        bool digit_a = isdigit((unsigned char)*a), digit_b = isdigit((unsigned char)*b);
        if (digit_a && digit_b) {
            unsigned long number_a = take_number(&a), number_b = take_number(&b);
            if (number_a != number_b) {
                return number_a < number_b ? -1 : 1;
            }
        } else if (digit_a != digit_b) {
            return digit_a ? 1 : -1;
        } else if (*a != *b) {
            return *a < *b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *b == '\0' ? 0 : -1;
}

struct pair {
    const char *name, *path;
};

static int compare_descending(const void *a, const void *b)
{
    return compare_names(((const struct pair *)b)->name, ((const struct pair *)a)->name);
}

static uint32_t put_string(char *bytes, size_t *end, const char *text)
{
    uint32_t offset = (uint32_t)*end;
    strcpy(bytes + *end, text);
    *end += strlen(text) + 1;
    return offset;
}

void *ldcache_make(const struct strings *names, const struct strings *paths, size_t *size)
{
    size_t count = names->count, start = sizeof(struct header) + count * sizeof(struct entry);
    struct pair *pairs = text_resize(NULL, (count + 1) * sizeof(*pairs));
    *size = start;
    for (size_t i = 0; i < count; i++) {
        pairs[i] = (struct pair){names->at[i], paths->at[i]};
        *size += strlen(pairs[i].name) + strlen(pairs[i].path) + 2;
    }
    qsort(pairs, count, sizeof(*pairs), compare_descending);
    char *bytes = text_resize(NULL, *size);
    struct header header = {.count = (uint32_t)count,
                            .strings_size = (uint32_t)(*size - start),
                            .flags = LITTLE_ENDIAN_FILE};
    memcpy(header.magic, magic, sizeof(header.magic));
    memcpy(bytes, &header, sizeof(header));
    size_t end = start;
    for (size_t i = 0; i < count; i++) {
        struct entry entry = {.flags = FLAGS_X86_64};
        entry.name = put_string(bytes, &end, pairs[i].name);
        entry.path = put_string(bytes, &end, pairs[i].path);
        memcpy(bytes + sizeof(header) + i * sizeof(entry), &entry, sizeof(entry));
    }
    free(pairs);
    return bytes;
}
