/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's settings (qemu-system-x86_64(1), and docs/system/i386/microvm.rst): nothing but what the
 * kernel uses is in the machine. Every connection is a socket pair made here, so there is no file
 * or port that another process could reach.
 */
#include "host/machine.h"
#include "host/accel.h"
#include "host/say.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MIB = 1 << 20, BUFFER = 256 << 10, COUNTED_CPUS = 64 };

static const char *const channel_names[CHANNELS] = {"serial", "control", "terminal",
                                                    "stdin",  "stdout",  "stderr"};

char *machine_find_qemu(void)
{
    static const char name[] = "qemu-system-x86_64";
    const char *own = getenv("ALBA_QEMU");
    if (own != NULL && own[0] != '\0') {
        if (access(own, X_OK) != 0) {
            fail(STATUS_ALBA, "ALBA_QEMU=%s: %s", own, strerror(errno));
        }
        return text_copy(own);
    }
    const char *path = getenv("PATH");
    for (path = path == NULL ? "/usr/bin" : path; *path != '\0'; path += *path == ':') {
        size_t length = strcspn(path, ":");
        char *file = text_format("%.*s/%s", (int)length, path, name);
        if (access(file, X_OK) == 0) {
            return file;
        }
        free(file);
        path += length;
    }
    fail(STATUS_ALBA, "%s is not installed; on Debian: apt install qemu-system-x86", name);
}

/* Beside alba in a build tree or an installation, or in the usual place. */
char *machine_find_part(const char *name)
{
    static const char *const places[] = {"x86_64", ".", "../lib/alba"};
    char self[4096] = "";
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0) {
        char *directory = dirname(self);
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            char *file = text_format("%s/%s/%s", directory, places[i], name);
            if (access(file, R_OK) == 0) {
                return file;
            }
            free(file);
        }
    }
    char *file = text_format("/usr/local/lib/alba/%s", name);
    if (access(file, R_OK) == 0) {
        return file;
    }
    free(file);
    return NULL;
}

/* --kernel, ALBA_KERNEL, or our own. */
char *machine_find_kernel(const struct options *options)
{
    const char *asked = options->kernel != NULL ? options->kernel : getenv("ALBA_KERNEL");
    if (asked != NULL && asked[0] != '\0') {
        if (access(asked, R_OK) != 0) {
            fail(STATUS_ALBA, "kernel %s: %s", asked, strerror(errno));
        }
        return text_copy(asked);
    }
    char *file = machine_find_part("alba.elf");
    if (file == NULL) {
        fail(STATUS_ALBA, "there is no kernel beside alba; build it with `make all`, or name one "
                          "with --kernel or ALBA_KERNEL");
    }
    return file;
}

const char *machine_choose_accel(const struct options *options)
{
    const char *why;
    if (strcmp(options->accel, "tcg") == 0) {
        return "tcg";
    }
    bool must = strcmp(options->accel, "kvm") == 0;
    if (strcmp(options->clock, "instructions") == 0) {
        if (must) {
            fail(STATUS_ALBA, "--clock instructions: only an emulated processor (--accel tcg) "
                              "counts them");
        }
        return "tcg";
    }
    if (accel_kvm_works(must, &why)) {
        return "kvm";
    }
    if (must) {
        fail(STATUS_ALBA, "--accel kvm: %s", why);
    }
    say_detail("emulates the processor: %s", why);
    return "tcg";
}

bool machine_choose_clock(const struct options *options, const char *accel)
{
    /* With many CPUs, all in turns on one of ours, the emulator takes minutes for their start. */
    bool wanted = strcmp(options->clock, "auto") == 0
                      ? options->timelines.count > 0 && options->smp <= COUNTED_CPUS
                      : strcmp(options->clock, "instructions") == 0;
    return wanted && strcmp(accel, "tcg") == 0;
}

uint64_t machine_choose_memory(const struct options *options, uint64_t image_size)
{
    uint64_t usual = 256ull * MIB;
    if (options->memory == 0) {
        return image_size <= usual / 4 ? usual : (usual + image_size + MIB - 1) / MIB * MIB;
    }
    if (options->memory < image_size + MIB) {
        fail(STATUS_ALBA, "the machine's files take %lu MiB, which --memory %luM does not hold",
             (unsigned long)((image_size + MIB - 1) / MIB), (unsigned long)(options->memory / MIB));
    }
    return options->memory;
}

void machine_connect(struct machine *machine, const struct session *session)
{
    bool wanted[CHANNELS] = {true,
                             true,
                             session->has_terminal,
                             session->kinds[0] == STREAM_PORT,
                             session->kinds[1] == STREAM_PORT,
                             session->kinds[2] == STREAM_PORT};
    for (int i = 0; i < CHANNELS; i++) {
        int pair[2] = {-1, -1}, size = BUFFER;
        if (wanted[i]) {
            if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
                fail(STATUS_ALBA, "cannot connect the machine: %s", strerror(errno));
            }
            setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
            setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
            fcntl(pair[0], F_SETFL, O_NONBLOCK);
        }
        machine->our_fds[i] = pair[0];
        machine->fds[i] = pair[1];
    }
}

char *machine_symbols(const struct machine *machine)
{
    const char *slash = strrchr(machine->kernel, '/');
    char *file = text_format(
        "%.*skernel.elf", slash == NULL ? 0 : (int)(slash + 1 - machine->kernel), machine->kernel);
    if (access(file, R_OK) != 0) {
        free(file);
        file = text_copy("kernel.elf");
    }
    return file;
}

static void add(struct strings *command, const char *option, const char *value)
{
    strings_add(command, option);
    if (value != NULL) {
        strings_add(command, value);
    }
}

static void add_machine(const struct machine *machine, const struct options *options,
                        struct strings *command)
{
    bool bare = strcmp(options->machine, "microvm") == 0;
    add(command, "-nodefaults", NULL);
    add(command, "-no-user-config", NULL);
    add(command, "-no-reboot", NULL);
    add(command, "-display", "none");
    add(command, "-machine", NULL);
    strings_format(command, "%s%s", options->machine,
                   bare ? ",acpi=off,pit=on,pic=on,rtc=on,isa-serial=on" : "");
    add(command, "-accel", machine->accel);
    if (machine->instructions) {
        /* One instruction is one nanosecond of virtual time, and that is one tick of the time stamp
         * counter (QEMU, docs/devel/tcg-icount.rst). */
        add(command, "-icount", "shift=0");
    }
    add(command, "-cpu", "max");
    add(command, "-m", NULL);
    strings_format(command, "size=%luk", (unsigned long)(machine->memory >> 10));
    add(command, "-smp", NULL);
    strings_format(command, "%u", options->smp);
    /* A panic of the kernel ends QEMU with a failure status. */
    add(command, "-device", "pvpanic");
    add(command, "-action", "panic=exit-failure");
}

static void add_chardev(const struct machine *machine, enum channel channel, bool for_shell,
                        struct strings *command)
{
    const char *name = channel_names[channel];
    add(command, "-chardev", NULL);
    if (!for_shell) {
        strings_format(command, "socket,id=%s,fd=%d", name, machine->fds[channel]);
    } else if (channel == CHANNEL_TERMINAL) {
        strings_format(command, "stdio,id=%s,signal=off", name);
    } else if (channel == CHANNEL_SERIAL) {
        strings_format(command, "file,id=%s,path=/dev/stderr,append=on", name);
    } else {
        strings_format(command, "null,id=%s", name);
    }
}

static void add_ports(const struct machine *machine, bool for_shell, struct strings *command)
{
    add(command, "-serial", "chardev:serial");
    for (int i = CHANNEL_TERMINAL; i < CHANNELS; i++) {
        if (machine->fds[i] < 0) {
            continue;
        }
        add_chardev(machine, (enum channel)i, for_shell, command);
        add(command, "-device", NULL);
        /* The terminal, too, is a generic port, and the kernel knows it by its name: QEMU throws
         * away what a console port cannot pass on at once. Port 0 can only be a console. */
        strings_format(command, "virtserialport,nr=%d,chardev=%s,name=alba.%s", i, channel_names[i],
                       channel_names[i]);
    }
}

void machine_command(const struct machine *machine, const struct options *options, bool for_shell,
                     struct strings *command)
{
    bool mmio = strncmp(options->machine, "microvm", 7) == 0;
    strings_add(command, machine->qemu);
    add_machine(machine, options, command);
    add(command, "-kernel", machine->kernel);
    add(command, "-initrd", machine->initrd);
    add(command, "-append", NULL);
    /* The debugger knows addresses from kernel.elf: the kernel shall be there. */
    strings_format(command, "console=ttyS0 rdinit=/.alba/init%s%s%s%s%s",
                   options->gdb_port == 0 ? "" : " nokaslr",
                   machine->instructions ? " timeline.unit=instructions" : "",
                   options->strace ? " strace=program" : "", options->append[0] == '\0' ? "" : " ",
                   options->append);
    if (mmio) {
        add(command, "-global", "virtio-mmio.force-legacy=false");
    }
    add(command, "-device", NULL);
    strings_format(command, "virtio-serial-%s,max_ports=%d", mmio ? "device" : "pci", CHANNELS);
    add_chardev(machine, CHANNEL_SERIAL, for_shell, command);
    add_chardev(machine, CHANNEL_CONTROL, for_shell, command);
    add(command, "-device", "virtserialport,nr=1,chardev=control,name=alba.control");
    add_ports(machine, for_shell, command);
    if (options->gdb_port != 0) {
        add(command, "-S", "-gdb");
        strings_format(command, "tcp:127.0.0.1:%u", options->gdb_port);
    }
}

/* In the child. A session of its own: keys and hang-ups of this terminal are for alba to pass on.
 */
static _Noreturn void become_qemu(const struct machine *machine, const struct strings *command,
                                  int errors, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(STATUS_ALBA); /* it ended before the line above */
    }
    for (int i = 0; i < CHANNELS; i++) {
        if (machine->fds[i] >= 0) {
            fcntl(machine->fds[i], F_SETFD, 0);
        }
    }
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(command->at[0], command->at);
    dprintf(STDERR_FILENO, "cannot start %s: %s\n", command->at[0], strerror(errno));
    _exit(STATUS_ALBA);
}

void machine_start(struct machine *machine, const struct strings *command, int initrd_fd)
{
    int errors[2];
    if (pipe2(errors, O_CLOEXEC) != 0 || fcntl(initrd_fd, F_SETFD, 0) != 0) {
        fail(STATUS_ALBA, "cannot start QEMU: %s", strerror(errno));
    }
    fcntl(errors[0], F_SETFL, O_NONBLOCK);
    pid_t parent = getpid();
    machine->process = fork();
    if (machine->process == 0) {
        become_qemu(machine, command, errors[1], parent);
    }
    if (machine->process < 0) {
        fail(STATUS_ALBA, "cannot start QEMU: %s", strerror(errno));
    }
    close(errors[1]);
    machine->errors = errors[0];
    for (int i = 0; i < CHANNELS; i++) {
        if (machine->fds[i] >= 0) {
            close(machine->fds[i]);
        }
    }
    close(initrd_fd);
}
