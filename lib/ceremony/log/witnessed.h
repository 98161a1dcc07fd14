#ifndef CEREMONY_LOG_WITNESSED_H
#define CEREMONY_LOG_WITNESSED_H

#include "lib/ceremony/log/report.h"
#include "lib/ceremony/log/seen.h"
#include "lib/ceremony/log/signers.h"

/*
 * The notes that stand beside the checkpoint of a tree in files `witnessed.<key id>`: of each
 * witness the newest that it cosigned. Each is held against the leaves while they are read.
 */
struct log_witnessed_note {
    char file[24];
    struct ps_buf octets;
    struct log_seen seen; /* of those octets; note empty: they are no checkpoint */
};

struct log_witnessed {
    struct log_witnessed_note notes[LOG_WITNESSES_MAX];
    size_t count;
};

/* Reads them, in the order of their names. Errors: PS_E_STORAGE, PS_E_LIMIT (more), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err log_witnessed_read(const struct log_files *files,
                                           struct log_witnessed *ret_witnessed);
void log_witnessed_clear(struct log_witnessed *witnessed);

/* Before the first leaf and after each one. */
void log_witnessed_take(struct log_witnessed *witnessed, const struct tiles_edge *edge);

/* After the last leaf: who judges them, and by what. */
struct log_witnessed_judge {
    struct log_report *report;
    const struct log_signers *signers;     /* keys that the log has had */
    const struct log_witnesses *witnesses; /* whose keys are known; NULL: none */
    const struct log_reader *reader;       /* on_witnessed, if there is one */
    struct note_key key;                   /* of this tree */
    const char *label;                     /* its name */
    uint64_t leaves;                       /* that are here */
};

/*
 * A row for each: FAIL if the log did not sign for it, if it is of other leaves, or of more than
 * there are: then the log was put back, or cut off. Errors: the reader's, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err log_witnessed_tell(const struct log_witnessed *witnessed,
                                           const struct log_witnessed_judge *judge);

#endif
