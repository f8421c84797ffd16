/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where timelines go: the files of `alba run --timeline`, and the command `alba timeline`, which
 * makes the same of what a machine without a host said of its start.
 */
#include "host/machine.h"
#include "host/options.h"
#include "host/say.h"
#include "host/text.h"
#include "host/timeline.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: alba timeline [-o FILE] [--program NAME] [TIMELINE]\n"
    "\n"
    "Makes a picture, JSON or a table of how a machine started, as alba run --timeline does. "
    "TIMELINE\n"
    "is a copy of its /sys/kernel/boot_timeline.json, or what came over a serial line with that "
    "in\n"
    "it; - or none: standard input.\n"
    "\n"
    "  -o, --output FILE     a picture when FILE ends in .svg, JSON when it ends in .json, else a\n"
    "                        table; -: standard output (the default; may be repeated)\n"
    "      --program NAME    what was started, for the heading (the program)\n"
    "  -h, --help            this text\n";

enum { MAX_INPUT = 16 << 20, OPTION_PROGRAM = 256 };

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), size = strlen(end);
    return length > size && strcmp(name + length - size, end) == 0;
}

/* 0 or an errno. */
static int write_file(const struct timeline *timeline, const char *name)
{
    errno = 0;
    FILE *file = fopen(strcmp(name, "-") == 0 ? "/dev/stdout" : name, "we");
    if (file == NULL) {
        return errno;
    }
    if (ends_in(name, ".json")) {
        timeline_json(timeline, file);
    } else if (ends_in(name, ".svg")) {
        timeline_svg(timeline, file);
    } else {
        timeline_text(timeline, file);
    }
    bool good = ferror(file) == 0;
    return fclose(file) != 0 || !good ? (errno != 0 ? errno : EIO) : 0;
}

static char *measured(const struct timeline *timeline, const struct machine *machine)
{
    if (timeline->instructions) {
        return text_format(
            "counted by QEMU's emulator (-icount shift=0: one tick of the time stamp "
            "counter is one instruction%s)",
            timeline->cpus > 1 ? " of any CPU; CPUs take turns" : "");
    }
    if (strcmp(machine->accel, "kvm") == 0) {
        return text_format("measured with KVM, by the time stamp counter (%.0f MHz)",
                           (double)timeline->per_second / 1e6);
    }
    return text_copy("measured in QEMU's emulator, which translates code when it first meets it");
}

void timeline_save(const char *text, const struct machine *machine, const struct options *options)
{
    struct timeline timeline;
    if (options->timelines.count == 0) {
        return;
    }
    if (text == NULL || !timeline_read(&timeline, text)) {
        say("--timeline: the machine sent none%s", text == NULL ? "" : " that can be read");
        return;
    }
    char *how = measured(&timeline, machine);
    const char *slash = strrchr(options->args[0], '/');
    timeline.measured = how;
    timeline.program = slash == NULL ? options->args[0] : slash + 1;
    for (size_t i = 0; i < options->timelines.count; i++) {
        int error = write_file(&timeline, options->timelines.at[i]);
        if (error != 0) {
            say("--timeline %s: %s", options->timelines.at[i], strerror(error));
        }
    }
    timeline_free(&timeline);
    free(how);
}

static char *read_all(const char *name)
{
    bool is_stdin = name == NULL || strcmp(name, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(name, "re");
    char *text = text_resize(NULL, MAX_INPUT + 1);
    if (file == NULL) {
        fail(STATUS_ALBA, "%s: %s", name, strerror(errno));
    }
    text[fread(text, 1, MAX_INPUT, file)] = '\0';
    if (ferror(file)) {
        fail(STATUS_ALBA, "%s: %s", is_stdin ? "standard input" : name, strerror(errno));
    }
    if (!is_stdin) {
        fclose(file);
    }
    return text;
}

/* What a serial line adds goes: carriage returns, and what stands before and after. */
static char *strip(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '\r') {
            *to++ = *from;
        }
    }
    *to = '\0';
    char *start = strstr(text, "{\"unit\":");
    char *end = start == NULL ? NULL : strstr(start, "}]}\n");
    if (end != NULL) {
        end[strlen("}]}\n")] = '\0';
    }
    return start == NULL ? to : start;
}

static char *measured_there(const struct timeline *timeline)
{
    if (timeline->instructions || timeline->per_second == 0) {
        return text_format("by the machine itself: its time stamp counter counts %s",
                           timeline->instructions ? "instructions" : "an unknown time");
    }
    return text_format("by the machine itself, with its time stamp counter (%.0f MHz)",
                       (double)timeline->per_second / 1e6);
}

static void write_all(struct timeline *timeline, const struct strings *outputs)
{
    for (size_t i = 0; i < outputs->count; i++) {
        int error = write_file(timeline, outputs->at[i]);
        if (error != 0) {
            fail(STATUS_ALBA, "%s: %s", outputs->at[i], strerror(error));
        }
    }
}

int timeline_main(int argc, char **argv)
{
    static const struct option table[] = {{"output", required_argument, NULL, 'o'},
                                          {"program", required_argument, NULL, OPTION_PROGRAM},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct strings outputs = {NULL, 0};
    const char *program = NULL;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":o:h", table, NULL)) != -1) {
        if (option == 'h') {
            print(help);
            return 0;
        } else if (option == 'o') {
            strings_add(&outputs, optarg);
        } else if (option == OPTION_PROGRAM) {
            program = optarg;
        } else {
            fail(STATUS_ALBA, "%s %s; see alba timeline --help", argv[optind - 1],
                 option == ':' ? "needs a value" : "is no option of alba timeline");
        }
    }
    if (argc - optind > 1) {
        fail(STATUS_ALBA, "one timeline at a time; see alba timeline --help");
    }
    if (outputs.count == 0) {
        strings_add(&outputs, "-");
    }
    struct timeline timeline;
    char *text = read_all(argv[optind]);
    if (!timeline_read(&timeline, strip(text))) {
        fail(STATUS_ALBA, "there is no timeline in it: a copy of /sys/kernel/boot_timeline.json is "
                          "wanted");
    }
    char *how = measured_there(&timeline);
    timeline.measured = how;
    timeline.program = program == NULL ? timeline.program : program;
    write_all(&timeline, &outputs);
    timeline_free(&timeline);
    strings_free(&outputs);
    free(how);
    free(text);
    return 0;
}
