#include "tests/unit/w3c.h"

/* RDFC-1.0's own suite (w3c/rdf-canon, tests/): all of it. */

#define FOLDER "rdfc10"

static void check_map(const struct rdf_dataset *dataset, const struct rdf_canonical *canonical,
                      struct ps_bytes expected)
{
    struct json *json = NULL;
    struct json_value root;
    uint32_t blanks = 0;

    assert_ok(json_new(&json));
    assert_ok(json_parse(json, expected, &JSON_LIMITS_REQUEST, &root));
    for (uint32_t term = 1; term <= rdf_dataset_terms(dataset); term++) {
        char label[64];
        char got[32];
        char wanted[32];

        if (rdf_dataset_is_blank(dataset, term)) {
            const struct ps_bytes text = ps_bytes_from(rdf_dataset_text(dataset, term), 2);

            blanks++;
            (void)snprintf(label, sizeof label, "%.*s", PS_BYTES_FMT(text));
            (void)snprintf(got, sizeof got, "c14n%u", rdf_canonical_number(canonical, term));
            w3c_text(root, label, wanted, sizeof wanted);
            assert_string_equal(got, wanted);
        }
    }
    assert_int_equal(blanks, json_count(root));
    json_free(json);
}

static void run_entry(struct json_value entry, const char *type)
{
    char action[256];
    char result[256];
    char hash[16];
    PS_BUF_AUTO input = {0};
    PS_BUF_AUTO expected = {0};
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = NULL;
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;
    enum ps_err err;

    w3c_text(entry, "action", action, sizeof action);
    w3c_text(entry, "result", result, sizeof result);
    w3c_text(entry, "hashAlgorithm", hash, sizeof hash);
    assert_true(w3c_read(FOLDER, action, &input));
    dataset = w3c_parse_nquads(ps_buf_bytes(&input));
    err = rdf_canonicalize(dataset, strcmp(hash, "SHA384") == 0 ? PS_SHA384 : PS_SHA256, &RDF_WORK,
                           &canonical);
    if (strcmp(type, "rdfc:RDFC10NegativeEvalTest") == 0) {
        assert_fails(PS_E_LIMIT, err);
        return;
    }
    assert_ok(err);
    assert_true(w3c_read(FOLDER, result, &expected));
    if (strcmp(type, "rdfc:RDFC10MapTest") == 0) {
        check_map(dataset, canonical, ps_buf_bytes(&expected));
    } else {
        assert_string_equal(type, "rdfc:RDFC10EvalTest");
        assert_bytes(rdf_canonical_nquads(canonical), ps_buf_bytes(&expected));
    }
}

static void every_test_of_the_suite_holds(void **state)
{
    struct json *json = NULL;
    struct json_value entries;
    struct json_value entry;
    uint32_t cursor = 0;
    unsigned ran = 0;
    PS_BUF_AUTO manifest = {0};

    (void)state;
    entries = w3c_manifest(&json, FOLDER, "manifest.jsonld", "entries", &manifest);
    while (json_next(entries, &cursor, NULL, &entry)) {
        char id[64];
        char type[64];

        w3c_text(entry, "id", id, sizeof id);
        w3c_text(entry, "type", type, sizeof type);
        print_message("rdfc10 %s %s\n", id, type);
        run_entry(entry, type);
        ran++;
    }
    assert_int_equal(ran, json_count(entries));
    print_message("%u tests of the W3C's suite hold\n", ran);
    json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_test_of_the_suite_holds),
    };

    return cmocka_run_group_tests_name("rdfc_w3c", tests, NULL, NULL);
}
