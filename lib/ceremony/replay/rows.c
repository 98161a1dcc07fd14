#include "lib/ceremony/replay/rows.h"

#include "lib/ceremony/operation/keys.h"

/* Which rows an operation may touch at all, and of what. */

enum names {
    NAMES_FREE,    /* looked at elsewhere: people, the genesis, shards */
    NAMES_SUBJECT, /* what the operation is about, and what is of it: "subject/..." */
    NAMES_LISTED,  /* keys of a list */
    NAMES_OWN,     /* the appliance's own */
};

struct rule {
    const char *type;
    const char *rows; /* kinds: + it makes some, = it changes some, - it removes some */
    enum names names;
    const char *name; /* the member of params that names them, if the type's subject does not */
};

static const struct rule rules[] = {
    {"appliance.lock", "=appliance", NAMES_OWN, NULL},
    {"appliance.restore", "=appliance =key +version =version", NAMES_OWN, NULL},
    {"appliance.unlock", "=appliance", NAMES_OWN, NULL},
    {"certificate.csr", "", NAMES_SUBJECT, NULL},
    {"certificate.install", "=key +certificate =certificate", NAMES_SUBJECT, NULL},
    {"certificate.issue", "=key +certificate =certificate", NAMES_SUBJECT, NULL},
    {"certificate.revoke", "+revocation", NAMES_SUBJECT, NULL},
    {"certificate.root", "=key +certificate =certificate", NAMES_SUBJECT, NULL},
    {"client.certificate", "=client", NAMES_SUBJECT, NULL},
    {"client.register", "+client", NAMES_SUBJECT, NULL},
    {"client.remove", "-client -family -grant", NAMES_FREE, NULL},
    {"client.resume", "=client", NAMES_SUBJECT, NULL},
    {"client.suspend", "=client", NAMES_SUBJECT, NULL},
    {"configuration.approve", "=appliance", NAMES_OWN, NULL},
    {"exception", "", NAMES_OWN, NULL},
    {"family.create", "+family", NAMES_SUBJECT, NULL},
    {"family.make_key", "=family +key +version", NAMES_FREE, NULL},
    {"family.resume", "=family", NAMES_SUBJECT, NULL},
    {"family.revoke", "-family", NAMES_SUBJECT, NULL},
    {"family.suspend", "=family", NAMES_SUBJECT, NULL},
    {"genesis", "+appliance +client +grant +key +policy +roster +token +version", NAMES_FREE, NULL},
    {"grant.add", "+grant", NAMES_SUBJECT, "id"},
    {"grant.revoke", "-grant", NAMES_SUBJECT, "grant"},
    {"key.activate", "=key =version", NAMES_SUBJECT, NULL},
    {"key.compromise", "=key =version", NAMES_SUBJECT, NULL},
    {"key.create", "+key +version", NAMES_SUBJECT, NULL},
    {"key.create_batch", "+key +version", NAMES_LISTED, NULL},
    {"key.deactivate", "=key =version", NAMES_SUBJECT, NULL},
    {"key.destroy", "=key =version", NAMES_SUBJECT, NULL},
    {"key.proven", "=key =version", NAMES_SUBJECT, NULL},
    {"key.resume", "=key =version", NAMES_SUBJECT, NULL},
    {"key.rotate", "=key +version =version", NAMES_SUBJECT, NULL},
    {"key.suspend", "=key =version", NAMES_SUBJECT, NULL},
    {"key.unproven", "=key =version", NAMES_SUBJECT, NULL},
    {"key.withdraw", "=key =version", NAMES_SUBJECT, NULL},
    {"log.prune", "+pruned", NAMES_FREE, NULL},
    {"officer.enrol", "+roster =roster", NAMES_FREE, NULL},
    {"officer.remove", "-roster =roster", NAMES_FREE, NULL},
    {"officer.replace", "+roster =roster -roster", NAMES_FREE, NULL},
    {"officer.resume", "=roster", NAMES_FREE, NULL},
    {"officer.suspend", "=roster", NAMES_FREE, NULL},
    {"operation.cancel", "", NAMES_OWN, NULL},
    {"pin.change", "+pin =pin -pin", NAMES_SUBJECT, NULL},
    {"pin.reset", "+pin =pin -pin", NAMES_SUBJECT, NULL},
    {"pin.split", "+pin =pin -pin", NAMES_SUBJECT, NULL},
    {"policy.change", "=policy", NAMES_FREE, NULL},
    {"profile.put", "+profile =profile", NAMES_SUBJECT, NULL},
    {"profile.remove", "-profile", NAMES_SUBJECT, NULL},
    {"set.put", "+set =set", NAMES_SUBJECT, NULL},
    {"set.remove", "-set", NAMES_SUBJECT, NULL},
    {"token.accept", "+token", NAMES_SUBJECT, NULL},
    {"token.approve", "=token", NAMES_SUBJECT, NULL},
    {"token.decommission", "-token -pin", NAMES_SUBJECT, NULL},
    {"wrapping.carry", "=version", NAMES_OWN, NULL},
    {"wrapping.create", "+key =key +version =version", NAMES_OWN, NULL},
    {"wrapping.destroy", "=version", NAMES_OWN, NULL},
    {"wrapping.prepare", "+key =key +version =version", NAMES_OWN, NULL},
    {"wrapping.rewrap", "=version", NAMES_OWN, NULL},
};

static const struct rule *rule_of(const char *type)
{
    for (size_t i = 0; i < PS_COUNT_OF(rules); i++) {
        if (strcmp(rules[i].type, type) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

/* Whether the rule has this kind, after this sign. */
static bool has_kind(const struct rule *rule, char sign, struct ps_bytes kind)
{
    const char *at = rule->rows;

    while (*at != '\0') {
        const size_t len = strcspn(at, " ");

        if (*at == sign && ps_bytes_equal(ps_bytes(at + 1, len - 1), kind)) {
            return true;
        }
        at += len + (at[len] == ' ' ? 1 : 0);
    }
    return false;
}

/* "subject", or "subject/..." */
static bool is_of(struct ps_bytes subject, struct ps_bytes name)
{
    return ps_bytes_starts_with(name, subject) &&
           (name.len == subject.len || name.data[subject.len] == '/');
}

static bool is_listed(const struct operation_document *document, struct ps_bytes name)
{
    struct operation_keys keys = operation_keys(document->type, document->params);
    struct ps_bytes key;

    while (operation_keys_next(&keys, &key)) {
        if (is_of(key, name)) {
            return true;
        }
    }
    return false;
}

/* What the operation is about, as its rows are called. Errors: PS_E_NOT_FOUND. */
static enum ps_err read_subject(const struct rule *rule, const struct operation_document *document,
                                struct ps_bytes *ret_subject)
{
    if (rule->name != NULL) {
        return operation_document_text(document, rule->name, ret_subject);
    }
    *ret_subject =
        rule->names == NAMES_OWN ? ps_bytes_str("appliance") : operation_document_subject(document);
    return PS_OK;
}

static bool is_its(const struct rule *rule, const struct operation_document *document,
                   struct ps_bytes name)
{
    struct ps_bytes subject;

    switch (rule->names) {
    case NAMES_FREE:
        return true;
    case NAMES_OWN:
        return ps_name_reserved(name) || ps_bytes_equal_str(name, "appliance");
    case NAMES_LISTED:
        return is_listed(document, name);
    case NAMES_SUBJECT:
    default:
        return read_subject(rule, document, &subject) == PS_OK &&
               (rule->name == NULL ? is_of(subject, name) : ps_bytes_equal(subject, name));
    }
}

enum ps_err replay_read_effect(struct json_value value, struct replay_effect *ret_effect)
{
    struct replay_effect effect = {.row = {.doc = NULL}};
    struct json_value row;

    if (json_type(value) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "an effect that is none");
    }
    PS_TRY(replay_text_of(value, "kind", &effect.kind));
    PS_TRY(replay_text_of(value, "name", &effect.name));
    if (json_member(value, "row", &row)) {
        if (json_type(row) != JSON_OBJECT) {
            return ps_fail(PS_E_INPUT, 0, "a row that is none");
        }
        effect.row = row;
    }
    *ret_effect = effect;
    return PS_OK;
}

bool replay_is_named(const struct replay_effect *effect)
{
    PS_BUF_AUTO name = {.max = PS_NAME_MAX + 24u};
    struct ps_bytes key;
    uint64_t number;

    if (ps_bytes_equal_str(effect->kind, "key")) {
        return replay_text_is(effect->row, "name", effect->name);
    }
    if (replay_text_of(effect->row, "key", &key) != PS_OK ||
        replay_read_number(effect->row, "number", &number) != PS_OK) {
        return false;
    }
    ps_buf_printf(&name, "%.*s/%llu", PS_BYTES_FMT(key), (unsigned long long)number);
    return ps_buf_status(&name) == PS_OK && ps_bytes_equal(effect->name, ps_buf_bytes(&name));
}

/* A version that is used no more was made by an operation before: it can only be changed. */
static bool is_over(const struct replay_effect *effect)
{
    return ps_bytes_equal_str(effect->kind, "version") &&
           !replay_text_is(effect->row, "state", ps_bytes_str("active")) &&
           !replay_text_is(effect->row, "state", ps_bytes_str("pre-activation"));
}

static enum ps_err check_rule(const struct rule *rule, const struct replayed *op,
                              struct replay_effect *effect)
{
    const bool removes = has_kind(rule, '-', effect->kind);

    effect->may_make = has_kind(rule, '+', effect->kind) && effect->row.doc != NULL;
    effect->may_change = effect->row.doc == NULL ? removes : has_kind(rule, '=', effect->kind);
    effect->may_make = effect->may_make && !(effect->may_change && is_over(effect));
    return (effect->may_make || effect->may_change) &&
                   is_its(rule, waiting_document(op->waiting), effect->name)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it %s %.*s %.*s, which a %s does not touch",
                         effect->row.doc == NULL ? "removes" : "changes",
                         PS_BYTES_FMT(effect->kind), PS_BYTES_FMT(effect->name), rule->type);
}

static enum ps_err take_each(struct replay *replay, const struct replayed *op,
                             const struct rule *rule, struct json_value effects, bool is_known)
{
    struct replay_effect effect;
    struct json_value value;
    uint32_t cursor = 0;

    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &value)) {
        PS_TRY(replay_read_effect(value, &effect));
        PS_TRY(check_rule(rule, op, &effect));
        if (is_known) {
            PS_TRY(replay_take_known(replay, op, &effect));
        } else {
            PS_TRY(replay_check_terms(replay, op, &effect));
        }
    }
    return PS_OK;
}

/*
 * Of these a result that is done has a row of the first kind, of what it is about: else a client
 * that was removed, or a grant that was revoked, could stay as it is.
 */
static const char *const shown[] = {
    "appliance.lock", "appliance.unlock", "client.register", "client.remove",
    "client.resume",  "client.suspend",   "family.create",   "family.resume",
    "family.revoke",  "family.suspend",   "grant.add",       "grant.revoke",
    "profile.put",    "profile.remove",   "set.put",         "set.remove",
};

static enum ps_err check_shown(const struct rule *rule, const struct replayed *op,
                               struct json_value effects)
{
    struct replay_effect effect;
    struct json_value value;
    struct ps_bytes subject;
    struct ps_bytes kind;
    uint32_t cursor = 0;

    if (!replay_is_listed(ps_bytes_str(rule->type), shown, PS_COUNT_OF(shown))) {
        return PS_OK;
    }
    kind = ps_bytes(rule->rows + 1, strcspn(rule->rows, " ") - 1);
    PS_TRY(read_subject(rule, waiting_document(op->waiting), &subject));
    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &value)) {
        PS_TRY(replay_read_effect(value, &effect));
        if (ps_bytes_equal(effect.kind, kind) && ps_bytes_equal(effect.name, subject)) {
            return PS_OK;
        }
    }
    return ps_fail(PS_E_DENIED, 0, "it says that it was done, and changed no %.*s %.*s",
                   PS_BYTES_FMT(kind), PS_BYTES_FMT(subject));
}

static bool is_done(const struct log_event *event)
{
    return ps_bytes_equal_str(event->kind, "part") || ps_bytes_equal_str(event->kind, "genesis") ||
           replay_text_is(event->data, "outcome", ps_bytes_str("done"));
}

enum ps_err replay_take_rows(struct replay *replay, const struct replayed *op,
                             const struct log_event *event)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const struct rule *rule = rule_of(document->type->name);
    const struct json_value effects = replay_effects_of(event->data);

    if (!is_done(event)) {
        return effects.doc == NULL || json_count(effects) == 0
                   ? PS_OK
                   : ps_fail(PS_E_DENIED, 0, "it changed rows, and says that it was not done");
    }
    if (rule == NULL) {
        return ps_fail(PS_E_DENIED, 0, "no rule says which rows a %s may change",
                       document->type->name);
    }
    PS_TRY(take_each(replay, op, rule, effects, false));
    PS_TRY(check_shown(rule, op, effects));
    PS_TRY(replay_check_keys(op, event->time_ns, effects));
    PS_TRY(replay_check_own_keys(op, effects));
    return take_each(replay, op, rule, effects, true);
}
