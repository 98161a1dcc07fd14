#include "tests/unit/bundle_support.h"

#include "lib/base/clock.h"
#include "lib/ceremony/audit/audit.h"
#include "lib/ceremony/audit/snapshot.h"
#include "lib/ceremony/audit/tally.h"
#include "lib/ceremony/audit/tell.h"

/* Reports from the log of tests/vectors/log/sample, whose genesis nobody has signed. */

static void names_are_counted_and_told_in_their_order(void **state)
{
    PS_CLEANUP(audit_tally_free_cleanup) struct audit_tally *tally = NULL;
    PS_BUF_AUTO out = {.max = 1024};

    (void)state;
    assert_ok(audit_tally_new(1024, &tally));
    assert_ok(audit_tally_add(tally, ps_bytes_str("b")));
    assert_ok(audit_tally_add(tally, ps_bytes_str("a\"")));
    assert_ok(audit_tally_add(tally, ps_bytes_str("b")));
    assert_ok(audit_tally_add(tally, ps_bytes(NULL, 0)));
    assert_int_equal(audit_tally_total(tally), 4);
    assert_ok(audit_tally_put(tally, &out));
    assert_text(ps_buf_bytes(&out), "{\"\":1,\"a\\\"\":1,\"b\":2}");
}

/* JSON may have a zero in a string; what stands behind it tells names apart. */
static void names_with_zeros_have_an_order_too(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        PS_CLEANUP(audit_tally_free_cleanup) struct audit_tally *tally = NULL;
        PS_BUF_AUTO out = {.max = 1024};

        assert_ok(audit_tally_new(1024, &tally));
        for (char last = 'f'; last >= 'a'; last--) {
            assert_ok(audit_tally_add(tally, ps_bytes((const char[]){'n', '\0', last}, 3)));
        }
        assert_ok(audit_tally_put(tally, &out));
        assert_text(ps_buf_bytes(&out),
                    "{\"n\\u0000a\":1,\"n\\u0000b\":1,\"n\\u0000c\":1,\"n\\u0000d\":1,"
                    "\"n\\u0000e\":1,\"n\\u0000f\":1}");
    }
}

static void take_effects(struct audit_snapshot *snapshot, uint64_t time_ns, const char *effects)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    const struct log_event end = {.time_ns = time_ns};
    struct replay_operation operation = {.end = &end};

    assert_ok(json_new(&json));
    assert_ok(json_parse(json, ps_bytes_str(effects), &JSON_LIMITS_REQUEST, &operation.effects));
    assert_ok(audit_snapshot_take_operation(snapshot, &operation));
}

static void rows_of_a_time_stand_in_the_order_of_their_names(void **state)
{
    PS_CLEANUP(audit_snapshot_free_cleanup) struct audit_snapshot *snapshot = NULL;
    PS_BUF_AUTO out = {.max = 1024};

    (void)state;
    assert_ok(audit_snapshot_new(1, &snapshot));
    take_effects(snapshot, 1,
                 "[{\"kind\":\"grant\",\"name\":\"b\",\"row\":1},"
                 "{\"kind\":\"grant\",\"name\":\"a\",\"row\":2},"
                 "{\"kind\":\"key\",\"name\":\"a\",\"row\":3},"
                 "{\"kind\":\"client\",\"name\":\"b\",\"row\":4},"
                 "{\"kind\":\"client\",\"name\":\"ab\",\"row\":5}]");
    take_effects(snapshot, 1,
                 "[{\"kind\":\"grant\",\"name\":\"b\",\"row\":6},"
                 "{\"kind\":\"grant\",\"name\":\"c\",\"removed\":true},"
                 "{\"kind\":\"client\",\"name\":\"b\",\"removed\":true}]");
    take_effects(snapshot, 2,
                 "[{\"kind\":\"grant\",\"name\":\"a\",\"removed\":true},"
                 "{\"kind\":\"client\",\"name\":\"later\",\"row\":7}]");
    assert_ok(audit_snapshot_put(snapshot, &out));
    assert_text(ps_buf_bytes(&out), ",\"clients\":[5],\"families\":[],\"grants\":[2,6]");
}

static bool has(const struct ps_buf *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}

static enum ps_err on_operation(void *context, const struct replay_operation *operation)
{
    return audit_snapshot_take_operation(context, operation);
}

static uint64_t time_of(const char *text)
{
    uint64_t real_ns;

    assert_ok(ps_time_parse(ps_bytes_str(text), &real_ns));
    return real_ns;
}

/* From the leaves of tests/vectors/transcript/enrol.json. */
static void put_people(uint64_t at_ns, struct ps_buf *out)
{
    PS_CLEANUP(audit_snapshot_free_cleanup) struct audit_snapshot *snapshot = NULL;
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_CLEANUP(replay_free_cleanup) struct replay *replay = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct findings findings = {.failures = ""};
    struct log_report report = {.fn = findings_take, .context = &findings};
    struct replay_sink sink = {.report = &report, .on_operation = on_operation};
    PS_BUF_AUTO octets = {0};

    bundle_test_read("enrol", &octets);
    bundle = bundle_test_open(ps_buf_bytes(&octets));
    assert_ok(json_new(&json));
    assert_ok(audit_snapshot_new(at_ns, &snapshot));
    sink.context = snapshot;
    assert_ok(replay_new(&sink, &replay));
    for (size_t i = 0; i < bundle_leaf_count(bundle); i++) {
        struct bundle_leaf leaf;
        struct log_event event;

        assert_ok(bundle_leaf_at(bundle, i, &leaf));
        assert_ok(log_event_read(json, json_raw(leaf.leaf), &event));
        assert_ok(audit_snapshot_take(snapshot, replay, leaf.index, &event));
    }
    assert_string_equal(findings.failures, "");
    assert_ok(audit_snapshot_finish(snapshot, replay));
    ps_buf_reset(out);
    assert_ok(audit_snapshot_put(snapshot, out));
}

/* The last leaf, by which grace is an officer, is the newest that there is. */
static void people_of_a_time_are_not_those_of_later(void **state)
{
    const uint64_t enrolled_ns = time_of("2026-11-21T02:04:59.227816Z");
    PS_BUF_AUTO out = {.max = 1024 * 1024};

    (void)state;
    put_people(enrolled_ns - 1, &out);
    assert_true(has(&out, "\"person\":\"officer-4\""));
    assert_false(has(&out, "\"person\":\"grace\""));
    put_people(enrolled_ns, &out);
    assert_true(has(&out, "\"person\":\"grace\""));
}

static void names_take_no_more_room_than_they_may(void **state)
{
    PS_CLEANUP(audit_tally_free_cleanup) struct audit_tally *tally = NULL;

    (void)state;
    assert_ok(audit_tally_new(32, &tally));
    assert_ok(audit_tally_add(tally, ps_bytes_str("a")));
    assert_fails(PS_E_LIMIT, audit_tally_add(tally, ps_bytes_str("b")));
    assert_ok(audit_tally_add(tally, ps_bytes_str("a")));
}

static void put_directory(char path[512])
{
    (void)snprintf(path, 512, "%s/tests/vectors/log/sample", source_root());
}

static void count_row(void *context, const struct log_row *row)
{
    *(unsigned *)context += row->verdict == LOG_FAIL ? 1 : 0;
}

static enum ps_err report(const struct audit_period *period, struct ps_buf *out)
{
    char directory[512];
    unsigned failures = 0;
    struct audit_request request = {.directory = directory, .fn = count_row, .context = &failures};
    enum ps_err err;

    put_directory(directory);
    err = audit_report(&request, period, out);
    assert_int_equal(err == PS_E_DENIED, failures != 0);
    return err;
}

static void a_log_of_nobodys_genesis_is_not_believed(void **state)
{
    const struct audit_period all = {.to_ns = UINT64_MAX / 2};
    PS_BUF_AUTO out = {.max = 1024 * 1024};

    (void)state;
    assert_int_equal(report(&all, &out), PS_E_DENIED);
    assert_true(has(&out, "{\"verified\":false,"));
}

static void assert_uses(const struct audit_period *period, const char *expected)
{
    PS_BUF_AUTO out = {.max = 1024 * 1024};

    (void)!report(period, &out);
    if (!has(&out, expected)) {
        fail_msg("%.*s", PS_BYTES_FMT(ps_buf_bytes(&out)));
    }
}

static void uses_are_those_of_the_period(void **state)
{
    const uint64_t begin = time_of("2026-11-20T10:00:00Z");

    (void)state;
    assert_uses(&(struct audit_period){.to_ns = UINT64_MAX / 2}, "\"uses\":263,");
    assert_uses(&(struct audit_period){.from_ns = begin, .to_ns = begin + 1}, "\"uses\":1,");
    assert_uses(&(struct audit_period){.from_ns = begin + 1, .to_ns = UINT64_MAX / 2},
                "\"uses\":262,");
    assert_uses(&(struct audit_period){.from_ns = begin, .to_ns = begin}, "\"uses\":0,");
}

static void uses_are_those_of_the_key_and_the_caller(void **state)
{
    struct audit_period period = {.to_ns = UINT64_MAX / 2, .caller = ps_bytes_str("certify")};

    (void)state;
    assert_uses(&period, "\"uses_by_caller\":{\"certify\":3}");
    period.key = ps_bytes_str("another");
    assert_uses(&period, "\"uses\":0,");
    period = (struct audit_period){.to_ns = UINT64_MAX / 2, .key = ps_bytes_str("oidc.id-token")};
    assert_uses(&period, "\"uses_by_key\":{\"oidc.id-token\":263}");
}

static void before_the_genesis_there_is_no_state(void **state)
{
    char directory[512];
    unsigned failures = 0;
    const struct audit_request request = {
        .directory = directory, .fn = count_row, .context = &failures};
    PS_BUF_AUTO out = {.max = 1024 * 1024};

    (void)state;
    put_directory(directory);
    assert_fails(PS_E_NOT_FOUND, audit_state(&request, 1, &out));
}

static void assert_page(struct ps_bytes json, const char *text)
{
    PS_CLEANUP(page_free_cleanup) struct page *page = NULL;
    PS_BUF_AUTO html = {.max = 8u * 1024 * 1024};

    assert_ok(page_new(&page));
    assert_ok(audit_tell(json, page));
    assert_ok(page_put_html(page, &html));
    if (!has(&html, text)) {
        fail_msg("no \"%s\" in %.*s", text, PS_BYTES_FMT(ps_buf_bytes(&html)));
    }
}

static void a_page_says_what_the_report_says(void **state)
{
    const struct audit_period all = {.to_ns = time_of("2026-12-01T00:00:00Z")};
    PS_CLEANUP(page_free_cleanup) struct page *page = NULL;
    PS_BUF_AUTO json = {.max = 1024 * 1024};

    (void)state;
    (void)!report(&all, &json);
    assert_page(ps_buf_bytes(&json), "NOT VERIFIED: nobody but the appliance says so");
    assert_page(ps_buf_bytes(&json), "use/2026-11-0001");
    assert_page(ps_buf_bytes(&json), "until before 2026-12-01T00:00:00Z");
    assert_page(ps_buf_bytes(&json), "caller certify; uses 3");
    assert_page(
        ps_bytes_str("{\"from\":\"a\",\"to\":\"b\",\"verified\":true,\"records\":[{\"leaf\":"
                     "7,\"kind\":\"<b>\"}],\"starts\":{}}"),
        "Verified, leaf by leaf");
    assert_ok(page_new(&page));
    assert_fails(PS_E_INPUT, audit_tell(ps_bytes_str("[]"), page));
    assert_fails(PS_E_INPUT, audit_tell(ps_bytes_str("{\"from\":\"a\"}"), page));
    assert_fails(PS_E_INPUT, audit_tell(ps_bytes_str("{"), page));
}

static void another_genesis_is_a_failure(void **state)
{
    static const uint8_t other[PS_SHA256_LEN] = {1};
    const struct audit_period all = {.to_ns = UINT64_MAX / 2};
    char directory[512];
    unsigned failures = 0;
    struct audit_request request = {.directory = directory, .fn = count_row, .context = &failures};
    unsigned without;
    PS_BUF_AUTO out = {.max = 1024 * 1024};

    (void)state;
    put_directory(directory);
    (void)!audit_report(&request, &all, &out);
    without = failures;
    failures = 0;
    request.genesis = other;
    ps_buf_reset(&out);
    assert_fails(PS_E_DENIED, audit_report(&request, &all, &out));
    assert_int_equal(failures, without + 1);
    assert_true(has(&out, "\"log_key\":\"from-log\""));
}

static void without_a_log_there_is_nothing(void **state)
{
    const struct audit_request request = {.directory = "/nowhere"};
    PS_BUF_AUTO out = {.max = 1024};

    (void)state;
    assert_fails(PS_E_NOT_FOUND, audit_report(&request, &(struct audit_period){.to_ns = 1}, &out));
    assert_fails(PS_E_NOT_FOUND, audit_state(&request, 1, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_counted_and_told_in_their_order),
        cmocka_unit_test(names_with_zeros_have_an_order_too),
        cmocka_unit_test(rows_of_a_time_stand_in_the_order_of_their_names),
        cmocka_unit_test(people_of_a_time_are_not_those_of_later),
        cmocka_unit_test(names_take_no_more_room_than_they_may),
        cmocka_unit_test(a_log_of_nobodys_genesis_is_not_believed),
        cmocka_unit_test(uses_are_those_of_the_period),
        cmocka_unit_test(uses_are_those_of_the_key_and_the_caller),
        cmocka_unit_test(before_the_genesis_there_is_no_state),
        cmocka_unit_test(a_page_says_what_the_report_says),
        cmocka_unit_test(another_genesis_is_a_failure),
        cmocka_unit_test(without_a_log_there_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
