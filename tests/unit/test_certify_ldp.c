#include "tests/unit/support.h"

#include "frontends/certify/configuration_ldp.h"
#include "frontends/certify/contexts.h"
#include "frontends/certify/credential_definition.h"

static const struct json_limits limits = {65536, 16, 1000, false};

static enum ps_err put(const char *contexts, const char *types, struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *json_c = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *json_t = NULL;
    struct json_value c;
    struct json_value t;

    assert_ok(json_new(&json_c));
    assert_ok(json_new(&json_t));
    assert_ok(json_parse(json_c, ps_bytes_str(contexts), &limits, &c));
    assert_ok(json_parse(json_t, ps_bytes_str(types), &limits, &t));
    return credential_definition_put(c, t, out);
}

static void the_same_sets_are_the_same_and_others_are_not(void **state)
{
    static const struct {
        const char *contexts;
        const char *types;
        bool same;
    } rows[] = {
        {"[\"a\",\"b\"]", "[\"x\",\"y\"]", true},
        {"[\"b\",\"a\"]", "[\"y\",\"\\u0078\"]", true},
        {"[\"a\"]", "[\"x\",\"y\"]", false},
        {"[\"a\",\"b\",\"c\"]", "[\"x\",\"y\"]", false},
        {"[\"x\",\"y\"]", "[\"a\",\"b\"]", false},
        {"[\"a\\\"\\\"b\"]", "[\"x\",\"y\"]", false},
        {"[\"a\",\"b\"]", "[\"x\\\" \\\"y\"]", false},
    };
    PS_BUF_AUTO first = {.max = 4096};

    (void)state;
    assert_ok(put(rows[0].contexts, rows[0].types, &first));
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO made = {.max = 4096};

        assert_ok(put(rows[i].contexts, rows[i].types, &made));
        assert_int_equal(ps_bytes_equal(ps_buf_bytes(&made), ps_buf_bytes(&first)), rows[i].same);
    }
}

static void what_is_no_set_of_names_is_refused(void **state)
{
    static const char *const bad[] = {"[]", "{}", "\"a\"", "[1]", "[[\"a\"]]", "[\"a\",\"a\"]"};
    PS_BUF_AUTO many = {.max = 4096};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        PS_BUF_AUTO out = {.max = 4096};

        assert_fails(PS_E_INPUT, put(bad[i], "[\"a\"]", &out));
        assert_fails(PS_E_INPUT, put("[\"a\"]", bad[i], &out));
    }
    for (unsigned i = 0; i < CREDENTIAL_NAMES_MAX; i++) {
        ps_buf_printf(&many, "%s\"%u\"", i == 0 ? "[" : ",", i);
    }
    ps_buf_put_str(&many, "]");
    ps_buf_put_u8(&many, '\0');
    {
        PS_BUF_AUTO out = {.max = 4096};

        assert_ok(put((const char *)many.data, "[\"a\"]", &out));
        many.len -= 2;
        ps_buf_put_str(&many, ",\"more\"]");
        ps_buf_put_u8(&many, '\0');
        assert_fails(PS_E_INPUT, put((const char *)many.data, "[\"a\"]", &out));
    }
}

static void a_context_within_a_document_is_refused(void **state)
{
    static const struct {
        const char *document;
        enum ps_err err;
    } rows[] = {
        {"{}", PS_OK},
        {"{\"@context\":[\"urn:a\"],\"a\":{\"context\":[{\"b\":\"@context\"}]}}", PS_OK},
        {"{\"@context\":[\"urn:a\"],\"a\":{\"@context\":null}}", PS_E_INPUT},
        {"{\"@context\":[\"urn:a\"],\"a\":{\"\\u0040context\":{}}}", PS_E_INPUT},
        {"{\"a\":[[1,{\"b\":{\"c\":1,\"@context\":\"urn:a\"}}]]}", PS_E_INPUT},
    };
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value document;

    (void)state;
    assert_ok(json_new(&json));
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_ok(json_parse(json, ps_bytes_str(rows[i].document), &limits, &document));
        assert_int_equal(ldp_check_inner_contexts(document), rows[i].err);
    }
}

#define HASH                   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ENTRY(iri, file, hash) "{\"iri\":\"" iri "\",\"file\":\"" file "\",\"sha256\":\"" hash "\"}"

static enum ps_err parse(const char *text, size_t *ret_count)
{
    static struct contexts_entry entries[CONTEXTS_MAX];
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;

    assert_ok(json_new(&json));
    return contexts_parse(ps_bytes_str(text), json, entries, ret_count);
}

static void a_list_of_contexts_names_files_beside_it(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"contexts\":{}}",
        "{\"contexts\":[],\"more\":1}",
        "{\"contexts\":[1]}",
        "{\"contexts\":[{}]}",
        "{\"contexts\":[" ENTRY("urn:a", "", HASH) "]}",
        "{\"contexts\":[" ENTRY("urn:a", "/a", HASH) "]}",
        "{\"contexts\":[" ENTRY("urn:a", "..", HASH) "]}",
        "{\"contexts\":[" ENTRY("urn:a", "a\\u0000", HASH) "]}",
        "{\"contexts\":[" ENTRY("urn:a", "a", "") "]}",
        "{\"contexts\":[" ENTRY("urn:a", "a", "0g") "]}",
        "{\"contexts\":[" ENTRY("urn:a", "a", HASH "00") "]}",
    };
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, parse(bad[i], &count));
        assert_int_equal(count, 0);
    }
    assert_ok(parse("{\"contexts\":[" ENTRY("urn:a", "a.json", HASH) "]}", &count));
    assert_int_equal(count, 1);
}

static void too_many_contexts_are_refused(void **state)
{
    PS_BUF_AUTO text = {.max = CONTEXTS_LIST_MAX};
    size_t count = 0;

    (void)state;
    ps_buf_put_str(&text, "{\"contexts\":[" ENTRY("urn:a", "a", HASH));
    for (unsigned i = 1; i <= CONTEXTS_MAX; i++) {
        ps_buf_put_str(&text, "," ENTRY("urn:a", "a", HASH));
    }
    ps_buf_put_str(&text, "]}");
    ps_buf_put_u8(&text, '\0');
    assert_fails(PS_E_LIMIT, parse((const char *)text.data, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_sets_are_the_same_and_others_are_not),
        cmocka_unit_test(what_is_no_set_of_names_is_refused),
        cmocka_unit_test(a_context_within_a_document_is_refused),
        cmocka_unit_test(a_list_of_contexts_names_files_beside_it),
        cmocka_unit_test(too_many_contexts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
