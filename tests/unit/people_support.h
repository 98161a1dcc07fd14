#ifndef TESTS_UNIT_PEOPLE_SUPPORT_H
#define TESTS_UNIT_PEOPLE_SUPPORT_H

#include "tests/unit/ssh_support.h"

#include "lib/ceremony/people/approval.h"

/* People with keys, rosters of them, and what they sign. */

#define PEOPLE_NOW_S UINT64_C(1780000000) /* 2026-05-28 */
#define PEOPLE_FROM  "2026-01-01T00:00:00Z"
#define PEOPLE_UNTIL "2028-01-01T00:00:00Z"
#define PEOPLE_MAX   12u

static const struct {
    const char *name;
    const char *role;
} people_cast[PEOPLE_MAX] = {
    {"alice", "officer"}, {"amira", "auditor"}, {"aron", "auditor"}, {"bob", "officer"},
    {"carol", "officer"}, {"dave", "officer"},  {"eve", "officer"},  {"rita", "recovery"},
    {"rolf", "recovery"}, {"rosa", "recovery"}, {"zack", "officer"}, {"zoe", "auditor"},
};

/* One key each, of the place in the cast; and a second one each. */
static struct ssh_test_key people_keys[PEOPLE_MAX];
static struct ssh_test_key people_second_keys[PEOPLE_MAX];

static inline PS_UNUSED int people_make(void **state)
{
    (void)state;
    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        people_keys[i] = ssh_test_key(SSH_KEY_ED25519, NULL);
        people_second_keys[i] = ssh_test_key(SSH_KEY_ECDSA_P256, NULL);
    }
    return 0;
}

static inline PS_UNUSED int people_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        ssh_test_key_clear(&people_keys[i]);
        ssh_test_key_clear(&people_second_keys[i]);
    }
    return 0;
}

static inline PS_UNUSED size_t people_place(const char *name)
{
    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        if (strcmp(people_cast[i].name, name) == 0) {
            return i;
        }
    }
    fail_msg("nobody is called %s", name);
    return 0;
}

/* An entry of a roster; what is NULL is as usual. */
struct people_entry {
    const char *name;
    const char *role;
    const struct ssh_test_key *keys[ROSTER_KEYS_MAX + 1];
    const char *suspended; /* `,"suspended":true` */
    const char *unproven;  /* `,"unproven":[...]` */
    const char *from;
    const char *until;
};

static inline PS_UNUSED void people_put_entry(const struct people_entry *entry, struct ps_buf *out)
{
    const size_t place =
        entry->keys[0] == NULL || entry->role == NULL ? people_place(entry->name) : 0;

    ps_buf_put_str(out, "{\"keys\":[");
    for (size_t i = 0; i <= ROSTER_KEYS_MAX && (i == 0 || entry->keys[i] != NULL); i++) {
        const struct ssh_test_key *key =
            entry->keys[0] == NULL ? &people_keys[place] : entry->keys[i];

        ps_buf_put_str(out, i == 0 ? "\"" : ",\"");
        ssh_key_put_line(key->key, out);
        ps_buf_put_u8(out, '"');
    }
    ps_buf_printf(out, "],\"person\":\"%s\",\"role\":\"%s\"%s%s,\"valid_from\":\"%s\"", entry->name,
                  entry->role == NULL ? people_cast[place].role : entry->role,
                  entry->suspended == NULL ? "" : entry->suspended,
                  entry->unproven == NULL ? "" : entry->unproven,
                  entry->from == NULL ? PEOPLE_FROM : entry->from);
    ps_buf_printf(out, ",\"valid_until\":\"%s\"}",
                  entry->until == NULL ? PEOPLE_UNTIL : entry->until);
}

static inline PS_UNUSED void people_put_roster(const struct people_entry *entries, size_t count,
                                               struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"people\":[");
    for (size_t i = 0; i < count; i++) {
        ps_buf_put_str(out, i == 0 ? "" : ",");
        people_put_entry(&entries[i], out);
    }
    ps_buf_put_str(out, "],\"v\":\"1\"}");
    assert_ok(ps_buf_status(out));
}

static inline PS_UNUSED struct roster *people_roster(const struct people_entry *entries,
                                                     size_t count)
{
    PS_BUF_AUTO text = {.max = ROSTER_OCTETS_MAX};
    struct roster *roster = NULL;

    people_put_roster(entries, count, &text);
    assert_ok(roster_parse(ps_buf_bytes(&text), &roster));
    return roster;
}

#define PEOPLE_ROSTER(...)                                                                         \
    people_roster((const struct people_entry[]){__VA_ARGS__},                                      \
                  PS_COUNT_OF(((const struct people_entry[]){__VA_ARGS__})))

/* Four officers, two auditors: the fewest that the default policy takes. */
#define PEOPLE_USUAL                                                                               \
    {"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"},                                            \
    {                                                                                              \
        "dave"                                                                                     \
    }

/* Reads one entry with a reader that lives as long as the program. */
static inline PS_UNUSED struct json_value people_entry_value(const struct people_entry *entry)
{
    static struct json *json;
    static struct ps_buf text = {.max = 65536};
    struct json_value value;

    if (json == NULL) {
        assert_ok(json_new(&json));
    }
    ps_buf_reset(&text);
    people_put_entry(entry, &text);
    assert_ok(json_parse(json, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &value));
    return value;
}

/* --- Signing, as PROTOCOL.sshsig and PROTOCOL.u2f say; Ed25519 only --- */

static inline PS_UNUSED void people_put_signed_data(const char *namespace, struct ps_bytes message,
                                                    struct ps_buf *out)
{
    uint8_t digest[64];

    ps_hash_parts(PS_SHA512, &message, 1, digest);
    ps_buf_put_str(out, "SSHSIG");
    ssh_test_put_text(out, namespace);
    ssh_test_put_text(out, "");
    ssh_test_put_text(out, "sha512");
    ssh_test_put(out, ps_bytes(digest, sizeof digest));
}

static inline PS_UNUSED void people_put_sk_data(const char *application, uint8_t flags,
                                                struct ps_bytes data, struct ps_buf *out)
{
    uint8_t digest[PS_SHA256_LEN];

    ps_sha256(ps_bytes_str(application), digest);
    ps_buf_put(out, ps_bytes(digest, sizeof digest));
    ps_buf_put_u8(out, flags);
    ps_buf_put_u32(out, 7);
    ps_sha256(data, digest);
    ps_buf_put(out, ps_bytes(digest, sizeof digest));
}

static inline PS_UNUSED void people_put_armored(struct ps_bytes octets, struct ps_buf *out)
{
    PS_BUF_AUTO text = {.max = 8192};

    ps_buf_put_base64(&text, octets);
    ps_buf_put_str(out, "-----BEGIN SSH SIGNATURE-----\n");
    for (size_t at = 0; at < text.len; at += 70) {
        ps_buf_put(out, ps_bytes(text.data + at, text.len - at < 70 ? text.len - at : 70));
        ps_buf_put_u8(out, '\n');
    }
    ps_buf_put_str(out, "-----END SSH SIGNATURE-----\n");
}

/* `flags`: of sk- keys. */
static inline PS_UNUSED void people_sign(const struct ssh_test_key *key, const char *namespace,
                                         struct ps_bytes message, uint8_t flags, struct ps_buf *out)
{
    PS_BUF_AUTO data = {.max = 1024};
    PS_BUF_AUTO sk_data = {.max = 1024};
    PS_BUF_AUTO raw = {.max = PS_SIGNATURE_MAX};
    PS_BUF_AUTO inner = {.max = 1024};
    PS_BUF_AUTO all = {.max = 4096};

    people_put_signed_data(namespace, message, &data);
    if (ssh_test_types[key->type].sk) {
        people_put_sk_data(key->application, flags, ps_buf_bytes(&data), &sk_data);
    }
    signing_sign(key->pkey, PS_ALG_EDDSA,
                 ps_buf_bytes(ssh_test_types[key->type].sk ? &sk_data : &data), &raw);
    ssh_test_put_text(&inner, ssh_test_types[key->type].name);
    ssh_test_put(&inner, ps_buf_bytes(&raw));
    if (ssh_test_types[key->type].sk) {
        ps_buf_put_u8(&inner, flags);
        ps_buf_put_u32(&inner, 7);
    }
    ps_buf_put_str(&all, "SSHSIG");
    ps_buf_put_u32(&all, 1);
    ssh_test_put(&all, ps_buf_bytes(&key->blob));
    ssh_test_put_text(&all, namespace);
    ssh_test_put_text(&all, "");
    ssh_test_put_text(&all, "sha512");
    ssh_test_put(&all, ps_buf_bytes(&inner));
    people_put_armored(ps_buf_bytes(&all), out);
    assert_ok(ps_buf_status(out));
}

/* What a verified signature over a document of this name would be. */
static inline PS_UNUSED struct approval people_approval(const char *name, enum approval_kind kind,
                                                        const char *document)
{
    const size_t place = people_place(name);
    struct approval approval = {.kind = kind,
                                .role = roster_role_by_name(ps_bytes_str(people_cast[place].role))};

    (void)snprintf(approval.person, sizeof approval.person, "%s", name);
    ps_sha256(ps_bytes_str(document), approval.document);
    ps_sha256(ps_buf_bytes(&people_keys[place].blob), approval.key);
    return approval;
}

#endif
