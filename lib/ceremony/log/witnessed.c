#include "lib/ceremony/log/witnessed.h"

#include "lib/base/clock.h"
#include "lib/base/counted.h"

#include <stdio.h>

void log_witnessed_clear(struct log_witnessed *witnessed)
{
    for (size_t i = 0; i < witnessed->count; i++) {
        ps_buf_clear(&witnessed->notes[i].octets);
    }
    witnessed->count = 0;
}

enum ps_err log_witnessed_read(const struct log_files *files, struct log_witnessed *ret_witnessed)
{
    struct log_file_names names;

    PS_TRY(log_files_list_witnessed(files, &names));
    for (size_t i = 0; i < names.count; i++) {
        struct log_witnessed_note *note = &ret_witnessed->notes[i];
        enum ps_err err;

        *note = (struct log_witnessed_note){.octets = {.max = LOG_NOTE_MAX + 1}};
        (void)snprintf(note->file, sizeof note->file, "%s", names.items[i]);
        ret_witnessed->count = i + 1;
        err = log_files_read_note(files, note->file, &note->octets);
        if (err == PS_OK) {
            err = log_seen_begin(ps_buf_bytes(&note->octets), &note->seen);
        }
        if (err != PS_OK && err != PS_E_INPUT) {
            return err;
        }
    }
    return PS_OK;
}

void log_witnessed_take(struct log_witnessed *witnessed, const struct tiles_edge *edge)
{
    for (size_t i = 0; i < witnessed->count; i++) {
        struct log_seen *seen = &witnessed->notes[i].seen;

        if (log_seen_wants(seen, edge->size)) {
            const struct merkle_hash root = tiles_edge_root(edge);

            log_seen_take(seen, &root);
        }
    }
}

/* The witness of those that are known after whose key the file is named; NULL: it is of another. */
static const struct note_key *owner_of(const struct log_witnesses *witnesses, const char *file)
{
    for (size_t i = 0; i < witnesses->count; i++) {
        const uint8_t *id = witnesses->keys[i].id;
        char name[24];

        (void)snprintf(name, sizeof name, LOG_WITNESSED_PREFIX "%02x%02x%02x%02x", id[0], id[1],
                       id[2], id[3]);
        if (strcmp(name, file) == 0) {
            return &witnesses->keys[i];
        }
    }
    return NULL;
}

static enum ps_err judge_note(const struct log_witnessed_note *note,
                              const struct log_witnessed_judge *judge,
                              const struct log_witnesses *witnesses,
                              struct log_seen_result *ret_result)
{
    const struct note_key *owner = owner_of(witnesses, note->file);
    struct note_key key = judge->key;
    struct cosignature cosignature;

    if (note->seen.note.len == 0) {
        return ps_fail(PS_E_DENIED, 0, "it is no checkpoint that a witness cosigned");
    }
    (void)!log_signers_choose_of(judge->signers, note->seen.note, &key);
    PS_TRY(log_seen_judge(&note->seen, &key, witnesses, judge->leaves, ret_result));
    return owner == NULL ? PS_OK : cosignature_open(note->seen.note, owner, &cosignature);
}

static void tell_good(const struct log_witnessed_judge *judge, const struct log_where *where,
                      const struct log_seen_result *result)
{
    char when[PS_TIME_MAX + 1] = "";

    if (result->cosigned == 0) {
        log_report_row(judge->report, LOG_NOTE, where,
                       "kept as seen by a witness, for a tree of %s; its key was not "
                       "given (--witness)",
                       ps_counted(result->size, "leaf", "leaves").text);
        return;
    }
    when[ps_time_format(result->time_s * PS_NS_PER_S, 0, when)] = '\0';
    log_report_row(judge->report, LOG_PASS, where,
                   "cosigned for a tree of %s by %u of the witnesses given, last at %s",
                   ps_counted(result->size, "leaf", "leaves").text, result->cosigned, when);
}

static enum ps_err tell_one(const struct log_witnessed_note *note,
                            const struct log_witnessed_judge *judge,
                            const struct log_witnesses *witnesses)
{
    struct log_place place = {.offset = LOG_NOWHERE};
    const struct log_where where = {"witnesses", judge->label, &place, LOG_NOWHERE};
    struct log_seen_result result;
    const enum ps_err err = judge_note(note, judge, witnesses, &result);

    (void)snprintf(place.file, sizeof place.file, "%s%s%s", judge->label,
                   judge->label[0] == '\0' ? "" : "/", note->file);
    if (err == PS_E_NO_MEMORY) {
        return err;
    }
    if (err != PS_OK) {
        log_report_row(judge->report, LOG_FAIL, &where, "%s", ps_detail()->text);
        return PS_OK;
    }
    if (result.missing != 0) {
        log_report_row(judge->report, LOG_FAIL, &where,
                       "the log signed for %s, and has %llu: it was put back, or cut off",
                       ps_counted(result.size, "leaf", "leaves").text,
                       (unsigned long long)judge->leaves);
        return PS_OK;
    }
    tell_good(judge, &where, &result);
    return judge->reader == NULL || judge->reader->on_witnessed == NULL
               ? PS_OK
               : judge->reader->on_witnessed(judge->reader->context, judge->label, note->file,
                                             &result);
}

enum ps_err log_witnessed_tell(const struct log_witnessed *witnessed,
                               const struct log_witnessed_judge *judge)
{
    struct log_witnesses known = {.count = 0};

    if (judge->witnesses != NULL) {
        known = *judge->witnesses;
        known.needed = 0;
    }
    for (size_t i = 0; i < witnessed->count; i++) {
        PS_TRY(tell_one(&witnessed->notes[i], judge, &known));
    }
    return PS_OK;
}
