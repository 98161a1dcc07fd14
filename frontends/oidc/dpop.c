#include "frontends/oidc/dpop.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

static enum ps_err deny(const char *why)
{
    return ps_fail(PS_E_DENIED, 0, "DPoP: %s", why);
}

static void make_nonce(char ret_nonce[DPOP_NONCE_LEN + 1])
{
    uint8_t random[16];

    ps_random(random, sizeof random);
    ps_base64url_encode(ps_bytes(random, sizeof random), ret_nonce);
    ret_nonce[DPOP_NONCE_LEN] = '\0';
}

const char *dpop_nonce(struct dpop_nonces *nonces, uint64_t now_s)
{
    if (nonces->newest[0] == '\0' || now_s >= nonces->since_s + DPOP_NONCE_S) {
        if (nonces->newest[0] != '\0' && now_s < nonces->since_s + 2 * DPOP_NONCE_S) {
            memcpy(nonces->before, nonces->newest, sizeof nonces->before);
        } else {
            make_nonce(nonces->before);
        }
        make_nonce(nonces->newest);
        nonces->since_s = now_s;
    }
    return nonces->newest;
}

static bool has_nonce(const struct dpop_request *request, struct ps_bytes nonce)
{
    const struct dpop_nonces *nonces = request->nonces;

    if (nonces == NULL) {
        return true;
    }
    (void)dpop_nonce(request->nonces, request->now_s);
    return ps_bytes_equal(nonce, ps_bytes(nonces->newest, DPOP_NONCE_LEN)) ||
           ps_bytes_equal(nonce, ps_bytes(nonces->before, DPOP_NONCE_LEN));
}

enum ps_err dpop_check(const struct dpop_request *request, struct ps_bytes proof,
                       struct dpop_key *ret_key)
{
    const struct dpop_expected expected = {.method = request->method,
                                           .url = request->url,
                                           .token = request->token,
                                           .now_s = request->now_s};
    PS_BUF_AUTO memory = {.max = 4 * DPOP_MAX};
    struct dpop_proof read = {.issued_s = 0};
    enum ps_err err;

    PS_TRY(dpop_proof_read(proof, &expected, request->json, &memory, &read));
    if (!has_nonce(request, read.nonce)) {
        return ps_fail(PS_E_STATE, 0, "DPoP: nonce is not one of ours");
    }
    if (store_may_forget(request->store, read.issued_s - DPOP_LEEWAY_S)) {
        return deny("it was signed before this machine started");
    }
    err = store_use_once(request->store, ps_bytes(read.jkt, sizeof read.jkt), read.jti,
                         read.issued_s + DPOP_AGE_S + DPOP_LEEWAY_S);
    if (err == PS_E_CONFLICT) {
        return deny("jti was used already");
    }
    PS_TRY(err);
    memcpy(ret_key->jkt, read.jkt, sizeof ret_key->jkt);
    return PS_OK;
}
