#ifndef CEREMONY_LOG_VERIFICATION_H
#define CEREMONY_LOG_VERIFICATION_H

#include "lib/ceremony/internal.h"
#include "lib/ceremony/log/key.h"
#include "lib/ceremony/log/shards.h"
#include "lib/ceremony/log/signers.h"

/* What the files of log_verify share: verify.c, pruned.c, witnessed.c. */

struct verification {
    const struct log_reader *reader;
    struct log_report report;
    struct log_summary summary;
    struct json *json;
    int top_fd;
    struct log_signers signers;
    struct note_key key; /* of events, of now; borrows from them */
    bool has_key;
    struct ps_bytes known; /* a checkpoint kept elsewhere; empty: none */
    struct checkpoint known_checkpoint;
    bool known_is_used;
    uint64_t genesis_leaves;
    uint64_t events_covered;
    struct shard_list shards; /* what `events` says */
    struct pruned_list pruned;
    const char *archive;                   /* NULL: none was given */
    const struct log_witnesses *witnesses; /* NULL: none is known */
};

/* One shard of uses, and what `events` says of it. */
struct shard_check {
    const char *name;
    char label[32];
    const struct shard_entry *entry; /* NULL: nothing */
    bool newest;
    struct ps_buf origin;
    struct note_key key;
    const struct checkpoint *known;
};

void verification_tell(struct verification *v, enum log_verdict verdict, const char *check,
                       const char *tree, const char *text);

/* The leaves of a shard that are here, or in its archive. */
PS_MUST_USE enum ps_err verification_check_leaves(struct verification *v,
                                                  const struct shard_check *check,
                                                  struct log_files *files);

/* pruned.c: a complete shard of which only the checkpoint is here. */
PS_MUST_USE enum ps_err verification_check_pruned(struct verification *v,
                                                  const struct shard_check *check,
                                                  const struct log_files *files);

#endif
