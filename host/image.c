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
    if (pack_mode(pack, name) == 0) {
        pack_bytes(pack, name, &plain_file, text, strlen(text));
    }
}

static void add_directory(struct pack *pack, const char *name, mode_t mode)
{
    struct pack_meta meta = {.mode = S_IFDIR | mode};
    pack_node(pack, name, &meta);
}

static void add_own_files(struct pack *pack, const char *spec, size_t spec_size)
{
    static const struct pack_meta program = {.mode = S_IFREG | 0755};
    static const struct pack_meta secret = {.mode = S_IFREG | 0400};
    add_directory(pack, "/.alba", 0755);
    pack_bytes(pack, "/.alba/init", &program, embedded_init,
               (size_t)(embedded_init_end - embedded_init));
    pack_bytes(pack, "/.alba/spec", &secret, spec, spec_size);
}

/* Programs that draw on the terminal look their terminal up; its description is a small file. */
static void add_terminfo(struct pack *pack, const struct deps *deps)
{
    static const char *const places[] = {"/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"};
    const char *term = getenv("TERM");
    bool asked = false;
    for (size_t i = 0; i < deps->names.count; i++) {
        asked |= strstr(deps->names.at[i], "libtinfo") == deps->names.at[i] ||
                 strstr(deps->names.at[i], "libncurses") == deps->names.at[i];
    }
    for (size_t i = 0; asked && term != NULL && term[0] != '\0' && i < 3; i++) {
        char *file = text_format("%s/%c/%s", places[i], term[0], term);
        if (strchr(term, '/') == NULL && access(file, R_OK) == 0) {
            copy_path(pack, file);
        }
        free(file);
    }
}

static void add_program(struct pack *pack, const struct options *options, const struct deps *deps)
{
    for (size_t i = 0; i < deps->files.count; i++) {
        copy_path(pack, deps->files.at[i]);
    }
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
    add_terminfo(pack, deps);
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

static void add_volume(struct pack *pack, const char *volume)
{
    char *from = text_copy(volume);
    char *to = strchr(from, ':');
    *to++ = '\0';
    size_t length = strlen(to);
    char *option = strrchr(to, ':');
    if (option != NULL && (strcmp(option, ":ro") == 0 || strcmp(option, ":rw") == 0)) {
        length = (size_t)(option - to);
    }
    to[length] = '\0';
    if (access(from, F_OK) != 0) {
        fail(STATUS_ALBA, "--volume %s: %s", from, strerror(errno));
    }
    say_detail("packs %s as %s", from, to);
    copy_tree(pack, from, to);
    free(from);
}

struct image image_build(int fd, const struct options *options, const struct deps *deps,
                         const char *spec, size_t spec_size)
{
    struct pack *pack = pack_create(fd);
    if (deps == NULL) {
        add_root(pack, options->root);
    } else {
        add_program(pack, options, deps);
    }
    for (size_t i = 0; i < options->volumes.count; i++) {
        add_volume(pack, options->volumes.at[i]);
    }
    add_own_files(pack, spec, spec_size); /* last: nothing may stand in their place */
    return (struct image){fd, pack_finish(pack)};
}
