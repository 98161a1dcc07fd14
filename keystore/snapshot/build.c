#include "keystore/events/truth.h"
#include "keystore/keys/key_cache.h"
#include "keystore/log/edge.h"
#include "keystore/snapshot/internal.h"
#include "keystore/snapshot/layered.h"
#include "keystore/snapshot/saved.h"
#include "keystore/state/disk_watch.h"

/* Making the next table, some rows at a time. */

bool snapshots_is_due(const struct snapshots *snapshots)
{
    const struct keeper *keeper = snapshots->keeper;
    const bool counts = snapshots->size > snapshots->tried && !snapshots->is_outdated;
    const uint64_t since = counts ? snapshots->size : snapshots->tried;

    return snapshots->build.derive == NULL && keeper->config->snapshot_leaves != 0 &&
           log_tree_size(keeper->events) >= since + keeper->config->snapshot_leaves;
}

void snapshots_outdate(struct snapshots *snapshots)
{
    snapshots->is_outdated = true;
    snapshots->tried = 0;
}

void snapshots_note_try(struct snapshots *snapshots)
{
    snapshots->tried = log_tree_size(snapshots->keeper->events);
}

static enum ps_err put_payload(const struct snapshots *snapshots, const struct derive *derive,
                               struct ps_buf *out)
{
    PS_BUF_AUTO program = {.max = 256};
    PS_BUF_AUTO keys = {.max = TABLE_PAYLOAD_MAX};
    PS_BUF_AUTO derived = {.max = TABLE_PAYLOAD_MAX};

    PS_TRY(snapshot_put_program(snapshots->keeper, &program));
    key_cache_save(snapshots->keeper->key_cache, &keys);
    PS_TRY(ps_buf_status(&keys));
    PS_TRY(derive_save(derive, &derived));
    saved_put(out, ps_buf_bytes(&program));
    saved_put(out, ps_buf_bytes(&keys));
    saved_put(out, ps_buf_bytes(&derived));
    return ps_buf_status(out);
}

/* About as long as the one before it. */
static uint64_t expected_octets(const struct snapshots *snapshots)
{
    return snapshots->table == NULL ? 0 : table_octets(snapshots->table);
}

static enum ps_err begin(struct snapshots *snapshots, struct derive *derive)
{
    struct log *events = snapshots->keeper->events;
    struct build *build = &snapshots->build;
    char file[SNAPSHOT_FILE_MAX];

    if (derive_next(derive) <= snapshots->size && !snapshots_is_damaged(snapshots)) {
        return ps_fail(PS_E_STATE, 0, "there is one of these leaves");
    }
    ps_buf_init(&build->payload, TABLE_PAYLOAD_MAX);
    ps_buf_init(&build->after, CATALOG_NAME_MAX);
    build->size = derive_next(derive);
    PS_TRY(log_check_edge(events, derive_edge(derive)));
    build->root = merkle_edge_root(derive_edge(derive));
    build->named = derive_keys(derive)->named_event;
    PS_TRY(put_payload(snapshots, derive, &build->payload));
    PS_TRY(snapshot_open_directory(snapshots));
    snapshot_remove_others(snapshots);
    PS_TRY(disk_watch_check_room(snapshots->keeper, expected_octets(snapshots)));
    snapshot_put_file(build->size, file);
    PS_TRY(table_writer_new(snapshots->directory, file, &build->writer));
    build->kind = 0;
    build->derive = derive;
    return PS_OK;
}

enum ps_err snapshots_begin(struct snapshots *snapshots, struct derive *derive)
{
    enum ps_err err;

    snapshots_note_try(snapshots);
    snapshots_give_up(snapshots);
    err = begin(snapshots, derive);
    if (err != PS_OK) {
        snapshots_give_up(snapshots);
    }
    return err;
}

void snapshots_give_up(struct snapshots *snapshots)
{
    struct build *build = &snapshots->build;

    table_writer_free(build->writer);
    ps_buf_clear(&build->payload);
    ps_buf_clear(&build->after);
    *build = (struct build){.derive = NULL};
}

struct batch {
    struct build *build;
    uint32_t count;
};

static enum ps_err add_row(void *context, const struct table_entry *entry, struct ps_bytes body)
{
    struct batch *batch = context;
    struct build *build = batch->build;

    (void)body;
    batch->count++;
    PS_TRY(table_writer_add(build->writer, entry));
    ps_buf_reset(&build->after);
    ps_buf_put(&build->after, entry->name);
    return ps_buf_status(&build->after);
}

/* The table of before is closed with its last user, and its file removed once a note is signed. */
static enum ps_err take_over(struct snapshots *snapshots, const struct table_seal *seal)
{
    const struct build *build = &snapshots->build;
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    char file[SNAPSHOT_FILE_MAX];

    snapshot_put_file(build->size, file);
    PS_TRY(table_open(snapshots->directory, file, seal, &table));
    PS_TRY(truth_rest_on(snapshots->keeper->truth, table, build->size));
    table_free(snapshots->table);
    snapshots->table = table;
    table = NULL;
    snapshots->size = build->size;
    snapshots->root = build->root;
    snapshots->named = build->named;
    snapshots->is_outdated = snapshots->is_outdated && build->named == 0;
    snapshots->seal = *seal;
    ps_line(PS_INFO, "snapshot_made", PS_NUM("leaves", build->size), PS_NUM("pages", seal->pages));
    return PS_OK;
}

static enum ps_err step(struct snapshots *snapshots, uint32_t count, bool *ret_done)
{
    struct build *build = &snapshots->build;
    struct batch batch = {.build = build};
    struct table_seal seal;

    PS_TRY(disk_watch_check_room(snapshots->keeper, 0));
    PS_TRY(layered_walk(derive_catalog(build->derive), build->kind, ps_buf_bytes(&build->after),
                        count, add_row, &batch));
    if (batch.count < count) {
        build->kind++;
        ps_buf_reset(&build->after);
    }
    *ret_done = build->kind == CATALOG_AUTHORISING_COUNT;
    if (!*ret_done) {
        return PS_OK;
    }
    PS_TRY(table_writer_finish(build->writer, ps_buf_bytes(&build->payload), &seal));
    return take_over(snapshots, &seal);
}

enum ps_err snapshots_step(struct snapshots *snapshots, uint32_t count, bool *ret_done)
{
    const enum ps_err err = step(snapshots, count, ret_done);

    if (err != PS_OK || *ret_done) {
        snapshots_give_up(snapshots);
        snapshots_tick(snapshots);
    }
    return err;
}
