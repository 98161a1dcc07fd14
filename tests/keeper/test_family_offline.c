#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"

#include "lib/ceremony/bundle/bundle.h"
#include "lib/ceremony/log/report.h"
#include "lib/ceremony/replay/replay.h"

#include <stdlib.h>

/*
 * Keys of families as who verifies a log offline sees them: a real log, and the same with some of
 * its leaves changed, left out, or in another place, as an appliance that somebody has taken over
 * could have written and signed it.
 */

#define LEAVES_MAX 1024u
#define TEXT_ROOM  16384u

struct kept_leaf {
    struct ps_buf octets;
    char operation[40];
    char type[40]; /* of its operation */
    char name[64]; /* key or family that it is about */
    char kind[16];
};

static struct kept_leaf kept[LEAVES_MAX];
static size_t kept_count;

#define FAMILY(maximum)                                                                            \
    "{\"client\":\"tester\",\"maximum\":" maximum ",\"template\":{\"type\":\"ec-p256\","           \
    "\"usage\":\"sign\",\"formats\":[\"jws\"],\"validity_s\":31536000,"                            \
    "\"labels\":{\"owner\":\"wallets\"}}}"

static void make(const char *family, const char *name)
{
    char parameters[100];
    struct msg_change message = {0};
    struct wire_frame answer;

    (void)snprintf(parameters, sizeof parameters, "{\"name\":\"%s\"}", name);
    message = stack_change_message("family.make_key", family, parameters);
    message.requester = ps_bytes(NULL, 0);
    stack_call(&stack, &stack.clients, &msg_change_info, &message, &answer);
    expect(201, stack_status_of(&answer, &body));
}

static void copy(char *out, size_t size, struct ps_bytes text)
{
    (void)snprintf(out, size, "%.*s", PS_BYTES_FMT(text));
}

static void note_document(struct kept_leaf *leaf, const struct log_event *event)
{
    static const char *const members[] = {"name", "family", "prefix", "key", "client"};
    struct json_value document;
    struct json_value params;

    if (!json_member(event->data, "document", &document) ||
        !json_member(document, "params", &params)) {
        return;
    }
    copy(leaf->type, sizeof leaf->type, leaves_text(document, "type"));
    for (size_t i = 0; i < PS_COUNT_OF(members) && leaf->name[0] == '\0'; i++) {
        copy(leaf->name, sizeof leaf->name, leaves_text(params, members[i]));
    }
}

static void keep(void *context, const struct log_event *event)
{
    struct kept_leaf *leaf = &kept[kept_count];

    (void)context;
    assert_true(kept_count < LEAVES_MAX);
    kept_count++;
    ps_buf_init(&leaf->octets, LOG_LEAF_MAX);
    ps_buf_put(&leaf->octets, event->octets);
    copy(leaf->kind, sizeof leaf->kind, event->kind);
    if (event->data.doc == NULL) {
        return;
    }
    copy(leaf->operation, sizeof leaf->operation, leaves_text(event->data, "operation"));
    note_document(leaf, event);
    for (size_t i = 0; leaf->type[0] == '\0' && i + 1 < kept_count; i++) {
        if (leaf->operation[0] != '\0' && strcmp(kept[i].operation, leaf->operation) == 0) {
            memcpy(leaf->type, kept[i].type, sizeof leaf->type);
            memcpy(leaf->name, kept[i].name, sizeof leaf->name);
        }
    }
}

static int make_log(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(1);
    expect(201, change("wrapping.create", "", "{}"));
    expect(201, change("family.create", "f.", FAMILY("3")));
    make("f.", "f.one");
    expect(201, change("family.suspend", "f.", "{}"));
    expect(201, change("family.resume", "f.", "{}"));
    make("f.", "f.two");
    make("f.", "f.three");
    expect(201, change("key.deactivate", "f.two", "{}"));
    expect(201, change("family.create", "r.", FAMILY("9")));
    make("r.", "r.one");
    expect(200, change("family.revoke", "r.", "{}"));
    expect(201, change("client.register", "", "{\"name\":\"other\",\"uids\":[61234]}"));
    assert_int_equal(stack_stop_keeper(&stack), 0);
    leaves_each_event(&stack, keep, NULL);
    return 0;
}

static int end_log(void **state)
{
    for (size_t i = 0; i < kept_count; i++) {
        ps_buf_clear(&kept[i].octets);
    }
    return fixture_end(state);
}

/* --- Replays --- */

struct story {
    bool is_chosen;
    const char *without; /* no leaf of operations of this type ... */
    const char *of;      /* ... about this */
    const char *later;   /* those of the key of this name come last */
    const char *kind;    /* in the leaf of this kind ... */
    const char *about;   /* ... about this key or family */
    const char *from;    /* this text is another one, once */
    const char *to;
    const char *words; /* NULL: nothing is wrong */
};

struct seen {
    char failures[TEXT_ROOM];
    char keys[1024]; /* "f.one 1/3 f.;" */
    char notes[TEXT_ROOM];
};

static void take_row(void *context, const struct log_row *row)
{
    struct seen *seen = context;
    char *text = row->verdict == LOG_FAIL ? seen->failures : seen->notes;
    const size_t used = strlen(text);

    (void)snprintf(text + used, TEXT_ROOM - used, "%s: %s\n", row->check, row->text);
}

static enum ps_err on_operation(void *context, const struct replay_operation *operation)
{
    struct seen *seen = context;
    const size_t used = strlen(seen->keys);
    const struct replay_family *family = &operation->family;

    if (family->prefix.len != 0) {
        assert_true(family->approved < operation->leaf);
        (void)snprintf(
            seen->keys + used, sizeof seen->keys - used, "%.*s %llu/%llu %.*s;",
            PS_BYTES_FMT(operation_document_subject(waiting_document(operation->waiting))),
            (unsigned long long)family->made, (unsigned long long)family->maximum,
            PS_BYTES_FMT(family->prefix));
    }
    return PS_OK;
}

static bool is_key_of(const struct kept_leaf *leaf, const char *name)
{
    return name != NULL && strcmp(leaf->type, "family.make_key") == 0 &&
           strcmp(leaf->name, name) == 0;
}

static bool is_left_out(const struct kept_leaf *leaf, const struct story *story)
{
    return story->without != NULL && strcmp(leaf->type, story->without) == 0 &&
           strcmp(leaf->name, story->of) == 0;
}

static bool is_forged(const struct kept_leaf *leaf, const struct story *story)
{
    return story->kind != NULL && strcmp(leaf->kind, story->kind) == 0 &&
           is_key_of(leaf, story->about);
}

static void put_forged(const struct kept_leaf *leaf, const struct story *story, struct ps_buf *out)
{
    const struct ps_bytes octets = ps_buf_bytes(&leaf->octets);
    const uint8_t *at = memmem(octets.data, octets.len, story->from, strlen(story->from));
    size_t before;

    if (at == NULL) {
        fail_msg("no %s in %.*s", story->from, PS_BYTES_FMT(octets));
        return;
    }
    before = (size_t)(at - octets.data);
    ps_buf_put(out, ps_bytes(octets.data, before));
    ps_buf_put_str(out, story->to);
    ps_buf_put(out, ps_bytes_from(octets, before + strlen(story->from)));
    assert_ok(ps_buf_status(out));
}

static void take(struct replay *replay, struct json *json, size_t at, const struct story *story)
{
    PS_BUF_AUTO forged = {.max = LOG_LEAF_MAX};
    struct log_event event;

    if (is_forged(&kept[at], story)) {
        put_forged(&kept[at], story, &forged);
    } else {
        ps_buf_put(&forged, ps_buf_bytes(&kept[at].octets));
    }
    assert_ok(log_event_read(json, ps_buf_bytes(&forged), &event));
    assert_ok(replay_take(replay, at, &event));
}

static void replay_all(const struct story *story, struct seen *seen)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_CLEANUP(replay_free_cleanup) struct replay *replay = NULL;
    struct log_report report = {.fn = take_row, .context = seen};

    memset(seen, 0, sizeof *seen);
    assert_ok(json_new(&json));
    assert_ok(replay_new(&(struct replay_sink){.report = &report,
                                               .is_chosen = story->is_chosen,
                                               .context = seen,
                                               .on_operation = on_operation},
                         &replay));
    for (size_t i = 0; i < kept_count; i++) {
        if (!is_left_out(&kept[i], story) && !is_key_of(&kept[i], story->later)) {
            take(replay, json, i, story);
        }
    }
    for (size_t i = 0; i < kept_count; i++) {
        if (is_key_of(&kept[i], story->later)) {
            take(replay, json, i, story);
        }
    }
}

static void each_key_is_shown_under_its_family(void **state)
{
    const struct story whole = {.words = NULL};
    const struct story chosen = {.is_chosen = true};
    static struct seen seen;

    (void)state;
    replay_all(&whole, &seen);
    assert_string_equal(seen.failures, "");
    assert_string_equal(seen.keys, "f.one 1/3 f.;f.two 2/3 f.;f.three 3/3 f.;r.one 1/9 r.;");
    replay_all(&chosen, &seen);
    assert_string_equal(seen.failures, "");
}

#define DOCUMENT(from_, to_, words_)                                                               \
    {                                                                                              \
        .kind = "intent", .about = "f.two", .from = (from_), .to = (to_), .words = (words_)        \
    }
#define ROWS(from_, to_, words_)                                                                   \
    {                                                                                              \
        .kind = "result", .about = "f.two", .from = (from_), .to = (to_), .words = (words_)        \
    }
#define OTHER_KIND "of another kind than people approved"
#define OTHER_ROW  "of a key's row is not what its document says"

static const struct story forgeries[] = {
    {.without = "family.create", .of = "f.", .words = "do not show approved"},
    {.is_chosen = true, .without = "family.create", .of = "f.", .words = "do not show approved"},
    {.later = "r.one", .words = "do not show approved"},
    {.without = "family.resume", .of = "f.", .words = "the family f. was suspended"},
    {.without = "family.make_key", .of = "f.two", .words = "key 3 of the family f., after 1"},
    {.is_chosen = true, .without = "family.make_key", .of = "f.one"},
    DOCUMENT("\"caller\":\"tester\"", "\"caller\":\"other\"", "is of the client tester"),
    DOCUMENT("\"name\":\"f.two\"", "\"name\":\"g.two\"", "is not of the family f. by its name"),
    DOCUMENT("\"name\":\"f.two\"", "\"name\":\"f.\"", "is not of the family f. by its name"),
    DOCUMENT("\"family\":\"f.\"", "\"family\":\"n.\"", "do not show approved"),
    DOCUMENT("\"type\":\"ec-p256\"", "\"type\":\"ec-p384\"", OTHER_KIND),
    DOCUMENT("\"usage\":\"sign\"", "\"usage\":\"decrypt\"", OTHER_KIND),
    DOCUMENT("\"formats\":[\"jws\"]", "\"formats\":[\"cose\",\"jws\"]", OTHER_KIND),
    DOCUMENT("\"validity_s\":\"31536000\"", "\"validity_s\":\"61536000\"", OTHER_KIND),
    DOCUMENT("\"class\":\"B\"", "\"class\":\"A\"", OTHER_KIND),
    DOCUMENT("\"residence\":\"wrapped\"", "\"residence\":\"token\"", OTHER_KIND),
    DOCUMENT("\"extractable\":true", "\"extractable\":false", OTHER_KIND),
    DOCUMENT("\"owner\":\"wallets\"", "\"owner\":\"wallet\"", OTHER_KIND),
    ROWS("\"usage\":\"sign\"", "\"usage\":\"certify\"", OTHER_ROW),
    ROWS("\"type\":\"ec-p256\"", "\"type\":\"rsa-2048\"", OTHER_ROW),
    ROWS("\"formats\":[\"jws\"]", "\"class\":\"A\",\"formats\":[\"jws\"]", "a key of class A"),
    ROWS("\"residence\":\"wrapped\"", "\"residence\":\"token\"", OTHER_ROW),
    ROWS("\"retain_s\":0", "\"retain_s\":1", OTHER_ROW),
    ROWS("\"latest\":1", "\"latest\":2", "row is not what its document says"),
    ROWS("\"retired_s\":0", "\"retired_s\":1", "not valid for as long"),
    ROWS("\"activates_s\":", "\"activates_s\":9", "not valid for as long"),
    ROWS("\"expires_s\":", "\"expires_s\":9", "not valid for as long"),
    ROWS("\"created_s\":", "\"created_s\":9", "made at another time"),
    ROWS("\"made\":2", "\"made\":3", "it is key 3 of the family f., after 1"),
    ROWS("\"made\":2", "\"made\":1", "it is key 1 of the family f., after 1"),
    ROWS("\"maximum\":3", "\"maximum\":4", "the row of the family f. is not what people approved"),
    ROWS("\"effects\":[", "\"effects\":[{\"kind\":\"key\",\"name\":\"x\",\"removed\":true},",
         "other rows than those of one key"),
    ROWS("\"name\":\"f.two/1\"", "\"name\":\"f.two/2\"", "other rows than those of one key"),
    {.is_chosen = true,
     .kind = "result",
     .about = "f.three",
     .from = "\"made\":3",
     .to = "\"made\":4",
     .words = "it is key 4 of the family f., after 2 of at most 3"},
};

static void a_key_outside_its_family_is_a_failure(void **state)
{
    static struct seen seen;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(forgeries); i++) {
        const struct story *story = &forgeries[i];

        replay_all(story, &seen);
        if ((story->words == NULL) != (seen.failures[0] == '\0') ||
            (story->words != NULL && strstr(seen.failures, story->words) == NULL)) {
            fail_msg("case %zu, %s: not \"%s\", but: %s", i,
                     story->to == NULL ? story->without : story->to, story->words, seen.failures);
        }
    }
}

/* --- Transcripts --- */

static const char *operation_of(const char *type, const char *name)
{
    for (size_t i = 0; i < kept_count; i++) {
        if (strcmp(kept[i].type, type) == 0 && strcmp(kept[i].name, name) == 0) {
            return kept[i].operation;
        }
    }
    fail_msg("no %s %s", type, name);
    return "";
}

static void verify_transcript_of(const char *type, const char *name, struct seen *seen)
{
    const struct ps_bytes operation = ps_bytes_str(operation_of(type, name));
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
    char directory[200];
    const struct bundle_source source = {
        .directory = directory, .operations = &operation, .operation_count = 1};
    uint8_t genesis[PS_SHA256_LEN];
    struct bundle_summary summary;

    memset(seen, 0, sizeof *seen);
    (void)snprintf(directory, sizeof directory, "%s/log", stack.data);
    assert_ok(bundle_build(&source, &octets));
    assert_ok(bundle_parse(ps_buf_bytes(&octets), &bundle));
    ps_sha256(ps_buf_bytes(&kept[0].octets), genesis);
    assert_ok(bundle_verify(bundle,
                            &(struct bundle_check){.genesis = genesis,
                                                   .fn = take_row,
                                                   .context = seen,
                                                   .on_operation = on_operation,
                                                   .operation_context = seen},
                            &summary));
}

static void a_transcript_of_a_key_has_the_approval_of_its_family(void **state)
{
    static struct seen seen;

    (void)state;
    verify_transcript_of("family.make_key", "f.three", &seen);
    assert_string_equal(seen.failures, "");
    assert_string_equal(seen.keys, "f.three 3/3 f.;");
    assert_non_null(
        strstr(seen.notes, "the key f.three is number 3 of at most 3 of the family f."));
    assert_non_null(strstr(seen.notes, "family.create f. is done, approved by"));
    assert_non_null(strstr(seen.notes, "family.resume f. is done, approved by"));
    assert_null(strstr(seen.notes, "without anybody's approval"));
    assert_null(strstr(seen.notes, "family r."));
}

static void a_transcript_of_what_became_of_a_key_has_it_too(void **state)
{
    static struct seen seen;

    (void)state;
    verify_transcript_of("key.deactivate", "f.two", &seen);
    assert_string_equal(seen.keys, "f.two 2/3 f.;");
    assert_null(strstr(seen.notes, "counted as one of class A"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_is_shown_under_its_family),
        cmocka_unit_test(a_key_outside_its_family_is_a_failure),
        cmocka_unit_test(a_transcript_of_a_key_has_the_approval_of_its_family),
        cmocka_unit_test(a_transcript_of_what_became_of_a_key_has_it_too),
    };

    return cmocka_run_group_tests(tests, make_log, end_log);
}
