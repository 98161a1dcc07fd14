#include "keystore/signing/jose.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/x5c.h"

#define INCLUDE_CERTIFICATE (JWS_INCLUDE_X5C | JWS_INCLUDE_X5T_S256)
#define INCLUDE_ALL         (INCLUDE_CERTIFICATE | JWS_INCLUDE_JWK)

#define JWK_MAX      4096u
#define X5C_MAX      (32u * 1024u) /* base64 of CERTIFICATE_OCTETS_MAX, and quotes */
#define X5T_TEXT_LEN 43u           /* base64url of a SHA-256 */

/* What the header carries besides, while it is being built. */
struct include {
    struct ps_buf jwk;
    struct ps_buf x5c;
    char x5t_s256[X5T_TEXT_LEN];
};

static void include_clear(struct include *include)
{
    ps_buf_clear(&include->jwk);
    ps_buf_clear(&include->x5c);
}

static bool put_jwk(struct sign_request *request, struct include *include,
                    struct problem_answer *ret_answer)
{
    struct public_key *key;
    const enum ps_err err = version_public_key(request->version, &key);

    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    public_key_put_jwk(key, PS_ALG_NONE, NULL, &include->jwk);
    return true;
}

static bool put_certificate(struct sign_request *request, uint8_t wanted, struct jws_header *header,
                            struct include *include, struct problem_answer *ret_answer)
{
    const struct key_certificate *certificate;

    if (!build_certificate(request, &certificate, ret_answer)) {
        return false;
    }
    if ((wanted & JWS_INCLUDE_X5C) != 0) {
        x5c_put(certificate->chain, certificate->count, &include->x5c);
        header->x5c = ps_buf_bytes(&include->x5c);
    }
    if ((wanted & JWS_INCLUDE_X5T_S256) != 0) {
        ps_base64url_encode(ps_bytes(certificate->leaf_hash, sizeof certificate->leaf_hash),
                            include->x5t_s256);
        header->x5t_s256 = ps_bytes(include->x5t_s256, sizeof include->x5t_s256);
    }
    return true;
}

static bool put_include(struct sign_request *request, uint8_t wanted, struct jws_header *header,
                        struct include *include, struct problem_answer *ret_answer)
{
    if ((wanted & ~INCLUDE_ALL) != 0) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED, "include: an unknown member");
    }
    if ((wanted & INCLUDE_CERTIFICATE) != 0 &&
        !put_certificate(request, wanted, header, include, ret_answer)) {
        return false;
    }
    if ((wanted & JWS_INCLUDE_JWK) != 0 && !put_jwk(request, include, ret_answer)) {
        return false;
    }
    header->jwk = ps_buf_bytes(&include->jwk);
    return true;
}

bool jose_build(struct sign_request *request, struct jws_header *header, uint8_t include,
                struct ps_bytes payload, struct problem_answer *ret_answer)
{
    struct signer *signer = request->signer;
    PS_CLEANUP(include_clear)
    struct include included = {.jwk.max = JWK_MAX, .x5c.max = X5C_MAX};
    enum ps_err err;

    if (!put_include(request, include, header, &included, ret_answer)) {
        return false;
    }
    header->alg = request->algorithm;
    header->kid = ps_bytes_str(request->version->kid);
    ps_buf_reset(&signer->header);
    err = jws_put_header(header, &signer->header);
    if (err == PS_OK) {
        err = ps_buf_status(&included.jwk);
    }
    if (err == PS_OK) {
        err = ps_buf_status(&included.x5c);
    }
    if (err == PS_OK) {
        err = jws_put_signing_input(ps_buf_bytes(&signer->header), payload, header->unencoded,
                                    &request->input, &request->header_len);
    }
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    return build_digest(request, ret_answer);
}

struct jwt_pins jose_pins_of(const struct key *key)
{
    return (struct jwt_pins){.issuer = ps_bytes_str(key->jwt_issuer),
                             .max_ttl_s = (uint32_t)key->jwt_max_ttl_s};
}

void jose_put_answer(const struct sign_request *request)
{
    const struct msg_jws_signed message = {
        .protected_header = ps_bytes(request->input.data, request->header_len),
        .payload = ps_buf_bytes(&request->payload),
        .signature = ps_bytes(request->signature, request->signature_len),
        .kid = ps_bytes_str(request->version->kid),
        .algorithm = ps_bytes_str(ps_alg_info(request->algorithm)->name),
        .version = request->version->number,
    };

    answer_send(&request->to, &msg_jws_signed_info, &message);
}
