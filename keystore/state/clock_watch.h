#ifndef KEYSTORE_STATE_CLOCK_WATCH_H
#define KEYSTORE_STATE_CLOCK_WATCH_H

#include "lib/base/clock.h"

/*
 * Watches the clock of the day against the steady one. While it is not trusted no times are signed:
 * after a step, or while it is behind the newest leaf of the log. Many small steps within an hour
 * are one. It is trusted again when it has gone back to where it was, or has gone steadily for five
 * minutes: a clock that was wrong and is put right must not stop the appliance for ever, and the
 * alarm stands in the log.
 */
struct clock_watch {
    uint64_t step_ns;       /* a jump beyond it is one */
    int64_t offset_ns;      /* of the real clock from the steady one, when it was last looked at */
    int64_t hour_ns;        /* the same when the present hour began: */
    uint64_t hour_began_ns; /* steady time */
    int64_t trusted_ns;     /* the same while it was trusted */
    uint64_t unsettled_until; /* steady time; 0: it is trusted */
    uint64_t newest_ns;       /* real time of the newest leaf */
};

/* Both times in nanoseconds. */
struct clock_times {
    uint64_t real_ns;
    uint64_t mono_ns;
};

/*
 * Both clocks, read so close together that a process which was stopped in between, or a virtual
 * machine that was, does not look like a step.
 */
struct clock_times clock_times_now(void);

enum clock_event { CLOCK_NOTHING, CLOCK_STEPPED, CLOCK_BEHIND, CLOCK_SETTLED };

void clock_watch_init(struct clock_watch *watch, uint64_t step_s, struct clock_times now);

/* Called once a second; says what has begun or ended, once. */
enum clock_event clock_watch_look(struct clock_watch *watch, struct clock_times now);

/* A leaf of this time is in the log. */
void clock_watch_note(struct clock_watch *watch, uint64_t real_ns);

/* Also between two looks: what is signed now stands for long. */
bool clock_watch_is_good(const struct clock_watch *watch, struct clock_times now);

#endif
