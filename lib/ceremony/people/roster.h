#ifndef CEREMONY_PEOPLE_ROSTER_H
#define CEREMONY_PEOPLE_ROSTER_H

#include "lib/base/hash.h"
#include "lib/base/name.h"
#include "lib/formats/json/json.h"

/*
 * The roster: the people whose signatures count. A person counts once, whatever number of keys.
 *
 * Its document, in RFC 8785 form, people in the order of their names, one form for one content:
 *
 *   {"people":[{"keys":["ssh-ed25519 AAAA..."],"person":"alice","role":"officer",
 *     "suspended":true,"unproven":["SHA256:..."],
 *     "valid_from":"2026-01-01T00:00:00Z","valid_until":"2028-01-01T00:00:00Z"}],"v":"1"}
 *
 * `suspended` stands only where it is true, `unproven` (fingerprints of those of the keys that came
 * without a FIDO attestation, in the order of `keys`) only where there are some. A key is its type
 * and base64 without a comment. One entry of `people` is also a row of the catalog and what an
 * officer is enrolled with. `role`: officer, auditor or recovery (only ever counted by recovery.h).
 */
#define ROSTER_PEOPLE_MAX 64u
#define ROSTER_KEYS_MAX   8u
#define ROSTER_OCTETS_MAX (512u * 1024u)

struct roster;
struct ssh_key;

enum roster_role {
    ROSTER_NOBODY, /* no role */
    ROSTER_OFFICER,
    ROSTER_AUDITOR,
    ROSTER_RECOVERY,
    ROSTER_ROLE_COUNT
};

struct roster_key {
    struct ssh_key *key;
    bool is_unproven;
};

/* Of a roster, valid until the roster changes. `valid_from_s` <= now < `valid_until_s`. */
struct person {
    char name[PS_NAME_MAX + 1];
    enum roster_role role;
    bool is_suspended;
    uint64_t valid_from_s; /* seconds since 1970 */
    uint64_t valid_until_s;
    size_t key_count; /* 1 to ROSTER_KEYS_MAX */
    struct roster_key keys[ROSTER_KEYS_MAX];
};

enum person_standing {
    PERSON_VALID,
    PERSON_SUSPENDED,
    PERSON_NOT_YET, /* before valid_from */
    PERSON_EXPIRED  /* at valid_until or later */
};

/* An empty one. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err roster_new(struct roster **ret_roster);
void roster_free(struct roster *roster);
PS_DEFINE_CLEANUP(struct roster, roster_free)

/*
 * Reads a roster's document; roster_parse requires its canonical octets, roster_read leaves that to
 * the document that the value is part of. An empty roster can be read; lockout.h refuses it.
 * Errors: PS_E_INPUT (the detail names the person and what is wrong: a member, a name or key that
 * is there twice, also in another type of key, an end that is not after the beginning), PS_E_LIMIT
 * (people, keys, octets), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err roster_parse(struct ps_bytes text, struct roster **ret_roster);
PS_MUST_USE enum ps_err roster_read(struct json_value value, struct roster **ret_roster);
PS_MUST_USE enum ps_err roster_copy(const struct roster *roster, struct roster **ret_roster);

/* Appends the document, or one person's entry. Errors are the buffer's. */
void roster_put(const struct roster *roster, struct ps_buf *out);
void person_put(const struct person *person, struct ps_buf *out);

/* SHA-256 of the document: the member `roster` of operation documents. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err roster_hash(const struct roster *roster, uint8_t ret_hash[PS_SHA256_LEN]);

/*
 * Changes; after an error the roster is as before.
 * entry:  one person as in `people`
 * name:   roster_replace: the person who goes; the entry's may be the same one or somebody new
 * Errors: roster_add, roster_replace: as reading, PS_E_CONFLICT (the entry's name is there already)
 *         all but roster_add: PS_E_NOT_FOUND (no such person)
 */
PS_MUST_USE enum ps_err roster_add(struct roster *roster, struct json_value entry);
PS_MUST_USE enum ps_err roster_replace(struct roster *roster, struct ps_bytes name,
                                       struct json_value entry);
PS_MUST_USE enum ps_err roster_remove(struct roster *roster, struct ps_bytes name);
PS_MUST_USE enum ps_err roster_suspend(struct roster *roster, struct ps_bytes name, bool suspended);

/* In the order of their names; NULL past the end, or when there is no such person. */
size_t roster_count(const struct roster *roster);
const struct person *roster_at(const struct roster *roster, size_t index);
const struct person *roster_find(const struct roster *roster, struct ps_bytes name);

/* The person with this key, octet for octet of its SSH wire form; NULL when nobody has it. */
const struct person *roster_find_key(const struct roster *roster, struct ps_bytes blob);

/* Whether the person has this key. */
bool person_has_key(const struct person *person, struct ps_bytes blob);

/* In everything that the roster's document says of them. */
bool person_equal(const struct person *a, const struct person *b);

enum person_standing person_standing(const struct person *person, uint64_t now_s);

/* "officer"; "valid", "suspended", "not yet valid", "no longer valid". */
const char *roster_role_name(enum roster_role role);
enum roster_role roster_role_by_name(struct ps_bytes name); /* ROSTER_NOBODY: no role */
const char *person_standing_name(enum person_standing standing);

#endif
