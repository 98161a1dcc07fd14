#include "tests/unit/bundle_support.h"

#include "lib/ceremony/bundle/internal.h"

/* Transcripts of ceremonies, as they are and with something wrong in them. */

static const struct json_limits limits = {BUNDLE_OCTETS_MAX, 24, 1000000, false};

static void a_transcript_verifies_from_its_genesis(void **state)
{
    static const char *const names[] = {"genesis", "enrol"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        PS_BUF_AUTO octets = {0};
        struct findings findings;

        bundle_test_read(names[i], &octets);
        assert_ok(bundle_test_check(ps_buf_bytes(&octets), BUNDLE_TEST_GENESIS, &findings));
        assert_string_equal(findings.failures, "");
    }
}

static void another_genesis_is_a_failure_and_an_unknown_one_a_note(void **state)
{
    PS_BUF_AUTO octets = {0};
    struct findings findings;
    char other[] = BUNDLE_TEST_GENESIS;

    (void)state;
    bundle_test_read("genesis", &octets);
    other[0] = other[0] == '0' ? '1' : '0';
    assert_int_equal(bundle_test_check(ps_buf_bytes(&octets), other, &findings), PS_E_DENIED);
    assert_found(&findings, "this is another genesis: " BUNDLE_TEST_GENESIS);
    assert_ok(bundle_test_check(ps_buf_bytes(&octets), NULL, &findings));
    assert_non_null(strstr(findings.notes, BUNDLE_TEST_GENESIS));
}

static bool is_in(struct ps_bytes part, const uint8_t *at)
{
    return at >= part.data && at < part.data + part.len;
}

/* Of the transcript in which an octet stands; "": beside them. */
static void find_section(struct json_value root, const uint8_t *at, char ret_section[32])
{
    struct json_value section;
    struct ps_bytes name;
    uint32_t cursor = 0;

    ret_section[0] = '\0';
    while (json_next(root, &cursor, &name, &section)) {
        if (is_in(json_raw(section), at)) {
            (void)snprintf(ret_section, 32, "%.*s", PS_BYTES_FMT(name));
        }
    }
}

/* What is no transcript any more is refused for an octet or a member; the rest for its section. */
static void assert_place(enum ps_err err, const char *section, const struct findings *findings)
{
    const char *text = ps_detail()->text;

    if (err == PS_E_INPUT) {
        assert_true(strstr(text, " octet ") != NULL || strstr(text, "member \"") != NULL ||
                    strstr(text, "`format` or `v`") != NULL);
    } else {
        assert_string_not_equal(section, "");
        assert_found(findings,
                     strcmp(section, "digests") == 0 ? "one of the two changed" : section);
    }
}

static void every_octet_that_changes_is_found_and_its_place_is_named(void **state)
{
    PS_BUF_AUTO octets = {0};
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct findings findings;
    struct json_value root;

    (void)state;
    bundle_test_read("genesis", &octets);
    assert_ok(json_new(&json));
    assert_ok(json_parse(json, ps_buf_bytes(&octets), &limits, &root));
    for (size_t i = 0; i < octets.len; i++) {
        const uint8_t before = octets.data[i];
        char section[32];
        enum ps_err err;

        find_section(root, octets.data + i, section);
        octets.data[i] = (uint8_t)(before ^ (1u << (i % 8)));
        err = bundle_test_check(ps_buf_bytes(&octets), BUNDLE_TEST_GENESIS, &findings);
        if (err == PS_OK || (err == PS_E_DENIED && findings.counts[LOG_FAIL] == 0)) {
            fail_msg("octet %zu can be another one", i);
        }
        assert_place(err, section, &findings);
        octets.data[i] = before;
    }
    assert_ok(bundle_test_check(ps_buf_bytes(&octets), BUNDLE_TEST_GENESIS, &findings));
}

/* A second of its time is another one. */
static void a_changed_leaf_is_named_by_its_number(void **state)
{
    static const char time[] = "\"time\":\"2026-11-20T10:00:0";
    PS_BUF_AUTO octets = {0};
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;
    struct json_value leaves;
    struct json_value leaf;
    uint32_t cursor = 0;

    (void)state;
    bundle_test_read("enrol", &octets);
    assert_ok(json_new(&json));
    assert_ok(json_parse(json, ps_buf_bytes(&octets), &limits, &root));
    assert_true(json_member(root, "leaves", &leaves));
    while (json_next(leaves, &cursor, NULL, &leaf)) {
        struct json_value index;
        struct findings findings;
        struct ps_bytes raw;
        uint8_t *at;

        assert_true(json_member(leaf, "index", &index) && json_member(leaf, "leaf", &leaf));
        raw = json_raw(leaf);
        at = memmem(raw.data, raw.len, time, 8);
        assert_non_null(at);
        at[sizeof time - 1] ^= 1;
        assert_int_equal(bundle_test_check(ps_buf_bytes(&octets), BUNDLE_TEST_GENESIS, &findings),
                         PS_E_DENIED);
        at[sizeof time - 1] ^= 1;
        assert_int_equal(findings.leaf, strtoull((const char *)json_raw(index).data, NULL, 10));
    }
}

static void a_transcript_that_ends_early_is_none(void **state)
{
    PS_BUF_AUTO octets = {0};
    struct findings findings;

    (void)state;
    bundle_test_read("genesis", &octets);
    for (size_t len = 0; len < octets.len; len += 97) {
        assert_int_equal(bundle_test_check(ps_bytes(octets.data, len), NULL, &findings),
                         PS_E_INPUT);
    }
    ps_buf_put_u8(&octets, '\n');
    assert_int_equal(bundle_test_check(ps_buf_bytes(&octets), NULL, &findings), PS_E_INPUT);
}

static void who_does_not_agree_is_told(void **state)
{
    PS_BUF_AUTO octets = {0};
    struct findings findings;

    (void)state;
    bundle_test_read("enrol", &octets);
    assert_ok(bundle_test_check(ps_buf_bytes(&octets), BUNDLE_TEST_GENESIS, &findings));
    assert_non_null(strstr(findings.notes, "auditor-1 DOES NOT AGREE"));
}

static void a_person_signs_the_end_once(void **state)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    const struct bundle_statement again = {
        .agrees = true, .person = ps_bytes_str("officer-2"), .signature = ps_bytes_str("x")};
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO out = {.max = BUNDLE_OCTETS_MAX};

    (void)state;
    bundle_test_read("genesis", &octets);
    bundle = bundle_test_open(ps_buf_bytes(&octets));
    assert_int_equal(bundle_put_with(bundle, &again, &out), PS_E_CONFLICT);
}

/* --- Somebody who writes the file anew, digests and all --- */

static struct ps_bytes raw_of(struct json_value root, const char *name)
{
    struct json_value value;

    assert_true(json_member(root, name, &value));
    return json_raw(value);
}

static void put_digest(struct json_value root, const char *name, struct ps_buf *out)
{
    uint8_t hash[PS_SHA256_LEN];

    ps_sha256(raw_of(root, name), hash);
    ps_buf_printf(out, "\"%s\":\"", name);
    ps_buf_put_hex(out, ps_bytes(hash, sizeof hash));
    ps_buf_put_u8(out, '"');
}

static void reseal(struct ps_bytes octets, struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    assert_ok(json_new(&json));
    assert_ok(json_parse(json, octets, &limits, &root));
    ps_buf_put_str(out, "{\"checkpoint\":");
    ps_buf_put(out, raw_of(root, "checkpoint"));
    ps_buf_put_str(out, ",\"digests\":{");
    put_digest(root, "checkpoint", out);
    ps_buf_put_u8(out, ',');
    put_digest(root, "leaves", out);
    ps_buf_put_u8(out, ',');
    put_digest(root, "room", out);
    ps_buf_put_str(out, "},\"format\":\"privyseal-transcript\",\"leaves\":");
    ps_buf_put(out, raw_of(root, "leaves"));
    ps_buf_put_str(out, ",\"room\":");
    ps_buf_put(out, raw_of(root, "room"));
    ps_buf_put_str(out, ",\"statements\":[],\"v\":1}");
    assert_ok(ps_buf_status(out));
}

static void replace_in(struct ps_buf *octets, const char *from, const char *to)
{
    uint8_t *at = memmem(octets->data, octets->len, from, strlen(from));
    PS_BUF_AUTO changed = {.max = BUNDLE_OCTETS_MAX};

    assert_non_null(at);
    ps_buf_put(&changed, ps_bytes(octets->data, (size_t)(at - octets->data)));
    ps_buf_put_str(&changed, to);
    ps_buf_put(&changed,
               ps_bytes_from(ps_buf_bytes(octets), (size_t)(at - octets->data) + strlen(from)));
    ps_buf_reset(octets);
    ps_buf_put(octets, ps_buf_bytes(&changed));
    assert_ok(ps_buf_status(octets));
}

static void assert_change_is_found(const char *name, const char *from, const char *to,
                                   const char *failure)
{
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO sealed = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;

    bundle_test_read(name, &octets);
    replace_in(&octets, from, to);
    reseal(ps_buf_bytes(&octets), &sealed);
    assert_int_equal(bundle_test_check(ps_buf_bytes(&sealed), BUNDLE_TEST_GENESIS, &findings),
                     PS_E_DENIED);
    assert_found(&findings, failure);
}

/* Agree and disagree might stand together, or one person be counted for two. */
static void whoever_signed_the_end_twice_is_found(void **state)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO twice = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;
    struct json_value root;
    struct json_value statements;
    struct json_value statement;
    struct ps_bytes first;
    uint32_t cursor = 0;
    size_t before;

    (void)state;
    bundle_test_read("genesis", &octets);
    assert_ok(json_new(&json));
    assert_ok(json_parse(json, ps_buf_bytes(&octets), &limits, &root));
    assert_true(json_member(root, "statements", &statements));
    assert_true(json_next(statements, &cursor, NULL, &statement));
    first = json_raw(statement);
    before = (size_t)(first.data - octets.data);
    ps_buf_put(&twice, ps_bytes(octets.data, before + first.len));
    ps_buf_put_u8(&twice, ',');
    ps_buf_put(&twice, ps_bytes_from(ps_buf_bytes(&octets), before));
    assert_ok(ps_buf_status(&twice));
    assert_int_equal(bundle_test_check(ps_buf_bytes(&twice), BUNDLE_TEST_GENESIS, &findings),
                     PS_E_DENIED);
    assert_found(&findings, "signed the end before");
}

static void what_is_written_anew_is_not_the_logs(void **state)
{
    (void)state;
    assert_change_is_found("enrol", "\"person\":\"grace\"", "\"person\":\"grape\"", "leaves: ");
    assert_change_is_found("enrol", "\"index\":0,", "\"index\":1,", "leaves: ");
    assert_change_is_found("enrol", "/events\\n142\\n", "/events\\n143\\n", "checkpoint: ");
}

/* Whatever digests there are is what people sign at the end. */
static void a_digest_of_nothing_is_found(void **state)
{
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO sealed = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;

    (void)state;
    bundle_test_read("enrol", &octets);
    reseal(ps_buf_bytes(&octets), &sealed);
    replace_in(&sealed, "\"},\"format\":", "\",\"rooms\":\"\"},\"format\":");
    assert_int_equal(bundle_test_check(ps_buf_bytes(&sealed), BUNDLE_TEST_GENESIS, &findings),
                     PS_E_DENIED);
    assert_found(&findings, "there is more in `digests` than belongs there");
}

static size_t place_of(const struct ps_buf *octets, const char *text)
{
    const uint8_t *at = memmem(octets->data, octets->len, text, strlen(text));

    assert_non_null(at);
    return (size_t)(at - octets->data);
}

/* Two approvals of one operation, which count in either order. */
static void leaves_in_another_order_are_found(void **state)
{
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO swapped = {.max = BUNDLE_OCTETS_MAX};
    PS_BUF_AUTO sealed = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;
    size_t first;
    size_t second;
    size_t after;

    (void)state;
    bundle_test_read("enrol", &octets);
    first = place_of(&octets, "{\"index\":77,");
    second = place_of(&octets, "{\"index\":78,");
    after = place_of(&octets, ",{\"index\":79,");
    ps_buf_put(&swapped, ps_bytes(octets.data, first));
    ps_buf_put(&swapped, ps_bytes(octets.data + second, after - second));
    ps_buf_put_u8(&swapped, ',');
    ps_buf_put(&swapped, ps_bytes(octets.data + first, second - first - 1));
    ps_buf_put(&swapped, ps_bytes_from(ps_buf_bytes(&octets), after));
    reseal(ps_buf_bytes(&swapped), &sealed);
    assert_int_equal(bundle_test_check(ps_buf_bytes(&sealed), BUNDLE_TEST_GENESIS, &findings),
                     PS_E_DENIED);
    assert_int_equal(findings.leaf, 77);
    assert_found(&findings, "the leaves are not in their order");
}

static void the_room_is_held_against_the_log_and_the_script(void **state)
{
    (void)state;
    assert_change_is_found("enrol", "\"script\":\"{", "\"script\":\"{ ",
                           "room: it was begun with another script");
    assert_change_is_found("enrol",
                           "\\\"what\\\":\\\"made\\\",\\\"step\\\":\\\"6\\\",\\\"id\\\":\\\"0",
                           "\\\"what\\\":\\\"made\\\",\\\"step\\\":\\\"6\\\",\\\"id\\\":\\\"1",
                           "which has no end here");
    assert_change_is_found("enrol", "\\\"what\\\":\\\"begun\\\"", "\\\"what\\\":\\\"begun",
                           "room: ");
}

/* Of the vector: what its documents and results say of the one operation that step 6 made. */
static enum ps_err verify_room_with(const struct bundle_known *known, struct findings *findings)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    struct log_report report = {.fn = findings_take, .context = findings};
    const struct bundle_room room = {.report = &report, .known = known, .known_count = 1};
    struct bundle_room with_bundle = room;
    PS_BUF_AUTO octets = {0};

    bundle_test_read("enrol", &octets);
    bundle = bundle_test_open(ps_buf_bytes(&octets));
    with_bundle.bundle = bundle;
    return bundle_room_verify(&with_bundle);
}

static void a_step_has_done_what_the_script_says(void **state)
{
    struct bundle_known known = {.id = "01a1fbd98397e99efc55b5e77f7c6d3a",
                                 .is_of_script = true,
                                 .step = "6",
                                 .type = "officer.enrol",
                                 .is_done = true};
    struct findings findings = {.failures = ""};
    PS_BUF_AUTO hash = {.max = PS_SHA256_LEN};

    (void)state;
    assert_ok(ps_hex_decode(
        LITERAL("fd061701e7d12fc1c63ab5562750cf2936b8f5448ec14d00b6caad75349240e1"), &hash));
    memcpy(known.hash, hash.data, sizeof known.hash);
    assert_ok(verify_room_with(&known, &findings));
    assert_string_equal(findings.failures, "");
    known.type = "officer.remove";
    assert_ok(verify_room_with(&known, &findings));
    assert_found(&findings, "step 6: the script has something else done than officer.remove");
}

#define LINE(what, step) "\\\"what\\\":\\\"" what "\\\",\\\"step\\\":\\\"" step "\\\""
#define SETTING(name)    "\\\"what\\\":\\\"set\\\",\\\"name\\\":\\\"" name "\\\""
#define WHAT(what)       "\\\"what\\\":\\\"" what "\\\""

/* Steps 2 to 4 are questions that were set; 1, 5 and 7 are read aloud, 6 is the operation. */
static void the_room_goes_through_the_script_in_its_order(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *failure;
    } rows[] = {
        {LINE("said", "5"), LINE("said", "7"), "though it was the turn of step 5"},
        {LINE("said", "5"), LINE("said", "1"), "step 1 is `said`, though it was the turn of"},
        {LINE("said", "1"), LINE("said", "9"), "the script has no step 9"},
        {LINE("said", "1"), LINE("asked", "1"), "no step that is `asked` so"},
        {LINE("said", "1"), LINE("sung", "1"), "no line of a ceremony is `sung`"},
        {LINE("made", "6"), LINE("made", "7"), "no step that is `made` so"},
        {LINE("made", "6"), LINE("failed", "6"), "and no operation was made for it"},
        {LINE("signed", "6"), LINE("made", "6"), "made two operations at a time"},
        {LINE("said", "7"), LINE("said", "6"), "no step that is `said` so"},
        {LINE("said", "7"), WHAT("ended"), "it ended before step 7 was complete"},
        {LINE("said", "7"), WHAT("ended"), "a line after its end"},
        {SETTING("reason"), SETTING("raisin"), "raisin is set, and no step"},
        {SETTING("reason"), SETTING("requester"), "requester is set, and no step"},
        {SETTING("reason"), WHAT("begun"), "it was begun twice"},
        {WHAT("begun"), WHAT("resumed"), "its first line does not say `begun`"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_change_is_found("enrol", rows[i].from, rows[i].to, rows[i].failure);
    }
}

/* A transcript may be taken while the ceremony goes on; whoever reads it is told. */
static void a_ceremony_without_its_end_is_told(void **state)
{
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO sealed = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;

    (void)state;
    bundle_test_read("enrol", &octets);
    replace_in(&octets, WHAT("ended"), WHAT("resumed"));
    reseal(ps_buf_bytes(&octets), &sealed);
    assert_ok(bundle_test_check(ps_buf_bytes(&sealed), BUNDLE_TEST_GENESIS, &findings));
    assert_non_null(strstr(findings.notes, "the ceremony has not come to its end"));
}

/* Lines that were taken out altogether would leave nothing to disagree with. */
static void a_room_without_lines_is_found(void **state)
{
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO sealed = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;
    uint8_t *begin;
    const uint8_t *end;

    (void)state;
    bundle_test_read("enrol", &octets);
    begin = memmem(octets.data, octets.len, "\"lines\":[", 9);
    assert_non_null(begin);
    begin += 9;
    end = memmem(begin, octets.len - (size_t)(begin - octets.data), "],\"script\":", 11);
    assert_non_null(end);
    memmove(begin, end, octets.len - (size_t)(end - octets.data));
    octets.len -= (size_t)(end - begin);
    reseal(ps_buf_bytes(&octets), &sealed);
    assert_int_equal(bundle_test_check(ps_buf_bytes(&sealed), BUNDLE_TEST_GENESIS, &findings),
                     PS_E_DENIED);
    assert_found(&findings, "the room does not say that it was begun");
}

static void a_leaf_that_is_left_out_is_missed(void **state)
{
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO sealed = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;
    const uint8_t *begin;
    const uint8_t *end;

    (void)state;
    bundle_test_read("enrol", &octets);
    /* The first approval of the first operation after the genesis. */
    end = memmem(octets.data, octets.len, "\"kind\":\"approve\",\"operation\"", 28);
    assert_non_null(end);
    begin = end;
    while (memcmp(begin, "{\"index\":", 9) != 0) {
        begin--;
    }
    end = memmem(end, octets.len - (size_t)(end - octets.data), "]},{", 4);
    assert_non_null(end);
    {
        const size_t at = (size_t)(begin - octets.data);
        const size_t after = (size_t)(end - octets.data) + 3;

        memmove(octets.data + at, octets.data + after, octets.len - after);
        octets.len -= after - at;
    }
    reseal(ps_buf_bytes(&octets), &sealed);
    assert_int_equal(bundle_test_check(ps_buf_bytes(&sealed), BUNDLE_TEST_GENESIS, &findings),
                     PS_E_DENIED);
    assert_found(&findings, "it was executed and was not approved");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transcript_verifies_from_its_genesis),
        cmocka_unit_test(another_genesis_is_a_failure_and_an_unknown_one_a_note),
        cmocka_unit_test(every_octet_that_changes_is_found_and_its_place_is_named),
        cmocka_unit_test(a_changed_leaf_is_named_by_its_number),
        cmocka_unit_test(a_transcript_that_ends_early_is_none),
        cmocka_unit_test(who_does_not_agree_is_told),
        cmocka_unit_test(a_person_signs_the_end_once),
        cmocka_unit_test(whoever_signed_the_end_twice_is_found),
        cmocka_unit_test(what_is_written_anew_is_not_the_logs),
        cmocka_unit_test(a_digest_of_nothing_is_found),
        cmocka_unit_test(leaves_in_another_order_are_found),
        cmocka_unit_test(the_room_is_held_against_the_log_and_the_script),
        cmocka_unit_test(a_step_has_done_what_the_script_says),
        cmocka_unit_test(the_room_goes_through_the_script_in_its_order),
        cmocka_unit_test(a_ceremony_without_its_end_is_told),
        cmocka_unit_test(a_room_without_lines_is_found),
        cmocka_unit_test(a_leaf_that_is_left_out_is_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
