#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/assertion.h"
#include "frontends/oidc/clients.h"
#include "frontends/oidc/dpop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A database without clients, which is gone with the process. */
static struct db *open_database(void)
{
    static const char *const names[] = {"oidc.db", "oidc.db-wal", "oidc.db-shm"};
    char directory[] = "/tmp/privyseal-fuzz-XXXXXX";
    struct db *db = NULL;
    char path[100];

    assert(mkdtemp(directory) != NULL && clients_open(directory, &db) == PS_OK);
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
    return db;
}

/* What says who somebody is, of nobody who is known: no octets make it good. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const audiences[] = {"https://idp.example", NULL};
    static struct json *json;
    static struct db *db;
    struct form form = {.of = {{ps_bytes_str("client_assertion_type"),
                                ps_bytes_str("urn:ietf:params:oauth:client-assertion-type:"
                                             "jwt-bearer")},
                               {ps_bytes_str("client_assertion"), ps_bytes(data, size)}},
                        .count = 2};
    struct dpop_request request = {.method = "POST", .url = "https://idp.example/x", .now_s = 1000};
    struct assertion assertion = {.audiences = audiences, .now_s = 1000};
    struct dpop_key key;
    CLIENT_AUTO client;

    assert(json != NULL || json_new(&json) == PS_OK);
    db = db == NULL ? open_database() : db;
    request.json = json;
    assertion.db = db;
    assertion.json = json;
    client_init(&client);
    assert(dpop_check(&request, ps_bytes(data, size), &key) == PS_E_DENIED);
    assert(assertion_check(&assertion, &form, &client) == PS_E_DENIED);
    return 0;
}
