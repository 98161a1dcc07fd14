#include "tests/unit/operation_documents.h"

#include "lib/ceremony/operation/schema.h"
#include "lib/ceremony/operation/text.h"
#include "lib/ceremony/people/policy.h"

/* The page for people, and the difference to an earlier document. */

static struct json *json;
static struct json *earlier;

static int make_readers(void **state)
{
    (void)state;
    return json_new(&json) == PS_OK && json_new(&earlier) == PS_OK ? 0 : -1;
}

static int free_readers(void **state)
{
    (void)state;
    json_free(json);
    json_free(earlier);
    return 0;
}

static void put_page(const struct ps_buf *text, struct operation_document *document,
                     struct ps_buf *page)
{
    ps_buf_init(page, OPERATION_TEXT_MAX);
    assert_ok(operation_document_parse(json, ps_buf_bytes(text), document));
    assert_ok(operation_text_put(document, page));
}

static void put_difference(const struct ps_buf *before, const struct ps_buf *now,
                           struct ps_buf *difference)
{
    struct operation_document a;
    struct operation_document b;

    ps_buf_init(difference, OPERATION_TEXT_MAX);
    assert_ok(operation_document_parse(earlier, ps_buf_bytes(before), &a));
    assert_ok(operation_document_parse(json, ps_buf_bytes(now), &b));
    assert_ok(operation_text_put_difference(&a, &b, difference));
}

static void check_holds(const struct ps_buf *page, const char *text)
{
    if (!contains(page, text)) {
        fail_msg("no \"%s\" in:\n%.*s", text, (int)page->len, (const char *)page->data);
    }
}

/* --- Nothing is left out --- */

/*
 * Every text, number and truth value beneath `value` has its line; only texts of plain characters
 * are compared, since others are written differently.
 */
static size_t check_leaves(const struct ps_buf *page, struct json_value value)
{
    struct json_value member;
    struct ps_bytes text;
    uint32_t cursor = 0;
    size_t count = 0;
    char plain[2048];

    if (json_type(value) == JSON_STRING) {
        assert_ok(json_string(value, &text));
        (void)snprintf(plain, sizeof plain, "%.*s", PS_BYTES_FMT(text));
        if (strpbrk(plain, "\"\\") == NULL) {
            check_holds(page, plain);
        }
        return 1;
    }
    if (json_type(value) == JSON_TRUE || json_type(value) == JSON_FALSE) {
        return 1;
    }
    while (json_next(value, &cursor, NULL, &member)) {
        count += check_leaves(page, member);
    }
    return count;
}

/* The label of every member that is there, and after it the value. */
static void check_labels(const struct ps_buf *page, struct params params,
                         const struct param *parent, struct json_value object)
{
    const struct param *param;
    struct json_value value;
    size_t cursor = 0;

    while ((param = param_next_member(params, parent, &cursor)) != NULL) {
        const struct param *told = param;
        char label[160];

        if (!param_find(object, param, &value) || param->kind == PARAM_PARAMS) {
            continue;
        }
        if (param->kind == PARAM_LIST && param_element(params, param)->kind == PARAM_OBJECT) {
            told = param_element(params, param);
            (void)snprintf(label, sizeof label, "%s 1 of %zu:\n", told->label, json_count(value));
        } else if (param->kind == PARAM_BOOL || param->kind == PARAM_TRUE) {
            (void)snprintf(label, sizeof label, "%s: %s\n", told->label,
                           json_type(value) == JSON_TRUE ? "yes" : "no");
        } else {
            (void)snprintf(label, sizeof label, "%s:", told->label);
        }
        check_holds(page, label);
        if (param->kind == PARAM_OBJECT) {
            check_labels(page, params, param, value);
        }
    }
}

static void every_member_is_on_the_page(void **state)
{
    const struct operation_type_info *type;

    (void)state;
    for (size_t i = 0; (type = operation_type_info_at(i)) != NULL; i++) {
        struct operation_document document;
        PS_BUF_AUTO text;
        PS_BUF_AUTO page;

        read_document(type->name, &text);
        put_page(&text, &document, &page);
        assert_true(check_leaves(&page, document.root) >= 17);
        check_labels(&page, operation_params_of_document(), NULL, document.root);
        check_labels(&page, operation_params_of(type), NULL, document.params);
        assert_null(memchr(page.data, '{', page.len)); /* no blank of a sentence is left */
        assert_true(ps_bytes_starts_with(ps_buf_bytes(&page), LITERAL("PRACTICE.")) ==
                    document.is_practice);
    }
}

/* Each row that is told has a label, and no two of one object the same. */
static void labels_are_there_and_differ(void **state)
{
    const struct operation_type_info *type;

    (void)state;
    for (size_t i = 0; (type = operation_type_info_at(i)) != NULL; i++) {
        const struct params params = operation_params_of(type);

        for (size_t k = 0; k < params.count; k++) {
            const struct param *parent =
                params.rows[k].kind == PARAM_OBJECT ? &params.rows[k] : NULL;
            const struct param *a;
            const struct param *b;
            size_t at = 0;

            assert_non_null(params.rows[k].label);
            assert_true(strlen(params.rows[k].label) > 1);
            while ((a = param_next_member(params, parent, &at)) != NULL) {
                size_t other = at;

                while ((b = param_next_member(params, parent, &other)) != NULL) {
                    assert_string_not_equal(a->label, b->label);
                    assert_string_not_equal(a->path, b->path);
                }
            }
        }
    }
}

static void classes_are_told_as_the_policy_has_them(void **state)
{
    struct policy policy;

    (void)state;
    policy_set_defaults(&policy);
    for (unsigned class = POLICY_C; class < POLICY_CLASS_COUNT; class ++) {
        const struct policy_rule *rule = &policy.rules[class];
        const char *text = operation_class_text(policy_class_name((enum policy_class) class)[0]);
        char expected[160];

        (void)snprintf(expected, sizeof expected, "%u officer%s%s, %s", rule->officers,
                       rule->officers == 1 ? "" : "s", rule->auditors == 1 ? " and 1 auditor" : "",
                       rule->requester_counts ? "who may be the requester"
                                              : "none of them the requester");
        assert_non_null(text);
        assert_string_equal(text, expected);
        assert_true(rule->auditors <= 1);
    }
    assert_non_null(operation_class_text(OPERATION_CLASS_NONE));
    assert_null(operation_class_text('D'));
}

static void a_page_is_as_it_was_reviewed(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;
    PS_BUF_AUTO page;
    PS_BUF_AUTO expected;

    (void)state;
    read_document("officer.replace", &text);
    put_page(&text, &document, &page);
    read_vectors("operations/officer.replace.txt", &expected);
    assert_bytes(ps_buf_bytes(&page), ps_buf_bytes(&expected));
}

static void genesis_is_signed_by_everybody(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;
    PS_BUF_AUTO page;

    (void)state;
    read_document("genesis", &text);
    put_page(&text, &document, &page);
    check_holds(&page, "Every person of the roster");
}

/* --- Text from outside --- */

static void a_line_stays_one(void **state)
{
    PS_BUF_AUTO out = {.max = 256};

    (void)state;
    operation_text_put_line(LITERAL("one \"two\"\\\n\xc2\x9b"
                                    "2J\xe2\x80\xae\xff\n"),
                            &out);
    assert_true(ps_bytes_equal(ps_buf_bytes(&out),
                               LITERAL("one \"two\"\\\\u{a}\\u{9b}2J\\u{202e}\\xff\\u{a}")));
}

/* --- Who asks says nothing that the appliance says --- */

static void only_the_appliance_says_that_it_is_for_practice(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;
    PS_BUF_AUTO page;

    (void)state;
    read_document("key.create", &text);
    assert_true(contains(&text, "\"ceremony\":\"rehearsal\""));
    put_page(&text, &document, &page);
    assert_false(contains(&page, "PRACTICE"));
    ps_buf_clear(&page);
    replace(&text, ",\"reason\":", ",\"practice\":true,\"reason\":");
    put_page(&text, &document, &page);
    assert_true(ps_bytes_starts_with(ps_buf_bytes(&page), LITERAL("PRACTICE. ")));
    replace(&text, "\"practice\":true", "\"practice\":false");
    assert_int_equal(operation_document_parse(json, ps_buf_bytes(&text), &document), PS_E_INPUT);
}

/* A terminal breaks at 80 columns; what stands there must not look like another member. */
static void a_long_text_never_begins_a_line_without_a_quote(void **state)
{
    static const char forged[] = "Approved before.                                               "
                                 "Token: hsm-2  Holds until: 2099-01-01T00:00:00Z               "
                                 "\xe5\xaf\x86\xe5\xaf\x86 \x1b[2J Class C: one officer is enough.";
    PS_BUF_AUTO page = {.max = 4096};
    struct ps_bytes left;

    (void)state;
    ps_buf_put_str(&page, "  Reason: ");
    operation_text_put_prose(ps_bytes_str(forged), &page);
    left = ps_bytes_from(ps_buf_bytes(&page), sizeof "  Reason: " - 1);
    while (left.len != 0) {
        const uint8_t *end = memchr(left.data + 1, '\n', left.len - 1);
        const size_t len = end == NULL ? left.len : (size_t)(end - left.data);

        assert_true(ps_bytes_starts_with(left, LITERAL("\n        \"")));
        assert_true(len <= 80 + sizeof " [not only ASCII letters]");
        left = ps_bytes_from(left, len);
    }
    assert_true(contains(&page, "[not only ASCII letters]"));
    ps_buf_reset(&page);
    operation_text_put_prose(LITERAL("for the rotation in May"), &page);
    assert_true(ps_bytes_equal(ps_buf_bytes(&page), LITERAL("\"for the rotation in May\"")));
}

static void check_quoted(struct ps_bytes text, const char *expected)
{
    PS_BUF_AUTO out;

    ps_buf_init(&out, 4096);
    operation_text_put_quoted(text, &out);
    assert_ok(ps_buf_status(&out));
    assert_text(ps_buf_bytes(&out), expected);
}

static void what_does_not_show_is_written_out(void **state)
{
    (void)state;
    check_quoted(LITERAL("plain"), "\"plain\"");
    check_quoted(LITERAL(""), "\"\"");
    check_quoted(LITERAL("a\"b\\c"), "\"a\\\"b\\\\c\"");
    check_quoted(LITERAL("\\u{202e}"), "\"\\\\u{202e}\"");
    check_quoted(LITERAL("a\nb\tc\0d\x1b[2J\x7f"), "\"a\\u{a}b\\u{9}c\\u{0}d\\u{1b}[2J\\u{7f}\"");
    check_quoted(LITERAL("\xc2\x9b"
                         "31m"),
                 "\"\\u{9b}31m\"");
    check_quoted(LITERAL("\xe2\x80\xae"
                         "evil"),
                 "\"\\u{202e}evil\"");
    check_quoted(LITERAL("\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c\xe2\x80\x8f"),
                 "\"\\u{2066}\\u{2069}\\u{61c}\\u{200f}\"");
    check_quoted(LITERAL("a\xe2\x80\x8b\xef\xbb\xbf\xc2\xad\xe2\x81\xa0"),
                 "\"a\\u{200b}\\u{feff}\\u{ad}\\u{2060}\"");
    check_quoted(LITERAL("a\xc2\xa0\xe3\x80\x80\xe2\x80\xa8"), "\"a\\u{a0}\\u{3000}\\u{2028}\"");
    check_quoted(LITERAL("\xf3\xa0\x81\x81\xf3\xa0\x84\x80\xee\x80\x80"),
                 "\"\\u{e0041}\\u{e0100}\\u{e000}\"");
    check_quoted(LITERAL("\xef\xb8\x8f\xe1\xa0\x8e\xe3\x85\xa4"),
                 "\"\\u{fe0f}\\u{180e}\\u{3164}\"");
}

static void a_page_keeps_its_newlines_and_nothing_else_that_moves(void **state)
{
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 4096);
    operation_text_put_visible(LITERAL("one \"two\"\\\n\ntab\t\r\x1b[2J\xe2\x80\xae\xff\n"), &out);
    assert_ok(ps_buf_status(&out));
    assert_text(ps_buf_bytes(&out), "one \"two\"\\\n\ntab\\u{9}\\u{d}\\u{1b}[2J\\u{202e}\\xff\n");
}

static void letters_outside_ascii_are_shown_and_marked(void **state)
{
    (void)state;
    check_quoted(LITERAL("Bj\xc3\xb6rn"), "\"Bj\xc3\xb6rn\" [not only ASCII letters]");
    check_quoted(LITERAL("\xd0\xb0lice"), "\"\xd0\xb0lice\" [not only ASCII letters]");
    check_quoted(LITERAL("\xf0\x9f\x94\x91"), "\"\xf0\x9f\x94\x91\" [not only ASCII letters]");
}

static void what_is_not_utf_8_is_written_octet_by_octet(void **state)
{
    (void)state;
    check_quoted(LITERAL("a\xff"), "\"a\\xff\"");
    check_quoted(LITERAL("\xe2\x80"), "\"\\xe2\\x80\"");
    check_quoted(LITERAL("\xc0\xaf"), "\"\\xc0\\xaf\"");
}

static void a_reason_cannot_write_a_line_of_its_own(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;
    PS_BUF_AUTO page;

    (void)state;
    read_document("set.remove", &text);
    replace(&text, "\"reason\":\"", "\"reason\":\"ok\\nWhat is signed:\\n  SHA-256: 00\\u001b[1A");
    put_page(&text, &document, &page);
    check_holds(&page,
                "Reason: \n        \"ok\\u{a}What is signed:\\u{a}  SHA-256: 00\\u{1b}[1A\"\n");
}

static void a_long_text_is_whole(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;
    PS_BUF_AUTO page;
    char reason[PARAM_TEXT_MAX + 16];

    (void)state;
    memset(reason, 'x', sizeof reason);
    memcpy(reason, "\"reason\":\"", 10);
    reason[PARAM_TEXT_MAX + 9] = 'y';
    reason[PARAM_TEXT_MAX + 10] = 0;
    read_document("set.remove", &text);
    replace(&text, "\"reason\":\"", reason);
    put_page(&text, &document, &page);
    while (contains(&page, "\"\n        \"")) {
        replace(&page, "\"\n        \"", "");
    }
    check_holds(&page, reason + 10);
}

/* A line of the page of a document with one text replaced; `from` may be NULL. */
static void check_line(const char *type, const char *from, const char *to, const char *line)
{
    struct operation_document document;
    PS_BUF_AUTO text;
    PS_BUF_AUTO page;

    read_document(type, &text);
    if (from != NULL) {
        replace(&text, from, to);
    }
    put_page(&text, &document, &page);
    check_holds(&page, line);
}

static void numbers_say_what_they_mean(void **state)
{
    (void)state;
    check_line("key.create", "\"validity_s\":\"31536000\"", "\"validity_s\":\"0\"",
               "Each version is valid for: 0 s (without end)\n");
    check_line("key.create", "\"retain_s\":\"604800\"", "\"retain_s\":\"694861\"",
               "Old ones stay published for: 694861 s (8 d 1 h 1 min 1 s)\n");
    check_line("key.create", "\"retain_s\":\"604800\"", "\"retain_s\":\"59\"",
               "Old ones stay published for: 59 s\n");
    check_line("key.suspend", NULL, NULL, "Part of the key: all of it with every version (0)\n");
    check_line("grant.add", NULL, NULL, "Ends: 1893456000 (2030-01-01T00:00:00Z)\n");
    check_line("grant.add", "\"1893456000\"", "\"0\"", "Ends: 0 (it has no end)\n");
    check_line("grant.add", "\"1893456000\"", "\"9999999999999999\"", "Ends: 9999999999999999\n");
}

/* --- Difference --- */

static void equal_documents_have_no_difference(void **state)
{
    const struct operation_type_info *type;

    (void)state;
    for (size_t i = 0; (type = operation_type_info_at(i)) != NULL; i++) {
        PS_BUF_AUTO text;
        PS_BUF_AUTO difference;

        read_document(type->name, &text);
        put_difference(&text, &text, &difference);
        check_holds(&difference, "Nothing that is compared is different.\n");
        check_holds(&difference, "not_before, not_after, max_log_size, log.size, log.root, nonce");
    }
}

/* The lines of a difference after some replacements; the last row of the table is NULL. */
static void check_difference(const char *type, const char *const (*changes)[2],
                             const char *expected)
{
    PS_BUF_AUTO before;
    PS_BUF_AUTO now;
    PS_BUF_AUTO difference;
    const char *end;

    read_document(type, &before);
    read_document(type, &now);
    for (size_t i = 0; changes[i][0] != NULL; i++) {
        replace(&now, changes[i][0], changes[i][1]);
    }
    put_difference(&before, &now, &difference);
    end = memmem(difference.data, difference.len, "  Not compared", 14);
    assert_non_null(end);
    assert_text(ps_bytes(difference.data, (size_t)((const uint8_t *)end - difference.data)),
                expected);
}

static void a_changed_member_is_told_with_both_values(void **state)
{
    static const char *const changes[][2] = {
        {"\"sensitive\":true", "\"sensitive\":false"},
        {"\"period_s\":\"7776000\"", "\"period_s\":\"0\""},
        {"\"reason\":\"\"", "\"reason\":\"now\""},
        {NULL, NULL},
    };

    (void)state;
    check_difference("key.create", changes,
                     "  Changed  Rotation / A new version every: was 7776000 s (90 d); is 0 s "
                     "(only when asked for)\n"
                     "  Changed  In the token / Never readable in clear: was yes; is no\n"
                     "  Changed  Reason: was \"\" (none is given); is \"now\"\n");
}

static void a_list_is_told_by_what_came_and_went(void **state)
{
    static const char *const changes[][2] = {
        {"\"operations\":[\"jws.sign\",\"keys.read\"]",
         "\"operations\":[\"keys.read\",\"raw.sign\"]"},
        {"\"formats\":[\"jws\"]", "\"formats\":[]"},
        {NULL, NULL},
    };

    (void)state;
    check_difference("grant.add", changes,
                     "  Added    Operations: raw.sign\n"
                     "  Removed  Operations: jws.sign\n"
                     "  Removed  In the formats: jws\n");
}

static void another_order_is_a_difference(void **state)
{
    static const char *const changes[][2] = {
        {"\"operations\":[\"jws.sign\",\"keys.read\"]",
         "\"operations\":[\"keys.read\",\"jws.sign\"]"},
        {NULL, NULL},
    };

    (void)state;
    check_difference("grant.add", changes,
                     "  Changed  Operations: what is in both stands in another order: "
                     "\"keys.read\", \"jws.sign\"\n");
}

static void labels_are_found_by_their_names(void **state)
{
    static const char *const changes[][2] = {
        {"\"owner\":\"ID issuance\"", "\"floor\":\"2\",\"owner\":\"IT\""},
        {",\"room\":\"B \\\"2\\\" gr\xc3\xb6\xc3\x9f"
         "er\"",
         ""},
        {NULL, NULL},
    };

    (void)state;
    check_difference("key.create", changes,
                     "  Added    Labels / Label \"floor\": \"2\"\n"
                     "  Changed  Labels / Label \"owner\": was \"ID issuance\"; is \"IT\"\n"
                     "  Removed  Labels / Label \"room\": \"B \\\"2\\\" gr\xc3\xb6\xc3\x9f"
                     "er\" [not only ASCII letters]\n");
}

static void people_are_found_by_their_names(void **state)
{
    static const char *const changes[][2] = {
        {"\"person\":\"bob\"", "\"person\":\"bodo\""},
        {"\"person\":\"carol\",\"role\":\"officer\"", "\"person\":\"carol\",\"role\":\"auditor\""},
        {NULL, NULL},
    };
    PS_BUF_AUTO before;
    PS_BUF_AUTO now;
    PS_BUF_AUTO difference;

    (void)state;
    read_document("genesis", &before);
    read_document("genesis", &now);
    for (size_t i = 0; changes[i][0] != NULL; i++) {
        replace(&now, changes[i][0], changes[i][1]);
    }
    put_difference(&before, &now, &difference);
    check_holds(&difference, "  Added    People whose signatures count / Person \"bodo\" / Role: "
                             "officer\n");
    check_holds(&difference, "  Removed  People whose signatures count / Person \"bob\" / Role: "
                             "officer\n");
    check_holds(&difference, "  Changed  People whose signatures count / Person \"carol\" / Role: "
                             "was officer; is auditor\n");
    assert_false(contains(&difference, "\"alice\""));
}

static void two_types_are_not_compared(void **state)
{
    struct operation_document a;
    struct operation_document b;
    PS_BUF_AUTO before;
    PS_BUF_AUTO now;
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, OPERATION_TEXT_MAX);
    read_document("set.put", &before);
    read_document("set.remove", &now);
    assert_ok(operation_document_parse(earlier, ps_buf_bytes(&before), &a));
    assert_ok(operation_document_parse(json, ps_buf_bytes(&now), &b));
    assert_fails(PS_E_INPUT, operation_text_put_difference(&a, &b, &out));
    assert_int_equal(out.len, 0);
}

static void too_little_room_is_an_error(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;
    PS_BUF_AUTO page;

    (void)state;
    read_document("set.put", &text);
    assert_ok(operation_document_parse(json, ps_buf_bytes(&text), &document));
    ps_buf_init(&page, 100);
    assert_fails(PS_E_LIMIT, operation_text_put(&document, &page));
    ps_buf_reset(&page);
    page.max = 10;
    assert_fails(PS_E_LIMIT, operation_text_put_difference(&document, &document, &page));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_stays_one),
        cmocka_unit_test(only_the_appliance_says_that_it_is_for_practice),
        cmocka_unit_test(a_long_text_never_begins_a_line_without_a_quote),
        cmocka_unit_test(every_member_is_on_the_page),
        cmocka_unit_test(labels_are_there_and_differ),
        cmocka_unit_test(classes_are_told_as_the_policy_has_them),
        cmocka_unit_test(a_page_is_as_it_was_reviewed),
        cmocka_unit_test(genesis_is_signed_by_everybody),
        cmocka_unit_test(what_does_not_show_is_written_out),
        cmocka_unit_test(a_page_keeps_its_newlines_and_nothing_else_that_moves),
        cmocka_unit_test(letters_outside_ascii_are_shown_and_marked),
        cmocka_unit_test(what_is_not_utf_8_is_written_octet_by_octet),
        cmocka_unit_test(a_reason_cannot_write_a_line_of_its_own),
        cmocka_unit_test(a_long_text_is_whole),
        cmocka_unit_test(numbers_say_what_they_mean),
        cmocka_unit_test(equal_documents_have_no_difference),
        cmocka_unit_test(a_changed_member_is_told_with_both_values),
        cmocka_unit_test(a_list_is_told_by_what_came_and_went),
        cmocka_unit_test(another_order_is_a_difference),
        cmocka_unit_test(labels_are_found_by_their_names),
        cmocka_unit_test(people_are_found_by_their_names),
        cmocka_unit_test(two_types_are_not_compared),
        cmocka_unit_test(too_little_room_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_readers, free_readers);
}
