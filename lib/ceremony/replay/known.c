#include "lib/ceremony/replay/rows.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Rows as the leaves so far have them. Of keys that people make there may be very many: a hash of
 * what never changes of them, and the state. Of all else the whole row.
 */

#define STATE_MAX       20u
#define NAME_MAX_OCTETS 256u

struct known {
    uint8_t fixed[PS_SHA256_LEN]; /* of members that stay */
    union {
        struct {
            char state[STATE_MAX];
            uint64_t latest;
        } key;
        uint8_t but_proof[PS_SHA256_LEN]; /* of a version: of all but `unproven` */
    } of;
    bool is_unproven;     /* a version */
    struct ps_buf row;    /* empty: of a key that people made, or of its version */
    struct ps_bytes name; /* "key/name" */
    char text[];
};

static void known_free(void *value)
{
    struct known *known = value;

    if (known != NULL) {
        ps_buf_clear(&known->row);
        free(known);
    }
}

static void known_free_auto(struct known **known)
{
    known_free(*known);
}

void replay_forget_rows(struct replay *replay)
{
    if (replay->rows != NULL) {
        ps_map_free(replay->rows, known_free);
    }
    json_free(replay->row_json);
}

/* --- What may change --- */

static const char *const of_a_key[] = {"latest", "state"};
static const char *const of_a_version[] = {"activates_s", "retired_s", "state", "unproven"};
static const char *const of_a_proof[] = {"unproven"};
/* Of the appliance's own keys also in which tokens they are, and until when one was used. */
static const char *const of_own_keys[] = {"activates_s", "expires_s", "latest", "replicas",
                                          "retired_s",   "state",     "token",  "unproven"};
static const char *const of_families[] = {"made", "suspended"};

struct changing {
    const char *type;
    const char *const *members;
    size_t count;
};
#define MEMBERS(...)                                                                               \
    (const char *const[]){__VA_ARGS__},                                                            \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)

/* Of rows of other kinds, those that an operation changes in some members alone. */
static const struct changing changing[] = {
    {"appliance.lock", MEMBERS("locked")},
    {"appliance.restore", MEMBERS("log_object_id", "log_token", "log_verifier")},
    {"appliance.unlock", MEMBERS("locked")},
    {"client.certificate", MEMBERS("pins")},
    {"client.resume", MEMBERS("suspended")},
    {"client.suspend", MEMBERS("suspended")},
    {"configuration.approve", MEMBERS("configuration")},
    {"family.make_key", of_families, PS_COUNT_OF(of_families)},
    {"family.resume", of_families, PS_COUNT_OF(of_families)},
    {"family.suspend", of_families, PS_COUNT_OF(of_families)},
    {"token.approve", MEMBERS("firmware", "module_hash", "profile", "profile_hash")},
};

static bool is_of_keys(struct ps_bytes kind)
{
    return ps_bytes_equal_str(kind, "key") || ps_bytes_equal_str(kind, "version");
}

static bool is_hashed(const struct replay_effect *effect)
{
    return is_of_keys(effect->kind) && !ps_name_reserved(effect->name);
}

static struct changing changing_of(const struct replayed *op, const struct replay_effect *effect)
{
    const char *type = waiting_document(op->waiting)->type->name;

    if (is_hashed(effect)) {
        return ps_bytes_equal_str(effect->kind, "key")
                   ? (struct changing){type, of_a_key, PS_COUNT_OF(of_a_key)}
                   : (struct changing){type, of_a_version, PS_COUNT_OF(of_a_version)};
    }
    if (is_of_keys(effect->kind)) {
        return (struct changing){type, of_own_keys, PS_COUNT_OF(of_own_keys)};
    }
    for (size_t i = 0; i < PS_COUNT_OF(changing); i++) {
        if (strcmp(changing[i].type, type) == 0) {
            return changing[i];
        }
    }
    return (struct changing){.type = NULL};
}

/* --- A row as it is remembered --- */

static enum ps_err hash_fixed(const struct changing *of, struct json_value row,
                              uint8_t out[PS_SHA256_LEN])
{
    PS_BUF_AUTO octets = {.max = LOG_LEAF_MAX};
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(row, &cursor, &name, &value)) {
        if (!replay_is_listed(name, of->members, of->count)) {
            ps_buf_put(&octets, name);
            ps_buf_put_u8(&octets, ':');
            ps_buf_put(&octets, json_raw(value));
            ps_buf_put_u8(&octets, ',');
        }
    }
    PS_TRY(ps_buf_status(&octets));
    ps_sha256(ps_buf_bytes(&octets), out);
    return PS_OK;
}

static const struct changing proof = {"", of_a_proof, PS_COUNT_OF(of_a_proof)};

static bool is_unproven(const struct replay_effect *effect)
{
    struct json_value value;

    return json_member(effect->row, "unproven", &value);
}

static enum ps_err fill(struct known *known, const struct changing *of,
                        const struct replay_effect *effect)
{
    struct ps_bytes state;

    if (!is_hashed(effect)) {
        ps_buf_reset(&known->row);
        ps_buf_put(&known->row, json_raw(effect->row));
        return ps_buf_status(&known->row);
    }
    PS_TRY(hash_fixed(of, effect->row, known->fixed));
    if (!ps_bytes_equal_str(effect->kind, "key")) {
        known->is_unproven = is_unproven(effect);
        return hash_fixed(&proof, effect->row, known->of.but_proof);
    }
    PS_TRY(replay_text_of(effect->row, "state", &state));
    PS_TRY(replay_read_number(effect->row, "latest", &known->of.key.latest));
    (void)snprintf(known->of.key.state, sizeof known->of.key.state, "%.*s", PS_BYTES_FMT(state));
    return PS_OK;
}

static enum ps_err add(struct replay *replay, const struct changing *of, struct ps_bytes name,
                       const struct replay_effect *effect)
{
    PS_CLEANUP(known_free_auto) struct known *known = calloc(1, sizeof *known + name.len);
    enum ps_err err;

    if (known == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(known->text, name.data, name.len);
    known->name = ps_bytes((const uint8_t *)known->text, name.len);
    ps_buf_init(&known->row, LOG_LEAF_MAX);
    PS_TRY(fill(known, of, effect));
    err = ps_map_add(replay->rows, known->name, known);
    if (err == PS_OK) {
        known = NULL;
    }
    return err;
}

/* --- Compared --- */

static enum ps_err is_changed(const struct replay_effect *effect)
{
    return ps_fail(PS_E_DENIED, 0, "it changes more of %.*s %.*s than its document says",
                   PS_BYTES_FMT(effect->kind), PS_BYTES_FMT(effect->name));
}

static bool is_kept(const struct changing *of, struct json_value one, struct json_value other)
{
    struct json_value value;
    struct json_value theirs;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(one, &cursor, &name, &value)) {
        if (!replay_is_listed(name, of->members, of->count) &&
            (!replay_find_member(other, name, &theirs) ||
             !ps_bytes_equal(json_raw(value), json_raw(theirs)))) {
            return false;
        }
    }
    return true;
}

static enum ps_err compare_whole(struct replay *replay, const struct known *known,
                                 const struct changing *of, const struct replay_effect *effect)
{
    const struct json_limits limits = {LOG_LEAF_MAX, 16, 20000, false};
    struct json_value before;

    if (of->type == NULL) {
        return PS_OK; /* its document has all of it: terms.c */
    }
    PS_TRY(json_parse(replay->row_json, ps_buf_bytes(&known->row), &limits, &before));
    return is_kept(of, before, effect->row) && is_kept(of, effect->row, before)
               ? PS_OK
               : is_changed(effect);
}

/* Whether this operation may take the key as a whole to another state, or to a next version. */
static bool changes_state(const struct replayed *op)
{
    const struct operation_document *document = waiting_document(op->waiting);
    uint64_t number;

    return strncmp(document->type->name, "key.", 4) == 0 &&
           replay_read_digits(document, "version", &number) == PS_OK && number == 0;
}

static enum ps_err compare_key(const struct known *known, const struct replayed *op,
                               const struct replay_effect *effect)
{
    const bool is_next = strcmp(waiting_document(op->waiting)->type->name, "key.rotate") == 0;

    if (!changes_state(op) &&
        !replay_text_is(effect->row, "state", ps_bytes_str(known->of.key.state))) {
        return is_changed(effect);
    }
    return replay_number_is(effect->row, "latest",
                            (int64_t)(known->of.key.latest + (is_next ? 1 : 0)))
               ? PS_OK
               : is_changed(effect);
}

bool replay_is_of_proof(const struct replayed *op)
{
    const char *type = waiting_document(op->waiting)->type->name;

    return strcmp(type, "key.proven") == 0 || strcmp(type, "key.unproven") == 0;
}

/* Nothing but what the token has shown, or what it has not. */
static enum ps_err compare_version(const struct known *known, const struct replayed *op,
                                   const struct replay_effect *effect)
{
    uint8_t but_proof[PS_SHA256_LEN];

    if (!replay_is_of_proof(op)) {
        return is_unproven(effect) == known->is_unproven ? PS_OK : is_changed(effect);
    }
    PS_TRY(hash_fixed(&proof, effect->row, but_proof));
    return memcmp(but_proof, known->of.but_proof, sizeof but_proof) == 0 ? PS_OK
                                                                         : is_changed(effect);
}

static enum ps_err compare(struct replay *replay, const struct replayed *op,
                           const struct known *known, const struct changing *of,
                           const struct replay_effect *effect)
{
    uint8_t fixed[PS_SHA256_LEN];

    if (!is_hashed(effect)) {
        /* What was done in between may have been left out of chosen leaves. */
        return replay->sink.is_chosen ? PS_OK : compare_whole(replay, known, of, effect);
    }
    PS_TRY(hash_fixed(of, effect->row, fixed));
    if (memcmp(fixed, known->fixed, sizeof fixed) != 0) {
        return is_changed(effect);
    }
    if (replay->sink.is_chosen) {
        return PS_OK;
    }
    return ps_bytes_equal_str(effect->kind, "key") ? compare_key(known, op, effect)
                                                   : compare_version(known, op, effect);
}

static enum ps_err put_name(const struct replay_effect *effect, struct ps_buf *out)
{
    ps_buf_put(out, effect->kind);
    ps_buf_put_u8(out, '/');
    ps_buf_put(out, effect->name);
    return ps_buf_status(out);
}

/* Of chosen leaves what was there before may have been left out, but no key is made twice. */
static enum ps_err check_presence(const struct replay *replay, const struct replay_effect *effect,
                                  const struct known *known)
{
    const bool is_told = !replay->sink.is_chosen || is_hashed(effect);

    if (known != NULL && !effect->may_change && is_told) {
        return ps_fail(PS_E_DENIED, 0, "it makes %.*s %.*s, which there is already",
                       PS_BYTES_FMT(effect->kind), PS_BYTES_FMT(effect->name));
    }
    if (known == NULL && !effect->may_make && !replay->sink.is_chosen) {
        return ps_fail(PS_E_DENIED, 0, "it changes %.*s %.*s, which there is not",
                       PS_BYTES_FMT(effect->kind), PS_BYTES_FMT(effect->name));
    }
    return PS_OK;
}

/* Of which it is remembered how they are: of others one document has all, and nothing refers to it.
 */
static const char *const remembered[] = {"appliance", "client",  "family", "grant", "key",    "pin",
                                         "policy",    "profile", "set",    "token", "version"};

enum ps_err replay_take_known(struct replay *replay, const struct replayed *op,
                              const struct replay_effect *effect)
{
    const struct changing of = changing_of(op, effect);
    PS_BUF_AUTO name = {.max = NAME_MAX_OCTETS};
    struct known *known;
    enum ps_err err;

    if (!replay_is_listed(effect->kind, remembered, PS_COUNT_OF(remembered))) {
        return PS_OK;
    }
    PS_TRY(put_name(effect, &name));
    known = ps_map_get(replay->rows, ps_buf_bytes(&name));
    PS_TRY(check_presence(replay, effect, known));
    if (effect->row.doc == NULL) {
        known_free(ps_map_remove(replay->rows, ps_buf_bytes(&name)));
        return PS_OK;
    }
    if (known == NULL) {
        return add(replay, &of, ps_buf_bytes(&name), effect);
    }
    err = compare(replay, op, known, &of, effect);
    return err == PS_OK ? fill(known, &of, effect) : err;
}

struct ps_bytes replay_known_row(const struct replay *replay, const char *kind,
                                 struct ps_bytes name)
{
    const struct replay_effect effect = {.kind = ps_bytes_str(kind), .name = name};
    PS_BUF_AUTO text = {.max = NAME_MAX_OCTETS};
    const struct known *known =
        put_name(&effect, &text) == PS_OK ? ps_map_get(replay->rows, ps_buf_bytes(&text)) : NULL;

    return known == NULL ? ps_bytes(NULL, 0) : ps_buf_bytes(&known->row);
}
