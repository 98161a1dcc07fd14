#include "tests/unit/pdf_documents.h"

/* What a document can make its reader do: whatever is read is counted, as often as it is read. */

#define GAP (1024u * 1024u)

static void put_gap(struct ps_buf *out)
{
    uint8_t *room = ps_buf_reserve(out, GAP);

    assert_non_null(room);
    memset(room, ' ', GAP);
    ps_buf_commit(out, GAP);
}

/* No octet of the file stands for these rows: a hundred bytes would be two million rows each. */
static void rows_without_octets_are_refused(void **state)
{
    struct pdf *pdf = NULL;
    PS_BUF_AUTO file = {.max = PDF_DOCUMENT_MAX};

    (void)state;
    ps_buf_put_str(&file, "%PDF-1.5\n5 0 obj\n");
    ps_buf_put_str(&file, "<< /Type /XRef /Size 6 /W [0 0 0] /Root 1 0 R /Length 0 /Index [");
    for (unsigned i = 0; i < 10000; i++) {
        ps_buf_put_str(&file, " 0 2000000");
    }
    ps_buf_put_str(&file, " ] >>\nstream\n\nendstream\nendobj\nstartxref\n9\n%%EOF");
    assert_fails(PS_E_INPUT, pdf_open(ps_buf_bytes(&file), &pdf));
}

/* `kids`: references to page 5, which a gap stands in front of. */
static enum ps_err open_with_kids(unsigned kids)
{
    static struct pdf_maker maker;
    PS_CLEANUP(pdf_free_cleanup) struct pdf *pdf = NULL;
    struct pdf_page page;
    enum ps_err err;

    pdf_maker_begin(&maker);
    pdf_maker_put(&maker, PDF_CATALOG "2 0 obj\n<< /Type /Pages /MediaBox [0 0 9 9] /Kids [");
    for (unsigned i = 0; i < kids; i++) {
        ps_buf_put_str(&maker.file, " 5 0 R");
    }
    pdf_maker_put(&maker, " 3 0 R] /Count 1 >>\nendobj\n" PDF_PAGE);
    maker.offsets[5] = maker.file.len;
    maker.size = 6;
    put_gap(&maker.file);
    ps_buf_put_str(&maker.file, "5 0 obj\n<< /Kids [] /Count 0 >>\nendobj\n");
    (void)pdf_maker_end(&maker, "/Root 1 0 R");
    err = pdf_open(ps_buf_bytes(&maker.file), &pdf);
    if (err == PS_OK) {
        err = pdf_find_page(pdf, 1, &page);
    }
    ps_buf_clear(&maker.file);
    return err;
}

static void white_space_before_an_object_counts_each_time(void **state)
{
    (void)state;
    assert_ok(open_with_kids(30));
    assert_fails(PS_E_LIMIT, open_with_kids(40));
}

/* Sections that lead to themselves, behind a gap. */
static void white_space_before_a_section_counts_each_time(void **state)
{
    static struct pdf_maker maker;
    char entries[64];
    struct pdf *pdf = NULL;

    (void)state;
    pdf_maker_begin(&maker);
    (void)snprintf(entries, sizeof entries, "/Root 1 0 R /Prev %zu", maker.file.len);
    put_gap(&maker.file);
    (void)pdf_maker_end(&maker, entries);
    assert_fails(PS_E_LIMIT, pdf_open(ps_buf_bytes(&maker.file), &pdf));
    ps_buf_clear(&maker.file);
}

/* Numbers in front of the objects of a stream. */
static void white_space_in_an_object_stream_counts_each_time(void **state)
{
    static struct pdf_maker maker;
    struct pdf *pdf = NULL;
    struct pdf_value value;
    size_t container;
    size_t startxref;
    enum ps_err err = PS_OK;
    PS_BUF_AUTO inside = {.max = PDF_DOCUMENT_MAX};

    (void)state;
    pdf_maker_begin(&maker);
    put_gap(&inside);
    ps_buf_put_str(&inside, "1 0 ");
    ps_buf_put_str(&inside, "(x)");
    container = maker.file.len;
    ps_buf_put_str(&maker.file, "4 0 obj\n");
    pdf_put_flate(&maker.file, "/Type /ObjStm /N 1 /First 1048580", ps_buf_bytes(&inside));
    startxref = maker.file.len;
    ps_buf_put_str(&maker.file, "5 0 obj\n<< /Type /XRef /Size 6 /Root 1 0 R /Index [1 1 4 1] /W "
                                "[1 2 1] /Length 8 >>\nstream\n");
    ps_buf_put(&maker.file, LITERAL("\2\0\4\0\1"));
    ps_buf_put_u16(&maker.file, (uint16_t)container);
    ps_buf_put_u8(&maker.file, 0);
    ps_buf_printf(&maker.file, "\nendstream\nendobj\nstartxref\n%zu\n%%%%EOF", startxref);
    assert_ok(pdf_open(ps_buf_bytes(&maker.file), &pdf));
    for (unsigned i = 0; i < 40 && err == PS_OK; i++) {
        err = pdf_object(pdf, (struct pdf_reference){1, 0}, &value);
    }
    assert_int_equal(err, PS_E_LIMIT);
    pdf_free(pdf);
    ps_buf_clear(&maker.file);
}

#define CONTAINERS 1000u

/* Object 10 + i stands in stream 2000 + i; the first that was read is the last that is looked at.
 */
static void looking_for_one_of_many_object_streams_counts(void **state)
{
    static struct pdf_maker maker;
    PS_CLEANUP(pdf_free_cleanup) struct pdf *pdf = NULL;
    struct pdf_value value;
    size_t startxref;
    enum ps_err err = PS_OK;
    PS_BUF_AUTO rows = {.max = 64 * 1024};

    (void)state;
    pdf_maker_begin(&maker);
    for (uint32_t i = 0; i < CONTAINERS; i++) {
        ps_buf_put_u8(&rows, 2);
        ps_buf_put_u32(&rows, 2000 + i);
    }
    for (uint32_t i = 0; i < CONTAINERS; i++) {
        ps_buf_put_u8(&rows, 1);
        ps_buf_put_u32(&rows, (uint32_t)maker.file.len);
        ps_buf_printf(&maker.file,
                      "%u 0 obj\n<< /Type /ObjStm /N 1 /First 7 /Length 8 >>\nstream\n%-4u 0 0"
                      "\nendstream\nendobj\n",
                      2000 + i, 10 + i);
    }
    startxref = maker.file.len;
    ps_buf_printf(&maker.file,
                  "5 0 obj\n<< /Type /XRef /Size 3000 /Root 1 0 R /Index [10 %u 2000 %u] /W "
                  "[1 4 0] /Length %zu >>\nstream\n",
                  CONTAINERS, CONTAINERS, rows.len);
    ps_buf_put(&maker.file, ps_buf_bytes(&rows));
    ps_buf_printf(&maker.file, "\nendstream\nendobj\nstartxref\n%zu\n%%%%EOF", startxref);
    assert_ok(pdf_open(ps_buf_bytes(&maker.file), &pdf));
    for (uint32_t i = 0; i < CONTAINERS; i++) {
        assert_ok(pdf_object(pdf, (struct pdf_reference){10 + i, 0}, &value));
    }
    for (unsigned i = 0; i < 40000 && err == PS_OK; i++) {
        err = pdf_object(pdf, (struct pdf_reference){10, 0}, &value);
    }
    assert_int_equal(err, PS_E_LIMIT);
    ps_buf_clear(&maker.file);
}

/* A page with an array of so many octets; each value is looked through for many keys. */
static enum ps_err sign_with_array(size_t octets)
{
    static struct pdf_maker maker;
    struct pdf_signature signature = pdf_signature_default();
    struct pdf_slot slot;
    PS_BUF_AUTO signed_file = {0};
    enum ps_err err;

    pdf_maker_begin(&maker);
    pdf_maker_put(&maker, PDF_CATALOG PDF_PAGES
                  "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /X [");
    for (size_t i = 0; i < octets; i += 2) {
        ps_buf_put_str(&maker.file, "1 ");
    }
    pdf_maker_put(&maker, "] >>\nendobj\n");
    (void)pdf_maker_end(&maker, "/Root 1 0 R");
    err = pdf_sign(ps_buf_bytes(&maker.file), &signature, &signed_file, &slot);
    ps_buf_clear(&maker.file);
    return err;
}

static void values_are_a_small_part_of_what_is_read(void **state)
{
    (void)state;
    assert_ok(sign_with_array(GAP / 2)); /* it is read for the page, and once more to be written */
    assert_fails(PS_E_LIMIT, sign_with_array(2 * GAP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_without_octets_are_refused),
        cmocka_unit_test(white_space_before_an_object_counts_each_time),
        cmocka_unit_test(white_space_before_a_section_counts_each_time),
        cmocka_unit_test(white_space_in_an_object_stream_counts_each_time),
        cmocka_unit_test(looking_for_one_of_many_object_streams_counts),
        cmocka_unit_test(values_are_a_small_part_of_what_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
