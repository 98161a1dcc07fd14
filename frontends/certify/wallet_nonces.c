#include "frontends/certify/wallet_nonces.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/base/map.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* When it ends, what makes it another than all others, and the MAC of both. */
#define UNTIL_LEN  8u
#define RANDOM_LEN 16u
#define SAID_LEN   (UNTIL_LEN + RANDOM_LEN)
#define MAC_LEN    24u
#define OCTETS_LEN (SAID_LEN + MAC_LEN)

/* A used one, by the hash of its text. They stand in the list by when they were used. */
struct used {
    uint8_t hash[PS_SHA256_LEN];
    uint64_t until_s;
    struct used *older;
    struct used *newer;
};

struct wallet_nonces {
    uint8_t key[PS_SHA256_LEN];
    uint64_t ttl_s;
    uint64_t since_s;
    struct ps_map *used;
    struct used *oldest;
    struct used *newest;
};

enum ps_err wallet_nonces_new(uint64_t ttl_s, uint64_t now_s, struct wallet_nonces **ret_nonces)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = calloc(1, sizeof *nonces);

    if (nonces == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    nonces->ttl_s = ttl_s;
    nonces->since_s = now_s;
    ps_random(nonces->key, sizeof nonces->key);
    PS_TRY(ps_map_new(&nonces->used));
    *ret_nonces = nonces;
    nonces = NULL;
    return PS_OK;
}

void wallet_nonces_free(struct wallet_nonces *nonces)
{
    if (nonces != NULL) {
        if (nonces->used != NULL) {
            ps_map_free(nonces->used, free);
        }
        OPENSSL_cleanse(nonces->key, sizeof nonces->key);
        free(nonces);
    }
}

static void put_mac(const struct wallet_nonces *nonces, const uint8_t said[SAID_LEN],
                    uint8_t mac[MAC_LEN])
{
    uint8_t whole[PS_SHA256_LEN];
    size_t len = 0;

    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, nonces->key, sizeof nonces->key, said,
                  SAID_LEN, whole, sizeof whole, &len) == NULL) {
        abort(); /* as where nothing can be hashed */
    }
    memcpy(mac, whole, MAC_LEN);
}

void wallet_nonces_put_new(struct wallet_nonces *nonces, uint64_t now_s, struct ps_buf *out)
{
    uint8_t octets[OCTETS_LEN];
    const uint64_t until_s = now_s + nonces->ttl_s;

    for (unsigned i = 0; i < UNTIL_LEN; i++) {
        octets[i] = (uint8_t)(until_s >> (56 - 8 * i));
    }
    ps_random(octets + UNTIL_LEN, RANDOM_LEN);
    put_mac(nonces, octets, octets + SAID_LEN);
    ps_buf_put_base64url(out, ps_bytes(octets, sizeof octets));
}

bool wallet_nonces_is_ours(const struct wallet_nonces *nonces, struct ps_bytes nonce,
                           uint64_t now_s, uint64_t *ret_until_s)
{
    uint8_t memory[OCTETS_LEN];
    struct ps_buf octets = {.data = memory, .cap = sizeof memory, .max = sizeof memory};
    uint8_t mac[MAC_LEN];
    uint64_t until_s = 0;

    if (nonce.len != WALLET_NONCES_TEXT_LEN || ps_base64url_decode(nonce, &octets) != PS_OK) {
        return false;
    }
    put_mac(nonces, memory, mac);
    if (!ps_bytes_equal_secret(ps_bytes(mac, MAC_LEN), ps_bytes(memory + SAID_LEN, MAC_LEN))) {
        return false;
    }
    for (unsigned i = 0; i < UNTIL_LEN; i++) {
        until_s = until_s << 8 | memory[i];
    }
    *ret_until_s = until_s;
    return now_s < until_s;
}

bool wallet_nonces_remember(const struct wallet_nonces *nonces, uint64_t since_s)
{
    return since_s >= nonces->since_s;
}

static void forget(struct wallet_nonces *nonces, struct used *used)
{
    (void)ps_map_remove(nonces->used, ps_bytes(used->hash, sizeof used->hash));
    *(used->older == NULL ? &nonces->oldest : &used->older->newer) = used->newer;
    *(used->newer == NULL ? &nonces->newest : &used->newer->older) = used->older;
    free(used);
}

/* One that ends late keeps those behind it a little longer, which harms nobody. */
static void forget_ended(struct wallet_nonces *nonces, uint64_t now_s)
{
    while (nonces->oldest != NULL && nonces->oldest->until_s <= now_s) {
        forget(nonces, nonces->oldest);
    }
}

static void append(struct wallet_nonces *nonces, struct used *used)
{
    used->older = nonces->newest;
    *(nonces->newest == NULL ? &nonces->oldest : &nonces->newest->newer) = used;
    nonces->newest = used;
}

enum ps_err wallet_nonces_use(struct wallet_nonces *nonces, struct ps_bytes nonce, uint64_t until_s,
                              uint64_t now_s)
{
    struct used *used;
    enum ps_err err;

    forget_ended(nonces, now_s);
    if (ps_map_count(nonces->used) >= WALLET_NONCES_USED_MAX) {
        return ps_fail(PS_E_BUSY, 0, "too many nonces are kept");
    }
    used = calloc(1, sizeof *used);
    if (used == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_sha256(nonce, used->hash);
    used->until_s = until_s;
    err = ps_map_add(nonces->used, ps_bytes(used->hash, sizeof used->hash), used);
    if (err != PS_OK) {
        free(used);
        return err;
    }
    append(nonces, used);
    return PS_OK;
}

void wallet_nonces_give_back(struct wallet_nonces *nonces, struct ps_bytes nonce)
{
    uint8_t hash[PS_SHA256_LEN];
    struct used *used;

    ps_sha256(nonce, hash);
    used = ps_map_get(nonces->used, ps_bytes(hash, sizeof hash));
    if (used != NULL) {
        forget(nonces, used);
    }
}
