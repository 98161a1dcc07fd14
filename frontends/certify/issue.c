#include "frontends/certify/issue.h"

#include "api/client/privyseal_sign.h"
#include "frontends/certify/appliance.h"
#include "frontends/certify/configuration_ldp.h"
#include "frontends/certify/disclose.h"
#include "frontends/certify/ldp_vc.h"
#include "frontends/certify/vc_template.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <stdio.h>

#define CREDENTIAL_MAX ((size_t)1024 * 1024)
#define UUID_LEN       46u

static const struct json_limits limits = {CREDENTIAL_MAX, 16, 20000, false};

static enum ps_err as_text(const struct ps_buf *buf, struct ps_buf *out)
{
    ps_buf_put(out, ps_buf_bytes(buf));
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

static enum ps_err fetch(const struct issue *issue, struct ps_buf *data)
{
    PS_BUF_AUTO subject = PS_BUF_SECRET(TOKEN_TEXT_MAX + 1);
    PS_BUF_AUTO client = {.max = TOKEN_TEXT_MAX + 1};
    PS_BUF_AUTO scope = {.max = TOKEN_TEXT_MAX + 1};
    PS_BUF_AUTO claims = PS_BUF_SECRET(TOKEN_TEXT_MAX + 1);
    struct privyseal_data_request request = {.size = sizeof request};

    ps_buf_put(&scope, issue->configuration->scope);
    ps_buf_put_u8(&scope, '\0');
    PS_TRY(ps_buf_status(&scope));
    PS_TRY(as_text(&issue->token->subject, &subject));
    PS_TRY(as_text(&issue->token->client, &client));
    PS_TRY(as_text(&issue->token->claims, &claims));
    request.subject = (const char *)subject.data;
    request.client_id = (const char *)client.data;
    request.scope = (const char *)scope.data;
    request.claims = (const char *)claims.data;
    return provider_fetch(issue->provider, &request, data);
}

/* RFC 9562 section 5.4. */
static void put_uuid(char out[UUID_LEN])
{
    uint8_t r[16];

    ps_random(r, sizeof r);
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    (void)snprintf(out, UUID_LEN,
                   "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12],
                   r[13], r[14], r[15]);
}

/* The template with its slots filled. */
static enum ps_err render(const struct issue *issue, struct ps_bytes data, struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *data_json = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *template_json = NULL;
    struct template_values values = {.count = 0};
    struct json_value root;
    char from[PS_TIME_MAX];
    char until[PS_TIME_MAX];
    char id[UUID_LEN];

    PS_TRY(json_new(&data_json));
    PS_TRY(json_new(&template_json));
    PS_TRY(json_parse(data_json, data, &limits, &values.data));
    if (json_type(values.data) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "the data are no JSON object");
    }
    PS_TRY(json_parse(template_json, issue->configuration->template_json, &limits, &root));
    put_uuid(id);
    (void)ps_time_format(issue->now_s * PS_NS_PER_S, 0, from);
    (void)ps_time_format((issue->now_s + issue->configuration->validity_s) * PS_NS_PER_S, 0, until);
    {
        const struct template_variable variables[] = {
            {"_holderId", ps_buf_bytes(&issue->proof->did)},
            {"_issuer", issue->did},
            {"_id", ps_bytes_str(id)},
            {"validFrom", ps_bytes_str(from)},
            {"validUntil", ps_bytes_str(until)},
        };

        values.variables = variables;
        values.count = PS_COUNT_OF(variables);
        values.check = issue->configuration->format == CREDENTIAL_LDP_VC ? ldp_check_data : NULL;
        return vc_template_render(root, &values, out);
    }
}

/* SD-JWT VC, and `cnf.jwk` as HAIP wants it. */
static enum ps_err put_payload(const struct issue *issue, struct ps_bytes rendered,
                               struct ps_buf *payload, struct ps_buf *disclosures)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value claims;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, rendered, &limits, &claims));
    ps_buf_put_str(payload, "{\"vct\":");
    ps_buf_put_json_string(payload, issue->configuration->vct);
    ps_buf_put_str(payload, ",\"iss\":");
    ps_buf_put_json_string(payload, ps_bytes_str(issue->issuer));
    ps_buf_printf(payload, ",\"iat\":%llu,\"nbf\":%llu,\"exp\":%llu",
                  (unsigned long long)issue->now_s, (unsigned long long)issue->now_s,
                  (unsigned long long)issue->now_s + issue->configuration->validity_s);
    ps_buf_printf(payload, ",\"cnf\":{\"jwk\":%.*s},\"_sd_alg\":\"sha-256\"",
                  PS_BYTES_FMT(ps_buf_bytes(&issue->proof->jwk)));
    if (json_count(claims) != 0) {
        ps_buf_put_u8(payload, ',');
    }
    PS_TRY(disclose_claims(claims, ps_buf_bytes(&issue->configuration->sd_paths), payload,
                           disclosures));
    ps_buf_put_str(payload, "}");
    ps_buf_put_u8(payload, '\0');
    return ps_buf_status(payload);
}

static enum ps_err sign_sd_jwt(const struct issue *issue, struct privyseal *client,
                               const char *payload, struct ps_bytes disclosures,
                               struct ps_buf *credential)
{
    PS_CLEANUP(privyseal_signed_clear) struct privyseal_signed made = {.signed_text = NULL};
    const struct privyseal_sd_jwt request = {
        .key = issue->configuration->key,
        .payload = payload,
        .type = configuration_format_name(issue->configuration, issue->draft),
        .algorithm = "ES256",
        .include = issue->configuration->chain ? "[\"x5c\"]" : NULL,
    };
    const enum privyseal_result result = privyseal_sign_sd_jwt(client, &request, &made);

    if (result != PRIVYSEAL_OK) {
        return appliance_failed(client, result, &made.answer);
    }
    ps_buf_put_str(credential, made.signed_text);
    ps_buf_put_u8(credential, '~');
    ps_buf_put(credential, disclosures);
    return ps_buf_status(credential);
}

static enum ps_err issue_sd_jwt(const struct issue *issue, struct privyseal *client,
                                struct ps_bytes rendered, struct ps_buf *credential)
{
    PS_BUF_AUTO payload = PS_BUF_SECRET(CREDENTIAL_MAX);
    PS_BUF_AUTO disclosures = PS_BUF_SECRET(CREDENTIAL_MAX);

    PS_TRY(put_payload(issue, rendered, &payload, &disclosures));
    return sign_sd_jwt(issue, client, (const char *)payload.data, ps_buf_bytes(&disclosures),
                       credential);
}

static enum ps_err make(const struct issue *issue, struct privyseal *client, struct ps_bytes data,
                        struct ps_buf *credential)
{
    PS_BUF_AUTO rendered = PS_BUF_SECRET(CREDENTIAL_MAX);

    PS_TRY(render(issue, data, &rendered));
    return issue->configuration->format == CREDENTIAL_LDP_VC
               ? ldp_vc_issue(issue, client, ps_buf_bytes(&rendered), credential)
               : issue_sd_jwt(issue, client, ps_buf_bytes(&rendered), credential);
}

enum ps_err issue_credential(const struct issue *issue, struct privyseal *client,
                             struct ps_buf *credential)
{
    PS_BUF_AUTO data = PS_BUF_SECRET(PROVIDER_DATA_MAX);
    enum ps_err err;

    PS_TRY(fetch(issue, &data));
    err = make(issue, client, ps_buf_bytes(&data), credential);
    return err == PS_OK || err == PS_E_BUSY || err == PS_E_NO_MEMORY ? err : PS_E_INTERNAL;
}
