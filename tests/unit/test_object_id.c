#include "tests/unit/support.h"

#include "keystore/operations/object.h"

/* Ids of objects, which tell who chose them. */

#define ORIGIN ps_bytes_str("hsm.example/one")

static void an_id_is_known_as_chosen(void **state)
{
    uint8_t id[OBJECT_ID_LEN];
    uint8_t other[OBJECT_ID_LEN];

    (void)state;
    object_id_choose(ORIGIN, id);
    assert_true(object_id_is_chosen(ORIGIN, id));
    object_id_choose(ORIGIN, other);
    assert_true(object_id_is_chosen(ORIGIN, other));
    assert_memory_not_equal(id, other, sizeof id);
    object_id_choose(ps_bytes_str(""), id);
    assert_true(object_id_is_chosen(ps_bytes_str(""), id));
}

static void one_of_another_origin_is_not(void **state)
{
    uint8_t id[OBJECT_ID_LEN];

    (void)state;
    object_id_choose(ps_bytes_str("hsm.example/two"), id);
    assert_false(object_id_is_chosen(ORIGIN, id));
    assert_false(object_id_is_chosen(ps_bytes_str(""), id));
}

static void one_with_any_octet_changed_is_not(void **state)
{
    uint8_t id[OBJECT_ID_LEN];

    (void)state;
    object_id_choose(ORIGIN, id);
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] ^= 1;
        assert_false(object_id_is_chosen(ORIGIN, id));
        id[i] ^= 1;
    }
    assert_true(object_id_is_chosen(ORIGIN, id));
}

/* What was chosen by one program is known to another, of a later version as well. */
static void the_form_is_what_it_was(void **state)
{
    static const uint8_t id[OBJECT_ID_LEN] = {0, 1, 2,    3,    4,    5,    6,    7,
                                              8, 9, 0x4a, 0xb3, 0x5d, 0x6b, 0xba, 0x85};

    (void)state;
    assert_true(object_id_is_chosen(ORIGIN, id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_known_as_chosen),
        cmocka_unit_test(one_of_another_origin_is_not),
        cmocka_unit_test(one_with_any_octet_changed_is_not),
        cmocka_unit_test(the_form_is_what_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
