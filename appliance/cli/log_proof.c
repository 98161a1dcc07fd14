#include "appliance/cli/commands.h"
#include "appliance/terminal.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/name.h"
#include "lib/ceremony/log/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Proofs of single leaves: made by the appliance or from files, verified without either. */

static int fail(enum ps_err err)
{
    terminal_complain("privyseal", "%s", ps_detail()->text);
    return err == PS_E_DENIED ? CLI_FAILED : ps_err_info(err)->exit_code;
}

static int usage(const char *what)
{
    (void)fprintf(stderr, "privyseal: %s\n", what);
    return CLI_USAGE;
}

static bool read_index(const char *text, uint64_t *ret_index)
{
    char *end;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 15) {
        return false;
    }
    *ret_index = strtoull(text, &end, 10);
    return *end == '\0';
}

int cli_print_proof(const struct cli_run *run, struct ps_bytes proof)
{
    PS_BUF_AUTO text = {.max = 4 * (size_t)TLOG_PROOF_MAX};

    if (!cli_flag(run, "json")) {
        return terminal_give(proof) == PS_OK ? CLI_DONE : CLI_FAILED;
    }
    ps_buf_put_str(&text, "{\"tlog_proof\":");
    ps_buf_put_json_string(&text, proof);
    ps_buf_put_str(&text, "}\n");
    return cli_print(&text);
}

static int send_for_proof(const struct cli_run *run, const char *path)
{
    PS_BUF_AUTO answer = {.max = TLOG_PROOF_MAX};
    const int code = cli_send(run, path, ps_bytes(NULL, 0), &answer);

    return code == CLI_DONE ? cli_print_proof(run, ps_buf_bytes(&answer)) : code;
}

int cli_tlog_proof(const struct cli_run *run)
{
    PS_BUF_AUTO path = {.max = 512};

    return cli_put_path(run, &path) == PS_OK ? send_for_proof(run, (const char *)path.data)
                                             : usage("the arguments are too long");
}

/* "events", "use" or "use/<shard>": nothing that could lead to another route. */
static bool is_tree(const char *text)
{
    const struct ps_bytes prefix = ps_bytes_str("use/");
    const struct ps_bytes tree = ps_bytes_str(text);

    return strcmp(text, "events") == 0 || strcmp(text, "use") == 0 ||
           (ps_bytes_starts_with(tree, prefix) &&
            log_shard_name_valid(ps_bytes_from(tree, prefix.len)));
}

int cli_log_proof(const struct cli_run *run)
{
    char path[128];
    uint64_t index;

    if (!is_tree(run->arguments[0]) || !read_index(run->arguments[1], &index)) {
        return usage("a tree is events, use or use/SHARD; a leaf's index is a number");
    }
    (void)snprintf(path, sizeof path, "/v1/log/%s/tlog-proof/%" PRIu64, run->arguments[0], index);
    return send_for_proof(run, path);
}

int cli_log_witness_request(const struct cli_run *run)
{
    const char *old = cli_value(run, "old");
    char path[128];
    uint64_t size = 0;

    if (!is_tree(run->arguments[0]) || (old != NULL && !read_index(old, &size))) {
        return usage("a tree is events, use or use/SHARD; --old takes a number");
    }
    (void)snprintf(path, sizeof path, "/v1/log/%s/witness-request?from=%" PRIu64, run->arguments[0],
                   size);
    return send_for_proof(run, path);
}

/* The tree is the one that the note's own first line names: <appliance>/<tree>. */
int cli_log_witness_add(const struct cli_run *run)
{
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX + 2 * (size_t)CLI_PIECE};
    PS_BUF_AUTO answer = {.max = 65536};
    struct checkpoint checkpoint;
    char tree[32] = "events";
    char path[128];
    int code;

    if (cli_read_file(run->argument_count == 0 ? NULL : run->arguments[0], &note) != PS_OK) {
        return CLI_USAGE;
    }
    if (checkpoint_peek(ps_buf_bytes(&note), &checkpoint) != PS_OK) {
        return fail(PS_E_INPUT);
    }
    if (checkpoint.origin.len > 16 &&
        log_shard_name_valid(ps_bytes_from(checkpoint.origin, checkpoint.origin.len - 12))) {
        (void)snprintf(tree, sizeof tree, "use/%.12s",
                       (const char *)checkpoint.origin.data + checkpoint.origin.len - 12);
    }
    (void)snprintf(path, sizeof path, "/v1/log/%s/cosignatures", tree);
    code = cli_send(run, path, ps_buf_bytes(&note), &answer);
    return code == CLI_DONE ? cli_render(run, ps_buf_bytes(&answer)) : code;
}

int cli_log_prove(const struct cli_run *run)
{
    PS_BUF_AUTO proof = {.max = TLOG_PROOF_MAX};
    uint64_t index;
    enum ps_err err;

    if (!is_tree(run->arguments[1]) || strcmp(run->arguments[1], "use") == 0 ||
        !read_index(run->arguments[2], &index)) {
        return usage("a tree is events or use/SHARD; a leaf's index is a number");
    }
    err = log_prove(run->arguments[0], run->arguments[1], index, &proof);
    return err == PS_OK ? cli_print_proof(run, ps_buf_bytes(&proof)) : fail(err);
}

enum ps_err cli_read_witnesses(const struct cli_run *run, struct log_witnesses *ret_witnesses)
{
    struct log_witnesses witnesses = {.count = 0};
    const char *needed = cli_value(run, "needed");
    uint64_t count;
    size_t cursor = 0;
    const char *text;

    while ((text = cli_next_value(run, "witness", &cursor)) != NULL) {
        PS_TRY(log_witnesses_add(&witnesses, ps_bytes_str(text)));
    }
    count = witnesses.count;
    if (needed != NULL && (!read_index(needed, &count) || count > witnesses.count)) {
        return ps_fail(PS_E_INPUT, 0, "--needed takes a number, and at most that of --witness");
    }
    witnesses.needed = (unsigned)count;
    *ret_witnesses = witnesses;
    return PS_OK;
}

static int print_proven(const struct cli_run *run, const struct log_proven *proven)
{
    PS_BUF_AUTO text = {.max = 4 * (size_t)LOG_LEAF_MAX};
    char when[PS_TIME_MAX + 1] = "";

    if (proven->witnessed_s != 0) {
        when[ps_time_format(proven->witnessed_s * PS_NS_PER_S, 0, when)] = '\0';
    }
    if (cli_flag(run, "json")) {
        ps_buf_put_str(&text, "{\"origin\":");
        ps_buf_put_json_string(&text, proven->origin);
        ps_buf_printf(&text, ",\"index\":%" PRIu64 ",\"size\":%" PRIu64 ",\"witnesses\":%u",
                      proven->index, proven->size, proven->witnesses);
        ps_buf_printf(&text, when[0] == '\0' ? "%s" : ",\"witnessed\":\"%s\"", when);
        ps_buf_put_str(&text, ",\"leaf\":");
        ps_buf_put_json_string(&text, proven->leaf);
        ps_buf_put_str(&text, "}\n");
        return cli_print(&text);
    }
    ps_buf_printf(&text, "PASS  leaf %" PRIu64 " of %.*s, of %" PRIu64 " that the log signed for\n",
                  proven->index, PS_BYTES_FMT(proven->origin), proven->size);
    ps_buf_printf(&text, "%s  cosigned by %u of the witnesses given%s%s\n",
                  proven->witnesses == 0 ? "NOTE" : "PASS", proven->witnesses,
                  when[0] == '\0' ? "" : ", last at ", when);
    ps_buf_put(&text, proven->leaf);
    ps_buf_put_u8(&text, '\n');
    return cli_show(&text);
}

int cli_log_verify_proof(const struct cli_run *run)
{
    const char *key = cli_value(run, "log-key");
    PS_BUF_AUTO text = {.max = TLOG_PROOF_MAX + 2 * (size_t)CLI_PIECE};
    PS_BUF_AUTO leaf = {.max = LOG_LEAF_MAX};
    struct log_trust trust = {.key = {.type = 0}};
    struct log_proven proven;
    enum ps_err err;

    if (key == NULL) {
        return usage("--log-key is needed: the log's verifier key, as it was noted at genesis");
    }
    err = log_key_parse(ps_bytes_str(key), &trust.key);
    if (err == PS_OK) {
        err = cli_read_witnesses(run, &trust.witnesses);
    }
    if (err != PS_OK) {
        return fail(err);
    }
    if (cli_read_file(run->argument_count == 0 ? NULL : run->arguments[0], &text) != PS_OK) {
        return CLI_USAGE;
    }
    err = log_proof_verify(ps_buf_bytes(&text), &trust, &leaf, &proven);
    return err == PS_OK ? print_proven(run, &proven) : fail(err);
}
