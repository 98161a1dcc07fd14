#include "keystore/operations/internal.h"

/*
 * Every type of operation, sorted by name. Classes are those of ceremonies.md; under the rehearsal
 * policy none of them needs anybody.
 */
static const struct operation_type types[] = {
    {.name = "client.register",
     .class = 'B',
     .grant = GRANTED_CLIENTS_MANAGE,
     .resolve = client_register_resolve,
     .execute = client_register_execute,
     .describe = client_describe},
    {.name = "client.remove",
     .class = 'B',
     .grant = GRANTED_CLIENTS_MANAGE,
     .resolve = client_remove_resolve,
     .execute = client_remove_execute,
     .describe = client_describe},
    {.name = "client.resume",
     .class = 'B',
     .grant = GRANTED_CLIENTS_MANAGE,
     .resolve = client_state_resolve,
     .execute = client_state_execute,
     .describe = client_describe},
    {.name = "client.suspend",
     .class = 'C',
     .grant = GRANTED_CLIENTS_MANAGE,
     .resolve = client_state_resolve,
     .execute = client_state_execute,
     .describe = client_describe},
    {.name = "genesis",
     .class = 'A',
     .grant = GRANTED_NONE,
     .before_genesis = true,
     .needs_token = true,
     .resolve = genesis_resolve,
     .execute = genesis_execute,
     .describe = genesis_describe},
    {.name = "grant.add",
     .class = 'B',
     .grant = GRANTED_GRANTS_MANAGE,
     .resolve = grant_add_resolve,
     .execute = grant_add_execute,
     .describe = grant_describe},
    {.name = "grant.revoke",
     .class = 'B',
     .grant = GRANTED_GRANTS_MANAGE,
     .resolve = grant_revoke_resolve,
     .execute = grant_revoke_execute,
     .describe = grant_describe},
    {.name = "key.activate",
     .class = 'B',
     .grant = GRANTED_KEYS_STATE,
     .resolve = key_state_resolve,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "key.compromise",
     .class = 'A',
     .grant = GRANTED_KEYS_STATE,
     .narrows = true,
     .resolve = key_state_resolve,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "key.create",
     .class = 'B',
     .grant = GRANTED_KEYS_CREATE,
     .needs_token = true,
     .resolve = key_create_resolve,
     .execute = key_create_execute,
     .settle = key_create_settle,
     .describe = key_describe},
    {.name = "key.deactivate",
     .class = 'B',
     .grant = GRANTED_KEYS_STATE,
     .narrows = true,
     .resolve = key_state_resolve,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "key.destroy",
     .class = 'A',
     .grant = GRANTED_KEYS_DESTROY,
     .narrows = true,
     .needs_token = true,
     .resolve = key_destroy_resolve,
     .execute = key_destroy_execute,
     .settle = key_destroy_settle,
     .describe = key_describe},
    {.name = "key.resume",
     .class = 'B',
     .grant = GRANTED_KEYS_STATE,
     .resolve = key_state_resolve,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "key.rotate",
     .class = 'B',
     .grant = GRANTED_KEYS_ROTATE,
     .needs_token = true,
     .resolve = key_rotate_resolve,
     .execute = key_rotate_execute,
     .settle = key_rotate_settle,
     .describe = key_describe},
    {.name = "key.suspend",
     .class = 'C',
     .grant = GRANTED_KEYS_STATE,
     .narrows = true,
     .resolve = key_state_resolve,
     .execute = key_state_execute,
     .describe = key_describe},
    {.name = "set.put",
     .class = 'B',
     .grant = GRANTED_SETS_MANAGE,
     .resolve = set_put_resolve,
     .execute = set_put_execute,
     .describe = set_describe},
    {.name = "set.remove",
     .class = 'B',
     .grant = GRANTED_SETS_MANAGE,
     .resolve = set_remove_resolve,
     .execute = set_remove_execute,
     .describe = set_describe},
    {.name = "token.approve",
     .class = 'A',
     .grant = GRANTED_TOKENS_MANAGE,
     .resolve = token_approve_resolve,
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

bool operations_type_at(size_t index, struct operation_type_view *ret_view)
{
    const struct granted_op_info *grant;

    if (index >= PS_COUNT_OF(types)) {
        return false;
    }
    grant = granted_op_info(types[index].grant);
    *ret_view = (struct operation_type_view){.name = types[index].name,
                                             .class = types[index].class,
                                             .grant = grant == NULL ? "" : grant->name};
    return true;
}
