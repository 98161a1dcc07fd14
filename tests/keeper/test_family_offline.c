#include "tests/keeper/fixture.h"
#include "tests/keeper/offline.h"

#include "lib/ceremony/bundle/bundle.h"

/* Keys of families, as who verifies a log offline sees them. */

#define FAMILY(maximum)                                                                            \
    "{\"client\":\"tester\",\"maximum\":" maximum ",\"template\":{\"type\":\"ec-p256\","           \
    "\"usage\":\"sign\",\"formats\":[\"jws\"],\"validity_s\":31536000,"                            \
    "\"labels\":{\"owner\":\"wallets\"}}}"

static void make(const char *family, const char *name)
{
    char parameters[100];
    struct msg_change message = {0};
    struct wire_frame answer;

    (void)snprintf(parameters, sizeof parameters, "{\"name\":\"%s\"}", name);
    message = stack_change_message("family.make_key", family, parameters);
    message.requester = ps_bytes(NULL, 0);
    stack_call(&stack, &stack.clients, &msg_change_info, &message, &answer);
    expect(201, stack_status_of(&answer, &body));
}

static int make_log(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(1);
    expect(201, change("wrapping.create", "", "{}"));
    expect(201, change("family.create", "f.", FAMILY("3")));
    make("f.", "f.one");
    expect(201, change("family.suspend", "f.", "{}"));
    expect(201, change("family.resume", "f.", "{}"));
    make("f.", "f.two");
    make("f.", "f.three");
    expect(201, change("key.deactivate", "f.two", "{}"));
    expect(201, change("family.create", "r.", FAMILY("9")));
    make("r.", "r.one");
    expect(200, change("family.revoke", "r.", "{}"));
    expect(201, change("client.register", "", "{\"name\":\"other\",\"uids\":[61234]}"));
    offline_keep(&stack);
    return 0;
}

static int end_log(void **state)
{
    offline_forget();
    return fixture_end(state);
}

static void each_key_is_shown_under_its_family(void **state)
{
    (void)state;
    offline_check_real("f.one 1/3 f.;f.two 2/3 f.;f.three 3/3 f.;r.one 1/9 r.;");
}

#define DOCUMENT(from_, to_, words_)                                                               \
    {                                                                                              \
        .kind = "intent", .about = "f.two", .from = (from_), .to = (to_), .words = (words_)        \
    }
#define ROWS(from_, to_, words_)                                                                   \
    {                                                                                              \
        .kind = "result", .about = "f.two", .from = (from_), .to = (to_), .words = (words_)        \
    }
#define OTHER_KIND "of another kind than people approved"
#define OTHER_ROW  "of a key's row is not what its document says"

static const struct offline_story forgeries[] = {
    {.without = "family.create", .of = "f.", .words = "do not show approved"},
    {.is_chosen = true, .without = "family.create", .of = "f.", .words = "do not show approved"},
    {.later = "r.one", .words = "do not show approved"},
    {.without = "family.resume", .of = "f.", .words = "the family f. was suspended"},
    {.without = "family.make_key", .of = "f.two", .words = "key 3 of the family f., after 1"},
    {.is_chosen = true, .without = "family.make_key", .of = "f.one"},
    DOCUMENT("\"caller\":\"tester\"", "\"caller\":\"other\"", "is of the client tester"),
    DOCUMENT("\"name\":\"f.two\"", "\"name\":\"g.two\"", "is not of the family f. by its name"),
    DOCUMENT("\"name\":\"f.two\"", "\"name\":\"f.\"", "is not of the family f. by its name"),
    DOCUMENT("\"family\":\"f.\"", "\"family\":\"n.\"", "do not show approved"),
    DOCUMENT("\"type\":\"ec-p256\"", "\"type\":\"ec-p384\"", OTHER_KIND),
    DOCUMENT("\"usage\":\"sign\"", "\"usage\":\"decrypt\"", OTHER_KIND),
    DOCUMENT("\"formats\":[\"jws\"]", "\"formats\":[\"cose\",\"jws\"]", OTHER_KIND),
    DOCUMENT("\"validity_s\":\"31536000\"", "\"validity_s\":\"61536000\"", OTHER_KIND),
    DOCUMENT("\"class\":\"B\"", "\"class\":\"A\"", OTHER_KIND),
    DOCUMENT("\"residence\":\"wrapped\"", "\"residence\":\"token\"", OTHER_KIND),
    DOCUMENT("\"extractable\":true", "\"extractable\":false", OTHER_KIND),
    DOCUMENT("\"owner\":\"wallets\"", "\"owner\":\"wallet\"", OTHER_KIND),
    ROWS("\"usage\":\"sign\"", "\"usage\":\"certify\"", OTHER_ROW),
    ROWS("\"type\":\"ec-p256\"", "\"type\":\"rsa-2048\"", OTHER_ROW),
    ROWS("\"formats\":[\"jws\"]", "\"class\":\"A\",\"formats\":[\"jws\"]", "a key of class A"),
    ROWS("\"residence\":\"wrapped\"", "\"residence\":\"token\"", OTHER_ROW),
    ROWS("\"retain_s\":0", "\"retain_s\":1", OTHER_ROW),
    ROWS("\"latest\":1", "\"latest\":2", "row is not what its document says"),
    ROWS("\"retired_s\":0", "\"retired_s\":1", "not valid for as long"),
    ROWS("\"activates_s\":", "\"activates_s\":9", "not valid for as long"),
    ROWS("\"expires_s\":", "\"expires_s\":9", "not valid for as long"),
    ROWS("\"created_s\":", "\"created_s\":9", "made at another time"),
    ROWS("\"made\":2", "\"made\":3", "it is key 3 of the family f., after 1"),
    ROWS("\"made\":2", "\"made\":1", "it is key 1 of the family f., after 1"),
    ROWS("\"maximum\":3", "\"maximum\":4", "the row of the family f. is not what people approved"),
    ROWS("\"effects\":[", "\"effects\":[{\"kind\":\"key\",\"name\":\"x\",\"removed\":true},",
         "other rows than those of one key"),
    ROWS("\"name\":\"f.two/1\"", "\"name\":\"f.two/2\"", "other rows than those of one key"),
    {.is_chosen = true,
     .kind = "result",
     .about = "f.three",
     .from = "\"made\":3",
     .to = "\"made\":4",
     .words = "it is key 4 of the family f., after 2 of at most 3"},
};

static void a_key_outside_its_family_is_a_failure(void **state)
{
    (void)state;
    offline_check(forgeries, PS_COUNT_OF(forgeries));
}

/* --- Transcripts --- */

static void make_transcript_of(const char *type, const char *name, struct ps_buf *octets,
                               struct bundle **ret_bundle)
{
    const struct ps_bytes operation = ps_bytes_str(offline_operation_of(type, name));
    char directory[200];
    const struct bundle_source source = {
        .directory = directory, .operations = &operation, .operation_count = 1};

    (void)snprintf(directory, sizeof directory, "%s/log", stack.data);
    assert_ok(bundle_build(&source, octets));
    assert_ok(bundle_parse(ps_buf_bytes(octets), ret_bundle));
}

static void verify_transcript_of(const char *type, const char *name, struct offline_seen *seen)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
    uint8_t genesis[PS_SHA256_LEN];
    struct bundle_summary summary;

    memset(seen, 0, sizeof *seen);
    make_transcript_of(type, name, &octets, &bundle);
    ps_sha256(offline_genesis(), genesis);
    assert_ok(bundle_verify(bundle,
                            &(struct bundle_check){.genesis = genesis,
                                                   .fn = offline_take_row,
                                                   .context = seen,
                                                   .on_operation = offline_on_operation,
                                                   .operation_context = seen},
                            &summary));
}

static void a_transcript_of_a_key_has_the_approval_of_its_family(void **state)
{
    static struct offline_seen seen;

    (void)state;
    verify_transcript_of("family.make_key", "f.three", &seen);
    assert_string_equal(seen.failures, "");
    assert_string_equal(seen.keys, "f.three 3/3 f.;");
    assert_non_null(
        strstr(seen.notes, "the key f.three is number 3 of at most 3 of the family f."));
    assert_non_null(strstr(seen.notes, "family.create f. is done, approved by"));
    assert_non_null(strstr(seen.notes, "family.resume f. is done, approved by"));
    assert_null(strstr(seen.notes, "without anybody's approval"));
    assert_null(strstr(seen.notes, "family r."));
}

static void a_transcript_of_what_became_of_a_key_has_it_too(void **state)
{
    static struct offline_seen seen;

    (void)state;
    verify_transcript_of("key.deactivate", "f.two", &seen);
    assert_string_equal(seen.keys, "f.two 2/3 f.;");
    assert_null(strstr(seen.notes, "counted as one of class A"));
}

/* The genesis and, right behind it, the start it was done in, with which each other one begins. */
static void a_transcript_of_the_genesis_has_the_start_it_was_done_in(void **state)
{
    static const char *const types[] = {"genesis", "family.create"};
    static const char *const names[] = {"", "f."};
    static struct offline_seen seen;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
        PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
        PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
        struct bundle_leaf leaf;
        struct log_event event;

        verify_transcript_of(types[i], names[i], &seen);
        assert_string_equal(seen.failures, "");
        make_transcript_of(types[i], names[i], &octets, &bundle);
        assert_ok(json_new(&json));
        assert_ok(bundle_leaf_at(bundle, 1, &leaf));
        assert_int_equal(leaf.index, 1);
        assert_ok(log_event_read(json, json_raw(leaf.leaf), &event));
        assert_true(ps_bytes_equal_str(event.kind, "start"));
        assert_true(i != 0 || bundle_leaf_count(bundle) == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_is_shown_under_its_family),
        cmocka_unit_test(a_key_outside_its_family_is_a_failure),
        cmocka_unit_test(a_transcript_of_a_key_has_the_approval_of_its_family),
        cmocka_unit_test(a_transcript_of_what_became_of_a_key_has_it_too),
        cmocka_unit_test(a_transcript_of_the_genesis_has_the_start_it_was_done_in),
    };

    return cmocka_run_group_tests(tests, make_log, end_log);
}
