#include "tests/unit/support.h"

#include "lib/formats/pdf/syntax.h"

/* Values are what they are written with; what is no value is an error. */

static void values_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        enum pdf_kind kind;
        const char *octets; /* NULL: all of the text */
    } rows[] = {
        {"null", PDF_NULL, NULL},
        {"true", PDF_BOOL, NULL},
        {"-1.5", PDF_NUMBER, NULL},
        {".5 ", PDF_NUMBER, ".5"},
        {"12 0 R", PDF_REFERENCE, NULL},
        {"12\n0%c\nR/", PDF_REFERENCE, "12\n0%c\nR"},
        {"12 0 Rx", PDF_NUMBER, "12"},
        {"12 0 obj", PDF_NUMBER, "12"},
        {"12 65536 R", PDF_NUMBER, "12"},
        {"-12 0 R", PDF_NUMBER, "-12"},
        {"(a(b)\\)c)d", PDF_STRING, "(a(b)\\)c)"},
        {"<0A b>", PDF_STRING, NULL},
        {"/Na#20me(", PDF_NAME, "/Na#20me"},
        {"[1 [2] (]) <<>>]]", PDF_ARRAY, "[1 [2] (]) <<>>]"},
        {" %comment\n<< /A << /B 1 >> /C [>>] >>", PDF_NULL, ""},
        {"<< /A << /B 1 >> /C (>>) >>>", PDF_DICT, "<< /A << /B 1 >> /C (>>) >>"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct ps_bytes rest = ps_bytes_str(rows[i].text);
        struct pdf_value value = {.kind = PDF_NULL};
        const bool is_value = rows[i].octets == NULL || rows[i].octets[0] != '\0';

        assert_fails(is_value ? PS_OK : PS_E_INPUT, pdf_take_value(&rest, &value));
        if (is_value) {
            assert_int_equal(value.kind, rows[i].kind);
            assert_text(value.octets, rows[i].octets == NULL ? rows[i].text : rows[i].octets);
        }
    }
}

static void what_is_no_value_is_refused(void **state)
{
    static const char *const rows[] = {"",      " ",   "%",   "(",     "(()", "(\\", "<0", "<0x>",
                                       "[",     "[1",  "<<",  "<< /A", "]",   ">",   ")",  "obj",
                                       "1.2.3", "+-1", "--1", "1-",    ".",   "+",   "nul"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct ps_bytes rest = ps_bytes_str(rows[i]);
        struct pdf_value value;

        assert_fails(PS_E_INPUT, pdf_take_value(&rest, &value));
    }
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        const size_t depth = PDF_DEPTH_MAX + more;
        char text[2 * PDF_DEPTH_MAX + 3] = "";
        struct ps_bytes rest;
        struct pdf_value value;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        rest = ps_bytes(text, 2 * depth);
        assert_fails(more == 0 ? PS_OK : PS_E_INPUT, pdf_take_value(&rest, &value));
    }
}

static struct pdf_value value_of(const char *text)
{
    struct ps_bytes rest = ps_bytes_str(text);
    struct pdf_value value;

    assert_ok(pdf_take_value(&rest, &value));
    return value;
}

static void keys_are_found_however_they_are_escaped(void **state)
{
    struct pdf_value value;

    (void)state;
    assert_ok(pdf_get(value_of("<</A 1/#42 (x)/C# 0>>"), "B", &value));
    assert_text(value.octets, "(x)");
    assert_ok(pdf_get(value_of("<</A 1/B(x)>>"), "C", &value));
    assert_int_equal(value.kind, PDF_NULL);
    assert_int_equal(value.octets.len, 0);
    assert_fails(PS_E_INPUT, pdf_get(value_of("<</A 1/#41 2>>"), "A", &value));
    assert_fails(PS_E_INPUT, pdf_get(value_of("<</A>>"), "A", &value));
    assert_fails(PS_E_INPUT, pdf_get(value_of("<<(A) 1>>"), "A", &value));
    assert_fails(PS_E_INPUT, pdf_get(value_of("[/A 1]"), "A", &value));
    assert_true(pdf_name_is(value_of("/A#20#28"), "A ("));
    assert_false(pdf_name_is(value_of("/AB"), "A"));
    assert_false(pdf_name_is(value_of("/A"), "AB"));
    assert_false(pdf_name_is(value_of("(A)"), "A"));
}

static void numbers_have_limits(void **state)
{
    uint64_t number = 0;
    int64_t thousandths = 0;

    (void)state;
    assert_ok(pdf_unsigned(value_of("255"), 255, &number));
    assert_int_equal(number, 255);
    assert_fails(PS_E_INPUT, pdf_unsigned(value_of("256"), 255, &number));
    assert_fails(PS_E_INPUT,
                 pdf_unsigned(value_of("99999999999999999999999"), UINT64_MAX / 16, &number));
    assert_fails(PS_E_INPUT, pdf_unsigned(value_of("-1"), 255, &number));
    assert_fails(PS_E_INPUT, pdf_unsigned(value_of("1.0"), 255, &number));
    assert_fails(PS_E_INPUT, pdf_unsigned(value_of("(1)"), 255, &number));
    assert_ok(pdf_thousandths(value_of("-12.3456"), &thousandths));
    assert_int_equal(thousandths, -12345);
    assert_ok(pdf_thousandths(value_of("1000000"), &thousandths));
    assert_int_equal(thousandths, 1000000000);
    assert_fails(PS_E_INPUT, pdf_thousandths(value_of("1000000.001"), &thousandths));
    assert_fails(PS_E_INPUT, pdf_thousandths(value_of("99999999999999999999"), &thousandths));
    assert_fails(PS_E_INPUT, pdf_thousandths(value_of("/A"), &thousandths));
}

/* What follows a number is read again and again: no further than a reference may reach. */
static void reference_of_many_octets_is_none(void **state)
{
    char text[512];

    (void)state;
    for (int len = 255; len <= 256; len++) {
        struct pdf_value value;
        struct ps_bytes rest = ps_bytes(text, (size_t)len + 1);

        (void)snprintf(text, sizeof text, "12%*s0 R]", len - 5, "");
        assert_ok(pdf_take_value(&rest, &value));
        assert_int_equal(value.kind, len == 255 ? PDF_REFERENCE : PDF_NUMBER);
        assert_int_equal(value.octets.len, len == 255 ? 255 : 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_of_many_octets_is_none),
        cmocka_unit_test(values_are_told_apart),
        cmocka_unit_test(what_is_no_value_is_refused),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(keys_are_found_however_they_are_escaped),
        cmocka_unit_test(numbers_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
