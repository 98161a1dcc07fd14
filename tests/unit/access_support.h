#ifndef TESTS_UNIT_ACCESS_SUPPORT_H
#define TESTS_UNIT_ACCESS_SUPPORT_H

#include "tests/unit/support.h"

#include "keystore/policy/access.h"
#include "lib/base/clock.h"

/* An access over a catalog in memory, and short words for what is in it. */

/* PIN_n is the base64url text of 32 octets of the value n. */
#define PIN_1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define PIN_2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
#define PIN_9 "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk"

#define NOW 1000u

static struct catalog *catalog;
static struct access *access_;
static const uint32_t own_uids[] = {501, 502};

static PS_UNUSED int make(void **state)
{
    const struct access_config config = {.refused_uids = own_uids, .refused_count = 2};

    (void)state;
    assert_ok(catalog_open_memory(&catalog));
    assert_ok(access_new(&config, &access_));
    return 0;
}

static PS_UNUSED int clear(void **state)
{
    (void)state;
    access_free(access_);
    catalog_close(catalog);
    return 0;
}

static PS_UNUSED uint64_t revision_of(enum catalog_kind kind, const char *name)
{
    PS_BUF_AUTO memory;
    struct catalog_row row = {0};

    ps_buf_init(&memory, 65536);
    if (catalog_get(catalog, kind, ps_bytes_str(name), &memory, &row) != PS_OK) {
        return 0;
    }
    return row.revision;
}

static PS_UNUSED void put_row(enum catalog_kind kind, const char *name, const char *body)
{
    const struct catalog_change change = {.kind = kind,
                                          .name = ps_bytes_str(name),
                                          .expected = revision_of(kind, name),
                                          .body = ps_bytes_str(body)};

    assert_ok(catalog_apply(catalog, &change, 1, 1, NULL));
}

struct client_row {
    const char *name;
    const char *pins;
    const char *uids;
    const char *issuer;
    const char *san;
    const char *listener;
    bool suspended;
};

static PS_UNUSED const char *or_(const char *text, const char *otherwise)
{
    return text == NULL ? otherwise : text;
}

static PS_UNUSED void put_client(struct client_row row)
{
    char body[1024];

    (void)snprintf(body, sizeof body,
                   "{\"issuer\":\"%s\",\"listener\":\"%s\",\"name\":\"%s\",\"pins\":[%s],"
                   "\"san\":\"%s\",\"suspended\":%s,\"uids\":[%s]}",
                   or_(row.issuer, ""), or_(row.listener, "both"), row.name, or_(row.pins, ""),
                   or_(row.san, ""), row.suspended ? "true" : "false", or_(row.uids, ""));
    put_row(CATALOG_CLIENT, row.name, body);
}

struct grant_row {
    const char *id;
    const char *client;
    const char *keys;
    const char *operations;
    const char *formats;
    unsigned rate;
    unsigned not_after;
};

static PS_UNUSED void put_grant(struct grant_row row)
{
    char body[1024];

    (void)snprintf(body, sizeof body,
                   "{\"client\":\"%s\",\"formats\":[%s],\"id\":\"%s\",\"keys\":\"%s\","
                   "\"not_after_s\":%u,\"operations\":[%s],\"rate_per_s\":%u}",
                   or_(row.client, "oidc"), or_(row.formats, ""), row.id, or_(row.keys, "*"),
                   row.not_after, row.operations, row.rate);
    put_row(CATALOG_GRANT, row.id, body);
}

static PS_UNUSED void load(void)
{
    assert_ok(access_load(access_, catalog));
}

/* 32 octets of this value. */
static PS_UNUSED struct ps_bytes hash_of(uint8_t value)
{
    static uint8_t hashes[16][PS_SHA256_LEN];

    memset(hashes[value], value, PS_SHA256_LEN);
    return ps_bytes(hashes[value], PS_SHA256_LEN);
}

static PS_UNUSED struct msg_caller peer(uint32_t uid)
{
    return (struct msg_caller){.kind = CALLER_UNIX, .uid = uid};
}

static PS_UNUSED struct msg_caller certificate(uint8_t pin, uint8_t issuer, const char *san)
{
    return (struct msg_caller){.kind = CALLER_TLS,
                               .spki = hash_of(pin),
                               .issuer = hash_of(issuer),
                               .san = ps_bytes_str(san)};
}

static PS_UNUSED const struct access_client *oidc(void)
{
    const struct msg_caller caller = peer(7);
    const struct access_client *client = access_resolve(access_, ACCESS_CLIENTS, &caller, NULL);

    assert_non_null(client);
    return client;
}

#define ACCESS_TEST(name) cmocka_unit_test_setup_teardown(name, make, clear)

#endif
