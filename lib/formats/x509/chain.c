#include "lib/formats/x509/chain.h"

#include "lib/formats/x509/internal.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#define ANCHORS_MAX 64u
#define STRENGTH    2 /* OpenSSL's level: 112 bits at least, no SHA-1 */

static void store_cleanup(X509_STORE **store)
{
    X509_STORE_free(*store);
}

static void context_cleanup(X509_STORE_CTX **context)
{
    X509_STORE_CTX_free(*context);
}

static void stack_cleanup(STACK_OF(X509) * *stack)
{
    sk_X509_free(*stack);
}

struct parsed {
    struct x509_certificate *certificates[X509_CHAIN_MAX];
    size_t count;
};

static void parsed_clear(struct parsed *parsed)
{
    for (size_t i = 0; i < parsed->count; i++) {
        x509_certificate_free(parsed->certificates[i]);
    }
}

/* "the leaf", "certificate 2": as people count them. */
static enum ps_err deny(size_t index, const char *what)
{
    ERR_clear_error();
    if (index == 0) {
        return ps_fail(PS_E_DENIED, 0, "the leaf: %s", what);
    }
    return ps_fail(PS_E_DENIED, 0, "certificate %zu of the chain: %s", index + 1, what);
}

static enum ps_err parse(const struct x509_chain *chain, struct parsed *parsed)
{
    if (chain->count == 0 || chain->count > X509_CHAIN_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a chain has 1 to %u certificates", X509_CHAIN_MAX);
    }
    for (size_t i = 0; i < chain->count; i++) {
        PS_TRY(x509_read(chain->certificates[i], &parsed->certificates[i]));
        parsed->count++;
    }
    return PS_OK;
}

/*
 * Of the two that a signature of a document may be, a CA often gives one alone: ETSI EN 319 412-2
 * section 4.3.2 has certificates of nonRepudiation only.
 */
static bool usage_suffices(enum x509_kind kind, const struct x509_certificate *leaf)
{
    const uint16_t ours = x509_kind_key_usage(kind, leaf->key_type);
    const uint16_t needed = (uint16_t)(ours & ~X509_CRL_SIGN);
    const uint16_t there = (uint16_t)(leaf->facts.key_usage & needed);

    return kind == X509_KIND_DOCUMENT_SIGNER ? there != 0 : there == needed;
}

/* Does the leaf do what it is wanted for? A certificate of another CA may allow more than ours. */
static enum ps_err check_leaf(const struct x509_chain *chain, const struct x509_certificate *leaf)
{
    const struct x509_kind_info *info = x509_kind_info(chain->kind);
    const struct x509_facts *facts = &leaf->facts;

    if (!ps_bytes_equal(facts->spki, chain->spki)) {
        return deny(0, "it is for another key");
    }
    if (facts->is_ca != info->is_ca) {
        return deny(0, info->is_ca ? "it is not one of a CA" : "it is one of a CA");
    }
    if (facts->has_key_usage ? !usage_suffices(chain->kind, leaf) : info->is_ca) {
        return deny(0, "its key usage does not allow what the key is for");
    }
    if (facts->has_purposes && info->purposes != 0 && (facts->purposes & info->purposes) == 0) {
        return deny(0, "its extended key usage does not allow what the key is for");
    }
    return PS_OK;
}

/* Each is signed by the next: order, and no stranger among them. */
static enum ps_err check_order(const struct parsed *parsed)
{
    for (size_t i = 0; i + 1 < parsed->count; i++) {
        X509 *below = parsed->certificates[i]->x509;
        X509 *above = parsed->certificates[i + 1]->x509;

        if (X509_NAME_cmp(X509_get_issuer_name(below), X509_get_subject_name(above)) != 0 ||
            X509_verify(below, X509_get0_pubkey(above)) != 1) {
            return deny(i + 1, "it did not issue the one before it; the order is leaf first");
        }
    }
    for (size_t i = 1; i < parsed->count; i++) {
        const struct x509_facts *facts = &parsed->certificates[i]->facts;

        if (!facts->is_ca ||
            (facts->has_key_usage && (facts->key_usage & X509_KEY_CERT_SIGN) == 0)) {
            return deny(i, "it is not one of a CA");
        }
    }
    return PS_OK;
}

static enum ps_err fill_store(const struct x509_chain *chain, X509_STORE *store)
{
    if (chain->anchor_count > ANCHORS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "more than %u roots", ANCHORS_MAX);
    }
    for (size_t i = 0; i < chain->anchor_count; i++) {
        PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *anchor = NULL;

        PS_TRY(x509_read(chain->anchors[i], &anchor));
        if (!anchor->facts.is_ca || X509_STORE_add_cert(store, anchor->x509) != 1) {
            return ps_fail(PS_E_INPUT, 0, "a root that is not one of a CA");
        }
    }
    return PS_OK;
}

/* The path that was found is the chain, and at most the root above it. */
static enum ps_err check_path(X509_STORE_CTX *context, const struct parsed *parsed)
{
    const STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
    const size_t found = (size_t)sk_X509_num(path);

    for (size_t i = 0; i < parsed->count; i++) {
        if (i >= found ||
            X509_cmp(sk_X509_value(path, (int)i), parsed->certificates[i]->x509) != 0) {
            return deny(i, "it is not on the path from the leaf to a root");
        }
    }
    return found <= parsed->count + 1 ? PS_OK : deny(parsed->count, "it is missing");
}

static enum ps_err verify(const struct x509_chain *chain, const struct parsed *parsed)
{
    PS_CLEANUP(store_cleanup) X509_STORE *store = X509_STORE_new();
    PS_CLEANUP(context_cleanup) X509_STORE_CTX *context = X509_STORE_CTX_new();
    PS_CLEANUP(stack_cleanup) STACK_OF(X509) *others = sk_X509_new_null();
    X509_VERIFY_PARAM *param;

    if (store == NULL || context == NULL || others == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(fill_store(chain, store));
    for (size_t i = 1; i < parsed->count; i++) {
        if (sk_X509_push(others, parsed->certificates[i]->x509) <= 0) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
    }
    if (X509_STORE_CTX_init(context, store, parsed->certificates[0]->x509, others) != 1) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, (time_t)chain->now_s);
    X509_VERIFY_PARAM_set_auth_level(param, STRENGTH);
    X509_VERIFY_PARAM_set_depth(param, X509_CHAIN_MAX);
    /* A root is believed since it is named, but one with a broken signature is nobody's. */
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CHECK_SS_SIGNATURE);
    if (X509_verify_cert(context) != 1) {
        return deny((size_t)X509_STORE_CTX_get_error_depth(context),
                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    }
    return check_path(context, parsed);
}

enum ps_err x509_check_chain(const struct x509_chain *chain)
{
    PS_CLEANUP(parsed_clear) struct parsed parsed = {.count = 0};

    if (x509_kind_info(chain->kind) == NULL) {
        return ps_fail(PS_E_INPUT, 0, "no such kind of certificate");
    }
    PS_TRY(parse(chain, &parsed));
    PS_TRY(check_leaf(chain, parsed.certificates[0]));
    PS_TRY(check_order(&parsed));
    PS_TRY(verify(chain, &parsed));
    ERR_clear_error();
    return PS_OK;
}
