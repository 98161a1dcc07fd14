#include "tests/bench/verify_ldp.h"

#include "lib/base/base58.h"
#include "lib/jsonld/canonical_hash.h"

#define DOCUMENT_MAX (1024u * 1024u)

/* An object's text without its last member, which this is, and without its brace. */
static struct ps_bytes before(struct json_value object, const char *name, struct json_value member)
{
    const struct ps_bytes text = json_raw(object);
    const size_t to_value = (size_t)(json_raw(member).data - text.data);

    return ps_bytes(text.data, to_value - strlen(name) - strlen(",\"\":"));
}

static enum ps_err hash_both(struct json_value credential, struct json_value proof,
                             const struct jsonld_contexts *contexts, uint8_t *ret_block)
{
    PS_BUF_AUTO document = {.max = DOCUMENT_MAX};
    PS_BUF_AUTO options = {.max = DOCUMENT_MAX};
    struct json_value names;
    struct json_value value;

    if (!json_member(credential, "@context", &names) || !json_member(proof, "proofValue", &value)) {
        return PS_E_INPUT;
    }
    ps_buf_put(&document, before(credential, "proof", proof));
    ps_buf_put_u8(&document, '}');
    ps_buf_printf(&options, "{\"@context\":%.*s,", PS_BYTES_FMT(json_raw(names)));
    ps_buf_put(&options, ps_bytes_from(before(proof, "proofValue", value), 1));
    ps_buf_put_u8(&options, '}');
    PS_TRY(ps_buf_status(&document));
    PS_TRY(ps_buf_status(&options));
    PS_TRY(jsonld_canonical_hash(ps_buf_bytes(&options), contexts, ret_block));
    return jsonld_canonical_hash(ps_buf_bytes(&document), contexts, ret_block + PS_SHA256_LEN);
}

bool verify_ldp(struct json_value credential, const struct jsonld_contexts *contexts,
                struct public_key *key)
{
    uint8_t block[2 * PS_SHA256_LEN];
    PS_BUF_AUTO signature = {.max = 64};
    struct json_value proof;
    struct json_value value;
    struct ps_bytes text;

    /* A multibase text that begins with "z" goes on with base58. */
    return json_member(credential, "proof", &proof) && json_member(proof, "proofValue", &value) &&
           json_string(value, &text) == PS_OK && text.len != 0 && text.data[0] == 'z' &&
           ps_base58btc_decode(ps_bytes_from(text, 1), &signature) == PS_OK &&
           hash_both(credential, proof, contexts, block) == PS_OK &&
           public_key_verify(key, PS_ALG_EDDSA, ps_bytes(block, sizeof block),
                             ps_buf_bytes(&signature)) == PS_OK;
}
