#include "keystore/backup/restored.h"

#include "keystore/backup/new_keys.h"
#include "keystore/backup/restored_files.h"
#include "keystore/custody/records.h"
#include "keystore/events/events.h"
#include "keystore/snapshot/snapshot.h"
#include "keystore/state/state.h"
#include "keystore/writer.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/ceremony/backup/restore_format.h"
#include "lib/ceremony/log/succession.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define AGAIN_NS      (2 * PS_NS_PER_S)
#define AGAIN_DOUBLED 8u /* at most so often, to 512 s */

struct restored {
    struct keeper *keeper;
    bool waits;
    uint64_t leaves;
    bool mirrored;
    char created[40];                  /* the backup */
    char before[LOG_VERIFIER_MAX + 1]; /* the log's key */
    struct new_keys *new_keys;
    char failure[160]; /* why there are none; "": it was not tried, or they are there */
    unsigned failures; /* since the start */
    uint64_t again_ns; /* monotonic: not before, after one */
    bool has_offer;
    struct restored_offer offer;
};

enum ps_err restored_new(struct keeper *keeper, struct restored **ret_restored)
{
    struct restored *restored = calloc(1, sizeof *restored);

    if (restored == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    restored->keeper = keeper;
    *ret_restored = restored;
    return PS_OK;
}

void restored_free(struct restored *restored)
{
    if (restored == NULL) {
        return;
    }
    new_keys_free(restored->new_keys);
    free(restored);
}

bool restored_waits(const struct restored *restored)
{
    return restored->waits;
}

uint64_t restored_leaves(const struct restored *restored)
{
    return restored->leaves;
}

bool restored_is_mirrored(const struct restored *restored)
{
    return restored->mirrored;
}

const struct restored_offer *restored_offer(const struct restored *restored)
{
    return restored->has_offer ? &restored->offer : NULL;
}

enum ps_err restored_take_files(struct keeper *keeper)
{
    bool exist;

    PS_TRY(restored_files_exist(keeper->config->data_directory, &exist));
    return exist ? restored_files_take(keeper->config->data_directory, keeper->catalog) : PS_OK;
}

/* --- The leaf by which the log goes on --- */

static void on_recorded(void *context, bool is_durable)
{
    struct restored *restored = context;

    if (is_durable && restored_files_remove(restored->keeper->config->data_directory) != PS_OK) {
        ps_line(PS_WARNING, "restore_not_removed", PS_STR("detail", ps_detail()->text));
    }
}

static enum ps_err record_leaf(struct restored *restored, const struct restored_facts *facts)
{
    PS_BUF_AUTO data = {.max = 32u * 1024u};
    struct writer json = writer(&data);

    writer_begin_object(&json, NULL);
    writer_text(&json, "checkpoint", log_checkpoint(restored->keeper->events));
    writer_text(&json, "created", facts->created);
    writer_text(&json, "file", facts->file);
    writer_bool(&json, "mirrored", facts->mirrored);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(restored->keeper,
                         &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                              .kind = LOG_RESTORED_KIND,
                                              .data = ps_buf_bytes(&data)},
                         on_recorded, restored);
}

static void say(const struct restored *restored, const struct restored_facts *facts)
{
    char text[240];

    (void)snprintf(text, sizeof text,
                   "made from the backup of %.*s: %s of what came after entry %" PRIu64
                   " of the log of events is known",
                   PS_BYTES_FMT(facts->created),
                   facts->mirrored ? "its mirror was added, and nothing"
                                   : "WITHOUT a mirror of the log, so that nothing",
                   facts->leaves);
    events_alarm(restored->keeper, "restored", ps_bytes(NULL, 0), text);
}

static void note(struct restored *restored, struct ps_bytes created, uint64_t leaves, bool mirrored)
{
    restored->waits = true;
    memcpy(restored->before, restored->keeper->appliance.log_verifier, sizeof restored->before);
    restored->leaves = leaves;
    restored->mirrored = mirrored;
    (void)snprintf(restored->created, sizeof restored->created, "%.*s", PS_BYTES_FMT(created));
}

struct removing {
    struct keeper *keeper;
    struct json *parser;
};

static enum ps_err remove_if_destroyed(void *context, const struct catalog_row *row)
{
    struct removing *removing = context;
    struct version_record version;
    struct json_value body;

    PS_TRY(json_parse(removing->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(version_record_read(body, &version));
    return version.state == KEY_DESTROYED ? record_remove(removing->keeper, version.object_id)
                                          : PS_OK;
}

/*
 * What was destroyed after the backup has its blob in it: it goes. By the rows that the log makes,
 * since not all keys are in memory.
 */
static enum ps_err remove_destroyed(struct keeper *keeper, struct catalog *derived)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct removing removing = {.keeper = keeper};

    PS_TRY(json_new(&parser));
    removing.parser = parser;
    return catalog_list(derived, CATALOG_VERSION, ps_bytes(NULL, 0), UINT32_MAX,
                        remove_if_destroyed, &removing);
}

/* Nothing comes between: the leaf stands exactly behind those that its checkpoint covers. */
static enum ps_err go_on(struct restored *restored, struct derive *derive)
{
    struct keeper *keeper = restored->keeper;
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO text = {.max = RESTORE_FACTS_MAX};
    struct restored_facts facts;
    const struct derived_keys *keys = derive_keys(derive);

    PS_TRY(json_new(&json));
    PS_TRY(restored_files_read_facts(keeper->config->data_directory, json, &text, &facts));
    /* Rows are taken in at each start until then: also where the leaf is there. */
    PS_TRY(remove_destroyed(keeper, derive_catalog(derive)));
    if (keys->restored.len != 0 && keys->restored_event == facts.leaves) {
        on_recorded(restored, true); /* before a crash */
        return PS_OK;
    }
    if (log_size(keeper->events) != facts.leaves) {
        return ps_fail(PS_E_DENIED, 0, "the log has %s, and %" PRIu64 " were restored",
                       ps_counted(log_size(keeper->events), "leaf", "leaves").text, facts.leaves);
    }
    note(restored, facts.created, facts.leaves, facts.mirrored);
    PS_TRY(record_leaf(restored, &facts));
    say(restored, &facts);
    return PS_OK;
}

/* --- As the log says it --- */

static enum ps_err read_leaf(struct restored *restored, struct ps_bytes data, uint64_t event)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;
    struct json_value mirrored;
    struct json_value value;
    struct ps_bytes created;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, data, &JSON_LIMITS_REQUEST, &root));
    if (!json_member(root, "created", &value) || !json_member(root, "mirrored", &mirrored)) {
        return ps_fail(PS_E_INPUT, 0, "leaf %" PRIu64 " says too little of what was restored",
                       event);
    }
    PS_TRY(json_string(value, &created));
    note(restored, created, event, json_type(mirrored) == JSON_TRUE);
    return PS_OK;
}

static enum ps_err read_key(struct json_value root, const char *object, const char *public,
                            struct restored_key *ret_key)
{
    PS_BUF_AUTO id = {.max = OBJECT_ID_LEN};
    PS_BUF_AUTO spki = {.max = sizeof ret_key->spki};
    struct json_value value;
    struct ps_bytes text;

    if (!json_member(root, object, &value)) {
        return ps_fail(PS_E_INPUT, 0, "no `%s`", object);
    }
    PS_TRY(json_string(value, &text));
    PS_TRY(ps_hex_decode(text, &id));
    if (!json_member(root, public, &value)) {
        return ps_fail(PS_E_INPUT, 0, "no `%s`", public);
    }
    PS_TRY(json_string(value, &text));
    PS_TRY(ps_base64url_decode(text, &spki));
    if (id.len != OBJECT_ID_LEN || spki.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "`%s` or `%s` is none", object, public);
    }
    memcpy(ret_key->object_id, id.data, id.len);
    memcpy(ret_key->spki, spki.data, spki.len);
    ret_key->spki_len = spki.len;
    return PS_OK;
}

static enum ps_err read_offer(struct restored *restored, struct ps_bytes data)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct restored_offer *offer = &restored->offer;
    struct json_value root;
    struct json_value value;
    struct ps_bytes token;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, data, &JSON_LIMITS_REQUEST, &root));
    PS_TRY(read_key(root, "log_object", "log_public", &offer->keys[RESTORED_LOG]));
    PS_TRY(read_key(root, "identity_object", "identity_public", &offer->keys[RESTORED_IDENTITY]));
    if (!json_member(root, "token", &value)) {
        return ps_fail(PS_E_INPUT, 0, "no `token`");
    }
    PS_TRY(json_string(value, &token));
    if (!ps_name_valid(token)) {
        return ps_fail(PS_E_INPUT, 0, "`token` is no name");
    }
    (void)snprintf(offer->token, sizeof offer->token, "%.*s", PS_BYTES_FMT(token));
    restored->has_offer = true;
    return PS_OK;
}

/* The log has them now: a death before that was seen must not leave their ids to be swept. */
static enum ps_err forget_reserved(struct keeper *keeper, const struct restored_key *key)
{
    PS_BUF_AUTO name = {.max = 2 * OBJECT_ID_LEN};
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX + CATALOG_NAME_MAX};
    struct catalog_row row;
    enum ps_err err;

    ps_buf_put_hex(&name, ps_bytes(key->object_id, OBJECT_ID_LEN));
    PS_TRY(ps_buf_status(&name));
    err = catalog_get(keeper->catalog, CATALOG_RESERVED, ps_buf_bytes(&name), &memory, &row);
    if (err != PS_OK) {
        return err == PS_E_NOT_FOUND ? PS_OK : err;
    }
    return catalog_apply(keeper->catalog,
                         &(struct catalog_change){.kind = CATALOG_RESERVED,
                                                  .name = ps_buf_bytes(&name),
                                                  .expected = row.revision},
                         1, 0, NULL);
}

static void forget_reserved_of_offer(const struct restored *restored)
{
    for (size_t i = 0; i < RESTORED_KEYS; i++) {
        if (forget_reserved(restored->keeper, &restored->offer.keys[i]) != PS_OK) {
            ps_line(PS_WARNING, "reserved_id_stays", PS_STR("detail", ps_detail()->text));
        }
    }
}

enum ps_err restored_load(struct restored *restored, struct derive *derive)
{
    struct keeper *keeper = restored->keeper;
    const struct derived_keys *keys = derive_keys(derive);
    bool exist;

    if (keys->keys.is_restored) {
        PS_TRY(read_leaf(restored, ps_buf_bytes(&keys->restored), keys->restored_event));
        if (keys->offered.len != 0) {
            PS_TRY(read_offer(restored, ps_buf_bytes(&keys->offered)));
            forget_reserved_of_offer(restored);
        }
    }
    PS_TRY(restored_files_exist(keeper->config->data_directory, &exist));
    return exist ? go_on(restored, derive) : PS_OK;
}

/* --- The keys it would go on with --- */

/* Each try makes objects in the token. Said once, and then in GET /v1/system. */
static void put_off(struct restored *restored, const char *why)
{
    const unsigned doubled =
        restored->failures < AGAIN_DOUBLED ? restored->failures : AGAIN_DOUBLED;

    if (strcmp(restored->failure, why) != 0) {
        ps_line(PS_WARNING, "restore_keys_not_made", PS_STR("detail", why));
        (void)snprintf(restored->failure, sizeof restored->failure, "%.159s", why);
    }
    restored->failures++;
    restored->again_ns = ps_clock_mono_ns() + (AGAIN_NS << doubled);
}

static void on_made(void *context, const struct restored_offer *offer, const char *why)
{
    struct restored *restored = context;

    if (offer != NULL) {
        restored->offer = *offer;
        restored->has_offer = true;
        restored->failure[0] = 0;
        state_look(restored->keeper);
    } else {
        put_off(restored, why);
    }
    new_keys_free(restored->new_keys);
    restored->new_keys = NULL;
}

void restored_tick(struct restored *restored)
{
    enum ps_err err;

    if (!restored->waits || restored->has_offer || restored->new_keys != NULL ||
        ps_clock_mono_ns() < restored->again_ns) {
        return;
    }
    err = new_keys_begin(restored->keeper, on_made, restored, &restored->new_keys);
    if (err != PS_OK) {
        restored->new_keys = NULL;
    }
    if (err != PS_OK && err != PS_E_TOKEN) { /* no token is there: that costs nothing to look at */
        put_off(restored, ps_detail()->text);
    }
}

bool restored_has_reserved(const struct restored *restored, struct ps_bytes object_id)
{
    for (size_t i = 0; restored->has_offer && i < RESTORED_KEYS; i++) {
        if (ps_bytes_equal(object_id, ps_bytes(restored->offer.keys[i].object_id, OBJECT_ID_LEN))) {
            return true;
        }
    }
    return new_keys_have(restored->new_keys, object_id);
}

void restored_withdraw(struct restored *restored)
{
    restored->has_offer = false;
}

void restored_look(struct restored *restored)
{
    if (restored->waits &&
        strcmp(restored->before, restored->keeper->appliance.log_verifier) != 0) {
        restored->waits = false;
        restored->has_offer = false;
        snapshots_outdate(restored->keeper->snapshots);
        state_look(restored->keeper);
    }
}

bool restored_offers_equal(const struct restored_offer *one, const struct restored_offer *other)
{
    for (size_t i = 0; i < RESTORED_KEYS; i++) {
        const struct restored_key *a = &one->keys[i];
        const struct restored_key *b = &other->keys[i];

        if (memcmp(a->object_id, b->object_id, OBJECT_ID_LEN) != 0 ||
            !ps_bytes_equal(ps_bytes(a->spki, a->spki_len), ps_bytes(b->spki, b->spki_len))) {
            return false;
        }
    }
    return strcmp(one->token, other->token) == 0;
}

void restored_put_reason(const struct restored *restored, struct writer *out)
{
    const bool has_failed = !restored->has_offer && restored->failure[0] != 0;
    char text[560];

    if (!restored->waits) {
        return;
    }
    (void)snprintf(text, sizeof text,
                   "it was made from the backup of %s%s: it signs nothing until people approve an "
                   "operation `appliance.restore`%s%s",
                   restored->created,
                   restored->mirrored ? ""
                                      : ", WITHOUT a mirror of the log: who was removed or "
                                        "revoked since is back",
                   restored->has_offer ? ""
                   : has_failed ? ", for which its new keys could not be made; it tries again: "
                                : ", for which its new keys are not made yet: it waits "
                                  "for a token",
                   has_failed ? restored->failure : "");
    writer_begin_object(out, NULL);
    writer_str(out, "code", "restored");
    writer_str(out, "detail", text);
    writer_end_object(out);
}
