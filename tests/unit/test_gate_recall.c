#include "tests/unit/support.h"

#include "keystore/gate/recall.h"

#include "keystore/log/tree.h"
#include <stdio.h>

#define FIRST  "00000000000000000000000000000001"
#define SECOND "00000000000000000000000000000002"

static struct recall_leaf leaf(const char *kind, const char *operation, const char *data)
{
    return (struct recall_leaf){.kind = ps_bytes_str(kind),
                                .operation = ps_bytes_str(operation),
                                .caller = ps_bytes_str("operator"),
                                .request_id = ps_bytes_str("request-1"),
                                .time_ns = 7,
                                .data = ps_bytes_str(data)};
}

static enum ps_err take(struct recall *recall, const char *kind, const char *operation,
                        const char *data)
{
    const struct recall_leaf taken = leaf(kind, operation, data);

    return recall_take(recall, &taken);
}

static void leaves_come_back_oldest_first_as_they_were(void **state)
{
    PS_CLEANUP(recall_free_cleanup) struct recall *recall = NULL;
    const struct recalled *first;

    (void)state;
    assert_ok(recall_new(&recall));
    assert_null(recall_at(recall, 0));
    assert_ok(take(recall, "draft", FIRST, "{}"));
    assert_ok(take(recall, "signature", FIRST, "{\"a\":1}"));
    first = recall_at(recall, 0);
    assert_string_equal(first->kind, "draft");
    assert_string_equal(first->operation, FIRST);
    assert_string_equal(first->caller, "operator");
    assert_int_equal(first->time_ns, 7);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&first->request_id), "request-1"));
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&recall_at(recall, 1)->data), "{\"a\":1}"));
    assert_null(recall_at(recall, 2));
}

static void what_is_forgotten_takes_nothing_else_with_it(void **state)
{
    PS_CLEANUP(recall_free_cleanup) struct recall *recall = NULL;

    (void)state;
    assert_ok(recall_new(&recall));
    recall_forget(recall, ps_bytes_str(FIRST));
    assert_ok(take(recall, "draft", FIRST, "{}"));
    assert_ok(take(recall, "draft", SECOND, "{}"));
    assert_ok(take(recall, "signature", FIRST, "{}"));
    assert_ok(take(recall, "signature", SECOND, "{}"));
    recall_forget(recall, ps_bytes_str(FIRST));
    assert_string_equal(recall_at(recall, 0)->operation, SECOND);
    assert_string_equal(recall_at(recall, 0)->kind, "draft");
    assert_string_equal(recall_at(recall, 1)->kind, "signature");
    assert_null(recall_at(recall, 2));
}

static void a_text_that_is_too_long_is_an_input_error(void **state)
{
    PS_CLEANUP(recall_free_cleanup) struct recall *recall = NULL;
    struct recall_leaf taken = leaf("draft", FIRST, "{}");
    char caller[PS_NAME_MAX + 2];

    (void)state;
    memset(caller, 'a', sizeof caller);
    assert_ok(recall_new(&recall));
    assert_ok(take(recall, "fifteen-octets-", FIRST, "{}"));
    assert_fails(PS_E_INPUT, take(recall, "sixteen-octets--", FIRST, "{}"));
    assert_fails(PS_E_INPUT, take(recall, "draft", FIRST "0", "{}"));
    taken.caller = ps_bytes(caller, PS_NAME_MAX);
    assert_ok(recall_take(recall, &taken));
    taken.caller = ps_bytes(caller, PS_NAME_MAX + 1);
    assert_fails(PS_E_INPUT, recall_take(recall, &taken));
    assert_null(recall_at(recall, 2));
}

static void data_of_more_than_a_leaf_is_refused(void **state)
{
    PS_CLEANUP(recall_free_cleanup) struct recall *recall = NULL;
    static const uint8_t octets[LOG_ENTRY_MAX + 1];
    struct recall_leaf taken = leaf("draft", FIRST, "");

    (void)state;
    assert_ok(recall_new(&recall));
    taken.data = ps_bytes(octets, LOG_ENTRY_MAX);
    assert_ok(recall_take(recall, &taken));
    taken.data = ps_bytes(octets, LOG_ENTRY_MAX + 1);
    assert_fails(PS_E_LIMIT, recall_take(recall, &taken));
    assert_null(recall_at(recall, 1));
}

/* 64 operations with 64 signatures each, twice over, are within it. */
static void so_many_leaves_are_taken_and_no_more(void **state)
{
    PS_CLEANUP(recall_free_cleanup) struct recall *recall = NULL;

    (void)state;
    assert_true(RECALL_MAX >= 2 * 64 * (1 + 64));
    assert_ok(recall_new(&recall));
    assert_ok(take(recall, "draft", FIRST, "{}"));
    for (size_t i = 1; i < RECALL_MAX; i++) {
        assert_ok(take(recall, "signature", SECOND, "{}"));
    }
    assert_fails(PS_E_LIMIT, take(recall, "signature", SECOND, "{}"));
    assert_null(recall_at(recall, RECALL_MAX));
    recall_forget(recall, ps_bytes_str(SECOND));
    assert_string_equal(recall_at(recall, 0)->operation, FIRST);
    assert_ok(take(recall, "signature", FIRST, "{}"));
}

static void the_last_ends_are_kept_and_no_more(void **state)
{
    PS_CLEANUP(recall_free_cleanup) struct recall *recall = NULL;
    char id[16];

    (void)state;
    assert_ok(recall_new(&recall));
    assert_null(recall_end_at(recall, 0));
    for (size_t i = 0; i < RECALL_ENDS + 1; i++) {
        (void)snprintf(id, sizeof id, "%zu", i);
        recall_note_end(recall, ps_bytes_str(id), ps_bytes_str("cancelled"));
    }
    assert_string_equal(recall_end_at(recall, 0)->operation, "128");
    assert_string_equal(recall_end_at(recall, 1)->operation, "1");
    assert_string_equal(recall_end_at(recall, RECALL_ENDS - 1)->outcome, "cancelled");
    assert_null(recall_end_at(recall, RECALL_ENDS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_come_back_oldest_first_as_they_were),
        cmocka_unit_test(what_is_forgotten_takes_nothing_else_with_it),
        cmocka_unit_test(a_text_that_is_too_long_is_an_input_error),
        cmocka_unit_test(data_of_more_than_a_leaf_is_refused),
        cmocka_unit_test(so_many_leaves_are_taken_and_no_more),
        cmocka_unit_test(the_last_ends_are_kept_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
