#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include "tests/unit/support.h"

#include "lib/formats/json/json.h"

/* A reader that the tests of a file have in common, and JSON files of vectors. */

static struct json *json;

/* Setup and teardown of a group. */
static inline PS_UNUSED int make_reader(void **state)
{
    (void)state;
    return json_new(&json) == PS_OK ? 0 : -1;
}

static inline PS_UNUSED int free_reader(void **state)
{
    (void)state;
    json_free(json);
    return 0;
}

/* A file of vectors: rows in an array, which is all of it or its member "rows". */
struct vectors {
    struct ps_buf text;
    struct json *file;
    struct json_value root;
    struct json_value rows;
    uint32_t cursor;
};

static inline PS_UNUSED void vectors_open(const char *name, struct vectors *vectors)
{
    const struct json_limits limits = {1024 * 1024, 16, 20000};

    *vectors = (struct vectors){0};
    read_vectors(name, &vectors->text);
    assert_ok(json_new(&vectors->file));
    assert_ok(json_parse(vectors->file, ps_buf_bytes(&vectors->text), &limits, &vectors->root));
    if (!json_member(vectors->root, "rows", &vectors->rows)) {
        vectors->rows = vectors->root;
    }
}

static inline PS_UNUSED bool vectors_next(struct vectors *vectors, struct json_value *ret_row)
{
    return json_next(vectors->rows, &vectors->cursor, NULL, ret_row);
}

static inline PS_UNUSED void vectors_close(struct vectors *vectors)
{
    json_free(vectors->file);
    ps_buf_clear(&vectors->text);
}

/* A member that is text; empty when there is none. */
static inline PS_UNUSED struct ps_bytes text_of(struct json_value object, const char *name)
{
    struct json_value value;
    struct ps_bytes text = {0};

    if (json_member(object, name, &value)) {
        assert_ok(json_string(value, &text));
    }
    return text;
}

#endif
