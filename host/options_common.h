/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Between the files that read the options of a command. */
#include "host/options.h"
#include <getopt.h>

enum {
    OPTION_ENV_FILE = 256,
    OPTION_ROOT,
    OPTION_ENTRY,
    OPTION_HOSTNAME,
    OPTION_KERNEL,
    OPTION_APPEND,
    OPTION_RM,
    OPTION_VERBOSE,
    OPTION_OWN /* the first of a command's own */
};

/* Rows for the table of a command. */
#define OPTIONS_COMMON                                                                             \
    {"env", required_argument, NULL, 'e'}, {"env-file", required_argument, NULL, OPTION_ENV_FILE}, \
        {"volume", required_argument, NULL, 'v'}, {"workdir", required_argument, NULL, 'w'},       \
        {"root", required_argument, NULL, OPTION_ROOT},                                            \
        {"entry", required_argument, NULL, OPTION_ENTRY},                                          \
        {"entrypoint", required_argument, NULL, OPTION_ENTRY},                                     \
        {"user", required_argument, NULL, 'u'},                                                    \
        {"hostname", required_argument, NULL, OPTION_HOSTNAME},                                    \
        {"kernel", required_argument, NULL, OPTION_KERNEL},                                        \
        {"append", required_argument, NULL, OPTION_APPEND}, {"tty", no_argument, NULL, 't'},       \
        {"interactive", no_argument, NULL, 'i'}, {"rm", no_argument, NULL, OPTION_RM},             \
        {"quiet", no_argument, NULL, 'q'}, {"verbose", no_argument, NULL, OPTION_VERBOSE},         \
    {                                                                                              \
        "help", no_argument, NULL, 'h'                                                             \
    }

struct option_set {
    const char *command, *help;
    const char *usage;   /* in one line */
    const char *letters; /* of the command's own options, for getopt */
    const struct option *table;
    void (*take)(struct options *options, int option, char *value); /* one of its own */
};

/* argv[0] is the command. Ends alba on --help and on anything wrong. */
void options_read(struct options *options, const struct option_set *set, int argc, char **argv);

_Noreturn void options_wrong(const char *option, const char *value, const char *should);
/* From 1 to max, or the end of alba. */
unsigned options_number(const char *option, const char *text, unsigned long max);
