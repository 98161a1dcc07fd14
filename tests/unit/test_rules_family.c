#include "keystore/policy/rules.h"

#include "lib/base/name.h"
#include "tests/unit/support.h"

/* What a family of keys must be, besides what its keys must be. */

static struct family_record good(void)
{
    return (struct family_record){
        .prefix = ps_bytes_str("wallet."),
        .key = {.residence = ps_bytes_str("wrapped"), .class = KEY_CLASS_B},
    };
}

static void assert_broken(const struct family_record *family, const char *expected)
{
    const struct rule *broken = rules_check_family(family);

    assert_string_equal(broken == NULL ? "" : broken->name, expected);
    assert_true(broken == NULL || strlen(broken->detail) > 20);
}

static void prefix_ends_a_part_of_a_name(void **state)
{
    static const struct {
        const char *prefix;
        const char *rule;
    } cases[] = {
        {"wallet.", ""},
        {"wallet-", ""},
        {"wallet_", ""},
        {"wallet", "family-prefix"},
        {"", "family-prefix"},
        {".", "family-prefix"},
        {"Wallet.", "family-prefix"},
        {"privyseal.wallet.", "family-reserved"},
        {"privyseal.", "family-reserved"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        struct family_record family = good();

        family.prefix = ps_bytes_str(cases[i].prefix);
        assert_broken(&family, cases[i].rule);
    }
}

static void prefix_has_room_for_more(void **state)
{
    char longest[PS_NAME_MAX];
    struct family_record family = good();

    (void)state;
    memset(longest, 'a', sizeof longest);
    longest[PS_NAME_MAX - 2] = longest[PS_NAME_MAX - 1] = '.';
    family.prefix = ps_bytes(longest, PS_NAME_MAX - 1);
    assert_broken(&family, "");
    longest[PS_NAME_MAX - 2] = 'a';
    family.prefix = ps_bytes(longest, PS_NAME_MAX);
    assert_broken(&family, "family-prefix");
}

static void its_keys_are_made_without_people(void **state)
{
    struct family_record family = good();

    (void)state;
    assert_broken(&family, "");
    family.key.residence = ps_bytes_str("token");
    assert_broken(&family, "family-residence");
    family = good();
    family.key.class = KEY_CLASS_A;
    assert_broken(&family, "family-class");
    family = good();
    family.key.rotation.certificates = KEY_CERTIFICATES_INTERNAL;
    assert_broken(&family, "family-issuer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_ends_a_part_of_a_name),
        cmocka_unit_test(prefix_has_room_for_more),
        cmocka_unit_test(its_keys_are_made_without_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
