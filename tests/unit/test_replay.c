#include "tests/unit/bundle_support.h"

#include "lib/ceremony/replay/replay.h"

/* Leaves of a log, some of them left out, there twice, or in another place. */

struct history {
    struct ps_buf octets;
    struct bundle *bundle;
    struct json *json;
    struct findings findings;
    struct log_report report;
    struct replay *replay;
    unsigned judged;
};

static enum ps_err on_operation(void *context, const struct replay_operation *operation)
{
    ((struct history *)context)->judged += operation->is_judged ? 1 : 0;
    return PS_OK;
}

static int begin(void **state)
{
    struct history *history = calloc(1, sizeof *history);
    struct replay_sink sink = {.on_operation = on_operation, .context = history};

    assert_non_null(history);
    bundle_test_read("enrol", &history->octets);
    history->bundle = bundle_test_open(ps_buf_bytes(&history->octets));
    assert_ok(json_new(&history->json));
    history->report = (struct log_report){.fn = findings_take, .context = &history->findings};
    sink.report = &history->report;
    assert_ok(replay_new(&sink, &history->replay));
    *state = history;
    return 0;
}

static int end(void **state)
{
    struct history *history = *state;

    replay_free(history->replay);
    bundle_free(history->bundle);
    json_free(history->json);
    ps_buf_clear(&history->octets);
    free(history);
    return 0;
}

static void take(struct history *history, size_t at, uint64_t index)
{
    struct bundle_leaf leaf;
    struct log_event event;

    assert_ok(bundle_leaf_at(history->bundle, at, &leaf));
    assert_ok(log_event_read(history->json, json_raw(leaf.leaf), &event));
    assert_ok(replay_take(history->replay, index == LOG_NOWHERE ? leaf.index : index, &event));
}

static bool has(struct history *history, size_t at, const char *text)
{
    struct bundle_leaf leaf;
    struct ps_bytes octets;

    assert_ok(bundle_leaf_at(history->bundle, at, &leaf));
    octets = json_raw(leaf.leaf);
    return memmem(octets.data, octets.len, text, strlen(text)) != NULL;
}

/* All leaves but the last one, from `first` on, that has this text. */
static void take_all_but_last(struct history *history, const char *text)
{
    const size_t count = bundle_leaf_count(history->bundle);
    size_t left_out = count;

    for (size_t i = 1; text != NULL && i < count; i++) {
        left_out = has(history, i, text) ? i : left_out;
    }
    for (size_t i = 0; i < count; i++) {
        if (i != left_out) {
            take(history, i, LOG_NOWHERE);
        }
    }
}

static const struct person *grace(const struct history *history)
{
    return roster_find(replay_roster(history->replay), ps_bytes_str("grace"));
}

static void the_roster_follows_from_what_people_approved(void **state)
{
    struct history *history = *state;

    assert_null(replay_roster(history->replay));
    assert_null(replay_policy(history->replay));
    take_all_but_last(history, NULL);
    assert_string_equal(history->findings.failures, "");
    assert_int_equal(history->judged, 4);
    assert_non_null(grace(history));
    assert_int_equal(replay_policy(history->replay)->epoch, 1);
}

static void without_a_request_nothing_else_is_taken(void **state)
{
    struct history *history = *state;

    take_all_but_last(history, "\"kind\":\"request\"");
    assert_found(&history->findings, "its requester has to sign the request first");
    assert_found(&history->findings, "it was executed and was not approved");
    assert_int_equal(history->judged, 3);
}

static void without_one_approval_it_was_not_approved(void **state)
{
    struct history *history = *state;

    take_all_but_last(history, "\"kind\":\"approve\"");
    assert_found(&history->findings, "it was executed and was not approved");
}

static void without_the_statement_of_a_new_key_it_was_not_approved(void **state)
{
    struct history *history = *state;

    take_all_but_last(history, "\"kind\":\"statement\"");
    assert_found(&history->findings, "it was executed and was not approved");
}

static void what_nobody_asked_for_is_a_failure(void **state)
{
    struct history *history = *state;

    take_all_but_last(history, "\"kind\":\"draft\"");
    assert_found(&history->findings, "of an operation that was not begun");
    assert_found(&history->findings, "nobody had asked for it");
}

/* Only what a key's policy has the appliance do begins without anybody: no CA makes itself. */
static void the_appliance_begins_what_is_scheduled_alone(void **state)
{
    struct history *history = *state;
    const size_t count = bundle_leaf_count(history->bundle);

    for (size_t i = 0; i < count; i++) {
        struct bundle_leaf leaf;
        struct log_event event;

        if (i != 0 &&
            (!has(history, i, "\"kind\":\"intent\"") || !has(history, i, "certificate.root"))) {
            continue;
        }
        assert_ok(bundle_leaf_at(history->bundle, i, &leaf));
        assert_ok(log_event_read(history->json, json_raw(leaf.leaf), &event));
        event.caller = i == 0 ? event.caller : ps_bytes(NULL, 0);
        assert_ok(replay_take(history->replay, leaf.index, &event));
    }
    assert_found(&history->findings, "nobody had asked for it");
}

static void a_result_without_its_execution_changes_nobody(void **state)
{
    struct history *history = *state;

    take_all_but_last(history, "\"kind\":\"intent\"");
    assert_found(&history->findings, "the result of an operation that was not executed");
    assert_null(grace(history));
}

static void a_document_is_executed_once(void **state)
{
    struct history *history = *state;
    const size_t count = bundle_leaf_count(history->bundle);

    take_all_but_last(history, NULL);
    assert_string_equal(history->findings.failures, "");
    /* All of the last operation once more. */
    for (size_t i = count - 8; i < count; i++) {
        take(history, i, LOG_NOWHERE);
    }
    assert_found(&history->findings, "its document was executed before");
}

static void it_is_executed_at_a_size_of_the_log_that_its_document_allows(void **state)
{
    struct history *history = *state;
    const size_t count = bundle_leaf_count(history->bundle);

    for (size_t i = 0; i < count; i++) {
        take(history, i, i == count - 2 ? 1000000 : LOG_NOWHERE);
    }
    assert_found(&history->findings, "at a size of the log that its document does not allow");
}

static void before_a_genesis_there_is_nobody(void **state)
{
    struct history *history = *state;

    take(history, 1, LOG_NOWHERE);
    assert_found(&history->findings, "no genesis before it");
    take(history, 0, LOG_NOWHERE);
    take(history, 0, LOG_NOWHERE);
    assert_found(&history->findings, "a second genesis");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_roster_follows_from_what_people_approved, begin, end),
        cmocka_unit_test_setup_teardown(without_a_request_nothing_else_is_taken, begin, end),
        cmocka_unit_test_setup_teardown(without_one_approval_it_was_not_approved, begin, end),
        cmocka_unit_test_setup_teardown(without_the_statement_of_a_new_key_it_was_not_approved,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_asked_for_is_a_failure, begin, end),
        cmocka_unit_test_setup_teardown(the_appliance_begins_what_is_scheduled_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_result_without_its_execution_changes_nobody, begin, end),
        cmocka_unit_test_setup_teardown(a_document_is_executed_once, begin, end),
        cmocka_unit_test_setup_teardown(
            it_is_executed_at_a_size_of_the_log_that_its_document_allows, begin, end),
        cmocka_unit_test_setup_teardown(before_a_genesis_there_is_nobody, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
