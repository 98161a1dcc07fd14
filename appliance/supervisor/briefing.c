#include "appliance/supervisor/internal.h"

static const struct config_listener *listener_of(const struct config *config, enum ipc_role role)
{
    return role == IPC_ROLE_API_CLIENTS ? &config->clients : &config->management;
}

static size_t owner_of(enum ipc_role role)
{
    return role == IPC_ROLE_API_CLIENTS ? LISTENER_OF_CLIENTS : LISTENER_OF_MANAGEMENT;
}

static enum ps_err brief_api(struct supervisor *supervisor, struct child *child)
{
    const enum ipc_role role = child_id(child)->role;
    const struct config_listener *listener = listener_of(supervisor->config, role);
    const struct msg_api_config message = {
        .role = (uint8_t)role,
        .header_deadline_ms = (uint32_t)listener->header_deadline_ms,
        .body_deadline_ms = (uint32_t)listener->body_deadline_ms,
        .idle_deadline_ms = (uint32_t)listener->idle_deadline_ms,
        .connections = (uint32_t)listener->connections,
        .connections_per_caller = (uint32_t)listener->connections_per_caller,
        .requests_in_flight = (uint32_t)listener->requests_in_flight,
        .log_level = (uint8_t)supervisor->config->appliance.log_level,
    };

    return child_send(child, &msg_api_config_info, &message);
}

/* The keeper has one deadline for calls: that of its slowest token. */
static uint32_t longest_call_ms(const struct config *config)
{
    uint64_t longest = 0;

    for (size_t i = 0; i < config->token_count; i++) {
        if (config->tokens[i].call_timeout_ms > longest) {
            longest = config->tokens[i].call_timeout_ms;
        }
    }
    return (uint32_t)longest;
}

static void put_uids(const uint32_t *uids, size_t count, struct ps_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        ps_buf_put_u32(out, uids[i]);
    }
}

static enum ps_err brief_keeper(struct supervisor *supervisor, struct child *child)
{
    const struct config *config = supervisor->config;
    const struct config_uids *administrators = &config->administrators.uids;
    uint32_t own[CONFIG_TOKENS_MAX + 3];
    PS_BUF_AUTO administrator_uids;
    PS_BUF_AUTO own_uids;
    uint8_t security[PS_SHA256_LEN];
    struct msg_keeper_config message = {0};

    ps_buf_init(&administrator_uids, 4 * CONFIG_UIDS_MAX);
    ps_buf_init(&own_uids, sizeof own);
    put_uids(administrators->ids, administrators->count, &administrator_uids);
    put_uids(own, users_list_uids(&supervisor->users, config->token_count, own), &own_uids);
    PS_TRY(ps_buf_status(&administrator_uids));
    PS_TRY(ps_buf_status(&own_uids));
    PS_TRY(config_hash_security(config, security));
    message = (struct msg_keeper_config){
        .data_directory = ps_bytes_str(config->appliance.data),
        .origin = ps_bytes_str(config->appliance.origin),
        .practice = config->appliance.practice,
        .request_timeout_ms = (uint32_t)config->appliance.request_timeout_ms,
        .token_timeout_ms = longest_call_ms(config),
        .queue_max = (uint32_t)config->appliance.queue_max,
        .keys_in_memory = (uint32_t)config->appliance.keys_in_memory,
        .disk_reserve_mb = (uint32_t)config->log.disk_reserve_mb,
        .witnesses = ps_bytes_str(config->log.witness),
        .witnesses_needed = (uint32_t)config->log.witnesses_needed,
        .shard_leaves = config->log.shard_leaves,
        .snapshot_leaves = (uint32_t)config->log.snapshot_leaves,
        .witness_late_s = config->log.witness_late_s,
        .clock_step_s = config->log.clock_step_s,
        .backup_directory = ps_bytes_str(config->backup.directory),
        .backup_period_s = config->backup.period_s,
        .backup_keep = (uint32_t)config->backup.keep,
        .drill_period_s = config->backup.drill_period_s,
        .mirror = ps_bytes_str(config->backup.mirror),
        .administrators = ps_buf_bytes(&administrator_uids),
        .refused_uids = ps_buf_bytes(&own_uids),
        .hashes = ps_buf_bytes(&supervisor->hashes),
        .configuration = ps_bytes(security, sizeof security),
        .log_level = (uint8_t)config->appliance.log_level,
    };
    return child_send(child, &msg_keeper_config_info, &message);
}

static enum ps_err brief_token(struct supervisor *supervisor, struct place *place)
{
    const struct config_token *token = &supervisor->config->tokens[place->token];
    const struct msg_token_config message = {
        .token = ps_bytes_str(token->name),
        .number = child_id(place->child)->number,
        .processes = (uint32_t)token->processes,
        .module = ps_bytes_str(token->module),
        .uri = ps_bytes_str(token->uri),
        .profile = ps_buf_bytes(&supervisor->profiles[place->token]),
        .sessions = (uint32_t)token->sessions,
        .call_timeout_ms = (uint32_t)token->call_timeout_ms,
        .sync_directory = ps_bytes_str(token->store),
        .readable = ps_bytes_str(token->readable),
        .writable = ps_bytes_str(token->writable),
        .environment = ps_bytes_str(token->environment),
        .log_level = (uint8_t)supervisor->config->appliance.log_level,
        .network = token->network,
        .system_calls = ps_bytes_str(token->system_calls),
        .cache_keys = (uint32_t)token->cache_keys,
        .module_hash = ps_bytes(place->module_hash, sizeof place->module_hash),
    };

    return child_send(place->child, &msg_token_config_info, &message);
}

enum ps_err briefing_send_config(struct supervisor *supervisor, struct place *place)
{
    switch (child_id(place->child)->role) {
    case IPC_ROLE_API_CLIENTS:
    case IPC_ROLE_API_MANAGEMENT:
        return brief_api(supervisor, place->child);
    case IPC_ROLE_KEEPER:
        return brief_keeper(supervisor, place->child);
    case IPC_ROLE_TOKEN:
        return brief_token(supervisor, place);
    case IPC_ROLE_NONE:
        break;
    }
    return ps_fail(PS_E_INTERNAL, 0, "a place without a role");
}

static enum ps_err send_listener(struct child *child, const struct listener *listener)
{
    const struct msg_listener message = {
        .kind = (uint8_t)listener->kind,
        .address = ps_bytes_str(listener->address),
    };

    return listener->fd < 0 ? PS_OK
                            : child_send_fd(child, &msg_listener_info, &message, listener->fd);
}

static enum ps_err send_listeners(struct supervisor *supervisor, struct child *child)
{
    const struct listener *listeners = supervisor->listeners.of[owner_of(child_id(child)->role)];

    for (size_t i = 0; i < LISTENER_PLACES; i++) {
        PS_TRY(send_listener(child, &listeners[i]));
    }
    return PS_OK;
}

enum ps_err briefing_send_tls_port(struct supervisor *supervisor, struct place *place)
{
    const size_t owner = owner_of(child_id(place->child)->role);

    return send_listener(place->child, &supervisor->listeners.of[owner][LISTENER_PLACE_TLS]);
}

enum ps_err briefing_send_tls(struct supervisor *supervisor, struct place *place)
{
    const struct tls_files *files = &supervisor->tls[owner_of(child_id(place->child)->role)];
    struct msg_tls message = {0};

    if (files->key == NULL) {
        return PS_OK;
    }
    message = (struct msg_tls){
        .certificate = ps_buf_bytes(&files->certificate),
        .key = ps_secret_bytes(files->key),
        .client_ca = ps_buf_bytes(&files->client_ca),
    };
    return child_send(place->child, &msg_tls_info, &message);
}

enum ps_err briefing_send_tls_ends(struct supervisor *supervisor, struct place *keeper)
{
    const struct msg_tls_ends message = {
        .clients_s = supervisor->tls[LISTENER_OF_CLIENTS].not_after_s,
        .management_s = supervisor->tls[LISTENER_OF_MANAGEMENT].not_after_s,
    };

    return child_send(keeper->child, &msg_tls_ends_info, &message);
}

static enum ps_err send_pin(struct child *keeper, const struct ps_secret *pin,
                            const struct msg_pin *about)
{
    struct msg_pin message = *about;

    message.pin = pin == NULL ? ps_bytes(NULL, 0) : ps_secret_bytes(pin);
    return child_send(keeper, &msg_pin_info, &message);
}

/* The absence of a user PIN is told too: officers have to release it. */
enum ps_err briefing_send_pins(struct supervisor *supervisor, struct place *place)
{
    const struct pins *pins = &supervisor->pins;

    for (size_t i = 0; i < supervisor->config->token_count; i++) {
        const struct config_token *token = &supervisor->config->tokens[i];
        struct msg_pin about = {.token = ps_bytes_str(token->name),
                                .is_attended = token->attended,
                                .is_kept = pins->is_kept[i]};

        PS_TRY(send_pin(place->child, pins->user[i], &about));
        if (pins->so[i] != NULL) {
            about.is_so = 1;
            PS_TRY(send_pin(place->child, pins->so[i], &about));
        }
    }
    return PS_OK;
}

static enum ps_err send_console(struct supervisor *supervisor, struct child *keeper)
{
    const struct listener *console = &supervisor->listeners.console;
    const struct msg_listener message = {.kind = (uint8_t)console->kind,
                                         .address = ps_bytes_str(console->address)};

    return console->fd < 0 ? PS_OK
                           : child_send_fd(keeper, &msg_listener_info, &message, console->fd);
}

enum ps_err briefing_send_rest(struct supervisor *supervisor, struct place *place)
{
    const enum ipc_role role = child_id(place->child)->role;
    const struct msg_start start = {.unused = 0};

    if (role == IPC_ROLE_API_CLIENTS || role == IPC_ROLE_API_MANAGEMENT) {
        PS_TRY(send_listeners(supervisor, place->child));
        PS_TRY(briefing_send_tls(supervisor, place));
    }
    if (role == IPC_ROLE_KEEPER) {
        PS_TRY(send_console(supervisor, place->child));
        PS_TRY(briefing_send_tls_ends(supervisor, place));
        PS_TRY(briefing_send_pins(supervisor, place));
    }
    return child_send(place->child, &msg_start_info, &start);
}
