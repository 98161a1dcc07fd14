#include "appliance/cli/commands.h"

#include "api/client/privyseal.h"
#include "appliance/terminal.h"
#include "appliance/witness/post.h"
#include "lib/base/encode.h"
#include "lib/ceremony/operation/text.h"
#include "lib/formats/tlog/cosignature.h"
#include "lib/formats/tlog/proof_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * Between an appliance, which reaches nobody, and the witnesses of its logs: what they are to see
 * is carried to them, and what they answer back. What is carried is public and signed; who carries
 * it needs no more than the grant `log.witness`.
 */

#define EVERY_S_DEFAULT 5u
#define NOTE_MAX        (2u * NOTE_OCTETS_MAX)
#define STATUS_MAX      (64u * 1024u)
#define SHOWN_MAX       160u /* octets of an answer that is none */

struct feed {
    const struct cli_run *run;
    struct privyseal *client;
    const cJSON *status;
    char path[160];     /* of the tree, below which its routes are */
    struct ps_buf note; /* a checkpoint and the cosignatures on it that were not handed in yet */
    size_t note_len;    /* of the checkpoint in it */
    bool has_failed;
};

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

static void close_client(struct privyseal **client)
{
    privyseal_close(*client);
}

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

static void complain(struct feed *feed, const char *who, const char *what)
{
    feed->has_failed = true;
    terminal_complain("privyseal", "%s: %s", who, what);
}

/* False, and it was said why: the answer is none to go on with. */
static bool call(struct feed *feed, const char *method, const char *path, struct ps_bytes body,
                 struct ps_buf *out)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {0};
    const struct privyseal_request request = {.method = method,
                                              .path = path,
                                              .body = (const char *)body.data,
                                              .body_len = body.len,
                                              .content_type = "text/plain"};
    const enum privyseal_result result = privyseal_call(feed->client, &request, &answer);

    if (result != PRIVYSEAL_OK) {
        complain(feed, path,
                 result == PRIVYSEAL_REFUSED ? answer.problem.detail
                                             : privyseal_last_error(feed->client));
        return false;
    }
    ps_buf_put(out, ps_bytes(answer.body, answer.body_len));
    return ps_buf_status(out) == PS_OK;
}

static void hand_in(struct feed *feed)
{
    char path[200];
    PS_BUF_AUTO answer = {.max = STATUS_MAX};

    if (feed->note.len > feed->note_len) {
        (void)snprintf(path, sizeof path, "%s/cosignatures", feed->path);
        (void)call(feed, "POST", path, ps_buf_bytes(&feed->note), &answer);
    }
    ps_buf_reset(&feed->note);
    feed->note_len = 0;
}

/* Cosignatures on one checkpoint go together, so that a proof can show them all. */
static void add_lines(struct feed *feed, struct ps_bytes checkpoint, struct ps_bytes lines)
{
    if (!ps_bytes_equal(ps_bytes(feed->note.data, feed->note_len), checkpoint)) {
        hand_in(feed);
        ps_buf_put(&feed->note, checkpoint);
        feed->note_len = feed->note.len;
    }
    ps_buf_put(&feed->note, lines);
    if (ps_buf_status(&feed->note) != PS_OK) {
        complain(feed, feed->path, "the witnesses' answers are too long");
        ps_buf_reset(&feed->note);
        feed->note_len = 0;
    }
}

/* The size that the witness says it knows, of an answer 409. */
static bool read_size(struct ps_bytes text, uint64_t *ret_size)
{
    uint64_t size = 0;
    size_t at = 0;

    for (; at < text.len && ps_is_digit(text.data[at]) && at < 16; at++) {
        size = size * 10 + (uint64_t)(text.data[at] - '0');
    }
    *ret_size = size;
    return at != 0 && at + 1 == text.len && text.data[at] == '\n';
}

/* The beginning of an answer that is none, which anybody may have written. */
static void complain_of_answer(struct feed *feed, const char *name, unsigned status,
                               struct ps_bytes answer)
{
    const uint8_t *end = answer.len == 0 ? NULL : memchr(answer.data, '\n', answer.len);
    const size_t len = end == NULL ? answer.len : (size_t)(end - answer.data);
    PS_BUF_AUTO what = {.max = 4096};

    ps_buf_printf(&what, "it answers %u: ", status);
    operation_text_put_line(ps_bytes(answer.data, len < SHOWN_MAX ? len : SHOWN_MAX), &what);
    ps_buf_put_u8(&what, '\0');
    complain(feed, name,
             ps_buf_status(&what) == PS_OK ? (const char *)what.data : "it answers no cosignature");
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static uint64_t number(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);

    return cJSON_IsNumber(value) && value->valuedouble >= 0 ? (uint64_t)value->valuedouble : 0;
}

static const char *text(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);

    return cJSON_IsString(value) ? value->valuestring : NULL;
}

/* What the configuration says of a witness; NULL: nothing. */
static const cJSON *item_of(const struct feed *feed, const char *name)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, member(feed->status, "items"))
    {
        if (text(item, "name") != NULL && strcmp(text(item, "name"), name) == 0) {
            return item;
        }
    }
    return NULL;
}

/* One malformed line would cancel the cosignatures of all the others: only what holds is added. */
static void take_answer(struct feed *feed, const cJSON *witness, struct ps_bytes checkpoint,
                        struct ps_bytes answer)
{
    const char *key_text = text(witness, "key");
    struct note_key key;
    struct cosignature cosignature;
    PS_BUF_AUTO note = {.max = NOTE_MAX};
    PS_BUF_AUTO line = {.max = NOTE_OCTETS_MAX};

    ps_buf_put(&note, checkpoint);
    ps_buf_put(&note, answer);
    if (key_text == NULL || ps_buf_status(&note) != PS_OK ||
        cosigner_key_parse(ps_bytes_str(key_text), &key) != PS_OK ||
        cosignature_open(ps_buf_bytes(&note), &key, &cosignature) != PS_OK) {
        complain(feed, text(witness, "name"),
                 "it answers 200, and not with a cosignature of its own on this checkpoint");
        return;
    }
    cosignature_put(&key, &cosignature, &line);
    add_lines(feed, checkpoint, ps_buf_bytes(&line));
}

/* One question to one witness; *ret_again: it knows another size, which is now in *from. */
static void ask(struct feed *feed, const cJSON *witness, uint64_t *from, bool *ret_again)
{
    const char *name = text(witness, "name");
    struct witness_request parsed;
    char path[240];
    unsigned status = 0;
    PS_BUF_AUTO request = {.max = WITNESS_REQUEST_MAX};
    PS_BUF_AUTO answer = {.max = NOTE_OCTETS_MAX};

    (void)snprintf(path, sizeof path, "%s/witness-request?from=%" PRIu64, feed->path, *from);
    if (!call(feed, "GET", path, ps_bytes(NULL, 0), &request)) {
        return;
    }
    if (witness_request_parse(ps_buf_bytes(&request), &parsed) != PS_OK ||
        witness_post(text(witness, "url"), ps_buf_bytes(&request), &answer, &status) != PS_OK) {
        complain(feed, name, ps_detail()->text);
        return;
    }
    if (status == 200) {
        take_answer(feed, witness, parsed.checkpoint, ps_buf_bytes(&answer));
    } else if (status == 409 && read_size(ps_buf_bytes(&answer), from)) {
        *ret_again = true;
    } else {
        complain_of_answer(feed, name, status, ps_buf_bytes(&answer));
    }
}

static void feed_witness(struct feed *feed, const cJSON *seen, uint64_t signed_size)
{
    const char *name = text(seen, "witness");
    const cJSON *witness = name == NULL ? NULL : item_of(feed, name);
    uint64_t from = number(seen, "size");
    bool again = true;

    if (text(witness, "url") == NULL || from >= signed_size) {
        return;
    }
    for (unsigned tries = 0; again && tries < 2; tries++) {
        again = false;
        ask(feed, witness, &from, &again);
        if (again && from > signed_size) {
            complain(
                feed, name,
                "it has seen more leaves of this log than the appliance has signed: the log was "
                "put back to an earlier state, or somebody else has its key");
            return;
        }
    }
    if (again) {
        complain(feed, name, "it says each time that it knows another size");
    }
}

static void feed_tree(struct feed *feed, const cJSON *tree)
{
    const char *name = text(tree, "tree");
    const cJSON *seen;

    if (name == NULL || strlen(name) > 64) {
        return;
    }
    (void)snprintf(feed->path, sizeof feed->path, "/v1/log/%s", name);
    cJSON_ArrayForEach(seen, member(tree, "seen"))
    {
        feed_witness(feed, seen, number(tree, "signed"));
    }
    hand_in(feed);
}

static void feed_once(struct feed *feed)
{
    PS_BUF_AUTO body = {.max = STATUS_MAX};
    PS_CLEANUP(delete_json) cJSON *status = NULL;
    const cJSON *tree;

    if (!call(feed, "GET", "/v1/log/witnesses", ps_bytes(NULL, 0), &body)) {
        return;
    }
    status = cJSON_ParseWithLength((const char *)body.data, body.len);
    if (cJSON_GetArraySize(member(status, "items")) == 0) {
        complain(feed, "the configuration of the appliance", "it names no witness");
        return;
    }
    feed->status = status;
    cJSON_ArrayForEach(tree, member(status, "trees"))
    {
        feed_tree(feed, tree);
    }
    feed->status = NULL;
}

static bool read_every(const struct cli_run *run, unsigned *ret_s)
{
    const char *every = cli_value(run, "every");
    char *end = NULL;
    unsigned long seconds = EVERY_S_DEFAULT;

    if (every != NULL) {
        seconds = strtoul(every, &end, 10);
    }
    *ret_s = (unsigned)seconds;
    return seconds >= 1 && seconds <= 86400 && (end == NULL || *end == '\0');
}

int cli_log_feed(const struct cli_run *run)
{
    PS_CLEANUP(close_client) struct privyseal *client = NULL;
    const struct sigaction action = {.sa_handler = on_signal};
    struct feed feed = {.run = run};
    unsigned every_s;
    int code;

    if (!read_every(run, &every_s)) {
        (void)fprintf(stderr, "privyseal: --every takes seconds, from 1 to 86400\n");
        return CLI_USAGE;
    }
    code = cli_open(run, &client);
    if (code != CLI_DONE) {
        return code;
    }
    feed.client = client;
    ps_buf_init(&feed.note, NOTE_MAX);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    do {
        feed.has_failed = false;
        feed_once(&feed);
        if (!cli_flag(run, "once") && is_over == 0) {
            (void)nanosleep(&(struct timespec){.tv_sec = (time_t)every_s}, NULL);
        }
    } while (!cli_flag(run, "once") && is_over == 0);
    ps_buf_clear(&feed.note);
    return feed.has_failed && is_over == 0 ? CLI_FAILED : CLI_DONE;
}
