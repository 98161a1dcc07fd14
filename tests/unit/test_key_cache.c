#include "tests/unit/key_rows.h"

#include "keystore/catalog/internal.h"
#include "keystore/events/truth.h"
#include "keystore/keys/key_cache.h"
#include "keystore/keys/keys_table.h"
#include "keystore/operations/operations.h"
#include "keystore/snapshot/internal.h"
#include "keystore/snapshot/layered.h"
#include "keystore/snapshot/saved.h"

#include <fcntl.h>
#include <unistd.h>

/*
 * Keys that have changed behind a snapshot, more of them than there is room for: `stored` is as the
 * snapshot, `rows` as the log, and the keeper's own catalog is that too.
 */

#define ROOM 2u

enum { PLAIN = 8, SNAPSHOT_SIZE = 8, BEFORE = 7, BEHIND = 9 };

static char top[64];
static int directory;
static struct msg_keeper_config config = {.keys_in_memory = ROOM};
static struct keeper keeper;
static struct catalog *stored;
static struct catalog *rows;
static const struct catalog_ops *stored_ops;
static struct catalog_ops watched_ops;
static size_t most_here;

/* What the snapshot says of a key, or of its version, is looked up here while it is loaded. */
static enum ps_err get_and_look(void *backend, enum catalog_kind kind, struct ps_bytes name,
                                struct ps_buf *memory, struct catalog_row *ret_row)
{
    const size_t here = keys_count(keeper.keys);

    most_here = here > most_here ? here : most_here;
    return stored_ops->get(backend, kind, name, memory, ret_row);
}

static void make_keeper(void)
{
    keeper = (struct keeper){.config = &config};
    assert_ok(keys_new(&keeper.keys));
    assert_ok(key_cache_new(&keeper, &keeper.key_cache));
    assert_ok(truth_new(&keeper.truth));
    assert_ok(operations_new(&keeper, &keeper.operations));
    assert_ok(snapshots_new(&keeper, &keeper.snapshots));
    assert_ok(catalog_open_memory(&keeper.catalog));
}

static void free_keeper(void)
{
    operations_free(keeper.operations);
    keys_free(keeper.keys);
    key_cache_free(keeper.key_cache);
    truth_free(keeper.truth);
    snapshots_free(keeper.snapshots);
    catalog_close(keeper.catalog);
}

static int make(void **state)
{
    (void)state;
    (void)snprintf(top, sizeof top, "/tmp/privyseal-key-cache-XXXXXX");
    assert_non_null(mkdtemp(top));
    directory = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(catalog_open_memory(&stored));
    stored_ops = stored->ops;
    watched_ops = *stored_ops;
    watched_ops.get = get_and_look;
    make_keeper();
    return 0;
}

static int clear(void **state)
{
    (void)state;
    catalog_close(rows);
    rows = NULL;
    free_keeper();
    catalog_close(stored);
    (void)unlinkat(directory, "t", 0);
    (void)close(directory);
    (void)rmdir(top);
    return 0;
}

static void apply(struct catalog *catalog, enum catalog_kind kind, const char *name,
                  uint64_t expected, const char *text, uint64_t event)
{
    const struct catalog_change change = {
        .kind = kind, .name = ps_bytes_str(name), .expected = expected, .body = ps_bytes_str(text)};

    assert_ok(catalog_apply(catalog, &change, 1, event, NULL));
}

/* period_s: 0: nothing happens to it by itself */
static void put_key(struct catalog *catalog, const char *name, uint64_t expected, const char *state,
                    unsigned period_s, uint64_t event)
{
    char text[600];
    char version[80];

    (void)snprintf(text, sizeof text, KEY_ROW, "jws", name, state);
    *(strstr(text, "\"period_s\":0") + strlen("\"period_s\":")) = (char)('0' + period_s);
    apply(catalog, CATALOG_KEY, name, expected, text, event);
    if (expected == 0) {
        (void)snprintf(text, sizeof text, VERSION_ROW, name);
        (void)snprintf(version, sizeof version, "%s/1", name);
        apply(catalog, CATALOG_VERSION, version, 0, text, event);
    }
}

static void each_plain(const char *prefix, void (*fn)(const char *name))
{
    for (unsigned i = 0; i < PLAIN; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "%s%u", prefix, i);
        fn(name);
    }
}

static enum ps_err know(void *context, const struct catalog_row *row)
{
    (void)context;
    return truth_set(keeper.truth, row);
}

static enum ps_err add_to_table(void *context, const struct catalog_row *row)
{
    struct table_entry entry = {
        .kind = row->kind, .name = row->name, .revision = row->revision, .event = row->event};

    ps_sha256(row->body, entry.hash);
    return table_writer_add(context, &entry);
}

static void list(struct catalog *catalog, catalog_row_fn *fn, void *context)
{
    assert_ok(catalog_list(catalog, CATALOG_KEY, ps_bytes(NULL, 0), UINT32_MAX, fn, context));
    assert_ok(catalog_list(catalog, CATALOG_VERSION, ps_bytes(NULL, 0), UINT32_MAX, fn, context));
}

static struct table *make_table(void)
{
    PS_CLEANUP(table_writer_free_cleanup) struct table_writer *writer = NULL;
    PS_BUF_AUTO payload = {.max = 8192};
    PS_BUF_AUTO saved = {.max = 4096};
    struct table_seal seal;
    struct table *table;

    key_cache_save(keeper.key_cache, &saved);
    saved_put(&payload, ps_bytes_str("program"));
    saved_put(&payload, ps_buf_bytes(&saved));
    saved_put(&payload, ps_bytes_str("derived"));
    assert_ok(ps_buf_status(&payload));
    assert_ok(table_writer_new(directory, "t", &writer));
    list(stored, add_to_table, writer);
    assert_ok(table_writer_finish(writer, ps_buf_bytes(&payload), &seal));
    assert_ok(table_open(directory, "t", &seal, &table));
    return table;
}

/* What `stored` has is in a snapshot, and the keeper is another one, with `rows` above it. */
static void make_snapshot(void)
{
    struct table *table;

    list(stored, know, NULL);
    assert_ok(key_cache_load(keeper.key_cache, stored));
    table = make_table();
    free_keeper();
    make_keeper();
    keeper.snapshots->table = table;
    keeper.snapshots->size = SNAPSHOT_SIZE;
    assert_ok(layered_open(table, stored, NULL, &rows));
    stored->ops = &watched_ops;
    most_here = 0;
}

static enum ps_err keep(void *context, const struct catalog_row *row)
{
    (void)context;
    return catalog_keep_row(keeper.catalog, row);
}

static void start(void)
{
    list(rows, keep, NULL);
    most_here = 0;
    assert_ok(truth_rest_on(keeper.truth, keeper.snapshots->table, SNAPSHOT_SIZE));
    assert_ok(layered_each_change(rows, CATALOG_KEY, know, NULL));
    assert_ok(layered_each_change(rows, CATALOG_VERSION, know, NULL));
    assert_ok(key_cache_load(keeper.key_cache, rows));
}

static void put_old(const char *name)
{
    put_key(stored, name, 0, "active", 0, BEFORE);
}

static void suspend(const char *name)
{
    put_key(rows, name, 1, "suspended", 0, BEHIND);
}

static void make_new(const char *name)
{
    put_key(rows, name, 0, "active", 0, BEHIND);
}

static void expect_state(const char *name, enum key_state state)
{
    const struct key *key = keys_find(keeper.keys, ps_bytes_str(name));

    assert_non_null(key);
    assert_int_equal(key->state, state);
    assert_int_equal(key->version_count, 1);
}

static void expect_suspended(const char *name)
{
    expect_state(name, KEY_SUSPENDED);
}

static void expect_active(const char *name)
{
    expect_state(name, KEY_ACTIVE);
}

static void a_start_has_no_more_keys_in_memory_than_there_is_room_for(void **state)
{
    (void)state;
    each_plain("a.", put_old);
    make_snapshot();
    each_plain("a.", suspend);
    start();
    assert_int_equal(most_here, ROOM + 1); /* with the one that is being loaded */
    assert_in_range(keys_count(keeper.keys), 1, ROOM);
    assert_int_equal(key_cache_away(keeper.key_cache), PLAIN - keys_count(keeper.keys));
    each_plain("a.", expect_suspended);
    assert_int_equal(keys_count(keeper.keys), PLAIN);
    assert_int_equal(key_cache_away(keeper.key_cache), 0);
    assert_int_equal(key_cache_away_live(keeper.key_cache), 0);
    assert_int_equal(key_cache_away_jws(keeper.key_cache), 0);
}

/* A version's row comes behind all rows of keys: its key may be gone by then. */
static void a_key_that_was_let_go_is_not_counted_for_its_versions_again(void **state)
{
    (void)state;
    put_old("a");
    make_snapshot();
    each_plain("n.", make_new);
    start();
    assert_int_equal(keys_count(keeper.keys) + key_cache_away(keeper.key_cache), PLAIN + 1);
    assert_int_equal(key_cache_away_of(keeper.key_cache, ps_bytes_str("t")),
                     key_cache_away(keeper.key_cache));
    each_plain("n.", expect_active);
    expect_active("a");
    assert_int_equal(key_cache_away(keeper.key_cache), 0);
}

/* What may not go is no part of the room; a destroyed key is away, and none that lives. */
static void what_may_not_go_stays_whatever_comes_before_it(void **state)
{
    (void)state;
    each_plain("a.", put_old);
    put_key(stored, "z.kept", 0, "active", 1, BEFORE);
    put_old("z.plain");
    put_old("z.was");
    make_snapshot();
    each_plain("a.", suspend);
    put_key(rows, "z.plain", 1, "active", 1, BEHIND);
    put_key(rows, "z.was", 1, "destroyed", 0, BEHIND);
    start();
    assert_int_equal(keys_count(keeper.keys) + key_cache_away(keeper.key_cache), PLAIN + 3);
    assert_int_equal(key_cache_away_live(keeper.key_cache) + 1, key_cache_away(keeper.key_cache));
    assert_int_equal(key_cache_away_jws(keeper.key_cache), key_cache_away_live(keeper.key_cache));
    assert_non_null(keys_here(keeper.keys, ps_bytes_str("z.kept")));
    assert_non_null(keys_here(keeper.keys, ps_bytes_str("z.plain")));
    each_plain("a.", expect_suspended);
    expect_state("z.was", KEY_DESTROYED);
    assert_int_equal(key_cache_away(keeper.key_cache), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_start_has_no_more_keys_in_memory_than_there_is_room_for,
                                        make, clear),
        cmocka_unit_test_setup_teardown(a_key_that_was_let_go_is_not_counted_for_its_versions_again,
                                        make, clear),
        cmocka_unit_test_setup_teardown(what_may_not_go_stays_whatever_comes_before_it, make,
                                        clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
