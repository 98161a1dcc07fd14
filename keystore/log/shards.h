#ifndef KEYSTORE_LOG_SHARDS_H
#define KEYSTORE_LOG_SHARDS_H

#include "keystore/log/store.h"

/* Names of shards, and which there are in a directory. */
struct shard_names {
    char (*items)[TREE_NAME_MAX + 1]; /* oldest first */
    size_t count;
};

/*
 * What is no shard's name is passed over. Errors: PS_E_STORAGE, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err shards_list(int dir_fd, const char *label, struct shard_names *ret_names);
void shards_clear(struct shard_names *names);

bool shard_name_valid(const char *name);

/*
 * The shard that follows `name` at this time: of its month or a later one. `name` may be empty.
 * Errors: PS_E_LIMIT when the month's last number is used up.
 */
PS_MUST_USE enum ps_err shard_next_name(const char *name, uint64_t real_ns,
                                        char ret_name[TREE_NAME_MAX + 1]);

/* When the month after that of the shard begins. */
uint64_t shard_month_end_ns(const char *name);

/*
 * Size and root of a complete shard from its files, which are all durable. Errors: PS_E_INPUT when
 * their lengths contradict each other.
 */
PS_MUST_USE enum ps_err shard_measure(const struct store *store, uint64_t *ret_size,
                                      uint64_t *ret_octets);

#endif
