#include "tests/unit/support.h"

#include "lib/jsonld/canonical_hash.h"
#include "lib/jsonld/jsonld.h"
#include "lib/rdf/nquads.h"

static struct jsonld_contexts *contexts;

static enum ps_err add_context(const char *iri, const char *text)
{
    uint8_t digest[PS_SHA256_LEN];

    ps_sha256(ps_bytes_str(text), digest);
    return jsonld_contexts_add(contexts, ps_bytes_str(iri), ps_bytes_str(text), digest);
}

static int make_contexts(void **state)
{
    (void)state;
    assert_ok(jsonld_contexts_new(&contexts));
    assert_ok(
        add_context("https://c.example/person",
                    "{\"@context\": {\"@protected\": true, \"id\": \"@id\", \"type\": \"@type\","
                    "\"Person\": {\"@id\": \"https://v.example/Person\", \"@context\":"
                    "{\"name\": \"https://v.example/name\"}}}}"));
    /* Two that include each other, and one that would be a million at the end. */
    assert_ok(add_context("https://c.example/ping", "{\"@context\": \"https://c.example/pong\"}"));
    assert_ok(add_context("https://c.example/pong", "{\"@context\": \"https://c.example/ping\"}"));
    assert_ok(
        add_context("https://c.example/6", "{\"@context\": {\"a\": \"https://v.example/a\"}}"));
    for (int i = 5; i >= 0; i--) {
        PS_BUF_AUTO text = {.max = 4096};
        char iri[64];

        ps_buf_put_str(&text, "{\"@context\": [");
        for (int j = 0; j < 10; j++) {
            ps_buf_printf(&text, "%s\"https://c.example/%d\"", j == 0 ? "" : ",", i + 1);
        }
        ps_buf_put_str(&text, "]}");
        ps_buf_put_u8(&text, '\0');
        (void)snprintf(iri, sizeof iri, "https://c.example/%d", i);
        assert_ok(add_context(iri, (const char *)text.data));
    }
    return 0;
}

static int free_contexts(void **state)
{
    (void)state;
    jsonld_contexts_free(contexts);
    return 0;
}

static struct jsonld_options options(bool lossy)
{
    return (struct jsonld_options){.limits = JSONLD_LIMITS, .contexts = contexts, .lossy = lossy};
}

static enum ps_err convert(const char *document, const struct jsonld_options *how,
                           struct ps_buf *out)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = NULL;
    enum ps_err err;

    assert_ok(rdf_dataset_new(&RDF_LIMITS, &dataset));
    err = jsonld_to_rdf(ps_bytes_str(document), how, dataset);
    if (err == PS_OK) {
        ps_buf_reset(out);
        assert_ok(rdf_put_nquads(dataset, out));
    }
    return err;
}

static void check_quads(const char *document, const char *expected)
{
    const struct jsonld_options how = options(false);
    PS_BUF_AUTO out = {.max = 65536};

    assert_ok(convert(document, &how, &out));
    assert_text(ps_buf_bytes(&out), expected);
}

static void check_error(enum ps_err expected, const char *document, const char *text)
{
    const struct jsonld_options how = options(true);
    PS_BUF_AUTO out = {.max = 65536};

    if (convert(document, &how, &out) != expected || strstr(ps_detail()->text, text) == NULL) {
        fail_msg("%.200s\n  says \"%s\", not \"%s\"", document, ps_detail()->text, text);
    }
}

static void a_document_with_a_given_context_becomes_quads(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        check_quads("{\"@context\": \"https://c.example/person\", \"id\": \"did:example:1\","
                    "\"type\": \"Person\", \"name\": \"A\"}",
                    "<did:example:1> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
                    "<https://v.example/Person> .\n"
                    "<did:example:1> <https://v.example/name> \"A\" .\n");
    }
}

static void lists_of_lists_are_kept_apart(void **state)
{
    (void)state;
    check_quads("{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@list\"}},"
                "\"@id\": \"a:s\", \"p\": [[]]}",
                "_:b0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#first> "
                "<http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> .\n"
                "_:b0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> "
                "<http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> .\n"
                "<a:s> <a:p> _:b0 .\n");
    check_quads("{\"@id\": \"a:s\", \"a:p\": {\"@list\": []}}",
                "<a:s> <a:p> <http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> .\n");
}

/* As the standard was corrected: it ended there before. */
static void a_reverse_term_has_a_type_and_a_context_too(void **state)
{
    (void)state;
    check_quads(
        "{\"@context\": {\"r\": {\"@reverse\": \"a:r\", \"@type\": \"@id\", \"@context\":"
        "{\"q\": \"a:q\"}}}, \"@id\": \"a:s\", \"r\": [\"a:x\", {\"@id\": \"a:y\", \"q\": \"1\"}]}",
        "<a:x> <a:r> <a:s> .\n<a:y> <a:q> \"1\" .\n<a:y> <a:r> <a:s> .\n");
    check_error(PS_E_INPUT, "{\"@context\": {\"r\": {\"@reverse\": \"a:r\", \"unknown\": 1}}}",
                "invalid term definition");
}

static void a_mistake_in_a_scoped_context_is_named(void **state)
{
    (void)state;
    check_error(PS_E_INPUT,
                "{\"@context\": {\"t\": {\"@id\": \"a:t\", \"@context\": {\"u\": {\"@id\": 1}}}}}",
                "invalid scoped context: \"t\" (JSON-LD: invalid IRI mapping: \"u\")");
}

static void numbers_and_json_have_their_canonical_forms(void **state)
{
    (void)state;
    check_quads("{\"@id\": \"a:s\", \"a:p\": [1, -0, 1.50, 1e21, true]}",
                "<a:s> <a:p> \"1\"^^<http://www.w3.org/2001/XMLSchema#integer> .\n"
                "<a:s> <a:p> \"0\"^^<http://www.w3.org/2001/XMLSchema#integer> .\n"
                "<a:s> <a:p> \"1.5E0\"^^<http://www.w3.org/2001/XMLSchema#double> .\n"
                "<a:s> <a:p> \"1.0E21\"^^<http://www.w3.org/2001/XMLSchema#double> .\n"
                "<a:s> <a:p> \"true\"^^<http://www.w3.org/2001/XMLSchema#boolean> .\n");
    /* U+10000 sorts before U+E000: by UTF-16 code units. */
    check_quads("{\"@id\": \"a:s\", \"a:p\": {\"@type\": \"@json\", \"@value\":"
                "{\"\\ue000\": 1.0, \"\\ud800\\udc00\": [null, 1E30, 0.000001, 1e-7]}}}",
                "<a:s> <a:p> \"{\\\"\xf0\x90\x80\x80\\\":[null,1e+30,0.000001,1e-7],"
                "\\\"\xee\x80\x80\\\":1}\"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON> .\n");
}

static void contexts_are_what_their_hash_says(void **state)
{
    const uint8_t other[PS_SHA256_LEN] = {1};

    (void)state;
    assert_fails(PS_E_INPUT, jsonld_contexts_add(contexts, LITERAL("https://c.example/x"),
                                                 LITERAL("{\"@context\": {}}"), other));
    assert_fails(PS_E_INPUT, add_context("https://c.example/x", "{\"context\": {}}"));
    assert_fails(PS_E_INPUT, add_context("https://c.example/x", "[]"));
    assert_fails(PS_E_INPUT, add_context("https://c.example/x", "{"));
    assert_fails(PS_E_INPUT, add_context("relative", "{\"@context\": {}}"));
    assert_fails(PS_E_CONFLICT, add_context("https://c.example/person", "{\"@context\": {}}"));
    check_error(PS_E_NOT_FOUND, "{\"@context\": \"https://c.example/x\"}",
                "loading remote context failed: \"https://c.example/x\"");
}

static void no_contexts_at_all_are_fine(void **state)
{
    const struct jsonld_options how = {.limits = JSONLD_LIMITS};
    PS_BUF_AUTO out = {.max = 65536};

    (void)state;
    assert_ok(convert("{\"@id\": \"a:s\", \"a:p\": \"o\"}", &how, &out));
    assert_text(ps_buf_bytes(&out), "<a:s> <a:p> \"o\" .\n");
    assert_fails(PS_E_NOT_FOUND, convert("{\"@context\": \"a:c\"}", &how, &out));
}

/* A signature over RDF would not cover any of these. */
static void check_left_out(const char *const *documents, size_t count)
{
    const struct jsonld_options strict = options(false);
    const struct jsonld_options lossy = options(true);
    PS_BUF_AUTO out = {.max = 65536};

    for (size_t i = 0; i < count; i++) {
        const enum ps_err err = convert(documents[i], &strict, &out);

        if (err != PS_E_INPUT || strstr(ps_detail()->text, "would be left out") == NULL) {
            fail_msg("%s gives %s (%s)", documents[i], ps_err_info(err)->name, ps_detail()->text);
        }
        assert_ok(convert(documents[i], &lossy, &out));
    }
}

static void what_would_be_left_out_is_refused(void **state)
{
    static const char *const documents[] = {
        "{\"@id\": \"a:s\", \"unknown\": 1}",
        "{\"@id\": \"relative\", \"a:p\": 1}",
        "{\"@id\": \"@reserved\", \"a:p\": 1}",
        "{\"@id\": \"a:s\", \"@type\": \"Relative\"}",
        "{\"@id\": \"a:s\", \"@type\": \"@reserved\"}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@id\": \"relative\"}}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@id\": \"a:o#1#2\"}}",
        "{\"@id\": \"a:s\", \"_:p\": 1}",
        "{\"@id\": \"a:s\", \"a:p q\": 1}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@value\": \"x\", \"@language\": \"no language\"}}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@value\": \"x\", \"@direction\": \"rtl\"}}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@list\": null}}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@list\": [1, [2]]}}",
        "{\"@id\": \"a:s\", \"a:p\": 9007199254740993}",
        "{\"@id\": \"a:s\", \"a:p\": 0.30000000000000004}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@type\": \"@json\", \"@value\": [9007199254740993]}}",
        "{\"@id\": \"a:s\", \"@index\": \"i\", \"@vocab\": \"x\"}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@language\": \"en\"}}",
        "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@graph\"}}, \"p\": 1}",
        "{\"@context\": {\"p\": null}, \"@id\": \"a:s\", \"p\": 1}",
        "{\"@context\": {\"@term\": \"a:t\"}, \"@id\": \"a:s\", \"a:p\": 1}",
        "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@type\": \"@id\"}}, \"p\": \"@reserved\"}",
        "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@id\"}}, \"p\": {\"a:i\": 1}}",
        "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@type\"}}, \"p\": {\"a:T\": "
        "1}}",
        "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@index\", \"@index\": "
        "\"a:i\"}},"
        "\"p\": {\"k\": {\"@list\": []}}}",
        "{\"@id\": \"a:s\"}",
        "{\"@value\": \"x\"}",
        "{\"@list\": [\"x\"]}",
        "[\"x\"]",
    };

    (void)state;
    check_left_out(documents, PS_COUNT_OF(documents));
}

static void what_stands_where_nobody_looks_is_refused(void **state)
{
    static const char *const documents[] = {
        /* What "@type" or other members hide from the standard's own checks. */
        "{\"@id\": \"a:s\", \"a:p\": {\"@type\": \"a:T\", \"@list\": [1]}}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@type\": \"a:T\", \"@set\": [1]}}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@type\": \"a:T\", \"@list\": [1], \"a:q\": 2}}",
        "{\"@id\": \"a:s\", \"a:p\": 1, \"@language\": \"en\"}",
        "{\"@id\": \"a:s\", \"a:p\": 1, \"@direction\": \"rtl\"}",
        /* A node that no quad has. */
        "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@graph\"}},"
        "\"p\": {\"@id\": \"a:s\"}}",
        "{\"@id\": \"a:s\", \"@index\": \"i\"}",
        "{\"@id\": \"a:s\", \"a:p\": []}",
        "{\"@graph\": [{\"@id\": \"a:s\", \"@included\": [{\"a:p\": 1}]}]}",
        /* The items behind it would have other places. */
        "{\"@id\": \"a:s\", \"a:p\": {\"@list\": [1, null, 2]}}",
        "{\"@id\": \"a:s\", \"a:p\": {\"@list\": [1, {\"@value\": null}]}}",
        "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@list\"}},"
        "\"@id\": \"a:s\", \"p\": [null, 1]}",
    };

    (void)state;
    check_left_out(documents, PS_COUNT_OF(documents));
}

static void what_says_nothing_is_left_out_without_a_word(void **state)
{
    (void)state;
    check_quads("{\"@id\": \"a:s\", \"@index\": \"i\", \"unknown\": null, \"a:p\": null,"
                "\"a:q\": {\"@value\": null}, \"a:r\": [null, 1]}",
                "<a:s> <a:r> \"1\"^^<http://www.w3.org/2001/XMLSchema#integer> .\n");
    check_quads("{}", "");
    check_quads("[]", "");
}

static void mistakes_have_the_codes_of_the_standard(void **state)
{
    static const struct {
        const char *document;
        const char *code;
    } mistakes[] = {
        {"{\"@context\": 1}", "invalid local context"},
        {"{\"@context\": {\"@version\": 1.0}}", "invalid @version value"},
        {"{\"@context\": {\"@propagate\": 1}}", "invalid @propagate value"},
        {"{\"@context\": {\"@protected\": 1}}", "invalid @protected value"},
        {"{\"@context\": {\"a\": \"b:x\", \"b\": \"a:x\"}}", "cyclic IRI mapping"},
        {"{\"@context\": {\"\": \"a:x\"}}", "invalid term definition"},
        {"{\"@context\": {\"t\": {\"@id\": \"a:t\", \"@container\": []}}}",
         "invalid container mapping"},
        {"{\"@context\": {\"t\": {\"@id\": \"a:t\", \"@container\": [\"@set\", \"@set\"]}}}",
         "invalid container mapping"},
        {"{\"@context\": {\"t\": {\"@id\": \"a:t\", \"@container\": [\"@list\", \"@set\"]}}}",
         "invalid container mapping"},
        {"{\"@context\": [\"https://c.example/person\", {\"id\": \"a:x\"}]}",
         "protected term redefinition"},
        {"{\"@context\": [\"https://c.example/person\", null]}", "invalid context nullification"},
        {"{\"@id\": 1}", "invalid @id value"},
        {"{\"a:p\": {\"@type\": \"@json\", \"@value\": [1], \"@set\": 1}}", "invalid value object"},
        {"{\"a:p\": {\"@value\": \"x\", \"@type\": \"a b\"}}", "invalid typed value"},
        {"{\"@nest\": 1}", "invalid @nest value"},
        /* "J" is "@json" only where it has brought its own context along. */
        {"{\"@context\": {\"J\": {\"@id\": \"a:J\", \"@context\": {\"J\": \"@json\"}}},"
         "\"a:p\": {\"@type\": \"J\", \"@value\": [1]}}",
         "invalid value object value"},
        /* "i" is an IRI where "t" is defined and a keyword where it is used. */
        {"{\"@context\": [{\"i\": \"a:i\", \"t\": {\"@id\": \"a:t\", \"@container\": \"@index\","
         "\"@index\": \"i\"}}, {\"i\": \"@type\"}], \"t\": {\"k\": {\"a:p\": 1}}}",
         "invalid term definition"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(mistakes); i++) {
        check_error(PS_E_INPUT, mistakes[i].document, mistakes[i].code);
    }
    check_error(PS_E_INPUT, "{\"a\": 1, \"a\": 2}", "twice");
    check_error(PS_E_INPUT, "\"text\"", "an object or an array");
}

static void relative_references_need_a_base(void **state)
{
    struct jsonld_options how = options(false);
    PS_BUF_AUTO out = {.max = 65536};

    (void)state;
    how.base = LITERAL("https://b.example/x/y");
    assert_ok(convert("{\"@id\": \"../s\", \"a:p\": 1}", &how, &out));
    assert_text(ps_buf_bytes(&out), "<https://b.example/s> <a:p> "
                                    "\"1\"^^<http://www.w3.org/2001/XMLSchema#integer> .\n");
    how.base = LITERAL("relative");
    assert_fails(PS_E_INPUT, convert("{\"@id\": \"../s\", \"a:p\": 1}", &how, &out));
}

static void a_document_has_its_limits(void **state)
{
    const char *document = "{\"@id\": \"a:s\", \"a:p\": [[[1]]], \"a:q\": {}}";
    struct jsonld_options how = options(false);
    PS_BUF_AUTO out = {.max = 65536};

    (void)state;
    how.limits = (struct jsonld_limits){strlen(document), 4, 6, 65536};
    assert_ok(convert(document, &how, &out));
    how.limits.octets--;
    assert_fails(PS_E_LIMIT, convert(document, &how, &out));
    how.limits = (struct jsonld_limits){strlen(document), 3, 6, 65536};
    assert_fails(PS_E_LIMIT, convert(document, &how, &out));
    how.limits = (struct jsonld_limits){strlen(document), 4, 5, 65536};
    assert_fails(PS_E_LIMIT, convert(document, &how, &out));
}

/* Wherever the memory ends, the conversion ends with it. */
static void each_amount_of_memory_is_enough_or_a_limit_error(void **state)
{
    const char *document = "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@list\"}},"
                           "\"@id\": \"a:s\", \"p\": [1, {\"@id\": \"_:b\"}, \"x\"]}";
    struct jsonld_options how = options(false);
    PS_BUF_AUTO out = {.max = 65536};
    enum ps_err err = PS_E_LIMIT;

    (void)state;
    for (how.limits.memory = 0; err != PS_OK; how.limits.memory += 16) {
        err = convert(document, &how, &out);
        assert_true(err == PS_OK || err == PS_E_LIMIT);
        assert_true(how.limits.memory < 65536);
    }
    assert_true(how.limits.memory > 1024);
}

static void contexts_that_include_each_other_are_a_limit_error(void **state)
{
    (void)state;
    check_error(PS_E_LIMIT, "{\"@context\": \"https://c.example/ping\"}", "context overflow");
    check_error(PS_E_LIMIT, "{\"@context\": \"https://c.example/0\"}", "octets of memory");
}

/* Each term's IRI begins with the next term. */
static void a_long_chain_of_terms_is_a_limit_error(void **state)
{
    PS_BUF_AUTO text = {.max = 65536};

    (void)state;
    ps_buf_put_str(&text, "{\"@context\": {");
    for (int i = 0; i < 400; i++) {
        ps_buf_printf(&text, "\"t%d\": \"t%d:x\",", i, i + 1);
    }
    ps_buf_put_str(&text, "\"t400\": \"a:\"}}");
    ps_buf_put_u8(&text, '\0');
    check_error(PS_E_LIMIT, (const char *)text.data, "nested too deep");
}

/* A context for each of many nodes copies the terms each time. */
static void many_contexts_use_up_the_memory_and_not_the_time(void **state)
{
    PS_BUF_AUTO text = {.max = (size_t)1024 * 1024};

    (void)state;
    ps_buf_put_str(&text, "{\"@context\": {\"p\": \"a:p\"");
    for (int i = 0; i < 4000; i++) {
        ps_buf_printf(&text, ",\"t%d\": \"a:%d\"", i, i);
    }
    ps_buf_put_str(&text, "}, \"p\": [{}");
    for (int i = 0; i < 3000; i++) {
        ps_buf_printf(&text, ",{\"@context\": {\"u\": \"a:u\"}}");
    }
    ps_buf_put_str(&text, "]}");
    ps_buf_put_u8(&text, '\0');
    assert_ok(ps_buf_status(&text));
    check_error(PS_E_LIMIT, (const char *)text.data, "octets of memory");
}

/* One long context over and over: nothing of what it says takes memory, but reading it time. */
static void a_context_of_nothing_uses_up_the_memory_too(void **state)
{
    PS_BUF_AUTO text = {.max = (size_t)1024 * 1024};

    (void)state;
    ps_buf_put_str(&text, "{\"@context\": {\"T\": {\"@id\": \"a:T\", \"@context\": [{}");
    for (int i = 0; i < 9000; i++) {
        ps_buf_put_str(&text, ",{}");
    }
    ps_buf_put_str(&text, "]}}, \"@type\": [\"T\"");
    for (int i = 0; i < 9000; i++) {
        ps_buf_put_str(&text, ",\"T\"");
    }
    ps_buf_put_str(&text, "]}");
    ps_buf_put_u8(&text, '\0');
    assert_ok(ps_buf_status(&text));
    check_error(PS_E_LIMIT, (const char *)text.data, "octets of memory");
}

static void put_letters(struct ps_buf *text)
{
    for (int i = 0; i < 400 * 1024; i++) {
        ps_buf_put_u8(text, 'l');
    }
}

/* A long IRI that many nodes have by a short name; and a long property of an index. */
static void a_long_name_used_many_times_is_a_limit_error(void **state)
{
    PS_BUF_AUTO term = {.max = (size_t)1024 * 1024};
    PS_BUF_AUTO index = {.max = (size_t)1024 * 1024};

    (void)state;
    ps_buf_put_str(&term, "{\"@context\": {\"p\": \"a:");
    put_letters(&term);
    ps_buf_put_str(&term, "\"}, \"@graph\": [{\"p\": 1}");
    ps_buf_put_str(&index, "{\"@context\": {\"p\": {\"@id\": \"a:p\", \"@container\": \"@index\","
                           "\"@index\": \"");
    put_letters(&index);
    ps_buf_put_str(&index, ":i\"}}, \"p\": {\"k\": {}");
    for (int i = 0; i < 4000; i++) {
        ps_buf_put_str(&term, ",{\"p\": 1}");
        ps_buf_printf(&index, ",\"%d\": {}", i);
    }
    ps_buf_put_str(&term, "]}");
    ps_buf_put_str(&index, "}}");
    ps_buf_put_u8(&term, '\0');
    ps_buf_put_u8(&index, '\0');
    assert_ok(ps_buf_status(&term));
    assert_ok(ps_buf_status(&index));
    check_error(PS_E_LIMIT, (const char *)term.data, "RDF: terms");
    check_error(PS_E_LIMIT, (const char *)index.data, "octets of memory");
}

/* However it is written; and of the canonical quads, whose blank nodes are c14n0 and so on. */
static void a_document_has_one_hash(void **state)
{
    static const char quads[] = "_:c14n0 <https://v.example/a> \"1\" .\n";
    static const char *const documents[] = {
        "{\"https://v.example/a\":\"1\"}",
        "{ \"https://v.example/a\" : [{\"@value\":\"1\"}], \"@id\":\"_:x\" }",
    };
    uint8_t expected[PS_SHA256_LEN];
    uint8_t hash[PS_SHA256_LEN];

    (void)state;
    ps_sha256(ps_bytes_str(quads), expected);
    for (size_t i = 0; i < PS_COUNT_OF(documents); i++) {
        assert_ok(jsonld_canonical_hash(ps_bytes_str(documents[i]), contexts, hash));
        assert_memory_equal(hash, expected, sizeof hash);
    }
    assert_fails(PS_E_INPUT, jsonld_canonical_hash(LITERAL("{\"no term\":1}"), contexts, hash));
    assert_fails(PS_E_INPUT, jsonld_canonical_hash(LITERAL("{"), contexts, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_with_a_given_context_becomes_quads),
        cmocka_unit_test(lists_of_lists_are_kept_apart),
        cmocka_unit_test(a_reverse_term_has_a_type_and_a_context_too),
        cmocka_unit_test(a_mistake_in_a_scoped_context_is_named),
        cmocka_unit_test(numbers_and_json_have_their_canonical_forms),
        cmocka_unit_test(contexts_are_what_their_hash_says),
        cmocka_unit_test(no_contexts_at_all_are_fine),
        cmocka_unit_test(what_would_be_left_out_is_refused),
        cmocka_unit_test(what_stands_where_nobody_looks_is_refused),
        cmocka_unit_test(what_says_nothing_is_left_out_without_a_word),
        cmocka_unit_test(mistakes_have_the_codes_of_the_standard),
        cmocka_unit_test(relative_references_need_a_base),
        cmocka_unit_test(a_document_has_its_limits),
        cmocka_unit_test(each_amount_of_memory_is_enough_or_a_limit_error),
        cmocka_unit_test(contexts_that_include_each_other_are_a_limit_error),
        cmocka_unit_test(a_long_chain_of_terms_is_a_limit_error),
        cmocka_unit_test(many_contexts_use_up_the_memory_and_not_the_time),
        cmocka_unit_test(a_context_of_nothing_uses_up_the_memory_too),
        cmocka_unit_test(a_long_name_used_many_times_is_a_limit_error),
        cmocka_unit_test(a_document_has_one_hash),
    };

    return cmocka_run_group_tests_name("jsonld", tests, make_contexts, free_contexts);
}
