#include "lib/base/encode.h"
#include "tests/keeper/gate_fixture.h"
#include "tests/unit/signing.h"

#include "keystore/writer.h"

/*
 * A client's own next certificate waits for nobody: it has an intent and a result. The keeper is
 * killed at every system call that makes one of them durable; and another one is asked for
 * meanwhile.
 */

static EVP_PKEY *keys[2]; /* the client is known by the first; the second is the next */

static void put_pin(EVP_PKEY *pkey, uint8_t ret_pin[PS_SHA256_LEN])
{
    struct public_key *key = signing_public(pkey);

    ps_sha256(public_key_spki(key), ret_pin);
    public_key_free(key);
}

/* The client, over TLS with its old certificate. */
static struct msg_caller renewer(uint8_t pin[PS_SHA256_LEN])
{
    put_pin(keys[0], pin);
    return (struct msg_caller){.kind = CALLER_TLS, .spki = ps_bytes(pin, PS_SHA256_LEN)};
}

/* A member of the last answer. */
static struct ps_bytes member(struct json *parser, const char *name)
{
    struct json_value root;

    assert_ok(json_parse(parser, ps_buf_bytes(&body), &JSON_LIMITS_REQUEST, &root));
    return leaves_text(root, name);
}

static void ask_for_nonce(struct ps_buf *statement)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    uint8_t pin[PS_SHA256_LEN];
    const struct msg_read message = {.caller = renewer(pin),
                                     .request_id = ps_bytes_str("nonce-1"),
                                     .resource = READ_CLIENT_NONCE};
    struct public_key *next = signing_public(keys[1]);
    struct writer json = writer(statement);
    struct wire_frame answer;

    stack_call(&stack, &stack.management, &msg_read_info, &message, &answer);
    expect(200, stack_status_of(&answer, &body));
    assert_ok(json_new(&parser));
    writer_begin_object(&json, NULL);
    writer_text(&json, "appliance", member(parser, "appliance"));
    writer_text(&json, "client", member(parser, "client"));
    writer_octets(&json, "new_key", public_key_spki(next));
    writer_text(&json, "nonce", member(parser, "nonce"));
    writer_text(&json, "not_after", member(parser, "not_after"));
    writer_octets(&json, "old_key", ps_bytes(pin, sizeof pin));
    writer_str(&json, "type", "client.certificate");
    writer_str(&json, "v", "1");
    writer_end_object(&json);
    assert_ok(ps_buf_status(statement));
    public_key_free(next);
}

static void put_signature(struct writer *json, const char *name, EVP_PKEY *pkey,
                          const struct ps_buf *statement)
{
    PS_BUF_AUTO signature;

    signing_sign(pkey, PS_ALG_EDDSA, ps_buf_bytes(statement), &signature);
    writer_octets(json, name, ps_buf_bytes(&signature));
}

static void put_renewal(struct ps_buf *parameters)
{
    struct public_key *old = signing_public(keys[0]);
    PS_BUF_AUTO statement = {.max = 2048};
    struct writer json = writer(parameters);

    ask_for_nonce(&statement);
    writer_begin_object(&json, NULL);
    put_signature(&json, "new_signature", keys[1], &statement);
    writer_octets(&json, "old_key", public_key_spki(old));
    put_signature(&json, "old_signature", keys[0], &statement);
    writer_octets(&json, "statement", ps_buf_bytes(&statement));
    writer_end_object(&json);
    assert_ok(ps_buf_status(parameters));
    public_key_free(old);
}

static struct msg_change renewal_message(const struct ps_buf *parameters,
                                         uint8_t pin[PS_SHA256_LEN])
{
    struct msg_change message = stack_change_message("client.certificate", "", "");

    message.caller = renewer(pin);
    message.parameters = ps_buf_bytes(parameters);
    message.requester = ps_bytes(NULL, 0);
    return message;
}

/* As far as the keeper lives. */
static unsigned renew(void)
{
    uint8_t pin[PS_SHA256_LEN];
    PS_BUF_AUTO parameters = {.max = 8192};
    struct msg_change message = {0};
    struct wire_frame answer;

    put_renewal(&parameters);
    message = renewal_message(&parameters, pin);
    stack_call(&stack, &stack.management, &msg_change_info, &message, &answer);
    return stack_status_of(&answer, &body);
}

/* A client of its own in each round, known by the first of two new keys. */
static void begin_round(void)
{
    static unsigned rounds;
    uint8_t pin[PS_SHA256_LEN];
    PS_BUF_AUTO parameters = {.max = 512};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY_free(keys[i]);
        keys[i] = signing_make_key(PS_KEY_ED25519);
    }
    put_pin(keys[0], pin);
    ps_buf_printf(&parameters, "{\"name\":\"renewer.%u\",\"listener\":\"both\",\"pins\":[\"",
                  rounds++);
    ps_buf_put_base64url(&parameters, ps_bytes(pin, sizeof pin));
    ps_buf_put_str(&parameters, "\"]}");
    ps_buf_put_u8(&parameters, 0);
    assert_ok(ps_buf_status(&parameters));
    expect(201, change("client.register", "", (const char *)parameters.data));
}

static void count_intent(void *context, const struct log_event *event)
{
    unsigned *intents = context;
    struct json_value document;

    if (ps_bytes_equal_str(event->kind, "intent") &&
        json_member(event->data, "document", &document) &&
        ps_bytes_equal_str(leaves_text(document, "type"), "client.certificate")) {
        (*intents)++;
    }
}

static unsigned count_intents(void)
{
    unsigned intents = 0;

    leaves_each_event(&stack, count_intent, &intents);
    return intents;
}

/* Whether it is known by both, when everything is settled. */
static bool is_renewed(void)
{
    uint8_t pin[PS_SHA256_LEN];
    PS_BUF_AUTO text = {.max = 64};

    put_pin(keys[1], pin);
    ps_buf_put_base64url(&text, ps_bytes(pin, sizeof pin));
    ps_buf_put_u8(&text, 0);
    expect(200, stack_read(&stack, READ_CLIENTS, "", &body));
    return body_has((const char *)text.data);
}

/* False: it was over before the call at which it would have been killed. */
static bool kill_at(unsigned at)
{
    unsigned before;
    unsigned status;
    bool was_killed;

    begin_round();
    before = count_intents();
    faults_set(stack.faults, FAULT_KILL, at);
    status = renew();
    was_killed = faults_clear(stack.faults);
    if (!was_killed) {
        expect(201, status);
        return false;
    }
    stack_kill_keeper(&stack);
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
    assert_true(status != 201 || is_renewed()); /* what was told is so */
    if (!is_renewed()) {
        expect(201, renew());
    }
    assert_true(is_renewed());
    assert_true(count_intents() - before <= 2); /* that of the dead one, and of the next try */
    return true;
}

static void killed_at_any_leaf_a_certificate_is_added_once(void **state)
{
    unsigned at = 0;

    (void)state;
    while (kill_at(at)) {
        at++;
    }
    assert_true(at >= 4); /* intent and result, each written and synced */
    assert_int_equal(stack_stop_keeper(&stack), 0);
}

/* Returns when its intent is on its way to the disk. */
static void begin_to_renew(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    uint8_t pin[PS_SHA256_LEN];
    PS_BUF_AUTO parameters = {.max = 8192};
    struct msg_change message = {0};

    put_renewal(&parameters);
    message = renewal_message(&parameters, pin);
    faults_set(stack.faults, FAULT_HOLD_EVENTS, 0);
    (void)wire_send(&stack.management, &msg_change_info, &message);
    while (!faults_happened(stack.faults)) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

/* The other one's new key is another; both say by which keys the client is known from then on. */
static void of_two_certificates_at_once_one_is_added(void **state)
{
    EVP_PKEY *other = signing_make_key(PS_KEY_ED25519);
    EVP_PKEY *first;
    struct wire_frame answer;

    (void)state;
    begin_round();
    begin_to_renew();
    first = keys[1];
    keys[1] = other;
    expect(409, renew());
    assert_true(body_has("in-flight"));
    assert_true(faults_clear(stack.faults));
    do {
        assert_true(wire_read(&stack.management, WIRE_LIMIT_MS, &answer));
    } while (answer.id == 0);
    expect(201, stack_status_of(&answer, &body));
    assert_false(is_renewed());
    expect(201, renew()); /* the same, now that nobody else does */
    assert_true(is_renewed());
    EVP_PKEY_free(first);
}

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin_with_faults();
    return 0;
}

static int end_stack(void **state)
{
    (void)fixture_end(state);
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_certificates_at_once_one_is_added),
        cmocka_unit_test(killed_at_any_leaf_a_certificate_is_added_once),
    };

    return cmocka_run_group_tests(tests, make_stack, end_stack);
}
