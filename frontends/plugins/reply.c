#include "frontends/plugins/reply.h"

#include "lib/base/encode.h"
#include "lib/base/secret.h"

#include <stdlib.h>

#define MASKED_MAX PRIVYSEAL_AUTH_ID_MAX

struct part {
    size_t offset;
    size_t max;
};

#define PART(member, max_)                                                                         \
    {                                                                                              \
        offsetof(struct privyseal_auth_answer, member), (max_)                                     \
    }

static const struct part parts[] = {
    PART(code, PRIVYSEAL_AUTH_CODE_MAX),
    PART(detail, PRIVYSEAL_AUTH_CLAIMS_MAX),
    PART(masked_email, MASKED_MAX),
    PART(masked_mobile, MASKED_MAX),
    PART(kyc_token, PRIVYSEAL_AUTH_TOKEN_MAX),
    PART(subject, PRIVYSEAL_AUTH_ID_MAX),
    PART(claims_metadata, PRIVYSEAL_AUTH_CLAIMS_MAX),
    PART(claims, PRIVYSEAL_AUTH_CLAIMS_MAX),
    PART(certificates, PRIVYSEAL_AUTH_CLAIMS_MAX),
};

static struct privyseal_auth_text *text_of(struct privyseal_auth_answer *answer,
                                           const struct part *part)
{
    return (struct privyseal_auth_text *)(void *)((uint8_t *)answer + part->offset);
}

static bool is_text(const struct privyseal_auth_text *text, size_t max)
{
    return text->len <= max && (text->len == 0 || text->data != NULL) &&
           memchr(text->len == 0 ? "" : text->data, '\0', text->len) == NULL &&
           ps_utf8_valid(ps_bytes(text->data, text->len));
}

/* What is too long stays away; reply_settle then misses it. */
static size_t keep_sound(struct privyseal_auth_answer *answer)
{
    size_t len = 0;

    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        struct privyseal_auth_text *text = text_of(answer, &parts[i]);

        if (!is_text(text, parts[i].max)) {
            *text = (struct privyseal_auth_text){NULL, 0};
        }
        len += text->len;
    }
    answer->detail.len =
        ps_utf8_prefix(ps_bytes(answer->detail.data, answer->detail.len < PRIVYSEAL_AUTH_DETAIL_MAX
                                                         ? answer->detail.len
                                                         : PRIVYSEAL_AUTH_DETAIL_MAX));
    return len;
}

struct reply *reply_new(uint64_t call, const struct privyseal_auth_answer *answer)
{
    struct privyseal_auth_answer sound = *answer;
    const size_t len = keep_sound(&sound);
    struct reply *reply = malloc(sizeof *reply + len);
    uint8_t *to;

    if (reply == NULL) {
        return NULL;
    }
    reply->call = call;
    reply->answer = sound;
    reply->len = len;
    to = reply->memory;
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        struct privyseal_auth_text *text = text_of(&reply->answer, &parts[i]);

        if (text->len != 0) {
            memcpy(to, text->data, text->len);
        }
        text->data = (const char *)to;
        to += text->len;
    }
    return reply;
}

void reply_free(struct reply *reply)
{
    if (reply != NULL) {
        ps_wipe(reply->memory, reply->len);
        free(reply);
    }
}

static struct privyseal_auth_text literal(const char *text)
{
    return (struct privyseal_auth_text){text, strlen(text)};
}

static bool is_visible(struct privyseal_auth_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.len != 0;
}

static bool is_code(struct privyseal_auth_text code)
{
    for (size_t i = 0; i < code.len; i++) {
        const uint8_t c = (uint8_t)code.data[i];

        if (!ps_is_letter(c) && !ps_is_digit(c) && strchr("._-", c) == NULL) {
            return false;
        }
    }
    return code.len != 0;
}

static const char *missing(const struct privyseal_auth_answer *answer, enum question_kind kind)
{
    switch (kind) {
    case QUESTION_SEND_OTP:
        return answer->masked_email.len + answer->masked_mobile.len == 0
                   ? "an answer that says not where the password went"
                   : NULL;
    case QUESTION_AUTHENTICATE:
        return is_visible(answer->kyc_token) && is_visible(answer->subject)
                   ? NULL
                   : "an answer without a sound kyc_token and subject";
    case QUESTION_EXCHANGE:
        return answer->claims.len == 0 ? "an answer without claims" : NULL;
    case QUESTION_CERTIFICATES:
        break;
    }
    return answer->certificates.len == 0 ? "an answer without certificates" : NULL;
}

static const char *usual_code(enum question_kind kind)
{
    switch (kind) {
    case QUESTION_SEND_OTP:
        return "send_otp_failed";
    case QUESTION_AUTHENTICATE:
        return "auth_failed";
    case QUESTION_EXCHANGE:
    case QUESTION_CERTIFICATES:
        break;
    }
    return "data_exchange_failed";
}

static void fail(struct privyseal_auth_answer *answer, const char *why)
{
    *answer =
        (struct privyseal_auth_answer){.result = PRIVYSEAL_AUTH_FAILED, .detail = literal(why)};
}

void reply_settle(struct reply *reply, enum question_kind kind)
{
    struct privyseal_auth_answer *answer = &reply->answer;
    const char *why;

    switch (answer->result) {
    case PRIVYSEAL_AUTH_OK:
        why = missing(answer, kind);
        if (why != NULL) {
            fail(answer, why);
        }
        return;
    case PRIVYSEAL_AUTH_REFUSED:
        if (!is_code(answer->code)) {
            answer->code = literal(usual_code(kind));
        }
        return;
    case PRIVYSEAL_AUTH_AWAY:
    case PRIVYSEAL_AUTH_FAILED:
        return;
    }
    fail(answer, "a result that there is not");
}

static bool list_fits(const struct privyseal_auth_list *list)
{
    if (list->count > PRIVYSEAL_AUTH_LIST_MAX) {
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!is_text(&list->items[i], PRIVYSEAL_AUTH_ID_MAX)) {
            return false;
        }
    }
    return true;
}

static bool challenges_fit(const struct privyseal_auth_request *request)
{
    if (request->challenge_count > PRIVYSEAL_AUTH_CHALLENGES) {
        return false;
    }
    for (size_t i = 0; i < request->challenge_count; i++) {
        const struct privyseal_auth_challenge *challenge = &request->challenges[i];

        if (!is_text(&challenge->factor, PRIVYSEAL_AUTH_ID_MAX) ||
            !is_text(&challenge->format, PRIVYSEAL_AUTH_ID_MAX) ||
            !is_text(&challenge->value, PRIVYSEAL_AUTH_CHALLENGE_MAX)) {
            return false;
        }
    }
    return true;
}

bool request_fits(const struct privyseal_auth_request *request)
{
    return is_text(&request->relying_party, PRIVYSEAL_AUTH_ID_MAX) &&
           is_text(&request->client, PRIVYSEAL_AUTH_ID_MAX) &&
           is_text(&request->transaction, PRIVYSEAL_AUTH_ID_MAX) &&
           is_text(&request->individual, PRIVYSEAL_AUTH_ID_MAX) &&
           is_text(&request->source, PRIVYSEAL_AUTH_ID_MAX) &&
           is_text(&request->kyc_token, PRIVYSEAL_AUTH_TOKEN_MAX) &&
           is_text(&request->claim_details, PRIVYSEAL_AUTH_CLAIMS_MAX) &&
           list_fits(&request->channels) && list_fits(&request->claims) &&
           list_fits(&request->locales) && challenges_fit(request);
}
