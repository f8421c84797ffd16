/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions of the processor as signals: number, code, address, and what the frame holds.
 * Left out is what QEMU 7.2 gets wrong: SIMD exceptions and the error code of INT n. */
#include "test/linux/check.h"

#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static siginfo_t seen;
static greg_t registers[23];

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    seen = *info;
    memcpy(registers, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof registers);
    siglongjmp(back, 1);
}

static void try(const char *what, void (*attempt)(void))
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    for (size_t i = 0; i < COUNT(signals); i++) {
        sigaction(signals[i], &act, NULL);
    }
    memset(&seen, 0, sizeof seen);
    if (sigsetjmp(back, 1) == 0) {
        attempt();
        say("%s: nothing happened\n", what);
    } else {
        say("%s: %s code %d trap %lld error %lld\n", what, signal_name(seen.si_signo), seen.si_code,
            (long long)registers[REG_TRAPNO], (long long)registers[REG_ERR]);
    }
}

static void divide(void)
{
    __asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; mov $1, %%eax; div %%ecx" ::
                         : "eax", "ecx", "edx", "cc");
}
static void undefined(void)
{
    __asm__ volatile("ud2");
}
static void breakpoint(void)
{
    __asm__ volatile("int3");
}
static void privileged(void)
{
    __asm__ volatile("hlt");
}
static void port(void)
{
    __asm__ volatile("inb $0x80, %%al" ::: "al");
}
static void interrupts(void)
{
    __asm__ volatile("cli");
}
static void control_register(void)
{
    __asm__ volatile("mov %%cr0, %%rax" ::: "rax");
}
static void read_unmapped(void)
{
    (void)*(volatile int *)0x1230;
}
static void write_unmapped(void)
{
    *(volatile int *)0x1230 = 1;
}
static void jump_unmapped(void)
{
    ((void (*)(void))0x1230)();
}
static void write_constant(void)
{
    static const int constant = 5;
    *(volatile int *)(uintptr_t)&constant = 6;
}
static void single_step(void)
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc");
}
CASE(arithmetic)
{
    try("division by zero", divide);
    SHOW(seen.si_addr != NULL);
}

CASE(instructions)
{
    try("undefined", undefined);
    TRUTH((greg_t)(uintptr_t)seen.si_addr == registers[REG_RIP]);
    try("breakpoint", breakpoint);
    try("single step", single_step);
    try("halt", privileged);
    try("port", port);
    try("interrupts off", interrupts);
    try("control register", control_register);
}

CASE(memory)
{
    try("read", read_unmapped);
    SHOW(seen.si_addr);
    SHOW(registers[REG_CR2]);
    try("write", write_unmapped);
    SHOW(seen.si_addr);
    try("jump", jump_unmapped);
    SHOW(seen.si_addr);
    SHOW(registers[REG_RIP]);
    try("constant", write_constant);
}

CASE(without_a_handler)
{
    static const struct {
        const char *what;
        void (*attempt)(void);
    } all[] = {{"divide", divide},         {"undefined", undefined}, {"breakpoint", breakpoint},
               {"privileged", privileged}, {"read", read_unmapped},  {"jump", jump_unmapped},
               {"step", single_step}};
    for (size_t i = 0; i < COUNT(all); i++) {
        pid_t pid;
        CHILD(pid)
        {
            all[i].attempt();
        }
        say_end(all[i].what, pid);
    }
}

/* A blocked or ignored exception ends the process all the same. */
CASE(blocked_exception_kills)
{
    pid_t pid;
    CHILD(pid)
    {
        sigset_t set;
        sigfillset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        read_unmapped();
    }
    say_end("blocked", pid);
    CHILD(pid)
    {
        signal(SIGSEGV, SIG_IGN);
        read_unmapped();
    }
    say_end("ignored", pid);
}

static void repair(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    ucontext_t *uc = context;
    uc->uc_mcontext.gregs[REG_RIP] += 2; /* over ud2 */
    uc->uc_mcontext.gregs[REG_RAX] = 1234;
}

CASE(handler_changes_the_registers)
{
    struct sigaction act = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &act, NULL);
    long value = 1;
    __asm__ volatile("ud2" : "+a"(value));
    SHOW(value);
}

static void clobber(int sig)
{
    (void)sig;
    __asm__ volatile("pcmpeqd %%xmm3, %%xmm3; fninit; fld1" ::: "xmm3");
}

CASE(floating_point_state_is_kept)
{
    struct sigaction act = {.sa_handler = clobber};
    sigaction(SIGUSR1, &act, NULL);
    uint64_t in[2] = {0x1122334455667788, 0x99aabbccddeeff00}, out[2] = {0, 0};
    long pid = getpid();
    double pi = 0;
    __asm__ volatile("movdqu %[in], %%xmm3\n\t"
                     "fldpi\n\t"
                     "syscall\n\t"
                     "movdqu %%xmm3, %[out]\n\t"
                     "fstpl %[pi]"
                     : [out] "=m"(out), [pi] "=m"(pi)
                     : [in] "m"(in), "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "xmm3", "memory", "cc");
    TRUTH(in[0] == out[0] && in[1] == out[1]);
    SHOW(pi * 1000000);
}

CASE(bad_frame_kills)
{
    pid_t pid;
    CHILD(pid)
    {
        __asm__ volatile("mov $0x1000, %%rsp; mov $15, %%eax; syscall" ::: "memory");
    }
    say_end("rt_sigreturn on a bad stack", pid);
    CHILD(pid)
    {
        struct sigaction act = {.sa_handler = clobber};
        sigaction(SIGUSR1, &act, NULL);
        __asm__ volatile("mov $0x1000, %%rsp; syscall" ::"a"(SYS_kill), "D"((long)getpid()),
                         "S"(SIGUSR1)
                         : "memory");
    }
    say_end("handler on a bad stack", pid);
}

int main(void)
{
    return RUN(ENTRY(arithmetic), ENTRY(instructions), ENTRY(memory), ENTRY(without_a_handler),
               ENTRY(blocked_exception_kills), ENTRY(handler_changes_the_registers),
               ENTRY(floating_point_state_is_kept), ENTRY(bad_frame_kills));
}
