#include "appliance/supervisor_internal.h"

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

/* The listeners stay what they are, so the old ports decide who needs files. */
static enum ps_err load_tls(const struct config *old, const struct config *new,
                            struct tls_files ret_tls[LISTENER_OWNERS])
{
    struct config mixed = *new;

    mixed.clients.tls_port = old->clients.tls_port;
    mixed.management.tls_port = old->management.tls_port;
    return supervisor_load_tls(&mixed, ret_tls);
}

static enum ps_err load(struct supervisor *supervisor, struct config **ret_config,
                        struct tls_files ret_tls[LISTENER_OWNERS])
{
    PS_CLEANUP(config_free_cleanup) struct config *config = NULL;
    PS_BUF_AUTO errors;
    enum ps_err err;

    ps_buf_init(&errors, ERRORS_MAX);
    err = config_load(supervisor->config->path, &errors, &config);
    if (err == PS_OK) {
        err = config_check_machine(config, &errors);
    }
    log_lines(PS_ERROR, "reload_mistake", ps_buf_bytes(&errors));
    PS_TRY(err);
    PS_TRY(load_tls(supervisor->config, config, ret_tls));
    *ret_config = config;
    config = NULL;
    return PS_OK;
}

static void tell(struct supervisor *supervisor, struct place *place)
{
    const enum ipc_role role = child_id(place->child)->role;
    const struct msg_log_level level = {
        .level = (uint8_t)supervisor->config->appliance.log_level,
    };
    enum ps_err err = child_send(place->child, &msg_log_level_info, &level);

    if (err == PS_OK && (role == IPC_ROLE_API_CLIENTS || role == IPC_ROLE_API_MANAGEMENT)) {
        err = briefing_send_tls(supervisor, place);
    }
    if (err != PS_OK) {
        ps_line(PS_WARNING, "reload_not_told", PS_STR("role", child_label(place->child)),
                PS_STR("reason", ps_detail()->text));
    }
}

static void take_over(struct supervisor *supervisor, struct config *config,
                      struct tls_files tls[LISTENER_OWNERS])
{
    log_changes(supervisor->config, config);
    config_swap_reloadable(supervisor->config, config);
    for (size_t i = 0; i < LISTENER_OWNERS; i++) {
        tls_files_clear(&supervisor->tls[i]);
        supervisor->tls[i] = tls[i];
    }
    ps_line_init("supervisor", (enum ps_level)supervisor->config->appliance.log_level);
    for (size_t i = 0; i < supervisor->place_count; i++) {
        if (child_is_running(supervisor->places[i].child)) {
            tell(supervisor, &supervisor->places[i]);
        }
    }
}

void reload_config(struct supervisor *supervisor)
{
    PS_CLEANUP(config_free_cleanup) struct config *config = NULL;
    struct tls_files tls[LISTENER_OWNERS];

    if (supervisor->is_up) {
        notify_reloading();
    }
    if (load(supervisor, &config, tls) == PS_OK) {
        take_over(supervisor, config, tls);
        ps_line_write(PS_INFO, "reloaded", NULL, 0);
    } else {
        ps_line(PS_ERROR, "reload_refused", PS_STR("reason", ps_detail()->text),
                PS_STR("remedy", "all goes on as before; correct the file and reload again"));
    }
    if (supervisor->is_up) {
        notify_ready(supervisor->status);
    }
}
