#ifndef TESTS_KEEPER_FAULTS_H
#define TESTS_KEEPER_FAULTS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Faults at the very system calls that make a leaf durable. The kernel stops the keeper at them and
 * asks the test (seccomp's user notification), so that it is our keeper as it is: it dies there, or
 * the disk fails or is slow there.
 */
struct faults;

enum fault {
    FAULT_NONE,
    FAULT_KILL,        /* the keeper dies instead of the call */
    FAULT_WRITE,       /* writes fail with EIO, */
    FAULT_SYNC,        /* syncs do, */
    FAULT_HOLD,        /* or a sync of `use`, not of `events`, does not end: until another is set */
    FAULT_HOLD_EVENTS, /* or one of `events` */
    FAULT_SPOIL        /* one bit of a backup's file is another when it gets its name */
};

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* In a keeper that is just being made, before it has a second thread. */
void faults_enter(struct faults *faults);
/* In the test: of the keeper that has been made; and after it is gone, with what was set for it.
 * What is set while there is none is for the next. */
void faults_begin(struct faults *faults, pid_t keeper);
void faults_end(struct faults *faults);

/*
 * Sets what happens to call `at` of those from now on, counted from 0: of writes and syncs together
 * for FAULT_KILL, else of the writes of leaves or the syncs.
 */
void faults_set(struct faults *faults, enum fault fault, unsigned at);
/*
 * FAULT_KILL at the write of the first leaf that has this text in it, or so many calls after that:
 * 1 is its sync, if it is synced alone.
 */
void faults_kill_at_leaf(struct faults *faults, const char *text, unsigned calls_after);
/* FAULT_WRITE at whatever is written behind the first leaf that has this text in it. */
void faults_fail_behind_leaf(struct faults *faults, const char *text);
/* Whether it has happened since it was set. */
bool faults_happened(struct faults *faults);
/* The same, and from now on none happens. */
bool faults_clear(struct faults *faults);

#endif
