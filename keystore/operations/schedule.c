#include "keystore/operations/internal.h"

#include "keystore/keys/encryptions.h"
#include "keystore/operations/certificates/certificate.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/state/check.h"

/*
 * What the approved policy lets the appliance do by itself: rotate by period, issue the
 * certificates that a key has from here, activate successors when their time has come, deactivate
 * what has expired. Each is an operation like any other.
 */

#define PAUSE_S 60u

static void begin_with(struct operations *operations, struct key *key, const char *type,
                       const char *reason, struct ps_bytes parameters)
{
    struct operation *op = operation_new(operations, operation_type_find(ps_bytes_str(type)));

    key->schedule_s = real_now_s() + PAUSE_S;
    if (op == NULL) {
        return;
    }
    ps_buf_printf(&op->request_id, "scheduled-%.8s", op->id + OPERATION_ID_LEN - 8);
    ps_buf_put_str(&op->subject, key->name);
    ps_buf_put_str(&op->reason, reason);
    operation_begin(op, parameters);
}

static void begin(struct operations *operations, struct key *key, const char *type,
                  const char *reason, uint32_t version)
{
    PS_BUF_AUTO parameters = {.max = 64};

    if (version != 0) {
        ps_buf_printf(&parameters, "{\"version\":%u}", version);
    }
    begin_with(operations, key, type, reason, ps_buf_bytes(&parameters));
}

static bool rotation_is_due(struct key *key, uint64_t now_s)
{
    const struct key_version *active = key_active(key, now_s);

    return key->rotation.period_s != 0 && active != NULL && key_successor(key) == NULL &&
           (now_s + key->rotation.publish_ahead_s >= active->activates_s + key->rotation.period_s ||
            encryptions_want_rotation(active));
}

static const struct key_version *successor_due(const struct key *key, uint64_t now_s)
{
    const struct key_version *successor = key_successor(key);

    return successor != NULL && successor->activates_s <= now_s &&
                   !version_lacks_certificate(successor, now_s)
               ? successor
               : NULL;
}

/* number: of the one that is meant; 0: any */
static const struct key_version *expired(const struct key *key, uint32_t number, uint64_t now_s)
{
    for (size_t i = 0; i < key->version_count; i++) {
        const struct key_version *version = key->versions[i];

        if ((number == 0 || version->number == number) && version->state == KEY_ACTIVE &&
            version->expires_s != 0 && version->expires_s <= now_s) {
            return version;
        }
    }
    return NULL;
}

/* --- Certificates of a key that has them from here --- */

/* When a third of its time is left. */
static bool is_to_be_renewed(const struct key_version *version, uint64_t now_s)
{
    const struct key_certificate *certificate = version_certificate(version);

    return certificate != NULL &&
           now_s + (certificate->not_after_s - certificate->not_before_s) / 3 >=
               certificate->not_after_s;
}

static const struct key_version *without_certificate(struct key *key, uint64_t now_s)
{
    const struct key_version *successor = key_successor(key);
    const struct key_version *active = key_active(key, now_s);

    if (key->rotation.certificates != KEY_CERTIFICATES_INTERNAL) {
        return NULL;
    }
    if (successor != NULL &&
        (version_certificate(successor) == NULL || is_to_be_renewed(successor, now_s))) {
        return successor;
    }
    return active != NULL && is_to_be_renewed(active, now_s) ? active : NULL;
}

/* The newest version whose certificate says under what terms it was issued: people approved them.
 */
static const struct key_version *with_terms(const struct key *key)
{
    for (size_t i = key->version_count; i > 0; i--) {
        const struct key_certificate *certificate = version_certificate(key->versions[i - 1]);

        if (certificate != NULL && certificate->has_terms) {
            return key->versions[i - 1];
        }
    }
    return NULL;
}

/* The request that was approved for the one version, for the other. */
static enum ps_err put_request(struct keeper *keeper, const struct key_version *from,
                               uint32_t number, struct ps_buf *out)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};
    struct certificate_record record;
    struct ps_bytes terms;

    version_record_put_name(ps_bytes_str(from->key->name), from->number, &name);
    PS_TRY(row_read(keeper, CATALOG_CERTIFICATE, ps_buf_bytes(&name), &row));
    PS_TRY(certificate_record_read(row.body, &record));
    if (record.terms.doc == NULL) {
        return ps_fail(PS_E_STATE, 0, "a certificate without terms");
    }
    terms = json_raw(record.terms);
    ps_buf_put(out, ps_bytes(terms.data, terms.len - 1));
    ps_buf_printf(out, ",\"version\":%u}", number);
    return ps_buf_status(out);
}

/* False: there is nothing to issue, or nothing to issue it by. */
static bool issue_what_is_due(struct operations *operations, struct key *key, uint64_t now_s)
{
    const struct key_version *version = without_certificate(key, now_s);
    const struct key_version *from = version == NULL ? NULL : with_terms(key);
    PS_BUF_AUTO parameters = {.max = LOG_ENTRY_MAX};

    if (from == NULL ||
        put_request(operations->keeper, from, version->number, &parameters) != PS_OK) {
        return false;
    }
    begin_with(operations, key, "certificate.issue", "its certificate is due",
               ps_buf_bytes(&parameters));
    return true;
}

static void look_at(struct operations *operations, struct key *key, uint64_t now_s)
{
    const struct key_version *version;

    if (key->state != KEY_ACTIVE || now_s < key->schedule_s) {
        return;
    }
    version = successor_due(key, now_s);
    if (version != NULL) {
        begin(operations, key, "key.activate", "its time has come", version->number);
        return;
    }
    version = expired(key, 0, now_s);
    if (version != NULL) {
        begin(operations, key, "key.deactivate", "it has expired", version->number);
        return;
    }
    if (issue_what_is_due(operations, key, now_s)) {
        return;
    }
    if (rotation_is_due(key, now_s)) {
        begin(operations, key, "key.rotate",
              encryptions_want_rotation(key_active(key, now_s)) ? "it has encrypted very often"
                                                                : "its period is over",
              0);
    }
}

/* It is due, and under the terms that people approved, to the octet. */
static bool is_renewal(const struct operation *op, struct key *key, uint32_t number, uint64_t now_s)
{
    const struct key_version *version = without_certificate(key, now_s);
    const struct key_version *from = version == NULL ? NULL : with_terms(key);
    PS_BUF_AUTO wanted = {.max = LOG_ENTRY_MAX};
    PS_BUF_AUTO found = {.max = LOG_ENTRY_MAX};

    return from != NULL && version->number == number &&
           put_request(op->keeper, from, number, &wanted) == PS_OK &&
           certificate_put_request(op, &found) == PS_OK &&
           ps_bytes_equal(ps_buf_bytes(&wanted), ps_buf_bytes(&found));
}

bool schedule_has(const struct operation *op, uint64_t now_s)
{
    const struct key_version *version = NULL;
    uint32_t number;
    struct key *key;

    if (key_params_subject(op, &key, &number) != PS_OK || key->state != KEY_ACTIVE) {
        return false;
    }
    if (strcmp(op->type->name, "key.rotate") == 0) {
        return rotation_is_due(key, now_s);
    }
    if (strcmp(op->type->name, "certificate.issue") == 0) {
        return is_renewal(op, key, number, now_s);
    }
    if (strcmp(op->type->name, "key.activate") == 0) {
        version = successor_due(key, now_s);
    } else if (strcmp(op->type->name, "key.deactivate") == 0) {
        version = expired(key, number, now_s);
    }
    return version != NULL && version->number == number;
}

void schedule_what_is_due(struct operations *operations)
{
    const uint64_t now_s = real_now_s();
    size_t cursor = 0;
    struct key *key;

    /* An end that a wrong clock brings cannot be taken back. */
    if (!check_clock_is_good(operations->keeper->check)) {
        return;
    }
    while ((key = keys_next(operations->keeper->keys, &cursor)) != NULL) {
        look_at(operations, key, now_s);
    }
}
