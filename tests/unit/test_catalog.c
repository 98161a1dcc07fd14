#include "keystore/catalog/catalog.h"

#include "tests/unit/catalog_support.h"

/* One suite, on every backend. Effects are in test_catalog_effects.c, what is
 * about files in test_catalog_file.c. */

static void row_is_what_was_put(void **state)
{
    PS_BUF_AUTO memory;
    struct catalog_row row;

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    ps_buf_init(&memory, 4096);
    ps_buf_put_str(&memory, "before");
    assert_int_equal(catalog_get(catalog, CATALOG_KEY, text("a"), &memory, &row), PS_OK);
    assert_int_equal(row.event, 7);
    assert_true(row.name.data == memory.data + 6);
    assert_row(CATALOG_KEY, "a", 1, "{\"x\":1}");
    assert_no_row(CATALOG_CLIENT, "a");
    assert_no_row(CATALOG_KEY, "A");
    assert_no_row(CATALOG_KEY, "a/1");
}

static void bookkeeping_has_no_event(void **state)
{
    PS_BUF_AUTO memory;
    struct catalog_row row;

    (void)state;
    ps_buf_init(&memory, 4096);
    for (unsigned kind = CATALOG_AUTHORISING_COUNT; kind < CATALOG_KIND_COUNT; kind++) {
        put((enum catalog_kind)kind, "a", 0, "{}");
        assert_int_equal(catalog_get(catalog, (enum catalog_kind)kind, text("a"), &memory, &row),
                         PS_OK);
        assert_int_equal(row.event, 0);
    }
}

static void too_small_memory_is_a_limit(void **state)
{
    PS_BUF_AUTO memory;
    struct catalog_row row = {.revision = 77};

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    ps_buf_init(&memory, 7);
    assert_int_equal(catalog_get(catalog, CATALOG_KEY, text("a"), &memory, &row), PS_E_LIMIT);
    assert_int_equal(row.revision, 77);
    ps_buf_clear(&memory);
    memory.max = 8;
    assert_int_equal(catalog_get(catalog, CATALOG_KEY, text("a"), &memory, &row), PS_OK);
}

static void each_change_counts_one_revision(void **state)
{
    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    put(CATALOG_KEY, "a", 1, "{\"x\":2}");
    put(CATALOG_KEY, "a", 2, "{\"x\":2}");
    assert_row(CATALOG_KEY, "a", 3, "{\"x\":2}");
}

static void other_revision_is_a_conflict(void **state)
{
    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    put(CATALOG_KEY, "a", 1, "{\"x\":2}");
    assert_int_equal(apply_one(CATALOG_KEY, "a", 0, "{\"x\":3}", 8), PS_E_CONFLICT);
    assert_string_equal(ps_detail()->text, "key a exists already");
    assert_int_equal(apply_one(CATALOG_KEY, "a", 1, "{\"x\":3}", 8), PS_E_CONFLICT);
    assert_string_equal(ps_detail()->text, "key a is not of revision 1");
    assert_int_equal(apply_one(CATALOG_KEY, "a", 3, "{\"x\":3}", 8), PS_E_CONFLICT);
    assert_int_equal(apply_one(CATALOG_KEY, "b", 1, "{\"x\":3}", 8), PS_E_CONFLICT);
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
    assert_no_row(CATALOG_KEY, "b");
}

static void removed_row_is_gone_and_may_come_again(void **state)
{
    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    assert_int_equal(apply_one(CATALOG_KEY, "a", 2, "", 8), PS_E_CONFLICT);
    assert_row(CATALOG_KEY, "a", 1, "{\"x\":1}");
    put(CATALOG_KEY, "a", 1, "");
    assert_no_row(CATALOG_KEY, "a");
    assert_int_equal(apply_one(CATALOG_KEY, "a", 1, "", 8), PS_E_CONFLICT);
    put(CATALOG_KEY, "a", 0, "{\"x\":2}");
    assert_row(CATALOG_KEY, "a", 1, "{\"x\":2}");
}

static void one_conflict_leaves_all_as_it_was(void **state)
{
    const struct catalog_change changes[] = {
        change(CATALOG_KEY, "new", 0, "{}"),
        change(CATALOG_KEY, "a", 1, "{\"x\":2}"),
        change(CATALOG_KEY, "b", 1, ""),
        change(CATALOG_KEY, "c", 5, "{}"),
    };

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    put(CATALOG_KEY, "b", 0, "{\"x\":1}");
    put(CATALOG_KEY, "c", 0, "{\"x\":1}");
    assert_int_equal(catalog_apply(catalog, changes, 4, 9, NULL), PS_E_CONFLICT);
    assert_no_row(CATALOG_KEY, "new");
    assert_row(CATALOG_KEY, "a", 1, "{\"x\":1}");
    assert_row(CATALOG_KEY, "b", 1, "{\"x\":1}");
    assert_row(CATALOG_KEY, "c", 1, "{\"x\":1}");
    assert_int_equal(catalog_apply(catalog, changes, 3, 9, NULL), PS_OK);
    assert_row(CATALOG_KEY, "new", 1, "{}");
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
    assert_no_row(CATALOG_KEY, "b");
}

static void nothing_to_change_is_fine(void **state)
{
    (void)state;
    assert_int_equal(catalog_apply(catalog, NULL, 0, 1, NULL), PS_OK);
}

static void malformed_change_is_an_input_error(void **state)
{
    static const struct {
        const char *name;
        const char *body;
    } cases[] = {
        {"", "{}"},
        {"a b", "{}"},
        {"a\nb", "{}"},
        {"\xc3\xa4", "{}"},
        {"a\"", "{}"},
        {"a", "[]"},
        {"a", "{"},
        {"a", "{} "},
        {"a", "{\"b\":1.0}"},
        {"a", "{\"a\":null}"},
        {"a", "\"text\""},
        {"a", "{\"b\":1,\"a\":1}"},
        {"a", "{\"a\":1,\"a\":1}"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        assert_int_equal(apply_one(CATALOG_KEY, cases[i].name, 0, cases[i].body, 1), PS_E_INPUT);
    }
    assert_int_equal(apply_one(CATALOG_KEY, "a", 0, "", 1), PS_E_INPUT);
    assert_no_row(CATALOG_KEY, "a");
}

static void longest_name_is_taken_and_one_more_is_not(void **state)
{
    char name[CATALOG_NAME_MAX + 2] = {0};

    (void)state;
    memset(name, 'n', CATALOG_NAME_MAX);
    put(CATALOG_KEY, name, 0, "{}");
    assert_row(CATALOG_KEY, name, 1, "{}");
    name[CATALOG_NAME_MAX] = 'n';
    assert_int_equal(apply_one(CATALOG_KEY, name, 0, "{}", 1), PS_E_INPUT);
}

static void longest_body_is_taken_and_one_more_is_not(void **state)
{
    static char body[CATALOG_BODY_MAX + 2];
    PS_BUF_AUTO memory;
    struct catalog_row row;

    (void)state;
    memset(body, 'x', sizeof body - 1);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + CATALOG_BODY_MAX - 2, "\"}", 3);
    put(CATALOG_OPERATION, "a", 0, body);
    ps_buf_init(&memory, CATALOG_BODY_MAX + 1);
    assert_int_equal(catalog_get(catalog, CATALOG_OPERATION, text("a"), &memory, &row), PS_OK);
    assert_true(ps_bytes_equal_str(row.body, body));
    memcpy(body + CATALOG_BODY_MAX - 2, "x\"}", 4);
    assert_int_equal(apply_one(CATALOG_OPERATION, "b", 0, body, 1), PS_E_INPUT);
}

static void row_twice_in_one_change_is_an_input_error(void **state)
{
    const struct catalog_change changes[] = {
        change(CATALOG_KEY, "a", 0, "{}"),
        change(CATALOG_KEY, "b", 0, "{}"),
        change(CATALOG_KEY, "a", 1, "{}"),
        change(CATALOG_CLIENT, "b", 0, "{}"),
    };

    (void)state;
    assert_int_equal(catalog_apply(catalog, changes, 4, 1, NULL), PS_E_INPUT);
    assert_int_equal(catalog_apply(catalog, changes + 1, 3, 1, NULL), PS_E_CONFLICT);
    assert_no_row(CATALOG_KEY, "b");
}

struct seen {
    char names[512];
    size_t count;
    enum ps_err answer;
};

static enum ps_err note(void *context, const struct catalog_row *row)
{
    struct seen *seen = context;
    const size_t len = strlen(seen->names);

    assert_int_equal(row->event, 7);
    assert_true(ps_bytes_equal_str(row->body, "{\"x\":1}"));
    (void)snprintf(seen->names + len, sizeof seen->names - len, "%.*s ", PS_BYTES_FMT(row->name));
    seen->count++;
    return seen->answer;
}

static void assert_list(const char *after, uint32_t limit, const char *expected)
{
    struct seen seen = {0};

    assert_int_equal(catalog_list(catalog, CATALOG_KEY, text(after), limit, note, &seen), PS_OK);
    assert_string_equal(seen.names, expected);
}

static void list_is_in_order_of_octets_and_by_pages(void **state)
{
    static const char *const names[] = {"b", "a.b", "a", "a-b", "Z", "a/1", "aa", "0", "a/10"};

    (void)state;
    assert_list("", 10, "");
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        put(CATALOG_KEY, names[i], 0, "{\"x\":1}");
    }
    put(CATALOG_CLIENT, "other", 0, "{\"x\":1}");
    assert_list("", 100, "0 Z a a-b a.b a/1 a/10 aa b ");
    assert_list("", 3, "0 Z a ");
    assert_list("a", 3, "a-b a.b a/1 ");
    assert_list("a/1", 3, "a/10 aa b ");
    assert_list("a0", 2, "aa b ");
    assert_list("b", 3, "");
    assert_list("", 0, "");
}

static void error_of_the_callback_ends_the_list(void **state)
{
    struct seen seen = {.answer = PS_E_STATE};

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    put(CATALOG_KEY, "b", 0, "{\"x\":1}");
    assert_int_equal(catalog_list(catalog, CATALOG_KEY, text(""), 9, note, &seen), PS_E_STATE);
    assert_int_equal(seen.count, 1);
    /* And it can be changed again. */
    put(CATALOG_KEY, "c", 0, "{\"x\":1}");
}

static enum ps_err list_inside(void *context, const struct catalog_row *row)
{
    (void)row;
    assert_row(CATALOG_KEY, "b", 1, "{\"x\":1}");
    return catalog_list(catalog, CATALOG_KEY, text(""), 9, note, context);
}

static void list_may_read_the_catalog(void **state)
{
    struct seen seen = {0};

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    put(CATALOG_KEY, "b", 0, "{\"x\":1}");
    assert_int_equal(catalog_list(catalog, CATALOG_KEY, text(""), 9, list_inside, &seen), PS_OK);
    assert_string_equal(seen.names, "a b a b ");
}

static void many_rows_are_found_and_listed(void **state)
{
    struct seen seen = {0};
    char name[32];

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "k%03u", i * 7 % 300);
        put(CATALOG_GRANT, name, 0, "{\"x\":1}");
    }
    for (unsigned i = 0; i < 300; i += 2) {
        (void)snprintf(name, sizeof name, "k%03u", i);
        put(CATALOG_GRANT, name, 1, "");
    }
    assert_int_equal(catalog_list(catalog, CATALOG_GRANT, text("k193"), 4, note, &seen), PS_OK);
    assert_string_equal(seen.names, "k195 k197 k199 k201 ");
}

/* Answers to Idempotency-Keys. */

static void answer_is_kept_with_its_change(void **state)
{
    const struct catalog_change one = change(CATALOG_KEY, "a", 0, "{}");
    const struct catalog_answer flight = answer("c", "k", hash_a, 0, 100);
    const struct catalog_answer done = answer("c", "k", hash_a, 201, 200);

    (void)state;
    assert_int_equal(find("c", "k", 1), PS_E_NOT_FOUND);
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_OK);
    assert_int_equal(find("c", "k", 1), PS_E_BUSY);
    assert_int_equal(catalog_apply(catalog, &one, 1, 7, &done), PS_OK);
    assert_int_equal(find("c", "k", 1), PS_OK);
    assert_int_equal(find("c", "k", 199), PS_OK);
}

static void answer_is_not_kept_without_its_change(void **state)
{
    const struct catalog_change one = change(CATALOG_KEY, "a", 4, "{}");
    const struct catalog_answer flight = answer("c", "k", hash_a, 0, 100);
    const struct catalog_answer done = answer("c", "k", hash_a, 201, 200);

    (void)state;
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_OK);
    assert_int_equal(catalog_apply(catalog, &one, 1, 7, &done), PS_E_CONFLICT);
    assert_int_equal(find("c", "k", 1), PS_E_BUSY);
}

static void change_is_not_made_without_its_answer(void **state)
{
    const struct catalog_change one = change(CATALOG_KEY, "a", 0, "{}");
    const struct catalog_answer flight = answer("c", "k", hash_a, 0, 100);
    const struct catalog_answer other = answer("c", "k", hash_b, 201, 200);

    (void)state;
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_OK);
    assert_int_equal(catalog_apply(catalog, &one, 1, 7, &other), PS_E_CONFLICT);
    assert_no_row(CATALOG_KEY, "a");
}

static void key_in_flight_is_a_conflict(void **state)
{
    const struct catalog_answer flight = answer("c", "k", hash_a, 0, 100);
    const struct catalog_answer others = answer("d", "k", hash_a, 0, 100);

    (void)state;
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_OK);
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_E_CONFLICT);
    /* The key is the caller's own. */
    assert_int_equal(catalog_begin_answer(catalog, &others), PS_OK);
}

static void callers_and_keys_are_not_mixed_up(void **state)
{
    const struct catalog_answer first = answer("ab", "c", hash_a, 0, 100);
    const struct catalog_answer second = answer("a", "bc", hash_a, 0, 100);
    const struct catalog_answer none = answer("", "abc", hash_a, 0, 100);

    (void)state;
    assert_int_equal(catalog_begin_answer(catalog, &first), PS_OK);
    assert_int_equal(find("a", "bc", 1), PS_E_NOT_FOUND);
    assert_int_equal(catalog_begin_answer(catalog, &second), PS_OK);
    assert_int_equal(catalog_begin_answer(catalog, &none), PS_OK);
}

static void finished_answer_is_not_replaced(void **state)
{
    const struct catalog_answer done = answer("c", "k", hash_a, 201, 200);

    (void)state;
    assert_int_equal(catalog_apply(catalog, NULL, 0, 7, &done), PS_OK);
    assert_int_equal(catalog_apply(catalog, NULL, 0, 7, &done), PS_E_CONFLICT);
    assert_int_equal(find("c", "k", 1), PS_OK);
}

static void expired_answer_is_not_found_and_makes_room(void **state)
{
    const struct catalog_answer done = answer("c", "k", hash_a, 201, 200);
    const struct catalog_answer flight = answer("c", "k", hash_b, 0, 300);

    (void)state;
    assert_int_equal(catalog_apply(catalog, NULL, 0, 7, &done), PS_OK);
    assert_int_equal(find("c", "k", 200), PS_E_NOT_FOUND);
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_OK);
}

static void forgotten_flight_may_be_tried_again(void **state)
{
    const struct catalog_answer flight = answer("c", "k", hash_a, 0, 100);
    const struct catalog_answer done = answer("c", "d", hash_a, 201, 200);

    (void)state;
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_OK);
    assert_int_equal(catalog_apply(catalog, NULL, 0, 7, &done), PS_OK);
    assert_int_equal(catalog_forget_answer(catalog, text("c"), text("k")), PS_OK);
    assert_int_equal(catalog_forget_answer(catalog, text("c"), text("d")), PS_OK);
    assert_int_equal(catalog_forget_answer(catalog, text("c"), text("none")), PS_OK);
    assert_int_equal(find("c", "k", 1), PS_E_NOT_FOUND);
    assert_int_equal(find("c", "d", 1), PS_OK);
}

static void sweep_forgets_flights_and_what_has_expired(void **state)
{
    const struct catalog_answer all[] = {
        answer("c", "flight", hash_a, 0, 900),
        answer("c", "old", hash_a, 201, 500),
        answer("c", "young", hash_a, 201, 501),
    };

    (void)state;
    assert_int_equal(catalog_begin_answer(catalog, &all[0]), PS_OK);
    assert_int_equal(catalog_apply(catalog, NULL, 0, 7, &all[1]), PS_OK);
    assert_int_equal(catalog_apply(catalog, NULL, 0, 7, &all[2]), PS_OK);
    assert_int_equal(catalog_expire_answers(catalog, 500), PS_OK);
    assert_int_equal(find("c", "flight", 1), PS_E_BUSY);
    assert_int_equal(find("c", "old", 1), PS_E_NOT_FOUND);
    assert_int_equal(catalog_sweep_answers(catalog, 500), PS_OK);
    assert_int_equal(find("c", "flight", 1), PS_E_NOT_FOUND);
    assert_int_equal(find("c", "young", 1), PS_OK);
}

static void longest_key_is_taken_and_one_more_is_not(void **state)
{
    char key[CATALOG_ANSWER_KEY_MAX + 2] = {0};
    struct catalog_answer flight;

    (void)state;
    memset(key, 'k', CATALOG_ANSWER_KEY_MAX);
    flight = answer(key, key, hash_a, 0, 100);
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_OK);
    assert_int_equal(find(key, key, 1), PS_E_BUSY);
    key[CATALOG_ANSWER_KEY_MAX] = 'k';
    flight = answer("c", key, hash_a, 0, 100);
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_E_INPUT);
    assert_int_equal(find("c", key, 1), PS_E_NOT_FOUND);
    flight = answer("c", "", hash_a, 0, 100);
    assert_int_equal(catalog_begin_answer(catalog, &flight), PS_E_INPUT);
}

static void it_is_alive(void **state)
{
    uint64_t before = 0;
    uint64_t after = 0;

    (void)state;
    assert_int_equal(catalog_check_alive(catalog), PS_OK);
    assert_int_equal(catalog_data_version(catalog, &before), PS_OK);
    put(CATALOG_KEY, "a", 0, "{}");
    assert_int_equal(catalog_data_version(catalog, &after), PS_OK);
    assert_int_equal(before, after);
}

#define SHARED_TESTS(ON)                                                                           \
    ON(row_is_what_was_put), ON(bookkeeping_has_no_event), ON(too_small_memory_is_a_limit),        \
        ON(each_change_counts_one_revision), ON(other_revision_is_a_conflict),                     \
        ON(removed_row_is_gone_and_may_come_again), ON(one_conflict_leaves_all_as_it_was),         \
        ON(nothing_to_change_is_fine), ON(malformed_change_is_an_input_error),                     \
        ON(longest_name_is_taken_and_one_more_is_not),                                             \
        ON(longest_body_is_taken_and_one_more_is_not),                                             \
        ON(row_twice_in_one_change_is_an_input_error),                                             \
        ON(list_is_in_order_of_octets_and_by_pages), ON(error_of_the_callback_ends_the_list),      \
        ON(list_may_read_the_catalog), ON(many_rows_are_found_and_listed),                         \
        ON(answer_is_kept_with_its_change), ON(answer_is_not_kept_without_its_change),             \
        ON(change_is_not_made_without_its_answer), ON(key_in_flight_is_a_conflict),                \
        ON(callers_and_keys_are_not_mixed_up), ON(finished_answer_is_not_replaced),                \
        ON(expired_answer_is_not_found_and_makes_room), ON(forgotten_flight_may_be_tried_again),   \
        ON(sweep_forgets_flights_and_what_has_expired),                                            \
        ON(longest_key_is_taken_and_one_more_is_not), ON(it_is_alive)

int main(void)
{
    const struct CMUnitTest tests[] = {SHARED_TESTS(ON_MEMORY), SHARED_TESTS(ON_SQLITE)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
