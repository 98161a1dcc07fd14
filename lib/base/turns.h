#ifndef PS_BASE_TURNS_H
#define PS_BASE_TURNS_H

enum ps_turns {
    PS_TURNS_LONG,   /* computes */
    PS_TURNS_SHORT,  /* passes work on */
    PS_TURNS_PROMPT, /* the same, and interrupts who computes */
    PS_TURNS_NOW     /* the same, and all wait for it: in real time if it may */
};

/*
 * How the calling thread, and those that it starts, share the processors with others of ours. Of
 * the first two kinds none interrupts another when work arrives for it, so that each passes on more
 * of it at a time; the shorter turn goes first when a processor is free. Under the
 * sandbox only the keeper's threads may call it. A kernel that gives no turns of a thread's own
 * (before 6.12) does the rest of it; nothing fails.
 */
void ps_turns_settle(enum ps_turns turns);

#endif
