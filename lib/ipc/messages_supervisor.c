#include "lib/ipc/messages_supervisor.h"

static const struct ipc_field msg_api_config_fields[] = {
    IPC_FIELD_U8(struct msg_api_config, role),
    IPC_FIELD_U32(struct msg_api_config, header_deadline_ms),
    IPC_FIELD_U32(struct msg_api_config, body_deadline_ms),
    IPC_FIELD_U32(struct msg_api_config, idle_deadline_ms),
    IPC_FIELD_U32(struct msg_api_config, connections),
    IPC_FIELD_U32(struct msg_api_config, connections_per_caller),
    IPC_FIELD_U32(struct msg_api_config, requests_in_flight),
    IPC_FIELD_U8(struct msg_api_config, log_level),
};

static const struct ipc_field msg_keeper_config_fields[] = {
    IPC_FIELD_BYTES(struct msg_keeper_config, data_directory, 4096),
    IPC_FIELD_BYTES(struct msg_keeper_config, origin, 128),
    IPC_FIELD_U8(struct msg_keeper_config, practice),
    IPC_FIELD_U32(struct msg_keeper_config, request_timeout_ms),
    IPC_FIELD_U32(struct msg_keeper_config, token_timeout_ms),
    IPC_FIELD_U32(struct msg_keeper_config, queue_max),
    IPC_FIELD_U32(struct msg_keeper_config, keys_in_memory),
    IPC_FIELD_U32(struct msg_keeper_config, disk_reserve_mb),
    IPC_FIELD_BYTES(struct msg_keeper_config, witnesses, 16 * 1024),
    IPC_FIELD_U32(struct msg_keeper_config, witnesses_needed),
    IPC_FIELD_U64(struct msg_keeper_config, shard_leaves),
    IPC_FIELD_U32(struct msg_keeper_config, snapshot_leaves),
    IPC_FIELD_U64(struct msg_keeper_config, witness_late_s),
    IPC_FIELD_U64(struct msg_keeper_config, clock_step_s),
    IPC_FIELD_BYTES(struct msg_keeper_config, backup_directory, 4096),
    IPC_FIELD_U64(struct msg_keeper_config, backup_period_s),
    IPC_FIELD_U32(struct msg_keeper_config, backup_keep),
    IPC_FIELD_U64(struct msg_keeper_config, drill_period_s),
    IPC_FIELD_BYTES(struct msg_keeper_config, mirror, 4096),
    IPC_FIELD_BYTES(struct msg_keeper_config, administrators, 256),
    IPC_FIELD_BYTES(struct msg_keeper_config, refused_uids, 256),
    IPC_FIELD_BYTES(struct msg_keeper_config, hashes, 16 * 1024),
    IPC_FIELD_BYTES(struct msg_keeper_config, configuration, 32),
    IPC_FIELD_U8(struct msg_keeper_config, log_level),
};

static const struct ipc_field msg_token_config_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_config, token, IPC_NAME_MAX),
    IPC_FIELD_U32(struct msg_token_config, number),
    IPC_FIELD_U32(struct msg_token_config, processes),
    IPC_FIELD_BYTES(struct msg_token_config, module, 4096),
    IPC_FIELD_BYTES(struct msg_token_config, uri, 1024),
    IPC_FIELD_BYTES(struct msg_token_config, profile, 64 * 1024),
    IPC_FIELD_U32(struct msg_token_config, sessions),
    IPC_FIELD_U32(struct msg_token_config, call_timeout_ms),
    IPC_FIELD_BYTES(struct msg_token_config, sync_directory, 4096),
    IPC_FIELD_BYTES(struct msg_token_config, readable, 4096),
    IPC_FIELD_BYTES(struct msg_token_config, writable, 4096),
    IPC_FIELD_BYTES(struct msg_token_config, environment, 4096),
    IPC_FIELD_U8(struct msg_token_config, log_level),
    IPC_FIELD_U8(struct msg_token_config, network),
    IPC_FIELD_BYTES(struct msg_token_config, system_calls, 4096),
    IPC_FIELD_U32(struct msg_token_config, cache_keys),
    IPC_FIELD_BYTES(struct msg_token_config, module_hash, 32),
};

static const struct ipc_field msg_listener_fields[] = {
    IPC_FIELD_U8(struct msg_listener, kind),
    IPC_FIELD_BYTES(struct msg_listener, address, 256),
};

static const struct ipc_field msg_tls_fields[] = {
    IPC_FIELD_BYTES(struct msg_tls, certificate, 64 * 1024),
    IPC_FIELD_BYTES(struct msg_tls, key, 16 * 1024),
    IPC_FIELD_BYTES(struct msg_tls, client_ca, 256 * 1024),
};

static const struct ipc_field msg_peer_fields[] = {
    IPC_FIELD_U8(struct msg_peer, role),
    IPC_FIELD_BYTES(struct msg_peer, name, IPC_NAME_MAX),
    IPC_FIELD_U32(struct msg_peer, number),
    IPC_FIELD_BYTES(struct msg_peer, module_hash, 32),
};

static const struct ipc_field msg_pin_fields[] = {
    IPC_FIELD_BYTES(struct msg_pin, token, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_pin, pin, IPC_SECRET_MAX),
    IPC_FIELD_U8(struct msg_pin, is_so),
    IPC_FIELD_U8(struct msg_pin, is_attended),
    IPC_FIELD_U8(struct msg_pin, is_kept),
};

static const struct ipc_field msg_pin_keep_fields[] = {
    IPC_FIELD_BYTES(struct msg_pin_keep, token, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_pin_keep, pin, IPC_SECRET_MAX),
};

static const struct ipc_field msg_tls_ends_fields[] = {
    IPC_FIELD_U64(struct msg_tls_ends, clients_s),
    IPC_FIELD_U64(struct msg_tls_ends, management_s),
};

static const struct ipc_field msg_start_fields[] = {
    IPC_FIELD_U8(struct msg_start, unused),
};

static const struct ipc_field msg_stop_fields[] = {
    IPC_FIELD_U32(struct msg_stop, within_ms),
};

static const struct ipc_field msg_log_level_fields[] = {
    IPC_FIELD_U8(struct msg_log_level, level),
};

static const struct ipc_field msg_ready_fields[] = {
    IPC_FIELD_BYTES(struct msg_ready, status, 256),
};

static const struct ipc_field msg_hung_fields[] = {
    IPC_FIELD_BYTES(struct msg_hung, token, IPC_NAME_MAX),
    IPC_FIELD_U32(struct msg_hung, number),
};

static const struct ipc_field msg_pins_fields[] = {
    IPC_FIELD_U8(struct msg_pins, are_wanted),
};

IPC_MESSAGE(api_config, 0x0301, IPC_CLIENT_NOTICE);
IPC_MESSAGE(keeper_config, 0x0302, IPC_CLIENT_NOTICE);
IPC_MESSAGE(token_config, 0x0303, IPC_CLIENT_NOTICE);

const struct ipc_message msg_listener_info = {
    .name = "listener",
    .type = 0x0304,
    .way = IPC_CLIENT_NOTICE,
    .size = sizeof(struct msg_listener),
    .fields = msg_listener_fields,
    .count = PS_COUNT_OF(msg_listener_fields),
    .has_descriptor = true,
};

IPC_MESSAGE(tls, 0x0305, IPC_CLIENT_NOTICE);

const struct ipc_message msg_peer_info = {
    .name = "peer",
    .type = 0x0306,
    .way = IPC_CLIENT_NOTICE,
    .size = sizeof(struct msg_peer),
    .fields = msg_peer_fields,
    .count = PS_COUNT_OF(msg_peer_fields),
    .has_descriptor = true,
};

IPC_MESSAGE(pin, 0x0307, IPC_CLIENT_NOTICE);
IPC_MESSAGE(start, 0x0308, IPC_CLIENT_NOTICE);
IPC_MESSAGE(stop, 0x0309, IPC_CLIENT_NOTICE);
IPC_MESSAGE(ready, 0x030a, IPC_SERVER_NOTICE);
IPC_MESSAGE(hung, 0x030b, IPC_SERVER_NOTICE);
IPC_MESSAGE(log_level, 0x030c, IPC_CLIENT_NOTICE);
IPC_MESSAGE(pins, 0x030d, IPC_SERVER_NOTICE);
IPC_MESSAGE(pin_keep, 0x030e, IPC_SERVER_NOTICE);
IPC_MESSAGE(tls_ends, 0x030f, IPC_CLIENT_NOTICE);

static const struct ipc_message *const messages[] = {
    &msg_api_config_info, &msg_keeper_config_info, &msg_token_config_info, &msg_listener_info,
    &msg_tls_info,        &msg_peer_info,          &msg_pin_info,          &msg_start_info,
    &msg_stop_info,       &msg_log_level_info,     &msg_ready_info,        &msg_hung_info,
    &msg_pins_info,       &msg_pin_keep_info,      &msg_tls_ends_info,
};

const struct ipc_set supervisor_set = {
    .name = "supervisor",
    .messages = messages,
    .count = PS_COUNT_OF(messages),
};
