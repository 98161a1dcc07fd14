#include "keystore/signing/steps.h"

#include "lib/formats/jose/jwe.h"

/*
 * A JWE (RFC 7516) is decrypted: the token opens the encrypted key or agrees on a secret, the rest
 * is done here. What came in is kept as the message it came in until then.
 */

static struct jwe_sealed sealed_of(const struct msg_jwe_decrypt *message)
{
    return (struct jwe_sealed){.alg = (enum jwe_alg)message->algorithm,
                               .enc = (enum jwe_enc)message->encryption,
                               .header_b64 = message->header,
                               .encrypted_key = message->encrypted_key,
                               .iv = message->iv,
                               .ciphertext = message->ciphertext,
                               .tag = message->tag,
                               .apu = message->apu,
                               .apv = message->apv};
}

/* Also what could not be opened by the token goes all the way to the content's tag. */
static bool take(struct sign_request *request, const struct msg_token_used *used)
{
    struct msg_jwe_decrypt message = {0};
    struct jwe_sealed jwe;
    enum ps_err err =
        ipc_decode(&msg_jwe_decrypt_info, ps_buf_bytes(&request->associated), &message);

    if (err == PS_OK) {
        jwe = sealed_of(&message);
        err = jwe_open(&jwe, used == NULL ? ps_bytes(NULL, 0) : used->octets, &request->payload);
    }
    if (err != PS_OK && err != PS_E_DENIED) {
        request->payload.err = err;
    }
    return err != PS_E_DENIED;
}

static void put_plaintext(const struct sign_request *request)
{
    const struct msg_jwe_decrypted message = {.plaintext = ps_buf_bytes(&request->payload),
                                              .kid = ps_bytes_str(request->version->kid),
                                              .version = request->version->number};

    answer_send(&request->to, &msg_jwe_decrypted_info, &message);
}

static const struct sign_kind jwe_kind = {.operation = GRANTED_JWE_DECRYPT,
                                          .usage = PS_USAGE_DECRYPT,
                                          .leaf = "jwe.decrypt",
                                          .is_processing = true,
                                          .take = take,
                                          .put_answer = put_plaintext};

/* The hash of the text as it came: whoever has the JWE finds its leaf. */
static enum ps_err hash_text(struct sign_request *request, const struct jwe_sealed *jwe)
{
    PS_BUF_AUTO text = {.max = 2 * IPC_PAYLOAD_MAX};

    jwe_put_compact(jwe, &text);
    PS_TRY(ps_buf_status(&text));
    use_set_hash(request, ps_buf_bytes(&text));
    return PS_OK;
}

static bool build(struct sign_request *request, const void *asked,
                  struct problem_answer *ret_answer)
{
    const struct msg_jwe_decrypt *message = asked;
    const struct jwe_sealed jwe = sealed_of(message);
    enum ps_err err;

    if (jwe_enc_name(jwe.enc) == NULL) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED, "no encryption of this number");
    }
    if (!jwe_alg_fits(jwe.alg, request->key->type)) {
        return build_refuse(ret_answer, PS_PROBLEM_KEY_MISMATCH,
                            "keys of this type do not do the `alg` of the header");
    }
    err = hash_text(request, &jwe);
    if (err == PS_OK) {
        err = ipc_encode(&msg_jwe_decrypt_info, message, &request->associated);
    }
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    if (jwe.alg == JWE_RSA_OAEP_256) {
        use_decrypt_oaep(request, message->encrypted_key);
    } else {
        /* A point of another curve is as good as none. */
        use_derive_ecdh(request, message->point_type == (uint8_t)request->key->type
                                     ? message->point
                                     : ps_bytes(NULL, 0));
    }
    return build_use(request, ret_answer);
}

void signer_decrypt_jwe(struct signer *signer, const struct reply_to *to,
                        const struct msg_jwe_decrypt *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .version = message->version,
                              .kid = message->kid};

    sign_request_serve(signer, to, &jwe_kind, &wish, build, message);
}
