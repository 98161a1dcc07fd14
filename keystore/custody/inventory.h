#ifndef KEYSTORE_CUSTODY_INVENTORY_H
#define KEYSTORE_CUSTODY_INVENTORY_H

#include "keystore/internal.h"
#include "keystore/writer.h"

/*
 * Compares every object of every token with the catalog, attributes included: when a token is first
 * there after a start, once a day, and when asked. Each inventory of a token is a leaf `inventory`,
 * and is told once that is durable; one that finds something also an alarm.
 */
struct inventory;

PS_MUST_USE enum ps_err inventory_new(struct keeper *keeper, struct inventory **ret_inventory);
void inventory_free(struct inventory *inventory);
PS_DEFINE_CLEANUP(struct inventory, inventory_free)

/* Called once a second. */
void inventory_tick(struct inventory *inventory);

/* All tokens, as soon as may be. Those that are away follow when they are there. */
void inventory_ask(struct inventory *inventory);

/* How many objects the last inventory of a token found there; false: there was none since it came.
 */
bool inventory_count(const struct inventory *inventory, const struct token *token,
                     uint32_t *ret_objects);

/* `{"items": [...]}`, one for each token: how far it is, and what the last one found. */
void inventory_put(const struct inventory *inventory, struct ps_buf *out);

#endif
