#include "lib/formats/pdf/internal.h"

#include <stdlib.h>

/* One object needs another to be read: its stream's length, the object stream it is in. */
#define NEEDS_MAX 8u

/* References that lead to references. */
#define HOPS_MAX 8u

enum ps_err pdf_bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0,
                   "the PDF is malformed: %s (rewriting it may help: qpdf IN.pdf OUT.pdf)", what);
}

enum ps_err pdf_unsupported(const char *what)
{
    return ps_fail(PS_E_STATE, 0, "the PDF cannot be signed: %s", what);
}

enum ps_err pdf_work(struct pdf *pdf, uint64_t octets)
{
    pdf->work += octets;
    if (pdf->work > PDF_WORK_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "the PDF has over %u MiB of structure", PDF_WORK_MAX >> 20);
    }
    return PS_OK;
}

enum ps_err pdf_read_value(struct pdf *pdf, struct ps_bytes *rest, struct pdf_value *ret_value)
{
    const size_t before = rest->len;
    enum ps_err err = pdf_take_value_within(rest, PDF_VALUES_MAX - pdf->values, ret_value);

    if (err == PS_OK) {
        PS_TRY(pdf_work(pdf, before - rest->len));
        err = before - rest->len > PDF_VALUES_MAX - pdf->values ? PS_E_LIMIT : PS_OK;
    }
    if (err == PS_E_LIMIT) {
        return ps_fail(PS_E_LIMIT, 0,
                       "the PDF has over %u KiB of values on the way to the page and its form",
                       PDF_VALUES_MAX >> 10);
    }
    PS_TRY(err);
    pdf->values += before - rest->len;
    return PS_OK;
}

enum ps_err pdf_check_begin(struct ps_bytes file)
{
    return ps_bytes_starts_with(file, ps_bytes_str("%PDF-")) && file.len <= UINT32_MAX
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "the body is no PDF: it does not begin with %%PDF-");
}

enum ps_err pdf_open(struct ps_bytes file, struct pdf **ret_pdf)
{
    PS_CLEANUP(pdf_free_cleanup) struct pdf *pdf = NULL;

    PS_TRY(pdf_check_begin(file));
    pdf = calloc(1, sizeof *pdf);
    if (pdf == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    pdf->file = file;
    PS_TRY(pdf_read_xref(pdf));
    *ret_pdf = pdf;
    pdf = NULL;
    return PS_OK;
}

void pdf_free(struct pdf *pdf)
{
    if (pdf == NULL) {
        return;
    }
    while (pdf->containers != NULL) {
        struct pdf_container *container = pdf->containers;

        pdf->containers = container->next;
        ps_buf_clear(&container->octets);
        free(container);
    }
    free(pdf->entries);
    free(pdf);
}

const struct pdf_tail *pdf_tail(const struct pdf *pdf)
{
    return &pdf->tail;
}

struct ps_bytes pdf_file(const struct pdf *pdf)
{
    return pdf->file;
}

/* The entry of an object; of numbers that no section names it is that of a free one. */
static struct pdf_entry entry_of(const struct pdf *pdf, uint32_t number)
{
    return number < pdf->tail.size && number < pdf->entry_count
               ? pdf->entries[number]
               : (struct pdf_entry){.place = PDF_UNKNOWN};
}

/* *ret_rest stands behind the value. */
static enum ps_err object_in_file(struct pdf *pdf, struct pdf_reference wanted, uint32_t offset,
                                  struct pdf_value *ret_value, struct ps_bytes *ret_rest)
{
    const struct ps_bytes all = ps_bytes_from(pdf->file, offset);
    struct ps_bytes rest = all;
    uint64_t number;
    uint64_t generation;

    PS_TRY(pdf_take_unsigned(&rest, UINT32_MAX, &number));
    PS_TRY(pdf_take_unsigned(&rest, UINT16_MAX, &generation));
    if (!pdf_take_word(&rest, "obj") || number != wanted.number ||
        generation != wanted.generation) {
        return pdf_bad("an object is not where the cross-reference section says");
    }
    PS_TRY(pdf_work(pdf, all.len - rest.len));
    PS_TRY(pdf_read_value(pdf, &rest, ret_value));
    *ret_rest = rest;
    return PS_OK;
}

static enum ps_err read_container(struct pdf *pdf, struct pdf_container *container)
{
    const struct pdf_entry entry = entry_of(pdf, container->number);
    struct ps_bytes rest = ps_bytes(NULL, 0);
    struct pdf_value value;
    struct pdf_value dict;

    if (entry.place != PDF_IN_FILE) {
        return pdf_bad("an object stream is not there");
    }
    PS_TRY(object_in_file(pdf, (struct pdf_reference){container->number, entry.second}, entry.where,
                          &dict, &rest));
    PS_TRY(pdf_get(dict, "Type", &value));
    if (!pdf_name_is(value, "ObjStm")) {
        return pdf_bad("an object stream is something else");
    }
    PS_TRY(pdf_get_resolved(pdf, dict, "N", &value));
    PS_TRY(pdf_unsigned(value, PDF_OBJECTS_MAX, &container->count));
    PS_TRY(pdf_get_resolved(pdf, dict, "First", &value));
    PS_TRY(pdf_unsigned(value, PDF_WORK_MAX, &container->first));
    return pdf_read_stream(pdf, dict, rest, &container->octets);
}

static enum ps_err find_container(struct pdf *pdf, uint32_t number,
                                  const struct pdf_container **ret_container)
{
    struct pdf_container *container;
    enum ps_err err;

    for (container = pdf->containers; container != NULL; container = container->next) {
        PS_TRY(pdf_work(pdf, 1));
        if (container->number == number) {
            *ret_container = container;
            return PS_OK;
        }
    }
    container = calloc(1, sizeof *container);
    if (container == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    container->number = number;
    ps_buf_init(&container->octets, PDF_WORK_MAX);
    err = read_container(pdf, container);
    if (err != PS_OK) {
        ps_buf_clear(&container->octets);
        free(container);
        return err;
    }
    container->next = pdf->containers;
    pdf->containers = container;
    *ret_container = container;
    return PS_OK;
}

/* The numbers and offsets come first, then the objects (ISO 32000-1 section 7.5.7). */
static enum ps_err object_in_stream(struct pdf *pdf, uint32_t wanted, uint32_t stream,
                                    struct pdf_value *ret_value)
{
    const struct pdf_container *container;
    struct ps_bytes rest;
    uint64_t number;
    uint64_t offset;

    PS_TRY(find_container(pdf, stream, &container));
    rest = ps_buf_bytes(&container->octets);
    for (uint64_t i = 0; i < container->count; i++) {
        const size_t before = rest.len;

        PS_TRY(pdf_take_unsigned(&rest, UINT32_MAX, &number));
        PS_TRY(pdf_take_unsigned(&rest, PDF_WORK_MAX, &offset));
        PS_TRY(pdf_work(pdf, before - rest.len));
        if (number == wanted) {
            rest = ps_bytes_from(ps_buf_bytes(&container->octets),
                                 (size_t)(container->first + offset));
            return pdf_read_value(pdf, &rest, ret_value);
        }
    }
    return pdf_bad("an object is not in the stream that the cross-reference section says");
}

static enum ps_err read_object(struct pdf *pdf, struct pdf_reference reference,
                               struct pdf_value *ret_value)
{
    const struct pdf_entry entry = entry_of(pdf, reference.number);
    struct ps_bytes rest;

    PS_TRY(pdf_work(pdf, 16));
    if (entry.place == PDF_IN_FILE && entry.second == reference.generation) {
        return object_in_file(pdf, reference, entry.where, ret_value, &rest);
    }
    if (entry.place == PDF_IN_STREAM && reference.generation == 0) {
        return object_in_stream(pdf, reference.number, entry.where, ret_value);
    }
    *ret_value = (struct pdf_value){.kind = PDF_NULL};
    return PS_OK;
}

enum ps_err pdf_object(struct pdf *pdf, struct pdf_reference reference, struct pdf_value *ret_value)
{
    enum ps_err err;

    if (pdf->depth == NEEDS_MAX) {
        return pdf_bad("an object needs itself to be read");
    }
    pdf->depth++;
    err = read_object(pdf, reference, ret_value);
    pdf->depth--;
    return err;
}

enum ps_err pdf_resolve(struct pdf *pdf, struct pdf_value value, struct pdf_value *ret_value)
{
    struct pdf_reference reference;

    for (unsigned hops = 0; value.kind == PDF_REFERENCE; hops++) {
        if (hops == HOPS_MAX) {
            return pdf_bad("references lead in a circle");
        }
        PS_TRY(pdf_reference(value, &reference));
        PS_TRY(pdf_object(pdf, reference, &value));
    }
    *ret_value = value;
    return PS_OK;
}

enum ps_err pdf_get_resolved(struct pdf *pdf, struct pdf_value dict, const char *key,
                             struct pdf_value *ret_value)
{
    struct pdf_value value;

    PS_TRY(pdf_get(dict, key, &value));
    return pdf_resolve(pdf, value, ret_value);
}
