/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Without --root the machine holds the program at its own path, what it needs, and the few files
 * that C libraries ask for. Volumes come last, so that they win over what the root has.
 */
#include "host/image.h"
#include "host/copy.h"
#include "host/ldcache.h"
#include "host/say.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* user/run, from host/embed.S. */
extern const char embedded_init[], embedded_init_end[];

static const struct pack_meta plain_file = {.mode = S_IFREG | 0644};

static void add_text(struct pack *pack, const char *name, const char *text)
{
    char *place = pack_resolve(pack, name, true);
    if (place != NULL && pack_mode(pack, place) == 0) {
        pack_bytes(pack, place, &plain_file, text, strlen(text));
    }
    free(place);
}

static void add_directory(struct pack *pack, const char *name, mode_t mode)
{
    struct pack_meta meta = {.mode = S_IFDIR | mode};
    char *place = pack_resolve(pack, name, true);
    if (place != NULL) {
        pack_node(pack, place, &meta);
    }
    free(place);
}

static void add_own_files(struct pack *pack, const char *spec, size_t spec_size)
{
    static const struct pack_meta program = {.mode = S_IFREG | 0755};
    static const struct pack_meta secret = {.mode = S_IFREG | 0400};
    static const struct pack_meta directory = {.mode = S_IFDIR | 0755};
    pack_node(pack, "/.alba", &directory);
    pack_bytes(pack, "/.alba/init", &program, embedded_init,
               (size_t)(embedded_init_end - embedded_init));
    pack_bytes(pack, "/.alba/spec", &secret, spec, spec_size);
}

/* Programs that draw on the terminal look their terminal up; its description is a small file. */
static void add_terminfo(struct pack *pack, const struct deps *deps, const char *term)
{
    static const char *const places[] = {"/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"};
    bool asked = false;
    for (size_t i = 0; i < deps->names.count; i++) {
        asked |= strstr(deps->names.at[i], "libtinfo") == deps->names.at[i] ||
                 strstr(deps->names.at[i], "libncurses") == deps->names.at[i];
    }
    for (size_t i = 0; asked && term[0] != '\0' && i < 3; i++) {
        char *file = text_format("%s/%c/%s", places[i], term[0], term);
        if (strchr(term, '/') == NULL && access(file, R_OK) == 0) {
            copy_path(pack, file);
        }
        free(file);
    }
}

/* Programs and scripts name files by the short names, too: /bin/sh where /bin is a link to usr/bin.
 */
static void add_short_names(struct pack *pack)
{
    static const char *const names[] = {"/bin", "/sbin", "/lib", "/lib64"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char target[256];
        ssize_t size = readlink(names[i], target, sizeof(target) - 1);
        target[size < 0 ? 0 : size] = '\0';
        char *place = text_format("/%s", target + (target[0] == '/'));
        if (size > 0 && pack_mode(pack, names[i]) == 0 && S_ISDIR(pack_mode(pack, place))) {
            copy_path(pack, names[i]);
        }
        free(place);
    }
}

static void add_program(struct pack *pack, const struct options *options, const struct deps *deps)
{
    for (size_t i = 0; i < deps->files.count; i++) {
        copy_path(pack, deps->files.at[i]);
    }
    add_short_names(pack);
    char *user = options->uid == 0
                     ? text_copy("")
                     : text_format("user:x:%u:%u::/:/bin/sh\n", options->uid, options->gid);
    char *passwd = text_format("root:x:0:0:root:/root:/bin/sh\n%s", user);
    char *hosts = text_format("127.0.0.1 localhost %s\n::1 localhost\n", options->hostname);
    add_text(pack, "/etc/passwd", passwd);
    add_text(pack, "/etc/group", "root:x:0:\n");
    add_text(pack, "/etc/hosts", hosts);
    free(user);
    free(passwd);
    free(hosts);
    add_directory(pack, "/root", 0700);
    add_directory(pack, "/tmp", 01777);
    if (deps->glibc) {
        size_t size;
        void *cache = ldcache_make(&deps->names, &deps->paths, &size);
        add_text(pack, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
        pack_bytes(pack, "/etc/ld.so.cache", &plain_file, cache, size);
        free(cache);
    }
    add_terminfo(pack, deps, options_term(options));
}

static void add_root(struct pack *pack, const char *root)
{
    struct stat status;
    if (stat(root, &status) != 0) {
        fail(STATUS_ALBA, "--root %s: %s", root, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        copy_tree(pack, root, "");
    } else {
        copy_archive(pack, root);
    }
}

/* The place of a volume in the machine, where it can be and will be seen. */
static char *volume_place(const struct pack *pack, const char *from, const char *to)
{
    static const char *const mounts[] = {"/dev", "/proc", "/sys", "/.alba"};
    struct stat status;
    if (stat(from, &status) != 0) {
        fail(STATUS_ALBA, "--volume %s: %s", from, strerror(errno));
    }
    char *place = pack_resolve(pack, to, true);
    if (place == NULL) {
        fail(STATUS_ALBA, "--volume %s: %s in the machine: %s", from, to, strerror(ELOOP));
    }
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        size_t length = strlen(mounts[i]);
        if (strncmp(place, mounts[i], length) == 0 &&
            (place[length] == '\0' || place[length] == '/')) {
            fail(STATUS_ALBA, "--volume %s: %s belongs to the machine itself", from, mounts[i]);
        }
    }
    mode_t there = pack_mode(pack, place);
    if (there != 0 && S_ISDIR(there) != S_ISDIR(status.st_mode)) {
        fail(STATUS_ALBA, "--volume %s: %s is %s in the machine", from, to,
             S_ISDIR(there) ? "a directory" : "not a directory");
    }
    return place;
}

static void add_volume(struct pack *pack, const char *volume)
{
    char *from = text_copy(volume);
    char *to = strchr(from, ':');
    *to++ = '\0';
    to[strcspn(to, ":")] = '\0'; /* the mode: it is a copy in any case */
    char *place = volume_place(pack, from, to);
    say_detail("packs %s as %s", from, place);
    copy_tree(pack, from, place);
    free(place);
    free(from);
}

struct image image_build(int fd, const struct options *options, const struct deps *deps,
                         const char *spec, size_t spec_size)
{
    struct pack *pack = pack_create(fd, &options->times);
    if (deps == NULL) {
        add_root(pack, options->root);
    } else {
        add_program(pack, options, deps);
    }
    for (size_t i = 0; i < options->volumes.count; i++) {
        add_volume(pack, options->volumes.at[i]);
    }
    add_own_files(pack, spec, spec_size); /* last: nothing may stand in their place */
    if (options->output != NULL && pack_mode(pack, "/init") == 0) {
        static const struct pack_meta link = {.mode = S_IFLNK | 0777};
        pack_bytes(pack, "/init", &link, "/.alba/init", 11); /* for who boots it without rdinit= */
    }
    return (struct image){fd, pack_finish(pack)};
}
