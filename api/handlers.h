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
void access_check(struct exchange *exchange);
void random_read(struct exchange *exchange);

void jws_sign(struct exchange *exchange);
void jwt_sign(struct exchange *exchange);
void raw_sign(struct exchange *exchange);
void jws_check(struct exchange *exchange);
void raw_verify(struct exchange *exchange);

void change_make(struct exchange *exchange); /* what the row's `change` and `schema` say */
void operation_create(struct exchange *exchange);
void operation_step(struct exchange *exchange);

void log_tile(struct exchange *exchange);
void log_entries(struct exchange *exchange);
void log_proof(struct exchange *exchange);
void log_consistency(struct exchange *exchange);

#endif
