#include "keystore/witnesses/witnesses.h"

#include "keystore/answer.h"
#include "keystore/callers/authority.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "lib/base/counted.h"
#include "lib/ceremony/log/key.h"
#include "lib/formats/tlog/cosignature.h"

#include <stdio.h>
#include <stdlib.h>

/* `events`, the present shard of uses, the one before it, and one that somebody asks about. */
#define TREES_MAX     4u
#define TREE_LABEL    (TREE_NAME_MAX + 8u)
#define ORIGIN_OCTETS 512u

/* How far each witness has seen one tree. */
struct seen {
    char tree[TREE_LABEL]; /* empty: not used */
    uint64_t used;         /* the larger, the later */
    uint64_t sizes[LOG_WITNESSES_MAX];
    uint64_t times_s[LOG_WITNESSES_MAX];
};

struct witnesses {
    struct keeper *keeper;
    struct ps_buf lines;
    struct log_witnesses list; /* borrows from `lines` */
    struct seen trees[TREES_MAX];
    uint64_t uses;
    uint64_t late_since_ns; /* monotonic; 0: nothing waits */
    uint64_t late_size;     /* of `events`, that waits */
    bool is_late;
};

enum ps_err witnesses_new(struct keeper *keeper, struct witnesses **ret_witnesses)
{
    PS_CLEANUP(witnesses_free_cleanup) struct witnesses *witnesses = calloc(1, sizeof *witnesses);

    if (witnesses == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    witnesses->keeper = keeper;
    ps_buf_init(&witnesses->lines, 16384);
    ps_buf_put(&witnesses->lines, keeper->config->witnesses);
    PS_TRY(ps_buf_status(&witnesses->lines));
    PS_TRY(log_witnesses_parse(ps_buf_bytes(&witnesses->lines), keeper->config->witnesses_needed,
                               &witnesses->list));
    *ret_witnesses = witnesses;
    witnesses = NULL;
    return PS_OK;
}

void witnesses_free(struct witnesses *witnesses)
{
    if (witnesses != NULL) {
        ps_buf_clear(&witnesses->lines);
        free(witnesses);
    }
}

size_t witnesses_count(const struct witnesses *witnesses)
{
    return witnesses->list.count;
}

static enum ps_err find_tree(const struct keeper *keeper, const char *name,
                             const struct tree **ret_tree)
{
    if (keeper->events == NULL || keeper->use == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the logs are not open");
    }
    if (strcmp(name, "events") == 0) {
        return log_find_tree(keeper->events, ps_bytes(NULL, 0), ret_tree);
    }
    if (strncmp(name, "use/", 4) != 0 || name[4] == '\0') {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such tree");
    }
    return log_find_tree(keeper->use, ps_bytes_str(name + 4), ret_tree);
}

/* A note of ours whose tree is the one that we have. Errors: PS_E_INPUT, PS_E_DENIED. */
static enum ps_err open_note(const struct keeper *keeper, const char *name, const struct tree *tree,
                             struct ps_bytes note, struct checkpoint *ret_checkpoint)
{
    PS_BUF_AUTO origin = {.max = ORIGIN_OCTETS};
    struct merkle_hash root;
    struct note_key key;

    PS_TRY(checkpoints_find_key(keeper, name, &origin, &key));
    PS_TRY(checkpoint_open(note, &key, ret_checkpoint));
    if (!ps_bytes_equal(ret_checkpoint->origin, key.name) || ret_checkpoint->extension.len != 0) {
        return ps_fail(PS_E_DENIED, 0, "the note is of another tree");
    }
    if (ret_checkpoint->size > tree_size(tree)) {
        return ps_fail(PS_E_STATE, 0, "the log signed for %s of %s, and has %llu",
                       ps_counted(ret_checkpoint->size, "leaf", "leaves").text, name,
                       (unsigned long long)tree_size(tree));
    }
    PS_TRY(tree_root(tree, ret_checkpoint->size, &root));
    return memcmp(&root, &ret_checkpoint->root, sizeof root) == 0
               ? PS_OK
               : ps_fail(PS_E_STATE, 0, "the log signed for other leaves of %s", name);
}

/* --- What is known of a tree --- */

/* What cannot be read counts as not seen: it is asked for again. */
static void load_one(struct witnesses *witnesses, struct seen *seen, const struct tree *tree,
                     size_t at)
{
    const struct note_key *key = &witnesses->list.keys[at];
    struct cosignature cosignature;
    struct checkpoint checkpoint;
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX + 1};

    if (tree_read_witnessed(tree, key->id, &note) == PS_OK && note.len != 0 &&
        open_note(witnesses->keeper, seen->tree, tree, ps_buf_bytes(&note), &checkpoint) == PS_OK &&
        cosignature_open(ps_buf_bytes(&note), key, &cosignature) == PS_OK) {
        seen->sizes[at] = checkpoint.size;
        seen->times_s[at] = cosignature.time_s;
    }
}

/* NULL: there is no such tree. */
static struct seen *find_seen(struct witnesses *witnesses, const char *name,
                              const struct tree **ret_tree)
{
    struct seen *oldest = &witnesses->trees[0];

    if (strlen(name) >= TREE_LABEL || find_tree(witnesses->keeper, name, ret_tree) != PS_OK) {
        return NULL;
    }
    for (size_t i = 0; i < TREES_MAX; i++) {
        struct seen *seen = &witnesses->trees[i];

        if (strcmp(seen->tree, name) == 0) {
            seen->used = ++witnesses->uses;
            return seen;
        }
        oldest = seen->used < oldest->used ? seen : oldest;
    }
    *oldest = (struct seen){.used = ++witnesses->uses};
    memcpy(oldest->tree, name, strlen(name) + 1);
    for (size_t i = 0; i < witnesses->list.count; i++) {
        load_one(witnesses, oldest, *ret_tree, i);
    }
    return oldest;
}

/* The size that so many witnesses have seen at least. */
static uint64_t covered(const struct witnesses *witnesses, const struct seen *seen)
{
    uint64_t best = 0;

    for (size_t i = 0; i < witnesses->list.count; i++) {
        unsigned count = 0;

        for (size_t k = 0; k < witnesses->list.count; k++) {
            count += seen->sizes[k] >= seen->sizes[i] ? 1 : 0;
        }
        if (count >= witnesses->list.needed && seen->sizes[i] > best) {
            best = seen->sizes[i];
        }
    }
    return best;
}

uint64_t witnesses_size(struct witnesses *witnesses, const char *tree)
{
    const struct tree *found;
    const struct seen *seen = find_seen(witnesses, tree, &found);

    return seen == NULL ? 0 : covered(witnesses, seen);
}

/* --- Notes that come --- */

struct taken {
    struct cosignature cosignatures[LOG_WITNESSES_MAX];
    bool is_there[LOG_WITNESSES_MAX];
    unsigned count;
};

/* The checkpoint with its signature by the log, on whichever line that stands. */
static enum ps_err put_signed(const struct keeper *keeper, const char *name, struct ps_bytes note,
                              struct ps_buf *out)
{
    PS_BUF_AUTO origin = {.max = ORIGIN_OCTETS};
    struct note_key key;

    PS_TRY(checkpoints_find_key(keeper, name, &origin, &key));
    return note_put_signed(note, &key, out);
}

/* The checkpoint, its signature by the log, and those cosignatures that hold: nothing else of it.
 */
static enum ps_err rewrite(const struct witnesses *witnesses, const char *name,
                           struct ps_bytes note, struct taken *ret_taken, struct ps_buf *out)
{
    struct taken taken = {.count = 0};

    PS_TRY(put_signed(witnesses->keeper, name, note, out));
    for (size_t i = 0; i < witnesses->list.count; i++) {
        const struct note_key *key = &witnesses->list.keys[i];

        if (cosignature_open(note, key, &taken.cosignatures[i]) == PS_OK) {
            taken.is_there[i] = true;
            taken.count++;
            cosignature_put(key, &taken.cosignatures[i], out);
        }
    }
    if (taken.count == 0) {
        return ps_fail(PS_E_DENIED, 0, "no cosignature of a witness of the configuration in it");
    }
    *ret_taken = taken;
    return ps_buf_status(out);
}

static enum ps_err keep(struct witnesses *witnesses, struct seen *seen, const struct tree *tree,
                        uint64_t size, const struct taken *taken, struct ps_bytes note)
{
    for (size_t i = 0; i < witnesses->list.count; i++) {
        if (!taken->is_there[i] || size < seen->sizes[i]) {
            continue;
        }
        PS_TRY(tree_store_witnessed(tree, witnesses->list.keys[i].id, note));
        seen->sizes[i] = size;
        seen->times_s[i] = taken->cosignatures[i].time_s;
    }
    return PS_OK;
}

static enum ps_err take(struct witnesses *witnesses, const char *name, struct ps_bytes note,
                        struct writer *json)
{
    const struct tree *tree = NULL;
    struct seen *seen = find_seen(witnesses, name, &tree);
    struct checkpoint checkpoint;
    struct taken taken;
    PS_BUF_AUTO ours = {.max = NOTE_OCTETS_MAX};
    enum ps_err err;

    if (seen == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such tree");
    }
    err = open_note(witnesses->keeper, name, tree, note, &checkpoint);
    if (err == PS_E_STATE) {
        /* Our own key signed for what is not here: this log was put back to an earlier state. */
        events_alarm(witnesses->keeper, "witness-ahead", ps_bytes_str(name), ps_detail()->text);
    }
    PS_TRY(err);
    PS_TRY(rewrite(witnesses, name, note, &taken, &ours));
    PS_TRY(keep(witnesses, seen, tree, checkpoint.size, &taken, ps_buf_bytes(&ours)));
    writer_begin_object(json, NULL);
    writer_number(json, "size", checkpoint.size);
    writer_str(json, "tree", name);
    writer_begin_array(json, "witnesses");
    for (size_t i = 0; i < witnesses->list.count; i++) {
        if (taken.is_there[i]) {
            writer_text(json, NULL, witnesses->list.keys[i].name);
        }
    }
    writer_end_array(json);
    writer_end_object(json);
    return PS_OK;
}

static bool is_permitted(struct keeper *keeper, const struct reply_to *to,
                         const struct msg_cosignatures *message)
{
    const struct question question = {
        .role = to->peer->role, .caller = &message->caller, .operation = GRANTED_LOG_WITNESS};
    const struct authority authority =
        authority_decide_request(keeper, &question, message->request_id);

    if (authority.problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = authority.problem,
                                                    .retry_after_s = authority.retry_after_s,
                                                    .detail = authority.text});
        return false;
    }
    return true;
}

void witnesses_take(struct witnesses *witnesses, const struct reply_to *to,
                    const struct msg_cosignatures *message)
{
    PS_BUF_AUTO body = {.max = IPC_DOCUMENT_MAX};
    struct writer json = writer(&body);
    char name[TREE_LABEL] = "";
    enum ps_err err;

    if (to->peer->role != IPC_ROLE_API_MANAGEMENT) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_FORBIDDEN});
        return;
    }
    if (!is_permitted(witnesses->keeper, to, message)) {
        return;
    }
    if (message->tree.len < sizeof name) {
        (void)snprintf(name, sizeof name, "%.*s", PS_BYTES_FMT(message->tree));
    }
    err = take(witnesses, name, message->note, &json);
    if (err == PS_OK) {
        err = ps_buf_status(&body);
    }
    if (err == PS_E_DENIED || err == PS_E_STATE) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_REFUSED,
                                                    .detail = ps_detail()->text});
    } else if (err != PS_OK) {
        answer_error(to, err);
    } else {
        answer_document(to, &(struct msg_document){
                                .status = 200, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
    }
}

enum ps_err witnesses_put_note(const struct witnesses *witnesses, const struct tree *tree,
                               uint64_t leaf, struct ps_buf *out, unsigned *ret_count)
{
    PS_BUF_AUTO best = {.max = NOTE_OCTETS_MAX + 1};
    unsigned most = 0;

    for (size_t i = 0; i < witnesses->list.count; i++) {
        struct checkpoint checkpoint;
        uint64_t newest_s;
        unsigned count;
        PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX + 1};

        if (tree_read_witnessed(tree, witnesses->list.keys[i].id, &note) != PS_OK ||
            note.len == 0 || checkpoint_peek(ps_buf_bytes(&note), &checkpoint) != PS_OK ||
            checkpoint.size <= leaf) {
            continue;
        }
        count = log_witnesses_count(&witnesses->list, ps_buf_bytes(&note), &newest_s);
        if (count > most) {
            most = count;
            ps_buf_reset(&best);
            ps_buf_put(&best, ps_buf_bytes(&note));
        }
    }
    ps_buf_put(out, ps_buf_bytes(&best));
    *ret_count = most;
    return ps_buf_status(out);
}

/* --- What others are told --- */

static void put_tree(struct witnesses *witnesses, const char *name, struct writer *json)
{
    const struct tree *tree = NULL;
    const struct seen *seen = find_seen(witnesses, name, &tree);
    struct checkpoint checkpoint = {.size = 0};
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX + 1};

    if (seen == NULL || tree_read_checkpoint(tree, &note) != PS_OK || note.len == 0 ||
        checkpoint_peek(ps_buf_bytes(&note), &checkpoint) != PS_OK) {
        return;
    }
    writer_begin_object(json, NULL);
    writer_begin_array(json, "seen");
    for (size_t i = 0; i < witnesses->list.count; i++) {
        writer_begin_object(json, NULL);
        writer_number(json, "size", seen->sizes[i]);
        writer_time_s_if(json, "time", seen->times_s[i]);
        writer_text(json, "witness", witnesses->list.keys[i].name);
        writer_end_object(json);
    }
    writer_end_array(json);
    writer_number(json, "signed", checkpoint.size);
    writer_str(json, "tree", name);
    writer_number(json, "witnessed", covered(witnesses, seen));
    writer_end_object(json);
}

void witnesses_put(struct witnesses *witnesses, struct writer *json)
{
    const struct keeper *keeper = witnesses->keeper;
    const size_t closed = log_shard_count(keeper->use);
    struct tree_info info;
    char name[TREE_LABEL];
    PS_BUF_AUTO key = {.max = 1024};

    writer_begin_array(json, "items");
    for (size_t i = 0; i < witnesses->list.count; i++) {
        ps_buf_reset(&key);
        note_put_key(&witnesses->list.keys[i], &key);
        writer_begin_object(json, NULL);
        writer_text(json, "key", ps_buf_bytes(&key));
        writer_text(json, "name", witnesses->list.keys[i].name);
        writer_text_if(json, "url", witnesses->list.urls[i]);
        writer_end_object(json);
    }
    writer_end_array(json);
    writer_number(json, "needed", witnesses->list.needed);
    writer_begin_array(json, "trees");
    put_tree(witnesses, "events", json);
    if (closed != 0 && log_shard_info(keeper->use, closed - 1, &info) == PS_OK && !info.pruned) {
        (void)snprintf(name, sizeof name, "use/%s", info.name);
        put_tree(witnesses, name, json);
    }
    (void)snprintf(name, sizeof name, "use/%s", log_shard(keeper->use));
    put_tree(witnesses, name, json);
    writer_end_array(json);
}

/*
 * What was there a while ago has to be witnessed now: each time that it is, the newest is what is
 * waited for next.
 */
void witnesses_tick(struct witnesses *witnesses)
{
    struct keeper *keeper = witnesses->keeper;
    const uint64_t now = ps_clock_mono_ns();

    if (witnesses->list.count == 0 || !keeper->started || !keeper->appliance.exists) {
        return;
    }
    if (witnesses->late_since_ns == 0 ||
        witnesses_size(witnesses, "events") >= witnesses->late_size) {
        witnesses->late_since_ns = now;
        witnesses->late_size = log_tree_size(keeper->events);
        witnesses->is_late = false;
        return;
    }
    if (!witnesses->is_late &&
        now - witnesses->late_since_ns > keeper->config->witness_late_s * PS_NS_PER_S) {
        witnesses->is_late = true;
        events_alarm(keeper, "unwitnessed", ps_bytes_str("events"),
                     "too few witnesses have cosigned the log in time");
    }
}
