#ifndef KEYSTORE_METRICS_H
#define KEYSTORE_METRICS_H

#include "keystore/internal.h"

/* What GET /metrics says, in Prometheus' text form; the api processes add rows of their own. */
PS_MUST_USE enum ps_err keeper_metrics_new(struct metrics **ret_metrics);
void keeper_metrics_free(struct metrics *metrics);
PS_DEFINE_CLEANUP(struct metrics, keeper_metrics_free)

/* Time inside the module for one signature. */
void keeper_metrics_note_operation(struct metrics *metrics, const struct token *token,
                                   enum ps_alg alg, uint64_t micros);
/* One that the token refused or did not make, from when it was asked. */
void keeper_metrics_note_failure(struct metrics *metrics, const struct token *token,
                                 enum ps_alg alg, uint64_t micros);
void keeper_metrics_note_use(struct metrics *metrics, const struct token *token,
                             enum token_action action, uint64_t micros);
/* Time a request waited before a token process took it. */
void keeper_metrics_note_unwrapped(struct metrics *metrics, const struct token *token);
void keeper_metrics_note_queued(struct metrics *metrics, const struct token *token, uint64_t ns);
void keeper_metrics_note_signed(struct metrics *metrics);
void keeper_metrics_note_verified(struct metrics *metrics);
void keeper_metrics_note_wrong(struct metrics *metrics);
/* `why`: a literal. */
void keeper_metrics_note_hung(struct metrics *metrics, const struct token *token, const char *why);

void keeper_metrics_put(struct keeper *keeper, struct ps_buf *out);

#endif
