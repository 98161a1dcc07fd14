#include "keystore/signing/jose.h"

#include "keystore/state/check.h"
#include "lib/base/encode.h"
#include "lib/formats/jose/sd_jwt.h"

/* JWS and JWT (RFC 7515, RFC 7797, RFC 7519). */

#define JTI_OCTETS   16u
#define JTI_TEXT_LEN 22u /* base64url of JTI_OCTETS */
#define TYPE_MAX     64u

static bool is_pinned(const struct key *key)
{
    return key->jwt_type[0] != 0 || key->jwt_issuer[0] != 0 || key->jwt_max_ttl_s != 0;
}

/*
 * What a key pins for its JWTs holds on this route too: otherwise a JWT built by the caller and
 * signed as any octets would get round it.
 */
static bool holds_pins(struct sign_request *request, const struct msg_jws_sign *message,
                       struct problem_answer *ret_answer)
{
    struct signer *signer = request->signer;
    const struct key *key = request->key;
    const struct jwt_pins pins = jose_pins_of(key);
    const struct jwt_defaults none = {.now_s = request->arrived_real_ns / PS_NS_PER_S};
    struct json_value members;
    struct json_value type;
    struct ps_bytes text;

    if (key->jwt_type[0] != 0 &&
        (json_parse(signer->parser, message->header, &JSON_LIMITS_REQUEST, &members) != PS_OK ||
         json_type(members) != JSON_OBJECT || !json_member(members, "typ", &type) ||
         json_string(type, &text) != PS_OK || !ps_bytes_equal_str(text, key->jwt_type))) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED, "header: the key pins another `typ`");
    }
    if (key->jwt_issuer[0] == 0 && key->jwt_max_ttl_s == 0) {
        return true;
    }
    if (message->unencoded != 0 ||
        jwt_put_payload(message->payload, &none, &pins, &request->payload) != PS_OK) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            "payload: the key signs only JWTs with the `iss` and lifetime it pins");
    }
    ps_buf_reset(&request->payload);
    return true;
}

static bool build_jws(struct sign_request *request, const void *asked,
                      struct problem_answer *ret_answer)
{
    const struct msg_jws_sign *message = asked;
    struct jws_header header = {.members = message->header, .unencoded = message->unencoded != 0};

    if (is_pinned(request->key) && !holds_pins(request, message, ret_answer)) {
        return false;
    }
    return jose_build(request, &header, message->include, message->payload, ret_answer);
}

static bool choose_type(const struct sign_request *request, struct ps_bytes asked, char *out,
                        struct problem_answer *ret_answer)
{
    const char *pinned = request->key->jwt_type;
    struct ps_bytes type = asked;

    if (pinned[0] != 0 && asked.len != 0 && !ps_bytes_equal_str(asked, pinned)) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED, "typ: the key pins another one");
    }
    if (type.len == 0) {
        type = ps_bytes_str(pinned[0] != 0 ? pinned : "JWT");
    }
    if (type.len > TYPE_MAX || memchr(type.data, 0, type.len) != NULL || !ps_utf8_valid(type)) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED,
                            "typ: not a text of at most 64 octets");
    }
    if (sd_jwt_is_type(type)) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED, "typ: one of SD-JWTs, see sd-jwt/sign");
    }
    memcpy(out, type.data, type.len);
    out[type.len] = 0;
    return true;
}

static bool build_jwt(struct sign_request *request, const void *asked,
                      struct problem_answer *ret_answer)
{
    const struct msg_jwt_sign *message = asked;
    struct signer *signer = request->signer;
    const struct jwt_pins pins = jose_pins_of(request->key);
    uint8_t jti[JTI_OCTETS];
    char jti_text[JTI_TEXT_LEN];
    char type[TYPE_MAX + 1];
    struct jws_header header = {.type = type};
    const struct jwt_defaults defaults = {.now_s = request->arrived_real_ns / PS_NS_PER_S,
                                          .ttl_s = message->ttl_s,
                                          .jti = ps_bytes(jti_text, sizeof jti_text)};
    enum ps_err err;

    if (!check_clock_is_good(signer->keeper->check)) {
        return build_refuse(ret_answer, PS_PROBLEM_CLOCK_UNSETTLED,
                            "the clock stepped or is behind the log; times are not signed");
    }
    if (!choose_type(request, message->type, type, ret_answer)) {
        return false;
    }
    signer_random(signer, jti, sizeof jti);
    ps_base64url_encode(ps_bytes(jti, sizeof jti), jti_text);
    err = jwt_put_payload(message->claims, &defaults, &pins, &request->payload);
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    return jose_build(request, &header, message->include, ps_buf_bytes(&request->payload),
                      ret_answer);
}

static const struct sign_kind jws_kind = {.operation = GRANTED_JWS_SIGN,
                                          .usage = PS_USAGE_SIGN,
                                          .format = PS_FORMAT_JWS,
                                          .put_answer = jose_put_answer};

void signer_sign_jws(struct signer *signer, const struct reply_to *to,
                     const struct msg_jws_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm};

    sign_request_serve(signer, to, &jws_kind, &wish, build_jws, message);
}

void signer_sign_jwt(struct signer *signer, const struct reply_to *to,
                     const struct msg_jwt_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm};

    sign_request_serve(signer, to, &jws_kind, &wish, build_jwt, message);
}
