#include "pkcs11/wrapped/make.h"

#include "pkcs11/objects/generate.h"
#include "pkcs11/wrapped/wrapping.h"

enum ps_err wrapped_seal(struct session *session, CK_OBJECT_HANDLE own, struct wrapped_key *key,
                         struct ps_buf *out)
{
    struct wrapped_handles handles;
    CK_MECHANISM mechanism = {0, NULL, 0};
    uint8_t mac[TOKEN_MAC_LEN];

    ps_buf_init(out, TOKEN_BLOB_MAX + TOKEN_MAC_LEN);
    PS_TRY(wrapping_find_mechanism(session->profile, &mechanism.mechanism));
    PS_TRY(wrapped_find_handles(session, &key->record, &handles));
    PS_TRY(wrapping_wrap(session, &mechanism, handles.wrapping, own, TOKEN_BLOB_MAX, out));
    key->record.blob = ps_buf_bytes(out);
    PS_TRY(wrapped_make_mac(session, handles.mac, key, mac));
    ps_buf_put(out, ps_bytes(mac, sizeof mac));
    return ps_buf_status(out);
}

struct msg_token_wrapped wrapped_message(const struct ps_buf *sealed)
{
    const struct ps_bytes octets = ps_buf_bytes(sealed);
    const size_t blob_len = octets.len - TOKEN_MAC_LEN;

    return (struct msg_token_wrapped){.blob = ps_bytes(octets.data, blob_len),
                                      .mac = ps_bytes_from(octets, blob_len)};
}

static enum ps_err make(struct session *session, struct wrapped_key *key,
                        struct admin_answer *answer)
{
    const struct template_request request = {
        .id = key->id,
        .label = key->record.name,
        .type = key->type,
        .usage = (enum ps_usage)key->record.usage,
        .algorithms = key->record.algorithms,
        .extractable = true,
        .is_session = true,
    };
    struct generated pair;
    enum ps_err err;

    PS_TRY(template_check(session->profile, &request));
    PS_TRY(generate_pair(session, &request, &pair, answer));
    key->record.public_key = ps_buf_bytes(&answer->first);
    err = wrapped_seal(session, pair.own, key, &answer->third);
    generate_undo(session, &pair);
    return err;
}

enum ps_err wrapped_make(struct admin_context *context, const void *message,
                         struct admin_answer *ret_answer)
{
    const struct msg_token_make_wrapped *asked = message;
    struct session *session = context->session;
    struct wrapped_key key;

    PS_TRY(
        wrapped_key_read(asked->object_id, (enum ps_key_type)asked->key_type, asked->record, &key));
    if ((session->profile->wrappable >> key.type & 1u) == 0) {
        return ps_fail(PS_E_DENIED, 0, "the token does not wrap keys of this type");
    }
    PS_TRY(make(session, &key, ret_answer));
    ret_answer->info = &msg_token_wrapped_info;
    ret_answer->message.wrapped = wrapped_message(&ret_answer->third);
    ret_answer->message.wrapped.public_key = ps_buf_bytes(&ret_answer->first);
    ret_answer->message.wrapped.attributes = ps_buf_bytes(&ret_answer->second);
    return PS_OK;
}
