#include "frontends/certify/ldp_vc.h"

#include "api/client/privyseal_sign.h"
#include "frontends/certify/appliance.h"
#include "frontends/certify/configuration_ldp.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/jsonld/canonical_hash.h"

#define PROOF_MAX_OCTETS 4096u

/* What becomes of one proof. */
struct making {
    const struct issue *issue;
    const struct ldp_suite *suite;
    uint8_t document_hash[PS_SHA256_LEN];
    struct issuer_key key;
    struct ps_buf members; /* of the proof, without its value */
};

static void clear(struct making *making)
{
    ps_buf_clear(&making->members);
}

static void put_members(const struct ldp_suite *suite, const char *created, struct ps_bytes did,
                        const struct issuer_key *key, struct ps_buf *out)
{
    ps_buf_printf(out, "\"type\":\"%s\",", suite->type);
    if (suite->cryptosuite != NULL) {
        ps_buf_printf(out, "\"cryptosuite\":\"%s\",", suite->cryptosuite);
    }
    ps_buf_printf(out,
                  "\"created\":\"%s\",\"verificationMethod\":\"%.*s#%s\","
                  "\"proofPurpose\":\"assertionMethod\"",
                  created, PS_BYTES_FMT(did), suite->by_multikey ? key->multikey : key->kid);
}

/* The proof's options are read in the credential's own contexts. */
static enum ps_err hash_options(struct ps_bytes members, struct ps_bytes context_names,
                                const struct jsonld_contexts *contexts,
                                uint8_t ret_hash[PS_SHA256_LEN])
{
    PS_BUF_AUTO options = {.max = CONFIGURATION_MAX + PROOF_MAX_OCTETS};

    ps_buf_printf(&options, "{\"@context\":%.*s,", PS_BYTES_FMT(context_names));
    ps_buf_put(&options, members);
    ps_buf_put_u8(&options, '}');
    PS_TRY(ps_buf_status(&options));
    return jsonld_canonical_hash(ps_buf_bytes(&options), contexts, ret_hash);
}

/* *ret_by_it: it was the version of the key that the proof names. */
static enum ps_err sign(struct making *making, struct privyseal *client,
                        struct privyseal_signed *signed_proof, bool *ret_by_it)
{
    const struct issue *issue = making->issue;
    const struct configuration *configuration = issue->configuration;
    uint8_t options_hash[PS_SHA256_LEN];
    const struct privyseal_proof request = {
        .key = configuration->key,
        .cryptosuite = making->suite->name,
        .proof_hash = options_hash,
        .document_hash = making->document_hash,
        .hash_len = PS_SHA256_LEN,
    };
    char created[PS_TIME_MAX];
    enum privyseal_result result;

    (void)ps_time_format(issue->now_s * PS_NS_PER_S, 0, created);
    ps_buf_reset(&making->members);
    put_members(making->suite, created, issue->did, &making->key, &making->members);
    PS_TRY(ps_buf_status(&making->members));
    PS_TRY(hash_options(ps_buf_bytes(&making->members), configuration->contexts, issue->contexts,
                        options_hash));
    privyseal_signed_clear(signed_proof);
    result = privyseal_sign_data_integrity(client, &request, signed_proof);
    if (result != PRIVYSEAL_OK) {
        return appliance_failed(client, result, &signed_proof->answer);
    }
    *ret_by_it = strcmp(signed_proof->kid, making->key.kid) == 0;
    return PS_OK;
}

/*
 * A proof that names another version than the one that signed it is thrown away. A key that got
 * its next version while this was made is asked for once.
 */
static enum ps_err sign_by_active(struct making *making, struct privyseal *client,
                                  struct privyseal_signed *signed_proof)
{
    const char *name = making->issue->configuration->key;
    struct issuer_keys *keys = making->issue->keys;
    bool by_it = false;

    if (issuer_keys_find(keys, name, &making->key)) {
        PS_TRY(sign(making, client, signed_proof, &by_it));
    }
    for (unsigned i = 0; i < 2 && !by_it; i++) {
        PS_TRY(issuer_keys_read(keys, client, name, &making->key));
        PS_TRY(sign(making, client, signed_proof, &by_it));
    }
    return by_it ? PS_OK
                 : ps_fail(PS_E_BUSY, 0, "the key %.128s changes faster than it signs", name);
}

/* A rendered template is one JSON object with members, so that it ends with a brace. */
static enum ps_err put_credential(struct ps_bytes rendered, struct ps_bytes members,
                                  const char *value, struct ps_buf *out)
{
    ps_buf_put(out, ps_bytes(rendered.data, rendered.len - 1));
    ps_buf_put_str(out, ",\"proof\":{");
    ps_buf_put(out, members);
    ps_buf_put_str(out, ",\"proofValue\":");
    ps_buf_put_json_string(out, ps_bytes_str(value));
    ps_buf_put_str(out, "}}");
    return ps_buf_status(out);
}

/* Data that are objects bring no contexts. */
static enum ps_err check_contexts(struct ps_bytes rendered)
{
    const struct jsonld_limits most = JSONLD_LIMITS;
    const struct json_limits limits = {most.octets, most.depth, most.values, true};
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value document;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, rendered, &limits, &document));
    return ldp_check_inner_contexts(document);
}

/* The library's own detail may quote what is a person's, and details go into the log. */
static enum ps_err hash_credential(struct ps_bytes rendered, const struct jsonld_contexts *contexts,
                                   uint8_t ret_hash[PS_SHA256_LEN])
{
    const enum ps_err err = jsonld_canonical_hash(rendered, contexts, ret_hash);

    return err == PS_OK || err == PS_E_NO_MEMORY
               ? err
               : ps_fail(err, 0,
                         "the credential has no RDF that says all of it: its template, its data or "
                         "the contexts do not fit each other");
}

enum ps_err ldp_vc_issue(const struct issue *issue, struct privyseal *client,
                         struct ps_bytes rendered, struct ps_buf *credential)
{
    PS_CLEANUP(privyseal_signed_clear) struct privyseal_signed signed_proof = {.signed_text = NULL};
    PS_CLEANUP(clear)
    struct making making = {
        .issue = issue, .suite = issue->configuration->suite, .members = {.max = PROOF_MAX_OCTETS}};

    PS_TRY(check_contexts(rendered));
    PS_TRY(hash_credential(rendered, issue->contexts, making.document_hash));
    PS_TRY(sign_by_active(&making, client, &signed_proof));
    return put_credential(rendered, ps_buf_bytes(&making.members), signed_proof.signed_text,
                          credential);
}

enum ps_err ldp_vc_check(const struct configuration *configuration,
                         const struct jsonld_contexts *contexts)
{
    static const struct issuer_key any = {.kid = "key", .multikey = "key"};
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO members = {.max = PROOF_MAX_OCTETS};
    enum ps_err err;

    put_members(configuration->suite, "1970-01-01T00:00:00Z", ps_bytes_str("did:web:issuer"), &any,
                &members);
    PS_TRY(ps_buf_status(&members));
    err = hash_options(ps_buf_bytes(&members), configuration->contexts, contexts, hash);
    return err == PS_E_NOT_FOUND || err == PS_E_LIMIT ? PS_E_INPUT : err;
}
