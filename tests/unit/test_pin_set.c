#include "tests/unit/support.h"

#include "keystore/custody/pin_set.h"

#define NOW_S   UINT64_C(1800000000)
#define HOLDERS 3
#define PIN     "7"

static const uint8_t set_name[SHARE_SET_LEN] = {1, 2, 3};

/* A splitting, two of three, and the keys that open its shares. */
struct splitting {
    struct ps_secret *keys[HOLDERS];
    struct ps_buf certificates[HOLDERS];
    struct pin_set_holder holders[HOLDERS];
    struct pin_set set;
};

static void splitting_clear(struct splitting *splitting)
{
    for (size_t i = 0; i < HOLDERS; i++) {
        ps_secret_free(splitting->keys[i]);
        ps_buf_clear(&splitting->certificates[i]);
    }
    pin_set_clear(&splitting->set);
}
#define SPLITTING_AUTO PS_CLEANUP(splitting_clear) struct splitting

static void make(struct splitting *splitting)
{
    static const char *const officers[HOLDERS] = {"alice", "bob", "carol"};
    const struct pin_set_spec spec = {.token = ps_bytes_str("main"),
                                      .pin = SHARE_PIN_USER,
                                      .set = ps_bytes(set_name, sizeof set_name),
                                      .threshold = 2,
                                      .holders = splitting->holders,
                                      .count = HOLDERS};

    *splitting = (struct splitting){.keys = {NULL}};
    for (size_t i = 0; i < HOLDERS; i++) {
        struct ps_buf *certificate = &splitting->certificates[i];

        ps_buf_init(certificate, CMS_RECIPIENT_MAX);
        assert_ok(
            officer_key_make(ps_bytes_str(officers[i]), NOW_S, &splitting->keys[i], certificate));
        splitting->holders[i] = (struct pin_set_holder){.officer = ps_bytes_str(officers[i]),
                                                        .certificate = ps_buf_bytes(certificate)};
    }
    assert_ok(pin_set_make(&spec, ps_bytes_str(PIN), &splitting->set));
}

static void open_share(const struct splitting *splitting, size_t index, struct ps_buf *octets,
                       struct share *ret_share)
{
    assert_ok(cms_open(ps_buf_bytes(&splitting->set.shares[index].sealed),
                       ps_secret_bytes(splitting->keys[index]), octets));
    assert_ok(share_read(ps_buf_bytes(octets), ret_share));
}

static void two_holders_put_the_pin_together(void **state)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pin = NULL;
    PS_BUF_AUTO first = {.max = SHARE_OCTETS_MAX};
    PS_BUF_AUTO second = {.max = SHARE_OCTETS_MAX};
    struct share_value values[2];
    struct share share;
    SPLITTING_AUTO splitting;

    (void)state;
    make(&splitting);
    open_share(&splitting, 0, &first, &share);
    values[0] = (struct share_value){.number = share.number, .value = share.value};
    open_share(&splitting, 2, &second, &share);
    values[1] = (struct share_value){.number = share.number, .value = share.value};
    assert_ok(share_combine(values, 2, &pin));
    assert_text(ps_secret_bytes(pin), PIN);
    assert_ok(pin_check_compare(&splitting.set.check, ps_secret_bytes(pin)));
}

static bool has_commitment(const struct splitting *splitting, size_t index, struct ps_bytes octets)
{
    uint8_t commitment[PS_SHA256_LEN];

    share_commit(octets, commitment);
    return memcmp(commitment, splitting->set.shares[index].commitment, sizeof commitment) == 0;
}

static void each_holder_has_what_was_committed_to(void **state)
{
    struct share share;
    SPLITTING_AUTO splitting;

    (void)state;
    make(&splitting);
    for (size_t i = 0; i < HOLDERS; i++) {
        PS_BUF_AUTO octets = {.max = SHARE_OCTETS_MAX};

        open_share(&splitting, i, &octets, &share);
        assert_true(has_commitment(&splitting, i, ps_buf_bytes(&octets)));
        assert_true(ps_bytes_equal(share.officer, splitting.holders[i].officer));
    }
}

/* Whether one of all values that a share of so short a PIN can have is found by its commitment. */
static bool is_found_by_trying(const struct splitting *splitting, size_t index,
                               const struct share *known)
{
    for (unsigned value = 0; value <= UINT8_MAX; value++) {
        const uint8_t octet = (uint8_t)value;
        struct share tried = *known;
        PS_BUF_AUTO octets = {.max = SHARE_OCTETS_MAX};

        tried.value = ps_bytes(&octet, 1);
        assert_ok(share_put(&tried, &octets));
        if (has_commitment(splitting, index, ps_buf_bytes(&octets))) {
            return true;
        }
    }
    return false;
}

/* Who reads the log knows all of a share but its value and its random octets. */
static void a_commitment_gives_no_share_of_a_short_pin_away(void **state)
{
    static const uint8_t zeros[SHARE_BLIND_LEN] = {0};
    struct share share;
    SPLITTING_AUTO splitting;

    (void)state;
    make(&splitting);
    for (size_t i = 0; i < HOLDERS; i++) {
        PS_BUF_AUTO octets = {.max = SHARE_OCTETS_MAX};

        open_share(&splitting, i, &octets, &share);
        assert_true(is_found_by_trying(&splitting, i, &share));
        share.blind = ps_bytes(NULL, 0);
        assert_false(is_found_by_trying(&splitting, i, &share));
        share.blind = ps_bytes(zeros, sizeof zeros);
        assert_false(is_found_by_trying(&splitting, i, &share));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_holders_put_the_pin_together),
        cmocka_unit_test(each_holder_has_what_was_committed_to),
        cmocka_unit_test(a_commitment_gives_no_share_of_a_short_pin_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
