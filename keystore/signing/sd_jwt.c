#include "lib/formats/jose/sd_jwt.h"
#include "keystore/signing/jose.h"
#include "lib/formats/jose/x5c.h"

/*
 * The part of an SD-JWT that its issuer signs: a JWS whose `typ` says so, which no other route
 * writes, and whose payload was checked for what that means.
 */

/* OpenID4VC HAIP 1.0: the certificate that signs a credential is not its own issuer. */
static bool has_anchor_alone(const struct key_version *version)
{
    const struct key_certificate *certificate = version_certificate(version);

    return certificate != NULL && x5c_is_self_issued(certificate->chain[0]);
}

static bool build(struct sign_request *request, const void *asked,
                  struct problem_answer *ret_answer)
{
    const struct msg_sd_jwt_sign *message = asked;
    const struct jwt_pins pins = jose_pins_of(request->key);
    const char *pinned = request->key->jwt_type;
    char type[SD_JWT_TYPE_MAX + 1];
    struct jws_header header = {.type = type};
    enum ps_err err;

    if (pinned[0] != 0 && !ps_bytes_equal_str(message->type, pinned)) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED, "typ: the key pins another one");
    }
    err = sd_jwt_check(message->payload, message->type, request->arrived_real_ns / PS_NS_PER_S,
                       &pins);
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    if ((message->include & JWS_INCLUDE_X5C) != 0 && has_anchor_alone(request->version)) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            "include: the key's certificate is self-signed, which no verifier of "
                            "credentials takes; install one that somebody issued");
    }
    memcpy(type, message->type.data, message->type.len);
    type[message->type.len] = 0;
    return jose_build(request, &header, message->include, message->payload, ret_answer);
}

static const struct sign_kind sd_jwt_kind = {.operation = GRANTED_JWS_SIGN,
                                             .usage = PS_USAGE_SIGN,
                                             .format = PS_FORMAT_JWS,
                                             .put_answer = jose_put_answer};

void signer_sign_sd_jwt(struct signer *signer, const struct reply_to *to,
                        const struct msg_sd_jwt_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm};

    sign_request_serve(signer, to, &sd_jwt_kind, &wish, build, message);
}
