#include "frontends/shared/jwks.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/base/line.h"
#include "lib/base/name.h"

#include <stdio.h>
#include <stdlib.h>

#define OCTETS_MAX (1024u * 1024u)
#define ETAG_LEN   43u
/* Of further keys: their names, and what the appliance says of them. */
#define NAMES_MAX (256u * 1024u)
#define KEYS_MAX  (16u * 1024u * 1024u)

struct jwks {
    struct call call; /* first: a call is its jwks */
    struct calls *calls;
    struct jwks_options options;
    enum privyseal_result result; /* of the call, as the next three */
    struct privyseal_answer answer;
    struct ps_buf keys;
    char why[256];
    struct ps_buf names; /* of further keys, a line each */
    bool asking;
    bool expired;
    struct jwks_wait *waiting;
    struct ps_buf body;
    char etag[ETAG_LEN];
    uint64_t asked_ns; /* monotonic: when what `body` holds was asked for; 0: never */
    uint64_t asking_ns;
};

/*
 * A key that is not there, or not for us, is none; without an answer nothing is known of any. That
 * one is not for us is said: what it signed cannot be verified then.
 */
static enum privyseal_result add_key(struct jwks *jwks, struct privyseal *client,
                                     struct ps_bytes name)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.body = NULL};
    char path[PS_NAME_MAX + 32];
    const struct privyseal_request request = {.method = "GET", .path = path};
    enum privyseal_result result;

    (void)snprintf(path, sizeof path, "/v1/keys/%.*s", PS_BYTES_FMT(name));
    result = privyseal_call(client, &request, &answer);
    if (result == PRIVYSEAL_OK) {
        ps_buf_put_str(&jwks->keys, jwks->keys.len == 1 ? "" : ",");
        ps_buf_put(&jwks->keys, ps_bytes(answer.body, answer.body_len));
    } else if (result == PRIVYSEAL_REFUSED && answer.status == 403) {
        ps_line(PS_WARNING, "key_not_told", PS_TEXT("key", name),
                PS_STR("why", answer.problem.detail));
    }
    return result == PRIVYSEAL_REFUSED && (answer.status == 403 || answer.status == 404)
               ? PRIVYSEAL_OK
               : result;
}

static enum privyseal_result add_keys(struct jwks *jwks, struct privyseal *client)
{
    struct ps_bytes left = ps_buf_bytes(&jwks->names);

    ps_buf_reset(&jwks->keys);
    ps_buf_put_u8(&jwks->keys, '[');
    while (left.len != 0) {
        const uint8_t *end = memchr(left.data, '\n', left.len);
        const struct ps_bytes name =
            ps_bytes(left.data, end == NULL ? left.len : (size_t)(end - left.data));
        const enum privyseal_result result = add_key(jwks, client, name);

        if (result != PRIVYSEAL_OK) {
            return result;
        }
        left = ps_bytes_from(left, name.len + 1);
    }
    ps_buf_put_u8(&jwks->keys, ']');
    return PRIVYSEAL_OK;
}

static void work(struct call *call, struct privyseal *client)
{
    struct jwks *jwks = (struct jwks *)(void *)call;

    jwks->result = privyseal_get_jwks(
        client, jwks->options.set[0] == '\0' ? NULL : jwks->options.set, &jwks->answer);
    if (jwks->result == PRIVYSEAL_OK) {
        jwks->result = add_keys(jwks, client);
    }
    if (jwks->result != PRIVYSEAL_OK) {
        (void)strncpy(jwks->why, privyseal_last_error(client), sizeof jwks->why - 1);
    }
}

static bool is_younger_than(const struct jwks *jwks, uint64_t seconds)
{
    return jwks->asked_ns != 0 && ps_clock_mono_ns() - jwks->asked_ns < seconds * PS_NS_PER_S;
}

bool jwks_is_there(const struct jwks *jwks)
{
    return is_younger_than(jwks, JWKS_KEPT_S);
}

static void answer(const struct jwks *jwks, struct http_request *request)
{
    static const struct http_field for_browsers = {"Access-Control-Allow-Origin", "*"};
    const struct ps_bytes named = http_request_header(request, HTTP_IF_NONE_MATCH);
    struct http_answer told = {.status = 200,
                               .media = "application/json",
                               .etag = ps_bytes(jwks->etag, sizeof jwks->etag),
                               .max_age_s = JWKS_MAX_AGE_S,
                               .fields = &for_browsers,
                               .field_count = 1};

    if (!jwks_is_there(jwks)) {
        http_refuse(request,
                    &(struct http_problem){
                        .problem = PS_PROBLEM_KEEPER_UNAVAILABLE,
                        .detail = ps_bytes_str("the appliance that holds the keys is away")});
        return;
    }
    if (named.data != NULL && http_etag_named(named, told.etag)) {
        told.status = 304;
        told.media = NULL;
    } else {
        ps_buf_put(http_request_out(request), ps_buf_bytes(&jwks->body));
    }
    http_answer(request, &told);
}

static void tell(const struct jwks *jwks, const struct jwks_wait *wait, bool is_here)
{
    if (wait->request != NULL) {
        answer(jwks, wait->request);
    } else {
        wait->asked(wait->context, is_here);
    }
}

static enum ps_err take(struct jwks *jwks)
{
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO body = {.max = OCTETS_MAX};

    PS_TRY(ps_buf_status(&jwks->keys));
    if (jwks->options.convert != NULL) {
        PS_TRY(jwks->options.convert(jwks->options.context,
                                     ps_bytes(jwks->answer.body, jwks->answer.body_len),
                                     ps_buf_bytes(&jwks->keys), &body));
    } else {
        ps_buf_put(&body, ps_bytes(jwks->answer.body, jwks->answer.body_len));
    }
    PS_TRY(ps_buf_status(&body));
    ps_sha256(ps_buf_bytes(&body), hash);
    ps_base64url_encode(ps_bytes(hash, sizeof hash), jwks->etag);
    ps_buf_clear(&jwks->body);
    jwks->body = body;
    ps_buf_init(&body, 0);
    jwks->asked_ns = jwks->asking_ns;
    return PS_OK;
}

/* What the answer is made of is written down here, in the loop, and read by the call. */
static enum ps_err ask(struct jwks *jwks)
{
    ps_buf_reset(&jwks->names);
    if (jwks->options.put_names != NULL) {
        PS_TRY(jwks->options.put_names(jwks->options.context, &jwks->names));
    }
    jwks->asking_ns = ps_clock_mono_ns();
    PS_TRY(calls_make(jwks->calls, &jwks->call));
    jwks->asking = true;
    jwks->expired = false;
    return PS_OK;
}

static void done(struct call *call)
{
    struct jwks *jwks = (struct jwks *)(void *)call;
    struct jwks_wait *wait = jwks->waiting;

    jwks->asking = false;
    jwks->waiting = NULL;
    if (jwks->result == PRIVYSEAL_OK && take(jwks) != PS_OK) {
        ps_line(PS_ERROR, "jwks_not_taken", PS_STR("why", ps_detail()->text));
    } else if (jwks->result != PRIVYSEAL_OK) {
        ps_line(PS_WARNING, "appliance_away", PS_STR("result", privyseal_result_name(jwks->result)),
                PS_STR("why", jwks->why));
    }
    privyseal_answer_clear(&jwks->answer);
    /* What has changed since it was asked counts for who came after the change. */
    if (jwks->expired && ask(jwks) == PS_OK) {
        jwks->waiting = wait;
        return;
    }
    while (wait != NULL) {
        struct jwks_wait *next = wait->next;

        tell(jwks, wait, jwks->result == PRIVYSEAL_OK);
        wait = next;
    }
}

enum ps_err jwks_new(struct calls *calls, const struct jwks_options *options,
                     struct jwks **ret_jwks)
{
    struct jwks *jwks = calloc(1, sizeof *jwks);

    if (jwks == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    jwks->call = (struct call){.work = work, .done = done};
    jwks->calls = calls;
    jwks->options = *options;
    ps_buf_init(&jwks->names, NAMES_MAX);
    ps_buf_init(&jwks->keys, KEYS_MAX);
    *ret_jwks = jwks;
    return PS_OK;
}

void jwks_free(struct jwks *jwks)
{
    if (jwks != NULL) {
        ps_buf_clear(&jwks->body);
        ps_buf_clear(&jwks->names);
        ps_buf_clear(&jwks->keys);
        free(jwks);
    }
}

void jwks_expire(struct jwks *jwks)
{
    jwks->expired = true;
}

static void wait_for(struct jwks *jwks, struct jwks_wait *wait)
{
    if (is_younger_than(jwks, jwks->options.fresh_s) && !jwks->expired) {
        tell(jwks, wait, true);
        return;
    }
    if (!jwks->asking && ask(jwks) != PS_OK) {
        tell(jwks, wait, false);
        return;
    }
    wait->next = jwks->waiting;
    jwks->waiting = wait;
}

void jwks_answer(struct jwks *jwks, struct http_request *request, struct jwks_wait *wait)
{
    *wait = (struct jwks_wait){.request = request};
    wait_for(jwks, wait);
}

void jwks_ask(struct jwks *jwks, struct jwks_wait *wait, void (*asked)(void *context, bool is_here),
              void *context)
{
    *wait = (struct jwks_wait){.asked = asked, .context = context};
    wait_for(jwks, wait);
}
