#include "tests/keeper/shares.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/custody/one_time.h"
#include "lib/ceremony/custody/share.h"
#include "lib/ceremony/custody/share_cms.h"
#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"

#include <stdio.h>
#include <time.h>

#define SEALED_MAX 8192u

const char *const shares_holders[2] = {"alice", "bob"};

static struct ps_secret *keys[PS_COUNT_OF(shares_holders)];

/* --- Whom shares are for --- */

static void put_holder(size_t index, struct ps_buf *out)
{
    PS_BUF_AUTO certificate = {.max = CMS_RECIPIENT_MAX};

    assert_ok(officer_key_make(ps_bytes_str(shares_holders[index]), (uint64_t)time(NULL),
                               &keys[index], &certificate));
    ps_buf_printf(out, "%s{\"officer\":\"%s\",\"certificate\":\"", index == 0 ? "" : ",",
                  shares_holders[index]);
    ps_buf_put_base64url(out, ps_buf_bytes(&certificate));
    ps_buf_put_str(out, "\"}");
}

/* Whom the keys are for stays the same while the program runs. */
static const char *holders(void)
{
    static char text[4096];
    PS_BUF_AUTO out = {.max = sizeof text - 1};

    for (size_t i = 0; text[0] == 0 && i < PS_COUNT_OF(shares_holders); i++) {
        put_holder(i, &out);
    }
    assert_ok(ps_buf_status(&out));
    if (text[0] == 0) {
        memcpy(text, out.data, out.len);
    }
    return text;
}

const char *shares_parameters(void)
{
    static char text[4200];

    (void)snprintf(text, sizeof text, "{\"threshold\":2,\"holders\":[%s]}", holders());
    return text;
}

const char *shares_so_parameters(void)
{
    static char text[4200];

    (void)snprintf(text, sizeof text, "{\"pin\":\"so\",\"threshold\":2,\"holders\":[%s]}",
                   holders());
    return text;
}

const char *shares_of_one_certificate(void)
{
    static const char member[] = "\"certificate\":\"";
    static char text[4200];
    const char *first = strstr(holders(), member);
    int len;

    assert_non_null(first);
    first += sizeof member - 1;
    len = (int)strcspn(first, "\"");
    (void)snprintf(text, sizeof text,
                   "{\"threshold\":2,\"holders\":[{\"officer\":\"%s\",\"certificate\":\"%.*s\"},"
                   "{\"officer\":\"%s\",\"certificate\":\"%.*s\"}]}",
                   shares_holders[0], len, first, shares_holders[1], len, first);
    return text;
}

static struct ps_bytes key_of(const char *officer)
{
    for (size_t i = 0; i < PS_COUNT_OF(shares_holders); i++) {
        if (strcmp(officer, shares_holders[i]) == 0) {
            assert_non_null(keys[i]);
            return ps_secret_bytes(keys[i]);
        }
    }
    fail_msg("%s holds no shares", officer);
    return ps_bytes(NULL, 0);
}

/* --- What is read --- */

/* False: the keeper has died meanwhile. */
static bool read_json(struct stack *stack, enum read_resource resource, struct json *parser,
                      struct ps_buf *body, struct json_value *ret_root)
{
    const unsigned status = stack_read(stack, resource, "", body);

    if (status == 0) {
        return false;
    }
    assert_int_equal(status, 200);
    assert_ok(json_parse(parser, ps_buf_bytes(body), &JSON_LIMITS_REQUEST, ret_root));
    return true;
}

static bool is_text(struct json_value object, const char *member, const char *expected)
{
    struct json_value value;
    struct ps_bytes text;

    return json_member(object, member, &value) && json_string(value, &text) == PS_OK &&
           ps_bytes_equal_str(text, expected);
}

/* The item of this name in an array of objects, by one member of theirs. */
static bool find_item(struct json_value object, const char *array, const char *member,
                      const char *expected, struct json_value *ret_item)
{
    struct json_value list;
    uint32_t cursor = 0;

    assert_true(json_member(object, array, &list));
    while (json_next(list, &cursor, NULL, ret_item)) {
        if (is_text(*ret_item, member, expected)) {
            return true;
        }
    }
    return false;
}

/* False: there is no such splitting, or the officer holds none of its shares. */
static bool find_sealed(struct stack *stack, const char *officer, const char *pin,
                        struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_BUF_AUTO body = {.max = IPC_DOCUMENT_MAX};
    struct json_value root;
    struct json_value item;
    struct json_value holder;
    struct json_value sealed;
    struct ps_bytes text;

    assert_ok(json_new(&parser));
    if (!read_json(stack, READ_PINS, parser, &body, &root) ||
        !find_item(root, "items", "name", pin, &item) ||
        !find_item(item, "holders", "officer", officer, &holder)) {
        return false;
    }
    assert_true(json_member(holder, "sealed", &sealed));
    assert_ok(json_string(sealed, &text));
    assert_ok(ps_base64url_decode(text, out));
    return true;
}

/* "main/so/next" is of the PIN "so" of the token "main". */
static bool is_of(struct json_value item, const char *splitting)
{
    const char *pin = strchr(splitting, '/') + 1;
    char token[32];

    (void)snprintf(token, sizeof token, "%.*s", (int)(pin - splitting - 1), splitting);
    return is_text(item, "token", token) &&
           is_text(item, "pin", strncmp(pin, "so", 2) == 0 ? "so" : "user");
}

static struct public_key *read_key(struct json_value item)
{
    struct public_key *key = NULL;
    struct json_value jwk;

    assert_true(json_member(item, "key", &jwk));
    assert_ok(public_key_from_jwk_value(jwk, &key));
    return key;
}

/*
 * The key to which shares of this splitting are sealed, for the operation if one is named; or any
 * other one; NULL: nothing waits.
 */
static struct public_key *read_unlock_key(struct stack *stack, const char *splitting,
                                          const char *operation)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_BUF_AUTO body = {.max = IPC_DOCUMENT_MAX};
    struct public_key *other = NULL;
    struct json_value root;
    struct json_value list;
    struct json_value item;
    uint32_t cursor = 0;

    assert_ok(json_new(&parser));
    if (!read_json(stack, READ_UNLOCK, parser, &body, &root) ||
        !json_member(root, "tokens", &list)) {
        return NULL;
    }
    while (json_next(list, &cursor, NULL, &item)) {
        if (is_of(item, splitting) &&
            (operation == NULL || is_text(item, "operation", operation))) {
            public_key_free(other);
            return read_key(item);
        }
        if (other == NULL) {
            other = read_key(item);
        }
    }
    return other;
}

/* --- What is given --- */

static struct msg_unlock_share message_of(struct ps_bytes sealed, struct ps_buf *memory)
{
    struct jwe_parsed jwe;

    *memory = (struct ps_buf){.max = JWE_PARSE_ROOM(SEALED_MAX)};
    assert_ok(jwe_parse(sealed, memory, &jwe));
    return (struct msg_unlock_share){.caller = stack_caller(),
                                     .request_id = ps_bytes_str("share-1"),
                                     .header = jwe.sealed.header_b64,
                                     .iv = jwe.sealed.iv,
                                     .ciphertext = jwe.sealed.ciphertext,
                                     .tag = jwe.sealed.tag,
                                     .point = jwe.epk};
}

unsigned shares_pass_on(struct stack *stack, struct wire *api, struct ps_bytes sealed,
                        struct ps_buf *out)
{
    PS_BUF_AUTO memory;
    const struct msg_unlock_share message = message_of(sealed, &memory);
    struct wire_frame answer;

    stack_call(stack, api, &msg_unlock_share_info, &message, &answer);
    return stack_status_of(&answer, out);
}

void shares_send(struct wire *api, struct ps_bytes sealed)
{
    PS_BUF_AUTO memory;
    const struct msg_unlock_share message = message_of(sealed, &memory);

    (void)wire_send(api, &msg_unlock_share_info, &message);
}

bool shares_seal(struct stack *stack, const char *officer, const char *splitting,
                 struct ps_buf *out)
{
    return shares_seal_for(stack, officer, splitting, NULL, out);
}

/* The officer's share of one splitting, sealed to a key. */
static bool seal_to(struct stack *stack, const char *officer, const char *splitting,
                    const struct public_key *to, struct ps_buf *out)
{
    PS_BUF_AUTO sealed = {.max = CMS_SEALED_MAX};
    PS_BUF_AUTO share = {.max = SHARE_OCTETS_MAX};

    if (to == NULL || !find_sealed(stack, officer, splitting, &sealed)) {
        return false;
    }
    assert_ok(cms_open(ps_buf_bytes(&sealed), key_of(officer), &share));
    assert_ok(one_time_seal(to, ps_buf_bytes(&share), out));
    return true;
}

bool shares_seal_for(struct stack *stack, const char *officer, const char *splitting,
                     const char *operation, struct ps_buf *out)
{
    PS_CLEANUP(public_key_free_cleanup)
    struct public_key *to = read_unlock_key(stack, splitting, operation);

    return seal_to(stack, officer, splitting, to, out);
}

bool shares_seal_crossed(struct stack *stack, const char *officer, const char *splitting,
                         const char *other, struct ps_buf *out)
{
    PS_CLEANUP(public_key_free_cleanup)
    struct public_key *to = read_unlock_key(stack, other, NULL);

    return seal_to(stack, officer, splitting, to, out);
}

unsigned shares_give_strange(struct stack *stack, const char *token, struct ps_buf *out)
{
    static const uint8_t zeros[32] = {0};
    const struct share share = {.pin = SHARE_PIN_SO,
                                .number = 1,
                                .threshold = 2,
                                .count = 2,
                                .token = ps_bytes_str(token),
                                .officer = ps_bytes_str(shares_holders[0]),
                                .value = ps_bytes(zeros, sizeof zeros),
                                .blind = ps_bytes(zeros, SHARE_BLIND_LEN)};
    PS_BUF_AUTO octets = {.max = SHARE_OCTETS_MAX};
    PS_BUF_AUTO text = {.max = SEALED_MAX};
    PS_CLEANUP(public_key_free_cleanup) struct public_key *to = NULL;
    char splitting[64];

    (void)snprintf(splitting, sizeof splitting, "%s/so", token);
    to = read_unlock_key(stack, splitting, NULL);
    assert_non_null(to);
    assert_ok(share_put(&share, &octets));
    assert_ok(one_time_seal(to, ps_buf_bytes(&octets), &text));
    return shares_pass_on(stack, &stack->management, ps_buf_bytes(&text), out);
}

unsigned shares_give_of(struct stack *stack, const char *officer, const char *splitting,
                        struct ps_buf *out)
{
    PS_BUF_AUTO text = {.max = SEALED_MAX};

    return shares_seal(stack, officer, splitting, &text)
               ? shares_pass_on(stack, &stack->management, ps_buf_bytes(&text), out)
               : 0;
}

unsigned shares_give(struct stack *stack, const char *officer, const char *token, bool is_next,
                     struct ps_buf *out)
{
    char splitting[64];

    (void)snprintf(splitting, sizeof splitting, "%s/user%s", token, is_next ? "/next" : "");
    return shares_give_of(stack, officer, splitting, out);
}

static void give_all_of(struct stack *stack, const char *splitting)
{
    PS_BUF_AUTO out = {.max = IPC_DOCUMENT_MAX};

    for (size_t i = 0; i < PS_COUNT_OF(shares_holders); i++) {
        (void)shares_give_of(stack, shares_holders[i], splitting, &out);
    }
}

void shares_release_so(struct stack *stack, const char *token)
{
    char splitting[64];

    (void)snprintf(splitting, sizeof splitting, "%s/so/next", token);
    give_all_of(stack, splitting);
    (void)snprintf(splitting, sizeof splitting, "%s/so", token);
    give_all_of(stack, splitting);
}

void shares_unlock(struct stack *stack, const char *token)
{
    char splitting[64];

    (void)snprintf(splitting, sizeof splitting, "%s/user/next", token);
    give_all_of(stack, splitting);
    (void)snprintf(splitting, sizeof splitting, "%s/user", token);
    give_all_of(stack, splitting);
}
