/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration of a boot disk (bootcfg.h), line by line. */
#include "lib/bootcfg.h"
#include "abi/errno.h"
#include "lib/sha256.h"
#include "lib/string.h"
#include "lib/types.h"

enum { MAX_TIMEOUT = 24 * 60 * 60, TIMEOUT_OF_A_CHOICE = 5, UNSET = -2 };

/* What the lines are read into. */
struct reader {
    struct bootcfg *config;
    struct bootcfg_entry *entry; /* the last one that began; NULL: none yet */
    int32_t timeout, first;      /* UNSET until they are given */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bootcfg_text trim(struct bootcfg_text text)
{
    while (text.size > 0 && is_blank(text.at[text.size - 1])) {
        text.size--;
    }
    while (text.size > 0 && is_blank(text.at[0])) {
        text.at++;
        text.size--;
    }
    return text;
}

static bool is_word(struct bootcfg_text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.at, word, text.size) == 0;
}

/* A decimal number up to max; false: it is none. */
static bool number(struct bootcfg_text text, int32_t max, int32_t *value)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        sum = sum * 10 + (text.at[i] - '0');
        if (sum > max) {
            return false;
        }
    }
    *value = sum;
    return text.size > 0;
}

static const char *take_timeout(struct reader *reader, struct bootcfg_text value)
{
    if (reader->timeout != UNSET) {
        return "timeout is given twice";
    }
    if (is_word(value, "-1")) {
        reader->timeout = -1;
        return NULL;
    }
    return number(value, MAX_TIMEOUT, &reader->timeout) ? NULL
                                                        : "timeout must be seconds, or 0, or -1";
}

static const char *take_default(struct reader *reader, struct bootcfg_text value)
{
    if (reader->first != UNSET) {
        return "default is given twice";
    }
    return number(value, INT16_MAX, &reader->first) && reader->first > 0
               ? NULL
               : "default must be the number of an entry, from 1";
}

static const char *begin_entry(struct reader *reader, struct bootcfg_text value)
{
    if (reader->entry != NULL && reader->entry->kernel.size == 0) {
        return "the entry before this one has no kernel";
    }
    if (reader->config->count == BOOTCFG_MAX_ENTRIES) {
        return "too many entries";
    }
    if (value.size == 0) {
        return "a title is missing";
    }
    reader->entry = &reader->config->entries[reader->config->count++];
    *reader->entry = (struct bootcfg_entry){.title = value};
    return NULL;
}

static const char *take_path(struct bootcfg_text *path, struct bootcfg_text value)
{
    if (path->size != 0) {
        return "given twice for this entry";
    }
    if (value.size < 2 || value.at[0] != '/') {
        return "a path must begin with '/'";
    }
    *path = value;
    return NULL;
}

static const char *take_digest(uint8_t digest[32], uint8_t *has, struct bootcfg_text value)
{
    if (*has) {
        return "given twice for this entry";
    }
    if (sha256_parse(value.at, value.size, digest) != 0) {
        return "a SHA-256 digest has 64 hexadecimal digits";
    }
    *has = 1;
    return NULL;
}

/* A line of an entry. `whole` is the value with its blanks. */
static const char *take_entry_key(struct bootcfg_entry *entry, struct bootcfg_text key,
                                  struct bootcfg_text whole)
{
    struct bootcfg_text value = trim(whole);
    if (is_word(key, "kernel")) {
        return take_path(&entry->kernel, value);
    }
    if (is_word(key, "initrd")) {
        return take_path(&entry->initrd, value);
    }
    if (is_word(key, "kernel_sha256")) {
        return take_digest(entry->kernel_sha256, &entry->has_kernel_sha256, value);
    }
    if (is_word(key, "initrd_sha256")) {
        return take_digest(entry->initrd_sha256, &entry->has_initrd_sha256, value);
    }
    if (!is_word(key, "cmdline")) {
        return "unknown key";
    }
    if (entry->cmdline.at != NULL) {
        return "given twice for this entry";
    }
    entry->cmdline = whole;
    return NULL;
}

static const char *take_line(struct reader *reader, struct bootcfg_text line)
{
    static const char of_entries[][16] = {"kernel", "initrd", "cmdline", "kernel_sha256",
                                          "initrd_sha256"};
    const char *sign = memchr(line.at, '=', line.size);
    if (sign == NULL) {
        return "a line must be key=value";
    }
    uint32_t key_size = (uint32_t)(sign - line.at);
    struct bootcfg_text key = trim((struct bootcfg_text){line.at, key_size});
    struct bootcfg_text whole = {sign + 1, line.size - key_size - 1};
    if (is_word(key, "timeout")) {
        return take_timeout(reader, trim(whole));
    }
    if (is_word(key, "default")) {
        return take_default(reader, trim(whole));
    }
    if (is_word(key, "title")) {
        return begin_entry(reader, trim(whole));
    }
    for (size_t i = 0; i < ARRAY_SIZE(of_entries) && reader->entry == NULL; i++) {
        if (is_word(key, of_entries[i])) {
            return "an entry begins with title=";
        }
    }
    return reader->entry == NULL ? "unknown key" : take_entry_key(reader->entry, key, whole);
}

/* What can only be seen at the end. */
static const char *finish(struct reader *reader)
{
    struct bootcfg *config = reader->config;
    if (config->count == 0) {
        return "there is no entry";
    }
    if (reader->entry->kernel.size == 0) {
        return "the last entry has no kernel";
    }
    if (reader->first != UNSET && (uint32_t)reader->first > config->count) {
        return "default is an entry that there is not";
    }
    config->default_entry = reader->first == UNSET ? 0 : (uint32_t)reader->first - 1;
    config->timeout = reader->timeout;
    if (reader->timeout == UNSET) {
        config->timeout = config->count > 1 ? TIMEOUT_OF_A_CHOICE : 0;
    }
    return NULL;
}

int bootcfg_parse(struct bootcfg *config, const char *text, size_t size, uint32_t *line,
                  const char **why)
{
    struct reader reader = {.config = config, .timeout = UNSET, .first = UNSET};
    const char *error = size <= BOOTCFG_MAX_SIZE ? NULL : "the file is too large";
    *line = 0;
    config->count = 0;
    while (error == NULL && size > 0) {
        const char *end = memchr(text, '\n', size);
        uint32_t used = (uint32_t)(end != NULL ? (size_t)(end - text) + 1 : size);
        struct bootcfg_text all = {text, end != NULL ? used - 1 : used};
        /* A line may end with \r\n. */
        if (all.size > 0 && all.at[all.size - 1] == '\r') {
            all.size--;
        }
        ++*line;
        struct bootcfg_text trimmed = trim(all);
        if (memchr(all.at, 0, all.size) != NULL) {
            error = "the line has a byte that is 0";
        } else if (trimmed.size > 0 && trimmed.at[0] != '#') {
            error = take_line(&reader, all);
        }
        text += used;
        size -= used;
    }
    if (error == NULL) {
        error = finish(&reader);
    }
    *why = error;
    return error == NULL ? 0 : -EINVAL;
}
