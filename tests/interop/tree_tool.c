#include "keystore/log/log.h"
#include "lib/base/encode.h"
#include "lib/formats/tlog/note.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A large tree by our own log, for programs that are not ours.
 *
 * tree_tool make DIR LEAVES COUNT   writes the tree, prints its verifier key and 2 * COUNT proofs
 * tree_tool check DIR               reads proofs, prints how many hold; ends at the first that does
 * not
 *
 * A proof is a line: "record INDEX LEAFHASH HASH..." that a leaf is in the whole tree, or
 * "tree SIZE ROOT HASH..." that the tree of that size and root is its beginning.
 */

#define ORIGIN      "tree.example/events"
#define SYNC_EVERY  100000u
#define LINE_OCTETS 3072
#define HEX_LEN     64

static void on_change(void *context, struct log *log)
{
    (void)context;
    (void)log;
}

static enum ps_err fill(struct log *log, uint64_t leaves)
{
    for (uint64_t i = log_size(log); i < leaves; i++) {
        char text[24];
        uint64_t index;
        const int len = snprintf(text, sizeof text, "%" PRIu64, i);

        PS_TRY(log_append(log, ps_bytes(text, (size_t)len), &index));
        if (i % SYNC_EVERY == 0 || i + 1 == leaves) {
            PS_TRY(log_sync(log));
        }
    }
    return PS_OK;
}

static enum ps_err sign(struct log *log, uint64_t leaves)
{
    struct checkpoint checkpoint = {.origin = ps_bytes_str(ORIGIN), .size = leaves};
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t public_key[32];
    uint8_t signature[64];
    size_t public_len = sizeof public_key;
    size_t len = sizeof signature;
    struct note_key key;
    PS_BUF_AUTO note = {.max = 16384};
    PS_BUF_AUTO text = {.max = 1024};

    PS_TRY(log_root(log, leaves, &checkpoint.root));
    PS_TRY(checkpoint_put(&checkpoint, &note));
    if (EVP_PKEY_get_raw_public_key(pair, public_key, &public_len) != 1 ||
        EVP_DigestSignInit(context, NULL, NULL, NULL, pair) != 1 ||
        EVP_DigestSign(context, signature, &len, note.data, note.len) != 1) {
        return ps_fail(PS_E_INTERNAL, 0, "no signature");
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    PS_TRY(note_key_make(checkpoint.origin, ps_bytes(public_key, public_len), &key));
    note_put_signature(&key, ps_bytes(signature, len), &note, true);
    note_put_key(&key, &text);
    PS_TRY(ps_buf_status(&note));
    PS_TRY(log_set_checkpoint(log, ps_buf_bytes(&note)));
    (void)printf("%.*s\n", PS_BYTES_FMT(ps_buf_bytes(&text)));
    return log_sync(log);
}

static void print_proof(const char *kind, uint64_t number, struct merkle_hash first,
                        const struct merkle_proof *proof)
{
    PS_BUF_AUTO line = {.max = LINE_OCTETS};

    ps_buf_printf(&line, "%s %" PRIu64 " ", kind, number);
    ps_buf_put_hex(&line, ps_bytes(first.octets, sizeof first.octets));
    for (size_t i = 0; i < proof->count; i++) {
        ps_buf_put_u8(&line, ' ');
        ps_buf_put_hex(&line, ps_bytes(proof->hashes[i].octets, PS_SHA256_LEN));
    }
    (void)printf("%.*s\n", PS_BYTES_FMT(ps_buf_bytes(&line)));
}

/* Of the first and the last leaf, and of some in between. */
static enum ps_err prove(struct log *log, uint64_t leaves, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t at = i + 1 == count ? leaves - 1 : i * (leaves / count);
        struct merkle_proof proof;
        struct merkle_hash root;
        PS_BUF_AUTO leaf = {.max = LOG_ENTRY_MAX};

        PS_TRY(log_read_entry(log, at, &leaf));
        PS_TRY(log_prove_inclusion(log, at, leaves, &proof));
        print_proof("record", at, merkle_leaf_hash(ps_buf_bytes(&leaf)), &proof);
        PS_TRY(log_root(log, at + 1, &root));
        PS_TRY(log_prove_consistency(log, at + 1, leaves, &proof));
        print_proof("tree", at + 1, root, &proof);
    }
    return PS_OK;
}

static enum ps_err make(const char *directory, uint64_t leaves, uint64_t count)
{
    const struct log_handler handler = {.on_durable = on_change, .on_failed = on_change};
    const struct log_config config = {.directory = directory, .name = "events"};
    struct ps_loop *loop;
    struct log_writer *writer;
    struct log *log;

    PS_TRY(ps_loop_new(&loop));
    PS_TRY(log_writer_new(loop, &handler, NULL, &writer));
    PS_TRY(log_open(writer, &config, &log));
    PS_TRY(fill(log, leaves));
    PS_TRY(sign(log, leaves));
    PS_TRY(prove(log, leaves, count));
    log_writer_free(writer);
    ps_loop_free(loop);
    return PS_OK;
}

/* --- Proofs of others --- */

static enum ps_err take_hash(char **rest, struct merkle_hash *ret_hash)
{
    const char *word = strtok_r(NULL, " \n", rest);
    PS_BUF_AUTO octets = {.max = PS_SHA256_LEN};

    if (word == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no more hashes");
    }
    PS_TRY(ps_hex_decode(ps_bytes_str(word), &octets));
    if (octets.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "no hash: %s", word);
    }
    memcpy(ret_hash->octets, octets.data, PS_SHA256_LEN);
    return PS_OK;
}

static enum ps_err check_line(char *line, const struct checkpoint *whole)
{
    char *rest = NULL;
    const char *kind = strtok_r(line, " \n", &rest);
    const char *number = strtok_r(NULL, " \n", &rest);
    struct merkle_proof proof = {.count = 0};
    struct merkle_hash first;
    uint64_t at;

    if (kind == NULL || number == NULL) {
        return ps_fail(PS_E_INPUT, 0, "no proof");
    }
    at = strtoull(number, NULL, 10);
    PS_TRY(take_hash(&rest, &first));
    while (proof.count < MERKLE_PROOF_MAX &&
           take_hash(&rest, &proof.hashes[proof.count]) == PS_OK) {
        proof.count++;
    }
    return strcmp(kind, "record") == 0
               ? merkle_verify_inclusion(&proof, first, at, whole->size, whole->root)
               : merkle_verify_consistency(&proof, at, first, whole->size, whole->root);
}

static enum ps_err check(const char *directory)
{
    char path[512];
    char line[LINE_OCTETS];
    struct checkpoint whole;
    unsigned count = 0;
    FILE *file;
    PS_BUF_AUTO note = {.max = 16384};

    (void)snprintf(path, sizeof path, "%s/checkpoint", directory);
    file = fopen(path, "re");
    if (file == NULL) {
        return ps_fail_errno(PS_E_STORAGE, "%s", path);
    }
    ps_buf_put(&note, ps_bytes(line, fread(line, 1, sizeof line, file)));
    (void)fclose(file);
    PS_TRY(checkpoint_peek(ps_buf_bytes(&note), &whole));
    while (fgets(line, sizeof line, stdin) != NULL) {
        PS_TRY(check_line(line, &whole));
        count++;
    }
    (void)printf("%u\n", count);
    return PS_OK;
}

int main(int count, char **arguments)
{
    enum ps_err err = PS_E_INPUT;

    if (count == 5 && strcmp(arguments[1], "make") == 0) {
        err =
            make(arguments[2], strtoull(arguments[3], NULL, 10), strtoull(arguments[4], NULL, 10));
    } else if (count == 3 && strcmp(arguments[1], "check") == 0) {
        err = check(arguments[2]);
    }
    if (err != PS_OK) {
        (void)fprintf(stderr, "tree_tool: %s\n", ps_detail()->text);
    }
    return err == PS_OK ? 0 : 1;
}
