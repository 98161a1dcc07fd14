#include "frontends/certify/providers/csv_table.h"

#include "lib/base/encode.h"
#include "lib/base/map.h"

#include <stdlib.h>

#define FIELD_MAX ((size_t)1024 * 1024)

struct row {
    struct ps_buf subject;
    struct ps_bytes text; /* from its first field on */
};

struct csv_table {
    struct ps_bytes text;
    struct ps_buf names; /* of the columns, as JSON strings, one after the other */
    size_t ends[CSV_COLUMNS_MAX];
    size_t columns;
    size_t subject;
    struct ps_map *rows;
};

/* Where a reader stands in the text; `ended`: the field was the last one of its line. */
struct cursor {
    struct ps_bytes left;
    size_t line;
    bool ended;
};

static enum ps_err bad(const struct cursor *cursor, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "CSV, line %zu: %s", cursor->line, what);
}

static bool is_at(const struct cursor *cursor, char c)
{
    return cursor->left.len != 0 && cursor->left.data[0] == (uint8_t)c;
}

static void skip(struct cursor *cursor, size_t count)
{
    cursor->left = ps_bytes_from(cursor->left, count);
}

/* After a field: a comma, or the end of its line. */
static enum ps_err end_field(struct cursor *cursor)
{
    cursor->ended = !is_at(cursor, ',');
    if (!cursor->ended) {
        skip(cursor, 1);
        return PS_OK;
    }
    if (is_at(cursor, '\r')) {
        skip(cursor, 1);
    }
    if (cursor->left.len != 0 && !is_at(cursor, '\n')) {
        return bad(cursor, "something behind a field's end");
    }
    skip(cursor, 1);
    cursor->line++;
    return PS_OK;
}

/* Between quotes; two of them are one. */
static enum ps_err read_quoted(struct cursor *cursor, struct ps_buf *out)
{
    skip(cursor, 1);
    while (cursor->left.len != 0) {
        const uint8_t c = cursor->left.data[0];

        skip(cursor, 1);
        if (c == '"' && !is_at(cursor, '"')) {
            return end_field(cursor);
        }
        if (c == '"') {
            skip(cursor, 1);
        }
        cursor->line += c == '\n';
        ps_buf_put_u8(out, c);
    }
    return bad(cursor, "a quote that does not end");
}

static enum ps_err read_field(struct cursor *cursor, struct ps_buf *out)
{
    size_t len = 0;

    if (is_at(cursor, '"')) {
        return read_quoted(cursor, out);
    }
    while (len < cursor->left.len && memchr(",\r\n\"", cursor->left.data[len], 4) == NULL) {
        len++;
    }
    ps_buf_put(out, ps_bytes(cursor->left.data, len));
    skip(cursor, len);
    return is_at(cursor, '"') ? bad(cursor, "a quote within a field") : end_field(cursor);
}

static enum ps_err read_columns(struct csv_table *table, struct cursor *cursor,
                                struct ps_bytes subject)
{
    bool found = false;

    while (!cursor->ended) {
        PS_BUF_AUTO name = {.max = 1024};

        PS_TRY(read_field(cursor, &name));
        PS_TRY(ps_buf_status(&name));
        if (table->columns == CSV_COLUMNS_MAX || name.len == 0) {
            return bad(cursor, "a column without a name, or too many of them");
        }
        if (ps_bytes_equal(ps_buf_bytes(&name), subject)) {
            table->subject = table->columns;
            found = true;
        }
        ps_buf_put_json_string(&table->names, ps_buf_bytes(&name));
        table->ends[table->columns++] = table->names.len;
    }
    PS_TRY(ps_buf_status(&table->names));
    return found ? PS_OK : bad(cursor, "no column has the subjects");
}

static struct ps_bytes name_of(const struct csv_table *table, size_t column)
{
    const size_t start = column == 0 ? 0 : table->ends[column - 1];

    return ps_bytes(table->names.data + start, table->ends[column] - start);
}

static void free_row(void *context)
{
    struct row *row = context;

    ps_buf_clear(&row->subject);
    free(row);
}

static enum ps_err check_row(struct csv_table *table, struct cursor *cursor, struct row *row)
{
    size_t column = 0;

    for (cursor->ended = false; !cursor->ended; column++) {
        PS_BUF_AUTO field = {.max = FIELD_MAX};

        PS_TRY(read_field(cursor, column == table->subject ? &row->subject : &field));
        PS_TRY(ps_buf_status(&field));
    }
    PS_TRY(ps_buf_status(&row->subject));
    if (column != table->columns) {
        return bad(cursor, "as many fields as there are columns stand above it");
    }
    return row->subject.len != 0 ? PS_OK : bad(cursor, "above it is a person without a subject");
}

static enum ps_err add_row(struct csv_table *table, struct cursor *cursor)
{
    struct row *row = calloc(1, sizeof *row);
    enum ps_err err;

    if (row == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_init(&row->subject, FIELD_MAX);
    row->text = cursor->left;
    err = check_row(table, cursor, row);
    if (err == PS_OK) {
        err = ps_map_add(table->rows, ps_buf_bytes(&row->subject), row);
        err = err == PS_E_CONFLICT ? bad(cursor, "above it is a subject that was there") : err;
    }
    if (err != PS_OK) {
        free_row(row);
    }
    return err;
}

enum ps_err csv_table_new(struct ps_bytes text, struct ps_bytes subject,
                          struct csv_table **ret_table)
{
    PS_CLEANUP(csv_table_free_cleanup) struct csv_table *table = calloc(1, sizeof *table);
    struct cursor cursor = {.left = text, .line = 1};

    if (table == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (!ps_utf8_valid(text)) {
        return bad(&cursor, "the file is not UTF-8");
    }
    ps_buf_init(&table->names, FIELD_MAX);
    PS_TRY(ps_map_new(&table->rows));
    PS_TRY(read_columns(table, &cursor, subject));
    while (cursor.left.len != 0) {
        PS_TRY(add_row(table, &cursor));
    }
    *ret_table = table;
    table = NULL;
    return PS_OK;
}

void csv_table_free(struct csv_table *table)
{
    if (table != NULL) {
        if (table->rows != NULL) {
            ps_map_free(table->rows, free_row);
        }
        ps_buf_clear(&table->names);
        free(table);
    }
}

enum ps_err csv_table_put(const struct csv_table *table, struct ps_bytes subject,
                          struct ps_buf *out)
{
    const struct row *row = ps_map_get(table->rows, subject);
    struct cursor cursor = {.line = 1};
    bool first = true;

    if (row == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "nobody of this subject");
    }
    cursor.left = row->text;
    ps_buf_put_u8(out, '{');
    for (size_t column = 0; column < table->columns; column++) {
        PS_BUF_AUTO field = {.max = FIELD_MAX};

        PS_TRY(read_field(&cursor, &field));
        PS_TRY(ps_buf_status(&field));
        if (field.len != 0) {
            ps_buf_put_str(out, first ? "" : ",");
            ps_buf_put(out, name_of(table, column));
            ps_buf_put_u8(out, ':');
            ps_buf_put_json_string(out, ps_buf_bytes(&field));
            first = false;
        }
    }
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}
