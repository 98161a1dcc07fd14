#include "lib/formats/pdf/internal.h"

#include "lib/base/reader.h"

#include <stdlib.h>

/* Sections in one file: each update adds one. */
#define SECTIONS_MAX 4096u

/* Where "startxref" is looked for; ISO 32000-1 implementation note 18 has 1024 octets. */
#define TAIL_MAX 2048u

#define FIELD_MAX 8u

static bool find_last(struct ps_bytes text, const char *word, struct ps_bytes *ret_after)
{
    const size_t len = strlen(word);

    for (size_t i = text.len < len ? 0 : text.len - len + 1; i > 0; i--) {
        if (memcmp(text.data + i - 1, word, len) == 0) {
            *ret_after = ps_bytes_from(text, i - 1 + len);
            return true;
        }
    }
    return false;
}

static enum ps_err find_start(struct pdf *pdf)
{
    const size_t len = pdf->file.len;
    struct ps_bytes rest = ps_bytes_from(pdf->file, len < TAIL_MAX ? 0 : len - TAIL_MAX);

    if (!find_last(rest, "startxref", &rest)) {
        return pdf_bad("there is no \"startxref\" at its end; is the file complete?");
    }
    return pdf_take_unsigned(&rest, len - 1, &pdf->tail.startxref);
}

/* Room for this entry and those before it. */
static enum ps_err grow(struct pdf *pdf, uint32_t number)
{
    const uint32_t count = number < PDF_OBJECTS_MAX / 2 ? number * 2 + 64 : PDF_OBJECTS_MAX;
    struct pdf_entry *entries = realloc(pdf->entries, count * sizeof *entries);

    if (entries == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memset(entries + pdf->entry_count, 0, (count - pdf->entry_count) * sizeof *entries);
    pdf->entries = entries;
    pdf->entry_count = count;
    return PS_OK;
}

/* An earlier section does not change what a later one has said. */
static enum ps_err set_entry(struct pdf *pdf, uint64_t number, struct pdf_entry entry)
{
    if (number >= PDF_OBJECTS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "the PDF has more than %u objects", PDF_OBJECTS_MAX);
    }
    if (number >= pdf->entry_count) {
        PS_TRY(grow(pdf, (uint32_t)number));
    }
    if (pdf->entries[number].place == PDF_UNKNOWN) {
        pdf->entries[number] = entry;
    }
    return PS_OK;
}

/* ISO 32000-1 section 7.5.4: twenty octets; here the white space in them may differ. */
static enum ps_err read_row(struct pdf *pdf, struct ps_bytes *rest, uint64_t number)
{
    struct pdf_entry entry = {.place = PDF_FREE};
    uint64_t offset;
    uint64_t generation;

    PS_TRY(pdf_take_unsigned(rest, UINT64_C(9999999999), &offset));
    PS_TRY(pdf_take_unsigned(rest, UINT16_MAX, &generation));
    if (pdf_take_word(rest, "n")) {
        if (offset >= pdf->file.len) {
            return pdf_bad("its cross-reference table points past its end");
        }
        entry = (struct pdf_entry){(uint32_t)offset, (uint16_t)generation, PDF_IN_FILE};
    } else if (!pdf_take_word(rest, "f")) {
        return pdf_bad("a row of its cross-reference table is neither n nor f");
    }
    return set_entry(pdf, number, entry);
}

static enum ps_err read_table(struct pdf *pdf, struct ps_bytes rest, struct pdf_value *ret_trailer)
{
    const size_t before = rest.len;

    while (!pdf_take_word(&rest, "trailer")) {
        uint64_t first;
        uint64_t count;

        PS_TRY(pdf_take_unsigned(&rest, PDF_OBJECTS_MAX, &first));
        PS_TRY(pdf_take_unsigned(&rest, PDF_OBJECTS_MAX, &count));
        for (uint64_t i = 0; i < count; i++) {
            PS_TRY(read_row(pdf, &rest, first + i));
        }
    }
    PS_TRY(pdf_work(pdf, before - rest.len));
    return pdf_read_value(pdf, &rest, ret_trailer);
}

struct widths {
    uint64_t fields[3];
};

/* Rows without octets would have no end: nothing else bounds how many /Index names. */
static enum ps_err read_widths(struct pdf_value dict, struct widths *ret_widths)
{
    struct pdf_value array;
    struct pdf_value value;
    struct ps_bytes rest;
    uint64_t width = 0;
    bool more;

    PS_TRY(pdf_get(dict, "W", &array));
    if (array.kind != PDF_ARRAY) {
        return pdf_bad("a cross-reference stream has no /W");
    }
    rest = pdf_inside(array);
    for (size_t i = 0; i < 3; i++) {
        PS_TRY(pdf_next_element(&rest, &value, &more));
        if (!more) {
            return pdf_bad("a cross-reference stream's /W has fewer than three numbers");
        }
        PS_TRY(pdf_unsigned(value, FIELD_MAX, &ret_widths->fields[i]));
        width += ret_widths->fields[i];
    }
    return width != 0 ? PS_OK : pdf_bad("a cross-reference stream's /W leaves no octets for a row");
}

static uint64_t take_field(struct ps_reader *reader, uint64_t width, uint64_t otherwise)
{
    const struct ps_bytes octets = ps_reader_take(reader, (size_t)width);
    uint64_t number = width == 0 ? otherwise : 0;

    for (size_t i = 0; i < octets.len; i++) {
        number = number << 8 | octets.data[i];
    }
    return number;
}

/* ISO 32000-1 section 7.5.8.3; types that are not defined there are as if absent. */
static enum ps_err read_stream_row(struct pdf *pdf, struct ps_reader *reader,
                                   const struct widths *widths, uint64_t number)
{
    const uint64_t type = take_field(reader, widths->fields[0], 1);
    const uint64_t where = take_field(reader, widths->fields[1], 0);
    const uint64_t second = take_field(reader, widths->fields[2], 0);
    struct pdf_entry entry = {.place = PDF_FREE};

    if (reader->failed) {
        return pdf_bad("a cross-reference stream ends too early");
    }
    if ((type == 1 && where >= pdf->file.len) || (type == 2 && where >= PDF_OBJECTS_MAX)) {
        return pdf_bad("a cross-reference stream points past the end");
    }
    if (type == 1) {
        entry = (struct pdf_entry){(uint32_t)where, (uint16_t)second, PDF_IN_FILE};
    } else if (type == 2) {
        entry = (struct pdf_entry){(uint32_t)where, 0, PDF_IN_STREAM};
    }
    return set_entry(pdf, number, entry);
}

static enum ps_err read_rows(struct pdf *pdf, struct ps_reader *reader, const struct widths *widths,
                             struct pdf_value index)
{
    struct ps_bytes rest = pdf_inside(index);
    struct pdf_value value;
    uint64_t first = 0;
    uint64_t count = 0;
    bool more;

    for (;;) {
        PS_TRY(pdf_next_element(&rest, &value, &more));
        if (!more) {
            return PS_OK;
        }
        PS_TRY(pdf_unsigned(value, PDF_OBJECTS_MAX, &first));
        PS_TRY(pdf_next_element(&rest, &value, &more));
        PS_TRY(more ? pdf_unsigned(value, PDF_OBJECTS_MAX, &count)
                    : pdf_bad("a cross-reference stream's /Index has an odd number of numbers"));
        for (uint64_t i = 0; i < count; i++) {
            PS_TRY(read_stream_row(pdf, reader, widths, first + i));
        }
    }
}

/* Without /Index the stream is about all objects: [0 Size]. */
static enum ps_err read_index(struct pdf_value dict, struct ps_buf *text,
                              struct pdf_value *ret_index)
{
    uint64_t size;

    PS_TRY(pdf_get(dict, "Index", ret_index));
    if (ret_index->kind == PDF_ARRAY) {
        return PS_OK;
    }
    PS_TRY(pdf_get(dict, "Size", ret_index));
    PS_TRY(pdf_unsigned(*ret_index, PDF_OBJECTS_MAX, &size));
    ps_buf_printf(text, "[0 %llu]", (unsigned long long)size);
    *ret_index = (struct pdf_value){.kind = PDF_ARRAY, .octets = ps_buf_bytes(text)};
    return ps_buf_status(text);
}

static enum ps_err read_xref_stream(struct pdf *pdf, struct ps_bytes rest,
                                    struct pdf_value *ret_trailer)
{
    const size_t before = rest.len;
    struct widths widths = {{0}};
    struct ps_reader reader;
    struct pdf_value index;
    struct pdf_value type;
    uint64_t number;
    PS_BUF_AUTO octets = {.max = PDF_WORK_MAX};
    PS_BUF_AUTO text = {.max = 64};

    PS_TRY(pdf_take_unsigned(&rest, UINT32_MAX, &number));
    PS_TRY(pdf_take_unsigned(&rest, UINT16_MAX, &number));
    if (!pdf_take_word(&rest, "obj")) {
        return pdf_bad("there is no cross-reference section where \"startxref\" points");
    }
    PS_TRY(pdf_work(pdf, before - rest.len));
    PS_TRY(pdf_read_value(pdf, &rest, ret_trailer));
    PS_TRY(pdf_get(*ret_trailer, "Type", &type));
    if (!pdf_name_is(type, "XRef")) {
        return pdf_bad("there is no cross-reference section where one is said to be");
    }
    PS_TRY(read_widths(*ret_trailer, &widths));
    PS_TRY(read_index(*ret_trailer, &text, &index));
    PS_TRY(pdf_read_stream(pdf, *ret_trailer, rest, &octets));
    reader = ps_reader(ps_buf_bytes(&octets));
    return read_rows(pdf, &reader, &widths, index);
}

static enum ps_err get_offset(const struct pdf *pdf, struct pdf_value trailer, const char *key,
                              uint64_t *ret_offset, bool *ret_there)
{
    struct pdf_value value;

    PS_TRY(pdf_get(trailer, key, &value));
    *ret_there = value.kind != PDF_NULL;
    return *ret_there ? pdf_unsigned(value, pdf->file.len - 1, ret_offset) : PS_OK;
}

/* A hybrid file keeps some entries of a table in a stream beside it (section 7.5.8.4). */
static enum ps_err read_beside(struct pdf *pdf, struct pdf_value trailer)
{
    struct pdf_value ignored;
    uint64_t offset = 0;
    bool is_there;

    PS_TRY(get_offset(pdf, trailer, "XRefStm", &offset, &is_there));
    return is_there ? read_xref_stream(pdf, ps_bytes_from(pdf->file, (size_t)offset), &ignored)
                    : PS_OK;
}

static enum ps_err read_section(struct pdf *pdf, uint64_t offset, struct pdf_value *ret_trailer,
                                bool *ret_is_stream)
{
    const struct ps_bytes all = ps_bytes_from(pdf->file, (size_t)offset);
    struct ps_bytes rest = all;

    *ret_is_stream = !pdf_take_word(&rest, "xref");
    if (*ret_is_stream) {
        return read_xref_stream(pdf, rest, ret_trailer);
    }
    PS_TRY(pdf_work(pdf, all.len - rest.len));
    PS_TRY(read_table(pdf, rest, ret_trailer));
    return read_beside(pdf, *ret_trailer);
}

static enum ps_err take_newest(struct pdf *pdf, struct pdf_value trailer, bool is_stream)
{
    struct pdf_value value;
    uint64_t size;

    PS_TRY(pdf_get(trailer, "Size", &value));
    PS_TRY(pdf_unsigned(value, PDF_OBJECTS_MAX, &size));
    pdf->tail.trailer = trailer;
    pdf->tail.size = (uint32_t)size;
    pdf->tail.has_xref_stream = is_stream;
    return PS_OK;
}

static enum ps_err check_open(struct pdf_value trailer)
{
    struct pdf_value value;

    PS_TRY(pdf_get(trailer, "Encrypt", &value));
    return value.kind == PDF_NULL
               ? PS_OK
               : pdf_unsupported("it is encrypted; take its password off before signing");
}

/* A number that is taken for free would be given to a new object. */
static enum ps_err check_size(const struct pdf *pdf)
{
    for (uint32_t number = pdf->tail.size; number < pdf->entry_count; number++) {
        if (pdf->entries[number].place == PDF_IN_FILE ||
            pdf->entries[number].place == PDF_IN_STREAM) {
            return pdf_bad("its trailer's /Size is too small");
        }
    }
    return PS_OK;
}

enum ps_err pdf_read_xref(struct pdf *pdf)
{
    struct pdf_value trailer = {.kind = PDF_NULL};
    uint64_t offset;
    bool is_stream;
    bool more = true;

    PS_TRY(find_start(pdf));
    offset = pdf->tail.startxref;
    for (unsigned sections = 0; more; sections++) {
        if (sections == SECTIONS_MAX) {
            return pdf_bad("its cross-reference sections have no end");
        }
        PS_TRY(pdf_work(pdf, 64));
        PS_TRY(read_section(pdf, offset, &trailer, &is_stream));
        PS_TRY(check_open(trailer));
        if (sections == 0) {
            PS_TRY(take_newest(pdf, trailer, is_stream));
        }
        PS_TRY(get_offset(pdf, trailer, "Prev", &offset, &more));
    }
    return check_size(pdf);
}
