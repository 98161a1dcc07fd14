#ifndef KEYSTORE_POLICY_ACCESS_RULES_H
#define KEYSTORE_POLICY_ACCESS_RULES_H

/* Why a caller is known or not, and why it may or may not: the rows of access_rules.def. */
enum access_rule {
#define RULE(id, name, text) ACCESS_RULE_##id,
#include "keystore/policy/access_rules.def"
#undef RULE
    ACCESS_RULE_COUNT
};

struct access_rule_info {
    const char *name; /* "other-key" */
    const char *text; /* a sentence's worth, for people */
};

const struct access_rule_info *access_rule_info(enum access_rule rule);

#endif
