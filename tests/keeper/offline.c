#include "tests/keeper/offline.h"

#define LEAVES_MAX 1024u

struct kept_leaf {
    struct ps_buf octets;
    char operation[40];
    char type[40]; /* of its operation */
    char name[64]; /* key or family that it is about */
    char kind[16];
};

static struct kept_leaf kept[LEAVES_MAX];
static size_t kept_count;

static void copy_text(char *out, size_t size, struct ps_bytes text)
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
    copy_text(leaf->type, sizeof leaf->type, leaves_text(document, "type"));
    for (size_t i = 0; i < PS_COUNT_OF(members) && leaf->name[0] == '\0'; i++) {
        copy_text(leaf->name, sizeof leaf->name, leaves_text(params, members[i]));
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
    copy_text(leaf->kind, sizeof leaf->kind, event->kind);
    if (event->data.doc == NULL) {
        return;
    }
    copy_text(leaf->operation, sizeof leaf->operation, leaves_text(event->data, "operation"));
    note_document(leaf, event);
    for (size_t i = 0; leaf->type[0] == '\0' && i + 1 < kept_count; i++) {
        if (leaf->operation[0] != '\0' && strcmp(kept[i].operation, leaf->operation) == 0) {
            memcpy(leaf->type, kept[i].type, sizeof leaf->type);
            memcpy(leaf->name, kept[i].name, sizeof leaf->name);
        }
    }
}

/* --- Replays --- */

void offline_take_row(void *context, const struct log_row *row)
{
    struct offline_seen *seen = context;
    char *text = row->verdict == LOG_FAIL ? seen->failures : seen->notes;
    const size_t used = strlen(text);

    (void)snprintf(text + used, OFFLINE_TEXT - used, "%s: %s\n", row->check, row->text);
}

enum ps_err offline_on_operation(void *context, const struct replay_operation *operation)
{
    struct offline_seen *seen = context;
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

static bool is_of(const struct kept_leaf *leaf, const struct offline_story *story, const char *name)
{
    const char *type = story->type == NULL ? "family.make_key" : story->type;

    return name != NULL && strcmp(leaf->type, type) == 0 && strcmp(leaf->name, name) == 0;
}

static bool is_left_out(const struct kept_leaf *leaf, const struct offline_story *story)
{
    return story->without != NULL && strcmp(leaf->type, story->without) == 0 &&
           strcmp(leaf->name, story->of) == 0;
}

static bool is_forged(const struct kept_leaf *leaf, const struct offline_story *story)
{
    return story->kind != NULL && strcmp(leaf->kind, story->kind) == 0 &&
           is_of(leaf, story, story->about);
}

static void put_forged(const struct kept_leaf *leaf, const struct offline_story *story,
                       struct ps_buf *out)
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

static void take(struct replay *replay, struct json *json, size_t at,
                 const struct offline_story *story)
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

static void replay_story(const struct offline_story *story, struct offline_seen *seen)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_CLEANUP(replay_free_cleanup) struct replay *replay = NULL;
    struct log_report report = {.fn = offline_take_row, .context = seen};

    memset(seen, 0, sizeof *seen);
    assert_ok(json_new(&json));
    assert_ok(replay_new(&(struct replay_sink){.report = &report,
                                               .is_chosen = story->is_chosen,
                                               .context = seen,
                                               .on_operation = offline_on_operation},
                         &replay));
    for (size_t i = 0; i < kept_count; i++) {
        if (!is_left_out(&kept[i], story) && !is_of(&kept[i], story, story->later)) {
            take(replay, json, i, story);
        }
    }
    for (size_t i = 0; i < kept_count; i++) {
        if (is_of(&kept[i], story, story->later)) {
            take(replay, json, i, story);
        }
    }
}

void offline_check_real(const char *keys)
{
    const struct offline_story whole = {.words = NULL};
    const struct offline_story chosen = {.is_chosen = true};
    static struct offline_seen seen;

    replay_story(&whole, &seen);
    assert_string_equal(seen.failures, "");
    assert_string_equal(seen.keys, keys);
    replay_story(&chosen, &seen);
    assert_string_equal(seen.failures, "");
}

void offline_check(const struct offline_story *stories, size_t count)
{
    static struct offline_seen seen;

    for (size_t i = 0; i < count; i++) {
        const struct offline_story *story = &stories[i];

        replay_story(story, &seen);
        if ((story->words == NULL) != (seen.failures[0] == '\0') ||
            (story->words != NULL && strstr(seen.failures, story->words) == NULL)) {
            fail_msg("case %zu, %s: not \"%s\", but: %s", i,
                     story->to == NULL ? story->without : story->to, story->words, seen.failures);
        }
    }
}

void offline_keep(struct stack *stack)
{
    assert_int_equal(stack_stop_keeper(stack), 0);
    leaves_each_event(stack, keep, NULL);
}

void offline_forget(void)
{
    for (size_t i = 0; i < kept_count; i++) {
        ps_buf_clear(&kept[i].octets);
    }
}

struct ps_bytes offline_genesis(void)
{
    return ps_buf_bytes(&kept[0].octets);
}

const char *offline_operation_of(const char *type, const char *name)
{
    for (size_t i = 0; i < kept_count; i++) {
        if (strcmp(kept[i].type, type) == 0 && strcmp(kept[i].name, name) == 0) {
            return kept[i].operation;
        }
    }
    fail_msg("no %s %s", type, name);
    return "";
}
