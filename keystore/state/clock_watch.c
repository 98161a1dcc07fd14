#include "keystore/state/clock_watch.h"

#define SETTLE_NS (300 * PS_NS_PER_S)
#define BEHIND_NS (2 * PS_NS_PER_S)
#define HOUR_NS   (3600 * PS_NS_PER_S)

/* Who is held up longer than this between two readings reads again, but not for ever. */
#define APART_NS  (10 * PS_NS_PER_MS)
#define TRIES_MAX 16

struct clock_times clock_times_now(void)
{
    struct clock_times now;
    uint64_t began_ns;
    unsigned tries = 0;

    do {
        began_ns = ps_clock_mono_ns();
        now.real_ns = ps_clock_real_ns();
        now.mono_ns = ps_clock_mono_ns();
    } while (now.mono_ns - began_ns > APART_NS && ++tries < TRIES_MAX);
    return now;
}

static int64_t offset_of(struct clock_times now)
{
    return (int64_t)now.real_ns - (int64_t)now.mono_ns;
}

static bool is_near(int64_t a, int64_t b, uint64_t bound_ns)
{
    return (a > b ? (uint64_t)(a - b) : (uint64_t)(b - a)) <= bound_ns;
}

static bool is_behind(const struct clock_watch *watch, struct clock_times now)
{
    return now.real_ns + BEHIND_NS < watch->newest_ns;
}

void clock_watch_init(struct clock_watch *watch, uint64_t step_s, struct clock_times now)
{
    *watch = (struct clock_watch){.step_ns = step_s * PS_NS_PER_S,
                                  .offset_ns = offset_of(now),
                                  .hour_ns = offset_of(now),
                                  .hour_began_ns = now.mono_ns,
                                  .trusted_ns = offset_of(now)};
}

void clock_watch_note(struct clock_watch *watch, uint64_t real_ns)
{
    if (real_ns > watch->newest_ns) {
        watch->newest_ns = real_ns;
    }
}

static enum clock_event trust(struct clock_watch *watch, struct clock_times now)
{
    watch->unsettled_until = 0;
    watch->trusted_ns = offset_of(now);
    watch->newest_ns = now.real_ns;
    return CLOCK_SETTLED;
}

static enum clock_event distrust(struct clock_watch *watch, struct clock_times now,
                                 enum clock_event why)
{
    const bool is_new = watch->unsettled_until == 0;

    watch->unsettled_until = now.mono_ns + SETTLE_NS;
    return is_new ? why : CLOCK_NOTHING;
}

/* Whoever moves it by less than a step each second gets nowhere by that either. */
static bool has_stepped(struct clock_watch *watch, struct clock_times now)
{
    const int64_t offset = offset_of(now);
    const bool stepped = !is_near(offset, watch->offset_ns, watch->step_ns) ||
                         !is_near(offset, watch->hour_ns, watch->step_ns);

    watch->offset_ns = offset;
    if (stepped || now.mono_ns - watch->hour_began_ns >= HOUR_NS) {
        watch->hour_ns = offset;
        watch->hour_began_ns = now.mono_ns;
    }
    return stepped;
}

enum clock_event clock_watch_look(struct clock_watch *watch, struct clock_times now)
{
    const int64_t offset = offset_of(now);
    const bool stepped = has_stepped(watch, now);
    const bool behind = is_behind(watch, now);

    if (watch->unsettled_until != 0 && !behind &&
        is_near(offset, watch->trusted_ns, watch->step_ns)) {
        return trust(watch, now);
    }
    if (stepped) {
        return distrust(watch, now, CLOCK_STEPPED);
    }
    if (watch->unsettled_until == 0 && behind) {
        return distrust(watch, now, CLOCK_BEHIND);
    }
    if (watch->unsettled_until != 0) {
        return now.mono_ns >= watch->unsettled_until ? trust(watch, now) : CLOCK_NOTHING;
    }
    /* Small corrections are followed. */
    watch->trusted_ns = offset;
    return CLOCK_NOTHING;
}

bool clock_watch_is_good(const struct clock_watch *watch, struct clock_times now)
{
    return watch->unsettled_until == 0 &&
           is_near(offset_of(now), watch->trusted_ns, watch->step_ns) && !is_behind(watch, now);
}
