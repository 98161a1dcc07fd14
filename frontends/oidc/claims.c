#include "frontends/oidc/claims.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

#define JTI_OCTETS 16u

static void put_text(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    if (text.len != 0) {
        ps_buf_printf(out, ",\"%s\":", name);
        ps_buf_put_json_string(out, text);
    }
}

static void put_field(struct ps_buf *out, const char *name, const struct transaction *transaction,
                      enum transaction_field field)
{
    put_text(out, name, transaction_text(transaction, field));
}

static void put_head(struct ps_buf *out, const struct transaction *transaction, const char *issuer,
                     struct ps_bytes audience)
{
    ps_buf_put_str(out, "{\"iss\":");
    ps_buf_put_json_string(out, ps_bytes_str(issuer));
    put_field(out, "sub", transaction, TRANSACTION_SUBJECT);
    put_text(out, "aud", audience);
}

static void put_times(struct ps_buf *out, uint64_t now_s, uint64_t life_s)
{
    ps_buf_put_str(out, ",\"iat\":");
    ps_buf_put_decimal(out, now_s);
    ps_buf_put_str(out, ",\"exp\":");
    ps_buf_put_decimal(out, now_s + life_s);
}

/* Nothing in it can be guessed, since what is kept for it is sealed under it. */
static void put_id(struct ps_buf *out)
{
    uint8_t random[2 * JTI_OCTETS];

    ps_random(random, sizeof random);
    ps_buf_put_str(out, ",\"jti\":\"");
    ps_buf_put_base64url(out, ps_bytes(random, sizeof random));
    ps_buf_put_u8(out, '"');
}

void claims_put_access(const struct transaction *transaction, const struct claims_terms *terms,
                       struct ps_buf *out)
{
    const struct ps_bytes client = transaction_text(transaction, TRANSACTION_CLIENT);
    const struct ps_bytes credential = transaction_text(transaction, TRANSACTION_CREDENTIAL_SCOPES);
    const struct ps_bytes jkt = transaction_text(transaction, TRANSACTION_DPOP_JKT);
    const bool for_issuer = credential.len != 0 && terms->credential_audience[0] != '\0';

    put_head(out, transaction, terms->issuer,
             for_issuer ? ps_bytes_str(terms->credential_audience) : client);
    put_times(out, terms->now_s, terms->access_s);
    put_id(out);
    put_text(out, "client_id", client);
    put_text(out, "azp", client);
    put_text(out, "scope",
             credential.len != 0 ? credential
                                 : transaction_text(transaction, TRANSACTION_PERMITTED));
    if (credential.len != 0) {
        put_text(out, "c_nonce", ps_bytes_str(terms->c_nonce));
        ps_buf_printf(out, ",\"c_nonce_expires_in\":%llu", (unsigned long long)terms->access_s);
    }
    if (jkt.len != 0) {
        ps_buf_put_str(out, ",\"cnf\":{\"jkt\":");
        ps_buf_put_json_string(out, jkt);
        ps_buf_put_u8(out, '}');
    }
    ps_buf_put_u8(out, '}');
    ps_buf_put_u8(out, '\0');
}

void claims_put_id(const struct transaction *transaction, const struct claims_terms *terms,
                   struct ps_buf *out)
{
    put_head(out, transaction, terms->issuer, transaction_text(transaction, TRANSACTION_CLIENT));
    put_times(out, terms->now_s, terms->id_s);
    ps_buf_put_str(out, ",\"auth_time\":");
    ps_buf_put(out, transaction_text(transaction, TRANSACTION_AUTH_TIME));
    put_field(out, "nonce", transaction, TRANSACTION_NONCE);
    put_field(out, "acr", transaction, TRANSACTION_ACRS);
}

static bool is_accepted(const struct transaction *transaction, struct ps_bytes name)
{
    const uint8_t *mark = name.len == 0 ? NULL : memchr(name.data, '#', name.len);
    const size_t len = mark == NULL ? name.len : (size_t)(mark - name.data);

    return words_have(transaction_text(transaction, TRANSACTION_ACCEPTED),
                      ps_bytes(name.data, len));
}

enum ps_err claims_put_userinfo(const struct transaction *transaction, const char *issuer,
                                struct json *reader, struct ps_buf *out)
{
    const struct json_limits limits = {TRANSACTION_CLAIMS_MAX, 8, 2000, true};
    struct json_value root;
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    PS_TRY(json_parse(reader, transaction_text(transaction, TRANSACTION_CLAIMS), &limits, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "the claims are no object");
    }
    put_head(out, transaction, issuer, transaction_text(transaction, TRANSACTION_CLIENT));
    while (json_next(root, &cursor, &name, &value)) {
        if (is_accepted(transaction, name)) {
            ps_buf_put_str(out, ",\"");
            ps_buf_put(out, name);
            ps_buf_put_str(out, "\":");
            ps_buf_put(out, json_raw(value));
        }
    }
    ps_buf_put_u8(out, '}');
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}
