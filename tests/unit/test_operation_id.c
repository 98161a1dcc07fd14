#include "tests/unit/support.h"

#include "keystore/operations/internal.h"

/* Ids of operations: what is asked for later sorts behind, within a millisecond, too. */

#define MANY 20000

static struct keeper keeper;

static int make(void **state)
{
    (void)state;
    assert_ok(operations_new(&keeper, &keeper.operations));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    operations_free(keeper.operations);
    return 0;
}

static void take_id(char out[OPERATION_ID_LEN + 1])
{
    struct operation *op =
        operation_new(keeper.operations, operation_type_find(ps_bytes_str("key.create")));

    assert_non_null(op);
    memcpy(out, op->id, OPERATION_ID_LEN + 1);
    op->has_intent = true; /* no gate here that would have to hear of its end */
    operation_free(op);
}

static void ids_ascend_however_fast_they_are_asked_for(void **state)
{
    char before[OPERATION_ID_LEN + 1];
    char id[OPERATION_ID_LEN + 1];

    (void)state;
    take_id(before);
    for (int i = 0; i < MANY; i++) {
        take_id(id);
        assert_int_equal(strlen(id), OPERATION_ID_LEN);
        assert_int_equal(strspn(id, "0123456789abcdef"), OPERATION_ID_LEN);
        assert_true(strcmp(before, id) < 0);
        memcpy(before, id, sizeof before);
    }
}

/* As after a clock that ran ahead was set back: a carry goes through all octets. */
static void ids_ascend_when_the_clock_does_not(void **state)
{
    char id[OPERATION_ID_LEN + 1];

    (void)state;
    memset(keeper.operations->last_id, 0xff, OPERATION_ID_OCTETS);
    keeper.operations->last_id[0] = 0x7f;
    take_id(id);
    assert_memory_equal(id, "80000000000000000000000", 23);
    assert_true(strcmp(id, "80000000000000000000000000000000") >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_ascend_however_fast_they_are_asked_for),
        cmocka_unit_test(ids_ascend_when_the_clock_does_not),
    };

    return cmocka_run_group_tests(tests, make, clear);
}
