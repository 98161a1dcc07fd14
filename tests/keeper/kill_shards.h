#ifndef TESTS_KEEPER_KILL_SHARDS_H
#define TESTS_KEEPER_KILL_SHARDS_H

#include "tests/keeper/gate_fixture.h"

#include "lib/base/encode.h"
#include "lib/formats/tlog/note.h"

/* A complete shard of uses for each round, for test_gate_kill.c. */
#define KILL_SHARD_LEAVES 2u

static char kill_shard[512]; /* the parameters of log.prune */
static char kill_shard_names[64][16];
static unsigned kill_shard_count;

static inline void kill_read_present(char ret_name[16])
{
    const char *at;

    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    at = memmem(body.data, body.len, "\"shard\":\"", 9);
    assert_non_null(at);
    (void)snprintf(ret_name, 16, "%.12s", at + 9);
}

/* Of the shard, once all of it is signed for. */
static inline struct checkpoint kill_wait_for_checkpoint(const char *name)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct checkpoint checkpoint = {.size = 0};
    char tree[32];

    (void)snprintf(tree, sizeof tree, "use/%s", name);
    while (checkpoint.size != KILL_SHARD_LEAVES) {
        assert_true(ps_clock_mono_ns() < deadline);
        if (stack_read(&stack, READ_LOG_CHECKPOINT, tree, &body) == 200) {
            assert_ok(checkpoint_peek(ps_buf_bytes(&body), &checkpoint));
        }
        rest_a_while();
    }
    return checkpoint;
}

/* What was allowed to be removed goes, also when the keeper died before it went. */
static inline void kill_wait_for_pruned(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    char path[256];

    for (unsigned i = 0; i < kill_shard_count; i++) {
        (void)snprintf(path, sizeof path, "%s/log/use/%s/entries", stack.data, kill_shard_names[i]);
        while (access(path, F_OK) == 0) {
            assert_true(ps_clock_mono_ns() < deadline);
            rest_a_while();
        }
    }
    kill_shard_count = 0;
}

static inline void kill_begin_shards(void)
{
    if (stack.shard_leaves != 0) {
        return;
    }
    stack.shard_leaves = KILL_SHARD_LEAVES;
    stack_kill_keeper(&stack);
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
}

static inline void kill_put_shard(const char *name, const char *root)
{
    (void)snprintf(kill_shard, sizeof kill_shard,
                   "{\"place\":\"shelf 7\",\"shards\":[{\"archive\":\"%064d\",\"name\":\"%s\","
                   "\"root\":\"%s\"}]}",
                   7, name, root);
}

/* Signs with the key until another shard is begun. */
static inline void kill_complete_shard(const char *key)
{
    char *name = kill_shard_names[kill_shard_count++];
    struct checkpoint checkpoint;
    char root[64] = "";
    char present[16];

    assert_true(kill_shard_count <= PS_COUNT_OF(kill_shard_names));
    kill_begin_shards();
    kill_read_present(name);
    do {
        (void)sign(key); /* 503 while the token is not back */
        kill_read_present(present);
    } while (strcmp(present, name) == 0);
    checkpoint = kill_wait_for_checkpoint(name);
    ps_base64url_encode(ps_bytes(checkpoint.root.octets, PS_SHA256_LEN), root);
    kill_put_shard(name, root);
}

#endif
