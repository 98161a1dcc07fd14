#include "keystore/custody/inventory.h"

#include "keystore/custody/findings.h"
#include "keystore/custody/wrapping_keys.h"
#include "keystore/events/anchor.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/operations/operations.h"
#include "lib/base/hash.h"
#include "lib/base/reader.h"

#include <assert.h>
#include <stdlib.h>

#define TOKENS      32u
#define PERIOD_NS   (24 * 3600 * PS_NS_PER_S)
#define AGAIN_NS    (10 * PS_NS_PER_S) /* after a token went away in the middle of one */
#define LIMIT_MS    120000u
#define UNKNOWN_MAX 256u
#define BATCH       (uint32_t) TOKEN_CHECK_KEYS_MAX
#define DATA_MAX    (40u * 1024u) /* fits into a leaf */

/* Of a row of msg_token_objects, as far as something hangs on it. */
enum { CLASS_PRIVATE = 1, CLASS_PUBLIC = 2, CLASS_SECRET = 3, CLASS_DATA = 5 };

struct result {
    uint32_t objects;
    size_t keys;
    uint32_t found;
};

/* What is known of a token from its last inventory. */
struct stock {
    bool is_asked;
    uint64_t next_ns;    /* monotonic: when it is due; 0: at once */
    uint64_t finished_s; /* 0: there was none yet */
    struct result result;
    struct ps_buf findings; /* items of an array */
};

/*
 * One inventory under way. The list of objects comes first; keys are then compared in batches, by
 * any process, and what that one does not have is asked of each: a process of a soft token may
 * never see what another has made. What no key has is asked for again at the end, since it may have
 * been made or destroyed meanwhile.
 */
struct pass {
    struct token *token; /* NULL: none is under way */
    size_t index;        /* of the token */
    struct holdings holdings;
    struct findings findings;
    uint32_t objects;
    struct found_object unknown[UNKNOWN_MAX];
    size_t unknown_count;
    uint32_t rounds; /* 0: any process; then each by its turn */
    size_t at;       /* next holding to compare, or unknown object to ask for */
    size_t batch[TOKEN_CHECK_KEYS_MAX];
    size_t batch_count;
};

struct inventory {
    struct keeper *keeper;
    struct stock stocks[TOKENS];
    struct pass pass;
};

static void ask_list(struct inventory *inventory);
static void compare_next(struct inventory *inventory);
static void ask_unknown(struct inventory *inventory);

enum ps_err inventory_new(struct keeper *keeper, struct inventory **ret_inventory)
{
    struct inventory *inventory = calloc(1, sizeof *inventory);

    if (inventory == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    inventory->keeper = keeper;
    for (size_t i = 0; i < TOKENS; i++) {
        ps_buf_init(&inventory->stocks[i].findings, DATA_MAX);
    }
    *ret_inventory = inventory;
    return PS_OK;
}

static void clear_pass(struct pass *pass)
{
    holdings_clear(&pass->holdings);
    findings_clear(&pass->findings);
    *pass = (struct pass){.token = NULL};
}

void inventory_free(struct inventory *inventory)
{
    if (inventory == NULL) {
        return;
    }
    clear_pass(&inventory->pass);
    for (size_t i = 0; i < TOKENS; i++) {
        ps_buf_clear(&inventory->stocks[i].findings);
    }
    free(inventory);
}

/* --- The end of one --- */

/* The token went away, or answered nonsense: once more, when it is there. */
static void give_up(struct inventory *inventory)
{
    inventory->stocks[inventory->pass.index].next_ns = ps_clock_mono_ns() + AGAIN_NS;
    ps_line(PS_WARNING, "inventory_interrupted",
            PS_TEXT("token", tokens_name(inventory->pass.token)));
    clear_pass(&inventory->pass);
}

static struct result result_of(const struct pass *pass)
{
    return (struct result){pass->objects, pass->holdings.count, pass->findings.count};
}

/* Members of an open object, in lexical order. */
static void put_result(struct result result, struct ps_bytes findings, struct writer *json)
{
    writer_begin_array(json, "findings");
    ps_buf_put(json->out, findings);
    writer_end_array(json);
    writer_number(json, "found", result.found);
    writer_number(json, "keys", result.keys);
    writer_number(json, "objects", result.objects);
}

/* Nobody hears of it before its leaf is durable. */
static void on_recorded(void *context, bool is_durable)
{
    struct inventory *inventory = context;
    const struct pass *pass = &inventory->pass;
    struct stock *stock = &inventory->stocks[pass->index];

    if (!is_durable) {
        give_up(inventory);
        return;
    }
    stock->next_ns = ps_clock_mono_ns() + PERIOD_NS;
    stock->finished_s = real_now_s();
    stock->result = result_of(pass);
    ps_buf_reset(&stock->findings);
    ps_buf_put(&stock->findings, ps_buf_bytes(&pass->findings.items));
    ps_line(PS_INFO, "inventory", PS_TEXT("token", tokens_name(pass->token)),
            PS_NUM("objects", stock->result.objects), PS_NUM("keys", stock->result.keys),
            PS_NUM("found", stock->result.found));
    clear_pass(&inventory->pass);
}

static enum ps_err record(struct inventory *inventory)
{
    const struct pass *pass = &inventory->pass;
    PS_BUF_AUTO data = {.max = DATA_MAX};
    struct writer json = writer(&data);
    struct event_leaf leaf = {.time_ns = ps_clock_real_ns(), .kind = "inventory"};

    writer_begin_object(&json, NULL);
    put_result(result_of(pass), ps_buf_bytes(&pass->findings.items), &json);
    writer_text(&json, "token", tokens_name(pass->token));
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    leaf.data = ps_buf_bytes(&data);
    return events_record(inventory->keeper, &leaf, on_recorded, inventory);
}

/* The alarm's leaf goes first: it is there, too, when the inventory's is. */
static void finish(struct inventory *inventory)
{
    const struct pass *pass = &inventory->pass;

    if (pass->findings.count != 0) {
        events_alarm(inventory->keeper, "inventory", tokens_name(pass->token),
                     pass->findings.first);
    }
    if (record(inventory) != PS_OK) {
        ps_line(PS_WARNING, "event_not_recorded", PS_STR("kind", "inventory"),
                PS_STR("detail", ps_detail()->text));
        give_up(inventory);
    }
}

/* --- Objects that no key has --- */

/*
 * With what the appliance signed from which this one was restored: it may be there still, and uses
 * its own keys.
 */
static bool is_of_one_before(const struct key_version *version)
{
    const struct key *key = version->key;

    return version->state == KEY_DESTROYED && version->number < key->latest &&
           (strcmp(key->name, LOG_KEY_NAME) == 0 || strcmp(key->name, IDENTITY_KEY_NAME) == 0);
}

/* Of a class that our keys consist of. */
static bool is_of_keys(uint8_t class)
{
    return class == CLASS_PRIVATE || class == CLASS_PUBLIC || class == CLASS_SECRET;
}

/* Errors: those of holdings_owner: nothing can be said of it now. */
static enum ps_err judge_unknown(struct inventory *inventory, const struct found_object *object)
{
    const struct operations *operations = inventory->keeper->operations;
    const struct ps_bytes id = ps_bytes(object->id, object->id_len);
    struct findings *findings = &inventory->pass.findings;
    const struct key_version *owner = NULL;
    enum ps_err err;

    if (!is_of_keys(object->class)) {
        findings_add_unknown(findings, object); /* whatever its id: none of ours has one */
        return PS_OK;
    }
    err = holdings_owner(inventory->keeper, id, &owner);
    if (err == PS_E_NOT_FOUND) {
        if (!operations_has_reserved(operations, id)) {
            findings_add_unknown(findings, object);
        }
        return PS_OK;
    }
    if (holdings_is_unclear(err)) {
        findings_add_unclear(findings, object);
        return PS_OK;
    }
    PS_TRY(err);
    if (is_of_one_before(owner)) {
        return PS_OK;
    }
    if (owner->state == KEY_DESTROYED || owner->key->state == KEY_DESTROYED) {
        findings_add_undead(findings, owner);
    } else if (!holdings_expect(owner, inventory->pass.token) &&
               !operations_has_locked(operations, "key", ps_bytes_str(owner->key->name))) {
        findings_add_misplaced(findings, owner);
    }
    return PS_OK;
}

static void on_unknown(void *context, const struct token_answer *answer)
{
    struct inventory *inventory = context;
    const struct found_object *object = &inventory->pass.unknown[inventory->pass.at];

    if (answer->outcome == TOKEN_GONE ||
        (answer->outcome == TOKEN_REFUSED &&
         answer->problem->problem == PS_PROBLEM_TOKEN_UNAVAILABLE)) {
        give_up(inventory);
        return;
    }
    if ((answer->outcome == TOKEN_ANSWERED || answer->problem->problem != PS_PROBLEM_NOT_FOUND) &&
        judge_unknown(inventory, object) != PS_OK) {
        give_up(inventory);
        return;
    }
    inventory->pass.at++;
    ask_unknown(inventory);
}

static void ask_unknown(struct inventory *inventory)
{
    struct pass *pass = &inventory->pass;
    struct msg_token_find message = {.key_type = PS_KEY_NONE};

    while (pass->at < pass->unknown_count && pass->unknown[pass->at].id_len == 0) {
        findings_add_unknown(&pass->findings, &pass->unknown[pass->at++]);
    }
    if (pass->at == pass->unknown_count) {
        finish(inventory);
        return;
    }
    message.object_id = ps_bytes(pass->unknown[pass->at].id, pass->unknown[pass->at].id_len);
    if (tokens_call(pass->token, &msg_token_find_info, &message, LIMIT_MS, on_unknown, inventory) !=
        PS_OK) {
        give_up(inventory);
    }
}

/* --- Keys --- */

static bool is_whole(const struct key *key, uint8_t has)
{
    const uint8_t whole = ps_key_type_info(key->type)->family == PS_FAMILY_SECRET
                              ? TOKEN_HAS_SECRET
                              : TOKEN_HAS_PRIVATE | TOKEN_HAS_PUBLIC;

    return (has & whole) == whole;
}

static void judge_key(struct inventory *inventory, struct holding *holding, uint8_t has,
                      struct ps_bytes hash, struct ps_bytes differs)
{
    const struct key_version *version = holding_version(inventory->keeper, holding);
    uint8_t expected[PS_SHA256_LEN];

    holding->is_missing = version != NULL && !is_whole(version->key, has);
    if (version == NULL || holding->is_missing) {
        return;
    }
    if (ps_bytes_equal_str(differs, TOKEN_DIFFERS_PROFILE)) {
        findings_add_not_offered(&inventory->pass.findings, holding);
        return;
    }
    if (differs.len != 0) {
        findings_add_drifted(&inventory->pass.findings, holding, differs);
        return;
    }
    ps_sha256(version_spki(version), expected);
    if (version->spki_len != 0 && !ps_bytes_equal(hash, ps_bytes(expected, sizeof expected))) {
        findings_add_drifted(&inventory->pass.findings, holding, ps_bytes_str("public key"));
    }
}

static enum ps_err judge_batch(struct inventory *inventory, struct ps_bytes rows)
{
    struct ps_reader reader = ps_reader(rows);
    struct pass *pass = &inventory->pass;

    for (size_t i = 0; i < pass->batch_count; i++) {
        const uint8_t has = ps_reader_u8(&reader);
        const struct ps_bytes hash = ps_reader_take(&reader, PS_SHA256_LEN);
        const struct ps_bytes differs = ps_reader_take(&reader, ps_reader_u16(&reader));

        if (reader.failed) {
            break;
        }
        judge_key(inventory, &pass->holdings.all[pass->batch[i]], has, hash, differs);
    }
    return ps_reader_finish(&reader);
}

static void on_checked(void *context, const struct token_answer *answer)
{
    struct inventory *inventory = context;
    const struct msg_token_checked *message = answer->message;

    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_checked_info ||
        judge_batch(inventory, message->found) != PS_OK) {
        give_up(inventory);
        return;
    }
    compare_next(inventory);
}

static void put_row(const struct key_version *version, const struct token *token,
                    struct ps_buf *out)
{
    const struct key *key = version->key;
    const bool is_carried = !ps_bytes_equal(tokens_name(token), version_token(version));
    bool is_for_secrets;
    size_t label_len;

    assert(key != NULL);
    is_for_secrets = strcmp(key->name, WRAPPING_SECRETS_KEY_NAME) == 0;
    label_len = strnlen(key->name, 64);
    ps_buf_put_u16(out, (uint16_t)version->object_id_len);
    ps_buf_put(out, version_object_id(version));
    ps_buf_put_u16(out, (uint16_t)label_len);
    ps_buf_put(out, ps_bytes(key->name, label_len));
    ps_buf_put_u8(out, (uint8_t)key->type);
    ps_buf_put_u8(out, (uint8_t)key->usage);
    ps_buf_put_u8(out, (uint8_t)((wrapping_keys_have(key) ? TOKEN_KEY_EXTRACTABLE : 0) |
                                 (is_for_secrets ? TOKEN_KEY_FOR_SECRETS : 0) |
                                 (is_carried ? TOKEN_KEY_UNWRAPPED : 0)));
    ps_buf_put_u16(out, (uint16_t)key->algorithm_count);
    for (size_t i = 0; i < key->algorithm_count; i++) {
        ps_buf_put_u8(out, (uint8_t)key->algorithms[i]);
    }
}

/* In the first round all of them, later those that were not found yet. */
static void fill_batch(struct inventory *inventory, struct ps_buf *rows)
{
    struct pass *pass = &inventory->pass;

    pass->batch_count = 0;
    for (; pass->at < pass->holdings.count && pass->batch_count < BATCH; pass->at++) {
        const struct holding *holding = &pass->holdings.all[pass->at];
        const struct key_version *version = holding_version(inventory->keeper, holding);

        if (version != NULL && (pass->rounds == 0 || holding->is_missing)) {
            put_row(version, pass->token, rows);
            pass->batch[pass->batch_count++] = pass->at;
        }
    }
}

/* The process that is asked in this round; false when each has been asked. */
static bool find_place(struct pass *pass, struct token_place *ret_place)
{
    struct token_view view;

    *ret_place = (struct token_place){.token = pass->token};
    if (pass->rounds == 0) {
        return true;
    }
    for (; tokens_view(pass->token, pass->rounds - 1, &view); pass->rounds++) {
        if (view.state == TOKEN_READY) {
            ret_place->number = view.number;
            ret_place->is_known = true;
            return true;
        }
    }
    return false;
}

static void end_comparison(struct inventory *inventory)
{
    struct pass *pass = &inventory->pass;

    for (size_t i = 0; i < pass->holdings.count; i++) {
        const struct holding *holding = &pass->holdings.all[i];

        if (holding->is_missing && holding_version(inventory->keeper, holding) != NULL) {
            findings_add_missing(&pass->findings, holding);
        }
    }
    pass->at = 0;
    ask_unknown(inventory);
}

static void compare_next(struct inventory *inventory)
{
    struct pass *pass = &inventory->pass;
    PS_BUF_AUTO rows = {.max = IPC_DOCUMENT_MAX};
    struct token_place place;

    while (find_place(pass, &place)) {
        struct msg_token_check message = {0};

        fill_batch(inventory, &rows);
        if (pass->batch_count == 0) {
            pass->rounds++;
            pass->at = 0;
            continue;
        }
        message.expected = ps_buf_bytes(&rows);
        if (ps_buf_status(&rows) != PS_OK ||
            tokens_call_at(&place, &msg_token_check_info, &message, LIMIT_MS, on_checked,
                           inventory) != PS_OK) {
            give_up(inventory);
        }
        return;
    }
    end_comparison(inventory);
}

/* --- The list of objects --- */

static bool take_row(struct inventory *inventory, struct ps_reader *reader)
{
    struct pass *pass = &inventory->pass;
    const uint8_t class = ps_reader_u8(reader);
    const uint8_t type = ps_reader_u8(reader);
    const struct ps_bytes id = ps_reader_take(reader, ps_reader_u16(reader));
    const struct ps_bytes label = ps_reader_take(reader, ps_reader_u16(reader));
    struct found_object object = {.class = class};

    (void)type;
    if (reader->failed) {
        return false;
    }
    pass->objects++;
    if ((class == CLASS_DATA && anchor_owns(label)) ||
        (is_of_keys(class) && id.len != 0 && holdings_find(&pass->holdings, id) != NULL)) {
        return true;
    }
    object.id_len = id.len <= sizeof object.id ? id.len : 0;
    memcpy(object.id, id.data, object.id_len);
    object.label_len = label.len <= sizeof object.label ? label.len : 0;
    memcpy(object.label, label.data, object.label_len);
    if (pass->unknown_count == UNKNOWN_MAX) {
        findings_add_unknown(&pass->findings, &object); /* it is one of hundreds */
    } else {
        pass->unknown[pass->unknown_count++] = object;
    }
    return true;
}

static void on_objects(void *context, const struct token_answer *answer)
{
    struct inventory *inventory = context;
    const struct msg_token_objects *message = answer->message;
    const uint32_t before = inventory->pass.objects;
    struct ps_reader reader;

    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_objects_info) {
        give_up(inventory);
        return;
    }
    reader = ps_reader(message->objects);
    while (reader.left.len != 0 && take_row(inventory, &reader)) {
    }
    if (ps_reader_finish(&reader) != PS_OK ||
        (message->more != 0 && inventory->pass.objects == before)) {
        give_up(inventory);
        return;
    }
    if (message->more != 0) {
        ask_list(inventory);
        return;
    }
    compare_next(inventory);
}

static void ask_list(struct inventory *inventory)
{
    const struct msg_token_list message = {.after = inventory->pass.objects};

    if (tokens_call(inventory->pass.token, &msg_token_list_info, &message, LIMIT_MS, on_objects,
                    inventory) != PS_OK) {
        give_up(inventory);
    }
}

/* --- When --- */

static void begin(struct inventory *inventory, struct token *token, size_t index)
{
    inventory->pass.token = token;
    inventory->pass.index = index;
    findings_init(&inventory->pass.findings);
    inventory->stocks[index].is_asked = false;
    if (holdings_take(&inventory->pass.holdings, inventory->keeper, token) != PS_OK) {
        give_up(inventory);
        return;
    }
    ask_list(inventory);
}

void inventory_tick(struct inventory *inventory)
{
    const struct keeper *keeper = inventory->keeper;
    const uint64_t now_ns = ps_clock_mono_ns();
    struct token *token;

    if (inventory->pass.token != NULL || !keeper->appliance.exists || keeper->stopping) {
        return;
    }
    for (size_t i = 0; i < TOKENS && (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        const struct stock *stock = &inventory->stocks[i];

        /* What a crash left is swept first: it is no finding. */
        if ((stock->is_asked || now_ns >= stock->next_ns) && tokens_is_ready(token) &&
            operations_has_swept(keeper->operations, i)) {
            begin(inventory, token, i);
            return;
        }
    }
}

void inventory_ask(struct inventory *inventory)
{
    for (size_t i = 0; i < TOKENS; i++) {
        inventory->stocks[i].is_asked = true;
    }
    inventory_tick(inventory);
}

bool inventory_count(const struct inventory *inventory, const struct token *token,
                     uint32_t *ret_objects)
{
    for (size_t i = 0; i < TOKENS; i++) {
        if (tokens_at(inventory->keeper->tokens, i) == token) {
            *ret_objects = inventory->stocks[i].result.objects;
            return inventory->stocks[i].finished_s != 0;
        }
    }
    return false;
}

void inventory_put(const struct inventory *inventory, struct ps_buf *out)
{
    struct writer json = writer(out);
    const struct token *token;

    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "items");
    for (size_t i = 0; i < TOKENS && (token = tokens_at(inventory->keeper->tokens, i)) != NULL;
         i++) {
        const struct stock *stock = &inventory->stocks[i];
        const bool is_due = stock->is_asked || ps_clock_mono_ns() >= stock->next_ns;
        const char *at_rest = is_due ? "due" : "done";

        writer_begin_object(&json, NULL);
        writer_text(&json, "token", tokens_name(token));
        writer_str(&json, "state", inventory->pass.token == token ? "running" : at_rest);
        if (stock->finished_s != 0) {
            writer_time_s(&json, "finished", stock->finished_s);
            put_result(stock->result, ps_buf_bytes(&stock->findings), &json);
        }
        writer_end_object(&json);
    }
    writer_end_array(&json);
    writer_end_object(&json);
}
