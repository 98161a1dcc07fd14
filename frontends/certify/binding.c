#include "frontends/certify/binding.h"

#include "frontends/shared/dpop_proof.h"

#define KEPT_MAX 1024u

static enum ps_err deny(const char *why)
{
    return ps_fail(PS_E_DENIED, 0, "DPoP: %s", why);
}

/* Among used nonces, whose texts have no space. */
static enum ps_err use_once(const struct binding *binding, const struct dpop_proof *proof)
{
    PS_BUF_AUTO kept = {.max = KEPT_MAX};
    struct wallet_nonce used = {.whose = ps_buf_bytes(&binding->token->whose),
                                .until_s = proof->issued_s + DPOP_AGE_S + DPOP_LEEWAY_S};
    enum ps_err err;

    ps_buf_put_str(&kept, "dpop ");
    ps_buf_put(&kept, ps_bytes(proof->jkt, sizeof proof->jkt));
    ps_buf_put(&kept, proof->jti);
    PS_TRY(ps_buf_status(&kept));
    used.text = ps_buf_bytes(&kept);
    err = wallet_nonces_use(binding->nonces, &used, binding->now_s);
    return err == PS_E_CONFLICT ? deny("jti was used already") : err;
}

enum ps_err binding_check(const struct binding *binding, struct json *json)
{
    const struct dpop_expected expected = {.method = "POST",
                                           .url = binding->url,
                                           .token = binding->token_text,
                                           .now_s = binding->now_s};
    struct dpop_proof proof = {.issued_s = 0};
    PS_BUF_AUTO memory = {.max = 4 * DPOP_MAX};
    uint64_t until_s;

    PS_TRY(dpop_proof_read(binding->proof, &expected, json, &memory, &proof));
    if (memcmp(proof.jkt, binding->token->jkt, sizeof proof.jkt) != 0) {
        return deny("it is of another key than the token");
    }
    if (!wallet_nonces_is_ours(binding->nonces, proof.nonce, binding->now_s, &until_s)) {
        return ps_fail(PS_E_STATE, 0, "DPoP: nonce is none that may be used now");
    }
    return use_once(binding, &proof);
}
