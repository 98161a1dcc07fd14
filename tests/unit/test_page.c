#include "tests/unit/bundle_support.h"

#include "lib/ceremony/bundle/tell.h"

/* Pages for people: the same in every form, and nothing in them that could be something else. */

static struct page *page;

static int begin(void **state)
{
    (void)state;
    return page_new(&page) == PS_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    page_free(page);
    return 0;
}

static bool html_has(const char *text)
{
    PS_BUF_AUTO out = {.max = 16u * 1024u * 1024u};

    assert_ok(page_put_html(page, &out));
    return memmem(out.data, out.len, text, strlen(text)) != NULL;
}

static void blocks_come_back_as_they_were_put(void **state)
{
    struct page_block block;

    (void)state;
    page_add_str(page, PAGE_TITLE, "below", "above");
    page_add_str(page, PAGE_TEXT, NULL, "text");
    assert_ok(page_status(page));
    assert_true(page_at(page, 0, &block));
    assert_true(ps_bytes_equal_str(block.label, "below"));
    assert_true(ps_bytes_equal_str(block.text, "above"));
    assert_true(page_at(page, 1, &block));
    assert_int_equal(block.kind, PAGE_TEXT);
    assert_false(page_at(page, 2, &block));
}

static void text_cannot_become_a_part_of_the_page(void **state)
{
    (void)state;
    page_add_str(page, PAGE_PAIR, "<b>", "<script>alert(\"&\")</script>\xe2\x80\xae");
    assert_true(html_has("&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;\\u{202e}"));
    assert_true(html_has("&lt;b&gt;"));
    assert_false(html_has("<script"));
}

static void a_buffer_that_has_failed_is_no_page(void **state)
{
    PS_BUF_AUTO small = {.max = 1};
    PS_BUF_AUTO out = {.max = 1024};

    (void)state;
    ps_buf_put_str(&small, "too long");
    page_add_buf(page, PAGE_TEXT, NULL, &small);
    page_add_str(page, PAGE_TEXT, NULL, "more");
    assert_int_equal(page_status(page), PS_E_LIMIT);
    assert_int_equal(page_put_html(page, &out), PS_E_LIMIT);
}

static void tell(const char *name, const char *genesis)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO hash = {.max = PS_SHA256_LEN};

    assert_ok(ps_hex_decode(ps_bytes_str(genesis), &hash));
    bundle_test_read(name, &octets);
    bundle = bundle_test_open(ps_buf_bytes(&octets));
    assert_ok(bundle_tell(bundle, ps_buf_bytes(&octets), hash.data, page));
}

static void a_transcript_is_told_with_all_that_is_in_it(void **state)
{
    static const char *const said[] = {
        "PRACTICE - Transcript: Enrol an officer or auditor",
        "<h2>Verified</h2>",
        "auditor-1</b><span>DOES NOT AGREE",
        "officer.enrol grace: done",
        "step 6, made",
        "Enrol &quot;grace&quot; as officer",
        "statement (officer)",
        "genesis.example.org/events\n142\n",
        "BR 6.1.1.1",
        "WebTrust 4.1",
        "EN 319 411-1",
    };

    (void)state;
    tell("enrol", BUNDLE_TEST_GENESIS);
    for (size_t i = 0; i < PS_COUNT_OF(said); i++) {
        if (!html_has(said[i])) {
            fail_msg("not on the page: %s", said[i]);
        }
    }
    assert_false(html_has("FAIL</b>"));
}

static void what_does_not_verify_says_so_first(void **state)
{
    (void)state;
    tell("genesis", "00000000000000000000000000000000000000000000000000000000000000ff");
    assert_true(html_has("<h2>THIS TRANSCRIPT DOES NOT VERIFY</h2>"));
}

static void the_same_transcript_gives_the_same_octets(void **state)
{
    PS_BUF_AUTO once = {.max = 16u * 1024u * 1024u};
    PS_BUF_AUTO again = {.max = 16u * 1024u * 1024u};

    (void)state;
    tell("enrol", BUNDLE_TEST_GENESIS);
    assert_ok(page_put_html(page, &once));
    assert_ok(page_put_pdf(page, &once));
    page_free(page);
    assert_ok(page_new(&page));
    tell("enrol", BUNDLE_TEST_GENESIS);
    assert_ok(page_put_html(page, &again));
    assert_ok(page_put_pdf(page, &again));
    assert_true(ps_bytes_equal(ps_buf_bytes(&once), ps_buf_bytes(&again)));
}

/* --- PDF --- */

static void put_pdf(struct ps_buf *out)
{
    ps_buf_init(out, 16u * 1024u * 1024u);
    assert_ok(page_put_pdf(page, out));
    ps_buf_put_u8(out, '\0');
    assert_ok(ps_buf_status(out));
}

static void assert_shown(const struct ps_buf *out, const char *text)
{
    if (memmem(out->data, out->len, text, strlen(text)) == NULL) {
        fail_msg("not in the PDF: %s", text);
    }
}

/* Section 7.5.4: what the table says of each object is where it begins. */
static void the_table_of_a_pdf_leads_to_its_objects(void **state)
{
    PS_BUF_AUTO out = {0};
    const char *table;
    unsigned count;

    (void)state;
    tell("enrol", BUNDLE_TEST_GENESIS);
    put_pdf(&out);
    table = memmem(out.data, out.len, "xref\n0 ", 7);
    assert_non_null(table);
    count = (unsigned)strtoul(table + 7, NULL, 10);
    assert_true(count > 10);
    table = strchr(table + 7, '\n') + 1;
    for (unsigned number = 1; number < count; number++) {
        const size_t offset = strtoul(table + (size_t)20 * number, NULL, 10);
        char begin_of[32];

        (void)snprintf(begin_of, sizeof begin_of, "%u 0 obj\n", number);
        assert_true(offset + strlen(begin_of) < out.len);
        assert_memory_equal(out.data + offset, begin_of, strlen(begin_of));
    }
}

static void what_a_pdf_shows_cannot_end_its_string(void **state)
{
    PS_BUF_AUTO out = {0};

    (void)state;
    page_add_str(page, PAGE_TEXT, NULL, "a) Tj \\ (\xd0\x96 \xc3\xa9");
    put_pdf(&out);
    assert_shown(&out, "(a\\) Tj \\\\ \\(\\\\u{416} \\351) Tj");
}

static void long_texts_go_on_on_further_lines_and_pages(void **state)
{
    PS_BUF_AUTO out = {0};

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        page_add_str(page, PAGE_OCTETS, NULL,
                     "0123456789012345678901234567890123456789012345678901234567890123456789"
                     "0123456789012345678901234567890123456789012345678901234567890123456789");
    }
    put_pdf(&out);
    assert_shown(&out, "/Count 8>>"); /* 28 of them on a page */
}

static void a_page_of_nothing_is_a_page(void **state)
{
    PS_BUF_AUTO out = {0};

    (void)state;
    put_pdf(&out);
    assert_shown(&out, "/Count 1>>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_come_back_as_they_were_put, begin, end),
        cmocka_unit_test_setup_teardown(text_cannot_become_a_part_of_the_page, begin, end),
        cmocka_unit_test_setup_teardown(a_buffer_that_has_failed_is_no_page, begin, end),
        cmocka_unit_test_setup_teardown(a_transcript_is_told_with_all_that_is_in_it, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_verify_says_so_first, begin, end),
        cmocka_unit_test_setup_teardown(the_same_transcript_gives_the_same_octets, begin, end),
        cmocka_unit_test_setup_teardown(the_table_of_a_pdf_leads_to_its_objects, begin, end),
        cmocka_unit_test_setup_teardown(what_a_pdf_shows_cannot_end_its_string, begin, end),
        cmocka_unit_test_setup_teardown(long_texts_go_on_on_further_lines_and_pages, begin, end),
        cmocka_unit_test_setup_teardown(a_page_of_nothing_is_a_page, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
