#include "keystore/signing/aes_gcm.h"
#include "keystore/signing/steps.h"
#include "lib/base/reader.h"

/*
 * Decryption: of what an AES key encrypted, and of RSA-OAEP-256. The leaf has the hash of what came
 * in, never one of a plaintext.
 */

static bool take_plaintext(struct sign_request *request, const struct msg_token_used *used)
{
    if (used == NULL) {
        return false;
    }
    ps_buf_put(&request->payload, used->octets);
    return true;
}

static const struct sign_kind oaep_kind = {.operation = GRANTED_DECRYPT,
                                           .usage = PS_USAGE_DECRYPT,
                                           .leaf = "decrypt",
                                           .is_processing = true,
                                           .take = take_plaintext,
                                           .put_answer = key_use_put_answer};

static const struct sign_kind gcm_kind = {.operation = GRANTED_DECRYPT,
                                          .usage = PS_USAGE_ENCRYPT,
                                          .leaf = "decrypt",
                                          .is_processing = true,
                                          .take = take_plaintext,
                                          .put_answer = key_use_put_answer};

static void begin_oaep(struct signer *signer, const struct reply_to *to,
                       const struct msg_key_use *message)
{
    struct sign_request *request = key_use_begin(signer, to, &oaep_kind, message, message->version);

    if (request == NULL) {
        return;
    }
    if (ps_key_type_info(request->key->type)->family != PS_FAMILY_RSA) {
        key_use_refuse(request, PS_PROBLEM_KEY_MISMATCH,
                       "keys of this type decrypt JWEs only: POST /v1/jwe/decrypt");
        return;
    }
    if (message->associated.len != 0) {
        key_use_refuse(request, PS_PROBLEM_REFUSED, "aad: RSA-OAEP has none");
        return;
    }
    use_decrypt_oaep(request, message->data);
    use_set_hash(request, message->data);
    key_use_send(request);
}

/* A ciphertext of ours, in its parts. */
struct sealed {
    struct ps_bytes head;
    uint32_t version;
    struct ps_bytes nonce;
    struct ps_bytes octets; /* and the tag */
};

/* False: it is none, or of no version that there is. */
static bool read_sealed(const struct key *key, struct ps_bytes ciphertext, struct sealed *sealed)
{
    struct ps_reader reader = ps_reader(ciphertext);
    uint8_t form;

    sealed->head = ps_bytes(ciphertext.data, AES_GCM_HEAD);
    form = ps_reader_u8(&reader);
    sealed->version = ps_reader_u32(&reader);
    sealed->nonce = ps_reader_take(&reader, TOKEN_GCM_NONCE);
    sealed->octets = ps_bytes_from(ciphertext, ciphertext.len < AES_GCM_HEAD + TOKEN_GCM_NONCE
                                                   ? ciphertext.len
                                                   : AES_GCM_HEAD + TOKEN_GCM_NONCE);
    return ciphertext.len >= AES_GCM_EXTRA && form == AES_GCM_FORM &&
           key_version(key, sealed->version) != NULL;
}

/* What can never be opened is opened all the same: as many octets, with a nonce of zeros. */
static void put_substitute(struct sign_request *request, struct ps_bytes ciphertext)
{
    static const uint8_t zeros[TOKEN_GCM_TAG];

    request->is_spoilt = true;
    memset(request->nonce, 0, sizeof request->nonce);
    use_octets(request, TOKEN_DECRYPT_GCM, ciphertext);
    if (ciphertext.len < TOKEN_GCM_TAG) {
        ps_buf_put(&request->input, ps_bytes(zeros, sizeof zeros));
    }
}

static void begin_gcm(struct signer *signer, const struct reply_to *to,
                      const struct msg_key_use *message, const struct key *key)
{
    struct sealed sealed;
    const bool is_ours = read_sealed(key, message->data, &sealed);
    struct sign_request *request =
        key_use_begin(signer, to, &gcm_kind, message, is_ours ? sealed.version : 0);

    if (request == NULL) {
        return;
    }
    if (message->version != 0) {
        key_use_refuse(request, PS_PROBLEM_REFUSED, "version: a ciphertext of an AES key says it");
        return;
    }
    if (is_ours) {
        ps_buf_put(&request->associated, sealed.head);
        memcpy(request->nonce, sealed.nonce.data, sizeof request->nonce);
        use_octets(request, TOKEN_DECRYPT_GCM, sealed.octets);
    } else {
        put_substitute(request, message->data);
    }
    ps_buf_put(&request->associated, message->associated);
    use_set_hash(request, message->data);
    key_use_send(request);
}

void decrypt_begin(struct signer *signer, const struct reply_to *to,
                   const struct msg_key_use *message)
{
    const struct key *key = keys_find(signer->keeper->keys, message->key);

    if (key != NULL && key->usage == PS_USAGE_ENCRYPT) {
        begin_gcm(signer, to, message, key);
    } else {
        begin_oaep(signer, to, message);
    }
}
