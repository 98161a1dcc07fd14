#include "keystore/operations/internal.h"

#include "lib/ceremony/operation_types.h"

#include <assert.h>

/*
 * What executes each type of operation, sorted by name. What a type is, its class and what its
 * documents hold stand in lib/ceremony/operation_types.def; under the rehearsal policy none of them
 * needs anybody.
 */
static const struct operation_type types[] = {
    {.name = "client.register",
     .grant = GRANTED_CLIENTS_MANAGE,
     .resolve = client_register_resolve,
     .check = client_register_check,
     .execute = client_register_execute,
     .describe = client_describe},
    {.name = "client.remove",
     .grant = GRANTED_CLIENTS_MANAGE,
     .resolve = client_remove_resolve,
     .check = client_remove_check,
     .execute = client_remove_execute,
     .describe = client_describe},
    {.name = "client.resume",
     .grant = GRANTED_CLIENTS_MANAGE,
     .resolve = client_state_resolve,
     .check = client_state_check,
     .execute = client_state_execute,
     .describe = client_describe},
    {.name = "client.suspend",
     .grant = GRANTED_CLIENTS_MANAGE,
     .resolve = client_state_resolve,
     .check = client_state_check,
     .execute = client_state_execute,
     .describe = client_describe},
    {.name = "genesis",
     .grant = GRANTED_NONE,
     .before_genesis = true,
     .needs_token = true,
     .resolve = genesis_resolve,
     .check = genesis_check,
     .execute = genesis_execute,
     .describe = genesis_describe},
    {.name = "grant.add",
     .grant = GRANTED_GRANTS_MANAGE,
     .resolve = grant_add_resolve,
     .check = grant_add_check,
     .execute = grant_add_execute,
     .describe = grant_describe},
    {.name = "grant.revoke",
     .grant = GRANTED_GRANTS_MANAGE,
     .resolve = grant_revoke_resolve,
     .check = grant_revoke_check,
     .execute = grant_revoke_execute,
     .describe = grant_describe},
    {.name = "key.activate",
     .grant = GRANTED_KEYS_STATE,
     .resolve = key_state_resolve,
     .check = key_state_check,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "key.compromise",
     .grant = GRANTED_KEYS_STATE,
     .narrows = true,
     .resolve = key_state_resolve,
     .check = key_state_check,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "key.create",
     .grant = GRANTED_KEYS_CREATE,
     .needs_token = true,
     .resolve = key_create_resolve,
     .check = key_create_check,
     .execute = key_create_execute,
     .settle = key_create_settle,
     .describe = key_describe},
    {.name = "key.deactivate",
     .grant = GRANTED_KEYS_STATE,
     .narrows = true,
     .resolve = key_state_resolve,
     .check = key_state_check,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "key.destroy",
     .grant = GRANTED_KEYS_DESTROY,
     .narrows = true,
     .needs_token = true,
     .resolve = key_destroy_resolve,
     .check = key_destroy_check,
     .execute = key_destroy_execute,
     .settle = key_destroy_settle,
     .describe = key_describe},
    {.name = "key.resume",
     .grant = GRANTED_KEYS_STATE,
     .resolve = key_state_resolve,
     .check = key_state_check,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "key.rotate",
     .grant = GRANTED_KEYS_ROTATE,
     .needs_token = true,
     .resolve = key_rotate_resolve,
     .check = key_rotate_check,
     .execute = key_rotate_execute,
     .settle = key_rotate_settle,
     .describe = key_describe},
    {.name = "key.suspend",
     .grant = GRANTED_KEYS_STATE,
     .narrows = true,
     .resolve = key_state_resolve,
     .check = key_state_check,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "set.put",
     .grant = GRANTED_SETS_MANAGE,
     .resolve = set_put_resolve,
     .check = set_put_check,
     .execute = set_put_execute,
     .describe = set_describe},
    {.name = "set.remove",
     .grant = GRANTED_SETS_MANAGE,
     .resolve = set_remove_resolve,
     .check = set_remove_check,
     .execute = set_remove_execute,
     .describe = set_describe},
    {.name = "token.approve",
     .grant = GRANTED_TOKENS_MANAGE,
     .resolve = token_approve_resolve,
     .check = token_approve_check,
     .execute = token_approve_execute,
     .describe = token_approve_describe},
};

const struct operation_type *operation_type_find(struct ps_bytes name)
{
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        if (ps_bytes_equal_str(name, types[i].name)) {
            return &types[i];
        }
    }
    return NULL;
}

char operation_type_class(const struct operation_type *type)
{
    const struct operation_type_info *info = operation_type_info_find(ps_bytes_str(type->name));

    assert(info != NULL);
    return info->class;
}

bool operations_type_at(size_t index, struct operation_type_view *ret_view)
{
    const struct granted_op_info *grant;

    if (index >= PS_COUNT_OF(types)) {
        return false;
    }
    grant = granted_op_info(types[index].grant);
    *ret_view = (struct operation_type_view){.name = types[index].name,
                                             .class = operation_type_class(&types[index]),
                                             .grant = grant == NULL ? "" : grant->name};
    return true;
}
