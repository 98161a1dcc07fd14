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
    IPC_FIELD_BYTES(struct msg_token_state, module_hash, 32),
};

static const struct ipc_field msg_token_login_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_login, pin, IPC_SECRET_MAX),
    IPC_FIELD_BYTES(struct msg_token_login, serial, 32),
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
};

static const struct ipc_field msg_token_signed_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_signed, signature, IPC_SIGNATURE_MAX),
    IPC_FIELD_U32(struct msg_token_signed, micros),
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

static const struct ipc_field msg_token_find_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_find, object_id, IPC_OBJECT_ID_MAX),
    IPC_FIELD_U8(struct msg_token_find, key_type),
};

static const struct ipc_field msg_token_found_fields[] = {
    IPC_FIELD_U8(struct msg_token_found, has),
    IPC_FIELD_BYTES(struct msg_token_found, public_key, 1024),
    IPC_FIELD_BYTES(struct msg_token_found, attributes, 8192),
};

static const struct ipc_field msg_token_destroy_fields[] = {
    IPC_FIELD_BYTES(struct msg_token_destroy, object_id, IPC_OBJECT_ID_MAX),
};

static const struct ipc_field msg_token_list_fields[] = {
    IPC_FIELD_U32(struct msg_token_list, after),
};

static const struct ipc_field msg_token_objects_fields[] = {
    IPC_FIELD_U8(struct msg_token_objects, more),
    IPC_FIELD_BYTES(struct msg_token_objects, objects, IPC_DOCUMENT_MAX),
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

const struct ipc_message msg_token_state_info = {
    .name = "token_state",
    .type = 0x0201,
    .way = IPC_SERVER_NOTICE,
    .size = sizeof(struct msg_token_state),
    .fields = msg_token_state_fields,
    .count = PS_COUNT_OF(msg_token_state_fields),
};

const struct ipc_message msg_token_login_info = {
    .name = "token_login",
    .type = 0x0202,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_login),
    .fields = msg_token_login_fields,
    .count = PS_COUNT_OF(msg_token_login_fields),
};

const struct ipc_message msg_token_probe_info = {
    .name = "token_probe",
    .type = 0x0203,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_probe),
    .fields = msg_token_probe_fields,
    .count = PS_COUNT_OF(msg_token_probe_fields),
};

const struct ipc_message msg_token_done_info = {
    .name = "token_done",
    .type = 0x0204,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_token_done),
    .fields = msg_token_done_fields,
    .count = PS_COUNT_OF(msg_token_done_fields),
};

const struct ipc_message msg_token_sign_info = {
    .name = "token_sign",
    .type = 0x0205,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_sign),
    .fields = msg_token_sign_fields,
    .count = PS_COUNT_OF(msg_token_sign_fields),
};

const struct ipc_message msg_token_signed_info = {
    .name = "token_signed",
    .type = 0x0206,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_token_signed),
    .fields = msg_token_signed_fields,
    .count = PS_COUNT_OF(msg_token_signed_fields),
};

const struct ipc_message msg_token_generate_info = {
    .name = "token_generate",
    .type = 0x0207,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_generate),
    .fields = msg_token_generate_fields,
    .count = PS_COUNT_OF(msg_token_generate_fields),
};

const struct ipc_message msg_token_generated_info = {
    .name = "token_generated",
    .type = 0x0208,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_token_generated),
    .fields = msg_token_generated_fields,
    .count = PS_COUNT_OF(msg_token_generated_fields),
};

const struct ipc_message msg_token_find_info = {
    .name = "token_find",
    .type = 0x0209,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_find),
    .fields = msg_token_find_fields,
    .count = PS_COUNT_OF(msg_token_find_fields),
};

const struct ipc_message msg_token_found_info = {
    .name = "token_found",
    .type = 0x020a,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_token_found),
    .fields = msg_token_found_fields,
    .count = PS_COUNT_OF(msg_token_found_fields),
};

const struct ipc_message msg_token_destroy_info = {
    .name = "token_destroy",
    .type = 0x020b,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_destroy),
    .fields = msg_token_destroy_fields,
    .count = PS_COUNT_OF(msg_token_destroy_fields),
};

const struct ipc_message msg_token_list_info = {
    .name = "token_list",
    .type = 0x020c,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_list),
    .fields = msg_token_list_fields,
    .count = PS_COUNT_OF(msg_token_list_fields),
};

const struct ipc_message msg_token_objects_info = {
    .name = "token_objects",
    .type = 0x020d,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_token_objects),
    .fields = msg_token_objects_fields,
    .count = PS_COUNT_OF(msg_token_objects_fields),
};

const struct ipc_message msg_token_random_info = {
    .name = "token_random",
    .type = 0x020e,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_random),
    .fields = msg_token_random_fields,
    .count = PS_COUNT_OF(msg_token_random_fields),
};

const struct ipc_message msg_token_octets_info = {
    .name = "token_octets",
    .type = 0x020f,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_token_octets),
    .fields = msg_token_octets_fields,
    .count = PS_COUNT_OF(msg_token_octets_fields),
};

const struct ipc_message msg_token_data_read_info = {
    .name = "token_data_read",
    .type = 0x0210,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_data_read),
    .fields = msg_token_data_read_fields,
    .count = PS_COUNT_OF(msg_token_data_read_fields),
};

const struct ipc_message msg_token_data_write_info = {
    .name = "token_data_write",
    .type = 0x0211,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_data_write),
    .fields = msg_token_data_write_fields,
    .count = PS_COUNT_OF(msg_token_data_write_fields),
};

const struct ipc_message msg_token_initialise_info = {
    .name = "token_initialise",
    .type = 0x0212,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_initialise),
    .fields = msg_token_initialise_fields,
    .count = PS_COUNT_OF(msg_token_initialise_fields),
};

const struct ipc_message msg_token_certificate_put_info = {
    .name = "token_certificate_put",
    .type = 0x0213,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_certificate_put),
    .fields = msg_token_certificate_put_fields,
    .count = PS_COUNT_OF(msg_token_certificate_put_fields),
};

const struct ipc_message msg_token_certificate_get_info = {
    .name = "token_certificate_get",
    .type = 0x0214,
    .way = IPC_REQUEST,
    .size = sizeof(struct msg_token_certificate_get),
    .fields = msg_token_certificate_get_fields,
    .count = PS_COUNT_OF(msg_token_certificate_get_fields),
};

static const struct ipc_message *const messages[] = {
    &msg_token_state_info,
    &msg_token_login_info,
    &msg_token_probe_info,
    &msg_token_done_info,
    &msg_token_sign_info,
    &msg_token_signed_info,
    &msg_token_generate_info,
    &msg_token_generated_info,
    &msg_token_find_info,
    &msg_token_found_info,
    &msg_token_destroy_info,
    &msg_token_list_info,
    &msg_token_objects_info,
    &msg_token_random_info,
    &msg_token_octets_info,
    &msg_token_data_read_info,
    &msg_token_data_write_info,
    &msg_token_initialise_info,
    &msg_token_certificate_put_info,
    &msg_token_certificate_get_info,
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
