#include "keystore/catalog/records.h"

#include "tests/unit/vectors.h"

/* What rows are called, and what may become of a key. */

static void kinds_have_their_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CATALOG_KIND_COUNT; i++) {
        enum catalog_kind kind = CATALOG_KIND_COUNT;

        assert_true(
            catalog_kind_by_name(ps_bytes_str(catalog_kind_name((enum catalog_kind)i)), &kind));
        assert_int_equal(kind, i);
    }
    enum catalog_kind kind;
    assert_false(catalog_kind_by_name(ps_bytes_str("keys"), &kind));
    assert_false(catalog_kind_by_name(ps_bytes_str(""), &kind));
}

/* A row and a column per state: pre, active, suspended, deactivated, compromised, ... */
static void states_change_as_the_table_says(void **state)
{
    static const char *const table[KEY_STATE_COUNT] = {
        ".x..xxx", "..xxx..", ".x.xx..", "....xx.", ".....x.", ".......", "....xx.",
    };

    (void)state;
    for (unsigned from = 0; from < KEY_STATE_COUNT; from++) {
        for (unsigned to = 0; to < KEY_STATE_COUNT; to++) {
            assert_int_equal(key_state_may_become((enum key_state)from, (enum key_state)to),
                             table[from][to] == 'x');
        }
    }
    assert_false(key_state_may_become(KEY_STATE_COUNT, KEY_ACTIVE));
    assert_false(key_state_may_become(KEY_ACTIVE, KEY_STATE_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_have_their_names),
        cmocka_unit_test(states_change_as_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
