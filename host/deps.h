/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Which files a program of this machine needs: the interpreters of scripts, the ELF interpreter and
 * the shared libraries, found as ld.so (glibc and musl) finds them. Nothing is executed.
 */
#include "host/text.h"

struct deps {
    struct strings files;        /* absolute paths on the host, the program first */
    struct strings names, paths; /* libraries for glibc's cache: the name asked for, its file */
    bool glibc;                  /* some program uses glibc's ld.so */
};

/* library_path: LD_LIBRARY_PATH as the program will see it, or NULL. Ends alba when something is
 * missing (127) or cannot be run (126). */
void deps_find(const char *program, const char *library_path, struct deps *deps);

/* The absolute path of a program: in PATH, or from here when it has a slash. Ends alba when there
 * is none. */
char *deps_locate(const char *program);
