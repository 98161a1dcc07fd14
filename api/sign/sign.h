#ifndef API_SIGN_SIGN_H
#define API_SIGN_SIGN_H

#include "api/internal.h"

/*
 * What the routes that use keys have in common: one item, or `{..., items: [...]}`. Each route is a
 * verb: how an item is read into a message of the keeper, and how its answer is written.
 */

#define SIGN_ITEMS_MAX 1000u

union sign_message {
    struct msg_jws_sign jws;
    struct msg_jwt_sign jwt;
    struct msg_sd_jwt_sign sd_jwt;
    struct msg_raw_sign raw;
    struct msg_key_use use;
    struct msg_data_integrity_sign data_integrity;
    struct msg_cose_sign cose;
    struct msg_cwt_sign cwt;
    struct msg_jwe_decrypt jwe;
    struct msg_cms_sign cms;
};

struct sign_verb {
    const struct ipc_message *ask;
    const struct ipc_message *expect;
    bool key_in_path;

    /*
     * Reads an item into a message that has its caller, and its key unless that stands in the item.
     * What is read can be written: nothing is signed in vain. Errors: PS_E_INPUT (400), PS_E_STATE
     * (422, refused); the detail names the member.
     */
    enum ps_err (*read)(struct json_value object, bool in_batch, union sign_message *message,
                        struct sign_item *item);

    /* Sets caller, request id and key of a message. */
    void (*address)(const struct exchange *exchange, struct ps_bytes key,
                    union sign_message *message);

    /* Appends a JSON object. */
    void (*write)(const struct sign_item *item, const void *answer, struct ps_buf *out);
};

extern const struct sign_verb sign_jws, sign_jwt, sign_sd_jwt, sign_raw, sign_data_integrity,
    sign_cose, sign_cwt, sign_jwe, sign_cms;

/* How a proof value is written. */
enum proof_encoding { PROOF_BASE58BTC, PROOF_BASE64URL };

/* Of the member `algorithm`; absent is well. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err sign_check_algorithm(struct ps_bytes name);

/*
 * The text of the member `payload` between its quotes, in the request's body: the only way to write
 * these octets, so that it can be given back. Errors: PS_E_INPUT when it has escapes.
 */
PS_MUST_USE enum ps_err sign_payload_text(struct json_value object, struct ps_bytes *ret_text);

/* What the member `include` of a route may list. */
struct sign_includes {
    const char *says; /* for people: "a, b and c" */
    struct {
        const char *name;
        uint8_t bit;
    } rows[3];
};

/* The sum of their bits; of no value 0. `member`: its name. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err sign_read_include(const char *member, struct json_value array,
                                          const struct sign_includes *includes,
                                          uint8_t *ret_include);

/* The last members of an answer, and its closing brace. */
void sign_put_end(struct ps_bytes kid, uint32_t version, struct ps_buf *out);

extern const struct sign_verb verb_mac, verb_mac_verify, verb_encrypt, verb_decrypt;

/* cms.c: the message that an answer's parts make. Errors: those of lib/formats/cms/cms.h. */
PS_MUST_USE enum ps_err cms_put_answer(const struct msg_cms_signed *answer, struct ps_buf *out);

/* What a wish that cannot be read, or is read and cannot be fulfilled, is answered with. */
enum ps_problem sign_problem_of(enum ps_err err);

/* Answers the request of a signing route. */
void sign_begin(struct exchange *exchange, const struct sign_verb *verb);

#endif
