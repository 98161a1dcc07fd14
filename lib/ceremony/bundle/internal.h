#ifndef CEREMONY_BUNDLE_INTERNAL_H
#define CEREMONY_BUNDLE_INTERNAL_H

#include "lib/base/name.h"
#include "lib/ceremony/bundle/bundle.h"
#include "lib/ceremony/log/report.h"
#include "lib/ceremony/script/script.h"
#include "lib/ceremony/transcript_line.h"

#define BUNDLE_FORMAT "privyseal-transcript"

/* The sections that have a digest, in the order of their names. */
enum bundle_section { BUNDLE_CHECKPOINT, BUNDLE_LEAVES, BUNDLE_ROOM, BUNDLE_SECTIONS };
extern const char *const bundle_section_names[BUNDLE_SECTIONS];

struct bundle {
    struct json *json;
    struct json_value sections[BUNDLE_SECTIONS];
    struct json_value digests;
    struct json_value statements;
    struct ps_bytes checkpoint;
    struct ps_bytes script;
    struct json_value lines;
    size_t leaf_count;
    struct json_value *leaves; /* so that each is found at once */
};

/* {"checkpoint":"<SHA-256 in hexadecimal>", ...} of the sections' octets. */
void bundle_put_digests(const struct ps_bytes sections[BUNDLE_SECTIONS], struct ps_buf *out);

/* The whole, from the octets of its sections. */
void bundle_put_all(const struct ps_bytes sections[BUNDLE_SECTIONS], struct ps_bytes statements,
                    struct ps_buf *out);

/* --- walk.c --- */

/* How far the room has come in its script; begins as zeros but for the script. */
struct bundle_walk {
    const struct script *script;
    bool is_begun;
    bool is_ended;
    bool is_set[SCRIPT_STEPS_MAX]; /* questions that --set has answered */
    size_t next;                   /* the first step that is not complete */
    char made[PS_NAME_MAX + 1];    /* id of the operation that it has made; "": none */
};

/* Takes the next line. Errors: PS_E_DENIED: it does not stand where the script has it. */
PS_MUST_USE enum ps_err bundle_walk_take(struct bundle_walk *walk,
                                         const struct transcript_line *line);

/* The first step that is not complete; NULL: all are. */
const struct script_step *bundle_walk_next(const struct bundle_walk *walk);

/* --- room.c --- */

/* An operation that was in the leaves: what the room's lines are compared with. */
struct bundle_known {
    char id[33];
    uint8_t hash[PS_SHA256_LEN];         /* of its document */
    bool is_of_script;                   /* the document names the script ... */
    char step[SCRIPT_STEP_NAME_MAX + 1]; /* ... and this step of it */
    const char *type;                    /* of the operation */
    bool is_done;
};

struct bundle_room {
    const struct bundle *bundle;
    struct log_report *report;
    const struct bundle_known *known;
    size_t known_count;
};

/* "title, SHA-256 <hash>": what documents of steps of this script have as `ceremony`. */
PS_MUST_USE enum ps_err bundle_put_ceremony(struct ps_bytes script, struct ps_buf *out);

PS_MUST_USE enum ps_err bundle_room_verify(const struct bundle_room *room);

#endif
