#include "tests/unit/note_signer.h"

#include "lib/ceremony/log/judged_keys.h"

/* The keys of a log, one after the other. */

#define ORIGIN "log.example/events"

static struct merkle_hash root_of(uint8_t octet)
{
    struct merkle_hash root;

    memset(root.octets, octet, sizeof root.octets);
    return root;
}

static void put_note(const struct note_signer *signer, uint64_t size, struct merkle_hash root,
                     struct ps_buf *out)
{
    note_signer_put(
        signer, &(struct checkpoint){.origin = ps_bytes_str(ORIGIN), .size = size, .root = root},
        out);
}

struct log {
    struct json *json;
    struct log_succession keys;
    struct ps_buf leaf;
};

static int begin(void **state)
{
    struct log *log = calloc(1, sizeof *log);

    assert_non_null(log);
    assert_ok(json_new(&log->json));
    log_succession_init(&log->keys);
    ps_buf_init(&log->leaf, 16384);
    *state = log;
    return 0;
}

static int end(void **state)
{
    struct log *log = *state;

    json_free(log->json);
    log_succession_clear(&log->keys);
    ps_buf_clear(&log->leaf);
    free(log);
    return 0;
}

static void read_event(struct log *log, const char *kind, const char *data,
                       struct log_event *ret_event)
{
    ps_buf_reset(&log->leaf);
    ps_buf_printf(&log->leaf,
                  "{\"data\":%s,\"kind\":\"%s\",\"time\":\"2026-11-20T10:00:00.000001Z\",\"v\":1}",
                  data, kind);
    assert_ok(log_event_read(log->json, ps_buf_bytes(&log->leaf), ret_event));
}

static enum ps_err take(struct log *log, uint64_t index, const struct merkle_hash *root,
                        const char *kind, const char *data)
{
    struct log_event event;

    read_event(log, kind, data, &event);
    return log_succession_take(&log->keys, index, root, &event);
}

static void put_data(struct ps_buf *out, const char *before, struct ps_bytes text,
                     const char *after)
{
    ps_buf_reset(out);
    ps_buf_put_str(out, before);
    ps_buf_put(out, text);
    ps_buf_put_str(out, after);
    ps_buf_put_u8(out, '\0');
    assert_ok(ps_buf_status(out));
}

static enum ps_err take_genesis(struct log *log, const struct note_signer *signer)
{
    PS_BUF_AUTO data = {.max = 4096};

    put_data(&data, "{\"log_key\":\"", ps_buf_bytes(&signer->text), "\"}");
    return take(log, 0, NULL, "genesis", (const char *)data.data);
}

static enum ps_err take_restored(struct log *log, struct note_signer *signer, uint64_t index,
                                 uint64_t size, struct merkle_hash root)
{
    const struct merkle_hash before = root_of(7);
    PS_BUF_AUTO note = {.max = 8192};
    PS_BUF_AUTO data = {.max = 16384};

    put_note(signer, size, root, &note);
    put_data(&data, "{\"checkpoint\":", ps_buf_bytes(&note), "}");
    return take(log, index, &before, "restored", (const char *)data.data);
}

static enum ps_err take_result(struct log *log, uint64_t index, const struct note_signer *signer)
{
    PS_BUF_AUTO data = {.max = 4096};

    put_data(&data,
             "{\"effects\":[{\"kind\":\"key\",\"name\":\"k\",\"row\":{}},{\"kind\":\"appliance\","
             "\"name\":\"appliance\",\"row\":{\"log_verifier\":\"",
             ps_buf_bytes(&signer->text), "\"}}]}");
    return take(log, index, NULL, "result", (const char *)data.data);
}

static void assert_key(const struct log *log, const struct note_signer *signer)
{
    assert_true(ps_bytes_equal(ps_buf_bytes(&log->keys.key), ps_buf_bytes(&signer->text)));
}

static void a_restored_log_goes_on_with_the_key_of_the_result(void **state)
{
    PS_CLEANUP(note_signer_clear) struct note_signer first = note_signer_make(ORIGIN);
    PS_CLEANUP(note_signer_clear) struct note_signer second = note_signer_make(ORIGIN);
    PS_CLEANUP(note_signer_clear) struct note_signer third = note_signer_make(ORIGIN);
    struct log *log = *state;
    struct note_key key;

    assert_fails(PS_E_INPUT, log_succession_key(&log->keys, &key));
    assert_ok(take_genesis(log, &first));
    assert_ok(take_result(log, 3, &first)); /* a lock, say: the key stays */
    assert_ok(take_restored(log, &first, 5, 5, root_of(7)));
    assert_true(log->keys.is_restored);
    assert_key(log, &first);
    assert_ok(take_result(log, 9, &second));
    assert_key(log, &second);
    assert_false(log->keys.is_restored);
    assert_ok(take_restored(log, &second, 12, 12, root_of(7)));
    assert_ok(take_result(log, 13, &third));
    assert_int_equal(log->keys.count, 2);
    assert_ok(log_succession_key(&log->keys, &key));
    assert_memory_equal(key.public_key, third.key.public_key, sizeof key.public_key);
}

static void without_a_restore_no_key_follows(void **state)
{
    PS_CLEANUP(note_signer_clear) struct note_signer first = note_signer_make(ORIGIN);
    PS_CLEANUP(note_signer_clear) struct note_signer second = note_signer_make(ORIGIN);
    PS_CLEANUP(note_signer_clear) struct note_signer third = note_signer_make(ORIGIN);
    struct log *log = *state;

    assert_ok(take_genesis(log, &first));
    assert_fails(PS_E_DENIED, take_result(log, 1, &second));
    assert_ok(take_restored(log, &first, 2, 2, root_of(7)));
    assert_ok(take_result(log, 3, &second));
    assert_fails(PS_E_DENIED, take_result(log, 4, &third)); /* one restore, one key */
    assert_key(log, &second);
}

static void the_key_before_signed_for_exactly_the_leaves_before(void **state)
{
    PS_CLEANUP(note_signer_clear) struct note_signer first = note_signer_make(ORIGIN);
    PS_CLEANUP(note_signer_clear) struct note_signer other = note_signer_make(ORIGIN);
    struct log *log = *state;

    assert_ok(take_genesis(log, &first));
    assert_fails(PS_E_DENIED, take_restored(log, &other, 5, 5, root_of(7)));
    assert_fails(PS_E_DENIED, take_restored(log, &first, 5, 4, root_of(7)));
    assert_fails(PS_E_DENIED, take_restored(log, &first, 5, 6, root_of(7)));
    assert_fails(PS_E_DENIED, take_restored(log, &first, 5, 5, root_of(8)));
    assert_false(log->keys.is_restored);
}

static void leaves_of_another_form_are_input_errors(void **state)
{
    PS_CLEANUP(note_signer_clear) struct note_signer first = note_signer_make(ORIGIN);
    struct log *log = *state;

    assert_fails(PS_E_INPUT, take(log, 0, NULL, "genesis", "{}"));
    assert_fails(PS_E_INPUT, take(log, 0, NULL, "genesis", "{\"log_key\":\"no key\"}"));
    assert_ok(take_genesis(log, &first));
    assert_fails(PS_E_INPUT, take(log, 1, NULL, "restored", "{}"));
    assert_fails(PS_E_INPUT, take(log, 1, NULL, "restored", "{\"checkpoint\":7}"));
    assert_fails(PS_E_INPUT, take(log, 1, NULL, "restored", "{\"checkpoint\":\"x\"}"));
    assert_ok(take(log, 1, NULL, "result", "{}"));
    assert_ok(take(log, 1, NULL, "result", "{\"effects\":[]}"));
    assert_ok(take(log, 1, NULL, "state", "{}"));
    assert_fails(PS_E_INPUT,
                 take(log, 1, NULL, "result",
                      "{\"effects\":[{\"kind\":\"appliance\",\"name\":\"a\",\"row\":{}}]}"));
}

/* All is as it has to be, but that nobody approved it. */
static void a_key_that_people_did_not_approve_is_not_the_logs(void **state)
{
    PS_CLEANUP(note_signer_clear) struct note_signer first = note_signer_make(ORIGIN);
    PS_CLEANUP(note_signer_clear) struct note_signer second = note_signer_make(ORIGIN);
    PS_BUF_AUTO data = {.max = 8192};
    PS_BUF_AUTO note = {.max = 4096};
    struct judged_keys judged;
    struct log *log = *state;
    struct log_event event;

    for (int is_judged = 0; is_judged < 2; is_judged++) {
        struct merkle_edge edge = {.size = 0};

        assert_ok(judged_keys_init(&judged, is_judged != 0));
        put_data(&data, "{\"log_key\":\"", ps_buf_bytes(&first.text), "\"}");
        read_event(log, "genesis", (const char *)data.data, &event);
        assert_ok(judged_keys_take(&judged, &edge, &event));
        merkle_edge_append(&edge, root_of(1));
        ps_buf_reset(&note);
        put_note(&first, 1, merkle_edge_root(&edge), &note);
        put_data(&data, "{\"checkpoint\":", ps_buf_bytes(&note), "}");
        read_event(log, "restored", (const char *)data.data, &event);
        assert_ok(judged_keys_take(&judged, &edge, &event));
        merkle_edge_append(&edge, root_of(2));
        put_data(&data,
                 "{\"effects\":[{\"kind\":\"appliance\",\"name\":\"appliance\",\"row\":{"
                 "\"log_verifier\":\"",
                 ps_buf_bytes(&second.text), "\"}}],\"operation\":\"x\",\"outcome\":\"done\"}");
        read_event(log, "result", (const char *)data.data, &event);
        assert_int_equal(judged_keys_take(&judged, &edge, &event), is_judged ? PS_E_DENIED : PS_OK);
        judged_keys_clear(&judged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_restored_log_goes_on_with_the_key_of_the_result, begin,
                                        end),
        cmocka_unit_test_setup_teardown(without_a_restore_no_key_follows, begin, end),
        cmocka_unit_test_setup_teardown(the_key_before_signed_for_exactly_the_leaves_before, begin,
                                        end),
        cmocka_unit_test_setup_teardown(leaves_of_another_form_are_input_errors, begin, end),
        cmocka_unit_test_setup_teardown(a_key_that_people_did_not_approve_is_not_the_logs, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
