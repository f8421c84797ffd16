/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of `alba run`, named as docker's. Parsing ends at the first word that is not an
 * option: all after it is the program's. Numbers and names are checked here, files where they are
 * used.
 */
#include "host/options.h"
#include "host/say.h"
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
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
    "      --timeline FILE        write the timeline of the boot (JSON when FILE ends in .json)\n"
    "      --gdb[=PORT]           wait for gdb on a TCP port of this machine (1234)\n"
    "      --dry-run              print the QEMU command and keep its files, start nothing\n"
    "  -q, --quiet                do not show the kernel's messages\n"
    "      --verbose              say what is packed and started\n"
    "  -h, --help                 this text; `man alba` says more\n";

enum {
    OPTION_SMP = 256,
    OPTION_ENV_FILE,
    OPTION_ROOT,
    OPTION_ENTRY,
    OPTION_KERNEL,
    OPTION_APPEND,
    OPTION_MACHINE,
    OPTION_ACCEL,
    OPTION_TIMELINE,
    OPTION_GDB,
    OPTION_DRY_RUN,
    OPTION_HOSTNAME,
    OPTION_RM,
    OPTION_VERBOSE
};

static const struct option table[] = {
    {"memory", required_argument, NULL, 'm'},
    {"smp", required_argument, NULL, OPTION_SMP},
    {"env", required_argument, NULL, 'e'},
    {"env-file", required_argument, NULL, OPTION_ENV_FILE},
    {"volume", required_argument, NULL, 'v'},
    {"workdir", required_argument, NULL, 'w'},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"entry", required_argument, NULL, OPTION_ENTRY},
    {"entrypoint", required_argument, NULL, OPTION_ENTRY},
    {"kernel", required_argument, NULL, OPTION_KERNEL},
    {"append", required_argument, NULL, OPTION_APPEND},
    {"machine", required_argument, NULL, OPTION_MACHINE},
    {"accel", required_argument, NULL, OPTION_ACCEL},
    {"timeline", required_argument, NULL, OPTION_TIMELINE},
    {"gdb", optional_argument, NULL, OPTION_GDB},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"user", required_argument, NULL, 'u'},
    {"hostname", required_argument, NULL, OPTION_HOSTNAME},
    {"tty", no_argument, NULL, 't'},
    {"interactive", no_argument, NULL, 'i'},
    {"rm", no_argument, NULL, OPTION_RM},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static _Noreturn void wrong(const char *option, const char *value, const char *should)
{
    fail(STATUS_ALBA, "%s: '%s' should be %s", option, value, should);
}

/* A whole number within limits. */
static bool parse_number(const char *text, unsigned long min, unsigned long max,
                         unsigned long *number)
{
    char *end;
    errno = 0;
    *number = strtoul(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && *number >= min &&
           *number <= max;
}

bool options_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "kmgt";
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || errno != 0) {
        return false;
    }
    unsigned shift = 0;
    const char *unit = *end == '\0' ? NULL : strchr(units, tolower((unsigned char)*end));
    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
    }
    if (tolower((unsigned char)*end) == 'b') {
        end++;
    }
    if (*end != '\0' || number > UINT64_MAX >> shift) {
        return false;
    }
    *bytes = number << shift;
    return true;
}

/* NAME=VALUE as it is; NAME alone is taken over from here when it is set, as docker does. */
static void add_env(struct options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == text || text[0] == '\0') {
        wrong("--env", text, "NAME or NAME=VALUE");
    }
    if (equals != NULL) {
        strings_add(&options->env, text);
    } else if (getenv(text) != NULL) {
        strings_format(&options->env, "%s=%s", text, getenv(text));
    }
}

static void add_env_file(struct options *options, const char *name)
{
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        fail(STATUS_ALBA, "--env-file: %s: %s", name, strerror(errno));
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, file)) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        const char *start = line + strspn(line, " \t");
        if (*start != '\0' && *start != '#') {
            add_env(options, start);
        }
    }
    free(line);
    fclose(file);
}

static void set_user(struct options *options, char *text)
{
    unsigned long uid, gid = 0;
    char *colon = strchr(text, ':');
    if (colon != NULL) {
        *colon = '\0';
    }
    if (!parse_number(text, 0, UINT_MAX - 1, &uid) ||
        (colon != NULL && !parse_number(colon + 1, 0, UINT_MAX - 1, &gid))) {
        wrong("--user", text, "numbers, UID or UID:GID");
    }
    options->uid = (uid_t)uid;
    options->gid = (gid_t)gid;
}

static void add_volume(struct options *options, const char *text)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text || colon[1] != '/') {
        wrong("--volume", text, "HOST:GUEST, and GUEST an absolute path");
    }
    const char *mode = strchr(colon + 1, ':');
    if (mode != NULL && strcmp(mode, ":ro") != 0 && strcmp(mode, ":rw") != 0) {
        wrong("--volume", text, "HOST:GUEST or HOST:GUEST:ro");
    }
    strings_add(&options->volumes, text);
}

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
    wrong("--machine", text, "microvm, q35 or pc");
}

static unsigned number_of(const char *option, const char *text, unsigned long max)
{
    unsigned long number;
    if (!parse_number(text, 1, max, &number)) {
        fail(STATUS_ALBA, "%s: '%s' should be a number from 1 to %lu", option, text, max);
    }
    return (unsigned)number;
}

static void set_accel(struct options *options, const char *text)
{
    if (strcmp(text, "auto") != 0 && strcmp(text, "kvm") != 0 && strcmp(text, "tcg") != 0) {
        wrong("--accel", text, "auto, kvm or tcg");
    }
    options->accel = text;
}

/* Options about what runs; false when it is none of them. */
static bool take_program_option(struct options *options, int option, char *value)
{
    switch (option) {
    case 'e':
        add_env(options, value);
        return true;
    case OPTION_ENV_FILE:
        add_env_file(options, value);
        return true;
    case 'v':
        add_volume(options, value);
        return true;
    case 'w':
        if (value[0] != '/') {
            wrong("--workdir", value, "an absolute path");
        }
        options->workdir = value;
        return true;
    case OPTION_ROOT:
        options->root = value;
        return true;
    case OPTION_ENTRY:
        options->entry = value;
        return true;
    case 'u':
        set_user(options, value);
        return true;
    case OPTION_HOSTNAME:
        if (value[0] == '\0' || strlen(value) > 64) {
            wrong("--hostname", value, "1 to 64 characters");
        }
        options->hostname = value;
        return true;
    default:
        return false;
    }
}

/* Options about the machine and how it is looked at. */
static void take_machine_option(struct options *options, int option, char *value)
{
    switch (option) {
    case 'm':
        if (!options_size(value, &options->memory) || options->memory < 1 << 20) {
            wrong("--memory", value, "a size of at least 1M, such as 256M or 2G");
        }
        break;
    case OPTION_SMP:
        options->smp = number_of("--smp", value, SMP_MAX);
        break;
    case OPTION_KERNEL:
        options->kernel = value;
        break;
    case OPTION_APPEND:
        options->append = value;
        break;
    case OPTION_MACHINE:
        set_machine(options, value);
        break;
    case OPTION_ACCEL:
        set_accel(options, value);
        break;
    case OPTION_TIMELINE:
        options->timeline = value;
        break;
    case OPTION_GDB:
        options->gdb_port = value == NULL ? 1234 : number_of("--gdb", value, 65535);
        break;
    case OPTION_DRY_RUN:
        options->dry_run = true;
        break;
    case 't':
        options->terminal = true;
        break;
    case 'q':
        options->quiet = true;
        break;
    case OPTION_VERBOSE:
        say_verbose = true;
        break;
    default: /* -i, --rm */
        break;
    }
}

/* getopt_long's answer "?": optopt is a letter, the code of a long option that takes no value, or 0
 * for a long option that is unknown or could be several. */
static _Noreturn void unknown(const char *word)
{
    for (const struct option *known = table; optopt != 0 && known->name != NULL; known++) {
        if (known->val == optopt && strncmp(word, "--", 2) == 0) {
            fail(STATUS_ALBA, "--%s takes no value; see alba run --help", known->name);
        }
    }
    if (optopt != 0) {
        fail(STATUS_ALBA, "unknown option -%c; see alba run --help", optopt);
    }
    fail(STATUS_ALBA, "unknown option %s; see alba run --help", word);
}

void options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){
        .smp = 1, .append = "", .machine = "microvm", .accel = "auto", .hostname = "alba"};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:m:e:v:w:u:tiqh", table, NULL)) != -1) {
        if (option == 'h') {
            print(help);
            exit(0);
        }
        if (option == '?') {
            unknown(argv[optind - 1]);
        }
        if (option == ':') {
            fail(STATUS_ALBA, "%s needs a value; see alba run --help", argv[optind - 1]);
        }
        if (!take_program_option(options, option, optarg)) {
            take_machine_option(options, option, optarg);
        }
    }
    options->args = argv + optind;
    if (options->entry != NULL) {
        /* argv[optind - 1] is a word of ours that was read already: its place becomes argv[0]. */
        options->args--;
        options->args[0] = (char *)(uintptr_t)options->entry;
    }
    if (options->args[0] == NULL) {
        fail(STATUS_ALBA,
             "which program? alba run [OPTIONS] PROGRAM [ARGS...]; see alba run --help");
    }
    if (options->args[0][0] == '\0') {
        fail(STATUS_NOT_FOUND, "the program's name is empty");
    }
}
