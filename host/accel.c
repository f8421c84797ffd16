/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trial: a child makes a virtual machine of one page, in which real-mode code counts to a
 * million and halts. It has a fifth of a second, of which a working KVM needs a few milliseconds.
 * Linux, Documentation/virt/kvm/api.rst, describes the calls.
 */
#include "host/accel.h"
#include "host/text.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIAL_MS = 200, GUEST_PAGE = 4096 };

/* mov ecx, 1000000; loop: dec ecx; jnz loop; hlt (16-bit code) */
static const uint8_t guest_code[] = {0x66, 0xb9, 0x40, 0x42, 0x0f, 0x00,
                                     0x66, 0x49, 0x75, 0xfc, 0xf4};

static bool start_at_zero(int vcpu)
{
    struct kvm_sregs segments;
    struct kvm_regs registers = {.rip = 0, .rflags = 2};
    if (ioctl(vcpu, KVM_GET_SREGS, &segments) != 0) {
        return false;
    }
    segments.cs.base = 0;
    segments.cs.selector = 0;
    return ioctl(vcpu, KVM_SET_SREGS, &segments) == 0 && ioctl(vcpu, KVM_SET_REGS, &registers) == 0;
}

/* In the child: whether the tiny guest halted. Nothing is released, the process ends. */
static bool run_guest(int kvm)
{
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    void *memory = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);
    if (vm < 0 || memory == MAP_FAILED) {
        return false;
    }
    memcpy(memory, guest_code, sizeof(guest_code));
    struct kvm_userspace_memory_region region = {.memory_size = GUEST_PAGE,
                                                 .userspace_addr = (uintptr_t)memory};
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0 || size < (int)sizeof(struct kvm_run)) {
        return false;
    }
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    struct kvm_run *run = vcpu < 0 ? MAP_FAILED
                                   : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
                                          vcpu, 0);
    return run != MAP_FAILED && start_at_zero(vcpu) && ioctl(vcpu, KVM_RUN, 0) == 0 &&
           run->exit_reason == KVM_EXIT_HLT;
}

static const char *try_guest(int kvm)
{
    int answer[2];
    if (pipe2(answer, O_CLOEXEC) != 0) {
        return "no pipe for the trial";
    }
    pid_t child = fork();
    if (child == 0) {
        char good = run_guest(kvm) ? 'y' : 'n';
        ssize_t ignored = write(answer[1], &good, 1);
        (void)ignored;
        _exit(0);
    }
    close(answer[1]);
    struct pollfd poll_answer = {.fd = answer[0], .events = POLLIN};
    char good = 0;
    const char *why = NULL;
    if (child < 0 || poll(&poll_answer, 1, TRIAL_MS) <= 0) {
        why = "KVM is there, but a guest does not run within its time";
    } else if (read(answer[0], &good, 1) != 1 || good != 'y') {
        why = "KVM is there, but a guest cannot be started";
    }
    close(answer[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        /* One that hangs inside KVM may not die at once: it is not waited for. */
        waitpid(child, NULL, why == NULL ? 0 : WNOHANG);
    }
    return why;
}

/* The file that says "KVM failed since this start of the machine"; NULL when there is no home. */
static char *cache_file(bool make)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *base;
    if (cache != NULL && cache[0] == '/') {
        base = text_copy(cache);
    } else if (home != NULL && home[0] == '/') {
        base = text_format("%s/.cache", home);
    } else {
        return NULL;
    }
    char *directory = text_format("%s/alba", base);
    if (make) {
        mkdir(base, 0700);
        mkdir(directory, 0700);
    }
    char *file = text_format("%s/no-kvm", directory);
    free(base);
    free(directory);
    return file;
}

static bool read_line(const char *path, char *line, int size)
{
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    bool good = file != NULL && fgets(line, size, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    return good;
}

static bool failed_before(const char *boot)
{
    char line[64];
    char *path = cache_file(false);
    bool same = read_line(path, line, sizeof(line)) && strcmp(line, boot) == 0;
    free(path);
    return same;
}

static void remember_failure(const char *boot)
{
    char *path = cache_file(true);
    FILE *file = path == NULL ? NULL : fopen(path, "we");
    if (file != NULL) {
        fputs(boot, file);
        fclose(file);
    }
    free(path);
}

bool accel_kvm_works(bool afresh, const char **why)
{
    char boot[64] = "";
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) {
        *why = errno == EACCES ? "/dev/kvm may not be opened; is this user in the group kvm?"
                               : "there is no /dev/kvm";
        return false;
    }
    read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
    if (!afresh && boot[0] != '\0' && failed_before(boot)) {
        *why = "KVM did not work before, since this machine was started";
    } else {
        *why = try_guest(kvm);
        if (*why != NULL) {
            remember_failure(boot);
        }
    }
    close(kvm);
    return *why == NULL;
}
