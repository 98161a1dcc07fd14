#ifndef TESTS_UNIT_W3C_H
#define TESTS_UNIT_W3C_H

#include "tests/unit/support.h"

#include "lib/formats/json/json.h"
#include "lib/rdf/canonicalize.h"
#include "lib/rdf/nquads.h"

/*
 * The W3C's test suites, which are not part of this repository: $PRIVYSEAL_SHARED/vectors, by
 * default ../shared/vectors beside the source tree. Each test of a manifest is counted by name.
 */

/* False where there is no such file. */
static inline PS_UNUSED bool w3c_read(const char *folder, const char *name, struct ps_buf *out)
{
    const char *shared = getenv("PRIVYSEAL_SHARED");
    char path[1024];

    if (shared != NULL) {
        (void)snprintf(path, sizeof path, "%s/vectors/%s/%s", shared, folder, name);
    } else {
        (void)snprintf(path, sizeof path, "%s/../shared/vectors/%s/%s", source_root(), folder,
                       name);
    }
    return read_file(path, out);
}

/*
 * The entries of a manifest, of a parser that is the caller's then; skips the test where the suite
 * is not there.
 */
static inline PS_UNUSED struct json_value w3c_manifest(struct json **ret_json, const char *folder,
                                                       const char *name, const char *entries,
                                                       struct ps_buf *text)
{
    const struct json_limits limits = {1024 * 1024, 16, 40000};
    struct json_value root;
    struct json_value list;

    if (!w3c_read(folder, name, text)) {
        print_message("SKIP: no W3C suite %s in ../shared/vectors (set PRIVYSEAL_SHARED)\n",
                      folder);
        skip();
    }
    assert_ok(json_new(ret_json));
    assert_ok(json_parse(*ret_json, ps_buf_bytes(text), &limits, &root));
    assert_true(json_member(root, entries, &list));
    return list;
}

/* A text member as a string of its own; empty when there is none. */
static inline PS_UNUSED void w3c_text(struct json_value entry, const char *member, char *ret_text,
                                      size_t size)
{
    struct json_value value;
    struct ps_bytes text = {0};

    if (json_member(entry, member, &value) && json_type(value) == JSON_STRING) {
        assert_ok(json_string(value, &text));
    }
    (void)snprintf(ret_text, size, "%.*s", PS_BYTES_FMT(text));
}

static inline PS_UNUSED struct rdf_dataset *w3c_parse_nquads(struct ps_bytes text)
{
    struct rdf_dataset *dataset = NULL;

    assert_ok(rdf_dataset_new(&RDF_LIMITS, &dataset));
    assert_ok(rdf_parse_nquads(text, dataset));
    return dataset;
}

#endif
