#include "keystore/callers/client_nonces.h"

#include "lib/base/hash.h"

#include <stdlib.h>

struct client_nonce {
    char client[PS_NAME_MAX + 1]; /* "": free */
    uint8_t octets[CLIENT_NONCE_LEN];
    uint64_t ends_s;
    uint64_t number; /* rising: the least is the oldest */
};

struct client_nonces {
    struct client_nonce all[CLIENT_NONCES_MAX];
    uint64_t given;
};

enum ps_err client_nonces_new(struct client_nonces **ret_nonces)
{
    *ret_nonces = calloc(1, sizeof **ret_nonces);
    return *ret_nonces != NULL ? PS_OK : ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
}

void client_nonces_free(struct client_nonces *nonces)
{
    free(nonces);
}

static bool is_alive(const struct client_nonce *nonce, uint64_t mono_s)
{
    return nonce->client[0] != 0 && mono_s < nonce->ends_s;
}

/* The place of the client's oldest one when it has as many as it may; else a free one, or NULL. */
static struct client_nonce *place_for(struct client_nonces *nonces, struct ps_bytes client,
                                      uint64_t mono_s)
{
    struct client_nonce *oldest = NULL;
    struct client_nonce *free_one = NULL;
    unsigned count = 0;

    for (size_t i = 0; i < CLIENT_NONCES_MAX; i++) {
        struct client_nonce *nonce = &nonces->all[i];

        if (!is_alive(nonce, mono_s)) {
            free_one = nonce;
        } else if (ps_bytes_equal_str(client, nonce->client)) {
            count++;
            oldest = oldest == NULL || nonce->number < oldest->number ? nonce : oldest;
        }
    }
    return count >= CLIENT_NONCES_EACH ? oldest : free_one;
}

enum ps_err client_nonces_give(struct client_nonces *nonces, struct ps_bytes client,
                               uint64_t mono_s, uint8_t ret_nonce[CLIENT_NONCE_LEN])
{
    struct client_nonce *nonce = place_for(nonces, client, mono_s);

    if (client.len == 0 || client.len >= sizeof nonce->client) {
        return ps_fail(PS_E_INPUT, 0, "no name of a client");
    }
    if (nonce == NULL) {
        return ps_fail(PS_E_BUSY, 0, "too many clients are about to add a certificate");
    }
    memcpy(nonce->client, client.data, client.len);
    nonce->client[client.len] = 0;
    nonce->number = ++nonces->given;
    nonce->ends_s = mono_s + CLIENT_NONCE_LIVE_S;
    ps_random(nonce->octets, sizeof nonce->octets);
    memcpy(ret_nonce, nonce->octets, sizeof nonce->octets);
    return PS_OK;
}

bool client_nonces_has(const struct client_nonces *nonces, struct ps_bytes client,
                       const uint8_t nonce[CLIENT_NONCE_LEN], uint64_t mono_s)
{
    for (size_t i = 0; i < CLIENT_NONCES_MAX; i++) {
        const struct client_nonce *one = &nonces->all[i];

        if (is_alive(one, mono_s) && memcmp(one->octets, nonce, CLIENT_NONCE_LEN) == 0) {
            return ps_bytes_equal_str(client, one->client);
        }
    }
    return false;
}

void client_nonces_use(struct client_nonces *nonces, const uint8_t nonce[CLIENT_NONCE_LEN])
{
    for (size_t i = 0; i < CLIENT_NONCES_MAX; i++) {
        if (memcmp(nonces->all[i].octets, nonce, CLIENT_NONCE_LEN) == 0) {
            nonces->all[i].client[0] = 0;
        }
    }
}
