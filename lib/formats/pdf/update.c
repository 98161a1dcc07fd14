#include "lib/formats/pdf/update_internal.h"

#include "lib/base/encode.h"
#include "lib/formats/pdf/appearance.h"
#include "lib/formats/pdf/text.h"

#include <assert.h>
#include <stdio.h>

static void put_reference(struct ps_buf *out, struct pdf_reference reference)
{
    ps_buf_printf(out, "%u %u R", reference.number, reference.generation);
}

struct pdf_reference update_new_reference(struct update *update)
{
    return (struct pdf_reference){.number = update->next_number++};
}

/* Objects that are changed twice in one update would be found in one of two forms. */
enum ps_err update_begin_object(struct update *update, struct pdf_reference reference)
{
    for (size_t i = 0; i < update->part_count; i++) {
        if (update->parts[i].reference.number == reference.number) {
            return pdf_bad("one object is page, form or list at once");
        }
    }
    assert(update->part_count < PARTS_MAX);
    update->parts[update->part_count++] =
        (struct part){.reference = reference, .offset = update_here(update)};
    ps_buf_printf(update->out, "%u %u obj\n", reference.number, reference.generation);
    return PS_OK;
}

void update_end_object(struct update *update)
{
    ps_buf_put_str(update->out, "\nendobj\n");
}

/* The elements of an array as they are, and one more. */
static void put_longer_array(struct update *update, struct pdf_value array)
{
    ps_buf_put_u8(update->out, '[');
    if (array.kind == PDF_ARRAY) {
        ps_buf_put(update->out, pdf_inside(array));
        ps_buf_put_u8(update->out, '\n');
    }
    put_reference(update->out, update->field);
    ps_buf_put_u8(update->out, ']');
}

/* A dictionary's entries as they are, but for these keys; open, so that others can follow. */
static enum ps_err put_entries(struct update *update, struct pdf_value dict, const char *without,
                               const char *without_too)
{
    struct ps_bytes rest = pdf_inside(dict);
    struct pdf_value key;
    struct pdf_value value;
    bool more;

    ps_buf_put_str(update->out, "<<");
    for (;;) {
        PS_TRY(pdf_next_entry(&rest, &key, &value, &more));
        if (!more) {
            return ps_buf_status(update->out);
        }
        if (!pdf_name_is(key, without) && !pdf_name_is(key, without_too)) {
            ps_buf_put_u8(update->out, '\n');
            ps_buf_put(update->out, key.octets);
            ps_buf_put_u8(update->out, ' ');
            ps_buf_put(update->out, value.octets);
        }
    }
}

static void put_text_entry(struct ps_buf *out, const char *key, struct ps_bytes text)
{
    if (text.len != 0) {
        ps_buf_put_str(out, key);
        pdf_put_text(out, text);
    }
}

/*
 * The signature dictionary (section 12.8.1). adbe.pkcs7.detached: what the viewers of old know,
 * and what MOSIP writes.
 */
static enum ps_err put_signature(struct update *update)
{
    const struct pdf_signature *signature = update->signature;
    struct ps_buf *out = update->out;

    PS_TRY(update_begin_object(update, update->value));
    ps_buf_put_str(out, "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached");
    put_text_entry(out, "\n/Name ", signature->name);
    put_text_entry(out, "\n/Reason ", signature->reason);
    put_text_entry(out, "\n/Location ", signature->location);
    ps_buf_put_str(out, "\n/M ");
    pdf_put_date(out, signature->time_ns);
    ps_buf_put_str(out, "\n/ByteRange [0 ");
    update->range_at = out->len;
    ps_buf_printf(out, "%*s %*s %*s]\n/Contents ", OFFSET_DIGITS, "", OFFSET_DIGITS, "",
                  OFFSET_DIGITS, "");
    update->contents_at = out->len;
    ps_buf_put_u8(out, '<');
    for (size_t i = 0; i < signature->cms_max; i++) {
        ps_buf_put_str(out, "00");
    }
    ps_buf_put_str(out, "> >>");
    update_end_object(update);
    return ps_buf_status(out);
}

static void put_box(struct ps_buf *out, const struct pdf_rectangle *box)
{
    const int64_t numbers[] = {box->left, box->bottom, box->right, box->top};

    ps_buf_put_u8(out, '[');
    for (size_t i = 0; i < PS_COUNT_OF(numbers); i++) {
        ps_buf_put_u8(out, ' ');
        pdf_put_thousandths(out, numbers[i]);
    }
    ps_buf_put_str(out, " ]");
}

/* Flags: printed, and not to be moved (section 12.5.3). The field's name is one of its own. */
static enum ps_err put_field(struct update *update, const struct pdf_page *page)
{
    struct ps_buf *out = update->out;

    PS_TRY(update_begin_object(update, update->field));
    ps_buf_put_str(out, "<< /Type /Annot /Subtype /Widget /FT /Sig /F 132 /T (Signature-");
    ps_buf_put_hex(out, ps_bytes(update->signature->random, 8));
    ps_buf_put_str(out, ") /V ");
    put_reference(out, update->value);
    ps_buf_put_str(out, " /P ");
    put_reference(out, page->reference);
    ps_buf_put_str(out, " /Rect ");
    put_box(out, &update->signature->box);
    if (update->look.number != 0) {
        ps_buf_put_str(out, " /AP << /N ");
        put_reference(out, update->look);
        ps_buf_put_str(out, " >>");
    }
    ps_buf_put_str(out, " >>");
    update_end_object(update);
    return ps_buf_status(out);
}

static enum ps_err put_look(struct update *update, const struct pdf_page *page)
{
    const struct pdf_signature *signature = update->signature;

    if (!update_is_visible(signature)) {
        return PS_OK;
    }
    update->look = update_new_reference(update);
    PS_TRY(update_begin_object(update, update->look));
    PS_TRY(pdf_put_appearance(&signature->box, page->rotate, signature->lines,
                              signature->line_count, update->out));
    update_end_object(update);
    return ps_buf_status(update->out);
}

/*
 * A list in an object of its own is changed there; else whoever has it has to be changed, also when
 * the object is not there (section 7.3.10: that is null).
 */
static enum ps_err put_list(struct update *update, struct pdf_value list, bool *ret_done)
{
    struct pdf_reference reference;
    struct pdf_value array;

    *ret_done = list.kind == PDF_REFERENCE;
    if (!*ret_done) {
        return list.kind == PDF_ARRAY || list.kind == PDF_NULL
                   ? PS_OK
                   : pdf_bad("its annotations or fields are no array");
    }
    PS_TRY(pdf_reference(list, &reference));
    PS_TRY(pdf_object(update->pdf, reference, &array));
    if (array.kind == PDF_NULL) {
        *ret_done = false;
        return PS_OK;
    }
    if (array.kind != PDF_ARRAY) {
        return pdf_bad("its annotations or fields are no array");
    }
    PS_TRY(update_begin_object(update, reference));
    put_longer_array(update, array);
    update_end_object(update);
    return ps_buf_status(update->out);
}

static enum ps_err put_page(struct update *update, const struct pdf_page *page)
{
    struct pdf_value annotations;
    bool is_done;

    PS_TRY(pdf_get(page->dict, "Annots", &annotations));
    PS_TRY(put_list(update, annotations, &is_done));
    if (is_done) {
        return PS_OK;
    }
    PS_TRY(update_begin_object(update, page->reference));
    PS_TRY(put_entries(update, page->dict, "Annots", ""));
    ps_buf_put_str(update->out, "\n/Annots ");
    put_longer_array(update, annotations);
    ps_buf_put_str(update->out, " >>");
    update_end_object(update);
    return ps_buf_status(update->out);
}

/* The form with one field more, unless that `is_done`; SigFlags (section 12.7.2): there are
 * signatures, append only. */
static enum ps_err put_form_dict(struct update *update, struct pdf_value form, bool is_done)
{
    struct pdf_value fields = {.kind = PDF_NULL};

    if (form.kind == PDF_DICT) {
        PS_TRY(pdf_get(form, "Fields", &fields));
        PS_TRY(put_entries(update, form, is_done ? "" : "Fields", "SigFlags"));
    } else {
        ps_buf_put_str(update->out, "<<");
    }
    ps_buf_put_str(update->out, " /SigFlags 3");
    if (!is_done) {
        ps_buf_put_str(update->out, " /Fields ");
        put_longer_array(update, fields);
    }
    ps_buf_put_str(update->out, " >>");
    return ps_buf_status(update->out);
}

static enum ps_err put_form(struct update *update, struct pdf_reference root,
                            struct pdf_value catalog)
{
    struct pdf_reference reference;
    struct pdf_value fields;
    struct pdf_value value;
    struct pdf_value form;
    bool is_done = false;

    PS_TRY(pdf_get(catalog, "AcroForm", &value));
    PS_TRY(pdf_resolve(update->pdf, value, &form));
    PS_TRY(update_check_form(update, form));
    if (form.kind == PDF_DICT) {
        PS_TRY(pdf_get(form, "Fields", &fields));
        PS_TRY(put_list(update, fields, &is_done));
    }
    if (value.kind == PDF_REFERENCE && form.kind == PDF_DICT) {
        PS_TRY(pdf_reference(value, &reference));
        PS_TRY(update_begin_object(update, reference));
        PS_TRY(put_form_dict(update, form, is_done));
    } else {
        PS_TRY(update_begin_object(update, root));
        PS_TRY(put_entries(update, catalog, "AcroForm", ""));
        ps_buf_put_str(update->out, "\n/AcroForm ");
        PS_TRY(put_form_dict(update, form, is_done));
        ps_buf_put_str(update->out, " >>");
    }
    update_end_object(update);
    return ps_buf_status(update->out);
}

/* Of as many octets as there is room: what is behind a number is white space. */
static void fill_range(struct update *update, const struct pdf_slot *slot)
{
    char text[3 * (OFFSET_DIGITS + 1) + 1];
    const int len = snprintf(text, sizeof text, "%-*zu %-*zu %-*zu", OFFSET_DIGITS, slot->begin,
                             OFFSET_DIGITS, slot->end, OFFSET_DIGITS, slot->total - slot->end);

    assert(len == 3 * OFFSET_DIGITS + 2);
    memcpy(update->out->data + update->range_at, text, (size_t)len);
}

static enum ps_err put_objects(struct update *update, const struct pdf_page *page)
{
    struct pdf_reference root;
    struct pdf_value catalog;
    struct pdf_value value;

    PS_TRY(pdf_get(pdf_tail(update->pdf)->trailer, "Root", &value));
    PS_TRY(pdf_reference(value, &root));
    PS_TRY(pdf_object(update->pdf, root, &catalog));
    PS_TRY(update_check_permissions(update, catalog));
    update->value = update_new_reference(update);
    update->field = update_new_reference(update);
    PS_TRY(put_look(update, page));
    PS_TRY(put_signature(update));
    PS_TRY(put_field(update, page));
    PS_TRY(put_page(update, page));
    return put_form(update, root, catalog);
}

enum ps_err pdf_put_update(struct pdf *pdf, const struct pdf_signature *signature,
                           struct ps_buf *out, struct pdf_slot *ret_slot)
{
    struct update update = {
        .pdf = pdf, .signature = signature, .out = out, .next_number = pdf_tail(pdf)->size};
    struct pdf_page page;
    struct pdf_slot slot;

    PS_TRY(pdf_find_page(pdf, signature->page, &page));
    PS_TRY(update_check_box(signature, &page));
    /* The last line of the file may have no end. */
    ps_buf_put_u8(out, '\n');
    PS_TRY(put_objects(&update, &page));
    PS_TRY(update_put_xref(&update));
    slot.begin = pdf_file(pdf).len + update.contents_at;
    slot.end = slot.begin + 2 + 2 * signature->cms_max;
    slot.total = update_here(&update);
    fill_range(&update, &slot);
    *ret_slot = slot;
    return PS_OK;
}

enum ps_err pdf_fill_slot(struct ps_bytes cms, const struct pdf_slot *slot, size_t file_len,
                          struct ps_buf *update)
{
    PS_BUF_AUTO hex = {.max = slot->end - slot->begin - 2};

    ps_buf_put_hex(&hex, cms);
    PS_TRY(ps_buf_status(&hex));
    memcpy(update->data + (slot->begin - file_len) + 1, hex.data, hex.len);
    return PS_OK;
}
