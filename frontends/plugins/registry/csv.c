#include "frontends/plugins/registry/csv.h"

#include "lib/base/encode.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void csv_record_clear(struct csv_record *record)
{
    ps_buf_clear(&record->text);
}

struct csv csv_begin(struct ps_bytes text)
{
    const struct ps_bytes mark = ps_bytes_str(BYTE_ORDER_MARK);

    return (struct csv){.left = ps_bytes_starts_with(text, mark) ? ps_bytes_from(text, mark.len)
                                                                 : text};
}

static uint8_t first(const struct csv *csv)
{
    return csv->left.len == 0 ? '\0' : csv->left.data[0];
}

static void skip(struct csv *csv, size_t count)
{
    csv->left = ps_bytes_from(csv->left, count);
}

static enum ps_err fail(const struct csv *csv, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "line %u: %s", csv->line, what);
}

/* Up to the quote that ends it. */
static enum ps_err take_quoted(struct csv *csv, struct ps_buf *out)
{
    for (skip(csv, 1); csv->left.len != 0; skip(csv, 1)) {
        const uint8_t c = first(csv);

        if (c == '"') {
            skip(csv, 1);
            if (first(csv) != '"') {
                return PS_OK;
            }
        }
        csv->lines += c == '\n';
        ps_buf_put_u8(out, c);
    }
    return fail(csv, "a quote that does not end");
}

static enum ps_err take_plain(struct csv *csv, struct ps_buf *out)
{
    size_t len = 0;

    while (len < csv->left.len && strchr(",\r\n", csv->left.data[len]) == NULL) {
        if (csv->left.data[len] == '"') {
            return fail(csv, "a quote within a field that has none around it");
        }
        len++;
    }
    ps_buf_put(out, ps_bytes(csv->left.data, len));
    skip(csv, len);
    return PS_OK;
}

static enum ps_err take_field(struct csv *csv, struct csv_record *record)
{
    if (record->count == CSV_FIELDS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "line %u: more than %u fields", csv->line, CSV_FIELDS_MAX);
    }
    PS_TRY(first(csv) == '"' ? take_quoted(csv, &record->text) : take_plain(csv, &record->text));
    PS_TRY(ps_buf_status(&record->text));
    record->ends[record->count++] = record->text.len;
    return PS_OK;
}

/* What stands after a field: a comma, or the end of the record. */
static enum ps_err take_end(struct csv *csv, bool *ret_more)
{
    const struct ps_bytes line_ends[] = {ps_bytes_str("\r\n"), ps_bytes_str("\n")};

    *ret_more = first(csv) == ',';
    if (*ret_more) {
        skip(csv, 1);
        return PS_OK;
    }
    for (size_t i = 0; i < PS_COUNT_OF(line_ends); i++) {
        if (ps_bytes_starts_with(csv->left, line_ends[i])) {
            skip(csv, line_ends[i].len);
            csv->lines++;
            return PS_OK;
        }
    }
    return csv->left.len == 0 ? PS_OK
                              : fail(csv, "neither a comma nor the line's end after a field");
}

static enum ps_err take_record(struct csv *csv, struct csv_record *record)
{
    bool more = true;

    ps_buf_reset(&record->text);
    record->text.max = CSV_RECORD_MAX;
    record->text.is_secret = true;
    record->count = 0;
    csv->line = csv->lines + 1;
    while (more) {
        PS_TRY(take_field(csv, record));
        PS_TRY(take_end(csv, &more));
    }
    if (!ps_utf8_valid(ps_buf_bytes(&record->text)) ||
        (record->text.len != 0 && memchr(record->text.data, '\0', record->text.len) != NULL)) {
        return fail(csv, "text that is not UTF-8");
    }
    return PS_OK;
}

enum ps_err csv_next(struct csv *csv, struct csv_record *record, bool *ret_there)
{
    bool there = false;

    while (!there && csv->left.len != 0) {
        PS_TRY(take_record(csv, record));
        there = record->count > 1 || record->text.len != 0;
    }
    *ret_there = there;
    return PS_OK;
}

struct ps_bytes csv_field(const struct csv_record *record, size_t index)
{
    const size_t start = index == 0 ? 0 : record->ends[index - 1];

    return ps_bytes(record->text.data == NULL ? NULL : record->text.data + start,
                    record->ends[index] - start);
}
