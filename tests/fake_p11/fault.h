#ifndef FAKE_P11_FAULT_H
#define FAKE_P11_FAULT_H

#include "call.h"

/* The part of the script that concerns one call. */

struct fault_site {
    CK_MECHANISM_TYPE mechanism; /* or FAKE_ANY */
    const CK_ATTRIBUTE *templ;
    CK_ULONG count;
};

/* Waits, crashes, and changes the token as the rules say, and collects the rest in call->fault. */
void fault_meet(struct call *call, const struct fault_site *site);

/* Spoils the answer. Returns what the function answers. */
CK_RV fault_answer(struct call *call, CK_RV rv);

/* Dies by the signal of the rule, whatever handlers the process has. */
void fault_crash(const struct fault *fault);

/* Sleeps until a moment of CLOCK_MONOTONIC, or a little longer. */
void fault_sleep_until(uint64_t deadline_ns);

/* The same, but learns how long this thread takes to wake up and asks for so much less. */
void fault_sleep_exactly(uint64_t deadline_ns);

#endif
