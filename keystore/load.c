#include "keystore/load.h"

#include "keystore/backup/restored.h"
#include "keystore/callers/authority.h"
#include "keystore/catalog/records.h"
#include "keystore/certificates/profiles.h"
#include "keystore/certificates/revocations.h"
#include "keystore/custody/custody.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/truth.h"
#include "keystore/gate/gate.h"
#include "keystore/keys/key_cache.h"
#include "keystore/keys/sets.h"
#include "keystore/snapshot/layered.h"
#include "keystore/snapshot/snapshot.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "keystore/tokens/approval.h"
#include "lib/base/hash.h"

static const struct json_limits limits = {64 * 1024, 8, 4000};

/* A row that is read on its own, with the memory it borrows from. */
struct single {
    struct ps_buf memory;
    struct json *parser;
    struct catalog_row row;
    struct json_value body;
};

static void single_clear(struct single *single)
{
    ps_buf_clear(&single->memory);
    json_free(single->parser);
}

static enum ps_err single_read(struct keeper *keeper, enum catalog_kind kind, struct ps_bytes name,
                               struct single *single)
{
    ps_buf_init(&single->memory, CATALOG_BODY_MAX + 1024);
    PS_TRY(json_new(&single->parser));
    PS_TRY(catalog_get(keeper->known, kind, name, &single->memory, &single->row));
    return json_parse(single->parser, single->row.body, &limits, &single->body);
}

static enum ps_err copy_text(struct ps_bytes from, char *to, size_t size)
{
    if (from.len >= size) {
        return ps_fail(PS_E_INPUT, 0, "a text of a row is too long");
    }
    if (from.len != 0) {
        memcpy(to, from.data, from.len);
    }
    to[from.len] = 0;
    return PS_OK;
}

static enum ps_err load_appliance(struct keeper *keeper)
{
    struct appliance *appliance = &keeper->appliance;
    PS_CLEANUP(single_clear) struct single single = {0};
    struct appliance_record record;
    enum ps_err err = single_read(keeper, CATALOG_APPLIANCE, ps_bytes_str(APPLIANCE_ROW), &single);

    if (err == PS_E_NOT_FOUND) {
        return PS_OK;
    }
    PS_TRY(err);
    PS_TRY(appliance_record_read(single.body, &record));
    PS_TRY(copy_text(record.origin, appliance->origin, sizeof appliance->origin));
    PS_TRY(copy_text(record.log_verifier, appliance->log_verifier, sizeof appliance->log_verifier));
    PS_TRY(copy_text(record.log_token, appliance->token, sizeof appliance->token));
    appliance->is_practice = record.practice;
    appliance->is_locked = record.locked;
    memcpy(appliance->configuration, record.configuration.data, PS_SHA256_LEN);
    appliance->exists = true;
    /* After genesis the api processes hear of it at once, not when somebody next looks. */
    state_look(keeper);
    return PS_OK;
}

static void hash_identity(struct keeper *keeper)
{
    const struct key *key = keys_find(keeper->keys, ps_bytes_str(IDENTITY_KEY_NAME));
    const struct key_version *version = key == NULL ? NULL : key_latest(key);

    if (version != NULL) {
        ps_sha256(version_spki(version), keeper->appliance.identity_hash);
    }
}

/*
 * Of what belongs to keys a hash is kept; the other kinds are few, and kept whole. The copy has the
 * same revision and event, so that the two can stand for each other.
 */
static enum ps_err keep_row(void *context, const struct catalog_row *row)
{
    struct keeper *keeper = context;

    if (catalog_kind_is_of_keys(row->kind)) {
        return truth_set(keeper->truth, row);
    }
    return catalog_keep_row(keeper->known, row);
}

/* Of a row of keys that is newer than the snapshot. */
static enum ps_err note_change(void *context, const struct catalog_row *row)
{
    struct keeper *keeper = context;

    return row->body.len == 0 ? truth_remove(keeper->truth, row->kind, row->name, row->event)
                              : truth_set(keeper->truth, row);
}

static enum ps_err load_known(struct keeper *keeper, struct catalog *from)
{
    struct table *table = layered_table(from);

    catalog_close(keeper->known);
    keeper->known = NULL;
    PS_TRY(catalog_open_memory(&keeper->known));
    PS_TRY(truth_rest_on(keeper->truth, table, snapshots_size(keeper->snapshots)));
    for (unsigned at = 0; at < CATALOG_AUTHORISING_COUNT; at++) {
        const enum catalog_kind kind = (enum catalog_kind)at;

        if (table != NULL && catalog_kind_is_of_keys(kind)) {
            PS_TRY(layered_each_change(from, kind, note_change, keeper));
        } else {
            PS_TRY(catalog_list(from, kind, ps_bytes(NULL, 0), UINT32_MAX, keep_row, keeper));
        }
    }
    return PS_OK;
}

enum ps_err load_all(struct keeper *keeper, struct catalog *from)
{
    PS_TRY(load_known(keeper, from));
    PS_TRY(load_appliance(keeper));
    PS_TRY(gate_load(keeper->gate));
    PS_TRY(key_cache_load(keeper->key_cache, from));
    PS_TRY(sets_load(keeper->sets, keeper->known));
    PS_TRY(profiles_load(keeper->profiles, keeper->known));
    PS_TRY(revocations_load(keeper->revocations, keeper->known));
    PS_TRY(authority_load(keeper));
    hash_identity(keeper);
    return PS_OK;
}

static enum ps_err load_change(struct keeper *keeper, const struct catalog_change *change)
{
    switch (change->kind) {
    case CATALOG_APPLIANCE:
        PS_TRY(load_appliance(keeper));
        restored_look(keeper->restored);
        lock_look(keeper);
        return PS_OK;
    case CATALOG_POLICY: /* all together: load_changes */
    case CATALOG_ROSTER:
    case CATALOG_KEY: /* load_key_changes */
    case CATALOG_VERSION:
    case CATALOG_CERTIFICATE:
    case CATALOG_CLIENT:
    case CATALOG_GRANT:
    case CATALOG_SET:
    case CATALOG_PROFILE:
    case CATALOG_REVOCATION:
    case CATALOG_FAMILY:
    case CATALOG_PIN:
    case CATALOG_TOKEN:
    case CATALOG_PRUNED:
    case CATALOG_OPERATION:
    case CATALOG_RESERVED:
    case CATALOG_WRAPPED:
    case CATALOG_KIND_COUNT:
        break;
    }
    return PS_OK;
}

/* What changes is here: a key that is away has to come with all of it. */
static void need_key(const struct keeper *keeper, const struct catalog_change *change)
{
    const struct ps_bytes name = change->name;
    const uint8_t *slash = memchr(name.data, '/', name.len);

    if (catalog_kind_is_of_keys(change->kind)) {
        (void)keys_find(
            keeper->keys,
            ps_bytes(name.data, slash == NULL ? name.len : (size_t)(slash - name.data)));
    }
}

enum ps_err load_key_changes(struct keeper *keeper, const struct catalog_change *changes,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        keeper->versions_epoch += catalog_kind_is_of_keys(changes[i].kind) ? 1 : 0;
        need_key(keeper, &changes[i]);
        if (changes[i].kind == CATALOG_KEY) {
            PS_TRY(keys_put(keeper->keys, changes[i].body, changes[i].expected + 1));
        } else if (changes[i].kind == CATALOG_VERSION) {
            PS_TRY(keys_put_version(keeper->keys, changes[i].body));
        } else if (changes[i].kind == CATALOG_CERTIFICATE) {
            PS_TRY(keys_put_certificate(keeper->keys, changes[i].body));
        }
    }
    return PS_OK;
}

/* From here on the rows in the database have to be these. */
static enum ps_err know(struct keeper *keeper, const struct catalog_change *changes, size_t count,
                        uint64_t event)
{
    for (size_t i = 0; i < count; i++) {
        const struct catalog_change *change = &changes[i];

        if (!catalog_kind_is_of_keys(change->kind)) {
            PS_TRY(catalog_apply(keeper->known, change, 1, event, NULL));
        } else if (change->body.len == 0) {
            PS_TRY(truth_remove(keeper->truth, change->kind, change->name, event));
        } else {
            PS_TRY(truth_set(keeper->truth, &(struct catalog_row){.kind = change->kind,
                                                                  .name = change->name,
                                                                  .revision = change->expected + 1,
                                                                  .event = event,
                                                                  .body = change->body}));
        }
    }
    return PS_OK;
}

enum ps_err load_changes(struct keeper *keeper, const struct catalog_change *changes, size_t count,
                         uint64_t event)
{
    bool access_changed = false;
    bool tokens_changed = false;
    bool sets_changed = false;
    bool people_changed = false;
    bool profiles_changed = false;
    bool revocations_changed = false;
    bool pins_changed = false;

    PS_TRY(know(keeper, changes, count, event));
    for (size_t i = 0; i < count; i++) {
        PS_TRY(load_change(keeper, &changes[i]));
        access_changed |= changes[i].kind == CATALOG_CLIENT || changes[i].kind == CATALOG_GRANT ||
                          changes[i].kind == CATALOG_APPLIANCE;
        tokens_changed |= changes[i].kind == CATALOG_TOKEN;
        sets_changed |= changes[i].kind == CATALOG_SET;
        profiles_changed |= changes[i].kind == CATALOG_PROFILE;
        revocations_changed |= changes[i].kind == CATALOG_REVOCATION;
        keeper->pruning.is_due |= changes[i].kind == CATALOG_PRUNED;
        pins_changed |= changes[i].kind == CATALOG_PIN;
        people_changed |= changes[i].kind == CATALOG_ROSTER || changes[i].kind == CATALOG_POLICY;
    }
    hash_identity(keeper);
    if (access_changed) {
        keeper->access_epoch++;
        PS_TRY(authority_load(keeper));
    }
    if (people_changed) {
        PS_TRY(gate_load(keeper->gate));
        gate_judge_all(keeper->gate);
        custody_check_holders(keeper->custody);
    }
    if (pins_changed) {
        custody_pins_changed(keeper->custody);
    }
    if (sets_changed) {
        PS_TRY(sets_load(keeper->sets, keeper->known));
    }
    if (profiles_changed) {
        PS_TRY(profiles_load(keeper->profiles, keeper->known));
    }
    if (revocations_changed) {
        PS_TRY(revocations_load(keeper->revocations, keeper->known));
    }
    if (tokens_changed) {
        load_approve_tokens(keeper);
    }
    return PS_OK;
}

static enum ps_err on_token(void *context, const struct catalog_row *row)
{
    struct keeper *keeper = context;
    struct token *token = tokens_find(keeper->tokens, row->name);
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct token_record record;
    struct json_value body;

    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, row->body, &limits, &body));
    PS_TRY(token_record_read(body, &record));
    if (token != NULL) {
        tokens_approve(token, &(struct token_identity){.serial = record.serial,
                                                       .module_hash = record.module_hash,
                                                       .firmware = record.firmware,
                                                       .profile = record.profile,
                                                       .profile_hash = record.profile_hash});
    }
    return PS_OK;
}

/* One that nobody has taken in, or that was let go. */
static void dismiss_others(struct keeper *keeper)
{
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX};
    struct catalog_row row;
    struct token *token;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        ps_buf_reset(&memory);
        if (catalog_get(keeper->known, CATALOG_TOKEN, tokens_name(token), &memory, &row) ==
            PS_E_NOT_FOUND) {
            tokens_dismiss(token);
        }
    }
}

void load_approve_tokens(struct keeper *keeper)
{
    if (keeper->known == NULL || !keeper->appliance.exists || !keeper->started ||
        lock_is_on(keeper)) {
        return;
    }
    dismiss_others(keeper);
    if (catalog_list(keeper->known, CATALOG_TOKEN, ps_bytes(NULL, 0), UINT32_MAX, on_token,
                     keeper) != PS_OK) {
        ps_line(PS_ERROR, "tokens_not_approved", PS_STR("detail", ps_detail()->text));
    }
}
