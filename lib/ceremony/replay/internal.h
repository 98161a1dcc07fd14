#ifndef CEREMONY_REPLAY_INTERNAL_H
#define CEREMONY_REPLAY_INTERNAL_H

#include "lib/base/map.h"
#include "lib/ceremony/replay/replay.h"

/* An operation that is open. */
struct replayed {
    struct replayed *next;
    struct waiting *waiting;
    char caller[PS_NAME_MAX + 1];
    enum waiting_state state;
    uint64_t met_s; /* when quorum was met, as far as it still is; 0: not */
    uint64_t begun_ns;
    bool is_judged;
    struct replay_family family;
};

struct replay {
    struct replay_sink sink;
    struct roster *roster;
    struct policy policy;
    uint8_t appliance[PS_SHA256_LEN];
    bool has_appliance;
    struct ps_buf log_key;   /* verifier key of the log, as far as people approved it */
    uint64_t doubted_s;      /* when the clock was doubted last */
    struct ps_map *strong;   /* names of keys of class A */
    struct ps_map *known;    /* names of keys whose class the leaves say; of chosen leaves alone */
    struct ps_map *nonces;   /* of documents that were executed */
    struct ps_map *families; /* that clients may make keys of: families.c */
    struct ps_map *rows;     /* as operations left them: known.c */
    struct json *row_json;   /* reads one of these */
    struct replayed *first;
    size_t open_count;
    uint64_t recall; /* another number for each roster and policy (waiting.h) */
};

/* The open operation with this id; NULL: there is none. */
struct replayed *replay_find(const struct replay *replay, struct ps_bytes id);

/* Members of a leaf's data, decoded, and as they stand there. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err replay_text_of(struct json_value data, const char *name,
                                       struct ps_bytes *ret_text);
PS_MUST_USE enum ps_err replay_octets_of(struct json_value data, const char *name,
                                         struct ps_bytes *ret_octets);
/* Of an array; doc NULL: there are none. */
struct json_value replay_effects_of(struct json_value data);

/* --- judge.c: with everything as it was then. Errors: PS_E_DENIED says what is wrong. --- */

/* One signature of a leaf's data, as the appliance has taken it at that time. */
PS_MUST_USE enum ps_err replay_add_signature(struct replay *replay, struct replayed *op,
                                             struct json_value data, uint64_t now_s);
/* Whether it was approved, could be executed, and was not executed before. */
PS_MUST_USE enum ps_err replay_judge_intent(struct replay *replay, struct replayed *op,
                                            uint64_t index, uint64_t now_s);
/* Of what a client does for itself: whether its document held here and then. */
PS_MUST_USE enum ps_err replay_judge_own(const struct replay *replay, const struct replayed *op,
                                         uint64_t index, uint64_t now_s);
PS_MUST_USE enum ps_err replay_judge_genesis(struct replay *replay, struct replayed *op,
                                             uint64_t index, uint64_t now_s);

/* --- effects.c: what an operation did to people, and what of it judges later ones --- */
PS_MUST_USE enum ps_err replay_take_effects(struct replay *replay, struct json_value effects);
/* The key that the log has after this result: what people approved, or the one of before. */
PS_MUST_USE enum ps_err replay_take_log_key(struct replay *replay, const struct replayed *op,
                                            struct json_value effects);
PS_MUST_USE enum ps_err replay_change_people(struct replay *replay, const struct replayed *op);

/*
 * families.c: what an operation that was done changed of families; and whether what a client made
 * without people is of its family, or about that client alone. event: its result.
 */
PS_MUST_USE enum ps_err replay_take_families(struct replay *replay, struct replayed *op,
                                             uint64_t index, const struct log_event *event);
void replay_forget_families(struct replay *replay);

#endif
