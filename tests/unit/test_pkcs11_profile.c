#include "tests/unit/support.h"

#include "pkcs11/module/profile.h"
#include "pkcs11/use/mechanism.h"

#include <dirent.h>

/* Profiles are read as strictly as firmware-profiles/schema.json describes them. */

static char base[16384]; /* fake.json */

static void read_profile_file(const char *name, char *out, size_t room)
{
    PS_BUF_AUTO file = {.max = 65536};
    char path[512];

    (void)snprintf(path, sizeof path, "%s/firmware-profiles/%s", source_root(), name);
    assert_true(read_file(path, &file));
    assert_true(file.len < room);
    memcpy(out, file.data, file.len);
    out[file.len] = 0;
}

static int read_base(void **state)
{
    (void)state;
    read_profile_file("fake.json", base, sizeof base);
    return 0;
}

/* fake.json with one text in the place of another. */
static enum ps_err read_changed(const char *from, const char *to, struct profile *ret_profile)
{
    static char text[sizeof base + 1024];
    const char *at = strstr(base, from);

    assert_non_null(at);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    return profile_read(ps_bytes_str(text), ret_profile);
}

static void every_profile_of_ours_can_be_read(void **state)
{
    char path[512];
    unsigned profiles = 0;
    const struct dirent *entry;
    DIR *directory;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/firmware-profiles", source_root());
    directory = opendir(path);
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        static char text[16384];
        struct profile profile;
        const size_t len = strlen(entry->d_name);

        if (len < 5 || strcmp(entry->d_name + len - 5, ".json") != 0 ||
            strcmp(entry->d_name, "schema.json") == 0) {
            continue;
        }
        read_profile_file(entry->d_name, text, sizeof text);
        assert_ok(profile_read(ps_bytes_str(text), &profile));
        profiles++;
    }
    (void)closedir(directory);
    assert_true(profiles >= 2);
}

static void softhsm_offers_every_algorithm_and_key_type(void **state)
{
    static char text[16384];
    struct profile profile;

    (void)state;
    read_profile_file("softhsm2.json", text, sizeof text);
    assert_ok(profile_read(ps_bytes_str(text), &profile));
    for (unsigned i = PS_ALG_NONE + 1; i < PS_ALG_COUNT; i++) {
        assert_true(profile.algorithms[i].offered);
    }
    for (unsigned i = PS_KEY_NONE + 1; i < PS_KEY_COUNT; i++) {
        assert_true(profile.key_types[i].offered);
    }
    assert_string_equal(profile.id, "softhsm2/2.6");
    assert_true(profile.reload_when_gone);
    assert_string_equal(profile.rewritten_file.text, "token.object");
    assert_int_equal(profile.reload, PROFILE_RELOAD_FINALIZE);
    assert_int_equal(profile.point, PROFILE_POINT_DER);
    assert_int_equal(profile.uses[PROFILE_USE_DECRYPT_RSA].mechanisms[0], CKM_RSA_X_509);
}

static void member_that_does_not_belong_there_is_an_error(void **state)
{
    static const char *const changes[][2] = {
        {"\"pin\": {", "\"color\": 1, \"pin\": {"},
        {"\"min\": 4", "\"min\": 4, \"mean\": 6"},
        {"\"rsa-2048\"", "\"rsa-1024\""},
        {"\"RS256\"", "\"RS1\""},
        {"\"PS256\": {", "\"ps256\": {"},
        {"\"encrypt\"", "\"encipher\""},
        {"\"attributes\": {}", "\"attributes\": {\"CKA_VENDOR_DEFINED\": \"ignored\"}"},
    };
    struct profile profile;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(changes); i++) {
        assert_fails(PS_E_INPUT, read_changed(changes[i][0], changes[i][1], &profile));
    }
}

static void missing_member_is_an_error(void **state)
{
    static const char *const members[] = {
        "\"schema\": \"privyseal-profile/1\",",
        "\"status\": \"verified\",",
        "\"reload\": \"finalize\",",
        "\"min\": 4, ",
        "\"recovery\": [],",
        "\"attributes\": {},",
        "\"point\": \"der\", ",
        "\"token_model\": \"fake\"",
        "\"generate\": \"CKM_AES_KEY_GEN\"",
    };
    struct profile profile;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        assert_fails(PS_E_INPUT, read_changed(members[i], "", &profile));
    }
}

static void member_that_stands_there_twice_is_an_error(void **state)
{
    static const char *const changes[][2] = {
        {"\"min\": 4", "\"min\": 4, \"min\": 4"},
        {"\"recovery\": []", "\"recovery\": [], \"recovery\": []"},
        {"\"RS256\": {\"mechanism\": \"CKM_RSA_PKCS\"}",
         "\"RS256\": {\"mechanism\": \"CKM_RSA_PKCS\"}, \"RS256\": {\"mechanism\": "
         "\"CKM_RSA_PKCS\"}"},
        {"\"attributes\": {}",
         "\"attributes\": {\"CKA_COPYABLE\": \"ignored\", \"CKA_COPYABLE\": \"ignored\"}"},
        {"\"aes-256\": {\"generate\": \"CKM_AES_KEY_GEN\"}",
         "\"aes-256\": {\"generate\": \"CKM_AES_KEY_GEN\"}, \"aes-256\": {\"generate\": "
         "\"CKM_AES_KEY_GEN\"}"},
    };
    struct profile profile;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(changes); i++) {
        assert_fails(PS_E_INPUT, read_changed(changes[i][0], changes[i][1], &profile));
    }
}

static void value_of_another_kind_is_an_error(void **state)
{
    static const char *const changes[][2] = {
        {"\"min\": 4", "\"min\": \"4\""},
        {"\"min\": 4", "\"min\": 4.5"},
        {"\"min\": 4", "\"min\": -1"},
        {"\"min\": 4", "\"min\": 1000001"},
        {"\"min\": 4", "\"min\": 300"},
        {"\"random\": 4096", "\"random\": 0"},
        {"\"start_timeout_ms\": 10000", "\"start_timeout_ms\": 0"},
        {"\"reload_when_gone\": false", "\"reload_when_gone\": false, \"rewritten_file\": \"\""},
        {"\"reload_when_gone\": false", "\"reload_when_gone\": false, \"rewritten_file\": \"a/b\""},
        {"\"reload_when_gone\": false", "\"reload_when_gone\": false, \"rewritten_file\": \"..\""},
        {"\"data\": true", "\"data\": 1"},
        {"\"finalize\"", "\"restart\""},
        {"\"3.0\"", "3.0"},
        {"\"privyseal-profile/1\"", "\"privyseal-profile/2\""},
        {"\"fake-p11/1\"", "\"\""},
        {"\"verified\"", "\"forbidden\""},
        {"\"CKM_ECDSA\"", "\"CKM_ECDSA_SHA256\""},
        {"\"CKM_ECDSA\"", "\"0x\""},
        {"\"CKM_ECDSA\"", "\"0x123456789\""},
        {"\"CKM_ECDSA\"", "\"0xABC\""},
        {"\"params\": \"oid\"", "\"params\": \"xyz\""},
        {"\"params\": \"oid\"", "\"params\": \"\""},
        {"\"params\": \"oid\"", "\"params\": \"name\""},
        {"\"params\": \"oid\"", "\"params\": 1"},
        {"\"generate\": \"CKM_AES_KEY_GEN\"",
         "\"generate\": \"CKM_AES_KEY_GEN\", \"params\": \"oid\""},
        {", \"params\": \"oid\"", ""},
        {"[\"CKM_AES_GCM\"]", "[]"},
        {"[\"CKM_AES_GCM\"]", "\"CKM_AES_GCM\""},
        {"[\"CKM_AES_GCM\"]", "[1]"},
        {"\"point\": \"der\"", "\"point\": \"xml\""},
        {"\"attributes\": {}", "\"attributes\": {\"CKA_COPYABLE\": \"maybe\"}"},
        {"\"attributes\": {}", "\"attributes\": []"},
        {"\"sources\": [", "\"sources\": [1, "},
    };
    struct profile profile;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(changes); i++) {
        assert_fails(PS_E_INPUT, read_changed(changes[i][0], changes[i][1], &profile));
    }
}

static void rules_change_single_cells(void **state)
{
    struct profile profile;

    (void)state;
    assert_ok(read_changed("\"recovery\": []",
                           "\"recovery\": [{\"rv\": \"CKR_DEVICE_ERROR\", \"operation\": \"sign\", "
                           "\"class\": \"reload\"}, {\"rv\": \"0x80000405\", \"operation\": "
                           "\"slot\", \"class\": \"gone\"}]",
                           &profile));
    assert_int_equal(profile.rules_count, 2);
    assert_int_equal(recovery_class(profile.rules, 2, CKR_DEVICE_ERROR, OPERATION_SIGN),
                     FAULT_RELOAD);
    assert_int_equal(recovery_class(profile.rules, 2, 0x80000405, OPERATION_SLOT), FAULT_GONE);
}

static void rule_cannot_turn_a_failure_into_a_success(void **state)
{
    static const char *const rules[] = {
        "{\"rv\": \"CKR_OK\", \"operation\": \"sign\", \"class\": \"reload\"}",
        "{\"rv\": \"0x0\", \"operation\": \"sign\", \"class\": \"reload\"}",
        "{\"rv\": \"CKR_DEVICE_ERROR\", \"operation\": \"sign\", \"class\": \"none\"}",
        "{\"rv\": \"CKR_NOT_KNOWN\", \"operation\": \"sign\", \"class\": \"reload\"}",
        "{\"rv\": \"CKR_DEVICE_ERROR\", \"operation\": \"dance\", \"class\": \"reload\"}",
        "{\"rv\": \"CKR_DEVICE_ERROR\", \"operation\": \"sign\"}",
        "1",
    };
    struct profile profile;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rules); i++) {
        char changed[300];

        (void)snprintf(changed, sizeof changed, "\"recovery\": [%s]", rules[i]);
        assert_fails(PS_E_INPUT, read_changed("\"recovery\": []", changed, &profile));
    }
}

static void curve_may_be_named_by_name_or_octets(void **state)
{
    struct profile profile;

    (void)state;
    assert_ok(read_changed("\"CKM_EC_EDWARDS_KEY_PAIR_GEN\", \"params\": \"oid\"",
                           "\"CKM_EC_EDWARDS_KEY_PAIR_GEN\", \"params\": \"name\"", &profile));
    assert_int_equal(profile.key_types[PS_KEY_ED25519].params[0], 0x13);
    assert_ok(read_changed(
        "\"CKM_EC_EDWARDS_KEY_PAIR_GEN\", \"params\": \"oid\"",
        "\"CKM_EC_EDWARDS_KEY_PAIR_GEN\", \"params\": \"06092b06010401da470f01\"", &profile));
    assert_int_equal(profile.key_types[PS_KEY_ED25519].params_len, 11);
    assert_int_equal(mechanism_recognise(CKK_EC_EDWARDS,
                                         ps_bytes(profile.key_types[PS_KEY_ED25519].params, 11), 0,
                                         &profile),
                     PS_KEY_ED25519);
}

static void attribute_that_is_not_named_is_enforced(void **state)
{
    struct profile profile;

    (void)state;
    assert_ok(read_changed("\"attributes\": {}",
                           "\"attributes\": {\"CKA_COPYABLE\": \"ignored\", "
                           "\"CKA_ALLOWED_MECHANISMS\": \"rejected\"}",
                           &profile));
    assert_int_equal(profile_support(&profile, CKA_COPYABLE), PROFILE_IGNORED);
    assert_int_equal(profile_support(&profile, CKA_ALLOWED_MECHANISMS), PROFILE_REJECTED);
    assert_int_equal(profile_support(&profile, CKA_SENSITIVE), PROFILE_ENFORCED);
}

static void what_is_not_one_json_text_is_an_error(void **state)
{
    static char large[70000];
    struct profile profile;
    size_t len;

    (void)state;
    assert_fails(PS_E_INPUT, profile_read(ps_bytes(NULL, 0), &profile));
    assert_fails(PS_E_INPUT, profile_read(ps_bytes_str("[]"), &profile));
    assert_fails(PS_E_INPUT, profile_read(ps_bytes_str("null"), &profile));
    assert_fails(PS_E_INPUT, read_changed("\"status\"", "\"stat\xffus\"", &profile));
    len = strlen(base);
    memcpy(large, base, len + 1);
    (void)strcat(large, "\n {}");
    assert_fails(PS_E_INPUT, profile_read(ps_bytes_str(large), &profile));
    large[len] = 0;
    assert_fails(PS_E_INPUT, profile_read(ps_bytes(large, len + 1), &profile));
    memset(large + len, ' ', sizeof large - len);
    assert_ok(profile_read(ps_bytes(large, 65536), &profile));
    assert_fails(PS_E_INPUT, profile_read(ps_bytes(large, 65537), &profile));
    for (size_t cut = 0; cut < len - 2; cut++) {
        assert_fails(PS_E_INPUT, profile_read(ps_bytes(base, cut), &profile));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_of_ours_can_be_read),
        cmocka_unit_test(softhsm_offers_every_algorithm_and_key_type),
        cmocka_unit_test(member_that_does_not_belong_there_is_an_error),
        cmocka_unit_test(missing_member_is_an_error),
        cmocka_unit_test(member_that_stands_there_twice_is_an_error),
        cmocka_unit_test(value_of_another_kind_is_an_error),
        cmocka_unit_test(rules_change_single_cells),
        cmocka_unit_test(rule_cannot_turn_a_failure_into_a_success),
        cmocka_unit_test(curve_may_be_named_by_name_or_octets),
        cmocka_unit_test(attribute_that_is_not_named_is_enforced),
        cmocka_unit_test(what_is_not_one_json_text_is_an_error),
    };

    return cmocka_run_group_tests(tests, read_base, NULL);
}
