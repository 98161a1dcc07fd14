#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/authorize.h"

#include <assert.h>

static void put(struct client *client, enum client_field field, const char *text)
{
    ps_buf_put_str(&client->fields[field], text);
}

/* An authorization request in JSON, of one client: what is refused has a code, what is not a
 * record. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {1u << 16, 8, 1000, false};
    static struct json *json[3];
    static struct acr_map *acrs;
    struct client_mistakes mistakes = {.count = 0};
    struct authorize request;
    struct json_value root;
    const char *code = NULL;
    CLIENT_AUTO client;
    TRANSACTION_AUTO made;

    for (size_t i = 0; i < PS_COUNT_OF(json); i++) {
        assert(json[i] != NULL || json_new(&json[i]) == PS_OK);
    }
    assert(acrs != NULL || acr_new(ps_bytes(NULL, 0), &acrs) == PS_OK);
    client_init(&client);
    transaction_init(&made);
    put(&client, CLIENT_ADDITIONAL_CONFIG, "{\"require_pkce\":true}");
    put(&client, CLIENT_REDIRECT_URIS, "[\"https://a.example\"]");
    put(&client, CLIENT_CLAIMS, "[\"name\",\"email\"]");
    put(&client, CLIENT_ACR_VALUES, "[\"mosip:idp:acr:generated-code\"]");
    if (json_parse(json[0], ps_bytes(data, size), &limits, &root) != PS_OK ||
        json_type(root) != JSON_OBJECT) {
        return 0;
    }
    if (authorize_read_json(root, &request, &mistakes) == PS_OK) {
        const struct authorize_terms terms = {.client = &client,
                                              .acrs = acrs,
                                              .authorize_scopes = ps_bytes_str("Manage-VID"),
                                              .credential_scopes = ps_bytes_str("vc"),
                                              .first = json[1],
                                              .second = json[2]};
        const enum ps_err err = authorize_judge(&request, &terms, &made, &code);

        assert((err == PS_E_DENIED && code != NULL) ||
               (err == PS_OK && made.of[TRANSACTION_ACRS].len != 0));
    } else {
        assert(mistakes.count != 0);
    }
    return 0;
}
