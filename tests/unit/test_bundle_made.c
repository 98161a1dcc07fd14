#include "tests/unit/bundle_support.h"
#include "tests/unit/note_signer.h"
#include "tests/unit/operation_documents.h"
#include "tests/unit/people_support.h"

#include "lib/ceremony/bundle/internal.h"
#include "lib/ceremony/log/leaf.h"

/* Transcripts of logs whose key is the test's: of the genesis of the vectors, and what follows. */

#define ORIGIN  "genesis.example.org/events"
#define LOG_KEY ORIGIN "+a2e95c4d+AaRwFECkweYKrSVmGSdPIiOmRvE9P9P1StW2THFmlxTl"
#define OFFICER_KEY                                                                                \
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIYFEQyGDuHo37yvLLqYn1nv+9O7M9/8DonrVcTAWVo8"
#define LEAVES 3u

struct made_log {
    struct ps_buf leaves[LEAVES];
    size_t count;
};

static void clear_log(struct made_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        ps_buf_clear(&log->leaves[i]);
    }
}
#define LOG_AUTO PS_CLEANUP(clear_log) struct made_log

static struct ps_buf *next_leaf(struct made_log *log)
{
    struct ps_buf *leaf = &log->leaves[log->count];

    assert_true(log->count < LEAVES);
    log->count++;
    ps_buf_init(leaf, LOG_LEAF_MAX);
    return leaf;
}

static void replace_all(struct ps_buf *leaf, const char *from, const struct ps_buf *to)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%.*s", PS_BYTES_FMT(ps_buf_bytes(to)));
    while (contains(leaf, from)) {
        replace(leaf, from, text);
    }
}

/* That its log has another key is nothing that people have signed: it was made afterwards. */
static void add_genesis(struct made_log *log, const struct note_signer *signer)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_BUF_AUTO octets = {0};
    struct ps_buf *genesis = next_leaf(log);
    struct bundle_leaf leaf;

    bundle_test_read("genesis", &octets);
    bundle = bundle_test_open(ps_buf_bytes(&octets));
    assert_ok(bundle_leaf_at(bundle, 0, &leaf));
    ps_buf_put(genesis, json_raw(leaf.leaf));
    assert_ok(ps_buf_status(genesis));
    replace_all(genesis, LOG_KEY, &signer->text);
}

static void add_leaf(struct made_log *log, const char *kind, const char *time, struct ps_bytes data)
{
    struct ps_buf *leaf = next_leaf(log);

    ps_buf_printf(leaf, "{\"data\":%.*s,\"kind\":\"%s\",\"time\":\"%s\",\"v\":1}",
                  PS_BYTES_FMT(data), kind, time);
    assert_ok(ps_buf_status(leaf));
}

static enum ps_err read_hash(void *context, unsigned level, uint64_t index,
                             struct merkle_hash *ret_hash)
{
    const struct made_log *log = context;
    struct merkle_edge edge = {.size = 0};

    for (uint64_t i = index << level; i < (index + 1) << level; i++) {
        merkle_edge_append(&edge, merkle_leaf_hash(ps_buf_bytes(&log->leaves[i])));
    }
    *ret_hash = merkle_edge_root(&edge);
    return PS_OK;
}

static struct merkle_hash root_of(struct made_log *log)
{
    const struct merkle_source source = {.read_hash = read_hash, .context = log};
    struct merkle_hash root;

    assert_ok(merkle_root(&source, log->count, &root));
    return root;
}

static void put_proof(struct made_log *log, uint64_t leaf, struct ps_buf *out)
{
    const struct merkle_source source = {.read_hash = read_hash, .context = log};
    struct merkle_proof proof;

    assert_ok(merkle_prove_inclusion(&source, leaf, log->count, &proof));
    for (size_t i = 0; i < proof.count; i++) {
        char text[64] = "";

        ps_base64url_encode(ps_bytes(proof.hashes[i].octets, PS_SHA256_LEN), text);
        ps_buf_printf(out, "%s\"%s\"", i == 0 ? "" : ",", text);
    }
}

static void put_leaves(struct made_log *log, struct ps_buf *out)
{
    for (size_t i = 0; i < log->count; i++) {
        ps_buf_printf(out, "%s{\"index\":%zu,\"leaf\":%.*s,\"proof\":[", i == 0 ? "[" : ",", i,
                      PS_BYTES_FMT(ps_buf_bytes(&log->leaves[i])));
        put_proof(log, i, out);
        ps_buf_put_str(out, "]}");
    }
    ps_buf_put_u8(out, ']');
    assert_ok(ps_buf_status(out));
}

/* With the checkpoint of all leaves. */
static void put_transcript(struct made_log *log, const struct note_signer *signer,
                           const char *origin, const char *extension, struct ps_buf *out)
{
    PS_BUF_AUTO note = {.max = 8192};
    PS_BUF_AUTO leaves = {.max = BUNDLE_OCTETS_MAX};
    struct ps_bytes sections[BUNDLE_SECTIONS] = {[BUNDLE_ROOM] =
                                                     LITERAL("{\"lines\":[],\"script\":\"\"}")};

    note_signer_put(signer,
                    &(struct checkpoint){.origin = ps_bytes_str(origin),
                                         .size = log->count,
                                         .root = root_of(log),
                                         .extension = ps_bytes_str(extension)},
                    &note);
    put_leaves(log, &leaves);
    sections[BUNDLE_CHECKPOINT] = ps_buf_bytes(&note);
    sections[BUNDLE_LEAVES] = ps_buf_bytes(&leaves);
    ps_buf_reset(out);
    bundle_put_all(sections, LITERAL("[]"), out);
    assert_ok(ps_buf_status(out));
}

static void a_checkpoint_is_of_that_log_and_says_no_more(void **state)
{
    PS_CLEANUP(note_signer_clear) struct note_signer signer = note_signer_make(ORIGIN);
    LOG_AUTO log = {.count = 0};
    PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;

    (void)state;
    add_genesis(&log, &signer);
    put_transcript(&log, &signer, ORIGIN, "", &octets);
    assert_ok(bundle_test_check(ps_buf_bytes(&octets), NULL, &findings));
    put_transcript(&log, &signer, "genesis.example.org/use", "", &octets);
    assert_fails(PS_E_DENIED, bundle_test_check(ps_buf_bytes(&octets), NULL, &findings));
    assert_found(&findings, "checkpoint: it is not one of the log that the genesis names");
    put_transcript(&log, &signer, ORIGIN, "and more\n", &octets);
    assert_fails(PS_E_DENIED, bundle_test_check(ps_buf_bytes(&octets), NULL, &findings));
    assert_found(&findings, "checkpoint: it is not one of the log that the genesis names");
}

/* The key of before has signed for all before it, and a result names the one that goes on. */
static void a_log_key_that_people_did_not_approve_is_told(void **state)
{
    PS_CLEANUP(note_signer_clear) struct note_signer first = note_signer_make(ORIGIN);
    PS_CLEANUP(note_signer_clear) struct note_signer second = note_signer_make(ORIGIN);
    LOG_AUTO log = {.count = 0};
    PS_BUF_AUTO data = {.max = 8192};
    PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
    struct findings findings;

    (void)state;
    add_genesis(&log, &first);
    ps_buf_put_str(&data, "{\"checkpoint\":");
    note_signer_put(&first,
                    &(struct checkpoint){
                        .origin = ps_bytes_str(ORIGIN), .size = log.count, .root = root_of(&log)},
                    &data);
    ps_buf_put_u8(&data, '}');
    add_leaf(&log, "restored", "2026-11-22T00:00:00.000000Z", ps_buf_bytes(&data));
    ps_buf_reset(&data);
    ps_buf_printf(&data,
                  "{\"effects\":[{\"kind\":\"appliance\",\"name\":\"appliance\",\"row\":{"
                  "\"log_verifier\":\"%.*s\"}}],\"operation\":\"x\",\"outcome\":\"done\"}",
                  PS_BYTES_FMT(ps_buf_bytes(&second.text)));
    add_leaf(&log, "result", "2026-11-22T00:00:01.000000Z", ps_buf_bytes(&data));
    put_transcript(&log, &second, ORIGIN, "", &octets);
    assert_fails(PS_E_DENIED, bundle_test_check(ps_buf_bytes(&octets), NULL, &findings));
    assert_found(&findings, "checkpoint: signed by a key that people did not approve");
}

/* Of officer-2. */
static void put_with_statement(struct ps_bytes octets, const struct ssh_test_key *key,
                               struct ps_buf *out)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = bundle_test_open(octets);
    struct bundle_statement statement = {.agrees = true, .person = ps_bytes_str("officer-2")};
    PS_BUF_AUTO text = {.max = 4096};
    PS_BUF_AUTO signature = {.max = 4096};

    assert_ok(bundle_put_statement(bundle, statement.agrees, statement.person, &text));
    people_sign(key, approval_namespace(APPROVAL_STATEMENT), ps_buf_bytes(&text), 0, &signature);
    statement.signature = ps_buf_bytes(&signature);
    assert_ok(bundle_put_with(bundle, &statement, out));
}

/* The officer is one until 2027-11-21: the newest leaf says what is later at the least. */
static void who_is_in_the_roster_no_more_does_not_sign_the_end(void **state)
{
    PS_CLEANUP(note_signer_clear) struct note_signer signer = note_signer_make(ORIGIN);
    PS_CLEANUP(ssh_test_key_clear) struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    LOG_AUTO log = {.count = 0};
    PS_BUF_AUTO line = {.max = 512};
    struct findings findings;

    (void)state;
    ssh_key_put_line(key.key, &line);
    add_genesis(&log, &signer);
    replace_all(&log.leaves[0], OFFICER_KEY, &line);
    for (unsigned later = 0; later < 2; later++) {
        PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
        PS_BUF_AUTO ended = {.max = BUNDLE_OCTETS_MAX};

        put_transcript(&log, &signer, ORIGIN, "", &octets);
        put_with_statement(ps_buf_bytes(&octets), &key, &ended);
        (void)!bundle_test_check(ps_buf_bytes(&ended), NULL, &findings);
        if (later == 0) {
            assert_null(strstr(findings.failures, "statements: "));
            add_leaf(&log, "start", "2028-01-01T00:00:00.000000Z", LITERAL("{}"));
        }
    }
    assert_found(&findings,
                 "statements: statement 1: \"officer-2\" is no longer valid in the roster");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_is_of_that_log_and_says_no_more),
        cmocka_unit_test(a_log_key_that_people_did_not_approve_is_told),
        cmocka_unit_test(who_is_in_the_roster_no_more_does_not_sign_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
