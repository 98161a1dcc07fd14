#include "lib/ipc/messages_keeper.h"

/* The members of struct msg_caller, wherever it stands in a message. */
#define CALLER_FIELDS(type)                                                                        \
    IPC_FIELD_U8(type, caller.kind), IPC_FIELD_U32(type, caller.uid),                              \
        IPC_FIELD_BYTES(type, caller.spki, 32), IPC_FIELD_BYTES(type, caller.issuer, 32),          \
        IPC_FIELD_BYTES(type, caller.san, 256), IPC_FIELD_U64(type, caller.not_after_s)

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

static const struct ipc_field msg_sd_jwt_sign_fields[] = {
    CALLER_FIELDS(struct msg_sd_jwt_sign),
    IPC_FIELD_BYTES(struct msg_sd_jwt_sign, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_sd_jwt_sign, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_sd_jwt_sign, algorithm, 16),
    IPC_FIELD_BYTES(struct msg_sd_jwt_sign, payload, IPC_PAYLOAD_MAX),
    IPC_FIELD_BYTES(struct msg_sd_jwt_sign, type, 64),
    IPC_FIELD_U8(struct msg_sd_jwt_sign, include),
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

static const struct ipc_field msg_key_use_fields[] = {
    CALLER_FIELDS(struct msg_key_use),
    IPC_FIELD_BYTES(struct msg_key_use, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_key_use, key, IPC_NAME_MAX),
    IPC_FIELD_U8(struct msg_key_use, verb),
    IPC_FIELD_BYTES(struct msg_key_use, data, IPC_PAYLOAD_MAX),
    IPC_FIELD_BYTES(struct msg_key_use, associated, 32 * 1024),
    IPC_FIELD_BYTES(struct msg_key_use, mac, KEY_MAC_LEN),
    IPC_FIELD_U32(struct msg_key_use, version),
};

static const struct ipc_field msg_key_used_fields[] = {
    IPC_FIELD_BYTES(struct msg_key_used, octets, IPC_PAYLOAD_MAX),
    IPC_FIELD_U8(struct msg_key_used, is_valid),
    IPC_FIELD_U32(struct msg_key_used, version),
};

static const struct ipc_field msg_data_integrity_sign_fields[] = {
    CALLER_FIELDS(struct msg_data_integrity_sign),
    IPC_FIELD_BYTES(struct msg_data_integrity_sign, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_data_integrity_sign, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_data_integrity_sign, suite, 64),
    IPC_FIELD_BYTES(struct msg_data_integrity_sign, proof_hash, 64),
    IPC_FIELD_BYTES(struct msg_data_integrity_sign, document_hash, 64),
};

/* The members of struct msg_cose_headers. */
#define COSE_HEADERS_FIELDS(type)                                                                  \
    IPC_FIELD_BYTES(type, headers.in_protected, IPC_HEADER_MAX),                                   \
        IPC_FIELD_BYTES(type, headers.in_unprotected, IPC_HEADER_MAX),                             \
        IPC_FIELD_BYTES(type, headers.kid_prefix, 256), IPC_FIELD_U8(type, headers.include),       \
        IPC_FIELD_U8(type, headers.include_protected)

/* The chain of a certificate may stand in it. */
enum { COSE_HEADER_OUT_MAX = 64 * 1024 };

static const struct ipc_field msg_cose_sign_fields[] = {
    CALLER_FIELDS(struct msg_cose_sign),
    IPC_FIELD_BYTES(struct msg_cose_sign, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_cose_sign, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_cose_sign, algorithm, 16),
    COSE_HEADERS_FIELDS(struct msg_cose_sign),
    IPC_FIELD_BYTES(struct msg_cose_sign, external_aad, 64 * 1024),
    IPC_FIELD_BYTES(struct msg_cose_sign, payload, IPC_PAYLOAD_MAX),
};

static const struct ipc_field msg_cwt_sign_fields[] = {
    CALLER_FIELDS(struct msg_cwt_sign),
    IPC_FIELD_BYTES(struct msg_cwt_sign, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_cwt_sign, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_cwt_sign, algorithm, 16),
    COSE_HEADERS_FIELDS(struct msg_cwt_sign),
    IPC_FIELD_BYTES(struct msg_cwt_sign, claims, IPC_PAYLOAD_MAX),
    IPC_FIELD_U32(struct msg_cwt_sign, ttl_s),
};

static const struct ipc_field msg_cose_signed_fields[] = {
    IPC_FIELD_BYTES(struct msg_cose_signed, protected_header, COSE_HEADER_OUT_MAX),
    IPC_FIELD_BYTES(struct msg_cose_signed, unprotected, COSE_HEADER_OUT_MAX),
    IPC_FIELD_BYTES(struct msg_cose_signed, payload, IPC_PAYLOAD_MAX + 64),
    IPC_FIELD_BYTES(struct msg_cose_signed, signature, IPC_SIGNATURE_MAX),
    IPC_FIELD_BYTES(struct msg_cose_signed, kid, 64),
    IPC_FIELD_BYTES(struct msg_cose_signed, algorithm, 16),
    IPC_FIELD_U32(struct msg_cose_signed, version),
};

static const struct ipc_field msg_x509_issue_fields[] = {
    CALLER_FIELDS(struct msg_x509_issue),
    IPC_FIELD_BYTES(struct msg_x509_issue, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_x509_issue, profile, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_x509_issue, csr, IPC_CERTIFICATE_MAX),
    IPC_FIELD_BYTES(struct msg_x509_issue, spki, 1024),
    IPC_FIELD_BYTES(struct msg_x509_issue, subject, IPC_SUBJECT_MAX),
    IPC_FIELD_BYTES(struct msg_x509_issue, sans, IPC_SANS_MAX),
    IPC_FIELD_U64(struct msg_x509_issue, validity_s),
};

static const struct ipc_field msg_x509_issued_fields[] = {
    IPC_FIELD_BYTES(struct msg_x509_issued, certificate, IPC_CERTIFICATE_MAX),
    IPC_FIELD_BYTES(struct msg_x509_issued, chain, IPC_CERTIFICATE_MAX),
    IPC_FIELD_BYTES(struct msg_x509_issued, serial, 20),
    IPC_FIELD_U64(struct msg_x509_issued, not_before_s),
    IPC_FIELD_U64(struct msg_x509_issued, not_after_s),
    IPC_FIELD_U32(struct msg_x509_issued, version),
};

static const struct ipc_field msg_verify_keys_fields[] = {
    CALLER_FIELDS(struct msg_verify_keys),
    IPC_FIELD_BYTES(struct msg_verify_keys, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_verify_keys, key, IPC_NAME_MAX),
    IPC_FIELD_U8(struct msg_verify_keys, format),
};

static const struct ipc_field msg_cms_sign_fields[] = {
    CALLER_FIELDS(struct msg_cms_sign),
    IPC_FIELD_BYTES(struct msg_cms_sign, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_cms_sign, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_cms_sign, algorithm, 16),
    IPC_FIELD_BYTES(struct msg_cms_sign, content, IPC_PAYLOAD_MAX),
    IPC_FIELD_BYTES(struct msg_cms_sign, digest, 64),
    IPC_FIELD_U8(struct msg_cms_sign, is_digest),
    IPC_FIELD_U32(struct msg_cms_sign, version),
};

static const struct ipc_field msg_cms_signed_fields[] = {
    IPC_FIELD_BYTES(struct msg_cms_signed, attributes, 512),
    IPC_FIELD_BYTES(struct msg_cms_signed, signature, IPC_SIGNATURE_MAX + 16),
    IPC_FIELD_BYTES(struct msg_cms_signed, chain, IPC_CHAIN_MAX),
    IPC_FIELD_BYTES(struct msg_cms_signed, kid, 64),
    IPC_FIELD_BYTES(struct msg_cms_signed, algorithm, 16),
    IPC_FIELD_U32(struct msg_cms_signed, version),
};

static const struct ipc_field msg_cms_signer_fields[] = {
    CALLER_FIELDS(struct msg_cms_signer),
    IPC_FIELD_BYTES(struct msg_cms_signer, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_cms_signer, key, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_cms_signer, algorithm, 16),
};

static const struct ipc_field msg_cms_signer_found_fields[] = {
    IPC_FIELD_BYTES(struct msg_cms_signer_found, chain, IPC_CHAIN_MAX),
    IPC_FIELD_BYTES(struct msg_cms_signer_found, algorithm, 16),
    IPC_FIELD_U32(struct msg_cms_signer_found, version),
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
    IPC_FIELD_BYTES(struct msg_change, ceremony, 256),
    IPC_FIELD_BYTES(struct msg_change, step, 64),
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

static const struct ipc_field msg_task_fields[] = {
    CALLER_FIELDS(struct msg_task),
    IPC_FIELD_BYTES(struct msg_task, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_U8(struct msg_task, task),
};

static const struct ipc_field msg_jwe_recipient_fields[] = {
    CALLER_FIELDS(struct msg_jwe_recipient),
    IPC_FIELD_BYTES(struct msg_jwe_recipient, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_jwe_recipient, key, IPC_NAME_MAX),
};

static const struct ipc_field msg_jwe_decrypt_fields[] = {
    CALLER_FIELDS(struct msg_jwe_decrypt),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, key, IPC_NAME_MAX),
    IPC_FIELD_U32(struct msg_jwe_decrypt, version),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, kid, 256),
    IPC_FIELD_U8(struct msg_jwe_decrypt, algorithm),
    IPC_FIELD_U8(struct msg_jwe_decrypt, encryption),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, header, 21848),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, encrypted_key, 512),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, iv, 64),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, ciphertext, IPC_PAYLOAD_MAX),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, tag, 64),
    IPC_FIELD_U8(struct msg_jwe_decrypt, point_type),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, point, 132),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, apu, 512),
    IPC_FIELD_BYTES(struct msg_jwe_decrypt, apv, 512),
};

static const struct ipc_field msg_jwe_decrypted_fields[] = {
    IPC_FIELD_BYTES(struct msg_jwe_decrypted, plaintext, IPC_PAYLOAD_MAX),
    IPC_FIELD_BYTES(struct msg_jwe_decrypted, kid, 64),
    IPC_FIELD_U32(struct msg_jwe_decrypted, version),
};

static const struct ipc_field msg_unlock_share_fields[] = {
    CALLER_FIELDS(struct msg_unlock_share),
    IPC_FIELD_BYTES(struct msg_unlock_share, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_unlock_share, header, 1024),
    IPC_FIELD_BYTES(struct msg_unlock_share, iv, 64),
    IPC_FIELD_BYTES(struct msg_unlock_share, ciphertext, 1024),
    IPC_FIELD_BYTES(struct msg_unlock_share, tag, 64),
    IPC_FIELD_BYTES(struct msg_unlock_share, point, 132),
};

static const struct ipc_field msg_cosignatures_fields[] = {
    CALLER_FIELDS(struct msg_cosignatures),
    IPC_FIELD_BYTES(struct msg_cosignatures, request_id, IPC_REQUEST_ID_MAX),
    IPC_FIELD_BYTES(struct msg_cosignatures, tree, IPC_NAME_MAX),
    IPC_FIELD_BYTES(struct msg_cosignatures, note, 16 * 1024),
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

IPC_MESSAGE(jws_sign, 0x0101, IPC_REQUEST);
IPC_MESSAGE(jwt_sign, 0x0102, IPC_REQUEST);
IPC_MESSAGE(jws_signed, 0x0103, IPC_ANSWER);
IPC_MESSAGE(raw_sign, 0x0104, IPC_REQUEST);
IPC_MESSAGE(raw_signed, 0x0105, IPC_ANSWER);
IPC_MESSAGE(verify_keys, 0x0106, IPC_REQUEST);
IPC_MESSAGE(cms_sign, 0x0170, IPC_REQUEST);
IPC_MESSAGE(cms_signed, 0x0171, IPC_ANSWER);
IPC_MESSAGE(cms_signer, 0x0172, IPC_REQUEST);
IPC_MESSAGE(cms_signer_found, 0x0173, IPC_ANSWER);
IPC_MESSAGE(read, 0x0107, IPC_REQUEST);
IPC_MESSAGE(document, 0x0108, IPC_ANSWER);
IPC_MESSAGE(change, 0x0109, IPC_REQUEST);
IPC_MESSAGE(operation_step, 0x010a, IPC_REQUEST);
IPC_MESSAGE(access_check, 0x010b, IPC_REQUEST);
IPC_MESSAGE(task, 0x0180, IPC_REQUEST);
IPC_MESSAGE(cosignatures, 0x0181, IPC_REQUEST);
IPC_MESSAGE(unlock_share, 0x0190, IPC_REQUEST);
IPC_MESSAGE(random, 0x010c, IPC_REQUEST);
IPC_MESSAGE(octets, 0x010d, IPC_ANSWER);
IPC_MESSAGE(appliance_state, 0x010e, IPC_SERVER_NOTICE);
IPC_MESSAGE(api_metrics, 0x010f, IPC_CLIENT_NOTICE);
IPC_MESSAGE(sd_jwt_sign, 0x0121, IPC_REQUEST);
IPC_MESSAGE(key_use, 0x0160, IPC_REQUEST);
IPC_MESSAGE(key_used, 0x0161, IPC_ANSWER);
IPC_MESSAGE(data_integrity_sign, 0x0120, IPC_REQUEST);
IPC_MESSAGE(cose_sign, 0x0130, IPC_REQUEST);
IPC_MESSAGE(cwt_sign, 0x0131, IPC_REQUEST);
IPC_MESSAGE(cose_signed, 0x0132, IPC_ANSWER);
IPC_MESSAGE(x509_issue, 0x0150, IPC_REQUEST);
IPC_MESSAGE(x509_issued, 0x0151, IPC_ANSWER);
IPC_MESSAGE(jwe_recipient, 0x0140, IPC_REQUEST);
IPC_MESSAGE(jwe_decrypt, 0x0141, IPC_REQUEST);
IPC_MESSAGE(jwe_decrypted, 0x0142, IPC_ANSWER);

static const struct ipc_message *const messages[] = {
    &msg_jws_sign_info,
    &msg_jwt_sign_info,
    &msg_jws_signed_info,
    &msg_raw_sign_info,
    &msg_raw_signed_info,
    &msg_verify_keys_info,
    &msg_cms_sign_info,
    &msg_cms_signed_info,
    &msg_cms_signer_info,
    &msg_cms_signer_found_info,
    &msg_read_info,
    &msg_document_info,
    &msg_change_info,
    &msg_operation_step_info,
    &msg_access_check_info,
    &msg_task_info,
    &msg_cosignatures_info,
    &msg_random_info,
    &msg_unlock_share_info,
    &msg_octets_info,
    &msg_appliance_state_info,
    &msg_api_metrics_info,
    &msg_problem_info,
    &msg_key_use_info,
    &msg_key_used_info,
    &msg_data_integrity_sign_info,
    &msg_x509_issue_info,
    &msg_x509_issued_info,
    &msg_sd_jwt_sign_info,
    &msg_cose_sign_info,
    &msg_cwt_sign_info,
    &msg_cose_signed_info,
    &msg_jwe_recipient_info,
    &msg_jwe_decrypt_info,
    &msg_jwe_decrypted_info,
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
