#include "keystore/pace.h"

uint64_t pace_rest_ns(struct pace *pace, uint64_t requests, uint64_t took_ns)
{
    const bool is_alone = requests == pace->requests;
    uint64_t rest_ns = PACE_REST_MAX_NS;

    pace->requests = requests;
    if (took_ns < PACE_REST_MAX_NS / PACE_SHARE) {
        rest_ns = took_ns * PACE_SHARE;
    }
    return is_alone || rest_ns < PACE_REST_MIN_NS ? PACE_REST_MIN_NS : rest_ns;
}
