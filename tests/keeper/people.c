#include "tests/keeper/people.h"

#include "tests/unit/people_support.h"

#include "keystore/writer.h"

#include <time.h>

#define HOUR_S 3600
#define DAY_S  (24 * HOUR_S)

const char *const people_approvers[3] = {"bob", "carol", "amira"};

static const char *const roster[] = {"alice", "amira", "aron", "bob", "carol", "dave", "eve"};

bool people_with_eve;

/* She is the last. */
static size_t count_people(void)
{
    return PS_COUNT_OF(roster) - (people_with_eve ? 0 : 1);
}

static struct ssh_test_key second_key; /* bob's */
static struct ssh_test_key mallorys_key;

static void make_keys(void)
{
    static bool is_made;

    if (!is_made) {
        (void)people_make(NULL);
        second_key = ssh_test_key(SSH_KEY_ED25519, NULL);
        mallorys_key = ssh_test_key(SSH_KEY_ED25519, NULL);
        is_made = true;
    }
}

const char *people_name(size_t index)
{
    return index < count_people() ? roster[index] : NULL;
}

const struct ssh_test_key *people_key_of(const char *person, enum people_key which)
{
    make_keys();
    if (strcmp(person, "mallory") == 0) {
        return &mallorys_key;
    }
    return which == PEOPLE_SECOND_KEY ? &second_key : &people_keys[people_place(person)];
}

static void put_time(time_t at, char out[32])
{
    struct tm parts;

    assert_non_null(gmtime_r(&at, &parts));
    assert_int_equal(strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts), 20);
}

void people_put_genesis(struct ps_buf *out)
{
    struct people_entry entries[PS_COUNT_OF(roster)] = {{.name = NULL}};
    char from[32];
    char until[32];
    char soon[32];

    make_keys();
    put_time(time(NULL) - DAY_S, from);
    put_time(time(NULL) + 365 * DAY_S, until);
    put_time(time(NULL) + HOUR_S, soon);
    for (size_t i = 0; i < count_people(); i++) {
        entries[i] = (struct people_entry){.name = roster[i], .from = from};
        entries[i].until = strcmp(roster[i], "eve") == 0 ? soon : until;
        entries[i].keys[0] = people_key_of(roster[i], PEOPLE_FIRST_KEY);
        entries[i].role = people_cast[people_place(roster[i])].role;
        entries[i].keys[1] = strcmp(roster[i], "bob") == 0 ? &second_key : NULL;
    }
    ps_buf_put_str(out, "\"policy\":{\"classes\":{"
                        "\"A\":{\"auditors\":\"1\",\"officers\":\"2\",\"requester\":\"excluded\"},"
                        "\"B\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"excluded\"},"
                        "\"C\":{\"auditors\":\"0\",\"officers\":\"1\",\"requester\":\"counted\"},"
                        "\"U\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"counted\"}},"
                        "\"cooling_off_s\":\"0\",\"epoch\":\"1\",\"recovery\":{\"delay_s\":"
                        "\"259200\",\"threshold\":\"2\"},\"sk\":{\"application\":\"ssh:\","
                        "\"presence\":true,\"verification\":true},\"v\":\"1\"},\"roster\":");
    people_put_roster(entries, count_people(), out);
}

void people_put_signature_by(const struct ssh_test_key *key, const char *namespace,
                             struct ps_bytes document, struct ps_buf *out)
{
    people_sign(key, namespace, document, 0, out);
}

void people_put_signature(const char *person, const char *kind, struct ps_bytes document,
                          struct ps_buf *out)
{
    char namespace[64];

    (void)snprintf(namespace, sizeof namespace, "%s.ceremony.privyseal.v1", kind);
    people_put_signature_by(people_key_of(person, PEOPLE_FIRST_KEY), namespace, document, out);
}

void people_put_step(const char *person, struct ps_bytes armored, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_str(&json, "person", person);
    writer_text(&json, "signature", armored);
    writer_end_object(&json);
    assert_ok(ps_buf_status(out));
}
