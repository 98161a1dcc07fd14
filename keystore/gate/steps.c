#include "keystore/answer.h"
#include "keystore/events/events.h"
#include "keystore/gate/internal.h"
#include "keystore/operations/life.h"

#include <stdlib.h>

/* The steps of an operation that waits: signatures of people, its execution, its end. */

/* A signature whose leaf is on the way. */
struct arriving {
    struct arriving *next; /* of the entry's */
    struct entry *entry;
    struct approval approval;
    struct ps_buf armored;
    uint64_t time_ns;
    struct reply_to to;
};

static void free_arriving(struct arriving *arriving)
{
    if (arriving != NULL) {
        ps_buf_clear(&arriving->armored);
        free(arriving);
    }
}
PS_DEFINE_CLEANUP(struct arriving, free_arriving)

void entry_forget_arriving(struct entry *entry)
{
    while (entry->arriving != NULL) {
        struct arriving *first = entry->arriving;

        entry->arriving = first->next;
        free_arriving(first);
    }
}

static void unlink_arriving(struct arriving *arriving)
{
    struct arriving **at = &arriving->entry->arriving;

    while (*at != arriving) {
        at = &(*at)->next;
    }
    *at = arriving->next;
}

/* Those on the way count already: a signature is in the log once, and never one too many. */
static enum ps_err check_arriving(const struct entry *entry, const struct approval *approval)
{
    size_t count = waiting_count(entry->waiting);

    for (const struct arriving *at = entry->arriving; at != NULL; at = at->next) {
        if (approval_repeats(&at->approval, approval)) {
            return ps_fail(PS_E_CONFLICT, 0, "%s has signed this already", approval->person);
        }
        count++;
    }
    return count < WAITING_SIGNATURES ? PS_OK
                                      : ps_fail(PS_E_LIMIT, 0, "more signatures than are taken");
}

/* What is wrong with a signature is told to the person; only its form is the request's fault. */
static void refuse(const struct reply_to *to, enum ps_err err)
{
    static const struct {
        enum ps_err err;
        enum ps_problem problem;
    } problems[] = {
        {PS_E_INPUT, PS_PROBLEM_MALFORMED},   {PS_E_DENIED, PS_PROBLEM_REFUSED},
        {PS_E_STATE, PS_PROBLEM_WRONG_STATE}, {PS_E_CONFLICT, PS_PROBLEM_CONFLICT},
        {PS_E_LIMIT, PS_PROBLEM_REFUSED},
    };

    for (size_t i = 0; i < PS_COUNT_OF(problems); i++) {
        if (problems[i].err == err) {
            answer_problem(to, &(struct problem_answer){.problem = problems[i].problem,
                                                        .detail = ps_detail()->text});
            return;
        }
    }
    answer_error(to, err);
}

static void answer_entry(const struct reply_to *to, const struct entry *entry)
{
    enum ps_err err;
    PS_BUF_AUTO body;

    ps_buf_init(&body, 4096);
    err = entry_put_answer(entry, false, &body);
    if (err != PS_OK) {
        answer_error(to, err);
        return;
    }
    answer_document(to, &(struct msg_document){
                            .status = 200, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
}

/* From here on it counts. */
static void take(struct arriving *arriving, struct entry *entry)
{
    struct gate *gate = entry->gate;
    const enum ps_err err =
        entry_add_signature(entry, &arriving->approval, arriving->time_ns / PS_NS_PER_S,
                            ps_buf_bytes(&arriving->armored));

    if (err != PS_OK) {
        answer_error(&arriving->to, err);
        return;
    }
    if (entry->state == WAITING_REJECTED && !entry->is_ending) {
        entry_end(gate, entry, "rejected", &arriving->to);
        return;
    }
    (void)entry_store(gate, entry, waiting_state_name(entry->state), NULL);
    answer_entry(&arriving->to, entry);
}

static void on_durable(void *context, bool is_durable)
{
    PS_CLEANUP(free_arriving_cleanup) struct arriving *arriving = context;

    unlink_arriving(arriving);
    if (is_durable) {
        take(arriving, arriving->entry);
    } else {
        answer_problem(&arriving->to,
                       &(struct problem_answer){.problem = PS_PROBLEM_LOG_UNAVAILABLE});
    }
}

static enum ps_err record(struct arriving *arriving, const struct msg_operation_step *message)
{
    struct writer json;
    PS_BUF_AUTO data;

    ps_buf_init(&data, LOG_ENTRY_MAX);
    json = writer(&data);
    writer_begin_object(&json, NULL);
    writer_str(&json, "kind", approval_kind_name(arriving->approval.kind));
    writer_str(&json, "operation", waiting_id(arriving->entry->waiting));
    writer_str(&json, "person", arriving->approval.person);
    writer_text(&json, "signature", ps_buf_bytes(&arriving->armored));
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(arriving->entry->gate->keeper,
                         &(struct event_leaf){.time_ns = arriving->time_ns,
                                              .kind = "signature",
                                              .request_id = message->request_id,
                                              .data = ps_buf_bytes(&data)},
                         on_durable, arriving);
}

/* Who is said to have signed; empty: whoever has the key that the signature names. */
static enum ps_err read_parameters(struct json *parser, const struct msg_operation_step *message,
                                   struct ps_bytes *ret_person, struct ps_bytes *ret_armored)
{
    struct json_value root;
    struct json_value person;

    PS_TRY(json_parse(parser, message->parameters, &JSON_LIMITS_REQUEST, &root));
    if (json_member(root, "person", &person)) {
        PS_TRY(json_string(person, ret_person));
    }
    return document_text(root, "signature", ret_armored);
}

/* Nobody signs in vain; a refusal is taken of whatever waits. */
static enum ps_err check_worth(const struct gate *gate, const struct entry *entry,
                               enum approval_kind kind)
{
    const struct moment moment = moment_now(gate);
    const enum condition condition =
        kind == APPROVAL_REJECT ? CONDITION_NONE : entry_check_conditions(gate, entry, &moment);

    return condition == CONDITION_NONE || condition == CONDITION_NOT_YET
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "%s", condition_info(condition)->sentence);
}

static enum ps_err arrive(struct gate *gate, struct entry *entry, enum approval_kind kind,
                          const struct reply_to *to, const struct msg_operation_step *message)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_CLEANUP(free_arriving_cleanup) struct arriving *arriving = calloc(1, sizeof *arriving);
    const uint64_t now_ns = ps_clock_real_ns();
    const struct waiting_view view = entry_view(gate, entry, now_ns / PS_NS_PER_S);
    struct ps_bytes person = ps_bytes(NULL, 0);
    struct ps_bytes armored;

    if (arriving == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(check_worth(gate, entry, kind));
    PS_TRY(json_new(&parser));
    PS_TRY(read_parameters(parser, message, &person, &armored));
    PS_TRY(waiting_check(entry->waiting, &view, kind, person, armored, &arriving->approval));
    PS_TRY(check_arriving(entry, &arriving->approval));
    arriving->entry = entry;
    ps_buf_init(&arriving->armored, WAITING_SIGNATURE_MAX);
    ps_buf_put(&arriving->armored, armored);
    PS_TRY(ps_buf_status(&arriving->armored));
    arriving->time_ns = now_ns;
    arriving->to = *to;
    if (entry->roster != NULL) {
        take(arriving, entry); /* a genesis has no log yet */
        return PS_OK;
    }
    PS_TRY(record(arriving, message));
    arriving->next = entry->arriving;
    entry->arriving = arriving;
    arriving = NULL;
    return PS_OK;
}

/* Its leaf says when it came, by the clock of that moment. */
static void arrive_or_refuse(struct gate *gate, struct entry *entry, enum approval_kind kind,
                             const struct reply_to *to, const struct msg_operation_step *message)
{
    enum ps_err err;

    if (!clock_lets_judge(gate, entry)) {
        clock_refuse(to);
        return;
    }
    err = arrive(gate, entry, kind, to, message);
    if (err != PS_OK) {
        refuse(to, err);
    }
}

/*
 * What nobody has signed is taken back by whoever made it; so is a genesis, before which there is
 * nobody else. What people were asked for is ended by people.
 */
static void cancel(struct gate *gate, struct entry *entry, const struct reply_to *to,
                   const struct msg_operation_step *message, struct ps_bytes client)
{
    const bool is_nobodys_yet = entry->state == WAITING_DRAFT || entry->roster != NULL;

    if (entry->arriving != NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_IN_FLIGHT,
                                                    .detail = "a signature is being recorded"});
        return;
    }
    if (is_nobodys_yet && ps_bytes_equal_str(client, entry->caller)) {
        entry_end(gate, entry, "cancelled", to);
    } else {
        operation_cancel_ask(gate->keeper->operations, to, message, client);
    }
}

static const struct {
    const char *verb;
    enum approval_kind kind;
} signed_verbs[] = {
    {"approvals", APPROVAL_APPROVE},
    {"rejections", APPROVAL_REJECT},
    {"request", APPROVAL_REQUEST},
    {"statements", APPROVAL_STATEMENT},
};

static void step(struct gate *gate, struct entry *entry, const struct reply_to *to,
                 const struct msg_operation_step *message, struct ps_bytes client)
{
    for (size_t i = 0; i < PS_COUNT_OF(signed_verbs); i++) {
        if (ps_bytes_equal_str(message->verb, signed_verbs[i].verb)) {
            arrive_or_refuse(gate, entry, signed_verbs[i].kind, to, message);
            return;
        }
    }
    if (ps_bytes_equal_str(message->verb, "execute")) {
        entry_execute(gate, entry, to, message);
    } else if (ps_bytes_equal_str(message->verb, "cancel")) {
        cancel(gate, entry, to, message, client);
    } else if (ps_bytes_equal_str(message->verb, "resume")) {
        answer_entry(to, entry);
    } else {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_NOT_FOUND,
                                                    .detail = "there is no such step"});
    }
}

bool gate_step(struct gate *gate, const struct reply_to *to,
               const struct msg_operation_step *message, struct ps_bytes client)
{
    struct entry *entry = entry_find(gate, message->operation);

    if (entry == NULL || entry->is_executing) {
        return false;
    }
    if (entry->is_ending) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_IN_FLIGHT,
                                                    .detail = "it is being ended"});
        return true;
    }
    if (!ps_request_id_valid(message->request_id)) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_MALFORMED,
                                                    .detail = "no valid request id"});
        return true;
    }
    step(gate, entry, to, message, client);
    return true;
}
