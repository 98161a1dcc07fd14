#include "tests/unit/support.h"

#include "lib/ceremony/operation/keys.h"

static struct json *parser;

static int make(void **state)
{
    (void)state;
    assert_ok(json_new(&parser));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    json_free(parser);
    return 0;
}

static const struct operation_type_info batch = {.name = "batch", .about = OPERATION_ABOUT_KEY};

/* The names that are found, each with a blank behind it. */
static void check_names(const struct operation_type_info *type, const char *params,
                        const char *expected)
{
    struct operation_keys keys;
    struct json_value value;
    struct ps_bytes name;
    PS_BUF_AUTO found = {.max = 256};

    assert_ok(json_parse(parser, ps_bytes_str(params), &JSON_LIMITS_REQUEST, &value));
    keys = operation_keys(type, value);
    while (operation_keys_next(&keys, &name)) {
        ps_buf_put(&found, name);
        ps_buf_put_u8(&found, ' ');
    }
    assert_bytes(ps_buf_bytes(&found), ps_bytes_str(expected));
}

static void a_type_with_a_subject_names_one_key(void **state)
{
    const struct operation_type_info *type = operation_type_info_find(ps_bytes_str("key.create"));

    (void)state;
    check_names(type, "{\"name\":\"a\"}", "a ");
    check_names(type, "{\"name\":\"A\"}", "");
    check_names(type, "{\"name\":1}", "");
    check_names(type, "{\"keys\":[{\"name\":\"a\"}]}", "");
    check_names(type, "{}", "");
    check_names(type, "[]", "");
}

static void a_batch_names_each_of_its_list(void **state)
{
    (void)state;
    check_names(&batch, "{\"keys\":[{\"name\":\"a\"},{\"name\":\"b.c\"}]}", "a b.c ");
    check_names(&batch, "{\"keys\":[1,{},{\"name\":\"\"},{\"name\":\"b\"}]}", "b ");
    check_names(&batch, "{\"keys\":{\"name\":\"a\"}}", "");
    check_names(&batch, "{\"keys\":[]}", "");
}

static void what_is_not_about_keys_names_none(void **state)
{
    (void)state;
    check_names(operation_type_info_find(ps_bytes_str("client.register")), "{\"name\":\"a\"}", "");
    check_names(operation_type_info_find(ps_bytes_str("grant.add")), "{\"keys\":\"a\"}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_with_a_subject_names_one_key),
        cmocka_unit_test(a_batch_names_each_of_its_list),
        cmocka_unit_test(what_is_not_about_keys_names_none),
    };

    return cmocka_run_group_tests(tests, make, clear);
}
