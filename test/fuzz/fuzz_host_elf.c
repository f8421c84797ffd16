/* SPDX-License-Identifier: BSD-2-Clause */
/* What `alba` reads of ELF files: a good file header, then program headers and the rest as they
 * come. */
// sources: host/elf.c host/text.c host/say.c
#include "host/elf.h"
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[32];
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_DYN,
                         .e_machine = EM_X86_64,
                         .e_phoff = sizeof(header),
                         .e_phentsize = sizeof(Elf64_Phdr)};
    if (fd < 0) {
        fd = memfd_create("elf", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (size == 0) {
        return 0;
    }
    header.e_phnum = data[0] % 8;
    if (ftruncate(fd, 0) != 0 || pwrite(fd, &header, sizeof(header), 0) < 0 ||
        pwrite(fd, data + 1, size - 1, sizeof(header)) < 0) {
        return 0;
    }
    struct elf elf;
    if (elf_read(path, &elf) == ELF_OK) {
        elf_free(&elf);
    }
    return 0;
}
