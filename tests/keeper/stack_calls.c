#include "tests/keeper/stack.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/problem.h"
#include "tests/keeper/draft.h"

#include <sys/wait.h>
#include <unistd.h>

/* What a test asks of a stack that runs, and what it waits for. */

static void take_state(struct stack *stack, const struct wire_frame *frame)
{
    if (frame->info == &msg_appliance_state_info) {
        const struct msg_appliance_state *told = (const void *)frame->message;

        stack->state = told->state;
        (void)snprintf(stack->reasons, sizeof stack->reasons, "%.*s", PS_BYTES_FMT(told->ready));
    }
}

static bool has_died(const struct stack *stack)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)stack->keeper, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

/* wire_read, while what the keeper asks its supervisor is done. */
static bool read_and_supervise(struct stack *stack, struct wire *wire, struct wire_frame *ret_frame)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    if (!stack->supervises) {
        return wire_read(wire, WIRE_LIMIT_MS, ret_frame);
    }
    do {
        stack_supervise(stack);
        if (wire_read(wire, 2, ret_frame)) {
            return true;
        }
    } while (!has_died(stack) && ps_clock_mono_ns() < deadline);
    return false;
}

void stack_wait_state(struct stack *stack, enum appliance_state state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct wire_frame frame;

    while (stack->state != state) {
        if (ps_clock_mono_ns() > deadline ||
            !read_and_supervise(stack, &stack->management, &frame)) {
            print_error("the keeper is %s, not %s\n",
                        appliance_state_name((enum appliance_state)stack->state),
                        appliance_state_name(state));
            fail();
        }
        take_state(stack, &frame);
    }
}

void stack_wait_started(struct stack *stack)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct wire_frame frame;

    while (stack->state == APPLIANCE_STARTING) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_true(read_and_supervise(stack, &stack->management, &frame));
        take_state(stack, &frame);
    }
}

struct msg_caller stack_caller(void)
{
    return (struct msg_caller){.kind = CALLER_UNIX, .uid = (uint32_t)getuid()};
}

unsigned stack_status_of(const struct wire_frame *frame, struct ps_buf *out)
{
    ps_buf_reset(out);
    if (frame->info == &msg_document_info) {
        const struct msg_document *document = (const void *)frame->message;

        ps_buf_put(out, document->body);
        return document->status;
    }
    if (frame->info == &msg_problem_info) {
        const struct msg_problem *problem = (const void *)frame->message;
        const struct ps_problem_info *info = ps_problem_info((enum ps_problem)problem->problem);

        assert_non_null(info);
        ps_buf_printf(out, "%s: %.*s", info->code, PS_BYTES_FMT(problem->detail));
        return (unsigned)info->http_status;
    }
    return 0;
}

void stack_call(struct stack *stack, struct wire *wire, const struct ipc_message *info,
                const void *message, struct wire_frame *ret_answer)
{
    const uint64_t id = wire_send(wire, info, message);

    do {
        if (!read_and_supervise(stack, wire, ret_answer)) {
            if (stack->faults != NULL && faults_happened(stack->faults)) {
                ret_answer->info = NULL; /* it has died, as it was meant to */
                return;
            }
            print_error("no answer to %s\n", info->name);
            fail();
        }
        if (wire == &stack->management) {
            take_state(stack, ret_answer);
        }
    } while (ret_answer->id != id);
}

struct msg_change stack_change_message(const char *type, const char *subject,
                                       const char *parameters)
{
    return (struct msg_change){
        .caller = stack_caller(),
        .request_id = ps_bytes_str("change-1"),
        .type = ps_bytes_str(type),
        .subject = ps_bytes_str(subject),
        .parameters = ps_bytes_str(parameters),
        .requester = ps_bytes_str(PEOPLE_REQUESTER),
    };
}

unsigned stack_change_as_asked(struct stack *stack, const struct msg_change *message,
                               struct ps_buf *out)
{
    DRAFT_AUTO draft;
    unsigned status = draft_ask(stack, message, &draft, out);

    if (status == 202) {
        status = draft_approve(stack, &draft, out);
        status = status == 200 ? draft_execute(stack, &draft, out) : status;
    }
    return status;
}

unsigned stack_change(struct stack *stack, const char *type, const char *subject,
                      const char *parameters, struct ps_buf *out)
{
    const struct msg_change message = stack_change_message(type, subject, parameters);

    return stack_change_as_asked(stack, &message, out);
}

unsigned stack_read(struct stack *stack, enum read_resource resource, const char *name,
                    struct ps_buf *out)
{
    const struct msg_read message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("read-1"),
        .resource = (uint16_t)resource,
        .name = ps_bytes_str(name),
        .limit = 1000,
    };
    struct wire_frame answer;

    stack_call(stack, &stack->management, &msg_read_info, &message, &answer);
    return stack_status_of(&answer, out);
}

unsigned stack_sign_jws(struct stack *stack, const char *key, const char *algorithm,
                        const char *payload, struct ps_buf *out)
{
    const struct msg_jws_sign message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("sign-1"),
        .key = ps_bytes_str(key),
        .algorithm = ps_bytes_str(algorithm),
        .payload = ps_bytes_str(payload),
    };
    struct wire_frame answer;
    const struct msg_jws_signed *made;

    stack_call(stack, &stack->clients, &msg_jws_sign_info, &message, &answer);
    if (answer.info != &msg_jws_signed_info) {
        return stack_status_of(&answer, out);
    }
    made = (const void *)answer.message;
    ps_buf_reset(out);
    ps_buf_put(out, made->protected_header);
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, ps_bytes_str(payload));
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, made->signature);
    return 200;
}

/* All people sign: a genesis has no other approvers. */
static void sign_genesis(struct stack *stack, const struct draft *draft, struct ps_buf *body)
{
    const char *name;

    for (size_t i = 0; (name = people_name(i)) != NULL; i++) {
        assert_int_equal(draft_sign(stack, draft, "approvals", name, body), 200);
    }
}

unsigned stack_try_genesis(struct stack *stack, bool initialise, struct ps_buf *out)
{
    struct msg_change message = {0};
    unsigned status;
    DRAFT_AUTO draft;
    PS_BUF_AUTO request = {.max = 32768};

    ps_buf_printf(&request, "{\"token\":\"" STACK_TOKEN "\",\"initialise\":%s,",
                  initialise ? "true" : "false");
    ps_buf_put_str(&request, "\"client\":\"tester\",");
    people_put_genesis(&request);
    ps_buf_put_str(&request, "}");
    ps_buf_put_u8(&request, 0);
    message = stack_change_message("genesis", "", (const char *)request.data);
    status = draft_ask(stack, &message, &draft, out);
    if (status == 202) {
        sign_genesis(stack, &draft, out);
        status = draft_execute(stack, &draft, out);
    }
    return status;
}

void stack_genesis(struct stack *stack)
{
    unsigned status;
    PS_BUF_AUTO body;

    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_wait_state(stack, APPLIANCE_UNINITIALISED);
    /* The token process may not have said yet that it found a blank token. */
    while ((status = stack_try_genesis(stack, true, &body)) == 409) {
        (void)usleep(5000);
    }
    if (status != 201) {
        fail_msg("genesis: %u %.*s", status, PS_BYTES_FMT(ps_buf_bytes(&body)));
    }
    /* Told before the answer: who hears that goes on at once. */
    assert_int_not_equal(stack->state, APPLIANCE_UNINITIALISED);
    stack_wait_state(stack, APPLIANCE_OPERATIONAL);
    assert_int_equal(stack_change(stack, "grant.add", "",
                                  "{\"client\":\"tester\",\"keys\":\"*\",\"operations\":[\"jws."
                                  "sign\",\"jws.verify\",\"raw.sign\",\"cose.sign\",\"data-"
                                  "integrity.sign\",\"cms.sign\"]}",
                                  &body),
                     201);
}
