#include "tests/unit/log_support.h"
#include "tests/unit/signing.h"

#include "lib/ceremony/log/seen.h"
#include "lib/ceremony/log/verify.h"
#include "lib/formats/tlog/tiles.h"

/*
 * What witnesses have seen, held against the tree `events` of tests/vectors/log/sample: four
 * leaves, three of them signed for by the key of RFC 8032 section 7.1, test 1.
 */

#define SIZE 3u

static const char sample_key[] =
    "vectors.privyseal.example/events+82b37117+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
static const char *const names[] = {"entries",  "offsets",  "hashes.0", "hashes.1",
                                    "hashes.2", "hashes.3", "hashes.4", "checkpoint"};
static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};

struct sample {
    char top[PATH_LEN / 4];
    char log[PATH_LEN / 2]; /* with `events` in it */
    char path[PATH_LEN];    /* of what the witness has seen */
    EVP_PKEY *log_pkey;
    EVP_PKEY *pkey; /* the witness's */
    struct note_key log_key;
    struct log_witnesses witnesses;
    char vkey[200];
};

static void copy_sample(const struct sample *s)
{
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        char from[PATH_LEN];
        char to[PATH_LEN];

        (void)snprintf(from, sizeof from, "%s/tests/vectors/log/sample/events/%s", source_root(),
                       names[i]);
        (void)snprintf(to, sizeof to, "%.250s/events/%s", s->log, names[i]);
        copy_file(from, to, UINT64_MAX);
    }
}

static void make_witness(struct sample *s)
{
    uint8_t octets[32];
    size_t len = sizeof octets;
    struct note_key key;
    PS_BUF_AUTO text = {.max = sizeof s->vkey};

    s->pkey = signing_make_key(PS_KEY_ED25519);
    assert_int_equal(EVP_PKEY_get_raw_public_key(s->pkey, octets, &len), 1);
    assert_ok(cosigner_key_make(LITERAL("witness.example/w"), ps_bytes(octets, len), &key));
    note_put_key(&key, &text);
    assert_ok(ps_buf_status(&text));
    memcpy(s->vkey, text.data, text.len);
    assert_ok(log_witnesses_add(&s->witnesses, ps_bytes_str(s->vkey)));
    (void)snprintf(s->path, sizeof s->path, "%.250s/events/witnessed.%02x%02x%02x%02x", s->log,
                   key.id[0], key.id[1], key.id[2], key.id[3]);
}

static int begin(void **state)
{
    struct sample *s = calloc(1, sizeof *s);
    char events[PATH_LEN];

    assert_non_null(s);
    (void)snprintf(s->top, sizeof s->top, "%s/privyseal-seen-XXXXXX", scratch_top());
    assert_non_null(mkdtemp(s->top));
    (void)snprintf(s->log, sizeof s->log, "%s/log", s->top);
    (void)snprintf(events, sizeof events, "%s/events", s->log);
    assert_int_equal(mkdir(s->log, 0700), 0);
    assert_int_equal(mkdir(events, 0700), 0);
    copy_sample(s);
    s->log_pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    assert_non_null(s->log_pkey);
    assert_ok(log_key_parse(ps_bytes_str(sample_key), &s->log_key));
    make_witness(s);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct sample *s = *state;

    remove_tree(s->top);
    EVP_PKEY_free(s->log_pkey);
    EVP_PKEY_free(s->pkey);
    free(s);
    return 0;
}

/* The edge of the first leaves of the record. */
static struct merkle_edge edge_of(const struct sample *s, uint64_t size)
{
    struct merkle_edge edge = {.size = 0};
    char path[PATH_LEN];
    size_t at = 0;
    PS_BUF_AUTO entries;

    (void)snprintf(path, sizeof path, "%.250s/events/entries", s->log);
    assert_true(read_file(path, &entries));
    while (edge.size < size) {
        const size_t len = (size_t)entries.data[at] << 8 | entries.data[at + 1];

        merkle_edge_append(&edge, merkle_leaf_hash(ps_bytes(entries.data + at + 2, len)));
        at += 2 + len;
    }
    return edge;
}

/* As the appliance keeps it: signed by the log, cosigned by the witness if it is to be. */
static void make_note(const struct sample *s, uint64_t size, const struct merkle_hash *root,
                      bool is_cosigned, struct ps_buf *note)
{
    const struct checkpoint checkpoint = {.origin = s->log_key.name, .size = size, .root = *root};
    struct cosignature cosignature;
    PS_BUF_AUTO text = {.max = 4096};
    PS_BUF_AUTO message = {.max = 4096};
    PS_BUF_AUTO ours = {.data = NULL};
    PS_BUF_AUTO theirs = {.data = NULL};

    assert_ok(checkpoint_put(&checkpoint, &text));
    signing_sign(s->log_pkey, PS_ALG_EDDSA, ps_buf_bytes(&text), &ours);
    ps_buf_put(note, ps_buf_bytes(&text));
    note_put_signature(&s->log_key, ps_buf_bytes(&ours), note, true);
    if (is_cosigned) {
        cosignature_put_message(ps_buf_bytes(&text), 1800000000, &message);
        signing_sign(s->pkey, PS_ALG_EDDSA, ps_buf_bytes(&message), &theirs);
        cosignature_make(1800000000, theirs.data, &cosignature);
        cosignature_put(&s->witnesses.keys[0], &cosignature, note);
    }
    assert_ok(ps_buf_status(note));
}

static void write_note(const struct sample *s, uint64_t size, const struct merkle_hash *root)
{
    FILE *file = fopen(s->path, "wbe");
    PS_BUF_AUTO note = {.max = 8192};

    make_note(s, size, root, true, &note);
    assert_non_null(file);
    assert_int_equal(fwrite(note.data, 1, note.len, file), note.len);
    assert_int_equal(fclose(file), 0);
}

static void write_true_note(const struct sample *s, uint64_t size)
{
    const struct merkle_edge edge = edge_of(s, size);
    const struct merkle_hash root = merkle_edge_root(&edge);

    write_note(s, size, &root);
}

struct heard {
    unsigned counts[3]; /* rows about witnesses, by verdict */
    unsigned failures;
    char file[200];
    char text[400];
};

static void on_row(void *context, const struct log_row *row)
{
    struct heard *heard = context;

    heard->failures += row->verdict == LOG_FAIL ? 1 : 0;
    if (strcmp(row->check, "witnesses") == 0) {
        heard->counts[row->verdict]++;
        (void)snprintf(heard->file, sizeof heard->file, "%s", row->file);
        (void)snprintf(heard->text, sizeof heard->text, "%s", row->text);
    }
}

static struct heard verify(const char *directory, const struct log_witnesses *witnesses)
{
    const struct log_verify_request request = {
        .directory = directory, .key = ps_bytes_str(sample_key), .witnesses = witnesses};
    struct heard heard = {.failures = 0};
    struct log_summary summary;
    const enum ps_err err = log_verify(&request, on_row, &heard, &summary);

    assert_int_equal(err, heard.failures == 0 ? PS_OK : PS_E_DENIED);
    return heard;
}

static void assert_fails_with(const struct sample *s, const char *text)
{
    const struct heard heard = verify(s->log, &s->witnesses);

    assert_int_equal(heard.counts[LOG_FAIL], 1);
    assert_string_equal(heard.file, strrchr(s->path, '/') - strlen("events"));
    if (strstr(heard.text, text) == NULL) {
        fail_msg("%s: no \"%s\"", heard.text, text);
    }
}

static void what_a_witness_has_seen_is_told(void **state)
{
    struct sample *s = *state;
    struct heard heard;

    for (uint64_t size = 0; size <= SIZE + 1; size++) { /* it may be ahead of our own checkpoint */
        write_true_note(s, size);
        heard = verify(s->log, &s->witnesses);
        assert_true(heard.failures == 0 && heard.counts[LOG_PASS] == 1);
        heard = verify(s->log, NULL);
        assert_true(heard.failures == 0 && heard.counts[LOG_NOTE] == 1);
    }
}

static void a_log_that_was_put_back_is_found_by_what_a_witness_has_seen(void **state)
{
    struct sample *s = *state;
    const struct merkle_hash root = {{1}};

    write_note(s, SIZE + 2, &root);
    assert_fails_with(s, "signed for 5 leaves, and has 4: it was put back, or cut off");
}

static void a_log_that_was_rewritten_is_found_by_what_a_witness_has_seen(void **state)
{
    struct sample *s = *state;
    const struct merkle_hash root = {{1}};

    write_note(s, SIZE - 1, &root);
    assert_fails_with(s, "another history of the log");
}

static void each_bit_of_it_counts(void **state)
{
    struct sample *s = *state;
    uint64_t length;

    write_true_note(s, 2);
    length = file_length(s->path);
    for (uint64_t at = 0; at < length; at++) {
        flip_bit(s->path, at, (unsigned)(at * 5 % 8));
        assert_fails_with(s, "");
        flip_bit(s->path, at, (unsigned)(at * 5 % 8));
    }
    assert_int_equal(truncate(s->path, (off_t)(length - 1)), 0);
    assert_fails_with(s, "");
    assert_int_equal(truncate(s->path, 0), 0);
    assert_fails_with(s, "no checkpoint");
}

static void an_export_has_what_was_seen_of_its_leaves(void **state)
{
    struct sample *s = *state;
    const struct merkle_hash root = {{1}};
    char to[PATH_LEN];
    char path[PATH_LEN];

    (void)snprintf(to, sizeof to, "%s/exported", s->top);
    (void)snprintf(path, sizeof path, "%.250s/events%s", to, strrchr(s->path, '/'));
    write_true_note(s, SIZE);
    assert_ok(log_export(s->log, to));
    assert_int_equal(verify(to, &s->witnesses).counts[LOG_PASS], 1);
    flip_bit(path, file_length(path) / 2, 1);
    assert_int_equal(verify(to, &s->witnesses).counts[LOG_FAIL], 1);
    remove_tree(to);
    write_note(s, SIZE + 1, &root);
    assert_ok(log_export(s->log, to)); /* of more than it has: somebody put it back */
    assert_int_equal(verify(to, &s->witnesses).counts[LOG_FAIL], 1);
}

static struct log_seen see(const struct sample *s, struct ps_bytes note, uint64_t leaves)
{
    struct log_seen seen;

    assert_ok(log_seen_begin(note, &seen));
    for (uint64_t size = 0; size <= leaves; size++) {
        if (log_seen_wants(&seen, size)) {
            const struct merkle_edge edge = edge_of(s, size);
            const struct merkle_hash root = merkle_edge_root(&edge);

            log_seen_take(&seen, &root);
        }
    }
    return seen;
}

static void what_is_missing_since_is_counted(void **state)
{
    const struct sample *s = *state;
    const struct merkle_edge edge = edge_of(s, SIZE);
    const struct merkle_hash root = merkle_edge_root(&edge);
    PS_BUF_AUTO note = {.max = 8192};

    make_note(s, SIZE, &root, true, &note);
    for (uint64_t leaves = 0; leaves <= SIZE + 1; leaves++) {
        const struct log_seen seen = see(s, ps_buf_bytes(&note), leaves);
        struct log_seen_result result;

        assert_ok(log_seen_judge(&seen, &s->log_key, &s->witnesses, leaves, &result));
        assert_int_equal(result.missing, leaves < SIZE ? SIZE - leaves : 0);
        assert_true(result.size == SIZE && result.cosigned == 1 && result.time_s == 1800000000);
    }
}

static void who_did_not_sign_is_not_believed(void **state)
{
    const struct sample *s = *state;
    const struct merkle_edge edge = edge_of(s, SIZE);
    const struct merkle_hash root = merkle_edge_root(&edge);
    struct log_witnesses needed = s->witnesses;
    struct note_key other = s->log_key;
    struct log_seen_result result;
    struct log_seen seen;
    PS_BUF_AUTO note = {.max = 8192};

    make_note(s, SIZE, &root, false, &note);
    seen = see(s, ps_buf_bytes(&note), SIZE);
    assert_ok(log_seen_judge(&seen, &s->log_key, &needed, SIZE, &result));
    assert_int_equal(result.cosigned, 0);
    needed.needed = 1;
    assert_fails(PS_E_DENIED, log_seen_judge(&seen, &s->log_key, &needed, SIZE, &result));
    memcpy(other.public_key, s->witnesses.keys[0].public_key, sizeof other.public_key);
    assert_fails(PS_E_DENIED, log_seen_judge(&seen, &other, &s->witnesses, SIZE, &result));
    seen.is_ours = false;
    assert_fails(PS_E_DENIED, log_seen_judge(&seen, &s->log_key, &s->witnesses, SIZE, &result));
    seen.is_met = false;
    assert_fails(PS_E_INPUT, log_seen_judge(&seen, &s->log_key, &s->witnesses, SIZE, &result));
    assert_fails(PS_E_INPUT, log_seen_begin(ps_bytes_str("no note"), &seen));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_witness_has_seen_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_log_that_was_put_back_is_found_by_what_a_witness_has_seen,
                                        begin, end),
        cmocka_unit_test_setup_teardown(
            a_log_that_was_rewritten_is_found_by_what_a_witness_has_seen, begin, end),
        cmocka_unit_test_setup_teardown(each_bit_of_it_counts, begin, end),
        cmocka_unit_test_setup_teardown(an_export_has_what_was_seen_of_its_leaves, begin, end),
        cmocka_unit_test_setup_teardown(what_is_missing_since_is_counted, begin, end),
        cmocka_unit_test_setup_teardown(who_did_not_sign_is_not_believed, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
