#include "appliance/supervisor_internal.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"

#include <stdio.h>
#include <stdlib.h>

static void on_ready(void *context, struct child *child, struct ps_bytes status);
static void on_hung(void *context, const struct msg_hung *hung);
static void on_end(void *context, struct child *child);
static void on_restart(void *context);

static const struct child_events events = {
    .on_ready = on_ready, .on_hung = on_hung, .on_end = on_end};

static enum ps_err make_place(struct supervisor *supervisor, const struct child_spec *spec,
                              size_t token)
{
    struct place *place = &supervisor->places[supervisor->place_count];

    *place = (struct place){.supervisor = supervisor, .token = token};
    PS_TRY(
        child_new(supervisor->loop, spec, supervisor->program_fd, &events, place, &place->child));
    supervisor->place_count++;
    return ps_timer_new(supervisor->loop, on_restart, place, &place->restart);
}

static enum ps_err make_single(struct supervisor *supervisor, enum ipc_role role,
                               const struct role_user *user)
{
    const struct child_spec spec = {
        .id = {.role = role, .token = ""},
        .separate = supervisor->users.separate,
        .user = *user,
    };

    return make_place(supervisor, &spec, 0);
}

static enum ps_err make_tokens(struct supervisor *supervisor, size_t index)
{
    const struct config_token *token = &supervisor->config->tokens[index];

    for (uint32_t number = 0; number < token->processes; number++) {
        const struct child_spec spec = {
            .id = {.role = IPC_ROLE_TOKEN, .token = token->name, .number = number},
            .separate = supervisor->users.separate,
            .user = supervisor->users.tokens[index],
        };

        PS_TRY(make_place(supervisor, &spec, index));
    }
    return PS_OK;
}

enum ps_err places_make(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;
    size_t count = 3;

    for (size_t i = 0; i < config->token_count; i++) {
        count += config->tokens[i].processes;
    }
    supervisor->places = calloc(count, sizeof *supervisor->places);
    if (supervisor->places == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < config->token_count; i++) {
        PS_TRY(make_tokens(supervisor, i));
    }
    PS_TRY(make_single(supervisor, IPC_ROLE_KEEPER, &supervisor->users.keeper));
    PS_TRY(make_single(supervisor, IPC_ROLE_API_CLIENTS, &supervisor->users.clients));
    return make_single(supervisor, IPC_ROLE_API_MANAGEMENT, &supervisor->users.management);
}

void places_free(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->place_count; i++) {
        child_free(supervisor->places[i].child);
        ps_timer_free(supervisor->places[i].restart);
    }
    free(supervisor->places);
    supervisor->places = NULL;
    supervisor->place_count = 0;
}

/*
 * A pair that cannot be handed over leaves one side waiting for ever, so the peer that does not
 * take it is replaced, and gets its pair then.
 */
static void connect_place(struct supervisor *supervisor, struct place *place)
{
    for (size_t i = 0; i < supervisor->place_count; i++) {
        struct child *other = supervisor->places[i].child;

        if (!child_is_running(other) || !peers_are(child_id(place->child), child_id(other))) {
            continue;
        }
        if (peers_connect(place->child, other) != PS_OK) {
            ps_line(PS_ERROR, "roles_not_connected", PS_STR("role", child_label(place->child)),
                    PS_STR("peer", child_label(other)), PS_STR("reason", ps_detail()->text));
            child_kill(other);
        }
    }
}

static enum ps_err start_place(struct supervisor *supervisor, struct place *place)
{
    PS_TRY(child_start(place->child));
    PS_TRY(briefing_send_config(supervisor, place));
    connect_place(supervisor, place);
    return briefing_send_rest(supervisor, place);
}

static void schedule(struct place *place)
{
    ps_timer_set_in(place->restart, child_restart_wait_ns(place->child));
}

static void on_restart(void *context)
{
    struct place *place = context;
    struct supervisor *supervisor = place->supervisor;

    if (supervisor->stage != STAGE_RUNNING) {
        return;
    }
    if (start_place(supervisor, place) == PS_OK) {
        return;
    }
    ps_line(PS_ERROR, "role_not_started", PS_STR("role", child_label(place->child)),
            PS_STR("reason", ps_detail()->text));
    if (child_is_running(place->child)) {
        child_kill(place->child);
    } else {
        schedule(place);
    }
}

/* All processes are there before the first is told to start, so that each finds its peers. */
enum ps_err places_start_all(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->place_count; i++) {
        struct place *place = &supervisor->places[i];

        PS_TRY(child_start(place->child));
        PS_TRY(briefing_send_config(supervisor, place));
        connect_place(supervisor, place);
    }
    for (size_t i = 0; i < supervisor->place_count; i++) {
        PS_TRY(briefing_send_rest(supervisor, &supervisor->places[i]));
    }
    return PS_OK;
}

static bool all_ready(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->place_count; i++) {
        if (!child_is_ready(supervisor->places[i].child)) {
            return false;
        }
    }
    return true;
}

static void on_ready(void *context, struct child *child, struct ps_bytes status)
{
    struct place *place = context;
    struct supervisor *supervisor = place->supervisor;

    if (child_id(child)->role == IPC_ROLE_KEEPER) {
        (void)snprintf(supervisor->status, sizeof supervisor->status, "%.*s", PS_BYTES_FMT(status));
    }
    ps_line(PS_DEBUG, "role_ready", PS_STR("role", child_label(child)), PS_TEXT("status", status));
    if (supervisor->stage != STAGE_RUNNING) {
        return;
    }
    if (supervisor->is_up) {
        notify_status(supervisor->status);
        return;
    }
    if (all_ready(supervisor)) {
        supervisor->is_up = true;
        ps_line(PS_INFO, "ready", PS_STR("status", supervisor->status));
        notify_ready(supervisor->status);
    }
}

static void on_hung(void *context, const struct msg_hung *hung)
{
    const struct place *keeper = context;
    const struct supervisor *supervisor = keeper->supervisor;

    for (size_t i = 0; i < supervisor->place_count; i++) {
        struct child *child = supervisor->places[i].child;
        const struct role_id *id = child_id(child);

        if (id->role == IPC_ROLE_TOKEN && id->number == hung->number &&
            ps_bytes_equal_str(hung->token, id->token)) {
            ps_line(PS_WARNING, "role_hangs", PS_STR("role", child_label(child)));
            child_kill(child);
            return;
        }
    }
    ps_line(PS_WARNING, "unknown_role_hangs", PS_TEXT("token", hung->token),
            PS_NUM("number", hung->number));
}

static void on_end(void *context, struct child *child)
{
    struct place *place = context;

    (void)child;
    if (place->supervisor->stage == STAGE_RUNNING) {
        schedule(place);
    } else {
        stop_go_on(place->supervisor);
    }
}
