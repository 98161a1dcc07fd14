#include "lib/ceremony/bundle/internal.h"

#include <stdio.h>

/*
 * The room's lines against the order of the script: a step comes when those before it are complete,
 * its lines are those of its kind, and it is not come back to. So what the lines say was read,
 * asked and done is what the script says, whole and in its order.
 */

struct rule {
    const char *what;
    enum script_kind kind;
    bool is_last;    /* the step is complete with it */
    bool needs_made; /* an operation was made for the step, and has not come to another end */
};

static const struct rule rules[] = {
    {"said", SCRIPT_SAY, true, false},      {"asked", SCRIPT_ASK, true, false},
    {"made", SCRIPT_DO, false, false},      {"signed", SCRIPT_DO, false, true},
    {"not-taken", SCRIPT_DO, false, true},  {"failed", SCRIPT_DO, false, true},
    {"done", SCRIPT_DO, true, false},       {"passed", SCRIPT_STOP, true, false},
    {"stopped", SCRIPT_STOP, false, false},
};

static const struct rule *find_rule(struct ps_bytes what)
{
    for (size_t i = 0; i < PS_COUNT_OF(rules); i++) {
        if (ps_bytes_equal_str(what, rules[i].what)) {
            return &rules[i];
        }
    }
    return NULL;
}

static size_t index_of(const struct script *script, struct ps_bytes step)
{
    size_t index = 0;

    while (index < script_count(script) && !ps_bytes_equal(script_at(script, index)->name, step)) {
        index++;
    }
    return index;
}

/* Over questions that --set has answered: nobody was asked them. */
static void pass_over_settings(struct bundle_walk *walk)
{
    while (walk->next < script_count(walk->script) && walk->is_set[walk->next]) {
        walk->next++;
    }
}

static void go_to(struct bundle_walk *walk, size_t index)
{
    walk->next = index;
    walk->made[0] = '\0';
    pass_over_settings(walk);
}

const struct script_step *bundle_walk_next(const struct bundle_walk *walk)
{
    return script_at(walk->script, walk->next);
}

static enum ps_err take_setting(struct bundle_walk *walk, const struct transcript_line *line)
{
    const struct script_step *question = script_question(walk->script, line->name);
    const size_t index = question == NULL ? walk->next : index_of(walk->script, question->name);

    if (question == NULL || index < walk->next || walk->is_set[index]) {
        return ps_fail(PS_E_DENIED, 0, "%.*s is set, and no step of the script asks for it still",
                       PS_BYTES_FMT(line->name));
    }
    walk->is_set[index] = true;
    pass_over_settings(walk);
    return PS_OK;
}

static enum ps_err check_kind(const struct bundle_walk *walk, const struct rule *rule,
                              const struct transcript_line *line, size_t index)
{
    const struct script_step *step = script_at(walk->script, index);

    if (step == NULL) {
        return ps_fail(PS_E_DENIED, 0, "the script has no step %.*s", PS_BYTES_FMT(line->step));
    }
    if (step->kind != rule->kind ||
        (step->kind == SCRIPT_ASK && !ps_bytes_equal(line->name, step->variable))) {
        return ps_fail(PS_E_DENIED, 0, "step %.*s of the script is no step that is `%s` so",
                       PS_BYTES_FMT(line->step), rule->what);
    }
    return PS_OK;
}

static enum ps_err check_turn(const struct bundle_walk *walk, const struct rule *rule, size_t index)
{
    const struct script_step *step = script_at(walk->script, index);
    const struct script_step *next = bundle_walk_next(walk);

    if (index != walk->next) {
        return next == NULL
                   ? ps_fail(PS_E_DENIED, 0, "step %.*s is `%s` once more, when all were done",
                             PS_BYTES_FMT(step->name), rule->what)
                   : ps_fail(PS_E_DENIED, 0,
                             "step %.*s is `%s`, though it was the turn of step %.*s",
                             PS_BYTES_FMT(step->name), rule->what, PS_BYTES_FMT(next->name));
    }
    if (rule->needs_made && walk->made[0] == '\0') {
        return ps_fail(PS_E_DENIED, 0, "step %.*s is `%s`, and no operation was made for it",
                       PS_BYTES_FMT(step->name), rule->what);
    }
    return strcmp(rule->what, "made") != 0 || walk->made[0] == '\0'
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "step %.*s made two operations at a time",
                         PS_BYTES_FMT(step->name));
}

/* After a line that is wrong the walk goes on from it, so that one mistake is told once. */
static enum ps_err take_step(struct bundle_walk *walk, const struct transcript_line *line)
{
    const struct rule *rule = find_rule(line->what);
    const size_t index = index_of(walk->script, line->step);
    enum ps_err err;

    if (rule == NULL) {
        return ps_fail(PS_E_DENIED, 0, "no line of a ceremony is `%.*s`", PS_BYTES_FMT(line->what));
    }
    PS_TRY(check_kind(walk, rule, line, index));
    err = check_turn(walk, rule, index);
    if (err != PS_OK) {
        go_to(walk, index);
    }
    if (rule->is_last) {
        go_to(walk, index + 1);
    } else if (strcmp(rule->what, "made") == 0) {
        (void)snprintf(walk->made, sizeof walk->made, "%.*s", PS_BYTES_FMT(line->id));
    } else if (strcmp(rule->what, "failed") == 0) {
        walk->made[0] = '\0'; /* it may be made anew */
    }
    return err;
}

static enum ps_err take_end(struct bundle_walk *walk)
{
    const struct script_step *next = bundle_walk_next(walk);

    walk->is_ended = true;
    return next == NULL ? PS_OK
                        : ps_fail(PS_E_DENIED, 0, "it ended before step %.*s was complete",
                                  PS_BYTES_FMT(next->name));
}

enum ps_err bundle_walk_take(struct bundle_walk *walk, const struct transcript_line *line)
{
    const bool begins = ps_bytes_equal_str(line->what, "begun");

    if (begins == walk->is_begun) {
        walk->is_begun = true;
        return ps_fail(PS_E_DENIED, 0,
                       begins ? "it was begun twice" : "its first line does not say `begun`");
    }
    walk->is_begun = true;
    if (begins || ps_bytes_equal_str(line->what, "resumed")) {
        return PS_OK;
    }
    if (walk->is_ended) {
        return ps_fail(PS_E_DENIED, 0, "there is a line after its end: `%.*s`",
                       PS_BYTES_FMT(line->what));
    }
    if (ps_bytes_equal_str(line->what, "set")) {
        return take_setting(walk, line);
    }
    return ps_bytes_equal_str(line->what, "ended") ? take_end(walk) : take_step(walk, line);
}
