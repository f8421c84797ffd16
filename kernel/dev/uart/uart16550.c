/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A serial ports of a PC (National Semiconductor PC16550D data sheet): COM1 to COM4 as lines
 * ttyS0 to ttyS3, and the polled console of the log and of panics on the one that console= names
 * (COM1 when none is). A port is not touched before its first use but for one read that tells
 * whether it is there; COM2 to COM4 are looked for only when console= asks for one. Transmission
 * never spins, except for the log.
 */
#include "kernel/dev/uart/uart16550.h"
#include "abi/errno.h"
#include "kernel/arch/port_io.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/log.h"
#include "kernel/base/spinlock.h"
#include "kernel/core/irq.h"
#include "kernel/dev/api/line.h"
#include "kernel/dev/drivers.h"
#include "lib/string.h"

struct uart {
    uint16_t base;
    uint8_t irq_line;
    struct line line;
    struct spinlock lock;      /* taken in interrupt context; the log writes under its own */
    struct line_config config; /* [lock] */
    bool found;                /* constant after probe */
    bool ready;                /* [lock] registers are set up */
    bool irq_taken;            /* owner: enable, which its caller serialises */
    bool enabled;              /* [lock] somebody has the line open */
    uint8_t interrupts;        /* [lock] what IER holds */
    unsigned fifo;             /* [lock] bytes that an empty transmitter takes */
    unsigned room;             /* [lock] bytes that it certainly takes now */
    bool write_short;          /* [lock] the listener waits for room */
    uint8_t held[UART_BURST];  /* [lock] received, not handed over yet; the deliverer reads it */
    size_t held_size;          /* [lock] */
    bool throttled;            /* [lock] the listener had no room: the receiver is off */
    bool delivering;           /* [lock] somebody hands bytes over */
    bool unthrottled;          /* [lock] it was full and had room again while it was offered more */
};

static size_t uart_write(struct line *line, const void *bytes, size_t size);
static void uart_enable(struct line *line, bool on);
static void uart_unthrottle(struct line *line);
static bool uart_idle(struct line *line);
static void uart_configure(struct line *line, const struct line_config *config);

static const struct line_ops uart_line_ops = {
    .write = uart_write,
    .enable = uart_enable,
    .unthrottle = uart_unthrottle,
    .idle = uart_idle,
    .configure = uart_configure,
};

#define UART(number, port, irq)                                                                    \
    {                                                                                              \
        .lock = SPINLOCK_INIT(LOCK_UART), .base = (port), .irq_line = (irq),                       \
        .config = {115200, 8, false, 'n'},                                                         \
        .line = {                                                                                  \
            .name = "ttyS" #number, .major = 4, .minor = 64 + (number), .ops = &uart_line_ops},    \
    }
static struct uart uarts[] = {
    UART(0, 0x3f8, 4),
    UART(1, 0x2f8, 3),
    UART(2, 0x3e8, 4),
    UART(3, 0x2e8, 3),
};

/* The one that the log goes to; constant after probe. */
static struct uart *console = &uarts[0];

/* Speed and format, with the divisor of a 1.8432 MHz clock. REQUIRES lock. */
static void set_format_locked(struct uart *uart)
{
    const struct line_config *config = &uart->config;
    unsigned baud = config->baud == 0 ? 9600 : config->baud;
    unsigned divisor = MIN(MAX(UART_CLOCK / baud, 1u), 0xffffu);
    uint8_t format = (uint8_t)(config->bits - 5);

    format |= config->two_stop_bits ? UART_LCR_STOP2 : 0;
    if (config->parity != 'n') {
        format |= UART_LCR_PARITY | (config->parity == 'e' ? UART_LCR_EVEN : 0);
    }
    out8(uart->base + UART_LCR, format | UART_LCR_DIVISOR);
    out8(uart->base + UART_DLL, (uint8_t)divisor);
    out8(uart->base + UART_DLM, (uint8_t)(divisor >> 8));
    out8(uart->base + UART_LCR, format);
}

/* Sets the registers up when that has not been done. REQUIRES lock. */
static void make_ready_locked(struct uart *uart)
{
    if (uart->ready) {
        return;
    }
    uart->ready = true;
    set_format_locked(uart);
    out8(uart->base + UART_FCR, UART_FCR_ENABLE | UART_FCR_CLEAR | UART_FCR_TRIGGER_8);
    out8(uart->base + UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
    bool has_fifo = (in8(uart->base + UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO;
    uart->fifo = has_fifo ? UART_FIFO_SIZE : 1;
}

static void set_interrupts_locked(struct uart *uart, uint8_t interrupts)
{
    if (uart->interrupts != interrupts) {
        uart->interrupts = interrupts;
        out8(uart->base + UART_IER, interrupts);
    }
}

static size_t uart_write(struct line *line, const void *bytes, size_t size)
{
    struct uart *uart = container_of(line, struct uart, line);
    const uint8_t *from = bytes;
    size_t done = 0;

    unsigned long flags = spin_lock_irqsave(&uart->lock);
    make_ready_locked(uart);
    while (done < size) {
        if (uart->room == 0) {
            if ((in8(uart->base + UART_LSR) & UART_LSR_THRE) == 0) {
                break;
            }
            uart->room = uart->fifo;
        }
        out8(uart->base + UART_THR, from[done++]);
        uart->room--;
    }
    if (done < size) {
        uart->write_short = true;
        set_interrupts_locked(uart, uart->interrupts | UART_IER_THRE);
    }
    spin_unlock_irqrestore(&uart->lock, flags);
    return done;
}

static bool uart_idle(struct line *line)
{
    struct uart *uart = container_of(line, struct uart, line);
    return !__atomic_load_n(&uart->ready, __ATOMIC_RELAXED) ||
           (in8(uart->base + UART_LSR) & UART_LSR_TEMT) != 0;
}

static void uart_configure(struct line *line, const struct line_config *config)
{
    struct uart *uart = container_of(line, struct uart, line);

    unsigned long flags = spin_lock_irqsave(&uart->lock);
    uart->config = *config;
    uart->config.bits = MIN(MAX(config->bits, 5u), 8u);
    if (uart->ready) {
        set_format_locked(uart);
    }
    spin_unlock_irqrestore(&uart->lock, flags);
}

/* Takes what has come in out of the FIFO. REQUIRES lock. */
static size_t drain_receiver_locked(struct uart *uart, uint8_t *bytes, size_t size)
{
    size_t count = 0;
    while (count < size && (in8(uart->base + UART_LSR) & UART_LSR_DATA) != 0) {
        bytes[count++] = in8(uart->base + UART_RBR);
    }
    return count;
}

/* Offers what is held to the listener, without the lock meanwhile. REQUIRES lock. */
static void offer_locked(struct uart *uart, const struct line_listener *listener,
                         unsigned long *flags)
{
    size_t size = uart->held_size;

    spin_unlock_irqrestore(&uart->lock, *flags);
    size_t taken = listener->received(uart->line.listener_arg, uart->held, size);
    *flags = spin_lock_irqsave(&uart->lock);
    assert(taken <= size);
    uart->held_size = size - taken;
    memmove(uart->held, uart->held + taken, size - taken);
    /* The listener may have made room again before we could note that it had none. */
    uart->throttled = taken < size && !uart->unthrottled;
    uart->unthrottled = false;
}

/* Hands received bytes over until the listener is full; the receiver stops then, until unthrottle.
 * One CPU at a time does it, so that bytes stay in order. */
static void deliver(struct uart *uart)
{
    const struct line_listener *listener = line_listener(&uart->line);

    unsigned long flags = spin_lock_irqsave(&uart->lock);
    if (listener != NULL && !uart->delivering) {
        uart->delivering = true;
        while (!uart->throttled) {
            if (uart->held_size == 0) {
                uart->held_size = drain_receiver_locked(uart, uart->held, sizeof(uart->held));
            }
            if (uart->held_size == 0) {
                break;
            }
            offer_locked(uart, listener, &flags);
        }
        uart->delivering = false;
        if (uart->enabled) {
            uint8_t others = uart->interrupts & (uint8_t)~UART_IER_RECEIVE;
            set_interrupts_locked(uart, uart->throttled ? others : others | UART_IER_RECEIVE);
        }
    }
    spin_unlock_irqrestore(&uart->lock, flags);
}

static void uart_unthrottle(struct line *line)
{
    struct uart *uart = container_of(line, struct uart, line);

    unsigned long flags = spin_lock_irqsave(&uart->lock);
    uart->throttled = false;
    uart->unthrottled = uart->delivering;
    spin_unlock_irqrestore(&uart->lock, flags);
    deliver(uart);
}

/* How much room there is the next writer finds out: one on another CPU may have filled it since. */
static void on_transmitter_empty(struct uart *uart)
{
    const struct line_listener *listener = line_listener(&uart->line);

    spin_lock(&uart->lock);
    uart->write_short = false;
    spin_unlock(&uart->lock);
    if (listener != NULL) {
        listener->writable(uart->line.listener_arg);
    }
    spin_lock(&uart->lock);
    if (!uart->write_short) {
        set_interrupts_locked(uart, uart->interrupts & (uint8_t)~UART_IER_THRE);
    }
    spin_unlock(&uart->lock);
}

/* ISA interrupts are edges: all causes must be gone before the line can rise again. */
static void uart_interrupt(void *arg)
{
    struct uart *uart = arg;

    for (int i = 0; i < 64; i++) {
        uint8_t cause = in8(uart->base + UART_IIR) & UART_IIR_CAUSE;
        switch (cause) {
        case UART_CAUSE_NONE:
            return;
        case UART_CAUSE_THRE:
            on_transmitter_empty(uart);
            break;
        case UART_CAUSE_DATA:
        case UART_CAUSE_TIMEOUT:
            deliver(uart);
            break;
        case UART_CAUSE_LINE:
            in8(uart->base + UART_LSR);
            break;
        default:
            in8(uart->base + UART_MSR);
            break;
        }
    }
}

static void uart_enable(struct line *line, bool on)
{
    struct uart *uart = container_of(line, struct uart, line);

    if (on && !uart->irq_taken) {
        int error = irq_request_isa(uart->irq_line, uart_interrupt, uart, line->name);
        if (error != 0) {
            log_warn("%s: no interrupt %u (error %d), nothing will be received", line->name,
                     uart->irq_line, error);
        }
        uart->irq_taken = true;
    }
    unsigned long flags = spin_lock_irqsave(&uart->lock);
    make_ready_locked(uart);
    uart->enabled = on;
    uart->throttled = false;
    if (uart->delivering) {
        uart->unthrottled = true; /* what it holds goes to whoever is there now */
    } else {
        uart->held_size = 0;
    }
    set_interrupts_locked(uart, on ? UART_IER_RECEIVE : 0);
    spin_unlock_irqrestore(&uart->lock, flags);
}

/* One character of the log: waits until there is room, but not for ever. REQUIRES lock. */
static void put_polled_locked(struct uart *uart, uint8_t byte)
{
    for (int i = 0; uart->room == 0 && i < 100000; i++) {
        if ((in8(uart->base + UART_LSR) & UART_LSR_THRE) != 0) {
            uart->room = uart->fifo;
        }
    }
    if (uart->room > 0) {
        uart->room--;
    }
    out8(uart->base + UART_THR, byte);
}

static void console_write(const char *bytes, size_t size)
{
    struct uart *uart = console;

    /* After a panic the lock may be held by the code that panicked. */
    bool locked = !panic_is_mine();
    unsigned long flags = arch_irq_save();
    if (locked) {
        spin_lock(&uart->lock);
    }
    if (!uart->found) {
        uart->found = in8(uart->base + UART_LSR) != 0xff;
    }
    if (uart->found) {
        make_ready_locked(uart);
        for (size_t i = 0; i < size; i++) {
            if (bytes[i] == '\n') {
                put_polled_locked(uart, '\r');
            }
            put_polled_locked(uart, (uint8_t)bytes[i]);
        }
    }
    if (locked) {
        spin_unlock(&uart->lock);
    }
    arch_irq_restore(flags);
}

static const struct log_console uart_console = {"ttyS", console_write};

void uart_early_init(void)
{
    log_add_console(&uart_console);
}

/* console=ttyS1,9600n8 makes COM2 the console and tells its format. */
static void take_console_option(void *arg, const char *value)
{
    (void)arg;
    unsigned number;
    struct line_config config;

    if (uart_parse_console(value, &number, &config) && number < ARRAY_SIZE(uarts)) {
        uarts[number].config = config;
        console = &uarts[number];
    }
}

static void uart_probe(void)
{
    cmdline_for_each("console", take_console_option, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(uarts); i++) {
        struct uart *uart = &uarts[i];
        if (i != 0 && uart != console) {
            continue;
        }
        if (!uart->found) {
            uart->found = in8(uart->base + UART_LSR) != 0xff;
        }
        if (uart->found) {
            uart->line.config = &uart->config;
            line_register(&uart->line);
        }
    }
}

/* What was written leaves: whoever comes next clears the FIFO. */
static void uart_stop(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(uarts); i++) {
        for (int looks = 0; looks < 1000000 && !uart_idle(&uarts[i].line); looks++) {
            arch_cpu_relax();
        }
        if (uarts[i].ready) {
            out8(uarts[i].base + UART_IER, 0);
        }
    }
}

const struct driver uart16550_driver = {"uart16550", uart_probe, uart_stop};
