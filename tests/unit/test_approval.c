#include "tests/unit/people_support.h"

#define DOCUMENT "{\"type\":\"key.create\",\"v\":\"1\"}"
#define APPROVE  "approve.ceremony.privyseal.v1"

enum { TOUCHED = 0x01, VERIFIED = 0x04 };

static struct policy policy;
static struct roster *usual;
static struct ssh_test_key hardware;  /* eve's */
static struct ssh_test_key elsewhere; /* a hardware key made for another application */

static int make_all(void **state)
{
    (void)people_make(state);
    policy_set_defaults(&policy);
    hardware = ssh_test_key(SSH_KEY_SK_ED25519, "ssh:");
    elsewhere = ssh_test_key(SSH_KEY_SK_ED25519, "ssh:other");
    usual = PEOPLE_ROSTER(
        {"alice"}, {"amira"}, {"bob", .suspended = ",\"suspended\":true"},
        {"carol", .until = "2026-05-01T00:00:00Z"}, {"dave", .from = "2027-01-01T00:00:00Z"},
        {"eve", .role = "officer", .keys = {&hardware, &elsewhere, &people_second_keys[6]}});
    return 0;
}

static int end_all(void **state)
{
    roster_free(usual);
    ssh_test_key_clear(&hardware);
    ssh_test_key_clear(&elsewhere);
    return people_end(state);
}

/* The key signs under the namespace with these flags; is it `person`'s approval of DOCUMENT? */
struct attempt {
    const struct ssh_test_key *key;
    const char *person;    /* NULL: alice; "": not said */
    const char *namespace; /* NULL: of approvals */
    const char *signs;     /* NULL: the document */
    enum approval_kind kind;
    uint8_t flags;
};

static enum ps_err attempt(const struct attempt *with, struct approval *ret_approval)
{
    PS_BUF_AUTO signature = {.max = SSHSIG_ARMORED_MAX};

    people_sign(with->key == NULL ? &people_keys[0] : with->key,
                with->namespace == NULL ? APPROVE : with->namespace,
                ps_bytes_str(with->signs == NULL ? DOCUMENT : with->signs), with->flags,
                &signature);
    return approval_verify(
        &(struct approval_request){
            .roster = usual,
            .policy = &policy,
            .now_s = PEOPLE_NOW_S,
            .kind = with->kind,
            .person = ps_bytes_str(with->person == NULL ? "alice" : with->person),
            .document = ps_bytes_str(DOCUMENT),
            .signature = ps_buf_bytes(&signature),
        },
        ret_approval);
}

#define ATTEMPT_AS(as, ...)                                                                        \
    attempt(&(struct attempt){.kind = (as), __VA_ARGS__},                                          \
            &(struct approval){.kind = APPROVAL_REQUEST})
#define ATTEMPT(...) ATTEMPT_AS(APPROVAL_APPROVE, __VA_ARGS__)

static void an_approval_says_who_what_and_with_which_key(void **state)
{
    struct approval approval;
    uint8_t hash[PS_SHA256_LEN];

    (void)state;
    assert_ok(attempt(&(struct attempt){.kind = APPROVAL_APPROVE}, &approval));
    assert_int_equal(approval.kind, APPROVAL_APPROVE);
    assert_string_equal(approval.person, "alice");
    assert_int_equal(approval.role, ROSTER_OFFICER);
    ps_sha256(ps_bytes_str(DOCUMENT), hash);
    assert_memory_equal(approval.document, hash, sizeof hash);
    ps_sha256(ps_buf_bytes(&people_keys[0].blob), hash);
    assert_memory_equal(approval.key, hash, sizeof hash);
    assert_false(approval.is_sk);
}

static void the_person_may_be_found_by_the_key(void **state)
{
    struct approval approval;

    (void)state;
    assert_ok(attempt(&(struct attempt){.kind = APPROVAL_APPROVE,
                                        .person = "",
                                        .key = &people_keys[people_place("amira")]},
                      &approval));
    assert_string_equal(approval.person, "amira");
    assert_int_equal(approval.role, ROSTER_AUDITOR);
}

static void each_kind_has_a_namespace_of_its_own(void **state)
{
    (void)state;
    for (int kind = 0; kind < APPROVAL_KIND_COUNT; kind++) {
        for (int signed_as = 0; signed_as < APPROVAL_KIND_COUNT; signed_as++) {
            const enum ps_err err =
                ATTEMPT_AS((enum approval_kind)kind,
                           .namespace = approval_namespace((enum approval_kind)signed_as));

            assert_int_equal(err, kind == signed_as ? PS_OK : PS_E_DENIED);
        }
    }
    assert_fails(PS_E_DENIED, ATTEMPT(.namespace = "file"));
    assert_string_equal(approval_namespace(APPROVAL_APPROVE), APPROVE);
    assert_string_equal(approval_kind_name(APPROVAL_REJECT), "reject");
}

static void one_octet_of_the_document_changed_is_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, ATTEMPT(.signs = "{\"type\":\"key.create\",\"v\":\"2\"}"));
    assert_fails(PS_E_DENIED, ATTEMPT(.signs = ""));
}

static void an_editors_newline_is_named(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, ATTEMPT(.signs = DOCUMENT "\n"));
    assert_says("newline");
}

static void a_key_of_nobody_is_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, ATTEMPT(.key = &people_keys[people_place("zoe")]));
    assert_says("nobody has");
    assert_fails(PS_E_DENIED, ATTEMPT(.key = &people_keys[people_place("zoe")], .person = ""));
}

static void a_key_of_someone_else_is_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, ATTEMPT(.key = &people_keys[people_place("amira")]));
    assert_says("a key of \"amira\", not of \"alice\"");
}

static void a_stranger_is_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, ATTEMPT(.person = "mallory"));
    assert_says("no person \"mallory\"");
    assert_fails(PS_E_INPUT, ATTEMPT(.person = "Alice\n"));
}

static void who_is_not_valid_now_is_refused(void **state)
{
    static const struct {
        const char *name;
        const char *says;
    } rows[] = {{"bob", "suspended"}, {"carol", "no longer valid"}, {"dave", "not yet valid"}};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_fails(PS_E_DENIED, ATTEMPT(.key = &people_keys[people_place(rows[i].name)],
                                          .person = rows[i].name));
        assert_says(rows[i].says);
    }
}

/* Who is enrolled for next month shows today to have the key. */
static void a_statement_may_come_before_ones_time(void **state)
{
    (void)state;
    assert_ok(ATTEMPT_AS(APPROVAL_STATEMENT, .person = "dave",
                         .key = &people_keys[people_place("dave")],
                         .namespace = approval_namespace(APPROVAL_STATEMENT)));
    assert_fails(PS_E_DENIED, ATTEMPT_AS(APPROVAL_STATEMENT, .person = "bob",
                                         .key = &people_keys[people_place("bob")],
                                         .namespace = approval_namespace(APPROVAL_STATEMENT)));
}

static void a_hardware_key_does_what_the_policy_says(void **state)
{
    struct approval approval;
    const struct attempt whole = {
        .kind = APPROVAL_APPROVE, .key = &hardware, .person = "eve", .flags = TOUCHED | VERIFIED};

    (void)state;
    assert_ok(attempt(&whole, &approval));
    assert_true(approval.is_sk);
    assert_int_equal(approval.sk_flags, TOUCHED | VERIFIED);
    assert_int_equal(approval.sk_counter, 7);
    assert_fails(PS_E_DENIED, ATTEMPT(.key = &hardware, .person = "eve", .flags = TOUCHED));
    assert_fails(PS_E_DENIED, ATTEMPT(.key = &hardware, .person = "eve", .flags = VERIFIED));
    assert_fails(PS_E_DENIED,
                 ATTEMPT(.key = &elsewhere, .person = "eve", .flags = TOUCHED | VERIFIED));
    policy.sk_verification = false;
    assert_ok(ATTEMPT(.key = &hardware, .person = "eve", .flags = TOUCHED));
    policy.sk_presence = false;
    assert_ok(ATTEMPT(.key = &hardware, .person = "eve", .flags = 0));
    policy_set_defaults(&policy);
}

static void what_is_no_signature_is_malformed(void **state)
{
    static const char *const wrong[] = {"", "-----BEGIN SSH SIGNATURE-----\n", "yes"};
    struct approval approval = {.kind = APPROVAL_STATEMENT};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        const struct approval_request request = {.roster = usual,
                                                 .policy = &policy,
                                                 .now_s = PEOPLE_NOW_S,
                                                 .kind = APPROVAL_APPROVE,
                                                 .document = ps_bytes_str(DOCUMENT),
                                                 .signature = ps_bytes_str(wrong[i])};

        assert_fails(PS_E_INPUT, approval_verify(&request, &approval));
    }
    assert_int_equal(approval.kind, APPROVAL_STATEMENT);
}

static void the_key_that_a_signature_names_is_read(void **state)
{
    uint8_t wanted[PS_SHA256_LEN];
    uint8_t key[PS_SHA256_LEN] = {0};
    PS_BUF_AUTO armored = {.max = 4096};

    (void)state;
    people_sign(&people_keys[0], "any", ps_bytes_str("x"), 0, &armored);
    assert_ok(approval_peek_key(ps_buf_bytes(&armored), key));
    ps_sha256(ps_buf_bytes(&people_keys[0].blob), wanted);
    assert_memory_equal(key, wanted, sizeof key);
    assert_fails(PS_E_INPUT, approval_peek_key(ps_bytes_str("x"), key));
    assert_memory_equal(key, wanted, sizeof key);
}

static void of_statements_those_of_each_key_say_something(void **state)
{
    struct approval a = people_approval("alice", APPROVAL_APPROVE, DOCUMENT);
    struct approval b = a;

    (void)state;
    b.key[0] ^= 1;
    assert_true(approval_repeats(&a, &b));
    a.kind = APPROVAL_STATEMENT;
    assert_false(approval_repeats(&a, &b));
    b.kind = APPROVAL_STATEMENT;
    assert_false(approval_repeats(&a, &b));
    b.key[0] ^= 1;
    assert_true(approval_repeats(&a, &b));
    b.person[0]++;
    assert_false(approval_repeats(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_approval_says_who_what_and_with_which_key),
        cmocka_unit_test(the_person_may_be_found_by_the_key),
        cmocka_unit_test(each_kind_has_a_namespace_of_its_own),
        cmocka_unit_test(one_octet_of_the_document_changed_is_refused),
        cmocka_unit_test(an_editors_newline_is_named),
        cmocka_unit_test(a_key_of_nobody_is_refused),
        cmocka_unit_test(a_key_of_someone_else_is_refused),
        cmocka_unit_test(a_stranger_is_refused),
        cmocka_unit_test(who_is_not_valid_now_is_refused),
        cmocka_unit_test(a_statement_may_come_before_ones_time),
        cmocka_unit_test(a_hardware_key_does_what_the_policy_says),
        cmocka_unit_test(what_is_no_signature_is_malformed),
        cmocka_unit_test(the_key_that_a_signature_names_is_read),
        cmocka_unit_test(of_statements_those_of_each_key_say_something),
    };

    return cmocka_run_group_tests_name("approval", tests, make_all, end_all);
}
