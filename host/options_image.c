/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `alba image`: those about the file it writes. */
#include "host/options_common.h"
#include "host/say.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_MAX 86400
#define USAGE       "alba image -o FILE [OPTIONS] PROGRAM [ARGS...]"

static const char help[] =
    "Usage: alba image -o FILE [OPTIONS] PROGRAM [ARGS...]\n"
    "\n"
    "Makes a disk that starts a program of this machine, unmodified, on any PC with a BIOS or "
    "UEFI.\n"
    "The program has the machine's serial line and screen; when it ends the machine is switched\n"
    "off. The same files at the same paths make the same disk, bit by bit.\n"
    "\n"
    "The disk:\n"
    "  -o, --output FILE          where to write it\n"
    "      --format FORMAT        by default what FILE's suffix says:\n"
    "                               raw             .img, .raw, none: for dd and QEMU\n"
    "                               qcow2           .qcow2: for QEMU\n"
    "                               iso             .iso: a CD\n"
    "                               bzimage+initrd  .bzImage: FILE.bzImage, FILE.initrd and\n"
    "                                               FILE.cmdline for a boot loader of yours\n"
    "      --title TEXT           the entry's name in the boot menu (the program)\n"
    "      --timeout SECONDS      show the boot menu of a BIOS start so long; 0: only when a key\n"
    "                             is held, -1: for ever (0)\n"
    "      --verify               check digests of kernel and initramfs at each start\n"
    "      --kernel FILE          kernel image, a bzImage\n"
    "      --append TEXT          more words for the kernel command line\n"
    "  -q, --quiet                the kernel shows no messages\n"
    "\n"
    "What runs:\n"
    "      --root DIR|TAR         a whole root file system: directory, or archive (tar, .gz, .xz, "
    ".zst)\n"
    "      --entry PROGRAM        run PROGRAM; all words are its arguments\n"
    "  -v, --volume HOST:GUEST    copy a file or directory onto the disk (may be repeated)\n"
    "  -e, --env NAME[=VALUE]     set an environment variable, or take it over from here\n"
    "      --env-file FILE        the same, one a line; # starts a comment\n"
    "  -w, --workdir DIR          directory to start in (/; made when missing)\n"
    "  -u, --user UID[:GID]       user and group (0:0)\n"
    "      --hostname NAME        name of the machine (alba)\n"
    "  -t, --tty, -i, --interactive, --rm\n"
    "                             accepted; the program always has a terminal\n"
    "      --verbose              say what is packed and written\n"
    "  -h, --help                 this text; `man alba` says more\n"
    "\n"
    "SOURCE_DATE_EPOCH, seconds since 1970, limits all times on the disk.\n";

enum {
    OPTION_FORMAT = OPTION_OWN,
    OPTION_TITLE,
    OPTION_TIMEOUT,
    OPTION_VERIFY,
    OPTION_OF_RUN /* known, so that more can be said than "unknown" */
};

static const struct option table[] = {
    OPTIONS_COMMON,
    {"output", required_argument, NULL, 'o'},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"title", required_argument, NULL, OPTION_TITLE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"memory", required_argument, NULL, 'm'},
    {"smp", required_argument, NULL, OPTION_OF_RUN},
    {"machine", required_argument, NULL, OPTION_OF_RUN},
    {"accel", required_argument, NULL, OPTION_OF_RUN},
    {"timeline", required_argument, NULL, OPTION_OF_RUN},
    {"clock", required_argument, NULL, OPTION_OF_RUN},
    {"gdb", optional_argument, NULL, OPTION_OF_RUN},
    {"dry-run", no_argument, NULL, OPTION_OF_RUN},
    {NULL, 0, NULL, 0},
};

static const struct {
    const char *name, *suffix; /* NULL: not a format's usual one */
    enum disk_format format;
} formats[] = {
    {"raw", ".img", FORMAT_RAW},
    {"raw", ".raw", FORMAT_RAW},
    {"qcow2", ".qcow2", FORMAT_QCOW2},
    {"iso", ".iso", FORMAT_ISO},
    {"bzimage+initrd", ".bzImage", FORMAT_PARTS},
};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

static const char *asked_format; /* NULL: none */

static void take_option(struct options *options, int option, char *value)
{
    long number;
    char *end;
    switch (option) {
    case 'o':
        options->output = value;
        break;
    case OPTION_FORMAT:
        asked_format = value;
        break;
    case OPTION_TITLE:
        if (value[0] == '\0') {
            options_wrong("--title", value, "at least one character");
        }
        options->title = value;
        break;
    case OPTION_TIMEOUT:
        number = strtol(value, &end, 10);
        if (end == value || *end != '\0' || number < -1 || number > TIMEOUT_MAX) {
            options_wrong("--timeout", value, "a number of seconds up to 86400, or -1");
        }
        options->menu_seconds = (int)number;
        break;
    case OPTION_VERIFY:
        options->verify = true;
        break;
    default:
        fail(STATUS_ALBA, "options about the machine belong to `alba run`: a disk starts on any; "
                          "see alba image --help");
    }
}

/* The place in the table of the suffix that a file's name has; FORMATS: another one or none. */
static size_t suffix_of(const char *file)
{
    size_t i = 0, size = strlen(file);
    for (; i < FORMATS; i++) {
        size_t length = strlen(formats[i].suffix);
        if (size > length && strcasecmp(file + size - length, formats[i].suffix) == 0) {
            break;
        }
    }
    return i;
}

static enum disk_format find_format(const char *file)
{
    size_t found = suffix_of(file);
    if (asked_format != NULL) {
        for (found = 0; found < FORMATS && strcmp(asked_format, formats[found].name) != 0;) {
            found++;
        }
        if (found == FORMATS) {
            options_wrong("--format", asked_format, "raw, qcow2, iso or bzimage+initrd");
        }
    }
    if (found < FORMATS) {
        return formats[found].format;
    }
    const char *name = strrchr(file, '/') == NULL ? file : strrchr(file, '/') + 1;
    if (strchr(name, '.') != NULL) {
        fail(STATUS_ALBA,
             "what format shall %s have? Its suffix is none of .img, .raw, .qcow2, "
             ".iso, .bzImage: say --format",
             file);
    }
    return FORMAT_RAW;
}

/* The name that the suffixes of three files are put behind. */
static const char *base_of(const char *file)
{
    size_t found = suffix_of(file), size = strlen(file);
    if (found < FORMATS && formats[found].format == FORMAT_PARTS) {
        size -= strlen(formats[found].suffix);
    }
    return text_format("%.*s", (int)size, file);
}

static void take_times(struct options *options)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    char *end;
    options->times = (struct pack_times){.settled = true, .stamp = 0, .newest = INT64_MAX};
    if (text != NULL && text[0] != '\0') {
        errno = 0;
        long long seconds = strtoll(text, &end, 10);
        if (*end != '\0' || errno != 0 || seconds < 0 || seconds > UINT32_MAX) {
            options_wrong("SOURCE_DATE_EPOCH", text, "seconds since 1970, up to the year 2106");
        }
        options->times.stamp = options->times.newest = seconds;
    }
}

void options_parse_image(struct options *options, int argc, char **argv)
{
    static const struct option_set set = {"image", help, USAGE, "o:m:", table, take_option};
    *options = (struct options){.append = "", .hostname = "alba", .term = "linux"};
    options_read(options, &set, argc, argv);
    if (options->output == NULL) {
        fail(STATUS_ALBA, "where to? " USAGE "; see alba image --help");
    }
    if (strpbrk(options->append, "\r\n") != NULL) {
        fail(STATUS_ALBA, "--append: the kernel command line is one line");
    }
    options->format = find_format(options->output);
    if (options->format == FORMAT_PARTS) {
        options->output = base_of(options->output);
    }
    take_times(options);
}
