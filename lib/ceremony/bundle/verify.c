#include "lib/ceremony/bundle/internal.h"

#include "lib/base/clock.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/ceremony/log/succession.h"
#include "lib/ceremony/replay/replay.h"
#include "lib/ceremony/words/sentence.h"
#include "lib/formats/tlog/note.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct verification {
    const struct bundle *bundle;
    const struct bundle_check *check;
    struct log_report report;
    struct bundle_summary summary;
    struct json *json;
    struct replay *replay;
    struct log_succession keys; /* of the log, as the leaves name them; who approved them: replay */
    struct checkpoint checkpoint;
    struct ps_buf ceremony; /* what documents of this script's steps name */
    struct bundle_known *known;
    uint64_t newest_ns;
};

static void clear(struct verification *v)
{
    json_free(v->json);
    replay_free(v->replay);
    log_succession_clear(&v->keys);
    ps_buf_clear(&v->ceremony);
    free(v->known);
}

PS_PRINTF(4, 5)
static void tell(struct verification *v, enum log_verdict verdict, const char *check,
                 const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    v->report.in_tree = 0;
    log_report_row(&v->report, verdict,
                   &(struct log_where){.check = check, .tree = "transcript", .leaf = LOG_NOWHERE},
                   "%s", text);
}

/* A failure that is about one leaf. PS_OK, so that the next one is looked at. */
static enum ps_err blame(struct verification *v, uint64_t leaf, enum ps_err err)
{
    char why[sizeof ps_detail()->text];

    if (err == PS_OK || err == PS_E_NO_MEMORY) {
        return err;
    }
    memcpy(why, ps_detail()->text, sizeof why);
    log_report_row(&v->report, LOG_FAIL,
                   &(struct log_where){.check = "leaves", .tree = "events", .leaf = leaf}, "%s",
                   why);
    return PS_OK;
}

/* --- What a slip of the medium would change --- */

static void check_digests(struct verification *v)
{
    struct ps_bytes sections[BUNDLE_SECTIONS];
    PS_BUF_AUTO expected = {.max = 1024};

    for (size_t i = 0; i < BUNDLE_SECTIONS; i++) {
        uint8_t hash[PS_SHA256_LEN];
        PS_BUF_AUTO hex = {.max = 128};
        struct json_value digest;
        struct ps_bytes text;

        sections[i] = json_raw(v->bundle->sections[i]);
        ps_sha256(sections[i], hash);
        ps_buf_put_hex(&hex, ps_bytes(hash, sizeof hash));
        if (!json_member(v->bundle->digests, bundle_section_names[i], &digest) ||
            json_string(digest, &text) != PS_OK || !ps_bytes_equal(text, ps_buf_bytes(&hex))) {
            tell(v, LOG_FAIL, "digests", "`%s` is not what its digest says: one of the two changed",
                 bundle_section_names[i]);
        }
    }
    bundle_put_digests(sections, &expected);
    if (ps_bytes_equal(ps_buf_bytes(&expected), json_raw(v->bundle->digests))) {
        tell(v, LOG_PASS, "digests", "checkpoint, leaves and room are what their digests say");
    } else if (v->report.failures == 0) {
        tell(v, LOG_FAIL, "digests", "there is more in `digests` than belongs there");
    }
}

/* --- The log --- */

static enum ps_err find_key(struct verification *v, struct note_key *ret_key)
{
    for (size_t i = 0; i < v->bundle->leaf_count; i++) {
        struct bundle_leaf leaf;
        struct log_event event;

        PS_TRY(bundle_leaf_at(v->bundle, i, &leaf));
        PS_TRY(log_event_read(v->json, json_raw(leaf.leaf), &event));
        PS_TRY(log_succession_take(&v->keys, leaf.index, NULL, &event));
    }
    return log_succession_key(&v->keys, ret_key);
}

/* Once it is known what people approved: the checkpoint's key is what that leads to. */
static void check_key(struct verification *v)
{
    if (!ps_bytes_equal(replay_log_key(v->replay), ps_buf_bytes(&v->keys.key))) {
        tell(v, LOG_FAIL, "checkpoint",
             "signed by a key that people did not approve when the appliance was restored");
    }
}

static void check_genesis(struct verification *v)
{
    struct bundle_leaf leaf;
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO hex = {.max = 128};

    if (bundle_leaf_at(v->bundle, 0, &leaf) != PS_OK) {
        tell(v, LOG_FAIL, "genesis", "the transcript has no leaf of the genesis");
        return;
    }
    ps_sha256(json_raw(leaf.leaf), hash);
    ps_buf_put_hex(&hex, ps_bytes(hash, sizeof hash));
    if (v->check->genesis == NULL) {
        tell(v, LOG_NOTE, "genesis",
             "compare this with what was noted at the genesis, or give it with --genesis: %.*s",
             PS_BYTES_FMT(ps_buf_bytes(&hex)));
    } else if (memcmp(hash, v->check->genesis, sizeof hash) == 0) {
        tell(v, LOG_PASS, "genesis", "the first leaf is the genesis that was named");
    } else {
        tell(v, LOG_FAIL, "genesis", "this is another genesis: %.*s",
             PS_BYTES_FMT(ps_buf_bytes(&hex)));
    }
}

static void check_checkpoint(struct verification *v)
{
    struct note_key key;
    enum ps_err err = find_key(v, &key);

    if (err == PS_OK) {
        err = checkpoint_open(v->bundle->checkpoint, &key, &v->checkpoint);
    }
    if (err == PS_OK &&
        (!ps_bytes_equal(v->checkpoint.origin, key.name) || v->checkpoint.extension.len != 0)) {
        err = ps_fail(PS_E_DENIED, 0, "it is not one of the log that the genesis names");
    }
    if (err != PS_OK) {
        tell(v, LOG_FAIL, "checkpoint", "%s", ps_detail()->text);
        return;
    }
    v->summary.size = v->checkpoint.size;
    tell(v, LOG_PASS, "checkpoint", "signed by %.*s for the tree of %s", PS_BYTES_FMT(key.name),
         ps_counted(v->checkpoint.size, "leaf", "leaves").text);
}

static enum ps_err read_proof(struct json_value array, struct merkle_proof *ret_proof)
{
    struct json_value value;
    uint32_t cursor = 0;

    ret_proof->count = 0;
    while (json_next(array, &cursor, NULL, &value)) {
        PS_BUF_AUTO hash = {.max = PS_SHA256_LEN};
        struct ps_bytes text;

        PS_TRY(json_string(value, &text));
        PS_TRY(ps_base64url_decode(text, &hash));
        if (hash.len != PS_SHA256_LEN || ret_proof->count == MERKLE_PROOF_MAX) {
            return ps_fail(PS_E_INPUT, 0, "a proof that is none");
        }
        memcpy(ret_proof->hashes[ret_proof->count++].octets, hash.data, PS_SHA256_LEN);
    }
    return PS_OK;
}

static enum ps_err check_inclusion(const struct verification *v, const struct bundle_leaf *leaf)
{
    struct merkle_proof proof;

    PS_TRY(read_proof(leaf->proof, &proof));
    return merkle_verify_inclusion(&proof, merkle_leaf_hash(json_raw(leaf->leaf)), leaf->index,
                                   v->checkpoint.size, v->checkpoint.root);
}

static enum ps_err check_inclusions(struct verification *v)
{
    uint64_t next = 0;

    for (size_t i = 0; i < v->bundle->leaf_count; i++) {
        struct bundle_leaf leaf = {.index = LOG_NOWHERE};
        enum ps_err err = bundle_leaf_at(v->bundle, i, &leaf);

        if (err == PS_OK && leaf.index < next) {
            err = ps_fail(PS_E_INPUT, 0, "the leaves are not in their order");
        }
        err = err == PS_OK ? check_inclusion(v, &leaf) : err;
        next = err == PS_OK ? leaf.index + 1 : next;
        PS_TRY(blame(v, leaf.index, err));
    }
    v->summary.leaves = v->bundle->leaf_count;
    if (v->report.failures == 0) {
        tell(v, LOG_PASS, "leaves", "%s in that log",
             ps_counted(v->bundle->leaf_count, "leaf is", "leaves are").text);
    }
    return PS_OK;
}

/* --- Who decided --- */

static enum ps_err note_known(struct verification *v, const struct replay_operation *operation)
{
    const struct operation_document *document = waiting_document(operation->waiting);
    struct bundle_known *known =
        reallocarray(v->known, v->summary.operations + 1, sizeof *v->known);

    if (known == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    v->known = known;
    known += v->summary.operations++;
    *known = (struct bundle_known){.type = document->type->name,
                                   .is_done = ps_bytes_equal_str(operation->outcome, "done")};
    (void)snprintf(known->id, sizeof known->id, "%s", waiting_id(operation->waiting));
    memcpy(known->hash, document->hash, sizeof known->hash);
    known->is_of_script = v->ceremony.len != 0 &&
                          ps_bytes_equal(document->ceremony, ps_buf_bytes(&v->ceremony)) &&
                          document->step.len < sizeof known->step;
    (void)snprintf(known->step, sizeof known->step, "%.*s", PS_BYTES_FMT(document->step));
    return PS_OK;
}

static void put_approvers(const struct waiting *waiting, char *text, size_t size)
{
    const struct waiting_signature *signature;
    unsigned count = 0;

    for (size_t i = 0; (signature = waiting_at(waiting, i)) != NULL; i++) {
        if (signature->is_verified && signature->verdict == QUORUM_COUNTED) {
            sentence_add(text, size, "%s%s", count++ == 0 ? "" : ", ", signature->approval.person);
        }
    }
    sentence_add(text, size, "%s", count == 0 ? "nobody" : "");
}

/* No leaf shows what was left out: of a family, that it had ended, and the keys in between. */
static void tell_family(struct verification *v, const struct replay_operation *operation)
{
    const struct replay_family *family = &operation->family;

    tell(v, LOG_PASS, "families",
         "leaf %llu: the key %.*s is number %llu of at most %llu of the family %.*s, approved at "
         "leaf %llu",
         (unsigned long long)operation->leaf,
         PS_BYTES_FMT(operation_document_subject(waiting_document(operation->waiting))),
         (unsigned long long)family->made, (unsigned long long)family->maximum,
         PS_BYTES_FMT(family->prefix), (unsigned long long)family->approved);
    tell(v, LOG_NOTE, "families",
         "that the family %.*s had not ended, and that no more keys were made of it than the "
         "appliance counted, these leaves cannot show, but the whole log",
         PS_BYTES_FMT(family->prefix));
}

static enum ps_err on_operation(void *context, const struct replay_operation *operation)
{
    struct verification *v = context;
    const struct operation_document *document = waiting_document(operation->waiting);
    const struct ps_bytes subject = operation_document_subject(document);
    char approvers[256] = "";

    PS_TRY(note_known(v, operation));
    put_approvers(operation->waiting, approvers, sizeof approvers);
    if (operation->is_judged) {
        tell(v, LOG_PASS, "approvals", "leaf %llu: %s %.*s is %.*s, approved by %s",
             (unsigned long long)operation->leaf, document->type->name, PS_BYTES_FMT(subject),
             PS_BYTES_FMT(operation->outcome), approvers);
    } else if (operation->family.prefix.len != 0) {
        tell_family(v, operation);
    } else {
        tell(v, LOG_NOTE, "approvals", "leaf %llu: %s %.*s is %.*s%s",
             (unsigned long long)operation->leaf, document->type->name, PS_BYTES_FMT(subject),
             PS_BYTES_FMT(operation->outcome),
             operation->begun_ns == 0 ? ", and was not executed" : ", without anybody's approval");
    }
    return v->check->on_operation == NULL
               ? PS_OK
               : v->check->on_operation(v->check->operation_context, operation);
}

static enum ps_err replay_leaves(struct verification *v)
{
    const struct replay_sink sink = {
        .report = &v->report, .is_chosen = true, .context = v, .on_operation = on_operation};

    PS_TRY(replay_new(&sink, &v->replay));
    for (size_t i = 0; i < v->bundle->leaf_count; i++) {
        struct bundle_leaf leaf;
        struct log_event event;
        enum ps_err err;

        PS_TRY(bundle_leaf_at(v->bundle, i, &leaf));
        err = log_event_read(v->json, json_raw(leaf.leaf), &event);
        if (err == PS_OK) {
            v->newest_ns = event.time_ns > v->newest_ns ? event.time_ns : v->newest_ns;
            PS_TRY(replay_take(v->replay, leaf.index, &event));
        }
        PS_TRY(blame(v, leaf.index, err));
    }
    return PS_OK;
}

static enum ps_err verify_room(struct verification *v)
{
    const struct bundle_room room = {.bundle = v->bundle,
                                     .report = &v->report,
                                     .known = v->known,
                                     .known_count = v->summary.operations};

    v->report.in_tree = 0;
    return bundle_room_verify(&room);
}

/* --- The end --- */

static enum ps_err check_statement(struct verification *v, const struct bundle_statement *statement)
{
    PS_BUF_AUTO octets = {.max = 4096};
    struct approval approval;
    struct approval_request request = {
        .roster = replay_roster(v->replay),
        .policy = replay_policy(v->replay),
        .now_s = v->newest_ns / PS_NS_PER_S,
        .kind = APPROVAL_STATEMENT,
        .person = statement->person,
        .signature = statement->signature,
    };

    if (request.roster == NULL) {
        return ps_fail(PS_E_DENIED, 0, "a statement, and nobody who could make it");
    }
    PS_TRY(bundle_put_statement(v->bundle, statement->agrees, statement->person, &octets));
    request.document = ps_buf_bytes(&octets);
    return approval_verify(&request, &approval);
}

/* Whoever signed both that they agree and that they do not has said nothing. */
static enum ps_err check_is_first(const struct verification *v, size_t at, struct ps_bytes person)
{
    for (size_t i = 0; i < at; i++) {
        struct bundle_statement earlier;

        if (bundle_statement_at(v->bundle, i, &earlier) == PS_OK &&
            ps_bytes_equal(earlier.person, person)) {
            return ps_fail(PS_E_DENIED, 0, "%.*s signed the end before", PS_BYTES_FMT(person));
        }
    }
    return PS_OK;
}

static enum ps_err check_statements(struct verification *v)
{
    const size_t count = bundle_statement_count(v->bundle);

    for (size_t i = 0; i < count; i++) {
        struct bundle_statement statement;
        enum ps_err err = bundle_statement_at(v->bundle, i, &statement);

        err = err == PS_OK ? check_is_first(v, i, statement.person) : err;
        err = err == PS_OK ? check_statement(v, &statement) : err;
        if (err == PS_E_NO_MEMORY) {
            return err;
        }
        if (err != PS_OK) {
            tell(v, LOG_FAIL, "statements", "statement %zu: %s", i + 1, ps_detail()->text);
        } else {
            tell(v, statement.agrees ? LOG_PASS : LOG_NOTE, "statements", "%.*s %s",
                 PS_BYTES_FMT(statement.person),
                 statement.agrees ? "agrees with this transcript"
                                  : "DOES NOT AGREE with this transcript");
        }
    }
    if (count == 0) {
        tell(v, LOG_NOTE, "statements",
             "nobody has signed the end: what was said and typed in the room, whoever keeps this "
             "file could have written");
    }
    return PS_OK;
}

static enum ps_err verify_all(struct verification *v)
{
    PS_TRY(json_new(&v->json));
    check_digests(v);
    check_genesis(v);
    check_checkpoint(v);
    PS_TRY(check_inclusions(v));
    if (v->report.failures != 0) {
        tell(v, LOG_NOTE, "approvals", "not looked at: the leaves are not those of the log");
        return PS_OK;
    }
    if (v->bundle->script.len != 0 &&
        bundle_put_ceremony(v->bundle->script, &v->ceremony) != PS_OK) {
        ps_buf_reset(&v->ceremony); /* which verify_room tells */
    }
    PS_TRY(replay_leaves(v));
    check_key(v);
    PS_TRY(verify_room(v));
    return check_statements(v);
}

enum ps_err bundle_verify(const struct bundle *bundle, const struct bundle_check *check,
                          struct bundle_summary *ret_summary)
{
    PS_CLEANUP(clear)
    struct verification v = {.bundle = bundle,
                             .check = check,
                             .report = {.fn = check->fn, .context = check->context},
                             .ceremony = {.max = 512}};

    log_succession_init(&v.keys);
    PS_TRY(verify_all(&v));
    v.summary.failures = v.report.failures;
    *ret_summary = v.summary;
    if (v.report.failures != 0) {
        return ps_fail(PS_E_DENIED, 0, "the transcript does not verify: %s",
                       ps_counted(v.report.failures, "failure", "failures").text);
    }
    return PS_OK;
}
