#include "tests/unit/log_support.h"

#include "lib/base/reader.h"
#include "lib/ceremony/log/leaf.h"
#include "lib/ceremony/log/verify.h"
#include "lib/formats/tlog/tiles.h"

/* Verifying the log of tests/vectors/log/sample, which is damaged in every way; and exporting it.
 */

static const char sample_key[] =
    "vectors.privyseal.example/events+82b37117+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
static const char other_key[] =
    "vectors.privyseal.example/use+8010ef28+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

static const char *const trees[] = {"events", "use/2026-11-0001", "use/2026-11-0002"};
static const char *const names[] = {"entries",  "offsets",  "hashes.0", "hashes.1",
                                    "hashes.2", "hashes.3", "hashes.4", "checkpoint"};

struct rows {
    unsigned counts[3]; /* by verdict */
    char file[200];     /* of the first failure, and so on */
    char check[32];
    char text[400];
    uint64_t offset;
    uint64_t leaf;
    bool names_expected; /* the leaf below, whichever failure it is */
    char notes[2000];
};

static uint64_t expected_leaf = LOG_NOWHERE;

static void on_row(void *context, const struct log_row *row)
{
    struct rows *rows = context;

    assert_true(ps_utf8_valid(ps_bytes_str(row->text)));
    if (row->verdict == LOG_FAIL && rows->counts[LOG_FAIL] == 0) {
        (void)snprintf(rows->file, sizeof rows->file, "%s", row->file);
        (void)snprintf(rows->check, sizeof rows->check, "%s", row->check);
        (void)snprintf(rows->text, sizeof rows->text, "%s", row->text);
        rows->offset = row->offset;
        rows->leaf = row->leaf;
    }
    if (row->verdict == LOG_NOTE) {
        const size_t used = strlen(rows->notes);

        (void)snprintf(rows->notes + used, sizeof rows->notes - used, "%s: %s\n", row->tree,
                       row->text);
    }
    rows->names_expected |= row->verdict == LOG_FAIL && row->leaf == expected_leaf;
    rows->counts[row->verdict]++;
}

struct sample {
    char top[PATH_LEN / 4];
    char log[PATH_LEN / 2];
    char exported[PATH_LEN / 2];
};

static void join(const char *directory, const char *tree, const char *name, char out[PATH_LEN])
{
    (void)snprintf(out, PATH_LEN, "%.250s/%.100s/%.100s", directory, tree, name);
}

static void copy_tree(const char *from, const char *to, const char *tree)
{
    char directory[PATH_LEN];

    (void)snprintf(directory, sizeof directory, "%s/%s", to, tree);
    assert_int_equal(mkdir(directory, 0700), 0);
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        char source[PATH_LEN];
        char target[PATH_LEN];

        join(from, tree, names[i], source);
        join(to, tree, names[i], target);
        copy_file(source, target, UINT64_MAX);
    }
}

static struct sample *make_sample(void)
{
    struct sample *s = calloc(1, sizeof *s);
    char from[PATH_LEN];
    char use[PATH_LEN];

    assert_non_null(s);
    (void)snprintf(s->top, sizeof s->top, "%s/privyseal-log-XXXXXX", scratch_top());
    assert_non_null(mkdtemp(s->top));
    (void)snprintf(s->log, sizeof s->log, "%s/log", s->top);
    (void)snprintf(s->exported, sizeof s->exported, "%s/exported", s->top);
    (void)snprintf(from, sizeof from, "%s/tests/vectors/log/sample", source_root());
    (void)snprintf(use, sizeof use, "%s/use", s->log);
    assert_int_equal(mkdir(s->log, 0700), 0);
    assert_int_equal(mkdir(use, 0700), 0);
    for (size_t i = 0; i < PS_COUNT_OF(trees); i++) {
        copy_tree(from, s->log, trees[i]);
    }
    return s;
}

static void free_sample(struct sample *s)
{
    remove_tree(s->top);
    free(s);
}

static enum ps_err verify(const char *directory, const char *key, struct rows *ret_rows,
                          struct log_summary *ret_summary)
{
    const struct log_verify_request request = {directory, ps_bytes_str(key)};

    *ret_rows = (struct rows){0};
    return log_verify(&request, on_row, ret_rows, ret_summary);
}

static void assert_verifies(const char *directory, const char *key, struct rows *ret_rows)
{
    struct log_summary summary;
    const enum ps_err err = verify(directory, key, ret_rows, &summary);

    if (err != PS_OK) {
        fail_msg("%s: %s (leaf %llu) %s", ret_rows->file, ret_rows->check,
                 (unsigned long long)ret_rows->leaf, ret_rows->text);
    }
    assert_int_equal(ret_rows->counts[LOG_FAIL], 0);
    assert_int_equal(summary.failures, 0);
}

static void assert_fails_at(const char *directory, const char *file, struct rows *ret_rows)
{
    struct log_summary summary;

    assert_fails(PS_E_DENIED, verify(directory, sample_key, ret_rows, &summary));
    assert_true(ret_rows->counts[LOG_FAIL] >= 1);
    assert_int_equal(summary.failures, ret_rows->counts[LOG_FAIL]);
    if (file != NULL) {
        assert_string_equal(ret_rows->file, file);
    }
}

static void assert_noted(const struct rows *rows, const char *text)
{
    if (strstr(rows->notes, text) == NULL) {
        fail_msg("no note \"%s\" in:\n%s", text, rows->notes);
    }
}

static void the_sample_verifies_with_its_key(void **state)
{
    struct sample *s = make_sample();
    struct log_summary summary;
    struct rows rows;

    (void)state;
    assert_ok(verify(s->log, sample_key, &rows, &summary));
    assert_int_equal(rows.counts[LOG_FAIL], 0);
    assert_int_equal(summary.trees, 3);
    assert_int_equal(summary.leaves, 4 + 260 + 5);
    assert_int_equal(summary.covered, 3 + 260 + 3);
    assert_false(summary.key_from_genesis);
    assert_noted(&rows, "events: 1 leaf is not yet checkpointed");
    assert_noted(&rows, "use/2026-11-0002: 2 leaves are not yet checkpointed");
    free_sample(s);
}

static void without_a_key_the_genesis_leaf_is_named(void **state)
{
    struct sample *s = make_sample();
    struct log_summary summary;
    struct rows rows;

    (void)state;
    assert_ok(verify(s->log, "", &rows, &summary));
    assert_true(summary.key_from_genesis);
    assert_noted(&rows, sample_key);
    free_sample(s);
}

static void another_key_does_not_verify_it(void **state)
{
    static const char stranger[] = "vectors.privyseal.example/events+910af3a4+"
                                   "AT1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM";
    struct sample *s = make_sample();
    struct log_summary summary;
    struct rows rows;

    (void)state;
    assert_fails(PS_E_INPUT, verify(s->log, "no key", &rows, &summary));
    assert_fails(PS_E_INPUT, verify(s->log, other_key, &rows, &summary));
    assert_fails(PS_E_DENIED, verify(s->log, stranger, &rows, &summary));
    assert_true(rows.counts[LOG_FAIL] >= 4);
    free_sample(s);
}

static void a_place_without_a_log_is_said_to_be_one(void **state)
{
    struct sample *s = make_sample();
    struct log_summary summary;
    struct rows rows;
    char path[PATH_LEN];

    (void)state;
    assert_fails(PS_E_NOT_FOUND, verify("/nonexistent", sample_key, &rows, &summary));
    assert_fails(PS_E_NOT_FOUND, verify(s->top, sample_key, &rows, &summary));
    join(s->log, "events", "entries", path);
    assert_fails(PS_E_STORAGE, verify(path, sample_key, &rows, &summary));
    free_sample(s);
}

/* The leaf in which an octet of a record stands, counted from its beginning. */
static uint64_t leaf_at(struct ps_bytes record, uint64_t at)
{
    struct ps_reader reader = ps_reader(record);
    uint64_t leaf = 0;

    for (;; leaf++) {
        (void)ps_reader_take(&reader, ps_reader_u16(&reader));
        if (reader.failed || record.len - reader.left.len > at) {
            return leaf;
        }
    }
}

/*
 * Every octet of the small files, some of the large ones; the bit differs from place to place. What
 * is named is the file, or the leaf of a record that is another one.
 */
static void assert_flips_found(const char *directory, const char *path, const char *file)
{
    const uint64_t length = file_length(path);
    const uint64_t stride = length > 2000 ? 397 : length > 600 ? 5 : 1;
    const bool is_record = strstr(file, "entries") != NULL;
    const uint64_t base = strstr(file, "/001.p/") != NULL ? 256 : 0; /* C2SP tlog-tiles */
    PS_BUF_AUTO record = {.max = 1024 * 1024};
    struct rows rows;

    assert_true(read_file(path, &record));
    for (uint64_t at = 0; at < length; at += stride) {
        const unsigned bit = (unsigned)(at * 5 % 8);

        expected_leaf = is_record ? base + leaf_at(ps_buf_bytes(&record), at) : LOG_NOWHERE;
        flip_bit(path, at, bit);
        assert_fails_at(directory, NULL, &rows);
        if (strcmp(rows.file, file) != 0 && !is_record) {
            fail_msg("octet %llu of %s: the first failure is in %s: %s", (unsigned long long)at,
                     file, rows.file, rows.text);
        }
        if (is_record && !rows.names_expected && strcmp(rows.file, file) != 0) {
            fail_msg("octet %llu of %s: neither it nor leaf %llu is named, but: %s",
                     (unsigned long long)at, file, (unsigned long long)expected_leaf, rows.text);
        }
        flip_bit(path, at, bit);
    }
}

static void a_flipped_bit_anywhere_is_a_failure_that_names_the_place(void **state)
{
    struct sample *s = make_sample();
    struct rows rows;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(trees); i++) {
        for (size_t j = 0; j < PS_COUNT_OF(names); j++) {
            char path[PATH_LEN];
            char file[PATH_LEN];

            join(s->log, trees[i], names[j], path);
            (void)snprintf(file, sizeof file, "%s/%s", trees[i], names[j]);
            assert_flips_found(s->log, path, file);
        }
    }
    assert_verifies(s->log, sample_key, &rows);
    free_sample(s);
}

static void a_changed_leaf_is_named_by_index_and_octet(void **state)
{
    struct sample *s = make_sample();
    struct rows rows;
    char path[PATH_LEN];

    (void)state;
    join(s->log, "use/2026-11-0001", "entries", path);
    /* "version":1} of leaf 0 becomes "version":3}. */
    flip_bit(path, 2 + 204, 1);
    assert_fails_at(s->log, "use/2026-11-0001/hashes.0", &rows);
    assert_int_equal(rows.leaf, 0);
    flip_bit(path, 2 + 204, 1);
    join(s->log, "use/2026-11-0001", "hashes.1", path);
    flip_bit(path, 9, 0);
    assert_fails_at(s->log, "use/2026-11-0001/hashes.1", &rows);
    assert_int_equal(rows.offset, 0);
    free_sample(s);
}

static void cut_file(const struct sample *s, const char *tree, const char *name, uint64_t less)
{
    char path[PATH_LEN];

    join(s->log, tree, name, path);
    assert_int_equal(truncate(path, (off_t)(file_length(path) - less)), 0);
}

static void what_a_crash_leaves_is_no_failure(void **state)
{
    struct sample *s = make_sample();
    struct rows rows;

    (void)state;
    cut_file(s, "use/2026-11-0002", "hashes.0", 64);
    assert_verifies(s->log, sample_key, &rows);
    assert_noted(&rows, "2 hashes or offsets were not written yet");
    cut_file(s, "use/2026-11-0002", "entries", 1);
    cut_file(s, "use/2026-11-0002", "hashes.0", 32);
    assert_verifies(s->log, sample_key, &rows);
    assert_noted(&rows, "the last leaf is unfinished");
    cut_file(s, "use/2026-11-0002", "offsets", 8);
    cut_file(s, "use/2026-11-0002", "hashes.0", 64);
    assert_verifies(s->log, sample_key, &rows);
    free_sample(s);
}

static void what_was_signed_for_cannot_be_cut(void **state)
{
    static const struct {
        const char *tree;
        const char *name;
        uint64_t less;
    } cuts[] = {
        {"events", "entries", 200},
        {"use/2026-11-0001", "entries", 1},
        {"use/2026-11-0001", "hashes.0", 32},
        {"use/2026-11-0001", "hashes.1", 1},
        {"use/2026-11-0001", "offsets", 8},
        {"use/2026-11-0002", "entries", 900},
        {"events", "checkpoint", 1},
        {"events", "checkpoint", 211},
        {"use/2026-11-0002", "checkpoint", 10},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cuts); i++) {
        struct sample *s = make_sample();
        struct rows rows;

        cut_file(s, cuts[i].tree, cuts[i].name, cuts[i].less);
        assert_fails_at(s->log, NULL, &rows);
        free_sample(s);
    }
}

static void append_octets(const struct sample *s, const char *tree, const char *name,
                          struct ps_bytes octets)
{
    char path[PATH_LEN];
    FILE *file;

    join(s->log, tree, name, path);
    file = fopen(path, "abe");
    assert_non_null(file);
    assert_int_equal(fwrite(octets.data, 1, octets.len, file), octets.len);
    assert_int_equal(fclose(file), 0);
}

static void surplus_is_a_failure(void **state)
{
    static const uint8_t hash[32] = {1};
    static const uint8_t zeros[100];

    (void)state;
    for (size_t i = 1; i < PS_COUNT_OF(names) - 1; i++) {
        struct sample *s = make_sample();
        struct rows rows;

        append_octets(s, "use/2026-11-0002", names[i], ps_bytes(zeros, sizeof zeros));
        assert_verifies(s->log, sample_key, &rows);
        append_octets(s, "use/2026-11-0002", names[i], ps_bytes(hash, sizeof hash));
        assert_fails_at(s->log, NULL, &rows);
        free_sample(s);
        s = make_sample();
        append_octets(s, "use/2026-11-0001", names[i], ps_bytes(zeros, 1));
        assert_fails_at(s->log, NULL, &rows);
        free_sample(s);
    }
}

static void a_leaf_too_many_in_a_complete_shard_is_a_failure(void **state)
{
    struct sample *s = make_sample();
    struct rows rows;

    (void)state;
    append_octets(s, "use/2026-11-0001", "entries", LITERAL("\0\2{}"));
    assert_fails_at(s->log, NULL, &rows);
    free_sample(s);
}

static void rename_tree(const struct sample *s, const char *from, const char *to)
{
    char old_path[PATH_LEN];
    char new_path[PATH_LEN];

    join(s->log, from, ".", old_path);
    join(s->log, to, ".", new_path);
    old_path[strlen(old_path) - 2] = '\0';
    new_path[strlen(new_path) - 2] = '\0';
    assert_int_equal(rename(old_path, new_path), 0);
}

static void shards_are_those_of_events(void **state)
{
    struct sample *s = make_sample();
    struct log_summary summary;
    struct rows rows;

    (void)state;
    assert_ok(verify(s->log, sample_key, &rows, &summary));
    assert_int_equal(summary.missing_shards, 0);
    rename_tree(s, "use/2026-11-0001", "away");
    assert_ok(verify(s->log, sample_key, &rows, &summary));
    assert_int_equal(summary.missing_shards, 1);
    assert_noted(&rows, "use/2026-11-0001: not here: moved to an archive?");
    /* A shard under another's name: its checkpoint and its root are not of that name. */
    rename_tree(s, "away", "use/2026-10-0001");
    assert_fails_at(s->log, NULL, &rows);
    rename_tree(s, "use/2026-10-0001", "away");
    rename_tree(s, "use/2026-11-0002", "use/2026-11-0001");
    assert_fails_at(s->log, NULL, &rows);
    free_sample(s);
}

static void a_shard_without_a_checkpoint_is_covered_by_events(void **state)
{
    struct sample *s = make_sample();
    struct log_summary summary;
    struct rows rows;
    char path[PATH_LEN];

    (void)state;
    join(s->log, "use/2026-11-0001", "checkpoint", path);
    assert_int_equal(unlink(path), 0);
    assert_ok(verify(s->log, sample_key, &rows, &summary));
    assert_int_equal(summary.covered, 3 + 260 + 3);
    assert_noted(&rows, "no checkpoint of its own");
    join(s->log, "use/2026-11-0002", "checkpoint", path);
    assert_int_equal(unlink(path), 0);
    assert_ok(verify(s->log, sample_key, &rows, &summary));
    assert_int_equal(summary.covered, 3 + 260);
    assert_noted(&rows, "no checkpoint yet");
    join(s->log, "events", "checkpoint", path);
    assert_int_equal(unlink(path), 0);
    assert_fails_at(s->log, NULL, &rows);
    free_sample(s);
}

static void an_export_verifies_and_any_flipped_bit_is_found(void **state)
{
    static const char *const pieces[] = {
        "events/checkpoint",
        "events/tile/0/000.p/3",
        "events/tile/entries/000.p/3",
        "use/2026-11-0001/checkpoint",
        "use/2026-11-0001/tile/0/000",
        "use/2026-11-0001/tile/0/001.p/4",
        "use/2026-11-0001/tile/1/000.p/1",
        "use/2026-11-0001/tile/entries/000",
        "use/2026-11-0001/tile/entries/001.p/4",
        "use/2026-11-0002/tile/0/000.p/3",
        "use/2026-11-0002/tile/entries/000.p/3",
    };
    struct sample *s = make_sample();
    struct log_summary summary;
    struct rows rows;

    (void)state;
    assert_ok(log_export(s->log, s->exported));
    assert_fails(PS_E_CONFLICT, log_export(s->log, s->exported));
    assert_ok(verify(s->exported, sample_key, &rows, &summary));
    assert_int_equal(summary.leaves, 3 + 260 + 3);
    assert_int_equal(summary.covered, summary.leaves);
    assert_ok(verify(s->exported, "", &rows, &summary));
    for (size_t i = 0; i < PS_COUNT_OF(pieces); i++) {
        char path[PATH_LEN];

        (void)snprintf(path, sizeof path, "%s/%s", s->exported, pieces[i]);
        assert_flips_found(s->exported, path, strstr(path, "entries") != NULL ? path : pieces[i]);
        assert_int_equal(truncate(path, (off_t)(file_length(path) - 1)), 0);
        assert_fails_at(s->exported, NULL, &rows);
        remove_tree(s->exported);
        assert_ok(log_export(s->log, s->exported));
        assert_int_equal(unlink(path), 0);
        if (strcmp(pieces[i], "use/2026-11-0001/checkpoint") != 0) {
            assert_fails_at(s->exported, NULL, &rows);
        }
        remove_tree(s->exported);
        assert_ok(log_export(s->log, s->exported));
    }
    free_sample(s);
}

static void one_tree_verifies_and_is_exported_alone(void **state)
{
    struct sample *s = make_sample();
    struct log_summary summary;
    struct rows rows;
    char path[PATH_LEN];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/events", s->log);
    assert_ok(verify(path, sample_key, &rows, &summary));
    assert_int_equal(summary.trees, 1);
    assert_ok(verify(path, "", &rows, &summary));
    assert_true(summary.key_from_genesis);
    assert_ok(log_export(path, s->exported));
    assert_ok(verify(s->exported, sample_key, &rows, &summary));
    (void)snprintf(path, sizeof path, "%s/use/2026-11-0002", s->log);
    assert_ok(verify(path, sample_key, &rows, &summary));
    assert_int_equal(summary.covered, 3);
    assert_fails(PS_E_DENIED, verify(path, "", &rows, &summary));
    free_sample(s);
}

static void an_export_says_what_keeps_it_from_being_made(void **state)
{
    struct sample *s = make_sample();
    char path[PATH_LEN];

    (void)state;
    assert_fails(PS_E_NOT_FOUND, log_export("/nonexistent", s->exported));
    assert_fails(PS_E_STORAGE, log_export(s->log, "/nonexistent/x"));
    join(s->log, "events", "entries", path);
    flip_bit(path, 30, 0);
    assert_fails(PS_E_INPUT, log_export(s->log, s->exported));
    remove_tree(s->exported);
    flip_bit(path, 30, 0);
    cut_file(s, "events", "checkpoint", 211);
    assert_fails(PS_E_INPUT, log_export(s->log, s->exported));
    free_sample(s);
}

/* A shard that lost its leaves and its checkpoint looks like one that was just begun. */
static void a_checkpoint_kept_elsewhere_shows_a_log_that_was_put_back(void **state)
{
    static const char *const files[] = {"entries", "offsets", "hashes.0"};
    struct sample *s = make_sample();
    struct log_verify_request request = {.directory = s->log, .key = ps_bytes_str(sample_key)};
    struct log_summary summary;
    struct rows rows = {.offset = 0};
    char path[PATH_LEN];
    uint8_t note[4096];
    FILE *file;

    (void)state;
    join(s->log, "use/2026-11-0002", "checkpoint", path);
    file = fopen(path, "rb");
    assert_non_null(file);
    request.checkpoint = ps_bytes(note, fread(note, 1, sizeof note, file));
    assert_int_equal(fclose(file), 0);
    assert_ok(log_verify(&request, on_row, &rows, &summary));
    note[request.checkpoint.len - 10] ^= 1;
    assert_fails(PS_E_DENIED, log_verify(&request, on_row, &rows, &summary));
    note[request.checkpoint.len - 10] ^= 1;
    assert_int_equal(unlink(path), 0);
    for (size_t i = 0; i < PS_COUNT_OF(files); i++) {
        join(s->log, "use/2026-11-0002", files[i], path);
        assert_int_equal(truncate(path, 0), 0);
    }
    assert_fails(PS_E_DENIED, log_verify(&request, on_row, &rows, &summary));
    request.checkpoint = ps_bytes(NULL, 0);
    rows = (struct rows){.offset = 0};
    assert_ok(log_verify(&request, on_row, &rows, &summary));
    free_sample(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_verifies_with_its_key),
        cmocka_unit_test(without_a_key_the_genesis_leaf_is_named),
        cmocka_unit_test(another_key_does_not_verify_it),
        cmocka_unit_test(a_place_without_a_log_is_said_to_be_one),
        cmocka_unit_test(a_flipped_bit_anywhere_is_a_failure_that_names_the_place),
        cmocka_unit_test(a_checkpoint_kept_elsewhere_shows_a_log_that_was_put_back),
        cmocka_unit_test(a_changed_leaf_is_named_by_index_and_octet),
        cmocka_unit_test(what_a_crash_leaves_is_no_failure),
        cmocka_unit_test(what_was_signed_for_cannot_be_cut),
        cmocka_unit_test(surplus_is_a_failure),
        cmocka_unit_test(a_leaf_too_many_in_a_complete_shard_is_a_failure),
        cmocka_unit_test(shards_are_those_of_events),
        cmocka_unit_test(a_shard_without_a_checkpoint_is_covered_by_events),
        cmocka_unit_test(an_export_verifies_and_any_flipped_bit_is_found),
        cmocka_unit_test(one_tree_verifies_and_is_exported_alone),
        cmocka_unit_test(an_export_says_what_keeps_it_from_being_made),
    };

    in_memory = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
