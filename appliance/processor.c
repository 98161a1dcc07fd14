#include "appliance/processor.h"

#include <sched.h>

/* The one with so many of those allowed before it. */
static size_t nth_allowed(const cpu_set_t *allowed, unsigned before)
{
    size_t processor = 0;

    while (!CPU_ISSET(processor, allowed) || before-- != 0) {
        processor++;
    }
    return processor;
}

void role_settle_processor(const struct msg_token_config *config)
{
    cpu_set_t allowed;
    cpu_set_t own;

    if (config->sessions != 1 || config->processes < 2 ||
        sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return;
    }
    CPU_ZERO(&own);
    CPU_SET(nth_allowed(&allowed, config->number % (unsigned)CPU_COUNT(&allowed)), &own);
    (void)sched_setaffinity(0, sizeof own, &own);
}

unsigned processor_count(void)
{
    cpu_set_t allowed;

    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (unsigned)CPU_COUNT(&allowed) : 1;
}
