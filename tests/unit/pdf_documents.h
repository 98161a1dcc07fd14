#ifndef TESTS_UNIT_PDF_DOCUMENTS_H
#define TESTS_UNIT_PDF_DOCUMENTS_H

#include "tests/unit/support.h"

#include "lib/formats/pdf/update.h"

#include <zlib.h>

/* PDF files made of their objects' text: what stands between the header and the end is found. */

#define PDF_DOCUMENT_MAX (16u * 1024u * 1024u)
#define PDF_NUMBERS_MAX  4096u

#define PDF_CATALOG "1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
#define PDF_PAGES   "2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
#define PDF_PAGE    "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>\nendobj\n"

struct pdf_maker {
    struct ps_buf file;
    size_t offsets[PDF_NUMBERS_MAX]; /* 0: no such object in this section */
    size_t size;
};

static inline PS_UNUSED void pdf_maker_begin(struct pdf_maker *maker)
{
    memset(maker, 0, sizeof *maker);
    ps_buf_init(&maker->file, PDF_DOCUMENT_MAX);
    ps_buf_put_str(&maker->file, "%PDF-1.7\n");
    maker->size = 1;
}

/* Objects, each with "N 0 obj" at the beginning of a line. */
static inline PS_UNUSED void pdf_maker_put(struct pdf_maker *maker, const char *objects)
{
    for (const char *line = objects; line != NULL && *line != '\0';) {
        unsigned number = 0;
        int end = 0;

        if (sscanf(line, "%u 0 obj%n", &number, &end) == 1 && end != 0) {
            assert_true(number < PDF_NUMBERS_MAX);
            maker->offsets[number] = maker->file.len + (size_t)(line - objects);
            maker->size = number >= maker->size ? number + 1 : maker->size;
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    ps_buf_put_str(&maker->file, objects);
}

/* A table of the objects since the last one, and a trailer with these entries beside /Size. */
static inline PS_UNUSED size_t pdf_maker_end(struct pdf_maker *maker, const char *entries)
{
    const size_t startxref = maker->file.len;

    ps_buf_put_str(&maker->file, "xref\n0 1\n0000000000 65535 f \n");
    for (size_t i = 1; i < maker->size; i++) {
        if (maker->offsets[i] != 0) {
            ps_buf_printf(&maker->file, "%zu 1\n%010zu 00000 n \n", i, maker->offsets[i]);
        }
    }
    memset(maker->offsets, 0, sizeof maker->offsets);
    ps_buf_printf(&maker->file, "trailer\n<< /Size %zu %s >>\nstartxref\n%zu\n%%%%EOF\n",
                  maker->size, entries, startxref);
    assert_ok(ps_buf_status(&maker->file));
    return startxref;
}

static inline PS_UNUSED struct ps_buf pdf_document(const char *objects, const char *entries)
{
    static struct pdf_maker maker;

    pdf_maker_begin(&maker);
    pdf_maker_put(&maker, objects);
    (void)pdf_maker_end(&maker, entries);
    return maker.file;
}

/* A document of one page. */
static inline PS_UNUSED struct ps_buf pdf_plain(void)
{
    return pdf_document(PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 1 0 R /ID [<0011> <2233>]");
}

/* A compressed stream object with these entries beside /Length and /Filter. */
static inline PS_UNUSED void pdf_put_flate(struct ps_buf *out, const char *entries,
                                           struct ps_bytes octets)
{
    uLongf len = compressBound((uLong)octets.len);
    uint8_t *packed = malloc(len);

    assert_non_null(packed);
    assert_int_equal(compress2(packed, &len, octets.data, (uLong)octets.len, 9), Z_OK);
    ps_buf_printf(out, "<< %s /Filter /FlateDecode /Length %lu >>\nstream\r\n", entries, len);
    ps_buf_put(out, ps_bytes(packed, len));
    ps_buf_put_str(out, "\nendstream\nendobj\n");
    free(packed);
}

static inline PS_UNUSED struct pdf_signature pdf_signature_default(void)
{
    return (struct pdf_signature){.time_ns = UINT64_C(1767323045) * 1000000000,
                                  .name = ps_bytes_str("Ministry of Keys"),
                                  .reason = ps_bytes_str("Approved"),
                                  .page = 1,
                                  .cms_max = 16};
}

/* The file with an update that signs it; *ret_slot says where. */
static inline PS_UNUSED enum ps_err pdf_sign(struct ps_bytes file,
                                             const struct pdf_signature *signature,
                                             struct ps_buf *out, struct pdf_slot *ret_slot)
{
    PS_CLEANUP(pdf_free_cleanup) struct pdf *pdf = NULL;
    PS_BUF_AUTO update = {.max = 1024 * 1024};

    PS_TRY(pdf_open(file, &pdf));
    PS_TRY(pdf_put_update(pdf, signature, &update, ret_slot));
    ps_buf_init(out, PDF_DOCUMENT_MAX);
    ps_buf_put(out, file);
    ps_buf_put(out, ps_buf_bytes(&update));
    return ps_buf_status(out);
}

#endif
