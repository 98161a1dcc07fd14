#include "appliance/dev/gate.h"
#include "lib/base/encode.h"
#include "lib/formats/ssh/sshsig.h"

#include <stdio.h>

/* The signatures of DIR's people over one operation that waits. */

/* What a signature goes to. */
static const char *const routes[APPROVAL_KIND_COUNT] = {
    [APPROVAL_REQUEST] = "request",
    [APPROVAL_APPROVE] = "approvals",
    [APPROVAL_STATEMENT] = "statements",
};

static void note_signer(struct dev_waiting *waiting, const char *name)
{
    const size_t len = strlen(waiting->signers);

    (void)snprintf(waiting->signers + len, sizeof waiting->signers - len, "%s%s",
                   len == 0 ? "" : ", ", name);
}

static enum ps_err take_state(const struct privyseal_answer *answer, struct dev_waiting *waiting)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value root;

    PS_TRY(json_new(&parser));
    PS_TRY(
        json_parse(parser, ps_bytes(answer->body, answer->body_len), &JSON_LIMITS_REQUEST, &root));
    return dev_take_text(root, "state", waiting->state, sizeof waiting->state);
}

/* Whose signature it is said to be, and the file in DIR/officers with the key that makes it. */
struct signer {
    const char *person;
    const char *file;
};

/* Sends the signature of one person; the state is then that of the answer, when it was taken. */
static enum ps_err sign(const struct dev_gate *gate, struct dev_waiting *waiting,
                        enum approval_kind kind, const struct signer *signer,
                        struct privyseal_answer *ret_answer)
{
    PS_BUF_AUTO armored = {0};
    PS_BUF_AUTO body;
    char path[DEV_TEXT_MAX];

    ps_buf_init(&body, 2 * SSHSIG_ARMORED_MAX);
    PS_TRY(dev_sign(gate->dev, signer->file, kind, ps_buf_bytes(&waiting->document), &armored));
    ps_buf_put_str(&body, "{\"person\":");
    ps_buf_put_json_string(&body, ps_bytes_str(signer->person));
    ps_buf_put_str(&body, ",\"signature\":");
    ps_buf_put_json_string(&body, ps_buf_bytes(&armored));
    ps_buf_put_u8(&body, '}');
    (void)snprintf(path, sizeof path, "/v1/operations/%s/%s", waiting->id, routes[kind]);
    PS_TRY(dev_call(gate, "POST", path, &body, ret_answer));
    if (ret_answer->status != 200) {
        return PS_OK;
    }
    note_signer(waiting, signer->person);
    return take_state(ret_answer, waiting);
}

static enum ps_err request(const struct dev_gate *gate, struct dev_waiting *waiting)
{
    const struct signer requester = {waiting->requester, waiting->requester};
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

    PS_TRY(sign(gate, waiting, APPROVAL_REQUEST, &requester, &answer));
    return answer.status == 200 ? PS_OK : dev_refused("request", &answer);
}

/* A signature that is not taken is no failure: who has signed already, or does not count. */
static enum ps_err try_to_sign(const struct dev_gate *gate, struct dev_waiting *waiting,
                               enum approval_kind kind, const struct signer *signer)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

    PS_TRY(sign(gate, waiting, kind, signer, &answer));
    return answer.status < 500 ? PS_OK : dev_refused(routes[kind], &answer);
}

static enum ps_err state_with(const struct dev_gate *gate, struct dev_waiting *waiting,
                              const char *person, struct ps_bytes key,
                              const struct dev_people *people)
{
    for (size_t i = 0; i < people->count; i++) {
        if (dev_is_key(gate->dev, people->names[i], key)) {
            const struct signer signer = {person, people->names[i]};

            return try_to_sign(gate, waiting, APPROVAL_STATEMENT, &signer);
        }
    }
    return PS_OK;
}

/* Whoever comes with the operation shows that they have their keys: those that are in DIR. */
static enum ps_err state(const struct dev_gate *gate, struct dev_waiting *waiting,
                         const struct dev_people *people)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    char person[PS_NAME_MAX + 1];
    struct json_value root;
    struct json_value params;
    struct json_value entry;
    struct json_value keys;
    struct json_value key;
    struct ps_bytes line;
    uint32_t cursor = 0;

    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, ps_buf_bytes(&waiting->document), &JSON_LIMITS_REQUEST, &root));
    if (!json_member(root, "params", &params) || !json_member(params, "entry", &entry) ||
        !json_member(entry, "keys", &keys)) {
        return PS_OK;
    }
    PS_TRY(dev_take_text(entry, "person", person, sizeof person));
    while (json_next(keys, &cursor, NULL, &key)) {
        PS_TRY(json_string(key, &line));
        PS_TRY(state_with(gate, waiting, person, line, people));
    }
    return PS_OK;
}

static enum ps_err approve(const struct dev_gate *gate, struct dev_waiting *waiting,
                           const struct dev_people *people)
{
    for (size_t i = 0; i < people->count && strcmp(waiting->state, "open") == 0; i++) {
        const struct signer signer = {people->names[i], people->names[i]};

        PS_TRY(try_to_sign(gate, waiting, APPROVAL_APPROVE, &signer));
    }
    return PS_OK;
}

enum ps_err dev_finish(const struct dev_gate *gate, struct dev_waiting *waiting,
                       struct privyseal_answer *ret_answer)
{
    struct dev_people people;

    if (strcmp(waiting->state, "draft") == 0) {
        PS_TRY(request(gate, waiting));
    }
    PS_TRY(dev_list_people(gate->dev, &people));
    PS_TRY(state(gate, waiting, &people));
    PS_TRY(approve(gate, waiting, &people));
    return dev_execute(gate, waiting, ret_answer);
}
