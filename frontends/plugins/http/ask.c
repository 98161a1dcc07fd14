#include "frontends/plugins/http/identity.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

static struct ps_bytes bytes_of(struct privyseal_auth_text text)
{
    return ps_bytes(text.data, text.len);
}

/* RFC 3986 section 2.3: all but the unreserved characters. */
static void put_segment(struct ps_buf *out, struct ps_bytes text)
{
    ps_buf_put_u8(out, '/');
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (ps_is_letter(c) || ps_is_digit(c) || (c != '\0' && strchr("-._~", c) != NULL)) {
            ps_buf_put_u8(out, c);
        } else {
            ps_buf_printf(out, "%%%02X", c);
        }
    }
}

void identity_put_url(const char *base, enum identity_call call,
                      const struct privyseal_auth_request *request, struct ps_buf *out)
{
    static const char *const paths[] = {
        [IDENTITY_SEND_OTP] = "/send-otp",
        [IDENTITY_AUTHENTICATE] = "/v2/kyc-auth",
        [IDENTITY_EXCHANGE] = "/v3/kyc-exchange",
        [IDENTITY_KEYS] = "/keys.json",
    };

    ps_buf_put_str(out, base);
    ps_buf_put_str(out, paths[call]);
    if (call != IDENTITY_KEYS) {
        put_segment(out, bytes_of(request->relying_party));
        put_segment(out, bytes_of(request->client));
    }
}

struct ps_bytes identity_language(struct ps_bytes language)
{
    static const struct {
        char two[3];
        char three[4];
    } languages[] = {
#define LANGUAGE(two, three) {two, three},
#include "frontends/plugins/http/languages.def"
#undef LANGUAGE
    };
    const uint8_t *dash = language.len == 0 ? NULL : memchr(language.data, '-', language.len);
    const size_t len = dash == NULL ? language.len : (size_t)(dash - language.data);

    for (size_t i = 0; i < PS_COUNT_OF(languages); i++) {
        if ((len == 2 && memcmp(language.data, languages[i].two, 2) == 0) ||
            (len == 3 && memcmp(language.data, languages[i].three, 3) == 0)) {
            return ps_bytes(languages[i].three, 3);
        }
    }
    return ps_bytes(NULL, 0);
}

static void put_member(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    ps_buf_put_u8(out, out->len == 0 ? '{' : ',');
    ps_buf_put_json_string(out, ps_bytes_str(name));
    ps_buf_put_u8(out, ':');
    ps_buf_put_json_string(out, text);
}

static void put_list(struct ps_buf *out, const char *name, const struct privyseal_auth_list *list,
                     struct ps_bytes (*change)(struct ps_bytes text))
{
    bool first = true;

    ps_buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < list->count; i++) {
        const struct ps_bytes text = bytes_of(list->items[i]);
        const struct ps_bytes changed = change == NULL ? text : change(text);

        if (changed.len != 0) {
            ps_buf_put_str(out, first ? "" : ",");
            ps_buf_put_json_string(out, changed);
            first = false;
        }
    }
    ps_buf_put_u8(out, ']');
}

struct factor {
    const char *name;
    const char *member;
    bool list;
};

static const struct factor factors[] = {
    {"OTP", "otp", false}, {"PIN", "pin", false},        {"PWD", "password", false},
    {"KBI", "kbi", false}, {"BIO", "biometrics", false}, {"WLA", "tokens", true},
};

static const struct factor *find_factor(struct ps_bytes name)
{
    for (size_t i = 0; i < PS_COUNT_OF(factors); i++) {
        if (ps_bytes_equal_str(name, factors[i].name)) {
            return &factors[i];
        }
    }
    return NULL;
}

/* Each factor has one member: a second one of its kind would be lost. */
static enum ps_err put_challenges(struct ps_buf *out, const struct privyseal_auth_request *request)
{
    unsigned seen = 0;

    for (size_t i = 0; i < request->challenge_count; i++) {
        const struct privyseal_auth_challenge *challenge = &request->challenges[i];
        const struct factor *factor = find_factor(bytes_of(challenge->factor));
        const unsigned bit = factor == NULL ? 0 : 1U << (factor - factors);

        if (factor == NULL || (seen & bit) != 0) {
            return ps_fail(PS_E_INPUT, 0, "a factor that the identity system does not have");
        }
        seen |= bit;
        ps_buf_printf(out, ",\"%s\":%s", factor->member, factor->list ? "[" : "");
        ps_buf_put_json_string(out, bytes_of(challenge->value));
        ps_buf_put_str(out, factor->list ? "]" : "");
    }
    return PS_OK;
}

static void put_exchange(struct ps_buf *out, const struct privyseal_auth_request *request,
                         uint64_t now_ns)
{
    put_member(out, "kycToken", bytes_of(request->kyc_token));
    ps_buf_put_str(out, ",\"requestDateTime\":\"");
    ps_buf_put_time(out, now_ns, 3);
    ps_buf_put_u8(out, '"');
    put_list(out, "acceptedClaims", &request->claims, NULL);
    put_list(out, "claimLocales", &request->locales, identity_language);
    if (request->claim_details.len != 0) {
        ps_buf_put_str(out, ",\"acceptedClaimDetail\":");
        ps_buf_put(out, bytes_of(request->claim_details));
    }
    put_member(out, "respType", ps_bytes_str(request->form == PRIVYSEAL_AUTH_JWE ? "JWE" : "JWS"));
}

enum ps_err identity_put_body(enum identity_call call, const struct privyseal_auth_request *request,
                              uint64_t now_ns, struct ps_buf *out)
{
    if (call == IDENTITY_KEYS) {
        return PS_OK;
    }
    put_member(out, "transactionId", bytes_of(request->transaction));
    put_member(out, "individualId", bytes_of(request->individual));
    if (call == IDENTITY_SEND_OTP) {
        put_list(out, "otpChannels", &request->channels, NULL);
    } else if (call == IDENTITY_AUTHENTICATE) {
        PS_TRY(put_challenges(out, request));
        ps_buf_printf(out, ",\"claimMetadataRequired\":%s",
                      request->metadata_wanted != 0 ? "true" : "false");
    } else {
        put_exchange(out, request, now_ns);
    }
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}
