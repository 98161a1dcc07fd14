#include "fault.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define HANG_STEP_NS 1000000U
#define LEAD_MAX_NS  50000U
#define LEAD_STEP_NS 500U

void fault_sleep_until(uint64_t deadline_ns)
{
    /* The kernel's default slack of 50 us would be a part of a 2 ms latency that counts. */
    static _Thread_local bool exact;
    if (!exact) {
        prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
        exact = true;
    }
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000U),
                                .tv_nsec = (long)(deadline_ns % 1000000000U)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) != 0)
        continue;
}

/*
 * A thread wakes some 20 us after it asked to, 1 % of a latency of 2 ms. The lead stays near the
 * least of the delays seen: each longer one moves it up a step, each shorter one pulls it down.
 * Who then wakes too early spins for the rest, so that no call is faster than its latency.
 */
void fault_sleep_exactly(uint64_t deadline_ns)
{
    static _Thread_local uint64_t lead_ns;
    uint64_t asked = deadline_ns - lead_ns;
    if (control_now_ns() >= asked)
        return;
    fault_sleep_until(asked);
    uint64_t woke = control_now_ns();
    uint64_t late = woke - asked;
    while (woke < deadline_ns)
        woke = control_now_ns();
    if (late < lead_ns)
        lead_ns = late;
    else if (lead_ns < LEAD_MAX_NS)
        lead_ns += LEAD_STEP_NS;
}

void fault_crash(const struct fault *fault)
{
    signal(fault->crash_signal, SIG_DFL);
    raise(fault->crash_signal);
    _exit(128 + fault->crash_signal);
}

static bool template_names(const struct fault_site *site, uint64_t attribute)
{
    if (attribute == FAKE_ANY)
        return true;
    for (CK_ULONG i = 0; site->templ && i < site->count; i++)
        if (site->templ[i].type == attribute)
            return true;
    return false;
}

static bool selects(uint64_t wanted, uint64_t value)
{
    return wanted == FAKE_ANY || wanted == value;
}

/* Whether a rule is about a call and takes it; this counts. */
static bool rule_takes(struct fake_rule *rule, const struct call *call,
                       const struct fault_site *site)
{
    if (!selects(atomic_load(&rule->function), call->function) ||
        !selects(atomic_load(&rule->token), call->token) ||
        !selects(atomic_load(&rule->mechanism), site->mechanism) ||
        !template_names(site, atomic_load(&rule->attribute)))
        return false;
    uint64_t until = atomic_load(&rule->until_ns);
    if (until != 0 && control_now_ns() >= until)
        return false;
    uint64_t earlier = atomic_fetch_add(&rule->matched, 1);
    uint64_t after = atomic_load(&rule->after);
    uint64_t times = atomic_load(&rule->times);
    if (earlier < after || (times != 0 && earlier - after >= times))
        return false;
    atomic_fetch_add(&rule->applied, 1);
    return true;
}

static void hang(struct fake_rule *rule, uint64_t id)
{
    uint64_t until = atomic_load(&rule->until_ns);
    atomic_fetch_add(&rule->waiting, 1);
    while (atomic_load(&rule->id) == id && (until == 0 || control_now_ns() < until))
        fault_sleep_until(control_now_ns() + HANG_STEP_NS);
    atomic_fetch_sub(&rule->waiting, 1);
}

static uint64_t time_left(const struct fake_rule *rule)
{
    uint64_t until = atomic_load(&rule->until_ns);
    uint64_t now = control_now_ns();
    return until > now ? until - now : 0;
}

static void act_on_tokens(struct call *call, const struct fake_rule *rule)
{
    if (call->token == FAKE_NO_TOKEN)
        return;
    control_act(call->control, call->token, rule, time_left(rule));
}

static void collect(struct fault *fault, const struct fake_rule *rule, enum fake_action action)
{
    uint64_t argument = atomic_load(&rule->argument);
    if (action == FAKE_RV) {
        fault->rv = argument;
    } else if (action == FAKE_RV_AFTER) {
        fault->rv_after = argument;
    } else if (action == FAKE_CRASH_HALF || action == FAKE_CRASH_AFTER) {
        fault->crash = action;
        fault->crash_signal = (int)argument;
    } else {
        fault->answer = action;
        fault->argument = argument;
        fault->attribute = atomic_load(&rule->attribute);
    }
}

static void apply(struct call *call, struct fake_rule *rule, uint64_t id)
{
    enum fake_action action = (enum fake_action)atomic_load(&rule->action);
    uint64_t argument = atomic_load(&rule->argument);
    if (action == FAKE_DELAY)
        fault_sleep_until(control_now_ns() + argument * 1000000U);
    else if (action == FAKE_HANG)
        hang(rule, id);
    else if (action == FAKE_CRASH)
        fault_crash(&(struct fault){.crash_signal = (int)argument});
    else if (action >= FAKE_LOSE_SESSIONS)
        act_on_tokens(call, rule);
    else
        collect(&call->fault, rule, action);
}

void fault_meet(struct call *call, const struct fault_site *site)
{
    struct fake_control *control = call->control;
    if (atomic_load(&control->rule_count) == 0)
        return;
    for (size_t i = 0; i < FAKE_RULES; i++) {
        struct fake_rule *rule = &control->rules[i];
        uint64_t id = atomic_load(&rule->id);
        if (id != 0 && id != UINT64_MAX && rule_takes(rule, call, site))
            apply(call, rule, id);
    }
}

/* An output of zero octets has no bit to flip. */
static void spoil_octets(struct call *call)
{
    CK_ULONG length = *call->output_length;
    if (!call->output || length == 0)
        return;
    if (call->fault.answer == FAKE_WRONG_SIGNATURE)
        call->output[length / 2] ^= 1;
    else if (call->fault.answer == FAKE_ZEROS)
        memset(call->output, 0, length);
}

CK_RV fault_answer(struct call *call, CK_RV rv)
{
    const struct fault *fault = &call->fault;
    if (rv == CKR_OK && call->output_length) {
        spoil_octets(call);
        if (fault->answer == FAKE_LENGTH)
            *call->output_length = fault->argument;
        else if (fault->answer == FAKE_TRUNCATE)
            *call->output_length /= 2;
    }
    if (fault->crash != FAKE_NOTHING)
        fault_crash(fault);
    return fault->rv_after != CKR_OK ? fault->rv_after : rv;
}
