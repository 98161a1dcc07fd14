#include "frontends/plugins/registry/knowledge.h"

#include "lib/base/encode.h"

#define CHALLENGE_MAX 2000u

#define LABELS(en, fr, ar, hi)                                                                     \
    "\"labelName\":{\"eng\":\"" en "\",\"fra\":\"" fr "\",\"ara\":\"" ar "\",\"hin\":\"" hi "\"}"

const char knowledge_form[] =
    "{\"schema\":["
    "{\"id\":\"policyNumber\",\"controlType\":\"textbox\"," LABELS(
        "Policy number", "Numéro de police", "رقم الوثيقة",
        "पॉलिसी संख्या") ",\"required\":true,\"maxLength\":64},"
                       "{\"id\":\"fullName\",\"controlType\":\"textbox\"," LABELS(
                           "Full name", "Nom complet", "الاسم الكامل",
                           "पूरा नाम") ",\"required\":true,\"maxLength\":200},"
                                      "{\"id\":\"dob\",\"controlType\":\"date\"," LABELS(
                                          "Date of birth", "Date de naissance", "تاريخ الميلاد",
                                          "जन्म तिथि") ",\"required\":true,\"format\":\"yyyy-MM-"
                                                      "dd\"}],"
                                                      "\"language\":{\"mandatory\":[\"eng\"],"
                                                      "\"optional\":[\"fra\",\"ara\",\"hin\"],"
                                                      "\"langCodeMap\":{\"eng\":\"en\",\"fra\":"
                                                      "\"fr\","
                                                      "\"ara\":\"ar\",\"hin\":\"hi\"}}}";

static enum ps_err read_text(struct json_value root, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    if (!json_member(root, name, &value)) {
        return ps_fail(PS_E_INPUT, 0, "no %s", name);
    }
    return json_string(value, ret_text);
}

enum ps_err knowledge_read(struct json *json, struct ps_bytes challenge, struct ps_buf *ret_text,
                           struct knowledge *ret_knowledge)
{
    static const struct json_limits limits = {CHALLENGE_MAX, 2, 20, false};
    struct knowledge knowledge;
    struct json_value root;

    ps_buf_reset(ret_text);
    ret_text->max = CHALLENGE_MAX;
    PS_TRY(ps_base64url_decode(challenge, ret_text));
    PS_TRY(json_parse(json, ps_buf_bytes(ret_text), &limits, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "no object");
    }
    PS_TRY(read_text(root, "policyNumber", &knowledge.policy));
    PS_TRY(read_text(root, "fullName", &knowledge.name));
    PS_TRY(read_text(root, "dob", &knowledge.birthdate));
    *ret_knowledge = knowledge;
    return PS_OK;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next octet of a name: white space between words is one space, around them none. 0: the end */
static uint8_t next_of(struct ps_bytes *name, bool begun)
{
    const size_t before = name->len;
    uint8_t c;

    while (name->len != 0 && is_space(name->data[0])) {
        *name = ps_bytes_from(*name, 1);
    }
    if (name->len == 0) {
        return '\0';
    }
    if (name->len != before && begun) {
        return ' ';
    }
    c = name->data[0];
    *name = ps_bytes_from(*name, 1);
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool same_name(struct ps_bytes a, struct ps_bytes b)
{
    uint8_t c = next_of(&a, false);
    uint8_t d = next_of(&b, false);

    if (c == '\0') {
        return false;
    }
    while (c == d && c != '\0') {
        c = next_of(&a, true);
        d = next_of(&b, true);
    }
    return c == d;
}

static bool has_name(struct json_value claims, struct ps_bytes wanted)
{
    const struct ps_bytes plain = ps_bytes_str("name");
    struct json_value value;
    struct ps_bytes claim;
    uint32_t cursor = 0;

    while (json_next(claims, &cursor, &claim, &value)) {
        struct ps_bytes text;

        if (ps_bytes_starts_with(claim, plain) &&
            (claim.len == plain.len || claim.data[plain.len] == '#') &&
            json_string(value, &text) == PS_OK && same_name(text, wanted)) {
            return true;
        }
    }
    return false;
}

bool knowledge_matches(struct json *json, const struct knowledge *knowledge,
                       const struct person *person)
{
    static const struct json_limits limits = {PERSON_CLAIMS_MAX, 4, 1000, false};
    struct json_value claims;
    struct json_value value;
    struct ps_bytes birthdate;

    return person->policy.len != 0 &&
           ps_bytes_equal(ps_buf_bytes(&person->policy), knowledge->policy) &&
           json_parse(json, ps_buf_bytes(&person->claims), &limits, &claims) == PS_OK &&
           has_name(claims, knowledge->name) && json_member(claims, "birthdate", &value) &&
           json_string(value, &birthdate) == PS_OK &&
           ps_bytes_equal(birthdate, knowledge->birthdate);
}
