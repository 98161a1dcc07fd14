#include "appliance/officer/officer.h"
#include "appliance/officer/people.h"
#include "appliance/terminal.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/people/lockout.h"
#include "lib/formats/ssh/ssh_key.h"
#include "lib/system/file.h"

/* Rosters and entries of them, made from people's public keys. */

#define YEAR_S      (UINT64_C(365) * 86400u)
#define MODE_OF_ALL 0644

/* One person with the keys that were given for them, and from when until when they are valid. */
struct wanted {
    struct ps_bytes name;
    enum roster_role role;
    bool is_of_genesis;
    uint64_t from_s;
    uint64_t until_s;
    const char *keys[ROSTER_KEYS_MAX]; /* files */
    size_t key_count;
};

/* --- An entry --- */

static enum ps_err put_key(const char *path, struct ps_buf *keys, struct ps_buf *unproven)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO line = {0};
    enum ps_err err;

    PS_TRY(file_read(path, SSH_KEY_LINE_MAX, &line));
    err = ssh_key_parse_line(ps_buf_bytes(&line), &key);
    if (err != PS_OK) {
        return officer_name_file(path, err);
    }
    ps_buf_put_str(keys, keys->len == 0 ? "\"" : ",\"");
    ssh_key_put_line(key, keys);
    ps_buf_put_u8(keys, '"');
    ps_buf_printf(unproven, "%s\"%s\"", unproven->len == 0 ? "" : ",", ssh_key_fingerprint(key));
    return PS_OK;
}

static enum ps_err put_wanted(const struct wanted *wanted, struct ps_buf *out)
{
    PS_BUF_AUTO keys = {.max = ROSTER_KEYS_MAX * SSH_KEY_LINE_MAX};
    PS_BUF_AUTO unproven = {.max = ROSTER_KEYS_MAX * 64u};

    for (size_t i = 0; i < wanted->key_count; i++) {
        PS_TRY(put_key(wanted->keys[i], &keys, &unproven));
    }
    PS_TRY(ps_buf_status(&keys));
    ps_buf_printf(out, "{\"keys\":[%.*s],\"person\":", PS_BYTES_FMT(ps_buf_bytes(&keys)));
    ps_buf_put_json_string(out, wanted->name);
    ps_buf_printf(out, ",\"role\":\"%s\"", roster_role_name(wanted->role));
    /* No attestation comes with the keys. What enrols somebody has the appliance say so. */
    if (wanted->is_of_genesis) {
        ps_buf_printf(out, ",\"unproven\":[%.*s]", PS_BYTES_FMT(ps_buf_bytes(&unproven)));
    }
    ps_buf_put_str(out, ",\"valid_from\":\"");
    ps_buf_put_time(out, wanted->from_s * PS_NS_PER_S, 0);
    ps_buf_put_str(out, "\",\"valid_until\":\"");
    ps_buf_put_time(out, wanted->until_s * PS_NS_PER_S, 0);
    ps_buf_put_str(out, "\"}");
    return ps_buf_status(out);
}

/* Read back as the appliance will read it. */
static enum ps_err add(const struct wanted *wanted, struct roster *roster)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO text = {.max = 65536};
    struct json_value entry;

    PS_TRY(put_wanted(wanted, &text));
    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &entry));
    return roster_add(roster, entry);
}

static enum ps_err add_key(struct wanted *wanted, const char *path)
{
    if (wanted->key_count == ROSTER_KEYS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "%.64s has more than %u keys",
                       (const char *)wanted->name.data, ROSTER_KEYS_MAX);
    }
    wanted->keys[wanted->key_count++] = path;
    return PS_OK;
}

static enum ps_err read_time(const struct cli_run *run, const char *option, uint64_t usual_s,
                             uint64_t *ret_s)
{
    const char *text = cli_value(run, option);
    uint64_t ns = usual_s * PS_NS_PER_S;

    if (text != NULL && ps_time_parse(ps_bytes_str(text), &ns) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "--%s takes a time like 2026-01-02T03:04:05Z", option);
    }
    *ret_s = ns / PS_NS_PER_S;
    return PS_OK;
}

static enum ps_err read_times(const struct cli_run *run, struct wanted *wanted)
{
    PS_TRY(read_time(run, "from", ps_clock_real_ns() / PS_NS_PER_S, &wanted->from_s));
    return read_time(run, "until", wanted->from_s + 2 * YEAR_S, &wanted->until_s);
}

/* --- A roster --- */

static enum ps_err take_name(const char *text, struct ps_bytes *ret_name, const char **ret_path)
{
    const size_t len = strcspn(text, "=");

    if (text[len] != '=' || !ps_name_valid(ps_bytes(text, len))) {
        return ps_fail(PS_E_INPUT, 0, "a person is given as NAME=FILE, such as alice=alice.pub");
    }
    *ret_name = ps_bytes(text, len);
    *ret_path = text + len + 1;
    return PS_OK;
}

static struct wanted *find(struct wanted *people, size_t count, struct ps_bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (ps_bytes_equal(people[i].name, name)) {
            return &people[i];
        }
    }
    return NULL;
}

/* The same name once more is another key of that person. */
static enum ps_err take_person(const struct wanted *usual, const char *text, enum roster_role role,
                               struct wanted *people, size_t *count)
{
    struct ps_bytes name;
    const char *path;
    struct wanted *person;

    PS_TRY(take_name(text, &name, &path));
    person = find(people, *count, name);
    if (person != NULL && person->role != role) {
        return ps_fail(PS_E_INPUT, 0, "%.*s has two roles", PS_BYTES_FMT(name));
    }
    if (person == NULL && *count == ROSTER_PEOPLE_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a roster has at most %u people", ROSTER_PEOPLE_MAX);
    }
    if (person == NULL) {
        person = &people[(*count)++];
        *person = *usual;
        person->name = name;
        person->role = role;
    }
    return add_key(person, path);
}

static enum ps_err take_people(const struct cli_run *run, struct roster *roster)
{
    static const enum roster_role roles[] = {ROSTER_OFFICER, ROSTER_AUDITOR, ROSTER_RECOVERY};
    struct wanted people[ROSTER_PEOPLE_MAX];
    struct wanted usual = {.is_of_genesis = true};
    size_t count = 0;

    PS_TRY(read_times(run, &usual));
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        const char *option = roster_role_name(roles[i]);
        size_t cursor = 0;

        for (const char *text = cli_next_value(run, option, &cursor); text != NULL;
             text = cli_next_value(run, option, &cursor)) {
            PS_TRY(take_person(&usual, text, roles[i], people, &count));
        }
    }
    for (size_t i = 0; i < count; i++) {
        PS_TRY(add(&people[i], roster));
    }
    return PS_OK;
}

/* --- Out --- */

static enum ps_err give(const struct cli_run *run, const struct ps_buf *text)
{
    const char *path = cli_value(run, "out");

    PS_TRY(ps_buf_status(text));
    return path == NULL ? terminal_print(ps_buf_bytes(text))
                        : file_create(path, ps_buf_bytes(text), MODE_OF_ALL);
}

static enum ps_err make_roster(const struct cli_run *run)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    PS_BUF_AUTO text = {.max = ROSTER_OCTETS_MAX};
    struct policy policy;

    PS_TRY(roster_new(&roster));
    PS_TRY(take_people(run, roster));
    PS_TRY(policy_load(cli_value(run, "policy"), &policy));
    PS_TRY(lockout_check(roster, &policy, ps_clock_real_ns() / PS_NS_PER_S, NULL));
    roster_put(roster, &text);
    return give(run, &text);
}

static enum ps_err make_entry(const struct cli_run *run)
{
    const char *role = cli_value(run, "role");
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    PS_BUF_AUTO text = {.max = ROSTER_OCTETS_MAX};
    struct wanted wanted = {.name = ps_bytes_str(run->arguments[0]),
                            .role = roster_role_by_name(ps_bytes_str(role == NULL ? "" : role))};
    size_t cursor = 0;

    if (wanted.role == ROSTER_NOBODY) {
        return ps_fail(PS_E_INPUT, 0, "--role takes officer, auditor or recovery");
    }
    for (const char *path = cli_next_value(run, "key", &cursor); path != NULL;
         path = cli_next_value(run, "key", &cursor)) {
        PS_TRY(add_key(&wanted, path));
    }
    if (wanted.key_count == 0) {
        return ps_fail(PS_E_INPUT, 0, "with which key? --key FILE.pub, once for each");
    }
    PS_TRY(read_times(run, &wanted));
    PS_TRY(roster_new(&roster));
    PS_TRY(add(&wanted, roster));
    person_put(roster_at(roster, 0), &text);
    return give(run, &text);
}

int officer_roster(const struct cli_run *run)
{
    const enum ps_err err = make_roster(run);

    return err == PS_OK ? CLI_DONE : officer_failed(err);
}

int officer_entry(const struct cli_run *run)
{
    const enum ps_err err = make_entry(run);

    return err == PS_OK ? CLI_DONE : officer_failed(err);
}
