#ifndef KEYSTORE_GATE_INTERNAL_H
#define KEYSTORE_GATE_INTERNAL_H

#include "keystore/gate/class.h"
#include "keystore/gate/entry.h"
#include "keystore/gate/gate.h"
#include "lib/ceremony/people/conditions.h"

#define ENTRIES_MAX 64u /* operations that wait at the same time */
#define URGENT_MAX  16u /* and of class C so many more: to lock, to suspend, to cancel */

struct gate {
    struct keeper *keeper;
    struct roster *roster; /* without people: no gate */
    struct policy policy;
    struct entry *first;
    size_t count;
    size_t drafts;   /* whose leaf is on the way: they will be entries */
    uint64_t recall; /* see waiting.h; 0 but at a start */
};

/*
 * --- clock.c ---
 * Who is valid, what has expired and what has waited for long enough is judged by a clock that is
 * trusted. What only lessens capability (class C) is not kept waiting for it.
 */
bool clock_lets_judge(const struct gate *gate, const struct entry *entry);
/* From when on the cooling-off counts: a clock that was doubted since has waited for nothing. */
uint64_t clock_waiting_since_s(const struct gate *gate, const struct entry *entry);
bool clock_has_expired(const struct gate *gate, const struct entry *entry);
void clock_refuse(const struct reply_to *to);

/*
 * --- places.c ---
 * Whether one more may wait, so that no client takes all the places. Errors: PS_E_BUSY; the detail
 * says what to do.
 */
PS_MUST_USE enum ps_err places_check(const struct gate *gate, const struct operation *op);

/* --- steps.c --- */
void entry_forget_arriving(struct entry *entry);

/* --- execute.c --- */
/* As of when it is looked at. */
struct moment {
    uint64_t time_ns;
    uint64_t time_s;
    uint64_t log_size;
};
struct moment moment_now(const struct gate *gate);
/* What has to hold of its document besides the signatures, but for the time that it waits. */
enum condition entry_check_conditions(const struct gate *gate, const struct entry *entry,
                                      const struct moment *moment);
enum condition entry_check_wait(const struct gate *gate, const struct entry *entry,
                                uint64_t time_s);
void entry_execute(struct gate *gate, struct entry *entry, const struct reply_to *to,
                   const struct msg_operation_step *message);

/* --- ended.c --- */
/*
 * Ends those cancellations whose operation waits no more, whatever became of it: it never will
 * again, so that they could not be executed, and would keep their places until their time is over.
 * What cannot be ended at this moment is at a later tick.
 */
void gate_end_pointless(struct gate *gate);
/* Its leaf, then the end; `to` may be NULL. */
void entry_end(struct gate *gate, struct entry *entry, const char *outcome,
               const struct reply_to *to);

#endif
