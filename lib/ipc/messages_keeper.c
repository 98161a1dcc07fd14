#include "lib/ipc/messages_keeper.h"

/* The members of struct msg_caller, wherever it stands in a message. */
#define CALLER_FIELDS(type)                                                                        \
    IPC_FIELD_U8(type, caller.kind), IPC_FIELD_U32(type, caller.uid),                              \
        IPC_FIELD_BYTES(type, caller.spki, 32), IPC_FIELD_BYTES(type, caller.issuer, 32),          \
        IPC_FIELD_BYTES(type, caller.san, 256)

static const struct ipc_field msg_jws_sign_fields[] = {
    CALLER_FIELDS(struct msg_jws_sign),
    IPC_FIELD_BYTES(struct msg_jws_sign, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_jws_sign, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_jws_sign, algorithm, 16),
    IPC_FIELD_BYTES(struct msg_jws_sign, header, IPC_HEADER_MAX),
    IPC_FIELD_BYTES(struct msg_jws_sign, payload, IPC_PAYLOAD_MAX),
    IPC_FIELD_U8(struct msg_jws_sign, unencoded),
    IPC_FIELD_U8(struct msg_jws_sign, include),
};

static const struct ipc_field msg_jwt_sign_fields[] = {
    CALLER_FIELDS(struct msg_jwt_sign),
    IPC_FIELD_BYTES(struct msg_jwt_sign, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_jwt_sign, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_jwt_sign, algorithm, 16),
    IPC_FIELD_BYTES(struct msg_jwt_sign, claims, IPC_PAYLOAD_MAX),
    IPC_FIELD_BYTES(struct msg_jwt_sign, type, 64),
    IPC_FIELD_U32(struct msg_jwt_sign, ttl_s),
    IPC_FIELD_U8(struct msg_jwt_sign, include),
};

static const struct ipc_field msg_jws_signed_fields[] = {
    IPC_FIELD_BYTES(struct msg_jws_signed, protected_header, 4 * IPC_HEADER_MAX),
    IPC_FIELD_BYTES(struct msg_jws_signed, payload, IPC_PAYLOAD_MAX),
    IPC_FIELD_BYTES(struct msg_jws_signed, signature, IPC_SIGNATURE_MAX + 16),
    IPC_FIELD_BYTES(struct msg_jws_signed, kid, 64),
    IPC_FIELD_BYTES(struct msg_jws_signed, algorithm, 16),
    IPC_FIELD_U32(struct msg_jws_signed, version),
};

static const struct ipc_field msg_raw_sign_fields[] = {
    CALLER_FIELDS(struct msg_raw_sign),
    IPC_FIELD_BYTES(struct msg_raw_sign, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_raw_sign, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_raw_sign, algorithm, 16),
    IPC_FIELD_BYTES(struct msg_raw_sign, message, IPC_PAYLOAD_MAX),
    IPC_FIELD_BYTES(struct msg_raw_sign, digest, 64),
    IPC_FIELD_U8(struct msg_raw_sign, is_digest),
    IPC_FIELD_U8(struct msg_raw_sign, encoding),
    IPC_FIELD_U32(struct msg_raw_sign, version),
};

static const struct ipc_field msg_raw_signed_fields[] = {
    IPC_FIELD_BYTES(struct msg_raw_signed, signature, IPC_SIGNATURE_MAX + 16),
    IPC_FIELD_BYTES(struct msg_raw_signed, kid, 64),
    IPC_FIELD_BYTES(struct msg_raw_signed, algorithm, 16),
    IPC_FIELD_U32(struct msg_raw_signed, version),
};

static const struct ipc_field msg_verify_keys_fields[] = {
    CALLER_FIELDS(struct msg_verify_keys),
    IPC_FIELD_BYTES(struct msg_verify_keys, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_verify_keys, key, IPC_NAME_MAX),
    IPC_FIELD_U8(struct msg_verify_keys, format),
};

static const struct ipc_field msg_read_fields[] = {
    CALLER_FIELDS(struct msg_read),
    IPC_FIELD_BYTES(struct msg_read, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_U16(struct msg_read, resource),
    IPC_FIELD_BYTES(struct msg_read, name, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_read, after, IPC_NAME_MAX),
    IPC_FIELD_U32(struct msg_read, limit),
    IPC_FIELD_U64(struct msg_read, from),
    IPC_FIELD_U64(struct msg_read, to),
    IPC_FIELD_U32(struct msg_read, width),
    IPC_FIELD_U8(struct msg_read, accept),
};

static const struct ipc_field msg_document_fields[] = {
    IPC_FIELD_U16(struct msg_document, status),
    IPC_FIELD_U8(struct msg_document, media),
    IPC_FIELD_U32(struct msg_document, max_age_s),
    IPC_FIELD_BYTES(struct msg_document, etag, 128),
    IPC_FIELD_BYTES(struct msg_document, location, 256),
    IPC_FIELD_BYTES(struct msg_document, body, IPC_DOCUMENT_MAX),
};

static const struct ipc_field msg_change_fields[] = {
    CALLER_FIELDS(struct msg_change),
    IPC_FIELD_BYTES(struct msg_change, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_change, type, 64),
    IPC_FIELD_BYTES(struct msg_change, subject, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_change, parameters, 48 * 1024),
    IPC_FIELD_BYTES(struct msg_change, requester, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_change, reason, 1024),
    IPC_FIELD_BYTES(struct msg_change, if_match, 128),
    IPC_FIELD_BYTES(struct msg_change, idempotency_key, 128),
    IPC_FIELD_BYTES(struct msg_change, body_hash, 32),
    IPC_FIELD_U8(struct msg_change, dry_run),
};

static const struct ipc_field msg_operation_step_fields[] = {
    CALLER_FIELDS(struct msg_operation_step),
    IPC_FIELD_BYTES(struct msg_operation_step, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_operation_step, operation, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_operation_step, verb, 32),
    IPC_FIELD_BYTES(struct msg_operation_step, parameters, 48 * 1024),
    IPC_FIELD_BYTES(struct msg_operation_step, idempotency_key, 128),
    IPC_FIELD_BYTES(struct msg_operation_step, body_hash, 32),
};

static const struct ipc_field msg_access_check_fields[] = {
    CALLER_FIELDS(struct msg_access_check),
    IPC_FIELD_BYTES(struct msg_access_check, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_access_check, operation, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_access_check, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_access_check, format, 32),
    IPC_FIELD_BYTES(struct msg_access_check, algorithm, 16),
};

static const struct ipc_field msg_random_fields[] = {
    CALLER_FIELDS(struct msg_random),
    IPC_FIELD_BYTES(struct msg_random, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_U32(struct msg_random, count),
};

static const struct ipc_field msg_octets_fields[] = {
    IPC_FIELD_BYTES(struct msg_octets, octets, 4096),
};

static const struct ipc_field msg_appliance_state_fields[] = {
    IPC_FIELD_U8(struct msg_appliance_state, state),
    IPC_FIELD_BYTES(struct msg_appliance_state, ready, 16 * 1024),
};

static const struct ipc_field msg_api_metrics_fields[] = {
    IPC_FIELD_BYTES(struct msg_api_metrics, rows, 64 * 1024),
};

const struct ipc_message msg_jws_sign_info = {
    .name = "jws_sign",
    .type = 0x0101,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_jws_sign),
    .fields = msg_jws_sign_fields,
    .count = PS_COUNT_OF(msg_jws_sign_fields),
};

const struct ipc_message msg_jwt_sign_info = {
    .name = "jwt_sign",
    .type = 0x0102,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_jwt_sign),
    .fields = msg_jwt_sign_fields,
    .count = PS_COUNT_OF(msg_jwt_sign_fields),
};

const struct ipc_message msg_jws_signed_info = {
    .name = "jws_signed",
    .type = 0x0103,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_jws_signed),
    .fields = msg_jws_signed_fields,
    .count = PS_COUNT_OF(msg_jws_signed_fields),
};

const struct ipc_message msg_raw_sign_info = {
    .name = "raw_sign",
    .type = 0x0104,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_raw_sign),
    .fields = msg_raw_sign_fields,
    .count = PS_COUNT_OF(msg_raw_sign_fields),
};

const struct ipc_message msg_raw_signed_info = {
    .name = "raw_signed",
    .type = 0x0105,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_raw_signed),
    .fields = msg_raw_signed_fields,
    .count = PS_COUNT_OF(msg_raw_signed_fields),
};

const struct ipc_message msg_verify_keys_info = {
    .name = "verify_keys",
    .type = 0x0106,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_verify_keys),
    .fields = msg_verify_keys_fields,
    .count = PS_COUNT_OF(msg_verify_keys_fields),
};

const struct ipc_message msg_read_info = {
    .name = "read",
    .type = 0x0107,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_read),
    .fields = msg_read_fields,
    .count = PS_COUNT_OF(msg_read_fields),
};

const struct ipc_message msg_document_info = {
    .name = "document",
    .type = 0x0108,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_document),
    .fields = msg_document_fields,
    .count = PS_COUNT_OF(msg_document_fields),
};

const struct ipc_message msg_change_info = {
    .name = "change",
    .type = 0x0109,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_change),
    .fields = msg_change_fields,
    .count = PS_COUNT_OF(msg_change_fields),
};

const struct ipc_message msg_operation_step_info = {
    .name = "operation_step",
    .type = 0x010a,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_operation_step),
    .fields = msg_operation_step_fields,
    .count = PS_COUNT_OF(msg_operation_step_fields),
};

const struct ipc_message msg_access_check_info = {
    .name = "access_check",
    .type = 0x010b,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_access_check),
    .fields = msg_access_check_fields,
    .count = PS_COUNT_OF(msg_access_check_fields),
};

const struct ipc_message msg_random_info = {
    .name = "random",
    .type = 0x010c,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_random),
    .fields = msg_random_fields,
    .count = PS_COUNT_OF(msg_random_fields),
};

const struct ipc_message msg_octets_info = {
    .name = "octets",
    .type = 0x010d,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_octets),
    .fields = msg_octets_fields,
    .count = PS_COUNT_OF(msg_octets_fields),
};

const struct ipc_message msg_appliance_state_info = {
    .name = "appliance_state",
    .type = 0x010e,
    .way = IPC_SERVER_NOTICE,
    .size = sizeof(struct msg_appliance_state),
    .fields = msg_appliance_state_fields,
    .count = PS_COUNT_OF(msg_appliance_state_fields),
};

const struct ipc_message msg_api_metrics_info = {
    .name = "api_metrics",
    .type = 0x010f,
    .way = IPC_CLIENT_NOTICE,
    .size = sizeof(struct msg_api_metrics),
    .fields = msg_api_metrics_fields,
    .count = PS_COUNT_OF(msg_api_metrics_fields),
};

static const struct ipc_message *const messages[] = {
    &msg_jws_sign_info,   &msg_jwt_sign_info,        &msg_jws_signed_info,   &msg_raw_sign_info,
    &msg_raw_signed_info, &msg_verify_keys_info,     &msg_read_info,         &msg_document_info,
    &msg_change_info,     &msg_operation_step_info,  &msg_access_check_info, &msg_random_info,
    &msg_octets_info,     &msg_appliance_state_info, &msg_api_metrics_info,  &msg_problem_info,
};

const struct ipc_set keeper_set = {
    .name = "keeper",
    .messages = messages,
    .count = PS_COUNT_OF(messages),
};

const char *appliance_state_name(enum appliance_state state)
{
    static const char *const names[] = {"starting",    "uninitialised", "locked",
                                        "operational", "degraded",      "failed"};

    return (unsigned)state < PS_COUNT_OF(names) ? names[state] : "unknown";
}
