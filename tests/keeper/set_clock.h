#ifndef TESTS_KEEPER_SET_CLOCK_H
#define TESTS_KEEPER_SET_CLOCK_H

#include "tests/keeper/fixture.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The clocks as a test sets them, for this program and the processes of its stack. */

/* Seconds that the clock of the day is ahead, and both clocks. */
static _Atomic long *ahead_s;
static _Atomic long *passed_s;

/* In the place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, ret_now);

    if (ahead_s != NULL) {
        ret_now->tv_sec += atomic_load(passed_s);
        ret_now->tv_sec += clock == CLOCK_REALTIME ? atomic_load(ahead_s) : 0;
    }
    return result;
}

static _Atomic long *share_number(void)
{
    _Atomic long *number =
        mmap(NULL, sizeof *number, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(number != MAP_FAILED);
    return number;
}

static void set_clock_begin(void)
{
    passed_s = share_number();
    ahead_s = share_number();
}

/*
 * Time passes for a keeper that works. Its tokens are away meanwhile: a process with a call under
 * way would rightly be given up as one that has not answered for so long.
 */
static PS_UNUSED void set_clock_pass(long seconds)
{
    for (size_t i = 0; i < stack.processes; i++) {
        stack_stop_token(&stack, i);
    }
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    atomic_fetch_add(passed_s, seconds);
    for (size_t i = 0; i < stack.processes; i++) {
        stack_start_token(&stack, i);
    }
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

/* The appliance is off for so long. */
static PS_UNUSED void set_clock_off(_Atomic long *clock, long seconds)
{
    stack_kill_keeper(&stack);
    for (size_t i = 0; i < stack.processes; i++) {
        stack_stop_token(&stack, i);
    }
    atomic_fetch_add(clock, seconds);
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

#endif
