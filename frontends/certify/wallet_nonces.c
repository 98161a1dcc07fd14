#include "frontends/certify/wallet_nonces.h"

#include "frontends/shared/shares.h"
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

/* Seconds, each with what ends in it; more than the longest life of a nonce. */
#define SECONDS (WALLET_NONCES_LIFE_MAX_S + 1)

/* A used one, by the hash of its text; in the list of the second in which it ends. */
struct used {
    uint8_t hash[PS_SHA256_LEN];
    uint8_t whose[SHARES_NAME_LEN];
    uint64_t end_s;
    struct used *before;
    struct used *after;
};

struct wallet_nonces {
    uint8_t key[PS_SHA256_LEN];
    uint64_t ttl_s;
    uint64_t since_s;
    struct ps_map *used;
    struct shares *shares;
    uint64_t swept_s; /* what ended until then is forgotten */
    struct used *ending[SECONDS];
};

enum ps_err wallet_nonces_new(uint64_t ttl_s, uint64_t now_s, struct wallet_nonces **ret_nonces)
{
    PS_CLEANUP(wallet_nonces_free_cleanup) struct wallet_nonces *nonces = calloc(1, sizeof *nonces);

    if (nonces == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    nonces->ttl_s = ttl_s;
    nonces->since_s = now_s;
    nonces->swept_s = now_s;
    ps_random(nonces->key, sizeof nonces->key);
    PS_TRY(ps_map_new(&nonces->used));
    PS_TRY(shares_new(&nonces->shares));
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
        shares_free(nonces->shares);
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

static struct used **list_of(struct wallet_nonces *nonces, uint64_t end_s)
{
    return &nonces->ending[end_s % SECONDS];
}

static void forget(struct wallet_nonces *nonces, struct used *used)
{
    (void)ps_map_remove(nonces->used, ps_bytes(used->hash, sizeof used->hash));
    *(used->before == NULL ? list_of(nonces, used->end_s) : &used->before->after) = used->after;
    if (used->after != NULL) {
        used->after->before = used->before;
    }
    shares_leave(nonces->shares, used->whose);
    free(used);
}

/* However far the clock has gone, each second's list is looked at once. */
static void forget_ended(struct wallet_nonces *nonces, uint64_t now_s)
{
    for (unsigned i = 0; i < SECONDS && nonces->swept_s < now_s; i++) {
        nonces->swept_s++;
        while (*list_of(nonces, nonces->swept_s) != NULL) {
            forget(nonces, *list_of(nonces, nonces->swept_s));
        }
    }
    nonces->swept_s = nonces->swept_s < now_s ? now_s : nonces->swept_s;
}

static enum ps_err add(struct wallet_nonces *nonces, struct ps_bytes nonce, uint64_t end_s,
                       const uint8_t whose[SHARES_NAME_LEN])
{
    struct used *used = calloc(1, sizeof *used);
    struct used **first = list_of(nonces, end_s);
    enum ps_err err;

    if (used == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_sha256(nonce, used->hash);
    err = ps_map_add(nonces->used, ps_bytes(used->hash, sizeof used->hash), used);
    if (err != PS_OK) {
        free(used);
        return err;
    }
    used->end_s = end_s;
    memcpy(used->whose, whose, sizeof used->whose);
    used->after = *first;
    if (used->after != NULL) {
        used->after->before = used;
    }
    *first = used;
    return PS_OK;
}

enum ps_err wallet_nonces_use(struct wallet_nonces *nonces, const struct wallet_nonce *nonce,
                              uint64_t now_s)
{
    uint8_t whose[PS_SHA256_LEN];
    uint64_t end_s;
    enum ps_err err;

    forget_ended(nonces, now_s);
    /* A clock that was set back finds its seconds looked at already. */
    end_s = nonce->until_s > nonces->swept_s ? nonce->until_s : nonces->swept_s + 1;
    if (end_s - nonces->swept_s > WALLET_NONCES_LIFE_MAX_S) {
        return ps_fail(PS_E_INTERNAL, 0, "a nonce that ends too late to be kept");
    }
    if (ps_map_count(nonces->used) >= WALLET_NONCES_USED_MAX) {
        return ps_fail(PS_E_BUSY, 0, "too many nonces are kept");
    }
    ps_sha256(nonce->whose, whose);
    PS_TRY(shares_take(nonces->shares, whose, WALLET_NONCES_SHARE_MAX));
    err = add(nonces, nonce->text, end_s, whose);
    if (err != PS_OK) {
        shares_leave(nonces->shares, whose);
    }
    return err;
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
