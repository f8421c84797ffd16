/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc: DT_RPATH of the object and of those that loaded it (unless it has DT_RUNPATH),
 * LD_LIBRARY_PATH, DT_RUNPATH, the cache, the default directories; a file for another machine is
 * passed over. musl: LD_LIBRARY_PATH, the paths of the object and of those that loaded it, the
 * system path. Directories for newer processors (glibc-hwcaps) only hold faster copies: the plain
 * ones are taken.
 */
#include "host/ldso.h"
#include "host/ldcache.h"
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* $ORIGIN is the directory of the file that is really there, $LIB and $PLATFORM as Debian's. */
static char *expand_variable(const char **text, const struct object *object)
{
    static const struct {
        const char *name;
        const char *value; /* NULL: the origin */
    } variables[] = {{"ORIGIN", NULL}, {"LIB", "lib/x86_64-linux-gnu"}, {"PLATFORM", "x86_64"}};
    const char *name = *text + 1;
    bool braces = *name == '{';
    name += braces;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        size_t length = strlen(variables[i].name);
        if (strncmp(name, variables[i].name, length) != 0 || (braces && name[length] != '}')) {
            continue;
        }
        *text = name + length + braces;
        if (variables[i].value != NULL) {
            return text_copy(variables[i].value);
        }
        char *real = object->loader == NULL ? realpath(object->path, NULL) : NULL;
        real = real == NULL ? text_copy(object->path) : real;
        char *origin = text_copy(dirname(real));
        free(real);
        return origin;
    }
    (*text)++;
    return text_copy("$");
}

static char *expand(const char *text, const struct object *object)
{
    char *expanded = text_copy("");
    while (*text != '\0') {
        size_t plain = strcspn(text, "$");
        char *longer = text_format("%s%.*s", expanded, (int)plain, text);
        free(expanded);
        expanded = longer;
        text += plain;
        if (*text == '$') {
            char *value = expand_variable(&text, object);
            longer = text_format("%s%s", expanded, value);
            free(expanded);
            free(value);
            expanded = longer;
        }
    }
    return expanded;
}

/* A candidate: taken when it is a library for this machine. */
static char *try_file(char *path, struct elf *elf)
{
    if (access(path, R_OK) == 0 && elf_read(path, elf) == ELF_OK) {
        return path;
    }
    free(path);
    return NULL;
}

/* The directories of a list, separated by any of the separators; an empty one is "/", the directory
 * in which the program starts. */
static char *try_list(const char *list, const char *separators, const struct object *object,
                      const char *name, struct elf *elf)
{
    char *found = NULL;
    while (list != NULL && *list != '\0' && found == NULL) {
        size_t length = strcspn(list, separators);
        char *plain = text_format("%.*s", (int)length, list);
        char *directory = object == NULL ? text_copy(plain) : expand(plain, object);
        if (directory[0] == '/') {
            found = try_file(text_format("%s/%s", directory, name), elf);
        }
        free(plain);
        free(directory);
        list += length;
        list += *list != '\0';
    }
    return found;
}

static char *find_glibc(const struct search *search, const struct object *object, const char *name,
                        struct elf *elf)
{
    char *found = NULL;
    if (object->elf.runpath == NULL) {
        for (const struct object *o = object; o != NULL && found == NULL; o = o->loader) {
            if (o->elf.runpath == NULL) {
                found = try_list(o->elf.rpath, ":", o, name, elf);
            }
        }
    }
    if (found == NULL) {
        found = try_list(search->library_path, ":;", NULL, name, elf);
    }
    if (found == NULL) {
        found = try_list(object->elf.runpath, ":", object, name, elf);
    }
    if (found == NULL && !object->elf.no_default_dirs) {
        const char *cached = ldcache_find(name);
        found = cached == NULL ? NULL : try_file(text_copy(cached), elf);
    }
    if (found == NULL && !object->elf.no_default_dirs) {
        /* Debian's order, other distributions' directories, and where another glibc has its own. */
        static const char directories[] = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:"
                                          "/lib64:/usr/lib64:/lib:/usr/lib";
        found = try_list(directories, ":", NULL, name, elf);
    }
    if (found == NULL) {
        char *interpreter = text_copy(search->interpreter);
        found = try_list(dirname(interpreter), ":", NULL, name, elf);
        free(interpreter);
    }
    return found;
}

/* The system path of musl: a file, else three directories. */
static const char *musl_path(void)
{
    static char path[4096];
    if (path[0] == '\0') {
        FILE *file = fopen("/etc/ld-musl-x86_64.path", "r");
        size_t size = file == NULL ? 0 : fread(path, 1, sizeof(path) - 1, file);
        path[size] = '\0';
        if (file == NULL) {
            strcpy(path, "/lib:/usr/local/lib:/usr/lib");
        } else {
            fclose(file);
        }
    }
    return path;
}

static char *find_musl(const struct search *search, const struct object *object, const char *name,
                       struct elf *elf)
{
    char *found = try_list(search->library_path, ":\n", NULL, name, elf);
    for (const struct object *o = object; o != NULL && found == NULL; o = o->loader) {
        const char *path = o->elf.runpath != NULL ? o->elf.runpath : o->elf.rpath;
        found = try_list(path, ":\n", o, name, elf);
    }
    return found == NULL ? try_list(musl_path(), ":\n", NULL, name, elf) : found;
}

char *ldso_find(const struct search *search, const struct object *object, const char *name,
                struct elf *elf)
{
    if (strchr(name, '/') != NULL) {
        char *path = expand(name, object);
        if (path[0] != '/') {
            char *absolute = text_format("/%s", path); /* from the directory it starts in */
            free(path);
            path = absolute;
        }
        return try_file(path, elf);
    }
    return (search->musl ? find_musl : find_glibc)(search, object, name, elf);
}
