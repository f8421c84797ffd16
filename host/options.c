/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of `alba run`, named as docker's: those about the machine. options_common.c has those
 * about what runs.
 */
#include "host/options.h"
#include "host/options_common.h"
#include <stdlib.h>
#include <string.h>

#define SMP_MAX 255 /* as many as APIC ids of one byte tell apart, and as QEMU emulates */

static const char help[] =
    "Usage: alba run [OPTIONS] PROGRAM [ARGS...]\n"
    "\n"
    "Runs a program of this machine, unmodified, in a virtual machine of its own. The program's\n"
    "exit status is alba's (128+N when signal N ended it).\n"
    "\n"
    "What runs:\n"
    "      --root DIR|TAR         a whole root file system: directory, or archive (tar, .gz, .xz, "
    ".zst)\n"
    "      --entry PROGRAM        run PROGRAM; all words are its arguments\n"
    "  -v, --volume HOST:GUEST    copy a file or directory into the machine (may be repeated)\n"
    "  -e, --env NAME[=VALUE]     set an environment variable, or take it over from here\n"
    "      --env-file FILE        the same, one a line; # starts a comment\n"
    "  -w, --workdir DIR          directory to start in (/; made when missing)\n"
    "  -u, --user UID[:GID]       user and group (0:0)\n"
    "      --hostname NAME        name of the machine (alba)\n"
    "  -t, --tty                  give the program a terminal even when there is none here\n"
    "  -i, --interactive, --rm    accepted; standard input is always connected, nothing is kept\n"
    "\n"
    "The machine:\n"
    "  -m, --memory SIZE          memory, with K, M or G (256M, and more for large roots)\n"
    "      --smp N                processors, up to 255 (1)\n"
    "      --machine TYPE         microvm, q35 or pc, with QEMU's own settings (microvm)\n"
    "      --accel auto|kvm|tcg   KVM where it works, else emulation (auto)\n"
    "      --kernel FILE          kernel image\n"
    "      --append TEXT          more words for the kernel command line\n"
    "\n"
    "Looking inside:\n"
    "      --timeline FILE        write the timeline of the boot: a picture when FILE ends in "
    ".svg,\n"
    "                             JSON when it ends in .json, else a table (may be repeated)\n"
    "      --clock auto|time|instructions\n"
    "                             what the machine's clock counts (instructions when a timeline "
    "is\n"
    "                             written of at most 64 emulated processors, else time)\n"
    "      --strace               show the program's system calls, and at the end those that were\n"
    "                             refused because Alba lacks them or a part of them\n"
    "      --gdb[=PORT]           wait for gdb on a TCP port of this machine (1234)\n"
    "      --dry-run              print the QEMU command and keep its files, start nothing\n"
    "  -q, --quiet                do not show the kernel's messages\n"
    "      --verbose              say what is packed and started\n"
    "  -h, --help                 this text; `man alba` says more\n";

enum {
    OPTION_SMP = OPTION_OWN,
    OPTION_MACHINE,
    OPTION_ACCEL,
    OPTION_TIMELINE,
    OPTION_CLOCK,
    OPTION_STRACE,
    OPTION_GDB,
    OPTION_DRY_RUN,
};

static const struct option table[] = {
    OPTIONS_COMMON,
    {"memory", required_argument, NULL, 'm'},
    {"smp", required_argument, NULL, OPTION_SMP},
    {"machine", required_argument, NULL, OPTION_MACHINE},
    {"accel", required_argument, NULL, OPTION_ACCEL},
    {"timeline", required_argument, NULL, OPTION_TIMELINE},
    {"clock", required_argument, NULL, OPTION_CLOCK},
    {"strace", no_argument, NULL, OPTION_STRACE},
    {"gdb", optional_argument, NULL, OPTION_GDB},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {NULL, 0, NULL, 0},
};

static void set_machine(struct options *options, const char *text)
{
    static const char *const known[] = {"microvm", "q35", "pc"};
    size_t length = strcspn(text, ",");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i]) == length && strncmp(text, known[i], length) == 0) {
            options->machine = text;
            return;
        }
    }
    options_wrong("--machine", text, "microvm, q35 or pc");
}

static void set_accel(struct options *options, const char *text)
{
    if (strcmp(text, "auto") != 0 && strcmp(text, "kvm") != 0 && strcmp(text, "tcg") != 0) {
        options_wrong("--accel", text, "auto, kvm or tcg");
    }
    options->accel = text;
}

static void set_clock(struct options *options, const char *text)
{
    if (strcmp(text, "auto") != 0 && strcmp(text, "time") != 0 &&
        strcmp(text, "instructions") != 0) {
        options_wrong("--clock", text, "auto, time or instructions");
    }
    options->clock = text;
}

/* Options about the machine and how it is looked at. */
static void take_machine_option(struct options *options, int option, char *value)
{
    switch (option) {
    case 'm':
        if (!options_size(value, &options->memory) || options->memory < 1 << 20) {
            options_wrong("--memory", value, "a size of at least 1M, such as 256M or 2G");
        }
        break;
    case OPTION_SMP:
        options->smp = options_number("--smp", value, SMP_MAX);
        break;
    case OPTION_MACHINE:
        set_machine(options, value);
        break;
    case OPTION_ACCEL:
        set_accel(options, value);
        break;
    case OPTION_TIMELINE:
        strings_add(&options->timelines, value);
        break;
    case OPTION_CLOCK:
        set_clock(options, value);
        break;
    case OPTION_STRACE:
        options->strace = true;
        break;
    case OPTION_GDB:
        options->gdb_port = value == NULL ? 1234 : options_number("--gdb", value, 65535);
        break;
    case OPTION_DRY_RUN:
        options->dry_run = true;
        break;
    default:
        break;
    }
}

void options_parse(struct options *options, int argc, char **argv)
{
    static const struct option_set set = {"run", help,  "alba run [OPTIONS] PROGRAM [ARGS...]",
                                          "m:",  table, take_machine_option};
    *options = (struct options){.smp = 1,
                                .append = "",
                                .machine = "microvm",
                                .accel = "auto",
                                .clock = "auto",
                                .hostname = "alba"};
    const char *term = getenv("TERM");
    options->term = term == NULL || term[0] == '\0' ? "xterm" : term;
    options_read(options, &set, argc, argv);
}
