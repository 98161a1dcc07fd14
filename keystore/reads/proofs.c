#include "keystore/reads/internal.h"

#include "keystore/witnesses/witnesses.h"
#include "lib/formats/tlog/note.h"
#include "lib/formats/tlog/proof_text.h"

/*
 * Proofs of single leaves as C2SP tlog-proof: of any leaf, and of the one that says why something
 * is as it is. `extra` is the leaf itself.
 */

/* The note under which a leaf is proven: one that witnesses saw, or else the newest. */
static enum ps_err choose_note(struct read *read, const struct tree *tree, uint64_t leaf,
                               struct ps_buf *note)
{
    unsigned count = 0;

    PS_TRY(witnesses_put_note(read->keeper->witnesses, tree, leaf, note, &count));
    return count != 0 ? PS_OK : tree_read_checkpoint(tree, note);
}

static enum ps_err put_proof(struct read *read, const struct tree *tree, uint64_t leaf)
{
    struct tlog_proof proof = {.index = leaf};
    struct checkpoint checkpoint;
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX + 1};
    PS_BUF_AUTO entry = {.max = LOG_ENTRY_MAX};

    PS_TRY(choose_note(read, tree, leaf, &note));
    if (note.len != 0) {
        PS_TRY(checkpoint_peek(ps_buf_bytes(&note), &checkpoint));
    }
    if (note.len == 0 || leaf >= checkpoint.size) {
        return ps_fail(PS_E_NOT_FOUND, 0,
                       "no checkpoint covers leaf %llu; ask again once one does, in about a second",
                       (unsigned long long)leaf);
    }
    PS_TRY(tree_read_entry(tree, leaf, &entry));
    PS_TRY(tree_prove_inclusion(tree, leaf, checkpoint.size, &proof.path));
    proof.extra = ps_buf_bytes(&entry);
    proof.checkpoint = ps_buf_bytes(&note);
    tlog_proof_put(&proof, &read->body);
    return ps_buf_status(&read->body);
}

enum ps_err read_log_tlog_proof(struct read *read)
{
    const struct tree *tree;

    PS_TRY(read_find_tree(read, &tree));
    return put_proof(read, tree, read->message->from);
}

enum ps_err read_put_event_proof(struct read *read, uint64_t event)
{
    const struct tree *tree;

    PS_TRY(log_find_tree(read->keeper->events, ps_bytes(NULL, 0), &tree));
    return put_proof(read, tree, event);
}

static enum ps_err put_row_proof(struct read *read, enum catalog_kind kind, struct ps_bytes name)
{
    struct catalog_row row;
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX + 4096};
    const enum ps_err err = catalog_get(read->keeper->catalog, kind, name, &memory, &row);

    if (err == PS_E_INPUT || err == PS_E_NOT_FOUND) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is none");
    }
    PS_TRY(err);
    return read_put_event_proof(read, row.event);
}

/* Without a version: of the key as a whole. */
enum ps_err read_key_tlog_proof(struct read *read)
{
    const struct msg_read *message = read->message;
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    if (message->from == 0) {
        return put_row_proof(read, CATALOG_KEY, message->name);
    }
    version_record_put_name(message->name, (uint32_t)message->from, &name);
    PS_TRY(ps_buf_status(&name));
    return put_row_proof(read, CATALOG_VERSION, ps_buf_bytes(&name));
}

enum ps_err read_certificate_tlog_proof(struct read *read)
{
    struct key *key = keys_find(read->keeper->keys, read->message->name);
    const struct key_version *version =
        key == NULL ? NULL : read_find_version(key, read->message->from);
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    if (version == NULL || version_certificate(version) == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no certificate is installed for it");
    }
    version_record_put_name(read->message->name, version->number, &name);
    PS_TRY(ps_buf_status(&name));
    return put_row_proof(read, CATALOG_CERTIFICATE, ps_buf_bytes(&name));
}

enum ps_err read_log_witnesses(struct read *read)
{
    struct writer json = writer(&read->body);

    writer_begin_object(&json, NULL);
    witnesses_put(read->keeper->witnesses, &json);
    writer_end_object(&json);
    return PS_OK;
}

/* What a witness that has seen so many leaves wants to see: C2SP tlog-witness. */
enum ps_err read_log_witness_request(struct read *read)
{
    struct witness_request request = {.old = read->message->from};
    struct checkpoint checkpoint;
    const struct tree *tree;
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX + 1};

    PS_TRY(read_find_tree(read, &tree));
    PS_TRY(tree_read_checkpoint(tree, &note));
    if (note.len == 0) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no checkpoint yet");
    }
    PS_TRY(checkpoint_peek(ps_buf_bytes(&note), &checkpoint));
    if (request.old > checkpoint.size) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the newest checkpoint is of %llu leaves",
                       (unsigned long long)checkpoint.size);
    }
    PS_TRY(tree_prove_consistency(tree, request.old, checkpoint.size, &request.proof));
    request.checkpoint = ps_buf_bytes(&note);
    witness_request_put(&request, &read->body);
    return ps_buf_status(&read->body);
}
