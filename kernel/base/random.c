/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The random generator: a root key into which all entropy goes, and a generator on each CPU that
 * takes its key from the root and hands out ChaCha20 key stream.
 *
 * Fast key erasure everywhere: the first bytes of what a key generates become the next key before
 * the rest is given out, and bytes given out are wiped, so that whoever reads the kernel's memory
 * later learns nothing about earlier output. Small requests come out of a buffer; a large one runs
 * on a key of its own with interrupts on.
 */
#include "kernel/base/random.h"

#include "kernel/arch/cpu.h"
#include "kernel/base/percpu.h"
#include "kernel/base/spinlock.h"
#include "lib/chacha20.h"
#include "lib/string.h"
#include "lib/types.h"

#define READY_BITS    256u
#define REFILL_BLOCKS 2u
#define REFILL_BYTES  (REFILL_BLOCKS * CHACHA20_BLOCK_BYTES - CHACHA20_KEY_BYTES)

/* A sample of the cycle counter is counted as an eighth of a bit. */
#define JITTER_SAMPLES (READY_BITS * 8u)

static struct {
    struct spinlock lock;
    uint32_t key[CHACHA20_KEY_WORDS]; /* [lock] */
    unsigned secret_bits;             /* [lock], read without: only grows */
    unsigned generation;              /* [lock], read without: changes whenever entropy was added */
} root = {.lock = SPINLOCK_INIT(LOCK_RANDOM), .generation = 1};

/* Owner: its CPU, with interrupts off. generation 0: not keyed yet. */
struct generator {
    uint32_t key[CHACHA20_KEY_WORDS];
    unsigned generation;
    unsigned left; /* bytes not given out yet; they are the last ones of the buffer */
    uint8_t buffer[REFILL_BYTES];
};
PERCPU(struct generator, random_generator);

static const uint32_t no_nonce[3];

/* memset that the compiler must not leave out. */
static void wipe(void *bytes, size_t size)
{
    memset(bytes, 0, size);
    __asm__ volatile("" : : "r"(bytes) : "memory");
}

/*
 * key = ChaCha20(key xor chunk): the block function adds its input to its result, so it cannot be
 * run backwards, and the new key is as good as the better one of the old key and the chunk. The
 * moment goes into the nonce for what it is worth. REQUIRES root.lock.
 */
static void absorb_locked(const uint8_t *bytes, size_t size)
{
    uint32_t chunk[CHACHA20_KEY_WORDS] = {0};
    uint8_t block[CHACHA20_BLOCK_BYTES];
    uint64_t cycles = arch_cycles();
    const uint32_t nonce[3] = {(uint32_t)size, (uint32_t)cycles, (uint32_t)(cycles >> 32)};

    memcpy(chunk, bytes, size);
    for (unsigned i = 0; i < CHACHA20_KEY_WORDS; i++) {
        chunk[i] ^= root.key[i];
    }
    chacha20_block(chunk, 0, nonce, block);
    memcpy(root.key, block, sizeof(root.key));
    wipe(chunk, sizeof(chunk));
    wipe(block, sizeof(block));
}

static void add(const void *bytes, size_t size, unsigned secret_bits)
{
    const uint8_t *from = bytes;
    unsigned long flags = spin_lock_irqsave(&root.lock);

    while (size > 0) {
        size_t part = MIN(size, (size_t)CHACHA20_KEY_BYTES);
        absorb_locked(from, part);
        from += part;
        size -= part;
    }
    root.secret_bits = MIN(root.secret_bits + secret_bits, READY_BITS);
    if (++root.generation == 0) {
        root.generation = 1;
    }
    spin_unlock_irqrestore(&root.lock, flags);
}

void random_add(const void *bytes, size_t size)
{
    add(bytes, size, 0);
}

void random_add_secret(const void *bytes, size_t size)
{
    add(bytes, size, (unsigned)MIN(size * 8, (size_t)READY_BITS));
}

/* A fresh key from the root. REQUIRES interrupts off. */
static void generator_rekey(struct generator *generator)
{
    uint8_t block[CHACHA20_BLOCK_BYTES];

    spin_lock(&root.lock);
    chacha20_block(root.key, 0, no_nonce, block);
    memcpy(root.key, block, sizeof(root.key));
    memcpy(generator->key, block + sizeof(root.key), sizeof(generator->key));
    generator->generation = root.generation;
    generator->left = 0;
    spin_unlock(&root.lock);
    wipe(block, sizeof(block));
}

/* REQUIRES interrupts off. */
static void generator_refill(struct generator *generator)
{
    uint8_t stream[REFILL_BLOCKS * CHACHA20_BLOCK_BYTES];

    chacha20_stream(generator->key, 0, no_nonce, stream, sizeof(stream));
    memcpy(generator->key, stream, sizeof(generator->key));
    memcpy(generator->buffer, stream + sizeof(generator->key), REFILL_BYTES);
    generator->left = REFILL_BYTES;
    wipe(stream, sizeof(stream));
}

/* At most REFILL_BYTES. REQUIRES interrupts off. */
static void generator_take(struct generator *generator, void *buf, size_t size)
{
    if (unlikely(generator->generation != __atomic_load_n(&root.generation, __ATOMIC_RELAXED))) {
        generator_rekey(generator);
    }
    if (size > generator->left) {
        generator_refill(generator);
    }
    uint8_t *from = generator->buffer + REFILL_BYTES - generator->left;
    memcpy(buf, from, size);
    wipe(from, size);
    generator->left -= (unsigned)size;
}

void random_bytes(void *buf, size_t size)
{
    bool small = size <= REFILL_BYTES;
    uint32_t key[CHACHA20_KEY_WORDS];

    unsigned long flags = arch_irq_save();
    struct generator *generator = &percpu(random_generator);
    if (small) {
        generator_take(generator, buf, size);
    } else {
        generator_take(generator, key, sizeof(key));
    }
    arch_irq_restore(flags);

    if (!small) {
        /* One nonce for each 2^32 blocks would be needed beyond 256 GiB; nobody asks for so much
         * in one call (getrandom's limit is 32 MiB). */
        assert(size / CHACHA20_BLOCK_BYTES < UINT32_MAX);
        chacha20_stream(key, 0, no_nonce, buf, size);
        wipe(key, sizeof(key));
    }
}

uint64_t random_u64(void)
{
    uint64_t value;

    random_bytes(&value, sizeof(value));
    return value;
}

/* For machines without a random source: the time that the block function takes varies with caches,
 * interrupts and the host. */
static void gather_jitter(void)
{
    uint64_t before = arch_cycles();

    for (unsigned i = 0; i < JITTER_SAMPLES; i++) {
        uint64_t now = arch_cycles(), taken = now - before;
        add(&taken, sizeof(taken), i % 8 == 0);
        before = now;
    }
}

bool random_ready(void)
{
    if (__atomic_load_n(&root.secret_bits, __ATOMIC_RELAXED) < READY_BITS) {
        gather_jitter();
    }
    return true;
}

void random_init(const void *seed, size_t size)
{
    uint8_t bytes[CHACHA20_KEY_BYTES];
    size_t got = arch_cpu_random(bytes, sizeof(bytes));

    if (size > 0) {
        random_add(seed, size);
    }
    random_add_secret(bytes, MIN(got, sizeof(bytes)));
    wipe(bytes, sizeof(bytes));
}
