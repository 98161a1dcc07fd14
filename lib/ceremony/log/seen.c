#include "lib/ceremony/log/seen.h"

enum ps_err log_seen_begin(struct ps_bytes note, struct log_seen *ret_seen)
{
    struct log_seen seen = {.note = note};

    PS_TRY(checkpoint_peek(note, &seen.checkpoint));
    *ret_seen = seen;
    return PS_OK;
}

bool log_seen_wants(const struct log_seen *seen, uint64_t leaves)
{
    return seen->note.len != 0 && seen->checkpoint.size == leaves;
}

void log_seen_take(struct log_seen *seen, const struct merkle_hash *root)
{
    seen->is_met = true;
    seen->is_ours = memcmp(root, &seen->checkpoint.root, sizeof *root) == 0;
}

enum ps_err log_seen_judge(const struct log_seen *seen, const struct note_key *key,
                           const struct log_witnesses *witnesses, uint64_t leaves,
                           struct log_seen_result *ret_result)
{
    struct log_seen_result result = {.size = seen->checkpoint.size};
    struct checkpoint opened;

    PS_TRY(checkpoint_open(seen->note, key, &opened));
    if (!ps_bytes_equal(opened.origin, key->name)) {
        return ps_fail(PS_E_DENIED, 0, "the checkpoint is of %.*s and not of %.*s",
                       PS_BYTES_FMT(opened.origin), PS_BYTES_FMT(key->name));
    }
    result.cosigned = log_witnesses_count(witnesses, seen->note, &result.time_s);
    if (result.cosigned < witnesses->needed) {
        return ps_fail(PS_E_DENIED, 0, "%u of the witnesses cosigned the checkpoint, needed are %u",
                       result.cosigned, witnesses->needed);
    }
    if (seen->is_met && !seen->is_ours) {
        return ps_fail(PS_E_DENIED, 0,
                       "the first %llu entries are not those of the checkpoint: this is another "
                       "history of the log",
                       (unsigned long long)result.size);
    }
    if (!seen->is_met && result.size <= leaves) {
        return ps_fail(PS_E_INPUT, 0, "the entries were not held against the checkpoint");
    }
    result.missing = result.size > leaves ? result.size - leaves : 0;
    *ret_result = result;
    return PS_OK;
}
