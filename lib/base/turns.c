#include "lib/base/turns.h"

#include <linux/sched.h>
#include <linux/sched/types.h> /* declares what <sched.h> does, so not both */
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONG_TURN_NS  1500000
#define SHORT_TURN_NS 100000

/* sched_setattr(2). False where the thread may not. */
static bool set_real_time(void)
{
    struct sched_attr wanted = {
        .size = sizeof wanted, .sched_policy = SCHED_FIFO, .sched_priority = 1};

    return syscall(SYS_sched_setattr, 0, &wanted, 0) == 0;
}

void ps_turns_settle(enum ps_turns turns)
{
    struct sched_attr wanted = {
        .size = sizeof wanted,
        .sched_policy =
            turns == PS_TURNS_PROMPT || turns == PS_TURNS_NOW ? SCHED_NORMAL : SCHED_BATCH,
        .sched_nice = getpriority(PRIO_PROCESS, 0),
        .sched_runtime = turns == PS_TURNS_LONG ? LONG_TURN_NS : SHORT_TURN_NS,
    };

    if (turns != PS_TURNS_NOW || !set_real_time()) {
        (void)syscall(SYS_sched_setattr, 0, &wanted, 0);
    }
}
