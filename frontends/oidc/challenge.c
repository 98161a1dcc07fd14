#include "frontends/oidc/challenge.h"

#include "frontends/oidc/transaction.h"

#include <assert.h>

/* eSignet's formats, and how long the texts are. */
static const struct challenge_kind factors[] = {
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

static bool get_text(struct json_value object, const char *name, struct ps_bytes *ret)
{
    struct json_value value;

    return json_member(object, name, &value) && json_string(value, ret) == PS_OK && ret->len != 0;
}

static bool is_individual(struct ps_bytes individual)
{
    for (size_t i = 0; i < individual.len; i++) {
        if (individual.data[i] < 0x20 || individual.data[i] == 0x7f) {
            return false;
        }
    }
    return individual.len != 0 && individual.len <= PRIVYSEAL_AUTH_ID_MAX;
}

static enum ps_err read_individual(struct json_value request, struct ps_bytes *ret_individual,
                                   const char **ret_code)
{
    *ret_individual = ps_bytes(NULL, 0);
    (void)get_text(request, "individualId", ret_individual);
    return is_individual(*ret_individual) ? PS_OK : refuse("invalid_identifier", ret_code);
}

enum ps_err challenge_begin(struct ps_bytes individual, struct challenges *ret_challenges,
                            const char **ret_code)
{
    ret_challenges->count = 0;
    ret_challenges->types = ps_bytes(ret_challenges->words, 0);
    ret_challenges->individual = individual;
    return is_individual(individual) ? PS_OK : refuse("invalid_identifier", ret_code);
}

const struct challenge_kind *challenge_kind_of(struct ps_bytes factor)
{
    for (size_t i = 0; i < PS_COUNT_OF(factors); i++) {
        if (ps_bytes_equal_str(factor, factors[i].factor)) {
            return &factors[i];
        }
    }
    return NULL;
}

/* A factor's name is short, and each stands there once: all of them have room. */
static void note_type(struct challenges *challenges, struct ps_bytes factor)
{
    size_t len = challenges->types.len;

    assert(len + 1 + factor.len <= sizeof challenges->words);
    if (len != 0) {
        challenges->words[len++] = ' ';
    }
    memcpy(challenges->words + len, factor.data, factor.len);
    challenges->types = ps_bytes(challenges->words, len + factor.len);
}

enum ps_err challenge_add(const struct challenge_shown *shown, struct challenges *challenges,
                          const char **ret_code)
{
    const struct challenge_kind *kind = challenge_kind_of(shown->factor);

    /* One of each kind: two of one are one factor. */
    if (kind == NULL || words_have(challenges->types, shown->factor)) {
        return refuse("invalid_auth_factor_type", ret_code);
    }
    if (!ps_bytes_equal_str(shown->format, kind->format)) {
        return refuse("invalid_challenge_format", ret_code);
    }
    if (shown->text.len < kind->least || shown->text.len > kind->most ||
        memchr(shown->text.data, '\0', shown->text.len) != NULL) {
        return refuse("invalid_challenge", ret_code);
    }
    if (challenges->count == PRIVYSEAL_AUTH_CHALLENGES) {
        return refuse("invalid_no_of_challenges", ret_code);
    }
    note_type(challenges, shown->factor);
    challenges->of[challenges->count++] = (struct privyseal_auth_challenge){
        challenge_text(shown->factor), challenge_text(shown->format), challenge_text(shown->text)};
    return PS_OK;
}

static enum ps_err read_one(struct json_value value, struct challenges *challenges,
                            const char **ret_code)
{
    struct challenge_shown shown = {.text = {NULL, 0}};

    if (json_type(value) != JSON_OBJECT || !get_text(value, "authFactorType", &shown.factor)) {
        return refuse("invalid_auth_factor_type", ret_code);
    }
    (void)get_text(value, "format", &shown.format);
    (void)get_text(value, "challenge", &shown.text);
    return challenge_add(&shown, challenges, ret_code);
}

enum ps_err challenge_read(struct json_value request, struct challenges *ret_challenges,
                           const char **ret_code)
{
    struct ps_bytes individual;
    struct json_value list;
    struct json_value item;
    uint32_t cursor = 0;

    PS_TRY(read_individual(request, &individual, ret_code));
    PS_TRY(challenge_begin(individual, ret_challenges, ret_code));
    if (!json_member(request, "challengeList", &list) || json_type(list) != JSON_ARRAY ||
        json_count(list) == 0 || json_count(list) > PRIVYSEAL_AUTH_CHALLENGES) {
        return refuse("invalid_no_of_challenges", ret_code);
    }
    while (json_next(list, &cursor, NULL, &item)) {
        PS_TRY(read_one(item, ret_challenges, ret_code));
    }
    return PS_OK;
}

enum ps_err challenge_ask_otp(struct ps_bytes individual, struct ps_bytes channels,
                              struct otp_request *ret_request, const char **ret_code)
{
    struct ps_bytes channel;

    ret_request->count = 0;
    ret_request->individual = individual;
    if (!is_individual(individual)) {
        return refuse("invalid_identifier", ret_code);
    }
    while (ret_request->count < PRIVYSEAL_AUTH_CHALLENGES && words_next(&channels, &channel)) {
        ret_request->channels[ret_request->count++] = challenge_text(channel);
    }
    return ret_request->count != 0 ? PS_OK : refuse("invalid_otp_channel", ret_code);
}

enum ps_err challenge_read_otp(struct json_value request, struct ps_bytes channels,
                               struct otp_request *ret_request, const char **ret_code)
{
    struct json_value list;
    struct json_value item;
    struct ps_bytes channel;
    uint32_t cursor = 0;

    ret_request->count = 0;
    PS_TRY(read_individual(request, &ret_request->individual, ret_code));
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
