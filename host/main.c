/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command `alba`. `alba run PROGRAM` in order: find the program and what it needs, pack it,
 * choose the machine, start QEMU, relay until it ends.
 */
#include "host/machine.h"
#include "host/make_image.h"
#include "host/options.h"
#include "host/plan.h"
#include "host/relay.h"
#include "host/say.h"
#include "host/session.h"
#include "host/timeline.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char help[] =
    "Usage: alba run [OPTIONS] PROGRAM [ARGS...]\n"
    "       alba image -o FILE [OPTIONS] PROGRAM [ARGS...]\n"
    "       alba timeline [-o FILE] [TIMELINE]\n"
    "\n"
    "Alba runs a program of this machine in a virtual machine of its own, at once:\n"
    "\n"
    "  alba run busybox sh               a shell\n"
    "  alba run -m 512M redis-server     a server\n"
    "  alba run --root root.tar.gz sh    a whole root file system\n"
    "\n"
    "or makes a disk that starts it on any PC:\n"
    "\n"
    "  alba image -o disk.img busybox sh\n"
    "\n"
    "or draws how such a PC started, from its /sys/kernel/boot_timeline.json:\n"
    "\n"
    "  alba timeline -o boot.svg boot_timeline.json\n"
    "\n"
    "  alba run --help        all options of alba run\n"
    "  alba image --help      all options of alba image\n"
    "  alba timeline --help   all options of alba timeline\n"
    "  alba --version         the version\n"
    "  man alba               everything\n";

/* Descriptors 0 to 2 are there, so that no file of ours takes their place. One that was closed is
 * empty to read, and to write an error as it would be here. */
static void open_standard_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

static char *unfinished; /* file to remove when alba fails before it is whole; NULL: none */

static void remove_unfinished(void)
{
    if (unfinished != NULL) {
        unlink(unfinished);
    }
}

/* A file for the image: in memory, or for a dry run in the directory for temporary files. */
static int make_image_file(bool keep, char **path)
{
    int fd;
    if (keep) {
        const char *directory = getenv("TMPDIR");
        *path = text_format("%s/alba-XXXXXX.cpio",
                            directory == NULL || directory[0] == '\0' ? "/tmp" : directory);
        fd = mkostemps(*path, 5, O_CLOEXEC);
        unfinished = *path;
        atexit(remove_unfinished);
    } else {
        fd = memfd_create("alba", MFD_CLOEXEC);
        *path = text_format("/proc/self/fd/%d", fd);
    }
    if (fd < 0) {
        fail(STATUS_ALBA, "cannot make a file for the machine's image: %s", strerror(errno));
    }
    return fd;
}

static void print_command(const struct strings *command)
{
    for (size_t i = 0; i < command->count; i++) {
        char *word = text_quote(command->at[i]);
        printf("%s%s", i == 0 ? "" : " ", word);
        free(word);
    }
    print("\n");
}

/* The program first: a name that is wrong is told before anything else. */
static int run(int argc, char **argv)
{
    struct options options;
    struct session session;
    struct plan plan;
    struct strings command = {NULL, 0};
    char *initrd;
    options_parse(&options, argc, argv);
    options.terminal |= options.dry_run; /* whoever pastes the command sits at a terminal */
    plan_program(&plan, &options);
    session_plan(&session, &options);
    struct machine machine = {.qemu = machine_find_qemu(), .kernel = machine_find_kernel(&options)};
    int fd = make_image_file(options.dry_run, &initrd);
    struct image image = plan_pack(&plan, &options, &session, fd);
    plan_free(&plan);
    machine.initrd = initrd;
    machine.memory = machine_choose_memory(&options, image.size);
    machine.accel = machine_choose_accel(&options);
    machine.instructions = machine_choose_clock(&options, machine.accel);
    machine_connect(&machine, &session);
    machine_command(&machine, &options, options.dry_run, &command);
    int status = 0;
    if (options.dry_run) {
        print_command(&command);
        unfinished = NULL;
    } else {
        if (options.gdb_port != 0) {
            char *symbols = machine_symbols(&machine);
            say("waiting for gdb: gdb -ex 'target remote :%u' %s", options.gdb_port, symbols);
            free(symbols);
        }
        relay_prepare();
        machine_start(&machine, &command, image.fd);
        status = relay_run(&machine, &session, &options);
    }
    strings_free(&command);
    free(initrd);
    free(machine.qemu);
    free(machine.kernel);
    return status;
}

int main(int argc, char **argv)
{
    open_standard_streams();
    signal(SIGCHLD, SIG_DFL); /* who ignores it gets no status of a child */
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error that is told */
    if (argc < 2) {
        fail(STATUS_ALBA, "what shall run? alba run PROGRAM [ARGS...]; see alba --help");
    }
    if (strcmp(argv[1], "run") == 0) {
        return run(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "image") == 0) {
        return make_image(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "timeline") == 0) {
        return timeline_main(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print(help);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        print("alba " ALBA_VERSION "\n");
        return 0;
    }
    fail(STATUS_ALBA, "'%s' is not a command of alba; see alba --help", argv[1]);
}
