#include "tests/unit/people_support.h"

static void assert_roster_says(enum ps_err err, const char *words,
                               const struct people_entry *entries, size_t count)
{
    PS_BUF_AUTO text = {.max = ROSTER_OCTETS_MAX};
    struct roster *roster = NULL;

    people_put_roster(entries, count, &text);
    assert_fails(err, roster_parse(ps_buf_bytes(&text), &roster));
    assert_says(words);
    assert_null(roster);
}

#define REFUSED(err, words, ...)                                                                   \
    assert_roster_says((err), (words), (const struct people_entry[]){__VA_ARGS__},                 \
                       PS_COUNT_OF(((const struct people_entry[]){__VA_ARGS__})))

static void a_roster_is_written_as_it_was_read(void **state)
{
    char unproven[80];
    PS_BUF_AUTO text = {.max = ROSTER_OCTETS_MAX};
    PS_BUF_AUTO again = {.max = ROSTER_OCTETS_MAX};
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    PS_CLEANUP(roster_free_cleanup) struct roster *copy = NULL;
    uint8_t hash[PS_SHA256_LEN];
    uint8_t expected[PS_SHA256_LEN];

    (void)state;
    (void)snprintf(unproven, sizeof unproven, ",\"unproven\":[\"%s\"]",
                   ssh_key_fingerprint(people_second_keys[0].key));
    people_put_roster(
        (const struct people_entry[]){{.name = "alice",
                                       .keys = {&people_keys[0], &people_second_keys[0]},
                                       .unproven = unproven,
                                       .suspended = ",\"suspended\":true"},
                                      {.name = "amira"},
                                      {.name = "rita"}},
        3, &text);
    assert_ok(roster_parse(ps_buf_bytes(&text), &roster));
    roster_put(roster, &again);
    assert_bytes(ps_buf_bytes(&again), ps_buf_bytes(&text));
    ps_sha256(ps_buf_bytes(&text), expected);
    assert_ok(roster_hash(roster, hash));
    assert_memory_equal(hash, expected, sizeof hash);
    assert_ok(roster_copy(roster, &copy));
    assert_ok(roster_hash(copy, hash));
    assert_memory_equal(hash, expected, sizeof hash);
}

static void people_are_found_by_name_and_by_key(void **state)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = PEOPLE_ROSTER(PEOPLE_USUAL);
    const struct person *bob = roster_find(roster, ps_bytes_str("bob"));

    (void)state;
    assert_int_equal(roster_count(roster), 6);
    assert_string_equal(bob->name, "bob");
    assert_int_equal(bob->role, ROSTER_OFFICER);
    assert_int_equal(bob->key_count, 1);
    assert_false(bob->is_suspended);
    assert_false(bob->keys[0].is_unproven);
    assert_ptr_equal(roster_at(roster, 3), bob);
    assert_null(roster_at(roster, 6));
    assert_null(roster_find(roster, ps_bytes_str("bo")));
    assert_null(roster_find(roster, ps_bytes_str("zoe")));
    assert_ptr_equal(roster_find_key(roster, ps_buf_bytes(&people_keys[people_place("bob")].blob)),
                     bob);
    assert_null(roster_find_key(roster, ps_buf_bytes(&people_keys[people_place("zoe")].blob)));
}

static void nobody_is_there_twice(void **state)
{
    (void)state;
    REFUSED(PS_E_INPUT, "twice", {.name = "alice"},
            {.name = "alice", .keys = {&people_second_keys[0]}});
}

static void people_stand_in_the_order_of_their_names(void **state)
{
    (void)state;
    REFUSED(PS_E_INPUT, "order of the names", {.name = "bob"}, {.name = "alice"});
}

static void no_key_is_there_twice(void **state)
{
    (void)state;
    REFUSED(PS_E_INPUT, "twice", {.name = "alice", .keys = {&people_keys[0], &people_keys[0]}});
    REFUSED(PS_E_INPUT, "the same key", {.name = "alice"},
            {.name = "bob", .keys = {&people_keys[3], &people_keys[0]}});
}

/* The numbers of one key, once as a plain and once as a hardware key: one holder, two votes. */
static void a_key_in_another_dress_is_the_same_key(void **state)
{
    struct ssh_test_key dressed = {.type = SSH_KEY_SK_ED25519,
                                   .application = "ssh:",
                                   .point = people_keys[0].point,
                                   .blob = {.max = SSH_KEY_BLOB_MAX}};

    (void)state;
    ssh_test_put_blob(&dressed, &dressed.blob);
    assert_ok(ssh_key_parse_blob(ps_buf_bytes(&dressed.blob), &dressed.key));
    assert_false(ssh_key_equal(dressed.key, people_keys[0].key));
    REFUSED(PS_E_INPUT, "the same key", {.name = "alice"}, {.name = "bob", .keys = {&dressed}});
    ps_buf_clear(&dressed.blob);
    ssh_key_free(dressed.key);
    dressed.type = SSH_KEY_SK_ECDSA_P256;
    dressed.point = people_second_keys[0].point;
    ssh_test_put_blob(&dressed, &dressed.blob);
    assert_ok(ssh_key_parse_blob(ps_buf_bytes(&dressed.blob), &dressed.key));
    REFUSED(PS_E_INPUT, "the same key", {.name = "alice", .keys = {&people_second_keys[0]}},
            {.name = "bob", .keys = {&dressed}});
    ps_buf_clear(&dressed.blob);
    ssh_key_free(dressed.key);
}

static void an_entry_has_one_form(void **state)
{
    char both[140];

    (void)state;
    REFUSED(PS_E_INPUT, "role", {.name = "alice", .role = "chief"});
    REFUSED(PS_E_INPUT, "role", {.name = "alice", .role = "none"});
    REFUSED(PS_E_INPUT, "suspended", {.name = "alice", .suspended = ",\"suspended\":false"});
    REFUSED(PS_E_INPUT, "unproven", {.name = "alice", .unproven = ",\"unproven\":[]"});
    REFUSED(PS_E_INPUT, "unproven", {.name = "alice", .unproven = ",\"unproven\":[\"SHA256:x\"]"});
    (void)snprintf(both, sizeof both, ",\"unproven\":[\"%s\",\"%s\"]",
                   ssh_key_fingerprint(people_keys[0].key),
                   ssh_key_fingerprint(people_keys[0].key));
    REFUSED(PS_E_INPUT, "unproven", {.name = "alice", .unproven = both});
    REFUSED(PS_E_INPUT, "valid_until", {.name = "alice", .until = PEOPLE_FROM});
    REFUSED(PS_E_INPUT, "valid_from", {.name = "alice", .from = "2026-01-01"});
    REFUSED(PS_E_INPUT, "valid_until", {.name = "alice", .until = "2028-01-01T00:00:00.0Z"});
    REFUSED(PS_E_INPUT, "person", {.name = "Alice", .role = "officer", .keys = {&people_keys[0]}});
}

static void a_key_stands_without_comment(void **state)
{
    PS_BUF_AUTO text = {.max = 4096};
    struct roster *roster = NULL;

    (void)state;
    ps_buf_put_str(&text, "{\"people\":[{\"keys\":[\"");
    ssh_key_put_line(people_keys[0].key, &text);
    ps_buf_put_str(&text,
                   " a@b\"],\"person\":\"alice\",\"role\":\"officer\",\"valid_from\":\"" PEOPLE_FROM
                   "\",\"valid_until\":\"" PEOPLE_UNTIL "\"}],\"v\":\"1\"}");
    assert_fails(PS_E_INPUT, roster_parse(ps_buf_bytes(&text), &roster));
    assert_says("without comment");
    assert_says("alice");
}

static void assert_entry_refused(const char *members, const char *words)
{
    PS_BUF_AUTO text = {.max = 4096};
    struct roster *roster = NULL;

    ps_buf_printf(&text, "{\"people\":[{%s}],\"v\":\"1\"}", members);
    assert_fails(PS_E_INPUT, roster_parse(ps_buf_bytes(&text), &roster));
    assert_says(words);
}

#define REST                                                                                       \
    "\"person\":\"alice\",\"role\":\"officer\",\"valid_from\":\"" PEOPLE_FROM                      \
    "\",\"valid_until\":\"" PEOPLE_UNTIL "\""

static void keys_are_keys(void **state)
{
    (void)state;
    assert_entry_refused("\"keys\":[]," REST, "at least one");
    assert_entry_refused("\"keys\":[true]," REST, "alice");
    assert_entry_refused("\"keys\":[\"\"]," REST, "alice");
    assert_entry_refused("\"keys\":[\"ssh-rsa AAAA\"]," REST, "alice");
    assert_entry_refused("\"keys\":\"ssh-ed25519\"," REST, "keys");
    assert_entry_refused(REST, "keys");
}

static void an_unknown_member_is_refused(void **state)
{
    (void)state;
    REFUSED(PS_E_INPUT, "stopped", {.name = "alice", .suspended = ",\"stopped\":true"});
    REFUSED(PS_E_INPUT, "unproven", {.name = "alice", .unproven = ",\"unproven\":[1]"});
    REFUSED(PS_E_INPUT, "valid_until", {.name = "alice", .until = "never"});
}

static void documents_have_one_form(void **state)
{
    static const char *const wrong[] = {"{\"people\":[],\"v\":\"2\"}",
                                        "{\"people\":[],\"v\":1}",
                                        "{\"people\":[]}",
                                        "{\"v\":\"1\"}",
                                        "{\"people\":{},\"v\":\"1\"}",
                                        "{\"people\":[null],\"v\":\"1\"}",
                                        "{\"people\":[1],\"v\":\"1\"}",
                                        "{\"people\":[],\"v\":\"1\",\"w\":\"1\"}",
                                        "{\"v\":\"1\",\"people\":[]}",
                                        "{\"people\": [],\"v\":\"1\"}",
                                        "[]",
                                        "",
                                        "{\"people\":[],\"v\":\"1\"}\n"};
    struct roster *roster = NULL;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, roster_parse(ps_bytes_str(wrong[i]), &roster));
        assert_null(roster);
    }
    assert_ok(roster_parse(ps_bytes_str("{\"people\":[],\"v\":\"1\"}"), &roster));
    assert_int_equal(roster_count(roster), 0);
    roster_free(roster);
}

static void eight_keys_and_not_nine(void **state)
{
    struct ssh_test_key keys[ROSTER_KEYS_MAX + 1];
    struct people_entry entry = {.name = "alice"};
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;

    (void)state;
    for (size_t i = 0; i <= ROSTER_KEYS_MAX; i++) {
        keys[i] = ssh_test_key(SSH_KEY_ED25519, NULL);
        entry.keys[i] = i < ROSTER_KEYS_MAX ? &keys[i] : NULL;
    }
    roster = people_roster(&entry, 1);
    assert_int_equal(roster_at(roster, 0)->key_count, ROSTER_KEYS_MAX);
    entry.keys[ROSTER_KEYS_MAX] = &keys[ROSTER_KEYS_MAX];
    assert_roster_says(PS_E_LIMIT, "more than 8", &entry, 1);
    for (size_t i = 0; i <= ROSTER_KEYS_MAX; i++) {
        ssh_test_key_clear(&keys[i]);
    }
}

static void sixty_four_people_and_not_one_more(void **state)
{
    static struct people_entry entries[ROSTER_PEOPLE_MAX + 1];
    static struct ssh_test_key keys[ROSTER_PEOPLE_MAX + 1];
    static char names[ROSTER_PEOPLE_MAX + 1][8];
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;

    (void)state;
    for (size_t i = 0; i <= ROSTER_PEOPLE_MAX; i++) {
        keys[i] = ssh_test_key(SSH_KEY_ED25519, NULL);
        (void)snprintf(names[i], sizeof names[i], "p%02zu", i);
        entries[i] = (struct people_entry){.name = names[i], .role = "officer", .keys = {&keys[i]}};
    }
    roster = people_roster(entries, ROSTER_PEOPLE_MAX);
    assert_int_equal(roster_count(roster), ROSTER_PEOPLE_MAX);
    assert_fails(PS_E_LIMIT, roster_add(roster, people_entry_value(&entries[ROSTER_PEOPLE_MAX])));
    assert_int_equal(roster_count(roster), ROSTER_PEOPLE_MAX);
    assert_roster_says(PS_E_LIMIT, "more than 64", entries, ROSTER_PEOPLE_MAX + 1);
    for (size_t i = 0; i <= ROSTER_PEOPLE_MAX; i++) {
        ssh_test_key_clear(&keys[i]);
    }
}

static void changes_give_the_roster_that_would_be_read(void **state)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = PEOPLE_ROSTER({"alice"}, {"dave"});
    PS_CLEANUP(roster_free_cleanup)
    struct roster *expected = PEOPLE_ROSTER({.name = "alice", .keys = {&people_second_keys[0]}},
                                            {.name = "bob", .suspended = ",\"suspended\":true"});
    uint8_t hash[PS_SHA256_LEN];
    uint8_t wanted[PS_SHA256_LEN];

    (void)state;
    assert_ok(roster_add(roster, people_entry_value(&(struct people_entry){.name = "bob"})));
    assert_ok(roster_replace(roster, ps_bytes_str("alice"),
                             people_entry_value(&(struct people_entry){
                                 .name = "alice", .keys = {&people_second_keys[0]}})));
    assert_ok(roster_remove(roster, ps_bytes_str("dave")));
    assert_ok(roster_suspend(roster, ps_bytes_str("bob"), true));
    assert_ok(roster_hash(roster, hash));
    assert_ok(roster_hash(expected, wanted));
    assert_memory_equal(hash, wanted, sizeof hash);
}

static void one_may_be_replaced_by_somebody_else(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster = PEOPLE_ROSTER({"alice"}, {"bob"}, {"dave"});
    PS_CLEANUP(roster_free_cleanup)
    struct roster *expected = PEOPLE_ROSTER({"bob"}, {"carol"}, {"dave"});
    const struct people_entry carol = {"carol"};
    uint8_t hash[PS_SHA256_LEN];
    uint8_t wanted[PS_SHA256_LEN];

    (void)state;
    assert_ok(roster_replace(roster, ps_bytes_str("alice"), people_entry_value(&carol)));
    assert_ok(roster_hash(roster, hash));
    assert_ok(roster_hash(expected, wanted));
    assert_memory_equal(hash, wanted, sizeof hash);
    assert_fails(PS_E_CONFLICT,
                 roster_replace(roster, ps_bytes_str("bob"), people_entry_value(&carol)));
    assert_ok(roster_hash(roster, hash));
    assert_memory_equal(hash, wanted, sizeof hash);
}

static void what_is_refused_changes_nothing(void **state)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = PEOPLE_ROSTER({"alice"}, {"bob"});
    const struct people_entry with_bobs = {.name = "alice", .keys = {&people_keys[3]}};
    const struct people_entry carol_with_bobs = {.name = "carol", .keys = {&people_keys[3]}};
    const struct people_entry bad = {.name = "alice", .role = "chief"};
    uint8_t before[PS_SHA256_LEN];
    uint8_t after[PS_SHA256_LEN];

    (void)state;
    assert_ok(roster_hash(roster, before));
    assert_fails(PS_E_CONFLICT,
                 roster_add(roster, people_entry_value(&(struct people_entry){.name = "bob"})));
    assert_fails(PS_E_INPUT, roster_add(roster, people_entry_value(&carol_with_bobs)));
    assert_fails(PS_E_INPUT, roster_add(roster, people_entry_value(&bad)));
    assert_fails(PS_E_INPUT,
                 roster_replace(roster, ps_bytes_str("alice"), people_entry_value(&with_bobs)));
    assert_fails(PS_E_INPUT,
                 roster_replace(roster, ps_bytes_str("alice"), people_entry_value(&bad)));
    assert_fails(PS_E_NOT_FOUND, roster_replace(roster, ps_bytes_str("carol"),
                                                people_entry_value(&carol_with_bobs)));
    assert_fails(PS_E_NOT_FOUND, roster_remove(roster, ps_bytes_str("carol")));
    assert_fails(PS_E_NOT_FOUND, roster_suspend(roster, ps_bytes_str("carol"), true));
    assert_ok(roster_hash(roster, after));
    assert_memory_equal(before, after, sizeof before);
}

static void standing_follows_the_clock_and_suspension(void **state)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = PEOPLE_ROSTER({"alice"});
    const struct person *alice = roster_at(roster, 0);

    (void)state;
    assert_int_equal(person_standing(alice, alice->valid_from_s - 1), PERSON_NOT_YET);
    assert_int_equal(person_standing(alice, alice->valid_from_s), PERSON_VALID);
    assert_int_equal(person_standing(alice, alice->valid_until_s - 1), PERSON_VALID);
    assert_int_equal(person_standing(alice, alice->valid_until_s), PERSON_EXPIRED);
    assert_ok(roster_suspend(roster, ps_bytes_str("alice"), true));
    assert_int_equal(person_standing(alice, alice->valid_from_s), PERSON_SUSPENDED);
    assert_string_equal(person_standing_name(PERSON_SUSPENDED), "suspended");
}

static void every_difference_of_two_people_is_seen(void **state)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *one = PEOPLE_ROSTER({"alice"});
    const struct people_entry others[] = {
        {.name = "alice", .role = "auditor"},
        {.name = "alice", .suspended = ",\"suspended\":true"},
        {.name = "alice", .from = "2026-01-01T00:00:01Z"},
        {.name = "alice", .until = "2028-01-01T00:00:01Z"},
        {.name = "alice", .keys = {&people_second_keys[0]}},
        {.name = "alice", .keys = {&people_keys[0], &people_second_keys[0]}},
        {.name = "bob", .role = "officer", .keys = {&people_keys[0]}},
    };

    (void)state;
    assert_true(person_equal(roster_at(one, 0), roster_at(one, 0)));
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        struct roster *other = people_roster(&others[i], 1);

        assert_false(person_equal(roster_at(one, 0), roster_at(other, 0)));
        roster_free(other);
    }
}

static void roles_have_names(void **state)
{
    (void)state;
    for (int role = ROSTER_OFFICER; role < ROSTER_ROLE_COUNT; role++) {
        const char *name = roster_role_name((enum roster_role)role);

        assert_int_equal(roster_role_by_name(ps_bytes_str(name)), role);
    }
    assert_int_equal(roster_role_by_name(ps_bytes_str("none")), ROSTER_NOBODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roster_is_written_as_it_was_read),
        cmocka_unit_test(people_are_found_by_name_and_by_key),
        cmocka_unit_test(nobody_is_there_twice),
        cmocka_unit_test(people_stand_in_the_order_of_their_names),
        cmocka_unit_test(no_key_is_there_twice),
        cmocka_unit_test(a_key_in_another_dress_is_the_same_key),
        cmocka_unit_test(an_entry_has_one_form),
        cmocka_unit_test(a_key_stands_without_comment),
        cmocka_unit_test(keys_are_keys),
        cmocka_unit_test(an_unknown_member_is_refused),
        cmocka_unit_test(documents_have_one_form),
        cmocka_unit_test(eight_keys_and_not_nine),
        cmocka_unit_test(sixty_four_people_and_not_one_more),
        cmocka_unit_test(changes_give_the_roster_that_would_be_read),
        cmocka_unit_test(one_may_be_replaced_by_somebody_else),
        cmocka_unit_test(what_is_refused_changes_nothing),
        cmocka_unit_test(standing_follows_the_clock_and_suspension),
        cmocka_unit_test(every_difference_of_two_people_is_seen),
        cmocka_unit_test(roles_have_names),
    };

    return cmocka_run_group_tests_name("roster", tests, people_make, people_end);
}
