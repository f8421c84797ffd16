/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Argument and environment strings of execve: collected byte for byte from the old program, and
 * written to the new one's stack in the layout of the x86-64 psABI (3.4.1, "Initial Stack and
 * Register State"). From the top of the stack downwards: a null word, the file name, the strings,
 * a random gap, the platform's name, random bytes, auxiliary vector, envp, argv, argc.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/base/log.h"
#include "kernel/base/random.h"
#include "kernel/core/sched.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/exec.h"
#include "lib/string.h"

#define ARGS_LIMIT_MIN (32 * PAGE_SIZE)
#define ARGS_LIMIT_MAX (6ul << 20) /* three quarters of the usual stack */

int exec_args_init(struct exec_args *args)
{
    uint64_t stack = current_process()->limits[RLIMIT_STACK].soft;
    *args = (struct exec_args){.capacity = 64, .page_capacity = 8};
    args->limit = MAX(MIN(stack / 4, ARGS_LIMIT_MAX), ARGS_LIMIT_MIN);
    args->pages = kmalloc(args->page_capacity * sizeof(args->pages[0]));
    args->starts = kmalloc(args->capacity * sizeof(args->starts[0]));
    return args->pages != NULL && args->starts != NULL ? 0 : -ENOMEM;
}

void exec_args_free(struct exec_args *args)
{
    for (unsigned i = 0; i < args->page_count; i++) {
        kfree(args->pages[i]);
    }
    for (unsigned i = 0; i < args->prefix_count; i++) {
        kfree(args->prefix[i]);
    }
    kfree(args->pages);
    kfree(args->starts);
}

/* Room for at least one byte at the end: where, and how many bytes. */
static int room(struct exec_args *args, char **at, size_t *left)
{
    size_t offset = args->size & PAGE_MASK;
    if (args->size == (size_t)args->page_count * PAGE_SIZE) {
        if (args->page_count == args->page_capacity) {
            size_t size = 2 * args->page_capacity * sizeof(args->pages[0]);
            char **pages = krealloc(args->pages, size);
            if (pages == NULL) {
                return -ENOMEM;
            }
            args->pages = pages;
            args->page_capacity *= 2;
        }
        char *page = kmalloc(PAGE_SIZE);
        if (page == NULL) {
            return -ENOMEM;
        }
        args->pages[args->page_count++] = page;
    }
    *at = args->pages[args->size >> PAGE_SHIFT] + offset;
    *left = PAGE_SIZE - offset;
    return 0;
}

static int note_start(struct exec_args *args)
{
    if (args->count == args->capacity) {
        uint32_t *starts = krealloc(args->starts, 2 * args->capacity * sizeof(starts[0]));
        if (starts == NULL) {
            return -ENOMEM;
        }
        args->starts = starts;
        args->capacity *= 2;
    }
    args->starts[args->count++] = (uint32_t)args->size;
    return 0;
}

static int check_size(const struct exec_args *args)
{
    return args->size + (args->count + 1) * sizeof(uint64_t) > args->limit ? -E2BIG : 0;
}

/* A string that does not fit into the page: piece by piece. */
static int add_long_string(struct exec_args *args, vaddr_t addr, size_t start)
{
    for (;;) {
        char *at;
        size_t left;
        int result = room(args, &at, &left);
        if (result != 0) {
            return result;
        }
        long length = strncpy_from_user(at, addr, left);
        if (length >= 0) {
            args->size += (size_t)length + 1;
            return args->size - start > EXEC_STRING_MAX ? -E2BIG : 0;
        }
        if (length != -ENAMETOOLONG) {
            return (int)length;
        }
        /* No zero in all of these bytes, so that they are there to be copied. */
        if (copy_from_user(at, addr, left) != 0) {
            return -EFAULT;
        }
        args->size += left;
        addr += left;
        if (args->size - start > EXEC_STRING_MAX) {
            return -E2BIG;
        }
    }
}

static int add_user_string(struct exec_args *args, vaddr_t addr)
{
    int result = note_start(args);
    if (result == 0) {
        result = add_long_string(args, addr, args->size);
    }
    return result != 0 ? result : check_size(args);
}

static int add_kernel_string(struct exec_args *args, const char *text)
{
    size_t size = strlen(text) + 1;
    int result = note_start(args);
    while (size > 0 && result == 0) {
        char *at;
        size_t left;
        result = room(args, &at, &left);
        if (result == 0) {
            size_t n = MIN(size, left);
            memcpy(at, text, n);
            args->size += n;
            text += n;
            size -= n;
        }
    }
    return result != 0 ? result : check_size(args);
}

static int add_user_vector(struct exec_args *args, vaddr_t vector, unsigned *count)
{
    *count = 0;
    if (vector == 0) {
        return 0;
    }
    for (;; vector += sizeof(uint64_t)) {
        uint64_t string;
        if (get_user(string, vector) != 0) {
            return -EFAULT;
        }
        if (string == 0) {
            return 0;
        }
        int result = add_user_string(args, string);
        if (result != 0) {
            return result;
        }
        (*count)++;
        if (*count % 256 == 0) {
            sched_point();
        }
    }
}

/* A program always has its name: argc is never 0. */
static int add_empty_name(struct exec_args *args)
{
    log_warn("process '%s' launched a program with NULL argv: empty string added", current->name);
    args->argc = 1;
    return add_kernel_string(args, "");
}

int exec_args_from_user(struct exec_args *args, vaddr_t argv, vaddr_t envp)
{
    int result = add_user_vector(args, argv, &args->argc);
    if (result == 0 && args->argc == 0) {
        result = add_empty_name(args);
    }
    return result != 0 ? result : add_user_vector(args, envp, &args->envc);
}

int exec_args_from_kernel(struct exec_args *args, const char *const argv[],
                          const char *const envp[])
{
    int result = 0;
    for (; argv[args->argc] != NULL && result == 0; args->argc++) {
        result = add_kernel_string(args, argv[args->argc]);
    }
    for (; result == 0 && envp[args->envc] != NULL; args->envc++) {
        result = add_kernel_string(args, envp[args->envc]);
    }
    return result;
}

int exec_args_prepend(struct exec_args *args, char *text)
{
    if (args->prefix_count == EXEC_PREFIX_MAX) {
        kfree(text);
        return -ELOOP;
    }
    args->prefix[args->prefix_count++] = text;
    return 0;
}

/* Collects a page of the new stack at a time. */
struct writer {
    struct space *space;
    vaddr_t at; /* next byte's place */
    char *page; /* bytes from `start` on */
    vaddr_t start;
    bool failed;
};

static void flush(struct writer *writer)
{
    size_t size = writer->at - writer->start;
    if (size > 0 &&
        space_access(writer->space, writer->start, writer->page, size, SPACE_WRITE) != size) {
        writer->failed = true;
    }
    writer->start = writer->at;
}

static void seek(struct writer *writer, vaddr_t to)
{
    flush(writer);
    writer->at = writer->start = to;
}

static void put(struct writer *writer, const void *bytes, size_t size)
{
    const char *from = bytes;
    while (size > 0) {
        size_t n = MIN(size, PAGE_SIZE - (writer->at & PAGE_MASK));
        memcpy(writer->page + (writer->at - writer->start), from, n);
        writer->at += n;
        from += n;
        size -= n;
        if ((writer->at & PAGE_MASK) == 0) {
            flush(writer);
        }
    }
}

static void put_word(struct writer *writer, uint64_t word)
{
    put(writer, &word, sizeof(word));
}

static void put_bytes(struct writer *writer, const struct exec_args *args, size_t from)
{
    while (from < args->size) {
        size_t n = MIN(args->size - from, PAGE_SIZE - (from & PAGE_MASK));
        put(writer, args->pages[from >> PAGE_SHIFT] + (from & PAGE_MASK), n);
        from += n;
    }
}

enum {
    AT_NULL = 0,
    AT_PHDR = 3,
    AT_PHENT = 4,
    AT_PHNUM = 5,
    AT_PAGESZ = 6,
    AT_BASE = 7,
    AT_FLAGS = 8,
    AT_ENTRY = 9,
    AT_UID = 11,
    AT_EUID = 12,
    AT_GID = 13,
    AT_EGID = 14,
    AT_PLATFORM = 15,
    AT_HWCAP = 16,
    AT_CLKTCK = 17,
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_HWCAP2 = 26,
    AT_EXECFN = 31,
    AT_SYSINFO_EHDR = 33,
    AT_MINSIGSTKSZ = 51,
};

/* Words of the auxiliary vector, its end included. */
static size_t make_auxv(const struct exec *exec, vaddr_t random, vaddr_t platform, vaddr_t execfn,
                        unsigned long auxv[2 * EXEC_AUXV_MAX])
{
    const struct cred *cred = exec->cred;
    uint64_t hwcap[2];
    exec_hwcap(hwcap);
    const unsigned long words[] = {
        AT_SYSINFO_EHDR, linux_space_of(exec->space)->vdso,
        AT_MINSIGSTKSZ,  exec_min_signal_stack(),
        AT_HWCAP,        hwcap[0],
        AT_PAGESZ,       PAGE_SIZE,
        AT_CLKTCK,       100,
        AT_PHDR,         exec->image.phdr,
        AT_PHENT,        sizeof(struct elf64_phdr),
        AT_PHNUM,        exec->image.phnum,
        AT_BASE,         exec->image.base,
        AT_FLAGS,        0,
        AT_ENTRY,        exec->image.program_entry,
        AT_UID,          cred->uid,
        AT_EUID,         cred->euid,
        AT_GID,          cred->gid,
        AT_EGID,         cred->egid,
        AT_SECURE,       exec->secure,
        AT_RANDOM,       random,
        AT_HWCAP2,       hwcap[1],
        AT_EXECFN,       execfn,
        AT_PLATFORM,     platform,
        AT_NULL,         0,
    };
    static_assert(ARRAY_SIZE(words) <= 2 * EXEC_AUXV_MAX, "room in struct linux_space");
    memcpy(auxv, words, sizeof(words));
    return ARRAY_SIZE(words);
}

/* Where the parts of the stack lie, from the bottom up. */
struct stack_plan {
    vaddr_t table; /* argc: the stack pointer */
    vaddr_t random, platform;
    vaddr_t strings; /* prefix, argv, envp */
    vaddr_t environment;
    vaddr_t filename;
    size_t skip; /* bytes of argv[0] when a script dropped it */
    unsigned argc;
};

static void plan_stack(const struct exec *exec, size_t auxv_words, struct stack_plan *plan)
{
    const struct exec_args *args = &exec->args;
    size_t prefix = 0;
    for (unsigned i = 0; i < args->prefix_count; i++) {
        prefix += strlen(args->prefix[i]) + 1;
    }
    plan->skip = 0;
    if (args->drop_first) {
        plan->skip = args->count > 1 ? args->starts[1] : args->size;
    }
    size_t environment = args->argc < args->count ? args->size - args->starts[args->argc] : 0;
    plan->argc = args->argc + args->prefix_count - (args->drop_first ? 1 : 0);
    plan->filename = exec->stack_top - sizeof(uint64_t) - (strlen(exec->filename) + 1);
    plan->environment = plan->filename - environment;
    plan->strings = plan->filename - (args->size - plan->skip) - prefix;
    vaddr_t p = plan->strings - (exec->randomize ? random_u64() % 8192 : 0);
    p = ALIGN_DOWN(p, (vaddr_t)16) - (strlen(exec_platform) + 1);
    plan->platform = p;
    plan->random = p - 16;
    size_t words = 1 + plan->argc + 1 + args->envc + 1 + auxv_words;
    plan->table = ALIGN_DOWN(ALIGN_DOWN(plan->random, (vaddr_t)16) - words * 8, (vaddr_t)16);
}

static void put_table(struct writer *writer, const struct exec_args *args,
                      const struct stack_plan *plan)
{
    vaddr_t at = plan->strings;
    put_word(writer, plan->argc);
    for (unsigned i = args->prefix_count; i > 0; i--) {
        put_word(writer, at);
        at += strlen(args->prefix[i - 1]) + 1;
    }
    for (unsigned i = args->drop_first ? 1 : 0; i < args->argc; i++) {
        put_word(writer, at + args->starts[i] - plan->skip);
    }
    put_word(writer, 0);
    for (unsigned i = args->argc; i < args->count; i++) {
        put_word(writer, at + args->starts[i] - plan->skip);
    }
    put_word(writer, 0);
}

static int write_stack(struct exec *exec, const struct stack_plan *plan, const unsigned long *auxv,
                       size_t auxv_words)
{
    const struct exec_args *args = &exec->args;
    unsigned char random[16];
    struct writer writer = {.space = exec->space, .page = kmalloc(PAGE_SIZE)};
    if (writer.page == NULL) {
        return -ENOMEM;
    }
    seek(&writer, plan->table);
    put_table(&writer, args, plan);
    put(&writer, auxv, auxv_words * sizeof(auxv[0]));
    random_bytes(random, sizeof(random));
    seek(&writer, plan->random);
    put(&writer, random, sizeof(random));
    put(&writer, exec_platform, strlen(exec_platform) + 1);
    seek(&writer, plan->strings);
    for (unsigned i = args->prefix_count; i > 0; i--) {
        put(&writer, args->prefix[i - 1], strlen(args->prefix[i - 1]) + 1);
    }
    put_bytes(&writer, args, plan->skip);
    put(&writer, exec->filename, strlen(exec->filename) + 1);
    flush(&writer);
    kfree(writer.page);
    return writer.failed ? -ENOMEM : 0;
}

/* Room that is there from the start below what is written; the rest is made by faults. */
#define STACK_ROOM (128ul << 10)

static int map_stack(struct exec *exec, size_t used)
{
    size_t size = ALIGN_UP(used + STACK_ROOM, PAGE_SIZE);
    uint64_t limit = current_process()->limits[RLIMIT_STACK].soft;
    exec->space->stack_limit = MAX(MIN(limit, 1ull << 40), (uint64_t)ALIGN_UP(used, PAGE_SIZE));
    size = MIN(size, ALIGN_UP((size_t)exec->space->stack_limit, PAGE_SIZE));
    vaddr_t at = 0;
    struct space_map map = {
        .addr = exec->stack_top - size,
        .size = size,
        .flags = REGION_READ | REGION_WRITE | REGION_MAY_READ | REGION_MAY_WRITE | REGION_MAY_EXEC |
                 REGION_GROWS_DOWN | REGION_STACK | (exec->image.exec_stack ? REGION_EXEC : 0),
        .fixed_noreplace = true,
    };
    int result = space_map(exec->space, &map, &at);
    return result == -EEXIST ? -ENOMEM : result;
}

int exec_build_stack(struct exec *exec)
{
    struct linux_space *ls = linux_space_of(exec->space);
    struct stack_plan plan;
    size_t words = make_auxv(exec, 0, 0, 0, ls->auxv);
    plan_stack(exec, words, &plan);
    (void)make_auxv(exec, plan.random, plan.platform, plan.filename, ls->auxv);
    ls->auxv_count = words;
    ls->stack_start = exec->sp = plan.table;
    ls->arg_start = plan.strings;
    ls->arg_end = ls->env_start = plan.environment;
    ls->env_end = plan.filename;
    int result = map_stack(exec, exec->stack_top - plan.table);
    return result != 0 ? result : write_stack(exec, &plan, ls->auxv, words);
}
