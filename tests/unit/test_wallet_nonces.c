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

static enum ps_err use(struct wallet_nonces *nonces, const char *text, uint64_t until_s,
                       uint64_t now_s)
{
    const struct wallet_nonce nonce = {ps_bytes_str(text), ps_bytes(text, 1), until_s};

    return wallet_nonces_use(nonces, &nonce, now_s);
}

static void each_is_used_once_unless_it_is_given_back(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    assert_ok(use(nonces, "a", NOW + 10, NOW));
    assert_ok(use(nonces, "b", NOW + 10, NOW));
    assert_fails(PS_E_CONFLICT, use(nonces, "a", NOW + 10, NOW + 9));
    wallet_nonces_give_back(nonces, ps_bytes_str("a"));
    wallet_nonces_give_back(nonces, ps_bytes_str("never used"));
    assert_ok(use(nonces, "a", NOW + 10, NOW));
    assert_fails(PS_E_CONFLICT, use(nonces, "b", NOW + 10, NOW));
}

/* As many as there may be with those that there are, of as many people as share them. */
static void fill(struct wallet_nonces *nonces, unsigned from, uint64_t until_s)
{
    char text[16];

    for (unsigned i = from; i < WALLET_NONCES_USED_MAX; i++) {
        (void)snprintf(text, sizeof text, "%c%u", 'A' + (int)(i / WALLET_NONCES_SHARE_MAX), i);
        assert_ok(use(nonces, text, until_s, NOW));
    }
}

static void as_many_are_kept_as_may_be_and_those_that_ended_are_not(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    fill(nonces, 0, NOW + 10);
    assert_fails(PS_E_BUSY, use(nonces, "more", NOW + 10, NOW));
    assert_fails(PS_E_BUSY, use(nonces, "more", NOW + 10, NOW + 9));
    assert_ok(use(nonces, "more", NOW + 20, NOW + 10));
    assert_ok(use(nonces, "A0", NOW + 20, NOW + 10));
}

static void one_person_cannot_use_up_what_there_is_for_all(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;
    char text[16];

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    for (unsigned i = 0; i < WALLET_NONCES_SHARE_MAX; i++) {
        (void)snprintf(text, sizeof text, "m%u", i);
        assert_ok(use(nonces, text, NOW + 10, NOW));
    }
    assert_fails(PS_E_LIMIT, use(nonces, "more", NOW + 10, NOW));
    assert_ok(use(nonces, "other", NOW + 10, NOW));
    wallet_nonces_give_back(nonces, ps_bytes_str("m7"));
    assert_ok(use(nonces, "more", NOW + 10, NOW));
    assert_fails(PS_E_LIMIT, use(nonces, "m7", NOW + 10, NOW));
    assert_ok(use(nonces, "m7", NOW + 20, NOW + 10));
}

static void one_that_ends_late_keeps_no_other(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    assert_fails(PS_E_INTERNAL, use(nonces, "late", NOW + WALLET_NONCES_LIFE_MAX_S + 1, NOW));
    assert_ok(use(nonces, "late", NOW + 3600, NOW));
    fill(nonces, 1, NOW + 10);
    assert_fails(PS_E_BUSY, use(nonces, "more", NOW + 10, NOW));
    assert_ok(use(nonces, "more", NOW + 20, NOW + 10));
    assert_fails(PS_E_CONFLICT, use(nonces, "late", NOW + 3600, NOW + 3599));
    assert_ok(use(nonces, "late", NOW + 7200, NOW + 3600));
}

static void a_clock_that_is_set_back_forgets_nothing(void **state)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = NULL;

    (void)state;
    assert_ok(wallet_nonces_new(300, NOW, &nonces));
    assert_ok(use(nonces, "a", NOW + 10, NOW));
    assert_ok(use(nonces, "b", NOW + 100000, NOW + 99999));
    assert_ok(use(nonces, "c", NOW + 20, NOW));
    assert_fails(PS_E_CONFLICT, use(nonces, "c", NOW + 20, NOW + 19));
    assert_fails(PS_E_CONFLICT, use(nonces, "b", NOW + 100000, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_ours_is_known_until_it_ends),
        cmocka_unit_test(what_was_used_before_it_began_is_not_known),
        cmocka_unit_test(a_changed_character_makes_it_nobodys),
        cmocka_unit_test(each_is_used_once_unless_it_is_given_back),
        cmocka_unit_test(as_many_are_kept_as_may_be_and_those_that_ended_are_not),
        cmocka_unit_test(one_person_cannot_use_up_what_there_is_for_all),
        cmocka_unit_test(one_that_ends_late_keeps_no_other),
        cmocka_unit_test(a_clock_that_is_set_back_forgets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
