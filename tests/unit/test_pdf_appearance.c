#include "tests/unit/pdf_documents.h"

#include "lib/formats/pdf/appearance.h"
#include "lib/formats/pdf/text.h"

/* What people see of a signature: the box, and texts in any language. */

static void text_strings_hold_any_language(void **state)
{
    static const struct {
        const char *text;
        const char *written;
    } rows[] = {
        {"Approved (twice) \\", "(Approved \\(twice\\) \\\\)"},
        {"Gen\xc3\xa8ve", "<FEFF00470065006E00E800760065>"},
        {"\xd9\x85", "<FEFF0645>"},
        {"\xf0\x9f\x94\x91", "<FEFFD83DDD11>"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO out = {.max = 256};

        pdf_put_text(&out, ps_bytes_str(rows[i].text));
        assert_text(ps_buf_bytes(&out), rows[i].written);
    }
}

static void date_is_that_of_pdf(void **state)
{
    PS_BUF_AUTO out = {.max = 64};

    (void)state;
    pdf_put_date(&out, UINT64_C(1767323045) * 1000000000);
    assert_text(ps_buf_bytes(&out), "(D:20260102030405Z)");
}

static void drawn_text_is_of_the_fonts_letters(void **state)
{
    static const struct {
        const char *text;
        enum ps_err err;
        const char *octets;
    } rows[] = {
        {"Z\xc3\xbcrich \xe2\x82\xac", PS_OK, "Z\xfcrich \x80"},
        {"\xc5\xbd\xe2\x80\x93", PS_OK, "\x8e\x96"},
        {"\xd9\x85\xd9\x88\xd8\xa7\xd9\x81\xd9\x82", PS_E_STATE, NULL},
        {"\xe0\xa4\xb9", PS_E_STATE, NULL},
        {"\xc2\x81", PS_E_STATE, NULL},
        {"\x7f", PS_E_STATE, NULL},
        {"\n", PS_E_STATE, NULL},
        {"\xff", PS_E_INPUT, NULL},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO out = {.max = 64};

        assert_fails(rows[i].err, pdf_to_win_ansi(ps_bytes_str(rows[i].text), &out));
        if (rows[i].err == PS_OK) {
            assert_text(ps_buf_bytes(&out), rows[i].octets);
        }
    }
    assert_int_equal(pdf_helvetica_width(ps_bytes_str("Hi \xfc")), 722 + 222 + 278 + 556);
}

static enum ps_err draw(int64_t width, int64_t height, unsigned rotate, const char *text,
                        struct ps_buf *out)
{
    const struct pdf_rectangle box = {0, 0, width, height};
    const struct ps_bytes line = ps_bytes_str(text);

    return pdf_put_appearance(&box, rotate, &line, 1, out);
}

static bool draws(const struct ps_buf *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}

static void lines_are_broken_between_words(void **state)
{
    PS_BUF_AUTO wide = {.max = 8192};
    PS_BUF_AUTO narrow = {.max = 8192};
    PS_BUF_AUTO turned = {.max = 8192};
    PS_BUF_AUTO word = {.max = 8192};

    (void)state;
    assert_ok(draw(200000, 50000, 0, "Ministry of Keys", &wide));
    assert_true(draws(&wide, "(Ministry of Keys) Tj"));
    assert_true(draws(&wide, "/F 12.000 Tf"));
    assert_ok(draw(60000, 50000, 0, "Ministry of Keys", &narrow));
    assert_true(draws(&narrow, "(Ministry) Tj T*\n(of Keys) Tj"));
    assert_ok(draw(50000, 200000, 90, "Ministry of Keys", &turned));
    assert_true(draws(&turned, "(Ministry of Keys) Tj"));
    assert_true(draws(&turned, "/BBox [0 0 200.000 50.000] /Matrix [0 1 -1 0 0 0]"));
    assert_ok(draw(30000, 60000, 0, "Indivisible", &word));
    assert_true(draws(&word, "(Indi) Tj T*\n(visib) Tj"));
}

static void text_gets_smaller_until_it_fits(void **state)
{
    PS_BUF_AUTO out = {.max = 8192};
    PS_BUF_AUTO least = {.max = 8192};

    (void)state;
    assert_ok(draw(100000, 18000, 0, "Ministry of Keys", &out));
    assert_true(draws(&out, "/F 10.000 Tf"));
    assert_ok(draw(100000, 10800, 0, "Ministry of Keys", &least));
    assert_true(draws(&least, "/F 4.000 Tf"));
    assert_fails(PS_E_STATE, draw(100000, 10799, 0, "Ministry of Keys", &least));
    assert_fails(PS_E_STATE, draw(1000, 1000, 0, "Ministry of Keys", &least));
}

static void box_is_on_its_page(void **state)
{
    static const struct {
        struct pdf_rectangle box;
        enum ps_err err;
    } rows[] = {
        {{0, 0, 595000, 842000}, PS_OK},           {{-1, 0, 100000, 50000}, PS_E_STATE},
        {{0, -1, 100000, 50000}, PS_E_STATE},      {{500000, 0, 595001, 50000}, PS_E_STATE},
        {{0, 800000, 100000, 842001}, PS_E_STATE},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct pdf_signature signature = pdf_signature_default();
        struct pdf_slot slot;
        PS_BUF_AUTO file = pdf_plain();
        PS_BUF_AUTO out = {.max = 1};

        signature.box = rows[i].box;
        signature.lines[0] = ps_bytes_str("Keys");
        signature.line_count = 1;
        assert_fails(rows[i].err, pdf_sign(ps_buf_bytes(&file), &signature, &out, &slot));
        assert_true(rows[i].err != PS_OK || draws(&out, "/AP << /N"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_strings_hold_any_language),
        cmocka_unit_test(date_is_that_of_pdf),
        cmocka_unit_test(drawn_text_is_of_the_fonts_letters),
        cmocka_unit_test(lines_are_broken_between_words),
        cmocka_unit_test(text_gets_smaller_until_it_fits),
        cmocka_unit_test(box_is_on_its_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
