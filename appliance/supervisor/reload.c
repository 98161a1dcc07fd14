#include "appliance/supervisor/internal.h"

#include "lib/base/line.h"

#define ERRORS_MAX (64u * 1024u)

/* One log line per line of text. */
static void log_lines(enum ps_level level, const char *event, struct ps_bytes text)
{
    while (text.len != 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.data);

        ps_line(level, event, PS_TEXT("what", ps_bytes(text.data, len)));
        text = ps_bytes_from(text, len + 1);
    }
}

static void log_changes(const struct config *old, const struct config *new)
{
    PS_BUF_AUTO later;
    PS_BUF_AUTO now;

    ps_buf_init(&later, ERRORS_MAX);
    ps_buf_init(&now, ERRORS_MAX);
    config_put_changes(old, new, false, &later);
    config_put_changes(old, new, true, &now);
    log_lines(PS_WARNING, "reload_needs_new_start", ps_buf_bytes(&later));
    log_lines(PS_INFO, "reload_changed", ps_buf_bytes(&now));
}

/* What a reload takes over, all of it or nothing. */
struct reload {
    struct config *config;
    struct tls_files tls[LISTENER_OWNERS];
    struct listeners_added added;
};

static struct config_listener *listener_of(struct config *config, size_t owner)
{
    return owner == LISTENER_OF_CLIENTS ? &config->clients : &config->management;
}

/* A listener that is open stays what it is, so its old port decides whether it needs files. */
static enum ps_err load_tls(const struct config *old, const struct config *new,
                            struct tls_files ret_tls[LISTENER_OWNERS])
{
    struct config mixed = *new;

    mixed.clients.tls_port =
        old->clients.tls_port != 0 ? old->clients.tls_port : new->clients.tls_port;
    mixed.management.tls_port =
        old->management.tls_port != 0 ? old->management.tls_port : new->management.tls_port;
    return supervisor_load_tls(&mixed, ret_tls);
}

/* Ports are opened last, since all else can still be refused without a trace. */
static enum ps_err take_files(struct supervisor *supervisor, struct reload *reload)
{
    enum ps_err err;

    PS_TRY(load_tls(supervisor->config, reload->config, reload->tls));
    err = listeners_add_tls(reload->config, &supervisor->listeners, &reload->added);
    for (size_t i = 0; err != PS_OK && i < LISTENER_OWNERS; i++) {
        tls_files_clear(&reload->tls[i]);
    }
    return err;
}

static enum ps_err load(struct supervisor *supervisor, struct reload *reload)
{
    PS_BUF_AUTO errors;
    enum ps_err err;

    ps_buf_init(&errors, ERRORS_MAX);
    err = config_load(supervisor->config->path, &errors, &reload->config);
    if (err == PS_OK) {
        err = config_check_machine(reload->config, &errors);
    }
    log_lines(PS_ERROR, "reload_mistake", ps_buf_bytes(&errors));
    PS_TRY(err);
    return take_files(supervisor, reload);
}

static enum ps_err tell_api(struct supervisor *supervisor, struct place *place,
                            const struct listeners_added *added)
{
    const size_t owner = child_id(place->child)->role == IPC_ROLE_API_CLIENTS
                             ? LISTENER_OF_CLIENTS
                             : LISTENER_OF_MANAGEMENT;

    PS_TRY(briefing_send_tls(supervisor, place));
    return added->tls[owner] ? briefing_send_tls_port(supervisor, place) : PS_OK;
}

static void tell(struct supervisor *supervisor, struct place *place,
                 const struct listeners_added *added)
{
    const enum ipc_role role = child_id(place->child)->role;
    const struct msg_log_level level = {
        .level = (uint8_t)supervisor->config->appliance.log_level,
    };
    enum ps_err err = child_send(place->child, &msg_log_level_info, &level);

    if (err == PS_OK && (role == IPC_ROLE_API_CLIENTS || role == IPC_ROLE_API_MANAGEMENT)) {
        err = tell_api(supervisor, place, added);
    }
    if (err == PS_OK && role == IPC_ROLE_KEEPER) {
        err = briefing_send_tls_ends(supervisor, place);
    }
    if (err != PS_OK) {
        ps_line(PS_WARNING, "reload_not_told", PS_STR("role", child_label(place->child)),
                PS_STR("reason", ps_detail()->text));
    }
}

/* The configuration in force names the port, as if it had been there from the start. */
static void adopt_port(struct config_listener *now, struct config_listener *new,
                       const struct listener *listener)
{
    char *address = now->tls_address;

    now->tls_address = new->tls_address;
    new->tls_address = address;
    now->tls_port = new->tls_port;
    ps_line(PS_INFO, "listener_opened", PS_STR("address", listener->address));
}

static void take_over(struct supervisor *supervisor, struct reload *reload)
{
    for (size_t i = 0; i < LISTENER_OWNERS; i++) {
        if (reload->added.tls[i]) {
            adopt_port(listener_of(supervisor->config, i), listener_of(reload->config, i),
                       &supervisor->listeners.of[i][LISTENER_PLACE_TLS]);
        }
    }
    log_changes(supervisor->config, reload->config);
    config_swap_reloadable(supervisor->config, reload->config);
    for (size_t i = 0; i < LISTENER_OWNERS; i++) {
        tls_files_clear(&supervisor->tls[i]);
        supervisor->tls[i] = reload->tls[i];
    }
    ps_line_init("supervisor", (enum ps_level)supervisor->config->appliance.log_level);
    for (size_t i = 0; i < supervisor->place_count; i++) {
        if (child_is_running(supervisor->places[i].child)) {
            tell(supervisor, &supervisor->places[i], &reload->added);
        }
    }
}

void reload_config(struct supervisor *supervisor)
{
    struct reload reload = {.config = NULL};

    if (supervisor->is_up) {
        notify_reloading();
    }
    if (load(supervisor, &reload) == PS_OK) {
        take_over(supervisor, &reload);
        ps_line_write(PS_INFO, "reloaded", NULL, 0);
    } else {
        ps_line(PS_ERROR, "reload_refused", PS_STR("reason", ps_detail()->text),
                PS_STR("remedy", "all goes on as before; correct the file and reload again"));
    }
    if (supervisor->is_up) {
        notify_ready(supervisor->status);
    }
    config_free(reload.config);
}
