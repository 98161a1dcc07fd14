#include "appliance/supervisor/backoff.h"

#include "lib/base/clock.h"

#define FIRST_NS         (100 * PS_NS_PER_MS)
#define LONGEST_NS       (5 * PS_NS_PER_S)
#define LONGEST_READY_NS (400 * PS_NS_PER_MS)
#define GOOD_LIFE_NS     (30 * PS_NS_PER_S)

uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ns, bool was_ready)
{
    const uint64_t longest = was_ready ? LONGEST_READY_NS : LONGEST_NS;
    uint64_t wait = FIRST_NS;

    if (lived_ns >= GOOD_LIFE_NS) {
        backoff->failures = 0;
    }
    if (backoff->failures++ == 0) {
        return 0;
    }
    for (unsigned i = 2; i < backoff->failures && wait < longest; i++) {
        wait *= 2;
    }
    return wait < longest ? wait : longest;
}
