#ifndef FAKE_P11_CONTROL_H
#define FAKE_P11_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "functions.h"

/*
 * The script: one page of memory shared through the file `control` in the module's directory. The
 * module reads it on each call, fake_p11_ctl and tests write it while processes run. Every member
 * is a lock-free atomic of 8 octets, so that nobody ever waits for anybody.
 */

#define FAKE_MAGIC   0x31317030656b6166ULL
#define FAKE_VERSION 1
#define FAKE_TOKENS  8
#define FAKE_RULES   64
#define FAKE_ANY     UINT64_MAX

/* A text of at most 31 octets, ended by NUL; empty means the module's own value. */
#define FAKE_TEXT_MAX 31
struct fake_text {
    _Atomic uint64_t words[4];
};

enum fake_action {
    FAKE_NOTHING,
    /* before the call does anything */
    FAKE_RV,
    FAKE_DELAY,
    FAKE_HANG,
    FAKE_CRASH,
    /* in the middle, and when the work is done but not answered */
    FAKE_CRASH_HALF,
    FAKE_CRASH_AFTER,
    FAKE_RV_AFTER,
    /* in the answer */
    FAKE_WRONG_SIGNATURE,
    FAKE_LENGTH,
    FAKE_TRUNCATE,
    FAKE_ZEROS,
    FAKE_GARBAGE_ATTRIBUTES,
    FAKE_TOO_MANY_HANDLES,
    /* to the token as a whole, for the calls after this one too */
    FAKE_LOSE_SESSIONS,
    FAKE_LOG_OUT,
    FAKE_VANISH,
    FAKE_RETURN,
    FAKE_SERIAL,
    FAKE_LATENCY,
    FAKE_MAX_SESSIONS,
    FAKE_PIN_LOCKED,
    FAKE_ACTION_COUNT
};

/* How FAKE_GARBAGE_ATTRIBUTES spoils an attribute; always with CKR_OK. */
enum fake_garbage {
    FAKE_GARBAGE_HUGE,        /* ulValueLen 2^40, the buffer untouched */
    FAKE_GARBAGE_UNAVAILABLE, /* CK_UNAVAILABLE_INFORMATION */
    FAKE_GARBAGE_EMPTY,       /* length 0 */
    FAKE_GARBAGE_SHORT,       /* one octet missing */
    FAKE_GARBAGE_FLIP,        /* the lowest bit of the first octet inverted: a token that lies */
    FAKE_GARBAGE_COUNT
};

/* A rule: the calls it is about, what it does to them, and which of them it takes. */
struct fake_rule {
    _Atomic uint64_t id; /* 0: this place is free */
    _Atomic uint64_t function;
    _Atomic uint64_t mechanism;
    _Atomic uint64_t attribute; /* one that must stand in the template of the call */
    _Atomic uint64_t token;
    _Atomic uint64_t action;
    _Atomic uint64_t argument;
    struct fake_text text;
    _Atomic uint64_t after;    /* calls left alone first */
    _Atomic uint64_t times;    /* calls taken then; 0: all */
    _Atomic uint64_t until_ns; /* on CLOCK_MONOTONIC; 0: no end */
    _Atomic uint64_t matched;  /* calls it was about */
    _Atomic uint64_t applied;  /* calls it was applied to */
    _Atomic uint64_t waiting;  /* calls that hang in it now */
};

struct fake_token {
    _Atomic uint64_t absent_until_ns; /* 0: present; FAKE_ANY: gone until FAKE_RETURN */
    _Atomic uint64_t session_epoch;   /* a session of an older epoch is lost */
    _Atomic uint64_t login_epoch;     /* so is a login */
    _Atomic uint64_t pin_locked;
    _Atomic uint64_t pin_tries;        /* wrong PINs in a row that lock it; 0: never */
    _Atomic uint64_t max_sessions;     /* of one process; 0: no limit */
    _Atomic uint64_t latency_us;       /* of each cryptographic call, from its entry */
    _Atomic uint64_t reuse_handles;    /* after lost sessions a handle names another object */
    _Atomic uint64_t raw_ec_point;     /* CKA_EC_POINT without its OCTET STRING */
    _Atomic uint64_t firmware;         /* major << 8 | minor */
    _Atomic uint64_t store_generation; /* moved by each change of an object's file */
    struct fake_text serial, label, model, manufacturer;
};

struct fake_control {
    _Atomic uint64_t magic;
    _Atomic uint64_t version;
    _Atomic uint64_t size; /* of this struct, in octets */
    _Atomic uint64_t offers_v3;
    _Atomic uint64_t token_count;
    _Atomic uint64_t last_rule;
    _Atomic uint64_t rule_count; /* 0 lets a call skip the table */
    struct fake_rule rules[FAKE_RULES];
    struct fake_token tokens[FAKE_TOKENS];
    /* Calls of each function, by token; the last row is for calls that concern no token. */
    _Atomic uint64_t counts[FAKE_TOKENS + 1][FAKE_FUNCTION_COUNT];
};

#define FAKE_NO_TOKEN FAKE_TOKENS

/* Maps the script of a directory, which is made when missing; 0, or -1 with errno set. */
int control_open(const char *directory, struct fake_control **ret_control);
void control_close(struct fake_control *control);

/* Back to what a new directory has, but for the serial numbers. */
void control_reset(struct fake_control *control);

uint64_t control_now_ns(void);
const char *control_function_name(enum fake_function function);

void control_set_text(struct fake_text *text, const char *value);
void control_get_text(const struct fake_text *text, char ret_value[FAKE_TEXT_MAX + 1]);

bool control_token_present(struct fake_control *control, unsigned token);

/* Does one of the actions from FAKE_LOSE_SESSIONS on to a token; for_ns 0 means for good. */
void control_act(struct fake_control *control, unsigned token, const struct fake_rule *what,
                 uint64_t for_ns);

/* Adds a rule and returns its number, 0 when the table is full. Only the members up to until_ns
 * are read. */
uint64_t control_add_rule(struct fake_control *control, const struct fake_rule *rule);

/* Takes a rule away, or all of them with 0; calls that hang in it go on. */
bool control_clear_rule(struct fake_control *control, uint64_t id);

#endif
