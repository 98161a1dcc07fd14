#include "tests/keeper/wrapped_fixture.h"

/* AES and HMAC keys that live outside the token: made, used, rotated, wrapped anew, carried, lost
 * and destroyed, with SoftHSM. */

#define PROCESSES 2
#define CACHE     3

#define SPARE (&stack.tokens[PROCESSES])

static int make_stack(void **state)
{
    (void)state;
    begin_with_room(PROCESSES, CACHE, 0);
    expect(201, change("wrapping.create", "", "{}"));
    expect(201,
           change("grant.add", "",
                  "{\"client\":\"tester\",\"keys\":\"s.*\",\"operations\":[\"mac\",\"encrypt\","
                  "\"decrypt\"]}"));
    return 0;
}

static void make_aes(const char *name)
{
    make_wrapped_key(name, "\"type\":\"aes-256\",\"usage\":\"encrypt\"");
}

static void make_hmac(const char *name)
{
    make_wrapped_key(name, "\"type\":\"hmac-sha256\",\"usage\":\"mac\"");
}

/* The result in octets that stay. */
struct result {
    uint8_t octets[128];
    size_t len;
    bool is_valid;
};

static unsigned use(const char *key, enum key_verb verb, struct ps_bytes data, struct ps_bytes mac,
                    struct result *ret_result)
{
    const struct msg_key_use message = {.caller = stack_caller(),
                                        .request_id = ps_bytes_str("use-1"),
                                        .key = ps_bytes_str(key),
                                        .verb = (uint8_t)verb,
                                        .data = data,
                                        .mac = mac};
    const struct msg_key_used *used;
    struct wire_frame answer;

    wire_call(&stack.clients, &msg_key_use_info, &message, &answer);
    if (answer.info != &msg_key_used_info) {
        return stack_status_of(&answer, &body);
    }
    used = (const void *)answer.message;
    assert_true(used->octets.len <= sizeof ret_result->octets);
    ret_result->len = used->octets.len;
    ret_result->is_valid = used->is_valid != 0;
    if (used->octets.len != 0) {
        memcpy(ret_result->octets, used->octets.data, used->octets.len);
    }
    return 200;
}

static struct ps_bytes octets_of(const struct result *result)
{
    return ps_bytes(result->octets, result->len);
}

static const struct ps_bytes none;
static const struct ps_bytes text = {(const uint8_t *)"a text", 6};

static struct result sealed; /* of `s.aes`, made at the beginning and decrypted to the end */
static struct result maced;  /* of `s.hmac` */

static unsigned decrypt(const char *key)
{
    struct result plain;
    const unsigned status = use(key, KEY_DECRYPT, octets_of(&sealed), none, &plain);

    if (status == 200) {
        assert_true(ps_bytes_equal(octets_of(&plain), text));
    }
    return status;
}

static unsigned verify(const char *key)
{
    struct result answer;
    const unsigned status = use(key, KEY_MAC_VERIFY, text, octets_of(&maced), &answer);

    if (status == 200) {
        assert_true(answer.is_valid);
    }
    return status;
}

static void both_still_do_it(void)
{
    expect(200, decrypt("s.aes"));
    expect(200, verify("s.hmac"));
}

static int take_count(const char *where)
{
    char statement[200];

    (void)snprintf(statement, sizeof statement,
                   "select count(*) from row where kind = 'wrapped' and body like '%s'", where);
    return sql_number(statement);
}

static void they_are_made_and_used(void **state)
{
    (void)state;
    make_aes("s.aes");
    make_hmac("s.hmac");
    expect(200, stack_read(&stack, READ_KEY, "s.aes", &body));
    assert_true(body_has("\"residence\":\"wrapped\""));
    assert_true(body_has("\"recovery\":\"wrapped\""));
    assert_int_equal(take_count("%"), 2);
    expect(200, use("s.aes", KEY_ENCRYPT, text, none, &sealed));
    expect(200, use("s.hmac", KEY_MAC, text, none, &maced));
    for (int i = 0; i < 2 * PROCESSES; i++) {
        both_still_do_it();
    }
}

static void one_does_not_do_what_is_the_others(void **state)
{
    struct result result;

    (void)state;
    make_aes("s.other");
    make_hmac("s.other-mac");
    expect(422, decrypt("s.other"));
    expect(200, use("s.other-mac", KEY_MAC_VERIFY, text, octets_of(&maced), &result));
    assert_false(result.is_valid);
    expect(422, use("s.aes", KEY_MAC, text, none, &result));
    assert_true(body_has("not made for this usage")); /* the token is not asked */
    expect(422, use("s.hmac", KEY_ENCRYPT, text, none, &result));
    assert_true(body_has("not made for this usage"));
    expect(422, change("key.create", "",
                       "{\"name\":\"trojan\",\"type\":\"aes-256\",\"usage\":\"wrap\","
                       "\"residence\":\"wrapped\"}"));
}

static void must_mac(const char *name)
{
    struct result result;

    expect(200, use(name, KEY_MAC, text, none, &result));
    both_still_do_it();
}

/* More than the processes have room for, with another keeper and other processes. */
static void they_are_opened_where_they_are_not(void **state)
{
    (void)state;
    with_many("s", 2 * CACHE, make_hmac);
    for (int round = 0; round < 2; round++) {
        with_many("s", 2 * CACHE, must_mac);
    }
    restart_keeper(APPLIANCE_OPERATIONAL);
    both_still_do_it();
    restart_tokens(PROCESSES);
    both_still_do_it();
}

static void an_older_version_still_decrypts(void **state)
{
    (void)state;
    expect(201, change("key.rotate", "s.aes", "{}"));
    both_still_do_it();
}

/* What was encrypted with it is opened for nobody until people have looked into it. */
static void a_compromised_version_decrypts_no_more(void **state)
{
    struct result leaked;
    struct result plain;

    (void)state;
    make_aes("s.leak");
    expect(200, use("s.leak", KEY_ENCRYPT, text, none, &leaked));
    expect(201, change("key.rotate", "s.leak", "{}"));
    expect(200, use("s.leak", KEY_DECRYPT, octets_of(&leaked), none, &plain));
    expect(201, change("key.compromise", "s.leak", "{\"version\":1}"));
    expect(409, use("s.leak", KEY_DECRYPT, octets_of(&leaked), none, &plain));
    expect(200, use("s.leak", KEY_ENCRYPT, text, none, &leaked));
    expect(200, use("s.leak", KEY_DECRYPT, octets_of(&leaked), none, &plain));
}

#define ROW_OF(key, version)                                                                       \
    "(select body from row where kind = 'wrapped' and body like '%\"key\":\"" key                  \
    "\"%' and body like '%\"version\":" version ",%')"

static void must_be_found(const char *statement)
{
    const unsigned alarms = leaves_count_alarms(&stack, "record-damaged");

    sql("create table kept as select * from row where kind = 'wrapped'");
    sql(statement);
    restart_keeper(APPLIANCE_OPERATIONAL); /* alarms are told once a minute */
    restart_tokens(PROCESSES);
    expect(503, decrypt("s.aes"));
    assert_true(body_has("record-damaged"));
    wait_for_alarm_of("record-damaged", alarms + 1);
    sql("delete from row where kind = 'wrapped'");
    sql("insert into row select * from kept");
    sql("drop table kept");
    both_still_do_it();
}

static void a_record_that_is_not_the_keys_own_is_not_opened(void **state)
{
    (void)state;
    /* Another key's of the same type, a newer version's, one of another type, a changed one. */
    must_be_found("update row set body = " ROW_OF(
        "s.other", "1") " where kind = 'wrapped' and body like '%\"s.aes\"%' and body like "
                        "'%\"version\":1,%'");
    must_be_found("update row set body = replace(" ROW_OF(
        "s.aes", "2") ", '\"version\":2', '\"version\":1') where kind = 'wrapped' and body like "
                      "'%\"s.aes\"%' and body like '%\"version\":1,%'");
    must_be_found("update row set body = replace(" ROW_OF(
        "s.hmac", "1") ", '\"s.hmac\"', '\"s.aes\"') where kind = 'wrapped' and body like "
                       "'%\"s.aes\"%' and body like '%\"version\":1,%'");
    must_be_found("update row set body = '{\"blob\":\"AAAA' || substr(body, 14) where kind = "
                  "'wrapped' and body like '%\"s.aes\"%' and body like '%\"version\":1,%'");
    restart_keeper(APPLIANCE_OPERATIONAL); /* else it compares the catalog with the log now */
}

/* As soon as the keeper has its tokens, and what was before it is over. */
static void change_soon(const char *type, const char *subject)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        status = change(type, subject, "{}");
    } while (((status == 503 && body_has("away")) || (status == 409 && body_has("in-flight"))) &&
             has_rested());
    assert_true(status == 201 || status == 202);
}

static void a_second_token_opens_them(void **state)
{
    uint64_t deadline;

    (void)state;
    stack_add_token(&stack, "spare");
    wait_for_text(READ_SYSTEM, "", "\"token\":\"spare\",\"state\":\"needs-login\"", 1);
    expect(201, change("token.accept", "spare", "{}"));
    wait_for_text(READ_SYSTEM, "", "\"token\":\"spare\",\"state\":\"ready\"", 1);
    change_soon("wrapping.prepare", "spare");
    change_soon("wrapping.carry", "");
    for (size_t i = 0; i < PROCESSES; i++) {
        stack_kill_token(&stack, i);
    }
    deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    while (decrypt("s.aes") != 200 || verify("s.hmac") != 200) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        stack_start_token(&stack, i);
    }
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

/* All rows, the operation has ended, and its locks are free. */
static void wait_until_under(int count)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (take_count("%\"wrapping\":2}") != count ||
           change("wrapping.destroy", "", "{\"version\":1}") != 201) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

static void they_are_wrapped_anew_and_the_old_key_goes(void **state)
{
    const int all = take_count("%");

    (void)state;
    change_soon("wrapping.create", "");
    change_soon("wrapping.prepare", "spare");
    change_soon("wrapping.carry", "");
    change_soon("wrapping.rewrap", "");
    wait_until_under(all);
    both_still_do_it();
}

static void what_is_destroyed_is_nowhere(void **state)
{
    (void)state;
    expect(201, change("key.deactivate", "s.aes", "{}"));
    expect(200, decrypt("s.aes"));
    expect(201, change("key.destroy", "s.aes", "{}"));
    assert_int_equal(take_count("%\"key\":\"s.aes\"%"), 0);
    assert_int_not_equal(decrypt("s.aes"), 200);
    expect(200, verify("s.hmac"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_made_and_used),
        cmocka_unit_test(one_does_not_do_what_is_the_others),
        cmocka_unit_test(they_are_opened_where_they_are_not),
        cmocka_unit_test(an_older_version_still_decrypts),
        cmocka_unit_test(a_record_that_is_not_the_keys_own_is_not_opened),
        cmocka_unit_test(a_second_token_opens_them),
        cmocka_unit_test(they_are_wrapped_anew_and_the_old_key_goes),
        cmocka_unit_test(what_is_destroyed_is_nowhere),
        cmocka_unit_test(a_compromised_version_decrypts_no_more),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
