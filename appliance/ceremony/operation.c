#include "appliance/ceremony/doing.h"

#include "appliance/terminal.h"
#include "lib/base/encode.h"
#include "lib/base/name.h"
#include "lib/ceremony/operation/text.h"
#include "lib/system/file.h"

#include <stdio.h>

#define BODY_MAX          (2u * SCRIPT_OCTETS_MAX)
#define HASHES_MAX        (64u * 1024u)
#define CEREMONY_NAME_MAX 256u /* of the document's member */

/* --- Making it --- */

static enum ps_err put_part(const struct doing *doing, const char *name, struct json_value part,
                            struct ps_buf *out)
{
    const struct script_values values = ceremony_values(doing->ceremony);

    if (part.doc == NULL) {
        return PS_OK;
    }
    ps_buf_printf(out, ",\"%s\":", name);
    return script_put_json(&values, part, out);
}

/* Of which script it is a step: title and hash, so that people can compare it with their copy. */
static void put_ceremony(const struct doing *doing, struct ps_buf *out)
{
    const struct script *script = doing->ceremony->script;

    ps_buf_printf(out, "%.*s, SHA-256 ", PS_BYTES_FMT(script_title(script)));
    ps_buf_put_hex(out, ps_bytes(script_hash(script), PS_SHA256_LEN));
}

static enum ps_err put_request(const struct doing *doing, struct ps_buf *out)
{
    const struct script_step *step = doing->step;
    PS_BUF_AUTO ceremony = {.max = CEREMONY_NAME_MAX};

    ps_buf_put_str(out, "{\"type\":");
    ps_buf_put_json_string(out, step->type);
    PS_TRY(put_part(doing, "subject", step->subject, out));
    PS_TRY(put_part(doing, "params", step->params, out));
    PS_TRY(put_part(doing, "requester", step->requester, out));
    PS_TRY(put_part(doing, "reason", step->reason, out));
    put_ceremony(doing, &ceremony);
    ps_buf_put_str(out, ",\"ceremony\":");
    ps_buf_put_json_string(out, ps_buf_bytes(&ceremony));
    ps_buf_put_str(out, ",\"step\":");
    ps_buf_put_json_string(out, step->name);
    ps_buf_put_u8(out, '}');
    PS_TRY(ps_buf_status(&ceremony));
    return ps_buf_status(out);
}

/* How often it came to a wrong end before: each time it is made anew, with a file of its own. */
static size_t attempts(const struct doing *doing)
{
    return transcript_count(doing->ceremony->transcript, "failed", doing->step->name);
}

static enum ps_err set_path(struct doing *doing)
{
    const size_t count = attempts(doing);
    PS_BUF_AUTO path = {.max = sizeof doing->path};

    ps_buf_printf(&path, "%s.%.*s", doing->ceremony->base, PS_BYTES_FMT(doing->step->name));
    if (count != 0) {
        ps_buf_printf(&path, ".again-%zu", count);
    }
    ps_buf_put_str(&path, ".json");
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    memcpy(doing->path, path.data, path.len);
    return PS_OK;
}

/* A crash may have left the file: the same octets are as good. */
static enum ps_err store(const struct doing *doing, struct ps_bytes document)
{
    PS_BUF_AUTO there = {0};
    const enum ps_err err = file_create(doing->path, document, 0644);

    if (err != PS_E_CONFLICT) {
        return err;
    }
    PS_TRY(file_read(doing->path, OPERATION_DOCUMENT_MAX, &there));
    return ps_bytes_equal(ps_buf_bytes(&there), document)
               ? PS_OK
               : ps_fail(PS_E_CONFLICT, 0, "%.160s is there already, with another content",
                         doing->path);
}

/* What came back is the step that was asked for; what is in it, people judge. */
static enum ps_err check_made(const struct doing *doing, struct ps_bytes octets)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct operation_document document;
    PS_BUF_AUTO ceremony = {.max = CEREMONY_NAME_MAX};

    PS_TRY(json_new(&json));
    PS_TRY(operation_document_parse(json, octets, &document));
    put_ceremony(doing, &ceremony);
    PS_TRY(ps_buf_status(&ceremony));
    if (!ps_bytes_equal_str(doing->step->type, document.type->name) ||
        !ps_bytes_equal(document.ceremony, ps_buf_bytes(&ceremony)) ||
        !ps_bytes_equal(document.step, doing->step->name)) {
        return ps_fail(PS_E_DENIED, 0,
                       "the appliance made the document of another operation; sign nothing");
    }
    return PS_OK;
}

static enum ps_err take_made(struct doing *doing, const char *body)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;
    struct json_value document;
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO text = {.max = 128};

    PS_TRY(json_new(&json));
    PS_TRY(doing_parse(json, body, &root));
    doing_read(body, "id", doing->id, sizeof doing->id);
    doing_read(body, "state", doing->state, sizeof doing->state);
    if (!ps_name_valid(ps_bytes_str(doing->id)) || !json_member(root, "document", &document)) {
        return ps_fail(PS_E_INPUT, 0, "the appliance's answer has no document of an operation");
    }
    PS_TRY(check_made(doing, json_raw(document)));
    PS_TRY(set_path(doing));
    PS_TRY(store(doing, json_raw(document)));
    ps_sha256(json_raw(document), hash);
    ps_buf_put_hex(&text, ps_bytes(hash, sizeof hash));
    PS_TRY(ps_buf_status(&text));
    return transcript_put(doing->ceremony->transcript,
                          &(struct transcript_line){.what = ps_bytes_str("made"),
                                                    .step = doing->step->name,
                                                    .id = ps_bytes_str(doing->id),
                                                    .sha256 = ps_buf_bytes(&text),
                                                    .file = ps_bytes_str(doing->path)});
}

/* The key makes it once, however often it is asked for: after a crash, too. */
static struct outcome make(struct doing *doing)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {0};
    PS_BUF_AUTO body = {.max = BODY_MAX};
    char key[128];
    enum privyseal_result result;
    enum ps_err err = put_request(doing, &body);

    if (err != PS_OK) {
        return ceremony_end_failed(err);
    }
    (void)snprintf(key, sizeof key, "ceremony-%.*s-%.*s-%zu",
                   PS_BYTES_FMT(transcript_id(doing->ceremony->transcript)),
                   PS_BYTES_FMT(doing->step->name), attempts(doing));
    result = doing_call(doing, "POST", "", &body, key, &answer);
    if (result == PRIVYSEAL_REFUSED) {
        return doing_refused(doing, &answer.problem);
    }
    if (result != PRIVYSEAL_OK) {
        return doing_away(doing);
    }
    if (answer.status != 202) {
        return doing_finish(doing,
                            answer.body); /* it was so already, or nobody has to approve it */
    }
    err = take_made(doing, answer.body);
    return err == PS_OK ? OUTCOME_ON : ceremony_end_failed(err);
}

/* --- Showing it --- */

/* The file may have been exchanged since it was made: people sign that document or none. */
static enum ps_err check_file(const struct doing *doing, struct ps_bytes octets)
{
    const struct transcript_line *made =
        transcript_find(doing->ceremony->transcript, "made", doing->step->name);
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO hex = {.max = 128};

    ps_sha256(octets, hash);
    ps_buf_put_hex(&hex, ps_bytes(hash, sizeof hash));
    PS_TRY(ps_buf_status(&hex));
    return made != NULL && ps_bytes_equal(made->sha256, ps_buf_bytes(&hex))
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0,
                         "%.140s is not the document that the transcript has; sign nothing",
                         doing->path);
}

static enum ps_err put_document(const struct doing *doing, struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct operation_document document;
    PS_BUF_AUTO octets = {0};

    PS_TRY(json_new(&json));
    PS_TRY(file_read(doing->path, OPERATION_DOCUMENT_MAX, &octets));
    PS_TRY(check_file(doing, ps_buf_bytes(&octets)));
    PS_TRY(operation_document_parse(json, ps_buf_bytes(&octets), &document));
    PS_TRY(operation_text_put(&document, out));
    ps_buf_printf(out, "\nOperation %s, in %s\nSignatures are taken from %s.*.sig\n", doing->id,
                  doing->path, doing->path);
    return ps_buf_status(out);
}

static enum ps_err show(const struct doing *doing)
{
    PS_BUF_AUTO page = {.max = (size_t)2 * OPERATION_TEXT_MAX};

    PS_TRY(put_document(doing, &page));
    return terminal_print(ps_buf_bytes(&page));
}

/* What an earlier run made and did not bring to its end. */
static bool take_up(struct doing *doing)
{
    const struct transcript *transcript = doing->ceremony->transcript;
    const struct transcript_line *made = transcript_find(transcript, "made", doing->step->name);

    if (made == NULL ||
        transcript_count(transcript, "made", doing->step->name) <= attempts(doing) ||
        made->id.len >= sizeof doing->id) {
        return false;
    }
    memcpy(doing->id, made->id.data, made->id.len);
    return set_path(doing) == PS_OK;
}

static struct outcome bring_to_end(struct doing *doing)
{
    struct outcome outcome = OUTCOME_ON;
    enum ps_err err = ceremony_say(doing->ceremony, doing->step->text);

    if (err == PS_OK && !take_up(doing)) {
        outcome = make(doing);
    }
    if (err != PS_OK || !outcome.goes_on) {
        return err == PS_OK ? outcome : ceremony_end_failed(err);
    }
    if (doing->id[0] == '\0') {
        return OUTCOME_ON; /* done at once */
    }
    err = show(doing);
    return err == PS_OK ? doing_wait(doing) : ceremony_end_failed(err);
}

struct outcome ceremony_do(struct ceremony *ceremony, const struct script_step *step)
{
    struct doing doing = {.ceremony = ceremony, .step = step};
    struct outcome outcome = OUTCOME_ON;

    if (transcript_find(ceremony->transcript, "done", step->name) != NULL) {
        return OUTCOME_ON;
    }
    if (ceremony->client == NULL) {
        outcome.code = cli_open(ceremony->run, &ceremony->client);
        outcome.goes_on = outcome.code == CLI_DONE;
    }
    ps_buf_init(&doing.glanced, HASHES_MAX);
    ps_buf_init(&doing.said, HASHES_MAX);
    outcome = outcome.goes_on ? bring_to_end(&doing) : outcome;
    ps_buf_clear(&doing.glanced);
    ps_buf_clear(&doing.said);
    return outcome;
}
