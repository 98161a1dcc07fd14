#ifndef TESTS_KEEPER_FORGED_LOG_H
#define TESTS_KEEPER_FORGED_LOG_H

#include "tests/keeper/fixture.h"
#include "tests/keeper/planter.h"
#include "tests/keeper/unsigned_history.h"

#include "lib/base/reader.h"

#include <stdlib.h>

/* The log of `events` as somebody writes it who can write to the disk, for test_gate_unsigned.c. */

#define LEAVES_MAX 1024u

/* The log as the appliance wrote it. */
static struct ps_buf leaves[LEAVES_MAX];
static size_t leaf_count;
static struct ps_buf checkpoint; /* of it, once there is one */

static void path_of(const char *name, char out[260])
{
    (void)snprintf(out, 260, "%s/%s", stack.data, name);
}

static void forget_log(void)
{
    while (leaf_count != 0) {
        ps_buf_clear(&leaves[--leaf_count]);
    }
}

static void read_log(void)
{
    char path[260];
    PS_BUF_AUTO record;
    struct ps_reader reader;

    path_of("log/events/entries", path);
    assert_true(read_file(path, &record));
    reader = ps_reader(ps_buf_bytes(&record));
    for (leaf_count = 0; reader.left.len > 2; leaf_count++) {
        const uint16_t len = ps_reader_u16(&reader);

        if (len == 0) {
            break;
        }
        assert_true(leaf_count < LEAVES_MAX);
        leaves[leaf_count] = (struct ps_buf){.max = LOG_LEAF_MAX};
        ps_buf_put(&leaves[leaf_count], ps_reader_take(&reader, len));
    }
    assert_true(leaf_count > 2);
}

static void remove_files(void)
{
    static const char *const names[] = {"log/events/entries",    "log/events/hashes.0",
                                        "log/events/hashes.1",   "log/events/offsets",
                                        "log/events/checkpoint", "catalog.sqlite",
                                        "catalog.sqlite-wal",    "catalog.sqlite-shm"};
    char path[260];

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        path_of(names[i], path);
        (void)unlink(path);
    }
}

static bool leaf_has(size_t at, const char *text)
{
    return memmem(leaves[at].data, leaves[at].len, text, strlen(text)) != NULL;
}

/* The newest operation of a type: its id. */
static void find_operation(const char *type, char ret_id[33])
{
    char text[64];

    (void)snprintf(text, sizeof text, "\"type\":\"%s\"", type);
    for (size_t i = leaf_count; i > 0; i--) {
        if (leaf_has(i - 1, "\"kind\":\"intent\"") && leaf_has(i - 1, text)) {
            const struct ps_bytes id = planter_value_of(&leaves[i - 1], "operation");

            (void)snprintf(ret_id, 33, "%.*s", PS_BYTES_FMT(id));
            /* A cancellation names the other one first. */
            if (strcmp(type, "operation.cancel") == 0) {
                const uint8_t *last = leaves[i - 1].data;
                const uint8_t *found;

                while (
                    (found = memmem(last, leaves[i - 1].len - (size_t)(last - leaves[i - 1].data),
                                    "\"operation\":\"", 13)) != NULL) {
                    last = found + 13;
                }
                (void)snprintf(ret_id, 33, "%.32s", (const char *)last);
            }
            return;
        }
    }
    fail_msg("no %s in the log", type);
}

static bool is_left_out(size_t at, const struct forgery *forgery, const char *id)
{
    char text[64];

    if (forgery->without == NULL) {
        return false;
    }
    (void)snprintf(text, sizeof text, "\"kind\":\"%s\"", forgery->without);
    return leaf_has(at, text) && leaf_has(at, id);
}

/* Whether the leaf is another one now. */
static bool put_leaf(struct planter *planter, size_t at, const struct forgery *forgery,
                     const char *id)
{
    const bool is_its = leaf_has(at, id) && forgery->from != NULL;
    const uint8_t *found =
        is_its ? memmem(leaves[at].data, leaves[at].len, forgery->from, strlen(forgery->from))
               : NULL;
    PS_BUF_AUTO octets = {.max = LOG_LEAF_MAX};

    if (found == NULL || !leaf_has(at, "\"outcome\":\"done\"")) {
        planter_put_octets(planter, ps_buf_bytes(&leaves[at]));
        return false;
    }
    ps_buf_put(&octets, ps_bytes(leaves[at].data, (size_t)(found - leaves[at].data)));
    ps_buf_put_str(&octets, forgery->to);
    ps_buf_put(&octets, ps_bytes_from(ps_buf_bytes(&leaves[at]),
                                      (size_t)(found - leaves[at].data) + strlen(forgery->from)));
    assert_ok(ps_buf_status(&octets));
    planter_put_octets(planter, ps_buf_bytes(&octets));
    return true;
}

#endif
