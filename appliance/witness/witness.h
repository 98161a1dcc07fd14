#ifndef APPLIANCE_WITNESS_WITNESS_H
#define APPLIANCE_WITNESS_WITNESS_H

#include "lib/base/buf.h"

/*
 * A witness of logs (C2SP tlog-witness): it cosigns a checkpoint only when that is consistent with
 * the last one it cosigned, so that a log which it watches cannot be rolled back or show two faces.
 * It belongs to somebody else than the log does, and lives in a directory of its own:
 *
 *   key         its private key, as signed notes write one; readable by its owner alone
 *   logs        a line for each log: the verifier key
 *   seen/<id>   of each tree the note that it cosigned last, with the signature of the log; <id> is
 *               the SHA-256 of its origin
 *
 * Several programs may use one directory; they take turns.
 */
struct witness;

/*
 * Makes a directory with a new key of that name. *ret_key: its verifier key, for those who are to
 * believe it. Errors: PS_E_INPUT (the name), PS_E_CONFLICT (there is one already), PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err witness_create(const char *directory, struct ps_bytes name,
                                       struct ps_buf *ret_key);

/*
 * Adds a log, by its verifier key. Of an appliance's log of events it is good for the shards of its
 * log of uses too. Errors: PS_E_INPUT, PS_E_CONFLICT (known already), PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err witness_add_log(const char *directory, struct ps_bytes key);

/*
 * Puts another verifier key in the place of a log's, of the same name: a log that was restored goes
 * on with another one. What was seen of it stays, so that nothing is cosigned which does not go on
 * from there. Errors: PS_E_INPUT, PS_E_CONFLICT (the former is not watched), PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err witness_replace_log(const char *directory, struct ps_bytes former,
                                            struct ps_bytes key);

/* Errors: PS_E_NOT_FOUND (no witness there), PS_E_DENIED (others may read its key), PS_E_INPUT. */
PS_MUST_USE enum ps_err witness_open(const char *directory, struct witness **ret_witness);
void witness_free(struct witness *witness);
PS_DEFINE_CLEANUP(struct witness, witness_free)

void witness_put_key(const struct witness *witness, struct ps_buf *out);

/* What add-checkpoint answers. */
enum witness_verdict {
    WITNESS_COSIGNED = 200, /* out: signature lines */
    WITNESS_MALFORMED = 400,
    WITNESS_NOT_SIGNED = 403, /* by the log */
    WITNESS_UNKNOWN = 404,    /* no log that it watches */
    WITNESS_OTHER_SIZE = 409, /* out: the size that it knows, and a newline */
    WITNESS_INCONSISTENT = 422,
    WITNESS_FAILED = 500 /* its own files; nothing was cosigned */
};

/*
 * Judges the body of an add-checkpoint. What it cosigns it remembers first, durably. `ps_detail`
 * has a sentence for people whatever else than WITNESS_COSIGNED it is.
 */
enum witness_verdict witness_add_checkpoint(struct witness *witness, struct ps_bytes request,
                                            struct ps_buf *out);

/*
 * Serves add-checkpoint by HTTP until a signal ends it: at an absolute path a Unix socket, else
 * ADDRESS:PORT (numeric). Says `ready` and its address on standard output. Errors: PS_E_INPUT (the
 * address), PS_E_STORAGE, PS_E_INTERNAL.
 */
PS_MUST_USE enum ps_err witness_serve(struct witness *witness, const char *address);

#endif
