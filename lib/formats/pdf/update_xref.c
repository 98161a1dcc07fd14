#include "lib/formats/pdf/update_internal.h"

#include "lib/base/encode.h"

static void sort_parts(struct update *update)
{
    for (size_t i = 1; i < update->part_count; i++) {
        const struct part part = update->parts[i];
        size_t to = i;

        for (; to > 0 && update->parts[to - 1].reference.number > part.reference.number; to--) {
            update->parts[to] = update->parts[to - 1];
        }
        update->parts[to] = part;
    }
}

static enum ps_err put_trailer_entries(struct update *update)
{
    static const char *const kept[] = {"Root", "Info"};
    const struct pdf_tail *tail = pdf_tail(update->pdf);
    struct pdf_value value;
    struct ps_bytes rest;
    bool more;

    ps_buf_printf(update->out, " /Size %u /Prev %llu", update->next_number,
                  (unsigned long long)tail->startxref);
    for (size_t i = 0; i < PS_COUNT_OF(kept); i++) {
        PS_TRY(pdf_get(tail->trailer, kept[i], &value));
        if (value.kind != PDF_NULL) {
            ps_buf_printf(update->out, " /%s ", kept[i]);
            ps_buf_put(update->out, value.octets);
        }
    }
    PS_TRY(pdf_get(tail->trailer, "ID", &value));
    if (value.kind != PDF_ARRAY) {
        return ps_buf_status(update->out);
    }
    /* Section 14.4: the first identifies the document for ever, the second this form of it. */
    rest = pdf_inside(value);
    PS_TRY(pdf_next_element(&rest, &value, &more));
    if (more && value.kind == PDF_STRING) {
        ps_buf_put_str(update->out, " /ID [");
        ps_buf_put(update->out, value.octets);
        ps_buf_put_str(update->out, " <");
        ps_buf_put_hex(update->out, ps_bytes(update->signature->random, PDF_RANDOM_LEN));
        ps_buf_put_str(update->out, ">]");
    }
    return ps_buf_status(update->out);
}

static enum ps_err put_table(struct update *update)
{
    ps_buf_put_str(update->out, "xref\n");
    for (size_t i = 0; i < update->part_count; i++) {
        const struct part *part = &update->parts[i];

        ps_buf_printf(update->out, "%u 1\n%010zu %05u n \n", part->reference.number, part->offset,
                      part->reference.generation);
    }
    ps_buf_put_str(update->out, "trailer\n<<");
    PS_TRY(put_trailer_entries(update));
    ps_buf_put_str(update->out, " >>\n");
    return ps_buf_status(update->out);
}

/* It is an object itself, and has its own row. */
static enum ps_err put_stream(struct update *update)
{
    PS_TRY(update_begin_object(update, update_new_reference(update)));
    sort_parts(update);
    ps_buf_put_str(update->out, "<< /Type /XRef /W [1 4 2] /Index [");
    for (size_t i = 0; i < update->part_count; i++) {
        ps_buf_printf(update->out, " %u 1", update->parts[i].reference.number);
    }
    ps_buf_printf(update->out, " ] /Length %zu", update->part_count * 7);
    PS_TRY(put_trailer_entries(update));
    ps_buf_put_str(update->out, " >>\nstream\n");
    for (size_t i = 0; i < update->part_count; i++) {
        ps_buf_put_u8(update->out, 1);
        ps_buf_put_u32(update->out, (uint32_t)update->parts[i].offset);
        ps_buf_put_u16(update->out, (uint16_t)update->parts[i].reference.generation);
    }
    ps_buf_put_str(update->out, "\nendstream");
    update_end_object(update);
    return ps_buf_status(update->out);
}

enum ps_err update_put_xref(struct update *update)
{
    const size_t startxref = update_here(update);

    sort_parts(update);
    if (pdf_tail(update->pdf)->has_xref_stream) {
        PS_TRY(put_stream(update));
    } else {
        PS_TRY(put_table(update));
    }
    ps_buf_printf(update->out, "startxref\n%zu\n%%%%EOF\n", startxref);
    return ps_buf_status(update->out);
}
