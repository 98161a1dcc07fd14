#include "lib/ceremony/people/conditions.h"

#include "lib/ceremony/operation/document.h"

struct both {
    const struct conditions_document *document;
    const struct conditions_present *present;
};

void conditions_take_document(const struct operation_document *document,
                              struct conditions_document *ret_conditions)
{
    *ret_conditions = (struct conditions_document){
        .policy_epoch = document->policy_epoch,
        .log_origin = document->log_origin,
        .log_size = document->log_size,
        .max_log_size = document->max_log_size,
        .not_before_s = document->not_before_s,
        .not_after_s = document->not_after_s,
    };
    memcpy(ret_conditions->appliance, document->appliance, PS_SHA256_LEN);
    memcpy(ret_conditions->roster, document->roster_hash, PS_SHA256_LEN);
    memcpy(ret_conditions->policy, document->policy_hash, PS_SHA256_LEN);
    memcpy(ret_conditions->log_root.octets, document->log_root, PS_SHA256_LEN);
}

static bool same_hash(const uint8_t a[PS_SHA256_LEN], const uint8_t b[PS_SHA256_LEN])
{
    return memcmp(a, b, PS_SHA256_LEN) == 0;
}

static bool appliance_holds(const struct both *both)
{
    return same_hash(both->document->appliance, both->present->appliance);
}

static bool nonce_is_known(const struct both *both)
{
    return both->present->nonce == CONDITIONS_NONCE_UNUSED ||
           both->present->nonce == CONDITIONS_NONCE_USED;
}

static bool nonce_is_unused(const struct both *both)
{
    return both->present->nonce == CONDITIONS_NONCE_UNUSED;
}

static bool policy_epoch_holds(const struct both *both)
{
    return both->document->policy_epoch == both->present->policy_epoch;
}

static bool policy_holds(const struct both *both)
{
    return same_hash(both->document->policy, both->present->policy);
}

static bool roster_holds(const struct both *both)
{
    return same_hash(both->document->roster, both->present->roster);
}

static bool tokens_hold(const struct both *both)
{
    const struct conditions_document *document = both->document;
    const struct conditions_present *present = both->present;

    if (document->token_count != present->token_count ||
        document->token_count > CONDITIONS_TOKENS_MAX) {
        return false;
    }
    for (size_t i = 0; i < document->token_count; i++) {
        /* A token whose serial nobody knows is none that was approved. */
        if (document->token_serials[i].len == 0 ||
            !ps_bytes_equal(document->token_serials[i], present->token_serials[i])) {
            return false;
        }
    }
    return true;
}

static bool log_origin_holds(const struct both *both)
{
    return ps_bytes_equal(both->document->log_origin, both->present->log_origin);
}

static bool log_is_long_enough(const struct both *both)
{
    return both->document->log_size <= both->present->log_size;
}

static bool log_root_holds(const struct both *both)
{
    const struct merkle_hash *root = both->present->log_root;

    return root != NULL && same_hash(both->document->log_root.octets, root->octets);
}

static bool log_is_short_enough(const struct both *both)
{
    return both->present->log_size <= both->document->max_log_size;
}

static bool has_begun(const struct both *both)
{
    return both->document->not_before_s <= both->present->now_s;
}

static bool has_not_ended(const struct both *both)
{
    return both->present->now_s < both->document->not_after_s;
}

static const struct {
    struct condition_info info;
    bool (*holds)(const struct both *both); /* NULL: not looked at by conditions_check */
} conditions[CONDITION_COUNT] = {
    [CONDITION_APPLIANCE] = {{"appliance-other",
                              "The document was made for another appliance: bring it to that one."},
                             appliance_holds},
    [CONDITION_NONCE_UNKNOWN] = {{"nonce-unknown",
                                  "This appliance never gave out the document's nonce: have the "
                                  "appliance make the document."},
                                 nonce_is_known},
    [CONDITION_NONCE_USED] = {{"nonce-used",
                               "The document was executed already: ask for the operation anew."},
                              nonce_is_unused},
    [CONDITION_POLICY_EPOCH] = {{"policy-epoch",
                                 "The policy has another epoch than the document says: ask for the "
                                 "operation anew."},
                                policy_epoch_holds},
    [CONDITION_POLICY] = {{"policy-other",
                           "The policy in force is not the one that the document names: ask for "
                           "the operation anew."},
                          policy_holds},
    [CONDITION_ROSTER] = {{"roster-other",
                           "The roster has changed since the document was made: ask for the "
                           "operation anew."},
                          roster_holds},
    [CONDITION_TOKEN] = {{"token-other",
                          "A token has another serial number than the document says: insert the "
                          "right one, or ask for the operation anew."},
                         tokens_hold},
    [CONDITION_LOG_ORIGIN] = {{"log-origin",
                               "The document names the log of another origin: bring it to that "
                               "appliance."},
                              log_origin_holds},
    [CONDITION_LOG_SHORT] = {{"log-short",
                              "The log is shorter than when the document was made: it was rolled "
                              "back; execute nothing and call for help."},
                             log_is_long_enough},
    [CONDITION_LOG_ROOT] = {{"log-root",
                             "The log that the document names is no beginning of the present one: "
                             "execute nothing and call for help."},
                            log_root_holds},
    [CONDITION_LOG_GROWN] = {{"log-grown",
                              "The log has grown past the document's max_log_size: ask for the "
                              "operation anew."},
                             log_is_short_enough},
    [CONDITION_NOT_YET] = {{"not-yet", "The document is not valid yet: wait until its not_before."},
                           has_begun},
    [CONDITION_EXPIRED] = {{"expired",
                            "The document's not_after is over: ask for the operation anew."},
                           has_not_ended},
    [CONDITION_COOLING_OFF] = {{"cooling-off",
                                "The cooling-off after the last approval is not over: wait."},
                               NULL},
};

enum condition conditions_check(const struct conditions_document *document,
                                const struct conditions_present *present)
{
    const struct both both = {document, present};

    for (unsigned i = 0; i < CONDITION_COUNT; i++) {
        if (conditions[i].holds != NULL && !conditions[i].holds(&both)) {
            return (enum condition)i;
        }
    }
    return CONDITION_NONE;
}

enum condition conditions_check_cooling_off(uint64_t wait_s, uint64_t quorum_met_s, uint64_t now_s)
{
    /* A clock that was set back has waited for nothing. */
    if (now_s < quorum_met_s || now_s - quorum_met_s < wait_s) {
        return CONDITION_COOLING_OFF;
    }
    return CONDITION_NONE;
}

const struct condition_info *condition_info(enum condition condition)
{
    if ((unsigned)condition >= CONDITION_COUNT || conditions[condition].info.code == NULL) {
        return NULL;
    }
    return &conditions[condition].info;
}
