#include "tests/bench/scripts.h"
#include "tests/bench/talk.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BASE     "/v1/esignet"
#define TEXT_MAX 32768u

enum text { CSRF, COOKIE, TRANSACTION, HASH, PERSON, OTP, CODE, TOKEN, TEXTS };

/* Someone before a browser, and the relying party that they came from. */
struct visitor {
    size_t step;
    struct ps_buf of[TEXTS];
    char verifier[64];
};

struct logins {
    struct load_result *result;
    struct visitor *visitors;
    struct json_value config;
    struct ps_bytes *people;
    size_t people_count;
    size_t next_person;
    size_t steps;
    struct signer *signer;
    struct json *json;
    struct ps_buf fields; /* of the request that is being made, as the next */
    struct ps_buf body;
};

static struct ps_bytes text_of(const struct visitor *visitor, enum text text)
{
    return ps_buf_bytes(&visitor->of[text]);
}

static void put_fields(struct logins *logins, const struct visitor *visitor)
{
    ps_buf_reset(&logins->fields);
    ps_buf_printf(&logins->fields, "X-XSRF-TOKEN: %.*s\r\nCookie: %.*s\r\n",
                  PS_BYTES_FMT(text_of(visitor, CSRF)), PS_BYTES_FMT(text_of(visitor, COOKIE)));
    if (visitor->of[HASH].len != 0) {
        ps_buf_printf(&logins->fields, "oauth-details-key: %.*s\r\noauth-details-hash: %.*s\r\n",
                      PS_BYTES_FMT(text_of(visitor, TRANSACTION)),
                      PS_BYTES_FMT(text_of(visitor, HASH)));
    }
}

static void put_get(const char *path, struct ps_bytes fields, struct ps_buf *out)
{
    talk_put(&(struct talk){.method = "GET", .path = ps_bytes_str(path), .fields = fields}, out);
}

/* The envelope's end is the caller's. */
static void begin_body(struct logins *logins)
{
    ps_buf_reset(&logins->body);
    ps_buf_put_str(&logins->body, "{\"requestTime\":\"");
    ps_buf_put_time(&logins->body, ps_clock_real_ns(), 3);
    ps_buf_put_str(&logins->body, "\",\"request\":{");
}

static void begin_step(struct logins *logins, const struct visitor *visitor)
{
    begin_body(logins);
    ps_buf_printf(&logins->body, "\"transactionId\":\"%.*s\"",
                  PS_BYTES_FMT(text_of(visitor, TRANSACTION)));
}

static void put_post(struct logins *logins, const struct visitor *visitor, const char *path,
                     struct ps_buf *out)
{
    put_fields(logins, visitor);
    ps_buf_put_str(&logins->body, "}}");
    talk_put(&(struct talk){.method = "POST",
                            .path = ps_bytes_str(path),
                            .media = "application/json",
                            .fields = ps_buf_bytes(&logins->fields),
                            .body = ps_buf_bytes(&logins->body)},
             out);
}

static void ask_csrf(struct logins *logins, struct visitor *visitor, struct ps_buf *out)
{
    (void)logins;
    (void)visitor;
    put_get(BASE "/csrf/token", ps_bytes(NULL, 0), out);
}

static void ask_details(struct logins *logins, struct visitor *visitor, struct ps_buf *out)
{
    uint8_t random[32];
    uint8_t hash[PS_SHA256_LEN];

    ps_random(random, sizeof random);
    ps_base64url_encode(ps_bytes(random, sizeof random), visitor->verifier);
    ps_sha256(ps_bytes(visitor->verifier, ps_base64url_len(sizeof random)), hash);
    begin_body(logins);
    ps_buf_put(&logins->body, talk_text(logins->config, "request"));
    ps_buf_put_str(&logins->body, ",\"codeChallenge\":\"");
    ps_buf_put_base64url(&logins->body, ps_bytes(hash, sizeof hash));
    ps_buf_put_str(&logins->body, "\"");
    put_post(logins, visitor, BASE "/authorization/v3/oauth-details", out);
}

static void ask_otp(struct logins *logins, struct visitor *visitor, struct ps_buf *out)
{
    ps_buf_reset(&visitor->of[PERSON]);
    ps_buf_put(&visitor->of[PERSON], logins->people[logins->next_person++ % logins->people_count]);
    begin_step(logins, visitor);
    ps_buf_printf(&logins->body, ",\"individualId\":\"%.*s\",\"otpChannels\":[\"email\"]",
                  PS_BYTES_FMT(text_of(visitor, PERSON)));
    put_post(logins, visitor, BASE "/authorization/send-otp", out);
}

static void ask_who(struct logins *logins, struct visitor *visitor, struct ps_buf *out)
{
    begin_step(logins, visitor);
    ps_buf_printf(&logins->body,
                  ",\"individualId\":\"%.*s\",\"challengeList\":[{\"authFactorType\":\"OTP\","
                  "\"challenge\":\"%.*s\",\"format\":\"alpha-numeric\"}]",
                  PS_BYTES_FMT(text_of(visitor, PERSON)), PS_BYTES_FMT(text_of(visitor, OTP)));
    put_post(logins, visitor, BASE "/authorization/v3/authenticate", out);
}

static void ask_claims(struct logins *logins, struct visitor *visitor, struct ps_buf *out)
{
    put_fields(logins, visitor);
    put_get(BASE "/authorization/claim-details", ps_buf_bytes(&logins->fields), out);
}

static void ask_code(struct logins *logins, struct visitor *visitor, struct ps_buf *out)
{
    begin_step(logins, visitor);
    ps_buf_put_str(&logins->body,
                   ",\"acceptedClaims\":[\"name\",\"email\"],\"permittedAuthorizeScopes\":[]");
    put_post(logins, visitor, BASE "/authorization/auth-code", out);
}

static void put_assertion(const struct logins *logins, struct ps_buf *out)
{
    const struct ps_bytes client = talk_text(logins->config, "client");
    const unsigned long long now_s = ps_clock_real_ns() / PS_NS_PER_S;
    PS_BUF_AUTO claims = {.max = 4096};
    uint8_t id[16];

    ps_random(id, sizeof id);
    ps_buf_printf(&claims, "{\"iss\":\"%.*s\",\"sub\":\"%.*s\",\"aud\":\"%.*s\",\"jti\":\"",
                  PS_BYTES_FMT(client), PS_BYTES_FMT(client),
                  PS_BYTES_FMT(talk_text(logins->config, "issuer")));
    ps_buf_put_hex(&claims, ps_bytes(id, sizeof id));
    ps_buf_printf(&claims, "\",\"iat\":%llu,\"exp\":%llu}", now_s, now_s + 120);
    signer_put_jwt(logins->signer, ps_bytes_str("{\"alg\":\"ES256\"}"), ps_buf_bytes(&claims), out);
}

static void ask_token(struct logins *logins, struct visitor *visitor, struct ps_buf *out)
{
    ps_buf_reset(&logins->body);
    ps_buf_printf(&logins->body,
                  "grant_type=authorization_code&code=%.*s&code_verifier=%.*s&"
                  "client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3A"
                  "client-assertion-type%%3Ajwt-bearer&%.*s&client_assertion=",
                  PS_BYTES_FMT(text_of(visitor, CODE)), (int)ps_base64url_len(32),
                  visitor->verifier, PS_BYTES_FMT(talk_text(logins->config, "form")));
    put_assertion(logins, &logins->body);
    talk_put(&(struct talk){.method = "POST",
                            .path = ps_bytes_str(BASE "/oauth/v2/token"),
                            .media = "application/x-www-form-urlencoded",
                            .body = ps_buf_bytes(&logins->body)},
             out);
}

static void ask_userinfo(struct logins *logins, struct visitor *visitor, struct ps_buf *out)
{
    ps_buf_reset(&logins->fields);
    ps_buf_printf(&logins->fields, "Authorization: Bearer %.*s\r\n",
                  PS_BYTES_FMT(text_of(visitor, TOKEN)));
    put_get(BASE "/oidc/userinfo", ps_buf_bytes(&logins->fields), out);
}

static bool take_csrf(struct logins *logins, struct visitor *visitor,
                      const struct load_answer *answer, struct json_value root)
{
    const char *cookie = strcasestr((const char *)answer->head.data, "\r\nSet-Cookie: ");

    (void)logins;
    if (cookie == NULL) {
        return false;
    }
    cookie += strlen("\r\nSet-Cookie: ");
    ps_buf_reset(&visitor->of[COOKIE]);
    ps_buf_put(&visitor->of[COOKIE], ps_bytes(cookie, strcspn(cookie, ";\r")));
    return talk_get(root, "token", &visitor->of[CSRF]);
}

/* What the browser shows that it has seen all of it. */
static bool take_details(struct logins *logins, struct visitor *visitor,
                         const struct load_answer *answer, struct json_value root)
{
    uint8_t hash[PS_SHA256_LEN];

    (void)logins;
    (void)answer;
    ps_sha256(json_raw(root), hash);
    ps_buf_reset(&visitor->of[HASH]);
    ps_buf_put_base64url(&visitor->of[HASH], ps_bytes(hash, sizeof hash));
    return talk_get(root, "transactionId", &visitor->of[TRANSACTION]);
}

/* Instead of reading mail. */
static bool take_otp(struct logins *logins, struct visitor *visitor,
                     const struct load_answer *answer, struct json_value root)
{
    char path[512];
    char text[1024];
    ssize_t len;
    int fd;

    (void)answer;
    (void)root;
    (void)snprintf(path, sizeof path, "%.*s/%.*s.json",
                   PS_BYTES_FMT(talk_text(logins->config, "otps")),
                   PS_BYTES_FMT(text_of(visitor, PERSON)));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0) {
        (void)close(fd);
    }
    return len > 0 && unlink(path) == 0 &&
           json_parse(logins->json, ps_bytes(text, (size_t)len), &JSON_LIMITS_REQUEST, &root) ==
               PS_OK &&
           talk_get(root, "otp", &visitor->of[OTP]);
}

static bool take_nothing(struct logins *logins, struct visitor *visitor,
                         const struct load_answer *answer, struct json_value root)
{
    (void)logins;
    (void)visitor;
    (void)answer;
    (void)root;
    return true;
}

static bool take_code(struct logins *logins, struct visitor *visitor,
                      const struct load_answer *answer, struct json_value root)
{
    (void)logins;
    (void)answer;
    return talk_get(root, "code", &visitor->of[CODE]);
}

static bool take_tokens(struct logins *logins, struct visitor *visitor,
                        const struct load_answer *answer, struct json_value root)
{
    (void)answer;
    if (!talk_get(root, "id_token", &visitor->of[TOKEN])) {
        return false;
    }
    talk_keep(logins->result, text_of(visitor, TOKEN));
    if (!talk_get(root, "access_token", &visitor->of[TOKEN])) {
        return false;
    }
    talk_keep(logins->result, text_of(visitor, TOKEN));
    return true;
}

static bool take_userinfo(struct logins *logins, struct visitor *visitor,
                          const struct load_answer *answer, struct json_value root)
{
    (void)visitor;
    (void)root;
    talk_keep(logins->result, answer->body);
    return true;
}

/* In what the answer comes: JSON as it is, eSignet's envelope, or no JSON. */
enum form { BARE, ENVELOPE, TEXT };

static const struct {
    const char *what;
    void (*ask)(struct logins *logins, struct visitor *visitor, struct ps_buf *out);
    bool (*take)(struct logins *logins, struct visitor *visitor, const struct load_answer *answer,
                 struct json_value root);
    enum form form;
} steps[] = {
    {"csrf", ask_csrf, take_csrf, BARE},
    {"oauth-details", ask_details, take_details, ENVELOPE},
    {"send-otp", ask_otp, take_otp, ENVELOPE},
    {"authenticate", ask_who, take_nothing, ENVELOPE},
    {"claim-details", ask_claims, take_nothing, ENVELOPE},
    {"auth-code", ask_code, take_code, ENVELOPE},
    {"token", ask_token, take_tokens, BARE},
    {"userinfo", ask_userinfo, take_userinfo, TEXT},
};

static void begin(void *context, unsigned connection, struct ps_buf *request)
{
    struct logins *logins = context;
    struct visitor *visitor = &logins->visitors[connection];

    visitor->step = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        ps_buf_reset(&visitor->of[i]);
    }
    steps[0].ask(logins, visitor, request);
}

/* The object that the answer is about. */
static bool read_answer(struct logins *logins, const struct load_answer *answer, enum form form,
                        struct json_value *ret_root)
{
    struct json_value root = {NULL, 0};

    *ret_root = root;
    if (answer->status != 200 || form == TEXT) {
        return answer->status == 200;
    }
    if (json_parse(logins->json, answer->body, &JSON_LIMITS_REQUEST, &root) != PS_OK) {
        return false;
    }
    *ret_root = root;
    return form == BARE ||
           (json_member(root, "response", ret_root) && json_type(*ret_root) == JSON_OBJECT);
}

static enum load_step next(void *context, unsigned connection, const struct load_answer *answer,
                           struct ps_buf *request)
{
    struct logins *logins = context;
    struct visitor *visitor = &logins->visitors[connection];
    const size_t step = visitor->step++;
    struct json_value root;

    if (!read_answer(logins, answer, steps[step].form, &root) ||
        !steps[step].take(logins, visitor, answer, root)) {
        talk_show_failure(steps[step].what, answer);
        return LOAD_FAILED;
    }
    if (visitor->step == logins->steps || visitor->step == PS_COUNT_OF(steps)) {
        return LOAD_DONE;
    }
    steps[visitor->step].ask(logins, visitor, request);
    return LOAD_GOES_ON;
}

static struct visitor *make_visitors(unsigned count)
{
    struct visitor *visitors = calloc(count, sizeof *visitors);

    for (unsigned i = 0; visitors != NULL && i < count; i++) {
        for (size_t k = 0; k < TEXTS; k++) {
            ps_buf_init(&visitors[i].of[k], TEXT_MAX);
        }
    }
    return visitors;
}

struct load_script logins_script(struct ps_bytes config, unsigned connections,
                                 struct load_result *result)
{
    struct logins *logins = calloc(1, sizeof *logins);

    if (logins == NULL || json_new(&logins->json) != PS_OK) {
        exit(1);
    }
    logins->result = result;
    logins->config = talk_read(config);
    logins->signer = signer_read(talk_text(logins->config, "key"));
    logins->steps = talk_number(logins->config, "steps");
    talk_texts(logins->config, "people", &logins->people, &logins->people_count);
    /* Where this run begins among them. */
    logins->next_person = talk_number(logins->config, "from");
    ps_buf_init(&logins->fields, TEXT_MAX);
    ps_buf_init(&logins->body, 2 * TEXT_MAX);
    logins->visitors = make_visitors(connections);
    return (struct load_script){.context = logins, .begin = begin, .next = next};
}
