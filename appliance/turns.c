#include "appliance/turns.h"

#include <linux/sched.h>
#include <linux/sched/types.h> /* declares what <sched.h> does, so not both */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TOKEN_TURN_NS   1500000
#define PASSING_TURN_NS 100000

void role_settle_turns(enum ipc_role role)
{
    struct sched_attr wanted = {
        .size = sizeof wanted,
        .sched_policy = SCHED_BATCH,
        .sched_nice = getpriority(PRIO_PROCESS, 0),
        .sched_runtime = role == IPC_ROLE_TOKEN ? TOKEN_TURN_NS : PASSING_TURN_NS,
    };

    (void)syscall(SYS_sched_setattr, 0, &wanted, 0);
}
