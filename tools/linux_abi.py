#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes doc/linux-abi.md, which says what is there of Linux's system calls, from abi/linux.def.

With --check nothing is written: the page must be up to date, and the table must have one row for each
number that Linux 6.1 has, in ascending order. Without, rows that a merge has doubled are put in order
first (.gitattributes lets git keep those of both sides).
"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "doc/linux-abi.md"
TABLE = ROOT / "abi/linux.def"
WIDTH = 120
# x86_64 numbers of Linux 6.1; those from 335 on wait for the other machines' numbers to catch up.
NUMBERS = [*range(0, 335), *range(424, 451)]
STATES = {"CALL": "complete", "PARTIAL": "partial", "ABSENT": "absent", "GONE": "gone"}
ROW = re.compile(r"LINUX_(CALL|PARTIAL|ABSENT|GONE)\((\d+),")
RANK = ["ABSENT", "GONE", "CALL", "PARTIAL"]

# Every call that Linux 6.1 has or had, where people look for it; within an area as they are read.
AREAS = {
    "Processes and threads": """
        fork vfork clone clone3 execve execveat exit exit_group wait4 waitid getpid getppid gettid
        set_tid_address getpgid setpgid getpgrp getsid setsid pidfd_open pidfd_getfd
        pidfd_send_signal prctl arch_prctl personality uselib set_thread_area get_thread_area
        modify_ldt rseq membarrier getcpu unshare setns kcmp ptrace process_vm_readv
        process_vm_writev seccomp""",
    "Users, rights and limits": """
        getuid geteuid setuid setreuid setresuid getresuid setfsuid getgid getegid setgid setregid
        setresgid getresgid setfsgid getgroups setgroups capget capset getrlimit setrlimit prlimit64
        getrusage landlock_create_ruleset landlock_add_rule landlock_restrict_self add_key
        request_key keyctl""",
    "Scheduling": """
        sched_yield getpriority setpriority sched_setparam sched_getparam sched_setscheduler
        sched_getscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval
        sched_setattr sched_getattr sched_setaffinity sched_getaffinity ioprio_set ioprio_get""",
    "Signals": """
        rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo
        rt_tgsigqueueinfo rt_sigreturn sigaltstack kill tkill tgkill pause restart_syscall signalfd
        signalfd4""",
    "Futexes": """
        futex futex_waitv set_robust_list get_robust_list""",
    "Memory": """
        mmap munmap mprotect mremap brk madvise process_madvise process_mrelease msync mincore mlock
        mlock2 munlock mlockall munlockall memfd_create memfd_secret remap_file_pages pkey_mprotect
        pkey_alloc pkey_free userfaultfd mbind set_mempolicy get_mempolicy set_mempolicy_home_node
        migrate_pages move_pages swapon swapoff""",
    "Files and descriptors": """
        open openat openat2 creat close close_range dup dup2 dup3 fcntl flock ioctl read write
        pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 lseek truncate ftruncate
        fallocate fadvise64 readahead fsync fdatasync sync syncfs sync_file_range sendfile
        copy_file_range pipe pipe2 splice tee vmsplice name_to_handle_at open_by_handle_at
        io_setup io_destroy io_submit io_getevents io_pgetevents io_cancel io_uring_setup
        io_uring_enter io_uring_register""",
    "Names and directories": """
        stat lstat fstat newfstatat statx statfs fstatfs ustat access faccessat faccessat2 chmod
        fchmod fchmodat chown lchown fchown fchownat umask utime utimes futimesat utimensat link
        linkat unlink unlinkat symlink symlinkat readlink readlinkat rename renameat renameat2 mkdir
        mkdirat rmdir mknod mknodat getdents getdents64 getcwd chdir fchdir chroot setxattr lsetxattr
        fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr
        lremovexattr fremovexattr""",
    "Mounts and file systems": """
        mount umount2 pivot_root open_tree move_mount mount_setattr fsopen fsconfig fsmount fspick
        sysfs quotactl quotactl_fd nfsservctl lookup_dcookie""",
    "Waiting": """
        poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
        epoll_pwait2 epoll_ctl_old epoll_wait_old eventfd eventfd2 inotify_init inotify_init1
        inotify_add_watch inotify_rm_watch fanotify_init fanotify_mark""",
    "Sockets": """
        socket socketpair bind listen accept accept4 connect shutdown getsockname getpeername sendto
        recvfrom sendmsg recvmsg sendmmsg recvmmsg setsockopt getsockopt""",
    "Time": """
        time gettimeofday settimeofday clock_gettime clock_settime clock_getres clock_nanosleep
        clock_adjtime adjtimex nanosleep times alarm getitimer setitimer timer_create timer_settime
        timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime
        timerfd_gettime""",
    "System V and POSIX queues": """
        shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open
        mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr""",
    "The system": """
        uname sethostname setdomainname sysinfo syslog getrandom reboot kexec_load kexec_file_load
        vhangup acct iopl ioperm perf_event_open bpf init_module finit_module delete_module
        create_module get_kernel_syms query_module _sysctl getpmsg putpmsg afs_syscall tuxcall
        security vserver""",
}

problems = []


def unmerge():
    """Of two rows for a number, that of a call which is there stays, and the one that says more."""
    lines = TABLE.read_text().splitlines(keepends=True)
    rows = [line for line in lines if ROW.match(line)]
    first = next(i for i, line in enumerate(lines) if ROW.match(line))
    best = {}
    for row in rows:
        kind, number = ROW.match(row).groups()
        old = best.get(int(number))
        if old is None or RANK.index(kind) > RANK.index(ROW.match(old)[1]):
            best[int(number)] = row
    others = [line for line in lines if not ROW.match(line)]
    TABLE.write_text("".join(others[:first] + [best[n] for n in sorted(best)] + others[first:]))


def table():
    """(number, name, state, what is missing) of each row."""
    rows = []
    text = TABLE.read_text()
    for line in re.findall(r"^LINUX_.*", text, re.M):
        row = re.fullmatch(r'LINUX_(\w+)\((\d+), (\w+)(?:, "[duxopsfa]*\*?"(?:, "([^"]+)")?)?\)', line)
        has_args = row is not None and row[0].count('"') // 2
        if row is None or has_args != {"CALL": 1, "PARTIAL": 2}.get(row[1], 0) or row[1] not in STATES:
            problems.append(f"abi/linux.def: what is this? {line}")
        else:
            rows.append((int(row[2]), row[3], STATES[row[1]], row[4]))
    return rows


def compare(rows):
    """With the numbers there are, and with the areas."""
    numbers = [row[0] for row in rows]
    for number in sorted(set(numbers)):
        if numbers.count(number) > 1:
            problems.append(f"abi/linux.def has {numbers.count(number)} rows for {number}")
    problems.extend(f"abi/linux.def has no row for {number}"
                    for number in NUMBERS if number not in numbers)
    problems.extend(f"abi/linux.def: Linux 6.1 has no call {number}"
                    for number in numbers if number not in NUMBERS)
    if numbers != sorted(numbers):
        problems.append("abi/linux.def: the numbers do not ascend")
    names = {row[1] for row in rows}
    known = {name for area in AREAS.values() for name in area.split()}
    problems.extend(f"abi/linux.def: {name} is no call of Linux 6.1, or tools/linux_abi.py has no area for it"
                    for name in sorted(names - known))


def wrapped(text):
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def listed(word, names):
    return [wrapped(f"{word}: " + ", ".join(f"`{name}`" for name in names) + "."), ""] if names else []


def section(area, rows):
    """A table of what is partial; the other calls in a line for each state."""
    lines = [f"## {area}", ""]
    lines += listed("Complete", [row[1] for row in rows if row[2] == "complete"])
    partial = [row for row in rows if row[2] == "partial"]
    if partial:
        lines += ["| Partial | what is missing |", "|---|---|"]
        lines += [f"| `{row[1]}` | {row[3]} |" for row in partial]
        lines += [""]
    lines += listed("Absent", [row[1] for row in rows if row[2] == "absent"])
    lines += listed("Gone from Linux, too", [row[1] for row in rows if row[2] == "gone"])
    return lines


def page(rows):
    by_name = {row[1]: row for row in rows}
    areas = {area: [by_name[name] for name in names.split() if name in by_name]
             for area, names in AREAS.items()}

    def count(some, state):
        return sum(row[2] == state for row in some)

    there = {state: count(rows, state) for state in STATES.values()}
    lines = [
        "# Linux's system calls", "",
        "<!-- Made from abi/linux.def by `make linux-abi`. -->", "",
        wrapped(f"Linux 6.1 has {len(rows) - there['gone']} system calls on x86_64. Alba has {there['complete']} of "
                f"them completely and {there['partial']} in part; {there['absent']} are absent and return ENOSYS. "
                f"{there['gone']} more numbers are those of calls that Linux itself no longer has."), "",
        wrapped("Complete is a call that does what its page in section 2 of the manual says, with the files and "
                "devices that there are. A flag that is not supported is refused with the error that a Linux "
                "without it gives, if nothing else is said here. `alba run --strace` shows what a program asks for."),
        "",
        "| | complete | partial | absent |", "|---|--:|--:|--:|"]
    lines += [f"| {area} | {count(some, 'complete')} | {count(some, 'partial')} | {count(some, 'absent')} |"
              for area, some in areas.items()]
    lines += [""]
    for area, some in areas.items():
        lines += section(area, some)
    return "\n".join(lines).rstrip() + "\n"


def main():
    if "--check" not in sys.argv:
        unmerge()
    rows = table()
    compare(rows)
    if not problems:
        text = page(rows)
        if "--check" not in sys.argv:
            PAGE.write_text(text)
        elif not PAGE.exists() or PAGE.read_text() != text:
            problems.append("doc/linux-abi.md is not what abi/linux.def says: make linux-abi")
    for problem in problems:
        print("linux-abi: " + problem)
    if problems:
        sys.exit(1)
    print(f"linux-abi: {len(rows)} numbers")


if __name__ == "__main__":
    main()
