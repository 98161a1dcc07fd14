#include "lib/ceremony/people/roster.h"

#include "lib/ceremony/people/person.h"
#include "lib/formats/ssh/ssh_key.h"

#include <assert.h>
#include <stdlib.h>

static const struct json_limits roster_limits = {ROSTER_OCTETS_MAX, 6, 4096};

struct roster {
    struct person *people[ROSTER_PEOPLE_MAX]; /* in the order of their names */
    size_t count;
};

struct members {
    struct json_value people;
    struct ps_bytes v;
};

static const struct json_field member_fields[] = {
    JSON_FIELD(struct members, people, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct members, v, JSON_KIND_STRING, true, 1),
};

enum ps_err roster_new(struct roster **ret_roster)
{
    struct roster *roster = calloc(1, sizeof *roster);

    if (roster == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_roster = roster;
    return PS_OK;
}

void roster_free(struct roster *roster)
{
    if (roster == NULL) {
        return;
    }
    for (size_t i = 0; i < roster->count; i++) {
        person_free(roster->people[i]);
    }
    free(roster);
}

/* --- Changes --- */

/* Where the name is, or where it would go. */
static size_t place_of(const struct roster *roster, struct ps_bytes name, bool *ret_found)
{
    size_t at = 0;
    int order = 1;

    while (at < roster->count) {
        order = ps_bytes_compare(ps_bytes_str(roster->people[at]->name), name);
        if (order >= 0) {
            break;
        }
        at++;
    }
    *ret_found = order == 0;
    return at;
}

static enum ps_err refuse_shared(const struct person *a, const struct person *b,
                                 const struct ssh_key *key)
{
    if (a == b) {
        return ps_fail(PS_E_INPUT, 0, "person \"%.64s\" has the key %s twice", a->name,
                       ssh_key_fingerprint(key));
    }
    return ps_fail(PS_E_INPUT, 0, "\"%.64s\" and \"%.64s\" have the same key %s", a->name, b->name,
                   ssh_key_fingerprint(key));
}

/* One key stands for one person: `count` of the keys of `holder` are compared with `key`. */
static enum ps_err check_key(const struct person *person, const struct ssh_key *key,
                             const struct person *holder, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (person_keys_match(key, holder->keys[i].key)) {
            return refuse_shared(person, holder, key);
        }
    }
    return PS_OK;
}

static enum ps_err check_keys(const struct roster *roster, const struct person *person)
{
    for (size_t k = 0; k < person->key_count; k++) {
        const struct ssh_key *key = person->keys[k].key;

        PS_TRY(check_key(person, key, person, k));
        for (size_t i = 0; i < roster->count; i++) {
            PS_TRY(check_key(person, key, roster->people[i], roster->people[i]->key_count));
        }
    }
    return PS_OK;
}

static enum ps_err no_such_person(struct ps_bytes name)
{
    return ps_fail(PS_E_NOT_FOUND, 0, "the roster has no person \"%.*s\"",
                   (int)(name.len < 64 ? name.len : 64), (const char *)name.data);
}

/* There is room. Takes the person over. */
static void put_in(struct roster *roster, struct person **person, size_t at)
{
    memmove(&roster->people[at + 1], &roster->people[at],
            (roster->count - at) * sizeof(struct person *));
    roster->people[at] = *person;
    roster->count++;
    *person = NULL;
}

/* Takes the person over when it succeeds. */
static enum ps_err insert(struct roster *roster, struct person **person)
{
    size_t at;
    bool found;

    assert(*person != NULL);
    at = place_of(roster, ps_bytes_str((*person)->name), &found);
    if (found) {
        return ps_fail(PS_E_CONFLICT, 0, "the roster has a person \"%.64s\" already",
                       (*person)->name);
    }
    if (roster->count == ROSTER_PEOPLE_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u people", ROSTER_PEOPLE_MAX);
    }
    PS_TRY(check_keys(roster, *person));
    put_in(roster, person, at);
    return PS_OK;
}

enum ps_err roster_add(struct roster *roster, struct json_value entry)
{
    PS_CLEANUP(person_free_cleanup) struct person *person = NULL;

    PS_TRY(person_read(entry, &person));
    return insert(roster, &person);
}

/* The person is the caller's to free. */
static struct person *take_out(struct roster *roster, size_t at)
{
    struct person *person = roster->people[at];

    roster->count--;
    memmove(&roster->people[at], &roster->people[at + 1],
            (roster->count - at) * sizeof(struct person *));
    return person;
}

enum ps_err roster_replace(struct roster *roster, struct ps_bytes name, struct json_value entry)
{
    PS_CLEANUP(person_free_cleanup) struct person *leaving = NULL;
    PS_CLEANUP(person_free_cleanup) struct person *person = NULL;
    bool found;
    const size_t at = place_of(roster, name, &found);
    enum ps_err err;

    if (!found) {
        return no_such_person(name);
    }
    PS_TRY(person_read(entry, &person));
    leaving = take_out(roster, at);
    err = insert(roster, &person);
    if (err != PS_OK) {
        put_in(roster, &leaving, at);
    }
    return err;
}

enum ps_err roster_remove(struct roster *roster, struct ps_bytes name)
{
    bool found;
    const size_t at = place_of(roster, name, &found);

    if (!found) {
        return no_such_person(name);
    }
    person_free(take_out(roster, at));
    return PS_OK;
}

enum ps_err roster_suspend(struct roster *roster, struct ps_bytes name, bool suspended)
{
    bool found;
    const size_t at = place_of(roster, name, &found);

    if (!found) {
        return no_such_person(name);
    }
    roster->people[at]->is_suspended = suspended;
    return PS_OK;
}

/* --- Reading and writing --- */

static enum ps_err read_people(struct json_value people, struct roster *roster)
{
    struct json_value entry;
    uint32_t cursor = 0;

    if (json_count(people) > ROSTER_PEOPLE_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u people", ROSTER_PEOPLE_MAX);
    }
    while (json_next(people, &cursor, NULL, &entry)) {
        PS_CLEANUP(person_free_cleanup) struct person *person = NULL;
        const struct person *last = roster_at(roster, roster->count - 1);

        PS_TRY(person_read(entry, &person));
        if (last != NULL && strcmp(last->name, person->name) >= 0) {
            return ps_fail(PS_E_INPUT, 0, "person \"%.64s\": %s", person->name,
                           strcmp(last->name, person->name) == 0 ? "is there twice"
                                                                 : "not in the order of the names");
        }
        PS_TRY(insert(roster, &person));
    }
    return PS_OK;
}

enum ps_err roster_read(struct json_value value, struct roster **ret_roster)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    struct members members;

    if (json_type(value) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "a roster is an object");
    }
    PS_TRY(json_read_object(value, member_fields, PS_COUNT_OF(member_fields), &members, NULL));
    if (!ps_bytes_equal_str(members.v, "1")) {
        return ps_fail(PS_E_INPUT, 0, "member \"v\": only \"1\" is known");
    }
    PS_TRY(roster_new(&roster));
    PS_TRY(read_people(members.people, roster));
    *ret_roster = roster;
    roster = NULL;
    return PS_OK;
}

enum ps_err roster_parse(struct ps_bytes text, struct roster **ret_roster)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, text, &roster_limits, &root));
    PS_TRY(json_check_canonical(root));
    return roster_read(root, ret_roster);
}

enum ps_err roster_copy(const struct roster *roster, struct roster **ret_roster)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *copy = NULL;

    PS_TRY(roster_new(&copy));
    while (copy->count < roster->count) {
        PS_TRY(person_copy(roster->people[copy->count], &copy->people[copy->count]));
        copy->count++;
    }
    *ret_roster = copy;
    copy = NULL;
    return PS_OK;
}

void roster_put(const struct roster *roster, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"people\":[");
    for (size_t i = 0; i < roster->count; i++) {
        if (i != 0) {
            ps_buf_put_u8(out, ',');
        }
        person_put(roster->people[i], out);
    }
    ps_buf_put_str(out, "],\"v\":\"1\"}");
}

enum ps_err roster_hash(const struct roster *roster, uint8_t ret_hash[PS_SHA256_LEN])
{
    PS_BUF_AUTO text = {.max = ROSTER_OCTETS_MAX};

    roster_put(roster, &text);
    PS_TRY(ps_buf_status(&text));
    ps_sha256(ps_buf_bytes(&text), ret_hash);
    return PS_OK;
}

/* --- Looking up --- */

size_t roster_count(const struct roster *roster)
{
    return roster->count;
}

const struct person *roster_at(const struct roster *roster, size_t index)
{
    return index < roster->count ? roster->people[index] : NULL;
}

const struct person *roster_find(const struct roster *roster, struct ps_bytes name)
{
    bool found;
    const size_t at = place_of(roster, name, &found);

    return found ? roster->people[at] : NULL;
}

const struct person *roster_find_key(const struct roster *roster, struct ps_bytes blob)
{
    for (size_t i = 0; i < roster->count; i++) {
        if (person_has_key(roster->people[i], blob)) {
            return roster->people[i];
        }
    }
    return NULL;
}
