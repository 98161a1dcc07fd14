#include "lib/ceremony/people/person.h"

#include "lib/base/reader.h"
#include "lib/ceremony/members.h"
#include "lib/formats/ssh/ssh_key.h"

#include <stdlib.h>

static const char *const role_names[ROSTER_ROLE_COUNT] = {
    [ROSTER_NOBODY] = "none",
    [ROSTER_OFFICER] = "officer",
    [ROSTER_AUDITOR] = "auditor",
    [ROSTER_RECOVERY] = "recovery",
};

static const char *const standing_names[] = {
    [PERSON_VALID] = "valid",
    [PERSON_SUSPENDED] = "suspended",
    [PERSON_NOT_YET] = "not yet valid",
    [PERSON_EXPIRED] = "no longer valid",
};

/* The members in the order of RFC 8785. */
struct entry {
    struct json_value keys;
    struct ps_bytes person;
    struct ps_bytes role;
    bool suspended;
    struct json_value unproven;
    struct ps_bytes valid_from;
    struct ps_bytes valid_until;
};

static const struct json_field entry_fields[] = {
    JSON_FIELD(struct entry, keys, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct entry, person, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct entry, role, JSON_KIND_STRING, true, 16),
    JSON_FIELD(struct entry, suspended, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct entry, unproven, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct entry, valid_from, JSON_KIND_STRING, true, 20),
    JSON_FIELD(struct entry, valid_until, JSON_KIND_STRING, true, 20),
};
enum { ENTRY_HAS_SUSPENDED = 1u << 3, ENTRY_HAS_UNPROVEN = 1u << 4 };

/* --- Reading --- */

static enum ps_err read_element(struct json_value value, const char *name,
                                struct ps_bytes *ret_text)
{
    if (json_type(value) != JSON_STRING) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\": not a list of strings", name);
    }
    return json_string(value, ret_text);
}

static enum ps_err read_key(struct json_value value, struct ssh_key **ret_key)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO line = {.max = SSH_KEY_LINE_MAX};
    struct ps_bytes text;

    PS_TRY(read_element(value, "keys", &text));
    PS_TRY(ssh_key_parse_line(text, &key));
    ssh_key_put_line(key, &line);
    PS_TRY(ps_buf_status(&line));
    if (!ps_bytes_equal(ps_buf_bytes(&line), text)) {
        return ps_fail(PS_E_INPUT, 0,
                       "a key stands here without comment and newline: only its type and base64");
    }
    *ret_key = key;
    key = NULL;
    return PS_OK;
}

static enum ps_err read_keys(struct json_value keys, struct person *person)
{
    struct json_value value;
    uint32_t cursor = 0;

    if (json_count(keys) == 0) {
        return ps_fail(PS_E_INPUT, 0, "member \"keys\": at least one is needed");
    }
    if (json_count(keys) > ROSTER_KEYS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "member \"keys\": more than %u", ROSTER_KEYS_MAX);
    }
    while (json_next(keys, &cursor, NULL, &value)) {
        PS_TRY(read_key(value, &person->keys[person->key_count].key));
        person->key_count++;
    }
    return PS_OK;
}

/* One form for one content: some of the keys' fingerprints, in the order of the keys. */
static enum ps_err read_unproven(struct json_value unproven, struct person *person)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;
    size_t at = 0;

    while (json_next(unproven, &cursor, NULL, &value)) {
        PS_TRY(read_element(value, "unproven", &text));
        while (at < person->key_count &&
               !ps_bytes_equal_str(text, ssh_key_fingerprint(person->keys[at].key))) {
            at++;
        }
        if (at == person->key_count) {
            return ps_fail(PS_E_INPUT, 0,
                           "member \"unproven\": fingerprints of `keys`, in their order");
        }
        person->keys[at++].is_unproven = true;
    }
    return cursor != 0 ? PS_OK : ps_fail(PS_E_INPUT, 0, "member \"unproven\": left out when empty");
}

static enum ps_err read_members(const struct entry *entry, uint64_t seen, struct person *person)
{
    person->role = roster_role_by_name(entry->role);
    if (person->role == ROSTER_NOBODY) {
        return ps_fail(PS_E_INPUT, 0, "member \"role\": officer, auditor or recovery");
    }
    if ((seen & ENTRY_HAS_SUSPENDED) != 0 && !entry->suspended) {
        return ps_fail(PS_E_INPUT, 0, "member \"suspended\": left out when it is not true");
    }
    person->is_suspended = entry->suspended;
    PS_TRY(member_read_time(entry->valid_from, "valid_from", &person->valid_from_s));
    PS_TRY(member_read_time(entry->valid_until, "valid_until", &person->valid_until_s));
    if (person->valid_from_s >= person->valid_until_s) {
        return ps_fail(PS_E_INPUT, 0, "member \"valid_until\": not after valid_from");
    }
    PS_TRY(read_keys(entry->keys, person));
    return (seen & ENTRY_HAS_UNPROVEN) == 0 ? PS_OK : read_unproven(entry->unproven, person);
}

/* Says whose entry it is before what is wrong with it. */
static enum ps_err about(const struct person *person, enum ps_err err)
{
    const struct ps_detail detail = *ps_detail();

    return ps_fail(err, detail.code, "person \"%.64s\": %s", person->name, detail.text);
}

enum ps_err person_read(struct json_value entry, struct person **ret_person)
{
    PS_CLEANUP(person_free_cleanup) struct person *person = calloc(1, sizeof *person);
    struct entry members = {.suspended = false};
    uint64_t seen;
    enum ps_err err;

    if (person == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (json_type(entry) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "a person is an object");
    }
    PS_TRY(json_read_object(entry, entry_fields, PS_COUNT_OF(entry_fields), &members, &seen));
    memcpy(person->name, members.person.data, members.person.len);
    err = read_members(&members, seen, person);
    if (err != PS_OK) {
        return about(person, err);
    }
    *ret_person = person;
    person = NULL;
    return PS_OK;
}

enum ps_err person_copy(const struct person *person, struct person **ret_person)
{
    PS_CLEANUP(person_free_cleanup) struct person *copy = malloc(sizeof *copy);

    if (copy == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *copy = *person;
    memset(copy->keys, 0, sizeof copy->keys);
    for (copy->key_count = 0; copy->key_count < person->key_count; copy->key_count++) {
        const struct roster_key *key = &person->keys[copy->key_count];

        PS_TRY(ssh_key_parse_blob(ssh_key_blob(key->key), &copy->keys[copy->key_count].key));
        copy->keys[copy->key_count].is_unproven = key->is_unproven;
    }
    *ret_person = copy;
    copy = NULL;
    return PS_OK;
}

void person_free(struct person *person)
{
    if (person == NULL) {
        return;
    }
    for (size_t i = 0; i < person->key_count; i++) {
        ssh_key_free(person->keys[i].key);
    }
    free(person);
}

/* --- Writing --- */

static void put_unproven(const struct person *person, struct ps_buf *out)
{
    size_t count = 0;

    for (size_t i = 0; i < person->key_count; i++) {
        if (person->keys[i].is_unproven) {
            ps_buf_printf(out, "%s\"%s\"", count == 0 ? ",\"unproven\":[" : ",",
                          ssh_key_fingerprint(person->keys[i].key));
            count++;
        }
    }
    if (count != 0) {
        ps_buf_put_u8(out, ']');
    }
}

void person_put(const struct person *person, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"keys\":[");
    for (size_t i = 0; i < person->key_count; i++) {
        ps_buf_put_str(out, i == 0 ? "\"" : ",\"");
        ssh_key_put_line(person->keys[i].key, out);
        ps_buf_put_u8(out, '"');
    }
    ps_buf_printf(out, "],\"person\":\"%s\",\"role\":\"%s\"", person->name,
                  roster_role_name(person->role));
    if (person->is_suspended) {
        ps_buf_put_str(out, ",\"suspended\":true");
    }
    put_unproven(person, out);
    ps_buf_put_str(out, ",\"valid_from\":");
    member_put_time(out, person->valid_from_s);
    ps_buf_put_str(out, ",\"valid_until\":");
    member_put_time(out, person->valid_until_s);
    ps_buf_put_u8(out, '}');
}

/* --- What holds of them --- */

/* string type, [string curve,] string point, ... (RFC 4253 section 6.6, PROTOCOL.u2f) */
static struct ps_bytes key_point(const struct ssh_key *key)
{
    struct ps_reader reader = ps_reader(ssh_key_blob(key));
    const enum ssh_key_type type = ssh_key_type(key);
    const bool is_edwards = type == SSH_KEY_ED25519 || type == SSH_KEY_SK_ED25519;

    for (int i = 0; i < (is_edwards ? 1 : 2); i++) {
        (void)ps_reader_take(&reader, ps_reader_u32(&reader));
    }
    return ps_reader_take(&reader, ps_reader_u32(&reader));
}

bool person_keys_match(const struct ssh_key *a, const struct ssh_key *b)
{
    return ps_bytes_equal(key_point(a), key_point(b));
}

bool person_has_key(const struct person *person, struct ps_bytes blob)
{
    for (size_t i = 0; i < person->key_count; i++) {
        if (ps_bytes_equal(ssh_key_blob(person->keys[i].key), blob)) {
            return true;
        }
    }
    return false;
}

bool person_equal(const struct person *a, const struct person *b)
{
    if (strcmp(a->name, b->name) != 0 || a->role != b->role || a->is_suspended != b->is_suspended ||
        a->valid_from_s != b->valid_from_s || a->valid_until_s != b->valid_until_s ||
        a->key_count != b->key_count) {
        return false;
    }
    for (size_t i = 0; i < a->key_count; i++) {
        if (a->keys[i].is_unproven != b->keys[i].is_unproven ||
            !ssh_key_equal(a->keys[i].key, b->keys[i].key)) {
            return false;
        }
    }
    return true;
}

enum person_standing person_standing(const struct person *person, uint64_t now_s)
{
    if (person->is_suspended) {
        return PERSON_SUSPENDED;
    }
    if (now_s < person->valid_from_s) {
        return PERSON_NOT_YET;
    }
    return now_s < person->valid_until_s ? PERSON_VALID : PERSON_EXPIRED;
}

const char *roster_role_name(enum roster_role role)
{
    return role_names[(unsigned)role < ROSTER_ROLE_COUNT ? role : ROSTER_NOBODY];
}

enum roster_role roster_role_by_name(struct ps_bytes name)
{
    for (unsigned i = ROSTER_OFFICER; i < ROSTER_ROLE_COUNT; i++) {
        if (ps_bytes_equal_str(name, role_names[i])) {
            return (enum roster_role)i;
        }
    }
    return ROSTER_NOBODY;
}

const char *person_standing_name(enum person_standing standing)
{
    return standing_names[standing];
}
