#include "tests/unit/support.h"

#include "frontends/oidc/pages/html.h"

#include <stdio.h>

#define DOCTYPE "<!DOCTYPE html>\n"

/* One paragraph with a class and a text, both of them `text`. */
static void write_paragraph(struct ps_bytes text, struct ps_buf *out)
{
    struct html html;

    html_begin(&html, out);
    html_open(&html, HTML_p);
    html_attribute(&html, HTML_AT_class_, text);
    html_text(&html, text);
    html_close(&html);
    assert_ok(html_end(&html));
}

static void what_could_end_a_text_is_escaped_in_texts_and_attributes(void **state)
{
    static const struct {
        const char *text;
        const char *written;
    } rows[] = {
        {"plain", "plain"},
        {"<script>", "&lt;script&gt;"},
        {"a&b", "a&amp;b"},
        {"\" onload='x'", "&quot; onload='x'"},
        {"&lt;", "&amp;lt;"},
        {"a\nb\x7f", "a\xef\xbf\xbd"
                     "b\xef\xbf\xbd"},
        {"\xc3\x28", "\xef\xbf\xbd("},
        {"\xd9\x85\xd8\xb1", "\xd9\x85\xd8\xb1"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO out = {.max = 1024};
        char wanted[512];

        write_paragraph(ps_bytes_str(rows[i].text), &out);
        (void)snprintf(wanted, sizeof wanted, DOCTYPE "<p class=\"%s\">%s</p>\n", rows[i].written,
                       rows[i].written);
        assert_text(ps_buf_bytes(&out), wanted);
    }
}

static void no_octet_but_those_of_the_tags_begins_a_tag(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t octet = (uint8_t)c;
        PS_BUF_AUTO out = {.max = 1024};
        size_t tags = 0;

        write_paragraph(ps_bytes(&octet, 1), &out);
        for (size_t i = 0; i < out.len; i++) {
            tags += out.data[i] == '<';
        }
        assert_int_equal(tags, 3);
    }
}

static enum ps_err write_link(const char *address)
{
    PS_BUF_AUTO out = {.max = 1024};
    struct html html;

    html_begin(&html, &out);
    html_open(&html, HTML_a);
    html_place(&html, HTML_AT_href, ps_bytes_str(address));
    html_close(&html);
    return html_end(&html);
}

static void an_address_leads_to_a_place_and_runs_nothing(void **state)
{
    static const char *const good[] = {"/", "/login", "https://rp.example/cb?a=1",
                                       "http://127.0.0.1:1/", "com.example.app:/cb"};
    static const char *const bad[] = {"",
                                      "//other.example/",
                                      "/\\other.example/",
                                      "javascript:alert(1)",
                                      "JavaScript:a.b",
                                      "data:text/html,x",
                                      " https://a/",
                                      "com.example",
                                      "1a.b:/",
                                      "x"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(good); i++) {
        assert_ok(write_link(good[i]));
    }
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INTERNAL, write_link(bad[i]));
    }
}

static void a_value_stands_where_the_text_has_room_for_it(void **state)
{
    PS_BUF_AUTO out = {.max = 1024};
    struct html html;

    (void)state;
    html_begin(&html, &out);
    html_open(&html, HTML_p);
    html_text_with(&html, ps_bytes_str("to {} & on"), ps_bytes_str("<b>"));
    html_text_with(&html, ps_bytes_str("."), ps_bytes_str("unseen"));
    html_close(&html);
    assert_ok(html_end(&html));
    assert_text(ps_buf_bytes(&out), DOCTYPE "<p>to <bdi>&lt;b&gt;</bdi> &amp; on.</p>\n");
}

static void void_elements_have_no_end_and_attributes_may_have_no_value(void **state)
{
    PS_BUF_AUTO out = {.max = 1024};
    struct html html;

    (void)state;
    html_begin(&html, &out);
    html_open(&html, HTML_p);
    html_open(&html, HTML_input);
    html_attribute(&html, HTML_AT_required, ps_bytes(NULL, 0));
    html_attribute_str(&html, HTML_AT_value, "");
    html_close(&html);
    assert_ok(html_end(&html));
    assert_text(ps_buf_bytes(&out), DOCTYPE "<p><input required value=\"\"></p>\n");
}

static void a_document_over_its_limit_is_a_limit_error(void **state)
{
    PS_BUF_AUTO out = {.max = 20};
    struct html html;

    (void)state;
    html_begin(&html, &out);
    html_element(&html, HTML_p, ps_bytes_str("much too long"));
    assert_fails(PS_E_LIMIT, html_end(&html));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_end_a_text_is_escaped_in_texts_and_attributes),
        cmocka_unit_test(no_octet_but_those_of_the_tags_begins_a_tag),
        cmocka_unit_test(an_address_leads_to_a_place_and_runs_nothing),
        cmocka_unit_test(a_value_stands_where_the_text_has_room_for_it),
        cmocka_unit_test(void_elements_have_no_end_and_attributes_may_have_no_value),
        cmocka_unit_test(a_document_over_its_limit_is_a_limit_error),
    };

    return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
