#include "tests/unit/support.h"

#include "frontends/oidc/pages/ways.h"
#include "frontends/plugins/registry/knowledge.h"

static struct json *json;

static int set_up(void **state)
{
    (void)state;
    return json_new(&json) == PS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    json_free(json);
    return 0;
}

static void lines_are_ways(void **state)
{
    struct ps_bytes lines = ps_bytes_str("OTP\nPIN PWD\n");
    struct ps_bytes way;

    (void)state;
    assert_true(ways_next(&lines, &way));
    assert_text(way, "OTP");
    assert_true(ways_next(&lines, &way));
    assert_text(way, "PIN PWD");
    assert_false(ways_next(&lines, &way));
}

static void the_chosen_way_is_one_that_there_is(void **state)
{
    const struct ps_bytes lines = ps_bytes_str("OTP\nPIN PWD\n");
    LOGIN_AUTO login;

    (void)state;
    login_init(&login, NULL);
    assert_text(ways_chosen(&login, lines), "OTP");
    assert_ok(transaction_set(&login.transaction, TRANSACTION_WAY, ps_bytes_str("PIN PWD")));
    assert_text(ways_chosen(&login, lines), "PIN PWD");
    assert_ok(transaction_set(&login.transaction, TRANSACTION_WAY, ps_bytes_str("PIN")));
    assert_text(ways_chosen(&login, lines), "OTP");
    assert_int_equal(ways_chosen(&login, ps_bytes(NULL, 0)).len, 0);
}

static void the_registrys_form_has_its_three_fields_in_each_language(void **state)
{
    static const char *const languages_wanted[] = {"eng", "fra", "ara", "hin", "xxx"};
    struct ways_fields fields;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(languages_wanted); i++) {
        assert_ok(ways_read_fields(json, knowledge_form, languages_wanted[i], &fields));
        assert_int_equal(fields.count, 3);
        assert_text(fields.of[0].id, "policyNumber");
        assert_int_equal(fields.of[0].max_length, 64);
        assert_true(fields.of[0].is_required && !fields.of[0].is_date);
        assert_true(fields.of[2].is_date && fields.of[2].label.len != 0);
    }
    assert_text(fields.of[1].label, "Full name");
}

static void a_form_that_is_none_is_an_input_error(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"schema\":{}}",
        "{\"schema\":[1]}",
        "{\"schema\":[{\"id\":\"a\"}]}",
        "{\"schema\":[{\"id\":\"a b\",\"controlType\":\"textbox\",\"labelName\":{\"eng\":\"A\"}}]}",
        "{\"schema\":[{\"id\":\"a\",\"controlType\":\"textbox\",\"labelName\":{\"deu\":\"A\"}}]}",
        "{\"schema\":[1,2,3,4,5,6,7,8,9]}",
    };
    struct ways_fields fields;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, ways_read_fields(json, bad[i], "eng", &fields));
    }
}

static void names_of_fields_are_cut_at_their_room(void **state)
{
    char name[WAYS_NAME_MAX];
    char id[200];

    (void)state;
    memset(id, 'a', sizeof id);
    ways_name_field("kbi.", ps_bytes(id, sizeof id), name);
    assert_int_equal(strlen(name), WAYS_NAME_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_ways),
        cmocka_unit_test(the_chosen_way_is_one_that_there_is),
        cmocka_unit_test(the_registrys_form_has_its_three_fields_in_each_language),
        cmocka_unit_test(a_form_that_is_none_is_an_input_error),
        cmocka_unit_test(names_of_fields_are_cut_at_their_room),
    };

    return cmocka_run_group_tests_name("oidc_ways", tests, set_up, tear_down);
}
