/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execve: arguments and environment byte for byte, scripts, errors, what survives. The program runs
 * itself again with a first argument that says what to show.
 */
#include "test/linux/check.h"

#include <elf.h>
#include <sys/auxv.h>

static char self[PATH_MAX];
extern char **environ;

static void run(const char *path, char *const argv[], char *const envp[])
{
    pid_t pid = fork();
    if (pid == 0) {
        execve(path, argv, envp);
        say("execve: %s\n", error_name(errno));
        _exit(100);
    }
    say_end("end", pid);
}
static char *no_env[] = {NULL};

CASE(arguments_byte_for_byte)
{
    char *argv[] = {"show",     "show-args",         "",        " ",  "a b",
                    "\"q\"",    "new\nline",         "tab\t",   "\\", "\x01",
                    "\xff\xfe", "\xc3\xa9t\xc3\xa9", "*?$HOME", NULL};
    char *envp[] = {"A=1", "B= spaced ", "C=", "noequals", "D=\xc3\xbc\n", "A=2", NULL};
    run(self, argv, envp);
}

CASE(many_arguments)
{
    enum { N = 3000 };
    static char *argv[N + 3], text[N][16];
    argv[0] = "show";
    argv[1] = "count-args";
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "argument %d", i);
        argv[i + 2] = text[i];
    }
    run(self, argv, no_env);
}

CASE(long_argument)
{
    static char big[131072];
    memset(big, 'x', sizeof big);
    char *argv[] = {"show", "count-args", big, NULL};
    big[131071] = 0; /* MAX_ARG_STRLEN with the zero: the most there may be */
    run(self, argv, no_env);
    static char bigger[131073];
    memset(bigger, 'x', sizeof bigger - 1);
    argv[2] = bigger;
    run(self, argv, no_env);
}

CASE(empty_argument_list)
{
    /* Linux gives a program without arguments one empty argument (since 5.18). */
    char *none[] = {NULL};
    run(self, none, no_env);
}

CASE(errors)
{
    char *argv[] = {"x", NULL};
    mkdir("dir", 0755);
    make_file("plain", "echo hello\n");
    make_file("empty", "");
    make_file("noexec", "#!/bin/sh\n");
    chmod("plain", 0755);
    chmod("empty", 0755);
    symlink("loop", "loop");
    CALL(execve("missing", argv, no_env));
    CALL(execve("missing/x", argv, no_env));
    CALL(execve("plain/x", argv, no_env));
    CALL(execve("dir", argv, no_env));
    CALL(execve("noexec", argv, no_env));
    CALL(execve("plain", argv, no_env));
    CALL(execve("empty", argv, no_env));
    CALL(execve("loop", argv, no_env));
    CALL(execve("", argv, no_env));
    CALL(execve((char *)8, argv, no_env));
    CALL(execve(self, (char **)8, no_env));
    CALL(execve(self, argv, (char **)8));
    char *bad[] = {"x", (char *)8, NULL};
    CALL(execve(self, bad, no_env));
}

CASE(script_with_interpreter)
{
    char text[PATH_MAX + 64];
    snprintf(text, sizeof text, "#!%s\nignored\n", self);
    make_file("script", text);
    chmod("script", 0755);
    char *argv[] = {"zero", "one", "two words", NULL};
    run("./script", argv, no_env);
    snprintf(text, sizeof text, "#! %s   one argument with spaces  \n", self);
    make_file("script", text);
    run("./script", argv, no_env);
    snprintf(text, sizeof text, "#!%s", self);
    make_file("script", text);
    run("./script", argv, no_env);
}

CASE(script_errors)
{
    char *argv[] = {"x", NULL};
    make_file("script", "#!/missing/interpreter\n");
    chmod("script", 0755);
    CALL(execve("./script", argv, no_env));
    make_file("script", "#!\n");
    CALL(execve("./script", argv, no_env));
    make_file("script", "#!./script\n");
    CALL(execve("./script", argv, no_env));
}

CASE(script_of_script)
{
    char text[PATH_MAX + 64];
    snprintf(text, sizeof text, "#!%s\n", self);
    make_file("inner", text);
    make_file("outer", "#!inner extra\n");
    chmod("inner", 0755);
    chmod("outer", 0755);
    char *argv[] = {"zero", "one", NULL};
    run("outer", argv, no_env);
}

CASE(close_on_exec)
{
    make_file("f", "x");
    int keep = open("f", O_RDONLY), lose = open("f", O_RDONLY | O_CLOEXEC);
    dup2(keep, 40);
    dup2(lose, 41);
    fcntl(lose, F_DUPFD_CLOEXEC, 42);
    dup3(lose, 43, O_CLOEXEC);
    char *argv[] = {"show", "show-fds", NULL};
    run(self, argv, no_env);
}

CASE(what_survives)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGTERM, (void (*)(int))case_errors);
    umask(027);
    raise(SIGUSR1);
    char *argv[] = {"show", "show-state", NULL};
    run(self, argv, no_env);
}

CASE(auxiliary_vector)
{
    char *argv[] = {"show", "show-auxv", NULL};
    run(self, argv, no_env);
}

CASE(exec_by_descriptor)
{
    char *argv[] = {"show", "count-args", NULL};
    int fd = open(self, O_RDONLY);
    pid_t pid = fork();
    if (pid == 0) {
        syscall(SYS_execveat, fd, "", argv, no_env, AT_EMPTY_PATH);
        say("execveat: %s\n", error_name(errno));
        _exit(100);
    }
    say_end("execveat", pid);
    CALL(syscall(SYS_execveat, fd, "", argv, no_env, 0));
    CALL(syscall(SYS_execveat, -1, "x", argv, no_env, 0));
    CALL(syscall(SYS_execveat, fd, "x", argv, no_env, 0x4000));
}

CASE(pid_stays)
{
    pid_t pid = fork();
    if (pid == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", getpid());
        char *argv[] = {"show", "show-same-pid", number, NULL};
        execve(self, argv, no_env);
        _exit(100);
    }
    say_end("end", pid);
}

static void write_elf(const char *name, const Elf64_Ehdr *header, const Elf64_Phdr *phdr)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    write(fd, header, sizeof *header);
    write(fd, phdr, sizeof *phdr);
    ftruncate(fd, 4096);
    close(fd);
}

/* Headers with one wrong field each; none may start, and none may do harm. */
CASE(broken_elf_headers)
{
    static const Elf64_Ehdr good = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = 0x400000,
        .e_phoff = sizeof(Elf64_Ehdr),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 1,
    };
    static const Elf64_Phdr load = {.p_type = PT_LOAD,
                                    .p_flags = PF_R,
                                    .p_vaddr = 0x400000,
                                    .p_filesz = 4096,
                                    .p_memsz = 4096,
                                    .p_align = 4096};
    char *argv[] = {"x", NULL};
    Elf64_Ehdr h = good;
    h.e_ident[0] = 0;
    write_elf("magic", &h, &load);
    CALL(execve("magic", argv, no_env));
    h = good;
    h.e_type = ET_REL;
    write_elf("type", &h, &load);
    CALL(execve("type", argv, no_env));
    h = good;
    h.e_machine = EM_AARCH64;
    write_elf("machine", &h, &load);
    CALL(execve("machine", argv, no_env));
    h = good;
    h.e_phentsize = 32;
    write_elf("phentsize", &h, &load);
    CALL(execve("phentsize", argv, no_env));
    h = good;
    h.e_phnum = 0;
    write_elf("phnum", &h, &load);
    CALL(execve("phnum", argv, no_env));
    h = good;
    h.e_phnum = 65535;
    write_elf("phnum2", &h, &load);
    CALL(execve("phnum2", argv, no_env));
    h = good;
    h.e_phoff = 1ull << 40;
    write_elf("phoff", &h, &load);
    CALL(execve("phoff", argv, no_env));
    Elf64_Phdr interp = {.p_type = PT_INTERP, .p_offset = 200, .p_filesz = 1};
    h = good;
    write_elf("interp", &h, &interp);
    CALL(execve("interp", argv, no_env));
}

static int show(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "show-args";
    if (!strcmp(what, "count-args")) {
        size_t bytes = 0;
        for (int i = 0; i < argc; i++) {
            bytes += strlen(argv[i]) + 1;
        }
        say("%d arguments, %zu bytes\n", argc, bytes);
    } else if (!strcmp(what, "show-fds")) {
        for (int fd = 3; fd < 64; fd++) {
            if (fcntl(fd, F_GETFD) >= 0) {
                say("open: %d\n", fd);
            }
        }
    } else if (!strcmp(what, "show-state")) {
        sigset_t set;
        sigprocmask(SIG_BLOCK, NULL, &set);
        SHOW(sigismember(&set, SIGUSR1));
        SHOW(sigismember(&set, SIGUSR2));
        sigpending(&set);
        SHOW(sigismember(&set, SIGUSR1));
        struct sigaction act;
        sigaction(SIGUSR2, NULL, &act);
        TRUTH(act.sa_handler == SIG_IGN);
        sigaction(SIGTERM, NULL, &act);
        TRUTH(act.sa_handler == SIG_DFL);
        say("umask %03o\n", umask(0));
    } else if (!strcmp(what, "show-auxv")) {
        SHOW(getauxval(AT_PAGESZ));
        SHOW(getauxval(AT_CLKTCK));
        SHOW(getauxval(AT_PHENT));
        TRUTH(getauxval(AT_PHDR) != 0);
        TRUTH(getauxval(AT_ENTRY) != 0);
        TRUTH(getauxval(AT_RANDOM) != 0);
        SHOW(getauxval(AT_BASE));
        SHOW(getauxval(AT_SECURE));
        SHOW(getauxval(AT_UID) + getauxval(AT_EUID) + getauxval(AT_GID) + getauxval(AT_EGID));
        say("AT_PLATFORM %s\n", (char *)getauxval(AT_PLATFORM));
        TRUTH(strstr((char *)getauxval(AT_EXECFN), "exec") != NULL);
        TRUTH((getauxval(AT_HWCAP) & 1) == 1);
    } else if (!strcmp(what, "wait-for-input")) {
        char byte;
        read(0, &byte, 1);
    } else if (!strcmp(what, "show-same-pid")) {
        TRUTH(getpid() == atoi(argv[2]));
    } else {
        for (int i = 0; i < argc; i++) {
            const char *arg = argv[i];
            say_bytes("argument", strcmp(arg, self) ? arg : "SELF",
                      (ssize_t)strlen(strcmp(arg, self) ? arg : "SELF"));
        }
        for (char **e = environ; *e; e++) {
            say_bytes("environment", *e, (ssize_t)strlen(*e));
        }
    }
    return 33;
}

/* A file that is open for writing is not executed, and one that runs is not opened for writing. */
CASE(busy_program)
{
    char *const arguments[] = {"copy", "show-nothing", NULL};
    char data[65536];
    int from = open(self, O_RDONLY), to = open("copy", O_CREAT | O_WRONLY, 0755);
    for (ssize_t n; (n = read(from, data, sizeof data)) > 0;) {
        write(to, data, (size_t)n);
    }
    close(from);
    CALL(execve("copy", arguments, environ));
    close(to);
    int p[2];
    pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        char *const waiting[] = {"copy", "wait-for-input", NULL};
        dup2(p[0], 0);
        close(p[1]);
        execve("copy", waiting, environ);
        _exit(9);
    }
    /* The child has closed its copy of the pipe's end when it answers with its first byte. */
    close(p[0]);
    char link[64], target[64];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    do {
        ssize_t n = readlink(link, target, sizeof target - 1);
        target[n > 0 ? n : 0] = 0;
    } while (strstr(target, "copy") == NULL);
    CALL(open("copy", O_WRONLY));
    CALL(open("copy", O_RDWR | O_TRUNC));
    CALL(truncate("copy", 0));
    close(p[1]);
    waitpid(pid, NULL, 0);
    int fd = open("copy", O_WRONLY);
    TRUTH(fd >= 0);
    close(fd);
}

int main(int argc, char **argv)
{
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size < 0) {
        say("readlink /proc/self/exe: %s\n", error_name(errno));
        return 1;
    }
    if (argc != 1 || strcmp(argv[0], "exec")) {
        return show(argc, argv);
    }
    return RUN(ENTRY(arguments_byte_for_byte), ENTRY(many_arguments), ENTRY(long_argument),
               ENTRY(empty_argument_list), ENTRY(errors), ENTRY(script_with_interpreter),
               ENTRY(script_errors), ENTRY(script_of_script), ENTRY(close_on_exec),
               ENTRY(what_survives), ENTRY(auxiliary_vector), ENTRY(exec_by_descriptor),
               ENTRY(pid_stays), ENTRY(broken_elf_headers), ENTRY(busy_program));
}
