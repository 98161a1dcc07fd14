#ifndef KEYSTORE_KEYS_ENCRYPTIONS_H
#define KEYSTORE_KEYS_ENCRYPTIONS_H

#include "keystore/internal.h"
#include "keystore/keys/keys.h"
#include "lib/base/reader.h"
#include "lib/formats/json/json.h"

/*
 * How often a version of an AES key has encrypted. With random nonces of 96 bits "the total number
 * of invocations of the authenticated encryption function shall not exceed 2^32" with one key (NIST
 * SP 800-38D, section 8.3).
 *
 * Encryptions are reserved in blocks: a leaf `encryptions` of the log `events` is durable before
 * the first of its block is made. After a crash the count goes on behind the block, and since only
 * the log says it, no row of a database sets it back.
 */
#define ENCRYPTIONS_MAX   (UINT64_C(1) << 32)
#define ENCRYPTIONS_BLOCK (UINT64_C(1) << 16)

enum encryptions_verdict {
    ENCRYPTIONS_GO,   /* counted */
    ENCRYPTIONS_WAIT, /* not yet: signer_reserved tells when a block is there, or will not be */
    ENCRYPTIONS_OVER, /* the version has encrypted as often as it may */
    ENCRYPTIONS_UNRECORDED /* the log takes nothing now */
};

/* Counts one, and sees to it that there is a next block in time. */
enum encryptions_verdict encryptions_count(struct keeper *keeper, struct key_version *version);

/* True when a version has done half of what it may: it is time for another. */
bool encryptions_want_rotation(const struct key_version *version);

/* --- What the log says, as it is read at the start --- */

struct encryptions_book;
PS_MUST_USE enum ps_err encryptions_book_new(struct encryptions_book **ret_book);
void encryptions_book_free(struct encryptions_book *book);

/* `data`: of a leaf `encryptions`. Errors: PS_E_INPUT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err encryptions_book_take(struct encryptions_book *book,
                                              struct json_value data);

/* Of a snapshot (keystore/snapshot/saved.h). Errors: PS_E_INPUT, PS_E_CONFLICT, PS_E_NO_MEMORY. */
void encryptions_book_save(const struct encryptions_book *book, struct ps_buf *out);
PS_MUST_USE enum ps_err encryptions_book_resume(struct encryptions_book *book,
                                                struct ps_reader *reader);

/* Lets the keys go on behind what was reserved for them. */
void encryptions_book_apply(const struct encryptions_book *book, struct keys *keys);

#endif
