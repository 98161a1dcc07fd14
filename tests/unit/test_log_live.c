#include "tests/unit/log_support.h"

#include "keystore/log/leaf.h"
#include "lib/ceremony/log/verify.h"
#include "lib/formats/tlog/note.h"

#include <openssl/evp.h>

/* A log with real leaves and signatures, verified at any moment while it is written. */

/* RFC 8032 section 7.1, test 1. */
static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};

struct live {
    struct fixture *f; /* its log is `use` */
    struct log *events;
    EVP_PKEY *key;
    uint8_t public_key[32];
    uint64_t uses;
    size_t shards_told;
};

static void sign(struct live *live, const char *origin, struct log *log, const struct tree *tree)
{
    struct checkpoint checkpoint = {.origin = ps_bytes_str(origin), .size = tree_size(tree)};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct note_key key;
    uint8_t signature[64];
    size_t len = sizeof signature;
    PS_BUF_AUTO note;

    ps_buf_init(&note, 16384);
    assert_ok(tree_root(tree, checkpoint.size, &checkpoint.root));
    assert_ok(checkpoint_put(&checkpoint, &note));
    assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, live->key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, note.data, note.len), 1);
    EVP_MD_CTX_free(context);
    assert_ok(note_key_make(checkpoint.origin, ps_bytes(live->public_key, 32), &key));
    note_put_signature(&key, ps_bytes(signature, len), &note, true);
    assert_ok(ps_buf_status(&note));
    assert_ok(log_set_checkpoint(log, ps_buf_bytes(&note)));
}

static void sign_both(struct live *live)
{
    const struct tree *tree;
    char origin[64];

    assert_ok(log_find_tree(live->events, ps_bytes_str(""), &tree));
    sign(live, "live.example/events", live->events, tree);
    assert_ok(log_find_tree(live->f->log, ps_bytes_str(""), &tree));
    (void)snprintf(origin, sizeof origin, "live.example/use/%s", log_shard(live->f->log));
    sign(live, origin, live->f->log, tree);
}

static void add_event(struct live *live, const char *kind, struct ps_bytes data)
{
    PS_BUF_AUTO leaf;
    uint64_t position;

    ps_buf_init(&leaf, LOG_ENTRY_MAX);
    leaf_put_event(&(struct event_leaf){.time_ns = ps_clock_real_ns(), .kind = kind, .data = data},
                   &leaf);
    assert_ok(ps_buf_status(&leaf));
    assert_ok(log_append(live->events, ps_buf_bytes(&leaf), &position));
}

static void add_uses(struct live *live, unsigned count)
{
    PS_BUF_AUTO leaf;
    uint8_t hash[32] = {0};
    uint64_t position;

    ps_buf_init(&leaf, LOG_ENTRY_MAX);
    for (unsigned i = 0; i < count; i++) {
        memcpy(hash, &live->uses, sizeof live->uses);
        live->uses++;
        ps_buf_reset(&leaf);
        leaf_put_use(&(struct use_leaf){.time_ns = ps_clock_real_ns(),
                                        .caller = ps_bytes_str("oidc"),
                                        .key = ps_bytes_str("oidc.id-token"),
                                        .version = 1,
                                        .operation = "sign",
                                        .format = PS_FORMAT_JWS,
                                        .algorithm = PS_ALG_ES256,
                                        .request_id = ps_bytes_str("r"),
                                        .hash = ps_bytes(hash, sizeof hash)},
                     &leaf);
        assert_ok(log_append(live->f->log, ps_buf_bytes(&leaf), &position));
    }
}

/* As the keeper does: each complete shard becomes a leaf, in their order. */
static void record_shards(struct live *live)
{
    for (; live->shards_told < log_shard_count(live->f->log); live->shards_told++) {
        struct tree_info info;
        PS_BUF_AUTO data;

        ps_buf_init(&data, 1024);
        assert_ok(log_shard_info(live->f->log, live->shards_told, &info));
        leaf_put_shard_data("use", &info, &data);
        add_event(live, "shard", ps_buf_bytes(&data));
        assert_ok(log_sync(live->events));
    }
}

static void on_row(void *context, const struct log_row *row)
{
    (void)context;
    if (row->verdict == LOG_FAIL) {
        fail_msg("%s %s, octet %llu, leaf %llu: %s", row->tree, row->file,
                 (unsigned long long)row->offset, (unsigned long long)row->leaf, row->text);
    }
}

static void assert_verifies(struct live *live, struct log_summary *ret_summary)
{
    const struct log_verify_request request = {.directory = live->f->top};

    assert_ok(log_verify(&request, on_row, NULL, ret_summary));
}

static void begin(struct live *live, uint64_t shard_leaves)
{
    char directory[PATH_LEN];
    struct log_config config = {.directory = directory, .name = "events"};
    struct note_key key;
    size_t len = sizeof live->public_key;
    PS_BUF_AUTO data;

    ps_buf_init(&data, 1024);
    live->f = make_fixture();
    live->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    assert_non_null(live->key);
    assert_int_equal(EVP_PKEY_get_raw_public_key(live->key, live->public_key, &len), 1);
    use_shards(live->f, shard_leaves);
    open_log(live->f);
    (void)snprintf(directory, sizeof directory, "%s/events", live->f->top);
    assert_ok(log_open(live->f->writer, &config, &live->events));
    assert_ok(
        note_key_make(ps_bytes_str("live.example/events"), ps_bytes(live->public_key, 32), &key));
    ps_buf_put_str(&data, "{\"log_key\":\"");
    note_put_key(&key, &data);
    ps_buf_put_str(&data, "\"}");
    add_event(live, "genesis", ps_buf_bytes(&data));
    assert_ok(log_sync(live->events));
    sign_both(live);
    assert_ok(log_sync(live->f->log));
    assert_ok(log_sync(live->events));
}

static void end(struct live *live)
{
    EVP_PKEY_free(live->key);
    free_fixture(live->f);
}

static void a_log_verifies_while_it_is_written(void **state)
{
    struct live live = {0};
    struct log_summary summary;

    (void)state;
    begin(&live, 700);
    for (unsigned turn = 0; turn < 60; turn++) {
        add_uses(&live, 100);
        assert_ok(ps_loop_turn(live.f->loop, 0));
        /* The writer is at it now. */
        assert_verifies(&live, &summary);
        assert_ok(log_sync(live.f->log));
        record_shards(&live);
        if (turn % 3 == 0) {
            sign_both(&live);
        }
    }
    sign_both(&live);
    assert_ok(log_sync(live.f->log));
    assert_ok(log_sync(live.events));
    assert_verifies(&live, &summary);
    assert_int_equal(summary.trees, 10);
    assert_int_equal(summary.leaves, 6000 + 1 + 8);
    assert_int_equal(summary.covered, summary.leaves);
    end(&live);
}

static void an_export_of_a_live_log_verifies(void **state)
{
    struct live live = {0};
    struct log_summary summary;
    char target[PATH_LEN];
    const struct log_verify_request request = {.directory = target};

    (void)state;
    begin(&live, 700);
    (void)snprintf(target, sizeof target, "%s/exported", live.f->top);
    for (unsigned turn = 0; turn < 20; turn++) {
        add_uses(&live, 100);
        assert_ok(ps_loop_turn(live.f->loop, 0));
        assert_ok(log_export(live.f->top, target));
        assert_ok(log_verify(&request, on_row, NULL, &summary));
        remove_tree(target);
        assert_ok(log_sync(live.f->log));
        record_shards(&live);
        sign_both(&live);
    }
    end(&live);
}

/* As it is for a moment whenever the writer begins a shard. */
static void an_export_leaves_out_a_shard_without_files(void **state)
{
    struct live live = {0};
    char target[PATH_LEN];
    char empty[PATH_LEN];

    (void)state;
    begin(&live, 700);
    add_uses(&live, 10);
    assert_ok(log_sync(live.f->log));
    sign_both(&live);
    (void)snprintf(target, sizeof target, "%s/exported", live.f->top);
    (void)snprintf(empty, sizeof empty, "%s/use/2999-12-0001", live.f->top);
    assert_int_equal(mkdir(empty, 0700), 0);
    assert_ok(log_export(live.f->top, target));
    remove_tree(target);
    remove_tree(empty);
    end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_verifies_while_it_is_written),
        cmocka_unit_test(an_export_of_a_live_log_verifies),
        cmocka_unit_test(an_export_leaves_out_a_shard_without_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
