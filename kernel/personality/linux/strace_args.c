/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What arguments of system calls mean, for people: by their letters in abi/linux.def, and those in
 * strace_args.def by the names that the manual has for their values. Strings are quoted and cut, as
 * by strace(1).
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/strace.h"
#include "lib/format.h"
#include "lib/string.h"

#define STRING_MAX     32u  /* bytes of a string that are shown, as strace does */
#define NAME_MAX_SHOWN 160u /* bytes of a path */
#define STRINGS_MAX    8u   /* of a vector */
#define AT_FDCWD       (-100)
#define AF_UNIX        1
#define SIGNAL_BITS    0xffu /* of clone's flags */

enum kind {
    PLAIN,
    BUFFER,  /* as many bytes as the next argument says */
    FILLED,  /* as many as the result says */
    STRINGS, /* a vector that ends with NULL */
    ADDRESS, /* of a socket */
    /* One of some values: */
    SIGNAL,
    WHENCE,
    ADVICE,
    FCNTL,
    IOCTL,
    MASK_HOW,
    FAMILY,
    EPOLL_OP,
    CLOCK,
    LIMIT,
    PRCTL,
    ARCH_PRCTL,
    USAGE,
    /* A set of bits: */
    OPEN,
    ACCESS,
    PROT,
    MAP,
    REMAP,
    MSYNC,
    CLONE,
    WAIT,
    AT,
    FD_FLAGS,
    SOCKET,
    MESSAGE,
    FUTEX,
    RANDOM,
    MOUNT,
};
#define FIRST_OF_VALUES SIGNAL
#define FIRST_OF_BITS   OPEN

enum call {
#define LINUX_CALL(nr, name, format) CALL_##name = (nr),
#define LINUX_ABSENT(nr, name)       CALL_##name = (nr),
#include "abi/linux.def"
#undef LINUX_CALL
};

static const struct {
    uint16_t call;
    uint8_t index, kind;
} rules[] = {
#define STRACE_ARGUMENT(call, index, kind) {CALL_##call, index, kind},
#include "kernel/personality/linux/strace_args.def"
#undef STRACE_ARGUMENT
};

/* Without pointers, which would have to be relocated when the kernel starts. */
static const struct name {
    uint32_t value;
    uint8_t kind;
    char text[27];
} names[] = {
#define STRACE_NAME(kind, value, text) {value, kind, #text},
#include "kernel/personality/linux/strace_args.def"
#undef STRACE_NAME
};

void strace_add(struct strace_line *line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line->text + line->size, sizeof(line->text) - line->size, fmt, args);
    va_end(args);
    line->size = MIN(line->size + (size_t)MAX(n, 0), sizeof(line->text) - 1);
}

static enum kind kind_of(unsigned nr, unsigned index)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].call == nr && rules[i].index == index) {
            return rules[i].kind;
        }
    }
    return PLAIN;
}

bool strace_is_late(unsigned nr)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].call == nr && rules[i].kind == FILLED) {
            return true;
        }
    }
    return false;
}

/* --- memory of the program ------------------------------------------------------------------ */

static void add_pointer(struct strace_line *line, vaddr_t addr)
{
    if (addr == 0) {
        strace_add(line, "NULL");
    } else {
        strace_add(line, "%#lx", (unsigned long)addr);
    }
}

static void add_char(struct strace_line *line, unsigned char c, unsigned char next)
{
    static const char escapes[] = "\nn\tt\rr\"\"\\\\";
    for (const char *e = escapes; *e != '\0'; e += 2) {
        if (c == (unsigned char)e[0]) {
            strace_add(line, "\\%c", e[1]);
            return;
        }
    }
    if (c >= ' ' && c < 0x7f) {
        strace_add(line, "%c", c);
    } else {
        /* All three digits where a digit follows. */
        strace_add(line, next >= '0' && next <= '7' ? "\\%03o" : "\\%o", c);
    }
}

static void add_quoted(struct strace_line *line, const char *bytes, size_t size, bool cut)
{
    strace_add(line, "\"");
    for (size_t i = 0; i < size; i++) {
        add_char(line, (unsigned char)bytes[i], i + 1 < size ? (unsigned char)bytes[i + 1] : '\0');
    }
    strace_add(line, cut ? "\"..." : "\"");
}

static void add_string(struct strace_line *line, vaddr_t addr, size_t max)
{
    char text[NAME_MAX_SHOWN + 1];
    long n = addr != 0 ? strncpy_from_user(text, addr, max + 1) : -EFAULT;
    bool cut = n == -ENAMETOOLONG;
    if (cut) {
        n = copy_from_user(text, addr, max) == 0 ? (long)max : -EFAULT;
    }
    if (n < 0) {
        add_pointer(line, addr);
        return;
    }
    add_quoted(line, text, (size_t)n, cut);
}

static void add_buffer(struct strace_line *line, vaddr_t addr, uint64_t size)
{
    char bytes[STRING_MAX];
    size_t shown = MIN(size, (uint64_t)STRING_MAX);
    if (addr == 0 || copy_from_user(bytes, addr, shown) != 0) {
        add_pointer(line, addr);
        return;
    }
    add_quoted(line, bytes, shown, shown < size);
}

static void add_strings(struct strace_line *line, vaddr_t addr)
{
    uint64_t at;
    if (addr == 0 || get_user(at, addr) != 0) {
        add_pointer(line, addr);
        return;
    }
    strace_add(line, "[");
    for (unsigned i = 0; at != 0; i++) {
        strace_add(line, i > 0 ? ", " : "");
        if (i == STRINGS_MAX) {
            strace_add(line, "...");
            break;
        }
        add_string(line, at, STRING_MAX);
        if (get_user(at, addr + (i + 1) * sizeof(at)) != 0) {
            break;
        }
    }
    strace_add(line, "]");
}

static const struct name *find_name(enum kind kind, uint64_t value)
{
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].kind == kind && names[i].value == value) {
            return &names[i];
        }
    }
    return NULL;
}

/* A name in the abstract name space begins with a zero byte: unix(7). */
static void add_address(struct strace_line *line, vaddr_t addr, uint64_t size)
{
    struct {
        uint16_t family;
        char path[STRING_MAX];
    } name;
    size_t known = MIN(size, sizeof(name));
    if (addr == 0 || known < sizeof(name.family) || copy_from_user(&name, addr, known) != 0) {
        add_pointer(line, addr);
        return;
    }
    const struct name *family = find_name(FAMILY, name.family);
    if (family == NULL) {
        strace_add(line, "{%u, ...}", name.family);
    } else if (name.family != AF_UNIX || known == sizeof(name.family)) {
        strace_add(line, "{%s%s}", family->text, name.family == AF_UNIX ? "" : ", ...");
    } else {
        size_t length = known - sizeof(name.family);
        bool abstract = name.path[0] == '\0';
        strace_add(line, "{AF_UNIX, %s", abstract ? "@" : "");
        length = abstract ? length : strnlen(name.path, length);
        add_quoted(line, name.path + abstract, length - abstract,
                   length == sizeof(name.path) && size > sizeof(name));
        strace_add(line, "}");
    }
}

/* --- numbers -------------------------------------------------------------------------------- */

static void add_value(struct strace_line *line, enum kind kind, char letter, uint64_t value)
{
    const struct name *name = find_name(kind, (uint32_t)value);
    if (name != NULL) {
        strace_add(line, "%s", name->text);
    } else {
        strace_add(line, letter == 'x' ? "%#x" : "%d", (unsigned)value);
    }
}

/* In the table's order; a name of 0 is shown if nothing before it was. */
static void add_bits(struct strace_line *line, enum kind kind, uint64_t value)
{
    unsigned exit_signal = kind == CLONE ? (unsigned)value & SIGNAL_BITS : 0;
    uint64_t left = value - exit_signal;
    bool any = false;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        const struct name *name = &names[i];
        bool there = name->value == 0 ? !any : (left & name->value) == name->value;
        if (name->kind == kind && there) {
            strace_add(line, "%s%s", any ? "|" : "", name->text);
            left -= name->value;
            any = true;
        }
    }
    if (left != 0 || (!any && exit_signal == 0)) {
        strace_add(line, left != 0 ? "%s%#lx" : "%s%lu", any ? "|" : "", (unsigned long)left);
        any = true;
    }
    if (exit_signal != 0) {
        strace_add(line, "%s", any ? "|" : "");
        add_value(line, SIGNAL, 'd', exit_signal);
    }
}

static void add_by_letter(struct strace_line *line, char letter, uint64_t value)
{
    switch (letter) {
    case 'd':
        /* Programs need not extend the sign of an int. */
        value = value <= UINT32_MAX && value > UINT32_MAX - 4096 ? (uint64_t)(int)value : value;
        strace_add(line, "%ld", (long)(int64_t)value);
        break;
    case 'u':
        strace_add(line, "%lu", (unsigned long)value);
        break;
    case 'o':
        strace_add(line, "%#lo", (unsigned long)value);
        break;
    case 's':
        add_string(line, value, NAME_MAX_SHOWN);
        break;
    case 'a':
        if ((int)value == AT_FDCWD) {
            strace_add(line, "AT_FDCWD");
            break;
        }
        __attribute__((fallthrough));
    case 'f':
        strace_add(line, "%d", (int)value);
        break;
    case 'p':
        add_pointer(line, value);
        break;
    default:
        strace_add(line, value != 0 ? "%#lx" : "%lu", (unsigned long)value);
        break;
    }
}

static void add_argument(struct strace_line *line, const struct strace_args *args, unsigned i)
{
    enum kind kind = kind_of(args->nr, i);
    uint64_t value = args->value[i], next = i < 5 ? args->value[i + 1] : 0;
    if (kind >= FIRST_OF_BITS) {
        add_bits(line, kind, (uint32_t)value);
    } else if (kind >= FIRST_OF_VALUES) {
        add_value(line, kind, args->format[i], value);
    } else if (kind == BUFFER) {
        add_buffer(line, value, next);
    } else if (kind == FILLED && args->result >= 0) {
        add_buffer(line, value, MIN((uint64_t)args->result, next));
    } else if (kind == STRINGS) {
        add_strings(line, value);
    } else if (kind == ADDRESS) {
        add_address(line, value, next);
    } else {
        add_by_letter(line, args->format[i], value);
    }
}

void strace_add_args(struct strace_line *line, const struct strace_args *args)
{
    for (unsigned i = 0; i < 6 && args->format[i] != '\0' && args->format[i] != '*'; i++) {
        strace_add(line, i > 0 ? ", " : "");
        add_argument(line, args, i);
    }
}
