#ifndef CEREMONY_LOG_SHARDS_H
#define CEREMONY_LOG_SHARDS_H

#include "lib/ceremony/internal.h"

/* The shards of `use`: those that are in a directory, and those that `events` says are complete. */
#define SHARD_NAME_LEN 12u

struct shard_names {
    char (*items)[SHARD_NAME_LEN + 1]; /* oldest first */
    size_t count;
};

/* Of the directory `log` below `top_fd`; none when it is absent. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err shard_names_list(int top_fd, const char *log,
                                         struct shard_names *ret_names);
void shard_names_clear(struct shard_names *names);
bool shard_names_contain(const struct shard_names *names, const char *name);

struct shard_entry {
    char name[SHARD_NAME_LEN + 1];
    uint64_t first;
    uint64_t size;
    struct merkle_hash root;
    uint64_t leaf; /* of events, which says so */
};

struct shard_list {
    struct shard_entry *items; /* in the order of the leaves */
    size_t count;
    size_t restart; /* how many there were when the log was restored; 0: it never was */
};

/* Adds what a `shard` leaf says; reports, when asked, that it does not follow on the one before. */
PS_MUST_USE enum ps_err shard_list_add(struct shard_list *list, const struct log_shard *shard,
                                       uint64_t leaf, struct log_report *report);
/* The next one is the first of a log of uses that begins anew: the appliance was restored. */
void shard_list_restart(struct shard_list *list);
const struct shard_entry *shard_list_find(const struct shard_list *list, const char *name);
void shard_list_clear(struct shard_list *list);

/* A shard whose leaves people allowed to be removed; an archive has them. */
struct pruned_entry {
    char name[SHARD_NAME_LEN + 1];
    uint8_t archive[32]; /* SHA-256 of its manifest */
    char place[257];
};

struct pruned_list {
    struct pruned_entry *items;
    size_t count;
};

/* Adds what the effects of an operation say, of the data of a leaf `result`. */
PS_MUST_USE enum ps_err pruned_list_add(struct pruned_list *list, struct json_value data);
const struct pruned_entry *pruned_list_find(const struct pruned_list *list, const char *name);
void pruned_list_clear(struct pruned_list *list);

struct log_shard shard_entry_view(const struct shard_entry *entry);

#endif
