#include "lib/ipc/messages_token.h"

static const struct ipc_field msg_token_state_fields[] = {
    IPC_FIELD_U8(struct msg_token_state, state),
    IPC_FIELD_U32(struct msg_token_state, generation),
    IPC_FIELD_U32(struct msg_token_state, sessions),
    IPC_FIELD_U32(struct msg_token_state, reconnects),
    IPC_FIELD_BYTES(struct msg_token_state, reason, 128),
    IPC_FIELD_BYTES(struct msg_token_state, label, 64),
    IPC_FIELD_BYTES(struct msg_token_state, serial, 32),
    IPC_FIELD_BYTES(struct msg_token_state, manufacturer, 64),
    IPC_FIELD_BYTES(struct msg_token_state, model, 32),
    IPC_FIELD_BYTES(struct msg_token_state, firmware, 32),
    IPC_FIELD_BYTES(struct msg_token_state, profile, 64),
    IPC_FIELD_U32(struct msg_token_state, wrappable),
};

static const struct ipc_field msg_token_login_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_login, pin, IPC_SECRET_MAX),
    IPC_FIELD_BYTES(struct msg_token_login, serial, 32),
};

static const struct ipc_field msg_token_logout_fields[] = {
    IPC_FIELD_U8(struct msg_token_logout, unused),
};

static const struct ipc_field msg_token_probe_fields[] = {
    IPC_FIELD_U8(struct msg_token_probe, unused),
};

static const struct ipc_field msg_token_done_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_done, detail, IPC_DETAIL_MAX),
};

static const struct ipc_field msg_token_sign_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_sign, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_U8(struct msg_token_sign, algorithm),
    IPC_FIELD_U8(struct msg_token_sign, key_type),
    IPC_FIELD_BYTES(struct msg_token_sign, data, IPC_PAYLOAD_MAX + 64 * 1024),
    IPC_FIELD_U8(struct msg_token_sign, is_wrapped),
    IPC_FIELD_BYTES(struct msg_token_sign, record, TOKEN_RECORD_MAX),
    IPC_FIELD_U8(struct msg_token_sign, more),
};

static const struct ipc_field msg_token_signed_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_signed, signature, IPC_SIGNATURE_MAX),
    IPC_FIELD_U32(struct msg_token_signed, micros),
    IPC_FIELD_U8(struct msg_token_signed, unwrapped),
};

static const struct ipc_field msg_token_use_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_use, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_U8(struct msg_token_use, action),
    IPC_FIELD_U8(struct msg_token_use, key_type),
    IPC_FIELD_BYTES(struct msg_token_use, data, IPC_USE_MAX + TOKEN_GCM_TAG),
    IPC_FIELD_BYTES(struct msg_token_use, associated, IPC_ASSOCIATED_MAX),
    IPC_FIELD_BYTES(struct msg_token_use, nonce, TOKEN_GCM_NONCE),
    IPC_FIELD_U8(struct msg_token_use, is_wrapped),
    IPC_FIELD_BYTES(struct msg_token_use, record, TOKEN_RECORD_MAX),
    IPC_FIELD_BYTES(struct msg_token_use, check, TOKEN_CHECK_MAX),
};

static const struct ipc_field msg_token_used_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_used, octets, IPC_USE_MAX + TOKEN_GCM_TAG),
    IPC_FIELD_BYTES(struct msg_token_used, nonce, TOKEN_GCM_NONCE),
    IPC_FIELD_U32(struct msg_token_used, micros),
    IPC_FIELD_U8(struct msg_token_used, unwrapped),
    IPC_FIELD_U8(struct msg_token_used, is_wrong),
};

static const struct ipc_field msg_token_generate_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_generate, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_generate, label, 64),
    IPC_FIELD_U8(struct msg_token_generate, key_type),
    IPC_FIELD_U8(struct msg_token_generate, usage),
    IPC_FIELD_U8(struct msg_token_generate, flags),
    IPC_FIELD_BYTES(struct msg_token_generate, algorithms, 16),
};

static const struct ipc_field msg_token_generated_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_generated, public_key, 1024),
    IPC_FIELD_BYTES(struct msg_token_generated, attributes, 8192),
};

static const struct ipc_field wrapped_record_fields[] = {
    IPC_FIELD_BYTES(struct wrapped_record, name, IPC_NAME_MAX),
    IPC_FIELD_U32(struct wrapped_record, version),
    IPC_FIELD_U8(struct wrapped_record, usage),
    IPC_FIELD_BYTES(struct wrapped_record, algorithms, 16),
    IPC_FIELD_BYTES(struct wrapped_record, wrapping_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct wrapped_record, mac_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct wrapped_record, public_key, 1024),
    IPC_FIELD_BYTES(struct wrapped_record, blob, TOKEN_BLOB_MAX),
    IPC_FIELD_BYTES(struct wrapped_record, mac, TOKEN_MAC_LEN),
};

static const struct ipc_field msg_token_make_wrapped_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_make_wrapped, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_U8(struct msg_token_make_wrapped, key_type),
    IPC_FIELD_BYTES(struct msg_token_make_wrapped, record, TOKEN_RECORD_MAX),
};

static const struct ipc_field msg_token_wrapped_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_wrapped, public_key, 1024),
    IPC_FIELD_BYTES(struct msg_token_wrapped, attributes, 8192),
    IPC_FIELD_BYTES(struct msg_token_wrapped, blob, TOKEN_BLOB_MAX),
    IPC_FIELD_BYTES(struct msg_token_wrapped, mac, TOKEN_MAC_LEN),
};

static const struct ipc_field msg_token_open_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_open, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_U8(struct msg_token_open, key_type),
    IPC_FIELD_BYTES(struct msg_token_open, record, TOKEN_RECORD_MAX),
};

static const struct ipc_field msg_token_carry_out_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_carry_out, so_pin, IPC_SECRET_MAX),
    IPC_FIELD_BYTES(struct msg_token_carry_out, pin, IPC_SECRET_MAX),
    IPC_FIELD_BYTES(struct msg_token_carry_out, public_key, 1024),
    IPC_FIELD_BYTES(struct msg_token_carry_out, wrapping_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_carry_out, secrets_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_carry_out, mac_id, IPC_OBJECT_ID_MAX),
};

static const struct ipc_field msg_token_carried_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_carried, wrapping, 512),
    IPC_FIELD_BYTES(struct msg_token_carried, secrets, 512),
    IPC_FIELD_BYTES(struct msg_token_carried, mac, 512),
    IPC_FIELD_U8(struct msg_token_carried, so_pin_refused),
};

static const struct ipc_field msg_token_carry_in_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_carry_in, transport_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_carry_in, wrapping_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_carry_in, wrapping_label, 64),
    IPC_FIELD_BYTES(struct msg_token_carry_in, secrets_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_carry_in, secrets_label, 64),
    IPC_FIELD_BYTES(struct msg_token_carry_in, mac_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_carry_in, mac_label, 64),
    IPC_FIELD_BYTES(struct msg_token_carry_in, wrapping, 512),
    IPC_FIELD_BYTES(struct msg_token_carry_in, secrets, 512),
    IPC_FIELD_BYTES(struct msg_token_carry_in, mac, 512),
};

static const struct ipc_field msg_token_find_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_find, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_U8(struct msg_token_find, key_type),
};

static const struct ipc_field msg_token_found_fields[] = {
    IPC_FIELD_U8(struct msg_token_found, has),
    IPC_FIELD_BYTES(struct msg_token_found, public_key, 1024),
    IPC_FIELD_BYTES(struct msg_token_found, attributes, 8192),
};

static const struct ipc_field msg_token_rewrap_begin_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_rewrap_begin, transport_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_rewrap_begin, copy_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_rewrap_begin, label, 64),
    IPC_FIELD_BYTES(struct msg_token_rewrap_begin, wrapping, 512),
    IPC_FIELD_U8(struct msg_token_rewrap_begin, is_for_secrets),
};

static const struct ipc_field msg_token_rewrap_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_rewrap, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_U8(struct msg_token_rewrap, key_type),
    IPC_FIELD_BYTES(struct msg_token_rewrap, record, TOKEN_RECORD_MAX),
    IPC_FIELD_BYTES(struct msg_token_rewrap, copy_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_rewrap, wrapping_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_rewrap, mac_id, IPC_OBJECT_ID_MAX),
};

static const struct ipc_field msg_token_destroy_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_destroy, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_U8(struct msg_token_destroy, only_open),
};

static const struct ipc_field msg_token_list_fields[] = {
    IPC_FIELD_U32(struct msg_token_list, after),
};

static const struct ipc_field msg_token_objects_fields[] = {
    IPC_FIELD_U8(struct msg_token_objects, more),
    IPC_FIELD_BYTES(struct msg_token_objects, objects, IPC_DOCUMENT_MAX),
};

static const struct ipc_field msg_token_check_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_check, expected, IPC_DOCUMENT_MAX),
};

static const struct ipc_field msg_token_checked_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_checked, found, IPC_DOCUMENT_MAX),
};

static const struct ipc_field msg_token_random_fields[] = {
    IPC_FIELD_U32(struct msg_token_random, count),
};

static const struct ipc_field msg_token_octets_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_octets, octets, 16 * 1024),
};

static const struct ipc_field msg_token_data_read_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_data_read, name, 64),
};

static const struct ipc_field msg_token_data_write_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_data_write, name, 64),
    IPC_FIELD_BYTES(struct msg_token_data_write, octets, 4096),
};

static const struct ipc_field msg_token_set_pin_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_set_pin, pin, IPC_SECRET_MAX),
    IPC_FIELD_BYTES(struct msg_token_set_pin, next, IPC_SECRET_MAX),
};

static const struct ipc_field msg_token_so_fields[] = {
    IPC_FIELD_U8(struct msg_token_so, act),
    IPC_FIELD_BYTES(struct msg_token_so, so_pin, IPC_SECRET_MAX),
    IPC_FIELD_BYTES(struct msg_token_so, next, IPC_SECRET_MAX),
};

static const struct ipc_field msg_token_so_done_fields[] = {
    IPC_FIELD_U8(struct msg_token_so_done, refused),
};

static const struct ipc_field msg_token_initialise_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_initialise, label, 64),
    IPC_FIELD_BYTES(struct msg_token_initialise, so_pin, IPC_SECRET_MAX),
    IPC_FIELD_BYTES(struct msg_token_initialise, pin, IPC_SECRET_MAX),
};

static const struct ipc_field msg_token_certificate_put_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_certificate_put, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_BYTES(struct msg_token_certificate_put, label, 64),
    IPC_FIELD_BYTES(struct msg_token_certificate_put, der, 16 * 1024),
};

static const struct ipc_field msg_token_certificate_get_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_certificate_get, object_id, IPC_OBJECT_ID_MAX),
};

static const struct ipc_field msg_token_calls_fields[] = {
    IPC_FIELD_U64(struct msg_token_calls, request),
    IPC_FIELD_BYTES(struct msg_token_calls, calls, TOKEN_CALLS_MAX),
    IPC_FIELD_U32(struct msg_token_calls, left_out),
};

IPC_MESSAGE(token_state, 0x0201, IPC_SERVER_NOTICE);
IPC_MESSAGE(token_login, 0x0202, IPC_REQUEST);
IPC_MESSAGE(token_logout, 0x0215, IPC_REQUEST);
IPC_MESSAGE(token_probe, 0x0203, IPC_REQUEST);
IPC_MESSAGE(token_done, 0x0204, IPC_ANSWER);
IPC_MESSAGE(token_sign, 0x0205, IPC_REQUEST);
IPC_MESSAGE(token_signed, 0x0206, IPC_ANSWER);
IPC_MESSAGE(token_use, 0x0216, IPC_REQUEST);
IPC_MESSAGE(token_used, 0x0217, IPC_ANSWER);
IPC_MESSAGE(token_generate, 0x0207, IPC_REQUEST);
IPC_MESSAGE(token_generated, 0x0208, IPC_ANSWER);
IPC_MESSAGE(token_find, 0x0209, IPC_REQUEST);
IPC_MESSAGE(token_found, 0x020a, IPC_ANSWER);
IPC_MESSAGE(token_destroy, 0x020b, IPC_REQUEST);
IPC_MESSAGE(token_list, 0x020c, IPC_REQUEST);
IPC_MESSAGE(token_objects, 0x020d, IPC_ANSWER);
IPC_MESSAGE(token_random, 0x020e, IPC_REQUEST);
IPC_MESSAGE(token_octets, 0x020f, IPC_ANSWER);
IPC_MESSAGE(token_data_read, 0x0210, IPC_REQUEST);
IPC_MESSAGE(token_data_write, 0x0211, IPC_REQUEST);
IPC_MESSAGE(token_initialise, 0x0212, IPC_REQUEST);
IPC_MESSAGE(token_set_pin, 0x0240, IPC_REQUEST);
IPC_MESSAGE(token_so, 0x0241, IPC_REQUEST);
IPC_MESSAGE(token_so_done, 0x0242, IPC_ANSWER);
IPC_MESSAGE(token_certificate_put, 0x0213, IPC_REQUEST);
IPC_MESSAGE(token_certificate_get, 0x0214, IPC_REQUEST);
IPC_MESSAGE(token_check, 0x0218, IPC_REQUEST);
IPC_MESSAGE(token_checked, 0x0219, IPC_ANSWER);

const struct ipc_message wrapped_record_info = {
    .name = "wrapped_record",
    .type = 0x0000,
    .way = IPC_REQUEST,
    .size = sizeof(struct wrapped_record),
    .fields = wrapped_record_fields,
    .count = PS_COUNT_OF(wrapped_record_fields),
};

IPC_MESSAGE(token_make_wrapped, 0x021a, IPC_REQUEST);
IPC_MESSAGE(token_wrapped, 0x021b, IPC_ANSWER);
IPC_MESSAGE(token_open, 0x021c, IPC_REQUEST);
IPC_MESSAGE(token_calls, 0x021d, IPC_SERVER_NOTICE);

const struct ipc_message msg_token_carry_out_info = {
    .name = "token_carry_out",
    .type = 0x0220,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_carry_out),
    .fields = msg_token_carry_out_fields,
    .count = PS_COUNT_OF(msg_token_carry_out_fields),
};

const struct ipc_message msg_token_carried_info = {
    .name = "token_carried",
    .type = 0x0221,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_token_carried),
    .fields = msg_token_carried_fields,
    .count = PS_COUNT_OF(msg_token_carried_fields),
};

const struct ipc_message msg_token_carry_in_info = {
    .name = "token_carry_in",
    .type = 0x0222,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_carry_in),
    .fields = msg_token_carry_in_fields,
    .count = PS_COUNT_OF(msg_token_carry_in_fields),
};

IPC_MESSAGE(token_rewrap_begin, 0x0223, IPC_REQUEST);
IPC_MESSAGE(token_rewrap, 0x0224, IPC_REQUEST);

static const struct ipc_message *const messages[] = {
    &msg_token_state_info,
    &msg_token_login_info,
    &msg_token_logout_info,
    &msg_token_probe_info,
    &msg_token_done_info,
    &msg_token_sign_info,
    &msg_token_signed_info,
    &msg_token_use_info,
    &msg_token_used_info,
    &msg_token_generate_info,
    &msg_token_generated_info,
    &msg_token_find_info,
    &msg_token_found_info,
    &msg_token_destroy_info,
    &msg_token_list_info,
    &msg_token_objects_info,
    &msg_token_check_info,
    &msg_token_checked_info,
    &msg_token_random_info,
    &msg_token_octets_info,
    &msg_token_data_read_info,
    &msg_token_data_write_info,
    &msg_token_initialise_info,
    &msg_token_set_pin_info,
    &msg_token_so_info,
    &msg_token_so_done_info,
    &msg_token_certificate_put_info,
    &msg_token_certificate_get_info,
    &msg_token_make_wrapped_info,
    &msg_token_wrapped_info,
    &msg_token_open_info,
    &msg_token_carry_out_info,
    &msg_token_carried_info,
    &msg_token_carry_in_info,
    &msg_token_rewrap_begin_info,
    &msg_token_rewrap_info,
    &msg_token_calls_info,
    &msg_problem_info,
};

const struct ipc_set token_set = {
    .name = "token",
    .messages = messages,
    .count = PS_COUNT_OF(messages),
};

const char *token_state_name(enum token_state state)
{
    static const char *const names[] = {"starting", "absent",    "blank",  "needs-login",
                                        "ready",    "wrong-pin", "foreign"};

    return (unsigned)state < PS_COUNT_OF(names) ? names[state] : "unknown";
}

const char *token_action_name(enum token_action action)
{
    static const char *const names[] = {"decrypt-oaep", "derive-ecdh", "encrypt-gcm", "decrypt-gcm",
                                        "mac"};

    return (unsigned)action < PS_COUNT_OF(names) ? names[action] : "unknown";
}
