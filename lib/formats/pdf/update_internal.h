#ifndef FORMATS_PDF_UPDATE_INTERNAL_H
#define FORMATS_PDF_UPDATE_INTERNAL_H

#include "lib/formats/pdf/internal.h"
#include "lib/formats/pdf/update.h"

/* The signature, its field, its appearance; page or list of annotations; list of fields, form or
 * catalog; the cross-reference stream. */
#define PARTS_MAX 8u

/* An offset in a file that is small enough to be read. */
#define OFFSET_DIGITS 10

struct part {
    struct pdf_reference reference;
    size_t offset; /* in file and update together */
};

struct update {
    struct pdf *pdf;
    const struct pdf_signature *signature;
    struct ps_buf *out;
    struct part parts[PARTS_MAX];
    size_t part_count;
    uint32_t next_number;
    unsigned field_depth;       /* of the fields that are looked at */
    struct pdf_reference value; /* the signature dictionary */
    struct pdf_reference field; /* which is its widget, too */
    struct pdf_reference look;  /* the appearance; number 0: none */
    size_t range_at;            /* of the numbers in /ByteRange, in `out` */
    size_t contents_at;         /* of "<" of /Contents, in `out` */
};

/* update.c: an object that is new or changed, open until end_object. */
PS_MUST_USE enum ps_err update_begin_object(struct update *update, struct pdf_reference reference);
void update_end_object(struct update *update);
struct pdf_reference update_new_reference(struct update *update);

static inline size_t update_here(const struct update *update)
{
    return pdf_file(update->pdf).len + update->out->len;
}

static inline bool update_is_visible(const struct pdf_signature *signature)
{
    return signature->box.right > signature->box.left;
}

/* update_check.c: whether the document may be signed at all, and the box is on the page. */
PS_MUST_USE enum ps_err update_check_permissions(struct update *update, struct pdf_value catalog);
PS_MUST_USE enum ps_err update_check_form(struct update *update, struct pdf_value form);
PS_MUST_USE enum ps_err update_check_box(const struct pdf_signature *signature,
                                         const struct pdf_page *page);

/* update_xref.c: the cross-reference section, of the kind that the file has, and the end. */
PS_MUST_USE enum ps_err update_put_xref(struct update *update);

#endif
