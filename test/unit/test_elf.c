/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF headers: a good file passes, and every field that matters, wrong in turn, is refused with a
 * sentence.
 */
// sources: lib/elf.c
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/elf.h"

static struct elf64_ehdr header;
static struct elf64_phdr table[8];
static struct elf_layout layout;
static const char *why;
enum { FILE_SIZE = 0x5000 };

static void make_good(void)
{
    header = (struct elf64_ehdr){.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                                 .e_type = ELF_TYPE_DYN,
                                 .e_machine = ELF_MACHINE_X86_64,
                                 .e_version = 1,
                                 .e_phoff = 64,
                                 .e_phentsize = sizeof(struct elf64_phdr),
                                 .e_phnum = 5};
    memset(table, 0, sizeof(table));
    table[0] = (struct elf64_phdr){.p_type = ELF_PT_LOAD,
                                   .p_flags = ELF_PF_R | ELF_PF_X,
                                   .p_vaddr = 0x10000,
                                   .p_filesz = 0x1234,
                                   .p_memsz = 0x1234,
                                   .p_align = 0x1000};
    table[1] = (struct elf64_phdr){.p_type = ELF_PT_LOAD,
                                   .p_flags = ELF_PF_R | ELF_PF_W,
                                   .p_offset = 0x2010,
                                   .p_vaddr = 0x12010,
                                   .p_filesz = 0x100,
                                   .p_memsz = 0x3000,
                                   .p_align = 0x1000};
    table[2] = (struct elf64_phdr){.p_type = ELF_PT_INTERP, .p_offset = 0x200, .p_filesz = 28};
    table[3] = (struct elf64_phdr){
        .p_type = ELF_PT_TLS, .p_offset = 0x2010, .p_filesz = 8, .p_memsz = 16, .p_align = 8};
    table[4] = (struct elf64_phdr){.p_type = ELF_PT_GNU_STACK, .p_offset = UINT64_MAX};
    why = NULL;
}

static int check(void)
{
    int err = elf_check_header(&header, ELF_MACHINE_X86_64, &why);
    return err != 0 ? err : elf_check_segments(table, header.e_phnum, FILE_SIZE, &layout, &why);
}

static void good(void **state)
{
    (void)state;
    make_good();
    assert_int_equal(check(), 0);
    assert_int_equal(layout.low, 0x10000);
    assert_int_equal(layout.high, 0x15010);
    assert_int_equal(layout.load_count, 2);
    assert_int_equal(layout.interp, 2);
    assert_int_equal(layout.tls, 3);
    assert_int_equal(layout.stack, 4);
    assert_int_equal(layout.dynamic, -1);
    assert_false(layout.overlap);
    assert_false(layout.writable_code);
    /* The sentence may be left out. */
    header.e_machine = 3;
    assert_int_equal(elf_check_header(&header, ELF_MACHINE_X86_64, NULL), -ENOEXEC);
}

#define REFUSED(change)                                                                            \
    do {                                                                                           \
        make_good();                                                                               \
        change;                                                                                    \
        assert_int_equal(check(), -ENOEXEC);                                                       \
        assert_non_null(why);                                                                      \
    } while (0)

static void wrong_header(void **state)
{
    (void)state;
    for (int i = 0; i < 7; i++) {
        REFUSED(header.e_ident[i] ^= 3);
    }
    REFUSED(header.e_type = 1);
    REFUSED(header.e_type = 4);
    REFUSED(header.e_machine = ELF_MACHINE_AARCH64);
    REFUSED(header.e_version = 0);
    REFUSED(header.e_phentsize = 32);
    REFUSED(header.e_phnum = 0);
    REFUSED(header.e_phnum = ELF_MAX_PHDRS + 1);
    REFUSED(header.e_phnum = 0xffff);
    REFUSED(header.e_phoff = UINT64_MAX);
    REFUSED(header.e_phoff = INT64_MAX);
}

static void wrong_segments(void **state)
{
    (void)state;
    REFUSED(table[0].p_type = table[1].p_type = ELF_PT_NULL);
    REFUSED(table[1].p_offset = FILE_SIZE + 0x10);
    REFUSED(table[1].p_offset = UINT64_MAX - 0xfef);
    REFUSED(table[1].p_filesz = UINT64_MAX);
    REFUSED(table[1].p_filesz = 0x3001);
    REFUSED(table[1].p_filesz = table[1].p_memsz + 1);
    REFUSED(table[1].p_memsz = UINT64_MAX);
    REFUSED(table[1].p_vaddr = 0xfffffffffffff010);
    REFUSED(table[1].p_vaddr += 8);
    REFUSED(table[1].p_align = 0x1001);
    REFUSED(table[2].p_offset = FILE_SIZE);
    REFUSED(table[2].p_filesz = UINT64_MAX);
    REFUSED(table[3].p_memsz = 1);
    REFUSED(table[3].p_align = 24);
    REFUSED(table[3].p_filesz = FILE_SIZE; table[3].p_memsz = FILE_SIZE);
    REFUSED(table[4] = table[2]);
}

static void reported(void **state)
{
    (void)state;
    make_good();
    table[1].p_vaddr = 0x11010;
    assert_int_equal(check(), 0);
    assert_true(layout.overlap);
    make_good();
    struct elf64_phdr swap = table[0];
    table[0] = table[1];
    table[1] = swap;
    assert_int_equal(check(), 0);
    assert_true(layout.overlap);
    assert_int_equal(layout.low, 0x10000);
    assert_int_equal(layout.high, 0x15010);
    make_good();
    table[0].p_flags |= ELF_PF_W;
    assert_int_equal(check(), 0);
    assert_true(layout.writable_code);
    /* A segment with nothing in the file has no offset to agree with. */
    make_good();
    table[1].p_filesz = 0;
    table[1].p_offset = 0;
    assert_int_equal(check(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(wrong_header),
        cmocka_unit_test(wrong_segments),
        cmocka_unit_test(reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
