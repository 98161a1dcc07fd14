#include "operation.h"

#include <openssl/evp.h>

static void drop_contexts(struct operation *operation)
{
    EVP_PKEY_CTX_free(operation->pkey_context);
    ecdsa_free(operation->ecdsa);
    EVP_MD_CTX_free(operation->digest);
    EVP_MAC_CTX_free(operation->mac);
    operation->pkey_context = NULL;
    operation->ecdsa = NULL;
    operation->digest = NULL;
    operation->mac = NULL;
}

void operation_end(struct operation *operation)
{
    atomic_store(&operation->active, false);
    operation->in_parts = false;
    operation->authenticated = false;
}

void operation_clear(struct operation *operation)
{
    operation_end(operation);
    drop_contexts(operation);
    object_release(operation->key);
    operation->key = NULL;
    atomic_store(&operation->mechanism, NULL);
    parameters_clear(&operation->parameters);
}
