#include "keystore/reads/internal.h"

#include "keystore/certificates/tls_certificates.h"
#include "lib/ceremony/people/person.h"

#include <stdlib.h>

/* What ends within a time, soonest first: versions of keys, certificates, grants, people, TLS. */

#define ENDS_MAX 2000u /* that are told, the soonest: a document holds no more */

struct end {
    const char *kind;
    char name[PS_NAME_MAX + 1];
    uint32_t version; /* of a key; 0: none */
    uint64_t expires_s;
};

struct ends {
    struct read *read;
    uint64_t until_s;
    struct end *ends;
    size_t count;
};

static void ends_clear(struct ends *ends)
{
    free(ends->ends);
}

static int by_time_and_name(const void *a, const void *b)
{
    const struct end *left = a;
    const struct end *right = b;
    const int order = strcmp(left->name, right->name);

    if (left->expires_s != right->expires_s) {
        return left->expires_s < right->expires_s ? -1 : 1;
    }
    return order != 0 ? order : strcmp(left->kind, right->kind);
}

/* In order, and no more than are told; there is room for twice as many. */
static void sort(struct ends *ends)
{
    qsort(ends->ends, ends->count, sizeof *ends->ends, by_time_and_name);
    ends->count = ends->count < ENDS_MAX ? ends->count : ENDS_MAX;
}

/* expires_s: 0: it has no end. version: of a key; else 0. */
static void add(struct ends *ends, const char *kind, struct ps_bytes name, uint32_t version,
                uint64_t expires_s)
{
    struct end *end;

    if (expires_s == 0 || expires_s > ends->until_s || name.len > PS_NAME_MAX) {
        return;
    }
    if (ends->count == 2 * ENDS_MAX) {
        sort(ends);
    }
    end = &ends->ends[ends->count++];
    *end = (struct end){.kind = kind, .version = version, .expires_s = expires_s};
    memcpy(end->name, name.data, name.len);
}

/* A certificate matters while its key still signs or is about to. */
static bool is_in_use(const struct key_version *version)
{
    return version->state == KEY_ACTIVE || version->state == KEY_SUSPENDED ||
           version->state == KEY_PRE_ACTIVATION;
}

static void look_at_keys(struct ends *ends)
{
    struct keys *keys = ends->read->keeper->keys;
    size_t cursor = 0;
    const struct key *key;

    while ((key = keys_next(keys, &cursor)) != NULL) {
        for (size_t i = 0; i < key->version_count; i++) {
            const struct key_version *version = key->versions[i];
            const struct key_certificate *certificate = version_certificate(version);
            const struct ps_bytes name = ps_bytes_str(key->name);

            if (version->state == KEY_ACTIVE) {
                add(ends, "key", name, version->number, version->expires_s);
            }
            if (certificate != NULL && is_in_use(version)) {
                add(ends, "certificate", name, version->number, certificate->not_after_s);
            }
        }
    }
}

static enum ps_err look_at_grant(void *context, const struct catalog_row *row)
{
    struct ends *ends = context;
    struct grant_record grant;
    struct json_value body;

    PS_TRY(json_parse(ends->read->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(grant_record_read(body, &grant));
    add(ends, "grant", row->name, 0, grant.not_after_s);
    return PS_OK;
}

static enum ps_err look_at_person(void *context, const struct catalog_row *row)
{
    struct ends *ends = context;
    PS_CLEANUP(person_free_cleanup) struct person *person = NULL;
    struct json_value body;

    PS_TRY(json_parse(ends->read->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(person_read(body, &person));
    add(ends, "person", row->name, 0, person->valid_until_s);
    return PS_OK;
}

static void look_at_listeners(struct ends *ends)
{
    struct tls_certificates *all = ends->read->keeper->tls_certificates;
    const struct tls_certificate *certificate;
    size_t cursor = 0;

    while ((certificate = tls_certificates_next(all, &cursor)) != NULL) {
        if (!certificate->is_client) {
            add(ends, "listener", ps_bytes_str(certificate->name), 0, certificate->not_after_s);
        }
    }
}

/* Of clients that are there still; a row and not what they showed says who that is. */
static enum ps_err look_at_client(void *context, const struct catalog_row *row)
{
    struct ends *ends = context;
    const struct tls_certificate *certificates =
        tls_certificates_of(ends->read->keeper->tls_certificates, row->name);

    for (size_t i = 0; certificates != NULL && i < TLS_CERTIFICATES_OF_CLIENT; i++) {
        add(ends, "client", row->name, 0, certificates[i].not_after_s);
    }
    return PS_OK;
}

static void put_ends(const struct ends *ends, struct writer *json)
{
    writer_begin_array(json, "items");
    for (size_t i = 0; i < ends->count; i++) {
        const struct end *end = &ends->ends[i];

        writer_begin_object(json, NULL);
        writer_str(json, "kind", end->kind);
        writer_str(json, "name", end->name);
        writer_number_if(json, "version", end->version);
        writer_time_s(json, "expires", end->expires_s);
        writer_end_object(json);
    }
    writer_end_array(json);
}

enum ps_err read_expiring(struct read *read)
{
    const struct keeper *keeper = read->keeper;
    PS_CLEANUP(ends_clear)
    struct ends ends = {.read = read, .until_s = real_now_s() + read->message->from};
    struct writer json = writer(&read->body);

    ends.ends = calloc(2 * ENDS_MAX, sizeof *ends.ends);
    if (ends.ends == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    look_at_keys(&ends);
    look_at_listeners(&ends);
    PS_TRY(catalog_list(keeper->known, CATALOG_CLIENT, ps_bytes(NULL, 0), UINT32_MAX,
                        look_at_client, &ends));
    PS_TRY(catalog_list(keeper->known, CATALOG_GRANT, ps_bytes(NULL, 0), UINT32_MAX, look_at_grant,
                        &ends));
    PS_TRY(catalog_list(keeper->known, CATALOG_ROSTER, ps_bytes(NULL, 0), UINT32_MAX,
                        look_at_person, &ends));
    sort(&ends);
    writer_begin_object(&json, NULL);
    put_ends(&ends, &json);
    writer_end_object(&json);
    return PS_OK;
}
