/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel command line: cut into words once, by the rules of Linux's parser
 * (admin-guide/kernel-parameters), and then looked up by name.
 *
 * A word ends at white space outside of double quotes. Quotes around a whole word (`"a=b c"`) or
 * around a value (`a="b c"`) are taken off; others are part of the word; a quote that is never
 * closed reaches to the end of the line. The first = after at least one character ends the name.
 *
 * Storage holds the line, then the words as records: a header, the word's bytes, a zero.
 */
#include "kernel/base/cmdline.h"

#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "lib/format.h"
#include "lib/string.h"

/* The header of a record: flags, the size of the name (or that it is long), the size of the word.
 */
#define WORD_KNOWN      (1u << 31) /* somebody asked for it */
#define WORD_INIT       (1u << 30) /* comes after "--" */
#define WORD_NAME_SHIFT 20
#define WORD_NAME_LONG  0x3ffu
#define WORD_LENGTH     0x000fffffu

/* A word in the line. */
struct word {
    const char *start;
    size_t size;
    size_t name_size;   /* the whole word when there is no = */
    size_t value_start; /* offset of the value; == size when it is empty or missing */
};

static struct {
    const char *text; /* in storage; immutable after cmdline_init */
    char *words;      /* records; WORD_KNOWN bits are set by the boot thread while it boots */
    char *words_end;
} cmdline = {.text = ""};

/* Linux takes the byte 0xa0 as a space too; here it is a part of letters in UTF-8. */
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes the next word off *text, which must be zero-terminated; false at the end. */
static bool next_word(const char **text, struct word *word)
{
    const char *s = *text;

    while (is_space(*s)) {
        s++;
    }
    if (*s == '\0') {
        return false;
    }
    bool quoted = *s == '"';
    if (quoted) {
        s++;
    }
    bool inside = quoted;
    size_t size = 0;
    size_t equals = 0;
    for (; s[size] != '\0' && (inside || !is_space(s[size])); size++) {
        if (s[size] == '=' && equals == 0) {
            equals = size;
        }
        if (s[size] == '"') {
            inside = !inside;
        }
    }
    *text = s + size;

    bool value_quoted = equals > 0 && s[equals + 1] == '"' && equals + 1 < size;
    /* One closing quote at the end, if what it closes was opened by a quote that is taken off. */
    size_t value = equals > 0 ? equals + 1 + value_quoted : size;
    if ((quoted || value_quoted) && size > value && s[size - 1] == '"') {
        size--;
    } else if (quoted && equals == 0 && size > 0 && s[size - 1] == '"') {
        size--;
        value = size;
    }
    word->start = s;
    word->size = size;
    word->name_size = equals > 0 ? equals : size;
    word->value_start = value;
    return true;
}

/* Do the names agree, with - and _ taken as the same? */
static bool name_matches(const char *name, const char *word, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char a = name[i] == '-' ? '_' : name[i];
        char b = word[i] == '-' ? '_' : word[i];
        if (a != b) {
            return false; /* also when name ends first: its zero is in no word */
        }
    }
    return name[size] == '\0';
}

static uint32_t header_get(const char *record)
{
    uint32_t header;

    memcpy(&header, record, sizeof(header));
    return header;
}

static void header_set(char *record, uint32_t header)
{
    memcpy(record, &header, sizeof(header));
}

static const char *record_word(const char *record)
{
    return record + sizeof(uint32_t);
}

static char *record_next(char *record)
{
    return record + sizeof(uint32_t) + (header_get(record) & WORD_LENGTH) + 1;
}

/* The size of the record's name; *value: where the value begins, at the end when there is none. */
static size_t record_name(const char *record, uint32_t header, const char **value)
{
    const char *word = record_word(record);
    size_t size = header & WORD_LENGTH;
    size_t name_size = header >> WORD_NAME_SHIFT & WORD_NAME_LONG;

    if (unlikely(name_size == WORD_NAME_LONG)) {
        const char *equals = memchr(word + 1, '=', size - 1);
        name_size = equals != NULL ? (size_t)(equals - word) : size;
    }
    *value = word + name_size + (name_size < size);
    return name_size;
}

/* The next record from *cursor on that has the name; NULL: none. *value is its value. */
static char *record_find(char **cursor, const char *name, const char **value)
{
    for (char *record = *cursor; record < cmdline.words_end; record = record_next(record)) {
        uint32_t header = header_get(record);
        size_t name_size = record_name(record, header, value);
        if (!(header & WORD_INIT) && name_matches(name, record_word(record), name_size)) {
            *cursor = record_next(record);
            return record;
        }
    }
    return NULL;
}

const char *cmdline_text(void)
{
    return cmdline.text;
}

const char *cmdline_get(const char *name)
{
    char *cursor = cmdline.words;
    const char *value, *last = NULL;
    char *record;

    while ((record = record_find(&cursor, name, &value)) != NULL) {
        header_set(record, header_get(record) | WORD_KNOWN);
        last = value;
    }
    return last;
}

void cmdline_for_each(const char *name, void (*visit)(void *arg, const char *value), void *arg)
{
    char *cursor = cmdline.words;
    const char *value;
    char *record;

    while ((record = record_find(&cursor, name, &value)) != NULL) {
        header_set(record, header_get(record) | WORD_KNOWN);
        visit(arg, value);
    }
}

/* Powers of two of the suffixes K M G T P E, in either case; 0: not a suffix. */
static unsigned suffix_shift(char c)
{
    static const char suffixes[] = "kmgtpe";
    const char *found = c == '\0' ? NULL : strchr(suffixes, c | 0x20);

    return found == NULL ? 0 : 10 * (unsigned)(found - suffixes + 1);
}

uint64_t cmdline_number(const char *name, uint64_t fallback)
{
    const char *text = cmdline_get(name);
    const char *end;
    uint64_t value;

    if (text == NULL) {
        return fallback;
    }
    if (parse_u64(text, &end, 0, &value) == 0) {
        unsigned shift = suffix_shift(*end);
        end += shift > 0;
        if (*end == '\0' && value << shift >> shift == value) {
            return value << shift;
        }
    }
    log_warn("command line: %s=%s is not a number: %llu is used", name, text,
             (unsigned long long)fallback);
    return fallback;
}

bool cmdline_flag(const char *name)
{
    static const char *const off[] = {"0", "n", "N", "no", "off", "false"};
    const char *value = cmdline_get(name);

    if (value == NULL) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
        if (strcmp(value, off[i]) == 0) {
            return false;
        }
    }
    return true;
}

void cmdline_unknown(void (*visit)(void *arg, const char *word, bool is_env), void *arg)
{
    for (char *record = cmdline.words; record < cmdline.words_end; record = record_next(record)) {
        uint32_t header = header_get(record);
        const char *word = record_word(record);
        const char *value;
        if (header & WORD_INIT) {
            visit(arg, word, false);
            continue;
        }
        size_t name_size = record_name(record, header, &value);
        if (!(header & WORD_KNOWN) && memchr(word, '.', name_size) == NULL) {
            visit(arg, word, name_size < (header & WORD_LENGTH));
        }
    }
}

/* Appends a record with the quotes of the value taken out; returns where the next one goes. */
static char *record_make(char *record, const struct word *word, uint32_t flags)
{
    char *to = record + sizeof(uint32_t);

    memcpy(to, word->start, word->name_size);
    to += word->name_size;
    if (word->value_start > word->name_size) {
        *to++ = '=';
        memcpy(to, word->start + word->value_start, word->size - word->value_start);
        to += word->size - word->value_start;
    }
    *to = '\0';
    uint32_t name_size = (uint32_t)MIN(word->name_size, (size_t)WORD_NAME_LONG);
    header_set(record,
               (uint32_t)(to - record - sizeof(uint32_t)) | flags | name_size << WORD_NAME_SHIFT);
    return to + 1;
}

void cmdline_init(const char *text, size_t size, void *storage)
{
    char *line = storage;
    uint32_t flags = 0;
    struct word word;

    size = strnlen(text, size);
    assert(size <= WORD_LENGTH);
    memcpy(line, text, size);
    line[size] = '\0';
    cmdline.text = line;
    cmdline.words = cmdline.words_end = line + size + 1;
    for (const char *rest = line; next_word(&rest, &word);) {
        if (flags == 0 && word.size == 2 && memcmp(word.start, "--", 2) == 0) {
            flags = WORD_INIT;
            continue;
        }
        cmdline.words_end = record_make(cmdline.words_end, &word, flags);
    }
    assert((size_t)(cmdline.words_end - line) <= CMDLINE_STORAGE(size));
}

long cmdline_early(const char *text, const char *name, char *buf, size_t size)
{
    struct word word;
    long result = -1;

    while (next_word(&text, &word)) {
        if (word.size == 2 && memcmp(word.start, "--", 2) == 0) {
            break;
        }
        if (name_matches(name, word.start, word.name_size)) {
            size_t length = word.size - word.value_start;
            if (size > 0) {
                size_t kept = MIN(length, size - 1);
                memcpy(buf, word.start + word.value_start, kept);
                buf[kept] = '\0';
            }
            result = (long)length;
        }
    }
    return result;
}
