#ifndef CEREMONY_LOG_SIGNERS_H
#define CEREMONY_LOG_SIGNERS_H

#include "lib/ceremony/log/files.h"
#include "lib/ceremony/log/succession.h"

/* All keys that have signed for a log, one after the other: more than one if it was restored. */
#define LOG_SIGNERS_MAX 16u

struct log_signers {
    struct ps_buf texts[LOG_SIGNERS_MAX]; /* verifier keys of `events`, the first one first */
    uint64_t since[LOG_SIGNERS_MAX];      /* the leaf by which each came */
    size_t count;
};
void log_signers_clear(struct log_signers *signers);

/* The one that was given, or that the genesis names. Errors: PS_E_INPUT (no such key). */
PS_MUST_USE enum ps_err log_signers_begin(struct log_signers *signers, struct ps_bytes text);

/*
 * The keys that came after it and that people approved, by the leaves of `events` from its first
 * one on: if its checkpoint is of another key, since no others are looked for. What is damaged ends
 * the search, and is somebody else's to tell. Errors: PS_E_DENIED, PS_E_INPUT (a leaf that makes no
 * other key the log's: *ret_leaf), PS_E_LIMIT, PS_E_STORAGE, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err log_signers_follow(struct log_signers *signers, struct log_files *files,
                                           struct json *json, uint64_t *ret_leaf);

/*
 * In place of a key of a tree the newest of them that signed the tree's checkpoint, or that note;
 * the same one stays when none did. Errors: PS_E_INPUT, PS_E_NOT_FOUND (it is of no tree).
 */
PS_MUST_USE enum ps_err log_signers_choose(const struct log_signers *signers,
                                           const struct log_files *files, struct note_key *key);
PS_MUST_USE enum ps_err log_signers_choose_of(const struct log_signers *signers,
                                              struct ps_bytes note, struct note_key *key);

/* The key of `events` of now. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err log_signers_last(const struct log_signers *signers,
                                         struct note_key *ret_key);

#endif
