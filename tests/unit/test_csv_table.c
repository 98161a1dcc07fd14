#include "tests/unit/support.h"

#include "frontends/certify/providers/csv_table.h"

static void assert_person(const char *text, const char *subject, const char *expected)
{
    PS_CLEANUP(csv_table_free_cleanup) struct csv_table *table = NULL;
    PS_BUF_AUTO person = {.max = 4096};

    assert_ok(csv_table_new(ps_bytes_str(text), ps_bytes_str("sub"), &table));
    assert_ok(csv_table_put(table, ps_bytes_str(subject), &person));
    assert_text(ps_buf_bytes(&person), expected);
}

static void people_are_found_by_their_subject(void **state)
{
    (void)state;
    assert_person("sub,name\n1,Ann\n2,Bo\n", "2", "{\"sub\":\"2\",\"name\":\"Bo\"}");
    assert_person("name,sub\r\nAnn,1\r\nBo,2", "2", "{\"name\":\"Bo\",\"sub\":\"2\"}");
    assert_person("sub,\"a \"\"b\"\"\",c\n1,\"x,\ny\",\n", "1",
                  "{\"sub\":\"1\",\"a \\\"b\\\"\":\"x,\\ny\"}");
    assert_person("sub\n\"1\"\n", "1", "{\"sub\":\"1\"}");
}

static void who_is_not_there_is_not_found(void **state)
{
    PS_CLEANUP(csv_table_free_cleanup) struct csv_table *table = NULL;
    PS_BUF_AUTO person = {.max = 4096};

    (void)state;
    assert_ok(csv_table_new(ps_bytes_str("sub\n1\n"), ps_bytes_str("sub"), &table));
    assert_fails(PS_E_NOT_FOUND, csv_table_put(table, ps_bytes_str("2"), &person));
    assert_fails(PS_E_NOT_FOUND, csv_table_put(table, ps_bytes_str("sub"), &person));
}

static void mistakes_are_input_errors(void **state)
{
    static const char *const bad[] = {
        "",           "a,b\n1,2\n", "sub,\n1,2\n", "sub\n\"1\n",  "sub\n\"1\"2\n", "sub\n1\"2\n",
        "sub,a\n1\n", "sub\n1,2\n", "sub\n1\n1\n", "sub,a\n,2\n", "sub\n\xff\n",   "sub\n1\rx\n",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        struct csv_table *table = NULL;

        assert_fails(PS_E_INPUT, csv_table_new(ps_bytes_str(bad[i]), ps_bytes_str("sub"), &table));
        assert_null(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_found_by_their_subject),
        cmocka_unit_test(who_is_not_there_is_not_found),
        cmocka_unit_test(mistakes_are_input_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
