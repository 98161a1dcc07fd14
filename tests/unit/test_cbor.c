#include "tests/unit/hex.h"

#include "lib/formats/cose/cbor.h"
#include "lib/formats/cose/cbor_json.h"

static enum ps_err parse(const char *text, enum cbor_order order, struct cbor_item *ret_item)
{
    return cbor_parse(hex(text), order, ret_item);
}

/* RFC 8949 appendix A, but for what is indefinite or floating. */
static void the_examples_of_rfc_8949_are_read_in_the_ordered_form(void **state)
{
    static const struct {
        const char *octets;
        enum cbor_kind kind;
        uint64_t number;
    } rows[] = {
        {"00", CBOR_UNSIGNED, 0},
        {"17", CBOR_UNSIGNED, 23},
        {"1818", CBOR_UNSIGNED, 24},
        {"1864", CBOR_UNSIGNED, 100},
        {"1903e8", CBOR_UNSIGNED, 1000},
        {"1a000f4240", CBOR_UNSIGNED, 1000000},
        {"1b000000e8d4a51000", CBOR_UNSIGNED, UINT64_C(1000000000000)},
        {"1bffffffffffffffff", CBOR_UNSIGNED, UINT64_MAX},
        {"3bffffffffffffffff", CBOR_NEGATIVE, UINT64_MAX},
        {"20", CBOR_NEGATIVE, 0},
        {"3903e7", CBOR_NEGATIVE, 999},
        {"f4", CBOR_SIMPLE, CBOR_FALSE},
        {"f6", CBOR_SIMPLE, CBOR_NULL},
        {"f0", CBOR_SIMPLE, 16},
        {"f8ff", CBOR_SIMPLE, 255},
        {"c074323031332d30332d32315432303a30343a30305a", CBOR_TAG, 0},
        {"d74401020304", CBOR_TAG, 23},
        {"d818456449455446", CBOR_TAG, 24},
        {"40", CBOR_BYTES, 0},
        {"4401020304", CBOR_BYTES, 4},
        {"60", CBOR_TEXT, 0},
        {"62c3bc", CBOR_TEXT, 2},
        {"64f0908591", CBOR_TEXT, 4},
        {"80", CBOR_ARRAY, 0},
        {"8301820203820405", CBOR_ARRAY, 3},
        {"98190102030405060708090a0b0c0d0e0f101112131415161718181819", CBOR_ARRAY, 25},
        {"a0", CBOR_MAP, 0},
        {"a201020304", CBOR_MAP, 2},
        {"a26161016162820203", CBOR_MAP, 2},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct cbor_item item;

        assert_ok(parse(rows[i].octets, CBOR_ORDERED, &item));
        assert_int_equal(item.kind, rows[i].kind);
        assert_true(item.number == rows[i].number);
        assert_hex(item.raw, rows[i].octets);
    }
}

static void every_truncation_is_an_input_error(void **state)
{
    const struct ps_bytes whole =
        hex("a301d818830118c8f50442313120781e616161616161616161616161616161"
            "616161616161616161616161616161");
    struct cbor_item item;

    (void)state;
    assert_ok(cbor_parse(whole, CBOR_ORDERED, &item));
    for (size_t len = 0; len < whole.len; len++) {
        assert_fails(PS_E_INPUT, cbor_parse(ps_bytes(whole.data, len), CBOR_ANY_ORDER, &item));
    }
}

static void what_is_not_in_the_preferred_form_is_refused_in_either_order(void **state)
{
    static const char *const wrong[] = {
        "",                   /* nothing */
        "0000",               /* something behind its end */
        "1817",               /* 23 in two octets */
        "1900ff",             /* 255 in three */
        "1a0000ffff",         /* 65535 in five */
        "1b00000000ffffffff", /* 2^32 - 1 in nine */
        "5801aa",             /* a length in two octets */
        "9800",               /* the same of an array, */
        "b800",               /* a map, */
        "d81201",             /* and a tag */
        "f817",               /* a simple value below 24 in two octets */
        "f81f",               /* and the last of the reserved ones */
        "5fff",               /* indefinite lengths */
        "7fff",
        "9fff",
        "bfff",
        "ff", /* a break alone */
        "1c", /* reserved heads */
        "fd",
        "61ff",       /* text that is not UTF-8 */
        "62c080",     /* also when it is overlong */
        "a201010102", /* a key twice */
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        struct cbor_item item;

        assert_fails(PS_E_INPUT, parse(wrong[i], CBOR_ORDERED, &item));
        assert_fails(PS_E_INPUT, parse(wrong[i], CBOR_ANY_ORDER, &item));
    }
}

static void other_order_and_floating_point_are_for_what_others_made(void **state)
{
    static const char *const loose[] = {
        "a202010100",         /* 2 before 1 */
        "a2616100200a",       /* text before a negative number */
        "a1a20201010000",     /* in a key */
        "f93c00",             /* 1.0 */
        "fb3ff199999999999a", /* 1.1 */
        "81fa47c35000",       /* inside */
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(loose); i++) {
        struct cbor_item item;

        assert_fails(PS_E_INPUT, parse(loose[i], CBOR_ORDERED, &item));
        assert_ok(parse(loose[i], CBOR_ANY_ORDER, &item));
    }
}

/* A double whose octets say 22 is no null. */
static void a_float_is_no_simple_value(void **state)
{
    struct cbor_item item;

    (void)state;
    assert_ok(parse("fb0000000000000016", CBOR_ANY_ORDER, &item));
    assert_false(cbor_is_simple(&item, CBOR_NULL));
    assert_ok(parse("f6", CBOR_ANY_ORDER, &item));
    assert_true(cbor_is_simple(&item, CBOR_NULL));
}

/* Ten octets that announce 2^29 items made libcbor 0.8 take four GiB. */
static void what_a_head_announces_is_compared_with_what_is_left(void **state)
{
    static const char *const wrong[] = {"9a20000000f6f6f6f6f6", "ba20000000f6f6f6f6f6",
                                        "5a20000000",           "7bffffffffffffffff",
                                        "9bffffffffffffffff",   "bb8000000000000000"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        struct cbor_item item;

        assert_fails(PS_E_INPUT, parse(wrong[i], CBOR_ANY_ORDER, &item));
    }
}

static void depth_has_a_limit(void **state)
{
    uint8_t octets[CBOR_DEPTH_MAX + 2];
    struct cbor_item item;

    (void)state;
    memset(octets, 0x81, sizeof octets);
    octets[CBOR_DEPTH_MAX] = 0x01;
    assert_ok(cbor_parse(ps_bytes(octets, CBOR_DEPTH_MAX + 1), CBOR_ORDERED, &item));
    octets[CBOR_DEPTH_MAX] = 0x81;
    octets[CBOR_DEPTH_MAX + 1] = 0x01;
    assert_fails(PS_E_INPUT, cbor_parse(ps_bytes(octets, sizeof octets), CBOR_ORDERED, &item));
}

static struct ps_bytes map_of(unsigned count, struct ps_buf *out)
{
    ps_buf_reset(out);
    cbor_put_head(out, CBOR_MAP, count);
    for (unsigned i = 0; i < count; i++) {
        cbor_put_integer(out, i);
        cbor_put_integer(out, 0);
    }
    assert_ok(ps_buf_status(out));
    return ps_buf_bytes(out);
}

static void a_map_in_any_order_has_a_limit_and_an_ordered_one_none(void **state)
{
    PS_BUF_AUTO out = {.max = 65536};
    struct cbor_item item;

    (void)state;
    assert_ok(cbor_parse(map_of(CBOR_UNORDERED_MAX, &out), CBOR_ANY_ORDER, &item));
    assert_fails(PS_E_INPUT,
                 cbor_parse(map_of(CBOR_UNORDERED_MAX + 1, &out), CBOR_ANY_ORDER, &item));
    assert_ok(cbor_parse(map_of(5000, &out), CBOR_ORDERED, &item));
}

static void integers_are_read_within_int64(void **state)
{
    static const struct {
        const char *octets;
        int64_t number;
    } rows[] = {{"00", 0},
                {"26", -7},
                {"390100", -257},
                {"1b7fffffffffffffff", INT64_MAX},
                {"3b7fffffffffffffff", INT64_MIN}};
    struct cbor_item item;
    int64_t number;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO out = {.max = 16};

        assert_ok(parse(rows[i].octets, CBOR_ORDERED, &item));
        assert_true(cbor_integer(&item, &number));
        assert_true(number == rows[i].number);
        cbor_put_integer(&out, number);
        assert_hex(ps_buf_bytes(&out), rows[i].octets);
    }
    assert_ok(parse("1b8000000000000000", CBOR_ORDERED, &item));
    assert_false(cbor_integer(&item, &number));
    assert_ok(parse("3b8000000000000000", CBOR_ORDERED, &item));
    assert_false(cbor_integer(&item, &number));
    assert_ok(parse("60", CBOR_ORDERED, &item));
    assert_false(cbor_integer(&item, &number));
}

static void a_key_is_found_by_its_number(void **state)
{
    struct cbor_item map;
    struct cbor_item value;

    (void)state;
    assert_ok(parse("a301182a20f56131f4", CBOR_ORDERED, &map));
    assert_true(cbor_find(&map, 1, &value));
    assert_true(value.number == 42);
    assert_true(cbor_find(&map, -1, &value));
    assert_true(cbor_is_simple(&value, CBOR_TRUE));
    assert_false(cbor_find(&map, 2, &value));
}

/* RFC 8949 section 4.2.1 has these keys, in this order. */
static void a_map_is_written_in_the_order_of_its_keys(void **state)
{
    static const char *const keys[] = {"8120", "f4",     "20",     "0a",
                                       "617a", "811864", "62616f", "1864"};
    struct cbor_pair pairs[8];
    PS_BUF_AUTO memory = {.max = 256};
    PS_BUF_AUTO out = {.max = 256};
    struct cbor_map map = {.memory = &memory, .pairs = pairs, .room = 8};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        assert_ok(cbor_map_key(&map, hex(keys[i])));
        cbor_put_integer(&memory, (int64_t)i);
    }
    assert_fails(PS_E_LIMIT, cbor_map_label(&map, 99));
    assert_ok(cbor_put_map(&map, &out));
    assert_hex(ps_buf_bytes(&out), "a80a0318640720"
                                   "02617a0462616f068118640581"
                                   "2000f401");
}

static void a_key_that_is_put_twice_is_an_input_error(void **state)
{
    struct cbor_pair pairs[4];
    PS_BUF_AUTO memory = {.max = 256};
    PS_BUF_AUTO out = {.max = 256};
    struct cbor_map map = {.memory = &memory, .pairs = pairs, .room = 4};

    (void)state;
    assert_ok(cbor_map_label(&map, 1));
    cbor_put_integer(&memory, 0);
    assert_ok(cbor_map_add_all(&map, hex("a201000200")));
    assert_fails(PS_E_INPUT, cbor_put_map(&map, &out));
    assert_fails(PS_E_INPUT, cbor_map_add_all(&map, hex("80")));
    assert_fails(PS_E_INPUT, cbor_map_add_all(&map, hex("a202000100")));
}

static enum ps_err from_json(const char *text, bool is_claims, struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    ps_buf_reset(out);
    assert_ok(json_new(&json));
    assert_ok(json_parse(json, ps_bytes_str(text), &JSON_LIMITS_REQUEST, &root));
    return cbor_put_json(root, is_claims, out);
}

static void json_becomes_a_map_in_order(void **state)
{
    static const struct {
        const char *json;
        bool is_claims;
        const char *octets;
    } rows[] = {
        {"{}", false, "a0"},
        {"{\"b\":1,\"a\":-2,\"3\":\"x\",\"-1\":null}", false, "a403617820f6616121616201"},
        {"{\"x\":[true,false,{\"10\":[]}]}", false, "a1617883f5f4a10a80"},
        {"{\"x\":1000000000000000}", false, "a161781b00038d7ea4c68000"},
        /* Not whole numbers as this writes them: names. */
        {"{\"01\":0}", false, "a162303100"},
        {"{\"-0\":0}", false, "a1622d3000"},
        {"{\"\":0}", false, "a16000"},
        {"{\"-\":0}", false, "a1612d00"},
        {"{\"1000000000000000\":0}", false, "a1703130303030303030303030303030303000"},
        /* Claims have names, and in other maps these are texts. */
        {"{\"iss\":\"a\",\"cti\":\"C3E\",\"iat\":5}", true, "a3016161060507420b71"},
        {"{\"iss\":\"a\"}", false, "a1636973736161"},
        {"{\"x\":{\"iss\":0}}", true, "a16178a16369737300"},
    };
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct cbor_item item;

        assert_ok(from_json(rows[i].json, rows[i].is_claims, &out));
        assert_hex(ps_buf_bytes(&out), rows[i].octets);
        assert_ok(cbor_parse(ps_buf_bytes(&out), CBOR_ORDERED, &item));
    }
}

static void json_that_has_no_such_map_is_an_input_error(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "1",
        "{\"x\":1.5}",
        "{\"x\":1e3}",
        "{\"x\":1000000000000001}",
        "{\"iss\":\"a\",\"1\":\"b\"}",
        "{\"cti\":\"=\"}",
        "{\"cti\":1}",
        "{\"\\u0061\":1}",
    };
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, from_json(wrong[i], true, &out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc_8949_are_read_in_the_ordered_form),
        cmocka_unit_test(every_truncation_is_an_input_error),
        cmocka_unit_test(what_is_not_in_the_preferred_form_is_refused_in_either_order),
        cmocka_unit_test(other_order_and_floating_point_are_for_what_others_made),
        cmocka_unit_test(a_float_is_no_simple_value),
        cmocka_unit_test(what_a_head_announces_is_compared_with_what_is_left),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(a_map_in_any_order_has_a_limit_and_an_ordered_one_none),
        cmocka_unit_test(integers_are_read_within_int64),
        cmocka_unit_test(a_key_is_found_by_its_number),
        cmocka_unit_test(a_map_is_written_in_the_order_of_its_keys),
        cmocka_unit_test(a_key_that_is_put_twice_is_an_input_error),
        cmocka_unit_test(json_becomes_a_map_in_order),
        cmocka_unit_test(json_that_has_no_such_map_is_an_input_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
