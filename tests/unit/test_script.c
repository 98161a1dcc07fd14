#include "tests/unit/support.h"

#include "lib/base/encode.h"
#include "lib/ceremony/script/script.h"
#include "lib/ceremony/script/values.h"

#define SCRIPT_OF(steps) "{\"v\":\"1\",\"title\":\"t\",\"purpose\":\"p\",\"steps\":[" steps "]}"
#define SAY(name)        "{\"step\":\"" name "\",\"say\":\"x\"}"
#define ASK(name, more)  "{\"step\":\"" name "\",\"ask\":\"key\",\"text\":\"?\"," more "}"
#define SUSPEND(more)    "{\"step\":\"do\",\"do\":\"key.suspend\",\"text\":\"x\"" more "}"
#define ASK_KEY          ASK("ask", "\"input\":\"name\"")

static enum ps_err parse(const char *text)
{
    PS_CLEANUP(script_free_cleanup) struct script *script = NULL;

    return script_parse(ps_bytes_str(text), &script);
}

static void refused(const char *text, const char *why)
{
    assert_fails(PS_E_INPUT, parse(text));
    if (strstr(ps_detail()->text, why) == NULL) {
        print_error("%s\n  said \"%s\", not \"%s\"\n", text, ps_detail()->text, why);
        fail();
    }
}

static void each_kind_of_step_is_read(void **state)
{
    PS_CLEANUP(script_free_cleanup) struct script *script = NULL;
    const struct script_step *step;

    (void)state;
    assert_ok(script_parse(
        LITERAL(SCRIPT_OF(SAY("1") "," ASK_KEY "," SUSPEND(
            ",\"subject\":\"{key}\",\"params\":{\"version\":0}") ",{\"step\":\"s\",\"stop\":\"{key}"
                                                                 "\"}")),
        &script));
    assert_text(script_title(script), "t");
    assert_text(script_purpose(script), "p");
    assert_int_equal(script_count(script), 4);
    assert_int_equal(script_at(script, 0)->kind, SCRIPT_SAY);
    step = script_at(script, 1);
    assert_ptr_equal(script_question(script, LITERAL("key")), step);
    assert_int_equal(step->input, SCRIPT_INPUT_NAME);
    step = script_at(script, 2);
    assert_text(step->type, "key.suspend");
    assert_text(json_raw(step->params), "{\"version\":0}");
    assert_null(step->requester.doc);
    assert_text(script_at(script, 3)->text, "{key}");
    assert_null(script_at(script, 4));
    assert_null(script_question(script, LITERAL("other")));
}

static void what_is_no_script_is_refused_with_its_reason(void **state)
{
    (void)state;
    refused("", "");
    refused("[]", "JSON object");
    refused("{\"v\":\"1\",\"title\":\"t\",\"purpose\":\"p\"}", "steps");
    refused("{\"v\":\"2\",\"title\":\"t\",\"purpose\":\"p\",\"steps\":[" SAY("1") "]}", "version");
    refused("{\"v\":\"1\",\"title\":\"\",\"purpose\":\"p\",\"steps\":[" SAY("1") "]}", "title");
    refused("{\"v\":\"1\",\"title\":\"t\",\"purpose\":\"p\",\"x\":1,\"steps\":[" SAY("1") "]}",
            "x");
    refused(SCRIPT_OF(""), "1 to 64 steps");
    refused(SCRIPT_OF("1"), "say, ask, do, stop");
    refused(SCRIPT_OF("{\"step\":\"1\"}"), "say, ask, do, stop");
    refused(SCRIPT_OF("{\"say\":\"x\"}"), "place 1");
    refused(SCRIPT_OF("{\"step\":\"A b\",\"say\":\"x\"}"), "step");
    refused(SCRIPT_OF("{\"step\":\"1\",\"say\":\"\"}"), "empty");
    refused(SCRIPT_OF("{\"step\":\"1\",\"say\":\"x\",\"stop\":\"x\"}"), "stop");
    refused(SCRIPT_OF(SAY("1") "," SAY("1")), "step 1: two steps");
}

static void what_is_no_question_is_refused(void **state)
{
    (void)state;
    refused(SCRIPT_OF(ASK("1", "\"input\":\"colour\"")), "`input`");
    refused(SCRIPT_OF(ASK("1", "\"input\":\"choice\"")), "`choices`");
    refused(SCRIPT_OF(ASK("1", "\"input\":\"choice\",\"choices\":[]")), "1 to 16");
    refused(SCRIPT_OF(ASK("1", "\"input\":\"choice\",\"choices\":[\"\"]")), "1 to 64");
    refused(SCRIPT_OF(ASK("1", "\"input\":\"choice\",\"choices\":[1]")), "string");
    refused(SCRIPT_OF(ASK("1", "\"input\":\"name\",\"choices\":[\"a\"]")), "`choices`");
    refused(SCRIPT_OF(ASK("1", "\"input\":\"name\",\"default\":\"A B\"")), "name");
    refused(SCRIPT_OF(ASK("1", "\"input\":\"file\",\"default\":\"x\"")), "`default`");
    refused(SCRIPT_OF(ASK("1", "\"input\":\"name\",\"default\":\"x\",\"twice\":true")),
            "`default`");
    refused(SCRIPT_OF(ASK_KEY "," ASK("2", "\"input\":\"name\"")), "asked for twice");
}

static void what_is_no_operation_is_refused(void **state)
{
    (void)state;
    refused(SCRIPT_OF("{\"step\":\"1\",\"do\":\"key.love\",\"text\":\"x\"}"), "no operation");
    refused(SCRIPT_OF(SUSPEND(",\"subject\":1")), "strings");
    refused(SCRIPT_OF(SUSPEND(",\"params\":\"x\"")), "params");
    refused(SCRIPT_OF(ASK_KEY "," SUSPEND(",\"params\":\"x{key}\"")), "params");
    refused(SCRIPT_OF(ASK_KEY "," SUSPEND(",\"params\":\"{key}{key}\"")), "params");
    refused(SCRIPT_OF(ASK_KEY "," SUSPEND(",\"params\":[]")), "params");
    assert_ok(parse(SCRIPT_OF(ASK_KEY "," SUSPEND(",\"params\":\"{key}\""))));
    refused(SCRIPT_OF(SUSPEND(",\"subject\":\"{key}\"")), "no step before this one asks");
    refused(SCRIPT_OF(SUSPEND(",\"params\":{\"a\":[{\"b\":\"x {key}\"}]}")), "no step before");
    refused(SCRIPT_OF(ASK_KEY "," SUSPEND(",\"reason\":\"{key\"")), "brace");
    refused(SCRIPT_OF(ASK_KEY "," SUSPEND(",\"reason\":\"key}\"")), "brace");
    refused(SCRIPT_OF(ASK_KEY "," SUSPEND(",\"reason\":\"{}\"")), "brace");
    refused(SCRIPT_OF(SUSPEND(",\"subject\":\"{key}\"") "," ASK_KEY), "no step before");
}

static void as_many_steps_as_there_may_be(void **state)
{
    PS_BUF_AUTO text = {.max = SCRIPT_OCTETS_MAX};

    (void)state;
    for (unsigned count = SCRIPT_STEPS_MAX; count <= SCRIPT_STEPS_MAX + 1; count++) {
        ps_buf_reset(&text);
        ps_buf_put_str(&text, "{\"v\":\"1\",\"title\":\"t\",\"purpose\":\"p\",\"steps\":[");
        for (unsigned i = 0; i < count; i++) {
            ps_buf_printf(&text, "%s{\"step\":\"%u\",\"say\":\"x\"}", i == 0 ? "" : ",", i);
        }
        ps_buf_put_str(&text, "]}");
        ps_buf_put_u8(&text, '\0');
        assert_ok(ps_buf_status(&text));
        assert_int_equal(parse((const char *)text.data),
                         count <= SCRIPT_STEPS_MAX ? PS_OK : PS_E_INPUT);
    }
}

static void a_script_that_is_too_long_is_refused(void **state)
{
    static uint8_t blanks[SCRIPT_OCTETS_MAX + 1];
    PS_CLEANUP(script_free_cleanup) struct script *script = NULL;

    (void)state;
    memset(blanks, ' ', sizeof blanks);
    assert_fails(PS_E_LIMIT, script_parse(ps_bytes(blanks, sizeof blanks), &script));
}

/* --- What is typed --- */

static void becomes(enum script_input input, const char *typed, const char *json)
{
    const struct script_step question = {.kind = SCRIPT_ASK, .input = input};
    PS_BUF_AUTO out = {.max = SCRIPT_VALUE_MAX};
    const enum ps_err err = script_value_read(&question, ps_bytes_str(typed), &out);

    if (json == NULL) {
        assert_fails(PS_E_INPUT, err);
    } else {
        assert_ok(err);
        assert_text(ps_buf_bytes(&out), json);
    }
}

static void what_is_typed_becomes_json_of_its_kind(void **state)
{
    (void)state;
    becomes(SCRIPT_INPUT_TEXT, "B \"1\" \xc3\xa9", "\"B \\\"1\\\" \xc3\xa9\"");
    becomes(SCRIPT_INPUT_TEXT, "", NULL);
    becomes(SCRIPT_INPUT_TEXT, "a\tb", NULL);
    becomes(SCRIPT_INPUT_TEXT, "\xff", NULL);
    becomes(SCRIPT_INPUT_NAME, "oidc.a", "\"oidc.a\"");
    becomes(SCRIPT_INPUT_NAME, "Oidc", NULL);
    becomes(SCRIPT_INPUT_NUMBER, "0", "0");
    becomes(SCRIPT_INPUT_NUMBER, "999999999999999", "999999999999999");
    becomes(SCRIPT_INPUT_NUMBER, "1000000000000000", NULL);
    becomes(SCRIPT_INPUT_NUMBER, "01", NULL);
    becomes(SCRIPT_INPUT_NUMBER, "-1", NULL);
    becomes(SCRIPT_INPUT_NUMBER, "", NULL);
    becomes(SCRIPT_INPUT_FLAG, "yes", "true");
    becomes(SCRIPT_INPUT_FLAG, "no", "false");
    becomes(SCRIPT_INPUT_FLAG, "Yes", NULL);
    becomes(SCRIPT_INPUT_WORDS, "", "[]");
    becomes(SCRIPT_INPUT_WORDS, "jws", "[\"jws\"]");
    becomes(SCRIPT_INPUT_WORDS, "jws.sign,keys.read", "[\"jws.sign\",\"keys.read\"]");
    becomes(SCRIPT_INPUT_WORDS, "a,,b", NULL);
    becomes(SCRIPT_INPUT_WORDS, "a,", NULL);
    becomes(SCRIPT_INPUT_WORDS, "a, b", NULL);
    becomes(SCRIPT_INPUT_NUMBERS, "", "[]");
    becomes(SCRIPT_INPUT_NUMBERS, "0,1000", "[0,1000]");
    becomes(SCRIPT_INPUT_NUMBERS, "1,x", NULL);
    becomes(SCRIPT_INPUT_FILE, " {\"b\": \"1\",\n \"a\": []} ", "{\"a\":[],\"b\":\"1\"}");
    becomes(SCRIPT_INPUT_FILE, "[]", NULL);
    becomes(SCRIPT_INPUT_FILE, "{", NULL);
    becomes(SCRIPT_INPUT_FILE, "{\"a\":null}", NULL);
}

static void so_many_words_and_not_one_more(void **state)
{
    const struct script_step question = {.kind = SCRIPT_ASK, .input = SCRIPT_INPUT_NUMBERS};
    PS_BUF_AUTO typed = {.max = SCRIPT_VALUE_MAX};
    PS_BUF_AUTO out = {.max = SCRIPT_VALUE_MAX};

    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        ps_buf_put_str(&typed, i == 0 ? "1" : ",1");
    }
    assert_ok(script_value_read(&question, ps_buf_bytes(&typed), &out));
    ps_buf_put_str(&typed, ",1");
    assert_fails(PS_E_LIMIT, script_value_read(&question, ps_buf_bytes(&typed), &out));
}

/* --- Where it stands --- */

static enum ps_err get(void *context, struct ps_bytes variable, struct ps_bytes *ret_json)
{
    static const struct {
        const char *name;
        const char *json;
    } known[] = {{"key", "\"oidc \\\"a\\\"\""},
                 {"version", "3"},
                 {"list", "[\"a\",2]"},
                 {"entry", "{\"p\":1}"}};

    (void)context;
    for (size_t i = 0; i < PS_COUNT_OF(known); i++) {
        if (ps_bytes_equal_str(variable, known[i].name)) {
            *ret_json = ps_bytes_str(known[i].json);
            return PS_OK;
        }
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "not known");
}

static const struct script_values values = {NULL, get};

static void a_text_is_told_with_its_values(void **state)
{
    PS_BUF_AUTO out = {.max = SCRIPT_VALUE_MAX};

    (void)state;
    assert_ok(script_put_text(&values, LITERAL("{key}: {version}, [{list}] {entry}."), &out));
    assert_text(ps_buf_bytes(&out), "oidc \"a\": 3, [a, 2] {\"p\":1}.");
    assert_fails(PS_E_NOT_FOUND, script_put_text(&values, LITERAL("{other}"), &out));
    assert_fails(PS_E_INPUT, script_put_text(&values, LITERAL("a}b"), &out));
}

static void a_parameter_is_the_value_with_its_type(void **state)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO out = {.max = SCRIPT_VALUE_MAX};
    struct json_value root;

    (void)state;
    assert_ok(json_new(&json));
    assert_ok(
        json_parse(json,
                   LITERAL("{\"k\":\"{key}\",\"v\":\"{version}\",\"l\":[\"{list}\",true,7],"
                           "\"e\":{\"x\":\"{entry}\",\"y\":\"\"},\"t\":\"a {key} {version}\"}"),
                   &JSON_LIMITS_REQUEST, &root));
    assert_ok(script_put_json(&values, root, &out));
    assert_text(ps_buf_bytes(&out),
                "{\"k\":\"oidc \\\"a\\\"\",\"v\":3,\"l\":[[\"a\",2],true,7],\"e\":{\"x\":{\"p\":1},"
                "\"y\":\"\"},\"t\":\"a oidc \\\"a\\\" 3\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_step_is_read),
        cmocka_unit_test(what_is_no_script_is_refused_with_its_reason),
        cmocka_unit_test(what_is_no_question_is_refused),
        cmocka_unit_test(what_is_no_operation_is_refused),
        cmocka_unit_test(as_many_steps_as_there_may_be),
        cmocka_unit_test(a_script_that_is_too_long_is_refused),
        cmocka_unit_test(what_is_typed_becomes_json_of_its_kind),
        cmocka_unit_test(so_many_words_and_not_one_more),
        cmocka_unit_test(a_text_is_told_with_its_values),
        cmocka_unit_test(a_parameter_is_the_value_with_its_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
