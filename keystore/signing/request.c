#include "keystore/signing/internal.h"

#include "keystore/keys/key_cache.h"
#include "lib/base/hash.h"
#include "lib/base/secret.h"

#include <assert.h>
#include <stdlib.h>

/* More than that is not kept between requests: most are a few hundred octets. */
#define KEEP_OCTETS   2048u
#define KEEP_REQUESTS 1024u
#define REQUESTS_MAX  65536u
#define INPUT_MAX     (2u * 1024u * 1024u)

enum ps_err sign_request_new(struct signer *signer, struct sign_request **ret_request)
{
    struct sign_request *request = signer->free;

    if (signer->count >= REQUESTS_MAX) {
        return ps_fail(PS_E_BUSY, 0, "%zu requests are being worked on", signer->count);
    }
    if (request != NULL) {
        signer->free = request->next;
        signer->free_count--;
    } else {
        request = calloc(1, sizeof *request);
        if (request == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        request->signer = signer;
        /* What was signed may be about a person, what was decrypted a secret. */
        request->input = PS_BUF_SECRET(INPUT_MAX);
        request->payload = PS_BUF_SECRET(INPUT_MAX);
        request->associated = PS_BUF_SECRET(INPUT_MAX);
    }
    request->step = STEP_ADMITTED;
    request->key = NULL;
    request->attempts = 0;
    request->avoid = NULL;
    request->sends_record = false;
    request->header_len = 0;
    request->unprotected_len = 0;
    request->digest_len = 0;
    request->signature_len = 0;
    request->serial_len = 0;
    request->wants_der = false;
    request->is_spoilt = false;
    request->previous = signer->newest;
    request->next = NULL;
    if (signer->newest != NULL) {
        signer->newest->next = request;
    } else {
        signer->oldest = request;
    }
    signer->newest = request;
    signer->count++;
    signer->begun++;
    *ret_request = request;
    return PS_OK;
}

static void unlink_request(struct sign_request *request)
{
    struct signer *signer = request->signer;

    if (request->previous != NULL) {
        request->previous->next = request->next;
    } else {
        signer->oldest = request->next;
    }
    if (request->next != NULL) {
        request->next->previous = request->previous;
    } else {
        signer->newest = request->previous;
    }
    signer->count--;
}

static void shed(struct ps_buf *buf)
{
    if (buf->cap > KEEP_OCTETS) {
        ps_buf_clear(buf);
    } else {
        ps_buf_reset(buf);
    }
}

static void destroy(struct sign_request *request)
{
    ps_buf_clear(&request->input);
    ps_buf_clear(&request->payload);
    ps_buf_clear(&request->associated);
    free(request);
}

void sign_request_free(struct sign_request *request)
{
    struct signer *signer = request->signer;

    assert(request->step != STEP_FREE);
    if (request->key != NULL) {
        key_unpin(request->key);
    }
    unlink_request(request);
    signer->octets -= request->octets;
    request->octets = 0;
    shed(&request->input);
    shed(&request->payload);
    shed(&request->associated);
    ps_wipe(request->signature, sizeof request->signature);
    request->step = STEP_FREE;
    if (signer->free_count >= KEEP_REQUESTS) {
        destroy(request);
        return;
    }
    request->next = signer->free;
    signer->free = request;
    signer->free_count++;
}

struct ps_bytes sign_request_id_of(const struct sign_request *request)
{
    return ps_bytes(request->request_id, request->request_id_len);
}

void sign_requests_free_spare(struct signer *signer)
{
    while (signer->oldest != NULL) {
        sign_request_free(signer->oldest);
    }
    while (signer->free != NULL) {
        struct sign_request *request = signer->free;

        signer->free = request->next;
        destroy(request);
    }
}

void signer_random(struct signer *signer, void *out, size_t len)
{
    assert(len <= RANDOM_OCTETS);
    if (signer->random_used + len > RANDOM_OCTETS) {
        ps_random(signer->random, RANDOM_OCTETS);
        signer->random_used = 0;
    }
    memcpy(out, signer->random + signer->random_used, len);
    signer->random_used += len;
}
