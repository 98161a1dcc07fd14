#include "lib/formats/pdf/update_internal.h"

#define FIELDS_DEPTH_MAX 16u

typedef enum ps_err each_fn(struct update *update, struct pdf_value value);

/* `array`: none when it is of another kind */
static enum ps_err each_element(struct update *update, struct pdf_value array, each_fn *each)
{
    struct ps_bytes rest;
    struct pdf_value value;
    bool more = array.kind == PDF_ARRAY;

    rest = more ? pdf_inside(array) : ps_bytes(NULL, 0);
    while (more) {
        PS_TRY(pdf_next_element(&rest, &value, &more));
        if (more) {
            PS_TRY(each(update, value));
        }
    }
    return PS_OK;
}

/*
 * The permissions of a certified document (section 12.8.2.2): 1 is "no changes". What the others
 * allow is a signature, and not the annotation that its box would be: with one its author's
 * signature would not hold any more.
 */
static enum ps_err check_reference(struct update *update, struct pdf_value reference)
{
    struct pdf_value value;
    uint64_t permissions = 2;

    PS_TRY(pdf_resolve(update->pdf, reference, &reference));
    PS_TRY(pdf_get_resolved(update->pdf, reference, "TransformMethod", &value));
    if (!pdf_name_is(value, "DocMDP")) {
        return PS_OK;
    }
    PS_TRY(pdf_get_resolved(update->pdf, reference, "TransformParams", &value));
    if (value.kind != PDF_NULL) {
        PS_TRY(pdf_get_resolved(update->pdf, value, "P", &value));
    }
    if (value.kind != PDF_NULL) {
        PS_TRY(pdf_unsigned(value, 3, &permissions));
    }
    if (permissions == 1) {
        return pdf_unsupported("its first signature allows no change any more");
    }
    return update_is_visible(update->signature)
               ? pdf_unsupported("its author has certified it and allows no box: leave the "
                                 "rectangle out")
               : PS_OK;
}

enum ps_err update_check_permissions(struct update *update, struct pdf_value catalog)
{
    struct pdf_value value;

    PS_TRY(pdf_get_resolved(update->pdf, catalog, "Perms", &value));
    if (value.kind != PDF_NULL) {
        PS_TRY(pdf_get_resolved(update->pdf, value, "DocMDP", &value));
    }
    if (value.kind != PDF_NULL) {
        PS_TRY(pdf_get_resolved(update->pdf, value, "Reference", &value));
    }
    return each_element(update, value, check_reference);
}

/*
 * What a signature locks: the /Lock of its field (section 12.7.4.5, and /P of ISO 32000-2), or the
 * parameters of FieldMDP (section 12.8.2.4). A field that is added is none of those that /Include
 * names, and one of all others.
 */
static enum ps_err check_lock(struct update *update, struct pdf_value lock)
{
    struct pdf_value value;
    uint64_t permissions;

    if (lock.kind == PDF_NULL) {
        return PS_OK;
    }
    PS_TRY(pdf_get_resolved(update->pdf, lock, "Action", &value));
    if (pdf_name_is(value, "All") || pdf_name_is(value, "Exclude")) {
        return pdf_unsupported("an earlier signature has locked the fields of its form");
    }
    PS_TRY(pdf_get_resolved(update->pdf, lock, "P", &value));
    if (value.kind == PDF_NULL) {
        return PS_OK;
    }
    PS_TRY(pdf_unsigned(value, 3, &permissions));
    return permissions != 1 ? PS_OK
                            : pdf_unsupported("an earlier signature allows no change any more");
}

static enum ps_err check_field_transform(struct update *update, struct pdf_value reference)
{
    struct pdf_value value;

    PS_TRY(pdf_resolve(update->pdf, reference, &reference));
    PS_TRY(pdf_get_resolved(update->pdf, reference, "TransformMethod", &value));
    if (!pdf_name_is(value, "FieldMDP")) {
        return PS_OK;
    }
    PS_TRY(pdf_get_resolved(update->pdf, reference, "TransformParams", &value));
    return check_lock(update, value);
}

/* Of a field that has been signed, and so locks; one that waits for its signature does not yet. */
static enum ps_err check_signed_field(struct update *update, struct pdf_value field)
{
    struct pdf_value signature;
    struct pdf_value value;

    PS_TRY(pdf_get_resolved(update->pdf, field, "V", &signature));
    if (signature.kind != PDF_DICT) {
        return PS_OK;
    }
    PS_TRY(pdf_get(signature, "ByteRange", &value));
    if (value.kind == PDF_NULL) {
        return PS_OK;
    }
    PS_TRY(pdf_get_resolved(update->pdf, field, "Lock", &value));
    PS_TRY(check_lock(update, value));
    PS_TRY(pdf_get_resolved(update->pdf, signature, "Reference", &value));
    return each_element(update, value, check_field_transform);
}

/* NOLINTNEXTLINE(misc-no-recursion): FIELDS_DEPTH_MAX bounds it. */
static enum ps_err check_field(struct update *update, struct pdf_value field)
{
    struct pdf_value kids;
    enum ps_err err;

    PS_TRY(pdf_resolve(update->pdf, field, &field));
    if (field.kind != PDF_DICT) {
        return pdf_bad("a form has a field that is no dictionary");
    }
    PS_TRY(check_signed_field(update, field));
    PS_TRY(pdf_get_resolved(update->pdf, field, "Kids", &kids));
    if (update->field_depth == FIELDS_DEPTH_MAX) {
        return pdf_bad("a form's fields are nested too deeply");
    }
    update->field_depth++;
    err = each_element(update, kids, check_field);
    update->field_depth--;
    return err;
}

/* Section 12.7.2: the first flag says that there are signatures. */
static enum ps_err has_signatures(struct update *update, struct pdf_value form, bool *ret_has)
{
    struct pdf_value value;
    uint64_t flags = 0;

    PS_TRY(pdf_get_resolved(update->pdf, form, "SigFlags", &value));
    if (value.kind != PDF_NULL) {
        PS_TRY(pdf_unsigned(value, UINT32_MAX, &flags));
    }
    *ret_has = (flags & 1) != 0;
    return PS_OK;
}

enum ps_err update_check_form(struct update *update, struct pdf_value form)
{
    bool is_signed = false;
    struct pdf_value value;

    if (form.kind == PDF_NULL) {
        return PS_OK;
    }
    PS_TRY(pdf_get(form, "XFA", &value));
    if (value.kind != PDF_NULL) {
        return pdf_unsupported("it is an XFA form, whose pages are not in the file");
    }
    PS_TRY(pdf_get_resolved(update->pdf, form, "Fields", &value));
    if (value.kind != PDF_ARRAY && value.kind != PDF_NULL) {
        return pdf_bad("a form's /Fields is no array");
    }
    PS_TRY(has_signatures(update, form, &is_signed));
    return is_signed ? each_element(update, value, check_field) : PS_OK;
}

enum ps_err update_check_box(const struct pdf_signature *signature, const struct pdf_page *page)
{
    const struct pdf_rectangle *box = &signature->box;
    const struct pdf_rectangle *media = &page->media_box;

    if (update_is_visible(signature) && (box->left < media->left || box->bottom < media->bottom ||
                                         box->right > media->right || box->top > media->top)) {
        return ps_fail(
            PS_E_STATE, 0, "the rectangle is not on page %u, which is %lld,%lld,%lld,%lld points",
            signature->page, (long long)media->left / 1000, (long long)media->bottom / 1000,
            (long long)media->right / 1000, (long long)media->top / 1000);
    }
    return PS_OK;
}
