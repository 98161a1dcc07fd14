#ifndef CEREMONY_BUNDLE_CHOICE_H
#define CEREMONY_BUNDLE_CHOICE_H

#include "lib/ceremony/log/leaf.h"

/*
 * Which leaves of `events` a transcript has: those of the operations that it is about, and of all
 * before them from which follows who decided: changes of people and policy, the making of keys of
 * class A, the making of the keys that the operations are about, and of the families of these.
 */
struct bundle_choice;

PS_MUST_USE enum ps_err bundle_choice_new(struct bundle_choice **ret_choice);
void bundle_choice_free(struct bundle_choice *choice);
PS_DEFINE_CLEANUP(struct bundle_choice, bundle_choice_free)

/* An operation that the transcript is about. */
PS_MUST_USE enum ps_err bundle_choice_ask(struct bundle_choice *choice, struct ps_bytes operation);

/* Every leaf of the log, in order. */
PS_MUST_USE enum ps_err bundle_choice_look(struct bundle_choice *choice, uint64_t index,
                                           const struct log_event *event);
/* Then, if it says so, every leaf once more. */
bool bundle_choice_looks_again(const struct bundle_choice *choice);
PS_MUST_USE enum ps_err bundle_choice_look_again(struct bundle_choice *choice,
                                                 const struct log_event *event);

/* Errors: PS_E_NOT_FOUND (the log has none of them), PS_E_BUSY (one has not come to its end). */
PS_MUST_USE enum ps_err bundle_choice_check(const struct bundle_choice *choice);

bool bundle_choice_has(const struct bundle_choice *choice, uint64_t index,
                       const struct log_event *event);

#endif
