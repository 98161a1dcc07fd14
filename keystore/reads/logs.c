#include "keystore/reads/audit.h"
#include "keystore/reads/internal.h"

/* The logs, as C2SP tlog-tiles and proofs. `name` is "events", "use" or "use/<shard>". */

enum ps_err read_find_tree(struct read *read, const struct tree **ret_tree)
{
    static const struct ps_bytes prefix = {(const uint8_t *)"use/", 4};
    const struct keeper *keeper = read->keeper;
    const struct ps_bytes name = read->message->name;
    enum ps_err err = PS_E_NOT_FOUND;

    if (ps_bytes_equal_str(name, "events")) {
        err = log_find_tree(keeper->events, ps_bytes(NULL, 0), ret_tree);
    } else if (ps_bytes_equal_str(name, "use")) {
        err = log_find_tree(keeper->use, ps_bytes(NULL, 0), ret_tree);
    } else if (ps_bytes_starts_with(name, prefix) && name.len > prefix.len) {
        err = log_find_tree(keeper->use, ps_bytes_from(name, prefix.len), ret_tree);
    }
    if (err == PS_E_NOT_FOUND) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such tree");
    }
    return err;
}

/* Of a tree that was pruned the detail says so already. */
static enum ps_err or_not_found(const struct tree *tree, enum ps_err err)
{
    if (!tree_is_pruned(tree) && (err == PS_E_NOT_FOUND || err == PS_E_INPUT)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the tree does not reach so far");
    }
    return err;
}

enum ps_err read_log_checkpoint(struct read *read)
{
    const struct tree *tree;

    PS_TRY(read_find_tree(read, &tree));
    PS_TRY(tree_read_checkpoint(tree, &read->body));
    if (read->body.len == 0) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no checkpoint yet");
    }
    read_tag_body(read);
    return PS_OK;
}

enum ps_err read_log_tile(struct read *read)
{
    const struct msg_read *message = read->message;
    const struct tree *tree;

    if (message->from > 63 || message->width < 1 || message->width > 256) {
        return ps_fail(PS_E_INPUT, 0, "a tile's level is at most 63, its width 1 to 256");
    }
    PS_TRY(read_find_tree(read, &tree));
    return or_not_found(tree, tree_read_tile(tree, (unsigned)message->from, message->to,
                                             message->width, &read->body));
}

enum ps_err read_log_entries(struct read *read)
{
    const struct msg_read *message = read->message;
    const struct tree *tree;
    enum ps_err err;

    if (message->width < 1 || message->width > 256) {
        return ps_fail(PS_E_INPUT, 0, "a bundle's width is 1 to 256");
    }
    PS_TRY(read_find_tree(read, &tree));
    err = tree_read_bundle(tree, message->to, message->width, &read->body);
    return err == PS_E_LIMIT ? err : or_not_found(tree, err);
}

static void put_proof(const struct merkle_proof *proof, struct writer *json)
{
    writer_begin_array(json, "hashes");
    for (size_t i = 0; i < proof->count; i++) {
        writer_octets(json, NULL,
                      ps_bytes(proof->hashes[i].octets, sizeof proof->hashes[i].octets));
    }
    writer_end_array(json);
}

static enum ps_err put_root(const struct tree *tree, const char *name, uint64_t size,
                            struct writer *json)
{
    struct merkle_hash root;

    PS_TRY(tree_root(tree, size, &root));
    writer_octets(json, name, ps_bytes(root.octets, sizeof root.octets));
    return PS_OK;
}

enum ps_err read_log_proof(struct read *read)
{
    const struct msg_read *message = read->message;
    struct writer json = writer(&read->body);
    struct merkle_proof proof;
    const struct tree *tree;
    uint64_t size;

    PS_TRY(read_find_tree(read, &tree));
    size = message->to == 0 ? tree_size(tree) : message->to;
    PS_TRY(or_not_found(tree, tree_prove_inclusion(tree, message->from, size, &proof)));
    writer_begin_object(&json, NULL);
    writer_number(&json, "leaf", message->from);
    writer_number(&json, "size", size);
    PS_TRY(put_root(tree, "root", size, &json));
    put_proof(&proof, &json);
    writer_end_object(&json);
    return PS_OK;
}

enum ps_err read_log_consistency(struct read *read)
{
    const struct msg_read *message = read->message;
    struct writer json = writer(&read->body);
    struct merkle_proof proof;
    const struct tree *tree;
    uint64_t size;

    PS_TRY(read_find_tree(read, &tree));
    size = message->to == 0 ? tree_size(tree) : message->to;
    PS_TRY(or_not_found(tree, tree_prove_consistency(tree, message->from, size, &proof)));
    writer_begin_object(&json, NULL);
    writer_number(&json, "from", message->from);
    PS_TRY(put_root(tree, "from_root", message->from, &json));
    writer_number(&json, "to", size);
    PS_TRY(put_root(tree, "to_root", size, &json));
    put_proof(&proof, &json);
    writer_end_object(&json);
    return PS_OK;
}

/* The document is made between other work, and answered then. */
enum ps_err read_audit_report(struct read *read)
{
    const struct msg_read *message = read->message;

    PS_TRY(audits_begin(read->keeper->audits, read->to,
                        &(struct audit_asked){.from_ns = message->from,
                                              .to_ns = message->to,
                                              .key = message->name,
                                              .caller = message->after}));
    read->is_under_way = true;
    return PS_OK;
}
