#include "keystore/gate/internal.h"
#include "keystore/operations/internal.h"

/* Whoever has more than a few waiting leaves so many places to the others. */
#define KEPT_FREE 16u
#define A_FEW     4u

static size_t count_waiting(const struct gate *gate, const char *caller)
{
    size_t count = 0;

    for (const struct entry *entry = gate->first; entry != NULL; entry = entry->next) {
        count += strcmp(entry->caller, caller) == 0 ? 1 : 0;
    }
    return count;
}

/* Whose draft is on its way into the log. */
static size_t count_arriving(const struct operation *of)
{
    size_t count = 0;

    for (const struct operation *op = of->operations->first; op != NULL; op = op->next) {
        count += op != of && op->step == OPERATION_BEGUN && op->is_waiting &&
                         strcmp(op->caller, of->caller) == 0
                     ? 1
                     : 0;
    }
    return count;
}

static bool is_urgent(const struct operation_document *document)
{
    return document->type->class == 'C';
}

static size_t count_urgent(const struct gate *gate, const char *caller)
{
    size_t count = 0;

    for (const struct entry *entry = gate->first; entry != NULL; entry = entry->next) {
        count += is_urgent(waiting_document(entry->waiting)) && strcmp(entry->caller, caller) == 0
                     ? 1
                     : 0;
    }
    return count;
}

/* Where nothing else has a place any more, what only ever lessens capability has. */
static bool urgent_has_place(const struct gate *gate, const struct operation *op)
{
    return operation_type_class(op->type) == 'C' &&
           gate->count + gate->drafts < ENTRIES_MAX + URGENT_MAX &&
           count_urgent(gate, op->caller) + count_arriving(op) < URGENT_MAX / 2;
}

enum ps_err places_check(const struct gate *gate, const struct operation *op)
{
    const size_t taken = gate->count + gate->drafts;
    const size_t own = count_waiting(gate, op->caller) + count_arriving(op);

    if (urgent_has_place(gate, op)) {
        return PS_OK;
    }
    if (taken >= ENTRIES_MAX) {
        return ps_fail(PS_E_BUSY, 0, "%u operations wait already: execute or end one", ENTRIES_MAX);
    }
    if (taken >= ENTRIES_MAX - KEPT_FREE && own >= A_FEW) {
        return ps_fail(PS_E_BUSY, 0,
                       "%zu operations of this client wait already, and the last %u places are for "
                       "others: execute or end one",
                       own, KEPT_FREE);
    }
    return PS_OK;
}
