#include "tests/unit/w3c.h"

#include "lib/jsonld/jsonld.h"

/* JSON-LD 1.1's own suite (w3c/json-ld-api, tests/toRdf-manifest.jsonld). */

#define FOLDER   "jsonld-tordf/tests"
#define BASE_IRI "https://w3c.github.io/json-ld-api/tests/"

/* What is not run, and why. */
#define VERSION_1_0 "for processors of JSON-LD 1.0 only: option specVersion"
#define WHEN_GIVEN  "is refused when the context is given, which add_context checks"
#define MODE_1_0    "asks for the processing mode json-ld-1.0, which is not offered"
static const struct {
    const char *id;
    const char *reason;
} excluded[] = {
    {"#t0118", VERSION_1_0}, /* and the generalized RDF of that time */
    {"#te014", VERSION_1_0}, {"#te026", VERSION_1_0}, {"#te038", VERSION_1_0},
    {"#te071", VERSION_1_0}, {"#te115", VERSION_1_0}, {"#te116", VERSION_1_0},
    {"#ter02", VERSION_1_0}, {"#ter03", VERSION_1_0}, {"#ter24", VERSION_1_0},
    {"#ter32", VERSION_1_0}, {"#tc029", MODE_1_0},    {"#te075", MODE_1_0},
    {"#tep02", MODE_1_0},    {"#ter21", MODE_1_0},    {"#ter42", MODE_1_0},
    {"#tpi01", MODE_1_0},    {"#tso01", MODE_1_0},    {"#ttn01", MODE_1_0},
    {"#ter05", WHEN_GIVEN},
};

static struct jsonld_contexts *contexts;
static unsigned failures;

static bool is_excluded(const char *id)
{
    for (size_t i = 0; i < PS_COUNT_OF(excluded); i++) {
        if (strcmp(excluded[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void add_context(const char *name)
{
    PS_BUF_AUTO text = {0};
    char iri[512];
    uint8_t digest[PS_SHA256_LEN];
    enum ps_err err;

    (void)snprintf(iri, sizeof iri, BASE_IRI "%s", name);
    assert_true(w3c_read(FOLDER, name, &text));
    ps_sha256(ps_buf_bytes(&text), digest);
    err = jsonld_contexts_add(contexts, ps_bytes_str(iri), ps_buf_bytes(&text), digest);
    assert_true(err == PS_OK || err == PS_E_INPUT);
    if (strcmp(name, "toRdf/er05-in.jsonld") == 0) {
        assert_non_null(strstr(ps_detail()->text, "invalid remote context"));
    }
}

/* One entry names the file in another suite's folder; it is in this one too. */
static void read_input_name(struct json_value entry, char *ret_name, size_t size)
{
    char name[256];

    w3c_text(entry, "input", name, sizeof name);
    if (strncmp(name, "expand/", 7) == 0) {
        (void)snprintf(ret_name, size, "toRdf/%s", name + 7);
    } else {
        (void)snprintf(ret_name, size, "%s", name);
    }
}

static void add_contexts(struct json_value entries)
{
    static const char *const names[] = {
        "c031/c031-context", "c034-context",   "e124-context",   "e125-context-1", "e125-context-2",
        "e126-context",      "e126-context-1", "e126-context-2", "e126-context-3", "e127-context-1",
        "e127-context-2",    "e128-context-1", "e128-context-2", "e128-context-3", "e077-context",
        "so05-context",      "so06-context",   "so07-context",   "so08-context",   "so09-context",
        "so10-context",      "so11-context",   "so13-context",   "c031-context",
    };
    struct json_value entry;
    uint32_t cursor = 0;
    char name[256];

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        (void)snprintf(name, sizeof name, "toRdf/%s.jsonld", names[i]);
        add_context(name);
    }
    while (json_next(entries, &cursor, NULL, &entry)) {
        read_input_name(entry, name, sizeof name);
        add_context(name);
    }
}

static struct ps_bytes canonical_text(const struct rdf_dataset *dataset,
                                      struct rdf_canonical **ret_canonical)
{
    assert_ok(rdf_canonicalize(dataset, PS_SHA256, &RDF_WORK, ret_canonical));
    return rdf_canonical_nquads(*ret_canonical);
}

/* Equal when their canonical forms are, which is what isomorphic means. */
static bool is_isomorphic(const struct rdf_dataset *dataset, struct ps_bytes expected)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *other = w3c_parse_nquads(expected);
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *a = NULL;
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *b = NULL;
    const struct ps_bytes got = canonical_text(dataset, &a);
    const struct ps_bytes wanted = canonical_text(other, &b);

    if (!ps_bytes_equal(got, wanted)) {
        print_error("got\n%.*s\nexpected\n%.*s\n", PS_BYTES_FMT(got), PS_BYTES_FMT(wanted));
        return false;
    }
    return true;
}

static bool is_expected(struct json_value entry, enum ps_err err, const struct rdf_dataset *dataset)
{
    PS_BUF_AUTO expected = {0};
    char code[128];
    char name[256];

    w3c_text(entry, "expectErrorCode", code, sizeof code);
    w3c_text(entry, "expect", name, sizeof name);
    if (code[0] != '\0') {
        if (err == PS_OK || strstr(ps_detail()->text, code) == NULL) {
            print_error("expected \"%s\", got %s\n", code,
                        err == PS_OK ? "RDF" : ps_detail()->text);
            return false;
        }
        return true;
    }
    if (err != PS_OK) {
        print_error("failed: %s\n", ps_detail()->text);
        return false;
    }
    if (name[0] == '\0') {
        return true; /* a PositiveSyntaxTest */
    }
    assert_true(w3c_read(FOLDER, name, &expected));
    return is_isomorphic(dataset, ps_buf_bytes(&expected));
}

static bool run_entry(struct json_value entry)
{
    char input[256];
    char base[512];
    char expand_context[512] = BASE_IRI;
    char text[512] = "";
    PS_BUF_AUTO document = {0};
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = NULL;
    struct jsonld_options options = {.limits = JSONLD_LIMITS, .contexts = contexts, .lossy = true};
    struct json_value option;

    read_input_name(entry, input, sizeof input);
    (void)snprintf(base, sizeof base, BASE_IRI "%s", input);
    if (json_member(entry, "option", &option)) {
        w3c_text(option, "base", text, sizeof text);
        if (text[0] != '\0') {
            (void)snprintf(base, sizeof base, "%s", text);
        }
        w3c_text(option, "expandContext", text, sizeof text);
        if (text[0] != '\0') {
            (void)snprintf(expand_context, sizeof expand_context, BASE_IRI "%s", text);
            options.expand_context = ps_bytes_str(expand_context);
        }
        w3c_text(option, "rdfDirection", text, sizeof text);
        options.direction = strcmp(text, "i18n-datatype") == 0      ? JSONLD_DIRECTION_I18N
                            : strcmp(text, "compound-literal") == 0 ? JSONLD_DIRECTION_COMPOUND
                                                                    : JSONLD_DIRECTION_NONE;
    }
    options.base = ps_bytes_str(base);
    assert_true(w3c_read(FOLDER, input, &document));
    assert_ok(rdf_dataset_new(&RDF_LIMITS, &dataset));
    return is_expected(entry, jsonld_to_rdf(ps_buf_bytes(&document), &options, dataset), dataset);
}

static void every_test_that_applies_holds(void **state)
{
    struct json *json = NULL;
    struct json_value entries;
    struct json_value entry;
    uint32_t cursor = 0;
    unsigned ran = 0;
    PS_BUF_AUTO manifest = {0};

    (void)state;
    entries = w3c_manifest(&json, FOLDER, "toRdf-manifest.jsonld", "sequence", &manifest);
    assert_ok(jsonld_contexts_new(&contexts));
    add_contexts(entries);
    while (json_next(entries, &cursor, NULL, &entry)) {
        char id[64];

        w3c_text(entry, "@id", id, sizeof id);
        if (is_excluded(id)) {
            continue;
        }
        ran++;
        if (!run_entry(entry)) {
            print_error("%s does not hold\n", id);
            failures++;
        }
    }
    print_message("%u tests of the W3C's suite hold, %zu excluded\n", ran - failures,
                  PS_COUNT_OF(excluded));
    assert_int_equal(failures, 0);
    assert_int_equal(ran + PS_COUNT_OF(excluded), json_count(entries));
    jsonld_contexts_free(contexts);
    json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_test_that_applies_holds),
    };

    return cmocka_run_group_tests_name("jsonld_w3c", tests, NULL, NULL);
}
