#include "keystore/catalog/catalog.h"

#include "keystore/catalog/migrations.h"
#include "keystore/catalog/records.h"
#include "lib/base/hash.h"

#include "tests/unit/scratch.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* One suite for every backend. What is about files is below it, for SQLite alone. */

static char path[SCRATCH_PATH_MAX];
static struct catalog *catalog;

static int open_memory(void **state)
{
    (void)state;
    assert_int_equal(catalog_open_memory(&catalog), PS_OK);
    return 0;
}

static int open_sqlite(void **state)
{
    assert_int_equal(scratch_make(state), 0);
    scratch_path("catalog.sqlite", path);
    assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
    return 0;
}

static int close_memory(void **state)
{
    (void)state;
    catalog_close(catalog);
    catalog = NULL;
    return 0;
}

static int close_sqlite(void **state)
{
    catalog_close(catalog);
    catalog = NULL;
    return scratch_remove(state);
}

static struct ps_bytes text(const char *string)
{
    return ps_bytes_str(string);
}

static struct catalog_change change(enum catalog_kind kind, const char *name, uint64_t expected,
                                    const char *body)
{
    return (struct catalog_change){
        .kind = kind, .name = text(name), .expected = expected, .body = text(body)};
}

static enum ps_err apply_one(enum catalog_kind kind, const char *name, uint64_t expected,
                             const char *body, uint64_t event)
{
    const struct catalog_change one = change(kind, name, expected, body);

    return catalog_apply(catalog, &one, 1, event, NULL);
}

static void put(enum catalog_kind kind, const char *name, uint64_t expected, const char *body)
{
    assert_int_equal(apply_one(kind, name, expected, body, 7), PS_OK);
}

static void assert_row_in(struct catalog *where, enum catalog_kind kind, const char *name,
                          uint64_t revision, const char *body)
{
    PS_BUF_AUTO memory;
    struct catalog_row row;

    ps_buf_init(&memory, 4096);
    assert_int_equal(catalog_get(where, kind, text(name), &memory, &row), PS_OK);
    assert_int_equal(row.kind, kind);
    assert_true(ps_bytes_equal_str(row.name, name));
    assert_int_equal(row.revision, revision);
    assert_true(ps_bytes_equal_str(row.body, body));
}

static void assert_row(enum catalog_kind kind, const char *name, uint64_t revision,
                       const char *body)
{
    assert_row_in(catalog, kind, name, revision, body);
}

static void assert_no_row(enum catalog_kind kind, const char *name)
{
    PS_BUF_AUTO memory;
    struct catalog_row row = {.revision = 77};

    ps_buf_init(&memory, 4096);
    assert_int_equal(catalog_get(catalog, kind, text(name), &memory, &row), PS_E_NOT_FOUND);
    assert_int_equal(row.revision, 77);
    assert_int_equal(memory.len, 0);
}

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

static const uint8_t hash_a[PS_SHA256_LEN] = {1};
static const uint8_t hash_b[PS_SHA256_LEN] = {2};

static struct catalog_answer answer(const char *caller, const char *key, const uint8_t *hash,
                                    uint16_t status, uint64_t expires_ns)
{
    return (struct catalog_answer){
        .caller = text(caller),
        .key = text(key),
        .body_hash = ps_bytes(hash, PS_SHA256_LEN),
        .status = status,
        .answer = status == 0 ? ps_bytes(NULL, 0) : ps_bytes("an\0swer", 7),
        .expires_ns = expires_ns,
    };
}

static enum ps_err find(const char *caller, const char *key, uint64_t now_ns)
{
    PS_BUF_AUTO memory;
    struct catalog_answer found;

    ps_buf_init(&memory, 4096);
    PS_TRY(catalog_get_answer(catalog, text(caller), text(key), now_ns, &memory, &found));
    assert_true(ps_bytes_equal_str(found.caller, caller));
    assert_true(ps_bytes_equal_str(found.key, key));
    assert_int_equal(found.body_hash.len, PS_SHA256_LEN);
    assert_true(found.expires_ns > now_ns);
    assert_int_equal(found.answer.len, found.status == 0 ? 0 : 7);
    return found.status == 0 ? PS_E_BUSY : PS_OK;
}

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

/* Effects, and comparing with what they yield. */

static void effects_to(struct catalog *derived, const struct catalog_change *changes, size_t count,
                       uint64_t event)
{
    PS_BUF_AUTO effects;

    ps_buf_init(&effects, 65536);
    catalog_put_effects(changes, count, &effects);
    assert_int_equal(ps_buf_status(&effects), PS_OK);
    assert_int_equal(catalog_apply_effects(derived, ps_buf_bytes(&effects), event), PS_OK);
    assert_int_equal(catalog_apply(catalog, changes, count, event, NULL), PS_OK);
}

static void effects_have_one_form(void **state)
{
    const struct catalog_change changes[] = {
        change(CATALOG_OPERATION, "o", 0, "{}"),
        change(CATALOG_KEY, "a", 0, "{\"x\":1}"),
        change(CATALOG_RESERVED, "00", 0, "{}"),
        change(CATALOG_VERSION, "a/1", 3, ""),
    };
    PS_BUF_AUTO effects;

    (void)state;
    ps_buf_init(&effects, 4096);
    catalog_put_effects(changes, 4, &effects);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&effects),
                                   "[{\"kind\":\"key\",\"name\":\"a\",\"row\":{\"x\":1}},"
                                   "{\"kind\":\"version\",\"name\":\"a/1\",\"removed\":true}]"));
    ps_buf_reset(&effects);
    catalog_put_effects(changes, 1, &effects);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&effects), "[]"));
}

static void effects_yield_the_same_rows(void **state)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *derived = NULL;
    const struct catalog_change first[] = {
        change(CATALOG_KEY, "a", 0, "{\"x\":1}"),
        change(CATALOG_KEY, "b", 0, "{\"x\":1}"),
        change(CATALOG_OPERATION, "o", 0, "{}"),
        change(CATALOG_CLIENT, "c", 0, "{\"x\":\"\xc3\xa4\\n\"}"),
    };
    const struct catalog_change second[] = {
        change(CATALOG_KEY, "a", 1, "{\"x\":2}"),
        change(CATALOG_KEY, "b", 1, ""),
    };

    (void)state;
    assert_int_equal(catalog_open_memory(&derived), PS_OK);
    effects_to(derived, first, 4, 3);
    assert_int_equal(catalog_compare(catalog, derived), PS_OK);
    effects_to(derived, second, 2, 5);
    assert_int_equal(catalog_compare(catalog, derived), PS_OK);
    assert_row_in(derived, CATALOG_KEY, "a", 2, "{\"x\":2}");
}

static void malformed_effects_change_nothing(void **state)
{
    static const char *const cases[] = {
        "",
        "{}",
        "[1]",
        "[{}]",
        "[{\"kind\":\"key\",\"name\":\"a\"}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"removed\":false}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"removed\":true,\"row\":{}}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"row\":[]}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"row\":{},\"more\":1}]",
        "[{\"kind\":\"key\",\"name\":\"a b\",\"row\":{}}]",
        "[{\"kind\":\"operation\",\"name\":\"a\",\"row\":{}}]",
        "[{\"kind\":\"nothing\",\"name\":\"a\",\"row\":{}}]",
        "[{\"name\":\"a\",\"kind\":\"key\",\"row\":{}}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"row\":{}},{\"kind\":\"key\",\"name\":\"a\",\"row\":{}}"
        "]",
        " []",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        assert_int_equal(catalog_apply_effects(catalog, text(cases[i]), 1), PS_E_INPUT);
    }
    assert_int_equal(catalog_apply_effects(catalog,
                                           text("[{\"kind\":\"key\",\"name\":\"a\",\"removed\":"
                                                "true}]"),
                                           1),
                     PS_E_INPUT);
    assert_no_row(CATALOG_KEY, "a");
    assert_int_equal(catalog_apply_effects(catalog, text("[]"), 1), PS_OK);
}

static void compare_one(const struct catalog_change *in_derived, uint64_t event, const char *detail)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *derived = NULL;
    const struct catalog_change same = change(CATALOG_KEY, "a", 0, "{\"x\":1}");

    assert_int_equal(catalog_open_memory(&derived), PS_OK);
    assert_int_equal(catalog_apply(derived, &same, 1, 7, NULL), PS_OK);
    assert_int_equal(catalog_compare(catalog, derived), PS_OK);
    assert_int_equal(catalog_apply(derived, in_derived, 1, event, NULL), PS_OK);
    assert_int_equal(catalog_compare(catalog, derived), PS_E_DENIED);
    assert_string_equal(ps_detail()->text, detail);
    assert_int_equal(catalog_compare(derived, catalog), PS_E_DENIED);
}

static void every_difference_is_found_and_named(void **state)
{
    const struct catalog_change more = change(CATALOG_SET, "s", 0, "{}");
    const struct catalog_change other = change(CATALOG_KEY, "a", 1, "{\"x\":1}");
    const struct catalog_change fewer = change(CATALOG_KEY, "a", 1, "");

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    /* Not compared: */
    put(CATALOG_OPERATION, "o", 0, "{}");
    compare_one(&more, 7, "set s is in the log and not in the catalog");
    compare_one(&other, 7, "key a is not what the log says");
    compare_one(&fewer, 8, "key a is not in the log");
}

static void event_and_body_differ_too(void **state)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *derived = NULL;
    const struct catalog_change same = change(CATALOG_KEY, "a", 0, "{\"x\":1}");
    const struct catalog_change body = change(CATALOG_KEY, "a", 1, "{\"x\":2}");

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    assert_int_equal(catalog_open_memory(&derived), PS_OK);
    assert_int_equal(catalog_apply(derived, &same, 1, 8, NULL), PS_OK);
    assert_int_equal(catalog_compare(catalog, derived), PS_E_DENIED);
    put(CATALOG_KEY, "a", 1, "{\"x\":1}");
    assert_int_equal(catalog_apply(derived, &body, 1, 7, NULL), PS_OK);
    assert_int_equal(catalog_compare(catalog, derived), PS_E_DENIED);
}

#define SET_ROW "{\"keys\":[\"oidc.*\"],\"max_age_s\":300,\"name\":\"default\"}"

static void check_says_what_apply_would_and_changes_nothing(void **state)
{
    const struct catalog_change good = change(CATALOG_SET, "default", 0, SET_ROW);
    const struct catalog_change stale = change(CATALOG_SET, "default", 1, SET_ROW);
    const struct catalog_change misnamed = change(CATALOG_SET, "other", 0, SET_ROW);
    const struct catalog_change malformed = change(CATALOG_SET, "default", 0, "{\"x\":1}");
    const struct catalog_change removal = change(CATALOG_SET, "default", 1, "");

    (void)state;
    assert_int_equal(catalog_check_changes(catalog, &good, 1), PS_OK);
    assert_int_equal(catalog_check_changes(catalog, &stale, 1), PS_E_CONFLICT);
    assert_int_equal(catalog_check_changes(catalog, &misnamed, 1), PS_E_INPUT);
    assert_int_equal(catalog_check_changes(catalog, &malformed, 1), PS_E_INPUT);
    assert_int_equal(catalog_check_changes(catalog, &removal, 1), PS_E_CONFLICT);
    assert_no_row(CATALOG_SET, "default");
    assert_int_equal(catalog_apply(catalog, &good, 1, 7, NULL), PS_OK);
    assert_int_equal(catalog_check_changes(catalog, &good, 1), PS_E_CONFLICT);
    assert_int_equal(catalog_check_changes(catalog, &stale, 1), PS_OK);
    assert_int_equal(catalog_check_changes(catalog, &removal, 1), PS_OK);
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

/* Of the file alone. */

static void elsewhere(const char *sql)
{
    sqlite3 *other = NULL;

    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static void reopen(void)
{
    catalog_close(catalog);
    catalog = NULL;
    assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
}

static void rows_and_answers_survive_closing(void **state)
{
    const struct catalog_answer done = answer("c", "k", hash_a, 201, 200);

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    put(CATALOG_KEY, "a", 1, "{\"x\":2}");
    assert_int_equal(catalog_apply(catalog, NULL, 0, 7, &done), PS_OK);
    reopen();
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
    assert_int_equal(find("c", "k", 1), PS_OK);
}

static void change_behind_our_back_is_found(void **state)
{
    static const char *const tampering[] = {
        "UPDATE row SET body = '{\"x\":9}' WHERE kind = 'key'",
        "UPDATE row SET revision = 9 WHERE kind = 'key'",
        "UPDATE row SET event = 9 WHERE kind = 'key'",
        "UPDATE row SET name = 'A' WHERE kind = 'key'",
        "DELETE FROM row WHERE kind = 'key'",
        "INSERT INTO row VALUES ('grant', 'mine', 1, 7, '{}')",
        "INSERT INTO row VALUES ('grant', char(10), 1, 7, '{}')",
        "UPDATE row SET kind = 'client' WHERE kind = 'key'",
    };
    const struct catalog_change one = change(CATALOG_KEY, "a", 0, "{\"x\":1}");

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(tampering); i++) {
        PS_CLEANUP(catalog_close_cleanup) struct catalog *derived = NULL;
        uint64_t before = 0;
        uint64_t after = 0;

        assert_int_equal(catalog_open_memory(&derived), PS_OK);
        assert_int_equal(catalog_apply(derived, &one, 1, 7, NULL), PS_OK);
        elsewhere("DELETE FROM row");
        assert_int_equal(catalog_apply(catalog, &one, 1, 7, NULL), PS_OK);
        assert_int_equal(catalog_compare(catalog, derived), PS_OK);
        assert_int_equal(catalog_data_version(catalog, &before), PS_OK);
        elsewhere(tampering[i]);
        assert_int_equal(catalog_data_version(catalog, &after), PS_OK);
        assert_int_not_equal(before, after);
        assert_int_equal(catalog_compare(catalog, derived), PS_E_DENIED);
        assert_int_equal(catalog_check_alive(catalog), PS_OK);
    }
}

static void database_of_another_form_is_a_storage_error(void **state)
{
    PS_BUF_AUTO memory;
    struct catalog_row row;

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    elsewhere("ALTER TABLE row RENAME TO old;"
              "CREATE TABLE row (kind, name, revision, event, body);"
              "INSERT INTO row VALUES ('key', 'a', 'many', 7, x'00')");
    ps_buf_init(&memory, 4096);
    assert_int_equal(catalog_get(catalog, CATALOG_KEY, text("a"), &memory, &row), PS_E_STORAGE);
    elsewhere("DROP TABLE row");
    assert_int_equal(catalog_get(catalog, CATALOG_KEY, text("a"), &memory, &row), PS_E_STORAGE);
    assert_int_equal(apply_one(CATALOG_KEY, "b", 0, "{}", 1), PS_E_STORAGE);
}

static void removed_or_replaced_file_is_noticed(void **state)
{
    char copy[SCRATCH_PATH_MAX];

    (void)state;
    scratch_path("copy", copy);
    scratch_copy_file(path, copy);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(catalog_check_alive(catalog), PS_E_STORAGE);
    assert_int_equal(rename(copy, path), 0);
    assert_int_equal(catalog_check_alive(catalog), PS_E_STORAGE);
}

static void newer_catalog_is_refused_in_a_sentence(void **state)
{
    struct catalog *other = NULL;
    char expected[240];

    (void)state;
    elsewhere("UPDATE schema SET version = 1000");
    assert_int_equal(catalog_open_sqlite(path, &other), PS_E_STATE);
    assert_null(other);
    (void)snprintf(expected, sizeof expected,
                   "the catalog is of version 1000, written by a newer Privyseal; this one knows "
                   "versions up to %u: start the newer one",
                   catalog_schema.count);
    assert_string_equal(ps_detail()->text, expected);
}

/* Every released version's rows are there after all later steps. */
static void every_version_is_brought_to_the_newest(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= catalog_schema.count; version++) {
        struct db_schema old = catalog_schema;
        struct db *db = NULL;

        catalog_close(catalog);
        catalog = NULL;
        assert_int_equal(unlink(path), 0);
        old.count = version;
        assert_int_equal(db_open(path, &db), PS_OK);
        assert_int_equal(db_migrate(db, &old), PS_OK);
        db_close(db);
        elsewhere("INSERT INTO row VALUES ('key', 'a', 3, 7, '{\"x\":1}');"
                  "INSERT INTO row VALUES ('operation', 'o', 1, 0, '{}');"
                  "INSERT INTO answer VALUES (CAST('c' AS BLOB), CAST('k' AS BLOB),"
                  " zeroblob(32), 201, CAST('answers' AS BLOB), 200)");
        assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
        assert_row(CATALOG_KEY, "a", 3, "{\"x\":1}");
        assert_row(CATALOG_OPERATION, "o", 1, "{}");
        assert_int_equal(find("c", "k", 1), PS_OK);
        put(CATALOG_KEY, "a", 3, "{\"x\":2}");
    }
}

/* Three rows that are always changed together. */
static enum ps_err change_three(uint64_t revision)
{
    static char body[64];
    struct catalog_change changes[3];

    (void)snprintf(body, sizeof body, "{\"x\":%u}", (unsigned)revision);
    changes[0] = change(CATALOG_KEY, "a", revision, body);
    changes[1] = change(CATALOG_CLIENT, "b", revision, body);
    changes[2] = change(CATALOG_OPERATION, "c", revision, body);
    return catalog_apply(catalog, changes, 3, revision, NULL);
}

static void change_until_killed(int acknowledge)
{
    if (catalog_open_sqlite(path, &catalog) != PS_OK) {
        _exit(1);
    }
    for (uint64_t revision = 0; change_three(revision) == PS_OK; revision++) {
        if (write(acknowledge, "x", 1) != 1) {
            _exit(1);
        }
    }
    _exit(1);
}

static uint64_t revision_of(enum catalog_kind kind, const char *name)
{
    PS_BUF_AUTO memory;
    struct catalog_row row = {0};

    ps_buf_init(&memory, 4096);
    assert_int_equal(catalog_get(catalog, kind, text(name), &memory, &row), PS_OK);
    return row.revision;
}

static void kill_in_the_middle_leaves_all_or_nothing(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 20; round++) {
        uint64_t acknowledged = 0;
        int ends[2];
        char octets[64];
        ssize_t len;
        pid_t child;

        catalog_close(catalog);
        catalog = NULL;
        assert_int_equal(unlink(path), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            change_until_killed(ends[1]);
        }
        (void)close(ends[1]);
        while (acknowledged <= round * 3 && (len = read(ends[0], octets, sizeof octets)) > 0) {
            acknowledged += (uint64_t)len;
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        while ((len = read(ends[0], octets, sizeof octets)) > 0) {
            acknowledged += (uint64_t)len;
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        (void)close(ends[0]);
        assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
        assert_true(revision_of(CATALOG_KEY, "a") >= acknowledged);
        assert_int_equal(revision_of(CATALOG_CLIENT, "b"), revision_of(CATALOG_KEY, "a"));
        assert_int_equal(revision_of(CATALOG_OPERATION, "c"), revision_of(CATALOG_KEY, "a"));
    }
}

/* A row that does not fit where 256 KiB are left. */
static const char *large_body(void)
{
    static char body[512 * 1024];

    memset(body, 'x', sizeof body - 1);
    memcpy(body, "{\"x\":\"", 6);
    memcpy(body + sizeof body - 3, "\"}", 3);
    return body;
}

static void file_size_limit_leaves_all_as_it_was(void **state)
{
    const struct catalog_change changes[] = {
        change(CATALOG_KEY, "a", 1, "{\"x\":2}"),
        change(CATALOG_OPERATION, "b", 0, large_body()),
    };
    struct rlimit before;
    struct rlimit small;

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 256 * 1024, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(catalog_apply(catalog, changes, 2, 8, NULL), PS_E_STORAGE);
    assert_row(CATALOG_KEY, "a", 1, "{\"x\":1}");
    assert_no_row(CATALOG_OPERATION, "b");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(catalog_apply(catalog, changes, 2, 8, NULL), PS_OK);
    reopen();
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
}

#define CANNOT_MOUNT 77

/* In a child with file systems of its own; false when the kernel does not allow that. */
static bool mount_small_disk(const char *where)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        return false;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", where, "tmpfs", MS_NOSUID | MS_NODEV, "size=600k") == 0;
}

static void fill_a_small_disk(void)
{
    const struct catalog_change changes[] = {
        change(CATALOG_KEY, "a", 1, "{\"x\":2}"),
        change(CATALOG_OPERATION, "b", 0, large_body()),
    };
    char filler[SCRATCH_PATH_MAX];
    int fd;

    if (!mount_small_disk(scratch_directory)) {
        _exit(CANNOT_MOUNT);
    }
    assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    scratch_path("filler", filler);
    fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, large_body(), 4096) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(catalog_apply(catalog, changes, 2, 8, NULL), PS_E_STORAGE);
    assert_int_equal(ps_detail()->code & 0xff, SQLITE_FULL);
    assert_row(CATALOG_KEY, "a", 1, "{\"x\":1}");
    assert_no_row(CATALOG_OPERATION, "b");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(catalog_apply(catalog, changes, 1, 8, NULL), PS_OK);
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
    reopen();
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
    catalog_close(catalog);
}

static void full_disk_leaves_all_as_it_was(void **state)
{
    int status = 0;
    pid_t child;

    (void)state;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        catalog_close(catalog);
        fill_a_small_disk();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_MOUNT) {
        print_message("cannot mount a file system of its own here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

#define ON_MEMORY(name)                                                                            \
    {                                                                                              \
        "memory/" #name, name, open_memory, close_memory, NULL                                     \
    }
#define ON_SQLITE(name)                                                                            \
    {                                                                                              \
        "sqlite/" #name, name, open_sqlite, close_sqlite, NULL                                     \
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
        ON(longest_key_is_taken_and_one_more_is_not), ON(effects_have_one_form),                   \
        ON(effects_yield_the_same_rows), ON(malformed_effects_change_nothing),                     \
        ON(every_difference_is_found_and_named), ON(event_and_body_differ_too),                    \
        ON(check_says_what_apply_would_and_changes_nothing), ON(it_is_alive)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARED_TESTS(ON_MEMORY),
        SHARED_TESTS(ON_SQLITE),
        ON_SQLITE(rows_and_answers_survive_closing),
        ON_SQLITE(change_behind_our_back_is_found),
        ON_SQLITE(database_of_another_form_is_a_storage_error),
        ON_SQLITE(removed_or_replaced_file_is_noticed),
        ON_SQLITE(newer_catalog_is_refused_in_a_sentence),
        ON_SQLITE(every_version_is_brought_to_the_newest),
        ON_SQLITE(kill_in_the_middle_leaves_all_or_nothing),
        ON_SQLITE(file_size_limit_leaves_all_as_it_was),
        ON_SQLITE(full_disk_leaves_all_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
