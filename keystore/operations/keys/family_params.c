#include "keystore/operations/keys/family.h"

#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/new_key.h"
#include "keystore/policy/rules.h"

enum ps_err family_read(struct keeper *keeper, struct ps_bytes prefix, struct row *row,
                        struct family_record *ret_family)
{
    PS_TRY(row_read(keeper, CATALOG_FAMILY, prefix, row));
    return family_record_read(row->body, ret_family);
}

enum ps_err family_params_read(struct operation *op, struct family_record *ret_family)
{
    struct family_record family = {.made = 0};

    PS_TRY(document_text(op->params, "client", &family.client));
    PS_TRY(document_number(op->params, "maximum", &family.maximum));
    PS_TRY(document_text(op->params, "prefix", &family.prefix));
    PS_TRY(key_params_read(op, &family.key));
    *ret_family = family;
    return PS_OK;
}

enum ps_err family_check_rules(const struct family_record *family)
{
    const struct rule *rule = rules_check_family(family);

    if (rule != NULL) {
        return ps_fail(PS_E_DENIED, 0, "%s", rule->detail);
    }
    return new_key_check_rules(&family->key);
}

void family_lock(struct operation *op, struct ps_bytes prefix)
{
    operation_lock(op, "family", prefix);
}
