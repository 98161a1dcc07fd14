#include "tests/unit/support.h"

#include "lib/jsonld/iri.h"

static void check(const char *base, const char *reference, const char *expected)
{
    struct arena arena;
    struct ps_bytes iri = {0};

    arena_init(&arena, 65536);
    assert_ok(iri_resolve(&arena, ps_bytes_str(base), ps_bytes_str(reference), &iri));
    assert_text(iri, expected);
    arena_clear(&arena);
}

/* RFC 3986 sections 5.4.1 and 5.4.2: all of them. */
static void the_examples_of_rfc_3986_hold(void **state)
{
    static const char *const examples[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y#s"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/./x", "http://a/b/c/g#s/./x"},
        {"g#s/../x", "http://a/b/c/g#s/../x"},
        {"http:g", "http:g"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(examples); i++) {
        check("http://a/b/c/d;p?q", examples[i][0], examples[i][1]);
    }
}

static void bases_of_other_forms_are_resolved_against(void **state)
{
    (void)state;
    check("http://a", "g", "http://a/g");
    check("http://a?q", "g", "http://a/g");
    check("file:///a/b", "c", "file:///a/c");
    check("tag:example", "a", "tag:a");
    check("urn:x:y", "", "urn:x:y");
    check("http://a/b#f", "", "http://a/b");
    check("http://a/b/c/d", "x\xc3\xa9", "http://a/b/c/x\xc3\xa9");
}

static void a_scheme_makes_an_iri(void **state)
{
    (void)state;
    assert_true(iri_has_scheme(LITERAL("a:")));
    assert_true(iri_has_scheme(LITERAL("A1+-.:x")));
    assert_false(iri_has_scheme(LITERAL(":a")));
    assert_false(iri_has_scheme(LITERAL("1a:")));
    assert_false(iri_has_scheme(LITERAL("a/b:c")));
    assert_false(iri_has_scheme(LITERAL("a")));
    assert_false(iri_has_scheme(LITERAL("")));
    assert_true(iri_is_well_formed(LITERAL("a:b#c")));
    assert_false(iri_is_well_formed(LITERAL("a:b#c#d")));
    assert_false(iri_is_well_formed(LITERAL("a:b c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc_3986_hold),
        cmocka_unit_test(bases_of_other_forms_are_resolved_against),
        cmocka_unit_test(a_scheme_makes_an_iri),
    };

    return cmocka_run_group_tests_name("jsonld_iri", tests, NULL, NULL);
}
