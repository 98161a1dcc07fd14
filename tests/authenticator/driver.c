/*
 * A front end that is nothing but the host of a plugin: questions come on standard input, one JSON
 * object per line, answers go to standard output as they come. Ends with standard input, when all
 * is answered; with "at-once" as third argument before that. With "confined" it enters a
 * companion's sandbox.
 */
#include "frontends/plugins/host.h"
#include "lib/base/buf.h"
#include "lib/base/encode.h"
#include "lib/formats/json/json.h"
#include "lib/sandbox/sandbox.h"
#include "lib/sandbox/variant.h"

#include <assert.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LINE_MAX_OCTETS (4u * 1024u * 1024u)

struct driver {
    struct ps_loop *loop;
    struct authenticator *authenticator;
    struct ps_watch *watch;
    struct ps_buf in;
    struct json *json;
    size_t open; /* questions */
    bool ended;
    bool at_once;
    bool confined;
};

struct asking {
    struct question question; /* first: a question is its asking */
    struct driver *driver;
    uint64_t id;
};

static void put(struct ps_buf *out, const char *name, const char *data, size_t len)
{
    ps_buf_printf(out, ",\"%s\":", name);
    ps_buf_put_json_string(out, ps_bytes(data, len));
}

static void print_line(struct ps_buf *out)
{
    ps_buf_put_str(out, "}\n");
    assert(ps_buf_status(out) == PS_OK);
    (void)fwrite(out->data, 1, out->len, stdout);
    (void)fflush(stdout);
}

static void stop_when_done(struct driver *driver)
{
    if (driver->ended && (driver->open == 0 || driver->at_once)) {
        ps_loop_stop(driver->loop);
    }
}

static void done(struct question *question, const struct privyseal_auth_answer *answer)
{
    struct asking *asking = (struct asking *)(void *)question;
    PS_BUF_AUTO out = {.max = 8 * LINE_MAX_OCTETS};

    ps_buf_printf(&out, "{\"id\":%llu,\"result\":%d", (unsigned long long)asking->id,
                  (int)answer->result);
    put(&out, "code", answer->code.data, answer->code.len);
    put(&out, "detail", answer->detail.data, answer->detail.len);
    put(&out, "masked_email", answer->masked_email.data, answer->masked_email.len);
    put(&out, "masked_mobile", answer->masked_mobile.data, answer->masked_mobile.len);
    put(&out, "kyc_token", answer->kyc_token.data, answer->kyc_token.len);
    put(&out, "subject", answer->subject.data, answer->subject.len);
    put(&out, "claims_metadata", answer->claims_metadata.data, answer->claims_metadata.len);
    put(&out, "claims", answer->claims.data, answer->claims.len);
    put(&out, "certificates", answer->certificates.data, answer->certificates.len);
    print_line(&out);
    asking->driver->open--;
    stop_when_done(asking->driver);
    free(asking);
}

static struct privyseal_auth_text text_of(struct json_value value)
{
    struct ps_bytes text = ps_bytes(NULL, 0);

    assert(json_string(value, &text) == PS_OK);
    return (struct privyseal_auth_text){(const char *)text.data, text.len};
}

static void get(struct json_value root, const char *name, struct privyseal_auth_text *ret_text)
{
    struct json_value value;

    if (json_member(root, name, &value)) {
        *ret_text = text_of(value);
    }
}

static int64_t get_number(struct json_value root, const char *name, int64_t fallback)
{
    struct json_value value;
    int64_t number = fallback;

    assert(!json_member(root, name, &value) || json_integer(value, &number) == PS_OK);
    return number;
}

/* Into `items`, which has room for more than the interface lets through. */
static void get_list(struct json_value root, const char *name, struct privyseal_auth_text *items,
                     struct privyseal_auth_list *ret_list)
{
    struct json_value list;
    struct json_value item;
    uint32_t cursor = 0;
    size_t count = 0;

    if (!json_member(root, name, &list)) {
        return;
    }
    while (json_next(list, &cursor, NULL, &item)) {
        assert(count <= PRIVYSEAL_AUTH_LIST_MAX);
        items[count++] = text_of(item);
    }
    *ret_list = (struct privyseal_auth_list){items, count};
}

static void get_challenges(struct json_value root, struct privyseal_auth_challenge *challenges,
                           struct privyseal_auth_request *request)
{
    struct json_value list;
    struct json_value item;
    uint32_t cursor = 0;

    if (!json_member(root, "challenges", &list)) {
        return;
    }
    while (json_next(list, &cursor, NULL, &item)) {
        struct privyseal_auth_challenge *to = &challenges[request->challenge_count++];

        assert(request->challenge_count <= PRIVYSEAL_AUTH_CHALLENGES);
        get(item, "factor", &to->factor);
        get(item, "format", &to->format);
        get(item, "value", &to->value);
    }
    request->challenges = challenges;
}

static enum question_kind kind_of(struct privyseal_auth_text call)
{
    static const char *const names[] = {[QUESTION_SEND_OTP] = "send_otp",
                                        [QUESTION_AUTHENTICATE] = "authenticate",
                                        [QUESTION_EXCHANGE] = "exchange",
                                        [QUESTION_CERTIFICATES] = "certificates"};
    size_t i = 0;

    while (!ps_bytes_equal_str(ps_bytes(call.data, call.len), names[i])) {
        i++;
        assert(i < PS_COUNT_OF(names));
    }
    return (enum question_kind)i;
}

static void ask(struct driver *driver, struct json_value root)
{
    struct privyseal_auth_challenge challenges[PRIVYSEAL_AUTH_CHALLENGES] = {{.value = {NULL, 0}}};
    struct privyseal_auth_text lists[3][PRIVYSEAL_AUTH_LIST_MAX + 1];
    struct privyseal_auth_request request = {.form = PRIVYSEAL_AUTH_JWS};
    struct privyseal_auth_text call = {NULL, 0};
    struct asking *asking = calloc(1, sizeof *asking);

    assert(asking != NULL);
    get(root, "call", &call);
    get(root, "relying_party", &request.relying_party);
    get(root, "client", &request.client);
    get(root, "transaction", &request.transaction);
    get(root, "individual", &request.individual);
    get(root, "source", &request.source);
    get(root, "kyc_token", &request.kyc_token);
    get(root, "claim_details", &request.claim_details);
    get_list(root, "channels", lists[0], &request.channels);
    get_list(root, "claims", lists[1], &request.claims);
    get_list(root, "locales", lists[2], &request.locales);
    get_challenges(root, challenges, &request);
    request.metadata_wanted = (int)get_number(root, "metadata", 0);
    request.timeout_ms = (uint32_t)get_number(root, "timeout_ms", 600000);
    *asking = (struct asking){.question = {.kind = kind_of(call), .done = done},
                              .driver = driver,
                              .id = (uint64_t)get_number(root, "id", 0)};
    driver->open++;
    if (authenticator_ask(driver->authenticator, &request, &asking->question) != PS_OK) {
        const struct privyseal_auth_answer answer = {
            .result = PRIVYSEAL_AUTH_FAILED,
            .detail = {ps_detail()->text, strlen(ps_detail()->text)}};

        done(&asking->question, &answer);
    }
}

static void take_lines(struct driver *driver)
{
    const struct json_limits limits = {LINE_MAX_OCTETS, 8, 1000, false};
    const uint8_t *end;

    while (driver->in.len != 0 && (end = memchr(driver->in.data, '\n', driver->in.len)) != NULL) {
        const size_t len = (size_t)(end - driver->in.data);
        struct json_value root;

        assert(json_parse(driver->json, ps_bytes(driver->in.data, len), &limits, &root) == PS_OK);
        ask(driver, root);
        ps_buf_consume(&driver->in, len + 1);
    }
}

static void on_input(void *context, uint32_t events)
{
    struct driver *driver = context;
    uint8_t *to = ps_buf_reserve(&driver->in, 65536);
    ssize_t got;

    (void)events;
    assert(to != NULL);
    got = read(STDIN_FILENO, to, 65536);
    assert(got >= 0);
    if (got == 0) {
        driver->ended = true;
        ps_watch_free(driver->watch);
        driver->watch = NULL;
    }
    ps_buf_commit(&driver->in, (size_t)got);
    take_lines(driver);
    stop_when_done(driver);
}

static void describe(const struct driver *driver)
{
    const struct privyseal_auth_description *is = authenticator_description(driver->authenticator);
    PS_BUF_AUTO out = {.max = LINE_MAX_OCTETS};

    ps_buf_printf(&out, "{\"name\":\"%s\"", authenticator_name(driver->authenticator));
    put(&out, "factors", is->factors, strlen(is->factors));
    put(&out, "otp_channels", is->otp_channels, strlen(is->otp_channels));
    put(&out, "kbi_form", is->kbi_form, strlen(is->kbi_form));
    put(&out, "writable", is->writable, strlen(is->writable));
    print_line(&out);
}

/* As a companion does it, without a place of its own. */
static enum ps_err confine(const struct driver *driver)
{
    const struct privyseal_auth_description *is = authenticator_description(driver->authenticator);
    const struct sandbox_role role = {.kind = SANDBOX_COMPANION,
                                      .data_directory = "/nowhere",
                                      .readable = is->readable,
                                      .writable = is->writable};

    if (!driver->confined) {
        return PS_OK;
    }
    variant_begin_role();
    return sandbox_enter_role(&role);
}

static int fail(void)
{
    (void)fprintf(stderr, "%s\n", ps_detail()->text);
    return 1;
}

static int run(struct driver *driver, const struct authenticator_options *options)
{
    if (authenticator_open(options, driver->loop, &driver->authenticator) != PS_OK) {
        return fail();
    }
    describe(driver);
    if (confine(driver) != PS_OK || authenticator_start(driver->authenticator) != PS_OK ||
        ps_watch_new(driver->loop, STDIN_FILENO, EPOLLIN, on_input, driver, &driver->watch) !=
            PS_OK ||
        ps_loop_run(driver->loop) != PS_OK) {
        return fail();
    }
    return 0;
}

static void write_event(const char *plugin, const char *event, const char *detail)
{
    (void)fprintf(stderr, "%s %s: %s\n", plugin, event, detail);
}

int main(int argc, char **argv)
{
    struct driver driver = {.in = {.max = LINE_MAX_OCTETS}};
    int code;

    assert(argc == 3 || argc == 4);
    driver.at_once = argc == 4 && strcmp(argv[3], "at-once") == 0;
    driver.confined = argc == 4 && strcmp(argv[3], "confined") == 0;
    (void)signal(SIGPIPE, SIG_IGN);
    assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    assert(ps_loop_new(&driver.loop) == PS_OK && json_new(&driver.json) == PS_OK);
    code = run(&driver, &(struct authenticator_options){.path = argv[1],
                                                        .owner = geteuid(),
                                                        .config = argv[2],
                                                        .threads = 4,
                                                        .waiting = 1000,
                                                        .log = write_event});
    authenticator_close(driver.authenticator);
    ps_watch_free(driver.watch);
    json_free(driver.json);
    ps_loop_free(driver.loop);
    ps_buf_clear(&driver.in);
    curl_global_cleanup();
    return code;
}
