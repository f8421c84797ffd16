/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The parts of execve: the strings and the stack they end on (exec_args.c), the program's image in
 * a new space (elf_load.c), and the change of programs (exec.c). Everything is prepared beside the
 * running program; only then is it given up.
 */
#include "kernel/personality/linux/process/process.h"
#include "lib/elf.h"

#define EXEC_HEAD_SIZE   832 /* bytes of a file that are looked at: an ELF header and 13 segments */
#define EXEC_SCRIPTS_MAX 5   /* "#!" within "#!" */
#define EXEC_STRING_MAX  (32 * PAGE_SIZE)
#define EXEC_PREFIX_MAX  (2 * EXEC_SCRIPTS_MAX + 2)

/* Argument and environment strings: all bytes in order in pages of their own, zeroes included. */
struct exec_args {
    char **pages;
    unsigned page_count, page_capacity;
    size_t size;  /* bytes in the pages */
    size_t limit; /* of all bytes, pointers too */
    /* Start of each string in the pages, argv's first; then one more: size. */
    uint32_t *starts;
    unsigned count, capacity;
    unsigned argc, envc;
    /* Scripts put strings before argv and drop its first. The last one comes first. */
    char *prefix[EXEC_PREFIX_MAX];
    unsigned prefix_count;
    bool drop_first;
};

struct exec_image {
    vaddr_t entry;         /* first instruction: the interpreter's, if there is one */
    vaddr_t program_entry; /* AT_ENTRY */
    vaddr_t base;          /* AT_BASE: where the interpreter is, or 0 */
    vaddr_t phdr;          /* AT_PHDR: address of the program headers in memory */
    unsigned phnum;
    bool exec_stack;
    vaddr_t brk;
};

struct exec {
    const char *filename; /* as given: AT_EXECFN, comm */
    char *fd_name;        /* "/dev/fd/N...", when filename was made here; or NULL */
    struct file *file;    /* what is loaded now: counted */
    struct file *interp;  /* PT_INTERP's, or NULL: counted */
    struct cred *cred;    /* of the new program: counted */
    bool secure;          /* AT_SECURE */
    struct space *space;  /* the new one: counted */
    struct exec_image image;
    vaddr_t stack_top, sp;
    bool randomize;
    struct exec_args args;
    _Alignas(8) unsigned char head[EXEC_HEAD_SIZE];
};

/* exec_args.c. Errors: -E2BIG, -EFAULT, -ENOMEM. */
int exec_args_init(struct exec_args *args);
void exec_args_free(struct exec_args *args);
int exec_args_from_user(struct exec_args *args, vaddr_t argv, vaddr_t envp);
int exec_args_from_kernel(struct exec_args *args, const char *const argv[],
                          const char *const envp[]);
/* A script's interpreter, argument or name goes before all others. Takes text over. */
int exec_args_prepend(struct exec_args *args, char *text);
/* Maps the stack in exec->space and writes strings, vectors and auxiliary vector: exec->sp. */
int exec_build_stack(struct exec *exec);

/* elf_load.c: what exec->file is goes into exec->space and exec->image; -ENOEXEC when it is no ELF
 * program. */
int exec_load_elf(struct exec *exec);
/* Opens a program for its execution: -EACCES unless it is a regular file with the right to it. */
int exec_open(int dirfd, const char *name, unsigned walk_flags, struct file **out);
/* Lets go of a file that exec_open gave, or of NULL. In between nobody can open it for writing, and
 * it was not open for writing before (ETXTBSY). */
void exec_close(struct file *file);
/* The first EXEC_HEAD_SIZE bytes of a file, zeroes where it is shorter: 0 or an error. */
int exec_read_head(struct file *file, unsigned char head[EXEC_HEAD_SIZE]);
/* A random number of pages below 2^bits as bytes; 0 when addresses are fixed. */
vaddr_t exec_random_pages(const struct exec *exec, unsigned bits);

/* The machine's: its name for AT_PLATFORM, and AT_HWCAP, AT_HWCAP2, AT_MINSIGSTKSZ. */
#define EXEC_AUXV_MAX 24
extern const char exec_platform[];
extern const uint16_t exec_elf_machine;
void exec_hwcap(uint64_t hwcap[2]);
size_t exec_min_signal_stack(void);
