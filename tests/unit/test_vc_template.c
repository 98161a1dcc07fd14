#include "tests/unit/support.h"

#include "frontends/certify/vc_template.h"

static const char data[] = "{\"name\":\"Ann \\\"é\\\"\",\"age\":41,\"ok\":true,\"none\":null,"
                           "\"list\":[1,{\"a\":2}],\"address\":{\"city\":\"Fez\"},"
                           "\"a.b\":\"dotted\"}";

static const struct json_limits limits = {65536, 16, 1000, false};

static enum ps_err render(const char *text, struct ps_buf *out)
{
    const struct template_variable variables[] = {{"_id", ps_bytes_str("urn:x")},
                                                  {"age2", ps_bytes_str("\"}")}};
    struct template_values values = {.variables = variables, .count = 2};
    PS_CLEANUP(json_free_cleanup) struct json *of_data = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    assert_ok(json_new(&of_data));
    assert_ok(json_new(&json));
    assert_ok(json_parse(of_data, ps_bytes_str(data), &limits, &values.data));
    assert_ok(json_parse(json, ps_bytes_str(text), &limits, &root));
    PS_TRY(vc_template_check(root));
    return vc_template_render(root, &values, out);
}

static const struct {
    const char *template;
    const char *result;
} rows[] = {
    {"{}", "{}"},
    {"[\"plain\", 1, null, true, \"$5 {x}\"]", "[\"plain\",1,null,true,\"$5 {x}\"]"},
    {"{\"a\":\"${name}\"}", "{\"a\":\"Ann \\\"é\\\"\"}"},
    {"{\"a\":\"${age}\",\"b\":\"${ok}\",\"c\":\"${list}\"}",
     "{\"a\":41,\"b\":true,\"c\":[1,{\"a\":2}]}"},
    {"[\"${age} years, ${ok}: ${name}!\"]", "[\"41 years, true: Ann \\\"é\\\"!\"]"},
    {"[\"${address.city}\",\"${a.b}\",\"${_id}\"]", "[\"Fez\",\"dotted\",\"urn:x\"]"},
    {"[\"${age2}\",\"<${age2}>\"]", "[\"\\\"}\",\"<\\\"}>\"]"},
    {"{\"a\":\"$!{nothing}\",\"b\":1,\"c\":\"$!{none}\",\"d\":[\"$!{x}\",2,\"$!{y}\"]}",
     "{\"b\":1,\"d\":[2]}"},
    {"{\"a\":\"$!{age}\",\"b\":\"$!{nothing}\"}", "{\"a\":41}"},
    {"{\"${name}\":1}", "{\"${name}\":1}"},
};

static void slots_become_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO out = {.max = 4096};

        assert_ok(render(rows[i].template, &out));
        assert_text(ps_buf_bytes(&out), rows[i].result);
    }
}

static void what_is_not_there_or_does_not_fit_is_an_error(void **state)
{
    static const struct {
        const char *template;
        enum ps_err err;
    } bad[] = {
        {"[\"${nothing}\"]", PS_E_NOT_FOUND},
        {"[\"${none}\"]", PS_E_NOT_FOUND},
        {"[\"a ${nothing}\"]", PS_E_NOT_FOUND},
        {"[\"${address.street}\"]", PS_E_NOT_FOUND},
        {"[\"${name.x}\"]", PS_E_NOT_FOUND},
        {"[\"${.}\"]", PS_E_NOT_FOUND},
        {"[\"${.name}\"]", PS_E_NOT_FOUND},
        {"[\"${address.}\"]", PS_E_NOT_FOUND},
        {"[\"a ${list}\"]", PS_E_INPUT},
        {"[\"a ${address}\"]", PS_E_INPUT},
        {"[\"${\"]", PS_E_INPUT},
        {"[\"${}\"]", PS_E_INPUT},
        {"[\"${a b}\"]", PS_E_INPUT},
        {"[\"${name\"]", PS_E_INPUT},
        {"{\"a\":{\"b\":[\"$!{x} \"]}}", PS_E_INPUT},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        PS_BUF_AUTO out = {.max = 4096};

        assert_fails(bad[i].err, render(bad[i].template, &out));
    }
}

static void more_than_there_is_room_for_is_a_limit(void **state)
{
    PS_BUF_AUTO out = {.max = 20};

    (void)state;
    assert_ok(render("[\"${age}\"]", &out));
    assert_fails(PS_E_LIMIT, render("[\"${age}\",\"${list}\",\"${name}\"]", &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_become_values),
        cmocka_unit_test(what_is_not_there_or_does_not_fit_is_an_error),
        cmocka_unit_test(more_than_there_is_room_for_is_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
