#include "frontends/oidc/challenge.h"

#include "frontends/oidc/transaction.h"

/* eSignet's formats, and how long the texts are. */
static const struct {
    const char *factor;
    const char *format;
    size_t least;
    size_t most;
} factors[] = {
    {"OTP", "alpha-numeric", 6, 6},
    {"PIN", "number", 6, 6},
    {"PWD", "alpha-numeric", 8, 30},
    {"KBI", "base64url-encoded-json", 50, 500},
    {"BIO", "encoded-json", 500, PRIVYSEAL_AUTH_CHALLENGE_MAX},
    {"WLA", "jwt", 500, 1000},
};

static enum ps_err refuse(const char *code, const char **ret_code)
{
    *ret_code = code;
    return ps_fail(PS_E_INPUT, 0, "%s", code);
}

struct privyseal_auth_text challenge_text(struct ps_bytes text)
{
    return (struct privyseal_auth_text){text.len == 0 ? NULL : (const char *)text.data, text.len};
}

static bool get_text(struct json_value object, const char *name, size_t max, struct ps_bytes *ret)
{
    struct json_value value;

    return json_member(object, name, &value) && json_string(value, ret) == PS_OK && ret->len != 0 &&
           ret->len <= max && memchr(ret->data, '\0', ret->len) == NULL;
}

static bool read_individual(struct json_value request, struct ps_bytes *ret_individual)
{
    if (!get_text(request, "individualId", PRIVYSEAL_AUTH_ID_MAX, ret_individual)) {
        return false;
    }
    for (size_t i = 0; i < ret_individual->len; i++) {
        if (ret_individual->data[i] < 0x20 || ret_individual->data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static enum ps_err read_one(struct json_value value, struct challenges *challenges,
                            struct ps_buf *types, const char **ret_code)
{
    struct ps_bytes factor;
    struct ps_bytes format;
    struct ps_bytes text;
    size_t i = 0;

    if (json_type(value) != JSON_OBJECT || !get_text(value, "authFactorType", 16, &factor)) {
        return refuse("invalid_auth_factor_type", ret_code);
    }
    while (i < PS_COUNT_OF(factors) && !ps_bytes_equal_str(factor, factors[i].factor)) {
        i++;
    }
    /* One of each kind: two of one are one factor. */
    if (i == PS_COUNT_OF(factors) || words_have(ps_buf_bytes(types), factor)) {
        return refuse("invalid_auth_factor_type", ret_code);
    }
    if (!get_text(value, "format", 64, &format) || !ps_bytes_equal_str(format, factors[i].format)) {
        return refuse("invalid_challenge_format", ret_code);
    }
    if (!get_text(value, "challenge", factors[i].most, &text) || text.len < factors[i].least) {
        return refuse("invalid_challenge", ret_code);
    }
    words_add(types, factor);
    challenges->of[challenges->count++] = (struct privyseal_auth_challenge){
        challenge_text(factor), challenge_text(format), challenge_text(text)};
    return PS_OK;
}

enum ps_err challenge_read(struct json_value request, struct challenges *ret_challenges,
                           const char **ret_code)
{
    PS_BUF_AUTO types = {.max = CHALLENGE_WORDS_MAX};
    struct json_value list;
    struct json_value item;
    uint32_t cursor = 0;

    ret_challenges->count = 0;
    if (!read_individual(request, &ret_challenges->individual)) {
        return refuse("invalid_identifier", ret_code);
    }
    if (!json_member(request, "challengeList", &list) || json_type(list) != JSON_ARRAY ||
        json_count(list) == 0 || json_count(list) > PRIVYSEAL_AUTH_CHALLENGES) {
        return refuse("invalid_no_of_challenges", ret_code);
    }
    while (json_next(list, &cursor, NULL, &item)) {
        PS_TRY(read_one(item, ret_challenges, &types, ret_code));
    }
    PS_TRY(ps_buf_status(&types));
    if (types.len != 0) {
        memcpy(ret_challenges->words, types.data, types.len);
    }
    ret_challenges->types = ps_bytes(ret_challenges->words, types.len);
    return PS_OK;
}

enum ps_err challenge_read_otp(struct json_value request, struct ps_bytes channels,
                               struct otp_request *ret_request, const char **ret_code)
{
    struct json_value list;
    struct json_value item;
    struct ps_bytes channel;
    uint32_t cursor = 0;

    ret_request->count = 0;
    if (!read_individual(request, &ret_request->individual)) {
        return refuse("invalid_identifier", ret_code);
    }
    if (!json_member(request, "otpChannels", &list) || json_type(list) != JSON_ARRAY ||
        json_count(list) == 0 || json_count(list) > PRIVYSEAL_AUTH_CHALLENGES) {
        return refuse("invalid_otp_channel", ret_code);
    }
    while (json_next(list, &cursor, NULL, &item)) {
        if (json_string(item, &channel) != PS_OK || !words_have(channels, channel)) {
            return refuse("invalid_otp_channel", ret_code);
        }
        ret_request->channels[ret_request->count++] = challenge_text(channel);
    }
    return PS_OK;
}
