#include "keystore/events/pruning.h"

#include "keystore/catalog/pruned_record.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/log/prune.h"
#include "keystore/operations/rows.h"
#include "keystore/witnesses/witnesses.h"

/* --- What was removed before --- */

static enum ps_err check_shard(struct keeper *keeper, const struct tree_info *shard)
{
    ROW_AUTO row = {.parser = NULL};
    struct pruned_record record;
    enum ps_err err = row_read(keeper, CATALOG_PRUNED, ps_bytes_str(shard->name), &row);

    if (err == PS_OK) {
        err = pruned_record_read(row.body, &record);
    }
    if (err != PS_OK && err != PS_E_NOT_FOUND && err != PS_E_INPUT) {
        return err;
    }
    if (err != PS_OK || record.size != shard->size ||
        memcmp(record.root.data, shard->root.octets, sizeof shard->root.octets) != 0) {
        return ps_fail(PS_E_INPUT, 0,
                       "the leaves of use/%s were removed, and no operation allowed that: put its "
                       "files back from the archive or a backup of them",
                       shard->name);
    }
    return PS_OK;
}

enum ps_err pruning_check(struct keeper *keeper)
{
    struct tree_info shard;

    for (size_t at = 0; log_shard_info(keeper->use, at, &shard) == PS_OK; at++) {
        if (shard.pruned) {
            PS_TRY(check_shard(keeper, &shard));
        }
    }
    keeper->pruning.is_due = true;
    return PS_OK;
}

/* --- What is removed now --- */

struct round {
    struct keeper *keeper;
    uint64_t
        seen;   /* leaves of `events` that are signed for, and witnessed as far as they must be */
    bool waits; /* for a signature or a witness */
    bool has_failed;
};

/* Of a shard that was removed before the start something may be left; later on nothing is. */
static bool is_done(const struct keeper *keeper, struct ps_bytes shard)
{
    const struct tree *tree;

    return keeper->pruning.is_swept && log_find_tree(keeper->use, shard, &tree) == PS_OK &&
           tree_is_pruned(tree);
}

static enum ps_err prune(void *context, const struct catalog_row *row)
{
    struct round *round = context;
    enum ps_err err;

    if (row->event >= round->seen) {
        round->waits = true;
        return PS_OK;
    }
    if (is_done(round->keeper, row->name)) {
        return PS_OK;
    }
    err = log_prune_shard(round->keeper->use, row->name);
    if (err == PS_OK) {
        ps_line(PS_INFO, "shard_pruned", PS_TEXT("shard", row->name), PS_NUM("event", row->event));
    } else if (err != PS_E_NOT_FOUND) { /* as on a box that was restored: it never had them */
        round->has_failed = true;
        round->keeper->pruning.is_swept = false; /* a part of it may be gone, and counts as all */
        events_alarm(round->keeper, "prune", row->name, ps_detail()->text);
    }
    return PS_OK;
}

static uint64_t seen_events(struct keeper *keeper)
{
    const uint64_t by_log = checkpoints_signed(keeper->checkpoints);
    uint64_t by_witnesses;

    if (witnesses_count(keeper->witnesses) == 0) {
        return by_log;
    }
    by_witnesses = witnesses_size(keeper->witnesses, "events");
    return by_witnesses < by_log ? by_witnesses : by_log;
}

void pruning_tick(struct keeper *keeper)
{
    struct round round = {.keeper = keeper};

    if (!keeper->pruning.is_due || log_has_failed(keeper->use)) {
        return;
    }
    round.seen = seen_events(keeper);
    if (catalog_list(keeper->known, CATALOG_PRUNED, ps_bytes(NULL, 0), UINT32_MAX, prune, &round) !=
        PS_OK) {
        round.has_failed = true;
    }
    keeper->pruning.is_due = round.has_failed || round.waits;
    keeper->pruning.is_swept = keeper->pruning.is_swept || !round.has_failed;
}
