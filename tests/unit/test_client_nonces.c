#include "tests/unit/support.h"

#include "keystore/callers/client_nonces.h"

#include <stdio.h>

static struct client_nonces *nonces;

static int make(void **state)
{
    (void)state;
    return client_nonces_new(&nonces) == PS_OK ? 0 : -1;
}

static int clear(void **state)
{
    (void)state;
    client_nonces_free(nonces);
    return 0;
}

#define A ps_bytes_str("a")
#define B ps_bytes_str("b")

static void a_nonce_is_good_for_its_client_until_it_is_used(void **state)
{
    uint8_t nonce[CLIENT_NONCE_LEN];
    const uint8_t zeros[CLIENT_NONCE_LEN] = {0};

    (void)state;
    assert_ok(client_nonces_give(nonces, A, 10, nonce));
    assert_true(client_nonces_has(nonces, A, nonce, 10));
    assert_false(client_nonces_has(nonces, B, nonce, 10));
    assert_false(client_nonces_has(nonces, A, zeros, 10));
    client_nonces_use(nonces, nonce);
    assert_false(client_nonces_has(nonces, A, nonce, 10));
    /* What is free is nobody's. */
    assert_false(client_nonces_has(nonces, ps_bytes_str(""), zeros, 0));
}

static void a_nonce_that_differs_in_one_octet_is_another(void **state)
{
    uint8_t nonce[CLIENT_NONCE_LEN];

    (void)state;
    assert_ok(client_nonces_give(nonces, A, 10, nonce));
    for (size_t i = 0; i < CLIENT_NONCE_LEN; i++) {
        nonce[i] ^= 1;
        assert_false(client_nonces_has(nonces, A, nonce, 10));
        client_nonces_use(nonces, nonce);
        nonce[i] ^= 1;
    }
    assert_true(client_nonces_has(nonces, A, nonce, 10));
}

/* Of 512 draws out of 256 values some 220 are different ones. */
static void a_nonce_is_not_to_be_guessed(void **state)
{
    uint8_t nonce[CLIENT_NONCE_LEN];
    bool seen[CLIENT_NONCE_LEN][256] = {{false}};

    (void)state;
    for (unsigned i = 0; i < 512; i++) {
        assert_ok(client_nonces_give(nonces, A, 10, nonce));
        for (size_t at = 0; at < CLIENT_NONCE_LEN; at++) {
            seen[at][nonce[at]] = true;
        }
        assert_memory_not_equal(nonce, nonce + 1, CLIENT_NONCE_LEN - 1);
    }
    for (size_t at = 0; at < CLIENT_NONCE_LEN; at++) {
        unsigned values = 0;

        for (size_t value = 0; value < 256; value++) {
            values += seen[at][value] ? 1 : 0;
        }
        assert_true(values >= 100);
    }
}

static void the_longest_name_has_one_and_a_longer_one_has_none(void **state)
{
    char name[PS_NAME_MAX + 2];
    uint8_t nonce[CLIENT_NONCE_LEN];

    (void)state;
    memset(name, 'a', sizeof name);
    assert_ok(client_nonces_give(nonces, ps_bytes(name, PS_NAME_MAX), 10, nonce));
    assert_true(client_nonces_has(nonces, ps_bytes(name, PS_NAME_MAX), nonce, 10));
    assert_fails(PS_E_INPUT,
                 client_nonces_give(nonces, ps_bytes(name, PS_NAME_MAX + 1), 10, nonce));
}

static void a_nonce_lives_five_minutes(void **state)
{
    uint8_t nonce[CLIENT_NONCE_LEN];

    (void)state;
    assert_ok(client_nonces_give(nonces, A, 10, nonce));
    assert_true(client_nonces_has(nonces, A, nonce, 10 + CLIENT_NONCE_LIVE_S - 1));
    assert_false(client_nonces_has(nonces, A, nonce, 10 + CLIENT_NONCE_LIVE_S));
}

static void one_more_than_a_client_may_have_takes_the_place_of_its_oldest(void **state)
{
    uint8_t given[CLIENT_NONCES_EACH + 1][CLIENT_NONCE_LEN];
    uint8_t others[CLIENT_NONCE_LEN];

    (void)state;
    assert_ok(client_nonces_give(nonces, B, 1, others));
    for (size_t i = 0; i < CLIENT_NONCES_EACH; i++) {
        assert_ok(client_nonces_give(nonces, A, 1, given[i]));
    }
    assert_true(client_nonces_has(nonces, A, given[0], 1));
    assert_ok(client_nonces_give(nonces, A, 1, given[CLIENT_NONCES_EACH]));
    assert_false(client_nonces_has(nonces, A, given[0], 1));
    for (size_t i = 1; i <= CLIENT_NONCES_EACH; i++) {
        assert_true(client_nonces_has(nonces, A, given[i], 1));
    }
    assert_true(client_nonces_has(nonces, B, others, 1));
}

static void no_client_has_a_nonce_of_another_when_all_are_given(void **state)
{
    uint8_t nonce[CLIENT_NONCE_LEN];
    char name[16];

    (void)state;
    for (unsigned i = 0; i < CLIENT_NONCES_MAX; i++) {
        (void)snprintf(name, sizeof name, "c%u", i);
        assert_ok(client_nonces_give(nonces, ps_bytes_str(name), 1, nonce));
    }
    assert_fails(PS_E_BUSY, client_nonces_give(nonces, A, 1, nonce));
    assert_ok(client_nonces_give(nonces, A, 1 + CLIENT_NONCE_LIVE_S, nonce));
    assert_fails(PS_E_INPUT, client_nonces_give(nonces, ps_bytes_str(""), 1000, nonce));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_nonce_is_good_for_its_client_until_it_is_used, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_nonce_that_differs_in_one_octet_is_another, make, clear),
        cmocka_unit_test_setup_teardown(a_nonce_is_not_to_be_guessed, make, clear),
        cmocka_unit_test_setup_teardown(the_longest_name_has_one_and_a_longer_one_has_none, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_nonce_lives_five_minutes, make, clear),
        cmocka_unit_test_setup_teardown(
            one_more_than_a_client_may_have_takes_the_place_of_its_oldest, make, clear),
        cmocka_unit_test_setup_teardown(no_client_has_a_nonce_of_another_when_all_are_given, make,
                                        clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
