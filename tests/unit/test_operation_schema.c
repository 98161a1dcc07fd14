#include "tests/unit/operation_documents.h"

#include "lib/ceremony/operation/schema.h"

/* The table of types and members: that its rows fit each other, and where their limits are. */

static struct json *json;

static int make_reader(void **state)
{
    (void)state;
    return json_new(&json) == PS_OK ? 0 : -1;
}

static int free_reader(void **state)
{
    (void)state;
    json_free(json);
    return 0;
}

/* The row of this path; it has to be there. */
static const struct param *row_of(struct params params, const char *path, size_t len)
{
    for (size_t i = 0; i < params.count; i++) {
        if (strlen(params.rows[i].path) == len && strncmp(params.rows[i].path, path, len) == 0) {
            return &params.rows[i];
        }
    }
    fail_msg("no row \"%.*s\"", (int)len, path);
    return NULL;
}

/* A row stands beneath one of the right kind. */
static void check_parent(struct params params, const struct param *param)
{
    const size_t len = strlen(param->path);
    const char *dot = strrchr(param->path, '.');

    if (len > 2 && strcmp(param->path + len - 2, "[]") == 0) {
        assert_int_equal(row_of(params, param->path, len - 2)->kind, PARAM_LIST);
    } else if (len > 2 && strcmp(param->path + len - 2, ".*") == 0) {
        assert_int_equal(row_of(params, param->path, len - 2)->kind, PARAM_MAP);
    } else if (dot != NULL) {
        assert_int_equal(row_of(params, param->path, (size_t)(dot - param->path))->kind,
                         PARAM_OBJECT);
    }
}

static void check_row(struct params params, const struct param *param)
{
    check_parent(params, param);
    assert_true(param->kind > PARAM_TYPE && param->kind < PARAM_KIND_COUNT);
    assert_true(param->max == 0 || param->min <= param->max);
    assert_true((param->kind == PARAM_CHOICE) == (param->choices != NULL));
    if (param->kind == PARAM_LIST || param->kind == PARAM_MAP) {
        assert_true(param->max != 0);
        assert_non_null(param_element(params, param));
    }
    if (param->kind == PARAM_HEX || param->kind == PARAM_OCTETS || param->kind == PARAM_GRANTED) {
        assert_true(param->max != 0 && param->max <= 160);
    }
    if (param->element != NULL) {
        assert_non_null(
            param_member(params, param_element(params, param), ps_bytes_str(param->element)));
    }
}

static void rows_fit_each_other(void **state)
{
    const struct operation_type_info *type;

    (void)state;
    for (size_t i = 0; (type = operation_type_info_at(i)) != NULL; i++) {
        const struct params params = operation_params_of(type);

        for (size_t k = 0; k < params.count; k++) {
            check_row(params, &params.rows[k]);
        }
    }
    for (size_t k = 0; k < operation_params_of_document().count; k++) {
        check_row(operation_params_of_document(), &operation_params_of_document().rows[k]);
    }
}

/* What a sentence or a subject names is a member that no document of the type is without. */
static void check_named(struct params params, const char *path, size_t len)
{
    assert_false(row_of(params, path, len)->optional);
    for (size_t i = 0; i < len; i++) {
        if (path[i] == '.') {
            const struct param *parent = row_of(params, path, i);

            assert_int_equal(parent->kind, PARAM_OBJECT);
            assert_false(parent->optional);
        }
    }
}

static void sentences_name_members_that_are_always_there(void **state)
{
    const struct operation_type_info *type;

    (void)state;
    for (size_t i = 0; (type = operation_type_info_at(i)) != NULL; i++) {
        const struct params params = operation_params_of(type);
        const char *at = type->sentence;

        if (type->subject != NULL) {
            check_named(params, type->subject, strlen(type->subject));
        }
        while ((at = strchr(at, '{')) != NULL) {
            const size_t len = strcspn(++at, "}");

            assert_true(at[len] == '}');
            check_named(params, at, len);
        }
    }
}

static void types_are_sorted_and_have_a_class(void **state)
{
    const struct operation_type_info *type;
    const char *before = "";

    (void)state;
    for (size_t i = 0; (type = operation_type_info_at(i)) != NULL; i++) {
        assert_true(strcmp(before, type->name) < 0);
        before = type->name;
        assert_ptr_equal(operation_type_info_find(ps_bytes_str(type->name)), type);
        assert_non_null(operation_class_text(type->class));
        assert_true(strlen(operation_about_name(type->about)) > 2);
    }
    assert_null(operation_type_info_find(LITERAL("key")));
    assert_null(operation_type_info_find(LITERAL("")));
}

/* --- Limits --- */

static enum ps_err check_params(const char *type, const char *text)
{
    struct json_value root;

    assert_ok(json_parse(json, ps_bytes_str(text), &JSON_LIMITS_REQUEST, &root));
    return operation_params_check(operation_type_info_find(ps_bytes_str(type)), root);
}

static void a_list_has_a_limit(void **state)
{
    char text[512];
    size_t len = 0;

    (void)state;
    for (unsigned count = 0; count <= 17; count++) {
        char params[1024];

        (void)snprintf(params, sizeof params,
                       "{\"issuer\":\"\",\"listener\":\"both\",\"name\":\"n\",\"pins\":[],"
                       "\"san\":\"\",\"uids\":[%.*s]}",
                       (int)len, text);
        assert_int_equal(check_params("client.register", params), count <= 16 ? PS_OK : PS_E_INPUT);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\"%u\"", count == 0 ? "" : ",",
                                count);
    }
}

static void a_list_that_must_not_be_empty_is_not(void **state)
{
    static const char format[] =
        "{\"deciders\":[%s],\"decision\":\"d\",\"expected\":\"e\",\"happened\":\"h\"}";
    char params[256];

    (void)state;
    (void)snprintf(params, sizeof params, format, "\"alice\"");
    assert_ok(check_params("exception", params));
    (void)snprintf(params, sizeof params, format, "");
    assert_fails(PS_E_INPUT, check_params("exception", params));
    (void)snprintf(params, sizeof params, format, "\"\"");
    assert_fails(PS_E_INPUT, check_params("exception", params));
}

static void a_number_has_its_bounds(void **state)
{
    static const struct {
        const char *number;
        enum ps_err err;
    } rows[] = {
        {"0", PS_OK},
        {"9", PS_OK},
        {"9999999999999999", PS_OK},
        {"10000000000000000", PS_E_INPUT},
        {"01", PS_E_INPUT},
        {"", PS_E_INPUT},
        {"+1", PS_E_INPUT},
        {" 1", PS_E_INPUT},
        {"1.0", PS_E_INPUT},
        {"0x1", PS_E_INPUT},
    };
    char params[128];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        (void)snprintf(params, sizeof params, "{\"keys\":[],\"max_age_s\":\"%s\",\"name\":\"n\"}",
                       rows[i].number);
        assert_int_equal(check_params("set.put", params), rows[i].err);
    }
}

static void a_label_has_a_name_that_can_be_read(void **state)
{
    static const struct {
        const char *from;
        enum ps_err err;
    } rows[] = {
        {"{\"a b\":\"x\"}", PS_OK},
        {"{\"\":\"x\"}", PS_E_INPUT},
        {"{\"a\xc3\xb6\":\"x\"}", PS_E_INPUT},
        {"{\"0123456789012345678901234567890123456789012345678901234567890123\":\"x\"}", PS_OK},
        {"{\"01234567890123456789012345678901234567890123456789012345678901234\":\"x\"}",
         PS_E_INPUT},
        {"{\"a\":{}}", PS_E_INPUT},
        {"[]", PS_E_INPUT},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct operation_document document;
        char labels[160];
        PS_BUF_AUTO text;

        read_document("key.create", &text);
        replace(&text,
                "\"labels\":{\"owner\":\"ID issuance\",\"room\":\"B \\\"2\\\" gr\xc3\xb6\xc3\x9f"
                "er\"}",
                "\"labels\":{}");
        (void)snprintf(labels, sizeof labels, "\"labels\":%s", rows[i].from);
        replace(&text, "\"labels\":{}", labels);
        if (operation_document_parse(json, ps_buf_bytes(&text), &document) != rows[i].err) {
            fail_msg("%s", rows[i].from);
        }
    }
}

static void params_of_another_type_are_refused(void **state)
{
    (void)state;
    assert_ok(check_params("set.remove", "{\"set\":\"a\"}"));
    assert_fails(PS_E_INPUT, check_params("client.remove", "{\"set\":\"a\"}"));
    assert_ok(check_params("appliance.lock", "{}"));
    assert_fails(PS_E_INPUT, check_params("appliance.lock", "{\"set\":\"a\"}"));
    assert_fails(PS_E_INPUT, check_params("appliance.lock", "[]"));
    assert_fails(PS_E_INPUT, check_params("set.remove", "{}"));
}

static void an_unknown_name_is_repeated_only_if_it_shows(void **state)
{
    (void)state;
    assert_fails(PS_E_INPUT, check_params("appliance.lock", "{\"set\":\"a\"}"));
    assert_string_equal(ps_detail()->text, "unknown member \"params.set\"");
    assert_fails(PS_E_INPUT, check_params("appliance.lock", "{\"\xe2\x80\xae\":\"a\"}"));
    assert_string_equal(ps_detail()->text, "unknown member \"params....\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_fit_each_other),
        cmocka_unit_test(sentences_name_members_that_are_always_there),
        cmocka_unit_test(types_are_sorted_and_have_a_class),
        cmocka_unit_test(a_list_has_a_limit),
        cmocka_unit_test(a_list_that_must_not_be_empty_is_not),
        cmocka_unit_test(a_number_has_its_bounds),
        cmocka_unit_test(a_label_has_a_name_that_can_be_read),
        cmocka_unit_test(params_of_another_type_are_refused),
        cmocka_unit_test(an_unknown_name_is_repeated_only_if_it_shows),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
