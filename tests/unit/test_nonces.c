#include "tests/unit/support.h"

#include "keystore/gate/nonces.h"

/* Each nonce is given out once. */

/* The octets that tell where to look come first and vary most: every place is taken by some. */
static enum ps_err add(struct nonces *nonces, unsigned number)
{
    char text[2 * OPERATION_NONCE_LEN + 1];

    (void)snprintf(text, sizeof text, "%08x%024x", number * 2654435761u, number);
    return nonces_add(nonces, ps_bytes_str(text));
}

static void what_was_added_is_there_and_nothing_else(void **state)
{
    enum { MANY = 5000 };
    PS_CLEANUP(nonces_free_cleanup) struct nonces *nonces = NULL;

    (void)state;
    assert_ok(nonces_new(&nonces));
    for (unsigned i = 0; i < MANY; i++) {
        assert_ok(add(nonces, i));
        assert_int_equal(add(nonces, i / 2), PS_E_CONFLICT);
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(add(nonces, i), PS_E_CONFLICT);
    }
    assert_ok(add(nonces, MANY));
}

static void what_is_no_nonce_is_an_input_error(void **state)
{
    static const char *const texts[] = {"", "00", "000102030405060708090a0b0c0d0e",
                                        "000102030405060708090A0B0C0D0E0F",
                                        "000102030405060708090a0b0c0d0e0g"};
    PS_CLEANUP(nonces_free_cleanup) struct nonces *nonces = NULL;

    (void)state;
    assert_ok(nonces_new(&nonces));
    for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
        assert_int_equal(nonces_add(nonces, ps_bytes_str(texts[i])), PS_E_INPUT);
    }
    assert_true(nonces_add(nonces, LITERAL("000102030405060708090a0b0c0d0e0f10")) != PS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there_and_nothing_else),
        cmocka_unit_test(what_is_no_nonce_is_an_input_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
