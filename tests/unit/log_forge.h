#ifndef TESTS_UNIT_LOG_FORGE_H
#define TESTS_UNIT_LOG_FORGE_H

#include "tests/unit/log_support.h"
#include "tests/unit/signing.h"

#include "lib/ceremony/log/key.h"

/*
 * A log made leaf by leaf, in the appliance's layout: the files of a tree agree with its leaves
 * whatever these are, and who holds its key signs what he likes. Three shards of uses, of which two
 * are complete.
 */

#define SHARDS   3u
#define COMPLETE 3u /* leaves of a complete shard */
#define NEWEST   2u /* leaves of the other one */
#define EVENTS   4u /* leaves of events */

#define LEAF_END "\"time\":\"2026-11-20T10:00:00.000000Z\",\"v\":1"

static const char *const names[SHARDS] = {"use/2026-11-0001", "use/2026-11-0002",
                                          "use/2026-11-0003"};

struct made {
    const char *name;
    struct ps_buf entries;
    struct ps_buf hashes;
    struct merkle_edge edge;
};

struct forger {
    char top[PATH_LEN / 4];
    char log[PATH_LEN / 2];
    char archives[PATH_LEN / 2];
    EVP_PKEY *pkey;
    struct note_key key;
    struct ps_buf vkey;
    struct made events;
    struct made shards[SHARDS];
};

static inline PS_UNUSED void write_octets(const struct forger *f, const char *tree,
                                          const char *name, struct ps_bytes octets)
{
    char path[PATH_LEN];
    FILE *file;

    (void)snprintf(path, sizeof path, "%.250s/%s/%s", f->log, tree, name);
    file = fopen(path, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(octets.data, 1, octets.len, file), octets.len);
    assert_int_equal(fclose(file), 0);
}

static inline PS_UNUSED void empty(struct made *tree)
{
    ps_buf_reset(&tree->entries);
    ps_buf_reset(&tree->hashes);
    tree->edge = (struct merkle_edge){.size = 0};
}

PS_PRINTF(2, 3) static inline PS_UNUSED void add_leaf(struct made *tree, const char *format, ...)
{
    char text[1024];
    struct merkle_hash hash;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(len > 0 && (size_t)len < sizeof text);
    ps_buf_put_u16(&tree->entries, (uint16_t)len);
    ps_buf_put(&tree->entries, ps_bytes(text, (size_t)len));
    hash = merkle_leaf_hash(ps_bytes(text, (size_t)len));
    ps_buf_put(&tree->hashes, ps_bytes(hash.octets, sizeof hash.octets));
    merkle_edge_append(&tree->edge, hash);
}

static inline PS_UNUSED void write_tree(const struct forger *f, const struct made *tree)
{
    static const uint8_t offset[8];

    assert_ok(ps_buf_status(&tree->entries));
    write_octets(f, tree->name, "entries", ps_buf_bytes(&tree->entries));
    write_octets(f, tree->name, "hashes.0", ps_buf_bytes(&tree->hashes));
    write_octets(f, tree->name, "offsets", ps_bytes(offset, sizeof offset));
}

static inline PS_UNUSED struct checkpoint checkpoint_of(const struct made *tree)
{
    return (struct checkpoint){.size = tree->edge.size, .root = merkle_edge_root(&tree->edge)};
}

/* By the tree's own key; without an origin it gets the tree's. */
static inline PS_UNUSED void sign(const struct forger *f, const char *tree,
                                  struct checkpoint checkpoint, struct ps_buf *note)
{
    struct note_key key;
    PS_BUF_AUTO origin = {.max = LOG_KEY_TEXT_MAX};
    PS_BUF_AUTO signature = {.max = PS_SIGNATURE_MAX};

    log_key_put_origin(&f->key, tree, &origin);
    assert_ok(log_key_of_origin(&f->key, ps_buf_bytes(&origin), &key));
    if (checkpoint.origin.len == 0) {
        checkpoint.origin = key.name;
    }
    assert_ok(checkpoint_put(&checkpoint, note));
    signing_sign(f->pkey, PS_ALG_EDDSA, ps_buf_bytes(note), &signature);
    note_put_signature(&key, ps_buf_bytes(&signature), note, true);
    assert_ok(ps_buf_status(note));
}

static inline PS_UNUSED void write_checkpoint(const struct forger *f, const char *tree,
                                              struct checkpoint checkpoint)
{
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};

    sign(f, tree, checkpoint, &note);
    write_octets(f, tree, "checkpoint", ps_buf_bytes(&note));
}

static inline PS_UNUSED void write_signed(const struct forger *f, const struct made *tree)
{
    write_tree(f, tree);
    write_checkpoint(f, tree->name, checkpoint_of(tree));
}

static inline PS_UNUSED void make_shard(struct forger *f, unsigned shard, unsigned leaves,
                                        const char *caller)
{
    struct made *tree = &f->shards[shard];

    empty(tree);
    for (unsigned i = 0; i < leaves; i++) {
        add_leaf(tree,
                 "{\"caller\":\"%s\",\"hash\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\","
                 "\"key\":\"k\",\"op\":\"sign\",\"request\":\"r-%u-%u\"," LEAF_END
                 ",\"version\":1}",
                 caller, shard, i);
    }
}

static inline PS_UNUSED void encode(const uint8_t octets[PS_SHA256_LEN], char out[44])
{
    ps_base64url_encode(ps_bytes(octets, PS_SHA256_LEN), out);
    out[43] = '\0';
}

static inline PS_UNUSED void add_genesis(struct forger *f)
{
    add_leaf(&f->events, "{\"data\":{\"log_key\":\"%.*s\"},\"kind\":\"genesis\"," LEAF_END "}",
             PS_BYTES_FMT(ps_buf_bytes(&f->vkey)));
}

static inline PS_UNUSED void add_state(struct forger *f, const char *state)
{
    add_leaf(&f->events, "{\"data\":{\"state\":\"%s\"},\"kind\":\"state\"," LEAF_END "}", state);
}

static inline PS_UNUSED void add_shard(struct forger *f, unsigned shard, unsigned first)
{
    const struct merkle_hash hash = merkle_edge_root(&f->shards[shard].edge);
    char root[44];

    encode(hash.octets, root);
    add_leaf(&f->events,
             "{\"data\":{\"first\":%u,\"log\":\"use\",\"name\":\"%s\",\"root\":\"%s\","
             "\"size\":%u},\"kind\":\"shard\"," LEAF_END "}",
             first, names[shard] + strlen("use/"), root, COMPLETE);
}

/* What people allowed: the leaves are in the archive whose manifest has this hash. */
static inline PS_UNUSED void add_pruned(struct forger *f, unsigned shard,
                                        const uint8_t manifest[PS_SHA256_LEN])
{
    const struct merkle_hash hash = merkle_edge_root(&f->shards[shard].edge);
    const char *name = names[shard] + strlen("use/");
    char root[44];
    char archive[44];

    encode(hash.octets, root);
    encode(manifest, archive);
    add_leaf(&f->events,
             "{\"data\":{\"effects\":[{\"kind\":\"pruned\",\"name\":\"%s\",\"row\":{"
             "\"archive\":\"%s\",\"name\":\"%s\",\"place\":\"shelf 7\",\"root\":\"%s\","
             "\"size\":%u}}]},\"kind\":\"result\"," LEAF_END "}",
             name, archive, name, root, COMPLETE);
}

static inline PS_UNUSED void make_events(struct forger *f, const char *state)
{
    empty(&f->events);
    add_genesis(f);
    add_shard(f, 0, 0);
    add_shard(f, 1, COMPLETE);
    add_state(f, state);
    assert_int_equal(f->events.edge.size, EVENTS);
}

static inline PS_UNUSED void make_tree(const struct forger *f, struct made *tree, const char *name)
{
    char path[PATH_LEN];

    *tree = (struct made){.name = name, .entries = {.max = 65536}, .hashes = {.max = 65536}};
    (void)snprintf(path, sizeof path, "%.250s/%s", f->log, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static inline PS_UNUSED void make_key(struct forger *f)
{
    uint8_t octets[32];
    size_t len = sizeof octets;

    f->pkey = signing_make_key(PS_KEY_ED25519);
    f->vkey.max = LOG_KEY_TEXT_MAX;
    assert_int_equal(EVP_PKEY_get_raw_public_key(f->pkey, octets, &len), 1);
    assert_ok(note_key_make(LITERAL("forged.example/events"), ps_bytes(octets, len), &f->key));
    note_put_key(&f->key, &f->vkey);
    assert_ok(ps_buf_status(&f->vkey));
}

static inline PS_UNUSED int begin(void **state)
{
    struct forger *f = calloc(1, sizeof *f);
    char use[PATH_LEN];

    assert_non_null(f);
    make_key(f);
    (void)snprintf(f->top, sizeof f->top, "%s/privyseal-forged-XXXXXX", scratch_top());
    assert_non_null(mkdtemp(f->top));
    (void)snprintf(f->log, sizeof f->log, "%s/log", f->top);
    (void)snprintf(f->archives, sizeof f->archives, "%s/archives", f->top);
    (void)snprintf(use, sizeof use, "%.250s/use", f->log);
    assert_true(mkdir(f->log, 0700) == 0 && mkdir(use, 0700) == 0);
    assert_int_equal(mkdir(f->archives, 0700), 0);
    for (unsigned i = 0; i < SHARDS; i++) {
        make_tree(f, &f->shards[i], names[i]);
        make_shard(f, i, i + 1 < SHARDS ? COMPLETE : NEWEST, "oidc");
        write_signed(f, &f->shards[i]);
    }
    make_tree(f, &f->events, "events");
    make_events(f, "operational");
    write_signed(f, &f->events);
    *state = f;
    return 0;
}

static inline PS_UNUSED void free_tree(struct made *tree)
{
    ps_buf_clear(&tree->entries);
    ps_buf_clear(&tree->hashes);
}

static inline PS_UNUSED int end(void **state)
{
    struct forger *f = *state;

    for (unsigned i = 0; i < SHARDS; i++) {
        free_tree(&f->shards[i]);
    }
    free_tree(&f->events);
    ps_buf_clear(&f->vkey);
    EVP_PKEY_free(f->pkey);
    remove_tree(f->top);
    free(f);
    return 0;
}

#endif
