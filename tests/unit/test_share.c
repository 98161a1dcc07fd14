#include "tests/unit/support.h"

#include "lib/ceremony/custody/share.h"

#define PIN "k7v2-9qmx-4w3p-tz8r"

static void clear(struct ps_secret **values)
{
    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        ps_secret_free(values[i]);
        values[i] = NULL;
    }
}

static bool yields_pin(struct ps_secret **values, unsigned mask)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pin = NULL;
    struct share_value chosen[SHARE_COUNT_MAX];
    size_t count = 0;

    for (unsigned i = 0; i < SHARE_COUNT_MAX; i++) {
        if ((mask >> i & 1) != 0) {
            chosen[count++] = (struct share_value){.number = (uint8_t)(i + 1),
                                                   .value = ps_secret_bytes(values[i])};
        }
    }
    assert_ok(share_combine(chosen, count, &pin));
    return ps_bytes_equal_str(ps_secret_bytes(pin), PIN);
}

static unsigned bits(unsigned mask)
{
    return mask == 0 ? 0 : (mask & 1) + bits(mask >> 1);
}

static void any_m_shares_yield_the_pin_and_fewer_never_do(void **state)
{
    struct ps_secret *values[SHARE_COUNT_MAX] = {NULL};

    (void)state;
    assert_ok(share_split(ps_bytes_str(PIN), 3, 5, values));
    for (unsigned mask = 1; mask < 32; mask++) {
        assert_int_equal(yields_pin(values, mask), bits(mask) >= 3);
    }
    clear(values);
}

static void bounds_of_a_split(void **state)
{
    static const uint8_t long_pin[SHARE_VALUE_MAX + 1] = {1};
    struct ps_secret *values[SHARE_COUNT_MAX] = {NULL};
    const struct ps_bytes pin = ps_bytes_str(PIN);

    (void)state;
    assert_fails(PS_E_INPUT, share_split(pin, 1, 3, values));
    assert_fails(PS_E_INPUT, share_split(pin, 4, 3, values));
    assert_fails(PS_E_INPUT, share_split(pin, 2, SHARE_COUNT_MAX + 1, values));
    assert_fails(PS_E_INPUT, share_split(ps_bytes(NULL, 0), 2, 3, values));
    assert_fails(PS_E_INPUT, share_split(ps_bytes(long_pin, SHARE_VALUE_MAX + 1), 2, 3, values));
    assert_ok(
        share_split(ps_bytes(long_pin, SHARE_VALUE_MAX), SHARE_COUNT_MAX, SHARE_COUNT_MAX, values));
    clear(values);
}

static void shares_that_do_not_belong_together_are_an_input_error(void **state)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pin = NULL;
    const struct ps_bytes a = ps_bytes_str("aaaa");
    const struct share_value twice[] = {{1, a}, {1, a}};
    const struct share_value lengths[] = {{1, a}, {2, ps_bytes_str("aaa")}};
    const struct share_value zero[] = {{0, a}, {2, a}};

    (void)state;
    assert_fails(PS_E_INPUT, share_combine(twice, 2, &pin));
    assert_fails(PS_E_INPUT, share_combine(lengths, 2, &pin));
    assert_fails(PS_E_INPUT, share_combine(zero, 2, &pin));
    assert_fails(PS_E_INPUT, share_combine(twice, 0, &pin));
    assert_null(pin);
}

static struct share example(void)
{
    return (struct share){.set = {1, 2, 3},
                          .pin = SHARE_PIN_USER,
                          .number = 2,
                          .threshold = 3,
                          .count = 5,
                          .token = ps_bytes_str("main"),
                          .officer = ps_bytes_str("officer-2"),
                          .value = ps_bytes_str("0123456789")};
}

/* As they are made. */
static struct share blinded(void)
{
    struct share share = example();

    share.blind = ps_bytes_str("0123456789abcdef");
    return share;
}

static void put(const struct share *share, struct ps_buf *out)
{
    ps_buf_init(out, SHARE_OCTETS_MAX);
    assert_ok(share_put(share, out));
}

static void what_is_written_is_read_back(void **state)
{
    const struct share share = blinded();
    struct share read;
    PS_BUF_AUTO octets;

    (void)state;
    put(&share, &octets);
    assert_ok(share_read(ps_buf_bytes(&octets), &read));
    assert_memory_equal(read.set, share.set, SHARE_SET_LEN);
    assert_int_equal(read.pin, share.pin);
    assert_int_equal(read.number, 2);
    assert_int_equal(read.threshold, 3);
    assert_int_equal(read.count, 5);
    assert_text(read.token, "main");
    assert_text(read.officer, "officer-2");
    assert_text(read.value, "0123456789");
    assert_text(read.blind, "0123456789abcdef");
}

/* "PSSHARE", and what a splitting has kept for years. */
static void one_of_version_1_is_read_as_it_was_written(void **state)
{
    const struct share share = example();
    struct share read;
    PS_BUF_AUTO octets;

    (void)state;
    put(&share, &octets);
    assert_int_equal(octets.data[7], 1);
    assert_ok(share_read(ps_buf_bytes(&octets), &read));
    assert_text(read.value, "0123456789");
    assert_int_equal(read.blind.len, 0);
    octets.data[7] = 2;
    assert_fails(PS_E_INPUT, share_read(ps_buf_bytes(&octets), &read));
    octets.data[7] = 3;
    assert_fails(PS_E_INPUT, share_read(ps_buf_bytes(&octets), &read));
}

static void every_truncation_and_a_trailing_octet_are_input_errors(void **state)
{
    const struct share share = blinded();
    struct share read;
    PS_BUF_AUTO octets;

    (void)state;
    put(&share, &octets);
    for (size_t len = 0; len < octets.len; len++) {
        assert_fails(PS_E_INPUT, share_read(ps_bytes(octets.data, len), &read));
    }
    ps_buf_put_u8(&octets, 0);
    assert_fails(PS_E_INPUT, share_read(ps_buf_bytes(&octets), &read));
}

static void members_out_of_bounds_are_input_errors(void **state)
{
    struct share wrong[9];
    PS_BUF_AUTO octets = {.max = SHARE_OCTETS_MAX};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        wrong[i] = example();
    }
    wrong[0].number = 0;
    wrong[1].number = 6;
    wrong[2].threshold = 1;
    wrong[3].threshold = 6;
    wrong[4].token = ps_bytes_str("Main");
    wrong[5].officer = ps_bytes(NULL, 0);
    wrong[6].value = ps_bytes(NULL, 0);
    wrong[7].pin = (enum share_pin)3;
    wrong[8].blind = ps_bytes_str("0123456789abcde");
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, share_put(&wrong[i], &octets));
    }
}

static void one_flipped_bit_makes_another_commitment(void **state)
{
    const struct share share = example();
    uint8_t before[PS_SHA256_LEN];
    uint8_t after[PS_SHA256_LEN];
    PS_BUF_AUTO octets;

    (void)state;
    put(&share, &octets);
    share_commit(ps_buf_bytes(&octets), before);
    for (size_t i = 0; i < octets.len; i++) {
        octets.data[i] ^= 1;
        share_commit(ps_buf_bytes(&octets), after);
        octets.data[i] ^= 1;
        assert_memory_not_equal(before, after, PS_SHA256_LEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_m_shares_yield_the_pin_and_fewer_never_do),
        cmocka_unit_test(bounds_of_a_split),
        cmocka_unit_test(shares_that_do_not_belong_together_are_an_input_error),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(one_of_version_1_is_read_as_it_was_written),
        cmocka_unit_test(every_truncation_and_a_trailing_octet_are_input_errors),
        cmocka_unit_test(members_out_of_bounds_are_input_errors),
        cmocka_unit_test(one_flipped_bit_makes_another_commitment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
