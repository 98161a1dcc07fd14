#include "lib/ceremony/bundle/tell.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/operation/text.h"
#include "lib/ceremony/replay/replay.h"
#include "lib/ceremony/script/script.h"
#include "lib/ceremony/transcript_line.h"
#include "lib/ceremony/words/pgp_words.h"

#include <stdio.h>

/* Operations are told while they are verified, and stand behind what was found. */
struct telling {
    const struct bundle *bundle;
    struct page *findings;
    struct page *operations;
    bool is_practice;
};

static void add_time(struct page *page, const char *label, uint64_t real_ns)
{
    char text[PS_TIME_MAX + 1];

    text[ps_time_format(real_ns, 0, text)] = '\0';
    page_add_str(page, PAGE_PAIR, label, text);
}

/* --- What was found --- */

static void on_row(void *context, const struct log_row *row)
{
    struct telling *telling = context;
    PS_BUF_AUTO text = {.max = 1024};

    if (row->leaf != LOG_NOWHERE) {
        ps_buf_printf(&text, "leaf %llu: ", (unsigned long long)row->leaf);
    }
    ps_buf_put_str(&text, row->text);
    page_add(telling->findings, &(struct page_block){.kind = PAGE_FINDING,
                                                     .verdict = row->verdict,
                                                     .label = ps_bytes_str(row->check),
                                                     .text = ps_buf_bytes(&text)});
}

/* --- Operations --- */

static void tell_signature(struct page *page, const struct waiting_signature *signature)
{
    char time[PS_TIME_MAX + 1];
    PS_BUF_AUTO text = {.max = 1024};

    time[ps_time_format(signature->time_s * PS_NS_PER_S, 0, time)] = '\0';
    ps_buf_printf(&text, "%s (%s), %s, %s: %s", approval_kind_name(signature->approval.kind),
                  roster_role_name(signature->approval.role), time,
                  signature->approval.is_sk ? "with a hardware key" : "with a key in a file",
                  waiting_verdict_text(signature));
    page_add_buf(page, PAGE_PAIR, signature->approval.person, &text);
}

static void tell_signatures(struct page *page, const struct waiting *waiting)
{
    const struct waiting_signature *signature;

    for (size_t i = 0; (signature = waiting_at(waiting, i)) != NULL; i++) {
        tell_signature(page, signature);
    }
}

/* Keys and certificates are in the rows, as they were read back from the token. */
static void tell_effects(struct page *page, struct json_value effects)
{
    struct json_value effect;
    uint32_t cursor = 0;

    if (effects.doc == NULL) {
        return;
    }
    page_add_str(page, PAGE_TEXT, NULL, "What it made, as the log has it:");
    while (json_next(effects, &cursor, NULL, &effect)) {
        page_add(page, &(struct page_block){.kind = PAGE_OCTETS, .text = json_raw(effect)});
    }
}

/* They are what the token's own process said, and are believed as far as it is. */
static void tell_calls(struct page *page, struct json_value calls)
{
    struct json_value call;
    uint32_t cursor = 0;

    if (calls.doc == NULL) {
        return;
    }
    page_add_str(page, PAGE_TEXT, NULL, "What it called in the token (PKCS#11), and the answers:");
    while (json_next(calls, &cursor, NULL, &call)) {
        page_add(page, &(struct page_block){.kind = PAGE_OCTETS, .text = json_raw(call)});
    }
}

static enum ps_err tell_document(struct page *page, const struct operation_document *document)
{
    PS_BUF_AUTO text = {.max = OPERATION_TEXT_MAX};

    PS_TRY(operation_text_put(document, &text));
    page_add_buf(page, PAGE_OCTETS, NULL, &text);
    return PS_OK;
}

static void tell_family(struct page *page, const struct replay_family *family)
{
    PS_BUF_AUTO text = {.max = 512};

    if (family->prefix.len != 0) {
        ps_buf_printf(&text, "%.*s, approved at leaf %llu; key %llu of at most %llu",
                      PS_BYTES_FMT(family->prefix), (unsigned long long)family->approved,
                      (unsigned long long)family->made, (unsigned long long)family->maximum);
        page_add_buf(page, PAGE_PAIR, "Family", &text);
    }
}

static enum ps_err on_operation(void *context, const struct replay_operation *operation)
{
    struct telling *telling = context;
    struct page *page = telling->operations;
    const struct operation_document *document = waiting_document(operation->waiting);
    const struct ps_bytes subject = operation_document_subject(document);
    PS_BUF_AUTO title = {.max = 4096};

    telling->is_practice = telling->is_practice || document->is_practice;
    ps_buf_printf(&title, "%s%s%.*s: %.*s", document->type->name, subject.len == 0 ? "" : " ",
                  PS_BYTES_FMT(subject), PS_BYTES_FMT(operation->outcome));
    page_add_buf(page, PAGE_PART, NULL, &title);
    page_add_str(page, PAGE_PAIR, "Operation", waiting_id(operation->waiting));
    page_add(page, &(struct page_block){.kind = PAGE_PAIR,
                                        .label = ps_bytes_str("Asked through"),
                                        .text = operation->caller});
    if (operation->begun_ns != 0) {
        add_time(page, "Begun", operation->begun_ns);
    }
    add_time(page, "Ended", operation->end->time_ns);
    tell_signatures(page, operation->waiting);
    tell_family(page, &operation->family);
    PS_TRY(tell_document(page, document));
    tell_calls(page, operation->calls);
    tell_effects(page, operation->effects);
    return PS_OK;
}

/* --- The room --- */

static void put_line(const struct script *script, const struct transcript_line *line,
                     struct ps_buf *out)
{
    const struct script_step *step = script == NULL ? NULL : script_step_named(script, line->step);

    if (line->step.len != 0) {
        ps_buf_printf(out, "step %.*s, ", PS_BYTES_FMT(line->step));
    }
    ps_buf_put(out, line->what);
    if (line->name.len != 0) {
        ps_buf_printf(out, " %.*s", PS_BYTES_FMT(line->name));
    }
    if (ps_bytes_equal_str(line->what, "asked") || ps_bytes_equal_str(line->what, "set")) {
        ps_buf_printf(out, ": %.*s", PS_BYTES_FMT(line->value));
    } else if (line->text.len != 0) {
        ps_buf_printf(out, ": %.*s", PS_BYTES_FMT(line->text));
    } else if (step != NULL && step->text.len != 0 && ps_bytes_equal_str(line->what, "said")) {
        ps_buf_printf(out, ": %.*s", PS_BYTES_FMT(step->text));
    }
    if (line->id.len != 0) {
        ps_buf_printf(out, ", %.*s", PS_BYTES_FMT(line->id));
    }
    if (line->file.len != 0) {
        ps_buf_printf(out, ", %.*s", PS_BYTES_FMT(line->file));
    }
    if (line->sha256.len != 0) {
        ps_buf_printf(out, ", SHA-256 %.*s", PS_BYTES_FMT(line->sha256));
    }
}

static enum ps_err tell_room(const struct bundle *bundle, const struct script *script,
                             struct page *page)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct ps_bytes octets;

    page_add_str(page, PAGE_HEADING,
                 "CA/Browser Forum BR 6.1.1.1 (script, witnesses) - WebTrust 4.1 (script, "
                 "deviations) - EN 319 411-1, 6.5.1 (procedure, participants)",
                 "What happened in the room");
    if (bundle_line_at(bundle, 0).data == NULL) {
        page_add_str(page, PAGE_TEXT, NULL, "This is the transcript of operations alone.");
        return PS_OK;
    }
    PS_TRY(json_new(&json));
    for (size_t i = 0; (octets = bundle_line_at(bundle, i)).data != NULL; i++) {
        PS_BUF_AUTO text = {.max = (size_t)2 * TRANSCRIPT_LINE_MAX};
        struct transcript_line line;
        char at[PS_TIME_MAX + 1];

        if (transcript_line_read(json, octets, &line) != PS_OK) {
            page_add(page, &(struct page_block){.kind = PAGE_OCTETS, .text = octets});
            continue;
        }
        (void)snprintf(at, sizeof at, "%.*s", PS_BYTES_FMT(line.at));
        put_line(script, &line, &text);
        page_add_buf(page, PAGE_PAIR, at, &text);
    }
    return PS_OK;
}

/* --- The rest --- */

/* The leaf `start` has the hashes of what ran. */
static enum ps_err tell_software(const struct bundle *bundle, struct page *page)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    bool is_told = false;

    page_add_str(page, PAGE_HEADING,
                 "WebTrust 4.1 (hardware, software, versions) - EN 319 411-1, 6.5.1 (devices)",
                 "What ran");
    PS_TRY(json_new(&json));
    for (size_t i = 0; i < bundle_leaf_count(bundle); i++) {
        struct bundle_leaf leaf;
        struct log_event event;

        if (bundle_leaf_at(bundle, i, &leaf) == PS_OK &&
            log_event_read(json, json_raw(leaf.leaf), &event) == PS_OK &&
            ps_bytes_equal_str(event.kind, "start") && event.data.doc != NULL) {
            page_add(page, &(struct page_block){.kind = PAGE_OCTETS, .text = json_raw(event.data)});
            is_told = true;
        }
    }
    if (!is_told) {
        page_add_str(page, PAGE_TEXT, NULL,
                     "None of the entries is of a start, which would say what ran.");
    }
    page_add_str(
        page, PAGE_TEXT, NULL,
        "The token, its serial number, firmware and module are in what the genesis and each "
        "token.approve made.");
    return PS_OK;
}

static enum ps_err tell_statements(const struct bundle *bundle, struct page *page)
{
    struct bundle_statement statement;

    page_add_str(page, PAGE_HEADING,
                 "EN 319 411-1, 6.5.1 (signed by an independent person) - WebTrust 4.1 (sign-off)",
                 "Who signed the end");
    for (size_t i = 0; i < bundle_statement_count(bundle); i++) {
        char person[PS_NAME_MAX + 1];

        PS_TRY(bundle_statement_at(bundle, i, &statement));
        (void)snprintf(person, sizeof person, "%.*s", PS_BYTES_FMT(statement.person));
        page_add_str(page, PAGE_PAIR, person,
                     statement.agrees ? "agrees with this transcript"
                                      : "DOES NOT AGREE with this transcript");
    }
    if (bundle_statement_count(bundle) == 0) {
        page_add_str(page, PAGE_TEXT, NULL, "Nobody has signed the end of this transcript.");
    }
    return PS_OK;
}

static void tell_log(const struct bundle *bundle, struct page *page)
{
    page_add_str(page, PAGE_HEADING, "CA/Browser Forum BR 5.4.1 (records of events)", "The log");
    page_add_str(page, PAGE_TEXT, NULL,
                 "The signed head of the log that all entries above are proved to be in:");
    page_add(page, &(struct page_block){.kind = PAGE_OCTETS, .text = bundle_checkpoint(bundle)});
}

static void tell_title(const struct script *script, bool is_practice, struct ps_bytes octets,
                       struct page *page)
{
    PS_BUF_AUTO title = {.max = 1024};
    PS_BUF_AUTO line = {.max = 1024};
    uint8_t hash[PS_SHA256_LEN];

    ps_buf_put_str(&title, is_practice ? "PRACTICE - Transcript" : "Transcript");
    if (script != NULL) {
        ps_buf_printf(&title, ": %.*s", PS_BYTES_FMT(script_title(script)));
    }
    ps_sha256(octets, hash);
    ps_buf_put_str(&line, "SHA-256 of the transcript ");
    ps_buf_put_hex(&line, ps_bytes(hash, sizeof hash));
    ps_buf_put_str(&line, ", in words ");
    pgp_words_put_hash(hash, &line);
    page_add(page, &(struct page_block){.kind = PAGE_TITLE,
                                        .label = ps_buf_bytes(&line),
                                        .text = ps_buf_bytes(&title)});
}

static void append(struct page *page, const struct page *from)
{
    struct page_block block;

    for (size_t i = 0; page_at(from, i, &block); i++) {
        page_add(page, &block);
    }
}

static enum ps_err verify(struct telling *telling, const uint8_t *genesis, bool *ret_is_good)
{
    const struct bundle_check check = {.genesis = genesis,
                                       .fn = on_row,
                                       .context = telling,
                                       .on_operation = on_operation,
                                       .operation_context = telling};
    struct bundle_summary summary;
    const enum ps_err err = bundle_verify(telling->bundle, &check, &summary);

    *ret_is_good = err == PS_OK;
    return err == PS_E_DENIED ? PS_OK : err;
}

static enum ps_err tell_findings(const struct telling *telling, bool is_good, struct page *page)
{
    page_add_str(page, PAGE_HEADING,
                 "Each line can be checked anew: privyseal-officer verify FILE --genesis HASH",
                 is_good ? "Verified" : "THIS TRANSCRIPT DOES NOT VERIFY");
    append(page, telling->findings);
    return page_status(telling->findings);
}

enum ps_err bundle_tell(const struct bundle *bundle, struct ps_bytes octets, const uint8_t *genesis,
                        struct page *page)
{
    PS_CLEANUP(page_free_cleanup) struct page *findings = NULL;
    PS_CLEANUP(page_free_cleanup) struct page *operations = NULL;
    PS_CLEANUP(script_free_cleanup) struct script *script = NULL;
    struct telling telling = {.bundle = bundle};
    bool is_good;

    PS_TRY(page_new(&findings));
    PS_TRY(page_new(&operations));
    telling.findings = findings;
    telling.operations = operations;
    if (script_parse(bundle_script(bundle), &script) != PS_OK) {
        script = NULL; /* none, or one that the findings tell of */
    }
    PS_TRY(verify(&telling, genesis, &is_good));
    tell_title(script, telling.is_practice, octets, page);
    PS_TRY(tell_findings(&telling, is_good, page));
    PS_TRY(tell_statements(bundle, page));
    PS_TRY(tell_room(bundle, script, page));
    page_add_str(page, PAGE_HEADING,
                 "CA/Browser Forum BR 6.1.1.1 and WebTrust 4.1 (multi-person control) - EN 319 "
                 "411-1, 6.5.1 (roles, evidence, keys)",
                 "Operations");
    append(page, operations);
    PS_TRY(page_status(operations));
    PS_TRY(tell_software(bundle, page));
    tell_log(bundle, page);
    return page_status(page);
}
