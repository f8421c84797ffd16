/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The closure of a program. Libraries are collected breadth first, as the dynamic linkers do, since
 * a library is searched with the paths of whatever needed it first. A script brings its interpreter
 * (and what `env` would find), a program with PT_INTERP its dynamic linker.
 */
#include "host/deps.h"
#include "host/ldso.h"
#include "host/say.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SCRIPTS = 5, MAX_OBJECTS = 4096, SCRIPT_LINE = 256 };

struct objects {
    struct object *at[MAX_OBJECTS];
    size_t count;
};

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* Absolute, without "." and "..": the directory is resolved, the last name kept as it is. */
static char *make_absolute(const char *path)
{
    char *copy = text_copy(path), *other = text_copy(path);
    char *directory = realpath(dirname(copy), NULL);
    char *absolute = NULL;
    if (directory != NULL) {
        absolute = text_format("%s/%s", strcmp(directory, "/") == 0 ? "" : directory,
                               basename(other));
    }
    free(copy);
    free(other);
    free(directory);
    return absolute;
}

static char *search_path(const char *program)
{
    const char *path = getenv("PATH");
    path = path == NULL ? "/usr/local/bin:/usr/bin:/bin" : path;
    while (true) {
        size_t length = strcspn(path, ":");
        char *file = text_format("%.*s/%s", length == 0 ? 1 : (int)length, length == 0 ? "." : path,
                                 program);
        if (is_program(file)) {
            char *absolute = make_absolute(file);
            free(file);
            return absolute;
        }
        free(file);
        if (path[length] == '\0') {
            return NULL;
        }
        path += length + 1;
    }
}

char *deps_locate(const char *program)
{
    struct stat status;
    if (strchr(program, '/') == NULL) {
        char *found = program[0] == '\0' ? NULL : search_path(program);
        if (found == NULL) {
            fail(STATUS_NOT_FOUND,
                 "%s: not found in PATH; install it, or give the path of its file", program);
        }
        return found;
    }
    if (stat(program, &status) != 0) {
        fail(errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, "%s: %s",
             program, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        fail(STATUS_CANNOT_RUN, "%s: not a file that can be run", program);
    }
    if (access(program, X_OK) != 0) {
        fail(STATUS_CANNOT_RUN, "%s: not executable; chmod +x makes it so", program);
    }
    return make_absolute(program);
}

static void add_file(struct deps *deps, const char *path)
{
    if (!strings_have(&deps->files, path)) {
        strings_add(&deps->files, path);
        say_detail("packs %s", path);
    }
}

/* Whether a needed name is there already: asked for before, or the name a library has. */
static bool have_library(const struct objects *objects, const struct deps *deps, const char *name)
{
    for (size_t i = 0; i < objects->count; i++) {
        const char *soname = objects->at[i]->elf.soname;
        if (soname != NULL && strcmp(soname, name) == 0) {
            return true;
        }
    }
    return strings_have(&deps->names, name);
}

/* musl's libc is its dynamic linker and stands for the libraries that other systems split off. */
static bool in_musl(const char *name)
{
    static const char *const parts[] = {"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."};
    for (size_t i = 0; strncmp(name, "lib", 3) == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strncmp(name + 3, parts[i], strlen(parts[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_library(struct deps *deps, struct objects *objects, const struct search *search,
                        const struct object *loader, const char *name)
{
    if ((search->musl && in_musl(name)) || have_library(objects, deps, name)) {
        return true;
    }
    struct elf elf;
    char *path = ldso_find(search, loader, name, &elf);
    if (path == NULL || objects->count == MAX_OBJECTS) {
        free(path);
        return false;
    }
    struct object *object = text_resize(NULL, sizeof(*object));
    *object = (struct object){path, elf, loader};
    objects->at[objects->count++] = object;
    strings_add(&deps->names, name);
    strings_add(&deps->paths, path);
    add_file(deps, path);
    return true;
}

static void add_libraries(struct deps *deps, const struct search *search, struct object *program)
{
    struct objects *objects = text_resize(NULL, sizeof(*objects));
    objects->count = 0;
    objects->at[objects->count++] = program;
    bool unwinds = false;
    for (size_t i = 0; i < objects->count; i++) {
        const struct object *object = objects->at[i];
        unwinds |= object->elf.unwinds;
        for (size_t n = 0; n < object->elf.needed.count; n++) {
            const char *name = object->elf.needed.at[n];
            if (!add_library(deps, objects, search, object, name)) {
                fail(STATUS_NOT_FOUND,
                     "%s needs %s, which is not on this machine; `apt-file search %s` may name "
                     "the package",
                     object->path, name, name);
            }
        }
    }
    if (unwinds && !search->musl) {
        add_library(deps, objects, search, program, "libgcc_s.so.1"); /* not fatal when missing */
    }
    for (size_t i = 1; i < objects->count; i++) {
        free((char *)(uintptr_t)objects->at[i]->path);
        elf_free(&objects->at[i]->elf);
        free(objects->at[i]);
    }
    free(objects);
}

static void add_elf(struct deps *deps, const char *path, const char *library_path, struct elf *elf)
{
    if (elf->interpreter == NULL) {
        return; /* static */
    }
    if (access(elf->interpreter, R_OK) != 0) {
        fail(STATUS_NOT_FOUND, "%s needs the dynamic linker %s, which is not on this machine", path,
             elf->interpreter);
    }
    add_file(deps, elf->interpreter);
    const char *name = strrchr(elf->interpreter, '/') + 1;
    struct search search = {strncmp(name, "ld-musl-", 8) == 0, library_path, elf->interpreter};
    deps->glibc |= !search.musl;
    if (search.musl && access("/etc/ld-musl-x86_64.path", R_OK) == 0) {
        add_file(deps, "/etc/ld-musl-x86_64.path");
    }
    struct object program = {path, *elf, NULL};
    /* The dynamic linker counts as loaded under its own name. */
    if (!search.musl && !strings_have(&deps->names, name)) {
        strings_add(&deps->names, name);
        strings_add(&deps->paths, elf->interpreter);
    }
    add_libraries(deps, &search, &program);
}

/* The words of a "#!" line (execve(2)): false when the file has none. */
static bool read_script(const char *path, char line[SCRIPT_LINE], char **interpreter, char **rest)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, line, SCRIPT_LINE - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (size < 2 || line[0] != '#' || line[1] != '!') {
        return false;
    }
    line[size] = '\0';
    line[strcspn(line, "\n")] = '\0';
    char *word = line + 2 + strspn(line + 2, " \t");
    size_t length = strcspn(word, " \t");
    *interpreter = word;
    *rest = word + length + strspn(word + length, " \t");
    word[length] = '\0';
    return word[0] != '\0';
}

/* The program that `env` would start: its first word that is neither option nor assignment. */
static char *find_env_program(char *words)
{
    for (char *word = strtok(words, " \t"); word != NULL; word = strtok(NULL, " \t")) {
        if (word[0] != '-' && strchr(word, '=') == NULL) {
            return strchr(word, '/') == NULL ? search_path(word) : text_copy(word);
        }
    }
    return NULL;
}

static void add_program(struct deps *deps, const char *path, const char *library_path, int depth)
{
    if (strings_have(&deps->files, path)) {
        return;
    }
    struct elf elf;
    char line[SCRIPT_LINE], *interpreter, *rest;
    add_file(deps, path);
    switch (elf_read(path, &elf)) {
    case ELF_OK:
        add_elf(deps, path, library_path, &elf);
        elf_free(&elf);
        return;
    case ELF_FOREIGN:
        fail(STATUS_CANNOT_RUN, "%s: not for x86-64 machines, which is what alba runs", path);
    case ELF_DAMAGED:
        fail(STATUS_CANNOT_RUN, "%s: damaged ELF file", path);
    case ELF_NONE:
        break;
    }
    if (access(path, R_OK) != 0) {
        fail(STATUS_CANNOT_RUN, "%s: cannot be read: %s", path, strerror(errno));
    }
    if (!read_script(path, line, &interpreter, &rest) || depth == MAX_SCRIPTS) {
        fail(STATUS_CANNOT_RUN, "%s: neither a program for Linux nor a script with #!", path);
    }
    if (access(interpreter, X_OK) != 0 || interpreter[0] != '/') {
        fail(STATUS_NOT_FOUND, "%s needs the interpreter %s, which is not on this machine", path,
             interpreter);
    }
    char *env_program = NULL;
    if (strcmp(strrchr(interpreter, '/'), "/env") == 0) {
        env_program = find_env_program(rest);
    }
    add_program(deps, interpreter, library_path, depth + 1);
    if (env_program != NULL) {
        add_program(deps, env_program, library_path, depth + 1);
        free(env_program);
    }
}

void deps_find(const char *program, const char *library_path, struct deps *deps)
{
    *deps = (struct deps){0};
    add_program(deps, program, library_path, 0);
}
