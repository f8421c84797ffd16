/* SPDX-License-Identifier: BSD-2-Clause */
/* The menu: entries, a clock that runs out, and a line editor for the command line. */
#include "boot/door/bios/manager.h"
#include "lib/format.h"
#include "lib/string.h"

enum {
    FIRST_ROW = 3,
    HELP_ROW = 21,
    CLOCK_ROW = 22,
    EDIT_ROW = 18,
    COLUMNS = 79,
    TICKS_PER_SECOND = 18
};

static void row(unsigned number, const char *text)
{
    console_row(number, false, text, strlen(text));
}

/* The entry's command line to where it can be edited and the kernel gets it. */
static void take_command_line(const struct bootcfg_entry *entry)
{
    uint32_t size = MIN(entry->cmdline.size, LOW_BUFFER_SIZE - 1);
    memcpy(command_line, entry->cmdline.at, size);
    command_line[size] = 0;
}

static void show_entry(const struct bootcfg *config, uint32_t index, bool chosen)
{
    char text[COLUMNS + 1];
    const struct bootcfg_text *title = &config->entries[index].title;
    int size = scnprintf(text, sizeof(text), "  %u  %.*s", index + 1, (int)title->size, title->at);
    console_row(FIRST_ROW + index, chosen, text, (size_t)size);
}

static void show(const struct bootcfg *config, uint32_t chosen)
{
    console_clear();
    row(1, "  Alba boot manager");
    for (uint32_t i = 0; i < config->count; i++) {
        show_entry(config, i, i == chosen);
    }
    row(HELP_ROW, "  Up, Down: choose.  Enter: start.  e: edit the command line.");
}

static void show_clock(uint32_t seconds)
{
    char text[COLUMNS + 1];
    int size = scnprintf(text, sizeof(text), "  Starting in %u s", seconds);
    console_row(CLOCK_ROW, false, text, (size_t)size);
}

/* The part of the command line around the cursor. */
static void show_line(uint32_t cursor)
{
    uint32_t size = (uint32_t)strlen((const char *)command_line);
    uint32_t from = cursor < COLUMNS - 4 ? 0 : cursor - (COLUMNS - 4);
    char text[COLUMNS + 1];
    int shown = scnprintf(text, sizeof(text), "  %.*s", (int)MIN(size - from, COLUMNS - 3u),
                          (const char *)command_line + from);
    console_row(EDIT_ROW + 1, false, text, (size_t)shown);
    console_move(EDIT_ROW + 1, 2 + cursor - from);
}

/* One key's change of the line; the cursor's new place. */
static uint32_t edit_key(enum key key, uint32_t cursor)
{
    uint8_t *line = command_line;
    uint32_t size = (uint32_t)strlen((const char *)line);
    switch (key) {
    case KEY_LEFT:
        return cursor > 0 ? cursor - 1 : 0;
    case KEY_RIGHT:
        return MIN(cursor + 1, size);
    case KEY_HOME:
        return 0;
    case KEY_END:
        return size;
    case KEY_BACKSPACE:
        if (cursor == 0) {
            return 0;
        }
        cursor--;
        __attribute__((fallthrough));
    case KEY_DELETE:
        if (cursor < size) {
            memmove(line + cursor, line + cursor + 1, size - cursor);
        }
        return cursor;
    default:
        if (key >= ' ' && key <= '~' && size + 1 < LOW_BUFFER_SIZE) {
            memmove(line + cursor + 1, line + cursor, size - cursor + 1);
            line[cursor++] = (uint8_t)key;
        }
        return cursor;
    }
}

/* Whether the line is to be used; else all is as before. */
static bool edit(void)
{
    uint32_t cursor = (uint32_t)strlen((const char *)command_line);
    row(EDIT_ROW, "  Command line:");
    row(HELP_ROW, "  Enter: start with it.  Esc: back to the menu.");
    for (;;) {
        show_line(cursor);
        enum key key = console_key(WAIT_FOR_EVER);
        if (key == KEY_ENTER || key == KEY_ESCAPE) {
            return key == KEY_ENTER;
        }
        cursor = edit_key(key, cursor);
    }
}

/* Counts down on the screen until a key comes; KEY_NONE: none came. */
static enum key count_down(uint32_t seconds)
{
    for (; seconds > 0; seconds--) {
        show_clock(seconds);
        enum key key = console_key(TICKS_PER_SECOND);
        if (key != KEY_NONE) {
            row(CLOCK_ROW, "");
            return key;
        }
    }
    return KEY_NONE;
}

/* Shows the entries and lets people choose among them; the chosen one's index. */
static uint32_t choose(const struct bootcfg *config, int32_t timeout)
{
    uint32_t chosen = config->default_entry;
    show(config, chosen);
    enum key key = timeout > 0 ? count_down((uint32_t)timeout) : console_key(WAIT_FOR_EVER);
    for (; key != KEY_NONE && key != KEY_ENTER; key = console_key(WAIT_FOR_EVER)) {
        uint32_t before = chosen;
        if (key == KEY_UP && chosen > 0) {
            chosen--;
        } else if (key == KEY_DOWN && chosen + 1 < config->count) {
            chosen++;
        } else if (key == 'e') {
            take_command_line(&config->entries[chosen]);
            if (edit()) {
                return chosen;
            }
            show(config, chosen);
        }
        if (before != chosen) {
            show_entry(config, before, false);
            show_entry(config, chosen, true);
        }
    }
    take_command_line(&config->entries[chosen]);
    return chosen;
}

const struct bootcfg_entry *menu_run(const struct bootcfg *config, bool wait)
{
    bool held = console_key_held();
    if (!wait && !held && config->timeout == 0) {
        take_command_line(&config->entries[config->default_entry]);
        return &config->entries[config->default_entry];
    }
    while (console_key(0) != KEY_NONE) {
        continue; /* those keys have done what they can do */
    }
    uint32_t index = choose(config, wait || held ? -1 : config->timeout);
    console_clear();
    return &config->entries[index];
}
