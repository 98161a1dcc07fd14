#ifndef APPLIANCE_CLI_COMMANDS_H
#define APPLIANCE_CLI_COMMANDS_H

#include "appliance/cli/cli.h"

/* The commands of `privyseal` with a run of their own; each gives an exit code. */
int cli_sign_file(const struct cli_run *run);
int cli_jws_verify(const struct cli_run *run);
int cli_cose_verify(const struct cli_run *run);
int cli_key_mac(const struct cli_run *run);
int cli_key_mac_verify(const struct cli_run *run);
int cli_key_encrypt(const struct cli_run *run);
int cli_key_decrypt(const struct cli_run *run);
int cli_jwe_encrypt(const struct cli_run *run);
int cli_jwe_decrypt(const struct cli_run *run);
int cli_cms_sign(const struct cli_run *run);
int cli_pdf_sign(const struct cli_run *run);
int cli_x509_request(const struct cli_run *run);
int cli_x509_issue(const struct cli_run *run);
int cli_x509_crl(const struct cli_run *run);
int cli_explain(const struct cli_run *run);
int cli_text(const struct cli_run *run);
int cli_backup_create(const struct cli_run *run);
int cli_backup_drill(const struct cli_run *run);
int cli_backup_verify(const struct cli_run *run);
int cli_backup_prove(const struct cli_run *run);
int cli_backup_restore(const struct cli_run *run);
int cli_log_verify(const struct cli_run *run);
int cli_log_fetch(const struct cli_run *run);
int cli_audit_report(const struct cli_run *run);
int cli_audit_state(const struct cli_run *run);
int cli_log_export(const struct cli_run *run);
int cli_log_archive(const struct cli_run *run);
int cli_log_prune(const struct cli_run *run);
int cli_tlog_proof(const struct cli_run *run);
int cli_log_proof(const struct cli_run *run);
int cli_log_prove(const struct cli_run *run);
int cli_log_verify_proof(const struct cli_run *run);
int cli_log_feed(const struct cli_run *run);
int cli_log_witness_request(const struct cli_run *run);
int cli_log_witness_add(const struct cli_run *run);
int cli_log_witness(const struct cli_run *run);
int cli_witness_new(const struct cli_run *run);
int cli_witness_watch(const struct cli_run *run);
int cli_witness_sign(const struct cli_run *run);
int cli_pin_split(const struct cli_run *run);
int cli_pin_splitting(const struct cli_run *run);
int cli_pin_share(const struct cli_run *run);
int cli_console(const struct cli_run *run);
int cli_operation_document(const struct cli_run *run);

/* A tlog-proof as it is, or in JSON; gives the exit code. */
int cli_print_proof(const struct cli_run *run, struct ps_bytes proof);

struct log_witnesses;
/* Of --witness and --needed. Errors: PS_E_INPUT, PS_E_CONFLICT, PS_E_LIMIT. */
PS_MUST_USE enum ps_err cli_read_witnesses(const struct cli_run *run,
                                           struct log_witnesses *ret_witnesses);

#endif
