#include "lib/ceremony/replay/internal.h"

#include "lib/base/encode.h"
#include "lib/ceremony/log/key.h"
#include "lib/ceremony/people/people_change.h"

#include <stdlib.h>

static const char identity_versions[] = "privyseal.identity/";

static enum ps_err note_name(struct ps_map *names, struct ps_bytes name)
{
    char *copy;
    enum ps_err err;

    if (ps_map_get(names, name) != NULL) {
        return PS_OK;
    }
    copy = strndup((const char *)name.data, name.len);
    if (copy == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = ps_map_add(names, ps_bytes_str(copy), copy);
    if (err != PS_OK) {
        free(copy);
    }
    return err;
}

static enum ps_err note_key(struct replay *replay, struct ps_bytes name, struct json_value row)
{
    struct ps_bytes class;

    if (replay->sink.is_chosen) {
        PS_TRY(note_name(replay->known, name));
    }
    return replay_text_of(row, "class", &class) == PS_OK && ps_bytes_equal_str(class, "A")
               ? note_name(replay->strong, name)
               : PS_OK;
}

/* The roster's rows are the people as the documents lead to them. */
static enum ps_err check_person(const struct replay *replay, struct ps_bytes name,
                                struct json_value effect)
{
    const struct person *person = roster_find(replay->roster, name);
    PS_BUF_AUTO expected = {.max = ROSTER_OCTETS_MAX};
    struct json_value row;

    if (!json_member(effect, "row", &row)) {
        return person == NULL
                   ? PS_OK
                   : ps_fail(PS_E_DENIED, 0, "it removes %.*s, who stays", PS_BYTES_FMT(name));
    }
    if (person != NULL) {
        person_put(person, &expected);
        PS_TRY(ps_buf_status(&expected));
    }
    return person != NULL && ps_bytes_equal(ps_buf_bytes(&expected), json_raw(row))
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "its row of %.*s is not what its document says",
                         PS_BYTES_FMT(name));
}

static enum ps_err note_identity(struct replay *replay, struct json_value row)
{
    PS_BUF_AUTO spki = {.max = 1024};
    struct ps_bytes text;

    PS_TRY(replay_text_of(row, "public_key", &text));
    PS_TRY(ps_base64url_decode(text, &spki));
    ps_sha256(ps_buf_bytes(&spki), replay->appliance);
    replay->has_appliance = true;
    return PS_OK;
}

static enum ps_err take_effect(struct replay *replay, struct json_value effect)
{
    struct json_value row;
    struct ps_bytes kind;
    struct ps_bytes name;
    struct ps_bytes state;

    PS_TRY(replay_text_of(effect, "kind", &kind));
    PS_TRY(replay_text_of(effect, "name", &name));
    if (ps_bytes_equal_str(kind, "roster")) {
        return check_person(replay, name, effect);
    }
    if (!json_member(effect, "row", &row)) {
        return PS_OK;
    }
    if (ps_bytes_equal_str(kind, "key")) {
        return note_key(replay, name, row);
    }
    /* A restored appliance has another identity. */
    return ps_bytes_equal_str(kind, "version") &&
                   ps_bytes_starts_with(name, ps_bytes_str(identity_versions)) &&
                   replay_text_of(row, "state", &state) == PS_OK &&
                   ps_bytes_equal_str(state, "active")
               ? note_identity(replay, row)
               : PS_OK;
}

enum ps_err replay_take_effects(struct replay *replay, struct json_value effects)
{
    struct json_value effect;
    uint32_t cursor = 0;

    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &effect)) {
        PS_TRY(take_effect(replay, effect));
    }
    return PS_OK;
}

/* The octets that people approved, behind the head of an Ed25519 SubjectPublicKeyInfo (RFC 8410).
 */
static enum ps_err check_approved_key(const struct replayed *op, const struct note_key *key)
{
    const struct operation_document *document = waiting_document(op->waiting);
    PS_BUF_AUTO spki = {.max = 64};
    struct ps_bytes text;

    if (strcmp(document->type->name, "appliance.restore") != 0 || !op->is_judged) {
        return ps_fail(PS_E_DENIED, 0, "it changes the log's key, and people did not approve that");
    }
    PS_TRY(operation_document_text(document, "log_public", &text));
    PS_TRY(ps_base64url_decode(text, &spki));
    return spki.len > sizeof key->public_key &&
                   memcmp(spki.data + spki.len - sizeof key->public_key, key->public_key,
                          sizeof key->public_key) == 0
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "the log's new key is not the one that people approved");
}

enum ps_err replay_take_log_key(struct replay *replay, const struct replayed *op,
                                struct json_value effects)
{
    struct json_value effect;
    struct json_value row;
    struct ps_bytes kind;
    struct ps_bytes text;
    struct note_key key;
    uint32_t cursor = 0;

    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &effect)) {
        PS_TRY(replay_text_of(effect, "kind", &kind));
        if (!ps_bytes_equal_str(kind, "appliance") || !json_member(effect, "row", &row)) {
            continue;
        }
        PS_TRY(replay_text_of(row, "log_verifier", &text));
        if (ps_bytes_equal(text, ps_buf_bytes(&replay->log_key))) {
            continue;
        }
        PS_TRY(log_key_parse(text, &key));
        PS_TRY(check_approved_key(op, &key));
        ps_buf_reset(&replay->log_key);
        ps_buf_put(&replay->log_key, text);
        PS_TRY(ps_buf_status(&replay->log_key));
    }
    return PS_OK;
}

enum ps_err replay_change_people(struct replay *replay, const struct replayed *op)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const struct people_change change = {.type = document->type, .params = document->params};
    struct roster *next;

    if (!people_change_has_type(change.type)) {
        return PS_OK;
    }
    PS_TRY(people_change_policy(&change, &replay->policy, &replay->policy));
    PS_TRY(people_change_roster(&change, replay->roster, &next));
    roster_free(replay->roster);
    replay->roster = next;
    replay->recall++;
    return PS_OK;
}
