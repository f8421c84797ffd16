/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PID 1 of a machine made by `alba run` or `alba image`: reads the spec, mounts what a program
 * expects, starts the program as a child, does what the host says on the control port, reaps every
 * process, reports how the program ended and switches the machine off. Ordinary Linux code without
 * a C library.
 *
 * A disk boots without a host: the program has the console, and people read there how it ended.
 *
 * Lines on the control port. From the host: "signal N" (to the program), "group N" (to its process
 * group, as keys of a terminal do), "winsize ROWS COLUMNS". To the host: "started PID",
 * "signalled N", "exit N", "killed N", "error ERRNO TEXT", "timeline SIZE" and that many bytes,
 * "refused CALL ERRNO COUNT".
 */
#include "abi/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"
#include "user/run/child.h"
#include "user/run/sys.h"
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/reboot.h>
#include <linux/wait.h>

enum { PATIENCE_MS = 2000 };

static struct run {
    struct spec spec;
    int control; /* -1: none */
    int tty;     /* -1: none */
    int streams[3];
    unsigned patience_ms; /* left for ports that are not there yet, all together */
    long child;
    char line[128]; /* of the control port, being collected */
    size_t line_size;
    volatile unsigned signals; /* those that arrived, a bit each; set by the handler */
} run;

_Noreturn void run_main(void);
void signal_return(void);

static void say(const char *format, long number)
{
    char line[64];
    int size = scnprintf(line, sizeof(line), format, number);
    SYS(write, run.control, ADDR(line), size);
}

static _Noreturn void power(unsigned command)
{
    SYS(fsync, run.control);
    SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, 0);
    for (;;) {
        SYS(pause);
    }
}

static _Noreturn void give_up(long error, const char *doing)
{
    char line[64];
    int size = scnprintf(line, sizeof(line), "error %ld %s\n", -error, doing);
    SYS(write, run.control < 0 ? 2 : run.control, ADDR(line), size); /* 2: /dev/console */
    power(LINUX_REBOOT_CMD_POWER_OFF);
}

/* Opens as a descriptor that is not a standard stream. */
static int open_high(const char *path, int flags)
{
    long fd = SYS(open, ADDR(path), flags | O_CLOEXEC);
    return (int)(fd >= 0 && fd < 3 ? SYS(fcntl, fd, F_DUPFD_CLOEXEC, 3) : fd);
}

/* A host may tell of its ports only after the kernel has started its first program; most do before,
 * and then nothing is waited for. */
static int open_port(const char *path, int flags)
{
    unsigned pause_ms = 1;
    int fd;
    while ((fd = open_high(path, flags)) == -ENOENT && run.patience_ms > 0) {
        struct timespec pause = {0, pause_ms * 1000000l};
        SYS(nanosleep, ADDR(&pause));
        run.patience_ms -= pause_ms < run.patience_ms ? pause_ms : run.patience_ms;
        pause_ms += pause_ms < 64 ? pause_ms : 0;
    }
    return fd;
}

static void set_up_files(void)
{
    static const struct {
        const char *path, *type;
        unsigned mode;
    } mounts[] = {
        {"/dev", "devtmpfs", 0755},   {"/proc", "proc", 0555},      {"/sys", "sysfs", 0555},
        {"/dev/pts", "devpts", 0755}, {"/dev/shm", "tmpfs", 01777}, {"/tmp", NULL, 01777},
        {"/run", NULL, 0755},
    };
    SYS(umask, 0);
    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
        long error = SYS(mkdir, ADDR(mounts[i].path), mounts[i].mode);
        /* What is there already, or unknown to the kernel, is no reason not to go on. */
        if (mounts[i].type != NULL && (error == 0 || error == -EEXIST)) {
            SYS(mount, ADDR(mounts[i].type), ADDR(mounts[i].path), ADDR(mounts[i].type));
        }
    }
    SYS(umask, 022);
}

static void open_terminal(void)
{
    struct winsize size = {(unsigned short)run.spec.rows, (unsigned short)run.spec.columns, 0, 0};
    struct termios modes;
    run.tty = open_port("/dev/hvc0", O_RDWR | O_NOCTTY);
    SYS(ioctl, run.tty, TIOCSWINSZ, ADDR(&size));
    if (run.spec.plain && SYS(ioctl, run.tty, TCGETS, ADDR(&modes)) == 0) {
        modes.c_oflag &= ~(tcflag_t)OPOST;
        SYS(ioctl, run.tty, TCSETS, ADDR(&modes));
    }
}

static bool is_terminal(enum stream_kind kind)
{
    return kind == STREAM_TTY || kind == STREAM_CONSOLE;
}

static bool has_host(void)
{
    return run.spec.streams[0] != STREAM_CONSOLE;
}

static void open_streams(void)
{
    static const char *const ports[] = {"/dev/virtio-ports/alba.stdin",
                                        "/dev/virtio-ports/alba.stdout",
                                        "/dev/virtio-ports/alba.stderr"};
    run.tty = -1;
    for (int i = 0; i < 3; i++) {
        if (run.spec.streams[i] == STREAM_TTY && run.tty < 0) {
            open_terminal();
        }
        if (run.spec.streams[i] == STREAM_CONSOLE && run.tty < 0) {
            run.tty = open_high("/dev/console", O_RDWR | O_NOCTTY);
        }
        int fd = -1;
        if (is_terminal(run.spec.streams[i])) {
            fd = run.tty;
        } else if (run.spec.streams[i] == STREAM_PORT) {
            fd = open_port(ports[i], i == 0 ? O_RDONLY : O_WRONLY);
        } else {
            fd = open_high("/dev/null", O_RDWR);
        }
        if (fd < 0) {
            give_up(fd, i == 0 ? "open standard input" : "open standard output and error");
        }
        run.streams[i] = fd;
    }
}

static void on_signal(int number)
{
    run.signals |= 1u << number;
}

static void block_signals(void)
{
    uint64_t all = ~0ull;
    SYS(rt_sigprocmask, SIG_SETMASK, ADDR(&all), 0, sizeof(all));
}

/* Signals are taken only while waiting in ppoll. To PID 1 those without a handler do nothing. Comes
 * after the fork: a signal for the program that is there before its exec shall not meet a handler
 * of ours. */
static void set_up_signals(void)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = 0x04000000, /* SA_RESTORER, needed on x86-64 */
                               .sa_restorer = signal_return};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        SYS(rt_sigaction, numbers[i], ADDR(&action), 0, sizeof(uint64_t));
    }
}

static void send_timeline(void)
{
    static char text[256 * 1024]; /* 255 CPUs take most of it */
    if (run.spec.timeline == NULL || run.spec.timeline[0] == 'n') {
        return;
    }
    int fd = open_high("/sys/kernel/boot_timeline.json", O_RDONLY);
    size_t size = 0;
    long got;
    while (size < sizeof(text) &&
           (got = SYS(read, fd, ADDR(text + size), (long)(sizeof(text) - size))) > 0) {
        size += (size_t)got;
    }
    say("timeline %ld\n", (long)size);
    for (size_t sent = 0; sent < size; sent += (size_t)got) {
        got = SYS(write, run.control, ADDR(text + sent), (long)(size - sent));
        if (got <= 0) {
            return;
        }
    }
}

/* What the kernel tells of calls that it refused, each line behind a word. */
static void send_refused(void)
{
    static char text[8192];
    int fd = run.spec.strace ? open_high("/sys/kernel/debug/refused_calls", O_RDONLY) : -1;
    long got = fd < 0 ? 0 : SYS(read, fd, ADDR(text), (long)(sizeof(text) - 1));
    if (got <= 0) {
        return;
    }
    text[got] = '\0';
    for (char *start = text, *end; (end = strchr(start, '\n')) != NULL; start = end + 1) {
        char line[64];
        *end = '\0';
        int size = scnprintf(line, sizeof(line), "refused %s\n", start);
        SYS(write, run.control, ADDR(line), size);
    }
}

/* The end of the program, for people: nothing when it went well. */
static void tell_console(const char *format, long number)
{
    char line[64];
    if (number != 0) {
        int size = scnprintf(line, sizeof(line), format, number);
        SYS(write, run.tty, ADDR(line), size);
    }
}

/* Nothing that was written may be lost with the machine: each stream is drained first. */
static void finish(const char *format, long number, unsigned command)
{
    SYS(kill, -1, SIGKILL);
    if (!has_host()) {
        tell_console(format[0] == 'k' ? "alba: signal %ld ended the program\n"
                                      : "alba: the program ended with status %ld\n",
                     number);
    }
    for (int i = 1; i < 3; i++) {
        if (is_terminal(run.spec.streams[i])) {
            SYS(ioctl, run.tty, TCSBRK, 1); /* tcdrain(3) */
        } else {
            SYS(fsync, run.streams[i]);
        }
    }
    send_timeline();
    send_refused();
    say(format, number);
    power(command);
}

static void reap(void)
{
    int status = 0;
    for (long pid; (pid = SYS(wait4, -1, ADDR(&status), WNOHANG)) > 0;) {
        if (pid != run.child) {
            continue;
        }
        /* wait(2): the low seven bits are the signal, the next byte the status. */
        if ((status & 0x7f) != 0) {
            finish("killed %ld\n", status & 0x7f, LINUX_REBOOT_CMD_POWER_OFF);
        }
        finish("exit %ld\n", (status >> 8) & 0xff, LINUX_REBOOT_CMD_POWER_OFF);
    }
}

/* What the tools halt, poweroff and reboot send to PID 1: USR1, USR2 and TERM in busybox. */
static void obey_signals(void)
{
    unsigned signals = run.signals;
    run.signals &= ~signals; /* all are blocked here */
    if (signals & 1u << SIGCHLD) {
        reap();
    }
    if (signals & (1u << SIGUSR1 | 1u << SIGUSR2)) {
        finish("exit %ld\n", 0, LINUX_REBOOT_CMD_POWER_OFF);
    }
    if (signals & 1u << SIGTERM) {
        finish("exit %ld\n", 0, LINUX_REBOOT_CMD_RESTART);
    }
}

/* The numbers after a word of the line; how many there were, at most two. */
static int numbers_after(const char *line, const char *word, uint64_t numbers[2])
{
    size_t length = strlen(word);
    if (strncmp(line, word, length) != 0 || line[length] != ' ') {
        return 0;
    }
    line += length + 1;
    int count = 0;
    while (count < 2 && parse_u64(line, &line, 10, &numbers[count]) == 0) {
        count++;
        line += *line == ' ';
    }
    return count;
}

static void obey_line(const char *line)
{
    uint64_t numbers[2];
    if (numbers_after(line, "signal", numbers) == 1) {
        SYS(kill, run.child, (long)numbers[0]);
        say("signalled %ld\n", (long)numbers[0]);
    } else if (numbers_after(line, "group", numbers) == 1) {
        SYS(kill, -run.child, (long)numbers[0]);
        say("signalled %ld\n", (long)numbers[0]);
    } else if (numbers_after(line, "winsize", numbers) == 2) {
        struct winsize size = {(unsigned short)numbers[0], (unsigned short)numbers[1], 0, 0};
        SYS(ioctl, run.tty, TIOCSWINSZ, ADDR(&size));
    }
}

static void read_control(void)
{
    long got = SYS(read, run.control, ADDR(run.line + run.line_size),
                   (long)(sizeof(run.line) - run.line_size));
    if (got == -EINTR || got == -EAGAIN) {
        return;
    }
    if (got <= 0) {
        run.control = -1; /* the host is gone; the program goes on */
        return;
    }
    run.line_size += (size_t)got;
    char *start = run.line;
    char *end;
    while ((end = memchr(start, '\n', run.line_size)) != NULL) {
        *end = '\0';
        obey_line(start);
        run.line_size -= (size_t)(end + 1 - start);
        start = end + 1;
    }
    if (run.line_size == sizeof(run.line)) {
        run.line_size = 0; /* no line of ours is so long */
    }
    memmove(run.line, start, run.line_size);
}

_Noreturn void run_main(void)
{
    int error = spec_read("/.alba/spec", &run.spec);
    set_up_files();
    run.patience_ms = PATIENCE_MS;
    run.control = has_host() ? open_port("/dev/virtio-ports/alba.control", O_RDWR) : -1;
    if (error != 0) {
        give_up(error, "read /.alba/spec");
    }
    SYS(sethostname, ADDR(run.spec.hostname), (long)strlen(run.spec.hostname));
    open_streams();
    block_signals();
    run.child = child_start(&run.spec, run.streams, run.tty, has_host() ? run.control : run.tty);
    if (run.child < 0) {
        give_up(run.child, "start a process");
    }
    set_up_signals();
    say("started %ld\n", run.child);
    reap(); /* of what ended before the handlers were there nothing tells */
    for (;;) {
        struct pollfd poll = {.fd = run.control, .events = POLLIN};
        uint64_t none = 0;
        SYS(ppoll, ADDR(&poll), 1, 0, ADDR(&none), sizeof(none));
        obey_signals();
        if (poll.revents != 0) {
            read_control();
        }
    }
}
