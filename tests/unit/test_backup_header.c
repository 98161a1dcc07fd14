#include "tests/unit/signing.h"
#include "tests/unit/support.h"

#include "lib/ceremony/backup/backup_read.h"
#include "lib/formats/tlog/note.h"

/*
 * Backups that somebody made of true leaves and a true checkpoint, with a header and an end of his
 * own: what is told of a backup is what the log's key signed for.
 */

#define ORIGIN "box.example"
#define EVENTS ORIGIN "/events"
#define TIME   "\"time\":\"2026-01-02T03:04:05.000001Z\",\"v\":1}"

static EVP_PKEY *pkey;
static struct note_key key;

static int make_key(void **state)
{
    uint8_t octets[32];
    size_t len = sizeof octets;

    (void)state;
    pkey = signing_make_key(PS_KEY_ED25519);
    assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, octets, &len), 1);
    assert_ok(note_key_make(LITERAL(EVENTS), ps_bytes(octets, len), &key));
    return 0;
}

static int free_key(void **state)
{
    (void)state;
    EVP_PKEY_free(pkey);
    return 0;
}

struct forged {
    const char *created;
    const char *origin;
    const char *file;       /* as the leaf names it */
    const char *checkpoint; /* its origin */
    bool is_of_others;      /* the checkpoint: as many leaves, and others */
    unsigned rows;          /* that the leaf names, and that are there: others */
};

static const struct forged as_written = {
    "2026-01-02T03:04:05Z", ORIGIN, "20260102T030405Z.privyseal-backup", EVENTS, false, 0};

struct making {
    struct ps_buf out;
    uint8_t chain[PS_SHA256_LEN];
    struct merkle_edge edge;
};

static void put(struct making *making, enum backup_kind kind, const struct ps_buf *octets)
{
    uint8_t head[BACKUP_RECORD_HEAD];
    const size_t at = making->out.len;

    assert_ok(ps_buf_status(octets));
    backup_put_head(kind, octets->len, head);
    ps_buf_put(&making->out, ps_bytes(head, sizeof head));
    ps_buf_put(&making->out, ps_buf_bytes(octets));
    assert_ok(ps_buf_status(&making->out));
    backup_chain_add(making->chain, ps_bytes_from(ps_buf_bytes(&making->out), at));
    if (kind == BACKUP_LEAF) {
        merkle_edge_append(&making->edge, merkle_leaf_hash(ps_buf_bytes(octets)));
    }
}

static void put_rows(struct making *making, const struct forged *forged)
{
    PS_BUF_AUTO row = {.max = 64};

    ps_buf_put_str(&row, "{}");
    for (unsigned i = 0; i < forged->rows; i++) {
        put(making, BACKUP_ROW, &row);
    }
}

static void put_leaves(struct making *making, const struct forged *forged)
{
    PS_BUF_AUTO leaf = {.max = 4096};

    ps_buf_put_str(&leaf, "{\"data\":{\"log_key\":\"");
    note_put_key(&key, &leaf);
    ps_buf_put_str(&leaf, "\"},\"kind\":\"genesis\"," TIME);
    put(making, BACKUP_LEAF, &leaf);
    ps_buf_reset(&leaf);
    ps_buf_printf(&leaf, "{\"data\":{\"file\":\"%s\",\"rows\":%u,\"rows_hash\":\"", forged->file,
                  forged->rows);
    for (size_t i = 0; i < PS_SHA256_LEN; i++) {
        ps_buf_put_str(&leaf, "00");
    }
    ps_buf_put_str(&leaf, "\"},\"kind\":\"backup\"," TIME);
    put(making, BACKUP_LEAF, &leaf);
}

/* The line's name can be any: what is signed is the text alone. */
static void put_checkpoint(struct making *making, const struct forged *forged)
{
    const struct checkpoint checkpoint = {.origin = ps_bytes_str(forged->checkpoint),
                                          .size = making->edge.size,
                                          .root = forged->is_of_others
                                                      ? merkle_leaf_hash(LITERAL("others"))
                                                      : merkle_edge_root(&making->edge)};
    PS_BUF_AUTO note = {.max = 4096};
    PS_BUF_AUTO signature = {.data = NULL};

    assert_ok(checkpoint_put(&checkpoint, &note));
    signing_sign(pkey, PS_ALG_EDDSA, ps_buf_bytes(&note), &signature);
    note_put_signature(&key, ps_buf_bytes(&signature), &note, true);
    put(making, BACKUP_CHECKPOINT, &note);
}

static enum ps_err verify(const struct forged *forged, struct backup_summary *ret_summary)
{
    const struct backup_trust trust = {.is_ours = true};
    PS_CLEANUP(backup_reader_free_cleanup) struct backup_reader *reader = NULL;
    struct making making = {.out = {.max = 65536}};
    PS_BUF_AUTO header = {.max = 1024};
    PS_BUF_AUTO end = {.max = PS_SHA256_LEN};
    enum ps_err err;

    ps_buf_put_str(&making.out, BACKUP_MAGIC);
    ps_buf_printf(&header, "{\"created\":\"%s\",\"origin\":\"%s\",\"version\":\"1\"}",
                  forged->created, forged->origin);
    put(&making, BACKUP_HEADER, &header);
    put_rows(&making, forged);
    put_leaves(&making, forged);
    put_checkpoint(&making, forged);
    ps_buf_put(&end, ps_bytes(making.chain, sizeof making.chain));
    put(&making, BACKUP_END, &end);
    assert_ok(backup_reader_new(&trust, &(struct backup_calls){.row = NULL}, &reader));
    err = backup_reader_feed(reader, ps_buf_bytes(&making.out));
    ps_buf_clear(&making.out);
    return err == PS_OK ? backup_reader_finish(reader, ret_summary) : err;
}

static void what_was_written_is_told(void **state)
{
    struct backup_summary summary;

    (void)state;
    assert_ok(verify(&as_written, &summary));
    assert_string_equal(summary.created, as_written.created);
    assert_string_equal(summary.origin, ORIGIN);
}

static void an_old_backup_does_not_pass_for_a_newer_one(void **state)
{
    static const char *const times[] = {
        "2026-01-02T03:04:06Z", "2027-01-02T03:04:05Z",        "2026-01-02T03:04:05.0Z",
        "20260102T030405Z",     "2026--01-02T03:04:05Z",       "2026-01-02T03:04:05z",
        "2026-01-02T03:04:5Z",  "2026-01-02T03:04:05\\u001bZ", ""};
    struct backup_summary summary;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(times); i++) {
        struct forged forged = as_written;

        forged.created = times[i];
        assert_fails(PS_E_DENIED, verify(&forged, &summary));
        assert_non_null(strstr(ps_detail()->text, "another time"));
    }
}

static void a_backup_does_not_pass_for_another_appliances(void **state)
{
    static const char *const origins[] = {"boy.example", "box.example/events", "box.example/", ""};
    struct backup_summary summary;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(origins); i++) {
        struct forged forged = as_written;

        forged.origin = origins[i];
        assert_fails(PS_E_DENIED, verify(&forged, &summary));
        assert_non_null(strstr(ps_detail()->text, "another origin"));
    }
}

/* The log's key signs the heads of all its trees. */
static void the_head_of_another_tree_does_not_cover_the_leaves(void **state)
{
    struct forged forged = as_written;
    struct backup_summary summary;

    (void)state;
    forged.checkpoint = ORIGIN "/use/2026-01-0001";
    assert_fails(PS_E_DENIED, verify(&forged, &summary));
}

/* Whoever writes the file writes its end as well: what the log's key signed for is what counts. */
static void leaves_and_rows_are_those_that_were_signed_for(void **state)
{
    struct forged forged = as_written;
    struct backup_summary summary;

    (void)state;
    forged.is_of_others = true;
    assert_fails(PS_E_DENIED, verify(&forged, &summary));
    assert_non_null(strstr(ps_detail()->text, "did not sign for these leaves"));
    forged = as_written;
    forged.rows = 3;
    assert_fails(PS_E_DENIED, verify(&forged, &summary));
    assert_non_null(strstr(ps_detail()->text, "its rows are not those that its log names"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_told),
        cmocka_unit_test(an_old_backup_does_not_pass_for_a_newer_one),
        cmocka_unit_test(a_backup_does_not_pass_for_another_appliances),
        cmocka_unit_test(the_head_of_another_tree_does_not_cover_the_leaves),
        cmocka_unit_test(leaves_and_rows_are_those_that_were_signed_for),
    };

    return cmocka_run_group_tests(tests, make_key, free_key);
}
