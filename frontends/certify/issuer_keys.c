#include "frontends/certify/issuer_keys.h"

#include "frontends/certify/appliance.h"
#include "frontends/certify/did.h"
#include "lib/base/map.h"
#include "lib/base/name.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct issuer_keys {
    pthread_mutex_t mutex;
    struct ps_map *by_name; /* of struct remembered */
};

struct remembered {
    char name[PS_NAME_MAX + 1];
    struct issuer_key key;
};

enum ps_err issuer_keys_new(struct issuer_keys **ret_keys)
{
    struct issuer_keys *keys = calloc(1, sizeof *keys);
    enum ps_err err;

    if (keys == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = ps_map_new(&keys->by_name);
    if (err != PS_OK) {
        free(keys);
        return err;
    }
    (void)pthread_mutex_init(&keys->mutex, NULL);
    *ret_keys = keys;
    return PS_OK;
}

void issuer_keys_free(struct issuer_keys *keys)
{
    if (keys != NULL) {
        ps_map_free(keys->by_name, free);
        (void)pthread_mutex_destroy(&keys->mutex);
        free(keys);
    }
}

bool issuer_keys_find(struct issuer_keys *keys, const char *name, struct issuer_key *ret_key)
{
    const struct remembered *found;

    (void)pthread_mutex_lock(&keys->mutex);
    found = ps_map_get(keys->by_name, ps_bytes_str(name));
    if (found != NULL) {
        *ret_key = found->key;
    }
    (void)pthread_mutex_unlock(&keys->mutex);
    return found != NULL;
}

/* With the mutex. */
static enum ps_err put(struct issuer_keys *keys, const char *name, const struct issuer_key *key)
{
    struct remembered *found = ps_map_get(keys->by_name, ps_bytes_str(name));
    enum ps_err err;

    if (found != NULL) {
        found->key = *key;
        return PS_OK;
    }
    found = calloc(1, sizeof *found);
    if (found == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)snprintf(found->name, sizeof found->name, "%s", name);
    found->key = *key;
    err = ps_map_add(keys->by_name, ps_bytes_str(found->name), found);
    if (err != PS_OK) {
        free(found);
    }
    return err;
}

static enum ps_err read_key(struct ps_bytes jwk, struct issuer_key *key)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *public_key = NULL;
    PS_BUF_AUTO multikey = {.max = ISSUER_KEY_MULTIKEY_MAX};

    PS_TRY(public_key_from_jwk(jwk, &public_key));
    PS_TRY(did_put_multikey(public_key, &multikey));
    ps_buf_put_u8(&multikey, '\0');
    PS_TRY(ps_buf_status(&multikey));
    memcpy(key->multikey, multikey.data, multikey.len);
    memcpy(key->kid, public_key_kid(public_key).data, PUBLIC_KEY_KID_LEN);
    key->kid[PUBLIC_KEY_KID_LEN] = '\0';
    return PS_OK;
}

static enum ps_err ask(struct privyseal *client, const char *name, struct issuer_key *key)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.body = NULL};
    char path[PS_NAME_MAX + 32];
    const struct privyseal_request request = {.method = "GET", .path = path};
    enum privyseal_result result;

    (void)snprintf(path, sizeof path, "/v1/keys/%s/public", name);
    result = privyseal_call(client, &request, &answer);
    if (result != PRIVYSEAL_OK) {
        return appliance_failed(client, result, &answer);
    }
    return read_key(ps_bytes(answer.body, answer.body_len), key);
}

enum ps_err issuer_keys_read(struct issuer_keys *keys, struct privyseal *client, const char *name,
                             struct issuer_key *ret_key)
{
    struct issuer_key key = {.kid = ""};
    enum ps_err err = ask(client, name, &key);

    if (err != PS_OK) {
        return err == PS_E_INPUT || err == PS_E_LIMIT ? PS_E_INTERNAL : err;
    }
    (void)pthread_mutex_lock(&keys->mutex);
    err = put(keys, name, &key);
    (void)pthread_mutex_unlock(&keys->mutex);
    if (err == PS_OK) {
        *ret_key = key;
    }
    return err;
}
