/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Archives are read by libarchive. Files of the user who runs alba belong to root in the machine,
 * as in an image that docker builds: a root file system need not be made by root.
 */
#include "host/copy.h"
#include "host/say.h"
#include "host/text.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINKS = 40, BLOCK = 1 << 16 };

static struct pack_meta meta_of(const struct stat *status)
{
    uid_t own_uid = getuid();
    gid_t own_gid = getgid();
    bool user = own_uid != 0;
    return (struct pack_meta){.mode = status->st_mode,
                              .uid = user && status->st_uid == own_uid ? 0 : status->st_uid,
                              .gid = user && status->st_gid == own_gid ? 0 : status->st_gid,
                              .rdev = status->st_rdev,
                              .mtime = status->st_mtime};
}

static void copy_regular(struct pack *pack, const char *name, const char *from,
                         const struct pack_meta *meta)
{
    struct stat status;
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        fail(STATUS_ALBA, "cannot pack %s: %s", from, strerror(errno));
    }
    pack_file(pack, name, meta, fd, (uint64_t)status.st_size);
    close(fd);
}

/* One step of copy_path: packs what the path is. A symbolic link's target is returned, to free. */
static char *copy_step(struct pack *pack, const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        fail(STATUS_ALBA, "cannot pack %s: %s", path, strerror(errno));
    }
    struct pack_meta meta = meta_of(&status);
    bool packed = pack_mode(pack, path) != 0;
    if (pack_is_settled(pack) && (meta.mode & (S_ISUID | S_ISGID)) == 0) {
        meta.uid = meta.gid = 0; /* whoever packs it: for root, too, other users' are not others' */
    }
    if (S_ISLNK(status.st_mode)) {
        char target[4096];
        ssize_t size = readlink(path, target, sizeof(target) - 1);
        if (size < 0) {
            fail(STATUS_ALBA, "cannot pack %s: %s", path, strerror(errno));
        }
        target[size] = '\0';
        if (!packed) {
            pack_bytes(pack, path, &meta, target, (size_t)size);
        }
        return text_copy(target);
    }
    if (!packed && S_ISREG(status.st_mode)) {
        copy_regular(pack, path, path, &meta);
    } else if (!packed) {
        pack_node(pack, path, &meta);
    }
    return NULL;
}

void copy_path(struct pack *pack, const char *path)
{
    char *done = text_copy("");
    char *rest = text_copy(path);
    int links = 0;
    while (rest[strspn(rest, "/")] != '\0') {
        char *start = rest + strspn(rest, "/");
        size_t length = strcspn(start, "/");
        char *after = text_copy(start + length);
        char *next = NULL, *target = NULL;
        if (length == 1 && start[0] == '.') {
            next = text_copy(done);
        } else if (length == 2 && strncmp(start, "..", 2) == 0) {
            char *slash = strrchr(done, '/');
            next = text_format("%.*s", slash == NULL ? 0 : (int)(slash - done), done);
        } else {
            next = text_format("%s/%.*s", done, (int)length, start);
            target = copy_step(pack, next);
        }
        if (target != NULL) {
            if (++links > MAX_LINKS) {
                fail(STATUS_ALBA, "cannot pack %s: %s", path, strerror(ELOOP));
            }
            free(next);
            next = text_copy(target[0] == '/' ? "" : done);
            char *longer = text_format("%s/%s", target, after);
            free(after);
            after = longer;
        }
        free(done);
        free(rest);
        free(target);
        done = next;
        rest = after;
    }
    free(done);
    free(rest);
}

/* "./a//b/" is "/a/b"; a name with ".." is refused. The root itself is "". */
static char *clean_name(const char *name, const char *archive)
{
    char *clean = text_resize(NULL, strlen(name) + 2), *to = clean;
    while (name[strspn(name, "/")] != '\0') {
        name += strspn(name, "/");
        size_t length = strcspn(name, "/");
        if (length == 2 && strncmp(name, "..", 2) == 0) {
            fail(STATUS_ALBA, "%s: holds a name with '..', which is not safe to unpack", archive);
        }
        if (length != 1 || name[0] != '.') {
            *to++ = '/';
            memcpy(to, name, length);
            to += length;
        }
        name += length;
    }
    *to = '\0';
    return clean;
}

/* Where in the pack a path leads to; see copy_tree. */
static char *place_of(const struct pack *pack, const char *path, bool directory)
{
    char *name = pack_resolve(pack, path, false);
    if (name != NULL && directory && S_ISLNK(pack_mode(pack, name))) {
        char *target = pack_resolve(pack, name, true);
        bool good = target != NULL && S_ISDIR(pack_mode(pack, target));
        free(good ? name : target);
        name = good ? target : name;
    }
    if (name == NULL) {
        fail(STATUS_ALBA, "cannot pack %s: %s", path, strerror(ELOOP));
    }
    return name;
}

static void copy_blocks(struct pack *pack, struct archive *archive, const char *from)
{
    const void *bytes;
    size_t size;
    la_int64_t offset;
    int result;
    while ((result = archive_read_data_block(archive, &bytes, &size, &offset)) == ARCHIVE_OK) {
        pack_data(pack, bytes, size, (uint64_t)offset);
    }
    if (result != ARCHIVE_EOF) {
        fail(STATUS_ALBA, "%s: %s", from, archive_error_string(archive));
    }
}

/* One entry, to `name`; targets of hard links get the same prefix. */
static void copy_entry(struct pack *pack, struct archive *archive, struct archive_entry *entry,
                       const char *name, const char *from)
{
    struct pack_meta meta = meta_of(archive_entry_stat(entry));
    const char *hard_link = archive_entry_hardlink(entry);
    if (hard_link != NULL) {
        char *clean = clean_name(hard_link, from);
        char *target = place_of(pack, clean, false);
        if (!pack_link(pack, name, target)) {
            fail(STATUS_ALBA, "%s: %s is a link to %s, which is not there", from, name, target);
        }
        free(target);
        free(clean);
    } else if (S_ISLNK(meta.mode)) {
        const char *target = archive_entry_symlink(entry);
        target = target == NULL ? "" : target;
        pack_bytes(pack, name, &meta, target, strlen(target));
    } else if (S_ISREG(meta.mode)) {
        int64_t size = archive_entry_size(entry);
        pack_begin(pack, name, &meta, size < 0 ? 0 : (uint64_t)size);
        copy_blocks(pack, archive, from);
        pack_end(pack);
    } else {
        pack_node(pack, name, &meta);
    }
}

void copy_archive(struct pack *pack, const char *file)
{
    if (access(file, R_OK) != 0) {
        fail(STATUS_ALBA, "%s: %s", file, strerror(errno));
    }
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    int result;
    archive_read_support_filter_all(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_format_cpio(archive);
    result = archive_read_open_filename(archive, file, BLOCK);
    size_t count = 0;
    while (result == ARCHIVE_OK) {
        result = archive_read_next_header(archive, &entry);
        if (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
            count++;
            const char *pathname = archive_entry_pathname(entry);
            char *clean = clean_name(pathname == NULL ? "" : pathname, file);
            char *name = place_of(pack, clean, S_ISDIR(archive_entry_mode(entry)));
            if (name[0] != '\0') {
                copy_entry(pack, archive, entry, name, file);
            }
            free(name);
            free(clean);
            result = ARCHIVE_OK;
        }
    }
    if (result != ARCHIVE_EOF) {
        fail(STATUS_ALBA, "%s: %s%s", file,
             count == 0 ? "neither a directory nor a tar archive: " : "",
             archive_error_string(archive));
    }
    archive_read_free(archive);
}

/* A file of a tree; links among its own files are kept. */
static void copy_tree_entry(struct pack *pack, const FTSENT *from, const char *name,
                            struct archive_entry_linkresolver *links)
{
    struct archive_entry *entry = archive_entry_new(), *spare = NULL;
    struct pack_meta meta = meta_of(from->fts_statp);
    archive_entry_copy_pathname(entry, name);
    archive_entry_copy_stat(entry, from->fts_statp);
    archive_entry_linkify(links, &entry, &spare);
    const char *original = archive_entry_hardlink(entry);
    if (S_ISREG(meta.mode)) {
        if (original == NULL || !pack_link(pack, name, original)) {
            copy_regular(pack, name, from->fts_accpath, &meta);
        }
    } else if (S_ISLNK(meta.mode)) {
        char target[4096];
        ssize_t size = readlink(from->fts_accpath, target, sizeof(target));
        if (size < 0) {
            fail(STATUS_ALBA, "cannot pack %s: %s", from->fts_path, strerror(errno));
        }
        pack_bytes(pack, name, &meta, target, (size_t)size);
    } else if (name[0] != '\0') {
        pack_node(pack, name, &meta);
    }
    archive_entry_free(entry);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* In the order of the names, so that the same tree makes the same archive. */
void copy_tree(struct pack *pack, const char *from, const char *to)
{
    char *roots[] = {text_copy(from), NULL};
    struct archive_entry_linkresolver *links = archive_entry_linkresolver_new();
    size_t prefix = strlen(from);
    archive_entry_linkresolver_set_strategy(links, ARCHIVE_FORMAT_TAR);
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    FTSENT *entry;
    while (walk != NULL && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_DP) {
            continue; /* the second visit of a directory, after what is in it */
        }
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) {
            fail(STATUS_ALBA, "cannot pack %s: %s", entry->fts_path, strerror(entry->fts_errno));
        }
        const char *path = entry->fts_path;
        char *joined = text_format("%s/%s", to, strlen(path) > prefix ? path + prefix : "");
        char *name = place_of(pack, joined, S_ISDIR(entry->fts_statp->st_mode));
        copy_tree_entry(pack, entry, name, links);
        free(joined);
        free(name);
    }
    if (walk == NULL || errno != 0) {
        fail(STATUS_ALBA, "cannot pack %s: %s", from, strerror(errno));
    }
    fts_close(walk);
    archive_entry_linkresolver_free(links);
    free(roots[0]);
}
