/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads program headers, the dynamic section and its strings (System V gABI, chapter 5). Only the
 * parts that are needed are read, so a library of 100 MB costs a few kilobytes.
 */
#include "host/elf.h"
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_HEADERS = 512,
    MAX_DYNAMIC = 4096,     /* entries */
    MAX_STRINGS = 64 << 20, /* bytes of the string table */
    MAX_SYMBOLS = 4 << 20,  /* entries */
    MAX_INTERPRETER = 4096
};

struct reader {
    int fd;
    Elf64_Ehdr header;
    Elf64_Phdr *segments;
    char *strings;
    size_t strings_size;
    uint64_t symbols, gnu_hash, hash; /* addresses; 0: none */
};

static bool read_exactly(int fd, void *buffer, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

/* Reads an array to the heap; NULL when it is not all there. */
static void *read_new(int fd, size_t size, uint64_t offset)
{
    void *buffer = text_resize(NULL, size + 1);
    ((char *)buffer)[size] = '\0';
    if (!read_exactly(fd, buffer, size, offset)) {
        free(buffer);
        return NULL;
    }
    return buffer;
}

/* Where in the file the bytes of an address are. */
static bool file_offset(const struct reader *reader, uint64_t address, uint64_t size, uint64_t *at)
{
    for (unsigned i = 0; i < reader->header.e_phnum; i++) {
        const Elf64_Phdr *segment = &reader->segments[i];
        uint64_t inside = address - segment->p_vaddr;
        if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
            inside <= segment->p_filesz && size <= segment->p_filesz - inside) {
            *at = segment->p_offset + inside;
            return true;
        }
    }
    return false;
}

static bool read_address(const struct reader *reader, uint64_t address, void *buffer, size_t size)
{
    uint64_t offset;
    return file_offset(reader, address, size, &offset) &&
           read_exactly(reader->fd, buffer, size, offset);
}

static enum elf_result read_headers(struct reader *reader)
{
    Elf64_Ehdr *header = &reader->header;
    if (!read_exactly(reader->fd, header, sizeof(*header), 0)) {
        return ELF_NONE;
    }
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return ELF_NONE;
    }
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != EM_X86_64 || (header->e_type != ET_EXEC && header->e_type != ET_DYN)) {
        return ELF_FOREIGN;
    }
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
        header->e_phnum > MAX_HEADERS) {
        return ELF_DAMAGED;
    }
    reader->segments = read_new(reader->fd, header->e_phnum * sizeof(Elf64_Phdr), header->e_phoff);
    return reader->segments == NULL ? ELF_DAMAGED : ELF_OK;
}

static const Elf64_Phdr *find_segment(const struct reader *reader, uint32_t type)
{
    for (unsigned i = 0; i < reader->header.e_phnum; i++) {
        if (reader->segments[i].p_type == type) {
            return &reader->segments[i];
        }
    }
    return NULL;
}

static enum elf_result read_interpreter(const struct reader *reader, struct elf *elf)
{
    const Elf64_Phdr *segment = find_segment(reader, PT_INTERP);
    if (segment == NULL) {
        return ELF_OK;
    }
    if (segment->p_filesz < 2 || segment->p_filesz > MAX_INTERPRETER) {
        return ELF_DAMAGED;
    }
    elf->interpreter = read_new(reader->fd, segment->p_filesz, segment->p_offset);
    return elf->interpreter != NULL && elf->interpreter[0] == '/' ? ELF_OK : ELF_DAMAGED;
}

static const char *string_at(const struct reader *reader, uint64_t offset)
{
    /* The table has a zero byte after its end, from read_new. */
    return offset < reader->strings_size ? reader->strings + offset : NULL;
}

static bool take_string(const struct reader *reader, uint64_t offset, char **to)
{
    const char *string = string_at(reader, offset);
    if (string == NULL) {
        return false;
    }
    free(*to);
    *to = text_copy(string);
    return true;
}

static bool read_strings(struct reader *reader, const Elf64_Dyn *dynamic, size_t count)
{
    uint64_t address = 0, size = 0, offset;
    for (size_t i = 0; i < count && dynamic[i].d_tag != DT_NULL; i++) {
        uint64_t value = dynamic[i].d_un.d_val;
        switch (dynamic[i].d_tag) {
        case DT_STRTAB:
            address = value;
            break;
        case DT_STRSZ:
            size = value;
            break;
        case DT_SYMTAB:
            reader->symbols = value;
            break;
        case DT_GNU_HASH:
            reader->gnu_hash = value;
            break;
        case DT_HASH:
            reader->hash = value;
            break;
        default:
            break;
        }
    }
    if (size == 0 || size > MAX_STRINGS || !file_offset(reader, address, size, &offset)) {
        return false;
    }
    reader->strings = read_new(reader->fd, size, offset);
    reader->strings_size = size;
    return reader->strings != NULL;
}

static bool read_entries(const struct reader *reader, const Elf64_Dyn *dynamic, size_t count,
                         struct elf *elf)
{
    bool good = true;
    for (size_t i = 0; good && i < count && dynamic[i].d_tag != DT_NULL; i++) {
        uint64_t value = dynamic[i].d_un.d_val;
        switch (dynamic[i].d_tag) {
        case DT_NEEDED:
            good = string_at(reader, value) != NULL;
            if (good) {
                strings_add(&elf->needed, string_at(reader, value));
            }
            break;
        case DT_SONAME:
            good = take_string(reader, value, &elf->soname);
            break;
        case DT_RPATH:
            good = take_string(reader, value, &elf->rpath);
            break;
        case DT_RUNPATH:
            good = take_string(reader, value, &elf->runpath);
            break;
        case DT_FLAGS_1:
            elf->no_default_dirs = (value & DF_1_NODEFLIB) != 0;
            break;
        default:
            break;
        }
    }
    return good;
}

/*
 * How many symbols may be undefined ones: those before the hashed part (GNU hash keeps undefined
 * symbols out of it), or all of them with the older table.
 */
static uint32_t count_symbols(const struct reader *reader)
{
    uint32_t words[2]; /* nbuckets and symoffset; nbucket and nchain */
    uint64_t address = reader->gnu_hash != 0 ? reader->gnu_hash : reader->hash;
    if (reader->symbols == 0 || address == 0 ||
        !read_address(reader, address, words, sizeof(words))) {
        return 0;
    }
    return words[1] <= MAX_SYMBOLS ? words[1] : MAX_SYMBOLS;
}

/* glibc loads libgcc_s.so.1 itself when a thread is cancelled or ended, and for back traces. */
static bool uses_unwinder(const struct reader *reader)
{
    uint32_t count = count_symbols(reader);
    uint64_t offset;
    size_t size = count * sizeof(Elf64_Sym);
    if (count == 0 || !file_offset(reader, reader->symbols, size, &offset)) {
        return false;
    }
    Elf64_Sym *symbols = read_new(reader->fd, size, offset);
    bool uses = false;
    for (uint32_t i = 0; symbols != NULL && i < count && !uses; i++) {
        const char *name = string_at(reader, symbols[i].st_name);
        uses = symbols[i].st_shndx == SHN_UNDEF && name != NULL &&
               (strcmp(name, "pthread_cancel") == 0 || strcmp(name, "pthread_exit") == 0 ||
                strcmp(name, "thrd_exit") == 0 || strcmp(name, "backtrace") == 0);
    }
    free(symbols);
    return uses;
}

static enum elf_result read_dynamic(struct reader *reader, struct elf *elf)
{
    const Elf64_Phdr *segment = find_segment(reader, PT_DYNAMIC);
    if (segment == NULL) {
        return ELF_OK;
    }
    size_t count = segment->p_filesz / sizeof(Elf64_Dyn);
    if (count == 0 || count > MAX_DYNAMIC) {
        return ELF_DAMAGED;
    }
    Elf64_Dyn *dynamic = read_new(reader->fd, count * sizeof(Elf64_Dyn), segment->p_offset);
    bool good = dynamic != NULL && read_strings(reader, dynamic, count) &&
                read_entries(reader, dynamic, count, elf);
    free(dynamic);
    elf->unwinds = good && uses_unwinder(reader);
    return good ? ELF_OK : ELF_DAMAGED;
}

enum elf_result elf_read(const char *path, struct elf *elf)
{
    *elf = (struct elf){0};
    struct reader reader = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (reader.fd < 0) {
        return ELF_NONE;
    }
    enum elf_result result = read_headers(&reader);
    if (result == ELF_OK) {
        result = read_interpreter(&reader, elf);
    }
    if (result == ELF_OK) {
        result = read_dynamic(&reader, elf);
    }
    free(reader.segments);
    free(reader.strings);
    close(reader.fd);
    if (result != ELF_OK) {
        elf_free(elf);
    }
    return result;
}

void elf_free(struct elf *elf)
{
    free(elf->interpreter);
    free(elf->soname);
    free(elf->rpath);
    free(elf->runpath);
    strings_free(&elf->needed);
    *elf = (struct elf){0};
}
