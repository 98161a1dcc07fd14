#include "keystore/signing/steps.h"

#include "keystore/check.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/formats/jws.h"

#define JTI_OCTETS   16u
#define JTI_TEXT_LEN 22u /* base64url of JTI_OCTETS */
#define TYPE_MAX     64u

/* Up to so much is not worth a copy; and what all requests together may hold. */
#define KEPT_WHOLE (16u * 1024u)
#define OCTETS_MAX (128u * 1024u * 1024u)

static bool refuse(struct problem_answer *ret_answer, enum ps_problem problem, const char *detail)
{
    *ret_answer = (struct problem_answer){.problem = problem, .detail = detail};
    return false;
}

/* Of a function of lib/formats: its detail names the member. */
static bool refuse_error(struct problem_answer *ret_answer, enum ps_err err)
{
    const enum ps_problem problem =
        err == PS_E_DENIED ? PS_PROBLEM_REFUSED : ps_problem_of_err(err);

    return refuse(ret_answer, problem, ps_detail()->text);
}

/*
 * Once it is hashed, only the header of what was signed is needed: a thousand large documents that
 * wait for an RSA key must not fill the memory.
 */
static enum ps_err drop_hashed(struct sign_request *request)
{
    const size_t kept = request->header_len;
    struct ps_buf header;

    if (request->input.cap <= KEPT_WHOLE) {
        return PS_OK;
    }
    ps_buf_init(&header, request->input.max);
    ps_buf_put(&header, ps_bytes(request->input.data, kept));
    ps_buf_wipe(&request->input);
    request->input = header;
    return ps_buf_status(&request->input);
}

static enum ps_err hash_input(struct sign_request *request, const struct ps_alg_info *info)
{
    const struct ps_bytes input = ps_buf_bytes(&request->input);

    if (info->signs_message) {
        request->digest_len = 0;
        return PS_OK;
    }
    ps_hash_parts(info->hash, &input, 1, request->digest);
    request->digest_len = ps_hash_len(info->hash);
    return drop_hashed(request);
}

/* Frames to the token have an end; EdDSA hands the whole input over. */
static bool input_fits(struct sign_request *request, const struct ps_alg_info *info,
                       struct problem_answer *ret_answer)
{
    struct signer *signer = request->signer;

    request->octets = request->input.len + request->payload.len;
    signer->octets += request->octets;
    if (signer->octets > OCTETS_MAX) {
        return refuse(ret_answer, PS_PROBLEM_OVERLOADED, "too much is waiting to be signed");
    }
    if (info->signs_message && request->input.len > IPC_PAYLOAD_MAX) {
        return refuse(ret_answer, PS_PROBLEM_TOO_LARGE,
                      "the signing input is over 1 MiB, too long for EdDSA in the token");
    }
    return true;
}

static bool put_include(struct sign_request *request, uint8_t include, struct ps_buf *jwk,
                        struct problem_answer *ret_answer)
{
    struct public_key *key;
    enum ps_err err;

    if ((include & ~(JWS_INCLUDE_X5C | JWS_INCLUDE_X5T_S256 | JWS_INCLUDE_JWK)) != 0) {
        return refuse(ret_answer, PS_PROBLEM_MALFORMED, "include: an unknown member");
    }
    if ((include & (JWS_INCLUDE_X5C | JWS_INCLUDE_X5T_S256)) != 0) {
        return refuse(ret_answer, PS_PROBLEM_REFUSED, "include: the key has no certificate");
    }
    if ((include & JWS_INCLUDE_JWK) == 0) {
        return true;
    }
    err = version_public_key(request->version, &key);
    if (err != PS_OK) {
        return refuse_error(ret_answer, err);
    }
    public_key_put_jwk(key, PS_ALG_NONE, NULL, jwk);
    return true;
}

/* Header, signing input and digest from what the caller gave and what is ours. */
static bool build_input(struct sign_request *request, struct jws_header *header, uint8_t include,
                        struct ps_bytes payload, struct problem_answer *ret_answer)
{
    struct signer *signer = request->signer;
    const struct ps_alg_info *info = ps_alg_info(request->algorithm);
    enum ps_err err;
    PS_BUF_AUTO jwk;

    ps_buf_init(&jwk, 4096);
    if (!put_include(request, include, &jwk, ret_answer)) {
        return false;
    }
    header->alg = request->algorithm;
    header->kid = ps_bytes_str(request->version->kid);
    header->jwk = ps_buf_bytes(&jwk);
    ps_buf_reset(&signer->header);
    err = jws_put_header(header, &signer->header);
    if (err == PS_OK) {
        err = jws_put_signing_input(ps_buf_bytes(&signer->header), payload, header->unencoded,
                                    &request->input, &request->header_len);
    }
    if (err != PS_OK) {
        return refuse_error(ret_answer, err);
    }
    err = hash_input(request, info);
    if (err != PS_OK) {
        return refuse_error(ret_answer, err);
    }
    return input_fits(request, info, ret_answer);
}

static struct jwt_pins pins_of(const struct key *key)
{
    return (struct jwt_pins){.issuer = ps_bytes_str(key->jwt_issuer),
                             .max_ttl_s = (uint32_t)key->jwt_max_ttl_s};
}

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
    const struct jwt_pins pins = pins_of(key);
    const struct jwt_defaults none = {.now_s = request->arrived_real_ns / PS_NS_PER_S};
    struct json_value members;
    struct json_value type;
    struct ps_bytes text;

    if (key->jwt_type[0] != 0 &&
        (json_parse(signer->parser, message->header, &JSON_LIMITS_REQUEST, &members) != PS_OK ||
         json_type(members) != JSON_OBJECT || !json_member(members, "typ", &type) ||
         json_string(type, &text) != PS_OK || !ps_bytes_equal_str(text, key->jwt_type))) {
        return refuse(ret_answer, PS_PROBLEM_REFUSED, "header: the key pins another `typ`");
    }
    if (key->jwt_issuer[0] == 0 && key->jwt_max_ttl_s == 0) {
        return true;
    }
    if (message->unencoded != 0 ||
        jwt_put_payload(message->payload, &none, &pins, &request->payload) != PS_OK) {
        return refuse(ret_answer, PS_PROBLEM_REFUSED,
                      "payload: the key signs only JWTs with the `iss` and lifetime it pins");
    }
    ps_buf_reset(&request->payload);
    return true;
}

bool build_jws(struct sign_request *request, const struct msg_jws_sign *message,
               struct problem_answer *ret_answer)
{
    struct jws_header header = {.members = message->header, .unencoded = message->unencoded != 0};

    if (is_pinned(request->key) && !holds_pins(request, message, ret_answer)) {
        return false;
    }
    return build_input(request, &header, message->include, message->payload, ret_answer);
}

static bool choose_type(const struct sign_request *request, struct ps_bytes asked, char *out,
                        struct problem_answer *ret_answer)
{
    const char *pinned = request->key->jwt_type;
    struct ps_bytes type = asked;

    if (pinned[0] != 0 && asked.len != 0 && !ps_bytes_equal_str(asked, pinned)) {
        return refuse(ret_answer, PS_PROBLEM_REFUSED, "typ: the key pins another one");
    }
    if (type.len == 0) {
        type = ps_bytes_str(pinned[0] != 0 ? pinned : "JWT");
    }
    if (type.len > TYPE_MAX || memchr(type.data, 0, type.len) != NULL || !ps_utf8_valid(type)) {
        return refuse(ret_answer, PS_PROBLEM_MALFORMED, "typ: not a text of at most 64 octets");
    }
    memcpy(out, type.data, type.len);
    out[type.len] = 0;
    return true;
}

bool build_jwt(struct sign_request *request, const struct msg_jwt_sign *message,
               struct problem_answer *ret_answer)
{
    struct signer *signer = request->signer;
    const struct jwt_pins pins = pins_of(request->key);
    uint8_t jti[JTI_OCTETS];
    char jti_text[JTI_TEXT_LEN];
    char type[TYPE_MAX + 1];
    struct jws_header header = {.type = type};
    const struct jwt_defaults defaults = {.now_s = request->arrived_real_ns / PS_NS_PER_S,
                                          .ttl_s = message->ttl_s,
                                          .jti = ps_bytes(jti_text, sizeof jti_text)};
    enum ps_err err;

    if (!check_clock_is_good(signer->keeper->check)) {
        return refuse(ret_answer, PS_PROBLEM_CLOCK_UNSETTLED,
                      "the clock stepped or is behind the log; times are not signed");
    }
    if (!choose_type(request, message->type, type, ret_answer)) {
        return false;
    }
    signer_random(signer, jti, sizeof jti);
    ps_base64url_encode(ps_bytes(jti, sizeof jti), jti_text);
    err = jwt_put_payload(message->claims, &defaults, &pins, &request->payload);
    if (err != PS_OK) {
        return refuse_error(ret_answer, err);
    }
    return build_input(request, &header, message->include, ps_buf_bytes(&request->payload),
                       ret_answer);
}

static bool take_digest(struct sign_request *request, const struct msg_raw_sign *message,
                        const struct ps_alg_info *info, struct problem_answer *ret_answer)
{
    if (message->message.len != 0) {
        return refuse(ret_answer, PS_PROBLEM_MALFORMED, "either a message or a digest");
    }
    if (info->signs_message) {
        return refuse(ret_answer, PS_PROBLEM_REFUSED, "EdDSA signs messages, not digests");
    }
    if (message->digest.len != ps_hash_len(info->hash)) {
        return refuse(ret_answer, PS_PROBLEM_REFUSED,
                      "digest: not of the length of the algorithm's hash");
    }
    memcpy(request->digest, message->digest.data, message->digest.len);
    request->digest_len = message->digest.len;
    return true;
}

bool build_raw(struct sign_request *request, const struct msg_raw_sign *message,
               struct problem_answer *ret_answer)
{
    const struct ps_alg_info *info = ps_alg_info(request->algorithm);
    enum ps_err err;

    if (message->encoding > RAW_ENCODING_DER) {
        return refuse(ret_answer, PS_PROBLEM_MALFORMED, "encoding: raw or der");
    }
    if (message->encoding == RAW_ENCODING_DER && info->scheme != PS_SCHEME_ECDSA) {
        return refuse(ret_answer, PS_PROBLEM_REFUSED, "encoding: der is for ECDSA only");
    }
    request->wants_der = message->encoding == RAW_ENCODING_DER;
    if (message->is_digest != 0) {
        return take_digest(request, message, info, ret_answer);
    }
    if (message->digest.len != 0) {
        return refuse(ret_answer, PS_PROBLEM_MALFORMED, "either a message or a digest");
    }
    ps_buf_put(&request->input, message->message);
    err = ps_buf_status(&request->input);
    if (err == PS_OK) {
        err = hash_input(request, info);
    }
    if (err != PS_OK) {
        return refuse_error(ret_answer, err);
    }
    return input_fits(request, info, ret_answer);
}
