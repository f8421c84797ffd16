/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `alba image -o FILE PROGRAM` in order: find the program and what it needs, and the kernel; pack;
 * write the configuration; make the disk of both. Nothing of this machine gets in but the files
 * that were asked for, so that the same files at the same paths make the same disk, bit by bit.
 */
#include "host/make_image.h"
#include "abi/disk.h"
#include "host/disk.h"
#include "host/machine.h"
#include "host/plan.h"
#include "host/qcow2.h"
#include "host/say.h"
#include "lib/bootcfg.h"
#include "lib/sha256.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The command line shares the configuration with a few lines that are shorter than this. */
#define CMDLINE_MAX (BOOTCFG_MAX_SIZE - 1024u)

enum { TITLE_MAX = 60, SETUP_SIZE = 0x268, PARTS = 3 };

struct file {
    int fd;
    uint64_t size;
    uint8_t digest[SHA256_BYTES];
};

static void read_digest(struct file *file, const char *name)
{
    struct sha256 sha;
    static uint8_t block[1 << 16];
    sha256_init(&sha);
    for (uint64_t done = 0; done < file->size;) {
        ssize_t got = pread(file->fd, block, sizeof(block), (off_t)done);
        if (got <= 0 && errno != EINTR) {
            fail(STATUS_ALBA, "%s: %s", name, strerror(got == 0 ? EIO : errno));
        }
        if (got > 0) {
            sha256_update(&sha, block, (size_t)got);
            done += (uint64_t)got;
        }
    }
    sha256_final(&sha, file->digest);
}

/* What boot loaders look at: the setup header of the Linux boot protocol, and a PE header where
 * UEFI is to start it (Documentation/arch/x86/boot.rst; PE format, 3.1 to 3.3). */
static void check_kernel(const struct file *kernel, const char *name)
{
    uint8_t head[SETUP_SIZE] = {0}, pe[6] = {0};
    uint32_t offset;
    if (pread(kernel->fd, head, sizeof(head), 0) != sizeof(head) || head[510] != 0x55 ||
        head[511] != 0xaa || memcmp(head + 0x202, "HdrS", 4) != 0) {
        fail(STATUS_ALBA, "kernel %s: not a bzImage, which disks are started from", name);
    }
    memcpy(&offset, head + 0x3c, sizeof(offset));
    if (memcmp(head, "MZ", 2) != 0 || pread(kernel->fd, pe, sizeof(pe), offset) != sizeof(pe) ||
        memcmp(pe, "PE\0\0\x64\x86", 6) != 0) {
        say("kernel %s has no entry for UEFI: the disk will start under a BIOS only", name);
    }
}

static void open_kernel(struct file *kernel, const struct options *options)
{
    struct stat status;
    char *name = options->kernel == NULL ? machine_find_part("alba.bzImage")
                                         : text_copy(options->kernel);
    if (name == NULL) {
        fail(STATUS_ALBA, "there is no alba.bzImage beside alba; build it with `make all`, or name "
                          "one with --kernel");
    }
    kernel->fd = open(name, O_RDONLY | O_CLOEXEC);
    if (kernel->fd < 0 || fstat(kernel->fd, &status) != 0) {
        fail(STATUS_ALBA, "kernel %s: %s", name, strerror(errno));
    }
    kernel->size = (uint64_t)status.st_size;
    check_kernel(kernel, name);
    read_digest(kernel, name);
    free(name);
}

static void pack_files(struct file *initrd, const struct plan *plan, const struct options *options)
{
    struct session session;
    session_plan_console(&session);
    initrd->fd = memfd_create("alba", MFD_CLOEXEC);
    if (initrd->fd < 0) {
        fail(STATUS_ALBA, "cannot pack the machine's files: %s", strerror(errno));
    }
    initrd->size = plan_pack(plan, options, &session, initrd->fd).size;
    read_digest(initrd, "the machine's files");
}

/* The entry's name in a menu: the program without its directory, and its arguments. */
static char *make_title(const struct options *options)
{
    const char *program = options->args[0], *slash = strrchr(program, '/');
    char *title = text_copy(slash == NULL ? program : slash + 1);
    for (char **arg = options->args + 1; *arg != NULL; arg++) {
        char *longer = text_format("%s %s", title, *arg);
        free(title);
        title = longer;
    }
    if (options->title != NULL) {
        free(title);
        title = text_copy(options->title);
    }
    for (char *at = title; *at != '\0'; at++) {
        *at = *at >= ' ' && *at <= '~' ? *at : '?'; /* what every screen can show */
    }
    title[strnlen(title, TITLE_MAX)] = '\0';
    return title;
}

static char *make_cmdline(const struct options *options)
{
    char *cmdline = text_format("console=tty0 console=ttyS0 console_join rdinit=/.alba/init%s%s%s",
                                options->quiet ? " quiet" : "",
                                options->append[0] == '\0' ? "" : " ", options->append);
    if (strlen(cmdline) > CMDLINE_MAX) {
        fail(STATUS_ALBA, "--append: the command line is too long, %u bytes are the limit",
             CMDLINE_MAX);
    }
    return cmdline;
}

/* The lines of DISK_CONFIG that are checked; "" when nothing shall be. */
static char *make_digests(const struct options *options, const struct file *kernel,
                          const struct file *initrd)
{
    char kernel_hex[SHA256_HEX + 1], initrd_hex[SHA256_HEX + 1];
    sha256_format(kernel->digest, kernel_hex);
    sha256_format(initrd->digest, initrd_hex);
    return options->verify ? text_format("# Change these with the files, or take them out.\n"
                                         "kernel_sha256=%s\n"
                                         "initrd_sha256=%s\n",
                                         kernel_hex, initrd_hex)
                           : text_copy("");
}

/* DISK_CONFIG, see lib/bootcfg.h. */
static char *make_config(const struct options *options, const struct file *kernel,
                         const struct file *initrd)
{
    char *title = make_title(options), *cmdline = make_cmdline(options);
    char *digests = make_digests(options, kernel, initrd);
    char *config = text_format("# What this disk starts, under BIOS and UEFI alike.\n"
                               "timeout=%d\n"
                               "default=1\n"
                               "\n"
                               "title=%s\n"
                               "kernel=" DISK_KERNEL "\n"
                               "initrd=" DISK_INITRD "\n"
                               "cmdline=%s\n%s",
                               options->menu_seconds, title, cmdline, digests);
    free(title);
    free(cmdline);
    free(digests);
    return config;
}

static void identify(struct disk *disk, const struct file *kernel, const struct file *initrd)
{
    struct sha256 sha;
    sha256_init(&sha);
    sha256_update(&sha, kernel->digest, sizeof(kernel->digest));
    sha256_update(&sha, initrd->digest, sizeof(initrd->digest));
    sha256_update(&sha, disk->config, strlen(disk->config));
    sha256_final(&sha, disk->identity);
}

static void write_disk(const struct options *options, struct output *const outputs[],
                       const struct file *kernel, const struct file *initrd)
{
    char *config = make_config(options, kernel, initrd);
    struct disk disk = {.kernel_fd = kernel->fd,
                        .kernel_size = kernel->size,
                        .initrd_fd = initrd->fd,
                        .initrd_size = initrd->size,
                        .config = config,
                        .time = options->times.stamp};
    identify(&disk, kernel, initrd);
    if (options->format == FORMAT_RAW) {
        disk_write(&disk, outputs[0]);
    } else if (options->format == FORMAT_ISO) {
        disk_write_cd(&disk, outputs[0]);
    } else {
        uint64_t size = disk_write(&disk, outputs[1]);
        qcow2_write(outputs[0], output_fd(outputs[1]), size);
    }
    free(config);
}

/* The parts, for who has a boot loader of his own. */
static void write_parts(const struct options *options, struct output *const outputs[],
                        const struct file *kernel, const struct file *initrd)
{
    char *cmdline = make_cmdline(options), hex[SHA256_HEX + 1];
    sha256_format(initrd->digest, hex);
    char *line = text_format("%s%s%s\n", cmdline, options->verify ? " initrd_sha256=" : "",
                             options->verify ? hex : ""); /* the loader looks after it */
    output_copy(outputs[0], kernel->fd, kernel->size, 0);
    output_copy(outputs[1], initrd->fd, initrd->size, 0);
    output_text(outputs[2], line, 0);
    free(cmdline);
    free(line);
}

/* Before the work is done: where nothing can be written is told at once. */
static void create_outputs(const struct options *options, struct output *outputs[])
{
    static const char *const suffixes[] = {"bzImage", "initrd", "cmdline"};
    if (options->format != FORMAT_PARTS) {
        outputs[0] = output_create(options->output);
        outputs[1] = options->format == FORMAT_QCOW2 ? output_create_scratch(options->output)
                                                     : NULL;
        return;
    }
    for (size_t i = 0; i < PARTS; i++) {
        char *path = text_format("%s.%s", options->output, suffixes[i]);
        outputs[i] = output_create(path);
        free(path);
    }
}

int make_image(int argc, char **argv)
{
    struct options options;
    struct plan plan;
    struct file kernel, initrd;
    struct output *outputs[PARTS];
    options_parse_image(&options, argc, argv);
    plan_program(&plan, &options);
    open_kernel(&kernel, &options);
    create_outputs(&options, outputs);
    pack_files(&initrd, &plan, &options);
    if (options.format == FORMAT_PARTS) {
        write_parts(&options, outputs, &kernel, &initrd);
    } else {
        write_disk(&options, outputs, &kernel, &initrd);
    }
    output_finish();
    say_detail("%s is written", options.output);
    plan_free(&plan);
    close(kernel.fd);
    close(initrd.fd);
    return 0;
}
