/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen and the keyboard of a PC as the line tty1, and as a console of the log. What is
 * written changes cells in memory at once; a work draws those that differ from what is shown, so a
 * program that scrolls through a thousand lines does not wait for a thousand pictures. The log
 * draws by itself: it is to be read when nothing else runs any more. Nothing is drawn, and the
 * keyboard is not touched, before somebody writes or opens the line.
 *
 * Panics are shown whether or not console= names the screen.
 */
#include "kernel/dev/screen/screen.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/spinlock.h"
#include "kernel/core/work.h"
#include "kernel/dev/api/line.h"
#include "kernel/dev/api/power.h"
#include "kernel/dev/drivers.h"
#include "kernel/dev/input/i8042.h"
#include "kernel/dev/screen/surface.h"
#include "kernel/mm/physmap.h"
#include "lib/keyboard.h"
#include "lib/string.h"

static_assert(2 * sizeof(struct vt_cell) == BOOT_CELL_SIZE, "one is wanted, one is shown");

static struct spinlock screen_lock = SPINLOCK_INIT(LOCK_SCREEN);
static struct surface *surface;       /* constant after early init; NULL: there is no screen */
static struct vt_cell *cells, *shown; /* constant after early init; the content: [screen_lock] */
static struct vt vt;                  /* [screen_lock] */
static uint32_t palette[16];          /* [screen_lock] what the surface draws with */
static bool started;                  /* [screen_lock] vt is set up, the surface is cleared */
static bool panicking;                /* the CPU that panics: it has said so to vt */
static struct keyboard keyboard;      /* the keyboard's interrupt, but for the terminal's modes */
static bool attention;                /* atomic: Ctrl-Alt-Del was typed */
static bool logging;                  /* atomic: console= wants the log here */
static bool enabled;                  /* atomic: somebody has the line open */
static struct work draw_work;
static struct line screen_line;

/* REQUIRES screen_lock, as all that is called _locked. */
static void start_locked(void)
{
    if (!started) {
        started = true;
        surface->clear();
        vt_init(&vt, cells, surface->rows, surface->columns);
        memcpy(shown, cells, surface->rows * surface->columns * sizeof(*cells));
    }
}

static void draw_row_locked(unsigned row)
{
    if (!vt.dirty[row]) {
        return;
    }
    vt.dirty[row] = false;
    struct vt_cell *old = &shown[row * vt.columns];
    for (unsigned column = 0; column < vt.columns; column++, old++) {
        struct vt_cell cell = vt_look(&vt, row, column);
        if (memcmp(&cell, old, sizeof(cell)) != 0) {
            *old = cell;
            surface->draw(row, column, cell);
        }
    }
}

/* What is not of a single row. */
static void draw_frame_locked(void)
{
    if (surface->set_palette != NULL && memcmp(palette, vt.palette, sizeof(palette)) != 0) {
        memcpy(palette, vt.palette, sizeof(palette));
        surface->set_palette(palette);
        memset(shown, 0xff, vt.rows * vt.columns * sizeof(*shown)); /* like no cell */
        vt_touch_all(&vt);
    }
    if (surface->set_cursor != NULL) {
        surface->set_cursor(vt.at.row, vt.at.column, vt.hidden);
    }
}

/* Hands bytes up, as typed. Those that the terminal has no room for are lost, as on any keyboard.
 */
static void type(const char *bytes, size_t size)
{
    const struct line_listener *listener = line_listener(&screen_line);
    if (size > 0 && listener != NULL && __atomic_load_n(&enabled, __ATOMIC_RELAXED)) {
        listener->received(screen_line.listener_arg, bytes, size);
    }
}

/* Answers of the terminal to the program. */
static void send_reply(void)
{
    char reply[VT_REPLY_MAX];
    unsigned long flags = spin_lock_irqsave(&screen_lock);
    size_t size = vt.reply_size;
    memcpy(reply, vt.reply, size);
    vt.reply_size = 0;
    spin_unlock_irqrestore(&screen_lock, flags);
    type(reply, size);
}

/* Row by row, so that nobody waits long for the lock. */
static void run_draw_work(struct work *work)
{
    (void)work;
    for (unsigned row = 0; row < surface->rows; row++) {
        unsigned long flags = spin_lock_irqsave(&screen_lock);
        if (row == 0) {
            draw_frame_locked();
        }
        draw_row_locked(row);
        spin_unlock_irqrestore(&screen_lock, flags);
    }
    send_reply();
    if (__atomic_exchange_n(&attention, false, __ATOMIC_RELAXED)) {
        power_attention();
    }
}

/* ---- The line ---- */

static size_t screen_write(struct line *line, const void *bytes, size_t size)
{
    (void)line;
    unsigned long flags = spin_lock_irqsave(&screen_lock);
    start_locked();
    vt_write(&vt, bytes, size);
    spin_unlock_irqrestore(&screen_lock, flags);
    work_queue(&draw_work);
    return size;
}

/* A byte from the keyboard, in interrupt context. */
static void on_scan_code(uint8_t byte)
{
    char typed[KEYBOARD_BYTES_MAX];
    uint8_t locks = keyboard.locks;
    spin_lock(&screen_lock);
    keyboard.cursor_keys = vt.cursor_keys;
    keyboard.new_line = vt.new_line;
    spin_unlock(&screen_lock);
    size_t size = keyboard_take(&keyboard, byte, typed);
    if (keyboard.locks != locks) {
        i8042_set_lights(keyboard.locks);
    }
    if (keyboard.attention) {
        keyboard.attention = false;
        __atomic_store_n(&attention, true, __ATOMIC_RELAXED);
        work_queue(&draw_work);
    }
    type(typed, size);
}

static void screen_enable(struct line *line, bool on)
{
    (void)line;
    if (on) {
        i8042_start(on_scan_code);
    }
    __atomic_store_n(&enabled, on, __ATOMIC_RELAXED);
}

static void screen_unthrottle(struct line *line)
{
    (void)line; /* nothing is held back */
}

static bool screen_size(struct line *line, unsigned *rows, unsigned *columns)
{
    (void)line;
    *rows = surface->rows;
    *columns = surface->columns;
    return true;
}

static const struct line_ops screen_ops = {
    .write = screen_write,
    .enable = screen_enable,
    .unthrottle = screen_unthrottle,
    .size = screen_size,
};

static struct line screen_line = {.name = "tty1", .major = 4, .minor = 1, .ops = &screen_ops};

/* ---- The log ---- */

static void put_text_locked(const char *text, size_t size)
{
    for (size_t done = 0; done < size;) {
        const char *end = memchr(text + done, '\n', size - done);
        size_t part = end != NULL ? (size_t)(end - text) - done : size - done;
        vt_write(&vt, text + done, part);
        done += part;
        if (end != NULL) {
            vt_write(&vt, "\r\n", 2);
            done++;
        }
    }
}

/* Ends whatever sequence the program was in, and its colours, region and character set. */
static void begin_panic_locked(void)
{
    static const char normal[] = "\030\0337\033[r\0338\033[m\033[4l\033(B\017\r\n\033[J";
    if (!panicking) {
        panicking = true;
        put_text_locked(normal, sizeof(normal) - 1);
    }
}

static void screen_log(const char *text, size_t size)
{
    /* After a panic the lock may be held by the code that panicked, or by a CPU that stands. */
    bool mine = panic_is_mine();
    if (surface == NULL || (!mine && !__atomic_load_n(&logging, __ATOMIC_RELAXED))) {
        return;
    }
    unsigned long flags = arch_irq_save();
    if (!mine) {
        spin_lock(&screen_lock);
    }
    start_locked();
    if (mine) {
        begin_panic_locked();
    }
    put_text_locked(text, size);
    draw_frame_locked();
    for (unsigned row = 0; row < vt.rows; row++) {
        draw_row_locked(row);
    }
    if (!mine) {
        spin_unlock(&screen_lock);
    }
    arch_irq_restore(flags);
}

static const struct log_console screen_console = {"tty", screen_log};

INIT_TEXT void screen_early_init(const struct bootinfo *info)
{
    if (info->cells == 0) {
        return;
    }
    surface = fb_surface(info);
    if (surface == NULL) {
        surface = vga_surface(info);
    }
    if (surface != NULL) {
        cells = phys_to_virt(info->cells);
        shown = cells + (size_t)surface->rows * surface->columns;
        log_add_console(&screen_console);
    }
}

struct choice {
    bool any, screen;
};

static void take_console_option(void *arg, const char *value)
{
    struct choice *choice = arg;
    const char *comma = strchr(value, ',');
    size_t size = comma != NULL ? (size_t)(comma - value) : strlen(value);
    choice->any = true;
    choice->screen |= (size == 3 && memcmp(value, "tty", 3) == 0) ||
                      (size == 4 &&
                       (memcmp(value, "tty0", 4) == 0 || memcmp(value, "tty1", 4) == 0));
}

/* What was logged before it was known who wants to see it. */
static void show_early_log(void)
{
    char text[LOG_TEXT_MAX + 1];
    struct log_record record;
    for (uint64_t seq = 0; log_read_record(&seq, &record, text, LOG_TEXT_MAX);) {
        if ((int)record.level < log_get_level()) {
            text[record.size] = '\n';
            screen_log(text, record.size + 1);
        }
    }
}

static void screen_probe(void)
{
    struct choice choice = {false, false};
    if (surface == NULL) {
        return;
    }
    work_setup(&draw_work, run_draw_work);
    cmdline_for_each("console", take_console_option, &choice);
    if (choice.screen || !choice.any) {
        __atomic_store_n(&logging, true, __ATOMIC_RELAXED);
        show_early_log();
    }
    line_register(&screen_line);
}

const struct driver screen_driver = {"screen", screen_probe, NULL};
