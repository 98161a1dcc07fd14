#include "lib/ceremony/replay/rows.h"

#include "lib/base/encode.h"

/* Rows that say what the document of their operation says, member by member. */

struct terms {
    const char *type;
    const char *kind;
    const char *from;    /* the object of params that has them; NULL: params itself */
    const char *renamed; /* this member of the row ... */
    const char *param;   /* ... is this one there; NULL: all are called the same */
    const char *only;    /* a member there that the row has not; or NULL */
    bool has_suspended;  /* the row begins with "suspended": false */
};

static const struct terms terms[] = {
    {.type = "client.register", .kind = "client", .has_suspended = true},
    {.type = "genesis", .kind = "client", .from = "client", .has_suspended = true},
    {.type = "grant.add", .kind = "grant", .only = "class"},
    {.type = "profile.put", .kind = "profile", .renamed = "key", .param = "issuer"},
    {.type = "set.put", .kind = "set"},
    {.type = "token.accept", .kind = "token", .renamed = "name", .param = "token"},
};

static enum ps_err is_another(const struct replay_effect *effect)
{
    return ps_fail(PS_E_DENIED, 0, "the row of the %.*s %.*s is not what its document says",
                   PS_BYTES_FMT(effect->kind), PS_BYTES_FMT(effect->name));
}

static bool is_called(const char *name, struct ps_bytes member)
{
    return name != NULL && ps_bytes_equal_str(member, name);
}

static bool row_is_of(const struct terms *of, struct json_value params, struct json_value row)
{
    struct json_value ours;
    struct json_value theirs;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(row, &cursor, &name, &ours)) {
        if (of->has_suspended && ps_bytes_equal_str(name, "suspended")) {
            continue; /* looked at by itself */
        }
        if (is_called(of->renamed, name)) {
            name = ps_bytes_str(of->param);
        }
        if (!replay_find_member(params, name, &theirs) || !replay_is_same(ours, theirs)) {
            return false;
        }
    }
    return !of->has_suspended || replay_flag_is(row, "suspended", false);
}

static bool is_all_there(const struct terms *of, struct json_value params, struct json_value row)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(params, &cursor, &name, &value)) {
        if (is_called(of->param, name)) {
            name = ps_bytes_str(of->renamed);
        }
        if (!is_called(of->only, name) && !replay_find_member(row, name, &value)) {
            return false;
        }
    }
    return true;
}

static enum ps_err check_row(const struct terms *of, struct json_value params,
                             const struct replay_effect *effect)
{
    if (of->from != NULL && !json_member(params, of->from, &params)) {
        return is_another(effect);
    }
    return row_is_of(of, params, effect->row) && is_all_there(of, params, effect->row)
               ? PS_OK
               : is_another(effect);
}

/* --- Rows of which a part is changed --- */

static enum ps_err check_changed_token(const struct operation_document *document,
                                       const struct replay_effect *effect)
{
    static const char *const members[] = {"firmware", "module_hash", "profile"};
    struct json_value value;
    struct ps_bytes text;

    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        PS_TRY(operation_document_text(document, members[i], &text));
        if (!replay_text_is(effect->row, members[i], text)) {
            return is_another(effect);
        }
    }
    if (operation_document_text(document, "profile_hash", &text) == PS_OK
            ? !replay_text_is(effect->row, "profile_hash", text)
            : json_member(effect->row, "profile_hash", &value)) {
        return is_another(effect);
    }
    return PS_OK;
}

static enum ps_err check_suspended(const struct operation_document *document,
                                   const struct replay_effect *effect)
{
    const bool suspends = strcmp(document->type->name, "client.suspend") == 0 ||
                          strcmp(document->type->name, "family.suspend") == 0;

    return replay_flag_is(effect->row, "suspended", suspends) ? PS_OK : is_another(effect);
}

static enum ps_err check_locked(const struct operation_document *document,
                                const struct replay_effect *effect)
{
    const bool locks = strcmp(document->type->name, "appliance.lock") == 0;

    return replay_flag_is(effect->row, "locked", locks) ? PS_OK : is_another(effect);
}

static enum ps_err check_configuration(const struct operation_document *document,
                                       const struct replay_effect *effect)
{
    return replay_octets_are(effect->row, "configuration", document->params, "configuration")
               ? PS_OK
               : is_another(effect);
}

/* --- Others --- */

static enum ps_err check_policy(const struct operation_document *document,
                                const struct replay_effect *effect)
{
    struct json_value ours;
    struct json_value theirs;
    uint64_t epoch;

    PS_TRY(replay_read_digits(document, "policy.epoch", &epoch));
    return json_count(effect->row) == 2 && json_member(effect->row, "document", &ours) &&
                   json_member(document->params, "policy", &theirs) &&
                   ps_bytes_equal(json_raw(ours), json_raw(theirs)) &&
                   replay_number_is(effect->row, "epoch", (int64_t)epoch)
               ? PS_OK
               : is_another(effect);
}

static bool is_shard(struct json_value shard, struct ps_bytes place,
                     const struct replay_effect *effect)
{
    static const char *const members[] = {"name", "root"};
    struct json_value ours;
    struct json_value theirs;

    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        if (!json_member(effect->row, members[i], &ours) ||
            !json_member(shard, members[i], &theirs) || !replay_is_same(ours, theirs)) {
            return false;
        }
    }
    return replay_text_is(effect->row, "name", effect->name) &&
           json_member(effect->row, "size", &ours) && json_member(shard, "size", &theirs) &&
           replay_is_same(ours, theirs) && replay_text_is(effect->row, "place", place) &&
           replay_octets_are(effect->row, "archive", shard, "archive");
}

static enum ps_err check_pruned(const struct operation_document *document,
                                const struct replay_effect *effect)
{
    struct json_value list;
    struct json_value shard;
    struct ps_bytes place;
    uint32_t cursor = 0;

    PS_TRY(operation_document_text(document, "place", &place));
    while (json_member(document->params, "shards", &list) &&
           json_next(list, &cursor, NULL, &shard)) {
        if (is_shard(shard, place, effect)) {
            return PS_OK;
        }
    }
    return is_another(effect);
}

static enum ps_err check_revocation(const struct operation_document *document,
                                    const struct replay_effect *effect)
{
    struct ps_bytes reason;

    PS_TRY(operation_document_text(document, "reason_code", &reason));
    return replay_text_is(effect->row, "key", operation_document_subject(document)) &&
                   replay_text_is(effect->row, "reason", reason) &&
                   replay_octets_are(effect->row, "serial", document->params, "serial")
               ? PS_OK
               : is_another(effect);
}

static bool has_octets_of(struct json_value der, struct json_value certificate)
{
    struct json_value theirs;

    return json_member(certificate, "der", &theirs) && replay_is_same(der, theirs);
}

/* What was installed; what the appliance issues is its own signature over what it was asked for. */
static enum ps_err check_chain(const struct operation_document *document,
                               const struct replay_effect *effect)
{
    struct json_value ours;
    struct json_value theirs;
    struct json_value root;
    struct json_value one;
    struct json_value other;
    uint32_t cursor = 0;
    uint32_t other_cursor = 0;

    if (!json_member(effect->row, "chain", &ours) || json_type(ours) != JSON_ARRAY ||
        !json_member(document->params, "chain", &theirs) ||
        json_count(ours) != json_count(theirs) || !json_member(effect->row, "root", &root) ||
        !json_member(document->params, "root", &other) || !has_octets_of(root, other)) {
        return is_another(effect);
    }
    while (json_next(ours, &cursor, NULL, &one) && json_next(theirs, &other_cursor, NULL, &other)) {
        if (!has_octets_of(one, other)) {
            return is_another(effect);
        }
    }
    return PS_OK;
}

static const struct {
    const char *type;
    const char *kind;
    enum ps_err (*check)(const struct operation_document *document,
                         const struct replay_effect *effect);
} checks[] = {
    {"appliance.lock", "appliance", check_locked},
    {"appliance.unlock", "appliance", check_locked},
    {"certificate.install", "certificate", check_chain},
    {"certificate.revoke", "revocation", check_revocation},
    {"client.resume", "client", check_suspended},
    {"client.suspend", "client", check_suspended},
    {"configuration.approve", "appliance", check_configuration},
    {"family.resume", "family", check_suspended},
    {"family.suspend", "family", check_suspended},
    {"genesis", "policy", check_policy},
    {"log.prune", "pruned", check_pruned},
    {"policy.change", "policy", check_policy},
    {"token.approve", "token", check_changed_token},
};

/* --- Splittings of PINs --- */

static bool holds(struct json_value holder, struct json_value approved)
{
    struct ps_bytes officer;

    return replay_text_of(approved, "officer", &officer) == PS_OK &&
           replay_text_is(holder, "officer", officer) &&
           replay_octets_are(holder, "certificate", approved, "sha256");
}

static bool has_its_holders(struct json_value params, struct json_value row)
{
    struct json_value ours;
    struct json_value theirs;
    struct json_value holder;
    struct json_value approved;
    struct json_value threshold;
    uint32_t cursor = 0;
    uint32_t other_cursor = 0;

    if (!json_member(row, "threshold", &threshold) ||
        !json_member(params, "threshold", &approved) || !replay_is_same(threshold, approved) ||
        !json_member(row, "holders", &ours) || json_type(ours) != JSON_ARRAY ||
        !json_member(params, "holders", &theirs) || json_count(ours) != json_count(theirs)) {
        return false;
    }
    while (json_next(ours, &cursor, NULL, &holder) &&
           json_next(theirs, &other_cursor, NULL, &approved)) {
        if (!holds(holder, approved)) {
            return false;
        }
    }
    return true;
}

/* The splitting that an operation before it left as the next one has become the present one. */
static bool was_next(const struct replay *replay, const struct replay_effect *effect)
{
    const struct json_limits limits = {LOG_LEAF_MAX, 16, 20000, false};
    static const char *const members[] = {"check", "holders", "salt", "set", "threshold"};
    PS_BUF_AUTO name = {.max = 2 * PS_NAME_MAX};
    struct json_value next;
    struct json_value ours;
    struct json_value theirs;
    struct ps_bytes row;

    ps_buf_printf(&name, "%.*s/next", PS_BYTES_FMT(effect->name));
    row = replay_known_row(replay, "pin", ps_buf_bytes(&name));
    if (row.len == 0) {
        return replay->sink.is_chosen;
    }
    if (json_parse(replay->row_json, row, &limits, &next) != PS_OK) {
        return false;
    }
    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        if (!json_member(effect->row, members[i], &ours) ||
            !json_member(next, members[i], &theirs) ||
            !ps_bytes_equal(json_raw(ours), json_raw(theirs))) {
            return false;
        }
    }
    return true;
}

static enum ps_err check_pin(const struct replay *replay, const struct operation_document *document,
                             const struct replay_effect *effect)
{
    struct ps_bytes token;
    struct ps_bytes pin;

    PS_TRY(operation_document_text(document, "token", &token));
    PS_TRY(operation_document_text(document, "pin", &pin));
    return replay_text_is(effect->row, "token", token) && replay_text_is(effect->row, "pin", pin) &&
                   (has_its_holders(document->params, effect->row) ||
                    (replay_flag_is(effect->row, "next", false) && was_next(replay, effect)))
               ? PS_OK
               : is_another(effect);
}

/* A client goes with the grants and families that it has, and takes none of others along. */
static enum ps_err check_removed(const struct replay *replay,
                                 const struct operation_document *document,
                                 const struct replay_effect *effect)
{
    const struct json_limits limits = {LOG_LEAF_MAX, 16, 20000, false};
    const struct ps_bytes client = operation_document_subject(document);
    struct json_value row;
    struct ps_bytes octets;

    if (strcmp(document->type->name, "client.remove") != 0) {
        return PS_OK;
    }
    if (ps_bytes_equal_str(effect->kind, "client")) {
        return ps_bytes_equal(effect->name, client) ? PS_OK : is_another(effect);
    }
    octets = replay_known_row(
        replay, ps_bytes_equal_str(effect->kind, "grant") ? "grant" : "family", effect->name);
    if (octets.len == 0) {
        return PS_OK; /* known.c tells of it */
    }
    PS_TRY(json_parse(replay->row_json, octets, &limits, &row));
    return replay_text_is(row, "client", client) ? PS_OK : is_another(effect);
}

enum ps_err replay_check_terms(struct replay *replay, const struct replayed *op,
                               const struct replay_effect *effect)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const char *type = document->type->name;

    if (effect->row.doc == NULL) {
        return check_removed(replay, document, effect);
    }
    for (size_t i = 0; i < PS_COUNT_OF(terms); i++) {
        if (strcmp(terms[i].type, type) == 0 && ps_bytes_equal_str(effect->kind, terms[i].kind)) {
            return check_row(&terms[i], document->params, effect);
        }
    }
    for (size_t i = 0; i < PS_COUNT_OF(checks); i++) {
        if (strcmp(checks[i].type, type) == 0 && ps_bytes_equal_str(effect->kind, checks[i].kind)) {
            return checks[i].check(document, effect);
        }
    }
    return ps_bytes_equal_str(effect->kind, "pin") ? check_pin(replay, document, effect) : PS_OK;
}
