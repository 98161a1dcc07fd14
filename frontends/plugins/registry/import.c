#include "frontends/plugins/registry/import.h"

#include "frontends/plugins/registry/csv.h"

struct import {
    struct csv csv;
    struct csv_record columns;
    struct csv_record row;
    struct json *json;
};

static void clear(struct import *import)
{
    csv_record_clear(&import->columns);
    csv_record_clear(&import->row);
    json_free(import->json);
}

/* The detail is where the line is put before. */
static enum ps_err fail_line(enum ps_err err, unsigned line)
{
    const struct ps_detail detail = *ps_detail();

    return ps_fail(err, detail.code, "line %u: %.200s", line, detail.text);
}

static enum ps_err read_columns(struct import *import)
{
    bool has_id = false;
    bool there = false;

    PS_TRY(csv_next(&import->csv, &import->columns, &there));
    for (size_t i = 0; there && i < import->columns.count; i++) {
        const struct ps_bytes column = csv_field(&import->columns, i);

        if (!person_has_column(column)) {
            return ps_fail(PS_E_INPUT, 0, "line %u: column %zu: not a name of a column",
                           import->csv.line, i + 1);
        }
        for (size_t j = 0; j < i; j++) {
            if (ps_bytes_equal(column, csv_field(&import->columns, j))) {
                return ps_fail(PS_E_INPUT, 0, "line %u: two columns of one name", import->csv.line);
            }
        }
        has_id = has_id || ps_bytes_equal_str(column, "id");
    }
    return has_id ? PS_OK : ps_fail(PS_E_INPUT, 0, "the first line names no column 'id'");
}

static enum ps_err read_person(struct import *import, struct person *person)
{
    if (import->row.count != import->columns.count) {
        return ps_fail(PS_E_INPUT, 0, "%zu fields for %zu columns", import->row.count,
                       import->columns.count);
    }
    for (size_t i = 0; i < import->row.count; i++) {
        PS_TRY(person_set(person, csv_field(&import->columns, i), csv_field(&import->row, i)));
    }
    return person_finish(person, import->json);
}

static enum ps_err take_person(struct import *import, import_fn *fn, void *context)
{
    PERSON_AUTO person;
    enum ps_err err;

    person_init(&person);
    err = read_person(import, &person);
    if (err == PS_OK) {
        err = fn(context, &person);
    }
    return err == PS_OK ? PS_OK : fail_line(err, import->csv.line);
}

enum ps_err import_people(struct ps_bytes text, import_fn *fn, void *context, size_t *ret_count)
{
    PS_CLEANUP(clear) struct import import = {.csv = csv_begin(text)};
    size_t count = 0;
    bool there = true;

    PS_TRY(json_new(&import.json));
    PS_TRY(read_columns(&import));
    for (;;) {
        PS_TRY(csv_next(&import.csv, &import.row, &there));
        if (!there) {
            break;
        }
        PS_TRY(take_person(&import, fn, context));
        count++;
    }
    *ret_count = count;
    return PS_OK;
}
