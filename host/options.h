/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What the command line of `alba run` asks for, checked. */
#include "host/text.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct options {
    uint64_t memory; /* bytes; 0: by the size of what is packed */
    unsigned smp;
    struct strings env;     /* NAME=VALUE, later ones win */
    struct strings volumes; /* HOST:GUEST[:ro] */
    const char *workdir;    /* in the guest; NULL: / */
    const char *root;       /* directory or archive; NULL: the program and its libraries */
    const char *entry;      /* NULL: the first of args */
    const char *kernel;     /* NULL: the one beside alba */
    const char *append;     /* for the kernel command line */
    const char *machine;
    const char *accel;    /* auto, kvm, tcg */
    const char *timeline; /* file */
    const char *hostname;
    uid_t uid;
    gid_t gid;
    unsigned gdb_port; /* 0: none */
    bool dry_run, terminal, quiet;
    char **args; /* PROGRAM [ARGS...], ends in NULL */
};

/* argv[0] is "run". Ends alba on --help and on anything wrong (status 125, as docker). */
void options_parse(struct options *options, int argc, char **argv);
/* "256M" and the like into bytes; false when it is no size. */
bool options_size(const char *text, uint64_t *bytes);
