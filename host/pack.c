/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The archive is written front to back, but for the link count of a file that turns out to have
 * more names: that field is rewritten where it stands. A tree of the names that were written says
 * what exists; the kernel applies entries in order, so a later one wins there too.
 */
#include "host/pack.h"
#include "host/say.h"
#include "host/text.h"
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    HEADER_SIZE = 110,
    NLINK_OFFSET = 6 + 4 * 8,
    PAGE = 4096,
    NAME_MAX_SIZE = 4096,
    MAX_LINKS = 40
};

struct packed {
    char *name;
    struct pack_meta meta;
    uint32_t inode, nlink;
    uint64_t header; /* offset of it */
    char *target;    /* of a symbolic link, else NULL */
    bool used;       /* a directory with something in it */
};

struct pack {
    int fd;
    uint64_t end;        /* of what is written */
    uint64_t data, size; /* of the file between pack_begin and pack_end */
    uint32_t inodes;
    struct pack_times times;
    void *names; /* tsearch tree of entries */
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct packed *)a)->name, ((const struct packed *)b)->name);
}

static struct packed *find(const struct pack *pack, const char *name)
{
    struct packed key = {.name = (char *)(uintptr_t)name};
    struct packed *const *found = tfind(&key, &pack->names, compare);
    return found == NULL ? NULL : *found;
}

static struct packed *find_or_add(struct pack *pack, const char *name)
{
    struct packed *entry = find(pack, name);
    if (entry == NULL) {
        entry = text_resize(NULL, sizeof(*entry));
        *entry = (struct packed){.name = text_copy(name)};
        if (tsearch(entry, &pack->names, compare) == NULL) {
            fail(STATUS_ALBA, "out of memory");
        }
    }
    return entry;
}

static void write_at(struct pack *pack, const void *bytes, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(pack->fd, bytes, size, (off_t)offset);
        if (written < 0 && errno != EINTR) {
            fail(STATUS_ALBA, "cannot pack the machine's files: %s", strerror(errno));
        }
        if (written > 0) {
            bytes = (const char *)bytes + written;
            size -= (size_t)written;
            offset += (uint64_t)written;
        }
    }
}

struct pack *pack_create(int fd, const struct pack_times *times)
{
    struct pack *pack = text_resize(NULL, sizeof(*pack));
    *pack = (struct pack){.fd = fd, .times = *times};
    return pack;
}

bool pack_is_settled(const struct pack *pack)
{
    return pack->times.settled;
}

mode_t pack_mode(const struct pack *pack, const char *name)
{
    const struct packed *entry = find(pack, name);
    return name[0] == '\0' ? S_IFDIR | 0755 : entry == NULL ? 0 : entry->meta.mode;
}

/* Replaces the components that are done by those of a link. */
static void enter_link(char **done, char **rest, const char *target)
{
    char *longer = text_format("%s/%s", target, *rest);
    free(*rest);
    *rest = longer;
    if (target[0] == '/') {
        (*done)[0] = '\0';
    }
}

char *pack_resolve(const struct pack *pack, const char *path, bool follow_last)
{
    char *done = text_copy(""), *rest = text_copy(path);
    int links = 0;
    while (rest[strspn(rest, "/")] != '\0') {
        char *start = rest + strspn(rest, "/");
        size_t length = strcspn(start, "/");
        char *after = text_copy(start + length);
        bool last = after[strspn(after, "/")] == '\0';
        if (length == 2 && strncmp(start, "..", 2) == 0) {
            char *slash = strrchr(done, '/');
            done[slash == NULL ? 0 : slash - done] = '\0';
        } else if (length != 1 || start[0] != '.') {
            char *next = text_format("%s/%.*s", done, (int)length, start);
            const struct packed *entry = find(pack, next);
            if (entry != NULL && entry->target != NULL && (!last || follow_last)) {
                enter_link(&done, &after, entry->target);
                free(next);
                links++;
            } else {
                free(done);
                done = next;
            }
        }
        free(rest);
        rest = after;
        if (links > MAX_LINKS) {
            free(done);
            done = NULL;
            break;
        }
    }
    free(rest);
    return done;
}

/* Header and name; leaves pack->data at the place of the data. Sizes must fit 32 bits. */
static void put_header(struct pack *pack, const struct packed *entry, uint64_t size)
{
    char buffer[HEADER_SIZE + 2 * NAME_MAX_SIZE];
    const char *name = entry->name + (entry->name[0] == '/');
    size_t name_size = strlen(name) + 1;
    uint64_t start = pack->end;
    if (name_size > NAME_MAX_SIZE) {
        fail(STATUS_ALBA, "%s: name too long", entry->name);
    }
    if (size > UINT32_MAX) {
        fail(STATUS_ALBA, "%s: larger than 4 GiB, which an initramfs cannot hold", entry->name);
    }
    uint64_t data = (start + HEADER_SIZE + name_size + 3) & ~3ull;
    uint64_t aligned = (data + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (size >= PAGE && aligned - start - HEADER_SIZE <= NAME_MAX_SIZE) {
        data = aligned;
        name_size = (size_t)(data - start - HEADER_SIZE);
    }
    const struct pack_meta *meta = &entry->meta;
    memset(buffer, 0, sizeof(buffer));
    snprintf(buffer, HEADER_SIZE + 1, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
             entry->inode, meta->mode, meta->uid, meta->gid, entry->nlink, (uint32_t)meta->mtime,
             (uint32_t)size, 0u, 0u, major(meta->rdev), minor(meta->rdev), (uint32_t)name_size, 0u);
    strcpy(buffer + HEADER_SIZE, name);
    write_at(pack, buffer, (size_t)(data - start), start);
    pack->data = data;
    pack->size = size;
    pack->end = (data + size + 3) & ~3ull;
}

static void add_parents(struct pack *pack, const char *name)
{
    static const struct pack_meta plain = {.mode = S_IFDIR | 0755};
    char *parent = text_copy(name);
    for (char *slash = parent; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        if (find(pack, parent) == NULL) {
            pack_node(pack, parent, &plain);
        }
        struct packed *entry = find(pack, parent);
        if (!S_ISDIR(entry->meta.mode)) {
            fail(STATUS_ALBA, "cannot pack %s: %s is not a directory", name, parent);
        }
        entry->used = true;
    }
    free(parent);
}

/* The entry of a name for a file that is to be there from now on. */
static struct packed *prepare(struct pack *pack, const char *name, bool directory)
{
    struct packed *entry = find_or_add(pack, name);
    if (entry->used && !directory) {
        fail(STATUS_ALBA, "cannot pack %s: it would replace a directory with files in it", name);
    }
    free(entry->target);
    entry->target = NULL;
    return entry;
}

void pack_begin(struct pack *pack, const char *name, const struct pack_meta *meta, uint64_t size)
{
    add_parents(pack, name);
    struct packed *entry = prepare(pack, name, S_ISDIR(meta->mode));
    entry->meta = *meta;
    if (pack->times.settled && !S_ISREG(meta->mode)) {
        entry->meta.mtime = pack->times.stamp;
    } else if (pack->times.settled && meta->mtime > pack->times.newest) {
        entry->meta.mtime = pack->times.newest;
    }
    entry->inode = ++pack->inodes;
    entry->nlink = S_ISDIR(meta->mode) ? 2 : 1;
    entry->header = pack->end;
    put_header(pack, entry, size);
}

void pack_data(struct pack *pack, const void *bytes, size_t size, uint64_t offset)
{
    if (offset < pack->size) {
        uint64_t room = pack->size - offset;
        write_at(pack, bytes, size < room ? size : (size_t)room, pack->data + offset);
    }
}

void pack_end(struct pack *pack)
{
    /* The file grows to its end even when the last bytes were a gap. */
    if (ftruncate(pack->fd, (off_t)pack->end) != 0) {
        fail(STATUS_ALBA, "cannot pack the machine's files: %s", strerror(errno));
    }
}

void pack_node(struct pack *pack, const char *name, const struct pack_meta *meta)
{
    pack_begin(pack, name, meta, 0);
}

void pack_bytes(struct pack *pack, const char *name, const struct pack_meta *meta,
                const void *bytes, size_t size)
{
    pack_begin(pack, name, meta, size);
    pack_data(pack, bytes, size, 0);
    pack_end(pack);
    if (S_ISLNK(meta->mode)) {
        find(pack, name)->target = text_format("%.*s", (int)size, (const char *)bytes);
    }
}

void pack_file(struct pack *pack, const char *name, const struct pack_meta *meta, int fd,
               uint64_t size)
{
    pack_begin(pack, name, meta, size);
    if (lseek(pack->fd, (off_t)pack->data, SEEK_SET) < 0) {
        fail(STATUS_ALBA, "cannot pack the machine's files: %s", strerror(errno));
    }
    /* The kernel copies, from the page cache to the archive. */
    for (uint64_t left = size; left > 0;) {
        ssize_t copied = sendfile(pack->fd, fd, NULL, left < 1 << 30 ? left : 1 << 30);
        if (copied < 0) {
            fail(STATUS_ALBA, "cannot pack %s: %s", name, strerror(errno));
        }
        if (copied == 0) {
            break; /* it became shorter */
        }
        left -= (uint64_t)copied;
    }
    pack_end(pack);
}

bool pack_link(struct pack *pack, const char *name, const char *target)
{
    struct packed *original = find(pack, target);
    if (original == NULL || S_ISDIR(original->meta.mode) || strcmp(name, target) == 0) {
        return false;
    }
    add_parents(pack, name);
    char field[9];
    snprintf(field, sizeof(field), "%08X", ++original->nlink);
    write_at(pack, field, 8, original->header + NLINK_OFFSET);
    struct packed *entry = prepare(pack, name, false);
    char *own_name = entry->name;
    *entry = *original; /* the same inode number makes it a link */
    entry->name = own_name;
    entry->target = original->target == NULL ? NULL : text_copy(original->target);
    put_header(pack, entry, 0);
    return true;
}

static void free_entry(void *node)
{
    struct packed *entry = node;
    free(entry->name);
    free(entry->target);
    free(entry);
}

uint64_t pack_finish(struct pack *pack)
{
    char trailer_name[] = "TRAILER!!!";
    struct packed trailer = {.name = trailer_name, .nlink = 1};
    put_header(pack, &trailer, 0);
    pack_end(pack);
    uint64_t size = pack->end;
    tdestroy(pack->names, free_entry);
    free(pack);
    return size;
}
