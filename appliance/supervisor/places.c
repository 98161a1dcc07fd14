#include "appliance/supervisor/internal.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "lib/system/file.h"

#include <stdlib.h>

static void on_ready(void *context, struct child *child, struct ps_bytes status);
static void on_hung(void *context, const struct msg_hung *hung);
static void on_pins(void *context, const struct msg_pins *pins);
static void on_pin_keep(void *context, const struct msg_pin_keep *keep);
static void on_end(void *context, struct child *child);
static void on_restart(void *context);

static const struct child_events events = {.on_ready = on_ready,
                                           .on_hung = on_hung,
                                           .on_pins = on_pins,
                                           .on_pin_keep = on_pin_keep,
                                           .on_end = on_end};

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

static void replace(struct child *child, const char *what)
{
    ps_line(PS_ERROR, "role_not_briefed", PS_STR("role", child_label(child)), PS_STR("what", what),
            PS_STR("reason", ps_detail()->text));
    child_kill(child);
}

/*
 * A pair of which one end was not taken leaves the other side waiting for ever, so who does not
 * take its end is replaced, and gets its pair then.
 */
static void connect_place(struct supervisor *supervisor, struct place *place)
{
    for (size_t i = 0; i < supervisor->place_count; i++) {
        const struct place *other = &supervisor->places[i];
        struct child *failed = NULL;

        if (!child_is_running(other->child) ||
            !peers_are(child_id(place->child), child_id(other->child)) ||
            peers_connect(place, other, &failed) == PS_OK) {
            continue;
        }
        replace(failed, "peer");
        if (failed == place->child) {
            return;
        }
    }
}

/*
 * Which module may be in the process is settled before there is one, and not asked of it. The loop
 * waits meanwhile: 1 ms for SoftHSM's file (0.9 MB) and 10 ms for each 10 MB of a vendor's, or 26
 * ms where the processor has no instructions for SHA.
 */
static enum ps_err hash_module(const struct supervisor *supervisor, struct place *place)
{
    return child_id(place->child)->role == IPC_ROLE_TOKEN
               ? file_hash(supervisor->config->tokens[place->token].module, place->module_hash)
               : PS_OK;
}

/* Once the process is there, what fails is its own matter: it is replaced like one that ends. */
static enum ps_err begin_place(struct supervisor *supervisor, struct place *place)
{
    PS_TRY(hash_module(supervisor, place));
    PS_TRY(child_start(place->child));
    if (briefing_send_config(supervisor, place) != PS_OK) {
        replace(place->child, "configuration");
        return PS_OK;
    }
    connect_place(supervisor, place);
    return PS_OK;
}

static void finish_place(struct supervisor *supervisor, struct place *place)
{
    if (briefing_send_rest(supervisor, place) != PS_OK) {
        replace(place->child, "start");
    }
}

static void schedule(struct place *place)
{
    ps_timer_set_in(place->restart, child_restart_wait_ns(place->child));
}

static void try_later(struct place *place)
{
    ps_line(PS_ERROR, "role_not_started", PS_STR("role", child_label(place->child)),
            PS_STR("reason", ps_detail()->text));
    schedule(place);
}

static void on_restart(void *context)
{
    struct place *place = context;
    struct supervisor *supervisor = place->supervisor;

    if (supervisor->stage != STAGE_RUNNING) {
        return;
    }
    if (begin_place(supervisor, place) == PS_OK) {
        finish_place(supervisor, place);
    } else {
        try_later(place);
    }
}

/* All processes are there before the first is told to start, so that each finds its peers. */
void places_start_all(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->place_count; i++) {
        if (begin_place(supervisor, &supervisor->places[i]) != PS_OK) {
            try_later(&supervisor->places[i]);
        }
    }
    for (size_t i = 0; i < supervisor->place_count; i++) {
        if (child_is_running(supervisor->places[i].child)) {
            finish_place(supervisor, &supervisor->places[i]);
        }
    }
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

/* One line for the service manager, to whom a second one would be another message. */
static void take_status(struct supervisor *supervisor, struct ps_bytes status)
{
    size_t len = 0;

    while (len < status.len && len < sizeof supervisor->status - 1) {
        const uint8_t octet = status.data[len];

        supervisor->status[len++] = '?';
        if (octet >= 0x20 && octet <= 0x7e) {
            memcpy(&supervisor->status[len - 1], &octet, 1);
        }
    }
    supervisor->status[len] = '\0';
    if (supervisor->is_up && supervisor->stage == STAGE_RUNNING) {
        notify_status(supervisor->status);
    }
}

static void on_ready(void *context, struct child *child, struct ps_bytes status)
{
    struct place *place = context;
    struct supervisor *supervisor = place->supervisor;

    if (child_id(child)->role == IPC_ROLE_KEEPER) {
        take_status(supervisor, status);
    }
    ps_line(PS_DEBUG, "role_ready", PS_STR("role", child_label(child)), PS_TEXT("status", status));
    if (supervisor->stage != STAGE_RUNNING) {
        return;
    }
    if (!supervisor->is_up && all_ready(supervisor)) {
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

/* A locked appliance has no PIN in memory; when it is unlocked they come from their files again. */
static void on_pins(void *context, const struct msg_pins *pins)
{
    struct place *keeper = context;
    struct supervisor *supervisor = keeper->supervisor;
    enum ps_err err = PS_OK;

    pins_clear(&supervisor->pins);
    if (pins->are_wanted == 0) {
        ps_line_write(PS_INFO, "pins_forgotten", NULL, 0);
        return;
    }
    err = pins_load(supervisor->config, &supervisor->pins);
    if (err == PS_OK) {
        err = briefing_send_pins(supervisor, keeper);
    }
    if (err != PS_OK) {
        ps_line(PS_ERROR, "pins_not_read", PS_STR("detail", ps_detail()->text),
                PS_STR("remedy", "mend the file or credential, then restart the service"));
    }
}

static void on_pin_keep(void *context, const struct msg_pin_keep *keep)
{
    const struct place *keeper = context;
    struct supervisor *supervisor = keeper->supervisor;

    for (size_t i = 0; i < supervisor->config->token_count; i++) {
        if (!ps_bytes_equal_str(keep->token, supervisor->config->tokens[i].name)) {
            continue;
        }
        if (pins_keep(&supervisor->pins, i, keep->pin) == PS_OK) {
            ps_line(PS_INFO, "pin_kept", PS_TEXT("token", keep->token));
        } else {
            ps_line(PS_ERROR, "pin_not_kept", PS_TEXT("token", keep->token),
                    PS_STR("detail", ps_detail()->text));
        }
        return;
    }
    ps_line(PS_WARNING, "pin_of_unknown_token", PS_TEXT("token", keep->token));
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
