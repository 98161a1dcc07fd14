#include "tests/unit/log_forge.h"

#include "lib/ceremony/log/archive.h"
#include "lib/ceremony/log/verify.h"

/*
 * Logs in which all files agree with their leaves: somebody wrote others and made the hashes anew,
 * or has the key and signed what does not belong together. One thing holds each of them back, and
 * it has to be told by its name.
 */

static const struct ps_bytes none;

/* --- What is told --- */

struct told {
    unsigned failures;
    char rows[3072]; /* "FAIL events: <text>", each in a line */
};

static void on_row(void *context, const struct log_row *row)
{
    static const char *const verdicts[] = {"PASS", "NOTE", "FAIL"};
    struct told *told = context;
    const size_t used = strlen(told->rows);

    told->failures += row->verdict == LOG_FAIL ? 1 : 0;
    (void)snprintf(told->rows + used, sizeof told->rows - used, "%s %s: %s\n",
                   verdicts[row->verdict], row->tree, row->text);
}

static struct told verify(const struct forger *f, struct ps_bytes kept, const char *archive)
{
    const struct log_verify_request request = {
        .directory = f->log, .key = ps_buf_bytes(&f->vkey), .checkpoint = kept, .archive = archive};
    struct told told = {.failures = 0};
    struct log_summary summary;
    const enum ps_err err = log_verify(&request, on_row, &told, &summary);

    assert_int_equal(err, told.failures == 0 ? PS_OK : PS_E_DENIED);
    return told;
}

static void assert_row(const struct told *told, const char *row)
{
    if (strstr(told->rows, row) == NULL) {
        fail_msg("no \"%s\" in:\n%s", row, told->rows);
    }
}

/* This, and no other failure. */
static void assert_only(const struct told *told, const char *row)
{
    assert_row(told, row);
    if (told->failures != 1) {
        fail_msg("%u failures and not one:\n%s", told->failures, told->rows);
    }
}

static void assert_fails_by(const struct forger *f, const char *row)
{
    const struct told told = verify(f, none, NULL);

    assert_only(&told, row);
}

static void assert_good(const struct forger *f, struct ps_bytes kept, const char *archive,
                        const char *row)
{
    const struct told told = verify(f, kept, archive);

    assert_row(&told, row);
    if (told.failures != 0) {
        fail_msg("it does not verify:\n%s", told.rows);
    }
}

/* --- Other leaves than those that were signed for --- */

static void what_nobody_forged_verifies(void **state)
{
    const struct forger *f = *state;
    PS_BUF_AUTO kept = {.max = NOTE_OCTETS_MAX};

    sign(f, "events", checkpoint_of(&f->events), &kept);
    assert_good(f, ps_buf_bytes(&kept), NULL,
                "PASS events: it goes on from the checkpoint given, of 4 leaves\n");
}

static void leaves_are_rewritten_with_their_hashes(void **state)
{
    struct forger *f = *state;

    make_shard(f, 2, NEWEST, "other");
    write_tree(f, &f->shards[2]);
    assert_fails_by(f, "FAIL use/2026-11-0003: its root is not that of the tree of 2 leaves\n");
    write_checkpoint(f, names[2], checkpoint_of(&f->shards[2]));
    make_events(f, "halted");
    write_tree(f, &f->events);
    assert_fails_by(f, "FAIL events: its root is not that of the tree of 4 leaves\n");
}

static void a_complete_shard_is_rewritten_and_signed_anew(void **state)
{
    struct forger *f = *state;
    char path[PATH_LEN];

    make_shard(f, 0, COMPLETE, "other");
    write_signed(f, &f->shards[0]);
    assert_fails_by(f, "FAIL use/2026-11-0001: the root in events is not that of these leaves\n");
    (void)snprintf(path, sizeof path, "%.250s/%s/checkpoint", f->log, names[0]);
    assert_int_equal(unlink(path), 0);
    assert_fails_by(f, "FAIL use/2026-11-0001: the root in events is not that of these leaves\n");
}

static void a_log_is_rewritten_and_signed_anew(void **state)
{
    struct forger *f = *state;
    struct told told;
    PS_BUF_AUTO of_events = {.max = NOTE_OCTETS_MAX};
    PS_BUF_AUTO of_newest = {.max = NOTE_OCTETS_MAX};

    sign(f, "events", checkpoint_of(&f->events), &of_events);
    sign(f, names[2], checkpoint_of(&f->shards[2]), &of_newest);
    make_shard(f, 2, NEWEST + 1, "other");
    write_signed(f, &f->shards[2]);
    make_events(f, "halted");
    add_state(f, "operational");
    write_signed(f, &f->events);
    assert_good(f, none, NULL, "PASS events: 5 leaves are of their schema");
    told = verify(f, ps_buf_bytes(&of_events), NULL);
    assert_only(&told, "FAIL events: it does not go on from the checkpoint given, of 4 leaves\n");
    told = verify(f, ps_buf_bytes(&of_newest), NULL);
    assert_only(&told, "FAIL use/2026-11-0003: it does not go on from the checkpoint given, of 2 "
                       "leaves\n");
}

static void a_complete_shard_is_cut_off_before_events_is_signed(void **state)
{
    struct forger *f = *state;
    struct checkpoint checkpoint;
    char path[PATH_LEN];

    empty(&f->events);
    add_genesis(f);
    add_shard(f, 0, 0);
    checkpoint = checkpoint_of(&f->events);
    add_shard(f, 1, COMPLETE);
    write_tree(f, &f->events);
    write_checkpoint(f, "events", checkpoint);
    (void)snprintf(path, sizeof path, "%.250s/%s/checkpoint", f->log, names[1]);
    assert_int_equal(unlink(path), 0);
    assert_good(f, none, NULL, "NOTE use/2026-11-0002: no checkpoint of its own");
    make_shard(f, 1, COMPLETE - 1, "oidc");
    write_tree(f, &f->shards[1]);
    assert_fails_by(f, "FAIL use/2026-11-0002: the leaves end here, and there were 3\n");
}

/* --- Checkpoints that are none of this tree --- */

static void a_checkpoint_says_more_than_one_of_ours(void **state)
{
    struct forger *f = *state;
    struct checkpoint checkpoint = checkpoint_of(&f->events);

    checkpoint.extension = LITERAL("and more\n");
    write_checkpoint(f, "events", checkpoint);
    assert_fails_by(f, "FAIL events: it has extension lines\n");
}

static void a_checkpoint_is_of_another_tree(void **state)
{
    struct forger *f = *state;
    struct checkpoint checkpoint = checkpoint_of(&f->events);

    checkpoint.origin = LITERAL("other.example/events");
    write_checkpoint(f, "events", checkpoint);
    assert_fails_by(f, "FAIL events: its origin is other.example/events and not "
                       "forged.example/events\n");
    write_checkpoint(f, "events", checkpoint_of(&f->events));
    checkpoint = checkpoint_of(&f->shards[2]);
    checkpoint.origin = LITERAL("forged.example/use/2026-11-0002");
    write_checkpoint(f, names[2], checkpoint);
    assert_fails_by(f, "FAIL use/2026-11-0003: its origin is forged.example/use/2026-11-0002 and "
                       "not forged.example/use/2026-11-0003\n");
}

static void a_checkpoint_kept_is_not_signed_by_the_log(void **state)
{
    const struct forger *f = *state;
    struct forger *other = calloc(1, sizeof *other);
    struct told told;
    PS_BUF_AUTO kept = {.max = NOTE_OCTETS_MAX};

    assert_non_null(other);
    make_key(other);
    sign(other, "events", checkpoint_of(&f->events), &kept);
    told = verify(f, ps_buf_bytes(&kept), NULL);
    assert_only(&told, "FAIL events: the one given: note: no signature by this key\n");
    ps_buf_clear(&other->vkey);
    EVP_PKEY_free(other->pkey);
    free(other);
}

static void a_checkpoint_kept_is_of_no_tree_here(void **state)
{
    const struct forger *f = *state;
    struct told told;
    PS_BUF_AUTO kept = {.max = NOTE_OCTETS_MAX};

    sign(f, "use/2026-11-0004", checkpoint_of(&f->shards[2]), &kept);
    told = verify(f, ps_buf_bytes(&kept), NULL);
    assert_only(&told, "FAIL : the one given is of no tree that is here\n");
}

/* --- What events says, and somebody signed --- */

static void the_key_is_named_twice(void **state)
{
    struct forger *f = *state;

    add_genesis(f);
    write_signed(f, &f->events);
    assert_fails_by(f, "FAIL events: a second genesis\n");
}

static void shards_do_not_follow_on_one_another(void **state)
{
    static const struct {
        unsigned shards[3]; /* in the order of their leaves, up to SHARDS */
        unsigned first;     /* of the second one */
        const char *row;
    } cases[] = {
        {{0, 1, SHARDS},
         COMPLETE + 1,
         "FAIL events: shard 2026-11-0002 begins at 4, and those before it have 3 leaves\n"},
        {{0, 1, SHARDS},
         0,
         "FAIL events: shard 2026-11-0002 begins at 0, and those before it have 3 leaves\n"},
        {{1, 0, SHARDS}, COMPLETE, "FAIL events: shard 2026-11-0001 comes after 2026-11-0002\n"},
        {{0, 0, 1}, COMPLETE, "FAIL events: shard 2026-11-0001 comes after 2026-11-0001\n"},
    };
    struct forger *f = *state;

    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        empty(&f->events);
        add_genesis(f);
        for (unsigned at = 0; at < 3 && cases[i].shards[at] != SHARDS; at++) {
            add_shard(f, cases[i].shards[at], at == 1 ? cases[i].first : at * COMPLETE);
        }
        write_signed(f, &f->events);
        assert_fails_by(f, cases[i].row);
    }
}

static void shards_are_here_that_events_does_not_know(void **state)
{
    struct forger *f = *state;
    struct told told;

    empty(&f->events);
    add_genesis(f);
    write_signed(f, &f->events);
    told = verify(f, none, NULL);
    assert_only(&told, "FAIL use/2026-11-0001: complete, and events says nothing of it\n");
    assert_row(&told, "NOTE use/2026-11-0002: complete, and events does not say so yet");
}

/* --- Shards without their leaves --- */

static void remove_leaves(const struct forger *f, unsigned shard)
{
    static const char *const files[] = {"entries", "hashes.0", "offsets"};

    for (size_t i = 0; i < PS_COUNT_OF(files); i++) {
        char path[PATH_LEN];

        (void)snprintf(path, sizeof path, "%.250s/%s/%s", f->log, names[shard], files[i]);
        assert_int_equal(unlink(path), 0);
    }
}

/* The first shard goes into an archive, and people approve that hash with `flipped` in it. */
static void prune_first(struct forger *f, uint8_t flipped)
{
    const char *name = names[0] + strlen("use/");
    uint8_t hash[PS_SHA256_LEN];
    char path[PATH_LEN];

    (void)snprintf(path, sizeof path, "%.250s/%s", f->archives, name);
    assert_ok(log_archive(f->log, ps_bytes_str(name), path));
    assert_ok(log_archive_check(path, hash));
    hash[0] ^= flipped;
    add_pruned(f, 0, hash);
    write_signed(f, &f->events);
    remove_leaves(f, 0);
}

static void leaves_are_removed_as_people_allowed(void **state)
{
    struct forger *f = *state;

    prune_first(f, 0);
    assert_good(f, none, NULL, "NOTE use/2026-11-0001: pruned: its leaves are in the archive ");
    assert_good(f, none, f->archives,
                "PASS use/2026-11-0001: its archive is the one that people approved\n");
}

static void leaves_are_removed_and_nobody_allowed_it(void **state)
{
    static const uint8_t hash[PS_SHA256_LEN] = {1};
    static const char row[] = "FAIL use/2026-11-0001: its leaves were removed, and no operation in "
                              "events allowed that\n";
    struct forger *f = *state;

    remove_leaves(f, 0);
    assert_fails_by(f, row);
    add_pruned(f, 1, hash);
    write_signed(f, &f->events);
    assert_fails_by(f, row);
    /* Somebody wrote that it was allowed, and nobody signed for that. */
    add_pruned(f, 0, hash);
    write_tree(f, &f->events);
    assert_fails_by(f, row);
}

static void what_stays_of_a_shard_is_of_other_leaves(void **state)
{
    static const char row[] = "FAIL use/2026-11-0001: what stays of the pruned shard is not the "
                              "checkpoint of all its leaves\n";
    struct forger *f = *state;
    struct checkpoint checkpoint = checkpoint_of(&f->shards[0]);

    prune_first(f, 0);
    checkpoint.root.octets[0] ^= 1;
    write_checkpoint(f, names[0], checkpoint);
    assert_fails_by(f, row);
    checkpoint.root.octets[0] ^= 1;
    checkpoint.size--;
    write_checkpoint(f, names[0], checkpoint);
    assert_fails_by(f, row);
    checkpoint.size++;
    checkpoint.origin = LITERAL("forged.example/use/2026-11-0002");
    write_checkpoint(f, names[0], checkpoint);
    assert_fails_by(f, row);
}

static void a_checkpoint_kept_is_compared_with_what_stays(void **state)
{
    struct forger *f = *state;
    struct checkpoint checkpoint = checkpoint_of(&f->shards[0]);
    struct told told;
    PS_BUF_AUTO whole = {.max = NOTE_OCTETS_MAX};
    PS_BUF_AUTO part = {.max = NOTE_OCTETS_MAX};
    PS_BUF_AUTO other = {.max = NOTE_OCTETS_MAX};

    prune_first(f, 0);
    sign(f, names[0], checkpoint, &whole);
    assert_good(f, ps_buf_bytes(&whole), NULL,
                "PASS use/2026-11-0001: the one given is of all its leaves\n");
    checkpoint.root.octets[0] ^= 1;
    sign(f, names[0], checkpoint, &other);
    told = verify(f, ps_buf_bytes(&other), NULL);
    assert_only(&told, "FAIL use/2026-11-0001: the one given is of other leaves\n");
    make_shard(f, 0, COMPLETE - 1, "oidc");
    sign(f, names[0], checkpoint_of(&f->shards[0]), &part);
    told = verify(f, ps_buf_bytes(&part), NULL);
    assert_only(&told, "FAIL use/2026-11-0001: the one given is of a part of this shard");
    assert_good(f, ps_buf_bytes(&part), f->archives,
                "PASS use/2026-11-0001: it goes on from the checkpoint given, of 2 leaves\n");
}

static void an_archive_is_not_there_or_another(void **state)
{
    struct forger *f = *state;
    struct told told;

    prune_first(f, 1);
    assert_good(f, none, f->archives,
                "NOTE use/2026-11-0001: its archive is another copy than the one that people "
                "approved; what is in it is verified all the same\n");
    told = verify(f, none, f->top);
    assert_only(&told, "FAIL use/2026-11-0001: its archive is not where --archive says\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_nobody_forged_verifies),
        TEST(leaves_are_rewritten_with_their_hashes),
        TEST(a_complete_shard_is_rewritten_and_signed_anew),
        TEST(a_log_is_rewritten_and_signed_anew),
        TEST(a_complete_shard_is_cut_off_before_events_is_signed),
        TEST(a_checkpoint_says_more_than_one_of_ours),
        TEST(a_checkpoint_is_of_another_tree),
        TEST(a_checkpoint_kept_is_not_signed_by_the_log),
        TEST(a_checkpoint_kept_is_of_no_tree_here),
        TEST(the_key_is_named_twice),
        TEST(shards_do_not_follow_on_one_another),
        TEST(shards_are_here_that_events_does_not_know),
        TEST(leaves_are_removed_as_people_allowed),
        TEST(leaves_are_removed_and_nobody_allowed_it),
        TEST(what_stays_of_a_shard_is_of_other_leaves),
        TEST(a_checkpoint_kept_is_compared_with_what_stays),
        TEST(an_archive_is_not_there_or_another),
    };

    in_memory = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
