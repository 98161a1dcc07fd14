#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "frontends/plugins/registry/attempts.h"
#include "frontends/plugins/registry/csv.h"
#include "frontends/plugins/registry/deliver.h"
#include "frontends/plugins/registry/import.h"
#include "frontends/plugins/registry/knowledge.h"
#include "frontends/plugins/registry/logins.h"
#include "frontends/plugins/registry/otp.h"
#include "frontends/plugins/registry/persons.h"
#include "frontends/plugins/registry/secret_hash.h"
#include "lib/base/encode.h"

static struct json *json;
static struct json *other;
static struct db *db;
static uint8_t secret[REGISTRY_SECRET_LEN];

static int begin(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)scratch_make(state);
    scratch_path("registry.db", path);
    assert_ok(secret_hash_init());
    assert_ok(json_new(&json));
    assert_ok(json_new(&other));
    assert_ok(persons_open(path, &db));
    assert_ok(persons_secret(db, secret));
    return 0;
}

static int end(void **state)
{
    db_close(db);
    json_free(json);
    json_free(other);
    return scratch_remove(state);
}

static enum ps_err set(struct person *person, const char *column, const char *value)
{
    return person_set(person, ps_bytes_str(column), ps_bytes_str(value));
}

static void make_one(struct person *person, const char *id, const char *policy)
{
    person_init(person);
    assert_ok(set(person, "id", id));
    assert_ok(set(person, "policy", policy));
    assert_ok(set(person, "name", "Sample  One"));
    assert_ok(set(person, "name#fr", "Exemple Un"));
    assert_ok(set(person, "birthdate", "1980-02-29"));
    assert_ok(set(person, "email_verified", "true"));
    assert_ok(set(person, "gender", ""));
    assert_ok(set(person, "address", "1 \"First\" Street"));
    assert_ok(person_finish(person, json));
}

static void claims_are_what_was_set(void **state)
{
    PERSON_AUTO person;

    (void)state;
    make_one(&person, "a", "P-1");
    assert_text(ps_buf_bytes(&person.claims),
                "{\"name\":\"Sample  One\",\"name#fr\":\"Exemple Un\",\"birthdate\":\"1980-02-29\","
                "\"email_verified\":true,\"address\":{\"formatted\":\"1 \\\"First\\\" Street\"}}");
    assert_text(person_claim(other, ps_buf_bytes(&person.claims), "name"), "Sample  One");
    assert_int_equal(person_claim(other, ps_buf_bytes(&person.claims), "address").len, 0);
    assert_int_equal(person_claim(other, ps_buf_bytes(&person.claims), "email").len, 0);
}

static void values_that_are_none_of_their_column_are_refused(void **state)
{
    static const char *const bad[][2] = {{"id", ".a"},
                                         {"id", "a/b"},
                                         {"id", "../a"},
                                         {"policy", "a b"},
                                         {"pin", "123"},
                                         {"pin", "12345a"},
                                         {"password", "short"},
                                         {"birthdate", "1981-02-29"},
                                         {"birthdate", "1980-13-01"},
                                         {"birthdate", "1980-1-1"},
                                         {"birthdate", "80-01-01xx"},
                                         {"email", "nobody"},
                                         {"email", "a@b@c"},
                                         {"email", "a b@c.example"},
                                         {"email", "a@c.example\r\nBcc: d@c.example"},
                                         {"email", "<a@c.example>"},
                                         {"phone_number", "0155501"},
                                         {"phone_number", "+1 555 01"},
                                         {"email_verified", "yes"},
                                         {"name", "\xff"},
                                         {"sub", "a"},
                                         {"Name", "a"},
                                         {"name#", "a"},
                                         {"name#f r", "a"},
                                         {"", "a"}};
    PERSON_AUTO person;

    (void)state;
    person_init(&person);
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, set(&person, bad[i][0], bad[i][1]));
    }
    assert_fails(PS_E_INPUT, person_finish(&person, json));
    assert_ok(set(&person, "id", "a"));
    assert_ok(set(&person, "birthdate", "2000-02-29"));
    assert_ok(set(&person, "birthdate", "2000-02-29"));
    assert_fails(PS_E_INPUT, person_finish(&person, json));
}

static void claims_are_told_as_asked_for(void **state)
{
    struct privyseal_auth_text names[] = {{"name", 4}, {"email_verified", 14}, {"gender", 6}};
    struct privyseal_auth_text locale = {"fr", 2};
    const struct privyseal_auth_list asked = {names, PS_COUNT_OF(names)};
    const struct privyseal_auth_list none = {NULL, 0};
    const struct privyseal_auth_list french = {&locale, 1};
    PS_BUF_AUTO out = {.max = 1000};
    PERSON_AUTO person;

    (void)state;
    make_one(&person, "a", "");
    assert_ok(person_put_claims(json, ps_buf_bytes(&person.claims), &asked, &none, &out));
    assert_text(ps_buf_bytes(&out), "{\"name\":\"Sample  One\",\"email_verified\":true}");
    ps_buf_reset(&out);
    assert_ok(person_put_claims(json, ps_buf_bytes(&person.claims), &asked, &french, &out));
    assert_text(ps_buf_bytes(&out),
                "{\"name\":\"Sample  One\",\"name#fr\":\"Exemple Un\",\"email_verified\":true}");
    ps_buf_reset(&out);
    assert_ok(person_put_claims(json, ps_buf_bytes(&person.claims), &none, &french, &out));
    assert_text(ps_buf_bytes(&out), "{}");
    ps_buf_reset(&out);
    assert_ok(person_put_metadata(json, ps_buf_bytes(&person.claims), &out));
    assert_text(ps_buf_bytes(&out),
                "{\"name\":[],\"birthdate\":[],\"email_verified\":[],\"address\":[]}");
}

static void a_secret_matches_itself_alone(void **state)
{
    PS_BUF_AUTO text = {.max = SECRET_HASH_MAX};
    PS_BUF_AUTO again = {.max = SECRET_HASH_MAX};

    (void)state;
    assert_ok(secret_hash_make(ps_bytes_str("111111"), &text));
    assert_ok(secret_hash_make(ps_bytes_str("111111"), &again));
    assert_true(ps_bytes_starts_with(ps_buf_bytes(&text), ps_bytes_str("$argon2id$v=19$m=19456")));
    assert_false(ps_bytes_equal(ps_buf_bytes(&text), ps_buf_bytes(&again)));
    assert_true(secret_hash_matches(ps_buf_bytes(&text), ps_bytes_str("111111")));
    assert_false(secret_hash_matches(ps_buf_bytes(&text), ps_bytes_str("111112")));
    assert_false(secret_hash_matches(ps_buf_bytes(&text), ps_bytes_str("")));
    assert_false(secret_hash_matches(ps_bytes(NULL, 0), ps_bytes_str("")));
    assert_false(secret_hash_matches(ps_bytes_str("no text of ours"), ps_bytes_str("111111")));
}

static void people_are_found_by_id_and_by_policy(void **state)
{
    PERSON_AUTO a;
    PERSON_AUTO b;
    PERSON_AUTO found;

    (void)state;
    person_init(&found);
    make_one(&a, "a", "b");
    make_one(&b, "b", "");
    assert_ok(persons_put(db, &a, 1));
    assert_ok(persons_find(db, ps_bytes_str("b"), &found));
    assert_text(ps_buf_bytes(&found.id), "a");
    assert_ok(persons_put(db, &b, 1));
    assert_ok(persons_find(db, ps_bytes_str("b"), &found));
    assert_text(ps_buf_bytes(&found.id), "b");
    assert_bytes(ps_buf_bytes(&found.claims), ps_buf_bytes(&b.claims));
    assert_fails(PS_E_NOT_FOUND, persons_find(db, ps_bytes_str(""), &found));
    assert_fails(PS_E_NOT_FOUND, persons_find(db, ps_bytes_str("c"), &found));
    assert_ok(set(&b, "policy", "b"));
    assert_fails(PS_E_CONFLICT, persons_put(db, &b, 2));
    assert_ok(persons_remove(db, ps_bytes_str("a")));
    assert_fails(PS_E_NOT_FOUND, persons_remove(db, ps_bytes_str("a")));
    assert_ok(persons_put(db, &b, 2));
}

static void the_secret_stays(void **state)
{
    uint8_t again[REGISTRY_SECRET_LEN];

    (void)state;
    assert_ok(persons_secret(db, again));
    assert_memory_equal(again, secret, sizeof again);
}

static struct otp_place place_of(const char *person, const char *login, uint64_t now_s)
{
    return (struct otp_place){secret, ps_bytes_str(person), ps_bytes_str(login), now_s};
}

static void a_password_is_good_once_and_for_one_login(void **state)
{
    const struct otp_place place = place_of("a", "1", 1000);
    const struct otp_place elsewhere = place_of("a", "2", 1000);
    const struct otp_place late = place_of("a", "1", 1180);
    const struct otp_place in_time = place_of("a", "1", 1179);
    char otp[OTP_DIGITS + 1];

    (void)state;
    assert_ok(otp_make(db, &place, 180, otp));
    assert_int_equal(strspn(otp, "0123456789"), OTP_DIGITS);
    assert_fails(PS_E_DENIED, otp_use(db, &elsewhere, ps_bytes_str(otp)));
    assert_fails(PS_E_DENIED, otp_use(db, &late, ps_bytes_str(otp)));
    assert_ok(otp_use(db, &in_time, ps_bytes_str(otp)));
    assert_fails(PS_E_DENIED, otp_use(db, &in_time, ps_bytes_str(otp)));
}

static void a_password_has_three_tries(void **state)
{
    const struct otp_place place = place_of("a", "1", 1000);
    char otp[OTP_DIGITS + 1];

    (void)state;
    assert_ok(otp_make(db, &place, 180, otp));
    for (unsigned i = 0; i < OTP_TRIES; i++) {
        assert_fails(PS_E_DENIED, otp_use(db, &place, ps_bytes_str("wrong")));
    }
    assert_fails(PS_E_DENIED, otp_use(db, &place, ps_bytes_str(otp)));
    assert_ok(otp_make(db, &place, 180, otp));
    assert_fails(PS_E_DENIED, otp_use(db, &place, ps_bytes_str("wrong")));
    assert_ok(otp_use(db, &place, ps_bytes_str(otp)));
}

static enum ps_err attempt(const char *source, uint64_t now_s)
{
    const struct attempt_limit limit = {ATTEMPT_LOGIN, 600, 3, 5};

    return attempts_take(db, &limit, ps_bytes_str("a"), ps_bytes_str(source), now_s);
}

static void one_source_cannot_use_up_what_others_have(void **state)
{
    const struct attempt_limit sent = {ATTEMPT_OTP, 600, 3, 5};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_ok(attempt("there", 1000));
    }
    assert_fails(PS_E_LIMIT, attempt("there", 1000));
    assert_fails(PS_E_LIMIT, attempt("there", 1599));
    assert_ok(attempt("here", 1000));
    assert_ok(attempt("", 1000));
    assert_fails(PS_E_LIMIT, attempt("", 1000));
    assert_fails(PS_E_LIMIT, attempt("here", 1000));
    assert_ok(attempts_take(db, &sent, ps_bytes_str("a"), ps_bytes_str("there"), 1000));
    assert_ok(attempts_forget(db, ATTEMPT_LOGIN, ps_bytes_str("a"), ps_bytes_str("there")));
    assert_ok(attempt("there", 1000));
    assert_ok(attempt("there", 1600));
}

static struct privyseal_auth_request login_of(const char *party, const char *transaction)
{
    return (struct privyseal_auth_request){.relying_party = {party, strlen(party)},
                                           .client = {"c", 1},
                                           .transaction = {transaction, strlen(transaction)},
                                           .individual = {"a", 1}};
}

static void a_token_is_good_once_for_its_login(void **state)
{
    struct privyseal_auth_request request = login_of("r", "1");
    struct privyseal_auth_request foreign = login_of("r", "2");
    struct login_place place = {secret, &request, 1000};
    const struct login_place elsewhere = {secret, &foreign, 1000};
    PS_BUF_AUTO token = {.max = 100};
    PS_BUF_AUTO who = {.max = 100};

    (void)state;
    assert_ok(login_make(db, &place, ps_bytes_str("a"), 60, &token));
    request.kyc_token = (struct privyseal_auth_text){(const char *)token.data, token.len};
    foreign.kyc_token = request.kyc_token;
    assert_ok(login_use(db, &place, &who));
    assert_text(ps_buf_bytes(&who), "a");
    assert_fails(PS_E_DENIED, login_use(db, &place, &who));

    ps_buf_reset(&token);
    assert_ok(login_make(db, &place, ps_bytes_str("a"), 60, &token));
    foreign.kyc_token = (struct privyseal_auth_text){(const char *)token.data, token.len};
    request.kyc_token = foreign.kyc_token;
    assert_fails(PS_E_DENIED, login_use(db, &elsewhere, &who));
    assert_fails(PS_E_DENIED, login_use(db, &place, &who));

    ps_buf_reset(&token);
    assert_ok(login_make(db, &place, ps_bytes_str("a"), 60, &token));
    request.kyc_token = (struct privyseal_auth_text){(const char *)token.data, token.len};
    place.now_s = 1060;
    assert_fails(PS_E_DENIED, login_use(db, &place, &who));
}

static void a_subject_is_of_one_relying_party(void **state)
{
    PS_BUF_AUTO a = {.max = 100};
    PS_BUF_AUTO b = {.max = 100};
    PS_BUF_AUTO c = {.max = 100};

    (void)state;
    login_put_subject(secret, ps_bytes_str("a"), ps_bytes_str("r"), &a);
    login_put_subject(secret, ps_bytes_str("b"), ps_bytes_str("r"), &b);
    login_put_subject(secret, ps_bytes_str("a"), ps_bytes_str("s"), &c);
    assert_int_equal(a.len, 43);
    assert_false(ps_bytes_equal(ps_buf_bytes(&a), ps_buf_bytes(&b)));
    assert_false(ps_bytes_equal(ps_buf_bytes(&a), ps_buf_bytes(&c)));
}

static bool knows(const struct person *person, const char *document)
{
    PS_BUF_AUTO challenge = {.max = 4000};
    PS_BUF_AUTO text = {.max = 0};
    struct knowledge knowledge;

    ps_buf_put_base64url(&challenge, ps_bytes_str(document));
    return knowledge_read(json, ps_buf_bytes(&challenge), &text, &knowledge) == PS_OK &&
           knowledge_matches(other, &knowledge, person);
}

static void all_that_a_person_knows_has_to_be_right(void **state)
{
    static const char *const wrong[] = {
        "{\"policyNumber\":\"P-2\",\"fullName\":\"Sample One\",\"dob\":\"1980-02-29\"}",
        "{\"policyNumber\":\"P-1\",\"fullName\":\"Sample\",\"dob\":\"1980-02-29\"}",
        "{\"policyNumber\":\"P-1\",\"fullName\":\"SampleOne\",\"dob\":\"1980-02-29\"}",
        "{\"policyNumber\":\"P-1\",\"fullName\":\"Sample One\",\"dob\":\"1980-02-28\"}",
        "{\"policyNumber\":\"P-1\",\"fullName\":\" \",\"dob\":\"1980-02-29\"}",
        "{\"policyNumber\":\"P-1\",\"fullName\":\"Sample One\"}",
        "{\"policyNumber\":\"P-1\",\"fullName\":1,\"dob\":\"1980-02-29\"}",
        "[]",
        "",
    };
    PERSON_AUTO person;
    PERSON_AUTO without;

    (void)state;
    make_one(&person, "a", "P-1");
    make_one(&without, "b", "");
    assert_true(knows(&person, "{\"policyNumber\":\"P-1\",\"fullName\":\" sample\\tOne \","
                               "\"dob\":\"1980-02-29\"}"));
    assert_true(knows(&person, "{\"dob\":\"1980-02-29\",\"policyNumber\":\"P-1\","
                               "\"fullName\":\"EXEMPLE UN\",\"more\":[]}"));
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_false(knows(&person, wrong[i]));
    }
    assert_false(knows(&without, "{\"policyNumber\":\"\",\"fullName\":\"Sample One\","
                                 "\"dob\":\"1980-02-29\"}"));
}

static void the_form_is_json(void **state)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value root;

    (void)state;
    assert_ok(json_parse(json, ps_bytes_str(knowledge_form), &limits, &root));
}

static enum ps_err count(void *context, struct person *person)
{
    struct ps_buf *out = context;

    ps_buf_put(out, ps_buf_bytes(&person->id));
    ps_buf_put_u8(out, ' ');
    ps_buf_put(out, ps_buf_bytes(&person->claims));
    ps_buf_put_u8(out, '\n');
    return ps_buf_status(out);
}

static void a_table_becomes_people(void **state)
{
    PS_BUF_AUTO out = {.max = 1000};
    size_t people = 0;

    (void)state;
    assert_ok(import_people(ps_bytes_str("\xef\xbb\xbfid,name\r\n\r\n"
                                         "a,\"One, \"\"Two\"\"\nThree\"\r\nb,\nc,Four"),
                            count, &out, &people));
    assert_int_equal(people, 3);
    assert_text(ps_buf_bytes(&out), "a {\"name\":\"One, \\\"Two\\\"\\nThree\"}\nb {}\n"
                                    "c {\"name\":\"Four\"}\n");
}

static void mistakes_of_a_table_are_told_with_their_line(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {{"", "no column 'id'"},
               {"name\nOne\n", "no column 'id'"},
               {"id,id\n", "line 1: two columns of one name"},
               {"id,Name\n", "line 1: column 2"},
               {"id,name\na\n", "line 2: 1 fields for 2 columns"},
               {"id,name\na,b,c\n", "line 2: 3 fields for 2 columns"},
               {"id,name\n\na,\"b\nc\"\nd/e,\n", "line 5: not a value of id"},
               {"id,name\n,b\n", "line 2: a person without an id"},
               {"id,name\na,\"b\n", "line 2: a quote that does not end"},
               {"id,name\na,b\"c\n", "line 2: a quote within a field"},
               {"id,name\na,\"b\"c\n", "line 2: neither a comma"},
               {"id,name\na\r,b\n", "line 2: neither a comma"},
               {"id,name\na,\xff\n", "line 2: text that is not UTF-8"}};
    PS_BUF_AUTO out = {.max = 1000};
    size_t people = 0;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, import_people(ps_bytes_str(bad[i].text), count, &out, &people));
        if (strstr(ps_detail()->text, bad[i].why) == NULL) {
            fail_msg("'%s' says not '%s'", ps_detail()->text, bad[i].why);
        }
    }
}

static void a_record_has_at_most_so_many_fields(void **state)
{
    char text[2 * CSV_FIELDS_MAX + 2];
    CSV_RECORD_AUTO record = {.count = 0};
    struct csv csv;
    bool there = false;

    (void)state;
    (void)memset(text, ',', sizeof text);
    csv = csv_begin(ps_bytes(text, CSV_FIELDS_MAX - 1));
    assert_ok(csv_next(&csv, &record, &there));
    assert_int_equal(record.count, CSV_FIELDS_MAX);
    csv = csv_begin(ps_bytes(text, CSV_FIELDS_MAX));
    assert_fails(PS_E_LIMIT, csv_next(&csv, &record, &there));
}

static void a_message_has_its_head_and_the_password(void **state)
{
    char from[] = "login@example.org";
    char subject[] = "Mot de passe à usage unique, pour une seule connexion";
    const struct registry_smtp smtp = {.from = from, .subject = subject};
    const struct delivery_item item = {
        .address = ps_bytes_str("one@example.org"), .otp = "012345", .life_s = 180};
    PS_BUF_AUTO out = {.max = 4096};
    char *text;

    (void)state;
    delivery_put_message(&smtp, &item, UINT64_C(951826554) * 1000000000, &out);
    ps_buf_put_u8(&out, '\0');
    assert_ok(ps_buf_status(&out));
    text = (char *)out.data;
    assert_non_null(strstr(
        text,
        "From: <login@example.org>\r\nTo: <one@example.org>\r\n"
        "Subject: =?utf-8?B?TW90IGRlIHBhc3NlIMOgIHVzYWdlIHVuaXF1ZSwgcG91ciB1bmUgc2V1bGUg?=\r\n"
        " =?utf-8?B?Y29ubmV4aW9u?=\r\n"));
    assert_non_null(strstr(text, "\r\nDate: Tue, 29 Feb 2000 12:15:54 +0000\r\n"));
    assert_non_null(strstr(text, "@example.org>\r\nAuto-Submitted: auto-generated\r\n"));
    assert_non_null(strstr(text, "\r\n\r\n012345\r\n"));
}

static enum ps_err parse(const char *more)
{
    PS_BUF_AUTO errors = {.max = 65536};
    void *config = NULL;
    enum ps_err err;
    char text[1000];

    (void)snprintf(text, sizeof text, "[registry]\ndatabase = /a/b\n%s", more);
    err = config_form_parse(&registry_config_form, "c", ps_bytes_str(text), &errors, &config);
    config_form_free(&registry_config_form, config);
    return err;
}

static void a_configuration_has_to_make_sense(void **state)
{
    static const char *const bad[] = {
        "wrong_per_source = 9\nwrong_per_person = 8\n",
        "[otp]\nper_source = 9\nper_person = 8\n",
        "[smtp]\nurl = http://relay.example\nfrom = a@b.example\n",
        "[smtp]\nurl = smtp://relay.example\n",
        "[smtp]\nurl = smtp://relay.example\nfrom = a\n",
        "[smtp]\nurl = smtp://u:p@relay.example\nfrom = a@b.example\n",
        "[smtp]\nurl = smtp://relay.example\nfrom = a@b.example\nuser = a\n",
        "[smtp]\nurl = smtp://relay.example\nfrom = a@b.example\nplain = yes\n",
        "[smtp]\nurl = smtp://127.0.0.1.example:25\nfrom = a@b.example\nplain = yes\n",
        "[smtp]\nurl = smtp://relay.example\nfrom = a@b.example\nsubject = <a>\n",
    };

    (void)state;
    assert_ok(parse(""));
    assert_ok(parse("[smtp]\nurl = smtp://127.0.0.1:25\nfrom = a@b.example\nplain = yes\n"));
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, parse(bad[i]));
    }
}

#define WITH_DATABASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(claims_are_what_was_set),
        WITH_DATABASE(values_that_are_none_of_their_column_are_refused),
        WITH_DATABASE(claims_are_told_as_asked_for),
        WITH_DATABASE(a_secret_matches_itself_alone),
        WITH_DATABASE(people_are_found_by_id_and_by_policy),
        WITH_DATABASE(the_secret_stays),
        WITH_DATABASE(a_password_is_good_once_and_for_one_login),
        WITH_DATABASE(a_password_has_three_tries),
        WITH_DATABASE(one_source_cannot_use_up_what_others_have),
        WITH_DATABASE(a_token_is_good_once_for_its_login),
        WITH_DATABASE(a_subject_is_of_one_relying_party),
        WITH_DATABASE(all_that_a_person_knows_has_to_be_right),
        WITH_DATABASE(the_form_is_json),
        WITH_DATABASE(a_table_becomes_people),
        WITH_DATABASE(mistakes_of_a_table_are_told_with_their_line),
        WITH_DATABASE(a_record_has_at_most_so_many_fields),
        WITH_DATABASE(a_message_has_its_head_and_the_password),
        WITH_DATABASE(a_configuration_has_to_make_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
