#include "appliance/officer/document.h"
#include "appliance/officer/officer.h"
#include "appliance/officer/people.h"
#include "appliance/officer/transcript.h"
#include "appliance/terminal.h"
#include "lib/base/clock.h"
#include "lib/base/counted.h"
#include "lib/ceremony/operation/text.h"
#include "lib/ceremony/people/quorum.h"
#include "lib/ceremony/people/recovery.h"
#include "lib/formats/ssh/sshsig.h"
#include "lib/system/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (256u * 1024u)

/* What is judged, with what, and the lines about it. */
struct judging {
    const struct cli_run *run;
    struct document document;
    struct people people;
    struct policy policy;
    uint64_t now_s;
    struct approval approvals[CLI_WORDS_MAX];
    const char *paths[CLI_WORDS_MAX]; /* of the approvals' files */
    size_t count;
    struct quorum_result quorum;
    struct ps_buf lines;
    bool has_failed;
};

static void judging_free(struct judging *judging)
{
    if (judging != NULL) {
        document_clear(&judging->document);
        people_clear(&judging->people);
        ps_buf_clear(&judging->lines);
        free(judging);
    }
}
PS_DEFINE_CLEANUP(struct judging, judging_free)

PS_PRINTF(3, 4)
static void line(struct judging *judging, bool passed, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ps_buf_put_str(&judging->lines, passed ? "PASS  " : "FAIL  ");
    terminal_put_line(text, &judging->lines);
    ps_buf_put_u8(&judging->lines, '\n');
    judging->has_failed = judging->has_failed || !passed;
}

static enum ps_err load_time(struct judging *judging)
{
    const char *at = cli_value(judging->run, "at");
    uint64_t now_ns = ps_clock_real_ns();

    if (at != NULL && ps_time_parse(ps_bytes_str(at), &now_ns) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "--at takes a time like 2026-01-02T03:04:05Z");
    }
    judging->now_s = now_ns / PS_NS_PER_S;
    return PS_OK;
}

static enum ps_err load(struct judging *judging)
{
    PS_TRY(load_time(judging));
    PS_TRY(policy_load(cli_value(judging->run, "policy"), &judging->policy));
    PS_TRY(document_load(judging->run->arguments[0], &judging->document));
    return people_load(cli_value(judging->run, "roster"), &judging->document.parsed,
                       &judging->people);
}

/* That the document was made under this roster and policy. */
static enum ps_err judge_rules(struct judging *judging)
{
    const struct operation_document *document = &judging->document.parsed;
    uint8_t hash[PS_SHA256_LEN];

    PS_TRY(roster_hash(judging->people.now, hash));
    line(judging, memcmp(hash, document->roster_hash, sizeof hash) == 0,
         "the document was made under this roster");
    PS_TRY(policy_hash(&judging->policy, hash));
    line(judging,
         memcmp(hash, document->policy_hash, sizeof hash) == 0 &&
             judging->policy.epoch == document->policy_epoch,
         "the document was made under this policy%s",
         cli_value(judging->run, "policy") == NULL ? " (the default; --policy FILE names another)"
                                                   : "");
    return PS_OK;
}

static void judge_time(struct judging *judging)
{
    const struct operation_document *document = &judging->document.parsed;
    const uint64_t now_s = judging->now_s;
    char at[PS_TIME_MAX + 1];

    at[ps_time_format(now_s * PS_NS_PER_S, 0, at)] = '\0';
    line(judging, now_s >= document->not_before_s && now_s < document->not_after_s,
         "the document holds at %s", at);
}

static enum approval_kind kind_of_namespace(const char *namespace)
{
    int kind = 0;

    while (kind < APPROVAL_KIND_COUNT &&
           strcmp(namespace, approval_namespace((enum approval_kind)kind)) != 0) {
        kind++;
    }
    return (enum approval_kind)kind;
}

/* Which kind it is and whose, the signature says itself; whether that is so is then verified. */
static enum ps_err verify_signature(struct judging *judging, struct ps_bytes armored)
{
    SSHSIG_CLAIM_AUTO claim = {0};
    struct approval_request request = {.policy = &judging->policy,
                                       .now_s = judging->now_s,
                                       .document = ps_buf_bytes(&judging->document.octets)};

    PS_TRY(sshsig_peek(armored, &claim));
    request.kind = kind_of_namespace(claim.namespace);
    if (request.kind == APPROVAL_KIND_COUNT) {
        return ps_fail(PS_E_DENIED, 0,
                       "it was made for something else than ceremonies (under \"%s\"); an approval "
                       "is made with -n %s",
                       claim.namespace, approval_namespace(APPROVAL_APPROVE));
    }
    request.roster =
        request.kind == APPROVAL_STATEMENT ? judging->people.next : judging->people.now;
    request.signature = armored;
    return approval_verify(&request, &judging->approvals[judging->count]);
}

static enum ps_err verify_file(struct judging *judging, const char *path)
{
    PS_BUF_AUTO armored = {0};
    enum ps_err err;

    PS_TRY(file_read(path, SSHSIG_ARMORED_MAX, &armored));
    err = verify_signature(judging, ps_buf_bytes(&armored));
    if (err != PS_OK) {
        return officer_name_file(path, err);
    }
    judging->paths[judging->count++] = path;
    return PS_OK;
}

static void verify_signatures(struct judging *judging)
{
    for (size_t i = 1; i < judging->run->argument_count; i++) {
        if (verify_file(judging, judging->run->arguments[i]) != PS_OK) {
            line(judging, false, "%s", ps_detail()->text);
        }
    }
}

static enum policy_class class_of(const struct judging *judging)
{
    const char letter = judging->document.parsed.class;

    return letter == OPERATION_CLASS_NONE ? POLICY_NOBODY
                                          : policy_class_by_name(ps_bytes(&letter, 1));
}

/* What one good signature says, and what became of it. */
static void put_person(struct judging *judging, size_t index, bool has_effect, const char *effect)
{
    const struct approval *approval = &judging->approvals[index];

    ps_buf_put_str(&judging->lines, has_effect ? "PASS  " : "NOTE  ");
    terminal_put_line(judging->paths[index], &judging->lines);
    ps_buf_printf(&judging->lines, ": %s (%s) signed to %s%s; %s\n", approval->person,
                  roster_role_name(approval->role), approval_kind_name(approval->kind),
                  approval->is_sk ? " with a hardware key" : "", effect);
}

static void put_people(struct judging *judging)
{
    for (size_t i = 0; i < judging->count; i++) {
        const enum quorum_verdict verdict = judging->quorum.verdicts[i];

        put_person(judging, i,
                   verdict == QUORUM_COUNTED || verdict == QUORUM_COUNTED_REJECTION ||
                       verdict == QUORUM_OTHER_KIND,
                   quorum_verdict_text(verdict));
    }
}

/* A requester whom nobody has seen sign may be another, who would then be counted wrongly. */
static void judge_requester(struct judging *judging)
{
    const struct ps_bytes requester = judging->document.parsed.requester;

    for (size_t i = 0; i < judging->count; i++) {
        if (judging->approvals[i].kind == APPROVAL_REQUEST &&
            ps_bytes_equal_str(requester, judging->approvals[i].person)) {
            line(judging, true, "%.*s, named as requester, signed the request",
                 PS_BYTES_FMT(requester));
            return;
        }
    }
    ps_buf_put_str(&judging->lines, "NOTE  no request signature of the requester, ");
    operation_text_put_quoted(requester, &judging->lines);
    ps_buf_put_str(&judging->lines, ", was given\n");
}

/* Nobody is enrolled with a key that is not theirs. */
static void judge_new_keys(struct judging *judging, const struct quorum_request *request)
{
    if (!judging->people.are_new) {
        return;
    }
    if (quorum_check_new_keys(request, judging->people.next) == PS_OK) {
        line(judging, true, "each new key has signed a statement");
    } else {
        line(judging, false, "new keys: %s", ps_detail()->text);
    }
}

static void put_quorum(struct judging *judging)
{
    const struct operation_document *document = &judging->document.parsed;
    const struct quorum_result *quorum = &judging->quorum;

    if (quorum->state != QUORUM_MET) {
        line(judging, false, "quorum is not met: %s", quorum->text);
        return;
    }
    line(judging, true, "quorum is met: %s, %s",
         ps_counted(quorum->officers, "officer", "officers").text,
         ps_counted(quorum->auditors, "auditor", "auditors").text);
    if (!judging->people.is_genesis && document->class != OPERATION_CLASS_A) {
        ps_buf_printf(&judging->lines,
                      "NOTE  this is the quorum of class %c, which %s has; a key of a higher class "
                      "that it touches raises it, which only the appliance knows\n",
                      document->class, document->type->name);
    }
}

static enum ps_err judge_quorum(struct judging *judging)
{
    const struct operation_document *document = &judging->document.parsed;
    const struct quorum_request request = {.roster = judging->people.now,
                                           .policy = &judging->policy,
                                           .now_s = judging->now_s,
                                           .class = class_of(judging),
                                           .requester = document->requester,
                                           .document = document->hash,
                                           .approvals = judging->approvals,
                                           .count = judging->count};
    const enum ps_err err = judging->people.is_genesis
                                ? quorum_evaluate_all(&request, &judging->quorum)
                                : quorum_evaluate(&request, &judging->quorum);

    if (err == PS_E_DENIED) {
        line(judging, false, "quorum: %s", ps_detail()->text);
        return PS_OK;
    }
    PS_TRY(err);
    put_people(judging);
    if (!judging->people.is_genesis) {
        judge_requester(judging);
    }
    judge_new_keys(judging, &request);
    put_quorum(judging);
    return PS_OK;
}

/* Replacement of an officer by the recovery people, who answer to rules of their own. */
static enum ps_err judge_recovery(struct judging *judging)
{
    const struct recovery_request request = {.roster = judging->people.now,
                                             .policy = &judging->policy,
                                             .now_s = judging->now_s,
                                             .document = judging->document.parsed.hash,
                                             .approvals = judging->approvals,
                                             .count = judging->count};
    const struct quorum_request keys = {.roster = judging->people.now,
                                        .document = judging->document.parsed.hash,
                                        .approvals = judging->approvals,
                                        .count = judging->count};
    struct recovery_result result;
    bool are_enough;

    PS_TRY(recovery_evaluate(&request, &result));
    for (size_t i = 0; i < judging->count; i++) {
        put_person(judging, i, true, "a good signature");
    }
    judge_new_keys(judging, &keys);
    if (recovery_check_change(judging->people.now, judging->people.next) != PS_OK) {
        line(judging, false, "recovery: %s", ps_detail()->text);
    }
    are_enough = result.people_missing == 0 && result.state != RECOVERY_VETOED;
    if (are_enough) {
        line(judging, true, "recovery: %u of the recovery people approved",
             (unsigned)result.people);
    } else {
        line(judging, false, "recovery: %s", result.text);
    }
    ps_buf_put_str(&judging->lines,
                   "NOTE  whether the delay has passed and witnesses have seen it, "
                   "only the appliance knows\n");
    return PS_OK;
}

static enum ps_err judge(struct judging *judging)
{
    PS_TRY(load(judging));
    if (!judging->people.is_genesis) {
        PS_TRY(judge_rules(judging));
    }
    judge_time(judging);
    verify_signatures(judging);
    PS_TRY(judging->people.are_recovery ? judge_recovery(judging) : judge_quorum(judging));
    PS_TRY(ps_buf_status(&judging->lines));
    return terminal_print(ps_buf_bytes(&judging->lines));
}

int officer_verify(const struct cli_run *run)
{
    PS_CLEANUP(judging_free_cleanup)
    struct judging *judging = calloc(1, sizeof *judging);
    enum ps_err err;

    if (run->argument_count == 1 &&
        (cli_value(run, "roster") != NULL || cli_value(run, "policy") != NULL ||
         cli_value(run, "at") != NULL)) {
        (void)fprintf(stderr,
                      "%s: a document is verified with its signatures: verify FILE "
                      "SIGNATURE...\n",
                      cli_program.name);
        return CLI_USAGE;
    }
    if (run->argument_count == 1) {
        return officer_verify_transcript(run); /* it has its signatures in it */
    }
    if (judging == NULL) {
        return officer_failed(ps_fail(PS_E_NO_MEMORY, 0, "out of memory"));
    }
    judging->run = run;
    ps_buf_init(&judging->lines, TEXT_MAX);
    err = judge(judging);
    if (err != PS_OK) {
        return officer_failed(err);
    }
    return judging->has_failed ? CLI_FAILED : CLI_DONE;
}
