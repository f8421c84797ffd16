/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Terminals: the line discipline (canonical and raw input, echo, output processing, flow control)
 * and job control over a device that only moves bytes. The device is behind struct tty_driver, so
 * serial lines and the masters of pseudo terminals fit alike.
 *
 * Files: tty.c (open, close, /dev), tty_input.c, tty_output.c, tty_read.c, tty_ioctl.c,
 * tty_termios.c, tty_job.c, tty_screen.c, tty_line.c (the driver over kernel/dev/api/line.h), pty.c
 * and pty_ioctl.c (the driver that programs are), devpts.c (their names). Lock order: tty->lock may
 * be held when a device's lock is taken; it is never held when a signal is sent, when
 * process_tree_lock is taken, or when user memory is touched.
 */
#include "kernel/base/refcount.h"
#include "kernel/core/wait.h"
#include "kernel/fs/file.h"
#include "kernel/personality/linux/tty/termios.h"

struct tty;
struct line;
struct linux_process;

/* Power of two: input and output rings are indexed by free-running counters. */
#define TTY_RING 4096u

struct tty_driver {
    /* First open and last close; may sleep. */
    int (*open)(struct tty *tty);
    void (*close)(struct tty *tty);
    /* Hands over bytes; what is not taken is asked for by tty_writable later. REQUIRES tty->lock.
     */
    size_t (*write)(struct tty *tty, const void *bytes, size_t size);
    /* There is room again after tty_receive took less than offered. Called without locks. */
    void (*unthrottle)(struct tty *tty);
    /* What was handed over has left. NULL: always. */
    bool (*idle)(struct tty *tty);
    /* termios changed: speed and format. NULL: nobody cares. */
    void (*configure)(struct tty *tty);
    /* TIOCPKT_*: something happened that packet mode tells of. REQUIRES tty->lock. NULL: nobody
     * cares. */
    void (*event)(struct tty *tty, unsigned events);
    /* The last reference has gone. NULL: nothing to do. */
    void (*destroy)(struct tty *tty);
    /* Bytes of both directions stay after the last close, and nobody waits for output to leave. */
    bool keeps;
};

struct tty {
    struct refcount refs;
    const struct tty_driver *driver; /* constant */
    void *device;                    /* the driver's; constant */
    char name[16];                   /* constant */
    dev_number dev;                  /* constant */
    struct list link;                /* [ttys lock of tty.c] */
    struct chrdev node;              /* constant once registered */
    struct mutex open_lock;          /* first open and last close */
    unsigned open_count;             /* [open_lock] */

    struct spinlock lock;   /* taken in interrupt context */
    struct termios termios; /* [lock]; single flags are read without */
    struct winsize size;    /* [lock] */
    int session, pgrp;      /* [lock] whose controlling terminal it is, foreground group; or 0 */
    struct list files;      /* [lock] struct tty_file */
    bool exclusive;         /* atomic: TIOCEXCL */
    bool dead;              /* atomic: the device has gone */

    uint8_t *in;                        /* [lock] TTY_RING bytes; NULL: never opened */
    uint8_t in_delimiter[TTY_RING / 8]; /* [lock] bit: a line ends with this byte of `in` */
    unsigned in_head, in_tail;          /* [lock] next to fill, next to read */
    unsigned in_line;                   /* [lock] canonical: end of the last whole line */
    bool literal_next;                  /* [lock] VLNEXT was typed */
    bool erasing;                       /* [lock] inside \.../ of ECHOPRT */
    bool in_full;                       /* [lock] the device holds bytes back */
    bool stop_sent;                     /* [lock] IXOFF: the other side was told to stop */

    uint8_t *out;                /* [lock] TTY_RING bytes */
    unsigned out_head, out_tail; /* [lock] */
    unsigned column;             /* [lock] of the cursor, as far as it can be known */
    unsigned line_column;        /* [lock] column where the line being typed began */
    bool stopped;                /* [lock] by VSTOP or TCOOFF */

    bool reading, writing; /* atomic: a read or write call is in progress */
    struct waitq read_wait, write_wait;
};

/* One open of a terminal: file->priv. */
struct tty_file {
    struct tty *tty;  /* counted */
    struct list link; /* [tty->lock] */
    bool hung_up;     /* [tty->lock] written; read anywhere: reads end, writes fail */
    bool is_console;  /* opened as /dev/console: job control does not apply; survives hang-ups */
};

/* A terminal with one reference; not yet visible: NULL when memory is out. */
struct tty *tty_create(const struct tty_driver *driver, void *device, const char *name,
                       dev_number dev);
void tty_get(struct tty *tty);
void tty_put(struct tty *tty);
/* A screen with a keyboard (Linux's virtual terminals), not a line. */
static inline bool tty_is_screen(const struct tty *tty)
{
    return DEV_MAJOR(tty->dev) == 4 && DEV_MINOR(tty->dev) < 64;
}
/* Makes it findable by number and gives it a node in /dev. */
int tty_register(struct tty *tty, const char *node);

/* C14: /dev/tty, /dev/console and all lines there are and will be. */
void linux_tty_init(void);
/* /dev/ptmx and devpts. */
void pty_init(void);
/* Driver over struct line. */
void tty_line_added(struct line *line);
/* The terminal of /dev/console is being opened: with console_join it gets its other lines. */
void tty_line_join(struct tty *tty);

/* Opens file as tty, which may become the caller's controlling terminal; takes over the reference
 * to tty: 0, -EIO, -EBUSY, -ENOMEM. */
int tty_open(struct file *file, struct tty *tty);
/* Makes the rings; REQUIRES that nobody else does, or open_lock: 0 or -ENOMEM. */
int tty_need_rings(struct tty *tty);

/* The process's controlling terminal with a reference, or NULL. */
struct tty *process_tty(struct linux_process *process);
/* As /proc/PID/stat shows it (old encoding of device numbers); 0 for NULL. */
int tty_device_number(const struct tty *tty);
int tty_foreground_pgrp(struct tty *tty);
/* For exit.c, before the process is taken out of its session; no locks held. Hangs the terminal up
 * when the process leads the session. */
void tty_session_leader_exit(struct linux_process *process);
/* vhangup(2) of the caller's controlling terminal. */
void tty_vhangup_current(void);

/* ---- From devices, any context ---- */
/* Received bytes; returns how many were taken; for the rest see unthrottle. */
size_t tty_receive(struct tty *tty, const void *bytes, size_t size);
/* The device takes bytes again. */
void tty_writable(struct tty *tty);
void tty_resize(struct tty *tty, unsigned rows, unsigned columns);
/* Hang-up: all open files end, the session is told. */
void tty_hangup(struct tty *tty);

/* ---- Between the files of this layer ---- */
static inline uint32_t tty_iflag(const struct tty *tty, uint32_t flag)
{
    return __atomic_load_n(&tty->termios.c_iflag, __ATOMIC_RELAXED) & flag;
}
static inline uint32_t tty_oflag(const struct tty *tty, uint32_t flag)
{
    return __atomic_load_n(&tty->termios.c_oflag, __ATOMIC_RELAXED) & flag;
}
static inline uint32_t tty_lflag(const struct tty *tty, uint32_t flag)
{
    return __atomic_load_n(&tty->termios.c_lflag, __ATOMIC_RELAXED) & flag;
}
/* True when byte is this special character; 0 in c_cc means that there is none. */
static inline bool tty_is_special(const struct tty *tty, unsigned index, uint8_t byte)
{
    return byte != 0 && tty->termios.c_cc[index] == byte;
}
/* Bytes after the first of a UTF-8 sequence do not move the cursor. */
static inline bool tty_is_continuation(const struct tty *tty, uint8_t byte)
{
    return tty_iflag(tty, IUTF8) && (byte & 0xc0) == 0x80;
}
static inline bool tty_is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}
static inline unsigned tty_in_used(const struct tty *tty)
{
    return __atomic_load_n(&tty->in_head, __ATOMIC_RELAXED) -
           __atomic_load_n(&tty->in_tail, __ATOMIC_RELAXED);
}
static inline unsigned tty_out_used(const struct tty *tty)
{
    return __atomic_load_n(&tty->out_head, __ATOMIC_RELAXED) -
           __atomic_load_n(&tty->out_tail, __ATOMIC_RELAXED);
}
static inline uint8_t tty_in_at(const struct tty *tty, unsigned at)
{
    return tty->in[at % TTY_RING];
}
static inline bool tty_in_ends_line(const struct tty *tty, unsigned at)
{
    return (tty->in_delimiter[at % TTY_RING / 8] >> (at % 8) & 1) != 0;
}
void tty_in_set_delimiter(struct tty *tty, unsigned at, bool on);
/* REQUIRES tty->lock. */
static inline void tty_event(struct tty *tty, unsigned events)
{
    if (tty->driver->event != NULL) {
        tty->driver->event(tty, events);
    }
}
/* Holds output back, or no longer. REQUIRES tty->lock. */
static inline void tty_set_stopped(struct tty *tty, bool stopped)
{
    if (tty->stopped != stopped) {
        tty->stopped = stopped;
        tty_event(tty, stopped ? TIOCPKT_STOP : TIOCPKT_START);
    }
}

/* tty_output.c. All REQUIRE tty->lock. Characters that find no room are dropped (echo). */
void tty_echo(struct tty *tty, uint8_t byte); /* with output processing, ^X for controls */
void tty_echo_raw(struct tty *tty, const char *string); /* with output processing only */
void tty_flush_locked(struct tty *tty);
void tty_discard_output_locked(struct tty *tty);
/* Sends a flow-control character past everything else. */
void tty_send_now_locked(struct tty *tty, uint8_t byte);
ssize_type tty_write(struct tty_file *tf, struct io *io, bool nonblock);
/* All output has left the device. */
bool tty_all_sent(struct tty *tty);
/* Waits until then: 0 or -EINTR (or the limit has passed). */
int tty_drain(struct tty *tty, uint64_t limit_ns);
bool tty_output_has_room(struct tty *tty);

/* tty_input.c; REQUIRES tty->lock. */
void tty_discard_input_locked(struct tty *tty);
/* A read would find something; minimum: as poll sees VMIN. */
bool tty_input_ready_locked(const struct tty *tty, bool minimum);
/* After input was taken away: lets the device go on. Called without the lock. */
void tty_input_taken(struct tty *tty);

/* tty_read.c */
ssize_type tty_read(struct tty_file *tf, struct io *io, bool nonblock);

/* tty_termios.c */
extern const struct termios tty_default_termios;
unsigned tty_baud(const struct termios *termios);
void tty_set_baud(struct termios *termios, unsigned baud);
long tty_termios_ioctl(struct tty_file *tf, unsigned request, vaddr_t arg);
void tty_set_termios(struct tty *tty, const struct termios *termios);

/* tty_ioctl.c */
long tty_ioctl(struct file *file, unsigned request, vaddr_t arg);
/* The same of a terminal that file is not a file of, but its master. */
long tty_ioctl_of(struct tty_file *tf, struct file *file, unsigned request, vaddr_t arg);

/* tty_screen.c: what only screens have. */
long tty_screen_ioctl(struct tty *tty, unsigned request, vaddr_t arg);

/* tty_job.c */
/* The rule for background processes: 0 to go on; -ERESTARTSYS: signo was sent; -EIO. */
int tty_check_background(struct tty *tty, int signo);
void tty_open_as_controlling(struct tty *tty);
long tty_job_ioctl(struct tty_file *tf, struct file *file, unsigned request, vaddr_t arg);
void tty_signal_foreground(struct tty *tty, int signo);
