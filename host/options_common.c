/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of every command that takes a program, and how all are read. Parsing ends at the
 * first word that is not an option: all after it is the program's. Numbers and names are checked
 * here, files where they are used.
 */
#include "host/options_common.h"
#include "host/say.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void options_wrong(const char *option, const char *value, const char *should)
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
        options_wrong("--env", text, "NAME or NAME=VALUE");
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
        options_wrong("--user", text, "numbers, UID or UID:GID");
    }
    options->uid = (uid_t)uid;
    options->gid = (gid_t)gid;
}

static void add_volume(struct options *options, const char *text)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text || colon[1] != '/') {
        options_wrong("--volume", text, "HOST:GUEST, and GUEST an absolute path");
    }
    const char *mode = strchr(colon + 1, ':');
    if (mode != NULL && strcmp(mode, ":ro") != 0 && strcmp(mode, ":rw") != 0) {
        options_wrong("--volume", text, "HOST:GUEST or HOST:GUEST:ro");
    }
    strings_add(&options->volumes, text);
}

unsigned options_number(const char *option, const char *text, unsigned long max)
{
    unsigned long number;
    if (!parse_number(text, 1, max, &number)) {
        fail(STATUS_ALBA, "%s: '%s' should be a number from 1 to %lu", option, text, max);
    }
    return (unsigned)number;
}

/* False when it is none of them. */
static bool take_common_option(struct options *options, int option, char *value)
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
            options_wrong("--workdir", value, "an absolute path");
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
            options_wrong("--hostname", value, "1 to 64 characters");
        }
        options->hostname = value;
        return true;
    case OPTION_KERNEL:
        options->kernel = value;
        return true;
    case OPTION_APPEND:
        options->append = value;
        return true;
    case 't':
        options->terminal = true;
        return true;
    case 'q':
        options->quiet = true;
        return true;
    case OPTION_VERBOSE:
        say_verbose = true;
        return true;
    case 'i':
    case OPTION_RM:
        return true;
    default:
        return false;
    }
}

/* getopt_long's answer "?": optopt is a letter, the code of a long option that takes no value, or 0
 * for a long option that is unknown or could be several. */
static _Noreturn void unknown(const struct option_set *set, const char *word)
{
    for (const struct option *known = set->table; optopt != 0 && known->name != NULL; known++) {
        if (known->val == optopt && strncmp(word, "--", 2) == 0) {
            fail(STATUS_ALBA, "--%s takes no value; see alba %s --help", known->name, set->command);
        }
    }
    if (optopt != 0) {
        fail(STATUS_ALBA, "unknown option -%c; see alba %s --help", optopt, set->command);
    }
    fail(STATUS_ALBA, "unknown option %s; see alba %s --help", word, set->command);
}

void options_read(struct options *options, const struct option_set *set, int argc, char **argv)
{
    char *letters = text_format("+:e:v:w:u:tiqh%s", set->letters);
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, letters, set->table, NULL)) != -1) {
        if (option == 'h') {
            print(set->help);
            exit(0);
        }
        if (option == '?') {
            unknown(set, argv[optind - 1]);
        }
        if (option == ':') {
            fail(STATUS_ALBA, "%s needs a value; see alba %s --help", argv[optind - 1],
                 set->command);
        }
        if (!take_common_option(options, option, optarg)) {
            set->take(options, option, optarg);
        }
    }
    free(letters);
    options->args = argv + optind;
    if (options->entry != NULL) {
        /* argv[optind - 1] is a word of ours that was read already: its place becomes argv[0]. */
        options->args--;
        options->args[0] = (char *)(uintptr_t)options->entry;
    }
    if (options->args[0] == NULL) {
        fail(STATUS_ALBA, "which program? %s; see alba %s --help", set->usage, set->command);
    }
    if (options->args[0][0] == '\0') {
        fail(STATUS_NOT_FOUND, "the program's name is empty");
    }
}

const char *options_term(const struct options *options)
{
    const char *term = options->term;
    for (size_t i = 0; i < options->env.count; i++) {
        if (strncmp(options->env.at[i], "TERM=", 5) == 0) {
            term = options->env.at[i] + 5;
        }
    }
    return term;
}
