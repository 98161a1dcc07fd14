#ifndef CEREMONY_BUNDLE_BUNDLE_H
#define CEREMONY_BUNDLE_BUNDLE_H

#include "lib/base/hash.h"
#include "lib/ceremony/log/verify.h"
#include "lib/formats/json/json.h"

/*
 * The transcript of a ceremony as one file, which can be verified without the appliance and without
 * whoever keeps it: docs/transcript-format.md.
 *
 *   {"checkpoint":"...","digests":{"checkpoint":"<SHA-256>","leaves":"...","room":"..."},
 *    "format":"privyseal-transcript","leaves":[{"index":0,"leaf":{...},"proof":["..."]}],
 *    "room":{"lines":["..."],"script":"..."},
 *    "statements":[{"agree":true,"person":"alice","signature":"..."}],"v":1}
 *
 * in RFC 8785 form. `leaves` are those of `events` about the operations of the ceremony, and about
 * all earlier ones that decided who decides; `room` is what was read, asked and done there.
 */
#define BUNDLE_OCTETS_MAX     (64u * 1024u * 1024u)
#define BUNDLE_LEAVES_MAX     65536u
#define BUNDLE_STATEMENTS_MAX 64u

struct bundle;

/* A leaf with its proof that it is in the log. */
struct bundle_leaf {
    uint64_t index;
    struct json_value leaf;  /* its octets are json_raw of this */
    struct json_value proof; /* an array of hashes in base64url */
};

/*
 * Reads a bundle; it is canonical and of its schema then, and nothing of it is verified.
 * Errors: PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY; the detail says where
 */
PS_MUST_USE enum ps_err bundle_parse(struct ps_bytes octets, struct bundle **ret_bundle);
void bundle_free(struct bundle *bundle);
PS_DEFINE_CLEANUP(struct bundle, bundle_free)

size_t bundle_leaf_count(const struct bundle *bundle);
PS_MUST_USE enum ps_err bundle_leaf_at(const struct bundle *bundle, size_t index,
                                       struct bundle_leaf *ret_leaf);

/* The signed note. */
struct ps_bytes bundle_checkpoint(const struct bundle *bundle);
/* Octets of the script; empty: there is none, it is the transcript of operations alone. */
struct ps_bytes bundle_script(const struct bundle *bundle);
/* Lines of transcript_line.h; NULL data past the end. */
struct ps_bytes bundle_line_at(const struct bundle *bundle, size_t index);

/* What a person says at the end, as the octets that they sign (namespace "statement."). */
PS_MUST_USE enum ps_err bundle_put_statement(const struct bundle *bundle, bool agrees,
                                             struct ps_bytes person, struct ps_buf *out);

struct bundle_statement {
    bool agrees;
    struct ps_bytes person;
    struct ps_bytes signature; /* armored SSHSIG */
};
size_t bundle_statement_count(const struct bundle *bundle);
PS_MUST_USE enum ps_err bundle_statement_at(const struct bundle *bundle, size_t index,
                                            struct bundle_statement *ret_statement);
/* The bundle with one statement more. Errors: PS_E_LIMIT, PS_E_CONFLICT (this person has said so).
 */
PS_MUST_USE enum ps_err bundle_put_with(const struct bundle *bundle,
                                        const struct bundle_statement *statement,
                                        struct ps_buf *out);

/* --- verify.c --- */

struct bundle_summary {
    unsigned failures;
    uint64_t leaves;
    uint64_t operations; /* that were executed or ended */
    uint64_t size;       /* of the log that the checkpoint is of */
};

struct replay_operation;

struct bundle_check {
    const uint8_t *genesis; /* SHA-256 of the leaf of the genesis; NULL: nobody knows it, a NOTE */
    log_row_fn *fn;         /* each finding: PASS, NOTE or FAIL */
    void *context;
    /* Each operation that has come to its end, for who tells of it (replay.h); may be NULL. */
    enum ps_err (*on_operation)(void *context, const struct replay_operation *operation);
    void *operation_context;
};

/*
 * Verifies everything: that each leaf is in the log whose key the genesis names, that people who
 * were in the roster of then had approved what was done, that the room's record is about these very
 * operations and this script, and who has signed it at the end.
 * Errors: PS_E_DENIED (at least one row is a FAIL), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err bundle_verify(const struct bundle *bundle, const struct bundle_check *check,
                                      struct bundle_summary *ret_summary);

/* --- build.c --- */

/*
 * directory:  of a log, the appliance's own or an exported one, with `events` in it
 * script:     its octets; or empty
 * lines:      the room's transcript, a line each; or empty
 * operations: ids of further operations, such as exceptions
 */
struct bundle_source {
    const char *directory;
    struct ps_bytes script;
    struct ps_bytes lines;
    const struct ps_bytes *operations;
    size_t operation_count;
};

/*
 * Makes a bundle of what the log has about the operations.
 * Errors: PS_E_NOT_FOUND (no log; an operation that it has not), PS_E_BUSY (the newest leaves have
 *         no checkpoint yet), PS_E_INPUT (no room's transcript, a damaged log), PS_E_LIMIT,
 *         PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err bundle_build(const struct bundle_source *source, struct ps_buf *out);

#endif
