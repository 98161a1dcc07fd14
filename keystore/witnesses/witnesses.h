#ifndef KEYSTORE_WITNESSES_WITNESSES_H
#define KEYSTORE_WITNESSES_WITNESSES_H

#include "keystore/internal.h"
#include "keystore/writer.h"

/*
 * Those who cosign the logs' checkpoints. The keeper reaches nobody: whoever may (`log.witness`)
 * asks for what a witness wants to see, carries it there, by network or by hand, and hands in what
 * came back, which is believed for its signatures alone.
 */
struct witnesses;

/* Of the configuration. Errors: PS_E_INPUT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err witnesses_new(struct keeper *keeper, struct witnesses **ret_witnesses);
void witnesses_free(struct witnesses *witnesses);
PS_DEFINE_CLEANUP(struct witnesses, witnesses_free)

size_t witnesses_count(const struct witnesses *witnesses);

/*
 * Takes a cosigned note of a tree ("events", "use/<shard>"), and keeps what is newer of it. Answers
 * who asked with {tree, size, witnesses: [names]}.
 */
void witnesses_take(struct witnesses *witnesses, const struct reply_to *to,
                    const struct msg_cosignatures *message);

/*
 * How many leaves of a tree as many witnesses as are needed have cosigned; 0 without witnesses, and
 * for a tree that is not there.
 */
uint64_t witnesses_size(struct witnesses *witnesses, const char *tree);

/*
 * The note by which most witnesses have seen a leaf; *ret_count of them, 0: none, and nothing is
 * appended.
 */
PS_MUST_USE enum ps_err witnesses_put_note(const struct witnesses *witnesses,
                                           const struct tree *tree, uint64_t leaf,
                                           struct ps_buf *out, unsigned *ret_count);

/* Members of a document: `needed`, `items` and `trees`. */
void witnesses_put(struct witnesses *witnesses, struct writer *json);

/* Once a second: an alarm when leaves are not witnessed in time. */
void witnesses_tick(struct witnesses *witnesses);

#endif
