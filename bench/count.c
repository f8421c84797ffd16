/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCG plugin of QEMU (plugin API version 1, QEMU 4.2 to 8.x) that counts guest instructions and
 * says the count whenever the guest passes a mark. A mark is the instruction
 *     nopl 0x1cc0NNNN(%rax)      0f 1f 80 NN NN c0 1c
 * which does nothing on any processor; NNNN is said. Arguments:
 *     entry=ADDRESS  the first instruction of the loader: counting starts there
 *     entry=CODE     the same, by the bytes of its code in hexadecimal, wherever it lies
 *     jump=CODE      code whose first run is said, as "count jump"; from there on all that runs is
 * ours not=START:END  addresses of the firmware's code, which is counted apart image=AT:SIZE  only
 * code in the image, in which the entry lies at AT, and in the upper half of the address space is
 * ours, everything else the firmware's stop=NNNN      the mark at which QEMU ends cpus=on several
 * CPUs, each counted for itself by blocks of code; slower Everything goes to QEMU's log (-d plugin
 * -D FILE), so that marks and trace events of devices are in one file in the order in which they
 * happened: "count mark NNNN INSTRUCTIONS REP FIRMWARE" or "count entry 0 0 0 0". REP counts the
 * iterations of string instructions, each of which TCG runs, and this plugin counts, as one
 * instruction. With several CPUs the line of a mark has the sum, and lines "count cpu NNNN
 * INSTRUCTIONS REP" follow. Loops with a PAUSE do not count then: how often they run depends on how
 * long TCG takes to translate what another CPU runs for the first time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What we use of qemu-plugin.h, which Debian does not package. */
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CALLBACK_WITHOUT_REGISTERS, INLINE_ADD = 0 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                                  void (*)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
                                                       void *counter, uint64_t add);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                                   void (*)(unsigned, void *), int flags, void *);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                                 void (*)(unsigned, void *), int flags, void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_outs(const char *text);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

/* Bumped by generated code. One vCPU: no races. */
static uint64_t instructions, repetitions, firmware;
/* With cpus=on, each bumped by its vCPU's thread; others may read a value that is a little old. */
enum { CPUS = 256 };
static bool each_cpu;
static struct {
    uint64_t instructions, repetitions;
    uint64_t waits_at; /* what follows a PAUSE that was just executed */
    char pad[40];
} cpus[CPUS];
struct block {
    uint64_t start, pause_end; /* addresses; 0: there is no PAUSE, which ends a block */
    unsigned instructions, repetitions;
};
enum { CODE_MAX = 32, CODE_LEAST = 8 };
/* The first bytes of a piece of code. */
struct code {
    uint8_t bytes[CODE_MAX];
    size_t size;
};
static uint64_t entry;
static struct code entry_code, jump_code;
static bool entered, jumped;
static uint64_t not_start, not_end;               /* the firmware's */
static uint64_t image_at, image_size, image_base; /* base 0: not known yet */
static long stop = -1;

static void say(const char *what, unsigned mark)
{
    char text[96];
    snprintf(text, sizeof text, "count %s %u %llu %llu %llu\n", what, mark,
             (unsigned long long)instructions, (unsigned long long)repetitions,
             (unsigned long long)firmware);
    qemu_plugin_outs(text);
}

static void on_block(unsigned cpu, void *arg)
{
    const struct block *block = arg;
    if (block->pause_end == 0 && block->start != cpus[cpu % CPUS].waits_at) {
        cpus[cpu % CPUS].instructions += block->instructions;
        cpus[cpu % CPUS].repetitions += block->repetitions;
    }
    cpus[cpu % CPUS].waits_at = block->pause_end;
}

static void say_cpus(void)
{
    for (unsigned i = 0; i < CPUS; i++) {
        instructions = cpus[i].instructions;
        repetitions = cpus[i].repetitions;
        if (instructions != 0) {
            say("cpu", i);
        }
    }
}

static void add_up(void)
{
    instructions = repetitions = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        instructions += cpus[i].instructions;
        repetitions += cpus[i].repetitions;
    }
}

/* The last time counts: others' code may have run at this address before. */
static void on_entry(unsigned cpu, void *arg)
{
    (void)cpu;
    (void)arg;
    if (!jumped) {
        entered = true;
        instructions = repetitions = firmware = 0;
        memset(cpus, 0, sizeof cpus);
        say("entry", 0);
    }
}

static void on_jump(unsigned cpu, void *arg)
{
    (void)cpu;
    (void)arg;
    if (entered && !jumped) {
        jumped = true;
        say("jump", 0);
    }
}

static void on_mark(unsigned cpu, void *arg)
{
    (void)cpu;
    unsigned mark = (unsigned)(uintptr_t)arg;
    if (each_cpu) {
        add_up();
    }
    say("mark", mark);
    if (each_cpu) {
        say_cpus();
    }
    if ((long)mark == stop) {
        fflush(NULL);
        _exit(0);
    }
}

/* A string instruction with a REP prefix: MOVS CMPS STOS LODS SCAS INS OUTS. */
static bool is_repeated(const uint8_t *code, size_t size)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xf2, 0xf3};
    bool rep = false;
    size_t at = 0;
    while (at < size && memchr(prefixes, code[at], sizeof prefixes)) {
        rep |= code[at] >= 0xf2;
        at++;
    }
    if (at < size && (code[at] & 0xf0) == 0x40) {
        at++; /* REX */
    }
    if (!rep || at >= size) {
        return false;
    }
    uint8_t op = code[at];
    return (op >= 0x6c && op <= 0x6f) || (op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf);
}

/* Whether the block starts with the code, as far as the block goes. */
static bool starts_with(struct qemu_plugin_tb *tb, const struct code *code)
{
    size_t at = 0, count = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < count && at < code->size; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        size_t size = qemu_plugin_insn_size(insn);
        size = size < code->size - at ? size : code->size - at;
        if (memcmp(qemu_plugin_insn_data(insn), code->bytes + at, size) != 0) {
            return false;
        }
        at += size;
    }
    return code->size > 0 && at >= CODE_LEAST;
}

static void find_places(struct qemu_plugin_tb *tb)
{
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
    if (starts_with(tb, &entry_code)) {
        image_base = qemu_plugin_insn_vaddr(first) - image_at;
        qemu_plugin_register_vcpu_insn_exec_cb(first, on_entry, CALLBACK_WITHOUT_REGISTERS, NULL);
    }
    if (starts_with(tb, &jump_code)) {
        qemu_plugin_register_vcpu_insn_exec_cb(first, on_jump, CALLBACK_WITHOUT_REGISTERS, NULL);
    }
}

static bool is_ours(uint64_t address)
{
    if (image_size != 0) {
        return address - image_base < image_size || address >> 63;
    }
    return jumped || address < not_start || address >= not_end;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(tb);
    struct block *block = each_cpu ? calloc(1, sizeof *block) : NULL;
    find_places(tb);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint8_t *code = qemu_plugin_insn_data(insn);
        size_t size = qemu_plugin_insn_size(insn);
        bool ours = is_ours(qemu_plugin_insn_vaddr(insn));
        if (entry != 0 && qemu_plugin_insn_vaddr(insn) == entry) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_entry, CALLBACK_WITHOUT_REGISTERS,
                                                   NULL);
        }
        if (block != NULL) {
            uint64_t at = qemu_plugin_insn_vaddr(insn);
            block->start = i == 0 ? at : block->start;
            block->pause_end = size == 2 && !memcmp(code, "\xf3\x90", 2) ? at + 2 : 0;
            block->instructions++;
            block->repetitions += is_repeated(code, size);
        } else {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD,
                                                       ours ? &instructions : &firmware, 1);
        }
        if (!each_cpu && ours && is_repeated(code, size)) {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &repetitions, 1);
        }
        if (size == 7 && !memcmp(code, "\x0f\x1f\x80", 3) && !memcmp(code + 5, "\xc0\x1c", 2)) {
            uintptr_t mark = code[3] | (uintptr_t)code[4] << 8;
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CALLBACK_WITHOUT_REGISTERS,
                                                   (void *)mark);
        }
    }
    if (block != NULL) { /* it stays as long as QEMU may keep the block */
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, CALLBACK_WITHOUT_REGISTERS, block);
    }
}

/* "A:B", both numbers. */
static bool parse_pair(const char *text, uint64_t *a, uint64_t *b)
{
    char *end;
    *a = strtoull(text, &end, 0);
    if (*end != ':') {
        return false;
    }
    *b = strtoull(end + 1, &end, 0);
    return *end == 0;
}

static bool parse_code(const char *text, struct code *code)
{
    unsigned byte;
    for (code->size = 0; code->size < CODE_MAX && sscanf(text, "%2x", &byte) == 1; text += 2) {
        code->bytes[code->size++] = (uint8_t)byte;
    }
    return code->size >= CODE_LEAST && *text == 0;
}

static bool parse_argument(const char *arg)
{
    const char *value = strchr(arg, '=');
    if (value == NULL) {
        return false;
    }
    value++;
    if (!strncmp(arg, "entry=0x", 8)) {
        entry = strtoull(value, NULL, 0);
        return true;
    }
    if (!strncmp(arg, "entry=", 6)) {
        return parse_code(value, &entry_code);
    }
    if (!strncmp(arg, "jump=", 5)) {
        return parse_code(value, &jump_code);
    }
    if (!strncmp(arg, "image=", 6)) {
        return parse_pair(value, &image_at, &image_size);
    }
    if (!strncmp(arg, "not=", 4)) {
        return parse_pair(value, &not_start, &not_end);
    }
    if (!strncmp(arg, "stop=", 5)) {
        stop = strtol(value, NULL, 0);
        return true;
    }
    each_cpu |= !strcmp(arg, "cpus=on");
    return !strcmp(arg, "cpus=on");
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!parse_argument(argv[i])) {
            fprintf(stderr, "count: unknown argument %s\n", argv[i]);
            return -1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
