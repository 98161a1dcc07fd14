#include "tests/unit/support.h"

#include "pkcs11/objects/keyring.h"

/* What is remembered of ids and handles. */

static void keyring_keeps_replaces_and_forgets(void **state)
{
    PS_CLEANUP(keyring_free_cleanup) struct keyring *ring = NULL;
    char id[16];

    (void)state;
    assert_ok(keyring_new(&ring));
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(id, sizeof id, "key %u", i);
        assert_ok(keyring_set(ring, ps_bytes_str(id), i + 1, PS_KEY_EC_P256));
    }
    assert_int_equal(keyring_count(ring), 1000);
    assert_int_equal(keyring_get(ring, ps_bytes_str("key 7"))->handle, 8);
    assert_ok(keyring_set(ring, ps_bytes_str("key 7"), 99, PS_KEY_ED25519));
    assert_int_equal(keyring_get(ring, ps_bytes_str("key 7"))->handle, 99);
    keyring_remove(ring, ps_bytes_str("key 7"));
    assert_null(keyring_get(ring, ps_bytes_str("key 7")));
    keyring_clear(ring);
    assert_int_equal(keyring_count(ring), 0);
    assert_null(keyring_get(ring, ps_bytes_str("key 8")));
}

/* That the token showed the right key is of the object that showed it, and of no other. */
static void keyring_knows_which_handle_was_checked(void **state)
{
    PS_CLEANUP(keyring_free_cleanup) struct keyring *ring = NULL;
    const struct ps_bytes id = ps_bytes_str("key");

    (void)state;
    assert_ok(keyring_new(&ring));
    keyring_set_checked(ring, id, 1);
    assert_null(keyring_get(ring, id));
    assert_ok(keyring_set(ring, id, 1, PS_KEY_EC_P256));
    assert_false(keyring_get(ring, id)->is_checked);
    keyring_set_checked(ring, id, 2);
    assert_false(keyring_get(ring, id)->is_checked);
    keyring_set_checked(ring, id, 1);
    assert_true(keyring_get(ring, id)->is_checked);
    assert_ok(keyring_set(ring, id, 2, PS_KEY_EC_P256));
    assert_false(keyring_get(ring, id)->is_checked);
}

static void keyring_leaves_out_ids_that_do_not_fit(void **state)
{
    PS_CLEANUP(keyring_free_cleanup) struct keyring *ring = NULL;
    uint8_t id[IPC_OBJECT_ID_MAX + 1] = {1};

    (void)state;
    assert_ok(keyring_new(&ring));
    assert_ok(keyring_set(ring, ps_bytes(id, 0), 1, PS_KEY_EC_P256));
    assert_ok(keyring_set(ring, ps_bytes(id, sizeof id), 1, PS_KEY_EC_P256));
    assert_int_equal(keyring_count(ring), 0);
    assert_ok(keyring_set(ring, ps_bytes(id, sizeof id - 1), 1, PS_KEY_EC_P256));
    assert_int_equal(keyring_count(ring), 1);
}

static void keyring_remembers_a_bounded_number_of_missing_keys(void **state)
{
    PS_CLEANUP(keyring_free_cleanup) struct keyring *ring = NULL;
    char id[16];

    (void)state;
    assert_ok(keyring_new(&ring));
    assert_ok(keyring_set(ring, ps_bytes_str("there"), 1, PS_KEY_EC_P256));
    for (unsigned i = 0; i < 2000; i++) {
        (void)snprintf(id, sizeof id, "missing %u", i);
        keyring_set_missing(ring, ps_bytes_str(id), 5);
    }
    assert_int_equal(keyring_count(ring), 1);
    assert_int_equal(keyring_get(ring, ps_bytes_str("there"))->handle, 1);
    assert_null(keyring_get(ring, ps_bytes_str("missing 1")));
    assert_int_equal(keyring_get(ring, ps_bytes_str("missing 1999"))->missing_until, 5);
    assert_ok(keyring_set(ring, ps_bytes_str("missing 1999"), 4, PS_KEY_EC_P256));
    assert_int_equal(keyring_get(ring, ps_bytes_str("missing 1999"))->missing_until, 0);
    assert_int_equal(keyring_count(ring), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyring_keeps_replaces_and_forgets),
        cmocka_unit_test(keyring_knows_which_handle_was_checked),
        cmocka_unit_test(keyring_leaves_out_ids_that_do_not_fit),
        cmocka_unit_test(keyring_remembers_a_bounded_number_of_missing_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
