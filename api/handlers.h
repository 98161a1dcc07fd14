#ifndef API_HANDLERS_H
#define API_HANDLERS_H

/*
 * What routes.def names. Each is called with a complete request that its row allows: listener,
 * method, state, size and media type have been looked at. Each answers, now or later.
 */
struct exchange;

void health_live(struct exchange *exchange);
void health_ready(struct exchange *exchange);
void openapi_send(struct exchange *exchange);

void read_resource(struct exchange *exchange); /* what the row's `resource` says */
void expiring_read(struct exchange *exchange);
void key_public(struct exchange *exchange);
void key_certificate(struct exchange *exchange);
void key_tlog_proof(struct exchange *exchange);
void certificate_tlog_proof(struct exchange *exchange);
void whoami_nonce(struct exchange *exchange);
void backup_run(struct exchange *exchange);
void drill_run(struct exchange *exchange);
void inventory_run(struct exchange *exchange);
void access_check(struct exchange *exchange);
void random_read(struct exchange *exchange);
void unlock_share(struct exchange *exchange);

void jws_sign(struct exchange *exchange);
void jwt_sign(struct exchange *exchange);
void sd_jwt_sign(struct exchange *exchange);
void x509_issue(struct exchange *exchange);
void raw_sign(struct exchange *exchange);
void data_integrity_sign(struct exchange *exchange);
void key_mac(struct exchange *exchange);
void key_mac_verify(struct exchange *exchange);
void key_encrypt(struct exchange *exchange);
void key_decrypt(struct exchange *exchange);
void cms_sign(struct exchange *exchange);
void pdf_sign(struct exchange *exchange);
void jws_check(struct exchange *exchange);
void jwe_encrypt(struct exchange *exchange);
void jwe_decrypt(struct exchange *exchange);
void raw_verify(struct exchange *exchange);
void cose_sign1(struct exchange *exchange);
void cose_verify1(struct exchange *exchange);
void cwt_sign(struct exchange *exchange);

void change_make(struct exchange *exchange); /* what the row's `change` and `schema` say */
void operation_create(struct exchange *exchange);
void operation_step(struct exchange *exchange);

void log_tile(struct exchange *exchange);
void log_entries(struct exchange *exchange);
void log_proof(struct exchange *exchange);
void log_tlog_proof(struct exchange *exchange);
void log_witness_request(struct exchange *exchange);
void log_cosignatures(struct exchange *exchange);
void log_consistency(struct exchange *exchange);
void audit_read(struct exchange *exchange);

#endif
