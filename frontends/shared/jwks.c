#include "frontends/shared/jwks.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/base/line.h"

#include <stdlib.h>

#define OCTETS_MAX (1024u * 1024u)
#define ETAG_LEN   43u

struct jwks {
    struct call call; /* first: a call is its jwks */
    struct calls *calls;
    struct jwks_options options;
    enum privyseal_result result; /* of the call, as the next two */
    struct privyseal_answer answer;
    char why[256];
    bool asking;
    struct jwks_wait *waiting;
    struct ps_buf body;
    char etag[ETAG_LEN];
    uint64_t asked_ns; /* monotonic: when what `body` holds was asked for; 0: never */
    uint64_t asking_ns;
};

static void work(struct call *call, struct privyseal *client)
{
    struct jwks *jwks = (struct jwks *)(void *)call;

    jwks->result = privyseal_get_jwks(
        client, jwks->options.set[0] == '\0' ? NULL : jwks->options.set, &jwks->answer);
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
                        .detail = ps_bytes_str("the appliance that holds the keys is away"),
                        .retry_after_s = 1});
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

static enum ps_err take(struct jwks *jwks)
{
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO body = {.max = OCTETS_MAX};

    if (jwks->options.convert != NULL) {
        PS_TRY(jwks->options.convert(jwks->options.context,
                                     ps_bytes(jwks->answer.body, jwks->answer.body_len), &body));
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
    while (wait != NULL) {
        struct jwks_wait *next = wait->next;

        answer(jwks, wait->request);
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
    *ret_jwks = jwks;
    return PS_OK;
}

void jwks_free(struct jwks *jwks)
{
    if (jwks != NULL) {
        ps_buf_clear(&jwks->body);
        free(jwks);
    }
}

void jwks_answer(struct jwks *jwks, struct http_request *request, struct jwks_wait *wait)
{
    if (is_younger_than(jwks, jwks->options.fresh_s)) {
        answer(jwks, request);
        return;
    }
    if (!jwks->asking) {
        jwks->asking_ns = ps_clock_mono_ns();
        if (calls_make(jwks->calls, &jwks->call) != PS_OK) {
            answer(jwks, request);
            return;
        }
        jwks->asking = true;
    }
    *wait = (struct jwks_wait){.request = request, .next = jwks->waiting};
    jwks->waiting = wait;
}
