#ifndef CEREMONY_BACKUP_BACKUP_READ_H
#define CEREMONY_BACKUP_BACKUP_READ_H

#include "lib/ceremony/backup/backup_format.h"
#include "lib/ceremony/log/key.h"

/*
 * Reads and verifies a backup as its octets come, in pieces of any size; holds one record at a
 * time. What it proves: the leaves are those that the log's key signed for, the rows are those that
 * one of these leaves names, and the header says the time and the origin that the log says.
 */
struct backup_reader;

/* Each record as it comes, before anything is proven of it; any may be NULL. */
struct backup_calls {
    void *context;
    enum ps_err (*row)(void *context, struct ps_bytes octets);
    enum ps_err (*leaf)(void *context, uint64_t index, struct ps_bytes octets);
    enum ps_err (*checkpoint)(void *context, struct ps_bytes octets); /* it has verified */
};

/*
 * log_key: verifier key of `events` at its genesis; empty: the one that the first leaf names
 * genesis: SHA-256 of the first leaf's octets; empty: any
 */
struct backup_trust {
    struct ps_bytes log_key;
    struct ps_bytes genesis;
    bool is_ours; /* what people approved is not judged: whoever reads it has written it */
};

/* Borrows what `trust` and `calls` name. Errors: PS_E_INPUT (no such key), PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err backup_reader_new(const struct backup_trust *trust,
                                          const struct backup_calls *calls,
                                          struct backup_reader **ret_reader);
void backup_reader_free(struct backup_reader *reader);
PS_DEFINE_CLEANUP(struct backup_reader, backup_reader_free)

/*
 * The next octets. Errors: PS_E_INPUT (not of the form), PS_E_DENIED (of the form, and not true),
 * PS_E_NO_MEMORY, the calls' own. The detail names the place. After one the reader is of no use.
 */
PS_MUST_USE enum ps_err backup_reader_feed(struct backup_reader *reader, struct ps_bytes octets);

struct backup_summary {
    char created[40];
    char origin[256];
    char genesis[2 * PS_SHA256_LEN + 1]; /* SHA-256 of the first leaf, in hex */
    char log_key[LOG_KEY_TEXT_MAX + 1];  /* that signed the checkpoint */
    char file[129];                      /* the name under which its log knows it */
    uint64_t octets;
    uint64_t rows;
    uint64_t leaves;
    unsigned restored;     /* how often the appliance went on from a backup, with another log key */
    bool key_from_genesis; /* nobody said which log key is the right one */
};

/* There are no more octets: whether it was whole. Errors as above. */
PS_MUST_USE enum ps_err backup_reader_finish(struct backup_reader *reader,
                                             struct backup_summary *ret_summary);

#endif
