#include "appliance/ceremony/doing.h"

#include "appliance/terminal.h"
#include "lib/base/encode.h"
#include "lib/base/problem.h"
#include "lib/ceremony/people/approval.h"
#include "lib/formats/ssh/sshsig.h"
#include "lib/system/file.h"

#include <dirent.h>
#include <stdio.h>

/* A signature as a person has put it beside the document. */
struct signature {
    const char *file; /* its name in the directory */
    struct ps_buf armored;
    uint8_t hash[PS_SHA256_LEN]; /* of name and content */
    enum approval_kind kind;
};

static void clear_signature(struct signature *signature)
{
    ps_buf_clear(&signature->armored);
}
#define SIGNATURE_AUTO PS_CLEANUP(clear_signature) struct signature

static const char *const routes[APPROVAL_KIND_COUNT] = {
    [APPROVAL_REQUEST] = "request",
    [APPROVAL_APPROVE] = "approvals",
    [APPROVAL_REJECT] = "rejections",
    [APPROVAL_STATEMENT] = "statements",
};

/* --- What was seen already --- */

static enum ps_err put_hash(const struct signature *signature, struct ps_buf *out)
{
    ps_buf_put_hex(out, ps_bytes(signature->hash, sizeof signature->hash));
    return ps_buf_status(out);
}

/* Passed on, or refused, in this run or in one before. */
static bool was_taken(const struct doing *doing, const struct signature *signature)
{
    const struct transcript *transcript = doing->ceremony->transcript;
    const struct transcript_line *line;
    PS_BUF_AUTO hash = {.max = 128};

    if (put_hash(signature, &hash) != PS_OK) {
        return false;
    }
    for (size_t i = 0; (line = transcript_at(transcript, i)) != NULL; i++) {
        if (ps_bytes_equal(line->step, doing->step->name) &&
            ps_bytes_equal(line->sha256, ps_buf_bytes(&hash))) {
            return true;
        }
    }
    return false;
}

static enum ps_err note(struct doing *doing, const struct signature *signature, const char *what,
                        const char *text)
{
    PS_BUF_AUTO hash = {.max = 128};

    PS_TRY(put_hash(signature, &hash));
    doing_learn(&doing->glanced, signature->hash);
    return transcript_put(doing->ceremony->transcript,
                          &(struct transcript_line){.what = ps_bytes_str(what),
                                                    .step = doing->step->name,
                                                    .file = ps_bytes_str(signature->file),
                                                    .sha256 = ps_buf_bytes(&hash),
                                                    .text = ps_bytes_str(text)});
}

/* --- Reading --- */

static bool find_kind(const char *namespace, enum approval_kind *ret_kind)
{
    for (unsigned i = 0; i < APPROVAL_KIND_COUNT; i++) {
        if (strcmp(namespace, approval_namespace((enum approval_kind)i)) == 0) {
            *ret_kind = (enum approval_kind)i;
            return true;
        }
    }
    return false;
}

/* Which kind it is, the signature says itself. A file that is being copied is none yet. */
static bool read_kind(struct doing *doing, struct signature *signature)
{
    SSHSIG_CLAIM_AUTO claim = {0};
    char text[512];

    if (sshsig_peek(ps_buf_bytes(&signature->armored), &claim) == PS_OK) {
        if (find_kind(claim.namespace, &signature->kind)) {
            return true;
        }
        (void)ps_fail(PS_E_DENIED, 0, "it was made for something else than ceremonies");
    }
    (void)snprintf(text, sizeof text, "%s: not taken: %s", signature->file, ps_detail()->text);
    doing_say(doing, text);
    doing_learn(&doing->glanced, signature->hash);
    return false;
}

static bool read_signature(struct doing *doing, const char *directory, const char *name,
                           struct signature *signature)
{
    PS_BUF_AUTO path = {.max = 2u * CEREMONY_PATH_MAX};
    struct ps_bytes parts[2];

    ps_buf_printf(&path, "%s/%s", directory, name);
    ps_buf_put_u8(&path, '\0');
    if (ps_buf_status(&path) != PS_OK ||
        file_read((const char *)path.data, SSHSIG_ARMORED_MAX, &signature->armored) != PS_OK) {
        doing_say(doing, ps_detail()->text);
        return false;
    }
    signature->file = name;
    parts[0] = ps_bytes(name, strlen(name) + 1);
    parts[1] = ps_buf_bytes(&signature->armored);
    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), signature->hash);
    return !doing_knows(&doing->glanced, signature->hash) && !was_taken(doing, signature) &&
           read_kind(doing, signature);
}

/* --- Passing on --- */

static void say_taken(struct doing *doing, const struct signature *signature,
                      const struct privyseal_answer *answer)
{
    char text[512];

    doing_take_state(doing, answer->body);
    (void)snprintf(text, sizeof text, "%s: taken (%s)", signature->file,
                   approval_kind_name(signature->kind));
    doing_say(doing, text);
}

static enum ps_err refuse(struct doing *doing, const struct signature *signature,
                          const struct privyseal_problem *problem)
{
    const enum ps_problem known = ps_problem_by_code(ps_bytes_str(problem->code));
    const char *why = problem->detail[0] != '\0' ? problem->detail : problem->title;
    char text[512];

    /* The same was passed on before, perhaps by somebody else. */
    if (known == PS_PROBLEM_CONFLICT) {
        return note(doing, signature, "signed", "");
    }
    (void)snprintf(text, sizeof text, "%s: not taken: %s", signature->file, why);
    doing_say(doing, text);
    if (known == PS_PROBLEM_WRONG_STATE ||
        (known != PS_PROBLEM_NONE && ps_problem_info(known)->retry_helps)) {
        return PS_OK; /* it may be taken later */
    }
    return note(doing, signature, "not-taken", why);
}

static enum ps_err pass_on(struct doing *doing, const struct signature *signature)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {0};
    PS_BUF_AUTO body = {.max = 2u * SSHSIG_ARMORED_MAX};
    char verb[128];
    enum privyseal_result result;

    ps_buf_put_str(&body, "{\"signature\":");
    ps_buf_put_json_string(&body, ps_buf_bytes(&signature->armored));
    ps_buf_put_u8(&body, '}');
    PS_TRY(ps_buf_status(&body));
    (void)snprintf(verb, sizeof verb, "/%s/%s", doing->id, routes[signature->kind]);
    result = doing_call(doing, "POST", verb, &body, NULL, &answer);
    if (result == PRIVYSEAL_OK) {
        say_taken(doing, signature, &answer);
        return note(doing, signature, "signed", "");
    }
    return result == PRIVYSEAL_REFUSED ? refuse(doing, signature, &answer.problem) : PS_OK;
}

/* A draft is asked for first; then the request is one that nobody waits for any more. */
static bool is_turn_of(const struct doing *doing, const struct signature *signature)
{
    return (strcmp(doing->state, "draft") == 0) == (signature->kind == APPROVAL_REQUEST);
}

static bool is_signature_of(const struct doing *doing, const char *name)
{
    const char *document = strrchr(doing->path, '/');
    const size_t len = strlen(name);
    size_t document_len;

    document = document == NULL ? doing->path : document + 1;
    document_len = strlen(document);
    return len > document_len + 4 && strncmp(name, document, document_len) == 0 &&
           name[document_len] == '.' && strcmp(name + len - 4, ".sig") == 0;
}

static enum ps_err open_directory(const struct doing *doing, char ret_path[CEREMONY_PATH_MAX],
                                  DIR **ret_directory)
{
    const char *slash = strrchr(doing->path, '/');
    const size_t len = slash == NULL ? 0 : (size_t)(slash - doing->path);

    (void)snprintf(ret_path, CEREMONY_PATH_MAX, "%.*s", slash == NULL ? 1 : (int)len + 1,
                   slash == NULL ? "." : doing->path);
    *ret_directory = opendir(ret_path);
    if (*ret_directory == NULL) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read the directory %.160s", ret_path);
    }
    return PS_OK;
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL) {
        (void)closedir(*directory);
    }
}

static enum ps_err look_through(struct doing *doing, bool *ret_taken)
{
    PS_CLEANUP(close_directory) DIR *directory = NULL;
    char path[CEREMONY_PATH_MAX];
    const struct dirent *entry;

    PS_TRY(open_directory(doing, path, &directory));
    while ((entry = readdir(directory)) != NULL) {
        SIGNATURE_AUTO signature = {0};

        if (!is_signature_of(doing, entry->d_name) ||
            !read_signature(doing, path, entry->d_name, &signature) ||
            !is_turn_of(doing, &signature)) {
            continue;
        }
        *ret_taken = true;
        PS_TRY(pass_on(doing, &signature));
    }
    return PS_OK;
}

enum ps_err signatures_pass_on(struct doing *doing)
{
    const bool was_draft = strcmp(doing->state, "draft") == 0;
    bool taken = false;

    PS_TRY(look_through(doing, &taken));
    /* The request may have come last in the directory: the others can be taken now. */
    if (was_draft && taken && strcmp(doing->state, "draft") != 0) {
        PS_TRY(look_through(doing, &taken));
    }
    return PS_OK;
}
