/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What the command line asks for, checked. The middle part is of one command only. */
#include "host/pack.h"
#include "host/text.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum disk_format { FORMAT_RAW, FORMAT_QCOW2, FORMAT_ISO, FORMAT_PARTS };

struct options {
    struct strings env;     /* NAME=VALUE, later ones win */
    struct strings volumes; /* HOST:GUEST[:ro] */
    const char *workdir;    /* in the guest; NULL: / */
    const char *root;       /* directory or archive; NULL: the program and its libraries */
    const char *entry;      /* NULL: the first of args */
    const char *kernel;     /* NULL: the one beside alba */
    const char *append;     /* for the kernel command line */
    const char *term;       /* name of the terminal; see options_term */
    const char *hostname;
    uid_t uid;
    gid_t gid;
    bool terminal, quiet;
    char **args; /* PROGRAM [ARGS...], ends in NULL */

    /* alba run */
    uint64_t memory; /* bytes; 0: by the size of what is packed */
    unsigned smp;
    const char *machine;
    const char *accel;        /* auto, kvm, tcg */
    const char *clock;        /* auto, time, instructions */
    struct strings timelines; /* files */
    unsigned gdb_port;        /* 0: none */
    bool dry_run;
    bool strace;

    /* alba image */
    const char *output; /* without the suffix of what FORMAT_PARTS writes */
    const char *title;  /* NULL: the program and its arguments */
    enum disk_format format;
    int menu_seconds;
    bool verify;             /* digests are written and checked */
    struct pack_times times; /* zero in alba run */
};

/* Of `alba run` and `alba image`: argv[0] is that word. They end alba on --help and on anything
 * wrong (status 125, as docker). */
void options_parse(struct options *options, int argc, char **argv);
void options_parse_image(struct options *options, int argc, char **argv);
/* "256M" and the like into bytes; false when it is no size. */
bool options_size(const char *text, uint64_t *bytes);
/* TERM as the program gets it when it has a terminal. */
const char *options_term(const struct options *options);
