#include "keystore/gate/nonces.h"

#include "lib/base/encode.h"

#include <stdlib.h>

struct nonce {
    uint8_t octets[OPERATION_NONCE_LEN];
    bool is_there;
};

struct nonces {
    struct nonce *places; /* a power of two of them */
    size_t size;
    size_t count;
};

enum { FIRST_SIZE = 256 };

enum ps_err nonces_new(struct nonces **ret_nonces)
{
    struct nonces *nonces = calloc(1, sizeof *nonces);

    if (nonces != NULL) {
        nonces->places = calloc(FIRST_SIZE, sizeof *nonces->places);
    }
    if (nonces == NULL || nonces->places == NULL) {
        free(nonces);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    nonces->size = FIRST_SIZE;
    *ret_nonces = nonces;
    return PS_OK;
}

void nonces_free(struct nonces *nonces)
{
    if (nonces != NULL) {
        free(nonces->places);
        free(nonces);
    }
}

/* Where it is or would go. They are random: some of their octets tell where to look. */
static struct nonce *find(struct nonce *places, size_t size, const uint8_t *octets)
{
    size_t at;

    memcpy(&at, octets, sizeof at);
    at &= size - 1;
    while (places[at].is_there && memcmp(places[at].octets, octets, OPERATION_NONCE_LEN) != 0) {
        at = (at + 1) & (size - 1);
    }
    return &places[at];
}

static enum ps_err grow(struct nonces *nonces)
{
    struct nonce *places = calloc(nonces->size * 2, sizeof *places);

    if (places == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < nonces->size; i++) {
        if (nonces->places[i].is_there) {
            *find(places, nonces->size * 2, nonces->places[i].octets) = nonces->places[i];
        }
    }
    free(nonces->places);
    nonces->places = places;
    nonces->size *= 2;
    return PS_OK;
}

static enum ps_err add(struct nonces *nonces, struct ps_bytes octets)
{
    struct nonce *place;

    if (octets.len != OPERATION_NONCE_LEN) {
        return ps_fail(PS_E_INPUT, 0, "a nonce of %zu octets", octets.len);
    }
    if (nonces->count * 4 >= nonces->size * 3) {
        PS_TRY(grow(nonces));
    }
    place = find(nonces->places, nonces->size, octets.data);
    if (place->is_there) {
        return ps_fail(PS_E_CONFLICT, 0, "its nonce was given out before");
    }
    memcpy(place->octets, octets.data, OPERATION_NONCE_LEN);
    place->is_there = true;
    nonces->count++;
    return PS_OK;
}

enum ps_err nonces_add(struct nonces *nonces, struct ps_bytes hex)
{
    PS_BUF_AUTO octets = {.max = OPERATION_NONCE_LEN};

    PS_TRY(ps_hex_decode(hex, &octets));
    return add(nonces, ps_buf_bytes(&octets));
}

void nonces_save(const struct nonces *nonces, struct ps_buf *out)
{
    ps_buf_put_u32(out, (uint32_t)nonces->count);
    for (size_t i = 0; i < nonces->size; i++) {
        if (nonces->places[i].is_there) {
            ps_buf_put(out, ps_bytes(nonces->places[i].octets, OPERATION_NONCE_LEN));
        }
    }
}

enum ps_err nonces_resume(struct nonces *nonces, struct ps_reader *reader)
{
    const uint32_t count = ps_reader_u32(reader);

    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        PS_TRY(add(nonces, ps_reader_take(reader, OPERATION_NONCE_LEN)));
    }
    return PS_OK;
}
