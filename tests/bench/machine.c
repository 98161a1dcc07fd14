/*
 * What a machine adds by itself: on each processor that it may use a thread sleeps until a request
 * is due and then computes for as long as one takes. Nothing is passed on, synced or waited for
 * but the processor.
 *
 *   machine RATE WORK-US SECONDS
 *
 * RATE: requests a second, the processors by turns. WORK-US: microseconds of computing for each.
 * Prints one JSON object: {"operations", "p50_ms", "p95_ms", "p99_ms"}, from when a request was
 * due until it was done.
 */
#include "lib/base/clock.h"
#include "lib/base/compiler.h"
#include "tests/bench/module.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define CALIBRATIONS      200u
#define CALIBRATION_STEPS 100000u

struct plan {
    uint64_t step_ns; /* from one request to the next, of all processors */
    uint64_t work_steps;
    uint64_t begin_ns;
    uint64_t end_ns;
    unsigned processors;
};

struct worker {
    const struct plan *plan;
    unsigned processor;
    unsigned number; /* among the processors */
    uint32_t *tenths;
    size_t count;
};

static volatile uint64_t kept; /* what was computed: it is not to be left out */

static void compute(uint64_t steps)
{
    uint64_t value = 1;

    for (uint64_t i = 0; i < steps; i++) {
        value = value * 6364136223846793005u + 1;
    }
    kept = value;
}

/* The quickest of many: the others had a pause in them. */
static double steps_in_us(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < CALIBRATIONS; i++) {
        const uint64_t before = ps_clock_mono_ns();
        uint64_t taken;

        compute(CALIBRATION_STEPS);
        taken = ps_clock_mono_ns() - before;
        least = taken < least ? taken : least;
    }
    return CALIBRATION_STEPS * 1e3 / (double)least;
}

static void sleep_until(uint64_t due_ns)
{
    const struct timespec due = {.tv_sec = (time_t)(due_ns / PS_NS_PER_S),
                                 .tv_nsec = (long)(due_ns % PS_NS_PER_S)};

    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static void *work(void *context)
{
    struct worker *worker = context;
    const struct plan *plan = worker->plan;
    const uint64_t step_ns = plan->step_ns * plan->processors;
    uint64_t due_ns = plan->begin_ns + worker->number * plan->step_ns;
    cpu_set_t own;

    CPU_ZERO(&own);
    CPU_SET(worker->processor, &own);
    must(sched_setaffinity(0, sizeof own, &own) == 0, "sched_setaffinity");
    (void)prctl(PR_SET_TIMERSLACK, 1);
    for (; due_ns < plan->end_ns; due_ns += step_ns) {
        sleep_until(due_ns);
        compute(plan->work_steps);
        worker->tenths[worker->count++] = (uint32_t)((ps_clock_mono_ns() - due_ns) / 100);
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

/* `tenths` has room for all that is due. Yields how many there are. */
static size_t run(const struct plan *plan, const cpu_set_t *allowed, uint32_t *tenths)
{
    const size_t room = (plan->end_ns - plan->begin_ns) / plan->step_ns / plan->processors + 1;
    struct worker *workers = calloc(plan->processors, sizeof *workers);
    pthread_t *threads = calloc(plan->processors, sizeof *threads);
    unsigned started = 0;
    size_t count = 0;

    must(workers != NULL && threads != NULL, "memory");
    for (unsigned processor = 0; processor < CPU_SETSIZE; processor++) {
        if (CPU_ISSET(processor, allowed)) {
            workers[started] =
                (struct worker){plan, processor, started, tenths + started * room, 0};
            must(pthread_create(&threads[started], NULL, work, &workers[started]) == 0,
                 "pthread_create");
            started++;
        }
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
        memmove(tenths + count, workers[i].tenths, workers[i].count * sizeof tenths[0]);
        count += workers[i].count;
    }
    free(threads);
    free(workers);
    return count;
}

static double at(const uint32_t *tenths, size_t count, double part)
{
    return tenths[(size_t)((double)(count - 1) * part)] / 1e4;
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    cpu_set_t allowed;
    uint32_t *tenths;
    size_t count;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: machine RATE WORK-US SECONDS\n");
        return 2;
    }
    must(strtod(argv[1], NULL) >= 1, "reading a rate of one request a second or more");
    must(sched_getaffinity(0, sizeof allowed, &allowed) == 0, "sched_getaffinity");
    plan.processors = (unsigned)CPU_COUNT(&allowed);
    plan.step_ns = (uint64_t)(1e9 / strtod(argv[1], NULL));
    plan.work_steps = (uint64_t)(strtod(argv[2], NULL) * steps_in_us());
    plan.begin_ns = ps_clock_mono_ns() + 10 * PS_NS_PER_MS; /* all have started by then */
    plan.end_ns = plan.begin_ns + (uint64_t)(strtod(argv[3], NULL) * 1e9);
    must(plan.end_ns > plan.begin_ns, "reading a time above 0");
    tenths =
        calloc((plan.end_ns - plan.begin_ns) / plan.step_ns + 2 * plan.processors, sizeof *tenths);
    must(tenths != NULL, "memory");
    count = run(&plan, &allowed, tenths);
    qsort(tenths, count, sizeof *tenths, compare);
    (void)printf("{\"operations\":%zu,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f}\n", count,
                 at(tenths, count, 0.5), at(tenths, count, 0.95), at(tenths, count, 0.99));
    free(tenths);
    return 0;
}
