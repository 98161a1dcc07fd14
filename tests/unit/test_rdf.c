#include "tests/unit/support.h"

#include "lib/rdf/canonicalize.h"
#include "lib/rdf/nquads.h"

static struct rdf_dataset *new_dataset(void)
{
    struct rdf_dataset *dataset = NULL;

    assert_ok(rdf_dataset_new(&RDF_LIMITS, &dataset));
    return dataset;
}

static struct rdf_dataset *parse(const char *text)
{
    struct rdf_dataset *dataset = new_dataset();

    assert_ok(rdf_parse_nquads(ps_bytes_str(text), dataset));
    return dataset;
}

/* What is written again, which is the canonical form of each quad. */
static void check_written(const char *text, const char *expected)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = parse(text);
    PS_BUF_AUTO out = {.max = 65536};

    assert_ok(rdf_put_nquads(dataset, &out));
    assert_text(ps_buf_bytes(&out), expected);
}

static void quads_are_written_in_their_canonical_form(void **state)
{
    (void)state;
    check_written("<a:s>\t<a:p><a:o>.", "<a:s> <a:p> <a:o> .\n");
    check_written(" _:x.y <a:p> \"v\"@en-GB _:g . # why", "_:x.y <a:p> \"v\"@en-GB _:g .\n");
    check_written("# only this\r\n\r\n\n", "");
    check_written("<a:s> <a:p> \"1\"^^<http://www.w3.org/2001/XMLSchema#string> .",
                  "<a:s> <a:p> \"1\" .\n");
    check_written("<a:s> <a:p> \"1\"^^<a:d> .\r\n<a:s> <a:p> \"1\"^^<a:d> .",
                  "<a:s> <a:p> \"1\"^^<a:d> .\n");
}

static void escapes_are_undone_and_written_as_the_canonical_form_says(void **state)
{
    (void)state;
    check_written("<a:\\u00e9> <a:p> \"\\'\\u0022\\u005c\\u0008\\t\\n\\f\\r\\u000b\\u007f\" .",
                  "<a:\xc3\xa9> <a:p> \"'\\\"\\\\\\b\\t\\n\\f\\r\\u000B\\u007F\" .\n");
    check_written("<a:s> <a:p> \"\\u07ff\\u0800\\uffff\\U00010000\\U0010ffff\\u0000\" .",
                  "<a:s> <a:p> \"\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"
                  "\\u0000\" .\n");
}

static void what_is_no_quad_is_an_input_error(void **state)
{
    static const char *const bad[] = {
        "<a:s> <a:p> <a:o>",
        "<a:s> <a:p> .",
        "<a:s> <a:p> <a:o> <a:g> <a:h> .",
        "<a:s> <a:p> <a:o> . <a:s> <a:p> <a:o> .",
        "<s> <a:p> <a:o> .",
        "<> <a:p> <a:o> .",
        "<1a:s> <a:p> <a:o> .",
        "<:s> <a:p> <a:o> .",
        "<a:s <a:p> <a:o> .",
        "<a:s t> <a:p> <a:o> .",
        "<a:\\u0020> <a:p> <a:o> .",
        "<a:\\n> <a:p> <a:o> .",
        "<a:\\ud800> <a:p> <a:o> .",
        "<a:\\U00110000> <a:p> <a:o> .",
        "<a:\\u12",
        "<a:\\u12g4> <a:p> <a:o> .",
        "<a:s",
        "_:s _:p <a:o> .",
        "\"s\" <a:p> <a:o> .",
        "<a:s> \"p\" <a:o> .",
        "<a:s> <a:p> <a:o> \"g\" .",
        "<a:s> <a:p> \"o .",
        "<a:s> <a:p> \"o\n\" .",
        "<a:s> <a:p> \"\\x\" .",
        "<a:s> <a:p> \"o\"@ .",
        "<a:s> <a:p> \"o\"@1 .",
        "<a:s> <a:p> \"o\"@en- .",
        "<a:s> <a:p> \"o\"^^<d> .",
        "<a:s> <a:p> \"o\"^^<> .",
        "<a:s> <a:p> \"o\"^^_:d .",
        "_: <a:p> <a:o> .",
        "_:-s <a:p> <a:o> .",
        "_:.s <a:p> <a:o> .",
        "_:\xc3\x97 <a:p> <a:o> .",
        "_s <a:p> <a:o> .",
        "_",
        "<a:s> <a:p> <a:\xff> .",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = new_dataset();
        const enum ps_err err = rdf_parse_nquads(ps_bytes_str(bad[i]), dataset);

        if (err != PS_E_INPUT) {
            fail_msg("\"%s\" gives %s", bad[i], ps_err_info(err)->name);
        }
    }
}

static void a_mistake_names_its_line(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = new_dataset();

    (void)state;
    assert_fails(PS_E_INPUT, rdf_parse_nquads(ps_bytes_str("<a:s> <a:p> <a:o> .\r\n\nx"), dataset));
    assert_string_equal(ps_detail()->text, "N-Quads: no term in line 3");
}

static void terms_outside_the_grammar_are_refused(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = new_dataset();
    struct rdf_literal literal = {.lexical = LITERAL("x"), .language = LITERAL("en us")};
    uint32_t term = 0;

    (void)state;
    assert_fails(PS_E_INPUT, rdf_dataset_add_iri(dataset, LITERAL("relative"), &term));
    assert_fails(PS_E_INPUT, rdf_dataset_add_blank(dataset, LITERAL(""), &term));
    assert_fails(PS_E_INPUT, rdf_dataset_add_blank(dataset, LITERAL("a b"), &term));
    assert_fails(PS_E_INPUT, rdf_dataset_add_blank(dataset, LITERAL("\xff"), &term));
    assert_fails(PS_E_INPUT, rdf_dataset_add_literal(dataset, &literal, &term));
    literal = (struct rdf_literal){.lexical = LITERAL("\xc0")};
    assert_fails(PS_E_INPUT, rdf_dataset_add_literal(dataset, &literal, &term));
    literal = (struct rdf_literal){
        .lexical = LITERAL("x"), .datatype = LITERAL("a:d"), .language = LITERAL("en")};
    assert_fails(PS_E_INPUT, rdf_dataset_add_literal(dataset, &literal, &term));
    assert_int_equal(term, 0);
}

static void language_tags_have_parts_of_eight_characters_at_most(void **state)
{
    (void)state;
    assert_true(rdf_language_valid(LITERAL("abcdefgh-12345678")));
    assert_false(rdf_language_valid(LITERAL("abcdefghi")));
    assert_false(rdf_language_valid(LITERAL("en-123456789")));
    assert_false(rdf_language_valid(LITERAL("a1")));
    assert_false(rdf_language_valid(LITERAL("")));
}

static void quads_and_octets_have_their_limits(void **state)
{
    const struct rdf_limits limits = {.quads = 2, .octets = 15};
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = NULL;

    (void)state;
    assert_ok(rdf_dataset_new(&limits, &dataset));
    assert_ok(rdf_parse_nquads(LITERAL("<a:s> <a:p> <a:o> .\n<a:s> <a:p> <a:p> ."), dataset));
    assert_ok(rdf_parse_nquads(LITERAL("<a:s> <a:p> <a:o> .\n"), dataset));
    assert_fails(PS_E_LIMIT, rdf_parse_nquads(LITERAL("<a:o> <a:p> <a:o> .\n"), dataset));
    assert_fails(PS_E_LIMIT, rdf_parse_nquads(LITERAL("<a:o> <a:p> _:b .\n"), dataset));
    assert_int_equal(rdf_dataset_count(dataset), 2);
}

static void check_canonical(const char *text, const char *expected)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = parse(text);
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;

    assert_ok(rdf_canonicalize(dataset, PS_SHA256, &RDF_WORK, &canonical));
    assert_text(rdf_canonical_nquads(canonical), expected);
}

static void labels_do_not_depend_on_the_labels_and_order_given(void **state)
{
    const char *expected = "<a:s> <a:p> _:c14n0 .\n<a:s> <a:p> _:c14n1 .\n_:c14n0 <a:q> \"1\" .\n"
                           "_:c14n0 <a:r> _:c14n1 .\n_:c14n1 <a:q> \"2\" .\n";

    (void)state;
    check_canonical("<a:s> <a:p> _:x .\n<a:s> <a:p> _:y .\n_:x <a:q> \"1\" .\n_:y <a:q> \"2\" .\n"
                    "_:x <a:r> _:y .\n",
                    expected);
    check_canonical("_:c14n1 <a:r> _:b .\n_:b <a:q> \"2\" .\n_:c14n1 <a:q> \"1\" .\n"
                    "<a:s> <a:p> _:b .\n<a:s> <a:p> _:c14n1 .\n",
                    expected);
    check_canonical("", "");
}

static void a_blank_node_in_no_quad_changes_nothing(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = new_dataset();
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;
    uint32_t term = 0;

    (void)state;
    for (char label = 'a'; label <= 'z'; label++) {
        assert_ok(rdf_dataset_add_blank(dataset, ps_bytes(&label, 1), &term));
    }
    assert_ok(rdf_parse_nquads(LITERAL("_:m <a:p> \"1\" .\n_:n <a:p> \"2\" ."), dataset));
    assert_ok(rdf_canonicalize(dataset, PS_SHA256, &RDF_WORK, &canonical));
    assert_text(rdf_canonical_nquads(canonical), "_:c14n0 <a:p> \"2\" .\n_:c14n1 <a:p> \"1\" .\n");
}

/* A ring of blank nodes that nothing tells apart: each leads to the next. */
static struct rdf_dataset *make_ring(unsigned count)
{
    struct rdf_dataset *dataset = new_dataset();
    PS_BUF_AUTO text = {.max = 65536};

    for (unsigned i = 0; i < count; i++) {
        ps_buf_printf(&text, "_:n%u <a:p> _:n%u .\n", i, (i + 1) % count);
    }
    assert_ok(rdf_parse_nquads(ps_buf_bytes(&text), dataset));
    return dataset;
}

static void more_nodes_in_a_row_than_the_depth_are_a_limit_error(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = make_ring(20);
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;

    (void)state;
    assert_fails(PS_E_LIMIT,
                 rdf_canonicalize(dataset, PS_SHA256, &(struct rdf_work){100000, 19}, &canonical));
    assert_null(canonical);
    assert_ok(rdf_canonicalize(dataset, PS_SHA256, &(struct rdf_work){100000, 20}, &canonical));
}

static void the_deepest_row_allowed_fits_the_stack(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = make_ring(RDF_DEPTH_MAX + 1);
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;

    (void)state;
    assert_fails(PS_E_LIMIT,
                 rdf_canonicalize(dataset, PS_SHA256, &(struct rdf_work){10000000, RDF_DEPTH_MAX},
                                  &canonical));
}

static void more_steps_than_allowed_are_a_limit_error(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = make_ring(20);
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;

    (void)state;
    assert_fails(PS_E_LIMIT,
                 rdf_canonicalize(dataset, PS_SHA256, &(struct rdf_work){100, 20}, &canonical));
    assert_null(canonical);
}

/* What is said of them with no blank node is looked at, too, whenever they are. */
static void alike_nodes_in_many_quads_take_steps_for_each(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = new_dataset();
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;
    PS_BUF_AUTO text = {.max = 1024 * 1024};

    (void)state;
    for (unsigned i = 0; i < 1600; i++) {
        ps_buf_printf(&text, "_:a <a:p> <a:%u> .\n_:b <a:p> <a:%u> .\n", i, i);
    }
    assert_ok(rdf_parse_nquads(ps_buf_bytes(&text), dataset));
    assert_fails(PS_E_LIMIT,
                 rdf_canonicalize(dataset, PS_SHA256, &(struct rdf_work){200, 20}, &canonical));
    assert_ok(rdf_canonicalize(dataset, PS_SHA256, &(struct rdf_work){202, 20}, &canonical));
}

static void put_long_iri(struct ps_buf *iri)
{
    ps_buf_put_str(iri, "a:");
    while (iri->len < 1024 * 1024) {
        ps_buf_put_str(iri, "0123456789abcdef");
    }
}

static void a_long_term_that_is_added_again_and_again_is_a_limit_error(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = new_dataset();
    PS_BUF_AUTO iri = {.max = RDF_NQUADS_MAX};
    enum ps_err err = PS_OK;
    uint32_t term = 0;
    size_t added = 0;

    (void)state;
    put_long_iri(&iri);
    while (err == PS_OK && added <= RDF_ADDED_MAX) {
        err = rdf_dataset_add_iri(dataset, ps_buf_bytes(&iri), &term);
        added += iri.len;
    }
    assert_int_equal(err, PS_E_LIMIT);
    assert_int_equal(rdf_dataset_terms(dataset), 1);
}

static void a_term_is_used_where_it_is_no_predicate(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup)
    struct rdf_dataset *dataset = parse("<a:s> <a:p> <a:o> <a:g> .");
    uint32_t term = 0;

    (void)state;
    for (const char *name = "spog"; *name != '\0'; name++) {
        const char iri[] = {'a', ':', *name};

        assert_ok(rdf_dataset_add_iri(dataset, ps_bytes(iri, sizeof iri), &term));
        assert_int_equal(rdf_dataset_is_used(dataset, term), *name != 'p');
    }
    assert_ok(rdf_dataset_add_blank(dataset, LITERAL("b"), &term));
    assert_false(rdf_dataset_is_used(dataset, term));
}

static void a_long_term_in_many_quads_is_a_limit_error(void **state)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = new_dataset();
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;
    PS_BUF_AUTO iri = {.max = RDF_NQUADS_MAX};
    struct rdf_quad quad = {0};

    (void)state;
    put_long_iri(&iri);
    assert_ok(rdf_dataset_add_iri(dataset, ps_buf_bytes(&iri), &quad.predicate));
    assert_ok(rdf_dataset_add_iri(dataset, LITERAL("a:o"), &quad.object));
    for (unsigned i = 0; i < 17; i++) {
        char label[8];

        (void)snprintf(label, sizeof label, "n%u", i);
        assert_ok(rdf_dataset_add_blank(dataset, ps_bytes_str(label), &quad.subject));
        assert_ok(rdf_dataset_add_quad(dataset, &quad));
    }
    assert_fails(PS_E_LIMIT, rdf_canonicalize(dataset, PS_SHA256, &RDF_WORK, &canonical));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quads_are_written_in_their_canonical_form),
        cmocka_unit_test(escapes_are_undone_and_written_as_the_canonical_form_says),
        cmocka_unit_test(what_is_no_quad_is_an_input_error),
        cmocka_unit_test(a_mistake_names_its_line),
        cmocka_unit_test(terms_outside_the_grammar_are_refused),
        cmocka_unit_test(language_tags_have_parts_of_eight_characters_at_most),
        cmocka_unit_test(quads_and_octets_have_their_limits),
        cmocka_unit_test(labels_do_not_depend_on_the_labels_and_order_given),
        cmocka_unit_test(a_blank_node_in_no_quad_changes_nothing),
        cmocka_unit_test(more_nodes_in_a_row_than_the_depth_are_a_limit_error),
        cmocka_unit_test(the_deepest_row_allowed_fits_the_stack),
        cmocka_unit_test(more_steps_than_allowed_are_a_limit_error),
        cmocka_unit_test(alike_nodes_in_many_quads_take_steps_for_each),
        cmocka_unit_test(a_long_term_that_is_added_again_and_again_is_a_limit_error),
        cmocka_unit_test(a_term_is_used_where_it_is_no_predicate),
        cmocka_unit_test(a_long_term_in_many_quads_is_a_limit_error),
    };

    return cmocka_run_group_tests_name("rdf", tests, NULL, NULL);
}
