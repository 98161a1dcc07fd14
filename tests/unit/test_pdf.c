#include "tests/unit/pdf_documents.h"

/* Documents, as far as signing reads them, and the updates that sign them. */

static bool has(struct ps_bytes octets, const char *text)
{
    return memmem(octets.data, octets.len, text, strlen(text)) != NULL;
}

/* What a reader finds in a signed file: the last field of the form, and its signature. */
static void check_signed(struct ps_bytes file, uint32_t page_number, size_t fields)
{
    PS_CLEANUP(pdf_free_cleanup) struct pdf *pdf = NULL;
    struct pdf_value value;
    struct pdf_value field = {.kind = PDF_NULL};
    struct pdf_page page;
    struct ps_bytes rest;
    bool more = true;
    size_t count = 0;

    assert_ok(pdf_open(file, &pdf));
    assert_ok(pdf_get_resolved(pdf, pdf_tail(pdf)->trailer, "Root", &value));
    assert_ok(pdf_get_resolved(pdf, value, "AcroForm", &value));
    assert_ok(pdf_get_resolved(pdf, value, "Fields", &value));
    for (rest = pdf_inside(value); more; count += more ? 1 : 0) {
        assert_ok(pdf_next_element(&rest, &field, &more));
    }
    assert_int_equal(count, fields);
    assert_ok(pdf_find_page(pdf, page_number, &page));
    assert_ok(pdf_get_resolved(pdf, page.dict, "Annots", &value));
    assert_true(has(value.octets, "R"));
    assert_ok(pdf_resolve(pdf, field, &field));
    assert_ok(pdf_get_resolved(pdf, field, "V", &value));
    assert_ok(pdf_get(value, "SubFilter", &field));
    assert_true(pdf_name_is(field, "adbe.pkcs7.detached"));
}

static void sign_and_check(struct ps_bytes file, size_t fields)
{
    const struct pdf_signature signature = pdf_signature_default();
    struct pdf_slot slot;
    PS_BUF_AUTO out = {.max = 1};

    assert_ok(pdf_sign(file, &signature, &out, &slot));
    assert_true(ps_bytes_starts_with(ps_buf_bytes(&out), file));
    check_signed(ps_buf_bytes(&out), 1, fields);
}

static void file_is_kept_and_the_range_is_all_but_the_signature(void **state)
{
    const struct pdf_signature signature = pdf_signature_default();
    const uint8_t cms[] = {0xab, 0xcd};
    struct pdf_slot slot;
    char range[64];
    PS_BUF_AUTO file = pdf_plain();
    PS_BUF_AUTO out = {.max = 1};

    (void)state;
    assert_ok(pdf_sign(ps_buf_bytes(&file), &signature, &out, &slot));
    assert_true(ps_bytes_starts_with(ps_buf_bytes(&out), ps_buf_bytes(&file)));
    assert_int_equal(slot.total, out.len);
    assert_int_equal(slot.end - slot.begin, 2 + 2 * 16);
    assert_int_equal(out.data[slot.begin], '<');
    assert_int_equal(out.data[slot.end - 1], '>');
    (void)snprintf(range, sizeof range, "/ByteRange [0 %-10zu %-10zu %-10zu]", slot.begin, slot.end,
                   slot.total - slot.end);
    assert_true(has(ps_buf_bytes(&out), range));
    assert_ok(pdf_fill_slot(ps_bytes(cms, sizeof cms), &slot, 0, &out));
    assert_memory_equal(out.data + slot.begin, "<abcd00", 7);
    check_signed(ps_buf_bytes(&out), 1, 1);
}

static void signature_longer_than_its_room_is_refused(void **state)
{
    const uint8_t cms[17] = {0};
    const struct pdf_slot slot = {.begin = 0, .end = 34, .total = 34};
    PS_BUF_AUTO out = {.max = 34};

    (void)state;
    assert_non_null(ps_buf_reserve(&out, 34));
    ps_buf_commit(&out, 34);
    assert_ok(pdf_fill_slot(ps_bytes(cms, 16), &slot, 0, &out));
    assert_fails(PS_E_LIMIT, pdf_fill_slot(ps_bytes(cms, 17), &slot, 0, &out));
}

static void second_signature_keeps_the_first(void **state)
{
    struct pdf_signature signature = pdf_signature_default();
    struct pdf_slot slot;
    PS_BUF_AUTO file = pdf_plain();
    PS_BUF_AUTO once = {.max = 1};
    PS_BUF_AUTO twice = {.max = 1};

    (void)state;
    assert_ok(pdf_sign(ps_buf_bytes(&file), &signature, &once, &slot));
    signature.random[0] = 1;
    assert_ok(pdf_sign(ps_buf_bytes(&once), &signature, &twice, &slot));
    assert_true(ps_bytes_starts_with(ps_buf_bytes(&twice), ps_buf_bytes(&once)));
    check_signed(ps_buf_bytes(&twice), 1, 2);
}

/* Forms and lists of annotations: direct, in objects of their own, and what else stands there. */
static void forms_and_annotations_keep_what_they_have(void **state)
{
    static const struct {
        const char *objects;
        size_t fields;
        const char *kept;
    } rows[] = {
        {"1 0 obj\n<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [9 0 R] /DA (/Helv) >> "
         "/Lang (en) >>\nendobj\n" PDF_PAGES PDF_PAGE "9 0 obj\n<< /FT /Tx >>\nendobj\n",
         2, "/Lang (en)"},
        {"1 0 obj\n<< /Type /Catalog /Pages 2 0 R /AcroForm 8 0 R >>\nendobj\n" PDF_PAGES PDF_PAGE
         "8 0 obj\n<< /Fields 7 0 R /DA (/Helv) /SigFlags 1 >>\nendobj\n"
         "7 0 obj\n[9 0 R]\nendobj\n9 0 obj\n<< /FT /Tx >>\nendobj\n",
         2, "[9 0 R\n"},
        {PDF_CATALOG PDF_PAGES
         "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots 5 0 R >>\nendobj\n"
         "5 0 obj\n[6 0 R]\nendobj\n6 0 obj\n<< /Subtype /Link >>\nendobj\n",
         1, "[6 0 R\n"},
        {PDF_CATALOG PDF_PAGES "3 0 obj\n<< /#54ype /Page /Parent 2 0 R /MediaBox [0 0 9 9] "
                               "/#41nnots [6 0 R] /Tabs /S >>\nendobj\n"
                               "6 0 obj\n<< /Subtype /Link >>\nendobj\n",
         1, "/Annots [6 0 R\n"},
        {"1 0 obj\n<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields 8 0 R /DA (/Helv) >> "
         ">>\nendobj\n" PDF_PAGES "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] "
         "/Annots 7 0 R >>\nendobj\n9 0 obj\n<< /FT /Tx >>\nendobj\n",
         1, "/DA (/Helv)"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct pdf_signature signature = pdf_signature_default();
        struct pdf_slot slot;
        PS_BUF_AUTO file = pdf_document(rows[i].objects, "/Root 1 0 R");
        PS_BUF_AUTO out = {.max = 1};

        assert_ok(pdf_sign(ps_buf_bytes(&file), &signature, &out, &slot));
        check_signed(ps_buf_bytes(&out), 1, rows[i].fields);
        assert_true(has(ps_bytes_from(ps_buf_bytes(&out), file.len), rows[i].kept));
    }
}

/* An earlier section and an update, as any editor makes. */
static void newest_of_several_sections_counts(void **state)
{
    static struct pdf_maker maker;
    char entries[64];
    size_t first;

    (void)state;
    pdf_maker_begin(&maker);
    pdf_maker_put(&maker, PDF_CATALOG PDF_PAGES "3 0 obj\n(no page)\nendobj\n");
    first = pdf_maker_end(&maker, "/Root 1 0 R");
    pdf_maker_put(&maker, PDF_PAGE);
    (void)snprintf(entries, sizeof entries, "/Root 1 0 R /Prev %zu", first);
    (void)pdf_maker_end(&maker, entries);
    sign_and_check(ps_buf_bytes(&maker.file), 1);
    ps_buf_clear(&maker.file);
}

static void put_row(struct ps_buf *rows, uint8_t type, size_t where, uint8_t second)
{
    ps_buf_put_u8(rows, type);
    ps_buf_put_u16(rows, (uint16_t)where);
    ps_buf_put_u8(rows, second);
}

/* PNG's "up", as writers use it for cross-reference streams. */
static void put_predicted(struct ps_bytes rows, size_t columns, struct ps_buf *out)
{
    for (size_t i = 0; i < rows.len; i++) {
        if (i % columns == 0) {
            ps_buf_put_u8(out, 2);
        }
        ps_buf_put_u8(out, (uint8_t)(rows.data[i] - (i < columns ? 0 : rows.data[i - columns])));
    }
}

#define CONTAINED                                                                                  \
    "1 0 2 33 3 75 "                                                                               \
    "<< /Type /Catalog /Pages 2 0 R >>"                                                            \
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >> "                                                   \
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"
#define CONTAINED_FIRST "14"

/* All objects in an object stream, found through a cross-reference stream; `predicted` or not. */
static struct ps_buf with_streams(bool predicted)
{
    struct ps_buf file;
    size_t container;
    size_t startxref;
    PS_BUF_AUTO rows = {.max = 4096};
    PS_BUF_AUTO data = {.max = 4096};

    ps_buf_init(&file, PDF_DOCUMENT_MAX);
    ps_buf_put_str(&file, "%PDF-1.5\n");
    container = file.len;
    ps_buf_put_str(&file, "4 0 obj\n");
    pdf_put_flate(&file, "/Type /ObjStm /N 3 /First " CONTAINED_FIRST, LITERAL(CONTAINED));
    startxref = file.len;
    put_row(&rows, 0, 0, 0);
    put_row(&rows, 2, 4, 0);
    put_row(&rows, 2, 4, 1);
    put_row(&rows, 2, 4, 2);
    put_row(&rows, 1, container, 0);
    put_row(&rows, 1, startxref, 0);
    ps_buf_put_str(&file, "5 0 obj\n");
    if (predicted) {
        put_predicted(ps_buf_bytes(&rows), 4, &data);
        pdf_put_flate(&file,
                      "/Type /XRef /Size 6 /W [1 2 1] /Root 1 0 R /DecodeParms << /Predictor 12 "
                      "/Columns 4 >>",
                      ps_buf_bytes(&data));
    } else {
        pdf_put_flate(&file, "/Type /XRef /Size 6 /Index [0 6] /W [1 2 1] /Root 1 0 R",
                      ps_buf_bytes(&rows));
    }
    ps_buf_printf(&file, "startxref\n%zu\n%%%%EOF", startxref);
    return file;
}

static void objects_and_entries_in_streams_are_read(void **state)
{
    (void)state;
    for (int predicted = 0; predicted < 2; predicted++) {
        PS_BUF_AUTO file = with_streams(predicted != 0);
        PS_BUF_AUTO out = {.max = 1};
        const struct pdf_signature signature = pdf_signature_default();
        struct pdf_slot slot;

        sign_and_check(ps_buf_bytes(&file), 1);
        assert_ok(pdf_sign(ps_buf_bytes(&file), &signature, &out, &slot));
        assert_false(has(ps_bytes_from(ps_buf_bytes(&out), file.len), "trailer"));
        assert_true(has(ps_bytes_from(ps_buf_bytes(&out), file.len), "/Type /XRef"));
        sign_and_check(ps_buf_bytes(&out), 2);
    }
}

/* A table for readers of old, and the hidden entries in a stream beside it. */
static void hybrid_file_is_read(void **state)
{
    static struct pdf_maker maker;
    char entries[64];
    size_t container;
    size_t beside;
    PS_BUF_AUTO rows = {.max = 4096};

    (void)state;
    pdf_maker_begin(&maker);
    pdf_maker_put(&maker, PDF_CATALOG PDF_PAGES);
    container = maker.file.len;
    ps_buf_put_str(&maker.file, "4 0 obj\n");
    pdf_put_flate(&maker.file, "/Type /ObjStm /N 1 /First 4",
                  LITERAL("3 0 << /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"));
    beside = maker.file.len;
    put_row(&rows, 2, 4, 0);
    put_row(&rows, 1, container, 0);
    ps_buf_put_str(&maker.file, "5 0 obj\n");
    pdf_put_flate(&maker.file, "/Type /XRef /Size 6 /Index [3 2] /W [1 2 1]", ps_buf_bytes(&rows));
    maker.size = 6;
    (void)snprintf(entries, sizeof entries, "/Root 1 0 R /XRefStm %zu", beside);
    (void)pdf_maker_end(&maker, entries);
    sign_and_check(ps_buf_bytes(&maker.file), 1);
    ps_buf_clear(&maker.file);
}

/* Five nodes of a hundred pages; the box that pages inherit and turn. */
static void page_of_five_hundred_is_found(void **state)
{
    static struct pdf_maker maker;
    struct pdf_signature signature = pdf_signature_default();
    struct pdf_slot slot;
    PS_BUF_AUTO text = {.max = 256 * 1024};
    PS_BUF_AUTO out = {.max = 1};
    static const struct {
        uint32_t page;
        enum ps_err err;
    } rows[] = {{1, PS_OK},   {100, PS_OK},    {101, PS_OK},
                {500, PS_OK}, {0, PS_E_STATE}, {501, PS_E_STATE}};

    (void)state;
    ps_buf_put_str(&text, PDF_CATALOG "2 0 obj\n<< /Type /Pages /Count 500 /MediaBox [0 0 9 9] "
                                      "/Rotate -90 /Kids [3 0 R 4 0 R 5 0 R 6 0 R 7 0 R] "
                                      ">>\nendobj\n");
    for (unsigned node = 0; node < 5; node++) {
        ps_buf_printf(&text, "%u 0 obj\n<< /Type /Pages /Parent 2 0 R /Count 100 /Kids [",
                      node + 3);
        for (unsigned i = 0; i < 100; i++) {
            ps_buf_printf(&text, "%u 0 R ", 10 + node * 100 + i);
        }
        ps_buf_put_str(&text, "] >>\nendobj\n");
    }
    for (unsigned i = 0; i < 500; i++) {
        ps_buf_printf(&text, "%u 0 obj\n<< /Type /Page >>\nendobj\n", 10 + i);
    }
    ps_buf_put_u8(&text, 0);
    pdf_maker_begin(&maker);
    pdf_maker_put(&maker, (const char *)text.data);
    (void)pdf_maker_end(&maker, "/Root 1 0 R");
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_CLEANUP(pdf_free_cleanup) struct pdf *pdf = NULL;
        struct pdf_page page;

        assert_ok(pdf_open(ps_buf_bytes(&maker.file), &pdf));
        assert_fails(rows[i].err, pdf_find_page(pdf, rows[i].page, &page));
        if (rows[i].err == PS_OK) {
            assert_int_equal(page.reference.number, 9 + rows[i].page);
            assert_int_equal(page.media_box.top, 9000);
            assert_int_equal(page.rotate, 270);
        }
    }
    signature.page = 333;
    assert_ok(pdf_sign(ps_buf_bytes(&maker.file), &signature, &out, &slot));
    check_signed(ps_buf_bytes(&out), 333, 1);
    ps_buf_clear(&maker.file);
}

#define DOC_MDP(permissions)                                                                       \
    "1 0 obj\n<< /Type /Catalog /Pages 2 0 R /Perms << /DocMDP 9 0 R >> >>\nendobj\n" PDF_PAGES    \
        PDF_PAGE "9 0 obj\n<< /Type /Sig /Reference [<< /TransformMethod /DocMDP "                 \
    "/TransformParams << " permissions " >> >>] >>\nendobj\n"

static void what_its_author_allows_is_kept(void **state)
{
    static const struct {
        const char *objects;
        const char *entries;
        enum ps_err err;
    } rows[] = {
        {DOC_MDP("/P 1"), "/Root 1 0 R", PS_E_STATE},
        {DOC_MDP("/P 2"), "/Root 1 0 R", PS_OK},
        {DOC_MDP("/P 3"), "/Root 1 0 R", PS_OK},
        {DOC_MDP(""), "/Root 1 0 R", PS_OK},
        {PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 1 0 R /Encrypt << /Filter /Standard >>",
         PS_E_STATE},
        {"1 0 obj\n<< /Type /Catalog /Pages 2 0 R /AcroForm << /XFA [] >> >>\nendobj\n" PDF_PAGES
             PDF_PAGE,
         "/Root 1 0 R", PS_E_STATE},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct pdf_signature signature = pdf_signature_default();
        struct pdf_slot slot;
        PS_BUF_AUTO file = pdf_document(rows[i].objects, rows[i].entries);
        PS_BUF_AUTO out = {.max = 1};

        assert_fails(rows[i].err, pdf_sign(ps_buf_bytes(&file), &signature, &out, &slot));
    }
}

static void the_box_of_a_signature_is_no_part_of_a_certified_document(void **state)
{
    static const char *const rows[] = {DOC_MDP("/P 1"), DOC_MDP("/P 2"), DOC_MDP("/P 3"),
                                       DOC_MDP("")};
    struct pdf_signature signature = pdf_signature_default();

    (void)state;
    signature.box = (struct pdf_rectangle){36000, 36000, 236000, 96000};
    signature.lines[signature.line_count++] = LITERAL("Approved");
    for (size_t i = 0; i <= PS_COUNT_OF(rows); i++) {
        const bool is_certified = i < PS_COUNT_OF(rows);
        struct pdf_slot slot;
        PS_BUF_AUTO file =
            pdf_document(is_certified ? rows[i] : PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 1 0 R");
        PS_BUF_AUTO out = {.max = 1};

        assert_fails(is_certified ? PS_E_STATE : PS_OK,
                     pdf_sign(ps_buf_bytes(&file), &signature, &out, &slot));
    }
}

/* Each is malformed in its own way, and none is guessed at. */
static void malformed_documents_are_refused(void **state)
{
    static const struct {
        const char *objects;
        const char *entries;
    } rows[] = {
        {PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 9 0 R"},
        {PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 1 0 R /Root 1 0 R"},
        {PDF_CATALOG PDF_PAGES PDF_PAGE, ""},
        {PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 1 0 R /Prev 0"},
        {PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 1 0 R /Prev 99999999"},
        {PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 1 0 R /XRefStm 9"},
        {PDF_CATALOG PDF_PAGES PDF_PAGE, "/Root 1 0 R /Size 2000001"},
        {PDF_CATALOG PDF_PAGES, "/Root 1 0 R"},
        {"1 0 obj\n<< /Pages 1 0 R >>\nendobj\n", "/Root 1 0 R"},
        {PDF_CATALOG "2 0 obj\n<< /Kids [2 0 R] /Count 1 /MediaBox [0 0 9 9] >>\nendobj\n",
         "/Root 1 0 R"},
        {PDF_CATALOG "2 0 obj\n<< /Kids [] /Count 1 >>\nendobj\n" PDF_PAGE, "/Root 1 0 R"},
        {PDF_CATALOG PDF_PAGES "3 0 obj\n<< /Type /Page >>\nendobj\n", "/Root 1 0 R"},
        {PDF_CATALOG PDF_PAGES "3 0 obj\n<< /MediaBox [0 0 9] >>\nendobj\n", "/Root 1 0 R"},
        {PDF_CATALOG PDF_PAGES "3 0 obj\n<< /MediaBox [0 0 9 9] /Rotate 45 >>\nendobj\n",
         "/Root 1 0 R"},
        {PDF_CATALOG PDF_PAGES "3 0 obj\n<< /MediaBox [0 0 9 9] /Annots (x) >>\nendobj\n",
         "/Root 1 0 R"},
        {PDF_CATALOG PDF_PAGES "3 0 obj\n<< /MediaBox [0 0 9 9] /Annots 1 0 R >>\nendobj\n",
         "/Root 1 0 R"},
        {PDF_CATALOG PDF_PAGES "3 0 obj\n<< /MediaBox [0 0 1000001 9] >>\nendobj\n", "/Root 1 0 R"},
        {PDF_CATALOG PDF_PAGES "3 0 obj\n<< /MediaBox 4 0 R >>\nendobj\n4 0 obj\n4 0 R\nendobj\n",
         "/Root 1 0 R"},
        {"1 0 obj\n<< /Pages 2 0 R /AcroForm << /Fields (x) >> >>\nendobj\n" PDF_PAGES PDF_PAGE,
         "/Root 1 0 R"},
        {"1 0 obj\n<< /Pages 2 0 R /AcroForm << /Fields 5 0 R >> >>\nendobj\n" PDF_PAGES
         "3 0 obj\n<< /MediaBox [0 0 9 9] /Annots 5 0 R >>\nendobj\n5 0 obj\n[]\nendobj\n",
         "/Root 1 0 R"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct pdf_signature signature = pdf_signature_default();
        struct pdf_slot slot;
        PS_BUF_AUTO file = pdf_document(rows[i].objects, rows[i].entries);
        PS_BUF_AUTO out = {.max = 1};

        assert_fails(PS_E_INPUT, pdf_sign(ps_buf_bytes(&file), &signature, &out, &slot));
    }
}

static void replace(struct ps_buf *file, const char *what, const char *with)
{
    uint8_t *at = memmem(file->data, file->len, what, strlen(what));

    assert_non_null(at);
    assert_int_equal(strlen(what), strlen(with));
    memcpy(at, with, strlen(with));
}

/* A file that is a good one but for some octets. */
static void damaged_documents_are_refused(void **state)
{
    static const struct {
        const char *what;
        const char *with;
    } rows[] = {
        {"%PDF-", "%PDX-"},
        {"startxref", "startxxxx"},
        {"xref\n0 1", "xxxx\n0 1"},
        {"2 0 obj", "7 0 obj"},
        {"2 0 obj", "2 1 obj"},
        {"2 0 obj", "2 0 xxx"},
        {" n \n", " q \n"},
        {"/Size 4", "/Size 3"},
        {"/Size 4", "/Size x"},
        {"trailer\n<<", "trailer\n[["},
        {"[0 0 595 842]", "[0 0 595 842("},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct pdf_signature signature = pdf_signature_default();
        struct pdf_slot slot;
        PS_BUF_AUTO file = pdf_plain();
        PS_BUF_AUTO out = {.max = 1};

        replace(&file, rows[i].what, rows[i].with);
        assert_fails(PS_E_INPUT, pdf_sign(ps_buf_bytes(&file), &signature, &out, &slot));
    }
}

/* However it is cut, it is refused or, where only white space is missing, signed. */
static void no_truncation_is_taken_for_the_whole(void **state)
{
    PS_BUF_AUTO file = with_streams(true);

    (void)state;
    for (size_t len = 0; len + strlen("\n%%EOF") < file.len; len++) {
        const struct pdf_signature signature = pdf_signature_default();
        struct pdf_slot slot;
        PS_BUF_AUTO out = {.max = 1};
        uint8_t *copy = malloc(len + 1);
        enum ps_err err;

        assert_non_null(copy);
        memcpy(copy, file.data, len);
        err = pdf_sign(ps_bytes(copy, len), &signature, &out, &slot);
        assert_true(err == PS_E_INPUT);
        free(copy);
    }
}

/* Three megabytes that inflate to three gigabytes, in small: the work is bounded, not the file. */
static void stream_that_inflates_to_too_much_is_refused(void **state)
{
    const size_t len = 40u * 1024u * 1024u;
    uint8_t *zeros = calloc(1, len);
    struct pdf *pdf = NULL;
    size_t startxref;
    PS_BUF_AUTO file = {.max = PDF_DOCUMENT_MAX};

    (void)state;
    assert_non_null(zeros);
    ps_buf_put_str(&file, "%PDF-1.5\n");
    startxref = file.len;
    ps_buf_put_str(&file, "5 0 obj\n");
    pdf_put_flate(&file, "/Type /XRef /Size 6 /W [1 2 1] /Root 1 0 R", ps_bytes(zeros, len));
    ps_buf_printf(&file, "startxref\n%zu\n%%%%EOF", startxref);
    free(zeros);
    assert_fails(PS_E_LIMIT, pdf_open(ps_buf_bytes(&file), &pdf));
}

static void sections_without_end_are_refused(void **state)
{
    static struct pdf_maker maker;
    char entries[64];
    struct pdf *pdf = NULL;

    (void)state;
    pdf_maker_begin(&maker);
    pdf_maker_put(&maker, PDF_CATALOG PDF_PAGES PDF_PAGE);
    (void)snprintf(entries, sizeof entries, "/Root 1 0 R /Prev %zu", maker.file.len);
    (void)pdf_maker_end(&maker, entries);
    assert_fails(PS_E_INPUT, pdf_open(ps_buf_bytes(&maker.file), &pdf));
    ps_buf_clear(&maker.file);
}

/* "3 0 R" in the stream that it is in: what is needed to read an object is bounded, too. */
static void object_that_needs_itself_is_refused(void **state)
{
    struct pdf *pdf = NULL;
    size_t startxref;
    size_t container;
    struct pdf_value value;
    PS_BUF_AUTO rows = {.max = 4096};
    PS_BUF_AUTO file = {.max = PDF_DOCUMENT_MAX};

    (void)state;
    ps_buf_put_str(&file, "%PDF-1.5\n");
    container = file.len;
    ps_buf_put_str(&file,
                   "4 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Length 1 0 R >>\nstream\n1 0 9\n"
                   "endstream\nendobj\n");
    startxref = file.len;
    put_row(&rows, 0, 0, 0);
    put_row(&rows, 2, 4, 0);
    put_row(&rows, 0, 0, 0);
    put_row(&rows, 0, 0, 0);
    put_row(&rows, 1, container, 0);
    ps_buf_put_str(&file, "5 0 obj\n");
    pdf_put_flate(&file, "/Type /XRef /Size 5 /W [1 2 1] /Root 1 0 R", ps_buf_bytes(&rows));
    ps_buf_printf(&file, "startxref\n%zu\n%%%%EOF", startxref);
    assert_ok(pdf_open(ps_buf_bytes(&file), &pdf));
    assert_fails(PS_E_INPUT, pdf_object(pdf, (struct pdf_reference){1, 0}, &value));
    pdf_free(pdf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_kept_and_the_range_is_all_but_the_signature),
        cmocka_unit_test(signature_longer_than_its_room_is_refused),
        cmocka_unit_test(second_signature_keeps_the_first),
        cmocka_unit_test(forms_and_annotations_keep_what_they_have),
        cmocka_unit_test(newest_of_several_sections_counts),
        cmocka_unit_test(objects_and_entries_in_streams_are_read),
        cmocka_unit_test(hybrid_file_is_read),
        cmocka_unit_test(page_of_five_hundred_is_found),
        cmocka_unit_test(what_its_author_allows_is_kept),
        cmocka_unit_test(the_box_of_a_signature_is_no_part_of_a_certified_document),
        cmocka_unit_test(malformed_documents_are_refused),
        cmocka_unit_test(damaged_documents_are_refused),
        cmocka_unit_test(no_truncation_is_taken_for_the_whole),
        cmocka_unit_test(stream_that_inflates_to_too_much_is_refused),
        cmocka_unit_test(sections_without_end_are_refused),
        cmocka_unit_test(object_that_needs_itself_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
