#include "tests/unit/vectors.h"

struct request {
    struct ps_bytes key;
    struct ps_bytes title;
    struct ps_bytes payload;
    struct json_value header;
    struct json_value items;
    struct json_value any;
    uint32_t ttl_s;
    uint64_t when;
    bool dry;
};

static const struct json_field fields[] = {
    JSON_FIELD(struct request, key, JSON_KIND_NAME, true, 8),
    JSON_FIELD(struct request, title, JSON_KIND_STRING, false, 5),
    JSON_FIELD(struct request, payload, JSON_KIND_OCTETS, false, 4),
    JSON_FIELD(struct request, header, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct request, items, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct request, any, JSON_KIND_ANY, false, 0),
    JSON_FIELD(struct request, ttl_s, JSON_KIND_U32, false, 600),
    JSON_FIELD(struct request, when, JSON_KIND_U64, false, 0),
    JSON_FIELD(struct request, dry, JSON_KIND_BOOL, false, 0),
};

static enum ps_err read_request(const char *text, struct request *ret_request, uint64_t *seen)
{
    struct json_value root;

    assert_ok(json_parse(json, ps_bytes_str(text), &JSON_LIMITS_REQUEST, &root));
    return json_read_object(root, fields, PS_COUNT_OF(fields), ret_request, seen);
}

static void every_kind_is_read(void **state)
{
    struct request request = {.ttl_s = 7};
    uint64_t seen;

    (void)state;
    assert_ok(read_request("{\"dry\":true,\"when\":1000000000000000,\"any\":null,\"items\":[1],"
                           "\"header\":{\"a\":1},\"payload\":\"AQIDBA\",\"title\":\"\\u00e9abc\","
                           "\"key\":\"k.1\"}",
                           &request, &seen));
    assert_text(request.key, "k.1");
    assert_text(request.title, "\xc3\xa9"
                               "abc");
    assert_bytes(request.payload, LITERAL("\1\2\3\4"));
    assert_text(json_raw(request.header), "{\"a\":1}");
    assert_text(json_raw(request.items), "[1]");
    assert_text(json_raw(request.any), "null");
    assert_true(request.when == UINT64_C(1000000000000000));
    assert_true(request.dry);
    assert_int_equal(request.ttl_s, 7);
    assert_int_equal(seen, 0x1bf);
}

static void member_errors_name_the_member(void **state)
{
    static const char *const wrong[] = {
        "{\"key\":\"k\",\"ttl_s\":601}",  "{\"key\":\"k\",\"ttl_s\":-1}",
        "{\"key\":\"k\",\"ttl_s\":1.5}",  "{\"key\":\"k\",\"ttl_s\":\"5\"}",
        "{\"key\":\"k\",\"ttl_s\":null}", "{\"key\":\"k\",\"ttl_s\":5000000000}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        struct request request = {0};

        assert_fails(PS_E_INPUT, read_request(wrong[i], &request, NULL));
        assert_non_null(strstr(ps_detail()->text, "\"ttl_s\""));
    }
}

static void types_and_limits_hold(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"title\":\"x\"}",
        "{\"key\":\"k\",\"extra\":1}",
        "{\"key\":\"k\",\"Key\":\"k\"}",
        "{\"key\":\"k\",\"key\\u0000\":\"k\"}",
        "{\"key\":\"K\"}",
        "{\"key\":\"\"}",
        "{\"key\":\"123456789\"}",
        "{\"key\":5}",
        "{\"key\":\"k\",\"title\":\"123456\"}",
        "{\"key\":\"k\",\"title\":\"a\\u0000b\"}",
        "{\"key\":\"k\",\"title\":[]}",
        "{\"key\":\"k\",\"payload\":\"AQIDBAU\"}",
        "{\"key\":\"k\",\"payload\":\"AQ==\"}",
        "{\"key\":\"k\",\"payload\":\"AR\"}",
        "{\"key\":\"k\",\"payload\":\"A\"}",
        "{\"key\":\"k\",\"payload\":\"A+/A\"}",
        "{\"key\":\"k\",\"payload\":1}",
        "{\"key\":\"k\",\"header\":[]}",
        "{\"key\":\"k\",\"items\":{}}",
        "{\"key\":\"k\",\"when\":1000000000000001}",
        "{\"key\":\"k\",\"dry\":1}",
        "{\"key\":\"k\",\"dry\":\"true\"}",
        "[]",
        "\"key\"",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        struct request request = {0};

        assert_fails(PS_E_INPUT, read_request(wrong[i], &request, NULL));
    }
}

static void limits_are_reached_and_not_passed(void **state)
{
    struct request request = {0};

    (void)state;
    assert_ok(read_request("{\"key\":\"12345678\",\"title\":\"12345\",\"payload\":\"AQIDBA\","
                           "\"ttl_s\":600}",
                           &request, NULL));
    assert_int_equal(request.ttl_s, 600);
    assert_ok(read_request("{\"key\":\"k\",\"payload\":\"\",\"title\":\"\"}", &request, NULL));
    assert_int_equal(request.payload.len, 0);
}

static void escaped_names_and_octets_are_undone_first(void **state)
{
    struct request request = {0};

    (void)state;
    assert_ok(
        read_request("{\"k\\u0065y\":\"\\u006b\",\"payload\":\"\\u0041QI\"}", &request, NULL));
    assert_text(request.key, "k");
    assert_bytes(request.payload, LITERAL("\1\2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(member_errors_name_the_member),
        cmocka_unit_test(types_and_limits_hold),
        cmocka_unit_test(limits_are_reached_and_not_passed),
        cmocka_unit_test(escaped_names_and_octets_are_undone_first),
    };

    return cmocka_run_group_tests_name("json_schema", tests, make_reader, free_reader);
}
