#ifndef APPLIANCE_RESTORE_INTERNAL_H
#define APPLIANCE_RESTORE_INTERNAL_H

#include "lib/ceremony/backup/backup_read.h"
#include "lib/ceremony/backup/restore_format.h"
#include "lib/ceremony/log/seen.h"
#include "lib/ceremony/log/succession.h"

/* What `privyseal backup restore` is made of; see command.c. */

/* --- census.c: which keys there are, as the leaves say, and which of them cannot be had --- */
struct census;
PS_MUST_USE enum ps_err census_new(struct census **ret_census);
void census_free(struct census *census);
PS_DEFINE_CLEANUP(struct census, census_free)
PS_MUST_USE enum ps_err census_take_event(struct census *census, const struct log_event *event);
/* A row of the backup, as its record has it. Errors: PS_E_INPUT (of no wrapped key),
 * PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err census_take_row(struct census *census, struct ps_bytes octets);
/* Calls `fn` with the name of each that no token of `tokens` brings back, in their order. */
struct census_tokens {
    const char *const *names;
    size_t count;
};
PS_MUST_USE enum ps_err census_lost(struct census *census, const struct census_tokens *tokens,
                                    void (*fn)(void *context, const char *name), void *context);
/* "2026-11-0003": of `use`, behind those that `events` names. */
void census_put_next_shard(const struct census *census, uint64_t now_ns, char out[16]);

/* --- gather.c: reads backup and mirror, verifies both, and hands on what is restored --- */
struct gather_sink {
    void *context;
    enum ps_err (*row)(void *context, struct ps_bytes octets);
    enum ps_err (*leaf)(void *context, struct ps_bytes octets);
};
struct gather_request {
    const char *file;
    const char *mirror;      /* directory with `events`; NULL: there is none */
    struct ps_bytes genesis; /* SHA-256 of the first leaf; empty: any */
    /* A checkpoint that a witness keeps: what is gathered is held against it. Empty: none. */
    struct ps_bytes checkpoint;
    struct log_witnesses witnesses; /* who have to have cosigned it */
    const struct gather_sink *sink;
    struct census *census;
};
struct gathered {
    struct backup_summary backup;
    struct ps_buf checkpoint; /* the note over all leaves that were handed on */
    uint64_t leaves;
    uint64_t passed_over;        /* rows that are of no wrapped key; they were not handed on */
    struct log_seen_result seen; /* all zero without a checkpoint */
};
/* Errors: those of the backup's reader, PS_E_DENIED (the mirror is of another log, or is not what
 * its checkpoint says; or the one given is of another history), PS_E_STORAGE. */
PS_MUST_USE enum ps_err gather(const struct gather_request *request, struct gathered *ret_gathered);

/* --- place.c: the directory that the keeper takes in, which is there whole or not at all --- */
struct place;
/* Errors: PS_E_CONFLICT (the data directory has an appliance, or one that waits), PS_E_STORAGE. */
PS_MUST_USE enum ps_err place_new(const char *data, struct place **ret_place);
void place_free(struct place *place); /* removes what was not finished */
PS_DEFINE_CLEANUP(struct place, place_free)
PS_MUST_USE enum ps_err place_put_row(void *place, struct ps_bytes octets);
PS_MUST_USE enum ps_err place_put_leaf(void *place, struct ps_bytes octets);
PS_MUST_USE enum ps_err place_finish(struct place *place, struct ps_bytes checkpoint,
                                     struct ps_bytes facts);

#endif
