#include "appliance/supervisor/internal.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"

static enum stage stage_of(const struct role_id *id)
{
    switch (id->role) {
    case IPC_ROLE_API_CLIENTS:
    case IPC_ROLE_API_MANAGEMENT:
        return STAGE_APIS;
    case IPC_ROLE_KEEPER:
        return STAGE_KEEPER;
    case IPC_ROLE_TOKEN:
        return STAGE_TOKENS;
    case IPC_ROLE_NONE:
        break;
    }
    return STAGE_OVER;
}

static size_t count_running(const struct supervisor *supervisor, enum stage stage)
{
    size_t count = 0;

    for (size_t i = 0; i < supervisor->place_count; i++) {
        const struct child *child = supervisor->places[i].child;

        if (child_is_running(child) && stage_of(child_id(child)) == stage) {
            count++;
        }
    }
    return count;
}

static void ask_to_stop(struct supervisor *supervisor)
{
    const uint64_t within_ms = supervisor->config->appliance.stop_deadline_ms;
    const struct msg_stop message = {.within_ms = (uint32_t)within_ms};

    for (size_t i = 0; i < supervisor->place_count; i++) {
        struct child *child = supervisor->places[i].child;

        if (child_is_running(child) && stage_of(child_id(child)) == supervisor->stage &&
            child_send(child, &msg_stop_info, &message) != PS_OK) {
            child_kill(child);
        }
    }
    ps_timer_set_in(supervisor->stage_timer, within_ms * PS_NS_PER_MS);
}

void stop_go_on(struct supervisor *supervisor)
{
    while (supervisor->stage != STAGE_OVER && count_running(supervisor, supervisor->stage) == 0) {
        supervisor->stage++;
        if (supervisor->stage != STAGE_OVER && count_running(supervisor, supervisor->stage) != 0) {
            ask_to_stop(supervisor);
        }
    }
    if (supervisor->stage == STAGE_OVER) {
        ps_loop_stop(supervisor->loop);
    }
}

void stop_kill_stage(void *context)
{
    struct supervisor *supervisor = context;

    for (size_t i = 0; i < supervisor->place_count; i++) {
        struct child *child = supervisor->places[i].child;

        if (child_is_running(child) && stage_of(child_id(child)) == supervisor->stage) {
            ps_line(PS_WARNING, "role_killed", PS_STR("role", child_label(child)),
                    PS_STR("reason", "it did not finish within stop_deadline_ms"));
            child_kill(child);
        }
    }
}

void stop_begin(struct supervisor *supervisor)
{
    if (supervisor->stage != STAGE_RUNNING) {
        /* Asked a second time: what is left does not get the rest of its deadline. */
        stop_kill_stage(supervisor);
        return;
    }
    ps_line_write(PS_INFO, "stopping", NULL, 0);
    notify_stopping();
    for (size_t i = 0; i < supervisor->place_count; i++) {
        ps_timer_unset(supervisor->places[i].restart);
    }
    stop_go_on(supervisor);
}
