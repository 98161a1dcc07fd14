#include "keystore/certificates/tls_certificates.h"

#include "lib/base/map.h"

#include <stdlib.h>

enum { LISTENER_OF_CLIENTS, LISTENER_OF_MANAGEMENT, LISTENERS };

struct client_slot {
    struct tls_certificate certificates[TLS_CERTIFICATES_OF_CLIENT];
};

struct tls_certificates {
    struct tls_certificate listeners[LISTENERS];
    struct ps_map *by_name;     /* of client_slot; the names are those of their first entries */
    struct client_slot **slots; /* the same, in the order in which they came */
    size_t count;
    uint64_t epoch;
};

enum ps_err tls_certificates_new(struct tls_certificates **ret_certificates)
{
    PS_CLEANUP(tls_certificates_free_cleanup)
    struct tls_certificates *certificates = calloc(1, sizeof *certificates);

    if (certificates == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(ps_map_new(&certificates->by_name));
    strcpy(certificates->listeners[LISTENER_OF_CLIENTS].name, "clients");
    strcpy(certificates->listeners[LISTENER_OF_MANAGEMENT].name, "management");
    *ret_certificates = certificates;
    certificates = NULL;
    return PS_OK;
}

void tls_certificates_free(struct tls_certificates *certificates)
{
    if (certificates == NULL) {
        return;
    }
    ps_map_free(certificates->by_name, NULL);
    for (size_t i = 0; i < certificates->count; i++) {
        free(certificates->slots[i]);
    }
    free(certificates->slots);
    free(certificates);
}

/* What was told of one certificate says nothing about the one after it. */
static void set_end(struct tls_certificates *certificates, struct tls_certificate *certificate,
                    uint64_t not_after_s)
{
    if (certificate->not_after_s != not_after_s) {
        certificate->not_after_s = not_after_s;
        certificate->told_steps = 0;
        certificates->epoch++;
    }
}

void tls_certificates_set_listeners(struct tls_certificates *certificates, uint64_t clients_s,
                                    uint64_t management_s)
{
    set_end(certificates, &certificates->listeners[LISTENER_OF_CLIENTS], clients_s);
    set_end(certificates, &certificates->listeners[LISTENER_OF_MANAGEMENT], management_s);
}

static enum ps_err add_slot(struct tls_certificates *certificates, struct ps_bytes client,
                            struct client_slot **ret_slot)
{
    struct client_slot **slots =
        reallocarray(certificates->slots, certificates->count + 1, sizeof(struct client_slot *));
    struct client_slot *slot = calloc(1, sizeof *slot);
    enum ps_err err = PS_E_NO_MEMORY;

    certificates->slots = slots == NULL ? certificates->slots : slots;
    if (slots != NULL && slot != NULL) {
        for (size_t i = 0; i < TLS_CERTIFICATES_OF_CLIENT; i++) {
            slot->certificates[i].is_client = true;
            memcpy(slot->certificates[i].name, client.data, client.len);
        }
        err = ps_map_add(certificates->by_name, ps_bytes_str(slot->certificates[0].name), slot);
    }
    if (err != PS_OK) {
        free(slot);
        return err;
    }
    slots[certificates->count++] = slot;
    *ret_slot = slot;
    return PS_OK;
}

/* That of the same key, else the one that was not shown for longest. */
static struct tls_certificate *choose(struct client_slot *slot, const uint8_t *spki)
{
    struct tls_certificate *oldest = &slot->certificates[0];

    for (size_t i = 0; i < TLS_CERTIFICATES_OF_CLIENT; i++) {
        struct tls_certificate *one = &slot->certificates[i];

        if (one->not_after_s != 0 && memcmp(one->spki, spki, PS_SHA256_LEN) == 0) {
            return one;
        }
        if (one->seen_s < oldest->seen_s) {
            oldest = one;
        }
    }
    memcpy(oldest->spki, spki, PS_SHA256_LEN);
    oldest->not_after_s = 0;
    return oldest;
}

void tls_certificates_note(struct tls_certificates *certificates, struct ps_bytes client,
                           const struct msg_caller *caller, uint64_t now_s)
{
    struct client_slot *slot;
    struct tls_certificate *certificate;

    if (caller->kind != CALLER_TLS || caller->spki.len != PS_SHA256_LEN ||
        caller->not_after_s == 0 || caller->not_after_s > TLS_CERTIFICATE_END_MAX ||
        client.len > PS_NAME_MAX) {
        return;
    }
    slot = ps_map_get(certificates->by_name, client);
    if (slot == NULL && add_slot(certificates, client, &slot) != PS_OK) {
        return; /* it is noted at its next request */
    }
    certificate = choose(slot, caller->spki.data);
    set_end(certificates, certificate, caller->not_after_s);
    certificate->seen_s = now_s;
}

uint64_t tls_certificates_epoch(const struct tls_certificates *certificates)
{
    return certificates->epoch;
}

const struct tls_certificate *tls_certificates_of(const struct tls_certificates *certificates,
                                                  struct ps_bytes client)
{
    const struct client_slot *slot = ps_map_get(certificates->by_name, client);

    return slot == NULL ? NULL : slot->certificates;
}

struct tls_certificate *tls_certificates_next(struct tls_certificates *certificates, size_t *cursor)
{
    const size_t at = (*cursor)++;
    const size_t number = at < LISTENERS ? 0 : (at - LISTENERS) / TLS_CERTIFICATES_OF_CLIENT;

    if (at < LISTENERS) {
        return &certificates->listeners[at];
    }
    return number < certificates->count
               ? &certificates->slots[number]
                      ->certificates[(at - LISTENERS) % TLS_CERTIFICATES_OF_CLIENT]
               : NULL;
}
