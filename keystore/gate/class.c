#include "keystore/gate/class.h"

#include "lib/ceremony/operation/keys.h"

/* Only a key of class A raises what is done to it: else nobody alone could suspend any key. */
static enum policy_class of_key(enum key_class class)
{
    return class == KEY_CLASS_A ? POLICY_A : POLICY_NOBODY;
}

/* A name that no key has yet is touched as what its document says, unless it is the appliance's. */
static enum policy_class of_name(const struct keys *keys, struct ps_bytes name)
{
    const struct key *key = keys_find(keys, name);

    if (ps_name_reserved(name)) {
        return POLICY_A;
    }
    return key == NULL ? POLICY_NOBODY : of_key(key->class);
}

static enum policy_class of_touched(const struct keys *keys,
                                    const struct operation_document *document)
{
    struct operation_keys names = operation_keys(document->type, document->params);
    enum policy_class class = POLICY_NOBODY;
    struct ps_bytes pattern;
    struct ps_bytes name;

    while (operation_keys_next(&names, &name)) {
        class = policy_class_highest(class, of_name(keys, name));
    }
    if (strcmp(document->type->name, "grant.add") == 0 &&
        operation_document_text(document, "keys", &pattern) == PS_OK) {
        class = policy_class_highest(class, of_key(keys_class_of(keys, pattern)));
    }
    return class;
}

enum policy_class gate_class_of(const struct keys *keys, const struct operation_document *document)
{
    const char letter = document->class;
    const enum policy_class own =
        letter == OPERATION_CLASS_NONE ? POLICY_NOBODY : policy_class_by_name(ps_bytes(&letter, 1));

    return policy_class_highest(own, of_touched(keys, document));
}
