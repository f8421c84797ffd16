/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SHA-256: the examples of FIPS 180-4's companion ("SHA-256 Examples" of NIST's cryptographic
 * toolkit, and the longer ones of the validation system), every size around the block's and in any
 * pieces, and what sha256sum of coreutils says.
 */
// sources: lib/sha256.c
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/sha256.h"
#include "lib/types.h"

static void expect(const void *bytes, size_t size, const char *hex)
{
    uint8_t digest[SHA256_BYTES];
    char text[SHA256_HEX + 1];
    sha256(bytes, size, digest);
    sha256_format(digest, text);
    assert_string_equal(text, hex);
}

static void standard_vectors(void **state)
{
    (void)state;
    expect("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect("\xbd", 1, "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
    char *a = malloc(1000000);
    memset(a, 'a', 1000000);
    expect(a, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(a);
}

static void any_pieces(void **state)
{
    (void)state;
    uint8_t bytes[300], whole[SHA256_BYTES], pieces[SHA256_BYTES];
    srand(1);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)rand();
    }
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        uint8_t *exact = malloc(size + 1);
        memcpy(exact + 1, bytes, size); /* not aligned, and the sanitizer watches its end */
        sha256(exact + 1, size, whole);
        struct sha256 sha;
        sha256_init(&sha);
        for (size_t at = 0; at < size;) {
            size_t wish = (size_t)rand() % 130, some = MIN(wish, size - at);
            sha256_update(&sha, bytes + at, some);
            at += some;
        }
        sha256_final(&sha, pieces);
        assert_memory_equal(whole, pieces, sizeof(whole));
        free(exact);
    }
}

static void as_sha256sum(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 4096, 1000003};
    char name[] = "/tmp/test_sha256.XXXXXX", command[64], line[SHA256_HEX + 1];
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    snprintf(command, sizeof(command), "sha256sum %s", name);
    size_t written = 0;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint8_t *bytes = malloc(sizes[i] + 1);
        for (size_t j = 0; j < sizes[i]; j++) {
            bytes[j] = (uint8_t)(j * j >> 3);
        }
        assert_int_equal(write(fd, bytes + written, sizes[i] - written), sizes[i] - written);
        written = sizes[i];
        FILE *sum = popen(command, "r");
        assert_non_null(sum);
        assert_int_equal(fread(line, 1, SHA256_HEX, sum), SHA256_HEX);
        line[SHA256_HEX] = 0;
        pclose(sum);
        expect(bytes, sizes[i], line);
        free(bytes);
    }
    close(fd);
    unlink(name);
}

static void text(void **state)
{
    (void)state;
    const char *good = "BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    uint8_t digest[SHA256_BYTES], same[SHA256_BYTES];
    sha256("abc", 3, same);
    assert_int_equal(sha256_parse(good, 64, digest), 0);
    assert_memory_equal(digest, same, sizeof(same));
    assert_int_equal(sha256_parse(good, 63, digest), -EINVAL);
    assert_int_equal(sha256_parse(good, 65, digest), -EINVAL);
    assert_int_equal(sha256_parse(good, 0, digest), -EINVAL);
    for (size_t at = 0; at < 64; at += 21) {
        static const char wrong[] = "gG/:@`\0 x-";
        for (size_t i = 0; i < sizeof(wrong); i++) {
            char changed[65];
            memcpy(changed, good, 65);
            changed[at] = wrong[i];
            assert_int_equal(sha256_parse(changed, 64, digest), -EINVAL);
            assert_memory_equal(digest, same, sizeof(same));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_vectors),
        cmocka_unit_test(any_pieces),
        cmocka_unit_test(as_sha256sum),
        cmocka_unit_test(text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
