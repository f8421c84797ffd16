/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Sockets: what is the same for all families. The calls check and copy arguments, then ask the
 * family's ops; a socket is a file of "sockfs". Families: unix*.c.
 */
#include "kernel/personality/linux/file/files.h"

enum {
    AF_UNSPEC,
    AF_UNIX,
    AF_MAX = 46,
};
enum { SOCK_STREAM = 1, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_TYPES = 11 };
enum { SHUT_RD, SHUT_WR, SHUT_RDWR };
/* Bits of what is shut down. */
enum { SHUT_RECEIVE = 1, SHUT_SEND = 2 };

enum msg_flags {
    MSG_OOB = 0x1,
    MSG_PEEK = 0x2,
    MSG_CTRUNC = 0x8,
    MSG_TRUNC = 0x20,
    MSG_DONTWAIT = 0x40,
    MSG_EOR = 0x80,
    MSG_WAITALL = 0x100,
    MSG_ERRQUEUE = 0x2000,
    MSG_NOSIGNAL = 0x4000,
    MSG_WAITFORONE = 0x10000,
    MSG_CMSG_CLOEXEC = 0x40000000,
    MSG_CMSG_COMPAT = 1u << 31, /* a 32-bit program's: the kernel's own */
};

/* struct sockaddr of any family. size 0: none. */
struct socket_name {
    uint32_t size; /* bytes, with the family */
    union {
        uint16_t family;
        unsigned char bytes[128]; /* struct sockaddr_storage */
    };
};

/* struct ucred of the ABI. */
struct linux_ucred {
    int32_t pid;
    uint32_t uid, gid;
};

/* Files on their way from one process to another. */
#define SCM_FILES_MAX 253
struct scm_files {
    struct scm_files *next; /* to be let go after these */
    unsigned count;
    struct file *files[]; /* counted */
};
/* NULL is allowed. Files may be sockets with messages that hold files, and so on: what comes up
 * meanwhile is let go by the first caller, one after the other. */
void scm_files_put(struct scm_files *files);
/* The same files once more, for MSG_PEEK; NULL: no memory. */
struct scm_files *scm_files_copy(const struct scm_files *files);

/* One sendmsg or recvmsg. */
struct message {
    struct io io;
    unsigned flags;          /* MSG_*; after receiving, those that the program gets */
    struct socket_name name; /* whom it goes to, or whom it is from */
    struct scm_files *files; /* owned by who has the message, or NULL */
    struct linux_ucred cred; /* sender's */
    bool has_cred;           /* sending: given by the program; receiving: there is one */
};

struct socket;
struct socket_ops {
    /* Each: 0 or a negative errno. Sleeps as long as the socket's timeouts say, unless nonblock. */
    int (*bind)(struct socket *socket, const struct socket_name *name);
    int (*connect)(struct socket *socket, const struct socket_name *name, bool nonblock);
    int (*listen)(struct socket *socket, int backlog);
    int (*accept)(struct socket *socket, bool nonblock, struct socket **out);
    int (*pair)(struct socket *a, struct socket *b);
    int (*get_name)(struct socket *socket, bool peer, struct socket_name *name);
    int (*shutdown)(struct socket *socket, int how);
    /* Bytes, or a negative errno. */
    ssize_type (*send)(struct socket *socket, struct message *message);
    ssize_type (*receive)(struct socket *socket, struct message *message);
    unsigned (*poll)(struct socket *socket, struct poll_table *table);
    /* Bytes that can be read, or are not yet read by the other side. */
    long (*queued)(struct socket *socket, bool sent);
    bool (*is_listening)(struct socket *socket);
    int (*peer_cred)(struct socket *socket, struct linux_ucred *cred);
    void (*release)(struct socket *socket);
};

struct socket {
    const struct socket_ops *ops; /* constant */
    uint16_t family, type;        /* constant */
    /* What programs set; atomic to read. */
    uint64_t receive_timeout_ns, send_timeout_ns; /* 0: none */
    uint32_t send_size, receive_size;             /* bytes that may be on their way */
    uint32_t flags;                               /* options that are only kept: enum socket_flag */
    int32_t priority, low_water;
    int32_t linger[2];
    int error; /* atomic: to be told once, positive (SO_ERROR) */
};
enum socket_flag {
    SOCKET_DEBUG = 1,
    SOCKET_REUSE = 2,
    SOCKET_KEEPALIVE = 4,
    SOCKET_BROADCAST = 8,
    SOCKET_PASSCRED = 16,
    SOCKET_REUSEPORT = 32,
    SOCKET_TIMESTAMP = 64,
    SOCKET_OOBINLINE = 128,
    SOCKET_DONTROUTE = 256,
};
#define SOCKET_BUFFER_SIZE 212992u /* net.core.wmem_default, rmem_default */

static inline bool socket_flag(const struct socket *socket, enum socket_flag flag)
{
    return (__atomic_load_n(&socket->flags, __ATOMIC_RELAXED) & flag) != 0;
}
/* When a wait that begins now is over. */
uint64_t socket_deadline(const uint64_t *timeout_ns);
/* What a wait's result means for a call: -EAGAIN after a timeout; a call without one is restarted
 * after a signal. */
int socket_waited(int result, uint64_t deadline_ns);
/* The error that waits to be told, negative, or 0; told once. */
int socket_take_error(struct socket *socket);

void socket_init(struct socket *socket, const struct socket_ops *ops, unsigned family,
                 unsigned type);
/* A file that owns the socket: 0 or a negative errno (then the socket is still the caller's). */
int socket_file_create(struct socket *socket, unsigned flags, struct file **out);
/* The socket of a file; NULL: it is none. */
struct socket *socket_of_file(const struct file *file);

/* options.c */
long socket_set_option(struct socket *socket, int name, vaddr_t addr, unsigned size);
long socket_get_option(struct socket *socket, int name, vaddr_t addr, vaddr_t size_addr);

/* unix_gc.c: ends sockets that only messages hold, which only such sockets hold. */
void unix_collect_garbage(void);

/* unix.c: a new socket of the family: 0, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -ENOMEM. */
int unix_socket_create(unsigned type, int protocol, struct socket **out);
