#include "keystore/backup/mirror.h"

#include "keystore/backup/aside.h"
#include "keystore/backup/mirror_files.h"
#include "keystore/events/events.h"
#include "keystore/writer.h"
#include "lib/formats/tlog/note.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE      (256u * 1024u) /* octets of leaves that are handed over at once */
#define NOTE_MAX   (64u * 1024u)
#define AGAIN_NS   (60 * PS_NS_PER_S)
#define LATE_NS    (300 * PS_NS_PER_S)
#define REPEAT_NS  (3600 * PS_NS_PER_S) /* of an alarm about the same */
#define PATIENCE_S 2u                   /* at the end of the keeper */

enum step { STEP_OPEN, STEP_CUT, STEP_APPEND };

struct mirror {
    struct keeper *keeper;
    struct aside *aside;
    char directory[PATH_MAX]; /* "": there is none */

    /* The thread's while it is busy. */
    enum step step;
    struct mirror_files *files; /* NULL: not open */
    struct mirror_found found;
    struct ps_buf leaves;
    struct ps_buf note; /* empty: more leaves come before it */
    enum ps_err result;
    struct ps_detail detail;

    uint64_t next;       /* leaf that is handed over next */
    uint64_t mirrored;   /* leaves that its checkpoint covers */
    uint64_t note_size;  /* leaves that the checkpoint in `note` covers */
    uint64_t again_ns;   /* monotonic: not before, after a failure */
    uint64_t behind_ns;  /* since when it lacks something; 0: it does not */
    uint64_t alarmed_ns; /* the last alarm; 0: none since it was whole */
    char failure[240];   /* "": the last step worked */
};

enum ps_err mirror_new(struct keeper *keeper, struct mirror **ret_mirror)
{
    const struct ps_bytes directory = keeper->config->mirror;
    struct mirror *mirror;

    if (directory.len >= sizeof mirror->directory) {
        return ps_fail(PS_E_INPUT, 0, "the path of the mirror is too long");
    }
    mirror = calloc(1, sizeof *mirror);
    if (mirror == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    mirror->keeper = keeper;
    ps_buf_init(&mirror->leaves, PIECE + 2 + LOG_ENTRY_MAX);
    ps_buf_init(&mirror->note, NOTE_MAX);
    if (directory.len != 0) {
        memcpy(mirror->directory, directory.data, directory.len);
    }
    *ret_mirror = mirror;
    return PS_OK;
}

void mirror_free(struct mirror *mirror)
{
    /* What a disk holds up is left to it: the process ends with it. */
    if (mirror == NULL || !aside_free(mirror->aside, PATIENCE_S)) {
        return;
    }
    mirror_files_free(mirror->files);
    ps_buf_clear(&mirror->leaves);
    ps_buf_clear(&mirror->note);
    free(mirror);
}

/* --- In the thread --- */

static enum ps_err work_step(struct mirror *mirror)
{
    switch (mirror->step) {
    case STEP_OPEN:
        mirror_files_free(mirror->files);
        mirror->files = NULL;
        return mirror_files_open(mirror->directory, &mirror->files, &mirror->found);
    case STEP_CUT:
        return mirror_files_cut(mirror->files);
    case STEP_APPEND:
        break;
    }
    PS_TRY(mirror->leaves.len == 0
               ? PS_OK
               : mirror_files_append(mirror->files, ps_buf_bytes(&mirror->leaves)));
    return mirror->note.len == 0 ? PS_OK
                                 : mirror_files_sign(mirror->files, ps_buf_bytes(&mirror->note));
}

static void work(void *context)
{
    struct mirror *mirror = context;

    mirror->result = work_step(mirror);
    mirror->detail = *ps_detail();
}

/* --- In the loop --- */

static void go_on(struct mirror *mirror);

static void alarm_once(struct mirror *mirror, const char *text)
{
    const uint64_t now_ns = ps_clock_mono_ns();

    if (mirror->alarmed_ns == 0 || now_ns - mirror->alarmed_ns >= REPEAT_NS) {
        mirror->alarmed_ns = now_ns;
        events_alarm(mirror->keeper, "mirror", ps_bytes(NULL, 0), text);
    }
}

/* It is opened anew, and read: what was written by half is known then. */
static void fail(struct mirror *mirror, const char *why)
{
    (void)snprintf(mirror->failure, sizeof mirror->failure, "the mirror of the log in %.100s: %s",
                   mirror->directory, why);
    alarm_once(mirror, mirror->failure);
    mirror->again_ns = ps_clock_mono_ns() + AGAIN_NS;
    mirror->step = STEP_OPEN;
}

/* The first `size` leaves of ours are those. */
static bool is_ours(const struct mirror *mirror, uint64_t size, const struct merkle_hash *root)
{
    struct merkle_hash ours;

    return size <= log_tree_size(mirror->keeper->events) &&
           log_root(mirror->keeper->events, size, &ours) == PS_OK &&
           memcmp(&ours, root, sizeof ours) == 0;
}

/*
 * What its checkpoint covers was signed for, and is never overwritten: where ours is another, one
 * of the two was put back. What is behind that was not, and may be of an appliance that had no
 * time to sign for it.
 */
static void take_found(struct mirror *mirror)
{
    const struct mirror_found *found = &mirror->found;
    char why[160];

    if (!is_ours(mirror, found->signed_leaves, &found->signed_root)) {
        (void)snprintf(why, sizeof why,
                       "its %" PRIu64 " entries are not the first of this log: one of the two was "
                       "put back or is of another appliance. Keep it, and name another directory",
                       found->signed_leaves);
        fail(mirror, why);
        return;
    }
    mirror->mirrored = found->signed_leaves;
    mirror->next = found->leaves;
    mirror->step = STEP_APPEND;
    if (!is_ours(mirror, found->leaves, &found->root)) {
        mirror->next = found->signed_leaves;
        mirror->step = STEP_CUT;
    }
    go_on(mirror);
}

static void done(void *context)
{
    struct mirror *mirror = context;
    const enum step step = mirror->step;

    if (mirror->result != PS_OK) {
        fail(mirror, mirror->detail.text);
        return;
    }
    mirror->failure[0] = 0;
    if (step == STEP_OPEN) {
        take_found(mirror);
        return;
    }
    if (step == STEP_APPEND && mirror->note.len != 0) {
        mirror->mirrored = mirror->note_size;
        mirror->behind_ns = 0;
        mirror->alarmed_ns = 0;
    }
    mirror->step = STEP_APPEND;
    go_on(mirror);
}

static void run(struct mirror *mirror)
{
    aside_run(mirror->aside, &(struct aside_job){.work = work, .done = done, .context = mirror});
}

static enum ps_err fill(struct mirror *mirror, uint64_t size)
{
    PS_BUF_AUTO leaf = {.max = LOG_ENTRY_MAX};

    while (mirror->next < size && mirror->leaves.len < PIECE) {
        ps_buf_reset(&leaf);
        PS_TRY(log_read_entry(mirror->keeper->events, mirror->next, &leaf));
        ps_buf_put_u16(&mirror->leaves, (uint16_t)leaf.len);
        ps_buf_put(&mirror->leaves, ps_buf_bytes(&leaf));
        mirror->next++;
    }
    return ps_buf_status(&mirror->leaves);
}

/* The newest checkpoint, and as many as there is room for of the leaves that it covers. */
static enum ps_err prepare(struct mirror *mirror)
{
    const struct ps_bytes note = log_checkpoint(mirror->keeper->events);
    struct checkpoint checkpoint;

    ps_buf_reset(&mirror->leaves);
    ps_buf_reset(&mirror->note);
    if (note.len == 0) {
        return PS_OK;
    }
    PS_TRY(checkpoint_peek(note, &checkpoint));
    if (checkpoint.size <= mirror->mirrored ||
        checkpoint.size > log_tree_size(mirror->keeper->events)) {
        return PS_OK;
    }
    /* More than it covers is there already when the log was cut off after it: that is signed for
       with the next. */
    if (checkpoint.size < mirror->next) {
        return PS_OK;
    }
    mirror->behind_ns = mirror->behind_ns == 0 ? ps_clock_mono_ns() : mirror->behind_ns;
    PS_TRY(fill(mirror, checkpoint.size));
    if (mirror->next == checkpoint.size) {
        ps_buf_put(&mirror->note, note);
        mirror->note_size = checkpoint.size;
    }
    return ps_buf_status(&mirror->note);
}

static void go_on(struct mirror *mirror)
{
    if (mirror->step == STEP_APPEND) {
        if (prepare(mirror) != PS_OK) {
            fail(mirror, ps_detail()->text);
            return;
        }
        if (mirror->leaves.len == 0 && mirror->note.len == 0) {
            return;
        }
    }
    run(mirror);
}

/* Nobody says that it does not work: a disk that does not answer says nothing. */
static void look_late(struct mirror *mirror)
{
    char text[240];

    if (mirror->behind_ns != 0 && ps_clock_mono_ns() - mirror->behind_ns >= LATE_NS) {
        (void)snprintf(text, sizeof text,
                       "the mirror of the log in %.100s lacks what was recorded %" PRIu64
                       " seconds ago",
                       mirror->directory, (ps_clock_mono_ns() - mirror->behind_ns) / PS_NS_PER_S);
        alarm_once(mirror, text);
    }
}

void mirror_tick(struct mirror *mirror)
{
    const struct keeper *keeper = mirror->keeper;

    if (mirror->directory[0] == 0 || !keeper->appliance.exists || keeper->stopping) {
        return;
    }
    look_late(mirror);
    if (mirror->aside == NULL && aside_new(keeper->loop, "mirror", &mirror->aside) != PS_OK) {
        fail(mirror, ps_detail()->text);
        return;
    }
    if (!aside_is_busy(mirror->aside) && ps_clock_mono_ns() >= mirror->again_ns) {
        go_on(mirror);
    }
}

void mirror_put(const struct mirror *mirror, struct writer *out)
{
    const struct log *events = mirror->keeper->events;
    struct checkpoint checkpoint = {.size = 0};

    if (mirror->directory[0] == 0) {
        return;
    }
    if (events != NULL && checkpoint_peek(log_checkpoint(events), &checkpoint) != PS_OK) {
        checkpoint.size = 0; /* nothing is signed for yet */
    }
    writer_begin_object(out, "mirror");
    writer_number(out, "behind",
                  checkpoint.size > mirror->mirrored ? checkpoint.size - mirror->mirrored : 0);
    writer_str(out, "directory", mirror->directory);
    writer_text_if(out, "failure", ps_bytes_str(mirror->failure));
    if (mirror->behind_ns != 0) {
        writer_number(out, "late_s", (ps_clock_mono_ns() - mirror->behind_ns) / PS_NS_PER_S);
    }
    writer_number(out, "leaves", mirror->mirrored);
    writer_end_object(out);
}
