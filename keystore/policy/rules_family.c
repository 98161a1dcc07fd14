#include "keystore/policy/rules.h"

#include "lib/base/name.h"

typedef bool family_rule_fn(const struct family_record *family);

struct family_rule {
    struct rule rule;
    family_rule_fn *holds;
};

/* So that "wallet." never covers a key "wallets". */
static bool prefix_ends_a_part(const struct family_record *family)
{
    const struct ps_bytes prefix = family->prefix;

    return ps_name_valid(prefix) && prefix.len < PS_NAME_MAX &&
           memchr("._-", prefix.data[prefix.len - 1], 3) != NULL;
}

static bool prefix_is_free(const struct family_record *family)
{
    return !ps_name_reserved(family->prefix);
}

static bool keys_live_outside(const struct family_record *family)
{
    return ps_bytes_equal_str(family->key.residence, "wrapped");
}

/* What is of class A is made by people, each time. */
static bool keys_are_of_class_b(const struct family_record *family)
{
    return family->key.class == KEY_CLASS_B;
}

/* A certificate that an issuer key of ours gives by itself is of that key's class. */
static bool keys_have_no_issuer(const struct family_record *family)
{
    return family->key.rotation.certificates != KEY_CERTIFICATES_INTERNAL;
}

static const struct family_rule rules[] = {
    {{"family-reserved", "`prefix`: names that begin with \"privyseal.\" are the appliance's own"},
     prefix_is_free},
    {{"family-prefix", "`prefix`: it ends with \".\", \"-\" or \"_\", and has room for more"},
     prefix_ends_a_part},
    {{"family-residence", "`template`: the keys of a family reside wrapped"}, keys_live_outside},
    {{"family-class", "`template`: no key of class A is made without people"}, keys_are_of_class_b},
    {{"family-issuer", "`template`: no key of a family is issued certificates by itself"},
     keys_have_no_issuer},
};

const struct rule *rules_check_family(const struct family_record *family)
{
    for (size_t i = 0; i < PS_COUNT_OF(rules); i++) {
        if (!rules[i].holds(family)) {
            return &rules[i].rule;
        }
    }
    return NULL;
}
