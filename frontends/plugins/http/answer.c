#include "frontends/plugins/http/identity.h"

static const struct json_limits limits = {2 * PRIVYSEAL_AUTH_CLAIMS_MAX, 24, 50000, false};

static struct privyseal_auth_text text_of(struct ps_bytes octets)
{
    return (struct privyseal_auth_text){(const char *)octets.data, octets.len};
}

static struct privyseal_auth_answer ended(enum privyseal_auth_result result, const char *why)
{
    return (struct privyseal_auth_answer){.result = result, .detail = text_of(ps_bytes_str(why))};
}

/* A member that is a string; empty when it is not there, null, or something else. */
static struct privyseal_auth_text text_member(struct json_value object, const char *name)
{
    struct ps_bytes text = ps_bytes(NULL, 0);
    struct json_value value;

    if (!json_member(object, name, &value) || json_string(value, &text) != PS_OK) {
        return text_of(ps_bytes(NULL, 0));
    }
    return text_of(text);
}

/* {"errors": [{"errorCode"}]}: the first one's code; the interface lets only sound ones through. */
static struct privyseal_auth_answer refused(struct json_value root)
{
    struct privyseal_auth_answer answer =
        ended(PRIVYSEAL_AUTH_REFUSED, "refused by the identity system");
    struct json_value errors;
    struct json_value error;
    uint32_t cursor = 0;

    if (json_member(root, "errors", &errors) && json_type(errors) == JSON_ARRAY &&
        json_next(errors, &cursor, NULL, &error) && json_type(error) == JSON_OBJECT) {
        answer.code = text_member(error, "errorCode");
    }
    return answer;
}

static bool is_true(struct json_value object, const char *name)
{
    struct json_value value;

    return json_member(object, name, &value) && json_type(value) == JSON_TRUE;
}

static struct privyseal_auth_answer read_login(struct json_value root, struct json_value response)
{
    struct privyseal_auth_answer answer = {
        .result = PRIVYSEAL_AUTH_OK,
        .kyc_token = text_member(response, "kycToken"),
        .subject = text_member(response, "partnerSpecificUserToken"),
    };
    struct json_value metadata;

    if (!is_true(response, "authStatus")) {
        return refused(root);
    }
    if (json_member(response, "claimMetadata", &metadata) && json_type(metadata) == JSON_OBJECT) {
        answer.claims_metadata = text_of(json_raw(metadata));
    }
    return answer;
}

static struct privyseal_auth_answer read_response(enum identity_call call, struct json_value root)
{
    struct json_value response;

    if (!json_member(root, "response", &response) || json_type(response) != JSON_OBJECT) {
        return refused(root);
    }
    if (call == IDENTITY_AUTHENTICATE) {
        return read_login(root, response);
    }
    if (call == IDENTITY_SEND_OTP) {
        return (struct privyseal_auth_answer){
            .result = PRIVYSEAL_AUTH_OK,
            .masked_email = text_member(response, "maskedEmail"),
            .masked_mobile = text_member(response, "maskedMobile"),
        };
    }
    return (struct privyseal_auth_answer){.result = PRIVYSEAL_AUTH_OK,
                                          .claims = text_member(response, "kyc")};
}

static struct privyseal_auth_answer read_keys(struct json_value root)
{
    struct json_value keys;

    if (!json_member(root, "keys", &keys) || json_type(keys) != JSON_ARRAY) {
        return ended(PRIVYSEAL_AUTH_FAILED, "the identity system's keys are no JWK set");
    }
    return (struct privyseal_auth_answer){.result = PRIVYSEAL_AUTH_OK,
                                          .certificates = text_of(json_raw(root))};
}

void identity_read(struct json *json, enum identity_call call, long status, struct ps_bytes body,
                   struct privyseal_auth_answer *ret_answer)
{
    struct json_value root;

    if (status >= 500) {
        *ret_answer = ended(PRIVYSEAL_AUTH_AWAY, "the identity system answered with a 5xx status");
    } else if (json_parse(json, body, &limits, &root) != PS_OK || json_type(root) != JSON_OBJECT) {
        *ret_answer =
            ended(PRIVYSEAL_AUTH_FAILED, "the identity system's answer is no JSON object");
    } else if (call == IDENTITY_KEYS && status == 200) {
        *ret_answer = read_keys(root);
    } else if (status >= 200 && status < 300) {
        *ret_answer = read_response(call, root);
    } else {
        *ret_answer =
            ended(PRIVYSEAL_AUTH_FAILED, "the identity system answered with a 3xx or 4xx status");
    }
}
