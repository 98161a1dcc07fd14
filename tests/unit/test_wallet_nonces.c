#include "tests/unit/support.h"

#include "frontends/certify/wallet_nonces.h"

#include <stdio.h>

#define NOW 1800000000u

static void one_of_ours_is_known_until_it_ends(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *others = NULL;
    PS_BUF_AUTO text = {.max = WALLET_NONCES_TEXT_LEN};
    uint64_t until_s = 0;

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    assert_ok(wallet_nonces_new(300, NOW, &others));
    wallet_nonces_put_new(nonces, NOW, &text);
    assert_ok(ps_buf_status(&text));
    assert_int_equal(text.len, WALLET_NONCES_TEXT_LEN);
    assert_true(wallet_nonces_is_ours(nonces, ps_buf_bytes(&text), NOW, &until_s));
    assert_int_equal(until_s, NOW + 300);
    assert_true(wallet_nonces_is_ours(nonces, ps_buf_bytes(&text), NOW + 299, &until_s));
    assert_false(wallet_nonces_is_ours(nonces, ps_buf_bytes(&text), NOW + 300, &until_s));
    assert_false(wallet_nonces_is_ours(others, ps_buf_bytes(&text), NOW, &until_s));
}

static void what_was_used_before_it_began_is_not_known(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    assert_false(wallet_nonces_remember(nonces, NOW - 1));
    assert_true(wallet_nonces_remember(nonces, NOW));
}

static void a_changed_character_makes_it_nobodys(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;
    PS_BUF_AUTO text = {.max = WALLET_NONCES_TEXT_LEN};
    uint64_t until_s;

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    wallet_nonces_put_new(nonces, NOW, &text);
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t was = text.data[i];

        text.data[i] = was == 'A' ? 'B' : 'A';
        assert_false(wallet_nonces_is_ours(nonces, ps_buf_bytes(&text), NOW, &until_s));
        text.data[i] = was;
    }
    assert_false(wallet_nonces_is_ours(nonces, ps_bytes_str(""), NOW, &until_s));
    assert_false(wallet_nonces_is_ours(nonces, ps_bytes(text.data, text.len - 1), NOW, &until_s));
    assert_true(wallet_nonces_is_ours(nonces, ps_buf_bytes(&text), NOW, &until_s));
}

static void each_is_used_once_unless_it_is_given_back(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;
    const struct ps_bytes a = ps_bytes_str("a");

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    assert_ok(wallet_nonces_use(nonces, a, NOW + 10, NOW));
    assert_ok(wallet_nonces_use(nonces, ps_bytes_str("b"), NOW + 10, NOW));
    assert_fails(PS_E_CONFLICT, wallet_nonces_use(nonces, a, NOW + 10, NOW + 9));
    wallet_nonces_give_back(nonces, a);
    wallet_nonces_give_back(nonces, ps_bytes_str("never used"));
    assert_ok(wallet_nonces_use(nonces, a, NOW + 10, NOW));
    assert_fails(PS_E_CONFLICT, wallet_nonces_use(nonces, ps_bytes_str("b"), NOW + 10, NOW));
}

static void as_many_are_kept_as_may_be_and_those_that_ended_are_not(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;
    char text[16];

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    for (unsigned i = 0; i < WALLET_NONCES_USED_MAX; i++) {
        (void)snprintf(text, sizeof text, "%u", i);
        assert_ok(wallet_nonces_use(nonces, ps_bytes_str(text), NOW + 10, NOW));
    }
    assert_fails(PS_E_BUSY, wallet_nonces_use(nonces, ps_bytes_str("more"), NOW + 10, NOW));
    assert_ok(wallet_nonces_use(nonces, ps_bytes_str("more"), NOW + 20, NOW + 10));
    assert_ok(wallet_nonces_use(nonces, ps_bytes_str("0"), NOW + 20, NOW + 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_ours_is_known_until_it_ends),
        cmocka_unit_test(what_was_used_before_it_began_is_not_known),
        cmocka_unit_test(a_changed_character_makes_it_nobodys),
        cmocka_unit_test(each_is_used_once_unless_it_is_given_back),
        cmocka_unit_test(as_many_are_kept_as_may_be_and_those_that_ended_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
