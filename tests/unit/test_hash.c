#include "tests/unit/support.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

/* FIPS 180-4's example "abc", as NIST prints it. */
static const char *const of_abc[] = {
    [PS_SHA1] = "a9993e364706816aba3e25717850c26c9cd0d89d",
    [PS_SHA256] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    [PS_SHA384] = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                  "8086072ba1e7cc2358baeca134c825a7",
    [PS_SHA512] = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
};

static void check(enum ps_hash hash, const struct ps_bytes *parts, size_t count)
{
    uint8_t out[PS_HASH_MAX];
    PS_BUF_AUTO text = {.max = 2 * PS_HASH_MAX};

    ps_hash_parts(hash, parts, count, out);
    ps_buf_put_hex(&text, ps_bytes(out, ps_hash_len(hash)));
    assert_text(ps_buf_bytes(&text), of_abc[hash]);
}

static void published_digests_come_out_however_the_octets_are_cut(void **state)
{
    const struct ps_bytes whole[] = {LITERAL("abc")};
    const struct ps_bytes cut[] = {LITERAL("a"), ps_bytes(NULL, 0), LITERAL("bc")};

    (void)state;
    for (unsigned hash = PS_SHA1; hash <= PS_SHA512; hash++) {
        check((enum ps_hash)hash, whole, 1);
        check((enum ps_hash)hash, cut, 3);
        check((enum ps_hash)hash, whole, 1);
    }
}

static void lengths_are_those_of_the_functions(void **state)
{
    (void)state;
    assert_int_equal(ps_hash_len(PS_SHA1), 20);
    assert_int_equal(ps_hash_len(PS_SHA256), PS_SHA256_LEN);
    assert_int_equal(ps_hash_len(PS_SHA384), 48);
    assert_int_equal(ps_hash_len(PS_SHA512), PS_HASH_MAX);
}

static void nothing_has_a_digest_too(void **state)
{
    uint8_t out[PS_SHA256_LEN];
    PS_BUF_AUTO text = {.max = 64};

    (void)state;
    ps_sha256(ps_bytes(NULL, 0), out);
    ps_buf_put_hex(&text, ps_bytes(out, sizeof out));
    assert_text(ps_buf_bytes(&text),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void random_octets_fill_all_and_differ(void **state)
{
    static uint8_t one[4096];
    static uint8_t other[4096];
    unsigned zeros = 0;

    (void)state;
    ps_random(one, sizeof one);
    ps_random(other, sizeof other);
    assert_memory_not_equal(one, other, sizeof one);
    for (size_t i = 0; i < sizeof one; i++) {
        zeros += one[i] == 0 ? 1 : 0;
    }
    /* 16 are expected; 200 are as good as impossible. */
    assert_true(zeros < 200);
    ps_random(one, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_digests_come_out_however_the_octets_are_cut),
        cmocka_unit_test(lengths_are_those_of_the_functions),
        cmocka_unit_test(nothing_has_a_digest_too),
        cmocka_unit_test(random_octets_fill_all_and_differ),
    };

    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
