#ifndef CEREMONY_AUDIT_ACCOUNT_H
#define CEREMONY_AUDIT_ACCOUNT_H

#include "lib/ceremony/audit/audit.h"
#include "lib/ceremony/log/seen.h"
#include "lib/ceremony/replay/replay.h"

/*
 * What a report says, gathered from the leaves as somebody reads them: audit_report() from a copy
 * which is verified meanwhile, the keeper from its own log. The same leaves give the same octets.
 */
struct audit_account;

/*
 * period: borrowed
 * report: hears of operations that nobody had approved
 * max:    octets that are gathered of each kind
 */
PS_MUST_USE enum ps_err audit_account_new(const struct audit_period *period,
                                          struct log_report *report, size_t max,
                                          struct audit_account **ret_account);
void audit_account_free(struct audit_account *account);
PS_DEFINE_CLEANUP(struct audit_account, audit_account_free)

/* The next leaf of `events`, all of them from the first on. Errors: PS_E_NO_MEMORY, PS_E_LIMIT. */
PS_MUST_USE enum ps_err audit_account_take_event(struct audit_account *account, uint64_t index,
                                                 const struct log_event *event);
PS_MUST_USE enum ps_err audit_account_take_use(struct audit_account *account,
                                               const struct log_use *use);
PS_MUST_USE enum ps_err audit_account_take_tree(struct audit_account *account,
                                                const struct log_read_tree *tree);
PS_MUST_USE enum ps_err audit_account_take_witnessed(struct audit_account *account,
                                                     const char *tree, const char *file,
                                                     const struct log_seen_result *seen);

/* When the newest use was that was taken; 0: there was none. */
uint64_t audit_account_newest_use(const struct audit_account *account);

/* Members of a JSON object, each with a comma before it. Errors: PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err audit_account_put(struct audit_account *account, struct ps_buf *out);

#endif
