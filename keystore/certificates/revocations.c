#include "keystore/certificates/revocations.h"

#include "lib/formats/x509/certificate.h"

#include <stdlib.h>

/* One row. Rows are listed by name: those of a key, which stands in front, are together. */
struct revocations {
    struct json *parser;
    struct x509_revoked *list;
    struct owner {
        char key[PS_NAME_MAX + 1];
        size_t first;
        size_t count;
    } * owners;
    size_t owner_count;
    size_t count;
    size_t room;
    uint64_t epoch;
};

enum ps_err revocations_new(struct revocations **ret_revocations)
{
    PS_CLEANUP(revocations_free_cleanup)
    struct revocations *revocations = calloc(1, sizeof *revocations);

    if (revocations == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&revocations->parser));
    *ret_revocations = revocations;
    revocations = NULL;
    return PS_OK;
}

static void forget(struct revocations *revocations)
{
    for (size_t i = 0; i < revocations->count; i++) {
        free((void *)(uintptr_t)revocations->list[i].serial.data);
    }
    revocations->count = 0;
    revocations->owner_count = 0;
}

void revocations_free(struct revocations *revocations)
{
    if (revocations == NULL) {
        return;
    }
    forget(revocations);
    free(revocations->list);
    free(revocations->owners);
    json_free(revocations->parser);
    free(revocations);
}

static enum ps_err grow(struct revocations *revocations)
{
    const size_t room = revocations->room == 0 ? 64 : 2 * revocations->room;
    struct x509_revoked *list;

    if (revocations->count < revocations->room) {
        return PS_OK;
    }
    list = realloc(revocations->list, room * sizeof *list);
    if (list == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    revocations->list = list;
    revocations->room = room;
    return PS_OK;
}

static enum ps_err owner_of(struct revocations *revocations, struct ps_bytes key,
                            struct owner **ret_owner)
{
    struct owner *owners = revocations->owners;

    if (revocations->owner_count == 0 ||
        !ps_bytes_equal_str(key, owners[revocations->owner_count - 1].key)) {
        owners = realloc(owners, (revocations->owner_count + 1) * sizeof *owners);
        if (owners == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        revocations->owners = owners;
        owners[revocations->owner_count] = (struct owner){.first = revocations->count};
        memcpy(owners[revocations->owner_count].key, key.data, key.len);
        revocations->owner_count++;
    }
    *ret_owner = &owners[revocations->owner_count - 1];
    return PS_OK;
}

static enum ps_err on_row(void *context, const struct catalog_row *row)
{
    struct revocations *revocations = context;
    struct revocation_record record;
    struct json_value body;
    struct owner *owner;
    struct x509_revoked revoked;
    uint8_t *serial;

    PS_TRY(json_parse(revocations->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(revocation_record_read(body, &record));
    PS_TRY(grow(revocations));
    PS_TRY(owner_of(revocations, record.key, &owner));
    if (!x509_reason_by_name(record.reason, &revoked.reason)) {
        return ps_fail(PS_E_INPUT, 0, "revocation: no such reason");
    }
    serial = malloc(record.serial.len);
    if (serial == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(serial, record.serial.data, record.serial.len);
    revoked.serial = ps_bytes(serial, record.serial.len);
    revoked.revoked_s = record.revoked_s;
    revocations->list[revocations->count++] = revoked;
    owner->count++;
    return PS_OK;
}

enum ps_err revocations_load(struct revocations *revocations, struct catalog *from)
{
    forget(revocations);
    revocations->epoch++;
    return catalog_list(from, CATALOG_REVOCATION, ps_bytes(NULL, 0), UINT32_MAX, on_row,
                        revocations);
}

uint64_t revocations_epoch(const struct revocations *revocations)
{
    return revocations->epoch;
}

size_t revocations_of(const struct revocations *revocations, struct ps_bytes key,
                      const struct x509_revoked **ret_list)
{
    for (size_t i = 0; i < revocations->owner_count; i++) {
        const struct owner *owner = &revocations->owners[i];

        if (ps_bytes_equal_str(key, owner->key)) {
            *ret_list = &revocations->list[owner->first];
            return owner->count;
        }
    }
    *ret_list = NULL;
    return 0;
}
